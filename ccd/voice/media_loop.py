"""The loop of a media worker: epoll over RTP sockets, the control socket and two threads aside.

Waking up costs more than a packet. So after a turn that found traffic, the loop sleeps `gather` and
then takes all that came meanwhile at once, as a network card does when it moderates interrupts: a
packet waits a millisecond at most, and an idle worker sleeps until something happens.
"""

import select
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from math import inf
from typing import Any, Final

from ccd.clock import SystemClock, monotonic
from ccd.errors import PeerBroke
from ccd.media.g711 import RATE
from ccd.media.leg import FRAME_PACKET, Leg
from ccd.media.packet import MAX_PACKET
from ccd.voice import media_reports
from ccd.voice.audio_files import Library
from ccd.voice.engine import LegClosed
from ccd.voice.media_legs import Legs
from ccd.voice.media_ports import Port, PortPool
from ccd.voice.media_protocol import (
    AskReport,
    Begin,
    OpenPorts,
    Ping,
    Pong,
    PortsReady,
    Prepare,
    Reload,
    Trouble,
    Unpacker,
    WorkerCommand,
    WorkerReport,
    pack,
)
from ccd.voice.media_upkeep import Upkeep

BUSY: Final = 1.6
"""Gather only when the last turn was less than this many `gather` ago: else there is nothing to."""
MAX_EVENTS: Final = 512
LAG_STEPS: Final = 500
LAG_STEP_S: Final = 0.0001
"""The histogram of turns: 500 steps of 0.1 ms."""
READ_SIZE: Final = 1 << 16
"""More is memory that is mapped for each read, and given back."""
QUIET_S: Final = 0.2
"""Facts that nobody acts on wait so long for others to travel with."""


