"""Conditions of entry rules and of branches, and what they may ask about.

Entry rules (`[[queues.Q.entry]]`, and `[[entry]]` for several queues) say what is worth how much when it
enters a queue, and asks for what.

Each rule whose condition holds adds its points to the priority and its requirement to what is asked.
Nothing of it is carried to the next queue, which has rules of its own. A condition looks at the interaction
as it is at that moment: who calls, what was dialled, the channel, where the flow stands and what it set.
"""

from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Any

import msgspec

from ccd.model.expression_compiler import condition
from ccd.model.expression_text import ExpressionFault, nearest, shown
from ccd.model.expression_tree import Name, walk
from ccd.model.expressions import parse
from ccd.model.rules import EntryRule, QueueRule, SharedEntryRule

NAMES = ("caller", "caller_name", "channel", "channel_class", "dialled", "flow", "language", "tags")
"""What a condition may ask about, besides what the flow set."""
VARIABLES = "var."
"""`var.NAME` is what the flow set under that name."""
QUEUES = "queue."
FIGURES = ("agents", "ewt_s", "free", "longest_wait_s", "open", "service_level_pct", "waiting")
"""What `queue.NAME.FIGURE` gives: agents logged in; expected wait of one who came now (missing: unknown, or
not estimated); agents free; longest wait; whether it is open; service level of the last half hour (missing:
nobody was served or gave up in it); those who wait."""


class Weighed(msgspec.Struct, frozen=True):
    """What the entry rules of a queue make of an interaction."""

    added: int = 0
    """To its priority."""
    requirement: str = ""
    """What the rules that held ask for, all of it."""
    held: tuple[str, ...] = ()
    """The rules that held: by name, or `#` and their place from 1."""


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
    )


def both(*requirements: str) -> str:
    """All of these requirements at once; empty when none asks for anything."""
    asked = [text for text in requirements if text]
    return asked[0] if len(asked) == 1 else " and ".join([f"({text})" for text in asked])


def check_when(text: str, queues: Collection[str]) -> None:
    """Raises `ExpressionFault`, with the column, for what is no condition or asks about what is not there."""
    for node in walk(parse(text).tree):
        if isinstance(node, Name):
            check_name(node.name, node.column, queues)


def check_name(name: str, column: int, queues: Collection[str]) -> None:
    """Raises `ExpressionFault` unless the name may be asked about. `column`: of the name, for the fault."""
    if name.startswith(VARIABLES) and len(name) > len(VARIABLES):
        return
    if not name.startswith(QUEUES):
        if name not in NAMES:
            more = f"{VARIABLES}NAME of the flow, or {QUEUES}NAME.{FIGURES[0]}"
            cure = nearest(name, list(NAMES), f"use {', '.join(NAMES)}, {more}")
            raise ExpressionFault(column, f"unknown name {shown(name)}", cure)
        return
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


def check_relax_when(text: str, queues: Collection[str]) -> None:
    """As `check_when`, for a relaxation: it asks about queues only, `ewt_s` alone is of the queue itself."""
    for name in _names(text):
        if name.name in FIGURES:
            continue
        if not name.name.startswith(QUEUES):
            cure = nearest(
                name.name, list(FIGURES), f"use {', '.join(FIGURES)}, or {QUEUES}NAME.{FIGURES[0]}"
            )
            raise ExpressionFault(name.column, f"{shown(name.name)} is no figure of a queue", cure)
        check_name(name.name, name.column, queues)


def asked_by(text: str, queue: str) -> list[tuple[str, str]]:
    """(queue, figure) that a relaxation of `queue` asks about, each once, in the order written."""
    names = (name.name for name in _names(text))
    asked = [(queue, name) if name in FIGURES else queue_and_figure(name) for name in names]
    return list(dict.fromkeys(asked))


def _names(text: str) -> list[Name]:
    return [node for node in walk(parse(text).tree) if isinstance(node, Name)]


@lru_cache(maxsize=1024)
def condition_of(text: str) -> Callable[[Callable[[str], Any]], bool]:
    """What says whether a condition holds, from a look-up. Raises `ExpressionFault`."""
    return condition(parse(text))
