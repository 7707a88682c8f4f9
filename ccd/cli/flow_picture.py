"""A flow as a picture (SVG) for who reads no TOML: a box a step, an arrow a way, what is said in words."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from textwrap import wrap
from unicodedata import normalize

import msgspec

from ccd.cli.flow_layout import MARGIN, Arrow, Box, Layout, Point
from ccd.cli.flow_words import details, kind_of, ways_of
from ccd.cli.text import cells, clean, cut
from ccd.ivr.graph import Graph
from ccd.model.rules import FlowRule

BOX_WIDTH, PAD, HEAD, LINE = 236.0, 10.0, 26.0, 16.0
CHARACTER, SMALL = 6.9, 6.3
"""Room for a character of 12 and of 11 pixels, in any common font."""
MOST_LINES = 6
MOST_LABEL_LINES = 4
LABEL_COLUMNS = 26
LOOP = 34.0
"""Room beside a box for the way that leads back into it."""
TITLE = 40.0
INK, PALE, BACK = "#1f2933", "#52606d", "#8a4b84"
OVER = "hangs up"
BACK_TO_CALLER = "goes back"


class Shown(msgspec.Struct):
    """What is drawn as a box: a step, the beginning, or an end."""

    box: Box
    step: int = -1
    """Place of the step; -1: no step."""
    lines: list[str] = []
    loops: list[str] = []
    """Labels of the ways that lead back into it."""


class Picture(msgspec.Struct):
    """What stands where."""

    flow: FlowRule
    shown: list[Shown]
    arrows: list[Arrow]
    labels: list[list[str]]
    """Lines of each arrow's label."""
    width: float
    height: float


def picture(
    flow: FlowRule,
    spoken: Mapping[str, str],
    led_by: Sequence[str] = (),
    called: bool = False,
    language: str = "",
) -> Picture:
    """Lay a flow out. `spoken`: what prompts say; `led_by`: what leads to it; `called`: by another flow;
    `language`: that of texts which are there in several.
    """
    lead = f"{flow.name}: {', '.join(led_by)}" if led_by else flow.name
    begin = _pill(wrap(clean(lead), 40)[:3] or [""])
    shown = [begin, *(_step(flow, at, spoken, language) for at in range(len(flow.steps)))]
    arrows, labels = [], []
    if flow.steps:
        arrows.append(Arrow(0, 1, Box(0, 0)))
        labels.append([""])
    for at in range(len(flow.steps)):
        for to, why in _merged(flow, at).items():
            if to == at:
                shown[at + 1].loops = why
                continue
            if to is None:
                shown.append(_pill([BACK_TO_CALLER if called and "" in why else OVER]))
            lines = _label(why)
            arrows.append(Arrow(at + 1, len(shown) - 1 if to is None else to + 1, _label_box(lines)))
            labels.append(lines)
    for each in shown:
        each.box.width += LOOP + _widest(_label(each.loops), SMALL) if each.loops else 0.0
    layout = Layout([each.box for each in shown], arrows)
    return Picture(flow, shown, arrows, labels, max(layout.width, 320.0), layout.height + TITLE)


def _merged(flow: FlowRule, at: int) -> dict[int | None, list[str]]:
    """Where the ways out of a step lead, and the labels of those that lead to one place."""
    found: dict[int | None, list[str]] = {}
    for label, to in ways_of(flow, at):
        found.setdefault(to, []).append(clean(label))
    return found


def _step(flow: FlowRule, at: int, spoken: Mapping[str, str], language: str) -> Shown:
    columns = int((BOX_WIDTH - 2 * PAD) / CHARACTER)
    lines = _wrapped((clean(line) for line in details(flow.steps[at], spoken, language)), columns, MOST_LINES)
    height = HEAD + (len(lines) * LINE + PAD if lines else 0.0)
    return Shown(Box(BOX_WIDTH, height), at, lines)


