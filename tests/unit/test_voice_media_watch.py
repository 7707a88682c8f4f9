"""A media worker that hangs is told from one that is slow to start, and from a daemon that slept itself."""

from typing import Any

import pytest

from ccd.voice.media_protocol import Ping
from ccd.voice.media_watch import MOST_MISSED, Pulse, Watch


class Worker:
    """A link: what it is sent, and whether it was ended."""

    def __init__(self, *, answers: bool, begun: bool = True) -> None:
        self.pulse = Pulse()
        self.answers = answers
        self.sent: list[Any] = []
        self.ended: list[str] = []
        if begun:
            self.pulse.sign()

    def send(self, command: Any) -> None:
        self.sent.append(command)
        if self.answers:
            self.pulse.sign()

    def end(self, why: str) -> None:
        self.ended.append(why)


def looks(worker: Worker, count: int) -> None:
    watch = Watch(lambda: [worker])
    for _ in range(count):
        watch.look()


def test_one_that_answers_stays() -> None:
    worker = Worker(answers=True)
    looks(worker, 100)
    assert not worker.ended and worker.sent == [Ping()] * 100


def test_one_that_never_answers_is_ended_after_so_many_questions() -> None:
    worker = Worker(answers=False)
    looks(worker, MOST_MISSED + 1)
    assert not worker.ended
    looks(worker, 1)
    assert worker.ended == ["it has given no answer for 10 s"]


@pytest.mark.parametrize("missed", [1, MOST_MISSED])
def test_a_late_answer_begins_the_count_anew(missed: int) -> None:
    worker = Worker(answers=False)
    looks(worker, missed + 1)
    worker.pulse.sign()
    looks(worker, MOST_MISSED + 1)
    assert not worker.ended


def test_one_that_has_not_begun_has_its_time() -> None:
    worker = Worker(answers=False, begun=False)
    looks(worker, 50)
    assert not worker.ended
