"""`ccctl interactions --ended`: what is over, from the ledger."""

from datetime import datetime
from typing import Any

import typer

from ccd.cli.text import ended, since, span, table

MOST = 1000
"""Listed at a time; with --since one gets at the others."""
HEADS = ("ID", "CHANNEL", "FROM", "QUEUE", "OUTCOME", "WAITED", "TALKED", "AGENTS", "ENDED")
RIGHT = ("WAITED", "TALKED")


def start(text: str) -> dict[str, float]:
    """`2h` or a date (and time) on the clock here, as arguments of `interactions.ended`.

    Raises `BadParameter`.
    """
    ago = span(text)
    if ago is not None:
        return {"within_s": ago}
    try:
        return {"since": datetime.fromisoformat(text).timestamp()}
    except (ValueError, OverflowError, OSError):
        cure = "write 90m, 2h, 7d or a date like 2026-11-22 or 2026-11-22T14:00"
        raise typer.BadParameter(f"--since: {text!r} is no time: {cure}") from None


def ended_table(answer: dict[str, Any], most: int = 0) -> list[str]:
    """A line an interaction, the newest first."""
    rows = answer["listed"]
    if not rows:
        return ["no ended interactions" + (" since then" if answer["since"] else "")]
    lines = table(HEADS, [_row(row, answer["at"]) for row in rows], RIGHT, most)
    return [*lines, "… and older ones (--limit, --since)"] if answer["more"] else lines


def _row(row: dict[str, Any], now: float) -> tuple[Any, ...]:
    return (
        row["interaction"],
        row["channel"],
        "unreadable" if row["talked_s"] is None else row["origin"] or "withheld",
        row["queue"] or "-",
        row["outcome"],
        since(row["waited_s"] or 0.0),
        since(row["talked_s"] or 0.0),
        ",".join(row["agents"]) or "-",
        ended(row["ended_at"], now),
    )
