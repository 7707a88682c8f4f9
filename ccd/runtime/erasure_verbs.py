"""The verb that erases a customer: says what would go, and does it when that is asked for.

A ledger is read from its newest record backwards, in parts: each answer says where the next one goes on.
"""

import asyncio
from collections.abc import Callable, Mapping
from math import inf, nextafter
from typing import Any

import msgspec
import structlog

from ccd.channels.ledger import Ledger, RecordRow
from ccd.clock import Clock, monotonic
from ccd.errors import Refused
from ccd.history.erasing import ERASED, Person, erase, files_of, mask
from ccd.history.explain import decode_record, encode_record
from ccd.history.state import Record
from ccd.ids import SystemChance
from ccd.model import facts
from ccd.runtime import customers
from ccd.runtime.asking import Args, Call, act
from ccd.runtime.centre import Centre
from ccd.runtime.erasing import names_without
from ccd.runtime.loop import Runtime
from ccd.runtime.state import Interaction

log = structlog.get_logger("ccd")

PAGE = 50
"""Records that the ledger's thread looks at before it may store calls again."""
PART_S = 10.0
"""So long one answer may take."""
MOST_AT_ONCE = 100
"""Records of one fact."""
LEAST = 3
"""Characters of a customer's name."""
NOBODY = frozenset({"anonymous", "withheld", ERASED})
"""These may stand for many."""


class _Erase(Args, frozen=True):
    customer: str
    """A number, an address, or what a step `identify` calls the customer."""
    yes: bool = False
    until: float = 0.0
    """Where an answer before went on; 0: from the newest record."""


class Found(msgspec.Struct):
    """What a part of the ledger has of somebody."""

    own: list[Record]
    others: list[Record]
    goes_on_at: float = 0.0
    """0: that was all."""


def verbs(runtime: Runtime, centre: Centre, clock: Clock) -> Mapping[str, Call]:
    """The part of the control server's table that is about erasing."""
    return {"customer.erase": act(ErasureConsole(runtime, centre, clock).erase, _Erase)}


