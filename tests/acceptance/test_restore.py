"""A restore: the same database again, under the same name, with all that it had."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.acceptance.test_backup import SHOP, flip, made
from tzmigrate.backup.copies import NOT_WHOLE


@pytest.fixture
def shop(database: Any) -> Iterator[Any]:
    database.execute(SHOP)
    yield database
    drop_beside(database)


def drop_beside(database: Any) -> None:
    """Drop what restores left beside a database."""
    for (name,) in database.execute(
        "SELECT datname FROM pg_database WHERE datname LIKE %s",
        (database.name + r"\_%",),
    ):
        database.server.execute(
            sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
        )


@pytest.fixture
def tool(shop: Any, shell_in: Callable[[Path], Any], tmp_path: Path) -> Any:
    """Type a command for the database."""
    shell = shell_in(tmp_path)
    return lambda *words: shell.main(*words, "--url", shop.url)


def databases(shop: Any) -> set[str]:
    rows = shop.execute(
        "SELECT datname::text FROM pg_database WHERE datname LIKE %s",
        (shop.name + "%",),
    )
    return {name for (name,) in rows}


def test_after_a_botched_conversion_everything_is_as_it_was(
    shop: Any, tool: Any, canonical_dump: Any
) -> None:
    before = canonical_dump(shop)
    assert tool("backup", "create").status == 0
    # what everybody did before there was a tool
    shop.execute(
        "DROP VIEW newest; SET TimeZone = 'America/New_York';"
        'ALTER TABLE "Shop, as %s".orders ALTER placed TYPE timestamptz;'
        "DELETE FROM plain"
    )
    done = tool("restore", "--swap", "--yes")
    assert done.status == 0, done.err
    assert canonical_dump(shop) == before
    (old,) = (
        databases(shop)
        - {shop.name}
        - {n for n in databases(shop) if "_restored_" in n}
    )
    assert "_before_restore_" in old
    url = shop.server.url(old)
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT count(*) FROM plain").fetchone()
    assert found == (0,)


def test_the_sample_application_makes_the_round_trip(
    sample: Any, shell_in: Callable[[Path], Any], tmp_path: Path, canonical_dump: Any
) -> None:
    shell = shell_in(tmp_path)
    before = canonical_dump(sample)
    done = shell.main("backup", "create", "--url", sample.url, "--test-restore")
    assert done.status == 0, done.err + done.out
    sample.execute("DELETE FROM app.card_reviews")
    sample.execute("UPDATE app.sessions SET started_at = started_at - interval '5 h'")
    words = ("restore", "--swap", "--no-safety-backup", "--yes", "--url", sample.url)
    try:
        done = shell.main(*words)
        assert done.status == 0, done.err
        assert canonical_dump(sample) == before
    finally:
        drop_beside(sample)


def test_a_new_session_gets_the_same_zone_grants_and_settings(
    shop: Any, tool: Any, make_role: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGTZ", raising=False)
    owner, reader = make_role(suffix="o"), make_role(suffix="r")
    run = shop.server.execute
    name = sql.Identifier(shop.name)
    for text, *roles in (
        ("ALTER DATABASE {} SET TimeZone = 'Asia/Kathmandu'",),
        ('ALTER DATABASE {} SET search_path = app, "a, b", public',),
        ("ALTER DATABASE {} OWNER TO {}", owner.name),
        ("REVOKE ALL ON DATABASE {} FROM PUBLIC",),
        ("GRANT CONNECT ON DATABASE {} TO {} WITH GRANT OPTION", reader.name),
        ("ALTER DATABASE {} CONNECTION LIMIT 17",),
        ("COMMENT ON DATABASE {} IS 'it''s the shop'",),
    ):
        run(sql.SQL(text).format(name, *map(sql.Identifier, roles)))
    run(
        sql.SQL("ALTER ROLE {} IN DATABASE {} SET TimeZone = 'Europe/Lisbon'").format(
            sql.Identifier(reader.name), name
        )
    )

    def seen() -> list[Any]:
        with psycopg.connect(shop.url_as(reader)) as connection:
            mine = connection.execute(
                "SELECT current_setting('TimeZone'), current_setting('search_path')"
            ).fetchone()
        zone = shop.scalar("SELECT current_setting('TimeZone')")
        return [
            mine,
            zone,
            shop.execute(
                "SELECT pg_get_userbyid(datdba), datacl::text, datconnlimit,"
                " shobj_description(oid, 'pg_database'), datcollate, encoding"
                " FROM pg_database WHERE datname = current_database()"
            ),
            shop.execute(
                "SELECT setrole, setconfig FROM pg_db_role_setting JOIN pg_database"
                " ON pg_database.oid = setdatabase"
                " WHERE datname = current_database() ORDER BY 1"
            ),
        ]

    before = seen()
    assert before[0][0] == "Europe/Lisbon"
    assert tool("backup", "create").status == 0
    done = tool("restore", "--swap", "--no-safety-backup", "--yes")
    assert done.status == 0, done.err
    assert seen() == before


def test_it_is_restored_beside_by_default_and_says_what_it_lacks(
    shop: Any, tool: Any, tmp_path: Path
) -> None:
    assert tool("backup", "create").status == 0
    shop.execute(
        "CREATE TABLE fresh AS SELECT 1 AS one;"
        "INSERT INTO plain VALUES (-1, 'later'), (-2, 'later');"
        "UPDATE events_a SET at = at WHERE at < '2024-06-01 00:11';"
        'DELETE FROM "Shop, as %s".orders WHERE id < 4'
    )
    done = tool("restore", "--into", f"{shop.name}_beside", "--yes", "--format", "json")
    assert done.status == 0, done.err
    document = json.loads(done.out)
    assert document["database"] == f"{shop.name}_beside"
    assert document["swapped"] is None
    since = {
        s["name"]: (s["rows_then"], s["rows"], s["written"]) for s in document["since"]
    }
    assert since == {
        "plain": (200, 202, 2),
        "events_a": (150, 150, 5),
        "orders": (500, 497, 0),
        "fresh": (None, 1, 1),
    }
    assert databases(shop) == {shop.name, f"{shop.name}_beside"}
    with psycopg.connect(shop.server.url(f"{shop.name}_beside")) as connection:
        found = connection.execute("SELECT count(*) FROM plain").fetchone()
    assert found == (200,)
    listed = json.loads(tool("backup", "verify", "--format", "json").out)
    assert listed["backup"]["restores"][0]["database"] == f"{shop.name}_beside"
    tool("restore", "--into", f"{shop.name}_beside", "--yes").is_error(6, "TZ681")
    tool("restore", "--into", shop.name, "--yes").is_error(2, "TZ293")
    tool("restore", "--into", "ä" * 32, "--yes").is_error(2, "TZ297")
    assert made(tmp_path).exists()


def test_dry_run_and_no_answer_change_nothing(shop: Any, tool: Any) -> None:
    assert tool("backup", "create").status == 0
    done = tool("restore", "--swap", "--dry-run")
    assert done.status == 0, done.err
    assert "_before_restore_" in done.out
    tool("restore", "--swap").is_error(3, "TZ390")
    assert databases(shop) == {shop.name}


def test_what_a_killed_restore_left_is_named(shop: Any, tool: Any) -> None:
    assert tool("backup", "create").status == 0
    name = sql.Identifier(f"{shop.name}_restored_1")
    shop.server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(name))
    assert "DROP DATABASE" not in tool("restore", "--dry-run").out
    shop.server.execute(
        sql.SQL("COMMENT ON DATABASE {} IS {}").format(name, sql.Literal(NOT_WHOLE))
    )
    shown = tool("restore", "--dry-run").out
    assert f'DROP DATABASE "{shop.name}_restored_1"' in " ".join(shown.split())
    with psycopg.connect(shop.server.url(f"{shop.name}_restored_1")):
        assert "DROP DATABASE" not in tool("restore", "--dry-run").out


def test_a_database_in_use_is_not_swapped_unless_that_is_asked(
    shop: Any, tool: Any
) -> None:
    assert tool("backup", "create").status == 0
    with psycopg.connect(shop.url, application_name="the shop") as busy:
        done = tool("restore", "--swap", "--yes", "--no-safety-backup")
        done.is_error(5, "TZ514", "the shop", "--terminate-connections")
        assert busy.execute("SELECT count(*) FROM plain").fetchone() == (200,)
        assert databases(shop) == {shop.name}
        done = tool(
            "restore", "--swap", "--yes", "--no-safety-backup",
            "--terminate-connections",
        )  # fmt: skip
        assert done.status == 0, done.err
        with pytest.raises(psycopg.OperationalError):
            busy.execute("SELECT 1")


def test_what_no_ended_session_frees_is_named_first(shop: Any, tool: Any) -> None:
    assert tool("backup", "create").status == 0
    shop.execute(
        "CREATE SUBSCRIPTION news CONNECTION 'host=127.0.0.1 port=1 dbname=x'"
        " PUBLICATION p WITH (connect = false)"
    )
    try:
        shop.execute("ALTER SUBSCRIPTION news SET (slot_name = 'news')")
        shop.execute("ALTER SUBSCRIPTION news ENABLE")
        done = tool("restore", "--swap", "--yes", "--terminate-connections")
        done.is_error(6, "TZ687", "news", "DISABLE")
        assert databases(shop) == {shop.name}
    finally:
        shop.execute("ALTER SUBSCRIPTION news DISABLE")
        shop.execute("ALTER SUBSCRIPTION news SET (slot_name = NONE)")
        shop.execute("DROP SUBSCRIPTION news")


def test_what_is_replaced_is_backed_up(shop: Any, tool: Any, tmp_path: Path) -> None:
    assert tool("backup", "create").status == 0
    first = made(tmp_path)
    shop.execute("DELETE FROM plain")
    done = tool("restore", str(first), "--swap", "--yes", "--format", "json")
    assert done.status == 0, done.err
    safety = Path(json.loads(done.out)["safety"])
    assert (tmp_path / safety).exists()
    # by default nobody means what was botched
    done = tool("restore", "--dry-run")
    assert first.name in done.out
    counts = {
        t["name"]: t["rows"]
        for t in json.loads((tmp_path / safety / "backup_metadata.json").read_text())[
            "tables"
        ]
    }
    assert counts["plain"] == 0


def test_after_a_disaster_the_database_is_made_anew(
    shop: Any, tool: Any, canonical_dump: Any
) -> None:
    before = canonical_dump(shop)
    assert tool("backup", "create").status == 0
    shop.server.execute(
        sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(shop.name))
    )
    done = tool("restore", "--swap", "--yes")
    assert done.status == 0, done.err
    assert canonical_dump(shop) == before


def test_a_damaged_backup_is_not_restored(shop: Any, tool: Any, tmp_path: Path) -> None:
    assert tool("backup", "create").status == 0
    path = made(tmp_path)
    flip(path / "full_backup.dump")
    tool("restore", "--yes").is_error(4, "TZ445", "full_backup.dump")
    assert databases(shop) == {shop.name}


def test_what_the_role_may_not_make_is_said_and_nothing_stays(
    shop: Any, tool: Any, make_role: Any, shell_in: Any, tmp_path: Path
) -> None:
    assert tool("backup", "create").status == 0
    role = make_role("CREATEDB")
    done = shell_in(tmp_path).main("restore", "--url", shop.url_as(role), "--yes")
    assert done.status == 6, done.err
    assert databases(shop) == {shop.name}


# ------------------------------------------------------------------ chosen tables

PARENTS = """
CREATE TABLE customers (id int PRIMARY KEY, since timestamp);
CREATE TABLE invoices (id int PRIMARY KEY, customer int NOT NULL
    REFERENCES customers ON DELETE CASCADE, due timestamp DEFAULT LOCALTIMESTAMP,
    net numeric, gross numeric GENERATED ALWAYS AS (net * 1.2) STORED);
