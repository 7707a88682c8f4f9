"""Which ways out of a step take no time: what the search for loops that never wait stands on.

Most steps wait: for a prompt to end, for a key, for an agent. But a step that waits has ways past that, too:
a computed queue that is none of `among`, a full mailbox, a prompt of which nothing is left to be said. The
interpreter bounds what they do at run time (`ccd.ivr.flows.STEP_LIMIT`); the checks find them before.
"""

from enum import StrEnum
from typing import NamedTuple

from ccd.errors import Misconfigured
from ccd.model.step import Say, Step
from ccd.model.steps import Branch, CallBack, Enqueue, Hours, Play, Set, Transfer
from ccd.model.steps_bots import Bot
from ccd.model.steps_calling import Call
from ccd.model.steps_keys import Collect
from ccd.model.steps_outside import Hook, Identify, Lookup, Send
from ccd.model.steps_pay import Pay
from ccd.model.steps_speech import Language
from ccd.model.steps_surveys import Survey
from ccd.model.steps_voicemail import Voicemail
from ccd.model.templates import pieces


class Pace(StrEnum):
    """Whom to look at."""

    CALLS = "calls"
    """Callers: ways that take no time and ask nobody."""
    TEXTS = "texts"
    """Chats and messages: there what is said takes no time, and what needs a telephone is passed over."""
    OTHERS = "others"
    """Callers whose services, queues and trunks say no at once: as fast as that goes."""


class Part(StrEnum):
    """Which steps to look at. A loop goes round for ever for sure if none of its ways hangs on a value, or if
    none of its steps sets one: then it goes the second time as it went the first."""

    ALL = "all"
    FIRM = "firm"
    """Without the ways that hang on values."""
    STILL = "still"
    """Without the steps that set values."""


class Ways(NamedTuple):
    """Ways out of a step that take no time."""

    named: frozenset[str] = frozenset()
    """Ids of steps."""
    on: bool = False
    """Whether the next step may follow so."""


NONE = Ways()


def quick_ways(step: Step, pace: Pace = Pace.CALLS, part: Part = Part.ALL) -> Ways:
    """The ways out of a step that take no time; those of a `call` are as if its flow took none."""
    if (part is Part.FIRM and _hangs_on_values(step)) or (part is Part.STILL and _sets_values(step)):
        return NONE
    ways = _by_call(step)
    if pace is Pace.TEXTS:
        ways = _both(ways, _in_writing(step))
    elif pace is Pace.OTHERS:
        ways = _both(ways, _left_to_others(step))
    return ways


def _by_call(step: Step) -> Ways:
    match step:
        case Send():  # awaited where a failure leads elsewhere, but not once too much was sent
            return _to(step.on_failure)
        case Enqueue() | CallBack():
            return _to(step.on_unknown) if step.among else NONE
        case Voicemail():
            return _both(_to(step.on_full), _to(step.on_unknown) if step.among else NONE)
        case Play():
            return Ways(on=not (step.prompts or _surely_said(step.say)))
        case Language():
            return Ways(on=bool(step.by_country) or not step.choices)
        case Survey():
            return Ways(on=not step.can_ask(in_writing=False))
        case Identify():
            return NONE if step.number_service else _to(step.on_unknown)
        case Pay():  # the amount, or the currency, is none
            return _to(step.on_failure)
        case Branch():
            return _all(step)
        case _ if step.instant:
            return _all(step)
    return NONE


def _hangs_on_values(step: Step) -> bool:
    match step:
        case Branch() | Pay():
            return True
        case Enqueue() | CallBack() | Voicemail():
            return bool(step.among)
        case Play():
            return bool(step.say or step.digits)
    return False


def _sets_values(step: Step) -> bool:
    match step:
        case Set():
            return bool(step.values)
        case Call():
            return bool(step.arguments)
    return isinstance(step, Hours | Identify | Pay)


def _in_writing(step: Step) -> Ways:
    match step:
        case Play():
            return Ways(on=True)
        case Voicemail():
            return _to(step.on_empty)
        case Collect():
            return _to(step.on_none) if step.secret else NONE
        case Survey():
            return Ways(on=not step.can_ask(in_writing=True))
        case CallBack():
            return _to(step.on_refused)
    return NONE


def _left_to_others(step: Step) -> Ways:
    match step:
        case Lookup() | Hook() | Identify() | Send() | Pay() | Bot():
            return _all(step)
        case Enqueue() | Transfer() | CallBack():
            return Ways(on=True)
    return NONE


def _to(target: str) -> Ways:
    """A key that names a step, and the next one where it does not."""
    return Ways(frozenset({target})) if target else Ways(on=True)


def _all(step: Step) -> Ways:
    return Ways(frozenset(step.targets().values()), step.goes_on())


def _both(one: Ways, other: Ways) -> Ways:
    return Ways(one.named | other.named, one.on or other.on)


def _surely_said(say: Say) -> bool:
    """Whether there are words in each of its texts: values alone may all be missing."""
    texts = [say] if isinstance(say, str) else list(say.values())
    return bool(texts) and all(map(_has_words, texts))


def _has_words(text: str) -> bool:
    try:
        return any(isinstance(piece, str) and piece.strip() for piece in pieces(text))
    except Misconfigured:
        return True  # its own fault is told elsewhere
