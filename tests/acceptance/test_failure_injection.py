"""Wherever a revision fails, nothing has happened; and then it succeeds."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy.exc import SQLAlchemyError

from tests.acceptance.conftest import everything
from tests.acceptance.test_sabotage import recorded
from tests.acceptance.test_situations import DIRECTORY, ROLES
from tzmigrate.verification.model import Outcome

EVERYTHING = (DIRECTORY / "everything_at_once.sql").read_text("utf-8")
CONFIG = """
[zones]
default = "America/New_York"
[policy]
accept = ["TZ301"]
"""
STEPS = int(os.environ.get("TZMIGRATE_TEST_STEPS", "40"))
"""At how many places of a revision a failure is tried; 0 for all."""


@pytest.fixture(scope="module", autouse=True)
def roles(server: Any) -> Iterator[None]:
    for role in ROLES:
        server.execute(
            f"DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object THEN"
            " NULL; END $$"
        )
    yield
    for role in ROLES:
        server.execute(
            f"DO $$ BEGIN DROP ROLE {role}; EXCEPTION WHEN OTHERS THEN NULL; END $$"
        )


@pytest.fixture
def project(database: Any, make_project: Callable[..., Any]) -> Any:
    """A project whose revisions convert a table with every kind of dependent."""
    database.execute(EVERYTHING)
    found = make_project(database.url)
    found.configure(CONFIG)
    plan = found.plan()
    assert plan.decisions == ()
    assert plan.written
    return found


def settings(connection: Any) -> list[Any]:
    """Return what a session has: settings, temporary objects, prepared statements."""
    rows: list[Any] = connection.execute(
        # a custom setting that was ever set stays known, and empty
        "SELECT name, setting FROM pg_settings WHERE name <> 'in_hot_standby'"
        " AND NOT (name LIKE 'tzmigrate.%' AND setting = '')"
        " UNION ALL SELECT 'prepared', name FROM pg_prepared_statements"
        " UNION ALL SELECT 'cursor', name FROM pg_cursors"
        " UNION ALL SELECT 'lock', locktype FROM pg_locks WHERE pid = pg_backend_pid()"
        " AND locktype = 'advisory'"
        " UNION ALL SELECT 'temporary', relname FROM pg_class"
        " WHERE relnamespace = pg_my_temp_schema()"
    ).fetchall()
    connection.rollback()
    return sorted(rows, key=str)


def execute(connection: Any, statements: list[str]) -> None:
    for statement in statements:
        connection.execute(statement)


def places(statements: list[str]) -> list[int]:
    """Return after how many statements to fail: everywhere, or evenly spread."""
    last = len(statements)
    if STEPS == 0 or last <= STEPS:
        return list(range(1, last + 1))
    return sorted({1, last, *(1 + n * (last - 1) // STEPS for n in range(STEPS))})


def revisions(project: Any, direction: str) -> list[list[str]]:
    """Return the statements of each revision, in the order in which they run."""
    script = ScriptDirectory(str(project.root / "migrations"))
    found = [recorded(revision.path, direction) for revision in script.walk_revisions()]
    return found[::-1] if direction == "upgrade" else found


def fail_everywhere(database: Any, statements: list[str]) -> None:
    """Fail after each statement, in every way; nothing may have happened."""
    before = everything(database)
    with database.connect() as connection:
        connection.execute("LOAD 'plpgsql'")  # has settings of its own
        fresh = settings(connection)
        for count in places(statements):
            with pytest.raises(psycopg.errors.DivisionByZero):
                execute(connection, [*statements[:count], "SELECT 1/0"])
            connection.rollback()
            assert settings(connection) == fresh, statements[count - 1]
            if count % 7 == 0 or count == len(statements):
                assert everything(database) == before, statements[count - 1]
    for count in (len(statements) // 2, len(statements)):
        with database.connect() as connection:
            execute(connection, statements[:count])
            database.scalar(
                "SELECT pg_terminate_backend(%s, 5000)"
                if database.server.version >= 14
                else "SELECT pg_terminate_backend(%s)",
                [connection.info.backend_pid],
            )
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
            connection.close()
    assert everything(database) == before


def test_a_failure_after_each_statement_leaves_nothing_behind(
    project: Any, database: Any, equal_dumps: Callable[..., None]
) -> None:
    before = database.dump_apart()
    for direction in ("upgrade", "downgrade"):
        for statements in revisions(project, direction):
            fail_everywhere(database, statements)
            with database.connect() as connection:
                connection.execute("LOAD 'plpgsql'")
                fresh = settings(connection)
                execute(connection, statements)
                connection.commit()
                assert settings(connection) == fresh
        if direction == "upgrade":
            assert project.verify().outcome is Outcome.PROVED
    equal_dumps(database, before)


def with_failure(text: str, at: int) -> str:
    """Return a revision whose upgrade fails before its statement number ``at``."""
    upgrade, downgrade = text.split("def downgrade", 1)
    parts = re.split(r"(?m)^(?=    op\.execute\()", upgrade)
    parts.insert(1 + at, '    op.execute("SELECT 1/0")\n')
    return "".join(parts) + "def downgrade" + downgrade


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.9])
def test_alembic_takes_a_failed_upgrade_back_and_repeats_it(
    share: float, project: Any, database: Any, equal_dumps: Callable[..., None]
) -> None:
    (path,) = [Path(p) for p in project.revisions if "tz_support" not in p.name][:1]
    project.run("upgrade", "+1")
    before, dump = everything(database), database.dump_apart()
    text = path.read_text("utf-8")
    number = len(re.findall(r"(?m)^    op\.execute\(", text.split("def downgrade")[0]))
    path.write_text(with_failure(text, int(share * number)), "utf-8")
    with pytest.raises(SQLAlchemyError, match="division by zero"):
        project.run("upgrade", "head")
    assert everything(database) == before
    path.write_text(text, "utf-8")
    project.run("upgrade", "head")
    assert project.verify().outcome is Outcome.PROVED
    project.run("downgrade", "-1")
    equal_dumps(database, dump)
