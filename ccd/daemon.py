"""The composition root: `ccd` in the foreground. Its command: `ccd.__main__`; what runs beside: `ccd.beside`.

Reads like a parts list: ledger, engines, media, channels, runtime, control; then the life of the
process: ready, reload (SIGHUP, whole or not at all), drain (SIGTERM), stop.
"""

import asyncio
import os
import signal
import sys
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import structlog
import uvloop

from ccd import __version__
from ccd.beside import COMMAND as BESIDE
from ccd.channels.port import Channel, Drains, KeepsBindings, Reloads, ResumesLegs
from ccd.clock import SteadyClock, SystemClock
from ccd.config.load import ConfigFaults, load, render
from ccd.config.strategies import installed as own_strategies
from ccd.control.server import ControlServer
from ccd.errors import CcdError, Misconfigured
from ccd.ids import FastChance, SystemChance
from ccd.model import facts
from ccd.model.nouns import LegKind
from ccd.model.settings import Settings, rtp_host
from ccd.outside.bots import BotChannel
from ccd.outside.channel import OutsideChannel
from ccd.pieces import PIECE_S, Rests
from ccd.runtime import alarms, backups, garbage
from ccd.runtime.centre import Centre
from ccd.runtime.doors import Doors
from ccd.runtime.forgetting import forget_beside
from ccd.runtime.log import configure
from ccd.runtime.loop import Runtime
from ccd.runtime.next_start import waiting
from ccd.runtime.notify import Notifier
from ccd.runtime.packing import Packed
from ccd.runtime.ports import Alarm, Fault
from ccd.runtime.profiles import base_rules, profiles_lost
from ccd.runtime.replay import replay
from ccd.runtime.snapshot import SnapshotBeside, Snapshots
from ccd.runtime.upkeep import Upkeep
from ccd.runtime.verbs import verbs
from ccd.storage.sqlite import SqliteLedger
from ccd.voice import own_addresses
from ccd.voice.channel import VoiceChannel
from ccd.voice.dialling import recordings_folder
from ccd.voice.media_engine import EmbeddedEngine
from ccd.voice.media_link import child_environment
from ccd.voice.securing import likely
from ccd.voice.speech_ahead import plan_of

log = structlog.get_logger("ccd")
HOUSEKEEPING_S = 10.0
MOST_DESCRIPTORS = 65_536
LEDGER_MUTE_S = 30.0
"""So long the ledger's thread may say neither yes nor no: then it hangs, and a new process may help."""


