"""ccctl against a running centre, over its socket: every verb, its JSON, and the live view on a terminal."""

import asyncio
import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ccd.cli.main import main
from ccd.cli.session import LATER, REFUSED, WRONG
from ccd.config.load import ConfigFaults, Fault
from ccd.control import server as server_module
from ccd.control.server import ControlServer
from ccd.errors import TryLater
from ccd.model.settings import ControlSettings
from tests.unit.control_room import Room


class Desk:
    """A centre with its socket, and ccctl run in a thread beside it."""

    def __init__(self, room: Room, server: ControlServer, capsys: pytest.CaptureFixture[str]) -> None:
        self.room = room
        self.server = server
        self.out = ""
        self.err = ""
        self._capsys = capsys

    async def ccctl(self, *argv: str) -> int:
        """The exit code; what was printed is in `out` and `err`."""

        def work() -> int:
            try:
                main(("--socket", str(self.server.path), *argv))
            except SystemExit as ended:
                return int(ended.code or 0)
            return 0

        code = await asyncio.to_thread(work)
        self.out, self.err = self._capsys.readouterr()
        return code

    async def json(self, *argv: str) -> Any:
        assert await self.ccctl(*argv, "--json") == 0, self.err
        return json.loads(self.out)


@pytest.fixture
async def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> AsyncIterator[Desk]:
    async with Room() as room:
        server = ControlServer(tmp_path / "control.sock", ControlSettings(), room.verbs)
        await server.start()
        yield Desk(room, server, capsys)
        await server.stop()


LOOKING = [
    ("status",),
    ("top", "--once"),
    ("agents",),
    ("agents", "--queue", "sales"),
    ("queues",),
    ("interactions",),
    ("interactions", "--queue", "sales", "--agent", "alice", "--limit", "5"),
    ("interactions", "--ended"),
    ("interactions", "--ended", "--since", "2h", "--queue", "sales", "--limit", "5"),
    ("interaction", "show", "1"),
    ("interaction", "explain", "1"),
    ("trunks",),
    ("devices",),
    ("sip", "trace"),
    ("sip", "trace", "1"),
    ("report",),
    ("report", "--total"),
]
ACTING = [
    ("agent", "login", "carol"),
    ("agent", "pause", "carol", "lunch"),
    ("agent", "ready", "carol"),
    ("agent", "logout", "carol"),
    ("interaction", "hangup", "1"),
    ("reload",),
    ("drain",),
    ("drain", "--off"),
]


@pytest.mark.parametrize("argv", LOOKING + ACTING, ids=" ".join)
async def test_every_verb_answers_people_and_scripts(
    desk: Desk, argv: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    await desk.room.ready("alice")
    await desk.room.talk()
    if argv in LOOKING:
        answer = await desk.json(*argv)
        assert isinstance(answer, dict | list)
    assert await desk.ccctl(*argv) == 0
    assert desk.err == ""
    lines = desk.out.splitlines()
    assert lines
    assert all(len(line) <= 80 for line in lines if not line.startswith(" ")), lines


async def test_an_agent_is_steered(desk: Desk) -> None:
    desk.room.bind("alice")
    assert (await desk.json("agent", "login", "alice"))["doing"] == "idle"
    assert (await desk.json("agent", "pause", "alice", "1"))["reason"] == "lunch"
    assert await desk.ccctl("agent", "ready", "alice") == 0
    assert desk.out == "alice is free\n"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("agent", "login", "alicia"), "did you mean alice?"),
        (("agents", "--queue", "sale"), "did you mean sales?"),
        (("interaction", "show", "4711"), "there is no interaction '4711'"),
        (("diff",), "two folders"),
    ],
)
async def test_refusals_are_code_1_with_a_cure(desk: Desk, argv: tuple[str, ...], words: str) -> None:
    assert await desk.ccctl(*argv) == REFUSED
    assert desk.out == ""
    assert words in desk.err
    assert await desk.ccctl(*argv, "--json") == REFUSED
    error = json.loads(desk.out)["error"]
    assert words in f"{error['problem']} {error['cure']}"


