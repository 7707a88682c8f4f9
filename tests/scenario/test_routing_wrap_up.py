"""The routing engine. Wrap-up: none, timed, until ended, extended; dispositions optional and required."""

from collections.abc import Callable

import msgspec
import pytest

from ccd.errors import IllegalMove, Refused
from ccd.model.nouns import Availability
from ccd.model.rules import AgentRule, QueueRule, Rules
from ccd.routing import decisions as d
from ccd.routing.router import Router
from ccd.routing.state import RoutingState, WrapUpStage
from ccd.routing.views import AgentView
from ccd.routing.wrap_ups import MOVES, WrapUpEvent, next_stage
from tests.scenario.routing_hall import TICK, Floor, Hall, every, only, traced

READY, PAUSED, LOGGED_OUT = Availability.READY, Availability.PAUSED, Availability.LOGGED_OUT
ENDS = {"1": "sale", "2": "call_back"}
REQUIRED = {"dispositions": ENDS, "disposition": "required"}


def talking(agent: dict[str, object] | None = None, **queue: object) -> Hall:
    """Ann in conversation with i1."""
    floor = Floor({"ann": agent or {}}, sales={"agents": ("ann",), **queue})
    floor.call("i1")
    floor.talk("i1")
    return floor


def wrapping(agent: dict[str, object] | None = None, **queue: object) -> Hall:
    """The conversation has just ended."""
    hall = talking(agent, **queue)
    hall.router.finish("i1", hall.now)
    return hall


def view(hall: Hall) -> AgentView:
    found = hall.router.agent_view("ann", hall.now)
    assert found is not None
    return found


def say(hall: Hall, what: str, interaction: str = "i1", agent: str = "ann") -> list[d.Decision]:
    return hall.router.dispose(interaction, what, "phone", hall.now, agent)


def end(hall: Hall) -> list[d.Decision]:
    return hall.router.end_wrap_up("ann", hall.now)


def reload(hall: Hall, agents: dict[str, AgentRule] | None = None, **queues: QueueRule) -> list[d.Decision]:
    """Other rules from here on; without queues there is none any more."""
    hall.rules = Rules(agents=hall.rules.agents if agents is None else agents, queues=queues)
    return hall.router.load_rules(hall.rules, hall.now)


def restart(hall: Hall) -> None:
    dumped = msgspec.msgpack.encode(hall.router.state)
    hall.router = Router(hall.rules, msgspec.msgpack.decode(dumped, type=RoutingState))
    assert msgspec.msgpack.encode(hall.router.state) == dumped


# -- how it ends -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agent", "queue", "stage"),
    [
        ({}, {}, ""),
        ({}, {"wrap_up": "none"}, ""),
        ({}, {"wrap_up_s": 20.0}, "runs"),
        ({}, {"wrap_up": "timed", "wrap_up_s": 20.0}, "runs"),
        ({}, {"wrap_up": "until_ended"}, "open"),
        ({"wrap_up": "none"}, {"wrap_up": "until_ended"}, ""),
        ({"wrap_up": "none"}, {"wrap_up_s": 20.0}, ""),
        ({"wrap_up_s": 0.0}, {"wrap_up_s": 20.0}, ""),
        ({"wrap_up_s": 20.0}, {"wrap_up": "until_ended"}, "runs"),
        ({"wrap_up": "until_ended"}, {"wrap_up_s": 20.0}, "open"),
        ({"wrap_up": "timed", "wrap_up_s": 20.0}, {"wrap_up": "none"}, "runs"),
        ({"wrap_up": "none"}, REQUIRED, "owed"),
        ({}, REQUIRED, "owed"),
        ({}, {"dispositions": ENDS}, ""),
    ],
)
def test_the_queue_says_how_wrap_up_ends_and_the_agent_goes_before_it(
    agent: dict[str, object], queue: dict[str, object], stage: str
) -> None:
    hall = wrapping(agent, **queue)
    assert view(hall).wrap_up == stage
    assert view(hall).doing == ("wrap_up" if stage else "idle")
    assert view(hall).wrap_up_s == (20.0 if stage == "runs" else 0.0)


