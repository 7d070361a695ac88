"""The backups that lie in a directory: list them, and take old ones away."""

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tzmigrate.backup.creating import PARTIAL, PREFIX
from tzmigrate.backup.metadata import read_metadata
from tzmigrate.backup.model import Backup, Kept, Shelf
from tzmigrate.config.durations import age
from tzmigrate.errors import NotProved, UsageError
from tzmigrate.postgres.quoting import readable_identifier

_NAME = re.compile(rf"{PREFIX}\d{{8}}_\d{{6}}")
_UNFINISHED = re.compile(rf"\.{PREFIX}[0-9a-f]{{16}}{re.escape(PARTIAL)}")
_STAMP = "%Y-%m-%dT%H:%M:%SZ"

Finished = Callable[[Backup], bool]
"""Tells whether the migration that a backup was made for has ended."""


def read_shelf(root: Path) -> Shelf:
    """Read every backup in a directory, the newest first.

    Raises:
        UsageError: there is no such directory.
    """
    try:
        paths = sorted(root.iterdir(), reverse=True)
    except OSError as error:
        raise UsageError(
            "TZ290",
            f"{root} is no directory of backups",
            detail=f"The system says: {error.strerror}.",
            hint="Name the directory with --dir, or make a first backup with tzmigrate "
            "backup create.",
        ) from error
    backups: list[Kept] = []
    broken: list[tuple[str, str]] = []
    for path in paths:
        if _UNFINISHED.fullmatch(path.name):
            broken.append((str(path), "it was never finished"))
        elif _NAME.fullmatch(path.name):
            try:
                backups.append(Kept(path=str(path), backup=read_metadata(path)))
            except NotProved as error:
                broken.append((str(path), error.detail or error.message))
    backups.sort(key=lambda kept: kept.backup.at, reverse=True)
    return Shelf(
        path=str(root),
        now=now(),
        backups=tuple(backups),
        broken=tuple(broken),
    )


def newest(root: Path, database: str | None = None) -> Path:
    """Return the newest backup of a whole database that somebody asked for.

    Args:
        root: the directory of the backups.
        database: the name of the database; of any by default.

    Raises:
        UsageError: there is none.
    """
    whole = [
        kept
        for kept in read_shelf(root).backups
        if not (kept.backup.partial or kept.backup.safety)
        and database in {None, kept.backup.database.name}
    ]
    if not whole:
        of = "" if database is None else f" of database {readable_identifier(database)}"
        raise UsageError(
            "TZ290",
            f"{root} holds no backup{of}",
            hint="Make one with tzmigrate backup create, or name its directory.",
        )
    return Path(whole[0].path)


def now() -> str:
    """Return the time, ISO 8601, UTC."""
    return datetime.now(UTC).strftime(_STAMP)


def chosen(
    shelf: Shelf, *, keep: str, keep_last: int, finished: Finished
) -> tuple[tuple[Kept, ...], tuple[Path, ...]]:
    """Decide what is taken away.

    The last verified backup of a migration that has not ended always stays.

    Args:
        shelf: what there is.
        keep: how old a backup may become, with its unit, as in ``30d``.
        keep_last: so many of the newest stay, however old they are.
        finished: tells whether a migration has ended.

    Returns:
        Every backup with its fate, and the unfinished directories to remove.

    Raises:
        UsageError: ``keep`` is no duration.
    """
    oldest = datetime.now(UTC) - age(keep)
    needed = dict(_needed(shelf.backups, finished))
    fates = []
    for place, kept in enumerate(shelf.backups):
        at = datetime.strptime(kept.backup.at, _STAMP).replace(tzinfo=UTC)
        if Path(kept.path).is_symlink():
            fate = "kept: a symbolic link"
        elif kept.path in needed:
            fate = needed[kept.path]
        elif place < keep_last:
            fate = "kept: one of the newest"
        elif at >= oldest:
            fate = "kept: young enough"
        else:
            fate = "removed"
        fates.append(replace(kept, fate=fate))
    leftovers = tuple(
        Path(path)
        for path, _ in shelf.broken
        if _UNFINISHED.fullmatch(Path(path).name) and _abandoned(Path(path), oldest)
    )
    return tuple(fates), leftovers


def remove(path: Path) -> None:
    """Take a directory away; while it goes, it does not look like a backup."""
    if not _UNFINISHED.fullmatch(path.name):
        gone = path.with_name(f".{PREFIX}{secrets.token_hex(8)}{PARTIAL}")
        path = path.rename(gone)
    shutil.rmtree(path)


def _needed(backups: Sequence[Kept], finished: Finished) -> Iterator[tuple[str, str]]:
    """Keep the last verified one, and the last from before the first step."""
    seen = set()
    for kept in backups:
        backup = kept.backup
        if not backup.verified or backup.partial or backup.safety or finished(backup):
            continue
        migration = (
            backup.database.system_identifier,
            backup.database.name,
            backup.plan,
        )
        for which in ((*migration, "last"), (*migration[:2], backup.steps == 0)):
            if which not in seen and which[-1] is not False:
                seen.add(which)
                yield (
                    kept.path,
                    "kept: the last verified one of an unfinished migration",
                )


def _abandoned(path: Path, oldest: datetime) -> bool:
    if datetime.fromtimestamp(path.stat().st_mtime, UTC) >= oldest:
        return False
    # a long dump does not touch its directory, but holds its lock
    number = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(number)
    return True
