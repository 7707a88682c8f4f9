"""Recordings that could not be written: an alarm until one can be again, not a gap found a month later."""

from typing import Any, Final

import structlog

from ccd.voice.engine import Recorded

log = structlog.get_logger("voice")

CANNOT: Final = "cannot "
"""How `voice.recorder` begins what the disk refused."""


class RecordingFaults:
    """Those in a row, of one voice channel."""

    __slots__ = ("_failed", "_problem")

    def __init__(self) -> None:
        self._failed = 0
        self._problem = ""

    def heard(self, fact: Recorded) -> None:
        """One was closed, whole or not."""
        if fact.note.startswith(CANNOT):
            self._failed += 1
            self._problem = fact.note
            log.error("recording failed", recording=fact.recording, problem=fact.note, seconds=fact.seconds)
        elif not fact.note and self._failed:
            log.info("recordings are written again", failed=self._failed)
            self._failed = 0

    def report(self) -> list[dict[str, Any]]:
        """One row while they fail, none else."""
        return [{"failed": self._failed, "problem": self._problem}] if self._failed else []
