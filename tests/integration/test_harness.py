"""The harness itself: what other tests rely on."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
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


def collected(*options: str) -> list[str]:
    argv = [sys.executable, "-m", "pytest", "--collect-only", "-q", *options]
    chosen = ["tests/acceptance/test_situations.py", "tests/unit/test_url.py"]
    done = subprocess.run(
        [*argv, *chosen],
        cwd=Path(__file__).parents[2],
        check=True,
        capture_output=True,
        text=True,
    )
    return sorted(line for line in done.stdout.splitlines() if "::" in line)


def test_a_share_of_the_variations_is_drawn_by_the_seed() -> None:
    everything = collected()
    first, again, other = (
        collected("--share", "3", "-p", "randomly", f"--randomly-seed={seed}")
        for seed in (1, 1, 2)
    )
    assert first == again != other
    assert set(first) < set(everything)

    def of(test: str, names: list[str]) -> int:
        return sum(test in name for name in names)

    every, drawn = (of("comes_back[", names) for names in (everything, first))
    assert every / 3 <= drawn <= every / 3 + 5
    # these need contrib, which few servers bring, and the units no server at all
    assert of("[foreign_tables", everything) == of("[foreign_tables", first)
    assert of("test_url.py", everything) == of("test_url.py", first)
