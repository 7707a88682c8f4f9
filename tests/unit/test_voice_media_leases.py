"""The media engine's ports between the SDP that names them and the leg that is opened: leased for a while."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from ccd.model.settings import MediaSettings
from ccd.voice import media_engine
from ccd.voice.engine import AnyMediaFact, LegFailed, OpenLeg
from ccd.voice.media_engine import LEASE_S, EmbeddedEngine
from tests.unit.voice_twins import HandClock


class Link:
    """A worker that does nothing."""

    def __init__(self, index: int, ports: range) -> None:
        self.index = index
        self.free = deque(ports)
        self.legs: set[str] = set()
        self.sent: list[Any] = []
        self.send: Callable[[Any], None] = self.sent.append
        self.total, self.asked, self.exhausted, self.scarce, self.pid = len(ports), 0, True, False, 0

    def reap(self, _patience_s: float) -> None:
        pass


class Site:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = HandClock()
        monkeypatch.setattr(media_engine, "monotonic", self.clock.now)
        self.engine = EmbeddedEngine(MediaSettings(host="127.0.0.1"))
        self.links = [Link(0, range(4000, 4008, 2)), Link(1, range(5000, 5008, 2))]
        self.engine._links = list[Any](self.links)
        self.facts: list[AnyMediaFact] = []
        self.engine._hear = self.facts.append

    def take(self, near: str = "") -> int:
        taken = self.engine.take_port(near)
        assert taken is not None
        return taken[1]


async def test_a_port_that_is_never_opened_comes_back_and_one_that_is_open_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = Site(monkeypatch)
    first, second = site.take(), site.take()
    site.engine.perform(OpenLeg("voice:a", second))
    site.clock.time += LEASE_S
    third = site.take("voice:a")
    assert (first, second, third) == (4000, 4002, 4004)
    assert list(site.links[0].free) == [4006, 4000]
    site.clock.time += LEASE_S
    site.take("voice:a")
    assert list(site.links[0].free) == [4000, 4004]
    site.engine.perform(OpenLeg("voice:late", third))
    await asyncio.sleep(0)
    assert [type(fact) for fact in site.facts] == [LegFailed] and site.links[0].legs == {"voice:a"}


async def test_what_was_leased_of_a_dead_worker_is_not_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(monkeypatch)
    site.engine.perform(OpenLeg("voice:a", site.take()))
    mine, other = site.take("voice:a"), site.take()
    site.engine._on_end(site.links[0], "killed")  # type: ignore[arg-type]
    site.engine.perform(OpenLeg("voice:b", mine))
    site.engine.perform(OpenLeg("voice:c", other))
    await asyncio.sleep(0)
    assert [(type(fact), fact.leg) for fact in site.facts] == [(LegFailed, "voice:a"), (LegFailed, "voice:b")]
    assert site.links[1].sent == [OpenLeg("voice:c", other)]
    for task in site.engine._tasks:
        task.cancel()
