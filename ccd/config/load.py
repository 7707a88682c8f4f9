"""The way in: a configuration's files become one frozen `Settings`, or every fault is told at once."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

from ccd.channels.port import AdapterSpec
from ccd.clock import SystemClock
from ccd.config.crosscheck import crosscheck
from ccd.config.faults import ConfigFaults, Fault, FaultList, render
from ccd.config.files import override, read
from ccd.config.secret import SecretSource
from ccd.config.sections import build
from ccd.config.values import Reader
from ccd.model.settings import Settings

__all__ = ["ConfigFaults", "Fault", "check", "load", "render"]

Closer = Callable[[Reader, Settings], None]


def load(
    path: Path,
    environ: Mapping[str, str],
    credentials_dir: Path | None = None,
    overrides: Mapping[str, str] | None = None,
    specs: Mapping[str, AdapterSpec] | None = None,
    today: date | None = None,
) -> Settings:
    """Read the configuration at `path` (a folder with `ccd.toml`, or that file) for a start.

    `credentials_dir` is systemd's $CREDENTIALS_DIRECTORY. `overrides` are `daemon.state_dir` → value
    of the command line. `specs` takes the place of the installed adapters, `today` that of the clock
    (it decides which years of holidays are looked up). Raises `ConfigFaults` with
    all faults; a secret that cannot be found is one of them. Mere warnings do not stop a start.
    """
    settings, faults = _read(path, environ, credentials_dir, overrides, specs, True, today)
    if settings is None:
        raise ConfigFaults(faults)
    return settings


def check(
    path: Path,
    environ: Mapping[str, str] | None = None,
    credentials_dir: Path | None = None,
    overrides: Mapping[str, str] | None = None,
    specs: Mapping[str, AdapterSpec] | None = None,
    secrets: bool = False,
    today: date | None = None,
    look_closer: Closer | None = None,
) -> tuple[Settings | None, tuple[Fault, ...]]:
    """Read the configuration as `load` does; answer settings (None if there is any fault) and faults.

    Secrets that cannot be found are warnings (`fault.warning`) unless `secrets` is set: the machine
    that checks need not be the one that runs. `look_closer` makes more checks of its own.
    """
    return _read(path, environ or {}, credentials_dir, overrides, specs, secrets, today, look_closer)


def _read(
    path: Path,
    environ: Mapping[str, str],
    credentials_dir: Path | None,
    overrides: Mapping[str, str] | None,
    specs: Mapping[str, AdapterSpec] | None,
    strict: bool,
    today: date | None,
    look_closer: Closer | None = None,
) -> tuple[Settings | None, tuple[Fault, ...]]:
    faults = FaultList()
    document, whole = read(path, faults)
    override(document, overrides or {}, faults)
    reader = Reader(document, faults, SecretSource(document, faults, environ, credentials_dir, strict))
    settings = build(reader, specs, today or datetime.fromtimestamp(SystemClock().now(), UTC).date())
    if whole:  # else names that stand in the broken file would seem unknown
        settings = crosscheck(reader, settings)
        if look_closer is not None:
            look_closer(reader, settings)
    found = faults.sorted()
    bad = any(not fault.warning for fault in found)
    return (None if bad else settings), found
