"""A large state packed in pieces, byte for byte as `msgspec.msgpack.encode` packs it in one go.

Encoding a megabyte takes longer than the 2 ms that the loop may be busy. So what is large in the state is
packed some items at a time, and left out where it belongs; between two pieces the caller may let others have
their turn. Nothing in the state may change until `LET_GO`: see `Runtime.dumped`. The whole is never put
together here, as that takes milliseconds too: what is packed is a list of parts (`Packed`).

A large dict of values that nobody can change (`_lasting`: what is remembered of 50 000 customers) is only
copied before that, and packed after it.

Large is a dict, list, set or tuple of more than `ITEMS`, and what holds one. What is not takes well under a
millisecond, and is left to the encoder as it is.
"""

import types
import typing
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from copy import copy
from functools import cache
from itertools import chain, islice
from operator import attrgetter
from typing import Any, Final

import msgspec

from ccd.channels.ledger import Snapshot

ITEMS: Final = 128
"""Of a dict or list in one piece, at most."""
FEW: Final = 16
"""In its first piece, as nobody knows yet how large they are, and of large ones."""
PIECE: Final = 49_152
"""Bytes of a piece, about: 0.1 to 0.2 ms."""

LET_GO: Final = -1
"""Yielded once: the state may change from here on."""
COPIED: Final = 4096
"""Items of a dict that are copied at once: references alone, well under a millisecond."""

Packing = Generator[int, None, list[bytes]]
"""Yields how many bytes were packed after each piece (0: some were copied), `LET_GO` in between, and returns
the parts of the whole, in order."""


class Packed(msgspec.Struct, frozen=True):
    """The state of the engines after the fact `seq`, as it was packed."""

    seq: int
    at: float
    parts: list[bytes]

    def joined(self) -> Snapshot:
        """The whole. To be asked for in a thread: a megabyte and more is copied without the interpreter's
        lock, less in well under a millisecond."""
        return Snapshot(self.seq, self.at, b"".join(self.parts))


_encode = msgspec.msgpack.Encoder().encode
_SEQUENCES = (list, set, frozenset, tuple)
_CONTAINERS = (dict, *_SEQUENCES)
_GROWING = (dict, list, set)
_MAP, _ARRAY = (0x80, 0xDE), (0x90, 0xDC)


class _Hole:
    """Stands in what is encoded for something large that is packed already."""

    __slots__ = ("parts",)

    def __init__(self, parts: list[bytes]) -> None:
        self.parts = parts


class _Copied:
    """What a dict held, some items at a time; to be gone through once."""

    __slots__ = ("count", "held", "keys")

    def __init__(self, count: int) -> None:
        self.count = count
        self.keys: deque[list[Any]] = deque()
        self.held: deque[list[Any]] = deque()

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Any]:
        return chain.from_iterable(_used_up(self.keys))

    def values(self) -> Iterator[Any]:
        return chain.from_iterable(_used_up(self.held))


def _used_up(some: "deque[list[Any]]") -> Iterator[list[Any]]:
    """One after another, and each let go before the next: 100 000 references at once are 1.5 ms."""
    while some:
        yield some.popleft()


_Later = list[tuple[_Hole, _Copied]]


def pack(state: msgspec.Struct) -> Packing:
    """The pieces of a state; it must not change until `LET_GO`."""
    later: _Later = []
    thin = yield from _thin(state, later)
    holes, between = _encode_around(thin)
    yield LET_GO
    for hole, copied in later:
        hole.parts = yield from _packed(copied)
    return _filled(holes, between)


def read_types(kind: Any) -> Iterator[None]:
    """Look at what a state of that type may hold, one struct at a time, so that packing finds that done.

    Annotations are texts until somebody asks: it takes 20 ms in all, once, and facts need not wait for it.
    """
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        if kind in _read:
            return
        _read.add(kind)
        fields = msgspec.structs.fields(kind)
        yield
        for each in fields:
            yield from read_types(each.type)
            _may_be_large(each.type)  # from the inside out: from the outside one look takes 3 ms
        _long_fields(kind)
        _lasting(kind)
        yield
    for part in typing.get_args(kind):
        yield from read_types(part)


_read: set[type] = set()


def _thin(value: Any, later: "_Later | None" = None) -> Generator[int, None, Any]:
    """What is encoded to the same as `value`, with holes for all that is large in it.

    `later`: takes the holes that may be filled once the state has changed, and with what.
    """
    if isinstance(value, _CONTAINERS):
        return _Hole((yield from _packed(value)))
    thin = value
    for name in _open_fields(value.__class__):
        part = getattr(value, name)
        if _is_large(part):
            if thin is value:
                thin = copy(value)
            if later is not None and name in _lasting(value.__class__):
                hole = _Hole([])
                later.append((hole, (yield from _copied(part))))
                msgspec.structs.force_setattr(thin, name, hole)
            else:
                msgspec.structs.force_setattr(thin, name, (yield from _thin(part, later)))
    return thin


