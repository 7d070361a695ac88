"""Tables on their way from a backup: what arrives is all of it, or nothing is done."""

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.acceptance.test_backup import made
from tests.acceptance.test_restore import shop, tool
from tzmigrate.backup.metadata import read_metadata, write_metadata
from tzmigrate.postgres.clients import find_programs

__all__ = ["made", "shop", "tool"]

ENUM = """
CREATE TYPE e AS ENUM ('x', 'y');
CREATE TABLE t (id int, v e) PARTITION BY LIST (id);
CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);
CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2);
INSERT INTO t VALUES (1, 'x'), (2, 'y'), (1, 'x');
"""


def kept(shop: Any, before: list[tuple[Any, ...]], question: str) -> bool:
    return bool(shop.execute(question) == before) and not leftovers(shop)


def leftovers(shop: Any) -> list[tuple[Any, ...]]:
    return list(
        shop.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE '%restored%'")
    )


@pytest.mark.parametrize("way", [["--in-place"], []])
def test_rows_that_did_not_arrive_stop_the_restore(
    shop: Any, tool: Any, way: list[str]
) -> None:
    """The tables above them do not tell how many there were to be."""
    shop.execute(ENUM)
    assert tool("backup", "create").status == 0
    shop.execute("ALTER TYPE e RENAME VALUE 'x' TO 'z'")
    before = shop.execute("SELECT id, v::text FROM t ORDER BY 1, 2")
    done = tool("restore", "--tables", "t", *way, "--yes")
    done.is_error(6, "TZ679", 'invalid input value for enum public.e: "x"')
    assert kept(shop, before, "SELECT id, v::text FROM t ORDER BY 1, 2")


def test_a_domain_that_no_longer_takes_the_rows_stops_a_restore_beside(
    shop: Any, tool: Any
) -> None:
    shop.execute(
        "CREATE DOMAIN d AS int; CREATE TABLE a (id d); INSERT INTO a VALUES (-1)"
    )
    assert tool("backup", "create").status == 0
    shop.execute("DELETE FROM a; ALTER DOMAIN d ADD CHECK (value > 0)")
    done = tool("restore", "--tables", "a", "--yes")
    done.is_error(6, "TZ679", "domain public.d")
    assert leftovers(shop) == []


def test_a_schema_of_the_same_second_in_the_backup_is_in_nobodys_way(
    shop: Any, tool: Any
) -> None:
    """The backup of what is replaced holds the schema that rows came in."""
    shop.execute("CREATE TABLE a (id int); INSERT INTO a VALUES (1)")
    now = datetime.now(UTC)
    names = [
        f"public_restored_{now + timedelta(seconds=s):%Y%m%d_%H%M%S}"
        for s in range(120)
    ]
    shop.execute(";".join(f"CREATE SCHEMA {name}" for name in names))
    assert tool("backup", "create").status == 0
    shop.execute(";".join(f"DROP SCHEMA {name}" for name in names))
    done = tool("restore", "--tables", "a", "--in-place", "--yes")
    assert done.status == 0, done.err
    assert leftovers(shop) == []


@pytest.mark.parametrize("type_", ["regclass", "regtype", "regclass[]"])
def test_tables_that_name_relations_by_number_are_not_restored_alone(
    shop: Any, tool: Any, type_: str
) -> None:
    shop.execute(
        f"CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int, ref {type_});"
        f"INSERT INTO b VALUES (1, '{'{a}' if type_.endswith(']') else 'a'}')"
    )
    assert tool("backup", "create").status == 0
    for way in (["--in-place"], []):
        done = tool("restore", "--tables", "a,b", *way, "--yes")
        done.is_error(6, "TZ679", "public.b.ref", type_.removesuffix("[]"))
    assert shop.scalar("SELECT count(*) FROM b WHERE ref::text ~ 'a'") == 1
    assert leftovers(shop) == []


