"""Conditions of entry rules and of branches, and what they may ask about.

Entry rules (`[[queues.Q.entry]]`, and `[[entry]]` for several queues) say what is worth how much when it
enters a queue, and asks for what.

Each rule whose condition holds adds its points to the priority and its requirement to what is asked.
Nothing of it is carried to the next queue, which has rules of its own. A condition looks at the interaction
as it is at that moment: who calls, what was dialled, the channel, where the flow stands and what it set; at
the queues, the clock and the calendars, at what is remembered of the customer, and at the notices in force.
"""

from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any

import msgspec

from ccd.model.clock_figures import (
    HOURS,
    NO_CLOCK,
    OPENING,
    TIME,
    WALL,
    ClockNames,
    check_clock_name,
    check_compared,
    is_of_clock,
)
from ccd.model.expression_compiler import condition
from ccd.model.expression_text import ExpressionFault, nearest, shown
from ccd.model.expression_tree import Compare, Name, walk
from ccd.model.expressions import parse
from ccd.model.rules import EntryRule, QueueRule, SharedEntryRule

NAMES = (
    "caller",
    "caller_name",
    "channel",
    "channel_class",
    "dialled",
    "diverted_from",
    "flow",
    "language",
    "tags",
)
"""What a condition may ask about, besides what the flow set."""
VARIABLES = "var."
"""`var.NAME` is what the flow set under that name."""
QUEUES = "queue."
FIGURES = ("agents", "ewt_s", "free", "longest_wait_s", "open", "service_level_pct", "waiting")
"""What `queue.NAME.FIGURE` gives: agents logged in; expected wait of one who came now (missing: unknown, or
not estimated); agents free; longest wait; whether it is open; service level of the last half hour (missing:
nobody was served or gave up in it); those who wait."""
HISTORY = "history."
PAST = (
    "abandoned_24h",
    "abandoned_7d",
    "contacts_24h",
    "contacts_7d",
    "contacts_30d",
    "last_agent",
    "last_outcome",
    "last_queue",
    "since_last_s",
)  # fmt: skip
"""What `history.FIGURE` gives of the customer's earlier contacts (`ccd.history.customers`); missing for who
is not known again."""
NOTICE = "notice."
NOTICES = ("active", "text")
"""What `notice.FIGURE` gives: whether a notice is in force for this number or flow; what the first says."""
_OF: dict[str, tuple[str, tuple[str, ...]]] = {
    HISTORY: ("a customer's history", PAST),
    NOTICE: ("notices", NOTICES),
}


class Weighed(msgspec.Struct, frozen=True):
    """What the entry rules of a queue make of an interaction."""

    added: int = 0
    """To its priority."""
    requirement: str = ""
    """What the rules that held ask for, all of it."""
    held: tuple[str, ...] = ()
    """The rules that held: by name, or `#` and their place from 1."""
    was: dict[str, Any] = {}
    """What their conditions saw of figures, times, history and notices."""


NOTHING = Weighed()


def entry_rules(shared: tuple[SharedEntryRule, ...], queue: QueueRule) -> tuple[EntryRule, ...]:
    """The rules of a queue: those written once for several, then its own."""
    if not shared:
        return queue.entry
    return (*(rule for rule in shared if not rule.queues or queue.name in rule.queues), *queue.entry)


def weigh(rules: tuple[EntryRule, ...], look_up: Callable[[str], Any]) -> Weighed:
    """Try every rule; `look_up` gives the value of a name, None for one that has none now."""
    held = [
        (at, rule) for at, rule in enumerate(rules, 1) if not rule.when or condition_of(rule.when)(look_up)
    ]
    return Weighed(
        sum([rule.add for _, rule in held]),
        both(*[rule.requirement for _, rule in held]),
        tuple([rule.name or f"#{at}" for at, rule in held]),
        {name: value for _, rule in held if rule.when for name, value in told(rule.when, look_up).items()},
    )


def both(*requirements: str) -> str:
    """All of these requirements at once; empty when none asks for anything."""
    asked = list(filter(None, requirements))
    if not asked:
        return ""
    return asked[0] if len(asked) == 1 else " and ".join([f"({text})" for text in asked])


def check_when(text: str, queues: Collection[str], clock: ClockNames = NO_CLOCK) -> None:
    """Raises `ExpressionFault`, with the column, for what is no condition or asks about what is not there."""
    for node in walk(parse(text).tree):
        if isinstance(node, Name):
            check_name(node.name, node.column, queues, clock)
        elif isinstance(node, Compare):
            check_compared(node)


