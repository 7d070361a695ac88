"""What a rewriting is given, and what it gives."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tzmigrate.postgres.quoting import quote_literal, readable_identifier

SCALAR_NAIVE = "({} AT TIME ZONE {zone})"
"""The naive value of a zoned scalar; ``timezone(text, timestamptz)`` is immutable."""

SCALAR_ZONED = "(({})::timestamp without time zone AT TIME ZONE {zone})"
"""The instant of a value that the naive column would have stored.

The cast is what the assignment to the naive column did: nothing to a naive value, the
session's wall clock to an instant, midnight to a date.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A column that stands in a printed text under a word of its own.

    Attributes:
        word: what stands in the text; lower case, never needs quotes.
        name: the column's real name, unquoted.
        zone: the zone of its values, as SQL gets it, where the column is zoned
            afterwards; ``None`` where it stays as it is.
        naive: a template that makes the naive value of the zoned column: ``{}`` is
            the column, ``{zone}`` the zone as a literal. ``None``: there is no
            such expression, and only bare uses can be rewritten.
        zoned: a template that makes the zoned value of a naive expression, for
            assignments. ``None``: that of a scalar if ``naive`` is left alone,
            else there is none.
        element: of an array, what stands for one element.
    """

    word: str
    name: str
    zone: str | None
    naive: str | None = SCALAR_NAIVE
    zoned: str | None = None
    element: "Token | None" = None

    @property
    def written(self) -> str:
        """The real name, quoted where SQL needs it."""
        return readable_identifier(self.name)

    def as_naive(self, column: str) -> str | None:
        """Return the naive value of the column, which is written as given."""
        if self.zone is None:
            return column
        return self._filled(self.naive, column)

    def as_zoned(self, value: str) -> str | None:
        """Return the zoned value of an expression that may be naive."""
        if self.zone is None:
            return value
        if self.zoned is None and self.naive == SCALAR_NAIVE:
            return self._filled(SCALAR_ZONED, value)
        return self._filled(self.zoned, value)

    def _filled(self, template: str | None, value: str) -> str | None:
        if template is None or self.zone is None:
            return None
        with_zone = template.replace("{zone}", quote_literal(self.zone))
        return with_zone.replace("{}", value)


class Uncertain(ValueError):
    """A text that cannot be rewritten with certainty.

    Attributes:
        reason: why not.
        place: line and column, counted from 1, and what stands there.
        word: of the token that alone is in the way; ``None``: it may be any of them.
    """

    def __init__(self, reason: str, place: str, word: str | None = None) -> None:
        super().__init__(f"{reason} ({place})")
        self.reason = reason
        self.place = place
        self.word = word


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A rewritten query.

    Attributes:
        text: the query after the conversion.
        outputs: for each output column the zone if the output is a zoned column
            now; ``None`` if its type is what it was.
    """

    text: str
    outputs: tuple[str | None, ...]


Relations = Mapping[str, tuple[str, ...]]
"""Columns of relations, as they are named where the text was printed.

The key is the relation as the text names it (``oid::regclass::text`` under the same
``search_path``), the columns are those of ``pg_attribute`` in order, words included.
Needed where PostgreSQL prints a list of column aliases (``JOIN … USING``,
``t x(a, b)``), because such a list hides the words.
"""

Tokens = Iterable[Token] | Mapping[str, Token]
"""The columns that may stand in a text; by their words, where many texts follow."""
