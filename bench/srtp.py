"""What encryption adds to a packet of the media worker.

    python bench/srtp.py --json [--quick]

Per suite: CPU time in µs to open one packet of 20 ms G.711 that came encrypted, and to seal one that goes so,
as the worker does it (copies from and to its buffer included, the socket's own call not). A call with both
legs encrypted opens and seals each packet: `us_per_packet` is both together, on top of what
`bench/media.py` prints. `plain` is the same buffer without encryption: nothing is done.
"""

import argparse
import json
import os
import socket
import struct
import sys
import time
from pathlib import Path
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ccd.media.packet import MAX_PACKET
from ccd.media.srtp import PROFILES, Srtp
from ccd.sip.crypto import KEY_OCTETS
from ccd.voice.media_ports import Port, Secured

PAYLOAD = b"\x55" * 160


class Wire:
    """In place of a socket: gives the packets in turn, takes what is sent."""

    def __init__(self, packets: list[bytes]) -> None:
        self.packets = packets
        self.at = 0
        self.sent: list[bytes] = []

    def recvfrom_into(self, buffer: bytearray) -> tuple[int, Any]:
        data = self.packets[self.at]
        self.at += 1
        buffer[: len(data)] = data
        return len(data), None

    def sendto(self, data: bytes, address: Any) -> int:
        del address
        self.sent.append(bytes(data))
        return len(data)


def spent(wire: Wire, receive: Any, send: Any, count: int) -> tuple[float, float]:
    """Seconds of CPU to receive `count` packets, and to send as many."""
    buffer = bytearray(MAX_PACKET + 20)
    view = memoryview(buffer)
    begun = time.process_time()
    for _ in range(count):
        receive(buffer)
    between = time.process_time()
    for sequence in range(count):
        struct.pack_into("!BBHII", buffer, 0, 0x80, 0, sequence & 0xFFFF, sequence * 160 & 0xFFFFFFFF, 9)
        send(view[:172], None)
    assert len(wire.sent) == count
    return between - begun, time.process_time() - between


def measure(suite: str, count: int) -> dict[str, float]:
    """One suite."""
    ours, theirs = os.urandom(KEY_OCTETS[suite]), os.urandom(KEY_OCTETS[suite])
    far = Srtp(suite, theirs, ours)
    packets = [
        struct.pack("!BBHII", 0x80, 0, n & 0xFFFF, n * 160 & 0xFFFFFFFF, 7) + PAYLOAD for n in range(count)
    ]
    bare = Wire(packets)
    before = spent(bare, bare.recvfrom_into, bare.sendto, count)
    wire = Wire([far.seal(packet) for packet in packets])
    as_socket = cast(socket.socket, wire)  # what a port asks of one is there
    port = Port(0, as_socket, as_socket)
    secured = Secured(port, Srtp(suite, ours, theirs))
    after = spent(wire, secured.receive, secured.send, count)
    opened, sealed = ((a - b) * 1e6 / count for a, b in zip(after, before, strict=True))
    return {
        "open_us": round(opened, 2),
        "seal_us": round(sealed, 2),
        "us_per_packet": round(opened + sealed, 2),
    }


def main() -> None:
    """Print the figures of every suite."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    count = 2_000 if options.quick else 60_000
    found = {suite: measure(suite, count) for suite in PROFILES}
    if options.json:
        print(json.dumps({"bench": "srtp", **found}))
        return
    for suite, figures in found.items():
        print(f"{suite:26}", *(f"{name} {value:6.2f}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
