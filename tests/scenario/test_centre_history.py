"""The whole centre on virtual time. Conditions on a customer's history, the clock, calendars, notices."""

from typing import Any

import msgspec
import pytest

from ccd.history.explain import decode_record, explain
from ccd.model import facts
from ccd.model.callback_rules import CallbackRule
from ccd.model.hours import CalendarRule, Span
from ccd.model.rules import EntryRule, Relax, Rules
from ccd.model.steps import Branch, Case, Enqueue, Hangup
from ccd.model.steps_outside import Identify
from ccd.testing.centre import SimulatedCentre
from ccd.testing.outside import Answers
from tests.scenario.centre_rules import rules

ANN, BEN = "+33612345678", "+33698765432"
HOUR_S, DAY_S = 3600.0, 86_400.0
TO_HELP = (Enqueue(queue="sales"), Hangup(), Enqueue(queue="help", id="help"))


def branching(when: str, **sales: Any) -> Rules:
    """Whoever fulfils the condition waits for help, the others for sales."""
    return rules(Branch(cases=(Case(when=when, step="help"),)), *TO_HELP, **sales)


def goes_to_help(sim: SimulatedCentre, origin: str = ANN, target: str = "+33100") -> bool:
    """Somebody calls, and hangs up at once."""
    leg = sim.call(target, origin=origin)
    sim.run(1)
    queue = sim.centre.state.interactions[sim.interaction_of(leg)].queue
    sim.hang_up(leg)
    return queue == "help"


def talk(sim: SimulatedCentre, origin: str = ANN) -> str:
    """Somebody calls and speaks with an agent for a while."""
    leg = sim.call(origin=origin)
    sim.run(30)
    assert sim.agent_of(leg)
    sim.hang_up(leg)
    return leg


def test_the_third_call_of_a_week_goes_elsewhere_and_a_week_later_no_more() -> None:
    sim = SimulatedCentre(branching("history.contacts_7d >= 2"))
    assert [goes_to_help(sim), goes_to_help(sim), goes_to_help(sim)] == [False, False, True]
    assert not goes_to_help(sim, BEN)
    timeline = [note for row in sim.ledger.records(limit=9) for note in decode_record(row.body).timeline]
    told = [note.details for note in timeline if note.what == "branched" and "was" in note.details]
    assert told == [{"step": "#1", "case": "history.contacts_7d >= 2", "was": "2"}], "and what it saw is told"
    sim.restart()
    assert goes_to_help(sim)
    sim.check_replay()
    sim.run(7 * DAY_S)
    assert not goes_to_help(sim)
    sim.check_replay()


@pytest.mark.parametrize("origin", ["", "anonymous", "201", "sip:eve@example.org"])
def test_who_is_not_known_again_has_no_history(origin: str) -> None:
    sim = SimulatedCentre(branching("history.contacts_7d >= 0 or history.since_last_s >= 0"))
    assert [goes_to_help(sim, origin), goes_to_help(sim, origin)] == [False, False]
    assert goes_to_help(sim, ANN), "who is known and new was in contact 0 times"
    assert list(sim.centre.history.state.customers) == [ANN]


@pytest.mark.parametrize(
    "when",
    [
        "history.abandoned_24h == 1 and history.contacts_24h == 2",
        'history.last_queue == "sales" and history.last_agent == "ann" and history.last_outcome == "handled"',
        "history.since_last_s > 3600 and history.since_last_s < 3700",
    ],
)
def test_who_gave_up_and_who_was_served_are_told_apart(when: str) -> None:
    sim = SimulatedCentre(branching(when))
    assert not goes_to_help(sim)  # gives up waiting
    sim.login("ann")
    talk(sim)
    talk(sim, BEN)
    sim.run(HOUR_S)
    assert goes_to_help(sim)
    sim.check_replay()


def test_an_entry_rule_puts_one_first_who_gave_up_before() -> None:
    entry = (EntryRule(when="history.abandoned_24h > 0", add=7, name="gave up"),)
    sim = SimulatedCentre(rules(entry=entry))
    sim.hang_up(sim.call())
    sim.run(60)
    first, again = sim.call(origin=BEN), sim.call()
    sim.login("ann")
    sim.run(5)
    assert (sim.agent_of(again), sim.agent_of(first)) == ("ann", "")
    sim.hang_up(again)
    assert any("gave up, add 7" in line and "was 1" in line for line in explain(sim.record(again)))
    sim.check_replay()


def test_a_contact_counts_while_it_runs_and_the_one_that_asks_does_not() -> None:
    sim = SimulatedCentre(branching("history.contacts_24h == 1 and not history.last_outcome"))
    waiting = sim.call()
    assert sim.centre.state.interactions[sim.interaction_of(waiting)].queue == "sales"
    sim.run(1)
    assert goes_to_help(sim)
    sim.check_replay()


def test_one_who_is_identified_brings_the_contacts_of_other_numbers() -> None:
    who = Identify(number_service="crm", prompt="number", most=2, timeout_s=2.0, attempts=1)
    made = rules(who, Branch(cases=(Case(when="history.contacts_7d == 2", step="help"),)), *TO_HELP)
    sim = SimulatedCentre(made)
    sim.outside.answers["crm"] = Answers({"customer": "c-7"})

    def calls(origin: str) -> str:
        leg = sim.call(origin=origin)
        sim.run(1)
        sim.act(sim.voice.digit, leg, "17")
        sim.run(1)
        queue = sim.centre.state.interactions[sim.interaction_of(leg)].queue
        sim.hang_up(leg)
        sim.run(60)
        return queue

    assert [calls(ANN), calls(BEN), calls("")] == ["sales", "sales", "help"]
    assert calls(BEN) == "sales", "the third of the customer: each counts once, not by each name"
    sim.check_replay()


