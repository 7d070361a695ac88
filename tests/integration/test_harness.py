"""The harness itself: what other tests rely on."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest


def test_server_client_and_utc_differ(database: Any, server: Any) -> None:
    with database.connect() as connection:
        client = connection.execute("SELECT current_setting('TimeZone')").fetchone()
    assert client != (server.zone,)
    assert not server.embedded or "UTC" not in (client[0], server.zone)


def test_a_canonical_dump_ignores_row_order_and_sees_a_changed_value(
    database: Any, make_database: Any, canonical_dump: Callable[..., str]
) -> None:
    for_sorting = "CREATE TABLE t (id int, at timestamp CHECK (at > '2000-01-01'))"
    database.execute(for_sorting)
    database.execute("INSERT INTO t VALUES (2, '2020-01-01'), (1, '2021-01-01')")
    other = make_database()
    other.execute(for_sorting)
    other.execute("INSERT INTO t VALUES (1, '2021-01-01'), (2, '2020-01-01')")
    assert canonical_dump(database) == canonical_dump(other)
    other.execute("UPDATE t SET at = at + interval '1 us' WHERE id = 1")
    assert canonical_dump(database) != canonical_dump(other)


def test_a_role_logs_in_and_goes_away(database: Any, make_role: Any) -> None:
    role = make_role("NOCREATEDB")
    database.execute(f'CREATE SCHEMA s AUTHORIZATION "{role.name}"')

    with psycopg.connect(database.url_as(role)) as connection:
        assert connection.execute("SELECT current_user").fetchone() == (role.name,)


@pytest.mark.pg("< 17")
def test_the_mark_keeps_newer_servers_out(server: Any) -> None:
    assert server.version < 17


def test_psql_stops_at_the_first_error(database: Any) -> None:
    done = database.psql("SELECT 1/0; CREATE TABLE t ();", check=False)
    assert done.returncode == 3
    assert database.scalar("SELECT to_regclass('t')") is None
