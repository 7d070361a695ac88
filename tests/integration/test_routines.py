"""Functions on a real server: found, rewritten, and right in sessions elsewhere."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import sql

from tests.conftest import Database, LoginRole
from tzmigrate.inventory.catalog import read_inventory
from tzmigrate.inventory.model import Column, Inventory
from tzmigrate.planning.routines import (
    RoutineContext,
    rewrite_routine_source,
    routine_statements,
)
from tzmigrate.postgres.session import connect, read_only
from tzmigrate.postgres.url import Target
from tzmigrate.revisions import support

TABLE = """
CREATE SCHEMA app;
CREATE TABLE app.orders (id int PRIMARY KEY, placed_at timestamp, updated_at timestamp,
    day date, note text);
INSERT INTO app.orders VALUES (1, '2024-06-01 02:30', '2024-06-01 02:30');
"""
TOUCH = """
CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- the wall clock of UTC
    NEW.updated_at := {expression};
    RETURN NEW;
END $$;
CREATE TRIGGER touch BEFORE UPDATE ON app.orders
    FOR EACH ROW EXECUTE FUNCTION app.touch();
"""
EXPRESSIONS = (
    "now() AT TIME ZONE 'utc'",
    "timezone('UTC', clock_timestamp())",
    "date_trunc('milliseconds', now() AT TIME ZONE 'utc')",
    "coalesce(NULL, now() AT TIME ZONE 'utc')",
)


def scan(database: Database, **options: Any) -> Inventory:
    with connect(Target(database.url)) as session, read_only(session):
        return read_inventory(session, **options)


def column(inventory: Inventory, name: str) -> Column:
    (found,) = [c for c in inventory.columns if c.column == name]
    return found


def convert(database: Database, zone: str = "UTC") -> None:
    with database.connect() as connection:
        connection.execute("SELECT set_config('TimeZone', %s, true)", [zone])
        connection.execute(
            "ALTER TABLE app.orders ALTER placed_at TYPE timestamptz,"
            " ALTER updated_at TYPE timestamptz"
        )


def rewrite(database: Database, zone: str = "Etc/UTC") -> dict[str, tuple[str, str]]:
    """Return up and down of every function that could be rewritten."""
    inventory = scan(database)
    reading = inventory.routines
    assert reading is not None
    converted = {c.name: zone for c in inventory.columns}
    found = {}
    for routine in reading.routines:
        done = rewrite_routine_source(
            routine.source,
            routine.language,
            converted,
            RoutineContext(routine=routine, around=reading.around),
        )
        if done.text is not None:
            before = database.scalar(
                "SELECT pg_get_functiondef(%s::regprocedure)", [routine.signature]
            )
            found[routine.signature] = routine_statements(before, done.text)
    return found


def run(database: Database, *statements: str) -> None:
    with database.connect(autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)  # type: ignore[arg-type]  # text of a test


def touched(database: Database) -> timedelta:
    """Return how far the stored instant is from now, from a session in New York."""
    with database.connect(autocommit=True) as connection:
        connection.execute("SET TimeZone = 'America/New_York'")
        connection.execute("UPDATE app.orders SET note = 'x'")
        row = connection.execute(
            "SELECT updated_at AT TIME ZONE 'UTC' FROM app.orders"
        ).fetchone()
    assert row is not None
    stored: datetime = row[0].replace(tzinfo=UTC)
    return abs(stored - datetime.now(UTC))


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_the_rewritten_trigger_writes_the_instant_that_the_old_one_shifts(
    database: Database, expression: str
) -> None:
    database.execute(TABLE + TOUCH.format(expression=expression))
    ((up, down),) = rewrite(database).values()
    source = "SELECT prosrc FROM pg_proc WHERE proname = 'touch'"
    before = database.scalar(source)
    convert(database)

    assert touched(database) > timedelta(hours=3)
    run(database, up)
    assert touched(database) < timedelta(minutes=1)
    assert "-- the wall clock of UTC" in database.scalar(source)
    run(database, down)
    assert database.scalar(source) == before


READERS = """
CREATE FUNCTION app.after(since timestamp) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM app.orders WHERE placed_at > since $$;
CREATE FUNCTION app.on_day(d date) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
    SELECT count(*) INTO n FROM app.orders o WHERE o.placed_at::date = d;
    RETURN n;
