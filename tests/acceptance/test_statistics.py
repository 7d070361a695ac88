"""After a step the planner's statistics are there again, of all that lost them."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tzmigrate import commands
from tzmigrate.execution import runner, statistics

SCHEMA = """
CREATE TABLE prices (item int, valid_from timestamp, until timestamp,
  PRIMARY KEY (item, valid_from));
CREATE TABLE orders (id int PRIMARY KEY, item int, at timestamp, until timestamp,
  FOREIGN KEY (item, at) REFERENCES prices);
CREATE INDEX orders_day ON orders ((at::date));
CREATE STATISTICS orders_both (dependencies) ON item, at FROM orders;
CREATE TABLE moves (id int, at timestamp) PARTITION BY LIST (id);
CREATE TABLE moves_1 PARTITION OF moves FOR VALUES IN (1);
CREATE TABLE logs (id int, at timestamp);
CREATE TABLE logs_old (more text) INHERITS (logs);
CREATE MATERIALIZED VIEW days AS SELECT at::date AS day, at FROM orders;
INSERT INTO prices SELECT i, timestamp '2024-01-01' + i * interval '1 day', NULL
  FROM generate_series(1, 50) AS i;
INSERT INTO orders SELECT item, item, valid_from, valid_from FROM prices;
INSERT INTO moves SELECT 1, valid_from FROM prices;
INSERT INTO logs SELECT item, valid_from FROM prices;
INSERT INTO logs_old SELECT item, valid_from, 'x' FROM prices;
REFRESH MATERIALIZED VIEW days;
ANALYZE
"""

KNOWN = """
SELECT array_agg(found ORDER BY found) FROM (
  -- PostgreSQL names the column of an index after its expression
  SELECT concat(tablename, '.', nullif(attname, 'timezone'), ' ', inherited)
  FROM (SELECT tablename, inherited,
    CASE tablename WHEN 'orders_day' THEN 'timezone' ELSE attname END FROM pg_stats
    WHERE schemaname = 'public') AS s (tablename, inherited, attname)
  WHERE tablename NOT LIKE 'alembic%'
  UNION ALL SELECT concat(s.stxname, ' ', d.stxddependencies IS NOT NULL)
  FROM pg_statistic_ext s JOIN pg_statistic_ext_data d ON d.stxoid = s.oid
) AS x (found)
"""


def test_what_lost_its_statistics_has_them_again(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(SCHEMA)
    before = database.scalar(KNOWN)
    project = make_project(database.url)
    project.plan(zones=("default=UTC",))
    told: list[str] = []
    options = {"confirm": lambda _: True, "progress": told.append}
    commands.apply(project.connection, alembic=project.options, **options)
    assert not [line for line in told if "ANALYZE" in line]
    assert database.scalar(KNOWN) == before
    project.rollback(everything=True)
    assert database.scalar(KNOWN) == before


def test_what_is_in_use_is_named_with_the_statement_to_run(
    database: Any, make_project: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    database.execute(
        "CREATE TABLE above (at timestamp PRIMARY KEY);"
        "CREATE TABLE below (at timestamp REFERENCES above, n int);"
        "INSERT INTO above VALUES ('2024-01-01');"
        "INSERT INTO below SELECT at FROM above"
    )
    project = make_project(database.url)
    project.plan(zones=("default=UTC",))
    real = statistics.analyze

    def locked(*args: Any) -> None:
        with psycopg.connect(database.url) as other:
            other.execute("LOCK TABLE above")
            real(*args)

    monkeypatch.setattr(runner, "analyze", locked)
    told: list[str] = []
    options = {"confirm": lambda _: True, "progress": told.append}
    commands.apply(project.connection, alembic=project.options, **options)
    (line,) = (line for line in told if "ANALYZE" in line)
    assert 'run it when you can: ANALYZE "public"."above" ("at")' in line
    # the others have not waited for it
    assert database.scalar(
        "SELECT array_agg(tablename::text) FROM pg_stats"
        " WHERE schemaname = 'public' AND attname = 'at'"
    ) == ["below"]
