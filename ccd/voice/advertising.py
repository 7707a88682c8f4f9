"""Where we are, as peers are told in Via, Contact and SDP: looked up on the way to each, again now and then.

A machine that listens on all its addresses may get another one while it runs (DHCP, a second line to the
provider that takes over). Were the first answer kept for ever, every call from then on would name an address
that is gone: no audio from the far end, and its BYE goes nowhere.
"""

from collections.abc import Callable
from typing import Final

import structlog

from ccd.clock import Clock
from ccd.sip.events import Flow

KEPT_S: Final = 10.0
MOST_KEPT: Final = 4096

Place = tuple[str, int]

log = structlog.get_logger("voice")


def _nobody(_peer: str) -> None:
    """Nobody is told yet."""


class Advertised:
    """What was looked up of late, one entry a peer (UDP) or connection."""

    __slots__ = ("_clock", "_find", "_known", "moved")

    def __init__(self, clock: Clock, find: Callable[[Flow], Place]) -> None:
        """`find` looks it up; an empty host: there is no way to that peer at the moment."""
        self._clock = clock
        self._find = find
        self._known: dict[tuple[str, str], tuple[Place, float]] = {}
        self.moved: Callable[[str], None] = _nobody
        """Told the host of a peer towards whom we have another address now."""

    def of(self, flow: Flow) -> Place:
        """Host (no brackets) and port of ours for that peer."""
        key = (flow.host if flow.protocol == "UDP" else "", flow.local)
        known, now = self._known.get(key), self._clock.now()
        if known is not None and now < known[1]:
            return known[0]
        found = self._find(flow)
        if not found[0]:  # the network is gone, and mostly it comes back as it was
            return known[0] if known is not None else ("::1" if ":" in flow.host else "127.0.0.1", found[1])
        if known is None and len(self._known) >= MOST_KEPT:
            self._known.clear()
        self._known[key] = (found, now + KEPT_S)
        if known is not None and found != known[0]:
            log.warning("own address changed", towards=flow.host, was=known[0][0], now=found[0])
            self.moved(flow.host)
        return found

    def forget(self, flow: Flow) -> None:
        """A connection is gone."""
        self._known.pop(("", flow.local), None)
