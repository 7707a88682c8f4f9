"""Snapshots: of the state as it stands, packed in pieces, or made anew by another process.

The second for states that are too large to let facts wait so long: the same engines replay the ledger beside
the daemon.

States: nothing → due → packing (no fact is turned meanwhile) → waiting until all that it stands for is
stored → saving (in a thread) → nothing. Due while one is under way: another follows it. A daemon that is
killed, a ledger that cannot be written and a state that cannot be packed leave the snapshot before: the next
start replays more.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import msgspec

from ccd.channels.ledger import Ledger, Snapshot
from ccd.clock import monotonic
from ccd.errors import CcdError
from ccd.pieces import Pieces
from ccd.runtime.packing import Packed, read_types
from ccd.runtime.ports import Turns
from ccd.runtime.process import end, give_way
from ccd.runtime.replay import replay
from ccd.runtime.state import CentreState

MOST_HELD: Final = 8_000_000
"""Bytes of state that are packed while facts wait: 28 to 48 ms for 6.4 MB (50 000 customers, in contact
twelve times each) with nothing else on the loop, longer where calls keep it busy."""


class SnapshotMade(msgspec.Struct, frozen=True):
    """A snapshot as it was saved."""

    seq: int
    facts: int
    """Facts replayed since the snapshot before."""
    size: int
    """Bytes of the state, not compressed."""
    seconds: float


def make_snapshot(
    ledger: Ledger,
    turns: Turns,
    saving: Callable[[], None] = lambda: None,
    rest: Callable[[], None] = lambda: None,
) -> SnapshotMade | None:
    """Replay up to the newest fact of this moment and save the state; None when nothing is new.

    `ledger` is opened beside the daemon and is not closed here; `turns` are fresh. Files no records:
    the daemon did. `saving` is called before the ledger is locked, `rest` after each fact. Raises `TryLater`
    when it is locked or full: the daemon asks again.
    """
    began = monotonic()
    newest = ledger.last()[0]
    known = ledger.load_snapshot()
    if newest == (known.seq if known else 0):
        return None
    done = replay(turns, ledger, until=newest, file_records=False, rest=rest)
    state = turns.dump()
    rest()
    saving()
    ledger.save_snapshot(Snapshot(newest, done.last_at, state))
    return SnapshotMade(newest, done.facts, len(state), monotonic() - began)


class Snapshots:
    """Takes a snapshot when one is due, one at a time."""

    __slots__ = ("_again", "_beside", "_dumped", "_report", "_save", "_task")

    def __init__(
        self,
        dumped: Callable[[int], Awaitable[Packed | None]],
        save: Callable[[Packed], None],
        beside: "SnapshotBeside",
        report: Callable[[int, str], None],
    ) -> None:
        """`dumped`: see `Runtime.dumped`. `save` runs in a thread, with its own connection to the ledger;
        there the parts are put together.

        `beside` makes those that are too large; `report` gets 0 for one that was saved, else 1 and why.
        """
        self._dumped = dumped
        self._save = save
        self._beside = beside
        self._report = report
        self._task: asyncio.Task[None] | None = None
        self._again = False

    def due(self) -> None:
        """Take one; while one is under way, another follows it: what came meanwhile may be much, and a
        restart must not take longer for that. Does not wait."""
        if self._task and not self._task.done():
            self._again = True
            return
        self._task = asyncio.get_running_loop().create_task(self._run(), name="snapshot")

    async def finished(self) -> None:
        """Wait for the one under way, if any, and the one that follows it."""
        if self._task:
            await asyncio.wait({self._task})

    async def stop(self) -> None:
        """Begin no more and await the end of the process, if one runs: a snapshot that is not saved changes
        nothing. A thread that saves one does so to its end."""
        if self._task and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        self._again = True
        while self._again:
            self._again = False
            await self._take()

    async def _take(self) -> None:
        try:
            await _read_types()
            packed = await self._dumped(MOST_HELD)
            if packed is None:
                await self._beside.make()
                return
            await asyncio.to_thread(self._save, packed)
        except Exception as error:  # whatever it is, calls go on without it, and the next may do
            words = error.message if isinstance(error, CcdError) else f"{type(error).__name__}: {error}"
            self._report(1, words)
            return
        self._report(0, "")


async def _read_types() -> None:
    pieces = Pieces()
    for _ in read_types(CentreState):
        if pieces.over():
            await pieces.rest()


class SnapshotBeside:
    """The command that makes a snapshot beside the daemon: at low priority, for a bounded time."""

    __slots__ = ("_argv", "_env", "_nice", "_report", "_timeout_s")

    def __init__(
        self,
        argv: Sequence[str],
        report: Callable[[int, str], None],
        timeout_s: float = 300.0,
        nice: int = 10,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """`report` gets exit code and last words of each run (0: saved; negative: ended by a signal).

        `env` is the environment of the command; None: all of ours.
        """
        self._env = env
        self._argv = tuple(argv)
        self._report = report
        self._timeout_s = timeout_s
        self._nice = nice

    async def make(self) -> None:
        """Run it and await its exit; cancelled: end it, and await that."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                env=self._env,
            )
        except OSError as error:
            self._report(127, f"{self._argv[0]} cannot be started: {error.strerror}")
            return
        give_way(process.pid, self._nice)
        try:
            async with asyncio.timeout(self._timeout_s):
                _, said = await process.communicate()
            self._report(process.returncode or 0, said[-2000:].decode("utf-8", "replace").strip())
        except TimeoutError:
            await end(process)
            self._report(-9, f"took longer than {self._timeout_s:g} s and was ended")
        except asyncio.CancelledError:
            await end(process)
            raise
