"""The visitors of a web chat without a socket: coming back, being late, limits, one end each."""

import json
from collections import Counter

import msgspec
import pytest
from ccd_webchat.frames import Hello, Text
from ccd_webchat.page import page
from ccd_webchat.settings import WebchatSettings
from ccd_webchat.visits import KEPT_IDS, KEPT_TEXTS, MOST_FAULTS, TRY_LATER, Visits
from hypothesis import given
from hypothesis import strategies as st

from ccd.channels.links import MOST_WRONG_OF_ALL_PER_MIN, MOST_WRONG_PER_MIN, WrongTokens, digest
from ccd.ids import SeededChance
from ccd.model.facts import (
    AnyFact,
    LegAnswered,
    LegArrived,
    LegEnded,
    TextDelivered,
    TextFailed,
    TextReceived,
)
from ccd.model.nouns import Cause, ChannelClass, LegKind

T0 = 1000.0
TICK = 0.001


class FakeLine:
    """A connection that writes at once, or holds everything back."""

    def __init__(self, visits: Visits | None = None) -> None:
        self.visits = visits
        self.frames: list[dict[str, object]] = []
        self.code = 0

    def put(self, frame: str, message: str = "") -> None:
        if not self.code:
            self.frames.append(json.loads(frame))
            if message and self.visits is not None:
                self.visits.written(self, message)

    def close(self, code: int, reason: str) -> None:
        self.code = self.code or code

    def last(self, kind: str) -> dict[str, object]:
        return [frame for frame in self.frames if frame["type"] == kind][-1]

    def of_kind(self, kind: str) -> list[dict[str, object]]:
        return [frame for frame in self.frames if frame["type"] == kind]

    def texts(self) -> list[object]:
        return [frame["id"] for frame in self.frames if frame["type"] == "text"]


class Chat:
    """Visits with their facts."""

    def __init__(self, **options: object) -> None:
        self.visits = Visits("web", WebchatSettings(**options), SeededChance())  # type: ignore[arg-type]
        self.facts: list[AnyFact] = []
        self.visits.post = self.facts.append

    def join(self, now: float = T0, token: str = "", after: str = "", **fields: str) -> FakeLine:
        line = FakeLine(self.visits)
        self.visits.hello(line, Hello(token=token, after=after, **fields), now)
        return line

    def arrive(self, now: float = T0) -> tuple[FakeLine, str, str]:
        """(line, leg, token) of a visitor who wrote his first text."""
        line = self.join(now)
        self.visits.text(line, Text("c1", "hello"), now)
        arrived = [fact for fact in self.facts if isinstance(fact, LegArrived)][-1]
        return line, arrived.leg, str(line.last("welcome")["token"])

    def of(self, kind: type[AnyFact]) -> list[AnyFact]:
        return [fact for fact in self.facts if type(fact) is kind]


def test_the_first_text_makes_the_leg() -> None:
    chat = Chat(flow="chat-flow")
    line = chat.join(name="  Ada\n\x1b[31m Lovelace ")
    assert chat.facts == []
    chat.visits.text(line, Text("c1", "hel\x00lo\n\x1b[2Jthere"), T0)
    arrived, received = chat.facts
    assert isinstance(arrived, LegArrived)
    assert arrived.origin.startswith("visitor-")
    assert arrived == LegArrived(
        arrived.leg,
        "web",
        ChannelClass.LIVE_TEXT,
        LegKind.TEXT,
        arrived.origin,
        "web:support",
        display="Ada [31m Lovelace",
        flow="chat-flow",
    )
    assert received == TextReceived(arrived.leg, "hello\n[2Jthere", "c1")
    chat.visits.text(line, Text("c2", "more"), T0)
    assert len(chat.of(LegArrived)) == 1


def test_the_leg_does_not_betray_the_token() -> None:
    chat = Chat()
    _, leg, token = chat.arrive()
    assert token not in leg and leg.split(":")[1] not in token
    stranger = chat.join(token=leg.split(":")[1])
    assert stranger.last("welcome")["resumed"] is False


