"""What `ccctl simulate` shows: the table by queue and configuration, and the plots."""

from collections.abc import Iterator, Sequence
from typing import Any

from ccd.cli.plots import plot, round_top, svg
from ccd.cli.text import cells, clean, counted, duration, percent, table

HEADS = (
    "QUEUE", "CONFIGURATION", "OFFERED", "HANDLED", "ABANDONED", "OVERFLOWED", "WAITING",
    "SL", "ASA", "LONGEST WAIT", "ABANDONED %", "OCC",
)  # fmt: skip
LONGEST = 9
"""A name of more columns is shortened in the table."""
_MEASURES = (
    ("offered", "offered, by interval"),
    ("waiting", "waiting, mean of the interval"),
    ("service_level_pct", "service level, %"),
)


def lines(answer: dict[str, Any]) -> Iterator[str]:
    """Head, notes, table, plots."""
    came = ", ".join(f"{number} {name}" for name, number in answer["arrivals"].items())
    total = counted(sum(answer["arrivals"].values()), "arrival")
    yield f"{answer['day']}: {total} ({came}); seed {answer['seed']}"
    yield from (f"  {clean(note)}" for note in answer["notes"])
    yield ""
    yield from table(HEADS, _rows(answer["configurations"]), HEADS[2:])
    for each in answer["configurations"]:
        if each.get("no_queue"):
            yield f"! {clean(each['name'])}: {each['no_queue']} came to no queue"
    yield ""
    yield from _plots(answer["configurations"])


def _rows(configurations: Sequence[dict[str, Any]]) -> Iterator[tuple[Any, ...]]:
    names = sorted({row["queue"] for each in configurations for row in each["queues"]})
    for name in [*names, ""] if len(names) > 1 else names:
        for place, each in enumerate(configurations):
            row = next((row for row in [*each["queues"], each["total"]] if row["queue"] == name), None)
            if row is not None:
                yield (name or "all") if place == 0 else "", _short(each["name"]), *_figures(row)


def _short(name: str) -> str:
    """A long path by its end: columns are few."""
    return name if cells(name) <= LONGEST else f"…/{name.rstrip('/').rpartition('/')[2]}"


def _figures(row: dict[str, Any]) -> tuple[Any, ...]:
    counts = (row[name] for name in ("offered", "handled", "abandoned", "overflowed", "waiting"))
    return (
        *counts,
        percent(row["service_level_pct"]),
        duration(row["asa_s"]),
        duration(row["longest_wait_s"]),
        percent(row["abandon_rate_pct"]),
        percent(row["occupancy_pct"]),
    )


def _top(configurations: Sequence[dict[str, Any]], measure: str) -> float:
    """The same scale for every configuration."""
    if measure == "service_level_pct":
        return 100.0
    found = (float(part[measure]) for each in configurations for part in each["intervals"])
    return round_top(max(1.0, *found))


def _plots(configurations: Sequence[dict[str, Any]]) -> Iterator[str]:
    starts = [part["began_at"] for part in configurations[0]["intervals"]]
    for measure, title in _MEASURES:
        top = _top(configurations, measure)
        shown: list[Any] = []
        for each in configurations:
            values = [part[measure] for part in each["intervals"]]
            if measure == "offered" and values in shown:
                continue  # what comes is mostly the same for all
            shown.append(values)
            yield from plot(f"{title}: {clean(each['name'])}", values, top, starts)
            yield ""


def picture(answer: dict[str, Any]) -> str:
    """The same plots as SVG."""
    configurations = answer["configurations"]
    panels = [
        (
            title,
            _top(configurations, measure),
            [[part[measure] for part in each["intervals"]] for each in configurations],
        )
        for measure, title in _MEASURES
    ]
    names = [each["name"] for each in configurations]
    starts = [part["began_at"] for part in configurations[0]["intervals"]]
    return svg(f"What if: {answer['day']}, seed {answer['seed']}", names, panels, starts)
