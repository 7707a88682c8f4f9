"""`ccctl top`: queues, agents, running interactions and alarms, live."""

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from ccd.cli.agents import agent_table
from ccd.cli.interactions import interaction_table
from ccd.cli.profiles import in_a_word
from ccd.cli.queues import queue_table
from ccd.cli.session import Json, Session, print_json, session_of
from ccd.cli.status import PHASES, WORDS, alarm_lines, told
from ccd.cli.text import clean, clock, cut, duration, width

SILENCE_S = 5.0
"""No frame for this long: say so."""
_LEAVE = {b"q", b"Q", b"\x03", b""}


def register(app: typer.Typer) -> None:
    """`top`."""
    app.command("top")(top)


def top(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Print one frame and end.")] = False,
    json: Json = False,
) -> None:
    """Watch the centre live. Queues, agents, interactions and alarms; q or Ctrl-C leaves.

    With --json a line of JSON a second.

    \b
    Example:
      ccctl top
      ccctl top --once
    """
    session = session_of(context)
    session.json = json
    if once:
        frame = session.ask("top")
        session.tell(frame, frame_lines(frame, width()))
        return
    try:
        if json or not sys.stdout.isatty():
            _stream(session, json)
        else:
            _live(session)
    except KeyboardInterrupt:
        return


def frame_lines(frame: dict[str, Any], columns: int, height: int = 0) -> list[str]:
    """A frame as lines; with `height` the tables share what the screen has."""
    alarms = alarm_lines(frame["status"]["alarms"])
    tables = [
        queue_table(frame["queues"], columns),
        agent_table(frame["agents"], columns),
        interaction_table(frame["interactions"], columns),
    ]
    lines = [cut(line, columns) for line in _head(frame)] + alarms
    if height:
        tables = _share(tables, height - len(lines) - len(tables))
    for rows in tables:
        lines += ["", *rows]
    return lines[:height] if height else lines


def _head(frame: dict[str, Any]) -> Iterator[str]:
    status, daemon = frame["status"], frame["daemon"]
    draining = "  DRAINING" if status["draining"] else ""
    cpu = f"{daemon['memory_mb']:.0f} MB"
    yield f"ccd {daemon['version']}  {clock(frame['at'])}  up {duration(daemon['up_s'])}  {cpu}{draining}"
    yield f"interactions {status['interactions']}: {told(status['phases'], PHASES) or 'none'}"
    yield f"agents {status['agents']['all']}: {told(status['agents'], WORDS) or 'none'}"
    if status["profiles"]:
        yield f"profiles {', '.join(clean(in_a_word(each)) for each in status['profiles'])}"


def _share(tables: list[list[str]], room: int) -> list[list[str]]:
    """Cut tables to the room there is: small ones whole, the others alike."""
    left, shared = max(room, 3 * len(tables)), {}
    for count, at in enumerate(sorted(range(len(tables)), key=lambda at: len(tables[at]))):
        take = min(len(tables[at]), left // (len(tables) - count))
        shared[at] = tables[at]
        if take < len(tables[at]):
            shared[at] = [*tables[at][: take - 1], f"… {len(tables[at]) - take + 1} more"]
        left -= take
    return [shared[at] for at in range(len(tables))]


def _stream(session: Session, json: bool) -> None:
    """Frame after frame for a pipe."""
    with session.connect() as client:
        client.watch()
        for frame in client.frames():
            if json:
                print_json(frame, indent=None)
            else:
                print("\n".join(frame_lines(frame, width())), end="\n\n", flush=True)


def _live(session: Session) -> None:
    from rich.console import Console
    from rich.live import Live

    console = Console(highlight=False, markup=False, emoji=False)
    with session.connect() as client, _keys(), Live(console=console, screen=True, auto_refresh=False) as live:
        client.watch()
        while True:
            ready, _, _ = select.select([client, sys.stdin], [], [], SILENCE_S)
            if sys.stdin in ready and os.read(sys.stdin.fileno(), 64)[:1] in _LEAVE:
                return
            if client in ready:
                for frame in client.next_frames()[-1:]:
                    live.update(_painted(frame, console.width, console.height), refresh=True)
            elif not ready:
                live.update(f"no frame for {SILENCE_S:g} s: the daemon is busy or stuck", refresh=True)


def _painted(frame: dict[str, Any], columns: int, height: int) -> Any:
    from rich.text import Text

    painted = Text(no_wrap=True, overflow="crop")
    for line in frame_lines(frame, columns, height):
        style = "bold red" if line.startswith("! ") else "bold" if line[:5].isupper() else ""
        painted.append(line + "\n", style)
    painted.right_crop(1)
    return painted


@contextmanager
def _keys() -> Iterator[None]:
    """Keys come one by one and are not shown."""
    import termios
    import tty

    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
