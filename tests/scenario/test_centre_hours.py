"""The whole centre on virtual time. A queue that keeps hours: flows, chats, restart, reload, profiles."""

from typing import Any

import msgspec
import pytest

from ccd.history.explain import explain
from ccd.model import facts
from ccd.model.calendar import Cause as ClosedBy
from ccd.model.commands import PlayPrompt
from ccd.model.hours import CalendarRule, Exceptional, Span
from ccd.model.nouns import Cause
from ccd.model.rules import ProfileRule, Suspension, Target
from ccd.model.steps import Enqueue, Hangup, Hours, Play
from ccd.testing.centre import SimulatedCentre
from tests.scenario.centre_rules import TICK, centre, doing, queue_rows, rules, totals, whats


def office(*closings: tuple[float, float]) -> CalendarRule:
    """Always open but for these closings."""
    exceptional = tuple(Exceptional(start, until, "drill") for start, until in closings)
    return CalendarRule(name="office", zone="UTC", week=((Span(0, 1440),),) * 7, exceptional=exceptional)


def keeping_hours(*agents: str, closes: float, **sales: Any) -> SimulatedCentre:
    """The small centre, whose sales queue closes so many seconds from now, for an hour."""
    sim = centre(*agents)
    load(sim, office((sim.now + closes, sim.now + closes + 3600)), calendar="office", **sales)
    return sim


def load(sim: SimulatedCentre, hours: CalendarRule, **sales: Any) -> None:
    old = sim.centre.state.rules
    changed = {**old.queues, "sales": msgspec.structs.replace(old.queues["sales"], **sales)}
    rules = msgspec.structs.replace(old, queues=changed, calendars={"office": hours})
    sim.tell(facts.RulesLoaded(rules, "test"))


def test_a_call_to_a_closed_queue_hears_where_it_is_sent_though_an_agent_is_free() -> None:
    sim = keeping_hours("ann", closes=10, closed_to=Target(flow="excuse"), overflow=Target(queue="help"))
    sim.run(10)
    call = sim.call()
    assert sim.rings_at(call) == "" and doing(sim, "ann") == "idle"
    sim.run(5)
    assert sim.voice.ended[call] is Cause.NORMAL and "overflow" in whats(sim, call)
    assert totals(sim) == (1, 0, 0, 1)
    told = explain(sim.record(call))
    assert "the queue is closed (exceptional closing: drill) until " in told[1]
    assert not any("passed over" in line for line in told)
    sim.check_replay()


def test_without_a_target_the_flow_goes_on() -> None:
    sim = keeping_hours("ann", closes=0)
    call = sim.call("+33101")
    sim.act(sim.voice.digit, call, "1")
    sim.run(5)
    assert sim.voice.ended[call] is Cause.NORMAL and "overflow" in whats(sim, call)
    sim.check_replay()


@pytest.mark.parametrize(("after", "where"), [(60 - TICK, "sales"), (60.0, "help"), (60 + TICK, "help")])
def test_who_waits_goes_over_at_the_closing(after: float, where: str) -> None:
    sim = keeping_hours(closes=60, on_close="overflow", closed_to=Target(queue="help"))
    call, chat = sim.call(), sim.chat("hello")
    sim.run(after)
    for leg in (call, chat):
        assert sim.centre.router.state.places[sim.interaction_of(leg)].queue == where
    sim.check_replay()


def test_a_chat_that_waits_over_a_restart_still_goes_at_the_closing() -> None:
    sim = keeping_hours(closes=60, on_close="overflow", closed_to=Target(queue="help"))
    chat = sim.chat("hello")
    sim.run(30)
    sim.restart()
    place = sim.centre.router.state.places[sim.interaction_of(chat)]
    sim.run(30 - TICK)
    assert place.queue == "sales"
    sim.run(TICK)
    assert sim.centre.router.state.places[sim.interaction_of(chat)].queue == "help"
    sim.check_replay()


