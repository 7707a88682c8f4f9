"""Line numbers of TOML keys: every way of writing a key, and random documents against their own writer."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.config.positions import key_lines


def lines_of(text: str) -> dict[tuple[str | int, ...], int]:
    tomllib.loads(text)  # the scanner is only promised valid texts
    return key_lines(text)


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a = 1", ("a",), 1),
        ("\n\n# a comment = 1\na = 1\n", ("a",), 4),
        ("\r\n\r\na = 1\r\n", ("a",), 3),
        ("[t]\n  a = 1 # x\n  b = 2\n", ("t", "b"), 3),
        ("[ t . u ]\na = 1\n", ("t", "u"), 1),
        ("[t.u]\n[t]\na = 1\n", ("t",), 1),
        ("a.b.c = 1\na.b.d = 2\n", ("a", "b", "d"), 2),
        ("a.b.c = 1\na.b.d = 2\n", ("a", "b"), 1),
        ("a . b = 1\n", ("a", "b"), 1),
        ('"a.b" = 1\n', ("a.b",), 1),
        ("'a\"]b' = 1\n", ('a"]b',), 1),
        ('"a\\"\\u00e9\\t" = 1\n', ('a"é\t',), 1),
        ('["t]" . x]\na = 1\n', ("t]", "x", "a"), 2),
        ("[[t]]\na = 1\n[[t]]\na = 2\n", ("t", 1, "a"), 4),
        ("[[t]]\na = 1\n[[t]]\na = 2\n", ("t", 1), 3),
        ("[[t]]\n[[t.u]]\nx = 1\n[[t.u]]\nx = 2\n[[t]]\n[[t.u]]\nx = 3\n", ("t", 0, "u", 1, "x"), 5),
        ("[[t]]\n[[t.u]]\nx = 1\n[[t.u]]\nx = 2\n[[t]]\n[[t.u]]\nx = 3\n", ("t", 1, "u", 0, "x"), 8),
        ("[[t]]\n[t.u]\nx = 1\n", ("t", 0, "u", "x"), 3),
        ("a = { b = 1, c = { d = [1, 2] } }\nz = 1\n", ("a", "c", "d", 1), 1),
        ("a = { b = 1, c = { d = [1, 2] } }\nz = 1\n", ("z",), 2),
        ("a = [ # first\n  1,\n\n  [ 2,\n 3 ], ]\nz = 1\n", ("a", 1, 1), 5),
        ("a = [ # first ]\n  1,\n\n  [ 2,\n 3 ], ]\nz = 1\n", ("z",), 6),
        ("a = [\n  { x = 1 },\n  { x = 2 },\n]\n", ("a", 1, "x"), 3),
        ('a = """\nb = 1\n[c]\n"""\nz = 1\n', ("z",), 5),
        ('a = """x\\""" # """\nz = 1\n', ("z",), 2),
        ('a = """x"""""\nz = 1\n', ("z",), 2),
        ("a = '''\n\\'''\nz = 1\n", ("z",), 3),
        ("a = ''''x'''''\nz = 1\n", ("z",), 2),
        ('a = "x # y"\nz = 1\n', ("z",), 2),
        ("a = 'x\\'\nz = 1\n", ("z",), 2),
        ("a = 1979-05-27 07:32:00\nz = 1\n", ("z",), 2),
        ("a = -inf\nz = 1\n", ("z",), 2),
        ("a = []\nb = {}\nz = 1", ("z",), 3),
    ],
)
def test_line_of_a_key(text: str, path: tuple[str | int, ...], line: int) -> None:
    assert lines_of(text)[path] == line


def test_every_key_of_a_document_has_a_line_and_no_other() -> None:
    text = '[a]\nb = { c = [1, {d = 2}] }\n[[e]]\nf.g = """\n"""\n[[e]]\n'
    assert set(lines_of(text)) == set(paths(tomllib.loads(text)))


