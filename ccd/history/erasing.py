"""Erasing a person from records: who it was and what was said go, the figures and what agents did stay.

A record of the person's own interaction loses its address, its texts, what the flow set and heard, and the
paths of its recordings. In records of others in which the number merely stands (it was dialled, say) only
the number itself is replaced. Times, queues, agents, outcomes, dispositions, scores and decisions stay, so
every report adds up as before.
"""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from ccd.history.state import OUT, Detail, HistoryState, Note, Record, SurveyAnswer
from ccd.model.numbers import calling_code

ERASED: Final = "erased"
"""Stands where something of the person stood."""
LEAST_NAME: Final = 6
"""Characters; shorter names would be found where nobody meant them."""
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_FREE: Final = frozenset({"set"})
"""Notes whose details have names that flows give."""
_OURS: Final = frozenset(
    {
        "offer",
        "agent",
        "queue",
        "leg",
        "role",
        "cause",
        "end",
        "outcome",
        "by",
        "flow",
        "step",
        "case",
        "call",
    }
    | {
        "channel",
        "language",
        "service",
        "bot",
        "survey",
        "question",
        "profile",
        "rules",
        "place",
        "of",
        "via",
    }
    | {"direction", "recording", "result", "switch"}
)
"""Details that name something of the centre, in words of its own."""


class Person:
    """Under which names somebody may stand in records."""

    __slots__ = ("_names", "_searched", "needles")

    def __init__(self, names: Iterable[str], *, as_they_stand: bool = False) -> None:
        """`names`: as `ccd.runtime.customers.names_of` gives them. Numbers in E.164 are found in whatever way
        of writing, for which numbering plans are loaded: 0.1 s the first time. Or only `as_they_stand`."""
        known = tuple(dict.fromkeys(names))
        ways, needles, forms = [], [], set(known)
        for name in known:
            if as_they_stand or not _NUMBER.fullmatch(name):
                needles.append(name)
                ways += [re.escape(name)] if len(name) >= LEAST_NAME else []
                continue
            code = str(calling_code(name) or "")
            own = name[1 + len(code) :]
            needles.append(own)
            ways.append(rf"(?<![\d+])(?:(?:\+|00)?{code}|0)?{own}(?!\d)")
            forms |= {name[1:], f"00{name[1:]}"}
        self._names = frozenset(forms)
        self._searched = re.compile("|".join(ways)) if ways else None
        self.needles = tuple(each.encode() for each in dict.fromkeys(needles))
        """One of these stands in each body that can be of this person; UTF-8."""

    def may_be_in(self, body: bytes) -> bool:
        """A quick look, which may be wrong only by saying yes."""
        return any(needle in body for needle in self.needles)

    def owns(self, record: Record) -> bool:
        """Whether it is an interaction with this person."""
        return record.target in self._names if record.direction == OUT else record.origin in self._names

    def without(self, text: str) -> str:
        """The text with each name of the person replaced."""
        return self._searched.sub(ERASED, text) if self._searched else text


def erase(record: Record, person: Person | None = None) -> None:
    """Take the person out of a record of an interaction of theirs; `person`: whose names must not stand in
    what is kept either."""
    if record.direction == OUT:
        record.target = ERASED
    else:
        record.origin = ERASED
    record.screen = {}
    record.answers = [_answer(each) for each in record.answers]
    record.timeline = [Note(note.at, note.what, _details(note)) for note in record.timeline]
    if person is not None:
        mask(record, person)


def mask(record: Record, person: Person) -> None:
    """Replace only the person's names, in a record of somebody else."""

    def told(details: dict[str, Detail]) -> dict[str, Detail]:
        return {key: person.without(each) if isinstance(each, str) else each for key, each in details.items()}

    record.origin, record.target = person.without(record.origin), person.without(record.target)
    record.screen = {key: person.without(each) for key, each in record.screen.items()}
    record.answers = [
        msgspec.structs.replace(each, answer=person.without(each.answer)) for each in record.answers
    ]
    record.timeline = [Note(note.at, note.what, told(note.details)) for note in record.timeline]
    record.traces = [
        msgspec.structs.replace(each, detail=person.without(each.detail)) for each in record.traces
    ]


def files_of(record: Record) -> list[str]:
    """Files of recordings, messages and spoken answers, each once."""
    told = [note.details.get("path") for note in record.timeline]
    paths = [*told, *(answer.path for answer in record.answers)]
    return list(dict.fromkeys(path for path in paths if isinstance(path, str) and path.endswith(".wav")))


def take_over(state: HistoryState, erased: Record) -> Record:
    """A record that was filed and is held for what may still be said of it is erased too; what was added to
    it meanwhile stays. Answers the record to be filed."""
    kept, linked = state.kept.get(erased.interaction), state.linked.get(erased.interaction)
    held = [
        kept.record if kept is not None else None,
        linked.record if linked is not None else None,
        state.lost.get(erased.interaction),
    ]
    for record in held:
        if record is not None:
            erased.disposition, erased.disposition_by = record.disposition, record.disposition_by
            record.timeline = [*erased.timeline, *record.timeline[len(erased.timeline) :]]
            for name in ("origin", "target", "screen", "answers", "traces"):
                setattr(record, name, getattr(erased, name))
            erased = record
    return erased


def _answer(answer: SurveyAnswer) -> SurveyAnswer:
    """Scores and choices are figures; what was written or spoken is the person's."""
    free = answer.path or not (answer.answer.isdecimal() or answer.kind in {"score", "choice"})
    return msgspec.structs.replace(answer, answer=ERASED if free else answer.answer, path="")


def _details(note: Note) -> dict[str, Detail]:
    kept: dict[str, Detail] = {}
    for key, value in note.details.items():
        if not isinstance(value, str) or (key in _OURS and note.what not in _FREE):
            kept[key] = value
        elif key != "path":
            kept[key] = ERASED
    return kept
