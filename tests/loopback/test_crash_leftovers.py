"""Daemon and workers die at once, as under systemd: the recording is whole after the next start."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.interop.conftest import make_site  # noqa: F401  the fixture
from tests.interop.daemon_site import Site
from tests.interop.parties import caller, phone, talk

Make = Callable[..., Any]


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def test_a_recording_that_was_cut_is_whole_after_the_next_start(make_site: Make) -> None:  # noqa: F811
    site: Site = await make_site(agents=1, tables={"queues.sales": {"record": True}})
    async with phone(site) as agent, caller(site) as outside:
        await talk(site, outside, agent)
        folder = site.folder / "state" / "recordings"

        async def begun() -> bool:
            return any(path.stat().st_size > 16_000 for path in folder.rglob("*.part"))

        await site.until("something is recorded", begun)
        for pid in (*children(site.pid), site.pid):
            os.kill(pid, signal.SIGKILL)
        await site.kill()
        assert site.recordings() == []
        await site.start()

        async def whole() -> bool:
            return len(site.recordings()) == 1

        await site.until("it has its name", whole)
        assert list(folder.rglob("*.part")) == []