def _wrapped(parts: Iterator[str], columns: int, most: int) -> list[str]:
    lines = [cut(line, columns) for part in parts for line in _folded(part, columns)]
    return lines if len(lines) <= most else [*lines[: most - 1], cut(lines[most - 1] + " …", columns)]


def _folded(text: str, columns: int) -> list[str]:
    """Lines of at most so many columns; wide characters take two."""
    wide = cells(text) > len(text)
    return wrap(normalize("NFC", text), columns // 2 if wide else columns) or [""]


def _label(why: Sequence[str]) -> list[str]:
    """Keys stand in a row, conditions below each other."""
    keys = [each for each in why if len(each) == 1]
    told = [f"key {', '.join(keys)}"] if keys else []
    told += [each for each in why if len(each) > 1]
    return _wrapped(iter([" or ".join(told)]), LABEL_COLUMNS, MOST_LABEL_LINES)


def _label_box(lines: Sequence[str]) -> Box:
    if not any(lines):
        return Box(0.0, 0.0)
    return Box(_widest(lines, SMALL) + 8, len(lines) * 14.0 + 4)


def _pill(lines: list[str]) -> Shown:
    return Shown(Box(max(80.0, _widest(lines, CHARACTER) + 28), len(lines) * LINE + 10), lines=lines)


def _widest(lines: Sequence[str], character: float) -> float:
    return max((cells(line) for line in lines), default=0) * character


# -- SVG -----------------------------------------------------------------------------------------------


def svg(flow: Picture) -> str:
    """The picture as a file."""
    title = f"Flow {clean(flow.flow.name)}"
    width, height = f"{flow.width:.0f}", f"{flow.height:.0f}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
        f' height="{height}" font-family="Helvetica, Arial, sans-serif" font-size="12" role="img">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        f'<text x="{MARGIN:.0f}" y="28" font-size="18" font-weight="bold" fill="{INK}">'
        f"{escape(cut(title, int((flow.width - 2 * MARGIN) / 11)))}</text>",
        f'<g transform="translate(0 {TITLE:.0f})">',
    ]
    reached = Graph(flow.flow).reached() if flow.flow.steps else set()
    for arrow in flow.arrows:
        parts += _line(arrow)
    for arrow, lines in zip(flow.arrows, flow.labels, strict=True):
        parts += _label_text(arrow.label, lines)
    for each in flow.shown:
        if each.step < 0:
            parts += _pill_svg(each, first=each is flow.shown[0])
        else:
            parts += _box_svg(flow.flow, each, each.step in reached)
    return "\n".join([*parts, "</g>", "</svg>", ""])


def _line(arrow: Arrow) -> Iterator[str]:
    colour = BACK if arrow.upwards else PALE
    dash = ' stroke-dasharray="6 3"' if arrow.upwards else ""
    yield f'<path d="{path_of(arrow.points)}" fill="none" stroke="{colour}" stroke-width="1.5"{dash}/>'
    x, y = arrow.points[-1]
    by = 8.0 if arrow.upwards else -8.0
    yield f'<path d="M{x:.1f} {y:.1f}l-4.5 {by}h9z" fill="{colour}"/>'


def path_of(points: Sequence[Point]) -> str:
    """Straight within layers, bent with upright ends between them."""
    (x, y), *_ = points
    out = f"M{x:.1f} {y:.1f}"
    for place in range(1, len(points)):
        (to_x, to_y), (from_x, from_y) = points[place], points[place - 1]
        if place % 2 or abs(from_x - to_x) < 0.05:
            out += f"L{to_x:.1f} {to_y:.1f}"
        else:
            half = (from_y + to_y) / 2
            out += f"C{from_x:.1f} {half:.1f} {to_x:.1f} {half:.1f} {to_x:.1f} {to_y:.1f}"
    return out


