"""What the how-to pages say works as they say it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tzmigrate.errors import Refused
from tzmigrate.verification.model import Outcome

DOCS = Path(__file__).parents[2] / "docs"
TABLE = """
CREATE TABLE shop.orders (
    id bigint PRIMARY KEY,
    placed_at timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'utc')
);
INSERT INTO shop.orders SELECT g, timestamp '2024-01-01' + g * interval '7 hours'
FROM generate_series(1, 50) AS g;
"""


def blocks(page: str, kind: str) -> list[str]:
    text = (DOCS / page).read_text("utf-8")
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def planned(database: Any, make_project: Callable[..., Any]) -> Any:
    database.execute(f"CREATE SCHEMA shop; {TABLE}")
    project = make_project(database.url)
    project.plan(zones=("default=UTC",))
    return project


def migrating_role(database: Any, make_role: Callable[..., Any]) -> Any:
    """Make a role that has what the page lists, and no more."""
    role = make_role("NOSUPERUSER NOBYPASSRLS NOCREATEDB")
    database.execute(
        f"REVOKE CREATE ON DATABASE {database.name} FROM PUBLIC;"
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC;"
        f"CREATE SCHEMA shop; GRANT USAGE ON SCHEMA shop TO {role.name};{TABLE}"
        "CREATE INDEX ON shop.orders (placed_at);"
        "ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY;"
        f"ALTER TABLE shop.orders OWNER TO {role.name};"
        "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);"
        "GRANT SELECT, INSERT, UPDATE, DELETE ON alembic_version"
        f" TO {role.name};"
    )
    return role


def test_a_role_without_create_uses_the_schema_that_a_dba_prepared(
    database: Any, make_role: Callable[..., Any], make_project: Callable[..., Any]
) -> None:
    role = migrating_role(database, make_role)
    project = make_project(database.url_as(role))
    project.plan(zones=("default=UTC",))
    with pytest.raises(Refused) as caught:
        project.apply()
    assert caught.value.code == "TZ641"
    assert f"CREATE SCHEMA tzmigrate AUTHORIZATION {role.name}" in caught.value.hint

    (statement,) = blocks("how-to/prepared-schema.md", "sql")
    database.execute(statement.replace("app_owner", role.name))
    project.apply()
    assert project.verify().outcome is Outcome.PROVED
    project.rollback(everything=True)
    assert project.verify().outcome is Outcome.PROVED
    project.alembic("downgrade", "-1")

    left = database.execute(
        "SELECT n.oid IS NOT NULL, c.relname FROM pg_namespace AS n"
        " LEFT JOIN pg_class AS c ON c.relnamespace = n.oid"
        " WHERE n.nspname = 'tzmigrate'"
    )
    assert left == [(True, None)]


def test_verify_under_forced_row_security_needs_bypassrls_and_apply_does_not(
    database: Any, make_role: Callable[..., Any], make_project: Callable[..., Any]
) -> None:
    role = migrating_role(database, make_role)
    database.execute(
        "ALTER TABLE shop.orders FORCE ROW LEVEL SECURITY;"
        f"CREATE SCHEMA tzmigrate AUTHORIZATION {role.name}"
    )
    project = make_project(database.url_as(role))
    project.plan(zones=("default=UTC",))
    project.apply()
    assert project.verify().outcome is Outcome.UNPROVED
    database.execute(f"ALTER ROLE {role.name} BYPASSRLS")
    assert project.verify().outcome is Outcome.PROVED


def test_the_revisions_run_up_and_down_as_sql_from_the_revision_that_is_current(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute("CREATE SCHEMA shop")
    project = make_project(database.url, configure="transaction_per_migration=True")
    current = project.revision("orders", TABLE, "DROP TABLE shop.orders")
    project.alembic("upgrade", "head")
    project.plan(zones=("default=UTC",))

    up = project.alembic("upgrade", f"{current}:head", "--sql").stdout
    down = project.alembic("downgrade", f"head:{current}", "--sql").stdout
    notices = database.psql(up).stderr
    assert "next ANALYZE shop.orders (placed_at)" in notices
    assert project.verify().outcome is Outcome.PROVED
    assert [s.state for s in project.status().steps] == ["done", "done"]

    database.psql(down)
    kind = (
        "SELECT data_type FROM information_schema.columns WHERE table_name = 'orders'"
    )
    assert ("timestamp without time zone",) in database.execute(kind)
    assert database.scalar("SELECT to_regnamespace('tzmigrate') IS NULL")


def test_the_queries_of_the_ledger_page_run_on_a_ledger(
    database: Any, make_project: Callable[..., Any]
) -> None:
    planned(database, make_project).apply()
    (queries,) = blocks("reference/ledger.md", "sql")
    said = database.psql(f"\\pset format csv\n{queries}").stdout
    assert "shop,orders,placed_at,Etc/UTC,up" in said


def test_an_overlap_row_corrected_after_the_conversion_counts_as_changed(
    sample: Any, make_project: Callable[..., Any]
) -> None:
    correction = blocks("how-to/gap-rows.md", "sql")[2]
    assert "UPDATE app.bookings" in correction
    sample.psql(correction)
    project = make_project(sample.url)
    project.configure(
        '[zones]\n"app.bookings.*" = "America/New_York"\n"*.*.*" = "keep"\n'
        '[policy]\noverlap = "later"\n[scan]\ntable = ["app.bookings"]\n'
    )
    plan = project.plan()
    assert plan.decisions == ()
    assert [c.code for g in plan.groups for c in g.columns] == [None] * 4
    project.apply()

    sample.execute(
        "UPDATE app.bookings SET starts_at = starts_at - INTERVAL '1 hour'"
        " WHERE id IN (5, 6)"
    )
    proof = project.verify()
    assert proof.outcome is Outcome.PROVED
    (column,) = [c for c in proof.columns if c.column == "starts_at"]
    assert (column.changed, column.shifted) == (2, 0)
    assert [(o.offset, o.count) for o in column.offsets] == [("-01:00:00", 2)]
