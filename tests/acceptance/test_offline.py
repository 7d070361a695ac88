"""What `alembic upgrade --sql` and `downgrade --sql` print, run by psql."""

import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tzmigrate.errors import DecisionNeeded
from tzmigrate.execution.model import StepState
from tzmigrate.verification.model import Outcome

MakeProject = Callable[..., Any]
Dump = Callable[..., str]

ONE_EACH = "transaction_per_migration=True"
BOTH = pytest.mark.parametrize("configure", ["", ONE_EACH])

TABLES = r"""
CREATE TABLE a_events (
    id bigint PRIMARY KEY,
    at timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'utc')
);
CREATE TABLE b_shops (id bigint PRIMARY KEY, opened timestamp, closed timestamp);
CREATE TABLE "c 50% off: \now" (
    "k:ey" text PRIMARY KEY,
    ":at %(x)s" timestamp DEFAULT '2024-01-01 10:00:00'
);
INSERT INTO a_events SELECT g, timestamp '2024-01-15' + g * interval '61 minutes'
FROM generate_series(1, 50) AS g;
INSERT INTO b_shops SELECT g, timestamp '2024-01-15' + g * interval '1 day', 'infinity'
FROM generate_series(1, 50) AS g;
INSERT INTO "c 50% off: \now"
SELECT E'\\' || g || ':k', timestamp '2024-07-01' + g * interval '1 day'
FROM generate_series(1, 50) AS g;
"""

ZONES = (
    "default=UTC",
    "public.b_shops.opened=America/New_York",
    "public.b_shops.closed=Asia/Kolkata",
    "public.c*.*=Australia/Lord_Howe",
)

NAIVE = """
SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relkind = 'r' AND c.relname ~ '^(a_events|b_shops|c 50)'
AND a.atttypid = 'timestamp'::regtype
"""


def psql(
    database: Any, script: str, *, stop: bool = True
) -> "subprocess.CompletedProcess[str]":
    """Run a script; without ``stop`` as psql does by default, to the end."""
    if stop:
        return database.psql(script)  # type: ignore[no-any-return]
    return database.psql(  # type: ignore[no-any-return]
        f"\\set ON_ERROR_STOP 0\n{script}", check=False
    )


def version(database: Any) -> str:
    return str(database.scalar("SELECT version_num FROM alembic_version"))


def dump(database: Any) -> list[str]:
    """Return schema and data where both must be the very same."""
    text = database.dump(
        "--exclude-schema=tzmigrate", "--exclude-table=*.alembic_version"
    )
    return [line for line in text.splitlines() if "restrict" not in line]


def states(project: Any) -> set[StepState]:
    return {step.state for step in project.status().steps}


@pytest.fixture
def planned(
    database: Any, make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Any]:
    """Make a project whose plan has the support and three groups."""

    def make(configure: str) -> Any:
        database.execute(TABLES)
        project = make_project(database.url, configure=configure)
        monkeypatch.chdir(project.root)
        project.plan(zones=ZONES)
        assert len(project.revisions) == 4
        return project

    return make


@BOTH
@pytest.mark.parametrize("strings", ["on", "off"])
def test_the_printed_sql_goes_up_and_comes_back_through_psql(
    strings: str,
    configure: str,
    database: Any,
    planned: Callable[[str], Any],
    canonical_dump: Dump,
) -> None:
    project = planned(configure)
    before = canonical_dump(database)
    database.execute(
        f"ALTER DATABASE {database.name} SET standard_conforming_strings = {strings};"
        f"ALTER DATABASE {database.name} SET escape_string_warning = off;"
        f"ALTER DATABASE {database.name} SET lock_timeout = '7s'"
    )
    psql(database, project.run("upgrade", "--sql", "head"))
    assert database.scalar(NAIVE) == 0
    assert project.verify().outcome is Outcome.PROVED
    assert states(project) == {StepState.DONE}
    assert project.apply().steps == ()
    assert database.execute(
        "SELECT extract(epoch FROM at)::bigint FROM a_events WHERE id = 1"
        " UNION ALL SELECT extract(epoch FROM opened)::bigint FROM b_shops WHERE id = 1"
        ' UNION ALL SELECT extract(epoch FROM ":at %%(x)s")::bigint'
        ' FROM "c 50%% off: \\now" WHERE "k:ey" = $k$\\1:k$k$',
        [],
    ) == [(1705280460,), (1705381200,), (1719840600,)]

    printed = project.run("downgrade", "--sql", f"{version(database)}:base")
    psql(database, printed)
    assert database.scalar(NAIVE) == 4
    for name in ("standard_conforming_strings", "escape_string_warning"):
        database.execute(f"ALTER DATABASE {database.name} RESET {name}")
    assert canonical_dump(database) == before
    assert states(project) == {StepState.PENDING}


