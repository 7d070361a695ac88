"""A column that somebody converted by hand is looked at, recorded, and gone on from."""

import json
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tzmigrate.errors import DecisionNeeded, NotProved, Refused, UsageError
from tzmigrate.execution import runner
from tzmigrate.execution.model import StepState, StepStatus
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
EVERY_TEN_MINUTES = """
CREATE TABLE visits (id serial PRIMARY KEY, at timestamp, kept timestamp)
WITH (autovacuum_enabled = false);
INSERT INTO visits (at)
SELECT t FROM generate_series(2019, 2024) AS year, LATERAL generate_series(
    make_timestamp(year, 10, 8, 0, 3, 0.000001), make_timestamp(year, 11, 12, 0, 0, 0),
    '10 minutes') AS t
"""
"""Where clocks went back six times; six rows in each hour, of any zone.

Autovacuum stays away: whether it has analysed the table is told.
"""


@pytest.fixture
def project(database: Any, make_project: MakeProject) -> Any:
    """A project with two groups planned, and none applied."""
    database.execute(TABLES)
    made = make_project(database.url, configure="transaction_per_migration=True")
    made.plan(zones=ZONES)
    return made


@pytest.fixture
def visits(database: Any, make_project: MakeProject) -> Any:
    """A table with rows at every hour, and nothing planned."""
    database.execute(EVERY_TEN_MINUTES)
    return make_project(database.url)


@pytest.fixture
def shell(shell_in: Callable[..., Any], project: Any) -> Any:
    """The command, typed in the project."""
    return shell_in(project.root)


def convert(database: Any, zone: str, column: str = "visits.at") -> None:
    """Convert as somebody does who does not think of zones."""
    table, name = column.split(".")
    database.execute(
        f"SET TimeZone = '{zone}'; ALTER TABLE {table} ALTER {name} TYPE timestamptz"
    )


def step_of(project: Any, name: str) -> StepStatus:
    """Return where one step stands."""
    (found,) = [step for step in project.status().steps if step.step == name]
    return found


def steps(database: Any) -> int:
    """Count the steps that are recorded."""
    if not database.scalar("SELECT to_regclass('tzmigrate.step') IS NOT NULL"):
        return 0
    return int(database.scalar("SELECT count(*) FROM tzmigrate.step"))


# ---------------------------------------------------------- there and back again


@pytest.mark.parametrize("installed", [True, False])
def test_what_was_converted_by_hand_is_adopted_and_goes_both_ways(
    installed: bool, project: Any, database: Any, canonical_dump: Callable[..., str]
) -> None:
    before = canonical_dump(database)
    if installed:
        project.run("upgrade", "+1")
    database.execute(BY_HAND)
    if installed:
        with pytest.raises(DecisionNeeded, match="TZ344") as caught:
            project.apply()
        assert "tzmigrate adopt public.events.at and go on" in caught.value.hint
    adopted = project.adopt("public.events.at")
    assert adopted.recorded
    (column,) = adopted.columns
    assert (column.step, column.zone) == ("tz_events", "Etc/UTC")
    assert column.conversion is Ground.UNPROVED
    assert step_of(project, "tz_events").state is StepState.INTERRUPTED
    project.apply()
    assert {s.state for s in project.status().steps} == {StepState.DONE}
    proof = project.verify(accept=("TZ415",))
    assert proof.outcome is Outcome.PROVED
    assert {(c.column, c.adopted) for c in proof.columns} == {
        ("at", Ground.UNPROVED),
        ("leaves", None),
        ("lands", None),
    }
    project.rollback(everything=True)
    assert canonical_dump(database) == before
    assert project.verify().outcome is Outcome.PROVED
    project.apply()
    again = project.verify(accept=("TZ301",))
    assert again.outcome is Outcome.PROVED
    assert {c.adopted for c in again.columns} == {None}
    # the support revision takes over what adopt installed, and removes it
    project.rollback(everything=True)
    project.run("downgrade", "base")
    assert database.scalar("SELECT to_regnamespace('tzmigrate') IS NULL")


def test_a_plan_is_content_with_what_is_adopted(project: Any, database: Any) -> None:
    database.execute(BY_HAND)
    with pytest.raises(DecisionNeeded, match="TZ319") as caught:
        project.plan(zones=ZONES)
    assert "tzmigrate adopt public.events.at and go on" in caught.value.hint
    project.adopt("public.events.at", accept=("TZ415",))
    database.execute("CREATE TABLE news (id int PRIMARY KEY, at timestamp)")
    found = project.plan(zones=ZONES)
    assert [g.slug for g in found.groups if g.converted] == ["tz_news"]
    assert found.decisions == ()
    project.apply()
    assert project.verify(accept=("TZ301", "TZ415")).outcome is Outcome.PROVED
    assert {s.state for s in project.status().steps} == {StepState.DONE}