def check_name(name: str, column: int, queues: Collection[str], clock: ClockNames = NO_CLOCK) -> None:
    """Raises `ExpressionFault` unless the name may be asked about. `column`: of the name, for the fault."""
    if name in NAMES or (name.startswith(VARIABLES) and len(name) > len(VARIABLES)):
        return
    kind, _, figure = name.partition(".")
    if is_of_clock(name):
        check_clock_name(name, column, clock)
    elif name.startswith(QUEUES):
        _check_queue(name, column, queues)
    elif (known := _OF.get(f"{kind}.")) is not None:
        whose, figures = known
        if figure not in figures:
            cure = nearest(figure, figures, f"use one of {', '.join(figures)}")
            raise ExpressionFault(column, f"unknown figure {shown(figure)} of {whose}", cure)
    else:
        whole = [f"{prefix}{each}" for prefix, (_, figures) in _OF.items() for each in figures]
        whole += [f"{TIME}{each}" for each in WALL]
        more = f"{VARIABLES}NAME of the flow, {QUEUES}NAME.{FIGURES[0]}, {TIME}{WALL[0]}, "
        more += f"{HOURS}NAME.open, {HISTORY}contacts_7d or {NOTICE}{NOTICES[0]}"
        cure = nearest(name, [*NAMES, *whole], f"use {', '.join(NAMES)}, {more}")
        raise ExpressionFault(column, f"unknown name {shown(name)}", cure)


def _check_queue(name: str, column: int, queues: Collection[str]) -> None:
    queue, figure = queue_and_figure(name)
    if queue not in queues:
        cure = nearest(queue, list(queues), "use the name of a queue")
        raise ExpressionFault(column, f"there is no queue {shown(queue)}", cure)
    if figure not in FIGURES:
        cure = nearest(figure, list(FIGURES), f"a queue has {', '.join(FIGURES)}")
        raise ExpressionFault(column, f"unknown figure {shown(figure)} of a queue", cure)


def queue_and_figure(name: str) -> tuple[str, str]:
    """`queue.support.ewt_s` → `support`, `ewt_s`."""
    queue, _, figure = name[len(QUEUES) :].rpartition(".")
    return queue, figure


def check_relax_when(text: str, queues: Collection[str], clock: ClockNames = NO_CLOCK) -> None:
    """As `check_when`, for a relaxation: it is for a whole queue, so it asks about queues and the clock only;
    `ewt_s` alone is of the queue itself."""
    for node in walk(parse(text).tree):
        if isinstance(node, Compare):
            check_compared(node)
        if not isinstance(node, Name) or node.name in FIGURES:
            continue
        if not node.name.startswith(QUEUES) and not is_of_clock(node.name):
            more = f"{QUEUES}NAME.{FIGURES[0]}, {TIME}{WALL[0]} or {HOURS}NAME.{OPENING[2]}"
            cure = nearest(node.name, list(FIGURES), f"use {', '.join(FIGURES)}, {more}")
            raise ExpressionFault(node.column, f"{shown(node.name)} is no figure of a queue", cure)
        check_name(node.name, node.column, queues, clock)


def asked_by(text: str, queue: str) -> list[tuple[str, str]]:
    """(queue, figure) that a relaxation of `queue` asks about, each once, in the order written; the clock is
    of no queue: its queue is empty, its figure the whole name."""
    return list(dict.fromkeys(_asked(node.name, queue) for node in _names(text)))


def _asked(name: str, queue: str) -> tuple[str, str]:
    if name in FIGURES:
        return queue, name
    return ("", name) if is_of_clock(name) else queue_and_figure(name)


def told(text: str, look_up: Callable[[str], Any]) -> dict[str, Any]:
    """What a condition saw of what changes by itself, for a timeline: figures, times, history, notices."""
    return {name: look_up(name) for name in _changing(text)}


@lru_cache(maxsize=1024)
def _changing(text: str) -> tuple[str, ...]:
    names = [node.name for node in _names(text) if node.name.startswith((*_OF, QUEUES, TIME, HOURS))]
    return tuple(dict.fromkeys(names))


def _names(text: str) -> list[Name]:
    return [node for node in walk(parse(text).tree) if isinstance(node, Name)]


@lru_cache(maxsize=1024)
def condition_of(text: str) -> Callable[[Callable[[str], Any]], bool]:
    """What says whether a condition holds, from a look-up. Raises `ExpressionFault`."""
    return condition(parse(text))
