"""The routing engine. Asked about one agent: what it holds, and what stands between it and each queue."""

import pytest

from ccd.model.trace import Why
from ccd.routing.asked import NextInLine
from tests.scenario.routing_hall import Hall


def next_for(hall: Hall, agent: str) -> NextInLine:
    found = hall.router.reasons(agent, hall.now)
    assert found is not None
    (queue,) = found.queues
    return queue


def test_an_agent_that_is_not_there_has_no_reasons() -> None:
    assert Hall("ann").router.reasons("zoe", 0.0) is None


def test_nothing_waits() -> None:
    assert next_for(Hall("ann"), "ann") == NextInLine("sales", 0)


def test_who_talks_holds_it_and_is_full_for_the_next() -> None:
    hall = Hall("ann")
    hall.call("i1")
    hall.call("i2")
    hall.now += 7
    found = hall.router.reasons("ann", hall.now)
    assert found is not None
    (held,) = found.held
    assert (held.interaction, held.queue, held.load) == ("i1", "sales", 100)
    waits = next_for(hall, "ann")
    assert (waits.waiting, waits.interaction, waits.waited_s) == (1, "i2", 7.0)
    assert waits.passed is not None and waits.passed.why is Why.LOAD


@pytest.mark.parametrize(("requirement", "why"), [("", Why.PAUSED), ("french >= 5", Why.SKILL)])
def test_the_most_lasting_reason_is_given(requirement: str, why: Why) -> None:
    hall = Hall("ann", ready="")
    hall.ready("ann")
    hall.pause("ann", "lunch")
    hall.call("i1", requirement=requirement)
    waits = next_for(hall, "ann")
    assert waits.passed is not None and waits.passed.why is why
