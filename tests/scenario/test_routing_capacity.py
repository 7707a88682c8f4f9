"""The routing engine. What an agent can hold: loads, ceilings, interruption, reserve, hold, other limits."""

import pytest

from ccd.model.nouns import Cause, ChannelClass, OfferEnd
from ccd.model.rules import Target
from ccd.model.trace import Why
from ccd.routing import decisions as d
from tests.scenario.routing_hall import TICK, Floor, every, only, traced, whys

VOICE, CHAT, MAIL, TASK = (
    ChannelClass.VOICE,
    ChannelClass.LIVE_TEXT,
    ChannelClass.DEFERRED_TEXT,
    ChannelClass.TASK,
)
BOTH = ("ann", "bob")


def test_an_agents_own_load_goes_before_the_queues() -> None:
    floor = Floor({"ann": {"load": {CHAT: 50}}}, sales={"agents": ("ann",), "load": {CHAT: 20}})
    for name in ("c1", "c2", "c3"):
        floor.chat(name)
    assert floor.agents_of("c1", "c2", "c3") == ["ann", "ann", "-"]


def test_a_ceiling_holds_whatever_room_is_left() -> None:
    floor = Floor({"ann": {"most": {CHAT: 2}}}, sales={"agents": ("ann",), "load": {CHAT: 10}})
    floor.chat("c1")
    floor.chat("c2")
    out = floor.chat("c3")
    assert traced(out).passed[0].why is Why.CEILING
    assert traced(out).passed[0].detail == "live_text 2/2"
    assert only(floor.mail("m1"), d.Offer).agent == "ann"  # the ceiling is of chats
    floor.talk("c1")
    assert only(floor.router.finish("c1", floor.now), d.Offer).interaction == "c3"


def test_a_call_interrupts_mail_but_never_a_call() -> None:
    rule = {"agents": ("ann",), "interrupts": {VOICE: (MAIL, TASK)}}
    floor = Floor({"ann": {}}, sales=rule)
    floor.mail("m1")
    assert only(floor.call("v1"), d.Offer).agent == "ann"
    assert every(floor.call("v2"), d.Offer) == []
    assert every(floor.mail("m2"), d.Offer) == []  # there is no room for mail beside a call


def test_a_chat_is_not_interrupted_unless_the_rules_say_so() -> None:
    floor = Floor({"ann": {}}, sales={"agents": ("ann",), "interrupts": {VOICE: (MAIL,)}})
    floor.chat("c1")
    assert every(floor.call("v1"), d.Offer) == []


def test_the_reserve_keeps_the_last_agents_for_calls() -> None:
    floor = Floor(
        {"ann": {}, "bob": {}, "cat": {}}, sales={"agents": ("ann", "bob", "cat"), "reserve": {VOICE: 2}}
    )
    floor.chat("c1")
    floor.chat("c2")
    out = floor.chat("c3")  # all fit to ann, who is lost for calls anyhow
    assert floor.agents_of("c1", "c2", "c3") == ["ann", "ann", "ann"]
    out = floor.chat("c4")
    assert every(out, d.Offer) == []
    assert whys(traced(out)) == {"ann": Why.LOAD, "bob": Why.RESERVE, "cat": Why.RESERVE}
    assert only(floor.call("v1"), d.Offer).agent == "bob"


def test_the_last_agent_for_calls_takes_any_number_of_mails_that_calls_may_interrupt() -> None:
    """And no chat, which they may not: beside it, and the mails apart, there is no room for a call."""
    rule = {"agents": ("ann",), "reserve": {VOICE: 1}, "interrupts": {VOICE: (MAIL,)}}
    floor = Floor({"ann": {}}, sales=rule)
    for name in ("m1", "m2", "m3"):
        floor.mail(name)
    assert floor.agents_of("m1", "m2", "m3") == ["ann", "ann", "ann"]
    assert whys(traced(floor.chat("c1"))) == {"ann": Why.RESERVE}
    assert only(floor.call("v1"), d.Offer).agent == "ann"


def test_the_reserve_keeps_the_last_agent_also_from_what_is_kept_for_this_agent() -> None:
    floor = Floor({"ann": {}, "bob": {}}, sales={"agents": ("ann", "bob"), "reserve": {VOICE: 2}})
    assert every(floor.chat("c1", prefer="ann", prefer_wait_s=30.0), d.Offer) == []
    assert only(floor.call("v1", prefer="ann", prefer_wait_s=30.0), d.Offer).agent == "ann"


