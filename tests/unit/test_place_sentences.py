"""What a waiting caller hears of the place: a whole sentence of the language, with a number as one counts.

"You are number three" takes a cardinal in all four languages, and so needs no pieces for ordinals. A prompt
of one's own that ends otherwise ("You are the") would need them: `docs/speech.md` says how it must end. In a
text (`{…:ordinal}`) ordinals are there, with their gender.
"""

import tomllib

import pytest

from ccd.model.pieces import MINUTE, pieces, text_of
from ccd.model.wording import words
from ccd.voice.audio_files import SHIPPED

PLACE, WAIT = "queue/position", "queue/wait"


def sentence(prompt: str, number: int, language: str, unit: str = "") -> str:
    """The words of the shipped prompt, and of the pieces after it."""
    texts = tomllib.loads((SHIPPED / language / "texts.toml").read_text())["texts"]
    return " ".join([texts[prompt], *(text_of(name, language) for name in pieces(number, language, unit))])


@pytest.mark.parametrize(
    ("language", "number", "said"),
    [
        ("en", 1, "You are number one"),
        ("en", 3, "You are number three"),
        ("en", 21, "You are number twenty one"),
        ("fr", 1, "Vous êtes en position numéro un"),
        ("fr", 3, "Vous êtes en position numéro trois"),
        ("fr", 21, "Vous êtes en position numéro vingt et un"),
        ("es", 1, "Su posición en la cola es la número uno"),
        ("es", 3, "Su posición en la cola es la número tres"),
        ("es", 21, "Su posición en la cola es la número veintiuno"),
        ("de", 1, "Sie sind in der Warteschlange auf Platz eins"),
        ("de", 3, "Sie sind in der Warteschlange auf Platz drei"),
        ("de", 21, "Sie sind in der Warteschlange auf Platz einundzwanzig"),
    ],
)
def test_a_place_is_a_number_as_one_counts(language: str, number: int, said: str) -> None:
    assert sentence(PLACE, number, language) == said


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Your expected waiting time is one minute"),
        ("fr", "Votre temps d'attente est estimé à une minute"),
        ("es", "Su tiempo de espera estimado es de un minuto"),
        ("de", "Ihre voraussichtliche Wartezeit beträgt eine Minute"),
    ],
)
def test_one_minute_has_the_gender_of_its_noun(language: str, said: str) -> None:
    assert sentence(WAIT, 1, language, MINUTE) == said


@pytest.mark.parametrize(
    ("language", "gender", "said"),
    [
        ("en", "", "third"),
        ("fr", "f", "troisième"),
        ("fr", "m", "troisième"),
        ("es", "f", "tercera"),
        ("es", "m", "tercero"),
        ("de", "", "dritte"),
    ],
)
def test_a_text_may_say_an_ordinal(language: str, gender: str, said: str) -> None:
    assert words("3", "ordinal", gender, language) == said
