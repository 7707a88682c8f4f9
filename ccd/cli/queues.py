"""`ccctl queues`: who waits where, and the figures of today."""

from typing import Any

import typer

from ccd.cli.session import Json, session_of
from ccd.cli.text import duration, percent, since, table

HEADS = (
    "QUEUE", "WAITING", "FOR", "EWT", "TALK", "FREE", "AGENTS",
    "OFFERED", "HANDLED", "ABANDONED", "OVERFLOWED", "SL", "ASA",
)  # fmt: skip


def register(app: typer.Typer) -> None:
    """`queues`."""
    app.command("queues")(queues)


def queues(context: typer.Context, json: Json = False) -> None:
    """List the queues.

    So many WAITING on the line, the first FOR so long, and CALLBACKS if any are to be made; EWT is what one
    more would probably wait; so many FREE of the AGENTS logged in. Then figures of today (UTC): OFFERED,
    HANDLED, ABANDONED, OVERFLOWED, SL service level, ASA average speed of answer. Narrow terminals have
    short heads: OFF, HAND, ABD, OVF, BACK. A queue whose calendar is closed says so behind its name.

    \b
    Example:
      ccctl queues
      ccctl queues --json | jq '.[] | {queue, waiting}'
    """
    session_of(context).show("queues", json, queue_table)


def queue_table(rows: list[dict[str, Any]], most: int = 0) -> list[str]:
    """A line a queue."""
    if not rows:
        return ["no queues"]
    back = any(row["callbacks"] for row in rows)
    heads = (*HEADS[:3], "CALLBACKS", *HEADS[3:]) if back else HEADS
    return table(heads, [_row(row, back) for row in rows], heads[1:], most)


def _row(row: dict[str, Any], back: bool) -> tuple[Any, ...]:
    today = row["today"] or {}
    return (
        f"{row['queue']} (closed)" if row["closed"] else row["queue"],
        row["waiting"] - row["callbacks"],
        since(row["longest_wait_s"]),
        *([row["callbacks"]] if back else []),
        duration(row["ewt_s"]),
        row["talking"],
        row["free"],
        row["logged_in"],
        today.get("offered", 0),
        today.get("handled", 0),
        today.get("abandoned", 0),
        today.get("overflowed", 0),
        percent(today.get("service_level_pct")),
        duration(today.get("asa_s")),
    )
