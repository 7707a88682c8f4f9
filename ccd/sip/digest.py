"""Digest authentication (RFC 7616, RFC 2617 for old devices, RFC 8760 for SHA-2 in SIP; sans-IO).

Both roles: `answer` for us as a client of a trunk, `challenge` and `Nonces` for us as a registrar.
Nonces are signed, not stored: issuing costs no memory, so challenges cannot be used to fill it. Only
nonces that a *right* password came with are remembered, for their count.
"""

import enum
import hashlib
import hmac
from collections.abc import Iterable

from ccd.sip.grammar import SipParseError, excerpt, quote
from ccd.sip.headers import parse_auth

_STRENGTH = {"md5": 1, "md5-sess": 1, "sha-256": 2, "sha-256-sess": 2}
_REMEMBERED = 20_000
"""Nonces in use at once; 20,000 take about 4 MB."""


def _hash(algorithm: str, text: str) -> str:
    data = text.encode("utf-8", "replace")
    if algorithm.startswith("sha-256"):
        return hashlib.sha256(data).hexdigest()
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _response(params: dict[str, str], algorithm: str, method: str, username: str, password: str) -> str:
    """The `response` value that goes with these credentials (RFC 7616 §3.4.1, RFC 2617 §3.2.2.1)."""
    nonce, cnonce, qop = params["nonce"], params.get("cnonce", ""), params.get("qop", "")
    secret = _hash(algorithm, f"{username}:{params['realm']}:{password}")
    if algorithm.endswith("-sess"):
        secret = _hash(algorithm, f"{secret}:{nonce}:{cnonce}")
    asked = _hash(algorithm, f"{method}:{params['uri']}")
    if qop:
        return _hash(algorithm, f"{secret}:{nonce}:{params['nc']}:{cnonce}:{qop}:{asked}")
    return _hash(algorithm, f"{secret}:{nonce}:{asked}")


def challenge(
    realm: str, nonce: str, algorithm: str = "MD5", stale: bool = False, qop: str | None = "auth"
) -> str:
    """The value of a WWW-Authenticate or Proxy-Authenticate header. ValueError on another algorithm."""
    if algorithm.lower() not in _STRENGTH:
        raise ValueError(f"unknown digest algorithm: {algorithm}")
    parts = [f"Digest realm={quote(realm)}, nonce={quote(nonce)}"]
    if qop:
        parts.append(f'qop="{qop}"')
    parts.append(f"algorithm={algorithm}")
    if stale:
        parts.append("stale=true")
    return ", ".join(parts)


def strongest(challenges: Iterable[str]) -> str | None:
    """The challenge to answer when there are several: the strongest algorithm that we know (RFC 8760).

    Challenges that cannot be read or answered are passed over; None if none is left.
    """
    best: tuple[int, str] | None = None
    for value in challenges:
        try:
            scheme, params = parse_auth(value)
            algorithm = _algorithm(scheme, params)
            _chosen_qop(params)
        except SipParseError:
            continue
        if best is None or _STRENGTH[algorithm] > best[0]:
            best = (_STRENGTH[algorithm], value)
    return None if best is None else best[1]


def answer(
    challenge_value: str,
    method: str,
    uri: str,
    username: str,
    password: str,
    nc: int = 1,
    cnonce: str = "",
) -> str:
    """The value of the Authorization header for a challenge.

    `nc` counts the requests sent with this nonce, from 1; `cnonce` is a fresh random token, needed where
    the challenge has a qop. Raises SipParseError on a challenge that is broken or cannot be answered.
    """
    scheme, given = parse_auth(challenge_value)
    algorithm = _algorithm(scheme, given)
    qop = _chosen_qop(given)
    params = {"realm": given["realm"], "nonce": given["nonce"], "uri": uri, "qop": qop, "nc": f"{nc:08x}"}
    params["cnonce"] = cnonce
    response = _response(params, algorithm, method, username, password)
    parts = [f"Digest username={quote(username)}", f"realm={quote(given['realm'])}"]
    parts += [f"nonce={quote(given['nonce'])}", f"uri={quote(uri)}", f'response="{response}"']
    if "algorithm" in given:
        parts.append(f"algorithm={given['algorithm']}")
    if qop or algorithm.endswith("-sess"):
        parts.append(f"cnonce={quote(cnonce)}")
    if qop:
        parts.append(f"qop={qop}, nc={nc:08x}")
    if "opaque" in given:
        parts.append(f"opaque={quote(given['opaque'])}")
    return ", ".join(parts)


