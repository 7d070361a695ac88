"""What hands rows to functions keeps its result, or keeps the column as it is."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.observing import run, session
from tzmigrate.planning.model import Action

ZONE = "Asia/Kathmandu"
SCHEMA = """
CREATE TABLE events (id int PRIMARY KEY, at timestamp, note text);
INSERT INTO events VALUES (1, '2024-01-01 10:00'), (2, '2023-01-01 00:00'), (3, NULL);
CREATE FUNCTION year_of(e events) RETURNS text LANGUAGE sql IMMUTABLE
    AS $$SELECT to_char(e.at, 'YYYY')$$;
"""
CALLING = {
    "view": (
        "CREATE VIEW of_2023 AS SELECT e.id FROM events e WHERE year_of(e) = '2023';",
        "SELECT id FROM of_2023 ORDER BY id",
    ),
    "output of a view": (
        "CREATE VIEW years AS SELECT e.id, e.year_of FROM events e;",
        "SELECT id, year_of FROM years ORDER BY id",
    ),
    "materialized view": (
        "CREATE MATERIALIZED VIEW years AS SELECT e.id, year_of(e) AS y FROM events e;",
        "REFRESH MATERIALIZED VIEW years; SELECT id, y FROM years ORDER BY id",
    ),
    "trigger": (
        "CREATE FUNCTION mark() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN NEW.note := 'of 2023'; RETURN NEW; END$$;"
        "CREATE TRIGGER marked BEFORE UPDATE ON events FOR EACH ROW"
        " WHEN (year_of(NEW) = '2023') EXECUTE FUNCTION mark();",
        "UPDATE events SET id = id; SELECT id, note FROM events ORDER BY id",
    ),
    "rule": (
        "CREATE TABLE log (id int);"
        "CREATE RULE logged AS ON UPDATE TO events WHERE year_of(NEW) = '2023'"
        " DO ALSO INSERT INTO log VALUES (NEW.id);",
        "UPDATE events SET note = 'x'; SELECT id FROM log ORDER BY id",
    ),
}


@pytest.fixture
def make(
    database: Any, make_project: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    def made(schema: str, zones: str = f'default = "{ZONE}"') -> Any:
        database.execute(schema)
        project = make_project(database.url)
        monkeypatch.chdir(project.root)
        project.configure(f"[zones]\n{zones}\n")
        return project

    return made


def seen(database: Any, query: str) -> list[Any]:
    found = []
    for zone in ("UTC", "America/New_York", "Asia/Kolkata"):
        with session(database, zone) as connection:
            found.append(run(connection, query))
    return found


def refused(plan: Any) -> dict[str, tuple[str, str]]:
    return {
        c.column: (c.code, c.reason)
        for g in plan.groups
        for c in g.columns
        if c.action is not Action.CONVERT
    }


@pytest.mark.parametrize("rewrites", [False, True])
@pytest.mark.parametrize("kind", CALLING)
def test_what_calls_a_function_of_the_row_keeps_its_result_or_is_refused(
    kind: str, database: Any, make: Any, equal_dumps: Any, *, rewrites: bool
) -> None:
    made, query = CALLING[kind]
    project = make(SCHEMA + made)
    before, dump = seen(database, query), database.dump_apart()
    plan = project.plan(rewrite_functions=rewrites)
    if not rewrites:
        code, reason = refused(plan)["at"]
        assert code == "TZ145"
        assert "what function public.year_of(public.events) makes of" in reason
        return
    assert refused(plan) == {}
    project.run("upgrade", "head")
    assert seen(database, query) == before
    project.run("downgrade", "base")
    assert seen(database, query) == before
    equal_dumps(database, dump)


@pytest.mark.parametrize("until", [ZONE, "Europe/Berlin"])
def test_what_relies_on_a_rewriting_that_two_zones_prevent_is_refused(
    until: str, database: Any, make: Any
) -> None:
    project = make(
        "CREATE TABLE events (id int PRIMARY KEY, at timestamp, until timestamp);"
        "INSERT INTO events VALUES (1, '2023-12-31 23:00', NULL);"
        "CREATE FUNCTION last_day(e events) RETURNS date LANGUAGE sql STABLE"
        " AS $$SELECT coalesce(e.until, e.at)::date$$;"
        "CREATE VIEW days AS SELECT e.id, last_day(e) AS day FROM events e;",
        f'default = "{ZONE}"\n"public.events.until" = "{until}"',
    )
    query = "SELECT id, day FROM days"
    before = seen(database, query)
    plan = project.plan(rewrite_functions=True)
    told = refused(plan)
    if until == ZONE:
        assert told == {}
    else:
        assert {code for code, _ in told.values()} == {"TZ145"}
        assert all("view public.days" in reason for _, reason in told.values())
        assert all("public.last_day" in reason for _, reason in told.values())
    if plan.written:
        project.run("upgrade", "head")
        assert seen(database, query) == before


@pytest.mark.parametrize("rewrites", [False, True])
@pytest.mark.parametrize("table", ["events", "first"])
@pytest.mark.parametrize("body", ["e.id::text", "to_char(e.at, 'YYYY')"])
def test_functions_of_a_partitions_rows_are_told_apart(
    body: str, table: str, database: Any, make: Any, *, rewrites: bool
) -> None:
    project = make(
        "CREATE TABLE events (id int, at timestamp) PARTITION BY LIST (id);"
        "CREATE TABLE first PARTITION OF events FOR VALUES IN (1);"
        "INSERT INTO events VALUES (1, '2023-12-31 23:00');"
        f"CREATE FUNCTION said(e {table}) RETURNS text LANGUAGE sql"
        f" AS $$SELECT {body}$$; CREATE VIEW v AS SELECT said(e) FROM {table} e"
    )
    before = seen(database, "SELECT said FROM v")
    plan = project.plan(rewrite_functions=rewrites)
    # a revision converts the tree by its root's name, and rewrites what names that
    kept = "at" in body and not (rewrites and table == "events")
    assert {c: code for c, (code, _) in refused(plan).items()} == (
        {"at": "TZ145"} if kept else {}
    )
    if not kept:
        project.run("upgrade", "head")
        assert seen(database, "SELECT said FROM v") == before


def test_a_plan_that_rewrites_stands_beside_one_that_does_not(make: Any) -> None:
    project = make(SCHEMA + CALLING["view"][0])
    assert project.plan(rewrite_functions=True).written
    # planned already
    assert {code for code, _ in refused(project.plan()).values()} == {"TZ312"}
    project.run("upgrade", "head")
    assert refused(project.plan()) == {}
