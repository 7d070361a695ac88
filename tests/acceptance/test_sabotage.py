"""The proof, sabotaged: what moves or changes a value is stopped, or found later.

The statements of planned revisions run as they were written, but for one of them.
"""

import importlib.util
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tzmigrate import commands
from tzmigrate.verification.model import ColumnProof, Outcome, Proof

TABLES = ("orders", "shop", "diary", "journal", "events")
"""Under UTC; rewritten; without a key; without a key, rewritten; partitioned."""

SCHEMA = """
CREATE TABLE orders (
    id bigint PRIMARY KEY,
    placed_at timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'utc'),
    shipped_at timestamp,
    note text DEFAULT 'none',
    size integer CHECK (size > 0)
);
COMMENT ON COLUMN orders.note IS 'what the customer said';
COMMENT ON TABLE orders IS 'all of them';
CREATE INDEX orders_placed ON orders (placed_at);
CREATE INDEX orders_note ON orders (note);
CREATE STATISTICS orders_pair (dependencies) ON note, size FROM orders;
GRANT SELECT ON orders TO PUBLIC;
GRANT UPDATE (note) ON orders TO PUBLIC;
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER orders_watch BEFORE INSERT ON orders FOR EACH ROW
    EXECUTE FUNCTION nothing();
INSERT INTO orders
SELECT g, timestamp '2024-01-01' + g * interval '17 hours 1 microsecond',
       CASE WHEN g % 3 > 0 THEN timestamp '2020-01-01' + g * interval '1 minute' END,
       'n' || g, g
FROM generate_series(1, 500) AS g;
INSERT INTO orders VALUES (1001, 'infinity', '-infinity'), (1002, '0001-01-01', NULL);

CREATE TABLE shop (id bigint PRIMARY KEY, opened timestamp, closed timestamp, n int);
INSERT INTO shop
SELECT g, timestamp '2024-01-15 12:00' + g * interval '1 day',
       timestamp '2024-01-15 20:00' + g * interval '1 day', g
FROM generate_series(1, 300) AS g;
INSERT INTO shop VALUES (0, '2024-02-02', NULL, 0);

CREATE TABLE diary (day timestamp, entry timestamp, text text);
INSERT INTO diary
SELECT timestamp '2024-01-15 12:00' + g * interval '1 day',
       timestamp '2024-01-15 20:00' + g * interval '1 day', 'x'
FROM generate_series(1, 300) AS g;

INSERT INTO diary VALUES ('2024-02-02', NULL, 'y');
CREATE TABLE journal (LIKE diary);
INSERT INTO journal SELECT * FROM diary;

CREATE TABLE events (tenant integer, id bigint, seen timestamp, kept timestamp,
    PRIMARY KEY (tenant, id)) PARTITION BY LIST (tenant);
CREATE TABLE events_1 PARTITION OF events FOR VALUES IN (1);
CREATE TABLE events_rest PARTITION OF events DEFAULT PARTITION BY RANGE (id);
CREATE TABLE events_rest_low PARTITION OF events_rest FOR VALUES FROM (0) TO (100);
CREATE TABLE events_rest_high PARTITION OF events_rest FOR VALUES FROM (100) TO (1000);
INSERT INTO events SELECT g % 3, g, timestamp '2024-01-15 12:00' + g * interval '1 day',
    timestamp '2024-01-15' FROM generate_series(1, 300) AS g;
INSERT INTO events VALUES (1, 999, '2024-02-02', NULL);
"""


class Recorder:
    """Stands where a revision has ``op``."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def execute(self, statement: str) -> None:
        self.statements.append(statement)


def recorded(path: str | Path, direction: str = "upgrade") -> list[str]:
    """Return the statements of a revision, as they reach the driver."""
    spec = importlib.util.spec_from_file_location("revision_under_test", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    recorder = Recorder()
    module.__dict__["op"] = recorder
    module.__dict__[direction]()
    return recorder.statements


@dataclass(frozen=True, slots=True)
class Untouched:
    """The database that was planned for: what is stopped leaves it as it is."""

    url: str

    def connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.url)

    def scalar(self, query: str) -> Any:
        return self.execute(query)[0][0]

    def execute(self, query: str, parameters: Any = None) -> list[Any]:
        with self.connect() as connection:
            return connection.execute(query, parameters).fetchall()


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A database with the support installed, and the statements of each table."""

    template: str
    up: dict[str, list[str]]
    down: dict[str, list[str]]
    drop_support: list[str]


