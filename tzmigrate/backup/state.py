"""Read what a database is in one moment: its own properties, its tables, its values.

The same statements, run on a restored copy, say whether it is the same.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any, LiteralString, NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import namedtuple_row

from tzmigrate.backup.model import (
    ColumnState,
    Database,
    Setting,
    TableState,
    Zone,
)
from tzmigrate.inventory.settings import read_system_identifier, read_zone_settings

_TIMESTAMP = 1114
_FIRST_OF_USERS = 16384
"""Types below belong to PostgreSQL itself, and so do their casts."""
_TIMESTAMPTZ = 1184

Planned = Mapping[tuple[str, str], Mapping[str, str | None]]
"""By schema and table the planned columns, each with its zone."""

Progress = Callable[[str], None]


class Contents(NamedTuple):
    """A table before its rows are counted.

    Attributes:
        bytes: of its rows, with what is stored out of line, without indexes.
        number: the key is one integer.
    """

    oid: int
    schema: str
    name: str
    kind: str
    bytes: int
    key: tuple[str, ...]
    number: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What the server says of itself and of its database in one snapshot.

    Attributes:
        at: the snapshot's time, ISO 8601, UTC.
        snapshot: as ``pg_current_snapshot()`` writes it.
        running: 32-bit ids of transactions that ran then, with subtransactions.
        bytes: size of the database, with its indexes.
    """

    database: Database
    at: str
    snapshot: str
    running: tuple[int, ...]
    bytes: int
    tables: tuple[Contents, ...]


def query(name: str) -> LiteralString:
    """Return one of this room's ``.sql`` files."""
    # a file of ours, shipped with the code: as literal as if it stood here
    return files(__package__).joinpath(f"{name}.sql").read_text("utf-8")


def read_moment(
    connection: psycopg.Connection[Any], server_zone: tuple[str, str] | None = None
) -> Moment:
    """Read what a database is.

    Args:
        connection: a session of ours, in one read-only transaction.
        server_zone: ``TimeZone`` and its source before ours was pinned.
    """
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        row: Any = cursor.execute(query("database")).fetchone()
        tables: list[Any] = cursor.execute(query("tables")).fetchall()
    return Moment(
        database=_database(connection, row, server_zone),
        at=row.at,
        snapshot=row.snapshot,
        running=tuple(row.running),
        bytes=row.bytes,
        tables=tuple(Contents(*t)._replace(key=tuple(t.key)) for t in tables),
    )


def read_database(connection: psycopg.Connection[Any]) -> Database:
    """Read what a database is, and nothing of its tables, which may be locked."""
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        row: Any = cursor.execute(query("database")).fetchone()
    return _database(connection, row, None)


def _database(
    connection: psycopg.Connection[Any], row: Any, server_zone: tuple[str, str] | None
) -> Database:
    zones = read_zone_settings(connection, (), server_zone=server_zone)
    return Database(
        name=row.name,
        host=connection.info.host,
        port=connection.info.port,
        oid=row.oid,
        system_identifier=read_system_identifier(connection),
        server=row.server,
        version=row.version,
        encoding=row.encoding,
        collate=row.collate,
        ctype=row.ctype,
        provider=row.provider,
        locale=row.locale,
        icu_rules=row.icu_rules,
        tablespace=row.tablespace,
        owner=row.owner,
        connection_limit=row.connection_limit,
        template=row.template,
        comment=row.comment,
        grants=None if row.grants is None else tuple(row.grants),
        settings=read_settings(connection, row.name),
        public=row.public,
        roles=tuple(row.roles),
        zones=tuple(Zone(scope=z.scope, zone=z.zone, role=z.role) for z in zones),
    )


def read_settings(
    connection: psycopg.Connection[Any], database: str
) -> tuple[Setting, ...]:
    """Return what ``ALTER DATABASE`` and ``ALTER ROLE … IN DATABASE`` have set."""
    rows = connection.execute(query("settings"), {"database": database}).fetchall()
    return tuple(
        Setting(role=role, name=pair.partition("=")[0], value=pair.partition("=")[2])
        for role, pair in rows
    )


def read_tables(
    connection: psycopg.Connection[Any],
    tables: Iterable[Contents],
    planned: Planned,
) -> tuple[TableState, ...]:
    """Count the rows of tables, and take the fingerprints of planned columns.

    Args:
        connection: a session of ours, in one read-only transaction.
        tables: what to look at.
        planned: columns that a table lacks are passed over.
    """
    return tuple(_table(connection, t, planned.get((t.schema, t.name))) for t in tables)


def planned_in(tables: Iterable[TableState]) -> Planned:
    """Return the columns that were read before, to read them again."""
    return {
        (t.schema, t.name): {c.name: c.zone for c in t.columns}
        for t in tables
        if t.columns
    }


def read_owned(
    connection: psycopg.Connection[Any], relations: Sequence[int]
) -> list[tuple[str, str, str]]:
    """Return schema, kind and quoted name of tables, indexes and sequences."""
    rows = connection.execute(query("owned"), {"relations": list(relations)})
    return list(rows.fetchall())


def read_parts(
    connection: psycopg.Connection[Any], relations: Sequence[int]
) -> frozenset[tuple[int, int]]:
    """Return what an archive's table of contents calls the parts of tables."""
    rows = connection.execute(query("parts"), {"relations": list(relations)})
    return frozenset((catalog, oid) for catalog, oid in rows.fetchall())


