"""Make a database out of a backup, and see that it is the same."""

import logging
import re
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg
from psycopg import sql

from tzmigrate.backup.archive import Archive
from tzmigrate.backup.model import Backup, Database
from tzmigrate.backup.programs import APPLICATION
from tzmigrate.backup.state import (
    differences,
    planned_in,
    read_moment,
    read_tables,
)
from tzmigrate.errors import NotProved, Refused, TzmigrateError
from tzmigrate.postgres.clients import Access
from tzmigrate.postgres.dump import Entry, Failure, within_database
from tzmigrate.postgres.embedded import embedded_server
from tzmigrate.postgres.errors import translated
from tzmigrate.postgres.quoting import readable_identifier
from tzmigrate.postgres.scratch import (
    Purpose,
    Source,
    drop_database,
    locale_options,
    quick_restore,
    scratch_database,
    setting_statement,
    words,
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
NOT_WHOLE = (
    "tzmigrate: a backup is being restored here, and is not whole; "
    "without a command that does it, it can be dropped."
)
"""Comment of a new database until it is whole."""
_GRANT = re.compile(
    r'(?P<grantee>"(?:[^"]|"")*"|[^="]*)=[a-zA-Z*]*/(?P<grantor>"(?:[^"]|"")*"|[^"]*)'
)
AFTERWARDS = frozenset({"default_transaction_read_only", "role"})
"""Settings that would keep a restore from writing."""


logger = logging.getLogger(__name__)


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


def source_of(database: Database) -> Source:
    """Return what ``CREATE DATABASE`` needs to know."""
    return Source(
        oid=database.oid,
        encoding=database.encoding,
        collate=database.collate,
        ctype=database.ctype,
        provider=database.provider,
        locale=database.locale,
        icu_rules=database.icu_rules,
        owner=None,
        tablespace=None,
        public=database.public,
        tablespaces=False,
    )


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
                _give_settings(scratch.session, scratch.name, backup.database)
                failures = archive.restore(
                    scratch.access,
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


@contextmanager
def new_database(base: Session, name: str, database: Database) -> Iterator[Target]:
    """Make a database like one that was backed up; dropped where the block fails.

    Args:
        base: a session in autocommit mode to another database of the server.
        name: what it is called.
        database: what it shall be like.

    Raises:
        Refused: the server lacks a role, a tablespace or a locale.
    """
    _require_roles(base, database)
    target = Access.of(base).target(base.target.source, name)
    options = locale_options(source_of(database))
    if database.tablespace != "pg_default":
        options.append(_sql("TABLESPACE {}", database.tablespace))
    try:
        with _as_it_was(name):
            base.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0 {}").format(
                    sql.Identifier(name), sql.SQL(" ").join(options)
                )
            )
    except psycopg.errors.DuplicateDatabase as error:
        raise Refused(
            "TZ681",
            f"there is a database {readable_identifier(name)} already",
            detail="Nothing was done to it.",
            hint="Name another one with --into, or drop it yourself.",
        ) from error
    try:
        base.execute(
            sql.SQL("COMMENT ON DATABASE {} IS {}").format(
                sql.Identifier(name),
                sql.Literal(NOT_WHOLE),
            )
        )
        # what cannot be given at the end shall not cost a restore
        with _as_it_was(name), base.transaction(force_rollback=True):
            dress(base, name, database)
        base.execute(_sql("REVOKE CONNECT ON DATABASE {} FROM PUBLIC", name))
        with connect(target, application_name=APPLICATION, autocommit=True) as inside:
            if not database.public:
                inside.execute("DROP SCHEMA IF EXISTS public")
            _give_settings(inside, name, database)
        yield target
    except BaseException:
        drop(base, name)
        raise


@contextmanager
def _as_it_was(name: str) -> Iterator[None]:
    try:
        yield
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.DuplicateDatabase):
        raise
    except (psycopg.DataError, psycopg.ProgrammingError) as error:
        raise Refused(
            "TZ679",
            f"database {readable_identifier(name)} cannot be made as the other one was:"
            f" {error.diag.message_primary}",
            hint="The server lacks what that one had, such as a locale or a setting; "
            "restore on a server that has it.",
        ) from error


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
    failures = archive.restore(Access.of(base), name, wanted=_everything, jobs=jobs)
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


def dress(connection: Session, name: str, database: Database) -> None:
    """Give a database what no dump holds: owner, grants, settings, limit, comment.

    Call it in a transaction where all or nothing is wanted.
    """
    execute = connection.execute
    execute(_sql("ALTER DATABASE {} RESET ALL", name))
    for setting in database.settings:
        execute(setting_statement(name, setting.role, setting.name, setting.value))
    execute(
        sql.SQL("ALTER DATABASE {} CONNECTION LIMIT {} IS_TEMPLATE {}").format(
            sql.Identifier(name),
            sql.Literal(database.connection_limit),
            sql.Literal(database.template),
        )
    )
    execute(
        sql.SQL("COMMENT ON DATABASE {} IS {}").format(
            sql.Identifier(name), sql.Literal(database.comment)
        )
    )
    execute(_sql("ALTER DATABASE {} OWNER TO {}", name, database.owner))
    _grant(connection, name, database)


def drop(base: Session, name: str) -> None:
    """Drop a database that we made, with whatever is connected to it."""
    target = Access.of(base).target(base.target.source, name)
    try:
        # where nobody may connect, the server says below what is in the way
        with (
            suppress(psycopg.Error, TzmigrateError),
            connect(target, application_name=APPLICATION, autocommit=True) as inside,
        ):
            _drop_subscriptions(inside)
        drop_database(base, name)
    except (psycopg.Error, TzmigrateError) as error:
        # what went wrong before is what has to be told
        logger.warning(
            "database %s could not be dropped (%s); drop it yourself",
            name,
            words(error),
        )