@pytest.mark.pg(">= 14")
def test_what_a_multirange_is_made_of_is_compared(shop: Any, tool: Any) -> None:
    kind = "CREATE TYPE r AS RANGE (subtype = {}, multirange_type_name = mr);"
    table = "CREATE TABLE a (id int PRIMARY KEY, v mr)"
    shop.execute(kind.format("timestamptz") + table)
    shop.execute(
        "INSERT INTO a VALUES (1, '{[2024-01-01 00:00+05,2024-01-02 00:00+05)}')"
    )
    assert tool("backup", "create").status == 0
    shop.execute("DROP TABLE a; DROP TYPE r;" + kind.format("timestamp") + table)
    done = tool("restore", "--tables", "a", "--in-place", "--yes")
    done.is_error(3, "TZ353", "type public.r")


def test_keys_of_other_collations_are_checked(shop: Any, tool: Any) -> None:
    shop.execute(
        'CREATE TABLE p (id text COLLATE "C" PRIMARY KEY);'
        'CREATE TABLE f (id int, p text COLLATE "POSIX" REFERENCES p);'
        "INSERT INTO p VALUES ('a'); INSERT INTO f VALUES (1, 'a')"
    )
    assert tool("backup", "create").status == 0
    shop.execute("DELETE FROM f")
    done = tool("restore", "--tables", "f", "--in-place", "--yes")
    assert done.status == 0, done.err
    assert shop.scalar("SELECT count(*) FROM f") == 1


def test_a_table_of_the_backup_that_became_a_partition_keeps_its_rows(
    shop: Any, tool: Any
) -> None:
    shop.execute(
        ENUM + "CREATE TABLE solo (id int, v e); INSERT INTO solo VALUES (3, 'x')"
    )
    assert tool("backup", "create").status == 0
    shop.execute("ALTER TABLE t ATTACH PARTITION solo FOR VALUES IN (3)")
    done = tool("restore", "--tables", "t", "--in-place", "--yes")
    done.is_error(3, "TZ358", "public.solo")
    assert shop.scalar("SELECT count(*) FROM solo") == 1


def test_a_key_that_was_not_validated_gets_no_more_rows_without_partner(
    shop: Any, tool: Any
) -> None:
    shop.execute(
        "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE f (id int, p int);"
        "INSERT INTO p VALUES (1); INSERT INTO f VALUES (0, 99);"
        "ALTER TABLE f ADD FOREIGN KEY (p) REFERENCES p NOT VALID"
    )
    assert tool("backup", "create").status == 0
    again = tool("restore", "--tables", "p", "--in-place", "--yes")
    assert again.status == 0, again.err
    shop.execute("INSERT INTO p VALUES (2); INSERT INTO f VALUES (2, 2)")
    done = tool("restore", "--tables", "p", "--in-place", "--yes")
    done.is_error(3, "TZ355", "1 rows of table public.f")
    assert shop.scalar("SELECT count(*) FROM p") == 2


def test_a_foreign_key_that_always_acts_stops_the_restore(shop: Any, tool: Any) -> None:
    shop.execute(
        "CREATE TABLE p (id int PRIMARY KEY);"
        "CREATE TABLE f (id int, p int REFERENCES p ON DELETE CASCADE);"
        "INSERT INTO p VALUES (1); INSERT INTO f VALUES (1, 1)"
    )
    name = shop.scalar(
        "SELECT quote_ident(tgname) FROM pg_trigger WHERE tgrelid = 'p'::regclass"
        " ORDER BY tgname LIMIT 1"
    )
    assert tool("backup", "create").status == 0
    shop.execute(f"ALTER TABLE p ENABLE ALWAYS TRIGGER {name}")
    done = tool("restore", "--tables", "p", "--in-place", "--yes")
    done.is_error(3, "TZ357", "RI_ConstraintTrigger", "ENABLE ALWAYS")
    assert shop.scalar("SELECT count(*) FROM f") == 1