async def test_a_reload_that_is_refused_lists_every_fault(desk: Desk) -> None:
    faults = (
        Fault("conf/ccd.toml", 12, "queues.sales.agents[0]", "there is no agent eve", "did you mean eva?"),
        Fault("conf/ccd.toml", 30, "sip.t1_ms", "must be at least 1", "write 500"),
    )
    desk.room.fault = ConfigFaults(faults)
    assert await desk.ccctl("reload") == WRONG
    assert "2 faults" in desk.err
    assert "conf/ccd.toml:12: queues.sales.agents[0]: there is no agent eve — did you mean eva?" in desk.err
    assert await desk.ccctl("reload", "--json") == WRONG
    details = json.loads(desk.out)["error"]["details"]
    assert details == [msgspec.to_builtins(fault) for fault in faults]


async def test_not_now_is_code_4(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(args: dict[str, Any], by: str) -> Any:
        raise TryLater("ledger.full", "the disk is full — make room")

    desk.room.verbs["queues"] = full
    assert await desk.ccctl("queues") == LATER
    assert desk.err == "ccctl: the disk is full — make room\n"


async def test_whole_messages_are_printed_harmless(desk: Desk) -> None:
    assert await desk.ccctl("sip", "trace", "--messages") == 0
    assert "--- " in desk.out
    assert "INVITE sip:1@ccd SIP/2.0\nCSeq: 1 INVITE\n" in desk.out
    assert "\x1b" not in desk.out
    assert await desk.ccctl("sip", "trace", "--limit", "1") == 0
    assert "4 earlier messages are not shown" in desk.out


async def test_names_are_completed_from_the_running_centre(desk: Desk) -> None:
    code = "import sys; sys.argv[0]='ccctl'; from ccd.cli.main import main; main()"
    environ = {
        **os.environ,
        "CCD_SOCKET": str(desk.server.path),
        "_CCCTL_COMPLETE": "complete_bash",
        "COMP_WORDS": "ccctl agent pause a",
        "COMP_CWORD": "3",
    }
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=pipe, env=environ)
    out, _ = await asyncio.wait_for(child.communicate(), 20)
    assert out.split() == [b"alice"]


# -- the live view -----------------------------------------------------------------------------------------


async def test_top_for_a_pipe_is_a_line_of_json_a_frame(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "FRAME_S", 0.05)
    argv = [sys.executable, "-m", "ccd.cli.main", "--socket", str(desk.server.path), "top", "--json"]
    child = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE, limit=2**20)
    assert child.stdout is not None
    await desk.room.call()
    frames = [json.loads(await asyncio.wait_for(child.stdout.readline(), 20)) for _ in range(3)]
    assert frames[-1]["interactions"]["all"] == 1
    child.terminate()
    await child.communicate()


def _top_on_a_terminal(path: Path, keys: bytes) -> tuple[int, str]:
    """Run `ccctl top` on a terminal of 80 x 24, press keys after the second frame; (exit code, output)."""
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover  the child
        os.environ["TERM"] = "xterm-256color"
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell starts what runs behind it deaf for Ctrl-C
        argv = [sys.executable, "-m", "ccd.cli.main", "--socket", str(path), "top"]
        os.execv(sys.executable, argv)  # noqa: S606
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    shown = b""
    try:
        while shown.count(b"interactions 1: 1 talking") < 2:
            ready, _, _ = select.select([terminal], [], [], 20)
            assert ready, shown
            shown += os.read(terminal, 65536)
        os.write(terminal, keys)
        while True:
            try:
                chunk = os.read(terminal, 65536)
            except OSError:  # the child closed its end
                break
            shown += chunk
            if not chunk:
                break
    finally:
        os.close(terminal)
        _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), shown.decode()


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # the child of the fork only execs
@pytest.mark.parametrize("keys", [b"q", b"\x03"], ids=["q", "ctrl-c"])
async def test_top_is_live_and_leaves_the_terminal_as_it_was(
    desk: Desk, keys: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_module, "FRAME_S", 0.1)
    await desk.room.ready("alice")
    await desk.room.talk()
    code, shown = await asyncio.to_thread(_top_on_a_terminal, desk.server.path, keys)
    assert code == 0
    assert "alice" in shown
    assert "sales" in shown
    assert shown.count("\x1b[?1049h") == shown.count("\x1b[?1049l") == 1
    assert shown.index("\x1b[?1049l") > shown.rindex("interactions 1")
    assert "Traceback" not in shown
