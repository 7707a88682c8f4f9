"""Recordings of a media worker: two tracks each as stereo WAV, or one as mono, written by a thread aside.

The file grows in batches under `PATH.part`; its header is made right after each batch, so that a
crash loses a second at most; at the end it is renamed to `PATH`.
"""

import heapq
import os
from collections.abc import Callable
from itertools import count
from math import inf
from typing import Final

from ccd.media.g711 import RATE, decode
from ccd.media.leg import Leg
from ccd.media.silence import Silence
from ccd.media.track import Track, interleave
from ccd.media.wav import HEADER_BYTES, header
from ccd.voice.engine import Record, Recorded
from ccd.voice.media_aside import After, Aside

BATCH_S: Final = 1.5
GRAIN_S: Final = 0.05
"""Batches of many recordings fall together on this grid."""
LAG: Final = RATE // 4
"""Samples kept back in a batch, so that late packets still find their place (250 ms)."""
PART: Final = ".part"

MESSAGE_BATCH_S: Final = 0.25
"""Batches of those that end by silence."""
QUIET_KEPT: Final = RATE // 2
"""Samples of silence left at the end of a message."""

Hear = Callable[[Recorded], None]


class _File:
    """The side of the writer thread. `problem` is set once and stops the writing."""

    __slots__ = ("_channels", "_fd", "_path", "kept", "problem", "size")

    def __init__(self, path: str, channels: int) -> None:
        self._path = path
        self._channels = channels
        self._fd = -1
        self.size = 0
        self.kept = False
        """It has its name."""
        self.problem = ""

    @property
    def seconds(self) -> float:
        return self.size / (2 * self._channels * RATE)

    def append(self, left: bytearray, right: bytearray | None, codec: str) -> None:
        """Write the channels (coded), then the header that counts them."""
        if self.problem:
            return
        sound = decode(left, codec) if right is None else interleave(left, right, codec)
        try:
            if self._fd < 0:
                os.makedirs(os.path.dirname(self._path) or ".", exist_ok=True)
                self._fd = os.open(
                    self._path + PART, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640
                )
            self._write(sound, HEADER_BYTES + self.size)
            self.size += len(sound)
            self._write(header(RATE, self._channels, self.size), 0)
        except OSError as error:
            self.problem = f"cannot write {self._path}{PART}: {error.strerror}"

    def _write(self, data: bytes, at: int) -> None:
        done = 0
        while done < len(data):
            done += os.pwrite(self._fd, data[done:], at + done)

    def cut(self, samples: int) -> None:
        """Take so much off the end."""
        if self.problem or self._fd < 0 or samples <= 0:
            return
        self.size = max(0, self.size - 2 * self._channels * samples)
        try:
            os.ftruncate(self._fd, HEADER_BYTES + self.size)
            self._write(header(RATE, self._channels, self.size), 0)
        except OSError as error:
            self.problem = f"cannot write {self._path}{PART}: {error.strerror}"

    def finish(self) -> None:
        """Give it its name; what the disk refused was the end, and what is there is kept."""
        if self._fd < 0:
            return
        try:
            if self.problem:
                os.ftruncate(self._fd, HEADER_BYTES + self.size)
                self._write(header(RATE, self._channels, self.size), 0)
            if self.size or not self.problem:
                os.replace(self._path + PART, self._path)
                self.kept = True
        except OSError as error:
            self.problem = self.problem or f"cannot rename {self._path}{PART}: {error.strerror}"
        os.close(self._fd)
        self._fd = -1


class _Recording:
    """The side of the loop."""

    __slots__ = ("clock", "codec", "command", "file", "left", "legs", "right", "silence", "taken")

    def __init__(self, command: Record, left: Leg, right: Leg | None, clock: int) -> None:
        self.command = command
        self.legs = (left,) if right is None else (left, right)
        self.clock = clock
        self.taken = 0
        self.codec = left.codec
        self.left = Track(clock, left.codec)
        self.right = None if right is None else Track(clock, left.codec)
        self.silence = Silence() if right is None else None
        self.file = _File(command.path, len(self.legs))

    def tap(self) -> None:
        """Hear the parties."""
        for leg, track in zip(self.legs, (self.left, self.right), strict=False):
            leg.record(track)


class _Deaf:
    """What hears a leg whose recording is masked: nothing is kept."""

    __slots__ = ()

    def put(self, payload: bytes | bytearray, timestamp: int, clock: int, codec: str) -> None:
        """Silence is what a track has where nothing was put."""


DEAF: Final = _Deaf()