class Daemon:
    """One running centre."""

    def __init__(self, config: Path, overrides: dict[str, str], settings: Settings) -> None:
        self.config = config
        self.overrides = overrides
        self.settings = settings
        self.started_with = settings
        self.reloading = asyncio.Lock()
        """Two at a time could end with the older files in force."""
        self.next_start: list[str] = []
        """What was changed by reloads and is in force from the next start on."""
        self.ended = asyncio.Event()
        self.draining = False
        self.stopping = False
        state_dir = _directory("state_dir", settings.daemon.state_dir, 0o750)
        self.runtime_dir = _directory("runtime_dir", settings.daemon.runtime_dir, 0o755)
        self.ledger_path = Path(settings.ledger.path or state_dir / "ledger.sqlite")

        ledger = SqliteLedger(self.ledger_path, settings.ledger.sync)
        self.centre = Centre(own_strategies())
        replayed = replay(self.centre, ledger, _report_fault)
        self.clock = SystemClock(at_least=replayed.last_at)
        self.holidays_of = _year(self.clock.now())
        chance = FastChance()
        self.voice = VoiceChannel(
            settings,
            EmbeddedEngine(_media(settings), speech=plan_of(settings), encrypts=likely(settings)),
            SteadyClock(self.clock),
            chance,
            self._behind,
            self.clock,
        )
        self.outside = OutsideChannel(settings.services, self.voice.secrets, f"ccd/{__version__}")
        self.bots = BotChannel(settings.bots, self.voice.lines, f"ccd/{__version__}")
        built_in: tuple[Channel, ...] = (self.voice, self.outside, self.bots)
        self.channels = {channel.name: channel for channel in built_in}
        for name, each in settings.channels.items():
            spec = _adapter(each.adapter)
            self.channels[name] = spec.build(name, each.options, self.clock, SystemChance())
        argv = [*BESIDE, "snapshot", str(self.ledger_path)]
        beside = SnapshotBeside(argv, _report_snapshot, env=child_environment())
        argv = [*BESIDE, "backup", str(self.ledger_path)]
        self.backups = backups.Backups(argv, state_dir / backups.FOLDER, child_environment())
        self.runtime = Runtime(
            self.centre,
            ledger,
            self.clock,
            self.channels,
            settings.ledger,
            replayed=replayed,
            report_fault=_report_fault,
            report_alarm=_report_alarm,
            snapshot_due=self._snapshot_due,
        )
        save = partial(_save_snapshot, self.ledger_path)
        self.snapshots = Snapshots(self.runtime.dumped, save, beside, _report_snapshot)
        self.upkeep = self._upkeep(replayed.last_at)
        socket_path = Path(settings.control.socket or self.runtime_dir / "control.sock")
        self.doors = self._doors()
        self.control = ControlServer(socket_path, settings.control, verbs(self.doors))
        self.notifier = Notifier(os.environ)
        log.info("replayed", facts=replayed.facts, seconds=round(replayed.seconds, 3))

    def _doors(self) -> Doors:
        """What the console may reach."""
        return Doors(
            runtime=self.runtime,
            centre=self.centre,
            channels=self.channels,
            clock=self.clock,
            reload=self.reload,
            drain=self.drain,
            diff=self.diff,
            next_start=lambda: self.next_start,
            backups=self.backups,
            full_disks=self.upkeep.alarms,
            ahead_s=self.clock.ahead_s,
        )

    def _upkeep(self, last_at: float) -> Upkeep:
        argv = [*BESIDE, "forget", str(self.ledger_path)]
        return Upkeep(
            self.centre,
            self.clock,
            lambda: self.settings,
            self.ledger_path,
            recordings_folder,
            self.runtime.post,
            lambda before: forget_beside(argv, before, child_environment()),
            lambda: self.runtime.ask(lambda ledger: ledger.stay()),
            last_at,
            self.clock.ahead_s,
        )

    def _snapshot_due(self) -> None:
        self.snapshots.due()

    def _behind(self) -> tuple[float, bool]:
        pressure = self.runtime.pressure()
        return pressure.oldest_s, pressure.stalled

    async def start(self) -> None:
        """Open everything; what the channels post is taken after the facts of the start."""
        if self.notifier.watched:
            hosts = own_addresses.hosts_of(self.settings)
            tell = self.notifier.tell
            await own_addresses.wait_for(hosts, lambda words: tell(STATUS=words), self.ended.is_set)
        runtime, state = self.runtime, self.centre.state
        bindings = [bound for each in state.bindings.values() for bound in each.values()]
        runtime.post(facts.DaemonStarted(__version__, SystemChance().token(6)))
        if base_rules(state) != self.settings.rules:
            _report_lost(profiles_lost(state, self.settings.rules))
            runtime.post(facts.RulesLoaded(self.settings.rules, by="start"))
        for channel in self.channels.values():
            await channel.start(runtime.post)
            if isinstance(channel, KeepsBindings):
                channel.restore(bindings)
            if isinstance(channel, ResumesLegs):
                prefix = channel.name + ":"
                channel.resume([leg for leg in self.centre.talks.legs if leg.startswith(prefix)])
        runtime.start()
        await runtime.settled()
        await self.control.start()
        garbage.settle()
        self.notifier.tell(READY="1", STATUS=self._status())
        log.info("ready", version=__version__, config=str(self.config), pid=os.getpid())

    async def stop(self) -> None:
        """Close in the order in which nothing is lost: control, channels, then the ledger."""
        self.notifier.tell(STOPPING="1")
        await self.control.stop()
        for channel in reversed(list(self.channels.values())):
            await channel.stop()
        self.runtime.post(facts.DaemonStopped())
        await self.snapshots.stop()
        await self.backups.stop()
        await self.runtime.stop()
        log.info("stopped")
        self.notifier.close()

    async def housekeep(self) -> None:
        """Now and then: follow the system clock, tell systemd that the loop and the ledger's thread live.

        A ledger that refuses (disk full, locked) is no reason to be killed: calls would be cut and what
        waits to be stored be lost, and the next start could not write either.
        """
        every = self.notifier.watchdog_s / 3 if self.notifier.watchdog_s else HOUSEKEEPING_S
        while True:
            await asyncio.sleep(every)
            if step_s := self.clock.follow():
                log.warning("clock set forward", by_s=round(step_s, 1))
                self.runtime.refresh_time()
            await self.renew_holidays()
            await self.control.stay()
            alarms.look(self.doors)
            if self.runtime.mute_s() < LEDGER_MUTE_S:
                self.notifier.tell(WATCHDOG="1", STATUS=self._status())
            garbage.collect_if_quiet(self.voice.stack.endpoint.active + len(self.centre.state.interactions))

    async def renew_holidays(self) -> None:
        """At New Year look up one more year, so that a daemon that runs for years knows three ahead."""
        year, before = _year(self.clock.now()), self.settings
        if year == self.holidays_of:
            return
        self.holidays_of = year
        from ccd.config.holiday_table import renewed

        today = datetime.fromtimestamp(self.clock.now(), UTC).date()
        try:
            rules = await asyncio.to_thread(renewed, before.rules, today)
        except (ValueError, ImportError) as error:  # the library was replaced under the running daemon
            log.warning("holidays not renewed, reload or restart", problem=str(error))
            return
        if rules != before.rules and self.settings is before:  # else a reload has done it meanwhile
            self.settings = msgspec.structs.replace(before, rules=rules)
            self.runtime.post(facts.RulesLoaded(rules, by="new year"))
            log.info("holidays renewed", year=year)

    def _status(self) -> str:
        running = len(self.centre.state.interactions)
        stalled = "LEDGER CANNOT BE WRITTEN, " if self.runtime.pressure().stalled else ""
        return f"{stalled}{'draining, ' if self.draining else ''}{running} interactions"

    async def reload(self, by: str) -> list[str]:
        """Take the configuration anew, whole or not at all; answers what changed.

        Raises `ConfigFaults`; what runs is not disturbed then.
        """
        async with self.reloading:
            return await self._reload(by)

    async def _reload(self, by: str) -> list[str]:
        from ccd.config.diff import diff

        self.notifier.tell(STATUS="reloading")
        try:
            fresh = await asyncio.to_thread(_load, self.config, self.overrides)
        except ConfigFaults as faults:
            log.error("reload refused, the former configuration stays", faults=render(faults.faults))
            raise
        finally:
            self.notifier.tell(STATUS=self._status())
        lost = profiles_lost(self.centre.state, fresh.rules)
        _report_lost(lost)
        changes = diff(self.settings, fresh) + lost
        self.settings = fresh
        self.runtime.post(facts.RulesLoaded(fresh.rules, by=by))
        following = [name for name, each in self.channels.items() if self._follow(name, each, fresh)]
        self.next_start = waiting(diff(self.started_with, fresh), following)
        await self.runtime.settled()
        log.info("reloaded", by=by, changes=len(changes), needs_restart=self.next_start)
        return changes

    def _follow(self, name: str, channel: Channel, fresh: Settings) -> bool:
        """Give a channel its new settings, if it takes any while it runs: a built-in one the whole, an
        adapter its options. One that was taken out of the file goes on to the end."""
        removed = name in self.started_with.channels and name not in fresh.channels
        if removed or not isinstance(channel, Reloads):
            return False
        channel.reload(fresh.channels[name].options if name in fresh.channels else fresh)
        return True

    async def diff(self) -> list[str]:
        """What a reload would change."""
        from ccd.config.diff import diff

        fresh = await asyncio.to_thread(_load, self.config, self.overrides)
        return diff(self.settings, fresh) + profiles_lost(self.centre.state, fresh.rules)

    def drain(self, on: bool, by: str) -> None:
        """Take no new interaction (or take them again)."""
        self.draining = on
        self.runtime.post(facts.DrainAsked(on, by))
        for channel in self.channels.values():
            if isinstance(channel, Drains):
                channel.drain(on)
        self.notifier.tell(STATUS=self._status())

    def _would_cut(self) -> int:
        """How many interactions a restart would end: those with audio; the written ones live on."""
        return sum(info.kind is LegKind.AUDIO for info in self.centre.state.interactions.values())

    async def wind_down(self) -> None:
        """SIGTERM: finish what runs, for at most `drain_s`; a second signal ends at once."""
        if self.stopping:
            self.ended.set()
            return
        self.stopping = True
        self.drain(True, "signal")
        log.info("draining", interactions=len(self.centre.state.interactions), calls=self._would_cut())
        try:
            async with asyncio.timeout(self.settings.daemon.drain_s):
                while self._would_cut() and not self.ended.is_set():  # noqa: ASYNC110  few looks, at the end
                    await asyncio.sleep(0.2)
        except TimeoutError:
            log.warning("drain over", still_running=self._would_cut())
        self.ended.set()


