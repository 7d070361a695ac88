"""What only the server can say about zones: their names, and rows at clock changes."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib.resources import files
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from tzmigrate.inventory.model import Column, Family, Role
from tzmigrate.zones.model import Verdict, is_utc


def known_zones(connection: psycopg.Connection[Any]) -> frozenset[str]:
    """Return the zone names that this server knows, in their one spelling."""
    rows = connection.execute("SELECT name FROM pg_catalog.pg_timezone_names")
    return frozenset(str(name) for (name,) in rows)


def same_zones(
    connection: psycopg.Connection[Any], pairs: Iterable[tuple[str, str]]
) -> frozenset[tuple[str, str]]:
    """Return those pairs of names that mean one zone (``US/Eastern``, …).

    The first of a pair is a session's ``TimeZone``, the second a column's zone. They
    are one zone when their offsets agree every six hours from 1970 to 2037, which is
    finer than any period between two clock changes.
    """
    found = set()
    for one, other in pairs:
        if one.lower() == other.lower() or (is_utc(one) and is_utc(other)):
            found.add((one, other))
            continue
        with connection.transaction():
            # AT TIME ZONE reads CET or -05 in another way than SET TimeZone does
            connection.execute(
                "SELECT pg_catalog.set_config('TimeZone', %s, true)", (one,)
            )
            row = connection.execute(
                "SELECT bool_and(g::timestamp = g AT TIME ZONE %s)"
                " FROM generate_series(timestamptz '1970-01-01 00:00+00',"
                " timestamptz '2038-01-01 00:00+00', interval '6 hours') AS g",
                ("Etc/UTC" if is_utc(other) else other,),
            ).fetchone()
            connection.execute(
                "SELECT pg_catalog.set_config('TimeZone', 'Etc/UTC', true)"
            )
        if row and row[0]:
            found.add((one, other))
    return frozenset(found)


def count_clock_changes(
    connection: psycopg.Connection[Any],
    columns: Iterable[Column],
    verdicts: Mapping[tuple[str, str, str], Verdict],
) -> dict[tuple[str, str, str], Verdict]:
    """Add the numbers of gap and overlap rows to the verdicts that need them.

    A table whose rows this role may not all see keeps ``None``; its revision looks
    again, under the lock.
    """
    found = dict(verdicts)
    for column in columns:
        verdict = verdicts[column.name]
        zone = verdict.zone
        if (
            zone is None
            or is_utc(zone)
            or column.role is not Role.STORED
            or (query := _query(column)) is None
        ):
            continue
        try:
            with connection.transaction():
                connection.execute(
                    "SELECT pg_catalog.set_config('TimeZone', %s, true)", (zone,)
                )
                row = connection.execute(query).fetchone()
                connection.execute(
                    "SELECT pg_catalog.set_config('TimeZone', 'Etc/UTC', true)"
                )
        except psycopg.errors.InsufficientPrivilege:
            continue
        if row is not None:
            found[column.name] = replace(
                verdict, gap=row[0], overlap=row[1], beyond=row[2]
            )
    return found


_MOMENTS: dict[str, LiteralString] = {
    "timestamp": "SELECT {value}",
    "tsrange": "SELECT unnest(ARRAY[lower({value}), upper({value})])",
    "tsmultirange": "SELECT unnest(ARRAY[lower(r), upper(r)])"
    " FROM unnest({value}) AS r",
}


def _query(column: Column) -> sql.Composed | None:
    """Return the query that counts clock changes; ``None`` for what has no moments."""
    relation = sql.Identifier(column.schema, column.relation)
    if column.family is Family.SCALAR:
        return sql.SQL(_file("clock_changes")).format(
            column=sql.Identifier(column.column), relation=relation
        )
    element = column.type.removesuffix("[]")
    moments = _MOMENTS.get(re.sub(r"(\([0-6]\))? without time zone$", "", element))
    if moments is None:
        return None
    value = sql.Identifier("t", column.column)
    query = sql.SQL(moments).format(value=value)
    if element != column.type:
        query = sql.SQL(
            "SELECT m.v FROM unnest({}) AS u (v), LATERAL ({}) AS m (v)"
        ).format(value, sql.SQL(moments).format(value=sql.SQL("u.v")))
    return sql.SQL(_file("clock_changes_inside")).format(
        moments=query, relation=relation
    )


def _file(name: str) -> LiteralString:
    """Return one of this room's ``.sql`` files."""
    # a file of ours, shipped with the code: as literal as if it stood here
    return files(__package__).joinpath(f"{name}.sql").read_text("utf-8")
