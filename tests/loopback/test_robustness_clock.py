"""A machine's clock that leaps, and a centre in which nothing happens, on the running daemon.

See `wandering_daemon`: the process is the daemon's, its wall clock is the test's.
"""

import asyncio
import shutil
from pathlib import Path

import pytest

from tests.interop.conftest import make_site  # noqa: F401  the fixture
from tests.interop.daemon_site import DIRECT, Site
from tests.interop.parties import being_written, caller, phone, talk
from tests.loopback.test_robustness_sip import Make, hung_up_everything

DAY_S = 86_400.0
YEAR_S = 365.25 * DAY_S
RECORDED = {
    "queues.sales": {"record": True},
    "ledger": {"keep_days": 5.0},
    "media": {"recordings_keep_days": 5.0},
}


class Wandering:
    """A site whose clock is moved."""

    def __init__(self, ahead: Path) -> None:
        self.file = ahead
        self.ahead_s = 0.0
        self.leap(0.0)

    def leap(self, seconds: float) -> None:
        """Forward; whole or not at all."""
        self.ahead_s += seconds
        part = self.file.with_suffix(".part")
        part.write_text(repr(self.ahead_s))
        part.replace(self.file)


@pytest.fixture
def wandering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wandering:
    found = Wandering(tmp_path / "ahead")
    monkeypatch.setenv("CCD_TEST_AHEAD", str(found.file))
    return found


async def told(site: Site, event: str, times: int = 1) -> None:
    async def look() -> bool:
        return sum(row.get("event") == event for row in site.log_lines()) >= times

    await site.until(f"{event}, {times} times", look, 20.0)


async def looks(site: Site, count: int = 4) -> None:
    """So many looks at what is to be deleted go by, of which nothing is told."""
    await asyncio.sleep(0.5 * count)


async def test_after_a_leap_nothing_is_deleted_for_a_day(make_site: Make, wandering: Wandering) -> None:  # noqa: F811
    site: Site = await make_site(agents=1, tables=RECORDED, module="tests.loopback.wandering_daemon")
    async with phone(site) as agent, caller(site) as outside:
        call, taken = await talk(site, outside, agent)
        await being_written(site)
        assert (await call.bye()).status == 200
        await taken.expect("BYE")
    (record,) = await site.until_records(1)

    async def written() -> bool:
        return len(site.recordings()) == 1

    await site.until("the recording is whole", written)

    wandering.leap(30 * DAY_S)  # all of it would be too old
    await told(site, "deletions held")
    await looks(site)
    assert len(site.recordings()) == 1 and site.records() == [record]

    assert await site.terminate() == 0  # and one that happened while it was down
    wandering.leap(30 * DAY_S)
    await site.start()
    await told(site, "deletions held", 2)
    await looks(site)
    assert len(site.recordings()) == 1 and site.records() == [record]

    for _ in range(2):  # the day is over, by steps that are no leap
        wandering.leap(0.6 * DAY_S)
        await looks(site)

    async def gone() -> bool:
        return not site.recordings()

    await site.until("what is old is deleted then", gone, 20.0)


@pytest.mark.parametrize("years", [12.0, 230.0])
async def test_a_leap_of_years_breaks_nothing(make_site: Make, wandering: Wandering, years: float) -> None:  # noqa: F811
    """As far as a kernel's clock can be set (2262): one in conversation, one who waits, phones, a pause. Then
    it is corrected, and the times go on from where they were."""
    site: Site = await make_site(agents=2, module="tests.loopback.wandering_daemon")
    async with phone(site) as agent, phone(site, "a2"), caller(site) as outside:
        await site.ask("agent.pause", agent="a2", reason="lunch")
        call, taken = await talk(site, outside, agent)
        waiting = await outside.call(DIRECT)
        await waiting.answered()
        wandering.leap(years * YEAR_S)
        await told(site, "clock set forward")
        await looks(site)
        for verb in ("status", "agents", "queues", "interactions", "report", "trunks"):
            await site.ask(verb)
        await hung_up_everything(site)
        await site.until_idle()
    del call, taken
    async with phone(site) as agent, caller(site) as outside:
        await site.ask("agent.ready", agent="a1")
        call, taken = await talk(site, outside, agent)
        assert (await call.bye()).status == 200
        await taken.expect("BYE")
    assert await site.terminate() == 0
    wandering.leap(-years * YEAR_S)
    await site.start()
    async with phone(site) as agent, caller(site) as outside:
        call, taken = await talk(site, outside, agent)
        assert (await call.bye()).status == 200
        await taken.expect("BYE")
    assert any(row["what"] == "clock ahead" for row in (await site.ask("status"))["alarms"])


async def test_an_idle_ledger_is_put_back_by_itself(make_site: Make, wandering: Wandering) -> None:  # noqa: F811
    """Nobody calls, nothing is stored: its files are looked at all the same, and nothing is lost."""
    site: Site = await make_site(agents=1, module="tests.loopback.wandering_daemon")
    async with phone(site) as agent, caller(site) as outside:
        call, taken = await talk(site, outside, agent)
        assert (await call.bye()).status == 200
        await taken.expect("BYE")
        await site.until_records(1)

        async def stored() -> int:
            runtime = (await site.ask("status"))["daemon"]["counters"]["runtime"]
            return int(runtime["facts"]) if runtime["facts"] == runtime["durable"] else 0

        before = await site.until("all is stored", stored)
        shutil.rmtree(site.folder / "state")
        await told(site, "ledger put back")
        assert await stored() == before, "nothing happened that would have been stored"
        await site.kill()
    await site.start()
    assert [each.outcome for each in site.records()] == ["handled"]
