"""A restore: the same database again, under the same name, with all that it had."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.acceptance.test_backup import SHOP, flip, made
from tzmigrate.backup import restoring, scene
from tzmigrate.backup.databases import NOT_WHOLE
from tzmigrate.backup.scene import busy_in, look


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


def test_a_session_that_just_ends_is_waited_for(
    shop: Any, tool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A probe, or a session of ours, takes a moment to be gone."""
    assert tool("backup", "create").status == 0
    seen: list[tuple[str, ...]] = []

    def looked(*arguments: Any) -> tuple[str, ...]:
        if seen:
            return busy_in(*arguments)
        with psycopg.connect(shop.url, application_name="a probe"):
            seen.append(busy_in(*arguments))
        return seen[0]

    monkeypatch.setattr(restoring, "busy_in", looked)
    done = tool("restore", "--swap", "--yes", "--no-safety-backup")
    assert done.status == 0, done.err
    assert "a probe" in seen[0][0]


def test_what_is_carried_over_from_the_database_of_now_is_told(
    shop: Any, tool: Any
) -> None:
    assert tool("backup", "create").status == 0
    words = ("restore", "--swap", "--yes", "--no-safety-backup")
    for _ in range(2):
        done = tool(*words)
        assert done.status == 0, done.err
        # a grant that PostgreSQL gives by itself is the same when it was given
        assert "of the database:" not in done.out + done.err
    for text in (
        "ALTER DATABASE {} CONNECTION LIMIT 9",
        "COMMENT ON DATABASE {} IS 'x'",
    ):
        shop.server.execute(sql.SQL(text).format(sql.Identifier(shop.name)))
    done = tool(*words)
    said = " ".join((done.out + done.err).split())
    assert "connection limit of the database: 9, as of the one of now" in said
    assert "comment of the database: x, as of the one of now" in said


def test_a_locked_table_does_not_throw_a_finished_restore_away(
    shop: Any, tool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tool("backup", "create").status == 0
    monkeypatch.setenv("PGOPTIONS", "-c lock_timeout=200ms")

    limited = sql.SQL("ALTER DATABASE {} CONNECTION LIMIT 9")
    looks: list[Any] = []

    def looked(*arguments: Any) -> Any:
        looks.append(arguments)
        if len(looks) == 1:
            return look(*arguments)
        shop.server.execute(limited.format(sql.Identifier(shop.name)))
        with psycopg.connect(shop.url) as other:
            other.execute("LOCK TABLE plain")
            return look(*arguments)

    monkeypatch.setattr(scene, "look", looked)
    done = tool("restore", "--swap", "--yes", "--no-safety-backup")
    assert done.status == 0, done.err
    said = " ".join((done.out + done.err).split())
    assert "what was written meanwhile was not looked for" in said
    limit = "SELECT datconnlimit FROM pg_database WHERE datname = current_database()"
    assert shop.scalar(limit) == 9


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


def test_a_lost_connection_is_no_damage(shop: Any, tool: Any, tmp_path: Path) -> None:
    shop.execute(
        "CREATE FUNCTION nap(int) RETURNS bool LANGUAGE sql AS $$ SELECT CASE WHEN"
        " current_database() LIKE '%\\_restored\\_%' THEN pg_sleep(30) IS NOT NULL"
        " ELSE true END $$;"
        "CREATE TABLE slow (id int PRIMARY KEY CHECK (nap(id)));"
        "INSERT INTO slow VALUES (1)"
    )
    assert tool("backup", "create").status == 0

    def lose() -> None:
        find = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE"
            " datname LIKE %s AND query LIKE 'COPY%%slow%%' AND state = 'active'"
        )
        for _ in range(300):
            if shop.execute(find, (shop.name + r"\_restored\_%",)):
                return
            time.sleep(0.1)

    thief = threading.Thread(target=lose)
    thief.start()
    done = tool("restore", "--yes")
    thief.join()
    done.is_error(5, "TZ507", "pg_restore")
    assert databases(shop) == {shop.name}


