"""The arrows point one way: who may import whom, by rank, held against every real import."""

import ast

import pytest

from tests.architecture.source import Source, imported, sources

BASE = {"errors", "clock", "ids", "pieces", "files"}
ISLANDS = {"model", "sip", "media"}
ENGINES = {"routing", "bridging", "ivr", "dialer", "history"}
SHELLS = {"storage", "control", "config", "outside", "adapters"}

MAY: dict[str, set[str]] = {
    **{name: set() for name in BASE},
    "pieces": {"clock"},
    "files": {"errors"},
    "tls": {"errors"},
    **{name: {"errors"} for name in ISLANDS},
    **{name: {"model", "errors"} for name in ENGINES},
    "channels": {"model", *BASE},
    "voice": {"sip", "media", "channels", "model", "tls", *BASE},
    **{name: {"channels", "model", *BASE} for name in SHELLS},
    "config": {"channels", "model", "tls", *BASE, *ENGINES},
    "runtime": {"channels", "model", *BASE, *ENGINES},
    "beside": {"runtime", "storage", "config", *BASE},
    "daemon": {"beside", "runtime", "voice", *SHELLS - {"adapters"}, *ENGINES, "channels", *ISLANDS, *BASE},
    "__main__": {"daemon", "beside", "config"},
    "cli": {"control", "config", "ivr", "dialer", "testing", "voice", "storage", "history", "model", *BASE},
    "testing": {"runtime", "voice", *SHELLS - {"adapters"}, *ENGINES, "channels", *ISLANDS, *BASE},
}
"""What each folder may import beside itself. Only `daemon` may know everything but cli, testing, adapters."""

EXCEPTIONS: dict[tuple[str, str], str] = {}
"""(file, folder) with the reason; empty is best."""


def part_of(module: str) -> str | None:
    """The folder (or top file) of ccd that a module belongs to; None outside of ccd."""
    parts = module.split(".")
    if parts[0].startswith("ccd_"):
        return "adapters"
    if parts[0] != "ccd" or len(parts) < 2:
        return None
    return parts[1]


def wrong_arrows(source: Source) -> list[str]:
    here = part_of(source.module)
    found = []
    for module, line in imported(source.tree):
        there = part_of(module)
        if module.startswith("."):
            found.append(f"{source.name}:{line}: {module} is relative; write the whole name")
        elif there is None or there == here or there.startswith("__") or here is None:
            continue
        elif here not in MAY:
            found.append(f"{source.name}:{line}: {here} has no rank; give it one in this test")
        elif there not in MAY[here] and (source.name, there) not in EXCEPTIONS:
            found.append(f"{source.name}:{line}: {here} must not import {there} ({module})")
    return found


def test_every_import_follows_the_ranks() -> None:
    found = [arrow for source in sources() for arrow in wrong_arrows(source)]
    assert not found, "\n".join(found)


def test_adapters_do_not_know_each_other() -> None:
    found = [
        f"{source.name}:{line}: {module}"
        for source in sources("adapters")
        for module, line in imported(source.tree)
        if module.startswith("ccd_") and module.split(".")[0] != source.module.split(".")[0]
    ]
    assert not found, "\n".join(found)


def test_the_ranks_have_no_circle() -> None:
    """What a folder may import may never lead back to it."""

    def reach(start: str, seen: set[str]) -> set[str]:
        for each in MAY.get(start, set()) - seen:
            seen.add(each)
            reach(each, seen)
        return seen

    assert [name for name in MAY if name in reach(name, set())] == []


FORBIDDEN_IN_CORES = {
    "asyncio", "logging", "multiprocessing", "os", "pathlib", "random", "secrets", "select", "socket",
    "sqlite3", "ssl", "subprocess", "structlog", "threading", "time", "uvloop", "uuid",
}  # fmt: skip
CORES = ISLANDS | ENGINES | {"channels"}
CORE_EXCEPTIONS = {
    ("ccd/channels/registry.py", "asyncio"),
    ("ccd/channels/port.py", "asyncio"),
}


def test_cores_are_free_of_sockets_files_clocks_and_chance() -> None:
    """Ranks 1 to 3 are sans-IO: what they need of the world is an argument."""
    found = [
        f"{source.name}:{line}: {module}"
        for source in sources("ccd")
        if part_of(source.module) in CORES
        for module, line in imported(source.tree)
        if (top := module.split(".")[0]) in FORBIDDEN_IN_CORES and (source.name, top) not in CORE_EXCEPTIONS
    ]
    assert not found, "\n".join(found)


def test_cores_never_wait() -> None:
    found = [
        f"{source.name}:{node.lineno}"
        for source in sources("ccd")
        if part_of(source.module) in CORES - {"channels"}
        for node in ast.walk(source.tree)
        if isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.AsyncFunctionDef))
    ]
    assert not found, "\n".join(found)


def test_package_files_stay_empty() -> None:
    """An import of one module must not load a whole folder (start-up time, idle memory)."""
    full = [
        source.name
        for source in sources()
        if source.path.name == "__init__.py" and source.module != "ccd" and source.text.strip()
    ]
    assert not full, "\n".join(full)


@pytest.mark.parametrize(
    ("module", "code", "problem"),
    [
        ("ccd.sip.x", "from ccd.model import facts", "sip must not import model"),
        ("ccd.routing.x", "def f():\n    import ccd.bridging.state", "routing must not import bridging"),
        ("ccd.model.x", "if TYPE_CHECKING:\n    from ccd.clock import Clock", "model must not import clock"),
        (
            "ccd.voice.x",
            "import importlib\nimportlib.import_module('ccd.runtime.loop')",
            "not import runtime",
        ),
        ("ccd.runtime.x", "from ccd import voice", "runtime must not import voice"),
        ("ccd.cli.x", "from . import main", "is relative"),
        ("ccd.mail.x", "from ccd.errors import CcdError", "mail has no rank"),
        ("ccd.daemon", "from ccd_webchat.adapter import SPEC", "daemon must not import adapters"),
    ],
)
def test_a_wrong_arrow_is_found(module: str, code: str, problem: str) -> None:
    """The test itself is tested: each hiding place of an import."""
    from tests.architecture.source import ROOT

    source = Source(ROOT / "ccd" / "x.py", module, code, ast.parse(code))
    assert any(problem in arrow for arrow in wrong_arrows(source)), wrong_arrows(source)


def test_a_right_arrow_is_let_be() -> None:
    from tests.architecture.source import ROOT

    code = "from ccd import __version__\nfrom ccd.sip.message import parse\nimport socket"
    assert wrong_arrows(Source(ROOT / "ccd" / "x.py", "ccd.voice.x", code, ast.parse(code))) == []
