"""Legs whose keys are secret: while one collects, its keys go nowhere else.

They come as telephone events, tones (both by `engine.Digit`) or SIP INFO. From `CollectSecret` until half a
second after the last key nobody hears the party, recordings hold silence, and the SIP trace shows no INFO.
What is still pressed in this half second is for nobody either: the tail of a number that was too long.
Who ends a whole number with the terminator all the same, a little later, does not mean what comes next.
"""

import asyncio
from typing import TYPE_CHECKING, Final

from ccd.channels.secrets import LONGEST_S, KeyCollector, interaction_of
from ccd.model.commands import CollectSecret, ForgetSecrets
from ccd.model.facts import SecretCollected
from ccd.voice import engine

if TYPE_CHECKING:
    from ccd.voice.channel import VoiceChannel

QUIET_S: Final = 0.5
"""Longer than a tone goes on after we have heard its key."""
TAIL_S: Final = 2.5
"""So long a needless terminator is taken for one."""


class _Ear:
    """One leg that collects, or has just done so."""

    __slots__ = ("collector", "done", "limit", "tail", "timer")

    def __init__(self, collector: KeyCollector) -> None:
        self.collector = collector
        self.done = False
        """Its keys were judged; for a moment nothing else counts."""
        self.tail = False
        """Nor a terminator for a moment more."""
        self.timer: asyncio.TimerHandle | None = None
        """For the next key; when `done`, for the end of the quiet."""
        self.limit: asyncio.TimerHandle | None = None
        """For all keys together."""

    def stop(self) -> None:
        for timer in (self.timer, self.limit):
            if timer is not None:
                timer.cancel()
        self.timer = self.limit = None


class SecretKeys:
    """All of one voice channel."""

    __slots__ = ("_channel", "_ears", "_owners")

    def __init__(self, channel: "VoiceChannel") -> None:
        self._channel = channel
        self._ears: dict[str, _Ear] = {}
        self._owners: dict[str, str] = {}
        """Leg → the interaction whose secrets end with it."""

    def collect(self, command: CollectSecret) -> None:
        """Begin; what the leg collected before is broken off without a word, its asker has gone on."""
        leg = self._channel.legs.get(command.leg)
        if leg is None:
            return
        leg.keyed = True
        before = self._ears.pop(leg.id, None)
        if before is not None:
            before.stop()
        heels = before is not None and before.collector.awaits_terminator
        self._owners[leg.id] = interaction_of(command.secret)
        self._channel.stack.hide(leg.call_id)
        self._channel.engine.perform(engine.Mask(leg.id, True))
        self._ears[leg.id] = ear = _Ear(KeyCollector(command, self._channel.secrets, heels=heels))
        if not command.play:
            self._begin(leg.id, ear)

    def prompt_ended(self, leg: str, play: str) -> None:
        """The times of a leg that waits for this prompt begin."""
        ear = self._ears.get(leg)
        if ear is not None and not ear.done and ear.collector.command.play == play and ear.limit is None:
            self._begin(leg, ear)

    def press(self, leg: str, key: str) -> bool:
        """Take a key; false when the leg's keys are no secret."""
        ear = self._ears.get(leg)
        if ear is None:
            return False
        if ear.tail:
            self._drop(leg, ear)
            return key == ear.collector.command.terminator
        if ear.done:
            ear.collector.after(key)
            return True
        if (
            ear.limit is None and ear.collector.command.play
        ):  # a key by INFO does not cut the prompt by itself
            self._channel.engine.perform(engine.Stop(leg))
        told = ear.collector.press(key)
        if told is not None:
            self._end(leg, ear, told)
            return True
        if ear.limit is None:
            self._begin(leg, ear)
        self._wait(leg, ear, ear.collector.command.wait_s)
        return True

    def drop(self, command: ForgetSecrets) -> None:
        """Forget what was used; a leg that collects one of them, or drops keys, is listened to again."""
        for secret in command.secrets:
            self._channel.secrets.drop(secret)
        ear = self._ears.get(command.leg)
        if ear is not None and not ear.done and ear.collector.command.secret in command.secrets:
            ear.collector.break_off()
            self._end(command.leg, ear, None)

    def break_off(self, leg: str) -> None:
        """Something else begins on the leg (a conversation, music)."""
        ear = self._ears.get(leg)
        if ear is not None and not ear.done:
            self._end(leg, ear, ear.collector.break_off())

    def forget(self, leg: str) -> None:
        """The leg is over: its secrets are, too."""
        ear = self._ears.pop(leg, None)
        if ear is not None:
            ear.stop()
        owner = self._owners.pop(leg, "")
        if owner:
            self._channel.secrets.forget(owner)

    def _begin(self, leg: str, ear: _Ear) -> None:
        command = ear.collector.command
        ear.limit = self._channel.call_later(command.total_s or LONGEST_S, lambda: self._late(leg, ear))
        self._wait(leg, ear, command.first_wait_s)

    def _wait(self, leg: str, ear: _Ear, seconds: float) -> None:
        if ear.timer is not None:
            ear.timer.cancel()
        ear.timer = self._channel.call_later(seconds, lambda: self._late(leg, ear))

    def _late(self, leg: str, ear: _Ear) -> None:
        if self._ears.get(leg) is ear and not ear.done:
            self._end(leg, ear, ear.collector.over())

    def _end(self, leg: str, ear: _Ear, told: SecretCollected | None) -> None:
        ear.stop()
        ear.done = True
        ear.timer = self._channel.call_later(QUIET_S, lambda: self._open(leg, ear))
        if told is not None and not ear.collector.command.for_nobody:
            self._channel.post(told)

    def _open(self, leg: str, ear: _Ear) -> None:
        """Everybody hears the party again."""
        if self._ears.get(leg) is not ear:
            return
        self._channel.engine.perform(engine.Mask(leg, False))
        if ear.collector.full and ear.collector.command.terminator:
            ear.tail = True
            ear.timer = self._channel.call_later(TAIL_S, lambda: self._drop(leg, ear))
        else:
            self._drop(leg, ear)

    def _drop(self, leg: str, ear: _Ear) -> None:
        if self._ears.get(leg) is ear:
            del self._ears[leg]
            ear.stop()
