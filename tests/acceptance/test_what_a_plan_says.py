"""What a plan says of functions and views is true, and in the user's own names."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tzmigrate.errors import DecisionNeeded
from tzmigrate.planning.model import Action

SCHEMA = """
CREATE TABLE orders (id int PRIMARY KEY, at timestamp);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN NEW.at = now() AT TIME ZONE ''utc''; RETURN NEW; END';
CREATE TRIGGER touched BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch();
CREATE FUNCTION asked() RETURNS date LANGUAGE plpgsql AS
  'BEGIN RETURN (SELECT max(o.at)::date FROM orders o); END';
CREATE FUNCTION listed() RETURNS TABLE (moment timestamp) LANGUAGE plpgsql AS
  'BEGIN RETURN QUERY SELECT o.at FROM orders o; END';
"""


@pytest.mark.parametrize("rewrites", [False, True])
def test_a_function_that_is_rewritten_is_no_finding_any_more(
    database: Any, make_project: Callable[..., Any], *, rewrites: bool
) -> None:
    database.execute(SCHEMA)
    plan = make_project(database.url).plan(
        zones=("default=UTC",), rewrite_functions=rewrites
    )
    told = {f.code for f in plan.findings} & {"TZ133", "TZ134", "TZ170", "TZ171"}
    assert told == (set() if rewrites else {"TZ133", "TZ134", "TZ171"})
    changed = {d.relation for g in plan.groups for d in g.dependents}
    functions = {"public.touch()", "public.asked()", "public.listed()"}
    assert changed == (functions if rewrites else set())


@pytest.mark.parametrize("rewrites", [False, True])
def test_a_function_that_carries_time_into_a_kept_column_is_told(
    database: Any, make_project: Callable[..., Any], *, rewrites: bool
) -> None:
    database.execute(
        "CREATE TABLE orders (id int PRIMARY KEY, at timestamp);"
        "CREATE TABLE kept (id int PRIMARY KEY, at timestamp);"
        "CREATE FUNCTION carry() RETURNS void LANGUAGE sql AS"
        " 'INSERT INTO kept (id, at) SELECT id, at FROM orders';"
        "CREATE FUNCTION touch() RETURNS void LANGUAGE sql AS"
        " 'UPDATE kept SET at = LOCALTIMESTAMP'"
    )
    zones = ("default=UTC", "public.kept.at=keep")
    plan = make_project(database.url).plan(zones=zones, rewrite_functions=rewrites)
    told = [f for f in plan.findings if "carry" in f.message or "touch" in f.message]
    assert [(f.code, "carry" in f.message) for f in told] == (
        [] if rewrites else [("TZ133", True)]
    )


@pytest.mark.parametrize("rewrites", [False, True])
def test_a_function_that_carries_time_into_a_refused_column_is_told(
    database: Any, make_project: Callable[..., Any], *, rewrites: bool
) -> None:
    database.execute(
        "CREATE TABLE orders (id int PRIMARY KEY, at timestamp);"
        "CREATE TABLE printed (id int PRIMARY KEY, at timestamp);"
        "CREATE MATERIALIZED VIEW prints AS SELECT p::text FROM printed p;"
        "CREATE FUNCTION carry() RETURNS void LANGUAGE sql AS"
        " 'INSERT INTO printed (id, at) SELECT id, at FROM orders'"
    )
    plan = make_project(database.url).plan(
        zones=("default=UTC",), rewrite_functions=rewrites
    )
    assert {c.relation: c.action for g in plan.groups for c in g.columns} == {
        "orders": Action.CONVERT,
        "printed": Action.REFUSE,
    }
    told = [f for f in plan.findings if "carry" in f.message]
    assert [f.code for f in told] == ([] if rewrites else ["TZ133"])
    assert all("public.orders.at" in f.message and "line 1" in f.message for f in told)


def test_a_function_of_several_tables_is_a_finding_until_its_step(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(
        SCHEMA + "CREATE TABLE bills (id int PRIMARY KEY, at timestamp);"
        "CREATE TRIGGER touched BEFORE UPDATE ON bills FOR EACH ROW"
        " EXECUTE FUNCTION touch();"
    )
    plan = make_project(database.url).plan(
        zones=("default=UTC",), rewrite_functions=True
    )
    first, last = plan.groups
    assert [d.relation for d in first.dependents] == []
    assert "public.touch()" in {d.relation for d in last.dependents}
    (told,) = [f for f in plan.findings if f.code in {"TZ133", "TZ134", "TZ170"}]
    assert first.relations[0].name in told.message
    assert last.slug in told.hint
    assert "TimeZone" in told.hint


def test_what_cannot_be_rewritten_is_shown_with_the_columns_own_name(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(
        "CREATE DOMAIN stamps AS timestamp[];"
        "CREATE TABLE orders (id int PRIMARY KEY, at timestamp, days stamps);"
        "CREATE VIEW firsts AS SELECT at, at::date AS d, q.e::time FROM orders,"
        " unnest(days) WITH ORDINALITY AS q (e, n)"
    )
    plan = make_project(database.url).plan(zones=("default=UTC",))
    (refused,) = [
        c for g in plan.groups for c in g.columns if c.action is Action.REFUSE
    ]
    # what stands beside it in the view is converted all the same
    assert refused.column == "days"
    assert not re.search("tz[0-9a-f]{16}", refused.reason)
    assert re.search(r"line \d+: ", refused.reason)
    assert "days" in refused.reason


@pytest.mark.parametrize(
    ("default", "zone", "written"),
    [
        ("now() AT TIME ZONE 'utc'", "America/New_York", "utc"),
        ("timezone('UTC', clock_timestamp())", "Europe/London", "UTC"),
        ("CURRENT_TIMESTAMP AT TIME ZONE 'Europe/Paris'", "UTC", "Europe/Paris"),
        ("now() AT TIME ZONE 'utc'", "Etc/UTC", None),
        ("now() AT TIME ZONE 'US/Eastern'", "America/New_York", None),
        ("LOCALTIMESTAMP", "America/New_York", None),
        ("'2024-01-01 00:00'", "America/New_York", None),
    ],
)
def test_a_default_that_writes_in_another_zone_is_told(
    default: str, zone: str, written: str | None, database: Any, make_project: Any
) -> None:
    database.execute(
        f"CREATE TABLE t (id int PRIMARY KEY, made timestamp DEFAULT ({default}))"
    )
    plan = make_project(database.url).plan(zones=(f"default={zone}",))
    assert plan.written
    found = [f.message for f in plan.findings if f.code == "TZ328"]
    assert len(found) == (written is not None)
    for message in found:
        assert "of public.t.made" in message
        assert f"the clock of {written}" in message
        assert zone in message


ROWS_OF_THE_TABLE = """
CREATE FUNCTION found(i int) RETURNS SETOF t STABLE LANGUAGE sql AS
  'SELECT * FROM public.t WHERE id = i';
