"""The whole centre on virtual time: conversations that a bot leads, and what may happen meanwhile."""

import msgspec
import pytest

from ccd.history.explain import explain
from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import Cause, LegKind
from ccd.model.steps import Answer, AnyStep, Enqueue, Hangup, Menu
from ccd.model.steps_bots import Bot
from ccd.testing.bots import BotEnds, Plays
from ccd.testing.centre import SimulatedCentre
from tests.scenario.centre_rules import TICK, rules, whats

BOT = Bot(
    bot="clerk",
    id="bot",
    values={"number": "{caller}", "line": "{dialled}"},
    prefix="bot_",
    default={"bot_topic": "none"},
    may=("sales",),
    on_end="ended",
    on_leave="left",
    on_failure="failed",
    timeout_s=3.0,
    longest_s=60.0,
)
ENDS = tuple(Hangup(prompt=name, id=name) for name in ("ended", "left", "failed", "sales"))


def sim_of(*steps: AnyStep, **plays: Plays) -> SimulatedCentre:
    sim = SimulatedCentre(rules(*(steps or (BOT, *ENDS))))
    sim.bots.plays.update(plays)
    return sim


def prompts(sim: SimulatedCentre, leg: str) -> list[str]:
    return [
        part.name
        for command in sim.commands
        if isinstance(command, cmd.PlayPrompt) and command.leg == leg
        for part in command.parts
    ]


def variables(sim: SimulatedCentre, leg: str) -> dict[str, str]:
    return sim.centre.flows.variables(sim.interaction_of(leg))


def sent(sim: SimulatedCentre) -> list[str]:
    return [command.text for command in sim.commands if isinstance(command, cmd.SendText)]


def overs(sim: SimulatedCentre, leg: str) -> list[object]:
    return [note.details["how"] for note in sim.record(leg).timeline if note.what == "bot over"]


def test_a_bot_gets_the_call_and_gives_it_back_with_values() -> None:
    ends = BotEnds(step="sales", values={"topic": "invoice", "language": "fr"}, note="done", after=9.0)
    sim = sim_of(clerk=Plays(ends=ends))
    call = sim.call()
    (begun,) = sim.bots.begun
    assert (begun.leg, begun.bot, begun.party, begun.kind) == ("bot:1.b1", "clerk", call, LegKind.AUDIO)
    assert (begun.caller, begun.dialled, begun.timeout_s, begun.longest_s) == (
        "+33612345678",
        "+33100",
        3,
        60,
    )
    assert begun.values == {"number": "+33612345678", "line": "+33100"} and begun.written == ()
    kinds = [type(command) for command in sim.commands]
    assert kinds.index(cmd.AnswerLeg) < kinds.index(cmd.StartBot), "the media are there before the bot"
    sim.run(9.0 - TICK)
    assert prompts(sim, call) == []
    sim.run(TICK)
    assert prompts(sim, call) == ["sales"]
    wanted = {"bot_topic": "invoice", "bot_language": "fr", "bot_end": "ended", "bot_reason": "done"}
    assert variables(sim, call) == wanted
    sim.run(60)
    assert sim.bots.stopped == [] and overs(sim, call) == ["ended"]
    sim.check_replay()


@pytest.mark.parametrize(
    ("ends", "prompt", "how"),
    [
        (BotEnds(), "ended", "ended"),
        (BotEnds(step="sales"), "sales", "ended"),
        (BotEnds(step="left"), "failed", "failed"),
        (BotEnds(step="nowhere"), "failed", "failed"),
        (BotEnds(ok=False, note="no connection"), "failed", "failed"),
        (BotEnds(ok=False, step="sales"), "failed", "failed"),
        (BotEnds(step="sales", times=2), "sales", "ended"),
    ],
)
def test_each_end_has_its_way_and_the_default_stands_in(ends: BotEnds, prompt: str, how: str) -> None:
    sim = sim_of(clerk=Plays(ends=ends))
    call = sim.call()
    sim.run(5.0)
    assert prompts(sim, call) == [prompt]
    assert variables(sim, call)["bot_topic"] == "none" and variables(sim, call)["bot_end"] == how
    sim.run(60)
    assert prompts(sim, call) == [prompt] and overs(sim, call) == [how]


