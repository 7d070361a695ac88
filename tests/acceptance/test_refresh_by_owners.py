"""A materialized view is refreshed with its owner's rights, and plan asks for them.

What fails nevertheless is named with its view, in the words of PostgreSQL.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tzmigrate import commands
from tzmigrate.errors import Refused, TzmigrateError, Unavailable
from tzmigrate.execution import runner
from tzmigrate.planning.model import Action
from tzmigrate.verification.model import Outcome

SCHEMA = """
CREATE TABLE o (id int PRIMARY KEY, at timestamp, note text);
INSERT INTO o VALUES (1, '2024-07-01 12:00', 'a');
CREATE VIEW direct AS SELECT id, at FROM o;
"""


@pytest.mark.parametrize(
    ("made", "options", "granted", "lacks"),
    [
        ("SELECT id, at FROM o", "", "", "public.o"),
        ("SELECT id, at FROM o", "", "SELECT (id) ON o", "public.o"),
        ("SELECT id, at FROM o", "", "SELECT (id, at) ON o", ""),
        ("SELECT id, at FROM o", "", "SELECT ON o", ""),
        ("SELECT id, at FROM o", "WITH NO DATA", "", ""),
        ("SELECT id, at FROM direct", "", "", "public.direct"),
        ("SELECT id, at FROM direct", "", "SELECT ON direct", ""),
    ],
)
def test_what_the_owner_may_not_read_refuses_the_column(
    *,
    made: str,
    options: str,
    granted: str,
    lacks: str,
    database: Any,
    make_project: Callable[..., Any],
    make_role: Callable[..., Any],
) -> None:
    role = make_role()
    database.execute(
        f"{SCHEMA} CREATE MATERIALIZED VIEW kept AS {made} {options};"
        f'ALTER MATERIALIZED VIEW kept OWNER TO "{role.name}"'
    )
    if granted:
        database.execute(f'GRANT {granted} TO "{role.name}"')
    project = make_project(database.url)
    plan = project.plan(zones=("default=Europe/Berlin",))
    (column,) = [c for g in plan.groups for c in g.columns]
    if lacks:
        assert (column.action, column.code) == (Action.REFUSE, "TZ111")
        assert "materialized view public.kept: it is refreshed" in column.reason
        assert f"{role.name} may not read {lacks}" in column.reason
        assert column.hint.startswith(f"GRANT SELECT ON {lacks} TO {role.name},")
        database.execute(f'GRANT SELECT ON {lacks} TO "{role.name}"')
        assert project.plan(zones=("default=Europe/Berlin",)).written
    project.apply()
    assert project.verify().outcome is Outcome.PROVED


@pytest.mark.pg(">= 15")
def test_a_view_that_reads_as_its_invoker_asks_for_the_rights_of_the_owner_above(
    database: Any, make_project: Callable[..., Any], make_role: Callable[..., Any]
) -> None:
    role = make_role()
    database.execute(
        f"{SCHEMA} ALTER VIEW direct SET (security_invoker = on);"
        "CREATE MATERIALIZED VIEW kept AS SELECT id, at FROM direct;"
        f'ALTER MATERIALIZED VIEW kept OWNER TO "{role.name}";'
        f'GRANT SELECT ON direct TO "{role.name}"'
    )
    plan = make_project(database.url).plan(zones=("default=UTC",))
    (column,) = [c for g in plan.groups for c in g.columns]
    assert f"{role.name} may not read public.o" in column.reason


EMPTY_IT = (
    "or empty it with REFRESH MATERIALIZED VIEW public.{} WITH NO DATA, and fill it"
    " after the conversion. Then run the same command again."
)


def refusal(project: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        project.apply()
    assert caught.value.code == "TZ653"
    return caught.value


def test_an_owner_since_the_plan_who_may_not_read_is_named(
    database: Any, make_project: Callable[..., Any], make_role: Callable[..., Any]
) -> None:
    role = make_role().name
    database.execute(f"{SCHEMA} CREATE MATERIALIZED VIEW kept AS SELECT * FROM direct")
    project = make_project(database.url)
    project.plan(zones=("default=Europe/Berlin",))
    database.execute(f'ALTER MATERIALIZED VIEW kept OWNER TO "{role}"')
    told = refusal(project)
    assert told.message == (
        "materialized view public.kept cannot be refreshed: permission denied for view"
        " direct"
    )
    assert told.detail == "The transaction is rolled back."
    assert told.hint == (
        f"It is refreshed with the rights of its owner {role}: grant what is lacking,"
        " or give it to another role; " + EMPTY_IT.format("kept")
    )
    database.execute(f'GRANT SELECT ON direct TO "{role}"')
    project.apply()
    assert project.verify().outcome is Outcome.PROVED


PRICES = """
CREATE TABLE products (id int PRIMARY KEY, price int, valid tsrange NOT NULL);
INSERT INTO products VALUES (1, 5, '[2024-01-01,2024-02-01)');
CREATE FUNCTION price_at(p int, t timestamp) RETURNS int LANGUAGE sql STABLE
    AS $$SELECT price FROM public.products WHERE id = p AND valid @> t$$;
