"""Checks of flows that call each other: unknown flows, and calls in a circle that never waits."""

from collections.abc import Iterator, Mapping

from ccd.config.circles import circles
from ccd.config.faults import Path
from ccd.config.values import Reader
from ccd.ivr.graph import Graph
from ccd.model.rules import FlowRule
from ccd.model.steps_calling import Call


def called_by(flow: FlowRule) -> Iterator[tuple[int, str]]:
    """Each `call` of a flow: its place, and the flow called."""
    return ((at, step.flow) for at, step in enumerate(flow.steps) if isinstance(step, Call))


class Haste:
    """What flows do before they wait for anything: whether they may end so, and whom they may call so."""

    def __init__(self, flows: Mapping[str, FlowRule]) -> None:
        self.ending: frozenset[str] = frozenset()
        """Flows that may come to their end without having waited."""
        self._flows = {name: Graph(flow) for name, flow in flows.items() if flow.steps}
        while True:  # each round may find more that end at once, since what they call does
            found = {name for name, graph in self._flows.items() if self._ends_at_once(graph)}
            if found == self.ending:
                break
            self.ending = frozenset(found)
        self.into: dict[str, list[str]] = {
            name: sorted(
                {step.flow for at in self._hasty(graph) if isinstance(step := graph.flow.steps[at], Call)}
            )
            for name, graph in self._flows.items()
        }
        """Flow → those that it may call before it waits."""

    def _hasty(self, graph: Graph) -> set[int]:
        """Steps that may be come to without waiting."""
        seen, left = {0}, [0]
        while left:
            at = left.pop()
            if self._passes(graph, at):
                more = set(graph.next(at)) - seen
                seen |= more
                left += more
        return seen

    def _passes(self, graph: Graph, at: int) -> bool:
        step = graph.flow.steps[at]
        return step.instant and not (isinstance(step, Call) and step.flow not in self.ending)

    def _ends_at_once(self, graph: Graph) -> bool:
        steps = graph.flow.steps
        return any(
            self._passes(graph, at) and (graph.returns(at) or (steps[at].goes_on() and at + 1 == len(steps)))
            for at in self._hasty(graph)
        )


def check_calls(reader: Reader, haste: Haste) -> None:
    """Fault for each circle of calls in which nothing waits."""
    for circle in circles(haste.into):
        names = " → ".join(circle)
        path: Path = ("flows", circle[0])
        cure = "put a step that takes time before one of the calls (play, menu, queue), or take one out"
        reader.fault(path, f"calls go in a circle without waiting: {names}", cure)
