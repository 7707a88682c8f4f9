"""`ccctl devices`: agents' phones and where they are registered from."""

from typing import Any

import typer

from ccd.cli.session import Json, session_of
from ccd.cli.text import duration, table

HEADS = ("DEVICE", "AGENT", "STATE", "SOURCE", "EXPIRES", "ROUND TRIP", "PHONE")
RIGHT = ("EXPIRES", "ROUND TRIP")


def register(app: typer.Typer) -> None:
    """`devices`."""
    app.command("devices")(devices)


def devices(context: typer.Context, json: Json = False) -> None:
    """List the agents' phones. Registered from where, until when, and whether they answer.

    \b
    Example:
      ccctl devices
      ccctl devices --json | jq '.[] | select(.bindings == [])'
    """
    session_of(context).show("devices", json, _lines)


def _lines(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return ["no devices"]
    lines = [line for row in rows for line in _rows(row)]
    return table(HEADS, lines, RIGHT)


def _rows(row: dict[str, Any]) -> list[tuple[Any, ...]]:
    agent = row["agent"] or "-"
    if not row["bindings"]:
        return [(row["device"], agent, "not registered", "-", "-", "-", "")]
    return [
        (
            row["device"],
            agent,
            "LOST" if row["lost"] else bound["reach"],
            bound["source"],
            duration(bound["expires_in_s"]),
            f"{bound['round_trip_ms']:.0f} ms" if bound["round_trip_ms"] else "-",
            bound["user_agent"],
        )
        for bound in row["bindings"]
    ]
