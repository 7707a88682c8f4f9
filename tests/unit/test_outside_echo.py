"""One-time codes, and answers that repeat a secret."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.ids import SeededChance, SystemChance
from ccd.outside.echo import made_code, without

CARD = "4929123456781236"


@pytest.mark.parametrize("digits", [4, 6, 10])
def test_a_code_has_its_digits_zeros_too(digits: int) -> None:
    codes = [made_code(SeededChance(seed), digits) for seed in range(300)]
    assert all(len(code) == digits and code.isdecimal() for code in codes)
    assert any(code.startswith("0") for code in codes) and len(set(codes)) > 250
    assert len({made_code(SystemChance(), digits) for _ in range(50)}) > 40


@pytest.mark.parametrize(
    "value", [CARD, "4929 1234 5678 1236", "4929-1234-5678-1236", f"card {CARD}.", "861", " 861 ", "8-6-1"]
)
def test_a_value_that_repeats_a_secret_is_left_out(value: str) -> None:
    fields = {"paid": "true", "x": value}
    assert without(fields, [CARD, "861"]) == {"paid": "true"}
    assert without(fields, []) == fields, "nothing was sent"


def test_a_name_that_repeats_one_is_left_out() -> None:
    assert without({CARD: "x", "a": "b"}, [CARD]) == {"a": "b"}


@pytest.mark.parametrize("value", ["1236", "R-861-77", "0.861", "true", ""])
def test_what_is_no_secret_stays(value: str) -> None:
    """The last four digits, and a reference in which three digits of the security code stand by chance."""
    assert without({"x": value}, [CARD, "8610"]) == {"x": value}


@given(st.text("0123456789", min_size=6, max_size=19), st.text(" -./_", max_size=3), st.text(max_size=5))
def test_no_long_secret_comes_back_however_it_is_written(secret: str, between: str, around: str) -> None:
    assert without({"x": around + between.join(secret) + around}, [secret]) == {}
