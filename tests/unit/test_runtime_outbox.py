"""The outbox and the inbox: order, routing by leg, and what a broken channel costs."""

from collections.abc import Callable

import pytest

from ccd.channels.port import Post
from ccd.model.commands import AnyCommand, BridgeLegs, DialLeg, OfferCard, ReleaseLeg, RingLeg, SendText
from ccd.model.facts import AnyFact, LegEnded, LegRinging, TextReceived
from ccd.model.nouns import Cause, ChannelClass, LegKind
from ccd.runtime import outbox as outbox_module
from ccd.runtime.inbox import Inbox
from ccd.runtime.outbox import Outbox
from ccd.runtime.ports import Fault, describe


class FakeChannel:
    channel_class = ChannelClass.VOICE

    def __init__(self, name: str, breaks_at: type | None = None) -> None:
        self.name, self.breaks_at, self.got = name, breaks_at, list[AnyCommand]()

    async def start(self, post: Post) -> None:
        del post

    async def stop(self) -> None:
        return None

    def perform(self, command: AnyCommand) -> None:
        if self.breaks_at and isinstance(command, self.breaks_at):
            raise ZeroDivisionError("a bug")
        self.got.append(command)


class Scene:
    def __init__(self, *channels: FakeChannel) -> None:
        self.facts: list[AnyFact] = []
        self.soon: list[Callable[[], None]] = []
        self.faults: list[Fault] = []
        named = {channel.name: channel for channel in channels}
        self.outbox = Outbox(named, self.facts.append, self.soon.append, self.faults.append)

    def run(self) -> None:
        while self.soon:
            self.soon.pop(0)()


def test_each_command_goes_to_the_channel_of_its_leg_in_order() -> None:
    voice, web = FakeChannel("voice"), FakeChannel("web")
    scene = Scene(voice, web)
    bridge = BridgeLegs("voice:1", "voice:2")
    text = SendText("web:9", "m1", "hello: colon")
    scene.outbox.send([RingLeg("voice:1"), text, bridge, RingLeg("voice:3")])
    scene.run()
    assert voice.got == [RingLeg("voice:1"), bridge, RingLeg("voice:3")]
    assert web.got == [text]
    assert not scene.facts


def test_a_leg_of_no_channel_ends_with_a_fault() -> None:
    scene = Scene(FakeChannel("voice"))
    scene.outbox.send([DialLeg("sms:7", LegKind.TEXT, OfferCard("1")), RingLeg("nocolon")])
    scene.run()
    ends = [(fact.leg, fact.cause) for fact in scene.facts if isinstance(fact, LegEnded)]
    assert ends == [("sms:7", Cause.FAULT), ("nocolon", Cause.FAULT)]


def test_a_channel_that_raises_loses_that_leg_only_and_must_let_it_go() -> None:
    voice = FakeChannel("voice", breaks_at=RingLeg)
    scene = Scene(voice)
    scene.outbox.send([RingLeg("voice:1"), ReleaseLeg("voice:2", Cause.NORMAL)])
    scene.run()
    assert voice.got == [ReleaseLeg("voice:1", Cause.FAULT), ReleaseLeg("voice:2", Cause.NORMAL)]
    assert [fact.leg for fact in scene.facts if isinstance(fact, LegEnded)] == ["voice:1"]
    assert len(scene.faults) == 1 and "voice:1" in scene.faults[0].about


def test_a_release_that_raises_is_not_tried_again() -> None:
    scene = Scene(FakeChannel("voice", breaks_at=ReleaseLeg))
    scene.outbox.send([ReleaseLeg("voice:1", Cause.NORMAL)])
    scene.run()
    assert len(scene.facts) == 1 and len(scene.faults) == 1


def test_a_long_list_is_carried_out_in_slices_and_stays_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    voice = FakeChannel("voice")
    scene = Scene(voice)
    time = iter(range(10_000))
    monkeypatch.setattr(outbox_module, "monotonic", lambda: float(next(time)))
    scene.outbox.send([RingLeg(f"voice:{n}") for n in range(3)])
    assert len(voice.got) == 1 and len(scene.outbox) == 2
    scene.outbox.send([RingLeg("voice:3")])
    assert len(voice.got) == 1, "a later batch must not overtake"
    assert len(scene.soon) == 1, "one continuation, not one for each batch"
    scene.run()
    assert voice.got == [RingLeg(f"voice:{n}") for n in range(4)]


def test_the_inbox_wakes_its_reader_once() -> None:
    woken: list[int] = []
    now = iter((10.0, 11.0, 12.0, 13.0))
    inbox = Inbox(lambda: woken.append(1), lambda: next(now))
    inbox.post(LegRinging("voice:1"))
    inbox.post(LegRinging("voice:2"))
    assert len(woken) == 1 and len(inbox.waiting) == 2
    assert inbox.waiting.popleft() == (LegRinging("voice:1"), 10.0)
    assert not inbox.sleep(), "a fact still waits"
    inbox.post(LegRinging("voice:3"))
    assert len(woken) == 1
    assert [at for _, at in inbox.waiting] == [11.0, 12.0]
    inbox.waiting.clear()
    assert inbox.sleep()
    inbox.post(LegRinging("voice:4"))
    assert len(woken) == 2 and inbox.posted == 4


def test_a_closed_inbox_counts_what_still_comes_and_takes_none_of_it() -> None:
    woken: list[int] = []
    inbox = Inbox(lambda: woken.append(1))
    inbox.closed = True
    inbox.post(LegRinging("voice:1"))
    assert (inbox.lost, inbox.posted, len(inbox.waiting), woken) == (1, 0, 0, [])


def test_what_is_logged_of_a_fact_is_its_ids_and_not_what_was_written() -> None:
    said = describe(TextReceived("web:3", "my password is hunter2", "m7"))
    assert said == "TextReceived leg=web:3 message=m7"
