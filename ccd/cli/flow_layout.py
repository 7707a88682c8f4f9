"""Where the boxes and arrows of a picture go: a layered layout (K. Sugiyama and others, 1981).

Steps stand in layers from the top, an arrow leads at least one layer down; those that would lead up (back
into a loop) are turned round for the layout and drawn upwards. Between two layers of boxes is one of labels.
What passes a layer has a column of its own there (a `Cell` without a box), so nothing overlaps: a line runs
straight down its column within a layer, and bends only in the gap between two.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import fsum

import msgspec

Point = tuple[float, float]

GAP_X, GAP_Y = 22.0, 26.0
"""Between columns, and between layers, in pixels."""
LEAN, MOST_MORE = 0.05, 30.0
"""A gap is higher by this part of how far the widest line goes sideways in it, up to so much."""
LANE = 10.0
"""Width of the column of a line that passes."""
MARGIN = 24.0
SWEEPS = 16
"""Rounds of setting layers in order; each costs a pass over all lines."""
STRAIGHTENS = 6
"""Rounds of making lines straight once the boxes have their places."""
HEAVY = 1e6
PORT_EDGE = 14.0
"""From the corner of a box to the first line that leaves it."""


class Box(msgspec.Struct):
    """What is drawn as a box: its size is given, its place (the upper left corner) is found."""

    width: float
    height: float
    x: float = 0.0
    y: float = 0.0

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


class Arrow(msgspec.Struct):
    """From a box to another one, by their numbers, with the size of a label."""

    start: int
    end: int
    label: Box
    points: list[Point] = []
    """Way of the line, from its start to its head: straight between the 1st and 2nd, 3rd and 4th…, and
    bent between."""
    upwards: bool = False


class Cell(msgspec.Struct):
    """A column in a layer: a box, a label, or a line that passes."""

    width: float
    height: float = 0.0
    box: Box | None = None
    fixed: bool = False
    """It is a box: lines are made straight around it, not it around lines."""
    x: float = 0.0
    """Of its middle."""
    above: list["Cell"] = []
    below: list["Cell"] = []
    at: int = 0
    """Place in its layer."""


class Layout:
    """One picture: boxes and arrows get their places at once. An arrow to its own box is the caller's."""

    def __init__(self, boxes: Sequence[Box], arrows: Sequence[Arrow]) -> None:
        self._boxes = boxes
        self._arrows = arrows
        into: list[list[int]] = [[] for _ in boxes]
        for arrow in arrows:
            into[arrow.start].append(arrow.end)
        ranks = _ranks(into, self._turn_round(into))
        self._layers: list[list[Cell]] = [[] for _ in range(2 * max(ranks, default=0) + 1)]
        self._cells: list[Cell] = []
        for box, rank in zip(boxes, ranks, strict=True):
            cell = Cell(box.width, box.height, box, fixed=True, above=[], below=[])
            self._cells.append(cell)
            self._layers[2 * rank].append(cell)
        self._chains = [self._chain(arrow, ranks) for arrow in arrows]
        self._number()
        self._order()
        self._columns()
        self.width, self.height = self._place()
        for arrow, chain in zip(arrows, self._chains, strict=True):
            arrow.points = self._way(arrow, chain)

    # -- layers --------------------------------------------------------------------------------------

    def _turn_round(self, into: list[list[int]]) -> set[tuple[int, int]]:
        """The arrows that lead back, to be turned: found by a walk in the order of the boxes."""
        back: set[tuple[int, int]] = set()
        state = [0] * len(into)
        for root in range(len(into)):
            if state[root]:
                continue
            state[root] = 1
            walk = [(root, iter(into[root]))]
            while walk:
                at, ways = walk[-1]
                to = next(ways, None)
                if to is None:
                    state[at] = 2
                    walk.pop()
                elif state[to] == 1:
                    back.add((at, to))
                elif state[to] == 0:
                    state[to] = 1
                    walk.append((to, iter(into[to])))
        for arrow in self._arrows:
            arrow.upwards = (arrow.start, arrow.end) in back
        return back

    def _chain(self, arrow: Arrow, ranks: list[int]) -> list[Cell]:
        """The cells of an arrow, from the upper box to the lower; the label is next to where it starts."""
        upper, lower = (arrow.end, arrow.start) if arrow.upwards else (arrow.start, arrow.end)
        first, last = 2 * ranks[upper] + 1, 2 * ranks[lower] - 1
        labelled = last if arrow.upwards else first
        chain = [self._cells[upper]]
        for layer in range(first, last + 1):
            cell = Cell(LANE, above=[], below=[])
            if layer == labelled and arrow.label.width:
                cell.width, cell.height, cell.box = arrow.label.width, arrow.label.height, arrow.label
            self._layers[layer].append(cell)
            chain.append(cell)
        chain.append(self._cells[lower])
        for one, other in pairwise(chain):
            one.below.append(other)
            other.above.append(one)
        return chain

    # -- order within layers ---------------------------------------------------------------------------

    def _number(self) -> None:
        for layer in self._layers:
            for at, cell in enumerate(layer):
                cell.at = at

    def _order(self) -> None:
        """Set each layer by the middle of its neighbours, down and up; keep the fewest crossings."""
        best, kept = self._crossings(), [list(layer) for layer in self._layers]
        for sweep in range(SWEEPS):
            if best == 0:
                break
            down = sweep % 2 == 0
            for layer in self._layers[1:] if down else self._layers[-2::-1]:
                middles = {id(cell): _mean_at(cell.above if down else cell.below, cell.at) for cell in layer}
                layer.sort(key=lambda cell: middles[id(cell)])
                for at, cell in enumerate(layer):
                    cell.at = at
            self._swap()
            found = self._crossings()
            if found < best:
                best, kept = found, [list(layer) for layer in self._layers]
        self._layers = kept
        self._number()

    def _swap(self) -> None:
        """Exchange neighbours where that takes crossings away."""
        for layer in self._layers:
            for at in range(len(layer) - 1):
                one, other = layer[at], layer[at + 1]
                now = _crossed(one.above, other.above) + _crossed(one.below, other.below)
                then = _crossed(other.above, one.above) + _crossed(other.below, one.below)
                if then < now:
                    layer[at], layer[at + 1] = other, one
                    one.at, other.at = at + 1, at

    def _crossings(self) -> int:
        return sum(
            _crossed(layer[at].below, layer[after].below)
            for layer in self._layers
            for at in range(len(layer))
            for after in range(at + 1, len(layer))
        )

    # -- places ----------------------------------------------------------------------------------------

    def _columns(self) -> None:
        """Set each cell under (over) the middle of its neighbours, as near as the order allows."""
        for layer in self._layers:
            _spread(layer, [0.0] * len(layer))
        for sweep in range(SWEEPS):
            down = sweep % 2 == 0
            for layer in self._layers if down else self._layers[::-1]:
                wanted = [_mean_x(cell.above if down else cell.below, cell.x) for cell in layer]
                _spread(layer, wanted)
        for _ in range(STRAIGHTENS):
            for layer in self._layers:
                wanted = [cell.x if cell.fixed else _mean_port(cell) for cell in layer]
                _spread(layer, wanted, [HEAVY if cell.fixed else 1.0 for cell in layer])

    def _place(self) -> tuple[float, float]:
        cells = [cell for layer in self._layers for cell in layer]
        shift = MARGIN - min((cell.x - cell.width / 2 for cell in cells), default=0.0)
        y = MARGIN
        self._tops: dict[int, tuple[float, float]] = {}
        for layer in self._layers:
            height = max((cell.height for cell in layer), default=0.0)
            for cell in layer:
                cell.x += shift
                self._tops[id(cell)] = (y, y + height)
                if cell.box is not None:
                    cell.box.x, cell.box.y = cell.x - cell.width / 2, y
            leans = max((abs(cell.x - each.x) for cell in layer for each in cell.below), default=0.0)
            y += height + (GAP_Y if height else 0.0) + min(MOST_MORE, LEAN * leans)
        width = max((cell.x + cell.width / 2 for cell in cells), default=0.0) + MARGIN
        return width, y - GAP_Y + MARGIN

    def _way(self, arrow: Arrow, chain: list[Cell]) -> list[Point]:
        first, last = chain[0], chain[-1]
        start, end = _port(first, chain[1], first.below), _port(last, chain[-2], last.above)
        top = self._tops[id(first)][0] + first.height
        points = [(start, top), (start, max(self._tops[id(first)][1], top + ARROW_ROOM))]
        for cell in chain[1:-1]:
            upper, lower = self._tops[id(cell)]
            points += [(cell.x, upper), (cell.x, lower)]
        lowest = self._tops[id(last)][0]
        points += [(end, lowest - ARROW_ROOM), (end, lowest)]
        return points[::-1] if arrow.upwards else points


