"""One revision, many schemas: each tenant converts once, or is named and left alone."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from tzmigrate.commands.common import Selection
from tzmigrate.errors import DecisionNeeded, UsageError
from tzmigrate.execution.model import StepState
from tzmigrate.planning.model import Action
from tzmigrate.verification.model import Ground, Outcome

MakeProject = Callable[..., Any]

TENANTS = ("tenant_a", """Tenant "b"-ü's""")

ENV = """
from sqlalchemy import text
from alembic import context
from sqlalchemy import create_engine, pool

URL = context.config.get_main_option("sqlalchemy.url")
engine = create_engine(URL, poolclass=pool.NullPool)
quote = engine.dialect.identifier_preparer.quote
for tenant in {tenants}:
    with engine.connect() as connection:
        connection.execute(text("SET search_path = " + quote(tenant)))
        connection.commit()
        context.configure(
            connection=connection,
            version_table_schema=tenant,
            transaction_per_migration={each},
        )
        with context.begin_transaction():
            context.run_migrations()
"""

ASYNC_ENV = """
import asyncio

from sqlalchemy import pool, text
from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine

URL = context.config.get_main_option("sqlalchemy.url")
engine = create_async_engine(URL, poolclass=pool.NullPool)


def migrate(connection, tenant):
    context.configure(connection=connection, version_table_schema=tenant)
    with context.begin_transaction():
        context.run_migrations()


async def online():
    for tenant in {tenants}:
        async with engine.connect() as connection:
            await connection.execute(text(f"SET search_path = {{tenant}}"))
            await connection.commit()
            await connection.run_sync(migrate, tenant)
            await connection.commit()


asyncio.run(online())
"""

ZONES = ("Etc/UTC", "Europe/Warsaw", "America/New_York")

JOURNALS = 12
"""Plain tables of eight columns each."""


def journals() -> str:
    """Tables whose columns are of several zones, some of them in one table."""
    columns = ", ".join(f"c{n} timestamp{'(3)' if n == 5 else ''}" for n in range(7))
    return "".join(
        f"CREATE TABLE journal_{n} (id int PRIMARY KEY, {columns},"
        " made timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'utc'));"
        f"CREATE INDEX ON journal_{n} (c1, c2);"
        f"INSERT INTO journal_{n} SELECT g,"
        + ",".join(
            f" timestamp '20{10 + n}-01-15 12:00:00.123456'"
            f" + g * interval '{c + 1} days'"
            for c in range(6)
        )
        + ", CASE g WHEN 1 THEN NULL WHEN 2 THEN 'infinity'::timestamp"
        f" ELSE timestamp '20{10 + n}-06-15 12:00' END, '2024-01-01'"
        " FROM generate_series(1, 25) AS g;"
        for n in range(JOURNALS)
    )


