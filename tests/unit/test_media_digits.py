"""Telephone events (RFC 4733): each digit once, whatever the network does, and sending them right."""

from hypothesis import given
from hypothesis import strategies as st

from ccd.media.digits import END, EVENT, KEYS, DigitEar, DigitMouth

Packet = tuple[int, int, int, int, bool]
"""event, flags, duration, timestamp, marker"""


def digit_packets(keys: str, start: int = 1000, ms: int = 100) -> list[list[Packet]]:
    """What a right sender sends for each key."""
    digits = []
    for index, key in enumerate(keys):
        timestamp = start + index * 1600
        steps = ms // 20
        packets: list[Packet] = [
            (KEYS.index(key), 10, 160 * (step + 1), timestamp, step == 0) for step in range(steps)
        ]
        packets += [(KEYS.index(key), 10 | END, 160 * steps, timestamp, False)] * 3
        digits.append(packets)
    return digits


def hear_all(packets: list[Packet]) -> str:
    ear = DigitEar()
    return "".join(ear.hear(*packet) for packet in packets)


def test_each_key_once_at_its_first_packet() -> None:
    ear = DigitEar()
    for packets in digit_packets("0123456789*#ABCD"):
        heard = [ear.hear(*packet) for packet in packets]
        assert heard[0] == KEYS[packets[0][0]]
        assert not any(heard[1:])


@given(
    keys=st.text(alphabet=KEYS, min_size=1, max_size=8),
    data=st.data(),
)
def test_any_loss_that_leaves_one_packet_of_each_digit(keys: str, data: st.DataObject) -> None:
    packets: list[Packet] = []
    for digit in digit_packets(keys):
        kept = data.draw(st.lists(st.sampled_from(range(len(digit))), min_size=1, unique=True))
        packets += [digit[index] for index in sorted(kept)]
    assert hear_all(packets) == keys


@given(keys=st.text(alphabet=KEYS, min_size=2, max_size=6), data=st.data())
def test_late_and_doubled_packets_make_no_digit(keys: str, data: st.DataObject) -> None:
    digits = digit_packets(keys)
    packets: list[Packet] = []
    for index, digit in enumerate(digits):
        packets += digit
        earlier = digits[data.draw(st.integers(0, index))]
        packets.append(data.draw(st.sampled_from(earlier[1:])))
    assert hear_all(packets) == keys


def test_timestamps_may_wrap() -> None:
    packets = [packet for digit in digit_packets("12", start=0xFFFFFF00) for packet in digit]
    wrapped = [
        (event, flags, duration, stamp & 0xFFFFFFFF, marker)
        for event, flags, duration, stamp, marker in packets
    ]
    assert hear_all(wrapped) == "12"


def test_a_sender_that_never_moves_its_timestamp() -> None:
    packets = [(e, f, d, 5, m) for digit in digit_packets("1123") for (e, f, d, _t, m) in digit]
    assert hear_all(packets) == "1123"


def test_a_long_digit_in_segments_is_one() -> None:
    first = [(5, 10, 0xFFFF, 1000, True)]
    second = [(5, 10, 160 * step, 1000 + 0xFFFF, False) for step in range(1, 4)]
    assert hear_all(first + second + [(5, 10 | END, 480, 1000 + 0xFFFF, False)]) == "5"


def test_events_that_are_no_keys_are_not_reported() -> None:
    assert hear_all([(16, 10, 160, 1000, True), (200, 10, 160, 3000, True)]) == ""


def steps(mouth: DigitMouth, limit: int = 1000) -> list[tuple[bytes, bool] | None]:
    made = []
    while mouth.busy and len(made) < limit:
        made.append(mouth.step())
    return made


def test_a_digit_of_100_ms_is_sent_in_seven_packets() -> None:
    mouth = DigitMouth()
    mouth.add("7", 100)
    sent = [step for step in steps(mouth) if step]
    events = [EVENT.unpack(payload) for payload, _first in sent]
    assert [duration for _event, _flags, duration in events] == [160, 320, 480, 640, 800, 800, 800]
    assert [bool(flags & END) for _event, flags, _duration in events] == [False] * 4 + [True] * 3
    assert [first for _payload, first in sent] == [True] + [False] * 6
    assert {event for event, _flags, _duration in events} == {7}


@given(keys=st.text(alphabet=KEYS, min_size=1, max_size=10), ms=st.integers(-10, 9000))
def test_what_the_mouth_says_the_ear_hears(keys: str, ms: int) -> None:
    mouth = DigitMouth()
    for key in keys:
        mouth.add(key, ms)
    ear, heard, timestamp = DigitEar(), "", 0
    for at, step in enumerate(steps(mouth, 10_000)):
        if step is None:
            continue
        payload, first = step
        timestamp = at * 160 if first else timestamp
        event, flags, duration = EVENT.unpack(payload)
        heard += ear.hear(event, flags, duration, timestamp, first)
    assert heard == keys
    assert not mouth.busy


def test_a_pause_stands_between_two_digits() -> None:
    mouth = DigitMouth()
    mouth.add("1", 40)
    mouth.add("1", 40)
    made = [step is not None for step in steps(mouth)]
    assert made == [True] * 4 + [False] * 3 + [True] * 4 + [False] * 3
