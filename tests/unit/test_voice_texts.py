"""Written offers on a softphone: what the agent reads when an offer is over."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from ccd.ids import SeededChance
from ccd.model import facts
from ccd.model.commands import DialLeg, OfferCard
from ccd.model.nouns import Cause, LegKind
from ccd.sip.message import Request
from ccd.sip.registrations import Bound
from ccd.voice.channel import VoiceChannel
from ccd.voice.texts import MOST_BYTES, Post, TextLeg


class Phone:
    """Stands for channel and phone: keeps what is sent, and what the leg says of itself."""

    def __init__(self) -> None:
        self.read: list[str] = []
        self.posted: list[Any] = []
        self.chance = SeededChance(1)
        self.settings = SimpleNamespace(sip=SimpleNamespace(domain="example.test"))
        self.stack = self

    def remember_call(self, call_id: str, leg: str) -> None:
        """Nothing comes back here."""

    def request(self, request: Request, flow: Any, owner: Post) -> None:
        self.read.append(request.body.decode())

    def reply(self, tx: Any, status: int) -> None:
        """To what the agent wrote."""
        assert status == 200

    def post(self, fact: Any) -> None:
        self.posted.append(fact)

    def forget_text(self, leg: TextLeg) -> None:
        """It is not kept here."""


def test_the_offer_shows_what_the_flow_gave_along() -> None:
    phone = Phone()
    card = OfferCard("7", queue="Sales", waited_s=5, screen={"order": "17\x07", "url": "https://x/?c=1"})
    leg = TextLeg(cast(VoiceChannel, phone), DialLeg("voice:d1", LegKind.TEXT, card, devices=("desk",)))
    bound = cast(Bound, SimpleNamespace(device="desk", contact="sip:desk@192.0.2.7", flow=None, key="1"))
    leg.open([bound], ("hello",))
    assert phone.read[0].splitlines()[1:] == ["order: 17", "url: https://x/?c=1", "hello"]


def test_a_long_transcript_takes_several_messages_and_ends_with_the_newest_text() -> None:
    phone = Phone()
    leg = TextLeg(
        cast(VoiceChannel, phone), DialLeg("voice:d1", LegKind.TEXT, OfferCard("7"), devices=("desk",))
    )
    bound = cast(Bound, SimpleNamespace(device="desk", contact="sip:desk@192.0.2.7", flow=None, key="1"))
    lines = [f"customer: {number} {'é' * 3000}" for number in range(7)]
    leg.open([bound], tuple(lines))
    (post,) = leg.posts
    while post.busy:  # the phone answers each
        leg.delivered(post, post.busy, 200)
        post.busy = ""
        post._next()
    assert "\n".join(phone.read).splitlines()[1:] == lines, "nothing is cut, nothing comes twice"
    assert len(phone.read) == 4 and max(len(text.encode()) for text in phone.read) <= MOST_BYTES
    assert phone.posted == [facts.LegRinging("voice:d1")], "once, by the first of them"


def test_the_offer_says_that_it_goes_on_from_another_one() -> None:
    phone = Phone()
    card = OfferCard("8", caller="+331", caller_name="Ada", continues="7")
    leg = TextLeg(cast(VoiceChannel, phone), DialLeg("voice:d1", LegKind.TEXT, card, devices=("desk",)))
    bound = cast(Bound, SimpleNamespace(device="desk", contact="sip:desk@192.0.2.7", flow=None, key="1"))
    leg.open([bound], ("hello",))
    assert phone.read[0].splitlines()[1:] == ["Goes on from interaction 7, +331.", "hello"]


@pytest.mark.parametrize(
    ("by", "answered", "words"),
    [
        ("", False, "(withdrawn)"),
        ("Bob B.", False, "(taken by Bob B.)"),
        ("", True, "(conversation ended)"),
    ],
)
def test_the_agent_reads_how_an_offer_ended(by: str, answered: bool, words: str) -> None:
    phone = Phone()
    dial = DialLeg("voice:d1", LegKind.TEXT, OfferCard("7"), devices=("desk",))
    leg = TextLeg(cast(VoiceChannel, phone), dial)
    bound = cast(Bound, SimpleNamespace(device="desk", contact="sip:desk@192.0.2.7", flow=None, key="1"))
    leg.open([bound], ("my printer burns",))
    assert "my printer burns" in phone.read[0]
    post = leg.posts[0]
    post.busy = ""  # the phone has answered
    if answered:
        leg.device = "desk"
        phone.registrar = SimpleNamespace(bindings=lambda _device: [bound])  # type: ignore[attr-defined]
    leg.release(Cause.ANSWERED_ELSEWHERE, by)
    assert phone.read[1:] == [words]
    assert phone.posted == [facts.LegEnded("voice:d1", Cause.ANSWERED_ELSEWHERE, remote=True)]
    leg.release(Cause.ANSWERED_ELSEWHERE, by)
    assert phone.read[1:] == [words], "once"


def offered(phone: Phone) -> tuple[TextLeg, Post]:
    """An offer that has reached a phone."""
    dial = DialLeg("voice:d1", LegKind.TEXT, OfferCard("7"), devices=("desk",))
    leg = TextLeg(cast(VoiceChannel, phone), dial)
    bound = cast(Bound, SimpleNamespace(device="desk", contact="sip:desk@192.0.2.7", flow=None, key="1"))
    leg.open([bound], ("my printer burns",))
    phone.registrar = SimpleNamespace(bindings=lambda _device: [bound])  # type: ignore[attr-defined]
    leg.posts[0].busy = ""
    phone.read.clear()
    return leg, leg.posts[0]


def writes(leg: TextLeg, post: Post, text: str) -> None:
    request = Request.create("MESSAGE", "sip:chat-7@example.test", [], text.encode())
    leg.receive(cast(Any, None), request, "desk")
    post.busy = ""


def test_the_agent_passes_a_conversation_on_by_a_word() -> None:
    phone = Phone()
    leg, post = offered(phone)
    writes(leg, post, "/transfer 203")
    assert phone.read == ["(answer first, then /transfer; /refuse declines)"] and phone.posted == []
    leg.device = "desk"
    writes(leg, post, "/Transfer")
    assert "needs the extension or name" in phone.read[1] and phone.posted == []
    writes(leg, post, "/transfer  second floor ")
    assert phone.posted == [facts.TransferAsked("voice:d1", "second floor")]
    leg.report_transfer(Cause.BUSY)
    assert phone.read[2:] == ["(not passed on: that agent has no room)"]
    post.busy = ""
    leg.release(Cause.TRANSFERRED)
    assert phone.read[3:] == ["(passed on)"]


@pytest.mark.parametrize(
    ("status", "fact"),
    [
        (200, facts.TextDelivered("voice:d1", "w1")),
        (202, facts.TextDelivered("voice:d1", "w1")),
        (408, facts.TextFailed("voice:d1", "w1", Cause.UNREACHABLE)),
        (480, facts.TextFailed("voice:d1", "w1", Cause.UNREACHABLE)),
        (415, facts.TextFailed("voice:d1", "w1", Cause.REJECTED)),
        (500, facts.TextFailed("voice:d1", "w1", Cause.REJECTED)),
    ],
)
def test_nobody_there_is_told_from_a_text_that_is_not_taken(status: int, fact: Any) -> None:
    phone = Phone()
    leg, post = offered(phone)
    leg.device = "desk"
    leg.delivered(post, "w1", status)
    assert phone.posted == [fact]
