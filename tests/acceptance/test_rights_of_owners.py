"""A superuser who converts does not lend his rights to functions of others."""

import re
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tzmigrate import commands
from tzmigrate.errors import NotProved, Refused, TzmigrateError, Unavailable
from tzmigrate.postgres.errors import from_psycopg
from tzmigrate.verification.model import Outcome

SCHEMA = """
CREATE FUNCTION {owner}.spy(at timestamp, what text) RETURNS boolean
  LANGUAGE plpgsql IMMUTABLE SET search_path = {owner} AS $$
  BEGIN
    -- a read-only look from an immutable function, told by an error that nobody hides
    IF current_user <> '{owner}' THEN
      RAISE EXCEPTION '% ran as %', what, current_user;
    END IF;
    RETURN true;
  END $$;
CREATE DOMAIN {owner}.moment AS timestamp
  CHECK ({owner}.spy(value::timestamp, 'the domain'));
CREATE TABLE {owner}.orders (id int PRIMARY KEY, placed_at timestamp,
  seen_at {owner}.moment, known boolean
  GENERATED ALWAYS AS ({owner}.spy(placed_at, 'the generated column')) STORED);
INSERT INTO {owner}.orders SELECT g, timestamp '2024-01-01' + g * interval '1 hour',
  '2024-01-01' FROM generate_series(1, 3) g;
ALTER TABLE {owner}.orders
  ADD CONSTRAINT watched CHECK ({owner}.spy(placed_at, 'the check'));
CREATE INDEX watched ON {owner}.orders ((CASE WHEN {owner}.spy(placed_at, 'the index')
  THEN id END));
CREATE VIEW {owner}.shown AS
  SELECT id, placed_at, {owner}.spy(placed_at, 'the view') AS seen
  FROM {owner}.orders;
CREATE MATERIALIZED VIEW {owner}.stored AS
  SELECT id, placed_at, {owner}.spy(placed_at, 'the materialized view') AS seen
  FROM {owner}.orders;
CREATE POLICY watched ON {owner}.orders
  USING ({owner}.spy(placed_at, 'the policy'));
CREATE FUNCTION {owner}.kept() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN RETURN NEW; END $$;
CREATE TRIGGER watched BEFORE UPDATE OF placed_at ON {owner}.orders FOR EACH ROW
  WHEN ({owner}.spy(new.placed_at, 'the trigger')) EXECUTE FUNCTION {owner}.kept();
"""


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_functions_of_an_owner_run_with_the_owners_rights(
    zone: str,
    database: Any,
    make_role: Callable[..., Any],
    make_project: Callable[..., Any],
) -> None:
    owner = make_role()
    database.execute(
        f'CREATE SCHEMA {owner.name} AUTHORIZATION "{owner.name}";'
        f'SET ROLE "{owner.name}";' + SCHEMA.replace("{owner}", owner.name)
    )
    project = make_project(database.url)
    plan = project.plan(zones=(f"default={zone}",))
    assert [c.reason for g in plan.groups for c in g.columns if c.reason] == []
    project.run("upgrade", "head")
    assert (
        database.scalar(
            "SELECT count(*) FROM pg_attribute WHERE attname = 'placed_at'"
            " AND atttypid = 'timestamptz'::regtype AND attrelid IN"
            " (SELECT oid FROM pg_class WHERE relkind IN ('r', 'v', 'm'))"
        )
        == 3
    )
    project.run("downgrade", "base")


ATTACKS = {
    "sets a role": "PERFORM set_config('role', 'none', true), {owner}.gain()",
    "changes the user": "SET SESSION AUTHORIZATION DEFAULT; PERFORM {owner}.gain()",
    "waits for the commit": "INSERT INTO {owner}.bait VALUES (1)",
    "keeps a cursor": "EXECUTE 'DECLARE c CURSOR WITH HOLD FOR SELECT {owner}.gain()'",
    "changes a setting": "PERFORM set_config(s.name, s.setting, true) FROM"
    " (VALUES ('tzmigrate.pinned', '{{\"search_path\": \"{owner}, pg_catalog\"}}'),"
    " ('tzmigrate.saved', '{{\"search_path\": \"{owner}, pg_catalog\"}}'),"
    " ('tzmigrate.role', 'none'), ('tzmigrate.search_path', '{owner}, pg_catalog'),"
    " ('search_path', '{owner}, pg_catalog')) AS s (name, setting)",
}

TRAP = """
CREATE FUNCTION {owner}.gain() RETURNS int LANGUAGE plpgsql AS $$
  BEGIN {gain}; RETURN 1;
  -- of an owner who tells no one
  EXCEPTION WHEN insufficient_privilege THEN RETURN 0; END $$;
CREATE FUNCTION {owner}.gains() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN PERFORM {owner}.gain(); RETURN new; END $$;
CREATE TABLE {owner}.bait (n int);
CREATE CONSTRAINT TRIGGER gains AFTER INSERT ON {owner}.bait
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION {owner}.gains();
-- what would be found before those of pg_catalog
CREATE FUNCTION {owner}.set_config(text, text, boolean) RETURNS text LANGUAGE plpgsql
  AS $$ BEGIN PERFORM {owner}.gain(); RETURN pg_catalog.set_config($1, $2, $3); END $$;
CREATE FUNCTION {owner}.current_setting(text) RETURNS text LANGUAGE plpgsql
  AS $$ BEGIN PERFORM {owner}.gain(); RETURN pg_catalog.current_setting($1); END $$;
CREATE FUNCTION {owner}.act() RETURNS void LANGUAGE plpgsql AS $$
  BEGIN {attack}; EXCEPTION WHEN OTHERS THEN NULL; END $$;
CREATE FUNCTION {owner}.attack(at anyelement) RETURNS boolean LANGUAGE plpgsql IMMUTABLE
  AS $$ BEGIN PERFORM {owner}.act(); RETURN true; END $$;
CREATE DOMAIN {owner}.moment AS timestamp CHECK ({owner}.attack(value::timestamp));
CREATE TABLE {owner}.orders (id int PRIMARY KEY, at timestamptz, placed_at timestamp,
  seen_at {owner}.moment, known boolean
  GENERATED ALWAYS AS ({owner}.attack(placed_at)) STORED,
  CHECK (placed_at IS NOT NULL AND {owner}.attack(at)));
CREATE INDEX ON {owner}.orders ((CASE WHEN {owner}.attack(placed_at) THEN id END));
CREATE INDEX ON {owner}.orders ((CASE WHEN {owner}.attack(at) THEN id END));
CREATE MATERIALIZED VIEW {owner}.stored AS
  SELECT placed_at, {owner}.attack(placed_at) AS known FROM {owner}.orders;
INSERT INTO {owner}.orders VALUES (1, now(), now(), now())
"""


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_an_owner_gains_no_rights_from_who_converts_the_table(
    zone: str,
    attack: str,
    database: Any,
    make_role: Callable[..., Any],
    make_project: Callable[..., Any],
) -> None:
    owner = make_role()
    database.execute(f'CREATE SCHEMA {owner.name} AUTHORIZATION "{owner.name}"')
    trap = TRAP.format(
        owner=owner.name,
        gain=f'ALTER ROLE "{owner.name}" CREATEROLE',
        attack=ATTACKS[attack].format(owner=owner.name),
    )
    with psycopg.connect(database.url_as(owner)) as connection:
        connection.execute(trap)  # type: ignore[arg-type]  # not literal
    project = make_project(database.url)
    plan = project.plan(zones=(f"default={zone}",))
    assert [c.reason for g in plan.groups for c in g.columns if c.reason] == []
    for arguments in (("upgrade", "head"), ("downgrade", "base")):
        project.run(*arguments)
        assert not database.scalar(
            f"SELECT rolcreaterole FROM pg_roles WHERE rolname = '{owner.name}'"
        )


