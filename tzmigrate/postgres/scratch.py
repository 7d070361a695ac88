"""Make an empty database for a while, and always drop it again.

A scratch database is in use as long as a session is connected to it: whoever makes
one stays connected, and the server ends the session of a process that was killed. So
leftovers are told from what works right now without any record of them.
"""

import logging
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.resources import files
from typing import LiteralString, NamedTuple

import psycopg
from psycopg import sql

from tzmigrate.errors import Refused, TzmigrateError, Unavailable
from tzmigrate.postgres.clients import APPLICATION, Access
from tzmigrate.postgres.session import Session, connect
from tzmigrate.postgres.url import Target

_ATTEMPTS = 5
_LISTS = re.compile(
    r"(?i)local_preload_libraries|search_path|session_preload_libraries"
    r"|shared_preload_libraries|temp_tablespaces|unix_socket_directories"
)
_ITEM = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^",]+?))\s*(?:,|$)')
# they would end or forbid what is tried, and mean nothing there
_NOT_COPIED = frozenset({"default_transaction_read_only", "role"})
_SESSION_USER: LiteralString = "SELECT session_user::pg_catalog.text"
_ROLES: LiteralString = "SELECT r.rolname::pg_catalog.text FROM pg_catalog.pg_roles r"
_SUPERUSER: LiteralString = (
    "SELECT pg_catalog.bool_and(r.rolsuper) FROM pg_catalog.pg_roles r"
    " WHERE r.rolname IN (session_user, current_user)"
)
_UNLIMITED: LiteralString = (
    "SELECT pg_catalog.set_config('idle_in_transaction_session_timeout', '0', false),"
    " pg_catalog.set_config('transaction_read_only', 'off', true)"
)
_HELD: LiteralString = (
    "SELECT d.datconnlimit FROM pg_catalog.pg_database d"
    " WHERE d.datname = pg_catalog.current_database() FOR SHARE"
)
_STRANGERS: LiteralString = (
    "SELECT a.pid FROM pg_catalog.pg_stat_activity a"
    " JOIN pg_catalog.pg_roles r ON r.oid = a.usesysid"
    " WHERE a.datname = pg_catalog.current_database() AND NOT r.rolsuper"
)
_WRITABLE: LiteralString = (
    "SELECT pg_catalog.set_config('default_transaction_read_only', 'off', false)"
)
_WHILE_RESTORING = {
    "default_transaction_read_only": "off",
    "synchronous_commit": "off",
    "statement_timeout": "0",
    "lock_timeout": "0",
    # as they are printed: else NULL in the text of an array is a word
    "array_nulls": "on",
}

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """What scratch databases are made for.

    Attributes:
        prefix: their names begin with it.
        comment: what they say of themselves.
        application: ``application_name`` of the session that keeps one in use.
        closed: where a superuser makes one, nobody else connects to it.
    """

    prefix: str
    comment: str
    application: str
    closed: bool = False

    @property
    def pattern(self) -> str:
        """A regular expression of PostgreSQL's that their names match."""
        return rf"^{self.prefix}_[0-9]+_[0-9a-f]{{16}}$"


SHADOW = Purpose(
    prefix="tzmigrate_shadow",
    comment="tzmigrate: an empty copy of a schema, where a plan is tried. It holds no"
    " data, and goes away with the command that made it; without one, it can be"
    " dropped.",
    application=APPLICATION,
    closed=True,
)


class Source(NamedTuple):
    """scratch_source.sql.

    Attributes:
        provider: ``c`` libc, ``i`` ICU, ``b`` built in; ``None`` before 15.
        owner: the database's, where we may act for it.
        tablespace: the database's, where it is another than the default.
        public: there is a schema ``public``.
        tablespaces: all that are used are open to us.
    """

    oid: int
    encoding: str
    collate: str
    ctype: str
    provider: str | None
    locale: str | None
    icu_rules: str | None
    owner: str | None
    tablespace: str | None
    public: bool
    tablespaces: bool


