"""The steps of flows, as frozen values: what a `[[flows.NAME.steps]]` table becomes."""

from collections.abc import Iterator
from typing import ClassVar

from ccd.model.calendar import Cause
from ccd.model.frozen import Frozen
from ccd.model.step import HANG_UP, Key, Say, Step, queues_among, set_ones
from ccd.model.steps_bots import Bot
from ccd.model.steps_calling import Call, Return
from ccd.model.steps_keys import Collect
from ccd.model.steps_outside import Hook, Identify, Lookup, Send
from ccd.model.steps_pay import Pay
from ccd.model.steps_speech import Confirm, Language
from ccd.model.steps_surveys import Survey
from ccd.model.steps_voicemail import Record, Voicemail


class Answer(Step, frozen=True, tag="answer"):
    """Answer the leg."""

    id: str = ""

    instant: ClassVar[bool] = True


class Play(Step, frozen=True, tag="play"):
    """Play prompts one after another, then say a text."""

    prompts: tuple[str, ...] = ()
    id: str = ""
    barge: bool = True
    digits: str = ""
    """Variable whose digits are spoken after the prompts, one by one."""
    say: Say = ""
    """Text said after them: one text, or language → text; see `docs/speech.md`."""

    def says(self) -> Iterator[tuple[Key, str]]:
        yield from ((("prompts", at), name) for at, name in enumerate(self.prompts))


class Menu(Step, frozen=True, tag="menu"):
    """Ask for one key and go to a step by it."""

    prompt: str = ""
    choices: dict[str, str] = {}
    """Key → id of the step to go to."""
    id: str = ""
    say: Say = ""
    """Text said after the prompt: one text, or language → text."""
    labels: dict[str, str] = {}
    """Key → what its choice is called: shown on text legs under what is asked, and chosen by it there."""
    words: dict[str, tuple[str, ...]] = {}
    """Key → words that choose it when they are written: `words = { 1 = ["invoice", "facture"] }`."""
    wait_s: float = 5.0
    """Time for a key after the prompt ended."""
    no_input_limit: int = 3
    bad_input_limit: int = 3
    no_input_prompt: str = ""
    no_input_say: Say = ""
    """Text said before asking again when no key came, after `no_input_prompt`."""
    bad_input_prompt: str = ""
    bad_input_say: Say = ""
    """Text said before asking again after a wrong key, after `bad_input_prompt`."""
    on_no_input: str = ""
    """Step to go to at the limit; empty: hang up."""
    on_bad_input: str = ""

    def targets(self) -> dict[Key, str]:
        named: dict[Key, str] = {("choices", key): target for key, target in self.choices.items()}
        return named | set_ones(on_no_input=self.on_no_input, on_bad_input=self.on_bad_input)

    def goes_on(self) -> bool:
        return False

    def leaves(self) -> dict[str, str]:
        silent, wrong = not self.on_no_input, not self.on_bad_input
        why = " or ".join([*(["no key"] if silent else []), *(["wrong key"] if wrong else [])])
        return {why: HANG_UP} if why else {}

    def says(self) -> Iterator[tuple[Key, str]]:
        yield ("prompt",), self.prompt
        yield ("no_input_prompt",), self.no_input_prompt
        yield ("bad_input_prompt",), self.bad_input_prompt


class Set(Step, frozen=True, tag="set"):
    """Set variables of the interaction (`language`, `priority` act; others are kept for the record)."""

    values: dict[str, str]
    """Name → value, with `{caller}`, `{dialled}`, `{var.NAME}` and what else conditions know, all as they
    were before the step. What was keyed in secret gives nothing. A `language` is written out."""
    id: str = ""

    instant: ClassVar[bool] = True

    def speaks(self, language: str) -> Iterator[str]:
        yield self.values.get("language") or language


class Enqueue(Step, frozen=True, tag="queue"):
    """Wait in a queue. The flow goes on only if the queue overflows into no target of its own."""

    queue: str
    """Name of the queue, or how it is computed: `"{var.team}"`, which must be one of `among`."""
    id: str = ""
    among: tuple[str, ...] = ()
    """Queues that a computed one may be."""
    on_unknown: str = ""
    """Step to go to when what is computed is none of them; empty: the next one."""
    priority: int | None = None
    requirement: str = ""
    """What this interaction asks for besides the queue's requirement."""
    prefer: str = ""
    """Agent that it is kept for at first."""
    prefer_variable: str = ""
    """Variable that names this agent, e.g. the owner from the CRM; comes before `prefer`."""
    prefer_last_s: float = 0.0
    """Nobody named: the agent who spoke with this caller, or dialled the number, last, if that is no longer
    ago."""
    prefer_wait_s: float = 30.0
    """For so long; then anybody may take it."""
    tags: tuple[str, ...] = ()
    """Words added to the variable `tags`, for the entry rules of the queue and for whoever looks at it."""
    whisper: str = ""
    """Prompt played to the agent alone before the bridge, instead of the queue's."""
    whisper_say: Say = ""
    """Text said to the agent alone, after `whisper`, in the agent's language; instead of the queue's."""
    screen: dict[str, str] = {}
    """Name → what the agent is shown with the offer: `{ order = "{var.order}" }`. In what begins with https://
    the values are percent-encoded."""

    def targets(self) -> dict[Key, str]:
        return set_ones(on_unknown=self.on_unknown)

    def leaves(self) -> dict[str, str]:
        return {"an agent takes it": ""}

    def queues(self) -> tuple[str, ...]:
        """Where it may lead."""
        return queues_among(self.queue, self.among)


