"""The command `ccd`, or `python -m ccd`: the daemon in the foreground, `ccd check`, and what the daemon
starts beside itself (`ccd beside`, see `ccd.beside`).

Most of a start is reading some 600 modules. What is read lives on, so nobody looks for cyclic garbage
meanwhile (runtime/garbage.py says when), and each command reads what it needs. None needs rich, which
structlog takes where it is installed, to draw the tracebacks of a console: a tenth of a start, 2 MB, and see
runtime/log.py.
"""

import argparse
import gc
import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ccd import __version__


@contextmanager
def without(module: str) -> Iterator[None]:
    """As if a module that others use where it is installed were not, unless it has been read already."""
    absent = module not in sys.modules
    if absent:
        sys.modules[module] = None  # type: ignore[assignment]  # documented: to import it fails
    try:
        yield
    finally:
        if absent:
            del sys.modules[module]


USAGE = """\
also:
  ccd check [PATH]  name all faults of a configuration and start nothing; see ccd check --help
  ccctl             look at the running daemon and steer it; see ccctl --help

exit codes: 0 ended in order, 2 wrong configuration or usage, 4 cannot start now

example:
  ccd --config conf/demo --set daemon.log_level=debug
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ccd",
        description="A contact centre in one daemon, in the foreground.\n"
        "SIGTERM lets calls end first, SIGHUP reads the configuration again.",
        epilog=USAGE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--config",
        default="/etc/ccd",
        metavar="PATH",
        help="folder with ccd.toml, or the file (default /etc/ccd)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="in place of what the files say; repeatable",
    )
    parser.add_argument("--version", action="version", version=f"ccd {__version__}")
    return parser


def _run(argv: list[str]) -> int:
    options = _parser().parse_args(argv)
    overrides = dict(item.partition("=")[::2] for item in options.overrides)
    gc.disable()
    with without("rich"):
        from ccd.daemon import run

    return run(Path(options.config), overrides)


def _check(argv: list[str]) -> int:
    from ccd.config.check import main_check

    return main_check(argv)


def _beside(argv: list[str]) -> int:
    with without("rich"):
        from ccd.beside import main as main_beside

    return main_beside(argv)


COMMANDS = {"check": _check, "beside": _beside}


def main(argv: Sequence[str] | None = None) -> int:
    """Exit codes: 0 ended in order, 2 wrong configuration or usage, 4 cannot start now."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that is not UTF-8 shows `?` for a dash
    command = COMMANDS.get(argv[0]) if argv else None
    return command(argv[1:]) if command else _run(argv)


if __name__ == "__main__":
    sys.exit(main())
