"""From tokens to the tree: recursive descent, one method a level of the grammar.

    either   = both { "or" both }
    both     = negation { "and" negation }
    negation = "not" negation | comparison
    compare  = sum [ ( "<" | "<=" | ">" | ">=" | "==" | "!=" ) sum | [ "not" ] "in" ( list | sum ) ]
    sum      = product { ( "+" | "-" ) product }
    product  = unary { ( "*" | "/" ) unary }
    unary    = "-" unary | atom
    atom     = number | text | "true" | "false" | name | call | "(" either ")"
    call     = function "(" either { "," either } ")"
    list     = "[" [ either { "," either } ] "]"

Every level that can hold itself is counted; more than `MOST_DEPTH` of them open at once are refused.
"""

from collections.abc import Callable

from ccd.model.expression_text import ExpressionFault, Kind, Token, nearest
from ccd.model.expression_tree import And, Call, Chain, Compare, Items, Literal, Minus, Name, Node, Not, Or
from ccd.model.expression_values import FUNCTIONS, NO_BOUND

MOST_DEPTH = 16
"""Most brackets, `not`, minus signs and functions inside one another."""
SIGNS = frozenset({"<", "<=", ">", ">=", "==", "!="})


def parse_tokens(tokens: list[Token]) -> Node:
    """The tree of a whole text. Raises `ExpressionFault`."""
    return _Parser(tokens).whole()


