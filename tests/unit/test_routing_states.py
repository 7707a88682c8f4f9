"""Agents' states under any order of declarations, work and time: what always holds of them."""

from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ccd.errors import Refused
from ccd.model.nouns import Availability
from ccd.model.rules import AgentRule, PauseReason, QueueRule, Rules
from ccd.routing import decisions as d
from ccd.routing.desk import at_work
from ccd.routing.desks import count_time
from ccd.routing.phases import Phase
from ccd.routing.router import Router
from ccd.routing.state import PauseStage, Place, RoutingState, WrapUpStage
from ccd.routing.wrap_ups import owes
from tests.scenario.routing_hall import Hall, every

LIMITS = st.none() | st.sampled_from([5.0, 20.0])
REASONS = ("lunch", "training", "walk")
DECLARED = ("ready", "pause", "logout", "later")
DONE = ("call", "take", "end", "wrap", "extend", "say", "say", "wait", "restart", "reload")
STEPS = st.tuples(
    st.sampled_from([*DECLARED, *DONE]),
    st.sampled_from(REASONS),
    st.sampled_from([0.0, 1.0, 4.0, 17.0]),
)


QUEUES = st.builds(
    QueueRule,
    name=st.just("sales"),
    wrap_up=st.sampled_from([None, None, None, "until_ended"]),
    wrap_up_s=st.sampled_from([0.0, 6.0]),
    wrap_up_extend_s=st.just(4.0),
    wrap_up_extensions=st.sampled_from([0, 2]),
    wrap_up_longest_s=st.sampled_from([None, 5.0]),
    dispositions=st.sampled_from([{}, {"1": "sale", "2": "call_back"}]),
    disposition=st.sampled_from([None, "required"]),
)


@st.composite
def halls(draw: st.DrawFn) -> Hall:
    """One agent, one queue, reasons with and without a longest time."""
    reasons: dict[str, PauseReason | str] = {"3": "walk"}
    for code, name in (("1", "lunch"), ("2", "training")):
        then = draw(st.sampled_from(["alarm", "ready", "log_out"]))
        reasons[code] = PauseReason(name, draw(st.booleans()), draw(LIMITS), then)
    hall = Hall("ann", ready="")
    hall.rules = Rules(
        agents={"ann": AgentRule("ann", capacity=100)},
        queues={"sales": msgspec.structs.replace(draw(QUEUES), agents=("ann",))},
        pause_reasons=reasons,
    )
    hall.router.load_rules(hall.rules, hall.now)
    hall.router.set_reachable("ann", True, hall.now)
    return hall


def play(hall: Hall, what: str, reason: str, seconds: float, calls: int) -> list[d.Decision]:
    """One step; its decisions."""
    held = list(hall.router.state.agents["ann"].held)
    phase = hall.router.state.places[held[0]].phase if held else None
    if what == "call":
        return hall.call(f"i{calls}")
    if what == "take" and phase is Phase.OFFERED:
        hall.talk(held[0])
    elif what == "end" and phase is Phase.CONNECTED:
        return hall.router.finish(held[0], hall.now)
    elif what == "wrap":
        return hall.router.end_wrap_up("ann", hall.now)
    elif what == "wait":
        return pass_time(hall, seconds)
    elif what == "extend":
        return tried(lambda: hall.router.extend_wrap_up("ann", "phone"))
    elif what == "say":
        name = hall.router.spoken_of("ann")
        return tried(lambda: hall.router.dispose(name, "1" if seconds else "2", "phone", hall.now, "ann"))
    elif what == "reload":
        wrap_up = hall.router.state.agents["ann"].wrap_up
        before = msgspec.msgpack.encode(wrap_up)
        out = hall.router.load_rules(hall.rules, hall.now)
        assert msgspec.msgpack.encode(hall.router.state.agents["ann"].wrap_up) == before
        return out
    elif what == "restart":
        dumped = msgspec.msgpack.encode(hall.router.state)
        hall.router = Router(hall.rules, msgspec.msgpack.decode(dumped, type=RoutingState))
        assert msgspec.msgpack.encode(hall.router.state) == dumped
    if what == "later":
        return hall.later("ann", reason if reason != "walk" else "")
    declare: dict[str, Any] = {"ready": hall.ready, "logout": hall.logout}
    if what == "pause":
        return hall.pause("ann", reason)
    return declare[what]("ann") if what in declare else []


