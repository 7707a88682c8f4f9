"""Checks of flows that run beside something else: while their caller waits, or is in conversation.

There an agent may have the line at any moment, so nothing that the caller says can be recorded for the flow:
a question that is answered aloud would be left out (`ccd.ivr.surveying`).
"""

from collections.abc import Iterator

from ccd.config.faults import Path
from ccd.config.values import Reader
from ccd.ivr.graph import Graph
from ccd.ivr.moves import LEAVING_STEPS
from ccd.model.rules import Rules
from ccd.model.settings import Settings
from ccd.model.steps import CallBack
from ccd.model.steps_calling import Call
from ccd.model.steps_surveys import FREE, Survey


def check_beside(reader: Reader, settings: Settings) -> None:
    """Fault for each spoken answer that a flow beside a wait or a conversation asks for."""
    rules = settings.rules
    graphs = {name: Graph(flow) for name, flow in rules.flows.items() if flow.steps}
    for flow, why in _begun(rules):
        for name, at in sorted(_reached(graphs, flow)):
            step = rules.flows[name].steps[at]
            if isinstance(step, Survey) and step.kind == FREE and step.can_ask(in_writing=False):
                path: Path = ("flows", name, "steps", at)
                cure = (
                    "ask it after the call (after_call), let another flow without it run here, "
                    "or write spoken = false: then it is asked in writing only"
                )
                problem = f'"{step.name}" is answered aloud, which cannot be {why}: it would be left out'
                reader.fault(path, problem, cure)


def _begun(rules: Rules) -> Iterator[tuple[str, str]]:
    """Flows that run beside something, and when."""
    for queue in rules.queues.values():
        rule = queue.callback
        if rule is not None and rule.flow:
            yield rule.flow, f'while the caller waits (key {rule.key} of the queue "{queue.name}")'
        for key, does in queue.keys.items():
            if does.flow:
                yield does.flow, f'while the caller waits (key {key} of the queue "{queue.name}")'
    for flow in rules.flows.values():
        if flow.code:
            yield flow.name, f"beside a conversation (an agent dials {flow.code})"


def _reached(graphs: dict[str, Graph], flow: str) -> set[tuple[str, int]]:
    """Steps that are come to before the flow ends: at those that would leave it does, and a kept callback
    sets the line free."""
    seen: set[tuple[str, int]] = set()
    left = [(flow, 0)]
    while left:
        name, at = left.pop()
        graph = graphs.get(name)
        if graph is None or at >= len(graph.flow.steps) or (name, at) in seen:
            continue
        seen.add((name, at))
        step = graph.flow.steps[at]
        if isinstance(step, LEAVING_STEPS):
            continue
        if isinstance(step, Call):
            left.append((step.flow, 0))
        kept = graph.ids.get(step.on_kept) if isinstance(step, CallBack) and step.on_kept else None
        left += [(name, after) for after in graph.next(at) if after != kept or after == at + 1]
    return seen
