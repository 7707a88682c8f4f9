"""Where a trunk's SIP servers are: RFC 3263 §4.1 and §4.2, with the order of RFC 2782.

A host with a port, or an address, is what it says. A name without port is a service first: its SRV records
name the servers with priority and weight; where there are none, the name itself is the server, on port 5060
(5061 with TLS).
The configuration says the protocol; where it does not, `pointing` finds it. Who asks the DNS is the port
`Names`.
"""

import asyncio
from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from typing import Protocol

import msgspec

from ccd.errors import TryLater
from ccd.ids import Chance

SIP_PORT, SIPS_PORT = 5060, 5061
LEAST_KEPT_S = 30.0
"""No answer is asked for again sooner, whatever its time to live: a carrier's 0 must not make a storm."""
MOST_KEPT_S = 3600.0
AGAIN_S = 30.0
"""After an answer that failed, or was that there is nothing."""
MOST_RECORDS = 16
MOST_ADDRESSES = 4
MOST_PLACES = 12


class Srv(msgspec.Struct, frozen=True):
    """One SRV record (RFC 2782)."""

    priority: int
    weight: int
    port: int
    host: str
    """The server's name, without the dot at its end; empty: the service is not offered."""


class Naptr(msgspec.Struct, frozen=True):
    """One NAPTR record (RFC 3403 §4.1), as far as SIP uses it."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str
    """The name to ask next, without the dot at its end."""


class Found(msgspec.Struct, frozen=True):
    """Addresses of one name, and for how long they are good."""

    addresses: tuple[str, ...]
    ttl_s: float


class Names(Protocol):
    """Who knows the DNS. All raise `TryLater` where it does not answer; nothing there is no error."""

    async def services(self, name: str) -> tuple[tuple[Srv, ...], float]:
        """SRV records of `_sip._udp.NAME` in any order, and their time to live in seconds."""
        ...

    async def pointers(self, name: str) -> tuple[Naptr, ...]:
        """NAPTR records of a name in any order."""
        ...

    async def addresses(self, host: str, *, of_dns: bool) -> Found:
        """Addresses of a host, of the families that we can send to. `of_dns`: as the DNS has them, not
        as this machine's own files say."""
        ...

    async def close(self) -> None:
        """Leave what is under way."""
        ...


class Question(msgspec.Struct, frozen=True):
    """What is to be found."""

    host: str
    protocol: str
    port: int | None = None
    """Given: no SRV is asked."""
    named: str = ""
    """The name to ask SRV of, where a NAPTR record gave one."""

    @property
    def address(self) -> str:
        """The host, if it is an address already; else empty."""
        try:
            return str(ip_address(self.host.strip("[]")))
        except ValueError:
            return ""

    @property
    def service(self) -> str:
        """The name to ask SRV of; empty: none is asked. A name without a dot is one of this network."""
        if self.named:
            return self.named
        plain = self.host.rstrip(".")
        if self.port is not None or "." not in plain:
            return ""
        return f"_sips._tcp.{plain}" if self.protocol == "tls" else f"_sip._{self.protocol}.{plain}"

    @property
    def own_port(self) -> int:
        """The port where no SRV names one (RFC 3261 §19.1.2)."""
        return self.port or (SIPS_PORT if self.protocol == "tls" else SIP_PORT)


class Place(msgspec.Struct, frozen=True):
    """One address to send to."""

    address: str
    port: int
    host: str
    """Whose address it is: the SRV target, or the trunk's host."""
    priority: int = 0
    weight: int = 0

    def __str__(self) -> str:
        where = f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"
        return where if self.host == self.address else f"{self.host} ({where})"


class Answer(msgspec.Struct, frozen=True):
    """Where it is."""

    places: tuple[Place, ...]
    """In the order in which they are to be tried."""
    keep_s: float
    """Ask again after so long."""
    by: str = ""
    """How they were found, for people."""
    problem: str = ""
    """Why there are none, or what is wrong with those there are."""
    protocol: str = ""
    """By which transport, where the question left that open (`pointing`)."""
    named: str = ""
    """The name that SRV was asked of, where a NAPTR record gave it."""


def at_address(question: Question) -> Answer | None:
    """The answer where nobody needs to be asked: the host is an address."""
    address = question.address
    if not address:
        return None
    place = Place(address, question.own_port, address)
    return Answer((place,), MOST_KEPT_S, "address")


