"""Rows in skipped or doubled hours are never converted by accident."""

from collections.abc import Callable
from typing import Any

import alembic.command
import pytest
from alembic.config import Config

from tzmigrate.errors import DecisionNeeded
from tzmigrate.planning.model import Action
from tzmigrate.verification.model import Outcome

TABLE = """
CREATE TABLE bookings (
    branch text, "No" int, starts_at timestamp, ends_at timestamp, made_at timestamp,
    PRIMARY KEY (branch, "No")
);
INSERT INTO bookings
SELECT 'north', g, d, d + interval '50 minutes', d - interval '3 days'
FROM generate_series(1, 200) AS g,
    LATERAL (SELECT timestamp '2024-03-01 09:00' + g * interval '1 day') AS l (d);
"""
GAP = """
INSERT INTO bookings (branch, "No", starts_at) VALUES
    ('a,b', 7, '2024-03-10 02:30'), ('north', -8, '2024-03-10 02:00'),
    ('north', -9, '2024-03-10 02:59:59.999999'),
    ('before and after', 1, '2024-03-10 01:59:59.999999'),
    ('before and after', 2, '2024-03-10 03:00');
"""
OVERLAP = """
INSERT INTO bookings (branch, "No", ends_at) VALUES
    ('south', 1, '2024-11-03 01:00'), ('south', 2, '2024-11-03 01:59:59.999999'),
    ('before and after', 3, '2024-11-03 00:59:59.999999'),
    ('before and after', 4, '2024-11-03 02:00');
"""
ZONE = "America/New_York"