def test_the_copies_are_not_published_and_fire_no_event_trigger(
    shop: Any, tool: Any
) -> None:
    shop.execute(
        "CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1);"
        "CREATE TABLE made (what text, publication text);"
        "CREATE PUBLICATION everything FOR ALL TABLES;"
        "CREATE FUNCTION noted() RETURNS event_trigger LANGUAGE plpgsql AS"
        " $$BEGIN INSERT INTO public.made SELECT c.object_identity, p.pubname"
        "  FROM pg_event_trigger_ddl_commands() AS c LEFT JOIN pg_publication_tables p"
        "  ON format('%s.%s', p.schemaname, p.tablename) = c.object_identity"
        "  WHERE c.object_identity ~ 'restored.*[.]a$'; END$$;"
        "CREATE EVENT TRIGGER noted ON ddl_command_end EXECUTE FUNCTION noted()"
    )
    assert tool("backup", "create").status == 0
    done = tool("restore", "--tables", "a", "--in-place", "--yes")
    assert done.status == 0, done.err
    assert shop.scalar("SELECT count(*) FROM made") == 0
    # and with one that acts in every session, to see what the copies are
    shop.execute("ALTER EVENT TRIGGER noted ENABLE ALWAYS")
    done = tool("restore", "--tables", "a", "--in-place", "--yes")
    assert done.status == 0, done.err
    assert shop.scalar("SELECT count(*) FROM made WHERE publication IS NULL") > 0
    assert shop.scalar("SELECT count(*) FROM made WHERE publication IS NOT NULL") == 0
    assert (
        shop.scalar("SELECT relpersistence::text FROM pg_class WHERE relname = 'a'")
        == "p"
    )


@pytest.mark.pg(">= 15")
def test_a_publication_that_forbids_to_delete_is_told(shop: Any, tool: Any) -> None:
    shop.execute(
        "CREATE TABLE a (id int PRIMARY KEY, x int); INSERT INTO a VALUES (1, 1);"
        "CREATE PUBLICATION positive FOR TABLE a WHERE (x > 0)"
    )
    assert tool("backup", "create").status == 0
    done = tool("restore", "--tables", "a", "--in-place", "--yes")
    done.is_error(3, "TZ357", "Nothing was changed")
    assert leftovers(shop) == []


@pytest.mark.pg(">= 15")
def test_the_right_to_check_a_deferrable_key_is_asked_for_first(
    shop: Any, shell_in: Any, tmp_path: Any, make_role: Any
) -> None:
    role = make_role("CREATEDB")
    shop.execute(
        "CREATE TABLE a (id int PRIMARY KEY DEFERRABLE);"
        f"GRANT SELECT, INSERT, DELETE ON a TO {role.name}"
    )
    shell = shell_in(tmp_path)
    assert shell.main("backup", "create", "--url", shop.url).status == 0
    parameter = "ON PARAMETER session_replication_role"
    shop.server.execute(f"GRANT SET {parameter} TO {role.name}")
    try:
        done = shell.main(
            "restore", "--tables", "a", "--in-place", "--yes",
            "--url", shop.url_as(role),
        )  # fmt: skip
    finally:
        shop.server.execute(f"REVOKE SET {parameter} FROM {role.name}")
    done.is_error(6, "TZ691", role.name, "REINDEX table", "public.a")


def test_an_enum_that_became_a_domain_is_told(shop: Any, tool: Any) -> None:
    table = "CREATE TABLE a (v e)"
    shop.execute(
        f"CREATE TYPE e AS ENUM ('1.5'); {table}; INSERT INTO a VALUES ('1.5')"
    )
    assert tool("backup", "create").status == 0
    shop.execute(
        f"DROP TABLE a; DROP TYPE e; CREATE DOMAIN e AS numeric(3, 0); {table}"
    )
    done = tool("restore", "--tables", "a", "--in-place", "--yes")
    done.is_error(3, "TZ353", "public.e was an enum", "numeric(3,0)")


def test_a_trigger_of_one_name_is_left_alone_where_it_sleeps(
    shop: Any, tool: Any
) -> None:
    """What was not switched off is not switched on: that would take the table."""
    trigger = "CREATE TRIGGER audit AFTER INSERT ON {} EXECUTE FUNCTION noted();"
    shop.execute(
        "CREATE TABLE own (id int PRIMARY KEY);"
        "CREATE TABLE other (id int PRIMARY KEY);"
        "CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN RETURN NULL; END$$;"
        + trigger.format("own")
        + trigger.format("other")
        + "ALTER TABLE own ENABLE ALWAYS TRIGGER audit"
    )
    touched = (
        "SELECT tgrelid::regclass::text, tgenabled::text, xmin::text FROM pg_trigger"
        " WHERE tgname = 'audit' ORDER BY 1"
    )
    assert tool("backup", "create").status == 0
    before = shop.execute(touched)
    done = tool("restore", "--tables", "own,other", "--in-place", "--yes")
    assert done.status == 0, done.err
    after = shop.execute(touched)
    assert [row[:2] for row in after] == [row[:2] for row in before]
    if shop.server.version >= 15:
        assert after[0] == before[0]