@pytest.mark.parametrize("driver", ["psycopg2", "asyncpg"])
def test_names_that_bite_and_nonstandard_strings_do_no_harm_online_either(
    driver: str,
    database: Any,
    make_project: MakeProject,
    canonical_dump: Dump,
) -> None:
    database.execute(TABLES)
    before = canonical_dump(database)
    database.execute(
        f"ALTER DATABASE {database.name} SET standard_conforming_strings = off"
    )
    project = make_project(database.url, driver=driver)
    project.plan(zones=ZONES)
    project.run("upgrade", "head")
    assert database.scalar(NAIVE) == 0
    assert project.verify().outcome is Outcome.PROVED
    project.run("downgrade", "base")
    database.execute(
        f"ALTER DATABASE {database.name} RESET standard_conforming_strings"
    )
    assert canonical_dump(database) == before


@BOTH
def test_after_a_failed_revision_psql_applies_no_later_one(
    configure: str, database: Any, planned: Callable[[str], Any]
) -> None:
    project = planned(configure)
    database.execute("ALTER TABLE a_events ALTER at SET DEFAULT 'epoch'")
    before = dump(database)
    printed = project.run("upgrade", "--sql", "head")
    done = psql(database, printed, stop=False)
    assert "TZ345" in done.stderr
    assert dump(database) == before
    if configure:
        assert done.stderr.count("ERROR:  tzmigrate TZ343") == 2
        assert database.scalar("SELECT count(*) FROM tzmigrate.step") == 0
        assert states(project) == {StepState.DONE, StepState.PENDING}
    else:
        assert database.scalar("SELECT to_regnamespace('tzmigrate') IS NULL")
        assert states(project) == {StepState.PENDING}
    database.execute(
        "ALTER TABLE a_events ALTER at SET DEFAULT (now() AT TIME ZONE 'utc')"
    )
    project.apply()
    assert project.verify().outcome is Outcome.PROVED
    assert states(project) == {StepState.DONE}


@BOTH
def test_without_the_support_psql_applies_no_step(
    configure: str, database: Any, planned: Callable[[str], Any]
) -> None:
    project = planned(configure)
    database.execute("CREATE SCHEMA tzmigrate; CREATE TABLE tzmigrate.mine (id int)")
    before = dump(database)
    done = psql(database, project.run("upgrade", "--sql", "head"), stop=False)
    assert "TZ642" in done.stderr
    assert dump(database) == before
    assert database.scalar("SELECT count(*) FROM tzmigrate.mine") == 0


@pytest.mark.parametrize("stop", [True, False])
def test_printed_sql_without_transactions_is_refused(
    stop: bool, database: Any, planned: Callable[[str], Any]
) -> None:
    project = planned("transactional_ddl=False")
    before = dump(database)
    printed = project.run("upgrade", "--sql", "head")
    assert "BEGIN;" not in printed
    done = database.psql(
        printed if stop else f"\\set ON_ERROR_STOP 0\n{printed}", check=False
    )
    assert "TZ643" in done.stderr
    assert dump(database) == before
    assert database.scalar("SELECT to_regnamespace('tzmigrate') IS NULL")
    if stop:
        assert states(project) == {StepState.PENDING}
    else:
        # each UPDATE of the version table was a transaction of its own
        assert states(project) == {StepState.INTERRUPTED}
        with pytest.raises(DecisionNeeded, match="TZ324"):
            project.apply()


@BOTH
def test_after_a_failed_downgrade_psql_takes_no_earlier_step_back(
    configure: str, database: Any, planned: Callable[[str], Any]
) -> None:
    project = planned(configure)
    project.run("upgrade", "head")
    database.execute(
        'ALTER TABLE "c 50% off: \\now" ALTER ":at %(x)s" SET DEFAULT now()'
    )
    before = dump(database)
    top = version(database)
    printed = project.run("downgrade", "--sql", f"{top}:base")
    done = psql(database, printed, stop=False)
    assert "TZ345" in done.stderr
    assert dump(database) == before
    assert project.verify().outcome is Outcome.PROVED
    assert states(project) == {StepState.DONE}
    if configure:
        assert done.stderr.count("ERROR:  tzmigrate TZ343") == 2
        assert "TZ348" in done.stderr
    assert version(database) == top
