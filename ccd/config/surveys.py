"""Checks of surveys: questions that can be asked, rules that fit their flow, and what comes after a call."""

from ccd.config.faults import Path, did_you_mean, listed
from ccd.config.people import must_be_known
from ccd.config.queues import check_condition
from ccd.config.values import Reader
from ccd.model.rules import FlowRule, SurveyRule
from ccd.model.settings import Settings
from ccd.model.steps_surveys import CHOICE, FREE, SCALES, Survey

_CHOICE_KEYS = "0123456789#"
_TAKEN = ("agent", "language", "priority", "queue", "tags", "talked_s")
"""Variables that mean something else."""


def check_surveys(reader: Reader, settings: Settings) -> None:
    """All checks of this file."""
    rules = settings.rules
    for queue in rules.queues.values():
        if queue.after_call:
            must_be_known(reader, ("queues", queue.name, "after_call"), queue.after_call, "flows")
    for flow in rules.flows.values():
        raw = reader.document.get(("flows", flow.name, "steps"))
        if isinstance(raw, list) and len(raw) == len(flow.steps):
            _questions(reader, flow)
    for survey in rules.surveys.values():
        _survey(reader, settings, ("surveys", survey.name), survey)


def _survey(reader: Reader, settings: Settings, path: Path, survey: SurveyRule) -> None:
    rules = settings.rules
    flow = rules.flows.get(survey.name)
    if must_be_known(reader, path, survey.name, "flows") and flow is not None:
        kinds = {step.kind for step in flow.steps if isinstance(step, Survey)}
        if not kinds:
            cure = 'give it a step with do = "survey", or remove this table'
            reader.fault(path, f'the flow "{survey.name}" asks nothing', cure)
        for kind, least in survey.alert_below.items():
            _alert(reader, (*path, "alert_below", kind), kind, least, kinds)
        if not any(queue.after_call == survey.name for queue in rules.queues.values()):
            where = reader.document.place(path)
            cure = f'set after_call = "{survey.name}" in the queues that it is for'
            problem = "no queue has it as after_call: whom it asks is not looked at"
            reader.faults.add(where, path, problem, cure, warning=True)
    if survey.only:
        check_condition(reader, (*path, "only"), survey.only, rules.queues)
    if survey.recall_queue:
        must_be_known(reader, (*path, "recall_queue"), survey.recall_queue, "queues")
        if not survey.alert_below:
            cure = "set alert_below, e.g. { nps = 7 }, or remove it"
            reader.fault((*path, "recall_queue"), "can never happen: no score is low", cure)


def _alert(reader: Reader, path: Path, kind: str, least: int, kinds: set[str]) -> None:
    if kind not in SCALES:
        cure = did_you_mean(kind, SCALES, f"use one of: {listed(SCALES)}")
        reader.fault(path, f'"{kind}" is no kind of question with a score', cure)
    elif kind not in kinds:
        reader.fault(path, f"the flow asks no question of the kind {kind}", "remove it")
    elif not SCALES[kind][0] < least <= SCALES[kind][1]:
        low, high = SCALES[kind]
        cure = "choose such a score"
        reader.fault(path, f"must be from {low + 1} to {high}, is {least}", cure)


def _questions(reader: Reader, flow: FlowRule) -> None:
    firsts: dict[str, int] = {}
    for at, step in enumerate(flow.steps):
        if not isinstance(step, Survey):
            continue
        path: Path = ("flows", flow.name, "steps", at)
        first = firsts.setdefault(step.name, at)
        if flow.steps[first] != step and first != at:
            place = reader.document.place(("flows", flow.name, "steps", first, "name"))
            cure = f"give it another name; the other stands in {place}"
            reader.fault((*path, "name"), f'the question "{step.name}" is asked twice', cure)
        if step.name in _TAKEN:
            problem = f'"{step.name}" is a variable that means something else'
            reader.fault((*path, "name"), problem, 'choose another name, e.g. name = "recommend"')
        _choices(reader, path, step)
        if not step.question() and not step.say:
            reader.fault(path, "asks nothing", "set prompt, say or both")
        _aloud(reader, path, step)


def _aloud(reader: Reader, path: Path, step: Survey) -> None:
    """What is said of spoken answers fits together."""
    if step.kind != FREE:
        return
    if step.prompt and not step.spoken:
        cure = "remove it and set say, or remove spoken = false"
        reader.fault((*path, "prompt"), "can never be heard: the question is asked in writing only", cure)
    if step.min_s >= step.max_s:
        problem = f"throws every spoken answer away: none is longer than max_s, {step.max_s:g}"
        reader.fault((*path, "min_s"), problem, "lower min_s, or raise max_s")


def _choices(reader: Reader, path: Path, step: Survey) -> None:
    here: Path = (*path, "choices")
    if step.kind != CHOICE:
        if step.choices:
            cure = 'write kind = "choice", or remove it'
            reader.fault(here, f'means nothing to a question of the kind "{step.kind}"', cure)
        return
    if not step.choices:
        reader.fault(here, "offers no answer", 'write choices = { 1 = "yes", 2 = "no" }')
    for key in step.choices:
        if len(key) != 1 or key not in _CHOICE_KEYS:
            problem = f'"{key}" is no key for an answer'
            reader.fault((*here, key), problem, "use one of 0-9 and #; * skips the question")
