"""The safety net: make, list, verify and prune backups, and restore them."""

import hashlib
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tzmigrate import __version__
from tzmigrate.backup import creating, restoring, shelf
from tzmigrate.backup import tables as chosen_tables
from tzmigrate.backup.checking import archive_of, check_files, check_trial
from tzmigrate.backup.copies import try_restore
from tzmigrate.backup.metadata import read_metadata, write_metadata
from tzmigrate.backup.model import (
    Backup,
    Check,
    Kept,
    Restoration,
    Restored,
    Shelf,
)
from tzmigrate.backup.programs import choose_programs
from tzmigrate.backup.state import Planned
from tzmigrate.backup.uploading import check_destination, upload
from tzmigrate.commands.common import (
    AlembicOptions,
    Confirm,
    Connection,
    Progress,
    alembic_options,
    open_project,
)
from tzmigrate.config import Config, load_config
from tzmigrate.errors import DecisionNeeded, NotProved, TzmigrateError, UsageError
from tzmigrate.inventory.model import Severity
from tzmigrate.postgres.clients import Programs
from tzmigrate.postgres.quoting import readable_identifier
from tzmigrate.postgres.session import connect, read_only
from tzmigrate.postgres.url import Target, parse_url, resolve_url
from tzmigrate.verification.ledger import read_ledger

if TYPE_CHECKING:
    from tzmigrate.revisions.ours import OurRevision

