"""Checks of flows: step ids, targets, keys, steps that nothing reaches, loops that never wait."""

from ccd.config.calls import Endless, check_calls, check_loops
from ccd.config.computed import check_queue, check_values
from ccd.config.faults import Path, did_you_mean, listed
from ccd.config.keyed import check_collect
from ccd.config.people import must_be_known, must_be_number
from ccd.config.queues import all_skills, check_condition, check_requirement
from ccd.config.screens import check_screen
from ccd.config.speech import (
    check_confirm,
    check_keys,
    check_language,
    check_menu_words,
    check_says,
    check_whole,
)
from ccd.config.values import Reader
from ccd.config.voicemail import check_step
from ccd.ivr.graph import Graph
from ccd.model.rules import Rules
from ccd.model.settings import Settings
from ccd.model.steps import AnyStep, Branch, CallBack, Enqueue, Hours, Menu, Set, Transfer
from ccd.model.steps_calling import Call
from ccd.model.steps_keys import Collect
from ccd.model.steps_speech import Confirm, Language
from ccd.model.steps_voicemail import Voicemail


def check_scripts(reader: Reader, settings: Settings) -> None:
    """All checks of this file, for every flow whose steps could be read."""
    endless = Endless(settings.rules.flows)
    check_calls(reader, endless)
    for flow in settings.rules.flows.values():
        path: Path = ("flows", flow.name)
        raw = reader.document.get((*path, "steps"))
        if not flow.steps and not raw:
            reader.fault((*path, "steps"), "has no step", f"add [[flows.{flow.name}.steps]] tables")
        if not isinstance(raw, list) or len(raw) != len(flow.steps):
            continue  # a step is missing here: what follows it cannot be judged
        graph = Graph(flow)
        _ids(reader, path, graph)
        for at, step in enumerate(flow.steps):
            _step(reader, settings, (*path, "steps", at), step, graph)
        _paths(reader, path, graph)
        check_loops(reader, endless, flow.name)


def _ids(reader: Reader, path: Path, graph: Graph) -> None:
    for at, step in enumerate(graph.flow.steps):
        if step.id and graph.ids[step.id] != at:
            here: Path = (*path, "steps", at, "id")
            first = reader.document.place((*path, "steps", graph.ids[step.id], "id"))
            reader.fault(here, f'the id "{step.id}" is used twice', f"rename it; the other stands in {first}")


def _step(reader: Reader, settings: Settings, path: Path, step: AnyStep, graph: Graph) -> None:
    for key, target in step.targets().items():
        if target not in graph.ids:
            here: Path = (*path, *key)
            cure = did_you_mean(target, graph.ids, f"ids in this flow: {listed(graph.ids)}")
            reader.fault(here, f'there is no step with the id "{target}" in this flow', cure)
    check_says(reader, path, step, settings.rules.queues)
    check_whole(reader, path, step)
    match step:
        case Menu():
            _menu(reader, path, step)
            check_menu_words(reader, path, step)
        case Language():
            check_language(reader, path, step)
        case Confirm():
            check_confirm(reader, path, step)
        case Enqueue():
            check_queue(reader, path, step)
            check_requirement(reader, (*path, "requirement"), step.requirement, all_skills(settings))
            check_screen(reader, path, step)
            if step.prefer:
                must_be_known(reader, (*path, "prefer"), step.prefer, "agents")
        case CallBack():
            _call_back(reader, settings.rules, path, step)
        case Voicemail():
            check_step(reader, path, step)
        case Transfer():
            must_be_number(reader, (*path, "address"), step.address, settings.daemon.country)
        case Branch():
            _branch(reader, settings, path, step)
        case Hours():
            _hours(reader, path, step)
        case Call():
            must_be_known(reader, (*path, "flow"), step.flow, "flows")
            check_values(reader, path, step)
        case Set():
            check_values(reader, path, step)
        case Collect():
            check_collect(reader, path, step)


def _call_back(reader: Reader, rules: Rules, path: Path, step: CallBack) -> None:
    if step.queue or not asked_aside(rules, path[1]):
        check_queue(reader, path, step)
    if step.calendar:
        must_be_known(reader, (*path, "calendar"), step.calendar, "calendars")
    queues = [rules.queues.get(name) for name in step.queues()] or [None]
    if step.at and not step.calendar and not all(queue is not None and queue.calendar for queue in queues):
        cure = 'set calendar here or for the queue, e.g. calendar = "office"'
        reader.fault((*path, "at"), "is a time of no calendar, so of no time zone", cure)


def _branch(reader: Reader, settings: Settings, path: Path, step: Branch) -> None:
    if not step.cases:
        reader.fault((*path, "cases"), "has no case", 'write cases = [{ when = "…", step = "id" }]')
    for at, case in enumerate(step.cases):
        check_condition(reader, (*path, "cases", at, "when"), case.when, settings.rules.queues)


def asked_aside(rules: Rules, flow: str | int) -> bool:
    """Whether a key of some queue begins this flow while its caller waits."""
    return any(
        (queue.callback is not None and queue.callback.flow == flow)
        or any(key.flow == flow for key in queue.keys.values())
        for queue in rules.queues.values()
    )


def _menu(reader: Reader, path: Path, step: Menu) -> None:
    if not step.choices and reader.document.get((*path, "choices")) is not None:
        reader.fault((*path, "choices"), "offers no key", 'write choices = { 1 = "id of a step" }')
    check_keys(reader, path, step.choices)


def _hours(reader: Reader, path: Path, step: Hours) -> None:
    must_be_known(reader, (*path, "calendar"), step.calendar, "calendars")
    for cause, target in step.closed_by.items():
        if not target:
            here: Path = (*path, "closed_by", str(cause))
            reader.fault(here, "names no step", "write the id of a step, or leave the cause out")
    if not step.open and not step.closed and not step.closed_by:
        cure = "name a step for open, closed or both; the other goes on with the next step"
        reader.fault(path, "goes on alike whether it is open or closed", cure)


def _paths(reader: Reader, path: Path, graph: Graph) -> None:
    if not graph.flow.steps:
        return
    loose = sorted(set(range(len(graph.flow.steps))) - graph.reached())
    for at in loose:
        if at - 1 not in loose:  # one fault a run of such steps
            here: Path = (*path, "steps", at)
            cure = "give it an id that a step before goes to, or remove it"
            reader.fault(here, "can never be reached", cure)