END $$;
CREATE FUNCTION app.latest() RETURNS TABLE (number int, at timestamp)
LANGUAGE plpgsql AS $$
BEGIN RETURN QUERY SELECT o.id, o.placed_at FROM app.orders o; END $$;
CREATE FUNCTION app.shown() RETURNS text LANGUAGE sql AS $$
    SELECT to_char(placed_at, 'YYYY-MM-DD HH24:MI') || note_of.d
    FROM app.orders, LATERAL (SELECT extract(hour from updated_at) AS d) note_of $$;
CREATE FUNCTION app.copied() RETURNS timestamp LANGUAGE plpgsql AS $$
DECLARE x timestamp; r record;
BEGIN
    FOR r IN SELECT id, placed_at, placed_at::date FROM app.orders LOOP
        x := r.placed_at + interval '1 day';
        UPDATE app.orders SET updated_at = x, day = r.placed_at WHERE id = r.id;
    END LOOP;
    RETURN (SELECT updated_at FROM app.orders);
END $$;
"""
CALLS = (
    "SELECT app.after('2024-06-01 02:00')",
    "SELECT app.after('2024-06-01 03:00')",
    "SELECT app.on_day('2024-06-01')",
    "SELECT app.on_day('2024-05-31')",
    "SELECT number, at FROM app.latest()",
    "SELECT app.shown()",
    "SELECT app.copied()",
    "SELECT day FROM app.orders",
)


@pytest.mark.parametrize("zone", ["Etc/UTC", "Europe/Paris"])
def test_rewritten_functions_answer_as_before_from_any_session(
    database: Database, zone: str
) -> None:
    database.execute(TABLE + READERS)
    statements = rewrite(database, zone)
    assert len(statements) == 5

    def answers() -> list[Any]:
        with database.connect(autocommit=True) as connection:
            connection.execute("SET TimeZone = 'America/New_York'")
            return [connection.execute(call).fetchall() for call in CALLS]

    before = answers()
    convert(database, zone)
    run(database, *(up for up, _ in statements.values()))

    assert answers() == before
    assert database.scalar(
        "SELECT updated_at AT TIME ZONE %s FROM app.orders", [zone]
    ) == datetime(2024, 6, 2, 2, 30)  # noqa: DTZ001 - a wall clock
    run(database, *(down for _, down in statements.values()))


def test_scan_names_line_certainty_and_what_to_write(database: Database) -> None:
    database.execute(
        TABLE
        + TOUCH.format(expression="now() AT TIME ZONE 'utc'")
        + READERS
        + "CREATE FUNCTION app.late() RETURNS void LANGUAGE sql AS"
        " 'UPDATE app.orders SET placed_at = localtimestamp';"
        "CREATE FUNCTION app.talk() RETURNS void LANGUAGE plpgsql AS"
        " 'BEGIN RAISE NOTICE ''app.orders.placed_at''; END';"
    )
    inventory = scan(database)
    updated, placed = column(inventory, "updated_at"), column(inventory, "placed_at")

    (trigger,) = [f for f in updated.findings if f.code == "TZ134"]
    assert trigger.message == (
        "trigger touch on table app.orders runs function app.touch(), which writes"
        " naive time to app.orders.updated_at: line 4 (certain)"
    )
    assert trigger.hint == (
        "Line 4, now() AT TIME ZONE 'utc': write now() instead, if utc is the column's"
        " zone."
    )
    found = {(f.code, f.message.split(" ")[1]) for f in placed.findings}
    assert found == {
        ("TZ133", "app.after(timestamp"),
        ("TZ133", "app.copied()"),
        ("TZ133", "app.on_day(date)"),
        ("TZ133", "app.shown()"),
        ("TZ170", "app.late()"),
        ("TZ171", "app.latest()"),
        ("TZ173", "app.after(timestamp"),
    }
    assert [(w.kind, w.certainty) for w in placed.writers] == [("function", "certain")]
    assert {(w.kind, w.certainty) for w in updated.writers} == {
        ("function", "certain"),
        ("trigger", "certain"),
    }


THROUGH_VIEWS = """
CREATE SCHEMA shown;
CREATE TABLE app.old_orders (id int, placed_at timestamp, at_last timestamptz);
CREATE VIEW shown.orders_of_all AS
    SELECT id, placed_at AS at FROM app.orders
    UNION ALL SELECT id, o.placed_at FROM app.old_orders o
    UNION ALL SELECT 0, NULL;