def paths(tree: Any, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [at] if at else []
    if isinstance(tree, dict):
        for key, value in tree.items():
            found += paths(value, (*at, key))
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            found += paths(value, (*at, index))
    return found


keys = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\x7f"), max_size=6)
words = st.text(st.sampled_from("ab #[]{}=,.'\"\\\n"), max_size=10)
scalars = st.one_of(st.integers(), st.booleans(), st.floats(allow_nan=False), words)
inner = st.recursive(
    scalars, lambda some: st.lists(some, max_size=3) | st.dictionaries(keys, some, max_size=3)
)
trees = st.dictionaries(
    keys,
    st.one_of(
        inner,
        st.dictionaries(keys, inner, min_size=1, max_size=3),
        st.lists(st.dictionaries(keys, inner, max_size=3), min_size=1, max_size=3),
    ),
    max_size=4,
)


class Writer:
    """Writes a tree as TOML in randomly chosen styles and notes the line of each key."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.text = ""
        self.lines: dict[tuple[str | int, ...], int] = {}

    def mark(self, path: tuple[str | int, ...]) -> None:
        self.lines.setdefault(path, self.text.count("\n") + 1)

    def choose(self, *options: str) -> str:
        return self.draw(st.sampled_from(options))

    def document(self, tree: dict[str, Any]) -> None:
        tables = {key for key, value in tree.items() if is_table(value) and self.draw(st.booleans())}
        for key, value in tree.items():
            if key not in tables:
                self.pair((key,), key, value)
                self.text += self.choose("\n", " # x = 1\n", "\n\n")
        for key in tables:
            elements = tree[key] if isinstance(tree[key], list) else [tree[key]]
            brackets = ("[[", "]]") if isinstance(tree[key], list) else ("[", "]")
            for at, element in enumerate(elements):
                path = (key, at) if isinstance(tree[key], list) else (key,)
                self.text += brackets[0] + self.choose("", " ")
                self.mark((key,))
                self.mark(path)
                self.text += quoted(key) + self.choose("", " ") + brackets[1] + self.choose("\n", "# [y]\n")
                for word, value in element.items():
                    self.pair((*path, word), word, value)
                    self.text += "\n"

    def pair(self, path: tuple[str | int, ...], key: str, value: Any) -> None:
        self.mark(path)
        self.text += quoted(key) + self.choose("=", " = ", "\t=\t")
        self.value(path, value)

    def value(self, path: tuple[str | int, ...], value: Any) -> None:
        if isinstance(value, dict):
            self.text += "{"
            for at, (key, inside) in enumerate(value.items()):
                self.text += ", " if at else " "
                self.pair((*path, key), key, inside)
            self.text += " }"
        elif isinstance(value, list):
            self.text += "["
            for at, inside in enumerate(value):
                self.text += self.choose("", "\n", " # , ]\n", " ")
                self.mark((*path, at))
                self.value((*path, at), inside)
                self.text += ","
            self.text += self.choose("", "\n", " ") + "]"
        elif isinstance(value, bool):
            self.text += "true" if value else "false"
        elif isinstance(value, str):
            self.text += self.string(value)
        else:
            self.text += repr(float(value)) if isinstance(value, float) else str(value)

    def string(self, value: str) -> str:
        long = value.replace("\\", "\\\\").replace('"', '\\"')
        styles = [quoted(value), f'"""\n{long}"""']
        if "'" not in value:
            styles.append(f"'''\n{value}'''")
            if "\n" not in value:
                styles.append(f"'{value}'")
        return self.choose(*styles)


def is_table(value: Any) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and bool(value) and all(isinstance(element, dict) for element in value)
    )


def quoted(key: str) -> str:
    out = "".join(f"\\U{ord(char):08x}" if ord(char) < 32 or char in '"\\' else char for char in key)
    return f'"{out}"'


@given(st.data(), trees)
def test_random_documents_against_their_writer(data: st.DataObject, tree: dict[str, Any]) -> None:
    writer = Writer(data.draw)
    writer.document(tree)
    assert tomllib.loads(writer.text) == tree
    assert key_lines(writer.text) == writer.lines