CREATE VIEW one AS SELECT * FROM found(1);
"""
COMPOSITE = """
CREATE TYPE pair AS (at timestamp, n int);
ALTER TABLE t ADD pair pair;
CREATE FUNCTION found() RETURNS SETOF pair STABLE LANGUAGE sql AS
  'SELECT (pair).* FROM public.t';
CREATE VIEW one AS SELECT n, at FROM found();
"""


@pytest.mark.parametrize(
    ("made", "column"),
    [(ROWS_OF_THE_TABLE, "at"), (COMPOSITE, "pair")],
    ids=["rows of the table", "composite type"],
)
def test_a_view_over_a_function_of_rows_is_named(
    made: str, column: str, *, database: Any, make_project: Callable[..., Any]
) -> None:
    # the message of PostgreSQL has the name of the view's column alone
    database.execute("CREATE TABLE t (id int PRIMARY KEY, at timestamp);" + made)
    project = make_project(database.url)
    plan = project.plan(zones=("default=UTC",))
    columns = {c.column: c for g in plan.groups for c in g.columns}
    refused = columns[column]
    assert refused.action is Action.REFUSE
    if database.server.version < 15:
        assert refused.code == "TZ148"
        assert refused.reason.startswith(
            f"view public.one reads public.t.{column} from rows"
        )
        assert refused.hint.startswith("Drop it before the conversion")
    else:
        assert refused.code == "TZ110"
        assert refused.reason.startswith("view public.one: PostgreSQL says: cannot")
        assert refused.hint.startswith("Drop it before the conversion and create it")
    database.execute("DROP VIEW one")
    plan = project.plan(zones=("default=UTC",))
    columns = {c.column: c for g in plan.groups for c in g.columns}
    assert columns[column].action is Action.CONVERT


ROWS_OF_T = """
CREATE TABLE t (id int PRIMARY KEY, at timestamp, made timestamp);
CREATE TABLE u (id int PRIMARY KEY, at timestamp);
CREATE FUNCTION found(i int) RETURNS SETOF t STABLE LANGUAGE sql AS
  'SELECT * FROM public.t WHERE id = i';
