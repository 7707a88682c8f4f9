"""The HTTP speech engine: one POST, and all of it within `timeout_s`.

Looking the name up, connecting to whatever addresses it has, TLS, sending, and reading the answer share one
deadline: the time limits of sockets alone count for each operation, so a server that gives a byte now and
then, or a name server that hangs, would hold the thread for as long as it likes. At the deadline the socket
is shut down from a timer. A look-up cannot be broken off; it is left to a thread of its own, one a name.
"""

import http.client
import socket
import ssl
import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from ccd.clock import monotonic
from ccd.errors import CcdError, TryLater
from ccd.voice.speech_engines import CHUNK, MOST_BYTES, Running, large, slow
from ccd.voice.speech_plan import SpeechPlan

MOST_LOOKUPS: Final = 8
"""Names that are looked up at a time; more than one engine is not configured at a time, reloads aside."""
_lock = threading.Lock()
_lookups: dict[tuple[str, int], "Future[list[Any]]"] = {}
"""Those that run: whoever asks meanwhile waits for the same."""


def fetched(plan: SpeechPlan, language: str, text: str, running: Running) -> bytes:
    """A WAV of the text. POST of `{"text", "language", "voice"}`; no redirects, TLS is verified.

    Raises `TryLater`, within `plan.timeout_s`, or `Misconfigured` for what is too large.
    """
    asked = _Asked(plan, running)
    body = msgspec.json.encode({"text": text, "language": language, "voice": plan.voice(language)})
    try:
        return asked.run(body)
    except CcdError:
        raise
    except (OSError, http.client.HTTPException, ValueError) as error:
        if asked.is_late():
            raise slow(asked.host, plan.timeout_s) from None
        raise TryLater("speech", f"{asked.host} cannot be asked: {error or type(error).__name__}") from error
    finally:
        asked.close()


class _Asked:
    """One request, with the means to break it off."""

    def __init__(self, plan: SpeechPlan, running: Running) -> None:
        self._plan, self._running = plan, running
        self._deadline = monotonic() + plan.timeout_s
        self._parts = urlsplit(plan.url)
        self.host = self._parts.hostname or ""
        self._secure = self._parts.scheme == "https"
        self._plug: socket.socket | None = None
        self._link: http.client.HTTPConnection | None = None
        self._timer = threading.Timer(plan.timeout_s, self._cut)
        self._timer.daemon = True

    def run(self, body: bytes) -> bytes:
        plan, parts = self._plan, self._parts
        self._running.add(self._cut)
        self._timer.start()
        plug = self._connected()
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        self._link = link = kind(self.host, parts.port)
        link.sock = plug
        headers = {"Content-Type": "application/json", "Accept": "audio/wav"}
        if plan.secret:
            headers[plan.header] = plan.secret
        link.request("POST", (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body, headers)
        return self._answer(link)

    def is_late(self) -> bool:
        """Whatever went wrong, the time was up."""
        return monotonic() >= self._deadline

    def close(self) -> None:
        self._timer.cancel()
        self._running.remove(self._cut)
        if self._link is not None:
            self._link.close()
        if self._plug is not None:
            self._plug.close()

    # -- within ----------------------------------------------------------------------------------------

    def _cut(self) -> None:
        """From other threads. The plain shutdown: that of a TLS socket would have it read on in the clear."""
        plug = self._plug
        if plug is not None:
            with suppress(OSError):
                socket.socket.shutdown(plug, socket.SHUT_RDWR)

    def _left(self) -> float:
        left = self._deadline - monotonic()
        if left <= 0:
            raise slow(self.host, self._plan.timeout_s)
        if self._running.closed:  # broken off while there was no socket yet to shut down
            raise TryLater("speech", "the media worker ends")
        return left

    def _connected(self) -> socket.socket:
        """A socket to the first address that takes it, TLS done."""
        port = self._parts.port or (443 if self._secure else 80)
        try:
            addresses = _looked_up(self.host, port).result(self._left())
        except TimeoutError:
            at = ": its name is still being looked up"
            raise slow(self.host, self._plan.timeout_s, at) from None
        refused: OSError = OSError("its name has no address")
        for family, kind, proto, _, address in addresses:
            self._plug = plug = socket.socket(family, kind, proto)
            plug.settimeout(self._left())
            try:
                plug.connect(address)
            except OSError as error:
                plug.close()
                refused = error
                continue
            return self._wrapped(plug) if self._secure else plug
        raise refused

    def _wrapped(self, plug: socket.socket) -> socket.socket:
        context = ssl.create_default_context()
        self._plug = wrapped = context.wrap_socket(
            plug, server_hostname=self.host, do_handshake_on_connect=False
        )
        wrapped.settimeout(self._left())
        wrapped.do_handshake()
        return wrapped

    def _answer(self, link: http.client.HTTPConnection) -> bytes:
        host = self.host
        with link.getresponse() as response:
            if response.status != 200:
                raise TryLater("speech", f"{host} answered {response.status} {response.reason}")
            data = bytearray()
            while not response.isclosed():  # since Python 3.13 the last byte closes it
                chunk = response.read1(CHUNK)
                if not chunk:
                    break
                data += chunk
                if len(data) > MOST_BYTES:
                    raise large(host)
            if self.is_late():  # the end that was read may be that of our own shutdown
                raise slow(host, self._plan.timeout_s)
            if response.length:
                raise TryLater("speech", f"{host} broke off, {response.length} bytes before the end")
            return bytes(data)


def _looked_up(host: str, port: int) -> "Future[list[Any]]":
    """The addresses of a name, to come."""
    with _lock:
        known = _lookups.get((host, port))
        if known is not None:
            return known
        if len(_lookups) >= MOST_LOOKUPS:
            raise TryLater("speech", f"{host} cannot be asked: too many names are being looked up")
        future: Future[list[Any]] = Future()
        _lookups[host, port] = future
    # not of a pool: the worker's end would wait for its threads
    threading.Thread(target=_look_up, args=(host, port, future), name="ccd-dns", daemon=True).start()
    return future


def _look_up(host: str, port: int, future: "Future[list[Any]]") -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        outcome: BaseException | None = error
    else:
        outcome = None
    with _lock:
        _lookups.pop((host, port), None)
    if outcome is None:
        future.set_result(found)
    else:
        future.set_exception(outcome)
