"""A flow's steps as a graph: what may follow what, what cannot be reached, and loops that never end."""

from collections import deque
from collections.abc import Iterator, Mapping

from ccd.ivr.haste import NONE, Pace, Part, Ways, quick_ways
from ccd.model.rules import FlowRule
from ccd.model.steps_calling import Call, Return


class Graph:
    """Steps by their ids, and the ways between them."""

    __slots__ = ("_hasty", "_quick", "flow", "ids")

    def __init__(
        self,
        flow: FlowRule,
        hasty: frozenset[str] = frozenset(),
        pace: Pace = Pace.CALLS,
        part: Part = Part.ALL,
    ) -> None:
        """`hasty`: flows that a call may come back from without having waited, at this pace, by this part."""
        self.flow = flow
        self._quick = [quick_ways(step, pace, part) for step in flow.steps]
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

    def quick(self, at: int) -> Iterator[int]:
        """Steps that may follow without any time between."""
        ways = self._ways(at)
        for name in self.flow.steps[at].targets().values():
            if name in ways.named and name in self.ids:
                yield self.ids[name]
        if ways.on and at + 1 < len(self.flow.steps):
            yield at + 1

    def ends_at_once(self, at: int) -> bool:
        """Whether the flow may come to its end at a step, without any time there."""
        last = at + 1 == len(self.flow.steps)
        return isinstance(self.flow.steps[at], Return) or (self._ways(at).on and last)

    def _ways(self, at: int) -> Ways:
        step = self.flow.steps[at]
        waits = isinstance(step, Call) and step.flow not in self._hasty
        return NONE if waits else self._quick[at]

    def sleepless(self) -> Iterator[list[int]]:
        """Loops that take no time: each step that is in one comes in one of those told."""
        quick = {at: list(self.quick(at)) for at in range(len(self.flow.steps))}
        told: set[int] = set()
        for start in quick:
            loop = [] if start in told else _way_back(start, quick)
            if loop:
                told.update(loop)
                yield loop

    def hurried(self) -> dict[int, list[int]]:
        """Steps that may be come to without waiting → the shortest way there from the first, with both."""
        found = {0: [0]} if self.flow.steps else {}
        left = deque(found)
        while left:
            at = left.popleft()
            for follower in self.quick(at):
                if follower not in found:
                    found[follower] = [*found[at], follower]
                    left.append(follower)
        return found

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
