"""A function or operator made since then, which the text of a dependent finds now."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from tzmigrate.planning.model import Action
from tzmigrate.verification.model import Outcome

TABLE = """
CREATE TABLE o (id int PRIMARY KEY, at timestamp, n int);
INSERT INTO o VALUES (1, '2024-07-01 12:00', 5);
"""


def function(signature: str, yields: str, name: str = "fmt") -> str:
    return (
        f"CREATE FUNCTION {name}({signature}) RETURNS text IMMUTABLE LANGUAGE sql"
        f" AS $$ SELECT '{yields}' $$;"
    )


FIRST = (
    function("anyelement", "old")
    + function("anyelement, anyelement", "old", "two")
    + "CREATE OPERATOR ### (LEFTARG = anyelement, RIGHTARG = anyelement,"
    " FUNCTION = two);"
)
SECOND = {
    "fmt(at)": (
        function("timestamp", "new"),
        "public.fmt(timestamp without time zone)",
        "public.fmt(anyelement)",
    ),
    "at ### at": (
        function("timestamp, timestamp", "new", "other")
        + "CREATE OPERATOR ### (LEFTARG = timestamp, RIGHTARG = timestamp,"
        " FUNCTION = other);",
        "public.###(timestamp without time zone,timestamp without time zone)",
        "public.###(anyelement,anyelement)",
    ),
}
KINDS = {
    "view": "CREATE VIEW v AS SELECT at, {} AS x FROM o",
    "view above": "CREATE VIEW u AS SELECT at FROM o;"
    " CREATE VIEW v AS SELECT at, {} AS x FROM u",
    "materialized view": "CREATE MATERIALIZED VIEW v AS SELECT at, {} AS x FROM o",
    "index": "CREATE INDEX i ON o (({}))",
    "constraint": "ALTER TABLE o ADD CONSTRAINT c CHECK (({}) <> at::text)",
    "policy": "CREATE POLICY p ON o USING (({}) <> '')",
    "trigger": "CREATE TRIGGER t BEFORE UPDATE ON o FOR EACH ROW WHEN"
    " (({}) IS NOT NULL) EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "rule": "CREATE RULE r AS ON UPDATE TO o WHERE ({}) = '' DO ALSO NOTHING",
    "generated column": "ALTER TABLE o ADD g text GENERATED ALWAYS AS ({}) STORED",
}
BESIDE = ("view", "index", "constraint", "policy", "generated column")
CALLED = """
SELECT d.classid::regclass::text, f.identity FROM pg_depend d,
    pg_identify_object(d.refclassid, d.refobjid, 0) AS f
WHERE d.refobjid >= 16384 AND d.classid <> ALL ('{pg_operator,pg_proc}'::regclass[])
  AND d.refclassid = ANY ('{pg_operator,pg_proc}'::regclass[])
  AND f.schema = 'public' ORDER BY 1, 2
"""


def made(database: Any, kind: str, expression: str) -> Any:
    if expression != "fmt(at)" and kind in {"rule", "trigger"}:
        expression = expression.replace("at", "old.at")
    elif kind in {"rule", "trigger"}:
        expression = "fmt(old.at)"
    database.execute(TABLE + FIRST + KINDS[kind].format(expression))
    return database.execute(CALLED)


@pytest.mark.parametrize("expression", SECOND)
@pytest.mark.parametrize("kind", KINDS)
def test_what_came_after_the_plan_stops_the_run(
    kind: str, expression: str, database: Any, make_project: Callable[..., Any]
) -> None:
    called = made(database, kind, expression)
    project = make_project(database.url)
    assert project.plan(zones=("default=Europe/Berlin",)).written
    second, now, was = SECOND[expression]
    database.execute(second)
    with pytest.raises(DBAPIError) as caught:
        project.run("upgrade", "head")
    assert caught.value.orig.sqlstate == "TZ405"
    detail = caught.value.orig.diag.message_detail
    assert f'(calls was ["{was}"], is ["{now}"])' in detail
    assert database.execute(CALLED) == called


@pytest.mark.parametrize("expression", SECOND)
@pytest.mark.parametrize("kind", KINDS)
def test_what_came_before_the_plan_refuses_the_column(
    kind: str, expression: str, database: Any, make_project: Callable[..., Any]
) -> None:
    made(database, kind, expression)
    second, now, was = SECOND[expression]
    database.execute(second)
    plan = make_project(database.url).plan(zones=("default=Europe/Berlin",))
    (column,) = [c for g in plan.groups for c in g.columns]
    assert column.action is Action.REFUSE
    assert f"its text now finds {now}, it was made with {was}" in column.reason
    assert column.reason.startswith(kind.removesuffix(" above"))
    assert f"drop or rename {now}" in column.hint


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_each_overload_that_was_called_is_called_again(
    zone: str,
    database: Any,
    make_project: Callable[..., Any],
    equal_dumps: Callable[..., Any],
) -> None:
    database.execute(
        TABLE
        + function("timestamp", "naive")
        + function("timestamptz", "zoned")
        + function("date", "day")
        + "".join(f"{KINDS[kind].format('fmt(at)')};" for kind in BESIDE)
        + "CREATE VIEW w AS SELECT fmt(at AT TIME ZONE 'UTC') AS z, fmt(at::date)"
        " FROM o"
    )
    called, dump = database.execute(CALLED), database.dump_apart()
    values = database.execute("SELECT x, g, w.* FROM v, o, w")
    project = make_project(database.url)
    plan = project.plan(zones=(f"default={zone}",))
    assert plan.written, plan
    project.apply()
    assert database.execute(CALLED) == called
    assert database.execute("SELECT x, g, w.* FROM v, o, w") == values
    assert project.verify().outcome is Outcome.PROVED
    project.run("downgrade", "base")
    assert database.execute(CALLED) == called
    equal_dumps(database, dump)


def test_one_that_came_after_the_run_is_drift_and_stops_the_way_back(
    database: Any, make_project: Callable[..., Any]
) -> None:
    called = made(database, "view", "fmt(at)")
    project = make_project(database.url)
    assert project.plan(zones=("default=UTC",)).written
    project.apply()
    second, now, _ = SECOND["fmt(at)"]
    database.execute(second)
    assert project.verify().outcome is Outcome.PROVED
    with pytest.raises(DBAPIError, match="TZ405"):
        project.run("downgrade", "base")
    assert database.execute(CALLED) == called
    (definition,) = database.execute("SELECT pg_get_viewdef('v'::regclass)")[0]
    database.execute(f"CREATE OR REPLACE VIEW v AS {definition}")
    (told,) = [f.message for f in project.verify().findings if f.code == "TZ420"]
    assert f'is ["{now}"]' in told