def test_what_the_reserve_held_back_goes_to_others_when_one_more_is_free() -> None:
    agents = {name: {"skills": {"chat": 1} if name != "cat" else {}} for name in ("ann", "bob", "cat")}
    floor = Floor(agents, sales={"agents": tuple(agents), "reserve": {VOICE: 2}})
    floor.router.occupy("cat", "own", 100, floor.now)
    assert every(floor.chat("c1", requirement="chat"), d.Offer) == []
    out = floor.router.vacate("cat", "own", floor.now)  # who cannot chat
    assert only(out, d.Offer).agent == "ann"
    assert traced(out).cue == "queue free"


def test_working_on_while_one_is_on_hold() -> None:
    floor = Floor({"ann": {"works_on_hold": True}}, sales={"agents": ("ann",)})
    floor.call("v1")
    floor.talk("v1")
    floor.call("v2")
    assert only(floor.router.hold("v1", True, floor.now), d.Offer).interaction == "v2"
    floor.talk("v2")
    assert floor.router.hold("v1", True, floor.now) == []
    assert floor.router.hold("v1", False, floor.now) == []
    view = floor.router.agent_view("ann", floor.now)
    assert view is not None
    assert view.load == 200
    floor.call("v3")
    assert every(floor.router.finish("v2", floor.now), d.Offer) == []
    assert only(floor.router.finish("v1", floor.now), d.Offer).interaction == "v3"


def test_on_hold_counts_where_it_is_not_allowed() -> None:
    floor = Floor({"ann": {}}, sales={"agents": ("ann",)})
    floor.call("v1")
    floor.talk("v1")
    floor.call("v2")
    assert floor.router.hold("v1", True, floor.now) == []


# -- limits of a queue -------------------------------------------------------------------------


def test_max_active_is_why_one_is_passed_over_who_came_later_before() -> None:
    names = ("ann", "bob", "cat")
    floor = Floor(
        {name: {} for name in names}, sales={"agents": names, "max_active": 1}, help={"agents": names}
    )
    assert whys(traced(floor.call("h1", "help"))) == {"bob": Why.LATER_IN_ORDER, "cat": Why.LATER_IN_ORDER}
    assert whys(traced(floor.call("i1"))) == {"ann": Why.LOAD, "cat": Why.LATER_IN_ORDER}
    assert whys(traced(floor.call("i2"))) == {"ann": Why.LOAD, "bob": Why.LOAD, "cat": Why.MAX_ACTIVE}


def test_max_active_lets_the_rest_wait_for_an_end_not_for_an_agent() -> None:
    floor = Floor({"ann": {}, "bob": {}}, sales={"agents": BOTH, "max_active": 1}, help={"agents": BOTH})
    floor.call("i1")
    out = floor.call("i2")
    assert whys(traced(out)) == {"ann": Why.LOAD, "bob": Why.MAX_ACTIVE}
    assert traced(out).passed[1].detail == "1/1"
    floor.talk("i1")
    floor.call("h1", "help")
    assert floor.agents_of("i2", "h1") == ["-", "bob"]
    out = floor.router.finish("i1", floor.now)
    assert only(out, d.Offer).interaction == "i2"


def test_max_active_the_free_agent_gets_it_when_another_ends() -> None:
    floor = Floor({"ann": {}, "bob": {}}, sales={"agents": BOTH, "max_active": 1, "wrap_up_s": 30.0})
    floor.call("i1")
    floor.talk("i1")
    floor.call("i2")
    out = floor.router.finish("i1", floor.now)  # ann is in wrap-up
    assert only(out, d.Offer).agent == "bob"


def test_max_active_a_ring_that_ends_lets_the_first_of_the_queue_ring() -> None:
    floor = Floor({"ann": {}, "bob": {}}, sales={"agents": BOTH, "max_active": 1})
    offer = only(floor.call("i1"), d.Offer)
    floor.call("i2", requirement="")
    out = floor.router.withdraw("i1", floor.now, Cause.CANCELLED)
    assert only(out, d.Offer).interaction == "i2"
    offer = only(out, d.Offer)
    floor.call("i3", priority=1)
    out = floor.router.missed(offer.offer, OfferEnd.REJECTED, floor.now)
    assert only(out, d.Offer).interaction == "i3"


def test_max_active_a_ring_that_ends_lets_one_ring_whom_that_agent_could_not_take() -> None:
    agents: dict[str, dict[str, object]] = {
        "ann": {"skills": {"french": 1}},
        "bob": {"skills": {"german": 1}},
    }
    floor = Floor(agents, sales={"agents": BOTH, "max_active": 1})
    floor.call("i1", requirement="french")
    assert every(floor.call("i2", requirement="german"), d.Offer) == []
    out = floor.router.withdraw("i1", floor.now, Cause.CANCELLED)
    assert only(out, d.Offer).agent == "bob"
    assert traced(out).cue == "queue free"


