"""The frames of the web chat: JSON objects, one a WebSocket text message (docs/channels/webchat.md)."""

from typing import Annotated

import msgspec
from msgspec import Meta

from ccd.errors import PeerBroke

Key = Annotated[str, Meta(max_length=64)]


class Hello(msgspec.Struct, frozen=True, tag_field="type", tag="hello"):
    """First frame of a connection; with the token of an earlier `welcome` it goes on with that visit."""

    name: Key = ""
    token: Key = ""
    after: Key = ""
    """Id of the last text that the visitor has seen; empty: those never written to a connection."""
    link: Key = ""
    """Token of the link by which the page was opened: the conversation goes on from another one, at once."""


class Text(msgspec.Struct, frozen=True, tag_field="type", tag="text"):
    """The visitor writes. Sent again under the same id until its `ack` comes."""

    id: Annotated[str, Meta(min_length=1, max_length=64)]
    text: str


class Bye(msgspec.Struct, frozen=True, tag_field="type", tag="bye"):
    """The visitor ends the conversation."""


_decoder: msgspec.json.Decoder[Hello | Text | Bye] = msgspec.json.Decoder(Hello | Text | Bye)


def decode(data: str) -> Hello | Text | Bye:
    """A frame from the visitor. Raises `PeerBroke` with what is wrong."""
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise PeerBroke("webchat.bad_frame", f"this frame is not understood: {error}") from error


def encode(kind: str, **fields: object) -> str:
    """A frame to the visitor."""
    return msgspec.json.encode({"type": kind, **fields}).decode()
