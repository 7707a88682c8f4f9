"""The quick form of an expression: closures made once, for what is worked out with every arrival.

Same results as `ccd.model.expressions.evaluate`, which walks the tree and is the reference; a property test
holds the two together. Comparing with a written number, the usual case, has a way of its own.
"""

import operator
from collections.abc import Callable
from typing import Any, Final, TypeAlias

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
)
from ccd.model.expression_values import ARITHMETIC, COMPARISONS, FUNCTIONS, Sort, negative, sort_of
from ccd.model.expressions import Expression, Lookup

Compiled: TypeAlias = Callable[[Lookup], Value]
Condition: TypeAlias = Callable[[Lookup], bool]
_OF_NUMBERS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
}


def compiled(expression: Expression) -> Compiled:
    """A function that gives the value of the expression from a lookup."""
    return _compiled(expression.tree)


def condition(expression: Expression) -> Condition:
    """A function that gives the truth of the expression from a lookup."""
    return _condition(expression.tree)


def _compiled(node: Node) -> Compiled:
    match node:
        case Literal(value=value):
            return lambda _lookup: value
        case Name(name=name):
            return lambda lookup: lookup(name)
        case And() | Or() | Not() | Compare():
            return _condition(node)
        case Chain(first=first, rest=rest):
            return _chain(_compiled(first), [(ARITHMETIC[sign], _compiled(term)) for sign, term in rest])
        case Minus(operand=operand):
            number = _compiled(operand)
            return lambda lookup: negative(number(lookup))
        case Call(function=function, arguments=nodes):
            call, arguments = FUNCTIONS[function].call, tuple(map(_compiled, nodes))
            return lambda lookup: call(*[argument(lookup) for argument in arguments])
        case Items(items=nodes):
            return _items(nodes)


def _condition(node: Node) -> Condition:
    match node:
        case And(terms=terms):
            return _joined(tuple(map(_condition, terms)), wanted=False)
        case Or(terms=terms):
            return _joined(tuple(map(_condition, terms)), wanted=True)
        case Not(operand=operand):
            holds = _condition(operand)
            return lambda lookup: not holds(lookup)
        case Compare():
            return _compare(node)
        case Name(name=name):
            return lambda lookup: bool(lookup(name))
    value = _compiled(node)
    return lambda lookup: bool(value(lookup))


def _joined(terms: tuple[Condition, ...], wanted: bool) -> Condition:
    """`or` (`wanted` true) or `and`: the first term that is `wanted` decides."""
    if len(terms) == 2:
        first, second = terms
        if wanted:
            return lambda lookup: first(lookup) or second(lookup)
        return lambda lookup: first(lookup) and second(lookup)

    def joined(lookup: Lookup) -> bool:
        for term in terms:
            if term(lookup) is wanted:
                return wanted
        return not wanted

    return joined


def _compare(node: Compare) -> Condition:
    of_numbers = _OF_NUMBERS.get(node.sign)
    if of_numbers and isinstance(node.right, Literal) and sort_of(node.right.value) is Sort.NUMBER:
        return _with_number(_compiled(node.left), of_numbers, node.right.value)
    left, right, holds = _compiled(node.left), _compiled(node.right), COMPARISONS[node.sign]
    return lambda lookup: holds(left(lookup), right(lookup))


def _with_number(left: Compiled, holds: Callable[[Any, Any], bool], number: Any) -> Condition:
    def compare(lookup: Lookup) -> bool:
        value = left(lookup)
        return sort_of(value) is Sort.NUMBER and holds(value, number)

    return compare


def _chain(first: Compiled, rest: list[tuple[Callable[[Value, Value], Value], Compiled]]) -> Compiled:
    def chain(lookup: Lookup) -> Value:
        total = first(lookup)
        for apply, term in rest:
            total = apply(total, term(lookup))
        return total

    return chain


def _items(nodes: tuple[Node, ...]) -> Compiled:
    """A list; one of written values alone is made once."""
    if all(isinstance(node, Literal) for node in nodes):
        ready = tuple(node.value for node in nodes if isinstance(node, Literal))
        return lambda _lookup: ready
    items = tuple(map(_compiled, nodes))
    return lambda lookup: tuple([item(lookup) for item in items])