CREATE TABLE audit (id bigint GENERATED ALWAYS AS IDENTITY, what text);
CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN INSERT INTO audit (what) VALUES (TG_OP); RETURN NULL; END$$;
CREATE TRIGGER watch AFTER INSERT OR UPDATE OR DELETE ON customers
    FOR EACH ROW EXECUTE FUNCTION watch();
INSERT INTO customers SELECT g, timestamp '2024-01-01' + g * interval '1 day'
FROM generate_series(1, 50) AS g;
INSERT INTO invoices (id, customer, due, net) SELECT g, 1 + g % 50,
    timestamp '2024-03-10 02:30' + g * interval '7 min', g
FROM generate_series(1, 200) AS g;
TRUNCATE audit;
"""


def test_tables_come_into_a_schema_of_their_own(shop: Any, tool: Any) -> None:
    assert tool("backup", "create").status == 0
    shop.execute("DROP TABLE events CASCADE; DELETE FROM plain")
    done = tool("restore", "--tables", "events,pl?in", "--yes", "--format", "json")
    assert done.status == 0, done.err
    schema = json.loads(done.out)["schema"]
    assert schema.startswith("public_restored_")
    for table, rows in (("events", 300), ("events_a", 150), ("plain", 200)):
        assert shop.scalar(f'SELECT count(*) FROM "{schema}".{table}') == rows
    assert shop.scalar("SELECT count(*) FROM plain") == 0
    tool("restore", "--tables", "nothing", "--yes").is_error(2, "TZ294", "nothing")
    tool("restore", "--tables", "plain", "--swap").is_error(2, "TZ292")
    tool("restore", "--in-place").is_error(2, "TZ292")
    tool("restore", "--terminate-connections").is_error(2, "TZ292")


def test_rows_come_back_in_their_place_and_no_trigger_runs(
    shop: Any, tool: Any, canonical_dump: Any
) -> None:
    shop.execute(PARENTS)
    # the sequence of what the trigger writes goes on by the test's own changes
    without = ("--exclude-table=audit*",)
    before = canonical_dump(shop, *without)
    assert tool("backup", "create").status == 0
    shop.execute(
        "UPDATE customers SET since = since + interval '1 h';"
        "DELETE FROM invoices WHERE id > 100;"
        "UPDATE events SET at = at - interval '1 h'; TRUNCATE audit"
    )
    done = tool(
        "restore", "--tables", "customers,invoices", "--tables", "public.events",
        "--in-place", "--yes",
    )  # fmt: skip
    assert done.status == 0, done.err
    assert shop.scalar("SELECT count(*) FROM audit") == 0
    assert canonical_dump(shop, *without) == before


def test_triggers_that_always_act_are_kept_from_it(shop: Any, tool: Any) -> None:
    shop.execute(PARENTS)
    shop.execute("ALTER TABLE customers ENABLE ALWAYS TRIGGER watch")
    assert tool("backup", "create").status == 0
    shop.execute("UPDATE customers SET since = NULL; TRUNCATE audit")
    done = tool("restore", "--tables", "customers", "--in-place", "--yes")
    assert done.status == 0, done.err
    assert shop.scalar("SELECT count(*) FROM audit") == 0
    state = "SELECT tgenabled::text FROM pg_trigger WHERE tgname = 'watch'"
    assert shop.scalar(state) == "A"


def test_a_child_or_partition_alone_stays_apart_from_its_parent(
    shop: Any, tool: Any
) -> None:
    shop.execute(
        "CREATE TABLE parent (id int PRIMARY KEY, at timestamp);"
        "CREATE TABLE child (extra text) INHERITS (parent);"
        "INSERT INTO child VALUES (1, '2024-01-01', 'x')"
    )
    assert tool("backup", "create").status == 0
    done = tool("restore", "--tables", "child,events_b", "--yes", "--format", "json")
    assert done.status == 0, done.err
    schema = json.loads(done.out)["schema"]
    assert shop.scalar(f'SELECT count(*) FROM "{schema}".child') == 1
    assert shop.scalar(f'SELECT count(*) FROM "{schema}".events_b') == 150
    assert shop.scalar("SELECT count(*) FROM parent") == 1
    assert shop.scalar("SELECT count(*) FROM events") == 300
    shop.execute("DELETE FROM events_b; UPDATE child SET extra = 'y'")
    done = tool("restore", "--tables", "child,events_b", "--in-place", "--yes")
    assert done.status == 0, done.err
    assert shop.scalar("SELECT extra FROM child") == "x"
    assert shop.scalar("SELECT count(*) FROM events") == 300


def test_a_schema_of_the_same_second_is_in_nobodys_way(shop: Any, tool: Any) -> None:
    shop.execute(PARENTS)
    assert tool("backup", "create").status == 0
    shop.execute(
        "DO $$ BEGIN FOR s IN 0..60 LOOP EXECUTE format('CREATE SCHEMA %I',"
        " to_char(now() AT TIME ZONE 'UTC' + s * interval '1 s',"
        " '\"public_restored_\"YYYYMMDD_HH24MISS')); END LOOP; END $$"
    )
    done = tool("restore", "--tables", "customers", "--yes", "--format", "json")
    assert done.status == 0, done.err
    schema = json.loads(done.out)["schema"]
    assert shop.scalar(f'SELECT count(*) FROM "{schema}".customers') == 50


def test_what_tables_held_before_can_be_restored_too(
    shop: Any, tool: Any, tmp_path: Path
) -> None:
    shop.execute("CREATE TYPE mood AS ENUM ('good', 'bad')")
    shop.execute(PARENTS + "ALTER TABLE customers ADD felt mood")
    assert tool("backup", "create").status == 0
    first = made(tmp_path)
    shop.execute("UPDATE customers SET felt = 'bad'")
    done = tool(
        "restore", "--tables", "customers", "--in-place", "--yes", "--format", "json"
    )
    assert done.status == 0, done.err
    assert shop.scalar("SELECT count(felt) FROM customers") == 0
    safety = json.loads(done.out)["safety"]
    done = tool("backup", "verify", safety, "--test-restore")
    assert done.status == 0, done.out
    tool("restore", safety, "--yes").is_error(2, "TZ296")
    done = tool("restore", safety, "--tables", "customers", "--in-place", "--yes")
    assert done.status == 0, done.err
    assert shop.scalar("SELECT count(felt) FROM customers") == 50
    # the newest one that somebody asked for is still the first
    assert first.name in tool("restore", "--dry-run").out


def test_rows_that_the_tables_of_now_refuse_change_nothing(
    shop: Any, tool: Any
) -> None:
    assert tool("backup", "create").status == 0
    shop.execute("DELETE FROM plain WHERE id > 5; ALTER TABLE plain ADD CHECK (id < 9)")
    done = tool("restore", "--tables", "plain", "--in-place", "--yes")
    assert done.status == 3, done.err
    assert "TZ357" in done.err
    assert shop.scalar("SELECT count(*) FROM plain") == 5


def test_another_database_is_not_written_over(
    shop: Any, tool: Any, make_database: Any, shell_in: Any, tmp_path: Path
) -> None:
    assert tool("backup", "create").status == 0
    other = make_database()
    other.execute("CREATE TABLE plain (id int, what text)")
    shell = shell_in(tmp_path)
    words = ("restore", str(made(tmp_path)), "--tables", "plain", "--url", other.url)
    shell.main(*words, "--in-place", "--yes").is_error(3, "TZ356")
    shell.main("restore", "--url", other.url, "--yes").is_error(2, "TZ290")
    done = shell.main(*words, "--in-place", "--yes", "--accept", "TZ356")
    assert done.status == 0, done.err
    assert other.scalar("SELECT count(*) FROM plain") == 200


def test_a_foreign_key_that_would_lose_its_row_stops_it(shop: Any, tool: Any) -> None:
    shop.execute(PARENTS)
    assert tool("backup", "create").status == 0
    shop.execute(
        "INSERT INTO customers VALUES (99, now() AT TIME ZONE 'UTC');"
        "INSERT INTO invoices (id, customer) VALUES (999, 99)"
    )
    before = shop.dump()
    done = tool("restore", "--tables", "customers", "--in-place", "--yes")
    assert done.status == 3, done.err
    assert "TZ355" in done.err
    assert "invoices_customer_fkey" in done.err
    assert sorted(shop.dump().splitlines()[5:-3]) == sorted(before.splitlines()[5:-3])


def test_a_column_that_was_converted_since_stops_it(shop: Any, tool: Any) -> None:
    assert tool("backup", "create").status == 0
    shop.execute(
        "ALTER TABLE events ALTER at TYPE timestamptz USING at AT TIME ZONE 'UTC'"
    )
    done = tool("restore", "--tables", "events", "--in-place", "--yes")
    assert done.status == 3, done.err
    assert "TZ353" in done.err
    assert "events.at" in done.err
    assert (
        shop.scalar("SELECT count(*) FROM pg_namespace WHERE nspname ~ 'restored'") == 0
    )


def schemas_beside(shop: Any) -> int:
    return int(
        shop.scalar("SELECT count(*) FROM pg_namespace WHERE nspname ~ '_restored_'")
    )


def test_what_cannot_be_replaced_is_found_before_anything_is_backed_up(
    shop: Any, tool: Any, tmp_path: Path
) -> None:
    assert tool("backup", "create").status == 0
    shop.execute("ALTER TABLE plain DROP COLUMN what")
    words = ("restore", "--tables", "plain", "--in-place", "--yes")
    tool(*words).is_error(3, "TZ353", "plain.what")
    shop.execute("DROP TABLE plain")
    tool(*words).is_error(3, "TZ354", "plain")
    assert len(list((tmp_path / "backups").iterdir())) == 1
    assert schemas_beside(shop) == 0


def test_a_safety_backup_that_fails_leaves_no_schema(
    shop: Any, tool: Any, tmp_path: Path
) -> None:
    assert tool("backup", "create").status == 0
    backup = made(tmp_path)
    (tmp_path / "file").write_text("")
    words = ("restore", str(backup), "--tables", "plain", "--in-place", "--yes")
    done = tool(*words, "--dir", str(tmp_path / "file"))
    done.is_error(6, "TZ675")
    assert schemas_beside(shop) == 0
    assert shop.scalar("SELECT count(*) FROM plain") == 200


def test_what_is_written_until_rows_are_replaced_is_in_the_backup_of_them(
    shop: Any, tool: Any
) -> None:
    shop.execute("CREATE TABLE busy (id bigserial PRIMARY KEY, at timestamp)")
    shop.execute("INSERT INTO busy (at) VALUES ('2024-07-01 12:00')")
    assert tool("backup", "create").status == 0
    stop = threading.Event()

    def write() -> None:
        with psycopg.connect(shop.url, autocommit=True) as connection:
            while not stop.is_set():
                connection.execute("INSERT INTO busy (at) VALUES (localtimestamp)")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        done = tool(
            *("restore", "--tables", "busy", "--in-place", "--yes"),
            *("--format", "json"),
        )
    finally:
        stop.set()
        writer.join()
    assert done.status == 0, done.err
    shop.execute("CREATE TABLE after AS TABLE busy")
    safety = json.loads(done.out)["safety"]
    done = tool("restore", safety, "--tables", "busy", "--yes", "--format", "json")
    assert done.status == 0, done.err
    replaced = sql.Identifier(json.loads(done.out)["schema"], "busy")
    written = shop.scalar("SELECT last_value FROM busy_id_seq")
    kept = sql.SQL(
        "SELECT count(*) FROM (SELECT id FROM {} UNION SELECT id FROM after) u"
    )
    (found,) = shop.execute(kept.format(replaced))
    assert written > 10
    assert found == (written,)
