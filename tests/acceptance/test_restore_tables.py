"""Some tables of a backup: beside those of now, or in their place."""

import contextlib
import json
import threading
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.acceptance.test_backup import made
from tests.acceptance.test_restore import shop, tool
from tzmigrate.backup.since import ON_THE_WAY, PLACE
from tzmigrate.postgres.embedded import embedded_server, find_binaries

__all__ = ["shop", "tool"]

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


def in_place(tool: Any, *tables: str, safety: bool = True) -> Any:
    without = () if safety else ("--no-safety-backup",)
    words = (*without, "--in-place", "--yes", "--format", "json")
    return tool("restore", "--tables", ",".join(tables), *words)


def test_partitions_that_came_after_the_backup_are_backed_up_and_named(
    shop: Any, tool: Any, tmp_path: Path
) -> None:
    assert tool("backup", "create").status == 0
    shop.execute(
        "CREATE TABLE events_c PARTITION OF events FOR VALUES IN ('c');"
        "INSERT INTO events VALUES ('2025-02-02', 'c')"
    )
    done = in_place(tool, "events")
    assert done.status == 0, done.err
    assert "events_c, which is new, with 1 rows" in " ".join(done.err.split())
    document = json.loads(done.out)
    assert [s["name"] for s in document["since"]] == ["events_c"]
    assert shop.scalar("SELECT count(*) FROM events") == 300
    safety = document["safety"]
    done = tool("backup", "verify", safety, "--test-restore")
    assert done.status == 0, done.out
    assert (
        "2025-02-02 00:00:00\tc" in (tmp_path / safety / "data_backup.sql").read_text()
    )


def test_foreign_keys_of_a_partitions_parents_are_checked(shop: Any, tool: Any) -> None:
    shop.execute(
        "CREATE TABLE part (id int, kind text, PRIMARY KEY (id, kind))"
        " PARTITION BY LIST (kind);"
        "CREATE TABLE part_a PARTITION OF part FOR VALUES IN ('a');"
        "CREATE TABLE item (id int, part int, kind text,"
        " FOREIGN KEY (part, kind) REFERENCES part);"
        "INSERT INTO part VALUES (1, 'a'); INSERT INTO item VALUES (1, 1, 'a')"
    )
    assert tool("backup", "create").status == 0
    shop.execute(
        "INSERT INTO part VALUES (2, 'a'); INSERT INTO item VALUES (2, 2, 'a')"
    )
    in_place(tool, "part_a").is_error(3, "TZ355", "item")
    assert shop.scalar("SELECT count(*) FROM part") == 2


def test_partitions_that_were_split_or_detached_are_filled_through_their_root(
    shop: Any, tool: Any
) -> None:
    assert tool("backup", "create").status == 0
    shop.execute(
        "ALTER TABLE events DETACH PARTITION events_a;"
        "CREATE TABLE events_new PARTITION OF events FOR VALUES IN ('a')"
    )
    done = in_place(tool, "events")
    assert done.status == 0, done.err
    assert shop.scalar("SELECT count(*) FROM events") == 300
    assert shop.scalar("SELECT count(*) FROM events_new") == 150
    assert shop.scalar("SELECT count(*) FROM events_a") == 150


def test_a_table_that_inherits_since_stops_it(shop: Any, tool: Any) -> None:
    shop.execute("CREATE TABLE top (at timestamp); CREATE TABLE one () INHERITS (top)")
    assert tool("backup", "create").status == 0
    shop.execute("CREATE TABLE two () INHERITS (top)")
    in_place(tool, "top").is_error(3, "TZ358", "public.two inherits")
    shop.execute("DROP TABLE two; ALTER TABLE one NO INHERIT top")
    in_place(tool, "top").is_error(3, "TZ358", "public.one no longer inherits")


