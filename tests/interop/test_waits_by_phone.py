"""Place and wait as a real phone hears them: in the caller's language, word by word, of recorded pieces."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.interop.daemon_site import DIRECT, Site
from tests.interop.hearing import ENOUGH, RATE, Sound, first_loud, heard, likeness, must_be_heard, wanted
from tests.interop.parties import bridged, caller, phone
from tests.interop.test_softphones import customer, until_ended
from tests.interop.wire import Call

Make = Callable[..., Any]
NUMBER = "+33123456789"
PIECES = ("numbers/1", "numbers/4", "units/minutes")
"""The place; then the wait of one who comes second, while nobody knows better: four minutes."""
HALF_S = 0.19
"""Shorter halves of these recordings are too like other words; those of this length reach 0.66 of them."""
FLOW = """
[[flows.own.steps]]
do = "queue"
queue = "sales"
"""


def at_of(whole: Sound, piece: str, language: str) -> float:
    """The second at which a short recording is heard: whole, or half of it that is no shorter than `HALF_S`
    (a phone on a busy machine stretches or loses a packet in the midst of a word).
    """
    sound = wanted(piece, language)
    loud = sound[first_loud(sound) : -RATE // 10]
    half = len(loud) // 2
    parts = [(0, loud)]
    if half >= HALF_S * RATE:
        parts += [(0, loud[:half]), (half, loud[half:])]
    fit, at = max((fit, at - begin / RATE) for begin, part in parts for fit, at in [likeness(whole, part)])
    assert fit >= ENOUGH, f"{language}/{piece} is not heard: {fit:.2f}"
    return at


@pytest.mark.parametrize("language", ["de", "es"])
async def test_who_waits_is_told_place_and_wait_in_the_language_of_the_flow(
    make_site: Make, tmp_path: Path, language: str
) -> None:
    """The flow itself says nothing; the daemon's own language is English."""
    tables = {
        "numbers": {NUMBER: "own"},
        "flows.own": {"language": language},
        "queues.sales": {"announce_position": True, "announce_wait": True},
    }
    site: Site = await make_site(agents=1, tables=tables, extra=FLOW)
    async with phone(site) as agent, caller(site) as first, customer(site, tmp_path) as outside:
        call = await first.call(DIRECT)
        await call.answered()
        taken = await Call.taken(agent)
        taken.accept()
        await taken.expect("ACK")
        await bridged(site)
        await outside.dial(NUMBER)
        await outside.state("CONFIRMED")
        await asyncio.sleep(9.0)
        await outside.hangup()
        await until_ended(outside)
    whole = heard(outside.heard())
    must_be_heard(whole, [("queue/position", language), ("queue/wait", language)])
    place, count, unit = (at_of(whole, piece, language) for piece in PIECES)
    assert place < count < unit, "the place first, then the minutes"
    assert unit - count < 1.5, "in one breath"
