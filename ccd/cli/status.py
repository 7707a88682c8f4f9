"""`ccctl status`: the daemon and the centre in a few lines."""

from collections.abc import Iterator
from typing import Any

import typer

from ccd.cli.profiles import in_a_word
from ccd.cli.session import Json, session_of
from ccd.cli.text import clean, counted, cut, duration, pairs, width

WORDS = {
    "idle": "free",
    "ringing": "ringing",
    "calling": "calling back",
    "listening": "listening to a message",
    "talking": "talking",
    "wrap_up": "in wrap-up",
    "paused": "paused",
    "no_device": "without phone",
    "logged_out": "logged out",
}
"""What agents do, in the order in which it is told."""
PHASES = {
    "flow": "in a flow",
    "waiting": "waiting",
    "offered": "ringing",
    "calling": "calling back",
    "connecting": "connecting",
    "listening": "listening",
    "talking": "talking",
    "transferring": "in transfer",
    "outside_ringing": "dialling out",
    "outside": "outside",
    "ending": "ending",
}


def register(app: typer.Typer) -> None:
    """`status`."""
    app.command("status")(status)


def status(context: typer.Context, json: Json = False) -> None:
    """Show whether the daemon is well. What runs, who is there, which alarms stand.

    \b
    Example:
      ccctl status
      ccctl status --json | jq .alarms
    """
    session_of(context).show("status", json, _lines)


def told(counts: dict[str, int], words: dict[str, str]) -> str:
    """`3 free, 1 paused`."""
    return ", ".join(f"{counts[key]} {word}" for key, word in words.items() if counts.get(key))


def _lines(answer: dict[str, Any]) -> Iterator[str]:
    daemon, agents = answer["daemon"], answer["agents"]
    state = "draining: takes no new interaction" if answer["draining"] else "running"
    cpu = f"{daemon['memory_mb']:.0f} MB, {daemon['cpu_s']:.1f} s of CPU"
    doing = told(answer["phases"], PHASES)
    yield from pairs(
        [
            (
                "ccd",
                f"{daemon['version']}, {state}, up {duration(daemon['up_s'])}, pid {daemon['pid']}, {cpu}",
            ),
            ("channels", ", ".join(f"{name} ({kind})" for name, kind in daemon["channels"].items())),
            ("interactions", _with(str(answer["interactions"]), doing) + f"; {_so_far(answer)}"),
            ("queues", f"{answer['queues']}, {answer['waiting']} waiting"),
            ("agents", _with(str(agents["all"]), told(agents, WORDS))),
            ("profiles", ", ".join(_on(each) for each in answer["profiles"])),
            ("phones", f"{answer['devices_bound']} registered"),
            ("next start", _later(daemon["next_start"])),
            ("behind", f"{daemon['behind_s']:.1f} s" if daemon["behind_s"] >= 0.1 else ""),
            ("alarms", "" if answer["alarms"] else "none"),
        ]
    )
    yield from alarm_lines(answer["alarms"])


def alarm_lines(alarms: list[dict[str, Any]]) -> list[str]:
    """A line an alarm, with how long it has stood."""
    lines = [
        f"! {alarm['what']} {alarm['name']}".rstrip() + f": {alarm['why']} (for {duration(alarm['for_s'])})"
        for alarm in alarms
    ]
    return [cut(clean(line), width()) for line in lines]


def _on(profile: dict[str, Any]) -> str:
    why = f" ({profile['reason']})" if profile["reason"] else ""
    return f"{in_a_word(profile)}, by {profile['by']}{why}"


def _later(changes: list[str]) -> str:
    """What a reload could not put in force: `sip.domain, sip.t1_ms`."""
    keys = [line[2:].partition(":")[0].partition(" ")[0] for line in changes]
    return f"takes {', '.join(keys)}" if keys else ""


def _with(number: str, what: str) -> str:
    return f"{number}: {what}" if what else number


def _so_far(answer: dict[str, Any]) -> str:
    return f"{counted(answer['interactions_made'], 'interaction')} so far"
