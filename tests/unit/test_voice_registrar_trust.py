"""The registrar and the engines agree on which phones can be called; a changed password counts at once."""

import msgspec
import pytest

from ccd.model.facts import DeviceBound, DeviceLost, DeviceReachable, DeviceUnbound
from ccd.model.settings import Secret
from ccd.sip.events import Flow
from ccd.voice.authentication import WRONG_PER_USER
from tests.unit.test_voice_registrar import DEVICES, PHONE, RIGHT, Scene
from tests.unit.voice_twins import LISTENER


def test_a_lost_phone_that_registers_again_stays_lost_until_it_answers() -> None:
    """The engines take a binding for reachable: its refresh must not send callers to a deaf phone."""
    scene = Scene()
    scene.register()
    scene.wait_until(scene.clock.time + 9.5)
    scene.inbox.take()
    for _ in range(3):
        scene.wait_until(scene.clock.time + 350.0)
        scene.register()
        assert scene.inbox.take() == []
        assert scene.registrar.bindings("ann") == []
    while not scene.inbox.facts:
        scene.wait_until(scene.clock.time + 0.5)
        scene.stack.deliver(scene.stack.sent[-1], 200)
    reachable, bound = scene.inbox.take()
    assert isinstance(reachable, DeviceReachable)
    assert isinstance(bound, DeviceBound)  # and the ledger learns how long it lasts
    assert bound.binding.expires_at > scene.clock.time + 500


@pytest.mark.parametrize("way", ["moved", "expired", "unregistered"])
def test_a_phone_that_was_lost_and_comes_back_deaf_is_lost_again(way: str) -> None:
    scene = Scene()
    scene.register()
    scene.wait_until(scene.clock.time + 9.5)
    assert [type(fact) for fact in scene.inbox.take()] == [DeviceBound, DeviceLost]
    if way == "expired":
        scene.wait_until(scene.clock.time + 600.0)
    elif way == "unregistered":
        scene.register(expires=0)
    scene.inbox.take()
    scene.register(flow=Flow("UDP", "192.0.2.8", 5060, LISTENER) if way == "moved" else PHONE)
    assert [type(fact) for fact in scene.inbox.take()] == [DeviceBound]
    assert len(scene.registrar.bindings("ann")) == 1  # it may be called, as the engines think
    scene.wait_until(scene.clock.time + 9.5)
    assert [type(fact) for fact in scene.inbox.take()] == [DeviceLost]
    assert scene.registrar.bindings("ann") == []


@pytest.mark.parametrize(
    "change", [{"password": Secret("another")}, {"username": "ann-2"}], ids=["password", "username"]
)
def test_a_phone_that_knows_the_former_password_is_unregistered(change: dict[str, object]) -> None:
    """It was changed because somebody else knows it: that phone must get no more callers."""
    scene = Scene()
    scene.register()
    scene.register("bob", user="bob-login", password="other")
    scene.inbox.take()
    changed = msgspec.structs.replace(DEVICES["ann"], **change)
    scene.registrar.reload({**DEVICES, "ann": changed})
    [gone] = scene.inbox.take()
    assert isinstance(gone, DeviceUnbound)
    assert (gone.device, gone.cause) == ("ann", "password changed")
    assert len(scene.registrar.bindings("bob")) == 1


def test_other_changes_of_a_device_leave_it_registered() -> None:
    scene = Scene()
    scene.register()
    scene.inbox.take()
    again = {"password": Secret(DEVICES["ann"].password.reveal()), "max_bindings": 7}
    scene.registrar.reload({**DEVICES, "ann": msgspec.structs.replace(DEVICES["ann"], **again)})
    assert scene.inbox.take() == []
    assert len(scene.registrar.bindings("ann")) == 1


def through(scene: Scene, password: str, client: str) -> int:
    """The answer to a REGISTER of ann that a proxy at PHONE brings from a client; the status."""
    hop = (f"Via: SIP/2.0/UDP 10.0.0.5:5060;received={client};branch=z9hG4bK-client",)
    first = scene.send(scene.request(more=hop))
    if first.status != 401:
        return first.status
    line = scene.credentials(first, password=password)
    return scene.send(scene.request(more=(*hop, line))).status


def test_one_who_guesses_behind_a_proxy_does_not_shut_out_the_others() -> None:
    scene = Scene()
    scene.registrar.proxies = lambda flow: flow.host == PHONE.host
    for _ in range(WRONG_PER_USER):
        assert through(scene, "wrong", "198.51.100.66") == 401
    assert through(scene, RIGHT, "198.51.100.66") == 403
    assert scene.registrar.refused_unheard == 1
    assert through(scene, RIGHT, "198.51.100.7") == 200


def test_a_stranger_does_not_choose_who_he_is_counted_as() -> None:
    scene = Scene()
    for number in range(WRONG_PER_USER):
        assert through(scene, "wrong", f"198.51.100.{number}") == 401
    assert through(scene, RIGHT, "198.51.100.200") == 403
