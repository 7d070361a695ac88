"""Columns that somebody converted by hand: what a proof may say of them."""

from collections.abc import Collection
from dataclasses import replace

from tzmigrate.inventory.model import Finding, Severity
from tzmigrate.verification.ledger import LedgerColumn, LedgerStep
from tzmigrate.verification.model import ColumnProof, Ground, Outcome

CODE = "TZ415"
"""Nobody could show that a conversion by hand was right."""

_KNOWN = {
    Ground.PROVED: "that conversion was proved then, row by row",
    Ground.SHOWN: "clock changes showed then that its zone was right",
    Ground.UNPROVED: "nobody could prove that conversion",
    Ground.CONTRADICTED: "the data spoke against that conversion",
}


def as_adopted(
    step: LedgerStep, column: LedgerColumn, proof: ColumnProof, accept: Collection[str]
) -> ColumnProof:
    """Let a proof claim no more than the time since the column was adopted.

    The baseline is what stood there then. That nothing moved since proves nothing of
    the conversion before, unless an old column stands beside it still.
    """
    if column.adopted is None:
        return proof
    said = f"converted by hand and adopted at {step.done_at}; {_KNOWN[column.adopted]}"
    proof = replace(proof, adopted=column.adopted)
    if proof.outcome is not Outcome.PROVED or proof.old_column is not None:
        return replace(proof, note="; ".join(filter(None, (proof.note, said))))
    if column.adopted.doubtful and CODE not in accept:
        return replace(
            proof,
            outcome=Outcome.UNPROVED,
            confidence="",
            note=f"{said}; nothing moved since: {proof.confidence}",
        )
    return replace(proof, confidence=f"{said}; since then: {proof.confidence}")


def unproved_adoption(label: str, why: str, *, accept: Collection[str]) -> Finding:
    """Say that a conversion by hand may have been wrong.

    Args:
        label: the column, as SQL names it.
        why: in words, for people.
        accept: codes of findings that shall not stop.
    """
    stops = CODE not in accept
    return Finding(
        code=CODE,
        severity=Severity.BLOCKS if stops else Severity.WARNING,
        message=f"{label} was converted by hand, and that is not proved: {why}",
        hint="It was accepted: what stands there now is what later changes are "
        "compared with."
        if not stops
        else "Where a column with the naive values still stands in the same table, "
        "compare every row: --old-column. Else ask who converted it, in which zone; "
        f'--accept {CODE}, or accept = ["{CODE}"] under [policy], takes their word.',
    )