def test_who_may_not_create_databases_learns_it_first(
    shop: Any, shell_in: Callable[[Path], Any], tmp_path: Path, make_role: Any
) -> None:
    owner = make_role(suffix="owner")
    shell = shell_in(tmp_path)
    assert shell.main("backup", "create", "--url", shop.url).status == 0
    url = (
        "--url",
        shop.server.url(shop.name, user=owner.name, password=owner.password),
    )
    for table in ("plain", "events", '"Shop, as %s".orders'):
        shop.execute(f"GRANT SELECT ON {table} TO {owner.name}")
    shop.execute(f'GRANT USAGE ON SCHEMA "Shop, as %s" TO {owner.name}')
    shop.execute(f"GRANT SELECT ON events_a, events_b TO {owner.name}")
    for words in (("--dry-run",), ("--swap", "--yes"), ("--tables", "plain", "--yes")):
        done = shell.main("restore", *words, *url)
        done.is_error(6, "TZ680", owner.name, "CREATEDB")
    rename = ("ALTER ROLE {} CREATEDB", "ALTER ROLE {} NOCREATEDB")
    shop.server.execute(sql.SQL(rename[0]).format(sql.Identifier(owner.name)))
    done = shell.main("restore", "--swap", "--yes", *url)
    done.is_error(6, "TZ688", owner.name)
    assert len(list((tmp_path / "backups").iterdir())) == 1


def test_a_session_that_the_role_may_not_end_is_named_first(
    shop: Any, shell_in: Callable[[Path], Any], tmp_path: Path, make_role: Any
) -> None:
    owner = make_role("CREATEDB", suffix="lim")
    shell = shell_in(tmp_path)
    who = sql.Identifier(owner.name)
    shop.server.execute(
        sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(shop.name), who)
    )
    shop.execute('DROP SCHEMA "Shop, as %s" CASCADE; DROP TABLE events, plain')
    shop.execute("CREATE TABLE few (id int)")
    shop.execute(f"ALTER TABLE few OWNER TO {owner.name}")
    url = (
        "--url",
        shop.server.url(shop.name, user=owner.name, password=owner.password),
    )
    done = shell.main("backup", "create", *url)
    assert done.status == 0, done.err
    words = ("restore", "--swap", "--terminate-connections", "--yes", *url)
    with shop.connect():
        done = shell.main(*words)
        done.is_error(6, "TZ689", shop.name)
    assert databases(shop) == {shop.name}


def test_a_walsender_is_ended_too(shop: Any, tool: Any) -> None:
    assert tool("backup", "create").status == 0
    words = ("restore", "--swap", "--yes", "--no-safety-backup")
    with psycopg.connect(f"{shop.url}?replication=database", autocommit=True) as sender:
        tool(*words).is_error(5, "TZ514")
        done = tool(*words, "--terminate-connections")
        assert done.status == 0, done.err
        with pytest.raises(psycopg.OperationalError):
            sender.execute("IDENTIFY_SYSTEM")


def test_deleted_rows_are_called_so_and_our_own_tables_are_left_out(
    shop: Any, tool: Any
) -> None:
    assert tool("backup", "create").status == 0
    shop.execute(
        "CREATE SCHEMA tzmigrate; CREATE TABLE tzmigrate.mine AS SELECT 1 AS a;"
        "DELETE FROM plain WHERE id <= 2"
    )
    said = " ".join(tool("restore", "--dry-run").out.split())
    assert "that 2 rows of table public.plain were deleted" in said
    assert "tzmigrate.mine" not in said


def test_in_another_database_rows_are_counted_and_that_is_said_once(
    shop: Any, tool: Any
) -> None:
    assert tool("backup", "create").status == 0
    assert tool("restore", "--swap", "--no-safety-backup", "--yes").status == 0
    shop.execute("DELETE FROM plain WHERE id = 1")
    said = " ".join(tool("restore", "--dry-run").out.split())
    assert said.count("Not in the backup:") == 1
    assert said.count("cannot be told") == 1
