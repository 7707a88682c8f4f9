"""Speech engines: a text goes in, the bytes of a WAV come out. They block and belong on a thread aside.

Every one ends at a deadline and stops at `MOST_BYTES`. No message says the text: it may be about a person.
"""

import os
import selectors
import shutil
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from ccd.clock import monotonic
from ccd.errors import Misconfigured, TryLater
from ccd.voice.speech_plan import SpeechPlan

MOST_BYTES: Final = 32 << 20
"""Largest WAV that is taken: 5 minutes at 48 kHz."""
CHUNK: Final = 1 << 16
MOST_WORDS: Final = 300
"""Characters of what a program said of its failure."""
_KEPT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR")

Closer = Callable[[], None]


class Running:
    """What runs now, so that it can be broken off."""

    def __init__(self) -> None:
        self._closers: set[Closer] = set()
        self.closed = False

    def add(self, closer: Closer) -> None:
        """Raises `TryLater` when everything was broken off already."""
        self._closers.add(closer)
        if self.closed:
            closer()
            raise TryLater("speech", "the media worker ends")

    def remove(self, closer: Closer) -> None:
        self._closers.discard(closer)

    def close(self) -> None:
        """Break off all; from another thread."""
        self.closed = True
        for closer in list(self._closers):
            closer()


def render(plan: SpeechPlan, language: str, text: str, running: Running) -> bytes:
    """A WAV of the text; raises `TryLater` or `Misconfigured`."""
    if plan.engine == "http":
        from ccd.voice.speech_http import fetched  # TLS and HTTP only where they are used

        return fetched(plan, language, text, running)
    return _from_program(_command(plan, language), text, plan.timeout_s, running)


def _command(plan: SpeechPlan, language: str) -> list[str]:
    voice = plan.voice(language)
    if plan.engine == "command":
        known = {"{language}": language, "{voice}": voice}
        words = [_filled(word, known) for word in plan.command]
    else:
        words = ["espeak-ng", "-v", voice, "-s", str(plan.speed), "--stdout", "--stdin"]
    program = shutil.which(words[0]) if words else None
    if program is None:
        name = words[0] if words else "nothing"
        cure = "; on Debian: apt-get install espeak-ng" if plan.engine == "espeak" else ""
        raise TryLater("speech", f"{name} is not installed{cure}")
    nice = shutil.which("nice")  # a media worker goes before others: what it starts does not
    return [*([nice, "-n", "20"] if nice else []), program, *words[1:]]


def _filled(word: str, known: dict[str, str]) -> str:
    for name, value in known.items():
        word = word.replace(name, value)
    return word


# -- programs ----------------------------------------------------------------------------------------------


def _from_program(command: list[str], text: str, timeout_s: float, running: Running) -> bytes:
    deadline = monotonic() + timeout_s
    process = subprocess.Popen(  # noqa: S603  a program of the administrator's choice, the text on its stdin
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={name: os.environ[name] for name in _KEPT if name in os.environ},
        start_new_session=True,
    )
    name = os.path.basename(command[3] if len(command) > 3 and command[1] == "-n" else command[0])

    def stop() -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)

    with process:
        try:
            running.add(stop)
            out, words = _talk(process, text.encode(), deadline, name, timeout_s)
            code = process.wait(max(0.1, deadline - monotonic()))
        except subprocess.TimeoutExpired:
            raise slow(name, timeout_s) from None
        finally:
            running.remove(stop)
            if process.poll() is None:
                stop()
    if code:
        said = " ".join(words.decode(errors="replace").split())[:MOST_WORDS]
        raise TryLater("speech", f"{name} failed with code {code}: {said or 'it said nothing'}")
    return out


def _talk(
    process: "subprocess.Popen[bytes]", text: bytes, deadline: float, name: str, timeout_s: float
) -> tuple[bytes, bytes]:
    """Give the text, take the sound and what it complains of, until both pipes are closed."""
    assert process.stdin and process.stdout and process.stderr  # noqa: S101  asked for by the caller
    with suppress(BrokenPipeError):  # it ended already: its code and words say why
        process.stdin.write(text)  # at most 8 kB: less than a pipe holds
        process.stdin.flush()
    with suppress(BrokenPipeError):
        process.stdin.close()
    taken = {process.stdout: bytearray(), process.stderr: bytearray()}
    with selectors.DefaultSelector() as selector:
        for pipe in taken:
            selector.register(pipe, selectors.EVENT_READ)
        while selector.get_map():
            left = deadline - monotonic()
            ready = selector.select(left) if left > 0 else []
            if not ready:
                raise slow(name, timeout_s)
            for key, _ in ready:
                data = os.read(key.fd, CHUNK)
                if not data:
                    selector.unregister(key.fileobj)
                elif key.fileobj is process.stdout:
                    taken[process.stdout] += data
                elif len(taken[process.stderr]) < CHUNK:
                    taken[process.stderr] += data
            if len(taken[process.stdout]) > MOST_BYTES:
                raise large(name)
    return bytes(taken[process.stdout]), bytes(taken[process.stderr])


def slow(name: str, timeout_s: float, at: str = "") -> TryLater:
    """It has not spoken in time; `at` what."""
    return TryLater("speech", f"{name} took more than {timeout_s:g} s{at}")


def large(name: str) -> Misconfigured:
    """It does not end."""
    return Misconfigured("speech", f"{name} gave more than {MOST_BYTES >> 20} MB for one text")
