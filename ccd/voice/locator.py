"""Keeps what was found of names, asks again when it has run out, and never lets anybody wait for the DNS.

What is known is told by `found`; while the DNS fails the last good answer stays, with a word of why. Look-ups
run beside (`run`), one of a kind at a time, each with an end; when they are due is decided by `expire(now)`.
"""

import asyncio
from collections.abc import Callable, Iterable

import msgspec
import structlog

from ccd.clock import Clock
from ccd.ids import Chance
from ccd.sip.timers import Timers
from ccd.voice.locating import AGAIN_S, Answer, Names, Question, at_address
from ccd.voice.pointing import find

log = structlog.get_logger(__name__)

LOOK_UP_S = 12.0
"""Longest look-up of one name: SRV, and then the addresses."""

Told = Callable[[Question, Answer], None]


class _Known:
    """One question and what is known."""

    __slots__ = ("answer", "asking", "failing", "question")

    def __init__(self, question: Question) -> None:
        self.question = question
        self.answer: Answer | None = None
        """The last one with places."""
        self.asking = False
        self.failing = False


class Locator:
    """All names of all trunks. All calls on the loop's thread."""

    def __init__(self, names: Names, clock: Clock, chance: Chance, found: Told) -> None:
        """`found` is told each answer; of one that has no places only while there never was a better one."""
        self._names = names
        self._clock = clock
        self._chance = chance
        self._found = found
        self._known: dict[Question, _Known] = {}
        self._timers: Timers[_Known, None] = Timers()
        self._due: asyncio.Queue[_Known] = asyncio.Queue()

    def want(self, questions: Iterable[Question]) -> None:
        """These are asked from now on and no others. Addresses are told at once, as is what is known."""
        wanted = dict.fromkeys(questions)
        self._known = {question: known for question, known in self._known.items() if question in wanted}
        for question in wanted:
            known = self._known.get(question)
            if known is None:
                known = self._known[question] = _Known(question)
                known.answer = at_address(question)
                if known.answer is None:
                    self._timers.set(self._clock.now(), known, None)
            if known.answer is not None:
                self._found(question, known.answer)

    def next_deadline(self) -> float | None:
        return self._timers.next_deadline()

    def expire(self, now: float) -> None:
        """Ask what is due; the answers come later."""
        for known, _ in self._timers.due(now):
            if not known.asking and self._known.get(known.question) is known:
                known.asking = True
                self._due.put_nowait(known)

    async def run(self) -> None:
        """Look up what is due, for ever: a task of the channel."""
        try:
            async with asyncio.TaskGroup() as lookups:
                while True:
                    known = await self._due.get()
                    lookups.create_task(self._look_up(known))
        finally:
            await self._names.close()

    async def _look_up(self, known: _Known) -> None:
        question = known.question
        try:
            async with asyncio.timeout(LOOK_UP_S):
                answer = await find(question, self._names, self._chance, known.answer)
        except TimeoutError:
            answer = Answer((), AGAIN_S, problem=f"the DNS does not answer for {question.host}")
        except Exception as error:  # one odd record must not end the looking for all
            log.exception("name_look_up_broke", host=question.host)
            answer = Answer((), AGAIN_S, problem=f"the look-up of {question.host} broke: {error}")
        known.asking = False
        if self._known.get(question) is known:
            self._take(known, answer)

    def _take(self, known: _Known, answer: Answer) -> None:
        self._timers.set(self._clock.now() + answer.keep_s, known, None)
        host = known.question.host
        if answer.problem and not known.failing:
            log.warning("name_fails", host=host, problem=answer.problem, former_kept=known.answer is not None)
        elif known.failing and not answer.problem:
            log.info("name_found_again", host=host)
        known.failing = bool(answer.problem)
        if answer.places:
            known.answer = answer
        elif known.answer is not None:
            problem = f"{answer.problem}: the last answer is used"
            answer = msgspec.structs.replace(known.answer, problem=problem)
        self._found(known.question, answer)
