"""What a restore meets: the server, the names that are free, who is in the way."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain, count
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tzmigrate.backup.choosing import read_members
from tzmigrate.backup.copies import told_older
from tzmigrate.backup.databases import NOT_WHOLE, require_creating
from tzmigrate.backup.interlock import share
from tzmigrate.backup.model import Backup, Database, TableState
from tzmigrate.backup.programs import APPLICATION
from tzmigrate.backup.since import (
    Written,
    left_schemas,
    told_written,
    written_since,
)
from tzmigrate.backup.state import read_database, read_moment
from tzmigrate.errors import Refused, Unavailable, UsageError
from tzmigrate.postgres.clients import Access
from tzmigrate.postgres.quoting import (
    quote_identifier,
    readable_identifier,
)
from tzmigrate.postgres.scratch import words
from tzmigrate.postgres.session import Session, connect, read_only, require_own
from tzmigrate.postgres.url import Target, parse_url

_MAINTENANCE = ("postgres", "template1")
_LONGEST = 63
"""Bytes of an identifier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How to restore a database.

    Attributes:
        into: name of the new database; one with the time by default.
        swap: give it the name of the database of now afterwards.
        terminate: end the sessions that are in the way of that.
        jobs: connections of ``pg_restore``.
    """

    into: str | None = None
    swap: bool = False
    terminate: bool = False
    jobs: int = 1


class Names(NamedTuple):
    """What databases are called.

    Attributes:
        new: the restored one, until it is swapped.
        beside: the one of now, once it is swapped.
        leftovers: what restores left that were killed.
    """

    new: str
    beside: str
    leftovers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The server before a restore.

    Attributes:
        name: the database that the URL names.
        version: of the server, as ``server_version_num`` gives it.
        current: what it is now; ``None`` where there is none.
        written: what was written to it after the backup.
        busy: who is connected to it.
        leftovers: schemas that restores left in it that were killed.
    """

    access: Access
    maintenance: Target
    name: str
    version: int
    current: Database | None
    written: Written
    busy: tuple[str, ...]
    leftovers: tuple[str, ...]


def look(target: Target, backup: Backup, tables: Sequence[TableState] = ()) -> Scene:
    """Read what a restore would meet.

    Args:
        target: the database that was backed up, or would take its place.
        backup: that is to be restored.
        tables: those that are restored; all by default.

    Raises:
        Refused: the server does not let us in.
        Unavailable: it cannot be reached.
    """
    try:
        with connect(target, application_name=APPLICATION) as session:
            require_own(session)
            access = Access.of(session)
            version = session.info.server_version
            name = session.info.dbname
            with read_only(session):
                current = read_moment(session).database
                names = None
                if tables:
                    names = {(t.schema, t.name) for t in tables}
                    members = read_members(session, tables)
                    names |= {(m.schema, m.name) for m in members}
                written = written_since(session, backup, names)
                busy = busy_in(session, (name,))
                leftovers = left_schemas(session)
    except Refused as error:
        # after a disaster there may be none
        if error.code != "TZ604":
            raise
        name, current, written, busy, leftovers = "", None, Written(), (), ()
        with _maintained(target) as session:
            access = Access.of(session)
            version = session.info.server_version
        name = named_by(target) or backup.database.name
    return Scene(
        access=access,
        maintenance=_maintenance(access, target, name),
        name=name,
        version=version,
        current=current,
        written=written,
        busy=busy,
        leftovers=leftovers,
    )


def look_again(
    target: Target, scene: Scene, backup: Backup
) -> tuple[Scene, tuple[str, ...]]:
    """Read at the end of a restore what it meets by then.

    What took so long is not thrown away for a table that is locked just now.

    Returns:
        The scene, and what could not be looked for.
    """
    try:
        return look(target, backup), ()
    except (Unavailable, Refused, psycopg.Error) as error:
        with (
            connect(target, application_name=APPLICATION) as session,
            read_only(session),
        ):
            current = read_database(session)
        said = words(error)
        missed = f"what was written meanwhile was not looked for: {said}"
        return replace(scene, current=current), (missed,)


def other_than(then: Database, now: Database) -> str:
    """Say in which way a database is another than the one that was backed up.

    Returns:
        The end of a sentence; empty where it is the same, as far as both tell.
    """
    if then.name != now.name:
        return f"and the URL names {readable_identifier(now.name)}"
    clusters = {then.system_identifier, now.system_identifier} - {None}
    if len(clusters) > 1:
        return "of another cluster than the one that the URL names"
    return ""


