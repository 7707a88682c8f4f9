"""Whether the media workers answer: one that hangs is ended, as if it had died by itself.

A worker that lives and does nothing (stopped, stuck in a system call, in a loop of its own) is worse than a
dead one: its calls stay up in silence, and new ones are given to it. Its legs are reported failed then, and
the next worker takes its place.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

from ccd.voice.media_protocol import Ping

ASK_S: Final = 2.0
MOST_MISSED: Final = 5
"""So many questions in a row without a sign of life. They are counted, not timed: a daemon that was stopped
itself, or starved, asks once when it goes on and is answered at once."""


class Pulse:
    """What is known of one worker."""

    __slots__ = ("heard", "known", "missed")

    def __init__(self) -> None:
        self.known = False
        """It has begun to work: starting may take long on a busy machine, and is bounded elsewhere."""
        self.heard = False
        self.missed = 0

    def sign(self) -> None:
        """Something came from it."""
        self.known = self.heard = True

    def hangs(self) -> bool:
        """To be asked each time before it is asked for a sign."""
        self.missed = self.missed + 1 if self.known and not self.heard else 0
        self.heard = False
        return self.missed > MOST_MISSED


class Watch:
    """Asks all workers of an engine, again and again."""

    __slots__ = ("_links", "_timer")

    def __init__(self, links: Callable[[], Sequence[Any]]) -> None:
        """`links`: the workers (`MediaLink`) of the moment."""
        self._links = links
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Ask from now on, until `stop`."""
        self._timer = asyncio.get_running_loop().call_later(ASK_S, self._again)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _again(self) -> None:
        self.start()
        self.look()

    def look(self) -> None:
        """Ask each once more; end those that hang."""
        for link in list(self._links()):
            if link.pulse.hangs():
                link.end(f"it has given no answer for {MOST_MISSED * ASK_S:.0f} s")
            else:
                link.send(Ping())
