"""The speech engines and the cache: what they take, refuse and give up, and what goes first."""

import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ccd.errors import CcdError, Misconfigured, TryLater
from ccd.media.tones import sine
from ccd.media.wav import write
from ccd.model.rules import FlowRule, QueueRule, Rules
from ccd.model.settings import DaemonSettings, Secret, Settings, SpeechSettings
from ccd.model.steps import Enqueue, Hangup, Play
from ccd.model.voicemail_rules import VoicemailRule
from ccd.voice.audio_files import MOST_SAID, SAY, Library, keys_of
from ccd.voice.media_protocol import Begin, Unpacker, WorkerCommand, pack
from ccd.voice.speech import REST_S, Speech, prune
from ccd.voice.speech_ahead import plan_of, texts_ahead
from ccd.voice.speech_engines import Running, render
from ccd.voice.speech_plan import SpeechPlan

WAV = write(16000, sine(440, 0.3, 9000, 16000))
PRINTS_WAV = f"import sys; sys.stdin.read(); sys.stdout.buffer.write(bytes.fromhex('{WAV[:2000].hex()}'))"


def program(code: str, *more: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code, *more)


def plan(code: str, *more: str, **keys: Any) -> SpeechPlan:
    return SpeechPlan("command", **{"cache": "", "command": program(code, *more), "timeout_s": 5.0, **keys})


class Engine(BaseHTTPRequestHandler):
    """An engine behind HTTP; what it got stands in `got`."""

    got: list[tuple[dict[str, str], bytes]] = []
    status = 200
    body = WAV

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.got.append((dict(self.headers), body))
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


@pytest.fixture
def engine() -> Iterator[tuple[type[Engine], str]]:
    kind = type("OneEngine", (Engine,), {"got": []})
    server = HTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield kind, f"http://127.0.0.1:{server.server_port}/say?rate=8000"
    server.shutdown()
    thread.join()
    server.server_close()


def test_http_posts_text_language_and_voice_with_the_secret(engine: tuple[type[Engine], str]) -> None:
    kind, url = engine
    asked = SpeechPlan("http", "", url=url, header="X-Key", secret="s3cret", voices={"fr": "claire"})
    assert render(asked, "fr-CA", "Bonjour", Running()) == WAV
    ((headers, body),) = kind.got
    assert msgspec.json.decode(body) == {"text": "Bonjour", "language": "fr-CA", "voice": "claire"}
    assert headers["X-Key"] == "s3cret"
    assert "s3cret" not in repr(asked)


def test_http_refusals_are_named_without_the_text(engine: tuple[type[Engine], str]) -> None:
    kind, url = engine
    kind.status = 503
    with pytest.raises(TryLater, match="answered 503") as caught:
        render(SpeechPlan("http", "", url=url), "en", "private words", Running())
    assert "private" not in str(caught.value)


