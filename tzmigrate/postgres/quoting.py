"""Write names as SQL reads them, and never any other way."""

import re
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy.dialects.postgresql.base import RESERVED_WORDS

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
_NOT_BARE = frozenset(RESERVED_WORDS) | frozenset(
    # key words that may name a column but start another construct in an expression
    "between bigint bit boolean char character coalesce dec decimal exists extract "
    "float greatest grouping inout int integer interval json json_array "
    "json_arrayagg json_exists json_object json_objectagg json_query json_scalar "
    "json_serialize json_table json_value least merge_action national nchar none "
    "normalize nullif numeric out overlay position precision real row setof "
    "smallint substring time timestamp treat trim values varchar xmlattributes "
    "xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot "
    "xmlserialize xmltable".split()
)


def readable_identifier(name: str) -> str:
    """Quote one identifier where SQL needs it, for text that people will read.

    >>> readable_identifier("orders"), readable_identifier("user")
    ('orders', '"user"')
    >>> readable_identifier("timestamp"), readable_identifier("Order")
    ('"timestamp"', '"Order"')
    """
    if _PLAIN.fullmatch(name) and name not in _NOT_BARE:
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
