"""A day made from a description: arrivals an interval by queue and channel, work, patience, shifts.

The description is TOML (docs/what-if.md explains each key); `read_day` reads it, `make_day` draws the day.
The same description and seed give the same day.
"""

import tomllib
from datetime import date as calendar_date
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from ccd.errors import Misconfigured
from ccd.model.frozen import Frozen
from ccd.model.nouns import Availability, ChannelClass
from ccd.testing.day import Arrival, Day, Presence, Stage
from ccd.testing.draws import Draws, exponential, instants, lognormal

MOST_ARRIVALS = 1_000_000
"""Expected in all; more is taken for a slip of the pen."""


class Spread(Frozen, frozen=True):
    """Durations: log-normal by mean and coefficient of variation."""

    mean_s: float
    cv: float = 0.8
    """Standard deviation / mean; 0: always the mean."""


class ArrivalsRule(Frozen, frozen=True):
    """[[arrivals]]: one stream of customers."""

    per_interval: tuple[float, ...]
    """Expected number in each interval from `begins` on; those beyond the list have none."""
    talk: Spread
    queue: str = ""
    """Straight into this queue; or `number` is reached, and its flow followed."""
    number: str = ""
    keys: str = ""
    """With `number`: what is pressed, one key a menu."""
    channel_class: ChannelClass = ChannelClass.VOICE
    wrap_up: Spread | None = None
    """None: all the time that the rules give."""
    patience_mean_s: float | None = None
    """Exponential; None: nobody leaves."""
    answer: Spread = Spread(mean_s=4.0, cv=0.5)
    """Ringing at an agent."""
    exactly: bool = False
    """Exactly so many come in each interval (whole numbers), each at any instant; else by Poisson."""


class Pause(Frozen, frozen=True):
    """A pause in a shift, on the clock."""

    at: str
    minutes: float
    reason: str = "pause"


class ShiftRule(Frozen, frozen=True):
    """[[shifts]]: when agents are there."""

    agents: tuple[str, ...]
    begins: str
    ends: str
    pauses: tuple[Pause, ...] = ()
    stagger_min: float = 0.0
    """Each agent's pauses begin so much later than those of the one named before: not all go at once."""


class DayRule(Frozen, frozen=True):
    """The whole description."""

    arrivals: tuple[ArrivalsRule, ...]
    shifts: tuple[ShiftRule, ...]
    date: str = "2026-01-05"
    """Which day, on the clock here."""
    begins: str = "08:00"
    ends: str = "16:00"
    interval_min: float = 30.0