def test_agents_own_calls_and_recalls_are_no_contacts() -> None:
    recall = CallbackRule(recall=True, recall_after_s=30.0, recall_waited_s=1.0, allow=("+33",))
    sim = SimulatedCentre(branching("history.contacts_24h == 1", callback=recall))
    waiting = sim.call()
    sim.run(10)
    sim.hang_up(waiting)
    assert len(sim.centre.state.interactions) == 1, "the recall"
    assert goes_to_help(sim)
    sim.login("ann")
    sim.dial("ann-phone", "300")
    sim.run(5)
    assert list(sim.centre.history.state.customers) == [ANN]
    sim.check_replay()


def test_nothing_is_remembered_where_the_rules_say_so() -> None:
    sim = SimulatedCentre(msgspec.structs.replace(branching("history.contacts_7d >= 0"), history_days=0.0))
    assert [goes_to_help(sim), goes_to_help(sim)] == [False, False]
    assert not sim.centre.history.state.customers


def test_a_customer_is_forgotten_on_demand_everywhere() -> None:
    sim = SimulatedCentre(branching("history.contacts_7d > 0"))
    sim.login("ann")
    talk(sim)
    talk(sim, BEN)
    assert ANN in sim.centre.state.spoken
    sim.tell(facts.CustomerForgotten("06 12 34 56 78", "test"))
    assert ANN in sim.centre.history.state.customers, "a number without its country, and no country is set"
    sim.tell(facts.CustomerForgotten(ANN, "test"))
    assert list(sim.centre.history.state.customers) == list(sim.centre.state.spoken) == [BEN]
    assert not goes_to_help(sim)
    assert goes_to_help(sim, BEN)
    sim.check_replay()


def test_forgotten_in_the_midst_of_a_contact_it_stays_forgotten() -> None:
    sim = SimulatedCentre(branching("history.contacts_7d > 0"))
    waiting = sim.call()
    sim.tell(facts.CustomerForgotten(ANN, "test"))
    sim.hang_up(waiting)
    assert not sim.centre.history.state.customers
    sim.check_replay()


# -- clock, calendars, notices ---------------------------------------------------------------------


OFFICE = CalendarRule(name="office", zone="Europe/Paris", week=((Span(9 * 60, 18 * 60),),) * 7)


@pytest.mark.parametrize(
    ("when", "help_at"),
    [
        ('time.clock >= "23:20" and time.clock < "23:30"', [True, False, False]),
        ('time.weekday == "tuesday"', [True, True, False]),
        ("hours.office.open", [False, False, True]),
        ("hours.office.opens_s < 33000", [False, True, False]),
    ],
)
def test_the_clock_is_that_of_the_moment(when: str, help_at: list[bool]) -> None:
    """It begins on Tuesday 14 November 2023 at 23:13:20 in Paris."""
    made = msgspec.structs.replace(branching(when), calendars={"office": OFFICE})
    sim = SimulatedCentre(made)
    found = []
    for seconds in (420.0, 2000.0, 12 * HOUR_S):
        sim.run(seconds)
        found.append(goes_to_help(sim))
    assert found == help_at
    sim.check_replay()


def test_the_zone_of_the_centre_goes_before_that_of_the_calendars() -> None:
    made = msgspec.structs.replace(
        branching("time.hour == 17 and hours.office.hour == 23"),
        calendars={"office": OFFICE},
        zone="America/Montreal",
    )
    assert goes_to_help(SimulatedCentre(made))


def test_a_relaxation_begins_with_the_clock_within_five_seconds() -> None:
    relax = (Relax(when='time.clock >= "23:15"', open=("help",)),)
    made = msgspec.structs.replace(rules(relax=relax), zone="Europe/Paris")
    sim = SimulatedCentre(made)
    sim.login("cat")
    call = sim.call()
    sim.run(99)
    assert not sim.rings_at(call) and not sim.agent_of(call)
    sim.run(10)
    assert sim.agent_of(call) == "cat"
    sim.hang_up(call)
    told = "\n".join(explain(sim.record(call)))
    assert 'the agents of help may be asked: time.clock >= "23:15", was 23:15' in told
    sim.check_replay()


@pytest.mark.parametrize(
    ("how", "help_called", "target"),
    [
        ({}, True, "+33100"),
        ({"numbers": ("+33100",)}, True, "+33100"),
        ({"numbers": ("+33101",)}, False, "+33100"),
        ({"flows": ("straight",)}, True, "+33100"),
        ({"flows": ("menu",)}, False, "+33100"),
    ],
)
def test_a_notice_is_seen_while_it_is_in_force(how: dict[str, Any], help_called: bool, target: str) -> None:
    sim = SimulatedCentre(branching('notice.active and notice.text == "Panne"'))
    assert not goes_to_help(sim, target=target)
    sim.tell(facts.NoticeSet("test", sim.now + 600, "Panne", **how))
    leg = sim.call(target)
    sim.run(10)
    assert (sim.centre.state.interactions[sim.interaction_of(leg)].queue == "help") is help_called
    sim.run(600)
    assert not goes_to_help(sim, BEN, target)
    sim.check_replay()
