"""Databases like the one that was backed up: make them, dress them, drop them."""

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from tzmigrate.backup.model import Database
from tzmigrate.backup.programs import APPLICATION
from tzmigrate.errors import Refused, TzmigrateError
from tzmigrate.inventory.settings import read_system_identifier
from tzmigrate.postgres.clients import Access
from tzmigrate.postgres.quoting import readable_identifier
from tzmigrate.postgres.scratch import (
    Source,
    drop_database,
    locale_options,
    setting_statement,
    words,
)
from tzmigrate.postgres.session import PINNED, Session, connect
from tzmigrate.postgres.url import Target

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


class _Grant(NamedTuple):
    """One privilege of ``datacl``; ``grantee`` is ``None`` for PUBLIC."""

    grantor: str
    grantee: str | None
    privilege: str
    grantable: bool


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


@contextmanager
def new_database(
    base: Session, name: str, database: Database, dressed: Database
) -> Iterator[Target]:
    """Make a database like one that was backed up; dropped where the block fails.

    Args:
        base: a session in autocommit mode to another database of the server.
        name: what it is called.
        database: what it shall be like.
        dressed: whose owner, grants and settings it will be given at the end.

    Raises:
        Refused: the server lacks a role, a tablespace or a locale.
    """
    _require_roles(base, dressed)
    target = Access.of(base).target(base.target.source, name)
    options = locale_options(source_of(database), base.info.server_version)
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
            dress(base, name, dressed)
        base.execute(_sql("REVOKE CONNECT ON DATABASE {} FROM PUBLIC", name))
        with connect(target, application_name=APPLICATION, autocommit=True) as inside:
            if not database.public:
                inside.execute("DROP SCHEMA IF EXISTS public")
            give_settings(inside, name, database)
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


def dress(connection: Session, name: str, database: Database) -> None:
    """Give a database what no dump holds: owner, grants, settings, limit, comment.

    Call it in a transaction where all or nothing is wanted.
    """
    execute = connection.execute
    execute(_sql("ALTER DATABASE {} RESET ALL", name))
    for setting in database.settings:
        if setting.value is not None:
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
    wanted = _exploded(connection, database.grants)
    for grant in _in_order(wanted, database.owner):
        execute(_sql("SET ROLE {}", grant.grantor))
        execute(
            sql.SQL("GRANT {} ON DATABASE {} TO {}{}").format(
                sql.SQL(grant.privilege),
                sql.Identifier(name),
                sql.SQL("PUBLIC")
                if grant.grantee is None
                else sql.Identifier(grant.grantee),
                sql.SQL(" WITH GRANT OPTION" if grant.grantable else ""),
            )
        )
        execute("RESET ROLE")
    given: Any = execute(
        "SELECT coalesce(datacl::text[], '{}') FROM pg_database WHERE datname = %s",
        (name,),
    ).fetchone()
    # PostgreSQL only warns where a grantor has nothing to give; it writes the owner
    # down in the place of one who is a superuser by now
    there = {g[1:] for g in _exploded(connection, given[0])}
    there |= {(*g[:-1], False) for g in there}
    if lost := [g for g in wanted if g[1:] not in there]:
        grant = min(lost, key=str)
        raise Refused(
            "TZ679",
            f"{grant.privilege} on database {readable_identifier(name)} could not be "
            f"granted to {readable_identifier(grant.grantee or 'PUBLIC')}",
            detail=f"Role {readable_identifier(grant.grantor)} has no right to give it "
            "there.",
            hint="Revoke what is left of that grant from the database of now, or grant "
            "it anew as the database's owner, then restore again.",
        )


def _exploded(connection: Session, grants: Sequence[str]) -> list[_Grant]:
    rows = connection.execute(
        "SELECT pg_get_userbyid(a.grantor)::text,"
        " CASE WHEN a.grantee <> 0 THEN pg_get_userbyid(a.grantee)::text END,"
        " a.privilege_type, a.is_grantable FROM aclexplode(%s::text[]::aclitem[]) AS a",
        (list(grants),),
    ).fetchall()
    return [_Grant(*row) for row in rows]


def _in_order(grants: Sequence[_Grant], owner: str) -> Iterator[_Grant]:
    """Yield grants so that each grantor has what it gives; what nobody has comes last.

    ``datacl`` is not always in the order in which they can be given again.
    """
    left = list(grants)
    may = {(owner, grant.privilege) for grant in grants}
    while left:
        ready = [g for g in left if (g.grantor, g.privilege) in may] or left
        yield from ready
        may |= {(g.grantee, g.privilege) for g in ready if g.grantee and g.grantable}
        left = [g for g in left if g not in ready]


def give_settings(session: Session, name: str, database: Database) -> None:
    """Set what decides how a dump's text is read, such as the text search."""
    for setting in database.settings:
        own = setting.role is None and setting.name not in AFTERWARDS
        if own and setting.value is not None:
            try:
                session.execute(
                    setting_statement(name, None, setting.name, setting.value)
                )
            except psycopg.Error:
                # another server may lack it, and a restore shows what needed it
                continue


def zone_of(session: Session, database: Database) -> str:
    """Return the ``TimeZone`` of a database that was backed up, as a server knows it.

    Refreshing a materialized view, a CHECK on rows that arrive and much else computes
    with it. What a role has for itself says nothing of who wrote the rows; where it hid
    the server's own, UTC has to do.
    """
    zones = {zone.scope: zone.zone for zone in database.zones if zone.role is None}
    for scope in ("database", "server"):
        if scope not in zones:
            continue
        with (
            suppress(psycopg.DataError),
            session.transaction(force_rollback=True),
        ):
            session.execute("SELECT set_config('TimeZone', %s, true)", (zones[scope],))
            return zones[scope]
    return PINNED["TimeZone"]


def on_its_server(connection: Session, database: Database) -> bool:
    """Return whether a server may be the one of a database that was backed up."""
    here = read_system_identifier(connection)
    return None in (here, database.system_identifier) or (
        here == database.system_identifier
    )


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


def _sql(text: str, *names: str) -> sql.Composed:
    return sql.SQL(text).format(*map(sql.Identifier, names))
