"""Make, list, verify and prune backups."""

import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tzmigrate import __version__
from tzmigrate.backup import creating, shelf
from tzmigrate.backup.checking import (
    archive_of,
    check_files,
    check_trial,
    with_settings,
)
from tzmigrate.backup.copies import check_place, try_restore
from tzmigrate.backup.metadata import read_metadata, write_metadata
from tzmigrate.backup.model import (
    Backup,
    Check,
    Kept,
    Shelf,
)
from tzmigrate.backup.sealing import Seal, require_identity
from tzmigrate.backup.state import Planned
from tzmigrate.backup.uploading import check_destination, upload
from tzmigrate.commands.common import (
    AlembicOptions,
    Confirm,
    Connection,
    Progress,
    SqlOptions,
    alembic_options,
    sql_options,
    store_of,
    target_of,
)
from tzmigrate.commands.keeping import Keeping, readers_of, root_of, settled
from tzmigrate.config import Config, load_config
from tzmigrate.errors import TzmigrateError, UsageError
from tzmigrate.inventory.settings import read_system_identifier
from tzmigrate.postgres.session import connect, read_only
from tzmigrate.postgres.url import Target, parse_url
from tzmigrate.verification.ledger import read_ledger

if TYPE_CHECKING:
    from tzmigrate.revisions.ours import OurRevision


def backup_create(
    connection: Connection,
    keeping: Keeping,
    *,
    alembic: AlembicOptions | None = None,
    sql: SqlOptions | None = None,
    ticks: creating.Ticks,
    progress: Progress,
) -> Kept:
    """Back the database up, verify the backup, and restore it by trial on request.

    Args:
        connection: what to back up.
        keeping: how.
        alembic: the project whose plan it is made for.
        sql: the SQL scripts that it is made for.
        ticks: told how far the dump is.
        progress: told what happens.
    """
    config = load_config(connection.config)
    keeping = settled(keeping, config)
    root = root_of(keeping, config)
    target = target_of(connection, config, alembic)
    if keeping.upload is not None:
        check_destination(keeping.upload)
    if keeping.test_restore:
        if keeping.encrypt_to is not None:
            seal = Seal.of(keeping.encrypt_to, keeping.identity)
            require_identity(seal, root)
        check_place(_place_of_trial(keeping, target), target)
    planned, digest = _plan(target, config, alembic, sql)
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
            held=keeping.safety and bool(keeping.only),
            data_archive=keeping.data_archive,
            recipient=keeping.encrypt_to,
            tool=__version__,
            previous=tuple(k.backup for k in shelf.read_shelf(root).backups)
            if root.is_dir()
            else (),
        ),
        ticks=ticks,
    )
    progress(f"wrote {made.path}")
    if steps is None:
        note = (
            "The ledger in schema tzmigrate belongs to another role, or is damaged: "
            "which steps were done is not known, and prune does not know this backup "
            "as one from before the first step."
        )
        made = replace(made, notes=(*made.notes, note))
    if keeping.test_restore:
        made = _tried(made, keeping, target, progress)
    if keeping.upload is not None and not made.broken:
        place = upload(Path(made.path), made.backup, keeping.upload)
        made = replace(made, notes=(*made.notes, f"Copied to {place}, and compared."))
    return made


def backup_list(*, config: Path | None = None, root: Path | None = None) -> Shelf:
    """List the backups in a directory, the newest first."""
    return shelf.read_shelf(root_of(Keeping(root=root), load_config(config)))


def backup_verify(
    connection: Connection,
    path: Path | None,
    keeping: Keeping,
    *,
    alembic: AlembicOptions | None = None,
    progress: Progress,
) -> Kept:
    """Verify a backup, and restore it by trial on request.

    Args:
        connection: the server of the trial, unless ``keeping`` names another.
        path: its directory; the newest one by default.
        keeping: where it is, and how to try it.
        alembic: the configuration that may name the database, and its section.
        progress: told what happens.
    """
    config = load_config(connection.config)
    keeping = settled(keeping, config)
    path = shelf.find(root_of(keeping, config), path)
    backup = read_metadata(path)
    kept = Kept(path=str(path), backup=backup)
    programs = readers_of(backup, keeping)
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
        own = None if keeping.test_url else target_of(connection, config, alembic)
        return _tried(kept, keeping, own, progress)
    check = Check(
        at=shelf.now(), whole=not kept.broken, restored=False, opened=not unseen
    )
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
    found = shelf.read_shelf(root_of(Keeping(root=root), config))
    fates, leftovers = shelf.chosen(
        found,
        keep=keep,
        keep_last=keep_last,
        finished=_finished(connection, config, alembic),
    )
    found = replace(
        found, backups=fates, leftovers=tuple(map(str, leftovers)), dry_run=dry_run
    )
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
    shelf.remove(going)
    broken = tuple(b for b in found.broken if Path(b[0]) not in leftovers)
    return replace(found, pruned=True, broken=broken)