ARROW_ROOM = 9.0
"""Straight piece before a box, for the head of the arrow."""


def _ranks(into: list[list[int]], back: set[tuple[int, int]]) -> list[int]:
    """Layer of each box: one more than that of the lowest above it."""
    down: list[set[int]] = [set() for _ in into]
    for at, targets in enumerate(into):
        for to in targets:
            one, other = (to, at) if (at, to) in back else (at, to)
            down[one].add(other)
    missing = [0] * len(into)
    for targets_down in down:
        for to in targets_down:
            missing[to] += 1
    ranks = [0] * len(into)
    left = [at for at, count in enumerate(missing) if count == 0]
    while left:
        at = left.pop()
        for to in down[at]:
            ranks[to] = max(ranks[to], ranks[at] + 1)
            missing[to] -= 1
            if missing[to] == 0:
                left.append(to)
    return ranks


def _crossed(left: Sequence[Cell], right: Sequence[Cell]) -> int:
    return sum(one.at > other.at for one in left for other in right)


# `fsum`, not `sum`, which rounds otherwise since Python 3.12: a picture is the same everywhere


def _mean_at(cells: Sequence[Cell], otherwise: float) -> float:
    return fsum(cell.at for cell in cells) / len(cells) if cells else otherwise


def _mean_x(cells: Sequence[Cell], otherwise: float) -> float:
    return fsum(cell.x for cell in cells) / len(cells) if cells else otherwise