SCHEMA = """
CREATE DOMAIN moment AS timestamp CHECK (VALUE > '1900-01-01');
CREATE TABLE events (
    id int PRIMARY KEY,
    at timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'utc'),
    seen timestamp,
    noted timestamp DEFAULT '2024-01-01 09:00:00',
    kind text DEFAULT 'plain',
    CHECK (seen > at), CONSTRAINT "not before" CHECK (at > '2001-01-01 00:00:00')
);
CREATE INDEX ON events (at) WHERE seen IS NOT NULL;
CREATE INDEX by_day ON events (date_trunc('day', at));
CREATE TABLE "Order Items" (
    "Id" int PRIMARY KEY, "Placed At" timestamp, "user" timestamp, "a.b" timestamp
);
CREATE TABLE calendar (day timestamp PRIMARY KEY, opens timestamp, closes timestamp);
CREATE TABLE visits (
    id int PRIMARY KEY, day timestamp REFERENCES calendar, left_at timestamp
);
CREATE TABLE trips (
    id int PRIMARY KEY, leaves timestamp, lands moment, spans tsrange,
    stops timestamp[], flown timestamp
);
CREATE TABLE logs (id int, at timestamp, told timestamp) PARTITION BY RANGE (id);
CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM (0) TO (20);
CREATE TABLE logs_2 PARTITION OF logs FOR VALUES FROM (20) TO (1000);
CREATE TABLE stays (
    id int PRIMARY KEY, since timestamp, until timestamp,
    nights interval GENERATED ALWAYS AS (until - since) STORED
);
CREATE TABLE audit (id serial PRIMARY KEY, event int, old_at timestamp, at timestamp);
CREATE TABLE notes (
    id int PRIMARY KEY, a timestamp, b timestamp, c timestamp,
    d timestamp(0), e timestamp[], f tsrange
);
CREATE FUNCTION on_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit (event, old_at, at) VALUES (new.id, old.at, new.at);
    RETURN new;
END $$;
CREATE FUNCTION weekday(day timestamp) RETURNS int LANGUAGE sql IMMUTABLE
AS 'SELECT extract(dow FROM day)::int';
CREATE TRIGGER audited AFTER UPDATE ON events FOR EACH ROW
WHEN (old.at IS DISTINCT FROM new.at) EXECUTE FUNCTION on_change();
CREATE VIEW recent AS
SELECT id, at, seen - at AS waited, weekday(at) AS weekday FROM events
WHERE at > '2024-01-01 00:00:00';
CREATE VIEW "Recent Visits" AS
SELECT r.id, r.at, v.left_at FROM recent r JOIN visits v USING (id);
CREATE MATERIALIZED VIEW daily AS
SELECT date_trunc('day', at) AS day, count(*) FROM events GROUP BY 1;
CREATE UNIQUE INDEX ON daily (day);
CREATE RULE kept AS ON DELETE TO recent DO INSTEAD
UPDATE events SET kind = 'kept' WHERE id = old.id AND at = old.at;
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY late ON notes USING (a > '2020-01-01 00:00:00' AND weekday(b) < 8);
CREATE STATISTICS spread (ndistinct) ON at, seen FROM events;
COMMENT ON COLUMN events.at IS 'when';
COMMENT ON VIEW recent IS 'of this year';
INSERT INTO calendar SELECT d, d + interval '9 hours', d + interval '17 hours'
FROM generate_series(timestamp '2024-01-15', '2024-02-20', '1 day') AS d;
INSERT INTO visits SELECT g, timestamp '2024-01-15' + g % 20 * interval '1 day',
    timestamp '2024-01-15 12:00' FROM generate_series(1, 30) AS g;
INSERT INTO events (id, at, seen, noted)
SELECT g, x, x + interval '1 hour', x
FROM (SELECT g, timestamp '2024-01-15 11:00:00.654321' + g * interval '1 day' AS x
      FROM generate_series(1, 30) AS g) AS s;
INSERT INTO "Order Items" SELECT g, x, x, x
FROM (SELECT g, timestamp '2024-05-15 11:00' + g * interval '61 minutes' AS x
      FROM generate_series(1, 30) AS g) AS s;
INSERT INTO trips SELECT g, x, x, tsrange(x, x + interval '1 day'), ARRAY[x, x], x
FROM (SELECT g, timestamp '2024-05-15 11:00' + g * interval '1 day' AS x
      FROM generate_series(1, 30) AS g) AS s;
INSERT INTO logs SELECT g, timestamp '2024-05-15 11:00', '2024-05-16 11:00'
FROM generate_series(1, 50) AS g;
INSERT INTO stays SELECT g, x, x + interval '2 days'
FROM (SELECT g, timestamp '2024-05-15 11:00' + g * interval '1 day' AS x
      FROM generate_series(1, 30) AS g) AS s;
INSERT INTO notes SELECT g, timestamp '2024-01-15 12:00', '2024-01-16 12:00',
    '2024-01-17 12:00' FROM generate_series(1, 30) AS g;
REFRESH MATERIALIZED VIEW daily;
"""

DECLARED = {
    "*.events.*": "Europe/Warsaw",
    '*."Order Items".*': "America/New_York",
    "*.trips.leaves": "America/New_York",
    "*.trips.flown": "Europe/Warsaw",
    "*.stays.*": "Europe/Warsaw",
    **{
        f"*.journal_{n}.c{c}": ZONES[(n + c) % 3]
        for n in range(JOURNALS)
        for c in range(7)
    },
}

STORED = """
SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND a.attnum > 0 AND NOT a.attisdropped
  AND (a.atttypid IN ('timestamp'::regtype, 'timestamptz'::regtype,
      'timestamp[]'::regtype, 'timestamptz[]'::regtype, 'tsrange'::regtype,
      'tstzrange'::regtype)
      OR EXISTS (SELECT FROM pg_type t WHERE t.oid = a.atttypid AND t.typtype = 'd'))
ORDER BY 1, 2
"""


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def make(database: Any, tenant: str, more: str = "") -> None:
    """Make a tenant's tables, as its application does."""
    database.execute(
        f"CREATE SCHEMA {quoted(tenant)}; SET search_path = {quoted(tenant)};"
        f"{SCHEMA}{journals()}{more}"
    )


def zone_of(relation: str, column: str) -> str:
    for pattern in (f"{relation}.{column}", f"{relation}.*"):
        for name in (pattern, pattern.replace(relation, quoted(relation), 1)):
            if found := DECLARED.get(f"*.{name}"):
                return found
    return "Etc/UTC"


def instants(database: Any, tenant: str) -> dict[str, list[Any]]:
    """Every value of every column, to the microsecond, as an instant."""
    found = {}
    with database.connect() as connection:
        connection.execute("SET TimeZone = 'Etc/UTC'")
        columns = connection.execute(STORED, [tenant]).fetchall()
        for relation, column, type_ in columns:
            naive = "with time zone" not in type_ and type_ != "tstzrange"
            if type_.endswith("moment"):
                naive = connection.execute(
                    "SELECT typbasetype = 'timestamp'::regtype FROM pg_type"
                    " WHERE oid = %s::regtype",
                    [type_],
                ).fetchone()[0]
            zone = zone_of(relation, column)
            moment = f"(v{f' AT TIME ZONE $${zone}$$' if naive else ''})"
            name = f"x.{quoted(column)}"
            value = f"concat((SELECT {moment} FROM (SELECT {name}) AS s (v)))"
            if type_.endswith("[]"):
                value = (
                    f"(SELECT string_agg(concat({moment}), ',')"
                    f" FROM unnest({name}) AS s (v))"
                )
            if type_.endswith("range"):
                value = (
                    f"(SELECT string_agg(concat({moment}), ',')"
                    f" FROM unnest(ARRAY[lower({name}), upper({name})]) AS s (v))"
                )
            rows = connection.execute(
                f"SELECT {value} FROM {quoted(tenant)}.{quoted(relation)} AS x"
                " ORDER BY 1"
            ).fetchall()
            found[f"{relation}.{column}"] = [row[0] for row in rows]
    return found


