"""The whole centre on virtual time. Wrap-up and dispositions: by phone, in writing and at the console."""

from typing import Any

import pytest

from ccd.history.explain import explain, tell
from ccd.history.state import Figures, Record
from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import Availability
from ccd.testing.centre import SimulatedCentre
from tests.scenario.centre_rules import TICK, centre, doing, report, rules
from tests.scenario.test_centre_chat import agent_leg, read
from tests.scenario.test_centre_phones import spoken
from tests.scenario.test_centre_states import alarms

REQUIRED: dict[str, Any] = {"dispositions": {"1": "sale", "2": "call_back"}, "disposition": "required"}


def talking(**sales: Any) -> tuple[SimulatedCentre, str]:
    """Ann talks with a caller."""
    sim = centre("ann", **sales)
    call = sim.call()
    sim.run(3)
    assert sim.agent_of(call) == "ann"
    return sim, call


def wrapping(**sales: Any) -> tuple[SimulatedCentre, str]:
    """The caller has just hung up."""
    sim, call = talking(**sales)
    sim.run(60)
    sim.hang_up(call)
    return sim, call


def say(sim: SimulatedCentre, call: str, code: str, **more: str) -> None:
    sim.tell(facts.DispositionGiven(sim.interaction_of(call), code, "ccctl:me", **more))


def figures(sim: SimulatedCentre) -> Figures:
    return sim.centre.history.state.totals["sales"]


def said(record: Record) -> list[tuple[str, str]]:
    """Each disposition in the timeline, and who gave it."""
    notes = [note.details for note in record.timeline if note.what == "disposition"]
    return [(str(each["disposition"]), str(each["by"])) for each in notes]


# -- by phone ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "prompt", "play"),
    [("*461", "agent/disposition", "f"), ("*469", "agent/refused", "x"), ("*46", "agent/refused", "x")],
)
def test_a_disposition_is_dialled_in_the_conversation_and_answered(code: str, prompt: str, play: str) -> None:
    sim, call = talking(**REQUIRED)
    leg = sim.dial("ann-phone", code)
    assert spoken(sim, leg) == [prompt] and sim.heard(leg).play == f"{play}{leg}"
    sim.run(5)
    sim.hang_up(call)
    assert doing(sim, "ann") == ("idle" if code == "*461" else "wrap_up")
    assert sim.record(call).disposition == ("sale" if code == "*461" else "")
    sim.check_replay()


def test_required_wrap_up_waits_for_what_is_dialled() -> None:
    sim, call = wrapping(wrap_up_s=20.0, **REQUIRED)
    ended = sim.now
    waiting = sim.call()
    sim.run_until(ended + 20 + TICK)
    assert doing(sim, "ann") == "wrap_up" and sim.rings_at(waiting) == ""
    record = sim.centre.history.state.open[sim.interaction_of(waiting)]
    assert "passed over ann: wrap-up until 2023" not in "\n".join(explain(record))
    sim.dial("ann-phone", "*462")
    assert sim.rings_at(waiting) == "ann"
    record = sim.record(call)
    assert (record.disposition, record.disposition_by) == ("call_back", "phone:ann-phone")
    assert figures(sim).dispositions == {"call_back": 1}
    sim.check_replay()


def test_why_a_caller_waits_is_told_also_where_wrap_up_has_no_end() -> None:
    sim, _ = wrapping(**REQUIRED)
    waiting = sim.call()
    record = sim.centre.history.state.open[sim.interaction_of(waiting)]
    assert any("passed over ann: wrap-up until a disposition is given" in line for line in explain(record))


@pytest.mark.parametrize(("at", "over"), [(35 - TICK, False), (35.0, True), (35 + TICK, True)])
def test_more_time_is_dialled(at: float, over: bool) -> None:
    sim, call = wrapping(wrap_up_s=20.0, wrap_up_extend_s=15.0, wrap_up_extensions=1)
    ended = sim.now
    assert spoken(sim, sim.dial("ann-phone", "*45")) == ["agent/wrap-up-longer"]
    assert spoken(sim, sim.dial("ann-phone", "*45")) == ["agent/refused"]
    sim.run_until(ended + at)
    assert (doing(sim, "ann") == "idle") is over
    if over:
        assert figures(sim).wrap_sum_s == pytest.approx(35.0)
        assert "wrap_up_ended" not in [note.what for note in sim.record(call).timeline]


def test_ready_dialled_before_it_is_given_is_pending() -> None:
    sim, _ = wrapping(wrap_up_s=500.0, **REQUIRED)
    sim.dial("ann-phone", "*43")
    view = sim.centre.router.agent_view("ann", sim.now)
    assert view is not None and (view.doing, view.pending) == ("wrap_up", "ready")
    sim.dial("ann-phone", "*461")
    assert doing(sim, "ann") == "idle"
    sim.check_replay()


# -- in writing -----------------------------------------------------------------------------------------


def written(**sales: Any) -> tuple[SimulatedCentre, str, str]:
    sim = centre("ann", **sales)
    chat = sim.chat("my printer burns")
    sim.run(3)
    return sim, chat, agent_leg(sim, chat)


def test_a_writer_is_told_what_came_of_it() -> None:
    sim, chat, leg = written(**REQUIRED)
    for code in ("7", "1"):
        say(sim, chat, code, device="ann-phone", leg=leg)
    assert read(sim, leg)[-2:] == [
        "(there is no disposition '7' — there are: 1 sale, 2 call_back)",
        "(disposition: sale)",
    ]
    sim.hang_up(leg)
    assert doing(sim, "ann") == "idle" and sim.record(chat).disposition == "sale"


