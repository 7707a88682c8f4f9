"""The whole centre on virtual time. Texts of flows: what is said and shown, languages, and asking back."""

import msgspec
import pytest

from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import PromptPart
from ccd.model.rules import FlowRule, Rules
from ccd.model.steps import AnyStep, Collect, Enqueue, Goto, Hangup, Menu, Play, Set
from ccd.model.steps_speech import Confirm, Language
from ccd.testing.centre import SimulatedCentre
from tests.scenario.centre_rules import TICK, rules, whats

WHICH = {"en": "For English, press 2.", "fr": "Pour le français, tapez 1."}
LANGUAGE = Language(id="lang", choices={"1": "fr", "2": "en"}, say=WHICH, limit=2, wait_s=5.0)
HELLO = Play(say={"en": "Hello.", "fr": "Bonjour."}, id="hello")
READ_BACK = "You keyed {var.number:digits}. If this is right, press 1, else 2."
PROMPT_S = 2.0


def site(
    *steps: AnyStep, texts: dict[str, dict[str, str]] | None = None, language: str = "en"
) -> SimulatedCentre:
    """A centre whose +33100 and chats run these steps."""
    made = rules(*steps)
    flow = FlowRule(name="straight", steps=steps, language=language)
    flows = {**made.flows, "straight": flow}
    return SimulatedCentre(msgspec.structs.replace(made, flows=flows, texts=texts or {}))


def said(sim: SimulatedCentre) -> list[tuple[str, str]]:
    """(language, text) of all texts spoken so far."""
    plays = [command for command in sim.commands if isinstance(command, cmd.PlayPrompt)]
    return [(part.language, part.text) for play in plays for part in play.parts if part.text]


def read(sim: SimulatedCentre, leg: str) -> list[str]:
    return [text for to, text in sim.web.sent if to == leg]


# -- say -----------------------------------------------------------------------------------------------------


def test_a_text_is_spoken_in_words_after_the_prompts() -> None:
    steps = (
        Set(values={"balance": "12.50"}),
        Play(prompts=("welcome",), say="Hello {caller_name}, you have {var.balance:money:EUR}."),
        Enqueue(queue="sales"),
    )
    sim = site(*steps)
    call = sim.call()
    (play,) = sim.performed(cmd.PlayPrompt)
    assert isinstance(play, cmd.PlayPrompt)
    hello = "Hello, you have twelve euros and fifty cents."
    assert play.parts == (PromptPart("welcome"), PromptPart(text=hello, language="en"))
    sim.run(2 * PROMPT_S - TICK)
    assert sim.heard(call).play == play.play
    sim.run(TICK)
    assert sim.talk(call).phase.value == "waiting"
    sim.check_replay()


@pytest.mark.parametrize(
    ("language", "expected"),
    [("fr", ("fr", "Bonjour.")), ("fr-CA", ("fr", "Bonjour.")), ("de", ("en", "Hello."))],
)
def test_a_language_without_a_text_falls_back(language: str, expected: tuple[str, str]) -> None:
    sim = site(Set(values={"language": language}), HELLO, Enqueue(queue="sales"))
    sim.call()
    assert said(sim) == [expected]


def test_nothing_to_say_is_no_play_and_no_silence() -> None:
    sim = site(Play(say="{var.nothing}"), Hangup(say="{var.nothing}"))
    call = sim.call()
    assert sim.performed(cmd.PlayPrompt) == [] and call in sim.voice.ended


def test_menu_collect_and_hangup_say_too() -> None:
    steps = (
        Menu(say="One or two?", choices={"1": "keys", "2": "bye"}, id="menu"),
        Collect(variable="number", say="Your number.", id="keys", wait_s=3.0),
        Hangup(say="Goodbye {var.number:spell}.", id="bye"),
    )
    sim = site(*steps)
    call = sim.call(keys=((1, "1"), (2, "42#")))
    sim.run(10)
    assert [text for _, text in said(sim)] == ["One or two?", "Your number.", "Goodbye four, two."]
    assert sim.record(call).outcome == "flow"


def test_a_key_cuts_a_text() -> None:
    sim = site(Menu(say="One?", choices={"1": "q"}), Enqueue(queue="sales", id="q"))
    call = sim.call(keys=((0.5, "1"),))
    sim.run(0.5)
    assert sim.talk(call).phase.value == "waiting"


def test_a_text_that_could_not_be_spoken_does_not_stop_the_flow_and_is_noted() -> None:
    sim = site(Play(say="Hello."), Enqueue(queue="sales"))
    call = sim.call()
    sim.tell(
        facts.PromptEnded(
            call, sim.heard(call).play, False, "a text is left out: espeak-ng took more than 8 s"
        )
    )
    assert sim.talk(call).phase.value == "waiting"
    sim.hang_up(call)
    notes = [note.details.get("note") for note in sim.record(call).timeline if note.what == "prompt failed"]
    assert notes == ["a text is left out: espeak-ng took more than 8 s"]


# -- language ------------------------------------------------------------------------------------------------


