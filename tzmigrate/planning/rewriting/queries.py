"""Rewrite queries, each told what its outputs are to be, from the outside in."""

from collections.abc import Iterator
from dataclasses import replace

from tzmigrate.planning.rewriting.scopes import Output, Outputs, Scope
from tzmigrate.planning.rewriting.structure import Item, Range, Structure
from tzmigrate.postgres.quoting import quote_literal, readable_identifier
from tzmigrate.zones.model import is_utc

_SORT_WORDS = ("ASC", "DESC", "USING", "NULLS")

_INSTANTS = frozenset(
    "NULL DEFAULT now() CURRENT_TIMESTAMP transaction_timestamp() "
    "statement_timestamp() clock_timestamp()".split()
)
"""Values that mean the same whether a column is naive or zoned, or mean more zoned."""

Parts = list[tuple[int, int, str]]


class Queries(Structure):
    """Rewrites SELECT, VALUES and WITH."""

    def query(self, start: int, end: int, scope: Scope) -> str:
        """Return a query within an expression, whose outputs stay naive."""
        return self.query_with(start, end, replace(scope, zoned=False), None)

    def query_with(
        self, start: int, end: int, scope: Scope, wanted: Outputs | None
    ) -> str:
        """Return a query whose outputs are zoned as wanted; ``None``: all naive."""
        ctes, body, inner = self._with(start, end, scope)
        parts: Parts = []
        for cte in ctes:
            # what a recursive query says about itself is in the names by now
            found = self.outputs(cte.start, cte.end, inner)
            text = self.query_with(cte.start, cte.end, inner, found)
            parts.append((cte.start, cte.end, text))
        at = body
        for first, last in self._arms(body, end):
            if first > at:
                parts.append((at, first, self.expression(at, first, inner)))
            parts.append((first, last, self._arm(first, last, inner, wanted)))
            at = last
        if at < end:
            parts.append((at, end, self.expression(at, end, inner)))
        return self.splice(start, end, parts)

    def _arm(self, start: int, end: int, scope: Scope, wanted: Outputs | None) -> str:
        if self.script.at(start) == "(":
            inner = self.query_with(start + 1, end - 1, scope, wanted)
            return self.splice(start, end, [(start + 1, end - 1, inner)])
        if self.script.at(start) == "VALUES":
            return self.rows(start, end, scope, wanted)
        if self.script.at(start) == "SELECT":
            return self._select(start, end, scope, wanted)
        return self.statement(start, end, scope)

    def rows(self, start: int, end: int, scope: Scope, wanted: Outputs | None) -> str:
        """Return VALUES with its rows."""
        parts: Parts = []
        for first, last in self.script.split(start + 1, end):
            if self.script.at(first) != "(":
                self.fail("these values are not understood", first)
            close = self.script.partner[first]
            values = self.script.split(first + 1, close)
            for i, (begin, behind) in enumerate(values):
                output = wanted[i] if wanted and i < len(wanted) else None
                text = self.value(begin, behind, output, scope)
                parts.append((begin, behind, text))
            if close + 1 < last:
                text = self.expression(close + 1, last, scope)
                parts.append((close + 1, last, text))
        return self.splice(start, end, parts)

    def value(self, start: int, end: int, output: Output | None, scope: Scope) -> str:
        """Return a value that is assigned to a column.

        A zoned column of the same zone and what is an instant are assigned as they
        are, and every other value as the naive one that it would have been.
        """
        token = output.token if output and output.assigned else None
        if token is None or token.zone is None:
            return self.expression(start, end, scope)
        use = self.whole_use(start, end, scope)
        if use and use.token.zone == token.zone:
            return self.bare(use)
        if self.script.verbatim(start, end) in _INSTANTS:
            return self.script.verbatim(start, end)
        text = self.expression(start, end, scope)
        zoned = token.as_zoned(text)
        if zoned is None:
            self.fail(f'no expression makes a value for "{token.name}" zoned', start)
        return zoned

    def statement(self, start: int, end: int, scope: Scope) -> str:
        """Return a statement that changes data."""
        raise NotImplementedError

    def _select(
        self, start: int, end: int, around: Scope, wanted: Outputs | None
    ) -> str:
        clauses = list(self._clauses(start, end))
        from_clause = self._clause(start, end, "FROM")
        sources, from_parts = (
            self.from_clause(*from_clause, around) if from_clause else ((), [])
        )
        scope = Scope(sources, {}, around, zoned=around.zoned)
        items = self._items(start, end)
        grouped = any(word == "GROUP" for word, _, _ in clauses)
        bare = set(self._bare(items, wanted, scope))
        for word, first, last in clauses:
            if word == "GROUP":
                bare |= self._needed_within((start, end), (first, last), bare, scope)
        shown = replace(scope, grouped=grouped, bare=frozenset(bare))
        parts: Parts = [(first, last, make(scope)) for first, last, make in from_parts]
        for i, item in enumerate(items):
            output = wanted[i] if wanted and i < len(wanted) else None
            parts.append((item.start, item.end, self.item_text(item, output, shown)))
        names = {
            self.output_name(item, use): use.plain if use else None
            for item in items
            for use in [self.whole_use(item.start, item.behind, scope)]
        }
        picked, _ = self._select_list(start, end)
        if picked:
            parts += self._keys(*picked, shown, names)
        for word, first, last in clauses[1:]:
            if word == "GROUP":
                parts += self._elements(first, last, shown)
            elif word == "ORDER":
                parts += self._keys(first, last, shown, names)
            elif word == "WHERE":
                parts.append((first, last, self.expression(first, last, scope)))
            elif word == "FOR":
                parts.append((first, last, self.names(first, last)))
            elif word != "FROM":
                parts.append((first, last, self.expression(first, last, shown)))
        return self.splice(start, end, parts)

    def _bare(
        self, items: list[Item], wanted: Outputs | None, scope: Scope
    ) -> Iterator[str]:
        """Yield the columns that are handed over as they are."""
        for item, output in zip(items, wanted or (), strict=False):
            use = self.whole_use(item.start, item.behind, scope)
            if use and output.token and use.token.zone == output.token.zone:
                yield use.key

    def _needed_within(
        self, select: Range, group: Range, bare: set[str], scope: Scope
    ) -> set[str]:
        """Return more columns of GROUP BY that a subquery needs as they are.

        PostgreSQL looks for columns there, not for expressions, that are grouped.
        """
        script = self.script
        keys = {}
        for i in range(*group):
            use = self.use(i, scope)
            if (
                use
                and use.key not in bare
                and use.token.zone
                and script.at(i - 1) != "."
            ):
                keys[use.key] = use
        needed = set()
        for i in range(*select):
            if not keys or not self.opens_query(i):
                continue
            for k in range(i + 1, script.partner[i]):
                use = self.use(k, scope) if script.at(k - 1) != "." else None
                if use and use.key in keys:
                    if not is_utc(use.token.zone or ""):
                        self.fail("a subquery uses a column that is grouped by", k)
                    needed.add(use.key)
        return needed

    def item_text(self, item: Item, output: Output | None, scope: Scope) -> str:
        """Return an item as the output is wanted."""
        use = self.whole_use(item.start, item.behind, scope)
        alias = self.script.gap(item.behind) + self.names(item.behind, item.end)
        if item.behind == item.end:
            alias = ""
        if output and output.assigned:
            return self.value(item.start, item.behind, output, scope) + alias
        if output and output.token and output.token.zone:
            if use:
                return self.bare(use) + alias
            constant = self.script.verbatim(item.start, item.behind)
            return (
                f"({constant} AT TIME ZONE {quote_literal(output.token.zone)}){alias}"
            )
        if use and use.token.zone:
            # without an alias the output had the name of the column
            name = alias or f" AS {readable_identifier(self.output_name(item, use))}"
            return self.naive(use, item.start) + name
        return self.expression(item.start, item.behind, scope) + alias

    def _keys(
        self, start: int, end: int, scope: Scope, names: dict[str, str | None]
    ) -> Parts:
        """Return the keys of ORDER BY or DISTINCT ON.

        A single name means an output first, so that a column which is not the output
        of its name needs its table.
        """
        parts: Parts = []
        for first, last in self.script.split(start, end):
            use = self.use(first, scope)
            behind = use.end if use else first
            whole = behind == last or self.script.at(behind) in _SORT_WORDS
            if not use or not whole or use.key not in scope.bare:
                parts.append((first, last, self.expression(first, last, scope)))
                continue
            text = self.bare(use)
            if names.get(text, text) != text:
                text = scope.qualified(text)
            parts.append((first, behind, text))
        return parts

    def _elements(self, start: int, end: int, scope: Scope) -> Parts:
        """Return the elements of GROUP BY, also within grouping sets."""
        script = self.script
        if script.at(start) in {"ALL", "DISTINCT"}:
            start += 1
        parts: Parts = []
        for first, last in script.split(start, end):
            use = self.whole_use(first, last, scope)
            if use and use.key in scope.bare:
                parts.append((first, last, self.bare(use)))
                continue
            opening = first
            while script.at(opening) in {"GROUPING", "SETS", "ROLLUP", "CUBE"}:
                opening += 1
            if (
                script.at(opening) == "("
                and script.over(opening) == last
                and not self.opens_query(opening)
            ):
                parts += self._elements(opening + 1, last - 1, scope)
            else:
                parts.append((first, last, self.expression(first, last, scope)))
        return parts
