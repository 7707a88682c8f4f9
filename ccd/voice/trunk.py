"""One trunk as it stands: targets, registration, calls on it, and whether it is up."""

from collections.abc import Callable

from ccd.model.settings import TrunkSettings
from ccd.sip.events import Flow, ResponseArrived, TransactionFailed
from ccd.sip.registering import Account, Registration, State
from ccd.sip.timers import Entry
from ccd.sip.uri import format_host
from ccd.voice.locating import SIP_PORT, Answer, Question
from ccd.voice.pointing import AUTO
from ccd.voice.qualify import Reach
from ccd.voice.trunk_targets import Targets

Told = Callable[["Trunk", ResponseArrived | TransactionFailed, float], None]


class Trunk:
    """One trunk as it stands."""

    __slots__ = (
        "_told",
        "answer",
        "due",
        "flow",
        "in_use",
        "known",
        "name",
        "note",
        "question",
        "reconsider",
        "registration",
        "rest_until",
        "settings",
        "targets",
        "up",
    )

    def __init__(self, settings: TrunkSettings, told: Told) -> None:
        self._told = told
        self.name = settings.name
        self.settings = settings
        self.question = Question(settings.host, settings.protocol, settings.port)
        self.answer: Answer | None = None
        """Where its host is; None: nothing was heard yet."""
        self.targets = Targets()
        self.flow: Flow | None = None
        self.in_use = 0
        """Calls on it now, both directions."""
        self.up = False
        self.known = False
        """Its state was told at least once."""
        self.note = "not resolved yet"
        self.registration: Registration | None = None
        self.due: Entry[Trunk, None] | None = None
        self.reconsider: Entry[Trunk, None] | None = None
        """When a better target may be taken back."""
        self.rest_until = 0.0

    @property
    def addresses(self) -> tuple[str, ...]:
        """All addresses of its host."""
        places = self.answer.places if self.answer is not None else ()
        return tuple(dict.fromkeys(place.address for place in places))

    @property
    def ports(self) -> frozenset[int]:
        """Ports of the carrier's that calls may come from."""
        places = self.answer.places if self.answer is not None else ()
        return frozenset(place.port for place in places) or frozenset({self.question.own_port})

    @property
    def free(self) -> bool:
        """It has a channel for one more call."""
        return not self.settings.channels or self.in_use < self.settings.channels

    @property
    def over(self) -> bool:
        """Nothing of it is registered any more."""
        return self.registration is None or self.registration.state is State.ENDED

    @property
    def usable(self) -> bool:
        """For outgoing calls: up, or not yet asked for the first time."""
        return self.flow is not None and (self.up or (not self.known and self.registration is None))

    def rank(self, now: float) -> tuple[bool, int, int, str]:
        """Order for outgoing calls; one that failed a moment ago comes last."""
        return (now < self.rest_until, self.settings.priority, self.in_use, self.name)

    def standing(self, problem: str = "") -> tuple[bool, bool, str]:
        """(known for sure, up, note). `problem`: why it has no address."""
        if problem or self.flow is None:
            return True, False, problem or "not resolved"
        settled, up, note = self._standing()
        asides = [note]
        if len(self.targets.all) > 1 and self.targets.in_use is not None:
            asides.append(f"by {self.targets.in_use.place}")
        if self.answer is not None and self.answer.problem:
            asides.append(self.answer.problem)
        return settled, up, "; ".join(asides)

    def _standing(self) -> tuple[bool, bool, str]:
        target = self.targets.in_use.watched if self.targets.in_use is not None else None
        if target is not None and target.reach is Reach.LOST:
            return True, False, f"OPTIONS: {target.cause}"
        registration = self.registration
        if registration is not None:
            trying = registration.state in {State.IDLE, State.TRYING} and not self.known
            return not trying, registration.up, registration.note
        if target is None:
            return True, True, "not watched"
        if target.reach is Reach.ALIVE:
            return True, True, f"answers OPTIONS in {target.round_trip_ms:.1f} ms"
        return self.known, True, "asked"

    def account(self, contact_host: str, user_agent: str) -> Account:
        """What to register with its carrier."""
        settings = self.settings
        user = settings.username or self.name
        return Account(
            registrar=self.uri(),
            address=f"sip:{user}@{settings.host}",
            contact=f"sip:{user}@{contact_host}{self.transport}",
            username=settings.username,
            password=settings.password.reveal(),
            realm=settings.realm,
            expires_s=settings.expires_s,
            user_agent=user_agent,
        )

    @property
    def protocol(self) -> str:
        """`udp`, `tcp` or `tls`: as configured, or as its records say."""
        if self.settings.protocol != AUTO:
            return self.settings.protocol
        return (self.answer.protocol if self.answer is not None else "") or "udp"

    @property
    def transport(self) -> str:
        return "" if self.protocol == "udp" else f";transport={self.protocol}"

    def uri(self, user: str = "") -> str:
        """URI of somebody behind it, or of itself."""
        port = self.settings.port if self.settings.port != SIP_PORT else None
        where = format_host(self.settings.host, port)
        return f"sip:{user}@{where}{self.transport}" if user else f"sip:{where}{self.transport}"

    def heard(self, event: ResponseArrived | TransactionFailed, now: float) -> None:
        """What came of a REGISTER of ours."""
        self._told(self, event, now)
