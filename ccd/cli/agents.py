"""`ccctl agents` and `ccctl agent …`: who is there, and declaring availability for somebody."""

from typing import Annotated, Any

import typer

from ccd.cli.completion import agent_names, queue_names, reason_names
from ccd.cli.session import Json, session_of
from ccd.cli.status import WORDS
from ccd.cli.text import clean, duration, since, table

HEADS = ("AGENT", "STATE", "FOR", "LOAD", "WORK", "QUEUES", "HANDLED", "MISSED", "BUSY")
RIGHT = ("FOR", "LOAD", "HANDLED", "MISSED", "BUSY")

Name = Annotated[str, typer.Argument(help="Name of the agent.", autocompletion=agent_names)]

WhenDone = Annotated[
    bool, typer.Option("--when-done", help="After what rings, the conversations and wrap-up; no new work.")
]


def register(app: typer.Typer) -> None:
    """`agents` and `agent …`."""
    app.command("agents")(agents)
    one = typer.Typer(no_args_is_help=True, help="Declare an agent's availability.", rich_markup_mode=None)
    for name, verb in (
        ("explain", explain),
        ("login", login),
        ("logout", logout),
        ("pause", pause),
        ("ready", ready),
        ("reasons", reasons),
        ("wrap-up", wrap_up),
    ):
        one.command(name)(verb)
    app.add_typer(one, name="agent")


def agents(
    context: typer.Context,
    queue: Annotated[str, typer.Option(help="Only those of this queue.", autocompletion=queue_names)] = "",
    json: Json = False,
) -> None:
    """List the agents. What each does, for how long, with which interactions.

    \b
    Example:
      ccctl agents
      ccctl agents --queue sales
    """
    args = {"queue": queue} if queue else {}
    session_of(context).show("agents", json, agent_table, **args)


def explain(context: typer.Context, agent: Name, json: Json = False) -> None:
    """Tell what an agent holds, and why the agent does not get what waits.

    \b
    Example:
      ccctl agent explain alice
    """
    session_of(context).show("agent.explain", json, _explained, agent=agent)


def login(context: typer.Context, agent: Name, json: Json = False) -> None:
    """Log an agent in, ready for work.

    \b
    Example:
      ccctl agent login alice
    """
    session_of(context).show("agent.login", json, _said, agent=agent)


def logout(context: typer.Context, agent: Name, when_done: WhenDone = False, json: Json = False) -> None:
    """Log an agent out; a conversation that runs goes on.

    \b
    Example:
      ccctl agent logout alice
      ccctl agent logout alice --when-done
    """
    session_of(context).show("agent.logout", json, _said, agent=agent, **_later(when_done))


def pause(
    context: typer.Context,
    agent: Name,
    reason: Annotated[
        str, typer.Argument(help="Reason, by its name or its code.", autocompletion=reason_names)
    ] = "",
    when_done: WhenDone = False,
    json: Json = False,
) -> None:
    """Pause an agent. No new work until ready.

    \b
    Example:
      ccctl agent pause alice lunch
      ccctl agent pause alice lunch --when-done
    """
    session_of(context).show("agent.pause", json, _said, agent=agent, reason=reason, **_later(when_done))


def ready(context: typer.Context, agent: Name, json: Json = False) -> None:
    """Make an agent ready. Ends pause and wrap-up.

    While wrap-up waits for a disposition it is pending: the agent is ready once that is given.

    \b
    Example:
      ccctl agent ready alice
    """
    session_of(context).show("agent.ready", json, _said, agent=agent)


def reasons(context: typer.Context, json: Json = False) -> None:
    """List the reasons for a pause. Code, whether it is paid, how long it may last.

    \b
    Example:
      ccctl agent reasons
    """
    session_of(context).show("agent.reasons", json, _reason_table)


def wrap_up(
    context: typer.Context,
    agent: Name,
    extend: Annotated[bool, typer.Option("--extend", help="Once more time, as its queue allows.")] = False,
    end: Annotated[bool, typer.Option("--end", help="Over at once.")] = False,
    json: Json = False,
) -> None:
    """Extend or end an agent's wrap-up. A pause that was declared stays.

    It cannot be ended while a disposition is missing: give it by `ccctl interaction disposition`.

    \b
    Example:
      ccctl agent wrap-up alice --extend
      ccctl agent wrap-up alice --end
    """
    if extend is end:
        raise typer.BadParameter("say what to do with it: --extend or --end")
    asked = {"extend": True} if extend else {"end": True}
    session_of(context).show("agent.wrap_up", json, _said, agent=agent, **asked)


