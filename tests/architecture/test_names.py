"""Names say what a thing is: no Manager, Helper, Handler, Service, Util."""

import ast
import re

import pytest

from tests.architecture.source import sources


def is_hollow(name: str) -> bool:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_")
    return any(
        re.fullmatch(r"(manager|helper|handler|service|util|utilitie)s?|misc|common", word) for word in words
    )


def test_no_module_and_no_class_has_a_hollow_name() -> None:
    found = [source.name for source in sources() if any(map(is_hollow, source.module.split(".")))]
    found += [
        f"{source.name}:{node.lineno} {node.name}"
        for source in sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef) and is_hollow(node.name)
    ]
    assert not found, "\n".join(found)


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        source.name
        for source in sources()
        if source.path.name != "__init__.py" and not (ast.get_docstring(source.tree) or "").strip()
    ]
    assert not silent, "\n".join(silent)


@pytest.mark.parametrize("name", ["CallManager", "util", "string_helpers", "EventHandler", "SipService"])
def test_a_hollow_name_is_found(name: str) -> None:
    assert is_hollow(name)


@pytest.mark.parametrize(
    "name", ["Queue", "ServiceLevel"[7:], "HandledCalls", "utilisation", "commons_of_x"[8:]]
)
def test_a_full_name_is_let_be(name: str) -> None:
    assert not is_hollow(name)
