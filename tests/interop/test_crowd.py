"""A crowd of SIPp callers through menu, queue and agents' phones: all answered, the records add up.

Run short by default; `CCD_SOAK=1` (make soak) runs what the project claims: 200 calls at 10 a second.
"""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.interop.daemon_site import DIRECT, PASSWORD, PRESS, Site, need
from tests.peers import netns, sipp
from tests.peers.digits_pcap import can_play
from tests.peers.sipp import Sipp, SippResult

Make = Callable[..., Any]
SOAK = bool(os.environ.get("CCD_SOAK"))
CALLS = 200 if SOAK else 60
AGENTS = 20


@pytest.fixture(autouse=True)
def _programs() -> None:
    need("sipp")


async def phones(site: Site, folder: Path, **options: Any) -> Sipp:
    """All agents' phones in one SIPp, registered and logged in; enter it to let them answer."""
    crowd = Sipp("uas_agent", folder=folder, host=site.host, timeout_s=300, **options)
    accounts = [(name, PASSWORD) for name in site.agents]
    registered = await sipp.register(
        accounts,
        site.address,
        port=crowd.port,
        domain="interop.invalid",
        prefix=options.get("prefix", ()),
    )
    assert registered.failed == 0 and registered.successful == len(accounts), registered.errors
    await site.login()
    return crowd


async def check_books(site: Site, queue: str, calls: int) -> None:
    """One record a call, each handled, and the figures of the queue say the same."""
    await site.until_idle()
    records = await site.until_records(calls)
    assert len(records) == calls
    assert [record.outcome for record in records if record.outcome != "handled"] == []
    assert all(len(record.agents) == 1 for record in records), "none was taken twice"
    figures = await site.figures(queue)
    assert figures["offered"] == figures["handled"] == calls
    assert figures["abandoned"] == figures["overflowed"] == figures["waiting"] == 0
    report = await site.ask("report")
    assert report["total"]["faults"] == []
    for row in await site.ask("agents"):
        assert (row["doing"], row["load"]) == ("idle", 0), row


def check_clean(result: SippResult, calls: int) -> None:
    assert (result.successful, result.failed) == (calls, 0), result.errors[-2000:]
    assert result.retransmissions == 0, "on a quiet loopback nothing is sent twice"


@pytest.mark.alone
async def test_a_crowd_presses_one_and_is_served(make_site: Make, tmp_path: Path) -> None:
    """Digits by RFC 4733 out of a capture (needs a raw socket), else by INFO."""
    site: Site = await make_site(agents=AGENTS, media_ports=1200, tables={"media": {"dead_after_s": 0.0}})
    async with await phones(site, tmp_path / "phones") as crowd:
        options = {"digits": "1"} if can_play() else {}
        result = await sipp.run(
            "uac_digits" if can_play() else "uac_info_digits",
            site.address,
            service=PRESS,
            rate=10,
            calls=CALLS,
            keys={"talk_ms": 1500, "digit_wait_ms": 300},
            folder=tmp_path / "callers",
            **options,
        )
        check_clean(result, CALLS)
        await check_books(site, "sales", CALLS)
        assert crowd.counted().retransmissions == 0


@pytest.mark.long
@pytest.mark.parametrize("lost_pct", [1, 5])
async def test_lost_packets_delay_but_lose_no_call(make_site: Make, tmp_path: Path, lost_pct: int) -> None:
    """A lossy network: all calls complete, none is there twice."""
    problem = netns.why_not()
    if problem and os.environ.get("CI"):
        pytest.fail(problem)
    if problem:
        pytest.skip(problem)
    calls = 200 if SOAK else 40
    with netns.lossy_namespace() as space:
        site: Site = await make_site(agents=AGENTS, media_ports=1200, prefix=space.prefix)
        # phones answer copies of a BYE for 64 * T1 (RFC 3261 §17.2.2): their 200 may be lost more than once
        lingering = {"linger_ms": 32000}
        async with await phones(site, tmp_path / "phones", prefix=space.prefix, keys=lingering) as crowd:
            space.lose(lost_pct)
            result = await sipp.run(
                "uac_digits",
                site.address,
                service=PRESS,
                digits="1",
                rate=2,
                calls=calls,
                # longer than four repeats of a lost INVITE to the agent's phone take (0.5 + 1 + 2 + 4 s):
                # a caller who hangs up before that has rightly abandoned
                keys={"talk_ms": 8000, "digit_wait_ms": 300},
                timeout_s=180,
                folder=tmp_path / "callers",
                prefix=space.prefix,
            )
            assert space.lost() > calls * lost_pct / 20, "the network did lose packets"
            assert (result.successful, result.failed) == (calls, 0), result.errors[-2000:]
            await check_books(site, "sales", calls)
            space.lose(0)
            assert crowd.counted().failed == 0


@pytest.mark.alone
async def test_reloads_under_traffic_disturb_no_call(make_site: Make, tmp_path: Path) -> None:
    """Every half second a changed configuration is taken over; agents and queues stay, calls go on."""
    site: Site = await make_site(agents=AGENTS, media_ports=1200)
    async with await phones(site, tmp_path / "phones"):
        crowd = Sipp(
            "uac_call",
            site.address,
            service=DIRECT,
            rate=10,
            calls=40,
            keys={"talk_ms": 1000},
            folder=tmp_path / "callers",
        )
        await crowd.start()
        running = asyncio.ensure_future(crowd.wait())
        for turn in range(100):
            if running.done():
                break
            site.set("queues.sales", ring_timeout_s=20.0 + turn, display=f"Sales {turn}")
            changes = (await site.ask("reload"))["changes"]
            assert any("queues.sales" in line for line in changes)
            await asyncio.sleep(0.5)
        check_clean(await running, 40)
        await check_books(site, "sales", 40)
