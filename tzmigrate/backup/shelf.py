"""The backups that lie in a directory: list them, and take old ones away."""

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tzmigrate.backup.creating import PARTIAL, PREFIX
from tzmigrate.backup.metadata import read_metadata
from tzmigrate.backup.model import METADATA, STAMP, Backup, Kept, Shelf
from tzmigrate.config.durations import age
from tzmigrate.errors import NotProved, Refused, UsageError
from tzmigrate.postgres.quoting import readable_identifier

_NAME = re.compile(rf"{PREFIX}\d{{8}}_\d{{6}}(?:_\d+)?")
_UNFINISHED = re.compile(rf"\.{PREFIX}[0-9a-f]{{16}}{re.escape(PARTIAL)}")

Finished = Callable[[Backup], bool | None]
"""Tells whether the migration that a backup was made for has ended; ``None`` where that
cannot be known."""


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
    if (root / METADATA).is_file():
        raise UsageError(
            "TZ290",
            f"{root} is a backup itself, no directory of backups",
            hint=f"Name the directory that it lies in: --dir {root.parent}",
        )
    backups: list[Kept] = []
    broken: list[tuple[str, str]] = []
    for path in paths:
        if _UNFINISHED.fullmatch(path.name):
            broken.append((str(path), "it was never finished"))
        elif _NAME.fullmatch(path.name):
            try:
                backups.append(Kept(path=str(path), backup=read_metadata(path)))
            except NotProved as error:
                broken.append((str(path), f"{error.message}. {error.detail}".strip()))
    backups.sort(key=lambda kept: kept.backup.at, reverse=True)
    return Shelf(
        path=str(root),
        now=now(),
        backups=tuple(backups),
        broken=tuple(broken),
    )


def find(root: Path, path: Path | None, database: str | None = None) -> Path:
    """Return the directory of the backup that somebody names.

    Args:
        root: the directory of the backups.
        path: a directory, or the name of one in ``root``; the newest by default.
        database: of which the newest is meant; of any by default.

    Raises:
        UsageError: there is none.
    """
    if path is None:
        return newest(root, database)
    for place in (path, root / path):
        if place.is_dir():
            return place
    if (path.parent / METADATA).is_file():
        raise UsageError(
            "TZ290",
            f"{path} is a file of a backup, not a backup",
            hint=f"Name its directory, {path.parent}.",
        )
    raise UsageError(
        "TZ290",
        f"there is no backup {path}",
        hint="tzmigrate backup list shows what there is; name the directory of one.",
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
    return datetime.now(UTC).strftime(STAMP)


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
        at = datetime.strptime(kept.backup.at, STAMP).replace(tzinfo=UTC)
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


def remove(paths: Iterable[Path]) -> None:
    """Take directories away; while one goes, it does not look like a backup.

    Raises:
        Refused: some could not be removed; the others were.
    """
    failures = []
    for path in paths:
        try:
            _remove(path)
        except FileNotFoundError:
            # somebody else was quicker
            continue
        except OSError as error:
            failures.append(f"{path.name}: {error.strerror or error}")
    if failures:
        raise Refused(
            "TZ690",
            f"{len(failures)} directories could not be removed, or not whole",
            detail="; ".join(failures),
            hint="Give yourself the right to delete what is in them. What is left of "
            "one is listed as never finished.",
        )


def _remove(path: Path) -> None:
    if not _UNFINISHED.fullmatch(path.name):
        gone = path.with_name(f".{PREFIX}{secrets.token_hex(8)}{PARTIAL}")
        path = path.rename(gone)
    shutil.rmtree(path)


def _needed(backups: Sequence[Kept], finished: Finished) -> Iterator[tuple[str, str]]:
    """Keep what an unfinished migration may need.

    Of each database and plan that is the last verified backup and the last one that
    was restored, and of each database the last one from before its first step.
    """
    seen = set()
    for kept in backups:
        backup = kept.backup
        if not backup.verified or backup.partial or backup.safety:
            continue
        over = finished(backup)
        if over:
            continue
        database = (backup.database.system_identifier, backup.database.name)
        reasons = [
            ("the last verified one", (*database, backup.plan, "verified")),
            ("the last one restored", (*database, backup.plan, "restored")),
            ("the last from before the first step", (*database, "before")),
        ]
        wanted = (True, backup.restored, backup.steps == 0)
        new = [
            reason
            for (reason, key), there in zip(reasons, wanted, strict=True)
            if there and key not in seen
        ]
        seen |= {key for (_, key), there in zip(reasons, wanted, strict=True) if there}
        if new:
            end = "is unfinished" if over is False else "may be unfinished"
            yield kept.path, f"kept: {new[0]}, and its migration {end}"


def _abandoned(path: Path, oldest: datetime) -> bool:
    try:
        if datetime.fromtimestamp(path.stat().st_mtime, UTC) >= oldest:
            return False
        number = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    # a long dump does not touch its directory, but holds its lock
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(number)
    return True