def differences(
    then: Iterable[TableState], now: Iterable[TableState]
) -> tuple[str, ...]:
    """Say in words how tables that were read again differ."""
    found = {(t.schema, t.name): t for t in now}
    said = []
    for table in then:
        name = f"{table.schema}.{table.name}"
        other = found.get((table.schema, table.name))
        if other is None:
            said.append(f"table {name} is not there")
            continue
        if table.rows != other.rows:
            said.append(f"table {name} has {other.rows:,} rows, not {table.rows:,}")
        columns = {c.name: c for c in other.columns}
        for column in table.columns:
            here = columns.get(column.name)
            if here is None:
                said.append(f"column {name}.{column.name} is not there")
            elif replace(here, zone=column.zone) != column:
                said.append(f"column {name}.{column.name} has {_unlike(column, here)}")
    return tuple(said)


def _unlike(then: ColumnState, now: ColumnState) -> str:
    if then.type != now.type:
        return f"type {now.type}, not {then.type}"
    if then.values != now.values:
        return f"{now.values:,} values, not {then.values:,}"
    return "other values: its fingerprint differs"


def _table(
    connection: psycopg.Connection[Any],
    table: Contents,
    columns: Mapping[str, str | None] | None,
) -> TableState:
    state = TableState(
        oid=table.oid,
        schema=table.schema,
        name=table.name,
        kind=table.kind,
        rows=0,
        key=table.key,
    )
    if columns is None or _reaches_far(connection, table):
        if table.kind != "r":
            return state
        return replace(state, rows=_counted(connection, table))
    found = connection.execute(
        query("columns"), {"relation": table.oid, "names": list(columns)}
    ).fetchall()
    if not found:
        return replace(state, rows=_counted(connection, table))
    seed = _seed(table)
    parts = [
        part
        for name, _, type_oid in found
        for part in (
            sql.SQL("count(t.{})").format(sql.Identifier(name)),
            sql.SQL("coalesce(sum({}), 0)::text").format(_hash(name, type_oid, seed)),
        )
    ]
    statement = sql.SQL("SELECT count(*) FILTER (WHERE {}), {} FROM {} AS t").format(
        # the children of a plain table are counted by themselves
        sql.SQL("true")
        if table.kind == "p"
        else sql.SQL("t.tableoid = {}").format(sql.Literal(table.oid)),
        sql.SQL(", ").join(parts),
        sql.Identifier(table.schema, table.name),
    )
    row: Any = connection.execute(statement).fetchone()
    return replace(
        state,
        rows=row[0],
        columns=tuple(
            ColumnState(
                name=name,
                type=type_name,
                zone=columns[name],
                values=row[1 + 2 * place],
                fingerprint=row[2 + 2 * place],
            )
            for place, (name, type_name, _) in enumerate(found)
        ),
    )


def _reaches_far(connection: psycopg.Connection[Any], table: Contents) -> bool:
    """Tell whether a foreign table stands below: its rows are in no backup."""
    row = connection.execute(
        "WITH RECURSIVE tree (oid) AS (SELECT %s::oid UNION SELECT i.inhrelid"
        " FROM tree JOIN pg_inherits AS i ON i.inhparent = tree.oid)"
        " SELECT FROM tree JOIN pg_class AS c USING (oid)"
        " WHERE c.relkind = 'f' LIMIT 1",
        (table.oid,),
    ).fetchone()
    return row is not None


def _counted(connection: psycopg.Connection[Any], table: Contents) -> int:
    row = connection.execute(
        sql.SQL("SELECT count(*) FROM ONLY {}").format(
            sql.Identifier(table.schema, table.name)
        )
    ).fetchone()
    return row[0] if row else 0


def _seed(table: Contents) -> sql.Composable:
    """Bind a value to its row: swapped values then have another sum."""
    if not table.key:
        return sql.SQL("0")
    names = [sql.SQL("t.{}").format(sql.Identifier(name)) for name in table.key]
    if table.number:
        return sql.SQL("{}::int8").format(names[0])
    return sql.SQL("hashtextextended(concat_ws(',', {}) COLLATE \"C\", 0)").format(
        # never a cast of somebody else's type; concat asks its output function, which
        # is built in
        sql.SQL(", ").join(map(sql.SQL("quote_literal(concat({}))").format, names))
    )


def _hash(name: str, type_oid: int, seed: sql.Composable) -> sql.Composable:
    """Digest a value, cheaply where it is one moment (postgres-facts.md section 13)."""
    column = sql.SQL("t.{}").format(sql.Identifier(name))
    if type_oid == _TIMESTAMP:
        return sql.SQL("timestamp_hash_extended({}, {})").format(column, seed)
    if type_oid == _TIMESTAMPTZ:
        return sql.SQL(
            "timestamp_hash_extended({} AT TIME ZONE INTERVAL '0', {})"
        ).format(column, seed)
    if type_oid < _FIRST_OF_USERS:
        return sql.SQL('hashtextextended({}::text COLLATE "C", {})').format(
            column, seed
        )
    # as in _seed; no such value is the empty text, which stands for NULL here
    return sql.SQL("hashtextextended(nullif(concat({}), '') COLLATE \"C\", {})").format(
        column, seed
    )
