"""What pg_dump cannot restore is known from the catalog, and its columns stay."""

from collections.abc import Callable
from typing import Any

import pytest

from tzmigrate.planning.model import Action

SCHEMA = """
CREATE TABLE o (id int PRIMARY KEY, at timestamp, later timestamp);
CREATE TABLE other (id int PRIMARY KEY, at timestamp);
CREATE FUNCTION fmt(timestamp, text DEFAULT 'x') RETURNS text IMMUTABLE LANGUAGE sql
  AS $$ SELECT 'old' $$;
"""
AMBIGUOUS = """
CREATE FUNCTION fmt(timestamp) RETURNS text IMMUTABLE LANGUAGE sql
  AS $$ SELECT 'new' $$;
"""
WHY = (
    "it could not be copied to the shadow: function"
    " public.fmt(timestamp without time zone) is not unique"
)


@pytest.mark.parametrize(
    ("lost", "code", "named"),
    [
        ("CREATE VIEW v AS SELECT at, fmt(at) FROM o", "TZ110", "view public.v"),
        (
            "CREATE VIEW v AS SELECT at, fmt(localtimestamp) FROM o",
            "TZ110",
            "view public.v",
        ),
        (
            "CREATE VIEW u AS SELECT at FROM o;"
            " CREATE MATERIALIZED VIEW v AS SELECT at, fmt(at) FROM u",
            "TZ111",
            "materialized view public.v",
        ),
        (
            "CREATE POLICY p ON o USING (fmt(at) > '')",
            "TZ114",
            "policy p of public.o",
        ),
        (
            "CREATE TRIGGER t BEFORE UPDATE ON o FOR EACH ROW WHEN (fmt(old.at) > '')"
            " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            "TZ113",
            "trigger t of public.o",
        ),
    ],
)
def test_a_lost_dependent_refuses_its_column_alone(
    lost: str,
    code: str,
    named: str,
    database: Any,
    make_project: Callable[..., Any],
) -> None:
    database.execute(SCHEMA + lost + ";" + AMBIGUOUS)
    project = make_project(database.url)
    plan = project.plan(zones=("default=Europe/Berlin",))
    columns = {(c.relation, c.column): c for g in plan.groups for c in g.columns}
    refused = columns.pop(("o", "at"))
    assert (refused.action, refused.code) == (Action.REFUSE, code)
    assert refused.reason == f"{named}: {WHY}"
    assert {c.action for c in columns.values()} == {Action.CONVERT}
    project.apply()


@pytest.mark.parametrize(
    "lost",
    [
        "ALTER TABLE o ADD CHECK (fmt(at) IS NOT NULL)",
        "ALTER TABLE o ADD g text GENERATED ALWAYS AS (fmt(later)) STORED",
    ],
)
def test_a_lost_table_is_told_without_the_name_of_the_shadow(
    lost: str, database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(SCHEMA + lost + ";" + AMBIGUOUS)
    project = make_project(database.url)
    plan = project.plan(zones=("default=UTC",))
    columns = {(c.relation, c.column): c for g in plan.groups for c in g.columns}
    assert columns.pop(("other", "at")).action is Action.CONVERT
    for column in columns.values():
        assert (column.action, column.code) == (Action.REFUSE, "TZ315")
        assert column.reason == f"table public.o: {WHY}"
    project.apply()


def test_a_lost_index_refuses_all_columns_that_fill_it_anew(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(SCHEMA + "CREATE INDEX i ON o (fmt(at));" + AMBIGUOUS)
    plan = make_project(database.url).plan(zones=("default=Europe/Berlin",))
    columns = {(c.relation, c.column): c for g in plan.groups for c in g.columns}
    assert columns.pop(("other", "at")).action is Action.CONVERT
    for column in columns.values():
        assert (column.action, column.code) == (Action.REFUSE, "TZ120")
        assert column.reason == f"index public.i: {WHY}"


STAYS = """
CREATE TABLE stays (room int4range, during tsrange, since timestamp, until timestamp,
  noted timestamp) PARTITION BY LIST (room);
CREATE TABLE stays_1 PARTITION OF stays FOR VALUES IN ('[1,2)');
CREATE TABLE stays_rest PARTITION OF stays DEFAULT PARTITION BY LIST (room);
CREATE TABLE stays_2 PARTITION OF stays_rest FOR VALUES IN ('[2,3)');
INSERT INTO stays VALUES ('[1,2)', '[2024-01-01,2024-02-01)', '2024-01-01', NULL, NULL);
"""


@pytest.mark.pg(">=17")
@pytest.mark.parametrize(
    ("constraint", "names"),
    [
        ("EXCLUDE USING gist (room WITH =, during WITH &&)", {"during"}),
        (
            "EXCLUDE USING gist (room WITH =, tsrange(since, until) WITH &&)",
            {"since", "until"},
        ),
        pytest.param(
            "PRIMARY KEY (room, during WITHOUT OVERLAPS)",
            {"during"},
            marks=pytest.mark.pg(">=18"),
        ),
    ],
    ids=["column", "expression", "temporal key"],
)
def test_an_exclusion_constraint_of_a_partitioned_table_is_refused_by_name(
    constraint: str,
    names: set[str],
    *,
    database: Any,
    make_project: Callable[..., Any],
) -> None:
    added = f"ALTER TABLE stays ADD CONSTRAINT alone {constraint}"
    database.execute(STAYS + added)
    project = make_project(database.url)
    plan = project.plan(zones=("default=Europe/Berlin",))
    columns = {c.column: c for g in plan.groups for c in g.columns}
    refused = {n: c for n, c in columns.items() if c.code == "TZ147"}
    assert refused.keys() == names
    for column in refused.values():
        assert "constraint alone on table public.stays uses" in column.reason
        assert column.hint.startswith("Drop it before the conversion")
    database.execute("ALTER TABLE stays DROP CONSTRAINT alone")
    plan = project.plan(zones=("default=Europe/Berlin",))
    # those that the constraint did not hold are planned already
    converting = {
        c.column for g in plan.groups for c in g.columns if c.action is Action.CONVERT
    }
    assert converting == names
    project.apply()
    database.execute(added.replace("tsrange", "tstzrange"))
