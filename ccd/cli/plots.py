"""Plots of a day by interval: columns of blocks for the terminal, lines as SVG for a page."""

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from html import escape
from typing import Any

from ccd.cli.text import clean, cut, pad, width

ROWS = 4
"""Lines of a plot on the terminal, each of eight steps."""
WIDEST = 4
"""Columns of an interval, where there is room."""
_BLOCKS = " ▁▂▃▄▅▆▇█"
_LABEL = 9
"""Columns for the scale at the left."""

_STEPS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)

Value = float | None


# -- terminal ------------------------------------------------------------------------------------------


def plot(title: str, values: Sequence[Value], top: float, starts: Sequence[float]) -> Iterator[str]:
    """One plot: a title, `ROWS` lines from 0 to `top`, and the time below. None: nothing to show."""
    room = width() - _LABEL - 2
    step = max(1, min(WIDEST, room // max(1, len(values))))
    values, starts = _thinned(values, starts, room)
    yield cut(title, width())
    for row in range(ROWS - 1, -1, -1):
        scale = f"{top:g}" if row == ROWS - 1 else "0" if row == 0 else ""
        bars = "".join(_block(value, top, row) * step for value in values)
        yield f"{scale:>{_LABEL - 2}} │{bars}".rstrip()
    yield _hours(starts, step)


def _thinned(
    values: Sequence[Value], starts: Sequence[float], most: int
) -> tuple[Sequence[Value], Sequence[float]]:
    """So few that they fit: the highest of each group stands for it."""
    by = -(-len(values) // max(1, most))
    if by <= 1:
        return values, starts
    groups = [[each for each in values[at : at + by] if each is not None] for at in range(0, len(values), by)]
    return [max(group) if group else None for group in groups], starts[::by]


def _block(value: Value, top: float, row: int) -> str:
    if value is None or top <= 0:
        return " "
    eighths = round(min(1.0, value / top) * ROWS * 8) - row * 8
    if row == 0 and value > 0:
        eighths = max(1, eighths)
    return _BLOCKS[max(0, min(8, eighths))]


def _hours(starts: Sequence[float], step: int) -> str:
    """The clock below, where it has room."""
    line = ""
    for place, at in enumerate(starts):
        moment = datetime.fromtimestamp(at)
        column = place * step
        if moment.minute == 0 and (not line or column >= len(line) + 1):
            line = pad(line, column) + moment.strftime("%H:%M")
    return " " * _LABEL + line


def round_top(highest: float) -> float:
    """The end of a scale that reaches so high: a number whose quarters are read at a glance."""
    power = 10.0 ** math.floor(math.log10(max(highest, 1.0)))
    return next(step * power for step in _STEPS if step * power >= highest)


# -- SVG -----------------------------------------------------------------------------------------------

WIDTH, PANEL, LEFT, RIGHT, TOP, GAP, LINE = 900, 180, 60, 20, 34, 50, 18
LONGEST_NAME = 80
COLOURS = ("#666666", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's, told apart also by who sees few colours; the first is for the day as it was."""
_DASHES = ("4 3", "", "8 3", "2 2", "10 3 2 3", "6 2", "1 3")


def svg(
    title: str, names: Sequence[str], panels: Sequence[tuple[str, float, Any]], starts: Sequence[float]
) -> str:
    """One picture: a panel for each (title, top of the scale, one sequence of values a name)."""
    under = TOP + LINE * len(names) + LINE
    height = under + len(panels) * (PANEL + GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"'
        f' height="{height}" font-family="sans-serif" font-size="12" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="22" font-size="16">{escape(title)}</text>',
        *_legend(names),
    ]
    for place, (head, top, series) in enumerate(panels):
        parts += _panel(head, top, series, starts, under + place * (PANEL + GAP))
    return "\n".join([*parts, "</svg>", ""])


def _legend(names: Sequence[str]) -> Iterator[str]:
    for place, name in enumerate(names):
        y = TOP + LINE * place + 10
        yield f'<line x1="{LEFT}" y1="{y}" x2="{LEFT + 40}" y2="{y}" {_stroke(place)}/>'
        yield f'<text x="{LEFT + 48}" y="{y + 4}">{escape(cut(clean(name), LONGEST_NAME))}</text>'


def _stroke(place: int) -> str:
    colour, dash = COLOURS[place % len(COLOURS)], _DASHES[place % len(_DASHES)]
    return f'fill="none" stroke="{colour}" stroke-width="2"' + (f' stroke-dasharray="{dash}"' if dash else "")


def _panel(head: str, top: float, series: Any, starts: Sequence[float], y: int) -> Iterator[str]:
    inner = WIDTH - LEFT - RIGHT
    yield f'<text x="{LEFT}" y="{y + 8}" font-weight="bold">{escape(head)}</text>'
    for tick in range(5):
        at = y + PANEL - (PANEL - 20) * tick / 4
        yield f'<line x1="{LEFT}" y1="{at:.1f}" x2="{WIDTH - RIGHT}" y2="{at:.1f}" stroke="#dddddd"/>'
        yield f'<text x="{LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{top * tick / 4:g}</text>'
    slot = inner / max(1, len(starts))
    for place, at_s in enumerate(starts):
        moment = datetime.fromtimestamp(at_s)
        if moment.minute == 0 and (slot >= 40 or moment.hour % 2 == 0):
            x = LEFT + slot * place
            yield f'<text x="{x:.1f}" y="{y + PANEL + 16}" text-anchor="middle">{moment:%H:%M}</text>'
    for place, values in enumerate(series):
        for run in _runs(values):
            points = [
                (LEFT + slot * (at + 0.5), y + PANEL - (PANEL - 20) * _part(value, top)) for at, value in run
            ]
            line = " ".join(f"{x:.1f},{at:.1f}" for x, at in points)
            yield f'<polyline points="{line}" {_stroke(place)}/>'
            if len(points) == 1:  # a line of one point is not drawn
                yield f'<circle cx="{points[0][0]:.1f}" cy="{points[0][1]:.1f}" r="2" {_stroke(place)}/>'


def _part(value: float, top: float) -> float:
    return min(1.0, value / top) if top > 0 else 0.0


def _runs(values: Sequence[Value]) -> Iterator[list[tuple[int, float]]]:
    """Unbroken stretches: a line does not cross an interval without a figure."""
    run: list[tuple[int, float]] = []
    for place, value in enumerate(values):
        if value is None:
            if run:
                yield run
            run = []
        else:
            run.append((place, value))
    if run:
        yield run