def naive(database: Any, tenant: str) -> int:
    """How many columns are naive."""
    with database.connect() as connection:
        return sum(
            "with time zone" not in type_ and type_ != "tstzrange"
            for _, _, type_ in connection.execute(STORED, [tenant])
            if not type_.endswith("moment")
        )


def configured(project: Any, **more: str) -> None:
    zones = "".join(
        f"{pattern!r} = '{zone}'\n" for pattern, zone in {**DECLARED, **more}.items()
    )
    project.configure(f"[zones]\ndefault = 'UTC'\n{zones}")


@pytest.fixture
def two(database: Any, make_project: MakeProject) -> Any:
    """A project whose env.py runs for two tenants."""
    for tenant in TENANTS:
        make(database, tenant)
    database.execute(f"ALTER DATABASE {database.name} SET TimeZone = 'Europe/Warsaw'")
    project = make_project(database.url)
    serve(project)
    configured(project)
    return project


def serve(
    project: Any, tenants: tuple[str, ...] = TENANTS, *, each: bool = True
) -> None:
    env = project.root / "migrations" / "env.py"
    env.write_text(ENV.format(tenants=tenants, each=each), encoding="utf-8")


def plan(project: Any, schema: str = "tenant_a", **options: Any) -> Any:
    return project.plan(
        selection=Selection(schemas=(schema,), tables=(), excludes=()),
        unqualified=True,
        **options,
    )


def statuses(project: Any) -> dict[str, set[StepState]]:
    """The states of the steps of each tenant."""
    found: dict[str, set[StepState]] = {}
    for step in project.status().steps:
        found.setdefault(step.schema, set()).add(step.state)
    return found


def each_tenant(*states: StepState) -> dict[str, set[StepState]]:
    return {tenant: set(states) for tenant in TENANTS}


def refusals(planned: Any) -> dict[str, tuple[str | None, str]]:
    """Code and reason of each column that does not convert."""
    return {
        f"{c.relation}.{c.column}": (c.code, c.reason)
        for g in planned.groups
        for c in g.columns
        if c.action is not Action.CONVERT
    }


@pytest.mark.parametrize("each", [True, False])
def test_124_columns_of_each_tenant_convert_once_and_come_back(
    each: bool, two: Any, database: Any, equal_dumps: Callable[..., None]
) -> None:
    serve(two, each=each)
    before = {tenant: instants(database, tenant) for tenant in TENANTS}
    assert [len(found) for found in before.values()] == [124, 124]
    dump = database.dump_apart()
    planned = plan(two)
    assert refusals(planned) == {}
    assert sum(len(g.columns) for g in planned.groups) == 124
    assert statuses(two) == each_tenant(StepState.PENDING)
    for file in two.revisions:
        # for whom it was planned stands among its facts, and nowhere else
        head, _, rest = file.read_text(encoding="utf-8").partition("TZMIGRATE = {")
        assert "tenant_a" not in head + rest.partition("\n}\n")[2]
    two.alembic("upgrade", "head")
    for tenant in TENANTS:
        assert naive(database, tenant) == 0
        assert instants(database, tenant) == before[tenant]
    assert two.verify().outcome is Outcome.PROVED
    assert statuses(two) == each_tenant(StepState.DONE)
    assert not two.apply().steps
    two.alembic("downgrade", "base")
    assert database.scalar("SELECT to_regnamespace('tzmigrate') IS NULL")
    equal_dumps(database, dump)


def test_apply_runs_what_a_tenant_lacks_and_rollback_what_one_has(
    small: Any, database: Any, equal_dumps: Callable[..., None]
) -> None:
    for tenant in BOTH:
        database.execute(f"SET search_path = {tenant}; {TRAP}")
    dump = database.dump_apart()
    plan(small)
    serve(small, BOTH[:1])
    assert len(small.apply().steps) == 3
    assert [naive(database, tenant) for tenant in BOTH] == [0, 2]
    serve(small, BOTH)
    assert statuses(small) == {
        "tenant_a": {StepState.DONE},
        # the support is there
        "tenant_b": {StepState.DONE, StepState.PENDING},
    }
    assert len(small.apply().steps) == 3
    assert [naive(database, tenant) for tenant in BOTH] == [0, 0]
    assert at_noon(database, "tenant_b")
    assert small.verify().outcome is Outcome.PROVED
    small.rollback()
    assert [naive(database, tenant) for tenant in BOTH] == [1, 1]
    half = {StepState.DONE, StepState.ROLLED_BACK}
    assert statuses(small) == {"tenant_a": half, "tenant_b": half}
    small.rollback(everything=True)
    assert [naive(database, tenant) for tenant in BOTH] == [2, 2]
    assert small.verify().outcome is Outcome.PROVED
    equal_dumps(database, dump)


