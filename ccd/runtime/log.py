"""Log lines: one structured line a move, with ids. Console for people, JSON for machines, journal for both.

Under systemd each line begins with its priority (sd-daemon(3)) and has no time of its own.
"""

import logging
import select
import sys
from collections.abc import Callable, Mapping
from typing import Any, TextIO, cast

import structlog

_PRIORITY = {"debug": 7, "info": 6, "warning": 4, "error": 3, "exception": 3, "critical": 2}
PIECE = 1024
"""Characters written at once: four bytes each at most, and 4096 bytes go into a pipe whole or not at all."""
_SECRET = ("password", "secret", "token", "authorization", "nonce")


def _hide_secrets(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    for key in event:
        if any(word in key.lower() for word in _SECRET):
            event[key] = "…"
    return event


def _journal_line(_logger: Any, method: str, event: dict[str, Any]) -> str:
    priority = _PRIORITY.get(event.pop("level", method), 6)
    what = event.pop("event", "")
    words = " ".join(f"{key}={value!r}" for key, value in event.items())
    return f"<{priority}>{what} {words}".rstrip().replace("\n", "\\n")


class Lines:
    """A stream that takes what it can: a full disk, a closed pipe or one that nobody empties (a journal or a
    `tee` that hangs) under the log must not stop the work. What cannot be taken at once is left out.
    """

    __slots__ = ("__weakref__", "_gathered", "_ready", "_stream", "lost")

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._ready = _readiness(stream)
        self._gathered: list[str] = []
        self.lost = 0
        """Lines that could not be written."""

    def write(self, text: str) -> int:
        self._gathered.append(text)
        return len(text)

    def flush(self) -> None:
        """Write the line that was gathered, a piece at a time: so much a pipe that is ready takes at once."""
        text = "".join(self._gathered)
        self._gathered.clear()
        try:
            for start in range(0, len(text), PIECE):
                if not self._ready():
                    self.lost += 1
                    return
                self._stream.write(text[start : start + PIECE])
                self._stream.flush()
        except (OSError, ValueError):
            self.lost += 1


def _readiness(stream: TextIO) -> Callable[[], object]:
    """Asks whether a stream takes a piece without a wait (poll(2); PIPE_BUF of pipe(7)); files always do."""
    try:
        number = stream.fileno()
    except (OSError, ValueError):  # no file of the system
        return lambda: True
    poll = select.poll()
    poll.register(number, select.POLLOUT)
    return lambda: poll.poll(0)


class _Libraries(logging.Handler):
    """What libraries log by themselves, in lines of ours: a fault in a callback is told by asyncio so."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            words, fault = record.getMessage(), record.exc_info or None
            structlog.get_logger().log(record.levelno, words, logger=record.name, exc_info=fault)
        except Exception:  # words that do not fit together must not break who said them
            self.handleError(record)


def configure(kind: str, level: str, environ: Mapping[str, str]) -> None:
    """Set up structlog for the whole process; `kind`: `auto`, `console` or `json`."""
    if kind == "auto":
        kind = "journal" if "JOURNAL_STREAM" in environ else "console"
    processors: list[Any] = [structlog.contextvars.merge_contextvars, structlog.processors.add_log_level]
    if kind != "journal":
        processors.append(structlog.processors.TimeStamper(fmt="iso", utc=True))
    processors += [_hide_secrets, structlog.processors.format_exc_info]
    if kind == "journal":
        processors.append(_journal_line)
    elif kind == "json":
        processors.append(structlog.processors.JSONRenderer())
    else:
        processors.pop()
        # where rich is installed the usual traceback shows the value of each local variable: passwords too
        plain = structlog.dev.plain_traceback
        colours = sys.stderr.isatty()
        processors.append(structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=plain))
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper(), logging.INFO)),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, Lines(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(handlers=[_Libraries()], level=logging.WARNING, force=True)
