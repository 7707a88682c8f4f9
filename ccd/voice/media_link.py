"""The daemon's end of one media worker: its process or thread, its socket, its ports."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from ccd.clock import monotonic
from ccd.errors import PeerBroke
from ccd.voice.engine import CloseLeg, Join, Music, OpenLeg, Play, SetStream, Stop
from ccd.voice.media_loop import MediaLoop
from ccd.voice.media_protocol import Begin, OpenPorts, Unpacker, WorkerFact, pack
from ccd.voice.media_watch import Pulse

READ_SIZE: Final = 1 << 16
"""More is memory that is mapped for each read, and given back."""
SEND_BUFFER: Final = 1 << 18
MAX_UNSENT: Final = 32 << 20
"""A worker that leaves this much unread is taken for dead."""
FIRST_PORTS: Final = 64
KEPT_MOST: Final = 32
"""Ports at the end of the range that no newcomer gets; of a small range a quarter."""
UNHURRIED: Final = frozenset({OpenLeg, SetStream, CloseLeg, Music})
UNHURRIED_S: Final = 0.02
"""Nobody hears a leg before something is played to it or it is joined: what only prepares or ends one waits
the time of a packet for company, because a frame of its own would wake the worker up."""
MUSIC_GRAIN_S: Final = 0.002
"""A timer may fire so much early: the loop counts milliseconds."""
_ENDS_MUSIC: Final = frozenset({Join, Play, Stop, CloseLeg})
STOP_S: Final = 5.0
PROGRAM: Final = "ccd.voice.media_worker"
_INHERITED: Final = frozenset({"PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"})


def child_environment() -> dict[str, str]:
    """What a process of ours needs of our environment: not the secrets that stand there (`env:NAME`)."""
    own = os.environ.items()
    return {name: value for name, value in own if name in _INHERITED or name.startswith("PYTHON")}


class MediaLink:
    """One worker. `hear` gets its facts, `ended` is called once when it is gone."""

    def __init__(
        self,
        index: int,
        begin: Begin,
        hear: Callable[["MediaLink", Any], None],
        ended: Callable[["MediaLink", str], None],
    ) -> None:
        self.index = index
        self.begin = begin
        self.free: deque[int] = deque()
        self.asked = 0
        self.total = 0
        self.exhausted = False
        self.legs: set[str] = set()
        self.pulse = Pulse()
        self.report: dict[str, Any] = {}
        self._hear = hear
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._unpacker = Unpacker(WorkerFact)
        self._pending: list[Any] = []
        self._music: dict[str, tuple[float, Music]] = {}
        """Leg → music that is to begin, and when; the first first. Under traffic others' commands leave all
        the time, and music would begin for each caller whose agent is joined a moment later."""
        self._waits: asyncio.TimerHandle | None = None
        self._hurried = False  # a flush is due in this turn of the loop
        self._unsent = b""
        self._writing = False
        self._open = False
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._socket, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        for end in (self._socket, self._theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)

    @property
    def pid(self) -> int:
        """Process id of the worker; 0 for a thread."""
        return self._process.pid if self._process is not None else 0

    @property
    def scarce(self) -> bool:
        """Its range is used up but for what those who wait will need: one more each, for the agent's leg.
        Were newcomers to take the last ones too, nobody could be put through until somebody gives up."""
        return self.exhausted and len(self.free) <= min(KEPT_MOST, self.total // 4)

    def start(self, *, process: bool) -> None:
        """Begin the worker and listen to it. Raises OSError when the process cannot be made."""
        if process:
            self._spawn()
            self._theirs.close()
        else:
            loop = MediaLoop(self._theirs, self.begin)
            self._thread = threading.Thread(target=loop.run, name=f"ccd-media-{self.index}", daemon=True)
            self._thread.start()
        self._socket.setblocking(False)
        self._open = True
        self._loop.add_reader(self._socket.fileno(), self._read)
        if process:
            self.send(self.begin)
        self.ask_ports(FIRST_PORTS)

    def _spawn(self) -> None:
        """The process gets our module path and its socket, nothing else of ours."""
        number = self._theirs.fileno()
        path = os.pathsep.join(entry for entry in sys.path if entry)
        self._process = subprocess.Popen(  # noqa: S603  our own interpreter and module
            [sys.executable, "-S", "-m", PROGRAM, str(number)],
            pass_fds=(number,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={**child_environment(), "PYTHONPATH": path},
        )

    def send(self, command: Any) -> None:
        """Queue a command, in order; all of one turn of the loop go in one write."""
        if not self._open:
            return
        kind = type(command)
        if kind is Music:
            self._music.pop(command.leg, None)
            self._music[command.leg] = monotonic() + UNHURRIED_S, command
        else:
            if self._music and kind in _ENDS_MUSIC:
                self._end_music(kind, command)
            self._pending.append(command)
        if kind in UNHURRIED:
            if self._waits is None and not self._hurried:
                self._waits = self._loop.call_later(UNHURRIED_S, self._flush)
        elif not self._hurried:
            self._hurried = True
            self._loop.call_soon(self._flush)

    def _end_music(self, kind: type, command: Any) -> None:
        """What ends music that has not begun spares the worker its beginning."""
        if kind is Join:
            self._music.pop(command.a, None)
            self._music.pop(command.b, None)
        else:
            self._music.pop(command.leg, None)

    def _begin_music(self) -> None:
        """Let the music go whose time has come, and wait for the next."""
        now = monotonic() + MUSIC_GRAIN_S
        while self._music:
            leg, (due, command) = next(iter(self._music.items()))
            if due > now:
                self._waits = self._loop.call_later(due - now + MUSIC_GRAIN_S, self._flush)
                return
            del self._music[leg]
            self._pending.append(command)

    def ask_ports(self, count: int) -> None:
        self.asked += count
        self.send(OpenPorts(count))

    def _flush(self) -> None:
        self._hurried = False
        if self._waits is not None:
            self._waits.cancel()
            self._waits = None
        if self._music and self._open:
            self._begin_music()
        if self._pending and self._open:
            frame = pack(self._pending)
            self._pending = []
            self._unsent += frame
            if not self._writing:
                self._write()

    def _write(self) -> None:
        try:
            done = self._socket.send(self._unsent)
        except BlockingIOError:
            done = 0
        except OSError as error:
            self._end(f"control socket: {error.strerror}")
            return
        self._unsent = self._unsent[done:]
        if len(self._unsent) > MAX_UNSENT:
            self._end("it does not read its commands")
        elif self._unsent and not self._writing:
            self._writing = True
            self._loop.add_writer(self._socket.fileno(), self._write)
        elif not self._unsent and self._writing:
            self._writing = False
            self._loop.remove_writer(self._socket.fileno())

    def _read(self) -> None:
        try:
            data = self._socket.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end("the worker ended")
            return
        self.pulse.sign()
        try:
            for fact in self._unpacker.feed(data):
                self._hear(self, fact)
        except PeerBroke as error:
            self._end(error.message)

    def end(self, why: str) -> None:
        """It hangs: be done with it at once, and no longer in anybody's way."""
        if self._process is not None and self._open:
            self._process.kill()
            self._end(why)

    def _end(self, why: str) -> None:
        if self._open:
            self._shut()
            self._ended(self, why)

    def _shut(self) -> None:
        self._open = False
        self._loop.remove_reader(self._socket.fileno())
        if self._writing:
            self._loop.remove_writer(self._socket.fileno())
        self._socket.close()

    async def stop(self) -> list[Any]:
        """Tell the worker to end and wait for it; the facts of its last turn (closed recordings)."""
        if not self._open:
            await asyncio.to_thread(self.reap, STOP_S)
            return []
        self._flush()
        self._open = False
        self._loop.remove_reader(self._socket.fileno())
        if self._writing:
            self._loop.remove_writer(self._socket.fileno())
        return await asyncio.to_thread(self._hear_out)

    def _hear_out(self) -> list[Any]:
        """On a thread: send what is left, then read until the worker closes its end."""
        facts: list[Any] = []
        self._socket.settimeout(STOP_S)
        try:
            self._socket.sendall(self._unsent)
            self._socket.shutdown(socket.SHUT_WR)
            while data := self._socket.recv(READ_SIZE):
                facts += self._unpacker.feed(data)
        except (OSError, PeerBroke):
            pass  # it died meanwhile, or hangs and is killed below
        self._socket.close()
        self.reap(STOP_S)
        return facts

    def reap(self, patience_s: float) -> None:
        """Wait for a worker whose socket is closed; one that does not end is killed."""
        if self._thread is not None:
            self._thread.join(patience_s)
        if self._process is not None:
            try:
                self._process.wait(patience_s)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
