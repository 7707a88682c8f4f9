"""`ccctl profile …`: peak mode, and what else one command changes for a while."""

import json as plain
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Annotated, Any

import typer

from ccd.cli.completion import profile_names
from ccd.cli.session import Json, session_of
from ccd.cli.text import clean, duration, moment, pairs, span, table
from ccd.clock import SystemClock

HEADS = ("PROFILE", "STATE", "UNTIL", "LEFT", "BY", "REASON")
CHANGES = ("KEY", "WITHOUT", "MEANWHILE")

Name = Annotated[str, typer.Argument(help="Name of the profile.", autocompletion=profile_names)]
Reason = Annotated[str, typer.Option(help="Why, for those who ask later.")]


def register(app: typer.Typer) -> None:
    """`profile …`."""
    one = typer.Typer(
        no_args_is_help=True, help="Turn profiles of the configuration on and off.", rich_markup_mode=None
    )
    for name, verb in (("list", listing), ("show", show), ("on", on), ("off", off)):
        one.command(name)(verb)
    app.add_typer(one, name="profile")


def listing(context: typer.Context, json: Json = False) -> None:
    """List the profiles. Which are on, since when, until when, who turned them on and why.

    \b
    Example:
      ccctl profile list
    """
    session_of(context).show("profiles", json, profile_table)


def show(context: typer.Context, profile: Name, json: Json = False) -> None:
    """Show a profile. Its state, and each key that has another value while it is on.

    \b
    Example:
      ccctl profile show rush
    """
    session_of(context).show("profile.show", json, _shown, profile=profile)


def on(
    context: typer.Context,
    profile: Name,
    until: Annotated[
        str,
        typer.Option(help="When it ends: 18:00 (the next one), or a day and time: 2026-11-26T08:00."),
    ] = "",
    lasting: Annotated[str, typer.Option("--for", help="How long it is on: 90m, 2h, 1h30m, 7d.")] = "",
    reason: Reason = "",
    json: Json = False,
) -> None:
    """Turn a profile on, at once. With --until or --for it ends by itself, else when it is turned off.

    One that is on gets the new end and reason. Conversations, wrap-up and figures are not touched.

    \b
    Example:
      ccctl profile on rush --until 18:00 --reason "storm warning"
      ccctl profile on rush --for 2h
    """
    if until and lasting:
        raise typer.BadParameter("--until and --for say the same thing: give one of them")
    args: dict[str, Any] = {"reason": reason} if reason else {}
    if until:
        args["until"] = end(until, SystemClock().now())
    if lasting:
        args["for_s"] = length(lasting)
    session_of(context).show("profile.on", json, said, profile=profile, **args)


def off(context: typer.Context, profile: Name, reason: Reason = "", json: Json = False) -> None:
    """Turn a profile off. Everything is again as the configuration says.

    \b
    Example:
      ccctl profile off rush
    """
    args = {"reason": reason} if reason else {}
    session_of(context).show("profile.off", json, said, profile=profile, **args)


def end(text: str, now: float) -> float:
    """`18:00` (the next time the clock here shows it) or a date and time, as seconds since the epoch.

    Raises `BadParameter`.
    """
    try:
        if ":" in text and "-" not in text:
            here = datetime.fromtimestamp(now)
            at = datetime.combine(here.date(), time.fromisoformat(text))
            return (at if at > here else at + timedelta(days=1)).timestamp()
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError, TypeError):
        cure = "write 18:00, or a date and time like 2026-11-26T08:00"
        raise typer.BadParameter(f"--until: {text!r} is no time: {cure}") from None


def length(text: str) -> float:
    """`90m`, `2h`, `1h30m`, `7d` in seconds. Raises `BadParameter`."""
    seconds = span(text)
    if seconds is None:
        raise typer.BadParameter(f"--for: {text!r} is no length of time: write 90m, 2h, 1h30m or 7d")
    return seconds


def until_when(row: dict[str, Any]) -> str:
    """`18:00`, with the date where it is not today; `-` where it does not end by itself."""
    return "-" if row["until"] is None else moment(row["until"], row["until"] - row["left_s"])


def in_a_word(row: dict[str, Any]) -> str:
    """`rush until 18:00`, for the one line that there is."""
    return f"{row['profile']} until {until_when(row)}" if row["until"] is not None else str(row["profile"])


def profile_table(rows: list[dict[str, Any]], most: int = 0) -> list[str]:
    """A line a profile."""
    if not rows:
        return ["no profiles are configured: see docs/peak-mode.md"]
    return table(HEADS, [_row(row) for row in rows], (), most)


def _row(row: dict[str, Any]) -> tuple[Any, ...]:
    left = duration(row["left_s"]) if row["left_s"] is not None else "-"
    state = f"on since {moment(row['since'], row['since'] + row['on_s'])}" if row["on"] else "off"
    return (row["profile"], state, until_when(row), left, row["by"] or "-", row["reason"] or "-")


def said(row: dict[str, Any]) -> list[str]:
    """What came of it."""
    if not row["on"]:
        return [clean(f"{row['profile']} is off")]
    ends = f"until {until_when(row)}" if row["until"] is not None else "until it is turned off"
    why = f": {row['reason']}" if row["reason"] else ""
    return [clean(f"{row['profile']} is on {ends}, by {row['by']}{why}")]


def _shown(answer: dict[str, Any]) -> Iterator[str]:
    yield from pairs([("profile", answer["profile"]), ("called", answer["display"])])
    yield from said(answer)
    yield ""
    rows = [(row["key"], _value(row["without"]), _value(row["meanwhile"])) for row in answer["changes"]]
    yield from table(CHANGES, rows) if rows else ["it changes nothing"]


def _value(value: Any) -> str:
    """A value on one line, lists and tables in short."""
    if value is None or value == "":
        return "-"
    if isinstance(value, list | tuple):
        return ", ".join(_value(each) for each in value) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_value(each)}" for key, each in value.items()) or "-"
    return value if isinstance(value, str) else plain.dumps(value)
