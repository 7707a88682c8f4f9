"""Header lines, each on its own: name and checked value (RFC 3261 §7.3.1); the good ones of late are kept."""

from typing import Final

from ccd.sip.check import CHECKS
from ccd.sip.grammar import SipParseError, excerpt, is_token
from ccd.sip.headers import NAMES, canonical_name

LONE_BREAK: Final = "a carriage return or line feed alone in the headers"
_KNOWN: Final = {raw: (name, CHECKS.get(name)) for raw, name in NAMES.items()}


class GoodLines(dict[str, tuple[str, str]]):
    """Header lines found good of late: much of a message stood in the one before, to the letter. No Via: its
    branch comes once or twice, and would only crowd out the others."""

    def __missing__(self, line: str) -> tuple[str, str]:
        """A line that is new; SipParseError for one that `read_header` would find fault with."""
        raw, _, value = line.partition(":")
        found = _KNOWN.get(raw)
        if found is None or "\r" in value or "\n" in value:
            return _read_other(line)
        name, check = found
        value = value.strip(" \t")
        if check is not None:
            check(value)
        header = (name, value)
        if name != "Via":
            self._keep(line, header)
        return header

    def expect(self, name: str, value: str) -> None:
        """A header that we send in a request and that each answer gives back to the letter."""
        self._keep(f"{name}: {value}", (name, value))

    def _keep(self, line: str, header: tuple[str, str]) -> None:
        if len(line) <= _LONGEST_GOOD_LINE:
            if len(self) >= MOST_GOOD_LINES:
                self.clear()
            self[line] = header


def _read_other(line: str) -> tuple[str, str]:
    """A header of another name, or a name in another spelling; SipParseError for a fault."""
    faults: dict[str, SipParseError] = {}
    header = read_header(line, faults)
    if faults:
        raise faults.popitem()[1]
    return header


good_lines = GoodLines()
MOST_GOOD_LINES: Final = 4096
_LONGEST_GOOD_LINE: Final = 256


def read_header(line: str, faults: dict[str, SipParseError]) -> tuple[str, str]:
    """Canonical name and value of one line; what is wrong with it goes to `faults`."""
    if "\r" in line or "\n" in line:
        raise SipParseError(LONE_BREAK)
    raw, _, value = line.partition(":")
    found = _KNOWN.get(raw)
    value = value.strip(" \t")
    if found is None:
        name = _read_name(line, faults)
        check = CHECKS.get(name)
    else:
        name, check = found
    header = (name, value)
    if check is not None:
        try:
            check(value)
        except SipParseError as fault:
            faults.setdefault(name, fault)
    return header


def _read_name(line: str, faults: dict[str, SipParseError]) -> str:
    name, colon, _ = line.partition(":")
    name = name.rstrip(" \t")
    if not colon or not is_token(name):
        faults.setdefault("header line", SipParseError(f"not a header: {excerpt(line)}"))
        return "X-Malformed"
    return canonical_name(name)
