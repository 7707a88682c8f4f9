"""One call through one flow on virtual time: `rehearse_call(rules, Caller(flow="welcome"), at)`.

The engines are those of the daemon; the outside is played: the caller presses the keys given whenever the
flow listens, every agent is logged in and lets the phone ring, services answer what they are told to answer.
The call is over for a rehearsal when it waits in a queue, is put through, keeps a callback or ends.

What is assumed: one part of a prompt lasts `PROMPT_S`; a key is pressed `KEY_S` after the flow listens.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from ccd.bridging.state import Phase, Talk
from ccd.history.state import Note
from ccd.ivr.do import Do
from ccd.ivr.moves import AWAITED
from ccd.ivr.scripts import Look
from ccd.ivr.state import Event, FlowState, Mode
from ccd.model import facts
from ccd.model.entry import HISTORY
from ccd.model.facts import AnyFact
from ccd.model.nouns import Cause
from ccd.model.rules import Rules
from ccd.model.templates import in_words
from ccd.testing.centre import FOREVER, SimulatedCentre
from ccd.testing.parties import NEVER, Behaviour

KEY_S = 1.0
LONGEST_S = 3600.0
"""A call that is in the flow for so long is let go of."""
MOST_EVENTS = 1000
NO_KEY, HANGS_UP, SILENT = "wait", "hangup", "silent"
"""Words instead of a key: none is pressed this time; the caller hangs up; says nothing where a message or an
answer is recorded, until that is over."""
ANSWER_S = 0.1
LISTENS = frozenset(mode for mode, event in AWAITED if event is Event.DIGIT) - {Mode.PLAYING, Mode.AWAITING}
"""What asks for keys. While a prompt plays that may be cut, or a service is asked, the caller listens."""
_WAITS = (Phase.WAITING, Phase.OFFERED, Phase.CONNECTING)
_UNTOLD = frozenset({"arrived", "queued", "closed", "chose", "asks for a callback", "dial outside", "offer"})


class Caller(msgspec.Struct, frozen=True):
    """Who calls, and what this caller does."""

    flow: str
    caller: str = "+33612345678"
    dialled: str = ""
    keys: tuple[str, ...] = ()
    """One each time that the flow listens: a key, `wait`, `hangup` or `silent`."""
    answers: dict[str, Any] = {}
    """Service or bot → the fields that it answers; None: it fails. One that is not named fails, too."""
    figures: dict[str, float] = {}
    """Figures of queues as the flow sees them, in place of those of the empty centre: `queue.sales.ewt_s`."""
    history: dict[str, Any] = {}
    """What is remembered of the caller, `contacts_7d` → 3; what is not named is that of a new customer."""
    notice: str = ""
    """Text of a notice that is in force for all who call; empty: there is none."""
    language: str = ""
    """The caller was spoken to in it before, as after a queue: it goes before the flow's own."""


class Happened(msgspec.Struct, frozen=True):
    """One thing of the call."""

    at_s: float
    """Since the call came."""
    what: str
    """`step`, `hears`, `key`, `waits`, `asks`, `note`, `ends`."""
    name: str
    details: str = ""


class Played(msgspec.Struct, frozen=True):
    """What came of the call."""

    ends: str
    """`queue:NAME`, `transfer:NUMBER`, `callback:QUEUE`, `voicemail:QUEUE`, `hangup`, `fault`, `caller` (hung
    up), `endless`."""
    spent_s: float
    hears: list[str]
    steps: list[str]
    """`flow/step`."""
    variables: dict[str, str]
    keys_left: list[str]
    events: list[Happened]


def rehearse_call(rules: Rules, caller: Caller, at: float) -> Played:
    """Play one call that comes at `at` (seconds since the epoch)."""
    return FlowCentre(rules, caller, at).play()


