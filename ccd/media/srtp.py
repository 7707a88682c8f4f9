"""SRTP and SRTCP of one leg (RFC 3711, RFC 7714), by libsrtp: packets are sealed and opened here.

What does not prove that it comes from who holds the key - forged, torn, sent again - opens to nothing, so
that it can move or count as nothing further on. Each way has a key of its own and stays as it is while its
key does: the packets' count goes on over holds and refreshes.
"""

from collections import deque
from typing import Final

from pylibsrtp import Error, Policy, Session

from ccd.media.packet import MAX_PACKET

PROFILES: Final = {
    "AES_CM_128_HMAC_SHA1_80": Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    "AEAD_AES_128_GCM": Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AEAD_AES_256_GCM": Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}
"""Suites by their name in SDP (RFC 4568 §6.2, RFC 7714 §14.2)."""
_TAGS: Final = {"AES_CM_128_HMAC_SHA1_80": 10, "AES_CM_128_HMAC_SHA1_32": 4}
"""Octets behind the MKI; of the others the tag stands before it (RFC 7714 §8)."""
_RTCP_TAGS: Final = {"AES_CM_128_HMAC_SHA1_80": 10, "AES_CM_128_HMAC_SHA1_32": 10}
WINDOW: Final = 128
"""So many packets late is still in time; more is counted as sent again."""
MOST_SOURCES: Final = 16
"""Sources (SSRC) of one party that are remembered; the oldest goes."""
_RTP_SSRC: Final = slice(8, 12)
_RTCP_SSRC: Final = slice(4, 8)
_SHORTEST: Final = 12


class Seal:
    """One way out."""

    __slots__ = ("_session", "key")

    def __init__(self, suite: str, key: bytes) -> None:
        """`key`: master key and salt. Raises `KeyError` or `ValueError` for what is no suite or key of it."""
        self.key = suite, key
        policy = Policy(key, Policy.SSRC_ANY_OUTBOUND, 0, PROFILES[suite])
        policy.window_size = WINDOW
        policy.allow_repeat_tx = False  # two packets under one number would give away what both say
        self._session = Session(policy)

    def rtp(self, packet: bytes) -> bytes:
        """The packet as it goes over the wire; empty: it must not (its number was used already)."""
        try:
            return self._session.protect(packet)
        except (Error, ValueError):
            return b""

    def rtcp(self, packet: bytes) -> bytes:
        """A compound packet as it goes over the wire; empty: it cannot."""
        try:
            return self._session.protect_rtcp(packet)
        except (Error, ValueError):
            return b""


class Opener:
    """One way in."""

    __slots__ = ("_known", "_mki", "_rtcp_tag", "_session", "_ssrc", "_tag", "key")

    def __init__(self, suite: str, key: bytes, mki: int = 0) -> None:
        """`mki`: octets of the key identifier in each packet (RFC 3711 §3.1); of one key it says nothing."""
        self.key = suite, key, mki
        policy = Policy(key, Policy.SSRC_ANY_INBOUND, 0, PROFILES[suite])
        policy.window_size = WINDOW
        self._session = Session(policy)
        self._mki = mki
        self._tag = _TAGS.get(suite, 0)
        self._rtcp_tag = _RTCP_TAGS.get(suite, 0)
        self._ssrc = b""
        self._known: deque[bytes] = deque()

    def rtp(self, packet: bytes) -> bytes:
        """What the packet says, as plain RTP; empty: it proves nothing."""
        try:
            opened = self._session.unprotect(_without(packet, self._mki, self._tag))
        except (Error, ValueError):
            return b""
        if packet[_RTP_SSRC] != self._ssrc:
            self._remember(packet[_RTP_SSRC])
        return opened

    def rtcp(self, packet: bytes) -> bytes:
        """As `rtp`, of a compound packet."""
        try:
            opened = self._session.unprotect_rtcp(_without(packet, self._mki, self._rtcp_tag))
        except (Error, ValueError):
            return b""
        if packet[_RTCP_SSRC] != self._ssrc:
            self._remember(packet[_RTCP_SSRC])
        return opened

    def _remember(self, ssrc: bytes) -> None:
        """libsrtp keeps a count for each source that proved itself: not for more than some."""
        self._ssrc = ssrc
        if ssrc in self._known:
            return
        self._known.append(ssrc)
        if len(self._known) > MOST_SOURCES:
            self._session.remove_stream(int.from_bytes(self._known.popleft(), "big"))


def _without(packet: bytes, mki: int, tag: int) -> bytes:
    """The packet without its key identifier."""
    if not mki:
        return packet
    end = len(packet) - tag
    return packet[: max(0, end - mki)] + packet[end:]


class Srtp:
    """Both ways of one leg."""

    __slots__ = ("_former", "_opener", "_seal")

    def __init__(self, suite: str, ours: bytes, theirs: bytes, mki: int = 0) -> None:
        """`ours`: the key that we send by. Raises as `Seal`."""
        self._seal = Seal(suite, ours)
        self._opener = Opener(suite, theirs, mki)
        self._former: Opener | None = None

    def take(self, suite: str, ours: bytes, theirs: bytes, mki: int = 0) -> None:
        """Negotiated anew: a way whose key is the same is left as it is. What the far end sent before it
        heard of a new key is still opened."""
        if self._seal.key != (suite, ours):
            self._seal = Seal(suite, ours)
        if self._opener.key != (suite, theirs, mki):
            self._former, self._opener = self._opener, Opener(suite, theirs, mki)

    def seal(self, packet: bytes) -> bytes:
        """See `Seal.rtp`."""
        return self._seal.rtp(packet)

    def seal_rtcp(self, packet: bytes) -> bytes:
        """See `Seal.rtcp`."""
        return self._seal.rtcp(packet)

    def open(self, packet: bytes) -> bytes:
        """See `Opener.rtp`."""
        if not _SHORTEST <= len(packet) <= MAX_PACKET:
            return b""
        opened = self._opener.rtp(packet)
        if self._former is not None:
            if opened:
                self._former = None  # it sends by the new key now
            else:
                opened = self._former.rtp(packet)
        return opened

    def open_rtcp(self, packet: bytes) -> bytes:
        """See `Opener.rtcp`."""
        return self._opener.rtcp(packet) if _SHORTEST <= len(packet) <= MAX_PACKET else b""