def read_day(path: Path) -> DayRule:
    """Read a description. Raises `Misconfigured`: which file, where in it, and what to write."""
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Misconfigured(
            "simulate.day_file", f"{path} — {error.strerror}: name a readable file"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured("simulate.day_file", f"{path}: not TOML: {error} — correct it there") from error
    try:
        rule = msgspec.convert(found, DayRule)
    except msgspec.ValidationError as error:
        cure = "docs/what-if.md shows every key"
        raise Misconfigured("simulate.day_file", f"{path}: {error} — {cure}") from error
    _check(path, rule)
    return rule


def _check(path: Path, rule: DayRule) -> None:
    def wrong(where: str, cure: str) -> Misconfigured:
        return Misconfigured("simulate.day_file", f"{path}: {where} — {cure}")

    if not 1 <= rule.interval_min <= 1440:
        raise wrong(f"interval_min {rule.interval_min:g}", "give 1 to 1440 minutes")
    for number, each in enumerate(rule.arrivals):
        where = f"arrivals[{number}]"
        if bool(each.queue) == bool(each.number):
            raise wrong(f"{where} has not one of queue and number", "name the one that is reached")
        if any(not 0 <= expected < MOST_ARRIVALS for expected in each.per_interval):
            raise wrong(f"{where}.per_interval", f"give numbers from 0 to {MOST_ARRIVALS}")
        if each.exactly and any(expected != int(expected) for expected in each.per_interval):
            raise wrong(f"{where}.per_interval", "with exactly = true, give whole numbers")
        for spread in (each.talk, each.wrap_up, each.answer):
            if spread is not None and not (spread.mean_s >= 0 and spread.cv >= 0):
                raise wrong(f"{where}: mean_s {spread.mean_s:g}, cv {spread.cv:g}", "give 0 or more")
        if each.patience_mean_s is not None and not each.patience_mean_s > 0:
            raise wrong(f"{where}.patience_mean_s", "give more than 0, or leave it out: nobody leaves")
    if sum(sum(each.per_interval) for each in rule.arrivals) > MOST_ARRIVALS:
        raise wrong("arrivals", f"give at most {MOST_ARRIVALS} in all")
    begins, ends = clock_s(rule.begins, f"{path}: begins"), clock_s(rule.ends, f"{path}: ends")
    if begins >= ends:
        raise wrong(f"ends {rule.ends} is not after begins {rule.begins}", "a day ends after it begins")
    for number, shift in enumerate(rule.shifts):
        for text in (shift.begins, shift.ends, *(pause.at for pause in shift.pauses)):
            clock_s(text, f"{path}: shifts[{number}]")


def clock_s(text: str, where: str) -> float:
    """`08:30` as seconds of the day; `24:00` is its end. Raises `Misconfigured`."""
    hour, colon, minute = text.partition(":")
    if colon and hour.isdigit() and minute.isdigit() and len(minute) == 2:
        found = int(hour) * 3600 + int(minute) * 60
        if int(minute) < 60 and found <= 86_400:
            return float(found)
    raise Misconfigured("simulate.clock", f"{where}: {text!r} is no time of day — write 08:30")


def midnight(day: str) -> float:
    """When a day begins on the clock here. Raises `Misconfigured`."""
    return midnights(day)[0]


def midnights(day: str) -> tuple[float, float]:
    """When a day begins and when the next one does, on the clock here. Raises `Misconfigured`."""
    try:
        first = calendar_date.fromisoformat(day)
        both = [datetime(each.year, each.month, each.day) for each in (first, first + timedelta(days=1))]
        return both[0].timestamp(), both[1].timestamp()
    except (ValueError, OverflowError, OSError):
        raise Misconfigured("simulate.day", f"{day!r} is no date — write 2026-11-24") from None


def make_day(rule: DayRule, seed: int) -> Day:
    """Draw the day."""
    start = midnight(rule.date)
    begins_at, ends_at = start + clock_s(rule.begins, "begins"), start + clock_s(rule.ends, "ends")
    coming = [
        (at, number, nth)
        for number, each in enumerate(rule.arrivals)
        for nth, at in enumerate(_instants(each, f"{number}", seed, begins_at, rule.interval_min * 60))
    ]
    coming.sort()
    arrivals = tuple(
        _arrival(rule.arrivals[number], f"{place}", at, Draws(seed, "customer", f"{number}", f"{nth}"))
        for place, (at, number, nth) in enumerate(coming, 1)
    )
    return Day(rule.date, begins_at, ends_at, arrivals, _presences(rule, start))


def _instants(rule: ArrivalsRule, stream: str, seed: int, begins_at: float, step_s: float) -> list[float]:
    found: list[float] = []
    for place, expected in enumerate(rule.per_interval):
        draws = Draws(seed, "arrivals", stream, f"{place}")
        number = int(expected) if rule.exactly else draws.poisson(expected)
        from_at = begins_at + place * step_s
        found += instants(draws, number, from_at, from_at + step_s)
    return found


_CHANNELS = {
    ChannelClass.VOICE: "voice",
    ChannelClass.LIVE_TEXT: "chat",
    ChannelClass.DEFERRED_TEXT: "mail",
    ChannelClass.TASK: "task",
}


def _arrival(rule: ArrivalsRule, name: str, at: float, draws: Draws) -> Arrival:
    talk, wrap_up, patience, answer = (draws.share() for _ in range(4))
    voice = rule.channel_class is ChannelClass.VOICE
    return Arrival(
        id=name,
        at=at,
        channel=_CHANNELS[rule.channel_class],
        channel_class=rule.channel_class,
        origin=f"+999{int(name):07}" if voice else f"visitor-{name}",
        target=rule.number or rule.queue,
        direct=bool(rule.queue),
        keys=tuple(rule.keys),
        stages=(
            Stage(
                rule.queue,
                lognormal(talk, rule.talk.mean_s, rule.talk.cv),
                lognormal(wrap_up, rule.wrap_up.mean_s, rule.wrap_up.cv) if rule.wrap_up else None,
            ),
        ),
        patience_s=exponential(patience, rule.patience_mean_s) if rule.patience_mean_s else None,
        answer_s=lognormal(answer, rule.answer.mean_s, rule.answer.cv),
    )


def _presences(rule: DayRule, start: float) -> tuple[Presence, ...]:
    found = []
    for shift in rule.shifts:
        begins_at, ends_at = start + clock_s(shift.begins, "begins"), start + clock_s(shift.ends, "ends")
        for place, agent in enumerate(shift.agents):
            found.append(Presence(begins_at, agent, Availability.READY))
            for pause in shift.pauses:
                from_at = start + clock_s(pause.at, "pauses") + place * shift.stagger_min * 60
                until = from_at + pause.minutes * 60
                if begins_at < from_at < ends_at:
                    found.append(Presence(from_at, agent, Availability.PAUSED, pause.reason))
                    if until < ends_at:
                        found.append(Presence(until, agent, Availability.READY))
            found.append(Presence(ends_at, agent, Availability.LOGGED_OUT))
    return tuple(sorted(found, key=lambda each: each.at))
