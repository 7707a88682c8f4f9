"""Surveys in the centre: who is asked, what is noted of the answers, and what a low score does.

A survey is a flow with `survey` steps; `[surveys.NAME]` of the flow's name says whom it asks after a call.
"""

import hashlib
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Any

from ccd.history import surveys
from ccd.history.state import Detail, Note, Record, SurveyAnswer
from ccd.history.timeline import add_note
from ccd.ivr import do
from ccd.model.entry import condition_of
from ccd.model.rules import SurveyRule
from ccd.model.steps_surveys import FREE, SCALES
from ccd.runtime import links, recalls
from ccd.runtime.entry import seen
from ccd.runtime.state import Interaction, LowScore

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre

MOST_REMEMBERED = 20_000
"""Customers; then the one asked longest ago is forgotten, and may be asked too soon."""
DAY_S = 86_400.0
MOST_LOW_SCORES = 20
ALARM_S = 3600.0
"""So long an alarm stands for a low score."""


# -- who is asked ----------------------------------------------------------------------------------


def not_asked(centre: "Centre", info: Interaction, flow: str, values: dict[str, str], language: str) -> str:
    """Why this flow is not begun after the call; empty: it is."""
    rule = centre.state.rules.surveys.get(flow)
    if rule is None:
        return ""
    if rule.only and not _holds(centre, info, flow, {"language": language, **values}, rule.only):
        return "only does not hold"
    asked_at = max((centre.state.surveyed.get(name, -inf) for name in info.known_as), default=-inf)
    if rule.quiet_days and centre.now - asked_at < rule.quiet_days * DAY_S:
        return f"asked within {rule.quiet_days:g} days"
    return "" if drawn(rule, info) else f"not among the {rule.sample_pct:g} %"


def drawn(rule: SurveyRule, info: Interaction) -> bool:
    """Whether an interaction is in the sample: the same on every replay, spread evenly, and each survey draws
    anew."""
    salted = f"{rule.name}/{info.id}/{info.arrived_at!r}".encode()
    draw = int.from_bytes(hashlib.blake2b(salted, digest_size=6).digest()) / float(1 << 48)
    return draw * 100.0 < rule.sample_pct


def _holds(centre: "Centre", info: Interaction, flow: str, values: dict[str, str], only: str) -> bool:
    look_up = seen(centre, info, flow, values)
    talked_s = int(values.get("talked_s", "0"))
    return bool(condition_of(only)(lambda name: talked_s if name == "var.talked_s" else look_up(name)))


# -- what the flow tells ---------------------------------------------------------------------------


def asked(centre: "Centre", want: do.Asked) -> None:
    """A question is put: it counts as asked, and the customer is left in peace from now on."""
    info, record = centre.state.interactions.get(want.interaction), links.booked(centre, want.interaction)
    if info is None or record is None:
        return
    remember(centre, info)
    info.asked_about = None
    info.asked_about = about(info, record)
    surveys.asked(centre.history.state, _key(want, info, record), centre.now)
    centre.history.note(info.id, centre.now, "asked", survey=want.survey, question=want.question)


def answered(centre: "Centre", want: do.Answered) -> None:
    """Keep the answer, count it, and look at whether it is a low score."""
    info, record = centre.state.interactions.get(want.interaction), links.booked(centre, want.interaction)
    if info is None or record is None:
        return
    rule = centre.state.rules.surveys.get(want.survey)
    below = rule.alert_below.get(want.kind) if rule is not None else None
    low = below is not None and want.kind in SCALES and int(want.answer) < below
    key = _key(want, info, record)
    surveys.answered(centre.history.state, key, want.answer, low, centre.now)
    record.answers = [
        *record.answers,
        SurveyAnswer(centre.now, want.survey, want.question, want.kind, want.answer, key.queue, key.agent),
    ]
    said = {"characters": len(want.answer)} if want.kind == FREE else {"answer": want.answer}
    _note(centre, info, record, "answered", survey=want.survey, question=want.question, **said)
    if rule is not None and low:
        _note(centre, info, record, "low score", question=want.question, answer=want.answer)
        score = LowScore(centre.now, record.interaction, want.survey, want.question, want.answer, key.agent)
        centre.state.low_scores = [*centre.state.low_scores[-(MOST_LOW_SCORES - 1) :], score]
        if rule.recall_queue:
            recalls.keep(centre, info, rule.recall_queue)
    links.file_anew(centre, record)


def _note(centre: "Centre", info: Interaction, record: Record, what: str, **details: Detail) -> None:
    """In the timeline of the conversation, and of the interaction that it goes on from, if it is about it."""
    centre.history.note(info.id, centre.now, what, **details)
    if record.interaction != info.id:
        add_note(record, Note(centre.now, what, {**details, "by": info.id}))


def remember(centre: "Centre", info: Interaction) -> None:
    """The customer is asked, or written to: left in peace from now on, where a survey has quiet days."""
    if any(rule.quiet_days for rule in centre.state.rules.surveys.values()):
        for name in info.known_as:
            _remember(centre.state.surveyed, name, centre.now)


def alarming(centre: "Centre", now: float) -> list[LowScore]:
    """Low scores for which an alarm stands."""
    return [each for each in centre.state.low_scores if now - each.at < ALARM_S]


def unanswered(centre: "Centre", want: do.Unanswered) -> None:
    info, record = centre.state.interactions.get(want.interaction), links.booked(centre, want.interaction)
    if info is not None and record is not None:
        surveys.unanswered(centre.history.state, _key(want, info, record), centre.now)
        question, why = want.question, want.why
        centre.history.note(
            want.interaction, centre.now, "unanswered", survey=want.survey, question=question, why=why
        )


def about(info: Interaction, record: Record) -> tuple[str, str]:
    """Queue and agent that a question was put about: when its answer comes, another agent may be in it."""
    return info.asked_about or (record.queue, record.agents[-1] if record.agents else "")


def _key(want: do.Asked | do.Answered | do.Unanswered, info: Interaction, record: Record) -> surveys.Key:
    return surveys.Key(want.survey, want.question, want.kind, *about(info, record))


def _remember(surveyed: dict[str, float], customer: str, now: float) -> None:
    surveyed.pop(customer, None)
    if len(surveyed) >= MOST_REMEMBERED:
        del surveyed[next(iter(surveyed))]
    surveyed[customer] = now


WANTS: dict[type, Callable[["Centre", Any], None]] = {
    do.Asked: asked,
    do.Answered: answered,
    do.Unanswered: unanswered,
}
"""What a flow with questions wants: a part of `consequences.CONSEQUENCES`."""
