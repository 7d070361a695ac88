"""Write names as SQL reads them, and never any other way."""

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
