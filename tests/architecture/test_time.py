"""Time is an argument: clock.py alone reads the clock of the machine, ids.py alone throws dice."""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.source import imported, sources

CLOCK_CALLS = {
    "time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter",
    "time.perf_counter_ns", "time.process_time", "time.localtime", "time.gmtime", "time.ctime",
    "time.clock_gettime", "datetime.now", "datetime.utcnow", "datetime.today", "date.today",
    "datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today",
}  # fmt: skip
ARGUED = {"time.localtime", "time.gmtime"}
"""Allowed with an argument: then they only convert."""
MAY_READ_THE_CLOCK = {"ccd/clock.py"}
CHANCE = {"random", "secrets", "uuid"}
MAY_THROW_DICE = {"ccd/ids.py", "ccd/testing/ids.py", "ccd/testing/centre.py"}
"""The simulated centre throws seeded ones."""


def clock_reads(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every read of the clock: a call, or the function taken by name or by reference."""
    aliases = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module in {"time", "datetime"}
        for alias in node.names
    }
    argued = {
        id(node.func)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and (node.args or node.keywords)
    }
    for node in ast.walk(tree):
        name = _dotted(node)
        if name is None:
            continue
        head, _, rest = name.partition(".")
        full = ".".join(filter(None, (aliases.get(head, head), rest)))
        bare = full.removeprefix("datetime.") if full.count(".") > 1 else full
        if (full in CLOCK_CALLS or bare in CLOCK_CALLS) and not (full in ARGUED and id(node) in argued):
            yield full, node.lineno


def _dotted(node: ast.AST) -> str | None:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        head = _dotted(node.value)
        return f"{head}.{node.attr}" if head else None
    return None


def test_only_the_clock_reads_the_time() -> None:
    found = [
        f"{source.name}:{line}: {name}"
        for source in sources()
        if source.name not in MAY_READ_THE_CLOCK
        for name, line in clock_reads(source.tree)
    ]
    assert not found, "\n".join(found)


def test_only_ids_throws_dice() -> None:
    found = [
        f"{source.name}:{line}: {module}"
        for source in sources()
        if source.name not in MAY_THROW_DICE
        for module, line in imported(source.tree)
        if module.split(".")[0] in CHANCE
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "code",
    [
        "import time\ntime.time()",
        "import time\nnow = time.monotonic",
        "from time import monotonic as m\nm()",
        "import datetime\ndatetime.datetime.now(tz)",
        "from datetime import datetime\ndatetime.now()",
        "from datetime import date\ndate.today()",
        "import time\ntime.localtime()",
    ],
)
def test_a_read_is_found(code: str) -> None:
    assert list(clock_reads(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "import time\ntime.localtime(now)",
        "clock.now()",
        "from datetime import datetime\ndatetime.fromtimestamp(n)",
    ],
)
def test_a_conversion_is_none(code: str) -> None:
    assert not list(clock_reads(ast.parse(code)))
