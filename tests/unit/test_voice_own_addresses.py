"""At boot the network may come after the daemon: it waits for its addresses and says so."""

from collections.abc import Iterable, Iterator

import pytest

from ccd.model.settings import MediaSettings, Settings, SipSettings, TransportSettings
from ccd.voice import own_addresses
from ccd.voice.own_addresses import hosts_of, missing, wait_for
from tests.unit.control_room import RULES

FOREIGN = "192.0.2.1"  # documentation (RFC 5737): no machine has it


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_addresses, "LOOK_S", 1e-9)
    monkeypatch.setattr(own_addresses, "WAIT_S", 10e-9)


def never() -> bool:
    return False


def looking(*answers: list[str]) -> Iterator[list[str]]:
    return iter(answers)


def test_which_addresses_are_not_there() -> None:
    hosts = ["127.0.0.1", "0.0.0.0", "::", FOREIGN, "2001:db8::1", "localhost", "no.such.name.invalid"]  # noqa: S104
    assert missing(hosts) == [FOREIGN, "2001:db8::1"]


def test_those_of_sip_and_of_the_audio_are_meant() -> None:
    transports = tuple(TransportSettings(protocol=each, host="192.0.2.7") for each in ("udp", "tcp"))
    settings = Settings(RULES, sip=SipSettings(transports=transports), media=MediaSettings(host="192.0.2.8"))
    assert hosts_of(settings) == ["192.0.2.7", "192.0.2.8"]


async def test_nothing_is_waited_for_where_all_are_there() -> None:
    told: list[str] = []
    assert await wait_for(["127.0.0.1"], told.append, never)
    assert told == []


async def test_an_address_that_comes_late_is_waited_for_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    told: list[str] = []
    answers = looking([FOREIGN], [FOREIGN], [])
    asked: list[list[str]] = []

    def look(hosts: Iterable[str]) -> list[str]:
        asked.append(list(hosts))
        return next(answers)

    assert await wait_for(["127.0.0.1", FOREIGN], told.append, never, look)
    assert told == [f"waiting for {FOREIGN}: no address of this machine yet"]
    assert asked == [["127.0.0.1", FOREIGN], [FOREIGN], [FOREIGN]]
    assert "all addresses are there" in capsys.readouterr().out


async def test_one_that_never_comes_is_waited_for_no_longer_than_the_unit_allows() -> None:
    asked: list[int] = []

    def look(_hosts: Iterable[str]) -> list[str]:
        asked.append(1)
        return [FOREIGN]

    assert not await wait_for([FOREIGN], lambda _words: None, never, look)
    assert len(asked) == 11


async def test_a_stop_ends_the_wait() -> None:
    asked: list[int] = []

    def look(_hosts: Iterable[str]) -> list[str]:
        asked.append(1)
        return [FOREIGN]

    assert not await wait_for([FOREIGN], lambda _words: None, lambda: len(asked) == 2, look)
    assert len(asked) == 2
