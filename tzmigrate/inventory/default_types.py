"""The type of each default expression, as PostgreSQL itself sees it.

The text is given to the server's parser and never run: a prepared statement is only
described. Running it, even with ``WHERE false``, could call a function marked IMMUTABLE
while planning, with the rights of the role that scans instead of its owner's.
"""

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import psycopg
from psycopg.pq import ExecStatus
from psycopg.rows import tuple_row

_BATCH = 1000
"""A SELECT list has room for 1664 entries."""


def read_default_types(
    connection: psycopg.Connection[Any], expressions: Sequence[str]
) -> dict[str, str | None]:
    """Return ``format_type`` for each expression, ``None`` where it was not accepted.

    Args:
        connection: a connection inside a transaction, ``search_path = pg_catalog``.
        expressions: texts as ``pg_get_expr`` prints them, each once.
    """
    types: dict[str, int | None] = {}
    for start in range(0, len(expressions), _BATCH):
        types.update(_describe(connection, expressions[start : start + _BATCH]))
    wanted = sorted({oid for oid in types.values() if oid is not None})
    if not wanted:
        return dict.fromkeys(types)
    statement = files(__package__).joinpath("type_names.sql").read_bytes()
    with connection.cursor(row_factory=tuple_row) as cursor:
        names: dict[int, str] = dict(
            cursor.execute(statement, {"types": wanted}).fetchall()
        )
    return {
        text: None if oid is None else names.get(oid) for text, oid in types.items()
    }


def _describe(
    connection: psycopg.Connection[Any], expressions: Sequence[str]
) -> dict[str, int | None]:
    """Describe a batch; where one is not accepted, halve it until it stands alone."""
    try:
        with connection.transaction():
            return dict(
                zip(expressions, _columns(connection, expressions), strict=True)
            )
    except psycopg.Error:
        if connection.closed:
            raise
    if len(expressions) == 1:
        return {expressions[0]: None}
    middle = len(expressions) // 2
    return _describe(connection, expressions[:middle]) | _describe(
        connection, expressions[middle:]
    )


def _columns(
    connection: psycopg.Connection[Any], expressions: Sequence[str]
) -> list[int]:
    # one line each: an expression cannot end in a comment, for it was printed by the
    # server from its tree
    statement = "SELECT " + ",\n".join(f"({text})" for text in expressions)
    pgconn, encoding = connection.pgconn, connection.info.encoding
    prepared = pgconn.prepare(b"", statement.encode(encoding))
    if prepared.status != ExecStatus.COMMAND_OK:
        raise psycopg.errors.error_from_result(prepared, encoding)
    described = pgconn.describe_prepared(b"")
    if described.status != ExecStatus.COMMAND_OK:
        raise psycopg.errors.error_from_result(described, encoding)
    return [described.ftype(i) for i in range(described.nfields)]
