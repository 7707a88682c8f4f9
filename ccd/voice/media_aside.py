"""A thread beside the media loop for what may block: reading prompts, writing recordings.

Jobs run in order; what a job returns is called on the loop's thread.
"""

import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue

After = Callable[[], None]
Job = Callable[[], After | None]


def _ignore(_problem: str) -> None:
    """Nobody is told."""


class Aside:
    """One such thread. `wake` is a file descriptor that is readable when `settle` has something to do."""

    def __init__(self, name: str, broken: Callable[[str], None] = _ignore) -> None:
        """`broken` is told on the loop's thread of a job that failed."""
        self._broken = broken
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._after: deque[After] = deque()
        self.wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._thread: threading.Thread | None = None
        self._name = name

    def put(self, job: Job) -> None:
        """Queue a job; the thread begins with the first one."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        self._jobs.put(job)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                after = job()
            except Exception as error:  # a fault in one job must not end the thread for all that follow
                after = partial(self._broken, f"{self._name}: {error!r}")
            if after is not None:
                self._after.append(after)
                os.eventfd_write(self.wake, 1)

    def settle(self) -> None:
        """On the loop's thread: call what finished jobs returned."""
        with suppress(BlockingIOError):
            os.eventfd_read(self.wake)
        while self._after:
            self._after.popleft()()

    def close(self) -> None:
        """Finish the jobs in the queue, then end the thread; `settle` once more afterwards."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None

    def release(self) -> None:
        os.close(self.wake)
