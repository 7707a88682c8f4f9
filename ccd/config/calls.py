"""Checks of flows that call each other: calls in a circle that never waits, and loops within a flow."""

from collections.abc import Iterator, Mapping
from itertools import pairwise

from ccd.config.circles import circles
from ccd.config.faults import Path
from ccd.config.values import Reader
from ccd.ivr.graph import Graph
from ccd.ivr.haste import Pace, Part
from ccd.model.rules import FlowRule
from ccd.model.steps_calling import Call


def called_by(flow: FlowRule) -> Iterator[tuple[int, str]]:
    """Each `call` of a flow: its place, and the flow called."""
    return ((at, step.flow) for at, step in enumerate(flow.steps) if isinstance(step, Call))


class Haste:
    """What flows do before they wait for anything: whether they may end so, and whom they may call so."""

    def __init__(self, flows: Mapping[str, FlowRule], pace: Pace = Pace.CALLS, part: Part = Part.ALL) -> None:
        self.pace = pace
        self._out: dict[str, list[int]] = {}
        self.graphs: dict[str, Graph] = {}
        """Those of the flows that have steps, at this pace."""
        while True:  # each round may find more that end at once, since what they call does
            ending = frozenset(self._out)
            self.graphs = {
                name: Graph(flow, ending, pace, part) for name, flow in flows.items() if flow.steps
            }
            hurried = {name: graph.hurried() for name, graph in self.graphs.items()}
            for name, graph in self.graphs.items():
                ways = (way for at, way in hurried[name].items() if graph.ends_at_once(at))
                if name not in ending and (out := min(ways, key=len, default=None)):
                    self._out[name] = out
            if ending == frozenset(self._out):
                break
        self._calls = {
            name: {
                step.flow: way
                for at, way in sorted(hurried[name].items(), key=lambda found: -len(found[1]))
                if isinstance(step := graph.flow.steps[at], Call)
            }
            for name, graph in self.graphs.items()
        }
        self.into = {name: sorted(calls) for name, calls in self._calls.items()}
        """Flow → those that it may call before it waits."""

    def loop(self, flow: str, loop: list[int]) -> str:
        """The steps of a loop in words; behind a call, those of the flow that is called."""
        return " → ".join(self._named(flow, at) for at in [*loop, loop[0]])

    def circle(self, circle: list[str]) -> str:
        """The steps by which flows call each other in a circle."""
        ways = [self._labels(flow, self._calls[flow][callee]) for flow, callee in pairwise(circle)]
        return " → ".join(step for way in ways for step in way)

    def _named(self, flow: str, at: int) -> str:
        step, label = self.graphs[flow].flow.steps[at], self._label(flow, at)
        if not isinstance(step, Call) or step.flow not in self._out:
            return label
        return f"{label} ({' → '.join(self._labels(step.flow, self._out[step.flow]))})"

    def _labels(self, flow: str, way: list[int]) -> list[str]:
        return [f"{flow}/{self._label(flow, at)}" for at in way]

    def _label(self, flow: str, at: int) -> str:
        return self.graphs[flow].flow.steps[at].id or f"steps[{at}]"


class Endless:
    """Loops that go round for ever without waiting, within flows and by calls: once in, nobody comes out."""

    def __init__(self, flows: Mapping[str, FlowRule]) -> None:
        self._parts = [Haste(flows, part=part) for part in (Part.FIRM, Part.STILL)]

    def circles(self) -> dict[tuple[str, ...], str]:
        """Flows that call each other in a circle → the steps, in words."""
        found: dict[tuple[str, ...], str] = {}
        for haste in self._parts:
            for circle in circles(haste.into):
                found.setdefault(tuple(circle), haste.circle(circle))
        return found

    def loops(self, flow: str) -> dict[tuple[int, ...], str]:
        """Loops in a flow → the steps, in words."""
        found: dict[tuple[int, ...], str] = {}
        for haste in self._parts:
            for loop in haste.graphs[flow].sleepless() if flow in haste.graphs else ():
                if not any(set(loop) & set(other) for other in found):
                    found[tuple(loop)] = haste.loop(flow, loop)
        return found


def check_calls(reader: Reader, endless: Endless) -> None:
    """Fault for each circle of calls in which nothing waits."""
    for circle, steps in endless.circles().items():
        path: Path = ("flows", circle[0])
        cure = "put a step that takes time before one of the calls (play, menu, queue), or take one out"
        problem = f"calls go in a circle without waiting: {' → '.join(circle)}, by the steps {steps}"
        reader.fault(path, problem, cure)


def check_loops(reader: Reader, endless: Endless, flow: str) -> None:
    """Fault for each loop in a flow in which nothing waits."""
    for loop, steps in endless.loops(flow).items():
        cure = "put a step that takes time into the loop (play, menu, queue), or end it"
        reader.fault(("flows", flow, "steps", loop[0]), f"loops for ever without waiting: {steps}", cure)
