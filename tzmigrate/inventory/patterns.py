"""Which relations a scan looks at: globs over schemas and tables."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tzmigrate.errors import UsageError

_PIECE = re.compile(r'""|.', re.DOTALL)

Name = tuple[str, str]
"""Schema and relation."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a pattern; double quotes made it literal."""

    text: str
    literal: bool

    def matches(self, name: str) -> bool:
        """Tell whether a name fits; ``*``, ``?`` and ``[…]`` are wildcards."""
        if self.literal:
            return name == self.text
        return fnmatchcase(name, self.text)


def split_pattern(pattern: str) -> tuple[Part, ...]:
    """Split a pattern at its dots, but not at those inside double quotes.

    >>> [part.text for part in split_pattern('public."a.b"')]
    ['public', 'a.b']
    """
    parts: list[Part] = []
    text, quoted, inside = "", False, False
    for piece in _PIECE.findall(pattern):
        if inside and piece == '""':
            text += '"'
        elif piece == '""':
            quoted = True
        elif piece == '"':
            inside, quoted = not inside, True
        elif piece == "." and not inside:
            parts.append(Part(text, literal=quoted))
            text, quoted = "", False
        else:
            text += piece
    parts.append(Part(text, literal=quoted))
    if inside or not all(part.text for part in parts):
        raise UsageError(
            "TZ261",
            f"pattern {pattern!r} cannot be read",
            detail="It has an empty part, or a double quote without its partner.",
            hint='Write schema.table, and quote names with dots: public."a.b".',
        )
    return tuple(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What the user wants to see; empty patterns mean everything.

    Attributes:
        standing: excludes of the configuration. One file may serve several
            databases, so these may name nothing.
    """

    schemas: tuple[tuple[str, tuple[Part, ...]], ...] = ()
    tables: tuple[tuple[str, tuple[Part, ...]], ...] = ()
    excludes: tuple[tuple[str, tuple[Part, ...]], ...] = ()
    standing: tuple[tuple[str, tuple[Part, ...]], ...] = ()

    @classmethod
    def parse(
        cls,
        schemas: Sequence[str] = (),
        tables: Sequence[str] = (),
        excludes: Sequence[str] = (),
        standing: Sequence[str] = (),
    ) -> "Scope":
        """Read the patterns of ``--schema``, ``--table``, ``--exclude`` and the file's.

        Raises:
            UsageError: one of them cannot be read.
        """

        def read(
            patterns: Sequence[str], most: int
        ) -> tuple[tuple[str, tuple[Part, ...]], ...]:
            result = []
            for pattern in patterns:
                parts = split_pattern(pattern)
                if len(parts) > most:
                    raise UsageError(
                        "TZ261",
                        f"pattern {pattern!r} has too many parts",
                        detail="Relations are named by schema and table.",
                        hint='Write schema.table, and quote names with dots: "a.b".',
                    )
                result.append((pattern, parts))
            return tuple(result)

        return cls(
            schemas=read(schemas, 1),
            tables=read(tables, 2),
            excludes=read(excludes, 2),
            standing=read(standing, 2),
        )

    @property
    def everything(self) -> bool:
        """Tell whether there is nothing to filter."""
        return not (self.schemas or self.tables or self.excludes or self.standing)

    def wants(self, name: Name) -> bool:
        """Tell whether ``--schema`` and ``--table`` ask for a relation."""
        return (
            not self.schemas or any(p[0].matches(name[0]) for _, p in self.schemas)
        ) and (not self.tables or any(_fits(p, name) for _, p in self.tables))

    def excluded(self, name: Name) -> bool:
        """Tell whether ``--exclude`` or the configuration leaves a relation out."""
        return any(_fits(parts, name) for _, parts in (*self.excludes, *self.standing))

    def require_matches(self, names: Iterable[tuple[str, str | None]]) -> None:
        """Refuse patterns that name nothing, for they are misspelt.

        Raises:
            UsageError: a pattern of the command line matches no relation.
        """
        known = list(names)
        for text, parts in self.schemas:
            if not any(parts[0].matches(schema) for schema, _ in known):
                raise _matches_nothing("schema", text)
        for text, parts in (*self.tables, *self.excludes):
            if not _any_fits(parts, known):
                raise _matches_nothing("table", text)

    def idle(self, names: Iterable[tuple[str, str | None]]) -> tuple[str, ...]:
        """Return the configuration's excludes that name nothing."""
        known = list(names)
        return tuple(
            text for text, parts in self.standing if not _any_fits(parts, known)
        )


def _any_fits(parts: tuple[Part, ...], names: Iterable[tuple[str, str | None]]) -> bool:
    return any(
        relation is not None and _fits(parts, (schema, relation))
        for schema, relation in names
    )


def _matches_nothing(what: str, pattern: str) -> UsageError:
    return UsageError(
        "TZ260",
        f"no {what} matches {pattern!r}",
        hint="Check the spelling; names are case-sensitive here, and"
        " quotes in the shell keep * from becoming file names.",
    )


def _fits(parts: tuple[Part, ...], name: Name) -> bool:
    if len(parts) == 1:
        return parts[0].matches(name[1])
    return parts[0].matches(name[0]) and parts[1].matches(name[1])
