"""Every channel passes the contract suite: the fake one of the tests, and the web chat."""

import pytest

from ccd.channels.links import digest
from ccd.channels.port import Channel, Drains, ResumesLegs
from ccd.model.facts import AnyFact, LegEnded
from ccd.model.nouns import Cause, ChannelClass
from ccd.testing.contract import DrainContract, LinkContract, Opener, Outside, TextContract, Writer
from ccd.testing.fake_channel import FakeChannel
from tests.loopback.webchat_visitor import WebOutside


class FakeOutside:
    """The outside of a fake channel is the test itself."""

    def __init__(self, channel: FakeChannel) -> None:
        self.channel: Channel = channel
        self.facts: list[AnyFact] = []
        self._fake = channel

    async def arrive(self) -> str:
        return self._fake.arrive()

    async def open_link(self, token: str) -> str:
        return self._fake.arrive(continues=digest(token))

    async def leave(self, leg: str) -> None:
        one = self._fake.legs.get(leg)
        if one is not None:
            self._fake.end(leg, Cause.NORMAL if one.state == "answered" else Cause.CANCELLED)

    async def write(self, leg: str, text: str, message: str) -> None:
        self._fake.text(leg, text, message)

    def acknowledged(self, leg: str) -> list[str]:
        return [message for of, message in self._fake.acknowledged if of == leg]

    def read(self, leg: str) -> list[str]:
        return [text for of, text in self._fake.sent if of == leg]

    async def babble(self) -> None:
        with pytest.raises(Exception, match="no live leg"):
            self._fake.digit("fake:nobody", "1")

    async def settle(self) -> None:
        """Nothing is ever under way."""

    async def close(self) -> None:
        await self.channel.stop()


async def fake_outside(channel_class: ChannelClass) -> FakeOutside:
    outside = FakeOutside(FakeChannel("fake", channel_class))
    await outside.channel.start(outside.facts.append)
    return outside


class TestFakeVoice(DrainContract):
    async def open(self) -> Outside:
        return await fake_outside(ChannelClass.VOICE)


class TestFakeText(TextContract, DrainContract):
    async def open(self) -> Writer:
        return await fake_outside(ChannelClass.LIVE_TEXT)


def test_the_fake_channel_has_its_abilities() -> None:
    channel = FakeChannel()
    assert isinstance(channel, Drains) and isinstance(channel, ResumesLegs)


class TwiceEnding(FakeChannel):
    """A wrong channel: the suite must find it."""

    def end(self, leg: str, cause: Cause = Cause.NORMAL) -> None:
        super().end(leg, cause)
        self._tell(LegEnded(leg, cause))


async def test_the_suite_finds_a_channel_that_ends_a_leg_twice() -> None:
    outside = FakeOutside(TwiceEnding())
    await outside.channel.start(outside.facts.append)
    with pytest.raises(ValueError, match="too many values"):
        await TestFakeVoice().test_a_party_who_leaves_ends_the_leg_once(outside, answered=False)


class TestWebchat(TextContract, DrainContract):
    async def open(self) -> Writer:
        return await WebOutside.begin()


class TestFakeLinks(LinkContract):
    async def open(self) -> Opener:
        return await fake_outside(ChannelClass.LIVE_TEXT)


class TestWebchatLinks(LinkContract):
    async def open(self) -> Opener:
        return await WebOutside.begin()
