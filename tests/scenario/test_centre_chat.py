"""The whole centre on virtual time. Chats wait in the same queue as calls, and no word is lost."""

import pytest

from ccd.bridging.texts import FIRST_WORDS_S, MOST_TEXTS, NO_WORDS
from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import Cause, ChannelClass, LegKind
from ccd.model.rules import Target
from ccd.testing.centre import SimulatedCentre
from ccd.testing.parties import NEVER, REJECTS, Behaviour
from tests.scenario.centre_rules import TICK, centre, doing, totals


def agent_leg(sim: SimulatedCentre, chat: str) -> str:
    agent = sim.talk(chat).agent
    assert agent is not None
    return agent.leg


def read(sim: SimulatedCentre, leg: str) -> list[str]:
    """What the party of a leg got."""
    channel = sim.channels[leg.partition(":")[0]]
    return [text for to, text in channel.sent if to == leg]


def dials(sim: SimulatedCentre) -> list[cmd.DialLeg]:
    return [command for command in sim.commands if isinstance(command, cmd.DialLeg)]


def test_a_chat_is_offered_with_its_first_words_and_answered() -> None:
    sim = centre("ann")
    chat = sim.chat("my printer burns")
    (dial,) = dials(sim)
    assert dial.kind is LegKind.TEXT and dial.opening == ("my printer burns",)
    sim.run(2)
    leg = agent_leg(sim, chat)
    assert sim.agent_of(chat) == "ann" and read(sim, chat) == ["hello"]
    sim.write(chat, "help!", "w2")
    sim.write(leg, "throw water", "a1")
    assert read(sim, leg) == ["my printer burns", "help!"]
    assert read(sim, chat) == ["hello", "throw water"]
    sim.hang_up(chat)
    assert sim.record(chat).outcome == "handled" and not sim.voice.legs
    assert sim.performed(cmd.BridgeLegs) == [] and sim.performed(cmd.StartMusic) == []


def test_a_visitor_is_told_of_being_answered_when_an_agent_takes_it_and_not_while_waiting() -> None:
    sim = centre()
    chat = sim.chat("anybody there?")
    sim.run(30)
    assert sim.performed(cmd.AnswerLeg) == []
    sim.login("ann")
    sim.run(1)
    assert sim.agent_of(chat) == "" and sim.performed(cmd.AnswerLeg) == [], "it rings only"
    sim.run(2)
    assert sim.agent_of(chat) == "ann" and sim.performed(cmd.AnswerLeg) == [cmd.AnswerLeg(chat)]
    sim.check_replay()


def test_words_said_while_it_is_offered_follow_when_it_is_taken() -> None:
    sim = centre("ann")
    sim.phone("ann-phone", answers_after=10)
    chat = sim.chat("one", "two")
    sim.run(5)
    sim.write(chat, "three", "w3")
    sim.run(5)
    assert read(sim, agent_leg(sim, chat)) == ["one", "two", "three"]
    sim.write(chat, "four", "w4")
    assert read(sim, agent_leg(sim, chat)) == ["one", "two", "three", "four"]


def test_the_next_agent_is_shown_everything() -> None:
    sim = centre("ann", "bob")
    sim.phone("ann-phone", REJECTS)
    chat = sim.chat("one")
    sim.run(1)
    sim.write(chat, "two", "w2")
    sim.run(2)
    assert sim.rings_at(chat) == "bob"
    assert [dial.opening for dial in dials(sim)] == [("one",), ("one", "two")]


@pytest.mark.parametrize("after", [FIRST_WORDS_S - TICK, FIRST_WORDS_S, FIRST_WORDS_S + TICK])
def test_a_silent_visitor_is_shown_after_a_moment(after: float) -> None:
    sim = centre("ann")
    chat = sim.chat()
    assert sim.rings_at(chat) == "ann" and dials(sim) == []
    sim.run(after)
    assert [dial.opening for dial in dials(sim)] == ([(NO_WORDS,)] if after >= FIRST_WORDS_S else [])
    sim.write(chat, "hello?", "w1")
    sim.run(3)
    assert read(sim, agent_leg(sim, chat))[-1] == "hello?"
    assert read(sim, agent_leg(sim, chat)).count("hello?") == 1


