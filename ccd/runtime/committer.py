"""The ledger's own thread: batches in, verdicts back to the loop, one at a time and in order."""

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any

from ccd.channels.ledger import Entry, Ledger, RecordRow

Verdict = Callable[[Exception | None], None]
"""Called on the loop's thread: None when the batch is durable."""


class Committer:
    """Owns the ledger while it runs: nobody else touches it from `start` to the end of `join`."""

    __slots__ = ("_jobs", "_ledger", "_soon", "_thread")

    def __init__(self, ledger: Ledger, soon: Callable[..., object]) -> None:
        """`soon` is the loop's `call_soon_threadsafe`."""
        self._ledger = ledger
        self._soon = soon
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="ccd-ledger", daemon=True)

    def start(self) -> None:
        """Start the thread. Idempotent."""
        if self._thread.ident is None:
            self._thread.start()

    def commit(self, entries: list[Entry], records: list[RecordRow], verdict: Verdict) -> None:
        """Store a batch; the lists must not be changed any more."""

        def job() -> None:
            error: Exception | None = None
            try:
                self._ledger.append(entries, records)
            except Exception as caught:
                error = caught
            self._tell(verdict, error)

        self._jobs.put(job)

    def ask(self, question: Callable[[Ledger], Any], answer: Callable[[Any, Exception | None], None]) -> None:
        """Run a short question between two batches; `answer` gets (value, error) on the loop's thread."""

        def job() -> None:
            value, error = None, None
            try:
                value = question(self._ledger)
            except Exception as caught:
                error = caught
            self._tell(answer, value, error)

        self._jobs.put(job)

    def close(self, closed: Callable[[], None]) -> None:
        """After everything handed in: close the ledger, end the thread, call `closed` on the loop."""

        def job() -> None:
            self._ledger.close()
            self._tell(closed)

        self._jobs.put(job)
        self._jobs.put(None)

    def join(self, timeout_s: float) -> None:
        """Wait for the end of the thread; call after `closed` came."""
        self._thread.join(timeout_s)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _tell(self, callback: Callable[..., None], *values: Any) -> None:
        try:
            self._soon(callback, *values)
        except RuntimeError:  # the loop is closed: nobody is left who could be told
            return