def start(project: Any, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=project.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("each", [True, False])
def test_revisions_that_are_started_twice_at_once_convert_once(
    each: bool, two: Any, database: Any
) -> None:
    serve(two, each=each)
    before = {tenant: instants(database, tenant) for tenant in TENANTS}
    plan(two)
    both = [start(two, "upgrade", "head") for _ in range(2)]
    said = [run.communicate(timeout=300)[1] for run in both]
    # who comes second waits and passes over, or is told to try again
    assert 0 in {run.returncode for run in both}, said
    two.alembic("upgrade", "head")
    for tenant in TENANTS:
        assert naive(database, tenant) == 0
        assert instants(database, tenant) == before[tenant]
    assert two.verify().outcome is Outcome.PROVED
    assert database.execute(TWICE) == []


TWICE = "SELECT step, part FROM tzmigrate.step GROUP BY step, part HAVING count(*) > 1"


PLAIN = (
    "CREATE TABLE events (id int PRIMARY KEY, at timestamp);"
    "INSERT INTO events SELECT g, timestamp '2024-01-15 12:00' + g * interval '1 day'"
    " FROM generate_series(0, 20) AS g;"
)


@pytest.fixture
def small(database: Any, make_project: MakeProject) -> Any:
    """Two tenants of one table each."""
    for tenant in BOTH:
        database.execute(f"CREATE SCHEMA {tenant}; SET search_path = {tenant}; {PLAIN}")
    project = make_project(database.url)
    serve(project, BOTH)
    project.configure("[zones]\ndefault = 'America/New_York'\n")
    return project


BOTH = ("tenant_a", "tenant_b")

EPOCHS = "SELECT count(*) FROM {}.events WHERE extract(epoch FROM at) = %s + id * 86400"


def at_noon(database: Any, tenant: str) -> bool:
    """Whether all events are at noon in New York."""
    found = database.scalar(EPOCHS.format(tenant), [1705338000])
    return found == 21 and naive(database, tenant) == 0


@pytest.mark.parametrize("driver", ["psycopg2", "asyncpg"])
def test_every_driver_of_alembic_tells_the_tenants_apart(
    driver: str, small: Any, database: Any, make_project: MakeProject
) -> None:
    database.execute(f"SET search_path = tenant_a; {TRAP}")
    database.execute(f"SET search_path = tenant_b; {TRAP}")
    project = make_project(database.url, driver=driver, name=driver)
    if driver == "asyncpg":
        env = project.root / "migrations" / "env.py"
        env.write_text(ASYNC_ENV.format(tenants=BOTH), encoding="utf-8")
    else:
        serve(project, BOTH)
    project.configure("[zones]\ndefault = 'America/New_York'\n")
    plan(project)
    project.apply()
    assert at_noon(database, "tenant_a")
    assert at_noon(database, "tenant_b")
    done = {StepState.DONE}
    assert statuses(project) == {"tenant_a": done, "tenant_b": done}
    assert project.verify().outcome is Outcome.PROVED
    project.rollback(everything=True)
    assert [naive(database, tenant) for tenant in BOTH] == [2, 2]


def test_the_inverse_on_top_of_later_revisions_runs_for_each_tenant(
    small: Any, database: Any
) -> None:
    plan(small)
    small.apply()
    small.revision("later", "CREATE TABLE later (id int)", "DROP TABLE later")
    small.alembic("upgrade", "head")
    small.rollback(everything=True, as_revision=True)
    assert statuses(small)["tenant_a"] == {StepState.DONE, StepState.PENDING}
    small.alembic("upgrade", "head")
    assert [naive(database, tenant) for tenant in BOTH] == [1, 1]
    assert {s.state for s in small.status().steps if s.step == "tz_events"} == {
        StepState.ROLLED_BACK
    }
    assert small.verify().outcome is Outcome.PROVED


def test_names_that_were_qualified_by_mistake_convert_one_tenant_once(
    small: Any, database: Any
) -> None:
    small.plan(selection=Selection(schemas=("tenant_a",), tables=(), excludes=()))
    small.alembic("upgrade", "head")
    assert at_noon(database, "tenant_a")
    assert naive(database, "tenant_b") == 1
    assert database.scalar("SELECT count(*) FROM tzmigrate.step") == 1
    # planned again without names, for the tenant that is left
    assert refusals(plan(small, "tenant_b")) == {}
    done = small.alembic("upgrade", "head", check=False)
    assert "TZ344" in done.stderr
    assert "tenant_a.events.at" in done.stderr
    assert "step 'tz_events'" in done.stderr
    assert at_noon(database, "tenant_a")
    serve(small, ("tenant_b",))
    small.alembic("upgrade", "head")
    assert at_noon(database, "tenant_a")
    assert at_noon(database, "tenant_b")
    assert small.verify().outcome is Outcome.PROVED


def test_a_name_that_somebody_put_into_the_file_converts_nothing_twice(
    small: Any, database: Any
) -> None:
    plan(small)
    (file,) = (small.root / "migrations" / "versions").glob("*_tz_events.py")
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("this_tenant.", "tenant_a."), encoding="utf-8")
    done = small.alembic("upgrade", "head", check=False)
    assert "TZ344" in done.stderr
    assert at_noon(database, "tenant_a")
    assert naive(database, "tenant_b") == 1


