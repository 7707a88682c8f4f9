"""A state packed in pieces is byte for byte what the encoder makes of it, and no piece is large."""

import tracemalloc
from enum import StrEnum
from typing import Any, Optional, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.runtime import packing
from ccd.runtime.packing import COPIED, ITEMS, LET_GO, PIECE, Packing, _lasting, pack


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Leaf(msgspec.Struct, frozen=True, array_like=True, gc=False):
    name: str
    at: float


class Place(msgspec.Struct, omit_defaults=True):
    name: str = ""
    waiting: dict[str, float] = {}
    notes: list[Leaf] = []
    after: "Place | None" = None
    """One of its own kind."""


class Named(msgspec.Struct, tag=True, frozen=True):
    seen: frozenset[int] = frozenset()
    pair: tuple[float, str] = (0.0, "")
    many: tuple[int, ...] = ()


class State(msgspec.Struct):
    version: int = 0
    places: dict[str, Place] = {}
    leaves: dict[str, Leaf] = {}
    numbered: dict[int, list[int]] = {}
    coloured: dict[Colour, Place] = {}
    heap: list[tuple[float, str]] = []
    marks: set[str] = set()
    named: Named | None = None
    base: Optional["State"] = None
    sums: dict[str, dict[str, dict[str, int]]] = {}
    anything: Any = None


def rest_of(packing: Packing, sizes: list[int]) -> list[bytes]:
    while True:
        try:
            sizes.append(next(packing))
        except StopIteration as end:
            return cast(list[bytes], end.value)


def taken(state: msgspec.Struct) -> tuple[bytes, list[int]]:
    sizes: list[int] = []
    whole = b"".join(rest_of(pack(state), sizes))
    sizes.remove(LET_GO)
    return whole, sizes


def place(size: int, deeper: int = 0) -> Place:
    return Place(
        f"p{size}",
        {f"w{n}": n / 7 for n in range(size)},
        [Leaf(f"l{n}", float(n)) for n in range(size)],
        place(size, deeper - 1) if deeper else None,
    )


SIZES = st.sampled_from([0, 1, 15, 16, 17, ITEMS - 1, ITEMS, ITEMS + 1, 2 * ITEMS, 2 * ITEMS + 1])


@settings(deadline=None, max_examples=60)
@given(SIZES, SIZES, SIZES, st.integers(0, 2))
def test_it_is_what_the_encoder_makes_of_it(one: int, two: int, three: int, deeper: int) -> None:
    state = State(
        7,
        {f"q{n}": place(two if n % 50 == 0 else 1, deeper) for n in range(one)},
        {f"é{n}": Leaf("x" * n, 1.5) for n in range(three)},
        {n: list(range(two)) for n in range(min(three, 20))},
        {Colour.RED: place(one), Colour.BLUE: place(0)},
        [(n / 3, f"h{n}") for n in range(two)],
        {f"m{n}" for n in range(one)},
        Named(frozenset(range(three)), (1.0, "a"), tuple(range(one))),
        State(1, {"only": place(three)}) if deeper else None,
        {f"d{n}": {"x": {f"k{m}": m for m in range(two)}} for n in range(3)},
        [place(one)] if deeper else {"free": "form"},
    )
    before = msgspec.msgpack.encode(state)
    packed, _ = taken(state)
    assert packed == before
    assert msgspec.msgpack.encode(state) == before, "the state itself is as it was"


@pytest.mark.parametrize("count", [65_535, 65_536])
def test_heads_of_very_many(count: int) -> None:
    state = State(heap=[(1.0, "")] * count, leaves={str(n): Leaf("", 0.0) for n in range(count)})
    assert taken(state)[0] == msgspec.msgpack.encode(state)


def test_no_piece_is_large_wherever_the_large_stands() -> None:
    """Alone, in a queue among a few, in one among thousands, in what holds its own kind."""
    many = {f"w{n}": 1.0 for n in range(5_000)}
    for state in (
        State(leaves={f"c{n}": Leaf("somebody", 1.0) for n in range(5_000)}),
        State(places={"sales": Place("sales", many)}),
        State(places={f"q{n}": Place("q", many if n == 700 else {}) for n in range(1_000)}),
        State(base=State(coloured={Colour.RED: Place("a", {}, [], Place("b", many))})),
        State(sums={"day": {"queue": dict.fromkeys(many, 3)}}),
        State(numbered={n: list(range(9_000)) for n in range(2)}),
    ):
        packed, sizes = taken(state)
        assert len(packed) > 9_000 and len(sizes) > 30
        assert max(sizes) < 5_000


def test_a_small_state_is_one_piece() -> None:
    assert taken(State(places={"a": place(3)}))[1] == []