class _Parser:
    """Reads one list of tokens once, from left to right."""

    __slots__ = ("_at", "_depth", "_tokens")

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._at = 0
        self._depth = 0

    def whole(self) -> Node:
        if len(self._tokens) == 1:
            raise ExpressionFault(1, "nothing is written here", 'write an expression, as "a >= 5 and b"')
        tree = self._either()
        if self._here.kind is not Kind.END:
            raise self._left_over()
        return tree

    # -- reading tokens ------------------------------------------------------------------------

    @property
    def _here(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _is(self, kind: Kind, *texts: str) -> bool:
        return self._here.kind is kind and self._here.text in texts

    def _close(self, sign: str, opened: Token) -> None:
        """Takes the bracket that closes what `opened` opened."""
        if self._is(Kind.SIGN, sign):
            self._take()
        elif self._here.kind is Kind.END:
            raise ExpressionFault(opened.column, f"{opened.shown()} is not closed", f'add "{sign}"')
        else:
            raise self._left_over()

    def _left_over(self) -> ExpressionFault:
        """The fault of a token that cannot follow what was read."""
        here = self._here
        if (here.kind is Kind.SIGN and here.text in SIGNS) or self._is(Kind.WORD, "in"):
            return ExpressionFault(
                here.column, "comparisons cannot be chained", 'write "a < b and b < c" for "a < b < c"'
            )
        if here.kind is Kind.SIGN and here.text in ")]":
            return ExpressionFault(here.column, f"nothing opens this {here.shown()}", "take it away")
        return ExpressionFault(
            here.column, f"{here.shown()} cannot stand here", 'join two terms by "and", "or" or a sign'
        )

    def _deeper(self, rule: Callable[[], Node], column: int) -> Node:
        """What `rule` reads, one level deeper."""
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise ExpressionFault(column, f"nested more than {MOST_DEPTH} deep", "say it with fewer brackets")
        node = rule()
        self._depth -= 1
        return node

    # -- the grammar ---------------------------------------------------------------------------

    def _either(self) -> Node:
        return self._terms("or", self._both, Or)

    def _both(self) -> Node:
        return self._terms("and", self._negation, And)

    def _terms(self, word: str, rule: Callable[[], Node], kind: type[And] | type[Or]) -> Node:
        column = self._here.column
        terms = [rule()]
        while self._is(Kind.WORD, word):
            self._take()
            terms.append(rule())
        return terms[0] if len(terms) == 1 else kind(column, tuple(terms))

    def _negation(self) -> Node:
        if not self._is(Kind.WORD, "not"):
            return self._comparison()
        word = self._take()
        return Not(word.column, self._deeper(self._negation, word.column))

    def _comparison(self) -> Node:
        left = self._sum()
        here = self._here
        if here.kind is Kind.SIGN and here.text in SIGNS:
            self._take()
            return Compare(here.column, here.text, left, self._sum())
        if self._is(Kind.WORD, "in"):
            return self._membership(left)
        if self._is(Kind.WORD, "not") and self._tokens[self._at + 1].is_word("in"):
            word = self._take()
            return Not(word.column, self._membership(left))
        return left

    def _membership(self, left: Node) -> Node:
        word = self._take()
        right = self._items() if self._is(Kind.SIGN, "[") else self._sum()
        return Compare(word.column, "in", left, right)

    def _sum(self) -> Node:
        return self._chain(self._product, "+", "-")

    def _product(self) -> Node:
        return self._chain(self._unary, "*", "/")

    def _chain(self, rule: Callable[[], Node], *signs: str) -> Node:
        column = self._here.column
        first = rule()
        rest = []
        while self._is(Kind.SIGN, *signs):
            rest.append((self._take().text, rule()))
        return Chain(column, first, tuple(rest)) if rest else first

    def _unary(self) -> Node:
        if not self._is(Kind.SIGN, "-"):
            return self._atom()
        sign = self._take()
        return Minus(sign.column, self._deeper(self._unary, sign.column))

    def _atom(self) -> Node:
        token = self._here
        if token.kind is Kind.NUMBER:
            number = float(token.text) if "." in token.text else int(token.text)
            return Literal(self._take().column, number)
        if token.kind is Kind.TEXT:
            return Literal(self._take().column, token.text)
        if self._is(Kind.WORD, "true", "false"):
            return Literal(self._take().column, token.text == "true")
        if token.kind is Kind.NAME:
            self._take()
            return self._call(token) if self._is(Kind.SIGN, "(") else Name(token.column, token.text)
        if self._is(Kind.SIGN, "("):
            self._take()
            node = self._deeper(self._either, token.column)
            self._close(")", token)
            return node
        raise self._no_atom()

    def _no_atom(self) -> ExpressionFault:
        here = self._here
        if self._is(Kind.SIGN, "["):
            return ExpressionFault(here.column, "a list cannot stand here", 'write it after "in"')
        problem = f"a name, number or text is missing before {here.shown()}"
        return ExpressionFault(here.column, problem, "write it, or take the word or sign before it away")

    # -- lists and functions -------------------------------------------------------------------

    def _items(self) -> Node:
        opened = self._take()
        return Items(opened.column, self._listed(opened, "]", self._either))

    def _call(self, name: Token) -> Node:
        function = FUNCTIONS.get(name.text)
        if function is None:
            known = "the functions are " + ", ".join(FUNCTIONS)
            cure = nearest(name.text, FUNCTIONS, known)
            raise ExpressionFault(name.column, f"there is no function {name.shown()}", cure)
        arguments = self._listed(self._take(), ")", self._either)
        if not function.fewest <= len(arguments) <= function.most:
            wanted = str(function.most) if function.most < NO_BOUND else f"at least {function.fewest}"
            raise ExpressionFault(
                name.column,
                f"{name.shown()} has {len(arguments)} arguments",
                f"give it {wanted}, separated by commas",
            )
        return Call(name.column, name.text, arguments)

    def _listed(self, opened: Token, end: str, rule: Callable[[], Node]) -> tuple[Node, ...]:
        """Members between brackets, separated by commas; none at all is allowed here."""
        found: list[Node] = []
        while not self._is(Kind.SIGN, end):
            found.append(self._deeper(rule, opened.column))
            if not self._is(Kind.SIGN, ","):
                break
            self._take()
        self._close(end, opened)
        return tuple(found)
