"""The runtime: one inbox, one writer, one ledger thread, one outbox, put together.

runtime = Runtime(turns, ledger, clock, channels, settings.ledger, replayed=replay(turns, ledger))
runtime.start()
await channel.start(runtime.post)
…
await runtime.stop()
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from ccd.channels.ledger import Ledger
from ccd.channels.port import Channel, Post
from ccd.clock import Clock
from ccd.errors import TryLater
from ccd.model.settings import LedgerSettings
from ccd.pieces import Pieces
from ccd.runtime.committer import Committer
from ccd.runtime.inbox import Inbox
from ccd.runtime.outbox import Outbox
from ccd.runtime.packing import LET_GO, Packed
from ccd.runtime.ports import Alarm, Fault, Pressure, ReportAlarm, ReportFault, Turns
from ccd.runtime.replay import Replayed
from ccd.runtime.writer import Writer

_T = TypeVar("_T")


def _ignore(_told: Fault | Alarm) -> None:
    return None


class Runtime:
    """Runs the engines on live facts. To be made on the running loop; every method is for its thread.

    It owns `ledger` from `start` on and closes it in `stop`. It starts and stops no channel.
    """

    def __init__(
        self,
        turns: Turns,
        ledger: Ledger,
        clock: Clock,
        channels: Mapping[str, Channel],
        settings: LedgerSettings,
        *,
        replayed: Replayed | None = None,
        report_fault: ReportFault = _ignore,
        report_alarm: ReportAlarm = _ignore,
        snapshot_due: Callable[[], None] | None = None,
    ) -> None:
        """`snapshot_due` is called each `snapshot_every_facts`, those just replayed counted in."""
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._turns = turns
        self._snapshot_every = settings.snapshot_every_facts if snapshot_due else 0
        self._snapshot_due = snapshot_due
        self._since_snapshot = replayed.facts if replayed else 0
        self._settled: list[asyncio.Future[None]] = []
        self._committer = Committer(ledger, loop.call_soon_threadsafe)
        self._inbox = Inbox(self._wake)
        self.post: Post = self._inbox.post
        """Put a fact into the inbox. Never blocks, never fails; after `stop` it is counted in `lost`."""
        self._outbox = Outbox(channels, self.post, loop.call_soon, report_fault)
        self._writer = Writer(
            turns,
            ledger.last(),
            clock,
            settings,
            loop,
            self._inbox,
            self._committer,
            self._outbox,
            self._moved,
            report_fault,
            report_alarm,
        )

    def start(self) -> None:
        """Begin to take facts and time; facts posted before are taken now."""
        self._committer.start()
        self._writer.start()

    def _wake(self) -> None:
        self._loop.call_soon(self._writer.drain)

    def pressure(self) -> Pressure:
        """How far the writer is behind."""
        return self._writer.pressure()

    def mute_s(self) -> float:
        """How long the ledger's thread has said nothing about the batch that it was given, in seconds."""
        return self._writer.mute_s()

    def refresh_time(self) -> None:
        """To be called when the clock followed a step forward."""
        self._writer.refresh_time()

    @property
    def lost(self) -> int:
        """Facts posted after `stop`."""
        return self._inbox.lost

    @property
    def durable(self) -> int:
        """Number of the newest fact that is stored."""
        return self._writer.durable

    @property
    def figures(self) -> dict[str, int]:
        """Counters for `ccctl status`."""
        return {
            "facts": self._inbox.posted,
            "durable": self._writer.durable,
            "commands": self._outbox.performed,
            "turn_faults": self._writer.faults,
        }

    async def settled(self) -> None:
        """Wait until all that was posted is durable and its commands were handed to the channels."""
        while not (self._writer.idle() and not self._outbox):
            if self._writer.idle():
                await asyncio.sleep(0)
                continue
            waiter = self._loop.create_future()
            self._settled.append(waiter)
            self._writer.hurry()
            await waiter

    async def stored(self) -> None:
        """Wait until all that was posted before this call is durable and its commands are on their way.

        Unlike `settled` it ends under steady traffic too.
        """
        target = self._writer.durable + self.pressure().waiting
        while self._writer.durable < target and not self._writer.idle():
            waiter = self._loop.create_future()
            self._settled.append(waiter)
            self._writer.hurry()
            await waiter

    async def dumped(self, most: int) -> Packed | None:
        """The state after some fact of about now, which is stored when this returns.

        It is packed in pieces, with all else on the loop going on in between but the turns: facts wait until
        what is left can be packed from a copy. None: it is larger than `most` bytes. Nothing on the loop puts
        the parts together.
        """
        seq, at = self._writer.hold()
        try:
            parts = await self._packed(most)
        finally:
            self._writer.release()
        if parts is None:
            return None
        await self.stored()
        return Packed(seq, at, parts)

    async def _packed(self, most: int) -> list[bytes] | None:
        packing, pieces, size = self._turns.dump_in_pieces(), Pieces(), 0
        while size <= most:
            try:
                piece = next(packing)
            except StopIteration as end:
                return cast(list[bytes], end.value)
            if piece == LET_GO:
                self._writer.release()
            else:
                size += piece
            if pieces.over():
                await pieces.rest()
        packing.close()
        return None

    async def ask(self, question: Callable[[Ledger], _T]) -> _T:
        """Put a short question to the ledger on its own thread, between two commits.

        Raises what the question raises. Long reports open the ledger a second time, beside this one.
        """
        future: asyncio.Future[_T] = self._loop.create_future()

        def answer(value: Any, error: Exception | None) -> None:
            if future.cancelled():
                return
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)

        self._committer.ask(question, answer)
        return await future

    async def stop(self, timeout_s: float = 5.0) -> None:
        """Take and store everything posted so far, carry out its commands, close the ledger.

        Raises `TryLater` when the ledger cannot be written within `timeout_s`: what waits is lost then.
        """
        if self._inbox.closed:
            return
        self._committer.start()
        self._writer.stop_time()
        lost = 0
        try:
            await asyncio.wait_for(self.settled(), timeout_s)
        except TimeoutError:
            lost = self.pressure().waiting
        self._inbox.closed = True
        closed = asyncio.Event()
        self._committer.close(closed.set)
        await closed.wait()
        self._committer.join(timeout_s)
        if lost:
            raise TryLater(
                "ledger.lost", f"{lost} facts could not be stored within {timeout_s:g} s and are lost"
            )

    def _moved(self, facts: int) -> None:
        self._since_snapshot += facts
        if self._snapshot_due and 0 < self._snapshot_every <= self._since_snapshot:
            self._since_snapshot = 0
            self._snapshot_due()
        if self._settled:
            waiters, self._settled = self._settled, []
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)
