"""A day of a centre on virtual time: a small one here, the full one in bench/day.py."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.errors import Refused
from ccd.history.staffing import Traffic, forecast
from ccd.history.stays import Stay, by_queue, stays_of
from ccd.model import facts
from ccd.model.nouns import Availability, ChannelClass
from ccd.model.rules import AgentRule, ProfileRule, QueueRule, Rules, Target
from ccd.runtime.centre import Centre
from ccd.testing.day import Arrival, Day, Order, Presence, Reach, Stage
from ccd.testing.draws import Draws, exponential
from ccd.testing.ledger_day import WasDay, day_of
from ccd.testing.made_day import make_day, midnights
from ccd.testing.rehearsal import DayCentre, Rehearsed, rehearse
from tests.scenario.day_rules import day_rule, day_rules

LEVELS = {"mail": 600.0}


def stays(found: Rehearsed) -> list[Stay]:
    return [stay for record in found.records for stay in stays_of(record)]


def counts(found: Rehearsed) -> dict[str, tuple[int, int, int, int]]:
    figures = by_queue(stays(found), LEVELS)
    return {
        queue: (each.offered, each.handled, each.abandoned, each.overflowed)
        for queue, each in figures.items()
    }


@pytest.fixture(scope="module")
def played() -> tuple[DayCentre, Rehearsed]:
    """Two hours of 300 arrivals and 12 agents, with every invariant looked at after each turn."""
    centre = DayCentre(make_day(day_rule(), 1), day_rules(), check=True)
    return centre, centre.play()


@pytest.fixture(scope="module")
def was(played: tuple[DayCentre, Rehearsed]) -> WasDay:
    """The same day, read back from the ledger that it left."""
    began_at, ended_at = midnights("2026-11-24")
    return day_of(played[0].ledger, "2026-11-24", began_at, ended_at, 1)


# -- the day ---------------------------------------------------------------------------------------------


def test_all_who_came_are_accounted_for(played: tuple[DayCentre, Rehearsed]) -> None:
    _, found = played
    assert len(found.records) == 300 and len(found.ids) == 300
    assert all(record.ended_at for record in found.records)
    offered, handled, abandoned, overflowed = (
        sum(each) for each in zip(*counts(found).values(), strict=True)
    )
    assert offered == handled + abandoned + overflowed >= 300
    assert handled > 270 and abandoned > 3


def test_the_figures_from_timelines_are_those_of_the_engine(played: tuple[DayCentre, Rehearsed]) -> None:
    centre, found = played
    figures = by_queue(stays(found), LEVELS)
    totals = centre.centre.history.state.totals
    assert figures.keys() == totals.keys()
    for queue, ours in figures.items():
        theirs = totals[queue]
        for name in ("offered", "handled", "abandoned", "overflowed", "in_service_level", "talks"):
            assert getattr(ours, name) == getattr(theirs, name), (queue, name)
        for name in ("wait_sum_s", "wait_max_s", "abandon_wait_sum_s"):
            assert getattr(ours, name) == pytest.approx(getattr(theirs, name)), (queue, name)
        assert ours.talk_sum_s == pytest.approx(theirs.talk_sum_s, abs=0.1 * ours.talks)


def test_the_same_day_gives_the_same_bytes(played: tuple[DayCentre, Rehearsed]) -> None:
    _, found = played
    again = rehearse(make_day(day_rule(), 1), day_rules())
    assert again.state_sha256 == found.state_sha256 and again.records == found.records
    other = rehearse(make_day(day_rule(), 2), day_rules())
    assert other.state_sha256 != found.state_sha256


def test_the_facts_that_it_left_replay_to_the_same_state(played: tuple[DayCentre, Rehearsed]) -> None:
    centre, found = played
    fresh: Centre = centre.replayed()
    assert fresh.dump() == centre.centre.dump()
    centre.check_replay(2)
    assert found.facts == centre.ledger.last()[0]


def test_every_interaction_that_waited_explains_itself(played: tuple[DayCentre, Rehearsed]) -> None:
    _, found = played
    for record in found.records:
        assert record.traces or not record.queue
        lines = found.explained(next(day for day, run in found.ids.items() if run == record.interaction))
        assert len(lines) >= 3 or not record.queue
    assert found.explained("4711") == []


def test_agents_work_as_long_as_their_shift(played: tuple[DayCentre, Rehearsed]) -> None:
    _, found = played
    assert len(found.worked) == 12
    for worked in found.worked.values():
        assert (
            6_000 < worked.busy_s + worked.wrap_s + worked.idle_s < 9_000
        )  # two hours, a break of ten minutes


# -- a day that was ----------------------------------------------------------------------------------------


def test_a_day_read_back_comes_out_as_it_was(played: tuple[DayCentre, Rehearsed], was: WasDay) -> None:
    """Same rules, same people: what differs is only what was never shown and had to be drawn."""
    _, found = played
    again = rehearse(was.day, was.rules)
    assert len(was.records) == len(again.records) == 300
    for queue, (offered, handled, *_) in counts(found).items():
        now = counts(again)[queue]
        assert abs(now[0] - offered) <= 2 and abs(now[1] - handled) <= 3
    was_busy = sum(each.busy_s for each in found.worked.values())
    assert sum(each.busy_s for each in again.worked.values()) == pytest.approx(was_busy, rel=0.03)


def test_what_a_customer_showed_is_kept(played: tuple[DayCentre, Rehearsed], was: WasDay) -> None:
    day = {played[1].ids[each.id]: each for each in played[0].day.arrivals}
    left = handled = 0
    for arrival in was.day.arrivals:
        true = day[arrival.id]
        assert arrival.keys == true.keys and arrival.at == true.at
        first = stays_of(next(record for record in was.records if record.interaction == arrival.id))[0]
        if first.outcome == "abandoned":
            left += 1
            assert arrival.patience_s == pytest.approx(true.patience_s, abs=0.2)
        elif first.outcome == "handled":
            handled += 1
            assert arrival.stages[0].talk_s == pytest.approx(true.stages[0].talk_s, abs=0.2)
            assert arrival.patience_s is None or arrival.patience_s >= first.wait_s
    assert left > 3 and handled > 250


def test_more_agents_help_and_a_shorter_limit_overflows(was: WasDay) -> None:
    now = rehearse(was.day, was.rules)
    few = [each for each in was.day.presences if each.agent != "agent00"]
    fewer = rehearse(msgspec.structs.replace(was.day, presences=tuple(few)), was.rules)
    abandoned, worse = counts(now)["sales"][2], counts(fewer)["sales"][2]
    assert worse > abandoned
    limited = rehearse(was.day, day_rules(max_wait_s=15.0, overflow=Target(queue="support")))
    assert counts(limited)["sales"][3] > 0
    assert counts(limited)["support"][0] > counts(now)["support"][0]


def test_numbers_that_new_rules_do_not_know_lead_to_the_queue_of_the_day(was: WasDay) -> None:
    rules = msgspec.structs.replace(was.rules, numbers={}, flows={})
    assert counts(rehearse(was.day, rules))["support"][0] == pytest.approx(
        counts(rehearse(was.day, was.rules))["support"][0], abs=2
    )


def test_an_empty_day_is_refused(played: tuple[DayCentre, Rehearsed]) -> None:
    began_at, ended_at = midnights("2026-11-25")
    with pytest.raises(Refused, match="nothing came on 2026-11-25"):
        day_of(played[0].ledger, "2026-11-25", began_at, ended_at, 1)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 6), st.sampled_from([0.2, 0.5, 1.0]), st.booleans())
def test_any_day_is_accounted_for_replays_and_reads_back(
    seed: int, agents: int, scale: float, limited: bool
) -> None:
    limits: dict[str, Any] = {"max_length": 3, "max_wait_s": 20.0, "overflow": Target(queue="support")}
    rules = day_rules(max(3, agents), **(limits if limited else {}))
    centre = DayCentre(make_day(day_rule(1, scale, agents, exactly=False), seed), rules, check=True)
    found = centre.play()
    centre.replayed()
    waiting = sum(not stay.outcome for stay in stays(found))
    offered, handled, abandoned, overflowed = (
        sum(each) for each in zip(*counts(found).values(), strict=True)
    )
    assert offered == handled + abandoned + overflowed + waiting
    assert len(found.records) == len(centre.day.arrivals)
    began_at, ended_at = midnights("2026-11-24")
    if handled:
        again = day_of(centre.ledger, "2026-11-24", began_at, ended_at, seed)
        assert len(again.day.arrivals) == sum(bool(record.ended_at) for record in found.records)
        rehearse(again.day, again.rules, check=True)


# -- single things -------------------------------------------------------------------------------------------


def one_day(*arrivals: Arrival, **presences: tuple[float, Availability]) -> Day:
    people = tuple(Presence(at, agent, what) for agent, (at, what) in presences.items())
    return Day("2023-11-14", 0.0, 3600.0, arrivals, people)


def call(place: int, at: float, *stages: Stage, **more: Any) -> Arrival:
    return Arrival(
        id=str(place), at=at, channel="voice", channel_class=ChannelClass.VOICE, origin="+331", target="",
        direct=True, stages=stages, **more,
    )  # fmt: skip


def rules(**queue: Any) -> Rules:
    agents = {name: AgentRule(name=name, devices=(name,)) for name in ("ann", "bob")}
    queues = (
        QueueRule(name="sales", agents=("ann",), extension="300", **queue),
        QueueRule(name="billing", agents=("bob",), extension="301"),
    )
    return Rules(agents=agents, queues={each.name: each for each in queues})


READY = (0.0, Availability.READY)


def test_patience_ends_a_wait_to_the_second_and_never_a_conversation() -> None:
    work = Stage("sales", 100.0)
    day = one_day(call(1, 10.0, work, patience_s=5.0), call(2, 20.0, work, patience_s=30.0), ann=READY)
    first, second = rehearse(day, rules(), check=True).records
    assert first.outcome == "handled" and first.talked_s == 100.0
    assert second.outcome == "abandoned" and second.waited_s == pytest.approx(30.0)


def test_an_agent_ends_wrap_up_when_ready_and_no_later_than_the_rules_say() -> None:
    for needs_s, waited_s in ((5.0, 5.0), (None, 20.0), (60.0, 20.0)):
        day = one_day(
            call(1, 10.0, Stage("sales", 100.0, needs_s)), call(2, 112.0, Stage("sales", 10.0)), ann=READY
        )
        _, second = rehearse(day, rules(wrap_up_s=20.0), check=True).records
        assert second.waited_s == pytest.approx(waited_s + 2.0, abs=0.001)


@pytest.mark.parametrize(("needs_s", "lasts_s"), [(None, 30.0), (12.0, 12.0)])
@pytest.mark.parametrize(
    "sales",
    [
        {"wrap_up": "until_ended"},
        {"dispositions": {"1": "sale"}, "disposition": "required"},
        {"wrap_up": "until_ended", "dispositions": {"1": "sale"}, "disposition": "required"},
    ],
)
def test_a_wrap_up_that_waits_for_the_agent_ends_when_the_agent_is_done(
    needs_s: float | None, lasts_s: float, sales: dict[str, Any]
) -> None:
    work = Stage("sales", 100.0, needs_s)
    first, second = rehearse(
        one_day(call(1, 10.0, work), call(2, 112.0, work), ann=READY), rules(**sales), check=True
    ).records
    assert second.waited_s == pytest.approx(lasts_s + 2.0, abs=0.001)
    assert first.disposition == second.disposition == ("sale" if "disposition" in sales else "")


def test_a_second_stage_is_sent_on_to_its_queue() -> None:
    day = one_day(call(1, 10.0, Stage("sales", 50.0), Stage("billing", 70.0)), ann=READY, bob=READY)
    (record,) = rehearse(day, rules(), check=True).records
    assert record.agents == ["ann", "bob"] and record.queue == "billing"
    assert record.talked_s == pytest.approx(120.0)


def test_one_that_hangs_up_in_the_menu_does_so_again() -> None:
    menu = day_rules()
    day = Day(
        "2023-11-14", 0.0, 3600.0,
        (
            Arrival("1", 10.0, "voice", ChannelClass.VOICE, "+331", "+33100", stages=(Stage("", 60.0),),
                    leaves_flow_s=1.5),
            Arrival("2", 20.0, "voice", ChannelClass.VOICE, "+331", "+33100", stages=(Stage("", 60.0),),
                    keys=("2",), leaves_flow_s=30.0, patience_s=45.0),
        ),
        (),
    )  # fmt: skip
    first, second = rehearse(day, menu, check=True).records
    assert first.outcome == "flow" and first.ended_at - first.began_at == 1.5
    assert second.queue == "support" and second.outcome == "abandoned"


def test_who_is_logged_out_at_the_end_of_the_day_finishes_and_takes_nothing_new() -> None:
    work = Stage("sales", 600.0)
    day = one_day(call(1, 3500.0, work), call(2, 3550.0, work, patience_s=900.0), ann=READY)
    found = rehearse(day, rules(), check=True)
    first, second = found.records
    assert first.outcome == "handled" and first.talked_s == 600.0
    assert second.outcome == "abandoned"
    assert found.worked["ann"].idle_s == pytest.approx(3500.0) and found.worked[
        "ann"
    ].busy_s == pytest.approx(602.0)


def test_a_message_is_spoken_heard_and_done() -> None:
    day = one_day(call(1, 10.0, Stage("sales", 60.0)), call(2, 12.0, Stage("sales", 60.0)), ann=READY)
    found = rehearse(day, rules(max_wait_s=30.0, overflow=Target(voicemail="sales")), check=True)
    first, second = found.records
    assert first.outcome == second.outcome == "handled"
    assert [note.what for note in second.timeline].count("voicemail done") == 1
    voice, message = [stay for record in (second,) for stay in stays_of(record)]
    queued, played = (
        next(note.at for note in second.timeline[at:] if note.what == what)
        for at, what in ((4, "voicemail kept"), (0, "voicemail played"))
    )
    assert (voice.outcome, message.outcome) == ("overflowed", "handled")
    assert message.wait_s == pytest.approx(played - queued) and message.talk_s > 0
    assert second.waited_s == pytest.approx(voice.wait_s + message.wait_s)


def test_overflow_to_an_outside_address_is_answered_there() -> None:
    day = one_day(call(1, 10.0, Stage("sales", 60.0)))
    found = rehearse(day, rules(max_wait_s=30.0, overflow=Target(address="+33900")), check=True)
    (record,) = found.records
    assert record.outcome == "overflowed" and record.ended_at - record.began_at == pytest.approx(95.0)


def test_nothing_is_offered_to_an_agent_whose_phone_does_not_answer() -> None:
    day = one_day(call(1, 10.0, Stage("sales", 60.0), patience_s=600.0), ann=READY)
    dead = (Reach(0.0, "ann", True), Reach(5.0, "ann", False), Reach(100.0, "ann", True))
    day = msgspec.structs.replace(day, reaches=dead)
    (record,) = rehearse(day, rules(), check=True).records
    assert record.outcome == "handled" and record.waited_s == pytest.approx(92.0)


def test_profiles_are_turned_on_as_on_the_day_where_a_configuration_has_them() -> None:
    day = one_day(call(1, 10.0, Stage("sales", 60.0), patience_s=600.0), bob=READY)
    rush = Order(50.0, facts.ProfileSet("rush", True, "ann"))
    day = msgspec.structs.replace(day, orders=(rush,))
    (record,) = rehearse(day, rules(), check=True).records
    assert record.outcome == "abandoned"
    profile = ProfileRule(name="rush", agents={"bob": {"join": ["sales"]}})
    peak = msgspec.structs.replace(rules(), profiles={"rush": profile})
    (record,) = rehearse(day, peak, check=True).records
    assert record.agents == ["bob"] and record.waited_s == pytest.approx(42.0)


# -- against theory ----------------------------------------------------------------------------------------


def erlang_day(calls: int, calls_per_h: float, aht_s: float, patience_s: float | None) -> Day:
    """Poisson arrivals, exponential work and patience, twelve agents who answer at once and never pause."""
    draws, at, arrivals = Draws(1, "erlang"), 0.0, []
    for place in range(calls):
        at += exponential(draws.share(), 3600.0 / calls_per_h)
        work = Stage("sales", exponential(draws.share(), aht_s))
        patience = exponential(draws.share(), patience_s) if patience_s else None
        arrivals.append(call(place, at, work, patience_s=patience, answer_s=0.0))
    people = tuple(Presence(0.0, f"a{number}", Availability.READY) for number in range(12))
    return Day("2023-11-14", 0.0, at, tuple(arrivals), people)


@pytest.mark.parametrize(
    ("patience_s", "level_pct", "asa_s"), [(None, 7.0, 13.0), (120.0, 1.5, 0.7)], ids=["C", "A"]
)
def test_a_day_without_surprises_comes_out_as_erlang_says(
    patience_s: float | None, level_pct: float, asa_s: float
) -> None:
    """The engine and the people of the day agree with theory: within three standard deviations of such a day,
    which are large where nobody gives up and small where people do."""
    names = tuple(f"a{number}" for number in range(12))
    agents = {name: AgentRule(name=name, devices=(name,)) for name in names}
    queue = QueueRule(name="sales", agents=names)
    day = erlang_day(6_000, 180.0, 180.0, patience_s)
    found = rehearse(day, Rules(agents=agents, queues={"sales": queue}))
    figures = by_queue(stays(found), {})["sales"]
    theory = forecast(Traffic(180.0, 180.0, patience_s or 0.0), 12, 20.0)
    worked = found.worked.values()
    busy_s, idle_s = sum(each.busy_s for each in worked), sum(each.idle_s for each in worked)
    in_time_pct = 100 * figures.in_service_level / figures.offered
    assert 100 * busy_s / (busy_s + idle_s) == pytest.approx(theory.occupancy_pct, abs=2.0)
    assert in_time_pct == pytest.approx(theory.service_level_pct, abs=level_pct)
    assert figures.wait_sum_s / figures.handled == pytest.approx(theory.asa_s, abs=asa_s)
    assert 100 * figures.abandoned / figures.offered == pytest.approx(theory.abandon_pct or 0.0, abs=0.7)
