"""Whatever env.py does with transactions, isolation and drivers."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tzmigrate.errors import Refused
from tzmigrate.verification.model import Outcome

MakeProject = Callable[..., Any]

TABLES = """
CREATE TABLE events (
    id bigint PRIMARY KEY,
    at timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'utc')
);
CREATE TABLE shops (
    id bigint PRIMARY KEY,
    opened timestamp DEFAULT LOCALTIMESTAMP,
    closed timestamp(3)
);
INSERT INTO events SELECT g, timestamp '2024-01-15 12:00' + g * interval '1 hour'
FROM generate_series(1, 50) AS g;
INSERT INTO shops SELECT g, '2024-01-15 12:00', '2024-07-15 12:00:00.123'
FROM generate_series(1, 50) AS g;
"""

ZONES = ("default=UTC", "public.shops.*=America/New_York")

DRIVERS = ("psycopg", "psycopg2", "asyncpg")

SETTINGS = {
    "TimeZone": "Asia/Tokyo",
    "lock_timeout": "7s",
    "statement_timeout": "61s",
    "idle_in_transaction_session_timeout": "62s",
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "iso_8601",
    "extra_float_digits": "0",
    "bytea_output": "escape",
    "row_security": "on",
    "synchronize_seqscans": "on",
}

STATE = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
       pg_get_expr(d.adbin, d.adrelid), pg_relation_filenode(c.oid)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relname IN ('events', 'shops') AND a.attnum > 0 ORDER BY 1, a.attnum
"""


def state(database: Any) -> Any:
    """Return types, defaults, file nodes, the ledger and the version."""
    ledger = "no ledger"
    if database.scalar("SELECT to_regclass('tzmigrate.step') IS NOT NULL"):
        ledger = database.execute("TABLE tzmigrate.step ORDER BY id")
    version = None
    if database.scalar("SELECT to_regclass('alembic_version') IS NOT NULL"):
        version = database.execute("TABLE alembic_version")
    return database.execute(STATE), ledger, version


def installed(database: Any) -> str:
    return str(database.scalar("SELECT version_num FROM alembic_version"))


def instants(database: Any) -> list[tuple[Any, ...]]:
    """Return seconds since 1970, of the last one milliseconds, of the first rows."""
    return database.execute(
        "SELECT extract(epoch FROM e.at)::bigint, extract(epoch FROM s.opened)::bigint"
        ", (extract(epoch FROM s.closed) * 1000)::bigint FROM events e, shops s"
        " WHERE e.id = 1 AND s.id = 1"
    )


RIGHT = [(1705323600, 1705338000, 1721059200123)]
"""13:00 in UTC; noon in New York, in winter and in summer."""


def with_engine(project: Any, options: str) -> None:
    """Give env.py's engine one more argument; empty takes it away again."""
    env = project.root / "migrations" / "env.py"
    lines = env.read_text(encoding="utf-8").splitlines(keepends=True)
    env.write_text(
        "".join(
            f"{line[: line.index('poolclass=')]}poolclass=pool.NullPool{options})\n"
            if "poolclass=" in line
            else line
            for line in lines
        ),
        encoding="utf-8",
    )


AUTOCOMMIT = ", isolation_level='AUTOCOMMIT'"


def sqlstate(error: BaseException | None) -> str | None:
    while error is not None:
        original = getattr(error, "orig", None)
        for each in (error, original, getattr(original, "__cause__", None)):
            for name in ("sqlstate", "pgcode"):
                if value := getattr(each, name, None):
                    return str(value)
        error = error.__cause__
    return None


def fails(project: Any, code: str, *arguments: str) -> None:
    """Run alembic and expect the server to refuse with our code."""
    with pytest.raises(Exception, match=code) as caught:
        project.run(*arguments)
    assert sqlstate(caught.value) == code


@pytest.mark.parametrize("configure", ["", "transaction_per_migration=True"])
@pytest.mark.parametrize("driver", DRIVERS)
def test_every_driver_converts_each_step_in_its_own_zone_and_gives_all_settings_back(
    driver: str, configure: str, database: Any, make_project: MakeProject
) -> None:
    for name, value in SETTINGS.items():
        database.execute(f"ALTER DATABASE {database.name} SET {name} = '{value}'")
    database.execute(
        f"CREATE SCHEMA other; ALTER DATABASE {database.name}"
        " SET search_path = public, other"
    )
    database.execute(TABLES)
    before = state(database)[0]
    project = make_project(database.url, driver=driver, configure=configure)
    look = "CREATE TABLE seen_{} AS TABLE pg_settings"
    project.revision("before", look.format(1), look.format(4))
    project.plan(zones=ZONES)
    project.revision("after", look.format(2), look.format(3))
    changed = (
        "SELECT a.name, a.setting, b.setting FROM seen_{} a JOIN seen_{} b"
        " USING (name) WHERE a.setting IS DISTINCT FROM b.setting"
    )
    project.run("upgrade", "head")
    assert instants(database) == RIGHT
    assert database.execute(changed.format(1, 2)) == []
    assert project.verify().outcome is Outcome.PROVED
    project.run("downgrade", "base")
    assert database.execute(changed.format(3, 4)) == []
    after = state(database)[0]
    assert [row[:4] for row in after] == [row[:4] for row in before]
    assert database.scalar("SELECT to_regnamespace('tzmigrate') IS NULL")
    assert (
        database.scalar(
            "SELECT count(*) FROM shops WHERE opened = '2024-01-15 12:00'"
            " AND closed = '2024-07-15 12:00:00.123'"
        )
        == 50
    )


