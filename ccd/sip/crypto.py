"""Keys of encrypted audio in SDP: the `a=crypto` lines of RFC 4568, for SRTP (RFC 3711, RFC 7714).

Each side says the key by which it sends. A key stands readable in the SDP, so it is as safe as the way that
SIP takes: with TLS from hop to hop. Keys are secrets: nothing here shows one in its `repr`.
"""

import base64
import binascii
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Final

import msgspec

KEY_OCTETS: Final = {
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_CM_128_HMAC_SHA1_32": 30,
    "AEAD_AES_128_GCM": 28,
    "AEAD_AES_256_GCM": 44,
}
"""The suites that we take: master key and salt together, in octets."""
OFFERED: Final = ("AES_CM_128_HMAC_SHA1_80", "AEAD_AES_256_GCM", "AEAD_AES_128_GCM")
"""What we offer: first the one that everybody must have. The short tag (`_32`) is only taken."""
MOST_LINES: Final = 16
MOST_MKI: Final = 128
PLAIN: Final = "RTP/AVP"
SECURE: Final = "RTP/SAVP"
_PLAIN_PROTOCOLS = frozenset({PLAIN, "RTP/AVPF"})
_SECURE_PROTOCOLS = frozenset({SECURE, "RTP/SAVPF"})
_INLINE = re.compile(
    r"inline:([A-Za-z0-9+/]{8,120})(={0,2})(?:\|(?:2\^[0-9]{1,3}|[0-9]{1,15}))?(?:\|[0-9]{1,39}:([0-9]{1,3}))?",
    re.IGNORECASE,
)
_SECRET = re.compile(r"(inline[ \t]*:)[^\s|;]*", re.IGNORECASE)

Attributes = tuple[tuple[str, str | None], ...]
Draw = Callable[[int], bytes]
"""So many unguessable octets."""


class Wanted(StrEnum):
    """What one side wants of encryption."""

    PLAIN = "plain"
    """None: crypto lines are not looked at."""
    IF_ALONE = "if alone"
    """Only where the other side takes nothing else."""
    PREFERRED = "preferred"
    """Offered and taken, yet plain audio will do."""
    REQUIRED = "required"
    """Nothing else: plain audio is refused."""

    @property
    def offers(self) -> bool:
        return self is Wanted.PREFERRED or self is _REQUIRED


_REQUIRED, _PLAIN = Wanted.REQUIRED, Wanted.PLAIN
"""A member taken out of its enum costs 600 instructions."""


class Crypto(msgspec.Struct, frozen=True):
    """One `a=crypto` line that we can use."""

    tag: int
    suite: str
    key: bytes
    """Master key and salt."""
    mki: int = 0
    """Octets of the master key identifier in each of its sender's packets; 0: there is none."""

    def __repr__(self) -> str:
        return f"Crypto({self.tag}, {self.suite}, (masked))"

    def to_text(self) -> str:
        """The attribute's value."""
        return f"{self.tag} {self.suite} inline:{base64.b64encode(self.key).decode()}"


class Agreed(msgspec.Struct, frozen=True):
    """Both ways of one stream; of the same suite."""

    theirs: Crypto
    ours: Crypto


def read_keys(attributes: Attributes) -> tuple[Crypto, ...]:
    """The lines that we can use, in their order; what is odd or unknown is left out, never a fault."""
    found = [_read_line(value) for key, value in attributes if key == "crypto" and value]
    return tuple([line for line in found if line is not None][:MOST_LINES])


def _read_line(value: str) -> Crypto | None:
    words = value.split()
    if len(words) < 3 or not (words[0].isascii() and words[0].isdigit() and len(words[0]) <= 9):
        return None
    suite = words[1].upper()
    inline = _INLINE.fullmatch(words[2])  # several keys in one line have no place in it
    if suite not in KEY_OCTETS or inline is None or not all(map(_may_be_ignored, words[3:])):
        return None
    try:
        key = base64.b64decode(inline[1] + "=" * (-len(inline[1]) % 4), validate=True)
    except binascii.Error:
        return None
    mki = int(inline[3] or 0)
    if len(key) != KEY_OCTETS[suite] or mki > MOST_MKI:
        return None
    return Crypto(int(words[0]), suite, key, mki)


