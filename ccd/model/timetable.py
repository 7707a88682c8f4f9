"""A calendar's rule worked out into moments: which stretches of time are open, in seconds since the epoch.

Work is done and kept by blocks of 32 days, so a question costs a look into one block, and only a count of
years walks over many. The rule and the zone decide everything: what is kept here is never a state.

The wall clock in a time zone, where it jumps:

- A time that is skipped (the clock goes from 02:00 to 03:00) means the moment that it would have been
  without the jump: 02:30 is 03:30 (RFC 5545 section 3.3.5). A span that would then end before it begins
  does not take place.
- A time that comes twice opens the first time and closes the last time: whenever the clock on the wall is
  within the hours, it is open, and an hour that is repeated while open counts twice.
"""

from bisect import bisect_right
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from ccd.model.hours import DAY_MIN, CalendarRule, SpecialDay

DAY_S = 86_400.0
BLOCK_S = 32 * DAY_S
MOST_BLOCKS = 512
"""Kept at a time: 44 years, some 2 MB for a calendar with three spans a day."""
_REGULAR_S = 16 * DAY_S
"""A week without special days changes within this, or never: seven days, and a zone that skips some."""
_LEAP_S = 8 * 366 * DAY_S
"""Each yearly day comes within this: 29 February is missing in 1900 and in 2100."""
_MINUTE = timedelta(minutes=1)

Stretch = tuple[float, float]
"""Open from the first moment until before the second."""


class Block:
    """The open stretches of 32 days, in order and apart; `counts[i]`: open seconds before stretch i."""

    __slots__ = ("counts", "ends", "starts", "total")

    def __init__(self, stretches: list[Stretch]) -> None:
        self.starts = [start for start, _ in stretches]
        self.ends = [end for _, end in stretches]
        self.counts: list[float] = []
        self.total = 0.0
        for start, end in stretches:
            self.counts.append(self.total)
            self.total += end - start

    def elapsed(self, at: float) -> float:
        """Open seconds from the block's begin until `at`."""
        here = bisect_right(self.starts, at) - 1
        if here < 0:
            return 0.0
        return self.counts[here] + min(at, self.ends[here]) - self.starts[here]

    def reach(self, seconds: float) -> float:
        """The first moment with so many open seconds before it; `0 < seconds <= total`."""
        here = bisect_right(self.counts, seconds) - 1
        if self.counts[here] == seconds:
            here -= 1
        return self.starts[here] + seconds - self.counts[here]


