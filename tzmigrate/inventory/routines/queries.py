"""SELECT, INSERT, UPDATE, DELETE and MERGE, read for what they read and write."""

from tzmigrate.inventory.routines.expressions import RESERVED, ExpressionReader
from tzmigrate.inventory.routines.lexer import Sort
from tzmigrate.inventory.routines.syntax import (
    Kind,
    Node,
    Output,
    Query,
    Setting,
    Source,
)

VERBS = frozenset("select with values table insert update delete merge".split())
_AFTER_SOURCE = frozenset(
    "set where on using tablesample join inner left right full cross natural".split()
)


class QueryReader(ExpressionReader):
    """Reads whole statements.

    Attributes:
        procedural: INTO names variables, as it does in PL/pgSQL.
    """

    procedural = False

    def query(self) -> Query:
        """Read a query with its WITH, arms and ORDER BY."""
        start = self.token.start
        common = self._common()
        query = self._body()
        query.start = start
        query.common = [*common, *query.common]
        self._tail(query)
        query.end = self.reached()
        return query

    def _common(self) -> list[tuple[str, tuple[str, ...], Query]]:
        found = []
        if self.take_word("with"):
            self.take_word("recursive")
            while True:
                name = self.expect_name()
                columns = self._names() if self.at_mark("(") else ()
                self.expect_word("as")
                self.take_word("not")
                self.take_word("materialized")
                self.expect_mark("(")
                found.append((name, columns, self.query()))
                self.expect_mark(")")
                if self.at_word("search", "cycle"):
                    raise self.stuck("SEARCH and CYCLE are not read")
                if not self.take_mark(","):
                    break
        return found

    def _body(self, floor: int = 0) -> Query:
        """Read arms; INTERSECT binds tighter than UNION and EXCEPT."""
        left = self._arm()
        while True:
            tight = 2 if self.at_word("intersect") else 1
            if not self.at_word("union", "except", "intersect") or tight <= floor:
                return left
            self.advance()
            self.take_word("all", "distinct")
            right = self._body(tight)
            left = Query(
                verb="union", start=left.start, arms=[left, right], into=left.into
            )

    def _arm(self) -> Query:
        start = self.token.start
        if self.take_mark("("):
            query = self.query()
            self.expect_mark(")")
            return query
        query = Query(verb=self.token.value, start=start)
        if self.take_word("select"):
            self._select(query)
        elif self.take_word("values"):
            query.rows = self._value_rows()
        elif self.take_word("table"):
            query.verb = "select"
            query.sources = [Source(name=self.qualified_name())]
            star = Node(kind=Kind.REFERENCE, start=start, end=start, name=("*",))
            query.outputs = [Output(node=star)]
        elif self.take_word("insert"):
            self._insert(query)
        elif self.take_word("update"):
            self._update(query)
        elif self.take_word("delete"):
            self._delete(query)
        elif self.take_word("merge"):
            self._merge(query)
        else:
            raise self.stuck("a query expected")
        query.end = self.reached()
        return query

    def _tail(self, query: Query) -> None:
        while True:
            if self.take_words("order", "by"):
                query.conditions += self.orderings()
            elif self.take_word("limit"):
                if not self.take_word("all"):
                    query.conditions.append(self.expression())
            elif self.take_word("offset"):
                query.conditions.append(self.expression())
                self.take_word("row", "rows")
            elif self.take_word("fetch"):
                self.expect_word("first", "next")
                if not self.at_word("row", "rows"):
                    self.expression()
                self.expect_word("row", "rows")
                if not self.take_word("only"):
                    self.expect_word("with")
                    self.expect_word("ties")
            elif self.at_word("for") and self.at_word(
                "update", "share", "no", "key", ahead=1
            ):
                self._locking()
            elif self.procedural and self.at_word("into"):
                query.into = self._into()
            else:
                return

    def _locking(self) -> None:
        self.expect_word("for")
        while self.take_word("no", "key", "update", "share"):
            pass
        if self.take_word("of"):
            self.qualified_name()
            while self.take_mark(","):
                self.qualified_name()
        if not self.take_word("nowait") and self.take_word("skip"):
            self.expect_word("locked")

    def _select(self, query: Query) -> None:
        if self.take_word("distinct"):
            if self.take_word("on"):
                self.expect_mark("(")
                query.conditions += self.expressions()
                self.expect_mark(")")
        else:
            self.take_word("all")
        if self.procedural and self.at_word("into"):
            query.into = self._into()
        if not self._at_end_of_outputs():
            query.outputs = self._outputs()
        self._clauses(query)

    def _at_end_of_outputs(self) -> bool:
        return (
            self.token.sort is Sort.END
            or self.at_mark(";", ")")
            or self.at_word("from", "into", "where")
        )

    def _clauses(self, query: Query) -> None:
        """Read what follows the outputs of a SELECT, up to ORDER BY."""
        while True:
            if self.procedural and self.at_word("into"):
                query.into = self._into()
            elif self.take_word("from"):
                self._sources(query)
            elif self.take_word("where", "having"):
                query.conditions.append(self.expression())
            elif self.take_words("group", "by"):
                self._groups(query)
            elif self.take_word("window"):
                while True:
                    self.expect_name()
                    self.expect_word("as")
                    query.conditions += self.window()
                    if not self.take_mark(","):
                        break
            else:
                return

    def _groups(self, query: Query) -> None:
        self.take_word("all", "distinct")
        while True:
            if self.take_words("grouping", "sets"):
                query.conditions.append(self.expression())
            else:
                query.conditions.append(self.expression())
            if not self.take_mark(","):
                return

    def _into(self) -> tuple[Node, ...]:
        self.expect_word("into")
        self.take_word("strict")
        found = [self._variable()]
        while self.take_mark(","):
            found.append(self._variable())
        return tuple(found)

    def _variable(self) -> Node:
        node = self._named() if self.token.is_name else None
        if node is None:
            raise self.stuck("a variable expected")
        return self._element(node) if self.at_mark("[") else node

    def _outputs(self) -> list[Output]:
        found = []
        while True:
            node, alias = self.expression(), None
            if self.take_word("as"):
                alias = self.expect_name()
            elif self.token.sort is Sort.QUOTED or (
                self.token.sort is Sort.NAME and self.token.value not in RESERVED
            ):
                alias = self.advance().value
            found.append(Output(node=node, alias=alias))
            if not self.take_mark(","):
                return found

    # ------------------------------------------------------------------- FROM

    def _sources(self, query: Query) -> None:
        while True:
            self._joined(query)
            if not self.take_mark(","):
                return

    def _joined(self, query: Query) -> None:
        self._source(query)
        while self._at_join():
            self._source(query)
            if self.take_word("on"):
                query.conditions.append(self.expression())
            elif self.take_word("using"):
                self._names()
                if self.take_word("as"):
                    self.expect_name()

    def _at_join(self) -> bool:
        self.take_word("natural")
        if self.take_word("left", "right", "full"):
            self.take_word("outer")
        else:
            self.take_word("inner", "cross")
        return self.take_word("join")

    def _source(self, query: Query) -> None:
        self.take_word("lateral", "only")
        if self.at_mark("("):
            if self.at_word("select", "with", "values", ahead=1) or (
                self.at_mark("(", ahead=1) and self._nested_query()
            ):
                self.advance()
                inner = self.query()
                self.expect_mark(")")
                alias, columns = self._alias()
                query.sources.append(Source(alias=alias, columns=columns, query=inner))
                return
            self.advance()
            self._joined(query)
            self.expect_mark(")")
            if self.at_word("as"):
                raise self.stuck("an alias of a join is not read")
            return
        query.sources.append(self._relation())

    def _relation(self) -> Source:
        if self.take_words("rows", "from"):
            self.skip_parentheses()
            alias, columns = self._alias()
            return Source(alias=alias, columns=columns)
        start = self.token.start
        name = self.qualified_name()
        if self.at_mark("("):
            call = self._call(start, name)
            self.take_words("with", "ordinality")
            alias, columns = self._alias()
            return Source(alias=alias or name[-1], columns=columns, call=call)
        self.take_mark("*")
        if self.take_word("tablesample"):
            self.qualified_name()
            self.skip_parentheses()
        alias, columns = self._alias()
        if self.take_word("tablesample"):
            self.qualified_name()
            self.skip_parentheses()
        if self.take_word("repeatable"):
            self.skip_parentheses()
        return Source(name=name, alias=alias, columns=columns)

    def _alias(self) -> tuple[str | None, tuple[str, ...]]:
        alias = None
        if self.take_word("as"):
            if self.at_mark("("):
                self.skip_parentheses()
                return None, ()
            alias = self.expect_name()
        elif self.token.sort is Sort.QUOTED or (
            self.token.sort is Sort.NAME
            and self.token.value not in RESERVED
            and self.token.value not in _AFTER_SOURCE
        ):
            alias = self.advance().value
        columns: tuple[str, ...] = ()
        if alias is not None and self.at_mark("("):
            plain = self.at_mark(",", ")", ahead=2)
            if plain:
                columns = self._names()
            else:
                self.skip_parentheses()
        return alias, columns

    def _names(self) -> tuple[str, ...]:
        self.expect_mark("(")
        found = [self.expect_name()]
        while self.take_mark(","):
            found.append(self.expect_name())
        self.expect_mark(")")
        return tuple(found)

    # ---------------------------------------------------------------- writing

    def _target(self) -> Source:
        self.take_word("only")
        name = self.qualified_name()
        self.take_mark("*")
        alias = None
        if self.take_word("as") or (
            self.token.is_name
            and not self.at_word(
                "set",
                "default",
                "values",
                "select",
                "with",
                "using",
                "where",
                "overriding",
                "returning",
                "on",
                "table",
            )
        ):
            alias = self.expect_name()
        return Source(name=name, alias=alias)

    def _value_rows(self) -> list[tuple[Node, ...]]:
        rows = []
        while True:
            self.expect_mark("(")
            rows.append(self.expressions())
            self.expect_mark(")")
            if not self.take_mark(","):
                return rows

    def _insert(self, query: Query) -> None:
        self.expect_word("into")
        query.target = self._target()
        if self.at_mark("(") and not self.at_word("select", "with", ahead=1):
            query.columns = self._target_columns()
        if self.take_word("overriding"):
            self.expect_word("system", "user")
            self.expect_word("value")
        if self.take_word("default"):
            self.expect_word("values")
        else:
            query.source = self.query()
        if self.take_word("on"):
            self.expect_word("conflict")
            self._conflict(query)
        self._returning(query)

    def _target_columns(self) -> tuple[str, ...]:
        self.expect_mark("(")
        found = []
        while True:
            found.append(self._target_column())
            if not self.take_mark(","):
                break
        self.expect_mark(")")
        return tuple(found)

    def _target_column(self) -> str:
        """Read a column that is written; of a part of it, the part's name counts."""
        name = self.expect_name()
        while self.at_mark(".", "["):
            name = ""
            if self.take_mark("."):
                self.expect_name()
            else:
                while not self.take_mark("]"):
                    self.advance()
        return name

    def _conflict(self, query: Query) -> None:
        if self.at_mark("("):
            self.skip_parentheses()
            if self.take_word("where"):
                query.conditions.append(self.expression())
        elif self.take_words("on", "constraint"):
            self.expect_name()
        self.expect_word("do")
        if self.take_word("nothing"):
            return
        self.expect_word("update")
        self.expect_word("set")
        query.settings += self._settings()
        if self.take_word("where"):
            query.conditions.append(self.expression())

    def _update(self, query: Query) -> None:
        query.target = self._target()
        self.expect_word("set")
        query.settings = self._settings()
        if self.take_word("from"):
            self._sources(query)
        self._where(query)

    def _delete(self, query: Query) -> None:
        self.expect_word("from")
        query.target = self._target()
        if self.take_word("using"):
            self._sources(query)
        self._where(query)

    def _where(self, query: Query) -> None:
        if self.take_word("where"):
            if self.take_words("current", "of"):
                self.expect_name()
            else:
                query.conditions.append(self.expression())
        self._returning(query)

    def _returning(self, query: Query) -> None:
        if self.take_word("returning"):
            query.outputs = self._outputs()
        if self.procedural and self.at_word("into"):
            query.into = self._into()

    def _settings(self) -> list[Setting]:
        found = []
        while True:
            found.append(self._setting())
            if not self.take_mark(","):
                return found

    def _setting(self) -> Setting:
        if not self.at_mark("("):
            column = self._target_column()
            self.expect_mark("=")
            return Setting(columns=(column,), values=(self.expression(),))
        columns = self._target_columns()
        self.expect_mark("=")
        value = self.expression()
        if value.kind in (Kind.ROW, Kind.PARENTHESES):
            return Setting(columns=columns, values=value.children)
        return Setting(columns=columns, values=(value,))

    def _merge(self, query: Query) -> None:
        self.expect_word("into")
        query.target = self._target()
        self.expect_word("using")
        self._source(query)
        self.expect_word("on")
        query.conditions.append(self.expression())
        while self.take_word("when"):
            while self.take_word("not", "matched", "by", "source", "target"):
                pass
            if self.take_word("and"):
                query.conditions.append(self.expression())
            self.expect_word("then")
            self._merge_action(query)
        self._returning(query)

    def _merge_action(self, query: Query) -> None:
        if self.take_word("delete"):
            return
        if self.take_word("do"):
            self.expect_word("nothing")
            return
        if self.take_word("update"):
            self.expect_word("set")
            query.settings += self._settings()
            return
        self.expect_word("insert")
        columns = self._target_columns() if self.at_mark("(") else None
        if self.take_word("overriding"):
            self.advance()
            self.expect_word("value")
        if self.take_word("default"):
            self.expect_word("values")
            return
        self.expect_word("values")
        (row,) = self._value_rows()
        query.settings.append(Setting(columns=columns or ("",), values=row))
