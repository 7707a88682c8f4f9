"""`ccctl sip trace`: the SIP messages of an interaction, or of late."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from ccd.cli.completion import interaction_names
from ccd.cli.ladder import ladder
from ccd.cli.session import Json, session_of
from ccd.cli.text import clean, clock, width

OUR_MOST = 200


def register(app: typer.Typer) -> None:
    """`sip trace`."""
    sip = typer.Typer(no_args_is_help=True, help="Look at the SIP traffic.", rich_markup_mode=None)
    sip.command("trace")(trace)
    # A second verb to come keeps `trace` a word of its own; a lone command would swallow it.
    sip.callback()(_sip)
    app.add_typer(sip, name="sip")


def _sip() -> None:
    """Look at the SIP traffic."""


def trace(
    context: typer.Context,
    interaction: Annotated[
        str, typer.Argument(help="Only this interaction.", autocompletion=interaction_names, metavar="ID")
    ] = "",
    messages: Annotated[
        bool, typer.Option("--messages", "-m", help="Print the whole messages, not a ladder.")
    ] = False,
    limit: Annotated[int, typer.Option(help="At most so many messages, the newest.", min=1)] = OUR_MOST,
    json: Json = False,
) -> None:
    """Draw SIP messages as a ladder. Those of an interaction; without ID those of late.

    \b
    Example:
      ccctl sip trace 4711
      ccctl sip trace 4711 --messages
    """

    def lines(answer: dict[str, Any]) -> Iterator[str]:
        found = answer["messages"]
        yield from _whole(found) if messages else ladder(found, width())
        if answer["all"] > len(found):
            yield f"{answer['all'] - len(found)} earlier messages are not shown (--limit)"

    session_of(context).show("sip.trace", json, lines, interaction=interaction, limit=limit)


def _whole(found: list[dict[str, Any]]) -> Iterator[str]:
    for message in found:
        way = "from" if message["direction"] == "in" else "to"
        yield f"--- {clock(message['at'], millis=True)} {way} {clean(message['peer'])}"
        yield clean(message["message"].replace("\r\n", "\n"), lines=True)