def _label_text(box: Box, lines: Sequence[str]) -> Iterator[str]:
    if not box.width:
        return
    yield (
        f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="3"'
        ' fill="#ffffff"/>'
    )
    for place, line in enumerate(lines):
        yield _text(line, box.middle, box.y + 13 + 14 * place, "middle", 'font-size="11"')


def _pill_svg(each: Shown, first: bool) -> Iterator[str]:
    box, colour = each.box, INK if first else "#b3261e"
    yield (
        f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'
        f' rx="{min(14.0, box.height / 2):.0f}" fill="{colour if first else "#ffffff"}" stroke="{colour}"'
        ' stroke-width="1.5"/>'
    )
    for place, line in enumerate(each.lines):
        more = 'fill="#ffffff" font-weight="bold"' if first else f'fill="{colour}"'
        yield _text(line, box.middle, box.y + 17 + LINE * place, "middle", more)


def _box_svg(flow: FlowRule, each: Shown, reached: bool) -> Iterator[str]:
    step, box = flow.steps[each.step], each.box
    kind, width = kind_of(step), BOX_WIDTH
    left = box.x
    dash = "" if reached else ' stroke-dasharray="4 3"'
    yield f'<g id="step-{each.step}">'
    yield (
        f'<rect x="{left:.1f}" y="{box.y:.1f}" width="{width:.1f}" height="{box.height:.1f}" rx="6"'
        f' fill="#ffffff" stroke="{kind.colour}" stroke-width="1.5"{dash}/>'
    )
    bottom = "" if each.lines else f"q0 6-6 6h-{width - 12:.1f}q-6 0-6-6"
    straight = f"v{HEAD - 6:.1f}" + (f"h-{width:.1f}" if each.lines else "")
    straight = straight if each.lines else f"v{HEAD - 12:.1f}{bottom}"
    yield (
        f'<path d="M{left:.1f} {box.y + 6:.1f}q0-6 6-6h{width - 12:.1f}q6 0 6 6{straight}z"'
        f' fill="{kind.colour}"/>'
    )
    yield (
        f'<path transform="translate({left + 8:.1f} {box.y + 5:.1f})" d="{kind.icon}" fill="#ffffff"'
        ' fill-opacity="0.35" stroke="#ffffff"/>'
    )
    label = clean(step.id if hasattr(step, "id") and step.id else f"#{each.step + 1}")
    word = kind.word + ("" if reached else " (never reached)")
    yield _text(word, left + 30, box.y + 18, "start", 'fill="#ffffff" font-weight="bold"')
    room = int((width - 46 - cells(word) * 7.6) / SMALL)
    small = 'fill="#ffffff" font-size="11" fill-opacity="0.9"'
    yield _text(cut(label, room), left + width - 8, box.y + 18, "end", small)
    for place, line in enumerate(each.lines):
        yield _text(line, left + PAD, box.y + HEAD + 16 + LINE * place)
    if each.loops:
        yield from _loop(each, left + width)
    yield "</g>"


def _loop(each: Shown, x: float) -> Iterator[str]:
    """The way that leads back into its own box, at its right side."""
    top = each.box.y + 6
    low = top + 14
    yield (
        f'<path d="M{x:.1f} {low:.1f}C{x + 30:.1f} {low + 6:.1f} {x + 30:.1f} {top - 6:.1f} {x + 6:.1f}'
        f' {top:.1f}" fill="none" stroke="{BACK}" stroke-width="1.5" stroke-dasharray="6 3"/>'
    )
    yield f'<path d="M{x:.1f} {top:.1f}l8 -4v8z" fill="{BACK}"/>'
    for place, line in enumerate(_label(each.loops)):
        yield _text(line, x + 26, top + 11 + 14 * place, "start", 'font-size="11"')


def _text(text: str, x: float, y: float, anchor: str = "start", more: str = "") -> str:
    ink = "" if "fill=" in more else f' fill="{INK}"'
    style = f" {more}" if more else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{ink}{style}>{escape(text)}</text>'