def _mean_port(cell: Cell) -> float:
    """The middle of where a passing line comes from and goes to."""
    ends = [_port(each, cell, each.below) if each.fixed else each.x for each in cell.above]
    ends += [_port(each, cell, each.above) if each.fixed else each.x for each in cell.below]
    return fsum(ends) / len(ends)


def _spread(layer: Sequence[Cell], wanted: Sequence[float], weights: Sequence[float] = ()) -> None:
    """The places nearest to those wanted (least squares) that keep the order and the gaps.

    Cells that would stand too near become one block, set at the mean of what its members want (pooling of
    adjacent violators).
    """
    offsets, offset = [], 0.0
    for at, cell in enumerate(layer):
        if at:
            offset += (layer[at - 1].width + cell.width) / 2 + GAP_X
        offsets.append(offset)
    blocks: list[tuple[float, float, int]] = []
    for want, by, own in zip(wanted, offsets, weights or [1.0] * len(layer), strict=True):
        mean, weight, count = want - by, own, 1
        while blocks and blocks[-1][0] > mean:
            before, heft, many = blocks.pop()
            mean = (before * heft + mean * weight) / (heft + weight)
            weight, count = heft + weight, many + count
        blocks.append((mean, weight, count))
    places: Iterable[float] = (mean for mean, _, count in blocks for _ in range(count))
    for cell, place, by in zip(layer, places, offsets, strict=True):
        cell.x = place + by


def _port(cell: Cell, toward: Cell, side: list[Cell]) -> float:
    """Where on its side a line leaves or comes to a box: spread over it, in the order of their other ends."""
    ends = sorted(side, key=lambda each: each.x)
    at = next(place for place, each in enumerate(ends) if each is toward)
    room = max(0.0, cell.width - 2 * PORT_EDGE)
    step = min(40.0, room / max(1, len(ends) - 1))
    return cell.x + (at - (len(ends) - 1) / 2) * step
