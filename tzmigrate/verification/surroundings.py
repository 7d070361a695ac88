"""What stands around converted columns and does not go along by itself."""

from collections.abc import Iterable
from typing import Any

import psycopg

from tzmigrate.inventory.model import Finding, Severity
from tzmigrate.verification.ledger import LedgerStep, query

_TOLD: dict[str, tuple[str, str, str]] = {
    "index": (
        "TZ421",
        "index {object} of {detail} is invalid: no query uses it, and each write pays"
        " for it",
        "Build it again: {statement}",
    ),
    "default": (
        "TZ422",
        "the default of {object} yields naive time, which is read in the zone of the"
        " session that inserts: {detail}",
        "Let it yield an instant: now() for the present moment; else say in which zone"
        " the expression computes, (…) AT TIME ZONE {statement} if that of the column.",
    ),
    "statistics": (
        "TZ423",
        "{object} has no statistics of {detail}: ALTER TABLE removes them, and queries"
        " are planned without",
        "Run: {statement}",
    ),
    "session": (
        "TZ424",
        "{detail} of {object} connected since before the conversion: statements that"
        " were prepared there keep the old type of their parameters, and fail where"
        " they return a converted column",
        "Let them connect again; connection pools keep sessions open, and DISCARD ALL"
        " in each of them helps as well. To end them: {statement}",
    ),
    "slot": (
        "TZ425",
        "logical replication slot {object} ({detail}) reads this database: its"
        " consumers get zoned values of the converted columns from now on",
        "Convert the columns of subscribers as well, or pin TimeZone of both databases"
        " to one zone until that is done; restart consumers that remember types.",
    ),
    "subscription": (
        "TZ426",
        "{object} is filled by {detail}: naive text that still comes from the"
        " publisher is read in the TimeZone of this database",
        "Convert the publisher's columns as well, or pin TimeZone of this database to"
        " their zone until that is done.",
    ),
}
"""Code, message and hint of each kind that the query gives."""


def look_around(
    connection: psycopg.Connection[Any], steps: Iterable[LedgerStep]
) -> tuple[Finding, ...]:
    """Find what should be settled after conversions: none of it is about values.

    Args:
        connection: a session of ours, in a transaction, on the primary.
        steps: of the ledger; those that left naive columns say nothing.
    """
    ids = [step.id for step in steps if step.zoned]
    rows = connection.execute(query("surroundings"), {"steps": ids}).fetchall()
    return tuple(_finding(*row) for row in rows)


def _finding(kind: str, thing: str, detail: str, statement: str) -> Finding:
    code, message, hint = _TOLD[kind]
    if kind == "session":
        detail = "1 session" if detail == "1" else f"{detail} sessions"
    given = {"object": thing, "detail": detail, "statement": statement}
    return Finding(
        code=code,
        severity=Severity.WARNING,
        message=message.format(**given),
        hint=hint.format(**given),
    )
