"""A state that is too large to let facts wait: a process beside the daemon makes its snapshot."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from ccd.control.client import ControlClient
from ccd.runtime.centre import Centre
from ccd.runtime.replay import replay
from ccd.storage.sqlite import SqliteLedger
from tests.interop.daemon_site import Site
from tests.interop.test_crash import FromTheBeginning

FACTS = 1000
"""The fewest that a snapshot may be due after."""


def pause_often(site: Site) -> None:
    with ControlClient(site.runtime_dir / "control.sock") as control:
        for _ in range(FACTS // 2):
            control.ask("agent.pause", agent="a1", reason="lunch")
            control.ask("agent.ready", agent="a1")


async def test_a_process_makes_it_and_the_next_start_goes_on_from_there(
    make_site: Callable[..., Any],
) -> None:
    site: Site = await make_site(
        agents=9, tables={"ledger": {"snapshot_every_facts": FACTS}}, module="tests.interop.only_beside"
    )
    await site.login("a1")
    await asyncio.to_thread(pause_often, site)

    async def saved() -> bool:
        return any(line.get("event") == "snapshot saved" for line in site.log_lines())

    await site.until("the process has made one", saved, 20)
    await site.ask("agent.pause", agent="a1", reason="training")
    await site.kill()
    with contextlib.closing(SqliteLedger(site.folder / "state" / "ledger.sqlite", beside=True)) as ledger:
        snapshot, last = ledger.load_snapshot(), ledger.last()[0]
        assert snapshot is not None and FACTS <= snapshot.seq < last
        centre = Centre()
        assert replay(centre, ledger, file_records=False).facts == last - snapshot.seq
    with contextlib.closing(FromTheBeginning(site.folder / "state" / "ledger.sqlite", beside=True)) as ledger:
        again = Centre()
        replay(again, ledger, until=snapshot.seq, file_records=False)
        assert again.dump() == snapshot.state
    await site.start()
    assert (await site.agent("a1"))["reason"] == "training"
