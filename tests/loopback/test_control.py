"""The control server on a real socket: rights, strangers, garbage, many clients, watchers who do not read."""

import asyncio
import grp
import json
import os
import socket
import stat
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from pwd import getpwuid
from random import Random
from typing import Any

import pytest
import uvloop

from ccd.control import server as server_module
from ccd.control.client import ControlClient, Declined, Unreachable
from ccd.control.protocol import LINE_LIMIT
from ccd.control.server import ControlServer, Verb
from ccd.errors import Misconfigured, Refused, TryLater
from ccd.model.settings import ControlSettings
from tests.unit.control_room import until

ME = f"ccctl:{getpwuid(os.getuid()).pw_name}"


class Asked:
    """What the verbs of these tests were asked."""

    def __init__(self) -> None:
        self.frames = 0
        self.begun = 0
        self.cancelled = 0
        self.waiting = 0
        self.patience = asyncio.Event()

    def verbs(self) -> dict[str, Verb]:
        return {
            "top": self.top,
            "who": lambda args, by: {"by": by, "args": args},
            "long": lambda args, by: "x" * int(args["size"]),
            "refuse": self.refuse,
            "later": self.later,
            "break": lambda args, by: 1 / 0,
            "odd": lambda args, by: object(),
            "slow": self.slow,
            "patient": self.patient,
        }

    def top(self, args: dict[str, Any], by: str) -> Any:
        self.frames += 1
        return {"frame": self.frames, "filling": "x" * 200_000}

    def refuse(self, args: dict[str, Any], by: str) -> Any:
        raise Refused("agent.unknown", "there is no agent 'eve' — known: alice")

    def later(self, args: dict[str, Any], by: str) -> Any:
        raise TryLater("ledger.full", "the disk is full — make room")

    async def slow(self, args: dict[str, Any], by: str) -> Any:
        self.begun += 1
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def patient(self, args: dict[str, Any], by: str) -> Any:
        self.waiting += 1
        await self.patience.wait()
        self.waiting -= 1


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
async def server(tmp_path: Path, asked: Asked) -> AsyncIterator[ControlServer]:
    running = ControlServer(tmp_path / "control.sock", ControlSettings(), asked.verbs())
    await running.start()
    yield running
    await running.stop()


