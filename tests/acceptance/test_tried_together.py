"""Groups that share nothing are tried as one: what comes out is the same."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from tzmigrate.errors import Unavailable
from tzmigrate.planning.model import Action, Group, Plan
from tzmigrate.postgres import scratch, shadow
from tzmigrate.postgres.errors import translated
from tzmigrate.postgres.scratch import Scratch
from tzmigrate.revisions import ladder, sharing, trial
from tzmigrate.revisions.render import Direction, Statement, group_statements

SCHEMA = """
CREATE TABLE orders (id int PRIMARY KEY, at timestamp DEFAULT now(), until timestamp,
  CHECK (at < until));
CREATE INDEX orders_at ON orders (at) WITH (fillfactor = 70);
CREATE INDEX orders_day ON orders ((at::date)) WHERE until IS NULL;
COMMENT ON INDEX orders_day IS 'by day';
CREATE VIEW recent AS SELECT id, at, until::date AS day FROM orders;
COMMENT ON VIEW recent IS 'all';
GRANT SELECT ON recent TO PUBLIC;
CREATE VIEW above AS SELECT at FROM recent WHERE at > '2020-01-01';
CREATE TABLE guests (id int PRIMARY KEY, at timestamp, seen tsrange);
CREATE MATERIALIZED VIEW days AS SELECT at::date AS day FROM guests;
CREATE UNIQUE INDEX days_day ON days (day);
ALTER TABLE guests ALTER seen SET STORAGE EXTERNAL;
CREATE FUNCTION kept() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN RETURN NEW; END';
CREATE TRIGGER moved BEFORE UPDATE OF at ON guests FOR EACH ROW
  EXECUTE FUNCTION kept();
CREATE TABLE parts (at timestamp, n int) PARTITION BY LIST (n);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE INDEX parts_at ON parts ((at::time));
CREATE TABLE sums (id int PRIMARY KEY, at timestamp,
  day date GENERATED ALWAYS AS (at::date) STORED);
CREATE TABLE left_side (id int PRIMARY KEY, at timestamp);
CREATE TABLE right_side (id int PRIMARY KEY, at timestamp);
CREATE VIEW both_sides AS SELECT l.at, r.at AS other
  FROM left_side l JOIN right_side r ON l.id = r.id;
CREATE TABLE plain (id int PRIMARY KEY, at timestamp(3));
"""

CROSSED = """
CREATE TABLE left_side (id int PRIMARY KEY, at timestamp);
CREATE TABLE right_side (id int PRIMARY KEY, at timestamp);
CREATE VIEW from_left AS SELECT l.at::date AS day, l.at, r.id
  FROM left_side l JOIN right_side r ON l.id = r.id;
CREATE VIEW from_right AS SELECT r.at::date AS day, r.at, l.id
  FROM left_side l JOIN right_side r ON l.id = r.id;
CREATE POLICY of_right ON left_side
  USING (EXISTS (SELECT FROM right_side r WHERE r.at > '2020-01-01'));
CREATE FUNCTION purge() RETURNS void LANGUAGE plpgsql AS
  'BEGIN DELETE FROM left_side; DELETE FROM right_side; END';
"""
"""What leans on either table reads the other one, but not its time."""

BY_VIEWS = """
CREATE TABLE first (id int PRIMARY KEY, at timestamp);
CREATE TABLE second (id int PRIMARY KEY, at timestamp,
  day date GENERATED ALWAYS AS (at::date) STORED);
CREATE TABLE third (id int PRIMARY KEY, at timestamp);
CREATE TABLE passed (day date);
CREATE VIEW of_two AS SELECT f.at, s.at AS other
  FROM first f JOIN second s ON f.id = s.id;
CREATE VIEW of_third AS SELECT at FROM third;
CREATE RULE passing AS ON DELETE TO second DO ALSO INSERT INTO passed
  SELECT at::date FROM of_third WHERE at::date > OLD.at::date;
