"""Say where every planned step stands: files, version table and ledger side by side."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from tzmigrate.execution.model import (
    Migrations,
    Status,
    StepState,
    StepStatus,
    Tenant,
)
from tzmigrate.execution.preflight import check_same_database, recorded, supported
from tzmigrate.execution.words import ALEMBIC, Words
from tzmigrate.postgres.quoting import readable_name
from tzmigrate.postgres.session import Session
from tzmigrate.revisions.graph import RevisionGraph
from tzmigrate.revisions.ours import Kind, OurRevision
from tzmigrate.verification.ledger import LedgerColumn, LedgerStep


def read_status(
    session: Session,
    graph: RevisionGraph,
    migrations: Migrations,
    *,
    options: str = "",
) -> Status:
    """Compare what is planned with what the team's record and the ledger say was done.

    Args:
        session: of the database.
        graph: the planned revisions.
        migrations: runs them.
        options: what ``plan`` and ``apply`` need to find them again.

    Raises:
        Refused: version table and ledger would be those of two databases.
    """
    identity = migrations.identify()
    check_same_database(session, identity)
    ledger = recorded(session)
    support = supported(session)
    unknown = [head for head in identity.heads if head not in graph]
    several = len(identity.tenants) > 1
    steps = tuple(
        replace(
            status,
            schema=(tenant.schema or "") if several or revision.unqualified else "",
        )
        for tenant in identity.tenants
        for revision, status in _steps(
            graph, tenant, ledger, support=support, words=identity.words
        )
    )
    steps += tuple(_adopted(step) for step in ledger.values() if _stands_alone(step))
    return Status(
        database=session.info.dbname,
        steps=steps,
        next_command=identity.words.current if unknown else _next(steps, options),
    )


def _steps(
    graph: RevisionGraph,
    tenant: Tenant,
    ledger: Mapping[str, LedgerStep],
    *,
    support: bool,
    words: Words,
) -> Iterator[tuple[OurRevision, StepStatus]]:
    """Yield where each step stands for one tenant."""
    unknown = [head for head in tenant.heads if head not in graph]
    applied = graph.applied(tenant.heads)
    ours = graph.ours()
    inverses = {r.inverts: r for r in ours if r.inverts and r.revision in applied}
    missing = ""
    if unknown:
        missing = (
            f"the database is at revision {', '.join(unknown)}, which "
            f"{words.directory} does not have"
        )
    for revision in ours:
        status = step_status(
            revision,
            # nobody knows what stands below a revision that is not here
            applied=None if unknown else revision.revision in applied,
            support=support,
            step=_of(revision, tenant, ledger, foreign=bool(unknown)),
            taken_back_by=inverses.get(revision.step),
            words=words,
            schema=tenant.schema,
        )
        note = "; ".join(filter(None, (missing, status.note)))
        yield revision, replace(status, note=note)


def step_status(
    revision: OurRevision,
    *,
    applied: bool | None,
    support: bool,
    step: LedgerStep | None,
    taken_back_by: OurRevision | None = None,
    words: Words = ALEMBIC,
    schema: str | None = None,
) -> StepStatus:
    """Judge one step; no server here.

    Args:
        revision: the step's file.
        applied: what the team's record says; ``None`` where it cannot be read.
        support: there is a ledger.
        step: what the ledger says; of the step taken back, for an inverse.
        taken_back_by: the inverse of this step, where that is applied.
        words: what notes call that record.
        schema: of the tenant.
    """
    done = step is not None and step.direction == "up"
    if revision.kind is Kind.INVERSE:
        done = step is not None and not done
    if applied is None:
        applied = done
    note = ""
    if revision.kind is Kind.SUPPORT:
        state = StepState.DONE if support else StepState.PENDING
        if applied and not support:
            state = StepState.INTERRUPTED
            note = f"{words.record} says applied, and there is no ledger"
    elif applied and done:
        state = StepState.DONE
    elif revision.kind is Kind.INVERSE and not applied:
        state = StepState.PENDING
    elif applied and taken_back_by is not None:
        state = StepState.ROLLED_BACK
        note = f"taken back by revision {taken_back_by.revision}"
    elif applied:
        state = StepState.INTERRUPTED
        note = (
            f"{words.record} says applied, the ledger does not. "
            f"{words.misled.removesuffix('.')}: {words.correct}, then tzmigrate apply"
        )
    elif done:
        state = StepState.INTERRUPTED
        note = (
            f"the ledger says done, {words.record} does not: tzmigrate apply "
            "passes it over and moves the version"
        )
    else:
        state = StepState.PENDING if step is None else StepState.ROLLED_BACK
    if step is not None and state in {StepState.DONE, StepState.ROLLED_BACK}:
        drifted = [c for c in step.columns if c.drifted]
        if drifted:
            state = StepState.DRIFT
            note = _otherwise(drifted[0])
    return StepStatus(
        step=revision.step,
        revision=revision.revision,
        state=state,
        tables=tuple(
            # for a tenant whose schema is gone it is no table of another one
            readable_name(*filter(None, [schema]), relation)
            if of == revision.unqualified
            else readable_name(of, relation)
            for of, relation in revision.relations
        ),
        columns=len(revision.columns),
        at=step.done_at
        if step is not None and state is not StepState.PENDING
        else None,
        note=note or _of_file(revision, state),
    )


def _stands_alone(step: LedgerStep) -> bool:
    """Tell whether columns were adopted that no revision was written for."""
    return (
        not step.revision and step.zoned and not all(c.superseded for c in step.columns)
    )


def _adopted(step: LedgerStep) -> StepStatus:
    drifted = [c for c in step.columns if c.drifted]
    return StepStatus(
        step=step.step,
        revision="",
        state=StepState.DRIFT if drifted else StepState.DONE,
        tables=(readable_name(step.columns[0].schema, step.columns[0].relation),),
        columns=len(step.columns),
        at=step.done_at,
        note=_otherwise(drifted[0])
        if drifted
        else "converted by hand and adopted; no revision takes it back",
    )


def _otherwise(column: LedgerColumn) -> str:
    return (
        f"{column.label} is {column.type_now or 'gone'}, the ledger says "
        f"{column.type_after}"
    )


def _of(
    revision: OurRevision,
    tenant: Tenant,
    ledger: Mapping[str, LedgerStep],
    *,
    foreign: bool,
) -> LedgerStep | None:
    """Find what the ledger says of a revision; another project has names like ours."""
    step = ledger.get(revision.recorded_as(tenant.schema))
    if foreign and step is not None and revision.kind is not Kind.INVERSE:
        return step if step.revision == revision.revision else None
    return step


def _of_file(revision: OurRevision, state: StepState) -> str:
    if state is not StepState.PENDING or not revision.edited:
        return ""
    return (
        f"{revision.path.name} was edited since it was planned, and apply refuses it: "
        "restore it from version control"
    )


def _next(steps: tuple[StepStatus, ...], options: str) -> str:
    # what an inverse took back stays back; plan writes new revisions for it
    states = {
        step.state
        for step in steps
        if not (step.state is StepState.ROLLED_BACK and step.note)
    }
    if not steps:
        return f"tzmigrate plan{options}"
    if StepState.DRIFT in states:
        return "tzmigrate verify"
    if states & {StepState.INTERRUPTED, StepState.PENDING, StepState.ROLLED_BACK}:
        return f"tzmigrate apply{options}"
    return "tzmigrate verify"