def run(
    database: Any,
    statements: Sequence[str],
    *,
    instead: Callable[[str], str] | None = None,
    before: Sequence[str] = (),
    after: Sequence[str] = (),
) -> None:
    """Run a revision in one transaction, with one thing done to its ALTER."""
    with database.connect() as connection:
        for statement in statements:
            altering = "ALTER TABLE" in statement
            if altering:
                for extra in before:
                    connection.execute(extra)
            connection.execute(
                instead(statement) if altering and instead else statement
            )
            if altering:
                for extra in after:
                    connection.execute(extra)


def fresh(server: Any, name: str) -> None:
    drop(server, name)
    server.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name))
    )


def drop(server: Any, name: str) -> None:
    server.execute(
        sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    )


def plan(url: str, table: str, root: Path) -> tuple[str, str]:
    """Plan one table alone; return the files of the support and of its group."""
    made = commands.plan(
        commands.Connection(url=url),
        alembic=commands.AlembicOptions(ini=root / "alembic.ini", directory=root / "m"),
        selection=commands.Selection(tables=(table,)),
        zones=(
            "default=UTC",
            "public.shop.*=America/New_York",
            "public.journal.*=America/New_York",
            "public.events.kept=Europe/Berlin",
        ),
        accept=("TZ301",),
        init=True,
    )
    support, group = made.written
    return support, group


@pytest.fixture(scope="module")
def planned(server: Any, tmp_path_factory: Any) -> Iterator[Planned]:
    name = f"tzt_sabotage_{os.getpid()}"
    fresh(server, name)
    url = server.url(name)
    with psycopg.connect(url) as connection:
        connection.execute(SCHEMA)
    found = {
        table: plan(url, table, tmp_path_factory.mktemp(table)) for table in TABLES
    }
    support = found[TABLES[0]][0]
    with psycopg.connect(url) as connection:
        for statement in recorded(support):
            connection.execute(statement)
    yield Planned(
        template=name,
        up={table: recorded(path) for table, (_, path) in found.items()},
        down={table: recorded(path, "downgrade") for table, (_, path) in found.items()},
        drop_support=recorded(support, "downgrade"),
    )
    drop(server, name)


@pytest.fixture(scope="module")
def untouched(server: Any, planned: Planned) -> Any:
    return Untouched(server.url(planned.template))


@pytest.fixture
def target(make_database: Any, planned: Planned) -> Any:
    """A copy of the database that was planned for."""
    return make_database(template=planned.template)


def rows(database: Any, table: str) -> Any:
    return database.scalar(
        f"SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {table} AS t"
    )


def types(database: Any, table: str) -> set[str]:
    return {
        row[0]
        for row in database.execute(
            "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid"
            " = %s::regclass AND attnum > 0 AND atttypid IN ('timestamp'::regtype,"
            " 'timestamptz'::regtype)",
            [table],
        )
    }


def stopped(
    database: Any, planned: Planned, table: str, **sabotage: Any
) -> psycopg.Error:
    """Run a sabotaged revision; return the error that stopped it."""
    before = rows(database, table)
    with pytest.raises(psycopg.Error) as caught:
        run(database, planned.up[table], **sabotage)
    error = caught.value
    assert (error.sqlstate or "").startswith("TZ4"), error
    assert types(database, table) == {"timestamp without time zone"}
    assert rows(database, table) == before
    assert database.scalar("SELECT count(*) FROM tzmigrate.step") == 0
    assert database.scalar("SELECT count(*) FROM tzmigrate.sample") == 0
    return error


@pytest.mark.parametrize("table", TABLES)
def test_an_honest_revision_is_proved_up_and_down(
    target: Any, planned: Planned, table: str
) -> None:
    before = rows(target, table)
    run(target, planned.up[table])
    assert types(target, table) == {"timestamp with time zone"}
    assert proof(target).outcome is Outcome.PROVED
    run(target, planned.down[table])
    assert proof(target).outcome is Outcome.PROVED
    assert rows(target, table) == before


