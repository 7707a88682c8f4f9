"""`ccctl services` and `ccctl bots`: what flows ask outside and hand conversations to, and how that goes."""

from typing import Any

import typer

from ccd.cli.session import Json, session_of
from ccd.cli.text import duration, table

HEADS = (
    "SERVICE", "KIND", "STATE", "ASKED", "ANSWERED", "CACHED", "FAILED", "PASSED OVER", "P50", "P99", "NOTE",
)  # fmt: skip

BOT_HEADS = ("BOT", "RUNNING", "TALKED", "ENDED", "STOPPED", "FAILED")


def register(app: typer.Typer) -> None:
    """`services` and `bots`."""
    app.command("services")(services)
    app.command("bots")(bots)


def services(context: typer.Context, json: Json = False) -> None:
    """List the services that flows ask outside.

    Since the daemon was started (or the service changed): how often it was ASKED, ANSWERED, answered from
    what was CACHED, FAILED, or was PASSED OVER after too many failures in a row; how long half of the last
    answers and 99 of 100 took. The NOTE says why it failed last.

    \b
    Example:
      ccctl services
      ccctl services --json | jq '.[] | select(.passed_over)'
    """
    session_of(context).show("services", json, _lines)


def bots(context: typer.Context, json: Json = False) -> None:
    """List the bots that flows hand conversations to.

    Conversations RUNNING now, and since the daemon was started: how many there were (TALKED), how many the
    bot ENDED itself, how many were STOPPED (the customer left, or it took too long), how many FAILED. Why one
    failed stands in `ccctl interaction explain`.

    \b
    Example:
      ccctl bots
      ccctl bots --json
    """
    session_of(context).show("bots", json, _bot_lines)


def _bot_lines(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return ["no bots"]
    heads = tuple(head.lower() for head in BOT_HEADS)
    return table(BOT_HEADS, [tuple(row[head] for head in heads) for row in rows], BOT_HEADS[1:])


def _lines(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return ["no services"]
    return table(HEADS, [_row(row) for row in rows], HEADS[3:10])


def _row(row: dict[str, Any]) -> tuple[Any, ...]:
    return (
        row["service"],
        row["kind"],
        f"PASSED OVER, {duration(row['rests_s'])} yet" if row["passed_over"] else "ok",
        row["asked"],
        row["answered"],
        row["cached"],
        row["failed"],
        row["passed"],
        _ms(row["p50_ms"]),
        _ms(row["p99_ms"]),
        row["note"],
    )


def _ms(value: float | None) -> str:
    return f"{value:.0f} ms" if value is not None else "-"