def test_a_step_is_adopted_before_those_that_come_before_it(
    project: Any, database: Any, canonical_dump: Callable[..., str]
) -> None:
    before = canonical_dump(database)
    database.execute(
        "ALTER TABLE trips ALTER leaves DROP DEFAULT, ALTER leaves TYPE timestamptz"
        " USING leaves AT TIME ZONE 'America/New_York', ALTER lands TYPE timestamptz"
        " USING lands AT TIME ZONE 'Asia/Kolkata'"
    )
    with pytest.raises(DecisionNeeded, match="TZ345") as caught:
        project.adopt("public.trips.lands")
    assert "default of column public.trips.leaves is not set" in caught.value.message
    database.execute("ALTER TABLE trips ALTER leaves SET DEFAULT '2024-01-01 09:00-05'")
    adopted = project.adopt("public.trips.lands", accept=("TZ415",))
    # a step is recorded whole
    assert {c.column: c.zone for c in adopted.columns} == {
        "leaves": "America/New_York",
        "lands": "Asia/Kolkata",
    }
    project.apply()
    assert project.verify(accept=("TZ415", "TZ301")).outcome is Outcome.PROVED
    project.rollback(everything=True)
    # the way back gives the default that the plan found
    assert canonical_dump(database) == before


def test_both_ends_of_a_key_are_one_step(
    database: Any, make_project: MakeProject, canonical_dump: Callable[..., str]
) -> None:
    database.execute(
        "CREATE TABLE z_slots (at timestamp PRIMARY KEY);"
        "CREATE TABLE a_uses (id int PRIMARY KEY, at timestamp REFERENCES z_slots);"
        "INSERT INTO z_slots SELECT timestamp '2024-01-01' + g * interval '1 h'"
        " FROM generate_series(1, 30) AS g;"
        "INSERT INTO a_uses SELECT row_number() OVER (), at FROM z_slots"
    )
    project = make_project(database.url)
    project.plan(zones=("default=Asia/Kolkata",))
    before = canonical_dump(database)
    for table in ("z_slots", "a_uses"):
        convert(database, "Asia/Kolkata", f"{table}.at")
    adopted = project.adopt("public.a_uses.at", accept=("TZ415",))
    assert {c.relation for c in adopted.columns} == {"a_uses", "z_slots"}
    assert len({c.step for c in adopted.columns}) == 1
    project.apply()
    assert project.verify(accept=("TZ301", "TZ415")).outcome is Outcome.PROVED
    project.rollback(everything=True)
    assert canonical_dump(database) == before
    assert project.verify(accept=("TZ301",)).outcome is Outcome.PROVED


def test_what_leans_on_the_column_otherwise_than_planned_is_told(
    project: Any, database: Any, canonical_dump: Callable[..., str]
) -> None:
    database.execute(
        "CREATE OR REPLACE VIEW lately AS SELECT id, at FROM events"
        " WHERE at > timestamp '2024-01-15 12:00'"
    )
    for path in project.revisions:
        path.unlink()
    project.plan(zones=ZONES)
    before = canonical_dump(database)
    database.execute(
        "BEGIN; SET LOCAL TimeZone = 'Etc/UTC'; DROP VIEW lately;"
        " ALTER TABLE events ALTER at TYPE timestamptz;"
        " CREATE VIEW lately AS SELECT id, at FROM events"
        " WHERE at > timestamp '2024-01-15 12:00'; COMMIT"
    )
    adopted = project.adopt("public.events.at", accept=("TZ415",))
    told = {f.code: f.message for f in adopted.findings}
    # the view compares in each session's zone, the default is read in it
    assert "view public.lately reads otherwise than revision" in told["TZ417"]
    assert "public.events.at yields naive time" in told["TZ422"]
    project.apply()
    project.rollback(everything=True)
    assert canonical_dump(database) == before


# ------------------------------------------------------------------- the evidence


def test_every_row_is_compared_with_the_old_column(visits: Any, database: Any) -> None:
    database.execute("UPDATE visits SET kept = at")
    convert(database, "America/New_York")
    database.execute("INSERT INTO visits (at) VALUES (now())")
    wanted = {
        "zones": ("default=America/New_York",),
        "old_columns": ("public.visits.at=kept",),
    }
    adopted = visits.adopt("public.visits.at", **wanted)
    (column,) = adopted.columns
    assert {f.code for f in adopted.findings} == {"TZ423"}
    assert column.conversion is Ground.PROVED
    assert column.rows_compared == database.scalar("SELECT count(kept) FROM visits")
    assert "1 row of now with nothing there" in column.why
    (proof,) = visits.verify().columns
    assert (proof.outcome, proof.adopted) == (Outcome.PROVED, Ground.PROVED)
    assert "that conversion was proved then" in proof.confidence


