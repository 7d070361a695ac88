"""What changes about dependents after the plan: stopped by name, or kept as found."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from tzmigrate.errors import DecisionNeeded
from tzmigrate.verification.model import Outcome

SCHEMA = """
CREATE TABLE orders (id int PRIMARY KEY, at timestamp, note text);
INSERT INTO orders SELECT g, timestamp '2024-01-01' + g * interval '1 hour', 'n'
  FROM generate_series(1, 5) g;
CREATE VIEW recent AS SELECT id, at, note FROM orders WHERE at > '2024-01-01 02:00';
CREATE VIEW above AS SELECT id, at::date AS day FROM recent;
CREATE VIEW ids AS SELECT id FROM orders WHERE at::date > '2000-01-01';
CREATE MATERIALIZED VIEW days AS
  SELECT at::date AS day, count(*) AS n FROM recent GROUP BY 1;
CREATE UNIQUE INDEX days_day ON days (day);
CREATE FUNCTION kept() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN RETURN NEW; END';
CREATE TRIGGER moved BEFORE UPDATE OF at ON orders FOR EACH ROW EXECUTE FUNCTION kept();
CREATE INDEX orders_day ON orders ((at::date));
ALTER TABLE orders ADD CONSTRAINT sane CHECK (at > '1990-01-01');
CREATE TABLE guests (id int PRIMARY KEY, at timestamp);
ALTER TABLE guests ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON guests USING (at > '2000-01-01');
CREATE DOMAIN moment AS timestamp;
CREATE TYPE stay AS (since timestamp, nights int);
CREATE TYPE visit AS (since timestamp, nights int);
CREATE FUNCTION length(visit) RETURNS int LANGUAGE sql AS 'SELECT $1.nights';
CREATE TABLE marks (id int PRIMARY KEY, at moment, stay stay, visit visit);
CREATE TABLE words (word text);
CREATE TABLE parts (id int, at timestamp) PARTITION BY LIST (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
"""

CHANGED = {
    "a view's query": (
        "CREATE OR REPLACE VIEW recent AS SELECT id, at, note FROM orders"
        " WHERE at > '2024-01-01 03:00'",
        "view public.recent has another definition",
    ),
    "a view that keeps its types": (
        "CREATE OR REPLACE VIEW ids AS SELECT id FROM orders WHERE at > '2001-01-01'",
        "view public.ids has another definition",
    ),
    "a materialized view": (
        "DROP MATERIALIZED VIEW days; CREATE MATERIALIZED VIEW days AS"
        " SELECT at::date AS day, count(*) + 1 AS n FROM recent GROUP BY 1;"
        " CREATE UNIQUE INDEX days_day ON days (day)",
        "materialized view public.days has another definition",
    ),
    "a trigger": (
        "DROP TRIGGER moved ON orders; CREATE TRIGGER moved AFTER UPDATE OF at"
        " ON orders FOR EACH ROW EXECUTE FUNCTION kept()",
        "trigger moved of public.orders has another definition",
    ),
    "an index": (
        "DROP INDEX orders_day; CREATE INDEX orders_day ON orders ((at::time))",
        "index public.orders_day has another definition",
    ),
    "a constraint": (
        "ALTER TABLE orders DROP CONSTRAINT sane,"
        " ADD CONSTRAINT sane CHECK (at > '1991-01-01')",
        "constraint sane of public.orders has another definition",
    ),
    "a policy": (
        "ALTER POLICY mine ON guests USING (at > '2001-01-01')",
        "policy mine of public.guests has another definition",
    ),
    "a view more": (
        "CREATE VIEW late AS SELECT id FROM recent",
        "view public.late uses",
    ),
    "an index more on a materialized view": (
        "CREATE INDEX late ON days (n)",
        "index public.late",
    ),
    "statistics more on a materialized view": (
        "CREATE STATISTICS late ON day, n FROM days",
        "statistics object public.late uses",
    ),
    "a trigger more on a view": (
        "CREATE TRIGGER late INSTEAD OF INSERT ON above FOR EACH ROW"
        " EXECUTE FUNCTION kept()",
        "trigger late",
    ),
    "a rule more on a view": (
        "CREATE RULE late AS ON DELETE TO recent DO INSTEAD NOTHING",
        "rule late",
    ),
    "a default of a view's column": (
        "ALTER VIEW recent ALTER at SET DEFAULT '2024-05-05 05:05'",
        "view public.recent has another default for column at",
    ),
    "a column of a view's row type": (
        "CREATE TABLE held (row recent)",
        "held",
    ),
    "a column of the table's row type": (
        "CREATE TABLE held (was orders[])",
        "column was of table public.held uses type public.orders",
    ),
    "a function over a domain": (
        "CREATE FUNCTION late(moment) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "function public.late(public.moment) uses type public.moment",
    ),
    "a view with a constant of a domain": (
        "CREATE VIEW late AS SELECT '2020-01-01'::moment AS at",
        "view public.late uses type public.moment",
    ),
    "a materialized view with a constant of a domain": (
        "CREATE MATERIALIZED VIEW late AS SELECT '2020-01-01'::moment::text AS at",
        "view public.late uses type public.moment",
    ),
    "a function with a domain in its body": (
        "CREATE FUNCTION late() RETURNS text LANGUAGE plpgsql AS"
        " 'DECLARE at moment; BEGIN RETURN at; END';"
        " CREATE FUNCTION later(at text DEFAULT ('2020-01-01'::moment)::text)"
        " RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "function public.later(text) uses type public.moment",
    ),
    "a default with a cast to a domain": (
        "ALTER TABLE words ALTER word SET DEFAULT ('2020-01-01'::moment)::text",
        "column word of table public.words uses type public.moment",
    ),
    "a CHECK with a cast to a domain": (
        "ALTER TABLE words ADD CONSTRAINT late CHECK (word::moment > '2000-01-01')",
        "constraint late on table public.words uses type public.moment",
    ),
    "an index with a cast to a domain": (
        "CREATE INDEX late ON words ((word IS NULL))"
        " WHERE ('2020-01-01'::moment)::timestamp > '2000-01-01'",
        "index public.late uses type public.moment",
    ),
    "a policy with a cast to a domain": (
        "CREATE POLICY late ON words USING (word::moment > '2000-01-01')",
        "policy late on table public.words uses type public.moment",
    ),
    "a trigger with a cast to a domain": (
        "CREATE TRIGGER late BEFORE UPDATE ON words FOR EACH ROW"
        " WHEN (NEW.word::moment > '2000-01-01') EXECUTE FUNCTION kept()",
        "trigger late on table public.words uses type public.moment",
    ),
    "a domain over a domain": (
        "CREATE DOMAIN late AS moment",
        "type public.late uses type public.moment",
    ),
    "a range of a domain": (
        "CREATE TYPE late AS RANGE (subtype = moment)",
        "type public.late uses type public.moment",
    ),
    "a composite type of a domain": (
        "CREATE TYPE late AS (at moment[])",
        "type public.late uses type public.moment",
    ),
    "a column of a domain": (
        "ALTER TABLE words ADD at moment[]",
        "column at of table public.words uses type public.moment",
    ),
    "a view with a value of a composite type": (
        "CREATE VIEW late AS SELECT ROW('2020-01-01', 1)::stay AS stay",
        "view public.late uses type public.stay",
    ),
    "a default with a value of a composite type": (
        "ALTER TABLE words ALTER word SET DEFAULT (ROW('2020-01-01', 1)::stay)::text",
        "column word of table public.words uses type public.stay",
    ),
    "a function over a composite type": (
        "CREATE FUNCTION late(stay) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "function public.late(public.stay) uses type public.stay",
    ),
    "a view with a value of a type that functions take": (
        "CREATE VIEW late AS SELECT ROW('2020-01-01', 1)::visit AS visit",
        "view public.late uses type public.visit",
    ),
    "a table of a type that functions take": (
        "CREATE TABLE late OF visit",
        "table public.late uses type public.visit",
    ),
    "a table of a composite type": (
        "CREATE TABLE late OF stay",
        "table public.late uses type public.stay",
    ),
    "an index with an operator class": (
        "CREATE INDEX late ON orders USING brin (id, at timestamp_bloom_ops)",
        "index public.late names an operator class for column at of table"
        " public.orders",
    ),
    "an index with an operator class and its options": (
        "CREATE INDEX late ON marks USING brin"
        " (at timestamp_minmax_multi_ops (values_per_range = 16))",
        "index public.late names an operator class for column at of table public.marks",
    ),
    "an index with an operator class on a tree": (
        "CREATE INDEX late ON parts USING brin (at timestamp_bloom_ops)",
        "index public.late names an operator class for column at of table public.parts",
    ),
    "an index with an operator class on a partition": (
        "CREATE INDEX late ON parts_1 USING brin (at timestamp_bloom_ops)",
        "index public.late names an operator class for column at of table"
        " public.parts_1",
    ),
    "a partition that is partitioned by the column": (
        "CREATE TABLE late PARTITION OF parts FOR VALUES IN (2)"
        " PARTITION BY RANGE (at); CREATE TABLE later PARTITION OF late DEFAULT",
        "table public.late is partitioned by column at",
    ),
    "a partition that is partitioned by what it computes with the column": (
        "CREATE TABLE late PARTITION OF parts FOR VALUES IN (2)"
        " PARTITION BY RANGE (id, (date_trunc('day', at)))",
        "table public.late is partitioned by column at",
    ),
    "a function over a view's rows": (
        "CREATE FUNCTION late(recent) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "function public.late(public.recent)",
    ),
}


def on_this_version(names: Iterable[str]) -> list[Any]:
    """Return the cases; the operator classes that are no default came with 14."""
    since_14 = pytest.mark.pg(">= 14")
    return [
        pytest.param(name, marks=since_14) if "operator class" in name else name
        for name in names
    ]


@pytest.fixture
def planned(database: Any, make_project: Callable[..., Any]) -> Any:
    database.execute(SCHEMA)
    project = make_project(database.url)
    plan = project.plan(zones=("default=UTC",))
    assert plan.written, plan
    project.run("upgrade", "+1")
    return project


def zoned(database: Any, relation: str, column: str = "at") -> bool:
    return bool(
        database.scalar(
            "SELECT atttypid = 'timestamptz'::regtype FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attname = %s",
            [relation, column],
        )
    )


@pytest.mark.parametrize("name", on_this_version(CHANGED))
def test_another_definition_or_one_more_stops_by_its_name(
    name: str, database: Any, planned: Any, canonical_dump: Callable[..., Any]
) -> None:
    late, thing = CHANGED[name]
    database.execute(late)
    before = canonical_dump(database)
    with pytest.raises(DBAPIError) as caught:
        planned.run("upgrade", "head")
    assert caught.value.orig.sqlstate == "TZ345"
    assert thing in caught.value.orig.diag.message_primary
    with pytest.raises(DecisionNeeded) as told:
        planned.plan(zones=("default=UTC",))
    assert (told.value.code, thing in told.value.detail) == ("TZ319", True)
    step_before = "public.guests" in thing
    assert zoned(database, "orders") is False or step_before
    assert zoned(database, "guests") is False or not step_before
    if not step_before:
        planned.run("downgrade", "base")
        planned.run("upgrade", "+1")
        assert canonical_dump(database) == before


CHANGED_BEFORE_THE_WAY_BACK = {
    "a default of a view's column": (
        "ALTER VIEW recent ALTER at SET DEFAULT '2024-05-05 05:05+02'",
        "view public.recent has another default for column at",
    ),
    "a view with a constant of a domain": (
        "CREATE VIEW late AS SELECT '2020-01-01 00:00Z'::moment AS at",
        "view public.late uses type public.moment",
    ),
    "a function over a composite type": (
        "CREATE FUNCTION late(stay) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "function public.late(public.stay) uses type public.stay",
    ),
    "a domain over a domain": (
        "CREATE DOMAIN late AS moment",
        "type public.late uses type public.moment",
    ),
    "an index with an operator class": (
        "CREATE INDEX late ON orders USING brin (id, at timestamptz_bloom_ops)",
        "index public.late names an operator class for column at of table"
        " public.orders",
    ),
    "a partition that is partitioned by the column": (
        "CREATE TABLE late PARTITION OF parts FOR VALUES IN (2)"
        " PARTITION BY RANGE (at)",
        "table public.late is partitioned by column at",
    ),
}


@pytest.mark.parametrize("name", on_this_version(CHANGED_BEFORE_THE_WAY_BACK))
def test_one_more_on_the_way_back_stops_by_its_name(
    name: str, database: Any, planned: Any, canonical_dump: Callable[..., Any]
) -> None:
    late, thing = CHANGED_BEFORE_THE_WAY_BACK[name]
    planned.run("upgrade", "head")
    database.execute(late)
    before = canonical_dump(database)
    with pytest.raises(DBAPIError) as caught:
        planned.run("downgrade", "base")
    assert caught.value.orig.sqlstate == "TZ345"
    assert thing in caught.value.orig.diag.message_primary
    assert zoned(database, "orders")
    planned.run("upgrade", "head")
    assert canonical_dump(database) == before


def test_what_this_database_lacks_is_passed_over(
    database: Any, planned: Any, canonical_dump: Callable[..., Any]
) -> None:
    database.execute(
        "DROP VIEW above; DROP VIEW ids; DROP TRIGGER moved ON orders;"
        " DROP INDEX orders_day; ALTER TABLE orders DROP CONSTRAINT sane;"
        " DROP POLICY mine ON guests"
    )
    before = canonical_dump(database)
    planned.run("upgrade", "head")
    assert zoned(database, "orders")
    assert zoned(database, "recent")
    assert database.scalar("SELECT to_regclass('above')") is None
    planned.run("downgrade", "base")
    planned.run("upgrade", "+1")
    assert canonical_dump(database) == before


def test_owner_grants_comments_and_options_of_now_are_kept(
    database: Any,
    planned: Any,
    make_role: Callable[..., Any],
    canonical_dump: Callable[..., Any],
) -> None:
    owner, reader = make_role(), make_role()
    database.execute(
        f'GRANT SELECT ON orders TO "{owner.name}";'
        f'ALTER VIEW recent OWNER TO "{owner.name}";'
        f'GRANT SELECT (id) ON recent TO "{reader.name}" WITH GRANT OPTION;'
        "COMMENT ON VIEW recent IS 'since the plan';"
        "COMMENT ON INDEX days_day IS 'since the plan';"
        "ALTER VIEW ids SET (security_barrier = true);"
        "ALTER TABLE orders DISABLE TRIGGER moved;"
        "REFRESH MATERIALIZED VIEW days WITH NO DATA"
    )
    before = canonical_dump(database)
    planned.run("upgrade", "head")
    assert database.scalar(
        "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'recent'"
    ) == (owner.name)
    assert database.scalar("SELECT obj_description('recent'::regclass)") == (
        "since the plan"
    )
    assert database.scalar(
        "SELECT reloptions::text FROM pg_class WHERE relname = 'ids'"
    ) == ("{security_barrier=true}")
    assert (
        database.scalar("SELECT tgenabled::text FROM pg_trigger WHERE tgname = 'moved'")
        == "D"
    )
    assert not database.scalar(
        "SELECT relispopulated FROM pg_class WHERE relname = 'days'"
    )
    planned.run("downgrade", "base")
    planned.run("upgrade", "+1")
    assert canonical_dump(database) == before


NEEDED = """
CREATE TABLE orders (id int PRIMARY KEY, at timestamp);
INSERT INTO orders VALUES (1, '2024-01-01 02:00');
CREATE FUNCTION written() RETURNS bigint LANGUAGE sql
  BEGIN ATOMIC SELECT count(*) FROM orders WHERE at > '2024-01-01 01:00'; END;
CREATE FUNCTION stamp() RETURNS void LANGUAGE plpgsql AS
  $$ BEGIN UPDATE orders SET at = now() AT TIME ZONE 'utc'; END $$;
"""
EXTENSION = """
ALTER FUNCTION written() DEPENDS ON EXTENSION plpgsql;
ALTER ROUTINE stamp() DEPENDS ON EXTENSION plpgsql
"""


@pytest.mark.pg(">= 14")
@pytest.mark.parametrize("since", [False, True], ids=["planned", "since"])
def test_a_function_needs_the_extension_that_it_needed(
    since: bool,
    database: Any,
    make_project: Callable[..., Any],
    canonical_dump: Callable[..., Any],
) -> None:
    """CREATE OR REPLACE FUNCTION forgets it, and pg_dump does not write it."""

    def needing() -> list[Any]:
        return list(
            database.execute(
                "SELECT objid::regprocedure::text FROM pg_depend WHERE deptype = 'x'"
                " AND refobjid = (SELECT oid FROM pg_extension"
                "  WHERE extname = 'plpgsql') ORDER BY 1"
            )
        )

    database.execute(NEEDED)
    if not since:
        database.execute(EXTENSION)
    project = make_project(database.url)
    plan = project.plan(zones=("default=UTC",), rewrite_functions=True)
    assert plan.written, plan
    if since:
        database.execute(EXTENSION)
    before = canonical_dump(database), needing()
    assert len(before[1]) == 2
    project.run("upgrade", "head")
    assert zoned(database, "orders")
    assert needing() == before[1]
    project.run("downgrade", "base")
    assert (canonical_dump(database), needing()) == before


LETTERS = """
CREATE TABLE events (
    id int PRIMARY KEY, "né" timestamp NOT NULL, what text, CHECK ("né" > '2000-01-01')
);
CREATE VIEW "été" AS SELECT id, 'é' AS letter, date_trunc('day', "né") AS day
FROM events WHERE what <> 'naïf';
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.what := 'é';
    NEW."né" := now() AT TIME ZONE 'utc';
    RETURN NEW;
END $$;
CREATE TRIGGER stamp BEFORE UPDATE ON events FOR EACH ROW EXECUTE FUNCTION stamp();
INSERT INTO events SELECT g, timestamp '2024-01-01' + g * interval '1 day', 'é'
FROM generate_series(1, 50) AS g
"""
TEXTS = """
SELECT pg_get_viewdef('"été"'::regclass)
UNION ALL SELECT pg_get_functiondef('stamp'::regproc)
UNION ALL SELECT pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = 'events'::regclass AND contype = 'c'
UNION ALL SELECT string_agg(concat_ws(',', t), ' ' ORDER BY id) FROM events AS t
"""


@pytest.mark.parametrize("encoding", ["LATIN1", "UTF8"])
def test_letters_are_the_same_in_every_encoding_of_a_database(
    encoding: str, make_database: Any, make_project: Callable[..., Any]
) -> None:
    database = make_database(encoding=encoding)
    database.execute(LETTERS)
    before = database.execute(TEXTS)
    project = make_project(database.url)
    assert project.plan(zones=("default=UTC",), rewrite_functions=True).written
    project.apply()
    assert zoned(database, "events", "né")
    assert database.execute(TEXTS) != before
    assert project.verify(accept=("TZ301",)).outcome is Outcome.PROVED
    project.rollback(everything=True)
    assert database.execute(TEXTS) == before


def test_a_generated_column_that_is_none_any_more_is_named(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(
        "CREATE TABLE visits (at timestamp,"
        " day date GENERATED ALWAYS AS (at::date) STORED)"
    )
    project = make_project(database.url)
    project.plan(zones=("default=UTC",))
    database.execute("ALTER TABLE visits ALTER day DROP EXPRESSION")
    words = "TZ345: stale plan: generated column day of public.visits is an ordinary"
    with pytest.raises(DBAPIError, match=words):
        project.run("upgrade", "head")
