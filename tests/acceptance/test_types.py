"""Domains and composite types are replaced by zoned ones of their name, and back."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tzmigrate.planning.model import Action
from tzmigrate.verification.model import Outcome

ZONES = ("UTC", "America/New_York", "Asia/Kathmandu")


def wall(database: Any, query: str, zone: str) -> Any:
    """Return a query's rows in a session of a zone, without the offsets."""
    with database.connect() as connection:
        connection.execute("SELECT set_config('TimeZone', %s, false)", [zone])
        found = connection.execute(
            "SELECT regexp_replace(x::text, '([0-9]:[0-9]{2}(:[0-9.]+)?)[+-][0-9:]+',"
            f" '\\1', 'g') FROM ({query}) AS x"
        ).fetchall()
    return found


def dependents(database: Any) -> Any:
    """Return everything about the types, but what they are made of."""
    return database.execute(
        "SELECT t.typname, t.typnotnull, pg_get_userbyid(t.typowner), t.typacl::text,"
        " obj_description(t.oid, 'pg_type'), (SELECT array_agg(concat(k.conname,"
        " k.contype, k.convalidated, obj_description(k.oid, 'pg_constraint'))"
        " ORDER BY k.conname) FROM pg_constraint k WHERE k.contypid = t.oid),"
        " (SELECT array_agg(concat(a.attname, col_description(a.attrelid, a.attnum))"
        " ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = t.typrelid"
        " AND a.attnum > 0)"
        " FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid"
        " WHERE t.typnamespace IN ('public'::regnamespace, 'app'::regnamespace)"
        " AND (t.typtype = 'd' OR c.relkind = 'c') ORDER BY 1"
    )