@pytest.mark.parametrize("value", ["NULL", "'infinity'", "'-infinity'"])
def test_what_every_zone_leaves_alike_proves_no_zone(
    value: str, visits: Any, database: Any
) -> None:
    convert(database, "America/New_York")
    database.execute(f"UPDATE visits SET at = {value}, kept = {value}")
    wanted = {
        "zones": ("default=America/New_York",),
        "old_columns": ("public.visits.at=kept",),
    }
    (column,) = visits.adopt("public.visits.at", accept=("TZ415",), **wanted).columns
    assert (column.conversion, column.rows_compared) == (Ground.UNPROVED, 0)
    assert "NULL or infinite in both" in column.why
    # named later it says no more
    (proof,) = visits.verify(old_columns=("public.visits.at=kept",)).columns
    assert (proof.outcome, proof.adopted) == (Outcome.UNPROVED, Ground.UNPROVED)


def test_nothing_against_a_value_is_a_difference(visits: Any, database: Any) -> None:
    database.execute("UPDATE visits SET kept = at")
    convert(database, "America/New_York")
    database.execute("UPDATE visits SET at = NULL WHERE id = 4711")
    with pytest.raises(NotProved, match="TZ416") as caught:
        visits.adopt(
            "public.visits.at",
            zones=("default=America/New_York",),
            old_columns=("public.visits.at=kept",),
        )
    assert "1 of 30240 rows" in caught.value.detail


@pytest.mark.parametrize("row", [None, 4711])
def test_a_row_that_differs_from_the_old_column_is_refused(
    row: int | None, visits: Any, database: Any
) -> None:
    database.execute("UPDATE visits SET kept = at")
    convert(database, "America/New_York" if row is None else "UTC")
    if row is not None:
        database.execute(
            f"UPDATE visits SET at = at + interval '1 us' WHERE id = {row}"
        )
    with pytest.raises(NotProved) as caught:
        visits.adopt(
            "public.visits.at",
            zones=("default=UTC",),
            old_columns=("public.visits.at=kept",),
        )
    assert caught.value.code == "TZ416"
    moved = "+04:00:00 (23508)" if row is None else "+00:00:00.000001 (1)"
    assert moved in caught.value.detail
    assert steps(database) == 0


def test_an_empty_doubled_hour_shows_the_zone(visits: Any, database: Any) -> None:
    convert(database, "America/New_York")
    adopted = visits.adopt("public.visits.at", zones=("default=America/New_York",))
    (column,) = adopted.columns
    assert column.conversion is Ground.SHOWN
    assert {f.code for f in adopted.findings} == {"TZ423"}
    assert "where about 36 are usual" in column.why
    (proof,) = visits.verify(accept=("TZ301",)).columns
    assert (proof.outcome, proof.adopted) == (Outcome.PROVED, Ground.SHOWN)


def test_rows_written_since_the_conversion_do_not_refute_it(
    visits: Any, database: Any
) -> None:
    convert(database, "America/New_York")
    # the application knows instants now, of both passes
    database.execute(
        "INSERT INTO visits (at) SELECT t FROM generate_series(timestamptz"
        " '2024-11-03 04:00+00', '2024-11-03 08:00+00', '1 minute') AS t"
    )
    adopted = visits.adopt("public.visits.at", zones=("default=America/New_York",))
    assert adopted.columns[0].conversion is Ground.SHOWN


def test_a_conversion_of_long_ago_is_looked_at_up_to_its_day(
    visits: Any, database: Any
) -> None:
    convert(database, "America/New_York")
    database.execute(
        "DELETE FROM visits WHERE at < '2022-12-01';"
        "INSERT INTO visits (at) SELECT t FROM generate_series(2023, 2024) AS year,"
        " LATERAL generate_series(make_timestamptz(year, 11, 1, 0, 0, 0, 'UTC'),"
        " make_timestamptz(year, 11, 8, 0, 0, 0, 'UTC'), '5 minutes') AS t"
    )
    zones = ("default=America/New_York",)
    with pytest.raises(NotProved, match="TZ416"):
        visits.adopt("public.visits.at", zones=zones)
    for wrong in (
        *("2999-01-01 00:00+00", "some day", "infinity"),
        # without an offset they are read in the zone of whoever asks
        *("2023-01-01 00:00", "2023-01-01", "yesterday"),
    ):
        with pytest.raises(UsageError, match="TZ288"):
            visits.adopt("public.visits.at", zones=zones, converted_at=wrong)
    adopted = visits.adopt(
        "public.visits.at",
        zones=zones,
        converted_at="2022-12-31 19:00 America/New_York",
    )
    assert adopted.columns[0].conversion is Ground.UNPROVED


def test_the_zone_of_a_session_shows_itself_and_refutes(
    visits: Any, database: Any
) -> None:
    database.execute(
        f"ALTER DATABASE \"{database.name}\" SET timezone = 'America/New_York'"
    )
    convert(database, "America/New_York")
    with pytest.raises(NotProved) as caught:
        visits.adopt("public.visits.at", zones=("default=UTC",))
    error = caught.value
    assert (error.code, steps(database)) == ("TZ416", 0)
    assert "in the hours" not in error.message
    assert "America/New_York had twice" in error.detail
    assert f"the TimeZone of database {database.name}" in error.detail
    assert "-04:00:00 (" in error.detail
    assert "-05:00:00 (" in error.detail
    # what the hint says sets it right
    fix = error.hint.split("Set it right: ")[1].split(", which moves")[0]
    database.execute(fix)
    assert visits.adopt("public.visits.at", zones=("default=UTC",)).recorded
    assert database.scalar(
        "SELECT min(at) = '2019-10-08 00:03:00.000001+00' FROM visits"
    )


