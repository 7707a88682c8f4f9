"""`ccctl report`: figures by queue, today and since the ledger began."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from ccd.cli.session import Json, session_of
from ccd.cli.text import clean, duration, percent, table

HEADS = ("QUEUE", "OFFERED", "HANDLED", "LOST", "OVER", "WAIT", "SL", "ASA", "AHT", "LOST %", "MAX WAIT")


def register(app: typer.Typer) -> None:
    """`report`."""
    app.command("report")(report)


def report(
    context: typer.Context,
    total: Annotated[bool, typer.Option("--total", help="Since the ledger began, not today.")] = False,
    json: Json = False,
) -> None:
    """Print the figures by queue. Of today (UTC), or since the ledger began.

    OFFERED = HANDLED + LOST (abandoned) + OVER (overflowed) + WAIT since the ledger began; the report
    says so when that does not hold. SL, ASA, AHT: the formulas stand in docs/kpi.md.

    \b
    Example:
      ccctl report
      ccctl report --total --json
    """
    session_of(context).show("report", json, lambda answer: _lines(answer["total" if total else "today"]))


def _lines(span: dict[str, Any]) -> Iterator[str]:
    yield clean(span["span"])
    rows = span["queues"]
    if not rows:
        yield "no queues"
        return
    counts = ("offered", "handled", "abandoned", "overflowed", "waiting")
    body = [_row(row) for row in rows]
    body.append(("all", *(sum(row[count] for row in rows) for count in counts), "", "", "", "", ""))
    yield from table(HEADS, body, HEADS[1:])
    yield from (f"! {clean(fault)}" for fault in span["faults"])


def _row(row: dict[str, Any]) -> tuple[Any, ...]:
    return (
        row["queue"],
        row["offered"],
        row["handled"],
        row["abandoned"],
        row["overflowed"],
        row["waiting"],
        percent(row["service_level_pct"]),
        duration(row["asa_s"]),
        duration(row["aht_s"]),
        percent(row["abandon_rate_pct"]),
        duration(row["wait_max_s"]),
    )
