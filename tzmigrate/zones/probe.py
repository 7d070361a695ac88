"""What only the server can say about zones: their names, and rows at clock changes."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from importlib.resources import files
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from tzmigrate.inventory.model import Column, Family, Role, Severity, UserType
from tzmigrate.postgres.quoting import readable_name
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
        row = None
        # a zone that was declared once, and that this server does not know any more
        with suppress(psycopg.errors.InvalidParameterValue), connection.transaction():
            # AT TIME ZONE reads CET or -05 in another way than SET TimeZone does
            connection.execute(
                "SELECT pg_catalog.set_config('TimeZone', %s, true)", (one,)
            )
            row = connection.execute(
                # a set in SELECT is not read to its end, as one in FROM would be
                "SELECT NOT EXISTS (SELECT FROM (SELECT generate_series("
                "  timestamptz '1970-01-01 00:00+00',"
                "  timestamptz '2038-01-01 00:00+00', interval '6 hours')) AS s (g)"
                " WHERE s.g::timestamp <> s.g AT TIME ZONE %s)",
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
    types: Iterable[UserType] = (),
) -> dict[tuple[str, str, str], Verdict]:
    """Add the numbers of gap and overlap rows to the verdicts that need them.

    What cannot be converted as things stand needs none. A table whose rows this role
    may not all see keeps ``None``; its revision looks again, under the lock.
    """
    found = dict(verdicts)
    known = {readable_name(t.schema, t.name): t for t in types}
    for column in columns:
        verdict = verdicts[column.name]
        zone = verdict.zone
        if (
            zone is None
            or is_utc(zone)
            or column.role is not Role.STORED
            # a foreign table in its tree would be read from a server far away
            or any(f.severity is Severity.BLOCKS for f in column.findings)
            or (query := _query(column, known)) is None
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
_PRECISION = re.compile(r"(\([0-6]\))? without time zone$")


def _query(column: Column, types: Mapping[str, UserType]) -> sql.Composed | None:
    """Return the query that counts clock changes; ``None`` for what has no moments."""
    relation = sql.Identifier(column.schema, column.relation)
    if column.family is Family.SCALAR:
        return sql.SQL(_file("clock_changes")).format(
            column=sql.Identifier(column.column), relation=relation
        )
    value = sql.Identifier("t", column.column)
    moments = list(_moments(column.type, value, types, 1))
    if not moments:
        return None
    return sql.SQL(_file("clock_changes_inside")).format(
        moments=sql.SQL(" UNION ALL ").join(moments), relation=relation
    )


def _moments(
    type_name: str, value: sql.Composable, types: Mapping[str, UserType], depth: int
) -> Iterator[sql.Composable]:
    """Yield queries for the moments in a value, as ``format_type`` names its type."""
    element = type_name.removesuffix("[]")
    if element != type_name:
        each = sql.Identifier(f"tz_{depth}")
        inner = list(_moments(element, each + sql.SQL(".v"), types, depth + 1))
        if inner:
            # in the list of a SELECT a row type stays one column
            yield sql.SQL(
                "SELECT m.v FROM (SELECT unnest({}) AS v) AS {}, LATERAL ({}) AS m (v)"
            ).format(value, each, sql.SQL(" UNION ALL ").join(inner))
        return
    query = _MOMENTS.get(_PRECISION.sub("", element))
    type_ = types.get(element)
    if query is not None:
        yield sql.SQL(query).format(value=value)
    elif type_ is not None and type_.base is not None:
        below = types.get(type_.base)
        if below is None or below.base is None:
            # as the server printed it; a cast to a domain on the way would call the
            # functions of its CHECKs, with our rights
            value = sql.SQL("({})::{}").format(value, sql.SQL(type_.base))
        yield from _moments(type_.base, value, types, depth)
    elif type_ is not None:
        for attribute in type_.attributes:
            part = sql.SQL("({}).{}").format(value, sql.Identifier(attribute.name))
            yield from _moments(attribute.type, part, types, depth)


def _file(name: str) -> LiteralString:
    """Return one of this room's ``.sql`` files."""
    # a file of ours, shipped with the code: as literal as if it stood here
    return files(__package__).joinpath(f"{name}.sql").read_text("utf-8")
