"""A proof that was kept, and whether what it rests on is still the same."""

import json
import re
from collections.abc import Collection
from dataclasses import fields, replace
from pathlib import Path

from tzmigrate.errors import UsageError
from tzmigrate.inventory.model import Finding, Severity
from tzmigrate.postgres.quoting import readable_name
from tzmigrate.verification.judge import worst
from tzmigrate.verification.model import (
    LEVELS,
    Baseline,
    ColumnProof,
    Outcome,
    Proof,
)

DOCUMENT = {"document": "tzmigrate.proof", "version": 1}
"""What a certificate says of itself."""

_MOMENT = re.compile(r"\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def read_certificate(path: Path) -> Proof:
    """Read a proof that ``verify --format json --output FILE`` wrote.

    Raises:
        UsageError: the file cannot be read, or is no certificate.
    """
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415  slow to load

    try:
        text = path.read_text("utf-8")
        found = json.loads(text)
        if not isinstance(found, dict) or found.get("document") != DOCUMENT["document"]:
            raise _unreadable(path, "It is not a document of tzmigrate verify.")
        if found.get("version") != DOCUMENT["version"]:
            said = f"It has version {found.get('version')}, and this tzmigrate reads 1."
            raise _unreadable(path, said)
        proof = TypeAdapter(Proof).validate_json(text)
    except OSError as error:
        raise _unreadable(path, f"The system says: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise _unreadable(path, f"{place}: {first['msg']}.") from error
    except (ValueError, RecursionError) as error:
        raise _unreadable(path, "It is not JSON in UTF-8.") from error
    if not proof.baselines or proof.server is None:
        raise _unreadable(path, "It does not say what was compared with.")
    if proof.level not in LEVELS:
        raise _unreadable(path, f"There is no level {proof.level!r}.")
    if not _MOMENT.fullmatch(proof.at):
        raise _unreadable(path, f"{proof.at!r} is no moment.")
    if {(c.step, c.schema, c.relation) for c in proof.columns} != {
        _place(b) for b in proof.baselines
    }:
        said = "Its columns are not those of its baselines: a part was taken out."
        raise _unreadable(path, said)
    return proof


def repeated(proof: Proof, certificate: Proof) -> Proof:
    """Tie a new proof to a certificate: both must rest on the same baselines.

    Args:
        proof: of now.
        certificate: of before, with its baselines.
    """
    now = {_place(b): b for b in proof.baselines}
    findings = []
    broken = set()
    for then in certificate.baselines:
        here = now.get(_place(then))
        if here is None or here.recorded_at != then.recorded_at:
            findings.append(_gone(then, certificate))
            broken.add(_place(then))
        elif replace(here, statements=()) != replace(then, statements=()):
            findings.append(_rewritten(then, here))
            broken.add(_place(then))
    unsaid = set(now) - {_place(then) for then in certificate.baselines}
    # what was there when the certificate was made stands in it, unless it was cut out
    cut = {place for place in unsaid if now[place].recorded_at < certificate.at}
    findings += [_cut_out(now[place], certificate) for place in sorted(cut)]
    broken |= cut
    if certificate.outcome is not Outcome.PROVED:
        findings.append(_no_proof(certificate))
    if _other_server(proof, certificate):
        findings.append(_elsewhere(proof, certificate))
    known = {_name(column): column for column in certificate.columns}
    columns = [
        _tied(column, known.pop(_name(column), None), broken, certificate.at)
        for column in proof.columns
    ]
    columns += [
        replace(
            column,
            outcome=Outcome.UNPROVED,
            rows_compared=0,
            confidence="",
            note="what the certificate rests on is gone",
            fingerprint=None,
        )
        for column in known.values()
    ]
    return replace(
        proof,
        outcome=worst((proof.outcome, *(column.outcome for column in columns))),
        columns=tuple(columns),
        findings=(*findings, *proof.findings),
    )


def _tied(
    column: ColumnProof,
    before: ColumnProof | None,
    broken: Collection[tuple[str, str, str]],
    at: str,
) -> ColumnProof:
    place = (column.step, column.schema, column.relation)
    if column.outcome in {Outcome.SHIFTED, Outcome.SUSPECT}:
        return column
    lost = ""
    if place in broken:
        lost = "its baseline is not the one that the certificate rests on"
    elif before is not None and before.outcome is not Outcome.PROVED:
        lost = f"the certificate says {before.outcome}: {before.note}"
    elif before is not None and before.old_column not in {None, column.old_column}:
        lost = f"its old column {before.old_column}, which the certificate was made"
        lost += " with, is gone"
    if lost:
        return replace(column, outcome=Outcome.UNPROVED, confidence="", note=lost)
    if before is None:
        said = f"converted after the certificate was made, at {at}"
        return replace(column, note="; ".join(filter(None, (column.note, said))))
    if None in (before.fingerprint, column.fingerprint):
        return column
    said = (
        f"every value is as it was at {at}, when the certificate was made"
        if before.fingerprint == column.fingerprint
        else f"values were written or removed since {at}, when the certificate was made"
    )
    return replace(column, note="; ".join(filter(None, (column.note, said))))


def _gone(then: Baseline, certificate: Proof) -> Finding:
    return Finding(
        code="TZ430",
        severity=Severity.BLOCKS,
        message=f"the ledger no longer has what the certificate of {certificate.at} "
        f"rests on for {_label(then)}: step {then.step}, recorded {then.recorded_at}",
        hint="It was taken back or converted again since, or this is another database."
        " See tzmigrate status; what stands there now needs a certificate of its own.",
    )


def _rewritten(then: Baseline, here: Baseline) -> Finding:
    differs = f"its SHA-256 was {then.sha256[:16]}…, is {here.sha256[:16]}…"
    if here.sha256 == then.sha256:
        names = (f.name for f in fields(then) if f.name != "statements")
        other = [n for n in names if getattr(then, n) != getattr(here, n)]
        differs = f"the file has another {', '.join(other)}"
    return Finding(
        code="TZ431",
        severity=Severity.BLOCKS,
        message=f"the ledger's baseline of {_label(then)}, step {then.step}, was "
        f"changed since the certificate: {differs}",
        hint="Nothing but tzmigrate writes the ledger, and never what it recorded. Use"
        " the file as it was written; where nobody edited it, find out who wrote the"
        " ledger, and restore the schema tzmigrate from a backup.",
    )


def _cut_out(here: Baseline, certificate: Proof) -> Finding:
    return Finding(
        code="TZ433",
        severity=Severity.BLOCKS,
        message=f"the certificate of {certificate.at} says nothing of {_label(here)},"
        f" step {here.step}, which was recorded before, {here.recorded_at}",
        hint="A part of the file was taken out, or it is of another database: use the"
        " file as it was written, or make a new one with tzmigrate verify --output"
        " proof.json.",
    )


def _no_proof(certificate: Proof) -> Finding:
    ended = ", and was ended early" if certificate.ended_early else ""
    return Finding(
        code="TZ434",
        severity=Severity.BLOCKS,
        message=f"the certificate of {certificate.at} proves nothing: its outcome is"
        f" {certificate.outcome}{ended}",
        hint="See in it which columns and why; settle that, then make a new one with"
        " tzmigrate verify --output proof.json.",
    )


def _elsewhere(proof: Proof, certificate: Proof) -> Finding:
    was = certificate.server.system_identifier if certificate.server else None
    now = proof.server.system_identifier if proof.server else None
    return Finding(
        code="TZ432",
        severity=Severity.WARNING,
        message=f"the certificate is of another database: {certificate.database} in "
        f"cluster {was}, this is {proof.database} in cluster {now}",
        hint="A restored copy has the same ledger and is compared by its values alone; "
        "if you did not mean a copy, check --url.",
    )


def _other_server(proof: Proof, certificate: Proof) -> bool:
    if proof.server is None or certificate.server is None:
        return False
    was, now = certificate.server, proof.server
    if None in (was.system_identifier, now.system_identifier):
        return False
    return (was.system_identifier, was.database_oid) != (
        now.system_identifier,
        now.database_oid,
    )


def _place(baseline: Baseline) -> tuple[str, str, str]:
    return (baseline.step, baseline.schema, baseline.relation)


def _label(baseline: Baseline) -> str:
    return readable_name(baseline.schema, baseline.relation)


def _name(column: ColumnProof) -> tuple[str, str, str, str]:
    return (column.step, column.schema, column.relation, column.column)


def _unreadable(path: Path, detail: str) -> UsageError:
    return UsageError(
        "TZ285",
        f"{path} is not a certificate",
        detail=detail,
        hint="Make one with: tzmigrate verify --output proof.json",
    )
