"""`ccctl services`: what flows ask outside, and how it answers."""

from typing import Any

import typer

from ccd.cli.session import Json, session_of
from ccd.cli.text import duration, table

HEADS = (
    "SERVICE", "KIND", "STATE", "ASKED", "ANSWERED", "CACHED", "FAILED", "PASSED OVER", "P50", "P99", "NOTE",
)  # fmt: skip


def register(app: typer.Typer) -> None:
    """`services`."""
    app.command("services")(services)


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