def test_a_token_made_up_by_a_client_is_not_taken() -> None:
    chat = Chat()
    line = chat.join(token="my-own-token")
    assert line.last("welcome")["token"] != "my-own-token"


def test_a_visitor_who_comes_back_gets_what_he_missed_in_order() -> None:
    chat = Chat(resume_s=60.0)
    line, leg, token = chat.arrive()
    chat.visits.send(leg, "s1", "one")
    chat.visits.gone(line, T0)
    chat.visits.send(leg, "s2", "two")
    chat.visits.send(leg, "s3", "three")
    assert [fact.message for fact in chat.of(TextDelivered)] == ["s1"]  # type: ignore[union-attr]
    again = chat.join(T0 + 60 - TICK, token)
    assert again.last("welcome") == {"type": "welcome", "token": token, "resumed": True}
    assert again.texts() == ["s2", "s3"]
    assert [fact.message for fact in chat.of(TextDelivered)] == ["s1", "s2", "s3"]  # type: ignore[union-attr]
    chat.visits.expire(T0 + 100)
    assert chat.of(LegEnded) == []


def test_a_page_may_ask_for_what_was_written_but_lost_on_the_way() -> None:
    chat = Chat()
    line, leg, token = chat.arrive()
    for number in range(3):
        chat.visits.send(leg, f"s{number}", "text")
    chat.visits.gone(line, T0)
    assert chat.join(T0, token, after="s0").texts() == ["s1", "s2"]
    assert chat.join(T0, token, after="s2").texts() == chat.join(T0, token).texts() == []
    assert chat.join(T0, token, after="unknown").texts() == ["s0", "s1", "s2"]
    assert len(chat.of(TextDelivered)) == 3


@pytest.mark.parametrize("answered", [False, True])
def test_one_who_does_not_come_back_in_time_is_gone(answered: bool) -> None:
    chat = Chat(resume_s=60.0)
    line, leg, token = chat.arrive()
    if answered:
        chat.visits.answer(leg)
    chat.visits.gone(line, T0)
    chat.visits.send(leg, "s1", "are you there?")
    assert chat.visits.next_deadline() == T0 + 60
    chat.visits.expire(T0 + 60 - TICK)
    assert chat.of(LegEnded) == []
    chat.visits.expire(T0 + 60)
    (ended,) = chat.of(LegEnded)
    assert isinstance(ended, LegEnded)
    assert ended.cause is (Cause.NORMAL if answered else Cause.CANCELLED) and ended.remote
    assert "did not come back within 60 s" in ended.note
    assert chat.of(TextFailed) == [TextFailed(leg, "s1", Cause.VANISHED)]
    assert chat.visits.next_deadline() is None
    late = chat.join(T0 + 61, token)
    assert late.last("ended")["cause"] == ended.cause
    assert late.last("welcome")["token"] != token


def test_a_visitor_without_a_text_leaves_nothing_behind() -> None:
    chat = Chat(max_visitors=1)
    line = chat.join()
    chat.visits.gone(line, T0)
    assert chat.facts == [] and chat.visits.next_deadline() is None
    assert chat.join().last("welcome")


def test_a_second_window_takes_over() -> None:
    chat = Chat()
    line, leg, token = chat.arrive()
    second = chat.join(T0, token)
    assert line.code == 4001
    chat.visits.gone(line, T0)
    assert chat.visits.next_deadline() is None
    chat.visits.send(leg, "s1", "hi")
    assert second.texts() == ["s1"] and line.texts() == []


