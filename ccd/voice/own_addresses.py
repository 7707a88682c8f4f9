"""Addresses of this machine that are not there yet: at boot a service starts, and the network comes later.

`network-online.target` holds for most networks, not for all: a switch that boots slower than the server, a
DHCP that answers late, an IPv6 address that is still tentative. Who cannot listen then would give up after a
few starts and stay down until somebody comes.
"""

import asyncio
import errno
import socket
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Final

import structlog

from ccd.model.settings import Settings

WAIT_S: Final = 60.0
"""Longer than that the start of the unit may not take (TimeoutStartSec= is 90 s)."""
LOOK_S: Final = 0.5

log = structlog.get_logger("voice")


def hosts_of(settings: Settings) -> list[str]:
    """The addresses that we are to listen on, each once."""
    hosts = [*(each.host for each in settings.sip.transports), settings.media.host]
    return [host for host in dict.fromkeys(hosts) if host]


def missing(hosts: Iterable[str]) -> list[str]:
    """Those that are none of this machine's now. A name is not looked up: that has errors of its own."""
    return [host for host in hosts if _is_missing(host)]


def _is_missing(host: str) -> bool:
    try:
        version = ip_address(host.partition("%")[0]).version
    except ValueError:
        return False
    with socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError as error:
            return error.errno == errno.EADDRNOTAVAIL
    return False


async def wait_for(
    hosts: list[str],
    tell: Callable[[str], None],
    given_up: Callable[[], bool],
    look: Callable[[Iterable[str]], list[str]] = missing,
) -> bool:
    """Until all of them are there, at most `WAIT_S`, and not when it is `given_up`; `tell` gets what is
    missed, for those who watch the start. False: one is missing still, and whoever listens on it says so."""
    gone = look(hosts)
    if not gone:
        return True
    cure = "bring the network up, or correct the host in the configuration"
    log.warning("waiting for addresses of ours", missing=gone, at_most_s=WAIT_S, cure=cure)
    tell(f"waiting for {', '.join(gone)}: no address of this machine yet")
    for _ in range(round(WAIT_S / LOOK_S)):
        await asyncio.sleep(LOOK_S)
        if given_up():
            return False
        gone = look(gone)
        if not gone:
            log.info("all addresses are there", hosts=hosts)
            return True
    return False
