"""Take converted groups back, proved as the way up was."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

from tzmigrate.backup.interlock import refuse_beside_a_dump
from tzmigrate.errors import DecisionNeeded, NotProved, UsageError
from tzmigrate.execution.model import Identity, Migrations, Run, Tenant
from tzmigrate.execution.preflight import (
    check_known,
    check_recorded,
    check_unedited,
    is_done,
    named,
    preflight,
    recorded,
    recorded_steps,
    unrecorded,
)
from tzmigrate.execution.runner import (
    Confirm,
    Progress,
    describe,
    for_tenants,
    one_run,
    run_step,
)
from tzmigrate.execution.statistics import analyze
from tzmigrate.execution.words import Words, counted
from tzmigrate.postgres.quoting import readable_name
from tzmigrate.postgres.session import Session, read_only
from tzmigrate.revisions.graph import RevisionGraph
from tzmigrate.revisions.ours import Kind, OurRevision
from tzmigrate.revisions.store import RevisionStore
from tzmigrate.verification.verifier import moved_columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """How far back: see ``commands.rollback``."""

    to: str | None = None
    everything: bool = False
    as_revision: bool = False


def rollback(
    session: Session,
    store: RevisionStore,
    graph: RevisionGraph,
    migrations: Migrations,
    *,
    choice: Choice,
    confirm: Confirm,
    progress: Progress,
    dry_run: bool = False,
    accept: Collection[str] = (),
) -> Run:
    """Downgrade the chosen groups, the newest first.

    Raises:
        DecisionNeeded: revisions of the team stand above ours, a file was edited, or
            the database stands at a revision that the directory lacks.
        UsageError: ``to`` names no revision of ours.
        NotProved: a step was not recorded, or its values moved since.
    """
    identity = preflight(session, migrations)
    check_known(graph, identity)
    ledger = recorded(session)
    applied = graph.applied(identity.heads)
    # a step taken back by a later revision of ours is naive already
    done = [
        r
        for r in graph.ours()
        if r.kind is Kind.GROUP
        and any(is_done(r, t, ledger) for t in _having(r, graph, identity))
    ]
    chosen = choose(graph, done, choice)
    if not chosen:
        # one that stays at --to may lack its record
        if choice.to is None and (lacking := unrecorded(graph, identity, ledger)):
            raise DecisionNeeded(
                "TZ324",
                f"{identity.words.record} says that revision {named(*lacking[0])} is "
                f"applied, and the ledger of database {identity.database} does not",
                detail="Without its record nothing can be taken back.",
                hint="See tzmigrate status; restore the ledger if it was lost.",
            )
        return Run(direction="down", steps=(), notes=("Nothing is converted.",))
    check_unedited(chosen, applied=True)
    if "TZ413" not in accept:
        _refuse_moved(session, chosen, identity)
    names = tuple(r.revision for r in chosen)
    if choice.as_revision:
        _refuse_waiting(graph, chosen)
        if dry_run:
            return Run(direction="down", steps=(), pending=names, dry_run=True)
        return _write_inverse(store, graph, chosen, identity.words)
    _refuse_later(graph, identity, chosen, applied)
    if dry_run:
        return Run(direction="down", steps=(), pending=names, dry_run=True)
    lines = (
        f"Database {identity.database}: back to naive goes "
        f"{counted(len(chosen), 'group')}{for_tenants(identity)}, each in a "
        "transaction of its own, each proved before its commit.",
        *(f"  {describe(revision)}" for revision in chosen),
    )
    if not confirm(lines):
        return Run(direction="down", steps=(), pending=names)
    steps = []
    with one_run(session):
        for revision in chosen:
            refuse_beside_a_dump(session)
            run = partial(migrations.downgrade, _below(revision))
            tenants = _having(revision, graph, identity)
            check = partial(
                check_recorded, session, revision, "down", tenants, identity.words
            )
            steps.append(run_step(run, check, revision, progress))
            for step in recorded_steps(revision, tenants):
                analyze(session, step, progress)
    return Run(
        direction="down",
        steps=tuple(steps),
        notes=(
            "The naive values are the ones recorded; tzmigrate verify repeats that."
            if "TZ413" not in accept
            else "The naive values are the wall clocks of what stood there, also where"
            " that had moved since the conversion, as was accepted.",
            "The ledger stays: tzmigrate apply converts again.",
        ),
    )


def _having(
    revision: OurRevision, graph: RevisionGraph, identity: Identity
) -> tuple[Tenant, ...]:
    """Return the tenants for whom a revision is applied."""
    return tuple(
        t for t in identity.tenants if revision.revision in graph.applied(t.heads)
    )


def choose(
    graph: RevisionGraph, done: list[OurRevision], choice: Choice
) -> tuple[OurRevision, ...]:
    """Return the groups to take back, the newest first."""
    if choice.everything:
        return tuple(reversed(done))
    if choice.to is None:
        return tuple(done[-1:])
    wanted = graph.resolve(choice.to)
    if wanted not in {r.revision for r in graph.ours()}:
        raise UsageError(
            "TZ251",
            f"revision {choice.to} is not one that tzmigrate wrote",
            hint="Name the revision of ours that stays; tzmigrate status lists them.",
        )
    above = set(graph.later(wanted))
    return tuple(r for r in reversed(done) if r.revision in above)


def _refuse_moved(
    session: Session, chosen: tuple[OurRevision, ...], identity: Identity
) -> None:
    """Never lose the record that shows a shift: the way down replaces it."""
    with read_only(session):
        moved = moved_columns(
            session, {n for r in chosen for n in recorded_steps(r, identity.tenants)}
        )
    if not moved:
        return
    first = moved[0]
    others = f", and {counted(len(moved) - 1, 'other column')}" if moved[1:] else ""
    raise NotProved(
        "TZ413",
        f"column {readable_name(first.schema, first.relation, first.column)} does not "
        f"hold the instants that were recorded{others}",
        detail=f"{first.offsets[0].count} of {first.rows_compared} compared rows moved "
        f"by {first.offsets[0].offset} since the conversion, and would stay so on the "
        "way down. Nothing was done.",
        hint="See tzmigrate verify and set them right first; where they were meant to "
        "move, add --accept TZ413.",
    )


def _refuse_later(
    graph: RevisionGraph,
    identity: Identity,
    chosen: tuple[OurRevision, ...],
    applied: frozenset[str],
) -> None:
    """Never take the team's own later revisions down with ours."""
    ours = {r.revision for r in chosen}
    above = [
        name
        for revision in chosen
        for name in graph.later(revision.revision)
        if name in applied and name not in ours
    ]
    if above:
        raise DecisionNeeded(
            "TZ323",
            f"{counted(len(dict.fromkeys(above)), 'later revision')} above ours in "
            f"database {identity.database}, first {above[0]}",
            detail="A downgrade would take them down too, so nothing was done.",
            hint="Run tzmigrate rollback --as-revision with the same options: it "
            "writes a new head revision that holds the inverse.",
        )


