"""Passwords and nonces stay where they belong; files and sockets are for their owner and group alone."""

import asyncio
import json
import os
import random
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ccd.ids import FastChance, SeededChance
from ccd.voice.stack import masked
from tests.interop.conftest import make_site  # noqa: F401  the fixture
from tests.interop.daemon_site import PASSWORD, Site
from tests.interop.parties import being_written, caller, phone, talk
from tests.interop.wire import Ua
from tests.loopback.test_robustness_control import conversed

Make = Callable[..., Any]


def children(pid: int) -> Iterator[int]:
    """Processes below one."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield int(child)
            yield from children(int(child))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def places(site: Site) -> dict[str, bytes]:
    """Everything that the daemon wrote, and what others can see of its processes."""
    found = {}
    for path in site.folder.rglob("*"):
        if path.is_file() and path.name != "ccd.toml":
            found[str(path.relative_to(site.folder))] = path.read_bytes()
    found["own command line"] = Path(f"/proc/{site.pid}/cmdline").read_bytes()
    for child in children(site.pid):
        found[f"command line of child {child}"] = Path(f"/proc/{child}/cmdline").read_bytes()
        found[f"environment of child {child}"] = Path(f"/proc/{child}/environ").read_bytes()
    return found


async def test_secrets_are_nowhere_to_be_found(make_site: Make) -> None:  # noqa: F811
    """After registrations, calls and a guess: no password, no proof of one, no nonce in reach."""
    trunk = {"username": "account", "password": "env:CCD_INTEROP_PASSWORD"}
    site: Site = await make_site(
        agents=2,
        chat=True,
        tables={
            "trunks.carrier": trunk,
            "queues.sales": {"record": True},
            "daemon": {"log_level": "debug"},
        },
    )
    async with phone(site) as agent, caller(site) as outside, await Ua.open(site.address, user="a2") as other:
        await other.register("not-the-password")
        for _ in range(2):
            call, _ = await talk(site, outside, agent)
            await asyncio.sleep(0.3)
            assert (await call.bye()).status == 200
            await site.until_idle()
            await site.ask("agent.ready", agent="a1")
        seen = [*agent.seen, *other.seen]
        nonces = {
            found for each in seen for found in re.findall(r'nonce="([^"]+)"', each.get("WWW-Authenticate"))
        }
        assert nonces
        verbs = ["status", "top", "agents", "queues", "interactions", "trunks", "devices", "report", "diff"]
        asked = [json.dumps({"verb": verb}).encode() for verb in verbs]
        asked.append(b'{"verb": "sip.trace", "args": {"limit": 2000}}')
        replies = await conversed(site, *asked)
        assert all(each["ok"] for each in replies)
        trace = json.dumps(replies[-1])
        assert "a1" in trace and "Authorization" in trace and "(masked)" in trace
        whole = places(site) | {"control replies": json.dumps(replies).encode()}
        assert any(name.startswith("environment") for name in whole)
        for secret in (PASSWORD, "not-the-password", *nonces):
            found = [name for name, data in whole.items() if secret.encode() in data]
            assert not found, f"{secret!r} stands in {found}"
        assert not re.search(r'response=\\"[0-9a-f]{32}', trace)


async def test_files_and_sockets_are_for_owner_and_group(make_site: Make) -> None:  # noqa: F811
    former = os.umask(0)  # the daemon's own doing is tested, not the umask's
    try:
        site: Site = await make_site(agents=1, tables={"queues.sales": {"record": True}})
    finally:
        os.umask(former)
    async with phone(site) as agent, caller(site) as outside:
        call, _ = await talk(site, outside, agent)
        await being_written(site)
        assert (await call.bye()).status == 200
        await site.until_idle()
    state = site.folder / "state"
    assert mode(state) == 0o750
    for path in state.glob("ledger.sqlite*"):
        assert mode(path) & 0o137 == 0, (path.name, oct(mode(path)))
    recordings = site.recordings()
    assert recordings
    for path in recordings:
        assert mode(path) == 0o640
        assert mode(path.parent) & 0o007 == 0, "the folder of a day is for the group too"
    assert mode(site.runtime_dir / "control.sock") & 0o007 == 0


@pytest.mark.parametrize("name", ["Authorization", "Proxy-Authorization", "AUTHORIZATION", "authorization "])
def test_a_trace_shows_who_authenticates_and_nothing_to_guess_from(name: str) -> None:
    value = 'Digest username="a1",\r\n realm="x", nonce="n1",\r\n\tresponse="abc"'
    head = f"REGISTER sip:x SIP/2.0\r\n{name}: {value}\r\n"
    shown = masked((head + "CSeq: 1 REGISTER\r\n\r\n").encode()).decode()
    assert 'username="a1"' in shown and "CSeq: 1 REGISTER\r\n\r\n" in shown
    assert "abc" not in shown and "n1" not in shown and "realm" not in shown
    asked = b'SIP/2.0 401 X\r\nWWW-Authenticate: Digest realm="r", nonce="n2", qop="auth"\r\n\r\n'
    assert b"n2" not in masked(asked) and b'realm="r"' in masked(asked)


def test_a_trace_shows_no_key_of_the_audio() -> None:
    first = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:KeyKey+/=|2^31|1:4"
    lines = (first, "A=Crypto:2 AEAD inline: KeyKey", "a=x:1")
    shown = masked("\r\n".join(["m=audio 4000 RTP/SAVP 0", *lines, ""]).encode()).decode()
    assert "KeyKey" not in shown and shown.endswith("\r\na=x:1\r\n")
    assert "\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:(masked)\r\n" in shown
    assert "\r\nA=Crypto:2 AEAD inline:(masked)\r\n" in shown


def test_tokens_cannot_be_worked_out_from_earlier_ones() -> None:
    """Not from a generator with a state that could be rebuilt: the kernel's chance, never the same again."""
    first, second = FastChance(), FastChance()
    assert all(len(first.token(length)) == length for length in range(1, 60))
    tokens = [chance.token(12) for chance in (first, second) for _ in range(5000)]
    assert len(set(tokens)) == len(tokens)
    assert set("".join(tokens)) == set("0123456789abcdefghijkmnpqrstuvwxyz"[:32])
    assert not isinstance(getattr(first, "_random", None), random.Random)
    assert {first.below(3) for _ in range(200)} == {0, 1, 2}
    assert SeededChance(5).token(20) == SeededChance(5).token(20)