def test_who_waits_for_a_table_behind_a_restore_is_not_waited_for(
    shop: Any, tool: Any
) -> None:
    shop.execute("INSERT INTO plain SELECT g, 'x' FROM generate_series(1, 300000) AS g")
    assert tool("backup", "create").status == 0
    stop = threading.Event()

    def alter() -> None:
        # again and again behind whoever holds the table
        with psycopg.connect(shop.url, autocommit=True) as other:
            other.execute("SET lock_timeout = '5s'")
            while not stop.is_set():
                rows = other.execute(
                    "SELECT FROM pg_locks WHERE relation = 'plain'::regclass"
                    " AND mode = 'ShareRowExclusiveLock' AND granted"
                ).fetchall()
                if rows:
                    with contextlib.suppress(psycopg.errors.LockNotAvailable):
                        other.execute("ALTER TABLE plain SET (fillfactor = 90)")
                    return

    queue = threading.Thread(target=alter)
    queue.start()
    done = in_place(tool, "plain")
    stop.set()
    queue.join()
    if done.status:
        # it came before pg_dump had the table
        done.is_error(5, "TZ502", "had to wait for a table")
    assert schemas_beside(shop) == 0


def test_a_revision_that_waits_for_it_is_no_conversion_that_runs(
    shop: Any, tool: Any
) -> None:
    assert tool("backup", "create").status == 0
    stop = threading.Event()

    def wait() -> None:
        with psycopg.connect(shop.url, autocommit=True) as other:
            while not stop.is_set():
                held = other.execute(
                    "SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted"
                    " AND mode = 'ShareLock' AND relation IS NULL"
                    " AND database = (SELECT oid FROM pg_database"
                    "  WHERE datname = current_database())"
                ).fetchall()
                if held:
                    other.execute(
                        "SELECT pg_advisory_xact_lock("
                        "hashtextextended('tzmigrate.step', 0))"
                    )
                    return

    queue = threading.Thread(target=wait)
    queue.start()
    done = in_place(tool, "plain")
    stop.set()
    queue.join()
    assert done.status == 0, done.err


def test_what_a_role_lacks_to_replace_rows_is_named(
    shop: Any, shell_in: Any, tmp_path: Path, make_role: Any
) -> None:
    if shop.server.version < 15:
        pytest.skip("GRANT SET ON PARAMETER is of 15")
    role = make_role("CREATEDB", suffix="own")
    name = role.name
    shop.execute(
        'DROP SCHEMA "Shop, as %s" CASCADE; DROP TABLE events, plain;'
        "CREATE TABLE parent (id int PRIMARY KEY); INSERT INTO parent VALUES (1);"
        "CREATE TABLE child (id int, parent int REFERENCES parent);"
        "INSERT INTO child VALUES (1, 1)"
    )
    shop.execute(f"ALTER TABLE child OWNER TO {name}")
    shop.execute(f"GRANT SELECT, REFERENCES ON parent TO {name}")
    shop.server.execute(
        sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(
            sql.Identifier(shop.name), sql.Identifier(name)
        )
    )
    shell = shell_in(tmp_path)
    assert shell.main("backup", "create", "--url", shop.url).status == 0
    words = ("--in-place", "--yes", "--url", shop.url_as(role))
    child = ("restore", "--tables", "child", *words)
    shell.main(*child).is_error(6, "TZ682", name, "session_replication_role")
    parameter = "ON PARAMETER session_replication_role"
    shop.server.execute(f"GRANT SET {parameter} TO {name}")
    try:
        shell.main(*child).is_error(6, "TZ691", "public.parent", "UPDATE ON")
        assert len(list((tmp_path / "backups").iterdir())) == 1
        shop.execute(f"GRANT UPDATE ON parent TO {name}")
        done = shell.main(*child)
        assert done.status == 0, done.err
        shop.execute(
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RETURN NULL; END $$;"
            "CREATE TRIGGER t AFTER INSERT ON parent EXECUTE FUNCTION f();"
            "ALTER TABLE parent ENABLE ALWAYS TRIGGER t"
        )
        done = shell.main("restore", "--tables", "parent", *words)
        done.is_error(6, "TZ682", "trigger t of table public.parent")
    finally:
        shop.server.execute(f"REVOKE SET {parameter} FROM {name}")