TRAP = """
CREATE TABLE trapped (id int PRIMARY KEY, at timestamp, name varchar, note text,
    CHECK (lower(name) <> 'x' AND at > '2001-01-01 00:00:00'));
CREATE INDEX ON trapped (upper(name), at) WHERE at > '2001-01-01 00:00:00';
CREATE VIEW shown AS
SELECT id, at - '2001-01-01 00:00:00' AS since, lower(name) AS name,
    name || note AS both FROM trapped WHERE at > '2001-01-01 00:00:00';
INSERT INTO trapped VALUES (1, '2024-01-15 12:00', 'Name', 'note');
"""

SPRINGS = """
CREATE FUNCTION lower(varchar) RETURNS text LANGUAGE sql IMMUTABLE
AS $$SELECT 'sprung'$$;
CREATE FUNCTION upper(varchar) RETURNS text LANGUAGE sql IMMUTABLE
AS $$SELECT 'sprung'$$;
CREATE FUNCTION timezone(text, timestamp) RETURNS timestamptz LANGUAGE sql IMMUTABLE
AS $$SELECT 'epoch'::timestamptz$$;
CREATE FUNCTION joined(varchar, text) RETURNS text LANGUAGE sql IMMUTABLE
AS $$SELECT 'sprung'$$;
CREATE OPERATOR || (LEFTARG = varchar, RIGHTARG = text, FUNCTION = joined);
CREATE FUNCTION later(timestamptz, timestamptz) RETURNS boolean LANGUAGE sql IMMUTABLE
AS $$SELECT false$$;
CREATE OPERATOR > (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = later);
CREATE FUNCTION now() RETURNS timestamptz LANGUAGE sql
AS $$SELECT 'epoch'::timestamptz$$;
"""

CALLED = """
SELECT count(*) FROM pg_depend d JOIN pg_proc p
ON d.refclassid = 'pg_proc'::regclass AND p.oid = d.refobjid
WHERE p.pronamespace = 'tenant_b'::regnamespace AND d.classid <> 'pg_operator'::regclass
"""


def test_functions_and_operators_of_a_tenant_that_would_fit_better_are_not_taken(
    small: Any, database: Any, equal_dumps: Callable[..., None]
) -> None:
    for tenant in BOTH:
        database.execute(f"SET search_path = {tenant}; {TRAP}")
    # set when all that they could catch was made
    database.execute(f"SET search_path = tenant_b; {SPRINGS}")
    dump = database.dump_apart()
    assert refusals(plan(small)) == {}
    small.alembic("upgrade", "head")
    for tenant in BOTH:
        assert at_noon(database, tenant)
        assert database.execute(f'SELECT id, name, "both" FROM {tenant}.shown') == [
            (1, "name", "Namenote")
        ]
    assert database.scalar(CALLED) == 0
    assert small.verify().outcome is Outcome.PROVED
    small.alembic("downgrade", "base")
    equal_dumps(database, dump)


DIFFERENT = {
    "DROP TABLE last CASCADE": ("TZ341", "last does not exist"),
    "ALTER TABLE last DROP b": ("TZ341", "last.b does not exist"),
    "ALTER TABLE last ALTER b TYPE date": ("TZ345", "last.b is date"),
    "ALTER TABLE last ALTER b SET DEFAULT now()": ("TZ345", "last.b is now()"),
    "ALTER TABLE last ALTER b TYPE timestamptz": (
        "TZ344",
        "last.b is timestamp with time zone already",
    ),
    "CREATE VIEW extra AS SELECT b FROM last": ("TZ345", "extra uses column b of"),
    "CREATE OR REPLACE VIEW lasting AS SELECT a FROM last WHERE a > '2001-01-02'": (
        "TZ345",
        "lasting has another definition",
    ),
    "ALTER POLICY mine ON last USING (a > '2001-01-02')": (
        "TZ345",
        "last has another definition",
    ),
}


@pytest.mark.parametrize("change", DIFFERENT)
def test_a_tenant_that_differs_is_named_and_left_as_it_is(
    change: str, small: Any, database: Any, equal_dumps: Callable[..., None]
) -> None:
    """The others are done; what ran for it before is known, and comes back."""
    code, words = DIFFERENT[change]
    for tenant in BOTH:
        database.execute(
            f"SET search_path = {tenant};"
            "CREATE TABLE last (id int PRIMARY KEY, a timestamp, b timestamp);"
            "CREATE VIEW lasting AS SELECT a FROM last WHERE a > '2001-01-01';"
            "CREATE POLICY mine ON last USING (a > '2001-01-01');"
        )
    plan(small)
    database.execute(f"SET search_path = tenant_b; {change}")
    dump = database.dump_apart()
    for run in (with_alembic, with_apply):
        said = run(small)
        assert code in said
        assert f"tenant_b.{words}" in said
        assert naive(database, "tenant_a") == 0
        assert statuses(small)["tenant_a"] == {StepState.DONE}
    states = {s.step: s.state for s in small.status().steps if s.schema == "tenant_b"}
    assert states == {
        "support": StepState.DONE,
        "tz_events": StepState.DONE,
        "tz_last": StepState.PENDING,
    }
    small.alembic("downgrade", "base")
    equal_dumps(database, dump)


def with_alembic(project: Any) -> str:
    return str(project.alembic("upgrade", "head", check=False).stderr)


