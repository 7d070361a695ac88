"""Rewrite statements that change data: the bodies of rules and of SQL routines."""

from collections.abc import Sequence

from tzmigrate.planning.rewriting.queries import Parts, Queries
from tzmigrate.planning.rewriting.scopes import Output, Outputs, Scope, Source

_CLAUSES = frozenset(
    "SET FROM USING WHERE RETURNING WHEN VALUES SELECT WITH ON".split()
)


class Statements(Queries):
    """Rewrites INSERT, UPDATE, DELETE and MERGE.

    Attributes:
        zoned_returning: bare columns that a rule returns are zoned.
    """

    zoned_returning = False

    def statement(self, start: int, end: int, scope: Scope) -> str:
        """Return a statement, whose RETURNING stays naive."""
        return self._statement(start, end, scope, returning=False)

    def action(self, start: int, end: int, scope: Scope) -> str:
        """Return a statement of a rule or a routine's body."""
        word = self.script.at(start)
        if word in {"SELECT", "VALUES", "WITH", "("}:
            return self.query_with(start, end, scope, None)
        if word in {"NOTIFY", "NOTHING"}:
            return self.script.verbatim(start, end)
        return self._statement(start, end, scope, returning=self.zoned_returning)

    def _statement(self, start: int, end: int, scope: Scope, *, returning: bool) -> str:
        word = self.script.at(start)
        makers = {
            "INSERT": self._insert,
            "UPDATE": self._update,
            "DELETE": self._delete,
            "MERGE": self._merge,
        }
        if word not in makers:
            self.fail("this statement is not understood", start)
        at = self.script.find(start, end, "RETURNING")
        body = end if at is None else at
        inner, parts = makers[word](start, body, scope)
        if at is not None:
            parts += self._returning(at + 1, end, inner, zoned=returning)
        return self.splice(start, end, parts)

    def _returning(self, start: int, end: int, scope: Scope, *, zoned: bool) -> Parts:
        if self.script.at(start) == "WITH":
            start = self.script.over(start + 1)
        parts: Parts = []
        for first, last in self.script.split(start, end):
            item = self.item(first, last)
            use = self.whole_use(item.start, item.behind, scope)
            output = Output(name="", token=use.token) if use and zoned else None
            parts.append((first, last, self.item_text(item, output, scope)))
        return parts

    # ------------------------------------------------------------------ targets

    def _target(self, i: int, end: int) -> tuple[Source, int]:
        """Read the relation that a statement changes, and its alias."""
        script = self.script
        if script.at(i) == "ONLY":
            i += 1
        name = i
        while script.at(i + 1) == "." and script.is_name(i + 2):
            i += 2
        alias = script.name(i)
        i += 1
        if script.at(i) == "*":
            i += 1
        if script.at(i) == "AS":
            i += 1
        if i < end and script.is_name(i):
            alias = script.name(i)
            i += 1
        return Source(alias=alias, position=name), i

    def _assigned(self, first: int, last: int) -> Output:
        """Return the column that a value is assigned to."""
        token = self.token(first)
        if token and token.zone and last - first > 1:
            self.fail("a part of a column is assigned", first)
        zoned = token if token and token.zone else None
        return Output(name="", token=zoned, assigned=zoned is not None)

    def _set(self, start: int, end: int, scope: Scope) -> Parts:
        """Return the assignments of SET."""
        script = self.script
        parts: Parts = []
        for first, last in script.split(start, end):
            equals = script.find(first, last, "=")
            if equals is None:
                self.fail("this assignment is not understood", first)
            parts.append((first, equals, self.names(first, equals)))
            value = equals + 1
            if script.at(first) != "(":
                output = self._assigned(first, equals)
                parts.append((value, last, self.value(value, last, output, scope)))
                continue
            targets = tuple(
                self._assigned(*r)
                for r in script.split(first + 1, script.partner[first])
            )
            parts += self._set_row(value, targets, scope)
        return parts

    def _set_row(self, start: int, targets: Outputs, scope: Scope) -> Parts:
        """Return the values of ``(a, b) = (SELECT …)`` or ``= ROW(…)``."""
        script = self.script
        if self.opens_query(start):
            close = script.partner[start]
            text = self.query_with(start + 1, close, scope, targets)
            return [(start + 1, close, text)]
        if script.at(start) == "ROW":
            start += 1
        if script.at(start) != "(":
            self.fail("this assignment is not understood", start)
        values = script.split(start + 1, script.partner[start])
        return [
            (first, last, self.value(first, last, output, scope))
            for (first, last), output in zip(values, targets, strict=True)
        ]

    # --------------------------------------------------------------- statements

    def _insert(self, start: int, end: int, around: Scope) -> tuple[Scope, Parts]:
        script = self.script
        target, i = self._target(start + 2, end)
        excluded = Source(alias="excluded")
        scope = Scope((target, excluded), {}, around)
        parts: Parts = []
        targets: Sequence[Output] = ()
        if script.at(i) == "(":
            close = script.partner[i]
            targets = [self._assigned(*r) for r in script.split(i + 1, close)]
            parts.append((i, close + 1, self.names(i, close + 1)))
            i = close + 1
        if script.at(i) == "OVERRIDING":
            i += 3
        conflict = next(
            (k for k in script.flat(i, end) if script.matches(k, "ON", "CONFLICT")),
            end,
        )
        if script.at(i) in {"SELECT", "WITH", "VALUES", "("}:
            text = self.query_with(i, conflict, around, tuple(targets))
            parts.append((i, conflict, text))
        if conflict < end:
            parts += self._conflict(conflict + 2, end, scope)
        return scope, parts

    def _conflict(self, start: int, end: int, scope: Scope) -> Parts:
        script = self.script
        parts: Parts = []
        i = start
        if script.at(i) == "(":
            close = script.partner[i]
            parts += self.keys_of_index(i + 1, close, scope)
            i = close + 1
        do = script.find(i, end, "DO")
        if do is None:
            self.fail("this statement is not understood", start)
        if script.at(i) == "WHERE":
            parts.append((i + 1, do, self.expression(i + 1, do, scope)))
        if script.matches(do, "DO", "UPDATE", "SET"):
            where = script.find(do + 3, end, "WHERE")
            parts += self._set(do + 3, where or end, scope)
            if where is not None:
                parts.append((where + 1, end, self.expression(where + 1, end, scope)))
        return parts

    def _update(self, start: int, end: int, around: Scope) -> tuple[Scope, Parts]:
        script = self.script
        target, i = self._target(start + 1, end)
        if script.at(i) != "SET":
            self.fail("this statement is not understood", i)
        scope, parts, behind = self._tail(i + 1, end, "FROM", target, around)
        return scope, parts + self._set(i + 1, behind, scope)

    def _delete(self, start: int, end: int, around: Scope) -> tuple[Scope, Parts]:
        target, i = self._target(start + 2, end)
        scope, parts, _ = self._tail(i, end, "USING", target, around)
        return scope, parts

    def _tail(
        self, start: int, end: int, word: str, target: Source, around: Scope
    ) -> tuple[Scope, Parts, int]:
        """Read FROM or USING, and WHERE; return the names, the parts, the start."""
        script = self.script
        where = script.find(start, end, "WHERE")
        behind = end if where is None else where
        listed = next(
            (
                i
                for i in script.flat(start, behind)
                if script.at(i) == word and script.at(i - 1) != "DISTINCT"
            ),
            None,
        )
        sources, from_parts = (
            self.from_clause(listed + 1, behind, around)
            if listed is not None
            else ((), [])
        )
        scope = Scope((target, *sources), {}, around)
        parts: Parts = [(first, last, make(scope)) for first, last, make in from_parts]
        if where is not None:
            parts.append((where + 1, end, self.expression(where + 1, end, scope)))
        return scope, parts, behind if listed is None else listed

    def _merge(self, start: int, end: int, around: Scope) -> tuple[Scope, Parts]:
        script = self.script
        target, i = self._target(start + 2, end)
        on = script.find(i, end, "ON")
        whens = [k for k in script.flat(i, end) if script.at(k) == "WHEN"]
        if script.at(i) != "USING" or on is None or not whens:
            self.fail("this statement is not understood", start)
        sources, from_parts = self.from_clause(i + 1, on, around)
        scope = Scope((target, *sources), {}, around)
        parts: Parts = [(first, last, make(scope)) for first, last, make in from_parts]
        parts.append((on + 1, whens[0], self.expression(on + 1, whens[0], scope)))
        for when, behind in zip(whens, [*whens[1:], end], strict=True):
            then = script.find(when, behind, "THEN") or behind
            parts.append((when, then, self.expression(when, then, scope)))
            parts += self._merge_action(then + 1, behind, scope)
        return scope, parts

    def _merge_action(self, start: int, end: int, scope: Scope) -> Parts:
        script = self.script
        if script.matches(start, "UPDATE", "SET"):
            return self._set(start + 2, end, scope)
        if script.at(start) != "INSERT" or script.at(start + 1) != "(":
            return []
        close = script.partner[start + 1]
        targets = tuple(self._assigned(*r) for r in script.split(start + 2, close))
        values = script.find(close + 1, end, "VALUES")
        parts: Parts = [(start + 1, close + 1, self.names(start + 1, close + 1))]
        if values is not None:
            parts.append((values, end, self.rows(values, end, scope, targets)))
        return parts

    # ------------------------------------------------------------------ indexes

    def keys_of_index(self, start: int, end: int, scope: Scope) -> Parts:
        """Return the keys of an index, plain columns as they are."""
        parts: Parts = []
        for first, last in self.script.split(start, end):
            token = self.token(first)
            if token is None or self.script.at(first + 1) in {"(", "."}:
                parts.append((first, last, self.expression(first, last, scope)))
                continue
            parts.append((first, first + 1, self.names(first, first + 1)))
            for i in self.script.flat(first + 1, last):
                zoned = OPERATOR_CLASSES.get(self.script.at(i))
                if token.zone and zoned:
                    parts.append((i, i + 1, zoned))
        return parts


OPERATOR_CLASSES = {
    "timestamp_ops": "timestamptz_ops",
    "timestamp_minmax_ops": "timestamptz_minmax_ops",
    "timestamp_minmax_multi_ops": "timestamptz_minmax_multi_ops",
    "timestamp_bloom_ops": "timestamptz_bloom_ops",
    "gist_timestamp_ops": "gist_timestamptz_ops",
}
"""Operator classes that name the type, by ``pg_opclass`` and of btree_gist."""