class _Watch:
    """Hears of the steps before the statistics do."""

    def __init__(self, centre: "FlowCentre") -> None:
        self._centre = centre

    def entered(self, flow: str, now: float) -> None: ...

    def stepped(self, flow: str, step: str, before: str, spent_s: float, now: float) -> None:
        del before, spent_s, now
        self._centre.note_variables()
        self._centre.steps.append(f"{flow}/{step}")
        self._centre.happens("step", f"{flow}/{step}", self._centre.kind(flow, step))

    def left(self, flow: str, step: str, how: str, spent_s: float, now: float) -> None:
        del flow, step, how, spent_s, now
        self._centre.note_variables()

    def over(self, entry: str, asked: bool, hung_up: bool, now: float) -> None: ...


class FlowCentre(SimulatedCentre):
    """A simulated centre with one call in it."""

    def __init__(self, rules: Rules, caller: Caller, at: float) -> None:
        self.caller = caller
        self.keys = list(caller.keys)
        self.events: list[Happened] = []
        self.steps: list[str] = []
        self.hears: list[str] = []
        self.variables: dict[str, str] = {}
        self.began = at
        self.leg = ""
        self.interaction = ""
        self.dialled = ""
        self._ended = ""
        self._asked: tuple[object, ...] = ()
        self._notes = self._done = 0
        super().__init__(rules, check=False, begins_at=at)
        for agent in rules.agents.values():
            for device in agent.devices:
                self.phone(device, NEVER)
            self.login(agent.name)
        self._done = len(self.commands)
        self.centre.flows.watch = _Watch(self)
        self.centre.flows.look = self.centre.look = self._see(self.centre.look)
        if caller.language:
            self.centre.flows.start = self._spoken_to(self.centre.flows.start)  # type: ignore[method-assign]

    def _spoken_to(self, start: Callable[..., list[Do]]) -> Callable[..., list[Do]]:
        """Begin the first flow as one of somebody who has been spoken to."""

        def begin(interaction: str, flow: str, now: float, language: str, **more: Any) -> list[Do]:
            if interaction not in self.centre.flows.state.running:
                language, more = self.caller.language, {**more, "spoken_to": True}
            return start(interaction, flow, now, language, **more)

        return begin

    def _see(self, look: Look) -> Look:
        """What conditions and texts look names up with: the figures that are given go first."""
        past = {f"{HISTORY}{name}": value for name, value in self.caller.history.items()}
        figures = self.caller.figures | past

        def seen(interaction: str) -> Callable[[str], Any]:
            known = look(interaction)
            return lambda name: figures[name] if name in figures else known(name)

        return seen if figures else look

    def play(self) -> Played:
        """The whole call."""
        caller = self.caller
        if caller.notice:
            self.tell(facts.NoticeSet("rehearsal", self.now + 2 * LONGEST_S, caller.notice))
            self._done = len(self.commands)
        self.leg = self.voice.arrive(origin=caller.caller, target=caller.dialled, flow=caller.flow)
        self._drain()
        self._look()
        while not self._ended:
            deadline = self.centre.next_deadline()
            planned = self._plans[0][0] if self._plans else FOREVER
            at = min(FOREVER if deadline is None else max(deadline, self.now), planned)
            if at > self.began + LONGEST_S or len(self.events) > MOST_EVENTS:
                self._ended = "endless"
                break
            self.run_until(at)
            self._look()
        spent_s = round(self.now - self.began, 3)
        self.happens("ends", self._ended)
        return Played(self._ended, spent_s, self.hears, self.steps, self.variables, self.keys, self.events)

    def happens(self, what: str, name: str, details: str = "") -> None:
        """One more line of what is told."""
        self.events.append(Happened(round(self.now - self.began, 3), what, name, details))

    def note_variables(self) -> None:
        """Keep what is set, also once the flow is over."""
        for run in self.centre.flows.state.running.values():  # there is one call
            self.variables = dict(run.variables)

    def kind(self, flow: str, step: str) -> str:
        """The word after `do` of a step by its label."""
        rule = self.centre.state.rules.flows.get(flow)
        if rule is None:
            return ""
        for at, each in enumerate(rule.steps, 1):
            if step in (each.id, f"#{at}"):
                return str(type(each).__struct_config__.tag)
        return ""

    def behaviour_of(self, target: str) -> Behaviour | None:
        """Whoever is rung lets it ring."""
        return self.behaviours.get(target, NEVER)

    # -- what is seen --------------------------------------------------------------------------------

    def turned(self, fact: AnyFact) -> None:
        """Tell what the turn did, and press the next key if the flow listens now."""
        if not self.leg or isinstance(fact, facts.RulesLoaded):
            return
        if not self.interaction:
            found = self.centre.talks.legs.get(self.leg)
            self.interaction = found[0].interaction if found is not None else ""
        for command in self.commands[self._done :]:
            if self.leg in (getattr(command, "leg", ""), getattr(command, "peer", "")) or hasattr(
                command, "interaction"
            ):
                tell = TOLD.get(type(command).__name__, _told)
                tell(self, command)
        self._done = len(self.commands)
        self._tell_notes()
        run = self.centre.flows.state.running.get(self.interaction)
        if run is not None:
            self.note_variables()
            self._listen(run)

    def _tell_notes(self) -> None:
        record = self.centre.history.record(self.interaction)
        if record is None:
            return
        count = len(record.timeline) + record.notes_dropped
        notes: list[Note] = record.timeline[self._notes - count :] if count > self._notes else []
        self._notes = count
        for note in notes:
            if note.what not in _UNTOLD:
                told = ", ".join(f"{name} {value}" for name, value in note.details.items() if value != "")
                self.happens("note", note.what, told)

    def _listen(self, run: FlowState) -> None:
        """Press the next key, once for each time that the flow listens."""
        if run.mode not in LISTENS or not self.keys:
            return
        asked = (run.script, run.at, run.plays, run.no_input, run.bad_input, run.typed, len(self.steps))
        if asked == self._asked:
            return
        self._asked = asked
        key = self.keys.pop(0)
        if key == NO_KEY:
            self.happens("waits", "no key")
            return
        self.later(KEY_S, lambda: self._press(key))

    def _press(self, key: str) -> None:
        if self.leg not in self.voice.legs:
            return
        if key == HANGS_UP:
            self._ended = "caller"
            self.voice.end(self.leg, Cause.CANCELLED)
            return
        if key == SILENT:
            self._say_nothing()
            return
        self.happens("key", key)
        self.voice.digit(self.leg, key)

    def _say_nothing(self) -> None:
        self.happens("waits", "says nothing")
        usual, self.voice.spoken_s = self.voice.spoken_s, 0.0
        self.voice.fall_silent(self.leg)
        self.voice.spoken_s = usual

    def _look(self) -> None:
        """Whether the call is over for the rehearsal: everything that is due now has happened."""
        if self._ended:
            return
        talk = self.centre.talks.get(self.interaction)
        if talk is None or self.leg not in self.voice.legs:
            self._ended = self._how(talk)
        elif talk.phase in _WAITS and not talk.asking and not talk.away:
            self._ended = f"queue:{self.centre.state.interactions[self.interaction].queue}"
        elif talk.phase in (Phase.OUTSIDE_RINGING, Phase.OUTSIDE):
            self._ended = f"transfer:{self.dialled}"

    def _how(self, talk: Talk | None) -> str:
        info = self.centre.state.interactions.get(self.interaction)
        if talk is not None and talk.away and info is not None:
            return f"voicemail:{info.queue}" if talk.message is not None else f"callback:{info.queue}"
        cause = self.voice.ended.get(self.leg, Cause.NORMAL)
        return "hangup" if cause is Cause.NORMAL else f"fault:{cause.value}"