def test_a_conversation_closed_is_told_the_end_of_afterwards() -> None:
    sim, chat, leg = written(**REQUIRED)
    sim.hang_up(leg)
    assert doing(sim, "ann") == "wrap_up"
    say(sim, chat, "2", device="ann-phone", leg=leg)
    told = [each for each in sim.performed(cmd.SendText) if isinstance(each, cmd.SendText)][-1]
    assert (told.leg, told.text) == (leg, "(disposition: call_back)")
    assert doing(sim, "ann") == "idle" and sim.record(chat).disposition == "call_back"
    sim.check_replay()


def test_nobody_speaks_for_another_agent_and_strangers_not_at_all() -> None:
    sim, chat, leg = written(**REQUIRED)
    say(sim, chat, "1", device="bob-phone", leg=leg)
    assert read(sim, leg)[-1].startswith("(bob cannot say how interaction 1 ended")
    say(sim, chat, "1", device="lobby-phone", leg=leg)
    assert said(sim.centre.history.state.open["1"]) == []


# -- filed and counted ------------------------------------------------------------------------------------


def test_the_last_word_is_filed_with_everybody_who_said_one() -> None:
    sim, call = talking(wrap_up_s=20.0, **REQUIRED)
    sim.dial("ann-phone", "*461")
    sim.run(5)
    sim.hang_up(call)
    assert sim.record(call).disposition == "sale"
    say(sim, call, "call_back")
    assert sim.record(call).disposition == "call_back", "filed again at once"
    assert figures(sim).dispositions == {}, "it may still be changed"
    sim.run(20)
    record = sim.record(call)
    assert said(record) == [("sale", "phone:ann-phone"), ("call_back", "ccctl:me")]
    assert any("disposition: disposition call_back, agent ann, by ccctl:me" in line for line in tell(record))
    assert record.timeline[-1].what == "wrap_up_ended"
    assert figures(sim).dispositions == {"call_back": 1} and figures(sim).dispositions_missing == 0
    say(sim, call, "sale")
    assert sim.record(call) == record, "too late"
    sim.check_replay()


def test_what_is_missing_at_the_logout_is_noted_and_counted() -> None:
    sim, call = wrapping(**REQUIRED)
    sim.ask("ann", Availability.LOGGED_OUT)
    assert doing(sim, "ann") == "logged_out"
    assert [note.what for note in sim.record(call).timeline][-2:] == ["wrap_up_ended", "disposition_missing"]
    assert figures(sim).dispositions_missing == 1 and sim.centre.history.state.kept == {}
    sim.check_replay()


def test_the_report_counts_by_queue_and_day() -> None:
    sim = centre("ann", **REQUIRED)
    for code in ("1", "2", "1"):
        call = sim.call(talks_for=10)
        sim.run(20)
        say(sim, call, code)
    shown = report(sim)
    for span in ("today", "total"):
        row = next(each for each in shown[span]["queues"] if each["queue"] == "sales")
        assert (row["dispositions"], row["dispositions_missing"]) == ({"call_back": 1, "sale": 2}, 0)


def test_one_that_waits_too_long_stands_as_an_alarm() -> None:
    sim, call = wrapping(wrap_up_longest_s=300.0, **REQUIRED)
    ended = sim.now
    sim.run_until(ended + 300 - TICK)
    assert alarms(sim) == []
    sim.run_until(ended + 300)
    assert alarms(sim) == ["wrap-up too long ann: 0 s more than allowed, disposition of 1 missing"]
    say(sim, call, "1")
    assert alarms(sim) == []
    sim.check_replay()


# -- what does not touch it -------------------------------------------------------------------------------


def test_a_restart_a_reload_and_the_queues_removal_leave_it_to_the_agent() -> None:
    sim, call = wrapping(wrap_up="until_ended", **REQUIRED)
    sim.restart()
    assert doing(sim, "ann") == "wrap_up"
    sim.tell(facts.RulesLoaded(rules(wrap_up_s=1.0)))
    sim.tell(facts.RulesLoaded(rules(agents=())))
    sim.run(1000)
    assert doing(sim, "ann") == "wrap_up"
    sim.dial("ann-phone", "*461")
    assert doing(sim, "ann") == "wrap_up", "it lasts until she ends it"
    sim.dial("ann-phone", "*43")
    assert doing(sim, "ann") == "idle" and sim.record(call).disposition == "sale"
    sim.check_replay()


def test_a_restart_that_ends_the_call_begins_the_wrap_up() -> None:
    sim, call = talking(**REQUIRED)
    sim.dial("ann-phone", "*461")
    sim.restart()
    assert doing(sim, "ann") == "idle" and sim.record(call).disposition == "sale"
    second = sim.call()
    sim.run(3)
    sim.restart()
    assert doing(sim, "ann") == "wrap_up"
    say(sim, second, "2")
    assert doing(sim, "ann") == "idle" and sim.record(second).disposition == "call_back"
    sim.check_replay()


def test_a_call_sent_on_is_told_the_end_of_by_both_agents() -> None:
    sim, call = talking(**REQUIRED)
    sim.login("cat")
    leg = agent_leg(sim, call)
    sim.act(sim.voice.transfer, leg, "203")
    sim.run(5)
    assert sim.agent_of(call) == "cat" and doing(sim, "ann") == "wrap_up"
    sim.dial("ann-phone", "*461")
    assert doing(sim, "ann") == "idle"
    sim.hang_up(call)
    assert doing(sim, "cat") == "wrap_up"
    sim.dial("cat-phone", "*462")
    assert said(sim.record(call)) == [("sale", "phone:ann-phone"), ("call_back", "phone:cat-phone")]
    assert figures(sim).dispositions == {"sale": 1, "call_back": 1}
    sim.check_replay()
