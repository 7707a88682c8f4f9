"""The tables of `ccctl staff`: by number of agents, and by interval of a day."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from ccd.cli.text import clean, counted, duration, width

_FIGURES = ("SL", "ASA", "ABD %", "OCC", "WAIT %")


def agents_lines(answer: dict[str, Any]) -> Iterator[str]:
    """A row a number of agents."""
    calls, aht_s, load = answer["calls_per_h"], answer["aht_s"], answer["load_erl"]
    yield f"{calls:g} calls an hour of {aht_s:g} s: {load:.1f} erlang; {_patience_words(answer)}"
    yield _target_words(answer)
    yield ""
    spread = answer["shrinkage_pct"] > 0
    heads = ("AGENTS", *(("SCHEDULED",) if spread else ()), *_FIGURES, "NOTE")
    body = [
        (
            [
                str(row["agents"]),
                *([str(row["scheduled"])] if spread else []),
                *_figures(row),
                _note(row, answer),
            ],
            row["agents"] == answer["recommended"],
        )
        for row in answer["rows"]
    ]
    yield from _rendered(heads, body)


def day_lines(answer: dict[str, Any]) -> Iterator[str]:
    """A row an interval."""
    ends = ", ".join(f"{name} {answer[name]}" for name in ("offered", "handled", "abandoned"))
    yield f"{clean(answer['queue'])} on {answer['day']}: {ends}; {_patience_words(answer)}"
    given = "" if answer["given"] is None else f"; figures of {counted(answer['given'], 'agent')}"
    yield f"{_target_words(answer)}{given}"
    yield ""
    spread = answer["shrinkage_pct"] > 0
    note = ("NOTE",) if answer["given"] is not None else ()
    heads = ("TIME", "OFF", "AHT", "AGENTS", *(("SCHEDULED",) if spread else ()), *_FIGURES[:4], *note)
    body = []
    for row in answer["rows"]:
        time = datetime.fromtimestamp(row["began_at"]).strftime("%H:%M")
        cells = [time, str(row["offered"]), duration(row["aht_s"]), str(row["recommended"])]
        cells += [str(row["scheduled"])] if spread else []
        cells += _figures(row)[:4]
        cells += ["" if row["holds"] else "too few"] if note else []
        body.append((cells, False))
    yield from _rendered(heads, body, strong="AGENTS")


def _patience_words(answer: dict[str, Any]) -> str:
    patience_s = answer["patience_s"]
    return "Erlang C: nobody gives up" if not patience_s else f"Erlang A: patience {patience_s:.0f} s"


def _target_words(answer: dict[str, Any]) -> str:
    target, parts = answer["target"], []
    if target["service_level_pct"] is not None:
        parts.append(f"{target['service_level_pct']:g} % served in {target['within_s']:g} s")
    if target["asa_s"] is not None:
        parts.append(f"ASA at most {target['asa_s']:g} s")
    if target["abandon_pct"] is not None:
        parts.append(f"at most {target['abandon_pct']:g} % give up")
    if target["occupancy_pct"] is not None:
        parts.append(f"occupancy at most {target['occupancy_pct']:g} %")
    return "target: " + ", ".join(parts)


def _note(row: dict[str, Any], answer: dict[str, Any]) -> str:
    words = [] if row["agents"] != answer["given"] else ["given"]
    if row["agents"] == answer["recommended"]:
        words.append("recommended")
    elif words and not row["holds"]:
        words.append("too few")
    return ", ".join(words)


def _figures(row: dict[str, Any]) -> list[str]:
    """SL, ASA, abandon rate, occupancy, share that waits; to the tenth, as a target is a line."""
    asa_s = row["asa_s"]
    shown = [_tenth(row[name]) for name in ("service_level_pct", "abandon_pct", "occupancy_pct", "wait_pct")]
    return [shown[0], "-" if asa_s is None else f"{asa_s:.1f} s", *shown[1:]]


def _tenth(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} %"


def _rendered(heads: Sequence[str], body: Iterable[tuple[list[str], bool]], strong: str = "") -> list[str]:
    """A table; a row marked true, or the column `strong`, stands out on a terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="")
    for head in heads:
        flush = "left" if head in {"NOTE", "TIME"} else "right"
        style = "bold" if head == strong else ""
        table.add_column(head, justify=flush, no_wrap=True, style=style)  # type: ignore[arg-type]
    for cells, stands_out in body:
        table.add_row(*(Text(cell) for cell in cells), style="bold" if stands_out else "")
    console = Console(file=sys.stdout, width=width(), highlight=False)
    with console.capture() as capture:
        console.print(table)
    return [line.rstrip() for line in capture.get().splitlines()]