def with_apply(project: Any) -> str:
    with pytest.raises(DecisionNeeded) as caught:
        project.apply()
    assert caught.value.hint
    return f"{caught.value.code} {caught.value.message}"


def test_a_tenant_that_was_never_converted_is_no_obstacle_to_a_rollback(
    small: Any, database: Any
) -> None:
    plan(small)
    serve(small, BOTH[1:])
    small.apply()
    assert [naive(database, tenant) for tenant in BOTH] == [1, 0]
    serve(small, BOTH)
    small.rollback(everything=True)
    assert [naive(database, tenant) for tenant in BOTH] == [1, 1]


def with_env(project: Any, *changes: tuple[str, str]) -> None:
    env = project.root / "migrations" / "env.py"
    text = env.read_text(encoding="utf-8")
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    env.write_text(text, encoding="utf-8")


def test_a_table_that_the_next_schema_of_the_path_has_is_not_taken_for_the_tenants(
    small: Any, database: Any
) -> None:
    plan(small)
    database.execute(f"DROP TABLE tenant_b.events; SET search_path = public; {PLAIN}")
    with_env(small, ("quote(tenant)", "quote(tenant) + ', public'"))
    done = small.alembic("upgrade", "head", check=False)
    assert "TZ341" in done.stderr
    assert "tenant_b.events does not exist" in done.stderr
    assert "the first of the search_path" in done.stderr
    assert naive(database, "public") == 1
    assert at_noon(database, "tenant_a")


def test_a_search_path_without_a_schema_is_told(small: Any, database: Any) -> None:
    plan(small)
    with_env(
        small,
        ("quote(tenant)", "'nowhere, pg_catalog'"),
        ("version_table_schema=tenant", "version_table_schema='public'"),
    )
    done = small.alembic("upgrade", "head", check=False)
    assert "tzmigrate TZ350" in done.stderr
    assert "nowhere" in done.stderr
    assert naive(database, "tenant_a") == 1


def test_a_tenant_whose_schema_is_gone_is_told_and_shown_as_no_other(
    small: Any, database: Any
) -> None:
    plan(small)
    serve(small, ("tenant_a", "ghost"))
    with pytest.raises(DecisionNeeded, match="TZ350"):
        small.apply()
    assert naive(database, "tenant_a") == 1
    shown = [(s.schema, s.tables) for s in small.status().steps if s.tables]
    assert shown == [("tenant_a", ("tenant_a.events",)), ("", ("events",))]
    # offboarded after it was converted
    serve(small, BOTH)
    small.apply()
    database.execute("DROP SCHEMA tenant_b CASCADE")
    with pytest.raises(DecisionNeeded, match="TZ350"):
        small.apply()
    serve(small, BOTH[:1])
    small.rollback(everything=True)
    assert naive(database, "tenant_a") == 1


BOUND = {
    "CREATE VIEW v AS SELECT at, 'of tenant_a'::text AS whose FROM events": "TZ335",
    "CREATE VIEW v AS SELECT tenant_a.at FROM events AS tenant_a": "TZ335",
    "CREATE VIEW v AS SELECT at AS tenant_a FROM events": "TZ335",
    "ALTER TABLE events ADD CHECK (at > '2001-01-01' AND"
    " 'tenant_a.events'::regclass::oid > 0)": "TZ335",
    "ALTER TABLE events ALTER at SET DEFAULT ('tenant_a 2024-01-01'::text)::timestamp"
    "": "TZ335",
    "CREATE VIEW shared.v AS SELECT at FROM events": "TZ336",
    "CREATE TABLE shared.part (id int NOT NULL, at timestamp);"
    "ALTER TABLE shared.part INHERIT events": "TZ336",
}


@pytest.mark.parametrize("bound", BOUND)
def test_what_is_bound_to_one_schema_is_refused_by_name(
    bound: str, small: Any, database: Any
) -> None:
    for tenant in BOTH:
        database.execute(f"CREATE TABLE {tenant}.others (at timestamp)")
    database.execute(f"CREATE SCHEMA shared; SET search_path = tenant_a; {bound}")
    found = refusals(plan(small))
    assert list(found) == ["events.at"]
    code, reason = found["events.at"]
    assert code == BOUND[bound]
    assert "tenant_a" in reason or "shared" in reason
    small.alembic("upgrade", "head")
    assert [naive(database, tenant) for tenant in BOTH] == [1, 1]


def test_what_other_schemas_only_lend_keeps_its_name(
    small: Any, database: Any, equal_dumps: Callable[..., None]
) -> None:
    database.execute(
        "CREATE SCHEMA shared; CREATE FUNCTION shared.f(int) RETURNS int LANGUAGE sql"
        " IMMUTABLE AS 'SELECT 1'; CREATE TABLE shared.kinds (id int PRIMARY KEY)"
    )
    for tenant in BOTH:
        database.execute(
            f"SET search_path = {tenant}; ALTER TABLE events ADD kind int"
            " REFERENCES shared.kinds; CREATE VIEW v AS SELECT e.at, k.id,"
            " shared.f(k.id) FROM events e LEFT JOIN shared.kinds k ON k.id = e.kind"
        )
    dump = database.dump_apart()
    assert refusals(plan(small)) == {}
    small.alembic("upgrade", "head")
    assert [naive(database, tenant) for tenant in BOTH] == [0, 0]
    small.alembic("downgrade", "base")
    equal_dumps(database, dump)


