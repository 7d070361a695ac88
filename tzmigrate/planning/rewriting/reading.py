"""Read a text that PostgreSQL printed, piece by piece.

sqlglot's tokenizer finds where strings, quoted names, words and operators begin and
end. The structure is read from the pieces themselves, because PostgreSQL prints it in
one way (ruleutils.c): key words in capitals, names that are not key words in small
letters, all other names quoted, expressions in parentheses. So a small word is never a
key word, and a capital word always is one.
"""

import re
from collections.abc import Iterator
from enum import Enum
from textwrap import shorten
from typing import NamedTuple

from sqlglot import TokenType
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import SqlglotError

from tzmigrate.planning.rewriting.model import Uncertain


class Kind(Enum):
    """What a piece is."""

    NAME = "name"
    KEYWORD = "key word"
    STRING = "string"
    OTHER = "other"


class Piece(NamedTuple):
    """A word, string, number or sign, and where it stands in the text."""

    text: str
    start: int
    end: int
    kind: Kind

    @property
    def name(self) -> str:
        """The name that a piece of kind NAME stands for."""
        if self.text.startswith('"'):
            return self.text[1:-1].replace('""', '"')
        return self.text


class Script:
    """A printed text in pieces.

    Positions are numbers of pieces; ``end`` is the first that does not belong.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.pieces = tuple(self._read())
        self.partner = self._pair()

    def __len__(self) -> int:
        return len(self.pieces)

    def at(self, i: int) -> str:
        """Return the text of a piece; nothing outside the text."""
        return self.pieces[i].text if 0 <= i < len(self.pieces) else ""

    def is_name(self, i: int) -> bool:
        """Tell whether a piece is a name."""
        return 0 <= i < len(self.pieces) and self.pieces[i].kind is Kind.NAME

    def is_string(self, i: int) -> bool:
        """Tell whether a piece is a string constant."""
        return 0 <= i < len(self.pieces) and self.pieces[i].kind is Kind.STRING

    def name(self, i: int) -> str:
        """Return the name that a piece stands for."""
        return self.pieces[i].name

    def matches(self, i: int, *texts: str) -> bool:
        """Tell whether these pieces stand here."""
        return all(self.at(i + k) == text for k, text in enumerate(texts))

    def gap(self, i: int) -> str:
        """Return the blanks before a piece."""
        if i == 0:
            return self.text[: self.pieces[0].start]
        before = self.pieces[i - 1].end
        after = self.pieces[i].start if i < len(self.pieces) else len(self.text)
        return self.text[before:after]

    def verbatim(self, start: int, end: int) -> str:
        """Return the text of some pieces as it stands."""
        if start >= end:
            return ""
        return self.text[self.pieces[start].start : self.pieces[end - 1].end]

    def over(self, i: int) -> int:
        """Return the position behind a piece, or behind the group that it opens."""
        return self.partner.get(i, i) + 1

    def flat(self, start: int, end: int) -> Iterator[int]:
        """Yield the positions that are in no group within the range."""
        i = start
        while i < end:
            yield i
            i = self.over(i)

    def find(self, start: int, end: int, *texts: str) -> int | None:
        """Return the first of these pieces, outside groups."""
        return next((i for i in self.flat(start, end) if self.at(i) in texts), None)

    def split(self, start: int, end: int, sign: str = ",") -> list[tuple[int, int]]:
        """Return the ranges between the signs outside groups."""
        if start >= end:
            return []
        cuts = [i for i in self.flat(start, end) if self.at(i) == sign]
        starts = [start, *(cut + 1 for cut in cuts)]
        return list(zip(starts, [*cuts, end], strict=True))

    def unsure(self, reason: str, i: int, word: str | None = None) -> Uncertain:
        """Return the error for what stands here, and for which token's word."""
        i = min(max(i, 0), len(self.pieces) - 1)
        at = self.pieces[i].start if self.pieces else 0
        line = self.text.count("\n", 0, at) + 1
        excerpt = shorten(self.text[at:], 60, placeholder=" …")
        return Uncertain(reason, f"line {line}: {excerpt}", word)

    def _read(self) -> Iterator[Piece]:
        end = 0
        for piece in _pieces(self.text):
            if self.text[end : piece.start].strip():
                break
            yield piece
            end = piece.end
        if self.text[end:].strip():
            line = self.text.count("\n", 0, end) + 1
            excerpt = " ".join(self.text[end : end + 60].split())
            raise Uncertain("the text cannot be read", f"line {line}: {excerpt}")

    def _pair(self) -> dict[int, int]:
        partner: dict[int, int] = {}
        opened: list[int] = []
        closing = {")": "(", "]": "["}
        for i, piece in enumerate(self.pieces):
            if piece.text in {"(", "["}:
                opened.append(i)
            elif piece.text in closing:
                if not opened or self.at(opened[-1]) != closing[piece.text]:
                    raise self.unsure("a parenthesis has no partner", i)
                partner[opened.pop()] = i
        if opened:
            raise self.unsure("a parenthesis has no partner", opened[-1])
        return partner


def _pieces(text: str) -> Iterator[Piece]:
    """Yield the pieces of sqlglot's tokens."""
    offset = 0
    while offset < len(text):
        rest = text[offset:]
        try:
            tokens = Postgres.Tokenizer().tokenize(rest)
        except SqlglotError as error:
            raise Uncertain("the text cannot be read", str(error)) from error
        end = 0
        for token in tokens:
            slice_ = rest[token.start : token.end + 1]
            if token.token_type is TokenType.STRING and "'" not in slice_[:2]:
                # sqlglot takes what follows SHOW, FETCH and the like for one string;
                # as names of functions they stand at the start of an expression
                break
            start = offset + token.start
            for word in slice_.split() if slice_[0].isalpha() else [slice_]:
                begin = text.index(word, start)
                start = begin + len(word)
                yield Piece(word, begin, start, _kind(word, token.token_type))
            end = token.end + 1
        else:
            return
        if not end:
            raise Uncertain("the text cannot be read", f"line 1: {rest[:60]}")
        offset += end


_STRINGS = frozenset(
    (
        TokenType.STRING,
        TokenType.BYTE_STRING,
        TokenType.HEREDOC_STRING,
        TokenType.NATIONAL_STRING,
        TokenType.RAW_STRING,
        TokenType.UNICODE_STRING,
        TokenType.BIT_STRING,
        TokenType.HEX_STRING,
    )
)


def _kind(text: str, token_type: TokenType) -> Kind:
    if text[0] == '"':
        return Kind.NAME
    if token_type in _STRINGS:
        return Kind.STRING
    if text[0].isalpha() or text[0] == "_":
        return Kind.NAME if text == text.lower() else Kind.KEYWORD
    return Kind.OTHER


_WORD = re.compile(r"\w+")


def words_in(text: str) -> frozenset[str]:
    """Return the words of a text that need not be SQL.

    >>> sorted(words_in("it's tzq_1, twice: tzq_1"))
    ['it', 's', 'twice', 'tzq_1']
    """
    return frozenset(_WORD.findall(text))
