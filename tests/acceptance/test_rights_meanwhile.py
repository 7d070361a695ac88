"""What is changed after the plan, or while a step waits, gains nobody rights."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import pytest

from tzmigrate.errors import TzmigrateError

GAIN = """
CREATE FUNCTION {owner}.gain() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
  IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    EXECUTE 'ALTER ROLE {owner} CREATEROLE';
  END IF;
END $$;
"""


@pytest.fixture
def owner(database: Any, make_role: Callable[..., Any]) -> Any:
    """A role with a schema of its own, and a function that shows who calls it."""
    role = make_role()
    database.execute(
        f'CREATE SCHEMA {role.name} AUTHORIZATION "{role.name}";'
        f'GRANT CREATE ON DATABASE "{database.name}" TO "{role.name}"'
    )
    by(database, role, GAIN)
    return role


def by(database: Any, owner: Any, script: str) -> None:
    """Run a script as the owner, in one transaction."""
    with psycopg.connect(database.url_as(owner)) as connection:
        connection.execute(script.replace("{owner}", owner.name))


def planned(project: Any, **options: Any) -> Any:
    plan = project.plan(zones=("default=UTC",), **options)
    assert [c.reason for g in plan.groups for c in g.columns if c.reason] == []
    return plan


def tried(project: Any, *arguments: str) -> TzmigrateError | None:
    try:
        project.run(*arguments)
    except TzmigrateError as error:
        return error
    return None


def gained(database: Any, owner: Any) -> bool:
    return bool(
        database.scalar(
            f"SELECT rolcreaterole FROM pg_roles WHERE rolname = '{owner.name}'"
        )
    )


def superusers(database: Any, function: str) -> int:
    """Count functions of superusers that run with their rights for everybody."""
    return int(
        database.scalar(
            "SELECT count(*) FROM pg_proc p JOIN pg_roles r ON r.oid = proowner"
            f" WHERE proname = '{function}' AND rolsuper AND prosecdef"
        )
    )


@contextmanager
def waiting(
    database: Any, owner: Any, project: Any, blocking: str
) -> Iterator[psycopg.Connection[Any]]:
    """Yield a session of the owner while the upgrade waits for another of its own."""
    with (
        ThreadPoolExecutor() as pool,
        psycopg.connect(database.url_as(owner)) as locker,
        psycopg.connect(database.url_as(owner), autocommit=True) as other,
    ):
        locker.execute(blocking.replace("{owner}", owner.name))
        running = pool.submit(tried, project, "upgrade", "head")
        waits = "SELECT FROM pg_locks WHERE %s = ANY (pg_blocking_pids(pid))"
        while not locker.execute(waits, [locker.info.backend_pid]).fetchall():
            assert not running.done(), running.result()
            time.sleep(0.02)
        other.execute("SET lock_timeout = '200ms'")
        yield other
        locker.rollback()
        running.result()


def test_a_key_whose_cast_gets_a_function(
    database: Any, owner: Any, make_project: Callable[..., Any]
) -> None:
    by(
        database,
        owner,
        """
CREATE TYPE {owner}.kind AS ENUM ('1');
CREATE CAST ({owner}.kind AS int) WITH INOUT AS IMPLICIT;
CREATE TABLE {owner}.t (placed_at timestamp, code int, PRIMARY KEY (placed_at, code));
CREATE TABLE {owner}.u (at timestamp, kind {owner}.kind,
  FOREIGN KEY (at, kind) REFERENCES {owner}.t);
INSERT INTO {owner}.t VALUES ('2024-01-01', '1');
INSERT INTO {owner}.u VALUES ('2024-01-01', '1');
""",
    )
    project = make_project(database.url)
    planned(project)
    by(
        database,
        owner,
        """
CREATE FUNCTION {owner}.told({owner}.kind) RETURNS int LANGUAGE plpgsql IMMUTABLE
  AS $$ BEGIN PERFORM {owner}.gain(); RETURN 1; END $$;
DROP CAST ({owner}.kind AS int);
CREATE CAST ({owner}.kind AS int) WITH FUNCTION {owner}.told AS IMPLICIT;
""",
    )
    tried(project, "upgrade", "head")
    assert not gained(database, owner)


def test_a_function_that_is_dropped_while_its_rewrite_waits(
    database: Any, owner: Any, make_project: Callable[..., Any]
) -> None:
    by(
        database,
        owner,
        """
CREATE TABLE {owner}.t (id int PRIMARY KEY, placed_at timestamp);
CREATE FUNCTION {owner}.place(n int) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
AS $$
BEGIN
  INSERT INTO {owner}.t (id, placed_at) VALUES (n, now() AT TIME ZONE 'utc');
  PERFORM {owner}.gain();
END $$;
""",
    )
    project = make_project(database.url)
    planned(project, rewrite_functions=True)
    texts = "".join(path.read_text() for path in project.revisions)
    assert f"CREATE OR REPLACE FUNCTION {owner.name}.place" in texts
    with (
        waiting(database, owner, project, "SELECT FROM {owner}.t") as other,
        suppress(psycopg.errors.LockNotAvailable),
    ):
        other.execute(f"DROP FUNCTION {owner.name}.place")
    assert superusers(database, "place") == 0


def test_a_function_whose_signature_means_another_one_meanwhile(
    database: Any, owner: Any, make_project: Callable[..., Any]
) -> None:
    by(
        database,
        owner,
        """