class MediaLoop:
    """One worker's loop; `run` returns when the control socket is closed by the other side."""

    def __init__(
        self,
        control: socket.socket,
        begin: Begin,
        unpacker: Unpacker | None = None,
        early: Sequence[Any] = (),
    ) -> None:
        """`unpacker`: where reading `begin` left off; `early`: commands that came with it."""
        control.setblocking(False)
        self._control = control
        self._unpacker = unpacker or Unpacker(WorkerCommand)
        self._gather = begin.gather_ms / 1000.0
        self._epoll = select.epoll()
        self._facts: list[Any] = []
        self._quiet: list[LegClosed] = []
        self._quiet_due = inf
        self._unsent = b""
        self._buffer = bytearray(MAX_PACKET + 20)
        self._view = memoryview(self._buffer)
        self._pool = PortPool(self._epoll, begin.host, begin.port_min, begin.port_max)
        wall_offset = SystemClock().now() - monotonic()
        self._legs = Legs(
            self._pool,
            lambda lost: Upkeep(begin.dead_after_s, wall_offset, self._send_rtcp, lost),
            Library(begin.prompts, begin.music),
            self._tell,
            begin.speech,
            begin.inband_dtmf,
            self._reported,
        )
        if begin.encrypts:
            import_module("ccd.media.srtp")
        self._running = True
        self._stray = 0
        self._lags = [0] * LAG_STEPS
        self._worst_lag = 0.0
        self._epoll.register(control, select.EPOLLIN)
        self._others: dict[int, Callable[[int, float], None]] = {control.fileno(): self._on_control}
        for aside in self._legs.asides:
            self._epoll.register(aside.wake, select.EPOLLIN)
            self._others[aside.wake] = lambda _mask, _now, settle=aside.settle: settle()  # type: ignore[misc]
        self._obey(early, monotonic())

    def run(self) -> None:
        """Until the control socket closes."""
        gather, poll, pool, legs = self._gather, self._epoll.poll, self._pool, self._legs
        last, busy = 0.0, BUSY * gather
        try:
            while self._running:
                events = poll(self._patience(), MAX_EVENTS)
                now = monotonic()
                if events:
                    self._take(events, now)
                if legs.pace.next_due <= now:
                    self._play(now)
                if legs.upkeep.next_due <= now:
                    legs.upkeep.run(now)
                if legs.recorder.next_due <= now:
                    legs.recorder.run(now)
                if pool.asked:
                    self._announce()
                if self._facts or now >= self._quiet_due:
                    self._flush()
                away = monotonic() - now
                self._note(away)
                if events and away < gather and now - last < busy:
                    time.sleep(gather - away)
                last = now
        finally:
            self._close()

    def _patience(self) -> float:
        """Seconds that the loop may wait; -1: for ever."""
        if self._pool.asked:
            return 0.0
        legs = self._legs
        due = min(legs.pace.next_due, legs.upkeep.next_due, legs.recorder.next_due, self._quiet_due)
        if due == inf:
            return -1.0
        wait = due - monotonic()
        return wait if wait > 0.0 else 0.0

    def _note(self, away: float) -> None:
        step = int(away / LAG_STEP_S)
        self._lags[step if step < LAG_STEPS else -1] += 1
        if away > self._worst_lag:  # noqa: PLR1730  a call to max costs more than the rest
            self._worst_lag = away

    # --- packets -----------------------------------------------------------------------------------

    def _take(self, events: list[tuple[int, int]], now: float) -> None:
        """One packet of each socket that has one; the rest is taken in the next turn."""
        ports, buffer, view = self._pool.rtp, self._buffer, self._view
        clock = int(now * RATE)
        for fd, mask in events:
            port = ports.get(fd)
            if port is None:
                self._take_other(fd, mask, now)
                continue
            try:
                size, source = port.receive(buffer)
                leg = port.leg
                if leg is None:
                    self._stray += 1
                    continue
                size = leg.receive(buffer, size, source, now, clock)
                if size:
                    other = leg.partner
                    other.port.send(view[:size], other.address)  # type: ignore[union-attr]
            except OSError:
                continue  # nothing there after all, or no way to the far end: RTP loses packets
            except Exception as error:  # a bug in one leg must not end the others
                if port.leg is not None:
                    self._legs.fail(port.leg, error, now)

    def _take_other(self, fd: int, mask: int, now: float) -> None:
        other = self._others.get(fd)
        if other is not None:
            other(mask, now)
            return
        port = self._pool.rtcp.get(fd)
        if port is None:
            return
        try:
            data = media_reports.read(port)
        except OSError:
            return
        self._reported(port, data, now)

    def _reported(self, port: Port, data: bytes, now: float | None = None) -> None:
        """RTCP came, by its own socket or by that of RTP."""
        if port.leg is None:
            self._stray += 1
            return
        plain = media_reports.opened(port, data)
        self._legs.upkeep.read(port.leg, plain, monotonic() if now is None else now)

    def _play(self, now: float) -> None:
        """The packets whose beat has come."""
        buffer, view, pace = self._buffer, self._view, self._legs.pace
        frame = view[:FRAME_PACKET]
        for leg in pace.due(now):
            try:
                size = leg.tick(buffer, now)
                if size:
                    data = frame if size == FRAME_PACKET else view[:size]
                    leg.port.send(data, leg.address)  # type: ignore[attr-defined]
                elif not leg.paced:
                    pace.remove(leg)
            except OSError:
                continue
            except Exception as error:  # a bug in one leg must not end the others
                self._legs.fail(leg, error, now)

    def _send_rtcp(self, leg: Leg, data: bytes) -> None:
        port, address = leg.port, leg.address
        if isinstance(port, Port) and address is not None:
            media_reports.send(port, data, address)

    # --- control -----------------------------------------------------------------------------------

    def _on_control(self, mask: int, now: float) -> None:
        if mask & select.EPOLLOUT:
            self._flush()
        if not mask & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
            return
        try:
            data = self._control.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._running = False
            return
        try:
            self._obey(self._unpacker.feed(data), now)
        except PeerBroke:
            self._running = False  # the daemon sees the socket close and begins a new worker

    def _obey(self, commands: Iterable[Any], now: float) -> None:
        acts = self._legs.act
        for command in commands:
            act = acts.get(type(command))
            if act is None:
                self._obey_apart(command)
                continue
            try:
                act(command, now)
            except Exception as error:  # a bug in one command must not end the others
                self._facts.append(Trouble(f"{type(command).__name__} failed: {error!r}"))

    def _obey_apart(self, command: Any) -> None:
        """What is no leg's affair. `Begin` was heard before."""
        if isinstance(command, OpenPorts):
            self._pool.ask(command.count)
        elif isinstance(command, Reload):
            self._legs.library.forget()
        elif isinstance(command, Prepare):
            self._legs.prepare(command.texts)
        elif isinstance(command, AskReport):
            self._facts.append(self._report())
        elif isinstance(command, Ping):
            self._facts.append(Pong())

    def _announce(self) -> None:
        """Bind some of the ports that were asked for, and tell which may be given out now."""
        made, exhausted = self._pool.bind_some()
        if made or exhausted:
            self._facts.append(PortsReady(tuple(made), exhausted, self._pool.note if exhausted else ""))

    def _report(self) -> WorkerReport:
        """Counters, and the lag since the last report."""
        legs = self._legs
        received, sent = legs.counts()
        turns, seen, step = sum(self._lags), 0, 0
        for step, number in enumerate(self._lags):  # noqa: B007  used after the loop
            seen += number
            if seen >= 0.99 * turns:
                break
        report = WorkerReport(
            legs=len(legs.legs),
            received=received,
            sent=sent,
            stray=self._stray,
            lag_p99_ms=round((step + 1) * LAG_STEP_S * 1000, 2) if turns else 0.0,
            lag_max_ms=round(self._worst_lag * 1000, 2),
            late_max_ms=round(legs.pace.worst_late_s * 1000, 2),
            recordings=len(legs.recorder),
        )
        self._lags = [0] * LAG_STEPS
        self._worst_lag = legs.pace.worst_late_s = 0.0
        return report

    def _tell(self, fact: Any) -> None:
        """Statistics of closed legs can wait for company: each frame wakes the daemon up."""
        if isinstance(fact, LegClosed):
            if not self._quiet:
                self._quiet_due = monotonic() + QUIET_S
            self._quiet.append(fact)
        else:
            self._facts.append(fact)

    def _flush(self) -> None:
        """Send the facts of this turn; what the socket does not take waits for it."""
        data = self._unsent
        if self._facts or self._quiet:
            data += pack(self._facts + self._quiet)
            self._facts.clear()
            self._quiet.clear()
            self._quiet_due = inf
        try:
            done = self._control.send(data) if data else 0
        except BlockingIOError:
            done = 0
        except OSError:
            self._running = False
            return
        waited = bool(self._unsent)
        self._unsent = data[done:]
        if waited != bool(self._unsent):
            wish = select.EPOLLIN | (select.EPOLLOUT if self._unsent else 0)
            self._epoll.modify(self._control, wish)

    def _close(self) -> None:
        self._legs.close(monotonic())
        self._control.setblocking(True)
        self._flush()
        self._pool.close()
        self._epoll.close()
        self._control.close()
