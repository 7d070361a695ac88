"""Sequences that would give values which rows of a backup have."""

from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from psycopg import sql

from tzmigrate.backup.choosing import Member
from tzmigrate.backup.fitting import read_live
from tzmigrate.backup.state import query
from tzmigrate.postgres.scratch import words
from tzmigrate.postgres.session import Session

_NOT_SEEN = "whether they would give values that are taken could not be seen of"


def told_behind(base: Session, members: Sequence[Member]) -> tuple[str, ...]:
    """Say which sequences have to be set on after rows of a backup came back.

    They stay as they are in a restore of tables: they never go back, and what they
    give is never given twice. One that was restarted since would.

    Args:
        base: the database of now, in autocommit mode.
        members: the tables that were restored, as they are in the backup.
    """
    try:
        relations = [live.oid for live in read_live(base, members).values()]
        rows = base.execute(query("sequences"), {"relations": relations}).fetchall()
    except psycopg.Error as error:
        # all is done, and stays done
        return (f"{_NOT_SEEN} the sequences of these tables: {words(error)}",)
    return tuple(note for row in rows for note in _behind(base, *row))


def _behind(base: Session, name: str, columns: str, reading: str) -> Iterator[str]:
    try:
        found: Any = base.execute(reading.encode()).fetchone()
    except psycopg.Error as error:
        yield f"{_NOT_SEEN} sequence {name}: {words(error)}"
        return
    last, called, furthest = found
    if furthest is not None and furthest >= last + called:
        setval = sql.SQL("SELECT setval({}, {})").format(
            sql.Literal(name), sql.Literal(furthest)
        )
        yield (
            f"sequence {name} stands at {last}, and {columns} goes to {furthest}: it "
            f"would give values that are taken. Run {setval.as_string(base)}"
        )
