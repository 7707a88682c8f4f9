"""`ccctl flow check`: the faults of `ccctl check` that concern flows, and what is odd in their shape.

The odd is told as warnings: loops without a way out, menus that offer none, dead ends, flows that nothing
leads to. They stop no start.
"""

import os
from pathlib import Path as FilePath

from ccd.config.calls import called_by
from ccd.config.circles import circles
from ccd.config.faults import Fault, Path, did_you_mean, listed, written
from ccd.config.leading import entries
from ccd.config.load import check
from ccd.config.loops import check_hurry
from ccd.config.values import Reader
from ccd.errors import Refused
from ccd.ivr.calling import MOST_CALLS
from ccd.ivr.graph import Graph
from ccd.ivr.moves import ELSEWHERE_STEPS
from ccd.model.rules import FlowRule
from ccd.model.settings import Settings
from ccd.model.steps import Enqueue, Menu
from ccd.model.steps_outside import Send


def check_flows(path: FilePath, flow: str = "") -> tuple[bool, list[str], tuple[Fault, ...]]:
    """Whether there is no fault, the flows looked at, and faults and warnings, by file and line.

    Raises `Refused` when there is no flow of the name. Faults that stand elsewhere in the files are not told,
    but those of files that cannot be read.
    """
    known: list[str] = []

    def look(reader: Reader, settings: Settings) -> None:
        raw = reader.document.tree.get("flows")
        known.extend(raw if isinstance(raw, dict) else ())
        check_shapes(reader, settings)

    _, faults = check(path, environ=os.environ, look_closer=look)
    if flow and known and flow not in known:
        cure = did_you_mean(flow, known, f"there are: {listed(known)}")
        raise Refused("flow.unknown", f"there is no flow {flow!r} — {cure}")
    found = tuple(fault for fault in faults if _concerns(fault, flow))
    looked_at = [flow] if flow else known
    return not any(not fault.warning for fault in found), looked_at, found


def _concerns(fault: Fault, flow: str) -> bool:
    whole = written(("flows", flow)) if flow else "flows"
    if not fault.key:  # a file that cannot be read
        return True
    return fault.key == whole or fault.key.startswith((f"{whole}.", f"{whole}["))


def check_shapes(reader: Reader, settings: Settings) -> None:
    """Warn of what is odd in each flow, and between them."""
    flows = settings.rules.flows
    led_to = entries(reader.document)
    sound: set[str] = set()
    called = {name: {callee for _, callee in called_by(flow)} for name, flow in flows.items()}
    leads = {name: called[name] | _linked(flow) for name, flow in flows.items()}
    live = _live(set(flows) & led_to, leads)
    for name, flow in flows.items():
        path: Path = ("flows", name)
        if name not in live:
            cure = "name it in [numbers], in a queue or in a call, or remove it"
            _warn(reader, path, "nothing leads to this flow", cure)
        raw = reader.document.get((*path, "steps"))
        whole = isinstance(raw, list) and len(raw) == len(flow.steps) > 0
        graph = Graph(flow)
        if whole and all(to in graph.ids for step in flow.steps for to in step.targets().values()):
            _shape(reader, path, graph)
            sound.add(name)
    check_hurry(reader, settings, sound)
    for circle in circles({name: sorted(callees) for name, callees in called.items()}):
        names = " → ".join(circle)
        cure = f"end it within {MOST_CALLS} calls, or go back by return: one more hangs up"
        _warn(reader, ("flows", circle[0]), f"calls go in a circle: {names}", cure)


def _linked(flow: FlowRule) -> set[str]:
    """Flows that links in its messages open."""
    return {step.link.flow for step in flow.steps if isinstance(step, Send) and step.link is not None}


def _live(start: set[str], called: dict[str, set[str]]) -> set[str]:
    seen, left = set(start), list(start)
    while left:
        more = called.get(left.pop(), set()) - seen
        seen |= more
        left += more
    return seen


def _shape(reader: Reader, path: Path, graph: Graph) -> None:
    flow = graph.flow
    for group in graph.endless():
        names = ", ".join(label_of(flow, at) for at in group[:6]) + (", …" if len(group) > 6 else "")
        cure = "let one of these steps lead to a queue, a hangup or a return"
        problem = f"a loop without a way out: {names}"
        _warn(reader, (*path, "steps", group[0]), problem, cure)
    for at in sorted(graph.reached()):
        step, here = flow.steps[at], (*path, "steps", at)
        if isinstance(step, Menu):
            _menu(reader, here, graph, at, step)
        elif isinstance(step, Enqueue) and at + 1 == len(flow.steps) and _gives_back(reader, step):
            cure = "add steps that say why and what to do, or give the queue an overflow"
            _warn(reader, here, "hangs up without a word when the queue gives the caller back", cure)
        if (kept := getattr(step, "on_kept", "")) and (late := _led_elsewhere(graph, kept)) is not None:
            cure = "let the steps after it speak, ask or hang up; at such a step the line goes down"
            problem = (
                f"leads to {label_of(flow, late)}, which means nothing once callback or message are kept"
            )
            _warn(reader, (*here, "on_kept"), problem, cure)
        if kept and graph.ids[kept] == at + 1 and step.goes_on():
            cure = "put a step between that says so, or a goto elsewhere"
            problem = f"{kept} is come to when nothing is kept, too: it is the next step"
            _warn(reader, (*here, "on_kept"), problem, cure)


def _led_elsewhere(graph: Graph, start: str) -> int | None:
    """A step that can be come to from one, and that takes nobody whose place is kept; None: there is none."""
    seen, left = set(), [graph.ids[start]]
    while left:
        at = left.pop()
        if at not in seen:
            seen.add(at)
            left += graph.next(at)
    return min((at for at in seen if isinstance(graph.flow.steps[at], ELSEWHERE_STEPS)), default=None)


def _menu(reader: Reader, path: Path, graph: Graph, at: int, step: Menu) -> None:
    """A way out is a key that leads elsewhere than back into the menu."""
    elsewhere = [key for key, to in step.choices.items() if graph.ids.get(to, at) != at]
    if step.choices and not elsewhere:
        _warn(reader, path, "offers no way out: every key leads back to it", "let a key lead elsewhere")
    for key, limit in (("on_no_input", "no_input_limit"), ("on_bad_input", "bad_input_limit")):
        if not getattr(step, key):
            cure = f"set {key} to a step that helps, or says goodbye"
            _warn(reader, (*path, key), f"hangs up without a word after {limit}", cure)


def _gives_back(reader: Reader, step: Enqueue) -> bool:
    """Whether a queue has no target of its own for those whom it cannot serve, or none may be found."""
    if step.among and not step.on_unknown:
        return True
    found = [reader.document.get(("queues", name)) for name in step.queues()]
    return any(isinstance(raw, dict) and not raw.get("overflow") for raw in found)


def label_of(flow: FlowRule, at: int) -> str:
    """A step for people: its id, or `#` and its place from 1."""
    return flow.steps[at].id or f"#{at + 1}"


def _warn(reader: Reader, path: Path, problem: str, cure: str) -> None:
    reader.faults.add(reader.document.place(path), path, problem, cure, warning=True)