class Timetable:
    """Open stretches of one rule; see `timetable_of`."""

    __slots__ = ("_always", "_blocks", "_dated", "_holidays", "_last", "_yearly", "rule", "zone")

    def __init__(self, rule: CalendarRule) -> None:
        self.rule = rule
        self.zone = ZoneInfo(rule.zone)
        self._dated = {date.fromisoformat(day.date): day for day in rule.days if day.year_known}
        self._yearly = {
            (int(day.date[:2]), int(day.date[3:])): day for day in rule.days if not day.year_known
        }
        self._holidays = {date.fromisoformat(day.date): day for day in rule.holidays}
        self._always = _constant(rule)
        ends = [each.until for each in rule.exceptional]
        if dates := [*self._dated, *self._holidays]:
            ends.append(self.midnight(max(dates) + timedelta(2)))
        self._last = max(ends, default=0.0)
        self._blocks: dict[int, Block] = {}

    # -- days --------------------------------------------------------------------------------------

    def date_of(self, at: float) -> date:
        """The date on the wall at a moment."""
        return datetime.fromtimestamp(at, self.zone).date()

    def special(self, day: date) -> SpecialDay | None:
        """The special day on a date: an own one of that year, one of each year, or a holiday."""
        return self._dated.get(day) or self._yearly.get((day.month, day.day)) or self._holidays.get(day)

    def is_holiday(self, day: date) -> bool:
        """Whether the special day on a date is a holiday, not a date of one's own."""
        special = self.special(day)
        return special is not None and special is self._holidays.get(day)

    def midnight(self, day: date) -> float:
        """The first moment of a date."""
        return self._opens(day, 0)

    def _opens(self, day: date, minutes: int) -> float:
        return self._local(day, minutes).timestamp()

    def _closes(self, day: date, minutes: int) -> float:
        """The moment after the last minute that is open."""
        last = self._local(day, minutes) - _MINUTE
        again = last.replace(fold=1)
        first_s, again_s = last.timestamp(), again.timestamp()
        if again_s > first_s:  # that minute comes twice; in a gap `again` is the earlier one
            return again_s + 60.0
        return self._opens(day, minutes)

    def _local(self, day: date, minutes: int) -> datetime:
        days, minutes = divmod(minutes, DAY_MIN)
        day = day + timedelta(days) if days else day
        return datetime(day.year, day.month, day.day, minutes // 60, minutes % 60, tzinfo=self.zone)

    def _day(self, day: date) -> list[Stretch]:
        """What the hours of one date open. A special day has no other hours: what runs into it ends there."""
        special = self.special(day)
        spans = self.rule.week[day.weekday()] if special is None else special.hours
        out = [(self._opens(day, span.from_min), self._closes(day, span.to_min)) for span in spans]
        tomorrow = day + timedelta(1)
        if out and self.special(tomorrow) is not None:
            midnight = self.midnight(tomorrow)
            out = [(start, min(end, midnight)) for start, end in out]
        return out

    # -- blocks ------------------------------------------------------------------------------------

    def block(self, number: int) -> Block:
        """The block from `number * BLOCK_S` on."""
        found = self._blocks.get(number)
        if found is None:
            if len(self._blocks) >= MOST_BLOCKS:
                self._blocks.clear()
            found = self._blocks[number] = Block(self._stretches(number * BLOCK_S))
        return found

    def _stretches(self, low: float) -> list[Stretch]:
        high = low + BLOCK_S
        first = self.date_of(low) - timedelta(2)
        days = [first + timedelta(at) for at in range((self.date_of(high) - first).days + 1)]
        if self._always is None or any(self.special(day) is not None for day in days):
            found = [stretch for day in days for stretch in self._day(day)]
        else:
            found = [(low, high)] if self._always else []
        near = [each for each in self.rule.exceptional if each.start < high and each.until > low]
        found = _joined(found + [(each.start, each.until) for each in near if each.open])
        for each in near:
            if not each.open:
                found = _without(found, each.start, each.until)
        return [(max(start, low), min(end, high)) for start, end in found if start < high and end > low]

    # -- moments -----------------------------------------------------------------------------------

    def is_open(self, at: float) -> bool:
        """Whether a moment is within an open stretch."""
        block = self.block(int(at // BLOCK_S))
        here = bisect_right(block.starts, at) - 1
        return here >= 0 and at < block.ends[here]

    def change(self, at: float) -> float | None:
        """The first moment after `at` when open and closed change places; None if there is none."""
        if self.is_open(at):
            return self._end(at)
        number = int(at // BLOCK_S)
        quiet = self._quiet(at)
        while number * BLOCK_S <= quiet:
            block = self.block(number)
            here = bisect_right(block.starts, at)
            if here < len(block.starts):
                return block.starts[here]
            number += 1
        return None

    def _end(self, at: float) -> float | None:
        number = int(at // BLOCK_S)
        quiet = self._quiet(at)
        while number * BLOCK_S <= quiet:
            block = self.block(number)
            here = bisect_right(block.starts, at) - 1
            if here < 0:
                return at
            at = block.ends[here]
            number += 1
            if at < number * BLOCK_S:
                return at
        return None

    def _quiet(self, at: float) -> float:
        """A moment by which a change has come, or none ever will."""
        return max(at, self._last) + (_LEAP_S if self._yearly else _REGULAR_S)


def _constant(rule: CalendarRule) -> bool | None:
    """True: the week is open throughout, False: never, None: it changes."""
    minutes = 7 * DAY_MIN
    spans = sorted(
        (day * DAY_MIN + span.from_min, day * DAY_MIN + span.to_min)
        for day, hours in enumerate(rule.week)
        for span in hours
    )
    if not spans:
        return False
    reached = max(spans[-1][1] - minutes, 0)  # Sunday's night runs into Monday
    for start, end in spans:
        if start > reached:
            return None
        reached = max(reached, end)
    return True if reached >= minutes else None


def _joined(stretches: list[Stretch]) -> list[Stretch]:
    """In order, those that touch made one; a stretch that ends before it begins is left out."""
    out: list[Stretch] = []
    for start, end in sorted(stretches):
        if end <= start:
            continue
        if out and start <= out[-1][1]:
            if end > out[-1][1]:
                out[-1] = (out[-1][0], end)
        else:
            out.append((start, end))
    return out


def _without(stretches: list[Stretch], low: float, high: float) -> list[Stretch]:
    """What is left when the time from `low` to `high` is taken away."""
    out: list[Stretch] = []
    for start, end in stretches:
        parts = ((start, min(end, low)), (max(start, high), end))
        out.extend((begin, finish) for begin, finish in parts if begin < finish)
    return out


@lru_cache(maxsize=256)
def timetable_of(rule: CalendarRule) -> Timetable:
    """The rule's timetable; the same one for the same rule."""
    return Timetable(rule)