CREATE TABLE {owner}.orders (id int PRIMARY KEY, placed_at timestamp);
CREATE TYPE {owner}.kind AS ENUM ('a');
CREATE TYPE {owner}.sort AS ENUM ('a');
CREATE FUNCTION {owner}.a_first() RETURNS int LANGUAGE plpgsql AS $$
  -- orders
  BEGIN RETURN 1; END $$;
CREATE FUNCTION {owner}.noted({owner}.kind) RETURNS int LANGUAGE plpgsql
  SECURITY DEFINER AS $$
  -- orders
  BEGIN RETURN 1; END $$;
""",
    )
    name = owner.name
    # the administrator's, for callers with rights of their own
    database.execute(
        f"CREATE FUNCTION {name}.noted({name}.sort) RETURNS int"
        " LANGUAGE plpgsql AS 'BEGIN RETURN 1; END'"
    )
    project = make_project(database.url)
    planned(project)
    blocking = "ALTER FUNCTION {owner}.a_first() COST 1"
    with (
        waiting(database, owner, project, blocking) as other,
        suppress(psycopg.errors.LockNotAvailable),
    ):
        other.execute(
            f"ALTER TYPE {name}.kind RENAME TO former;"
            f"ALTER TYPE {name}.sort RENAME TO kind"
        )
    assert superusers(database, "noted") == 0


@pytest.mark.parametrize(
    ("policy", "check"),
    [("base", ""), ("zoned", ""), ("zoned", "CHECK (value > '1900-01-01')")],
)
def test_no_check_is_asked_for_a_column_of_two_parents(
    database: Any, owner: Any, make_project: Callable[..., Any], policy: str, check: str
) -> None:
    refused = policy == "base" or check != ""
    by(
        database,
        owner,
        f"CREATE DOMAIN {owner.name}.moment AS timestamp {check};"
        """
CREATE TABLE {owner}.a (at {owner}.moment);
CREATE TABLE {owner}.b (at {owner}.moment);
CREATE TABLE {owner}.c () INHERITS ({owner}.a, {owner}.b);
INSERT INTO {owner}.c VALUES ('2024-01-01');
""",
    )
    project = make_project(database.url)
    project.configure(f'[zones]\ndefault = "UTC"\n[policy]\ndomains = "{policy}"\n')
    plan = project.plan()
    told = [(c.relation, c.code) for g in plan.groups for c in g.columns if c.reason]
    assert told == ([("a", "TZ129"), ("b", "TZ129")] if refused else [])
    if not refused:
        project.run("upgrade", "head")
        project.run("downgrade", "base")


def test_what_fills_a_superusers_materialized_view_is_named(
    database: Any, owner: Any, make_project: Callable[..., Any]
) -> None:
    by(
        database,
        owner,
        """
CREATE TABLE {owner}.orders (id int PRIMARY KEY, placed_at timestamp);
CREATE FUNCTION {owner}.held(timestamp) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE VIEW {owner}.shown AS SELECT id, placed_at FROM {owner}.orders
  WHERE {owner}.held(placed_at);
CREATE VIEW {owner}.other AS SELECT 1 AS one;
CREATE MATERIALIZED VIEW {owner}.theirs AS SELECT * FROM {owner}.shown;
""",
    )
    name = owner.name
    database.execute(
        f"CREATE MATERIALIZED VIEW report AS SELECT * FROM {name}.shown;"
        f"CREATE MATERIALIZED VIEW apart AS SELECT * FROM {name}.other"
    )
    plan = make_project(database.url).plan(zones=("default=UTC",))
    told = [f.message for f in plan.findings if f.code == "TZ329"]
    assert [m.split(" belongs to ")[0] for m in told] == [
        f"function {name}.held(timestamp without time zone)",
        f"view {name}.shown",
    ]
    assert all("materialized view public.report" in message for message in told)


@pytest.mark.parametrize("grant", ["", "GRANT CREATE ON SCHEMA app TO PUBLIC;"])
def test_who_may_put_another_function_beside_a_superusers_is_named(
    database: Any, owner: Any, make_project: Callable[..., Any], grant: str
) -> None:
    to = "PUBLIC" if grant else owner.name
    database.execute(
        "CREATE SCHEMA app; CREATE SCHEMA closed;"
        + (grant or f"ALTER SCHEMA app OWNER TO {owner.name};")
        + "".join(
            f"CREATE FUNCTION {schema}.valid(anyelement) RETURNS boolean LANGUAGE"
            " plpgsql IMMUTABLE AS 'BEGIN RETURN true; END';"
            for schema in ("app", "closed")
        )
        + "CREATE TABLE one (at timestamp CHECK (app.valid(at)));"
        "CREATE TABLE two (at timestamp CHECK (closed.valid(at)))"
    )
    plan = make_project(database.url).plan(zones=("default=UTC",))
    (told,) = [f for f in plan.findings if f.code == "TZ329"]
    assert told.message.startswith(f"{to} may create functions where")
    assert "app.valid" in told.message
    assert "public.one" in told.message
    assert "revoke CREATE" in told.hint
