"""What comes back from a backup means what it meant, or nothing comes back."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.acceptance.test_backup import made
from tests.acceptance.test_restore import databases, shop, tool
from tzmigrate.backup import replacing, restoring

__all__ = ["made", "shop", "tool"]


def as_application(shop: Any, statements: str) -> None:
    """Run statements as sessions of the application do, in the database's zone."""
    with psycopg.connect(shop.url, autocommit=True) as connection:
        zone = connection.execute(
            "SELECT split_part(s, '=', 2) FROM pg_db_role_setting AS d"
            " CROSS JOIN unnest(d.setconfig) AS s JOIN pg_database AS b"
            " ON b.oid = d.setdatabase WHERE b.datname = current_database()"
            " AND s ILIKE 'timezone=%'"
        ).fetchone()
        assert zone is not None
        connection.execute("SELECT set_config('TimeZone', %s, false)", zone)
        connection.execute(statements.encode())


def in_zone(shop: Any, zone: str) -> None:
    shop.execute(f"ALTER DATABASE {shop.name} SET TimeZone = '{zone}'")


def test_a_materialized_view_is_refreshed_in_the_zone_of_the_database(
    shop: Any, tool: Any
) -> None:
    in_zone(shop, "Pacific/Auckland")
    as_application(
        shop,
        "CREATE TABLE sales (at timestamptz, amount int);"
        "INSERT INTO sales VALUES ('2024-01-01 01:00', 1), ('2024-01-01 23:00', 2);"
        "CREATE MATERIALIZED VIEW daily AS"
        " SELECT at::date AS day, sum(amount) AS amount FROM sales GROUP BY 1",
    )
    look = "SELECT day::text, amount FROM daily ORDER BY 1"
    before = shop.execute(look)
    assert before == [("2024-01-01", 3)]
    assert tool("backup", "create", "--test-restore").status == 0
    done = tool("restore", "--swap", "--yes", "--no-safety-backup")
    assert done.status == 0, done.err
    assert shop.execute(look) == before


WAYS = [(), ("--tables", "visits"), ("--tables", "visits", "--in-place")]


@pytest.mark.parametrize("role_in", ["", "Asia/Kathmandu"])
@pytest.mark.parametrize("way", WAYS)
def test_a_check_that_computes_with_the_zone_takes_the_rows_again(
    shop: Any, tool: Any, way: tuple[str, ...], role_in: str
) -> None:
    """Whatever zone the role that restores has for itself."""
    in_zone(shop, "Pacific/Auckland")
    if role_in:
        shop.execute(
            f"ALTER ROLE CURRENT_USER IN DATABASE {shop.name} SET TimeZone ="
            f" '{role_in}'"
        )
    as_application(
        shop,
        "CREATE TABLE visits (at timestamptz, day date CHECK (at::date = day));"
        "INSERT INTO visits VALUES ('2024-01-01 01:00', '2024-01-01')",
    )
    assert tool("backup", "create", "--test-restore").status == 0
    done = tool("restore", *way, "--yes")
    assert done.status == 0, done.err
    assert shop.scalar("SELECT count(*) FROM visits") == 1


BELOW = """
CREATE FUNCTION public.made(text, text) RETURNS text
  LANGUAGE internal IMMUTABLE AS 'textcat';
CREATE SCHEMA app;
"""
TREES = """
CREATE TABLE app.t (id int, v text) PARTITION BY LIST (id);
CREATE TABLE app.t1 PARTITION OF app.t FOR VALUES IN (1);
CREATE TABLE app.t2 PARTITION OF app.t (v DEFAULT public.made('a', 'b'))
  FOR VALUES IN (2);
INSERT INTO app.t SELECT 1 + g % 2, 'x' FROM generate_series(1, 10) AS g;
CREATE TABLE app."Par), ""ent" (id int);
CREATE TABLE app.kid (v text DEFAULT public.made('a', 'b'))
  INHERITS (app."Par), ""ent");
INSERT INTO app.kid VALUES (2);
CREATE TABLE app."x ATTACH PARTITION
y" (id int, v text) PARTITION BY LIST (id);
CREATE TABLE app.y1 PARTITION OF app."x ATTACH PARTITION
y" (v DEFAULT public.made('a', 'b')) FOR VALUES IN (1);
INSERT INTO app.y1 VALUES (1, 'x')
"""


def readable(shop: Any, role: str) -> None:
    """Let a role read all that is there, as a backup does."""
    schemas = shop.execute(
        "SELECT quote_ident(nspname) FROM pg_namespace"
        " WHERE nspname !~ '^(pg_|information_schema|app)'"
    )
    for (schema,) in schemas:
        shop.execute(
            f'GRANT USAGE ON SCHEMA {schema} TO "{role}";'
            f'GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO "{role}";'
            f'GRANT SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO "{role}"'
        )


