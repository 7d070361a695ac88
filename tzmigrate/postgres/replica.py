"""Read from a replica of this very database, not before it caught up."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import LiteralString

from tzmigrate.errors import Refused, Unavailable
from tzmigrate.postgres.errors import translated
from tzmigrate.postgres.session import Session, connect
from tzmigrate.postgres.url import Target

_PATIENCE = 60.0
"""Seconds that a replica may take to replay what the primary has written."""
_PAUSE = 0.2

_WRITTEN = (
    # a record that ends with a page has its end there; what PostgreSQL calls the next
    # place is behind the header of the page to come, where nothing stands yet
    "SELECT p.place - CASE WHEN p.place % b.size <= 40 THEN p.place % b.size ELSE 0 END"
    " FROM pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') AS p (place),"
    " CAST(current_setting('wal_block_size') AS integer) AS b (size)"
)
_REPLAYED = "SELECT pg_wal_lsn_diff(pg_last_wal_replay_lsn(), '0/0')"
_IDENTITY = (
    "SELECT c.system_identifier::text, pg_is_in_recovery(), current_database(),"
    " current_setting('port')::integer FROM pg_control_system() AS c"
)


@contextmanager
def replica_of(primary: Session, target: Target) -> Iterator[Session]:
    """Open a session on a replica that has replayed all that the primary holds now.

    Args:
        primary: a session outside of a transaction.
        target: where the replica is.

    Raises:
        Refused: it is not a replica of that database, or the "primary" is none.
        Unavailable: it cannot be reached, or is too far behind.
    """
    with connect(target) as replica:
        with translated():
            ours = primary.execute(_IDENTITY).fetchone()
            theirs = replica.execute(_IDENTITY).fetchone()
            replica.rollback()
            if ours is None or theirs is None or not theirs[1] or ours[1]:
                raise _no_replica(
                    "The first server is a standby itself."
                    if ours is not None and ours[1]
                    else "It is not in recovery, so it is a primary of its own."
                )
            if (ours[0], ours[2]) != (theirs[0], theirs[2]):
                raise _no_replica(
                    f"It is database {theirs[2]} of cluster {theirs[0]}, not "
                    f"{ours[2]} of {ours[0]}."
                )
            written = _bytes(primary, _WRITTEN)
            end = time.monotonic() + _PATIENCE
            while (behind := written - _bytes(replica, _REPLAYED)) > 0:
                if time.monotonic() > end:
                    raise _too_far(behind)
                time.sleep(_PAUSE)
        yield replica


def _bytes(session: Session, query: LiteralString) -> int:
    """Return a place in the write-ahead log, in bytes from its beginning."""
    row = session.execute(query).fetchone()
    session.rollback()
    return int(row[0]) if row else 0


def _too_far(behind: int) -> Unavailable:
    return Unavailable(
        "TZ511",
        "the replica is behind the primary",
        detail=f"After {_PATIENCE:.0f} s it still had to replay {behind:,} bytes.",
        hint="Try again when it has caught up; pg_stat_replication on the primary "
        "shows how far it is.",
    )


def _no_replica(detail: str) -> Refused:
    return Refused(
        "TZ613",
        "what --replica-url names is not a replica of the database",
        detail=detail,
        hint="Give --url the primary and --replica-url a streaming replica of it; a "
        "database that is fed by logical replication has no ledger.",
    )
