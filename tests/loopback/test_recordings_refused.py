"""A disk that takes no more of a recording: the call goes on, what is there is kept, and somebody is told."""

import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ccd.media.wav import read
from tests.interop.conftest import make_site  # noqa: F401  the fixture
from tests.interop.daemon_site import Site
from tests.interop.parties import being_written, caller, phone, talk
from tests.loopback.test_crash_leftovers import children

Make = Callable[..., Any]
ROOM = 80_000
"""Octets: two and a half seconds."""


def names(site: Site) -> list[str]:
    return [path.name for path in sorted((site.folder / "state" / "recordings").rglob("*.*"))]


def seconds(path: str) -> float:
    return round(len(read(Path(path).read_bytes(), path).linear) / 16_000, 2)


async def test_a_recording_that_the_disk_cut_is_kept_and_is_an_alarm(make_site: Make) -> None:  # noqa: F811
    site: Site = await make_site(agents=1, tables={"queues.sales": {"record": True}})
    (worker,) = children(site.pid)
    hard = resource.prlimit(worker, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (ROOM, hard))
    async with phone(site) as agent, caller(site) as outside:
        call, _ = await talk(site, outside, agent)

        async def full() -> bool:
            return any(path.stat().st_size >= ROOM for path in (site.folder / "state").rglob("*.part"))

        await site.until("no more can be written", full)
        assert (await call.bye()).status == 200
        (record,) = await site.until_records(1)
        assert record.outcome == "handled"
        (noted,) = [note.details for note in record.timeline if note.what == "recorded"]
        assert names(site) == ["1-1.wav"] and noted["path"].endswith("/1-1.wav")
        assert "cannot write" in noted["note"] and "File too large" in noted["note"]
        assert 1.0 < noted["seconds"] == seconds(noted["path"])
        (alarm,) = (await site.ask("status"))["alarms"]
        assert alarm["what"] == "recordings fail" and "File too large" in alarm["why"]

        resource.prlimit(worker, resource.RLIMIT_FSIZE, (hard, hard))
        call, _ = await talk(site, outside, agent)
        await being_written(site, "2-1")
        assert (await call.bye()).status == 200
        await site.until_records(2)
        assert (await site.ask("status"))["alarms"] == []
        assert names(site) == ["1-1.wav", "2-1.wav"]
