"""Refuse what would go wrong, before a revision runs; look at what it did, after."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from tzmigrate.errors import DecisionNeeded, NotProved, Refused
from tzmigrate.execution.model import Identity, Migrations, Tenant
from tzmigrate.execution.words import Words, counted
from tzmigrate.postgres.errors import translated
from tzmigrate.postgres.quoting import quote_literal, readable_identifier
from tzmigrate.postgres.session import Session, require_writable
from tzmigrate.revisions.graph import RevisionGraph
from tzmigrate.revisions.ours import Kind, OurRevision
from tzmigrate.verification.ledger import LedgerStep, read_ledger


def preflight(session: Session, migrations: Migrations) -> Identity:
    """Refuse what would go wrong, before anything is done.

    Raises:
        Refused: see the messages.
    """
    require_writable(session)
    identity = migrations.identify()
    check_same_database(session, identity)
    _check_role(session, identity)
    if not identity.transactional:
        raise Refused(
            "TZ643",
            "env.py runs its statements under AUTOCOMMIT",
            detail="The pinned zone would be lost between two statements.",
            hint='Remove isolation_level="AUTOCOMMIT" from env.py, and wrap '
            "run_migrations() in context.begin_transaction().",
        )
    if identity.isolation != "read committed":
        raise Refused(
            "TZ644",
            f"env.py runs in {identity.isolation} transactions",
            detail="Rows counted before and after a rewrite differ there.",
            hint="Remove the isolation level from env.py for these revisions.",
        )
    return identity


def check_same_database(session: Session, identity: Identity) -> None:
    """Stop where ``env.py`` reaches another database than we do.

    Raises:
        Refused: names both.
    """
    with translated():
        row = session.execute(
            "SELECT d.oid::bigint, d.datname::text FROM pg_catalog.pg_database AS d"
            " WHERE d.datname = current_database()"
        ).fetchone()
        system = _system_identifier(session)
        session.rollback()
    here = (row[0], row[1]) if row else (0, "")
    there = (identity.database_oid, identity.database)
    if here != there or (
        system and identity.system_identifier and system != identity.system_identifier
    ):
        raise Refused(
            "TZ650",
            f"env.py connects to another database ({identity.database}) than "
            f"{session.target.source} says ({here[1]})",
            detail="Nothing was done in either of them.",
            hint="Make both point at the same database: correct the URL that env.py "
            f"uses, or {session.target.source}.",
        )


def _check_role(session: Session, identity: Identity) -> None:
    """Refuse a role that could not read the ledger which env.py's role will own."""
    with translated():
        row = session.execute(
            "SELECT current_user::text, coalesce(bool_and(rolsuper), false)"
            " FROM pg_catalog.pg_roles WHERE rolname IN (current_user, %s)",
            (identity.role,),
        ).fetchone()
        session.rollback()
    me, both_superusers = row or ("", False)
    if me == identity.role or both_superusers:
        return
    role = quote_literal(identity.role)
    raise Refused(
        "TZ651",
        f"env.py works as role {readable_identifier(identity.role)}, and "
        f"{session.target.source} as {readable_identifier(me)}",
        detail="The ledger belongs to the role that runs the revisions, and only that "
        "role reads it. Nothing was done.",
        hint="Use the same role in both. Where env.py takes it by SET ROLE, PGOPTIONS="
        f"'-c role=…' with {role} does the same for tzmigrate.",
    )