def test_a_schema_of_a_killed_restore_is_named_and_is_no_data(
    shop: Any, tool: Any
) -> None:
    assert tool("backup", "create").status == 0
    shop.execute("CREATE SCHEMA left_over; CREATE TABLE left_over.plain AS SELECT 1")
    shop.execute(
        sql.SQL("COMMENT ON SCHEMA left_over IS {}")
        .format(sql.Literal(ON_THE_WAY))
        .as_string(None)
    )
    said = " ".join(tool("restore", "--dry-run").out.split())
    assert 'DROP SCHEMA "left_over" CASCADE' in said
    assert "left_over.plain" not in said
    done = tool("restore", "--tables", "plain", "--yes", "--format", "json")
    assert 'DROP SCHEMA "left_over" CASCADE' in " ".join(done.err.split())
    shop.execute("DROP SCHEMA left_over CASCADE")
    assert "DROP SCHEMA" not in tool("restore", "--dry-run").out
    listed = json.loads(tool("backup", "verify", "--format", "json").out)
    assert listed["backup"]["restores"][0]["tables"] == ["public.plain"]


def test_a_table_of_another_kind_stops_it(shop: Any, tool: Any) -> None:
    shop.execute("CREATE TABLE leaf (id int); INSERT INTO leaf VALUES (1)")
    assert tool("backup", "create").status == 0
    shop.execute(
        "ALTER TABLE events RENAME TO old; CREATE TABLE events AS TABLE old;"
        "DROP TABLE old; ALTER TABLE leaf RENAME TO old;"
        "CREATE TABLE leaf (id int) PARTITION BY LIST (id);"
        "CREATE TABLE leaf_1 PARTITION OF leaf DEFAULT; INSERT INTO leaf TABLE old"
    )
    in_place(tool, "events").is_error(3, "TZ358", "events is a plain table")
    in_place(tool, "leaf").is_error(3, "TZ358", "leaf is a partitioned one")
    assert shop.scalar("SELECT count(*) FROM events") == 300


def test_who_has_written_to_a_partner_and_waits_for_a_table_goes_on(
    shop: Any, tool: Any
) -> None:
    shop.execute(PARENTS)
    assert tool("backup", "create").status == 0
    stop = threading.Event()
    done_once = []

    def work() -> None:
        number = 1000
        with psycopg.connect(shop.url) as other:
            while not stop.is_set():
                number += 1
                other.execute("INSERT INTO customers VALUES (%s)", (number,))
                other.execute(
                    "INSERT INTO invoices (id, customer) VALUES (%s, %s)",
                    (number, number),
                )
                other.commit()
                done_once.append(number)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        done = in_place(tool, "invoices")
    finally:
        stop.set()
        worker.join()
    assert done.status == 0, done.err
    assert done_once


def test_a_restore_that_runs_is_not_called_killed(shop: Any, tool: Any) -> None:
    shop.execute(PARENTS)
    assert tool("backup", "create").status == 0
    shop.execute("CREATE SCHEMA at_work; CREATE TABLE at_work.t ()")
    shop.execute(
        sql.SQL("COMMENT ON SCHEMA at_work IS {}")
        .format(sql.Literal(ON_THE_WAY))
        .as_string(None)
    )
    with shop.connect() as other:
        key = PLACE + "at_work"
        other.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (key,))
        assert "at_work" not in tool("restore", "--dry-run").out.replace(
            "table at_work.t", ""
        )
    assert "DROP SCHEMA" in tool("restore", "--dry-run").out


def test_a_foreign_partition_is_not_emptied(shop: Any, tool: Any) -> None:
    available = "SELECT count(*) FROM pg_available_extensions WHERE name = %s"
    if not shop.scalar(available, ("postgres_fdw",)):
        pytest.skip("extension postgres_fdw is not available")
    parts = shop.server.parts
    shop.execute(
        "CREATE EXTENSION postgres_fdw; CREATE TABLE far (at timestamp, kind text);"
        "CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw OPTIONS"
        f" (host '{parts['host']}', port '{parts['port']}', dbname '{shop.name}');"
        "CREATE USER MAPPING FOR PUBLIC SERVER s OPTIONS"
        f" (user '{parts['user']}', password '{parts.get('password', '')}');"
        "CREATE FOREIGN TABLE events_far PARTITION OF events FOR VALUES IN ('far')"
        " SERVER s OPTIONS (table_name 'far');"
    )
    shop.execute("INSERT INTO far VALUES ('2024-01-01', 'far')")
    assert tool("backup", "create").status == 0
    # nobody asks another server while a backup is tried
    done = tool("backup", "verify", "--test-restore")
    assert done.status == 0, done.out
    in_place(tool, "events").is_error(3, "TZ358", "events_far is a foreign table")
    assert shop.scalar("SELECT count(*) FROM far") == 1