def tried(act: Callable[[], list[d.Decision]]) -> list[d.Decision]:
    """What came of it; nothing where it was refused."""
    try:
        return act()
    except Refused:
        return []


def pass_time(hall: Hall, seconds: float) -> list[d.Decision]:
    """All that is due meanwhile, each at its time."""
    out: list[d.Decision] = []
    until = hall.now + seconds
    while (at := hall.router.next_deadline()) is not None and at <= until:
        out += hall.at(max(at, hall.now))
    hall.now = until
    return out


def some(seconds: dict[str, float]) -> dict[str, float]:
    """Those that are not nought."""
    return {reason: each for reason, each in seconds.items() if each}


def check_dispositions(hall: Hall, out: list[d.Decision], spoken: dict[str, str], settled: set[str]) -> None:
    """The last word is settled, once; who owes one is in wrap-up until it is given, or logged out."""
    for decision in out:
        if isinstance(decision, d.DispositionNoted):
            assert decision.interaction not in settled
            spoken[decision.interaction] = decision.disposition
        elif isinstance(decision, d.DispositionSettled):
            assert decision.interaction not in settled, "counted once"
            settled.add(decision.interaction)
            assert decision.disposition == spoken.get(decision.interaction, "")
            gone = hall.router.state.agents["ann"].availability is Availability.LOGGED_OUT
            assert decision.disposition or not decision.required or gone
    wrap_up = hall.router.state.agents["ann"].wrap_up
    if wrap_up is not None:
        waits = {WrapUpStage.RUNS: wrap_up.until is not None, WrapUpStage.OPEN: wrap_up.until is None}
        assert waits.get(wrap_up.stage, owes(wrap_up.owed) and wrap_up.until is None)
        assert wrap_up.until is None or wrap_up.until > hall.now, "its time ends at its instant"


def may_ring(place: Place, hall: Hall) -> bool:
    """Not at whom it has just rung in vain: `retry_same_after_s` of the queue."""
    miss = place.missed.get("ann")
    return miss is None or miss.retry_at <= hall.now


@given(halls(), st.lists(STEPS, max_size=40))
def test_what_always_holds_of_an_agent(hall: Hall, steps: list[tuple[str, str, float]]) -> None:
    told: dict[str, float] = {}
    spoken, settled = dict[str, str](), set[str]()
    for number, (what, reason, seconds) in enumerate(steps):
        out = play(hall, what, reason, seconds, number)
        for ended in every(out, d.PauseEnded):
            told[ended.reason] = told.get(ended.reason, 0.0) + ended.seconds
        check_dispositions(hall, out, spoken, settled)
        agent = hall.router.state.agents["ann"]
        assert agent.pending is None or at_work(agent), "nothing is pending once the work is done"
        if agent.availability is Availability.LOGGED_OUT:
            assert not told or some(told) == some(agent.totals.pause_s)
            told = {}
            continue
        count_time(agent, hall.now)
        totals, pause = agent.totals, agent.pause
        assert (pause is not None) == (agent.availability is Availability.PAUSED)
        assert totals.paused_s == totals.paid_pause_s + totals.unpaid_pause_s == sum(totals.pause_s.values())
        if pause is not None:
            runs = pause.stage is not PauseStage.DUE
            assert runs or at_work(agent), "the longest time runs once nothing is left to finish"
            told_now = {**told, agent.reason: told.get(agent.reason, 0.0) + pause.seconds}
            assert some(told_now) == some(totals.pause_s)
        waits = [
            p for p in hall.router.state.places.values() if p.phase is Phase.WAITING and may_ring(p, hall)
        ]
        free = agent.availability is Availability.READY and not at_work(agent)
        assert not (waits and free), "a free agent and a waiting interaction never coexist after a turn"
