"""The names by which a customer is known again, which are kept for a bounded number of addresses."""

import pytest

from ccd.runtime.state import IDENTITY, MOST_NAMES, known_names


@pytest.mark.parametrize(
    ("address", "identified", "names"),
    [
        ("+33123456789", "", ("+33123456789",)),
        ("+33123456789", "Ann", ("+33123456789", f"{IDENTITY}Ann")),
        ("anonymous", "", ()),
        ("anonymous", "Ann", (f"{IDENTITY}Ann",)),
        ("", "", ()),
    ],
)
def test_a_number_and_who_was_identified_are_names(
    address: str, identified: str, names: tuple[str, ...]
) -> None:
    assert known_names(address, identified) == names
    assert known_names(address, identified) == names


def test_no_more_are_kept_than_the_calls_of_a_moment_ask_for() -> None:
    for number in range(MOST_NAMES + 10):
        assert known_names(f"+331234{number:05}", "") == (f"+331234{number:05}",)
    assert known_names.cache_info().currsize == MOST_NAMES
