"""No pattern means something else in another Python: Debian 12's reads `(?:…)*+` wrongly (`grammar.many`)."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.architecture.source import sources

_possessive = re.compile(r"\)(?:[*+?]|\{[0-9]*,?[0-9]*\})\+")
_after_a_value = re.compile(r"(?:[*+?]|\{[0-9]*,?[0-9]*\})\+")


def possessive_groups(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every text that repeats a group, or in an f-string a value, and gives nothing back (`(…)*+`)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _possessive.search(node.value):
            yield node.value, node.lineno
        elif isinstance(node, ast.JoinedStr):
            for part in node.values[1:]:
                if (
                    isinstance(part, ast.Constant)
                    and isinstance(part.value, str)
                    and _after_a_value.match(part.value)
                ):
                    yield part.value, node.lineno


def test_no_group_is_repeated_possessively() -> None:
    found = [
        f"{source.name}:{line}: {text!r}: write an atomic group, as ccd.sip.grammar.many and once do"
        for source in sources("ccd", "adapters", "bench", "demo")
        for text, line in possessive_groups(source.tree)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "code", [r'r"(?:a|b)*+"', r'r"(a)?+b"', r'r"(?:a){1,3}+"', 'rf"{A}*+"', 'rf"(?:{A})++"']
)
def test_one_is_found(code: str) -> None:
    assert list(possessive_groups(ast.parse(code)))


@pytest.mark.parametrize("code", [r'r"[a-z]*+(?>(?:a|b)*)"', 'rf"a{A}+b"', 'rf"{A}[0-9]++"', 'f"{a}+{b}"'])
def test_what_is_good_everywhere_is_none(code: str) -> None:
    assert not list(possessive_groups(ast.parse(code)))
