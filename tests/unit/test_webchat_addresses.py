"""Whose connection it is: behind proxies, with IPv6, and whatever somebody writes into the header."""

import pytest
from ccd_webchat.addresses import IPV6_PREFIX, MOST_HOPS, client, networks
from ccd_webchat.settings import WebchatSettings
from hypothesis import given
from hypothesis import strategies as st

PROXIES = networks(["127.0.0.1", "10.0.0.0/8", "fd00::/8"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "key"),
    [
        ("198.51.100.7", [], "198.51.100.7"),
        ("198.51.100.7", ["203.0.113.9"], "198.51.100.7"),  # anybody can write the header
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["1.2.3.4, 203.0.113.9"], "203.0.113.9"),  # the visitor wrote the first
        ("127.0.0.1", ["1.2.3.4", "203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["203.0.113.9, 10.1.2.3"], "203.0.113.9"),  # two proxies
        ("127.0.0.1", ["10.1.2.3"], "10.1.2.3"),
        ("127.0.0.1", ["203.0.113.9:4711"], "203.0.113.9"),
        ("127.0.0.1", ['"[2001:db8:1:2:3::4]:4711"'], "2001:db8:1:2::/64"),
        ("127.0.0.1", ["1.2.3.4, unknown"], "127.0.0.1"),
        ("127.0.0.1", [""], "127.0.0.1"),
        ("::ffff:198.51.100.7", [], "198.51.100.7"),
        ("fd00::1", ["2001:db8:1:2:3::4"], "2001:db8:1:2::/64"),
        ("fe80::1%eth0", [], "fe80::/64"),
        ("", ["203.0.113.9"], ""),
        ("nobody", [], ""),
    ],
)
def test_the_visitors_address(peer: str, forwarded: list[str], key: str) -> None:
    assert client(peer, forwarded, PROXIES) == key


def test_one_who_has_a_network_of_ipv6_is_one() -> None:
    assert IPV6_PREFIX == 64
    keys = {client(f"2001:db8:1:2:{number:x}::1", [], ()) for number in range(50)}
    assert keys == {"2001:db8:1:2::/64"} and client("2001:db8:1:3::1", [], ()) not in keys


def test_only_the_end_of_a_long_header_is_read() -> None:
    assert client("127.0.0.1", ["203.0.113.9" + ", 10.0.0.1" * MOST_HOPS], PROXIES) == "10.0.0.1"


@given(st.text(max_size=60), st.lists(st.text(max_size=120), max_size=4), st.ip_addresses())
def test_nothing_that_is_written_there_does_harm(peer: str, forwarded: list[str], real: object) -> None:
    assert isinstance(client(peer, forwarded, PROXIES), str)
    stranger = client(str(real), [], ())
    if client(str(real), ["203.0.113.9"], PROXIES) != "203.0.113.9":
        assert client(str(real), forwarded, PROXIES) == stranger, "a stranger's header changes nothing"


@pytest.mark.parametrize("wrong", ["proxy.example.com", "10.0.0.1/8", "127.0.0.1:80", ""])
def test_what_is_no_network_is_a_fault_of_the_configuration(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"trusted_proxies: .* write for example"):
        WebchatSettings(trusted_proxies=("127.0.0.1", wrong))
