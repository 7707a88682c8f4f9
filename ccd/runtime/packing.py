"""A large state packed in pieces, byte for byte as `msgspec.msgpack.encode` packs it in one go.

Encoding a megabyte takes longer than the 2 ms that the loop may be busy. So what is large in the state is
packed some items at a time, and put in as it is (`msgspec.Raw`) where it belongs; between two pieces the
caller may let others have their turn. Nothing in the state may change until the end: see `Runtime.dumped`.

Large is a dict, list, set or tuple of more than `ITEMS`, and what holds one. What is not takes well under a
millisecond, and is left to the encoder as it is.
"""

import types
import typing
from collections.abc import Generator, Iterable, Iterator
from copy import copy
from functools import cache
from itertools import islice
from typing import Any, Final

import msgspec

ITEMS: Final = 128
"""Of a dict or list in one piece."""

Packing = Generator[int, None, bytes]
"""Yields how many bytes were packed after each piece, returns the whole."""

_encode = msgspec.msgpack.Encoder().encode
_SEQUENCES = (list, set, frozenset, tuple)
_CONTAINERS = (dict, *_SEQUENCES)
_GROWING = (dict, list, set)
_MAP, _ARRAY = (0x80, 0xDE), (0x90, 0xDC)


def pack(state: msgspec.Struct) -> Packing:
    """The pieces of a state; it must not change until the last was taken."""
    return _encode((yield from _thin(state)))


def _thin(value: Any) -> Generator[int, None, Any]:
    """What is encoded to the same as `value`, with all that is large in it packed already."""
    if isinstance(value, dict):
        return (yield from _packed(value.items(), len(value), *_MAP, dict))
    if isinstance(value, _SEQUENCES):
        return (yield from _packed(enumerate(value), len(value), *_ARRAY, _values))
    thin = value
    for name in _open_fields(value.__class__):
        part = getattr(value, name)
        if _is_large(part):
            if thin is value:
                thin = copy(value)
            msgspec.structs.force_setattr(thin, name, (yield from _thin(part)))
    return thin


def _packed(
    items: Iterable[tuple[Any, Any]], count: int, few: int, many: int, build: Any
) -> Generator[int, None, msgspec.Raw]:
    """A dict (or list: `items` are numbered then) of `count`, some items at a time.

    `few` and `many` are the first bytes of its heads, by the MessagePack specification; `build` makes what a
    piece is encoded from.
    """
    among_few = count <= ITEMS
    parts = [_head(count, few, many)]
    left: Iterator[tuple[Any, Any]] = iter(items)
    while piece := dict(islice(left, ITEMS)):
        copied = 0  # bytes of what is large in it: counted already
        for key, value in piece.items() if among_few or _may_be_long(piece) else ():
            if _is_large(value) if among_few else _is_long(value):
                thinning = _thin(value)
                try:
                    while True:
                        copied += (size := next(thinning))
                        yield size
                except StopIteration as end:
                    piece[key] = end.value
        packed = _encode(build(piece))
        parts.append(packed[len(_head(len(piece), few, many)) :])
        yield max(0, len(packed) - copied)
    whole = msgspec.Raw(b"".join(parts))
    yield 0  # to put some megabytes together takes milliseconds, and so does what is done with them next
    return whole


def _values(piece: dict[Any, Any]) -> list[Any]:
    return list(piece.values())


def _head(count: int, few: int, many: int) -> bytes:
    """Of a map or array: one byte up to 15 items, three up to 65 535, else five."""
    if count < 16:
        return bytes((few | count,))
    if count < 1 << 16:
        return bytes((many,)) + count.to_bytes(2, "big")
    return bytes((many + 1,)) + count.to_bytes(4, "big")


def _is_large(value: Any) -> bool:
    """Of what stands alone or among a few."""
    if isinstance(value, _CONTAINERS):
        if len(value) > ITEMS:
            return True
        return any(map(_is_large, value.values() if isinstance(value, dict) else value))
    return any(_is_large(getattr(value, name)) for name in _open_fields(value.__class__))


def _is_long(value: Any) -> bool:
    """Of what stands among thousands: looked at less closely, as that takes longer than to encode it."""
    if isinstance(value, _CONTAINERS):
        return len(value) > ITEMS
    for name in _long_fields(value.__class__):
        part = getattr(value, name)
        if part and len(part) > ITEMS:
            return True
    return False


def _may_be_long(piece: dict[Any, Any]) -> bool:
    """Whether any may: by their types, of which there are few."""
    kinds: set[Any] = set(map(type, piece.values()))
    return any(kind in _CONTAINERS or _long_fields(kind) for kind in kinds)


@cache
def _long_fields(kind: type) -> tuple[str, ...]:
    """Those of `_open_fields` that hold containers themselves; but tuples, which nothing is added to."""
    if not issubclass(kind, msgspec.Struct):
        return ()
    types_of = {each.name: each.type for each in msgspec.structs.fields(kind)}
    return tuple(name for name in _open_fields(kind) if typing.get_origin(types_of[name]) in _GROWING)


@cache
def _open_fields(kind: type) -> tuple[str, ...]:
    """Names of the fields in which something large may stand, by their types."""
    if not issubclass(kind, msgspec.Struct):
        return ()
    return tuple(each.name for each in msgspec.structs.fields(kind) if _may_be_large(each.type))


@cache
def _may_be_large(kind: Any, within: frozenset[Any] = frozenset()) -> bool:
    """Whether a value of that type may. `within`: the structs that are being looked at, for those that hold
    their own kind."""
    origin, inner = typing.get_origin(kind) or kind, typing.get_args(kind)
    if origin in (typing.Union, types.UnionType, typing.Annotated):
        return any(_may_be_large(each, within) for each in inner)
    if not isinstance(origin, type):
        return origin is not typing.Literal
    if issubclass(origin, msgspec.Struct):
        return origin in within or any(
            _may_be_large(each.type, within | {origin}) for each in msgspec.structs.fields(origin)
        )
    if origin is tuple and inner and ... not in inner:  # so many, and no more
        return any(_may_be_large(each, within) for each in inner)
    return not issubclass(origin, _SCALARS)


_SCALARS = (str, bytes, int, float, bool, type(None), msgspec.Raw)
"""Never large; enums too, by what they are encoded as."""