def _algorithm(scheme: str, params: dict[str, str]) -> str:
    if scheme != "digest" or "realm" not in params or "nonce" not in params:
        raise SipParseError(f"not a digest challenge: {excerpt(scheme)}")
    algorithm = params.get("algorithm", "MD5").lower()
    if algorithm not in _STRENGTH:
        raise SipParseError(f"unknown digest algorithm: {excerpt(algorithm)}")
    return algorithm


def _chosen_qop(params: dict[str, str]) -> str:
    offered = [word.strip().lower() for word in params.get("qop", "").split(",") if word.strip()]
    if offered and "auth" not in offered:
        raise SipParseError(f"digest qop not supported: {excerpt(params['qop'])}")
    return "auth" if offered else ""


class Verdict(enum.Enum):
    """What came of checking credentials."""

    OK = "ok"
    BAD = "bad"
    """Broken, or a wrong name or password: refuse, or challenge again without `stale`."""
    STALE = "stale"
    """The password is right, the nonce too old or not ours: challenge again with `stale=true`."""
    REPLAY = "replay"
    """The password is right, the nonce count was used before: challenge again with `stale=true`."""


class Nonces:
    """Issues nonces and checks credentials that use them."""

    __slots__ = ("_algorithms", "_floor", "_issued", "_lifetime_s", "_limit", "_secret", "_used")

    def __init__(
        self,
        secret: bytes,
        lifetime_s: float,
        algorithms: tuple[str, ...] = ("MD5", "SHA-256"),
        limit: int = _REMEMBERED,
    ) -> None:
        """`secret`: random, at least 16 octets, one a process. `limit`: nonces remembered at most."""
        self._secret = secret
        self._lifetime_s = lifetime_s
        self._algorithms = frozenset(name.lower() for name in algorithms)
        self._limit = limit
        self._issued = 0
        self._floor = 0.0  # nonces issued at or before this time are no longer taken
        self._used: dict[str, int] = {}  # nonce → highest count, in the order of first use

    def issue(self, now: float) -> str:
        """A fresh nonce: time and serial number, signed."""
        self._issued = (self._issued + 1) & 0xFFFFFFFF
        stem = f"{int(now * 1000):013x}{self._issued:08x}"
        return stem + self._sign(stem)

    def _sign(self, stem: str) -> str:
        return hmac.new(self._secret, stem.encode(), hashlib.sha256).hexdigest()[:32]

    def _issue_time(self, nonce: str) -> float | None:
        """When we issued this nonce, in seconds; None if it is not ours."""
        stem, signature = nonce[:21], nonce[21:]
        if not hmac.compare_digest(self._sign(stem).encode(), signature.encode("utf-8", "replace")):
            return None
        return int(stem[:13], 16) / 1000

    def check(self, credentials: str, method: str, password: str | None, now: float) -> Verdict:
        """Judge the value of an Authorization header. `password` None: no such user, always BAD."""
        try:
            scheme, params = parse_auth(credentials)
            algorithm = _algorithm(scheme, params)
        except SipParseError:
            return Verdict.BAD
        qop = params.get("qop", "").lower()
        if not {"username", "uri", "response"} <= params.keys() or qop not in {"", "auth"}:
            return Verdict.BAD
        count = _count(params) if qop else 1
        if count is None or (qop and not params.get("cnonce")) or algorithm not in self._algorithms:
            return Verdict.BAD
        expected = _response(params, algorithm, method, params["username"], password or "")
        given = params["response"].lower().encode("utf-8", "replace")
        if not hmac.compare_digest(expected.encode(), given) or password is None:
            return Verdict.BAD
        return self._take(params["nonce"], count, now)

    def _take(self, nonce: str, count: int, now: float) -> Verdict:
        """Judge the nonce of credentials that are right otherwise, and note its count."""
        issued = self._issue_time(nonce)
        if issued is None or issued <= self._floor or not 0 <= now - issued + 0.001 <= self._lifetime_s:
            return Verdict.STALE
        seen = self._used.get(nonce, 0)
        if count <= seen:
            return Verdict.REPLAY
        self._used[nonce] = count
        if not seen:
            self._forget(now)
        return Verdict.OK

    def _forget(self, now: float) -> None:
        """Drop the oldest nonces: those expired, and those over the limit (these are never taken again)."""
        while self._used:
            oldest = next(iter(self._used))
            issued = int(oldest[:13], 16) / 1000
            if len(self._used) > self._limit:
                self._floor = max(self._floor, issued)
            elif now - issued <= self._lifetime_s:
                return
            del self._used[oldest]


def _count(params: dict[str, str]) -> int | None:
    try:
        count = int(params.get("nc", ""), 16)
    except ValueError:
        return None
    return count if 1 <= count <= 0xFFFFFFFF and params["nc"].isalnum() else None
