"""Registering with somebody else's registrar: the client side of RFC 3261 §10.2 (sans-IO).

One `Registration` keeps one account registered: REGISTER, digest challenges (also `stale`), 423,
refresh before the granted time ends, back-off after failures, and REGISTER with Expires 0 at the end.
The shell sends what it gets from here and hands back what comes.

    idle ─▶ trying ─▶ registered ─▶ refreshing ─▶ registered …
              │            ▲              │
              └▶ waiting ──┴── (back-off) ┘        any ─▶ ending ─▶ ended
"""

from enum import Enum
from typing import Protocol

import msgspec

from ccd.errors import IllegalMove
from ccd.sip import digest
from ccd.sip.headers import parse_auth
from ccd.sip.message import Request, Response, SipParseError

MIN_WAIT_S = 4.0
MAX_WAIT_S = 300.0
MAX_RETRY_AFTER_S = 1800.0
_MAX_EXPIRES_S = 86400


class Chance(Protocol):
    """Where tags, Call-IDs and jitter come from."""

    def token(self, length: int = 12) -> str: ...

    def below(self, limit: int) -> int: ...


class State(Enum):
    """Where a registration stands."""

    IDLE = "idle"
    TRYING = "trying"
    REGISTERED = "registered"
    REFRESHING = "refreshing"
    WAITING = "waiting"
    ENDING = "ending"
    ENDED = "ended"


class Input(Enum):
    """What happens to a registration."""

    DUE = "due"
    GRANTED = "granted"
    CHALLENGED = "challenged"
    TOO_BRIEF = "too brief"
    FAILED = "failed"
    STOP = "stop"


MOVES: dict[tuple[State, Input], State] = {
    (State.IDLE, Input.DUE): State.TRYING,
    (State.IDLE, Input.STOP): State.ENDED,
    (State.TRYING, Input.GRANTED): State.REGISTERED,
    (State.TRYING, Input.CHALLENGED): State.TRYING,
    (State.TRYING, Input.TOO_BRIEF): State.TRYING,
    (State.TRYING, Input.FAILED): State.WAITING,
    (State.TRYING, Input.STOP): State.ENDING,
    (State.REGISTERED, Input.DUE): State.REFRESHING,
    (State.REGISTERED, Input.STOP): State.ENDING,
    (State.REFRESHING, Input.GRANTED): State.REGISTERED,
    (State.REFRESHING, Input.CHALLENGED): State.REFRESHING,
    (State.REFRESHING, Input.TOO_BRIEF): State.REFRESHING,
    (State.REFRESHING, Input.FAILED): State.WAITING,
    (State.REFRESHING, Input.STOP): State.ENDING,
    (State.WAITING, Input.DUE): State.TRYING,
    (State.WAITING, Input.STOP): State.ENDING,
    (State.ENDING, Input.GRANTED): State.ENDED,
    (State.ENDING, Input.CHALLENGED): State.ENDING,
    (State.ENDING, Input.TOO_BRIEF): State.ENDED,
    (State.ENDING, Input.FAILED): State.ENDED,
    (State.ENDING, Input.STOP): State.ENDING,
    (State.ENDED, Input.STOP): State.ENDED,
}
_OUTSTANDING = frozenset({State.TRYING, State.REFRESHING, State.ENDING})


class Account(msgspec.Struct, frozen=True):
    """Who registers where."""

    registrar: str
    """Request-URI, `sip:carrier.example`."""
    address: str
    """Address of record, `sip:user@carrier.example`."""
    contact: str
    """URI where calls are to come to us."""
    username: str
    password: str
    realm: str = ""
    """Only challenges of this realm are answered; empty: any."""
    expires_s: int = 600
    user_agent: str = ""


