"""`ccctl payments …`: payments that somebody has to look at."""

from typing import Annotated, Any

import typer

from ccd.cli.session import Json, session_of
from ccd.cli.text import clean, duration, table

HEADS = ("REQUEST", "INTERACTION", "AGE", "AMOUNT", "SERVICE", "RESULT", "REFERENCE", "WHY")
RIGHT = ("AGE", "AMOUNT")


def register(app: typer.Typer) -> None:
    """`payments list` and `payments settle`."""
    noun = typer.Typer(
        no_args_is_help=True, help="Payments that somebody has to look at.", rich_markup_mode=None
    )
    noun.command("list")(listing)
    noun.command("settle")(settle)
    app.add_typer(noun, name="payments")


def listing(context: typer.Context, json: Json = False) -> None:
    """List payments that are open. Paid and the customer was gone, or unknown but to the service.

    \b
    Example:
      ccctl payments list
    """
    session_of(context).show("payments", json, payment_table)


def settle(
    context: typer.Context,
    request: Annotated[
        str, typer.Argument(help="As `payments list` shows it, and the payment service knows it.")
    ],
    note: Annotated[str, typer.Option(help="What was found or done; it is kept.")] = "",
    json: Json = False,
) -> None:
    """Say that a payment was looked at. It alarms no more; who said so is kept in the ledger.

    \b
    Example:
      ccctl payments settle 4711-1795787000123 --note "refunded, R-77"
    """
    args = {"request": request, **({"note": note} if note else {})}
    session_of(context).show("payment.settle", json, _settled, **args)


def payment_table(rows: list[dict[str, Any]], most: int = 0) -> list[str]:
    """A line a payment."""
    if not rows:
        return ["no payment is open"]
    return table(HEADS, [_row(row) for row in rows], RIGHT, most)


def _row(row: dict[str, Any]) -> tuple[Any, ...]:
    shown = ("amount", "service", "result")
    last = (row["reference"] or "-", row["why"] or "-")
    return (row["request"], row["interaction"], duration(row["age_s"]), *(row[name] for name in shown), *last)


def _settled(row: dict[str, Any]) -> list[str]:
    words = f"payment {row['request']} of {row['amount']} is settled by {row['by']}"
    return [clean(words + (f": {row['note']}" if row["note"] else ""))]
