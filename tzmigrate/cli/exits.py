"""Which exit status a result stands for (docs/reference/exit-statuses.md)."""

from tzmigrate.backup.model import Kept
from tzmigrate.errors import ExitStatus
from tzmigrate.execution.model import Adoption, Status, StepState
from tzmigrate.inventory.model import Severity
from tzmigrate.planning.model import Action, Plan
from tzmigrate.verification.model import ColumnProof, Outcome, Proof

DRIFT = "TZ325"


def of_plan(plan: Plan) -> ExitStatus:
    """A decision is open, or a column has no safe way: a person must decide."""
    refused = any(c.action is Action.REFUSE for g in plan.groups for c in g.columns)
    return ExitStatus.DECISION if plan.decisions or refused else ExitStatus.DONE


def of_proof(proof: Proof) -> ExitStatus:
    """Only a proof without any doubt is a yes.

    What has a finding that blocks, or was changed outside tzmigrate, needs a decision;
    whatever was compared and not proved weighs more.
    """
    blocks = [f for f in proof.findings if f.severity is Severity.BLOCKS]
    if proof.ended_early and proof.outcome is Outcome.UNPROVED:
        return ExitStatus.UNAVAILABLE
    if proof.outcome is Outcome.PROVED:
        return ExitStatus.DECISION if blocks else ExitStatus.DONE
    drifted = any(f.code == DRIFT for f in blocks)
    doubts = [c for c in proof.columns if c.outcome is not Outcome.PROVED]
    if drifted and all(_is_lost(c) for c in doubts):
        return ExitStatus.DECISION
    return ExitStatus.NOT_PROVED


def of_status(status: Status) -> ExitStatus:
    """Pending work is fine; what cannot be explained is not."""
    odd = {StepState.INTERRUPTED, StepState.DRIFT}
    found = any(step.state in odd for step in status.steps)
    return ExitStatus.DECISION if found else ExitStatus.DONE


def of_adoption(adoption: Adoption) -> ExitStatus:
    """What nobody could prove, and nobody accepted, is no yes, recorded or not."""
    blocks = any(f.severity is Severity.BLOCKS for f in adoption.findings)
    return ExitStatus.NOT_PROVED if blocks else ExitStatus.DONE


def of_backup(kept: Kept) -> ExitStatus:
    """A backup with anything wrong is no backup."""
    return ExitStatus.NOT_PROVED if kept.broken else ExitStatus.DONE


def _is_lost(column: ColumnProof) -> bool:
    """Nothing was compared, because the column is not what the ledger says."""
    return column.outcome is Outcome.UNPROVED and not (
        column.rows_compared or column.rows_total
    )