def _drop_subscriptions(inside: Session) -> None:
    """Drop subscriptions without touching the server that they name."""
    rows = inside.execute(
        "SELECT s.subname::text FROM pg_subscription AS s JOIN pg_database AS d"
        " ON d.oid = s.subdbid WHERE d.datname = current_database()"
    ).fetchall()
    for (name,) in rows:
        inside.execute(_sql("ALTER SUBSCRIPTION {} DISABLE", name))
        inside.execute(_sql("ALTER SUBSCRIPTION {} SET (slot_name = NONE)", name))
        inside.execute(_sql("DROP SUBSCRIPTION {}", name))


def _grant(connection: Session, name: str, database: Database) -> None:
    execute = connection.execute
    if database.grants is None:
        # what was never granted is what PostgreSQL grants by itself
        execute(_sql("GRANT CONNECT, TEMPORARY ON DATABASE {} TO PUBLIC", name))
        return
    execute(_sql("REVOKE ALL ON DATABASE {} FROM PUBLIC", name))
    execute(_sql("REVOKE ALL ON DATABASE {} FROM {}", name, database.owner))
    rows = execute(
        "SELECT pg_get_userbyid(a.grantor)::text,"
        " CASE WHEN a.grantee <> 0 THEN pg_get_userbyid(a.grantee)::text END,"
        " a.privilege_type, a.is_grantable"
        " FROM aclexplode(%s::text[]::aclitem[]) AS a"
        # who may grant on comes before those who were granted by them
        " ORDER BY a.grantor <> (SELECT oid FROM pg_roles WHERE rolname = %s)",
        (list(database.grants), database.owner),
    ).fetchall()
    for grantor, grantee, privilege, grantable in rows:
        execute(_sql("SET ROLE {}", grantor))
        execute(
            sql.SQL("GRANT {} ON DATABASE {} TO {}{}").format(
                sql.SQL(privilege),
                sql.Identifier(name),
                sql.SQL("PUBLIC") if grantee is None else sql.Identifier(grantee),
                sql.SQL(" WITH GRANT OPTION" if grantable else ""),
            )
        )
        execute("RESET ROLE")


def _give_settings(session: Session, name: str, database: Database) -> None:
    """Set what decides how a dump's text is read, such as the text search."""
    for setting in database.settings:
        if setting.role is None and setting.name not in AFTERWARDS:
            try:
                session.execute(
                    setting_statement(name, None, setting.name, setting.value)
                )
            except psycopg.Error:
                # another server may lack it, and a restore shows what needed it
                continue


@contextmanager
def _server(
    backup: Backup, target: Target | None
) -> Iterator[tuple[Session, str, bool]]:
    if target is not None:
        with connect(target, application_name=APPLICATION, autocommit=True) as base:
            require_creating(base, _ELSEWHERE)
            known = {n for (n,) in base.execute("SELECT rolname::text FROM pg_roles")}
            same = set(backup.database.roles) <= known
            yield base, f"{base.info.host}:{base.info.port}", same
        return
    major = backup.database.version // 10000
    with embedded_server(version=embedded_version(major)) as server:
        own = parse_url(server.url())
        with connect(own, application_name=APPLICATION, autocommit=True) as base:
            for role in backup.database.roles:
                if role != server.user:
                    base.execute(_sql("CREATE ROLE {} NOLOGIN", role))
            yield base, f"embedded PostgreSQL {server.version}", False


def require_creating(base: Session, hint: str) -> None:
    """See that the role may create databases.

    Args:
        base: a session to the server.
        hint: what to do where it may not.

    Raises:
        Refused: it may not.
    """
    row = base.execute(
        "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
    ).fetchone()
    if not row or not row[0]:
        raise Refused(
            "TZ680",
            f"role {readable_identifier(base.info.user)} may not create databases on "
            f"the server of {base.target.source}",
            detail="Nothing was done.",
            hint=hint,
        )


def _require_roles(base: Session, database: Database) -> None:
    known = {n for (n,) in base.execute("SELECT rolname::text FROM pg_roles")}
    needed = {database.owner, *(s.role for s in database.settings if s.role)}
    needed |= {role for grant in database.grants or () for role in _named_in(grant)}
    missing = sorted(needed - known)
    if missing:
        raise Refused(
            "TZ678",
            "the server lacks roles that the backup names: "
            + ", ".join(map(readable_identifier, missing[:5])),
            detail="They own the database, or have settings or grants in it.",
            hint="Run psql -f globals.sql from the backup's directory first; it makes"
            " the roles, without their passwords.",
        )


def _named_in(grant: str) -> list[str]:
    """Return the roles of an ``aclitem`` as text: ``grantee=privileges/grantor``."""
    match = _GRANT.fullmatch(grant)
    found = [match["grantee"], match["grantor"]] if match else []
    return [
        name[1:-1].replace('""', '"') if name.startswith('"') else name
        for name in found
        if name
    ]


def _everything(entry: Entry) -> bool:
    return bool(entry)


def _counted(failures: Sequence[Failure]) -> str:
    noun = "statement" if len(failures) == 1 else "statements"
    return f"{len(failures)} {noun} failed"


def _sql(text: str, *names: str) -> sql.Composed:
    return sql.SQL(text).format(*map(sql.Identifier, names))
