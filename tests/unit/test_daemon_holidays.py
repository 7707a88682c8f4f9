"""A daemon that runs over New Year looks up one more year of holidays and stores it as a fact."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from ccd.clock import SteadyClock, SystemClock
from ccd.config import holiday_table
from ccd.config.load import load
from ccd.daemon import Daemon
from ccd.model import facts
from ccd.storage.sqlite import SqliteLedger
from ccd.testing.clock import VirtualClock

CONFIG = """
[daemon]
state_dir = "state"
runtime_dir = "run"
[[sip.transports]]
host = "127.0.0.1"
[calendars.main]
zone = "UTC"
weekdays = ["09:00-12:00"]
holidays = "FR"
"""
NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC).timestamp()


Built = tuple[Daemon, list[facts.Fact]]


@pytest.fixture
def daemon_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[float], Built]]:
    """A daemon built in 2026, not started, with a clock that stands at a moment; what it posts is kept."""
    ledgers: list[SqliteLedger] = []

    def opened(*args: Any) -> SqliteLedger:
        ledgers.append(SqliteLedger(*args))
        return ledgers[-1]

    monkeypatch.setattr("ccd.daemon.SqliteLedger", opened)

    def build(now: float) -> Built:
        (tmp_path / "ccd.toml").write_text(CONFIG)
        daemon = Daemon(tmp_path, {}, load(tmp_path, {}, today=date(2026, 12, 31)))
        daemon.clock = VirtualClock(now)  # type: ignore[assignment]
        daemon.holidays_of = 2026
        posted: list[facts.Fact] = []
        daemon.runtime.post = posted.append  # type: ignore[method-assign,assignment]
        return daemon, posted

    yield build
    for ledger in ledgers:
        ledger.close()


async def test_before_new_year_nothing_happens_and_then_once(
    tmp_path: Path, daemon_at: Callable[[float], Built]
) -> None:
    daemon, posted = daemon_at(NEW_YEAR - 0.5)
    before = daemon.settings
    await daemon.renew_holidays()
    assert posted == [] and daemon.settings is before
    daemon.clock = VirtualClock(NEW_YEAR)  # type: ignore[assignment]
    await daemon.renew_holidays()
    await daemon.renew_holidays()
    (fact,) = posted
    assert isinstance(fact, facts.RulesLoaded) and fact.by == "new year"
    assert fact.rules.calendars["main"].covered_until == "2030-12-31"
    assert daemon.settings.rules == fact.rules == load(tmp_path, {}, today=date(2027, 1, 1)).rules


async def test_a_library_that_fails_leaves_the_rules_as_they_are(
    daemon_at: Callable[[float], Built], monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon, posted = daemon_at(NEW_YEAR)
    before = daemon.settings

    def gone(*_: object) -> None:
        raise ValueError("no such country")

    monkeypatch.setattr(holiday_table, "table", gone)
    await daemon.renew_holidays()
    assert posted == [] and daemon.settings is before


async def test_telephony_counts_by_a_steady_clock_and_tells_the_time_by_the_wall(
    daemon_at: Callable[[float], Built],
) -> None:
    """A correction of the machine's clock by an hour must end no registration and no transaction."""
    daemon, _ = daemon_at(NEW_YEAR)
    assert isinstance(daemon.voice.clock, SteadyClock)
    assert isinstance(daemon.voice.wall, SystemClock)
    assert daemon.doors.ahead_s() == 0.0
