"""`ccctl customer …`: what the centre remembers of a customer, and forgetting it."""

from typing import Annotated, Any

import typer

from ccd.cli.session import Json, session_of
from ccd.cli.text import clean, counted, duration, moment, table

Who = Annotated[
    str, typer.Argument(help="The number, or what a step `identify` calls the customer.", metavar="NUMBER")
]


def register(app: typer.Typer) -> None:
    """`customer show` and `customer forget`."""
    customer = typer.Typer(
        no_args_is_help=True, help="What is remembered of customers.", rich_markup_mode=None
    )
    customer.command("show")(show)
    customer.command("forget")(forget)
    app.add_typer(customer, name="customer")


def show(context: typer.Context, customer: Who, json: Json = False) -> None:
    """Show what is remembered of a customer. The contacts, and what conditions see of them.

    \b
    Example:
      ccctl customer show +33612345678
    """
    session_of(context).show("customer.show", json, _shown, customer=customer)


def forget(context: typer.Context, customer: Who, json: Json = False) -> None:
    """Forget a customer. Contacts, the agent spoken with last, when a survey asked.

    The ledger keeps what happened.

    \b
    Example:
      ccctl customer forget +33612345678
    """
    session_of(context).show("customer.forget", json, _forgotten, customer=customer)


def _shown(row: dict[str, Any]) -> list[str]:
    contacts, now = row["contacts"], row["at"]
    lines = [clean(f"{row['customer']}: {counted(len(contacts), 'contact')}")]
    told = [(each["at"], "gave up waiting" if each["abandoned"] else "") for each in contacts]
    if told:
        lines += table(("CAME", "AGO", ""), [(moment(at, now), duration(now - at), how) for at, how in told])
    lines += [f"history.{name} = {_value(value)}" for name, value in row["history"].items()]
    return lines


def _value(value: Any) -> str:
    if value is None:
        return "missing"
    return clean(f'"{value}"') if isinstance(value, str) else f"{value:.0f}"


def _forgotten(row: dict[str, Any]) -> list[str]:
    return [clean(f"{row['customer']} is forgotten")]