@pytest.mark.parametrize(
    "table", ["app.t", 'app."Par), ""ent"', 'app."x ATTACH PARTITION\ny"']
)
def test_a_table_is_not_restored_without_what_is_below_it(
    shop: Any,
    make_role: Callable[..., Any],
    shell_in: Callable[[Path], Any],
    tmp_path: Path,
    table: str,
) -> None:
    """A partition whose default the role may not make again has rows of its parent."""
    role = make_role("CREATEDB")
    shop.server.execute(f'ALTER DATABASE {shop.name} OWNER TO "{role.name}"')
    shop.execute(BELOW + f'ALTER SCHEMA app OWNER TO "{role.name}"')
    readable(shop, role.name)
    url = shop.url_as(role)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TREES)
    shell = shell_in(tmp_path)
    assert shell.main("backup", "create", "--url", url).status == 0
    done = shell.main("restore", "--tables", table, "--yes", "--url", url)
    done.is_error(6, "TZ679", "below app.", "could not be restored")
    assert "\ny" not in done.err.partition("error TZ679")[2].partition("detail:")[0]
    assert shop.scalar("SELECT count(*) FROM app.t") == 10


def test_other_things_that_the_role_cannot_make_are_in_nobodys_way(
    shop: Any,
    make_role: Callable[..., Any],
    shell_in: Callable[[Path], Any],
    tmp_path: Path,
) -> None:
    """Code that keeps partitions looks like what puts them below their table."""
    role = make_role("CREATEDB")
    shop.server.execute(f'ALTER DATABASE {shop.name} OWNER TO "{role.name}"')
    shop.execute(f'CREATE SCHEMA app AUTHORIZATION "{role.name}"')
    readable(shop, role.name)
    shop.execute(
        "CREATE TABLE app.t (id int) PARTITION BY LIST (id);"
        "CREATE TABLE app.t1 PARTITION OF app.t FOR VALUES IN (1);"
        "INSERT INTO app.t VALUES (1), (1);"
        f'ALTER TABLE app.t OWNER TO "{role.name}";'
        f'ALTER TABLE app.t1 OWNER TO "{role.name}";'
        "CREATE FUNCTION public.keep(text) RETURNS text LANGUAGE internal AS"
        " 'textout'; COMMENT ON FUNCTION public.keep(text) IS"
        " 'ALTER TABLE ONLY app.t ATTACH PARTITION app.t9 FOR VALUES IN (9);"
        "\nINHERITS (app.t)'"
    )
    shell, url = shell_in(tmp_path), shop.url_as(role)
    assert shell.main("backup", "create", "--url", url).status == 0
    done = shell.main("restore", "--tables", "app.t", "--yes", "--url", url)
    assert done.status == 0, done.err


def test_grants_come_back_in_whatever_order_they_were_given(
    shop: Any, tool: Any, make_role: Callable[..., Any]
) -> None:
    a, b, c = (make_role(suffix=str(i)).name for i in range(3))
    on = f"CREATE ON DATABASE {shop.name}"
    shop.server.execute(f"REVOKE TEMP ON DATABASE {shop.name} FROM PUBLIC")
    for statement in (
        f'GRANT {on} TO "{b}" WITH GRANT OPTION',
        f'SET ROLE "{b}"; GRANT {on} TO "{c}"',
        f'GRANT {on} TO "{a}" WITH GRANT OPTION',
        f'SET ROLE "{a}"; GRANT {on} TO "{b}" WITH GRANT OPTION',
        f'REVOKE {on} FROM "{b}"',
        f"REVOKE CONNECT ON DATABASE {shop.name} FROM PUBLIC",
    ):
        shop.server.execute(statement)
    look = (
        "SELECT array_agg(g::text ORDER BY g::text) FROM pg_database"
        " CROSS JOIN unnest(datacl) AS g WHERE datname = current_database()"
    )
    before = shop.scalar(look)
    assert any(grant.startswith(f"{c}=C/") for grant in before)
    assert tool("backup", "create").status == 0
    done = tool("restore", "--swap", "--yes", "--no-safety-backup")
    assert done.status == 0, done.err
    assert shop.scalar(look) == before


def test_a_grant_of_who_became_a_superuser_is_the_owners(
    shop: Any, tool: Any, make_role: Callable[..., Any]
) -> None:
    a, c = (make_role(suffix=str(i)).name for i in range(2))
    on = f"CREATE ON DATABASE {shop.name}"
    shop.server.execute(f'GRANT {on} TO "{a}" WITH GRANT OPTION')
    shop.server.execute(f'SET ROLE "{a}"; GRANT {on} TO "{c}"')
    shop.server.execute(f'ALTER ROLE "{a}" SUPERUSER')
    assert tool("backup", "create").status == 0
    done = tool("restore", "--swap", "--yes", "--no-safety-backup")
    assert done.status == 0, done.err
    may = f"SELECT has_database_privilege('{c}', current_database(), 'CREATE')"
    assert shop.scalar(may)