INSERT INTO t VALUES (1, '2024-01-01 22:00');
"""


@pytest.mark.pg("<15")
@pytest.mark.parametrize(
    ("made", "named"),
    [
        ("CREATE VIEW v AS SELECT at::date FROM found(1)", "view public.v"),
        ("CREATE VIEW v AS SELECT u.id, f.at FROM u, found(u.id) f", "view public.v"),
        (
            "CREATE VIEW v AS SELECT 1 WHERE now() > (SELECT at FROM found(1))",
            "view public.v",
        ),
        ("CREATE VIEW v AS SELECT f::text FROM found(1) f", "view public.v"),
        (
            "CREATE MATERIALIZED VIEW v AS SELECT at FROM"
            ' jsonb_populate_recordset(NULL::t, \'[{"at": "2024-01-01"}]\')',
            "materialized view public.v",
        ),
        (
            "CREATE RULE r AS ON UPDATE TO u DO ALSO"
            " DELETE FROM u WHERE at IN (SELECT at FROM found(1))",
            "rule r on table public.u",
        ),
        (
            "CREATE POLICY p ON u USING (at IN (SELECT at FROM found(1)))",
            "policy p on table public.u",
        ),
        pytest.param(
            "CREATE FUNCTION b() RETURNS date BEGIN ATOMIC"
            " SELECT at::date FROM found(1); END",
            "function public.b()",
            marks=pytest.mark.pg(">=14"),
        ),
    ],
)
def test_before_15_what_reads_rows_of_a_function_is_refused(
    made: str, named: str, *, database: Any, make_project: Callable[..., Any]
) -> None:
    # ALTER TYPE goes past it there, and it takes instants for naive time
    database.execute(ROWS_OF_T + made)
    plan = make_project(database.url).plan(zones=("default=UTC",))
    of_t = {c.column: c for g in plan.groups for c in g.columns if c.relation == "t"}
    assert of_t["at"].code == "TZ148"
    assert of_t["at"].reason.startswith(f"{named} reads public.t.at from rows")


def test_who_reads_other_columns_of_a_functions_rows_is_in_nobodys_way(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(ROWS_OF_T + "CREATE VIEW v AS SELECT id FROM found(1)")
    project = make_project(database.url)
    plan = project.plan(zones=("default=America/New_York",), accept=("TZ301",))
    assert {c.action for g in plan.groups for c in g.columns} == {Action.CONVERT}
    project.apply()
    assert database.scalar("SELECT count(*) FROM v") == 1


@pytest.mark.parametrize(
    "made",
    [
        "CREATE VIEW late AS SELECT at::date FROM found(1)",
        # from 15 on the row goes on as one of the table
        pytest.param(
            "CREATE VIEW late AS SELECT f FROM found(1) f", marks=pytest.mark.pg("<15")
        ),
        pytest.param(
            "CREATE FUNCTION late() RETURNS date BEGIN ATOMIC"
            " SELECT at::date FROM found(1); END",
            marks=pytest.mark.pg(">=14"),
        ),
        "CREATE POLICY late ON u USING"
        " (id IN (SELECT id FROM found(1) WHERE at > '2024-01-01'))",
    ],
)
def test_who_reads_rows_of_a_function_since_the_plan_stops_the_revision(
    made: str,
    *,
    database: Any,
    make_project: Callable[..., Any],
    canonical_dump: Callable[..., str],
) -> None:
    database.execute(ROWS_OF_T)
    project = make_project(database.url)
    project.plan(zones=("default=America/New_York",), accept=("TZ301",))
    database.execute(made)
    before = canonical_dump(database)
    with pytest.raises(DecisionNeeded) as caught:
        project.apply()
    assert caught.value.code == "TZ345"
    assert "late" in caught.value.message
    assert canonical_dump(database) == before
    database.execute(
        "DROP VIEW IF EXISTS late; DROP POLICY IF EXISTS late ON u;"
        "DROP FUNCTION IF EXISTS late"
    )
    project.apply()
