"""The lexical structure of SQL, as PostgreSQL's own scanner reads it.

https://www.postgresql.org/docs/current/sql-syntax-lexical.html, with
``standard_conforming_strings`` on. Every token keeps its place in the text, so that
the text can be edited there and nowhere else.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass
from enum import Enum, auto


class Unreadable(Exception):
    """The text is not understood from here on.

    Attributes:
        position: offset into the text.
    """

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.position = position


class Sort(Enum):
    """What kind of token."""

    NAME = auto()
    QUOTED = auto()
    STRING = auto()
    NUMBER = auto()
    PARAMETER = auto()
    OPERATOR = auto()
    PUNCTUATION = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    """A token with its place.

    Attributes:
        value: names folded as PostgreSQL folds them, strings without their quotes.
    """

    sort: Sort
    value: str
    start: int
    end: int

    @property
    def is_name(self) -> bool:
        """Tell whether it may name something."""
        return self.sort is Sort.NAME or self.sort is Sort.QUOTED


_SPACE = re.compile(r"[ \t\n\r\f\v]+")
_LINE_COMMENT = re.compile(r"--[^\n\r]*")
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_NAME = re.compile(r"[A-Za-z_\u0080-\U0010ffff][\w$\u0080-\U0010ffff]*")
_DOLLAR = re.compile(r"\$(?:[A-Za-z_\u0080-\U0010ffff][\w\u0080-\U0010ffff]*)?\$")
_PARAMETER = re.compile(r"\$\d+")
_NUMBER = re.compile(
    r"0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+"
    r"|(?:\d(?:_?\d)*(?:\.(?!\.)(?:\d(?:_?\d)*)?)?|\.\d(?:_?\d)*)(?:[eE][+-]?\d+)?"
)
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')
_PLAIN = re.compile(r"'((?:[^']|'')*)'")
_ESCAPED = re.compile(r"'((?:[^'\\]|''|\\.)*)'", re.DOTALL)
_OPERATOR = re.compile(r"[-+*/<>=~!@#%^&|`?]+")
_PUNCTUATION = re.compile(r"::|:=|\.\.|[()\[\],;:.]")
_MAY_END_IN_SIGN = frozenset("~!@#%^&|`?")
_ASCII_FOLD = str.maketrans({chr(c): chr(c + 32) for c in range(65, 91)})
_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def fold(name: str) -> str:
    """Fold an unquoted name: ASCII letters only, as databases in UTF-8 do."""
    return name.translate(_ASCII_FOLD)


def tokenize(text: str) -> list[Token]:
    """Split a text into tokens, comments and space left out; an END closes the list.

    >>> [t.value for t in tokenize("NEW.At:=now() -- now")][:-1]
    ['new', '.', 'at', ':=', 'now', '(', ')']

    Raises:
        Unreadable: a string or comment has no end, or a character has no meaning.
    """
    tokens: list[Token] = []
    position, end = 0, len(text)
    while position < end:
        after = _skipped(text, position)
        if after > position:
            position = after
            continue
        token = _next(text, position)
        tokens.append(token)
        position = token.end
    tokens.append(Token(Sort.END, "", end, end))
    return tokens


def _skipped(text: str, position: int) -> int:
    """Return the position behind space or a comment that begins here."""
    if found := _SPACE.match(text, position) or _LINE_COMMENT.match(text, position):
        return found.end()
    if not text.startswith("/*", position):
        return position
    depth, at = 1, position + 2
    while depth:
        edge = _COMMENT_EDGE.search(text, at)
        if edge is None:
            raise Unreadable("a comment has no end", position)
        depth += 1 if edge[0] == "/*" else -1
        at = edge.end()
    return at


def _next(text: str, at: int) -> Token:  # noqa: PLR0911 - one per kind
    if (prefixed := _prefixed(text, at)) is not None:
        return prefixed
    if found := _NAME.match(text, at):
        return Token(Sort.NAME, fold(found[0]), at, found.end())
    if text[at] == '"':
        return _quoted(text, at, at)
    if text[at] == "'":
        return _string(text, at, at, _PLAIN)
    if found := _NUMBER.match(text, at):
        return Token(Sort.NUMBER, found[0], at, found.end())
    if found := _PARAMETER.match(text, at):
        return Token(Sort.PARAMETER, found[0], at, found.end())
    if found := _DOLLAR.match(text, at):
        close = text.find(found[0], found.end())
        if close < 0:
            raise Unreadable("a dollar-quoted string has no end", at)
        value = text[found.end() : close]
        return Token(Sort.STRING, value, at, close + len(found[0]))
    if found := _PUNCTUATION.match(text, at):
        return Token(Sort.PUNCTUATION, found[0], at, found.end())
    if found := _OPERATOR.match(text, at):
        return _operator(found[0], at)
    raise Unreadable(f"character {text[at]!r} has no meaning", at)


def _prefixed(text: str, at: int) -> Token | None:
    """Read a string or name whose quote has a prefix: E'', U&'', B'', X'', N''."""
    if text[at] not in "eEuUbBxXnN":
        return None
    if text[at] in "uU" and text[at + 1 : at + 2] == "&":
        if text[at + 2 : at + 3] == '"':
            return _quoted(text, at, at + 2)
        if text[at + 2 : at + 3] == "'":
            return _string(text, at, at + 2, _PLAIN)
        return None
    if text[at + 1 : at + 2] != "'" or text[at] in "uU":
        return None
    escaped = text[at] in "eE"
    return _string(text, at, at + 1, _ESCAPED if escaped else _PLAIN)


def _quoted(text: str, start: int, at: int) -> Token:
    found = _QUOTED.match(text, at)
    if found is None:
        raise Unreadable("a quoted name has no end", at)
    return Token(Sort.QUOTED, found[1].replace('""', '"'), start, found.end())


def _string(text: str, start: int, at: int, form: re.Pattern[str]) -> Token:
    found = form.match(text, at)
    if found is None:
        raise Unreadable("a string has no end", at)
    value = found[1].replace("''", "'")
    if form is _ESCAPED:
        value = re.sub(
            r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), value, flags=re.DOTALL
        )
    return Token(Sort.STRING, value, start, found.end())


def _operator(run: str, at: int) -> Token:
    """Cut a run of operator characters as the scanner does."""
    for comment in ("--", "/*"):
        run = run.partition(comment)[0] if not run.startswith(comment) else run
    # an operator ends in + or - only if a character of the other kind is in it
    while len(run) > 1 and run[-1] in "+-" and not _MAY_END_IN_SIGN & set(run):
        run = run[:-1]
    return Token(Sort.OPERATOR, "<>" if run == "!=" else run, at, at + len(run))


class Places:
    """Line and column of offsets into one text, both counted from 1.

    Lines are counted as PL/pgSQL's own messages count them.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._starts = [0]
        self._starts += (m.end() for m in re.finditer("\n", text))

    def of(self, offset: int) -> tuple[int, int]:
        """Return line and column."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1

    def excerpt(self, start: int, end: int, longest: int = 90) -> str:
        """Return a piece of the text on one line, cut where it is long."""
        words = " ".join(self._text[start:end].split())
        return words if len(words) <= longest else words[: longest - 1] + "…"