@pytest.mark.parametrize(
    "schemas", [(), BOTH, ("tenant_*",), ("tenant_?",), ("tenant_[a]",)]
)
def test_unqualified_is_for_one_schema(schemas: tuple[str, ...], small: Any) -> None:
    with pytest.raises(UsageError) as caught:
        small.plan(
            selection=Selection(schemas=schemas, tables=(), excludes=()),
            unqualified=True,
        )
    assert caught.value.code == "TZ289"
    assert "--schema tenant_a" in (caught.value.hint or "")


def test_the_command_as_it_is_typed(small: Any, shell_in: Any) -> None:
    shell = shell_in(small.root)
    common = ("--url", small.url, "--alembic", "alembic.ini")
    shell.main("plan", "--unqualified", *common).is_error(2, "TZ289", "--schema")
    of_one = ("--unqualified", "--schema", "tenant_a", "--accept", "TZ301")
    ended = shell.main("plan", *of_one, *common)
    assert ended.status == 0, ended.err
    ended = shell.main("apply", "--yes", *common)
    assert ended.status == 0, ended.err
    ended = shell.main("status", *common)
    assert ended.status == 0
    assert ended.out.count("tenant_b.events") == ended.out.count("tenant_a.events") == 1
    ended = shell.main("status", "--format", "json", *common)
    assert '"schema": "tenant_b"' in ended.out


def test_a_script_for_psql_runs_for_the_tenant_of_its_search_path(
    small: Any, database: Any
) -> None:
    plan(small)
    (small.root / "migrations" / "env.py").write_text(
        "from alembic import context\n"
        "context.configure(dialect_name='postgresql', literal_binds=True,"
        " transaction_per_migration=True)\n"
        "with context.begin_transaction():\n    context.run_migrations()\n",
        encoding="utf-8",
    )
    script = small.run("upgrade", "head", "--sql")
    for tenant in BOTH:
        database.psql(f"SET search_path = {tenant};\n{script}")
        assert at_noon(database, tenant)
    assert database.execute("SELECT step FROM tzmigrate.step ORDER BY 1") == [
        (f"tz_events@{tenant}",) for tenant in BOTH
    ]
    assert small.verify().outcome is Outcome.PROVED


def test_scripts_without_alembic_run_for_the_tenant_of_the_session(
    small: Any, database: Any, shell_in: Callable[..., Any], tmp_path: Any
) -> None:
    shell = shell_in(tmp_path)

    def tool(verb: str, *words: str, **environ: str) -> Any:
        ended = shell.run(verb, *words, DATABASE_URL=database.url, **environ)
        assert ended.status == 0, ended.out + ended.err
        return ended

    def known() -> set[tuple[str, str]]:
        steps = json.loads(tool("status", *there, "--format", "json").out)["steps"]
        return {(s["schema"], s["state"]) for s in steps if s["step"] == "tz_events"}

    there = ("--sql", "scripts")
    tool(
        "plan", *there, "--unqualified", "--schema", "tenant_a", "--accept", "TZ301",
        "--zone", "default=America/New_York",
    )  # fmt: skip
    assert known() == {("tenant_a", "pending")}
    # what was planned on is converted, and nobody else
    tool("apply", *there, "--yes")
    assert at_noon(database, "tenant_a")
    assert naive(database, "tenant_b") == 1
    assert known() == {("tenant_a", "done")}
    # as psql has it
    for file in sorted((tmp_path / "scripts").glob("*.up.sql")):
        script = file.read_text("utf-8")
        database.psql(f"BEGIN;\nSET search_path = tenant_b;\n{script}\nCOMMIT;")
    assert at_noon(database, "tenant_b")
    assert known() == {("tenant_a", "done"), ("tenant_b", "done")}
    assert small.verify().outcome is Outcome.PROVED
    tool("rollback", *there, "--yes")
    assert [naive(database, tenant) for tenant in BOTH] == [1, 1]
    # and by the tool for the other one alone
    of_b = {"PGOPTIONS": "-c search_path=tenant_b"}
    tool("apply", *there, "--yes", **of_b)
    assert at_noon(database, "tenant_b")
    assert naive(database, "tenant_a") == 1
    tool("rollback", *there, "--yes")
    assert [naive(database, tenant) for tenant in BOTH] == [1, 1]


OWN = """
CREATE FUNCTION fits(timestamp) RETURNS boolean LANGUAGE plpgsql IMMUTABLE
AS $$BEGIN RETURN $1 > '2001-01-01'; END$$;
CREATE FUNCTION day_of(timestamptz) RETURNS date LANGUAGE sql IMMUTABLE
AS $$SELECT ($1 AT TIME ZONE 'Europe/Warsaw')::date$$;
CREATE TABLE owned (
    id int PRIMARY KEY, at timestamp,
    note text DEFAULT E'a\\\\b' CHECK (note <> E'\\\\'),
    CHECK (fits(at) OR note = E'it''s \\\\ 100%')
);
CREATE INDEX ON owned (fits(at));
INSERT INTO owned SELECT g, timestamp '2024-01-15 12:00'
FROM generate_series(1, 20) AS g;
"""


