"""One end of a TLS connection, without I/O: octets of the wire go in and come out, and plain ones.

The event loop's own TLS cannot be begun on a connection that was taken already (uvloop hands its first octets
to the protocol meanwhile), and ours must be counted and timed before it costs a handshake.
"""

import ssl
from contextlib import suppress
from typing import Final

_READ: Final = 65536


class Secured:
    """States: shaking hands, standing, closed by the peer. Each call may leave octets in `outgoing()`."""

    __slots__ = ("_in", "_out", "_tls", "closed", "stands")

    def __init__(self, context: ssl.SSLContext, name: str | None = None) -> None:
        """`name`: whose certificate the peer must show, when we connect; None: we are the server."""
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=name is None, server_hostname=name)
        self.stands = False
        """The peer has proved what it has to: plain octets may be sent."""
        self.closed = False
        """The peer said that it sends nothing more."""

    def begin(self) -> None:
        """Say the first word; for the one who connects."""
        self._shake_hands()

    def receive(self, data: bytes) -> bytes:
        """Take octets of the wire; the plain ones that they hold. Raises `ssl.SSLError`: cut the connection
        off, after the alert that stands in `outgoing()`."""
        self._in.write(data)
        if not self.stands and not self._shake_hands():
            return b""
        plain = b""
        try:
            while found := self._tls.read(_READ):
                plain += found
            self.closed = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.closed = True
        return plain

    def send(self, plain: bytes) -> None:
        """Encrypt; only when it `stands`."""
        self._tls.write(plain)

    def close(self) -> None:
        """Say that nothing more comes; only when it `stands`."""
        with suppress(ssl.SSLError):  # the peer's half is not waited for
            self._tls.unwrap()

    def outgoing(self) -> bytes:
        """What is to be written to the wire now."""
        return self._out.read()

    def _shake_hands(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        self.stands = True
        return True
