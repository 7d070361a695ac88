"""Find where a text uses a zoned column, and put the column back."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from tzmigrate.planning.rewriting.model import Relations, Token, Tokens
from tzmigrate.planning.rewriting.reading import Script, words_in
from tzmigrate.planning.rewriting.scopes import Scope


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


class Uses:
    """Finds and replaces single columns.

    Every method that gives text takes a range of pieces and leaves all that it does
    not have to change as PostgreSQL printed it.
    """

    def __init__(
        self, text: str, tokens: Tokens, relations: Relations | None = None
    ) -> None:
        self.script = Script(text)
        self.tokens = (
            tokens
            if isinstance(tokens, Mapping)
            else {token.word: token for token in tokens}
        )
        self.arrays = any(token.element for token in self.tokens.values())
        self.relations = relations or {}
        self.handled: set[int] = set()
        for i, piece in enumerate(self.script.pieces):
            if self.script.is_string(i) and words_in(piece.text) & self.tokens.keys():
                self.fail("a column stands in a string", i)

    # ------------------------------------------------------------ small help

    def fail(self, reason: str, i: int, word: str | None = None) -> NoReturn:
        """Give up on the text, for one token's sake where its word is given."""
        raise self.script.unsure(reason, i, word)

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

    def expression(self, start: int, end: int, scope: Scope) -> str:
        """Return an expression, or several, with naive values for zoned columns."""
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
                use.token.word,
            )
        self.handled.update(use.words)
        return text

    def whole_use(self, start: int, end: int, scope: Scope) -> Use | None:
        """Return the use that a range consists of."""
        use = self.use(start, scope) if start < end else None
        return use if use and use.end == end else None

    def row_of(self, i: int, scope: Scope) -> Use | None:
        """Return the column of which ``(column).attribute`` takes what keeps its type.

        An attribute that changes its type has a word of its own.
        """
        close = self.script.partner[i]
        if self.script.at(close + 1) != "." or not self.script.is_name(close + 2):
            return None
        use = self.whole_use(i + 1, close, scope)
        return use if use and use.token.naive is None else None

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
        return self._element_of(i, scope) or self._field(i, None, scope)

    def _element_of(self, i: int, scope: Scope) -> Use | None:
        """Return ``unnest(array)``, which is one element after the other."""
        script = self.script
        if not script.matches(i, "unnest", "(") or script.at(i - 1) == ".":
            return None
        close = script.partner[i + 1]
        array = self.whole_use(i + 2, close, scope)
        if array is None or array.token.element is None:
            return None
        text = f"unnest({array.plain})"
        return Use(text, text, array.token.element, close + 1, array.words)

    def _field(
        self,
        at: int,
        head: tuple[int, int, Use | None] | None,
        scope: Scope,
    ) -> Use | None:
        """Walk along ``a.b[1].c`` to the last word, and what is taken of it."""
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
                words.append(at)
                return self._taken(Use(plain, key, token, at + 1, tuple(words)), scope)
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
        return self._taken(Use(plain, key, hidden, at, ()), scope)

    def _taken(self, use: Use, scope: Scope) -> Use | None:
        """Return the element or attribute that follows a column."""
        script, at, token = self.script, use.end, use.token
        text = ""
        words = list(use.words)
        while True:
            if script.at(at) == "[" and token.element:
                close = script.partner[at]
                # a part of an array is an array
                if not any(script.at(i) == ":" for i in script.flat(at + 1, close)):
                    token = token.element
                text += f"[{self.expression(at + 1, close, scope)}]"
                at = close + 1
                while script.at(at) == "[" and token.element is None:
                    close = script.partner[at]
                    text += f"[{self.expression(at + 1, close, scope)}]"
                    at = close + 1
            elif (
                script.at(at) == "."
                and script.is_name(at + 1)
                and token.naive is None
                and token.zone
            ):
                attribute = self.token(at + 1)
                if attribute:
                    words.append(at + 1)
                    token = attribute
                else:
                    # it keeps its type
                    token = Token(word="", name=script.name(at + 1), zone=None)
                text += "." + (attribute.written if attribute else script.at(at + 1))
                at += 2
            else:
                break
        return Use(use.plain + text, use.key + text, token, at, tuple(words))
