"""The proof, now: every step that the ledger knows, compared again."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from tzmigrate.errors import NotProved, Unavailable, UsageError
from tzmigrate.inventory.model import Finding, Severity
from tzmigrate.inventory.settings import read_system_identifier, read_zone_settings
from tzmigrate.postgres.errors import from_psycopg
from tzmigrate.postgres.quoting import readable_name
from tzmigrate.postgres.session import closed_if_busy
from tzmigrate.verification.adopted import as_adopted, unproved_adoption
from tzmigrate.verification.beside import columns_beside, columns_of, compared_beside
from tzmigrate.verification.certificate import repeated
from tzmigrate.verification.compare import (
    Tally,
    compare_sample,
    compare_whole,
    count_rows,
    sample_statement,
    whole_statements,
)
from tzmigrate.verification.judge import compared_whole, judge, worst
from tzmigrate.verification.ledger import (
    LedgerColumn,
    LedgerStep,
    query,
    read_baselines,
    read_ledger,
    readable,
)
from tzmigrate.verification.model import (
    LEVELS,
    Baseline,
    ColumnProof,
    Ground,
    Identity,
    Outcome,
    Proof,
)
from tzmigrate.verification.since import changed_since
from tzmigrate.verification.surroundings import look_around
from tzmigrate.zones.probe import same_zones
from tzmigrate.zones.sessions import (
    ZonedColumn,
    session_zone_findings,
    zone_pairs,
)


def verify(
    connection: psycopg.Connection[Any],
    *,
    level: str | None = None,
    server_zone: tuple[str, str] | None = None,
    accept: Collection[str] = (),
    primary: psycopg.Connection[Any] | None = None,
    against: Proof | None = None,
    old_columns: Iterable[str] = (),
    tool: str = "",
) -> Proof:
    """Compare the baselines of the ledger with the values of now.

    Args:
        connection: a session of ours, in one read-only transaction.
        level: ``sample`` compares the recorded rows; ``physical`` reasons from the
            heap file that a conversion under UTC left alone as well; ``full`` reads
            whole columns and compares their fingerprints where they were recorded;
            ``auto`` is full where a fingerprint was recorded, else physical, else
            sample. Without one it is that of ``against``, else ``auto``.
        server_zone: ``TimeZone`` and its source before ours was pinned.
        accept: codes of findings that shall not stop.
        primary: where sessions, slots and settings are, if ``connection`` is a replica.
        against: a proof of before, whose baselines shall still be the same.
        old_columns: ``schema.table.column=old``, where a column of the same table
            still holds what the converted one held before: every row is compared.
        tool: our version, for who reads the proof.

    Raises:
        NotProved: there is no ledger, so there is nothing to compare with, or it is
            damaged.
        Refused: the ledger belongs to somebody else.
        UsageError: no such level, or no such columns.
    """
    level = level or (against.level if against is not None else "auto")
    if level not in LEVELS:
        raise UsageError(
            "TZ281",
            f"there is no level {level!r}",
            hint=f"Use --level {', '.join(LEVELS[:-1])} or {LEVELS[-1]}.",
        )
    with readable(connection.info.dbname):
        proof = _verify(
            connection,
            primary or connection,
            level=level,
            server_zone=server_zone,
            accept=accept,
            old_columns=old_columns,
            against=against,
            tool=tool,
        )
    return proof if against is None else repeated(proof, against)


def _verify(
    connection: psycopg.Connection[Any],
    primary: psycopg.Connection[Any],
    *,
    level: str,
    server_zone: tuple[str, str] | None,
    accept: Collection[str],
    old_columns: Iterable[str],
    against: Proof | None,
    tool: str,
) -> Proof:
    ledger = read_ledger(connection)
    if not ledger:
        raise NotProved(
            "TZ410",
            f"database {connection.info.dbname} has no record of a conversion",
            hint="Run tzmigrate apply first; for what somebody converted by hand, "
            "tzmigrate adopt.",
        )
    steps = [s for s in ledger if not all(c.superseded for c in s.columns)]
    beside = columns_beside(connection, steps, old_columns)
    if against is not None:
        beside = columns_of(connection, steps, against) | beside
    at, identity = _identity(connection, tool)
    # not to be asked any more where Ctrl-C closed the connection
    database = connection.info.dbname
    recorded = read_baselines(connection, steps)
    end = _End()
    columns: list[ColumnProof] = []
    baselines: list[Baseline] = []
    findings: list[Finding] = []
    for step in steps:
        proofs = _lost(step)
        statements: tuple[str, ...] = ()
        drifted = [c for c in step.columns if c.drifted]
        findings.extend(_drifted(step, column) for column in drifted)
        if not drifted and end.why is None:
            with end.watched(connection):
                proofs, statements = _step(connection, step, level)
                proofs, direct = compared_beside(connection, step, proofs, beside)
                statements += direct
        if not drifted and end.why is not None:
            note = f"not compared: {end.why.message}"
            proofs = [replace(proof, note=note) for proof in proofs]
        baselines.append(replace(recorded[step.id], statements=statements))
        for proof, column in zip(proofs, step.columns, strict=True):
            if column.superseded:
                continue
            columns.append(as_adopted(step, column, proof, accept))
            if column.adopted is not None and column.adopted.doubtful:
                findings += _unproved(column, proof, accept)
    if end.why is None:
        with end.watched(connection, primary):
            findings.extend(_session_zones(primary, steps, server_zone, accept))
            findings.extend(changed_since(primary))
            findings.extend(look_around(primary, steps))
    outcome = worst(tuple(c.outcome for c in columns))
    if end.why is not None:
        findings.append(end.why)
        outcome = worst((outcome, Outcome.UNPROVED))
    return Proof(
        outcome=outcome,
        database=database,
        at=at,
        level=level,
        server=identity,
        columns=tuple(columns),
        baselines=tuple(baselines),
        findings=tuple(findings),
        ended_early=end.why is not None,
    )


@dataclass(slots=True)
class _End:
    """Whether the comparison was ended before its time, and by what."""

    why: Finding | None = None

    @contextmanager
    def watched(self, *connections: psycopg.Connection[Any]) -> Iterator[None]:
        """Keep what ends a block that reads through these connections.

        A proof that was not finished is still a document: what was compared until then
        stands in it, and the rest is unproved.
        """
        try:
            with closed_if_busy(*connections):
                yield
        except KeyboardInterrupt:
            self.why = _ended("TZ590", "cancelled")
        except psycopg.OperationalError as error:
            known = from_psycopg(error)
            if not isinstance(known, Unavailable):
                raise
            self.why = _ended(known.code, known.message)


def _ended(code: str, message: str) -> Finding:
    return Finding(
        code=code,
        severity=Severity.BLOCKS,
        message=message,
        hint="Nothing was changed; run the same command again, with a longer timeout"
        " where one ended it, or compare less: --level sample.",
    )


def _unproved(
    column: LedgerColumn, proof: ColumnProof, accept: Collection[str]
) -> tuple[Finding, ...]:
    """Say that an adopted column may be wrong, unless an old one shows it is not."""
    if column.adopted is None or (
        proof.old_column is not None and proof.outcome is Outcome.PROVED
    ):
        return ()
    why = "when it was adopted, nothing spoke for or against its zone"
    if column.adopted is Ground.CONTRADICTED:
        why = "when it was adopted, the data spoke against its zone"
    return (unproved_adoption(column.label, why, accept=accept),)


def _drifted(step: LedgerStep, column: LedgerColumn) -> Finding:
    table = readable_name(column.schema, column.relation)
    if column.relation_oid is None or step.called is not None:
        called = f"it is called {step.called} now" if step.called else "it was dropped"
        return Finding(
            code="TZ325",
            severity=Severity.BLOCKS,
            message=f"table {table}, whose column {column.column} was converted, is not"
            f" there under its name: {called}",
            hint=f"Give {step.called} its name back, and verify again."
            if step.called
            else "If that was meant there is nothing left to prove of it; else restore"
            " it from a backup.",
        )
    return Finding(
        code="TZ325",
        severity=Severity.BLOCKS,
        message=f"{column.label} is {column.type_now or 'gone'}, the ledger says "
        f"{column.type_after}",
        hint="Find out who changed it and in which zone its values are now, bring it "
        f"back to {column.type_after} by hand with USING … AT TIME ZONE, then run "
        "tzmigrate verify again.",
    )


def _identity(connection: psycopg.Connection[Any], tool: str) -> tuple[str, Identity]:
    """Return the server's time, and who it is."""
    row = connection.execute(query("identity")).fetchone()
    at, version, oid, role, standby = row or ("", "", 0, "", False)
    return str(at), Identity(
        version=version,
        database_oid=oid,
        system_identifier=read_system_identifier(connection),
        role=role,
        standby=standby,
        tool=tool,
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
                _step(connection, step, "sample")[0], step.columns, strict=True
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
) -> tuple[list[ColumnProof], tuple[str, ...]]:
    """Compare one step; return what came out, and the statements that did it."""
    if step.key_gone is not None:
        note = (
            f"column {step.key_gone} of the key, by which recorded rows are found"
            " again, is gone or has another name or type: bring it back, and verify"
            " again"
        )
        return [replace(c, note=note) for c in _lost(step)], ()
    try:
        with connection.transaction():
            total, counted = count_rows(connection, step)
            statement = sample_statement(connection, step)
            tallies = compare_sample(connection, step, statement)
    except psycopg.errors.InsufficientPrivilege as error:
        reason = error.diag.message_primary or "not permitted"
        remedy = (
            "let the owner of schema tzmigrate have BYPASSRLS (ALTER ROLE … BYPASSRLS)"
            " and run verify as that role"
            if "row-level security" in reason
            else f"GRANT SELECT on it to {connection.info.user}, and verify again"
        )
        note = f"{reason}: {remedy}"
        return [replace(c, note=note) for c in _lost(step)], ()
    except psycopg.errors.DataError:
        note = "the key has another type now, so recorded rows are not found by it"
        return [replace(c, note=note) for c in _lost(step)], ()
    said: tuple[str, ...] = (statement.as_string(connection),)
    found = [
        judge(step, c, tallies[c.position], total, counted=counted)
        for c in step.columns
    ]
    by_fingerprint = step.proof == "full" and level in {"auto", "full"}
    if by_fingerprint or level == "full":
        whole = compare_whole(connection, step)
        said += whole_statements(connection, step)
        found = [
            compared_whole(step, proof, whole[c.position])
            for proof, c in zip(found, step.columns, strict=True)
        ]
    if by_fingerprint or level == "sample":
        return found, said
    by_file = [_physical(step, proof) for proof in found]
    if level == "auto":
        # a file says more of rows found to be the same, and nothing of new ones
        by_file = [
            physical if Outcome.PROVED is proof.outcome is physical.outcome else proof
            for physical, proof in zip(by_file, found, strict=True)
        ]
    return by_file, said


def _physical(step: LedgerStep, proof: ColumnProof) -> ColumnProof:
    if proof.outcome in {Outcome.SHIFTED, Outcome.SUSPECT}:
        return proof
    if proof.outcome is Outcome.UNPROVED and (proof.changed or proof.missing):
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
