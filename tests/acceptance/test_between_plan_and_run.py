"""What happens to a database between a plan and its run, and after it."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from tzmigrate.verification.model import Outcome

ORDERS = """
CREATE TABLE orders (id integer PRIMARY KEY, at timestamp, size integer);
INSERT INTO orders SELECT g, timestamp '2024-01-01' + g * interval '1 hour', g
FROM generate_series(1, 300) AS g;
CREATE TABLE calendar (at timestamp UNIQUE);
INSERT INTO calendar SELECT at FROM orders;
"""
PARTS = """
CREATE TABLE orders (id integer, at timestamp, size integer) PARTITION BY RANGE (id);
CREATE TABLE orders_1 PARTITION OF orders FOR VALUES FROM (0) TO (1000);
INSERT INTO orders SELECT g, timestamp '2024-01-01' + g * interval '1 hour', g
FROM generate_series(1, 300) AS g;
"""
WRAPPER = """
CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER away FOREIGN DATA WRAPPER nowhere;
"""

ARRIVED = {
    "a check": (
        ORDERS, "ALTER TABLE orders ADD CHECK (at < '2100-01-01')", "orders_at_check"
    ),
    "a foreign key": (
        ORDERS,
        "ALTER TABLE orders ADD FOREIGN KEY (at) REFERENCES calendar (at)",
        "orders_at_fkey",
    ),
    "a partial index": (
        ORDERS, "CREATE INDEX late ON orders (id) WHERE at IS NOT NULL", "late"
    ),
    "an index expression": (
        ORDERS, "CREATE INDEX late ON orders ((at + interval '1 day'))", "late"
    ),
    "an exclusion of ranges": (
        ORDERS,
        "ALTER TABLE orders ADD CONSTRAINT late"
        " EXCLUDE USING gist (tsrange(at, at) WITH &&)",
        "late",
    ),
    "a partial exclusion": (
        ORDERS,
        "ALTER TABLE orders ADD CONSTRAINT late EXCLUDE (at WITH =)"
        " WHERE (at > '2024-01-01')",
        "late",
    ),
    "statistics of an expression": (
        ORDERS, "CREATE STATISTICS late ON (at::date), size FROM orders", "late"
    ),
    "a check of the row": (
        ORDERS,
        "ALTER TABLE orders ADD CONSTRAINT whole CHECK (orders IS NOT NULL)",
        "whole",
    ),
    "an index of the row": (
        ORDERS,
        "CREATE FUNCTION words(orders) RETURNS text LANGUAGE sql IMMUTABLE"
        " AS 'SELECT $1.at::text'; CREATE INDEX late ON orders (words(orders))",
        "late",
    ),
    "a view": (ORDERS, "CREATE VIEW late AS SELECT at FROM orders", "late"),
    "a view of a part of the row": (
        ORDERS,
        "CREATE VIEW late AS SELECT (o).at FROM (SELECT orders AS o FROM orders) AS s",
        "late",
    ),
    "a policy of the row": (
        ORDERS, "CREATE POLICY late ON orders USING (orders IS NOT NULL)", "late"
    ),
    "a publication of columns": (
        ORDERS, "CREATE PUBLICATION late FOR TABLE orders (id, at)", "late"
    ),
    "a child with a default": (
        ORDERS,
        "CREATE TABLE late (at timestamp DEFAULT '2024-05-05') INHERITS (orders)",
        "late",
    ),
    "a child with a check": (
        ORDERS,
        "CREATE TABLE late (CHECK (at < '2100-01-01')) INHERITS (orders)",
        "late_at_check",
    ),
    "a parent": (
        ORDERS,
        "CREATE TABLE late (at timestamp); ALTER TABLE orders INHERIT late",
        "late",
    ),
    "another parent of a child": (
        ORDERS + "; CREATE TABLE child () INHERITS (orders)",
        "CREATE TABLE late (at timestamp); ALTER TABLE child INHERIT late",
        "late",
    ),
    "another default of a child": (
        ORDERS + "; CREATE TABLE child () INHERITS (orders);"
        " ALTER TABLE child ALTER at SET DEFAULT '2020-01-01'",
        "ALTER TABLE child ALTER at SET DEFAULT '2021-01-01'",
        "default of column public.child.at",
    ),
    "a partition with a default": (
        PARTS,
        "CREATE TABLE late PARTITION OF orders (at DEFAULT timezone('utc', now()))"
        " FOR VALUES FROM (1000) TO (2000)",
        "late",
    ),
    "a foreign partition": (
        PARTS,
        WRAPPER + "CREATE FOREIGN TABLE late PARTITION OF orders"
        " FOR VALUES FROM (1000) TO (2000) SERVER away",
        "late",
    ),
    "a view in its place": (
        ORDERS,
        "ALTER TABLE orders RENAME TO old; CREATE VIEW orders AS SELECT * FROM old",
        "orders is not the table that it was",
    ),
    "a foreign table in its place": (
        ORDERS,
        WRAPPER + "ALTER TABLE orders RENAME TO old; CREATE FOREIGN TABLE orders"
        " (id integer, at timestamp, size integer) SERVER away",
        "orders is not the table that it was",
    ),
}  # fmt: skip

SINCE = (("columns", ">= 15"), ("of an expression", ">= 14"))

CARRIED = {
    "an exclusion": "ALTER TABLE orders ADD CONSTRAINT late EXCLUDE (at WITH =)",
    "statistics": "CREATE STATISTICS late ON at, size FROM orders;"
    " ALTER STATISTICS late SET STATISTICS 321",
    "a view of the row": "CREATE VIEW late AS SELECT o FROM orders o",
    "a child": "CREATE TABLE late () INHERITS (orders);"
    " INSERT INTO late VALUES (1001, '2024-05-05', 1);"
    " CREATE INDEX late_at ON late (at) WITH (fillfactor = 50)",
    "an index": "CREATE INDEX late ON orders (at) WITH (fillfactor = 50);"
    " COMMENT ON INDEX late IS 'kept'; ALTER TABLE orders CLUSTER ON late",
}


def naive(database: Any, table: str = "orders") -> bool:
    return bool(
        database.scalar(
            "SELECT atttypid = 'timestamp'::regtype FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attname = 'at'",
            [table],
        )
    )


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.pg(v) for w, v in SINCE if w in name])
        for name in ARRIVED
    ],
)
def test_what_arrives_between_plan_and_run_is_a_stale_plan(
    name: str, zone: str, database: Any, make_project: Callable[..., Any]
) -> None:
    schema, late, thing = ARRIVED[name]
    database.execute(schema)
    project = make_project(database.url)
    project.plan(zones=(f"default={zone}", "public.calendar.*=keep"))
    project.run("upgrade", "+1")
    database.execute(late)
    with pytest.raises(DBAPIError) as caught:
        project.run("upgrade", "head")
    assert caught.value.orig.sqlstate == "TZ345"
    assert thing in caught.value.orig.diag.message_primary
    assert naive(database)
    assert database.scalar("SELECT count(*) FROM tzmigrate.step") == 0


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
@pytest.mark.parametrize("name", CARRIED)
def test_what_arrives_and_cannot_come_to_mean_something_else_is_carried_over(
    name: str,
    zone: str,
    database: Any,
    make_project: Callable[..., Any],
    canonical_dump: Callable[..., str],
) -> None:
    database.execute(ORDERS)
    project = make_project(database.url)
    project.plan(zones=(f"default={zone}", "public.calendar.*=keep"))
    database.execute(CARRIED[name])
    before = canonical_dump(database)
    project.run("upgrade", "head")
    assert not naive(database)
    assert project.verify().outcome is Outcome.PROVED
    project.run("downgrade", "base")
    assert canonical_dump(database) == before


def test_what_the_team_adds_after_the_upgrade_stops_the_downgrade(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(ORDERS)
    project = make_project(database.url)
    project.plan(zones=("default=UTC", "public.calendar.*=keep"))
    project.run("upgrade", "head")
    database.execute("ALTER TABLE orders ADD CONSTRAINT late CHECK (at < now())")
    with pytest.raises(DBAPIError, match=r"TZ345: stale plan: constraint late"):
        project.run("downgrade", "-1")
    database.execute("ALTER TABLE orders DROP CONSTRAINT late")
    project.run("downgrade", "-1")
    assert naive(database)


def test_a_child_that_is_gone_is_passed_over(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(
        ORDERS + "; CREATE TABLE child () INHERITS (orders);"
        " ALTER TABLE child ALTER at SET DEFAULT '2020-01-01'"
    )
    project = make_project(database.url)
    project.plan(zones=("default=UTC", "public.calendar.*=keep"))
    database.execute("DROP TABLE child")
    project.run("upgrade", "head")
    assert not naive(database)
    project.run("downgrade", "-1")
    assert naive(database)


def test_an_ordinary_partition_that_arrives_converts_with_its_tree(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(PARTS)
    project = make_project(database.url)
    project.plan(zones=("default=UTC",))
    database.execute(
        "CREATE TABLE late PARTITION OF orders FOR VALUES FROM (1000) TO (2000);"
        "INSERT INTO orders VALUES (1001, '2024-05-05', 1)"
    )
    project.run("upgrade", "head")
    assert not naive(database, "late")
    assert project.verify().outcome is Outcome.PROVED


# ------------------------------------------------------- code of somebody else

SPIES = """
CREATE TABLE heard (who text, what text);
CREATE FUNCTION spy(what text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'spy % ran', what;
END $$;
CREATE FUNCTION quiet(text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE DOMAIN label AS text CHECK (quiet(value));
CREATE TYPE mood AS ENUM ('a', 'b');
CREATE DOMAIN humour AS mood CHECK (quiet('x'));
CREATE TYPE pair AS (a integer, b label);
CREATE FUNCTION told(mood) RETURNS text LANGUAGE sql AS $$ SELECT spy('told')::text $$;
CREATE FUNCTION made(text) RETURNS mood LANGUAGE sql
    AS $$ SELECT 'a'::mood FROM spy('made') $$;
CREATE CAST (mood AS text) WITH FUNCTION told(mood);
CREATE CAST (text AS mood) WITH FUNCTION made(text);
"""
KEYS = {
    "domain": ("label", "('l' || g)::label", 20),
    "enum": ("mood", "(ARRAY['a', 'b']::mood[])[g]", 2),
    "domain over enum": ("humour", "(ARRAY['a', 'b']::mood[])[g]", 2),
    "row": ("pair", "ROW(g, 'x')::pair", 20),
    "array": ("label[]", "ARRAY['l' || g]::label[]", 20),
}


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
@pytest.mark.parametrize("name", KEYS)
def test_functions_behind_the_type_of_a_key_are_never_called(
    name: str, zone: str, database: Any, make_project: Callable[..., Any]
) -> None:
    """A domain's CHECK and a cast are code of the type's owner."""
    type_, value, rows = KEYS[name]
    database.execute(SPIES)
    database.execute(
        f"CREATE TABLE orders (id {type_} PRIMARY KEY, at timestamp);"
        f"INSERT INTO orders SELECT {value}, timestamp '2024-01-15'"
        f" + g * interval '1 hour' FROM generate_series(1, {rows}) AS g;"
        "CREATE OR REPLACE FUNCTION quiet(text) RETURNS boolean LANGUAGE sql"
        " AS 'SELECT public.spy($1)'"
    )
    project = make_project(database.url)
    project.plan(zones=(f"default={zone}",))
    for level in ("sample", "full"):
        project.run("upgrade", "head")
        found = project.verify(level=level)
        if level == "sample" or zone != "UTC":
            assert found.outcome is Outcome.PROVED
        assert found.columns[0].rows_compared == rows
        project.run("downgrade", "base")


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_a_view_in_the_place_of_a_converted_table_is_not_read(
    zone: str, database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(ORDERS + SPIES)
    project = make_project(database.url)
    project.plan(zones=(f"default={zone}", "public.calendar.*=keep"))
    project.run("upgrade", "head")
    database.execute(
        "ALTER TABLE orders RENAME TO old; CREATE VIEW orders AS"
        " SELECT id, at, size FROM old WHERE spy('view')"
    )
    for level in ("sample", "physical", "full"):
        assert project.verify(level=level).outcome is Outcome.UNPROVED


# ------------------------------------------- transaction ids and places that moved


def test_a_vacuum_full_of_a_table_without_a_key_is_not_called_a_shift(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(
        "CREATE TABLE orders (at timestamp); INSERT INTO orders SELECT"
        " timestamp '2024-01-15' + g * interval '1 minute'"
        " FROM generate_series(1, 300) AS g;"
        "CREATE TABLE shop AS SELECT * FROM orders;"
        "CREATE TABLE parts (at timestamp, n integer) PARTITION BY LIST (n);"
        "CREATE TABLE parts_0 PARTITION OF parts FOR VALUES IN (0);"
        "CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);"
        "INSERT INTO parts SELECT at, (extract(minute FROM at))::integer % 2"
        " FROM orders"
    )
    project = make_project(database.url)
    zone = "America/New_York"
    project.plan(
        zones=(
            "default=UTC",
            f"public.shop.*={zone}",
            f"public.parts.*={zone}",
        )
    )
    project.run("upgrade", "head")
    assert project.verify().outcome is Outcome.PROVED
    for table in ("orders", "shop", "parts"):
        database.execute(f"DELETE FROM {table} WHERE ctid < '(0,20)'")
    for table in ("orders", "shop", "parts_1"):
        database.execute(f"VACUUM FULL {table}")
    columns = {c.relation: c for c in project.verify().columns}
    assert {c.shifted for c in columns.values()} == {0}
    assert columns["orders"].outcome is Outcome.UNPROVED
    assert columns["shop"].outcome is Outcome.UNPROVED
    # the rows of the other partition stand where they stood
    assert columns["parts"].outcome is Outcome.PROVED
    assert 0 < columns["parts"].rows_compared < 150


def test_restored_in_another_cluster_nothing_is_called_shifted_for_its_age(
    database: Any,
    make_database: Any,
    make_project: Callable[..., Any],
) -> None:
    """Transaction ids of one cluster mean nothing in another."""
    database.execute(
        ORDERS + "CREATE TABLE diary (at timestamp);"
        "INSERT INTO diary SELECT at FROM orders"
    )
    project = make_project(database.url)
    project.plan(zones=("default=UTC", "public.calendar.*=keep"))
    project.run("upgrade", "head")
    restored = make_database()
    restored.psql(database.dump())
    # as it is where the ledger comes from: other ids, and far ahead of ours
    restored.execute(
        "UPDATE tzmigrate.step SET system_identifier = '1',"
        " horizon = horizon + 1000000000, transaction_ids = '{1000000000}'"
    )
    elsewhere = make_project(restored.url, name="elsewhere")

    def outcome(table: str, **options: Any) -> Any:
        found = elsewhere.verify(**options)
        (column,) = (c for c in found.columns if c.relation == table)
        assert column.shifted == 0
        return column.outcome

    assert outcome("orders") is Outcome.PROVED
    assert outcome("diary") is Outcome.UNPROVED
    assert outcome("orders", level="physical") is Outcome.UNPROVED
    restored.execute("UPDATE orders SET at = at + interval '17 minutes' WHERE id < 50")
    assert outcome("orders") is Outcome.PROVED
    restored.execute("UPDATE orders SET at = at + interval '5 hours' WHERE id > 50")
    assert outcome("orders") is Outcome.SUSPECT


# --------------------------------------------------------------- the sample


def test_the_sample_is_drawn_evenly_whatever_the_statistics_know(
    database: Any, make_project: Callable[..., Any]
) -> None:
    """Dense blocks hold nearly all rows here, and most of them at high lines."""
    database.execute(
        "CREATE TABLE orders (id integer PRIMARY KEY, at timestamp, pad text)"
        " WITH (autovacuum_enabled = false);"
        "INSERT INTO orders SELECT g, 'epoch', repeat('x', 1000)"
        " FROM generate_series(1, 5000) AS g;"
        "INSERT INTO orders SELECT g, 'epoch', NULL"
        " FROM generate_series(5001, 50000) AS g"
    )
    project = make_project(database.url)
    project.plan(zones=("default=UTC",))
    project.run("upgrade", "head")
    drawn, thin, high = database.execute(
        "SELECT count(*), count(*) FILTER (WHERE id <= 5000), count(*) FILTER"
        " (WHERE (o.ctid::text::point)[1] > 90) FROM tzmigrate.sample AS s"
        " JOIN orders AS o ON o.id = s.key[1]::integer"
    )[0]
    assert drawn > 900
    # 10 % of all rows, and about 46 %
    assert 20 < thin < 300
    assert high > 250


def test_a_table_of_few_blocks_is_compared_whole(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(
        "CREATE TABLE orders (id integer PRIMARY KEY, at timestamp);"
        "INSERT INTO orders SELECT g, 'epoch' FROM generate_series(1, 11000) AS g"
    )
    project = make_project(database.url)
    project.plan(zones=("default=UTC",))
    project.run("upgrade", "head")
    (column,) = project.verify().columns
    assert (column.rows_compared, column.rows_total) == (11000, 11000)


def test_a_rewrite_without_a_key_is_compared_whole_whatever_the_policy_says(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(
        "CREATE TABLE orders (at timestamp); INSERT INTO orders VALUES ('2024-01-15')"
    )
    project = make_project(database.url)
    project.configure('[policy]\nproof = "sample"\n')
    project.plan(zones=("default=America/New_York",))
    project.run("upgrade", "head")
    assert database.execute(
        "SELECT s.proof, c.fingerprint_before IS NOT NULL FROM tzmigrate.step AS s"
        " JOIN tzmigrate.step_column AS c ON c.step_id = s.id"
    ) == [("full", True)]


@pytest.mark.parametrize("key", ["PRIMARY KEY", ""])
def test_a_gap_row_written_while_the_first_look_lasts_stops_under_the_lock(
    key: str, database: Any, make_project: Callable[..., Any]
) -> None:
    """The second look is at rows written since only, also by what began before."""
    database.execute(
        f"CREATE TABLE orders (id integer {key}, at timestamp);"
        "INSERT INTO orders SELECT g, '2024-01-15' FROM generate_series(1, 300) AS g"
    )
    project = make_project(database.url)
    project.plan(zones=("default=America/New_York",))
    project.run("upgrade", "+1")
    run = statements(project)
    with database.connect() as early, database.connect() as step:
        # long before the revision: its id is older than all that the revision does
        early.execute("SELECT pg_current_xact_id()")
        early.execute("INSERT INTO orders VALUES (1001, '2024-03-10 02:30')")
        (locking,) = (i for i, x in enumerate(run) if "take_step" in x)
        for statement in run[:locking]:
            step.execute(statement)
        early.commit()
        with pytest.raises(psycopg.Error) as caught:
            step.execute(run[locking])
    assert caught.value.sqlstate == "TZ346"
    assert "1 row of public.orders.at" in str(caught.value)
    assert naive(database)


# ------------------------------------------------------- other servers, many runs


def statements(project: Any) -> list[str]:
    """Return the statements of the revision of table orders."""
    (path,) = (p for p in project.revisions if p.name.endswith("_tz_orders.py"))
    module: dict[str, Any] = {}
    exec(path.read_text("utf-8"), module)
    found: list[str] = []
    module["op"] = SimpleNamespace(execute=found.append)
    module["upgrade"]()
    return found


@pytest.mark.parametrize("before", ["", "DEFAULT (now() AT TIME ZONE 'utc')"])
@pytest.mark.parametrize("after", [None, "DEFAULT '2001-01-01'"])
def test_a_default_that_changed_is_seen_on_another_major_version_too(
    before: str, after: str | None, database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(
        f"CREATE TABLE orders (id integer PRIMARY KEY, at timestamp {before})"
    )
    project = make_project(database.url)
    project.plan(zones=("default=UTC",))
    project.run("upgrade", "+1")
    if after:
        database.execute(f"ALTER TABLE orders ALTER at SET {after}")
    with database.connect() as connection:
        major = f"server_major => {connection.info.server_version // 10000}"
        first, *rest = (
            s.replace(major, "server_major => 12") for s in statements(project)
        )
        connection.execute(first)
        (declared,) = (i for i, s in enumerate(rest) if "plan_column" in s)
        for statement in rest[: declared if after else None]:
            connection.execute(statement)
        if not after:
            return
        with pytest.raises(
            psycopg.Error, match=r"default of column public\.orders\.at"
        ):
            connection.execute(rest[declared])


def test_a_zone_that_a_server_does_not_know_is_named(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(ORDERS)
    project = make_project(database.url)
    project.plan(zones=("default=Europe/Kyiv", "public.calendar.*=keep"))
    project.run("upgrade", "+1")
    first, second, *_ = (
        s.replace("Europe/Kyiv", "Europe/Atlantis") for s in statements(project)
    )
    with database.connect() as connection:
        connection.execute(first)
        with pytest.raises(psycopg.Error) as caught:
            connection.execute(second)
    assert caught.value.sqlstate == "TZ345"
    assert "does not know time zone 'Europe/Atlantis'" in str(caught.value)


def test_the_ledger_does_not_grow_with_every_cycle(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(ORDERS)
    project = make_project(database.url)
    project.plan(zones=("default=UTC", "public.calendar.*=keep"))
    for _ in range(3):
        project.run("upgrade", "head")
        assert project.verify().outcome is Outcome.PROVED
        project.run("downgrade", "-1")
        assert project.verify().outcome is Outcome.PROVED
        assert database.scalar("SELECT count(*) FROM tzmigrate.sample") == 300
