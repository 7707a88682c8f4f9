"""Answers as JSON, encoded in pieces: a list of a thousand rows holds nobody up."""

from typing import Any, Final

import msgspec

from ccd.pieces import Pieces

LONG: Final = 32
"""Lists from so many rows are encoded row by row."""


async def encoded(answer: Any) -> msgspec.Raw:
    """The same bytes as `msgspec.json.encode` gives; long lists are found in the answer and its parts."""
    return await _encoded(answer, Pieces())


async def _encoded(value: Any, pieces: Pieces) -> msgspec.Raw:
    encode = msgspec.json.encode
    if isinstance(value, dict) and any(isinstance(each, dict | list) for each in value.values()):
        value = {key: await _encoded(each, pieces) for key, each in value.items()}
    elif isinstance(value, list) and len(value) >= LONG:
        value = await pieces.each(value, lambda row: msgspec.Raw(encode(row)))
    if pieces.over():
        await pieces.rest()
    return msgspec.Raw(encode(value))
