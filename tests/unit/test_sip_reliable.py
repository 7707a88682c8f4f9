"""The numbers of reliable provisional responses (RFC 3262): every timer, every state, and a bad line."""

import heapq
import itertools
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.errors import IllegalMove
from ccd.sip.message import Response
from ccd.sip.reliable import (
    MOST_FORKS,
    MOVES,
    Heard,
    Rack,
    Receiver,
    Sender,
    Standing,
    Step,
    Turn,
    rack,
    read_rack,
    required,
    rseq_of,
    supports,
)
from tests.unit.sip_pair import make_request


def response(rseq: int | str = 1, tag: str = "t1", status: int = 180, require: str = "100rel") -> Response:
    made = Response.to_request(make_request(), status, None, tag)
    made.add("Require", require)
    made.add("RSeq", str(rseq))
    return made


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("776656 1 INVITE", Rack(776656, 1, "INVITE")),
        (" 1\t2  INVITE ", Rack(1, 2, "INVITE")),
        ("1 INVITE", None),
        ("1 2", None),
        ("-1 2 INVITE", None),
        ("12345678901 2 INVITE", None),
        ("", None),
        (None, None),
    ],
)
def test_rack(value: str | None, read: Rack | None) -> None:
    assert read_rack(value) == read


def test_what_wants_a_prack() -> None:
    assert rseq_of(response(7)) == 7
    assert rseq_of(response(2**32 - 1)) == 2**32 - 1
    assert rseq_of(response(7, require="timer, 100REL")) == 7
    for other in (
        response(0),
        response(2**32),
        response("x"),
        response(require="timer"),
        response(status=100),
        response(status=200),
    ):
        assert rseq_of(other) is None
    assert rack(response(7), 7) == "7 1 INVITE"


def test_who_requires_and_who_supports() -> None:
    request = make_request()
    assert not required(request) and not supports(request)
    request.add("Supported", "timer, 100rel")
    assert supports(request) and not required(request)
    request.add("Require", "100rel")
    assert required(request)


def test_every_state_and_turn() -> None:
    for state, turn in itertools.product(Standing, Turn):
        sender = Sender(1, 5)
        sender.state = state
        if (state, turn) in MOVES:
            sender._move(turn)
            assert sender.state is MOVES[state, turn]
        else:
            with pytest.raises(IllegalMove):
                sender._move(turn)


def test_it_is_sent_again_at_doubled_times_and_given_up_at_64_t1() -> None:
    sender = Sender(1, 5, t1=0.5)
    assert sender.next_deadline() is None and sender.expire(0.0) is Step.NOTHING
    assert sender.send(100.0, described=False) == 5
    seen = []
    while (at := sender.next_deadline()) is not None:
        assert sender.expire(at - 0.001) is Step.NOTHING
        seen.append((at - 100.0, sender.expire(at)))
    assert seen == [
        *((at, Step.RESEND) for at in (0.5, 1.5, 3.5, 7.5, 15.5, 31.5)),
        (32.0, Step.GIVE_UP),
    ]
    assert not sender.waiting
    assert sender.acknowledge(Rack(5, 1, "INVITE")), "late, but for something that we said"
    assert not sender.acknowledge(Rack(5, 1, "INVITE"))


def test_one_at_a_time_and_sdp_before_the_answer() -> None:
    sender = Sender(3, 5)
    assert sender.may_accept
    sender.send(0.0, described=True)
    with pytest.raises(IllegalMove):
        sender.send(0.1, described=False)
    assert sender.waiting and not sender.may_accept
    for wrong in (None, Rack(4, 3, "INVITE"), Rack(5, 2, "INVITE"), Rack(5, 3, "UPDATE")):
        assert not sender.acknowledge(wrong)
    assert sender.acknowledge(Rack(5, 3, "INVITE"))
    assert sender.may_accept and sender.next_deadline() is None
    assert sender.send(1.0, described=False) == 6
    assert sender.may_accept and sender.waiting
    sender.finish()
    assert sender.next_deadline() is None
    assert sender.acknowledge(Rack(6, 3, "INVITE"))


