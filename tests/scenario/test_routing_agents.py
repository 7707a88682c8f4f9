"""The routing engine. Availability, devices, other work, reload and restart."""

import msgspec
import pytest

from ccd.errors import Misconfigured
from ccd.model.nouns import Availability, OfferEnd
from ccd.model.rules import AgentRule, QueueRule, Rules, Target
from ccd.model.trace import Why
from ccd.routing import decisions as d
from ccd.routing.router import Router
from ccd.routing.state import RoutingState
from tests.scenario.routing_hall import Hall, every, only, traced

# -- availability, devices, other work ---------------------------------------------------------


@pytest.mark.parametrize("how", ["pause", "logout"])
def test_pause_or_logout_while_it_rings_asks_the_next(how: str) -> None:
    hall = Hall()
    offer = only(hall.call("i1"), d.Offer)
    out = getattr(hall, how)("ann")
    assert out[0].agent == "ann"
    assert only(out, d.OfferWithdrawn) == d.OfferWithdrawn(offer.offer, "i1", "ann", OfferEnd.WITHDRAWN)
    assert every(out, d.Missed) == []
    assert only(out, d.Offer).agent == "bob"


def test_pause_while_talking_counts_for_what_comes_after() -> None:
    hall = Hall("ann")
    hall.call("i1")
    hall.talk("i1")
    hall.pause("ann")
    hall.call("i2")
    assert every(hall.router.finish("i1", hall.now), d.Offer) == []
    hall.pause("ann", "training")
    assert only(hall.ready("ann"), d.Offer).interaction == "i2"


def test_same_availability_again_changes_nothing() -> None:
    hall = Hall("ann bob")
    hall.now += 5
    assert hall.ready("ann") == []
    assert only(hall.call("i1"), d.Offer).agent == "ann"


def test_lost_device_sends_the_caller_on_at_once_and_is_not_asked_again() -> None:
    hall = Hall(on_miss={OfferEnd.UNREACHABLE: 1})
    offer = only(hall.call("i1"), d.Offer)
    out = hall.router.set_reachable("ann", False, hall.now, "no answer to OPTIONS")
    assert only(out, d.OfferWithdrawn) == d.OfferWithdrawn(offer.offer, "i1", "ann", OfferEnd.UNREACHABLE)
    assert only(out, d.Missed).end is OfferEnd.UNREACHABLE
    assert only(out, d.AvailabilityChanged).availability is Availability.PAUSED
    assert only(out, d.Offer).agent == "bob"


def test_agent_without_device_gets_work_when_it_is_back() -> None:
    hall = Hall("ann")
    hall.router.set_reachable("ann", False, hall.now, "unregistered")
    out = hall.call("i1")
    assert traced(out).passed[0].why is Why.NO_DEVICE
    assert traced(out).passed[0].detail == "unregistered"
    assert only(hall.router.set_reachable("ann", True, hall.now), d.Offer).agent == "ann"


def test_own_call_is_busy_and_its_end_frees() -> None:
    hall = Hall("ann")
    hall.router.occupy("ann", "leg1", 100, hall.now)
    assert every(hall.call("i1"), d.Offer) == []
    assert hall.router.vacate("ann", "other", hall.now) == []
    assert only(hall.router.vacate("ann", "leg1", hall.now), d.Offer).interaction == "i1"
    assert hall.router.vacate("ann", "leg1", hall.now) == []


def test_transfer_to_an_agent_moves_the_work() -> None:
    hall = Hall(wrap_up_s=10.0)
    hall.call("i1")
    hall.talk("i1")
    hall.now += 30
    hall.router.occupy("bob", "i1", 100, hall.now)  # bob's phone rang and he took it
    out = hall.router.move("i1", "bob", hall.now)
    assert out[0] == d.Finished("i1", "ann", "sales", 30.0)
    assert only(out, d.WrapUpStarted).agent == "ann"
    assert hall.router.agent_of("i1") == "bob"
    bob = hall.router.agent_view("bob", hall.now)
    assert bob is not None
    assert (bob.load, bob.outside, bob.doing) == (100, (), "talking")
    hall.now += 5
    assert only(hall.router.finish("i1", hall.now), d.Finished) == d.Finished("i1", "bob", "sales", 5.0)
    view = hall.router.queue_view("sales", hall.now)
    assert view is not None
    assert (view.totals.handled, view.talking) == (1, 0)


def test_transfer_outside_ends_the_agents_part() -> None:
    hall = Hall("ann")
    hall.call("i1")
    hall.talk("i1")
    assert only(hall.router.move("i1", None, hall.now), d.Finished).agent == "ann"
    assert only(hall.call("i2"), d.Offer).agent == "ann"


# -- reload and restart ------------------------------------------------------------------------


def test_reload_keeps_offers_talks_wrap_up_and_availability() -> None:
    hall = Hall("ann bob cat", wrap_up_s=20.0)
    hall.call("i1")
    hall.talk("i1")
    hall.router.finish("i1", hall.now)  # ann wraps up
    hall.call("i2")
    hall.talk("i2")  # bob talks
    rings = only(hall.call("i3"), d.Offer)  # at cat
    before = msgspec.msgpack.encode(hall.router.state)
    assert hall.router.load_rules(hall.rules, hall.now + 1) == []
    assert msgspec.msgpack.encode(hall.router.state) == before
    assert hall.router.next_deadline() == min(rings.deadline, hall.now + 20.0)


