"""Every pair of mode and event of the interpreter, and any script under any input."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.ivr.do import CallBack as StepsCallBack
from ccd.ivr.do import CollectSecretly, HangUp, LeaveLine, PlayParts, Queue, Stay, TransferTo
from ccd.ivr.flows import Flows
from ccd.ivr.moves import MOVES, STEPS
from ccd.ivr.state import Event, Mode
from ccd.model import rules as model
from ccd.model.calendar import Cause as Closing
from ccd.model.facts import BotEnded, BotSaid, BotStarted, OutsideAnswered
from ccd.model.hours import CalendarRule, Span
from ccd.model.nouns import Cause, LegKind
from ccd.model.proofs import OneTimeCode, Pin
from ccd.model.steps import (
    Answer,
    AnyStep,
    Branch,
    CallBack,
    Case,
    Enqueue,
    Goto,
    Hangup,
    Hours,
    Menu,
    Play,
    Set,
    Transfer,
)
from ccd.model.steps_bots import Bot
from ccd.model.steps_keys import Collect
from ccd.model.steps_outside import Hook, Identify, Lookup, Send
from ccd.model.steps_pay import Pay
from ccd.model.steps_speech import Confirm, Language
from ccd.model.steps_surveys import KINDS, Survey
from ccd.model.steps_voicemail import Record, Voicemail

T0 = 50.0

STEPS_FOR = (
    Enqueue(queue="q", id="queue"),
    Transfer(address="+331", id="transfer"),
    Play(prompts=("p",), id="play"),
    Menu(prompt="m", choices={"1": "queue"}, id="menu", no_input_limit=2, bad_input_limit=2),
    Hangup(prompt="bye", id="leave"),
    Collect(variable="number", prompt="keys", id="collect", most=1),
    CallBack(queue="q", id="callback", on_refused="collect", on_kept="play"),
    Voicemail(queue="q", id="voicemail", on_empty="menu", on_kept="play"),
    Play(prompts=("p",)),
    Lookup(service="crm", prompt="wait", id="lookup", timeout_s=2.0),
    Identify(caller_service="crm", on_known="queue", id="recognise", timeout_s=2.0),
    Identify(number_service="crm", prompt="who", on_known="queue", id="identify", most=1),
    Confirm(say="right?", id="confirm", yes="menu", no="collect", limit=2),
    Survey(name="happy", kind="csat", id="survey"),
    Play(prompts=("p",)),
    Survey(name="why", kind="free", prompt="why", id="aloud"),
    Play(prompts=("p",)),
    Pay(service="psp", amount="12.50", currency="EUR", id="pay", timeout_s=2.0),
    Identify(caller_service="crm", pin=Pin("pins"), on_refused="menu", id="prove", timeout_s=2.0),
    Identify(
        caller_service="crm",
        one_time_code=OneTimeCode("sms", "{caller}"),
        on_known="confirm",
        on_refused="menu",
        id="coded",
        timeout_s=2.0,
    ),
    Bot(bot="clerk", id="bot", on_end="play", on_leave="menu", on_failure="collect"),
)
SECRETLY = Collect(variable="card", prompt="card", id="secretly", secret=True, bad_input_limit=1)


def in_mode(mode: Mode) -> Flows:
    """An interaction 7 that waits in the given mode."""
    goto = {
        Mode.PLAYING: "play",
        Mode.ASKING: "menu",
        Mode.LISTENING: "menu",
        Mode.QUEUED: "queue",
        Mode.TRANSFERRING: "transfer",
        Mode.LEAVING: "leave",
        Mode.COLLECTING: "collect",
        Mode.ANSWERING: "confirm",
        Mode.KEYING: "secretly",
        Mode.RATING: "survey",
        Mode.TONE: "aloud",
        Mode.TELLING: "aloud",
        Mode.KEEPING: "callback",
        Mode.CALLING_BOT: "bot",
        Mode.WITH_BOT: "bot",
        Mode.REFUSING: "callback",
        Mode.AWAITING: "lookup",
        Mode.RECOGNISING: "recognise",
        Mode.IDENTIFYING: "identify",
        Mode.GREETING: "voicemail",
        Mode.BEEPING: "voicemail",
        Mode.SPEAKING: "voicemail",
        Mode.PAYING: "pay",
        Mode.CHARGING: "pay",
        Mode.PROVING: "prove",
        Mode.VERIFYING: "prove",
        Mode.SENDING: "coded",
        Mode.COMPARING: "coded",
    }[mode]
    flow = model.FlowRule(name="f", steps=(Goto(step=goto), *STEPS_FOR[:6], SECRETLY, *STEPS_FOR[6:]))
    flows = Flows(model.Rules(flows={"f": flow}), look=lambda _: {"caller": "+33612345678"}.get)
    flows.start("7", "f", T0, "en")
    if mode is Mode.LISTENING:
        flows.prompt_ended("7", "7.p1", True, T0)
    if mode in (Mode.PROVING, Mode.VERIFYING, Mode.SENDING, Mode.COMPARING):
        flows.answered("7", OutsideAnswered("7", "7.a1", True, {"customer": "4711"}), T0)
    if mode is Mode.COMPARING:
        flows.answered("7", OutsideAnswered("7", "7.a2", True), T0)
    for _ in range(3 if mode is Mode.CHARGING else mode in (Mode.VERIFYING, Mode.COMPARING)):
        flows.secret_collected("7", flows.state.running["7"].play, 6, True, "", T0)
    if mode is Mode.REFUSING:
        flows.refuse("7", "already", T0)
    if mode in (Mode.BEEPING, Mode.SPEAKING, Mode.TONE, Mode.TELLING):
        flows.prompt_ended("7", "7.p1", True, T0)
    if mode in (Mode.SPEAKING, Mode.TELLING):
        flows.prompt_ended("7", "7.p2", True, T0)
    if mode is Mode.WITH_BOT:
        flows.bot_started(BotStarted("7", "7.b1"), T0)
    assert flows.state.running["7"].mode is mode
    return flows


def send(flows: Flows, event: Event, now: float) -> list[object]:
    if event is Event.DIGIT:
        return list(flows.digit("7", "1", now))
    if event is Event.TEXT:
        return list(flows.text("7", "1", now))
    if event is Event.PROMPT_ENDED:
        return list(flows.prompt_ended("7", flows.state.running["7"].play or "7.p1", True, now))
    if event is Event.RESUME:
        return list(flows.resume("7", "why", now))
    if event is Event.KEYED:
        play = flows.state.running["7"].play
        secret = play if play.startswith("secret:") else "secret:7.s1"
        return list(flows.secret_collected("7", secret, 4, True, "", now))
    if event is Event.REFUSED:
        return list(flows.refuse("7", "denied", now))
    if event is Event.ANSWERED:
        ask = flows.state.running["7"].ask or "7.a1"
        fields = {"customer": "4711", "paid": "false"}
        return list(flows.answered("7", OutsideAnswered("7", ask, True, fields), now))
    if event is Event.COMPARED:
        keyed = flows.state.running["7"].given.get("code", "secret:7.s1")
        return list(flows.secrets_compared("7", keyed, True, now))
    if event is Event.BOT_STARTED:
        return list(flows.bot_started(BotStarted("7", "7.b1"), now))
    if event is Event.BOT_SAID:
        return list(flows.bot_said(BotSaid("7", "7.b1", "hello"), now))
    if event is Event.BOT_ENDED:
        return list(flows.bot_ended(BotEnded("7", "7.b1", True), now))
    if event is Event.KEPT:
        return list(flows.kept("7", {"callback_number": "+331"}, now))
    if event is Event.SPOKEN:
        return list(flows.answer_spoken("7", "7-1", now))
    if event is Event.NO_MESSAGE:
        return list(flows.no_message("7", now))
    return list(flows.expire(now + 10_000))


MOVED = {
    (Mode.PLAYING, Event.DIGIT): Mode.QUEUED,  # typed ahead: the menu behind takes it
    (Mode.PLAYING, Event.PROMPT_ENDED): Mode.ASKING,
    (Mode.PLAYING, Event.DEADLINE): Mode.ASKING,
    (Mode.ASKING, Event.DIGIT): Mode.QUEUED,
    (Mode.ASKING, Event.PROMPT_ENDED): Mode.LISTENING,
    (Mode.ASKING, Event.DEADLINE): Mode.LISTENING,
    (Mode.LISTENING, Event.DIGIT): Mode.QUEUED,
    (Mode.LISTENING, Event.DEADLINE): Mode.ASKING,
    (Mode.QUEUED, Event.RESUME): Mode.TRANSFERRING,
    (Mode.TRANSFERRING, Event.RESUME): Mode.PLAYING,
    (Mode.ANSWERING, Event.DIGIT): Mode.ASKING,
    (Mode.COLLECTING, Event.DIGIT): Mode.KEYING,
    (Mode.COLLECTING, Event.TEXT): Mode.KEYING,
    (Mode.COLLECTING, Event.DEADLINE): Mode.KEYING,
    (Mode.KEYING, Event.KEYED): Mode.KEEPING,
    (Mode.KEYING, Event.DEADLINE): Mode.KEEPING,
    (Mode.KEEPING, Event.REFUSED): Mode.REFUSING,
    (Mode.KEEPING, Event.KEPT): Mode.PLAYING,
    (Mode.REFUSING, Event.PROMPT_ENDED): Mode.GREETING,
    (Mode.REFUSING, Event.DEADLINE): Mode.GREETING,
    (Mode.AWAITING, Event.ANSWERED): Mode.RECOGNISING,
    (Mode.AWAITING, Event.DEADLINE): Mode.RECOGNISING,
    (Mode.RECOGNISING, Event.ANSWERED): Mode.QUEUED,
    (Mode.RECOGNISING, Event.DEADLINE): Mode.IDENTIFYING,
    (Mode.IDENTIFYING, Event.DIGIT): Mode.RECOGNISING,
    (Mode.IDENTIFYING, Event.TEXT): Mode.RECOGNISING,
    (Mode.IDENTIFYING, Event.DEADLINE): Mode.IDENTIFYING,
    (Mode.GREETING, Event.DIGIT): Mode.BEEPING,
    (Mode.GREETING, Event.PROMPT_ENDED): Mode.BEEPING,
    (Mode.GREETING, Event.DEADLINE): Mode.BEEPING,
    (Mode.BEEPING, Event.PROMPT_ENDED): Mode.SPEAKING,
    (Mode.BEEPING, Event.DEADLINE): Mode.SPEAKING,
    (Mode.SPEAKING, Event.DEADLINE): Mode.SPEAKING,
    (Mode.SPEAKING, Event.NO_MESSAGE): Mode.ASKING,
    (Mode.SPEAKING, Event.KEPT): Mode.PLAYING,
    (Mode.RATING, Event.DIGIT): Mode.PLAYING,
    (Mode.RATING, Event.PROMPT_ENDED): Mode.RATING,
    (Mode.RATING, Event.DEADLINE): Mode.RATING,
    (Mode.TONE, Event.PROMPT_ENDED): Mode.TELLING,
    (Mode.TONE, Event.DEADLINE): Mode.TELLING,
    (Mode.TELLING, Event.DEADLINE): Mode.TELLING,
    (Mode.TELLING, Event.SPOKEN): Mode.PLAYING,
    (Mode.PAYING, Event.KEYED): Mode.PAYING,
    (Mode.PAYING, Event.DEADLINE): Mode.PAYING,
    (Mode.CHARGING, Event.ANSWERED): Mode.PAYING,
    (Mode.CHARGING, Event.DEADLINE): Mode.RECOGNISING,
    (Mode.PROVING, Event.KEYED): Mode.VERIFYING,
    (Mode.PROVING, Event.DEADLINE): Mode.PROVING,
    (Mode.VERIFYING, Event.ANSWERED): Mode.RECOGNISING,
    (Mode.VERIFYING, Event.DEADLINE): Mode.ASKING,
    (Mode.SENDING, Event.ANSWERED): Mode.PROVING,
    (Mode.SENDING, Event.DEADLINE): Mode.ASKING,
    (Mode.COMPARING, Event.COMPARED): Mode.ANSWERING,
    (Mode.COMPARING, Event.DEADLINE): Mode.ASKING,
    (Mode.CALLING_BOT, Event.BOT_STARTED): Mode.WITH_BOT,
    (Mode.CALLING_BOT, Event.BOT_ENDED): Mode.PLAYING,
    (Mode.CALLING_BOT, Event.DEADLINE): Mode.COLLECTING,
    (Mode.WITH_BOT, Event.BOT_ENDED): Mode.PLAYING,
    (Mode.WITH_BOT, Event.DEADLINE): Mode.COLLECTING,
    (Mode.LEAVING, Event.PROMPT_ENDED): None,
    (Mode.LEAVING, Event.DEADLINE): None,
}

STAYS = {
    (Mode.AWAITING, Event.DIGIT),
    (Mode.AWAITING, Event.PROMPT_ENDED),
    (Mode.IDENTIFYING, Event.PROMPT_ENDED),
    (Mode.CALLING_BOT, Event.DIGIT),
    (Mode.WITH_BOT, Event.DIGIT),
}
"""Pairs that are taken notice of without another mode: a key ahead, music from here on, time for the keys."""


@pytest.mark.parametrize("event", Event)
@pytest.mark.parametrize("mode", Mode)
def test_every_pair_of_mode_and_event(mode: Mode, event: Event) -> None:
    flows = in_mode(mode)
    out = send(flows, event, T0 + 1)
    run = flows.state.running.get("7")
    if (mode, event) in STAYS:
        assert run is not None and run.mode is mode
        return
    if (mode, event) not in MOVED:
        assert out == []
        assert run is not None and run.mode is mode
        return
    expected = MOVED[mode, event]
    if expected is None:
        assert out == [HangUp("7")]
        assert run is None
    else:
        assert run is not None and run.mode is expected


def test_the_table_is_total() -> None:
    assert set(MOVES) == {(mode, event) for mode in Mode for event in Event}
    assert set(STEPS) == set(AnyStep.__args__)


# -- any script, any input ----------------------------------------------------------------------------------

OFFICE = CalendarRule(name="office", zone="UTC", week=((Span(0, 1), Span(2, 5)),) * 7)
IDS = [f"s{index}" for index in range(6)]
KEYS = "0123456789*#"
targets = st.sampled_from([*IDS, "", "missing"])
a_step = st.one_of(
    st.builds(Answer),
    st.builds(Play, prompts=st.sampled_from([(), ("a",), ("a", "b")]), barge=st.booleans()),
    st.builds(
        Lookup, service=st.just("s"), on_found=targets, on_failure=targets, prompt=st.sampled_from(["", "w"])
    ),
    st.builds(Hook, service=st.just("s"), may=st.just(("s1",)), on_failure=targets),
    st.builds(Identify, caller_service=st.just("s"), number_service=st.just("s"), on_known=targets),
    st.builds(Send, service=st.just("s"), on_failure=targets),
    st.builds(Pay, st.just("s"), st.sampled_from(["1.5", "x"]), st.just("EUR"), on_paid=targets),
    st.builds(
        Identify,
        caller_service=st.just("s"),
        number_service=st.just("s"),
        pin=st.sampled_from([None, Pin("p")]),
        one_time_code=st.sampled_from([None, OneTimeCode("c", "{var.number}")]),
        on_refused=targets,
    ),
    st.builds(
        Menu,
        prompt=st.sampled_from(["m", ""]),
        choices=st.dictionaries(st.sampled_from(KEYS), targets, max_size=4),
        no_input_limit=st.integers(0, 3),
        bad_input_limit=st.integers(0, 3),
        on_no_input=targets,
        on_bad_input=targets,
        wait_s=st.floats(0, 30),
    ),
    st.builds(
        Confirm,
        say=st.sampled_from(["", "{var.x:digits}?"]),
        yes=targets,
        no=targets,
        limit=st.integers(0, 2),
    ),
    st.builds(
        Language,
        say=st.sampled_from(["", "which?", {"fr": "laquelle ?", "en": "which?"}]),
        choices=st.dictionaries(st.sampled_from(KEYS), st.sampled_from(["fr", "en"]), max_size=2),
    ),
    st.builds(Set, values=st.sampled_from([{"language": "fr"}, {"number": "{var.card}{var.number}"}])),
    st.builds(Enqueue, queue=st.just("q")),
    st.builds(Enqueue, queue=st.just("{var.number}"), among=st.just(("q", "1")), on_unknown=targets),
    st.builds(Transfer, address=st.just("+331")),
    st.builds(Goto, step=targets),
    st.builds(
        Voicemail,
        queue=st.just("q"),
        prompt=st.sampled_from(["", "p"]),
        say=st.sampled_from(["", "speak"]),
        beep=st.booleans(),
        on_empty=targets,
        on_kept=st.sampled_from(IDS),
    ),
    st.builds(Record, switch=st.sampled_from(["on", "off", "mask", "unmask"])),
    st.builds(
        Hours,
        calendar=st.sampled_from(["office", "gone"]),
        open=targets,
        closed=targets,
        closed_by=st.dictionaries(st.sampled_from(Closing), targets, max_size=2),
    ),
    st.builds(
        Survey,
        name=st.just("q"),
        kind=st.sampled_from(KINDS),
        prompt=st.sampled_from(["", "m"]),
        say=st.sampled_from(["", "how?"]),
        choices=st.just({"1": "yes"}),
        no_input_limit=st.integers(0, 3),
        bad_input_limit=st.integers(0, 3),
        on_none=targets,
    ),
    st.builds(
        Bot, bot=st.just("b"), may=st.just(("s1",)), on_end=targets, on_leave=targets, on_failure=targets
    ),
    st.builds(Hangup, prompt=st.sampled_from(["", "bye"])),
    st.builds(
        Collect,
        variable=st.sampled_from(["number", "card"]),
        prompt=st.sampled_from(["", "keys"]),
        first_wait_s=st.floats(0, 10),
        wait_s=st.floats(0.5, 10),
        total_s=st.sampled_from([0.0, 3.0]),
        least=st.integers(0, 3),
        most=st.integers(1, 4),
        terminator=st.sampled_from(["#", "*", ""]),
        valid=st.sampled_from(["", "luhn", "date:DDMM", "phone", "phone:FR", "iban", "regex:[1-3]+"]),
        secret=st.booleans(),
        no_input_limit=st.integers(0, 2),
        bad_input_limit=st.integers(0, 2),
        on_none=targets,
        on_bad_input=targets,
    ),
    st.builds(
        CallBack,
        queue=st.just("q"),
        number=st.sampled_from(["", "number"]),
        on_refused=targets,
        on_kept=st.sampled_from(IDS),
    ),
    st.builds(
        Branch,
        cases=st.lists(
            st.builds(Case, when=st.sampled_from(["hour < 12", 'var.card != ""']), step=targets), max_size=2
        ).map(tuple),
        otherwise=targets,
    ),
)
an_input = st.one_of(
    st.tuples(st.just("digit"), st.sampled_from(KEYS)),
    st.tuples(st.just("text"), st.text(max_size=5)),
    st.tuples(st.just("ended"), st.booleans()),
    st.tuples(st.just("resume"), st.just("full")),
    st.tuples(st.just("spoken"), st.sampled_from(["7-1", ""])),
    st.tuples(st.just("bot"), st.sampled_from(["starts", "says", "", "s1", "nowhere"])),
    st.tuples(st.just("expire"), st.floats(0, 700)),
    st.tuples(st.just("answered"), st.sampled_from(["", "s1", "nowhere"])),
    st.tuples(st.just("refuse"), st.sampled_from(["denied", "already", "full"])),
    st.tuples(st.just("kept"), st.just("")),
    st.tuples(st.just("keyed"), st.sampled_from([0, 4, -4])),
    st.tuples(st.just("expire"), st.floats(0, 1400)),
)


@given(
    steps=st.lists(a_step, max_size=6),
    inputs=st.lists(an_input, max_size=40),
    kind=st.sampled_from(LegKind),
    aside=st.booleans(),
)
def test_any_script_under_any_input_waits_or_ends(
    steps: list[AnyStep], inputs: list[tuple[str, object]], kind: LegKind, aside: bool
) -> None:
    """Every turn ends, waits for one thing at most, and never without a deadline of ours or of the queue."""
    named = tuple(
        type(step)(**{f: getattr(step, f) for f in step.__struct_fields__ if f != "id"}, id=name)  # type: ignore[arg-type]
        for name, step in zip(IDS, steps, strict=False)
    )
    flow = model.FlowRule(name="f", steps=named)
    flows = Flows(model.Rules(flows={"f": flow}, calendars={"office": OFFICE}))
    now = T0
    if aside:
        out = flows.step_aside("7", "f", now, "en", {"number": "+33123456789"})
    else:
        out = flows.start("7", "f", now, "en", kind=kind)
    play = secret = ""
    for what, value in inputs:
        for do in out[:-1]:
            alone = isinstance(do, HangUp | Queue | TransferTo | Stay | StepsCallBack | LeaveLine)
            assert not alone, "only the last outcome of a turn waits"
        play = next((do.play for do in out if isinstance(do, PlayParts)), play)
        secret = next((do.secret for do in out if isinstance(do, CollectSecretly)), secret)
        run = flows.state.running.get("7")
        assert (run is None) == (bool(out) and isinstance(out[-1], HangUp | Stay | LeaveLine)) or not out
        if run is None:
            assert flows.next_deadline() is None
            return
        if run.mode not in (Mode.QUEUED, Mode.TRANSFERRING, Mode.KEEPING):
            assert flows.next_deadline() is not None
        now += 0.5
        if what == "digit":
            out = list(flows.digit("7", str(value), now))
        elif what == "text":
            out = list(flows.text("7", str(value), now))
        elif what == "ended":
            out = list(flows.prompt_ended("7", play, bool(value), now))
        elif what == "answered" and (run := flows.state.running.get("7")):
            fields = {"step": str(value), "customer": str(value)}
            out = list(flows.answered("7", OutsideAnswered("7", run.ask, bool(value), fields), now))
        elif what == "bot" and (run := flows.state.running.get("7")):
            out = bot_does(flows, run.ask, str(value), now)
        elif what == "spoken":
            out = list(flows.answer_spoken("7", str(value), now))
        elif what == "resume":
            out = list(flows.resume("7", "full", now))
        elif what == "refuse":
            out = list(flows.refuse("7", str(value), now))
        elif what == "kept":
            out = list(flows.kept("7", {"callback_number": "+331"}, now))
        elif what == "keyed":
            length = int(str(value))
            out = list(flows.secret_collected("7", secret, abs(length), length > 0, "", now))
        else:
            now += value  # type: ignore[operator]
            out = []
            if (due := flows.next_deadline()) is not None and due <= now:
                now = due
                out = list(flows.expire(now))


def bot_does(flows: Flows, ask: str, what: str, now: float) -> list[object]:
    """A bot starts, says something, or ends."""
    if what == "starts":
        return list(flows.bot_started(BotStarted("7", ask), now))
    if what == "says":
        return list(flows.bot_said(BotSaid("7", ask, "hello"), now))
    return list(flows.bot_ended(BotEnded("7", ask, what != "", what), now))


def test_left_alone_every_script_without_a_queue_ends() -> None:
    flow = model.FlowRule(name="f", steps=STEPS_FOR[2:])
    flows = Flows(model.Rules(flows={"f": flow}))
    flows.start("7", "f", T0, "en")
    out: list[object] = []
    turns = 0
    while (due := flows.next_deadline()) is not None:
        out += flows.expire(due)
        turns += 1
    assert turns == 5
    assert out[-1] == HangUp("7", Cause.NORMAL, "no key pressed at menu")
