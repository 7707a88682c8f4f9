"""Answers to surveys that customers speak: kept as files beside the record, listed, and deleted in time.

They are kept as long as `keep_days` of their survey says, else as that of `voicemail` of the queue whose
conversation they are about; counted from the end of the interaction, as its last answer is given then.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ccd.bridging import answers
from ccd.bridging import events as ev
from ccd.bridging.state import SpokenAnswer
from ccd.history import surveys
from ccd.history.state import Record, SurveyAnswer
from ccd.ivr import do
from ccd.model.steps_surveys import FREE
from ccd.runtime import deletions
from ccd.runtime.state import Interaction, KeptAnswer

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre

MOST_LISTED = 10_000
"""Then the oldest is listed no more; its record and its day of deletion stay."""


def _take(centre: "Centre", want: do.TakeAnswer) -> None:
    talk = centre.talks.get(want.interaction)
    if talk is not None:
        centre.history.note(
            want.interaction, centre.now, "speaks an answer", survey=want.survey, question=want.question
        )
        answer = SpokenAnswer(want.survey, want.question, want.min_s)
        answers.take(centre.talks, talk, answer, want.silence_s)


def _end(centre: "Centre", want: do.EndAnswer) -> None:
    talk = centre.talks.get(want.interaction)
    if talk is not None:
        answers.stop(centre.talks, talk, centre.now, dropped=want.dropped)


def _spoken(centre: "Centre", event: ev.AnswerSpoken) -> None:
    """The answer is whole, or there was none: keep it, and go on unless the customer hung up."""
    info, record = centre.state.interactions.get(event.interaction), centre.history.record(event.interaction)
    if event.unwanted:
        deletions.keep(centre, event.unwanted, 0.0)
    if info is None or record is None:
        return
    if event.path:
        _keep(centre, info, record, event)
    talk = centre.talks.get(event.interaction)
    if talk is not None and not talk.customer_gone:
        kept = event.recording if event.path else ""
        centre.push(centre.flows.answer_spoken(event.interaction, kept, centre.now))


def _keep(centre: "Centre", info: Interaction, record: Record, event: ev.AnswerSpoken) -> None:
    now, seconds = centre.now, round(event.seconds, 1)
    agent = record.agents[-1] if record.agents else ""
    key = surveys.Key(event.survey, event.question, FREE, record.queue, agent)
    surveys.answered(centre.history.state, key, event.recording, False, now)
    record.answers = [
        *record.answers,
        SurveyAnswer(now, *key[:3], event.recording, *key[3:], event.path, seconds),
    ]
    centre.history.note(
        info.id, now, "answered", survey=event.survey, question=event.question, seconds=seconds
    )
    listed = centre.state.spoken_answers
    listed.pop(event.path, None)
    if len(listed) >= MOST_LISTED:
        del listed[next(iter(listed))]
    listed[event.path] = KeptAnswer(
        now, info.id, event.survey, event.question, key.queue, agent, event.recording, seconds
    )


def over(centre: "Centre", info: Interaction) -> None:
    """An interaction is over: the files of its spoken answers are kept so much longer."""
    record = centre.history.record(info.id)
    for answer in record.answers if record is not None else ():
        if answer.path and (days := _keep_days(centre, answer)) is not None:
            deletions.keep(centre, answer.path, days)


def _keep_days(centre: "Centre", answer: SurveyAnswer) -> float | None:
    rules = centre.state.rules
    survey, queue = rules.surveys.get(answer.survey), rules.queues.get(answer.queue)
    if survey is not None and survey.keep_days is not None:
        return survey.keep_days
    return queue.voicemail.keep_days if queue is not None and queue.voicemail is not None else None


def listing(centre: "Centre", now: float, survey: str = "") -> list[dict[str, Any]]:
    """Those whose files are kept, the latest first; `age_s`: since they were spoken."""
    return [
        {
            "interaction": each.interaction,
            "survey": each.survey,
            "question": each.question,
            "queue": each.queue,
            "agent": each.agent,
            "recording": each.recording,
            "seconds": each.seconds,
            "age_s": now - each.at,
            "path": path,
        }
        for path, each in reversed(centre.state.spoken_answers.items())
        if not survey or each.survey == survey
    ]


CONSEQUENCES: dict[type, Callable[["Centre", Any], None]] = {
    do.TakeAnswer: _take,
    do.EndAnswer: _end,
    ev.AnswerSpoken: _spoken,
}
"""To be added to those of `ccd.runtime.consequences`."""
