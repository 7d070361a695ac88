"""Open connections that behave the same whatever client, role and server are set to.

The server's ``TimeZone`` is evidence about what stored values mean, so it is read
first; then everything that could change what a query returns is pinned.
"""

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, LiteralString

import psycopg
from psycopg import IsolationLevel
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow, tuple_row

from tzmigrate.errors import Refused, TzmigrateError
from tzmigrate.postgres.errors import translated, wrong_parameter
from tzmigrate.postgres.url import Target

MINIMUM_VERSION = 130000

PINNED: Mapping[str, str] = MappingProxyType(
    {
        "search_path": "pg_catalog, pg_temp",
        "TimeZone": "Etc/UTC",
        "DateStyle": "ISO, YMD",
        "IntervalStyle": "postgres",
        "extra_float_digits": "1",
        "bytea_output": "hex",
        "standard_conforming_strings": "on",
        # else NULL in the text of an array is a word
        "array_nulls": "on",
        # changes what pg_get_expr and pg_get_viewdef print
        "quote_all_identifiers": "off",
        # an error is better than rows left out silently
        "row_security": "off",
        "default_transaction_isolation": "read committed",
        "default_transaction_deferrable": "off",
        "statement_timeout": "0",
        # reading waits for a lock as well, behind somebody's ALTER TABLE
        "lock_timeout": "10s",
        "idle_in_transaction_session_timeout": "0",
        "idle_session_timeout": "0",
        "transaction_timeout": "0",
        # catalog queries take longer to compile than to run
        "jit": "off",
    }
)
"""Settings of every session of ours; those that a version lacks are passed over."""

_ZONE: LiteralString = (
    "SELECT setting, source FROM pg_catalog.pg_settings WHERE name = 'TimeZone'"
)
_PIN: LiteralString = (
    "SELECT pg_catalog.set_config(s.name, w.value, false)"
    " FROM ROWS FROM (pg_catalog.unnest(%s::pg_catalog.text[]),"
    " pg_catalog.unnest(%s::pg_catalog.text[])) AS w (name, value)"
    " JOIN pg_catalog.pg_settings AS s ON s.name = w.name"
)
_TABLES_ONLY: LiteralString = (
    "SELECT pg_catalog.set_config(s.name, %s, false) FROM pg_catalog.pg_settings AS s"
    " WHERE s.name = 'restrict_nonsystem_relation_kind'"
)
_NOT_POSTGRESQL = ("CockroachDB", "Redshift", "-YB-", "Materialize", "QuestDB")
_connecting = threading.Lock()


@dataclass(frozen=True, slots=True)
class SessionZone:
    """The ``TimeZone`` that a plain client of the same role and database gets.

    Attributes:
        source: ``pg_settings.source``: ``configuration file``, ``database``,
            ``user``, ``database user``, ``client`` …
    """

    zone: str
    source: str


class Session(psycopg.Connection[TupleRow]):
    """A connection with pinned settings.

    Attributes:
        target: what it is connected to.
        zone: the ``TimeZone`` it had before it was pinned.
    """

    target: Target
    zone: SessionZone


def connect(
    target: Target, *, application_name: str = "tzmigrate", autocommit: bool = False
) -> Session:
    """Open a session with pinned settings; close it with ``with``.

    Raises:
        Unavailable: the server cannot be reached now.
        Refused: it does not let us in, or is not PostgreSQL 13 or newer.
    """
    with _url_missed(target), translated():
        session = _open(target, application_name)
        try:
            session.target = target
            _require_postgresql(session)
            session.zone = _pin(session)
            session.autocommit = autocommit
        except BaseException:
            session.close()
            raise
    return session


@contextmanager
def _url_missed(target: Target) -> Iterator[None]:
    """Say that no URL was given where what libpq falls back to lets nobody in."""
    try:
        yield
    except TzmigrateError as error:
        if not target.named:
            said = "No URL was given, so libpq's defaults were tried."
            error.detail = f"{said} {error.detail}".rstrip()
            error.hint = (
                "Name the database with --url or DATABASE_URL;"
                " docs/reference/configuration.md lists all places."
            )
        raise