def test_a_table_that_became_a_partition_beside_its_root_stops_it(
    shop: Any, tool: Any
) -> None:
    shop.execute(
        "CREATE TABLE ev (id int, y int) PARTITION BY LIST (y);"
        "CREATE TABLE ev_default PARTITION OF ev DEFAULT;"
        "INSERT INTO ev SELECT g, 24 FROM generate_series(1, 100) AS g;"
        "CREATE TABLE ev_24 (LIKE ev)"
    )
    assert tool("backup", "create").status == 0
    shop.execute(
        "BEGIN; WITH d AS (DELETE FROM ev_default RETURNING *)"
        " INSERT INTO ev_24 SELECT * FROM d;"
        "ALTER TABLE ev ATTACH PARTITION ev_24 FOR VALUES IN (24); COMMIT"
    )
    in_place(tool, "ev*").is_error(3, "TZ358", "ev_24")
    assert shop.scalar("SELECT count(*) FROM ev") == 100
    done = in_place(tool, "ev")
    assert done.status == 0, done.err
    assert shop.scalar("SELECT count(*) FROM ev") == 100


@pytest.mark.parametrize("where", [(), ("--in-place",)])
@pytest.mark.parametrize(
    ("made", "changed"),
    [
        (
            "CREATE TYPE xy AS (x int, y int)",
            "ALTER TYPE xy DROP ATTRIBUTE x CASCADE;"
            "ALTER TYPE xy ADD ATTRIBUTE x int CASCADE",
        ),
        (
            "CREATE DOMAIN xy AS timestamp",
            "ALTER TABLE t ALTER p TYPE text; DROP DOMAIN xy;"
            "CREATE DOMAIN xy AS timestamptz; ALTER TABLE t ALTER p TYPE xy"
            " USING NULL",
        ),
    ],
)
def test_types_of_one_name_are_compared(
    shop: Any, tool: Any, made: str, changed: str, where: tuple[str, ...]
) -> None:
    shop.execute(f"{made}; CREATE TABLE t (p xy)")
    assert tool("backup", "create").status == 0
    shop.execute(changed)
    done = tool("restore", "--tables", "t", *where, "--yes")
    done.is_error(3, "TZ353", "type public.xy was")
    assert schemas_beside(shop) == 0


def test_deferrable_constraints_are_checked(shop: Any, tool: Any) -> None:
    shop.execute("CREATE TABLE t (id int PRIMARY KEY, x int, r int4range)")
    shop.execute("INSERT INTO t VALUES (1, 1, '[1,5)'), (2, 1, '[3,9)')")
    assert tool("backup", "create").status == 0
    for added in ("UNIQUE (x)", "EXCLUDE USING gist (r WITH &&)"):
        shop.execute(
            "DELETE FROM t WHERE id = 2;"
            f"ALTER TABLE t ADD CONSTRAINT later {added} DEFERRABLE INITIALLY DEFERRED"
        )
        in_place(tool, "t").is_error(3, "TZ357", "later")
        assert shop.scalar("SELECT count(*) FROM t") == 1
        shop.execute("ALTER TABLE t DROP CONSTRAINT later")
    shop.execute("ALTER TABLE t ADD CONSTRAINT later UNIQUE (id) DEFERRABLE")
    done = in_place(tool, "t")
    assert done.status == 0, done.err


