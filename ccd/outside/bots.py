"""The built-in channel `bot`: hands conversations to bots over WebSocket, and says what comes back.

It has no legs that arrive. A bot that fails costs its one conversation; what customers and bots say, and the
values between them, are never logged.
"""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import structlog

from ccd.channels.audio import AudioDoor
from ccd.channels.port import Post
from ccd.model.bots import CHANNEL
from ccd.model.commands import AnyCommand, StartBot, StopBot, TellBot
from ccd.model.facts import BotEnded
from ccd.model.nouns import ChannelClass
from ccd.model.settings import BotSettings
from ccd.outside.bot_dial import Dialler
from ccd.outside.bot_talk import BotTalk

log = structlog.get_logger("ccd.bot")
GOODBYE_S: Final = 2.0
"""For a bot to hear that it was stopped."""


class BotChannel:
    """Talks with the configured bots; `reload` follows new settings."""

    def __init__(self, bots: Mapping[str, BotSettings], door: AudioDoor | None, user_agent: str) -> None:
        """`door`: how bots join in calls; without one they only write."""
        self._bots = dict(bots)
        self._door = door
        self._post: Post | None = None
        self._dialler = Dialler(user_agent)
        self._talks: dict[str, tuple[BotTalk, asyncio.Task[None]]] = {}
        """By leg: the conversation and its task."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._running: dict[str, int] = {}
        self._counts: dict[str, dict[str, int]] = {}

    @property
    def name(self) -> str:
        return CHANNEL

    @property
    def channel_class(self) -> ChannelClass:
        return ChannelClass.TASK

    async def start(self, post: Post) -> None:
        self._post = post

    def perform(self, command: AnyCommand) -> None:
        if isinstance(command, StartBot):
            self._start(command)
        elif isinstance(command, TellBot):
            talk, _ = self._talks.get(command.leg, (None, None))
            if talk is not None:
                if command.text:
                    talk.tell(command.text)
                if command.digit:
                    talk.key(command.digit)
        elif isinstance(command, StopBot):
            self._stop(command)

    def reload(self, settings: Any) -> None:
        """Follow the bots of new settings; conversations that run end as they began."""
        self._bots = dict(settings.bots)
        self._dialler.forget()

    def report(self, topic: str, _argument: str = "") -> Any:
        """`bots`: one row each."""
        if topic != "bots":
            return None
        return [
            {"bot": name, "running": self._running.get(name, 0), **self._counted(name)}
            for name in sorted(self._bots)
        ]

    async def stop(self) -> None:
        self._post = None
        for talk, _ in list(self._talks.values()):
            talk.stop("restart")
        tasks = list(self._tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=GOODBYE_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._talks.clear()

    # -- within ----------------------------------------------------------------------------------------

    def _counted(self, name: str) -> dict[str, int]:
        return self._counts.setdefault(name, {"talked": 0, "ended": 0, "stopped": 0, "failed": 0})

    def _start(self, command: StartBot) -> None:
        bot = self._bots.get(command.bot)
        if command.leg in self._talks:
            return  # the same command twice
        if bot is None:
            self._refuse(command, f"there is no bot {command.bot} any more")
            return
        if self._running.get(bot.name, 0) >= bot.most:
            self._refuse(command, f"{bot.most} conversations run already")
            return
        talk = BotTalk(command, partial(self._dialler.dial, bot), self._tell, self._door, bot.frame_ms)
        self._running[bot.name] = self._running.get(bot.name, 0) + 1
        self._counted(bot.name)["talked"] += 1
        task = asyncio.get_running_loop().create_task(self._run(talk))
        self._talks[command.leg] = (talk, task)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, talk: BotTalk) -> None:
        command = talk.command
        try:
            await talk.run()
        except Exception as error:  # a bug of ours costs this one conversation
            log.error("fault", where="bot", about=command.leg, exc_info=error)
        finally:
            self._running[command.bot] -= 1
            self._talks.pop(command.leg, None)

    def _tell(self, fact: Any) -> None:
        if isinstance(fact, BotEnded):
            talk, _ = self._talks.pop(f"{CHANNEL}:{fact.conversation}", (None, None))
            if talk is not None:
                self._counted(talk.command.bot)["ended" if fact.ok else "failed"] += 1
        if self._post is not None:
            self._post(fact)

    def _refuse(self, command: StartBot, why: str) -> None:
        self._counted(command.bot)["failed"] += 1
        self._tell(BotEnded(command.interaction, command.leg.partition(":")[2], False, note=why))

    def _stop(self, command: StopBot) -> None:
        talk, task = self._talks.pop(command.leg, (None, None))
        if talk is None or task is None:
            return
        self._counted(talk.command.bot)["stopped"] += 1
        talk.stop(command.why)
        if talk.connected:
            asyncio.get_running_loop().call_later(GOODBYE_S, task.cancel)
        else:
            task.cancel()
