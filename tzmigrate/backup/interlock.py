"""Keep dumps and conversions apart.

A dump holds a read lock on every table until it ends; an ALTER TABLE that queues
behind it stops every reader that comes after.
"""

import time
from typing import Any

import psycopg

from tzmigrate.backup.programs import APPLICATION
from tzmigrate.backup.state import query
from tzmigrate.errors import Unavailable
from tzmigrate.postgres.errors import translated
from tzmigrate.postgres.quoting import readable_identifier

RUN = "tzmigrate.run"
"""Advisory lock of a whole ``apply`` or ``rollback``; backups share it."""
_STEP = "tzmigrate.step"
"""Advisory lock of each revision, whoever runs it."""
_LOOKS = 8
"""A dump that is still there after so many goes on."""
_PAUSE = 0.25
"""Seconds between two looks."""


def share(connection: psycopg.Connection[Any]) -> None:
    """Keep conversions out until the end of the transaction.

    Raises:
        Unavailable: one is running.
    """
    for key in (RUN, _STEP):
        row = connection.execute(
            "SELECT pg_try_advisory_xact_lock_shared(hashtextextended(%s, 0))", (key,)
        ).fetchone()
        if not row or not row[0]:
            raise Unavailable(
                "TZ512",
                f"a conversion runs on database {connection.info.dbname}",
                detail="A dump beside it would hold a read lock on every table.",
                hint="Wait until it has ended (tzmigrate status), then back up.",
            )


def refuse_beside_a_dump(connection: psycopg.Connection[Any]) -> None:
    """Refuse to convert while somebody dumps the database.

    Raises:
        Unavailable: names the session.
    """
    dump = _dump_of(connection)
    for _ in range(_LOOKS):
        if dump is None:
            return
        # who went away, as after a backup of ours, is shown for a moment more
        time.sleep(_PAUSE)
        dump = _dump_of(connection)
    if dump is None:
        return
    pid, application, role = dump
    called = f" ({application})" if application else ""
    raise Unavailable(
        "TZ513",
        f"database {connection.info.dbname} is being dumped: process {pid}{called} of "
        f"role {readable_identifier(role or '')}",
        detail="A dump holds a read lock on every table; an ALTER TABLE behind it "
        "would stop all readers until it ends.",
        hint="Wait until the dump has ended, or end it, then run the same command "
        "again.",
    )


def _dump_of(connection: psycopg.Connection[Any]) -> tuple[Any, ...] | None:
    with translated():
        return connection.execute(
            query("locks"), {"application": APPLICATION}
        ).fetchone()
