"""Write names as SQL reads them, and never any other way."""

import re
from typing import Any

import psycopg
from psycopg import sql

from tzmigrate.errors import UsageError


def quote_identifier(name: str) -> str:
    """Quote one identifier, always.

    >>> quote_identifier('a"b.c')
    '"a""b.c"'
    """
    if not name or "\0" in name:
        raise UsageError(
            "TZ229",
            "an identifier is empty or holds a NUL character",
            hint="Give the name as the catalog shows it.",
        )
    return '"{}"'.format(name.replace('"', '""'))


def qualified(*names: str) -> str:
    """Quote the parts of a qualified name and join them with dots.

    >>> qualified("public", "Order")
    '"public"."Order"'
    """
    return ".".join(quote_identifier(name) for name in names)


_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")
_KEY_WORDS = frozenset(
    "all analyse analyze and any array as asc asymmetric authorization between "
    "bigint binary bit boolean both case cast char character check coalesce collate "
    "collation column concurrently constraint create cross current_catalog "
    "current_date current_role current_schema current_time current_timestamp "
    "current_user dec decimal default deferrable desc distinct do else end except "
    "exists extract false fetch float for foreign freeze from full grant greatest "
    "group grouping having ilike in initially inner inout int integer intersect "
    "interval into is isnull join json json_array json_arrayagg json_exists "
    "json_object json_objectagg json_query json_scalar json_serialize json_table "
    "json_value lateral leading least left like limit localtime localtimestamp "
    "merge_action national natural nchar none normalize not notnull null nullif "
    "numeric offset on only or order out outer overlaps overlay placing position "
    "precision primary real references returning right row select session_user "
    "setof similar smallint some substring symmetric system_user table tablesample "
    "then time timestamp to trailing treat trim true union unique user using values "
    "varchar variadic verbose when where window with xmlattributes xmlconcat "
    "xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot "
    "xmlserialize xmltable".split()
)
"""Key words that are more than unreserved in PostgreSQL 16 or 18.

``SELECT word FROM pg_get_keywords() WHERE catcode <> 'U'``; a test compares.
"""


def readable_identifier(name: str) -> str:
    """Quote one identifier where SQL needs it, for text that people will read.

    >>> readable_identifier("orders"), readable_identifier("user")
    ('orders', '"user"')
    >>> readable_identifier("timestamp"), readable_identifier("Order")
    ('"timestamp"', '"Order"')
    """
    if _PLAIN.fullmatch(name) and name not in _KEY_WORDS:
        return name
    return quote_identifier(name)


def readable_name(*names: str) -> str:
    """Quote the parts of a qualified name where SQL needs it.

    >>> readable_name("public", "Order")
    'public."Order"'
    """
    return ".".join(readable_identifier(name) for name in names)


def quote_literal(text: str) -> str:
    r"""Quote a text constant, whatever ``standard_conforming_strings`` says.

    >>> quote_literal("it's")
    "'it''s'"
    >>> print(quote_literal("a\\b"))
    E'a\\b'
    """
    if "\0" in text:
        raise UsageError(
            "TZ229",
            "a text constant holds a NUL character",
            hint="PostgreSQL cannot store NUL characters; take it out.",
        )
    quoted = "'{}'".format(text.replace("'", "''"))
    return "E" + quoted.replace("\\", "\\\\") if "\\" in quoted else quoted


def composed(query: sql.Composable, connection: psycopg.Connection[Any]) -> str:
    """Return a composed statement as the text that would be sent."""
    return query.as_string(connection)