def test_a_key_chooses_the_language_and_each_is_offered_in_its_own() -> None:
    sim = site(LANGUAGE, HELLO, Enqueue(queue="sales"))
    call = sim.call(keys=((1, "1"),))
    assert said(sim) == list(WHICH.items())
    sim.run(1)
    assert said(sim)[-1] == ("fr", "Bonjour.")
    sim.run(5)
    assert sim.talk(call).language == "fr"
    sim.check_replay()


@pytest.mark.parametrize(
    ("at", "language"), [(4 + 5 - TICK, "fr"), (4 + 5, "fr"), (4 + 5 + 4 + 5 + TICK, "en")]
)
def test_without_a_key_it_is_asked_again_and_then_stays_as_it_was(at: float, language: str) -> None:
    sim = site(LANGUAGE, Enqueue(queue="sales"))
    call = sim.call(keys=((at, "1"),))
    sim.run(30)
    assert sim.centre.flows.language(sim.interaction_of(call)) == language


@pytest.mark.parametrize(
    ("origin", "language"),
    [("+33123456789", "fr"), ("+41446681800", "fr"), ("+442079460958", "en"), ("", "en")],
)
def test_the_country_of_the_caller_chooses(origin: str, language: str) -> None:
    sim = site(Language(by_country={"FR": "fr", "CH": "fr"}), HELLO, Enqueue(queue="sales"))
    sim.call(origin=origin)
    assert [spoken for spoken, _ in said(sim)] == [language]


def test_an_unknown_country_is_asked() -> None:
    step = msgspec.structs.replace(LANGUAGE, by_country={"FR": "fr"})
    sim = site(step, HELLO, Enqueue(queue="sales"))
    sim.call(origin="+442079460958", keys=((1, "2"),))
    sim.run(1)
    assert said(sim) == [*WHICH.items(), ("en", "Hello.")]


# -- confirm -------------------------------------------------------------------------------------------------


def confirming() -> SimulatedCentre:
    return site(
        Collect(variable="number", id="ask", say="Number?", most=4),
        Confirm(say=READ_BACK, no="ask", yes="q", on_none="bye", id="right", limit=2),
        Enqueue(queue="sales", id="q"),
        Hangup(id="bye"),
    )


def test_what_was_keyed_is_said_back_and_taken_at_yes() -> None:
    sim = confirming()
    call = sim.call(keys=((1, "4711"), (2, "1")))
    sim.run(1)
    assert said(sim)[-1][1] == "You keyed four seven one one. If this is right, press 1, else 2."
    sim.run(1)
    assert sim.talk(call).phase.value == "waiting"


def test_no_asks_anew() -> None:
    sim = confirming()
    call = sim.call(keys=((1, "4711"), (2, "2"), (3, "4712"), (4, "1")))
    sim.run(4)
    assert sim.centre.flows.variables(sim.interaction_of(call))["number"] == "4712"
    assert [text for _, text in said(sim)].count("Number?") == 2


@pytest.mark.parametrize(("after", "live"), [(-TICK, True), (0.0, False)])
def test_who_says_neither_is_asked_twice(after: float, live: bool) -> None:
    sim = confirming()
    call = sim.call(keys=((1, "4711"), (2, "9")))
    sim.run(2 + PROMPT_S + 5 + after)  # a wrong key at 2 s counts as the first time
    assert (call in sim.voice.legs) is live


def test_a_key_typed_ahead_confirms_nothing() -> None:
    sim = site(
        Play(prompts=("a",)),
        Confirm(say="Right?", yes="q", no="bye", id="c"),
        Hangup(id="bye"),
        Enqueue(queue="sales", id="q"),
    )
    call = sim.call(keys=((0.5, "1"),))
    sim.run(1)
    assert sim.centre.flows.where(sim.interaction_of(call)) == "straight/c"


def test_a_caller_who_leaves_while_asked() -> None:
    sim = confirming()
    call = sim.call(keys=((1, "4711"),), patience=2)
    sim.run(60)
    assert sim.record(call).outcome == "flow"
    sim.check_replay()


# -- text legs -----------------------------------------------------------------------------------------------

MENU = Menu(
    prompt="menu",
    say="What is it about, {caller}?",
    choices={"1": "bill", "2": "other"},
    labels={"1": "An invoice", "2": "Anything else"},
    words={"1": ("bill", "facture"), "2": ("else", "autre chose")},
    id="menu",
)
TEXTS = {"en": {"menu": "Please choose."}}
BILLS = (
    Set(values={"balance": "12.50", "due": "2026-12-25"}),
    MENU,
    Play(say="You owe {var.balance:money:EUR} until {var.due:date}.", id="bill"),
    Enqueue(queue="sales"),
    Enqueue(queue="help", id="other"),
)


def test_a_visitor_reads_the_menu_with_its_choices() -> None:
    sim = site(*BILLS, texts=TEXTS)
    chat = sim.chat("hello")
    shown = "Please choose. What is it about, visitor-1?\n1: An invoice\n2: Anything else"
    assert read(sim, chat)[0] == shown


