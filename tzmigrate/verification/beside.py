"""Columns of before that still stand beside the converted ones."""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import psycopg

from tzmigrate.errors import UsageError
from tzmigrate.postgres.quoting import readable_name
from tzmigrate.verification.compare import Tally, beside_statement, compare_beside
from tzmigrate.verification.judge import judge
from tzmigrate.verification.ledger import LedgerColumn, LedgerStep
from tzmigrate.verification.model import ColumnProof, Outcome, Proof

Beside = dict[tuple[int, int], str]
"""Names of old columns, by the step's id and the position of the converted one."""

PAIR = re.compile(r'((?:[^"=]|"(?:[^"]|"")*")+)=(.+)', re.DOTALL)
"""The first ``=`` outside of quotes parts the names."""


def columns_beside(
    connection: psycopg.Connection[Any],
    steps: Iterable[LedgerStep],
    asked: Iterable[str],
) -> Beside:
    """Find what ``schema.table.column=old`` names, both as SQL writes names.

    Args:
        connection: a session of ours, in a transaction.
        steps: of the ledger.
        asked: of the command line.

    Raises:
        UsageError: no converted column has that name, or it has two old ones, or the
            old column is not there or not of the type that the converted one had.
    """
    known = [
        (step, column)
        for step in steps
        for column in step.columns
        if not column.superseded
    ]
    found: Beside = {}
    for text in asked:
        pair = PAIR.fullmatch(text)
        if pair is None:
            raise _wrong(f"{text!r} has not the form schema.table.column=old", known)
        name, old = pair.groups()
        parts = _parts(connection, name)
        named = [(s, c) for s, c in known if name == _plain(c) or parts == _names(c)]
        if not named:
            raise _wrong(f"no converted column is called {name}", known)
        for step, column in named:
            if (step.id, column.position) in found:
                raise _wrong(f"{column.label} cannot have two old columns", known)
            found[step.id, column.position] = _old(connection, step, column, old, known)
    return found


def columns_of(
    connection: psycopg.Connection[Any], steps: Iterable[LedgerStep], certificate: Proof
) -> Beside:
    """Return the old columns that a certificate compared with and that still stand."""
    then = {(c.step, c.schema, c.relation, c.column): c for c in certificate.columns}
    return {
        (step.id, column.position): before.old_column
        for step in steps
        for column in step.columns
        if (before := then.get((step.step, *_names(column))))
        and before.old_column is not None
        and _type(connection, column, before.old_column) == _naive(step, column)
    }


def compared_beside(
    connection: psycopg.Connection[Any],
    step: LedgerStep,
    proofs: Iterable[ColumnProof],
    beside: Beside,
) -> tuple[list[ColumnProof], tuple[str, ...]]:
    """Compare every row with the old column, where one stands beside the new one.

    Nothing that the ledger recorded says more than that, so it takes the place of what
    is in ``proofs``, one for each column of the step.

    Returns:
        What came out, and the statements that did it.
    """
    found, said = [], []
    for column, recorded in zip(step.columns, proofs, strict=True):
        proof = recorded
        old = beside.get((step.id, column.position))
        if old is not None:
            statement = beside_statement(connection, step, column.position, old)
            # who may not see all rows was told so by what the ledger gave
            with (
                suppress(psycopg.errors.InsufficientPrivilege),
                connection.transaction(),
            ):
                tally = compare_beside(connection, statement)
                # what every zone leaves alike proves no conversion by hand
                if column.adopted is None or tally.blank < tally.compared:
                    proof = _judged(step, column, tally, old)
                said.append(statement.as_string(connection))
        found.append(proof)
    return found, tuple(said)


def _judged(
    step: LedgerStep, column: LedgerColumn, tally: Tally, old: str
) -> ColumnProof:
    proof = replace(
        judge(step, column, tally, tally.compared), level="full", old_column=old
    )
    if proof.outcome is not Outcome.PROVED or not tally.compared:
        return proof
    rows = "every row that nobody wrote since" if proof.changed else "every row"
    return replace(proof, confidence=f"{rows} was compared with its old column {old}")


def _old(
    connection: psycopg.Connection[Any],
    step: LedgerStep,
    column: LedgerColumn,
    old: str,
    known: Sequence[tuple[LedgerStep, LedgerColumn]],
) -> str:
    """Return the name of the old column, which has to be what the new one was."""
    wanted = _naive(step, column)
    there = None
    # as it was written, and as SQL reads it
    for name in {old: None, **dict.fromkeys(_parts(connection, old)[:1])}:
        there = _type(connection, column, name)
        if there == wanted:
            return name
    table = readable_name(column.schema, column.relation)
    stands = f"table {table} has no such column" if there is None else f"it is {there}"
    raise _wrong(
        f"{column.label} was {wanted}, and so its old column {old} must be, but"
        f" {stands}",
        known,
    )


def _naive(step: LedgerStep, column: LedgerColumn) -> str:
    return column.type_before if step.zoned else column.type_after


def _type(
    connection: psycopg.Connection[Any], column: LedgerColumn, old: str
) -> str | None:
    row = connection.execute(
        "SELECT tzmigrate.type_label(a.atttypid, a.atttypmod)"
        " FROM pg_catalog.pg_attribute AS a"
        " WHERE a.attrelid = %s::bigint::oid AND a.attname = %s AND NOT a.attisdropped",
        (column.relation_oid, old),
    ).fetchone()
    return None if row is None else str(row[0])


def _parts(connection: psycopg.Connection[Any], name: str) -> tuple[str, ...]:
    """Read a qualified name as SQL does; nothing where it is none."""
    with suppress(psycopg.errors.InvalidParameterValue), connection.transaction():
        row = connection.execute("SELECT parse_ident(%s)", (name,)).fetchone()
        return tuple(row[0]) if row else ()
    return ()


def _names(column: LedgerColumn) -> tuple[str, str, str]:
    return (column.schema, column.relation, column.column)


def _plain(column: LedgerColumn) -> str:
    return ".".join(_names(column))


def _wrong(
    message: str, known: Sequence[tuple[LedgerStep, LedgerColumn]]
) -> UsageError:
    example = known[0][1].label if known else "public.orders.created_at"
    return UsageError(
        "TZ286",
        f"--old-column: {message}",
        hint=f"Write schema.table.column=old, such as {example}=old; tzmigrate verify"
        " lists the converted columns.",
    )
