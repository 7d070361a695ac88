"""Say where every planned step stands: files, version table and ledger side by side."""

from tzmigrate.execution.alembic_project import AlembicRunner
from tzmigrate.execution.model import Status, StepState, StepStatus
from tzmigrate.execution.runner import recorded
from tzmigrate.postgres.quoting import readable_name
from tzmigrate.postgres.session import Session
from tzmigrate.revisions.graph import RevisionGraph
from tzmigrate.revisions.ours import Kind, OurRevision
from tzmigrate.verification.ledger import LedgerStep


def read_status(
    session: Session, graph: RevisionGraph, alembic: AlembicRunner
) -> Status:
    """Compare what is planned with what Alembic and the ledger say was done."""
    ledger = recorded(session)
    identity = alembic.identify()
    applied = graph.applied([head for head in identity.heads if head in graph])
    ours = [r for r in graph.ours() if r.kind is not Kind.INVERSE]
    inverted = {r.inverts for r in graph.ours() if r.revision in applied}
    steps = tuple(
        step_status(
            revision,
            applied=revision.revision in applied and revision.step not in inverted,
            support=bool(ledger),
            step=ledger.get(revision.step),
        )
        for revision in ours
    )
    return Status(
        database=session.info.dbname,
        steps=steps,
        next_command=_next(steps),
    )


def step_status(
    revision: OurRevision, *, applied: bool, support: bool, step: LedgerStep | None
) -> StepStatus:
    """Judge one step; no server here."""
    up = step is not None and step.direction == "up"
    note = ""
    if revision.kind is Kind.SUPPORT:
        done = applied or support
        state = StepState.DONE if done else StepState.PENDING
    elif applied and up:
        state = StepState.DONE
    elif applied:
        state = StepState.INTERRUPTED
        note = (
            "Alembic's version table says applied, the ledger does not: was it "
            "stamped? alembic stamp the revision below it, then tzmigrate apply"
        )
    elif up:
        state = StepState.INTERRUPTED
        note = (
            "the ledger says done, Alembic's version table does not: tzmigrate apply "
            "passes it over and moves the version"
        )
    else:
        state = StepState.PENDING if step is None else StepState.ROLLED_BACK
    if step is not None and state in {StepState.DONE, StepState.ROLLED_BACK}:
        drifted = [c for c in step.columns if c.type_now != c.type_after]
        if drifted:
            state = StepState.DRIFT
            note = (
                f"{drifted[0].label} is {drifted[0].type_now or 'gone'}, the ledger "
                f"says {drifted[0].type_after}"
            )
    return StepStatus(
        step=revision.step,
        revision=revision.revision,
        state=state,
        tables=tuple(readable_name(*r) for r in revision.relations),
        columns=len(revision.columns),
        at=step.done_at if step is not None else None,
        note=note,
    )


def _next(steps: tuple[StepStatus, ...]) -> str:
    states = {step.state for step in steps}
    if not steps:
        return "tzmigrate plan"
    if StepState.DRIFT in states:
        return "tzmigrate verify"
    if StepState.INTERRUPTED in states:
        return "tzmigrate apply"
    if states & {StepState.PENDING, StepState.ROLLED_BACK}:
        return "tzmigrate apply"
    return "tzmigrate verify"