def pending_revisions(
    graph: RevisionGraph, identity: Identity
) -> tuple[OurRevision, ...]:
    """Return the revisions of ours that are not applied, in the order of their run.

    Raises:
        DecisionNeeded: the database stands elsewhere than the plan expects, a file
            was edited, or revisions of the team would have to run as well.
    """
    check_known(graph, identity)
    # what one tenant lacks runs; for the others Alembic has nothing to do
    applied = frozenset.intersection(
        *(graph.applied(tenant.heads) for tenant in identity.tenants)
    )
    pending = tuple(r for r in graph.ours() if r.revision not in applied)
    check_unedited(pending)
    _check_schemas(pending, identity)
    ours = {revision.revision for revision in graph.ours()}
    if pending:
        # several branches may hold revisions of ours
        needed = {n for revision in pending for n in graph.earlier(revision.revision)}
        between = [
            file.revision for file in graph if file.revision in needed - applied - ours
        ]
        if between:
            raise DecisionNeeded(
                "TZ321",
                f"{counted(len(between), 'revision')} of yours would have to run as "
                f"well, first {between[0]}",
                detail="The plan was made for a database that has them.",
                hint=f"Run alembic upgrade {between[-1]}, or your own command for it, "
                "if that is what you want; then run tzmigrate apply again.",
            )
    return pending


def _check_schemas(pending: Sequence[OurRevision], identity: Identity) -> None:
    """Stop where a revision that names no schema would find none."""
    bare = [revision for revision in pending if revision.unqualified is not None]
    if bare and any(tenant.schema is None for tenant in identity.tenants):
        raise DecisionNeeded(
            "TZ350",
            f"{identity.words.runner} would run revision {bare[0].revision} where no "
            "schema of the search_path exists",
            detail="Its names were planned without their schema, which is the first "
            "one there. Nothing was done.",
            hint="Let env.py set search_path to the schema of the tenant before it runs"
            " the migrations, and leave out tenants whose schema is gone.",
        )


def check_known(graph: RevisionGraph, identity: Identity) -> None:
    """Stop where the database stands at a revision that the directory lacks.

    Raises:
        DecisionNeeded: names the revision.
    """
    unknown = [head for head in identity.heads if head not in graph]
    if unknown:
        words = identity.words
        raise DecisionNeeded(
            "TZ320",
            f"database {identity.database} is at revision {', '.join(unknown)}, which "
            f"{words.directory} does not have",
            hint="Check out the branch that has it, or name another directory with "
            f"{words.option}.",
        )


def check_stamped(session: Session, graph: RevisionGraph, identity: Identity) -> None:
    """Stop where the version table claims what the ledger does not have.

    A database without a ledger may have been created zoned, and stamped: that is
    believed where no planned column is naive.
    """
    ledger = recorded(session)
    lacking = unrecorded(graph, identity, ledger)
    if lacking and (ledger or _any_naive(session, lacking)):
        words = identity.words
        raise DecisionNeeded(
            "TZ324",
            f"{words.record} says that revision {named(*lacking[0])} is "
            f"applied, and the ledger of database {identity.database} does not",
            detail=words.misled,
            hint=f"{words.correct}, then run tzmigrate apply again; tzmigrate status "
            "shows each step.",
        )


def unrecorded(
    graph: RevisionGraph, identity: Identity, ledger: Mapping[str, LedgerStep]
) -> list[tuple[OurRevision, Tenant]]:
    """Return the groups that are called applied and are not in the ledger."""
    found = []
    for tenant in identity.tenants:
        applied = graph.applied(tenant.heads)
        ours = [r for r in graph.ours() if r.revision in applied]
        taken_back = {revision.inverts for revision in ours}
        found += [
            (r, tenant)
            for r in ours
            if r.kind is Kind.GROUP
            and r.step not in taken_back
            and not is_done(r, tenant, ledger)
        ]
    return found


def is_done(
    revision: OurRevision, tenant: Tenant, ledger: Mapping[str, LedgerStep]
) -> bool:
    """Tell whether the ledger says that a group is converted for a tenant."""
    step = ledger.get(revision.recorded_as(tenant.schema))
    return step is not None and step.direction == "up"


def recorded_steps(revision: OurRevision, tenants: Sequence[Tenant]) -> tuple[str, ...]:
    """Return how the ledger names a revision, once for each tenant that it tells."""
    return tuple(dict.fromkeys(revision.recorded_as(t.schema) for t in tenants))


def named(revision: OurRevision, tenant: Tenant) -> str:
    """Name a revision, and the tenant where it runs for several."""
    if revision.unqualified is None:
        return revision.revision
    return f"{revision.revision} for {whose(tenant)}"


