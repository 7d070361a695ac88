"""Restore a backup: a whole database, or some of its tables."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from tzmigrate.backup import choosing, restoring, shelf
from tzmigrate.backup import scene as scenes
from tzmigrate.backup.checking import archive_of, check_files, with_settings
from tzmigrate.backup.metadata import read_metadata, write_metadata
from tzmigrate.backup.model import Backup, Restoration, Restored
from tzmigrate.backup.tables import restore_tables
from tzmigrate.commands.common import (
    AlembicOptions,
    Confirm,
    Connection,
    Progress,
    SqlOptions,
    target_of,
)
from tzmigrate.commands.keeping import Keeping, readers_of, root_of, settled
from tzmigrate.commands.safety import backup_create
from tzmigrate.config import load_config
from tzmigrate.errors import (
    DecisionNeeded,
    NotProved,
    TzmigrateError,
    Unavailable,
    UsageError,
)
from tzmigrate.inventory.model import Severity
from tzmigrate.postgres.quoting import readable_identifier

_OTHER = "TZ356"


def restore(
    connection: Connection,
    path: Path | None,
    keeping: Keeping,
    way: scenes.Way,
    *,
    alembic: AlembicOptions | None = None,
    sql: SqlOptions | None = None,
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
        sql: the SQL scripts, for the same.
        tables: globs; only these tables.
        in_place: put their rows in the place of those of now.
        safety: back up what is replaced.
        accept: ``TZ356``, where the backup is of another database.
        confirm: asked before anything is done.
        progress: told what happens.
        dry_run: show, and do nothing.
    """
    config = load_config(connection.config)
    keeping = settled(keeping, config)
    target = target_of(connection, config, alembic)
    root = root_of(keeping, config)
    path = shelf.find(root, path, scenes.named_by(target))
    backup = read_metadata(path)
    if backup.partial and not tables:
        raise UsageError(
            "TZ296",
            f"backup {path} holds {len(backup.tables)} tables, not a whole database",
            detail="It was made of what a restore replaced.",
            hint="Restore tables of it with --tables, or name another backup.",
        )
    chosen = choosing.choose_tables(backup, tables) if tables else ()
    findings = check_files(path, backup, programs=None)
    broken = [f for f in findings if f.severity is Severity.BLOCKS]
    if broken:
        raise _not_whole(path, broken[0].message)
    scene = scenes.look(target, backup, chosen)
    programs = readers_of(backup, keeping, scene.version)
    archive = archive_of(path, backup, programs, keeping.identity)
    backup = with_settings(path, backup, keeping.identity)
    names = scenes.choose_names(scene, way.into)
    if way.swap or in_place:
        _require_same(backup, scene, path, accept)

    def keep(replaced: Sequence[tuple[str, str]] | None) -> str | None:
        if not safety:
            return None
        progress("backing up what is replaced")
        try:
            made = backup_create(
                connection,
                replace(
                    keeping,
                    only=tuple(replaced or ()),
                    safety=True,
                    # what was not to be plain before shall not be so now
                    encrypt_to=backup.recipient,
                ),
                alembic=alembic,
                sql=sql,
                ticks=lambda _, __: None,
                progress=lambda _: None,
            )
        except Unavailable as error:
            if not replaced or error.code not in {"TZ501", "TZ502"}:
                raise
            raise Unavailable(
                error.code,
                "the backup of what is replaced would have had to wait for a table",
                detail=f"{(error.detail or error.message).rstrip('.')}. Another "
                "session holds it, or waits for it with an ALTER TABLE. Nothing was "
                "changed.",
                hint="Try again when nobody changes tables.",
            ) from error
        progress(f"backed up what is replaced: {made.path}")
        return made.path

    if tables:
        choice = choosing.Choice(
            tables=chosen,
            in_place=in_place,
            safety=safety,
            lock_timeout=config.policy.lock_timeout,
        )
        lines = (
            *choosing.announced(choice, backup, scene.name, scene.written),
            *scenes.told_leftovers(scene, names),
        )
        if dry_run or not confirm(lines):
            return Restoration(
                source=str(path), database=scene.name, notes=lines, dry_run=True
            )
        done = restore_tables(
            target,
            archive,
            backup,
            choice,
            progress=progress,
            safety=keep,
            written=scene.written,
            source=str(path),
        )
        _note(path, done)
        return done

    scenes.require_free(scene, way, target)
    lines = scenes.announced(scene, backup, way, names, path)
    preview = Restoration(
        source=str(path),
        database=names.new,
        since=scene.written.tables,
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
    backup: Backup, scene: scenes.Scene, path: Path, accept: tuple[str, ...]
) -> None:
    """Refuse to put what one database held in the place of another's.

    Raises:
        DecisionNeeded: names both.
    """
    then, now = backup.database, scene.current
    if now is None or _OTHER in accept:
        return
    other = scenes.other_than(then, now)
    if not other:
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
    # whoever may not write to the backup has restored it all the same
    with suppress(OSError, NotProved):
        backup = read_metadata(path)
        write_metadata(path, replace(backup, restores=(*backup.restores, restored)))


def _not_whole(path: Path, why: str) -> TzmigrateError:
    return NotProved(
        "TZ445",
        f"backup {path} is not whole: {why}",
        hint="Use another backup (tzmigrate backup list).",
    )
