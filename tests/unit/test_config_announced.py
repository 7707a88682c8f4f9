"""What queues tell who waits is checked in every language of their callers, down to pieces of numbers."""

from pathlib import Path

import pytest

from ccd.config.announced import languages_of
from ccd.config.faults import Fault
from ccd.config.load import check
from ccd.media.tones import sine
from ccd.media.wav import write
from ccd.model.pieces import MINUTE, needed
from ccd.model.rules import QueueRule, Rules, Target

SITE = """
language = "en"
[media]
prompts = ["{folder}"]
[queues.sales]
announce_wait = true
announce_position = true
comfort = ["patience"]
overflow = {{ queue = "help" }}
[queues.help]
announce_position = true
[flows.swiss]
language = "de-CH"
steps = [{{ do = "queue", queue = "sales" }}]
[flows.plain]
steps = [{{ do = "queue", queue = "sales" }}]
[numbers]
"+331" = "swiss"
"+332" = "plain"
"""
PROMPTS = ("patience", "queue/position", "queue/wait")


def faults(tmp_path: Path, *, without: tuple[str, ...] = (), text: str = SITE) -> list[Fault]:
    """Those of a centre whose own set, de-CH, has everything but these."""
    folder = tmp_path / "prompts"
    sound = write(8000, sine(500, 0.05))
    names = {*PROMPTS, *needed("de"), *needed("de", MINUTE)} - set(without)
    for language, each in (("en", ("patience",)), ("de-CH", names)):
        for name in each:
            path = folder / language / f"{name}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(sound)
    (tmp_path / "ccd.toml").write_text(text.format(folder=folder))
    _, found = check(tmp_path)
    return [each for each in found if "announce_" in each.key or "comfort" in each.key]


def test_a_whole_set_has_no_fault(tmp_path: Path) -> None:
    assert faults(tmp_path) == []


def test_missing_pieces_are_warned_of_with_their_files(tmp_path: Path) -> None:
    found = faults(tmp_path, without=("numbers/21", "numbers/1-f", "units/minute"))
    by_key = {each.key: each for each in found}
    assert all(each.warning for each in found)
    assert set(by_key) == {
        "queues.sales.announce_position",
        "queues.sales.announce_wait",
        "queues.help.announce_position",
    }, "the overflow takes its callers' language along"
    wait = by_key["queues.sales.announce_wait"]
    assert "de-CH/numbers/1-f.wav, de-CH/numbers/21.wav, de-CH/units/minute.wav;" in wait.problem
    assert "espeak" in wait.problem and "eine" in wait.cure and "prompts pieces de-CH" in wait.cure
    assert "1-f" not in by_key["queues.help.announce_position"].problem, "nothing is counted there"


def test_of_very_many_some_are_named(tmp_path: Path) -> None:
    found = faults(tmp_path, without=needed("de"))
    place = next(each for each in found if each.key == "queues.help.announce_position")
    assert "de-CH/numbers/1.wav, de-CH/numbers/1-m.wav, " in place.problem
    assert f"and {len(needed('de')) - 12} more" in place.problem


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("queue/wait", ["queues.sales.announce_wait"]),
        ("queue/position", ["queues.sales.announce_position", "queues.help.announce_position"]),
        ("patience", ["queues.sales.comfort[0]"]),
    ],
)
def test_a_missing_prompt_is_a_fault(tmp_path: Path, name: str, keys: list[str]) -> None:
    found = faults(tmp_path, without=(name,))
    assert [each.key for each in found] == keys and not any(each.warning for each in found)
    assert all("de-CH" in each.problem for each in found)


def test_what_is_not_told_is_not_missed(tmp_path: Path) -> None:
    silent = SITE.replace("announce_position = true", "").replace("announce_wait = true", "")
    assert faults(tmp_path, without=needed("de"), text=silent) == []


def test_languages_go_round_with_those_who_overflow() -> None:
    ring = {
        name: QueueRule(name=name, overflow=Target(queue=to))
        for name, to in (("a", "b"), ("b", "c"), ("c", "a"), ("d", ""), ("e", "gone"))
    }
    found = languages_of(Rules(queues=ring, language="en"), {"a": {"fr"}, "c": {"de"}, "e": {"es"}})
    assert found == {**{each: {"fr", "de"} for each in "abc"}, "d": {"en"}, "e": {"es"}}
