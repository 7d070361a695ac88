"""The proof, now: every step that the ledger knows, compared again."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

import psycopg

from tzmigrate.errors import NotProved, Unavailable, UsageError
from tzmigrate.inventory.catalog import read_zone_settings
from tzmigrate.inventory.model import Finding, Severity
from tzmigrate.postgres.errors import from_psycopg
from tzmigrate.verification.compare import (
    Tally,
    compare_sample,
    compare_whole,
    count_rows,
)
from tzmigrate.verification.judge import compared_whole, judge, worst
from tzmigrate.verification.ledger import LedgerStep, read_ledger, readable
from tzmigrate.verification.model import ColumnProof, Outcome, Proof
from tzmigrate.verification.since import changed_since
from tzmigrate.zones.probe import same_zones
from tzmigrate.zones.sessions import (
    ZonedColumn,
    session_zone_findings,
    zone_pairs,
)

LEVELS = ("auto", "physical", "sample", "full")


def verify(
    connection: psycopg.Connection[Any],
    *,
    level: str = "auto",
    server_zone: tuple[str, str] | None = None,
    accept: Collection[str] = (),
) -> Proof:
    """Compare the baselines of the ledger with the values of now.

    Args:
        connection: a session of ours, in one read-only transaction.
        level: ``sample`` compares the recorded rows; ``physical`` reasons from the
            heap file that a conversion under UTC left alone as well; ``full`` compares
            the fingerprint of whole columns; ``auto`` is full where a fingerprint was
            recorded, else physical, else sample.
        server_zone: ``TimeZone`` and its source before ours was pinned.
        accept: codes of findings that shall not stop.

    Raises:
        NotProved: there is no ledger, so there is nothing to compare with, or it is
            damaged.
        Refused: the ledger belongs to somebody else.
        UsageError: no such level.
    """
    if level not in LEVELS:
        raise UsageError(
            "TZ281",
            f"there is no level {level!r}",
            hint=f"Use --level {', '.join(LEVELS[:-1])} or {LEVELS[-1]}.",
        )
    with readable(connection.info.dbname):
        return _verify(connection, level, server_zone, accept)


def _verify(
    connection: psycopg.Connection[Any],
    level: str,
    server_zone: tuple[str, str] | None,
    accept: Collection[str],
) -> Proof:
    steps = read_ledger(connection)
    if not steps:
        raise NotProved(
            "TZ410",
            f"database {connection.info.dbname} has no record of a conversion",
            hint="Run tzmigrate apply first; what somebody converted by hand has no "
            "baseline to compare with.",
        )
    columns: list[ColumnProof] = []
    findings: list[Finding] = []
    ended: Finding | None = None
    for step in steps:
        if all(column.superseded for column in step.columns):
            continue
        drifted = [c for c in step.columns if c.drifted]
        for column in drifted:
            now = column.type_now or "gone"
            findings.append(
                Finding(
                    code="TZ325",
                    severity=Severity.BLOCKS,
                    message=f"{column.label} is {now}, the ledger says "
                    f"{column.type_after}",
                    hint="Find out who changed it and in which zone its values are "
                    f"now, bring it back to {column.type_after} by hand with USING … "
                    "AT TIME ZONE, then run tzmigrate verify again.",
                )
            )
        proofs = _lost(step)
        if ended is None and not drifted:
            try:
                proofs = _step(connection, step, level)
            except psycopg.OperationalError as error:
                ended = _ended(connection, error)
                findings.append(ended)
        if ended is not None and not drifted:
            proofs = [replace(p, note=f"not compared: {ended.message}") for p in proofs]
        columns.extend(
            proof
            for proof, column in zip(proofs, step.columns, strict=True)
            if not column.superseded
        )
    if ended is None:
        findings.extend(_session_zones(connection, steps, server_zone, accept))
        findings.extend(changed_since(connection))
    row = connection.execute(
        "SELECT to_char(now() AT TIME ZONE 'Etc/UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
    ).fetchone()
    return Proof(
        outcome=worst(tuple(c.outcome for c in columns)),
        database=connection.info.dbname,
        at=str(row[0]) if row else "",
        columns=tuple(columns),
        findings=tuple(findings),
        ended_early=ended is not None,
    )


def _ended(connection: psycopg.Connection[Any], error: psycopg.Error) -> Finding:
    """Say why the comparison ended, where its session goes on; else raise it."""
    known = from_psycopg(error)
    if connection.closed or not isinstance(known, Unavailable):
        raise error
    return Finding(
        code=known.code,
        severity=Severity.BLOCKS,
        message=known.message,
        hint="Nothing was changed; run the same command again, with a longer timeout"
        " where one ended it, or compare less: --level sample.",
    )


def moved_columns(
    connection: psycopg.Connection[Any], steps: Collection[str]
) -> tuple[ColumnProof, ...]:
    """Return those columns of the named steps that are shifted or suspect.

    Args:
        connection: a session of ours, in one read-only transaction.
        steps: names of steps in the ledger.
    """
    with readable(connection.info.dbname):
        return tuple(
            proof
            for step in read_ledger(connection) or ()
            if step.step in steps and not any(c.drifted for c in step.columns)
            for proof, column in zip(
                _step(connection, step, "sample"), step.columns, strict=True
            )
            if not column.superseded
            and proof.outcome in {Outcome.SHIFTED, Outcome.SUSPECT}
        )


def _session_zones(
    connection: psycopg.Connection[Any],
    steps: Iterable[LedgerStep],
    server_zone: tuple[str, str] | None,
    accept: Collection[str],
) -> tuple[Finding, ...]:
    """Say where naive input to a converted column is read in another zone."""
    columns = [
        ZonedColumn(
            name=(c.schema, c.relation, c.column),
            relation_oid=c.relation_oid,
            zone=c.zone,
        )
        for step in steps
        if step.zoned
        for c in step.columns
        if c.relation_oid is not None and not c.superseded and not c.drifted
    ]
    settings = read_zone_settings(
        connection, (c.relation_oid for c in columns), server_zone=server_zone
    )
    pairs = zone_pairs(settings, {c.zone for c in columns})
    return session_zone_findings(
        connection.info.dbname,
        settings,
        columns,
        same_zones=same_zones(connection, pairs),
        accept=accept,
    )


def _step(
    connection: psycopg.Connection[Any], step: LedgerStep, level: str
) -> list[ColumnProof]:
    try:
        with connection.transaction():
            total = count_rows(connection, step)
            tallies = compare_sample(connection, step)
    except psycopg.errors.InsufficientPrivilege as error:
        reason = error.diag.message_primary or "not permitted"
        return [
            replace(c, note=f"{reason}: run verify as a role with BYPASSRLS")
            for c in _lost(step)
        ]
    found = [judge(step, c, tallies[c.position], total) for c in step.columns]
    if level == "sample":
        return found
    if step.proof == "full" and level != "physical":
        whole = compare_whole(connection, step)
        return [
            compared_whole(step, proof, whole[c.position])
            for proof, c in zip(found, step.columns, strict=True)
        ]
    by_file = [_physical(step, proof) for proof in found]
    if level != "auto":
        return by_file
    # a file says more of rows that were found to be the same, and nothing of new ones
    return [
        physical if Outcome.PROVED is proof.outcome is physical.outcome else proof
        for physical, proof in zip(by_file, found, strict=True)
    ]


def _physical(step: LedgerStep, proof: ColumnProof) -> ColumnProof:
    if proof.outcome in {Outcome.SHIFTED, Outcome.SUSPECT}:
        return proof
    if proof.outcome is Outcome.UNPROVED and proof.changed:
        return replace(proof, level="physical")
    if step.elsewhere or step.rewrite or not (step.file_kept and step.file_same):
        by_whom = "" if step.rewrite or not step.file_kept else " since"
        return replace(
            proof,
            level="physical",
            outcome=Outcome.UNPROVED,
            confidence="",
            note=f"the table was rewritten{by_whom}, so its file proves nothing, and "
            "no fingerprint of the whole column was recorded: use --level sample"
            if step.proof != "full"
            else f"the table was rewritten{by_whom}, so its file proves nothing: "
            "use --level sample or full",
        )
    return replace(
        proof,
        level="physical",
        outcome=Outcome.PROVED,
        confidence="every value that nobody wrote since kept its eight bytes: the "
        "table was not rewritten, and both types count microseconds since 2000-01-01",
        note="",
    )


def _lost(step: LedgerStep) -> list[ColumnProof]:
    return [
        replace(
            judge(step, c, Tally(), 0),
            outcome=Outcome.UNPROVED,
            confidence="",
            note="the column is not what the ledger says"
            if c.drifted
            else "another column of its step is not what the ledger says",
        )
        for c in step.columns
    ]
