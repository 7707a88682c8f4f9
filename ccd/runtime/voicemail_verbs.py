"""Verbs about messages that customers left: those that wait or are heard just now."""

from typing import Any

from ccd.clock import Clock
from ccd.runtime import voicemail
from ccd.runtime.asking import Args, Call, look, unknown
from ccd.runtime.centre import Centre


class _Messages(Args, frozen=True):
    queue: str = ""
    """Empty: of all queues."""


def verbs(centre: Centre, clock: Clock) -> dict[str, Call]:
    """The part of the control server's table that is about messages."""

    def messages(asked: _Messages) -> list[dict[str, Any]]:
        known = centre.state.rules.queues
        rows = voicemail.listing(centre, clock.now(), asked.queue)
        if asked.queue and asked.queue not in known and not rows:
            raise unknown("queue", asked.queue, known)
        return rows

    return {"voicemail": look(messages, _Messages)}
