"""`ccctl backup`: a copy of the ledger while ccd runs."""

from pathlib import Path
from time import sleep
from typing import Annotated, Any

import typer

from ccd.cli.session import Json, session_of
from ccd.cli.text import clean, counted
from ccd.control.client import Declined

LOOK_S = 0.2


def register(app: typer.Typer) -> None:
    """`backup`."""
    app.command("backup")(backup)


def backup(
    context: typer.Context,
    to: Annotated[
        Path | None,
        typer.Argument(help="File to write; else one named by the time, in `backups` of the state."),
    ] = None,
    keep: Annotated[
        int, typer.Option(min=0, help="Delete all but so many of those in `backups`; 0: none.")
    ] = 0,
    json: Json = False,
) -> None:
    """Copy the ledger while calls go on, and look the copy through. Recordings are files: copy them beside.

    \b
    Example:
      ccctl backup --keep 7
      ccctl backup /srv/backup/ccd.sqlite
    """
    session = session_of(context)
    session.json = json
    with session.connect() as client:
        target = str(to.absolute()) if to is not None else ""
        path = client.ask("backup.start", to=target, keep=keep)["path"]
        while (state := client.ask("backup"))["running"] == path:
            sleep(LOOK_S)
    if state["problem"]:
        problem, _, cure = state["problem"]["message"].partition(" — ")
        raise Declined(state["problem"]["kind"], state["problem"]["code"], problem, cure)
    session.tell(state["made"], [clean(line) for line in _lines(state["made"])])


def _lines(made: dict[str, Any]) -> list[str]:
    kb, records = made["size"] / 1e3, counted(made["records"], "record")
    size = f"{kb / 1e3:.1f} MB" if kb >= 1e3 else f"{kb:.0f} kB"
    told = f"{made['path']}: {size}, {records}, facts up to {made['seq']}, in {made['seconds']:.1f} s"
    return [told, *(f"deleted {path}" for path in made["dropped"])]
