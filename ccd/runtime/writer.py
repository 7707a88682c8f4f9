"""The single writer: facts one at a time to the engines, batches to the ledger, commands after that.

Write-ahead: the commands of a fact leave only when the fact is durable, in the order of the facts.
While a batch is being stored, further facts are turned and gathered for the next one (group commit).
The writer is a callback of the loop and not a task: it wakes for a millionth of a second's work
thousands of times a second, and there is nothing in it that waits.
"""

from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable

import msgspec

from ccd.channels.ledger import Entry, RecordRow
from ccd.clock import Clock, monotonic
from ccd.errors import CcdError, TryLater
from ccd.model.commands import AnyCommand
from ccd.model.facts import AnyFact, TimePassed
from ccd.model.settings import LedgerSettings
from ccd.runtime.committer import Committer
from ccd.runtime.inbox import Inbox
from ccd.runtime.outbox import Outbox
from ccd.runtime.ports import Alarm, Fault, Pressure, ReportAlarm, ReportFault, Turns, describe
from ccd.runtime.timers import DeadlineTimer

UNAWAITED_S = 0.05
"""A batch that no command waits for is stored this late at most: each commit wakes a thread and the loop."""
SLICE_S = 0.001
"""Longest stretch of turns before the loop gets its turn (one long turn excepted)."""
RETRY_FIRST_S = 0.05
RETRY_MOST_S = 2.0
RETRY_DOUBLINGS = 16
STALLED = "ledger.stalled"


class _Batch:
    """Facts turned together, with what came of them."""

    __slots__ = ("begun_at", "commands", "entries", "hurried", "oldest", "records")

    def __init__(self) -> None:
        self.begun_at = 0.0  # when its first fact was turned, monotonic
        self.hurried = False  # somebody waits for it though it has no commands
        self.entries: list[Entry] = []
        self.records: list[RecordRow] = []
        self.commands: list[AnyCommand] = []
        self.oldest = 0.0  # when its first fact was posted, monotonic


