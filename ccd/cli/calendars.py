"""`ccctl calendar …`: whether it is open at a moment and why, and when that changes. No daemon is asked."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ccd.cli.configuration import CONFIG
from ccd.cli.session import Json, session_of
from ccd.cli.text import duration, pairs, table
from ccd.errors import Misconfigured, Refused

if TYPE_CHECKING:
    from ccd.model.calendar import OpenState
    from ccd.model.hours import CalendarRule

SPECIAL_DAYS = 12
"""Special days that `show` lists, the next ones."""
CHANGES = 6

Name = Annotated[str, typer.Argument(help="Name of the calendar.", metavar="NAME")]
At = Annotated[
    str, typer.Option("--at", help="Not now: a time in the calendar's zone.", metavar='"2026-12-25 10:00"')
]
Config = Annotated[Path, typer.Option("--config", help="Folder with ccd.toml, or that file.")]


def register(app: typer.Typer) -> None:
    """`calendar show` and `calendar next`."""
    calendar = typer.Typer(
        no_args_is_help=True, help="Opening hours, holidays, closings.", rich_markup_mode=None
    )
    calendar.command("show")(show)
    calendar.command("next")(following)
    app.add_typer(calendar, name="calendar")


def show(
    context: typer.Context, calendar: Name, at: At = "", config: Config = CONFIG, json: Json = False
) -> None:
    """Show a calendar. Open or closed, why and until when, and its hours; read from the configuration.

    \b
    Example:
      ccctl calendar show support
      ccctl calendar show support --at "2026-12-25 10:00"
    """
    from ccd.config.calendar_words import in_words
    from ccd.model.calendar import is_open

    session = session_of(context)
    session.json = json
    rule = _rule(config, calendar)
    now = _moment(rule, at)
    state = is_open(rule, now)
    hours = in_words(rule)
    answer = {"calendar": rule.name, **_state(rule, now, state), "hours": hours}
    session.tell(answer, _shown(answer, hours))


def following(
    context: typer.Context,
    calendar: Name,
    at: At = "",
    limit: Annotated[int, typer.Option(help="So many changes.", min=1, max=1000)] = CHANGES,
    config: Config = CONFIG,
    json: Json = False,
) -> None:
    """Say when it opens and closes next, and why; read from the configuration.

    \b
    Example:
      ccctl calendar next support
      ccctl calendar next support --at "2026-12-24 17:00" --limit 3
    """
    from ccd.model.calendar import is_open, next_opening

    session = session_of(context)
    session.json = json
    rule = _rule(config, calendar)
    now = _moment(rule, at)
    opening = next_opening(rule, now)
    answer = {
        "calendar": rule.name,
        **_state(rule, now, is_open(rule, now)),
        "next_opening": opening,
        "next_opening_local": _iso(rule, opening),
        "changes": list(_changes(rule, now, limit)),
    }
    session.tell(answer, _following(answer))


# -- what is asked -------------------------------------------------------------------------------


def _rule(config: Path, name: str) -> "CalendarRule":
    """The calendar of the configuration. Raises what is wrong with either."""
    import os

    from ccd.config.faults import ConfigFaults, did_you_mean, listed
    from ccd.config.load import check

    settings, faults = check(config, environ=os.environ)
    if settings is None:
        raise ConfigFaults(faults)
    calendars = settings.rules.calendars
    if name not in calendars:
        cure = did_you_mean(name, calendars, f"defined are: {listed(calendars)}")
        raise Refused("calendar.unknown", f'there is no calendar "{name}" in {config} — {cure}')
    return calendars[name]


def _moment(rule: "CalendarRule", text: str) -> float:
    """A local time of the zone, or now. Raises `Misconfigured`."""
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from ccd.clock import SystemClock

    if not text:
        return SystemClock().now()
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        cure = 'write e.g. --at "2026-12-25 10:00"'
        raise Misconfigured("calendar.at", f"{text!r} is no date and time — {cure}") from None
    return (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(rule.zone))).timestamp()


def _iso(rule: "CalendarRule", at: float | None) -> str | None:
    """A moment in the zone, with its offset; None for never."""
    from datetime import datetime
    from zoneinfo import ZoneInfo

    return None if at is None else datetime.fromtimestamp(at, ZoneInfo(rule.zone)).isoformat(" ", "seconds")


def _state(rule: "CalendarRule", now: float, state: "OpenState") -> dict[str, Any]:
    return {
        "zone": rule.zone,
        "at": now,
        "at_local": _iso(rule, now),
        "open": state.open,
        "cause": str(state.cause),
        "name": state.name,
        "why": state.why,
        "until": state.until,
        "until_local": _iso(rule, state.until),
        "covered": state.covered,
    }


def _changes(rule: "CalendarRule", now: float, limit: int) -> Iterator[dict[str, Any]]:
    from ccd.model.calendar import is_open

    state = is_open(rule, now)
    while state.until is not None and limit:
        at, limit = state.until, limit - 1
        state = is_open(rule, at)
        lasts = None if state.until is None else state.until - at
        yield {
            "at": at,
            "at_local": _iso(rule, at),
            "open": state.open,
            "why": state.why,
            "lasts_s": lasts,
        }


# -- what is told --------------------------------------------------------------------------------


def _now(answer: dict[str, Any]) -> list[tuple[str, Any]]:
    until = answer["until"]
    lasts = f"{_day(answer['until_local'])} ({duration(until - answer['at'])})" if until else "for good"
    known = "" if answer["covered"] else "the holidays of this date are not known yet"
    return [
        ("calendar", answer["calendar"]),
        ("at", f"{_day(answer['at_local'])} {answer['zone']}"),
        ("state", f"{_word(answer['open'])} ({answer['why']})"),
        ("until", lasts),
        ("warning", known),
    ]


def _shown(answer: dict[str, Any], hours: dict[str, Any]) -> Iterator[str]:
    from ccd.model.hours import WEEKDAYS

    week = [(day, ", ".join(hours[day]) or "closed") for day in WEEKDAYS]
    source = hours["source"]
    whose = " ".join(filter(None, (source.get("country"), source.get("subdivision"))))
    known = f"{whose}, known until {hours['covered_until']}" if whose else ""
    yield from pairs([*_now(answer), *week, ("holidays", known)])
    today = answer["at_local"][:10]
    own = hours["days"]
    special = {
        date: what
        for date, what in (hours["holidays"] | own).items()
        if (date >= today and (date in own or date[5:] not in own)) or len(date) == 5
    }
    if special:
        yield ""
        yield from table(("SPECIAL DAY", "HOURS"), _soonest(special, today))
    if hours["exceptional"]:
        yield ""
        yield from table(("EXCEPTION", "WHAT"), list(hours["exceptional"].items()))


def _soonest(special: dict[str, str], today: str) -> list[tuple[str, str]]:
    """The next special days; one of each year stands where it comes next."""

    def next_date(date: str) -> str:
        year = int(today[:4]) + (date < today[5:])
        return date if len(date) > 5 else f"{year}-{date}"

    rows = [(next_date(date), date, what) for date, what in special.items()]
    return [
        (f"{date} each year" if len(date) == 5 else date, what)
        for _, date, what in sorted(rows)[:SPECIAL_DAYS]
    ]


def _following(answer: dict[str, Any]) -> Iterator[str]:
    yield from pairs(_now(answer))
    if answer["changes"]:
        yield ""
        rows = [
            (_day(each["at_local"]), _word(each["open"]), each["why"], duration(each["lasts_s"]))
            for each in answer["changes"]
        ]
        yield from table(("AT", "STATE", "WHY", "LASTS"), rows, {"LASTS"})


def _day(iso: str) -> str:
    """`Fri 2026-12-25 10:00`, from a moment with its offset."""
    from datetime import datetime

    shown = datetime.fromisoformat(iso)
    return shown.strftime("%a %Y-%m-%d %H:%M" if not shown.second else "%a %Y-%m-%d %H:%M:%S")


def _word(opened: bool) -> str:
    return "open" if opened else "closed"
