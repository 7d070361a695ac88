"""What stands around converted columns and does not go along is told by verify."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tzmigrate.inventory.model import Finding, Severity
from tzmigrate.verification.model import Outcome

TABLES = """
CREATE TABLE visits (id bigint PRIMARY KEY, began timestamp, ended timestamp);
INSERT INTO visits SELECT g, timestamp '2024-01-15' + g * interval '1 day'
FROM generate_series(1, 100) AS g;
CREATE INDEX visits_began ON visits (began);
CREATE TABLE "odd %s ""x"" one" (id bigint PRIMARY KEY, at timestamp, day timestamp);
"""


@pytest.fixture
def converted(database: Any, make_project: Callable[..., Any]) -> Any:
    database.execute(TABLES)
    project = make_project(database.url)
    project.configure('[zones]\ndefault = "UTC"\n')
    project.plan()
    project.apply()
    return project


def around(project: Any) -> dict[str, Finding]:
    """Return what is found around the columns, by code; values are proved."""
    found = project.verify(accept=("TZ301",))
    assert found.outcome is Outcome.PROVED
    codes = [f.code for f in found.findings if f.code.startswith("TZ42")]
    assert len(codes) == len(set(codes)), found.findings
    return {f.code: f for f in found.findings if f.code in codes}


def test_after_apply_nothing_is_left_to_do(converted: Any) -> None:
    assert around(converted) == {}


def test_without_statistics_the_statement_to_run_is_said(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(TABLES)
    project = make_project(database.url)
    project.configure('[zones]\ndefault = "UTC"\n')
    project.plan()
    database.execute("ANALYZE")
    project.run("upgrade", "heads")
    found = around(project)
    assert list(found) == ["TZ423"]
    assert found["TZ423"].hint == "Run: ANALYZE public.visits (began, ended);"
    assert found["TZ423"].severity is Severity.WARNING
    database.execute(found["TZ423"].hint.removeprefix("Run: "))
    assert around(project) == {}


def test_an_index_that_is_not_valid_is_named(converted: Any, database: Any) -> None:
    with pytest.raises(psycopg.errors.UniqueViolation):
        database.execute(
            "CREATE UNIQUE INDEX CONCURRENTLY one_end ON visits ((id % 2))"
        )
    found = around(converted)
    assert "index public.one_end of public.visits is invalid" in found["TZ421"].message
    assert "REINDEX INDEX CONCURRENTLY public.one_end;" in found["TZ421"].hint


@pytest.mark.parametrize(
    "default",
    [
        "now() AT TIME ZONE 'utc'",
        "CURRENT_DATE",
        "coalesce((now() AT TIME ZONE 'utc')::timestamptz, now())",
    ],
)
def test_a_default_that_yields_naive_time_is_told(
    default: str, converted: Any, database: Any
) -> None:
    table = '"odd %s ""x"" one"'
    database.execute(f"ALTER TABLE {table} ALTER at SET DEFAULT {default}")
    finding = around(converted)["TZ422"]
    assert 'the default of public."odd %s ""x"" one".at yields' in finding.message
    assert "now() for the present moment" in finding.hint
    # no statement is offered, as only its author knows the zone it computes in
    assert "ALTER TABLE" not in finding.hint


@pytest.mark.parametrize(
    "default",
    ["now()", "'2024-01-01 00:00+02'", "NULL", "LOCALTIMESTAMP", "now()::timestamp"],
)
def test_a_default_that_yields_an_instant_is_fine(
    default: str, converted: Any, database: Any
) -> None:
    database.execute(f"ALTER TABLE visits ALTER began SET DEFAULT {default}")
    assert "TZ422" not in around(converted)


def test_sessions_that_were_there_before_are_counted(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(TABLES)
    project = make_project(database.url)
    project.configure('[zones]\ndefault = "UTC"\n')
    project.plan()
    with (
        database.connect(application_name="shop", autocommit=True) as before,
        database.connect(application_name="shop", autocommit=True),
    ):
        before.execute("PREPARE p AS SELECT began FROM visits")
        project.apply()
        with database.connect(application_name="late"):
            found = around(project)
        assert list(found) == ["TZ424"]
        assert "2 sessions of shop connected since before" in found["TZ424"].message
        # and what the finding says of them is so
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            before.execute("EXECUTE p")
        statement = found["TZ424"].hint.split("To end them: ")[1]
        with database.connect(autocommit=True) as other:
            ended = other.execute(statement).fetchall()
        assert len(ended) == 2
    assert around(project) == {}


def test_a_role_that_may_not_read_statistics_is_told_nothing_of_them(
    database: Any, make_project: Callable[..., Any], make_role: Any
) -> None:
    role = make_role()
    database.execute(
        f"GRANT ALL ON SCHEMA public TO {role.name};"
        f"GRANT CREATE ON DATABASE {database.name} TO {role.name}"
    )
    with psycopg.connect(database.url_as(role), autocommit=True) as connection:
        connection.execute(TABLES.encode())
    project = make_project(database.url_as(role))
    project.configure('[zones]\ndefault = "UTC"\n')
    project.plan()
    project.apply()
    assert around(project) == {}