@pytest.mark.parametrize("driver", DRIVERS)
def test_autocommit_is_refused_up_and_down_and_leaves_nothing(
    driver: str,
    database: Any,
    make_project: MakeProject,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database.execute(TABLES)
    project = make_project(database.url, driver=driver)
    project.plan(zones=ZONES)
    monkeypatch.chdir(project.root)

    def refused(verb: str, target: str) -> None:
        with_engine(project, AUTOCOMMIT)
        before = state(database)
        fails(project, "TZ643", verb, target)
        assert state(database) == before
        with pytest.raises(Refused) as caught:
            project.apply() if verb == "upgrade" else project.rollback()
        assert caught.value.code == "TZ643"
        assert state(database) == before
        with_engine(project, "")

    project.run("stamp", "base")  # Alembic makes its own table, also in vain
    refused("upgrade", "head")
    assert database.scalar("SELECT to_regnamespace('tzmigrate') IS NULL")
    project.run("upgrade", "+1")
    refused("upgrade", "head")
    project.run("upgrade", "+1")
    refused("upgrade", "head")
    project.run("upgrade", "head")
    assert instants(database) == RIGHT
    refused("downgrade", "-1")
    project.run("downgrade", "-2")
    with_engine(project, AUTOCOMMIT)
    before = state(database)
    fails(project, "TZ643", "downgrade", "base")
    assert state(database) == before


@pytest.mark.parametrize(
    ("engine", "setting"),
    [
        (", isolation_level='REPEATABLE READ'", "read committed"),
        (", isolation_level='SERIALIZABLE'", "read committed"),
        ("", "repeatable read"),
        ("", "serializable"),
    ],
)
def test_another_isolation_level_is_refused_up_and_down_and_leaves_nothing(
    engine: str,
    setting: str,
    database: Any,
    make_project: MakeProject,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database.execute(TABLES)
    project = make_project(database.url, configure="transaction_per_migration=True")
    project.plan(zones=ZONES)
    project.run("stamp", "base")
    monkeypatch.chdir(project.root)

    def refused(verb: str, target: str) -> None:
        before = state(database)
        with_engine(project, engine)
        set_isolation(database, setting)
        fails(project, "TZ644", verb, target)
        with pytest.raises(Refused) as caught:
            project.apply() if verb == "upgrade" else project.rollback()
        assert caught.value.code == "TZ644"
        assert state(database) == before
        with_engine(project, "")
        set_isolation(database, "read committed")

    refused("upgrade", "head")
    project.run("upgrade", "+1")
    refused("upgrade", "head")
    project.run("upgrade", "head")
    refused("downgrade", "-1")
    project.run("downgrade", "base")


def set_isolation(database: Any, level: str) -> None:
    database.execute(
        f"ALTER DATABASE {database.name} SET default_transaction_isolation = '{level}'"
    )


def test_an_env_py_that_commits_nothing_is_not_believed(
    database: Any, make_project: MakeProject
) -> None:
    database.execute(TABLES)
    # The transaction that this opens is not Alembic's, so Alembic does not end it
    project = make_project(database.url, before="connection.execute(text('SELECT 1'))")
    project.plan(zones=ZONES)
    before = state(database)
    with pytest.raises(Exception, match="TZ412") as caught:
        project.apply()
    assert caught.value.code == "TZ412"  # type: ignore[attr-defined]
    assert state(database) == before


def test_a_step_that_failed_in_a_savepoint_leaves_the_settings_as_they_were(
    database: Any, make_project: MakeProject
) -> None:
    database.execute(TABLES)
    project = make_project(database.url)
    project.plan(zones=ZONES)
    project.run("upgrade", "+1")
    database.execute("ALTER TABLE shops ALTER opened SET DEFAULT 'epoch'")
    script = project.run("upgrade", "--sql", f"{installed(database)}:head")
    events, shops = (
        step.partition("\n")[2].partition("UPDATE alembic_version")[0]
        for step in script.split("-- Running upgrade")[1:]
    )
    with database.connect() as connection:
        connection.execute("SET LOCAL lock_timeout = '7s'")
        connection.execute("SET LOCAL search_path = public")
        connection.execute("LOAD 'plpgsql'")  # which has settings of its own
        look = "SELECT name, setting FROM pg_settings"
        before = connection.execute(look).fetchall()
        connection.execute(events)
        assert connection.execute(look).fetchall() == before
        with (
            pytest.raises(psycopg.DatabaseError, match="TZ345"),
            connection.transaction(),
        ):
            connection.execute(shops)
        assert connection.execute(look).fetchall() == before
        connection.execute("ALTER TABLE shops ALTER opened SET DEFAULT LOCALTIMESTAMP")
        connection.execute(shops)
        assert connection.execute(look).fetchall() == before
        connection.commit()
    assert instants(database) == RIGHT
    assert database.scalar("SELECT count(*) FROM tzmigrate.step") == 2