def whose(tenant: Tenant) -> str:
    """Say for which schema revisions run."""
    if tenant.schema is None:
        return "a schema that does not exist"
    return f"schema {readable_identifier(tenant.schema)}"


def _any_naive(
    session: Session, revisions: Sequence[tuple[OurRevision, Tenant]]
) -> bool:
    """Tell whether a column of these revisions still has the type before them."""
    columns = [
        c for revision, tenant in revisions for c in revision.columns_of(tenant.schema)
    ]
    with translated():
        row = session.execute(
            "SELECT count(*)"
            " FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[])"
            " AS c (nspname, relname, attname, type_before)"
            " JOIN pg_catalog.pg_namespace AS n ON n.nspname::text = c.nspname"
            " JOIN pg_catalog.pg_class AS r"
            " ON r.relnamespace = n.oid AND r.relname::text = c.relname"
            " JOIN pg_catalog.pg_attribute AS a"
            " ON a.attrelid = r.oid AND a.attname::text = c.attname"
            # a type of the users' own keeps its name; plan and ledger say what it holds
            " WHERE NOT a.attisdropped AND c.type_before IN ("
            " pg_catalog.format_type(a.atttypid, a.atttypmod),"
            " pg_catalog.format_type(a.atttypid, a.atttypmod) || ' without time zone')",
            (
                [c.schema for c in columns],
                [c.relation for c in columns],
                [c.column for c in columns],
                [c.type_before for c in columns],
            ),
        ).fetchone()
        session.rollback()
    return bool(row and row[0])


def check_unedited(revisions: Sequence[OurRevision], *, applied: bool = False) -> None:
    """Stop at a revision that was edited since it was planned.

    Args:
        revisions: what is about to run.
        applied: they are applied, so their files are needed to come back.

    Raises:
        DecisionNeeded: names the file.
    """
    for revision in revisions:
        if revision.edited:
            raise DecisionNeeded(
                "TZ322",
                f"revision {revision.revision} was edited since it was planned",
                detail=f"File: {revision.path}.",
                hint="Restore it from version control: the way back has to be the one "
                "that was planned."
                if applied
                else "Restore it from version control, or delete the planned files "
                "that are not applied yet and run tzmigrate plan again.",
            )


def recorded(session: Session) -> dict[str, LedgerStep]:
    """Return the ledger's newest finished run of each step."""
    with translated(), session.transaction():
        return {step.step: step for step in read_ledger(session) or ()}


def supported(session: Session) -> bool:
    """Tell whether the ledger is there, be it empty."""
    with translated(), session.transaction():
        return read_ledger(session) is not None


def check_recorded(
    session: Session,
    revision: OurRevision,
    direction: str,
    tenants: Sequence[Tenant],
    words: Words,
) -> None:
    """Believe the ledger, not an exit status: the step must stand there.

    Args:
        session: of the database.
        revision: that was run.
        direction: ``up`` or ``down``.
        tenants: for whom.
        words: what messages call the way of migrating.

    Raises:
        NotProved: whatever ran it was content, and the ledger does not know the step.
    """
    if revision.kind is Kind.SUPPORT:
        return
    if revision.inverts is not None:
        direction = "down" if direction == "up" else "up"
    ledger = recorded(session)
    for tenant in tenants:
        step = ledger.get(revision.recorded_as(tenant.schema))
        if step is None or step.direction != direction:
            raise NotProved(
                "TZ412",
                f"{words.runner} ran revision {named(revision, tenant)}, and the "
                f"ledger of database {session.info.dbname} does not have it",
                detail=words.undone,
                hint=f"{words.look}, then at tzmigrate status.",
            )


def _system_identifier(session: Session) -> str | None:
    row: Any = None
    try:
        with session.transaction():
            row = session.execute(
                "SELECT system_identifier::text FROM pg_control_system()"
            ).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return None
    return row[0] if row else None
