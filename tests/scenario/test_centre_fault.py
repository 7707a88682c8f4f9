"""A bug of ours in one interaction closes that one; the others and the agents go on."""

from collections.abc import Callable
from typing import Any

import pytest

from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import Availability, Binding, Cause, ChannelClass, LegKind
from ccd.model.rules import AgentRule, FlowRule, QueueRule, Rules
from ccd.model.steps import Enqueue
from ccd.routing import decisions as dec
from ccd.runtime import consequences
from ccd.runtime.centre import Centre

RULES = Rules(
    agents={name: AgentRule(name=name, devices=(name,)) for name in ("ann", "ben")},
    queues={"q": QueueRule(name="q", agents=("ann", "ben"))},
    flows={"f": FlowRule(name="f", steps=(Enqueue("q"),))},
    numbers={"1000": "f"},
)


class Bench:
    def __init__(self) -> None:
        self.centre, self.now = Centre(), 1000.0
        self.tell(facts.RulesLoaded(RULES))
        for name in ("ann", "ben"):
            self.tell(facts.DeviceBound(Binding(name, "k", "{}", 9e9)))
            self.tell(facts.AvailabilityAsked(name, Availability.READY))

    def tell(self, fact: facts.AnyFact) -> list[cmd.AnyCommand]:
        self.now += 1.0
        return self.centre.turn(fact, self.now)

    def call(self, leg: str) -> list[cmd.AnyCommand]:
        arrived = facts.LegArrived(leg, "voice", ChannelClass.VOICE, LegKind.AUDIO, "+331", "1000")
        return self.tell(arrived)


def broken(monkeypatch: pytest.MonkeyPatch, kind: type, interaction: str) -> None:
    """From here on the consequence of `kind` breaks for one interaction."""
    sound: Callable[[Centre, Any], None] = consequences.CONSEQUENCES[kind]

    def breaks(centre: Centre, item: Any) -> None:
        if item.interaction == interaction:
            raise ZeroDivisionError
        sound(centre, item)

    monkeypatch.setitem(consequences.CONSEQUENCES, kind, breaks)


def released(commands: list[cmd.AnyCommand]) -> dict[str, Cause]:
    return {each.leg: each.cause for each in commands if isinstance(each, cmd.ReleaseLeg)}


def test_the_struck_interaction_is_closed_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bench.call("voice:a")
    broken(monkeypatch, dec.Offer, "2")
    with pytest.raises(ZeroDivisionError):
        bench.call("voice:b")
    assert bench.centre.next_deadline() == bench.now
    assert released(bench.tell(facts.TimePassed())) == {"voice:b": Cause.FAULT}
    bench.tell(facts.LegEnded("voice:b", Cause.FAULT))
    (row,) = bench.centre.take_records()
    assert row.interaction == "2"
    assert set(bench.centre.state.interactions) == {"1"}
    bench.tell(facts.LegAnswered("voice:d1", "ann"))
    assert bench.centre.router.agent_of("1") == "ann"


def test_its_agent_serves_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bench.tell(facts.AvailabilityAsked("ben", Availability.LOGGED_OUT))
    bench.call("voice:a")
    broken(monkeypatch, dec.Handled, "1")
    with pytest.raises(ZeroDivisionError):
        bench.tell(facts.LegAnswered("voice:d1", "ann"))
    assert released(bench.tell(facts.TimePassed())).keys() == {"voice:a", "voice:d1"}
    commands = bench.call("voice:b")
    assert [each for each in commands if isinstance(each, cmd.DialLeg)]


def test_engines_that_cannot_let_go_lose_it_by_force(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bench.call("voice:a")
    monkeypatch.setattr(type(bench.centre.flows), "stop", lambda *_: 1 / 0)
    broken(monkeypatch, dec.Handled, "1")
    with pytest.raises(ZeroDivisionError):
        bench.tell(facts.LegAnswered("voice:d1", "ann"))
    assert released(bench.tell(facts.TimePassed())).keys() == {"voice:a", "voice:d1"}
    assert not bench.centre.state.interactions
    assert not bench.centre.talks.legs
