"""What happens between the choice of rows, which takes no lock, and the lock."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.acceptance.test_sabotage import recorded
from tzmigrate.verification.model import Outcome

ZONE = "America/New_York"
ROWS = (
    "INSERT INTO visits SELECT g, timestamp '2024-06-01 00:00:00.000001'"
    " + g * interval '1 min' FROM generate_series(1, 300) AS g"
)
HAPPENS = {
    "rows come into an empty table": ("", ROWS),
    "all keys change": (ROWS, "UPDATE visits SET id = id + 100000"),
    "all rows are others": (ROWS, f"DELETE FROM visits; {ROWS}"),
    "values change": (ROWS, "UPDATE visits SET at = at + interval '5 h' WHERE id < 90"),
    "most rows go": (ROWS, "DELETE FROM visits WHERE id > 3"),
    "all rows go": (ROWS, "DELETE FROM visits"),
}
"""What stands there at the choice, and what somebody else commits before the lock."""


def run(database: Any, statements: list[str], happens: str, *, extra: str = "") -> None:
    """Run a revision; somebody else commits right after the choice of rows."""
    with database.connect() as one, database.connect() as other:
        for statement in statements:
            one.execute(statement.encode())
            if "choose_sample" in statement:
                other.execute(happens.encode())
                other.commit()
            if extra and statement.startswith("SELECT tzmigrate.take_step"):
                one.execute(extra.encode())
        one.commit()


@pytest.fixture(params=["PRIMARY KEY", ""], ids=["key", "no key"])
def table(request: pytest.FixtureRequest, database: Any) -> Any:
    database.execute(f"CREATE TABLE visits (id int {request.param}, at timestamp)")
    return database


@pytest.mark.parametrize(
    ("zone", "proof"), [(ZONE, "sample"), (ZONE, "full"), ("UTC", "auto")]
)
def test_what_stands_there_under_the_lock_is_compared(
    zone: str, proof: str, table: Any, make_project: Callable[..., Any]
) -> None:
    project = make_project(table.url)
    project.configure(f'[policy]\nproof = "{proof}"\naccept = ["TZ301"]\n')
    support, group = project.plan(zones=(f"default={zone}",)).written
    run(table, recorded(support), "")
    up, down = recorded(group), recorded(group, "downgrade")
    honest = "ALTER COLUMN at TYPE timestamptz"
    wrong = [s.replace(honest, f"{honest} USING at AT TIME ZONE '+3'") for s in up]
    assert wrong != up
    for case, (before, happens) in HAPPENS.items():
        table.execute(f"TRUNCATE visits; {before}")
        if case != "all rows go":
            with pytest.raises(psycopg.Error) as caught:
                run(table, wrong, happens)
            assert caught.value.sqlstate in {"TZ401", "TZ402", "TZ404"}, case
        table.execute(f"TRUNCATE visits; {before}")
        run(table, up, happens)
        (found,) = project.verify().columns
        assert (found.changed, found.shifted) == (0, 0), case
        keyed = table.scalar(
            "SELECT count(*) FROM pg_indexes WHERE tablename = 'visits'"
        )
        if zone != "UTC" or keyed:
            assert found.outcome is Outcome.PROVED, (case, found)
            assert found.rows_compared == found.rows_total
            assert found.missing == 0
        else:
            # whoever wrote while the revision ran may have written after it, and what
            # stands at a place by then may be another row
            assert found.outcome in {Outcome.PROVED, Outcome.UNPROVED}
        run(table, down, "")


def test_uncounted_rows_are_not_trusted(
    table: Any, make_project: Callable[..., Any]
) -> None:
    project = make_project(table.url)
    table.execute(ROWS)
    support, group = project.plan(zones=("default=UTC",)).written
    run(table, recorded(support), "")
    with pytest.raises(psycopg.Error, match="track_counts is off") as caught:
        run(table, recorded(group), "", extra="SET LOCAL track_counts = off")
    assert caught.value.sqlstate == "TZ406"
    assert "visits" in str(caught.value)
