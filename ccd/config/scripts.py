"""Checks of flows: step ids, targets, keys, steps that nothing reaches, loops that never wait."""

from collections import deque
from collections.abc import Iterator, Mapping

from ccd.config.faults import Path, did_you_mean, listed
from ccd.config.people import must_be_known, must_be_number
from ccd.config.queues import all_skills, check_condition, check_requirement
from ccd.config.values import Reader
from ccd.model.rules import (
    Answer,
    AnyStep,
    Branch,
    CallBack,
    Collect,
    Enqueue,
    FlowRule,
    Goto,
    Hangup,
    Hours,
    Menu,
    Rules,
    Set,
    Transfer,
)
from ccd.model.settings import Settings

KEYS = "0123456789*#"
TIMELESS = (Answer, Set, Goto, Hours)
"""Steps that take no time: a loop of these alone never ends."""


def check_scripts(reader: Reader, settings: Settings) -> None:
    """All checks of this file, for every flow whose steps could be read."""
    for flow in settings.rules.flows.values():
        path: Path = ("flows", flow.name)
        raw = reader.document.get((*path, "steps"))
        if not flow.steps and not raw:
            reader.fault((*path, "steps"), "has no step", f"add [[flows.{flow.name}.steps]] tables")
        if not isinstance(raw, list) or len(raw) != len(flow.steps):
            continue  # a step is missing here: what follows it cannot be judged
        script = Script(flow)
        _ids(reader, path, script)
        for at, step in enumerate(flow.steps):
            _step(reader, settings, (*path, "steps", at), step, script)
        _paths(reader, path, script)


class Script:
    """A flow's steps as a graph."""

    __slots__ = ("flow", "ids")

    def __init__(self, flow: FlowRule) -> None:
        self.flow = flow
        self.ids: dict[str, int] = {}
        for at, step in enumerate(flow.steps):
            if step.id:
                self.ids.setdefault(step.id, at)

    def next(self, at: int) -> Iterator[int]:
        """Steps that may follow; none where the flow may end."""
        step = self.flow.steps[at]
        for name in targets(step).values():
            if name in self.ids:
                yield self.ids[name]
        elsewhere = (isinstance(step, Branch) and step.otherwise) or (
            isinstance(step, Hours) and step.open and step.closed
        )
        if not (elsewhere or isinstance(step, Menu | Goto | Hangup)) and at + 1 < len(self.flow.steps):
            yield at + 1

    def reached(self) -> set[int]:
        """Steps that can be reached from the first."""
        seen = {0}
        left = [0]
        while left:
            for follower in self.next(left.pop()):
                if follower not in seen:
                    seen.add(follower)
                    left.append(follower)
        return seen

    def sleepless(self) -> Iterator[list[int]]:
        """Loops of steps that all take no time: each step that is in one comes in one of those told."""
        steps = self.flow.steps
        quick = {
            at: [follower for follower in self.next(at) if isinstance(steps[follower], TIMELESS)]
            for at in range(len(steps))
            if isinstance(steps[at], TIMELESS)
        }
        told: set[int] = set()
        for start in quick:
            loop = [] if start in told else _way_back(start, quick)
            if loop:
                told.update(loop)
                yield loop


def _way_back(start: int, into: Mapping[int, list[int]]) -> list[int]:
    """The shortest way from a step to itself, without the end; empty: there is none."""
    came: dict[int, int] = {}
    left = deque([start])
    while left:
        at = left.popleft()
        for follower in into[at]:
            if follower == start:
                way = [at]
                while way[-1] != start:
                    way.append(came[way[-1]])
                return way[::-1]
            if follower not in came:
                came[follower] = at
                left.append(follower)
    return []


def targets(step: AnyStep) -> dict[str, str]:
    """Steps that a step names: key in the file (`choices.1`, `on_no_input`, `step`) → id."""
    if isinstance(step, Goto):
        return {"step": step.step}
    if isinstance(step, Branch):
        cases = {f"cases.{at}.step": case.step for at, case in enumerate(step.cases)}
        return cases | ({"otherwise": step.otherwise} if step.otherwise else {})
    if isinstance(step, Collect):
        return {"on_none": step.on_none} if step.on_none else {}
    if isinstance(step, CallBack):
        return {"on_refused": step.on_refused} if step.on_refused else {}
    if isinstance(step, Hours):
        ways = {"open": step.open, "closed": step.closed}
        ways |= {f"closed_by.{cause}": target for cause, target in step.closed_by.items()}
        return {key: target for key, target in ways.items() if target}
    if not isinstance(step, Menu):
        return {}
    named = {f"choices.{key}": target for key, target in step.choices.items()}
    for name in ("on_no_input", "on_bad_input"):
        if getattr(step, name):
            named[name] = getattr(step, name)
    return named