class Authorizer:
    """Answers digest challenges for one account, counting the uses of each nonce (RFC 7616 §3.4).

    The registrar and a proxy before it may each have one (RFC 3261 §22.3): both are answered together.
    """

    __slots__ = ("_challenges", "_chance", "_password", "_realm", "_username")

    def __init__(self, username: str, password: str, realm: str, chance: Chance) -> None:
        self._username = username
        self._password = password
        self._realm = realm
        self._chance = chance
        self._challenges: dict[str, tuple[str, int]] = {}
        """By the header that answers it: a challenge and how often it was answered."""

    def take(self, response: Response) -> bool:
        """Remember the challenge of a 401 or 407; False if it has none that we can answer."""
        proxy = response.status == 407
        offered = response.get_all("Proxy-Authenticate" if proxy else "WWW-Authenticate")
        best = digest.strongest(challenge for challenge in offered if self._is_ours(challenge))
        if best is not None:
            self._challenges["Proxy-Authorization" if proxy else "Authorization"] = (best, 0)
        return best is not None

    def _is_ours(self, challenge: str) -> bool:
        if not self._realm:
            return True
        try:
            return parse_auth(challenge)[1].get("realm") == self._realm
        except SipParseError:
            return False

    def headers(self, method: str, uri: str) -> list[tuple[str, str]]:
        """Names and values of the credentials for the next request; none before the first challenge."""
        found = []
        for name, (challenge, uses) in self._challenges.items():
            self._challenges[name] = (challenge, uses + 1)
            value = digest.answer(
                challenge,
                method,
                uri,
                self._username,
                self._password,
                uses + 1,
                self._chance.token(16),
            )
            found.append((name, value))
        return found


def is_stale(response: Response) -> bool:
    """A challenge says only that our nonce is too old: the password was right (RFC 7616 §3.3)."""
    for name in ("WWW-Authenticate", "Proxy-Authenticate"):
        for challenge in response.get_all(name):
            try:
                _, params = parse_auth(challenge)
            except SipParseError:
                continue
            if params.get("stale", "").lower() == "true":
                return True
    return False