@pytest.mark.needs("openssl")
def test_a_certificate_that_nobody_vouches_for_gets_no_secret(
    engine: tuple[type[Engine], str], tmp_path: Path
) -> None:
    kind, _ = engine
    pem = str(tmp_path / "own.pem")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    subprocess.run([*made, "-keyout", pem, "-out", pem + ".crt"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem + ".crt", pem)
    with HTTPServer(("127.0.0.1", 0), kind) as server:
        server.handle_error = lambda *_: None  # type: ignore[method-assign]
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        asked = SpeechPlan("http", "", url=f"https://localhost:{server.server_port}/", secret="s3cret")
        with pytest.raises(TryLater, match="certificate verify failed"):
            render(asked, "en", "x", Running())
        thread.join(10)
    assert kind.got == []


def test_an_engine_that_is_not_there() -> None:
    with pytest.raises(TryLater, match="cannot be asked"):
        render(SpeechPlan("http", "", url="http://127.0.0.1:1/"), "en", "x", Running())
    with pytest.raises(TryLater, match="is not installed"):
        render(SpeechPlan("command", "", command=("no-such-program",)), "en", "x", Running())


def test_a_command_gets_the_text_on_stdin_and_language_and_voice_as_arguments(tmp_path: Path) -> None:
    code = "import sys; open(sys.argv[1], 'w').write(repr(sys.argv[2:] + [sys.stdin.read()]))"
    asked = plan(code, str(tmp_path / "got"), "{language}/{voice}", voices={"fr": "claire"})
    assert render(asked, "fr", "Bonjour; $(rm)", Running()) == b""
    assert (tmp_path / "got").read_text() == "['fr/claire', 'Bonjour; $(rm)']"


def test_a_command_does_not_see_the_secrets_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUNK_PASSWORD", "s3cret")
    code = "import os, sys; open(sys.argv[1], 'w').write(repr(dict(os.environ)))"
    render(plan(code, str(tmp_path / "got")), "en", "x", Running())
    assert "s3cret" not in (tmp_path / "got").read_text()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import sys; sys.exit('no voice today')", "failed with code 1: no voice today"),
        ("import time; time.sleep(30)", "took more than 0.5 s"),
        ("import os, time; os.close(1); os.close(2); time.sleep(30)", "took more than 0.5 s"),
        ("import sys\nwhile True: sys.stdout.buffer.write(bytes(1 << 20))", "gave more than 32 MB"),
    ],
)
def test_a_command_that_fails_hangs_or_never_ends(code: str, words: str) -> None:
    slow = 0.5 if "sleep" in code else 20.0
    with pytest.raises(CcdError, match=words):
        render(plan(code, timeout_s=slow), "en", "x" * 2000, Running())


def test_nothing_is_begun_once_it_is_closed(tmp_path: Path) -> None:
    speech = Speech(plan("open(__import__('sys').argv[1], 'w')", str(tmp_path / "ran")))
    speech.close()
    with pytest.raises(TryLater):
        speech.clip("en", "x")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("code", ["print('no wav at all')", "pass"])
def test_what_is_no_wav_is_no_speech(code: str) -> None:
    with pytest.raises(Misconfigured, match="the speech engine's answer"):
        Speech(plan(code)).clip("en", "x")


