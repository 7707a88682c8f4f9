"""Telling systemd how we are (sd_notify(3)): READY, STATUS, STOPPING, WATCHDOG. Silent without systemd."""

import os
import socket
from collections.abc import Mapping


class Notifier:
    """One datagram socket to the address in $NOTIFY_SOCKET."""

    __slots__ = ("_address", "_socket", "watchdog_s")

    def __init__(self, environ: Mapping[str, str]) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if address else None
        usec = environ.get("WATCHDOG_USEC", "")
        mine = environ.get("WATCHDOG_PID", "") in {"", str(os.getpid())}
        self.watchdog_s = int(usec) / 1e6 if usec.isdigit() and mine else 0.0
        """Longest time between two signs of life; 0: not asked for."""

    @property
    def watched(self) -> bool:
        """Whether a service manager started us: nobody sits in front."""
        return self._socket is not None

    def tell(self, **words: str) -> None:
        """`tell(READY="1", STATUS="…")`; a full or vanished socket is no reason to stop."""
        if self._socket is None:
            return
        text = "\n".join(f"{key}={value}" for key, value in words.items())
        try:
            self._socket.sendto(text.encode(), socket.MSG_DONTWAIT, self._address)
        except OSError:
            return

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
