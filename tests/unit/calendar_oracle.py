"""A calendar read by walking minute after minute and looking at the wall clock: slow, and hard to get wrong.

It shares nothing with `ccd.model.timetable`: local times are found by looking at which minutes show them.
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from ccd.model.hours import CalendarRule, SpecialDay


class Walker:
    """Every minute from `low` to `high` (epoch seconds, whole minutes), with what the wall shows."""

    def __init__(self, rule: CalendarRule, low: int, high: int) -> None:
        self.rule = rule
        self.low = low
        self.high = high
        zone = ZoneInfo(rule.zone)
        margin = 3 * 86_400
        self.minutes = range(low - margin, high + margin, 60)
        self.wall = [
            datetime.fromtimestamp(at, UTC).astimezone(zone).replace(tzinfo=None) for at in self.minutes
        ]
        self.first: dict[datetime, int] = {}
        self.final: dict[datetime, int] = {}
        for at, shown in zip(self.minutes, self.wall, strict=True):
            self.first.setdefault(shown, at)
            self.final[shown] = at
        self.open = [self._covered(at) for at in range(low, high, 60)] if self._mark() else []

    def moment(self, shown: datetime) -> int:
        """When the wall first shows it; where it never does, as many minutes late as the clock jumped."""
        back = 0
        while shown - timedelta(minutes=back) not in self.first:
            back += 1
        return self.first[shown - timedelta(minutes=back)] + 60 * back

    def end(self, shown: datetime) -> int:
        last = shown - timedelta(minutes=1)
        if last in self.final and self.final[last] != self.first[last]:
            return self.final[last] + 60
        return self.moment(shown)

    def special(self, day: date) -> SpecialDay | None:
        for wanted in (str(day), str(day)[5:]):
            for each in self.rule.days:
                if each.date == wanted:
                    return each
        return next((each for each in self.rule.holidays if each.date == str(day)), None)

    def _mark(self) -> bool:
        self.marked: set[int] = set()
        day = self.wall[1440].date()
        while day <= self.wall[-1500].date():
            special = self.special(day)
            spans = special.hours if special else self.rule.week[day.weekday()]
            start = datetime(day.year, day.month, day.day)
            for span in spans:
                begin = self.moment(start + timedelta(minutes=span.from_min))
                end = self.end(start + timedelta(minutes=span.to_min))
                if self.special(day + timedelta(1)):
                    end = min(end, self.moment(start + timedelta(1)))
                self.marked.update(range(begin, end, 60))
            day += timedelta(1)
        return True

    def _covered(self, at: int) -> bool:
        exceptions = [each for each in self.rule.exceptional if each.start <= at < each.until]
        if exceptions:
            return all(each.open for each in exceptions)
        return at in self.marked

    def seconds(self, start: int, end: int) -> int:
        """Open seconds between two whole minutes."""
        return 60 * sum(self.open[(start - self.low) // 60 : (end - self.low) // 60])

    def is_open(self, at: int) -> bool:
        return self.open[(at - self.low) // 60]
