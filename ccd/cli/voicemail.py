"""`ccctl voicemail …`: the messages that customers left."""

from typing import Annotated, Any

import typer

from ccd.cli.completion import queue_names
from ccd.cli.session import Json, session_of
from ccd.cli.status import PHASES
from ccd.cli.text import duration, table

HEADS = ("ID", "QUEUE", "FROM", "LENGTH", "AGE", "STATE", "AGENT", "FILE")
RIGHT = ("LENGTH", "AGE")


def register(app: typer.Typer) -> None:
    """`voicemail …`."""
    noun = typer.Typer(no_args_is_help=True, help="Look at messages that were left.", rich_markup_mode=None)
    noun.command("list")(listing)
    app.add_typer(noun, name="voicemail")


def listing(
    context: typer.Context,
    queue: Annotated[str, typer.Option(help="Only those of this queue.", autocompletion=queue_names)] = "",
    json: Json = False,
) -> None:
    """List the messages that wait or are heard just now, the oldest first.

    \b
    Example:
      ccctl voicemail list
      ccctl voicemail list --queue sales
    """
    session_of(context).show("voicemail", json, message_table, **({"queue": queue} if queue else {}))


def message_table(rows: list[dict[str, Any]], most: int = 0) -> list[str]:
    """A line a message."""
    if not rows:
        return ["no messages"]
    return table(HEADS, [_row(row) for row in rows], RIGHT, most)


def _row(row: dict[str, Any]) -> tuple[Any, ...]:
    state = PHASES.get(row["phase"], row["phase"])
    if row["phase"] == "waiting" and row["next_s"]:
        state = f"waits, offered in {duration(row['next_s'])}"
    return (
        row["interaction"],
        row["queue"],
        row["display"] or row["number"] or row["origin"] or "withheld",
        duration(row["seconds"]),
        duration(row["age_s"]),
        state,
        row["agent"] or "-",
        row["path"],
    )