def test_rows_that_a_new_database_refuses_are_told(shop: Any, tool: Any) -> None:
    """A CHECK that looks into a table which is restored after its own."""
    shop.execute(
        "CREATE TABLE z (id int); INSERT INTO z VALUES (1);"
        "CREATE FUNCTION known(int) RETURNS bool LANGUAGE sql AS"
        " 'SELECT EXISTS (SELECT FROM public.z WHERE id = $1)';"
        "CREATE TABLE a (id int CONSTRAINT is_known CHECK (known(id)));"
        "INSERT INTO a VALUES (1)"
    )
    assert tool("backup", "create").status == 0
    done = tool("restore", "--yes")
    done.is_error(6, "TZ679", "table data public.a", "is_known")


def test_a_table_whose_name_a_view_took_is_gone(shop: Any, tool: Any) -> None:
    shop.execute("CREATE TABLE t (id int); INSERT INTO t VALUES (1)")
    assert tool("backup", "create").status == 0
    shop.execute("ALTER TABLE t RENAME TO t_of_before; CREATE VIEW t AS SELECT 1 AS id")
    assert "table public.t is gone; it had 1 rows" in tool("restore", "--dry-run").out
    done = tool("restore", "--tables", "t", "--in-place", "--yes")
    done.is_error(3, "TZ354", "public.t")


def test_rows_of_a_table_within_another_one_are_not_restored_with_it(
    shop: Any, tool: Any
) -> None:
    shop.execute(
        "CREATE TABLE b (id int, x int); CREATE TABLE a (id int PRIMARY KEY, v b[]);"
        "INSERT INTO b VALUES (1, 2); INSERT INTO a VALUES (1, ARRAY[ROW(1, 2)::b])"
    )
    assert tool("backup", "create").status == 0
    shop.execute("DELETE FROM a")
    both = tool("restore", "--tables", "a,b", "--in-place", "--yes")
    both.is_error(6, "TZ679", "public.a.v holds public.b")
    for table in ("a", "b"):
        done = tool("restore", "--tables", table, "--in-place", "--yes")
        assert done.status == 0, done.err
    assert shop.scalar("SELECT v::text FROM a") == '{"(1,2)"}'


@pytest.mark.parametrize("type_", ["oid", "oid[]", "lo"])
def test_tables_that_name_large_objects_are_not_restored_alone(
    shop: Any, tool: Any, type_: str
) -> None:
    shop.execute(
        f"CREATE DOMAIN lo AS oid; CREATE TABLE a (id int PRIMARY KEY, v {type_});"
        "CREATE TABLE b (id int); INSERT INTO b VALUES (1)"
    )
    value = "ARRAY[lo_from_bytea(0, 'x')]" if "[" in type_ else "lo_from_bytea(0, 'x')"
    shop.execute(f"INSERT INTO a VALUES (1, {value})")
    assert tool("backup", "create").status == 0
    shop.execute("SELECT lo_unlink(oid) FROM pg_largeobject_metadata; DELETE FROM a")
    for way in (["--in-place"], []):
        done = tool("restore", "--tables", "a", *way, "--yes")
        done.is_error(6, "TZ679", "public.a.v", "large objects")
    assert tool("restore", "--tables", "b", "--in-place", "--yes").status == 0
    assert leftovers(shop) == []


