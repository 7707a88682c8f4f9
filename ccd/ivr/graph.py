"""A flow's steps as a graph: what may follow what, what cannot be reached, and loops that never end."""

from collections import deque
from collections.abc import Iterator, Mapping

from ccd.model.rules import FlowRule
from ccd.model.step import Step
from ccd.model.steps_calling import Call, Return


class Graph:
    """Steps by their ids, and the ways between them."""

    __slots__ = ("_hasty", "flow", "ids")

    def __init__(self, flow: FlowRule, hasty: frozenset[str] = frozenset()) -> None:
        """`hasty`: other flows that a call of may come back from without having waited."""
        self.flow = flow
        self._hasty = hasty
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
        restless = {at for at, step in enumerate(self.flow.steps) if self._is_restless(step)}
        quick = {
            at: [follower for follower in self.next(at) if follower in restless] for at in sorted(restless)
        }
        told: set[int] = set()
        for start in quick:
            loop = [] if start in told else _way_back(start, quick)
            if loop:
                told.update(loop)
                yield loop

    def _is_restless(self, step: Step) -> bool:
        return step.instant and not (isinstance(step, Call) and step.flow not in self._hasty)

    def returns(self, at: int) -> bool:
        """Whether the flow may come to its end at a step, other than by being over there for good."""
        step = self.flow.steps[at]
        return isinstance(step, Return) or (step.goes_on() and at + 1 == len(self.flow.steps))

    def ends(self, at: int) -> bool:
        """Whether the flow may end at a step, or the customer is let go of there."""
        return self.returns(at) or bool(self.flow.steps[at].leaves())

    def endless(self) -> Iterator[list[int]]:
        """Groups of steps that can be reached, and from which no end can be."""
        reached = sorted(self.reached())
        into: dict[int, list[int]] = {at: [] for at in reached}
        for at in reached:
            for follower in self.next(at):
                into[follower].append(at)
        good = {at for at in reached if self.ends(at)}
        left = list(good)
        while left:
            for before in into[left.pop()]:
                if before not in good:
                    good.add(before)
                    left.append(before)
        lost = {at for at in reached if at not in good}
        while lost:
            group, edge = set(), [min(lost)]
            while edge:
                at = edge.pop()
                if at in lost and at not in group:
                    group.add(at)
                    edge += [*self.next(at), *into[at]]
            lost -= group
            yield sorted(group)


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