CREATE TABLE sales (id int PRIMARY KEY, product int, at timestamp, qty int);
INSERT INTO sales VALUES (1, 1, '2024-01-31 23:30', 3);
CREATE MATERIALIZED VIEW revenue AS
    SELECT at::date AS day, sum(price_at(product, at) * qty) AS amount
    FROM sales GROUP BY 1;
"""
MENDED = """
CREATE OR REPLACE FUNCTION price_at(p int, t timestamp) RETURNS int LANGUAGE sql STABLE
    AS $$SELECT price FROM public.products
    WHERE id = p AND valid @> t AT TIME ZONE 'Asia/Kathmandu'$$
"""


def test_a_function_that_is_broken_by_then_is_named_with_its_view(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(PRICES)
    project = make_project(database.url)
    project.plan(zones=("default=Asia/Kathmandu",))
    told = refusal(project)
    assert told.message == (
        "materialized view public.revenue cannot be refreshed: operator does not"
        " exist: tstzrange @> timestamp without time zone"
    )
    assert 'In SQL function "price_at" during ' in told.detail
    assert "tzmigrate" not in told.detail
    assert told.hint == (
        "Correct what it reads or calls, so that it works while columns convert; "
        + EMPTY_IT.format("revenue")
    )
    database.execute(MENDED)
    project.apply()
    assert project.verify().outcome is Outcome.PROVED
    assert database.scalar("SELECT amount FROM revenue") == 15


def test_a_view_that_is_empty_meanwhile_is_no_hindrance(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(PRICES)
    project = make_project(database.url)
    project.plan(zones=("default=Asia/Kathmandu",))
    database.execute("REFRESH MATERIALIZED VIEW revenue WITH NO DATA")
    project.apply()
    assert project.verify().outcome is Outcome.PROVED
    assert not database.scalar(
        "SELECT relispopulated FROM pg_class WHERE relname = 'revenue'"
    )


FAILS = """
CREATE OR REPLACE FUNCTION fails() RETURNS bigint LANGUAGE plpgsql AS 'BEGIN {} END';
"""
OVER_A_FUNCTION = (
    f"{SCHEMA} CREATE TABLE beside (id int); {FAILS.format('RETURN 1;')}"
    "CREATE MATERIALIZED VIEW kept AS SELECT id, at, fails() AS n FROM o"
)


@pytest.fixture
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "ATTEMPTS", 1)


@pytest.mark.usefixtures("once")
@pytest.mark.parametrize(
    ("state", "code"),
    [("P0001", "TZ653"), ("P0004", "TZ653"), ("22012", "TZ653"), ("55P03", "TZ502"),
     ("57014", "TZ506"), ("40001", "TZ504"), ("40P01", "TZ503"), ("53100", "TZ609"),
     ("08006", "TZ507"), ("TZ405", "TZ405")],
)  # fmt: skip
def test_what_says_nothing_of_the_view_keeps_its_code(
    state: str, code: str, database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(OVER_A_FUNCTION)
    project = make_project(database.url)
    project.plan(zones=("default=Europe/Berlin",))
    raised = f"RAISE EXCEPTION ''so it is'' USING ERRCODE = ''{state}'';"
    database.execute(FAILS.format(raised))
    with pytest.raises(TzmigrateError) as caught:
        project.apply()
    assert caught.value.code == code
    assert "so it is" in caught.value.message
    assert ("view public.kept" in caught.value.message) is (code == "TZ653")


@pytest.mark.usefixtures("once")
def test_a_lock_that_a_refresh_waits_for_is_awaited_as_ever(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(OVER_A_FUNCTION)
    project = make_project(database.url)
    project.plan(zones=("default=Europe/Berlin",))
    database.execute(FAILS.format("RETURN (SELECT count(*) FROM public.beside);"))
    with database.connect() as other:
        other.execute("LOCK TABLE beside")
        with pytest.raises(Unavailable) as caught:
            project.apply()
        assert caught.value.code == "TZ502"
    project.apply()
    assert project.verify().outcome is Outcome.PROVED


def test_a_script_says_it_as_well(
    database: Any, make_project: Callable[..., Any], tmp_path: Path
) -> None:
    database.execute(OVER_A_FUNCTION)
    here = make_project(database.url).connection
    sql = commands.SqlOptions(directory=tmp_path / "sql")
    commands.plan(here, zones=("default=Europe/Berlin",), accept=("TZ301",), sql=sql)
    database.execute(FAILS.format("RETURN 1 / 0;"))
    with pytest.raises(Refused) as caught:
        commands.apply(here, sql=sql, confirm=lambda _: True, progress=lambda _: None)
    assert caught.value.code == "TZ653"
    assert caught.value.message == (
        "materialized view public.kept cannot be refreshed: division by zero"
    )
    assert "fails() line 1 at RETURN. The transaction" in caught.value.detail
