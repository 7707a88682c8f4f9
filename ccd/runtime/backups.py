"""Copies of the ledger that `ccctl backup` asks for: made by another process, one at a time.

RESTING ──start──▶ RUNNING ──whole──▶ RESTING (told: what was made)
                      └─────failed──▶ RESTING (told: why; an alarm until one is made again)
"""

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from ccd.errors import TryLater
from ccd.runtime.process import end

log = structlog.get_logger("ccd")

LONGEST_S = 6 * 3600.0
FOLDER = "backups"
"""In the state folder: where copies go that nobody gave a name."""


class Backups:
    """The copies of one daemon."""

    __slots__ = ("_argv", "_env", "_made", "_nice", "_problem", "_running", "_task", "folder")

    def __init__(
        self, argv: Sequence[str], folder: Path, env: Mapping[str, str] | None = None, nice: int = 10
    ) -> None:
        """`argv`: the command; target and how many to keep are added. It prints one JSON object."""
        self._argv = tuple(argv)
        self._env = env
        self._nice = nice
        self._task: asyncio.Task[None] | None = None
        self._running = ""
        self._made: dict[str, Any] = {}
        self._problem: dict[str, str] = {}
        self.folder = folder

    def name(self, now: float) -> Path:
        """What a copy of now is called, so that names are in the order of time."""
        moment = datetime.fromtimestamp(now, UTC).isoformat("T", "milliseconds")[:-6].replace(":", "-")
        return self.folder / f"ledger-{moment}Z.sqlite"

    def start(self, target: Path, keep: int, by: str) -> None:
        """Begin; `keep` 0: all older ones. Raises `TryLater` while another one runs."""
        if self._task is not None and not self._task.done():
            raise TryLater("backup.running", f"{self._running} is being written — ask again when it is done")
        self._running = str(target)
        self._task = asyncio.get_running_loop().create_task(self._run(keep, by), name="backup")

    def view(self) -> dict[str, Any]:
        """Whether one runs, the last one made, and why the last one failed if it did."""
        running = self._task is not None and not self._task.done()
        return {"running": self._running if running else "", "made": self._made, "problem": self._problem}

    @property
    def problem(self) -> str:
        """Why the last one failed; empty: it did not."""
        return self._problem.get("message", "")

    async def stop(self) -> None:
        """End the one under way."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self, keep: int, by: str) -> None:
        target = self._running
        told = await self._tell(target, keep)
        if "problem" in told:
            self._problem = told["problem"]
            log.error("backup failed", path=target, by=by, problem=self.problem)
        else:
            self._made, self._problem = told, {}
            log.info("backup made", by=by, **told)

    async def _tell(self, target: str, keep: int) -> dict[str, Any]:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._argv,
                target,
                str(keep),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=self._env,
            )
        except OSError as error:
            return _problem(f"{self._argv[0]} cannot be started: {error.strerror}")
        with suppress(OSError):  # it may be gone already
            os.setpriority(
                os.PRIO_PROCESS, process.pid, self._nice
            )  # somebody waits for it: no more than that
        try:
            async with asyncio.timeout(LONGEST_S):
                said, words = await process.communicate()
            told: dict[str, Any] = json.loads(said)
        except TimeoutError:
            await end(process)
            return _problem(f"it took longer than {LONGEST_S / 3600:g} h and was ended")
        except ValueError:  # it died before it could say why
            last = words.decode("utf-8", "replace").strip().rpartition("\n")[2][-500:]
            return _problem(f"its process ended with {process.returncode}: {last}")
        except asyncio.CancelledError:
            await end(process)  # the next one takes the half copy away
            raise
        return told


def _problem(message: str) -> dict[str, Any]:
    return {"problem": {"kind": "refused", "code": "backup.failed", "message": message}}
