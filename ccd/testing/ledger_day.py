"""A day as it was, read from a ledger beside the daemon: who came, how long they stayed, who was there.

Nobody's conversation is known before it is held, and nobody who was served has shown how long he would have
waited. So what a customer showed is kept (own talk, own patience where he gave up), and only what he did not
show is drawn from the day's own: talks and wrap-ups of the same queue (else of the same channel class), and
patience by the product-limit estimate, given that he had waited so long already (`history.patience`).
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from ccd.channels.ledger import Ledger
from ccd.errors import Refused
from ccd.history.explain import decode_record
from ccd.history.patience import Patience, product_limit
from ccd.history.state import Record
from ccd.history.stays import Stay, stays_of
from ccd.model.nouns import ChannelClass, Outcome
from ccd.model.rules import Rules
from ccd.storage.sqlite import SqliteLedger
from ccd.testing.day import Arrival, Day, Stage
from ccd.testing.draws import Draws
from ccd.testing.ledger_people import People, read_people
from ccd.testing.parties import PROMPT_S

LEDGER = "ledger.sqlite"
ENOUGH = 10
"""So many who gave up tell a queue's patience; of fewer the channel class's is taken."""
LATER_S = 7 * 86_400.0
"""Records of the day's interactions are looked for so long after its end."""
LONGEST_WRAP_UP_S = 3600.0
"""An agent who says `ready` later than this after a conversation did not end its wrap-up by that."""
_AT_ONCE_S = 3600.0
_NO_LIMIT = 1_000_000_000


class WasDay(msgspec.Struct, frozen=True):
    """A day of a ledger."""

    day: Day
    rules: Rules
    """In force when the day began; the first ones of the day if there were none before."""
    records: list[Record]
    """As it was: the interactions that came on this day, by time of arrival."""


def read_ledger_day(path: Path, name: str, begins_at: float, ends_at: float, seed: int) -> WasDay:
    """Read a day (epoch seconds) from the ledger at `path`, a file or its folder; read only.

    Raises `Misconfigured` and `TryLater` from the ledger, `Refused` when nothing came or nobody was served
    on that day.
    """
    ledger = SqliteLedger(path / LEDGER if path.is_dir() else path, beside=True)
    try:
        return day_of(ledger, name, begins_at, ends_at, seed)
    finally:
        ledger.close()


def day_of(ledger: Ledger, name: str, begins_at: float, ends_at: float, seed: int) -> WasDay:
    """The day from any ledger."""
    people = read_people(ledger, begins_at, ends_at)
    records = _records(ledger, begins_at, ends_at)
    if people.rules is None or not records:
        raise Refused(
            "simulate.empty", f"nothing came on {name} — name a day of which the ledger has records"
        )
    seen = _Seen(records, people)
    if not seen.talks:
        raise Refused(
            "simulate.no_talks", f"nobody was served on {name}: no handling times — describe it: --generate"
        )
    arrivals = tuple(_arrival(record, seen, seed) for record in records)
    day = Day(
        name=name,
        begins_at=begins_at,
        ends_at=ends_at,
        arrivals=arrivals,
        presences=tuple(people.presences),
        reaches=tuple(people.reaches),
        orders=tuple(people.orders),
        notes=tuple(seen.notes()),
    )
    return WasDay(day, people.rules, records)


# -- records -------------------------------------------------------------------------------------------


def _records(ledger: Ledger, begins_at: float, ends_at: float) -> list[Record]:
    """What began on the day, by time; an hour of the ledger at a time, so that none is held up."""
    found: list[Record] = []
    since, newest = begins_at, min(ends_at + LATER_S, ledger.last()[1] + 1.0)
    while since < newest:
        rows = ledger.records(since, since + _AT_ONCE_S, limit=_NO_LIMIT)
        records = [decode_record(row.body) for row in rows if begins_at <= row.began_at < ends_at]
        found += [record for record in records if not record.dialled_by]  # what agents dialled is no demand
        since += _AT_ONCE_S
    return sorted(found, key=lambda each: (each.began_at, len(each.interaction), each.interaction))


