"""Life goes on: later revisions, later plans, other heads, other set-ups."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tzmigrate import commands
from tzmigrate.errors import DecisionNeeded, Refused, TzmigrateError, UsageError
from tzmigrate.execution.model import StepState
from tzmigrate.planning.model import Action
from tzmigrate.verification.model import Outcome

MakeProject = Callable[..., Any]

TABLES = """
CREATE TABLE events (
    id bigint PRIMARY KEY,
    at timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'utc')
);
CREATE TABLE trips (id bigint PRIMARY KEY, leaves timestamp, lands timestamp);
INSERT INTO events SELECT g, timestamp '2024-01-15' + g * interval '61 minutes'
FROM generate_series(1, 30) AS g;
INSERT INTO trips SELECT g, timestamp '2024-01-15' + g * interval '1 day', 'infinity'
FROM generate_series(1, 30) AS g;
"""

ZONES = (
    "default=UTC",
    "public.trips.leaves=America/New_York",
    "public.trips.lands=Asia/Kolkata",
)

TYPES = """
SELECT c.relname || '.' || a.attname FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
AND a.atttypid = %s::regtype
"""


def zoned(database: Any) -> set[str]:
    return {row[0] for row in database.execute(TYPES, ["timestamptz"])}


def naive(database: Any) -> set[str]:
    return {row[0] for row in database.execute(TYPES, ["timestamp"])}


EVENTS = {"events.at"}
TRIPS = {"trips.leaves", "trips.lands"}
DONE, PENDING = StepState.DONE, StepState.PENDING
BACK, INTERRUPTED = StepState.ROLLED_BACK, StepState.INTERRUPTED


def dump(database: Any) -> list[str]:
    """Return everything, the ledger and Alembic's version too."""
    return [line for line in database.dump().splitlines() if "restrict" not in line]


def states(project: Any) -> dict[str, StepState]:
    return {step.step: step.state for step in project.status().steps}


def code_of(action: Callable[[], object], kind: type[TzmigrateError]) -> str:
    with pytest.raises(kind) as caught:
        action()
    assert caught.value.hint
    return caught.value.code


def head(project: Any) -> str:
    """Return the identifier of the only head."""
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    scripts = ScriptDirectory.from_config(Config(str(project.root / "alembic.ini")))
    return str(scripts.get_current_head())


