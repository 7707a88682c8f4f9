"""What the signs and functions of an expression do to values; nothing in here ever raises.

A value is truth, a number, a text, a list of these, or missing (`None`). What has no meaning (a text plus a
number, division by zero, a name that is not there) is missing too, and missing spreads: through arithmetic
and functions it stays missing, in every comparison it is false.
"""

import operator
from collections.abc import Callable
from enum import Enum, auto
from types import NoneType
from typing import Any, Final

import msgspec

from ccd.model.expression_tree import Value

LARGEST: Final = 10**15
"""Arithmetic beyond this size is missing: floating point counts exactly up to here."""
NO_BOUND: Final = 1000
"""More arguments than a text has room for."""


class Sort(Enum):
    """What a value is."""

    MISSING = auto()
    TRUTH = auto()
    NUMBER = auto()
    TEXT = auto()
    LIST = auto()


_SORTS: Final[dict[type, Sort]] = {
    NoneType: Sort.MISSING,
    bool: Sort.TRUTH,
    int: Sort.NUMBER,
    float: Sort.NUMBER,
    str: Sort.TEXT,
    tuple: Sort.LIST,
    list: Sort.LIST,
}


def sort_of(value: object) -> Sort:
    """What the value is; an object that no expression knows is missing."""
    sort = _SORTS.get(type(value))
    return sort if sort is not None else _sort_of_kin(value)


def _sort_of_kin(value: object) -> Sort:
    """The sort of a subclass, as the members of a StrEnum."""
    return next((sort for kind, sort in _SORTS.items() if isinstance(value, kind)), Sort.MISSING)


# -- comparisons -----------------------------------------------------------------------------------

_PLAIN = frozenset({Sort.TRUTH, Sort.NUMBER, Sort.TEXT})
_ORDERED = frozenset({Sort.NUMBER, Sort.TEXT})


def equal(left: Value, right: Value) -> bool:
    """Same sort and same value; 5 is not "5", true is not 1."""
    sort = sort_of(left)
    return sort in _PLAIN and sort is sort_of(right) and left == right


def unequal(left: Value, right: Value) -> bool:
    """Both are there and they are not equal."""
    return sort_of(left) in _PLAIN and sort_of(right) in _PLAIN and not equal(left, right)


def contains(whole: Value, part: Value) -> bool:
    """A text within a text, or a member of a list."""
    if isinstance(whole, str):
        return isinstance(part, str) and part in whole
    return isinstance(whole, tuple | list) and any(equal(item, part) for item in whole)


def within(part: Value, whole: Value) -> bool:
    """`part in whole`."""
    return contains(whole, part)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Value, Value], bool]:
    """Numbers by size, texts by their characters, nothing else."""

    def holds(left: Value, right: Value) -> bool:
        sort = sort_of(left)
        return sort in _ORDERED and sort is sort_of(right) and compare(left, right)

    return holds


COMPARISONS: Final[dict[str, Callable[[Value, Value], bool]]] = {
    "<": _ordered(operator.lt),
    "<=": _ordered(operator.le),
    ">": _ordered(operator.gt),
    ">=": _ordered(operator.ge),
    "==": equal,
    "!=": unequal,
    "in": within,
}


# -- arithmetic ------------------------------------------------------------------------------------


def _arithmetic(compute: Callable[[Any, Any], int | float]) -> Callable[[Value, Value], Value]:
    def result(left: Value, right: Value) -> Value:
        if sort_of(left) is not Sort.NUMBER or sort_of(right) is not Sort.NUMBER:
            return None
        try:
            number = compute(left, right)
        except (ZeroDivisionError, OverflowError):
            return None
        return number if -LARGEST <= number <= LARGEST else None

    return result


ARITHMETIC: Final[dict[str, Callable[[Value, Value], Value]]] = {
    "+": _arithmetic(operator.add),
    "-": _arithmetic(operator.sub),
    "*": _arithmetic(operator.mul),
    "/": _arithmetic(operator.truediv),
}


def negative(value: Value) -> Value:
    """`-value`."""
    return ARITHMETIC["-"](0, value)


# -- functions -------------------------------------------------------------------------------------


def _of_numbers(choose: Callable[[tuple[Any, ...]], Value]) -> Callable[..., Value]:
    def result(*numbers: Value) -> Value:
        return choose(numbers) if all(sort_of(number) is Sort.NUMBER for number in numbers) else None

    return result


def _length(value: Value) -> Value:
    return len(value) if isinstance(value, str | tuple | list) else None


def _lower(value: Value) -> Value:
    return value.lower() if isinstance(value, str) else None


def _starts_with(text: Value, beginning: Value) -> Value:
    return isinstance(text, str) and isinstance(beginning, str) and text.startswith(beginning)


class Function(msgspec.Struct, frozen=True):
    """One function: fewest and most arguments, what it does and how the reference says so."""

    fewest: int
    most: int
    call: Callable[..., Value]
    words: str


FUNCTIONS: Final[dict[str, Function]] = {
    "min": Function(1, NO_BOUND, _of_numbers(min), "the smallest of its numbers"),
    "max": Function(1, NO_BOUND, _of_numbers(max), "the largest of its numbers"),
    "len": Function(1, 1, _length, "how many characters a text has, or members a list"),
    "lower": Function(1, 1, _lower, "a text in small letters"),
    "starts_with": Function(2, 2, _starts_with, "whether the first text begins with the second"),
    "contains": Function(2, 2, contains, "whether a text holds the second text, or a list the value"),
}
"""The closed set of functions. None takes time or room beyond that of its arguments."""