def _refuse_waiting(graph: RevisionGraph, chosen: tuple[OurRevision, ...]) -> None:
    """Write no second inverse beside one that has yet to run."""
    # an inverse that has run leaves its step naive, and such steps are not chosen
    steps = {revision.step for revision in chosen}
    waiting = [r for r in graph.ours() if r.inverts in steps]
    if waiting:
        raise DecisionNeeded(
            "TZ326",
            f"revision {waiting[0].revision} takes {waiting[0].inverts} back already, "
            "and is not applied",
            detail=f"File: {waiting[0].path}.",
            hint="Run tzmigrate apply, or delete that file if nobody has applied it.",
        )


def _write_inverse(
    store: RevisionStore,
    graph: RevisionGraph,
    chosen: tuple[OurRevision, ...],
    words: Words,
) -> Run:
    heads: dict[str | None, list[OurRevision]] = {}
    for revision in chosen:
        heads.setdefault(_head_above(graph, revision), []).append(revision)
    prepared = tuple(
        file
        for head, revisions in heads.items()
        for file in store.prepare_inverses(graph, revisions, head=head)
    )
    written = store.write(prepared)
    return Run(
        direction="down",
        steps=(),
        written=tuple(str(path) for path in written.paths),
        notes=(f"Run it with: tzmigrate apply, or {words.upgrade}",),
    )


def _head_above(graph: RevisionGraph, revision: OurRevision) -> str | None:
    """Return the head of the revision's branch; ``None`` where that is not clear."""
    above = {revision.revision, *graph.later(revision.revision)}
    found = [head for head in graph.heads() if head in above]
    return found[0] if len(found) == 1 else None


def _below(revision: OurRevision) -> str:
    """Return what undoes just this revision, as ``alembic downgrade`` takes it."""
    if not revision.down_revision:
        return "base"
    # without the branch's name Alembic takes every branch down that begins there
    return f"{revision.revision}@{revision.down_revision[0]}"