def test_until_ended_lasts_until_somebody_ends_it() -> None:
    hall = wrapping(wrap_up="until_ended")
    began = hall.now
    out = hall.call("i2")
    assert every(out, d.Offer) == [] and hall.router.next_deadline() is None
    assert traced(out).passed[0].detail == "open"
    assert hall.at(began + 86_400) == []
    out = end(hall)
    assert only(out, d.WrapUpEnded).seconds == 86_400.0 and only(out, d.Offer).interaction == "i2"


def test_the_longest_time_of_wrap_up_raises_an_alarm_once_and_it_goes_on() -> None:
    hall = wrapping(wrap_up="until_ended", wrap_up_longest_s=300.0)
    began = hall.now
    assert hall.at(began + 300 - TICK) == [] and view(hall).wrap_up_left_s == pytest.approx(TICK, abs=1e-6)
    assert hall.at(began + 300) == [d.WrapUpTooLong("ann", "sales", "i1")]
    assert hall.at(began + 300 + TICK) == [] and hall.router.next_deadline() is None
    assert view(hall).wrap_up == "open"
    assert only(end(hall), d.WrapUpEnded) and view(hall).wrap_up_left_s is None


def test_the_agents_longest_time_goes_before_the_queues() -> None:
    hall = wrapping({"wrap_up_longest_s": 60.0}, wrap_up="until_ended", wrap_up_longest_s=300.0)
    assert view(hall).wrap_up_left_s == 60.0


@pytest.mark.parametrize("queue", [{"wrap_up": "until_ended"}, REQUIRED, {"wrap_up_s": 50.0}])
def test_the_expected_wait_learns_of_it_when_it_is_over(queue: dict[str, object]) -> None:
    hall = talking(estimate_wait=True, **queue)
    hall.now += 10
    hall.router.finish("i1", hall.now)
    waits = hall.router.state.waits["sales"]
    assert waits.work_s == (60.0 if "wrap_up_s" in queue else 0.0)
    hall.at(hall.now + 50)
    if "disposition" in queue:
        say(hall, "1")
    end(hall)
    assert waits.work_s == 60.0 and waits.talking == {}


def test_a_next_wrap_up_ends_the_learning_of_the_one_before() -> None:
    hall = two_chats(wrap_up="until_ended", estimate_wait=True)
    hall.router.finish("c1", hall.now)
    hall.now += 30
    hall.router.finish("c2", hall.now)
    assert list(hall.router.state.waits["sales"].talking) == ["c2"]
    hall.logout("ann")
    assert hall.router.state.waits["sales"].talking == {}


# -- extended ----------------------------------------------------------------------------------------


def test_an_extension_moves_the_end_and_each_counts() -> None:
    hall = wrapping(wrap_up_s=20.0, wrap_up_extend_s=15.0, wrap_up_extensions=2)
    ended = hall.now
    out = hall.router.extend_wrap_up("ann", "phone")
    assert out == [d.WrapUpExtended("ann", "sales", "i1", ended + 35, "phone")]
    assert hall.at(ended + 35 - TICK) == []
    hall.router.extend_wrap_up("ann", "phone")
    with pytest.raises(Refused, match="may not be extended any more"):
        hall.router.extend_wrap_up("ann", "phone")
    assert hall.at(ended + 50 - TICK) == []
    assert only(hall.at(ended + 50), d.WrapUpEnded).seconds == 50.0
    assert hall.at(ended + 50 + TICK) == []


def test_one_tick_after_its_end_nothing_is_left_to_extend() -> None:
    hall = wrapping(wrap_up_s=20.0, wrap_up_extensions=1)
    hall.at(hall.now + 20)
    with pytest.raises(Refused, match="ann is not in wrap-up"):
        hall.router.extend_wrap_up("ann", "phone")


@pytest.mark.parametrize(
    ("queue", "words"),
    [
        ({"wrap_up_s": 20.0}, "may not be extended any more"),
        ({"wrap_up": "until_ended", "wrap_up_extensions": 3}, "has no end that could be put off"),
        ({**REQUIRED, "wrap_up_extensions": 3}, "has no end that could be put off"),
    ],
)
def test_what_cannot_be_extended(queue: dict[str, object], words: str) -> None:
    hall = wrapping(**queue)
    with pytest.raises(Refused, match=words):
        hall.router.extend_wrap_up("ann", "phone")
    with pytest.raises(Refused, match="zoe is not in wrap-up"):
        hall.router.extend_wrap_up("zoe", "phone")