class _Seen:
    """What the day shows of talks, wrap-ups, ringing and patience, by queue and by channel class."""

    def __init__(self, records: Sequence[Record], people: People) -> None:
        self.people = people
        self.stays = {record.interaction: stays_of(record) for record in records}
        self.talks: dict[str, list[float]] = {}
        self.wraps: dict[str, list[float | None]] = {}
        self.answers: dict[str, list[float]] = {}
        waits: dict[str, list[tuple[float, bool]]] = {}
        for record in records:
            stays, kind = self.stays[record.interaction], record.channel_class.value
            for stay in stays:
                if stay.outcome == Outcome.HANDLED and stay.talked_until:
                    for key in (stay.queue, kind):
                        self.talks.setdefault(key, []).append(stay.talk_s)
                        self.wraps.setdefault(key, []).append(self.wrap_up_of(stay))
                        self.answers.setdefault(key, []).append(self.answer_of(stay))
            if stays:
                for key in (stays[0].queue, kind):
                    waits.setdefault(key, []).append(first_wait(stays))
        self.missed = sum(note.what == "offer_ended" for record in records for note in record.timeline)
        self.gone = {key: sum(gave_up for _, gave_up in each) for key, each in waits.items()}
        self.patience = {key: product_limit(each) for key, each in waits.items()}

    def wrap_up_of(self, stay: Stay) -> float | None:
        """How long the agent needed, None: until the rules ended it. From the next word of the agent's."""
        for at in self.people.ready_at.get(stay.agent, ()):
            if at >= stay.talked_until:
                needed = at - stay.talked_until
                return needed if needed <= LONGEST_WRAP_UP_S else None
        return None

    def answer_of(self, stay: Stay) -> float:
        """Ringing until it was taken; a whisper before the bridge is none of it."""
        rules = self.people.rules
        rule = rules.queues.get(stay.queue) if rules is not None else None
        whispers = (rule.whisper, rule.whisper_say) if rule is not None else ()
        whisper_s = PROMPT_S * sum(map(bool, whispers))
        return max(0.5, stay.answer_s - whisper_s)

    def like(self, known: dict[str, list[float]], queue: str, kind: ChannelClass) -> list[float]:
        """Of the same queue, else of the same class, else of all."""
        return known.get(queue) or known.get(kind.value) or [each for all_ in known.values() for each in all_]

    def patience_like(self, queue: str, kind: ChannelClass) -> Patience | None:
        for key in (queue, kind.value):
            if self.gone.get(key, 0) >= ENOUGH:
                return self.patience[key]
        return self.patience.get(kind.value)

    def notes(self) -> Iterator[str]:
        """What was drawn, in words."""
        lost = sum(not stays for stays in self.stays.values())
        if lost:
            yield f"{lost} never came to a queue: they hang up as they did unless they reach one"
        unseen = sum(bool(stays) and not stays[0].talked_until for stays in self.stays.values())
        if unseen:
            yield f"talk of {unseen} who were not served is drawn from the day's"
        if self.missed:
            yield f"{self.missed} offers were missed; here agents take what rings"


def first_wait(stays: Sequence[Stay]) -> tuple[float, bool]:
    """(seconds from the first queue to a conversation or the end, gave up)."""
    for stay in stays:
        if stay.outcome in (Outcome.HANDLED, Outcome.ABANDONED):
            return stay.left_at - stays[0].entered_at, stay.outcome == Outcome.ABANDONED
    return (stays[-1].left_at or stays[-1].entered_at) - stays[0].entered_at, False


def _arrival(record: Record, seen: _Seen, seed: int) -> Arrival:
    stays = seen.stays[record.interaction]
    queue, kind = (stays[0].queue if stays else ""), record.channel_class
    draws = Draws(seed, "customer", record.interaction)
    notes = record.timeline[0].details if record.timeline else {}
    served = [stay for stay in stays if stay.outcome == Outcome.HANDLED and stay.talked_until]
    stages = tuple(Stage(stay.queue, stay.talk_s, seen.wrap_up_of(stay)) for stay in served)
    if not stages:
        talk_s = draws.one_of(seen.like(seen.talks, queue, kind))
        wraps = seen.wraps.get(queue) or seen.wraps.get(kind.value) or [None]
        stages = (Stage(queue, talk_s, draws.one_of(wraps)),)
    elif stages[0].queue != queue:
        stages = (Stage(queue, stages[0].talk_s, stages[0].wrap_up_s), *stages[1:])
    answer_s = seen.answer_of(served[0]) if served else draws.one_of(seen.like(seen.answers, queue, kind))
    return Arrival(
        id=record.interaction,
        at=record.began_at,
        channel=record.channel,
        channel_class=kind,
        origin=record.origin,
        target=record.target,
        flow=str(notes.get("flow", "")),
        keys=tuple(_keys(record)),
        stages=stages,
        patience_s=_patience(stays, seen.patience_like(queue, kind), draws),
        leaves_flow_s=None if stays else record.ended_at - record.began_at,
        answer_s=answer_s,
    )


def _patience(stays: Sequence[Stay], known: Patience | None, draws: Draws) -> float | None:
    waited_s, gave_up = first_wait(stays) if stays else (0.0, False)
    if gave_up:
        return waited_s
    return known.quantile(draws.share(), waited_s) if known is not None else None


def _keys(record: Record) -> Iterable[str]:
    """What was pressed in menus, good and bad."""
    for note in record.timeline:
        key = note.details.get("key")
        if note.what in {"chose", "bad key"} and isinstance(key, str) and key:
            yield key
