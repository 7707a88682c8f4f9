"""The ears of the tests: they forgive what a busy machine does to a prompt, and no other prompt."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.interop.daemon_site import need
from tests.interop.hearing import PROMPTS, RATE, Sound, in_pieces, rendered, wanted

SAID = "Vous avez tapé quatre sept un un."
NAMES = sorted(path.stem for path in (PROMPTS / "en").glob("*.wav"))
FRAME = RATE // 50
LONG = [name for name in NAMES if len(wanted(name, "en")) > 1.5 * RATE]


def spoken(sound: Sound, before_s: float = 1.0) -> Sound:
    """As a phone records it: quiet, the sound with a little noise, quiet."""
    noise = np.random.default_rng(1).normal(0.0, 20.0, len(sound) + int((before_s + 1.0) * RATE))
    noise[int(before_s * RATE) :][: len(sound)] += sound
    return noise


def lost(sound: Sound, at_s: float, frames: int) -> Sound:
    """Packets that came too late: silence in their place."""
    holed = sound.copy()
    first = int(at_s * RATE)
    holed[first : first + frames * FRAME] = 0.0
    return holed


def shifted(sound: Sound, every_s: float, frames: int) -> Sound:
    """A jitter buffer that grows (frames > 0: the last frame again) or shrinks, every so many seconds."""
    pieces, step = [], int(every_s * RATE)
    for at in range(0, len(sound), step):
        piece = sound[at : at + step]
        pieces += [piece, np.tile(piece[-FRAME:], frames)] if frames > 0 else [piece[: frames * FRAME]]
    return np.concatenate(pieces)


@pytest.mark.parametrize("name", LONG)
def test_a_prompt_is_heard_through_gaps_and_shifts(name: str) -> None:
    sound = wanted(name, "en")
    assert in_pieces(spoken(sound), sound).share == 1.0
    assert in_pieces(spoken(lost(lost(sound, 0.3, 3), 1.1, 2)), sound)
    assert in_pieces(spoken(shifted(sound, 0.7, 2)), sound), "the buffer grows"
    assert in_pieces(spoken(shifted(sound, 0.7, -1)), sound), "it shrinks"


@pytest.mark.parametrize("name", LONG)
def test_no_prompt_passes_for_another(name: str) -> None:
    heard = spoken(wanted(name, "en"))
    for other in LONG:
        found = in_pieces(heard, wanted(other, "en"))
        assert bool(found) == (other == name), (other, found)


def test_a_prompt_that_breaks_off_or_lacks_its_beginning_is_not_heard() -> None:
    for name in LONG:
        sound = wanted(name, "en")
        assert not in_pieces(spoken(sound[: int(len(sound) * 0.6)]), sound), name
        assert not in_pieces(spoken(sound[int(len(sound) * 0.4) :]), sound), name
        halves = np.concatenate((sound[len(sound) // 2 :], sound[: len(sound) // 2]))
        assert not in_pieces(spoken(halves), sound), "in another order"
    assert not in_pieces(spoken(np.zeros(RATE)), wanted(LONG[0], "en")), "silence"


@settings(max_examples=25)
@given(at_s=st.floats(0.1, 1.4), frames=st.integers(1, 3), grows=st.sampled_from([-1, 1, 2]))
def test_wherever_the_packets_are_late(at_s: float, frames: int, grows: int) -> None:
    sound = wanted(LONG[0], "en")
    found = in_pieces(spoken(lost(shifted(sound, 0.8, grows), at_s, frames)), sound)
    assert found, found


@pytest.mark.parametrize(
    "other",
    [
        "Vous avez tapé quatre sept un deux.",
        "Vous avez tapé quatre six un un.",
        "Vous avez tapé cinq sept un un.",
        "Vous devez quatre mille sept cent onze euros.",
    ],
)
def test_one_digit_that_differs_is_not_what_was_said(other: str) -> None:
    need("espeak-ng")
    assert in_pieces(spoken(rendered(SAID, "fr")), rendered(SAID, "fr"))
    for said, told in ((SAID, other), (other, SAID)):
        found = in_pieces(spoken(rendered(said, "fr")), rendered(told, "fr"))
        assert not found, (said, told, found)