def _allow_descriptors() -> None:
    """As many open files as the administrator allows: each connection of a phone is one."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, MOST_DESCRIPTORS) if hard != resource.RLIM_INFINITY else MOST_DESCRIPTORS
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _directory(key: str, path: str, mode: int) -> Path:
    """The folder of a key, made if it is not there. Raises `Misconfigured`: ccd by hand is no root."""
    directory = Path(path)
    try:
        if not directory.is_dir():
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(mode)
    except OSError as error:
        cure = f"run ccd as the user that owns it, or name another folder (--set daemon.{key}=DIR)"
        words = f"daemon.{key}: {path} cannot be made: {error.strerror} — {cure}"
        raise Misconfigured("daemon.folder", words) from error
    return directory


def _year(now: float) -> int:
    return datetime.fromtimestamp(now, UTC).year


def _media(settings: Settings) -> Any:
    return msgspec.structs.replace(settings.media, host=rtp_host(settings))


def _adapter(name: str) -> Any:
    from ccd.channels.registry import find

    return find(name)


def _load(config: Path, overrides: dict[str, str]) -> Settings:
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    return load(config, os.environ, Path(credentials) if credentials else None, overrides)


def _report_fault(fault: Fault) -> None:
    log.error("fault", where=fault.where, about=fault.about, seq=fault.seq, exc_info=fault.error)


def _report_alarm(alarm: Alarm) -> None:
    (log.error if alarm.on else log.info)("alarm", code=alarm.code, on=alarm.on, message=alarm.message)


def _report_lost(lost: list[str]) -> None:
    for line in lost:
        log.warning("profile turned off", why=line)


def _save_snapshot(ledger: Path, packed: Packed) -> None:
    """Beside the ledger's thread, which commits meanwhile: to compress it takes longer than a commit."""
    with closing(SqliteLedger(ledger, beside=True)) as beside:
        beside.save_snapshot(packed.joined(), Rests(PIECE_S))


