"""Run the planned revisions one by one, each in a transaction of its own."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

import psycopg

from tzmigrate.backup.interlock import RUN, refuse_beside_a_dump
from tzmigrate.errors import (
    Unavailable,
)
from tzmigrate.execution.model import Identity, Migrations, Run, StepRun
from tzmigrate.execution.preflight import (
    check_recorded,
    check_stamped,
    pending_revisions,
    preflight,
    recorded_steps,
    whose,
)
from tzmigrate.execution.statistics import analyze
from tzmigrate.execution.words import counted
from tzmigrate.postgres.errors import translated
from tzmigrate.postgres.quoting import (
    readable_identifier,
    readable_name,
)
from tzmigrate.postgres.session import Session
from tzmigrate.revisions.graph import RevisionGraph
from tzmigrate.revisions.ours import Kind, OurRevision

Confirm = Callable[[tuple[str, ...]], bool]
Progress = Callable[[str], None]

ATTEMPTS = 8
"""How often a lock is asked for before the run gives up; each try is a clean one."""
_FIRST_PAUSE = 0.5
"""Seconds before the second try; doubled each time up to _LONGEST_PAUSE."""
_LONGEST_PAUSE = 15.0
_BEGUN = (
    "env.py runs a statement before context.configure(), so its transaction is not "
    "Alembic's to end: transaction_per_migration has no effect, and under alembic "
    "upgrade all tables stay locked to the end. tzmigrate apply runs the revisions one "
    "by one."
)
_RETRIED = frozenset(("55P03", "40P01", "40001"))
"""lock_timeout, deadlock, serialization: another try may well succeed."""


def apply(
    session: Session,
    graph: RevisionGraph,
    migrations: Migrations,
    *,
    confirm: Confirm,
    progress: Progress,
    dry_run: bool = False,
    first: Callable[[], object] | None = None,
) -> Run:
    """Upgrade through every pending revision of ours.

    Args:
        session: of the database.
        graph: the planned revisions.
        migrations: runs them.
        confirm: asked before anything is done.
        progress: told what happens.
        dry_run: show, and do nothing.
        first: what is done before the first revision runs, such as a backup.

    Raises:
        DecisionNeeded: something is pending that is not ours, a file was edited, or
            the ledger disagrees.
        Refused: ``env.py`` reaches another database, or the set-up is unsafe.
        Unavailable: a lock was not obtained, or another run is on.
    """
    identity = preflight(session, migrations)
    pending = pending_revisions(graph, identity)
    if not pending:
        check_stamped(session, graph, identity)
        return Run(
            direction="up",
            steps=(),
            notes=(
                "Nothing is pending: every planned revision is applied."
                if graph.ours()
                else "Nothing is planned: run tzmigrate plan first.",
            ),
        )
    names = [revision.revision for revision in pending]
    if dry_run:
        notes = (_BEGUN,) if identity.begun else ()
        return Run(
            direction="up",
            steps=(),
            pending=tuple(names),
            notes=notes,
            dry_run=True,
        )
    lines = (
        f"Database {identity.database}: {counted(len(pending), 'revision')} will run"
        f"{for_tenants(identity)}, each in a transaction of its own, each proved before"
        " its commit.",
        *(f"  {describe(revision)}" for revision in pending),
    )
    if not confirm(lines):
        return Run(direction="up", steps=(), pending=tuple(names))
    if first is not None:
        first()
    done = []
    with one_run(session):
        for revision in pending:
            refuse_beside_a_dump(session)
            run = partial(migrations.upgrade, revision.revision)
            check = partial(
                check_recorded,
                session,
                revision,
                "up",
                identity.tenants,
                identity.words,
            )
            done.append(run_step(run, check, revision, progress))
            if revision.kind is not Kind.SUPPORT:
                for step in recorded_steps(revision, identity.tenants):
                    analyze(session, step, progress)
    return Run(
        direction="up",
        steps=tuple(done),
        notes=(
            "Every step was proved before its commit; tzmigrate verify repeats it.",
            *([_BEGUN] if identity.begun else []),
        ),
    )


def describe(revision: OurRevision) -> str:
    """Return one line about a revision, for people."""
    if revision.kind is Kind.SUPPORT:
        return f"{revision.revision}  install the ledger and the support"
    tables = ", ".join(_tables(revision)[:1])
    noun = "column" if len(revision.columns) == 1 else "columns"
    return (
        f"{revision.revision}  {tables}: {len(revision.columns)} {noun}, "
        f"{revision.strategy}"
    )


def _tables(revision: OurRevision) -> tuple[str, ...]:
    """Return the tables of a revision as it names them."""
    return tuple(
        readable_identifier(name)
        if schema == revision.unqualified
        else readable_name(schema, name)
        for schema, name in revision.relations
    )


def for_tenants(identity: Identity) -> str:
    """Say for whom revisions run, where that is for several; else nothing."""
    if len(identity.tenants) == 1:
        return ""
    schemas = [whose(t).removeprefix("schema ") for t in identity.tenants]
    return f" for {counted(len(schemas), 'schema')} ({', '.join(schemas)})"


@contextmanager
def one_run(session: Session) -> Iterator[None]:
    """Hold the lock that keeps a second ``apply`` or ``rollback`` out.

    Raises:
        Unavailable: another run holds it.
    """
    with translated():
        session.autocommit = True
    if not _lock_run(session):
        # a backup of ours holds the same lock, shared
        refuse_beside_a_dump(session)
        # or has just ended
        if not _lock_run(session):
            raise Unavailable(
                "TZ510",
                f"another tzmigrate run works on database {session.info.dbname}",
                hint="Wait until it has ended; tzmigrate status shows how far it is.",
            )
    try:
        yield
    finally:
        # a session that was lost has given the lock up, and is not what went wrong
        with suppress(psycopg.Error):
            session.execute(
                "SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (RUN,)
            )


def _lock_run(session: Session) -> bool:
    with translated():
        row = session.execute(
            "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (RUN,)
        ).fetchone()
    return row is not None and row[0]


def run_step(
    run: Callable[[], str | None],
    check: Callable[[], None],
    revision: OurRevision,
    progress: Progress,
) -> StepRun:
    """Run one revision; where a lock was not obtained, again after a pause.

    A revision is one transaction, so each attempt leaves all or nothing.

    Args:
        run: does it, and may return what is to be told.
        check: raises where it has no effect; nothing is called done before.
        revision: that is run.
        progress: told what happens.
    """

    def once() -> None:
        if told := run():
            progress(f"{revision.step}: {told}")
        check()

    attempts, seconds = patiently(once, revision.step, progress)
    return StepRun(
        step=revision.step,
        revision=revision.revision,
        attempts=attempts,
        seconds=seconds,
        tables=_tables(revision),
    )


def patiently(
    run: Callable[[], object], name: str, progress: Progress
) -> tuple[int, float]:
    """Run one transaction; where a lock was not obtained, again after a pause.

    Args:
        run: does all or nothing.
        name: for who is told of it.
        progress: told what happens.

    Returns:
        The attempts it took, and the seconds of the one that succeeded.
    """
    for attempt in range(1, ATTEMPTS + 1):
        started = time.monotonic()
        try:
            run()
        except Unavailable as error:
            if error.sqlstate not in _RETRIED or attempt == ATTEMPTS:
                raise
            pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (attempt - 1))
            # jitter, so that two clients do not meet again and again
            pause *= 0.5 + random.random()  # noqa: S311 - nothing secret about it
            progress(
                f"{name}: {error.message}; trying again in {pause:.1f} s "
                f"({attempt} of {ATTEMPTS})"
            )
            time.sleep(pause)
        else:
            seconds = time.monotonic() - started
            progress(f"{name}: done in {seconds:.2f} s")
            return attempt, seconds
    raise AssertionError
