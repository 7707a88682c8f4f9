"""By which way the RTCP of a media worker's legs goes, and comes: three ways of one port.

Usual is the port after that of RTP, on both sides (RFC 3550 §11); the far end may name another one
(`a=rtcp`, RFC 3605), or share that of RTP (`a=rtcp-mux`, RFC 5761). What is named counts as long as RTP goes
where SDP said: of an address that was learned from packets (a NAT) nothing is known but RTP's own port.
"""

from collections.abc import Callable
from typing import Any, Final

from ccd.media.leg import Source
from ccd.media.packet import MAX_PACKET
from ccd.voice.engine import Stream
from ccd.voice.media_ports import Port

Heard = Callable[[Port, bytes], None]
FIRST_KIND: Final = 192
LAST_KIND: Final = 223
"""RTCP in the second octet, where an RTP packet has its marker and payload type (RFC 5761 §4)."""


def unheard(_port: Port, _data: bytes) -> None:
    """Nobody reads it."""


class Muxed:
    """The RTP socket's read where RTCP comes by it too, in place of the plain one."""

    __slots__ = ("_heard", "_port", "_receive")

    def __init__(self, port: Port, heard: Heard) -> None:
        self._port = port
        self._receive = port.rtp.recvfrom_into
        self._heard = heard

    def receive(self, buffer: bytearray) -> tuple[int, Any]:
        """As `recvfrom_into`. Raises `BlockingIOError` after a report: there is no packet for the leg."""
        size, source = self._receive(buffer)
        if size > 1 and FIRST_KIND <= buffer[1] <= LAST_KIND:
            self._heard(self._port, bytes(memoryview(buffer)[:size]))
            raise BlockingIOError
        return size, source


def take(port: Port, stream: Stream, address: Source | None, heard: Heard) -> None:
    """Follow what was negotiated; `address`: where SDP wants our packets, `heard` is given muxed reports."""
    named = 0 < stream.rtcp_port < 65536 and not stream.mux
    port.reports_to = (address, stream.rtcp_port) if address is not None and named else None
    if stream.mux is not port.muxed:
        port.read_by(Muxed(port, heard).receive if stream.mux else None)


def read(port: Port) -> bytes:
    """One packet of the RTCP socket. Raises `OSError`."""
    data, _source = port.rtcp.recvfrom(MAX_PACKET)
    return data


def opened(port: Port, data: bytes) -> bytes:
    """What came, in plain; empty: it proves nothing."""
    return data if port.secured is None else port.secured.srtp.open_rtcp(data)


def send(port: Port, data: bytes, address: Source) -> None:
    """Write a report to the far end, whose RTP goes to `address`; what cannot be sent is lost."""
    if port.secured is not None:
        data = port.secured.srtp.seal_rtcp(data)
    if not data:
        return
    try:
        if port.muxed:
            port.rtp.sendto(data, address)
            return
        number, to = address[1] + 1, port.reports_to
        if to is not None and to[0] == address[:2]:
            number = to[1]
        port.rtcp.sendto(data, (address[0], number, *address[2:]))
    except (OSError, OverflowError):
        return
