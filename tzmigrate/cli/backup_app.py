"""The verbs below ``backup`` and their options."""

import typer

from tzmigrate.cli import options as o
from tzmigrate.cli.wiring import common_of, examples, project_of

backup = typer.Typer(
    name="backup",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@backup.command(
    "create",
    short_help="Back the database up, and verify the backup.",
    epilog=examples(
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
        common_of(url, config, format_, output, quiet=quiet, verbose=verbose),
        project_of(alembic, alembic_dir, name, x),
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
    epilog=examples(
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
        common_of(None, config, format_, output, quiet=quiet, verbose=verbose),
        root=dir_,
    )


@backup.command(
    "verify",
    short_help="See that a backup is whole.",
    epilog=examples(
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
    alembic: o.AlembicIni = None,
    name: o.Section = "alembic",
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
        common_of(url, config, format_, output, quiet=quiet, verbose=verbose),
        project_of(alembic, None, name, None),
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
    epilog=examples(
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
        common_of(url, config, format_, output, quiet=quiet, verbose=verbose),
        project_of(alembic, alembic_dir, name, x),
        root=dir_,
        keep=keep,
        keep_last=keep_last,
        yes=yes,
        dry_run=dry_run,
    )
