"""The way there and back: scan, plan, apply, verify, rollback, status.

What they stand on takes longer to import than some of them take to run, Alembic and
SQLAlchemy above all: each imports its own.
"""

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tzmigrate import __version__
from tzmigrate.commands.common import (
    AlembicOptions,
    Confirm,
    Connection,
    Progress,
    Selection,
    SqlOptions,
    alembic_options,
    both_ways,
    migrations_of,
    named_again,
    open_scripts,
    open_session,
    project_to_plan_for,
    sql_options,
    store_of,
)
from tzmigrate.config import (
    Config,
    Views,
    check_accepted,
    load_config,
    with_zone_options,
)
from tzmigrate.errors import UsageError
from tzmigrate.postgres.replica import replica_of
from tzmigrate.postgres.session import Session, read_only
from tzmigrate.postgres.url import parse_url, resolve_shadow_url
from tzmigrate.verification.certificate import read_certificate
from tzmigrate.verification.ledger import read_ledger
from tzmigrate.verification.model import Proof
from tzmigrate.verification.verifier import verify as verify_ledger

if TYPE_CHECKING:
    from tzmigrate.execution.model import Adoption, Run, Status
    from tzmigrate.inventory.model import Inventory
    from tzmigrate.planning.model import Plan
    from tzmigrate.revisions.script_store import ScriptStore
    from tzmigrate.revisions.store import AlembicStore, RevisionStore


def scan(
    connection: Connection,
    *,
    selection: Selection | None = None,
    alembic: AlembicOptions | None = None,
    evidence: bool = False,
) -> "Inventory":
    """Find every column of naive time and everything that leans on it.

    Args:
        connection: what to read.
        selection: what to look at.
        alembic: the configuration that may name the database, and its section.
        evidence: also count rows at clock changes of the declared zones.
    """
    from tzmigrate.planning.survey import with_evidence  # noqa: PLC0415 - see above

    config = load_config(connection.config)
    wanted = _wanted(config, selection or Selection())
    with (
        open_session(connection, config, alembic=alembic) as session,
        read_only(session),
    ):
        inventory = _inventory(
            session,
            config,
            wanted,
            rewrite_functions=config.policy.rewrite_functions,
        )
        if evidence:
            inventory = with_evidence(session, config, inventory)
    return inventory


