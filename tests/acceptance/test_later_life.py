"""What a database goes through after a conversion is no shift, and proves no less."""

from collections.abc import Callable
from typing import Any

import pytest

from tzmigrate.verification.model import ColumnProof, Outcome

SCHEMA = """
CREATE TYPE mood AS ENUM ('ok', 'sad');
CREATE TABLE visits (a int, b text, at timestamp, m mood, PRIMARY KEY (a, b));
INSERT INTO visits SELECT g % 5, 'k' || g, timestamp '2024-01-15' + g * interval '1 h'
FROM generate_series(1, 500) AS g WHERE g NOT BETWEEN 1270 AND 1290;
CREATE TABLE moods (m mood, n int, at timestamp, PRIMARY KEY (m, n));
INSERT INTO moods SELECT (ARRAY['ok', 'sad']::mood[])[1 + g % 2], g, timestamp
    '2024-04-15' + g * interval '1 h' FROM generate_series(1, 300) AS g;
CREATE TABLE bare (at timestamp, n int);
INSERT INTO bare SELECT timestamp '2024-04-15' + g * interval '1 h', g
FROM generate_series(1, 300) AS g;
CREATE TABLE tree (id int PRIMARY KEY, at timestamp) PARTITION BY RANGE (id);
CREATE TABLE tree_1 PARTITION OF tree FOR VALUES FROM (0) TO (1000);
INSERT INTO tree SELECT g, timestamp '2024-04-15' + g * interval '1 h'
FROM generate_series(1, 300) AS g;
DELETE FROM visits WHERE at BETWEEN '2024-03-10 01:30' AND '2024-03-10 03:30';
"""
LEVELS = ("auto", "full", "physical", "sample")


@pytest.fixture(params=["UTC", "America/New_York"])
def converted(
    request: pytest.FixtureRequest, database: Any, make_project: Callable[..., Any]
) -> Any:
    database.execute(SCHEMA)
    project = make_project(database.url)
    project.configure('[policy]\noverlap = "later"\naccept = ["TZ301"]\n')
    project.plan(zones=(f"default={request.param}",))
    project.apply()
    return project


def of(project: Any, relation: str, level: str) -> ColumnProof:
    (found,) = (
        c for c in project.verify(level=level).columns if c.relation == relation
    )
    return found


@pytest.mark.parametrize(
    ("relation", "happened", "said"),
    [
        ("visits", "ALTER TABLE visits RENAME b TO c", "column b of the key"),
        (
            "visits",
            "ALTER TABLE visits RENAME a TO x; ALTER TABLE visits RENAME b TO y",
            "of the key",
        ),
        (
            "visits",
            "ALTER TABLE visits DROP a, ADD PRIMARY KEY (b)",
            "column a of the key",
        ),
        (
            "visits",
            "ALTER TABLE visits ALTER b TYPE int USING substr(b, 2)::int",
            "another type",
        ),
        ("moods", "ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'", ""),
    ],
)
def test_a_key_that_changed_shifts_nothing(
    relation: str, happened: str, said: str, converted: Any, database: Any
) -> None:
    database.execute(happened)
    for level in LEVELS:
        found = of(converted, relation, level)
        assert found.shifted == 0
        assert found.outcome in {Outcome.UNPROVED, Outcome.PROVED}
        assert found.rows_compared <= 500
        if said:
            assert found.outcome is Outcome.UNPROVED
            assert said in found.note
        assert of(converted, "tree", "auto").outcome is Outcome.PROVED


def test_rows_that_are_all_gone_prove_nothing(converted: Any, database: Any) -> None:
    database.execute(
        "UPDATE bare SET at = at - interval '5 h';"
        "CREATE TEMP TABLE moved AS SELECT * FROM tree;"
        "DELETE FROM tree; INSERT INTO tree SELECT id + 500, at FROM moved"
    )
    for level in LEVELS:
        for relation in ("bare", "tree"):
            assert of(converted, relation, level).outcome is Outcome.UNPROVED


def test_a_partition_that_came_later_takes_no_proof_away(
    converted: Any, database: Any
) -> None:
    before = {level: of(converted, "tree", level).outcome for level in LEVELS}
    database.execute(
        "CREATE TABLE tree_2 PARTITION OF tree FOR VALUES FROM (1000) TO (2000)"
    )
    after = {level: of(converted, "tree", level).outcome for level in LEVELS}
    assert after == before
    database.execute("INSERT INTO tree VALUES (1500, now())")
    assert of(converted, "tree", "auto").outcome is Outcome.PROVED


def test_what_is_put_off_by_a_day_is_no_other_zone(
    converted: Any, database: Any
) -> None:
    database.execute("UPDATE tree SET at = at + interval '1 day' WHERE id % 3 = 0")
    found = of(converted, "tree", "auto")
    assert (found.outcome, found.changed) == (Outcome.PROVED, 100)
