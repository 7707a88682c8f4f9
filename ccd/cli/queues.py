"""`ccctl queues`: who waits where, and the figures of today."""

from typing import Annotated, Any

import typer

from ccd.cli.completion import queue_names
from ccd.cli.notices import Lasting, Until, span_of
from ccd.cli.session import Json, session_of
from ccd.cli.text import clean, duration, moment, percent, since, table
from ccd.clock import SystemClock

Name = Annotated[str, typer.Argument(help="Name of the queue.", autocompletion=queue_names)]

HEADS = (
    "QUEUE", "WAITING", "FOR", "EWT", "TALK", "FREE", "AGENTS",
    "OFFERED", "HANDLED", "ABANDONED", "OVERFLOWED", "SL", "ASA",
)  # fmt: skip


def register(app: typer.Typer) -> None:
    """`queues`, `queue …`."""
    app.command("queues")(queues)
    one = typer.Typer(no_args_is_help=True, help="Close and open one queue.", rich_markup_mode=None)
    one.command("close")(close)
    one.command("open")(open_)
    app.add_typer(one, name="queue")


def queues(context: typer.Context, json: Json = False) -> None:
    """List the queues.

    So many WAITING on the line, the first FOR so long, and CALLBACKS if any are to be made; EWT is what one
    more would probably wait; so many FREE of the AGENTS logged in. Then figures of today (UTC): OFFERED,
    HANDLED, ABANDONED, OVERFLOWED, SL service level, ASA average speed of answer. Narrow terminals have
    short heads: OFF, HAND, ABD, OVF, BACK. A queue that is closed says so behind its name, and below who
    closed it by hand.

    \b
    Example:
      ccctl queues
      ccctl queues --json | jq '.[] | {queue, waiting}'
    """
    session_of(context).show("queues", json, _told)


def close(
    context: typer.Context,
    queue: Name,
    until: Until = "",
    lasting: Lasting = "",
    say: Annotated[str, typer.Option(help="What is said to who is sent away, by the speech engine.")] = "",
    prompt: Annotated[str, typer.Option(help="A recorded prompt by name instead.")] = "",
    reason: Annotated[str, typer.Option(help="Why, for those who ask later.")] = "",
    json: Json = False,
) -> None:
    """Close a queue at once, as if its calendar were closed. With --until or --for it opens by itself.

    Who comes hears the announcement and goes where `closed_to` says, else `overflow`, else on in the flow, at
    whose end it hangs up. Who waits already is served, or goes too, by `on_close`. Closed again it gets the
    new end, reason and words.

    \b
    Example:
      ccctl queue close support --until 18:00 --say "We are closed today"
      ccctl queue close support --for 2h --prompt closed --reason "fire alarm"
    """
    args = {"text": say, "prompt": prompt, "reason": reason, **span_of(until, lasting)}
    given = {key: each for key, each in args.items() if each}
    session_of(context).show("queue.close", json, _state, queue=queue, **given)


def open_(context: typer.Context, queue: Name, json: Json = False) -> None:
    """Open a queue that was closed by hand. Its calendar counts again.

    \b
    Example:
      ccctl queue open support
    """
    session_of(context).show("queue.open", json, _state, queue=queue)


def _state(row: dict[str, Any]) -> list[str]:
    return [clean(said_closed(row, row["at"]) or f"{row['queue']} is open")]


def said_closed(row: dict[str, Any], now: float) -> str:
    """`support is closed until 18:00, by ccctl:ann: fire alarm`; empty: it is open."""
    if not row["closed"]:
        return ""
    until = f" until {moment(row['closed_until'], now)}" if row["closed_until"] is not None else ""
    return f"{row['queue']} is closed{until}, {row['closed']}"


def _told(rows: list[dict[str, Any]], most: int = 0) -> list[str]:
    """The table, and who closed what by hand."""
    now = SystemClock().now()
    return [*queue_table(rows, most), *(clean(said_closed(row, now)) for row in rows if row["closed_by"])]


def queue_table(rows: list[dict[str, Any]], most: int = 0) -> list[str]:
    """A line a queue."""
    if not rows:
        return ["no queues"]
    back = any(row["callbacks"] for row in rows)
    heads = (*HEADS[:3], "CALLBACKS", *HEADS[3:]) if back else HEADS
    return table(heads, [_row(row, back) for row in rows], heads[1:], most)


def _row(row: dict[str, Any], back: bool) -> tuple[Any, ...]:
    today = row["today"] or {}
    return (
        f"{row['queue']} (closed)" if row["closed"] else row["queue"],
        row["waiting"] - row["callbacks"],
        since(row["longest_wait_s"]),
        *([row["callbacks"]] if back else []),
        duration(row["ewt_s"]),
        row["talking"],
        row["free"],
        row["logged_in"],
        today.get("offered", 0),
        today.get("handled", 0),
        today.get("abandoned", 0),
        today.get("overflowed", 0),
        percent(today.get("service_level_pct")),
        duration(today.get("asa_s")),
    )
