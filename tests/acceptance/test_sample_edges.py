"""Rows at an edge are recorded, whatever chance draws, and bound nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from tzmigrate.verification.model import Outcome

ROWS = 30_000
TABLE = f"""
CREATE TABLE visits (id bigint PRIMARY KEY, at timestamp, plain timestamp, note text);
INSERT INTO visits SELECT g, timestamp '2019-01-01 12:00' + (g / 24) * interval '1 day'
    + (g % 24) * interval '25 minutes', timestamp '2020-06-15' + g * interval '1 s',
    repeat('x', 60) FROM generate_series(1, {ROWS}) AS g;
UPDATE visits SET at = 'infinity' WHERE id BETWEEN 10001 AND 10100;
UPDATE visits SET at = '-infinity' WHERE id BETWEEN 10101 AND 10200;
UPDATE visits SET at = NULL WHERE id BETWEEN 10201 AND 10300;
UPDATE visits SET at = '0044-03-15 BC' WHERE id = 10301;
UPDATE visits SET at = '2300-01-01' WHERE id = 10302;
UPDATE visits SET at = '2020-03-08 01:59:59.999999' WHERE id = 15000;
UPDATE visits SET at = '2020-03-08 03:00' WHERE id = 15001;
UPDATE visits SET at = '2020-11-01 00:59:59.999999' WHERE id = 15002;
UPDATE visits SET at = '2020-11-01 02:00' WHERE id = 15003;
UPDATE visits SET plain = 'infinity' WHERE id = 20001;
UPDATE visits SET plain = '0044-03-15 BC' WHERE id = 20002;
UPDATE visits SET plain = NULL WHERE id = 20003;
CREATE INDEX ON visits (at);
"""
ENDS = {10301, 10302, 1, ROWS}


@pytest.fixture
def planned(database: Any, make_project: Callable[..., Any]) -> Callable[..., Any]:
    def planned(zone: str, partitions: bool = False) -> Any:
        table = TABLE
        if partitions:
            table = table.replace(
                "text);",
                "text) PARTITION BY RANGE (id);"
                "CREATE TABLE low PARTITION OF visits FOR VALUES FROM (0) TO (14000);"
                "CREATE TABLE high PARTITION OF visits DEFAULT;",
            )
        database.execute(table)
        project = make_project(database.url)
        project.configure(
            f'[zones]\ndefault = "{zone}"\n[policy]\nproof = "sample"\n'
            'overlap = "later"\ngap = "shift"\naccept = ["TZ301"]\n'
        )
        project.plan()
        return project

    return planned


def recorded(database: Any, *, edge: bool = True) -> set[int]:
    rows = database.execute(
        "SELECT p.key[1]::int FROM tzmigrate.sample AS p WHERE p.edge = %s", (edge,)
    )
    return {row[0] for row in rows}


@pytest.mark.parametrize("partitions", [False, True], ids=["plain", "partitioned"])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_edges_are_recorded_up_and_down(
    zone: str, partitions: bool, planned: Any, database: Any
) -> None:
    project = planned(zone, partitions)
    for go in (
        lambda: project.run("upgrade", "heads"),
        lambda: project.run("downgrade", "-1"),
    ):
        go()
        edges = recorded(database) | recorded(database, edge=False)
        assert edges >= ENDS
        for low, high in ((10001, 10100), (10101, 10200), (10201, 10300)):
            assert edges & set(range(low, high + 1)), low
        if zone != "UTC":
            assert edges >= {15000, 15001, 15002, 15003, 20001, 20002, 20003}
        drawn = recorded(database, edge=False)
        assert 500 < len(drawn) <= 1002
        found = project.verify(level="sample")
        assert found.outcome is Outcome.PROVED
        at = found.columns[0]
        assert at.rows_compared == len(recorded(database)) + len(drawn)
        bound = 100 * (1 - 0.05 ** (1 / len(drawn)))
        assert at.confidence.startswith(f"at most {bound:.2f} %")


def test_each_change_of_the_clock_is_known(planned: Any, database: Any) -> None:
    planned("America/New_York").run("upgrade", "heads")
    changes = (
        "SELECT array_agg(c::text ORDER BY c) FROM tzmigrate.clock_changes(%s, %s, %s)"
        " AS c"
    )
    assert database.scalar(
        changes, ("America/New_York", "2019-01-01", "2020-12-31")
    ) == [
        "2019-03-10 03:00:00",
        "2019-11-03 01:00:00",
        "2020-03-08 03:00:00",
        "2020-11-01 01:00:00",
    ]
    assert (
        database.scalar(changes, ("Asia/Kolkata", "2019-01-01", "2020-12-31")) is None
    )
    assert database.scalar(changes, ("Asia/Kolkata", None, None)) is None
