"""The address that peers are told follows that of the machine, and outlives a network gone for a while."""

import pytest

from ccd.sip.events import Flow
from ccd.voice.advertising import KEPT_S, MOST_KEPT, Advertised
from tests.unit.voice_twins import HandClock

PEER = Flow("UDP", "192.0.2.9", 5060, "0.0.0.0:5060")
OTHER = Flow("UDP", "198.51.100.9", 5060, "0.0.0.0:5060")
LINE = Flow("TCP", "192.0.2.9", 40000, "tcp-1")


class Scene:
    """A machine whose address is what the test says."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.host = "192.0.2.1"
        self.looked = 0
        self.moved: list[str] = []
        self.advertised = Advertised(self.clock, self.find)
        self.advertised.moved = self.moved.append

    def find(self, _flow: Flow) -> tuple[str, int]:
        self.looked += 1
        return self.host, 5060


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_it_is_looked_up_once_in_a_while(scene: Scene) -> None:
    for _ in range(100):
        assert scene.advertised.of(PEER) == ("192.0.2.1", 5060)
    scene.clock.time += KEPT_S - 0.001
    scene.advertised.of(PEER)
    assert scene.looked == 1
    scene.clock.time += 0.001
    scene.advertised.of(PEER)
    assert scene.looked == 2 and scene.moved == []


def test_another_address_is_told_from_then_on(scene: Scene) -> None:
    scene.advertised.of(PEER)
    scene.advertised.of(OTHER)
    scene.host = "192.0.2.7"
    scene.clock.time += KEPT_S
    assert scene.advertised.of(PEER) == ("192.0.2.7", 5060)
    assert scene.moved == ["192.0.2.9"]
    scene.advertised.of(PEER)
    assert scene.moved == ["192.0.2.9"], "once"


def test_while_the_network_is_gone_the_former_one_stays(scene: Scene) -> None:
    scene.advertised.of(PEER)
    scene.host = ""
    scene.clock.time += KEPT_S
    assert scene.advertised.of(PEER) == ("192.0.2.1", 5060)
    scene.host = "192.0.2.1"
    assert scene.advertised.of(PEER) == ("192.0.2.1", 5060)
    assert scene.moved == []


def test_without_a_network_from_the_beginning_it_is_loopback_until_there_is_one(scene: Scene) -> None:
    scene.host = ""
    assert scene.advertised.of(PEER) == ("127.0.0.1", 5060)
    assert scene.advertised.of(Flow("UDP", "2001:db8::9", 5060, "[::]:5060")) == ("::1", 5060)
    scene.host = "192.0.2.1"
    assert scene.advertised.of(PEER) == ("192.0.2.1", 5060)
    assert scene.moved == []


def test_a_connection_that_is_gone_is_forgotten_and_many_peers_are_bounded(scene: Scene) -> None:
    scene.advertised.of(LINE)
    scene.advertised.forget(LINE)
    scene.host = "192.0.2.7"
    assert scene.advertised.of(LINE) == ("192.0.2.7", 5060)
    for number in range(2 * MOST_KEPT):
        scene.advertised.of(Flow("UDP", f"10.0.{number >> 8}.{number & 255}", 5060, "0.0.0.0:5060"))
    assert len(scene.advertised._known) <= MOST_KEPT
