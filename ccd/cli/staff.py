"""`ccctl staff`: how many agents a target needs, by Erlang C or A, from given figures or from own records."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ccd.cli.completion import queue_names
from ccd.cli.own_demand import own_demand
from ccd.cli.session import Json, session_of
from ccd.cli.staff_tables import agents_lines, day_lines
from ccd.errors import Misconfigured, Refused

if TYPE_CHECKING:
    from ccd.history.demand import Demand
    from ccd.history.staffing import Target, Traffic

AROUND = 3
"""Rows above and below the recommended number."""
ENOUGH = 10
"""So many handled, or given up, tell a mean; of fewer the day's, or none, is taken."""
_KEYS = ("service_level_pct", "asa_s", "abandon_pct", "occupancy_pct", "wait_pct")
_SERVICE_LEVEL = re.compile(r"([0-9]{1,3}(?:\.[0-9]+)?)/([0-9]{1,5}(?:\.[0-9]+)?)")

Number = float | None

Calls = Annotated[Number, typer.Option("--calls-per-h", help="Arrivals an hour.", metavar="N")]
Work = Annotated[Number, typer.Option("--aht", help="Handling time: talk and wrap-up, s.", metavar="S")]
Level = Annotated[
    str, typer.Option(help="Target: so many % served in so many s; if none is named, 80/20.", metavar="PCT/S")
]
Speed = Annotated[Number, typer.Option("--asa", help="Target: mean wait of the served, s.", metavar="S")]
Loss = Annotated[Number, typer.Option("--abandon", help="Target: at most so many % give up.", metavar="PCT")]
Busy = Annotated[Number, typer.Option("--occupancy", help="Target: agents busy at most, %.", metavar="PCT")]
Patience = Annotated[
    Number, typer.Option("--patience", help="Mean time until one gives up, s; 0: never.", metavar="S")
]
Shrinkage = Annotated[
    float, typer.Option("--shrinkage", help="Paid time not at work: leave, breaks, %.", metavar="PCT")
]
Given = Annotated[int | None, typer.Option("--agents", help="Show what so many would give.", metavar="N")]
From = Annotated[
    Path | None, typer.Option("--from", help="Take a day of this ledger (file or folder).", metavar="LEDGER")
]
Day = Annotated[str, typer.Option("--day", help="With --from: the day, on the clock here.", metavar="DATE")]
OwnQueue = Annotated[
    str, typer.Option("--queue", help="With --from: the queue.", autocompletion=queue_names, metavar="QUEUE")
]
Interval = Annotated[
    int, typer.Option("--interval", help="With --from: 15, 30 or 60 minutes.", metavar="MIN")
]
WrapUp = Annotated[
    float, typer.Option("--wrap-up", help="With --from: s a talk; records have none.", metavar="S")
]


def register(app: typer.Typer) -> None:
    """`staff`."""
    app.command("staff")(staff)


def staff(
    context: typer.Context,
    calls: Calls = None,
    aht: Work = None,
    service_level: Level = "",
    asa: Speed = None,
    abandon: Loss = None,
    occupancy: Busy = None,
    patience: Patience = None,
    shrinkage: Shrinkage = 0.0,
    agents: Given = None,
    ledger: From = None,
    day: Day = "",
    queue: OwnQueue = "",
    interval: Interval = 30,
    wrap_up: WrapUp = 0.0,
    json: Json = False,
) -> None:
    """Reckon how many agents are needed. No daemon is asked.

    Erlang A if it is known how long people wait (--patience; with --from it is measured where at least ten
    gave up), else Erlang C, where nobody gives up. All named targets are held at once. SL is of all offered,
    those who gave up included; the formulas stand in docs/kpi.md.

    \b
    Example:
      ccctl staff --calls-per-h 240 --aht 300
      ccctl staff --calls-per-h 240 --aht 300 --patience 120 --shrinkage 30
      ccctl staff --calls-per-h 240 --aht 300 --service-level 90/15 --agents 22
      ccctl staff --from /var/lib/ccd --day 2026-11-24 --queue support
    """
    from ccd.history.staffing import Traffic

    session = session_of(context)
    session.json = json
    target = _target(service_level, asa, abandon, occupancy)
    _check(aht=aht, patience=patience, wrap_up=wrap_up)
    if ledger is None:
        if calls is None or aht is None:
            cure = "give both, or --from LEDGER --day DATE --queue QUEUE"
            raise Misconfigured("staff.figures", f"--calls-per-h and --aht are not both there — {cure}")
        answer = by_agents(Traffic(calls, aht, patience or 0.0), target, shrinkage, agents)
        session.tell(answer, () if json else agents_lines(answer))
        return
    if calls is not None or not day or not queue:
        raise Misconfigured(
            "staff.figures", "--from needs --day and --queue — and no --calls-per-h beside it"
        )
    parts = own_demand(ledger, day, queue, interval)
    answer = {"queue": queue, "day": day, "interval_min": interval}
    answer |= by_interval(parts, target, shrinkage, agents, aht, patience, wrap_up)
    session.tell(answer, () if json else day_lines(answer))