# -- what is told of commands ------------------------------------------------------------------------------


def _told(sim: FlowCentre, command: Any) -> None:
    """Any command without a line of its own."""
    values = msgspec.structs.asdict(command)
    details = ", ".join(f"{key} {value}" for key, value in values.items() if value and key != "leg")
    sim.happens("note", type(command).__name__, details)


def _silent(_sim: FlowCentre, _command: Any) -> None:
    """Not worth a line."""


def _hears(sim: FlowCentre, command: Any) -> None:
    for part in command.parts:
        name = part.name or part.text or f"{part.number} {part.unit}".strip()
        sim.hears.append(name)
        sim.happens("hears", name if not part.text else f"“{name}”", part.language or command.language)


def _dials(sim: FlowCentre, command: Any) -> None:
    sim.dialled = command.address


def _music(sim: FlowCentre, command: Any) -> None:
    if sim.events and sim.events[-1].name == f"music {command.music}":
        return  # begun anew
    sim.happens("hears", f"music {command.music}")


def _tone(sim: FlowCentre, command: Any) -> None:
    sim.happens("hears", f"tone {command.tone}")


def _records(sim: FlowCentre, command: Any) -> None:
    silence = f", {command.silence_s:g} s of silence" if command.silence_s else ""
    sim.happens("note", "records what is said", f"ends by #{silence}, the longest time or hanging up")