def test_a_caller_hears_each_once_in_order_and_each_fork_apart() -> None:
    receiver = Receiver()
    heard = [receiver.hear(response(rseq))[0] for rseq in (70, 70, 72, 71, 70, 72, 71)]
    assert heard == [
        Heard.NEXT,
        Heard.AGAIN,
        Heard.AHEAD,
        Heard.NEXT,
        Heard.AGAIN,
        Heard.NEXT,
        Heard.AGAIN,
    ]
    assert receiver.hear(response(3, "t2")) == (Heard.NEXT, 3)
    assert receiver.hear(Response.to_request(make_request(), 180, None, "t2")) == (Heard.PLAIN, 0)
    for number in range(2, MOST_FORKS):
        assert receiver.hear(response(1, f"x{number}"))[0] is Heard.NEXT
    assert receiver.hear(response(1, "z"))[0] is Heard.AHEAD
    assert receiver.hear(response(73))[0] is Heard.NEXT


class Line:
    """A sender and a receiver with a line between them that loses, copies and reorders."""

    def __init__(self, seed: int, loss: float, count: int) -> None:
        self.random = random.Random(seed)
        self.loss, self.left = loss, count
        self.now = 0.0
        self.sender, self.receiver = Sender(1, 1 + seed % 1000), Receiver()
        self.heard: list[int] = []
        self.acknowledged = 0
        self.gave_up = False
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = itertools.count()

    def later(self, do: Callable[[], None]) -> None:
        for _ in range(1 + (self.random.random() < 0.2)):
            if self.random.random() >= self.loss:
                at = self.now + self.random.uniform(0.001, 1.2)
                heapq.heappush(self._queue, (at, next(self._serial), do))

    def say(self) -> None:
        if self.left and self.sender.state is Standing.QUIET:
            self.left -= 1
            self.rseq = self.sender.send(self.now, described=False)
            self._give(self.rseq)

    def _give(self, rseq: int) -> None:
        self.later(lambda: self._hear(rseq))

    def _hear(self, rseq: int) -> None:
        heard, number = self.receiver.hear(response(rseq))
        if heard is Heard.NEXT:
            self.heard.append(number)
            for _ in range(7):  # the transaction of the PRACK repeats it (timer E)
                self.later(lambda: self._acknowledge(number))

    def _acknowledge(self, rseq: int) -> None:
        if self.sender.acknowledge(Rack(rseq, 1, "INVITE")):
            self.acknowledged += 1
            self.say()

    def run(self) -> None:
        self.say()
        while True:
            known = [self.sender.next_deadline(), self._queue[0][0] if self._queue else None]
            due = [at for at in known if at is not None]
            if not due:
                return
            self.now = max(self.now, min(due))
            while self._queue and self._queue[0][0] <= self.now:
                heapq.heappop(self._queue)[2]()
            step = self.sender.expire(self.now)
            if step is Step.RESEND:
                self._give(self.rseq)
            self.gave_up = self.gave_up or step is Step.GIVE_UP


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), loss=st.floats(0, 0.9), count=st.integers(1, 8))
def test_over_any_line_they_come_in_order_without_gap_or_are_given_up(
    seed: int, loss: float, count: int
) -> None:
    line = Line(seed, loss, count)
    line.run()
    first = 1 + seed % 1000
    assert line.heard == list(range(first, first + len(line.heard)))
    assert line.acknowledged in {len(line.heard), len(line.heard) - 1}
    assert line.gave_up or line.acknowledged == count


@pytest.mark.parametrize("seed", range(20))
def test_5_percent_loss_costs_no_call(seed: int) -> None:
    line = Line(seed, 0.05, 5)
    line.run()
    assert not line.gave_up and line.acknowledged == 5
