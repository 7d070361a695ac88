"""A materialized view is refreshed with its owner's rights, and plan asks for them."""

from collections.abc import Callable
from typing import Any

import pytest

from tzmigrate.planning.model import Action
from tzmigrate.verification.model import Outcome

SCHEMA = """
CREATE TABLE o (id int PRIMARY KEY, at timestamp, note text);
INSERT INTO o VALUES (1, '2024-07-01 12:00', 'a');
CREATE VIEW direct AS SELECT id, at FROM o;
"""


@pytest.mark.parametrize(
    ("made", "options", "granted", "lacks"),
    [
        ("SELECT id, at FROM o", "", "", "public.o"),
        ("SELECT id, at FROM o", "", "SELECT (id) ON o", "public.o"),
        ("SELECT id, at FROM o", "", "SELECT (id, at) ON o", ""),
        ("SELECT id, at FROM o", "", "SELECT ON o", ""),
        ("SELECT id, at FROM o", "WITH NO DATA", "", ""),
        ("SELECT id, at FROM direct", "", "", "public.direct"),
        ("SELECT id, at FROM direct", "", "SELECT ON direct", ""),
    ],
)
def test_what_the_owner_may_not_read_refuses_the_column(
    *,
    made: str,
    options: str,
    granted: str,
    lacks: str,
    database: Any,
    make_project: Callable[..., Any],
    make_role: Callable[..., Any],
) -> None:
    role = make_role()
    database.execute(
        f"{SCHEMA} CREATE MATERIALIZED VIEW kept AS {made} {options};"
        f'ALTER MATERIALIZED VIEW kept OWNER TO "{role.name}"'
    )
    if granted:
        database.execute(f'GRANT {granted} TO "{role.name}"')
    project = make_project(database.url)
    plan = project.plan(zones=("default=Europe/Berlin",))
    (column,) = [c for g in plan.groups for c in g.columns]
    if lacks:
        assert (column.action, column.code) == (Action.REFUSE, "TZ111")
        assert "materialized view public.kept: it is refreshed" in column.reason
        assert f"{role.name} may not read {lacks}" in column.reason
        assert column.hint.startswith(f"GRANT SELECT ON {lacks} TO {role.name},")
        database.execute(f'GRANT SELECT ON {lacks} TO "{role.name}"')
        assert project.plan(zones=("default=Europe/Berlin",)).written
    project.apply()
    assert project.verify().outcome is Outcome.PROVED


@pytest.mark.pg(">= 15")
def test_a_view_that_reads_as_its_invoker_asks_for_the_rights_of_the_owner_above(
    database: Any, make_project: Callable[..., Any], make_role: Callable[..., Any]
) -> None:
    role = make_role()
    database.execute(
        f"{SCHEMA} ALTER VIEW direct SET (security_invoker = on);"
        "CREATE MATERIALIZED VIEW kept AS SELECT id, at FROM direct;"
        f'ALTER MATERIALIZED VIEW kept OWNER TO "{role.name}";'
        f'GRANT SELECT ON direct TO "{role.name}"'
    )
    plan = make_project(database.url).plan(zones=("default=UTC",))
    (column,) = [c for g in plan.groups for c in g.columns]
    assert f"{role.name} may not read public.o" in column.reason
