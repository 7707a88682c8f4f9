"""`ccctl trunks`: the links to carriers."""

from typing import Any

import typer

from ccd.cli.session import Json, session_of
from ccd.cli.text import table

HEADS = ("TRUNK", "STATE", "HOST", "REGISTRATION", "REACH", "ROUND TRIP", "IN USE", "NOTE")
RIGHT = ("ROUND TRIP", "IN USE")


def register(app: typer.Typer) -> None:
    """`trunks`."""
    app.command("trunks")(trunks)


def trunks(context: typer.Context, json: Json = False) -> None:
    """List the trunks. Up or down, registration, round trip, calls in use.

    \b
    Example:
      ccctl trunks
      ccctl trunks --json | jq '.[] | select(.up | not)'
    """
    session_of(context).show("trunks", json, _lines)


def _lines(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return ["no trunks"]
    return table(HEADS, [_row(row) for row in rows], RIGHT)


def _row(row: dict[str, Any]) -> tuple[Any, ...]:
    most = row["channels"]
    return (
        row["trunk"],
        "up" if row["up"] else "DOWN",
        row["host"],
        row["registration"] or "-",
        row["reach"],
        f"{row['round_trip_ms']:.0f} ms" if row["round_trip_ms"] else "-",
        f"{row['in_use']}/{most}" if most else row["in_use"],
        row["note"],
    )