@pytest.mark.parametrize("way", [["--in-place"], []])
def test_what_settings_of_the_database_decide_is_as_it_was(
    shop: Any, tool: Any, way: list[str]
) -> None:
    shop.server.execute(
        sql.SQL("ALTER DATABASE {} SET \"app.most\" = '9'").format(
            sql.Identifier(shop.name)
        )
    )
    with psycopg.connect(shop.url) as connection:
        connection.execute(
            "CREATE TABLE a (id int CHECK (id <= current_setting('app.most')::int));"
            "INSERT INTO a VALUES (7)"
        )
    assert tool("backup", "create").status == 0
    shop.execute("DELETE FROM a")
    done = tool("restore", "--tables", "a", *way, "--yes")
    assert done.status == 0, done.err


def test_code_of_the_database_that_fails_is_told_and_nothing_is_changed(
    shop: Any, tool: Any
) -> None:
    """A function without a search_path of its own does not find what it names."""
    shop.execute(
        "CREATE FUNCTION named(text) RETURNS text IMMUTABLE LANGUAGE sql AS"
        " 'SELECT lower($1)';"
        "CREATE FUNCTION by(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS"
        " 'BEGIN RETURN named($1); END';"
        # filled later, as 17 builds an index under a search_path of its own
        "CREATE TABLE a (id int, name text); CREATE INDEX ON a (by(name));"
        "INSERT INTO a VALUES (1, 'A')"
    )
    assert tool("backup", "create").status == 0
    shop.execute("UPDATE a SET name = 'B'")
    done = tool("restore", "--tables", "a", "--in-place", "--yes")
    done.is_error(3, "TZ357", "named", "Nothing was changed")
    assert kept(shop, [("B",)], "SELECT name FROM a")


@pytest.mark.parametrize("way", [["--in-place"], []])
def test_bytes_of_no_encoding_are_carried_as_they_are(
    server: Any, shell_in: Any, tmp_path: Path, way: list[str]
) -> None:
    name = sql.Identifier(f"tzt {os.getpid()} bytes")
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name)
    create = "CREATE DATABASE {} TEMPLATE template0 ENCODING 'SQL_ASCII'"
    server.execute(sql.SQL(create + " LC_COLLATE 'C' LC_CTYPE 'C'").format(name))
    try:
        url = server.url(name.as_string()[1:-1])
        with psycopg.connect(url) as connection:
            connection.execute("SET client_encoding = 'SQL_ASCII'")
            connection.execute("CREATE TABLE t (what text)")
            connection.execute(b"INSERT INTO t VALUES ('\xe4')")
        shell = shell_in(tmp_path)
        assert shell.main("backup", "create", "--url", url).status == 0
        done = shell.main("restore", "--tables", "t", *way, "--yes", "--url", url)
        assert done.status == 0, done.err
        if way:
            with psycopg.connect(url) as connection:
                found = connection.execute(
                    "SELECT encode(convert_to(what, 'SQL_ASCII'), 'hex') FROM t"
                ).fetchone()
            # text of no encoding comes as it is
            assert found == (b"e4",)
    finally:
        server.execute(drop)


@pytest.mark.parametrize("way", [["--in-place"], []])
def test_a_restore_program_that_was_killed_is_noticed(
    shop: Any, tool: Any, tmp_path: Path, way: list[str]
) -> None:
    shop.execute("CREATE TABLE a (id int PRIMARY KEY)")
    assert tool("backup", "create").status == 0
    programs = find_programs(shop.server.version)
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("pg_dump", "pg_dumpall", "pg_restore"):
        program = Path(programs.pg_dump).with_name(name)
        path = folder / name
        killed = "*--no-owner*) cat > /dev/null; kill -9 $$ ;;"
        cases = killed if name == "pg_restore" else ""
        path.write_text(f'#!/bin/sh\ncase "$*" in {cases} esac\nexec {program} "$@"\n')
        path.chmod(0o755)
    done = tool("restore", "--tables", "a", *way, "--yes", "--pg-bin", str(folder))
    done.is_error(6, "TZ679", "could not be copied")
    assert leftovers(shop) == []