def test_a_key_that_matches_in_full_is_checked_in_full(shop: Any, tool: Any) -> None:
    shop.execute(
        "CREATE TABLE pp (a int, b int, PRIMARY KEY (a, b)); CREATE TABLE f (a int,"
        " b int); INSERT INTO f VALUES (1, NULL), (NULL, NULL)"
    )
    assert tool("backup", "create").status == 0
    shop.execute(
        "DELETE FROM f; ALTER TABLE f ADD CONSTRAINT whole FOREIGN KEY (a, b)"
        " REFERENCES pp MATCH FULL"
    )
    in_place(tool, "f").is_error(3, "TZ355", "1 rows", "whole")
    shop.execute("ALTER TABLE f DROP CONSTRAINT whole")
    shop.execute("ALTER TABLE f ADD FOREIGN KEY (a, b) REFERENCES pp")
    assert in_place(tool, "f").status == 0


def test_a_period_has_to_be_covered(shop: Any, tool: Any) -> None:
    if shop.server.version < 18:
        pytest.skip("temporal keys are of 18")
    shop.execute(
        "CREATE TABLE p (id int4range, v daterange,"
        " PRIMARY KEY (id, v WITHOUT OVERLAPS));"
        "CREATE TABLE c (id int4range, v daterange,"
        " FOREIGN KEY (id, PERIOD v) REFERENCES p (id, PERIOD v));"
        "INSERT INTO p VALUES ('[1,2)', '[2024-01-01,2024-02-01)'),"
        " ('[1,2)', '[2024-02-01,2024-03-01)');"
        "INSERT INTO c VALUES ('[1,2)', '[2024-01-10,2024-02-10)')"
    )
    assert tool("backup", "create").status == 0
    assert in_place(tool, "c").status == 0
    shop.execute("DELETE FROM c; DELETE FROM p WHERE lower(v) = '2024-02-01'")
    in_place(tool, "c").is_error(3, "TZ355", "c_id_v_fkey")


def test_every_trigger_stays_as_it_is_enabled(shop: Any, tool: Any) -> None:
    shop.execute(
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'it acts'; END $$;"
        "CREATE TABLE aevents PARTITION OF events FOR VALUES IN ('c');"
        "CREATE TRIGGER tg AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION f();"
        "CREATE TRIGGER other AFTER DELETE ON events FOR EACH ROW"
        " EXECUTE FUNCTION f();"
        "ALTER TABLE events ENABLE ALWAYS TRIGGER tg;"
        "ALTER TABLE events_a DISABLE TRIGGER tg;"
        "ALTER TABLE aevents ENABLE REPLICA TRIGGER tg;"
        "ALTER TABLE events_b DISABLE TRIGGER other"
    )
    state = (
        "SELECT string_agg(concat_ws(' ', tgrelid::regclass, tgname, tgenabled),"
        " ', ' ORDER BY tgrelid::regclass::text, tgname) FROM pg_trigger"
    )
    before = shop.scalar(state)
    assert tool("backup", "create").status == 0
    done = in_place(tool, "events")
    assert done.status == 0, done.err
    assert shop.scalar(state) == before


def test_a_partner_that_another_session_deletes_stops_it(shop: Any, tool: Any) -> None:
    shop.execute(
        "CREATE TABLE parent (id int PRIMARY KEY);"
        "CREATE TABLE child (id int, parent int REFERENCES parent);"
        "INSERT INTO parent VALUES (9); INSERT INTO child VALUES (1, 9)"
    )
    assert tool("backup", "create").status == 0
    shop.execute("DELETE FROM child")
    with shop.connect() as other:
        other.execute("DELETE FROM parent WHERE id = 9")
        in_place(tool, "child").is_error(5, "TZ502", "table public.parent")
    in_place(tool, "child").is_error(3, "TZ355", "child_parent_fkey")
    assert shop.scalar("SELECT count(*) FROM child") == 0


def test_a_conversion_and_a_restore_in_place_keep_apart(shop: Any, tool: Any) -> None:
    assert tool("backup", "create").status == 0
    with shop.connect() as other:
        other.execute("SELECT pg_advisory_lock(hashtextextended('tzmigrate.run', 0))")
        in_place(tool, "plain", safety=False).is_error(5, "TZ512")
        done = tool("restore", "--swap", "--yes", "--terminate-connections")
        done.is_error(5, "TZ512")


