"""The link to a media worker: what nobody hears yet waits for company, what is heard leaves at once."""

import asyncio
import socket
from typing import Any

import pytest

from ccd.voice import media_link
from ccd.voice.engine import AnyMediaCommand, CloseLeg, Join, Music, OpenLeg, Play, Stop
from ccd.voice.media_link import UNHURRIED_S, MediaLink
from ccd.voice.media_protocol import Begin, Unpacker, WorkerCommand


class Wire:
    """A link whose worker is the test: frames are read from the other end, timers are run by hand."""

    def __init__(self, monkeypatch: Any) -> None:
        loop = asyncio.get_running_loop()
        self.timers: list[tuple[float, Any]] = []
        self.link = MediaLink(0, Begin("127.0.0.1", 1, 2, 1.0, (), (), 1.0), _nobody, _nobody)
        self.link._open = True
        self.link._socket.setblocking(False)
        self._far: socket.socket = self.link._theirs
        self._far.setblocking(False)
        monkeypatch.setattr(self.link, "_loop", self)
        self.call_soon = loop.call_soon
        self.unpack = Unpacker(WorkerCommand)
        self.now = 100.0
        monkeypatch.setattr(media_link, "monotonic", lambda: self.now)

    def call_later(self, delay: float, call: Any) -> Any:
        entry = (delay, call)
        self.timers.append(entry)

        class Handle:
            def cancel(handle) -> None:
                if entry in self.timers:
                    self.timers.remove(entry)

        return Handle()

    async def frames(self) -> list[list[str]]:
        """What arrived, one list a frame, after a turn of the loop."""
        await asyncio.sleep(0)
        found = []
        while commands := self.commands():
            found.append([type(command).__name__ for command in commands])
        return found

    def commands(self) -> list[AnyMediaCommand]:
        """Those of the next frame; none: there is no frame."""
        try:
            data = self._far.recv(4)
        except BlockingIOError:
            return []
        body = self._far.recv(int.from_bytes(data, "big"))
        return list(self.unpack.feed(data + body))

    def close(self) -> None:
        self.link._socket.close()
        self._far.close()


def _nobody(*_: Any) -> None:
    return None


async def test_what_only_prepares_a_leg_waits_for_what_is_heard(monkeypatch: Any) -> None:
    wire = Wire(monkeypatch)
    wire.link.send(OpenLeg("voice:a", 4000))
    wire.link.send(Music("voice:a", "default"))
    assert await wire.frames() == []
    assert [delay for delay, _ in wire.timers] == [UNHURRIED_S]
    wire.link.send(Join("voice:a", "voice:b"))
    assert await wire.frames() == [["OpenLeg", "Join"]], "nobody would hear the music"
    assert wire.timers == [], "nothing is left to wait for"
    wire.close()


async def test_music_waits_its_time_while_what_is_heard_leaves(monkeypatch: Any) -> None:
    """Under traffic something leaves all the time; else each caller's music began for its agent to end it."""
    wire = Wire(monkeypatch)
    wire.link.send(Music("voice:a", "default"))
    wire.now += UNHURRIED_S / 2
    wire.link.send(OpenLeg("voice:b", 4000))
    wire.link.send(Music("voice:b", "default"))
    wire.link.send(Play("voice:c", "p1"))
    assert await wire.frames() == [["OpenLeg", "Play"]]
    ((delay, due),) = wire.timers
    assert delay == pytest.approx(UNHURRIED_S / 2)
    wire.now += delay
    wire.timers.clear()
    due()
    assert await wire.frames() == [["Music"]]
    ((delay, due),) = wire.timers
    assert delay == pytest.approx(UNHURRIED_S / 2)
    wire.now += delay - 0.001  # the loop counts milliseconds
    wire.timers.clear()
    due()
    assert await wire.frames() == [["Music"]]
    assert wire.timers == []
    wire.close()


@pytest.mark.parametrize(
    "end",
    [Join("voice:a", "voice:b"), Join("voice:b", "voice:a"), Play("voice:a", "p1"), Stop("voice:a")],
)
async def test_music_that_is_over_before_its_time_is_never_begun(
    monkeypatch: Any, end: AnyMediaCommand
) -> None:
    wire = Wire(monkeypatch)
    wire.link.send(Music("voice:a", "default"))
    wire.link.send(end)
    assert await wire.frames() == [[type(end).__name__]]
    assert wire.timers == []
    wire.close()


async def test_of_two_kinds_of_music_the_later_one_begins(monkeypatch: Any) -> None:
    wire = Wire(monkeypatch)
    wire.link.send(Music("voice:a", "first"))
    wire.link.send(Music("voice:b", "default"))
    wire.link.send(Music("voice:a", "second"))
    wire.link.send(CloseLeg("voice:b"))
    wire.now += UNHURRIED_S
    wire.timers[0][1]()
    await asyncio.sleep(0)
    assert wire.commands() == [CloseLeg("voice:b"), Music("voice:a", "second")]
    wire.close()


async def test_what_waits_leaves_by_itself_after_the_time_of_a_packet(monkeypatch: Any) -> None:
    wire = Wire(monkeypatch)
    wire.link.send(CloseLeg("voice:a"))
    (due,) = wire.timers
    wire.link.send(CloseLeg("voice:b"))
    assert wire.timers == [due]
    due[1]()
    assert await wire.frames() == [["CloseLeg", "CloseLeg"]]
    wire.close()


async def test_a_prompt_leaves_in_its_turn_with_all_of_that_turn(monkeypatch: Any) -> None:
    wire = Wire(monkeypatch)
    wire.link.send(Play("voice:a", "p1"))
    wire.link.send(CloseLeg("voice:b"))
    assert await wire.frames() == [["Play", "CloseLeg"]]
    assert wire.timers == []
    wire.close()