class Writer:
    """Drains the inbox; the only one who calls `turn`. For the loop's thread only."""

    __slots__ = (
        "_alarm",
        "_batch",
        "_clock",
        "_committer",
        "_encode",
        "_every_s",
        "_fault",
        "_flying",
        "_held",
        "_inbox",
        "_last_at",
        "_loop",
        "_moved",
        "_outbox",
        "_retries",
        "_seq",
        "_submitted_at",
        "_timer",
        "_turns",
        "_window",
        "_window_due",
        "durable",
        "faults",
    )

    def __init__(
        self,
        turns: Turns,
        last: tuple[int, float],
        clock: Clock,
        settings: LedgerSettings,
        loop: AbstractEventLoop,
        inbox: Inbox,
        committer: Committer,
        outbox: Outbox,
        moved: Callable[[int], None],
        fault: ReportFault,
        alarm: ReportAlarm,
    ) -> None:
        """`last` is the ledger's (seq, at); `moved` gets the number of facts of each batch made durable."""
        self._turns = turns
        self._seq, self._last_at = last
        self._clock = clock
        self._every_s = settings.commit_every_ms / 1000.0
        self._loop = loop
        self._inbox = inbox
        self._committer = committer
        self._outbox = outbox
        self._moved = moved
        self._fault = fault
        self._alarm = alarm
        self._timer = DeadlineTimer(loop, clock.now, self._time_passed)
        self._encode = msgspec.msgpack.Encoder().encode
        self._batch = _Batch()
        self._flying: _Batch | None = None
        self._window: TimerHandle | None = None
        self._window_due = 0.0  # monotonic
        self._submitted_at = monotonic() - self._every_s
        self._retries = 0
        self._held = False
        self.durable = self._seq
        """Number of the newest fact that is known to be stored."""
        self.faults = 0
        """Turns that raised since the start."""

    def start(self) -> None:
        """Arm the first deadline: the engines may have some from the replay."""
        self._look_at_deadline()

    def refresh_time(self) -> None:
        """The clock made a step forward: deadlines may be due."""
        self._timer.refresh()

    def stop_time(self) -> None:
        """No `TimePassed` any more; the inbox is still drained."""
        self._timer.stop()

    def idle(self) -> bool:
        """Whether every fact posted so far is durable."""
        return not (self._inbox.waiting or self._batch.entries or self._flying)

    def pressure(self) -> Pressure:
        """How far it is behind; cheap enough to be asked for each new call."""
        inbox, flying, batch = self._inbox.waiting, self._flying, self._batch
        waiting = len(inbox) + len(batch.entries) + (len(flying.entries) if flying else 0)
        if not waiting:
            return Pressure(0, 0.0, stalled=False)
        if flying:
            oldest = flying.oldest
        elif batch.entries:
            oldest = batch.oldest
        else:
            oldest = inbox[0][1]
        return Pressure(waiting, monotonic() - oldest, self._retries > 0)

    def mute_s(self) -> float:
        """How long the ledger's thread has had a batch without a verdict; a verdict of failure is one."""
        return monotonic() - self._submitted_at if self._flying else 0.0

    def hold(self) -> tuple[int, float]:
        """Take no turn until `release`: what comes waits in the inbox. Returns number and time of the newest
        fact that was turned; it need not be stored yet. Commits and commands go on."""
        self._held = True
        return self._seq, self._last_at

    def release(self) -> None:
        """Go on after `hold`."""
        self._held = False
        if self._inbox.waiting:
            self._loop.call_soon(self.drain)

    # -- turns -----------------------------------------------------------------------------------

    def drain(self) -> None:
        """Turn what waits in the inbox, a slice of it at a time; to be called by the loop when it wakes.

        All facts of a slice get the time at which it begins.
        """
        if self._held:
            return
        waiting, batch, began = self._inbox.waiting, self._batch, monotonic()
        until = began + SLICE_S
        self._last_at = now = max(self._clock.now(), self._last_at)
        while waiting:
            fact, posted = waiting.popleft()
            if not batch.entries:
                batch.oldest, batch.begun_at = posted, began
            self._turn(fact, now, batch)
            if waiting and monotonic() >= until:
                break
        self._gather_records(batch)
        if not self._inbox.sleep():
            self._loop.call_soon(self.drain)
        self._look_at_deadline()
        if batch.entries:
            self._commit_if_due()
        elif self.idle():
            self._moved(0)

    def _turn(self, fact: AnyFact, now: float, batch: _Batch) -> None:
        try:
            packed = self._encode(fact)
        except Exception as error:
            # What cannot be stored cannot be replayed, so it must not be turned either (a half surrogate
            # in a text that its channel should have refused).
            self._fault(Fault("fact", error, describe(fact)))
            return
        self._seq += 1
        batch.entries.append(Entry(self._seq, now, packed))
        if type(fact) is TimePassed:
            self._timer.taken()
        try:
            batch.commands += self._turns.turn(fact, now)
        except Exception as error:
            self.faults += 1
            self._fault(Fault("turn", error, describe(fact), self._seq))

    def _gather_records(self, batch: _Batch) -> None:
        """Records go into the same transaction as the facts that ended their interactions."""
        try:
            batch.records += self._turns.take_records()
        except Exception as error:
            self._fault(Fault("records", error, seq=self._seq))

    def _look_at_deadline(self) -> None:
        try:
            self._timer.set(self._turns.next_deadline())
        except Exception as error:
            self._fault(Fault("deadline", error, seq=self._seq))

    def _time_passed(self) -> None:
        self._inbox.post(TimePassed())

    # -- commits ---------------------------------------------------------------------------------

    def hurry(self) -> None:
        """Somebody waits for what was posted so far: store it as soon as the spacing of commits allows."""
        self._batch.hurried = True
        self._commit_if_due()

    def _commit_if_due(self) -> None:
        batch = self._batch
        if self._flying or not batch.entries:
            return
        due = self._submitted_at + self._every_s
        if not (batch.commands or batch.hurried):
            due = max(due, batch.begun_at + UNAWAITED_S)
        wait = due - monotonic()
        if wait <= 0.0:
            self._submit()
        elif self._window is None or due < self._window_due:
            if self._window is not None:
                self._window.cancel()
            self._window, self._window_due = self._loop.call_later(wait, self._window_over), due

    def _window_over(self) -> None:
        self._window = None
        if not self._flying and self._batch.entries:
            self._submit()

    def _submit(self) -> None:
        if self._window is not None:
            self._window.cancel()
            self._window = None
        self._flying, self._batch = self._batch, _Batch()
        self._commit()

    def _commit(self) -> None:
        batch = self._flying
        if batch:
            self._submitted_at = monotonic()
            self._committer.commit(batch.entries, batch.records, self._committed)

    def _committed(self, error: Exception | None) -> None:
        batch = self._flying
        if batch is None:
            return
        if error is not None:
            self._retry(error)
            return
        if self._retries:
            self._retries = 0
            self._alarm(Alarm(STALLED, "the ledger can be written again", on=False))
        self._flying = None
        self.durable = batch.entries[-1].seq
        self._commit_if_due()
        self._outbox.send(batch.commands)
        self._moved(len(batch.entries))

    def _retry(self, error: Exception) -> None:
        """Keep the batch and try again, later each time; everything behind it waits."""
        if not self._retries:
            reason = error.message if isinstance(error, CcdError) else f"{type(error).__name__}: {error}"
            self._alarm(
                Alarm(STALLED, f"{reason}; commands are held and new calls refused until it works", on=True)
            )
        if not isinstance(error, TryLater):
            self._fault(Fault("ledger", error, seq=self.durable + 1))
        doublings = min(self._retries, RETRY_DOUBLINGS)  # 2.0**1024, after half an hour, is no float any more
        delay = min(RETRY_FIRST_S * 2.0**doublings, RETRY_MOST_S)
        self._retries += 1
        self._loop.call_later(delay, self._commit)