@pytest.fixture
def make(
    database: Any, make_project: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    def made(schema: str, zones: str, policy: str = "") -> Any:
        database.execute("CREATE SCHEMA app; SET check_function_bodies = off;" + schema)
        project = make_project(database.url)
        monkeypatch.chdir(project.root)
        project.configure(f"[zones]\n{zones}\n[policy]\n{policy}\n")
        return project

    return made


def circle(
    database: Any,
    project: Any,
    equal_dumps: Callable[..., None],
    queries: dict[str, str],
) -> Any:
    """Go up, down and up again; queries with the zone of their values."""
    before = database.dump_apart()
    seen = {q: wall(database, q, z) for q, z in queries.items()}
    had = dependents(database)
    plan = project.plan()
    assert plan.decisions == ()
    refused = [
        (c.code, c.reason)
        for g in plan.groups
        for c in g.columns
        if c.action is Action.REFUSE
    ]
    assert refused == []
    for _ in range(2):
        project.run("upgrade", "head")
        assert project.verify().outcome is Outcome.PROVED
        assert {q: wall(database, q, z) for q, z in queries.items()} == seen
        assert dependents(database) == had
        project.run("downgrade", "base")
        equal_dumps(database, before)
    project.run("upgrade", "head")
    return plan


def actions(plan: Any) -> dict[str, tuple[Action, str | None]]:
    return {c.column: (c.action, c.code) for g in plan.groups for c in g.columns}


def reasons(plan: Any) -> dict[str, str]:
    return {c.column: c.reason for g in plan.groups for c in g.columns}


DOMAINS = """
CREATE DOMAIN app.moment AS timestamp DEFAULT '2020-01-01 10:00'
    CONSTRAINT late CHECK (VALUE > '1800-01-01 05:00')
    CHECK (VALUE::date <> '1999-09-09');
CREATE DOMAIN app."Sharp" AS timestamp(3) NOT NULL;
CREATE DOMAIN slots AS timestamp[] DEFAULT '{2020-01-01 10:00}';
CREATE DOMAIN during AS tsrange
    CHECK (NOT isempty(VALUE) AND lower(VALUE) > '1800-01-01');
COMMENT ON DOMAIN app.moment IS 'a ''moment''';
COMMENT ON CONSTRAINT late ON DOMAIN app.moment IS 'not too early';
GRANT USAGE ON TYPE app.moment TO pg_monitor WITH GRANT OPTION;
REVOKE USAGE ON TYPE app."Sharp" FROM PUBLIC;
ALTER DOMAIN app.moment OWNER TO pg_read_all_settings;
CREATE TABLE t (id int PRIMARY KEY, at app.moment, other app.moment DEFAULT now(),
    sharp app."Sharp" DEFAULT '2021-01-01', slots slots, during during,
    many app.moment[], plain timestamp, none int);
INSERT INTO t VALUES
    (1, '2024-01-15 12:30:00.123456', '2024-07-15 12:30', '2024-01-15 12:30:00.1239',
     '{2024-01-15 12:30,NULL,infinity}', '[2024-01-15 12:30,)',
     '[0:1]={2024-01-15 12:30,NULL}', '2024-01-15 12:30'),
    (2, NULL, 'infinity', '1850-01-01 00:00:00.001', NULL, NULL, NULL, '0044-03-15 BC'),
    (3, '9999-12-31 23:59:59.999999', '12345-06-07', 'infinity', '{{2024-01-15 12:30}}',
     '(2024-01-15,infinity]', '{}', NULL);
CREATE TABLE u (at app.moment PRIMARY KEY, n int);
INSERT INTO u SELECT timestamp '2024-01-01 12:00' + g * interval '1 day', g
FROM generate_series(1, 30) AS g;
CREATE INDEX ON t (at); CREATE INDEX ON t USING gist (during);
"""


@pytest.mark.parametrize("zone", ZONES)
def test_domains_become_zoned_with_everything_they_have(
    database: Any, make: Any, equal_dumps: Any, zone: str
) -> None:
    project = make(DOMAINS, f'default = "{zone}"')
    database.execute(
        "INSERT INTO u VALUES ('2001-01-01', 0);"
        "ALTER DOMAIN app.moment ADD CONSTRAINT broken"
        " CHECK (VALUE <> '2001-01-01') NOT VALID"
    )
    plan = circle(
        database, project, equal_dumps,
        {"SELECT * FROM t ORDER BY id": zone, "SELECT * FROM u ORDER BY at": zone},
    )  # fmt: skip
    (group,) = plan.groups
    assert len(group.tables) == 2
    base = "SELECT format_type(typbasetype, typtypmod) FROM pg_type WHERE typname = %s"
    assert database.scalar(base, ["moment"]) == "timestamp with time zone"
    assert database.scalar(base, ["Sharp"]) == "timestamp(3) with time zone"
    assert database.scalar(base, ["slots"]) == "timestamp with time zone[]"
    assert database.scalar(base, ["during"]) == "tstzrange"
    # the CHECKs and defaults mean in every session what they meant
    for session in ("Pacific/Auckland", "America/Los_Angeles"):
        with database.connect() as connection:
            connection.execute(f"SET TimeZone = '{session}'")
            for value in ("1999-09-09 00:00", "1999-09-09 23:59", "1800-01-01 05:00"):
                with (
                    pytest.raises(psycopg.errors.CheckViolation),
                    connection.transaction(),
                ):
                    connection.execute(
                        "UPDATE t SET at = timestamp '%s' AT TIME ZONE '%s'"  # noqa: UP031
                        % (value, zone)
                    )
            connection.execute(
                "UPDATE t SET at = timestamp '1999-09-10' AT TIME ZONE %s", [zone]
            )
            connection.rollback()
            connection.execute(f"SET TimeZone = '{session}'")
            connection.execute("INSERT INTO t (id) VALUES (9)")
            row = connection.execute(
                "SELECT (at AT TIME ZONE %(z)s)::text,"
                " (slots[1] AT TIME ZONE %(z)s)::text,"
                " (sharp AT TIME ZONE %(z)s)::text, other = now()"
                " FROM t WHERE id = 9",
                {"z": zone},
            ).fetchone()
            connection.rollback()
        assert row == (
            "2020-01-01 10:00:00", "2020-01-01 10:00:00", "2021-01-01 00:00:00", True
        )  # fmt: skip


def test_a_domain_that_something_else_uses_is_refused_by_name(
    database: Any, make: Any
) -> None:
    project = make(
        "CREATE DOMAIN a AS timestamp; CREATE DOMAIN b AS timestamp;"
        "CREATE DOMAIN c AS timestamp; CREATE DOMAIN e AS timestamp;"
        "CREATE TYPE r AS RANGE (subtype = timestamp);"
        "CREATE DOMAIN s AS timestamp[] CHECK (VALUE[1] > '2000-01-01');"
        "CREATE FUNCTION later(a) RETURNS int LANGUAGE sql AS 'SELECT 1';"
        "CREATE VIEW v AS SELECT now()::timestamp::b AS at;"
        "CREATE TABLE t (a a, b b, c c, c2 c, d c, e e, f e, g timestamp, h r,"
        " i s)",
        'default = "UTC"\n"public.t.d" = "keep"\n"public.t.e" = "Europe/Paris"',
    )
    plan = project.plan()
    found = actions(plan)
    assert found == {
        # the function is made anew
        "a": (Action.CONVERT, None),
        "b": (Action.REFUSE, "TZ104"),
        "c": (Action.REFUSE, "TZ334"),
        "c2": (Action.REFUSE, "TZ334"),
        "d": (Action.KEEP, "TZ309"),
        "e": (Action.REFUSE, "TZ334"),
        "f": (Action.REFUSE, "TZ334"),
        "g": (Action.CONVERT, None),
        "h": (Action.REFUSE, "TZ102"),
        "i": (Action.REFUSE, "TZ104"),
    }
    why = reasons(plan)
    assert "view" in why["b"]
    assert "public.t.d stays as it is" in why["c"]
    assert "several zones" in why["e"]
    project.run("upgrade", "head")
    assert project.verify().outcome is Outcome.PROVED


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_columns_leave_their_domains_on_request(
    database: Any, make: Any, equal_dumps: Any, zone: str
) -> None:
    project = make(
        "CREATE DOMAIN a AS timestamp; CREATE DOMAIN b AS timestamp[] DEFAULT '{}';"
        "CREATE DOMAIN c AS timestamp CHECK (VALUE > '2000-01-01');"
        "CREATE FUNCTION f(a) RETURNS int LANGUAGE sql AS 'SELECT 1';"
        "CREATE TABLE t (id int PRIMARY KEY, a a DEFAULT '2024-01-15 12:00', b b);"
        "CREATE TABLE u (id int, c c);"
        "INSERT INTO t VALUES (1, '2024-01-15 12:30', '{2024-01-15 12:30,NULL}')",
        f'default = "{zone}"\n"public.u.*" = "keep"', 'domains = "base"',
    )  # fmt: skip
    plan = circle(database, project, equal_dumps, {"SELECT * FROM t": zone})
    after = {c.column: c.type_after for g in plan.groups for c in g.converted}
    assert after == {"a": "timestamp with time zone", "b": "timestamp with time zone[]"}
    assert database.scalar("INSERT INTO t (id) VALUES (9) RETURNING b::text") == "{}"
    database.execute("DELETE FROM t WHERE id = 9")
    project.configure('[zones]\ndefault = "UTC"\n[policy]\ndomains = "base"\n')
    (refused,) = [
        c for g in project.plan().groups for c in g.columns if c.relation == "u"
    ]
    assert (refused.code, refused.action) == ("TZ104", Action.REFUSE)
    assert "lose a CHECK" in refused.reason


COMPOSITES = """
CREATE DOMAIN moment AS timestamp;
CREATE TYPE stay AS (room text COLLATE "C", since timestamp, until timestamp(3),
    "All" timestamp[], during tsrange, seen moment, at timestamptz, day date);
CREATE TYPE visit AS (stay stay, more stay[], n float8);
COMMENT ON TYPE stay IS 'a stay';
COMMENT ON COLUMN stay.since IS 'from';
ALTER TYPE stay OWNER TO pg_read_all_settings;
GRANT USAGE ON TYPE stay TO pg_monitor;
CREATE TABLE guests (id int PRIMARY KEY, stay stay, stays stay[], visit visit);
INSERT INTO guests VALUES
    (1, ROW('7a', '2024-01-15 12:30:00.123456', 'infinity', '{2024-01-15 12:30,NULL}',
            '[2024-01-15 12:30,)', '2024-01-15 12:30', '2024-01-15 12:30+00',
            '2024-01-15'),
     NULL, NULL),
    (2, NULL, ARRAY[ROW('8', '0044-03-15 12:00 BC', NULL, '{}', 'empty', NULL, NULL,
                        NULL)::stay, NULL], ROW(NULL, NULL, 0.1)),
    (3, ROW(NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), '{}',
     ROW(ROW('x', '1850-01-01', NULL, NULL, NULL, NULL, NULL, NULL), '{}', 'NaN')),
    (4, ROW('it''s, "7" \\', NULL, '1999-12-31 23:59:59.999', '[3:4]={infinity,NULL}',
            '(,)', '9999-12-31 23:59:59.999999', 'infinity', 'infinity'), NULL, NULL);
"""
GUESTS = "SELECT *, stay IS NULL, stay IS DISTINCT FROM NULL FROM guests ORDER BY id"


@pytest.mark.parametrize("zone", ZONES)
def test_composite_types_keep_every_attribute_and_both_kinds_of_null(
    database: Any, make: Any, equal_dumps: Any, zone: str
) -> None:
    project = make(COMPOSITES, f'default = "{zone}"')
    instants = "SELECT ((stay).at AT TIME ZONE 'UTC')::text FROM guests ORDER BY id"
    before = database.execute(instants)
    circle(database, project, equal_dumps, {
        "SELECT id, (stay).room, (stay).since, (stay).until, (stay).\"All\","
        " (stay).during, (stay).seen, (stay).day, stay IS NULL,"
        " stay IS DISTINCT FROM NULL FROM guests ORDER BY id": zone,
        "SELECT g.id, s.since, s.until, s.during FROM guests g, unnest(g.stays) s"
        " ORDER BY 1, 2": zone,
        "SELECT id, ((visit).stay).since, (visit).n, (visit).more FROM guests"
        " ORDER BY id": zone,
    })  # fmt: skip
    assert database.execute(instants) == before


def test_gaps_are_found_inside_composite_types(database: Any, make: Any) -> None:
    project = make(
        "CREATE TYPE stay AS (room text, since timestamp, all_of_them timestamp[]);"
        "CREATE DOMAIN moment AS timestamp;"
        "CREATE TABLE t (id int PRIMARY KEY, stay stay, stays stay[], at moment);"
        "INSERT INTO t VALUES (1, ROW('a', '2024-03-31 02:30', NULL), NULL, NULL),"
        " (2, NULL, ARRAY[NULL, ROW('a', NULL, '{2024-03-31 02:30}')::stay], NULL),"
        " (3, NULL, NULL, '2024-03-31 02:30')",
        'default = "Europe/Paris"',
    )
    plan = project.plan(dry_run=True)
    assert {c: code for c, (_, code) in actions(plan).items()} == {
        "stay": "TZ304", "stays": "TZ304", "at": "TZ304",
    }  # fmt: skip
    database.execute("UPDATE t SET stay = NULL, stays = NULL, at = NULL")
    project.plan()
    database.execute(
        "UPDATE t SET stay.all_of_them = '{2024-03-31 02:30}' WHERE id = 2"
    )
    done = project.alembic("upgrade", "head", check=False)
    assert "TZ346: 1 row of public.t.stay stands in hours" in done.stderr


TYPED = """
CREATE TYPE event AS (id int, at timestamp, note text);
CREATE TABLE events OF event (PRIMARY KEY (id), at DEFAULT '2020-01-01', note NOT NULL);
CREATE TABLE more_events OF event;
INSERT INTO events VALUES (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b');
INSERT INTO more_events VALUES (1, 'infinity', 'c'), (2, '0044-03-15 12:00:00 BC', 'd');
CREATE INDEX ON more_events (at);
COMMENT ON TYPE event IS 'what happened';
CREATE TABLE log (id int PRIMARY KEY, event event);
INSERT INTO log SELECT e.id, ROW(e.*)::event FROM events e;
"""


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_typed_tables_stay_tables_of_their_type(
    database: Any, make: Any, equal_dumps: Any, zone: str
) -> None:
    project = make(TYPED, f'default = "{zone}"')
    circle(database, project, equal_dumps, {
        "SELECT * FROM events ORDER BY id": zone,
        "SELECT * FROM more_events ORDER BY id": zone,
        "SELECT id, (event).at FROM log ORDER BY id": zone,
    })  # fmt: skip
    of = "SELECT reloftype::regtype::text FROM pg_class WHERE relname = 'events'"
    assert database.scalar(of) == "event"


LONG = "n" * 62
TAKEN = f"""
CREATE DOMAIN moment AS timestamp; CREATE DOMAIN tz_old_moment AS timestamp;
CREATE TYPE stay AS (since timestamp); CREATE TYPE tz_old_stay AS (nights int);
CREATE DOMAIN {LONG}1 AS timestamp; CREATE DOMAIN {LONG}2 AS timestamp;
CREATE TYPE {LONG}3 AS (since timestamp, {LONG}1 {LONG}1);
CREATE TABLE orders (id int PRIMARY KEY, a moment, b tz_old_moment, c stay,
  d {LONG}1, e {LONG}2, f {LONG}3, g tz_old_stay);
INSERT INTO orders VALUES (1, '2024-07-01', '2024-07-02', ROW('2024-07-03'),
  '2024-07-04', '2024-07-05', ROW('2024-07-06', '2024-07-07'), ROW(8));
"""


def test_a_type_that_is_replaced_finds_a_free_name_meanwhile(
    database: Any, make: Any, equal_dumps: Callable[..., None]
) -> None:
    project = make(TAKEN, 'default = "UTC"')
    before = database.dump_apart()
    plan = project.plan()
    assert plan.written, plan
    project.run("upgrade", "head")
    assert project.verify().outcome is Outcome.PROVED
    assert wall(database, "SELECT orders FROM orders", "UTC")
    assert database.scalar("SELECT (f).since FROM orders").tzinfo is not None
    project.run("downgrade", "base")
    equal_dumps(database, before)


def test_a_domain_that_changed_since_the_plan_stops_the_revision(
    database: Any, make: Any
) -> None:
    project = make(
        "CREATE DOMAIN moment AS timestamp; CREATE TABLE t (id int, at moment)",
        'default = "UTC"',
    )
    project.plan()
    database.execute("ALTER DOMAIN moment ADD CHECK (VALUE > '2000-01-01')")
    done = project.alembic("upgrade", "head", check=False)
    assert "TZ345: stale plan: domain public.moment has another" in done.stderr
    database.execute("ALTER DOMAIN moment DROP CONSTRAINT moment_check")
    database.execute("CREATE TABLE u (at moment)")
    done = project.alembic("upgrade", "head", check=False)
    assert done.returncode
    assert (
        database.scalar(
            "SELECT pg_typeof(at)::text FROM (SELECT 1) x LEFT JOIN t ON true"
        )
        == "moment"
    )
    database.execute("DROP TABLE u")
    project.run("upgrade", "head")
    assert project.verify().outcome is Outcome.PROVED
    database.execute("ALTER DOMAIN moment ADD CHECK (VALUE > '2000-01-01')")
    done = project.alembic("downgrade", "base", check=False)
    assert "TZ345: stale plan: domain public.moment has another" in done.stderr