def proof(database: Any, **options: Any) -> Proof:
    return commands.verify(commands.Connection(url=database.url), **options)


# ------------------------------------------------- inside the transaction


SUMMER = (
    "CASE WHEN {0} BETWEEN '2024-06-01' AND '2024-08-31'"
    " THEN interval '1 hour' ELSE interval '0' END"
)
COLUMNS = {
    "orders": ("placed_at", "shipped_at"),
    "shop": ("opened", "closed"),
    "diary": ("day", "entry"),
    "journal": ("day", "entry"),
    "events": ("seen", "kept"),
}
ZONES = {"shop": "America/New_York", "journal": "America/New_York"}


def using(table: str, first: str, second: str) -> Callable[[str], str]:
    """Return what puts another ALTER in the place of the planned one."""
    one, two = COLUMNS[table]
    drop = "ALTER placed_at DROP DEFAULT, " if table == "orders" else ""
    set_ = ", ALTER placed_at SET DEFAULT now()" if table == "orders" else ""
    zones = {
        "one": one,
        "two": two,
        "zone": ZONES.get(table, "UTC"),
        "other": "Europe/Berlin" if table == "events" else ZONES.get(table, "UTC"),
        "summer": SUMMER.format(one),
    }
    statement = (
        f"ALTER TABLE public.{table} {drop}ALTER {one} TYPE timestamptz USING"
        f" {first.format(**zones)}, ALTER {two} TYPE timestamptz USING"
        f" {second.format(**zones)}{set_}"
    )
    return lambda _: statement


