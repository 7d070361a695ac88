"""Put the naive value of a zoned column where an expression uses the column."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from tzmigrate.planning.rewriting.model import Relations, Token
from tzmigrate.planning.rewriting.reading import Script, words_in
from tzmigrate.planning.rewriting.scopes import Scope
from tzmigrate.zones.model import is_utc

COMPARISONS = frozenset(("=", "<>", "<", "<=", ">", ">="))
_NOT_A_COLUMN_AFTER = frozenset(("AS", "OVER", "COLLATE", "NAME", "USING"))


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a zoned column.

    Attributes:
        plain: the column as it is written afterwards, with its qualifier.
        key: the same, with the qualifier that PostgreSQL may leave out.
        token: the zoned column.
        end: the first piece behind it.
        words: positions of the words that it holds.
    """

    plain: str
    key: str
    token: Token
    end: int
    words: tuple[int, ...]


class Expressions:
    """Rewrites what is no query.

    Every method that gives text takes a range of pieces and leaves all that it does
    not have to change as PostgreSQL printed it.
    """

    def __init__(
        self, text: str, tokens: Iterable[Token], relations: Relations | None = None
    ) -> None:
        self.script = Script(text)
        self.tokens = {token.word: token for token in tokens}
        self.relations = relations or {}
        self.handled: set[int] = set()
        for i, piece in enumerate(self.script.pieces):
            if self.script.is_string(i) and not words_in(piece.text).isdisjoint(
                self.tokens
            ):
                self.fail("a column stands in a string", i)

    # ------------------------------------------------------------ small help

    def fail(self, reason: str, i: int) -> NoReturn:
        """Give up on the text."""
        raise self.script.unsure(reason, i)

    def token(self, i: int) -> Token | None:
        """Return the token that stands at a position."""
        if not self.script.is_name(i):
            return None
        return self.tokens.get(self.script.name(i))

    def splice(
        self, start: int, end: int, parts: Iterable[tuple[int, int, str]]
    ) -> str:
        """Return a range with some of its parts replaced; the rest as it stands.

        A word outside the parts has not been understood.
        """
        out = ""
        i = start
        for first, last, text in sorted(part for part in parts if part[0] < part[1]):
            if first > i:
                out += (self.script.gap(i) if i > start else "") + self._copy(i, first)
            out += (self.script.gap(first) if first > start else "") + text
            i = last
        if i < end:
            out += (self.script.gap(i) if i > start else "") + self._copy(i, end)
        return out

    def _copy(self, start: int, end: int) -> str:
        for i in range(start, end):
            if self.token(i):
                self.fail("a column stands where none is expected", i)
        return self.script.verbatim(start, end)

    def names(self, start: int, end: int) -> str:
        """Return a range in which every word is the plain name of a column."""
        out = ""
        for i in range(start, end):
            token = self.token(i)
            out += self.script.gap(i) if i > start else ""
            if token:
                self.handled.add(i)
                out += token.written
            else:
                out += self.script.at(i)
        return out

    def finish(self, text: str) -> str:
        """Return the text if every word has been put back."""
        for i in range(len(self.script)):
            if self.token(i) and i not in self.handled:
                self.fail("a column was not rewritten", i)
        if words_in(text) & self.tokens.keys():
            self.fail("a column was not rewritten", 0)
        return text

    # ----------------------------------------------------------- expressions

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

    def opens_query(self, i: int) -> bool:
        """Tell whether a parenthesis opens a query."""
        if self.script.at(i) != "(":
            return False
        first = self.script.at(i + 1)
        if first in {"SELECT", "WITH", "VALUES"}:
            return True
        if first != "(" or not self.opens_query(i + 1):
            return False
        behind = self.script.partner[i + 1] + 1
        return self.script.at(behind) in {
            "UNION",
            "INTERSECT",
            "EXCEPT",
            "ORDER",
            "LIMIT",
            "OFFSET",
        }

    def bare(self, use: Use) -> str:
        """Return a use as the zoned column."""
        self.handled.update(use.words)
        return use.plain

    def naive(self, use: Use, at: int) -> str:
        """Return a use as the naive value of the column."""
        text = use.token.as_naive(use.plain)
        if text is None:
            self.fail(
                f'no expression gives the naive value of "{use.token.name}"',
                at,
            )
        self.handled.update(use.words)
        return text

    def whole_use(self, start: int, end: int, scope: Scope) -> Use | None:
        """Return the use that a range consists of."""
        use = self.use(start, scope) if start < end else None
        return use if use and use.end == end else None

    def use(self, i: int, scope: Scope) -> Use | None:
        """Return the use of a zoned column that starts at a position."""
        script = self.script
        if script.at(i) == "(":
            close = script.partner[i]
            if script.at(close + 1) != "." or not script.is_name(close + 2):
                return None
            inner = self.whole_use(i + 1, close, scope)
            return self._field(close + 2, (i + 1, close, inner), scope)
        if not script.is_name(i):
            return None
        return self._field(i, None, scope)

    def _field(
        self,
        at: int,
        head: tuple[int, int, Use | None] | None,
        scope: Scope,
    ) -> Use | None:
        """Walk along ``a.b[1].c`` to the first word."""
        script = self.script
        plain = ""
        words: list[int] = []
        if head:
            first, close, inner = head
            if inner:
                plain, words = f"({inner.plain})", list(inner.words)
            else:
                # rewritten twice without harm: the first time to look
                plain = f"({self.expression(first, close, scope)})"
            plain += "."
        chain = 0
        while True:
            token = self.token(at)
            if token:
                plain += token.written
                key = plain if head or chain else scope.qualified(plain)
                return Use(plain, key, token, at + 1, (*words, at))
            plain += script.at(at)
            chain += 1
            at += 1
            if script.at(at) == "." and script.is_name(at + 1):
                plain += "."
                at += 1
            elif (
                script.at(at) == "["
                and script.at(script.partner[at] + 1) == "."
                and script.is_name(script.partner[at] + 2)
            ):
                close = script.partner[at]
                plain += f"[{self.expression(at + 1, close, scope)}]."
                at = close + 2
                chain = 3
            else:
                break
        if head or chain > 2 or script.at(at) in {"(", ".", "=>"}:  # noqa: PLR2004  # alias.name
            return None
        alias = script.name(at - 3) if chain > 1 else None
        hidden = scope.column(alias, script.name(at - 1))
        if hidden is None:
            return None
        key = plain if alias else scope.qualified(plain)
        return Use(plain, key, hidden, at, ())

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
        return self._other_name(i, end, scope)

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
        if self.opens_query(i):
            inner = self.query(i + 1, close, scope)
        else:
            simple = self._comparison(i + 1, close, scope)
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
                script.at(i) == "(" and script.pieces[i - 1].kind.name == "NAME"
            ):
                i = script.over(i)
            else:
                break
        return i

    # ----------------------------------------- comparisons that need no change

    def _comparison(self, start: int, end: int, scope: Scope) -> str | None:
        """Return a comparison of zoned columns that stays as it is, if it is one.

        PostgreSQL prints each comparison in parentheses of its own, so that what
        fills a group is the whole of it.
        """
        use = self._plain_use(start, scope)
        if use is None:
            return self._constant_first(start, end, scope)
        script = self.script
        rest = [script.at(i) for i in range(use.end, end)]
        if rest in (["IS", "NULL"], ["IS", "NOT", "NULL"]):
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
        zoned = Token(word="", name="", zone=use.token.zone).as_naive(
            self.script.verbatim(*constant)
        )
        return self.splice(
            min(column[0], constant[0]),
            max(column[1], constant[1]),
            [(*column, self.bare(use)), (*constant, zoned or "")],
        )

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