def _copied(value: dict[Any, Any]) -> "Generator[int, None, _Copied]":
    made, keys, values = _Copied(len(value)), iter(value), iter(value.values())
    while some := list(islice(keys, COPIED)):
        made.keys.append(some)
        made.held.append(list(islice(values, COPIED)))
        yield 0
    return made


def _encode_around(thin: Any) -> tuple[list[_Hole], list[bytes]]:
    """The holes in it in order, and what is before, between and after them.

    The encoder does not say where in its bytes a hole is, so each is marked. No mark begins within another,
    so when there are as many as holes they are the holes; else somebody's data look like one, and it gets
    longer.
    """
    mark = b"\xc1"  # no MessagePack value begins with it, and no text of UTF-8 holds it
    while True:
        mark += b"hole"
        holes: list[_Hole] = []
        between = _encoder_around(mark, holes)(thin).split(mark)
        if len(between) == len(holes) + 1:
            return holes, between


def _filled(holes: list[_Hole], between: list[bytes]) -> list[bytes]:
    parts = [between[0]]
    for hole, text in zip(holes, between[1:], strict=True):
        parts += hole.parts
        parts.append(text)
    return parts


def _encoder_around(mark: bytes, holes: list[_Hole]) -> Callable[[Any], bytes]:
    """Notes the holes in the order in which they are encoded."""
    raw = msgspec.Raw(mark)

    def marked(hole: Any) -> msgspec.Raw:
        if not isinstance(hole, _Hole):
            raise TypeError(f"a {type(hole).__name__} cannot be packed")
        holes.append(hole)
        return raw

    return msgspec.msgpack.Encoder(enc_hook=marked).encode


def _packed(value: Any) -> Packing:
    """A dict, list, set or tuple, some items at a time: its head, by the MessagePack specification, and then
    what is in it. In a map that is each key with its value after it, so both kinds are encoded as lists."""
    is_map, among_few = isinstance(value, (dict, _Copied)), len(value) <= ITEMS
    parts = [_head(len(value), *(_MAP if is_map else _ARRAY))]
    keys, left = iter(value), iter(value.values() if is_map else value)
    at_once = ITEMS if among_few else FEW
    while items := list(islice(left, at_once)):
        has_holes = False
        if among_few or _is_any_long(items):
            for place, each in enumerate(items):
                if _is_large(each) if among_few else _is_long(each):
                    items[place], has_holes = (yield from _thin(each)), True
        piece = _with_keys(islice(keys, len(items)), items) if is_map else items
        if has_holes:
            holes, between = _encode_around(piece)
            texts, size = _filled(holes, between), sum(map(len, between))
        else:
            packed = _encode(piece)
            texts, size = [packed], len(packed)
        texts[0] = texts[0][len(_head(len(piece), *_ARRAY)) :]
        parts += texts
        at_once = min(ITEMS, max(FEW, len(items) * PIECE // size))
        yield size
    return parts


def _with_keys(keys: Iterable[Any], values: list[Any]) -> list[Any]:
    """Key, value, key, value… by slices: a tuple for each pair took a tenth of all packing."""
    pairs: list[Any] = [None] * (2 * len(values))
    pairs[::2], pairs[1::2] = keys, values
    return pairs


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


def _is_any_long(values: Collection[Any]) -> bool:
    """Whether one of thousands is. By loops without a line of Python for each: these looks took a third of
    all packing, though hardly any finds something."""
    kinds: set[Any] = set(map(type, values))
    for kind in kinds:
        alike = values if len(kinds) == 1 else [each for each in values if type(each) is kind]
        if kind in _CONTAINERS and max(map(len, alike)) > ITEMS:
            return True
        for look in _looks(kind):
            if max(map(len, filter(None, map(look, alike))), default=0) > ITEMS:
                return True
    return False


@cache
def _looks(kind: type) -> tuple[Callable[[Any], Any], ...]:
    return tuple(map(attrgetter, _long_fields(kind)))


@cache
def _long_fields(kind: type) -> tuple[str, ...]:
    """Those of `_open_fields` that hold containers themselves; but tuples, which nothing is added to."""
    if not issubclass(kind, msgspec.Struct):
        return ()
    types_of = {each.name: each.type for each in msgspec.structs.fields(kind)}
    return tuple(name for name in _open_fields(kind) if typing.get_origin(types_of[name]) in _GROWING)


@cache
def _lasting(kind: type) -> frozenset[str]:
    """Names of the fields that are dicts of what cannot change: frozen, of numbers, texts and tuples."""
    return frozenset(each.name for each in msgspec.structs.fields(kind) if _is_of_lasting(each.type))


def _is_of_lasting(kind: Any) -> bool:
    if typing.get_origin(kind) is not dict:
        return False
    _key, value = typing.get_args(kind)
    if not (isinstance(value, type) and issubclass(value, msgspec.Struct)):
        return False
    return value.__struct_config__.frozen and all(_lasts(each.type) for each in msgspec.structs.fields(value))


def _lasts(kind: Any) -> bool:
    if typing.get_origin(kind) is tuple:
        return all(each is ... or _lasts(each) for each in typing.get_args(kind))
    return isinstance(kind, type) and issubclass(kind, _SCALARS)


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
