"""The whole centre on virtual time. `ring_all`: phones ring together, and every party hears what is true."""

import pytest

from ccd.bridging.texts import FIRST_WORDS_S
from ccd.history.explain import explain, tell
from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import Cause
from ccd.model.rules import AgentRule, Rules
from ccd.runtime import views
from ccd.testing.centre import SimulatedCentre
from ccd.testing.parties import BUSY, NEVER, PROMPT_S, REJECTS, VANISHES
from tests.scenario.centre_rules import TICK, centre, doing, listed, rules, totals

NAMES = ("ann", "bob", "cat")


def ring_all(*agents: str, **sales: object) -> SimulatedCentre:
    """A simulated centre whose queue `sales` rings all three."""
    return centre(*(agents or NAMES), **{"agents": NAMES, "strategy": "ring_all", **sales})


def slow(sim: SimulatedCentre, **seconds: float) -> None:
    for agent, after in seconds.items():
        sim.phone(f"{agent}-phone", answers_after=after)


def rung(sim: SimulatedCentre, call: str) -> list[str]:
    """At whose phones it rings now."""
    return list(sim.centre.router.offers_of(sim.interaction_of(call)))


def leg_of(sim: SimulatedCentre, device: str) -> str:
    """The leg that was last dialled to a device."""
    dials = [one for one in sim.performed(cmd.DialLeg) if isinstance(one, cmd.DialLeg)]
    return next(dial.leg for dial in reversed(dials) if dial.devices == (device,))


def released(sim: SimulatedCentre, device: str) -> list[cmd.ReleaseLeg]:
    leg = leg_of(sim, device)
    return [
        one for one in sim.performed(cmd.ReleaseLeg) if isinstance(one, cmd.ReleaseLeg) and one.leg == leg
    ]


def test_the_first_who_answers_talks_and_the_others_hear_who_it_is() -> None:
    sim = ring_all(wrap_up_s=30.0)
    slow(sim, ann=9, bob=4, cat=6)
    call = sim.call(talks_for=10)
    assert rung(sim, call) == ["ann", "bob", "cat"]
    sim.run(4)
    assert sim.agent_of(call) == "bob" and sim.heard(call).peer == leg_of(sim, "bob-phone")
    for agent in ("ann", "cat"):
        (end,) = released(sim, f"{agent}-phone")
        assert (end.cause, end.by) == (Cause.ANSWERED_ELSEWHERE, "bob")
        assert doing(sim, agent) == "idle"
    sim.run(10)
    assert [doing(sim, agent) for agent in NAMES] == ["idle", "wrap_up", "idle"]
    assert sim.record(call).agents == ["bob"] and totals(sim) == (1, 1, 0, 0)
    assert [sim.centre.router.state.agents[name].totals.missed for name in NAMES] == [0, 0, 0]
    sim.check_replay()


def test_every_phone_shows_the_same_card() -> None:
    sim = ring_all(display="Sales team")
    sim.call(origin="+33698765432")
    cards = [dial.card for dial in sim.performed(cmd.DialLeg) if isinstance(dial, cmd.DialLeg)]
    assert cards == [cmd.OfferCard("1", "Sales team", 0, "+33698765432")] * 3


def test_two_answers_in_the_same_instant_have_one_winner() -> None:
    """The 200 of the second crosses our CANCEL: nobody listens to it, and the agent is free."""
    sim = ring_all()
    slow(sim, ann=5, bob=5, cat=30)
    call = sim.call()
    late = leg_of_all(sim)["bob-phone"]
    sim.run(5)
    assert sim.agent_of(call) == "ann"
    sim.tell(facts.LegAnswered(late, "bob-phone"))
    assert sim.agent_of(call) == "ann" and doing(sim, "bob") == "idle"
    second = sim.call()
    assert rung(sim, second) == ["bob", "cat"]


def leg_of_all(sim: SimulatedCentre) -> dict[str, str]:
    return {f"{name}-phone": leg_of(sim, f"{name}-phone") for name in NAMES}


