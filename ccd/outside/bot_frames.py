"""What is said between us and a bot beside audio: JSON objects with a `type`, one a WebSocket text frame.

`docs/bots.md` is the protocol. Unknown keys are let be, so that it can grow; an unknown type is a fault.
"""

from typing import Any

import msgspec

from ccd.channels.audio import RATE
from ccd.model.bots import MOST_CHARACTERS
from ccd.model.commands import StartBot
from ccd.model.nouns import LegKind
from ccd.model.takes import taken

VERSION = 1
MOST_NAME = 64


class Frame(msgspec.Struct, frozen=True, tag_field="type", tag=str.lower, omit_defaults=True):
    """Base of what bots send."""


class Text(Frame, frozen=True):
    """To be shown to the customer."""

    text: str


class Stop(Frame, frozen=True):
    """Give up the audio that waits to be played: the customer speaks."""


class Mark(Frame, frozen=True):
    """Say it back when all audio before it is played or given up."""

    name: str


class End(Frame, frozen=True):
    """The bot is done, once its audio is played."""

    step: str = ""
    values: dict[str, Any] = {}
    reason: str = ""


FromBot = Text | Stop | Mark | End
_DECODER = msgspec.json.Decoder(FromBot)
_encode = msgspec.json.encode


class Misbehaved(Exception):
    """The bot is not there, or did what it may not; the message says what, for people."""


def read(data: bytes) -> FromBot:
    """One frame. Raises `Misbehaved`."""
    try:
        frame: FromBot = _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Misbehaved(f"it sent no frame of ours: {str(error)[:120]}") from error
    if isinstance(frame, Text) and len(frame.text) > MOST_CHARACTERS:
        raise Misbehaved(f"it sent a text of over {MOST_CHARACTERS} characters")
    if isinstance(frame, Mark) and len(frame.name) > MOST_NAME:
        raise Misbehaved(f"it sent a mark with a name of over {MOST_NAME} characters")
    return frame


def values_of(end: End) -> dict[str, str]:
    """The plain values that it gives back, bounded."""
    return taken(end.values, {})


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


def end(reason: str) -> str:
    """We end it: the last frame."""
    return _text({"type": "end", "reason": reason})


def _text(value: dict[str, Any]) -> str:
    return _encode(value).decode()
