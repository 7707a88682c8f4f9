"""One timer for all deadlines of the engines: it posts `TimePassed` when one is due, and only then."""

from asyncio import TimerHandle
from collections.abc import Callable
from typing import Any, Protocol

SHORTEST_S = 0.001
LONGEST_S = 24 * 3600.0
"""No wait is longer: after a leap of the clock a deadline may be years away, and what waits in the end has a
longest wait of its own. It looks then, and waits again."""
LAG_S = 0.05
"""A deadline still due after its `TimePassed` was taken (a bug of an engine) is asked again this late."""


class Later(Protocol):
    """The part of an event loop that timers need."""

    def call_later(self, delay: float, callback: Callable[..., Any], /) -> TimerHandle: ...


class DeadlineTimer:
    """Waits for the next deadline. An armed wait is kept when the deadline moves back: it fires, looks,
    and arms again, which costs less than cancelling at each turn."""

    __slots__ = ("_answered", "_armed_for", "_asked", "_deadline", "_due", "_handle", "_later", "_now")

    def __init__(self, later: Later, now: Callable[[], float], due: Callable[[], None]) -> None:
        """`due` posts the fact; `now` in seconds since the epoch."""
        self._later = later
        self._now = now
        self._due = due
        self._deadline: float | None = None
        self._handle: TimerHandle | None = None
        self._armed_for = (
            0.0  # not when it fires: a deadline in the past must not push the wait on at each turn
        )
        self._asked = False  # a TimePassed is on its way
        self._answered: float | None = None  # the deadline that the last TimePassed was for

    def set(self, deadline: float | None) -> None:
        """The deadline of the engines after a turn; call it after every batch of turns."""
        self._deadline = deadline
        if deadline is None or self._asked or (self._handle and self._armed_for <= deadline):
            return
        self._arm(deadline)

    def taken(self) -> None:
        """The `TimePassed` fact was handed to the engines: the next `set` may ask for another."""
        self._asked = False

    def refresh(self) -> None:
        """The clock made a step forward: look again."""
        if self._handle and self._deadline is not None:
            self._arm(self._deadline)

    def stop(self) -> None:
        """Ask for nothing any more."""
        self._deadline = None
        if self._handle:
            self._handle.cancel()
            self._handle = None

    def _arm(self, deadline: float) -> None:
        if self._handle:
            self._handle.cancel()
        now = self._now()
        delay = min(max(deadline - now, SHORTEST_S), LONGEST_S)
        if self._answered is not None and deadline <= self._answered:
            delay = max(delay, LAG_S)
        self._armed_for = deadline
        self._handle = self._later.call_later(delay, self._fire)

    def _fire(self) -> None:
        self._handle = None
        deadline = self._deadline
        if deadline is None or self._asked:
            return
        if self._now() < deadline:
            self._arm(deadline)
            return
        self._asked = True
        self._answered = deadline
        self._due()