@pytest.mark.parametrize(("after", "there"), [(3.0 - TICK, True), (3.0, True), (3.0 + TICK, False)])
def test_the_bot_must_be_there_in_time(after: float, there: bool) -> None:
    sim = sim_of(clerk=Plays(after=after))
    call = sim.call()
    sim.run(3.0)
    assert prompts(sim, call) == ([] if there else ["failed"])
    sim.run(10)
    stopped = [(stop.leg, stop.why) for stop in sim.bots.stopped]
    assert stopped == ([] if there else [("bot:1.b1", "failed")])
    sim.check_replay()


@pytest.mark.parametrize(
    ("after", "prompt"), [(60.0 - TICK, "ended"), (60.0, "ended"), (60.0 + TICK, "failed")]
)
def test_a_conversation_that_never_ends_is_ended(after: float, prompt: str) -> None:
    """It counts from when the bot was there."""
    sim = sim_of(clerk=Plays(after=1.0, ends=BotEnds(after=1.0 + after)))
    call = sim.call()
    sim.run(61.0)
    assert prompts(sim, call) == [prompt]
    sim.run(60)
    assert prompts(sim, call) == [prompt], "what comes late changes nothing"
    assert overs(sim, call) == ["ended" if prompt == "ended" else "too long"]


@pytest.mark.parametrize("key", ["0", "*"])
@pytest.mark.parametrize("there", [True, False])
def test_a_key_leaves_the_bot_at_once(key: str, there: bool) -> None:
    sim = sim_of(clerk=Plays(after=1.0, ends=BotEnds(after=20.0)))
    call = sim.call(keys=((2.0 if there else 0.5, key),))
    sim.run(2.0)
    assert prompts(sim, call) == ["left"]
    assert [(stop.leg, stop.why) for stop in sim.bots.stopped] == [("bot:1.b1", "left")]
    kinds = [type(command) for command in sim.commands]
    assert kinds.index(cmd.StopBot) < kinds.index(cmd.PlayPrompt), "the bot is silent before the prompt"
    sim.run(60)
    assert overs(sim, call) == ["left"]
    sim.check_replay()


def test_other_keys_are_told_and_the_keys_can_be_chosen() -> None:
    sim = sim_of(msgspec.structs.replace(BOT, leave_keys="#"), *ENDS, clerk=Plays())
    call = sim.call(keys=((1.0, "05*"), (2.0, "#")))
    sim.run(3.0)
    assert [(tell.digit, tell.text) for tell in sim.bots.told] == [("0", ""), ("5", ""), ("*", "")]
    assert prompts(sim, call) == ["left"]


def test_the_caller_hangs_up() -> None:
    sim = sim_of(clerk=Plays(ends=BotEnds(after=5.0)))
    call = sim.call()
    sim.run(2.0)
    sim.hang_up(call)
    assert [stop.leg for stop in sim.bots.stopped] == ["bot:1.b1"]
    sim.run(60)
    assert sim.bots.running == {} and overs(sim, call) == ["left"]
    assert sim.centre.state.interactions == {}
    sim.check_replay()


def test_the_console_hangs_up() -> None:
    sim = sim_of(clerk=Plays())
    call = sim.call()
    sim.run(2.0)
    sim.tell(facts.HangupAsked(sim.interaction_of(call), "ccctl:test"))
    assert [stop.leg for stop in sim.bots.stopped] == ["bot:1.b1"]
    sim.run(60)
    assert sim.record(call).cause is Cause.NORMAL


def test_facts_of_another_conversation_are_ignored() -> None:
    sim = sim_of(BOT, *ENDS[:2], Menu(prompt="menu", id="failed"), *ENDS[3:])
    call = sim.call()
    for name in ("1.b2", "2.b1", ""):
        sim.tell(facts.BotStarted("1", name))
        sim.tell(facts.BotSaid("1", name, "hello"))
        sim.tell(facts.BotEnded("1", name, True, "sales"))
    sim.tell(facts.BotEnded("77", "77.b1", True))
    assert prompts(sim, call) == []
    sim.run(3.0)
    for fact in (facts.BotStarted("1", "1.b1"), facts.BotEnded("1", "1.b1", True, "sales")):
        sim.tell(fact)
    assert prompts(sim, call) == ["menu"]
    sim.check_replay()


def test_a_bot_that_an_interaction_comes_to_twice_has_two_conversations() -> None:
    again = Bot(bot="clerk", id="bot", may=("bot",), timeout_s=3.0, longest_s=60.0)
    sim = sim_of(again, clerk=Plays(ends=BotEnds(step="bot", after=5.0)))
    sim.call()
    sim.run(14.0)
    assert [begun.leg for begun in sim.bots.begun] == ["bot:1.b1", "bot:1.b2", "bot:1.b3"]
    assert list(sim.bots.running) == ["bot:1.b3"]