def test_a_column_that_came_after_the_backup_stops_it(shop: Any, tool: Any) -> None:
    assert tool("backup", "create").status == 0
    shop.execute("ALTER TABLE plain ADD note text; UPDATE plain SET note = 'precious'")
    in_place(tool, "plain").is_error(3, "TZ353", "plain.note")
    assert shop.scalar("SELECT count(note) FROM plain") == 200


def test_a_lost_connection_leaves_no_schema(shop: Any, tool: Any) -> None:
    shop.execute(PARENTS)
    assert tool("backup", "create").status == 0
    # whoever holds a row keeps the replacement waiting
    with shop.connect() as other:
        other.execute("SELECT FROM customers WHERE id = 9 FOR UPDATE")

        def lose() -> None:
            find = (
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE"
                " datname = %s AND query LIKE 'DELETE FROM%%' AND state = 'active'"
            )
            with psycopg.connect(shop.server.url(), autocommit=True) as watcher:
                for _ in range(300):
                    if watcher.execute(find, (shop.name,)).fetchone():
                        return
                    time.sleep(0.02)

        thief = threading.Thread(target=lose)
        thief.start()
        done = in_place(tool, "customers,invoices")
        thief.join()
    done.is_error(5, "TZ507")
    assert schemas_beside(shop) == 0
    assert shop.scalar("SELECT count(*) FROM customers") == 50


def test_names_of_two_lines_come_back(shop: Any, tool: Any) -> None:
    shop.execute(
        'CREATE SCHEMA "two\nlines"; CREATE TABLE "two\nlines"."a\nb"'
        " (id int PRIMARY KEY, at timestamp);"
        'INSERT INTO "two\nlines"."a\nb" VALUES (1, \'2024-01-01\')'
    )
    assert tool("backup", "create").status == 0
    shop.execute('DELETE FROM "two\nlines"."a\nb"')
    done = in_place(tool, '"two\nlines".*')
    assert done.status == 0, done.err
    assert shop.scalar('SELECT count(*) FROM "two\nlines"."a\nb"') == 1


def test_tables_without_a_column_to_write_to_come_back(shop: Any, tool: Any) -> None:
    shop.execute(
        "CREATE TABLE bare (); INSERT INTO bare DEFAULT VALUES;"
        "CREATE TABLE made (a int GENERATED ALWAYS AS (1) STORED);"
        "INSERT INTO made DEFAULT VALUES"
    )
    assert tool("backup", "create").status == 0
    shop.execute("DELETE FROM bare; DELETE FROM made")
    done = in_place(tool, "bare", "made")
    assert done.status == 0, done.err
    assert shop.scalar("SELECT count(*) FROM bare") == 1
    assert shop.scalar("SELECT sum(a) FROM made") == 1


def test_a_published_table_without_an_identity_is_named(shop: Any, tool: Any) -> None:
    shop.execute("CREATE PUBLICATION p FOR TABLE plain")
    assert tool("backup", "create").status == 0
    in_place(tool, "plain").is_error(3, "TZ357", "plain", "REPLICA IDENTITY")


def test_programs_newer_than_the_server_carry_tables_too(shop: Any, tool: Any) -> None:
    if shop.server.version >= 17:
        pytest.skip("needs a server older than programs that set transaction_timeout")
    newest = ("--pg-bin", str(find_binaries(18)))
    assert tool("backup", "create", *newest).status == 0
    done = tool("restore", "--tables", "plain", "--yes", *newest)
    assert done.status == 0, done.err


def test_tables_come_into_a_newer_server_too(
    shop: Any, shell_in: Any, tmp_path: Path
) -> None:
    if shop.server.version == 18:
        pytest.skip("needs a server older than 18")
    shell = shell_in(tmp_path)
    assert shell.main("backup", "create", "--url", shop.url).status == 0
    with embedded_server(version=18) as newer:
        words = ("--tables", "plain", "--yes", "--url", newer.url())
        done = shell.main("restore", str(made(tmp_path)), *words)
    assert done.status == 0, done.err
