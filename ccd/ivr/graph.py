"""A flow's steps as a graph: what may follow what, what cannot be reached, and loops that never end."""

from collections import deque
from collections.abc import Iterator, Mapping

from ccd.model.rules import FlowRule


class Graph:
    """Steps by their ids, and the ways between them."""

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
        for name in step.targets().values():
            if name in self.ids:
                yield self.ids[name]
        if step.goes_on() and at + 1 < len(self.flow.steps):
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
            at: [follower for follower in self.next(at) if steps[follower].instant]
            for at, step in enumerate(steps)
            if step.instant
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
