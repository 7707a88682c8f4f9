"""The verb about reasons for a pause: which there are, and what each means."""

from ccd.model.rules import PAUSE_ALARM, PauseReason
from ccd.runtime.asking import Args, Call, look
from ccd.runtime.centre import Centre
from ccd.runtime.views import View


class _None(Args, frozen=True):
    """A verb without arguments."""


def verbs(centre: Centre) -> dict[str, Call]:
    """The part of the control server's table that is about pauses."""

    def reasons(_asked: _None) -> list[View]:
        """Those in force, by code; none: any word will do."""
        known = centre.state.rules.pause_reasons
        return [_row(code, known[code]) for code in sorted(known)]

    return {"agent.reasons": look(reasons, _None)}


def _row(code: str, reason: PauseReason | str) -> View:
    rule = PauseReason(reason) if isinstance(reason, str) else reason
    return {
        "code": code,
        "reason": rule.name,
        "paid": rule.paid,
        "longest_s": rule.longest_s,
        "on_longest": rule.on_longest if rule.longest_s is not None else PAUSE_ALARM,
    }
