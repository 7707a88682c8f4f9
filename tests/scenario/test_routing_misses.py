"""The routing engine. Ring timeouts, retries, misses, and ends between offer and bridge."""

import pytest

from ccd.errors import IllegalMove
from ccd.model.nouns import Availability, Cause, OfferEnd, Outcome
from ccd.model.trace import Why
from ccd.routing import decisions as d
from tests.scenario.routing_hall import TICK, Hall, every, only, traced, whys

# -- ring timeout, retry, misses ---------------------------------------------------------------


def test_ring_timeout_asks_the_next_agent() -> None:
    hall = Hall(ring_timeout_s=12.0)
    offer = only(hall.call("i1"), d.Offer)
    began = hall.now
    assert hall.router.next_deadline() == began + 12.0
    assert hall.at(began + 12.0 - TICK) == []
    out = hall.at(began + 12.0)
    assert out[0] == d.OfferWithdrawn(offer.offer, "i1", "ann", OfferEnd.NO_ANSWER)
    assert out[1] == d.Missed(offer.offer, "i1", "ann", "sales", OfferEnd.NO_ANSWER)
    assert only(out, d.Offer).agent == "bob"
    assert whys(traced(out)) == {"ann": Why.MISSED}
    assert hall.router.answered(offer.offer, hall.now) == [d.StaleOffer(offer.offer)]


def test_text_offers_have_their_own_time() -> None:
    hall = Hall("ann", text_timeout_s=45.0)
    assert only(hall.chat("c1"), d.Offer).deadline == hall.now + 45.0


def test_answer_one_tick_before_the_deadline_stops_it() -> None:
    hall = Hall()
    offer = only(hall.call("i1"), d.Offer)
    hall.at(offer.deadline - TICK)
    assert hall.router.answered(offer.offer, hall.now) == []
    assert hall.at(offer.deadline + 100) == []
    assert only(hall.router.bridged("i1", hall.now), d.Handled).agent == "ann"


def test_only_agent_is_asked_again_after_retry_time_not_before() -> None:
    hall = Hall("ann", retry_same_after_s=30.0)
    offer = only(hall.call("i1"), d.Offer)
    out = hall.router.missed(offer.offer, OfferEnd.REJECTED, hall.now)
    missed_at = hall.now
    assert every(out, d.Offer) == []
    assert traced(out).what == "waits"
    assert hall.router.next_deadline() == missed_at + 30.0
    assert hall.at(missed_at + 30.0 - TICK) == []
    again = only(hall.at(missed_at + 30.0), d.Offer)
    assert (again.agent, again.offer) == ("ann", "o2")


def test_missing_one_interaction_does_not_bar_others() -> None:
    hall = Hall("ann")
    offer = only(hall.call("i1"), d.Offer)
    hall.call("i2")
    out = hall.router.missed(offer.offer, OfferEnd.BUSY, hall.now)
    assert only(out, d.Offer).interaction == "i2"


def test_without_retry_time_the_agent_takes_the_first_of_all_that_wait() -> None:
    hall = Hall("ann", retry_same_after_s=0.0)
    offer = only(hall.call("i1"), d.Offer)
    hall.call("vip", priority=1)
    assert only(hall.router.missed(offer.offer, OfferEnd.REJECTED, hall.now), d.Offer).interaction == "vip"


def test_who_missed_goes_behind_those_who_did_not() -> None:
    hall = Hall("ann bob cat")
    offer = only(hall.call("i1"), d.Offer)
    hall.router.missed(offer.offer, OfferEnd.NO_ANSWER, hall.now)  # ann missed, bob rings
    assert only(hall.call("i2"), d.Offer).agent == "cat"
    assert only(hall.call("i3"), d.Offer).agent == "ann"