class Registration:
    """Keeps one account registered. `now` in seconds; deadlines in the same time."""

    def __init__(self, account: Account, chance: Chance) -> None:
        self.account = account
        self.state = State.IDLE
        self.up = False
        """The registrar holds our contact, as far as we know."""
        self.note = "not tried yet"
        """For people: how it stands."""
        self.granted_until = 0.0
        self._authorizer = Authorizer(account.username, account.password, account.realm, chance)
        self._chance = chance
        self._call_id = chance.token(20)
        self._tag = chance.token(10)
        self._cseq = 0
        self._due = 0.0
        self._failures = 0
        self._challenges = 0
        self._challenged_by: set[int] = set()
        """Which of 401 and 407 the REGISTER under way has had."""
        self._expires_s = account.expires_s

    # -- what the shell calls ----------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When `expire` is to be called; None while an answer is awaited, and at the end."""
        if self.state in {State.IDLE, State.REGISTERED}:
            return self._due
        if self.state is State.WAITING:
            return min(self._due, self.granted_until) if self.up else self._due
        return None

    def expire(self, now: float) -> Request | None:
        """The REGISTER to send when the time for one has come."""
        if self.state is State.WAITING and self.up and now >= self.granted_until:
            self.up = False
        if self.state in {State.IDLE, State.REGISTERED, State.WAITING} and now >= self._due:
            self._move(Input.DUE)
            return self._fresh()
        return None

    def receive(self, response: Response, now: float) -> Request | None:
        """Take a response to the last REGISTER; what is returned is to be sent at once."""
        if self.state not in _OUTSTANDING or response.status < 200 or response.cseq.number != self._cseq:
            return None
        status = response.status
        if status < 300:
            self._granted(response, now)
            return None
        if status in {401, 407}:
            return self._challenged(response, now)
        if status == 423 and self.state is not State.ENDING and self._longer(response):
            self._move(Input.TOO_BRIEF)
            return self._request()
        self._failed(f"{status} {response.reason}", now, lost=_refuses(status), after=response)
        return None

    def fail(self, cause: str, now: float) -> None:
        """The last REGISTER got no answer (`timeout`, `transport`)."""
        if self.state in _OUTSTANDING:
            self._failed("no answer" if cause == "timeout" else cause, now, lost=False)

    def hurry(self, now: float) -> None:
        """The connection to the registrar is gone: register anew at once, without waiting for the refresh."""
        if self.state is State.REGISTERED:
            self._due = now

    def awaits(self, request: Request) -> bool:
        """Whether the answer to this REGISTER still counts."""
        return self.state in _OUTSTANDING and request.cseq.number == self._cseq

    def move_to(self, account: Account, now: float, *, at_once: bool) -> None:
        """The registrar is asked at another address from now on; what the former one still says no longer
        counts. `at_once`: not even a back-off is waited for."""
        self.account = account
        if self.state in {State.TRYING, State.REFRESHING}:
            self._move(Input.FAILED)
            self._due = now + MIN_WAIT_S
        if self.state in {State.IDLE, State.REGISTERED} or (at_once and self.state is State.WAITING):
            self._due = now

    def stop(self) -> Request | None:
        """End it: the REGISTER that removes our contact, if there may be one."""
        former = self.state
        self._move(Input.STOP)
        self.note = "stopped"
        self.up = False
        if self.state is State.ENDED or former is State.ENDING:
            return None
        return self._fresh()

    # -- moves -------------------------------------------------------------------------------

    def _move(self, happened: Input) -> None:
        self.state = move(self.state, happened)

    def _granted(self, response: Response, now: float) -> None:
        granted = self._granted_s(response)
        if self.state is not State.ENDING and granted <= 0:
            self._failed("granted no time", now, lost=True)
            return
        self._move(Input.GRANTED)
        self._failures = 0
        if self.state is State.ENDED:
            return
        self.up = True
        self.note = f"registered for {granted} s"
        self.granted_until = now + granted
        self._due = now + granted * (0.8 + self._chance.below(1000) / 10_000)

    def _granted_s(self, response: Response) -> int:
        """Time given to our contact; a registrar behind NAT may have rewritten its host."""
        asked = self._expires_s if response.expires is None else response.expires
        try:
            contacts = response.contacts
        except SipParseError:
            return asked
        mine = [each for each in contacts if str(each.uri) == self.account.contact]
        if not mine and len(contacts) == 1:
            mine = contacts
        if mine and mine[0].expires is not None:
            asked = mine[0].expires
        return min(asked, _MAX_EXPIRES_S)

    def _challenged(self, response: Response, now: float) -> Request | None:
        """Answer it; a second one of its kind means that the password is wrong, unless stale."""
        self._challenges += 1
        again = response.status in self._challenged_by and not is_stale(response)
        self._challenged_by.add(response.status)
        if again or self._challenges > 3 or not self.account.username or not self._authorizer.take(response):
            what = "wrong user or password" if again else "challenge cannot be answered"
            self._failed(f"{response.status} {what}", now, lost=True)
            return None
        self._move(Input.CHALLENGED)
        return self._request()

    def _longer(self, response: Response) -> bool:
        """Take over Min-Expires (§10.2.8), if it is a reason to ask again."""
        wanted = response.get("Min-Expires") or ""
        if not wanted.isdecimal() or len(wanted) > 6 or not self._expires_s < int(wanted) <= _MAX_EXPIRES_S:
            return False
        self._expires_s = int(wanted)
        return True

    def _failed(self, note: str, now: float, *, lost: bool, after: Response | None = None) -> None:
        """`lost`: the registrar refused, so that nothing granted before can be relied on."""
        self._move(Input.FAILED)
        if self.state is State.ENDED:
            return
        self.note = note
        self.up = self.up and not lost and now < self.granted_until
        base = min(MAX_WAIT_S, MIN_WAIT_S * 2.0 ** min(self._failures, 10))
        wait = max(MIN_WAIT_S, base * (0.5 + self._chance.below(1000) / 2000))
        self._failures += 1
        self._due = now + max(wait, _retry_after(after))

    # -- requests ----------------------------------------------------------------------------

    def _fresh(self) -> Request:
        self._challenges = 0
        self._challenged_by.clear()
        return self._request()

    def _request(self) -> Request:
        self._cseq += 1
        account = self.account
        seconds = 0 if self.state is State.ENDING else self._expires_s
        headers = [
            ("Max-Forwards", "70"),
            ("From", f"<{account.address}>;tag={self._tag}"),
            ("To", f"<{account.address}>"),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._cseq} REGISTER"),
            ("Contact", f"<{account.contact}>;expires={seconds}"),
            ("Expires", str(seconds)),
        ]
        if account.user_agent:
            headers.append(("User-Agent", account.user_agent))
        headers += self._authorizer.headers("REGISTER", account.registrar)
        return Request.create("REGISTER", account.registrar, headers)


def move(state: State, happened: Input) -> State:
    """The next state; IllegalMove where the table has none."""
    following = MOVES.get((state, happened))
    if following is None:
        raise IllegalMove("registration", f"Registration: {happened.name} cannot happen in {state.name}")
    return following


def _retry_after(response: Response | None) -> float:
    value = (response.get("Retry-After") or "") if response is not None else ""
    seconds = value.partition(";")[0].partition("(")[0].strip()
    return min(float(seconds), MAX_RETRY_AFTER_S) if seconds.isdecimal() and len(seconds) < 9 else 0.0


def _refuses(status: int) -> bool:
    """The registrar says no to the account; other failures say nothing about what it granted before."""
    return 400 <= status < 500 and status not in {408, 429, 480, 491}
