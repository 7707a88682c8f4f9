"""`ccd check` and `ccctl check`: print every fault of a configuration.

Exit codes: 0 no fault (there may be warnings), 2 faults.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from ccd.config.faults import Fault
from ccd.config.load import check, render
from ccd.model.settings import Settings

DEFAULT = "/etc/ccd"
_EXAMPLE = """example:
  ccd check conf/
  ccd check conf/ --secrets --set daemon.state_dir=/tmp/ccd
"""


def main_check(argv: Sequence[str] | None = None) -> int:
    """Check the configuration named in `argv` (without the program's name); the exit code."""
    asked = _parser().parse_args(argv)
    overrides = dict(pair.split("=", 1) for pair in asked.set)
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    settings, faults = check(
        asked.path,
        environ=os.environ,
        credentials_dir=Path(credentials) if credentials else None,
        overrides=overrides,
        secrets=asked.secrets,
    )
    if asked.json:
        print(msgspec.json.encode({"ok": settings is not None, "faults": faults}).decode())
    else:
        _print(asked.path, settings, faults)
    return 0 if settings is not None else 2


def _print(path: Path, settings: Settings | None, faults: tuple[Fault, ...]) -> None:
    if faults:
        print(render(faults), file=sys.stdout if settings else sys.stderr)
    wrong = sum(not fault.warning for fault in faults)
    warnings = f", {_counted(len(faults) - wrong, 'warning')}" if len(faults) > wrong else ""
    if settings is None:
        print(f"{path}: {_counted(wrong, 'fault')}{warnings}", file=sys.stderr)
        return
    rules = settings.rules
    parts = [
        _counted(len(settings.sources), "file"),
        _counted(len(rules.agents), "agent"),
        _counted(len(rules.queues), "queue"),
        _counted(len(rules.flows), "flow"),
        _counted(len(rules.calendars), "calendar"),
        _counted(len(settings.trunks), "trunk"),
        _counted(len(settings.devices), "device"),
        _counted(len(settings.channels), "channel"),
    ]
    if rules.profiles:
        parts.append(_counted(len(rules.profiles), "profile"))
    print(f"{path}: good: {', '.join(parts)}{warnings}")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _pair(text: str) -> str:
    if not text.partition("=")[1] or text.startswith("="):
        raise argparse.ArgumentTypeError(f"write KEY=VALUE, not {text!r}")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ccd check",
        description="Check a configuration and name all faults at once, each with file, line and cure.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "path", nargs="?", type=Path, default=Path(DEFAULT), help=f"folder or ccd.toml (default {DEFAULT})"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--secrets", action="store_true", help="a secret that cannot be found here is a fault, not a warning"
    )
    parser.add_argument(
        "--set", action="append", default=[], type=_pair, metavar="KEY=VALUE", help="as for ccd; repeatable"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main_check())