def test_rows_where_a_conversion_makes_none_refute_it(
    visits: Any, database: Any
) -> None:
    convert(database, "UTC")
    with pytest.raises(NotProved) as caught:
        visits.adopt("public.visits.at", zones=("default=Europe/Paris",))
    assert caught.value.detail.startswith(
        "36 rows stand in the first pass of hours that Europe/Paris has twice"
    )
    # and a person who knows better is believed, for the record
    adopted = visits.adopt(
        "public.visits.at", zones=("default=Europe/Paris",), accept=("TZ416",)
    )
    assert adopted.columns[0].conversion is Ground.CONTRADICTED
    assert [f.code for f in adopted.findings] == ["TZ416", "TZ415", "TZ423"]
    (proof,) = visits.verify(accept=("TZ301",)).columns
    assert (proof.outcome, proof.adopted) == (Outcome.UNPROVED, Ground.CONTRADICTED)


def test_zones_that_change_their_clocks_together_are_not_told_apart(
    visits: Any, database: Any
) -> None:
    database.execute(
        f"ALTER DATABASE \"{database.name}\" SET timezone = 'Europe/Paris'"
    )
    convert(database, "Europe/Paris")
    adopted = visits.adopt("public.visits.at", zones=("default=Europe/London",))
    assert adopted.columns[0].conversion is Ground.UNPROVED
    assert "so it is with Europe/Paris" in adopted.columns[0].why


def test_a_column_of_the_moment_of_insertion_refutes(
    visits: Any, database: Any
) -> None:
    database.execute(
        f"ALTER DATABASE \"{database.name}\" SET timezone = 'America/New_York'"
    )
    database.execute(
        "CREATE TABLE notes (id serial, at timestamp,"
        " made timestamptz DEFAULT clock_timestamp());"
        "INSERT INTO notes (at, made) SELECT i AT TIME ZONE 'UTC', i + interval '2 s'"
        " FROM generate_series(now() - interval '200 days', now(), '1 day') AS i"
    )
    convert(database, "America/New_York", "notes.at")
    with pytest.raises(NotProved, match="TZ416") as caught:
        visits.adopt("public.notes.at", zones=("default=UTC",))
    assert "oldest by made would be at its moment" in caught.value.detail


def test_a_present_moment_in_the_future_refutes(visits: Any, database: Any) -> None:
    database.execute(
        "CREATE TABLE notes (id serial, at timestamp DEFAULT (now() AT TIME ZONE"
        " 'utc')); INSERT INTO notes SELECT FROM generate_series(1, 10)"
    )
    convert(database, "Etc/GMT+5", "notes.at")
    with pytest.raises(NotProved, match="TZ416") as caught:
        visits.adopt("public.notes.at", zones=("default=UTC",))
    assert "10 rows are in the future, up to 04:59:" in caught.value.detail


# ------------------------------------------------------- without any evidence


def test_without_evidence_it_is_recorded_and_never_called_proved(
    project: Any, database: Any, shell: Any
) -> None:
    database.execute(BY_HAND)
    ended = shell.main("adopt", "public.events.at", "--yes")
    assert ended.status == 4, ended.err
    assert "recorded, not proved: nothing tells" in ended.out
    assert "TZ415" in ended.out
    ended = shell.main("verify", "--format", "json", "--accept", "TZ301")
    document = json.loads(ended.out)
    (column,) = document["columns"]
    assert (ended.status, column["outcome"], column["adopted"]) == (
        4,
        "unproved",
        "unproved",
    )
    assert "nobody could prove that conversion; nothing moved since" in column["note"]
    assert "TZ415" in {f["code"] for f in document["findings"]}
    ended = shell.main("verify", "--accept", "TZ301", "--accept", "TZ415")
    assert ended.status == 0
    assert "converted by hand and adopted at" in ended.out
    # what moves from now on is seen as always
    database.execute(
        "UPDATE events SET at = at + interval '5 hours';"
        "UPDATE tzmigrate.step SET horizon = pg_current_xact_id()::text::bigint + 1"
    )
    ended = shell.main("verify", "--format", "json", "--accept", "TZ301")
    (column,) = json.loads(ended.out)["columns"]
    assert (ended.status, column["outcome"], column["shifted"]) == (4, "shifted", 30)
    assert column["offsets"] == [{"offset": "+05:00:00", "count": 30}]