@pytest.mark.parametrize(
    "look_alike", [b"\xc1hole", b"\xc1holehole" * 3, b"\xc1\xc1hole", b"hole\xc1", b"\xc1"]
)
def test_data_that_look_like_the_mark_of_a_hole(look_alike: bytes) -> None:
    large = {f"w{n}": 1.0 for n in range(ITEMS + 1)}
    state = State(
        places={"sales": Place(waiting=large), "more": Place(name="hole")},
        numbered={7: list(range(300)), 8: [0xC1, *b"hole"]},
        anything=[look_alike, {"in": look_alike, "large": large}, look_alike],
    )
    assert taken(state)[0] == msgspec.msgpack.encode(state)


def test_what_the_encoder_does_not_know_is_not_packed() -> None:
    with pytest.raises(TypeError, match="object"):
        taken(State(anything={"odd": object(), "large": list(range(300))}))


def test_pieces_of_large_items_have_fewer() -> None:
    """Each of them is no more than a few hundred things, but a hundred of them are much."""
    state = State(places={f"q{n}": place(ITEMS) for n in range(1_000)})
    packed, sizes = taken(state)
    assert packed == msgspec.msgpack.encode(state)
    assert max(sizes) < 2 * PIECE < len(packed) / 20


@pytest.mark.parametrize("leaves", [0, ITEMS + 1, 2 * COPIED, 2 * COPIED + 1])
def test_once_it_is_let_go_the_state_may_change(leaves: int) -> None:
    state = State(
        places={f"p{n}": place(1) for n in range(300)},
        leaves={f"l{n}": Leaf(f"x{n}", float(n)) for n in range(leaves)},
        base=State(leaves={f"b{n}": Leaf(f"y{n}", float(n)) for n in range(ITEMS + 1)}),
    )
    assert state.base is not None
    whole, packing = msgspec.msgpack.encode(state), pack(state)
    held = 0
    while (size := next(packing)) != LET_GO:
        held += size
    assert held < len(whole) - leaves * 5  # those are packed after it
    state.leaves["l0"] = state.base.leaves["b7"] = Leaf("changed", 0.0)
    state.leaves["more"] = Leaf("more", 0.0)
    del state.base.leaves["b3"]
    state.places["p7"].notes.append(Leaf("new", 1.0))
    state.version, state.marks = 8, {"new"}
    later: list[int] = []
    assert b"".join(rest_of(packing, later)) == whole and LET_GO not in later


def test_what_can_change_is_packed_before() -> None:
    """Only a dict of frozen values without lists is left for later."""

    class Open(msgspec.Struct):
        at: float

    class Holds(msgspec.Struct, frozen=True):
        some: list[int]

    class Lasts(msgspec.Struct, frozen=True):
        many: tuple[tuple[float, str], ...]

    class Several(msgspec.Struct):
        opened: dict[str, Open]
        holding: dict[str, Holds]
        lasting: dict[str, Lasts]
        texts: dict[str, str]

    assert _lasting(Several) == {"lasting"}


def test_the_whole_is_never_put_together() -> None:
    """What is made between two rests is as little at 6 MB as at 1: no copy of the whole."""
    for customers in (8_000, 50_000):
        state = State(
            leaves={f"c{n}": Leaf(f"somebody with a number, {n} " * 4, 1.0) for n in range(customers)}
        )
        packing, made = pack(state), []
        tracemalloc.start()
        try:
            while True:
                tracemalloc.reset_peak()
                before = tracemalloc.get_traced_memory()[0]
                try:
                    next(packing)
                except StopIteration as end:
                    parts = end.value
                    break
                finally:
                    made.append(tracemalloc.get_traced_memory()[1] - before)
        finally:
            tracemalloc.stop()
        assert b"".join(parts) == msgspec.msgpack.encode(state)
        assert max(map(len, parts)) < 2 * PIECE and max(made) < 4 * PIECE


def test_types_are_read_before_facts_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read for the first time they take longer than packing does, and that is once in a daemon's life."""
    for each in (packing._open_fields, packing._long_fields, packing._lasting, packing._may_be_large):
        each.cache_clear()
    packing._read.clear()
    assert sum(1 for _ in packing.read_types(State)) == 2 * len([State, Place, Leaf, Named])
    assert not list(packing.read_types(State)), "once is enough"
    read: list[type] = []
    monkeypatch.setattr(msgspec.structs, "fields", lambda kind: read.append(kind) or ())
    state = State(
        places={str(n): Place(notes=[Leaf("a", 1.0)] * 200) for n in range(200)},
        leaves={str(n): Leaf("b", 2.0) for n in range(200)},
        named=Named(many=tuple(range(200))),
        base=State(sums={"a": {str(n): {"b": 1} for n in range(200)}}),
    )
    assert b"".join(rest_of(pack(state), [])) == msgspec.msgpack.encode(state)
    assert not read