def _where(key: str) -> Path:
    """The path of a key of `targets`."""
    word, dot, rest = key.partition(".")
    if word == "cases":
        at, _, rest = rest.partition(".")
        return (word, int(at), rest)
    return (word, rest) if dot else (word,)


def _ids(reader: Reader, path: Path, script: Script) -> None:
    for at, step in enumerate(script.flow.steps):
        if step.id and script.ids[step.id] != at:
            here: Path = (*path, "steps", at, "id")
            first = reader.document.place((*path, "steps", script.ids[step.id], "id"))
            reader.fault(here, f'the id "{step.id}" is used twice', f"rename it; the other stands in {first}")


def _step(reader: Reader, settings: Settings, path: Path, step: AnyStep, script: Script) -> None:
    for key, target in targets(step).items():
        if target not in script.ids:
            here: Path = (*path, *_where(key))
            cure = did_you_mean(target, script.ids, f"ids in this flow: {listed(script.ids)}")
            reader.fault(here, f'there is no step with the id "{target}" in this flow', cure)
    match step:
        case Menu():
            _menu(reader, path, step)
        case Enqueue():
            must_be_known(reader, (*path, "queue"), step.queue, "queues")
            check_requirement(reader, (*path, "requirement"), step.requirement, all_skills(settings))
            if step.prefer:
                must_be_known(reader, (*path, "prefer"), step.prefer, "agents")
        case CallBack():
            if step.queue or not asked_aside(settings.rules, path[1]):
                must_be_known(reader, (*path, "queue"), step.queue, "queues")
        case Transfer():
            must_be_number(reader, (*path, "address"), step.address, settings.daemon.country)
        case Branch():
            _branch(reader, settings, path, step)
        case Hours():
            _hours(reader, path, step)
        case Set():
            _set(reader, path, step)


def _branch(reader: Reader, settings: Settings, path: Path, step: Branch) -> None:
    if not step.cases:
        reader.fault((*path, "cases"), "has no case", 'write cases = [{ when = "…", step = "id" }]')
    for at, case in enumerate(step.cases):
        check_condition(reader, (*path, "cases", at, "when"), case.when, settings.rules.queues)


def asked_aside(rules: Rules, flow: str | int) -> bool:
    """Whether a key of some queue begins this flow while its caller waits."""
    return any(queue.callback is not None and queue.callback.flow == flow for queue in rules.queues.values())


def _menu(reader: Reader, path: Path, step: Menu) -> None:
    if not step.choices:
        reader.fault((*path, "choices"), "offers no key", 'write choices = { 1 = "id of a step" }')
    for key in step.choices:
        if len(key) != 1 or key not in KEYS:
            here: Path = (*path, "choices", key)
            reader.fault(here, f'"{key}" is no key of a telephone', "use one of 0-9, * and #")


def _hours(reader: Reader, path: Path, step: Hours) -> None:
    must_be_known(reader, (*path, "calendar"), step.calendar, "calendars")
    for cause, target in step.closed_by.items():
        if not target:
            here: Path = (*path, "closed_by", str(cause))
            reader.fault(here, "names no step", "write the id of a step, or leave the cause out")
    if not step.open and not step.closed and not step.closed_by:
        cure = "name a step for open, closed or both; the other goes on with the next step"
        reader.fault(path, "goes on alike whether it is open or closed", cure)


def _set(reader: Reader, path: Path, step: Set) -> None:
    priority = step.values.get("priority")
    if priority is not None and not priority.removeprefix("-").isdecimal():
        here: Path = (*path, "values", "priority")
        reader.fault(here, f'must be a whole number, is "{priority}"', 'write e.g. priority = "5"')


def _paths(reader: Reader, path: Path, script: Script) -> None:
    if not script.flow.steps:
        return
    loose = sorted(set(range(len(script.flow.steps))) - script.reached())
    for at in loose:
        if at - 1 not in loose:  # one fault a run of such steps
            here: Path = (*path, "steps", at)
            cure = "give it an id that a step before goes to, or remove it"
            reader.fault(here, "can never be reached", cure)
    for loop in script.sleepless():
        names = " → ".join(script.flow.steps[at].id or f"steps[{at}]" for at in [*loop, loop[0]])
        cure = "put a step that takes time into the loop (play, menu, queue), or end it"
        reader.fault((*path, "steps", loop[0]), f"loops for ever without waiting: {names}", cure)
