"""Frames of a bot: whatever it sends, reading one holds up nobody."""

import contextlib
import tracemalloc
from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.model.answers import MOST_CHARACTERS, MOST_FIELDS
from ccd.outside.bot_frames import MOST_VALUES, End, Misbehaved, Text, read
from ccd.outside.websocket import MOST_BYTES

MOST_BUILT = 3 * MOST_BYTES
"""Bytes that reading a frame may take for a moment; all values of one, built, are 5 to 24 times its size."""


def filled(before: bytes, items: Iterable[bytes], after: bytes, most: int = MOST_BYTES) -> bytes:
    """So many of the items as there is room for."""
    found, size = [], len(before) + len(after)
    for item in items:
        size += len(item) + 1
        if size > most:
            break
        found.append(item)
    return before + b",".join(found) + after


MANY = range(MOST_BYTES)
NUMBERED = [b'"a%d":1e300' % at for at in MANY]
NASTY = {
    "floats": filled(b'{"type":"end","values":{"a":[', (b"1e300" for _ in MANY), b"]}}"),
    "lists": filled(b'{"type":"end","values":{"a":[', (b"[]" for _ in MANY), b"]}}"),
    "tables": filled(b'{"type":"end","values":{"a":[', (b"{}" for _ in MANY), b"]}}"),
    "type last": filled(b'{"values":{"a":[', (b"[]" for _ in MANY), b']},"type":"end"}'),
    "unknown": filled(b'{"x":[', (b"1e300" for _ in MANY), b'],"type":"stop"}'),
    "names": filled(b'{"type":"end","values":{', NUMBERED, b"}}", MOST_VALUES),
    "no names": filled(b'{"type":"end","values":{', (b'"":1e300' for _ in MANY), b"}}", MOST_VALUES),
    "escapes": b'{"type":"text","text":"' + b"\\u00e9" * 10_900 + b'"}',
    "deep": b'{"type":"end","values":' + b"[" * 60_000,
}


@pytest.mark.parametrize("name", NASTY)
def test_little_is_built_of_the_worst_frame(name: str) -> None:
    """What is built of it is what reading it costs: the time of a busy machine tells nothing."""
    assert len(NASTY[name]) <= MOST_BYTES
    tracemalloc.start()
    try:
        with contextlib.suppress(Misbehaved):  # as it should, of most of them
            read(NASTY[name])
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < MOST_BUILT


def test_of_many_values_no_more_are_decoded_than_count(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[bytes] = []
    decode = msgspec.json.decode

    def spy(value: msgspec.Raw) -> object:
        decoded.append(bytes(value))
        return decode(value)

    monkeypatch.setattr(msgspec.json, "decode", spy)
    end = read(NASTY["names"])
    assert isinstance(end, End) and len(decoded) == len(end.values) == MOST_FIELDS
    decoded.clear()
    read(NASTY["no names"])
    assert not decoded, "what has no name is not looked into"


def test_more_values_than_are_taken_are_refused_unread() -> None:
    with pytest.raises(Misbehaved, match="16 KiB"):
        read(filled(b'{"type":"end","values":{', NUMBERED, b"}}", MOST_VALUES + 100))


def test_of_many_values_the_first_good_ones_are_taken() -> None:
    values = {"a b": 1, "list": [1], **{f"v{at}": at for at in range(50)}}
    end = read(msgspec.json.encode({"type": "end", "values": values, "step": "x"}))
    assert isinstance(end, End) and end.step == "x"
    assert end.values == {f"v{at}": str(at) for at in range(MOST_FIELDS)}


plain = st.text(max_size=60) | st.integers(-(2**60), 2**60) | st.booleans() | st.none() | st.floats(-1e9, 1e9)


@given(st.dictionaries(st.text(max_size=20), plain | st.lists(plain, max_size=3), max_size=40))
def test_any_values_come_bounded_and_as_text(values: dict[str, object]) -> None:
    end = read(msgspec.json.encode({"values": values, "type": "end"}))
    assert isinstance(end, End) and len(end.values) <= MOST_FIELDS and end.values.keys() <= values.keys()
    for name, text in end.values.items():
        value = values[name]
        assert len(text) <= MOST_CHARACTERS
        if isinstance(value, int):
            assert text == str(value).lower()


def test_a_text_is_as_it_was() -> None:
    assert read(b'{"text":"\\u00e7a va","type":"text","new":[1,{}]}') == Text("ça va")
