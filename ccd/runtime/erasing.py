"""A customer is erased: see `ccd.history.erasing` for records, `docs/erasure.md` for what remains where.

The fact holds the new records and is stored in one transaction with them: it is done as a whole or not at
all, and a restart replays it after whatever filed the former ones. Files are deleted as `deletions` does it,
also after a restart. The number does not stand in the fact: of each name it has a salted digest.
"""

from collections.abc import Iterable, MutableMapping
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from ccd.history import erasing
from ccd.history.explain import decode_record
from ccd.history.state import Record
from ccd.model import facts
from ccd.model.nouns import Cause
from ccd.runtime import deletions, links
from ccd.runtime.filing import record_row
from ccd.runtime.leaving import leave
from ccd.runtime.state import Interaction

if TYPE_CHECKING:
    from ccd.runtime.centre import Centre


def digest(salt: bytes, name: str) -> bytes:
    """What stands for a name in the fact."""
    return blake2b(name.encode(), digest_size=16, key=salt).digest()


def names_without(salt: bytes, names: Iterable[str]) -> tuple[facts.NameDigest, ...]:
    """Names as they may stand in the fact."""
    return tuple(facts.NameDigest(name[-2:], digest(salt, name)) for name in names)


def erased(centre: "Centre", fact: facts.CustomerErased) -> None:
    """The fact."""
    state = centre.state
    over: set[str] = set()
    for body in fact.records:
        record = erasing.take_over(centre.history.state, decode_record(body))
        over.add(record.interaction)
        centre.records.append(record_row(record))
    for path in fact.files:
        deletions.keep(centre, path, 0.0)
        state.spoken_answers.pop(path, None)
    for memory in (state.spoken, state.surveyed):
        _forget(memory, fact)
    centre.history.customers.forget(_known(centre.history.state.customers, fact))
    links.end_of(centre, over.union(fact.running))
    for name in fact.running:
        info, talk = state.interactions.get(name), centre.talks.get(name)
        if info is None or talk is None or name in state.erasing:
            continue
        state.erasing.append(name)
        centre.history.note(name, centre.now, "to be erased", by=fact.by)
        if talk.away:
            leave(centre, info, talk, Cause.CANCELLED, sent_away=True)


def closing(centre: "Centre", info: Interaction, record: Record) -> None:
    """An interaction is over; if its customer was erased meanwhile, so is its record, before it is filed."""
    state = centre.state
    if info.id not in state.erasing:
        return
    state.erasing.remove(info.id)
    for path in dict.fromkeys(
        [*erasing.files_of(record), *([info.message_path] if info.message_path else [])]
    ):
        deletions.keep(centre, path, 0.0)
        state.spoken_answers.pop(path, None)
    erasing.erase(record, erasing.Person(info.known_as, as_they_stand=True))
    for name in info.known_as:
        state.spoken.pop(name, None)
        state.surveyed.pop(name, None)
    centre.history.customers.forget(info.known_as)
    links.end_of(centre, {info.id})


def _known(memory: Iterable[str], fact: facts.CustomerErased) -> list[str]:
    """Names of the person in a memory. Only those with the same end are tried: there may be 50 000."""
    ends = tuple({each.ends for each in fact.names})
    digests = {each.digest for each in fact.names}
    if not ends:
        return []
    return [name for name in memory if name.endswith(ends) and digest(fact.salt, name) in digests]


def _forget(memory: MutableMapping[str, Any], fact: facts.CustomerErased) -> None:
    for name in _known(memory, fact):
        del memory[name]