@pytest.mark.parametrize("answer", ["1", "BILL!", "ma facture, svp", "an invoice", "the bill please"])
def test_a_visitor_chooses_in_words_and_reads_figures(answer: str) -> None:
    sim = site(*BILLS, texts=TEXTS)
    chat = sim.chat("hello")
    sim.write(chat, answer, "a1")
    assert read(sim, chat)[-1] == "You owe €12.50 until Dec 25, 2026."
    assert sim.talk(chat).phase.value == "waiting"
    sim.check_replay()


@pytest.mark.parametrize("answer", ["bill or else", "billing", "hm"])
def test_an_answer_that_means_no_choice_or_two_is_asked_again(answer: str) -> None:
    sim = site(*BILLS, texts=TEXTS)
    chat = sim.chat("hello")
    before = len(read(sim, chat))
    sim.write(chat, answer, "a1")
    assert len(read(sim, chat)) == before + 1 and read(sim, chat)[-1].startswith("Please choose.")


def test_what_a_flow_wrote_is_said_again_after_a_restart_until_it_is_delivered() -> None:
    sim = site(*BILLS, texts=TEXTS)
    chat = sim.chat("hello")
    assert sim.talk(chat).sending == []  # the channel reported it as delivered
    sim.restart(lost=facts.TextReceived(chat, "facture", "a2"))
    assert read(sim, chat)[-1] == "You owe €12.50 until Dec 25, 2026."
    sim.check_replay()


@pytest.mark.parametrize(
    "steps", [(Play(say="Hello."),), (LANGUAGE,), (Confirm(say="Right?", yes="", no="x"),)]
)
def test_a_call_is_cut_by_a_restart_and_its_flow_with_it(steps: tuple[AnyStep, ...]) -> None:
    sim = site(*steps, Hangup(id="x"))
    call = sim.call()
    sim.restart()
    sim.run(60)
    assert sim.record(call).cause.value == "restart"
    sim.check_replay()


def test_a_reload_that_takes_the_step_away_leaves_who_is_asked() -> None:
    sim = confirming()
    call = sim.call(keys=((1, "4711"), (3, "1")))
    sim.run(2)
    sim.tell(facts.RulesLoaded(rules(Enqueue(queue="help")), by="test"))
    sim.run(1)
    assert sim.talk(call).phase.value == "waiting"
    sim.check_replay()


def test_the_end_of_a_question_told_twice_is_one_end() -> None:
    sim = confirming()
    call = sim.call(keys=((1, "4711"),))
    sim.run(1)
    play = sim.heard(call).play
    for _ in range(2):
        sim.tell(facts.PromptEnded(call, play, True))
    assert sim.centre.flows.where(sim.interaction_of(call)) == "straight/right"
    sim.run(5)  # the time for an answer began at the first
    assert [text for _, text in said(sim)].count(said(sim)[-1][1]) == 2


def test_a_visitor_reads_goodbye_before_the_chat_ends() -> None:
    sim = site(Hangup(say="Goodbye, dear {caller}."))
    chat = sim.chat("hello")
    assert read(sim, chat) == ["Goodbye, dear visitor-1."]
    assert whats(sim, chat)[-1]


def test_a_visitor_confirms_and_chooses_the_language_in_words() -> None:
    sim = site(
        LANGUAGE,
        Confirm(say={"en": "Sure?", "fr": "Sûr ?"}, yes="q", no="no"),
        Hangup(id="no"),
        Goto(step="no"),
        Enqueue(queue="sales", id="q"),
    )
    chat = sim.chat("hello")
    assert read(sim, chat)[0] == " ".join(WHICH.values())
    sim.write(chat, "FR", "a1")
    assert read(sim, chat)[-1] == "Sûr ?"
    sim.write(chat, "Oui !", "a2")
    assert sim.talk(chat).phase.value == "waiting"


def test_the_first_words_are_no_wrong_answer_to_what_was_not_read_yet() -> None:
    sim = site(*BILLS, texts=TEXTS)
    chat = sim.chat("hello")
    assert len(read(sim, chat)) == 1
    sim.write(chat, "hello?", "a1")  # this one is
    assert len(read(sim, chat)) == 2


def test_first_words_that_mean_a_choice_choose() -> None:
    sim = site(*BILLS, texts=TEXTS)
    chat = sim.chat("my bill is wrong")
    assert read(sim, chat)[-1].startswith("You owe")


@pytest.mark.parametrize(("after", "kept"), [(2 - TICK, False), (2, True), (2 + TICK, True)])
def test_the_first_words_are_an_answer_once_there_was_time_to_read(after: float, kept: bool) -> None:
    sim = site(Collect(variable="number", say="Number?"), Enqueue(queue="sales"))
    chat = sim.chat()
    sim.run(after)
    sim.write(chat, "42", "a1")
    assert (sim.talk(chat).phase.value == "waiting") is kept


def test_rules_with_texts_are_rules_of_the_ledger() -> None:
    made = site(*BILLS, texts=TEXTS).centre.state.rules
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(made), type=Rules) == made
