"""Look at columns that somebody converted by hand, in SQL, and read-only."""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from tzmigrate.postgres.quoting import readable_identifier, readable_name
from tzmigrate.verification.ledger import query
from tzmigrate.verification.model import OffsetCount
from tzmigrate.verification.weighing import (
    Ahead,
    Assessment,
    Change,
    Passes,
    Sibling,
    compared,
    offsets,
    weigh,
)
from tzmigrate.zones.model import is_utc

_SCALAR = re.compile(r"timestamp(\(\d\))? with time zone")
_ZONED = re.compile(
    r"(timestamp(\(\d\))? with time zone|tstzrange|tstzmultirange)(\[\])?"
)
_NAIVE = re.compile(
    r"(timestamp(\(\d\))? without time zone|tsrange|tsmultirange)(\[\])?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A column that was named, as the catalog has it.

    Attributes:
        relkind: as in ``pg_class``.
        type: as ``format_type`` prints it.
        root: what gives it to a partition or child; ``None`` for others.
        now_like: its default is the present moment.
        siblings: zoned columns of the table whose default is that as well.
        types: of all columns of the table.
        key: of the table; empty where it has none.
    """

    schema: str
    relation: str
    column: str
    oid: int
    relkind: str
    type: str
    owner: str
    owned: bool
    root: str | None
    has_default: bool
    now_like: bool
    siblings: tuple[str, ...]
    types: Mapping[str, str]
    key: tuple[str, ...]

    @property
    def name(self) -> tuple[str, str, str]:
        """Schema, relation and column."""
        return (self.schema, self.relation, self.column)

    @property
    def label(self) -> str:
        """The column as SQL names it."""
        return readable_name(*self.name)

    @property
    def table(self) -> str:
        """Its table as SQL names it."""
        return readable_name(self.schema, self.relation)

    @property
    def is_zoned(self) -> bool:
        """It is of built-in types, and its time is zoned."""
        return _ZONED.fullmatch(self.type) is not None

    @property
    def is_naive(self) -> bool:
        """The same of naive time."""
        return _NAIVE.fullmatch(self.type) is not None

    @property
    def one_moment(self) -> bool:
        """A value of it is one instant."""
        return _SCALAR.fullmatch(self.type) is not None

    @property
    def naive_type(self) -> str:
        """The type that a conversion by hand took it from."""
        return self.type.replace(" with time", " without time").replace("tstz", "ts")


def find_column(connection: psycopg.Connection[Any], name: str) -> Found | None:
    """Return the column that ``schema.table.column`` names; ``None`` for none."""
    parts = _parts(connection, name)
    with connection.cursor(row_factory=class_row(Found)) as cursor:
        return cursor.execute(
            query("named_column"), {"parts": parts, "name": name}
        ).fetchone()


def _parts(connection: psycopg.Connection[Any], name: str) -> list[str] | None:
    """Return the parts of a name as SQL reads it; ``None`` where it cannot."""
    row = None
    with suppress(psycopg.errors.InvalidParameterValue), connection.transaction():
        row = connection.execute("SELECT parse_ident(%s)", (name,)).fetchone()
    return row[0] if row else None


def what_is_missing(connection: psycopg.Connection[Any], name: str) -> str | None:
    """Say which part of ``schema.table.column`` is not there, of a name for no column.

    ``None`` stands for another form, and for the catalogs of the server.
    """
    parts = _parts(connection, name)
    if parts is None or len(parts) != 3:  # noqa: PLR2004  schema, table and column
        return None
    schema, relation, column = parts
    if schema == "information_schema" or schema.startswith("pg_"):
        return None
    table = readable_name(schema, relation)
    row = connection.execute(
        "SELECT count(*) > 0 FROM pg_catalog.pg_class AS c"
        " JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relname = %s"
        " AND c.relkind IN ('r', 'p', 'v', 'm', 'f')",
        (schema, relation),
    ).fetchone()
    if row and row[0]:
        return f"there is no column {readable_identifier(column)} in {table}"
    return f"there is no table {table}"


def look(
    connection: psycopg.Connection[Any],
    found: Found,
    zone: str,
    *,
    candidates: Mapping[str, str],
    converted_at: str | None = None,
    skip: Iterable[str] = (),
) -> Assessment:
    """Judge a conversion by what it leaves behind in the data.

    Args:
        connection: a session of ours, in one read-only transaction.
        found: a column of one moment.
        zone: that it is said to have been converted in, as SQL gets it.
        candidates: zones that it may have been converted in instead, with the reason.
        converted_at: when; an instant, as PostgreSQL reads it. What clocks did later
            says nothing.
        skip: columns of the table that may be wrong as well.
    """
    reader = _Reader(connection, found, zone, converted_at or "now")
    others = {name: why for name, why in candidates.items() if name != zone}
    return weigh(
        reader.passes(zone, "declared"),
        reader.others(others),
        [
            s
            for name in found.siblings
            if name not in skip
            for s in reader.sibling(name, others)
        ],
        reader.ahead() if found.now_like else None,
    )


def compare_old(
    connection: psycopg.Connection[Any], found: Found, zone: str, old: str
) -> Assessment:
    """Compare every row with the naive column that still stands beside it.

    Args:
        connection: a session of ours, in one read-only transaction.
        found: a column of one moment.
        zone: in which the old column is read.
        old: its name.
    """
    rows = _ask(
        connection, found, "old_column", zone=sql.Literal(zone), old=sql.Identifier(old)
    )
    return compared(
        readable_identifier(old),
        zone,
        [(fate, None if moved is None else int(moved), n) for fate, moved, n in rows],
    )


def _ask(
    connection: psycopg.Connection[Any],
    found: Found,
    name: str,
    **values: sql.Composable,
) -> list[Any]:
    # written into the text: a name may hold a percent sign, which parameters forbid
    statement = sql.SQL(query(name)).format(
        column=sql.Identifier(found.column),
        relation=sql.Identifier(found.schema, found.relation),
        **values,
    )
    return connection.execute(statement).fetchall()


@dataclass(frozen=True, slots=True)
class _Reader:
    """Asks about one column."""

    connection: psycopg.Connection[Any]
    found: Found
    zone: str
    before: str

    def passes(self, zone: str, called: str) -> Passes:
        """Count the rows at each time that a zone's clock went back."""
        rows: list[Any] = []
        if not is_utc(zone):
            rows = self._ask(
                "doubled_hours", zone=sql.Literal(zone), before=sql.Literal(self.before)
            )
        changes = (
            Change(at=at, first=first, usual=float(usual)) for at, first, usual in rows
        )
        return Passes(zone=zone, called=called, changes=tuple(changes))

    def others(self, zones: Mapping[str, str]) -> list[Passes]:
        """Do the same for zones that would give other instants."""
        return [
            replace(self.passes(zone, called), offsets=moved)
            for zone, called in zones.items()
            if (moved := self._offsets(zone))
        ]

    def sibling(self, name: str, zones: Mapping[str, str]) -> list[Sibling]:
        """Compare the rows with the moment of their insertion."""
        rows = self._ask(
            "sibling",
            made=sql.Literal(list(zones)),
            meant=sql.Literal(self.zone),
            sibling=sql.Identifier(name),
        )
        return [
            Sibling(
                column=readable_identifier(name),
                zone=zone,
                called=zones[zone],
                rows=number,
                fit=fit,
                moved=moved,
                offsets=self._offsets(zone),
            )
            for zone, number, fit, moved in rows
        ]

    def ahead(self) -> Ahead:
        """Count the rows in the future."""
        near, far, furthest = self._ask("ahead")[0]
        return Ahead(near=near, far=far, furthest=furthest or "")

    def _offsets(self, made: str) -> tuple[OffsetCount, ...]:
        """Return by how much values converted in another zone would have to move."""
        rows = self._ask(
            "offsets_between", made=sql.Literal(made), meant=sql.Literal(self.zone)
        )
        return offsets({moved: number for moved, number in rows if moved})

    def _ask(self, name: str, **values: sql.Composable) -> list[Any]:
        return _ask(self.connection, self.found, name, **values)
