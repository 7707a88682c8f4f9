"""`ccctl flow …`: check, draw, rehearse and test flows from the files; a daemon tells what callers did."""

from collections.abc import Iterator
from datetime import date, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ccd.cli import flow_options as options
from ccd.cli.configuration import CONFIG
from ccd.cli.session import Json, print_json, session_of
from ccd.cli.text import clean, counted, duration, percent, table
from ccd.errors import Misconfigured, Refused

if TYPE_CHECKING:
    from ccd.model.rules import Rules
    from ccd.model.settings import Settings
    from ccd.testing.flow_cases import Verdict
    from ccd.testing.flow_rehearsal import Caller, Played

STEP_HEADS = ("FLOW", "STEP", "VISITS", "HUNG UP", "MEAN", "MAX", "WENT ON TO")
FLOW_HEADS = ("FLOW", "ENTERED", "OVER", "CONTAINED", "HUNG UP", "CONTAINMENT")

Name = Annotated[str, typer.Argument(help="Name of the flow.", metavar="NAME")]
OrAll = Annotated[str, typer.Argument(help="Name of the flow; all if left out.", metavar="[NAME]")]
Config = Annotated[Path, typer.Option("--config", help="Folder with ccd.toml, or that file.")]


def register(app: typer.Typer) -> None:
    """`flow check`, `draw`, `rehearse`, `test` and `stats`."""
    flow = typer.Typer(no_args_is_help=True, help="Flows: what callers go through.", rich_markup_mode=None)
    flow.command("check")(check)
    flow.command("draw")(draw)
    flow.command("rehearse")(rehearse)
    flow.command("test")(run_tests)
    flow.command("stats")(stats)
    app.add_typer(flow, name="flow")


# -- check ---------------------------------------------------------------------------------------------


def check(context: typer.Context, flow: OrAll = "", config: Config = CONFIG, json: Json = False) -> None:
    """Check flows. The faults of `ccctl check` that concern them, and what is odd in their shape.

    Warnings tell of loops without a way out, callers hung up on without a word, flows that nothing leads to.
    Exit codes: 0 no fault (there may be warnings), 2 faults. No daemon is asked.

    \b
    Example:
      ccctl flow check
      ccctl flow check welcome --config ./conf
    """
    from ccd.config.faults import render
    from ccd.config.flow_check import check_flows

    session = session_of(context)
    session.json = json
    good, flows, faults = check_flows(config, flow)
    if json:
        print_json({"ok": good, "flows": flows, "faults": [_fault(each) for each in faults]})
    else:
        if faults:
            typer.echo(render(faults), err=not good)
        wrong = sum(not fault.warning for fault in faults)
        odd = f", {counted(len(faults) - wrong, 'warning')}" if len(faults) > wrong else ""
        head = f"good: {counted(len(flows), 'flow')}" if good else counted(wrong, "fault")
        typer.echo(f"{config}: {head}{odd}", err=not good)
    raise typer.Exit(0 if good else 2)


def _fault(fault: Any) -> dict[str, Any]:
    return {name: getattr(fault, name) for name in fault.__struct_fields__}


# -- draw ----------------------------------------------------------------------------------------------


