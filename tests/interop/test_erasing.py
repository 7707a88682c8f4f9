"""A customer is erased in the real daemon, which is killed at once: what is left follows at its start."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from tests.interop.daemon_site import Site
from tests.interop.parties import being_written, caller, phone, talk

Make = Callable[..., Any]
NUMBER = "+33140000001"


async def test_a_recording_and_its_record_go_though_the_daemon_is_killed(make_site: Make) -> None:
    site: Site = await make_site(agents=1, tables={"queues.sales": {"record": True}})
    async with phone(site) as agent, caller(site, NUMBER) as outside:
        call, _ = await talk(site, outside, agent)
        await being_written(site)
        assert (await call.bye()).status == 200
        (record,) = await site.until_records(1)
    assert record.origin == NUMBER and len(site.recordings()) == 1
    would = await site.ask("customer.erase", customer="01 40 00 00 01")
    assert (would["files"], [row["interaction"] for row in would["interactions"]]) == (1, ["1"])
    assert len(site.recordings()) == 1
    done = await site.ask("customer.erase", customer=NUMBER, yes=True)
    await site.kill()
    assert done["erased"] and done["names"] == [NUMBER]
    (erased,) = site.records()
    assert (erased.origin, erased.outcome, erased.agents) == ("erased", record.outcome, record.agents)
    await site.start()

    async def gone() -> bool:
        return not site.recordings()

    await site.until("the file is deleted", gone)
    (erased,) = site.records()
    assert erased.origin == "erased"
    socket = str(site.runtime_dir / "control.sock")
    words = [sys.executable, "-m", "ccd.cli.main", "--socket", socket, "customer", "erase", NUMBER, "--json"]
    told = subprocess.run(words, capture_output=True, text=True, check=True)  # noqa: ASYNC221  it is the test
    assert json.loads(told.stdout)["interactions"] == []