def test_auto_pause_after_misses_in_a_row_by_cause() -> None:
    hall = Hall("ann", retry_same_after_s=5.0, on_miss={OfferEnd.NO_ANSWER: 2}, miss_pause_reason="no show")
    hall.call("i1")
    deadline = hall.router.next_deadline()
    assert deadline is not None
    assert every(hall.at(deadline), d.AvailabilityChanged) == []
    offer = only(hall.at(hall.now + 5.0), d.Offer)
    hall.router.missed(offer.offer, OfferEnd.REJECTED, hall.now)  # another cause: not counted with it
    offer = only(hall.at(hall.now + 5.0), d.Offer)
    out = hall.at(offer.deadline)
    paused = only(out, d.AvailabilityChanged)
    assert paused == d.AvailabilityChanged(
        "ann", Availability.PAUSED, "no show", "policy:on_miss no_answer 2"
    )
    assert every(hall.at(hall.now + 60), d.Offer) == []
    assert only(hall.ready("ann"), d.Offer).interaction == "i1"


def test_ready_again_forgives_misses() -> None:
    hall = Hall("ann", on_miss={OfferEnd.REJECTED: 2})
    for name in ("i1", "i2"):
        hall.router.missed(only(hall.call(name), d.Offer).offer, OfferEnd.REJECTED, hall.now)
    hall.ready("ann")
    out = hall.router.missed(only(hall.call("i3"), d.Offer).offer, OfferEnd.REJECTED, hall.now)
    assert every(out, d.AvailabilityChanged) == []


def test_offer_that_could_not_be_made_is_nobodys_miss() -> None:
    hall = Hall("ann bob", on_miss={OfferEnd.WITHDRAWN: 1})
    offer = only(hall.call("i1"), d.Offer)
    out = hall.router.missed(offer.offer, OfferEnd.WITHDRAWN, hall.now)
    assert every(out, d.Missed) + every(out, d.AvailabilityChanged) == []
    assert only(out, d.Offer).agent == "bob"
    assert only(hall.call("i2"), d.Offer).agent == "ann"  # the turn was kept


def test_an_accepted_offer_forgives_misses() -> None:
    hall = Hall("ann", retry_same_after_s=5.0, on_miss={OfferEnd.REJECTED: 2})
    offer = only(hall.call("i1"), d.Offer)
    hall.router.missed(offer.offer, OfferEnd.REJECTED, hall.now)
    hall.at(hall.now + 5)
    hall.talk("i1")
    hall.router.finish("i1", hall.now)
    offer = only(hall.call("i2"), d.Offer)
    out = hall.router.missed(offer.offer, OfferEnd.REJECTED, hall.now)
    assert every(out, d.AvailabilityChanged) == []


def test_auto_pause_takes_back_the_agents_other_offers_in_order() -> None:
    hall = Hall("ann", on_miss={OfferEnd.REJECTED: 1})
    first = only(hall.chat("c1"), d.Offer)
    hall.chat("c2")
    out = hall.router.missed(first.offer, OfferEnd.REJECTED, hall.now)
    assert only(out, d.OfferWithdrawn) == d.OfferWithdrawn("o2", "c2", "ann", OfferEnd.WITHDRAWN)
    assert hall.router.waiting("sales") == ["c1", "c2"]
    assert hall.router.agent_of("c2") == ""


# -- between accept and bridge, and leaving ----------------------------------------------------


def test_vanished_agent_costs_the_customer_nothing_but_time() -> None:
    hall = Hall("ann bob")
    offer = only(hall.call("i1"), d.Offer)
    hall.call("i2")  # rings at bob
    hall.call("i3")
    hall.router.answered(offer.offer, hall.now)
    out = hall.router.missed(offer.offer, OfferEnd.VANISHED, hall.now)
    assert only(out, d.Missed).end is OfferEnd.VANISHED
    assert hall.router.waiting("sales")[0] == "i1"
    assert only(out, d.Offer).interaction == "i3"  # ann may take another, not this one again at once