def test_on_a_server_without_its_locale_tables_are_restored_all_the_same(
    shop: Any, tool: Any, tmp_path: Path
) -> None:
    shop.execute("CREATE TABLE a (id int); INSERT INTO a VALUES (1)")
    assert tool("backup", "create").status == 0
    path = made(tmp_path)
    backup = read_metadata(path)
    database = replace(
        backup.database, collate="xx_XX.UTF-8", ctype="xx_XX.UTF-8", provider=None,
        system_identifier="1",
    )  # fmt: skip
    write_metadata(path, replace(backup, database=database))
    done = tool("restore", "--tables", "a", "--yes")
    assert done.status == 0, done.err
    done = tool("backup", "verify", "--test-restore", "--test-url", shop.url)
    assert done.status == 0, done.err
    done = tool("restore", "--yes")
    done.is_error(6, "TZ679", "xx_XX")


def test_a_sequence_that_would_give_what_is_taken_is_told(shop: Any, tool: Any) -> None:
    shop.execute(
        "CREATE SEQUENCE shared; CREATE TABLE a (id serial PRIMARY KEY,"
        " b int GENERATED ALWAYS AS IDENTITY, c int DEFAULT nextval('shared'),"
        " d int DEFAULT nextval('shared'), e int GENERATED ALWAYS AS IDENTITY);"
        "INSERT INTO a SELECT FROM generate_series(1, 5);"
        'CREATE TABLE p (id serial, "r\'s" text) PARTITION BY LIST ("r\'s");'
        "CREATE TABLE p_a PARTITION OF p FOR VALUES IN ('a');"
        "CREATE TABLE p_b PARTITION OF p DEFAULT;"
        "INSERT INTO p SELECT g, CASE WHEN g > 10 THEN 'a' END"
        " FROM generate_series(1, 100) AS g"
    )
    assert tool("backup", "create").status == 0
    shop.execute(
        "TRUNCATE a, p RESTART IDENTITY; ALTER SEQUENCE shared RESTART;"
        "SELECT setval('a_e_seq', 5)"
    )
    done = tool("restore", "--tables", "a,p", "--in-place", "--yes")
    assert done.status == 0, done.err
    said = " ".join((done.out + done.err).split())
    for name, columns, value in (
        ("public.a_id_seq", "public.a.id", 5),
        ("public.a_b_seq", "public.a.b", 5),
        ("public.shared", "public.a.c, public.a.d", 10),
        ("public.p_id_seq", "public.p.id", 100),
    ):
        assert said.count(f"and {columns} goes to {value}: it would") == 1
        run = f"SELECT setval('{name}', {value})"
        assert said.count(run) == said.count(f"setval('{name}'") == 1
        shop.execute(run)
    assert "a_e_seq" not in said
    shop.execute("INSERT INTO a DEFAULT VALUES; INSERT INTO p DEFAULT VALUES")
    assert shop.execute("SELECT * FROM a ORDER BY id DESC LIMIT 1") == [
        (6, 6, 11, 12, 6)
    ]
    assert shop.scalar("SELECT max(id) FROM p") == 101


def test_sequences_of_tables_below_and_of_other_numbers_are_told(
    shop: Any, tool: Any
) -> None:
    shop.execute(
        "CREATE DOMAIN number AS bigint; CREATE SEQUENCE s; CREATE SEQUENCE u;"
        "CREATE TABLE parent (id serial, v numeric DEFAULT nextval('s'),"
        " w number DEFAULT nextval('u'));"
        "CREATE TABLE child (own serial) INHERITS (parent);"
        "INSERT INTO child SELECT FROM generate_series(1, 5)"
    )
    assert tool("backup", "create").status == 0
    shop.execute("SELECT setval(s, 1) FROM unnest('{parent_id_seq, child_own_seq, s,"
                 " u}'::regclass[]) AS s")  # fmt: skip
    done = tool("restore", "--tables", "parent", "--in-place", "--yes")
    assert done.status == 0, done.err
    said = " ".join((done.out + done.err).split())
    for columns in ("parent.id", "child.own", "parent.v", "parent.w"):
        assert f"and public.{columns} goes to 5: it would" in said


