"""The media engine's ports before their leg is opened (leased) and after it closed (resting), and legs that
have no audio yet, of which the worker is not told.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from ccd.model.settings import MediaSettings
from ccd.voice import media_engine
from ccd.voice.engine import (
    AnyMediaCommand,
    AnyMediaFact,
    CloseLeg,
    Join,
    LegFailed,
    Music,
    OpenLeg,
    Record,
    SetStream,
    Stream,
)
from ccd.voice.media_engine import LEASE_S, REST_S, EmbeddedEngine
from tests.unit.voice_twins import HandClock

HEARD = Stream("PCMU", 0)


class Link:
    """A worker that does nothing."""

    def __init__(self, index: int, ports: range) -> None:
        self.index = index
        self.free = deque(ports)
        self.legs: set[str] = set()
        self.sent: list[Any] = []
        self.report: dict[str, Any] = {}
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

    def give(self, *commands: AnyMediaCommand) -> None:
        for command in commands:
            self.engine.perform(command)


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
    site.engine.perform(SetStream("voice:c", HEARD))
    assert site.links[1].sent == [OpenLeg("voice:c", other, HEARD)]
    for task in site.engine._tasks:
        task.cancel()


async def test_a_port_rests_after_its_leg(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(monkeypatch)
    port = site.take()
    site.give(OpenLeg("voice:a", port, HEARD), CloseLeg("voice:a"))
    free = list(site.links[0].free)
    site.clock.time += REST_S - 0.001
    site.engine.report()
    assert list(site.links[0].free) == free
    site.clock.time += 0.001
    site.engine.report()
    assert list(site.links[0].free) == [*free, port]
    site.give(CloseLeg("voice:a"))
    site.clock.time += REST_S
    site.engine.report()
    assert list(site.links[0].free) == [*free, port], "once"


async def test_the_only_port_left_is_taken_when_it_has_rested(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(monkeypatch)
    site.engine._links.pop()
    ports = [site.take() for _ in range(4)]
    site.give(OpenLeg("voice:a", ports[0], HEARD), CloseLeg("voice:a"))
    assert site.engine.take_port() is None
    site.clock.time += REST_S
    assert site.take() == ports[0]


async def test_what_rests_of_a_dead_worker_does_not_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site(monkeypatch)
    site.give(OpenLeg("voice:a", site.take(), HEARD), CloseLeg("voice:a"))
    site.give(OpenLeg("voice:b", site.take()))
    free = list(site.links[0].free)
    site.engine._on_end(site.links[0], "killed")  # type: ignore[arg-type]
    site.clock.time += REST_S
    assert site.engine.report()["legs"] == 0
    assert list(site.links[0].free) == free
    assert [(type(fact), fact.leg) for fact in site.facts] == [(LegFailed, "voice:b")]
    site.give(SetStream("voice:b", HEARD))
    assert [type(command) for command in site.links[0].sent] == [OpenLeg, CloseLeg]
    for task in site.engine._tasks:
        task.cancel()


async def test_the_worker_hears_of_a_leg_with_its_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """One command in place of two; and of a phone that is never answered none at all."""
    site = Site(monkeypatch)
    customer = site.take()
    site.give(OpenLeg("voice:a", customer, HEARD))
    answered, left = site.take("voice:a"), site.take("voice:a")
    site.give(OpenLeg("voice:b", answered), OpenLeg("voice:c", left))
    assert site.links[0].sent == [OpenLeg("voice:a", customer, HEARD)]
    assert site.engine.report()["legs"] == 3 and len(site.links[0].legs) == 3
    near = site.take("voice:c")
    assert near < 5000, "on the worker of a leg that waits for its audio, too"
    site.links[0].sent.clear()
    site.give(SetStream("voice:b", HEARD), CloseLeg("voice:c", told=False), CloseLeg("voice:b", told=False))
    assert site.links[0].sent == [OpenLeg("voice:b", answered, HEARD), CloseLeg("voice:b", told=False)]
    site.clock.time += REST_S
    site.engine.report()
    assert list(site.links[0].free) == [left, answered], "it rests all the same: our SDP was out"


@pytest.mark.parametrize(
    "command",
    [
        Music("voice:b", "default"),
        Join("voice:a", "voice:b"),
        Join("voice:b", "voice:a"),
        Record("r", "voice:b", "", "/r"),
        Record("r", "voice:a", "voice:b", "/r"),
        CloseLeg("voice:b", told=True),
    ],
)
async def test_the_worker_hears_of_a_leg_before_what_is_to_be_done_with_it(
    monkeypatch: pytest.MonkeyPatch, command: AnyMediaCommand
) -> None:
    site = Site(monkeypatch)
    site.give(OpenLeg("voice:a", site.take(), HEARD))
    opening = OpenLeg("voice:b", site.take("voice:a"))
    site.give(opening)
    site.links[0].sent.clear()
    site.give(command)
    assert site.links[0].sent == [opening, command]
    site.give(SetStream("voice:b", HEARD))
    gone = isinstance(command, CloseLeg)
    assert site.links[0].sent[2:] == ([] if gone else [SetStream("voice:b", HEARD)])


async def test_the_worker_forgets_a_leg_that_it_could_not_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have it still: its port would be in use for ever."""
    site = Site(monkeypatch)
    port = site.take()
    site.give(OpenLeg("voice:a", port, HEARD))
    failed = LegFailed("voice:a", "its audio cannot be encrypted")
    site.engine._on_fact(site.links[0], failed)  # type: ignore[arg-type]
    site.give(CloseLeg("voice:a", told=False))
    assert site.links[0].sent[1:] == [CloseLeg("voice:a", told=False)] and site.facts == [failed]
    site.clock.time += REST_S
    site.engine.report()
    assert port in site.links[0].free and not site.links[0].legs
