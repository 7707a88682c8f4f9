"""Digest authentication of agents' devices (RFC 3261 §22, RFC 7616, RFC 8760), and what guessing costs.

An unknown device is answered like a wrong password, after the same work. Who guesses wrong too often
is refused unheard for a while; what is remembered of guessers is bounded.
"""

import re
from collections import OrderedDict
from enum import Enum

import structlog

from ccd.ids import Chance
from ccd.model.settings import DeviceSettings
from ccd.sip import digest
from ccd.sip.headers import parse_auth
from ccd.sip.message import Request, SipParseError

log = structlog.get_logger(__name__)

WINDOW_S = 60.0
WRONG_PER_USER = 8
"""Wrong answers from one address for one user within the window before it is refused unheard."""
WRONG_PER_HOST = 100
"""The same for an address as a whole: many phones behind one NAT may be there."""
REMEMBERED = 4096
PATIENCE_S = 2.0
"""A phone that asks again without credentials, this long after a challenge, did not understand it."""
_MD5_ONLY = re.compile(r"baresip v[01]\.", re.IGNORECASE)
"""Phones known to give up when any of several challenges is not MD5 (seen with Debian 12's baresip)."""


class Admission(Enum):
    """What the credentials of a request are worth."""

    GRANTED = "granted"
    CHALLENGE = "challenge"
    STALE = "stale"
    FORBIDDEN = "forbidden"
    """The password is right, but it is another device's."""
    BLOCKED = "blocked"


class Guesses:
    """Counts wrong answers in windows; the oldest are forgotten when there are too many."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()

    def _count(self, key: tuple[str, str], now: float) -> int:
        count, since = self._counts.get(key, (0, now))
        return count if now < since + WINDOW_S else 0

    def blocked(self, host: str, user: str, now: float) -> bool:
        if not self._counts:
            return False
        return (
            self._count((host, user), now) >= WRONG_PER_USER or self._count((host, ""), now) >= WRONG_PER_HOST
        )

    def add(self, host: str, user: str, now: float) -> bool:
        """Count one; True when this one was the last that is heard."""
        full = False
        for key, limit in (((host, user), WRONG_PER_USER), ((host, ""), WRONG_PER_HOST)):
            count, since = self._counts.get(key, (0, now))
            if now >= since + WINDOW_S:
                count, since = 0, now
            self._counts[key] = (count + 1, since)
            self._counts.move_to_end(key)
            full = full or count + 1 == limit
        while len(self._counts) > REMEMBERED:
            self._counts.popitem(last=False)
        return full

    def __len__(self) -> int:
        return len(self._counts)


class Tongues:
    """Which phones know MD5 only: those that do not answer when SHA-256 is offered beside it (RFC 8760 §2.4).

    Such phones should pass over a challenge that they do not know; some give up instead.
    """

    __slots__ = ("_asked",)

    def __init__(self) -> None:
        self._asked: OrderedDict[tuple[str, str], float | None] = OrderedDict()
        """When both were offered and no answer came yet; None: knows MD5 only."""

    def algorithms(self, device: str, host: str, user_agent: str, now: float) -> tuple[str, ...]:
        """What to offer to a request without usable credentials.

        MD5 stands first, though RFC 8760 would have the strongest there: SIPp, and phones like it, look
        at the first challenge only and give up when it is not MD5.
        """
        if _MD5_ONLY.match(user_agent):
            return ("MD5",)
        key = (device, host)
        asked = self._asked.get(key, now)
        if asked is None or now >= asked + PATIENCE_S:
            self._asked[key] = None
            return ("MD5",)
        self._asked[key] = asked
        if len(self._asked) > REMEMBERED:
            self._asked.popitem(last=False)
        return ("MD5", "SHA-256")

    def answered(self, device: str, host: str) -> None:
        """It answered a challenge, so it could read it."""
        if self._asked.get((device, host)) is not None:
            del self._asked[(device, host)]

    def __len__(self) -> int:
        return len(self._asked)


class Authentication:
    """Checks devices' credentials and writes challenges."""

    def __init__(
        self, devices: dict[str, DeviceSettings], realm: str, nonce_s: float, chance: Chance
    ) -> None:
        """`chance` must be unguessable: the nonces' key comes from it."""
        self._realm = realm
        self._nonces = digest.Nonces(chance.token(40).encode(), nonce_s)
        self._decoy = chance.token(24)
        self._guesses = Guesses()
        self._tongues = Tongues()
        self.reload(devices)

    def reload(self, devices: dict[str, DeviceSettings]) -> None:
        self._devices = devices
        self._by_user = {device.username or device.name: device for device in devices.values()}

    def check(self, request: Request, device: str, host: str, now: float) -> Admission:
        """Whether `request`, come from the address `host`, was sent by `device`."""
        given = self._credentials(request)
        if given is None:
            return Admission.CHALLENGE
        credentials, user = given
        self._tongues.answered(device, host)
        if self._guesses.blocked(host, user, now):
            return Admission.BLOCKED
        claimed = self._devices.get(device)
        own = claimed is not None and (claimed.username or claimed.name) == user
        owner = claimed if own else self._by_user.get(user)
        password = owner.password.reveal() if owner is not None else self._decoy
        verdict = self._nonces.check(credentials, request.method, password, now)
        if verdict is digest.Verdict.BAD or owner is None:
            if self._guesses.add(host, user, now):
                log.warning("sip_guessing_blocked", host=host, user=user[:40], seconds=WINDOW_S)
            return Admission.CHALLENGE
        if verdict is not digest.Verdict.OK:
            return Admission.STALE
        return Admission.GRANTED if own else Admission.FORBIDDEN

    def challenges(
        self, request: Request, device: str, host: str, stale: bool, now: float
    ) -> list[tuple[str, str]]:
        """WWW-Authenticate headers for an answer to `request`: one an algorithm, all with one nonce."""
        nonce = self._nonces.issue(now)
        offered = self._tongues.algorithms(device, host, request.get("User-Agent") or "", now)
        return [
            ("WWW-Authenticate", digest.challenge(self._realm, nonce, algorithm, stale, "auth"))
            for algorithm in offered
        ]

    def _credentials(self, request: Request) -> tuple[str, str] | None:
        """The digest credentials for our realm and their user, if there are any that can be read."""
        for name in ("Authorization", "Proxy-Authorization"):
            for value in request.get_all(name):
                try:
                    scheme, params = parse_auth(value)
                except SipParseError:
                    continue
                if scheme == "digest" and params.get("realm") == self._realm:
                    return value, params.get("username", "")
        return None