def test_an_old_column_that_is_named_later_proves_it_then(
    visits: Any, database: Any
) -> None:
    database.execute("DELETE FROM visits WHERE id > 100; UPDATE visits SET kept = at")
    convert(database, "UTC")
    visits.adopt("public.visits.at", zones=("default=UTC",))
    assert visits.verify(accept=("TZ301",)).outcome is Outcome.UNPROVED
    proof = visits.verify(accept=("TZ301",), old_columns=("public.visits.at=kept",))
    assert proof.outcome is Outcome.PROVED
    assert "TZ415" not in {f.code for f in proof.findings}
    assert (
        "every row was compared with its old column kept" in proof.columns[0].confidence
    )


# ------------------------------------------------------------ without a revision


def test_what_no_revision_was_written_for_is_a_step_of_its_own(
    visits: Any, database: Any, make_project: MakeProject
) -> None:
    database.execute("CREATE TABLE later (id int PRIMARY KEY, at timestamp)")
    convert(database, "America/New_York")
    visits.adopt("public.visits.at", zones=("default=America/New_York",))
    (step,) = visits.status().steps
    assert (step.step, step.revision, step.state) == (
        "adopt_visits",
        "",
        StepState.DONE,
    )
    assert "no revision takes it back" in step.note
    # what is planned afterwards finds its support there
    plan = visits.plan(zones=("default=UTC", "public.visits.kept=America/New_York"))
    assert "at" not in {
        c.column for g in plan.groups for c in g.columns if g.slug == "tz_visits"
    }
    visits.apply()
    proof = visits.verify(accept=("TZ301",))
    assert proof.outcome is Outcome.PROVED
    assert {c.step for c in proof.columns} == {"adopt_visits", "tz_visits", "tz_later"}
    visits.rollback(everything=True)
    visits.run("downgrade", "base")
    assert database.scalar("SELECT to_regnamespace('tzmigrate') IS NULL")


def test_a_plan_that_is_found_later_gets_what_was_adopted_without_it(
    project: Any, database: Any, shell_in: Callable[..., Any], tmp_path: Any
) -> None:
    database.execute(BY_HAND)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    arguments = ("public.events.at", "--zone", "default=UTC", "--accept", "TZ415")
    ended = shell_in(elsewhere).main(
        "adopt", *arguments, "--url", database.url, "--yes"
    )
    assert ended.status == 0, ended.err
    assert "There is no Alembic project here" in ended.err
    assert "adopt_events" in ended.out
    project.adopt("public.events.at", accept=("TZ415",))
    project.apply()
    proof = project.verify(accept=("TZ301", "TZ415"))
    assert proof.outcome is Outcome.PROVED
    assert {c.step for c in proof.columns} == {"tz_events", "tz_trips"}
    assert {s.step for s in project.status().steps} == {
        "support",
        "tz_events",
        "tz_trips",
    }


def test_a_part_of_a_step_is_adopted_after_its_files_are_gone(
    project: Any, database: Any
) -> None:
    database.execute(
        "ALTER TABLE trips ALTER lands TYPE timestamptz"
        " USING lands AT TIME ZONE 'Asia/Kolkata'"
    )
    with pytest.raises(DecisionNeeded, match="TZ327") as caught:
        project.adopt("public.trips.lands")
    assert "public.trips.leaves" in caught.value.message
    assert "tzmigrate adopt public.trips.lands" in caught.value.hint
    assert steps(database) == 0
    for path in project.revisions:
        path.unlink()
    project.adopt("public.trips.lands", zones=("default=Asia/Kolkata",))
    project.plan(zones=ZONES)
    project.apply()
    proof = project.verify(accept=("TZ301", "TZ415"))
    assert proof.outcome is Outcome.PROVED
    assert {(c.step, c.column) for c in proof.columns} == {
        ("adopt_trips", "lands"),
        ("tz_trips", "leaves"),
        ("tz_events", "at"),
    }


SHAPES = {
    "a precision": "CREATE TABLE t (id int PRIMARY KEY, c timestamptz(3))",
    "no key": "CREATE TABLE t (id int, c timestamptz)",
    "a key of time": "CREATE TABLE t (id int, c timestamptz PRIMARY KEY)",
    "partitions": "CREATE TABLE t (id int, c timestamptz) PARTITION BY RANGE (id);"
    "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (20);"
    "CREATE TABLE t2 PARTITION OF t DEFAULT",
    "children": "CREATE TABLE t (id int, c timestamptz);CREATE TABLE u () INHERITS (t)",
    "row security": "CREATE TABLE t (id int PRIMARY KEY, c timestamptz);"
    "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rows", [0, 50])
