"""Captures of pressed keys (RFC 4733 events in RTP) for SIPp's `play_pcap_audio`, made by us.

SIPp's own `play_dtmf` sends payload types 96 and 97 and lets the timestamps of two digits overlap
(RFC 4733 §2.5.1.2 forbids it), so it cannot tell whether we hear digits right. What is played needs a raw
socket, thus root or CAP_NET_RAW: `can_play()` tells; without it use the scenario `uac_info_digits`.
"""

import audioop
import math
import socket
import struct
from array import array
from pathlib import Path

KEYS = "0123456789*#ABCD"
KEYS_OF_PAD = "123A456B789C*0#D"
LOW, HIGH = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
"""Hertz of the rows and columns of the pad (ITU-T Q.23)."""
PACKET_MS = 20
TICKS_PER_MS = 8


def can_play() -> bool:
    """Whether this process may open the raw socket that SIPp needs."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP).close()
    except PermissionError:
        return False
    return True


def write_digits(
    path: Path,
    digits: str,
    *,
    payload_type: int = 101,
    press_ms: int = 120,
    gap_ms: int = 120,
    ssrc: int = 0x0CCD0001,
) -> float:
    """Write the capture; returns how long it plays, in seconds."""
    packets: list[tuple[int, bytes]] = []
    at_ms, sequence = 0, 1000
    for key in digits:
        stamp = 160_000 + at_ms * TICKS_PER_MS
        steps = press_ms // PACKET_MS
        for step in range(steps + 3):  # the last report of the key is sent three times (RFC 4733 §2.5.1.4)
            ended = step >= steps
            duration = min(step + 1, steps) * PACKET_MS * TICKS_PER_MS
            event = struct.pack("!BBH", KEYS.index(key), (0x80 if ended else 0) | 10, duration)
            marker = 0x80 if step == 0 else 0
            header = struct.pack("!BBHII", 0x80, marker | payload_type, sequence & 0xFFFF, stamp, ssrc)
            packets.append((at_ms + step * PACKET_MS, header + event))
            sequence += 1
        at_ms += press_ms + 3 * PACKET_MS + gap_ms
    path.write_bytes(_capture(packets))
    return at_ms / 1000


def _capture(packets: list[tuple[int, bytes]]) -> bytes:
    """The libpcap file format, Ethernet frames, classic header."""
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
    for at_ms, payload in packets:
        frame = _frame(payload)
        out.append(
            struct.pack("<IIII", 1 + at_ms // 1000, at_ms % 1000 * 1000, len(frame), len(frame)) + frame
        )
    return b"".join(out)


def _frame(payload: bytes) -> bytes:
    """Ethernet + IPv4 + UDP around an RTP packet; SIPp replaces addresses and ports."""
    udp = struct.pack("!HHHH", 4000, 4000, 8 + len(payload), 0) + payload
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1")
    return b"\0" * 12 + b"\x08\x00" + ip + udp


def write_tones(
    path: Path, digits: str, *, press_ms: int = 100, gap_ms: int = 120, ssrc: int = 0x0CCD0002
) -> float:
    """Write a capture of the same keys as tones in G.711 µ-law, as an old gateway sends them; its seconds."""
    samples = [0.0] * (8 * gap_ms)
    for key in digits:
        at = KEYS_OF_PAD.index(key)
        low, high = LOW[at // 4], HIGH[at % 4]
        samples += [
            6000 * math.sin(2 * math.pi * low * step / 8000)
            + 7000 * math.sin(2 * math.pi * high * step / 8000)
            for step in range(8 * press_ms)
        ]
        samples += [0.0] * (8 * gap_ms)
    samples += [0.0] * (-len(samples) % 160)
    sound = audioop.lin2ulaw(array("h", map(round, samples)).tobytes(), 2)
    packets = []
    for number in range(len(sound) // 160):
        header = struct.pack("!BBHII", 0x80, 0, 2000 + number, 320_000 + 160 * number, ssrc)
        packets.append((number * PACKET_MS, header + sound[160 * number : 160 * number + 160]))
    path.write_bytes(_capture(packets))
    return len(samples) / 8000
