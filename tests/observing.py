"""What clients see in a database, before and after its columns became zoned."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.string import TextLoader

SESSIONS = ("UTC", "America/New_York", "Asia/Kolkata")
PROPERTIES = Path(__file__).with_name("properties.sql").read_text("utf-8")
Attribute = tuple[str, str]
"""Relation with schema, quoted where SQL needs it, and column, unquoted."""


def session(database: Any, zone: str) -> Any:
    """Connect in a zone; moments are read as text, which every value fits."""
    connection = database.connect(prepare_threshold=None)
    connection.execute(f"SET TimeZone = '{zone}'")  # PGTZ wins over options
    connection.commit()
    for kind in ("timestamp", "timestamptz", "date", "time", "interval"):
        connection.adapters.register_loader(kind, TextLoader)
    for kind in ("tsrange", "tstzrange"):
        connection.adapters.register_loader(kind, TextLoader)
    return connection


ATTRIBUTES = """
WITH RECURSIVE base(oid, base, typmod) AS (
    SELECT t.oid, t.oid, -1 FROM pg_type t WHERE t.typtype <> 'd'
    UNION ALL
    SELECT t.oid, b.base, greatest(t.typtypmod, b.typmod)
    FROM pg_type t JOIN base b ON b.oid = t.typbasetype WHERE t.typtype = 'd'
)
SELECT format('%I.%I', n.nspname, c.relname), a.attname::text,
       coalesce((SELECT format_type(e.base, e.typmod) || '[]' FROM base e
                 WHERE e.oid = t.typelem AND t.typcategory = 'A'
                 AND e.oid <> e.base),
                format_type(b.base, greatest(a.atttypmod, b.typmod)))
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN base b ON b.oid = a.atttypid
JOIN pg_type t ON t.oid = b.base
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND n.nspname !~ '^pg_|^inf'
  AND n.nspname <> 'tzmigrate' AND c.relname <> 'alembic_version'
  AND NOT EXISTS (SELECT FROM pg_depend d
                  WHERE d.objid = c.oid AND d.classid = 'pg_class'::regclass
                  AND d.deptype = 'e' AND c.relkind <> 'r')
