"""The one small language of priorities, relaxations and branches (`docs/reference/expressions.md`).

    queue.support.ewt_s > 180 and customer.segment in ["gold", "vip"]

`parse` makes an `Expression`, or faults at the column; `evaluate` works it out with values looked up by name.
`ccd.model.expression_compiler` has a quicker form for what is evaluated often. There is no way from here to
attributes, files or code; the text is bounded in length and depth, and so are time and recursion.
"""

from collections.abc import Callable, Collection
from typing import TypeAlias

import msgspec

from ccd.model.expression_parser import parse_tokens
from ccd.model.expression_text import ExpressionFault, nearest, shown, tokens, written
from ccd.model.expression_tree import (
    And,
    Call,
    Chain,
    Compare,
    Items,
    Literal,
    Minus,
    Name,
    Node,
    Not,
    Or,
    Value,
    walk,
)
from ccd.model.expression_values import ARITHMETIC, COMPARISONS, FUNCTIONS, negative

MOST_CHARACTERS = 2000
"""Longest text of an expression."""
Lookup: TypeAlias = Callable[[str], Value]
"""Gives the value of a dotted name (`queue.support.ewt_s`, quotes taken off); `None` for one it has not."""


class Expression(msgspec.Struct, frozen=True):
    """An expression as written, and its tree. Made by `parse`."""

    text: str
    tree: Node

    def names(self) -> frozenset[str]:
        """Every name that it may look up."""
        return frozenset(node.name for node in walk(self.tree) if isinstance(node, Name))


def parse(text: str, known: Collection[str] | None = None) -> Expression:
    """The expression of a text. With `known`, names that are not in it are faults.

    Raises `ExpressionFault` with the column.
    """
    expression = Expression(text, parse_tokens(tokens(text, MOST_CHARACTERS)))
    if known is not None:
        for node in walk(expression.tree):
            if isinstance(node, Name) and node.name not in known:
                cure = nearest(node.name, list(map(written, known)), "use a name that is known here")
                raise ExpressionFault(node.column, f"unknown name {shown(node.name)}", cure)
    return expression


def evaluate(expression: Expression, lookup: Lookup) -> Value:
    """The value of the expression; never raises by itself (what `lookup` raises goes through).

    `and` and `or` look no further than they must. Use `truth` where a yes or no is wanted.
    """
    return _value(expression.tree, lookup)


def truth(value: Value) -> bool:
    """Whether a value counts as true: not missing, `false`, 0, the empty text or the empty list."""
    return bool(value)


def _value(node: Node, lookup: Lookup) -> Value:
    match node:
        case Literal(value=value):
            return value
        case Name(name=name):
            return lookup(name)
        case And(terms=terms):
            return all(truth(_value(term, lookup)) for term in terms)
        case Or(terms=terms):
            return any(truth(_value(term, lookup)) for term in terms)
        case Not(operand=operand):
            return not truth(_value(operand, lookup))
        case Compare(sign=sign, left=left, right=right):
            return COMPARISONS[sign](_value(left, lookup), _value(right, lookup))
        case Chain(first=first, rest=rest):
            total = _value(first, lookup)
            for sign, term in rest:
                total = ARITHMETIC[sign](total, _value(term, lookup))
            return total
        case Minus(operand=operand):
            return negative(_value(operand, lookup))
        case Call(function=function, arguments=arguments):
            return FUNCTIONS[function].call(*(_value(argument, lookup) for argument in arguments))
        case Items(items=items):
            return tuple(_value(item, lookup) for item in items)
