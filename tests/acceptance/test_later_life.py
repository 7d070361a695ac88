"""What a database goes through after a conversion is no shift, and proves no less."""

import threading
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


BECAME = {
    "a key of another integer": ("named", "ALTER TABLE named ALTER id TYPE bigint"),
    "a key of no domain": ("owned", "ALTER TABLE owned ALTER id TYPE int"),
    "a key by oid": ("named", "ALTER TABLE named ALTER id TYPE oid"),
    "a label that few rows have": (
        "moods",
        "ALTER TYPE mood RENAME VALUE 'sad' TO 'sadder'",
    ),
    "another column": (
        "named",
        "ALTER TABLE named DROP at, ADD at timestamptz; UPDATE named SET at = now()",
    ),
    "the other column": (
        "named",
        "ALTER TABLE named RENAME at TO x; ALTER TABLE named RENAME until TO at;"
        "ALTER TABLE named RENAME x TO until",
    ),
    "another table": (
        "named",
        "ALTER TABLE named RENAME TO gone; ALTER TABLE older RENAME TO named",
    ),
    "a key whose columns changed names": (
        "swapped",
        "ALTER TABLE swapped RENAME a TO x; ALTER TABLE swapped RENAME b TO a;"
        "ALTER TABLE swapped RENAME x TO b",
    ),
    "another partition": (
        "tree",
        "ALTER TABLE tree DETACH PARTITION tree_1;"
        "ALTER TABLE tree ATTACH PARTITION other FOR VALUES FROM (0) TO (1000)",
    ),
}
"""What has the names of before, and is not what had them: table → what happens."""

LATER_NAMES = """
CREATE DOMAIN whole AS int;
CREATE TABLE named (id int PRIMARY KEY, at timestamp, until timestamp);
INSERT INTO named SELECT g, timestamp '2024-04-15' + g * interval '1 h',
    timestamp '2025-04-15' + g * interval '2 h' FROM generate_series(1, 500) AS g;
CREATE TABLE owned (id whole PRIMARY KEY, at timestamp);
INSERT INTO owned SELECT g, timestamp '2024-04-15' + g * interval '1 h'
FROM generate_series(1, 500) AS g;
CREATE TABLE older (id int PRIMARY KEY, at timestamptz, until timestamptz);
INSERT INTO older SELECT g, timestamptz '2020-04-15' + g * interval '1 h', now()
FROM generate_series(1, 500) AS g;
CREATE TABLE other (id int PRIMARY KEY, at timestamptz);
INSERT INTO other SELECT g, timestamptz '2020-04-15' + g * interval '1 h'
FROM generate_series(1, 300) AS g;
CREATE TABLE swapped (a int, b int, at timestamp, PRIMARY KEY (a, b));
INSERT INTO swapped SELECT g % 20, g / 20, timestamp '2024-04-15' + g * interval '1 h'
FROM generate_series(1, 400) AS g;
CREATE TABLE empty (id int PRIMARY KEY, at timestamp);
CREATE TABLE few (id int, at timestamp);
INSERT INTO few SELECT g, timestamp '2024-04-15' + g * interval '1 h'
FROM generate_series(1, 100) AS g;
CREATE TABLE keyed (id text PRIMARY KEY, at timestamp);
INSERT INTO keyed SELECT 'k' || g, timestamp '2024-04-15' + g * interval '1 h'
FROM generate_series(1, 100) AS g;
"""


@pytest.fixture(params=["UTC", "America/New_York"])
def named(
    request: pytest.FixtureRequest, database: Any, make_project: Callable[..., Any]
) -> Any:
    database.execute(SCHEMA + LATER_NAMES)
    project = make_project(database.url)
    project.configure(
        '[policy]\noverlap = "later"\naccept = ["TZ301"]\n'
        '[scan]\nexclude = ["older", "other"]\n'
    )
    project.plan(zones=(f"default={request.param}",))
    project.apply()
    return project


