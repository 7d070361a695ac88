"""Put the naive value of a zoned column where an expression uses the column."""

from tzmigrate.planning.rewriting.comparisons import Comparisons
from tzmigrate.planning.rewriting.reading import Kind
from tzmigrate.planning.rewriting.scopes import Scope

_NOT_A_COLUMN_AFTER = frozenset(("AS", "OVER", "COLLATE", "NAME", "USING"))


_SHAPES = frozenset(
    "cardinality array_ndims array_dims array_length array_lower array_upper".split()
)
"""They mean the same whatever the elements are."""


class Expressions(Comparisons):
    """Rewrites what is no query."""

    def expression(self, start: int, end: int, scope: Scope) -> str:
        """Return an expression, or several, with naive values for zoned columns."""
        out = ""
        i = start
        while i < end:
            text, following = self._next(i, end, scope)
            if i > start:
                out += self.script.gap(i)
            out += text
            i = following
        return out

    def query(self, start: int, end: int, scope: Scope) -> str:
        """Return a query within an expression, whose outputs stay naive."""
        raise NotImplementedError

    def _next(self, i: int, end: int, scope: Scope) -> tuple[str, int]:
        """Return the text of what starts at a position, and what follows it."""
        script = self.script
        if script.at(i) == "::":
            behind = self.behind_type(i + 1, end)
            return script.verbatim(i, behind), behind
        if script.at(i) == "(":
            return self._group(i, scope)
        if not script.is_name(i):
            return script.at(i), i + 1
        if script.at(i - 1) in _NOT_A_COLUMN_AFTER or (
            script.at(i - 1) == "(" and script.at(i - 2) == "EXTRACT"
        ):
            return self.names(i, i + 1), i + 1
        return self._column(i, end, scope)

    def _column(self, i: int, end: int, scope: Scope) -> tuple[str, int]:
        script = self.script
        if script.matches(i, "isfinite", "(") and script.at(i - 1) != ".":
            close = script.partner[i + 1]
            use = self.whole_use(i + 2, close, scope)
            if use and scope.plain(use.key):
                return f"isfinite({self.bare(use)})", close + 1
        use = self.use(i, scope)
        if use:
            return self.naive(use, i), use.end
        shape = self._shape(i, scope)
        return shape or self._other_name(i, end, scope)

    def _shape(self, i: int, scope: Scope) -> tuple[str, int] | None:
        """Return a function that looks at the shape of an array alone."""
        script = self.script
        if script.at(i) not in _SHAPES or script.at(i - 1) == ".":
            return None
        if script.at(i + 1) != "(":
            return None
        close = script.partner[i + 1]
        first, *others = script.split(i + 2, close)
        array = self.whole_use(*first, scope)
        if array is None or not array.token.element or not scope.plain(array.key):
            return None
        parts = [(*first, self.bare(array))]
        parts += [(*other, self.expression(*other, scope)) for other in others]
        return self.splice(i, close + 1, parts), close + 1

    def _other_name(self, i: int, end: int, scope: Scope) -> tuple[str, int]:
        """Return a name that is no zoned column, with all that qualifies it."""
        script = self.script
        if script.matches(i + 1, ".", "*") and script.at(i - 1) != ".":
            source = scope.source(script.name(i))
            if source and source.derived and any(source.columns.values()):
                self.fail("a whole row holds a column that changes its type", i)
        behind = i + 1
        while script.at(behind) == "." and behind + 1 < end:
            behind += 2
        return script.verbatim(i, behind), behind

    def _group(self, i: int, scope: Scope) -> tuple[str, int]:
        script = self.script
        close = script.partner[i]
        use = self.use(i, scope)
        if use:
            return self.naive(use, i), use.end
        row = self.row_of(i, scope)
        if row:
            inner = self.bare(row)
        elif self.opens_query(i):
            inner = self.query(i + 1, close, scope)
        else:
            simple = self.comparison(i + 1, close, scope)
            if simple is not None:
                return f"({simple})", close + 1
            if script.at(i - 1) == "GROUPING":
                inner = self._grouping(i + 1, close, scope)
            else:
                inner = self.expression(i + 1, close, scope)
        text = f"({script.gap(i + 1)}{inner}{script.gap(close)})"
        behind = close + 1
        while script.at(behind) == "." and script.is_name(behind + 1):
            text += script.verbatim(behind, behind + 2)
            behind += 2
        return text, behind

    def _grouping(self, start: int, end: int, scope: Scope) -> str:
        """Return the arguments of GROUPING, which must stand as in GROUP BY."""
        parts = []
        for first, last in self.script.split(start, end):
            use = self.whole_use(first, last, scope)
            text = (
                self.bare(use)
                if use and use.key in scope.bare
                else self.expression(first, last, scope)
            )
            parts.append((first, last, text))
        return self.splice(start, end, parts)

    def behind_type(self, i: int, end: int) -> int:
        """Return the position behind the name of a type.

        Nothing else in small letters can follow a cast: an alias has its ``AS``.
        """
        script = self.script
        while i < end:
            if script.is_name(i) or (script.at(i) == "." and script.is_name(i + 1)):
                i += 1
            elif script.at(i) == "[" or (
                script.at(i) == "(" and script.pieces[i - 1].kind is Kind.NAME
            ):
                i = script.over(i)
            else:
                break
        return i