def _asks(sim: FlowCentre, command: Any) -> None:
    """A service is asked: it answers what the caller's `answers` have for it."""
    values = ", ".join(f"{key} {value}" for key, value in command.values.items())
    sim.happens("asks", command.service, values)
    answer = sim.caller.answers.get(command.service)
    fields = {key: in_words(value) for key, value in answer.items()} if isinstance(answer, dict) else {}
    fact: Any = getattr(facts, "OutsideAnswered", None)
    if fact is not None:
        ask, note = command.leg.partition(":")[2], "" if answer is not None else "no answer is given for it"
        told = fact(command.interaction, ask, answer is not None, fields, note)
        sim.later(ANSWER_S, lambda: sim.tell(told))


def _bot(sim: FlowCentre, command: Any) -> None:
    """A bot gets the conversation: it ends it with what the caller's `answers` have for it; `step` is where
    it sends the caller."""
    sim.happens("asks", command.bot, ", ".join(f"{key} {value}" for key, value in command.values.items()))
    answer = sim.caller.answers.get(command.bot)
    values = {key: str(value) for key, value in answer.items()} if isinstance(answer, dict) else {}
    note = "" if answer is not None else "no answer is given for it"
    conversation, step = command.leg.partition(":")[2], values.pop("step", "")
    told = facts.BotEnded(command.interaction, conversation, answer is not None, step, values, note)
    sim.later(ANSWER_S, lambda: sim.tell(told))


def _secret(sim: FlowCentre, command: Any) -> None:
    """Keys that only the channel sees: those up to the end key, or as many as may be."""
    if command.for_nobody:
        return
    if command.leg in sim.voice.legs:
        sim.voice.legs[command.leg].secret = None  # it has no keys of its own, and would say so in time
    count = 0
    while sim.keys and count < command.most:
        key = sim.keys.pop(0)
        if key in (NO_KEY, command.terminator):
            break
        count += 1
    if count == command.most and sim.keys[:1] == [command.terminator]:
        sim.keys.pop(0)  # needless, and taken for one by the channel too
    sim.happens("key", f"{count} keys in secret")
    made = next((got["code"] for got in reversed(sim.outside.got) if "code" in got), "")
    sim.voice.secrets.put(command.secret, made if len(made) == count else "0" * count)  # the code as it is
    fact: Any = getattr(facts, "SecretCollected", None)
    if fact is not None:
        told = fact(command.leg, command.secret, count, count >= command.least)
        sim.later(KEY_S * (count + 1), lambda: sim.tell(told))


TOLD: dict[str, Callable[[FlowCentre, Any], None]] = {
    "AnswerLeg": _silent,
    "RingLeg": _silent,
    "ReleaseLeg": _silent,
    "StopPrompt": _silent,
    "DialLeg": _dials,
    "PlayPrompt": _hears,
    "StartMusic": _music,
    "PlayTone": _tone,
    "RecordMessage": _records,
    "StopRecording": _silent,
    "AskOutside": _asks,
    "SendLink": _silent,
    "CollectSecret": _secret,
    "CompareSecrets": _silent,
    "ForgetSecrets": _silent,
    "StartBot": _bot,
}
"""What is told of a command to the caller's leg, and what the outside answers, by the command's name: a new
command needs a line here only if its name and values do not say enough, or somebody has to answer it."""