CREATE VIEW shown.plain AS
    SELECT id, placed_at AS was, placed_at + interval '1 hour' AS later FROM app.orders;
ALTER VIEW shown.plain RENAME was TO at;
CREATE VIEW shown.above AS
    WITH p AS (SELECT * FROM (SELECT * FROM shown.plain) s)
    SELECT p.id, p.at AS seen, p.later FROM p;
CREATE MATERIALIZED VIEW shown.kept AS
    SELECT id, seen, max(seen) AS last FROM shown.above GROUP BY id, seen;
CREATE FUNCTION app.{name}() RETURNS {result} LANGUAGE {language} AS $$ {body} $$;
"""


@pytest.mark.parametrize(
    ("language", "result", "body", "codes"),
    [
        (
            "plpgsql",
            "void",
            "BEGIN INSERT INTO shown.plain (id, at) VALUES"
            " (10, now() AT TIME ZONE 'UTC'); END",
            {"TZ170"},
        ),
        ("sql", "void", "UPDATE shown.plain SET at = LOCALTIMESTAMP", {"TZ170"}),
        (
            "plpgsql",
            "void",
            "DECLARE v timestamp; BEGIN UPDATE shown.plain SET at = v; END",
            {"TZ170"},
        ),
        ("sql", "timestamp", "SELECT max(seen) FROM shown.above", {"TZ133"}),
        ("sql", "timestamp", "SELECT max(at) FROM shown.orders_of_all", {"TZ133"}),
        (
            "plpgsql",
            "SETOF timestamp",
            "BEGIN RETURN QUERY SELECT seen FROM shown.kept; END",
            {"TZ171"},
        ),
        ("plpgsql", "void", "BEGIN EXECUTE 'TABLE shown.plain(at)'; END", {"TZ172"}),
        ("sql", "timestamp", "SELECT later FROM shown.above", set()),
        ("sql", "timestamp", "SELECT last FROM shown.kept", set()),
        ("sql", "bigint", "SELECT count(*) FROM shown.plain WHERE at < now()", set()),
        ("sql", "text", "SELECT id::text FROM shown.plain", set()),
    ],
)
def test_what_a_view_passes_on_counts_like_the_column(
    database: Database, language: str, result: str, body: str, codes: set[str]
) -> None:
    database.execute(
        TABLE
        + THROUGH_VIEWS.format(name="f", result=result, language=language, body=body)
    )
    for options in ({}, {"schemas": ["app"]}):
        inventory = scan(database, **options)
        told = {
            (c.relation, f.code)
            for c in inventory.columns
            for f in c.findings
            if "app.f()" in f.message
        }
        both = "orders_of_all" in body
        assert told == {
            (table, code)
            for code in codes
            for table in ("orders", *(["old_orders"] if both else []))
        }


@pytest.mark.parametrize(
    ("language", "body", "code"),
    [
        ("sql", "SELECT o.placed_at::date", "TZ133"),
        ("sql", "SELECT $1.placed_at::date", "TZ133"),
        ("sql", "SELECT ($1).placed_at::date", "TZ133"),
        ("plpgsql", "BEGIN RETURN o.placed_at; END", "TZ133"),
        (
            "plpgsql",
            "BEGIN EXECUTE 'SELECT $1.placed_at::date' INTO o USING o; END",
            "TZ172",
        ),
        ("sql", "SELECT o.day", None),
        ("sql", "SELECT $1.day", None),
    ],
)
@pytest.mark.parametrize("table", ["orders", '"Or""der"', '"a.b"'])
def test_a_function_that_knows_the_table_by_its_argument_alone_is_read(
    database: Database, language: str, body: str, code: str | None, table: str
) -> None:
    database.execute(
        TABLE.replace("app.orders", f"app.{table}")
        + f"CREATE FUNCTION app.f(o app.{table}) RETURNS date LANGUAGE {language} AS"
        f" $$ {body} $$"
    )
    found = column(scan(database), "placed_at").findings
    told = {f.code for f in found if "app.f(" in f.message}
    # that it takes the row is told anyway
    assert told == {"TZ132", code} - {None}


def test_what_a_view_keeps_naive_does_not_count(database: Database) -> None:
    database.execute(
        TABLE
        + THROUGH_VIEWS.format(
            name="f",
            result="void",
            language="sql",
            body="UPDATE shown.plain SET at = LOCALTIMESTAMP",
        )
    )
    found = scan(database, zoned_views=False)
    assert not [f for c in found.columns for f in c.findings if "app.f()" in f.message]


def test_views_that_read_each_other_show_no_column(database: Database) -> None:
    database.execute(
        TABLE + "CREATE VIEW app.a AS SELECT placed_at FROM app.orders;"
        "CREATE VIEW app.b AS SELECT placed_at FROM app.a;"
        "CREATE OR REPLACE VIEW app.a AS SELECT placed_at FROM app.b;"
        "CREATE FUNCTION app.f() RETURNS void LANGUAGE plpgsql AS"
        " 'BEGIN UPDATE app.a SET placed_at = localtimestamp; END'"
    )
    assert not [
        f for c in scan(database).columns for f in c.findings if "app.f" in f.message
    ]


def recompile_statement() -> str:
    names = ("hold_schemas", "hold_routines", "recompile")
    wanted = [f"FUNCTION tzmigrate.{name}(" for name in names]
    found = [s for s in support.install() if any(words in s for words in wanted)]
    assert len(found) == len(wanted)
    return ";".join(found)


def test_connected_sessions_compile_anew(database: Database, make_role: Any) -> None:
    other: LoginRole = make_role()
    database.execute(
        TABLE + TOUCH.format(expression="NEW.placed_at") + "CREATE SCHEMA tzmigrate;"
        "CREATE FUNCTION app.of(o app.orders) RETURNS text LANGUAGE plpgsql"
        " AS 'BEGIN RETURN o.placed_at; END';"
        "CREATE PROCEDURE app.move() LANGUAGE plpgsql AS"
        " 'DECLARE r app.orders%ROWTYPE; BEGIN SELECT * INTO r FROM app.orders;"
        " r.updated_at := r.placed_at; END';"
        "CREATE FUNCTION app.secret() RETURNS text LANGUAGE sql SECURITY DEFINER"
        " AS 'SELECT note FROM app.orders';"
        "CREATE FUNCTION app.theirs() RETURNS text LANGUAGE sql"
        " AS 'SELECT note FROM app.orders';"
    )
    database.execute(recompile_statement())
    calls = (
        "UPDATE app.orders SET note = 'y'",
        "SELECT app.of(o) FROM app.orders o",
        "CALL app.move()",
    )
    with database.connect(autocommit=True) as connected:
        for call in calls:
            connected.execute(call)  # type: ignore[arg-type]  # text of a test
        convert(database)
        with pytest.raises(Exception, match="does not match that when preparing"):
            connected.execute(calls[0])  # type: ignore[arg-type]
        run(database, "SELECT tzmigrate.recompile('{app.orders}')")
        for call in calls:
            connected.execute(call)  # type: ignore[arg-type]
    assert database.execute(
        "SELECT proname::text, prosecdef FROM pg_proc"
        " WHERE pronamespace = 'app'::regnamespace AND prosecdef"
    ) == [("secret", True)]

    # what belongs to another role is told, not touched
    name = sql.Identifier(other.name)
    with database.connect(autocommit=True) as connection:
        connection.execute(
            sql.SQL(
                "GRANT USAGE ON SCHEMA tzmigrate, app TO {0};"
                "ALTER FUNCTION app.secret() OWNER TO {0}"
            ).format(name)
        )
        notices: list[str] = []
        connection.add_notice_handler(lambda n: notices.append(n.message_primary or ""))
        connection.execute(sql.SQL("SET ROLE {}").format(name))
        connection.execute("SELECT tzmigrate.recompile('{app.orders}')")
    assert notices == [
        "sessions that have run these routines of other roles must reconnect:"
        " app.move(), app.of(app.orders), app.theirs(), app.touch()"
    ]
