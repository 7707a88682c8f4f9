"""Figures of surveys: what was asked and answered, by question, queue and agent; NPS, CSAT and CES of it.

Formulas and their sources stand in docs/kpi.md.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from ccd.history.figures import day_of
from ccd.history.own_calls import KEEP_DAYS
from ccd.history.state import HistoryState, SurveyFigures, SurveyKey
from ccd.model.steps_surveys import CES, CSAT, FREE, NPS

PROMOTER_FROM, DETRACTOR_TO = 9, 6
SATISFIED_FROM = 4


class Key(NamedTuple):
    """What a figure is of."""

    survey: str
    question: str
    kind: str
    queue: str
    agent: str


class SurveyReport(msgspec.Struct, frozen=True):
    """One line. `by` says of what: the whole `question`, one `queue`, or one `agent` of a queue."""

    by: str
    survey: str
    question: str
    kind: str
    queue: str
    agent: str
    asked: int
    answered: int
    response_pct: float | None
    """Answered of those asked."""
    nps: float | None
    """Percentage of promoters less that of detractors, -100 to 100."""
    csat_pct: float | None
    """Percentage of those who answered 4 or 5."""
    ces: float | None
    """Mean, 1 to 7."""
    low: int
    distribution: dict[str, int]
    """Answer → how many; scores in their order."""


def asked(state: HistoryState, key: Key, now: float) -> None:
    """A question was put."""
    for figures in _figures(state, key, now):
        figures.asked += 1


def answered(state: HistoryState, key: Key, answer: str, low: bool, now: float) -> None:
    """It was answered; words of one's own are counted, not kept here."""
    for figures in _figures(state, key, now):
        figures.answered += 1
        figures.low += low
        if key.kind != FREE:
            figures.answers[answer] = figures.answers.get(answer, 0) + 1


def unanswered(state: HistoryState, key: Key, now: float) -> None:
    """It was given up."""
    for figures in _figures(state, key, now):
        figures.given_up += 1


def report(state: HistoryState, now: float) -> list[SurveyReport]:
    """Today (UTC)."""
    return lines(state.surveys.get(day_of(now), {}))


def report_total(state: HistoryState) -> list[SurveyReport]:
    """Since the ledger began."""
    return lines(state.survey_totals)


def lines(by_key: Mapping[SurveyKey, SurveyFigures]) -> list[SurveyReport]:
    """A line a question, then its queues, then their agents."""
    found: list[SurveyReport] = []
    keys = [Key(*key) for key in sorted(by_key)]
    for question in dict.fromkeys(key[:3] for key in keys):
        own = [key for key in keys if key[:3] == question]
        found.append(_line("question", (*question, "", ""), [by_key[key] for key in own]))
        for queue in dict.fromkeys(key.queue for key in own):
            theirs = [key for key in own if key.queue == queue]
            found.append(_line("queue", (*question, queue, ""), [by_key[key] for key in theirs]))
            found += [_line("agent", _plain(key), [by_key[key]]) for key in theirs]
    return found


def _line(by: str, key: SurveyKey, parts: list[SurveyFigures]) -> SurveyReport:
    kind = key[2]
    counts: dict[str, int] = {}
    for part in parts:
        for answer, count in part.answers.items():
            counts[answer] = counts.get(answer, 0) + count
    asked, answered = sum(part.asked for part in parts), sum(part.answered for part in parts)
    scores = dict(_scores(counts)) if kind in (NPS, CSAT, CES) else {}
    return SurveyReport(
        by,
        *key,
        asked,
        answered,
        100.0 * answered / asked if asked else None,
        _nps(scores) if kind == NPS else None,
        _share(scores, range(SATISFIED_FROM, 6)) if kind == CSAT else None,
        _mean(scores) if kind == CES else None,
        sum(part.low for part in parts),
        {str(score): scores[score] for score in sorted(scores)} or dict(sorted(counts.items())),
    )


def _scores(counts: Mapping[str, int]) -> Iterator[tuple[int, int]]:
    yield from ((int(answer), count) for answer, count in counts.items())


def _nps(scores: Mapping[int, int]) -> float | None:
    promoters = _share(scores, range(PROMOTER_FROM, 11))
    detractors = _share(scores, range(DETRACTOR_TO + 1))
    return None if promoters is None or detractors is None else promoters - detractors


def _share(scores: Mapping[int, int], among: Iterable[int]) -> float | None:
    whole = sum(scores.values())
    return 100.0 * sum(scores.get(score, 0) for score in among) / whole if whole else None


def _mean(scores: Mapping[int, int]) -> float | None:
    whole = sum(scores.values())
    return sum(score * count for score, count in scores.items()) / whole if whole else None


def _plain(key: Key) -> SurveyKey:
    return (key.survey, key.question, key.kind, key.queue, key.agent)


def _figures(state: HistoryState, key: Key, now: float) -> tuple[SurveyFigures, SurveyFigures]:
    """Today's and the lasting ones."""
    day = day_of(now)
    if day not in state.surveys:
        for old in sorted(state.surveys)[: -(KEEP_DAYS - 1)]:
            del state.surveys[old]
    today, plain = state.surveys.setdefault(day, {}), _plain(key)
    return (
        today.setdefault(plain, SurveyFigures()),
        state.survey_totals.setdefault(plain, SurveyFigures()),
    )