class Recorder:
    """All recordings of one worker."""

    def __init__(self, aside: Aside, hear: Hear) -> None:
        self._aside = aside
        self._hear = hear
        self._running: dict[str, _Recording] = {}
        self._heap: list[tuple[float, int, _Recording]] = []
        self._count = count()
        self.next_due = inf

    def __len__(self) -> int:
        return len(self._running)

    def start(self, command: Record, left: Leg, right: Leg | None, now: float) -> None:
        """Begin; a leg that is recorded already keeps its running recording."""
        if (
            command.recording in self._running
            or left.track is not None
            or (right is not None and right.track is not None)
            or left is right
        ):
            note = "a leg is being recorded already"
            self._hear(Recorded(command.recording, command.left, command.path, 0.0, note))
            return
        recording = _Recording(command, left, right, int(now * RATE))
        recording.tap()
        self._running[command.recording] = recording
        self._plan(recording, now)

    def _plan(self, recording: _Recording, now: float) -> None:
        batch_s = BATCH_S if recording.silence is None else MESSAGE_BATCH_S
        due = (int((now + batch_s) / GRAIN_S) + 1) * GRAIN_S
        heapq.heappush(self._heap, (due, next(self._count), recording))
        self.next_due = self._heap[0][0]

    def run(self, now: float) -> None:
        """Hand over the batches that are due."""
        while self._heap and self._heap[0][0] <= now:
            recording = heapq.heappop(self._heap)[2]
            if self._running.get(recording.command.recording) is recording:
                self._batch(recording, int(now * RATE) - LAG)
                silence, most = recording.silence, recording.command.silence_s
                if silence is not None and 0.0 < most * RATE <= silence.quiet:
                    self.stop(recording.command.recording, now)
                else:
                    self._plan(recording, now)
        self.next_due = self._heap[0][0] if self._heap else inf

    def _batch(self, recording: _Recording, until: int) -> None:
        samples = until - recording.clock - recording.taken
        if samples <= 0:
            return
        recording.taken += samples
        left = recording.left.take(samples)
        right = None if recording.right is None else recording.right.take(samples)
        if recording.silence is not None:
            recording.silence.hear(decode(left, recording.codec))
        file = recording.file
        self._aside.put(lambda: file.append(left, right, recording.codec))

    def mask(self, name: str, on: bool) -> None:
        """Keep nothing of what the parties say from now on, or keep it again; what was said before stays."""
        recording = self._running.get(name)
        if recording is None:
            return
        if on:
            for leg in recording.legs:
                leg.record(DEAF)
        else:
            recording.tap()

    def stop(self, name: str, now: float) -> None:
        """Close one; answered by `Recorded` when the file is whole."""
        recording = self._running.pop(name, None)
        if recording is None:
            return
        for leg in recording.legs:
            leg.record(None)
        self._batch(recording, int(now * RATE))
        self._aside.put(lambda: self._finish(recording))

    def _finish(self, recording: _Recording) -> After:
        """On the writer's thread."""
        file, command = recording.file, recording.command
        if not file.size:
            file.append(bytearray(), None if recording.right is None else bytearray(), recording.codec)
        quiet = recording.silence.at_end if recording.silence is not None else 0
        kept = min(quiet, QUIET_KEPT)
        file.cut(quiet - kept)
        file.finish()
        path = command.path if file.kept else ""
        fact = Recorded(command.recording, command.left, path, file.seconds, file.problem, kept / RATE)
        return lambda: self._hear(fact)

    def leg_closed(self, leg: Leg, now: float) -> None:
        """Close the recordings that the leg is in."""
        if leg.track is None:
            return
        for name in [name for name, recording in self._running.items() if leg in recording.legs]:
            self.stop(name, now)

    def stop_all(self, now: float) -> None:
        for name in list(self._running):
            self.stop(name, now)


def rescue(record: Record) -> Recorded:
    """Make a recording whole that a dead worker left: the header counts what is there."""
    note = "the media worker died while it was recorded"
    channels = 2 if record.right else 1
    try:
        with open(record.path + PART, "r+b") as file:
            size = max(0, os.fstat(file.fileno()).st_size - HEADER_BYTES)
            file.write(header(RATE, channels, size - size % (2 * channels)))
        os.replace(record.path + PART, record.path)
    except OSError as error:
        return Recorded(record.recording, record.left, record.path, 0.0, f"{note}; {error.strerror}")
    seconds = size // (2 * channels) / RATE
    return Recorded(record.recording, record.left, record.path, seconds, note)