def test_an_engine_that_failed_rests_in_that_language_only(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("ccd.voice.speech.monotonic", lambda: now[0])
    speech = Speech(SpeechPlan("espeak", "", voices={"en": "zzz"}))
    with pytest.raises(TryLater, match=r"espeak-ng (?:failed|is not installed)"):
        speech.clip("en", "x")
    asked: list[str] = []
    monkeypatch.setattr("ccd.voice.speech.render", lambda _plan, language, *_: asked.append(language) or WAV)
    with pytest.raises(TryLater, match=r"espeak-ng (?:failed|is not installed)"):
        speech.clip("en", "y")
    speech.clip("fr", "x")
    now[0] += REST_S
    speech.clip("en", "y")
    assert asked == ["fr", "en"]


def test_a_torn_file_in_the_cache_is_made_anew(tmp_path: Path) -> None:
    speech = Speech(plan(PRINTS_WAV, cache=str(tmp_path)))
    clip = speech.clip("en", "x")
    path = speech.path("en", "x")
    path.write_bytes(b"RIFF")
    assert speech.clip("en", "x").ulaw == clip.ulaw
    assert path.stat().st_size > 44


def test_the_name_in_the_cache_depends_on_all_that_makes_the_sound(tmp_path: Path) -> None:
    base = SpeechPlan("espeak", str(tmp_path))
    others = [
        msgspec.structs.replace(base, **change)
        for change in (
            {"speed": 200},
            {"voices": {"en": "en-us"}},
            {"engine": "command"},
            {"url": "http://x"},
        )
    ]
    paths = {Speech(each).path("en", "x") for each in (base, *others)}
    paths |= {Speech(base).path("en", "y"), Speech(base).path("fr", "x")}
    assert len(paths) == 7
    assert not any(path.stem == "x" for path in paths)


def test_a_full_disk_does_not_silence_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ccd.voice.speech.tempfile.mkstemp", full)
    assert Speech(plan(PRINTS_WAV, cache=str(tmp_path))).clip("en", "x").frames > 0


def test_what_was_not_used_for_longest_goes_first(tmp_path: Path) -> None:
    for number in range(10):
        file = tmp_path / f"{number}.wav"
        file.write_bytes(bytes(100))
        os.utime(file, (1000 + number, 1000 + number))
    os.utime(tmp_path / "0.wav", (2000, 2000))  # used again
    assert prune(str(tmp_path), 500) == 400
    assert sorted(file.name for file in tmp_path.iterdir()) == ["0.wav", "7.wav", "8.wav", "9.wav"]


def test_the_cache_stays_within_its_bound(tmp_path: Path) -> None:
    speech = Speech(plan(PRINTS_WAV, cache=str(tmp_path), cache_bytes=3000))
    for number in range(6):
        speech.clip("en", f"text {number}")
        assert sum(file.stat().st_size for file in tmp_path.rglob("*.wav")) <= 3000
    assert speech.is_kept("en", "text 5") and not speech.is_kept("en", "text 0")


def test_texts_in_memory_are_bounded() -> None:
    library = Library([], [])

    class Long:
        frames = MOST_SAID // 4

    for number in range(6):
        library.keep_said((SAY + "en", str(number)), Long())  # type: ignore[arg-type]
        library.said((SAY + "en", "0"))
    assert [number for number in range(6) if library.said((SAY + "en", str(number)))] == [0, 3, 4, 5]


def test_texts_are_keys_in_their_own_language() -> None:
    from ccd.model.nouns import PromptPart

    parts = (PromptPart("welcome"), PromptPart(text="Hi", language="en"), PromptPart(text="Salut"))
    assert keys_of(parts, "fr", "") == [("fr", "welcome"), (SAY + "en", "Hi"), (SAY + "fr", "Salut")]


def test_constant_texts_of_flows_are_known_ahead() -> None:
    steps = (
        Play(say={"en": "Hello.", "fr": "Bonjour."}),
        Play(say="Hello {caller_name}."),
        Play(say="Moment  please."),
        Hangup(say={"en": "Hello."}),
    )
    rules = Rules(flows={"in": FlowRule(name="in", steps=steps, language="en")}, language="fr")
    assert texts_ahead(rules) == (("en", "Hello."), ("fr", "Bonjour."), ("en", "Moment please."))


def test_constant_texts_of_queues_are_known_ahead() -> None:
    queue = QueueRule(
        name="q",
        whisper_say={"en": "A call.", "fr": "{caller}"},
        comfort_say=("Merci.", {"en": "Thanks."}),
        voicemail=VoicemailRule(say="Parlez."),
    )
    flow = FlowRule(name="in", steps=(Enqueue(queue="q", whisper_say="Un appel."),), language="en")
    rules = Rules(flows={"in": flow}, queues={"q": queue}, language="fr")
    texts = (("en", "A call."), ("fr", "Merci."), ("en", "Thanks."), ("fr", "Parlez."), ("fr", "Un appel."))
    assert texts_ahead(rules) == texts


def test_the_plan_travels_to_the_worker_and_shows_no_secret() -> None:
    speech = SpeechSettings(engine="http", url="https://x", secret=Secret("s3cret"))
    made = plan_of(Settings(rules=Rules(), daemon=DaemonSettings(state_dir="/var/x"), speech=speech))
    assert made.cache == "/var/x/speech" and made.secret == "s3cret"
    begin = Begin("127.0.0.1", 1, 2, 30.0, (), (), 1.0, made)
    assert list(Unpacker(WorkerCommand).feed(pack([begin]))) == [begin]
    assert "s3cret" not in repr(begin)
