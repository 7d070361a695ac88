"""What was written after a backup, and so is not in it."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from tzmigrate.backup.model import Backup, Since, TableState
from tzmigrate.backup.state import Contents, read_moment, read_tables
from tzmigrate.inventory.settings import read_system_identifier
from tzmigrate.postgres.quoting import readable_identifier, readable_name
from tzmigrate.verification.ledger import read_rewriting

ON_THE_WAY = (
    "tzmigrate: tables of a backup on their way. The schema goes away with the command"
    " that made it; without one, it can be dropped."
)
"""Comment of a schema until what is in it is whole."""
PLACE = "tzmigrate.place "
"""Advisory lock of such a schema, with its name behind."""
# An xmin has 32 bits: the newest 64-bit id that ends with them is the row's, for as
# long as vacuum lets any of them live. Ids below 3 are older than every snapshot.
_WRITTEN = sql.SQL(
    "SELECT count(*), count(*) FILTER (WHERE w.newer AND NOT w.own),"
    " count(*) FILTER (WHERE w.newer AND w.own) FROM {relation} AS t"
    " CROSS JOIN LATERAL (SELECT t.xmin::text::int8 AS low) AS x"
    " CROSS JOIN (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::int8 AS next)"
    " AS n"
    " CROSS JOIN LATERAL"
    " (SELECT n.next - ((n.next - x.low) & 4294967295) AS id) AS f"
    " CROSS JOIN LATERAL (SELECT f.id = ANY ({own}::int8[]) AS own, x.low >= 3"
    " AND (NOT pg_visible_in_snapshot(f.id::text::xid8, {snapshot}::pg_snapshot)"
    "  OR x.low = ANY ({running}::int8[])"
    "   AND f.id >= pg_snapshot_xmin({snapshot}::pg_snapshot)::text::int8) AS newer)"
    " AS w"
)


class Written(NamedTuple):
    """What was written to a database after a backup.

    Attributes:
        counted: rows were only counted; transaction ids of another database or of a
            restored one say nothing.
        rewritten: tables of whose rows a conversion wrote some anew; when the
            application had last written these cannot be told.
        unread: there is a ledger that is not ours to believe, so that rows which a
            conversion wrote anew count as written.
    """

    tables: tuple[Since, ...] = ()
    counted: bool = False
    rewritten: tuple[str, ...] = ()
    unread: bool = False


def written_since(
    connection: psycopg.Connection[Any],
    backup: Backup,
    names: Collection[tuple[str, str]] | None = None,
) -> Written:
    """Say which tables have rows that are newer than a backup, or other counts.

    Args:
        connection: to the database of now, in one read-only transaction.
        backup: of before.
        names: schema and name of the tables that are looked at; all by default.
    """
    database = backup.database
    row: Any = connection.execute(
        "SELECT oid::int8 FROM pg_database WHERE datname = current_database()"
    ).fetchone()
    here = (read_system_identifier(connection), row[0])
    # in another database transaction ids mean nothing
    same = here == (database.system_identifier, database.oid) and None not in here
    own = read_rewriting(connection) if same else ()
    looked = [
        _table(connection, backup, t, list(own or ()), same=same)
        for t in backup.tables
        if t.kind == "r" and _asked(t, names)
    ]
    found = [since for since, _ in looked]
    known = {(t.schema, t.name) for t in backup.tables}
    left = left_schemas(connection)
    new = [
        t
        for t in read_moment(connection).tables
        if t.kind == "r"
        and (t.schema, t.name) not in known
        and _asked(t, names)
        and t.schema not in left
    ]
    found += [
        Since(
            schema=state.schema,
            name=state.name,
            rows_then=None,
            rows=state.rows,
            written=state.rows,
        )
        for state in _still_there(connection, new)
    ]
    told = tuple(s for s in found if s.written or s.rows != s.rows_then)
    return Written(
        told,
        counted=not same,
        rewritten=tuple(readable_name(s.schema, s.name) for s, own in looked if own),
        unread=own is None,
    )


def _still_there(
    connection: psycopg.Connection[Any], tables: Iterable[Contents]
) -> Iterator[TableState]:
    """Count the rows of new tables; one that just went is no news any more."""
    for table in tables:
        with (
            suppress(psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName),
            connection.transaction(),
        ):
            yield from read_tables(connection, [table], {})


def left_schemas(connection: psycopg.Connection[Any]) -> tuple[str, ...]:
    """Return schemas that a restore brought tables in and that nobody works with."""
    rows = connection.execute(
        "SELECT nspname::text FROM pg_namespace"
        " WHERE obj_description(oid, 'pg_namespace') = %s"
        # whoever works with one holds its lock
        " AND pg_try_advisory_xact_lock_shared(hashtextextended(%s || nspname, 0))"
        " ORDER BY 1",
        (ON_THE_WAY, PLACE),
    ).fetchall()
    return tuple(name for (name,) in rows)


def told_since(since: Since) -> str:
    """Say in words what was written to a table after a backup."""
    name = readable_name(since.schema, since.name)
    if since.rows_then is None:
        return f"table {name}, which is new, with {since.rows or 0:,} rows"
    if since.rows is None:
        return f"table {name} is gone; it had {since.rows_then:,} rows"
    counts = f"it had {since.rows_then:,} rows and has {since.rows:,}"
    if since.written:
        return f"{since.written:,} rows written to table {name} since; {counts}"
    if since.rows < since.rows_then:
        gone = since.rows_then - since.rows
        return f"that {gone:,} rows of table {name} were deleted; {counts}"
    return f"{since.rows - since.rows_then:,} more rows of table {name}; {counts}"


def told_written(written: Written, database: str) -> tuple[str, ...]:
    """Say in words what is not in a backup."""
    return (
        *(f"Not in the backup: {told_since(since)}." for since in written.tables),
        *told_about(written, database),
    )


def told_about(written: Written, database: str) -> tuple[str, ...]:
    """Say what cannot be told of what is not in a backup."""
    lines = []
    if written.rewritten:
        first = f"{written.rewritten[0]}" + (
            f" and {len(written.rewritten) - 1:,} more tables"
            if len(written.rewritten) > 1
            else ""
        )
        lines.append(
            f"A conversion wrote rows of {first} anew since: what the application had "
            "written to them between the backup and the conversion is not in the backup"
            " either, and cannot be told."
        )
    if written.unread:
        lines.append(
            "Schema tzmigrate belongs to another role, or is damaged, and is not "
            "believed: rows that a conversion wrote anew count as written since."
        )
    if written.counted:
        lines.append(
            f"Database {readable_identifier(database)} is not the one that the backup "
            "was made of, or was restored since: rows were counted, and which of them "
            "changed cannot be told."
        )
    return tuple(lines)


def _asked(
    table: TableState | Contents, names: Collection[tuple[str, str]] | None
) -> bool:
    # what we keep about conversions is no data of anybody's
    own = table.schema == "tzmigrate"
    return not own and (names is None or (table.schema, table.name) in names)


def _table(
    connection: psycopg.Connection[Any],
    backup: Backup,
    table: TableState,
    own: list[int],
    *,
    same: bool,
) -> tuple[Since, int]:
    """Return what was written to a table, and how many rows a conversion wrote anew."""
    relation = sql.Identifier(table.schema, table.name)
    since = Since(
        schema=table.schema,
        name=table.name,
        rows_then=table.rows,
        rows=None,
        written=None,
    )
    kind = connection.execute(
        "SELECT relkind::text FROM pg_class WHERE oid = to_regclass(%s)",
        (relation.as_string(connection),),
    ).fetchone()
    if kind not in {("r",), ("p",)}:
        # a view may have taken its name
        return since, 0
    # one that became partitioned since has its rows below
    there = sql.SQL("" if kind == ("p",) else "ONLY ") + relation
    statement = sql.SQL("SELECT count(*), NULL, 0 FROM {}").format(there)
    if same:
        statement = _WRITTEN.format(
            snapshot=sql.Literal(backup.snapshot),
            running=sql.Literal(list(backup.running)),
            own=sql.Literal(own),
            relation=there,
        )
    try:
        with connection.transaction():
            row: Any = connection.execute(statement).fetchone()
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return since, 0
    return replace(since, rows=row[0], written=row[1]), row[2]
