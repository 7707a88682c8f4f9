"""RTP on the loopback as a capture of it shows: which packet went where, and when, by the kernel's clock."""

import contextlib
import socket
import struct
import threading
import time
from types import TracebackType
from typing import NamedTuple, Self

_ALL = 3  # ETH_P_ALL
_TIMESTAMPNS = 35  # SO_TIMESTAMPNS of Linux
_SENT = 4  # PACKET_OUTGOING: each packet is seen twice on the loopback, sent and received


class Packet(NamedTuple):
    """One RTP packet."""

    at_s: float
    source: int
    """UDP port."""
    target: int
    payload_type: int
    payload: bytes


def can_capture() -> bool:
    """Whether this process may (root, or CAP_NET_RAW)."""
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL)).close()
    except PermissionError:
        return False
    return True


class Capture:
    """`with Capture() as seen: …; seen.packets`."""

    def __init__(self) -> None:
        self.packets: list[Packet] = []
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL))
        self._socket.bind(("lo", 0))
        self._socket.setsockopt(socket.SOL_SOCKET, _TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.settimeout(0.2)
        self._over = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = True
        self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        while not self._over:
            with contextlib.suppress(TimeoutError):
                data, told, _, (_, _, kind, *_) = self._socket.recvmsg(2048, 64)
                if kind == _SENT and data[:1] == b"\x45" and data[9] == socket.IPPROTO_UDP:
                    self._take(data, told)

    def _take(self, data: bytes, told: list[tuple[int, int, bytes]]) -> None:
        at_s = time.time()
        for level, name, value in told:
            if (level, name) == (socket.SOL_SOCKET, _TIMESTAMPNS):
                seconds, nanoseconds = struct.unpack("qq", value[:16])
                at_s = seconds + nanoseconds / 1e9
        source, target = struct.unpack_from("!HH", data, 20)
        rtp = data[28:]
        if len(rtp) >= 12 and rtp[0] == 0x80:
            self.packets.append(Packet(at_s, source, target, rtp[1] & 0x7F, rtp[12:]))
