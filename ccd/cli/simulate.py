"""`ccctl simulate`: a day under other rules, through the engines of the daemon on virtual time."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ccd.cli.session import Json, session_of
from ccd.cli.simulate_tables import lines, picture
from ccd.cli.text import clean
from ccd.errors import Misconfigured, Refused

if TYPE_CHECKING:
    from ccd.history.state import Record
    from ccd.model.rules import Rules
    from ccd.testing.day import Day
    from ccd.testing.rehearsal import Rehearsed

INTERVALS_MIN = (5, 10, 15, 30, 60)

Configs = Annotated[
    list[Path] | None,
    typer.Option("--config", help="A configuration to try; repeatable.", metavar="FOLDER"),
]
From = Annotated[
    Path | None, typer.Option("--from", help="Take a day of this ledger (file or folder).", metavar="LEDGER")
]
DayName = Annotated[
    str, typer.Option("--day", help="With --from: the day, on the clock here.", metavar="DATE")
]
Generate = Annotated[
    Path | None, typer.Option("--generate", help="Make the day this TOML file describes.", metavar="FILE")
]
Seed = Annotated[int, typer.Option("--seed", help="Chance; the same gives the same again.", metavar="N")]
Hours = Annotated[
    list[str] | None,
    typer.Option(
        "--agents", help="NAME,…=08:00-12:00,13:00-17:00 instead of theirs; * all.", metavar="HOURS"
    ),
]
Interval = Annotated[
    int, typer.Option("--interval", help="Of the plots: 5, 10, 15, 30 or 60 min.", metavar="MIN")
]
Explain = Annotated[
    str, typer.Option("--explain", help="Explain each decision about this one.", metavar="ID")
]
Picture = Annotated[Path | None, typer.Option("--svg", help="Write the plots there too.", metavar="FILE")]


def register(app: typer.Typer) -> None:
    """`simulate`."""
    app.command("simulate")(simulate)


def simulate(
    context: typer.Context,
    config: Configs = None,
    ledger: From = None,
    day: DayName = "",
    generate: Generate = None,
    agents: Hours = None,
    seed: Seed = 1,
    interval: Interval = 30,
    explain: Explain = "",
    picture_file: Picture = None,
    json: Json = False,
) -> None:
    """Play a day under other rules. Through the daemon's own engines, on virtual time.

    A day of a ledger is played under the rules that it had (`running`) and under each --config, beside what
    came of it (`as it was`); a day made by --generate under each --config. No daemon is asked, and the ledger
    is only read. What is assumed stands in docs/what-if.md; the formulas stand in docs/kpi.md.

    \b
    Example:
      ccctl simulate --config ./new --from /var/lib/ccd --day 2026-11-24
      ccctl simulate --from /var/lib/ccd --day 2026-11-24 --explain 4711
      ccctl simulate --config /etc/ccd --config ./new --generate monday.toml
    """
    from ccd.cli.compared import interval_edges
    from ccd.clock import monotonic

    session = session_of(context)
    session.json = json
    if interval not in INTERVALS_MIN:
        raise Misconfigured("simulate.interval", f"--interval {interval} — give 5, 10, 15, 30 or 60 minutes")
    played, was, running = _day(ledger, day, generate, seed)
    tried = [(str(path), _rules(path, played.name)) for path in config or []]
    if running is not None:
        tried.insert(0, ("running", running))
    if not tried:
        raise Misconfigured("simulate.config", "there is nothing to try — name a folder by --config")
    _check_queues(played, tried)
    began = monotonic()
    results = [_rehearse(played, rules, agents or []) for _, rules in tried]
    took_s = monotonic() - began
    if explain:
        answer: Any = _explained(explain, [name for name, _ in tried], results, played.begins_at)
        session.tell(answer, _explained_lines(answer))
        return
    edges = interval_edges(played, interval)
    answer = _answer(played, seed, interval, was, running, tried, results, edges)
    if picture_file is not None:
        _write(picture_file, picture(answer))
    session.tell(answer, lines(answer) if not json else ())
    if not json:
        facts = sum(each.facts for each in results)
        print(f"{facts} facts in {took_s:.1f} s: {facts / max(took_s, 1e-9):.0f} a second")


def _answer(
    played: "Day",
    seed: int,
    interval: int,
    was: "Sequence[Record] | None",
    running: "Rules | None",
    tried: "Sequence[tuple[str, Rules]]",
    results: "Sequence[Rehearsed]",
    edges: Sequence[float],
) -> dict[str, Any]:
    from ccd.cli.compared import as_it_was, as_rehearsed

    shown = [
        as_rehearsed(name, result, rules, edges) for (name, rules), result in zip(tried, results, strict=True)
    ]
    if was is not None and running is not None:
        shown.insert(0, as_it_was(was, running, edges))
    kinds = Counter(each.channel_class.value for each in played.arrivals)
    return {
        "day": played.name,
        "seed": seed,
        "interval_min": interval,
        "arrivals": dict(sorted(kinds.items())),
        "notes": list(played.notes),
        "configurations": shown,
    }


# -- what is played ------------------------------------------------------------------------------------


def _rules(path: Path, day: str) -> "Rules":
    """A configuration, with the holidays of the day's year."""
    import os

    from ccd.config.faults import ConfigFaults
    from ccd.config.load import check as read

    settings, faults = read(path, environ=os.environ, today=date.fromisoformat(day))
    if settings is None:
        raise ConfigFaults(faults)
    return settings.rules