ROOT = Path("backups")
"""Where backups are kept, seen from the working directory."""
_OTHER = "TZ356"
EMBEDDED = "embedded"
"""What ``--test-url`` says instead of a URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """How a backup is made and kept.

    Attributes:
        root: the directory of all backups; ``[backup] dir``, else ``backups``.
        bin_dir: where ``pg_dump`` is.
        jobs: connections of ``pg_dump``; more than one make a directory.
        role_passwords: in ``globals.sql``.
        data_archive: the rows as an archive of their own, not as SQL.
        encrypt_to: whom to encrypt for, with age or gpg.
        identity: the private key, where it is encrypted with age.
        only: schema and name of the only tables to back up; all by default.
        safety: a restore makes it of what it replaces.
        test_restore: restore it by trial.
        test_url: the server of the trial, or ``embedded``.
        upload: where to copy it as well.
    """

    root: Path | None = None
    bin_dir: Path | None = None
    jobs: int = 1
    role_passwords: bool = False
    data_archive: bool = False
    encrypt_to: str | None = None
    identity: Path | None = None
    only: tuple[tuple[str, str], ...] = ()
    safety: bool = False
    test_restore: bool = False
    test_url: str | None = None
    upload: str | None = None


def backup_create(
    connection: Connection,
    keeping: Keeping,
    *,
    alembic: AlembicOptions | None = None,
    ticks: creating.Ticks,
    progress: Progress,
) -> Kept:
    """Back the database up, verify the backup, and restore it by trial on request.

    Args:
        connection: what to back up.
        keeping: how.
        alembic: the project whose plan it is made for.
        ticks: told how far the dump is.
        progress: told what happens.
    """
    config = load_config(connection.config)
    root = _root(keeping, config)
    target = _target(connection, config)
    if keeping.upload is not None:
        check_destination(keeping.upload)
    if keeping.test_url not in {None, EMBEDDED}:
        parse_url(keeping.test_url or "", source="--test-url")
    planned, digest = _plan(target, config, alembic)
    steps = _steps_done(target)
    made = creating.create(
        target,
        creating.Wishes(
            root=root,
            planned=planned,
            plan=digest,
            steps=steps,
            bin_dir=keeping.bin_dir,
            jobs=keeping.jobs,
            passwords=keeping.role_passwords,
            only=keeping.only,
            safety=keeping.safety,
            data_archive=keeping.data_archive,
            recipient=keeping.encrypt_to or config.backup.encrypt_to,
            tool=__version__,
            previous=tuple(k.backup for k in shelf.read_shelf(root).backups)
            if root.is_dir()
            else (),
        ),
        ticks=ticks,
    )
    progress(f"wrote {made.path}")
    if keeping.test_restore:
        made = _tried(made, keeping, target, progress)
    if keeping.upload is not None and not made.broken:
        place = upload(Path(made.path), made.backup, keeping.upload)
        made = replace(made, notes=(*made.notes, f"Copied to {place}, and compared."))
    return made


def backup_list(*, config: Path | None = None, root: Path | None = None) -> Shelf:
    """List the backups in a directory, the newest first."""
    return shelf.read_shelf(_root(Keeping(root=root), load_config(config)))


def backup_verify(
    connection: Connection,
    path: Path | None,
    keeping: Keeping,
    *,
    progress: Progress,
) -> Kept:
    """Verify a backup, and restore it by trial on request.

    Args:
        connection: the server of the trial, unless ``keeping`` names another.
        path: its directory; the newest one by default.
        keeping: where it is, and how to try it.
        progress: told what happens.
    """
    config = load_config(connection.config)
    path = path or shelf.newest(_root(keeping, config))
    backup = read_metadata(path)
    kept = Kept(path=str(path), backup=backup)
    programs = _readers(backup, keeping)
    unseen = backup.sealer == "age" and keeping.identity is None
    findings = check_files(
        path, backup, programs=None if unseen else programs, identity=keeping.identity
    )
    notes = (
        (
            "Encrypted with age: only the digests were compared. --identity FILE also "
            "reads the archive.",
        )
        if unseen
        else ()
    )
    kept = replace(kept, findings=findings, notes=notes)
    if keeping.test_restore and not kept.broken:
        target = None
        if keeping.test_url is None:
            target = _target(connection, config)
        return _tried(kept, keeping, target, progress)
    check = Check(at=shelf.now(), whole=not kept.broken, restored=False)
    return _noted(kept, check)


def backup_prune(
    connection: Connection,
    *,
    root: Path | None = None,
    alembic: AlembicOptions | None = None,
    keep: str,
    keep_last: int,
    confirm: Confirm,
    dry_run: bool = False,
) -> Shelf:
    """Take old backups away, but never the last verified one of a migration going on.

    Args:
        connection: asked whether a migration has ended; where it cannot be reached,
            none has.
        root: the directory of the backups.
        alembic: the project whose plan says when it has ended.
        keep: how old a backup may become, as in ``30d``.
        keep_last: so many of the newest stay.
        confirm: asked before anything is removed.
        dry_run: show, and remove nothing.
    """
    config = load_config(connection.config)
    found = shelf.read_shelf(_root(Keeping(root=root), config))
    fates, leftovers = shelf.chosen(
        found,
        keep=keep,
        keep_last=keep_last,
        finished=_finished(connection, config, alembic),
    )
    found = replace(found, backups=fates, dry_run=dry_run)
    going = [Path(kept.path) for kept in fates if kept.fate == "removed"]
    going += leftovers
    if dry_run or not going:
        return found
    lines = (
        f"{len(going)} of {len(fates) + len(leftovers)} will be removed from "
        f"{found.path}:",
        *(f"  {path.name}" for path in going),
    )
    if not confirm(lines):
        return found
    for path in going:
        shelf.remove(path)
    return replace(found, pruned=True)


def restore(
    connection: Connection,
    path: Path | None,
    keeping: Keeping,
    way: restoring.Way,
    *,
    alembic: AlembicOptions | None = None,
    tables: tuple[str, ...] = (),
    in_place: bool = False,
    safety: bool = True,
    accept: tuple[str, ...] = (),
    confirm: Confirm,
    progress: Progress,
    dry_run: bool = False,
) -> Restoration:
    """Restore a backup into a new database, or some of its tables.

    Args:
        connection: the database that was backed up, or the server to restore to.
        path: the backup's directory; the newest one by default.
        keeping: where backups are.
        way: where to, and whether to swap.
        alembic: the project, for the backup of what is replaced.
        tables: globs; only these tables.
        in_place: put their rows in the place of those of now.
        safety: back up what is replaced.
        accept: ``TZ356``, where the backup is of another database.
        confirm: asked before anything is done.
        progress: told what happens.
        dry_run: show, and do nothing.
    """
    config = load_config(connection.config)
    target = _target(connection, config)
    path = path or shelf.newest(_root(keeping, config), restoring.named_by(target))
    backup = read_metadata(path)
    programs = _readers(backup, keeping)
    findings = check_files(path, backup, programs=None, identity=keeping.identity)
    broken = [f for f in findings if f.severity is Severity.BLOCKS]
    if broken:
        raise _not_whole(path, broken[0].message)
    archive = archive_of(path, backup, programs, keeping.identity)
    scene = restoring.look(target, backup)
    names = restoring.choose_names(scene, way.into)
    if way.swap or in_place:
        _require_same(backup, scene, path, accept)

    def keep(chosen: Sequence[tuple[str, str]] | None) -> str | None:
        if not safety:
            return None
        progress("backing up what is replaced")
        made = backup_create(
            connection,
            replace(
                keeping,
                only=tuple(chosen or ()),
                safety=True,
                # what was not to be plain before shall not be so now
                encrypt_to=backup.recipient,
            ),
            alembic=alembic,
            ticks=lambda _, __: None,
            progress=lambda _: None,
        )
        return made.path

    if tables:
        choice = chosen_tables.Choice(
            tables=chosen_tables.choose_tables(backup, tables),
            in_place=in_place,
            lock_timeout=config.policy.lock_timeout,
        )
        lines = chosen_tables.announced(choice, backup, scene.name)
        if dry_run or not confirm(lines):
            return Restoration(
                source=str(path), database=scene.name, notes=lines, dry_run=True
            )
        done = chosen_tables.restore_tables(
            target,
            archive,
            backup,
            choice,
            progress=progress,
            safety=keep,
            source=str(path),
        )
        _note(path, done)
        return done

    if backup.partial:
        raise UsageError(
            "TZ296",
            f"backup {path} holds {len(backup.tables)} tables, not a whole database",
            detail="It was made of what a restore replaced.",
            hint="Restore tables of it with --tables, or name another backup.",
        )
    restoring.require_free(scene, way, target)
    lines = restoring.announced(scene, backup, way, names, path)
    preview = Restoration(
        source=str(path),
        database=names.new,
        since=scene.since,
        notes=lines,
        dry_run=True,
    )
    if dry_run or not confirm(lines):
        return preview
    done = restoring.restore(
        target,
        scene,
        archive,
        backup,
        way,
        names=names,
        progress=progress,
        safety=keep,
        source=str(path),
    )
    _note(path, done)
    return done


def _require_same(
    backup: Backup, scene: restoring.Scene, path: Path, accept: tuple[str, ...]
) -> None:
    """Refuse to put what one database held in the place of another's.

    Raises:
        DecisionNeeded: names both.
    """
    then, now = backup.database, scene.current
    if now is None or _OTHER in accept:
        return
    if then.name != now.name:
        other = f"and the URL names {readable_identifier(now.name)}"
    elif None not in (now.system_identifier, then.system_identifier) and (
        now.system_identifier != then.system_identifier
    ):
        other = "of another cluster than the one that the URL names"
    else:
        return
    raise DecisionNeeded(
        _OTHER,
        f"backup {path} is of database {readable_identifier(then.name)}, {other}",
        detail="Nothing was done.",
        hint=f"Check --url. Where that is meant, add --accept {_OTHER}; without --swap "
        "and --in-place nothing of now is replaced.",
    )


def _note(path: Path, done: Restoration) -> None:
    restored = Restored(at=shelf.now(), database=done.database, tables=done.tables)
    backup = read_metadata(path)
    # whoever may not write to the backup has restored it all the same
    with suppress(OSError):
        write_metadata(path, replace(backup, restores=(*backup.restores, restored)))


def _tried(
    kept: Kept, keeping: Keeping, target: Target | None, progress: Progress
) -> Kept:
    """Restore a backup by trial, and keep what came out."""
    path, backup = Path(kept.path), kept.backup
    if keeping.test_url is not None:
        target = None
        if keeping.test_url != EMBEDDED:
            target = parse_url(keeping.test_url, source="--test-url")
    programs = _readers(backup, keeping)
    archive = archive_of(path, backup, programs, keeping.identity)
    progress("restoring it by trial")
    trial = try_restore(archive, backup, target, jobs=keeping.jobs)
    findings = check_trial(trial)
    # a server that lacks a role or an extension says nothing of the backup
    done = not trial.failures
    check = Check(
        at=shelf.now(),
        whole=not trial.differences,
        restored=done,
        restore_seconds=trial.seconds if done else None,
    )
    kept = replace(
        kept,
        findings=(*kept.findings, *findings),
        notes=(*kept.notes, f"Restored by trial on {trial.place}."),
    )
    return _noted(kept, check)


def _noted(kept: Kept, check: Check) -> Kept:
    """Keep what a verification found, where the backup may be written to."""
    backup = replace(kept.backup, checks=(*kept.backup.checks, check))
    kept = replace(kept, backup=backup)
    try:
        write_metadata(Path(kept.path), backup)
    except OSError as error:
        note = f"This could not be kept in the metadata: {error.strerror}."
        return replace(kept, notes=(*kept.notes, note))
    return kept


def _not_whole(path: Path, why: str) -> TzmigrateError:
    return NotProved(
        "TZ445",
        f"backup {path} is not whole: {why}",
        hint="Use another backup (tzmigrate backup list).",
    )


def _readers(backup: Backup, keeping: Keeping) -> Programs:
    """Return programs that can read what a newer ``pg_dump`` may have written."""
    wrote = int(backup.dump.partition(".")[0])
    server = backup.database.version // 10000
    return choose_programs(max(server, wrote), keeping.bin_dir)


def _root(keeping: Keeping, config: Config) -> Path:
    return keeping.root or config.backup.dir or ROOT


def _target(connection: Connection, config: Config) -> Target:
    return resolve_url(
        connection.url, config=config, environ=os.environ, alembic_ini=None
    )


def _plan(
    target: Target, config: Config, alembic: AlembicOptions | None
) -> tuple[Planned, str | None]:
    """Return the columns of the plan; without one, all that hold naive time."""
    revisions = _revisions(config, alembic)
    planned: dict[tuple[str, str], dict[str, str | None]] = {}
    for revision in revisions:
        for column in revision.columns:
            names = planned.setdefault((column.schema, column.relation), {})
            names[column.column] = column.zone
    if planned:
        digests = "".join(revision.digest for revision in revisions)
        return planned, hashlib.sha256(digests.encode()).hexdigest()
    from tzmigrate.inventory.catalog import (  # noqa: PLC0415  slow to load
        read_inventory,
    )
    from tzmigrate.inventory.model import Role  # noqa: PLC0415  slow to load

    with connect(target) as session, read_only(session):
        inventory = read_inventory(
            session,
            schemas=config.scan.schema,
            tables=config.scan.table,
            excludes=(),
            standing_excludes=config.scan.exclude,
            server_zone=(session.zone.zone, session.zone.source),
        )
    for found in inventory.columns:
        if found.role is Role.STORED:
            planned.setdefault((found.schema, found.relation), {})[found.column] = None
    return planned, None


def _steps_done(target: Target) -> int:
    """Return how many planned steps the ledger has as done."""
    with connect(target) as session, read_only(session):
        return sum(step.zoned for step in read_ledger(session) or ())


def _revisions(
    config: Config, alembic: AlembicOptions | None
) -> "tuple[OurRevision, ...]":
    """Return the planned revisions; none where there is no project."""
    from tzmigrate.revisions.graph import RevisionGraph  # noqa: PLC0415  loads Alembic

    options = alembic_options(alembic, config)
    named = options.ini is not None or options.directory is not None
    try:
        project = open_project(options)
    except UsageError:
        if named:
            raise
        return ()
    return RevisionGraph.read(project).ours()


def _finished(
    connection: Connection, config: Config, alembic: AlembicOptions | None
) -> Callable[[Backup], bool]:
    """Tell whether every planned step stands in the ledger as done."""
    try:
        revisions = _revisions(config, alembic)
        with (
            connect(_target(connection, config)) as session,
            read_only(session),
        ):
            ledger = {s.step: s for s in read_ledger(session) or ()}
            here = session.info.dbname
    except (TzmigrateError, OSError):
        return lambda _: False
    steps = [r.step for r in revisions if r.columns]
    digest = hashlib.sha256("".join(r.digest for r in revisions).encode()).hexdigest()
    done = bool(steps) and all(s in ledger and ledger[s].zoned for s in steps)

    def finished(backup: Backup) -> bool:
        return done and backup.plan == digest and backup.database.name == here

    return finished