ORDER BY c.oid, a.attnum
"""
"""Each attribute with its type, domains taken off."""

WRITABLE = """
SELECT format('%I.%I', n.nspname, c.relname), a.attname::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND a.attgenerated = '' ORDER BY c.oid, a.attnum
"""

CHILDREN = """
SELECT format('%I.%I', n.nspname, c.relname), format('%I.%I', m.nspname, p.relname)
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_class p ON p.oid = i.inhparent
JOIN pg_namespace m ON m.oid = p.relnamespace WHERE c.relkind IN ('r', 'p', 'f')
"""


def quoted(name: str) -> str:
    """Return an identifier as SQL reads it back."""
    return '"' + name.replace('"', '""') + '"'


def types(database: Any) -> dict[Attribute, str]:
    return {(r, c): kind for r, c, kind in database.execute(ATTRIBUTES)}


def with_children(database: Any, attributes: Iterable[Attribute]) -> set[Attribute]:
    """Add the columns of partitions and inheritance children."""
    pairs = database.execute(CHILDREN)
    found = set(attributes)
    known = set(types(database))
    while True:
        more = {(c, a) for r, a in found for c, p in pairs if p == r} & known
        if more <= found:
            return found
        found |= more


def zoned(kind: str) -> str:
    """Return the zoned type for a naive one."""
    for naive, word in (("tsrange", "tstzrange"), ("tsmultirange", "tstzmultirange")):
        kind = re.sub(rf"\b{naive}\b", word, kind)
    return kind.replace("without time zone", "with time zone")


def naive_again(expression: str, kind: str, zone: str) -> str:
    """Return the expression for the naive value of a zoned one."""
    at = f"AT TIME ZONE '{zone}'"
    bounds = (
        "CASE WHEN r IS NULL THEN NULL WHEN isempty(r) THEN 'empty'::tsrange"
        f" ELSE tsrange(lower(r) {at},"
        f" upper(r) {at}, concat(CASE WHEN lower_inc(r) THEN '[' ELSE '(' END,"
        " CASE WHEN upper_inc(r) THEN ']' ELSE ')' END)) END"
    )
    if kind.endswith("[]"):
        inner = f"r {at}"
        if "range" in kind:
            inner = f"CASE WHEN r IS NOT NULL THEN {bounds} END"
        return (
            f"concat(array_dims({expression}), ARRAY(SELECT {inner}"
            f" FROM unnest({expression}) AS r))"
        )
    if kind == "tsmultirange":
        return (
            f"CASE WHEN {expression} IS NOT NULL THEN"
            f" concat('{{', (SELECT string_agg(({bounds})::text, ',' ORDER BY r)"
            f" FROM unnest({expression}) AS r), '}}') END"
        )
    if kind == "tsrange":
        return (
            f"(SELECT CASE WHEN r IS NOT NULL THEN {bounds} END"
            f" FROM (SELECT {expression} AS r) AS x)"
        )
    return f"({expression} {at})"


def as_compared(expression: str, kind: str) -> str:
    """Return the expression that ``naive_again`` of the zoned value must equal."""
    if kind.endswith("[]"):
        return f"concat(array_dims({expression}), ARRAY(SELECT unnest({expression})))"
    return expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """What clients see.

    Attributes:
        kinds: the types before the conversion.
        changing: columns that are zoned afterwards.
        zone_of: the zone of a column.
        after: it is converted.
        queries: what else is asked, by the name it has before and after.
        ignored: columns that are not compared.
    """

    database: Any
    kinds: dict[Attribute, str]
    changing: set[Attribute]
    zone_of: Callable[[Attribute], str]
    after: bool
    queries: Mapping[str, str] = field(default_factory=dict)
    ignored: frozenset[Attribute] = frozenset()

    def relations(self) -> dict[str, str]:
        """Return a query for each relation: its rows, with naive values."""
        columns: dict[str, list[str]] = {}
        for (relation, column), kind in self.kinds.items():
            if (relation, column) in self.ignored:
                continue
            text = quoted(column)
            if (relation, column) in self.changing:
                zone = self.zone_of((relation, column))
                text = (
                    naive_again(text, kind, zone)
                    if self.after
                    else as_compared(text, kind)
                )
            columns.setdefault(relation, []).append(text)
        readable = {
            row[0]
            for row in self.database.execute(
                "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c"
                " JOIN pg_namespace n ON n.oid = c.relnamespace"
                " WHERE c.relkind IN ('r', 'p', 'v', 'f')"
                " OR c.relkind = 'm' AND c.relispopulated"
            )
        }
        return {
            relation: f"SELECT ({', '.join(texts)}, 0)::text FROM {relation} ORDER BY 1"
            for relation, texts in columns.items()
            if relation in readable
        }

    def seen(self) -> dict[tuple[str, str], list[Any] | str]:
        """Return what every query gives in every session."""
        queries = self.relations() | dict(self.queries)
        found: dict[tuple[str, str], Any] = {}
        for zone in SESSIONS:
            with session(self.database, zone) as connection:
                for name, query in queries.items():
                    found[name, zone] = run(connection, query)
                properties = run(connection, PROPERTIES)
        assert not isinstance(properties, str), properties
        for kind, name, text in properties[0]:
            found.setdefault((name, kind), []).append(text)
        return found

    def written(self, connection: Any) -> dict[tuple[str, str], Any]:
        """Write every row again; return what could be written."""
        tables = sorted({r for r, _ in self.changing})
        found = {}
        for table, columns in self.writable(tables).items():
            listed = ", ".join(quoted(c) for c in columns)
            same = ", ".join(f"{quoted(c)} = {quoted(c)}" for c in columns)
            update = f"UPDATE {table} SET {same}; SET CONSTRAINTS ALL IMMEDIATE"
            copy = (
                f"CREATE TEMP TABLE copied AS SELECT * FROM {table};"
                f" DELETE FROM {table}; INSERT INTO {table} ({listed})"
                f" OVERRIDING SYSTEM VALUE SELECT {listed} FROM copied;"
                " SET CONSTRAINTS ALL IMMEDIATE"
            )
            for name, statements in (("update", update), ("insert", copy)):
                done = run(connection, statements)
                found[table, name] = done if isinstance(done, str) else "done"
        for name, query in self.queries.items():
            found[name, "earlier"] = run(connection, query)
        return found

    def writable(self, tables: list[str]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for table, column in self.database.execute(WRITABLE):
            if table in tables:
                found.setdefault(table, []).append(column)
        return found


def worse(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return what ``written`` gave before and does not give any more."""
    return {
        key: after.get(key, "gone")
        for key, done in before.items()
        if after.get(key, "gone") != done
        and not (key[1] != "earlier" and str(done).startswith("error"))
    }


def run(connection: Any, statements: str) -> list[Any] | str:
    """Run statements and roll them back; return their rows, or the SQLSTATE."""
    try:
        cursor = connection.execute(statements)
        rows = []
        while True:
            if cursor.description:
                rows.append(cursor.fetchall())
            if not cursor.nextset():
                return rows
    except psycopg.Error as error:
        return f"error {error.sqlstate}"
    finally:
        connection.rollback()