def test_hours_that_are_loaded_anew_hold_for_those_who_wait() -> None:
    sim = keeping_hours(closes=60, on_close="overflow", closed_to=Target(queue="help"))
    call = sim.call()
    load(sim, office((sim.now + 90, sim.now + 91)))
    sim.run(90 - TICK)
    assert sim.centre.router.state.places[sim.interaction_of(call)].queue == "sales"
    load(sim, office((sim.now - 1, sim.now + 5)))
    sim.run(TICK)
    assert sim.centre.router.state.places[sim.interaction_of(call)].queue == "help"
    sim.check_replay()


def test_while_a_profile_sends_a_queue_elsewhere_its_hours_do_not_matter() -> None:
    sim = keeping_hours("cat", closes=0, closed_to=Target(flow="excuse"))
    rush = ProfileRule(name="rush", suspend=Suspension(queues={"sales": Target(queue="help")}))
    old = sim.centre.state.rules
    sim.tell(facts.RulesLoaded(msgspec.structs.replace(old, profiles={"rush": rush}), "test"))
    sim.tell(facts.ProfileSet("rush", True, "ccctl:ann"))
    assert sim.rings_at(sim.call()) == "cat"
    sim.check_replay()


def test_a_view_says_that_it_is_closed_and_until_when() -> None:
    sim = keeping_hours(closes=60)
    until = sim.now + 60 + 3600

    def view() -> tuple[str, float | None]:
        rows = queue_rows(sim)
        assert (rows["help"]["closed"], rows["help"]["closed_until"]) == ("", None)
        return rows["sales"]["closed"], rows["sales"]["closed_until"]

    assert view() == ("", None)
    sim.run(60)
    assert view() == ("exceptional closing: drill", until)


def test_a_closed_queue_expects_no_wait_of_who_arrives() -> None:
    """An agent is free, so it would be none: but nobody is let in."""
    sim = keeping_hours("ann", closes=60, estimate_wait=True)

    def expected() -> tuple[object, object]:
        row = queue_rows(sim)["sales"]
        return row["ewt_s"], sim.centre.router.queue_figure("sales", "ewt_s", sim.now)

    assert expected() == (0.0, 0.0)
    sim.run(60)
    assert expected() == (None, None)


# -- in a flow -----------------------------------------------------------------------------------


def asking(closes: float) -> SimulatedCentre:
    """Ann is there; the flow asks the calendar, which closes so many seconds from now, for an hour."""
    steps = (
        Hours(calendar="office", closed="shut", closed_by={ClosedBy.EXCEPTION: "drill"}),
        Enqueue(queue="sales"),
        Hangup(prompt="goodbye", id="shut"),
        Hangup(prompt="excuse", id="drill"),
    )
    sim = SimulatedCentre(rules(*steps))
    sim.login("ann")
    load(sim, office((sim.now + closes, sim.now + closes + 3600)))
    return sim


@pytest.mark.parametrize(("after", "open_"), [(60 - TICK, True), (60.0, False), (60 + TICK, False)])
def test_a_flow_asks_the_calendar_to_the_tick(after: float, open_: bool) -> None:
    sim = asking(60)
    sim.run(after)
    call = sim.call()
    assert (sim.rings_at(call) == "ann") is open_
    sim.run(10)
    if not open_:
        note = next(each for each in sim.record(call).timeline if each.what == "set")
        assert note.details["closed_reason"] == "exceptional closing: drill"
        assert note.details["next_opening"] == "2023-11-14 23:14"
        played = [play.parts[0].name for play in sim.performed(PlayPrompt)]
        assert played == ["excuse"] and sim.record(call).outcome == "flow"
    sim.check_replay()


def test_a_call_in_a_prompt_over_a_reload_asks_the_new_hours() -> None:
    steps = (Play(prompts=("p",)), Hours(calendar="office", open="in", closed="shut"))
    sim = SimulatedCentre(rules(*steps, Enqueue(queue="sales", id="in"), Hangup(id="shut")))
    load(sim, office())
    sim.login("ann")
    call = sim.call()
    load(sim, office((sim.now, sim.now + 3600)))
    sim.run(10)
    assert sim.record(call).outcome == "flow"
    sim.check_replay()
