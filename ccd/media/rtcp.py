"""RTCP (RFC 3550 §6): sender and receiver reports of one leg, written and read.

NTP times are taken as seconds since 1900 in 32.32 fixed point; the caller gives wall-clock seconds
since 1970. Reports are compound: SR or RR, then SDES with the CNAME.
"""

import struct
from typing import Final

from ccd.media.g711 import RATE
from ccd.media.leg import Leg
from ccd.media.packet import TIMESTAMP_MASK

INTERVAL_S: Final = 5.0
"""Time between reports; the caller spreads the first one (RFC 3550 §6.2)."""
NTP_EPOCH: Final = 2_208_988_800
SR: Final = 200
RR: Final = 201
SDES: Final = 202
BYE: Final = 203
_HEAD: Final = struct.Struct("!BBHI")
_SENDER: Final = struct.Struct("!IIIII")
_BLOCK: Final = struct.Struct("!IIIIII")


def ntp(wall: float) -> int:
    """64-bit NTP timestamp of `wall` seconds since 1970."""
    return int((wall + NTP_EPOCH) * (1 << 32)) & 0xFFFF_FFFF_FFFF_FFFF


class Reports:
    """The RTCP side of one leg."""

    __slots__ = (
        "_expected",
        "_leg",
        "_received",
        "_sent",
        "_sr_at",
        "_sr_ntp",
        "due",
        "far_jitter_ms",
        "far_lost",
    )

    def __init__(self, leg: Leg) -> None:
        self._leg = leg
        self._expected = 0
        self._received = 0
        self._sent = 0
        self._sr_ntp = 0
        self._sr_at = 0.0
        self.due = 0.0
        """When the next report is to be written; kept by the shell."""
        self.far_lost = 0
        """Packets of ours that the far end misses."""
        self.far_jitter_ms = 0.0

    def write(self, now: float, wall: float) -> bytes:
        """The compound report that is due now."""
        leg = self._leg
        block = self._block(now) if leg.in_ssrc >= 0 else b""
        count = 1 if block else 0
        if leg.sent != self._sent:
            self._sent = leg.sent
            stamp = ntp(wall)
            clock = (leg.timestamp + round((now - leg.sent_at) * RATE)) & TIMESTAMP_MASK
            body = _SENDER.pack(
                stamp >> 32, stamp & 0xFFFF_FFFF, clock, leg.sent & 0xFFFF_FFFF, leg.octets & 0xFFFF_FFFF
            )
            report = _HEAD.pack(0x80 | count, SR, 6 + 6 * count, leg.ssrc) + body + block
        else:
            report = _HEAD.pack(0x80 | count, RR, 1 + 6 * count, leg.ssrc) + block
        return report + self._sdes()

    def bye(self, now: float, wall: float) -> bytes:
        """The last report, with BYE (RFC 3550 §6.3.7)."""
        return self.write(now, wall) + _HEAD.pack(0x81, BYE, 1, self._leg.ssrc)

    def _sdes(self) -> bytes:
        name = f"{self._leg.ssrc:08x}@ccd".encode()
        item = bytes([1, len(name)]) + name
        item += bytes(4 - len(item) % 4)
        return _HEAD.pack(0x81, SDES, 1 + len(item) // 4, self._leg.ssrc) + item

    def _block(self, now: float) -> bytes:
        """What we received since the last report (RFC 3550 §6.4.1, A.3)."""
        leg = self._leg
        expected = leg.received + leg.total_lost
        new = expected - self._expected
        lost = new - (leg.received - self._received)
        fraction = (lost << 8) // new if new > 0 and lost > 0 else 0
        self._expected, self._received = expected, leg.received
        total = min(leg.total_lost, 0x7F_FFFF)
        delay = round((now - self._sr_at) * 65536) & 0xFFFF_FFFF if self._sr_ntp else 0
        highest = leg.highest_sequence & 0xFFFF_FFFF
        return _BLOCK.pack(
            leg.in_ssrc, min(fraction, 255) << 24 | total, highest, int(leg.jitter), self._sr_ntp, delay
        )

    def read(self, data: bytes, now: float) -> bool:
        """Take a compound packet of the far end; false when it is not RTCP."""
        at, good = 0, False
        while at + 8 <= len(data):
            first, kind, words, _ssrc = _HEAD.unpack_from(data, at)
            end = at + 4 + 4 * words
            if first & 0xC0 != 0x80 or not 192 <= kind <= 223 or end > len(data):
                return False
            good = True
            blocks = at + 8
            if kind == SR and end >= at + 28:
                high, low = struct.unpack_from("!II", data, at + 8)
                self._sr_ntp, self._sr_at = (high & 0xFFFF) << 16 | low >> 16, now
                blocks += 20
            if kind in (SR, RR):
                self._read_blocks(data, blocks, min(end, blocks + 24 * (first & 0x1F)))
            at = end
        return good

    def _read_blocks(self, data: bytes, at: int, end: int) -> None:
        while at + 24 <= end:
            ssrc, loss, _highest, jitter, _sr, _delay = _BLOCK.unpack_from(data, at)
            if ssrc == self._leg.ssrc:
                lost = loss & 0xFF_FFFF
                self.far_lost = lost - 0x100_0000 if lost & 0x80_0000 else lost
                self.far_jitter_ms = jitter * 1000.0 / RATE
            at += 24