# -- written ------------------------------------------------------------------------------------------


def test_a_visitor_and_a_bot_write_to_each_other() -> None:
    sim = sim_of(
        clerk=Plays(says=("Good day {caller}.",), echoes=True, ends=BotEnds(values={"topic": "x"}, after=9.0))
    )
    leg = sim.chat("Hello!")
    sim.run(1.0)
    assert sent(sim) == ["Good day {caller}."], "a bot's words are no template"
    assert [tell.text for tell in sim.bots.told] == ["Hello!"], "the first words, too"
    sim.write(leg, "Where is it?", "w2")
    sim.write(leg, "Where is it?", "w2")
    sim.write(leg, "10", "w3")
    assert sent(sim)[1:] == ["Where is it?", "10"], "once, though it came twice"
    sim.run(9.0)
    sim.run(20)
    assert overs(sim, leg) == ["ended"]
    sim.check_replay()


def test_what_a_caller_does_not_hear_of_a_bot_is_explained() -> None:
    sim = sim_of(clerk=Plays(ends=BotEnds(after=9.0)))
    call = sim.call()
    sim.run(1.0)
    sim.tell(facts.BotSaid("1", "1.b1", "Hello."))
    sim.tell(facts.BotSaid("1", "1.b1", "", "there is no speech engine"))
    assert sent(sim) == [] and prompts(sim, call) == [], "the channel says it, not the flow"
    sim.run(60)
    assert "bot text not said: why there is no speech engine" in "\n".join(explain(sim.record(call)))
    sim.check_replay()


def test_a_visitor_leaves_the_bot_for_an_agent_who_reads_what_was_written() -> None:
    steps = (
        Answer(),
        Bot(bot="clerk", on_leave="people", timeout_s=3.0, longest_s=60.0),
        Enqueue(queue="sales", id="people"),
    )
    sim = sim_of(*steps, clerk=Plays())
    leg = sim.chat("Hello!")
    sim.run(1.0)
    sim.write(leg, "0", "w2")
    assert [stop.why for stop in sim.bots.stopped] == ["left"]
    assert sim.centre.state.interactions[sim.interaction_of(leg)].queue == "sales"
    assert sim.talk(leg).texts == ["Hello!", "0"]


PEOPLE = (
    Bot(bot="clerk", on_leave="people", timeout_s=3.0, longest_s=60.0),
    Enqueue(queue="sales", id="people"),
)


def dialled(sim: SimulatedCentre) -> list[cmd.DialLeg]:
    return [command for command in sim.commands if isinstance(command, cmd.DialLeg)]


def test_the_agent_reads_who_wrote_what_in_its_order() -> None:
    sim = sim_of(*PEOPLE, clerk=Plays(says=("Good day.",), echoes=True))
    leg = sim.chat("Hello!")
    sim.run(1.0)
    sim.write(leg, "Where is\nmy parcel?", "w2")
    sim.write(leg, "0", "w3")
    sim.restart()
    sim.login("ann")
    shown = (
        "customer: Hello!",
        "bot: Good day.",
        "customer: Where is\n    my parcel?",
        "bot: Where is\n    my parcel?",
        "customer: 0",
    )
    assert dialled(sim)[0].opening == shown
    sim.run(3.0)
    agent = sim.talk(leg).agent
    assert agent is not None and sim.agent_of(leg) == "ann"
    sim.write(leg, "A human?", "w4")
    assert [text for to, text in sim.voice.sent if to == agent.leg] == [*shown, "A human?"]
    assert sim.talk(leg).texts == []
    sim.check_replay()


def test_the_bot_alone_wrote_and_the_agent_still_reads_it_at_once() -> None:
    sim = sim_of(*PEOPLE, clerk=Plays(says=("Good day.",), ends=BotEnds(step="", after=2.0)))
    sim.login("ann")
    sim.chat()
    sim.run(2.0)
    assert [dial.opening for dial in dialled(sim)] == [("bot: Good day.",)]