def _place_of_trial(keeping: Keeping, own: Target | None) -> Target | None:
    """Return the server of a trial; ``None`` for the embedded PostgreSQL."""
    match keeping.test_url:
        case None:
            return own
        case "embedded":
            return None
        case url if not re.search(r"[:=]", url):
            raise UsageError(
                "TZ211",
                f"--test-url {url} is neither a URL nor 'embedded'",
                hint="Write postgresql://user@host/postgres, or embedded.",
            )
        case url:
            return parse_url(url, source="--test-url")


def _tried(
    kept: Kept, keeping: Keeping, own: Target | None, progress: Progress
) -> Kept:
    """Restore a backup by trial, and keep what came out."""
    path, backup = Path(kept.path), kept.backup
    programs = readers_of(backup, keeping)
    archive = archive_of(path, backup, programs, keeping.identity)
    progress("restoring it by trial")
    place = _place_of_trial(keeping, own)
    whole = with_settings(path, backup, keeping.identity)
    trial = try_restore(archive, whole, place, jobs=keeping.jobs)
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
    # a restore from it may have ended meanwhile
    now = read_metadata(Path(kept.path))
    backup = replace(now, checks=(*now.checks, check))
    kept = replace(kept, backup=backup)
    try:
        write_metadata(Path(kept.path), backup)
    except OSError as error:
        note = f"This could not be kept in the metadata: {error.strerror}."
        return replace(kept, notes=(*kept.notes, note))
    return kept


def _plan(
    target: Target,
    config: Config,
    alembic: AlembicOptions | None,
    sql: SqlOptions | None,
) -> tuple[Planned, str | None]:
    """Return the columns of the plan; without one, all that hold naive time."""
    revisions = _revisions(config, alembic, sql)
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


def _steps_done(target: Target) -> int | None:
    """Return how many planned steps the ledger has as done; ``None``: not known."""
    try:
        with connect(target) as session, read_only(session):
            return sum(step.zoned for step in read_ledger(session) or ())
    except TzmigrateError as error:
        # a ledger of another role, or a damaged one: the rest is backed up all the same
        if error.code not in {"TZ414", "TZ640"}:
            raise
        return None


def _revisions(
    config: Config, alembic: AlembicOptions | None, sql: SqlOptions | None = None
) -> "tuple[OurRevision, ...]":
    """Return the planned revisions; none where there is no project."""
    options = alembic_options(alembic, config)
    named = options.ini is not None or options.directory is not None
    try:
        store = store_of(alembic, sql, config)
    except UsageError:
        if named or sql_options(alembic, sql, config) is not None:
            raise
        return ()
    return store.read().ours()


def _finished(
    connection: Connection, config: Config, alembic: AlembicOptions | None
) -> shelf.Finished:
    """Tell whether every planned step stands in the ledger as done."""
    try:
        revisions = _revisions(config, alembic)
        with (
            connect(target_of(connection, config, alembic)) as session,
            read_only(session),
        ):
            ledger = {s.step: s for s in read_ledger(session) or ()}
            here = (read_system_identifier(session), session.info.dbname)
    except (TzmigrateError, OSError):
        return lambda _: None
    # which tenants there are env.py alone knows, so their steps are never all done
    steps = [r.recorded_as(None) for r in revisions if r.columns]
    digest = hashlib.sha256("".join(r.digest for r in revisions).encode()).hexdigest()
    done = bool(steps) and all(s in ledger and ledger[s].zoned for s in steps)

    def finished(backup: Backup) -> bool | None:
        there = (backup.database.system_identifier, backup.database.name)
        if there != here or None in there:
            return None
        # made before there was a plan, it is of this migration too
        return done and backup.plan in {digest, None}

    return finished