def plan(
    connection: Connection,
    *,
    selection: Selection | None = None,
    alembic: AlembicOptions | None = None,
    sql: SqlOptions | None = None,
    zones: tuple[str, ...] = (),
    accept: tuple[str, ...] = (),
    rewrite_functions: bool = False,
    unqualified: bool = False,
    init: bool = False,
    head: str | None = None,
    version_path: Path | None = None,
    shadow_url: str | None = None,
    dry_run: bool = False,
) -> "Plan":
    """Decide what converts and how, and write the revisions.

    Nothing is written while a decision is open, and nothing where nothing is left.

    Args:
        connection: what to plan for.
        selection: what to look at.
        alembic: where the revisions go.
        sql: where they go as SQL scripts instead, which is made if need be.
        zones: ``PATTERN=ZONE``, before those of the configuration.
        accept: codes of findings that shall not stop the plan.
        rewrite_functions: put functions into the revisions that write or read naive
            time, where their rewrite is certain.
        unqualified: leave the one schema that is selected out of all names, so that
            the revisions run for every schema like it.
        init: make an Alembic directory first.
        head: the head to extend, where there are several.
        version_path: the version location, where there are several.
        shadow_url: a server where the plan is tried.
        dry_run: decide, and write nothing.
    """
    from tzmigrate.execution.version_table import (  # noqa: PLC0415 - see above
        check_at_head,
    )
    from tzmigrate.inventory.findings import IDLE_EXCLUDE  # noqa: PLC0415 - see above
    from tzmigrate.planning import (  # noqa: PLC0415 - see above
        leaning,
        literals,
        moments,
        survey,
    )
    from tzmigrate.planning.planner import Planner  # noqa: PLC0415 - see above
    from tzmigrate.postgres.shadow import closing_beside  # noqa: PLC0415 - see above
    from tzmigrate.revisions import drafts as drafting  # noqa: PLC0415 - see above
    from tzmigrate.revisions.ladder import plan_and_try  # noqa: PLC0415 - see above
    from tzmigrate.revisions.store import AlembicStore  # noqa: PLC0415 - see above
    from tzmigrate.revisions.trial import Standing  # noqa: PLC0415 - see above
    from tzmigrate.zones import probe, sessions, unmatched  # noqa: PLC0415 - see above

    config = with_zone_options(load_config(connection.config), zones)
    options = alembic_options(alembic, config)
    rules = survey.rules_of(config, check_accepted(accept))
    wanted = _wanted(config, selection or Selection())
    rewrites = rewrite_functions or config.policy.rewrite_functions
    schema = _left_out(wanted) if unqualified else None
    store = _store_to_plan_for(
        alembic, sql, config, init=init, head=head, place=version_path, dry_run=dry_run
    )
    graph = store.read() if store is not None else None
    if graph is not None:
        graph.head(head)
    ours = graph.ours() if graph is not None else ()
    # the shadow goes while the files are made
    with closing_beside() as close:
        with (
            open_session(connection, config, store, alembic) as session,
            read_only(session),
        ):
            if graph is not None and isinstance(store, AlembicStore):
                check_at_head(
                    session, graph, head=head, named=config.alembic.version_table
                )
            inventory = _inventory(session, config, wanted, rewrite_functions=rewrites)
            config = survey.checked_zones(session, config)
            verdicts = survey.verdicts_of(session, config, inventory)
            used = {v.zone for v in verdicts.values() if v.zone is not None}
            ledger = read_ledger(session) or ()
            done = {step.step for step in ledger if step.direction == "up"}
            planner = Planner(
                inventory,
                verdicts,
                rules=rules,
                planned=drafting.planned_before(ours, done, schema=schema),
                same_zones=probe.same_zones(
                    session,
                    sessions.zone_pairs(inventory.server.zones, used)
                    | moments.zone_pairs(inventory.columns, verdicts),
                ),
                uniting=leaning.read_uniting_views(session),
                literals=literals.read_literals(
                    session, inventory, verdicts, widen=rules.precision == "widen"
                ),
            )
            found = plan_and_try(
                planner,
                session,
                shadow_url=resolve_shadow_url(
                    shadow_url, config=config, environ=os.environ
                ),
                policy=drafting.policy(rules),
                zoned_views=config.policy.views is Views.ZONED,
                routines=inventory.routines if rewrites else None,
                schema=schema,
                close=close,
                standing=Standing(
                    done=done,
                    pending=[
                        (
                            revision.path,
                            revision.unqualified and (schema or revision.unqualified),
                            store.upgrade_statements(revision),
                        )
                        for revision in drafting.pending(ours, done, schema=schema)
                    ]
                    if store is not None
                    else [],
                ),
            )
            idle = (f for f in inventory.findings if f.code == IDLE_EXCLUDE)
            missed = unmatched.unmatched_patterns(session, config.zones)
            found = replace(
                found,
                findings=(*idle, *missed, *found.findings),
                next_command=f"tzmigrate apply{named_again(sql)}",
            )
        scripts = drafting.plan_scripts(found, graph, rules, head=head, schema=schema)
        if found.decisions or not scripts:
            return replace(found, dry_run=dry_run)
        if dry_run:
            return replace(drafting.with_revisions(found, scripts, None), dry_run=True)
        if init:
            store = _initialised(options, version_path)
            graph = store.read()
        if store is None or graph is None:
            raise AssertionError
        prepared = store.prepare(graph, scripts, head=head)
    # whoever ends it while the shadow goes has no files
    written = store.write(prepared)
    return drafting.with_revisions(found, scripts, written)


def _store_to_plan_for(
    alembic: AlembicOptions | None,
    sql: SqlOptions | None,
    config: Config,
    *,
    init: bool,
    head: str | None,
    place: Path | None,
    dry_run: bool,
) -> "AlembicStore | ScriptStore | None":
    """Return where a plan goes; ``None``: it is still to be made, or nowhere yet."""
    from tzmigrate.revisions.store import AlembicStore  # noqa: PLC0415 - see above

    of_alembic = init or head is not None or place is not None
    if of_alembic and sql is not None and sql.directory is not None:
        raise both_ways("--init, --head or --version-path")
    scripts = None if of_alembic else sql_options(alembic, sql, config)
    if scripts is not None:
        return open_scripts(scripts)
    if init:
        return None
    options = alembic_options(alembic, config)
    project = project_to_plan_for(options, dry_run=dry_run)
    return AlembicStore(project, place) if project is not None else None


def _initialised(options: AlembicOptions, place: Path | None) -> "AlembicStore":
    """Make an Alembic directory, with ``alembic.ini`` beside it."""
    from tzmigrate.revisions.project import AlembicProject  # noqa: PLC0415 - see above
    from tzmigrate.revisions.store import AlembicStore  # noqa: PLC0415 - see above

    directory = options.directory or Path("migrations")
    ini = options.ini or directory.parent / "alembic.ini"
    return AlembicStore(AlembicProject.init(directory, ini), place)


