"""Names of hosts by the system: families, failures, and look-ups that hang."""

import socket
import threading
from typing import Any

import pytest

from ccd.errors import TryLater
from ccd.model.resolvers import resolver_of
from ccd.model.settings import SipSettings, TransportSettings
from ccd.voice import names as names_module
from ccd.voice.names import MOST_SYSTEM, SYSTEM_KEPT_S, SystemNames, families_of


class SystemTwin:
    """Stands for getaddrinfo."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hosts: dict[str, list[str]] = {}
        self.errors: dict[str, int] = {}
        self.answering = threading.Event()
        self.answering.set()
        self.asked: list[str] = []
        monkeypatch.setattr(socket, "getaddrinfo", self.look_up)

    def look_up(self, host: str, *_args: Any, **_more: Any) -> list[tuple[Any, ...]]:
        self.asked.append(host)
        self.answering.wait(10.0)
        if host not in self.hosts:
            raise socket.gaierror(self.errors.get(host, socket.EAI_NONAME), "no")
        return [(0, 0, 17, "", (address, 0)) for address in self.hosts[host]]


async def test_the_family_of_the_first_transport_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    system = SystemTwin(monkeypatch)
    system.hosts["pbx.test"] = ["2001:db8::1", "192.0.2.1", "192.0.2.1"]
    both = await SystemNames((), (4, 6)).addresses("pbx.test", of_dns=False)
    assert (both.addresses, both.ttl_s) == (("192.0.2.1", "2001:db8::1"), SYSTEM_KEPT_S)
    assert (await SystemNames((), (4,)).addresses("pbx.test", of_dns=False)).addresses == ("192.0.2.1",)


async def test_addresses_of_no_family_of_ours_are_told_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends there says better what is missing than that the name is unknown."""
    system = SystemTwin(monkeypatch)
    system.hosts["six.test"] = ["2001:db8::1"]
    assert (await SystemNames((), (4,)).addresses("six.test", of_dns=False)).addresses == ("2001:db8::1",)


async def test_no_such_name_is_an_answer_and_a_silent_dns_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    system = SystemTwin(monkeypatch)
    system.errors["away.test"] = socket.EAI_AGAIN
    asked = SystemNames((), (4,))
    assert (await asked.addresses("none.test", of_dns=False)).addresses == ()
    with pytest.raises(TryLater, match=r"does not answer for away\.test"):
        await asked.addresses("away.test", of_dns=False)


async def test_what_hangs_is_left_and_few_hang_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names_module, "SYSTEM_S", 0.01)
    system = SystemTwin(monkeypatch)
    system.answering.clear()
    asked = SystemNames((), (4,))
    for n in range(MOST_SYSTEM + 2):
        with pytest.raises(TryLater):
            await asked.addresses(f"h{n}.test", of_dns=False)
    with pytest.raises(TryLater):
        await asked.addresses("h0.test", of_dns=False)
    assert system.asked == [f"h{n}.test" for n in range(MOST_SYSTEM)]
    await asked.close()
    system.answering.set()
    monkeypatch.setattr(names_module, "SYSTEM_S", 5.0)
    system.hosts["h0.test"] = ["192.0.2.1"]
    assert (await asked.addresses("h0.test", of_dns=False)).addresses == ("192.0.2.1",)


def test_families_are_those_of_the_transports_in_their_order() -> None:
    hosts = ("2001:db8::1", "192.0.2.1", "192.0.2.2")
    sip = SipSettings(transports=tuple(TransportSettings(host=host) for host in hosts))
    assert families_of(sip) == (6, 4)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("192.0.2.53", ("192.0.2.53", 53)),
        ("127.0.0.1:5353", ("127.0.0.1", 5353)),
        ("2001:db8::53", ("2001:db8::53", 53)),
        ("[2001:db8::53]", ("2001:db8::53", 53)),
        ("[2001:db8::53]:5353", ("2001:db8::53", 5353)),
    ],
)
def test_a_dns_server_is_read(text: str, found: tuple[str, int]) -> None:
    assert resolver_of(text) == found


@pytest.mark.parametrize(
    "text", ["", "dns.test", "192.0.2.53:", "192.0.2.53:0", "192.0.2.53:70000", "[2001:db8::53]53", "1.2.3:x"]
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        resolver_of(text)