def test_functions_of_an_owner_run_with_that_ones_rights_for_each_tenant(
    small: Any,
    database: Any,
    make_role: Callable[..., Any],
    equal_dumps: Callable[..., None],
) -> None:
    owner = make_role()
    for tenant in BOTH:
        database.execute(
            f"SET search_path = {tenant}; {OWN};"
            f"GRANT USAGE, CREATE ON SCHEMA {tenant} TO {owner.name};"
            f"ALTER TABLE owned OWNER TO {owner.name}"
        )
    dump = database.dump_apart()
    assert refusals(plan(small)) == {}
    small.alembic("upgrade", "head")
    assert [naive(database, tenant) for tenant in BOTH] == [0, 0]
    assert small.verify().outcome is Outcome.PROVED
    small.alembic("downgrade", "base")
    equal_dumps(database, dump)


def convert_by_hand(database: Any, tenant: str, zone: str = "America/New_York") -> None:
    """Convert a small tenant as somebody does who knows the zone."""
    database.execute(
        f"BEGIN; SET LOCAL search_path = {tenant}; SET LOCAL TimeZone = '{zone}';"
        " ALTER TABLE events ADD was timestamp; UPDATE events SET was = at;"
        " ALTER TABLE events ALTER at TYPE timestamptz; COMMIT"
    )


ROWS = "SELECT array_agg(concat(id, at::timestamp) ORDER BY id) FROM {}.events"


def test_the_ledger_goes_with_the_last_tenant(small: Any, database: Any) -> None:
    plan(small)
    small.alembic("upgrade", "head")
    small.rollback(everything=True)
    small.alembic("downgrade", "base")
    assert database.scalar("SELECT to_regnamespace('tzmigrate') IS NULL")
    assert statuses(small)["tenant_b"] == {StepState.PENDING}
    small.alembic("upgrade", "head")
    assert all(at_noon(database, tenant) for tenant in BOTH)


def test_a_tenant_that_is_gone_does_not_keep_the_ledger(
    small: Any, database: Any
) -> None:
    plan(small)
    small.alembic("upgrade", "head")
    database.execute("DROP SCHEMA tenant_b CASCADE")
    serve(small, ("tenant_a",))
    small.alembic("downgrade", "base")
    assert naive(database, "tenant_a") == 1
    assert database.scalar("SELECT to_regnamespace('tzmigrate') IS NULL")


@pytest.mark.parametrize("tenant", BOTH)
def test_a_tenant_that_somebody_converted_by_hand_is_adopted(
    tenant: str, small: Any, database: Any
) -> None:
    before = [database.scalar(ROWS.format(each)) for each in BOTH]
    assert refusals(plan(small)) == {}
    (other,) = set(BOTH) - {tenant}
    convert_by_hand(database, tenant)
    done = small.alembic("upgrade", "head", check=False)
    assert "TZ344" in done.stderr
    adopted = small.adopt(
        f"{tenant}.events.at", old_columns=(f"{tenant}.events.at=was",)
    )
    (column,) = adopted.columns
    assert (column.step, column.conversion) == (f"tz_events@{tenant}", Ground.PROVED)
    database.execute(f"ALTER TABLE {tenant}.events DROP was")
    small.alembic("upgrade", "head")
    assert at_noon(database, tenant)
    assert at_noon(database, other)
    assert small.verify().outcome is Outcome.PROVED
    small.alembic("downgrade", "base")
    assert [database.scalar(ROWS.format(each)) for each in BOTH] == before


def test_a_schema_that_is_no_tenant_gets_a_step_of_its_own(
    small: Any, database: Any
) -> None:
    plan(small)
    database.execute(f"CREATE SCHEMA archive; SET search_path = archive; {PLAIN}")
    convert_by_hand(database, "archive")
    adopted = small.adopt("archive.events.at", accept=("TZ415",))
    assert [c.step for c in adopted.columns] == ["adopt_events"]
    small.alembic("upgrade", "head")
    assert all(at_noon(database, tenant) for tenant in BOTH)


def test_a_tenant_of_another_zone_is_adopted_apart(small: Any, database: Any) -> None:
    plan(small)
    convert_by_hand(database, "tenant_b", "Europe/Berlin")
    another = {"zones": ("tenant_b.*.*=Europe/Berlin",), "accept": ("TZ415",)}
    with pytest.raises(DecisionNeeded, match="TZ314") as caught:
        small.adopt("tenant_b.events.at", **another)
    assert "leave it out of the tenants" in str(caught.value.hint)
    serve(small, ("tenant_a",))
    adopted = small.adopt("tenant_b.events.at", **another)
    assert [c.step for c in adopted.columns] == ["adopt_events"]
    small.alembic("upgrade", "head")
    assert at_noon(database, "tenant_a")
    assert small.verify(accept=("TZ301",)).columns


def test_a_tenant_is_adopted_as_a_whole_step_or_not(small: Any, database: Any) -> None:
    for tenant in BOTH:
        database.execute(f"ALTER TABLE {tenant}.events ADD seen timestamp")
    plan(small)
    convert_by_hand(database, "tenant_b")
    with pytest.raises(DecisionNeeded, match="TZ327") as caught:
        small.adopt("tenant_b.events.at")
    assert "tenant_b.events.seen" in str(caught.value)