RIGHT = ("{one} AT TIME ZONE '{zone}'", "{two} AT TIME ZONE '{other}'")
MOVED = {
    "the zone of somewhere else": (
        "{one} AT TIME ZONE 'Asia/Kolkata'", RIGHT[1], 0, "shifted by"
    ),
    "another zone for the second column": (
        RIGHT[0], "{two} AT TIME ZONE 'Asia/Kolkata'", 1, "shifted by"
    ),
    "an hour in one summer": (
        "({one} + {summer}) AT TIME ZONE '{zone}'", RIGHT[1], 0, "shifted by 01:00:00"
    ),
    "one row by one microsecond": (
        "({one} + CASE ctid WHEN '(0,7)' THEN interval '1 microsecond'"
        " ELSE interval '0' END) AT TIME ZONE '{zone}'",
        RIGHT[1], 0, "shifted by 00:00:00.000001",
    ),
    "two columns swapped": (
        "coalesce({two}, {one}) AT TIME ZONE '{other}'",
        "{one} AT TIME ZONE '{zone}'", 0, "",
    ),
    "one value made NULL": (
        RIGHT[0],
        "CASE WHEN ctid <> '(0,7)' THEN {two} AT TIME ZONE '{other}' END", 1, "",
    ),
    "NULL filled": (
        RIGHT[0], "coalesce({two}, 'epoch') AT TIME ZONE '{other}'", 1, "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("table", ["orders", "shop", "events"])
@pytest.mark.parametrize("name", MOVED)
def test_a_moved_value_is_stopped_before_the_commit(
    untouched: Any, planned: Planned, table: str, name: str
) -> None:
    first, second, column, words = MOVED[name]
    error = stopped(untouched, planned, table, instead=using(table, first, second))
    assert error.sqlstate == "TZ401"
    message = error.diag.message_primary or ""
    assert f"column public.{table}.{COLUMNS[table][column]} " in message
    assert words in message


@pytest.mark.parametrize("name", MOVED)
def test_a_moved_value_is_stopped_also_in_a_table_without_a_key(
    untouched: Any, planned: Planned, name: str
) -> None:
    """Its rows cannot be found again after a rewrite: the whole column is compared."""
    first, second, column, _ = MOVED[name]
    error = stopped(
        untouched, planned, "journal", instead=using("journal", first, second)
    )
    assert error.sqlstate == "TZ402"
    assert f"column public.journal.{COLUMNS['journal'][column]} " in str(error)
    error = stopped(untouched, planned, "diary", instead=using("diary", first, second))
    assert error.sqlstate == "TZ404"
    assert "public.diary" in (error.diag.message_primary or "")
    assert COLUMNS["diary"][column] in (error.diag.message_detail or "")


@pytest.mark.parametrize("table", TABLES)
def test_a_pinned_zone_that_was_lost_is_stopped(
    untouched: Any, planned: Planned, table: str
) -> None:
    """As under AUTOCOMMIT: the session's own zone reads the values."""
    first, second = COLUMNS[table]
    drop = "ALTER placed_at DROP DEFAULT, " if table == "orders" else ""
    bare = (
        f"ALTER TABLE public.{table} {drop}ALTER {first} TYPE timestamptz,"
        f" ALTER {second} TYPE timestamptz"
    )
    error = stopped(
        untouched,
        planned,
        table,
        before=["SET LOCAL TimeZone = 'Australia/Lord_Howe'"],
        instead=lambda _: bare,
    )
    assert f"public.{table}" in str(error)
    if table in {"orders", "shop", "events"}:
        assert error.sqlstate == "TZ401"
        assert f"public.{table}.{first} was shifted by -" in str(error)


ROWS = {
    "one microsecond": "UPDATE {table} SET {one} = {one} + interval '1 microsecond'"
    " WHERE {where}",
    "an hour": "UPDATE {table} SET {one} = {one} + interval '1 hour' WHERE {where}",
    "NULL": "UPDATE {table} SET {two} = NULL WHERE {where}",
    "a value for NULL": "UPDATE {table} SET {two} = now() WHERE {two} IS NULL",
    "the other column": "UPDATE {table} SET {one} = {two}, {two} = {one} WHERE {where}",
    "a deleted row": "DELETE FROM {table} WHERE {where}",
    "a deleted and copied row": "WITH gone AS (DELETE FROM {table} WHERE {where}"
    " RETURNING *) INSERT INTO {table} SELECT * FROM gone",
    "an inserted row": "INSERT INTO {table} ({columns}) SELECT {copied} FROM {table}"
    " AS t WHERE {where}",
    "nothing left": "TRUNCATE {table}",
}
WHERE = {"orders": "id = 7", "shop": "id = 7", "events": "tenant = 1 AND id = 7"}
COPIED = {
    "orders": ("id, placed_at, size", "5007, t.placed_at, 5007"),
    "shop": ("id, opened", "5007, t.opened"),
    "events": ("tenant, id, seen", "5, 207, t.seen"),
}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("name", ROWS)
def test_a_row_that_changes_beside_the_alter_is_stopped(
    untouched: Any, planned: Planned, table: str, name: str
) -> None:
    one, two = COLUMNS[table]
    columns, copied = COPIED.get(table, (one, f"t.{one}"))
    statement = ROWS[name].format(
        table=table,
        one=one,
        two=two,
        columns=columns,
        copied=copied,
        where=WHERE.get(table, "ctid = '(0,7)'"),
    )
    error = stopped(
        untouched,
        planned,
        table,
        after=[f"SET LOCAL search_path = public; {statement}"],
    )
    assert f"public.{table}" in str(error)


CHANGED = {
    "an index dropped": ("DROP INDEX orders_note", "index public.orders_note"),
    "an index made": ("CREATE INDEX extra ON orders (size)", "index public.extra"),
    "an index renamed": (
        "ALTER INDEX orders_note RENAME TO other", "index public.orders_note"
    ),
    "an announced index dropped": (
        "DROP INDEX orders_placed", "index public.orders_placed"
    ),
    "a default of another column": (
        "ALTER TABLE orders ALTER note SET DEFAULT 'x'", "column public.orders.note"
    ),
    "an announced default lost": (
        "ALTER TABLE orders ALTER placed_at DROP DEFAULT",
        "column public.orders.placed_at",
    ),
    "a default made up": (
        "ALTER TABLE orders ALTER shipped_at SET DEFAULT now()",
        "column public.orders.shipped_at",
    ),
    "a type of another column": (
        "ALTER TABLE orders ALTER note TYPE varchar", "column public.orders.note"
    ),
    "NOT NULL lost": (
        "ALTER TABLE orders ALTER placed_at DROP NOT NULL",
        "column public.orders.placed_at",
    ),
    "a column grant lost": (
        "REVOKE UPDATE (note) ON orders FROM PUBLIC", "column public.orders.note"
    ),
    "a grant lost": ("REVOKE SELECT ON orders FROM PUBLIC", "table public.orders"),
    "a comment lost": ("COMMENT ON TABLE orders IS NULL", "table public.orders"),
    "a column's comment lost": (
        "COMMENT ON COLUMN orders.note IS NULL", "column public.orders.note"
    ),
    "a constraint dropped": (
        "ALTER TABLE orders DROP CONSTRAINT orders_size_check",
        "constraint orders_size_check of public.orders",
    ),
    "a trigger dropped": (
        "DROP TRIGGER orders_watch ON orders", "trigger orders_watch of public.orders"
    ),
    "a trigger disabled": (
        "ALTER TABLE orders DISABLE TRIGGER orders_watch",
        "trigger orders_watch of public.orders",
    ),
    "row security": (
        "ALTER TABLE orders ENABLE ROW LEVEL SECURITY", "table public.orders"
    ),
    "a policy": (
        "CREATE POLICY p ON orders USING (true)", "policy p of public.orders"
    ),
    "a rule": (
        "CREATE RULE r AS ON DELETE TO orders DO INSTEAD NOTHING",
        "rule r of public.orders",
    ),
    "statistics dropped": (
        "DROP STATISTICS orders_pair", "statistics public.orders_pair"
    ),
    "an option": ("ALTER TABLE orders SET (fillfactor = 50)", "table public.orders"),
    "a column added": (
        "ALTER TABLE orders ADD extra integer", "column public.orders.extra"
    ),
    "a column dropped": (
        "ALTER TABLE orders DROP size", "column public.orders.size"
    ),
    "the replica identity": (
        "ALTER TABLE orders REPLICA IDENTITY FULL", "table public.orders"
    ),
    "a statistics target": (
        "ALTER TABLE orders ALTER note SET STATISTICS 7", "column public.orders.note"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGED)
def test_a_change_that_was_not_announced_is_stopped_by_its_name(
    untouched: Any, planned: Planned, name: str
) -> None:
    statement, thing = CHANGED[name]
    error = stopped(
        untouched,
        planned,
        "orders",
        after=["SET LOCAL search_path = public", statement],
    )
    assert error.sqlstate == "TZ405"
    assert thing in (error.diag.message_detail or "")


def test_a_partition_that_was_detached_is_stopped(
    untouched: Any, planned: Planned
) -> None:
    error = stopped(
        untouched,
        planned,
        "events",
        after=["ALTER TABLE public.events DETACH PARTITION public.events_1"],
    )
    assert "public.events" in str(error)


# ---------------------------------------------------------- after the fact


@pytest.fixture(scope="module")
def converted_template(server: Any, planned: Planned) -> Iterator[str]:
    """The name of a database where every table is converted, and proved."""
    name = f"tzt_converted_{os.getpid()}"
    drop(server, name)
    server.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(planned.template)
        )
    )
    made = Untouched(server.url(name))
    for table in TABLES:
        run(made, planned.up[table])
    found = proof(made)
    assert found.outcome is Outcome.PROVED
    assert all(c.rows_compared >= 301 for c in found.columns)
    yield name
    drop(server, name)


@pytest.fixture
def converted(make_database: Any, converted_template: str) -> Any:
    return make_database(template=converted_template)


def of(found: Proof, table: str, column: int) -> ColumnProof:
    (one,) = (
        c
        for c in found.columns
        if (c.relation, c.column) == (table, COLUMNS[table][column])
    )
    return one


def test_many_rows_moved_by_hand_are_suspect_with_their_offset(converted: Any) -> None:
    tables = ("orders", "shop", "events")
    for table in tables:
        column = COLUMNS[table][0]
        converted.execute(
            f"UPDATE {table} SET {column} = {column} + interval '5 hours'"
            " WHERE id % 3 = 0"
        )
    found = proof(converted)
    assert found.outcome is Outcome.SUSPECT
    for table in tables:
        moved = of(found, table, 0)
        assert moved.outcome is Outcome.SUSPECT
        assert moved.offsets[0].offset == "+05:00:00"
        assert moved.offsets[0].count >= 100
        assert moved.shifted == 0
        assert of(found, table, 1).outcome is Outcome.PROVED


@pytest.mark.parametrize(
    "using",
    [
        "{c} AT TIME ZONE 'UTC' AT TIME ZONE 'Asia/Kolkata'",
        "{c} + interval '1 microsecond'",
        "{c} + interval '17 minutes'",
        "NULL",
    ],
)
def test_a_whole_column_altered_by_hand_is_never_proved(
    converted: Any, using: str
) -> None:
    for table in TABLES:
        column = COLUMNS[table][1]
        converted.execute(
            f"ALTER TABLE {table} ALTER {column} TYPE timestamptz"
            f" USING {using.format(c=column)}"
        )
    for level in ("sample", "physical", "full"):
        found = proof(converted, level=level)
        for table in TABLES:
            assert of(found, table, 1).outcome is not Outcome.PROVED, (table, level)


def test_ordinary_updates_are_changes_and_the_rest_stays_proved(
    converted: Any,
) -> None:
    converted.execute("UPDATE orders SET placed_at = now() WHERE id <= 40")
    converted.execute("UPDATE orders SET note = 'new' WHERE id BETWEEN 41 AND 60")
    converted.execute("UPDATE shop SET closed = now() WHERE id IN (3, 4)")
    found = proof(converted)
    assert found.outcome is Outcome.PROVED
    placed = of(found, "orders", 0)
    assert (placed.changed, placed.shifted, placed.missing) == (40, 0, 0)
    assert of(found, "orders", 1).changed == 0
    assert of(found, "shop", 1).changed == 2


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_a_column_of_nulls_stays_proved_when_one_is_filled(
    zone: str, database: Any, make_project: Callable[..., Any]
) -> None:
    """As ``deleted_at`` is, until somebody deletes something."""
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, deleted_at timestamp, n int);"
        "INSERT INTO t SELECT g FROM generate_series(1, 100) AS g"
    )
    project = make_project(database.url)
    project.configure('[policy]\naccept = ["TZ301"]\n')
    project.plan(zones=(f"default={zone}",))
    project.apply()
    database.execute("UPDATE t SET deleted_at = now() WHERE id = 7")
    (column,) = project.verify(level="sample").columns
    assert (column.outcome, column.changed) == (Outcome.PROVED, 1)
    # what is left says nothing once a moment was recorded and written since
    project.rollback()
    project.apply()
    database.execute("UPDATE t SET deleted_at = now() WHERE id = 7")
    (column,) = project.verify(level="sample").columns
    assert column.outcome is Outcome.UNPROVED


