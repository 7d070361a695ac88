"""Put rows of a backup in the place of those of now."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from tzmigrate.backup.carrying import drop_schemas
from tzmigrate.backup.choosing import Member
from tzmigrate.backup.copies import require_same
from tzmigrate.backup.databases import zone_of
from tzmigrate.backup.fitting import (
    AWAKE,
    ForeignKey,
    fitting_columns,
    gone,
    named,
    quieten,
    read_foreign_keys,
    read_live,
    read_shape,
    require_near,
    require_there,
)
from tzmigrate.backup.interlock import share
from tzmigrate.backup.model import Backup
from tzmigrate.backup.restoring import Safety
from tzmigrate.backup.since import Written, written_since
from tzmigrate.backup.state import query
from tzmigrate.errors import DecisionNeeded, NotProved, Unavailable
from tzmigrate.postgres.errors import from_psycopg
from tzmigrate.postgres.quoting import (
    quote_identifier,
)
from tzmigrate.postgres.session import PINNED, Session

_WAYS = {
    "A": "ENABLE ALWAYS",
    "R": "ENABLE REPLICA",
    "O": "ENABLE",
    "D": "DISABLE",
}

_OWN = 150000
"""Before this version the triggers of a partition follow those of its parent."""


class Replaced(NamedTuple):
    """What a replacement did.

    Attributes:
        kept: the backup that was made of what was replaced.
        written: what had been written since the other one.
    """

    kept: str | None
    written: Written


def replace_rows(
    base: Session,
    backup: Backup,
    members: Sequence[Member],
    places: Mapping[str, str],
    *,
    lock_timeout: str,
    safety: Safety,
) -> Replaced:
    """Put rows in the place of those of now, in one transaction.

    Args:
        base: the database, which also has the schemas with the rows.
        backup: what the rows shall be like.
        members: the tables, and those below them.
        places: of each schema, the one that holds the rows.
        lock_timeout: how long a lock is waited for, as PostgreSQL reads it.
        safety: backs up what is replaced, while nobody can write to it.

    Raises:
        DecisionNeeded: the tables of now do not take the rows.
        NotProved: they are not what was backed up.
        Unavailable: a table stays locked, or a conversion runs.
    """
    with base.transaction():
        base.execute("SELECT set_config('lock_timeout', %s, true)", (lock_timeout,))
        share(base)
        for member in members:
            if not member.partition:
                require_there(member, read_live(base, members))
                _lock(base, member, lock_timeout)
        # partitions too that came after the backup
        live = read_live(base, members)
        whole = [(m, require_there(m, live)) for m in members if not m.partition]
        relations = [m.oid for m in live.values()]
        # again, as one may have been attached before the lock
        require_near(base, live)
        _require_none_came(backup, members, live)
        written = written_since(base, backup, {*live, *_names(members)})
        # what is written between a backup and the lock would be in neither
        kept = safety([*live])
        quieten(base)
        # a CHECK may compute with it, and a foreign key compare by it
        zone = zone_of(base, backup.database)
        base.execute("SELECT set_config('TimeZone', %s, true)", (zone,))
        states = [
            row
            for row in base.execute(query("always"), {"relations": relations})
            if row[1] != "KEY"
        ]
        lacked = {
            key.identity: _lacking(base, key)
            for key in read_foreign_keys(base, relations)
            if not key.valid
        }
        awake = {row[:3] for row in states if row[3] in AWAKE}
        followed = {row[1:] for row in awake} if base.info.server_version < _OWN else ()
        for table, kind, name, state in states:
            if state in AWAKE:
                with _waiting(table, lock_timeout):
                    base.execute(_switched(table, "DISABLE", kind, name))
        for member, now in whole:
            with _refused_rows(), _waiting(named(member), lock_timeout):
                _replace(base, member, now, places[member.schema])
        for member, now in whole:
            _require_all(base, member, now, places[member.schema])
        for table, kind, name, state in states:
            # parents come first here
            if (table, kind, name) in awake or (kind, name) in followed:
                base.execute(_switched(table, _WAYS[state], kind, name))
        _recheck(base, relations, lock_timeout)
        for key in read_foreign_keys(base, relations):
            with _waiting(key.partner, lock_timeout):
                _check_foreign_key(base, key, lacked.get(key.identity, {}))
        base.execute("SELECT set_config('TimeZone', %s, true)", (PINNED["TimeZone"],))
        # a partition since split or detached is not what it was; their root is
        require_same(base, backup, _names([m for m in members if not m.partition]))
        drop_schemas(base, places)
    return Replaced(kept, written)


def _lock(base: Session, member: Member, lock_timeout: str) -> None:
    table = sql.Identifier(member.schema, member.name)
    try:
        with _waiting(named(member), lock_timeout):
            base.execute(
                sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(table)
            )
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        # it went while its lock was waited for
        raise gone(member) from None


@contextmanager
def _waiting(table: str, lock_timeout: str) -> Iterator[None]:
    try:
        yield
    except psycopg.errors.LockNotAvailable as error:
        raise Unavailable(
            "TZ502",
            f"table {table} stayed locked for {lock_timeout}",
            detail="Another session has written to it, or reads it where a rule has to "
            "be kept from acting or a deferrable key be checked. Nothing was changed.",
            hint="Try again when it has ended, or wait longer: lock_timeout under "
            "[policy].",
        ) from error


def _names(members: Sequence[Member]) -> set[tuple[str, str]]:
    return {(m.schema, m.name) for m in members}


@contextmanager
def _refused_rows() -> Iterator[None]:
    """Say what in the tables of now does not take rows of then."""
    try:
        yield
    except psycopg.Error as error:
        # index expressions, CHECKs and rules run code of the database's own, which may
        # fail in any way; a lost connection, a lock or a missing privilege is named,
        # and damaged pages and files are the server's own
        state = error.sqlstate or ""
        if from_psycopg(error) is not None or state[:2] in {"", "58"}:
            raise
        if state in {"XX001", "XX002"}:
            raise
        said = error.diag.message_primary or str(error)
        more = error.diag.message_detail or error.diag.message_hint or ""
        raise DecisionNeeded(
            "TZ357",
            f"the tables of now do not take the rows of the backup: {said}",
            detail=f"{more} Nothing was changed.".strip(),
            hint="Leave --in-place out, and copy the rows from the schema beside in the"
            " way that fits.",
        ) from error


def _replace(base: Session, member: Member, now: Member, place: str) -> None:
    here = sql.Identifier(member.schema, member.name)
    copy = sql.Identifier(place, member.name)
    row: Any = base.execute(
        "SELECT %s::regclass::oid::int8", (copy.as_string(base),)
    ).fetchone()
    columns = fitting_columns(
        member, read_shape(base, row[0]), read_shape(base, now.oid)
    )
    only = sql.SQL("" if now.kind == "p" else "ONLY ")
    base.execute(sql.SQL("DELETE FROM {}{}").format(only, here))
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    into = sql.SQL("({}) OVERRIDING SYSTEM VALUE").format(names)
    base.execute(
        sql.SQL("INSERT INTO {} {} SELECT {} FROM {}{}").format(
            # a table may have no column to write to, and rows all the same
            *(here, into if columns else sql.SQL(""), names, only, copy)
        )
    )


def _require_all(base: Session, member: Member, now: Member, place: str) -> None:
    only = sql.SQL("" if now.kind == "p" else "ONLY ")
    here, copy = (
        sql.SQL("SELECT count(*) FROM {}{}").format(
            only, sql.Identifier(schema, member.name)
        )
        for schema in (member.schema, place)
    )
    found: Any = base.execute(
        sql.SQL("SELECT ({}), ({})").format(here, copy)
    ).fetchone()
    if found[0] != found[1]:
        raise NotProved(
            "TZ447",
            f"table {named(member)} would have {found[0]:,} rows, not the "
            f"{found[1]:,} of the backup",
            detail="Nothing was changed.",
            hint="Leave --in-place out, and copy the rows from the schema beside.",
        )


def _recheck(base: Session, relations: Sequence[int], lock_timeout: str) -> None:
    """Build what deferrable constraints are checked by anew, which checks them.

    The triggers that would do it do not act; whoever builds such an index verifies it.
    """
    rows = base.execute(
        "SELECT k.conindid::regclass::text, k.conrelid::regclass::text"
        " FROM pg_constraint AS k"
        " JOIN pg_class AS i ON i.oid = k.conindid AND i.relkind = 'i'"
        " WHERE k.condeferrable AND k.contype IN ('p', 'u', 'x')"
        " AND k.conrelid::int8 = ANY (%s::int8[]) ORDER BY 1",
        (list(relations),),
    ).fetchall()
    for index, table in rows:
        with _refused_rows(), _waiting(table, lock_timeout):
            # the server has quoted it
            base.execute(f"REINDEX INDEX {index}".encode())


def _switched(table: str, way: str, kind: str, name: str) -> bytes:
    """Write ``ALTER TABLE`` for a trigger or rule; the table is quoted already."""
    return f"ALTER TABLE ONLY {table} {way} {kind} {quote_identifier(name)}".encode()


def _require_none_came(
    backup: Backup, members: Sequence[Member], live: Mapping[tuple[str, str], Member]
) -> None:
    """See that no table with rows of its own in the backup came below these.

    One that was empty then, or that the backup does not know, is to be empty.
    """
    known = {(t.schema, t.name) for t in backup.tables if t.rows}
    for name in sorted((set(live) & known) - _names(members)):
        raise DecisionNeeded(
            "TZ358",
            f"table {named(live[name])} came below a table that is restored since the "
            "backup, which has rows of it too",
            detail="They would be deleted. Nothing was changed.",
            hint="Leave --in-place out, and copy the rows from the schema beside.",
        )


def _lacking(base: Session, key: ForeignKey) -> dict[int, int]:
    """Count the rows without a partner, by a hash of their key."""
    return dict(base.execute(key.lacking.encode()).fetchall())


def _check_foreign_key(
    base: Session, key: ForeignKey, before: Mapping[int, int]
) -> None:
    """Look for rows without a partner, which then must not go before the commit.

    Rows are locked rather than their table: an application that has written to it may
    wait for a table that we have.
    """
    if key.refers:
        base.execute(key.holding.encode())
    found = _lacking(base, key)
    more = sum(max(0, rows - before.get(each, 0)) for each, rows in found.items())
    if more:
        raise DecisionNeeded(
            "TZ355",
            f"{more:,} rows of table {key.table} would be left without the "
            f"row that foreign key {key.name} names",
            detail="Nothing was changed.",
            hint="Restore the other table with it (--tables takes several), or "
            "delete those rows first.",
        )