def test_second_answer_is_stale() -> None:
    hall = Hall()
    offer = only(hall.call("i1"), d.Offer).offer
    assert hall.router.answered(offer, hall.now) == []
    assert hall.router.answered(offer, hall.now) == [d.StaleOffer(offer)]
    hall.router.bridged("i1", hall.now)
    assert hall.router.answered(offer, hall.now) == [d.StaleOffer(offer)]
    assert hall.router.missed(offer, OfferEnd.VANISHED, hall.now) == []


@pytest.mark.parametrize("accepted", [False, True])
def test_customer_who_leaves_frees_the_agent_who_keeps_the_turn(accepted: bool) -> None:
    hall = Hall()
    offer = only(hall.call("i1"), d.Offer).offer
    if accepted:
        hall.router.answered(offer, hall.now)
    hall.now += 3
    out = hall.router.withdraw("i1", hall.now, Cause.CANCELLED)
    assert out[0] == d.OfferWithdrawn(offer, "i1", "ann", OfferEnd.CUSTOMER_LEFT)
    assert out[1] == d.LeftQueue("i1", "sales", Outcome.ABANDONED, 3.0)
    assert only(hall.call("i2"), d.Offer).agent == "ann"


def test_customer_who_leaves_gives_the_agent_to_the_next() -> None:
    hall = Hall("ann")
    hall.call("i1")
    hall.call("i2")
    assert only(hall.router.withdraw("i1", hall.now, Cause.CANCELLED), d.Offer).interaction == "i2"


def test_moved_elsewhere_counts_as_overflowed() -> None:
    hall = Hall("ann", ready="")
    hall.call("i1")
    assert (
        only(hall.router.withdraw("i1", hall.now, Cause.TRANSFERRED), d.LeftQueue).outcome
        is Outcome.OVERFLOWED
    )
    view = hall.router.queue_view("sales", hall.now)
    assert view is not None
    assert (view.totals.offered, view.totals.overflowed, view.waiting) == (1, 1, 0)


def test_wrong_ends_are_refused_and_late_ones_ignored() -> None:
    hall = Hall("ann")
    hall.call("i1")
    with pytest.raises(IllegalMove):
        hall.router.finish("i1", hall.now)
    with pytest.raises(IllegalMove):
        hall.router.bridged("i1", hall.now)
    with pytest.raises(IllegalMove):
        hall.call("i1")
    hall.talk("i1")
    with pytest.raises(IllegalMove):
        hall.router.withdraw("i1", hall.now, Cause.NORMAL)
    hall.router.finish("i1", hall.now)
    for late in (hall.router.finish, hall.router.bridged):
        assert late("i1", hall.now) == []
    assert hall.router.withdraw("i1", hall.now, Cause.NORMAL) == []


def test_an_offer_that_ended_without_the_agents_doing_counts_nothing_and_costs_no_turn() -> None:
    hall = Hall("ann bob cat", on_miss={OfferEnd.WITHDRAWN: 1})
    offer = only(hall.call("i1"), d.Offer)
    hall.now += 1
    out = hall.router.missed(offer.offer, OfferEnd.WITHDRAWN, hall.now)
    assert (offer.agent, only(out, d.Offer).agent) == ("ann", "bob"), "not asked again at once"
    assert every(out, d.Missed) == [] and hall.router.state.agents["ann"].totals.missed == 0
    assert only(hall.call("i2"), d.Offer).agent == "ann", "still in the line for longer than cat"


def test_a_phone_that_refuses_our_audio_is_counted_apart_from_one_that_is_gone() -> None:
    """It is the administrator's affair: `unreachable = 1` does not pause the agent for it."""
    hall = Hall("ann", retry_same_after_s=5.0, on_miss={OfferEnd.UNREACHABLE: 1, OfferEnd.INCOMPATIBLE: 2})
    for turn in (1, 2):
        offer = f"o{turn}"
        hall.call("i1") if turn == 1 else hall.at(hall.now + 5.0)
        out = hall.router.missed(offer, OfferEnd.INCOMPATIBLE, hall.now)
        assert only(out, d.Missed).end is OfferEnd.INCOMPATIBLE
        assert bool(every(out, d.AvailabilityChanged)) is (turn == 2)