@pytest.mark.parametrize(("what", "away"), [("logged_out", "logout"), ("not_ready", "pause")])
def test_join_empty_gives_back_who_arrives_when_nobody_is_there(what: str, away: str) -> None:
    floor = Floor({"ann": {}, "bob": {}}, sales={"agents": BOTH, "join_empty": what})
    getattr(floor, away)("ann")
    floor.router.occupy("bob", "own", 100, floor.now)
    assert every(floor.call("i1"), d.Overflow) == []  # bob is there, though busy
    getattr(floor, away)("bob")
    assert only(floor.call("i2"), d.Overflow).why == "no_agents"
    assert floor.router.waiting("sales") == ["i1"]


@pytest.mark.parametrize(("what", "away"), [("logged_out", "logout"), ("not_ready", "pause")])
def test_leave_empty_gives_back_who_waits_when_the_last_goes(what: str, away: str) -> None:
    floor = Floor({"ann": {}, "bob": {}}, sales={"agents": BOTH, "leave_empty": what, "ring_timeout_s": 10.0})
    offer = only(floor.call("i1"), d.Offer)
    floor.router.occupy("bob", "own", 100, floor.now)
    floor.call("i2")
    assert every(getattr(floor, away)("bob"), d.Overflow) == []
    out = getattr(floor, away)("ann")  # whose phone rings for i1
    assert [one.end for one in every(out, d.OfferWithdrawn)] == [OfferEnd.WITHDRAWN]
    assert [(one.interaction, one.why) for one in every(out, d.Overflow)] == [
        ("i1", "no_agents"),
        ("i2", "no_agents"),
    ]
    assert floor.router.next_deadline() is None
    assert floor.at(offer.deadline + TICK) == []


def test_max_load_gives_back_who_would_be_one_too_many_for_each_ready_agent() -> None:
    floor = Floor(
        {"ann": {}, "bob": {}}, sales={"agents": BOTH, "max_load": 1.5, "overflow": Target(flow="x")}
    )
    for agent in BOTH:
        floor.router.occupy(agent, "own", 100, floor.now)  # busy, but ready
    for name in ("i1", "i2", "i3"):
        assert every(floor.call(name), d.Overflow) == []
    out = floor.call("i4")
    assert only(out, d.Overflow) == d.Overflow("i4", "sales", Target(flow="x"), "max_load")
    assert traced(out).detail == "3 waiting, 2 ready"
    floor.pause("bob")
    floor.router.withdraw("i2", floor.now, Cause.CANCELLED)
    floor.router.withdraw("i3", floor.now, Cause.CANCELLED)
    assert only(floor.call("i5"), d.Overflow).why == "max_load"  # two for one agent
    assert floor.router.waiting("sales") == ["i1"]  # who waits stays


def test_max_load_counts_who_rings_and_lets_a_free_agent_take_it() -> None:
    floor = Floor({"ann": {}, "bob": {}}, sales={"agents": BOTH, "max_load": 0.5})
    assert only(floor.call("i1"), d.Offer).agent == "ann"
    assert only(floor.call("i2"), d.Offer).agent == "bob"  # taken at once: it does not wait
    assert only(floor.call("i3"), d.Overflow).why == "max_load"


def test_max_load_is_passed_by_the_first_when_nobody_is_ready() -> None:
    floor = Floor({"ann": {}}, sales={"agents": ("ann",), "max_load": 100.0, "join_empty": "logged_out"})
    floor.pause("ann")
    assert only(floor.call("i1"), d.Overflow).why == "max_load"
    floor.logout("ann")
    assert only(floor.call("i2"), d.Overflow).why == "no_agents"


def test_an_attempt_that_comes_to_nothing_frees_its_agent_for_the_first_of_all_queues() -> None:
    """The queue of the callback may offer again at the same moment: it does not go before the others."""
    floor = Floor({"ann": {}}, sales={"agents": ("ann",), "max_active": 1}, help={"agents": ("ann",)})
    floor.call("c1")
    floor.router.call_back("c1", floor.now + 600, floor.now + 15, floor.now)
    assert only(floor.router.wake("c1", floor.now), d.Offer).agent == "ann"
    for name, queue in (("h1", "help"), ("s1", "sales")):
        floor.now += 1
        floor.call(name, queue)
    out = floor.router.rest("c1", floor.now + 60, "busy", floor.now)
    assert only(out, d.Offer).interaction == "h1"
