"""Rewrite the definitions of indexes, constraints, triggers, rules and the rest."""

from tzmigrate.planning.rewriting.queries import Parts
from tzmigrate.planning.rewriting.scopes import Output, Scope
from tzmigrate.planning.rewriting.statements import Statements

_ROOT = Scope()


class Objects(Statements):
    """Rewrites what ``pg_get_…def`` prints."""

    def index(self) -> str:
        """Return an index, or what an exclusion constraint says of its index."""
        script = self.script
        end = len(script)
        using = script.find(0, end, "USING")
        opening = script.find(using or 0, end, "(")
        if using is None or opening is None:
            self.fail("this index is not understood", 0)
        close = script.partner[opening]
        parts = self.keys_of_index(opening + 1, close, _ROOT)
        include = script.find(close, end, "INCLUDE")
        if include is not None:
            behind = script.over(include + 1)
            parts.append((include + 1, behind, self.names(include + 1, behind)))
        parts += self._where(close, end)
        return self.splice(0, end, parts)

    def _where(self, start: int, end: int) -> Parts:
        where = self.script.find(start, end, "WHERE")
        if where is None:
            return []
        return [(where + 1, end, self.expression(where + 1, end, _ROOT))]

    def constraint(self) -> str:
        """Return a constraint."""
        kind = self.script.at(0)
        if kind == "EXCLUDE":
            return self.index()
        if kind == "CHECK":
            return self.expression(0, len(self.script), _ROOT)
        if kind in {"UNIQUE", "PRIMARY", "FOREIGN", "NOT"}:
            return self.names(0, len(self.script))
        self.fail("this constraint is not understood", 0)

    def trigger(self) -> str:
        """Return a trigger: plain columns but for the condition."""
        script = self.script
        end = len(script)
        when = script.find(0, end, "WHEN")
        table = script.find(0, end, "ON")
        if table is None:
            self.fail("this trigger is not understood", 0)
        parts: Parts = [(0, table, self.names(0, table))]
        if when is not None:
            behind = script.over(when + 1)
            parts.append((when + 1, behind, self.expression(when + 1, behind, _ROOT)))
        return self.splice(0, end, parts)

    def statistics(self) -> str:
        """Return extended statistics: plain columns but within expressions."""
        script = self.script
        on = script.find(0, len(script), "ON")
        table = script.find(on or 0, len(script), "FROM")
        if on is None or table is None:
            self.fail("these statistics are not understood", 0)
        parts = self.keys_of_index(on + 1, table, _ROOT)
        return self.splice(0, len(script), parts)

    def view(self, *, zoned_outputs: bool) -> tuple[str, tuple[str | None, ...]]:
        """Return the query of a view, and the zones of its outputs."""
        end = len(self.script)
        if self.script.at(end - 1) == ";":
            end -= 1
        scope = Scope(zoned=zoned_outputs)
        outputs = self.outputs(0, end, scope)
        text = self.query_with(0, end, scope, outputs)
        zones = tuple(o.token.zone if o.token else None for o in outputs)
        return text + self.script.verbatim(end, len(self.script)), zones

    def rule(self) -> str:
        """Return a rule."""
        script = self.script
        end = len(script)
        do = script.find(0, end, "DO")
        if do is None:
            self.fail("this rule is not understood", 0)
        parts = []
        where = script.find(0, do, "WHERE")
        if where is not None:
            parts.append((where + 1, do, self.expression(where + 1, do, _ROOT)))
        first = do + 1
        if script.at(first) in {"ALSO", "INSTEAD"}:
            first += 1
        if script.at(first) == "(":
            close = script.partner[first]
            if script.find(first + 1, close, ";") is not None:
                first, end = first + 1, close
        return self.splice(0, len(script), parts + self._actions(first, end))

    def _actions(self, start: int, end: int) -> Parts:
        return [
            (first, last, self.action(first, last, _ROOT))
            for first, last in self.script.split(start, end, ";")
            if first < last
        ]

    def routine(self, *, zoned_results: bool) -> str:
        """Return a routine; one whose body is a string has no words in it."""
        script = self.script
        end = len(script)
        atomic = script.find(0, end, "ATOMIC")
        parts: Parts = []
        if atomic is not None and script.at(atomic - 1) == "BEGIN":
            last = max(i for i in script.flat(atomic, end) if script.at(i) == "END")
            statements = [r for r in script.split(atomic + 1, last, ";") if r[0] < r[1]]
            for i, (first, behind) in enumerate(statements):
                result = zoned_results and i + 1 == len(statements)
                parts.append((first, behind, self._result(first, behind, zoned=result)))
        else:
            returned = script.find(0, end, "RETURN")
            if returned is not None:
                text = self._result(returned, end, zoned=zoned_results)
                parts.append((returned, end, text))
        return self.splice(0, end, parts)

    def _result(self, start: int, end: int, *, zoned: bool) -> str:
        """Return a statement of a body, whose outputs may be zoned."""
        script = self.script
        scope = Scope(zoned=zoned)
        if script.at(start) == "RETURN":
            use = self.whole_use(start + 1, end, scope)
            token = use.token if use and zoned else None
            output = Output(name="", token=token, assigned=token is not None)
            text = self.value(start + 1, end, output, scope)
            return self.splice(start, end, [(start + 1, end, text)])
        if zoned and script.at(start) in {"SELECT", "VALUES", "WITH", "("}:
            outputs = self.outputs(start, end, scope)
            return self.query_with(start, end, scope, outputs)
        self.zoned_returning = zoned
        return self.action(start, end, scope)
