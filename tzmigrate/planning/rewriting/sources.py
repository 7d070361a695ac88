"""Read FROM: which names it gives, and where expressions stand in it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tzmigrate.planning.rewriting.expressions import Expressions
from tzmigrate.planning.rewriting.model import Token
from tzmigrate.planning.rewriting.scopes import Outputs, Scope, Source, named
from tzmigrate.planning.rewriting.uses import Use

Part = tuple[int, int, Callable[[Scope], str]]
"""A range and what gives its text, once the scope is complete."""


@dataclass(slots=True)
class _Join:
    """What is read of the items that one comma separates.

    Attributes:
        scope: the names around the query.
        before: the items before.
        parts: the parts of the text, of the whole clause.
        found: the items of this one.
    """

    scope: Scope
    before: tuple[Source, ...]
    parts: list[Part]
    found: list[Source] = field(default_factory=list)

    @property
    def around(self) -> Scope:
        """The names that a query in FROM may use."""
        sources = (*self.before, *self.found)
        return Scope(sources, {}, self.scope, zoned=self.scope.zoned)

    def next(self) -> "_Join":
        """Return the same for what is joined."""
        return _Join(self.scope, (*self.before, *self.found), self.parts)


_JOIN_WORDS = ("NATURAL", "INNER", "LEFT", "RIGHT", "FULL", "CROSS", "OUTER", "JOIN")


class Sources(Expressions):
    """Reads the items of FROM."""

    def outputs(self, start: int, end: int, scope: Scope) -> Outputs:
        """Return what a query hands over."""
        raise NotImplementedError

    def query_with(
        self, start: int, end: int, scope: Scope, wanted: Outputs | None
    ) -> str:
        """Return a query with the outputs that it hands over."""
        raise NotImplementedError

    def from_clause(
        self, start: int, end: int, scope: Scope
    ) -> tuple[tuple[Source, ...], list[Part]]:
        """Return the items of FROM, and the parts of its text.

        Args:
            start: the first piece behind FROM.
            end: the first piece behind the clause.
            scope: the names around the query.
        """
        sources: list[Source] = []
        parts: list[Part] = []
        for first, last in self.script.split(start, end):
            join = _Join(scope, tuple(sources), parts)
            self._joined(first, last, join)
            sources += join.found
        return tuple(sources), parts

    def _joined(self, start: int, end: int, join: _Join) -> None:
        """Read one item, with all that is joined to it."""
        script = self.script
        i = self._item_of_from(start, end, join)
        while i < end:
            first = i
            while script.at(i) in _JOIN_WORDS:
                i += 1
            if i == first:
                self.fail("this item of FROM is not understood", i)
            if script.at(first) == "NATURAL":
                self.fail("the columns of NATURAL JOIN are not in the text", first)
            right = join.next()
            i = self._item_of_from(i, end, right)
            if script.at(i) == "ON":
                behind = script.find(i + 1, end, *_JOIN_WORDS) or end
                join.parts.append((i + 1, behind, self._rest(i + 1, behind)))
                i = behind
            elif script.at(i) == "USING":
                close = script.partner[i + 1]
                self._same_columns(i + 2, close, join.found, right.found)
                i = close + 1
                if script.at(i) == "AS":
                    i += 2
            join.found += right.found

    def _same_columns(
        self, start: int, end: int, left: list[Source], right: list[Source]
    ) -> None:
        """Make sure that both sides of USING have the same zone."""
        for i, _ in self.script.split(start, end):
            if self.token(i):
                self.fail("a join compares a column that changes its type", i)
            name = self.script.name(i)
            zones = {
                token.zone if token else None
                for token in (
                    Scope(tuple(left)).column(None, name),
                    Scope(tuple(right)).column(None, name),
                )
            }
            if len(zones) > 1:
                self.fail("a join compares columns of which only one is zoned", i)

    def _item_of_from(self, i: int, end: int, join: _Join) -> int:
        """Read one table, function, query or group of joins; return what follows."""
        script = self.script
        start = i
        while script.at(i) in {"ONLY", "LATERAL"}:
            i += 1
        if self.opens_query(i):
            return self._subquery(i, end, join)
        if script.at(i) == "(":
            close = script.partner[i]
            inner = join.next()
            self._joined(i + 1, close, inner)
            return self._aliased_join(close + 1, end, inner.found, join)
        if script.matches(i, "ROWS", "FROM"):
            for first, _ in script.split(i + 3, script.partner[i + 2]):
                if self._element_of(first, join.around):
                    self.fail("ROWS FROM takes no naive values of an array", first)
            return self._function(i + 2, end, join)
        name = i
        while script.at(i + 1) == "." and script.is_name(i + 2):
            i += 2
        if script.at(i + 1) == "(":
            return self._function(i + 1, end, join)
        if not script.is_name(i):
            self.fail("this item of FROM is not understood", start)
        return self._relation(name, i + 1, end, join)

    def _alias(self, i: int, end: int) -> tuple[str | None, list[int], int]:
        """Read ``[AS] alias [(names)]``: the alias, where names stand, what follows."""
        script = self.script
        if script.at(i) == "AS":
            i += 1
        alias = None
        if i < end and script.is_name(i):
            alias = script.name(i)
            i += 1
        names: list[int] = []
        if i < end and script.at(i) == "(":
            close = script.partner[i]
            names = [first for first, _ in script.split(i + 1, close)]
            i = close + 1
        return alias, names, i

    def _subquery(self, i: int, end: int, join: _Join) -> int:
        close = self.script.partner[i]
        around = join.around
        outputs = self.outputs(i + 1, close, around)
        alias, names, behind = self._alias(close + 1, end)
        shown = named(outputs, [self.script.name(n) for n in names])
        join.found.append(
            Source(
                alias=alias or "",
                columns={output.name: output.token for output in shown},
                derived=True,
                position=i,
            )
        )
        join.parts.append(
            (i + 1, close, lambda _: self.query_with(i + 1, close, around, outputs))
        )
        return behind

    def _aliased_join(self, i: int, end: int, inner: list[Source], join: _Join) -> int:
        """Read what follows a group of joins, which may have one name for all."""
        alias, names, behind = (
            self._alias(i, end)
            if self.script.is_name(i) or self.script.at(i) == "AS"
            else (None, [], i)
        )
        if alias is None:
            join.found += inner
            return behind
        if names:
            self.fail("a list of column aliases for a join hides columns", i)
        columns: dict[str, Token | None] = {}
        for source in inner:
            for name, token in source.columns.items():
                columns.setdefault(name, token)
        join.found.append(
            Source(
                alias=alias,
                columns=columns,
                derived=any(s.derived for s in inner),
                position=i,
            )
        )
        return behind

    def _function(self, i: int, end: int, join: _Join) -> int:
        """Read a function, whose columns are naive if they are time at all.

        But for the elements of an array, which are what the array is.
        """
        script = self.script
        close = script.partner[i]
        array = None
        if script.at(i - 1) == "unnest" and script.at(i - 2) != ".":
            array = self.whole_use(i + 1, close, join.around)
        element = array.token.element if array else None
        if array and element:
            join.parts.append((i + 1, close, self._as_it_is(array)))
        else:
            join.parts.append((i + 1, close, self._rest(i + 1, close)))
        behind = close + 1
        if script.matches(behind, "WITH", "ORDINALITY"):
            behind += 2
        alias, names, behind = self._alias(behind, end)
        columns = {script.name(n): None for n in names if script.is_name(n)}
        shown: dict[str, Token | None] = dict(columns)
        if element and element.naive is not None:
            # a function of one column has that under its alias
            shown[next(iter(columns), alias or "")] = element
        join.found.append(Source(alias=alias or "", columns=shown, position=i))
        return behind

    def _relation(self, name: int, i: int, end: int, join: _Join) -> int:
        """Read a table, a view or the name of a query of WITH."""
        script = self.script
        relation = script.verbatim(name, i)
        if script.at(i) == "*":
            i += 1
        at = i
        alias, names, i = self._alias(i, end) if script.is_name(i) else (None, [], i)
        alias = alias or script.name(at - 1)
        cte = join.scope.cte(script.name(name)) if at == name + 1 else None
        columns: dict[str, Token | None] = {}
        if cte is not None:
            shown = named(cte, [script.name(n) for n in names])
            columns = {output.name: output.token for output in shown}
        elif names:
            columns = self._shown_columns(relation, names, at)
            opening = at + 1 if script.at(at) != "AS" else at + 2
            close = script.partner[opening]
            join.parts.append((opening, close, self._aliases(opening, close)))
        join.found.append(
            Source(alias=alias, columns=columns, derived=cte is not None, position=name)
        )
        if script.at(i) == "TABLESAMPLE":
            i = script.find(i, end, "(") or end
            while i < end and script.at(i) == "(":
                close = script.partner[i]
                join.parts.append((i + 1, close, self._rest(i + 1, close)))
                i = close + 1
                if script.at(i) == "REPEATABLE":
                    i += 1
        return i

    def _shown_columns(
        self, relation: str, names: list[int], at: int
    ) -> dict[str, Token | None]:
        """Return the zoned columns that a list of aliases gives other names."""
        real = self.relations.get(relation)
        if real is None or len(real) < len(names):
            self.fail("a list of column aliases may hide a column", at)
        shown: dict[str, Token | None] = {}
        for n, word in zip(names, real, strict=False):
            token = self.tokens.get(word)
            own = self.token(n)
            name = own.name if own else self.script.name(n)
            if name in shown:
                self.fail("two columns of an alias would have the same name", n)
            shown[name] = token if token and token.zone else None
        return shown

    def _aliases(self, start: int, end: int) -> Callable[[Scope], str]:
        return lambda _: self.names(start, end)

    def _as_it_is(self, use: Use) -> Callable[[Scope], str]:
        return lambda _: self.bare(use)

    def _rest(self, start: int, end: int) -> Callable[[Scope], str]:
        return lambda scope: self.expression(start, end, scope)
