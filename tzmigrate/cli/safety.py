"""What the verbs of the safety net do: backup and restore."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from tzmigrate import commands
from tzmigrate.backup.scene import Way
from tzmigrate.cli import exits
from tzmigrate.cli.options import Common, Project
from tzmigrate.cli.stderr import Dialogue, bar, say
from tzmigrate.cli.verbs import (
    alembic_of,
    connection_of,
    report,
    sql_of,
    unless_declined,
)
from tzmigrate.errors import ExitStatus, Unavailable, UsageError
from tzmigrate.reporting.console import Result

_R = TypeVar("_R", bound=Result)


def backup_create(
    common: Common,
    project: Project,
    *,
    root: Path | None,
    jobs: int,
    data_archive: bool,
    role_passwords: bool,
    encrypt_to: str | None,
    identity: Path | None,
    test_restore: bool,
    test_url: str | None,
    upload: str | None,
    bin_dir: Path | None,
) -> ExitStatus:
    """Back the database up."""
    keeping = commands.Keeping(
        root=root,
        bin_dir=bin_dir,
        jobs=jobs,
        role_passwords=role_passwords,
        data_archive=data_archive,
        encrypt_to=encrypt_to,
        identity=identity,
        test_restore=test_restore or test_url is not None,
        test_url=test_url,
        upload=upload,
    )
    dialogue = Dialogue(verb="backup create", yes=True, quiet=common.quiet)
    with bar(quiet=common.quiet) as ticks:
        return _report(
            common,
            lambda: commands.backup_create(
                connection_of(common),
                keeping,
                alembic=alembic_of(project),
                ticks=ticks,
                progress=dialogue.progress,
            ),
            exits.of_backup,
        )


def backup_list(common: Common, *, root: Path | None) -> ExitStatus:
    """Show the shelf."""
    return _report(
        common,
        lambda: commands.backup_list(config=common.config, root=root),
        lambda _: ExitStatus.DONE,
    )


def backup_verify(
    common: Common,
    project: Project,
    path: Path | None,
    *,
    root: Path | None,
    test_restore: bool,
    test_url: str | None,
    jobs: int,
    identity: Path | None,
    bin_dir: Path | None,
) -> ExitStatus:
    """See that a backup is whole."""
    keeping = commands.Keeping(
        root=root,
        bin_dir=bin_dir,
        jobs=jobs,
        identity=identity,
        test_restore=test_restore or test_url is not None,
        test_url=test_url,
    )
    dialogue = Dialogue(verb="backup verify", yes=True, quiet=common.quiet)
    return _report(
        common,
        lambda: commands.backup_verify(
            connection_of(common),
            path,
            keeping,
            alembic=alembic_of(project),
            progress=dialogue.progress,
        ),
        exits.of_backup,
    )


def backup_prune(
    common: Common,
    project: Project,
    *,
    root: Path | None,
    keep: str,
    keep_last: int,
    yes: bool,
    dry_run: bool,
) -> ExitStatus:
    """Take old backups away."""
    dialogue = Dialogue(verb="backup prune", yes=yes, quiet=common.quiet)
    return _report(
        common,
        lambda: unless_declined(
            dialogue,
            commands.backup_prune(
                connection_of(common),
                root=root,
                alembic=alembic_of(project),
                keep=keep,
                keep_last=keep_last,
                confirm=dialogue.confirm,
                dry_run=dry_run,
            ),
        ),
        lambda _: ExitStatus.DONE,
    )


def restore(
    common: Common,
    project: Project,
    path: Path | None,
    *,
    root: Path | None,
    tables: tuple[str, ...] = (),
    in_place: bool = False,
    into: str | None,
    swap: bool,
    terminate: bool,
    safety: bool,
    accept: tuple[str, ...] = (),
    jobs: int,
    identity: Path | None,
    bin_dir: Path | None,
    yes: bool,
    dry_run: bool,
    verb: str = "restore",
) -> ExitStatus:
    """Restore a backup."""
    _check_combination(tables, in_place=in_place, whole=swap or into is not None)
    if terminate and not swap:
        raise UsageError(
            "TZ292",
            "--terminate-connections needs --swap",
            detail="Nobody is in the way of a restore beside the database of now.",
            hint="Leave it out, or add --swap.",
        )
    if not safety and not (swap or in_place):
        raise UsageError(
            "TZ292",
            "--no-safety-backup needs --swap or --in-place",
            detail="Nothing is replaced by a restore beside, and nothing backed up.",
            hint="Leave it out.",
        )
    dialogue = Dialogue(verb=verb, yes=yes, quiet=common.quiet)
    return _report(
        common,
        lambda: unless_declined(
            dialogue,
            commands.restore(
                connection_of(common),
                path,
                commands.Keeping(root=root, bin_dir=bin_dir, identity=identity),
                Way(into=into, swap=swap, terminate=terminate, jobs=jobs),
                alembic=alembic_of(project),
                sql=sql_of(project),
                tables=tables,
                in_place=in_place,
                safety=safety,
                accept=accept,
                confirm=dialogue.confirm,
                progress=dialogue.progress,
                dry_run=dry_run,
            ),
        ),
        lambda _: ExitStatus.DONE,
    )


def rollback_from(
    common: Common,
    project: Project,
    path: Path,
    *,
    others: bool,
    terminate: bool,
    safety: bool,
    identity: Path | None,
    bin_dir: Path | None,
    yes: bool,
    dry_run: bool,
) -> ExitStatus:
    """Restore a backup in the place of the database, where no inverse can run."""
    if others:
        raise UsageError(
            "TZ283",
            "--from-backup excludes --to, --all and --as-revision",
            detail="A backup holds the whole database as it was.",
            hint="Leave them out, or leave --from-backup out: the inverse loses "
            "nothing.",
        )
    say(
        "The last resort: a backup takes everything back, also what the application "
        "wrote since. tzmigrate rollback without --from-backup converts back and loses "
        "nothing; use this where it cannot run."
    )
    return restore(
        common,
        project,
        path,
        root=None,
        into=None,
        swap=True,
        terminate=terminate,
        safety=safety,
        jobs=1,
        identity=identity,
        bin_dir=bin_dir,
        yes=yes,
        dry_run=dry_run,
        verb="rollback --from-backup",
    )


def _report(
    common: Common, command: Callable[[], _R], status_of: Callable[[_R], ExitStatus]
) -> ExitStatus:
    try:
        return report(common, command, status_of)
    except KeyboardInterrupt as interrupt:
        raise Unavailable(
            "TZ590",
            "cancelled",
            detail="A backup or a restored database that was not whole yet is not kept,"
            " and what had not committed was rolled back.",
            hint="Run 'tzmigrate backup list' to see what there is, then the same "
            "command again.",
        ) from interrupt


def _check_combination(tables: tuple[str, ...], *, in_place: bool, whole: bool) -> None:
    if tables and whole:
        raise UsageError(
            "TZ292",
            "--tables excludes --into and --swap",
            detail="Tables come into the database that the URL names.",
            hint="Leave one of them out.",
        )
    if in_place and not tables:
        raise UsageError(
            "TZ292",
            "--in-place needs --tables",
            hint="Name the tables, or use --swap to replace the whole database.",
        )
