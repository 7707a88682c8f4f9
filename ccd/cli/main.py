"""`ccctl`: looks at a running ccd and steers it, over its control socket. One file a noun.

Exit codes: 0 done, 1 refused, 2 wrong usage or configuration, 3 no daemon reachable, 4 try later.
"""

import io
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import typer

from ccd import __version__
from ccd.cli import (
    agents,
    backups,
    calendars,
    completion,
    configuration,
    customers,
    devices,
    flow,
    interactions,
    notices,
    outside,
    payments,
    profiles,
    prompts,
    queues,
    report,
    simulate,
    sip,
    staff,
    status,
    surveys,
    top,
    trunks,
    voicemail,
)
from ccd.cli.session import JSON, SOCKET_VARIABLE, Session, UsageError, session_of, wrong_usage
from ccd.control.client import DEFAULT_SOCKET
from ccd.errors import CcdError

SOCKET = "--socket"
NOUNS = (
    status,
    top,
    agents,
    queues,
    interactions,
    customers,
    voicemail,
    surveys,
    profiles,
    trunks,
    outside,
    payments,
    devices,
    sip,
    report,
    staff,
    simulate,
    configuration,
    backups,
    flow,
    notices,
    calendars,
    prompts,
    completion,
)


def build() -> typer.Typer:
    """The whole command, for `main`, the tests and the reference page."""
    app = typer.Typer(
        name="ccctl", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False
    )
    app.callback()(_root)
    for noun in NOUNS:
        noun.register(app)
    return app


@cache
def command() -> Any:
    """`build`, ready to be called: a click command, made once."""
    return typer.main.get_command(build())


def _print_version(asked: bool) -> None:
    if asked:
        print(f"ccctl {__version__}")
        raise typer.Exit


def _root(
    context: typer.Context,
    socket: Annotated[
        Path | None,
        typer.Option(
            envvar=SOCKET_VARIABLE, help=f"Control socket of the daemon (default: {DEFAULT_SOCKET})."
        ),
    ] = None,
    _version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and end."),
    ] = False,
) -> None:
    """Look at a running ccd and steer it.

    Exit codes: 0 done, 1 refused, 2 wrong usage or configuration, 3 no daemon reachable, 4 try later.
    """
    if socket is not None and context.obj is not None:
        session_of(context).socket = socket


def socket_first(args: list[str]) -> list[str]:
    """A line with `--socket PATH` in front, wherever it was written: people add it at the end."""
    until = args.index("--") if "--" in args else len(args)
    for at, word in enumerate(args[:until]):
        size = 2 if word == SOCKET else 1
        if (word == SOCKET and at + 1 < until) or word.startswith(f"{SOCKET}="):
            return [*args[at : at + size], *args[:at], *args[at + size :]]
    return args


def main(argv: Sequence[str] | None = None) -> None:
    """Run; ends by `SystemExit` with the exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that is not UTF-8 shows `?` for an arrow
    session = Session()
    args = socket_first(list(sys.argv[1:] if argv is None else argv))
    session.json = JSON in args  # what is wrong with the rest of the line is told in it too
    try:
        code = command()(args=args, obj=session, prog_name="ccctl", standalone_mode=not session.json)
    except CcdError as error:
        sys.exit(session.fail(error))
    except UsageError as error:
        sys.exit(session.fail(wrong_usage(error)))
    sys.exit(code or 0)


if __name__ == "__main__":
    main()
