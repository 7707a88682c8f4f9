"""Keys that nobody may see: collected, kept, forgotten; and never printed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.channels.secrets import MOST_KEPT, KeyCollector, Secrets, interaction_of
from ccd.model.commands import CollectSecret


def collector(secrets: Secrets, **keys: object) -> KeyCollector:
    given_keys: dict[str, object] = {"least": 4, "most": 6, "terminator": "#", "valid": "", **keys}
    return KeyCollector(
        CollectSecret("voice:1", "secret:7.s1", first_wait_s=5, wait_s=5, total_s=0, **given_keys),  # type: ignore[arg-type]
        secrets,
    )


@pytest.mark.parametrize(
    ("pressed", "length", "note", "kept"),
    [
        ("1234#", 4, "", "1234"),
        ("123456", 6, "", "123456"),
        ("99*1234#", 4, "", "1234"),
        ("123#", 3, "too short", None),
        ("#", 0, "no key", None),
        ("1B234#", 4, "", "1234"),
    ],
)
def test_what_is_told_and_kept(pressed: str, length: int, note: str, kept: str | None) -> None:
    secrets = Secrets()
    one = collector(secrets)
    told = [fact for key in pressed if (fact := one.press(key)) is not None]
    assert [(fact.length, fact.note, fact.ok) for fact in told] == [(length, note, kept is not None)]
    assert secrets.get("secret:7.s1") == kept


def test_what_is_not_valid_is_forgotten_at_once() -> None:
    secrets = Secrets()
    one = collector(secrets, valid="luhn")
    assert [one.press(key) for key in "1234#"][-1].note == "not valid"  # type: ignore[union-attr]
    assert secrets.get("secret:7.s1") is None
    assert one.over().length == 0


def test_an_interaction_is_forgotten_and_no_other() -> None:
    secrets = Secrets()
    for ref in ("secret:7.s1", "secret:7.s2", "secret:71.s1"):
        secrets.put(ref, "1")
        assert interaction_of(ref) == ref[7:].split(".")[0]
    secrets.forget("7")
    assert [secrets.get(ref) for ref in ("secret:7.s1", "secret:7.s2", "secret:71.s1")] == [None, None, "1"]
    secrets.drop("secret:71.s1")
    assert secrets.get("secret:71.s1") is None


def test_there_is_a_bound() -> None:
    secrets = Secrets()
    for number in range(MOST_KEPT + 1):
        secrets.put(f"secret:{number}.s1", "1")
    assert secrets.get("secret:0.s1") is None and secrets.get("secret:1.s1") == "1"


@given(st.text("0123456789", min_size=4, max_size=6))
def test_nothing_of_it_is_ever_printed(digits: str) -> None:
    secrets = Secrets()
    one = collector(secrets)
    for key in digits:
        one.press(key)
    told = one.over()
    assert digits not in f"{one!r} {secrets!r} {told!r}"