class Wire:
    """A client that may send what it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, server: ControlServer) -> "Wire":
        return cls(*await asyncio.open_unix_connection(str(server.path), limit=2**24))

    async def say(self, data: bytes) -> Any:
        self.writer.write(data)
        return await self.hear()

    async def ask(self, verb: str, **args: Any) -> Any:
        return await self.say(json.dumps({"id": 7, "verb": verb, "args": args}).encode() + b"\n")

    async def hear(self) -> Any:
        line = await asyncio.wait_for(self.reader.readline(), 10)
        return json.loads(line) if line else None

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


async def test_a_socket_file_that_was_deleted_is_made_anew(server: ControlServer) -> None:
    """A broom over /run must not leave a daemon that nobody reaches; who is connected stays so."""
    before = await Wire.open(server)
    await server.stay()
    server.path.unlink()
    await server.stay()
    assert stat.S_IMODE(server.path.lstat().st_mode) == 0o660
    after = await Wire.open(server)
    assert (await after.ask("who"))["ok"] and (await before.ask("who"))["ok"]
    await server.stay()
    assert server.path.exists() and server._inode == server.path.lstat().st_ino
    await before.close()
    await after.close()


async def test_a_socket_that_cannot_be_made_anew_is_said_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    running = ControlServer(folder / "control.sock", ControlSettings(), {"who": lambda args, by: by})
    await running.start()
    running.path.unlink()
    folder.rmdir()
    await running.stay()
    await running.stay()
    assert capsys.readouterr().out.count("control socket gone") == 1
    folder.mkdir()
    await running.stay()
    client = await Wire.open(running)
    assert (await client.ask("who"))["ok"]
    await client.close()
    await running.stop()
    assert not running.path.exists()


# -- the socket file -------------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
@pytest.mark.parametrize("mode", ["0600", "0660", "0666"])
async def test_the_rights_are_those_of_the_settings_whatever_the_umask(
    tmp_path: Path, umask: int, mode: str
) -> None:
    path = tmp_path / "control.sock"
    group = grp.getgrgid(os.getgid()).gr_name
    running = ControlServer(path, ControlSettings(mode=mode, group=group), {})
    before = os.umask(umask)
    try:
        await running.start()
    finally:
        os.umask(before)
    status = path.lstat()
    assert stat.S_ISSOCK(status.st_mode)
    assert stat.S_IMODE(status.st_mode) == int(mode, 8)
    assert status.st_gid == os.getgid()
    await running.stop()
    assert not path.exists()


async def test_the_socket_of_a_dead_daemon_is_replaced(tmp_path: Path, asked: Asked) -> None:
    path = tmp_path / "control.sock"
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    running = ControlServer(path, ControlSettings(), asked.verbs())
    await running.start()
    wire = await Wire.open(running)
    assert (await wire.ask("who"))["ok"]
    await wire.close()
    await running.stop()


async def test_a_second_daemon_is_refused_and_the_first_goes_on(server: ControlServer) -> None:
    second = ControlServer(server.path, ControlSettings(), {})
    with pytest.raises(TryLater, match="another daemon answers"):
        await second.start()
    await second.stop()
    wire = await Wire.open(server)
    assert (await wire.ask("who"))["ok"]
    await wire.close()


async def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    path.write_text("mine")
    with pytest.raises(Misconfigured, match="is not a socket"):
        await ControlServer(path, ControlSettings(), {}).start()
    assert path.read_text() == "mine"


async def test_a_successor_s_socket_is_not_removed_on_stop(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    first = ControlServer(path, ControlSettings(), {})
    await first.start()
    path.unlink()
    second = ControlServer(path, ControlSettings(), {})
    await second.start()
    await first.stop()
    assert path.exists()
    await second.stop()
    assert not path.exists()


@pytest.mark.parametrize(
    ("place", "settings", "words"),
    [
        ("x" * 120, ControlSettings(), "longer than 107 bytes"),
        ("no/where.sock", ControlSettings(), "cannot be opened"),
        ("c.sock", ControlSettings(mode="rw-rw"), "three octal digits"),
        ("c.sock", ControlSettings(mode="7777"), "three octal digits"),
        ("c.sock", ControlSettings(group="no-such-group-here"), "there is no group"),
    ],
)
async def test_what_cannot_be_opened_says_why(
    tmp_path: Path, place: str, settings: ControlSettings, words: str
) -> None:
    with pytest.raises(Misconfigured, match=words):
        await ControlServer(tmp_path / place, settings, {}).start()
    assert os.listdir(tmp_path) == []


# -- questions ---------------------------------------------------------------------------------------------


async def test_who_asks_is_known_by_the_kernel_s_word(server: ControlServer) -> None:
    wire = await Wire.open(server)
    answer = await wire.ask("who", colour="red")
    assert answer == {"id": 7, "ok": True, "result": {"by": ME, "args": {"colour": "red"}}}
    await wire.close()


@pytest.mark.parametrize(
    ("verb", "kind", "code"),
    [
        ("refuse", "refused", "agent.unknown"),
        ("later", "try_later", "ledger.full"),
        ("break", "fault", "control.fault"),
        ("odd", "fault", "control.fault"),
        ("whi", "usage", "control.verb"),
    ],
)
async def test_trouble_is_told_by_kind_and_the_connection_goes_on(
    server: ControlServer, verb: str, kind: str, code: str
) -> None:
    wire = await Wire.open(server)
    answer = await wire.ask(verb)
    assert (answer["id"], answer["ok"]) == (7, False)
    assert (answer["error"]["kind"], answer["error"]["code"]) == (kind, code)
    assert "Traceback" not in json.dumps(answer)
    assert "division" not in json.dumps(answer)
    assert (await wire.ask("who"))["ok"]
    await wire.close()


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"hello\n",
        b"[]\n",
        b"7\n",
        b"{}\n",
        b'{"verb":7}\n',
        b'{"verb":"who","args":[]}\n',
        b'{"verb":"who","id":{}}\n',
        b"\xff\xfe\x00\n",
        b"[" * 60_000 + b"\n",
        b'{"verb":"who"',
        Random(1).randbytes(2000).replace(b"\n", b"") + b"\n",
    ],
)
async def test_garbage_is_answered_in_words(server: ControlServer, line: bytes) -> None:
    wire = await Wire.open(server)
    answer = await wire.say(line if line.endswith(b"\n") else line + b"\n")
    assert (answer["ok"], answer["error"]["kind"]) == (False, "usage")
    assert (await wire.ask("who"))["ok"]
    await wire.close()


async def test_a_line_without_end_is_cut_off(server: ControlServer) -> None:
    wire = await Wire.open(server)
    answer = await wire.say(b"x" * (LINE_LIMIT + 10))
    assert answer["error"]["code"] == "control.line"
    assert await wire.hear() is None
    await wire.close()


async def test_half_a_question_and_gone(server: ControlServer) -> None:
    for _ in range(20):
        wire = await Wire.open(server)
        wire.writer.write(b'{"verb":')
        await wire.close()
    other = await Wire.open(server)
    assert (await other.ask("who"))["ok"]
    await other.close()


async def test_an_idle_connection_is_closed(server: ControlServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "IDLE_S", 0.05)
    wire = await Wire.open(server)
    assert await wire.hear() is None
    await wire.close()


async def test_too_many_connections_are_told_to_try_again(
    server: ControlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "CONNECTIONS", 2)
    wires = [await Wire.open(server) for _ in range(2)]
    for wire in wires:
        assert (await wire.ask("who"))["ok"]
    late = await Wire.open(server)
    assert (await late.hear())["error"]["code"] == "control.busy"
    await wires[0].close()
    while True:  # its end is noticed a moment later
        again = await Wire.open(server)
        answer = await again.ask("who")
        await again.close()
        if answer["ok"]:
            break
    await wires[1].close()
    await late.close()


async def test_a_verb_that_takes_too_long_is_answered_all_the_same(
    server: ControlServer, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "ANSWER_S", 0.05)
    wire = await Wire.open(server)
    assert (await wire.ask("slow"))["error"]["code"] == "control.slow"
    assert asked.cancelled == 1
    await wire.close()


async def test_one_who_waits_does_not_make_others_wait(server: ControlServer) -> None:
    waiting = await Wire.open(server)
    waiting.writer.write(b'{"verb":"slow"}\n')
    wires = [await Wire.open(server) for _ in range(20)]
    answers = await asyncio.gather(*(wire.ask("who") for wire in wires))
    assert all(answer["ok"] for answer in answers)
    for wire in (waiting, *wires):
        await wire.close()


async def test_stop_ends_open_connections_and_running_verbs(server: ControlServer, asked: Asked) -> None:
    idle, busy = await Wire.open(server), await Wire.open(server)
    assert (await idle.ask("who"))["ok"]
    busy.writer.write(b'{"verb":"slow"}\n')
    await until(lambda: asked.begun == 1)
    await server.stop()
    assert await idle.hear() is None
    assert asked.cancelled == 1
    await idle.close()
    await busy.close()


def server_lost(client: socket.socket) -> bool:
    """The other end is gone, though what it sent was not read."""
    try:
        client.send(b"\n")
    except ConnectionError:
        return True
    return False


# -- watching ------------------------------------------------------------------------------------------------


async def test_frames_are_made_once_for_all_and_only_while_somebody_watches(
    server: ControlServer, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "FRAME_S", 0.03)
    one, two = await Wire.open(server), await Wire.open(server)
    assert asked.frames == 0
    for wire in (one, two):
        assert (await wire.ask("watch"))["ok"]
    for wire in (one, two):
        numbers = [(await wire.hear())["result"]["frame"] for _ in range(4)]
        assert numbers == list(range(numbers[0], numbers[0] + 4))
    seen = asked.frames
    assert seen <= 8
    for wire in (one, two):
        await wire.close()
    async with asyncio.timeout(10):  # their end is noticed a moment later
        after = -1
        while after != asked.frames:
            after = asked.frames
            await asyncio.sleep(0.1)


async def test_a_watcher_may_go_on_asking(server: ControlServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "FRAME_S", 0.02)
    wire = await Wire.open(server)
    await wire.say(b'{"id":"w","verb":"watch"}\n')
    answer = await wire.ask("who")
    while answer.get("more"):
        assert answer["id"] == "w"
        answer = await wire.hear()
    assert answer["result"]["by"] == ME
    await wire.close()


async def test_a_watcher_who_does_not_read_delays_nobody_and_is_let_go(
    server: ControlServer, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "FRAME_S", 0.01)
    monkeypatch.setattr(server_module, "FRAMES_MISSED", 10)
    loop = asyncio.get_running_loop()
    deaf = socket.socket(socket.AF_UNIX)
    deaf.setblocking(False)
    await loop.sock_connect(deaf, str(server.path))
    await loop.sock_sendall(deaf, b'{"verb":"watch"}\n')
    good = await Wire.open(server)
    assert (await good.ask("watch"))["ok"]
    numbers = [(await good.hear())["result"]["frame"] for _ in range(40)]
    assert numbers == list(range(numbers[0], numbers[0] + 40))
    while not server_lost(deaf):
        await good.hear()
    deaf.close()
    await good.close()


def test_the_same_on_uvloop(tmp_path: Path, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its streams and sockets differ in places, and it is what the daemon runs on."""
    monkeypatch.setattr(server_module, "FRAME_S", 0.02)

    async def work() -> None:
        running = ControlServer(tmp_path / "control.sock", ControlSettings(), asked.verbs())
        await running.start()
        wire = await Wire.open(running)
        assert (await wire.ask("who"))["result"]["by"] == ME
        assert len((await wire.ask("long", size=3_000_000))["result"]) == 3_000_000
        assert (await wire.say(b"garbage\n"))["error"]["kind"] == "usage"
        assert (await wire.ask("watch"))["ok"]
        assert [(await wire.hear())["more"] for _ in range(3)] == [True] * 3
        cut = await Wire.open(running)
        assert (await cut.say(b"x" * (LINE_LIMIT + 10)))["error"]["code"] == "control.line"
        await running.stop()
        while await wire.hear() is not None:
            pass
        await wire.close()
        await cut.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work())
    assert os.listdir(tmp_path) == []


