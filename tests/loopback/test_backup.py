"""`ccctl backup` while calls go on: the copy is a ledger that a daemon starts from."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ccd.cli.main import main
from tests.interop.conftest import make_site  # noqa: F401  the fixture
from tests.interop.daemon_site import Site
from tests.interop.parties import caller, phone, talk

Make = Callable[..., Any]


async def ccctl(site: Site, *argv: str) -> int:
    """As an administrator does, in a thread beside the test."""

    def run() -> int:
        try:
            main(["--socket", str(site.runtime_dir / "control.sock"), *argv])
        except SystemExit as left:
            return int(left.code or 0)
        return 0

    return await asyncio.to_thread(run)


async def test_a_copy_made_during_a_call_is_what_another_daemon_starts_from(
    make_site: Make,  # noqa: F811
    capsys: Any,
) -> None:
    site: Site = await make_site(agents=2)
    async with phone(site) as agent, caller(site) as outside:
        call, _ = await talk(site, outside, agent)
        assert (await call.bye()).status == 200
        await site.until_records(1)
        await site.ask("agent.pause", agent="a2", reason="training")
        call, _ = await talk(site, outside, agent)
        assert await ccctl(site, "backup", "--keep", "1") == 0
        first, said = backups(site)[0], capsys.readouterr().out
        assert said.startswith(f"{first}: ") and ", 1 record, facts up to " in said
        assert await ccctl(site, "backup", str(site.folder / "mine.sqlite"), "--json") == 0
        assert await ccctl(site, "backup", str(site.folder / "mine.sqlite")) == 1
        assert "exists already — name another file" in capsys.readouterr().err
        (alarm,) = (await site.ask("status"))["alarms"]
        assert alarm["what"] == "backup failed"
        assert await ccctl(site, "backup", "--keep", "1", "mine.sqlite") == 1
        assert (await call.bye()).status == 200
        await site.until_records(2)
    assert await ccctl(site, "backup", "--keep", "1") == 0
    (second,) = backups(site)
    assert second != first and (await site.ask("status"))["alarms"] == []

    other: Site = await make_site(agents=2)
    await other.terminate()
    state = other.folder / "state"
    for path in state.glob("ledger.sqlite*"):
        path.unlink()
    shutil.copy(site.folder / "mine.sqlite", state / "ledger.sqlite")
    await other.start()
    agents = {row["agent"]: row for row in await other.ask("agents")}
    assert agents["a2"]["reason"] == "training"
    outcomes = [record.outcome for record in await other.until_records(2)]
    assert outcomes[0] == "handled" and len(outcomes) == 2, "the call of the copy ended with that daemon"


def backups(site: Site) -> list[Path]:
    return sorted((site.folder / "state" / "backups").iterdir())
