"""What a default becomes, so that it stores the instant it stored before.

Rules of postgres-facts.md section 6.1. Nothing is parsed: PostgreSQL prints an
expression in one way, so the spellings that can be simplified are compared as whole
texts, and every other expression is kept and wrapped.
"""

import re

from tzmigrate.postgres.quoting import quote_literal
from tzmigrate.zones.model import is_utc

_NOW = (
    r"(?:now\(\)|CURRENT_TIMESTAMP(?:\([0-9]\))?|transaction_timestamp\(\)"
    r"|statement_timestamp\(\)|clock_timestamp\(\))"
)
"""Spellings of "this instant", as ``pg_get_expr`` prints them."""

_SESSION = r"current_setting\('(?:TimeZone|timezone)'::text\)"
_ZONE = r"'(?P<zone>[A-Za-z0-9_/+-]+)'::text"

_LOCAL = re.compile(r"LOCALTIMESTAMP(?P<precision>\([0-9]\))?")
"""The session's wall clock, whose instant is now."""
_LOCAL_CAST = re.compile(
    rf"\((?P<now>{_NOW})\)::timestamp(?P<precision>\([0-9]\))? without time zone"
)
_LOCAL_CALL = re.compile(
    rf"timezone\({_SESSION}, (?P<before>{_NOW})\)"
    rf"|\((?P<after>{_NOW}) AT (?:TIME ZONE {_SESSION}|LOCAL)\)"
)
_LOCAL_WORD = "('now'::text)::timestamp without time zone"
_IN_ZONE = (
    re.compile(rf"timezone\({_ZONE}, (?P<now>{_NOW})\)"),
    re.compile(rf"\((?P<now>{_NOW}) AT TIME ZONE {_ZONE}\)"),
)


def convert_default(expression: str, type_name: str | None, sql_zone: str) -> str:
    """Return the default of the zoned column for that of the naive one.

    Args:
        expression: ``pg_get_expr`` of the default, names qualified.
        type_name: ``format_type`` of the expression's own type; ``None`` if unknown.
        sql_zone: the zone of the column's values.

    >>> convert_default("now()", "timestamp with time zone", "Etc/UTC")
    'now()'
    >>> convert_default(
    ...     "(now() AT TIME ZONE 'utc'::text)", "timestamp without time zone", "Etc/UTC"
    ... )
    'now()'
    >>> convert_default("CURRENT_DATE", "date", "Etc/UTC")
    "((CURRENT_DATE)::timestamp without time zone AT TIME ZONE 'Etc/UTC')"
    >>> convert_default("LOCALTIMESTAMP(3)", "timestamp without time zone", "Etc/UTC")
    'CURRENT_TIMESTAMP(3)'
    """
    if type_name == "timestamp with time zone":
        return expression
    simple = _local_now(expression) or _now_in_zone(expression, sql_zone)
    if simple is not None:
        return simple
    naive = (
        f"({expression})"
        if type_name == "timestamp without time zone"
        else f"({expression})::timestamp without time zone"
    )
    return f"({naive} AT TIME ZONE {quote_literal(sql_zone)})"


def _local_now(expression: str) -> str | None:
    """Return the instant of which an expression is the session's wall clock."""
    if expression == _LOCAL_WORD:
        return "now()"
    if found := _LOCAL.fullmatch(expression):
        return (
            f"CURRENT_TIMESTAMP{found['precision']}" if found["precision"] else "now()"
        )
    if found := _LOCAL_CAST.fullmatch(expression):
        if found["precision"] is None:
            return found["now"]
        return f"({found['now']})::timestamp{found['precision']} with time zone"
    if found := _LOCAL_CALL.fullmatch(expression):
        return found["before"] or found["after"]
    return None


def _now_in_zone(expression: str, sql_zone: str) -> str | None:
    """Return the instant of which an expression is the column's wall clock."""
    found = _read_now_in_zone(expression)
    return found["now"] if found and _same_zone(found["zone"], sql_zone) else None


def zone_of_now(expression: str) -> str | None:
    """Return the zone in which an expression is the clock of this instant.

    >>> zone_of_now("(now() AT TIME ZONE 'utc'::text)")
    'utc'
    >>> zone_of_now("LOCALTIMESTAMP")
    """
    found = _read_now_in_zone(expression)
    return found["zone"] if found else None


def _read_now_in_zone(expression: str) -> re.Match[str] | None:
    return next(filter(None, (p.fullmatch(expression) for p in _IN_ZONE)), None)


def _same_zone(one: str, other: str) -> bool:
    return one.lower() == other.lower() or (is_utc(one) and is_utc(other))