class ErasureConsole:
    """The verb over one daemon."""

    def __init__(self, runtime: Runtime, centre: Centre, clock: Clock) -> None:
        self._runtime = runtime
        self._centre = centre
        self._clock = clock

    async def erase(self, asked: _Erase, by: str) -> dict[str, Any]:
        """What goes, or went. Raises `Refused` for what is no customer's name."""
        names = await asyncio.to_thread(self._names, asked.customer.strip())
        person = await asyncio.to_thread(Person, names)  # it may load the numbering plans
        first = not asked.until
        await self._runtime.stored()
        running = self._running(names) if first else []
        found = await self._find(person, asked.until)
        if first:
            await self._add_ended(found, running, person)
        files = [path for record in found.own for path in files_of(record)]
        shown = {
            "customer": asked.customer,
            "erased": asked.yes,
            "interactions": [_row(record) for record in found.own],
            "mentioned": [_row(record) for record in found.others],
            "files": len(files),
            "running": [self._running_row(info) for info in running],
            "names": self._remembered(names) if first else [],
            "goes_on_at": found.goes_on_at,
        }
        if asked.yes and (first or found.own or found.others):
            await self._do(found, person, names, files, [info.id for info in running], by)
        return shown

    def _names(self, customer: str) -> tuple[str, ...]:
        """All that the customer goes by. Raises `Refused`: nobody is to be erased by a slip."""
        rules = self._centre.state.rules
        if len(customer) < LEAST:
            raise Refused("customer.short", "give the whole number, or address, of one customer")
        names = customers.names_of(customer, rules.country)
        ours = {*rules.numbers, *rules.agents, *rules.queues, *self._centre.extensions, *NOBODY}
        if taken := ours.intersection(names):
            why = f"{taken.pop()!r} is no customer of the centre — give the number or address of one"
            raise Refused("customer.none", why)
        return names

    # -- looking -----------------------------------------------------------------------------------

    async def _find(self, person: Person, until: float) -> Found:
        """Read backwards for at most `PART_S`."""
        ends, found, seen = monotonic() + PART_S, Found([], []), set[str]()
        page = PAGE
        while True:
            rows, last, count = await self._runtime.ask(_page(person, until, page))
            for row in rows:
                if row.interaction not in seen:
                    seen.add(row.interaction)
                    _sort(decode_record(row.body), person, found)
            if count < page:
                return found
            onward = nextafter(last, inf)  # those that ended at the same instant may stand on the next page
            if onward == until:  # all of them did
                page *= 2
                continue
            until, page = onward, PAGE
            if monotonic() > ends:
                found.goes_on_at = until
                return found

    async def _add_ended(self, found: Found, running: list[Interaction], person: Person) -> None:
        """Add what ran when we began to read and has been filed since."""
        known = {record.interaction for record in found.own}
        for info in running:
            if info.id not in self._centre.state.interactions and info.id not in known:
                row = await self._runtime.ask(_one(info.id))
                if row is not None:
                    _sort(decode_record(row.body), person, found)

    def _running(self, names: tuple[str, ...]) -> list[Interaction]:
        """Interactions of this customer that are not over."""
        told, state = set(names), self._centre.state
        return [
            info
            for info in state.interactions.values()
            if told.intersection(info.known_as) or info.origin in told or self._calls(info, told)
        ]

    def _calls(self, info: Interaction, names: set[str]) -> bool:
        """Whether it is called back, or was dialled by an agent, at one of these numbers."""
        talk = self._centre.talks.get(info.id)
        return (talk is not None and talk.number in names) or (bool(info.dialled_by) and info.target in names)

    def _running_row(self, info: Interaction) -> dict[str, Any]:
        talk = self._centre.talks.get(info.id)
        waits = talk is not None and talk.away
        what = "a message waits" if info.message_path else "a callback waits" if waits else "is on the line"
        return {"interaction": info.id, "waits": waits, "what": what}

    def _remembered(self, names: tuple[str, ...]) -> list[str]:
        state = self._centre.state
        memories = (self._centre.history.state.customers, state.spoken, state.surveyed)
        return [name for name in names if any(name in each for each in memories)]

    # -- doing -------------------------------------------------------------------------------------

    async def _do(
        self,
        found: Found,
        person: Person,
        names: tuple[str, ...],
        files: list[str],
        running: list[str],
        by: str,
    ) -> None:
        """Post the facts, each whole by itself; the first one has all but further records."""
        for record in found.own:
            erase(record, person)
        for record in found.others:
            mask(record, person)
        bodies = [encode_record(record) for record in (*found.own, *found.others)]
        salt = SystemChance().token(16).encode()
        known = names_without(salt, names)
        for start in range(0, max(1, len(bodies)), MOST_AT_ONCE):
            fact = facts.CustomerErased(
                by,
                salt,
                known,
                tuple(bodies[start : start + MOST_AT_ONCE]),
                tuple(files) if not start else (),
                tuple(running) if not start else (),
            )
            self._runtime.post(fact)
        await self._runtime.stored()
        log.info("customer erased", by=by, ends=names[0][-2:], records=len(bodies), files=len(files))


def _page(person: Person, until: float, page: int) -> Any:
    """A question to the ledger: the rows that may be of somebody, when the last one ended, and how many
    were looked at."""

    def look(ledger: Ledger) -> tuple[list[RecordRow], float, int]:
        rows = ledger.records(until=until, limit=page)
        found = [row for row in rows if person.may_be_in(row.body)]
        return found, rows[-1].ended_at if rows else 0.0, len(rows)

    return look


def _one(name: str) -> Callable[[Ledger], RecordRow | None]:
    return lambda ledger: ledger.record(name)


def _sort(record: Record, person: Person, found: Found) -> None:
    if person.owns(record):
        found.own.append(record)
        return
    body = encode_record(record)
    mask(record, person)
    if encode_record(record) != body:
        found.others.append(record)


def _row(record: Record) -> dict[str, Any]:
    return {
        "interaction": record.interaction,
        "at": record.began_at,
        "queue": record.queue,
        "outcome": record.outcome,
        "files": len(files_of(record)),
        "answers": len(record.answers),
    }
