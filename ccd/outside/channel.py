"""The built-in channel `outside`: asks services for flows, and answers with one fact for each question.

It has no legs that arrive. Nothing of a question blocks the loop: HTTP is asynchronous, databases are asked
in threads, and every question ends within its time limit. Values that were sent are never logged.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog

from ccd.channels.port import Post
from ccd.channels.secrets import Secrets
from ccd.clock import monotonic
from ccd.errors import Misconfigured
from ccd.ids import Chance, SystemChance
from ccd.model.commands import AnyCommand, AskOutside, SendLink
from ccd.model.facts import OutsideAnswered
from ccd.model.nouns import ChannelClass
from ccd.model.outside import CHANNEL, SQL, WITH_BODY
from ccd.model.settings import OutsideSettings
from ccd.model.takes import taken
from ccd.outside.asker import Asker, Unanswered
from ccd.outside.cache import Answers
from ccd.outside.circuit import Circuit
from ccd.outside.echo import CODE, TEXT, made_code, without
from ccd.outside.links import LINK, Links, with_link

log = structlog.get_logger("ccd.outside")
MOST_QUESTIONS = 5000
"""At a time, all services together; more are refused at once."""


class OutsideChannel:
    """Asks the configured services; `reload` follows new settings."""

    def __init__(
        self,
        services: Mapping[str, OutsideSettings],
        secrets: Secrets,
        user_agent: str,
        chance: Chance | None = None,
    ) -> None:
        """`chance` makes one-time codes; not given: the kernel's.

        Raises `Misconfigured` where a service needs what is not installed.
        """
        self._secrets = secrets
        self._chance = chance if chance is not None else SystemChance()
        self._user_agent = user_agent
        self._post: Post | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._services: dict[str, _Asked] = {}
        self._links = Links(self._chance)
        self._follow(services)

    @property
    def name(self) -> str:
        return CHANNEL

    @property
    def channel_class(self) -> ChannelClass:
        return ChannelClass.TASK

    async def start(self, post: Post) -> None:
        self._post = post
        for service in self._services.values():
            try:
                await service.open()
            except Unanswered as why:
                raise Misconfigured("outside.unable", f"services.{service.settings.name}: {why}") from why

    def perform(self, command: AnyCommand) -> None:
        if isinstance(command, SendLink):
            self._links.kept(command.leg)
            return
        if not isinstance(command, AskOutside):
            return
        service = self._services.get(command.service)
        if service is None:
            self._answer(command, note=f"there is no service {command.service} any more")
        elif len(self._tasks) >= MOST_QUESTIONS:
            self._answer(command, note="too many questions at once")
        else:
            self._run(self._ask(service, command))

    def reload(self, settings: Any) -> None:
        """Follow the services of new settings; questions that run end as they began."""
        self._follow(settings.services)

    def report(self, topic: str, _argument: str = "") -> Any:
        """`services`: one row each."""
        if topic != "services":
            return None
        return [self._services[name].row(monotonic()) for name in sorted(self._services)]

    async def stop(self) -> None:
        self._post = None
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for service in self._services.values():
            await service.close()

    # -- within ----------------------------------------------------------------------------------------

    def _follow(self, services: Mapping[str, OutsideSettings]) -> None:
        for name in self._services.keys() - services.keys():
            self._retire(self._services.pop(name))
        for name, settings in services.items():
            known = self._services.get(name)
            if known is not None and known.settings == settings:
                continue
            fresh = _Asked(settings, self._user_agent)
            if known is not None:
                self._retire(known)
            self._services[name] = fresh
            if self._post is not None:
                self._run(fresh.open())

    def _retire(self, service: "_Asked") -> None:
        if self._post is not None:
            self._run(service.close())

    def _run(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("fault", where="outside", exc_info=error)

    async def _ask(self, service: "_Asked", command: AskOutside) -> None:
        values = dict(command.values)
        hidden: dict[str, str] = {}
        for name, reference in command.secrets.items():
            secret = self._secrets.get(reference)
            if secret is None:
                self._answer(command, note=f"the secret for {name} is kept no longer")
                return
            hidden[name] = secret
        if command.new_code:
            hidden[CODE] = made_code(self._chance, command.new_code_digits)
            self._secrets.put(command.new_code, hidden[CODE])
            if TEXT in values:
                values[TEXT] = values[TEXT].replace(f"{{{CODE}}}", hidden[CODE])
        values |= hidden
        began = monotonic()
        try:
            if command.link is not None:
                token = await self._links.make(command, self._post)
                hidden[LINK] = token
                values |= with_link(command.link, values, token)
            left_s = command.timeout_s - (monotonic() - began)
            fields = await service.ask(values, left_s, keep=not hidden)
        except Unanswered as why:
            took_ms = 1000 * (monotonic() - began)
            self._answer(command, note=why.message, took_ms=took_ms)
        except Exception as error:  # a bug of ours costs this one question
            log.error("fault", where="outside", about=command.leg, exc_info=error)
            self._answer(command, note="a fault of ours, see the log")
        else:
            fields = without(fields, hidden.values())
            self._answer(command, ok=True, values=fields, took_ms=1000 * (monotonic() - began))

    def _answer(
        self,
        command: AskOutside,
        ok: bool = False,
        values: dict[str, str] | None = None,
        note: str = "",
        took_ms: float = 0.0,
    ) -> None:
        ask = command.leg.partition(":")[2]
        if self._post is not None:
            took_ms = round(took_ms, 1)
            self._post(OutsideAnswered(command.interaction, ask, ok, values or {}, note, took_ms))


class _Asked:
    """One service: its asker, health and cache."""

    def __init__(self, settings: OutsideSettings, user_agent: str) -> None:
        self.settings = settings
        self.circuit = Circuit(settings.failures, settings.rest_s)
        cached = settings.kind == SQL or settings.method not in (*WITH_BODY, "DELETE")
        self.answers = Answers(settings.cache_s if cached else 0.0)
        self._turns = asyncio.Semaphore(settings.most)
        self._user_agent = user_agent
        self._asker: Asker | None = None
        self._closed = False
        self._running = 0
        if settings.kind == SQL:
            from ccd.outside.sql import SqlAsker

            self._asker = SqlAsker(settings)

    async def open(self) -> None:
        """Make ready; loading the HTTP client takes a while, so a thread does it."""
        if self._asker is None and not self._closed:
            try:
                kind = await asyncio.to_thread(_http)
            except Misconfigured as error:
                raise Unanswered(error.message) from error
            if self._asker is None:
                self._asker = kind(self.settings, self._user_agent)

    async def close(self) -> None:
        """When its last question is answered."""
        self._closed = True
        if not self._running and self._asker is not None:
            asker, self._asker = self._asker, None
            await asker.close()

    async def ask(self, values: Mapping[str, str], timeout_s: float, *, keep: bool) -> dict[str, str]:
        """The fields of its answer, none when it knows nothing. Raises `Unanswered` within `timeout_s`."""
        circuit, now = self.circuit, monotonic()
        circuit.asked += 1
        key = tuple(sorted(values.items())) if keep else ()
        if key and (known := self.answers.get(key, now)) is not None:
            circuit.cached += 1
            return known
        if not circuit.may_ask(now):
            raise Unanswered(f"passed over after {circuit.in_row} failures in a row: {circuit.note}")
        self._running += 1
        try:
            fields = await self._in_time(values, timeout_s, now)
        except Unanswered as why:
            was_open = circuit.open
            circuit.fail(monotonic(), why.message)
            if circuit.open and not was_open:
                log.warning("service passed over", service=self.settings.name, why=why.message)
            raise
        finally:
            self._running -= 1
            if self._closed:
                await self.close()
        if circuit.open:
            log.info("service answers again", service=self.settings.name)
        circuit.succeed(1000 * (monotonic() - now))
        if key:
            self.answers.put(key, fields, monotonic())
        return fields

    async def _in_time(self, values: Mapping[str, str], timeout_s: float, began: float) -> dict[str, str]:
        try:
            async with asyncio.timeout(timeout_s), self._turns:
                await self.open()
                if self._asker is None:
                    raise Unanswered("its settings were changed meanwhile")
                answer = await self._asker.ask(values, timeout_s - (monotonic() - began))
                return {} if answer is None else taken(answer, self.settings.take)
        except TimeoutError as error:
            raise Unanswered(f"no answer within {timeout_s:g} s") from error
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise Unanswered("its answer is no JSON") from error

    def row(self, now: float) -> dict[str, Any]:
        """For `ccctl services`."""
        circuit = self.circuit
        return {
            "service": self.settings.name,
            "kind": self.settings.kind,
            "passed_over": circuit.open,
            "rests_s": round(circuit.rests(now), 1),
            "running": self._running,
            "asked": circuit.asked,
            "answered": circuit.answered,
            "cached": circuit.cached,
            "failed": circuit.failed,
            "passed": circuit.passed,
            "in_row": circuit.in_row,
            "p50_ms": circuit.latency_ms(0.5),
            "p99_ms": circuit.latency_ms(0.99),
            "note": circuit.note,
        }


def _http() -> Any:
    """Loaded only where a service is asked over HTTP."""
    try:
        from ccd.outside.http import HttpAsker
    except ImportError as error:
        raise Misconfigured(
            "outside.http", "asking over HTTP needs aiohttp; install ccd[services]"
        ) from error
    return HttpAsker