"""
"""A rule reads a table by a view alone, and leans on a table that waits for another."""

_WORD = re.compile("tz[0-9a-f]{16}")


@pytest.fixture
def planned(database: Any, make_project: Callable[..., Any]) -> Callable[[str], Plan]:
    database.execute(SCHEMA)

    def plan(name: str) -> Plan:
        project = make_project(database.url, name=name)
        return project.plan(zones=("default=UTC",))

    return plan


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Record which groups got through as one."""
    found: list[list[str]] = []
    real = trial.Trial._up_down_up

    def recorded(self: trial.Trial, ready: Any) -> list[Group]:
        groups = real(self, ready)
        found.append([g.slug for g in groups])
        return groups

    monkeypatch.setattr(trial.Trial, "_up_down_up", recorded)
    return found


def told(plan: Plan) -> list[str]:
    """Return what a plan says, but for what is different each time."""
    return [
        _WORD.sub("", repr(replace(g, revision=None, path=None))) for g in plan.groups
    ]


def assert_in_order(together: list[list[str]]) -> None:
    """Two groups that one view reads are tried one after the other."""
    (left,) = (i for i, slugs in enumerate(together) if "tz_left_side" in slugs)
    (right,) = (i for i, slugs in enumerate(together) if "tz_right_side" in slugs)
    assert left < right


