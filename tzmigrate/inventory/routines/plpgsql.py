"""Bodies of routines as flat lists of statements: control flow does not matter here.

https://www.postgresql.org/docs/current/plpgsql-structure.html
"""

from collections import defaultdict
from dataclasses import dataclass, field
from enum import Enum, auto

from tzmigrate.inventory.routines.lexer import Sort, tokenize
from tzmigrate.inventory.routines.queries import VERBS, QueryReader
from tzmigrate.inventory.routines.syntax import Kind, Node, Output, Query, TypeName


class Act(Enum):
    """What a statement does, as far as it matters for types."""

    ASSIGN = auto()
    EVALUATE = auto()
    QUERY = auto()
    """Also of a loop and of FETCH: ``targets`` receive its rows."""
    RETURN = auto()
    RETURN_NEXT = auto()
    RETURN_QUERY = auto()
    DYNAMIC = auto()
    UTILITY = auto()
    """Anything else; only its words are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement.

    Attributes:
        targets: variables that receive something.
        value: what is assigned, evaluated, returned or executed.
        values: what USING hands to dynamic SQL.
    """

    act: Act
    start: int
    end: int
    targets: tuple[Node, ...] = ()
    value: Node | None = None
    values: tuple[Node, ...] = ()
    query: Query | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A declaration; ``query`` is that of a bound cursor."""

    name: str
    start: int
    end: int
    type: TypeName | None = None
    default: Node | None = None
    query: Query | None = None


@dataclass(slots=True)
class Body:
    """A whole routine; variables of all its blocks."""

    variables: list[Variable] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)


def read_body(source: str, language: str) -> Body:
    """Read a routine's source text.

    Raises:
        Unreadable: something in it is not understood.
    """
    reader = BodyReader(tokenize(source))
    return reader.plpgsql() if language == "plpgsql" else reader.sql()


_PASSED_OVER = frozenset(
    """raise get move close null commit rollback savepoint exit continue""".split()
)


class BodyReader(QueryReader):
    """Reads the body of a routine."""

    def plpgsql(self) -> Body:
        """Read blocks and what is in them."""
        self.procedural = True
        self.body = Body()
        self.cursors: dict[str, list[Query]] = defaultdict(list)
        while self.take_mark("#"):
            self.advance()
            self.advance()
        self._label()
        self._block()
        self.take_mark(";")
        if self.peek(0).sort is not Sort.END:
            raise self.stuck("the end of the routine expected")
        return self.body

    def sql(self) -> Body:
        """Read the statements of a routine in SQL; the last one gives its result."""
        self.body = Body()
        while self.peek(0).sort is not Sort.END:
            if self.take_mark(";"):
                continue
            start = self.token.start
            if self.at_word(*VERBS) or self.at_mark("("):
                query = self.query()
                self._add(Act.QUERY, start, query=query)
            else:
                self._utility(start)
            if self.token.sort is not Sort.END:
                self.expect_mark(";")
        return self.body

    # ----------------------------------------------------------------- blocks

    def _label(self) -> None:
        if self.take_mark("<<"):
            self.expect_name()
            self.expect_mark(">>")

    def _block(self) -> None:
        while self.take_word("declare"):
            while not self.at_word("begin", "declare"):
                self._declaration()
        self.expect_word("begin")
        self._statements("end", "exception")
        if self.take_word("exception"):
            while self.take_word("when"):
                while not self.take_word("then"):
                    if self.advance().sort is Sort.END:
                        raise self.stuck("THEN expected")
                self._statements("end", "when")
        self.expect_word("end")
        if self.token.is_name:
            self.advance()

    def _declaration(self) -> None:
        start = self.token.start
        name = self.expect_name()
        self.take_word("constant")
        if self.take_words("alias", "for"):
            self.advance()
            self._declare(name, start)
        elif self.at_word("cursor", "scroll") or self.at_word("no"):
            self._cursor(name, start)
        else:
            type_ = self.type_name()
            if self.take_word("collate"):
                self.qualified_name()
            if self.take_word("not"):
                self.expect_word("null")
            default = None
            if self.take_word("default") or self.take_mark(":=", "="):
                default = self._value()
            self._declare(name, start, type_=type_, default=default)
        self.expect_mark(";")

    def _declare(
        self,
        name: str,
        start: int,
        *,
        type_: TypeName | None = None,
        default: Node | None = None,
        query: Query | None = None,
    ) -> None:
        self.body.variables.append(
            Variable(
                name=name,
                start=start,
                end=self.reached(),
                type=type_,
                default=default,
                query=query,
            )
        )

    def _cursor(self, name: str, start: int) -> None:
        self.take_word("no")
        self.take_word("scroll")
        self.expect_word("cursor")
        if self.take_mark("("):
            while not self.take_mark(")"):
                at = self.token.start
                argument = self.expect_name()
                self._declare(argument, at, type_=self.type_name())
                self.take_mark(",")
        self.expect_word("for", "is")
        query = self.query()
        self.cursors[name].append(query)
        self._declare(name, start, query=query)

    # ------------------------------------------------------------- statements

    def _statements(self, *ends: str) -> None:
        while not self.at_word(*ends) or self._assigns():
            self._statement()

    def _statement(self) -> None:  # noqa: PLR0912 - one per statement
        if self.take_mark(";"):
            return
        self._label()
        start, word = self.token.start, self.token.value
        if self.token.sort is Sort.END:
            raise self.stuck("END expected")
        if self._assigns():
            self._assignment(start)
        elif self.token.sort is not Sort.NAME:
            raise self.stuck("a statement expected")
        elif word in ("begin", "declare"):
            self._block()
        elif word == "if":
            self._if()
        elif word == "case":
            self._case_statement()
        elif word == "loop":
            self._loop()
        elif word == "while":
            self.advance()
            self._evaluate()
            self._loop()
        elif word in ("for", "foreach"):
            self._for()
        elif word in ("exit", "continue"):
            self._leave()
        elif word == "return":
            self._return()
        elif word == "perform":
            self._perform()
        elif word == "execute":
            self._dynamic()
        elif word == "assert":
            self.advance()
            for value in self.expressions():
                self._add(Act.EVALUATE, value.start, value=value)
        elif word == "open":
            self._open()
        elif word == "fetch":
            self._fetch()
        elif word == "call":
            self.advance()
            self._evaluate()
        elif word in VERBS:
            query = self.query()
            self._add(Act.QUERY, start, query=query, targets=query.into)
        else:
            self._utility(start)
        self.expect_mark(";")

    def _assigns(self) -> bool:
        """Tell whether an assignment begins here."""
        ahead = 0
        if not self.token.is_name:
            return False
        while True:
            ahead += 1
            if self.at_mark(".", ahead=ahead) and self.peek(ahead + 1).is_name:
                ahead += 1
            elif self.at_mark("[", ahead=ahead):
                while not self.at_mark("]", ahead=ahead):
                    ahead += 1
                    if self.peek(ahead).sort is Sort.END:
                        return False
            else:
                return self.at_mark(":=", "=", ahead=ahead)

    def _assignment(self, start: int) -> None:
        target = self._variable()
        if self.at_mark("."):
            raise self.stuck("a field of an element is not read")
        self.expect_mark(":=", "=")
        value = self._value()
        self._add(Act.ASSIGN, start, targets=(target,), value=value)

    def _value(self) -> Node:
        """Read what PL/pgSQL hands to SELECT: an expression, and perhaps FROM."""
        start = self.token.start
        node = self.expression()
        if not self.at_word("from", "where", "order", "limit", "group"):
            return node
        query = Query(verb="select", start=start, outputs=[Output(node=node)])
        self._clauses(query)
        self._tail(query)
        query.end = self.reached()
        return Node(
            kind=Kind.QUERY, start=start, end=query.end, text="bare", query=query
        )

    def _evaluate(self) -> None:
        value = self._value()
        self._add(Act.EVALUATE, value.start, value=value)

    def _if(self) -> None:
        self.expect_word("if")
        self._evaluate()
        self.expect_word("then")
        self._statements("end", "elsif", "elseif", "else")
        while self.take_word("elsif", "elseif"):
            self._evaluate()
            self.expect_word("then")
            self._statements("end", "elsif", "elseif", "else")
        if self.take_word("else"):
            self._statements("end")
        self.expect_word("end")
        self.expect_word("if")

    def _case_statement(self) -> None:
        start = self.token.start
        self.expect_word("case")
        subject = None if self.at_word("when") else self.expression()
        while self.take_word("when"):
            for value in self.expressions():
                compared = value
                if subject is not None:
                    compared = Node(
                        kind=Kind.COMPARISON,
                        start=start,
                        end=value.end,
                        children=(subject, value),
                    )
                self._add(Act.EVALUATE, value.start, value=compared)
            self.expect_word("then")
            self._statements("end", "when", "else")
        if self.take_word("else"):
            self._statements("end")
        self.expect_word("end")
        self.expect_word("case")

    def _loop(self) -> None:
        self.expect_word("loop")
        self._statements("end")
        self.expect_word("end")
        self.expect_word("loop")
        if self.token.is_name:
            self.advance()

    def _for(self) -> None:
        start = self.token.start
        each = self.advance().value == "foreach"
        targets = [self._variable()]
        while self.take_mark(","):
            targets.append(self._variable())
        if self.take_word("slice"):
            self.advance()
        self.expect_word("in")
        if each:
            self.expect_word("array")
            self._evaluate()
        elif self.at_word("execute"):
            self._dynamic(tuple(targets))
        elif self.at_word(*VERBS) or self._nested_query():
            query = self.query()
            self._add(Act.QUERY, start, query=query, targets=tuple(targets))
        elif self.token.value in self.cursors:
            cursor = self.advance().value
            if self.at_mark("("):
                self.skip_parentheses()
            record = TypeName(("record",))
            self._declare(targets[0].name[0], start, type_=record)
            self._fetched(cursor, start, tuple(targets))
        else:
            self._numbers(targets[0])
        self._loop()

    def _numbers(self, variable: Node) -> None:
        """Read the bounds of a loop over numbers, or a cursor with arguments."""
        self.take_word("reverse")
        self._evaluate()
        if self.take_mark(".."):
            integer = TypeName(("integer",))
            self._declare(variable.name[0], variable.start, type_=integer)
            self._evaluate()
            if self.take_word("by"):
                self._evaluate()

    def _leave(self) -> None:
        self.advance()
        if self.token.is_name and not self.at_word("when"):
            self.advance()
        if self.take_word("when"):
            self._evaluate()

    def _return(self) -> None:
        start = self.token.start
        self.expect_word("return")
        if self.take_word("query"):
            if self.at_word("execute"):
                self._dynamic()
            else:
                query = self.query()
                self._add(Act.RETURN_QUERY, start, query=query)
            return
        act = Act.RETURN_NEXT if self.take_word("next") else Act.RETURN
        value = None if self.at_mark(";") else self._value()
        self._add(act, start, value=value)

    def _perform(self) -> None:
        start = self.token.start
        self.expect_word("perform")
        query = Query(verb="select", start=self.token.start)
        self._select(query)
        self._tail(query)
        query.end = self.reached()
        self._add(Act.QUERY, start, query=query)

    def _dynamic(self, targets: tuple[Node, ...] = ()) -> None:
        start = self.token.start
        self.expect_word("execute")
        text = self.expression()
        values: tuple[Node, ...] = ()
        while self.at_word("into", "using"):
            if self.at_word("into"):
                targets = self._into()
            else:
                self.advance()
                values = self.expressions()
        self._add(Act.DYNAMIC, start, targets=targets, value=text, values=values)

    def _open(self) -> None:
        start = self.token.start
        self.expect_word("open")
        cursor = self.expect_name()
        if self.at_mark("("):
            self.skip_parentheses()
        self.take_word("no")
        self.take_word("scroll")
        if self.take_word("for"):
            if self.at_word("execute"):
                self._dynamic()
            else:
                query = self.query()
                self.cursors[cursor].append(query)
                self._add(Act.QUERY, start, query=query)

    def _fetch(self) -> None:
        start = self.token.start
        self.advance()
        cursor = ""
        while not self.at_word("into"):
            if self.at_mark(";") or self.token.sort is Sort.END:
                return
            cursor = self.advance().value
        self._fetched(cursor, start, self._into())

    def _fetched(self, cursor: str, start: int, targets: tuple[Node, ...]) -> None:
        """Give rows of each query that the cursor may be open for."""
        for query in self.cursors.get(cursor, ()):
            self._add(Act.QUERY, start, query=query, targets=targets)

    def _utility(self, start: int) -> None:
        """Go past a statement of which only the words matter."""
        silent = self.token.value in _PASSED_OVER
        while not self.at_mark(";") and self.token.sort is not Sort.END:
            self.advance()
        if not silent:
            self._add(Act.UTILITY, start)

    def _add(
        self,
        act: Act,
        start: int,
        *,
        targets: tuple[Node, ...] = (),
        value: Node | None = None,
        values: tuple[Node, ...] = (),
        query: Query | None = None,
    ) -> None:
        self.body.statements.append(
            Statement(
                act=act,
                start=start,
                end=self.reached(),
                targets=targets,
                value=value,
                values=values,
                query=query,
            )
        )
