"""`ccctl report`: figures by queue, today and since the ledger began."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from ccd.cli.session import Json, session_of
from ccd.cli.text import clean, duration, percent, table

HEADS = (
    "QUEUE", "OFFERED", "HANDLED", "ABANDONED", "OVERFLOWED", "WAITING",
    "SL", "ASA", "AHT", "ABANDONED %", "MAX WAIT",
)  # fmt: skip
PAUSE_HEADS = ("AGENT", "REASON", "PAUSES", "PAID", "UNPAID")
OWN_HEADS = ("AGENT", "OUT", "INTERNAL", "ANSWERED", "REFUSED", "TALKED")
SHARES = ("handled", "abandoned", "overflowed", "waiting")


def register(app: typer.Typer) -> None:
    """`report`."""
    app.command("report")(report)


def report(
    context: typer.Context,
    total: Annotated[bool, typer.Option("--total", help="Since the ledger began, not today.")] = False,
    pauses: Annotated[
        bool, typer.Option("--pauses", help="Agents' pauses that ended today, by reason.")
    ] = False,
    own_calls: Annotated[
        bool, typer.Option("--own-calls", help="Calls that agents dialled themselves and that ended today.")
    ] = False,
    json: Json = False,
) -> None:
    """Print the figures by queue. Of today (UTC), or since the ledger began.

    The last line sums up: offered = handled + abandoned + overflowed + waiting. Of a day it also names those
    who waited when it began; and the report says so when the figures do not add up. SL (service level),
    ASA, AHT: the formulas stand in docs/kpi.md. Narrow terminals have short heads: OFF, HAND, ABD, OVF.

    \b
    Example:
      ccctl report
      ccctl report --total --json
      ccctl report --pauses
      ccctl report --own-calls
    """
    if own_calls:
        session_of(context).show("report", json, lambda answer: own_call_lines(answer["own_calls"]))
        return
    if pauses:
        session_of(context).show("report", json, lambda answer: pause_lines(answer["pauses"]))
        return
    session_of(context).show(
        "report", json, lambda answer: _lines(answer["total" if total else "today"], day=not total)
    )


def pause_lines(rows: list[dict[str, Any]]) -> list[str]:
    """A line an agent and reason: how often, and how long paid and unpaid."""
    if not rows:
        return ["no pause has ended today"]
    body = [
        (row["agent"], row["reason"], row["count"], duration(row["paid_s"]), duration(row["unpaid_s"]))
        for row in rows
    ]
    paid, unpaid = (sum(row[name] for row in rows) for name in ("paid_s", "unpaid_s"))
    body.append(("all", "", sum(row["count"] for row in rows), duration(paid), duration(unpaid)))
    return table(PAUSE_HEADS, body, PAUSE_HEADS[2:])


def own_call_lines(rows: list[dict[str, Any]]) -> list[str]:
    """A line an agent: how many, whereto, and how they went."""
    if not rows:
        return ["no agent's own call has ended today"]
    counts = ("out", "internal", "answered", "refused")
    body = [(row["agent"], *(row[name] for name in counts), duration(row["talk_sum_s"])) for row in rows]
    sums = [sum(row[name] for row in rows) for name in counts]
    body.append(("all", *sums, duration(sum(row["talk_sum_s"] for row in rows))))
    return table(OWN_HEADS, body, OWN_HEADS[1:])


def _lines(span: dict[str, Any], day: bool) -> Iterator[str]:
    yield clean(span["span"])
    rows = span["queues"]
    if not rows:
        yield "no queues"
        return
    sums = span["sums"]
    body = [_row(row) for row in rows]
    body.append(("all", sums["offered"], *(sums[name] for name in SHARES), "", "", "", "", ""))
    yield from table(HEADS, body, HEADS[1:])
    yield ""
    yield from _equation(sums, day)
    yield from (f"! {clean(fault)}" for fault in span["faults"])


def _equation(sums: dict[str, int], day: bool) -> Iterator[str]:
    """Where everybody who was offered is now; those who waited at midnight belong to the day too."""
    brought = sums["brought"]
    right = " + ".join(f"{name} {sums[name]}" for name in SHARES)
    if brought == 0:
        yield f"offered {sums['offered']} = {right}"
    elif day and brought > 0:
        yield f"offered {sums['offered']} + from the day before {brought} = {right}"
    else:
        yield f"offered {sums['offered']} is not {right}"
        missing = f"{brought} too many" if brought > 0 else f"{-brought} missing"
        yield f"! the figures do not add up: {missing} on the right (a fault of ccd: report it)"


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