def test_who_hangs_up_before_the_answer_is_no_fault(tmp_path: Path, asked: Asked) -> None:
    """On uvloop, which raises for a write to what is closed."""
    faults: list[dict[str, Any]] = []

    async def work() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
        running = ControlServer(tmp_path / "control.sock", ControlSettings(), asked.verbs())
        await running.start()
        other = await Wire.open(running)
        with socket.socket(socket.AF_UNIX) as leaving:
            leaving.connect(str(running.path))
            leaving.send(b'{"verb":"who"}\n{"verb":"patient"}\n{"verb":"who"}\n')
            await until(lambda: asked.waiting == 1)
        # the first answer was never read: that makes the end a reset, and our side is closed at once
        for _ in range(3):
            assert (await other.ask("who"))["ok"]
        asked.patience.set()
        await until(lambda: asked.waiting == 0)
        assert (await other.ask("who"))["ok"]
        await other.close()
        await running.stop()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work())
    assert faults == []


# -- the client ----------------------------------------------------------------------------------------------


async def test_the_client_asks_and_is_declined(server: ControlServer) -> None:
    def work() -> None:
        with ControlClient(server.path) as client:
            assert client.ask("who", a=1) == {"by": ME, "args": {"a": 1}}
            assert len(client.ask("long", size=3_000_000)) == 3_000_000
            with pytest.raises(Declined) as caught:
                client.ask("refuse")
            assert (caught.value.kind, caught.value.code) == ("refused", "agent.unknown")
            assert caught.value.cure == "known: alice"
            assert client.ask("who")["by"] == ME

    await asyncio.to_thread(work)


async def test_the_client_watches_and_notices_the_end(
    server: ControlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "FRAME_S", 0.02)
    seen = threading.Event()

    def work() -> list[int]:
        numbers: list[int] = []
        with ControlClient(server.path) as client:
            client.watch()
            frames = client.frames()
            numbers += [next(frames)["frame"] for _ in range(3)]
            seen.set()
            with pytest.raises(Unreachable, match="closed the connection"):
                numbers.extend(frame["frame"] for frame in frames)
        return numbers

    watching = asyncio.create_task(asyncio.to_thread(work))
    await until(seen.is_set)
    await server.stop()
    numbers = await watching
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_nobody_there_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="there is no such socket"):
        ControlClient(tmp_path / "no.sock")
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(tmp_path / "left.sock"))
    left.close()
    with pytest.raises(Unreachable, match="left from one that ended"):
        ControlClient(tmp_path / "left.sock")


def test_a_daemon_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(tmp_path / "mute.sock"))
        mute.listen()
        with (
            ControlClient(tmp_path / "mute.sock", timeout_s=0.05) as client,
            pytest.raises(Unreachable, match="does not answer"),
        ):
            client.ask("status")