def test_a_silent_visitor_who_leaves_was_never_shown() -> None:
    sim = centre("ann")
    chat = sim.chat()
    sim.hang_up(chat, Cause.CANCELLED)
    sim.run(10)
    assert dials(sim) == [] and [c for c in sim.performed(cmd.ReleaseLeg) if "voice" in str(c)] == []
    assert sim.record(chat).outcome == "abandoned" and doing(sim, "ann") == "idle"


def test_a_text_sent_twice_is_relayed_once_and_acknowledged_each_time() -> None:
    sim = centre("ann")
    chat = sim.chat("one")
    sim.run(2)
    leg = agent_leg(sim, chat)
    for _ in range(3):
        sim.tell(facts.TextReceived(chat, "again", "w7"))
    sim.tell(facts.TextReceived(leg, "same id, other party", "w7"))
    assert read(sim, leg) == ["one", "again"]
    assert read(sim, chat) == ["hello", "same id, other party"]
    assert sim.web.acknowledged.count((chat, "w7")) == 3 and (leg, "w7") in sim.voice.acknowledged


def test_texts_before_the_agent_are_bounded_and_the_newest_kept() -> None:
    sim = centre()
    chat = sim.chat(*(str(number) for number in range(MOST_TEXTS + 10)))
    sim.login("ann")
    kept = tuple(str(number) for number in range(10, MOST_TEXTS + 10))
    assert dials(sim)[0].opening == ("(10 texts before are kept no more)", *kept)
    sim.write(chat, "last", "x")
    sim.run(2)
    assert read(sim, agent_leg(sim, chat))[-1] == "last"


def test_three_chats_fit_beside_each_other_and_none_beside_a_call() -> None:
    sim = centre("ann")
    chats = [sim.chat(f"chat {number}") for number in range(4)]
    sim.run(3)
    assert [sim.agent_of(chat) for chat in chats] == ["ann", "ann", "ann", ""]
    call = sim.call()
    sim.hang_up(chats[0])
    assert sim.rings_at(chats[3]) == "ann", "30 fit, 100 do not"
    for chat in chats[1:3]:
        sim.hang_up(chat)
    sim.run(3)
    assert sim.rings_at(call) == ""
    sim.hang_up(chats[3])
    assert sim.rings_at(call) == "ann"
    late = sim.chat("and me?")
    sim.run(3)
    assert sim.rings_at(late) == "" and sim.agent_of(call) == "ann"
    assert sim.centre.router.state.agents["ann"].load == 100
    assert sim.centre.state.interactions[sim.interaction_of(late)].channel_class is ChannelClass.LIVE_TEXT


@pytest.mark.parametrize(("after", "agent"), [(60 - TICK, "ann"), (60.0, "ann"), (60 + TICK, "bob")])
def test_a_written_offer_has_its_own_timeout(after: float, agent: str) -> None:
    sim = centre("ann", "bob")
    sim.phone("ann-phone", answers_after=after)
    chat = sim.chat("anybody?")
    sim.run(60 + TICK + 2)
    assert sim.agent_of(chat) == agent


def test_the_agent_closes_the_chat() -> None:
    sim = centre("ann", wrap_up_s=10.0)
    chat = sim.chat("bye then")
    sim.run(3)
    sim.hang_up(agent_leg(sim, chat))
    assert sim.web.ended[chat] is Cause.NORMAL and doing(sim, "ann") == "wrap_up"
    assert totals(sim) == (1, 1, 0, 0)


def test_a_waiting_visitor_learns_the_position() -> None:
    sim = centre(announce_position=True)
    sim.chat("one")
    second = sim.chat("two")
    assert sim.performed(cmd.TellPosition)[-1] == cmd.TellPosition(second, 2)


def test_a_chat_that_overflows_to_an_agent_is_a_conversation_too() -> None:
    sim = centre(max_wait_s=10.0, overflow=Target(agent="cat"))
    sim.phone("cat-phone", answers_after=5)
    chat = sim.chat("one")
    sim.run(12)
    (dial,) = dials(sim)
    assert dial.opening == ("one",)
    sim.write(chat, "two", "w2")
    sim.run(3)
    assert sim.talk(chat).phase == "outside"
    sim.write(chat, "three", "w3")
    sim.write(dial.leg, "good evening", "a2")
    assert read(sim, dial.leg) == ["one", "two", "three"] and read(sim, chat) == ["hello", "good evening"]


