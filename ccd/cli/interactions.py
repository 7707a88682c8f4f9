"""`ccctl interactions` and `ccctl interaction …`: what runs, what happened to one, why, and ending it."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from ccd.cli.completion import agent_names, interaction_names, queue_names
from ccd.cli.ended import MOST, ended_table, start
from ccd.cli.session import Json, session_of
from ccd.cli.status import PHASES
from ccd.cli.text import clean, duration, pairs, since, table

HEADS = ("ID", "CHANNEL", "STATE", "QUEUE", "PLACE", "AGENT", "FROM", "TO", "AGE", "WAITS")
RIGHT = ("PLACE", "AGE", "WAITS")

Number = Annotated[
    str, typer.Argument(help="Number of the interaction.", autocompletion=interaction_names, metavar="ID")
]


def register(app: typer.Typer) -> None:
    """`interactions` and `interaction …`."""
    app.command("interactions")(interactions)
    one = typer.Typer(
        no_args_is_help=True,
        help="Look at one interaction, change how it waits, or end it.",
        rich_markup_mode=None,
    )
    for name, verb in (
        ("show", show),
        ("explain", explain),
        ("change", change),
        ("callback", callback),
        ("mask", mask),
        ("disposition", disposition),
        ("hangup", hangup),
    ):
        one.command(name)(verb)
    app.add_typer(one, name="interaction")


def interactions(
    context: typer.Context,
    queue: Annotated[str, typer.Option(help="Only those of this queue.", autocompletion=queue_names)] = "",
    agent: Annotated[str, typer.Option(help="Only those of this agent.", autocompletion=agent_names)] = "",
    limit: Annotated[
        int | None, typer.Option(help="List at most so many: 200, of the ended 50.", min=1, max=MOST)
    ] = None,
    ended: Annotated[bool, typer.Option("--ended", help="Those that are over, the newest first.")] = False,
    since: Annotated[
        str, typer.Option(help="With --ended: not before; 90m, 2h, 7d ago, or a date.", metavar="TIME")
    ] = "",
    json: Json = False,
) -> None:
    """List what runs, the oldest first; or what is over, the newest first.

    \b
    Example:
      ccctl interactions
      ccctl interactions --queue sales --limit 20
      ccctl interactions --ended --since 2h
      ccctl interactions --ended --since 2026-11-22
    """
    args: dict[str, Any] = {"queue": queue} | ({"limit": limit} if limit is not None else {})
    if ended:
        if agent:
            raise typer.BadParameter("--agent is for what runs; leave it or --ended out")
        args |= start(since) if since else {}
        session_of(context).show("interactions.ended", json, ended_table, **args)
        return
    if since:
        raise typer.BadParameter("--since is for what is over: add --ended")
    session_of(context).show("interactions", json, interaction_table, agent=agent, **args)


def show(context: typer.Context, interaction: Number, json: Json = False) -> None:
    """Show an interaction. Running or ended, its parties and its timeline.

    \b
    Example:
      ccctl interaction show 4711
    """
    session_of(context).show("interaction.show", json, _shown, interaction=interaction)


def explain(context: typer.Context, interaction: Number, json: Json = False) -> None:
    """Explain every decision about it. Who was chosen, who was passed over and why.

    \b
    Example:
      ccctl interaction explain 4711
    """
    session_of(context).show("interaction.explain", json, _explained, interaction=interaction)


def change(
    context: typer.Context,
    interaction: Number,
    priority: Annotated[int | None, typer.Option(help="Higher goes first.", min=-1000, max=1000)] = None,
    require: Annotated[
        str | None, typer.Option(help="What it asks for besides its queue; '' for nothing.", metavar="SKILLS")
    ] = None,
    queue: Annotated[
        str | None, typer.Option(help="Wait in this queue from now on.", autocompletion=queue_names)
    ] = None,
    json: Json = False,
) -> None:
    """Change how an interaction waits. It acts at once, and keeps since when it waits.

    \b
    Example:
      ccctl interaction change 4711 --priority 9
      ccctl interaction change 4711 --require "french >= 3" --queue support
    """
    asked = {"priority": priority, "requirement": require, "queue": queue}
    given = {name: value for name, value in asked.items() if value is not None}
    session_of(context).show("interaction.change", json, _changed, interaction=interaction, **given)


def disposition(
    context: typer.Context,
    interaction: Number,
    code: Annotated[str, typer.Argument(help="Code or name of its queue's list.", metavar="CODE")],
    json: Json = False,
) -> None:
    """Say how an interaction ended. While it lasts, or its agent is in wrap-up; the last word counts.

    It holds for everybody who had a part in it and may still say.

    \b
    Example:
      ccctl interaction disposition 4711 2
      ccctl interaction disposition 4711 call_back
    """
    asked = {"interaction": interaction, "code": code}
    session_of(context).show("interaction.disposition", json, _disposed, **asked)


def callback(
    context: typer.Context,
    interaction: Number,
    number: Annotated[
        str, typer.Option(help="Call this number; if left out, the one that the customer calls from.")
    ] = "",
    json: Json = False,
) -> None:
    """Turn a waiting call into a callback. The customer leaves the line and keeps the place.

    \b
    Example:
      ccctl interaction callback 4711
      ccctl interaction callback 4711 --number +33123456789
    """
    args = {"number": number} if number else {}
    session_of(context).show("interaction.callback", json, _called_back, interaction=interaction, **args)


def mask(
    context: typer.Context,
    interaction: Number,
    switch: Annotated[
        str, typer.Argument(help="`on`: silence from now on; `off`: no more.", metavar="ON|OFF")
    ],
    json: Json = False,
) -> None:
    """Mask the recording of a conversation. What both parties say is silence in it from now on; time goes on.

    \b
    Example:
      ccctl interaction mask 4711 on
      ccctl interaction mask 4711 off
    """
    if switch not in ("on", "off"):
        raise typer.BadParameter(f"{switch!r} is neither on nor off")
    args = {"interaction": interaction, "on": switch == "on"}
    session_of(context).show("interaction.mask", json, _masked, **args)


def hangup(
    context: typer.Context,
    interaction: Number,
    agent: Annotated[
        bool, typer.Option("--agent", help="Only the agent: the customer goes on after the call.")
    ] = False,
    json: Json = False,
) -> None:
    """End a running interaction. All its parties are hung up, a callback is not made.

    With --agent it is as if the agent had hung up: the customer goes on in `after_call` of the queue, if set.

    \b
    Example:
      ccctl interaction hangup 4711
      ccctl interaction hangup 4711 --agent
    """
    session_of(context).show("interaction.hangup", json, _hung_up, interaction=interaction, agent_only=agent)


def interaction_table(answer: dict[str, Any], most: int = 0) -> list[str]:
    """A line an interaction."""
    rows = answer["listed"]
    if not rows:
        return ["no interactions"]
    lines = table(HEADS, [_row(row) for row in rows], RIGHT, most)
    left = answer["all"] - len(rows)
    return [*lines, f"… and {left} more"] if left > 0 else lines


def _row(row: dict[str, Any]) -> tuple[Any, ...]:
    return (
        row["interaction"],
        row["channel"],
        _state(row),
        row["queue"] or "-",
        row["position"] or "-",
        ", ".join(row["ringing"]) or row["agent"] or "-",
        (row["callback"] or {}).get("number") or row["display"] or row["origin"] or "withheld",
        row["target"],
        duration(row["age_s"]),
        since(row["waiting_s"]),
    )


def _state(row: dict[str, Any]) -> str:
    """What it does; of a callback in how long it may be tried again."""
    phase: str = PHASES.get(row["phase"], row["phase"])
    if row["voicemail"] and row["phase"] == "waiting":
        left = row["voicemail"]["next_s"]
        return f"voicemail in {duration(left)}" if left else "voicemail"
    if not row["callback"] or row["phase"] != "waiting":
        return phase
    left = row["callback"]["next_s"]
    return f"callback in {duration(left)}" if left else "callback"


def _callback(told: dict[str, Any] | None) -> str:
    """Where, what failed, when it is tried again, and until when."""
    if not told:
        return ""
    failed = f", {told['attempts']} failed, the last {told['last'].replace('_', ' ')}" if told["last"] else ""
    again = f", next in {duration(told['next_s'])}" if told["next_s"] else ""
    return f"{told['number']}{failed}{again}, given up in {duration(told['left_s'])}"


def _voicemail(told: dict[str, Any] | None) -> str:
    """How long, where it lies, and when it is offered again."""
    if not told:
        return ""
    again = f", offered again in {duration(told['next_s'])}" if told["next_s"] else ""
    return f"{duration(told['seconds'])}, {told['path']}{again}"


def _shown(answer: dict[str, Any]) -> Iterator[str]:
    record = answer["record"] or {}
    ended = "" if answer["running"] else f"{record.get('outcome', '')} ({record.get('cause', '')})"
    agents = ", ".join(record.get("agents", []) or answer.get("ringing", [])) or answer["agent"]
    waited = duration(record["waited_s"]) if record.get("waited_s") else ""
    talked = duration(record["talked_s"]) if record.get("talked_s") else ""
    yield from pairs(
        [
            ("interaction", answer["interaction"]),
            ("channel", f"{answer['channel']} ({answer['channel_class']})"),
            (
                "from",
                " ".join(part for part in (answer.get("display"), answer["origin"]) if part) or "withheld",
            ),
            ("customer", answer.get("customer", "")),
            ("to", answer["target"]),
            ("diverted from", answer.get("diverted_from", "")),
            ("state", PHASES.get(answer["phase"], answer["phase"]) if answer["running"] else ended),
            ("callback", _callback(answer.get("callback"))),
            ("voicemail", _voicemail(answer.get("voicemail"))),
            ("step", answer.get("step", "")),
            ("dialled by", answer.get("dialled_by", "")),
            ("asks about", answer.get("consults") or record.get("consults", "")),
            ("queue", answer["queue"]),
            ("place", answer.get("position") or ""),
            ("agents", agents),
            ("lasted", duration(answer["age_s"])),
            ("waited", waited or (duration(answer["waiting_s"]) if answer.get("waiting_s") else "")),
            ("talked", talked),
            ("disposition", _said(record)),
            ("continues", record.get("continues", "")),
            ("continued as", ", ".join(record.get("continued_as", []))),
            ("chain", record.get("chain", "")),
        ]
    )
    if answer.get("parties"):
        yield ""
        yield from table(("PARTY", "LEG", "WHO", "STATE"), [_party(each) for each in answer["parties"]])
    screen = answer.get("screen") or record.get("screen")
    if screen:
        yield ""
        yield from table(("SCREEN", ""), [(clean(name), clean(value)) for name, value in screen.items()])
    if record.get("answers"):
        yield ""
        said = [(each["survey"], each["question"], _answer(each)) for each in record["answers"]]
        yield from table(("SURVEY", "QUESTION", "ANSWER"), said)
    yield ""
    yield from (clean(line) for line in answer["timeline"])


def _answer(each: dict[str, Any]) -> str:
    """What was keyed or written; of a spoken answer its length and its file."""
    path = each.get("path")
    return clean(f"spoken, {duration(each['seconds'])}, {path}" if path else each["answer"])


def _party(party: dict[str, Any]) -> tuple[str, ...]:
    state = "held" if party["held"] else "answered" if party["answered"] else "open"
    state += ", encrypted" if party.get("srtp") else ""
    who = party["agent"] or party["address"] or "-"
    return (party["role"], party["leg"], who + (f" ({party['device']})" if party["device"] else ""), state)


def _explained(answer: dict[str, Any]) -> list[str]:
    return [clean(line) for line in answer["lines"]]


def _changed(answer: dict[str, Any]) -> list[str]:
    places = f"place {answer['before']} → {answer['after'] or 'none'}"
    agents = ", ".join(answer["ringing"]) or answer["agent"]
    taken = f", offered to {agents}" if agents else ""
    return [clean(f"interaction {answer['interaction']} in {answer['queue']}: {places}{taken}")]


def _said(record: dict[str, Any]) -> str:
    """What was said last of how it ended, and by whom."""
    said = record.get("disposition", "")
    return f"{said} ({record['disposition_by']})" if said else ""


def _disposed(answer: dict[str, Any]) -> list[str]:
    who = ", ".join(answer["agents"])
    return [clean(f"interaction {answer['interaction']} of {who}: {answer['disposition']}")]


def _called_back(answer: dict[str, Any]) -> list[str]:
    kept = f"place {answer['position']} in {answer['queue']} is kept"
    return [clean(f"interaction {answer['interaction']} is called back at {answer['number']}: {kept}")]


def _masked(answer: dict[str, Any]) -> list[str]:
    what = "masked" if answer["masked"] else "no longer masked"
    none = "" if answer["recordings"] else " (nothing is recorded now)"
    return [f"interaction {clean(answer['interaction'])} is {what}{none}"]


def _hung_up(answer: dict[str, Any]) -> list[str]:
    return [f"interaction {clean(answer['interaction'])} is hung up"]