CHANGING = """
CREATE SCHEMA {owner} AUTHORIZATION {owner};
SET ROLE {owner};
CREATE FUNCTION {owner}.spy(timestamptz) RETURNS boolean LANGUAGE plpgsql IMMUTABLE
  AS $$ BEGIN
    IF current_user <> '{owner}' THEN
      RAISE EXCEPTION 'spy ran as %', current_user;
    END IF;
    RETURN true;
  END $$;
CREATE TABLE {owner}.armed ();
CREATE FUNCTION {owner}.act() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
    IF EXISTS (SELECT FROM {owner}.armed) THEN
      ALTER TABLE {owner}.b ADD CONSTRAINT added CHECK ({owner}.spy(at));
    END IF;
  -- of an owner who tells no one
  EXCEPTION WHEN OTHERS THEN {hidden}; END $$;
CREATE FUNCTION {owner}.attack(anyelement) RETURNS boolean LANGUAGE plpgsql IMMUTABLE
  AS $$ BEGIN PERFORM {owner}.act(); RETURN true; END $$;
CREATE DOMAIN {owner}.moment AS timestamp CHECK ({owner}.attack(value::timestamp));
CREATE TABLE {owner}.a (at timestamp PRIMARY KEY, n int, {own});
CREATE TABLE {owner}.b (at timestamp REFERENCES {owner}.a);
INSERT INTO {owner}.a SELECT '2024-01-01';
INSERT INTO {owner}.b SELECT '2024-01-01';
{more};
INSERT INTO {owner}.armed DEFAULT VALUES
"""
CHANGERS = {
    "an errand": ("m {owner}.moment DEFAULT '2024-01-01'", "SELECT"),
    "an index": (
        "m int",
        "CREATE INDEX ON {owner}.a ((CASE WHEN {owner}.attack(n) THEN n END))",
    ),
    "a materialized view": (
        "m int",
        "CREATE MATERIALIZED VIEW {owner}.v AS"
        " SELECT at, {owner}.attack(n) FROM {owner}.a",
    ),
}


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
@pytest.mark.parametrize("way", CHANGERS)
def test_what_runs_as_an_owner_changes_nothing_meanwhile(
    zone: str,
    way: str,
    database: Any,
    make_role: Callable[..., Any],
    make_project: Callable[..., Any],
) -> None:
    owner = make_role()
    own, more = (part.format(owner=owner.name) for part in CHANGERS[way])
    database.execute(
        CHANGING.format(owner=owner.name, own=own, more=more, hidden="NULL")
    )
    project = make_project(database.url)
    plan = project.plan(zones=(f"default={zone}",))
    assert [c.reason for g in plan.groups for c in g.columns if c.reason] == []
    for arguments in (("upgrade", "head"), ("downgrade", "base")):
        project.run(*arguments)
        assert not database.scalar(
            "SELECT count(*) FROM pg_constraint WHERE conname = 'added'"
        )
        assert not database.scalar("SELECT count(*) FROM pg_event_trigger")


SILENT = (("session_replication_role", "replica"), ("event_triggers", "off"))


def test_who_tries_it_openly_is_told(
    database: Any, make_role: Callable[..., Any], make_project: Callable[..., Any]
) -> None:
    owner = make_role()
    own, more = (part.format(owner=owner.name) for part in CHANGERS["an errand"])
    database.execute(
        CHANGING.format(owner=owner.name, own=own, more=more, hidden="RAISE")
        + "; RESET ROLE"
    )
    for name, value in SILENT:
        if database.scalar(f"SELECT current_setting('{name}', true) IS NOT NULL"):
            database.execute(f"ALTER DATABASE {database.name} SET {name} = {value}")
    project = make_project(database.url)
    project.plan(zones=("default=UTC",))
    with pytest.raises(NotProved, match=f"as {owner.name} tried ALTER TABLE") as caught:
        project.apply()
    assert caught.value.code == "TZ405"


FIRST_FOUND = """
CREATE FUNCTION {owner}.told(text, text) RETURNS boolean LANGUAGE plpgsql AS $$
  BEGIN
    IF current_setting('tzmigrate.marker', true) OPERATOR(pg_catalog.=) 'open'
        AND current_user OPERATOR(pg_catalog.<>) '{owner}' THEN
      RAISE EXCEPTION 'an operator ran as %', current_user;
    END IF;
    RETURN $1 OPERATOR(pg_catalog.{operator}) $2;
  END $$;
CREATE OPERATOR public.{operator}
  (LEFTARG = text, RIGHTARG = text, FUNCTION = {owner}.told);
CREATE FUNCTION {owner}.spy(at timestamp) RETURNS boolean LANGUAGE plpgsql IMMUTABLE
  AS $$ BEGIN RETURN true; END $$;
CREATE TABLE {owner}.t (id int PRIMARY KEY, at timestamp, CHECK ({owner}.spy(at)));
CREATE MATERIALIZED VIEW {owner}.m AS SELECT at FROM {owner}.t;
INSERT INTO {owner}.t VALUES (1, '2024-01-01')
"""


@pytest.mark.parametrize("operator", ["=", "<>"])
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_an_operator_that_is_found_before_that_of_pg_catalog_is_not_asked(
    zone: str,
    operator: str,
    database: Any,
    make_role: Callable[..., Any],
    make_project: Callable[..., Any],
) -> None:
    owner = make_role()
    database.execute(
        f'CREATE SCHEMA {owner.name} AUTHORIZATION "{owner.name}";'
        f'GRANT CREATE ON SCHEMA public TO "{owner.name}";'
        f"ALTER DATABASE {database.name} SET search_path = public, pg_catalog"
    )
    with psycopg.connect(database.url_as(owner)) as connection:
        connection.execute(
            FIRST_FOUND.format(owner=owner.name, operator=operator)  # type: ignore[arg-type]
        )
    project = make_project(database.url)
    plan = project.plan(zones=(f"default={zone}",))
    assert [c.reason for g in plan.groups for c in g.columns if c.reason] == []
    for arguments in (("upgrade", "head"), ("downgrade", "base")):
        project.run(*arguments)