class Setting(NamedTuple):
    """One setting of a database; with a role, of that role in the database."""

    role: str | None
    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scratch:
    """A scratch database.

    Attributes:
        access: its server.
        session: keeps it in use; in autocommit mode.
    """

    name: str
    access: Access
    session: Session

    def target(self, source: str) -> Target:
        """Return it as something to connect to."""
        return self.access.target(source, self.name)


_PROVIDERS = 150000
"""From this version on a database has one of several providers of its locale."""


def query(name: str) -> bytes:
    """Return one of this room's ``.sql`` files."""
    return files(__package__).joinpath(f"{name}.sql").read_bytes()


def read_source(session: Session) -> Source:
    """Read what a database needs to know to be made once more."""
    row = session.execute(query("scratch_source")).fetchone()
    if row is None:
        raise AssertionError
    return Source(*row)


@contextmanager
def scratch_database(
    base: Session, source: Source, *, same: bool, purpose: Purpose = SHADOW
) -> Iterator[Scratch]:
    """Make a scratch database on a server for the length of a ``with`` block.

    Leftovers of earlier ones, which nobody uses, are dropped first.

    Args:
        base: a session in autocommit mode; its own database is not touched.
        source: what it shall be like.
        same: the server is the one that ``source`` was read from; else a locale that
            the server lacks is passed over.
        purpose: what it is for.

    Raises:
        TzmigrateError: the server does not let us, in its own words.
    """
    access = Access.of(base)
    base.execute(_WRITABLE)
    drop_leftovers(base, purpose)
    with ExitStack() as stack:
        scratch = _created(base, access, source, stack, same=same, purpose=purpose)
        if not source.public:
            scratch.session.execute("DROP SCHEMA IF EXISTS public")
        yield scratch


def drop_leftovers(base: Session, purpose: Purpose = SHADOW) -> None:
    """Drop the scratch databases of ours that no session uses."""
    for (name,) in base.execute(
        query("scratch_leftovers"), {"pattern": purpose.pattern}
    ).fetchall():
        # somebody connected meanwhile, or another plan dropped it
        with suppress(psycopg.Error):
            base.execute(_sql("DROP DATABASE IF EXISTS {}", name))
            logger.info("dropped %s, left over by an interrupted run", name)


def read_settings(session: Session, *, same: bool) -> list[Setting]:
    """Read what a session of the database has set from its beginning.

    Args:
        session: of the database.
        same: they are for a database of the same server, which has the server's
            settings and those of roles anyway.
    """
    found: dict[tuple[str | None, str], str] = {}
    if not same:
        for name, value in session.execute(query("scratch_defaults")).fetchall():
            found[None, name] = value
    rows = session.execute(query("scratch_settings"), {"elsewhere": not same})
    for role, pairs in rows.fetchall():
        for name, _, value in (pair.partition("=") for pair in pairs):
            found[role, name] = value
    return [
        Setting(role, name, value)
        for (role, name), value in found.items()
        if name.lower() not in _NOT_COPIED
    ]


def copy_settings(scratch: Scratch, settings: list[Setting]) -> tuple[list[str], str]:
    """Give a scratch database its settings.

    Returns:
        Which settings of the database the server refused, and its words. What it
        refuses for other roles is passed over: nothing is tried as one of them.
    """
    refused: list[str] = []
    reason = ""
    own = _session_user(scratch.session)
    known = {name for (name,) in scratch.session.execute(_ROLES).fetchall()}
    for role, name, value in settings:
        if role is not None and role not in known:
            continue
        try:
            scratch.session.execute(setting_statement(scratch.name, role, name, value))
        except psycopg.Error as exc:
            if role in {None, own}:
                refused.append(name)
                reason = words(exc)
    return refused, reason


