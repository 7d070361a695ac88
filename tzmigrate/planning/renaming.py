"""Rename, on the shadow, what may change to words that occur nowhere else."""

import secrets
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import sql

from tzmigrate.planning.model import RelationName

Column = tuple[RelationName, str]


def rename_columns(
    connection: psycopg.Connection[Any],
    columns: Sequence[Column],
    attributes: Sequence[Column],
    members: Sequence[tuple[int, int, int]],
) -> tuple[list[sql.Composable], dict[tuple[str, str, str], str]]:
    """Return the statements that rename columns, and the words that these get.

    Args:
        connection: to the shadow.
        columns: of tables.
        attributes: of composite types, as columns of the types' relations.
        members: which of both a child inherits: place in the list, relation, number.
    """
    statements = _leave_types(connection, columns)
    words: dict[tuple[str, str, str], str] = {}
    for together in _inherited_together(members, (*columns, *attributes)):
        one = word()
        words |= {(t.schema, t.name, column): one for t, column in together}
        if together[0] in attributes:
            statements.append(_rename_attribute(*together[0], one))
        else:
            statements += _rename(together, one)
    return statements, words


def rename_output(
    relation: RelationName, kind: str, column: str, one: str
) -> sql.Composable:
    """Return the statement that renames an output column of a view.

    Args:
        relation: the view.
        kind: its ``relkind``.
        column: its name.
        one: the word that it gets.
    """
    return sql.SQL("ALTER {} {} RENAME COLUMN {} TO {}").format(
        sql.SQL("MATERIALIZED VIEW" if kind == "m" else "VIEW"),
        sql.Identifier(relation.schema, relation.name),
        sql.Identifier(column),
        sql.Identifier(one),
    )


def _rename_attribute(type_: RelationName, name: str, word: str) -> sql.Composable:
    return sql.SQL("ALTER TYPE {} RENAME ATTRIBUTE {} TO {}").format(
        sql.Identifier(type_.schema, type_.name),
        sql.Identifier(name),
        sql.Identifier(word),
    )


def _inherited_together(
    members: Sequence[tuple[int, int, int]],
    columns: Sequence[Column],
) -> list[list[Column]]:
    """Return the columns, those in one list that a child has from several of them."""
    lists = [[column] for column in columns]
    first: dict[tuple[int, int], int] = {}
    for place, relation, attnum in members:
        other = first.setdefault((relation, attnum), place)
        into, added = lists[other], lists[place]
        if into is not added:
            into += added
            lists = [into if one is added else one for one in lists]
    return list({id(one): one for one in lists}.values())


def _rename(columns: Sequence[Column], word: str) -> list[sql.Composable]:
    """Rename a column; one of several parents from a parent that these get for it."""
    table, column = columns[0]
    statements: list[sql.Composable] = []
    if len(columns) > 1:
        parent = RelationName(schema=table.schema, name=word)
        statements.append(
            sql.SQL("CREATE TABLE {} AS SELECT {} FROM ONLY {} LIMIT 0").format(
                sql.Identifier(parent.schema, parent.name),
                sql.Identifier(column),
                sql.Identifier(table.schema, table.name),
            )
        )
        statements += [
            sql.SQL("ALTER TABLE {} INHERIT {}").format(
                sql.Identifier(root.schema, root.name),
                sql.Identifier(parent.schema, parent.name),
            )
            for root, _ in columns
        ]
        table = parent
    statements.append(
        sql.SQL("ALTER TABLE {} RENAME COLUMN {} TO {}").format(
            sql.Identifier(table.schema, table.name),
            sql.Identifier(column),
            sql.Identifier(word),
        )
    )
    return statements


def _leave_types(
    connection: psycopg.Connection[Any], columns: Sequence[Column]
) -> list[sql.Composable]:
    """Let typed tables leave their types, which decide on the names of columns."""
    tables = list(dict.fromkeys(table for table, _ in columns))
    rows = connection.execute(
        "SELECT n.nspname, c.relname FROM ROWS FROM (unnest(%s::text[]),"
        "  unnest(%s::text[])) AS w (nsp, rel)"
        " JOIN pg_namespace n ON n.nspname = w.nsp"
        " JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.rel"
        " WHERE c.reloftype <> 0",
        ([table.schema for table in tables], [table.name for table in tables]),
    ).fetchall()
    return [
        sql.SQL("ALTER TABLE {} NOT OF").format(sql.Identifier(schema, name))
        for schema, name in rows
    ]


def word() -> str:
    """Return a word that occurs nowhere else."""
    return f"tz{secrets.token_hex(8)}"
