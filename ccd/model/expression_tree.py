"""The expression as a tree of frozen values, as the parser makes it.

Chains of one kind (`a and b and c`, `1 + 2 - 3`) are one node with many terms: the depth of a tree grows
with brackets alone, and the parser bounds those. `column` is where the node is faulted (from 1).
"""

from collections.abc import Iterator
from typing import TypeAlias, Union

import msgspec

Scalar: TypeAlias = bool | int | float | str | None
Value: TypeAlias = Union[Scalar, tuple["Value", ...]]  # noqa: UP007
"""What an expression works on: truth, number, text, list of such, or `None` for a missing value."""


class Tree(msgspec.Struct, frozen=True, tag=True):
    """Base of the nodes."""

    column: int


class Literal(Tree, frozen=True, tag="literal"):
    """A number, text, `true` or `false`."""

    value: Scalar


class Name(Tree, frozen=True, tag="name"):
    """A dotted name, looked up when evaluated."""

    name: str


class Items(Tree, frozen=True, tag="items"):
    """`[a, b, c]`, only to the right of `in`."""

    items: tuple["Node", ...]


class And(Tree, frozen=True, tag="and"):
    """True when all terms are."""

    terms: tuple["Node", ...]


class Or(Tree, frozen=True, tag="or"):
    """True when one term is."""

    terms: tuple["Node", ...]


class Not(Tree, frozen=True, tag="not"):
    """True when the operand is not."""

    operand: "Node"


class Compare(Tree, frozen=True, tag="compare"):
    """`left SIGN right`, the sign one of < <= > >= == != or `in`; the column is the sign's."""

    sign: str
    left: "Node"
    right: "Node"


class Chain(Tree, frozen=True, tag="chain"):
    """Numbers joined from left to right, by + and - or by * and /: `first`, then each sign with its term."""

    first: "Node"
    rest: tuple[tuple[str, "Node"], ...]


class Minus(Tree, frozen=True, tag="minus"):
    """Unary minus."""

    operand: "Node"


class Call(Tree, frozen=True, tag="call"):
    """A function of the closed set with its arguments."""

    function: str
    arguments: tuple["Node", ...]


Node: TypeAlias = Union[Literal, Name, Items, And, Or, Not, Compare, Chain, Minus, Call]  # noqa: UP007


def children(node: Node) -> tuple[Node, ...]:
    """The nodes right below one, in the order they are written."""
    match node:
        case And(terms=nodes) | Or(terms=nodes) | Items(items=nodes) | Call(arguments=nodes):
            return nodes
        case Not(operand=operand) | Minus(operand=operand):
            return (operand,)
        case Compare(left=left, right=right):
            return (left, right)
        case Chain(first=first, rest=rest):
            return (first, *(term for _, term in rest))
    return ()


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    waiting = [node]
    while waiting:
        here = waiting.pop()
        yield here
        waiting.extend(reversed(children(here)))