def test_after_a_restart_the_visitor_finds_his_leg_with_his_token() -> None:
    before = Chat()
    _, leg, token = before.arrive()
    after = Chat(resume_s=60.0)
    after.visits.resume([leg, "mail:other"], T0 + 5)
    assert after.visits.next_deadline() == T0 + 65
    line = after.join(T0 + 30, token)
    assert line.last("welcome")["resumed"] is True
    after.visits.text(line, Text("c1", "hello"), T0 + 30)
    assert after.facts == [TextReceived(leg, "hello", "c1")]
    assert after.visits.next_deadline() is None


def test_what_is_known_is_shown_again_to_one_who_comes_back() -> None:
    chat = Chat()
    _, leg, token = chat.arrive()
    chat.visits.tell_position(leg, 3)
    chat.visits.tell_position(leg, 2)
    assert chat.join(T0, token).last("position")["position"] == 2
    chat.visits.answer(leg)
    chat.visits.answer(leg)
    assert chat.of(LegAnswered) == [LegAnswered(leg)]
    again = chat.join(T0, token)
    assert again.last("answered") and not [f for f in again.frames if f["type"] == "position"]


def test_the_expected_wait_is_shown_with_the_place_or_alone() -> None:
    chat = Chat()
    line, leg, _ = chat.arrive()
    chat.visits.tell_position(leg, 3, 4)
    assert line.last("position") == {"type": "position", "position": 3, "wait_min": 4}
    chat.visits.tell_position(leg, 0, 2)
    assert line.last("position") == {"type": "position", "wait_min": 2}
    told = len(line.frames)
    chat.visits.tell_position(leg, 0)
    assert len(line.frames) == told, "nothing to tell"


def test_a_text_sent_again_after_its_ack_is_acknowledged_again() -> None:
    chat = Chat()
    line, leg, _ = chat.arrive()
    chat.visits.text(line, Text("c1", "hello"), T0)
    assert not [frame for frame in line.frames if frame["type"] == "ack"]
    chat.visits.acknowledge(leg, "c1")
    chat.visits.text(line, Text("c1", "hello"), T0)
    assert [frame["id"] for frame in line.frames if frame["type"] == "ack"] == ["c1", "c1"]
    assert len(chat.of(TextReceived)) == 1


def test_the_same_text_of_ours_is_sent_once() -> None:
    chat = Chat()
    line, leg, _ = chat.arrive()
    chat.visits.send(leg, "s1", "hi")
    chat.visits.send(leg, "s1", "hi")
    assert line.texts() == ["s1"] and len(chat.of(TextDelivered)) == 1


def test_too_many_texts_a_minute_are_refused_and_told() -> None:
    chat = Chat(messages_per_min=6)
    line, _, _ = chat.arrive()
    for number in range(2, 7):
        chat.visits.text(line, Text(f"c{number}", "x"), T0)
    assert len(chat.of(TextReceived)) == 6
    chat.visits.text(line, Text("c7", "x"), T0 + 10 - TICK)
    assert line.last("fault") == {
        "type": "fault",
        "id": "c7",
        "problem": "too many texts: at most 6 a minute; send this one again in a moment",
    }
    chat.visits.text(line, Text("c7", "x"), T0 + 10)
    assert len(chat.of(TextReceived)) == 7


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "empty"),
        (" \n\x00 ", "empty"),
        ("x" * 101, "at most 100 bytes"),
        ("é" * 51, "at most 100 bytes"),
    ],
)
def test_a_text_that_cannot_be_taken_is_refused_with_the_reason(text: str, problem: str) -> None:
    chat = Chat(max_message_bytes=100)
    line = chat.join()
    chat.visits.text(line, Text("c1", text), T0)
    assert problem in str(line.last("fault")["problem"]) and line.last("fault")["id"] == "c1"
    assert chat.facts == []
    chat.visits.text(line, Text("c1", "é" * 50), T0)
    assert len(chat.of(TextReceived)) == 1


def test_when_all_places_are_taken_one_more_is_refused_until_one_leaves() -> None:
    chat = Chat(max_visitors=2)
    line = chat.join()
    chat.join()
    third = chat.join()
    assert third.code == 1013 and "all places" in str(third.last("fault")["problem"])
    chat.visits.bye(line)
    assert chat.join().last("welcome")