def _day(
    ledger: Path | None, day: str, generate: Path | None, seed: int
) -> "tuple[Day, Sequence[Record] | None, Rules | None]":
    """The day, what came of it, and the rules that it had; a made day has neither."""
    from ccd.testing.made_day import make_day, midnights, read_day

    if generate is not None:
        if ledger is not None or day:
            raise Misconfigured("simulate.day", "--generate makes a day — leave --from and --day out")
        made = make_day(read_day(generate), seed)
        if not made.arrivals:
            raise Refused("simulate.empty", f"{generate}: nobody comes on that day — raise per_interval")
        return made, None, None
    if ledger is None or not day:
        raise Misconfigured("simulate.day", "no day is named — give --from LEDGER --day DATE, or --generate")
    from ccd.testing.ledger_day import read_ledger_day

    found = read_ledger_day(ledger, day, *midnights(day), seed)
    return found.day, found.records, found.rules


def _check_queues(day: "Day", tried: "Sequence[tuple[str, Rules]]") -> None:
    """A described day may only name what each configuration has."""
    for name, rules in tried:
        queues = {each.stages[0].queue for each in day.arrivals if each.direct} - rules.queues.keys()
        if queues:
            raise Misconfigured(
                "simulate.queue",
                f"{name} has no queue {', '.join(sorted(queues))} — the day's [[arrivals]] name it",
            )


def _rehearse(day: "Day", rules: "Rules", hours: Sequence[str]) -> "Rehearsed":
    from ccd.testing.rehearsal import rehearse

    return rehearse(_with_hours(day, rules, hours), rules)


def _with_hours(day: "Day", rules: "Rules", hours: Sequence[str]) -> "Day":
    """The day with the hours of `--agents` in place of the named agents' own."""
    from ccd.testing.day import with_hours
    from ccd.testing.made_day import clock_s, midnight

    start = midnight(day.name)
    for text in hours:
        names, equals, spans = text.partition("=")
        found = []
        for span in spans.split(","):
            begins, dash, ends = span.partition("-")
            if not equals or not dash:
                cure = "write ann,bob=08:00-12:00,13:00-17:00"
                raise Misconfigured("simulate.agents", f"--agents {text!r} — {cure}")
            found.append((start + clock_s(begins, "--agents"), start + clock_s(ends, "--agents")))
        chosen = list(rules.agents) if names == "*" else names.split(",")
        day = with_hours(day, chosen, found)
    return day


# -- what is told --------------------------------------------------------------------------------------


def _explained(
    wanted: str, names: Sequence[str], results: "Sequence[Rehearsed]", at: float
) -> list[dict[str, Any]]:
    zone = datetime.fromtimestamp(at).astimezone().tzinfo or UTC
    found = [
        {"configuration": name, "lines": result.explained(wanted, zone)}
        for name, result in zip(names, results, strict=True)
    ]
    if not any(each["lines"] for each in found):
        cure = "numbers are those of `ccctl interactions --ended`, of a made day 1, 2, 3…"
        raise Refused("simulate.explain", f"nobody of that day has the number {wanted!r} — {cure}")
    return found


def _explained_lines(answer: Sequence[dict[str, Any]]) -> list[str]:
    told = []
    for each in answer:
        told += [f"{clean(each['configuration'])}:", *(f"  {clean(line)}" for line in each["lines"]), ""]
    return told[:-1]


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Misconfigured("simulate.svg", f"--svg {path}: {error.strerror} — name another file") from error