@contextmanager
def quick_restore(scratch: Scratch) -> Iterator[None]:
    """Let the programs work without waiting for the disk, whatever the role sets."""
    name = scratch.name
    role = _session_user(scratch.session)
    for setting, value in _WHILE_RESTORING.items():
        with suppress(psycopg.Error):
            scratch.session.execute(setting_statement(name, role, setting, value))
    yield
    with suppress(psycopg.Error):
        scratch.session.execute(
            _sql("ALTER ROLE {} IN DATABASE {} RESET ALL", role, name)
        )


def _created(
    base: Session,
    access: Access,
    source: Source,
    stack: ExitStack,
    *,
    same: bool,
    purpose: Purpose,
) -> Scratch:
    for attempt in range(_ATTEMPTS):
        name = f"{purpose.prefix}_{source.oid}_{secrets.token_hex(8)}"
        with ExitStack() as made:
            made.callback(_drop, base, access, name)
            _create(base, name, source, same=same, closed=purpose.closed)
            target = access.target(APPLICATION, name)
            try:
                session = connect(
                    target, application_name=purpose.application, autocommit=True
                )
            except Refused as exc:
                # nobody was connected yet, so another plan took it for a leftover
                if exc.code == "TZ604" and attempt + 1 < _ATTEMPTS:
                    continue
                raise
            made.callback(session.close)
            session.execute(_WRITABLE)
            base.execute(
                sql.SQL("COMMENT ON DATABASE {} IS {}").format(
                    sql.Identifier(name), sql.Literal(purpose.comment)
                )
            )
            # the role that logs in may be another than the one that it works as
            base.execute(_sql("GRANT CONNECT ON DATABASE {} TO SESSION_USER", name))
            base.execute(_sql("REVOKE CONNECT ON DATABASE {} FROM PUBLIC", name))
            if purpose.closed and _is_superuser(session):
                _keep_to_ourselves(target, purpose, made)
            stack.enter_context(made.pop_all())
            return Scratch(name=name, access=access, session=session)
    raise AssertionError


def _create(
    base: Session, name: str, source: Source, *, same: bool, closed: bool
) -> None:
    like = locale_options(source, base.info.server_version)
    encoding = _option("ENCODING", source.encoding)
    # for a superuser's: nobody else connects, not even who owns it
    alone = closed and _is_superuser(base)
    limit = [sql.SQL("CONNECTION LIMIT 0")] if alone else []
    simple = [encoding, _option("LC_COLLATE", "C"), _option("LC_CTYPE", "C")]
    # to be a member of the owner does not always suffice to make it the owner
    ways = [[*_where(source), *like], like] if same else [like, simple]
    for number, options in enumerate(ways, start=1):
        try:
            base.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0 {}").format(
                    sql.Identifier(name), sql.SQL(" ").join([*options, *limit])
                )
            )
        except psycopg.DatabaseError:
            if number == len(ways) or base.closed:
                raise
        else:
            return


def _is_superuser(session: Session) -> bool:
    row = session.execute(_SUPERUSER).fetchone()
    return row is not None and row[0]


def _keep_to_ourselves(target: Target, purpose: Purpose, stack: ExitStack) -> None:
    """Let nobody change under a superuser what he has copied.

    The database belongs to the owner of what it is a copy of, and so does what is in
    it. Who owns a database may raise the limit of its connections, but waits for who
    holds its row.

    Raises:
        Unavailable: somebody was quicker.
    """
    holder = connect(target, application_name=purpose.application)
    stack.callback(holder.close)
    holder.execute(_UNLIMITED)
    row = holder.execute(_HELD).fetchone()
    strangers = holder.execute(_STRANGERS).fetchone()
    if row is None or row[0] != 0 or strangers is not None:
        raise Unavailable(
            "TZ519",
            f"another role connected to the scratch database {holder.info.dbname}"
            " before it was closed to others",
            detail="What it would change there would be read with your rights.",
            hint="Run the same command again, or connect as a role that is no"
            " superuser.",
        )


