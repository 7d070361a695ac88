"""Leave comparisons as they are where zoned columns compare as naive ones did.

An index on the column stays of use there. Nothing is left as it is that could differ
for any value.
"""

from tzmigrate.planning.rewriting.model import Token
from tzmigrate.planning.rewriting.scopes import Scope
from tzmigrate.planning.rewriting.uses import Use, Uses
from tzmigrate.zones.model import is_utc

COMPARISONS = frozenset(("=", "<>", "<", "<=", ">", ">="))
_NULL_TESTS = (
    ["IS", "NULL"],
    ["IS", "NOT", "NULL"],
    # of a row, which is no NULL where all that it holds is
    ["IS", "DISTINCT", "FROM", "NULL"],
    ["IS", "NOT", "DISTINCT", "FROM", "NULL"],
)


class Comparisons(Uses):
    """Rewrites comparisons of zoned columns with each other, NULL and constants."""

    def comparison(self, start: int, end: int, scope: Scope) -> str | None:
        """Return a comparison of zoned columns that stays as it is, if it is one.

        PostgreSQL prints each comparison in parentheses of its own, so that what
        fills a group is the whole of it.
        """
        if self.arrays and (text := self._with_elements(start, end, scope)):
            return text
        return self._with_columns(start, end, scope)

    def _with_columns(self, start: int, end: int, scope: Scope) -> str | None:
        use = self._plain_use(start, scope)
        if use is None:
            return self._constant_first(start, end, scope)
        script = self.script
        rest = [script.at(i) for i in range(use.end, end)]
        if rest in _NULL_TESTS:
            return self.splice(start, end, [(start, use.end, self.bare(use))])
        behind = self._behind_operator(use.end)
        if behind is None:
            return None
        other = self._plain_use(behind, scope)
        if other and other.end == end and other.token.zone == use.token.zone:
            return self.splice(
                start,
                end,
                [(start, use.end, self.bare(use)), (behind, end, self.bare(other))],
            )
        if self.is_constant(behind, end) and script.at(use.end) in COMPARISONS:
            return self._with_constant(use, (start, use.end), (behind, end))
        return self._any_of(use, start, behind, end, scope)

    def _plain_use(self, i: int, scope: Scope) -> Use | None:
        use = self.use(i, scope)
        if use and use.token.zone is not None and scope.plain(use.key):
            return use
        return None

    def _behind_operator(self, i: int) -> int | None:
        script = self.script
        if script.at(i) in COMPARISONS:
            return i + 1
        if script.matches(i, "IS", "DISTINCT", "FROM"):
            return i + 3
        if script.matches(i, "IS", "NOT", "DISTINCT", "FROM"):
            return i + 4
        return None

    def _constant_first(self, start: int, end: int, scope: Scope) -> str | None:
        if not self.script.is_string(start):
            return None
        behind = self.script.find(start, end, *COMPARISONS)
        if behind is None or not self.is_constant(start, behind):
            return None
        use = self._plain_use(behind + 1, scope)
        if use is None or use.end != end:
            return None
        return self._with_constant(use, (behind + 1, end), (start, behind))

    def _with_constant(
        self, use: Use, column: tuple[int, int], constant: tuple[int, int]
    ) -> str | None:
        """Compare with the instant of the constant, so that an index is of use.

        Exact for every value in UTC alone, where instants and naive values are
        ordered alike and none is skipped.
        """
        if not is_utc(use.token.zone or ""):
            return None
        return self.splice(
            min(column[0], constant[0]),
            max(column[1], constant[1]),
            [(*column, self.bare(use)), (*constant, self._instant(use, constant))],
        )

    def _with_elements(self, start: int, end: int, scope: Scope) -> str | None:
        """Return ``(constant = ANY (array))``, also with a column or ALL."""
        script = self.script
        operator = script.find(start, end, *COMPARISONS)
        if operator is None or script.at(operator + 1) not in {"ANY", "ALL"}:
            return None
        opening = operator + 2
        if script.at(opening) != "(" or script.over(opening) != end:
            return None
        array = self.whole_use(opening + 1, end - 1, scope)
        if array is None or array.token.element is None or not scope.plain(array.key):
            return None
        one = (start, operator)
        part = (opening + 1, end - 1, self.bare(array))
        use = self.whole_use(*one, scope)
        if use and use.token.zone == array.token.zone and scope.plain(use.key):
            return self.splice(start, end, [(*one, self.bare(use)), part])
        if not is_utc(array.token.zone or "") or not self.is_constant(*one):
            return None
        return self.splice(start, end, [(*one, self._instant(array, one)), part])

    def _instant(self, use: Use, constant: tuple[int, int]) -> str:
        zoned = Token(word="", name="", zone=use.token.zone).as_naive(
            self.script.verbatim(*constant)
        )
        return zoned or ""

    def is_constant(self, start: int, end: int) -> bool:
        """Tell whether a range is a constant of type timestamp."""
        script = self.script
        if not script.matches(start + 1, "::", "timestamp") or not (
            script.is_string(start) or script.at(start) == "NULL"
        ):
            return False
        i = start + 3
        if script.at(i) == "(":
            i = script.over(i)
        return script.matches(i, "without", "time", "zone") and i + 3 == end

    def _any_of(
        self, use: Use, start: int, behind: int, end: int, scope: Scope
    ) -> str | None:
        """Return ``(c = ANY (ARRAY[d, e]))``, which IN with columns is."""
        script = self.script
        if script.at(behind) not in {"ANY", "ALL"} or not script.matches(
            behind + 1, "(", "ARRAY", "["
        ):
            return None
        close = script.partner[behind + 3]
        if close + 2 != end:
            return None
        parts = [(start, use.end, use)]
        for first, last in script.split(behind + 4, close):
            other = self.whole_use(first, last, scope)
            if (
                other is None
                or other.token.zone != use.token.zone
                or not scope.plain(other.key)
            ):
                return None
            parts.append((first, last, other))
        return self.splice(start, end, [(a, b, self.bare(u)) for a, b, u in parts])
