"""The HTTP speech engine is given up in time, whatever stage of the request hangs."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from ccd.errors import TryLater
from ccd.voice import speech_http
from ccd.voice.speech_engines import Running, render
from ccd.voice.speech_plan import SpeechPlan

LIMIT_S = 0.4
WITHIN_S = 2.0
"""On a busy machine; without the bound all of these last for ever."""
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n"


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[socket.socket, threading.Event], None]], int]]:
    """Starts a server that does with each connection what it is told; the port."""
    over = threading.Event()
    threads: list[threading.Thread] = []
    listening: list[socket.socket] = []

    def start(does: Callable[[socket.socket, threading.Event], None]) -> int:
        door = socket.create_server(("127.0.0.1", 0))
        door.settimeout(10)
        listening.append(door)

        def run() -> None:
            plug, _ = door.accept()
            plug.settimeout(10)
            with plug, suppress(OSError):  # the client has gone, as it should
                does(plug, over)
                plug.shutdown(socket.SHUT_WR)
                while plug.recv(65536):  # what is left unread would make the kernel reset what was answered
                    pass

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        return int(door.getsockname()[1])

    yield start
    over.set()
    for thread in threads:
        thread.join(10)
    for door in listening:
        door.close()


def in_time(url: str, words: str) -> None:
    began = time.monotonic()
    with pytest.raises(TryLater, match=words):
        render(SpeechPlan("http", "", url=url, timeout_s=LIMIT_S), "en", "Hello", Running())
    assert LIMIT_S * 0.9 <= time.monotonic() - began < WITHIN_S


def test_a_name_server_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    over, asked = threading.Event(), []

    def hang(host: str, port: int, **_options: object) -> list[object]:
        asked.append((host, port))
        over.wait(20)
        return []

    monkeypatch.setattr(speech_http.socket, "getaddrinfo", hang)
    try:
        in_time("http://speech.example:8080/", "took more than 0.4 s: its name is still being looked up")
        in_time("http://speech.example:8080/", "took more than 0.4 s")
        assert asked == [("speech.example", 8080)], "one thread a name, however often it is asked for"
    finally:
        over.set()


def test_a_name_that_is_none_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_what: object, **_options: object) -> list[object]:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(speech_http.socket, "getaddrinfo", unknown)
    with pytest.raises(TryLater, match=r"speech\.example cannot be asked: .*not known"):
        render(SpeechPlan("http", "", url="http://speech.example/"), "en", "Hello", Running())


def test_many_names_that_hang_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def hang(*_what: object, **_options: object) -> list[object]:
        over.wait(20)
        return []

    monkeypatch.setattr(speech_http.socket, "getaddrinfo", hang)
    try:
        for number in range(speech_http.MOST_LOOKUPS):
            speech_http._looked_up(f"{number}.example", 80)
        with pytest.raises(TryLater, match="too many names"):
            render(SpeechPlan("http", "", url="http://speech.example/"), "en", "Hello", Running())
    finally:
        over.set()


def test_the_next_address_is_tried(
    serve: Callable[[Callable[[socket.socket, threading.Event], None]], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(plug: socket.socket, _over: threading.Event) -> None:
        plug.recv(65536)
        plug.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")

    port = serve(answer)
    kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
    both = [(*kind, ("127.0.0.1", 1)), (*kind, ("127.0.0.1", port))]
    monkeypatch.setattr(speech_http.socket, "getaddrinfo", lambda *_, **__: both)
    assert render(SpeechPlan("http", "", url="http://speech.example/"), "en", "Hello", Running()) == b"hi"


@pytest.mark.parametrize("begin", [HEAD + b"X-Slow: ", HEAD + b"\r\n"], ids=["headers", "body"])
def test_an_answer_that_comes_a_byte_at_a_time(
    serve: Callable[[Callable[[socket.socket, threading.Event], None]], int], begin: bytes
) -> None:
    def trickle(plug: socket.socket, over: threading.Event) -> None:
        plug.sendall(begin)
        while not over.wait(LIMIT_S / 10):
            plug.sendall(b"x")

    in_time(f"http://127.0.0.1:{serve(trickle)}/", "took more than 0.4 s")


def test_tls_that_never_shakes_hands(
    serve: Callable[[Callable[[socket.socket, threading.Event], None]], int],
) -> None:
    def silent(_plug: socket.socket, over: threading.Event) -> None:
        over.wait(20)

    in_time(f"https://127.0.0.1:{serve(silent)}/", "took more than 0.4 s")


def test_half_an_answer_is_none(
    serve: Callable[[Callable[[socket.socket, threading.Event], None]], int],
) -> None:
    def half(plug: socket.socket, _over: threading.Event) -> None:
        plug.recv(65536)
        plug.sendall(HEAD + b"\r\n" + bytes(60))

    url = f"http://127.0.0.1:{serve(half)}/"
    with pytest.raises(TryLater, match="broke off, 40 bytes before the end"):
        render(SpeechPlan("http", "", url=url), "en", "Hello", Running())