@pytest.mark.parametrize("proof", ["auto", "sample"])
def test_tables_of_any_shape_are_adopted_and_watched(
    proof: str, rows: int, shape: str, visits: Any, database: Any
) -> None:
    database.execute(SHAPES[shape])
    database.execute(
        "INSERT INTO t SELECT g, timestamptz '2024-01-01 12:00+00' + g * interval '1 h'"
        f" FROM generate_series(1, {rows}) AS g"
    )
    visits.configure(f'[policy]\nproof = "{proof}"\naccept = ["TZ301", "TZ415"]\n')
    visits.adopt("public.t.c", zones=("default=Asia/Kolkata",))
    assert visits.verify().outcome is Outcome.PROVED
    if rows:
        database.execute(
            "UPDATE t SET c = c + interval '90 minutes';"
            "UPDATE tzmigrate.step SET horizon = pg_current_xact_id()::text::bigint + 1"
        )
        assert visits.verify(level="sample").outcome in {
            Outcome.SHIFTED,
            # without a key another place holds another row
            Outcome.UNPROVED,
        }


def test_arrays_and_ranges_are_recorded_and_watched(visits: Any, database: Any) -> None:
    database.execute(
        "CREATE TABLE stays (id int PRIMARY KEY, days timestamptz[], span tstzrange);"
        "INSERT INTO stays SELECT g, ARRAY[t, NULL, 'infinity'], tstzrange(t, NULL)"
        " FROM generate_series(1, 20) AS g, LATERAL (SELECT timestamptz '2024-05-05"
        " 12:00+00' + g * interval '1 day') AS m (t)"
    )
    adopted = visits.adopt(
        "public.stays.days", "public.stays.span", zones=("default=Europe/Paris",)
    )
    assert {c.step for c in adopted.columns} == {"adopt_stays"}
    accept = ("TZ415", "TZ301")
    assert visits.verify(accept=accept).outcome is Outcome.PROVED
    types = database.execute(
        "SELECT type_before, type_after FROM tzmigrate.step_column ORDER BY position"
    )
    assert types == [
        ("timestamp without time zone[]", "timestamp with time zone[]"),
        ("tsrange", "tstzrange"),
    ]
    database.execute(
        "UPDATE stays SET span = tstzrange(lower(span) + interval '1 h', NULL)"
        " WHERE id = 7;"
        "UPDATE tzmigrate.step SET horizon = pg_current_xact_id()::text::bigint + 1"
    )
    assert visits.verify(accept=accept).outcome is Outcome.SHIFTED


# ------------------------------------------------------------------- refusals

