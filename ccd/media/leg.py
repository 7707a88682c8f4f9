"""One party's RTP: what it sends us, what we send it, and the joint between two of them.

Sans-IO and built for the packet path: `receive` takes a packet in a buffer and leaves there what the
partner is to get; `tick` puts there the next packet of what we play. Outgoing packets keep one SSRC,
and sequence and timestamp run on when the source changes between prompt, music and partner
(RFC 3550 §5.1); the first packet of each source has the marker bit. Symmetric RTP (RFC 4961): we
answer to where packets really come from.

Times: `now` in seconds, `clock` the same instant in units of the RTP clock (8 kHz).
"""

import struct
from collections.abc import Callable
from typing import Final

from ccd.media.digits import EVENT, EVENT_SIZE, DigitEar, DigitMouth
from ccd.media.g711 import FRAME, PCMA, PCMU, RATE, tables
from ccd.media.inband import ToneEar
from ccd.media.packet import (
    COMFORT_NOISE,
    HEADER,
    HEADER_SIZE,
    MARKER,
    PLAIN,
    SEQUENCE_MASK,
    TIMESTAMP_MASK,
    make_plain,
)
from ccd.media.playout import Playout
from ccd.media.taps import Tap, tap_of

RELATCH_S: Final = 0.5
"""A new source with another SSRC is believed only after the old one was silent this long."""
FORMER_S: Final = 0.5
"""After the address was negotiated anew, packets of the former source do not latch this long."""
FRAME_PACKET: Final = HEADER_SIZE + FRAME
"""Size of a packet of what we play."""
MAX_JUMP: Final = 3000
"""A larger step in sequence is a restart of the sender, not loss (RFC 3550 A.1)."""

_PACK: Final = HEADER.pack_into
_PACK_FRAME: Final = struct.Struct(f"{HEADER.format}{FRAME}s").pack_into
_UNPACK: Final = HEADER.unpack_from

Source = tuple[str, int] | tuple[str, int, int, int]


Report = Callable[["Leg", str, str], None]
"""Called with the leg, `digit`, `tone` (a digit as sound), `played` or `stopped`, and the key or play."""