# -- reckoning ---------------------------------------------------------------------------------------------


def by_agents(traffic: "Traffic", target: "Target", shrinkage: float, agents: int | None) -> dict[str, Any]:
    """The recommended number, and what some more and some fewer would give."""
    from ccd.history.erlang import MOST_AGENTS, load_erl
    from ccd.history.staffing import agents_needed, scheduled

    needed = agents_needed(traffic, target)
    numbers = set(range(max(min(needed, 1), needed - AROUND), min(MOST_AGENTS, needed + AROUND) + 1))
    if agents is not None:
        numbers.add(agents)
    return {
        "model": _model(traffic),
        "calls_per_h": traffic.calls_per_h,
        "aht_s": traffic.aht_s,
        "load_erl": load_erl(traffic.calls_per_h, traffic.aht_s),
        "patience_s": traffic.patience_s or None,
        "target": _plain(target),
        "shrinkage_pct": shrinkage,
        "recommended": needed,
        "scheduled": scheduled(needed, shrinkage),
        "given": agents,
        "rows": [_row(traffic, target, number, needed, shrinkage) for number in sorted(numbers)],
    }


def by_interval(
    parts: "Sequence[Demand]",
    target: "Target",
    shrinkage: float,
    agents: int | None,
    aht: Number,
    patience: Number,
    wrap_up: float,
) -> dict[str, Any]:
    """Each interval of a day with its own number; figures of it, or of the given number of agents."""
    from ccd.history.demand import total
    from ccd.history.staffing import Traffic, agents_needed, scheduled

    whole = total(parts)
    day_aht = aht or whole.work_s(wrap_up)
    if not day_aht:
        raise Refused("staff.aht", "nobody was handled, so there is no handling time — give it by --aht")
    if patience is None:
        patience = whole.patience_s if whole.abandoned >= ENOUGH else None
    rows = []
    for part in parts:
        own_aht = part.work_s(wrap_up) if part.handled >= ENOUGH else None
        traffic = Traffic(part.calls_per_h, aht or own_aht or day_aht, patience or 0.0)
        needed = agents_needed(traffic, target)
        figures = _row(traffic, target, needed if agents is None else agents, needed, shrinkage)
        figures["scheduled"] = scheduled(needed, shrinkage)
        rows.append({"began_at": part.began_at, "offered": part.offered, "aht_s": traffic.aht_s, **figures})
    return {
        "model": _model(Traffic(0.0, day_aht, patience or 0.0)),
        "aht_s": day_aht,
        "patience_s": patience or None,
        "target": _plain(target),
        "shrinkage_pct": shrinkage,
        "given": agents,
        "offered": whole.offered,
        "handled": whole.handled,
        "abandoned": whole.abandoned,
        "rows": rows,
    }


def _row(traffic: "Traffic", target: "Target", agents: int, needed: int, shrinkage: float) -> dict[str, Any]:
    """The figures of so many agents; none where no agent is needed."""
    from ccd.history.staffing import forecast, holds, pool, scheduled

    row: dict[str, Any] = {"agents": agents, "scheduled": scheduled(agents, shrinkage), "recommended": needed}
    if agents == needed == 0:
        return row | dict.fromkeys(_KEYS) | {"holds": True}
    figures = _plain(forecast(traffic, agents, target.within_s))
    idle = traffic.calls_per_h == 0
    return row | figures | {"holds": idle or holds(pool(traffic, agents), target)}


def _plain(value: Any) -> dict[str, Any]:
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(value)
    return plain


def _model(traffic: "Traffic") -> str:
    return "erlang_a" if traffic.patience_s > 0 else "erlang_c"


def _target(service_level: str, asa: Number, abandon: Number, occupancy: Number) -> "Target":
    from ccd.history.staffing import Target

    if not service_level and (asa, abandon, occupancy) == (None, None, None):
        service_level = "80/20"
    if not service_level:
        return Target(asa_s=asa, abandon_pct=abandon, occupancy_pct=occupancy)
    found = _SERVICE_LEVEL.fullmatch(service_level)
    if found is None:
        raise Misconfigured(
            "staff.target", f"--service-level {service_level!r} — write it like 80/20: 80 % in 20 s"
        )
    return Target(float(found[1]), float(found[2]), asa, abandon, occupancy)


def _check(aht: Number, patience: Number, wrap_up: float) -> None:
    """Figures that the models are not asked about."""
    if aht is not None and not aht > 0:
        raise Misconfigured("staff.aht", f"--aht {aht:g} — give more than 0 s")
    if patience is not None and not patience >= 0:
        raise Misconfigured("staff.patience", f"--patience {patience:g} — give seconds; 0: nobody gives up")
    if not wrap_up >= 0:
        raise Misconfigured("staff.wrap_up", f"--wrap-up {wrap_up:g} — give seconds")