def test_who_declines_is_busy_or_cannot_be_reached_is_out_alone() -> None:
    sim = ring_all(on_miss={"busy": 1})
    sim.phone("ann-phone", BUSY)
    sim.phone("bob-phone", REJECTS)
    slow(sim, cat=10)
    call = sim.call()
    sim.run(1)
    assert rung(sim, call) == ["bob", "cat"] and doing(sim, "ann") == "paused"
    sim.run(3)
    assert rung(sim, call) == ["cat"] and doing(sim, "bob") == "idle"
    sim.run(6)
    assert sim.agent_of(call) == "cat"
    missed = [sim.centre.router.state.agents[name].totals.missed for name in NAMES]
    assert missed == [1, 1, 0]


@pytest.mark.parametrize(("after", "agent"), [(20 - TICK, "ann"), (20.0, "ann"), (20 + TICK, "")])
def test_the_ring_ends_at_its_time(after: float, agent: str) -> None:
    sim = ring_all()
    for name in ("bob", "cat"):
        sim.phone(f"{name}-phone", NEVER)
    slow(sim, ann=after)
    call = sim.call()
    sim.run(21)
    assert sim.agent_of(call) == agent
    if not agent:
        assert rung(sim, call) == [] and sim.heard(call).music == "default"
        assert {released(sim, f"{name}-phone")[0].cause for name in NAMES} == {Cause.LAPSED}


def test_a_customer_who_hangs_up_stops_every_phone_and_the_next_rings_at_all() -> None:
    sim = ring_all()
    first, second = sim.call(patience=1), sim.call()
    assert rung(sim, second) == []
    sim.run(1)
    assert sim.record(first).outcome == "abandoned"
    assert rung(sim, second) == ["ann", "bob", "cat"]
    cancelled = [one for one in sim.performed(cmd.ReleaseLeg) if one.leg.startswith("voice:d")]
    assert [one.cause for one in cancelled if isinstance(one, cmd.ReleaseLeg)] == [Cause.CANCELLED] * 3


def test_the_winner_alone_hears_the_whisper_and_one_who_vanishes_is_replaced() -> None:
    sim = ring_all(whisper="sales-whisper")
    sim.phone("ann-phone", VANISHES)
    slow(sim, bob=30, cat=5)
    call = sim.call()
    sim.run(2)
    (whisper,) = [one for one in sim.performed(cmd.PlayPrompt) if isinstance(one, cmd.PlayPrompt)]
    assert whisper.leg == leg_of(sim, "ann-phone") and rung(sim, call) == ["ann"]
    sim.run(0.5)
    assert rung(sim, call) == ["bob", "cat"]
    sim.run(5 + PROMPT_S)
    assert sim.agent_of(call) == "cat"


def test_a_phone_that_is_lost_or_logged_out_leaves_the_ring() -> None:
    sim = ring_all()
    for name in NAMES:
        sim.phone(f"{name}-phone", NEVER)
    call = sim.call()
    sim.unplug("ann-phone")
    assert rung(sim, call) == ["bob", "cat"]
    sim.dial("bob-phone", "*44")
    assert rung(sim, call) == ["cat"]
    sim.phone("ann-phone", answers_after=3)
    assert rung(sim, call) == ["cat"], "it missed this one just now"
    sim.login("bob")
    assert rung(sim, call) == ["cat", "bob"]


def test_the_console_shows_everybody_who_rings_and_explains_it() -> None:
    sim = ring_all("ann", "bob")
    call = sim.call()
    sim.login("cat")
    shown = views.interaction(sim.centre, "1", sim.now)
    assert shown is not None and shown["ringing"] == ["ann", "bob", "cat"]
    assert [party["agent"] for party in shown["parties"] if party["role"] == "agent"] == list(NAMES)
    for name in NAMES:
        assert len(listed(sim, name)) == 1
    sim.run(2)
    assert sim.agent_of(call) == "ann"
    sim.hang_up(call)
    lines = "\n".join(explain(sim.record(call)))
    assert "offered to ann (o1), place 1 in sales: it arrived; the phones of bob ring at the same" in lines
    assert "passed over cat: logged out" in lines
    assert "offered to cat (o3), place 1 in sales: it rings already, and this phone rings with" in lines
    assert "passed over ann: its phone rings for it already" in lines
    told = "\n".join(tell(sim.record(call)))
    assert "offer withdrawn: agent bob, offer o2, end taken, by ann" in told