def test_drained_no_new_visitor_and_no_first_text_is_taken() -> None:
    chat = Chat()
    line, _, token = chat.arrive()
    quiet = chat.join()
    chat.visits.draining = True
    assert "no new conversations" in str(chat.join().last("fault")["problem"])
    chat.visits.text(quiet, Text("c1", "hi"), T0)
    assert "no new conversations" in str(quiet.last("fault")["problem"])
    chat.visits.gone(line, T0)
    back = chat.join(T0, token)
    chat.visits.text(back, Text("c2", "still here"), T0)
    assert len(chat.of(TextReceived)) == 2 and len(chat.of(LegArrived)) == 1


def test_a_connection_that_only_sends_faults_is_closed() -> None:
    chat = Chat()
    line, _, _ = chat.arrive()
    for _ in range(MOST_FAULTS):
        chat.visits.fault(line, "wrong")
    assert line.code == 0
    chat.visits.fault(line, "wrong")
    assert line.code == 1008
    stranger = FakeLine()
    chat.visits.text(stranger, Text("c1", "no hello"), T0)
    assert stranger.code == 1008 and stranger.last("fault")["problem"] == "say hello first"


def test_texts_that_are_kept_are_bounded_and_the_lost_ones_reported() -> None:
    chat = Chat()
    line, leg, token = chat.arrive()
    chat.visits.gone(line, T0)
    for number in range(KEPT_TEXTS + 3):
        chat.visits.send(leg, f"s{number}", "x")
    assert [fact.message for fact in chat.of(TextFailed)] == ["s0", "s1", "s2"]  # type: ignore[union-attr]
    assert len(chat.join(T0, token).texts()) == KEPT_TEXTS


def test_ids_that_are_remembered_are_bounded() -> None:
    chat = Chat(messages_per_min=10_000)
    line, leg, _ = chat.arrive()
    for number in range(2, KEPT_IDS + 1):
        chat.visits.text(line, Text(f"c{number}", "x"), T0)
    chat.visits.text(line, Text("over", "x"), T0)
    assert "not stored yet" in str(line.last("fault")["problem"])
    for number in range(2, KEPT_IDS + 1):
        chat.visits.acknowledge(leg, f"c{number}")
    for number in range(1000):
        chat.visits.text(line, Text(f"d{number}", "x"), T0)
        chat.visits.acknowledge(leg, f"d{number}")
    (row,) = chat.visits.report()
    assert row["unacknowledged"] == 1
    assert len(chat.visits._visits[leg].taken) <= KEPT_IDS


