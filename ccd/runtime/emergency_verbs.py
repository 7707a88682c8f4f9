"""The verbs for when something is on fire: notices, and queues closed by hand."""

import re
from typing import Any

from ccd.clock import Clock
from ccd.errors import Refused
from ccd.model import facts
from ccd.model.emergency import Notice
from ccd.runtime import views
from ccd.runtime.asking import Args, Call, act, look, unknown
from ccd.runtime.centre import Centre
from ccd.runtime.ending import end_of
from ccd.runtime.loop import Runtime

LONGEST_TEXT = 600
"""Characters: about 45 s of speech, and nobody listens longer."""
LONGEST_REASON = 200
MOST_NOTICES = 20
MOST_NAMED = 100
"""Numbers, and flows, that a notice may name."""
_PROMPT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(/[A-Za-z0-9][A-Za-z0-9_-]*)*")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


class _None(Args, frozen=True):
    """A verb without arguments."""


class _Notice(Args, frozen=True):
    text: str = ""
    prompt: str = ""
    numbers: tuple[str, ...] = ()
    flows: tuple[str, ...] = ()
    language: str = ""
    until: float | None = None
    """Seconds since the epoch."""
    for_s: float | None = None
    """Seconds from now, as another way to say it."""


class _OneNotice(Args, frozen=True):
    notice: str


class _Close(Args, frozen=True):
    queue: str
    until: float | None = None
    for_s: float | None = None
    reason: str = ""
    text: str = ""
    prompt: str = ""


class _OneQueue(Args, frozen=True):
    queue: str


def verbs(runtime: Runtime, centre: Centre, clock: Clock) -> dict[str, Call]:
    """The part of the control server's table that is about emergencies."""
    console = EmergencyConsole(runtime, centre, clock)
    return {
        "notices": look(console.notices, _None),
        "notice.add": act(console.add, _Notice),
        "notice.remove": act(console.remove, _OneNotice),
        "queue.close": act(console.close, _Close),
        "queue.open": act(console.open, _OneQueue),
    }


class EmergencyConsole:
    """The verbs over one daemon."""

    def __init__(self, runtime: Runtime, centre: Centre, clock: Clock) -> None:
        self._runtime = runtime
        self._centre = centre
        self._clock = clock

    def notices(self, _asked: _None) -> list[views.View]:
        """The notices in force, the first one set first."""
        now = self._clock.now()
        return [_row(each, now) for each in self._centre.state.notices.values() if each.until > now]

    async def add(self, asked: _Notice, by: str) -> views.View:
        """Set a notice. Raises `Refused`."""
        state, now = self._centre.state, self._clock.now()
        _check_words("notice", asked.text, asked.prompt)
        if not asked.text and not asked.prompt:
            raise Refused("notice.text", "it says nothing — give a text, or a prompt by name")
        if asked.language and not _LANGUAGE.fullmatch(asked.language):
            raise Refused("notice.language", f"{asked.language!r} is no language — write fr, en or de-CH")
        until = end_of("notice", asked.until, asked.for_s, now)
        if until is None:
            raise Refused("notice.until", "it has no end — say until when, or it is said for ever")
        if len(state.notices) >= MOST_NOTICES:
            raise Refused("notice.many", f"there are {MOST_NOTICES} notices — remove one first")
        if max(len(asked.numbers), len(asked.flows)) > MOST_NAMED:
            raise Refused("notice.many", f"it names more than {MOST_NAMED} — leave them out to mean all")
        for number in asked.numbers:
            if number not in state.rules.numbers:
                raise unknown("number", number, state.rules.numbers)
        for flow in asked.flows:
            if flow not in state.rules.flows:
                raise unknown("flow", flow, state.rules.flows)
        made = state.notices_made
        await self._commit(
            facts.NoticeSet(by, until, asked.text, asked.prompt, asked.numbers, asked.flows, asked.language)
        )
        fresh = [each for each in state.notices.values() if int(each.notice[1:]) > made and each.by == by]
        if not fresh:
            raise Refused("notice.until", "the end has passed already — name a time to come")
        return _row(fresh[0], self._clock.now())

    async def remove(self, asked: _OneNotice, by: str) -> views.View:
        """Take a notice away. Raises `Refused`."""
        known = self._centre.state.notices
        if asked.notice not in known:
            raise unknown("notice", asked.notice, known)
        row = _row(known[asked.notice], self._clock.now())
        await self._commit(facts.NoticeRemoved(asked.notice, by))
        return row

    async def close(self, asked: _Close, by: str) -> views.View:
        """Close a queue, or give one closed by hand another end, reason and words. Raises `Refused`."""
        self._know(asked.queue)
        _check_words("queue", asked.text, asked.prompt)
        if len(asked.reason) > LONGEST_REASON:
            problem = f"the reason has {len(asked.reason)} characters"
            raise Refused("queue.reason", f"{problem} — say it in {LONGEST_REASON}")
        until = end_of("queue", asked.until, asked.for_s, self._clock.now())
        await self._commit(facts.QueueClosed(asked.queue, by, until, asked.reason, asked.text, asked.prompt))
        return self._queue(asked.queue)

    async def open(self, asked: _OneQueue, by: str) -> views.View:
        """Open a queue that was closed by hand; nothing happens to one that was not. Raises `Refused`."""
        self._know(asked.queue)
        if asked.queue in self._centre.router.state.closures:
            await self._commit(facts.QueueOpened(asked.queue, by))
        return self._queue(asked.queue)

    # -- within ----------------------------------------------------------------------------------

    def _know(self, queue: str) -> None:
        known = self._centre.state.rules.queues
        if queue not in known:
            raise unknown("queue", queue, known)

    def _queue(self, name: str) -> views.View:
        """Whether it is open, and who closed it until when."""
        view = self._centre.router.queue_view(name, self._clock.now())
        closed, until, by = (
            ("", None, "") if view is None else (view.closed, view.closed_until, view.closed_by)
        )
        return {
            "queue": name,
            "closed": closed,
            "closed_until": until,
            "closed_by": by,
            "at": self._clock.now(),
        }

    async def _commit(self, fact: facts.AnyFact) -> None:
        self._runtime.post(fact)
        await self._runtime.stored()


def _check_words(noun: str, text: str, prompt: str) -> None:
    if text and prompt:
        raise Refused(f"{noun}.text", "both a text and a prompt are given — give one of them")
    if len(text) > LONGEST_TEXT:
        raise Refused(f"{noun}.text", f"the text has {len(text)} characters — say it in {LONGEST_TEXT}")
    if text and (not text.strip() or not text.isprintable()):
        raise Refused(f"{noun}.text", "the text has signs that cannot be said — write it on one line")
    if prompt and not _PROMPT.fullmatch(prompt):
        problem = f"{prompt!r} is no name of a prompt"
        raise Refused(f"{noun}.prompt", f"{problem} — write it without language and ending: outage")


def _row(notice: Notice, now: float) -> dict[str, Any]:
    return {
        "notice": notice.notice,
        "by": notice.by,
        "since": notice.since,
        "until": notice.until,
        "left_s": max(0.0, notice.until - now),
        "text": notice.text,
        "prompt": notice.prompt,
        "numbers": list(notice.numbers),
        "flows": list(notice.flows),
        "language": notice.language,
    }
