"""WAV files of every kind, resampling, tones, clips and the library of prompts."""

import contextlib
import itertools
import math
import struct
from array import array
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.errors import Misconfigured
from ccd.media.g711 import PCMA, PCMU, encode
from ccd.media.playout import Clip, Playout
from ccd.media.resample import resample
from ccd.media.tones import TONES, sine, tone
from ccd.media.wav import header, read, write
from ccd.model.nouns import PromptPart
from ccd.voice.audio_build import build_prompts, read_texts
from ccd.voice.audio_files import Library, is_name, keys_of, music_key


def rms(linear: bytes) -> float:
    values = array("h", linear)
    return math.sqrt(sum(value * value for value in values) / len(values))


# --- WAV -------------------------------------------------------------------------------------------


def wav(code: int, channels: int, rate: int, bits: int, data: bytes, extra: bytes = b"") -> bytes:
    block = channels * bits // 8
    form = struct.pack("<HHIIHH", code, channels, rate, rate * block, block, bits)
    return (
        b"RIFF\0\0\0\0WAVE"
        + extra
        + b"fmt "
        + struct.pack("<I", len(form))
        + form
        + b"data"
        + struct.pack("<I", len(data))
        + data
    )


def test_every_width_becomes_the_same_sound() -> None:
    values = [0, 1000, -1000, 32000, -32000]
    files = {
        8: bytes((value >> 8) + 128 for value in values),
        16: struct.pack("<5h", *values),
        24: b"".join(struct.pack("<i", value << 8)[:3] for value in values),
        32: struct.pack("<5i", *(value << 16 for value in values)),
    }
    for bits, data in files.items():
        sound = read(wav(1, 1, 16000, bits, data), "x.wav")
        assert sound.rate == 16000
        assert list(array("h", sound.linear)) == pytest.approx(values, abs=256 if bits == 8 else 0)


def test_g711_files() -> None:
    linear = sine(440, 0.1)
    for code, codec in ((7, PCMU), (6, PCMA)):
        sound = read(wav(code, 1, 8000, 8, encode(linear, codec)), "x.wav")
        assert rms(sound.linear) == pytest.approx(rms(linear), rel=0.02)


@pytest.mark.parametrize("channels", [2, 3, 6])
def test_channels_are_mixed(channels: int) -> None:
    frame = [3000] * channels
    frame[0] = 0
    sound = read(wav(1, channels, 8000, 16, struct.pack(f"<{channels * 10}h", *frame * 10)), "x.wav")
    assert list(array("h", sound.linear)) == pytest.approx(
        [3000 * (channels - 1) / channels] * 10, abs=channels
    )


def test_other_chunks_are_passed_over() -> None:
    data = wav(1, 1, 8000, 16, b"\1\0\2\0", extra=b"LIST" + struct.pack("<I", 3) + b"abc\0")
    assert read(data, "x.wav").linear == b"\1\0\2\0"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"OggS" + bytes(40), "not a WAV"),
        (b"", "not a WAV"),
        (wav(3, 1, 8000, 32, bytes(8)), "format 3"),
        (wav(1, 0, 8000, 16, bytes(8)), "0 channels"),
        (wav(1, 1, 10, 16, bytes(8)), "10 Hz"),
        (wav(1, 1, 8000, 16, b""), "without any sound"),
        (b"RIFF\0\0\0\0WAVE", "without sound data"),
        (b"RIFF\0\0\0\0WAVEdata\4\0\0\0abcd", "without a format"),
        (b"RIFF\0\0\0\0WAVEfmt \2\0\0\0ab", "torn"),
    ],
)
def test_files_that_cannot_be_played_are_named(data: bytes, problem: str) -> None:
    with pytest.raises(Misconfigured, match=rf"x\.wav.*{problem}"):
        read(data, "x.wav")


@given(
    st.binary(max_size=200) | st.binary(max_size=80).map(lambda tail: wav(1, 1, 8000, 16, b"ab")[:20] + tail)
)
def test_any_bytes_are_a_sound_or_a_fault(data: bytes) -> None:
    with contextlib.suppress(Misconfigured):
        assert read(data, "x.wav").linear


def test_header_is_read_again() -> None:
    assert read(write(8000, b"\1\2\3\4"), "x").linear == b"\1\2\3\4"
    assert len(header(8000, 2, 10)) == 44


# --- resampling ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [6000, 11025, 16000, 22050, 32000, 44100, 44056, 48000, 96000])
def test_speech_passes_and_what_is_above_does_not_fold_back(rate: int) -> None:
    for frequency, low, high in ((1000, -0.2, 0.2), (2900, -0.5, 0.2), (4700, -200, -60), (7000, -200, -60)):
        if frequency >= 0.46 * rate:
            continue
        out = resample(sine(frequency, 0.2, 8000, rate), rate, 8000)
        assert len(out) // 2 == pytest.approx(1600, abs=3)
        level = 20 * math.log10(max(rms(out[800:-800]), 1e-6) / (8000 / math.sqrt(2)))
        assert low < level < high, frequency


def test_the_same_rate_is_the_same_sound() -> None:
    assert resample(b"\1\2\3\4", 8000, 8000) == b"\1\2\3\4"
    assert resample(b"", 48000, 8000) == b""


