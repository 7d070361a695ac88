"""What is read of the catalogs for a few tables does not grow with the other ones."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.conftest import Database
from tests.support import install_support
from tzmigrate.planning.leaning import (
    read_apart,
    read_definitions,
    read_leaning,
    read_readers,
)
from tzmigrate.planning.model import RelationName
from tzmigrate.revisions import trial
from tzmigrate.revisions.support import guard

Connection = psycopg.Connection[Any]

ONE = """
CREATE TABLE {0} (id int PRIMARY KEY, at timestamp NOT NULL DEFAULT now(),
  until timestamp, CHECK (at < until));
CREATE INDEX ON {0} ((at::date)) WHERE until IS NULL;
COMMENT ON TABLE {0} IS 'one';
CREATE VIEW {0}_view AS SELECT id, at, until::date AS day FROM {0};
CREATE MATERIALIZED VIEW {0}_days AS SELECT id, at FROM {0}_view;
CREATE UNIQUE INDEX ON {0}_days (id);
CREATE FUNCTION {0}_of({0}_view) RETURNS int LANGUAGE sql AS 'SELECT 1';
"""
OTHERS = 150
"""As many make the catalogs of relations several times as large."""

COLUMNS = [
    (RelationName(schema="public", name=f"wanted_{n}"), name)
    for n in range(2)
    for name in ("at", "until")
]
TABLES = "ARRAY['public.wanted_0', 'public.wanted_1']::regclass[]"


def support(call: str) -> Callable[[Connection], object]:
    return lambda connection: connection.execute(f"SELECT {call}".encode())


def step(connection: Connection) -> None:
    """Open a step that converts a column, and look for what its plan does not know."""
    connection.execute(guard())
    connection.execute(
        "SELECT tzmigrate.begin_step('tz_wanted', 'up', '', NULL, 'UTC', '60s',"
        " 'refuse', 'refuse', 18, 1)"
    )
    connection.execute(
        "SELECT tzmigrate.plan_column('public.wanted_0', 'until',"
        " 'timestamp without time zone', 'timestamp with time zone', 'UTC', NULL)"
    )
    (found,) = connection.execute("SELECT tzmigrate.leaning()").fetchone() or ("",)
    assert "wanted_0" in found


def rows_read(connection: Connection, run: Callable[[Connection], object]) -> int:
    """Return how many rows of catalogs a call reads once its plans are made."""
    count = (
        "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int8"
        " FROM pg_stat_xact_all_tables WHERE schemaname = 'pg_catalog'"
    )

    def counted() -> int:
        (found,) = connection.execute(count).fetchone() or (0,)
        return int(found)

    with connection.transaction(force_rollback=True):
        for _ in range(4):
            run(connection)
        # counting reads the catalogs, too
        before, between = counted(), counted()
        run(connection)
        return counted() - between - (between - before)


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(lambda c: read_leaning(c, COLUMNS), id="leaning"),
        pytest.param(lambda c: read_apart(c, [COLUMNS[:2], COLUMNS[2:]]), id="apart"),
        pytest.param(lambda c: read_definitions(c, COLUMNS), id="definitions"),
        pytest.param(lambda c: read_readers(c, [COLUMNS]), id="readers"),
        pytest.param(support(f"tzmigrate.picture({TABLES})"), id="picture"),
        pytest.param(
            support(f"tzmigrate.index_repairs_before({TABLES})"), id="repairs"
        ),
        pytest.param(
            support(
                "tzmigrate.properties('pg_class', 'public.wanted_0_days'::regclass)"
            ),
            id="properties",
        ),
        pytest.param(step, id="step"),
    ],
)
def test_it_does_not_grow_with_other_tables(
    database: Database, run: Callable[[Connection], object]
) -> None:
    with psycopg.connect(database.url) as connection:
        connection.prepare_threshold = 2
        for n in range(2):
            connection.execute(ONE.format(f"wanted_{n}").encode())
        install_support(connection)
        connection.execute("SET search_path = pg_catalog")
        connection.execute(trial._BY_INDEX)
        connection.commit()
        alone = rows_read(connection, run)
        connection.execute("SET search_path = public")
        for n in range(OTHERS):
            connection.execute(ONE.format(f"other_{n}").encode())
        connection.execute("SET search_path = pg_catalog")
        connection.commit()
        assert rows_read(connection, run) < alone * 1.2 + 20
