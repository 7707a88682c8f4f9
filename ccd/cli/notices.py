"""`ccctl flow notice …`: what all who call are told for a while before anything else."""

from typing import Annotated, Any

import typer

from ccd.cli.profiles import end, length
from ccd.cli.session import Json, session_of
from ccd.cli.text import clean, duration, moment, table
from ccd.clock import SystemClock

HEADS = ("NOTICE", "UNTIL", "LEFT", "BY", "FOR", "SAYS")

Until = Annotated[
    str, typer.Option(help="When it ends: 18:00 (the next one), or a day and time: 2026-11-26T08:00.")
]
Lasting = Annotated[str, typer.Option("--for", help="How long it lasts: 90m, 2h, 1h30m, 7d.")]


def register(app: typer.Typer) -> None:
    """`flow notice …`, below `flow` where another noun has made it."""
    flow = next((each.typer_instance for each in app.registered_groups if each.name == "flow"), None)
    if flow is None:
        flow = typer.Typer(no_args_is_help=True, help="What flows say.", rich_markup_mode=None)
        app.add_typer(flow, name="flow")
    flow.add_typer(group(), name="notice")


def group() -> typer.Typer:
    """The verbs below `notice`."""
    made = typer.Typer(
        no_args_is_help=True,
        help="What all who call are told for a while, before their flow.",
        rich_markup_mode=None,
    )
    for name, verb in (("add", add), ("list", listing), ("remove", remove)):
        made.command(name)(verb)
    return made


def add(
    context: typer.Context,
    text: Annotated[
        str, typer.Argument(help="What is said, by the speech engine; written on a text channel.")
    ] = "",
    prompt: Annotated[str, typer.Option(help="A recorded prompt by name instead.")] = "",
    numbers: Annotated[str, typer.Option(help="Only for who dialled one of these, joined by commas.")] = "",
    flows: Annotated[str, typer.Option(help="Only for calls that one of these flows answers.")] = "",
    language: Annotated[str, typer.Option(help="Language of the text: fr.")] = "",
    until: Until = "",
    lasting: Lasting = "",
    json: Json = False,
) -> None:
    """Tell all who call from now on something, before their flow begins: once a call, until it ends.

    \b
    Example:
      ccctl flow notice add "Le réseau est en panne" --language fr --until 18:00
      ccctl flow notice add --prompt outage --numbers +33123456789 --for 2h
    """
    args: dict[str, Any] = {"text": text, "prompt": prompt, "language": language, **span_of(until, lasting)}
    args |= {"numbers": _listed(numbers), "flows": _listed(flows)}
    session_of(context).show("notice.add", json, _added, **{key: each for key, each in args.items() if each})


def listing(context: typer.Context, json: Json = False) -> None:
    """List the notices in force. Who set them, until when, for whom.

    \b
    Example:
      ccctl flow notice list
    """
    session_of(context).show("notices", json, notice_table)


def remove(
    context: typer.Context,
    notice: Annotated[str, typer.Argument(help="Id of the notice, as `flow notice list` shows it.")],
    json: Json = False,
) -> None:
    """Take a notice away. Who hears it just now hears it to its end.

    \b
    Example:
      ccctl flow notice remove n1
    """
    session_of(context).show("notice.remove", json, _removed, notice=notice)


def span_of(until: str, lasting: str) -> dict[str, float]:
    """The arguments of an end or a length. Raises `BadParameter`."""
    if until and lasting:
        raise typer.BadParameter("--until and --for say the same thing: give one of them")
    if until:
        return {"until": end(until, SystemClock().now())}
    return {"for_s": length(lasting)} if lasting else {}


def _listed(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def notice_table(rows: list[dict[str, Any]], most: int = 0) -> list[str]:
    """A line a notice."""
    if not rows:
        return ["no notice is in force"]
    return table(HEADS, [_row(row) for row in rows], (), most)


def _row(row: dict[str, Any]) -> tuple[Any, ...]:
    until = moment(row["until"], row["until"] - row["left_s"])
    return (row["notice"], until, duration(row["left_s"]), row["by"], _whom(row), _says(row))


def _whom(row: dict[str, Any]) -> str:
    return ", ".join([*row["numbers"], *row["flows"]]) or "all"


def _says(row: dict[str, Any]) -> str:
    return str(row["text"]) or f"prompt {row['prompt']}"


def _added(row: dict[str, Any]) -> list[str]:
    until = moment(row["until"], row["until"] - row["left_s"])
    return [clean(f"{row['notice']} is said until {until}, to {_whom(row)}, by {row['by']}: {_says(row)}")]


def _removed(row: dict[str, Any]) -> list[str]:
    return [clean(f"{row['notice']} is no longer said: {_says(row)}")]
