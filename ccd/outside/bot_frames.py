"""What is said between us and a bot beside audio: JSON objects with a `type`, one a WebSocket text frame.

`docs/bots.md` is the protocol. Unknown keys are let be, so that it can grow; an unknown type is a fault.
"""

from itertools import islice
from typing import Any, Final

import msgspec

from ccd.channels.audio import RATE
from ccd.model.answers import MOST_FIELDS, is_name
from ccd.model.bots import MOST_CHARACTERS
from ccd.model.commands import StartBot
from ccd.model.nouns import LegKind
from ccd.model.takes import taken

VERSION = 1
MOST_NAME = 64


class Frame(msgspec.Struct, frozen=True, tag_field="type", tag=str.lower, omit_defaults=True):
    """Base of what bots send."""


class Text(Frame, frozen=True):
    """To be shown to the customer, or on a call said."""

    text: str


class Stop(Frame, frozen=True):
    """Give up the audio that waits to be played: the customer speaks."""


class Mark(Frame, frozen=True):
    """Say it back when all audio before it is played or given up."""

    name: str


class End(msgspec.Struct, frozen=True):
    """The bot is done, once its audio is played."""

    step: str = ""
    values: dict[str, str] = {}
    """The plain ones, bounded."""
    reason: str = ""


class _End(Frame, frozen=True, tag="end"):
    """As it comes."""

    step: str = ""
    values: msgspec.Raw = msgspec.Raw(b"{}")
    """Taken apart no further than it counts: 64 KiB of `1e300` would take 100 ms."""
    reason: str = ""


FromBot = Text | Stop | Mark | End
_DECODER: Final = msgspec.json.Decoder(Text | Stop | Mark | _End)
_VALUES: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
MOST_VALUES: Final = 16_384
"""Bytes of all values together."""
_LOOKED_AT: Final = 256
"""Values of which the first that count are taken."""
_encode = msgspec.json.encode


class Misbehaved(Exception):
    """The bot is not there, or did what it may not; the message says what, for people."""


def read(data: bytes) -> FromBot:
    """One frame. Raises `Misbehaved`. Under 2 ms for any 64 KiB: a bot must not hold up calls."""
    try:
        frame: Text | Stop | Mark | _End = _DECODER.decode(data)
        if isinstance(frame, _End):
            return End(frame.step, _values(frame.values), frame.reason)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Misbehaved(f"it sent no frame of ours: {str(error)[:120]}") from error
    if isinstance(frame, Text) and len(frame.text) > MOST_CHARACTERS:
        raise Misbehaved(f"it sent a text of over {MOST_CHARACTERS} characters")
    if isinstance(frame, Mark) and len(frame.name) > MOST_NAME:
        raise Misbehaved(f"it sent a mark with a name of over {MOST_NAME} characters")
    return frame


def _values(raw: msgspec.Raw) -> dict[str, str]:
    """Lists and tables are no values."""
    if len(bytes(raw)) > MOST_VALUES:
        raise Misbehaved(f"it sent values of over {MOST_VALUES // 1024} KiB")
    plain: dict[str, Any] = {}
    for name, value in islice(_VALUES.decode(raw).items(), _LOOKED_AT):
        if len(plain) < MOST_FIELDS and is_name(name) and bytes(value)[:1] not in (b"[", b"{"):
            plain[name] = msgspec.json.decode(value)
    return taken(plain, {})


def start(command: StartBot, frame_ms: int) -> str:
    """The first frame."""
    audio = {"audio": {"encoding": "mulaw", "rate": RATE, "frame_ms": frame_ms}}
    return _text(
        {
            "type": "start",
            "version": VERSION,
            "interaction": command.interaction,
            "conversation": command.leg.partition(":")[2],
            "kind": command.kind.value,
            "language": command.language,
            "caller": command.caller,
            "dialled": command.dialled,
            "values": command.values,
            **(audio if command.kind is LegKind.AUDIO else {}),
        }
    )


def text(words: str) -> str:
    """The customer wrote."""
    return _text({"type": "text", "text": words})


def digit(key: str) -> str:
    """The customer pressed a key."""
    return _text({"type": "digit", "digit": key})


def mark(name: str) -> str:
    """All audio before a mark is played or given up."""
    return _text({"type": "mark", "name": name})


def error(reason: str) -> str:
    """Something that it asked for cannot be done; the conversation goes on."""
    return _text({"type": "error", "reason": reason})


def end(reason: str) -> str:
    """We end it: the last frame."""
    return _text({"type": "end", "reason": reason})


def _text(value: dict[str, Any]) -> str:
    return _encode(value).decode()
