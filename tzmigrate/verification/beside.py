"""Columns of before that still stand beside the converted ones."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import psycopg

from tzmigrate.errors import UsageError
from tzmigrate.verification.compare import Tally, beside_statement, compare_beside
from tzmigrate.verification.judge import judge
from tzmigrate.verification.ledger import LedgerColumn, LedgerStep
from tzmigrate.verification.model import ColumnProof, Outcome

Beside = dict[tuple[int, int], str]
"""Names of old columns, by the step's id and the position of the converted one."""


def columns_beside(
    connection: psycopg.Connection[Any],
    steps: Iterable[LedgerStep],
    asked: Iterable[str],
) -> Beside:
    """Find what ``schema.table.column=old`` names.

    Args:
        connection: a session of ours, in a transaction.
        steps: of the ledger.
        asked: of the command line; the part behind the last ``=`` is the old column.

    Raises:
        UsageError: no converted column has that name, or the old column is not there
            or not of the type that the converted one had.
    """
    known = [
        (step, column)
        for step in steps
        for column in step.columns
        if not column.superseded
    ]
    found: Beside = {}
    for text in asked:
        name, _, old = text.rpartition("=")
        named = [(s, c) for s, c in known if name in {c.label, _plain(c)}]
        if not (name and old):
            raise _wrong(f"{text!r} names no two columns", known)
        if not named:
            raise _wrong(f"no converted column is called {name!r}", known)
        for step, column in named:
            naive = column.type_before if step.zoned else column.type_after
            there = _type(connection, column, old)
            if there != naive:
                stands = "there is none" if there is None else f"it is {there}"
                raise _wrong(
                    f"{column.label} was {naive}, and so its old column {old!r} must"
                    f" be, but {stands}",
                    known,
                )
            found[step.id, column.position] = old
    return found


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
                proof = _judged(step, column, tally, old)
                said.append(statement.as_string(connection))
        found.append(proof)
    return found, tuple(said)


def _judged(
    step: LedgerStep, column: LedgerColumn, tally: Tally, old: str
) -> ColumnProof:
    proof = replace(judge(step, column, tally, tally.compared), level="full")
    if proof.outcome is not Outcome.PROVED:
        return proof
    rows = "every row that nobody wrote since" if proof.changed else "every row"
    return replace(proof, confidence=f"{rows} was compared with its old column {old}")


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


def _plain(column: LedgerColumn) -> str:
    return f"{column.schema}.{column.relation}.{column.column}"


def _wrong(message: str, known: list[tuple[LedgerStep, LedgerColumn]]) -> UsageError:
    example = known[0][1].label if known else "public.orders.created_at"
    return UsageError(
        "TZ286",
        f"--old-column: {message}",
        hint=f"Write schema.table.column=old, such as {example}=old; tzmigrate status"
        " shows what was converted.",
    )
