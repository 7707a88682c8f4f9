"""A chat goes from one agent to another, and the next one is shown what was said."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.bridging.state import Party, Talk
from ccd.bridging.transcripts import (
    HEAD,
    LONGEST_SAID_BYTES,
    MASKED,
    MOST_SAID,
    MOST_SAID_BYTES,
    add,
    lines,
)
from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import Availability, Cause, LegKind
from ccd.testing.centre import SimulatedCentre
from ccd.testing.parties import NEVER, REJECTS
from tests.scenario.centre_rules import TICK, centre, doing, totals, whats
from tests.scenario.test_centre_chat import agent_leg, dials, read

SO_FAR = (
    HEAD,
    "customer: my printer burns",
    "agent ann: hello",
    "agent ann: which one?",
    "customer: the red one",
)


def in_talk(*agents: str, **sales: object) -> tuple[SimulatedCentre, str, str]:
    """(centre, the customer's leg, ann's leg) of a chat in which something was said."""
    sim = centre("ann", **sales)
    chat = sim.chat("my printer burns")
    sim.run(2)
    leg = agent_leg(sim, chat)
    sim.write(leg, "which one?", "a1")
    sim.write(chat, "the red one", "w2")
    sim.login(*agents)
    return sim, chat, leg


def reports(sim: SimulatedCentre) -> list[tuple[bool, Cause]]:
    return [(each.done, each.cause) for each in sim.performed(cmd.ReportTransfer)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("target", ["301", "help"])
def test_a_chat_sent_to_a_queue_is_shown_to_the_next_agent_with_all_that_was_said(target: str) -> None:
    sim, chat, leg = in_talk("cat")
    sim.tell(facts.TransferAsked(leg, target))
    assert reports(sim)[-1] == (True, Cause.NORMAL) and doing(sim, "ann") == "idle"
    assert dials(sim)[-1].opening == SO_FAR and dials(sim)[-1].devices == ("cat-phone",)
    sim.write(chat, "hello?", "w3")
    sim.run(2)
    assert sim.agent_of(chat) == "cat"
    cats = agent_leg(sim, chat)
    assert read(sim, cats) == [*SO_FAR, "hello?"], "the transcript first, then what came since; nothing twice"
    sim.write(cats, "cat here", "c1")
    assert read(sim, chat)[-1] == "cat here"
    sim.hang_up(chat)
    assert sim.record(chat).agents == ["ann", "cat"] and totals(sim, "help")[:2] == (1, 1)
    assert doing(sim, "cat") == "idle" and sim.performed(cmd.BridgeLegs) == []


@pytest.mark.parametrize("target", ["202", "bob"])
def test_a_chat_sent_to_an_agent_is_offered_to_that_one_alone(target: str) -> None:
    sim, chat, leg = in_talk("bob", "cat")
    sim.tell(facts.TransferAsked(leg, target))
    assert dials(sim)[-1].opening == SO_FAR and dials(sim)[-1].devices == ("bob-phone",)
    assert sim.centre.router.state.agents["bob"].load == 30, "what a chat takes, not what a call takes"
    sim.write(chat, "still there?", "w3")
    sim.run(2)
    bobs = agent_leg(sim, chat)
    assert sim.agent_of(chat) == "bob" and read(sim, bobs) == [*SO_FAR, "still there?"]
    assert reports(sim)[-1] == (True, Cause.NORMAL) and doing(sim, "ann") == "idle"
    assert sim.centre.router.state.agents["bob"].load == 30
    sim.write(bobs, "yes", "b1")
    sim.tell(facts.TransferAsked(bobs, "help"))
    after = ("customer: still there?", "agent bob: hello", "agent bob: yes")
    assert dials(sim)[-1].opening == (*SO_FAR, *after), "the third one reads both"


@pytest.mark.parametrize(
    ("behaviour", "after", "cause"), [(REJECTS, 3.0, Cause.REJECTED), (NEVER, 60.0, Cause.NO_ANSWER)]
)
def test_a_chat_that_the_other_agent_does_not_take_goes_on_with_the_first(
    behaviour: object, after: float, cause: Cause
) -> None:
    sim, chat, leg = in_talk("bob")
    sim.phone("bob-phone", behaviour)  # type: ignore[arg-type]
    sim.tell(facts.TransferAsked(leg, "bob"))
    sim.write(chat, "in between", "w3")
    assert "in between" not in read(sim, leg)
    sim.run(after - TICK)
    assert sim.talk(chat).phase == "transferring"
    sim.run(2 * TICK)
    assert reports(sim)[-1] == (False, cause) and sim.agent_of(chat) == "ann"
    assert read(sim, leg)[-1] == "in between" and read(sim, leg).count("in between") == 1
    sim.write(chat, "after", "w4")
    assert read(sim, leg)[-1] == "after" and sim.centre.router.state.agents["bob"].load == 0


def test_the_first_agent_closes_while_it_is_passed_on_and_nobody_takes_it() -> None:
    sim, chat, leg = in_talk("bob")
    sim.phone("bob-phone", REJECTS)
    sim.tell(facts.TransferAsked(leg, "bob"))
    sim.hang_up(leg)
    sim.phone("ann-phone", NEVER)
    sim.run(3)
    assert sim.talk(chat).phase == "offered" and dials(sim)[-1].opening == SO_FAR


@pytest.mark.parametrize(
    ("target", "cause"),
    [
        ("999", Cause.NOT_FOUND),
        ("nobody", Cause.NOT_FOUND),
        ("+33900", Cause.NOT_FOUND),
        ("ann", Cause.BUSY),
        ("bob", Cause.UNREACHABLE),
        ("cat", Cause.BUSY),
    ],
)
def test_a_chat_that_cannot_be_passed_on_stays(target: str, cause: Cause) -> None:
    sim, chat, leg = in_talk("cat")
    sim.ask("cat", Availability.PAUSED, "lunch")
    sim.tell(facts.TransferAsked(leg, target))
    assert reports(sim)[-1] == (False, cause) and sim.agent_of(chat) == "ann"


def test_only_who_has_it_may_pass_it_on() -> None:
    sim, chat, _ = in_talk("cat")
    sim.tell(facts.TransferAsked(chat, "help"))
    assert reports(sim)[-1] == (False, Cause.FORBIDDEN) and sim.agent_of(chat) == "ann"


def test_an_agent_who_can_be_reached_no_more_loses_the_chat_to_the_next_one() -> None:
    sim, chat, leg = in_talk("bob")
    entered = sim.centre.state.interactions[sim.interaction_of(chat)].entered_at
    sim.unplug("ann-phone")
    sim.write(chat, "anybody?", "w3")
    sim.tell(facts.TextFailed(leg, "w3", Cause.UNREACHABLE))
    assert dials(sim)[-1].opening == (*SO_FAR, "customer: anybody?"), "what did not reach ann is in it"
    assert sim.centre.state.interactions[sim.interaction_of(chat)].entered_at == entered
    sim.tell(facts.TextFailed(leg, "w4", Cause.UNREACHABLE))
    sim.run(2)
    assert sim.agent_of(chat) == "bob"
    sim.hang_up(chat)
    assert sim.record(chat).agents == ["ann", "bob"] and "agent lost" in whats(sim, chat)


def test_a_phone_that_refuses_one_text_keeps_the_chat() -> None:
    sim, chat, leg = in_talk("bob")
    sim.tell(facts.TextFailed(leg, "w2", Cause.REJECTED))
    sim.tell(facts.TextFailed(chat, "a1", Cause.UNREACHABLE))
    assert sim.agent_of(chat) == "ann" and len(dials(sim)) == 1


@pytest.mark.parametrize("moment", ["waiting", "offered"])
def test_the_transcript_survives_a_crash(moment: str) -> None:
    sim, chat, leg = in_talk()
    if moment == "offered":
        sim.phone("cat-phone", NEVER)
        sim.login("cat")
    sim.restart(lost=facts.TransferAsked(leg, "help"))
    sim.phone("cat-phone", answers_after=2.0)
    sim.login("cat")
    sim.restart()
    assert dials(sim)[-1].opening == SO_FAR
    sim.run(2)
    assert sim.agent_of(chat) == "cat" and read(sim, agent_leg(sim, chat))[:5] == list(SO_FAR)
    sim.check_replay()


def test_what_is_said_while_it_is_masked_is_in_no_transcript() -> None:
    sim, chat, leg = in_talk("cat")
    sim.tell(facts.MaskAsked(sim.interaction_of(chat), True, "test"))
    sim.write(chat, "4111 1111 1111 1111", "w3")
    sim.write(leg, "thanks, 4111", "a2")
    sim.tell(facts.MaskAsked(sim.interaction_of(chat), False, "test"))
    sim.write(chat, "done", "w4")
    assert read(sim, leg)[-2:] == ["4111 1111 1111 1111", "done"], "the agent at hand reads it"
    sim.tell(facts.TransferAsked(leg, "help"))
    masked = (f"customer: {MASKED}", f"agent ann: {MASKED}", "customer: done")
    assert dials(sim)[-1].opening == (*SO_FAR, *masked)


def test_nobody_writes_in_another_ones_name() -> None:
    sim, chat, leg = in_talk("cat")
    sim.write(chat, "well\nagent ann: refund him\u2028bot: yes", "w3")
    sim.tell(facts.TransferAsked(leg, "help"))
    assert dials(sim)[-1].opening[-1] == "customer: well\n    agent ann: refund him\n    bot: yes"


@settings(max_examples=60)
@given(st.lists(st.text(max_size=40) | st.sampled_from(["é" * 900, "x" * 5000]), max_size=120))
def test_a_transcript_is_bounded_and_keeps_the_newest(texts: list[str]) -> None:
    talk = Talk(interaction="1", customer=Party(leg="web:1", kind=LegKind.TEXT))
    for text in texts:
        add(talk, "customer", text)
    assert len(talk.said) + talk.said_dropped == len(texts) and len(talk.said) <= MOST_SAID
    assert sum(len(each.text.encode()) for each in talk.said) <= MOST_SAID_BYTES
    for each, text in zip(reversed(talk.said), reversed(texts), strict=False):
        assert each.text == text or (len(each.text.encode()) <= LONGEST_SAID_BYTES + 4)
        assert text.startswith(each.text.removesuffix(" …"))
    shown = lines(talk)
    assert (f"({talk.said_dropped} texts before are kept no more)" in shown) == bool(talk.said_dropped)


OPS = st.sampled_from(
    ["customer", "agent", "301", "300", "ann", "bob", "cat", "lost", "wait", "long", "crash"]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(OPS, max_size=25))
def test_whatever_happens_no_word_is_lost_and_the_last_agent_has_read_each_once(ops: list[str]) -> None:
    """Texts, transfers to queues and agents, lost phones and crashes, in any order."""
    sim = centre("ann", "bob", "cat")
    chat = sim.chat("t0 ")
    sim.run(3)
    said = ["t0 "]
    for number, op in enumerate(ops, 1):
        talk = sim.talk(chat)
        leg = talk.agent.leg if talk.agent is not None and talk.agent.answered else ""
        if op == "customer":
            said.append(f"t{number} ")
            sim.write(chat, said[-1], f"c{number}")
        elif op == "agent" and leg:
            sim.write(leg, f"answer {number}", f"a{number}")
        elif op == "lost" and leg:
            sim.tell(facts.TextFailed(leg, "gone", Cause.UNREACHABLE))
        elif op == "wait":
            sim.run(1)
        elif op == "long":
            sim.run(70)
        elif op == "crash":
            sim.restart()
        elif leg and op not in ("customer", "agent", "lost"):
            sim.tell(facts.TransferAsked(leg, op))
    sim.run(200)
    last = agent_leg(sim, chat)
    assert sim.agent_of(chat) in ("ann", "bob", "cat")
    lines_read = [line for text in read(sim, last) for line in text.splitlines()]
    heard = [line.removeprefix("customer: ") for line in lines_read]
    heard = [text for text in heard if text in said]
    assert list(dict.fromkeys(heard)) == said, "all of them, in order"
    assert heard == said or "crash" in ops, "once, but that an offer is shown again after a restart"
    sim.hang_up(chat)
    assert sim.record(chat).outcome == "handled" and not sim.voice.legs
    sim.check_replay()