@pytest.fixture
def project(
    database: Any, make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> Any:
    database.execute(TABLES)
    made = make_project(database.url)
    monkeypatch.chdir(made.root)
    return made


def test_rollback_leaves_later_revisions_alone_and_a_new_head_takes_ours_back(
    project: Any, database: Any, canonical_dump: Callable[..., str]
) -> None:
    before = canonical_dump(database)
    project.plan(zones=ZONES)
    project.apply()
    project.revision("theirs", "CREATE TABLE theirs (id int)", "DROP TABLE theirs")
    project.run("upgrade", "head")
    now = dump(database)
    for choice in ({}, {"everything": True}):
        assert (
            code_of(lambda c=choice: project.rollback(**c), DecisionNeeded) == "TZ323"
        )
    assert dump(database) == now

    run = project.rollback(as_revision=True, everything=True)
    assert len(run.written) == 2
    assert dump(database) == now
    assert states(project) == {
        "support": DONE,
        "tz_events": DONE,
        "tz_trips": DONE,
        "tz_trips_inverse": PENDING,
        "tz_events_inverse": PENDING,
    }
    assert project.status().next_command == "tzmigrate apply"
    project.run("upgrade", "head")
    assert zoned(database) == set()
    assert project.verify().outcome is Outcome.PROVED
    assert states(project) == {
        "support": DONE,
        "tz_events": BACK,
        "tz_trips": BACK,
        "tz_trips_inverse": DONE,
        "tz_events_inverse": DONE,
    }
    database.execute("ALTER TABLE theirs RENAME TO hidden")
    database.execute("CREATE SCHEMA aside; ALTER TABLE hidden SET SCHEMA aside")
    with_theirs = canonical_dump(database, "--exclude-schema=aside")
    assert with_theirs == before
    database.execute("ALTER TABLE aside.hidden SET SCHEMA public")
    database.execute("DROP SCHEMA aside; ALTER TABLE hidden RENAME TO theirs")

    assert project.apply().steps == ()
    assert project.rollback().steps == ()
    top = head(project)
    project.run("downgrade", "-2")
    assert zoned(database) == EVENTS | TRIPS
    assert project.verify().outcome is Outcome.PROVED
    assert states(project)["tz_trips"] is DONE
    assert len(project.apply().steps) == 2
    assert zoned(database) == set()

    plan = project.plan(zones=ZONES)
    assert [g.slug for g in plan.groups if g.tables] == ["tz_events_2", "tz_trips_2"]
    project.apply()
    assert zoned(database) == EVENTS | TRIPS
    proof = project.verify()
    assert proof.outcome is Outcome.PROVED
    assert len(proof.columns) == 3
    assert not [f for f in proof.findings if f.code == "TZ411"]
    assert states(project)["tz_trips"] is BACK
    assert states(project)["tz_trips_2"] is DONE
    assert project.status().next_command == "tzmigrate verify"
    assert project.plan(zones=ZONES).written == ()
    project.rollback(everything=True)
    assert zoned(database) == set()
    assert project.verify().outcome is Outcome.PROVED
    project.run("downgrade", top)
    project.run("downgrade", "base")
    assert canonical_dump(database) == before


def test_an_inverse_that_waits_is_not_written_again(
    project: Any, database: Any
) -> None:
    project.plan(zones=ZONES)
    project.apply()
    project.revision("theirs", "SELECT 1")
    project.run("upgrade", "head")
    project.rollback(as_revision=True)
    files = project.revisions
    assert (
        code_of(lambda: project.rollback(as_revision=True), DecisionNeeded) == "TZ326"
    )
    assert project.revisions == files
    project.apply()
    assert naive(database) == TRIPS
    # the next one down is the other group
    project.rollback(as_revision=True)
    project.apply()
    assert zoned(database) == set()


def test_rollback_takes_the_last_group_or_those_above_a_revision_or_all(
    project: Any, database: Any
) -> None:
    plan = project.plan(zones=ZONES)
    events, trips = (g.revision for g in plan.groups)
    project.apply()
    project.rollback()
    assert naive(database) == TRIPS
    assert states(project) == {"support": DONE, "tz_events": DONE, "tz_trips": BACK}
    assert project.verify().outcome is Outcome.PROVED
    project.apply()
    assert states(project)["tz_trips"] is DONE
    project.rollback(to=events)
    assert naive(database) == TRIPS
    assert project.rollback(to=events).steps == ()
    project.apply()
    project.rollback(everything=True)
    assert naive(database) == EVENTS | TRIPS
    assert project.rollback(everything=True).steps == ()
    assert project.verify().outcome is Outcome.PROVED
    theirs = project.revision("theirs", "SELECT 1")
    assert code_of(lambda: project.rollback(to=theirs), UsageError) == "TZ251"
    assert code_of(lambda: project.rollback(to="nonsense"), UsageError) == "TZ237"
    project.apply()
    (dry,) = project.rollback(dry_run=True).pending
    assert dry == trips
    assert zoned(database) == EVENTS | TRIPS


def test_what_is_planned_is_not_planned_again_and_a_new_column_is(
    project: Any, database: Any
) -> None:
    first = project.plan(zones=ZONES, selection=commands.Selection(tables=("events",)))
    assert len(first.written) == 2
    second = project.plan(zones=ZONES)
    assert [g.slug for g in second.groups if g.tables] == ["tz_trips"]
    (kept,) = [c for g in second.groups for c in g.columns if c.planned_in]
    assert kept.action is Action.KEEP
    assert kept.planned_in == first.groups[0].revision
    files = project.revisions
    assert project.plan(zones=ZONES).written == ()
    assert project.revisions == files
    project.apply()
    assert project.plan(zones=ZONES).written == ()
    assert project.revisions == files

    project.revision(
        "theirs",
        "ALTER TABLE events ADD seen timestamp DEFAULT '2024-02-29 12:00'",
        "ALTER TABLE events DROP seen",
    )
    project.run("upgrade", "head")
    third = project.plan(zones=ZONES)
    assert [g.slug for g in third.groups if g.tables] == ["tz_events_2"]
    project.apply()
    assert zoned(database) == EVENTS | TRIPS | {"events.seen"}
    assert (
        database.scalar(
            "SELECT count(*) FROM events WHERE seen = '2024-02-29 12:00+00'"
        )
        == 30
    )
    assert project.verify().outcome is Outcome.PROVED
    project.rollback()
    assert naive(database) == {"events.seen"}
    assert code_of(lambda: project.rollback(everything=True), DecisionNeeded) == "TZ323"
    project.run("downgrade", "base")
    assert naive(database) == EVENTS | TRIPS


def branches(project: Any) -> tuple[str, str]:
    """Make two branches above one revision of the team; return their heads."""
    base = project.revision("base", "SELECT 1")
    names = []
    for name in ("left", "right"):
        project.run(
            "revision", "-m", name, "--head", base, "--splice", "--branch-label", name
        )
        (path,) = (project.root / "migrations" / "versions").glob(f"*_{name}.py")
        names.append(path.name.split("_")[0])
    return names[0], names[1]


def test_of_several_heads_one_must_be_named_and_the_others_stay_as_they_are(
    project: Any, database: Any
) -> None:
    left, right = branches(project)
    project.run("upgrade", "heads")
    assert code_of(lambda: project.plan(zones=ZONES), UsageError) == "TZ236"
    assert len(project.revisions) == 3
    events = commands.Selection(tables=("events",))
    project.plan(zones=ZONES, selection=events, head="left")
    assert code_of(lambda: project.plan(zones=ZONES), UsageError) == "TZ236"
    project.plan(zones=ZONES, head=right)
    project.apply()
    assert zoned(database) == EVENTS | TRIPS
    assert project.verify().outcome is Outcome.PROVED
    assert set(states(project).values()) == {DONE}
    written = project.rollback(as_revision=True, everything=True, dry_run=True)
    assert len(written.pending) == 2
    files = set(project.revisions)
    project.rollback(as_revision=True, everything=True)
    project.apply()
    assert naive(database) == EVENTS | TRIPS
    assert set(states(project).values()) == {DONE, BACK}
    project.run("downgrade", "left@-1")
    project.run("downgrade", "right@-1")
    for path in set(project.revisions) - files:
        path.unlink()
    assert zoned(database) == EVENTS | TRIPS
    project.rollback()
    project.rollback()
    assert naive(database) == EVENTS | TRIPS
    current = {r[0] for r in database.execute("TABLE alembic_version")}
    assert right in current
    assert len(current) == 2
    # one branch alone brings what it needs from the other
    project.run("downgrade", "base")
    project.run("upgrade", "right@head")
    assert zoned(database) == TRIPS
    project.run("downgrade", "base")
    assert left not in current


def test_rollback_does_not_take_another_branch_down(
    project: Any, database: Any
) -> None:
    project.plan(zones=ZONES)
    project.apply()
    first = head(project)
    below = next(s.revision for s in project.status().steps if s.step == "tz_events")
    project.run("revision", "-m", "theirs", "--head", below, "--splice")
    (path,) = (project.root / "migrations" / "versions").glob("*_theirs.py")
    path.write_text(
        path.read_text(encoding="utf-8").replace(
            '"""Upgrade schema."""\n    pass',
            '"""Upgrade schema."""\n    op.execute("CREATE TABLE theirs (id int)")',
        ),
        encoding="utf-8",
    )
    project.run("upgrade", "heads")
    theirs = path.name.split("_")[0]
    project.rollback()
    assert naive(database) == TRIPS
    assert {r[0] for r in database.execute("TABLE alembic_version")} == {theirs}
    assert database.scalar("SELECT to_regclass('theirs') IS NOT NULL")
    assert code_of(project.rollback, DecisionNeeded) == "TZ323"
    assert naive(database) == TRIPS
    project.apply()
    assert {r[0] for r in database.execute("TABLE alembic_version")} == {theirs, first}


def test_pending_revisions_of_the_team_are_theirs_to_run(
    project: Any, database: Any
) -> None:
    left, _ = branches(project)
    project.run("upgrade", "right")
    events = commands.Selection(tables=("events",))
    files = project.revisions
    with pytest.raises(DecisionNeeded) as planned:
        project.plan(zones=ZONES, selection=events, head="left")
    assert planned.value.code == "TZ321"
    assert left in planned.value.message
    assert project.revisions == files
    project.run("upgrade", left)
    project.plan(zones=ZONES, selection=events, head="left")
    project.run("downgrade", "left@-1")
    project.plan(zones=ZONES, head="right")
    before = dump(database)
    with pytest.raises(DecisionNeeded) as caught:
        project.apply()
    assert caught.value.code == "TZ321"
    assert left in caught.value.message
    assert dump(database) == before
    project.run("upgrade", left)
    project.apply()
    assert zoned(database) == EVENTS | TRIPS


def test_a_database_at_an_unknown_revision_is_left_alone(
    project: Any, database: Any
) -> None:
    project.plan(zones=ZONES)
    project.apply()
    database.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    before = dump(database)
    for action in (
        project.apply,
        project.rollback,
        lambda: project.rollback(as_revision=True),
    ):
        assert code_of(action, DecisionNeeded) == "TZ320"
    assert dump(database) == before
    status = project.status()
    assert {step.state for step in status.steps} == {DONE}
    assert all("ffffffffffff" in step.note for step in status.steps)


def test_a_version_table_that_was_stamped_is_not_believed(
    project: Any, database: Any
) -> None:
    plan = project.plan(zones=ZONES)
    project.run("upgrade", plan.groups[0].revision)
    project.run("stamp", "head")
    assert states(project)["tz_trips"] is INTERRUPTED
    assert code_of(project.apply, DecisionNeeded) == "TZ324"
    assert naive(database) == TRIPS
    project.run("stamp", plan.groups[0].revision)
    project.apply()
    assert zoned(database) == EVENTS | TRIPS


def test_a_revision_edited_by_hand_stops_and_a_formatted_one_does_not(
    project: Any, database: Any
) -> None:
    plan = project.plan(zones=ZONES)
    paths = [Path(p) for p in plan.written]
    ruff = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length"]
    subprocess.run([*ruff, "60", *paths], check=True, capture_output=True)
    trips = paths[-1]
    original = trips.read_text(encoding="utf-8")
    assert "Asia/Kolkata" in original
    trips.write_text(original.replace("Asia/Kolkata", "Asia/Tokyo"), encoding="utf-8")
    before = dump(database)
    assert code_of(project.apply, DecisionNeeded) == "TZ322"
    assert dump(database) == before
    trips.write_text(original, encoding="utf-8")
    project.apply()
    assert zoned(database) == EVENTS | TRIPS
    trips.write_text(original.replace("2s", "3s"), encoding="utf-8")
    before = dump(database)
    for as_revision in (False, True):
        assert (
            code_of(
                lambda a=as_revision: project.rollback(as_revision=a), DecisionNeeded
            )
            == "TZ322"
        )
    assert dump(database) == before
    trips.write_text(original, encoding="utf-8")
    project.rollback(everything=True)
    assert naive(database) == EVENTS | TRIPS


def test_two_databases_are_told_apart_and_neither_is_touched(
    project: Any, database: Any, make_database: Callable[..., Any]
) -> None:
    project.plan(zones=ZONES)
    other = make_database()
    other.execute(TABLES)
    elsewhere = type(project)(root=project.root, url=other.url)
    before = dump(database), dump(other)
    assert code_of(elsewhere.apply, Refused) == "TZ650"
    assert (dump(database), dump(other)) == before
    project.apply()
    before = dump(database), dump(other)
    assert code_of(elsewhere.rollback, Refused) == "TZ650"
    assert (dump(database), dump(other)) == before


def test_init_makes_a_directory_that_plain_alembic_runs(
    database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.execute(TABLES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZMIGRATE_URL", database.url)
    here = commands.Connection()
    plan = commands.plan(here, zones=ZONES, accept=("TZ301",), init=True)
    assert len(plan.written) == 3
    assert (tmp_path / "alembic.ini").is_file()
    assert (tmp_path / "migrations" / "env.py").is_file()

    def alembic(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "alembic", *arguments],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    alembic("upgrade", "head")
    assert zoned(database) == EVENTS | TRIPS
    assert commands.verify(here).outcome is Outcome.PROVED
    assert {s.state for s in commands.status(here).steps} == {DONE}
    alembic("downgrade", "base")
    assert naive(database) == EVENTS | TRIPS
    database.execute("DROP TABLE alembic_version")
    database.psql(alembic("upgrade", "head", "--sql"))
    assert zoned(database) == EVENTS | TRIPS
    commands.rollback(
        here, everything=True, confirm=lambda _: True, progress=lambda _: None
    )
    assert naive(database) == EVENTS | TRIPS
    commands.apply(here, confirm=lambda _: True, progress=lambda _: None)
    assert zoned(database) == EVENTS | TRIPS


def test_the_projects_own_conventions_are_kept_from_plan_to_rollback(
    database: Any, make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.execute(f"CREATE SCHEMA meta; {TABLES}")
    project = make_project(
        database.url,
        configure="version_table='the versions', version_table_schema='meta'",
    )
    monkeypatch.chdir(project.root)
    ini = project.root / "alembic.ini"
    ini.write_text(
        ini.read_text(encoding="utf-8")
        + "file_template = %%(year)d/%%(slug)s.%%(rev)s\n"
        + "recursive_version_locations = true\n"
        + "version_locations = %(here)s/one%(here)s/two\n".replace("e%", "e:%"),
        encoding="utf-8",
    )
    mako = project.root / "migrations" / "script.py.mako"
    mako.write_text(
        "# Copyright: nobody\n" + mako.read_text(encoding="utf-8"), encoding="utf-8"
    )
    (project.root / "two").mkdir()
    project.run("revision", "-m", "theirs", "--version-path", "two")
    plan = project.plan(zones=ZONES)
    for written in map(Path, plan.written):
        assert written.parent.parent == project.root / "two"
        assert written.parent.name.isdigit()
        assert written.read_text(encoding="utf-8").startswith("# Copyright: nobody\n")
    project.run("upgrade", "+1")
    project.apply()
    assert zoned(database) == EVENTS | TRIPS
    assert database.scalar('SELECT count(*) FROM meta."the versions"') == 1
    assert set(states(project).values()) == {DONE}
    project.rollback(everything=True)
    assert naive(database) == EVENTS | TRIPS


def test_a_module_of_the_application_that_is_missing_here_is_named(
    project: Any, database: Any
) -> None:
    project.revision("theirs", "SELECT 1")
    (path,) = project.revisions
    path.write_text(
        path.read_text(encoding="utf-8").replace(
            "from alembic import op",
            "from alembic import op\nfrom shop_of_theirs.models import Order",
        ),
        encoding="utf-8",
    )
    database.execute(
        "CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)"
    )
    database.execute(
        f"INSERT INTO alembic_version VALUES ('{path.name.split('_')[0]}')"
    )
    plan = project.plan(zones=ZONES)
    assert len(plan.written) == 3
    before = dump(database)
    with pytest.raises(Refused) as caught:
        project.apply()
    assert caught.value.code == "TZ660"
    assert "shop_of_theirs" in caught.value.message + caught.value.detail
    assert str(path) in caught.value.message + caught.value.detail
    assert dump(database) == before


def test_what_a_planned_revision_would_do_against_the_declarations_stops_the_plan(
    project: Any, database: Any
) -> None:
    project.plan(zones=ZONES, selection=commands.Selection(tables=("events",)))
    (column,) = {
        c.column
        for g in project.plan(zones=ZONES, dry_run=True).groups
        for c in g.columns
        if c.planned_in and c.relation == "events"
    }
    kept = project.plan(zones=(f"public.events.{column}=keep", *ZONES))
    assert [f.code for f in kept.decisions] == ["TZ314"]
    assert kept.written == ()
    database.execute(
        f"CREATE INDEX late ON events ({column});"
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'late'::regclass"
    )
    leaning = project.plan(zones=ZONES)
    assert [f.code for f in leaning.decisions] == ["TZ314"]
    assert "index public.late is invalid" in leaning.decisions[0].message
    database.execute("DROP INDEX late")
    project.run("upgrade", "head")
    database.execute(f"ALTER TABLE events ALTER {column} TYPE timestamp")
    again = project.plan(zones=ZONES)
    assert "TZ325" in [f.code for f in again.decisions]