def test_the_agents_extensions_go_before_the_queues() -> None:
    own: dict[str, object] = {"wrap_up_extensions": 1, "wrap_up_extend_s": 5.0}
    hall = wrapping(own, wrap_up_s=20.0, wrap_up_extensions=9, wrap_up_extend_s=60.0)
    assert only(hall.router.extend_wrap_up("ann", "phone"), d.WrapUpExtended).until == hall.now + 25
    with pytest.raises(Refused):
        hall.router.extend_wrap_up("ann", "phone")


# -- owned by the agent ------------------------------------------------------------------------------


OTHER = QueueRule("sales", agents=("ann",), wrap_up_s=1.0)
KEEPING: dict[str, Callable[[Hall], object]] = {
    "reload": lambda hall: reload(hall, sales=OTHER),
    "queue removed": reload,
    "restart": restart,
    "agent's rule": lambda hall: reload(hall, {"ann": AgentRule("ann", wrap_up="none")}, sales=OTHER),
}


@pytest.mark.parametrize("what", KEEPING)
def test_it_is_untouched_by(what: str) -> None:
    hall = wrapping(wrap_up_s=20.0, wrap_up_extend_s=15.0, wrap_up_extensions=1, **REQUIRED)
    ended = hall.now
    KEEPING[what](hall)
    assert view(hall).wrap_up == "runs" and view(hall).wrap_up_s == 20.0 and view(hall).owes == ("i1",)
    assert only(hall.router.extend_wrap_up("ann", "phone"), d.WrapUpExtended).until == ended + 35
    say(hall, "2")
    assert hall.at(ended + 35 - TICK) == []
    out = hall.at(ended + 35)
    assert only(out, d.DispositionSettled).disposition == "call_back"
    assert view(hall).doing == "idle"


@pytest.mark.parametrize("what", KEEPING)
def test_one_without_an_end_is_untouched_too(what: str) -> None:
    hall = wrapping(wrap_up="until_ended", wrap_up_longest_s=300.0, **REQUIRED)
    ended = hall.now
    KEEPING[what](hall)
    assert hall.at(ended + 300 - TICK) == []
    assert only(hall.at(ended + 300), d.WrapUpTooLong)
    KEEPING[what](hall)
    assert every(hall.at(ended + 301), d.WrapUpTooLong) == [], "told once, also over a restart"
    assert end(hall) == []
    say(hall, "sale")
    assert view(hall).wrap_up == "open" and only(end(hall), d.DispositionSettled).disposition == "sale"


def test_what_the_queue_says_when_the_conversation_ends_holds() -> None:
    hall = talking(wrap_up_s=20.0)
    reload(hall, sales=QueueRule("sales", agents=("ann",), wrap_up_s=5.0))
    out = hall.router.finish("i1", hall.now)
    assert only(out, d.WrapUpStarted).until == hall.now + 5


@pytest.mark.parametrize("queue", [{"wrap_up": "until_ended"}, REQUIRED, {"wrap_up_s": 20.0, **REQUIRED}])
def test_an_agent_removed_is_waited_for_no_longer(queue: dict[str, object]) -> None:
    hall = wrapping(**queue)
    out = reload(hall, {}, sales=QueueRule("sales"))
    assert only(out, d.WrapUpEnded)
    assert [each.disposition for each in every(out, d.DispositionSettled)] == (
        [""] if "disposition" in queue else []
    )
    assert "ann" not in hall.router.state.agents and hall.router.next_deadline() is None


# -- dispositions ------------------------------------------------------------------------------------


