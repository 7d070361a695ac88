"""Unusual settings of the server, and a way back that hides nothing."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tzmigrate.errors import DecisionNeeded, NotProved
from tzmigrate.verification.model import Outcome

ORDERS = """
CREATE TABLE orders (id integer PRIMARY KEY, at timestamp, shipped timestamp);
INSERT INTO orders SELECT g, timestamp '2024-01-01' + g * interval '1 hour'
FROM generate_series(1, 300) AS g;
"""
LEANING = """
ALTER TABLE orders ADD CHECK (at < shipped), ADD CHECK (at > '2000-01-01');
COMMENT ON CONSTRAINT orders_check ON orders IS 'in order';
CREATE INDEX days ON orders ((at::date));
ALTER INDEX days ALTER COLUMN 1 SET STATISTICS 500;
CREATE STATISTICS pair ON at, shipped FROM orders;
CREATE FUNCTION hush() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER touch BEFORE UPDATE OF at ON orders FOR EACH ROW
    WHEN (new.at > '2000-01-01') EXECUTE FUNCTION hush();
ALTER TABLE orders DISABLE TRIGGER touch;
CREATE POLICY late ON orders USING (at > '2000-01-01');
CREATE RULE mute AS ON UPDATE TO orders WHERE new.at < '2000-01-01' DO INSTEAD NOTHING;
CREATE VIEW recent WITH (security_barrier) AS
    SELECT id, at FROM orders WHERE at > '2024-01-02';
ALTER VIEW recent ALTER COLUMN at SET DEFAULT '2024-05-05';
COMMENT ON COLUMN recent.at IS 'when';
GRANT SELECT ON recent TO PUBLIC;
CREATE MATERIALIZED VIEW daily AS SELECT at::date AS day, max(at) AS last
    FROM recent GROUP BY 1;
CREATE UNIQUE INDEX daily_day ON daily (day) WITH (fillfactor = 70);
ALTER MATERIALIZED VIEW daily CLUSTER ON daily_day;
"""


@pytest.fixture
def converted(database: Any, make_project: Callable[..., Any]) -> Any:
    """A project whose revisions have run."""
    database.execute(ORDERS)
    project = make_project(database.url)
    project.plan(zones=("default=Asia/Kathmandu",))
    project.apply()
    return project


def test_the_strictest_checks_of_plpgsql_keep_no_support_out(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(ORDERS + LEANING)
    database.execute(
        f"ALTER DATABASE \"{database.name}\" SET plpgsql.extra_errors = 'all';"
        f' ALTER DATABASE "{database.name}" SET plpgsql.check_asserts = on'
    )
    project = make_project(database.url)
    project.plan(zones=("default=Asia/Kathmandu",))
    project.apply()
    assert project.verify().outcome is Outcome.PROVED
    project.rollback(everything=True)
    assert project.verify().outcome is Outcome.PROVED


@pytest.mark.parametrize("as_revision", [False, True])
@pytest.mark.parametrize(
    "shift",
    [
        "UPDATE orders SET at = at + interval '5 hours'",
        "ALTER TABLE orders ALTER at TYPE timestamptz USING at + interval '5 hours'",
    ],
    ids=["update", "alter"],
)
def test_a_shift_is_not_carried_down_and_its_record_not_lost(
    shift: str, as_revision: bool, database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(ORDERS)
    project = make_project(database.url)
    project.plan(zones=("default=UTC",))
    project.apply()
    database.execute(shift)
    files = project.revisions
    with pytest.raises(NotProved) as caught:
        project.rollback(everything=True, as_revision=as_revision)
    assert caught.value.code == "TZ413"
    assert "public.orders.at" in str(caught.value)
    assert "300 of 300" in str(caught.value.detail)
    assert "+05:00:00" in str(caught.value.detail)
    assert project.revisions == files
    assert project.verify().outcome is not Outcome.PROVED
    database.execute("UPDATE orders SET at = at - interval '5 hours'")
    project.rollback(everything=True, as_revision=as_revision)


def test_a_shift_that_was_meant_goes_down_when_it_is_accepted(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(ORDERS)
    project = make_project(database.url)
    project.plan(zones=("default=UTC",))
    project.apply()
    database.execute("UPDATE orders SET at = at + interval '1 hour'")
    run = project.rollback(everything=True, accept=("TZ413",))
    assert len(run.steps) == 1
    assert database.scalar("SELECT min(at)::text FROM orders") == "2024-01-01 02:00:00"


@pytest.mark.parametrize("still_broken", [True, False])
def test_an_invalid_index_on_another_column_stops_a_rewrite_by_its_name(
    still_broken: bool, database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(
        ORDERS + "ALTER TABLE orders ADD n integer; INSERT INTO orders"
        " VALUES (501, NULL, NULL, 7), (502, NULL, NULL, 7)"
    )
    with pytest.raises(psycopg.errors.UniqueViolation):
        database.execute("CREATE UNIQUE INDEX CONCURRENTLY broken ON orders (n)")
    if not still_broken:
        database.execute("DELETE FROM orders WHERE id = 502")
    project = make_project(database.url)
    project.plan(zones=("default=Asia/Kathmandu",))
    with pytest.raises(
        DecisionNeeded, match=r"index public\.broken is invalid"
    ) as caught:
        project.apply()
    assert caught.value.code == "TZ351"
    database.execute("DROP INDEX broken")
    project.apply()
    assert project.verify().outcome is Outcome.PROVED


def test_an_invalid_index_is_no_matter_where_nothing_is_rewritten(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(
        ORDERS + "ALTER TABLE orders ADD n integer; INSERT INTO orders"
        " VALUES (501, NULL, NULL, 7), (502, NULL, NULL, 7)"
    )
    with pytest.raises(psycopg.errors.UniqueViolation):
        database.execute("CREATE UNIQUE INDEX CONCURRENTLY broken ON orders (n)")
    project = make_project(database.url)
    project.plan(zones=("default=UTC",))
    project.apply()
    project.rollback(everything=True)
    assert not database.scalar(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = 'broken'::regclass"
    )


@pytest.mark.parametrize(
    "damage",
    ["DELETE FROM tzmigrate.step", "UPDATE tzmigrate.step SET done_at = NULL"],
)
def test_rollback_never_says_that_nothing_is_converted_where_alembic_says_it_is(
    damage: str, database: Any, converted: Any
) -> None:
    database.execute(damage)
    with pytest.raises(DecisionNeeded) as caught:
        converted.rollback(everything=True)
    assert caught.value.code == "TZ324"


@pytest.mark.parametrize(
    "damage",
    [
        "DROP FUNCTION tzmigrate.microseconds(timestamptz) CASCADE",
        "ALTER TABLE tzmigrate.sample RENAME TO gone",
        "ALTER TABLE tzmigrate.step_column DROP COLUMN zone CASCADE",
    ],
)
def test_a_damaged_ledger_is_called_that(
    damage: str, database: Any, converted: Any
) -> None:
    database.execute(damage)
    for verb in (converted.verify, converted.rollback):
        with pytest.raises(NotProved) as caught:
            verb()
        assert caught.value.code == "TZ414"