class CallBack(Step, frozen=True, tag="callback"):
    """Keep a callback, say goodbye and hang up: the caller has a place in the queue and is called back.

    The flow goes on when that cannot be, after a prompt that says why. Once it is kept the variables
    `callback_number` and `callback_at` (local time as `2026-12-24 14:30`; empty: in turn) say how.
    """

    queue: str = ""
    """Where the place is, named or computed as in `queue`. In a flow that a key began while waiting: always
    the queue of the wait."""
    id: str = ""
    among: tuple[str, ...] = ()
    """Queues that a computed one may be."""
    on_unknown: str = ""
    """Step to go to when what is computed is none of them; empty: the next one."""
    on_kept: str = ""
    """Step to go to when it is kept, with the caller still on the line: the place is safe whatever is said or
    keyed from there on, and the end of the flow hangs up. Empty: goodbye."""
    number: str = ""
    """Variable with the number; empty, or the variable is not set: the number that the caller calls from."""
    at: str = ""
    """Variable with the time that the caller would like: `1430` or `14:30` (the next one), or
    `2026-12-24 14:30`, as `next_opening` has it. Empty, or the variable is not set: in turn."""
    calendar: str = ""
    """Calendar whose local time `at` is, and within whose hours it must be; empty: that of the queue."""
    on_refused: str = ""
    """Step to go to when this number, or this time, cannot be; empty, or kept already: the next one."""

    def targets(self) -> dict[Key, str]:
        return set_ones(on_kept=self.on_kept, on_refused=self.on_refused, on_unknown=self.on_unknown)

    def leaves(self) -> dict[str, str]:
        return {} if self.on_kept else {"kept": ""}

    def queues(self) -> tuple[str, ...]:
        """Where it may lead; none: to that of the wait."""
        return queues_among(self.queue, self.among)


class Transfer(Step, frozen=True, tag="transfer"):
    """Connect to an outside address through a trunk; goes on at the next step when that fails."""

    address: str
    id: str = ""
    ring_timeout_s: float = 40.0

    def leaves(self) -> dict[str, str]:
        return {"answered": ""}


class Goto(Step, frozen=True, tag="goto"):
    """Go to a step by its id."""

    step: str
    id: str = ""

    instant: ClassVar[bool] = True

    def targets(self) -> dict[Key, str]:
        return {("step",): self.step}

    def goes_on(self) -> bool:
        return False


class Case(Frozen, frozen=True):
    """One of `cases`: a condition, and the step to go to when it holds."""

    when: str
    """Expression, e.g. `queue.support.ewt_s > 180 and caller != ""`."""
    step: str
    """Id of the step."""


class Branch(Step, frozen=True, tag="branch"):
    """Go to the step of the first case that holds."""

    cases: tuple[Case, ...]
    """Tried in their order."""
    otherwise: str = ""
    """Step to go to when none holds; empty: the next one."""
    id: str = ""

    def targets(self) -> dict[Key, str]:
        cases: dict[Key, str] = {("cases", at, "step"): case.step for at, case in enumerate(self.cases)}
        return cases | set_ones(otherwise=self.otherwise)

    def goes_on(self) -> bool:
        return not self.otherwise


class Hangup(Step, frozen=True, tag="hangup"):
    """Say goodbye and end."""

    id: str = ""
    prompt: str = ""
    say: Say = ""
    """Text said after the prompt: one text, or language → text."""

    def goes_on(self) -> bool:
        return False

    def says(self) -> Iterator[tuple[Key, str]]:
        yield ("prompt",), self.prompt


class Hours(Step, frozen=True, tag="hours"):
    """Go on by whether a calendar is open now.

    Sets variables of the interaction: `hours` (`open` or `closed`), and while it is closed `closed_reason`
    (`holiday: Christmas Day`) and `next_opening`, local time of the calendar (`2026-12-26 09:00`).
    """

    calendar: str
    """The calendar that is asked."""
    id: str = ""
    open: str = ""
    """Step to go to when it is open; empty: the next one."""
    closed: str = ""
    """Step to go to when it is closed; empty: the next one."""
    closed_by: dict[Cause, str] = {}
    """What closed it → step to go to instead: `week` (the usual hours), `holiday`, `date` (one of one's own),
    `exception`."""

    instant: ClassVar[bool] = True

    def targets(self) -> dict[Key, str]:
        causes: dict[Key, str] = {
            ("closed_by", cause): target for cause, target in self.closed_by.items() if target
        }
        return set_ones(open=self.open, closed=self.closed) | causes

    def goes_on(self) -> bool:
        return not (self.open and self.closed)


AnyStep = (
    Answer
    | Play
    | Menu
    | Set
    | Enqueue
    | Collect
    | CallBack
    | Transfer
    | Goto
    | Branch
    | Hours
    | Hangup
    | Call
    | Return
    | Lookup
    | Hook
    | Identify
    | Send
    | Confirm
    | Language
    | Voicemail
    | Record
    | Survey
    | Pay
    | Bot
)