def choose_names(scene: Scene, into: str | None) -> Names:
    """Return names that no database has.

    Args:
        scene: the server.
        into: what the user calls the new one.

    Raises:
        Refused: another database has it, or the role may make none.
        UsageError: that is empty, too long, or that of the database of now.
    """
    if into is not None and not 0 < len(into.encode()) <= _LONGEST:
        raise UsageError(
            "TZ297",
            f"{into!r} cannot be the name of a database",
            detail=f"PostgreSQL's names have 1 to {_LONGEST} bytes.",
            hint="Give --into another name, or leave it out.",
        )
    if into == scene.name and scene.current is not None:
        raise UsageError(
            "TZ293",
            f"--into names the database of now, {readable_identifier(into)}",
            hint="Restore it beside that one, and let --swap exchange the names.",
        )
    now = datetime.now(UTC)
    with connect(scene.maintenance, application_name=APPLICATION) as base:
        require_creating(
            base, "Let it (ALTER ROLE … CREATEDB), or connect as a role that may."
        )
        rows = base.execute(
            "SELECT d.datname::text, shobj_description(d.oid, 'pg_database') = %s"
            " AND NOT EXISTS (SELECT FROM pg_stat_activity AS a WHERE a.datid = d.oid)"
            " FROM pg_database AS d ORDER BY 1",
            (NOT_WHOLE,),
        ).fetchall()
    taken = {name for name, _ in rows}
    if into is not None and into in taken:
        raise Refused(
            "TZ681",
            f"there is a database {readable_identifier(into)} already",
            detail="Nothing was done to it.",
            hint="Name another one with --into, or drop it yourself.",
        )
    new = free_name(scene.name, now, taken) if into is None else into
    beside = free_name(scene.name, now, {*taken, new}, "before_restore")
    return Names(new, beside, tuple(name for name, left in rows if left))


def require_free(scene: Scene, way: Way, target: Target) -> None:
    """Refuse a swap that could not be made, before an hour of restoring.

    Raises:
        Unavailable: somebody is connected.
        Refused: something keeps the database in use that no terminated session frees.
    """
    if not way.swap or scene.current is None:
        return
    if scene.busy and not way.terminate:
        raise Unavailable(
            "TZ514",
            f"database {readable_identifier(scene.name)} is in use, so it cannot be "
            "swapped",
            detail=f"{'; '.join(scene.busy[:5])}. Nothing was done.",
            hint="Stop the application, or end its sessions with "
            "--terminate-connections.",
        )
    with (
        connect(target, application_name=APPLICATION) as session,
        read_only(session),
    ):
        rows = session.execute(
            "SELECT 'prepared transaction', gid, 'COMMIT PREPARED or ROLLBACK PREPARED'"
            " FROM pg_prepared_xacts WHERE database = current_database()"
            " UNION ALL SELECT 'subscription', subname::text,"
            " 'ALTER SUBSCRIPTION … DISABLE' FROM pg_subscription"
            " JOIN pg_database AS d ON d.oid = subdbid"
            " WHERE subenabled AND d.datname = current_database() LIMIT 1"
        ).fetchall()
        share(session)
    # settings of the database, such as role, do not act where it is renamed
    with (
        connect(scene.maintenance, application_name=APPLICATION) as session,
        read_only(session),
    ):
        who: Any = session.execute("SELECT current_user::text").fetchone()
        role = readable_identifier(who[0])
        beyond = session.execute(
            "SELECT a.usename::text FROM pg_stat_activity AS a JOIN pg_roles AS r"
            " ON r.oid = a.usesysid WHERE a.datname = %s"
            " AND a.pid <> pg_backend_pid() AND NOT pg_has_role(a.usesysid, 'USAGE')"
            " AND (r.rolsuper OR NOT pg_has_role('pg_signal_backend', 'USAGE'))"
            " LIMIT 1",
            (scene.name,),
        ).fetchone()
        owner = session.execute(
            "SELECT pg_get_userbyid(datdba)::text FROM pg_database"
            " WHERE datname = %s AND NOT pg_has_role(datdba, 'USAGE')",
            (scene.name,),
        ).fetchone()
    if owner is not None:
        raise Refused(
            "TZ688",
            f"role {role} may not rename database {readable_identifier(scene.name)}",
            detail=f"It belongs to role {readable_identifier(owner[0])}. Nothing was "
            "done.",
            hint="Connect as that role, or leave --swap out.",
        )
    if beyond is not None:
        raise Refused(
            "TZ689",
            f"role {role} may not end the session of "
            f"role {readable_identifier(beyond[0])} in database "
            f"{readable_identifier(scene.name)}",
            detail="It could not be renamed. Nothing was done.",
            hint="End that session yourself, or connect as a superuser.",
        )
    for what, name, remedy in rows:
        raise Refused(
            "TZ687",
            f"{what} {readable_identifier(name)} keeps database "
            f"{readable_identifier(scene.name)} in use",
            detail="It could not be renamed. Nothing was done.",
            hint=f"{remedy}, then run the same command again.",
        )


