"""The files of a configuration, read and joined into one tree that remembers where each key stands.

`ccd.toml` plus `conf.d/*.toml` beside it, in order of name. Sections join; the same key or the same
name in two files is a fault that names both places: there is no hidden order of precedence.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path as FilePath
from typing import Any

from ccd.config.faults import FaultList, Path, Place, written
from ccd.config.positions import key_lines

MAIN = "ccd.toml"
FRAGMENTS = "conf.d"
OVERRIDE = "--set"
MOST_BYTES = 4_000_000

_NAMED = frozenset({"agents", "queues", "flows", "trunks", "devices", "channels", "calendars", "profiles"})
"""Sections of named tables: a name belongs to one file."""


class Document:
    """The joined tree; `places` knows file and line of each path."""

    __slots__ = ("folder", "places", "root", "sources", "tree")

    def __init__(self, root: str, folder: FilePath) -> None:
        self.root = root
        """The main file's name as the person gave it: where faults without a line are put."""
        self.folder = folder
        """Relative paths in the files start here."""
        self.tree: dict[str, Any] = {}
        self.places: dict[Path, Place] = {}
        self.sources: list[str] = []

    def place(self, path: Path) -> Place:
        """Where a path stands: its own place, else that of the nearest table around it."""
        while path:
            found = self.places.get(path)
            if found is not None:
                return found
            path = path[:-1]
        return Place(self.root, 0)

    def get(self, path: Path) -> Any:
        """The raw value at a path; None if there is none."""
        node: Any = self.tree
        for part in path:
            try:
                node = node[part]
            except (KeyError, IndexError, TypeError):
                return None
        return node


def read(path: FilePath, faults: FaultList) -> tuple[Document, bool]:
    """Read all files of the configuration at `path` (folder or main file); True if all could be parsed."""
    main = path / MAIN if os.path.isdir(path) else path  # never raises
    document = Document(str(main), main.parent)
    fragments = _fragments(main.parent / FRAGMENTS, faults)
    whole = fragments is not None
    for file in (main, *(fragments or ())):
        tree = _parse(file, document, faults)
        if tree is None:
            whole = False
            continue
        text, values = tree
        document.sources.append(str(file))
        lines = key_lines(text)
        places = {key: Place(str(file), line) for key, line in lines.items()}
        _join(document, document.tree, values, (), places, faults)
        document.places = places | document.places
    return document, whole


def _fragments(folder: FilePath, faults: FaultList) -> list[FilePath] | None:
    """Its files in order; None where there is such a folder that cannot be read.

    Half of a configuration would be taken for the whole, and a reload send everybody home.
    """
    try:
        with os.scandir(folder) as entries:
            names = sorted(each.name for each in entries)
    except FileNotFoundError:
        return []
    except OSError as error:
        cure = "let the user that runs ccd read and enter the folder, or move it away"
        faults.add(Place(str(folder), 0), (), f"cannot be read: {error.strerror}", cure)
        return None
    return [folder / name for name in names if name.endswith(".toml") and not name.startswith(".")]


def _parse(file: FilePath, document: Document, faults: FaultList) -> tuple[str, dict[str, Any]] | None:
    place = Place(str(file), 0)
    try:
        if file.stat().st_size > MOST_BYTES:
            faults.add(place, (), "is larger than 4 MB", "split it into files in conf.d/")
            return None
        text = file.read_bytes().decode("utf-8-sig")
        return text, tomllib.loads(text)
    except FileNotFoundError:
        cure = f"create it, or give the folder or file to read: {document.root} was looked for"
        faults.add(place, (), "there is no such file", cure)
    except OSError as error:
        cure = "let the user that runs ccd read it"
        faults.add(place, (), f"cannot be read: {error.strerror}", cure)
    except UnicodeDecodeError as error:
        line = file.read_bytes()[: error.start].count(b"\n") + 1
        faults.add(Place(str(file), line), (), "is not UTF-8 text", "save the file as UTF-8")
    except tomllib.TOMLDecodeError as error:
        said, line = _syntax(str(error), text)
        faults.add(Place(str(file), line), (), f"is not valid TOML: {said}", _syntax_cure(said))
    except RecursionError:
        faults.add(place, (), "is nested too deeply", "keep tables and lists a few levels deep")
    return None


