"""The embedded media engine: worker processes of ours (or a thread) behind the engine port.

Keeps which worker has which leg, hands out ports that are bound, and replaces a worker that dies:
its legs are reported failed, its recordings are closed with what is on disk.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import structlog

from ccd.clock import monotonic
from ccd.errors import TryLater
from ccd.model.settings import MediaSettings
from ccd.voice.engine import (
    AnyMediaCommand,
    CloseLeg,
    Hear,
    Join,
    LegFailed,
    OpenLeg,
    Record,
    Recorded,
    SetStream,
)
from ccd.voice.media_link import MediaLink
from ccd.voice.media_protocol import (
    AskReport,
    Begin,
    Pong,
    PortsReady,
    Prepare,
    Reload,
    Trouble,
    WorkerReport,
)
from ccd.voice.media_watch import Watch
from ccd.voice.recorder import rescue
from ccd.voice.speech_plan import SpeechPlan, Texts

LOCAL: Final = "127.0.0.1"
START_S: Final = 10.0
LOW_PORTS: Final = 32
"""Fewer free ports than this, or than a quarter of all: ask for more."""
MORE_PORTS: Final = 64
LEASE_S: Final = 30.0
"""A port that was taken and never opened is free again after this long."""
REST_S: Final = 2.0
"""A port is given out again so long after its leg closed: late packets of the last call are gone then."""
BACK_OFF_S: Final = (0.05, 0.5, 1.0, 2.0, 5.0)
STEADY_S: Final = 60.0
"""A worker that lived this long begins the back-off anew."""
GATHER_MS: Final = 1.0

_log = structlog.get_logger("ccd.media")


class EmbeddedEngine:
    """Implements `MediaEngine`."""

    def __init__(
        self,
        settings: MediaSettings,
        gather_ms: float = GATHER_MS,
        speech: SpeechPlan | None = None,
        encrypts: bool = False,
    ) -> None:
        """`settings.host`: the local address for RTP, loopback when empty; `encrypts`: legs may well be."""
        self._encrypts = encrypts
        self._speech = speech
        self._settings = settings
        self._host = settings.host or LOCAL
        self._gather_ms = gather_ms
        self._links: list[MediaLink] = []
        self._of_leg: dict[str, MediaLink] = {}
        self._leased: dict[int, tuple[float, MediaLink]] = {}
        """Ports that are taken and not opened yet: when they were taken, and of whom; oldest first."""
        self._silent: dict[str, tuple[OpenLeg, MediaLink]] = {}
        """Legs of which the worker knows nothing yet: no audio is agreed on, so that none goes either way.
        Most get their stream with the next command; who does not answer never costs the worker anything."""
        self._ports: dict[str, int] = {}
        """Leg → its port."""
        self._resting: deque[tuple[float, int, MediaLink]] = deque()
        """Ports of legs that closed of late: until when they rest, and whose they are."""
        self._recordings: dict[str, tuple[Record, MediaLink]] = {}
        self._tries: dict[int, tuple[int, float]] = {}
        self._hear: Hear = lambda _fact: None
        self._ready: asyncio.Event | None = None
        self._stopping = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.restarts = 0
        self._watch = Watch(lambda: self._links)
        self._apart: dict[type, Callable[[Any], None]] = {
            OpenLeg: self._open,
            SetStream: self._set_stream,
            CloseLeg: self._close,
            Join: self._join,
            Record: self._record,
        }
        """What concerns more than the leg that a command names."""

    async def start(self, hear: Hear) -> None:
        """Workers up and their first ports bound; raises `TryLater` when that does not come about."""
        self._hear = hear
        self._stopping = False
        self._ready = asyncio.Event()
        count = max(1, self._settings.workers)
        for index in range(count):
            self._links.append(self._make(index, count))
        try:
            async with asyncio.timeout(START_S):
                while not all(link.free or link.exhausted for link in self._links):
                    await self._ready.wait()
                    self._ready.clear()
        except TimeoutError:
            await self.stop()
            raise TryLater(
                "media-start", f"the media workers were not ready within {START_S:.0f} s"
            ) from None
        if not any(link.free for link in self._links):
            note = "; ".join(str(link.report.get("note", "")) for link in self._links)
            await self.stop()
            raise TryLater("media-ports", f"no RTP port could be bound on {self._host}: {note}")
        self._watch.start()

    def _make(self, index: int, count: int) -> MediaLink:
        """Start worker `index` of `count`; each has its own part of the port range."""
        settings = self._settings
        span = (settings.port_max + 1 - settings.port_min) // count & ~1
        low = settings.port_min + index * span
        high = settings.port_max if index == count - 1 else low + span - 1
        begin = Begin(
            self._host,
            low,
            high,
            settings.dead_after_s,
            settings.prompts,
            settings.music,
            self._gather_ms,
            self._speech,
            settings.inband_dtmf,
            self._encrypts,
        )
        link = MediaLink(index, begin, self._on_fact, self._on_end)
        self._tries[index] = (self._tries.get(index, (0, 0.0))[0] + 1, monotonic())
        try:
            link.start(process=settings.workers > 0)
        except OSError as error:
            raise TryLater("media-start", f"a media worker cannot be started: {error.strerror}") from error
        return link

    # --- ports -------------------------------------------------------------------------------------

    def take_port(self, near: str = "", *, newcomer: bool = False) -> tuple[str, int] | None:
        """A bound port on the worker of leg `near`, else on the one with the fewest legs."""
        now = monotonic()
        if self._leased:
            self._end_leases(now)
        if self._resting and self._resting[0][0] <= now:
            self._end_rests(now)
        link = self._of_leg.get(near)
        if link is None and near in self._silent:
            link = self._silent[near][1]
        elif link is None:
            for each in self._links:
                fewer = link is None or len(each.legs) < len(link.legs)
                if fewer and each.free and not (newcomer and each.exhausted and each.scarce):
                    link = each
        if link is None or not link.free:
            return None
        port = link.free.popleft()
        self._leased[port] = now, link
        few = len(link.free) < LOW_PORTS or len(link.free) < link.total // 4
        if few and not link.exhausted and not link.asked:
            link.ask_ports(max(MORE_PORTS, link.total // 2))  # in time
        return self._host, port

    def scarcity(self) -> list[dict[str, str]]:
        """All workers are at the end of their range: those who wait could not be put through else."""
        if not self._links:
            return [{"why": "no media worker runs; new calls get 503: see media.worker in the journal"}]
        self._end_rests(monotonic())
        if not all(link.scarce for link in self._links):
            return []
        low, high = self._settings.port_min, self._settings.port_max
        free, bound = (
            sum(counts) for counts in zip(*((len(e.free), e.total) for e in self._links), strict=True)
        )
        words = f"{free} of {bound} RTP ports ({low} to {high}) are free, they are kept for agents"
        return [{"why": f"{words}; new callers get 503: widen media.port_min to port_max, and restart"}]

    def _end_leases(self, now: float) -> None:
        """Ports that were taken long ago and never opened are free again."""
        leased, limit = self._leased, now - LEASE_S
        while leased:
            port, (taken, link) = next(iter(leased.items()))
            if taken > limit:
                return
            del leased[port]
            link.free.append(port)

    def _end_rests(self, now: float) -> None:
        """Ports whose leg closed long ago are free again."""
        resting = self._resting
        while resting and resting[0][0] <= now:
            _until, port, link = resting.popleft()
            link.free.append(port)

    # --- commands ----------------------------------------------------------------------------------

    def perform(self, command: AnyMediaCommand) -> None:
        """Pass one command to the worker of its leg."""
        self._apart.get(type(command), self._pass)(command)

    def _pass(self, command: Any) -> None:
        link = self._of_leg.get(command.leg) or self._show(command.leg)
        if link is not None:
            link.send(command)

    def _show(self, leg: str) -> MediaLink | None:
        """Let the worker know of a silent leg after all; None: there is none of this name."""
        found = self._silent.pop(leg, None)
        if found is None:
            return None
        opening, link = found
        self._of_leg[leg] = link
        link.send(opening)
        return link

    def _set_stream(self, command: SetStream) -> None:
        found = self._silent.pop(command.leg, None)
        if found is None:
            self._pass(command)
            return
        opening, link = found
        self._of_leg[command.leg] = link
        link.send(OpenLeg(command.leg, opening.port, command.stream))

    def _record(self, command: Record) -> None:
        link = self._of_leg.get(command.left) or self._show(command.left)
        if link is not None:
            self._show(command.right)
            self._recordings[command.recording] = (command, link)
            link.send(command)

    def _close(self, command: CloseLeg) -> None:
        leg, opening = command.leg, None
        link = self._of_leg.pop(leg, None)
        if link is None:
            opening, link = self._silent.pop(leg, (None, None))
            if link is None:
                return
            if command.told:
                link.send(opening)
        link.legs.discard(leg)
        self._resting.append((monotonic() + REST_S, self._ports.pop(leg), link))
        if opening is None or command.told:
            link.send(command)

    def _open(self, command: OpenLeg) -> None:
        _taken, link = self._leased.pop(command.port, (0.0, None))
        leg = command.leg
        if link is None or leg in self._ports:
            self._soon(LegFailed(leg, f"media port {command.port} is not to be had any more"))
            return
        self._ports[leg] = command.port
        link.legs.add(leg)
        if command.stream is None:
            self._silent[leg] = command, link
        else:
            self._of_leg[leg] = link
            link.send(command)

    def _join(self, command: Join) -> None:
        link = self._of_leg.get(command.a) or self._show(command.a)
        other = self._of_leg.get(command.b) or self._show(command.b)
        if link is None or other is None:
            return
        if link is not other:
            _log.error("media.join_apart", a=command.a, b=command.b, workers=[link.index, other.index])
            self._soon(LegFailed(command.b, f"leg {command.a} is on another media worker"))
            return
        link.send(command)

    def _soon(self, fact: LegFailed) -> None:
        """Report in a turn of its own: nobody expects a fact inside `perform`."""
        asyncio.get_running_loop().call_soon(self._hear, fact)

    def reload(self) -> None:
        """Prompts and music are read anew when they are played next."""
        for link in self._links:
            link.send(Reload())

    def prepare(self, texts: Texts) -> None:
        """One worker renders them; the others find them in the cache on disk."""
        if texts and self._links:
            self._links[0].send(Prepare(texts))

    # --- facts -------------------------------------------------------------------------------------

    def _on_fact(self, link: MediaLink, fact: Any) -> None:
        if isinstance(fact, PortsReady):
            self._on_ports(link, fact)
        elif isinstance(fact, WorkerReport):
            link.report = {name: getattr(fact, name) for name in fact.__struct_fields__}
        elif isinstance(fact, Pong):
            pass  # that it came is what it tells
        elif isinstance(fact, Trouble):
            _log.warning("media.trouble", worker=link.index, note=fact.note)
        else:
            if isinstance(fact, Recorded):
                self._recordings.pop(fact.recording, None)
            elif isinstance(fact, LegFailed):  # the worker may have it still: its port would be lost
                self._close(CloseLeg(fact.leg, told=False))
            self._hear(fact)

    def _on_ports(self, link: MediaLink, fact: PortsReady) -> None:
        link.free.extend(fact.ports)
        link.asked -= len(fact.ports)
        link.total += len(fact.ports)
        if fact.exhausted:
            link.asked, link.exhausted = 0, True
            link.report["note"] = fact.note
            _log.warning("media.ports_exhausted", worker=link.index, ports=link.total, note=fact.note)
        if self._ready is not None:
            self._ready.set()

    def _on_end(self, link: MediaLink, why: str) -> None:
        """A worker died: its legs are lost, another one takes its place."""
        if link not in self._links:
            return
        self._links.remove(link)
        self.restarts += 1
        _log.error("media.worker_died", worker=link.index, pid=link.pid, legs=len(link.legs), why=why)
        for name in list(link.legs):
            self._of_leg.pop(name, None)
            self._silent.pop(name, None)
            self._ports.pop(name, None)
            self._hear(LegFailed(name, f"media worker {link.index} died: {why}"))
        link.legs.clear()
        self._leased = {port: lease for port, lease in self._leased.items() if lease[1] is not link}
        self._resting = deque(each for each in self._resting if each[2] is not link)
        lost = [record for record, owner in self._recordings.values() if owner is link]
        task = asyncio.get_running_loop().create_task(self._replace(link, lost))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _replace(self, link: MediaLink, lost: list[Record]) -> None:
        """Close the dead worker's recordings and start the next one after a back-off."""
        await asyncio.to_thread(link.reap, 1.0)
        for record in lost:
            self._recordings.pop(record.recording, None)
            self._hear(await asyncio.to_thread(rescue, record))
        tries, began = self._tries[link.index]
        if monotonic() - began > STEADY_S:
            tries = 1
            self._tries[link.index] = (0, began)
        await asyncio.sleep(BACK_OFF_S[min(tries, len(BACK_OFF_S)) - 1])
        if self._stopping:
            return
        try:
            self._links.append(self._make(link.index, max(1, self._settings.workers)))
        except TryLater as error:
            _log.error("media.worker_not_started", worker=link.index, problem=error.message)
            asyncio.get_running_loop().call_later(BACK_OFF_S[-1], partial(self._again, link))

    def _again(self, link: MediaLink) -> None:
        if not self._stopping:
            task = asyncio.get_running_loop().create_task(self._replace(link, []))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    # --- the rest ----------------------------------------------------------------------------------

    def report(self) -> dict[str, object]:
        """Sums over the workers; their own figures are those of the last answer."""
        for link in self._links:
            link.send(AskReport())
        self._end_rests(monotonic())
        return {
            "workers": len(self._links),
            "pids": [link.pid for link in self._links],
            "restarts": self.restarts,
            "legs": len(self._ports),
            "recordings": len(self._recordings),
            "ports_free": sum(len(link.free) for link in self._links),
            "ports_bound": sum(link.total for link in self._links),
            "each": [dict(link.report, worker=link.index, pid=link.pid) for link in self._links],
        }

    async def stop(self) -> None:
        """End the workers; recordings are closed and on disk when this returns."""
        self._stopping = True
        self._watch.stop()
        links, self._links = self._links, []
        for task in list(self._tasks):
            task.cancel()
        for link in links:
            for fact in await link.stop():
                self._on_fact(link, fact)
        for each in (self._of_leg, self._silent, self._ports, self._leased, self._resting):
            each.clear()