def test_required_keeps_wrap_up_from_ending_by_its_time() -> None:
    hall = wrapping(wrap_up_s=20.0, **REQUIRED)
    ended = hall.now
    out = hall.call("i2")
    assert hall.at(ended + 20 - TICK) == [] and view(hall).wrap_up == "runs"
    assert hall.at(ended + 20) == [] and view(hall).wrap_up == "owed"
    assert hall.at(ended + 20 + TICK) == [] and hall.router.next_deadline() is None
    hall.now = ended + 100
    out = say(hall, "1")
    assert only(out, d.DispositionNoted) == d.DispositionNoted("ann", "sales", "i1", "sale", "phone")
    assert only(out, d.WrapUpEnded).seconds == 100.0
    assert only(out, d.DispositionSettled) == d.DispositionSettled("ann", "sales", "i1", "sale", True)
    assert only(out, d.Offer).interaction == "i2"


@pytest.mark.parametrize(("at", "ends"), [(20 - TICK, False), (20.0, True), (20 + TICK, True)])
def test_given_in_time_wrap_up_ends_by_its_time(at: float, ends: bool) -> None:
    hall = wrapping(wrap_up_s=20.0, **REQUIRED)
    ended = hall.now
    assert every(say(hall, "1"), d.WrapUpEnded) == []
    assert bool(every(hall.at(ended + at), d.WrapUpEnded)) is ends


def test_required_without_any_wrap_up_lasts_until_it_is_given() -> None:
    hall = wrapping(**REQUIRED)
    assert view(hall).doing == "wrap_up" and view(hall).owes == ("i1",)
    assert hall.at(hall.now + 10_000) == []
    assert only(say(hall, "sale"), d.WrapUpEnded).seconds == 10_000.0
    assert view(hall).doing == "idle"


def test_said_during_the_conversation_nothing_is_left_to_wait_for() -> None:
    hall = talking(**REQUIRED)
    assert say(hall, "2") == [d.DispositionNoted("ann", "sales", "i1", "call_back", "phone")]
    out = hall.router.finish("i1", hall.now)
    assert every(out, d.WrapUpStarted) == []
    assert only(out, d.DispositionSettled) == d.DispositionSettled("ann", "sales", "i1", "call_back", True)
    assert view(hall).doing == "idle"


def test_the_last_word_counts() -> None:
    hall = talking(wrap_up_s=20.0, **REQUIRED)
    say(hall, "2")
    hall.router.finish("i1", hall.now)
    assert only(say(hall, "1"), d.DispositionNoted).disposition == "sale"
    assert only(say(hall, "2"), d.DispositionNoted).disposition == "call_back"
    out = hall.at(hall.now + 20)
    assert only(out, d.DispositionSettled).disposition == "call_back"
    with pytest.raises(Refused, match="ann cannot say how interaction i1 ended"):
        say(hall, "1")


def test_an_optional_one_keeps_nobody() -> None:
    hall = wrapping(wrap_up_s=20.0, dispositions=ENDS)
    assert view(hall).owes == ()
    out = hall.ready("ann")
    assert only(out, d.DispositionSettled) == d.DispositionSettled("ann", "sales", "i1", "", False)


def test_an_unknown_one_is_refused_and_the_known_ones_are_told() -> None:
    hall = wrapping(**REQUIRED)
    with pytest.raises(Refused, match="no disposition '9' — there are: 1 sale, 2 call_back"):
        say(hall, "9")
    assert view(hall).owes == ("i1",)
    with pytest.raises(Refused, match="the queue sales has no dispositions"):
        say(talking(wrap_up_s=20.0), "1")


def test_ready_is_pending_until_it_is_given_and_ends_the_wrap_up_then() -> None:
    hall = wrapping(wrap_up_s=500.0, **REQUIRED)
    assert end(hall) == []
    assert hall.ready("ann") == [d.AvailabilityPending("ann", READY, "", "phone")]
    assert hall.ready("ann") == [], "the same again"
    assert view(hall).pending == "ready" and view(hall).doing == "wrap_up"
    assert only(say(hall, "1"), d.WrapUpEnded)
    assert (view(hall).pending, view(hall).doing) == ("", "idle")


def test_ready_asked_in_a_pause_is_pending_too() -> None:
    hall = wrapping(wrap_up_s=500.0, **REQUIRED)
    hall.pause("ann")
    hall.ready("ann")
    assert view(hall).availability is PAUSED
    out = say(hall, "1")
    assert only(out, d.AvailabilityChanged) == d.AvailabilityChanged("ann", READY, "", "phone")