def test_close_sends_everybody_away_without_facts() -> None:
    chat = Chat()
    line, leg, _ = chat.arrive()
    before = list(chat.facts)
    chat.visits.close()
    chat.visits.release(leg, Cause.NORMAL)
    chat.visits.gone(line, T0)
    chat.visits.send(leg, "s1", "x")
    assert line.code == 1001 and chat.facts == before


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"path": "chat"}, "path"),
        ({"path": "/"}, "path"),
        ({"path": "/a b"}, "path"),
        ({"port": 70000}, "65535"),
        ({"max_visitors": 0}, ">= 1"),
        ({"target": ""}, "flow"),
        ({"allowed_origins": ["https://www.example.com/shop"]}, "without a path"),
        ({"allowed_origins": ["www.example.com"]}, "no origin"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_wrong_options_are_named(options: dict[str, object], problem: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=problem):
        msgspec.convert(options, WebchatSettings)


actions = st.lists(
    st.tuples(
        st.sampled_from(
            ["text", "bye", "gone", "back", "answer", "release", "send", "ack", "wait", "position", "hello"]
        ),
        st.integers(0, 3),
    ),
    max_size=40,
)


@given(actions)
def test_whatever_happens_a_leg_ends_at_most_once_and_is_silent_after(script: list[tuple[str, int]]) -> None:
    chat = Chat(resume_s=10.0)
    line, leg, token = chat.arrive()
    now = T0
    visits = chat.visits
    for what, number in script:
        now += 1
        if what == "text":
            visits.text(line, Text(f"c{number}", "x"), now)
        elif what == "bye":
            visits.bye(line)
        elif what == "gone":
            visits.gone(line, now)
        elif what == "back":
            line = chat.join(now, token)
            token = str(line.last("welcome")["token"])
        elif what == "answer":
            visits.answer(leg)
        elif what == "release":
            visits.release(leg, Cause.NORMAL)
        elif what == "send":
            visits.send(leg, f"s{number}", "x")
        elif what == "ack":
            visits.acknowledge(leg, f"c{number}")
        elif what == "position":
            visits.tell_position(leg, number)
        elif what == "hello":
            visits.hello(line, Hello(), now)
        else:
            now += 4 * number
        visits.expire(now)
    own = [fact for fact in chat.facts if getattr(fact, "leg", "") == leg]
    ends = [index for index, fact in enumerate(own) if isinstance(fact, LegEnded)]
    assert len(ends) <= 1
    for fact in own[ends[0] + 1 :] if ends else []:
        assert isinstance(fact, TextFailed)
    taken = [(fact.leg, fact.message) for fact in chat.facts if isinstance(fact, TextReceived)]
    assert len(taken) == len(set(taken))


# -- links -----------------------------------------------------------------------------------------


def test_who_comes_by_a_link_begins_at_once_and_says_only_a_digest_of_it() -> None:
    chat = Chat(flow="chat-flow")
    line = chat.join(link="t0ken", name="Ada")
    (arrived,) = chat.facts
    assert isinstance(arrived, LegArrived)
    assert (arrived.continues, arrived.display, arrived.flow) == (digest("t0ken"), "Ada", "chat-flow")
    assert line.last("welcome")["resumed"] is False and "t0ken" not in repr(chat.facts)
    chat.visits.text(line, Text("c1", "hello"), T0)
    assert len(chat.of(LegArrived)) == 1 and len(chat.of(TextReceived)) == 1


def test_a_link_is_not_opened_again_by_one_whose_connection_broke() -> None:
    chat = Chat()
    line = chat.join(link="t0ken")
    token = str(line.last("welcome")["token"])
    chat.visits.gone(line, T0 + 1)
    again = chat.join(T0 + 2, token=token, link="t0ken")
    assert again.last("welcome")["resumed"] is True and len(chat.of(LegArrived)) == 1


def test_who_comes_by_a_link_and_does_not_come_back_has_left() -> None:
    chat = Chat(resume_s=60.0)
    line = chat.join(link="t0ken")
    chat.visits.gone(line, T0)
    chat.visits.expire(T0 + 60.0)
    (ended,) = chat.of(LegEnded)
    assert isinstance(ended, LegEnded) and ended.cause is Cause.CANCELLED


def guess(chat: Chat, address: str, now: float = T0) -> bool:
    """One wrong link from an address; whether it was looked at."""
    line = FakeLine(chat.visits)
    told = len(chat.facts)
    chat.visits.hello(line, Hello(link="wrong"), now, address)
    if not line.of_kind("welcome"):
        assert line.code == TRY_LATER and "too many links" in str(line.last("fault")["problem"])
        assert len(chat.facts) == told, "nothing comes of it"
        return False
    leg = chat.of(LegArrived)[-1]
    assert isinstance(leg, LegArrived)
    chat.visits.send(leg.leg, "m", "no longer valid")
    chat.visits.release(leg.leg, Cause.FORBIDDEN, now)
    return True


def test_who_guesses_is_refused_for_a_while_and_an_honest_customer_gets_in_meanwhile() -> None:
    chat = Chat()
    assert [guess(chat, "198.51.100.7") for _ in range(2 * MOST_WRONG_PER_MIN)].count(
        True
    ) == MOST_WRONG_PER_MIN
    counts = chat.visits.counts
    assert (counts["wrong_links"], counts["refused_links"]) == (MOST_WRONG_PER_MIN, MOST_WRONG_PER_MIN)
    honest = FakeLine(chat.visits)
    chat.visits.hello(honest, Hello(link="t0ken"), T0, "203.0.113.9")
    arrived = chat.of(LegArrived)[-1]
    assert honest.last("welcome") and isinstance(arrived, LegArrived) and arrived.continues == digest("t0ken")
    plain = FakeLine(chat.visits)
    chat.visits.hello(plain, Hello(), T0, "198.51.100.7")
    assert plain.last("welcome"), "without a link, who guessed is a visitor like any other"
    step = 60.0 / MOST_WRONG_PER_MIN
    assert not guess(chat, "198.51.100.7", T0 + step - TICK)
    assert guess(chat, "198.51.100.7", T0 + step + TICK)
    assert not guess(chat, "198.51.100.7", T0 + step + 2 * TICK)


def test_guessing_from_everywhere_has_a_bound_too() -> None:
    chat = Chat(max_visitors=10)
    looked_at = [guess(chat, f"198.51.{n // 250}.{n % 250}") for n in range(MOST_WRONG_OF_ALL_PER_MIN + 5)]
    assert looked_at.count(True) == MOST_WRONG_OF_ALL_PER_MIN and not any(looked_at[-5:])
    assert guess(chat, "203.0.113.1", T0 + 1)


@given(st.lists(st.tuples(st.integers(0, 40), st.floats(0, 5)), max_size=200))
def test_wrong_tokens_never_take_more_memory_nor_let_more_through(tries: list[tuple[int, float]]) -> None:
    """Against a plain count of what each address was let through, while it is remembered."""
    wrong = WrongTokens(per_min=3, of_all_per_min=60, most_addresses=8)
    now, let_in = T0, Counter[int]()
    for address, after in tries:
        now += after
        if not wrong.full(str(address), now):
            wrong.count(str(address), now)
            let_in[address] += 1
        assert len(wrong) <= 8
    if len({address for address, _ in tries}) <= 8:
        assert all(count <= 3 + (now - T0) * 3 / 60 + 1 for count in let_in.values())
    assert let_in.total() <= 60 + (now - T0) + 1


def test_links_that_open_something_are_not_limited() -> None:
    chat = Chat()
    for number in range(2 * MOST_WRONG_PER_MIN):
        assert chat.join(link=f"good{number}").of_kind("welcome")


def test_a_drained_chat_does_not_use_up_a_link() -> None:
    chat = Chat()
    chat.visits.draining = True
    assert chat.join(link="t0ken").code == TRY_LATER and not chat.facts


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://chat.example.com/", True),
        ("http://127.0.0.1:8080/?a=b", True),
        ("https://", False),
        ("chat.example.com", False),
        ("https://x/#y", False),
        ("https://x/ y", False),
        ("https://u@x/", False),
        ("javascript:alert(1)", False),
        ("https://[", False),
    ],
)
def test_the_public_address_must_be_that_of_a_page(url: str, good: bool) -> None:
    if good:
        assert WebchatSettings(public_url=url).public_url == url
        return
    with pytest.raises(ValueError, match="public_url"):
        WebchatSettings(public_url=url)


def test_the_page_takes_the_token_out_of_its_address_and_waits_for_a_click() -> None:
    document, _ = page("/chat")
    assert "location.hash.slice(1)" in document and "history.replaceState" in document
    assert "if (state.link) go.hidden = false;\nelse if" in document, (
        "it connects by itself only without a link"
    )
    body = document.partition("<body>")[2].partition("<script>")[0]
    assert '<button type="button" id="go" hidden>' in body and "{" not in body
