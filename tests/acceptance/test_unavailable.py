"""A server that does not do its part: 5 where trying again is safe, 6 where not."""

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tzmigrate.execution import runner
from tzmigrate.postgres import embedded
from tzmigrate.postgres.embedded import embedded_server

TABLE = """
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp NOT NULL);
INSERT INTO orders SELECT g, timestamp '2024-01-15' + g * interval '1 day'
FROM generate_series(1, 50) AS g;
"""
WAITING = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
AND application_name <> 'tzmigrate test'
"""


@pytest.fixture
def shop(database: Any) -> Any:
    """A small database whose sessions start in UTC, as its columns do."""
    database.execute(TABLE)
    database.execute(f"ALTER DATABASE \"{database.name}\" SET timezone = 'UTC'")
    return database


@pytest.fixture
def planned(shop: Any, make_project: Callable[..., Any]) -> Any:
    """An Alembic project with revisions written, and only the support applied."""
    project = make_project(shop.url)
    project.plan(zones=("default=UTC",))
    support = next(path for path in project.revisions if "support" in path.name)
    project.run("upgrade", support.name.split("_")[0])
    return project


@pytest.fixture
def shell(shell_in: Callable[..., Any], planned: Any) -> Any:
    """The command, typed in the project."""
    return shell_in(planned.root)


@contextlib.contextmanager
def locked(database: Any, statement: str = "LOCK TABLE orders") -> Iterator[None]:
    """Have somebody else hold the table."""
    with psycopg.connect(database.url, application_name="tzmigrate test") as other:
        other.execute(statement)
        yield


def waiting(database: Any) -> int:
    """Wait until the command waits for the lock; return its server process."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if rows := database.execute(WAITING):
            return int(rows[0][0])
        time.sleep(0.02)
    raise AssertionError