class Leg:
    """See the module. Attributes are public for the loop that owns it; it changes them by methods."""

    __slots__ = (
        "_base_count",
        "_base_sequence",
        "_ear",
        "_former",
        "_former_until",
        "_mouth",
        "_named",
        "_report",
        "_sequence_shift",
        "_tap",
        "_timestamp_shift",
        "_tones",
        "_transit",
        "_translate",
        "_turn",
        "_turn_sequence",
        "address",
        "bad",
        "codec",
        "digits",
        "digits_in",
        "fetching",
        "heard",
        "in_ssrc",
        "jitter",
        "lost",
        "masked",
        "missing",
        "name",
        "next_sequence",
        "octets",
        "partner",
        "payload",
        "playout",
        "port",
        "received",
        "receives",
        "relays",
        "rtcp",
        "sends",
        "sent",
        "sent_at",
        "sequence",
        "source",
        "ssrc",
        "timestamp",
        "track",
    )

    def __init__(
        self, name: str, ssrc: int, sequence: int, timestamp: int, now: float, report: Report
    ) -> None:
        """`ssrc`, `sequence`, `timestamp`: random starts of the outgoing stream."""
        self.name = name
        self._report = report
        self.port: object = None
        """The shell's own thing."""
        self.rtcp: object = None
        self.fetching: object = None
        # what was negotiated
        self.codec = PCMU
        self.payload = -1
        self.digits = self.digits_in = -1
        self.sends = self.receives = False
        self.address: Source | None = None
        """Where our packets go."""
        self._named: Source | None = None
        """Where SDP said that they should go."""
        # incoming
        self.source: Source | None = None
        self.in_ssrc = -1
        self.next_sequence = 0
        self._base_sequence = 0
        self._base_count = 0
        self.received = self.missing = self.lost = self.bad = 0
        self.jitter = 0.0
        self._transit = 0
        self.heard = now
        self._former: Source | None = None
        self._former_until = 0.0
        self._ear: DigitEar | None = None
        self._tap: Tap | None = None
        self.track: Tap | None = None
        self._tones: ToneEar | None = None
        self.masked = False
        """Neither partner nor recording hears the party."""
        # outgoing
        self.ssrc = ssrc
        self.sequence = sequence & SEQUENCE_MASK
        self.timestamp = timestamp & TIMESTAMP_MASK
        self.sent_at = now
        self.sent = 0
        self.octets = 0
        self._turn = True
        self._turn_sequence = 0
        self._sequence_shift = 0
        self._timestamp_shift = 0
        self.playout: Playout | None = None
        self._mouth: DigitMouth | None = None
        # the joint
        self.partner: Leg | None = None
        self.relays = False
        """The partner's audio may go out here now: negotiated, address known, nothing played."""
        self._translate: bytes | None = None

    # --- negotiation -------------------------------------------------------------------------------

    def set_stream(
        self,
        codec: str,
        payload: int,
        digits: int | None,
        address: Source | None,
        sends: bool,
        receives: bool,
        now: float,
    ) -> None:
        """Take over what SDP negotiated. `address` None: unknown, learn it from the first packet."""
        self.codec, self.payload = codec, payload
        self.digits = -1 if digits is None else digits
        if digits is None:
            self._mouth = None  # whoever takes no digits any more gets none of those that wait
        if receives and not self.receives:
            self.heard = now
        self.sends, self.receives = sends, receives
        if address is not None and address != self._named:
            self._named = address
            if self.source is not None and self.source[:2] != address[:2]:
                self._former, self._former_until = self.source, now + FORMER_S
                self.source = None
            self.address = self.source or address
        self._rewire()

    # --- the joint ---------------------------------------------------------------------------------

    def join(self, other: "Leg") -> None:
        """Let the two hear each other; each leaves its former partner."""
        if self.partner is other:
            return
        self.part()
        other.part()
        self.partner, other.partner = other, self
        self._rewire()
        other._rewire()

    def part(self) -> None:
        """Leave the partner, if any."""
        other = self.partner
        if other is None:
            return
        self.partner = other.partner = None
        self._rewire()
        other._rewire()

    def _rewire(self) -> None:
        """Work out again what the packet path needs, on both sides of the joint."""
        self._turn = True
        self.relays = self.sends and self.address is not None and self.playout is None and self._mouth is None
        other = self.partner
        if other is not None:
            self.relays = self.relays and not other.masked
            self._translate, other._translate = tables(self.codec, other.codec)

    # --- who listens -------------------------------------------------------------------------------

    def record(self, track: Tap | None) -> None:
        """Give the party's audio to a recording's track; None: no more."""
        self.track = track
        self._tap = tap_of(track, self._tones, masked=self.masked)

    def hear_tones(self, on: bool) -> None:
        """Report digits that come as tones in the audio, unless telephone events came on this leg."""
        if on is not (self._tones is not None):
            self._tones = ToneEar(self._heard_tone) if on else None
            self.record(self.track)

    def mask(self, on: bool) -> None:
        """Let nobody but us hear what the party sends."""
        self.masked = on
        self.record(self.track)
        if self.partner is not None:
            self.partner._rewire()

    def _heard_tone(self, key: str) -> None:
        if self._ear is None:  # no telephone event came
            self._report(self, "tone", key)

    # --- incoming ----------------------------------------------------------------------------------

    def receive(self, buffer: bytearray, size: int, source: Source, now: float, clock: int) -> int:
        """Take `size` bytes that came from `source`; bytes in `buffer` for `partner`, 0 if none."""
        if size < HEADER_SIZE:
            self.bad += 1
            return 0
        first, second, sequence, timestamp, ssrc = _UNPACK(buffer)
        if (second & 0x7F) != self.payload:
            return self._receive_other(buffer, size, source, now)
        if first != PLAIN:
            size = make_plain(buffer, size) if first & 0xC0 == PLAIN else 0
            if not size:
                self.bad += 1
                return 0
        if (source != self.source or ssrc != self.in_ssrc) and not self._admit(source, ssrc, sequence, now):
            return 0
        if sequence == self.next_sequence:
            self.next_sequence = (sequence + 1) & SEQUENCE_MASK
        elif not self._skip(sequence):
            return 0
        self.received += 1
        self.heard = now
        transit = clock - timestamp
        step = transit - self._transit
        self._transit = transit
        if -RATE < step < RATE:  # not at the start of a stream or when the clock wraps
            self.jitter += ((step if step > 0 else -step) - self.jitter) / 16.0
        if self._tap is not None:
            self._tap.put(buffer[HEADER_SIZE:size], timestamp, clock, self.codec)
        other = self.partner
        if other is None or not other.relays:
            return 0
        if self._translate is not None:
            buffer[HEADER_SIZE:size] = buffer[HEADER_SIZE:size].translate(self._translate)
        return other._forward(buffer, size, second & MARKER | other.payload, sequence, timestamp, now)

    def _forward(
        self, buffer: bytearray, size: int, second: int, sequence: int, timestamp: int, now: float
    ) -> int:
        """Rewrite the header of the partner's packet for our own outgoing stream."""
        if self._turn:
            self._turn = False
            self._turn_sequence = sequence
            self._sequence_shift = self.sequence - sequence
            self._timestamp_shift = self.timestamp + self._elapsed(now) - timestamp
            second |= MARKER
        elif ((sequence - self._turn_sequence) & SEQUENCE_MASK) > 0xF000:
            return 0  # late, from before the change of source: its number is taken
        sequence = (sequence + self._sequence_shift) & SEQUENCE_MASK
        timestamp = (timestamp + self._timestamp_shift) & TIMESTAMP_MASK
        _PACK(buffer, 0, PLAIN, second, sequence, timestamp, self.ssrc)
        if timestamp != self.timestamp:  # the packets of one event share its beginning
            self.timestamp = timestamp
            self.sent_at = now
        if ((sequence - self.sequence) & SEQUENCE_MASK) < 0x8000:  # not a late one
            self.sequence = (sequence + 1) & SEQUENCE_MASK
        self.sent += 1
        self.octets += size - HEADER_SIZE
        return size

    def _elapsed(self, now: float) -> int:
        """RTP clock units by which a new source begins after the last packet of the old one."""
        if not self.sent:
            return 0
        return max(FRAME, round((now - self.sent_at) * RATE))

    def _receive_other(self, buffer: bytearray, size: int, source: Source, now: float) -> int:
        """Telephone events, comfort noise, and what is not ours at all."""
        first, second, sequence, timestamp, ssrc = _UNPACK(buffer)
        kind = second & 0x7F
        known = kind in (self.digits, self.digits_in, COMFORT_NOISE) and self.payload >= 0
        if first & 0xC0 != PLAIN or not known:
            self.bad += 1
            return 0
        if first != PLAIN:
            size = make_plain(buffer, size)
        if size < HEADER_SIZE + 1 or (kind != COMFORT_NOISE and size < HEADER_SIZE + EVENT_SIZE):
            self.bad += 1
            return 0
        if (source != self.source or ssrc != self.in_ssrc) and not self._admit(source, ssrc, sequence, now):
            return 0
        if sequence == self.next_sequence:
            self.next_sequence = (sequence + 1) & SEQUENCE_MASK
        elif not self._skip(sequence):
            return 0
        self.received += 1
        self.heard = now
        other = self.partner
        if kind != COMFORT_NOISE:
            event, flags, duration = EVENT.unpack_from(buffer, HEADER_SIZE)
            if self._ear is None:
                self._ear = DigitEar()
            key = self._ear.hear(event, flags, duration, timestamp, bool(second & MARKER))
            if key:
                self._report(self, "digit", key)
            if other is not None and other.relays and other.digits >= 0:
                return other._forward(
                    buffer, size, other.digits | (second & MARKER), sequence, timestamp, now
                )
        if other is not None:
            other._sequence_shift -= 1  # the partner does not see a hole for a packet that it is not sent
        return 0

    def _admit(self, source: Source, ssrc: int, sequence: int, now: float) -> bool:
        """Decide on a packet of another source or SSRC; learn it, or count it as bad."""
        if source != self.source:
            if self.source is not None and not self._may_take_over(self.source, source, ssrc, now):
                self.bad += 1
                return False
            if not (self.source is None and source == self._former and now < self._former_until):
                learned = self.address is None
                self.source = source
                self.address = source
                if learned:
                    self._rewire()
        if ssrc != self.in_ssrc:
            self._begin(ssrc, sequence)
        return True

    def _may_take_over(self, held: Source, source: Source, ssrc: int, now: float) -> bool:
        """Whether another source may replace the one that holds the stream.

        The one that SDP named may always; so may the same stream from another address (a phone that moved).
        Else the holder must be silent, and where it is the very host that SDP named, no other host gets in:
        else whoever sprays our ports would be sent the sound of a party that is on hold.
        """
        named = self._named
        if ssrc == self.in_ssrc or (named is not None and source[:2] == named[:2]):
            return True
        if now - self.heard < RELATCH_S:
            return False
        return named is None or held[0] != named[0] or source[0] == named[0]

    def _begin(self, ssrc: int, sequence: int) -> None:
        """A new incoming stream: count it from here."""
        self.lost += self.missing
        self.missing = 0
        self.in_ssrc = ssrc
        self._base_sequence, self._base_count = sequence, self.received
        self.next_sequence = sequence
        self._ear = None
        self._transit = -(1 << 40)
        if self.partner is not None:
            self.partner._turn = True

    def _skip(self, sequence: int) -> bool:
        """A packet out of order: count what is missing; false for one to be dropped."""
        step = (sequence - self.next_sequence) & SEQUENCE_MASK
        if step < MAX_JUMP:
            self.missing += step
            self.next_sequence = (sequence + 1) & SEQUENCE_MASK
            return True
        if step > SEQUENCE_MASK - MAX_JUMP:
            self.missing -= 1  # late or twice (RFC 3550 A.3 counts both as received)
            return True
        self._begin(self.in_ssrc, sequence)
        self.next_sequence = (sequence + 1) & SEQUENCE_MASK
        return True

    @property
    def total_lost(self) -> int:
        return max(0, self.lost + self.missing)

    @property
    def highest_sequence(self) -> int:
        """Extended highest sequence number received (RFC 3550 §6.4.1)."""
        return self._base_sequence + self.received - self._base_count + self.missing - 1

    # --- what we play ------------------------------------------------------------------------------

    def play(self, playout: Playout) -> None:
        """Play instead of what played, and instead of the partner until it ends."""
        self.stop()
        self.playout = playout
        self._rewire()

    def stop(self) -> None:
        """Stop what plays; a play with an id is reported as stopped."""
        playout = self.playout
        if playout is None:
            return
        self.playout = None
        self._rewire()
        if playout.play:
            self._report(self, "stopped", playout.play)

    def send_digit(self, key: str, duration_ms: int) -> bool:
        """Queue a digit; false when the far end takes no telephone events or the key is none."""
        if self.digits < 0:
            return False
        mouth = self._mouth or DigitMouth()
        try:
            mouth.add(key, duration_ms)
        except ValueError:
            return False
        self._mouth = mouth
        self._rewire()
        return True

    @property
    def paced(self) -> bool:
        """There is something for `tick` to do."""
        return self.playout is not None or self._mouth is not None

    def tick(self, buffer: bytearray, now: float) -> int:
        """Every 20 ms while `paced`: the next packet of ours into `buffer`; its size, or 0."""
        if self._mouth is not None:
            return self._tick_digit(self._mouth, buffer, now)
        playout = self.playout
        if playout is None:
            return 0
        frame = playout.next_frame(self.codec == PCMA)
        if frame is None:
            self.playout = None
            self._rewire()
            self._report(self, "played", playout.play)
            return 0
        if not self.sends or self.address is None:
            return 0
        second = self.payload
        if self._turn:
            self._turn = False
            second |= MARKER
            self.timestamp = (self.timestamp + self._elapsed(now)) & TIMESTAMP_MASK
        else:
            self.timestamp = (self.timestamp + FRAME) & TIMESTAMP_MASK
        sequence = self.sequence
        _PACK_FRAME(buffer, 0, PLAIN, second, sequence, self.timestamp, self.ssrc, frame)
        self.sequence = (sequence + 1) & SEQUENCE_MASK
        self.sent_at = now
        self.sent += 1
        self.octets += FRAME
        return FRAME_PACKET

    def _tick_digit(self, mouth: DigitMouth, buffer: bytearray, now: float) -> int:
        """One step of the digits in the queue; audio waits for them (RFC 4733 §2.5.1.2)."""
        made = mouth.step()
        if made is None:
            if not mouth.busy:
                self._mouth = None
                self._rewire()
            return 0
        payload, begins = made
        if begins:
            self.timestamp = (self.timestamp + self._elapsed(now)) & TIMESTAMP_MASK
            self.sent_at = now
        if not self.sends or self.address is None:
            return 0
        second = self.digits | (MARKER if begins else 0)
        _PACK(buffer, 0, PLAIN, second, self.sequence, self.timestamp, self.ssrc)
        buffer[HEADER_SIZE : HEADER_SIZE + EVENT_SIZE] = payload
        self.sequence = (self.sequence + 1) & SEQUENCE_MASK
        self.sent += 1
        self.octets += EVENT_SIZE
        return HEADER_SIZE + EVENT_SIZE
