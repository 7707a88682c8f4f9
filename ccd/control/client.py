"""The other end of the control socket, for `ccctl` and scripts: one question at a time, blocking."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from ccd.errors import CcdError

DEFAULT_SOCKET = Path("/run/ccd/control.sock")
ANSWER_S = 40.0
"""Longest wait for an answer; the daemon itself gives up earlier."""
_CHUNK = 256 * 1024


class Unreachable(CcdError):
    """No daemon answers at the socket: start it, or name the right one."""


class Declined(CcdError):
    """The daemon answered, but not with what was asked for.

    `kind` is `refused`, `misconfigured`, `try_later`, `usage` or `fault`; `details` has one object a
    reason where there are several.
    """

    def __init__(self, kind: str, code: str, problem: str, cure: str = "", details: list[Any] | None = None):
        super().__init__(code, f"{problem} — {cure}" if cure else problem)
        self.kind = kind
        self.problem = problem
        self.cure = cure
        self.details = details or []


class ControlClient:
    """One connection to a daemon; a context manager."""

    def __init__(self, path: Path = DEFAULT_SOCKET, timeout_s: float = ANSWER_S) -> None:
        """Connects. Raises `Unreachable` with words for people."""
        self.path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout_s)
        self._received = b""
        self._asked = 0
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise Unreachable("control.unreachable", _why(path, error)) from error

    def __enter__(self) -> "ControlClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up. Idempotent."""
        self._socket.close()

    def fileno(self) -> int:
        """For `select`, while watching."""
        return self._socket.fileno()

    def ask(self, verb: str, **args: Any) -> Any:
        """The result of one verb. Raises `Declined` or `Unreachable`."""
        self._asked += 1
        question = {"id": self._asked, "verb": verb, "args": args}
        self._send(json.dumps(question).encode() + b"\n")
        while True:
            answer = self._line()
            if answer.get("id") in (self._asked, 0) and not answer.get("more"):
                return _result(answer)

    def watch(self) -> None:
        """Ask for a frame a second; take them with `frames` or `next_frame`."""
        self.ask("watch")

    def frames(self) -> Iterator[Any]:
        """Each frame as it comes, until the daemon ends (`Unreachable`)."""
        while True:
            yield _result(self._line())

    def next_frames(self) -> list[Any]:
        """The frames that are here after one read; to be called when `fileno` is readable."""
        self._receive()
        return [_result(answer) for answer in self._whole_lines()]

    def _send(self, data: bytes) -> None:
        try:
            self._socket.sendall(data)
        except OSError as error:
            self._hear_farewell()
            raise Unreachable("control.unreachable", _why(self.path, error)) from error

    def _hear_farewell(self) -> None:
        """A daemon that has no room says so and closes, perhaps before we asked. Raises it as `Declined`."""
        try:
            self._received += self._socket.recv(_CHUNK)
        except OSError:
            return
        for answer in self._whole_lines():
            _result(answer)

    def _line(self) -> dict[str, Any]:
        while b"\n" not in self._received:
            self._receive()
        line, _, self._received = self._received.partition(b"\n")
        return _decode(line)

    def _whole_lines(self) -> list[dict[str, Any]]:
        *lines, self._received = self._received.split(b"\n")
        return [_decode(line) for line in lines]

    def _receive(self) -> None:
        try:
            chunk = self._socket.recv(_CHUNK)
        except OSError as error:
            raise Unreachable("control.unreachable", _why(self.path, error)) from error
        if not chunk:
            words = f"the daemon at {self.path} closed the connection — see its log (journalctl -u ccd)"
            raise Unreachable("control.closed", words)
        self._received += chunk


def _decode(line: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(line)
    except ValueError as error:
        raise Declined("fault", "control.answer", f"the daemon's answer cannot be read: {error}") from error
    if not isinstance(answer, dict):
        raise Declined("fault", "control.answer", "the daemon's answer is not an object")
    return answer


def _result(answer: dict[str, Any]) -> Any:
    if answer.get("ok"):
        return answer.get("result")
    error = answer.get("error") or {}
    raise Declined(
        error.get("kind", "fault"),
        error.get("code", "control.answer"),
        error.get("problem", "the daemon refused without a reason"),
        error.get("cure", ""),
        error.get("details"),
    )


def _why(path: Path, error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"no daemon at {path}: there is no such socket — start ccd, or name it with --socket"
    if isinstance(error, ConnectionRefusedError):
        return f"no daemon at {path}: the socket is left from one that ended — start ccd"
    if isinstance(error, PermissionError):
        return f"{path} may not be opened by you — join the group that control.group names, or use sudo"
    if isinstance(error, TimeoutError):
        return f"the daemon at {path} does not answer — see its log (journalctl -u ccd)"
    return f"the daemon at {path} cannot be reached: {error.strerror or error}"
