"""Restore a whole database beside the one of now, and swap them where that is asked."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import psycopg
from psycopg import sql

from tzmigrate.backup.archive import Archive
from tzmigrate.backup.copies import compared, fill
from tzmigrate.backup.databases import dress, new_database
from tzmigrate.backup.model import Backup, Database, Restoration
from tzmigrate.backup.programs import APPLICATION
from tzmigrate.backup.scene import Names, Scene, Way, busy_in, look_again, other_than
from tzmigrate.backup.since import told_about
from tzmigrate.errors import NotProved, Unavailable
from tzmigrate.postgres.errors import translated
from tzmigrate.postgres.quoting import (
    quote_identifier,
    readable_identifier,
)
from tzmigrate.postgres.session import Session, connect
from tzmigrate.postgres.url import Target

Progress = Callable[[str], None]
Safety = Callable[[Sequence[tuple[str, str]] | None], str | None]
"""Backs up what is replaced: some tables, or all; returns the directory."""

_TRIES = 5
_PAUSE = 0.1


def restore(
    here: Target,
    scene: Scene,
    archive: Archive,
    backup: Backup,
    way: Way,
    *,
    names: Names,
    progress: Progress,
    safety: Safety,
    source: str,
) -> Restoration:
    """Restore a backup into a new database, compare, and swap on request.

    Raises:
        Refused: the server refused a statement; the new database was dropped.
        NotProved: what was restored is not what was backed up; it was dropped.
        Unavailable: the database is in use, so it was not swapped; the new one stays.
    """
    name = names.new
    kept = None
    missed: tuple[str, ...] = ()
    if way.swap and scene.current is not None:
        kept = safety(None)
    started = time.monotonic()
    dressed = _dressed(scene, backup, way)
    with connect(
        scene.maintenance, application_name=APPLICATION, autocommit=True
    ) as base:
        with (
            translated(),
            new_database(base, name, backup.database, dressed) as target,
        ):
            progress(f"restoring into database {name}")
            fill(archive, base, name, backup.database, jobs=way.jobs)
            with connect(
                target, application_name=APPLICATION, autocommit=True
            ) as inside:
                # no dump before 18 holds the planner's statistics
                inside.execute("ANALYZE")
            progress("comparing it with the backup")
            unlike = compared(target, backup)
            if unlike:
                raise NotProved(
                    "TZ447",
                    f"what was restored into {readable_identifier(name)} is not what "
                    f"was backed up: {unlike[0]}",
                    detail="; ".join(unlike[1:6]),
                    hint="The new database was dropped again. Use another backup "
                    "(tzmigrate backup list).",
                )
            if way.swap and scene.current is not None:
                # a restore takes long, and the application goes on
                scene, missed = look_again(here, scene, backup)
                dressed = _dressed(scene, backup, way)
            with base.transaction():
                dress(base, name, dressed)
        done = Restoration(
            source=source,
            database=name,
            seconds=time.monotonic() - started,
            since=scene.written.tables,
            notes=(
                *_notes(dressed, backup),
                *told_about(scene.written, scene.name),
                *missed,
            ),
        )
        if not way.swap:
            return done
        with translated():
            _swap(base, scene, names, terminate=way.terminate)
        progress(f"database {scene.name} is the restored one now")
    return replace(
        done,
        database=scene.name,
        swapped=names.beside if scene.current is not None else None,
        safety=kept,
    )


def _swap(base: Session, scene: Scene, names: Names, *, terminate: bool) -> None:
    """Exchange the names, in one transaction.

    Raises:
        Unavailable: a session is in the way; nothing was renamed.
    """
    for attempt in range(1, _TRIES + 1):
        busy = busy_in(base, (scene.name, names.new))
        if busy and not terminate:
            # one that has ended, ours too, takes a moment to be gone
            if attempt < _TRIES:
                time.sleep(_PAUSE)
                continue
            raise _in_use(scene.name, names, busy)
        try:
            if busy:
                base.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = ANY (%s) AND pid <> pg_backend_pid()"
                    # an autovacuum worker makes way by itself
                    " AND usesysid IS NOT NULL",
                    ([scene.name, names.new],),
                )
            with base.transaction():
                if scene.current is not None:
                    base.execute(_rename(scene.name, names.beside))
                base.execute(_rename(names.new, scene.name))
        except psycopg.errors.InsufficientPrivilege as error:
            raise _in_use(scene.name, names, busy) from error
        except psycopg.errors.ObjectInUse as error:
            # whoever was ended comes back at once, as a pool does
            if attempt == _TRIES or not terminate:
                raise _in_use(scene.name, names, (str(error).strip(),)) from error
            time.sleep(_PAUSE)
        else:
            return


def _in_use(name: str, names: Names, busy: Sequence[str]) -> Unavailable:
    old, beside, new = map(quote_identifier, (name, names.beside, names.new))
    return Unavailable(
        "TZ514",
        f"database {readable_identifier(name)} is in use, so it was not swapped",
        detail="; ".join(busy[:5]),
        hint=f"The restored database {readable_identifier(names.new)} stays. Stop the "
        "application; then, connected to another database, ALTER DATABASE "
        f"{old} RENAME TO {beside} and ALTER DATABASE {new} RENAME TO {old}. Or drop "
        "it, and run the same command with --terminate-connections.",
    )


def _rename(old: str, new: str) -> sql.Composed:
    return sql.SQL("ALTER DATABASE {} RENAME TO {}").format(
        sql.Identifier(old), sql.Identifier(new)
    )


def _dressed(scene: Scene, backup: Backup, way: Way) -> Database:
    """Return the database whose owner, grants and settings the restored one gets.

    What it takes the place of has had them changed since, perhaps. Beside another
    database, which the URL may name for its server alone, it is what it was.
    """
    if scene.current is None or (
        not way.swap and other_than(backup.database, scene.current)
    ):
        return backup.database
    return scene.current


def _notes(dressed: Database, backup: Backup) -> Iterator[str]:
    before = backup.database
    then, now = (
        {(s.role, s.name): s.value for s in d.settings} for d in (before, dressed)
    )
    for place in sorted(set(then) | set(now), key=str):
        role, name = place
        what = f"setting {name}{f' of role {role}' if role else ''}"
        if then.get(place) == now.get(place):
            continue
        if "." in name:
            # of an application; its value may be a secret
            yield (
                f"{what} is as in the database of now; when the backup was made it was"
                " otherwise"
            )
        else:
            yield (
                f"{what} is {now.get(place, 'not set')} as in the database of now; when"
                f" the backup was made it was {then.get(place, 'not set')}"
            )
    worn, lost = _worn(dressed), _worn(before)
    for thing, is_ in worn.items():
        if is_ != lost[thing]:
            yield (
                f"{thing} of the database: {is_}, as of the one of now; when the backup"
                f" was made: {lost[thing]}"
            )


def _worn(database: Database) -> dict[str, str]:
    return {
        "owner": readable_identifier(database.owner),
        "connection limit": str(database.connection_limit),
        "mark as a template": "yes" if database.template else "no",
        "comment": database.comment or "none",
        "grants": _grants(database),
    }


def _grants(database: Database) -> str:
    """Write grants as ``aclitem`` does, with what is there where none were given."""
    if database.grants is not None:
        return ", ".join(sorted(database.grants)) or "none"
    owner = database.owner
    if not re.fullmatch(r"[A-Za-z0-9_]+", owner):
        owner = quote_identifier(owner)
    return ", ".join(sorted([f"=Tc/{owner}", f"{owner}=CTc/{owner}"]))