def test_a_transfer_to_the_queue_rings_at_all_but_who_passed_it_on() -> None:
    sim = ring_all()
    slow(sim, ann=2, bob=9, cat=9)
    call = sim.call()
    sim.run(3)
    sim.act(sim.voice.transfer, leg_of(sim, "ann-phone"), "300")
    assert rung(sim, call) == ["bob", "cat"]
    sim.check_replay()


# -- written ------------------------------------------------------------------------------------------


def read(sim: SimulatedCentre, leg: str) -> list[str]:
    return [text for to, text in sim.voice.sent if to == leg]


def test_a_chat_is_shown_to_all_and_taken_back_from_those_who_were_slower() -> None:
    sim = SimulatedCentre(ring_rules())
    sim.login(*NAMES)
    slow(sim, ann=9, bob=4, cat=9)
    chat = sim.chat("my printer burns")
    assert rung(sim, chat) == list(NAMES)
    sim.run(1)
    sim.write(chat, "help!", "w2")
    sim.run(3)
    assert sim.agent_of(chat) == "bob"
    assert read(sim, leg_of(sim, "bob-phone")) == ["my printer burns", "help!"]
    for agent in ("ann", "cat"):
        (end,) = released(sim, f"{agent}-phone")
        assert end.by == "Bob B." and read(sim, end.leg) == ["my printer burns"]


def ring_rules() -> Rules:
    made = rules(agents=NAMES, strategy="ring_all")
    made.agents["bob"] = AgentRule(name="bob", display="Bob B.", devices=("bob-phone",), extension="202")
    return made


def test_who_joins_reads_everything_and_the_winner_nothing_twice() -> None:
    sim = ring_all("ann", "bob")
    slow(sim, ann=30, bob=30)
    chat = sim.chat("one")
    sim.run(1)
    sim.write(chat, "two", "w2")
    sim.phone("cat-phone", answers_after=5)
    sim.login("cat")
    sim.write(chat, "three", "w3")
    sim.run(5)
    assert sim.agent_of(chat) == "cat" and read(sim, leg_of(sim, "cat-phone")) == ["one", "two", "three"]


@pytest.mark.parametrize("after", [FIRST_WORDS_S - TICK, FIRST_WORDS_S, FIRST_WORDS_S + TICK])
def test_a_silent_visitor_is_shown_to_all_after_a_moment(after: float) -> None:
    sim = ring_all()
    chat = sim.chat()
    assert rung(sim, chat) == list(NAMES) and sim.performed(cmd.DialLeg) == []
    sim.run(after)
    assert len(sim.performed(cmd.DialLeg)) == (3 if after >= FIRST_WORDS_S else 0)
    sim.write(chat, "hello?", "w1")
    assert len(sim.performed(cmd.DialLeg)) == 3


def test_an_agent_who_goes_before_a_silent_visitor_was_shown_is_never_shown_it() -> None:
    sim = ring_all()
    chat = sim.chat()
    sim.dial("bob-phone", "*44")
    sim.write(chat, "hello?", "w1")
    dialled = {one.devices for one in sim.performed(cmd.DialLeg) if isinstance(one, cmd.DialLeg)}
    assert dialled == {("ann-phone",), ("cat-phone",)}


@pytest.mark.parametrize("words", [(), ("one",)])
def test_after_a_restart_every_phone_is_asked_again(words: tuple[str, ...]) -> None:
    sim = ring_all()
    slow(sim, ann=30, bob=30, cat=20)
    chat = sim.chat(*words)
    sim.run(1)
    sim.restart()
    assert set(rung(sim, chat)) == set(NAMES)
    assert {sim.voice.legs[leg].state.value for leg in leg_of_all(sim).values()} != {"answered"}
    sim.run(20)
    assert sim.agent_of(chat) == "cat"
    sim.check_replay()


def test_after_a_restart_no_phone_rings_for_a_caller_who_is_gone() -> None:
    sim = ring_all()
    sim.call()
    sim.run(1)
    sim.restart()
    assert not sim.centre.state.interactions and [doing(sim, name) for name in NAMES] == ["idle"] * 3
