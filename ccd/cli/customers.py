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
    customer.command("erase")(erase)
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


def erase(
    context: typer.Context,
    customer: Who,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, only say what would go.")] = False,
    json: Json = False,
) -> None:
    """Erase a customer: address, texts, recordings, messages, answers, memories.

    Without --yes it lists what would go. Figures, times and agents stay, so that reports
    add up. It cannot be taken back. What remains where: docs/erasure.md.

    \b
    Example:
      ccctl customer erase +33612345678
      ccctl customer erase +33612345678 --yes
    """
    session = session_of(context)
    session.json = json
    whole: dict[str, Any] = {}
    asked: dict[str, Any] = {"customer": customer, "yes": yes}
    while True:  # a long ledger is read in parts, so that calls are served between them
        part = session.ask("customer.erase", **asked)
        whole = _joined(whole, part)
        if not part["goes_on_at"]:
            break
        asked["until"] = part["goes_on_at"]
    session.tell(whole, _erased(whole))


def _joined(whole: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """Two parts of an answer as one."""
    if not whole:
        return part
    keys = ("interactions", "mentioned", "running", "names")
    lists = {key: [*whole[key], *part[key]] for key in keys}
    return {**whole, **lists, "files": whole["files"] + part["files"], "goes_on_at": part["goes_on_at"]}


def _erased(row: dict[str, Any]) -> list[str]:
    found = [row["interactions"], row["mentioned"], row["running"], row["names"]]
    if not any(found):
        return [clean(f"nothing is kept of {row['customer']}")]
    who, files = row["customer"], counted(row["files"], "file")
    lines = [
        f"{who} is erased" if row["erased"] else f"of {who} would be erased",
        f"  {counted(len(row['interactions']), 'interaction')}, with {files} of audio",
    ]
    if row["mentioned"]:
        lines.append(f"  the number in {counted(len(row['mentioned']), 'interaction')} of others")
    for each in row["running"]:
        when = "ends now" if each["waits"] else "erased when it is over"
        lines.append(f"  interaction {each['interaction']}, which runs ({each['what']}): {when}")
    if row["names"]:
        lines.append("  what conditions, callers' last agents and surveys remember")
    if not row["erased"]:
        lines.append("nothing was changed: say it again with --yes")
    return [clean(line) for line in lines]


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