def dropped_soon(shop: Any) -> threading.Timer:
    """Make a table, drop it in a transaction, and commit that in a moment."""
    connection = psycopg.connect(shop.url)
    connection.execute("CREATE TABLE staging (id int)")
    connection.commit()
    connection.execute("DROP TABLE staging")

    def commit() -> None:
        connection.commit()
        connection.close()

    timer = threading.Timer(2, commit)
    timer.start()
    return timer


def test_a_table_that_goes_meanwhile_is_no_bug_of_ours(shop: Any, tool: Any) -> None:
    assert tool("backup", "create").status == 0
    timer = dropped_soon(shop)
    done = tool("restore", "--dry-run")
    timer.join()
    assert done.status == 0, done.err
    timer = dropped_soon(shop)
    done = tool("backup", "create")
    timer.join()
    done.is_error(5, "TZ516", "staging")


def test_a_table_that_goes_at_the_end_does_not_throw_a_finished_restore_away(
    shop: Any, tool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tool("backup", "create").status == 0
    timers = []
    real = restoring.look_again

    def again(*args: Any) -> Any:
        timers.append(dropped_soon(shop))
        return real(*args)

    monkeypatch.setattr(restoring, "look_again", again)
    done = tool("restore", "--swap", "--yes", "--no-safety-backup")
    for timer in timers:
        timer.join()
    assert timers
    assert done.status == 0, done.err
    assert any("before_restore" in name for name in databases(shop))


def test_a_table_that_goes_while_its_lock_is_waited_for_is_named(
    shop: Any, tool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.execute("CREATE TABLE lost (id int); INSERT INTO lost VALUES (1)")
    assert tool("backup", "create").status == 0
    real = replacing.read_live
    timers: list[threading.Timer] = []

    def read(*args: Any) -> Any:
        found = real(*args)
        if not timers:
            connection = psycopg.connect(shop.url)
            connection.execute("DROP TABLE lost")

            def commit() -> None:
                connection.commit()
                connection.close()

            timers.append(threading.Timer(1, commit))
            timers[0].start()
        return found

    monkeypatch.setattr(replacing, "read_live", read)
    done = tool("restore", "--tables", "lost", "--in-place", "--yes")
    timers[0].join()
    done.is_error(3, "TZ354", "public.lost")


def test_one_row_without_a_partner_does_not_make_up_for_another(
    shop: Any, tool: Any
) -> None:
    """A key that is NOT VALID was checked for rows that were written since."""
    shop.execute(
        "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE f (id int, p int);"
        "INSERT INTO p VALUES (99); INSERT INTO f VALUES (0, 99)"
    )
    assert tool("backup", "create").status == 0
    shop.execute(
        "TRUNCATE p; INSERT INTO p VALUES (2); ALTER TABLE f"
        " ADD CONSTRAINT fk FOREIGN KEY (p) REFERENCES p NOT VALID;"
        "INSERT INTO f VALUES (2, 2)"
    )
    done = tool("restore", "--tables", "p", "--in-place", "--yes")
    done.is_error(3, "TZ355", "1 rows of table public.f")
    assert shop.execute("TABLE p") == [(2,)]


def test_the_table_whose_deferrable_key_is_read_is_the_one_that_is_named(
    shop: Any, tool: Any
) -> None:
    shop.execute(
        "CREATE TABLE aa (id int PRIMARY KEY);"
        "CREATE TABLE bb (id int PRIMARY KEY DEFERRABLE);"
        "INSERT INTO aa VALUES (1); INSERT INTO bb VALUES (1)"
    )
    assert tool("backup", "create").status == 0
    with psycopg.connect(shop.url) as reader:
        reader.execute("SET enable_seqscan = off; SELECT FROM bb WHERE id = 1")
        done = tool("restore", "--tables", "aa,bb", "--in-place", "--yes")
    done.is_error(5, "TZ502", "table public.bb stayed locked")


def test_rows_of_a_table_that_became_partitioned_are_not_called_deleted(
    shop: Any, tool: Any
) -> None:
    assert tool("backup", "create").status == 0
    rows = shop.scalar("SELECT count(*) FROM plain")
    assert rows
    shop.execute(
        "ALTER TABLE plain RENAME TO plain_0;"
        "CREATE TABLE plain (LIKE plain_0) PARTITION BY LIST (id);"
        "ALTER TABLE plain ATTACH PARTITION plain_0 DEFAULT"
    )
    done = tool("restore", "--dry-run")
    assert done.status == 0, done.err
    assert "deleted" not in done.out + done.err
