"""The routing engine. A place lost by hanging up, and given back to who calls again soon."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.model.nouns import Cause, ChannelClass
from ccd.routing import decisions as d
from ccd.routing import redial
from ccd.routing.router import Router
from ccd.routing.state import RoutingState
from tests.scenario.routing_hall import TICK, Floor, Hall, every, only, traced

ANNA, BERT = "+33612345678", "+33687654321"
KEEPS_S = 300.0


def busy(**rule: Any) -> Hall:
    """Nobody is ready: all wait."""
    return Hall("ann", ready="", **{"redial_s": KEEPS_S, **rule})


def hang_up(hall: Hall, name: str, customer: str = ANNA, cause: Cause = Cause.CANCELLED) -> list[d.Decision]:
    return hall.router.withdraw(name, hall.now, cause, customer)


def lost_and_passed(hall: Hall) -> float:
    """Anna waits, then bert; anna hangs up ten seconds later. Since when anna waited."""
    began = hall.now
    hall.call("a1", customer=ANNA)
    hall.now += 1
    hall.call("b1", customer=BERT)
    hall.now += 9
    hang_up(hall, "a1")
    return began


@pytest.mark.parametrize(
    ("after", "back"), [(KEEPS_S - TICK, True), (KEEPS_S, False), (KEEPS_S + TICK, False)]
)
def test_who_calls_again_within_the_time_has_the_old_place(after: float, back: bool) -> None:
    hall = busy()
    began = lost_and_passed(hall)
    hall.at(hall.now + after)
    out = hall.call("a2", customer=ANNA)
    assert hall.router.waiting("sales", hall.now) == (["a2", "b1"] if back else ["b1", "a2"])
    place = hall.router.state.places["a2"]
    assert (place.entered_at, place.enqueued_at) == (began if back else hall.now, hall.now)
    assert bool(every(out, d.PlaceTakenBack)) is back


def test_it_is_decided_and_explained() -> None:
    hall = busy()
    began = hall.now
    hall.call("a1", customer=ANNA)
    hall.now += 10
    assert only(hang_up(hall, "a1"), d.PlaceKept) == d.PlaceKept("a1", "sales", hall.now + KEEPS_S)
    hall.now += 42
    out = hall.call("a2", customer=ANNA)
    assert only(out, d.PlaceTakenBack) == d.PlaceTakenBack("a2", "sales", "a1", 42.0, began)
    first, waits = (each.trace for each in every(out, d.Traced))
    assert (first.what, first.detail) == ("took back", "the place of a1, lost 42 s ago")
    assert waits.position == 1


def test_the_wait_that_counts_is_that_of_the_new_interaction_alone() -> None:
    hall = busy(service_level_s=20.0)
    lost_and_passed(hall)
    hall.now += 60
    hall.call("a2", customer=ANNA)
    hall.router.set_reachable("ann", True, hall.now)
    assert only(hall.ready("ann"), d.Offer).interaction == "a2"
    hall.now += 5
    hall.router.answered(hall.router.offer_of("a2"), hall.now)
    handled = only(hall.router.bridged("a2", hall.now), d.Handled)
    assert (handled.waited_s, handled.in_service_level) == (5.0, True)


def test_it_is_given_back_once_and_lost_again_by_hanging_up_again() -> None:
    hall = busy()
    began = lost_and_passed(hall)
    hall.call("a2", customer=ANNA)
    assert every(hall.call("a3", customer=ANNA), d.PlaceTakenBack) == []
    hall.now += 10
    hang_up(hall, "a2")
    hall.now += KEEPS_S - TICK
    assert only(hall.call("a4", customer=ANNA), d.PlaceTakenBack).entered_at == began


def test_a_number_of_which_several_hung_up_has_one_place_kept_that_of_who_entered_first() -> None:
    hall = busy()
    began = hall.now
    for name in ("a1", "a2", "a3"):
        hall.call(name, customer=ANNA)
        hall.now += 1
    assert every(hang_up(hall, "a2"), d.PlaceKept)
    out = hang_up(hall, "a1")
    assert only(out, d.PlaceForgotten).interaction == "a2" and only(out, d.PlaceKept).interaction == "a1"
    assert not every(hang_up(hall, "a3"), d.PlaceKept)
    assert only(hall.call("a4", customer=ANNA), d.PlaceTakenBack).entered_at == began
    assert not every(hall.call("a5", customer=ANNA), d.PlaceTakenBack)


@pytest.mark.parametrize("cause", [Cause.NORMAL, Cause.MEDIA_LOST, Cause.RESTART])
def test_a_line_that_was_cut_keeps_the_place_too(cause: Cause) -> None:
    hall = busy()
    hall.call("a1", customer=ANNA)
    hang_up(hall, "a1", cause=cause)
    hall.now += 1
    assert every(hall.call("a2", customer=ANNA), d.PlaceTakenBack)


def test_no_place_is_kept_for_who_is_not_known_or_was_moved_or_served_or_where_it_is_off() -> None:
    hall = busy()
    hall.call("a1")
    assert not every(hang_up(hall, "a1", customer=""), d.PlaceKept)
    hall.call("a2", customer=ANNA)
    assert not every(hang_up(hall, "a2", cause=Cause.TRANSFERRED), d.PlaceKept)
    off = busy(redial_s=0.0)
    off.call("a1", customer=ANNA)
    assert not every(hang_up(off, "a1"), d.PlaceKept) and not off.router.state.lost


def test_another_channel_class_another_queue_and_another_number_have_nothing_of_it() -> None:
    floor = Floor(
        {"ann": {}}, sales={"agents": (), "redial_s": KEEPS_S}, help={"agents": (), "redial_s": KEEPS_S}
    )
    floor.call("a1", customer=ANNA)
    hang_up(floor, "a1")
    floor.now += 1
    for out in (
        floor.chat("c1", customer=ANNA),
        floor.call("a2", "help", customer=ANNA),
        floor.call("b1", customer=BERT),
        floor.call("x1"),
    ):
        assert not every(out, d.PlaceTakenBack)
    assert every(floor.call("a3", customer=ANNA), d.PlaceTakenBack)


def test_who_waits_longer_already_keeps_the_better_place_of_its_own() -> None:
    hall = busy()
    lost_and_passed(hall)
    earlier = hall.now - 500
    hall.call("a2", customer=ANNA, entered_at=earlier)
    assert hall.router.state.places["a2"].entered_at == earlier
    assert every(hall.call("a3", customer=ANNA), d.PlaceTakenBack), "the place is still there"


def test_nothing_is_remembered_after_the_time() -> None:
    hall = busy()
    lost_and_passed(hall)
    assert hall.router.next_deadline() == hall.now + KEEPS_S
    assert hall.at(hall.now + KEEPS_S - TICK) == []
    assert hall.at(hall.now + TICK) == [d.PlaceForgotten("a1", "sales")]
    assert not hall.router.state.lost and hall.router.next_deadline() is None


def test_a_restart_keeps_it() -> None:
    hall = busy()
    lost_and_passed(hall)
    state = msgspec.msgpack.decode(msgspec.msgpack.encode(hall.router.state), type=RoutingState)
    hall.router = Router(hall.rules, state)
    assert hall.router.next_deadline() == hall.now + KEEPS_S
    assert every(hall.call("a2", customer=ANNA), d.PlaceTakenBack)


def test_new_rules_hold_at_once() -> None:
    hall = busy()
    lost_and_passed(hall)
    hall.now += 30

    def load(redial_s: float) -> list[d.Decision]:
        sales = msgspec.structs.replace(hall.rules.queues["sales"], redial_s=redial_s)
        return hall.router.load_rules(msgspec.structs.replace(hall.rules, queues={"sales": sales}), hall.now)

    assert load(40.0) == [] and hall.router.next_deadline() == hall.now + 10
    assert load(0.0) == [d.PlaceForgotten("a1", "sales")]
    assert not every(hall.call("a2", customer=ANNA), d.PlaceTakenBack)


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redial, "MOST_KEPT", 3)
    hall = busy()
    for number in range(5):
        hall.now += 1
        hall.call(f"i{number}", customer=f"+3361234567{number}")
        hang_up(hall, f"i{number}", f"+3361234567{number}")
    assert list(hall.router.state.lost) == ["i2", "i3", "i4"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["call", "chat", "leave", "time"]),
            st.integers(0, 2),
            st.sampled_from([0.0, 1.0, 7.0, 20.0]),
        ),
        max_size=60,
    )
)
def test_whatever_happens_no_place_is_given_twice_nor_after_its_time(
    moves: list[tuple[str, int, float]],
) -> None:
    """Against a plain list of all who ever hung up."""
    hall = busy(redial_s=20.0)
    waiting: dict[str, tuple[int, str, float]] = {}
    left: list[tuple[int, str, float, float, str]] = []
    for number, (what, customer, step) in enumerate(moves):
        hall.at(hall.now + step)
        left = [each for each in left if hall.now < each[3] + 20.0]
        known = f"+3361234567{customer}"
        if what in ("call", "chat"):
            out = (hall.call if what == "call" else hall.chat)(f"i{number}", customer=known)
            mine = [each for each in left if each[:2] == (customer, what) and each[2] < hall.now]
            taken = every(out, d.PlaceTakenBack)
            assert [each.place_of for each in taken] == [each[4] for each in mine]
            left = [each for each in left if each not in mine]
            waiting[f"i{number}"] = (customer, what, mine[0][2] if mine else hall.now)
        elif what == "leave" and waiting:
            name = min(waiting)
            of, kind, since = waiting.pop(name)
            hang_up(hall, name, f"+3361234567{of}")
            same = [each for each in left if each[:2] == (of, kind)]
            if not same or since < same[0][2]:
                left = [each for each in left if each not in same] + [(of, kind, since, hall.now, name)]
        lost = hall.router.state.lost
        assert set(lost) == {each[4] for each in left}
        classes = {"call": ChannelClass.VOICE, "chat": ChannelClass.LIVE_TEXT}
        assert {(each.customer[-1], each.channel_class) for each in lost.values()} == {
            (str(each[0]), classes[each[1]]) for each in left
        }


def test_a_queue_that_is_full_sends_it_on_with_the_place_it_took_back() -> None:
    hall = busy(max_length=1)
    began = hall.now
    hall.call("a1", customer=ANNA)
    hang_up(hall, "a1")
    hall.now += 1
    hall.call("b1", customer=BERT)
    out = hall.call("a2", customer=ANNA)
    assert only(out, d.PlaceTakenBack).entered_at == began
    assert only(out, d.Overflow).why == "max_length" and traced(out).what == "overflowed"
