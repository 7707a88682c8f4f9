"""The embedded media engine: worker processes of ours (or a thread) behind the engine port.

Keeps which worker has which leg, hands out ports that are bound, and replaces a worker that dies:
its legs are reported failed, its recordings are closed with what is on disk.
"""

import asyncio
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
        link = self._of_leg.get(near)
        if link is None:
            candidates = [link for link in self._links if link.free and not (newcomer and link.scarce)]
            if not candidates:
                return None
            link = min(candidates, key=lambda link: len(link.legs)) if len(candidates) > 1 else candidates[0]
        if not link.free:
            return None
        port = link.free.popleft()
        self._leased[port] = now, link
        self._refill(link)
        return self._host, port

    def scarcity(self) -> list[dict[str, str]]:
        """All workers are at the end of their range: those who wait could not be put through else."""
        if not self._links:
            return [{"why": "no media worker runs; new calls get 503: see media.worker in the journal"}]
        if not all(link.scarce for link in self._links):
            return []
        low, high = self._settings.port_min, self._settings.port_max
        free, bound = (
            sum(counts) for counts in zip(*((len(e.free), e.total) for e in self._links), strict=True)
        )
        words = f"{free} of {bound} RTP ports ({low} to {high}) are free, they are kept for agents"
        return [{"why": f"{words}; new callers get 503: widen media.port_min to port_max, and restart"}]

    def _refill(self, link: MediaLink) -> None:
        """Ask for more ports in time."""
        if link.exhausted or link.asked:
            return
        if len(link.free) < max(LOW_PORTS, link.total // 4):
            link.ask_ports(max(MORE_PORTS, link.total // 2))

    def _end_leases(self, now: float) -> None:
        """Ports that were taken long ago and never opened are free again."""
        leased, limit = self._leased, now - LEASE_S
        while leased:
            port, (taken, link) = next(iter(leased.items()))
            if taken > limit:
                return
            del leased[port]
            link.free.append(port)

    # --- commands ----------------------------------------------------------------------------------

    def perform(self, command: AnyMediaCommand) -> None:
        """Pass one command to the worker of its leg."""
        self._apart.get(type(command), self._pass)(command)

    def _pass(self, command: Any) -> None:
        link = self._of_leg.get(command.leg)
        if link is not None:
            link.send(command)

    def _record(self, command: Record) -> None:
        link = self._of_leg.get(command.left)
        if link is not None:
            self._recordings[command.recording] = (command, link)
            link.send(command)

    def _close(self, command: CloseLeg) -> None:
        link = self._of_leg.pop(command.leg, None)
        if link is not None:
            link.legs.discard(command.leg)
            link.send(command)

    def _open(self, command: OpenLeg) -> None:
        _taken, link = self._leased.pop(command.port, (0.0, None))
        if link is None or command.leg in self._of_leg:
            self._soon(LegFailed(command.leg, f"media port {command.port} is not to be had any more"))
            return
        self._of_leg[command.leg] = link
        link.legs.add(command.leg)
        link.send(command)

    def _join(self, command: Join) -> None:
        link, other = self._of_leg.get(command.a), self._of_leg.get(command.b)
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
            elif isinstance(fact, LegFailed):
                self._of_leg.pop(fact.leg, None)
                link.legs.discard(fact.leg)
            self._hear(fact)

    def _on_ports(self, link: MediaLink, fact: PortsReady) -> None:
        link.free.extend(fact.ports)
        link.asked -= fact.made
        link.total += fact.made
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
            self._hear(LegFailed(name, f"media worker {link.index} died: {why}"))
        link.legs.clear()
        self._leased = {port: lease for port, lease in self._leased.items() if lease[1] is not link}
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
        return {
            "workers": len(self._links),
            "pids": [link.pid for link in self._links],
            "restarts": self.restarts,
            "legs": len(self._of_leg),
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
        self._of_leg.clear()
        self._leased.clear()
