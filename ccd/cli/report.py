"""`ccctl report`: figures by queue, today and since the ledger began."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from ccd.cli.flow import stat_lines
from ccd.cli.session import Json, session_of
from ccd.cli.text import clean, duration, percent, table

HEADS = (
    "QUEUE", "OFFERED", "HANDLED", "ABANDONED", "OVERFLOWED", "WAITING",
    "SL", "ASA", "AHT", "ABANDONED %", "MAX WAIT",
)  # fmt: skip
DISPOSITION_HEADS = ("QUEUE", "DISPOSITION", "COUNT", "SHARE")
PAUSE_HEADS = ("AGENT", "REASON", "PAUSES", "PAID", "UNPAID")
OWN_HEADS = ("AGENT", "OUT", "INTERNAL", "ANSWERED", "REFUSED", "CONSULT", "TALKED")
SURVEY_HEADS = (
    "SURVEY", "QUESTION", "QUEUE", "AGENT", "ASKED", "ANSWERED", "RESPONSE",
    "NPS", "CSAT", "CES", "LOW", "ANSWERS",
)  # fmt: skip
SHARES = ("handled", "abandoned", "overflowed", "callback_failed", "waiting")
FAILED = "callback_failed"
"""Told where there are any."""


def register(app: typer.Typer) -> None:
    """`report`."""
    app.command("report")(report)


def report(
    context: typer.Context,
    total: Annotated[bool, typer.Option("--total", help="Since the ledger began, not today.")] = False,
    pauses: Annotated[
        bool, typer.Option("--pauses", help="Agents' pauses that ended today, by reason.")
    ] = False,
    dispositions: Annotated[
        bool, typer.Option("--dispositions", help="How conversations ended, by queue and disposition.")
    ] = False,
    flows: Annotated[
        bool,
        typer.Option("--flows", help="Calls of today that came into flows, and how many were contained."),
    ] = False,
    own_calls: Annotated[
        bool, typer.Option("--own-calls", help="Calls that agents dialled themselves and that ended today.")
    ] = False,
    surveys: Annotated[
        bool, typer.Option("--surveys", help="What customers were asked and answered after calls.")
    ] = False,
    json: Json = False,
) -> None:
    """Print the figures by queue. Of today (UTC), or since the ledger began.

    The last line sums up: offered = handled + abandoned + overflowed + callback failed (if any) + waiting.
    Of a day it also names those who waited when it began; and the report says so when the figures do not add
    up. SL (service level), ASA, AHT: the formulas stand in docs/kpi.md. Narrow terminals have short heads:
    OFF, HAND, ABD, OVF, CBF.

    \b
    Example:
      ccctl report
      ccctl report --total --json
      ccctl report --pauses
      ccctl report --dispositions --total
      ccctl report --own-calls
      ccctl report --flows
      ccctl report --surveys --total
    """
    span = "total" if total else "today"
    if surveys:
        session_of(context).show("report", json, lambda answer: survey_lines(answer["surveys"][span]))
        return
    if dispositions:
        session_of(context).show("report", json, lambda answer: disposition_lines(answer[span]["queues"]))
        return
    if flows:
        session_of(context).show("report", json, lambda answer: stat_lines(answer["flows"], steps=False))
        return
    if own_calls:
        session_of(context).show("report", json, lambda answer: own_call_lines(answer["own_calls"]))
        return
    if pauses:
        session_of(context).show("report", json, lambda answer: pause_lines(answer["pauses"]))
        return
    session_of(context).show("report", json, lambda answer: _lines(answer[span], day=not total))


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


def disposition_lines(rows: list[dict[str, Any]]) -> list[str]:
    """A line a queue and disposition; where one was required and not given, a line for those too."""
    body: list[tuple[Any, ...]] = []
    for row in rows:
        missing = {"(missing)": row["dispositions_missing"]} if row["dispositions_missing"] else {}
        counts = {**row["dispositions"], **missing}
        whole = sum(counts.values())
        body += [(row["queue"], name, count, percent(100 * count / whole)) for name, count in counts.items()]
    return table(DISPOSITION_HEADS, body, DISPOSITION_HEADS[2:]) if body else ["no dispositions"]


def survey_lines(rows: list[dict[str, Any]]) -> list[str]:
    """A line a question, then its queues and their agents; the score that goes with its kind."""
    body = [
        (
            row["survey"],
            row["question"],
            "all" if row["by"] == "question" else row["queue"] or "-",
            "all" if row["by"] != "agent" else row["agent"] or "-",
            row["asked"],
            row["answered"],
            percent(row["response_pct"]),
            "-" if row["nps"] is None else f"{row['nps']:+.0f}",
            percent(row["csat_pct"]),
            "-" if row["ces"] is None else f"{row['ces']:.1f}",
            row["low"],
            " ".join(f"{answer}:{count}" for answer, count in row["distribution"].items()) or "-",
        )
        for row in rows
    ]
    return table(SURVEY_HEADS, body, SURVEY_HEADS[4:-1]) if body else ["no survey has asked anything"]


def own_call_lines(rows: list[dict[str, Any]]) -> list[str]:
    """A line an agent: how many, whereto, and how they went."""
    if not rows:
        return ["no agent's own call has ended today"]
    counts = ("out", "internal", "answered", "refused", "consults")
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
    shares = _shares(sums)
    heads = (*HEADS[:5], "CALLBACK FAILED", *HEADS[5:]) if FAILED in shares else HEADS
    body = [_row(row, shares) for row in rows]
    body.append(("all", sums["offered"], *(sums[name] for name in shares), "", "", "", "", ""))
    yield from table(heads, body, heads[1:])
    yield ""
    yield from _equation(sums, day)
    yield from (f"! {clean(fault)}" for fault in span["faults"])


def _equation(sums: dict[str, int], day: bool) -> Iterator[str]:
    """Where everybody who was offered is now; those who waited at midnight belong to the day too."""
    brought = sums["brought"]
    right = " + ".join(f"{name.replace('_', ' ')} {sums[name]}" for name in _shares(sums))
    if brought == 0:
        yield f"offered {sums['offered']} = {right}"
    elif day and brought > 0:
        yield f"offered {sums['offered']} + from the day before {brought} = {right}"
    else:
        yield f"offered {sums['offered']} is not {right}"
        missing = f"{brought} too many" if brought > 0 else f"{-brought} missing"
        yield f"! the figures do not add up: {missing} on the right (a fault of ccd: report it)"


def _shares(sums: dict[str, int]) -> tuple[str, ...]:
    return tuple([name for name in SHARES if name != FAILED or sums[name]])


def _row(row: dict[str, Any], shares: tuple[str, ...]) -> tuple[Any, ...]:
    return (
        row["queue"],
        row["offered"],
        *(row[name] for name in shares),
        percent(row["service_level_pct"]),
        duration(row["asa_s"]),
        duration(row["aht_s"]),
        percent(row["abandon_rate_pct"]),
        duration(row["wait_max_s"]),
    )