def test_what_is_computed_with_a_sequence_says_nothing_of_it(
    shop: Any, tool: Any
) -> None:
    shop.execute(
        "CREATE SEQUENCE s; CREATE SEQUENCE round MAXVALUE 9 CYCLE;"
        "CREATE SEQUENCE odd INCREMENT 2; CREATE TABLE a (id int PRIMARY KEY,"
        " computed bigint DEFAULT (1000 << 20) | (nextval('s') % 1024),"
        " written text DEFAULT nextval('s')::text, cycled int DEFAULT nextval('round'),"
        " shared int DEFAULT nextval('odd'));"
        "INSERT INTO a SELECT g FROM generate_series(1, 100) AS g;"
        "INSERT INTO a (id, shared) VALUES (0, 9998)"
    )
    assert tool("backup", "create").status == 0
    done = tool("restore", "--tables", "a", "--in-place", "--yes")
    assert done.status == 0, done.err
    assert "sequence" not in done.out + done.err


def test_what_goes_into_a_safety_backup_can_come_back_from_it(
    shop: Any, tool: Any
) -> None:
    """Large objects that came since would keep its tables from being restored."""
    shop.execute("CREATE TABLE a (id int PRIMARY KEY, v oid)")
    assert tool("backup", "create").status == 0
    shop.execute("INSERT INTO a VALUES (1, lo_from_bytea(0, 'x'))")
    done = tool("restore", "--tables", "a", "--in-place", "--yes")
    done.is_error(6, "TZ679", "public.a.v", "large objects")
    assert tool("restore", "--tables", "a", "--yes").status == 0
    assert shop.scalar("SELECT count(*) FROM a") == 1


@pytest.mark.parametrize("empty", [True, False])
def test_settings_that_are_empty_are_given_too(
    shop: Any, tool: Any, empty: bool
) -> None:
    value = "" if empty else "x"
    shop.server.execute(
        sql.SQL("ALTER DATABASE {} SET app.salt = {}").format(
            sql.Identifier(shop.name), sql.Literal(value)
        )
    )
    with psycopg.connect(shop.url) as connection:
        connection.execute(
            "CREATE TABLE a (id text CHECK (id <> current_setting('app.salt')));"
            "INSERT INTO a VALUES ('7')"
        )
    assert tool("backup", "create", "--test-restore").status == 0
    for way in (["--tables", "a"], ["--tables", "a", "--in-place"], []):
        done = tool("restore", *way, "--yes")
        assert done.status == 0, done.err


def test_a_statement_that_speaks_of_a_connection_is_no_lost_one(
    shop: Any, tool: Any
) -> None:
    shop.execute(
        "CREATE TABLE gate (open bool); INSERT INTO gate VALUES (true);"
        "CREATE FUNCTION far() RETURNS int LANGUAGE plpgsql AS $$BEGIN"
        " IF EXISTS (SELECT FROM public.gate) THEN RETURN 1; END IF;"
        " RAISE 'could not connect to server \"far\"' USING DETAIL ="
        " 'connection to server at \"10.0.0.1\", port 5432 failed'; END$$;"
        "CREATE MATERIALIZED VIEW m AS SELECT far(); DELETE FROM gate"
    )
    assert tool("backup", "create").status == 0
    done = tool("restore", "--yes")
    done.is_error(6, "TZ679", "public.m", 'server "far"')


def test_a_connection_that_is_lost_after_the_commit_undoes_nothing(
    shop: Any, tool: Any, tmp_path: Path
) -> None:
    """What is done then is for the planner and for advice alone."""
    shop.execute(
        "CREATE TABLE a (id serial, v int); INSERT INTO a (v) VALUES (7);"
        "CREATE FUNCTION cut(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS"
        " $$BEGIN IF query ~ '^ANALYZE' THEN PERFORM"
        " pg_terminate_backend(pg_backend_pid()); END IF; RETURN $1;"
        " END$$".replace("query", "current_query()")
        + ";CREATE INDEX ON a (cut(v))"
    )
    assert tool("backup", "create").status == 0
    shop.execute("UPDATE a SET v = 8")
    done = tool("restore", "--tables", "a", "--in-place", "--yes")
    assert done.status == 0, done.err
    assert shop.scalar("SELECT v FROM a") == 7
    kept = [p for p in (tmp_path / "backups").iterdir() if read_metadata(p).restores]
    assert len(kept) == 1
