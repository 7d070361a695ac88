"""What a default becomes, so that it stores the instant it stored before.

Rules of postgres-facts.md section 6.1. Nothing is parsed: PostgreSQL prints an
expression in one way, so the spellings that can be simplified are compared as whole
texts, and every other expression is kept and wrapped.
"""

from tzmigrate.postgres.quoting import quote_literal
from tzmigrate.zones.model import is_utc

NOW = (
    "now()",
    "CURRENT_TIMESTAMP",
    "transaction_timestamp()",
    "statement_timestamp()",
    "clock_timestamp()",
)
"""Spellings of "this instant", as ``pg_get_expr`` prints them."""

LOCAL_NOW = frozenset(
    (
        "LOCALTIMESTAMP",
        "(now())::timestamp without time zone",
        "(CURRENT_TIMESTAMP)::timestamp without time zone",
        "('now'::text)::timestamp without time zone",
        "timezone(current_setting('TimeZone'::text), now())",
        "(now() AT TIME ZONE current_setting('TimeZone'::text))",
    )
)
"""Spellings of the session's wall clock, whose instant is now."""


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
    """
    if type_name == "timestamp with time zone":
        return expression
    if expression in LOCAL_NOW:
        return "now()"
    simple = _now_in_zone(expression)
    if simple is not None and _same_zone(simple[1], sql_zone):
        return simple[0]
    naive = (
        f"({expression})"
        if type_name == "timestamp without time zone"
        else f"({expression})::timestamp without time zone"
    )
    return f"({naive} AT TIME ZONE {quote_literal(sql_zone)})"


def _now_in_zone(expression: str) -> tuple[str, str] | None:
    """Split ``now() AT TIME ZONE 'zone'`` in either of its printed forms."""
    for now in NOW:
        for before, after in (
            (f"({now} AT TIME ZONE '", "'::text)"),
            ("timezone('", f"'::text, {now})"),
        ):
            if expression.startswith(before) and expression.endswith(after):
                zone = expression[len(before) : -len(after)]
                if zone.replace("/", "").replace("_", "").isalnum():
                    return now, zone
    return None


def _same_zone(one: str, other: str) -> bool:
    return one.lower() == other.lower() or (is_utc(one) and is_utc(other))