@pytest.fixture
def project(
    database: Any, make_project: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Any:
    database.execute(TABLE)
    project = make_project(database.url)
    monkeypatch.chdir(
        project.root
    )  # apply runs Alembic in this process, which is quick
    return project


def install_support(project: Any) -> None:
    alembic.command.upgrade(Config(project.root / "alembic.ini"), "+1")


def actions(plan: Any) -> dict[str, tuple[Action, str | None]]:
    return {c.column: (c.action, c.code) for g in plan.groups for c in g.columns}


def types(database: Any, table: str = "bookings") -> set[str]:
    rows = database.execute(
        "SELECT format_type(atttypid, NULL) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attname LIKE '%%\\_at'",
        [table],
    )
    return {row[0] for row in rows}


def snapshot(database: Any) -> Any:
    """What a revision that does nothing leaves alone."""
    return database.execute(
        "SELECT pg_relation_filenode('bookings'), md5(string_agg(b::text, ',' ORDER BY"
        ' branch, "No")), (SELECT array_agg(version_num) FROM alembic_version),'
        " (SELECT count(*) FROM tzmigrate.step), (SELECT count(*) FROM"
        " tzmigrate.sample) FROM bookings AS b"
    )


def test_the_plan_refuses_the_column_with_its_count_and_converts_the_rest(
    database: Any, project: Any
) -> None:
    database.execute(GAP)
    plan = project.plan(zones=(f"default={ZONE}",))
    assert actions(plan) == {
        "starts_at": (Action.REFUSE, "TZ304"),
        "ends_at": (Action.CONVERT, None),
        "made_at": (Action.CONVERT, None),
    }
    (refused,) = [c for c in plan.groups[0].columns if c.action is Action.REFUSE]
    assert refused.reason.startswith("3 rows of public.bookings.starts_at ")
    project.apply()
    assert types(database) == {
        "timestamp with time zone",
        "timestamp without time zone",
    }
    assert project.verify().outcome is Outcome.PROVED


def test_overlap_rows_need_a_policy_and_the_plan_says_how_many(
    database: Any, project: Any
) -> None:
    database.execute(OVERLAP)
    plan = project.plan(zones=(f"default={ZONE}",), dry_run=True)
    assert actions(plan)["ends_at"] == (Action.REFUSE, "TZ305")
    assert "2 rows of public.bookings.ends_at " in plan.groups[0].columns[1].reason
    project.configure('[policy]\noverlap = "later"\n')
    plan = project.plan(zones=(f"default={ZONE}",))
    assert {action for action, _ in actions(plan).values()} == {Action.CONVERT}
    project.apply()
    assert types(database) == {"timestamp with time zone"}
    # the second of the two instants
    assert database.scalar(
        "SELECT ends_at = '2024-11-03 06:00+00' FROM bookings WHERE (branch, \"No\")"
        " = ('south', 1)"
    )
    assert project.verify().outcome is Outcome.PROVED


@pytest.mark.parametrize("way", ["apply", "alembic"])
def test_gap_rows_that_arrive_after_the_plan_stop_it_with_count_and_keys(
    database: Any, project: Any, way: str
) -> None:
    project.plan(zones=(f"default={ZONE}",))
    install_support(project)
    database.execute(GAP)
    before = snapshot(database)
    if way == "apply":
        with pytest.raises(DecisionNeeded) as caught:
            project.apply()
        assert caught.value.code == "TZ346"
        text = f"{caught.value.message} {caught.value.detail}"
        assert caught.value.hint
    else:
        done = project.alembic("upgrade", "head", check=False)
        assert done.returncode == 1
        text = done.stderr
    assert "3 rows of public.bookings.starts_at" in text
    for key in ("(a,b,7)", "(north,-8)", "(north,-9)"):
        assert key in text
    assert "before and after" not in text
    assert 'Their branch, "No" (' in text
    assert snapshot(database) == before
    assert types(database) == {"timestamp without time zone"}


def test_overlap_rows_that_arrive_after_the_plan_stop_it_with_count_and_keys(
    database: Any, project: Any
) -> None:
    project.plan(zones=(f"default={ZONE}",))
    install_support(project)
    database.execute(OVERLAP)
    before = snapshot(database)
    with pytest.raises(DecisionNeeded) as caught:
        project.apply()
    assert caught.value.code == "TZ347"
    assert "2 rows of " in caught.value.message
    assert "bookings.ends_at" in caught.value.message
    assert "(south,1), (south,2)" in caught.value.detail
    assert "before and after" not in caught.value.detail
    assert snapshot(database) == before
    assert types(database) == {"timestamp without time zone"}


def test_overlap_rows_that_arrive_after_a_plan_with_a_policy_convert(
    database: Any, project: Any
) -> None:
    project.configure('[policy]\noverlap = "later"\n')
    project.plan(zones=(f"default={ZONE}",))
    database.execute(OVERLAP)
    project.apply()
    assert (
        database.scalar(
            "SELECT count(*) FROM bookings WHERE ends_at IN ("
            "'2024-11-03 06:00+00', '2024-11-03 06:59:59.999999+00',"
            " '2024-11-03 04:59:59.999999+00', '2024-11-03 07:00+00')"
        )
        == 4
    )
    assert project.verify().outcome is Outcome.PROVED
    project.rollback()
    assert database.scalar(
        "SELECT ends_at = '2024-11-03 01:00' FROM bookings WHERE (branch, \"No\")"
        " = ('south', 1)"
    )


@pytest.mark.parametrize(
    ("zone", "gap", "overlap"),
    [
        # half an hour
        ("Australia/Lord_Howe", "2024-10-06 02:29:59.999999", "2024-04-07 01:30"),
        ("Australia/Lord_Howe", "2024-10-06 02:00", "2024-04-07 01:59:59.999999"),
        # summer time below standard time
        ("Europe/Dublin", "2024-03-31 01:30", "2024-10-27 01:00"),
        # a day that never was
        ("Pacific/Apia", "2011-12-30 12:00", "2011-04-02 03:59:59"),
        # from local mean time, by less than four minutes
        ("America/New_York", "1918-03-31 02:30", "1883-11-18 12:01"),
        # from one side of the date line to the other: most of a day twice
        ("America/Juneau", "2024-03-10 02:30", "1867-10-19 09:00"),
    ],
)
def test_every_kind_of_clock_change_is_seen_by_plan_and_revision(
    database: Any,
    make_project: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    *,
    zone: str,
    gap: str,
    overlap: str,
) -> None:
    database.execute("CREATE TABLE t (at timestamp, tz_wall text, also timestamp)")
    early = make_project(database.url, name="early")
    early.plan(zones=(f"default={zone}",))
    monkeypatch.chdir(early.root)
    database.execute("INSERT INTO t VALUES (%s, 'x', %s)", [gap, overlap])
    plan = make_project(database.url, name="late").plan(
        zones=(f"default={zone}",), dry_run=True
    )
    found = {c.column: c.code for c in plan.groups[0].columns}
    assert found == {"at": "TZ304", "also": "TZ305"}
    with pytest.raises(DecisionNeeded) as caught:
        early.apply()
    assert caught.value.code == "TZ346"
    assert gap[:16] in caught.value.detail
    database.execute("UPDATE t SET at = 'infinity'")
    with pytest.raises(DecisionNeeded) as caught:
        early.apply()
    assert caught.value.code == "TZ347"
    assert overlap[:16] in caught.value.detail
    database.execute("UPDATE t SET at = NULL, also = '-infinity'")
    early.apply()
    assert early.verify().outcome is Outcome.PROVED


EDGES = ("294276-12-31 23:59:59.999999", "4714-11-24 00:00 BC")


def test_the_ends_of_the_range_convert_under_utc(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute("CREATE TABLE t (id int PRIMARY KEY, at timestamp UNIQUE)")
    database.execute("INSERT INTO t VALUES (1, %s), (2, %s)", EDGES)
    project = make_project(database.url)
    project.plan(zones=("default=UTC",))
    project.apply()
    assert project.verify().outcome is Outcome.PROVED
    assert (
        database.scalar(
            "SELECT count(*) FROM t WHERE at IN"
            " ('294276-12-31 23:59:59.999999+00', '4714-11-24 00:00+00 BC')"
        )
        == 2
    )
    project.rollback()
    assert project.verify().outcome is Outcome.PROVED


@pytest.mark.parametrize("zone", [ZONE, "Asia/Kolkata"])
def test_rows_that_a_conversion_would_move_out_of_range_are_refused(
    database: Any, make_project: Callable[..., Any], zone: str
) -> None:
    database.execute("CREATE TABLE t (id int PRIMARY KEY, at timestamp, b timestamp)")
    project = make_project(database.url, name="early")
    project.plan(zones=(f"default={zone}",))
    database.execute("INSERT INTO t VALUES (1, %s, 'infinity'), (2, %s, NULL)", EDGES)
    plan = make_project(database.url, name="late").plan(
        zones=(f"default={zone}",), dry_run=True
    )
    assert {c.column: c.code for c in plan.groups[0].columns} == {
        "at": "TZ311",
        "b": None,
    }
    with pytest.raises(DecisionNeeded) as caught:
        project.apply()
    assert caught.value.code == "TZ349"
    assert "2 rows of public.t.at" in caught.value.message
    assert "Their id (1), (2)." in caught.value.detail
    database.execute("UPDATE t SET at = '294276-01-01' WHERE id = 1")
    database.execute("UPDATE t SET at = '4713-01-01 BC' WHERE id = 2")
    project.apply()
    assert project.verify().outcome is Outcome.PROVED
