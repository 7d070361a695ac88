"""Expressions, read with PostgreSQL's own precedence of operators.

https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-PRECEDENCE
What is not known stops the reading: a guess about an expression would be a guess
about its meaning.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from tzmigrate.inventory.routines.lexer import Sort, Token, Unreadable
from tzmigrate.inventory.routines.syntax import Kind, Node, Query, TypeName

RESERVED = frozenset(
    """all analyse analyze and any array as asc asymmetric both case cast check collate
    column constraint create cross default deferrable desc distinct do else end except
    false fetch for foreign freeze from full grant group having ilike in initially inner
    intersect into is isnull join lateral leading left like limit natural not notnull
    null offset on only or order outer overlaps placing primary references returning
    right select similar some symmetric table then to trailing true union unique using
    variadic verbose when where window with loop by""".split()
)
"""Words that neither begin an expression nor serve as a bare alias."""
_MAY_CALL = frozenset(("left", "right"))
_HAVE_FIELDS = frozenset((Kind.PARENTHESES, Kind.ELEMENT, Kind.PARAMETER))
"""What a dot may follow; names have their dots in them."""
_VALUE_WORDS = frozenset(
    """current_timestamp localtimestamp current_time localtime current_date current_user
    session_user user current_role current_catalog current_schema system_user""".split()
)
_OR, _AND, _NOT, _IS, _COMPARE, _RANGE, _OTHER, _ADD, _MULTIPLY, _POWER = range(1, 11)
_ZONE, _COLLATE, _SIGN, _POSTFIX = range(11, 15)
_COMPARES = frozenset(("<", ">", "=", "<=", ">=", "<>"))
_MATCHES = frozenset(("like", "ilike", "similar"))
_SEPARATORS = frozenset(
    "from for placing in similar escape using as both leading trailing".split()
)
_SEPARATED = frozenset("substring position overlay trim extract normalize".split())
_FIELDS = frozenset("year month day hour minute second".split())
_TWO_WORDS = {"double": "precision", "character": "varying", "bit": "varying"}
_LONG = {
    "character varying": "varchar",
    "character": "char",
    "timestamp with time zone": "timestamptz",
    "time with time zone": "timetz",
}


class ExpressionReader(ABC):
    """A cursor over tokens that reads expressions and types."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.index = 0

    @abstractmethod
    def query(self) -> Query:
        """Read a query."""

    # ------------------------------------------------------------- the cursor

    @property
    def token(self) -> Token:
        """The token that is next."""
        return self.tokens[self.index]

    def peek(self, ahead: int = 1) -> Token:
        """Return a later token."""
        return self.tokens[min(self.index + ahead, len(self.tokens) - 1)]

    def advance(self) -> Token:
        """Go past the next token, and return it."""
        token = self.tokens[self.index]
        if token.sort is not Sort.END:
            self.index += 1
        return token

    def at_word(self, *words: str, ahead: int = 0) -> bool:
        """Tell whether an unquoted word stands here."""
        token = self.peek(ahead)
        return token.sort is Sort.NAME and token.value in words

    def at_mark(self, *marks: str, ahead: int = 0) -> bool:
        """Tell whether punctuation or an operator stands here."""
        token = self.peek(ahead)
        return token.sort in (Sort.PUNCTUATION, Sort.OPERATOR) and token.value in marks

    def take_word(self, *words: str) -> bool:
        """Go past one of these words, if it is next."""
        found = self.at_word(*words)
        self.index += found
        return found

    def take_words(self, *words: str) -> bool:
        """Go past these words, if they are next in this order."""
        if all(self.at_word(word, ahead=i) for i, word in enumerate(words)):
            self.index += len(words)
            return True
        return False

    def take_mark(self, *marks: str) -> bool:
        """Go past one of these marks, if it is next."""
        found = self.at_mark(*marks)
        self.index += found
        return found

    def expect_word(self, *words: str) -> None:
        """Go past one of these words."""
        if not self.take_word(*words):
            raise self.stuck(f"{words[0].upper()} expected")

    def expect_mark(self, *marks: str) -> None:
        """Go past one of these marks."""
        if not self.take_mark(*marks):
            raise self.stuck(f"{marks[0]!r} expected")

    def expect_name(self) -> str:
        """Go past a name, and return it."""
        if not self.token.is_name:
            raise self.stuck("a name expected")
        return self.advance().value

    def stuck(self, reason: str) -> Unreadable:
        """Build the error for the next token."""
        return Unreadable(reason, self.token.start)

    def reached(self) -> int:
        """Return where the last token ended."""
        return self.tokens[self.index - 1].end if self.index else 0

    def skip_parentheses(self) -> None:
        """Go past a pair of parentheses with all that is in it."""
        self.expect_mark("(")
        depth = 1
        while depth:
            if self.token.sort is Sort.END:
                raise self.stuck("a parenthesis has no end")
            depth += self.at_mark("(") - self.at_mark(")")
            self.advance()

    # ------------------------------------------------------------ expressions

    def expression(self, floor: int = 0) -> Node:
        """Read an expression whose operators bind tighter than ``floor``."""
        left = self._prefix()
        while True:
            node = self._infix(left, floor)
            if node is None:
                return left
            left = node

    def expressions(self) -> tuple[Node, ...]:
        """Read expressions with commas between."""
        found = [self.expression()]
        while self.take_mark(","):
            found.append(self.expression())
        return tuple(found)

    def _prefix(self) -> Node:
        start = self.token.start
        if self.take_word("not"):
            return self._node(Kind.LOGIC, start, self.expression(_NOT), text="not")
        if self.token.sort is Sort.OPERATOR and self.token.value != "*":
            sign = self.advance().value
            tight = _SIGN if sign in "+-" else _OTHER
            return self._node(Kind.OPERATION, start, self.expression(tight), text=sign)
        return self._primary()

    def _infix(self, left: Node, floor: int) -> Node | None:
        if self.take_mark("::"):
            type_ = self.type_name()
            return self._node(Kind.CAST, left.start, left, type_=type_)
        if self.at_mark("["):
            return self._element(left)
        if self.at_mark(".") and left.kind in _HAVE_FIELDS:
            self.advance()
            field = "*" if self.take_mark("*") else self.expect_name()
            return self._node(Kind.FIELD, left.start, left, name=(field,))
        if self.token.sort is Sort.OPERATOR:
            return self._operator(left, floor)
        if self.token.sort is not Sort.NAME:
            return None
        return self._word(left, floor)

    def _operator(self, left: Node, floor: int) -> Node | None:
        operator = self.token.value
        tight = _binding(operator)
        if tight <= floor:
            return None
        self.advance()
        return self._right(left, operator, tight)

    def _right(self, left: Node, operator: str, tight: int) -> Node:
        if self.at_word("any", "all", "some") and self.at_mark("(", ahead=1):
            self.advance()
            right = self._primary()
        else:
            right = self.expression(tight)
        kind = Kind.COMPARISON if operator in _COMPARES else Kind.OPERATION
        return self._node(kind, left.start, left, right, text=operator)

    def _word(self, left: Node, floor: int) -> Node | None:  # noqa: PLR0911
        word = self.token.value
        if word in ("and", "or"):
            tight = _AND if word == "and" else _OR
            if tight <= floor:
                return None
            self.advance()
            right = self.expression(tight)
            return self._node(Kind.LOGIC, left.start, left, right, text=word)
        if word == "at" and floor < _ZONE:
            if self.take_words("at", "time", "zone"):
                zone = self.expression(_ZONE)
                return self._node(Kind.AT_ZONE, left.start, left, zone)
            if self.take_words("at", "local"):
                return self._node(Kind.AT_LOCAL, left.start, left)
            return None
        if word == "collate" and floor < _COLLATE:
            self.advance()
            self.qualified_name()
            return self._node(Kind.OPERATION, left.start, left, text="collate")
        if word == "is" and floor < _IS:
            return self._is(left)
        if word in ("isnull", "notnull") and floor < _IS:
            self.advance()
            return self._node(Kind.LOGIC, left.start, left, text="is null")
        if word == "operator" and self.at_mark("(", ahead=1) and floor < _OTHER:
            self.advance()
            self.skip_parentheses()
            operator = self.tokens[self.index - 2].value
            return self._right(left, operator, _OTHER)
        if floor < _RANGE:
            negated = word == "not" and self.at_word(
                "between", "in", "like", "ilike", "similar", ahead=1
            )
            self.index += negated
            found = self._range(left)
            if negated and found is None:
                raise self.stuck("an operator expected")
            return found
        return None

    def _range(self, left: Node) -> Node | None:
        if self.take_word("between"):
            self.take_word("symmetric", "asymmetric")
            low = self.expression(_RANGE)
            self.expect_word("and")
            high = self.expression(_RANGE)
            return self._node(Kind.COMPARISON, left.start, left, low, high)
        if self.take_word("in"):
            right = self._primary()
            if right.kind in (Kind.ROW, Kind.PARENTHESES):
                return self._node(Kind.COMPARISON, left.start, left, *right.children)
            return self._node(Kind.COMPARISON, left.start, left, right)
        if self.take_word("overlaps"):
            right = self.expression(_RANGE)
            return self._node(Kind.COMPARISON, left.start, left, right, text="overlaps")
        if self.at_word(*_MATCHES):
            if self.advance().value == "similar":
                self.expect_word("to")
            right = self.expression(_RANGE)
            if self.take_word("escape"):
                self.expression(_RANGE)
            return self._node(Kind.OPERATION, left.start, left, right, text="like")
        return None

    def _is(self, left: Node) -> Node:
        self.expect_word("is")
        self.take_word("not")
        if self.take_words("distinct", "from"):
            right = self.expression(_IS)
            return self._node(Kind.COMPARISON, left.start, left, right)
        if self.take_word("json"):
            self.take_word("value", "array", "object", "scalar")
        elif not self.take_word(
            "null", "true", "false", "unknown", "document", "normalized"
        ):
            raise self.stuck("NULL, TRUE, FALSE or DISTINCT FROM expected")
        return self._node(Kind.LOGIC, left.start, left, text="is")

    def _element(self, left: Node) -> Node:
        self.expect_mark("[")
        inside = []
        while not self.at_mark("]"):
            if not self.take_mark(":", ","):
                inside.append(self.expression())
        self.expect_mark("]")
        return Node(
            kind=Kind.ELEMENT,
            start=left.start,
            end=self.reached(),
            children=(left,),
            more=tuple(inside),
        )

    def _primary(self) -> Node:  # noqa: PLR0911
        token = self.token
        match token.sort:
            case Sort.STRING:
                return self._string()
            case Sort.NUMBER:
                self.advance()
                return self._node(Kind.CONSTANT, token.start, text=token.value)
            case Sort.PARAMETER:
                self.advance()
                return self._node(Kind.PARAMETER, token.start, text=token.value)
            case Sort.QUOTED:
                return self._named()
            case Sort.NAME:
                return self._worded()
            case Sort.OPERATOR if token.value == "*":
                self.advance()
                return self._node(Kind.REFERENCE, token.start, name=("*",))
        if self.at_mark("("):
            return self._parentheses()
        raise self.stuck("an expression expected")

    def _string(self) -> Node:
        start, text = self.token.start, ""
        while self.token.sort is Sort.STRING:
            text += self.advance().value
        return self._node(Kind.LITERAL, start, text=text)

    def _parentheses(self) -> Node:
        start = self.token.start
        self.expect_mark("(")
        if self.at_word("select", "with", "values", "table"):
            return self._subquery(start)
        if self._nested_query():
            before = self.index
            try:
                inner = self.expression()
                self.expect_mark(")")
                return self._node(Kind.PARENTHESES, start, inner)
            except Unreadable:
                # arms of a UNION stand in parentheses as well
                self.index = before
                return self._subquery(start)
        if self.take_mark(")"):
            return self._node(Kind.ROW, start)
        inside = self.expressions()
        self.expect_mark(")")
        kind = Kind.PARENTHESES if len(inside) == 1 else Kind.ROW
        return self._node(kind, start, *inside)

    def _subquery(self, start: int) -> Node:
        query = self.query()
        self.expect_mark(")")
        return self._node(Kind.QUERY, start, query=query)

    def _nested_query(self) -> bool:
        ahead = 0
        while self.at_mark("(", ahead=ahead):
            ahead += 1
        return bool(ahead) and self.at_word("select", "with", "values", ahead=ahead)

    def _worded(self) -> Node:  # noqa: PLR0911
        start, word = self.token.start, self.token.value
        if word in ("null", "true", "false"):
            self.advance()
            return self._node(Kind.CONSTANT, start, text=word)
        if word == "default":
            self.advance()
            return self._node(Kind.DEFAULT, start)
        if word == "case":
            return self._case()
        if word == "cast" and self.at_mark("(", ahead=1):
            self.index += 2
            inner = self.expression()
            self.expect_word("as")
            type_ = self.type_name()
            self.expect_mark(")")
            return self._node(Kind.CAST, start, inner, type_=type_, text="cast")
        if word == "exists" and self.at_mark("(", ahead=1):
            self.advance()
            query = self._parentheses()
            return self._node(Kind.QUERY, start, query=query.query, text="exists")
        if word == "array" and self.at_mark("(", "[", ahead=1):
            return self._array()
        if word == "row" and self.at_mark("(", ahead=1):
            self.advance()
            row = self._parentheses()
            return self._node(Kind.ROW, start, *row.children)
        if word in _VALUE_WORDS and not self.at_mark(".", ahead=1):
            self.advance()
            precise = self.at_mark("(")
            if precise:
                self.skip_parentheses()
            return self._node(Kind.CALL, start, name=(word,), text="word")
        if typed := self._typed_literal():
            return typed
        if word in RESERVED and not (word in _MAY_CALL and self.at_mark("(", ahead=1)):
            raise self.stuck(f"an expression expected before {word.upper()}")
        return self._named()

    def _typed_literal(self) -> Node | None:
        """Read ``timestamp '…'`` and the like: a type, then a string."""
        start, before = self.token.start, self.index
        word = self.token.value
        if self.peek().sort is not Sort.STRING and word not in (
            "timestamp",
            "time",
            "interval",
        ):
            return None
        try:
            type_ = self.type_name()
        except Unreadable:
            self.index = before
            return None
        if self.token.sort is not Sort.STRING:
            self.index = before
            return None
        inner = self._string()
        if type_.name == ("interval",):
            self._interval_fields()
        return self._node(Kind.CAST, start, inner, type_=type_, text="literal")

    def _interval_fields(self) -> None:
        if self.take_word(*_FIELDS):
            if self.at_mark("("):
                self.skip_parentheses()
            if self.take_word("to"):
                self.expect_word(*_FIELDS)
                if self.at_mark("("):
                    self.skip_parentheses()

    def _case(self) -> Node:
        start = self.token.start
        self.expect_word("case")
        subject = None if self.at_word("when") else self.expression()
        results, conditions = [], []
        while self.take_word("when"):
            condition = self.expression()
            if subject is not None:
                condition = self._node(
                    Kind.COMPARISON, subject.start, subject, condition
                )
            conditions.append(condition)
            self.expect_word("then")
            results.append(self.expression())
        if self.take_word("else"):
            results.append(self.expression())
        self.expect_word("end")
        return Node(
            kind=Kind.CASE,
            start=start,
            end=self.reached(),
            children=tuple(results),
            more=tuple(conditions),
        )

    def _array(self) -> Node:
        start = self.token.start
        self.expect_word("array")
        if self.at_mark("("):
            inner = self._parentheses()
            return self._node(Kind.QUERY, start, query=inner.query, text="array")
        return self._array_elements(start)

    def _array_elements(self, start: int) -> Node:
        self.expect_mark("[")
        inside = []
        while not self.at_mark("]"):
            if self.at_mark("["):
                inside.append(self._array_elements(self.token.start))
            else:
                inside.append(self.expression())
            if not self.take_mark(","):
                break
        self.expect_mark("]")
        return self._node(Kind.ARRAY, start, *inside)

    def _named(self) -> Node:
        start = self.token.start
        parts = [self.expect_name()]
        while self.take_mark("."):
            if self.take_mark("*"):
                return self._node(Kind.REFERENCE, start, name=(*parts, "*"))
            parts.append(self.expect_name())
        if not self.at_mark("("):
            return self._node(Kind.REFERENCE, start, name=tuple(parts))
        return self._call(start, tuple(parts))

    def _call(self, start: int, name: tuple[str, ...]) -> Node:
        self.expect_mark("(")
        arguments: list[Node] = []
        more: list[Node] = []
        special = name[-1] in _SEPARATED
        self.take_word("all", "distinct")
        if special and name[-1] == "extract" and self.at_word("from", ahead=1):
            field = self.advance()
            arguments.append(
                Node(
                    kind=Kind.LITERAL,
                    start=field.start,
                    end=field.end,
                    text=field.value,
                )
            )
        while not self.at_mark(")"):
            if self.take_words("order", "by"):
                more += self.orderings()
                continue
            self.take_word("variadic")
            if special and self.take_word(*_SEPARATORS):
                continue
            if self.take_mark(","):
                continue
            if self.token.is_name and self.at_mark("=>", ":=", ahead=1):
                self.index += 2
            floor = _RANGE if special and name[-1] == "position" else 0
            arguments.append(self.expression(floor))
            if not (
                self.at_mark(",", ")")
                or self.at_word("order")
                or (special and self.at_word(*_SEPARATORS))
            ):
                raise self.stuck("',' or ')' expected")
        self.expect_mark(")")
        more += self._call_tail()
        return Node(
            kind=Kind.CALL,
            start=start,
            end=self.reached(),
            name=name,
            children=tuple(arguments),
            more=tuple(more),
        )

    def _call_tail(self) -> list[Node]:
        more: list[Node] = []
        if self.take_words("within", "group"):
            self.expect_mark("(")
            self.expect_word("order")
            self.expect_word("by")
            more += self.orderings()
            self.expect_mark(")")
        if self.at_word("filter") and self.at_mark("(", ahead=1):
            self.index += 2
            self.expect_word("where")
            more.append(self.expression())
            self.expect_mark(")")
        if self.at_word("ignore", "respect") and self.at_word("nulls", ahead=1):
            self.index += 2
        if self.take_word("over"):
            more += self.window() if self.at_mark("(") else ()
            if self.token.is_name and self.tokens[self.index - 1].value != ")":
                self.advance()
        return more

    def window(self) -> list[Node]:
        """Read a window in parentheses; its frame is passed over."""
        self.expect_mark("(")
        more: list[Node] = []
        if self.token.is_name and not self.at_word(
            "partition", "order", "rows", "range", "groups"
        ):
            self.advance()
        if self.take_words("partition", "by"):
            more += self.expressions()
        if self.take_words("order", "by"):
            more += self.orderings()
        if self.take_word("rows", "range", "groups"):
            while not self.at_mark(")"):
                if self.at_mark("("):
                    self.skip_parentheses()
                elif self.advance().sort is Sort.END:
                    raise self.stuck("a window has no end")
        self.expect_mark(")")
        return more

    def orderings(self) -> list[Node]:
        """Read what follows ORDER BY."""
        found = []
        while True:
            found.append(self.expression())
            self.take_word("asc", "desc")
            if self.take_word("using"):
                self.advance()
            if self.take_word("nulls"):
                self.expect_word("first", "last")
            if not self.take_mark(","):
                return found

    # ------------------------------------------------------------------ types

    def qualified_name(self) -> tuple[str, ...]:
        """Read a name with dots."""
        parts = [self.expect_name()]
        while self.at_mark(".") and self.peek().is_name:
            self.advance()
            parts.append(self.expect_name())
        return tuple(parts)

    def type_name(self) -> TypeName:
        """Read a type, with its modifiers and array bounds."""
        setof = self.take_word("setof")
        quoted = self.token.sort is Sort.QUOTED
        name = self.qualified_name()
        if name[0] == "national" and not quoted:
            name = (self.expect_name(),)
        word = name[-1]
        if not quoted and self.take_word(_TWO_WORDS.get(word, " ")):
            word = f"{word} {_TWO_WORDS[word]}"
        if self.take_mark("%"):
            percent = self.expect_name()
            array = self._bounds()
            return TypeName(name, array=array, percent=percent, setof=setof)
        if word == "interval":
            self._interval_fields()
        precise = self.at_mark("(")
        if precise:
            self.skip_parentheses()
        if word in ("timestamp", "time"):
            if self.take_words("with", "time", "zone"):
                word = f"{word} with time zone"
            else:
                self.take_words("without", "time", "zone")
        return TypeName(
            (*name[:-1], _LONG.get(word, word)),
            array=self._bounds(),
            precise=precise,
            setof=setof,
        )

    def _bounds(self) -> bool:
        array = self.take_word("array")
        while self.at_mark("[") and (
            self.at_mark("]", ahead=1) or self.at_mark("]", ahead=2)
        ):
            while not self.take_mark("]"):
                self.advance()
            array = True
        return array

    def _node(
        self,
        kind: Kind,
        start: int,
        *children: Node,
        name: tuple[str, ...] = (),
        text: str = "",
        type_: TypeName | None = None,
        query: Query | None = None,
    ) -> Node:
        return Node(
            kind=kind,
            start=start,
            end=self.reached(),
            name=name,
            text=text,
            children=children,
            type=type_,
            query=query,
        )


def _binding(operator: str) -> int:
    if operator in _COMPARES:
        return _COMPARE
    if operator in ("+", "-"):
        return _ADD
    if operator in ("*", "/", "%"):
        return _MULTIPLY
    return _POWER if operator == "^" else _OTHER
