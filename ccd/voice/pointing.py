"""By which transport a carrier is reached where nobody says (`protocol = "auto"`): RFC 3263 §4.1.

Its NAPTR records say that, in their order, and which SRV records name the servers; without any the SRV
records of UDP, TCP and TLS are looked for in this order. An address, a host with a port, and a name of this
network is reached by UDP. What was found once is kept until the trunk is configured anew: only the servers
may change meanwhile, for a trunk does not change its transport because a zone does.
"""

from typing import Final

from msgspec import structs

from ccd.errors import TryLater
from ccd.ids import Chance
from ccd.voice.locating import Answer, Names, Naptr, Question, locate

AUTO: Final = "auto"
_PROTOCOLS: Final = {"SIPS+D2T": "tls", "SIP+D2T": "tcp", "SIP+D2U": "udp"}
"""Of the services that we can use."""
MOST_POINTERS: Final = 8


async def find(question: Question, names: Names, chance: Chance, former: Answer | None = None) -> Answer:
    """As `locate`, which it leaves to say who the servers are."""
    if question.protocol != AUTO:
        return await locate(question, names, chance, former)
    if not structs.replace(question, protocol="udp").service or question.address:
        return await _by("udp", question, names, chance, former)
    if former is not None and former.protocol:
        return await _by(former.protocol, question, names, chance, former, former.named)
    try:
        for each in usable(await names.pointers(question.host)):
            if await _has_servers(each.replacement, names):
                protocol = _PROTOCOLS[each.service]
                return await _by(protocol, question, names, chance, former, each.replacement)
        protocol = await _with_servers(question, names)
    except TryLater:  # no DNS here, perhaps a file of hosts; asked again, so nothing is kept
        return await locate(structs.replace(question, protocol="udp"), names, chance, former)
    return await _by(protocol, question, names, chance, former)


def usable(pointers: tuple[Naptr, ...]) -> list[Naptr]:
    """Those that point to SRV records of a transport of ours, the best first."""
    found = [
        structs.replace(each, service=each.service.upper())
        for each in pointers
        if each.service.upper() in _PROTOCOLS and each.flags.lower() == "s" and each.replacement
    ]
    return sorted(found, key=lambda each: (each.order, each.preference))[:MOST_POINTERS]


async def _with_servers(question: Question, names: Names) -> str:
    """The first transport that has SRV records; UDP, if none has."""
    for protocol in ("udp", "tcp", "tls"):
        if await _has_servers(structs.replace(question, protocol=protocol).service, names):
            return protocol
    return "udp"


async def _has_servers(service: str, names: Names) -> bool:
    records, _ = await names.services(service)
    return any(each.host for each in records)


async def _by(
    protocol: str, question: Question, names: Names, chance: Chance, former: Answer | None, named: str = ""
) -> Answer:
    """The servers of this transport; the answer says which it is."""
    asked = structs.replace(question, protocol=protocol, named=named)
    answer = await locate(asked, names, chance, former)
    by = f"NAPTR, {answer.by}" if named and answer.by else answer.by
    return structs.replace(answer, protocol=protocol, named=named, by=by)