@contextmanager
def read_only(session: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """Run a block in one READ ONLY, REPEATABLE READ transaction.

    All that is read comes from one snapshot, and nothing can be written by accident.
    A view that takes a table's name once that was looked up is not read: its functions
    would be called with our rights. Releases before August 2024 cannot be told so.
    """
    before = (session.isolation_level, session.read_only)
    with translated(), session.transaction():
        session.execute(_TABLES_ONLY, ("view, foreign-table",))
    session.isolation_level = IsolationLevel.REPEATABLE_READ
    session.read_only = True
    try:
        with translated(), session.transaction(), closed_if_busy(session):
            yield session
    finally:
        if not session.closed:
            session.isolation_level, session.read_only = before
            with session.transaction():
                session.execute(_TABLES_ONLY, ("",))


@contextmanager
def closed_if_busy(*connections: psycopg.Connection[Any]) -> Iterator[None]:
    """Close a connection on which Ctrl-C left a statement running.

    psycopg cancels the statement that it waits for. A signal that comes after a
    statement was sent, and before the wait for it, leaves a connection that takes no
    other one, not even ROLLBACK.
    """
    try:
        yield
    except KeyboardInterrupt:
        for connection in connections:
            if connection.info.transaction_status is TransactionStatus.ACTIVE:
                connection.close()
        raise


def require_writable(session: Session) -> None:
    """Refuse a server on which nothing can be converted.

    Call it outside a transaction.

    Raises:
        Refused: a standby, or a pooler that shares server connections
            between transactions, so that session settings are lost.
    """
    with translated():
        if _one(session, "SELECT pg_catalog.pg_is_in_recovery()"):
            raise Refused(
                "TZ607",
                "the server is a standby",
                detail="A standby accepts no writes.",
                hint="Connect to the primary server.",
            )
        session.rollback()
    require_own(session)


def require_own(session: Session) -> None:
    """Refuse a server connection that is shared with other sessions.

    Call it outside a transaction.

    Raises:
        Refused: a pooler shares server connections between transactions, so that
            session settings are lost.
    """
    with translated():
        if _is_shared(session):
            raise Refused(
                "TZ610",
                "a connection pooler in transaction mode stands before the server",
                detail="Settings such as TimeZone would reach other sessions.",
                hint="Connect to the server itself, or to a pool in session mode.",
            )


def _open(target: Target, application_name: str) -> Session:
    defaults: dict[str, Any] = {"application_name": application_name}
    if "PGCONNECT_TIMEOUT" not in os.environ:
        defaults["connect_timeout"] = 15
    given = conninfo_to_dict(target.conninfo)
    conninfo = make_conninfo("", **(defaults | given | {"client_encoding": "UTF8"}))
    try:
        with _client_zone_hidden():
            return Session.connect(
                conninfo,
                autocommit=True,
                row_factory=tuple_row,
                # plans would go stale when a column changes its type
                prepare_threshold=None,
            )
    except psycopg.ProgrammingError as error:
        # psycopg reads some parameters itself, connect_timeout for one
        raise wrong_parameter(str(error)) from error


@contextmanager
def _client_zone_hidden() -> Iterator[None]:
    """Keep libpq from sending PGTZ, which would hide the server's own TimeZone.

    libpq reads the variable while it connects and does not send ``default``.
    """
    with _connecting:
        before = os.environ.get("PGTZ")
        os.environ["PGTZ"] = "default"
        try:
            yield
        finally:
            if before is None:
                del os.environ["PGTZ"]
            else:
                os.environ["PGTZ"] = before


def _require_postgresql(session: Session) -> None:
    version = str(_one(session, "SELECT pg_catalog.version()"))
    impostor = next((name for name in _NOT_POSTGRESQL if name in version), None)
    if impostor or not version.startswith("PostgreSQL"):
        raise Refused(
            "TZ602",
            "the server is not PostgreSQL",
            detail=f"It says: {version[:80]}.",
            hint="Check the URL; tzmigrate converts PostgreSQL 13 and newer.",
        )
    if session.info.server_version < MINIMUM_VERSION:
        raise Refused(
            "TZ602",
            f"the server is PostgreSQL {session.info.server_version // 10000}",
            hint="Upgrade the server to PostgreSQL 13 or newer first.",
        )


def _pin(session: Session) -> SessionZone:
    # first: a hostile search_path could bring its own operators, and a short
    # statement_timeout of the role could end the longer statements below
    session.execute(
        "SELECT pg_catalog.set_config('search_path', %s, false),"
        " pg_catalog.set_config('statement_timeout', '0', false)",
        [PINNED["search_path"]],
    )
    row = session.execute(_ZONE).fetchone()
    zone = SessionZone(*row) if row else SessionZone("GMT", "default")
    session.execute(_PIN, [list(PINNED), list(PINNED.values())])
    return zone


def _is_shared(session: Session) -> bool:
    """Tell whether our server connection can be handed to somebody else.

    A pooler gives its clients a made-up process id to cancel with. Where the id is
    the server's own, nothing stands between. Otherwise a second session starts a
    transaction: with transaction pooling it gets the server connection that ours
    has just left.
    """
    pid = _one(session, "SELECT pg_catalog.pg_backend_pid()")
    session.rollback()
    if pid == session.info.backend_pid:
        return False
    with _open(session.target, "tzmigrate") as other:
        other.execute("BEGIN")
        taken = _one(other, "SELECT pg_catalog.pg_backend_pid()")
        now = _one(session, "SELECT pg_catalog.pg_backend_pid()")
        session.rollback()
        other.execute("ROLLBACK")
    return taken == pid or now != pid


def _one(session: Session, query: LiteralString) -> object:
    row = session.execute(query).fetchone()
    return row[0] if row else None
