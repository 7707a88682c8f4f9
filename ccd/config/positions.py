"""Line numbers of every key of a TOML text (TOML 1.0), which the standard library's parser does not give.

The text must have passed `tomllib` before: the scanner here only finds where keys and values stand, it
does not judge them. A path names tables and keys by their name and elements of lists by their index.
"""

import bisect

from ccd.config.faults import Path

_BARE_END = " \t\n.=]\"'#"
_SCALAR_END = ",]}\n#"
_ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\"}


def key_lines(text: str) -> dict[Path, int]:
    """Path of each table, key and list element → line where it is first named, counted from 1."""
    scanner = _Scanner(text.replace("\r\n", "\n"))
    scanner.scan()
    return scanner.found


class _Scanner:
    """Walks once over a valid text."""

    __slots__ = ("_breaks", "_counts", "_pos", "_text", "found")

    def __init__(self, text: str) -> None:
        self._text = text
        self._pos = 0
        self._breaks = [at for at, char in enumerate(text) if char == "\n"]
        self._counts: dict[Path, int] = {}
        """Arrays of tables → number of their elements so far."""
        self.found: dict[Path, int] = {}

    def scan(self) -> None:
        table: Path = ()
        while self._skip(" \t\n"):
            if self._text.startswith("[[", self._pos):
                self._pos += 2
                table = self._open_element(self._keys())
                self._pos = self._text.index("]]", self._pos) + 2
            elif self._text[self._pos] == "[":
                self._pos += 1
                table = self._open_table(self._keys())
                self._pos = self._text.index("]", self._pos) + 1
            else:
                self._pair(table)

    # -- tables --------------------------------------------------------------------------------

    def _open_table(self, keys: list[str]) -> Path:
        path: Path = ()
        for key in keys:
            path = (*path, key)
            self._mark(path)
            if path in self._counts:
                path = (*path, self._counts[path] - 1)
        return path

    def _open_element(self, keys: list[str]) -> Path:
        path = (*self._open_table(keys[:-1]), keys[-1])
        self._mark(path)
        index = self._counts.get(path, 0)
        self._counts[path] = index + 1
        path = (*path, index)
        self._mark(path)
        return path

    def _pair(self, table: Path) -> None:
        path = table
        for key in self._keys():
            path = (*path, key)
            self._mark(path)
        self._pos = self._text.index("=", self._pos) + 1
        self._value(path)

    # -- values --------------------------------------------------------------------------------

    def _value(self, path: Path) -> None:
        self._skip(" \t")
        char = self._text[self._pos]
        if char in "\"'":
            self._string()
        elif char == "[":
            self._list(path)
        elif char == "{":
            self._inline(path)
        else:
            while self._pos < len(self._text) and self._text[self._pos] not in _SCALAR_END:
                self._pos += 1

    def _list(self, path: Path) -> None:
        self._pos += 1
        index = 0
        while self._skip(" \t\n,") and self._text[self._pos] != "]":
            element = (*path, index)
            self._mark(element)
            self._value(element)
            index += 1
        self._pos += 1

    def _inline(self, path: Path) -> None:
        self._pos += 1
        while self._skip(" \t\n,") and self._text[self._pos] != "}":
            self._pair(path)
        self._pos += 1

    # -- words ---------------------------------------------------------------------------------

    def _keys(self) -> list[str]:
        """A dotted key, up to what follows it."""
        keys = []
        while True:
            self._skip(" \t")
            if self._text[self._pos] in "\"'":
                keys.append(self._string())
            else:
                start = self._pos
                while self._text[self._pos] not in _BARE_END:
                    self._pos += 1
                keys.append(self._text[start : self._pos])
            self._skip(" \t")
            if self._text[self._pos] != ".":
                return keys
            self._pos += 1

    def _string(self) -> str:
        """Step over a string of any of the four kinds; its value (escapes undone for keys' sake)."""
        quote = self._text[self._pos]
        if self._text.startswith(quote * 3, self._pos):
            return self._long_string(quote * 3)
        self._pos += 1
        out = ""
        while (char := self._text[self._pos]) != quote:
            self._pos += 1
            out += self._escape() if char == "\\" and quote == '"' else char
        self._pos += 1
        return out

    def _long_string(self, quotes: str) -> str:
        self._pos += 3
        while not self._text.startswith(quotes, self._pos):
            self._pos += 2 if self._text[self._pos] == "\\" and quotes == '"""' else 1
        self._pos += 3
        while self._text.startswith(quotes[0], self._pos):  # up to two quotes may end the content
            self._pos += 1
        return ""

    def _escape(self) -> str:
        char = self._text[self._pos]
        digits = {"u": 4, "U": 8}.get(char, 0)
        code = self._text[self._pos + 1 : self._pos + 1 + digits]
        self._pos += 1 + digits
        return chr(int(code, 16)) if digits else _ESCAPES.get(char, char)

    def _skip(self, blank: str) -> bool:
        """Step over blanks, and over comments where lines may end; False at the end of the text."""
        size = len(self._text)
        while self._pos < size:
            char = self._text[self._pos]
            if char == "#" and "\n" in blank:
                end = self._text.find("\n", self._pos)
                self._pos = size if end < 0 else end
            elif char in blank:
                self._pos += 1
            else:
                return True
        return False

    def _mark(self, path: Path) -> None:
        self.found.setdefault(path, bisect.bisect_left(self._breaks, self._pos) + 1)