def draw(
    context: typer.Context,
    flow: Name,
    output: Annotated[Path, typer.Option("-o", "--output", help="The file to write.", metavar="FILE")],
    language: Annotated[
        str, typer.Option("--language", help="That of the words; without it the flow's own.")
    ] = "",
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Draw a flow as a picture (SVG). A box a step, an arrow a way, what prompts say in words.

    \b
    Example:
      ccctl flow draw welcome -o welcome.svg
      ccctl flow draw welcome -o accueil.svg --language fr
    """
    from ccd.cli.flow_picture import svg

    session = session_of(context)
    session.json = json
    drawn = _picture(_settings(config), flow, language)
    try:
        output.write_text(svg(drawn), encoding="utf-8")
    except OSError as error:
        raise Misconfigured("flow.draw", f"{output}: {error.strerror} — name another file") from error
    steps = len(drawn.flow.steps)
    session.tell({"file": str(output), "steps": steps}, [f"{clean(output)}: {counted(steps, 'step')}"])


def _picture(settings: "Settings", name: str, language: str = "") -> Any:
    from ccd.cli.flow_picture import picture
    from ccd.cli.flow_words import texts_of
    from ccd.config.calls import called_by

    rules = settings.rules
    _must_exist(rules, name)
    flow = rules.flows[name]
    words_in = language or flow.language or rules.language
    spoken = texts_of(settings).get(words_in, {})
    numbers = [number for number, target in rules.numbers.items() if target == name]
    callers = [
        each.name for each in rules.flows.values() if name in {callee for _, callee in called_by(each)}
    ]
    led_by = [*numbers, *(f"called by {caller}" for caller in callers)]
    return picture(flow, spoken, led_by, called=bool(callers), language=words_in)


def _must_exist(rules: "Rules", name: str) -> None:
    from ccd.config.faults import did_you_mean, listed

    if name not in rules.flows:
        cure = did_you_mean(name, rules.flows, f"there are: {listed(rules.flows)}")
        raise Refused("flow.unknown", f"there is no flow {name!r} — {cure}")


def _settings(config: Path, today: date | None = None) -> "Settings":
    import os

    from ccd.config.faults import ConfigFaults
    from ccd.config.load import check as read

    settings, faults = read(config, environ=os.environ, today=today)
    if settings is None:
        raise ConfigFaults(faults)
    return settings


# -- rehearse and test -----------------------------------------------------------------------------------


def rehearse(
    context: typer.Context,
    flow: options.Flow = "",
    keys: options.Keys = "",
    caller: options.Caller = "+33612345678",
    dialled: options.Dialled = "",
    at: options.At = "",
    answer: options.Answers = None,
    figure: options.Figures = None,
    history: options.History = None,
    notice: options.Notice = "",
    language: options.Language = "",
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Rehearse a call. Through the daemon's own engines, on virtual time: what is heard, and where it ends.

    \b
    Example:
      ccctl flow rehearse welcome --keys 1
      ccctl flow rehearse welcome --at "2026-12-25 10:00" --keys wait,9
      ccctl flow rehearse --dialled +33123456789 --answer 'crm={"tier": "gold"}'
      ccctl flow rehearse welcome --keys 2 --figure queue.sales.ewt_s=420
      ccctl flow rehearse welcome --history contacts_7d=3
      ccctl flow rehearse rate --language fr --keys 9
    """
    from ccd.testing.flow_cases import answers_of, flow_of, history_of, moment_of
    from ccd.testing.flow_rehearsal import Caller

    session = session_of(context)
    session.json = json
    moment = moment_of(at) if at else None
    settings = _settings(config, moment.date() if moment else None)
    who = Caller(
        flow_of(settings.rules, flow, dialled),
        caller,
        dialled,
        options.keys_in(keys),
        answers_of(settings.rules, options.answers_in(answer or [])),
        options.figures_in(figure or []),
        history_of(options.history_in(history or [])),
        notice,
        language,
    )
    shown = _played(settings.rules, who, moment)
    session.tell(shown, () if json else _shown(settings, shown))


def _played(rules: "Rules", who: "Caller", moment: datetime | None) -> dict[str, Any]:
    """What happens to who calls at a moment of the centre's clock; None: now."""
    from ccd.clock import SystemClock
    from ccd.testing.flow_rehearsal import rehearse_call

    zone = zone_of(rules)
    when = moment.replace(tzinfo=zone).timestamp() if moment else SystemClock().now()
    at = datetime.fromtimestamp(when, zone).astimezone(zone).isoformat()
    return {"flow": who.flow, "at": at, **_plain(rehearse_call(rules, who, when))}


def _shown(settings: "Settings", played: dict[str, Any]) -> Iterator[str]:
    from ccd.cli.flow_words import texts_of

    return _lines(played, texts_of(settings), settings.rules.language)


def _plain(played: "Played") -> dict[str, Any]:
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(played)
    return plain


def zone_of(rules: "Rules") -> tzinfo | None:
    """The centre's zone: `daemon.zone`, or that of the calendars if it is one; None: this machine's."""
    from ccd.model.clock_figures import Clock

    return Clock(rules.zone, rules.calendars).zone


def _lines(played: dict[str, Any], texts: dict[str, dict[str, str]], language: str) -> Iterator[str]:
    yield f"{clean(played['flow'])} at {played['at']}"
    for each in played["events"]:
        details = each["details"]
        if each["what"] == "hears":
            text = texts.get(details or language, {}).get(each["name"], "")
            details = f"“{text}”" if text else details
        yield clean(f"{_offset(each['at_s'])}  {each['what']:6} {each['name']}  {details}".rstrip())
    if played["variables"]:
        told = ", ".join(f"{name} = {value}" for name, value in sorted(played["variables"].items()))
        yield clean(f"variables: {told}")
    if played["keys_left"]:
        yield f"keys that were not asked for: {clean(', '.join(played['keys_left']))}"


def _offset(seconds: float) -> str:
    return f"{int(seconds) // 60:3}:{seconds % 60:04.1f}"


def run_tests(
    context: typer.Context,
    folder: Annotated[Path | None, typer.Argument(help="Another way to give --config.")] = None,
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Test flows. Plays the calls of `rehearsals/*.toml` beside ccd.toml, and tells which went otherwise.

    Exit codes: 0 all went as expected, 1 some did not, 2 wrong files.

    \b
    Example:
      ccctl flow test
      ccctl flow test --config ./conf
    """
    from functools import cache

    from ccd.testing.flow_cases import FOLDER, judge

    session = session_of(context)
    session.json = json
    config = _one_of(folder, config)
    rehearsals = (config if config.is_dir() else config.parent) / FOLDER
    files = sorted(rehearsals.glob("*.toml"))
    if not files:
        raise Misconfigured("flow.test", f"there is no file {rehearsals}/*.toml — docs/flows.md says how")

    @cache
    def rules_of(day: date) -> "Rules":
        return _settings(config, day).rules

    verdicts = [
        verdict for file in files for verdict in judge(file, lambda moment: rules_of(moment.date()), zone_of)
    ]
    wrong = sum(bool(each.differs) for each in verdicts)
    answer = {"ok": not wrong, "rehearsals": [_plain_verdict(each) for each in verdicts]}
    session.tell(answer, () if json else _verdict_lines(verdicts, wrong))
    raise typer.Exit(1 if wrong else 0)


def _one_of(folder: Path | None, config: Path) -> Path:
    """Where the configuration is, whichever way it was said."""
    if folder is not None and config not in (CONFIG, folder):
        cure = "leave one of them out"
        raise Misconfigured("flow.test", f"both {folder} and --config {config} are given — {cure}")
    return config if folder is None else folder


def _plain_verdict(verdict: "Verdict") -> dict[str, Any]:
    return {name: getattr(verdict, name) for name in verdict.__struct_fields__}


def _verdict_lines(verdicts: "list[Verdict]", wrong: int) -> Iterator[str]:
    rows = [
        (
            "differs" if each.differs else "ok",
            f"{Path(each.file).name}:{each.line}",
            each.flow,
            each.ends,
            each.name,
        )
        for each in verdicts
    ]
    yield from table(("RESULT", "WHERE", "FLOW", "ENDS", "NAME"), rows)
    for each in verdicts:
        yield from (clean(f"{each.file}:{what}") for what in each.differs)
    total = counted(len(verdicts), "rehearsal")
    yield f"{total}: {wrong} differ" if wrong else f"{total}, all as expected"


# -- stats -----------------------------------------------------------------------------------------------


def stats(
    context: typer.Context,
    flow: OrAll = "",
    day: Annotated[str, typer.Option("--day", help="Not today: 2026-11-24 (UTC).", metavar="DATE")] = "",
    json: Json = False,
) -> None:
    """Show what callers did in flows. By step: visits, who hung up there, time, ways taken.

    CONTAINED never asked for a person; the formulas stand in docs/kpi.md.

    \b
    Example:
      ccctl flow stats
      ccctl flow stats welcome --day 2026-11-24
    """
    session_of(context).show(
        "flow.stats", json, lambda rows: stat_lines(rows, steps=True), flow=flow, day=day
    )


def stat_lines(rows: list[dict[str, Any]], steps: bool) -> list[str]:
    """A line a flow, and one a step if asked."""
    if not rows:
        return ["no flow was entered on that day"]
    counts = ("entered", "over", "contained", "hung_up")
    body = [(row["flow"], *(row[name] for name in counts), percent(row["containment_pct"])) for row in rows]
    lines = table(FLOW_HEADS, body, FLOW_HEADS[1:])
    if steps:
        lines += ["", *table(STEP_HEADS, [each for row in rows for each in _step_rows(row)], STEP_HEADS[2:6])]
    return lines


def _step_rows(row: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    for step in row["steps"]:
        to = ", ".join(f"{name} {count}" for name, count in step["to"].items())
        mean, most = duration(step["spent_mean_s"]), duration(step["spent_max_s"])
        yield (row["flow"], step["step"], step["visits"], step["hung_up"], mean, most, to)
