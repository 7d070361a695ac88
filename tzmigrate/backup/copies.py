"""Make a database out of a backup, and see that it is the same."""

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import psycopg
from psycopg import sql

from tzmigrate.backup.archive import Archive
from tzmigrate.backup.databases import (
    give_settings,
    on_its_server,
    require_creating,
    source_of,
    zone_of,
)
from tzmigrate.backup.model import Backup, Database
from tzmigrate.backup.programs import APPLICATION
from tzmigrate.backup.state import (
    differences,
    planned_in,
    read_moment,
    read_tables,
)
from tzmigrate.errors import NotProved, Refused
from tzmigrate.postgres.clients import Access
from tzmigrate.postgres.dump import Entry, Failure, within_database
from tzmigrate.postgres.embedded import embedded_server
from tzmigrate.postgres.errors import translated
from tzmigrate.postgres.scratch import (
    Purpose,
    quick_restore,
    scratch_database,
)
from tzmigrate.postgres.session import Session, connect, read_only
from tzmigrate.postgres.shadow import embedded_version
from tzmigrate.postgres.url import Target, parse_url

TRIAL = Purpose(
    prefix="tzmigrate_trial",
    comment="tzmigrate: a backup, restored by trial. It goes away with the command that"
    " made it; without one, it can be dropped.",
    application=APPLICATION,
)
_ELSEWHERE = (
    "Let it (ALTER ROLE … CREATEDB), name another server with --test-url, or try the"
    " restore on --test-url embedded."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What a trial restore gave.

    Attributes:
        place: where it was made, in words.
        seconds: from the first statement to the last.
        failures: statements that the server refused.
        differences: what is otherwise than it was, in words.
    """

    place: str
    seconds: float
    failures: tuple[Failure, ...]
    differences: tuple[str, ...]


def _in_a_trial(entry: Entry, *, some: bool) -> bool:
    # with rows of some tables only, their partners may be missing
    lone = some and entry.label.startswith("FK CONSTRAINT ")
    return within_database(entry) and not lone


def check_place(target: Target | None, source: Target) -> None:
    """See that a trial can be made, before an hour of dumping.

    Args:
        target: the server of the trial; ``None`` for the embedded PostgreSQL.
        source: the database that is backed up.

    Raises:
        Refused: the role may not make databases, or no embedded PostgreSQL is there.
        Unavailable: the server cannot be reached.
    """
    with connect(target or source, application_name=APPLICATION) as base:
        if target is None:
            embedded_version(base.info.server_version // 10000)
        else:
            require_creating(base, _ELSEWHERE)


def try_restore(
    archive: Archive, backup: Backup, target: Target | None, *, jobs: int = 1
) -> Trial:
    """Restore a backup into a database that is made for it, and compare.

    Args:
        archive: of the backup.
        backup: what it shall give.
        target: the server; ``None`` for the embedded PostgreSQL.
        jobs: connections of ``pg_restore``.

    Raises:
        Refused: there is no place to try it.
        Unavailable: the server cannot be reached.
        NotProved: the archive cannot be read.
    """
    with _server(backup, target) as (base, place, same), translated():
        started = time.monotonic()
        with scratch_database(
            base, source_of(backup.database), same=same, purpose=TRIAL
        ) as scratch:
            with quick_restore(scratch):
                give_settings(scratch.session, scratch.name, backup.database)
                failures = archive.restore(
                    replace(scratch.access, zone=zone_of(base, backup.database)),
                    scratch.name,
                    wanted=partial(_in_a_trial, some=backup.partial),
                    jobs=jobs,
                    options=() if same else ("--no-tablespaces",),
                )
            seconds = time.monotonic() - started
            unlike = compared(scratch.target(APPLICATION), backup)
    return Trial(place=place, seconds=seconds, failures=failures, differences=unlike)


def compared(target: Target, backup: Backup) -> tuple[str, ...]:
    """Say how a restored database differs from what was backed up."""
    with (
        connect(target, application_name=APPLICATION) as session,
        read_only(session),
    ):
        moment = read_moment(session)
        now = read_tables(session, moment.tables, planned_in(backup.tables))
    return differences(backup.tables, now)


def require_same(
    connection: psycopg.Connection[Any],
    backup: Backup,
    names: Collection[tuple[str, str]],
) -> None:
    """Compare rows and fingerprints of some tables with those of a backup.

    Raises:
        NotProved: they differ.
    """
    then = [t for t in backup.tables if (t.schema, t.name) in names]
    now = [t for t in read_moment(connection).tables if (t.schema, t.name) in names]
    unlike = differences(then, read_tables(connection, now, planned_in(then)))
    if unlike:
        raise NotProved(
            "TZ447",
            f"what was restored is not what was backed up: {unlike[0]}",
            detail="; ".join(unlike[1:6]),
            hint="Nothing was changed. Use another backup (tzmigrate backup list).",
        )


def told_older(version: int, database: Database) -> str:
    """Say what to do where a server is older than the one of a backup.

    Args:
        version: of the server, as ``server_version_num`` gives it.
        database: what was backed up.
    """
    here, there = version // 10000, database.version // 10000
    if here >= there:
        return ""
    return (
        f"The server is PostgreSQL {here} and the backup is of {there}: an older one "
        "may not understand it; restore on a newer one."
    )


def fill(
    archive: Archive, base: Session, name: str, database: Database, *, jobs: int
) -> None:
    """Restore everything into a database that was made for it.

    Raises:
        Refused: the server refused a statement.
        NotProved: the archive cannot be read.
    """
    access = replace(Access.of(base), zone=zone_of(base, database))
    failures = archive.restore(access, name, wanted=_everything, jobs=jobs)
    older = told_older(base.info.server_version, database)
    if failures:
        raise Refused(
            "TZ679",
            f"the backup could not be restored: {_counted(failures)}",
            detail=told(failures),
            hint="The new database was dropped again. "
            + (
                older
                or "A superuser, or the owner of all that is in the backup, can "
                "restore it; roles and tablespaces that are missing stand in its "
                "globals.sql."
            ),
        )


def told(failures: Sequence[Failure]) -> str:
    """Say which statements failed, the first ones by their names."""
    return "; ".join(
        f"{failure.entry.text if failure.entry else 'settings'}: {failure.reason}"
        for failure in failures[:3]
    )


@contextmanager
def _server(
    backup: Backup, target: Target | None
) -> Iterator[tuple[Session, str, bool]]:
    if target is not None:
        with connect(target, application_name=APPLICATION, autocommit=True) as base:
            require_creating(base, _ELSEWHERE)
            known = {n for (n,) in base.execute("SELECT rolname::text FROM pg_roles")}
            same = set(backup.database.roles) <= known
            # a name says little: a locale or a tablespace may be missing all the same
            same = same and on_its_server(base, backup.database)
            yield base, f"{base.info.host}:{base.info.port}", same
        return
    major = backup.database.version // 10000
    with embedded_server(version=embedded_version(major)) as server:
        own = parse_url(server.url())
        with connect(own, application_name=APPLICATION, autocommit=True) as base:
            for role in backup.database.roles:
                if role != server.user:
                    base.execute(
                        sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role))
                    )
            yield base, f"embedded PostgreSQL {server.version}", False


def _everything(entry: Entry) -> bool:
    return bool(entry)


def _counted(failures: Sequence[Failure]) -> str:
    noun = "statement" if len(failures) == 1 else "statements"
    return f"{len(failures)} {noun} failed"
