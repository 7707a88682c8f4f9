"""Numbers and waits as rows of recorded pieces: the words of `wording`, cut where recordings are joined."""

import re
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.media.wav import read
from ccd.model.pieces import HOUR, LIMIT, MINUTE, every, needed, pieces, text_of
from ccd.model.wording import SPOKEN, counted, words
from ccd.model.wording_tables import UNITS
from ccd.voice.audio_files import SHIPPED
from tests.unit.test_media_audio import rms

numbers = st.one_of(st.integers(0, 199), st.integers(0, LIMIT - 1))
languages = st.sampled_from(SPOKEN)


def said(names: tuple[str, ...], language: str) -> str:
    """What is heard: where words are parted or joined is not, nor the s of "quatre-vingts"."""
    return heard(" ".join(text_of(name, language) for name in names))


def heard(text: str) -> str:
    return re.sub(r"vingts|cents", lambda found: found[0][:-1], text).replace("-", "").replace(" ", "")


@given(numbers, languages)
def test_the_pieces_of_a_number_are_its_words(number: int, language: str) -> None:
    assert said(pieces(number, language), language) == heard(words(str(number), "number", "", language))


@given(numbers, languages)
def test_before_a_noun_they_have_its_gender(number: int, language: str) -> None:
    *names, noun = pieces(number, language, HOUR)
    her = UNITS[language]["hour"].feminine
    assert said(tuple(names), language) == heard(counted(number, language, her))
    one = number < 2 if language == "fr" else number == 1
    assert noun == ("units/hour" if one else "units/hours")


@given(st.integers(1, 59_999), languages)
def test_a_wait_in_minutes_is_said_as_a_duration(minutes: int, language: str) -> None:
    as_text = words(str(60 * minutes), "duration", "minutes", language)
    assert said(pieces(minutes, language, MINUTE), language) == heard(as_text)


@pytest.mark.parametrize(
    ("number", "unit", "language", "names"),
    [
        (21, "", "en", "n/20 n/1"),
        (115, "", "en-GB", "n/1 n/hundred n/and n/15"),
        (1, "minute", "en", "n/1 u/minute"),
        (2, "minute", "en", "n/2 u/minutes"),
        (75, "minute", "en", "n/1 u/hour n/and n/15 u/minutes"),
        (71, "", "fr_FR", "n/60 n/et n/11"),
        (81, "minute", "fr", "n/1-f u/hour n/et n/20 n/et n/1-f u/minutes"),
        (1, "minute", "fr", "n/1-f u/minute"),
        (91, "", "fr", "n/80 n/11"),
        (2071, "", "fr", "n/2 n/mille n/60 n/et n/11"),
        (1, "", "es", "n/1"),
        (1, "minute", "es", "n/1-m u/minute"),
        (1, "hour", "es", "n/1-f u/hour"),
        (21, "minute", "es", "n/21-m u/minutes"),
        (31, "minute", "es", "n/30 n/y n/1-m u/minutes"),
        (100, "", "es", "n/100"),
        (101, "", "es", "n/ciento n/1"),
        (201, "hour", "es", "n/200-f n/1-f u/hours"),
        (21, "", "de", "n/21"),
        (1, "minute", "de-CH", "n/1-f u/minute"),
        (61, "minute", "de", "n/1-f u/hour n/und n/1-f u/minute"),
        (101, "", "de", "n/1-m n/hundert n/1"),
        (42, "", "it", "n/4 n/2"),
        (42, "minute", "it", "n/4 n/2 u/minutes"),
        (LIMIT, "", "de", "n/1 n/0 n/0 n/0 n/0 n/0 n/0"),
    ],
)
def test_known_ones(number: int, unit: str, language: str, names: str) -> None:
    whole = names.replace("n/", "numbers/").replace("u/", "units/")
    assert pieces(number, language, unit) == tuple(whole.split())


@pytest.mark.parametrize("language", SPOKEN)
def test_numbers_are_told_apart(language: str) -> None:
    assert len({pieces(number, language) for number in range(10_000)}) == 10_000


@pytest.mark.parametrize("language", SPOKEN)
def test_every_piece_has_words_and_all_that_is_needed_is_among_them(language: str) -> None:
    known = set(every(language))
    assert all(text_of(name, language) for name in known)
    for number in (*range(2000), 21_000, 101_021, 999_999):
        for unit in ("", MINUTE, HOUR):
            assert set(pieces(number, language, unit)) <= known, number
    assert set(needed(language)) | set(needed(language, MINUTE)) <= known


@pytest.mark.parametrize(
    "name", ["", "welcome", "numbers/", "numbers/x", "numbers/1-x", "numbers/1e3", "units/day", "numbers/und"]
)
def test_what_is_no_piece_has_no_words(name: str) -> None:
    assert text_of(name, "en") == "" and text_of("units/minutes", "it") == ""


@pytest.mark.parametrize("language", SPOKEN)
def test_the_shipped_set_has_every_text_and_every_piece_recorded(language: str) -> None:
    texts = tomllib.loads((SHIPPED / language / "texts.toml").read_text())["texts"]
    for name in every(language):
        assert heard(texts[name]) == heard(text_of(name, language)), name
    for name in texts:
        sound = read((SHIPPED / language / f"{name}.wav").read_bytes(), name)
        assert sound.rate == 8000
        assert rms(sound.linear) > 500, name


def test_all_shipped_languages_say_the_same_things() -> None:
    names = []
    for language in SPOKEN:
        texts = tomllib.loads((SHIPPED / language / "texts.toml").read_text())["texts"]
        names.append({name for name in texts if not name.startswith("numbers/")})
    assert all(each == names[0] for each in names)