@pytest.mark.parametrize(
    ("asked", "then"),
    [
        (("ready", "pause"), (PAUSED, "lunch")),
        (("ready", "later"), (PAUSED, "lunch")),
        (("later", "ready"), (READY, "")),
        (("pause", "ready"), (READY, "")),
        (("ready", "later out"), (LOGGED_OUT, "")),
    ],
)
def test_the_last_request_wins(asked: tuple[str, ...], then: tuple[Availability, str]) -> None:
    hall = wrapping(**REQUIRED)
    acts = {
        "ready": lambda: hall.ready("ann"),
        "pause": lambda: hall.pause("ann"),
        "later": lambda: hall.later("ann", "lunch"),
        "later out": lambda: hall.later("ann"),
    }
    for one in asked:
        acts[one]()
    say(hall, "1")
    assert (view(hall).availability, view(hall).reason) == then and view(hall).pending == ""


def test_a_pause_takes_ready_back_and_the_time_goes_on() -> None:
    hall = wrapping(wrap_up_s=20.0, **REQUIRED)
    ended = hall.now
    hall.ready("ann")
    hall.pause("ann")
    assert every(say(hall, "1"), d.WrapUpEnded) == []
    assert only(hall.at(ended + 20), d.WrapUpEnded)


@pytest.mark.parametrize("said", ["", "2"])
def test_a_logout_ends_it_and_what_was_not_given_is_missing(said: str) -> None:
    hall = wrapping(wrap_up_s=20.0, **REQUIRED)
    if said:
        say(hall, said)
    out = hall.logout("ann")
    assert only(out, d.WrapUpEnded)
    assert only(out, d.DispositionSettled).disposition == ENDS.get(said, "")
    assert view(hall).wrap_up == "" and hall.router.next_deadline() is None


def test_who_is_logged_out_when_the_conversation_ends_is_not_asked() -> None:
    hall = talking(**REQUIRED)
    hall.logout("ann")
    out = hall.router.finish("i1", hall.now)
    assert every(out, d.WrapUpStarted) == [] and only(out, d.DispositionSettled).disposition == ""


def test_the_longest_time_holds_for_what_is_owed() -> None:
    hall = wrapping(wrap_up_s=20.0, wrap_up_longest_s=60.0, **REQUIRED)
    ended = hall.now
    assert hall.at(ended + 60 - TICK) == []
    assert hall.at(ended + 60) == [d.WrapUpTooLong("ann", "sales", "i1")]
    assert view(hall).wrap_up == "owed"


def test_a_late_turn_misses_neither_the_end_nor_the_alarm() -> None:
    hall = wrapping(wrap_up_s=20.0, wrap_up_longest_s=20.0, **REQUIRED)
    assert hall.at(hall.now + 500) == [d.WrapUpTooLong("ann", "sales", "i1")]
    assert view(hall).wrap_up == "owed" and hall.router.next_deadline() is None


# -- several conversations -----------------------------------------------------------------------------


def two_chats(**queue: object) -> Hall:
    hall = Floor({"ann": {}}, sales={"agents": ("ann",), **queue})
    for name in ("c1", "c2"):
        hall.chat(name)
        hall.talk(name)
        hall.now += 1
    return hall


def test_what_is_owed_of_one_stays_owed_when_the_next_ends() -> None:
    hall = two_chats(wrap_up_s=20.0, **REQUIRED)
    hall.router.finish("c1", hall.now)
    hall.now += 5
    out = hall.router.finish("c2", hall.now)
    assert only(out, d.WrapUpEnded).interaction == "c1" and every(out, d.DispositionSettled) == []
    hall.at(hall.now + 20)
    assert view(hall).owes == ("c1", "c2")
    assert every(say(hall, "1", "c2"), d.WrapUpEnded) == []
    out = say(hall, "2", "c1")
    settled = {each.interaction: each.disposition for each in every(out, d.DispositionSettled)}
    assert settled == {"c1": "call_back", "c2": "sale"} and view(hall).doing == "idle"