WATCHED = """
CREATE FUNCTION {owner}.watch(at anyelement) RETURNS boolean LANGUAGE plpgsql IMMUTABLE
  AS $$ BEGIN
    IF current_user <> '{owner}' THEN
      RAISE EXCEPTION 'watch ran as %', current_user;
    END IF;
    RETURN true;
  END $$;
CREATE DOMAIN {owner}.note AS text CHECK ({owner}.watch(value));
CREATE DOMAIN {owner}.flag AS boolean CHECK ({owner}.watch(value));
CREATE DOMAIN {owner}.count AS int CHECK ({owner}.watch(value));
CREATE DOMAIN {owner}.inner_span AS tsrange CHECK ({owner}.watch(value::tsrange));
CREATE DOMAIN {owner}.span AS {owner}.inner_span;
CREATE DOMAIN {owner}.queried AS timestamp
  CHECK (ts_rewrite('a', 'SELECT ''a''::tsquery, ''b''::tsquery'
  ' WHERE {owner}.watch(1)') IS NOT NULL);
CREATE TYPE {owner}.kind AS ENUM ('a');
CREATE FUNCTION {owner}.number({owner}.kind) RETURNS int LANGUAGE plpgsql IMMUTABLE
  AS $$ BEGIN PERFORM {owner}.watch(1); RETURN 1; END $$;
CREATE CAST ({owner}.kind AS int) WITH FUNCTION {owner}.number AS IMPLICIT;
CREATE FUNCTION {owner}.told({owner}.kind) RETURNS json LANGUAGE plpgsql IMMUTABLE
  AS $$ BEGIN PERFORM {owner}.watch(1); RETURN '1'; END $$;
CREATE CAST ({owner}.kind AS json) WITH FUNCTION {owner}.told;
CREATE TYPE {owner}.pair AS (n {owner}.count);
CREATE TYPE {owner}.counted AS (at timestamp, n {owner}.count);
CREATE TABLE {owner}.t (id int, placed_at timestamp, {more},
  PRIMARY KEY (placed_at, id));
INSERT INTO {owner}.t (placed_at, id) VALUES ('2024-01-01', 1);
DO $$ BEGIN UPDATE {owner}.t SET counted = '(2024-01-01,1)';
  EXCEPTION WHEN undefined_column THEN NULL; END $$;
CREATE TABLE {owner}.holder (id int PRIMARY KEY, held {owner}.t);
INSERT INTO {owner}.holder SELECT 1, t FROM {owner}.t
"""
REACHED = {
    "a cast to a domain in a check": "note text DEFAULT 'x', CHECK (placed_at IS NOT"
    " NULL AND note::{owner}.note IS NOT NULL)",
    "a text that a check has run": "CHECK (placed_at IS NOT NULL AND ts_rewrite('a',"
    " 'SELECT ''a''::tsquery, ''b''::tsquery WHERE {owner}.watch(1)') IS NOT NULL)",
    "a text that a domain has run": "seen_at {owner}.queried DEFAULT '2024-01-01'",
    "a generated column of a domain": "old {owner}.flag GENERATED ALWAYS AS"
    " (placed_at > '2020-01-01'::timestamp) STORED",
    "a domain over a domain": "span {owner}.span DEFAULT '[2024-01-01,2024-02-01)'",
    "a composite type": "counted {owner}.counted",
    "a stored row": "n {owner}.count DEFAULT 1",
    "a cast to json in a check": "kind {owner}.kind DEFAULT 'a', CHECK (placed_at IS"
    " NOT NULL AND to_json(kind) IS NOT NULL)",
    "a record made in a check": "pair {owner}.pair, CHECK (placed_at IS NOT NULL AND"
    " num_nulls(jsonb_populate_record(pair, '{{\"n\": 1}}')) < 2)",
    "a type that a check names by its number": "note text DEFAULT '1',"
    " CHECK (placed_at IS NOT NULL AND"
    " domain_in(textout(note), {count}, -1) IS NOT NULL)",
    "an array type that a check names by its number": "note text DEFAULT '{{1}}',"
    " CHECK (placed_at IS NOT NULL AND"
    " array_in(textout(note), {count}, -1) IS NOT NULL)",
    "a type that a check names by a text": "note text DEFAULT '1',"
    " CHECK (placed_at IS NOT NULL AND"
    " pg_input_is_valid(note, '{owner}.count') IS NOT NULL)",
    "a cast in a generated column": "note text DEFAULT 'x', old boolean GENERATED"
    " ALWAYS AS (placed_at IS NOT NULL AND note::{owner}.note IS NOT NULL) STORED",
    "a key with a cast": "kind {owner}.kind DEFAULT 'a', other_at timestamp DEFAULT"
    " '2024-01-01', FOREIGN KEY (other_at, kind) REFERENCES {owner}.t (placed_at, id)",
}


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
@pytest.mark.parametrize("way", REACHED)
def test_a_function_that_is_reached_by_a_type_or_a_text_has_the_owners_rights_too(
    zone: str,
    way: str,
    database: Any,
    make_role: Callable[..., Any],
    make_project: Callable[..., Any],
) -> None:
    owner = make_role()
    database.execute(f'CREATE SCHEMA {owner.name} AUTHORIZATION "{owner.name}"')
    version = database.scalar("SELECT current_setting('server_version_num')::int")
    if "pg_input_" in REACHED[way] and version < 160000:
        pytest.skip("there is no such function")
    types, table = WATCHED.split("CREATE TABLE", 1)
    with psycopg.connect(database.url_as(owner)) as connection:
        connection.execute(types.format(owner=owner.name))  # type: ignore[arg-type]
        count: Any = connection.execute(
            "SELECT to_regtype(%s)::oid::int8", (f"{owner.name}.count",)
        ).fetchone()
        more = REACHED[way].format(owner=owner.name, count=count[0])
        connection.execute(
            f"CREATE TABLE{table}".format(owner=owner.name, more=more)  # type: ignore[arg-type]
        )
    project = make_project(database.url)
    plan = project.plan(zones=(f"default={zone}",))
    assert [c.reason for g in plan.groups for c in g.columns if c.reason] == []
    project.apply()
    assert project.verify().outcome is Outcome.PROVED
    project.run("downgrade", "base")


CAST = """
CREATE FUNCTION {owner}.spy() RETURNS void LANGUAGE plpgsql AS $$
  BEGIN
    IF current_user <> '{owner}' THEN
      RAISE EXCEPTION 'a cast ran as %', current_user;
    END IF;
  END $$;
CREATE TYPE {owner}.kind AS ENUM ('a');
CREATE TYPE {owner}.pair AS (at timestamp, n int);
CREATE FUNCTION {owner}.told({owner}.kind) RETURNS text LANGUAGE plpgsql IMMUTABLE
  AS $$ BEGIN PERFORM {owner}.spy(); RETURN 'a'; END $$;
CREATE FUNCTION {owner}.told({owner}.pair) RETURNS text LANGUAGE plpgsql IMMUTABLE
  AS $$ BEGIN PERFORM {owner}.spy(); RETURN 'a'; END $$;
CREATE CAST ({owner}.kind AS text) WITH FUNCTION {owner}.told({owner}.kind){implicit};
CREATE CAST ({owner}.pair AS text) WITH FUNCTION {owner}.told({owner}.pair);
CREATE TABLE {owner}.t (id int, kind {owner}.kind, placed_at timestamp,
  pair {owner}.pair, pairs {owner}.pair[], PRIMARY KEY (id, kind));
INSERT INTO {owner}.t VALUES (1, 'a', '2024-01-01', ROW('2024-01-01', 1),
  ARRAY[ROW('2024-01-01', 1), NULL]::{owner}.pair[]), (2, 'a', NULL, NULL, NULL);
CREATE TABLE {owner}.alembic_version (version_num {owner}.kind);
INSERT INTO {owner}.alembic_version VALUES ('a');
CREATE TABLE {owner}.part_config (parent_table {owner}.kind, partition_interval text);
INSERT INTO {owner}.part_config VALUES ('a', '');
CREATE SCHEMA _timescaledb_catalog;
CREATE TABLE _timescaledb_catalog.hypertable
  (schema_name {owner}.kind, table_name {owner}.kind);
INSERT INTO _timescaledb_catalog.hypertable VALUES ('a', 'a')
"""


@pytest.mark.parametrize("implicit", ["", " AS IMPLICIT"])
def test_no_cast_of_somebody_elses_type_is_called(
    implicit: str,
    database: Any,
    make_role: Callable[..., Any],
    make_project: Callable[..., Any],
    shell_in: Callable[[Path], Any],
) -> None:
    owner = make_role()
    database.execute(
        f'CREATE SCHEMA {owner.name} AUTHORIZATION "{owner.name}";'
        f'GRANT CREATE ON DATABASE {database.name} TO "{owner.name}"'
    )
    with psycopg.connect(database.url_as(owner)) as connection:
        connection.execute(
            CAST.format(owner=owner.name, implicit=implicit)  # type: ignore[arg-type]
        )
    project = make_project(database.url)
    shell = shell_in(project.root)

    def tool(*words: str) -> None:
        ended = shell.main(*words, "--url", database.url)
        assert ended.status == 0, ended.err

    tool("scan", "--evidence")
    plan = project.plan(zones=("default=Europe/Berlin",))
    refused = {c.column for g in plan.groups for c in g.columns if c.reason}
    assert refused == {"pair", "pairs"}
    for _ in ("naive", "zoned"):
        tool("backup", "create")
        tool("backup", "verify", "--test-restore")
        project.apply()
    assert project.verify().outcome is Outcome.PROVED
    project.rollback()