def announced(
    scene: Scene, backup: Backup, way: Way, names: Names, path: Path
) -> tuple[str, ...]:
    """Say what a restore will do, before it does."""
    seconds = backup.restore_seconds
    lines = [
        f"Backup {path.name} of database {backup.database.name}, as it was at "
        f"{backup.at}, will be restored into a new database {names.new}"
        + (f"; the trial took {seconds:.0f} s." if seconds is not None else "."),
    ]
    if way.swap and scene.current is not None:
        lines.append(
            f"Then database {scene.name} gets the name {names.beside}, and the new one "
            f"becomes {scene.name}. The old one stays until you drop it."
        )
        if scene.busy:
            lines.append(
                f"Connected to {scene.name} now: {', '.join(scene.busy)}"
                + ("; they will be ended." if way.terminate else ".")
            )
    lines += filter(None, [told_older(scene.version, backup.database)])
    lines += told_written(scene.written, scene.name)
    return (*lines, *told_leftovers(scene, names))


def told_leftovers(scene: Scene, names: Names) -> tuple[str, ...]:
    """Say what restores left that were killed, and how it goes away."""
    found = [("Database", "", name) for name in names.leftovers]
    found += [("Schema", " CASCADE", name) for name in scene.leftovers]
    return tuple(
        f"{what} {name} is what a restore left that was killed. To drop it: "
        f"DROP {what.upper()} {quote_identifier(name)}{how}"
        for what, how, name in found
    )


def free_name(
    name: str, now: datetime, taken: Collection[str], what: str = "restored"
) -> str:
    """Return a name for what stands beside another one, within 63 bytes."""
    end = f"_{what}_{now:%Y%m%d_%H%M%S}"
    ends = chain([end], (f"{end}_{number}" for number in count(2)))
    return next(found for e in ends if (found := _shortened(name, e)) not in taken)


def named_by(target: Target) -> str | None:
    """Return the name of the database that a URL names, where it names one."""
    name = conninfo_to_dict(target.conninfo).get("dbname")
    return str(name) if name else None


def busy_in(
    connection: psycopg.Connection[Any], names: Sequence[str]
) -> tuple[str, ...]:
    """Say who is connected to databases."""
    rows = connection.execute(
        "SELECT DISTINCT usename::text, application_name FROM pg_stat_activity"
        " WHERE datname = ANY (%s) AND pid <> pg_backend_pid()"
        # what is nobody's, as an autovacuum worker, makes way by itself
        " AND usesysid IS NOT NULL"
        " ORDER BY 1, 2",
        (list(names),),
    ).fetchall()
    return tuple(
        (f"role {readable_identifier(role)}" if role else "a role that was dropped")
        + (f" by {application}" if application else "")
        for role, application in rows
    )


def _maintenance(access: Access, target: Target, name: str) -> Target:
    """Return a database of the server from which another one can be renamed."""
    for maintenance in _MAINTENANCE:
        if maintenance == name:
            continue
        found = access.target(target.source, maintenance)
        with suppress(Refused), connect(found, application_name=APPLICATION):
            return found
    raise Refused(
        "TZ686",
        f"there is no database {' or '.join(_MAINTENANCE)} to connect to",
        detail="A database cannot be renamed from within.",
        hint="Create database postgres, or let the role connect to it.",
    )


@contextmanager
def _maintained(target: Target) -> Iterator[Session]:
    """Connect to the same server where the database itself is gone."""
    conninfo = make_conninfo(target.conninfo, dbname=_MAINTENANCE[0])
    with connect(
        parse_url(conninfo, source=target.source), application_name=APPLICATION
    ) as session:
        yield session


def _shortened(name: str, end: str) -> str:
    return name.encode()[: _LONGEST - len(end)].decode(errors="ignore") + end