def test_deleted_rows_are_missing_and_new_rows_are_no_matter(converted: Any) -> None:
    converted.execute("DELETE FROM orders WHERE id <= 100")
    converted.execute("DELETE FROM events WHERE id <= 30")
    converted.execute("DELETE FROM diary WHERE day < '2024-02-14'")
    converted.execute("INSERT INTO orders (id) SELECT generate_series(6000, 6100)")
    found = proof(converted)
    assert found.outcome is Outcome.PROVED
    assert of(found, "orders", 0).missing == 100
    assert of(found, "events", 1).missing == 30
    assert of(found, "diary", 0).missing >= 29
    assert {c.shifted for c in found.columns} == {0}


def test_a_table_that_was_emptied_and_filled_again_is_unproved(converted: Any) -> None:
    converted.execute("TRUNCATE orders")
    converted.execute("INSERT INTO orders (id) SELECT generate_series(6000, 6100)")
    found = of(proof(converted), "orders", 0)
    assert found.rows_compared == 0
    assert found.outcome is Outcome.UNPROVED
    assert found.note


def test_a_rewrite_that_keeps_every_value_is_not_called_a_shift(
    converted: Any,
) -> None:
    for table in (*TABLES[:-1], "events_1"):
        converted.execute(f"VACUUM FULL {table}")
    physical = of(proof(converted, level="physical"), "orders", 0)
    assert physical.outcome is Outcome.UNPROVED
    assert "rewritten since" in physical.note
    found = proof(converted)
    assert found.outcome in {Outcome.PROVED, Outcome.UNPROVED}
    assert {c.shifted for c in found.columns} == {0}