def test_loud_sound_is_clipped_not_wrapped() -> None:
    square = array("h", ([32767] * 48 + [-32768] * 48) * 50).tobytes()
    out = array("h", resample(square, 48000, 8000))
    middle = out[80:-80]
    flips = sum(1 for one, other in itertools.pairwise(middle) if (one > 0) != (other > 0))
    assert flips <= 2 * len(middle) / 16 + 2
    assert max(out) == 32767


# --- tones, clips ----------------------------------------------------------------------------------


def test_ringback_is_425_hz_one_and_a_half_seconds_in_five() -> None:
    made = tone("ringback")
    assert made is not None
    assert len(made) == 5 * 16000
    assert rms(made[: 3 * 8000]) > 2000
    assert not any(made[3 * 8000 :])
    values = array("h", made[: 3 * 8000])
    crossings = sum(1 for one, other in itertools.pairwise(values) if one < 0 <= other)
    assert crossings / 1.5 == pytest.approx(425, abs=2)


def test_tones_by_name() -> None:
    assert {"ringback", "busy", "beep", "confirm", "error"} <= set(TONES)
    assert tone("nothing") is None


def test_a_playout_goes_through_its_clips() -> None:
    one, two = Clip(b"\x10\x20" * 200), Clip(b"\x30\x40" * 160)
    playout = Playout("p", [one, two])
    played = []
    while (frame := playout.next_frame(alaw=False)) is not None:
        played.append(frame)
    assert b"".join(played) == one.ulaw + two.ulaw
    assert len(one.ulaw) == 320
    assert one.ulaw[200:] == b"\xff" * 120
    assert one.seconds == 0.04


def test_music_goes_round() -> None:
    clip = Clip(bytes(range(200)) * 8)
    playout = Playout("", [clip], loop=True)
    played = b"".join(playout.next_frame(alaw=True) or b"" for _ in range(11))
    assert played == clip.alaw * 2 + clip.alaw[:160]


def test_nothing_to_play_is_over_at_once() -> None:
    assert Playout("p", []).next_frame(alaw=False) is None


# --- the library -----------------------------------------------------------------------------------


def test_own_prompts_come_before_the_shipped_ones(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "welcome.wav").write_bytes(write(8000, bytes(320)))
    library = Library([str(tmp_path)], [])
    own, shipped = library.find([("en", "welcome"), ("en", "goodbye")])
    assert own.frames == 1
    assert shipped.frames > 20
    assert library.ready([("en", "welcome")]) == [own]
    assert library.ready([("en", "welcome"), ("en", "menu")]) is None
    library.forget()
    assert library.ready([("en", "welcome")]) is None


def test_music_and_tones(tmp_path: Path) -> None:
    library = Library([], [str(tmp_path)])
    music, ring = library.find([music_key(""), music_key("tone:ringback")])
    assert music.seconds > 10
    assert ring.seconds == 5
    with pytest.raises(Misconfigured, match="music 'nothing' is missing"):
        library.find([music_key("nothing")])
    with pytest.raises(Misconfigured, match="tone 'nothing'"):
        library.find([music_key("tone:nothing")])


@pytest.mark.parametrize(
    "name", ["", "/etc/passwd", "../x", "a/../b", "a//b", ".hidden", "a/.b", "a\0b", "a b", "a/"]
)
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    assert not is_name(name)
    with pytest.raises(Misconfigured):
        Library([], []).find([("en", name)])


def test_a_language_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(write(8000, bytes(320)))
    (tmp_path / "prompts").mkdir()
    with pytest.raises(Misconfigured, match="language"):
        Library([str(tmp_path / "prompts")], []).find([("..", "x")])


def test_parts_in_order() -> None:
    parts = (PromptPart("queue/position"), PromptPart(number=21), PromptPart("queue/thanks"))
    names = [name for _language, name in keys_of(parts, "fr", "")]
    assert names == ["queue/position", "numbers/20", "numbers/et", "numbers/1", "queue/thanks"]
    assert keys_of(parts, "fr", "beep") == [("tone:", "beep")]


# --- building --------------------------------------------------------------------------------------


@pytest.mark.needs("espeak-ng")
def test_only_what_is_missing_is_built(tmp_path: Path) -> None:
    folder = tmp_path / "en"
    (folder / "queue").mkdir(parents=True)
    (folder / "texts.toml").write_text('[texts]\nhello = "Hello."\n"queue/one" = "You are number one."\n')
    (folder / "hello.wav").write_bytes(b"recorded by a person")
    assert build_prompts(tmp_path, "en") == [folder / "queue" / "one.wav"]
    assert (folder / "hello.wav").read_bytes() == b"recorded by a person"
    assert len(build_prompts(tmp_path, "en", force=True)) == 2
    sound = read((folder / "queue" / "one.wav").read_bytes(), "one")
    assert sound.rate == 8000
    assert 0.5 < len(sound.linear) / 16000 < 3
    assert rms(sound.linear) > 500


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[texts", "texts.toml"),
        ('voice = "en"', r"\[texts\]"),
        ('[texts]\n"../x" = "a"', "'../x'"),
        ("[texts]\nx = 5", "'x'"),
    ],
)
def test_faults_in_texts_are_named(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "texts.toml"
    path.write_text(text)
    with pytest.raises(Misconfigured, match=problem):
        read_texts(path, "en")
