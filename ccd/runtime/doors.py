"""What the verbs of the console may reach, and the two ways in which several of them look."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import msgspec

from ccd.channels.ledger import Ledger
from ccd.channels.port import Channel, Reports
from ccd.clock import Clock
from ccd.history.explain import decode_record
from ccd.history.state import Record
from ccd.pieces import Pieces
from ccd.runtime.alarm_board import AlarmBoard
from ccd.runtime.asking import unknown
from ccd.runtime.backups import Backups
from ccd.runtime.centre import Centre
from ccd.runtime.loop import Runtime
from ccd.runtime.views import View


class Doors(msgspec.Struct, frozen=True):
    """What the verbs may reach."""

    runtime: Runtime
    centre: Centre
    channels: Mapping[str, Channel]
    clock: Clock
    reload: Callable[[str], Awaitable[list[str]]]
    """Takes the configuration anew; gets who asks, answers what changed; raises `Misconfigured`."""
    drain: Callable[[bool, str], None]
    diff: Callable[[], Awaitable[list[str]]] | None = None
    """What a reload would change; raises `Misconfigured`."""
    next_start: Callable[[], list[str]] = list
    """What reloads have changed and is in force from the next start on."""
    board: AlarmBoard = msgspec.field(default_factory=AlarmBoard)
    """The alarms that stand."""
    backups: Backups | None = None
    full_disks: Callable[[], Mapping[str, str]] = dict
    """What is kept on a disk that is nearly full → how it stands."""
    ahead_s: Callable[[], float] = lambda: 0.0
    """By how much we are ahead of the system clock, which was set back."""


def gather(doors: Doors, topic: str, argument: str = "") -> list[View]:
    """What all channels report of a topic; `channel` says whose row it is."""
    rows: list[View] = []
    for name, channel in doors.channels.items():
        if isinstance(channel, Reports):
            told = channel.report(topic, argument)
            rows += [{"channel": name, **row} for row in told or []]
    return rows


async def gather_in_pieces(doors: Doors, topic: str) -> list[View]:
    """The same of a topic with very many rows, which a channel may make one by one."""
    rows: list[View] = []
    pieces = Pieces()
    for name, channel in doors.channels.items():
        if isinstance(channel, Reports):
            told = channel.report(topic, "") or []
            rows += await pieces.each(told, partial(_named, name))
    return rows


def _named(channel: str, row: View) -> View:
    return {"channel": channel, **row}


async def filed(doors: Doors, name: str) -> Record:
    """The record of an ended interaction; what has just ended is waited for. Raises `Refused`."""
    await doors.runtime.stored()

    def look(ledger: Ledger) -> bytes:
        row = ledger.record(name)
        return row.body if row is not None else b""

    body = await doors.runtime.ask(look)
    if not body:
        raise unknown("interaction", name, list(doors.centre.state.interactions)[:200])
    return decode_record(body)