# -------------------------------------------------------------------- keys

KEYS = {
    "composite": ("a text, b integer", "'k' || g, g % 7", "a, b"),
    "uuid": ("id uuid", "md5(g::text)::uuid", "id"),
    "words": ("id text", "' {\"' || chr(92) || ',NULL}' || chr(10) || '''' || g", "id"),
    "enum": ("id mood, n integer", "('{sad,ok}'::mood[])[1 + g % 2], g", "id, n"),
    "domain": ("id label", "'l' || g", "id"),
    "char": ("id char(9)", "'c' || g", "id"),
    "bits": ("id bit(16)", "g::bit(16)", "id"),
    "bytes": ("id bytea", "decode(md5(g::text), 'hex')", "id"),
    "number": ("id numeric(20, 4)", "g / 7.0", "id"),
    "real": ("id float8", "ln(g)", "id"),
    "day": ("id date", "date '0001-01-01' - 200 + g", "id"),
    "instant": ("id timestamptz", "'epoch'::timestamptz + g * interval '1 us'", "id"),
    "span": ("id interval", "g * interval '-1 day 2 hours 3.5 seconds'", "id"),
    "address": ("id inet", "'10.0.0.0'::inet + g", "id"),
    "span_of": ("id int4range", "int4range(g, g + 5)", "id"),
    "list": ("id text[]", "ARRAY['a,b', NULL, g::text]", "id"),
    "named": ('id "Odd ""type"', "'q' || g", "id"),
    "itself": ("", "", "seen"),
    "itself_second": ("id integer", "g % 3", "id, seen"),
    "both": ("", "", "seen, kept"),
    "z_words": ("id text", "'{x,' || chr(92) || g", "id"),
    "z_itself": ("", "", "seen"),
    "z_both": ("id integer", "g % 3", "id, kept, seen"),
}


