"""The link to a media worker: what nobody hears yet waits for company, what is heard leaves at once."""

import asyncio
import socket
from typing import Any

from ccd.voice.engine import CloseLeg, Join, Music, OpenLeg, Play
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
        while True:
            try:
                data = self._far.recv(4)
            except BlockingIOError:
                return found
            body = self._far.recv(int.from_bytes(data, "big"))
            found.append([type(command).__name__ for command in self.unpack.feed(data + body)])

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
    assert await wire.frames() == [["OpenLeg", "Music", "Join"]]
    assert wire.timers == [], "nothing is left to wait for"
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
