"""A column that somebody converted by hand is looked at, recorded, and gone on from."""

from collections.abc import Callable
from typing import Any

import pytest

from tzmigrate.errors import DecisionNeeded, NotProved
from tzmigrate.execution.model import StepState
from tzmigrate.verification.model import Ground, Outcome

MakeProject = Callable[..., Any]

TABLES = """
CREATE TABLE events (
    id bigint PRIMARY KEY,
    at timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'utc')
);
CREATE TABLE trips (
    id bigint PRIMARY KEY,
    leaves timestamp DEFAULT '2024-01-01 09:00:00',
    lands timestamp
);
CREATE VIEW lately AS SELECT id, at FROM events;
INSERT INTO events SELECT g, timestamp '2024-01-15' + g * interval '61 minutes'
FROM generate_series(1, 30) AS g;
INSERT INTO trips SELECT g, timestamp '2024-01-15' + g * interval '1 day', 'infinity'
FROM generate_series(1, 30) AS g
"""
ZONES = (
    "default=UTC",
    "public.trips.leaves=America/New_York",
    "public.trips.lands=Asia/Kolkata",
)
BY_HAND = """
BEGIN;
SET LOCAL TimeZone = 'Etc/UTC';
DROP VIEW lately;
ALTER TABLE events ALTER at DROP DEFAULT, ALTER at TYPE timestamptz,
    ALTER at SET DEFAULT now();
CREATE VIEW lately AS SELECT id, at FROM events;
COMMIT
"""


@pytest.fixture
def project(database: Any, make_project: MakeProject) -> Any:
    """A project with two groups planned, and none applied."""
    database.execute(TABLES)
    made = make_project(database.url, configure="transaction_per_migration=True")
    made.plan(zones=ZONES)
    return made


@pytest.mark.parametrize("installed", [True, False])
def test_what_was_converted_by_hand_is_adopted_and_goes_both_ways(
    installed: bool, project: Any, database: Any
) -> None:
    before = database.dump_apart()
    if installed:
        project.run("upgrade", "+1")
    database.execute(BY_HAND)
    with pytest.raises(DecisionNeeded, match="TZ344") as caught:
        project.apply()
    assert "tzmigrate adopt public.events.at and go on" in caught.value.hint
    if not installed:
        database.execute("DROP SCHEMA tzmigrate CASCADE; DROP TABLE alembic_version")
    adopted = project.adopt("public.events.at", accept=("TZ415",))
    assert adopted.recorded
    (column,) = adopted.columns
    assert (column.step, column.zone) == ("tz_events", "Etc/UTC")
    assert column.conversion is Ground.UNPROVED
    project.apply()
    assert {s.state for s in project.status().steps} == {StepState.DONE}
    proof = project.verify(accept=("TZ415",))
    assert proof.outcome is Outcome.PROVED
    assert {c.adopted for c in proof.columns} == {None, Ground.UNPROVED}
    project.rollback(everything=True)
    assert database.dump_apart() == before
    assert project.verify().outcome is Outcome.PROVED
    project.apply()
    assert project.verify(accept=("TZ301",)).outcome is Outcome.PROVED
