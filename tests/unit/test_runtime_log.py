"""The log never stops the work."""

import errno
import io

from ccd.runtime.log import Lines


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
    assert lines.lost == 3  # the words, the end of the line, the flush
    stream.full = False
    print("kept", file=lines, flush=True)
    assert stream.getvalue() == "kept\n" and lines.lost == 3


def test_a_closed_stream_is_survived() -> None:
    stream = io.StringIO()
    stream.close()
    lines = Lines(stream)
    lines.write("nobody reads this")
    lines.flush()
    assert lines.lost >= 1
