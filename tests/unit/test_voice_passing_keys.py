"""A key that comes by INFO and in the audio reaches the far end once, whichever is first."""

from collections.abc import AsyncIterator

import pytest

from ccd.model import commands as cmd
from ccd.model import facts
from ccd.voice import engine
from ccd.voice.passing_keys import MOST_WAITING
from tests.unit.voice_scene import SDP, Scene, tag_of

NO_EVENTS = SDP.replace(" 101", "").partition("a=rtpmap")[0]
AGAIN = NO_EVENTS.replace("o=- 7 1 ", "o=- 7 2 ")


class Talk:
    """Two callers joined; `keys` are those that the second one is given by us."""

    def __init__(self, scene: Scene, *, peer: str = SDP) -> None:
        self.scene = scene
        self.number = 1
        self.legs, self.tags = [], []
        for name, body in (("one", SDP), ("two", peer)):
            scene.request("INVITE", 1, (), body, call=name)
            leg = scene.facts()[-1].leg
            scene.channel.perform(cmd.AnswerLeg(leg))
            ok = scene.take()[-1]
            scene.request("ACK", 1, (), "", tag_of(ok), call=name)
            self.legs.append(leg)
            self.tags.append(tag_of(ok))
        scene.channel.perform(cmd.BridgeLegs(*self.legs))
        scene.facts()

    def info(self, key: str) -> None:
        self.number += 1
        self.scene.request(
            "INFO",
            self.number,
            (),
            f"Signal={key}\r\n",
            self.tags[0],
            call="one",
            kind="application/dtmf-relay",
        )

    def event(self, key: str) -> None:
        """The engine hears it, and has passed it on."""
        self.scene.audio.hear(engine.Digit(self.legs[0], key))

    def give_up_events(self) -> None:
        """The second one, by re-INVITE."""
        self.scene.request("INVITE", 2, (), AGAIN, self.tags[1], call="two")
        self.scene.request("ACK", 2, (), "", self.tags[1], call="two")

    def infos(self) -> str:
        """Keys that the second one is told by INFO."""
        told = [each.body for each in self.scene.take() if getattr(each, "method", "") == "INFO"]
        return "".join(body.decode().removeprefix("Signal=")[0] for body in told)

    def keys(self) -> str:
        return "".join(
            each.digit
            for each in self.scene.audio.done
            if isinstance(each, engine.SendDigit) and each.leg == self.legs[1]
        )

    def pressed(self) -> str:
        return "".join(each.digit for each in self.scene.facts() if isinstance(each, facts.DigitPressed))


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    scene = await Scene().start()
    yield scene
    await scene.stop()


async def test_info_first_then_the_event(scene: Scene) -> None:
    talk = Talk(scene)
    for key in "115":
        talk.info(key)
        scene.run(0.1)
        talk.event(key)
        scene.run(2.0)
    assert talk.keys() == "", "the engine passed each on by itself"
    assert talk.pressed() == "115"


async def test_event_first_then_info(scene: Scene) -> None:
    talk = Talk(scene)
    talk.event("7")
    scene.run(0.3)
    talk.info("7")
    scene.run(2.0)
    assert (talk.keys(), talk.pressed()) == ("", "7")


async def test_info_alone_waits_once_and_never_again(scene: Scene) -> None:
    talk = Talk(scene)
    talk.info("1")
    scene.run(0.49)
    assert talk.keys() == ""
    scene.run(0.02)
    assert talk.keys() == "1"
    talk.info("2")
    assert talk.keys() == "12"
    assert talk.pressed() == "12", "and we heard both at once"


async def test_keys_keep_their_order(scene: Scene) -> None:
    talk = Talk(scene)
    talk.info("1")
    scene.run(0.4)
    talk.info("2")
    scene.run(0.15)
    talk.info("3")
    scene.run(2.0)
    assert talk.keys() == "123"


async def test_a_far_end_that_gives_up_events_meanwhile_gets_the_keys_in_their_order(scene: Scene) -> None:
    talk = Talk(scene)
    for key in "12":
        talk.info(key)
    talk.give_up_events()
    talk.info("3")
    assert talk.infos() == "123", "what waited is pressed before it"
    scene.run(2.0)
    assert (talk.keys(), talk.infos(), talk.pressed()) == ("", "", "123"), "and once"


async def test_more_keys_than_may_wait_keep_their_order_too(scene: Scene) -> None:
    talk = Talk(scene)
    pressed = "0123456789" * 4
    for key in pressed[: MOST_WAITING + 3]:
        talk.info(key)
    scene.run(2.0)
    assert talk.keys() == pressed[: MOST_WAITING + 3]


async def test_a_far_end_without_events_gets_info_at_once(scene: Scene) -> None:
    talk = Talk(scene, peer=NO_EVENTS)
    talk.info("4")
    info = next(each for each in scene.take() if getattr(each, "method", "") == "INFO")
    assert b"Signal=4" in info.body
    talk.event("4")
    assert [each for each in scene.names() if each == "INFO"] == []


async def test_who_parted_meanwhile_gets_nothing(scene: Scene) -> None:
    talk = Talk(scene)
    talk.info("1")
    scene.channel.perform(cmd.PartLegs(talk.legs[0]))
    scene.run(1.0)
    assert talk.keys() == ""
    talk.info("2")
    scene.channel.perform(cmd.BridgeLegs(*talk.legs))
    talk.info("3")
    scene.request("BYE", 9, (), "", talk.tags[0], call="one")
    scene.run(1.0)
    assert talk.keys() == "3", "known by now to send nothing else"


@pytest.mark.parametrize("way", ["info", "event", "secret"])
async def test_what_was_keyed_is_forgotten_with_its_leg(scene: Scene, way: str) -> None:
    talk, channel = Talk(scene), scene.channel
    if way == "info":
        talk.info("1")
    elif way == "event":
        talk.event("1")
    else:
        channel.perform(cmd.CollectSecret(talk.legs[0], "secret:7.s1", 1, 4, "#", 5.0, 5.0, 20.0))
        talk.event("1")
    known = (channel.keyed_twice._legs, channel.secret_keys._ears, channel.passing_keys._waiting)
    assert any(talk.legs[0] in each for each in known)
    scene.request("BYE", 9, (), "", talk.tags[0], call="one")
    assert talk.legs[0] not in channel.legs
    assert not any(known) and not channel.secret_keys._owners
