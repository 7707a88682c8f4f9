"""docs/reference/configuration.md says what the code does: made from it, not stale, no key without words."""

from pathlib import Path

import msgspec
import pytest

from ccd.config.keys import KEYS, key_of
from ccd.config.reference import reference, words
from ccd.config.sections import NAMED, PLAIN
from ccd.model import callback_rules, links, proofs, rules, settings, steps

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"
STEPS = steps.AnyStep.__args__
STRUCTS = [
    *PLAIN.values(),
    *NAMED.values(),
    rules.Target,
    rules.Relax,
    rules.SharedEntryRule,
    rules.Tier,
    settings.TransportSettings,
    proofs.Pin,
    proofs.OneTimeCode,
    links.LinkRule,
    links.SurveyLink,
    *STEPS,
]


def test_the_page_is_not_stale() -> None:
    assert PAGE.read_text() == reference(), (
        "run: python -m ccd.config.reference > docs/reference/configuration.md"
    )


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
def test_every_key_has_words_and_stands_in_the_page(struct: type[msgspec.Struct]) -> None:
    page = PAGE.read_text()
    for field in struct.__struct_fields__:
        if not key_of(struct, field).name and field != "id":
            assert words(struct, field), f"{struct.__name__}.{field}"
            assert f"| `{field}` |" in page


def kind_of(struct: str) -> type[msgspec.Struct]:
    found = (
        getattr(module, struct, None) for module in (rules, steps, callback_rules, settings, proofs, links)
    )
    kind: type[msgspec.Struct] = next(each for each in found if each is not None)
    return kind


def test_limits_name_fields_that_exist() -> None:
    for name in KEYS:
        struct, _, field = name.partition(".")
        kind = kind_of(struct)
        assert field in kind.__struct_fields__, name


def test_defaults_are_within_their_limits() -> None:
    for name, key in KEYS.items():
        struct, _, field = name.partition(".")
        kind = kind_of(struct)
        default = dict(zip(kind.__struct_fields__[::-1], kind.__struct_defaults__[::-1], strict=False)).get(
            field
        )
        if isinstance(default, int | float) and key.low is not None and key.high is not None:
            assert key.low <= default <= key.high, name
        if isinstance(default, str) and key.choices:
            assert default in key.choices, name
