"""The circle: scan, plan, apply, verify, rollback, verify."""

from collections.abc import Callable
from typing import Any

from tzmigrate.planning.model import Strategy
from tzmigrate.verification.model import Outcome

TABLE = """
CREATE TABLE orders (
    id bigint PRIMARY KEY,
    placed_at timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'utc'),
    shipped_at timestamp
);
CREATE INDEX ON orders (placed_at);
INSERT INTO orders
SELECT g, timestamp '2024-01-01' + g * interval '7 hours 1 microsecond',
       CASE WHEN g % 3 > 0 THEN timestamp '2020-01-01' + g * interval '1 minute' END
FROM generate_series(1, 500) AS g;
INSERT INTO orders VALUES (-1, 'infinity', '-infinity'),
                          (-2, '0001-01-01', '4713-01-01 BC');
"""


def types(database: Any, table: str = "orders") -> dict[str, str]:
    return dict(
        database.execute(
            "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
            [table],
        )
    )


def test_a_table_goes_to_timestamptz_and_comes_back_equal(
    database: Any, make_project: Callable[..., Any], canonical_dump: Callable[..., str]
) -> None:
    database.execute(TABLE)
    before = canonical_dump(database)
    project = make_project(database.url)
    plan = project.plan(zones=("default=UTC",))
    assert [g.strategy for g in plan.groups] == [Strategy.METADATA]
    project.apply()
    assert types(database)["placed_at"] == "timestamp with time zone"
    proof = project.verify()
    assert proof.outcome is Outcome.PROVED
    assert {c.rows_compared for c in proof.columns} == {502}
    assert database.scalar(
        "SELECT placed_at AT TIME ZONE 'UTC' FROM orders WHERE id = 1"
    ) == database.scalar("SELECT timestamp '2024-01-01 07:00:00.000001'")
    project.rollback()
    assert project.verify().outcome is Outcome.PROVED
    assert canonical_dump(database) == before
