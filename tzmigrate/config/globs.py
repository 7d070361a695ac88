"""Globs over ``schema.table.column``: which rule speaks for a column."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from tzmigrate.config.model import ZoneRule
from tzmigrate.errors import UsageError

_PARTS = 3
_TOKEN = re.compile(r'"((?:[^"]|"")+)"|(\.)|(\*+)|(\?)|([^".*?]+)')


@dataclass(frozen=True, slots=True)
class Pattern:
    """A parsed glob.

    Attributes:
        parts: one regular expression for each of schema, table and column.
        wildcards: how many ``*`` and ``?`` each part has: fewer is more specific,
            and the part further left counts first.
    """

    text: str
    parts: tuple[re.Pattern[str], ...]
    wildcards: tuple[int, ...]

    def matches(self, *names: str) -> bool:
        """Tell whether the names, compared with their case, fit."""
        return len(names) == len(self.parts) and all(
            part.fullmatch(name) for part, name in zip(self.parts, names, strict=True)
        )


@lru_cache(maxsize=4096)
def parse_pattern(text: str, *, parts: int = _PARTS) -> Pattern:
    """Read a glob: ``*`` and ``?`` are wildcards, double quotes protect all else.

    >>> parse_pattern('public."a.b".*').matches("public", "a.b", "x")
    True

    Raises:
        UsageError: not as many parts as asked for, an empty part, an open quote.
    """
    regexes, counts = [""], [0]
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            raise _malformed(text, "A double quote is not closed.")
        quoted, dot, star, question, plain = token.groups()
        if dot:
            regexes.append("")
            counts.append(0)
        elif star or question:
            regexes[-1] += ".*" if star else "."
            counts[-1] += 1
        else:
            regexes[-1] += re.escape(quoted.replace('""', '"') if quoted else plain)
        position = token.end()
    if len(regexes) != parts:
        has = "1 part" if len(regexes) == 1 else f"{len(regexes)} parts"
        raise _malformed(text, f"It has {has} between dots, and {parts} are needed.")
    if not all(regexes):
        raise _malformed(text, "A part between the dots is empty.")
    compiled = tuple(re.compile(regex, re.DOTALL) for regex in regexes)
    return Pattern(text, compiled, tuple(counts))


def match_zone(
    rules: Sequence[ZoneRule], schema: str, table: str, column: str
) -> ZoneRule | None:
    """Find the rule for a column: the pattern with fewer wildcards from the left.

    Returns:
        The rule, or ``None`` when no pattern matches.

    Raises:
        UsageError: two patterns match and are equally specific.
    """
    found: list[tuple[tuple[int, ...], ZoneRule]] = []
    for rule in rules:
        pattern = parse_pattern(rule.pattern)
        if pattern.matches(schema, table, column):
            found.append((pattern.wildcards, rule))
    if not found:
        return None
    best = min(wildcards for wildcards, _ in found)
    winners = [rule for wildcards, rule in found if wildcards == best]
    if len(winners) > 1:
        first, second = winners[:2]
        raise UsageError(
            "TZ207",
            f"two zone patterns match {schema}.{table}.{column} equally well",
            detail=f"They are {first.pattern!r} ({first.source or 'given'})"
            f" and {second.pattern!r} ({second.source or 'given'}).",
            hint="Take one away, or name the column without wildcards.",
        )
    return winners[0]


def _malformed(text: str, reason: str) -> UsageError:
    near = difflib.get_close_matches(text, ["default"], cutoff=0.75)
    meant = "Did you mean 'default'? " if near else ""
    return UsageError(
        "TZ206",
        f"{text!r} is not a pattern for columns",
        detail=reason,
        hint=f"{meant}Write schema.table.column, such as public.orders.* or"
        " *.*.created_at;"
        ' protect a dot in a name with double quotes, as in public."a.b".at.',
    )