@pytest.mark.parametrize(
    ("first", "then", "stage", "left"),
    [
        ({"wrap_up": "until_ended"}, {"wrap_up_s": 5.0}, "open", 0.0),
        ({"wrap_up_s": 60.0}, {"wrap_up": "until_ended"}, "open", 0.0),
        ({"wrap_up_s": 60.0}, REQUIRED, "runs", 60.0),
        (REQUIRED, {"wrap_up_s": 5.0}, "runs", 5.0),
        (REQUIRED, REQUIRED, "owed", 0.0),
        ({"wrap_up_s": 60.0}, {}, "runs", 60.0),
    ],
)
def test_a_wrap_up_that_runs_is_never_shortened(
    first: dict[str, object], then: dict[str, object], stage: str, left: float
) -> None:
    hall = two_chats(**first)
    hall.router.finish("c1", hall.now)
    reload(hall, sales=QueueRule("sales", agents=("ann",), **then))  # type: ignore[arg-type]
    hall.router.finish("c2", hall.now)
    assert (view(hall).wrap_up, view(hall).wrap_up_s) == (stage, left)


def test_a_phone_means_the_call_then_the_wrap_up_then_the_latest_chat() -> None:
    hall = Floor({"ann": {"capacity": 200}}, sales={"agents": ("ann",), **REQUIRED})
    assert hall.router.spoken_of("ann") == "" and hall.router.spoken_of("zoe") == ""
    for name in ("c1", "c2"):
        hall.chat(name)
        hall.talk(name)
        hall.now += 1
    assert hall.router.spoken_of("ann") == "c2"
    hall.call("i1")
    hall.talk("i1")
    assert hall.router.spoken_of("ann") == "i1"
    hall.router.finish("i1", hall.now)
    assert hall.router.spoken_of("ann") == "i1", "in wrap-up"
    hall.router.finish("c2", hall.now)
    say(hall, "1", "c2")
    assert hall.router.spoken_of("ann") == "i1", "what is still unsaid goes first"


def test_each_agent_of_a_conversation_moved_on_says_it_and_the_console_for_all() -> None:
    hall = Floor({"ann": {}, "bob": {}}, sales={"agents": ("ann", "bob"), **REQUIRED})
    hall.call("i1")
    hall.talk("i1")
    say(hall, "2")
    hall.router.move("i1", "bob", hall.now)
    with pytest.raises(Refused, match="ann cannot say"):
        say(hall, "1")
    assert hall.call("i2") and hall.agents_of("i2") == ["ann"], "what she said is settled"
    hall.router.finish("i1", hall.now)
    out = say(hall, "1", agent="")
    assert [(each.agent, each.disposition) for each in every(out, d.DispositionNoted)] == [("bob", "sale")]


def test_the_console_speaks_for_everybody_who_may_still_say() -> None:
    hall = Floor({"ann": {}, "bob": {}}, sales={"agents": ("ann", "bob"), **REQUIRED})
    hall.call("i1")
    hall.talk("i1")
    hall.router.move("i1", "bob", hall.now)
    out = say(hall, "sale", agent="")
    assert sorted(each.agent for each in every(out, d.DispositionNoted)) == ["ann", "bob"]
    assert only(out, d.WrapUpEnded).agent == "ann"
    with pytest.raises(Refused, match="nobody can say any more how interaction i9 ended"):
        say(hall, "sale", "i9", agent="")


# -- the table -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", WrapUpStage)
@pytest.mark.parametrize("event", WrapUpEvent)
def test_every_pair_of_stage_and_event(stage: WrapUpStage, event: WrapUpEvent) -> None:
    if (stage, event) in MOVES:
        assert next_stage(stage, event, "ann") is MOVES[stage, event]
        return
    with pytest.raises(IllegalMove, match=f"the wrap-up of ann is {stage}: '{event}' is not possible"):
        next_stage(stage, event, "ann")


def test_rules_of_an_older_ledger_are_read() -> None:
    old = msgspec.json.decode(b'{"queues":{"sales":{"name":"sales","wrap_up_s":5.0}}}', type=Rules)
    assert old.queues["sales"].wrap_up is None and old.features.disposition == "*46"
