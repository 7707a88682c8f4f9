"""One run of ccctl: which daemon is asked, how the answer is shown, and with which code it ends.

Exit codes: 0 done, 1 refused (or a fault inside the daemon), 2 wrong usage or configuration, 3 no daemon
reachable, 4 not now: try again later.
"""

import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from ccd.cli.text import clean
from ccd.control.client import DEFAULT_SOCKET, ControlClient, Declined, Unreachable
from ccd.errors import CcdError, Misconfigured, TryLater

OK, REFUSED, WRONG, UNREACHABLE, LATER = range(5)
SOCKET_VARIABLE = "CCD_SOCKET"
_KINDS = {"misconfigured": WRONG, "usage": WRONG, "try_later": LATER}

JSON = "--json"
Json = Annotated[bool, typer.Option(JSON, help="Print the answer as JSON.")]
"""The option that every verb has."""


UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""What typer raises when a line cannot be understood; it does not give it a name of its own."""


class Session:
    """What the verbs share in one run."""

    def __init__(self) -> None:
        self.socket = Path(os.environ.get(SOCKET_VARIABLE) or DEFAULT_SOCKET)
        self.json = False
        """The verb was asked for JSON, so faults are told in it too."""

    def connect(self) -> ControlClient:
        """A connection to the daemon. Raises `Unreachable`."""
        return ControlClient(self.socket)

    def ask(self, verb: str, **args: Any) -> Any:
        """One question."""
        with self.connect() as client:
            return client.ask(verb, **args)

    def show(self, verb: str, as_json: bool, lines: Callable[[Any], Iterable[str]], **args: Any) -> None:
        """Ask, and print the answer: as it is, or as the lines made of it."""
        self.json = as_json
        answer = self.ask(verb, **args)
        self.tell(answer, lines(answer) if not as_json else ())

    def tell(self, answer: Any, lines: Iterable[str]) -> None:
        """Print the lines, or the answer if JSON was asked for."""
        if self.json:
            print_json(answer)
        else:
            for line in lines:
                print(line)

    def fail(self, error: CcdError) -> int:
        """Say what went wrong, on stderr (JSON: on stdout); the exit code."""
        if self.json:
            print_json({"error": _as_json(error)})
            return exit_code(error)
        print(f"ccctl: {clean(error.message, lines=True)}", file=sys.stderr)
        for fault in getattr(error, "details", []):
            print(f"  {clean(_fault_line(fault))}", file=sys.stderr)
        return exit_code(error)


def session_of(context: typer.Context) -> Session:
    """The session that `main` made."""
    session: Session = context.obj
    return session


def exit_code(error: CcdError) -> int:
    """By what the asker can do about it."""
    if isinstance(error, Unreachable):
        return UNREACHABLE
    if isinstance(error, Declined):
        return _KINDS.get(error.kind, REFUSED)
    if isinstance(error, Misconfigured):
        return WRONG
    return LATER if isinstance(error, TryLater) else REFUSED


def print_json(value: Any, indent: int | None = 2) -> None:
    """A value for scripts."""
    print(json.dumps(value, indent=indent, ensure_ascii=False), flush=True)


def _as_json(error: CcdError) -> dict[str, Any]:
    if isinstance(error, Declined):
        parts = {"kind": error.kind, "code": error.code, "problem": error.problem, "cure": error.cure}
        return {**parts, "details": error.details}
    problem, _, cure = error.message.partition(" — ")
    kind, details = type(error).__name__.lower(), getattr(error, "details", [])
    return {"kind": kind, "code": error.code, "problem": problem, "cure": cure, "details": list(details)}


def wrong_usage(error: Exception) -> Declined:
    """What typer says of a line, as the daemon says what it does not understand."""
    context = getattr(error, "ctx", None)
    words = context.command_path if context is not None else "ccctl"
    told = getattr(error, "format_message", error.__str__)()
    problem = str(told).rstrip(".") or "something is missing"
    return Declined("usage", "usage", problem, f"see `{words} --help`")


def _fault_line(fault: Any) -> str:
    """A fault of a configuration in a line, as `ccctl check` prints it."""
    if not isinstance(fault, dict) or "file" not in fault:
        return str(fault)
    where = f"{fault['file']}:{fault['line']}" if fault.get("line") else fault["file"]
    key = f" {fault['key']}:" if fault.get("key") else ""
    kind = " warning:" if fault.get("warning") else ""
    return f"{where}:{kind}{key} {fault.get('problem', '')} — {fault.get('cure', '')}"
