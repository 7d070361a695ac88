"""Rewrite queries: which outputs become zoned, and what that means for the rest."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tzmigrate.planning.rewriting.expressions import Use
from tzmigrate.planning.rewriting.scopes import Output, Outputs, Scope, named
from tzmigrate.planning.rewriting.sources import Sources
from tzmigrate.postgres.quoting import quote_literal, readable_identifier
from tzmigrate.zones.model import is_utc

_SET_OPERATORS = ("UNION", "INTERSECT", "EXCEPT")
_CLAUSES = frozenset(
    "FROM WHERE GROUP HAVING WINDOW ORDER LIMIT OFFSET FETCH FOR".split()
)
_CHANGES = ("INSERT", "UPDATE", "DELETE", "MERGE")
_SORT_WORDS = ("ASC", "DESC", "USING", "NULLS")

_INSTANTS = frozenset(
    "NULL DEFAULT now() CURRENT_TIMESTAMP transaction_timestamp() "
    "statement_timestamp() clock_timestamp()".split()
)
"""Values that mean the same whether a column is naive or zoned, or mean more zoned."""

Range = tuple[int, int]
Parts = list[tuple[int, int, str]]


@dataclass(frozen=True, slots=True)
class _Cte:
    """A query of WITH."""

    name: str
    names: tuple[str, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Item:
    """An item of a select list: the expression, then the alias."""

    start: int
    behind: int
    end: int


class Queries(Sources):
    """Rewrites SELECT, VALUES and WITH.

    What a query hands over is found first (:meth:`outputs`), from the inside out;
    then the texts are made from the outside in, each query told what its outputs
    are to be.
    """

    # ------------------------------------------------- what a query hands over

    def outputs(self, start: int, end: int, scope: Scope) -> Outputs:
        """Return the outputs of a query, zoned where they may be."""
        _, body, inner = self._with(start, end, scope)
        arms = [
            self._arm_outputs(first, last, inner)
            for first, last in self._arms(body, end)
        ]
        return _agreed(arms) if arms else ()

    def _arm_outputs(self, start: int, end: int, scope: Scope) -> Outputs:
        script = self.script
        if script.at(start) == "(":
            return self.outputs(start + 1, end - 1, scope)
        if script.at(start) == "VALUES":
            row = script.split(start + 2, script.partner[start + 1])
            return tuple(Output(name=f"column{i + 1}") for i in range(len(row)))
        if script.at(start) != "SELECT":
            return self._returned(start, end)
        inner = self._scope_of(start, end, scope)
        outputs = []
        for item in self._items(start, end):
            use = self.whole_use(item.start, item.behind, inner)
            zoned = use is not None and use.token.zone is not None and scope.zoned
            outputs.append(
                Output(
                    name=self._name(item, use),
                    token=use.token if use and zoned else None,
                    constant=self.is_constant(item.start, item.behind),
                )
            )
        return tuple(outputs)

    def _returned(self, start: int, end: int) -> Outputs:
        """Return the outputs of a statement that changes data: all are naive."""
        returning = self.script.find(start, end, "RETURNING")
        if returning is None:
            return ()
        items = [self.item(*r) for r in self.script.split(returning + 1, end)]
        return tuple(Output(name=self._name(item, None)) for item in items)

    def _name(self, item: _Item, use: Use | None) -> str:
        """Return the name of an output; empty if PostgreSQL made one up."""
        at = item.end - 1
        if item.behind == item.end and use is None:
            return self.script.name(at) if self.script.is_name(at) else ""
        token = self.token(at)
        return token.name if token else self.script.name(at)

    # --------------------------------------------------------------- structure

    def _arms(self, start: int, end: int) -> list[Range]:
        """Return the operands of a set operation; without one, the whole query.

        PostgreSQL writes parentheses around operands with clauses of their own, so
        that what follows the last operand sorts and limits the whole.
        """
        arms: list[Range] = []
        i = start
        while i < end:
            behind = self.script.find(i, end, *_SET_OPERATORS)
            last = end if behind is None else behind
            first = i
            if self.script.at(first) == "(":
                last = self.script.over(first)
            elif self.script.at(first) not in {"SELECT", "VALUES", *_CHANGES}:
                self.fail("this query is not understood", first)
            arms.append((first, last))
            if behind is None:
                break
            i = behind + 1
            if self.script.at(i) in {"ALL", "DISTINCT"}:
                i += 1
        return arms

    def _clauses(self, start: int, end: int) -> Iterator[tuple[str, int, int]]:
        """Yield the clauses of a SELECT: key word, what follows it, end."""
        script = self.script
        heads = [start]
        for i in script.flat(start + 1, end):
            word = script.at(i)
            if word not in _CLAUSES or (
                # IS DISTINCT FROM; WITHIN GROUP (...)
                (word == "FROM" and script.at(i - 1) == "DISTINCT")
                or (word in {"GROUP", "ORDER"} and script.at(i + 1) != "BY")
            ):
                continue
            heads.append(i)
        for head, behind in zip(heads, [*heads[1:], end], strict=True):
            word = script.at(head)
            first = head + 2 if word in {"GROUP", "ORDER"} else head + 1
            yield word, first, behind

    def _clause(self, start: int, end: int, word: str) -> Range | None:
        for found, first, last in self._clauses(start, end):
            if found == word:
                return first, last
        return None

    def _select_list(self, start: int, end: int) -> tuple[Range | None, Range]:
        """Return what stands in DISTINCT ON, and the select list."""
        _, first, last = next(self._clauses(start, end))
        picked = None
        if self.script.at(first) == "DISTINCT":
            first += 1
            if self.script.matches(first, "ON", "("):
                close = self.script.partner[first + 1]
                picked = (first + 2, close)
                first = close + 1
        return picked, (first, last)

    def _items(self, start: int, end: int) -> list[_Item]:
        _, items = self._select_list(start, end)
        return [self.item(*r) for r in self.script.split(*items)]

    def item(self, start: int, end: int) -> _Item:
        """Return an item of a select list or of RETURNING."""
        if self.script.at(end - 2) == "AS" and end - 2 > start:
            return _Item(start, end - 2, end)
        return _Item(start, end, end)

    def _scope_of(self, start: int, end: int, scope: Scope) -> Scope:
        """Return the names within a SELECT."""
        clause = self._clause(start, end, "FROM")
        sources, _ = self.from_clause(*clause, scope) if clause else ((), [])
        return Scope(sources, {}, scope, zoned=scope.zoned)

    # -------------------------------------------------------------------- WITH

    def _with(
        self, start: int, end: int, scope: Scope
    ) -> tuple[list[_Cte], int, Scope]:
        """Read WITH: its queries, where the query itself starts, and its names."""
        script = self.script
        if script.at(start) != "WITH":
            return [], start, scope
        i = start + 1
        recursive = script.at(i) == "RECURSIVE"
        i += recursive
        ctes = []
        inner = scope
        while True:
            name = script.name(i)
            names: tuple[str, ...] = ()
            if script.at(i + 1) == "(":
                close = script.partner[i + 1]
                names = tuple(script.name(n) for n, _ in script.split(i + 2, close))
            opening = script.find(script.find(i, end, "AS") or end, end, "(")
            if opening is None:
                self.fail("this query is not understood", i)
            cte = _Cte(name, names, opening + 1, script.partner[opening])
            ctes.append(cte)
            found = self._cte_outputs(cte, inner, recursive=recursive)
            inner = _with_cte(inner, name, found)
            i, more = self._behind_cte(cte.end + 1, end)
            if not more:
                return ctes, i, inner

    def _behind_cte(self, i: int, end: int) -> tuple[int, bool]:
        """Return what follows SEARCH and CYCLE: another query of WITH, or the query."""
        script = self.script
        while i < end:
            if script.at(i) in {"SELECT", "VALUES", "(", *_CHANGES}:
                return i, False
            if (
                script.at(i) == ","
                and script.is_name(i + 1)
                and script.at(i + 2) in {"AS", "("}
            ):
                return i + 1, True
            i += 1
        self.fail("this query is not understood", i)

    def _cte_outputs(self, cte: _Cte, scope: Scope, *, recursive: bool) -> Outputs:
        """Return the outputs of a query of WITH.

        A recursive one is tried with what its first part hands over, and again with
        what came out of that, until both are the same; zones can only get lost.
        """
        if not recursive:
            return named(self.outputs(cte.start, cte.end, scope), cte.names)
        _, body, within = self._with(cte.start, cte.end, scope)
        first = self._arms(body, cte.end)[0]
        assumed = named(self._arm_outputs(*first, within), cte.names)
        while True:
            inner = _with_cte(scope, cte.name, assumed)
            found = named(self.outputs(cte.start, cte.end, inner), cte.names)
            if _tokens(found) == _tokens(assumed):
                return found
            if len(found) != len(assumed):
                self.fail("this query is not understood", cte.start)
            assumed = tuple(
                replace(was, token=was.token if same else None)
                for was, same in zip(
                    assumed,
                    (
                        a == b
                        for a, b in zip(_tokens(assumed), _tokens(found), strict=True)
                    ),
                    strict=True,
                )
            )

    # ------------------------------------------------------------------- texts

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
            self._name(item, use): use.plain if use else None
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
        self, items: list[_Item], wanted: Outputs | None, scope: Scope
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

    def item_text(self, item: _Item, output: Output | None, scope: Scope) -> str:
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
            name = alias or f" AS {readable_identifier(self._name(item, use))}"
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


def _with_cte(scope: Scope, name: str, outputs: Outputs) -> Scope:
    return Scope((), {name: outputs}, scope, zoned=scope.zoned)


def _tokens(outputs: Outputs) -> list[str | None]:
    return [output.token.zone if output.token else None for output in outputs]


def _agreed(arms: list[Outputs]) -> Outputs:
    """Return the outputs of a set operation: zoned only if all operands agree.

    A constant agrees with every zone, but gives none.
    """
    if len({len(arm) for arm in arms}) != 1:
        return tuple(Output(name=output.name) for output in arms[0])
    agreed = []
    for column in zip(*arms, strict=True):
        tokens = [output.token for output in column if not output.constant]
        zones = {token.zone if token else None for token in tokens}
        agreed.append(
            Output(
                name=column[0].name,
                token=tokens[0] if len(zones) == 1 else None,
                constant=not tokens,
            )
        )
    return tuple(agreed)