_AFTER = {"alarm": "an alarm stands", "ready": "the agent is ready", "log_out": "the agent is logged out"}


def _reason_table(rows: list[dict[str, Any]]) -> list[str]:
    """A line a reason."""
    if not rows:
        return ["no reasons are set up: any word will do"]
    cells = [
        (
            row["code"],
            row["reason"],
            "paid" if row["paid"] else "unpaid",
            duration(row["longest_s"]),
            _AFTER[row["on_longest"]] if row["longest_s"] is not None else "-",
        )
        for row in rows
    ]
    return table(("CODE", "REASON", "TIME", "LONGEST", "THEN"), cells, ("LONGEST",))


def _later(when_done: bool) -> dict[str, Any]:
    return {"when_done": True} if when_done else {}


def agent_table(rows: list[dict[str, Any]], most: int = 0) -> list[str]:
    """A line an agent."""
    if not rows:
        return ["no agents"]
    return table(HEADS, [_row(row) for row in rows], RIGHT, most)


def state(row: dict[str, Any]) -> str:
    """`free`, `paused: lunch`, `talking, then paused: lunch`, `without phone: not registered`."""
    word: str = WORDS.get(row["doing"], row["doing"])
    if row["outside"] and not row["interactions"]:
        word = f"{word} outside queues"
    if row["pending"]:
        reason = f": {row['pending_reason']}" if row["pending_reason"] else ""
        return f"{word}{_owes(row)}, then {WORDS.get(row['pending'], row['pending'])}{reason}"
    if row["doing"] == "paused" and row["reason"]:
        return f"{word}: {row['reason']}{_limit(row['pause_left_s'])}"
    if row["doing"] == "no_device" and row["unreachable_why"]:
        return f"{word}: {row['unreachable_why']}"
    return f"{word}{_owes(row)}"


def _owes(row: dict[str, Any]) -> str:
    """Of which interactions wrap-up waits for a disposition, and what is left until its end or limit."""
    if row["doing"] != "wrap_up":
        return ""
    waits = f": disposition of {', '.join(row['owes'])} missing" if row["owes"] else ""
    if row["wrap_up"] == "runs":
        return f"{waits}, {duration(row['wrap_up_s'])} left"
    return waits + _limit(row["wrap_up_left_s"])


def _limit(left_s: float | None) -> str:
    """What is left of the longest time of a pause or wrap-up, or by how much it is over."""
    if left_s is None:
        return ""
    return f", {duration(left_s)} left" if left_s > 0 else f", {duration(-left_s)} over"


def _row(row: dict[str, Any]) -> tuple[Any, ...]:
    held = [*row["interactions"], *row["outside"]]
    totals = row["totals"]
    return (
        row["agent"],
        state(row),
        since(row["doing_s"]),
        f"{row['load']}/{row['capacity']}",
        ",".join(held) or "-",
        ",".join(row["queues"]) or "-",
        totals["handled"],
        totals["missed"],
        f"{row['occupancy_pct']:.0f} %",
    )


def _explained(answer: dict[str, Any]) -> list[str]:
    """The agent's state, then a line for each thing held, then one for each queue."""
    row = answer["agent"]
    load = f"load {row['load']}/{row['capacity']}"
    lines = [f"{row['agent']} is {state(row)} (for {duration(row['doing_s'])}), {load}"]
    for held in answer["held"]:
        what = f"{held['phase']} in {held['queue']}" if held["queue"] else "outside queues"
        lines.append(f"  holds {held['interaction']}, {what}: load {held['load']}")
    for cause, count in answer["misses"].items():
        lines.append(f"  missed {count} in a row: {cause.replace('_', ' ')}")
    if not answer["queues"]:
        lines.append("  serves no queue now")
    lines += [f"  {queue['queue']}: {_next(queue)}" for queue in answer["queues"]]
    return [clean(line) for line in lines]


def _next(queue: dict[str, Any]) -> str:
    if not queue["waiting"]:
        return "nothing waits"
    many = "1 waits" if queue["waiting"] == 1 else f"{queue['waiting']} wait"
    return f"{many}; {queue['interaction']} (for {duration(queue['waited_s'])}) not yet: {queue['why']}"


def _said(row: dict[str, Any]) -> list[str]:
    said = f"{row['agent']} is {state(row)}"
    if row["doing"] == "no_device":
        said = f"{row['agent']} is ready, but {state(row)}"
    if row["doing"] in {"talking", "ringing"} and row["availability"] != "ready" and not row["pending"]:
        said += f", then {WORDS[row['availability']]}"
    return [clean(said)]