def _report_snapshot(code: int, words: str) -> None:
    if code == 0:
        log.info("snapshot saved")
    else:
        log.warning("snapshot not saved, the ledger's tail stays longer", code=code, words=words)


async def serve(config: Path, overrides: dict[str, str], settings: Settings) -> int:
    """Run until told to stop."""
    daemon = Daemon(config, overrides, settings)
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as tasks:
        loop.add_signal_handler(signal.SIGTERM, lambda: tasks.create_task(daemon.wind_down()))
        loop.add_signal_handler(signal.SIGINT, lambda: tasks.create_task(daemon.wind_down()))
        loop.add_signal_handler(signal.SIGHUP, lambda: tasks.create_task(_hup(daemon)))
        try:
            await daemon.start()
            chores = [tasks.create_task(daemon.housekeep()), tasks.create_task(daemon.upkeep.run())]
            await daemon.ended.wait()
            for chore in chores:
                chore.cancel()
        finally:
            await daemon.stop()
    return 0


async def _hup(daemon: Daemon) -> None:
    try:
        await daemon.reload("SIGHUP")
    except CcdError as fault:
        log.error("not reloaded", problem=fault.message)
    except Exception:  # a bug in reading files must not end the calls
        log.exception("not reloaded")


def run(config: Path, overrides: dict[str, str]) -> int:
    """Run until told to stop. 0 ended in order, 2 wrong configuration, 4 cannot start now."""
    try:
        settings = _load(config, overrides)
    except ConfigFaults as faults:
        print(render(faults.faults), file=sys.stderr)
        return 2
    _allow_descriptors()
    os.umask(0o027)  # recordings and their folders too: for owner and group, whatever started us
    configure(settings.daemon.log, settings.daemon.log_level, os.environ)
    try:
        return uvloop.run(serve(config, overrides, settings))
    except CcdError as fault:
        print(f"ccd: {fault}", file=sys.stderr)
    except ExceptionGroup as group:
        known, other = group.split(CcdError)
        if known is None or other is not None:
            raise
        for problem in known.exceptions:
            print(f"ccd: {problem}", file=sys.stderr)
    return 4


if __name__ == "__main__":  # a unit from before `python -m ccd`
    from ccd.__main__ import main

    sys.exit(main())