def _may_be_ignored(parameter: str) -> bool:
    """Session parameters change how packets look, but for the hint of a window and what says so (§6.3)."""
    return parameter.startswith("-") or parameter.upper().startswith("WSH=")


def masked(text: str) -> str:
    """Without the keys that may stand in it."""
    return _SECRET.sub(r"\1(masked)", text)


def encrypts(protocol: str, lines: tuple[Crypto, ...], wanted: Wanted) -> bool | None:
    """How an offered media section is taken: encrypted, plain (False), or not at all (None)."""
    protocol = protocol.upper()
    if protocol in _PLAIN_PROTOCOLS:
        if lines and wanted.offers:
            return True
        return None if wanted is _REQUIRED else False
    if protocol in _SECURE_PROTOCOLS and lines and wanted is not _PLAIN:
        return True
    return None


def is_rtp(protocol: str) -> bool:
    """Whether it is RTP as we know it, encrypted by SDES or plain."""
    protocol = protocol.upper()
    return protocol in _PLAIN_PROTOCOLS or protocol in _SECURE_PROTOCOLS


def why_not(protocol: str, lines: tuple[Crypto, ...], wanted: Wanted) -> str:
    """In words: why a media section with a codec of ours is not taken; empty: not for its encryption."""
    protocol = protocol.upper()
    if protocol in _PLAIN_PROTOCOLS and wanted is _REQUIRED:
        return "the offer has plain audio, and SRTP is required here"
    if protocol in _SECURE_PROTOCOLS and wanted is _PLAIN:
        return "the offer has encrypted audio, and SRTP is off here"
    if protocol in _SECURE_PROTOCOLS and not lines:
        return f"the offer has SRTP without a key in a=crypto for one of {', '.join(KEY_OCTETS)}"
    return ""


class Keys:
    """The keys of one call leg, or of one try to reach somebody: what is offered, and what was agreed on."""

    __slots__ = ("_draw", "_fresh", "agreed", "protocol", "wanted")

    def __init__(self, wanted: Wanted, draw: Draw) -> None:
        self._draw = draw
        self._fresh: tuple[Crypto, ...] = ()
        """Our lines for an offer, none of them in use so far."""
        self.wanted = wanted
        self.agreed: Agreed | None = None
        self.protocol = SECURE if wanted is _REQUIRED else PLAIN
        """Of our next offer."""

    def insisting(self) -> "Keys":
        """Others, for an offer of encrypted audio only."""
        return Keys(_REQUIRED, self._draw)

    def offer(self) -> tuple[Crypto, ...]:
        """Our lines for an offer: the key in use if there is one (§7.1.4), else a fresh one a suite.

        A key that is no more in use never comes back: its packets are counted no longer, and two under one
        number would give away what both say.
        """
        if self.agreed is not None:
            return (self.agreed.ours,)
        if self.wanted.offers and not self._fresh:
            self._fresh = tuple(
                Crypto(tag, suite, self._draw(KEY_OCTETS[suite])) for tag, suite in enumerate(OFFERED, 1)
            )
        return self._fresh

    def answer(self, theirs: tuple[Crypto, ...]) -> Agreed | None:
        """What an offer with these lines comes to. The key in use stays as long as theirs does; with a new
        one of theirs comes a new one of ours, so that both sides begin to count anew."""
        if not theirs:
            return None
        former = self.agreed
        if former is not None:
            for line in theirs:
                if (line.suite, line.key) == (former.theirs.suite, former.theirs.key):
                    return Agreed(line, msgspec.structs.replace(former.ours, tag=line.tag))
        best = theirs[0]
        return Agreed(best, Crypto(best.tag, best.suite, self._draw(KEY_OCTETS[best.suite])))

    def settle(self, agreed: Agreed | None, protocol: str) -> None:
        """Take over what was negotiated."""
        self.agreed = agreed
        self.protocol = protocol if agreed is not None or self.wanted is _REQUIRED else PLAIN
        if agreed is not None:
            self._fresh = ()


def read_answer(ours: tuple[Crypto, ...], theirs: tuple[Crypto, ...]) -> Agreed | None:
    """What an answer with their lines makes of an offer with ours; None: it takes none of them."""
    for line in theirs:
        for own in ours:
            if (line.tag, line.suite) == (own.tag, own.suite):
                return Agreed(line, own)
    return None