def apply(
    connection: Connection,
    *,
    alembic: AlembicOptions | None = None,
    sql: SqlOptions | None = None,
    confirm: Confirm,
    progress: Progress,
    dry_run: bool = False,
    backup: Callable[[], object] | None = None,
) -> "Run":
    """Run the planned revisions, one group at a time, each proved before its commit.

    Args:
        connection: the database.
        alembic: where the revisions are.
        sql: where they are as SQL scripts.
        confirm: asked before anything is done.
        progress: told what happens.
        dry_run: show, and do nothing.
        backup: called before the first revision runs; what it raises ends the run.
    """
    from tzmigrate.execution import runner  # noqa: PLC0415 - see above

    config = load_config(connection.config)
    store = store_of(alembic, sql, config)
    with open_session(connection, config, store, alembic) as session:
        run = runner.apply(
            session,
            store.read(),
            migrations_of(session, store, alembic, config),
            confirm=confirm,
            progress=progress,
            dry_run=dry_run,
            first=backup,
        )
    return _with_history(run, store)


def rollback(
    connection: Connection,
    *,
    alembic: AlembicOptions | None = None,
    sql: SqlOptions | None = None,
    to: str | None = None,
    everything: bool = False,
    as_revision: bool = False,
    confirm: Confirm,
    progress: Progress,
    dry_run: bool = False,
    accept: tuple[str, ...] = (),
) -> "Run":
    """Take converted groups back: the last one, those above a revision, or all.

    Args:
        connection: what to roll back.
        alembic: where the revisions are.
        sql: where they are as SQL scripts.
        to: the revision of ours that stays; those above it go.
        everything: all of ours; the ledger stays, ``clean`` removes it.
        as_revision: write a new head revision with the inverse instead, for a
            project whose own later revisions stand above.
        confirm: asked before anything is done.
        progress: told what happens.
        dry_run: show, and do nothing.
        accept: codes of findings that shall not stop, besides those of the
            configuration.
    """
    from tzmigrate.execution import rollback as rolling  # noqa: PLC0415 - see above

    config = load_config(connection.config)
    accepted = (*config.policy.accept, *check_accepted(accept))
    store = store_of(alembic, sql, config)
    with open_session(connection, config, store, alembic) as session:
        run = rolling.rollback(
            session,
            store,
            store.read(),
            migrations_of(session, store, alembic, config),
            choice=rolling.Choice(
                to=to, everything=everything, as_revision=as_revision
            ),
            confirm=confirm,
            progress=progress,
            dry_run=dry_run,
            accept=accepted,
        )
    return _with_history(run, store)


def _with_history(run: "Run", store: "RevisionStore") -> "Run":
    """Add what the team's own tool does not know of what was run."""
    told = store.history(run.direction, [step.revision for step in run.steps])
    return replace(run, notes=(*run.notes, *told))


def verify(
    connection: Connection,
    *,
    alembic: AlembicOptions | None = None,
    level: str | None = None,
    accept: tuple[str, ...] = (),
    replica_url: str | None = None,
    against: Path | None = None,
    old_columns: tuple[str, ...] = (),
) -> Proof:
    """Compare the ledger's baselines with the values of now.

    Args:
        connection: what to look at.
        alembic: the configuration that may name the database, and its section.
        level: ``auto``, ``physical``, ``sample`` or ``full``; without one that of the
            certificate, else ``auto``.
        accept: codes of findings that shall not stop, besides those of the
            configuration.
        replica_url: a streaming replica, from which ledger and values are read.
        against: a certificate: a proof that was written as JSON before.
        old_columns: ``schema.table.column=old``, where the old column still exists.
    """
    config = load_config(connection.config)
    accepted = (*config.policy.accept, *check_accepted(accept))
    certificate = None if against is None else read_certificate(against)
    with ExitStack() as stack:
        session = primary = stack.enter_context(
            open_session(connection, config, alembic=alembic)
        )
        if replica_url is not None:
            target = parse_url(replica_url, source="--replica-url")
            session = stack.enter_context(replica_of(primary, target))
            stack.enter_context(read_only(primary))
        stack.enter_context(read_only(session))
        return verify_ledger(
            session,
            level=level,
            server_zone=(primary.zone.zone, primary.zone.source),
            accept=accepted,
            primary=primary,
            against=certificate,
            old_columns=old_columns,
            tool=__version__,
        )