def arguments_of_all_processes() -> str:
    """Return what every user of the machine can list."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(
                path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            )
    return "\n".join(found)


# ----------------------------------------------------------- 5: try again later


def test_a_server_that_is_not_there_ends_with_5(shell: Any, shop: Any) -> None:
    with socket.socket() as taken, shell.unchanged(shop):
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        url = f"postgresql://ann:hunter2@127.0.0.1:{port}/x"
        for verb in ("scan", "plan", "apply", "verify", "rollback", "status"):
            yes = ("--yes",) if verb in ("apply", "rollback") else ()
            ended = shell.main(verb, *yes, "--url", url)
            ended.is_error(5, "TZ507", f"127.0.0.1, port {port}")


def test_a_host_or_a_socket_that_is_not_there_ends_with_5(shell: Any) -> None:
    for url, words in (
        ("postgresql://ann:hunter2@host.invalid/x", "host.invalid"),
        ("host=/gone port=5 password=hunter2", "/gone/.s.PGSQL.5"),
    ):
        ended = shell.main("scan", "--url", url)
        ended.is_error(5, "TZ507", words, "cannot be reached")


def test_a_server_that_env_py_cannot_reach_ends_with_5(
    shell: Any, planned: Any, shop: Any
) -> None:
    env = planned.root / "migrations" / "env.py"
    text = "URL = 'postgresql+psycopg://ann:hunter2@127.0.0.1:1/x'"
    env.write_text(env.read_text().replace("\ndef offline", f"{text}\n\ndef offline"))
    with shell.unchanged(shop):
        ended = shell.main("apply", "--yes", "--url", shop.url)
        ended.is_error(5, "TZ507", "cannot be reached")


@pytest.mark.parametrize(
    ("call", "code", "words"),
    [
        ("pg_terminate_backend", "TZ507", "terminating connection"),
        ("pg_cancel_backend", "TZ506", "canceling statement"),
    ],
)
def test_ended_by_an_administrator_apply_ends_with_5_and_can_be_run_again(
    shell: Any, shop: Any, call: str, code: str, words: str
) -> None:
    with shell.unchanged(shop):
        with locked(shop):
            process = shell.start("apply", "--yes", "--url", shop.url)
            shop.execute(f"SELECT {call}(%s)", [waiting(shop)])
            ended = shell.end(process)
        ended.is_error(5, code, words)
    assert shell.main("apply", "--yes", "--url", shop.url).status == 0


def test_a_server_that_ends_every_session_ends_apply_with_5(
    shell: Any, shop: Any
) -> None:
    with shell.unchanged(shop):
        with locked(shop):
            process = shell.start("apply", "--yes", "--url", shop.url)
            waiting(shop)
            shop.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                " AND application_name <> 'tzmigrate test'"
            )
            ended = shell.end(process)
        ended.is_error(5, "TZ507", "terminating connection")
    assert shell.main("apply", "--yes", "--url", shop.url).status == 0


def test_interrupted_while_it_waits_apply_ends_with_5_and_shows_no_password(
    shell: Any, shop: Any, shell_in: Callable[..., Any], planned: Any
) -> None:
    ini = planned.root / "alembic.ini"
    lines = ini.read_text().splitlines()
    kept = [line for line in lines if not line.startswith("sqlalchemy.url")]
    ini.write_text("\n".join(kept) + "\n")
    (planned.root.parent / "elsewhere").mkdir()
    # from elsewhere, Alembic runs in a process of its own
    other = shell_in(planned.root.parent / "elsewhere")
    with shell.unchanged(shop), locked(shop):
        process = other.start(
            "apply", "--yes", "--alembic", str(ini), TZMIGRATE_URL=shop.url
        )
        waiting(shop)
        shown = arguments_of_all_processes()
        process.send_signal(signal.SIGINT)
        ended = other.end(process)
    ended.is_error(5, "TZ590", "tzmigrate status", "nothing is half done")
    for secret in other.secrets:
        assert secret not in shown
    assert shell.main("status", "--url", shop.url).status == 0


def test_a_lock_that_is_not_obtained_ends_with_5_and_can_be_run_again(
    shell: Any, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "ATTEMPTS", 2)
    monkeypatch.setattr(runner, "_FIRST_PAUSE", 0.05)
    with shell.unchanged(shop):
        # a reader is enough to keep ALTER TABLE out
        with locked(shop, "SELECT FROM orders"):
            ended = shell.main("apply", "--yes", "--url", shop.url)
        ended.is_error(5, "TZ502", "trying again in", "(1 of 2)", "lock_timeout")
    assert shell.main("apply", "--yes", "--url", shop.url).status == 0


def test_a_second_apply_while_one_runs_ends_with_5(shell: Any, shop: Any) -> None:
    with locked(shop):
        process = shell.start("apply", "--yes", "--url", shop.url)
        waiting(shop)
        for verb in ("apply", "rollback"):
            ended = shell.main(verb, "--yes", "--url", shop.url)
            if verb == "apply":
                ended.is_error(5, "TZ510", shop.name, "tzmigrate status")
        assert shell.main("status", "--url", shop.url).status == 0
    assert shell.end(process).status == 0


def test_no_connection_left_ends_with_5(shell: Any, shop: Any, make_role: Any) -> None:
    role = make_role("CONNECTION LIMIT 0")
    ended = shell.main("scan", "--url", shop.url_as(role))
    ended.is_error(5, "TZ505", "too many connections")
    assert role.password not in ended.err


# ------------------------------------------------------- 6: fix the set-up first


def test_a_wrong_password_ends_with_6(shell: Any, shop: Any, server: Any) -> None:
    if not server.embedded:
        pytest.skip("a foreign server may trust everybody")
    url = server.url(shop.name, user="postgres", password="hunter2")
    with shell.unchanged(shop):
        for verb in ("scan", "apply"):
            yes = ("--yes",) if verb == "apply" else ()
            ended = shell.main(verb, *yes, "--url", url)
            ended.is_error(6, "TZ603", "postgres", "PGPASSWORD")


def test_a_missing_database_or_role_ends_with_6(
    shell: Any, shop: Any, server: Any
) -> None:
    ended = shell.main("scan", "--url", server.url("tzt gone"))
    ended.is_error(6, "TZ604", "tzt gone")
    if server.embedded:
        url = server.url(shop.name, user="tzt_gone", password="hunter2")
        shell.main("scan", "--url", url).is_error(6, "TZ603", "tzt_gone")


def test_a_missing_privilege_ends_with_6_and_names_the_object(
    shell: Any,
    shop: Any,
    planned: Any,
    make_role: Any,
    server: Any,
) -> None:
    if not server.embedded:
        pytest.skip("needs a server that trusts roles")
    role = make_role()
    database = f'"{shop.name}"'
    shop.execute(f"REVOKE CONNECT ON DATABASE {database} FROM PUBLIC")
    with shell.unchanged(shop):
        ended = shell.main("scan", "--url", shop.url_as(role))
        ended.is_error(6, "TZ605", shop.name)
    shop.execute(f'GRANT CONNECT ON DATABASE {database} TO "{role.name}"')
    ini = planned.root / "alembic.ini"
    url = shop.url_as(role).replace("postgresql:", "postgresql+psycopg:")
    ini.write_text(f"[alembic]\nscript_location = migrations\nsqlalchemy.url = {url}\n")
    with shell.unchanged(shop):
        ended = shell.main("apply", "--yes", "--url", shop.url_as(role))
        assert ended.status == 6, ended.err
        assert "hint: " in ended.err
    # neither may it make the schema, nor is the table its own
    shop.execute("DROP SCHEMA tzmigrate CASCADE; DROP TABLE alembic_version")
    shop.execute(f'GRANT CREATE ON SCHEMA public TO "{role.name}"')
    with shell.unchanged(shop):
        ended = shell.main("apply", "--yes", "--url", shop.url_as(role))
        ended.is_error(6, "TZ641", role.name, shop.name)
    shop.execute(f'GRANT CREATE ON DATABASE {database} TO "{role.name}"')
    ended = shell.main("apply", "--yes", "--url", shop.url_as(role))
    ended.is_error(6, "TZ646", role.name, "public.orders", "member of")


@pytest.mark.parametrize(
    "words", [b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n"]
)
def test_something_else_than_postgresql_ends_with_6(shell: Any, words: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    with client:
                        client.recv(1000)
                        client.sendall(words)
                        client.shutdown(socket.SHUT_WR)
                        client.recv(1000)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        url = f"postgresql://ann:hunter2@127.0.0.1:{port}/x"
        ended = shell.main("scan", "--url", url)
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)
    ended.is_error(6, "TZ602", "not PostgreSQL", "port")


def test_a_pooler_in_transaction_mode_ends_what_writes_with_6(
    shell: Any, shop: Any, server: Any, make_role: Any
) -> None:
    path = Path(__file__).parents[1] / "integration" / "test_session.py"
    spec = importlib.util.spec_from_file_location("pooler_of_test_session", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with (
        module.pooler(server, shop, make_role(), per_transaction=True) as target,
    ):
        assert shell.main("backup", "create", "--url", shop.url).status == 0
        with shell.unchanged(shop):
            for words in (
                ("apply", "--yes"),
                ("rollback", "--yes"),
                ("backup", "create"),
                ("restore", "--yes"),
                ("restore", "--tables", "*.*", "--in-place", "--yes"),
            ):
                ended = shell.main(*words, "--url", target.conninfo)
                ended.is_error(6, "TZ610", "pool in session mode")


def test_a_standby_ends_apply_and_rollback_with_6(
    shell_in: Any, tmp_path: Path
) -> None:
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    version = int(os.environ.get("TZMIGRATE_TEST_PG", "18"))
    base = embedded._make_base(None)
    base.chmod(0o755)
    root = tmp_path / "p"
    root.mkdir()
    command.init(Config(str(root / "alembic.ini")), str(root / "migrations"))
    try:
        with (
            embedded_server(version=version, directory=base / "d") as server,
            psycopg.connect(server.url(), autocommit=True) as connection,
        ):
            connection.execute(TABLE)
        (base / "d" / "standby.signal").touch()
        with embedded_server(version=version, directory=base / "d") as server:
            shell = shell_in(root)
            for verb in ("apply", "rollback"):
                ended = shell.main(verb, "--yes", "--url", server.url())
                ended.is_error(6, "TZ607", "primary")
                assert server.password not in ended.err
            assert shell.main("scan", "--url", server.url()).status == 0
    finally:
        shutil.rmtree(base)