def _where(source: Source) -> list[sql.Composable]:
    options: list[sql.Composable] = []
    if source.owner is not None:
        options.append(_sql("OWNER {}", source.owner))
    if source.tablespace is not None:
        options.append(_sql("TABLESPACE {}", source.tablespace))
    return options


def locale_options(source: Source, version: int) -> list[sql.Composable]:
    """Return what makes ``CREATE DATABASE`` give a database the same locale.

    Args:
        source: what it shall be like.
        version: of the server that makes it, as ``server_version_num``.
    """
    options = [
        _option("ENCODING", source.encoding),
        _option("LC_COLLATE", source.collate),
        _option("LC_CTYPE", source.ctype),
    ]
    if source.provider == "i" and source.locale is not None:
        options += [
            sql.SQL("LOCALE_PROVIDER icu"),
            _option("ICU_LOCALE", source.locale),
        ]
        if source.icu_rules is not None:
            options.append(_option("ICU_RULES", source.icu_rules))
    elif version >= _PROVIDERS and source.provider in {"c", None}:
        # the template may have another one, and older servers had this one alone
        options.append(sql.SQL("LOCALE_PROVIDER libc"))
    elif source.provider == "b" and source.locale is not None:
        options.append(sql.SQL("LOCALE_PROVIDER builtin"))
        options.append(_option("BUILTIN_LOCALE", source.locale))
    return options


def _option(name: str, value: str) -> sql.Composable:
    return sql.SQL("{} {}").format(sql.SQL(name), sql.Literal(value))


def _drop(base: Session, access: Access, name: str) -> None:
    """Drop a scratch database of our own, with whatever still is connected to it."""
    target = access.target(APPLICATION)
    try:
        try:
            drop_database(base, name)
        except psycopg.OperationalError:
            if not base.closed:
                raise
            with connect(target, application_name=APPLICATION, autocommit=True) as new:
                drop_database(new, name)
    except (psycopg.Error, TzmigrateError) as exc:
        logger.warning(
            "the scratch database %s could not be dropped (%s); the next plan will",
            name,
            words(exc),
        )


def drop_database(session: Session, name: str) -> None:
    """Drop a database of our own, with whatever still is connected to it.

    Raises:
        psycopg.Error: it could not be dropped.
    """
    # an ordinary role may not end an autovacuum worker; a plain DROP asks it to leave
    for way in (
        "DROP DATABASE IF EXISTS {} WITH (FORCE)",
        "DROP DATABASE IF EXISTS {}",
    ):
        try:
            session.execute(_sql(way, name))
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectInUse):
            time.sleep(0.1)
        else:
            return
    session.execute(_sql("DROP DATABASE IF EXISTS {} WITH (FORCE)", name))


def setting_statement(
    database: str, role: str | None, name: str, value: str
) -> sql.Composed:
    """Write ``ALTER DATABASE … SET`` or ``ALTER ROLE … IN DATABASE … SET``."""
    values = [value]
    if _LISTS.fullmatch(name):
        found = _ITEM.finditer(value)
        values = [
            (m[1] or "").replace('""', '"') if m[2] is None else m[2] for m in found
        ]
    head = (
        _sql("ALTER DATABASE {}", database)
        if role is None
        else _sql("ALTER ROLE {} IN DATABASE {}", role, database)
    )
    return sql.SQL("{} SET {} TO {}").format(
        head,
        sql.SQL(".").join(map(sql.Identifier, name.split("."))),
        sql.SQL(", ").join(map(sql.Literal, values)),
    )


def _sql(text: str, *names: str) -> sql.Composed:
    return sql.SQL(text).format(*map(sql.Identifier, names))


def _session_user(session: Session) -> str:
    row = session.execute(_SESSION_USER).fetchone()
    return str(row[0]) if row else ""


def words(error: Exception) -> str:
    """Return what a server said, in one line."""
    if isinstance(error, TzmigrateError):
        return error.message
    diag = getattr(error, "diag", None)
    return (diag and diag.message_primary) or str(error).strip() or type(error).__name__