def test_of_a_long_conversation_the_end_is_handed_over() -> None:
    sim = sim_of(*PEOPLE, clerk=Plays(echoes=True))
    leg = sim.chat()
    sim.run(1.0)
    for number in range(30):
        sim.write(leg, f"n{number}", f"w{number}")
    sim.write(leg, "0", "last")
    sim.login("ann")
    (dial,) = dialled(sim)
    assert dial.opening[:3] == ("(11 texts before are kept no more)", "bot: n5", "customer: n6")
    assert dial.opening[-3:] == ("customer: n29", "bot: n29", "customer: 0") and len(dial.opening) == 51
    sim.check_replay()


def test_what_the_customer_was_not_shown_is_not_in_it() -> None:
    sim = sim_of(*PEOPLE, clerk=Plays())
    leg = sim.chat("Hello!")
    sim.run(1.0)
    sim.write(leg, "0", "w2")
    sim.tell(facts.BotSaid("1", "1.b1", "too late"))
    sim.login("ann")
    assert dialled(sim)[0].opening == ("Hello!", "0")
    assert "too late" not in sent(sim)


def test_what_was_written_before_is_given_at_the_start() -> None:
    sim = sim_of(Menu(prompt="m", choices={"1": "bot"}), BOT, *ENDS, clerk=Plays())
    leg = sim.chat("Hello!")
    sim.run(5.0)
    sim.write(leg, "1", "w2")
    assert sim.bots.begun[0].written == ("Hello!", "1")


def test_a_second_bot_gets_what_the_customer_wrote_not_what_the_first_one_did() -> None:
    first = Bot(bot="clerk", id="first", timeout_s=3.0, longest_s=60.0)
    sim = sim_of(first, BOT, *ENDS, clerk=Plays(says=("Good day.",), ends=BotEnds(after=2.0)))
    sim.chat("Hello!")
    sim.run(2.0)
    assert [begun.written for begun in sim.bots.begun] == [(), ("Hello!",)]


# -- the daemon ---------------------------------------------------------------------------------------


def test_after_a_restart_a_written_conversation_goes_on_without_the_bot() -> None:
    steps = (BOT, *ENDS[:2], Menu(prompt="m", id="failed", choices={"1": "left"}), *ENDS[3:])
    sim = sim_of(*steps, clerk=Plays())
    leg = sim.chat("Hello!")
    sim.run(1.0)
    sim.restart()
    assert sim.centre.flows.where(sim.interaction_of(leg)) == "straight/failed"
    assert variables(sim, leg)["bot_reason"] == "the daemon was restarted"
    assert sim.centre.state.interactions[sim.interaction_of(leg)].bot is None
    sim.check_replay()


def test_after_a_restart_a_call_is_over_and_so_is_its_bot() -> None:
    sim = sim_of(clerk=Plays())
    call = sim.call()
    sim.run(1.0)
    sim.restart()
    sim.run(20)
    assert sim.centre.state.interactions == {} and overs(sim, call) == ["left"]
    sim.check_replay()


def test_a_crash_before_the_bot_was_asked_leads_on_at_the_deadline() -> None:
    sim = sim_of(clerk=Plays())
    leg = sim.chat()
    sim.restart(lost=facts.TextReceived(leg, "Hello!", "w1"))
    sim.run(20)
    assert overs(sim, leg) == ["failed"]


def test_draining_lets_a_conversation_end() -> None:
    sim = sim_of(clerk=Plays(ends=BotEnds(after=9.0)))
    call = sim.call()
    sim.run(1.0)
    sim.tell(facts.DrainAsked(True, "test"))
    sim.run(8.0)
    assert prompts(sim, call) == ["ended"] and sim.bots.stopped == []


def test_a_reload_that_takes_the_step_away_leaves_what_runs() -> None:
    sim = sim_of(clerk=Plays(ends=BotEnds(after=9.0)))
    call = sim.call()
    sim.run(1.0)
    sim.tell(facts.RulesLoaded(rules(Hangup(prompt="other")), "test"))
    sim.run(8.0)
    assert prompts(sim, call) == ["ended"]
    sim.check_replay()


def test_the_timeline_tells_of_the_bot() -> None:
    sim = sim_of(clerk=Plays(ends=BotEnds(ok=False, note="it floods", after=9.0)))
    call = sim.call()
    sim.run(60)
    assert {"bot", "bot over"} <= set(whats(sim, call))
    (over,) = [note for note in sim.record(call).timeline if note.what == "bot over"]
    assert over.details == {
        "step": "bot",
        "bot": "clerk",
        "how": "failed",
        "seconds": 9.0,
        "why": "it floods",
    }
