"""Shares and places given back under any rules: random turns, the laws of the engine after each, twins."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.model.nouns import Availability, Cause, ChannelClass, LegKind, OfferEnd
from ccd.model.rules import Rules, Share, Target
from ccd.routing import decisions as d
from ccd.routing.phases import Phase
from ccd.routing.router import Router
from ccd.routing.shares import percentages
from ccd.routing.state import RoutingState
from tests.unit.routing_rules import AGENTS, CLASSES, QUEUES, rule_sets

CALLERS = ("+33612345670", "+33612345670", "+33612345671", "")
shares = st.sampled_from(
    [
        Target(flow="out"),
        Target(share=(Share(pct=50, flow="out"),)),
        Target(share=(Share(pct=30, queue="help"), Share(pct=70, flow="out"))),
        Target(share=(Share(pct=20, address="+33900"), Share(pct=33, flow="out"))),
    ]
)
moves = st.lists(
    st.tuples(
        st.sampled_from(
            ["call", "call", "call", "leave", "leave", "take", "miss", "end", "ready", "away", "time", "time"]
        ),
        st.integers(0, 1000),
        st.sampled_from([0.0, 1.0, 4.0, 16.0]),
    ),
    min_size=30,
    max_size=70,
)


@st.composite
def shared_rules(draw: st.DrawFn) -> Rules:
    rules = draw(rule_sets())
    queues = {
        name: msgspec.structs.replace(
            queue,
            overflow=draw(shares),
            closed_to=draw(shares) if queue.calendar else Target(),
            redial_s=draw(st.sampled_from([0.0, 8.0, 30.0])),
        )
        for name, queue in rules.queues.items()
    }
    return msgspec.structs.replace(rules, queues=queues)


class Twins:
    """Two routers in one life; the second is brought up anew from a snapshot before each turn."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.now = 1000.0
        self.router = Router(rules)
        self.other = Router(rules)
        self.serial = 0
        for number in range(len(AGENTS)):
            self.move("ready", number, 0.0)

    def turn(self, method: str, *how: object, **more: object) -> list[d.Decision]:
        state = msgspec.msgpack.decode(msgspec.msgpack.encode(self.other.state), type=RoutingState)
        self.other = Router(self.rules, state)
        out: list[d.Decision] = getattr(self.router, method)(*how, **more)
        assert getattr(self.other, method)(*how, **more) == out
        return out

    def pick(self, number: int, *phases: Phase) -> str:
        found = [name for name, place in self.router.state.places.items() if place.phase in phases]
        return found[number % len(found)] if found else ""

    def move(self, what: str, number: int, step: float) -> None:
        agent, now = AGENTS[number % len(AGENTS)], self.now
        if what == "call":
            self.call(number)
        elif what == "ready":
            self.turn("set_reachable", agent, True, now)
            self.turn("set_availability", agent, Availability.READY, "", "test", now)
        elif what == "away":
            away = (Availability.PAUSED, Availability.LOGGED_OUT)[number % 2]
            self.turn("set_availability", agent, away, "", "test", now)
        elif what == "time":
            self.pass_time(step)
        else:
            self.move_one(what, number)

    def call(self, number: int) -> None:
        self.serial += 1
        channel_class = CLASSES[max(0, number % 7 - 4)]  # mostly calls
        self.turn(
            "enqueue",
            f"i{self.serial}",
            QUEUES[number % len(QUEUES)],
            self.now,
            channel_class=channel_class,
            kind=LegKind.AUDIO if channel_class is ChannelClass.VOICE else LegKind.TEXT,
            customer=CALLERS[number // 3 % len(CALLERS)],
        )

    def move_one(self, what: str, number: int) -> None:
        if what == "leave" and (name := self.pick(number, Phase.WAITING, Phase.OFFERED)):
            self.turn("withdraw", name, self.now, Cause.CANCELLED, CALLERS[number % len(CALLERS)])
        elif what == "take" and (name := self.pick(number, Phase.OFFERED)):
            self.turn("answered", self.router.offer_of(name), self.now)
            self.turn("bridged", name, self.now)
        elif what == "miss" and (name := self.pick(number, Phase.OFFERED)):
            self.turn("missed", self.router.offer_of(name), OfferEnd.REJECTED, self.now)
        elif what == "end" and (name := self.pick(number, Phase.CONNECTED)):
            self.turn("finish", name, self.now)

    def pass_time(self, step: float) -> None:
        until = self.now + step
        while (at := self.router.next_deadline()) is not None and at <= until:
            self.now = max(self.now, at)
            self.turn("expire", self.now)
            left = self.router.next_deadline()
            assert left is None or left > self.now, "what is due is done"
        self.now = until

    def laws(self) -> None:
        state, index = self.router.state, self.router._matching.index
        for name, queue in self.rules.queues.items():
            totals = state.queues[name]
            mine = [place for place in state.places.values() if place.queue == name]
            waiting = [place for place in mine if place.phase is not Phase.CONNECTED]
            gone = totals.handled + totals.abandoned + totals.overflowed
            assert totals.offered == gone + len(waiting)
            for place in waiting:
                if place.phase is Phase.WAITING:
                    assert index.best_agent(index.queues[name], place) is None
            for key, shared in state.shared.get(name, {}).items():
                target: Target = getattr(queue, key)
                pcts, turns = percentages(target), sum(shared.count)
                for count, pct in zip(shared.count, pcts, strict=True):
                    assert turns * pct // 100 <= count <= -(-turns * pct // 100)
        kept = [(lost.queue, lost.channel_class, lost.customer) for lost in state.lost.values()]
        assert len(set(kept)) == len(kept) and "" not in [customer for _, _, customer in kept]
        for lost in state.lost.values():
            assert self.now < lost.at + self.rules.queues[lost.queue].redial_s
            assert lost.interaction not in state.places


@settings(deadline=None)
@given(shared_rules(), moves)
def test_whatever_happens_figures_shares_and_places_add_up(
    rules: Rules, moves_: list[tuple[str, int, float]]
) -> None:
    twins = Twins(rules)
    for what, number, step in moves_:
        twins.move(what, number, step)
        twins.laws()
    assert msgspec.msgpack.encode(twins.router.state) == msgspec.msgpack.encode(twins.other.state)
