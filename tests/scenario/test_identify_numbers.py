"""The step `identify`: texts of its own, and customer numbers that cannot be right."""

import msgspec
import pytest

from ccd.model import commands as cmd
from ccd.model.steps import Enqueue
from ccd.testing.outside import Answers
from tests.scenario.test_centre_outside import ANNA, IDENTIFY, TWO_ENDS, prompts, sim_of

SAYS = msgspec.structs.replace(
    IDENTIFY,
    caller_service="",
    prompt="",
    say={"en": "Your number?", "fr": "Votre numéro ?"},
    valid="regex:[0-9]{4}",
)


@pytest.mark.parametrize(
    ("keyed", "asked", "ends"),
    [
        (("471#", "4711#"), ["4711"], "found"),
        (("47#", "47#"), [], "missing"),
        (("4711#", ""), ["4711"], "found"),
        (("#", "4711#"), ["4711"], "found"),
    ],
)
def test_no_service_is_asked_about_a_number_that_cannot_be_right(
    keyed: tuple[str, str], asked: list[str], ends: str
) -> None:
    sim = sim_of(SAYS, *TWO_ENDS, numbers=Answers(ANNA))
    call = sim.call(keys=((3.0, keyed[0]), (6.0, keyed[1])))
    sim.run(7)
    assert [each.values["number"] for each in sim.outside.asked] == asked
    assert prompts(sim, call)[-1] == ends
    sim.run(30)
    bad = [note.details for note in sim.record(call).timeline if note.what == "bad input"]
    assert [each["why"] for each in bad] == ["not valid"] * sum(key in ("471#", "47#") for key in keyed)
    sim.check_replay()


def test_the_text_is_said_in_the_language_of_the_caller_and_again() -> None:
    sim = sim_of(SAYS, *TWO_ENDS, numbers=Answers({}))
    call = sim.call(keys=((3.0, "4711#"),))
    sim.run(3.2)
    texts = [
        [part.name or part.text for part in each.parts]
        for each in sim.commands
        if isinstance(each, cmd.PlayPrompt) and each.leg == call
    ]
    assert texts == [["Your number?"], ["again", "Your number?"]]


def test_a_visitor_reads_the_text() -> None:
    steps = (SAYS, Enqueue(queue="sales", id="found"), Enqueue(queue="help", id="missing"))
    sim = sim_of(*steps, numbers=Answers(ANNA))
    chat = sim.chat()
    texts = [each.text for each in sim.commands if isinstance(each, cmd.SendText) and each.leg == chat]
    assert texts == ["Your number?"]
    sim.write(chat, "4711", "m1")
    sim.run(0.1)
    assert sim.centre.state.interactions["1"].queue == "sales"