def _syntax(message: str, text: str) -> tuple[str, int]:
    """The parser's words without their position, and the line."""
    found = re.search(r"\(at line (\d+), column (\d+)\)", message)
    if found is None:  # "(at end of document)"
        return message.partition(" (at ")[0], text.count("\n") + (not text.endswith("\n"))
    return f"{message[: found.start()].strip()} (column {found[2]})", int(found[1])


def _syntax_cure(said: str) -> str:
    if "overwrite" in said or "twice" in said or "Cannot declare" in said:
        return "the key or table stands twice in this file: keep one"
    if "'\\n'" in said or "Unterminated" in said:
        return "close the quotes on the same line"
    return "write text in quotes, lists in [ ], one `key = value` a line"


def _join(
    document: Document,
    into: dict[str, Any],
    values: dict[str, Any],
    path: Path,
    places: Mapping[Path, Place],
    faults: FaultList,
) -> None:
    """Put one file's values into the tree; tables join down to where a name belongs to one file."""
    for key, value in values.items():
        here = (*path, key)
        if key not in into:
            into[key] = value
        elif isinstance(value, dict) and isinstance(into[key], dict) and not _owned(here):
            _join(document, into[key], value, here, places, faults)
        else:
            first = document.place(here)
            cure = f"keep one of the two; the other stands in {first}"
            faults.add(places[here], here, f"is set twice, first in {first}", cure)


def _owned(path: Path) -> bool:
    """True for what one file must define whole: a named agent, queue, trunk…"""
    return len(path) == 2 and path[0] in _NAMED


def override(document: Document, overrides: Mapping[str, str], faults: FaultList) -> None:
    """Put `key = value` pairs of the command line over the tree: `daemon.state_dir=run`.

    The key is written as in TOML, with dots; a list's element by its index (`sip.transports.0.port`).
    The value is taken as TOML (`20`, `true`, `["a"]`) and, where it is none, as text.
    """
    for key, text in overrides.items():
        place = Place(OVERRIDE, 0)
        try:
            path = _dotted(tomllib.loads(f"{key} = 0"))
        except tomllib.TOMLDecodeError:
            faults.add(place, (key,), "is not a key", "write it as in the file, e.g. daemon.state_dir=run")
            continue
        spot = _set(document.tree, path, _value(text))
        if spot is None:
            cure = f"{written(path[:-1])} is no table; see docs/reference/configuration.md"
            faults.add(place, path, "cannot be set", cure)
            continue
        for known in [known for known in document.places if known[: len(spot)] == spot]:
            del document.places[known]
        document.places[spot] = place


def _dotted(tree: Any) -> tuple[str, ...]:
    path: tuple[str, ...] = ()
    while isinstance(tree, dict):
        ((key, tree),) = tree.items()
        path = (*path, key)
    return path


def _value(text: str) -> Any:
    try:
        found = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return found["value"] if len(found) == 1 else text


def _set(tree: Any, path: tuple[str, ...], value: Any) -> Path | None:
    """Set a value, making tables on the way; the path with indexes as numbers, None where it cannot be."""
    spot: Path = ()
    for at, key in enumerate(path):
        last = at == len(path) - 1
        if isinstance(tree, list) and key.isdigit() and int(key) < len(tree):
            spot = (*spot, int(key))
            if last:
                tree[int(key)] = value
            tree = tree[int(key)]
        elif isinstance(tree, dict):
            spot = (*spot, key)
            if last:
                tree[key] = value
            tree = tree.setdefault(key, {})
        else:
            return None
    return spot


def relative(document: Document, path: Path, text: str) -> str:
    """A file path as configured made absolute: from the configuration's folder, `~` the user's home.

    Paths given on the command line start from the present folder instead.
    """
    if not text:
        return ""
    start = FilePath.cwd() if document.place(path).file == OVERRIDE else document.folder
    return os.path.normpath(start.absolute() / FilePath(text).expanduser())