READ = {
    "a check": "ALTER TABLE {owner}.t ADD CHECK (placed_at IS NOT NULL"
    " AND '{{5}}'::{owner}.count[] IS NOT NULL)",
    "a view": "CREATE VIEW {owner}.v AS SELECT placed_at, '{{5}}'::{owner}.count[]"
    " FROM {owner}.t",
    "a policy": "CREATE POLICY p ON {owner}.t USING (placed_at IS NOT NULL"
    " AND '{{5}}'::{owner}.count[] IS NOT NULL)",
    "an index": "CREATE INDEX ON {owner}.t (id) WHERE placed_at IS NOT NULL"
    " AND '{{5}}'::{owner}.count[] IS NOT NULL",
    "a generated column": "DROP TABLE {owner}.holder; ALTER TABLE {owner}.t"
    " ADD g boolean GENERATED ALWAYS AS"
    " (placed_at > '2000-01-01' AND '{{5}}'::{owner}.count[] IS NOT NULL) STORED",
    "a multirange of 14": "CREATE TYPE {owner}.r AS RANGE (subtype = {owner}.count,"
    " multirange_type_name = {owner}.mr); CREATE VIEW {owner}.v AS"
    " SELECT placed_at, '{{[1,2]}}'::{owner}.mr FROM {owner}.t",
    "an SQL body of 14": "CREATE FUNCTION {owner}.f() RETURNS bigint LANGUAGE sql"
    " BEGIN ATOMIC SELECT count(placed_at) FROM {owner}.t"
    " WHERE '{{5}}'::{owner}.count[] IS NOT NULL; END",
    "a domain without a check": "CREATE DOMAIN {owner}.late AS int; CREATE VIEW"
    " {owner}.v AS SELECT placed_at, '{{5}}'::{owner}.late[] FROM {owner}.t",
}


@pytest.mark.parametrize("what", READ)
def test_a_superuser_does_not_read_what_asks_functions_while_it_is_read(
    what: str,
    database: Any,
    make_role: Callable[..., Any],
    make_project: Callable[..., Any],
) -> None:
    """A literal of an array or composite is a value before its statement runs."""
    version = database.scalar("SELECT current_setting('server_version_num')::int")
    if "of 14" in what and version < 140000:
        pytest.skip("there is none yet")
    owner = make_role("CREATEDB")
    database.execute(
        f'CREATE SCHEMA {owner.name} AUTHORIZATION "{owner.name}";'
        f'GRANT CREATE ON DATABASE "{database.name}" TO "{owner.name}";'
        f'GRANT CREATE ON SCHEMA public TO "{owner.name}"'
    )
    with psycopg.connect(database.url_as(owner)) as connection:
        connection.execute(
            WATCHED.format(owner=owner.name, more=f"pair {owner.name}.pair")  # type: ignore[arg-type]
        )
        connection.execute(
            READ[what].format(owner=owner.name)  # type: ignore[arg-type]
        )
    project = make_project(database.url)
    with pytest.raises(Refused, match=f"belongs to {owner.name}") as caught:
        project.plan(zones=("default=UTC",))
    assert caught.value.code == "TZ652"
    own = make_project(database.url_as(owner), name="own")
    plan = own.plan(zones=("default=UTC",))
    assert [c.reason for g in plan.groups for c in g.columns if c.reason] == []
    ini = own.root / "alembic.ini"
    text = ini.read_text(encoding="utf-8")
    there = re.search(r"(?m)^sqlalchemy.url = .*$", text)
    assert there is not None
    root = database.url.replace("postgresql://", "postgresql+psycopg://", 1)
    ini.write_text(
        text.replace(there[0], f"sqlalchemy.url = {root.replace('%', '%%')}"),
        encoding="utf-8",
    )
    with pytest.raises(Exception, match="TZ652"):
        own.run("upgrade", "head")
    ini.write_text(text, encoding="utf-8")
    own.apply()
    assert own.verify().outcome is Outcome.PROVED
    own.run("downgrade", "base")


MEANWHILE = {
    "a type": "ALTER TYPE {owner}.kind RENAME TO other",
    "a schema": "ALTER SCHEMA {owner} RENAME TO other_{owner}",
    "an attribute": "ALTER TYPE {owner}.whole ALTER ATTRIBUTE n TYPE {owner}.count",
    "an attribute more": "ALTER TYPE {owner}.whole ADD ATTRIBUTE m {owner}.count",
    "an attribute of an attribute": "ALTER TYPE {owner}.part"
    " ALTER ATTRIBUTE n TYPE {owner}.count",
    "a column of a row type": "ALTER TABLE {owner}.stored ALTER n TYPE {owner}.count",
}