def test_a_chat_is_not_sent_outside_and_has_no_music() -> None:
    sim = centre("ann")
    chat = sim.chat("one")
    sim.run(2)
    sim.tell(facts.TransferAsked(agent_leg(sim, chat), "+33900"))
    report = sim.commands[-1]
    assert isinstance(report, cmd.ReportTransfer) and not report.done
    assert sim.agent_of(chat) == "ann" and sim.performed(cmd.StartMusic) == []


def test_a_text_that_fails_stands_in_the_timeline() -> None:
    sim = centre("ann")
    chat = sim.chat("one")
    sim.run(2)
    sim.tell(facts.TextFailed(agent_leg(sim, chat), "w9", Cause.UNREACHABLE))
    sim.hang_up(chat)
    assert "text failed" in [note.what for note in sim.record(chat).timeline]


# -- restart -----------------------------------------------------------------------------------------------


def test_after_a_restart_a_conversation_goes_on() -> None:
    sim = centre("ann")
    chat = sim.chat("one")
    sim.run(2)
    leg = agent_leg(sim, chat)
    sim.restart()
    first, again = dials(sim)
    assert (again.leg, again.opening, again.devices, again.peer) == (first.leg, (), ("ann-phone",), chat)
    sim.write(chat, "still there?", "w2")
    sim.write(leg, "of course", "a2")
    assert read(sim, leg)[-1] == "still there?" and read(sim, chat)[-1] == "of course"
    sim.hang_up(chat)
    assert totals(sim) == (1, 1, 0, 0)


def test_after_a_restart_a_waiting_chat_has_its_place_and_an_offered_one_is_shown_again() -> None:
    sim = centre("ann", text_timeout_s=60.0)
    sim.phone("ann-phone", NEVER)
    offered = sim.chat("one")
    for _ in range(2):
        sim.chat("fill")
    waiting = sim.chat("four")
    sim.run(20)
    sim.behaviours["ann-phone"] = Behaviour(answers_after=5)
    sim.restart()
    assert dials(sim)[-3].opening == ("one",) and dials(sim)[-3].leg == dials(sim)[0].leg
    assert sim.centre.router.position(sim.interaction_of(waiting)) == 4
    sim.run(5)
    assert sim.agent_of(offered) == "ann"
    sim.hang_up(offered)
    assert sim.rings_at(waiting) == "ann"


def test_what_was_acknowledged_but_never_relayed_is_relayed_after_the_restart() -> None:
    sim = centre("ann")
    chat = sim.chat("one")
    sim.run(2)
    leg = agent_leg(sim, chat)
    sim.restart(lost=facts.TextReceived(chat, "do not lose me", "w2"))
    assert read(sim, leg)[-1] == "do not lose me"
    sim.restart()
    assert read(sim, leg).count("do not lose me") == 1, "delivered once, said once"
    sim.restart(lost=facts.TextReceived(leg, "nor me", "a2"))
    assert read(sim, chat)[-1] == "nor me"
    sim.check_replay()


def test_a_silent_visitors_offer_survives_a_restart() -> None:
    sim = centre("ann")
    chat = sim.chat()
    sim.restart()
    sim.run(4)
    assert dials(sim)[-1].opening == (NO_WORDS,) and sim.agent_of(chat) == "ann"


def test_a_chat_that_was_being_closed_is_closed_after_the_restart() -> None:
    sim = centre("ann")
    chat = sim.chat("one")
    sim.run(2)
    sim.restart(lost=facts.LegEnded(agent_leg(sim, chat), Cause.NORMAL))
    assert sim.web.ended[chat] is Cause.NORMAL and sim.record(chat).outcome == "handled"


def test_a_chat_whose_agent_was_removed_meanwhile_is_closed_in_order() -> None:
    sim = centre("ann", "bob")
    chat = sim.chat("one")
    sim.run(2)
    rules = sim.centre.state.rules
    agents = {name: rule for name, rule in rules.agents.items() if name != "ann"}
    sim.tell(facts.RulesLoaded(type(rules)(agents, rules.queues, rules.flows, rules.numbers)))
    assert sim.agent_of(chat) == "ann", "people finish what they hold"
    sim.restart()
    assert sim.record(chat).outcome == "handled"
    assert "ann" not in sim.centre.router.state.agents
