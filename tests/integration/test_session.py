"""Sessions: the same whatever surrounds them, and clear words when they fail."""

import os
import shutil
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tzmigrate.config import Config
from tzmigrate.errors import DecisionNeeded, Refused, TzmigrateError, Unavailable
from tzmigrate.postgres import embedded
from tzmigrate.postgres.embedded import embedded_server
from tzmigrate.postgres.errors import from_sqlstate, translated
from tzmigrate.postgres.session import PINNED, connect, read_only, require_writable
from tzmigrate.postgres.url import Target, parse_url, resolve_url


def shown(session: Any, name: str) -> str:
    row = session.execute("SELECT current_setting(%s, true)", [name]).fetchone()
    return str(row[0])


# ------------------------------------------------------------------ settings


def test_every_setting_is_pinned_against_role_and_database(
    database: Any, make_role: Any
) -> None:
    role = make_role()
    database.execute("CREATE SCHEMA evil")
    for setting in (
        "timezone = 'Pacific/Apia'",
        "datestyle = 'SQL, DMY'",
        "intervalstyle = 'iso_8601'",
        "search_path = evil, pg_catalog",
        "quote_all_identifiers = on",
        "statement_timeout = '5ms'",
        "default_transaction_isolation = 'serializable'",
    ):
        database.execute(f'ALTER ROLE "{role.name}" SET {setting}')
        database.execute(f'ALTER DATABASE "{database.name}" SET {setting}')
    with connect(parse_url(database.url_as(role))) as session:
        for name, value in PINNED.items():
            assert shown(session, name) in (value, "None", ""), name
        assert session.info.encoding == "utf-8"
        assert session.zone.zone == "Pacific/Apia"
        assert session.zone.source in {"database", "user"}


def test_pinned_settings_survive_a_rollback(database: Any) -> None:
    with connect(parse_url(database.url)) as session:
        session.execute("SELECT 1")
        session.rollback()
        assert shown(session, "TimeZone") == "Etc/UTC"


def test_the_servers_zone_is_seen_through_the_clients(
    database: Any, server: Any
) -> None:
    assert os.environ["PGTZ"] != server.zone
    before = dict(os.environ)
    with connect(parse_url(database.url)) as session:
        assert session.zone.zone == server.zone
        assert session.zone.source == "configuration file"
    assert dict(os.environ) == before