@pytest.mark.parametrize("what", MEANWHILE)
def test_no_type_becomes_another_one_before_a_text_is_read(
    what: str,
    database: Any,
    make_role: Callable[..., Any],
    make_project: Callable[..., Any],
) -> None:
    """PostgreSQL locks no type, nor the schema in its name, for who reads a text."""
    owner = make_role()
    database.execute(
        f'CREATE SCHEMA {owner.name} AUTHORIZATION "{owner.name}";'
        f'GRANT CREATE ON DATABASE "{database.name}" TO "{owner.name}"'
    )
    with psycopg.connect(database.url_as(owner)) as connection:
        connection.execute(
            (
                WATCHED + "; CREATE TYPE {owner}.part AS (n int);"
                "CREATE TYPE {owner}.whole AS (n int, p {owner}.part[]);"
                "CREATE TABLE {owner}.stored (n int);"
                "CREATE VIEW {owner}.v AS SELECT placed_at, '{{a}}'::{owner}.kind[],"
                """ '(1,\"{{(2)}}\")'::{owner}.whole AS w,"""
                " '(1)'::{owner}.stored AS s FROM {owner}.t"
            ).format(owner=owner.name, more="n int")  # type: ignore[arg-type]
        )
    project = make_project(database.url)
    plan = project.plan(zones=("default=UTC",))
    assert [c.reason for g in plan.groups for c in g.columns if c.reason] == []
    with (
        ThreadPoolExecutor() as pool,
        psycopg.connect(database.url) as reader,
        psycopg.connect(database.url_as(owner)) as other,
    ):
        for command in (project.apply, project.rollback):
            # the step has looked at all that its texts hold, and waits for the table
            reader.execute(f"SELECT FROM {owner.name}.t")
            running = pool.submit(command)
            wait_until_blocked(reader, running)
            other.execute("SET lock_timeout = '100ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                other.execute(MEANWHILE[what].format(owner=owner.name))  # type: ignore[arg-type]
            other.rollback()
            reader.commit()
            running.result()
    assert project.verify().outcome is Outcome.PROVED


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_a_check_that_a_domain_has_got_since_its_column_left_it(
    zone: str,
    database: Any,
    make_role: Callable[..., Any],
    make_project: Callable[..., Any],
) -> None:
    """The domain stays where it is, and belongs to somebody who may change it."""
    owner = make_role()
    database.execute(
        f'CREATE SCHEMA {owner.name} AUTHORIZATION "{owner.name}";'
        f'SET ROLE "{owner.name}";'
        + WATCHED.split("CREATE DOMAIN", 1)[0].format(owner=owner.name)
        + f"CREATE DOMAIN {owner.name}.moment AS timestamp;"
        f"CREATE TABLE {owner.name}.t (id int PRIMARY KEY, at {owner.name}.moment);"
        f"INSERT INTO {owner.name}.t VALUES (1, '2024-01-01')"
    )
    project = make_project(database.url)
    project.configure(f'[zones]\ndefault = "{zone}"\n[policy]\ndomains = "base"\n')
    project.plan()
    project.apply()
    watched = (
        f"ALTER DOMAIN {owner.name}.moment ADD CONSTRAINT later"
        f" CHECK ({owner.name}.watch(value::timestamp))"
    )
    with (
        ThreadPoolExecutor() as pool,
        psycopg.connect(database.url) as reader,
        psycopg.connect(database.url_as(owner)) as other,
    ):
        # at the last moment
        reader.execute(f"SELECT FROM {owner.name}.t")
        running = pool.submit(lambda: project.run("downgrade", "base"))
        wait_until_blocked(reader, running)
        other.execute(watched)  # type: ignore[arg-type]
        other.commit()
        reader.commit()
        with pytest.raises(Exception, match=r"TZ345|TZ40[45]"):
            running.result()
    # and before
    with pytest.raises(Exception, match=r"TZ345.*moment has got the constraint later"):
        project.run("downgrade", "base")
    database.execute(f"ALTER DOMAIN {owner.name}.moment DROP CONSTRAINT later")
    project.run("downgrade", "base")
    assert database.scalar(f"SELECT pg_typeof(at)::text FROM {owner.name}.t") == (
        f"{owner.name}.moment"
    )


LATER = {
    "a default of a view's column": "ALTER VIEW {owner}.v ALTER id SET DEFAULT CASE"
    " WHEN '{{5}}'::{owner}.count[] IS NOT NULL THEN 1 END",
    "an index that ALTER TABLE makes anew": "CREATE INDEX ON {owner}.t (placed_at)"
    " WHERE '{{5}}'::{owner}.count[] IS NOT NULL",
    "a type that a partition's default names": "ALTER TYPE {owner}.kind"
    " RENAME TO other; CREATE DOMAIN {owner}.kind AS text"
    " CHECK ({owner}.watch(value)); ALTER TABLE {owner}.part"
    " ALTER placed_at SET DEFAULT {default}",
}


@pytest.mark.parametrize("what", LATER)
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_what_an_owner_writes_after_the_plan_is_looked_at(
    zone: str,
    what: str,
    database: Any,
    make_role: Callable[..., Any],
    make_project: Callable[..., Any],
) -> None:
    owner = make_role()
    default = "CASE WHEN '{{a}}'::{owner}.kind[] IS NOT NULL THEN now() END"
    script = (
        f'CREATE SCHEMA {owner.name} AUTHORIZATION "{owner.name}";'
        f'SET ROLE "{owner.name}";'
        + WATCHED.split("CREATE TABLE", 1)[0]
        + "CREATE TABLE {owner}.t (id int, placed_at timestamp DEFAULT now())"
        " PARTITION BY LIST (id);"
        "CREATE TABLE {owner}.part PARTITION OF {owner}.t DEFAULT;"
        "ALTER TABLE {owner}.part ALTER placed_at SET DEFAULT " + default + ";"
        "INSERT INTO {owner}.t VALUES (1, '2024-01-01');"
        "CREATE VIEW {owner}.v AS SELECT id, placed_at FROM {owner}.t"
        " WHERE placed_at > '2000-01-01'"
    )
    database.execute(script.format(owner=owner.name))
    project = make_project(database.url)
    plan = project.plan(zones=(f"default={zone}",))
    assert [c.reason for g in plan.groups for c in g.columns if c.reason] == []
    with psycopg.connect(database.url_as(owner)) as connection:
        later = LATER[what].replace("{default}", default)
        connection.execute(later.format(owner=owner.name))  # type: ignore[arg-type]
    with pytest.raises(Exception, match="TZ652"):
        project.run("upgrade", "head")


OTHERWISE = {
    "a default": "ALTER TABLE {owner}.t ALTER placed_at DROP DEFAULT",
    "a view": "CREATE OR REPLACE VIEW {owner}.v AS SELECT id, placed_at FROM {owner}.t"
    " WHERE placed_at > '2000-01-01'",
}


@pytest.mark.parametrize("what", OTHERWISE)
def test_what_cannot_be_compared_is_not_read_by_a_superuser(
    what: str,
    database: Any,
    make_role: Callable[..., Any],
    make_project: Callable[..., Any],
) -> None:
    """The text of a plan from another version may name types that nothing holds."""
    owner = make_role()
    held = "'{{a}}'::{owner}.kind[] IS NOT NULL"
    script = (
        f'CREATE SCHEMA {owner.name} AUTHORIZATION "{owner.name}";'
        f'SET ROLE "{owner.name}";'
        + WATCHED.split("CREATE TABLE", 1)[0]
        + "CREATE TABLE {owner}.t (id int, placed_at timestamp"
        + (f" DEFAULT CASE WHEN {held} THEN now() END)" if what == "a default" else ")")
        + ";CREATE VIEW {owner}.v AS SELECT id, placed_at FROM {owner}.t"
        " WHERE placed_at > '2000-01-01'" + (f" AND {held}" if what == "a view" else "")
    )
    database.execute(script.format(owner=owner.name))
    project = make_project(database.url)
    project.plan(zones=("default=UTC",))
    major = f"server_major => {database.server.version}"
    for path in project.root.rglob("*.py"):
        text = path.read_text("utf-8")
        path.write_text(text.replace(major, "server_major => 12"), "utf-8")
    with psycopg.connect(database.url_as(owner)) as connection:
        connection.execute(
            (
                OTHERWISE[what] + "; ALTER TYPE {owner}.kind RENAME TO other;"
                "CREATE DOMAIN {owner}.kind AS text CHECK ({owner}.watch(value))"
            ).format(owner=owner.name)  # type: ignore[arg-type]
        )
    with pytest.raises(Exception, match=f"(?s)TZ652.*role {owner.name}"):
        project.run("upgrade", "head")


def test_what_is_put_back_while_a_step_waits_names_no_other_type(
    database: Any, make_role: Callable[..., Any], make_project: Callable[..., Any]
) -> None:
    """At the first look the view holds no such value, under its lock it does again."""
    if database.server.version < 17:
        pytest.skip("printing a definition waits elsewhere")
    owner = make_role()
    name = owner.name
    view = (
        f"CREATE OR REPLACE VIEW {name}.z AS SELECT id, placed_at FROM {name}.t"
        " WHERE placed_at > '2000-01-01'"
    )
    held = f"{view} AND '{{a}}'::{name}.kind[] IS NOT NULL"
    script = (
        f'CREATE SCHEMA {name} AUTHORIZATION "{name}"; SET ROLE "{name}";'
        + WATCHED.split("CREATE TABLE", 1)[0].format(owner=name)
        + f"CREATE TABLE {name}.t (id int, placed_at timestamp);"
        f"CREATE TABLE {name}.u (id int); {held};"
        f"CREATE VIEW {name}.b AS SELECT u.id, placed_at FROM {name}.t, {name}.u"
        " WHERE placed_at > '2000-01-01'"
    )
    database.execute(script)
    project = make_project(database.url)
    project.plan(zones=("default=UTC",))
    with (
        ThreadPoolExecutor() as pool,
        psycopg.connect(database.url_as(owner)) as first,
        psycopg.connect(database.url_as(owner)) as second,
        psycopg.connect(database.url_as(owner)) as third,
        psycopg.connect(database.url_as(owner), autocommit=True) as other,
    ):
        first.execute(f"LOCK TABLE {name}.u IN ACCESS EXCLUSIVE MODE")  # type: ignore[arg-type]
        running = pool.submit(lambda: project.run("upgrade", "head"))
        wait_until_blocked(first, running)
        other.execute(view)  # type: ignore[arg-type]
        second.execute(f"SELECT FROM {name}.z")  # type: ignore[arg-type]
        third.execute(f"SELECT FROM {name}.t")  # type: ignore[arg-type]
        first.commit()
        wait_until_blocked(second, running)
        second.execute(held)  # type: ignore[arg-type]
        second.commit()
        wait_until_blocked(third, running)
        other.execute(f"ALTER TYPE {name}.kind RENAME TO former")  # type: ignore[arg-type]
        other.execute(
            f"CREATE DOMAIN {name}.kind AS text CHECK ({name}.watch(value))"  # type: ignore[arg-type]
        )
        third.commit()
        with pytest.raises(Exception, match="TZ345"):
            running.result()


def test_no_schema_gets_the_name_of_that_of_the_table(
    database: Any, make_role: Callable[..., Any], make_project: Callable[..., Any]
) -> None:
    """The statements of a revision go by names, and a table in another one may have
    a CHECK."""
    owner = make_role()
    database.execute(
        f'CREATE SCHEMA {owner.name} AUTHORIZATION "{owner.name}";'
        f'GRANT CREATE ON DATABASE "{database.name}" TO "{owner.name}";'
        f'SET ROLE "{owner.name}"; CREATE TABLE {owner.name}.t (at timestamp)'
    )
    project = make_project(database.url)
    project.plan(zones=("default=UTC",))
    with (
        ThreadPoolExecutor() as pool,
        psycopg.connect(database.url) as reader,
        psycopg.connect(database.url_as(owner)) as other,
    ):
        for command in (project.apply, project.rollback):
            reader.execute(f"SELECT FROM {owner.name}.t")
            running = pool.submit(command)
            wait_until_blocked(reader, running)
            other.execute("SET lock_timeout = '100ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                other.execute(f"ALTER SCHEMA {owner.name} RENAME TO {owner.name}_b")  # type: ignore[arg-type]
            other.rollback()
            reader.commit()
            running.result()


@pytest.mark.parametrize("when", ["plan", "apply", "verify", "rollback"])
def test_a_missing_value_is_not_handed_to_a_cast(
    when: str,
    database: Any,
    make_role: Callable[..., Any],
    make_project: Callable[..., Any],
) -> None:
    """A column that was added with a default keeps that in the catalog, as an array."""
    owner = make_role()
    script = (
        f'CREATE SCHEMA {owner.name} AUTHORIZATION "{owner.name}";'
        f'SET ROLE "{owner.name}";'
        + WATCHED.split("CREATE TYPE {owner}.kind", 1)[0]
        + "CREATE TYPE {owner}.kind AS ENUM ('a');"
        "CREATE TABLE {owner}.t (id int PRIMARY KEY, at timestamp);"
        "INSERT INTO {owner}.t VALUES (1, '2024-01-01');"
        "ALTER TABLE {owner}.t ADD k {owner}.kind[] DEFAULT '{{a}}'"
    )
    database.execute(script.format(owner=owner.name))
    cast = """
    CREATE FUNCTION {owner}.told({owner}.kind) RETURNS json LANGUAGE plpgsql IMMUTABLE
      AS $$ BEGIN PERFORM {owner}.watch(1); RETURN '1'; END $$;
    CREATE CAST ({owner}.kind AS json) WITH FUNCTION {owner}.told"""
    project = make_project(database.url)
    project.configure('[zones]\ndefault = "UTC"\n')
    for command in ("plan", "apply", "verify", "rollback"):
        if command == when:
            with psycopg.connect(database.url_as(owner)) as connection:
                connection.execute(cast.format(owner=owner.name))  # type: ignore[arg-type]
        getattr(project, command)()


HELD = {
    "an argument's default": "CREATE FUNCTION {owner}.f({owner}.count[] DEFAULT"
    " '{{5}}') RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "a body of 14": "CREATE FUNCTION {owner}.f() RETURNS int LANGUAGE sql"
    " BEGIN ATOMIC SELECT cardinality('{{5}}'::{owner}.count[]); END",
    "a partition's bound": "CREATE TABLE {owner}.p (a {owner}.count[]) PARTITION BY"
    " LIST (a); CREATE TABLE {owner}.q PARTITION OF {owner}.p FOR VALUES IN ('{{5}}')",
    "a bound of the domain": "CREATE TABLE {owner}.p (a {owner}.count) PARTITION BY"
    " LIST (a); CREATE TABLE {owner}.q PARTITION OF {owner}.p FOR VALUES IN (5)",
    "a key that yields the domain": "CREATE TABLE {owner}.p (a int) PARTITION BY"
    " LIST ((a::{owner}.count)); CREATE TABLE {owner}.q PARTITION OF {owner}.p"
    " FOR VALUES IN (5)",
    "a key that calls for the domain": "CREATE FUNCTION {owner}.f(int) RETURNS"
    " {owner}.count LANGUAGE sql IMMUTABLE AS 'SELECT $1'; CREATE TABLE {owner}.p"
    " (a int) PARTITION BY LIST ({owner}.f(a)); CREATE TABLE {owner}.q PARTITION OF"
    " {owner}.p FOR VALUES IN (5)",
    "an element as a key": "CREATE TABLE {owner}.p (a {owner}.count[]) PARTITION BY"
    " LIST ((a[1])); CREATE TABLE {owner}.q PARTITION OF {owner}.p FOR VALUES IN (5)",
    "a key that holds a value": "CREATE TABLE {owner}.p (a int) PARTITION BY LIST"
    " ((CASE WHEN '{{5}}'::{owner}.count[] IS NOT NULL THEN a END))",
    "an aggregate's first state": "CREATE FUNCTION {owner}.f({owner}.count, int)"
    " RETURNS {owner}.count LANGUAGE sql AS 'SELECT $1'; CREATE AGGREGATE"
    " {owner}.g(int) (SFUNC = {owner}.f, STYPE = {owner}.count, INITCOND = '5')",
    "a domain's default": "CREATE DOMAIN {owner}.d AS timestamp DEFAULT CASE WHEN"
    " '{{5}}'::{owner}.count[] IS NOT NULL THEN now() END;"
    " ALTER TABLE {owner}.t ADD at {owner}.d",
    "a default of a domain over an array": "CREATE DOMAIN {owner}.d AS"
    " {owner}.count[] DEFAULT '{{5}}'",
    "a domain's check": "CREATE DOMAIN {owner}.d AS int"
    " CHECK (value > 0 AND '{{5}}'::{owner}.count[] IS NOT NULL)",
    "a generated column": "ALTER TABLE {owner}.t ADD g boolean GENERATED ALWAYS AS"
    " (placed_at > '2000-01-01' AND '{{5}}'::{owner}.count[] IS NOT NULL) STORED",
    "a domain of the superuser": "RESET ROLE; CREATE DOMAIN public.d AS int"
    " CHECK ({owner}.watch(value)); SET ROLE {owner};"
    " CREATE VIEW {owner}.v AS SELECT '{{5}}'::public.d[]",
    "an operator in a domain of the superuser": "CREATE FUNCTION {owner}.held(int)"
    " RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN {owner}.watch($1); END';"
    " CREATE OPERATOR {owner}.!!! (RIGHTARG = int, FUNCTION = {owner}.held);"
    " RESET ROLE; CREATE DOMAIN public.d AS int CHECK (OPERATOR({owner}.!!!) value);"
    " SET ROLE {owner}; CREATE VIEW {owner}.v AS SELECT '{{5}}'::public.d[]",
    "a domain of the superuser that asks another": "RESET ROLE; CREATE DOMAIN public.d"
    " AS int CHECK (value::{owner}.count > 0); SET ROLE {owner};"
    " CREATE VIEW {owner}.v AS SELECT '{{5}}'::public.d[]",
}


@pytest.mark.parametrize("what", HELD)
def test_nor_what_holds_such_a_value_anywhere_else(
    what: str,
    database: Any,
    make_role: Callable[..., Any],
    make_project: Callable[..., Any],
) -> None:
    version = database.scalar("SELECT current_setting('server_version_num')::int")
    if "of 14" in what and version < 140000:
        pytest.skip("there is none yet")
    owner = make_role()
    script = (
        f'CREATE SCHEMA {owner.name} AUTHORIZATION "{owner.name}";'
        f"GRANT CREATE ON SCHEMA public TO PUBLIC;"
        f"ALTER DATABASE {database.name} SET track_functions = 'all';"
        "SET ROLE {owner};" + WATCHED.split("INSERT", 1)[0] + HELD[what]
    )
    database.execute(script.format(owner=owner.name, more="n int"))

    def called() -> Any:
        # what a session counted it says when it ends, up to 14 a little later
        time.sleep(1 if version < 150000 else 0.1)
        return database.scalar(
            "SELECT sum(calls) FROM pg_stat_user_functions WHERE funcname = 'watch'"
        )

    project = make_project(database.url)
    before = called()
    commands.scan(project.connection)
    with pytest.raises(Refused, match=f"belongs to {owner.name}") as caught:
        project.plan(zones=("default=UTC",))
    assert caught.value.code == "TZ652"
    assert called() == before


COPIED_MEANWHILE = {
    "names of types": "ALTER DOMAIN {owner}.note RENAME TO other;"
    " ALTER TYPE {owner}.kind RENAME TO note;"
    " ALTER DOMAIN {owner}.other RENAME TO kind",
    "names of schemas": "ALTER SCHEMA {owner} RENAME TO {owner}_c;"
    " ALTER SCHEMA {owner}_a RENAME TO {owner}",
    "an attribute": "ALTER TYPE {owner}.whole ALTER ATTRIBUTE n TYPE {owner}.count",
    "an argument's default": "CREATE OR REPLACE FUNCTION {owner}.f(int DEFAULT"
    " CASE WHEN '{{5}}'::{owner}.count[] IS NOT NULL THEN 1 END) RETURNS int"
    " LANGUAGE sql AS 'SELECT 1'",
    "a view": "CREATE OR REPLACE VIEW {owner}_b.v AS SELECT * FROM {owner}_b.t"
    " WHERE '{{5}}'::{owner}.count[] IS NOT NULL",
    "a default": "ALTER VIEW {owner}_b.v ALTER id SET DEFAULT"
    " CASE WHEN '{{5}}'::{owner}.count[] IS NOT NULL THEN 1 END",
    "a type that is gone": "DROP TYPE {owner}.unused",
    "nothing but temporary objects": "CREATE TEMP TABLE u (id serial PRIMARY KEY,"
    " n {owner}.count CHECK (n > 0), at timestamp DEFAULT now());"
    " CREATE TEMP VIEW v AS SELECT * FROM u; CREATE INDEX ON u ((id + 1));"
    " CREATE TYPE pg_temp.w AS (n {owner}.count);"
    " CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
}


@pytest.mark.parametrize("what", COPIED_MEANWHILE)
def test_a_superuser_copies_no_schema_that_changes_meanwhile(
    what: str,
    database: Any,
    make_role: Callable[..., Any],
    make_project: Callable[..., Any],
) -> None:
    """An owner has pg_dump wait for a table, long after its types were looked at."""
    owner = make_role()
    database.execute(
        f'CREATE SCHEMA {owner.name} AUTHORIZATION "{owner.name}";'
        f'CREATE SCHEMA {owner.name}_a AUTHORIZATION "{owner.name}";'
        f'CREATE SCHEMA {owner.name}_b AUTHORIZATION "{owner.name}";'
        f'GRANT CREATE ON DATABASE "{database.name}" TO "{owner.name}"'
    )
    made = (
        WATCHED.split("CREATE TABLE", 1)[0].replace(
            "RAISE EXCEPTION 'watch ran as %', current_user",
            "EXECUTE 'ALTER ROLE {owner} CREATEROLE'",
        )
        + "CREATE DOMAIN {owner}_a.kind AS text CHECK ({owner}.watch(value));"
        "CREATE TYPE {owner}.whole AS (n int); CREATE TYPE {owner}.unused AS ENUM ();"
        "CREATE FUNCTION {owner}.f(int DEFAULT 1) RETURNS int LANGUAGE sql"
        " AS 'SELECT 1'; CREATE TABLE {owner}_b.waiting ();"
        "CREATE TABLE {owner}_b.t (id int, placed_at timestamp);"
        "CREATE VIEW {owner}_b.v AS SELECT * FROM {owner}_b.t WHERE"
        " '{{a}}'::{owner}.kind[] IS NOT NULL AND '(1)'::{owner}.whole IS NOT NULL"
    )
    project = make_project(database.url)
    with (
        ThreadPoolExecutor() as pool,
        psycopg.connect(database.url_as(owner)) as locker,
        psycopg.connect(database.url_as(owner), autocommit=True) as other,
    ):
        other.execute(made.format(owner=owner.name))  # type: ignore[arg-type]
        locker.execute(f"LOCK TABLE {owner.name}_b.waiting")  # type: ignore[arg-type]
        running = pool.submit(lambda: project.plan(zones=("default=UTC",)))
        wait_until_blocked(locker, running)
        assert not running.done()
        other.execute(COPIED_MEANWHILE[what].format(owner=owner.name))  # type: ignore[arg-type]
        locker.commit()
        if "temporary" in what:
            running.result()
        else:
            with pytest.raises(Unavailable, match="changed while") as caught:
                running.result()
            assert caught.value.code == "TZ518"
            said = "was dropped" if "gone" in what else "Made or altered was"
            assert said in caught.value.detail
    assert not database.scalar(
        f"SELECT rolcreaterole FROM pg_roles WHERE rolname = '{owner.name}'"
    )


ALONE = """
CREATE SCHEMA {owner} AUTHORIZATION {owner};
SET ROLE {owner};
CREATE DOMAIN {owner}.d AS int CHECK (value > 0);
CREATE TYPE {owner}.pair AS (n {owner}.d);
CREATE FUNCTION {owner}.f(n {owner}.d[]) RETURNS {owner}.d LANGUAGE sql
  AS 'SELECT n[1]';
CREATE TABLE {owner}.t (id {owner}.d PRIMARY KEY, n {owner}.d DEFAULT 1,
  m {owner}.d[], p {owner}.pair, at timestamp,
  CHECK (at IS NULL OR n > 1::{owner}.d),
  later timestamp GENERATED ALWAYS AS (at + interval '1 day') STORED);
CREATE VIEW {owner}.v AS SELECT *, 2::{owner}.d AS k FROM {owner}.t
"""


def test_a_domain_by_itself_is_no_reason_to_stop(
    database: Any, make_role: Callable[..., Any], make_project: Callable[..., Any]
) -> None:
    owner = make_role()
    database.execute(ALONE.format(owner=owner.name))
    project = make_project(database.url)
    plan = project.plan(zones=("default=UTC",))
    assert [c.reason for g in plan.groups for c in g.columns if c.reason] == []
    project.apply()


def test_such_a_default_is_not_even_described_by_a_superuser(
    database: Any, make_role: Callable[..., Any], make_project: Callable[..., Any]
) -> None:
    owner = make_role()
    database.execute(
        f'CREATE SCHEMA {owner.name} AUTHORIZATION "{owner.name}";'
        f"ALTER DATABASE {database.name} SET track_functions = 'all'"
    )
    with psycopg.connect(database.url_as(owner)) as connection:
        script = WATCHED + (
            "; ALTER TABLE {owner}.t ALTER placed_at SET DEFAULT"
            " CASE WHEN '(1)'::{owner}.pair IS NOT NULL THEN now() END"
        )
        connection.execute(
            script.format(owner=owner.name, more=f"pair {owner.name}.pair")  # type: ignore[arg-type]
        )

    def called() -> Any:
        # what a session counted it says when it ends, up to 14 a little later
        time.sleep(1)
        return database.scalar(
            "SELECT sum(calls) FROM pg_stat_user_functions WHERE funcname = 'watch'"
        )

    before = called()
    assert before > 0
    plan = make_project(database.url).plan(zones=("default=UTC",), dry_run=True)
    codes = {c.code for g in plan.groups for c in g.columns if c.column == "placed_at"}
    assert codes == {"TZ153"}
    assert called() == before


def test_a_view_that_takes_the_name_of_a_table_is_not_read(
    database: Any, make_role: Callable[..., Any], make_project: Callable[..., Any]
) -> None:
    """The table is looked up while another transaction has renamed it."""
    if database.scalar(
        "SELECT current_setting('restrict_nonsystem_relation_kind', true) IS NULL"
    ):
        pytest.skip("this server cannot be told so")
    owner = make_role()
    database.execute(
        f'CREATE SCHEMA {owner.name} AUTHORIZATION "{owner.name}";'
        f"ALTER DATABASE {database.name} SET track_functions = 'all';"
        f"SET ROLE {owner.name}; SET search_path = {owner.name};"
        "CREATE FUNCTION watch() RETURNS boolean LANGUAGE plpgsql"
        " AS 'BEGIN RETURN true; END'; CREATE TABLE t (id int PRIMARY KEY,"
        " at timestamp); INSERT INTO t SELECT 1, '2024-01-01'"
    )
    project = make_project(database.url)
    project.configure('[zones]\ndefault = "Europe/Berlin"\n')

    def swapped(command: Callable[[], Any]) -> None:
        with (
            ThreadPoolExecutor() as pool,
            psycopg.connect(database.url_as(owner)) as other,
        ):
            other.execute(f"SET search_path = {owner.name}")
            other.execute("LOCK TABLE t; ALTER TABLE t RENAME TO u")
            other.execute("CREATE VIEW t AS SELECT u.* FROM u WHERE watch()")
            running = pool.submit(command)
            wait_until_blocked(other, running)
            other.commit()
            # that it stops is no fault, and it says why
            error = running.exception()
            if isinstance(error, psycopg.Error):
                error = from_psycopg(error)
                assert error is not None
            assert error is None or isinstance(error, TzmigrateError)
            other.execute("DROP VIEW t; ALTER TABLE u RENAME TO t")
            other.commit()
        time.sleep(1)
        assert not database.scalar(
            "SELECT sum(calls) FROM pg_stat_user_functions WHERE funcname = 'watch'"
        )

    swapped(lambda: commands.scan(project.connection, evidence=True))
    swapped(project.plan)
    project.plan()
    project.apply()
    swapped(project.verify)
    swapped(project.rollback)
    assert project.verify().outcome is Outcome.PROVED


def wait_until_blocked(connection: Any, running: Future[Any]) -> None:
    """Wait until what runs meanwhile waits for a lock that we hold, or has ended."""
    pid = connection.info.backend_pid
    while (
        not running.done()
        and not connection.execute(
            # what pg_stat_activity says stays the same in a transaction
            "SELECT FROM pg_locks WHERE NOT granted"
            " AND %s = ANY (pg_blocking_pids(pid))",
            (pid,),
        ).fetchall()
    ):
        time.sleep(0.02)


def test_what_a_superusers_own_table_calls_is_named(
    database: Any, make_role: Callable[..., Any], make_project: Callable[..., Any]
) -> None:
    """There is nobody else whose rights it could have."""
    owner = make_role()
    script = (
        f'CREATE SCHEMA {owner.name} AUTHORIZATION "{owner.name}";'
        f'SET ROLE "{owner.name}";'
        + WATCHED.split("CREATE DOMAIN", 1)[0]
        + "CREATE DOMAIN {owner}.moment AS timestamp; RESET ROLE;"
        "CREATE TABLE one (at timestamp CHECK ({owner}.watch(at)));"
        "CREATE TABLE two (seen_at {owner}.moment); CREATE TABLE three (at timestamp);"
        "CREATE INDEX ON one ((CASE WHEN {owner}.watch(at) THEN 1 END));"
        "CREATE TABLE four (at timestamp CHECK ({owner}.watch(at)));"
        'ALTER TABLE four OWNER TO "{owner}"'
    )
    database.execute(script.format(owner=owner.name))
    plan = make_project(database.url).plan(zones=("default=UTC",))
    found = [f.message for f in plan.findings if f.code == "TZ329"]
    assert [m.split(" belongs to ")[0] for m in found] == [
        *[f"function {owner.name}.watch(anyelement)"] * 2,
        f"domain {owner.name}.moment",
    ]
    assert ["public.two" in m for m in found] == [False, False, True]


def test_a_tree_of_two_owners_is_named_where_one_of_them_would_run_functions(
    database: Any,
    make_role: Callable[..., Any],
    make_project: Callable[..., Any],
) -> None:
    one, other = make_role(), make_role()
    database.execute(
        f'''CREATE FUNCTION held(timestamp) RETURNS boolean LANGUAGE plpgsql IMMUTABLE
        AS 'BEGIN RETURN true; END';
        CREATE TABLE t (id int, at timestamp,
            known boolean GENERATED ALWAYS AS (held(at)) STORED) PARTITION BY LIST (id);
        CREATE TABLE part PARTITION OF t DEFAULT;
        CREATE TABLE plain (id int, at timestamp, CHECK (at > '1900-01-01'))
        PARTITION BY LIST (id);
        CREATE TABLE plain_part PARTITION OF plain DEFAULT;
        ALTER TABLE t OWNER TO "{one.name}"; ALTER TABLE part OWNER TO "{other.name}";
        ALTER TABLE plain OWNER TO "{one.name}";
        ALTER TABLE plain_part OWNER TO "{other.name}"'''
    )
    project = make_project(database.url)
    plan = project.plan(zones=("default=UTC",))
    (refused,) = (c for g in plan.groups for c in g.columns if c.reason)
    assert refused.relation == "t"
    assert "rights of the table's owner" in refused.reason
    project.apply()


def test_what_belongs_to_a_role_that_we_may_not_act_for_keeps_its_column(
    database: Any,
    make_role: Callable[..., Any],
    make_project: Callable[..., Any],
) -> None:
    owner, other = make_role(), make_role()
    database.execute(
        f'ALTER ROLE "{owner.name}" CREATEDB;'
        f'GRANT CREATE ON DATABASE "{database.name}" TO "{owner.name}";'
        f'GRANT CREATE ON SCHEMA public TO "{owner.name}", "{other.name}";'
        f'SET ROLE "{owner.name}";'
        "CREATE TABLE orders (id int PRIMARY KEY, at timestamp, seen timestamp);"
        f'GRANT SELECT ON orders TO "{other.name}"; SET ROLE "{other.name}";'
        "CREATE VIEW theirs AS SELECT id, at FROM orders"
    )
    project = make_project(database.url_as(owner))
    plan = project.plan(zones=("default=UTC",))
    (refused,) = (c for g in plan.groups for c in g.columns if c.action == "refuse")
    assert (refused.column, refused.code) == ("at", "TZ140")
    assert f"view public.theirs: it belongs to {other.name}" in refused.reason
    assert "Connect as that role" in refused.hint
    project.run("upgrade", "head")
    assert database.scalar(
        "SELECT array_agg(atttypid::regtype::text ORDER BY attnum) FROM pg_attribute"
        " WHERE attrelid = 'orders'::regclass AND attname IN ('at', 'seen')"
    ) == ["timestamp without time zone", "timestamp with time zone"]


@pytest.mark.parametrize("createdb", ["CREATEDB", "NOCREATEDB"])
def test_what_has_grants_of_such_a_role_keeps_its_column(
    database: Any,
    make_role: Callable[..., Any],
    make_project: Callable[..., Any],
    createdb: str,
) -> None:
    """A role that may only read what it passes on keeps nobody from anything else."""
    owner, other, third = make_role(createdb), make_role(), make_role()
    grant = f'TO "{other.name}" WITH GRANT OPTION; SET ROLE "{other.name}"; GRANT'
    again = f'TO "{third.name}"; SET ROLE "{owner.name}";'
    database.execute(
        f'GRANT CREATE ON DATABASE "{database.name}" TO "{owner.name}";'
        f'GRANT CREATE ON SCHEMA public TO "{owner.name}"; SET ROLE "{owner.name}";'
        "CREATE TABLE a (id int PRIMARY KEY, at timestamp);"
        "CREATE VIEW of_a AS SELECT id, at FROM a;"
        "CREATE TABLE b (id int PRIMARY KEY, at timestamp);"
        "CREATE VIEW of_b AS SELECT id, at FROM b;"
        "CREATE TABLE c (id int PRIMARY KEY, at timestamp,"
        " day date GENERATED ALWAYS AS (at::date) STORED);"
        "CREATE TABLE d (id int PRIMARY KEY, at timestamp);"
        f"GRANT SELECT ON of_a {grant} SELECT ON of_a {again}"
        f"GRANT SELECT (id) ON of_b {grant} SELECT (id) ON of_b {again}"
        f"GRANT SELECT (day) ON c {grant} SELECT (day) ON c {again}"
        f"GRANT SELECT (id) ON d {grant} SELECT (id) ON d {again}"
    )
    version = database.scalar("SELECT current_setting('server_version_num')::int")
    # an expression that is replaced leaves the column as it is
    kept = ["a", "b", *(["c"] if version < 170000 else [])]
    project = make_project(database.url_as(owner))
    plan = project.plan(zones=("default=UTC",))
    refused = [c for g in plan.groups for c in g.columns if c.action == "refuse"]
    assert [(c.relation, c.code) for c in refused] == [(r, "TZ140") for r in kept]
    assert all(other.name in c.reason for c in refused)
    grants = (
        "SELECT array_agg(a.attacl::text ORDER BY c.relname) FROM pg_attribute a"
        " JOIN pg_class c ON c.oid = a.attrelid WHERE a.attacl IS NOT NULL"
        " AND c.relnamespace = 'public'::regnamespace"
    )
    before = database.scalar(grants)
    project.run("upgrade", "head")
    assert database.scalar(grants) == before
    project.run("downgrade", "base")
    assert database.scalar(grants) == before