@pytest.mark.parametrize("broken", [{"strategy": "nicest"}, {"requirement": "french and"}])
def test_rules_that_cannot_be_followed_change_nothing(broken: dict[str, str]) -> None:
    hall = Hall("ann")
    hall.call("i1")
    hall.call("i2")
    before = msgspec.msgpack.encode(hall.router.state)
    queues = {"help": QueueRule(name="help", **broken)}
    with pytest.raises(Misconfigured):
        hall.router.load_rules(msgspec.structs.replace(hall.rules, queues=queues), hall.now)
    assert msgspec.msgpack.encode(hall.router.state) == before
    assert hall.router.waiting("sales") == ["i1", "i2"]


def test_reload_adds_agents_and_queues_that_work_at_once() -> None:
    hall = Hall("ann", ready="")
    hall.call("i1")
    agents = {**hall.rules.agents, "bob": AgentRule(name="bob")}
    hall.router.load_rules(msgspec.structs.replace(hall.rules, agents=agents), hall.now)
    hall.router.set_reachable("bob", True, hall.now)
    assert every(hall.ready("bob"), d.Offer) == []  # not yet a member
    queue = msgspec.structs.replace(hall.rules.queues["sales"], agents=("ann", "bob"))
    out = hall.router.load_rules(Rules(agents=agents, queues={"sales": queue}), hall.now)
    assert only(out, d.Offer).agent == "bob"
    assert traced(out).cue == "rules"


def test_reload_gives_back_what_waits_in_a_removed_queue() -> None:
    hall = Hall("ann bob", overflow=Target(flow="bye"))
    hall.call("talks")
    hall.talk("talks")
    rings = only(hall.call("rings"), d.Offer)
    hall.call("waits")
    out = hall.router.load_rules(msgspec.structs.replace(hall.rules, queues={}), hall.now)
    assert {(one.interaction, one.why, one.target) for one in every(out, d.Overflow)} == {
        ("rings", "queue_removed", Target()),
        ("waits", "queue_removed", Target()),
    }
    told = {one.interaction: one.trace for one in every(out, d.Traced)}
    assert {name: (trace.what, trace.cue, trace.position) for name, trace in told.items()} == {
        "rings": ("overflowed", "queue_removed", 1),
        "waits": ("overflowed", "queue_removed", 1),  # the one before it is gone by then
    }
    assert only(out, d.OfferWithdrawn).offer == rings.offer
    assert only(hall.router.finish("talks", hall.now), d.Finished).queue == "sales"
    totals = hall.router.state.queues["sales"]
    assert (totals.offered, totals.handled, totals.overflowed) == (3, 1, 2)


def test_accepted_in_a_removed_queue_is_still_bridged_or_given_back() -> None:
    hall = Hall("ann bob")
    for name in ("i1", "i2"):
        hall.router.answered(only(hall.call(name), d.Offer).offer, hall.now)
    hall.router.load_rules(msgspec.structs.replace(hall.rules, queues={}), hall.now)
    assert only(hall.router.bridged("i1", hall.now), d.Handled).agent == "ann"
    out = hall.router.missed(hall.router.offer_of("i2"), OfferEnd.VANISHED, hall.now)
    assert only(out, d.Overflow).why == "queue_removed"


def test_removed_agent_finishes_and_is_forgotten() -> None:
    hall = Hall("ann bob")
    hall.call("i1")
    hall.talk("i1")
    queue = msgspec.structs.replace(hall.rules.queues["sales"], agents=("bob",))
    rules = Rules(agents={"bob": hall.rules.agents["bob"]}, queues={"sales": queue})
    out = hall.router.load_rules(rules, hall.now)
    assert only(out, d.AvailabilityChanged) == d.AvailabilityChanged(
        "ann", Availability.LOGGED_OUT, "removed", "config"
    )
    assert hall.router.agent_of("i1") == "ann"
    assert hall.ready("ann") == []
    assert only(hall.router.finish("i1", hall.now), d.Finished).agent == "ann"
    assert hall.router.agent_view("ann", hall.now) is None
    assert "ann" not in hall.router.state.agents


def test_restart_carries_every_deadline() -> None:
    hall = Hall(
        "ann bob cat", wrap_up_s=50.0, max_wait_s=100.0, announce_position=True, announce_every_s=30.0
    )
    hall.call("i1")
    hall.talk("i1")
    hall.router.finish("i1", hall.now)
    hall.router.missed(only(hall.call("i2"), d.Offer).offer, OfferEnd.BUSY, hall.now)
    hall.call("i3")
    hall.call("i4")
    dumped = msgspec.msgpack.encode(hall.router.state)
    twin = Router(hall.rules, msgspec.msgpack.decode(dumped, type=RoutingState))
    for _ in range(40):
        at = hall.router.next_deadline()
        assert at == twin.next_deadline()
        if at is None:
            break
        assert hall.router.expire(at) == twin.expire(at)
    assert at is None
    assert hall.router.state == twin.state
