"""A key that came by INFO, given to whom the leg is bridged with, once.

The media engine passes telephone events and tones on by itself. A phone that sends a key both ways may have
its INFO here first: passed on at once, the far end would get the key twice. So it waits a moment for its
twin, and a phone whose INFO came alone is not waited for again.
"""

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from ccd.sip.timers import Entry
from ccd.voice.liveness import Due

if TYPE_CHECKING:
    from ccd.voice.call_leg import CallLeg
    from ccd.voice.channel import VoiceChannel

TWIN_S: Final = 0.5
"""The event is sent from the press on, and goes a shorter way than the INFO."""
MOST_WAITING: Final = 32
"""Keys of one leg; more at a time are no keys of a person."""


class _Key:
    """One key on its way."""

    __slots__ = ("digit", "entry", "leg", "peer")

    def __init__(self, leg: str, peer: str, digit: str) -> None:
        self.leg, self.peer, self.digit = leg, peer, digit
        self.entry: Entry[Due, Any] | None = None


class PassingKeys:
    """All legs of a channel; remembers only those whose keys come by INFO while they are bridged."""

    __slots__ = ("_alone", "_channel", "_waiting")

    def __init__(self, channel: "VoiceChannel") -> None:
        self._channel = channel
        self._alone: set[str] = set()
        """Legs that send INFO and nothing else."""
        self._waiting: dict[str, deque[_Key]] = {}

    def pass_on(self, leg: "CallLeg", digit: str) -> None:
        """A key came by INFO, and has not come the other way so far."""
        channel = self._channel
        peer = channel.legs.get(leg.peer)
        if peer is None:
            return
        stream = peer.session.stream if peer.session is not None else None
        waiting = self._waiting.setdefault(leg.id, deque())
        if leg.id in self._alone or stream is None or stream.digits is None or len(waiting) >= MOST_WAITING:
            self._give_waiting(leg.id)  # pressed before it
            channel.give_digit(peer, digit)
            return
        key = _Key(leg.id, peer.id, digit)
        waiting.append(key)
        key.entry = channel.watch.set(channel.clock.now() + TWIN_S, self, key)

    def twin(self, leg: str, digit: str) -> None:
        """The same key came in the audio, and so went on already."""
        waiting = self._waiting.get(leg, ())
        key = next((each for each in waiting if each.digit == digit), None)
        if key is not None and key.entry is not None:
            self._channel.watch.cancel(key.entry)
            self._waiting[leg].remove(key)

    def due(self, key: Any, now: float) -> None:
        """No twin came: what was pressed meanwhile has none either."""
        del now
        self._alone.add(key.leg)
        self._give_waiting(key.leg)

    def _give_waiting(self, name: str) -> None:
        """To whom the leg is still bridged with, in the order in which they were pressed."""
        channel, legs = self._channel, self._channel.legs
        for each in self._waiting.pop(name, ()):
            if each.entry is not None:
                channel.watch.cancel(each.entry)
            leg, peer = legs.get(each.leg), legs.get(each.peer)
            if leg is not None and peer is not None and leg.peer == peer.id:
                channel.give_digit(peer, each.digit)

    def forget(self, leg: str) -> None:
        """The leg is over."""
        self._alone.discard(leg)
        for key in self._waiting.pop(leg, ()):
            if key.entry is not None:
                self._channel.watch.cancel(key.entry)