def adopt(
    connection: Connection,
    columns: tuple[str, ...],
    *,
    alembic: AlembicOptions | None = None,
    sql: SqlOptions | None = None,
    zones: tuple[str, ...] = (),
    old_columns: tuple[str, ...] = (),
    converted_at: str | None = None,
    accept: tuple[str, ...] = (),
    confirm: Confirm,
    progress: Progress,
    dry_run: bool = False,
) -> "Adoption":
    """Record columns that somebody converted by hand, proved as far as that goes.

    Args:
        connection: the database.
        columns: ``schema.table.column``, as SQL writes names.
        alembic: where the revisions are; without a project there are none.
        sql: where they are as SQL scripts.
        zones: ``PATTERN=ZONE``, before those of the configuration.
        old_columns: ``schema.table.column=old``, where the old column still exists.
        converted_at: when that was done, as PostgreSQL reads an instant.
        accept: codes of findings that shall not stop, besides those of the
            configuration.
        confirm: asked before anything is written.
        progress: told what happens.
        dry_run: look, and write nothing.
    """
    from tzmigrate.execution import adoption  # noqa: PLC0415 - see above

    config = with_zone_options(load_config(connection.config), zones)
    accepted = (*config.policy.accept, *check_accepted(accept))
    # what was converted by hand needs no revision; one that was written is found
    store = _store_to_plan_for(
        alembic, sql, config, init=False, head=None, place=None, dry_run=True
    )
    with open_session(connection, config, store, alembic) as session:
        return adoption.adopt(
            session,
            config,
            store,
            migrations_of(session, store, alembic, config) if store else None,
            asked=adoption.Asked(
                columns=columns, old_columns=old_columns, converted_at=converted_at
            ),
            accept=accepted,
            confirm=confirm,
            progress=progress,
            dry_run=dry_run,
        )


def status(
    connection: Connection,
    *,
    alembic: AlembicOptions | None = None,
    sql: SqlOptions | None = None,
) -> "Status":
    """Say what is done, pending, interrupted or drifted, and what to run next.

    Args:
        connection: the database.
        alembic: where the revisions are.
        sql: where they are as SQL scripts.
    """
    from tzmigrate.execution.status import read_status  # noqa: PLC0415 - see above

    config = load_config(connection.config)
    store = store_of(alembic, sql, config)
    with open_session(connection, config, store, alembic) as session:
        return read_status(
            session,
            store.read(),
            migrations_of(session, store, alembic, config),
            options=named_again(sql),
        )


def _wanted(config: Config, selection: Selection) -> Selection:
    """Return what to look at; a pattern that cannot be read is told at once.

    Raises:
        UsageError: such a pattern.
    """
    from tzmigrate.inventory.patterns import Scope  # noqa: PLC0415 - see above

    wanted = Selection(
        schemas=selection.schemas or config.scan.schema,
        tables=selection.tables or config.scan.table,
        excludes=selection.excludes,
    )
    Scope.parse(wanted.schemas, wanted.tables, wanted.excludes, config.scan.exclude)
    return wanted


def _left_out(wanted: Selection) -> str:
    """Return the one schema that names are to leave out.

    Raises:
        UsageError: none is selected, or it may be several.
    """
    from tzmigrate.inventory.patterns import split_pattern  # noqa: PLC0415 - see above

    parts = [split_pattern(schema) for schema in wanted.schemas]
    match parts:
        case [[part]] if part.literal or not set("*?[") & set(part.text):
            return part.text
    raise UsageError(
        "TZ289",
        f"plan --unqualified is for one schema, not for {len(parts) or 'all'}"
        if len(parts) != 1
        else f"plan --unqualified is for one schema, and {wanted.schemas[0]!r} may be"
        " several",
        hint="Name the schema of one tenant, such as --schema tenant_a; the revisions"
        " then run for every tenant.",
    )


def _inventory(
    session: Session, config: Config, wanted: Selection, *, rewrite_functions: bool
) -> "Inventory":
    from tzmigrate.inventory.catalog import read_inventory  # noqa: PLC0415 - see above

    return read_inventory(
        session,
        schemas=wanted.schemas,
        tables=wanted.tables,
        excludes=wanted.excludes,
        standing_excludes=config.scan.exclude,
        server_zone=(session.zone.zone, session.zone.source),
        zoned_views=config.policy.views is Views.ZONED,
        zones=config.zones,
        rewrite_functions=rewrite_functions,
    )