def test_a_client_zone_that_was_not_set_stays_unset(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGTZ")
    connect(parse_url(database.url)).close()
    assert "PGTZ" not in os.environ


def test_a_database_zone_is_seen(database: Any) -> None:
    database.execute(f"ALTER DATABASE \"{database.name}\" SET timezone = 'Asia/Tokyo'")
    with connect(parse_url(database.url), autocommit=True) as session:
        assert (session.zone.zone, session.zone.source) == ("Asia/Tokyo", "database")
        assert session.autocommit


def test_a_read_only_block_writes_nothing_and_sees_one_snapshot(database: Any) -> None:
    database.execute("CREATE TABLE public.t (n int)")
    count = "SELECT count(*) FROM public.t"
    with connect(parse_url(database.url)) as session:
        with pytest.raises(Refused) as caught, read_only(session):
            session.execute("INSERT INTO public.t VALUES (1)")
        assert caught.value.sqlstate == "25006"
        with read_only(session):
            assert session.execute(count).fetchone() == (0,)
            database.execute("INSERT INTO public.t VALUES (1)")
            assert session.execute(count).fetchone() == (0,)
        session.execute("INSERT INTO public.t VALUES (2)")
        session.commit()
        assert session.execute(count).fetchone() == (2,)


# -------------------------------------------------------------------- errors


def interrupted(session: Any) -> None:
    """Do what a signal does between a statement's sending and the wait for it."""
    session.pgconn.send_query(b"SELECT pg_sleep(100)")
    raise KeyboardInterrupt


def test_an_interrupt_that_leaves_a_statement_running_closes_the_session(
    database: Any,
) -> None:
    with connect(Target(database.url)) as session:
        with pytest.raises(KeyboardInterrupt), read_only(session):
            interrupted(session)
        assert session.closed


def failure(target: Target) -> TzmigrateError:
    with pytest.raises(TzmigrateError) as caught:
        connect(target).close()
    error = caught.value
    assert error.hint
    assert "s3cret" not in f"{error.message} {error.detail} {error.hint}"
    return error


def test_a_closed_port_is_unavailable() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        error = failure(parse_url(f"postgresql://u:s3cret@127.0.0.1:{port}/d"))
    assert (type(error), error.code) == (Unavailable, "TZ507")


def test_where_no_url_was_given_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    unnamed = resolve_url(None, config=Config(), environ={})
    named = resolve_url(None, config=Config(), environ={"PGHOST": str(tmp_path)})
    monkeypatch.setenv("PGHOST", str(tmp_path))
    error = failure(unnamed)
    assert error.code == "TZ507"
    assert "No URL was given" in error.detail
    assert "--url or DATABASE_URL" in error.hint
    assert "No URL" not in failure(named).detail


def test_an_unknown_host_is_unavailable() -> None:
    error = failure(parse_url("postgresql://u:s3cret@host.invalid/d"))
    assert type(error) is Unavailable


def test_a_wrong_password_is_refused(server: Any) -> None:
    if not server.embedded:
        pytest.skip("a foreign server may trust everybody")
    error = failure(parse_url(server.url(user="postgres", password="s3cret")))
    assert (type(error), error.code) == (Refused, "TZ603")
    assert "password authentication failed" in error.message


def test_a_missing_database_is_refused(server: Any) -> None:
    error = failure(parse_url(server.url("no such database")))
    assert (type(error), error.code) == (Refused, "TZ604")


def test_a_missing_connect_privilege_is_refused(database: Any, make_role: Any) -> None:
    role = make_role()
    database.execute(f'REVOKE CONNECT ON DATABASE "{database.name}" FROM public')
    error = failure(parse_url(database.url_as(role)))
    assert (type(error), error.code) == (Refused, "TZ605")


@pytest.mark.parametrize("words", [b"HTTP/1.0 400 Bad\r\n\r\n", b"J\0\0\0\n8.0.36\0"])
def test_a_server_of_another_kind_is_refused(words: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            for _ in range(2):
                try:
                    client, _address = listener.accept()
                except OSError:
                    return
                with client:
                    client.recv(4096)
                    client.sendall(words)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        error = failure(parse_url(f"postgresql://u:s3cret@127.0.0.1:{port}/d"))
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    assert (type(error), error.code) == (Refused, "TZ602")


def raised(database: Any, block: Callable[[Any], object]) -> TzmigrateError:
    with (
        pytest.raises(TzmigrateError) as caught,
        connect(parse_url(database.url)) as session,
        translated(),
    ):
        block(session)
    assert isinstance(caught.value.__cause__, psycopg.Error)
    return caught.value


def test_a_lock_that_is_not_obtained_is_unavailable(database: Any) -> None:
    database.execute("CREATE TABLE public.t ()")

    def wait(session: Any) -> None:
        session.execute("SET lock_timeout = '50ms'")
        session.execute("ALTER TABLE public.t ADD n int")

    with database.connect() as other:
        other.execute("LOCK TABLE public.t")
        error = raised(database, wait)
    assert (type(error), error.code, error.sqlstate) == (Unavailable, "TZ502", "55P03")


def test_a_killed_session_is_unavailable(database: Any) -> None:
    def die(session: Any) -> None:
        database.execute("SELECT pg_terminate_backend(%s)", [session.info.backend_pid])
        session.execute("SELECT 1")

    assert type(raised(database, die)) is Unavailable


def test_a_cancelled_statement_is_unavailable(database: Any) -> None:
    def cancel(session: Any) -> None:
        session.execute("SET statement_timeout = 1")
        session.execute("SELECT pg_sleep(5)")

    error = raised(database, cancel)
    assert (type(error), error.sqlstate) == (Unavailable, "57014")


def test_our_own_errors_come_through_the_server_whole(database: Any) -> None:
    statement = """
        DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'TZ345',
            MESSAGE = 'tzmigrate TZ345: stale plan', DETAIL = 'D.', HINT = 'H.'; END $$
    """
    error = raised(database, lambda session: session.execute(statement))
    assert type(error) is DecisionNeeded
    assert (error.code, error.message, error.detail, error.hint) == (
        *("TZ345", "stale plan", "D.", "H."),
    )


def test_an_error_that_we_cannot_name_stays_what_it_is(database: Any) -> None:
    with (
        connect(parse_url(database.url)) as session,
        pytest.raises(psycopg.errors.DivisionByZero),
        translated(),
    ):
        session.execute("SELECT 1/0")


@pytest.mark.parametrize(
    ("sqlstate", "kind"),
    [
        *(("40001", Unavailable), ("40P01", Unavailable), ("53300", Unavailable)),
        *(("57P01", Unavailable), ("08006", Unavailable), ("53200", Unavailable)),
        *(("53100", Refused), ("42501", Refused), ("28000", Refused)),
        *(("TZ401", TzmigrateError), ("22012", type(None)), (None, type(None))),
    ],
)
def test_a_sqlstate_of_any_driver_is_mapped(sqlstate: Any, kind: Any) -> None:
    assert isinstance(from_sqlstate(sqlstate, "message"), kind)


# ------------------------------------------------------- standby and poolers


def test_the_primary_is_writable(database: Any) -> None:
    with connect(parse_url(database.url)) as session:
        require_writable(session)


def test_a_standby_is_refused() -> None:
    version = int(os.environ.get("TZMIGRATE_TEST_PG", "18"))
    base = embedded._make_base(None)
    base.chmod(0o755)
    try:
        with embedded_server(version=version, directory=base / "d"):
            pass
        (base / "d" / "standby.signal").touch()
        with (
            embedded_server(version=version, directory=base / "d") as server,
            connect(parse_url(server.url())) as session,
            pytest.raises(Refused) as caught,
        ):
            require_writable(session)
    finally:
        shutil.rmtree(base)
    assert caught.value.code == "TZ607"


class Pooler:
    """A connection pooler: hands a server connection to one client at a time.

    Args:
        per_transaction: give it back after each transaction, not at the end.
    """

    def __init__(self, server: Any, user: str, database: str, *, per_transaction: bool):
        self.address = (server.parts["host"], int(server.parts["port"]))
        self.startup = {"user": user, "database": database}
        self.per_transaction = per_transaction
        self.pool: list[tuple[socket.socket, bytes]] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.threads: list[threading.Thread] = []
        self._spawn(self._accept)

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(10)
        self.listener.close()
        for upstream, _ in self.pool:
            upstream.close()

    def _spawn(self, target: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self.threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self._spawn(self._serve, client)

    def _upstream(self) -> tuple[socket.socket, bytes]:
        if self.pool:
            return self.pool.pop()
        upstream = socket.create_connection(self.address)
        pairs = "".join(f"{k}\0{v}\0" for k, v in self.startup.items()) + "\0"
        body = struct.pack("!I", 196608) + pairs.encode()
        upstream.sendall(struct.pack("!I", len(body) + 4) + body)
        greeting = b""
        while (message := self._message(upstream))[:1] != b"Z":
            # the client gets a process id of the pooler's own making
            if message[:1] == b"K":
                message = b"K" + struct.pack("!III", 12, 4242, 1)
            greeting += message
        return upstream, greeting + message

    def _serve(self, client: socket.socket) -> None:
        with client:
            while True:
                (length,) = struct.unpack("!I", self._exactly(client, 4))
                (code,) = struct.unpack("!I", self._exactly(client, length - 4)[:4])
                if code == 196608:
                    break
                client.sendall(b"N")  # no TLS, no GSSAPI
            upstream: tuple[socket.socket, bytes] | None = self._upstream()
            assert upstream is not None
            client.sendall(upstream[1])
            if self.per_transaction:
                self.pool.append(upstream)
                upstream = None
            while (message := self._message(client))[:1] not in (b"X", b""):
                upstream = upstream or self._upstream()
                upstream[0].sendall(message)
                if message[:1] not in (b"Q", b"S"):
                    continue
                while (reply := self._message(upstream[0]))[:1] != b"Z":
                    client.sendall(reply)
                idle = reply[-1:] == b"I"
                if self.per_transaction and idle:
                    self.pool.append(upstream)
                    upstream = None
                client.sendall(reply)
            if upstream:
                self.pool.append(upstream)

    def _message(self, stream: socket.socket) -> bytes:
        head = self._exactly(stream, 5)
        if not head:
            return b""
        return head + self._exactly(stream, struct.unpack("!I", head[1:])[0] - 4)

    @staticmethod
    def _exactly(stream: socket.socket, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = stream.recv(count - len(data))
            if not more:
                return b""
            data += more
        return data


@contextmanager
def pooler(server: Any, database: Any, role: Any, **mode: bool) -> Iterator[Target]:
    if not server.embedded:
        pytest.skip("the pooler knows no passwords; the embedded server trusts roles")
    running = Pooler(server, role.name, database.name, **mode)
    try:
        yield parse_url(
            f"postgresql://{role.name}@127.0.0.1:{running.port}/{database.name}"
        )
    finally:
        running.close()


def test_a_pooler_in_transaction_mode_is_refused(
    server: Any, database: Any, make_role: Any
) -> None:
    with pooler(server, database, make_role(), per_transaction=True) as target:
        with connect(target) as session, pytest.raises(Refused) as caught:
            require_writable(session)
        assert caught.value.code == "TZ610"


def test_a_pooler_in_session_mode_is_accepted(
    server: Any, database: Any, make_role: Any
) -> None:
    with (
        pooler(server, database, make_role(), per_transaction=False) as target,
        connect(target) as session,
    ):
        require_writable(session)
