"""The log never stops the work."""

import asyncio
import errno
import io
import json
import logging
import os
from collections.abc import Iterator

import pytest
import structlog
import uvloop

from ccd.runtime.log import Lines, configure


@pytest.fixture
def afterwards() -> Iterator[None]:
    """Logging as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers.clear()  # pytest's would be closed
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("afterwards")
def test_what_asyncio_logs_is_a_line_like_others(capsys: pytest.CaptureFixture[str]) -> None:
    """A fault of ours in a callback: whoever reads the log as JSON, or by priority, must not miss it."""

    def refuse() -> None:
        raise ValueError("no")

    async def meet() -> None:
        asyncio.get_running_loop().call_soon(refuse)
        await asyncio.sleep(0)
        logging.getLogger("aiohttp.access").info("not worth a line")

    configure("json", "info", {})
    uvloop.run(meet())
    (line,) = map(json.loads, capsys.readouterr().err.splitlines())
    assert line["level"] == "error" and line["logger"] == "asyncio"
    assert "refuse" in line["event"] and "ValueError: no" in line["exception"]
    logging.getLogger("asyncio").error("%d", "no number")  # their fault, told and not raised
    assert "no number" in capsys.readouterr().err
    configure("auto", "info", {"JOURNAL_STREAM": "8:1"})
    uvloop.run(meet())
    (text,) = capsys.readouterr().err.splitlines()
    assert text.startswith("<3>") and "ValueError: no" in text


@pytest.mark.parametrize("kind", ["console", "json", "auto"])
@pytest.mark.usefixtures("afterwards")
def test_a_traceback_shows_no_values(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What a fault of ours had in its variables may be a password or what a caller said."""
    configure(kind, "info", {"JOURNAL_STREAM": "8:1"} if kind == "auto" else {})

    def refuse(password: str) -> None:
        raise ValueError(len(password))

    try:
        refuse("".join(("hun", "ter2")))  # the line of code is shown, and may be
    except ValueError:
        structlog.get_logger().exception("fault")
    shown = capsys.readouterr().err
    assert "in refuse" in shown and "ValueError: 7" in shown
    assert "hunter2" not in shown


class Full(io.StringIO):
    """A stream on a disk that is full for a while."""

    full = True

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)

    def flush(self) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_loses_lines_and_nothing_else() -> None:
    stream = Full()
    lines = Lines(stream)
    print("lost", file=lines, flush=True)
    assert lines.lost == 1
    stream.full = False
    print("kept", file=lines, flush=True)
    assert stream.getvalue() == "kept\n" and lines.lost == 1


def test_a_closed_stream_is_survived() -> None:
    stream = io.StringIO()
    stream.close()
    lines = Lines(stream)
    lines.write("nobody reads this")
    lines.flush()
    assert lines.lost >= 1


def test_a_pipe_that_nobody_empties_holds_nobody_up() -> None:
    """As under a journal that hangs: lines are left out until somebody reads again, none is torn."""
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0) as far, open(writing, "w", encoding="utf-8") as near:
        lines = Lines(near)
        words = "é" * 300
        count = 0
        while not lines.lost:
            print(words, file=lines, flush=True)
            count += 1
        for _ in range(50):
            print(words, file=lines, flush=True)
        assert lines.lost == 51
        assert far.read(1 << 20) == f"{words}\n".encode() * (count - 1)
        print("kept", file=lines, flush=True)
        assert far.read(100) == b"kept\n"


def test_a_long_line_is_written_whole_where_there_is_room() -> None:
    reading, writing = os.pipe()
    with open(reading, "rb", buffering=0) as far, open(writing, "w", encoding="utf-8") as near:
        print("x" * 20_000, file=Lines(near), flush=True)
        assert far.read(1 << 20) == b"x" * 20_000 + b"\n"
