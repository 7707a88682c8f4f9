"""Refer-To with Replaces, as phones write it: which of our calls it names, and what is no call."""

from types import SimpleNamespace
from typing import Any

import pytest

from ccd.model import commands as cmd
from ccd.model import facts
from ccd.model.nouns import Cause
from ccd.sip.message import Request
from ccd.voice import referring
from ccd.voice.leg_states import LegState

CALL_ID, OURS, THEIRS = "a-1@phone.invalid", "ours", "theirs"


class Door:
    """A channel with one call that stands, or rings."""

    def __init__(self, *, rings: bool = False, state: LegState = LegState.UP) -> None:
        leg: Any = SimpleNamespace(id="voice:two", state=state)
        leg.has_early = lambda our_tag, their_tag: rings and (our_tag, their_tag) == (OURS, THEIRS)
        self._leg = leg
        self.dialogs = {} if rings else {(CALL_ID, OURS, THEIRS): leg}

    def leg_of_call(self, call_id: str) -> Any:
        return self._leg if call_id == CALL_ID else None

    def refer_target(self, _request: Request) -> str:
        return "302"


def read(refer_to: str, channel: Any = None) -> facts.TransferAsked | None:
    request = Request.create("REFER", "sip:ccd@127.0.0.1", [("Refer-To", refer_to)] if refer_to else [], b"")
    return referring.read(channel or Door(), "voice:one", request)


@pytest.mark.parametrize(
    "refer_to",
    [
        "<sip:302@x.invalid?Replaces=a-1%40phone.invalid%3Bto-tag%3Dours%3Bfrom-tag%3Dtheirs>",
        "<sip:302@x.invalid?replaces=a-1@phone.invalid%3Bfrom-tag%3Dtheirs%3Bto-tag%3Dours>",
        "<sip:ccd@127.0.0.1:5060?Require=replaces&Replaces=a-1%40phone.invalid%3Bto-tag%3Dours%3Bfrom-tag%3D"
        "theirs%3Bearly-only>",
        '"Cat" <sip:302@x.invalid;transport=tcp?Replaces=a-1%40phone.invalid;to-tag=ours;from-tag=theirs>',
        "<sip:302@x.invalid?Replaces=a-1%40phone.invalid%3Bto-tag%3Dtheirs%3Bfrom-tag%3Dours>",
    ],
    ids=["plain", "other order", "pjsip", "unescaped", "tags the other way round"],
)
@pytest.mark.parametrize("rings", [False, True])
def test_the_call_that_is_named(refer_to: str, rings: bool) -> None:
    asked = read(refer_to, Door(rings=rings))
    assert asked == facts.TransferAsked("voice:one", "302", attended=True, replaces="voice:two")


@pytest.mark.parametrize(
    "replaces",
    [
        "other%3Bto-tag%3Dours%3Bfrom-tag%3Dtheirs",
        "a-1%40phone.invalid%3Bto-tag%3Dours%3Bfrom-tag%3Dguessed",
        "a-1%40phone.invalid%3Bto-tag%3Dguessed%3Bfrom-tag%3Dtheirs",
        "a-1%40phone.invalid%3Bto-tag%3Dours%3Bfrom-tag%3Dours",
    ],
)
@pytest.mark.parametrize("rings", [False, True])
def test_with_one_part_wrong_it_is_none_of_ours(replaces: str, rings: bool) -> None:
    asked = read(f"<sip:302@x.invalid?Replaces={replaces}>", Door(rings=rings))
    assert asked == facts.TransferAsked("voice:one", "302", attended=True, replaces="")


def test_a_call_that_is_being_ended_is_none() -> None:
    refer_to = "<sip:302@x.invalid?Replaces=a-1%40phone.invalid%3Bto-tag%3Dours%3Bfrom-tag%3Dtheirs>"
    asked = read(refer_to, Door(state=LegState.GONE))
    assert asked is not None and asked.attended and asked.replaces == ""


@pytest.mark.parametrize(
    "refer_to",
    [
        "<sip:302@x.invalid?Replaces=>",
        "<sip:302@x.invalid?Replaces=a%3Bb>",
        "<sip:302@x.invalid?Replaces=a%3Bto-tag%3D1>",
        "<sip:302@x.invalid?Replaces=%3Bto-tag%3D1%3Bfrom-tag%3D2>",
        "<sip:302@x.invalid?Replaces=a",
        "<tel:+33199000000?Replaces=a%3Bto-tag%3D1%3Bfrom-tag%3D2>",
    ],
)
def test_what_is_not_whole_is_unclear(refer_to: str) -> None:
    assert read(refer_to) is None


@pytest.mark.parametrize("refer_to", ["<sip:302@x.invalid>", "<sip:replaces@x.invalid>;replaces=a"])
def test_without_it_the_transfer_is_a_blind_one(refer_to: str) -> None:
    assert read(refer_to) == facts.TransferAsked("voice:one", "302")


@pytest.mark.parametrize(
    ("report", "status"),
    [
        (cmd.ReportTransfer("voice:one", done=True), 200),
        (cmd.ReportTransfer("voice:one", done=False, cause=Cause.VANISHED), 481),
        (cmd.ReportTransfer("voice:one", done=False, cause=Cause.FORBIDDEN), 403),
        (cmd.ReportTransfer("voice:one", done=False, cause=Cause.BUSY), 486),
    ],
)
def test_what_the_phone_is_told(report: cmd.ReportTransfer, status: int) -> None:
    assert referring.told(report)[0] == status