REFUSED = {
    "public.events": ("TZ287", 2, "there is no column 'public.events'"),
    "public.events.Nope": ("TZ287", 2, "there is no column nope in public.events"),
    'public."No".at': ("TZ287", 2, 'there is no table public."No"'),
    "pg_catalog.pg_class.none": ("TZ287", 2, "there is no column 'pg_catalog"),
    "public.lately.at": ("TZ287", 2, "column of a view"),
    "public.events.id": ("TZ287", 2, "is bigint"),
    "public.events.at": ("TZ287", 2, "so nobody converted it"),
    "public.alone.at": ("TZ302", 3, "is not declared"),
    "public.alone.kept": ("TZ309", 3, "keep"),
    "public.alone.eras": ("TZ303", 3, "by eras"),
    "public.part_1.at": ("TZ287", 2, "comes from public.parts.at"),
    "public.alone.dom": ("TZ287", 2, "which is not adopted"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_adopted_is_refused_by_name(
    name: str, project: Any, database: Any, shell: Any
) -> None:
    database.execute(
        "CREATE DOMAIN zoned AS timestamptz; CREATE TABLE alone (at timestamptz,"
        " kept timestamptz, eras timestamptz, dom zoned);"
        "CREATE TABLE parts (at timestamptz, id int) PARTITION BY LIST (id);"
        "CREATE TABLE part_1 PARTITION OF parts FOR VALUES IN (1)"
    )
    project.configure(
        '[zones]\n"public.alone.kept" = "keep"\n"public.alone.eras" ='
        ' { until = "2019-03-01", then = "UTC", before = "Europe/Berlin" }\n'
    )
    code, status, words = REFUSED[name]
    with shell.unchanged(database):
        shell.main("adopt", name, "--yes").is_error(status, code, words)


def test_zones_and_old_columns_that_are_none_are_refused(
    project: Any, database: Any
) -> None:
    database.execute(BY_HAND)
    wrong: dict[str, Any] = {
        "TZ221": {"zones": ("default=Europe/Pariss",)},
        "TZ314": {"zones": ("public.events.at=Europe/Paris",)},
        "TZ286": {"old_columns": ("public.events.at=none",)},
        "TZ284": {"accept": ("yes",)},
    }
    for code, options in wrong.items():
        with pytest.raises((UsageError, DecisionNeeded), match=code):
            project.adopt("public.events.at", **options)
    for old in ("public.trips.lands=leaves", "events.at=x", "public.events.at=id"):
        with pytest.raises(UsageError, match="TZ286"):
            project.adopt("public.events.at", old_columns=(old,))
    assert steps(database) == 0


def test_a_column_is_adopted_once(project: Any, database: Any) -> None:
    database.execute(BY_HAND)
    project.adopt("public.events.at")
    for _ in range(2):
        with pytest.raises(UsageError, match="in the ledger already"):
            project.adopt("public.events.at")
        project.apply()
    # naive again, and by hand once more
    project.rollback(everything=True)
    database.execute(BY_HAND)
    project.adopt("public.events.at")
    project.apply()
    assert project.verify(accept=("TZ301", "TZ415")).outcome is Outcome.PROVED


def test_a_database_that_is_read_only_is_refused(
    project: Any, database: Any, shell: Any
) -> None:
    database.execute(BY_HAND)
    database.execute(
        f'ALTER DATABASE "{database.name}" SET default_transaction_read_only = on'
    )
    ended = shell.main("adopt", "public.events.at", "--yes")
    ended.is_error(6, "TZ608", "read-only")


def test_rows_that_the_owner_may_not_see_are_not_passed_over(
    database: Any, make_role: Callable[..., Any], shell: Any
) -> None:
    role = make_role()
    database.execute(
        f"CREATE TABLE secrets (id int, at timestamptz);"
        f"ALTER TABLE secrets OWNER TO {role.name};"
        "ALTER TABLE secrets ENABLE ROW LEVEL SECURITY;"
        "ALTER TABLE secrets FORCE ROW LEVEL SECURITY;"
        f"GRANT CREATE ON DATABASE {database.name} TO {role.name}"
    )
    elsewhere = type(shell)(root=shell.root.parent, secrets=(role.password,))
    ended = elsewhere.main(
        *("adopt", "public.secrets.at", "--zone", "default=UTC", "--yes"),
        *("--url", database.url_as(role)),
    )
    ended.is_error(6, "TZ605", "row-level security", "NO FORCE ROW LEVEL SECURITY")


def test_an_edited_revision_is_no_record(project: Any, database: Any) -> None:
    database.execute(BY_HAND)
    (path,) = (p for p in project.revisions if "tz_events" in p.name)
    path.write_text(path.read_text("utf-8").replace("'2s'", "'3s'"), "utf-8")
    with pytest.raises(DecisionNeeded, match="TZ322"):
        project.adopt("public.events.at")


def test_only_the_owner_adopts(
    project: Any, database: Any, make_role: Callable[..., Any]
) -> None:
    role, other = make_role(), make_role()
    database.execute(BY_HAND)
    database.execute(
        f"ALTER TABLE events OWNER TO {role.name};"
        f"ALTER VIEW lately OWNER TO {role.name};"
        f"GRANT CREATE ON DATABASE {database.name} TO {role.name}"
    )
    for each in (other, role):
        mine = type(project)(root=project.root, url=database.url_as(each))
        with pytest.raises(Refused, match="TZ651"):
            mine.adopt("public.events.at")
    ini = project.root / "alembic.ini"
    text = ini.read_text("utf-8")
    for each in (other, role):
        mine = type(project)(root=project.root, url=database.url_as(each))
        there = mine.url.replace("postgresql://", "postgresql+psycopg://", 1)
        ini.write_text(
            "\n".join(
                f"sqlalchemy.url = {there.replace('%', '%%')}"
                if line.startswith("sqlalchemy.url")
                else line
                for line in text.splitlines()
            ),
            "utf-8",
        )
        if each is other:
            with pytest.raises(Refused, match="TZ646"):
                mine.adopt("public.events.at")
        else:
            assert mine.adopt("public.events.at").recorded
    assert mine.verify(accept=("TZ301", "TZ415")).outcome is Outcome.PROVED


# -------------------------------------------------------- how a run can end


def test_a_dry_run_changes_nothing(project: Any, database: Any, shell: Any) -> None:
    database.execute(BY_HAND)
    with shell.unchanged(database):
        ended = shell.main("adopt", "public.events.at", "--dry-run", "--format", "json")
    document = json.loads(ended.out)
    assert (ended.status, document["recorded"], document["dry_run"]) == (4, False, True)
    assert document["columns"][0]["conversion"] == "unproved"
    for options in ((), ("--format", "markdown")):
        ended = shell.main("adopt", "public.events.at", "--dry-run", *options)
        assert "would be adopted, nothing was done" in ended.out


def test_without_yes_and_terminal_it_ends_with_3(
    project: Any, database: Any, shell: Any
) -> None:
    database.execute(BY_HAND)
    with shell.unchanged(database):
        ended = shell.run("adopt", "public.events.at")
        ended.is_error(3, "TZ390", "adopt needs a yes", "converted in Etc/UTC")
        assert "1 column, converted by hand, will be recorded as it stands" in ended.err


def test_two_at_once_record_it_once(project: Any, database: Any, shell: Any) -> None:
    database.execute(BY_HAND)
    running = [shell.start("adopt", "public.events.at", "--yes") for _ in range(2)]
    ended = sorted(shell.end(process).status for process in running)
    # the other one comes too late, or meets the first
    assert ended in ([2, 4], [4, 5]), ended
    assert steps(database) == 1
    project.apply()
    assert project.verify(accept=("TZ301", "TZ415")).outcome is Outcome.PROVED


def test_a_writer_in_the_way_ends_it_with_5_and_readers_are_not(
    project: Any, database: Any, shell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "ATTEMPTS", 2)
    monkeypatch.setattr(runner, "_FIRST_PAUSE", 0.01)
    project.configure('[policy]\nlock_timeout = "1100ms"\n')
    database.execute(BY_HAND)
    with psycopg.connect(database.url) as other:
        other.execute("UPDATE events SET id = id")
        with shell.unchanged(database):
            ended = shell.main("adopt", "public.events.at", "--yes")
            ended.is_error(5, "TZ502", "trying again in", "(1 of 2)")
    with psycopg.connect(database.url) as reader:
        reader.execute("SELECT * FROM events")
        assert shell.main("adopt", "public.events.at", "--yes").status == 4


def test_cancelled_it_leaves_nothing(project: Any, database: Any, shell: Any) -> None:
    database.execute(BY_HAND)
    with psycopg.connect(database.url, application_name="in the way") as other:
        other.execute("UPDATE events SET id = id")
        with shell.unchanged(database):
            process = shell.start("adopt", "public.events.at", "--yes")
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline and not database.execute(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                " AND wait_event_type = 'Lock'"
            ):
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            shell.end(process).is_error(5, "TZ590", "rolled back")


def test_a_column_that_goes_away_meanwhile_is_not_recorded(
    project: Any, database: Any
) -> None:
    database.execute(BY_HAND)

    def confirm(_: tuple[str, ...]) -> bool:
        database.execute("DROP VIEW lately; ALTER TABLE events ALTER at TYPE timestamp")
        return True

    from tzmigrate import commands  # noqa: PLC0415  as the fixture does

    with pytest.raises(UsageError, match="so nobody converted it"):
        commands.adopt(
            project.connection,
            ("public.events.at",),
            alembic=project.options,
            confirm=confirm,
            progress=lambda _: None,
        )
    assert steps(database) == 0


# -------------------------------------------------------------- names that bite


BITING = ('we"ird; DROP.x', "o'clock %s", "at :now \\ 50% off")


@pytest.mark.parametrize("planned", [True, False])
def test_names_that_bite(
    planned: bool,
    database: Any,
    make_project: MakeProject,
    shell_in: Callable[..., Any],
    canonical_dump: Callable[..., str],
) -> None:
    schema, table, column = ('"{}"'.format(n.replace('"', '""')) for n in BITING)
    database.execute(
        f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.{table} (id int PRIMARY KEY,"
        f' {column} timestamp, "o\'ld=" timestamp);'
        f"INSERT INTO {schema}.{table} SELECT g, t, t FROM generate_series(1, 20) AS g,"
        " LATERAL (SELECT timestamp '2024-02-03' + g * interval '1 day') AS m (t)"
    )
    project = make_project(database.url)
    project.configure(
        '[zones]\ndefault = "Asia/Kolkata"\n"*.*.o\'ld=" = "keep"\n'
        '[policy]\naccept = ["TZ301"]\n'
    )
    if planned:
        project.plan()
    before = canonical_dump(database)
    name = f"{schema}.{table}.{column}"
    database.execute(
        f"ALTER TABLE {schema}.{table} ALTER {column} TYPE timestamptz"
        f" USING {column} AT TIME ZONE 'Asia/Kolkata'"
    )
    if planned:
        with pytest.raises(DecisionNeeded, match="TZ344") as caught:
            project.apply()
        # as a shell takes it
        import shlex  # noqa: PLC0415  here only

        words = shlex.split(caught.value.hint.split(" and go on")[0])
        assert words[-2:] == ["adopt", name]
    shell = shell_in(project.root)
    ended = shell.main("adopt", name, "--old-column", f'{name}="o\'ld="', "--yes")
    assert ended.status == 0, ended.err
    assert project.verify().outcome is Outcome.PROVED
    if planned:
        project.apply()
        project.rollback(everything=True)
        assert canonical_dump(database) == before


def test_a_support_of_somebody_else_is_not_called(
    project: Any, database: Any, make_role: Callable[..., Any]
) -> None:
    role = make_role()
    database.execute(BY_HAND)
    project.run("upgrade", "+1")
    database.execute(f"ALTER FUNCTION tzmigrate.open_parts() OWNER TO {role.name}")
    with pytest.raises(Refused, match="TZ640"):
        project.adopt("public.events.at")


def test_readers_go_on_while_the_baseline_is_taken(project: Any, database: Any) -> None:
    database.execute(BY_HAND)
    seen: list[int] = []
    stop = threading.Event()

    def read() -> None:
        with psycopg.connect(database.url, autocommit=True) as reader:
            reader.execute("SET lock_timeout = '50ms'")
            while not stop.is_set():
                row = reader.execute("SELECT count(*) FROM events").fetchone()
                seen.append(row[0] if row else 0)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        project.adopt("public.events.at")
    finally:
        stop.set()
        thread.join()
    assert set(seen) == {30}
