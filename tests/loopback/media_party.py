"""A party on a real UDP socket for media tests: sends a tone or digits, keeps what it hears."""

import asyncio
import itertools
import math
import struct
from array import array
from collections.abc import Callable
from typing import Any

from ccd.media.g711 import PCMA, PCMU, decode, encode
from ccd.media.packet import HEADER
from ccd.media.tones import sine
from ccd.voice.engine import Stream
from ccd.voice.media_engine import EmbeddedEngine

RATE = 8000
FRAME = 160
PT = {PCMU: 0, PCMA: 8}


class Party(asyncio.DatagramProtocol):
    """One phone's media."""

    def __init__(
        self, tone_hz: float = 0.0, codec: str = PCMU, digits: int | None = 101, ssrc: int = 1
    ) -> None:
        self.codec = codec
        self.digits = digits
        self.ssrc = ssrc
        self.packets: list[tuple[float, int, bool, int, int, int, bytes]] = []
        """(arrived, payload type, marker, sequence, timestamp, ssrc, payload)"""
        self.reports: list[bytes] = []
        self.late_s = 0.0
        """How far behind its beat a packet of ours was sent at worst: what this machine adds to jitter."""
        self.sound(tone_hz)
        self._sequence = 65500
        self._timestamp = 0xFFFFF000
        self.target = ("127.0.0.1", 0)

    def sound(self, tone_hz: float) -> None:
        """What it says from now on; 0: nothing."""
        self._audio = encode(sine(tone_hz, 2.0, 8000), self.codec) if tone_hz else b""

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", 0))
        self.port = self.transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr: Any) -> None:
        _first, second, sequence, timestamp, ssrc = HEADER.unpack_from(data)
        now = asyncio.get_running_loop().time()
        self.packets.append((now, second & 0x7F, bool(second & 0x80), sequence, timestamp, ssrc, data[12:]))

    def stream(self, *, known: bool = True, send: bool = True, receive: bool = True) -> Stream:
        host, port = ("127.0.0.1", self.port) if known else ("", 0)
        return Stream(self.codec, PT[self.codec], self.digits, host, port, send, receive)

    def send(self, kind: int, payload: bytes, marker: bool = False, timestamp: int | None = None) -> None:
        second = kind | (0x80 if marker else 0)
        stamp = self._timestamp if timestamp is None else timestamp
        self.transport.sendto(
            HEADER.pack(0x80, second, self._sequence, stamp & 0xFFFFFFFF, self.ssrc) + payload, self.target
        )
        self._sequence = (self._sequence + 1) & 0xFFFF

    async def talk(self, seconds: float) -> None:
        """Send the tone, 50 packets a second on absolute time."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        for index in range(round(seconds * 50)):
            self.late_s = max(self.late_s, loop.time() - start - index * 0.02)
            at = index * FRAME % len(self._audio)
            self.send(PT[self.codec], self._audio[at : at + FRAME])
            self._timestamp += FRAME
            await asyncio.sleep(max(0.0, start + (index + 1) * 0.02 - loop.time()))

    async def press(self, keys: str) -> None:
        """Digits of 100 ms as RFC 4733 events, 60 ms apart."""
        assert self.digits is not None
        for key in keys:
            event, stamp = "0123456789*#ABCD".index(key), self._timestamp
            for step in range(8):
                end = 0x80 if step >= 5 else 0
                payload = struct.pack("!BBH", event, 10 | end, min(step + 1, 5) * FRAME)
                self.send(self.digits, payload, step == 0, stamp)
                await asyncio.sleep(0.02)
            self._timestamp += 11 * FRAME
            await asyncio.sleep(0.06)

    def heard(self, since: float = 0.0) -> array:  # type: ignore[type-arg]
        """All audio that came, in order of its timestamps, as samples."""
        samples = array("h")
        for at, kind, _marker, _sequence, _timestamp, _ssrc, payload in self.packets:
            if kind == PT[self.codec] and at >= since:
                samples.frombytes(decode(payload, self.codec))
        return samples

    async def quiet(self, for_s: float = 0.15, patience_s: float = 5.0) -> None:
        """Until nothing came for so long; what was on its way may come before."""
        async with asyncio.timeout(patience_s):
            count = -1
            while count != len(self.packets):
                count = len(self.packets)
                await asyncio.sleep(for_s)

    def worst_gap_s(self) -> float:
        """The longest time between two packets of audio."""
        times = [packet[0] for packet in self.packets if packet[1] == PT[self.codec]]
        return max((b - a for a, b in itertools.pairwise(times)), default=0.0)

    def close(self) -> None:
        self.transport.close()


def power_db(samples: array, frequency: float) -> float:  # type: ignore[type-arg]
    """Goertzel: level of one frequency relative to the whole signal, in dB (0: nothing else is there)."""
    count = len(samples)
    assert count, "nothing was heard at all"
    turn = 2 * math.cos(2 * math.pi * frequency / RATE)
    one = two = 0.0
    total = 0.0
    for sample in samples:
        one, two = sample + turn * one - two, one
        total += sample * sample
    if not total:
        return -120.0
    power = one * one + two * two - turn * one * two
    return 10 * math.log10(max(1e-12, 2 * power / (count * total)))


def loud_pieces(samples: array) -> list[array]:  # type: ignore[type-arg]
    """Pieces of 20 ms that are not next to silent."""
    pieces = [samples[at : at + FRAME] for at in range(0, len(samples) - FRAME + 1, FRAME)]
    return [each for each in pieces if max(map(abs, each)) > 1000]


def holds(samples: array, frequency: float, seconds: float) -> bool:  # type: ignore[type-arg]
    """Whether so much of it is this tone, and next to nothing another sound, in pieces of 20 ms.

    What was sent late by a busy machine leaves a hole, after which the tone begins anew: over the whole it
    would cancel itself out.
    """
    loud = loud_pieces(samples)
    right = sum(power_db(each, frequency) > -1 for each in loud)
    return right * FRAME >= seconds * RATE and right >= 0.8 * len(loud)


def assert_one_stream(packets: list[tuple[float, int, bool, int, int, int, bytes]]) -> None:
    """One SSRC, a sequence without a hole, timestamps that never go back."""
    assert len({packet[5] for packet in packets}) == 1
    for one, other in itertools.pairwise(packets):
        assert other[3] == (one[3] + 1) & 0xFFFF
        assert (other[4] - one[4]) & 0xFFFFFFFF < 1 << 31


def assert_continuous(packets: list[tuple[float, int, bool, int, int, int, bytes]]) -> None:
    """One stream whose timestamps run with real time: where nothing else runs beside the test."""
    assert_one_stream(packets)
    audio = [packet for packet in packets if len(packet[6]) == FRAME]
    passed = audio[-1][0] - audio[0][0]
    stamped = ((audio[-1][4] - audio[0][4]) & 0xFFFFFFFF) / RATE
    assert abs(passed - stamped) < 0.12, (passed, stamped)


def drift_s(packets: list[tuple[float, int, bool, int, int, int, bytes]]) -> float:
    """By how much 20 ms a packet were too many or too few from the first fifth of a stream to the last.

    Of each fifth the packet counts that came soonest: single ones that were late say nothing of the pace.
    """
    late = [packet[0] - number * FRAME / RATE for number, packet in enumerate(packets)]
    fifth = max(1, len(late) // 5)
    return min(late[-fifth:]) - min(late[:fifth])


async def wait_for(check: Callable[[], Any], patience_s: float = 15.0) -> None:
    """Until `check` is true; fails after `patience_s`."""
    async with asyncio.timeout(patience_s):
        while not check():  # noqa: ASYNC110  any condition, also of the engine's thread
            await asyncio.sleep(0.01)


async def settle(engine: EmbeddedEngine) -> None:
    """Until the workers have done all that was asked of them before."""
    engine.report()
    for link in engine._links:
        link.report["seen"] = True
    await wait_for(lambda: all("seen" not in link.report for link in engine._links))