def test_what_has_the_names_of_before_is_no_shift(named: Any, database: Any) -> None:
    for case, (relation, happened) in BECAME.items():
        with database.connect() as connection:
            connection.execute(happened)
            connection.commit()
        for level in LEVELS:
            found = {
                (c.relation, c.column): c for c in named.verify(level=level).columns
            }
            for place, column in found.items():
                assert column.outcome is not Outcome.SHIFTED, (case, level, column)
                if place[0] == relation and case.startswith(("another", "the other")):
                    assert column.outcome in {Outcome.UNPROVED, Outcome.PROVED}, case


def test_a_table_that_was_empty_is_proved(named: Any, database: Any) -> None:
    for level in ("auto", "full", "sample"):
        assert of(named, "empty", level).outcome is Outcome.PROVED
    database.execute("INSERT INTO empty SELECT g, now() FROM generate_series(1, 50) g")
    for level in ("auto", "full", "sample"):
        found = of(named, "empty", level)
        assert found.outcome is Outcome.PROVED, (level, found)
        assert found.confidence


def test_rows_without_a_key_that_have_new_places_are_said_to(
    named: Any, database: Any
) -> None:
    database.execute("VACUUM FULL few")
    found = of(named, "few", "sample")
    assert (found.outcome, found.shifted) == (Outcome.UNPROVED, 0)
    assert "VACUUM FULL" in found.note


def test_one_key_of_another_type_leaves_the_others_proved(
    named: Any, database: Any
) -> None:
    database.execute(
        "DELETE FROM keyed WHERE id > 'k2'; ALTER TABLE keyed ALTER id TYPE date"
        " USING date '2020-01-01' + substr(id, 2)::int;"
        "DELETE FROM owned; ALTER TABLE owned ALTER id TYPE smallint"
    )
    found = named.verify(level="sample")
    outcomes = {c.relation: c.outcome for c in found.columns}
    assert outcomes["keyed"] is Outcome.UNPROVED
    assert outcomes["named"] is outcomes["visits"] is Outcome.PROVED


def test_who_wrote_what_is_not_known_after_two_billion_transactions(
    named: Any, database: Any
) -> None:
    database.execute(
        "UPDATE owned SET at = at + interval '7 min' WHERE id < 20;"
        "UPDATE tzmigrate.step SET horizon = horizon - 2147483648"
    )
    found = of(named, "owned", "sample")
    assert found.outcome is Outcome.UNPROVED
    assert "two billion transactions" in found.note
    assert of(named, "moods", "sample").outcome is Outcome.PROVED


def test_a_cluster_without_a_name_is_known_by_other_marks(
    named: Any, database: Any
) -> None:
    # as in a restored copy whose role may not ask for the cluster
    database.execute(
        "UPDATE owned SET at = at + interval '7 min' WHERE id < 20;"
        "UPDATE tzmigrate.step SET system_identifier = NULL, horizon = horizon +"
        " 1000000000"
    )
    found = of(named, "owned", "sample")
    assert (found.shifted, found.outcome) == (0, Outcome.PROVED)
    assert found.changed > 10


def test_a_table_of_another_name_is_told_by_it(named: Any, database: Any) -> None:
    database.execute("ALTER TABLE named RENAME TO renamed; DROP TABLE few CASCADE")
    messages = [f.message for f in named.verify().findings if f.code == "TZ325"]
    assert any("is called public.renamed now" in text for text in messages)
    assert any("public.few" in text and "dropped" in text for text in messages)


def test_objects_that_come_and_go_end_no_verify(named: Any, database: Any) -> None:
    ended = threading.Event()

    def churn() -> None:
        with database.connect(autocommit=True) as connection:
            while not ended.is_set():
                connection.execute(
                    "CREATE VIEW passing AS SELECT id FROM named; DROP VIEW passing"
                )

    writer = threading.Thread(target=churn)
    writer.start()
    try:
        for _ in range(5):
            found = named.verify(level="sample")
            assert {c.outcome for c in found.columns} == {Outcome.PROVED}
            assert {f.code for f in found.findings} <= {"TZ301", "TZ420", "TZ427"}
    finally:
        ended.set()
        writer.join()
