"""Options of `ccctl flow rehearse`, and what stands in them."""

from typing import Annotated, Any

import typer

from ccd.errors import Misconfigured

Flow = Annotated[str, typer.Argument(help="Name of the flow; or give --dialled.")]
Keys = Annotated[
    str, typer.Option("--keys", help="1,2,#: one each time it listens; wait: none; hangup; silent.")
]
Caller = Annotated[str, typer.Option("--caller", help="The number that calls.")]
Dialled = Annotated[str, typer.Option("--dialled", help="The number that is called.")]
At = Annotated[str, typer.Option("--at", help="When, on the calendars' clock.", metavar='"2026-12-25 10:00"')]
Answers = Annotated[
    list[str] | None,
    typer.Option("--answer", help="What a service answers; repeatable.", metavar="SERVICE=JSON"),
]
Figures = Annotated[
    list[str] | None,
    typer.Option("--figure", help="A figure of a queue; repeatable.", metavar="queue.NAME.ewt_s=420"),
]
History = Annotated[
    list[str] | None,
    typer.Option("--history", help="Of the caller; repeatable.", metavar="contacts_7d=3"),
]
Notice = Annotated[str, typer.Option("--notice", help="Text of a notice that is in force.")]
Language = Annotated[
    str, typer.Option("--language", help="The caller was spoken to in it before, as after a queue.")
]


def keys_in(text: str) -> tuple[str, ...]:
    """`1,22,wait` is 1, 2, 2 and no key."""
    from ccd.testing.flow_rehearsal import HANGS_UP, NO_KEY, SILENT

    found: list[str] = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        if part in (NO_KEY, HANGS_UP, SILENT):
            found.append(part)
        elif all(key in "0123456789*#" for key in part):
            found += part
        else:
            cure = "give keys of a telephone, wait, hangup or silent, apart by commas"
            raise Misconfigured("flow.keys", f"--keys: {part!r} is no key — {cure}")
    return tuple(found)


def answers_in(pairs: list[str]) -> dict[str, Any]:
    """`crm={"tier": "gold"}`: what services answer."""
    import json

    found: dict[str, Any] = {}
    for pair in pairs:
        service, equals, text = pair.partition("=")
        try:
            found[service] = json.loads(text)
        except ValueError:
            equals = ""
        if not equals or not service or not isinstance(found.get(service), dict | None):
            cure = 'write e.g. \'crm={"tier": "gold"}\', or crm=null for one that fails'
            raise Misconfigured("flow.answer", f"--answer {pair!r} — {cure}")
    return found


def figures_in(pairs: list[str]) -> dict[str, float]:
    """`queue.sales.ewt_s=420`: what queues look like."""
    found: dict[str, float] = {}
    for pair in pairs:
        name, _, number = pair.partition("=")
        if not name.startswith("queue.") or not number.removeprefix("-").replace(".", "", 1).isdecimal():
            raise Misconfigured("flow.figure", f"--figure {pair!r} — write e.g. queue.sales.ewt_s=420")
        found[name] = float(number)
    return found


def history_in(pairs: list[str]) -> dict[str, Any]:
    """`contacts_7d=3` is a number, `last_queue=sales` a text."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not text:
            raise Misconfigured("flow.history", f"--history {pair!r} — write e.g. contacts_7d=3")
        number = not name.startswith("last_") and text.replace(".", "", 1).isdecimal()
        found[name] = float(text) if number else text
    return found
