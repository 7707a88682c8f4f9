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
    """List the trunks. Up or down, registration, round trip, calls in use; where a trunk has several
    targets, each with its priority, the one in use marked by →.

    \b
    Example:
      ccctl trunks
      ccctl trunks --json | jq '.[] | select(.up | not)'
    """
    session_of(context).show("trunks", json, _lines)


def _lines(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return ["no trunks"]
    lines = [line for row in rows for line in (_row(row), *_targets(row))]
    return table(HEADS, lines, RIGHT)


def _targets(row: dict[str, Any]) -> list[tuple[Any, ...]]:
    """One line each, where there are several."""
    targets = row.get("targets") or []
    return [_target(target) for target in targets] if len(targets) > 1 else []


def _target(target: dict[str, Any]) -> tuple[Any, ...]:
    address = f"[{target['address']}]" if ":" in target["address"] else target["address"]
    name = "" if target["host"] == target["address"] else target["host"]
    notes = [
        name,
        "declines (503)" if target["declines"] else "",
        f"rests {target['rests_s']:.0f} s" if target["rests_s"] else "",
        f"priority {target['priority']}, weight {target['weight']}",
    ]
    return (
        "  →" if target["used"] else "",
        "",
        f"{address}:{target['port']}",
        "",
        target["reach"],
        f"{target['round_trip_ms']:.0f} ms" if target["round_trip_ms"] else "-",
        "",
        ", ".join(note for note in notes if note),
    )


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
