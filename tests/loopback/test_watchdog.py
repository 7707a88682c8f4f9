"""What systemd hears of a daemon whose ledger cannot be written: that it lives, and what is wrong."""

import asyncio
import contextlib
import os
import socket
import sqlite3
from collections.abc import Callable
from typing import Any

from tests.interop.conftest import make_site  # noqa: F401  the fixture
from tests.interop.daemon_site import Site
from tests.interop.parties import caller, phone, talk

Make = Callable[..., Any]
WATCHDOG_S = 3.0


async def test_a_ledger_that_cannot_be_written_is_no_reason_to_be_killed(make_site: Make) -> None:  # noqa: F811
    """systemd ends what is silent for WatchdogSec: calls would be cut and what waits to be stored be lost."""
    site: Site = await make_site(agents=1, prefix=("env", f"WATCHDOG_USEC={WATCHDOG_S * 1e6:.0f}"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        place = str(site.runtime_dir / "notify")
        os.unlink(place)
        told.bind(place)
        told.setblocking(False)
        async with phone(site) as agent, caller(site) as outside:
            call, _ = await talk(site, outside, agent)
            other = sqlite3.connect(site.folder / "state" / "ledger.sqlite", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            try:
                with contextlib.suppress(AssertionError, TimeoutError):
                    await asyncio.wait_for(site.ask("agent.pause", agent="a1", reason="lunch"), 0.5)
                said = await heard(told, lambda text: "CANNOT BE WRITTEN" in text)
                assert "WATCHDOG=1" in said
                for _ in range(2):
                    await heard(told, lambda text: "WATCHDOG=1" in text)
            finally:
                other.execute("ROLLBACK")
                other.close()
            assert (await call.bye()).status == 200


async def heard(told: socket.socket, wanted: Callable[[str], bool]) -> str:
    """The next message to systemd that has it; each must come within the watchdog's time."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(20.0):
        while True:
            text = (await asyncio.wait_for(loop.sock_recv(told, 4096), WATCHDOG_S)).decode()
            if wanted(text):
                return text