def test_rows_are_found_again_by_any_key(
    database: Any, make_project: Callable[..., Any], canonical_dump: Any
) -> None:
    with database.connect() as connection:
        connection.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
        connection.execute("CREATE DOMAIN label AS varchar(12) CHECK (value <> '')")
        connection.execute('CREATE DOMAIN "Odd ""type" AS text')
        for table, (*parts, key) in KEYS.items():
            columns, values = (f"{part}, " if part else "" for part in parts)
            connection.execute(
                f"CREATE TABLE k_{table} ({columns}seen timestamp, kept timestamp,"
                f" PRIMARY KEY ({key}))"
            )
            connection.execute(
                f"INSERT INTO k_{table} SELECT {values} timestamp '2024-01-01'"
                " + g * interval '1 day 1 microsecond', timestamp '2021-01-01'"
                " + g * interval '1 day' FROM generate_series(1, 60) AS g"
            )
    before = canonical_dump(database)
    project = make_project(database.url)
    plan = project.plan(zones=("default=UTC", "public.k_z*.*=Europe/Berlin"))
    project.alembic("upgrade", "head")
    found = project.verify()
    assert {
        (c.relation, c.column): (c.outcome, c.rows_compared, c.missing)
        for c in found.columns
    } == {
        (f"k_{table}", column): (Outcome.PROVED, 60, 0)
        for table in KEYS
        for column in ("seen", "kept")
    }
    for table in KEYS:
        database.execute(f"UPDATE k_{table} SET kept = kept + interval '5 hours'")
    found = project.verify()
    assert {c.outcome for c in found.columns if c.column == "kept"} <= {
        Outcome.SUSPECT,
        Outcome.UNPROVED,
    }
    for table in KEYS:
        database.execute(f"UPDATE k_{table} SET kept = kept - interval '5 hours'")
    project.alembic("downgrade", f"{plan.groups[0].revision}-1")
    assert project.verify().outcome is Outcome.PROVED
    assert canonical_dump(database) == before


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
@pytest.mark.parametrize("key", ["PRIMARY KEY", ""])
def test_an_empty_table_is_proved(
    zone: str, key: str, database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(f"CREATE TABLE nothing (id integer {key}, at timestamp)")
    project = make_project(database.url)
    project.plan(zones=(f"default={zone}",))
    project.apply()
    found = project.verify()
    assert found.outcome is Outcome.PROVED
    assert {(c.rows_compared, c.rows_total) for c in found.columns} == {(0, 0)}
    database.execute("INSERT INTO nothing VALUES (1, now())")
    # nothing stood there that could have moved
    assert project.verify().outcome is Outcome.PROVED
    project.rollback()
    assert project.verify().outcome is Outcome.PROVED
