"""The transport of a carrier where nobody says: NAPTR, SRV, and UDP (RFC 3263 §4.1)."""

import msgspec
import pytest

from ccd.ids import SeededChance
from ccd.voice.locating import AGAIN_S, Answer, Naptr, Question, Srv
from ccd.voice.pointing import AUTO, find
from tests.unit.names_twin import NamesTwin

CARRIER = Question("carrier.test", AUTO)
TLS_NAME, TCP_NAME = "_sips._tcp.pop.test", "_sip._tcp.pop.test"


def pointer(order: int, preference: int, service: str, replacement: str, flags: str = "s") -> Naptr:
    return Naptr(order, preference, flags, service, replacement)


def names() -> NamesTwin:
    """The example of RFC 3263 §4.1, at a host of its own: TLS is preferred to TCP, and UDP is not there."""
    made = NamesTwin()
    made.pointing["carrier.test"] = (
        pointer(90, 50, "SIP+D2T", TCP_NAME),
        pointer(50, 50, "SIPS+D2T", TLS_NAME),
        pointer(10, 10, "E2U+sip", "", "u"),
        pointer(10, 10, "SIP+D2S", "_sip._sctp.pop.test"),
    )
    made.records[TLS_NAME] = (Srv(1, 1, 5071, "a.pop.test"),)
    made.records[TCP_NAME] = (Srv(1, 1, 5070, "a.pop.test"),)
    made.hosts = {"a.pop.test": ("192.0.2.1",), "carrier.test": ("192.0.2.9",), "pbx": ("192.0.2.8",)}
    return made


async def found(
    question: Question = CARRIER, dns: NamesTwin | None = None, former: Answer | None = None
) -> tuple[str, list[tuple[str, int]], str]:
    answer = await find(question, dns or names(), SeededChance(), former)
    return answer.protocol, [(place.address, place.port) for place in answer.places], answer.by


async def test_the_best_that_we_can_use() -> None:
    assert await found() == ("tls", [("192.0.2.1", 5071)], f"NAPTR, SRV {TLS_NAME}")


async def test_the_next_where_the_best_has_no_servers() -> None:
    dns = names()
    del dns.records[TLS_NAME]
    assert (await found(dns=dns))[:2] == ("tcp", [("192.0.2.1", 5070)])


@pytest.mark.parametrize(
    ("service", "protocol"),
    [("_sip._udp", "udp"), ("_sip._tcp", "tcp"), ("_sips._tcp", "tls")],
)
@pytest.mark.parametrize("odd", [False, True])
async def test_without_any_the_transport_that_has_servers(service: str, protocol: str, odd: bool) -> None:
    dns = names()
    dns.pointing["carrier.test"] = (pointer(1, 1, "SIP+D2U", "", "s"), pointer(1, 1, "?", "x")) if odd else ()
    dns.records[f"{service}.carrier.test"] = (Srv(1, 1, 5099, "a.pop.test"),)
    by = f"SRV {service}.carrier.test"
    assert await found(dns=dns) == (protocol, [("192.0.2.1", 5099)], by)


async def test_without_any_records_at_all_udp() -> None:
    dns = names()
    dns.pointing.clear()
    assert (await found(dns=dns))[:2] == ("udp", [("192.0.2.9", 5060)])


@pytest.mark.parametrize(
    ("question", "place"),
    [
        (Question("carrier.test", AUTO, 5080), ("192.0.2.9", 5080)),
        (Question("pbx", AUTO), ("192.0.2.8", 5060)),
        (Question("192.0.2.7", AUTO), ("192.0.2.7", 5060)),
    ],
)
async def test_a_port_an_address_and_a_name_of_this_network_are_udp(
    question: Question, place: tuple[str, int]
) -> None:
    dns = names()
    assert (await found(question, dns))[:2] == ("udp", [place])
    assert not any(asked.startswith("_") for asked in dns.asked)


async def test_what_was_found_is_kept_and_only_its_servers_are_asked_for_again() -> None:
    dns = names()
    first = await find(CARRIER, dns, SeededChance())
    dns.pointing.clear()
    dns.records[TLS_NAME] = (Srv(1, 1, 5072, "a.pop.test"),)
    dns.asked.clear()
    assert (await found(dns=dns, former=first))[:2] == ("tls", [("192.0.2.1", 5072)])
    assert dns.asked == [TLS_NAME, "a.pop.test"]


async def test_a_silent_dns_decides_nothing() -> None:
    dns = names()
    dns.failing = {"carrier.test", "_sip._udp.carrier.test"}
    answer = await find(CARRIER, dns, SeededChance())
    assert (answer.protocol, answer.places, answer.keep_s) == ("", (), AGAIN_S)


async def test_who_says_the_transport_asks_for_no_pointers() -> None:
    dns = names()
    answer = await find(msgspec.structs.replace(CARRIER, protocol="udp"), dns, SeededChance())
    assert (answer.protocol, dns.asked[0]) == ("", "_sip._udp.carrier.test")
