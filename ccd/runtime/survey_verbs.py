"""Verbs about surveys: the answers that customers spoke, and whose files are kept."""

from typing import Any

from ccd.clock import Clock
from ccd.model.steps import AnyStep
from ccd.model.steps_surveys import Survey
from ccd.runtime import spoken_answers
from ccd.runtime.asking import Args, Call, look, unknown
from ccd.runtime.centre import Centre


class _Answers(Args, frozen=True):
    survey: str = ""
    """Empty: of all surveys."""


def verbs(centre: Centre, clock: Clock) -> dict[str, Call]:
    """The part of the control server's table that is about surveys."""

    def answers(asked: _Answers) -> list[dict[str, Any]]:
        rows = spoken_answers.listing(centre, clock.now(), asked.survey)
        known = {name for name, flow in centre.state.rules.flows.items() if any(map(_asks, flow.steps))}
        if asked.survey and asked.survey not in known and not rows:
            raise unknown("survey", asked.survey, known)
        return rows

    return {"survey.answers": look(answers, _Answers)}


def _asks(step: AnyStep) -> bool:
    return isinstance(step, Survey)