async def locate(question: Question, names: Names, chance: Chance, former: Answer | None = None) -> Answer:
    """Ask and put in order. `former`: the last good answer, whose addresses stand in for a server whose own
    cannot be had now. Never raises for what the DNS does: then the answer has no places, and says why."""
    at_once = at_address(question)
    if at_once is not None:
        return at_once
    unasked = ""
    if question.service:
        try:
            records, ttl_s = await names.services(question.service)
        except TryLater as fault:
            if former is not None and former.by != _PLAIN:
                return Answer((), AGAIN_S, problem=fault.message)
            unasked = fault.message  # no DNS here, perhaps a file of hosts: better than no trunk
        else:
            if records:
                return await _by_records(question, records, ttl_s, names, chance, former)
    return await _plain(question, names, unasked)


_PLAIN = "address of the name"


async def _plain(question: Question, names: Names, unasked: str) -> Answer:
    host, port = question.host, question.own_port
    try:
        found = await names.addresses(host, of_dns=False)
    except TryLater as fault:
        return Answer((), AGAIN_S, problem=fault.message)
    if not found.addresses:
        return Answer((), AGAIN_S, problem=unasked or f"the name {host} cannot be resolved")
    places = tuple(Place(address, port, host) for address in found.addresses[:MOST_ADDRESSES])
    keep_s = AGAIN_S if unasked else bounded(found.ttl_s)
    return Answer(places, keep_s, _PLAIN, f"SRV is not known: {unasked}" if unasked else "")


async def _by_records(
    question: Question,
    records: Sequence[Srv],
    ttl_s: float,
    names: Names,
    chance: Chance,
    former: Answer | None,
) -> Answer:
    """RFC 2782: one record with "." as its target says that the service is not to be had at all."""
    offered = [each for each in records if each.host]
    if not offered:
        problem = (
            f"{question.host} offers no SIP over {question.protocol.upper()} ({question.service} is “.”)"
        )
        return Answer((), bounded(ttl_s), problem=problem)
    in_order = ordered(offered, chance)[:MOST_RECORDS]
    every = await asyncio.gather(*(_addresses(each.host, names) for each in in_order))
    places: list[Place] = []
    missing: list[str] = []
    keep_s = ttl_s
    for record, found in zip(in_order, every, strict=True):
        addresses = found.addresses if found is not None else _formerly(record.host, former)
        keep_s = min(keep_s, found.ttl_s if found is not None and addresses else AGAIN_S)
        if not addresses:
            missing.append(record.host)
        places += [
            Place(address, record.port, record.host, record.priority, record.weight) for address in addresses
        ]
    problem = f"no address of {', '.join(dict.fromkeys(missing))}" if missing else ""
    return Answer(
        tuple(dict.fromkeys(places))[:MOST_PLACES], bounded(keep_s), f"SRV {question.service}", problem
    )


async def _addresses(host: str, names: Names) -> Found | None:
    """None: the DNS does not answer."""
    try:
        address = str(ip_address(host))
    except ValueError:
        pass
    else:
        return Found((address,), MOST_KEPT_S)  # forbidden by RFC 2782, and done
    try:
        found = await names.addresses(host, of_dns=True)
    except TryLater:
        return None
    return Found(found.addresses[:MOST_ADDRESSES], found.ttl_s)


def _formerly(host: str, former: Answer | None) -> tuple[str, ...]:
    places = former.places if former is not None else ()
    return tuple(dict.fromkeys(place.address for place in places if place.host == host))


def bounded(ttl_s: float) -> float:
    """How long an answer is kept."""
    return min(max(ttl_s, LEAST_KEPT_S), MOST_KEPT_S)


def ordered(records: Iterable[Srv], chance: Chance) -> list[Srv]:
    """By priority, and within one by chance in the proportion of the weights (RFC 2782, “Weight”)."""
    by_priority: dict[int, list[Srv]] = {}
    for record in records:
        by_priority.setdefault(record.priority, []).append(record)
    return [each for priority in sorted(by_priority) for each in _drawn(by_priority[priority], chance)]


def _drawn(records: list[Srv], chance: Chance) -> list[Srv]:
    """Those of weight 0 stand first, so that they have a small chance and not none."""
    left = sorted(records, key=lambda each: (each.weight > 0, each.host, each.port))
    out: list[Srv] = []
    while left:
        drawn = chance.below(sum(each.weight for each in left) + 1)
        at, passed = 0, left[0].weight
        while passed < drawn:
            at += 1
            passed += left[at].weight
        out.append(left.pop(at))
    return out
