"""Read queries: their parts, and what they hand over."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tzmigrate.planning.rewriting.scopes import Output, Outputs, Scope, named
from tzmigrate.planning.rewriting.sources import Sources
from tzmigrate.planning.rewriting.uses import Use

_SET_OPERATORS = ("UNION", "INTERSECT", "EXCEPT")
_CLAUSES = frozenset(
    "FROM WHERE GROUP HAVING WINDOW ORDER LIMIT OFFSET FETCH FOR".split()
)
_CHANGES = ("INSERT", "UPDATE", "DELETE", "MERGE")

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Cte:
    """A query of WITH."""

    name: str
    names: tuple[str, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Item:
    """An item of a select list: the expression, then the alias."""

    start: int
    behind: int
    end: int


class Structure(Sources):
    """Reads SELECT, VALUES and WITH.

    Which outputs are zoned is found from the inside out: a query hands over a zoned
    column where its output is one and nothing else, and all operands of a set
    operation say so.
    """

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
                    name=self.output_name(item, use),
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
        return tuple(Output(name=self.output_name(item, None)) for item in items)

    def output_name(self, item: Item, use: Use | None) -> str:
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

    def _items(self, start: int, end: int) -> list[Item]:
        _, items = self._select_list(start, end)
        return [self.item(*r) for r in self.script.split(*items)]

    def item(self, start: int, end: int) -> Item:
        """Return an item of a select list or of RETURNING."""
        if self.script.at(end - 2) == "AS" and end - 2 > start:
            return Item(start, end - 2, end)
        return Item(start, end, end)

    def _scope_of(self, start: int, end: int, scope: Scope) -> Scope:
        """Return the names within a SELECT."""
        clause = self._clause(start, end, "FROM")
        sources, _ = self.from_clause(*clause, scope) if clause else ((), [])
        return Scope(sources, {}, scope, zoned=scope.zoned)

    # -------------------------------------------------------------------- WITH

    def _with(self, start: int, end: int, scope: Scope) -> tuple[list[Cte], int, Scope]:
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
            cte = Cte(name, names, opening + 1, script.partner[opening])
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

    def _cte_outputs(self, cte: Cte, scope: Scope, *, recursive: bool) -> Outputs:
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
