"""Defaults of arrays and ranges: constants, which the server itself writes anew."""

import re
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql

from tzmigrate.inventory.model import Inventory
from tzmigrate.planning.ddl import short_type, sql_zone
from tzmigrate.planning.families import Cast, cast_of, zoned_type
from tzmigrate.planning.types import TypeBook
from tzmigrate.postgres.quoting import quote_literal
from tzmigrate.zones.model import Verdict

Names = tuple[str, str, str]

_TEXT = re.compile(r"'(?:[^']|'')*'")
_CONSTANT = re.compile(r"'(?:[^']|'')*'::[a-z ]+(\([0-6]\))?[a-z ]*(\[\])?")
_FOREIGN = re.compile(r'[."]')
"""A name in another schema than ``pg_catalog``, which is the only one searched."""


def read_literals(
    connection: psycopg.Connection[Any],
    inventory: Inventory,
    verdicts: Mapping[Names, Verdict],
    *,
    widen: bool = False,
) -> dict[Names | int, str]:
    """Return the zoned default of each array or range that has a constant one.

    The server reads the constant in the column's zone and prints it in UTC. Only what
    is made of built-in functions is asked for: the expression belongs to somebody else.

    Args:
        connection: a session of ours, in one read-only transaction.
        inventory: its columns and domains.
        verdicts: the zone of each column.
        widen: drop a precision below six.

    Returns:
        The default by the name of a column, or by the ``oid`` of a domain.
    """
    book = TypeBook(inventory)
    found: dict[Names | int, str] = {}
    wanted: list[tuple[Names | int, str, str, str]] = []
    for column in inventory.columns:
        zone = verdicts[column.name].zone if column.name in verdicts else None
        if zone is None:
            continue
        base = book.base(column)
        if column.default is not None and column.default_volatility == "i":
            wanted.append((column.name, base or column.type, column.default, zone))
        wanted += [
            (t.oid, book.end(t) or "", t.default, zone)
            for t in book.types(column)
            if t.default is not None and _CONSTANT.fullmatch(t.default)
        ]
    for key, kind, expression, zone in wanted:
        if cast_of(kind) in {None, Cast.ZONE} or _FOREIGN.search(
            _TEXT.sub("", expression)
        ):
            continue
        target = short_type(zoned_type(kind, widen=widen and not isinstance(key, int)))
        text = _read(connection, expression, target, sql_zone(zone))
        found[key] = (
            f"NULL::{target}" if text is None else f"{quote_literal(text)}::{target}"
        )
    return found


def _read(
    connection: psycopg.Connection[Any], expression: str, target: str, zone: str
) -> str | None:
    # of built-in functions alone, and the type is one that we have written ourselves
    value, type_ = sql.SQL(expression), sql.SQL(target)
    with connection.transaction():
        _pin(connection, zone)
        row = connection.execute(
            sql.SQL("SELECT (({})::text::{})::text").format(value, type_)
        ).fetchone()
        _pin(connection, "Etc/UTC")
        if row is None or row[0] is None:
            return None
        row = connection.execute(
            sql.SQL("SELECT (%s::text::{})::text").format(type_), row
        ).fetchone()
        return None if row is None else str(row[0])


def _pin(connection: psycopg.Connection[Any], zone: str) -> None:
    connection.execute("SELECT pg_catalog.set_config('TimeZone', %s, true)", (zone,))
