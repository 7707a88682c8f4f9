"""Addresses of this machine that come late or change while calls run: a daemon in a network of its own."""

import asyncio
import contextlib
import ctypes
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.interop.conftest import make_site  # noqa: F401  the fixture
from tests.interop.daemon_site import DIRECT, PASSWORD, READY_S, Site
from tests.interop.parties import bridged
from tests.interop.wire import Call, Message, Ua, sdp
from tests.loopback.media_party import wait_for
from tests.loopback.test_robustness_sip import Make
from tests.peers.netns import Namespace, lossy_namespace
from tests.peers.process import program

FORMER, NOW, PEER = "192.0.2.1", "192.0.2.7", "198.51.100.9"
ALL = "0.0.0.0"  # noqa: S104  what is tested
WAITING = "waiting for addresses of ours"
_CLONE_NEWNET = 0x40000000


@contextlib.contextmanager
def inside(space: Namespace) -> Iterator[None]:
    """Sockets that are made meanwhile are of that network, and stay so; this thread alone is there."""
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    there = os.open(Path("/run/netns") / space.name, os.O_RDONLY)
    try:
        assert libc.setns(there, _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        yield
    finally:
        assert libc.setns(home, _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        os.close(there)
        os.close(home)


def live_at(space: Namespace, host: str, former: str = "") -> None:
    """From now on this is the machine's address towards the peer."""
    ip = program("ip")
    space.run(ip, "addr", "add", f"{host}/32", "dev", "lo")
    space.run(ip, "route", "replace", "local", PEER, "dev", "lo", "table", "local", "src", host)
    if former:
        space.run(ip, "addr", "del", f"{former}/32", "dev", "lo")


@contextlib.asynccontextmanager
async def party(space: Namespace, site: Site, user: str) -> AsyncIterator[Ua]:
    with inside(space):
        ua = await Ua.open(f"{FORMER}:{site.port}", host=PEER, user=user)
    async with ua:
        yield ua


async def told(call: Call, port: int) -> Message:
    """The re-INVITE of a running call; it is taken, and all goes there from then on."""
    invite = await call.expect("INVITE", 30.0)
    call.target, call.ua.server = invite.contact, (NOW, port)
    answer = [("Contact", call.ua.contact)]
    call.ua.reply(invite, 200, answer, sdp(host=PEER))
    await call.expect("ACK")
    return invite


@pytest.mark.needs("netns")
async def test_running_calls_follow_another_address(make_site: Make) -> None:  # noqa: F811
    """Both parties are told by re-INVITE, and what they send from then on goes to the new address."""
    with lossy_namespace() as space:
        space.run(program("ip"), "addr", "add", f"{PEER}/32", "dev", "lo")
        live_at(space, FORMER)
        tables = {
            "sip": {"qualify_s": 1.0},
            "trunks.carrier": {"host": PEER, "sources": [PEER]},
            "media": {"host": ALL},
        }
        site: Site = await make_site(agents=1, host=ALL, prefix=space.prefix, tables=tables)
        async with party(space, site, "a1") as agent, party(space, site, "+33140000001") as outside:
            assert (await agent.register(PASSWORD)).status == 200
            await site.login("a1")
            call = await outside.call(DIRECT, sdp(host=PEER))
            answered = await call.answered()
            assert f"@{FORMER}:" in answered.contact and f"IP4 {FORMER}" in answered.body
            taken = await Call.taken(agent)
            taken.accept(sdp(host=PEER))
            await taken.expect("ACK")
            await bridged(site)

            live_at(space, NOW, FORMER)
            for invite in await asyncio.gather(told(call, site.port), told(taken, site.port)):
                assert f"@{NOW}:" in invite.contact and f"IP4 {NOW}" in invite.body
                assert FORMER not in invite.body
            assert (await call.bye()).status == 200
            await taken.expect("BYE")
            await site.until_idle()
        (record,) = await site.until_records(1)
        assert (record.outcome, record.cause) == ("handled", "normal")
        events = [row["event"] for row in site.log_lines()]
        assert "own address changed" in events and events.count("told our new address") == 2


@pytest.mark.needs("netns")
async def test_an_address_that_comes_after_the_start_is_waited_for(
    make_site: Make,  # noqa: F811
    tmp_path: Path,
) -> None:
    """As at boot, when the network comes up later than the services."""
    with lossy_namespace() as space:
        ip = program("ip")
        space.run(ip, "addr", "del", "127.0.0.1/8", "dev", "lo")
        starting = asyncio.ensure_future(make_site(agents=0, prefix=space.prefix))
        await wait_for(
            lambda: any(WAITING in log.read_text() for log in tmp_path.glob("*/ccd-*.log")), READY_S
        )
        await asyncio.sleep(2.0)
        assert not starting.done()
        space.run(ip, "addr", "add", "127.0.0.1/8", "dev", "lo")
        site: Site = await starting
        events = [row["event"] for row in site.log_lines()]
        assert WAITING in events and "all addresses are there" in events
        await site.ask("status")