def test_the_plan_is_that_of_groups_tried_one_by_one(
    planned: Callable[[str], Plan],
    together: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = planned("together")
    assert max(len(slugs) for slugs in together) > 1
    assert_in_order(together)
    together.clear()
    monkeypatch.setattr(sharing, "_TRIED_TOGETHER", 1)
    other = planned("apart")
    assert {len(slugs) for slugs in together} == {1}
    assert told(one) == told(other)
    assert one.written


def test_the_plan_is_that_of_one_shadow(
    planned: Callable[[str], Plan],
    together: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = planned("one")
    together.clear()
    monkeypatch.setattr(ladder, "_WORTH_COPIES", 2)
    sessions = set()
    real = trial.Trial._climb

    def recorded(self: trial.Trial, *rest: Any) -> tuple[Group, ...]:
        sessions.add(self.connection.info.backend_pid)
        return real(self, *rest)

    monkeypatch.setattr(trial.Trial, "_climb", recorded)
    other = planned("two")
    assert len(sessions) == 2
    assert_in_order(together)
    assert told(one) == told(other)
    assert other.written


def test_one_shadow_does_where_there_is_no_room_for_two(
    planned: Callable[[str], Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    real = shadow.scratch_database

    @contextmanager
    def full(*args: Any, **options: Any) -> Iterator[Scratch]:
        if made:
            raise psycopg.errors.TooManyConnections
        with real(*args, **options) as scratch:
            made.append(scratch.name)
            yield scratch

    monkeypatch.setattr(ladder, "_WORTH_COPIES", 2)
    monkeypatch.setattr(shadow, "scratch_database", full)
    assert planned("project").written
    assert len(made) == 1


@pytest.mark.parametrize("late", [0.0, 0.5])
def test_a_lost_connection_stops_the_other_shadow(
    late: float, planned: Callable[[str], Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it comes to its next statement after it was told to stop."""
    monkeypatch.setattr(ladder, "_WORTH_COPIES", 2)
    others: list[threading.Event] = []

    def lost(self: trial.Trial, *_: Any) -> tuple[Group, ...]:
        others.append(self.stopped)
        if len(others) == 1:
            return tuple(real(self, "SELECT pg_terminate_backend(pg_backend_pid())"))
        if late:
            assert self.stopped.wait(60)
            time.sleep(late)
        return tuple(real(self, "SELECT pg_sleep(600)"))

    def real(self: trial.Trial, statement: str) -> list[Group]:
        with translated():
            self.connection.execute(statement.encode())
        return []

    monkeypatch.setattr(trial.Trial, "_climb", lost)
    with pytest.raises(Unavailable):
        planned("project")
    assert len(others) == 2
    assert all(stopped.is_set() for stopped in others)


def test_two_shadows_do_not_meet(
    database: Any,
    make_project: Callable[..., Any],
    together: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database.execute(CROSSED)
    monkeypatch.setattr(ladder, "_WORTH_COPIES", 2)
    both = threading.Barrier(2)
    real = trial.Trial._up_down_up

    def held(self: trial.Trial, ready: Any) -> list[Group]:
        groups = real(self, ready)
        # each holds all its locks when the other one does
        both.wait(60)
        return groups

    monkeypatch.setattr(trial.Trial, "_up_down_up", held)
    plan: Plan = make_project(database.url).plan(zones=("default=UTC",))
    assert sorted(together) == [["tz_left_side"], ["tz_right_side"]]
    assert all(c.action is Action.CONVERT for g in plan.groups for c in g.columns)
    assert plan.written


@pytest.mark.parametrize("enough_for_two", [2, 50])
def test_what_is_read_by_a_view_alone_is_tried_in_its_order(
    database: Any,
    make_project: Callable[..., Any],
    together: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    enough_for_two: int,
) -> None:
    database.execute(BY_VIEWS)
    monkeypatch.setattr(ladder, "_WORTH_COPIES", enough_for_two)
    project = make_project(database.url)
    plan: Plan = project.plan(zones=("default=UTC",))
    assert [g.slug for g in plan.groups] == ["tz_first", "tz_second", "tz_third"]
    assert together == [["tz_first"], ["tz_second"], ["tz_third"]]
    project.run("upgrade", "head")
    project.run("downgrade", "base")


def test_nothing_is_written_by_a_plan_that_ends_while_the_shadow_goes(
    database: Any, make_project: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    database.execute(CROSSED)
    real = scratch._drop

    def interrupted(*arguments: Any) -> None:
        real(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(scratch, "_drop", interrupted)
    project = make_project(database.url)
    with pytest.raises(KeyboardInterrupt):
        project.plan(zones=("default=UTC",))
    assert project.revisions == []


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize(
    "mistake",
    [
        "COMMENT ON TABLE public.plain IS 'left behind'",
        "ALTER TABLE public.plain ALTER at TYPE timestamp(2)",
        "ALTER TABLE public.plain ALTER id TYPE bigint",
        "ALTER TABLE public.plain ADD CHECK (at IS NOT NULL)",
        "SELECT 1 / 0",
    ],
)
def test_a_mistake_in_one_revision_is_found_and_named(
    planned: Callable[[str], Plan],
    together: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    direction: str,
    mistake: str,
) -> None:
    def wrong(group: Group, way: Direction, **rest: Any) -> tuple[Statement, ...]:
        found = group_statements(group, way, **rest)
        if way == direction and any(t.relation.name == "plain" for t in group.tables):
            return (*found[:-1], Statement(mistake), found[-1])
        return found

    monkeypatch.setattr(trial, "group_statements", wrong)
    plan = planned("project")
    assert max(len(slugs) for slugs in together) > 1
    refused = {
        c.relation
        for g in plan.groups
        for c in g.columns
        if c.action is not Action.CONVERT
    }
    assert refused == {"plain"}
    assert plan.written


def test_what_leans_on_a_column_and_was_not_planned_is_found(
    planned: Callable[[str], Plan],
    together: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def more(group: Group, way: Direction, **rest: Any) -> tuple[Statement, ...]:
        first, *found = group_statements(group, way, **rest)
        if any(t.relation.name == "plain" for t in group.tables):
            unplanned = "CREATE INDEX IF NOT EXISTS x ON public.plain ((at::text))"
            return (Statement(unplanned), first, *found)
        return (first, *found)

    monkeypatch.setattr(trial, "group_statements", more)
    plan = planned("project")
    assert max(len(slugs) for slugs in together) > 1
    assert [g.slug for g in plan.groups if not g.tables] == ["tz_plain"]


def test_a_lost_connection_is_no_mistake_in_a_revision(
    planned: Callable[[str], Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(self: trial.Trial, ready: Any) -> list[Group]:
        self.connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return []

    monkeypatch.setattr(trial.Trial, "_up_down_up", lost)
    with pytest.raises(Unavailable):
        planned("project")


def test_an_error_that_psycopg_calls_operational_is_one_of_the_group(
    planned: Callable[[str], Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    # limits, and states of objects: nothing that another try would be spared
    def failing(self: trial.Trial, ready: Any) -> list[Group]:
        self.connection.execute(
            "DO $$ BEGIN RAISE 'too many of them' USING ERRCODE = '54000'; END $$"
        )
        return []

    monkeypatch.setattr(trial.Trial, "_up_down_up", failing)
    plan = planned("project")
    found = [c for g in plan.groups for c in g.columns if c.code == "TZ315"]
    assert found
    assert all("too many of them" in (c.reason or "") for c in found)
