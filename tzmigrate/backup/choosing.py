"""Choose the tables that are restored."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg

from tzmigrate.backup.model import Backup, TableState
from tzmigrate.backup.since import Written, told_written
from tzmigrate.backup.state import query
from tzmigrate.config.globs import parse_pattern
from tzmigrate.errors import UsageError
from tzmigrate.postgres.quoting import readable_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which tables, and where to.

    Attributes:
        tables: of the backup.
        in_place: put their rows in the place of those of now.
        safety: what is replaced is backed up.
        lock_timeout: how long a lock is waited for, as PostgreSQL reads it.
    """

    tables: tuple[TableState, ...]
    in_place: bool
    safety: bool = True
    lock_timeout: str = "2s"


class Member(NamedTuple):
    """A table of a tree (trees.sql).

    Attributes:
        partition: its rows are written through a parent that is in the tree too.
    """

    oid: int
    schema: str
    name: str
    kind: str
    partition: bool


def choose_tables(backup: Backup, words: Sequence[str]) -> tuple[TableState, ...]:
    """Return the tables of a backup that globs name, commas between them.

    Raises:
        UsageError: a glob names none.
    """
    chosen: dict[tuple[str, str], TableState] = {}
    for text in filter(None, (part for word in words for part in _split(word))):
        pattern = parse_pattern(text, parts=2 if _qualified(text) else 1)
        found = [
            table
            for table in backup.tables
            if table.kind != "f"
            and pattern.matches(*((table.schema, table.name)[-len(pattern.parts) :]))
        ]
        if not found:
            raise UsageError(
                "TZ294",
                f"the backup has no table {text}",
                detail="It has "
                + ", ".join(readable_name(t.schema, t.name) for t in backup.tables[:10])
                + (" and others." if len(backup.tables) > 10 else "."),  # noqa: PLR2004
                hint="Write schema.table or table; * and ? are wildcards.",
            )
        chosen |= {(table.schema, table.name): table for table in found}
    if not chosen:
        raise UsageError(
            "TZ294",
            "--tables names no table",
            hint="Write schema.table or table; * and ? are wildcards.",
        )
    return tuple(chosen.values())


def announced(
    choice: Choice, backup: Backup, database: str, written: Written
) -> tuple[str, ...]:
    """Say what will be done."""
    names = ", ".join(readable_name(t.schema, t.name) for t in choice.tables)
    if choice.in_place:
        return (
            f"The rows of {names} in database {database} will be replaced by those of "
            f"{backup.at}, in one transaction; no trigger runs.",
            "Whoever writes to them meanwhile, or refers to their rows, waits. Foreign "
            "keys are checked before the commit.",
            *told_written(written, database),
        )
    return (
        f"{names}, as they were at {backup.at}, will be restored into a schema of their"
        f" own in database {database}; the tables of now are not touched.",
    )


def read_members(
    connection: psycopg.Connection[Any], tables: Sequence[TableState | Member]
) -> tuple[Member, ...]:
    """Read the tables of the trees that some tables are the roots of."""
    rows = connection.execute(
        query("trees"),
        {"schemas": [t.schema for t in tables], "names": [t.name for t in tables]},
    ).fetchall()
    return tuple(Member(*row) for row in rows)


def _split(text: str) -> list[str]:
    """Split at commas outside double quotes."""
    parts, quoted = [""], False
    for letter in text:
        quoted ^= letter == '"'
        if letter == "," and not quoted:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def _qualified(text: str) -> bool:
    quoted = False
    for letter in text:
        quoted ^= letter == '"'
        if letter == "." and not quoted:
            return True
    return False
