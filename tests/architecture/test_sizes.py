"""Small rooms: no file over 500 lines, no function over 60; most far below."""

import ast
import statistics

from tests.architecture.source import sources

FILE_HARD = 500
FUNCTION_HARD = 60
FUNCTION_P90 = 25


def functions() -> list[tuple[int, str]]:
    """(lines, where) of every function, the docstring not counted."""
    found = []
    for source in sources():
        for node in ast.walk(source.tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                assert node.end_lineno is not None
                lines = node.end_lineno - node.lineno + 1
                first = node.body[0]
                if ast.get_docstring(node) is not None:
                    lines -= (first.end_lineno or first.lineno) - first.lineno + 1
                found.append((lines, f"{source.name}:{node.lineno} {node.name}"))
    return found


def test_no_file_is_too_long() -> None:
    found = [f"{source.name}: {source.lines} lines" for source in sources() if source.lines > FILE_HARD]
    assert not found, "\n".join(found)


def test_no_function_is_too_long() -> None:
    found = [f"{where}: {lines} lines" for lines, where in functions() if lines > FUNCTION_HARD]
    assert not found, "\n".join(found)


def test_functions_are_short_as_a_rule() -> None:
    lengths = [lines for lines, _ in functions()]
    assert statistics.quantiles(lengths, n=10)[-1] <= FUNCTION_P90
