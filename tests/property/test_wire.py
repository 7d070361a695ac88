r"""Whatever text a catalog holds, the pieces of ``revisions.wire`` carry it unchanged.

Through ``op.execute`` with each driver, and through ``alembic upgrade --sql`` and psql.
"""

import ast
import io
import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from psycopg import sql
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from tzmigrate.postgres.quoting import quote_identifier, quote_literal
from tzmigrate.revisions import wire
from tzmigrate.revisions.source import quoted

DRIVERS = ("psycopg", "psycopg2")

BITES = (
    "%", "%%", "%s", "%(x)s", ":b", "a:b", "::x", " :b", "\\", "\\:b", "\\n", "\n",
    "\r", "\r\n", "\t", '"', '"""', "'", "'''", "$tz$", "$$", "$1", "${x}", "{x}",
    "\x1b[31m", "\x7f", "\x85", "\u2028", "[bold]", ";", "--", "/*", "*/", "é", "日",
    "\U0001f600", " ", "\\.", "\\q", "U&", "E'", "#", "?", "@", ":'x'", ':"x"', ":{?x}",
)  # fmt: skip


def fits(name: str) -> bool:
    return 0 < len(name.encode()) <= 63  # what an identifier may hold


names = (
    st.lists(st.sampled_from(BITES) | st.characters(codec="utf-8"), max_size=12)
    .map("".join)
    .map(lambda name: name.replace("\0", ""))
    .filter(fits)
)

quick = settings(
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
worst = example(name='a:b :c ::d %s %%(x)s \\:e "" \' $tz$ $$\n\t\x1b[0m"""\'\'\' 日')


@pytest.fixture(scope="module")
def database_name(server: Any) -> Iterator[str]:
    name = f"tzt_wire_{os.getpid()}"
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(
        sql.Identifier(name)
    )
    server.execute(drop)
    server.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(
            sql.Identifier(name)
        )
    )
    yield name
    server.execute(drop)


@pytest.fixture(scope="module", params=DRIVERS)
def online(request: Any, server: Any, database_name: str) -> Iterator[Connection]:
    url = server.url(database_name).replace("postgresql", f"postgresql+{request.param}")
    # one failed example must not fail those that come after it
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection


@pytest.fixture(scope="module")
def offline(server: Any, database_name: str) -> Callable[..., str]:
    """Run statements as ``alembic upgrade --sql | psql`` does; return its output."""

    def run(driver: str, *statements: str) -> str:
        buffer = io.StringIO()
        context = MigrationContext.configure(
            url=f"postgresql+{driver}://",
            opts={"as_sql": True, "output_buffer": buffer, "literal_binds": True},
        )
        operations = Operations(context)
        for statement in statements:
            operations.execute(statement)
        argv = [server.bin / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1"]
        done = subprocess.run(
            [*argv, server.url(database_name)],
            input=buffer.getvalue().encode(),
            capture_output=True,
            check=False,
            env=os.environ | {"PGCLIENTENCODING": "UTF8"},
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    return run


def made(name: str) -> tuple[str, str]:
    """Return a statement that uses a name, and the query that shows it as hex."""
    return (
        f"CREATE OR REPLACE TEMP VIEW v AS SELECT {quote_literal(name)}::text AS"
        f" {quote_identifier(name)}",
        "SELECT encode(convert_to(attname::text, 'UTF8'), 'hex') FROM pg_attribute"
        " WHERE attrelid = 'v'::regclass",
    )


@given(name=names)
@worst
@quick
def test_a_literal_arrives_as_it_was(online: Connection, name: str) -> None:
    query = f"SELECT {wire.literal(name)}, ({wire.array((name, 'x'))})[1]"
    assert online.execute(text(query)).one() == (name, name)


@given(name=names)
@worst
@quick
def test_a_statement_names_what_it_named(online: Connection, name: str) -> None:
    create, shown = made(name)
    for statement in (wire.statement(create), wire.guarded("true", create)):
        online.execute(text("DROP VIEW IF EXISTS v"))
        online.execute(text(statement))
        assert online.execute(text(shown)).scalar() == name.encode().hex()


@pytest.mark.parametrize("driver", [*DRIVERS, "asyncpg"])
def test_what_goes_online_goes_through_psql_as_well(
    offline: Callable[..., str], driver: str
) -> None:
    @given(name=names)
    @worst
    @settings(quick, max_examples=25)
    def holds(name: str) -> None:
        create, shown = made(name)
        out = offline(
            driver,
            wire.statement(create),
            shown,
            "DROP VIEW v",
            wire.guarded("true", create),
            shown,
            f"SELECT encode(convert_to({wire.literal(name)}, 'UTF8'), 'hex')",
            f"SELECT encode(convert_to(({wire.array((name,))})[1], 'UTF8'), 'hex')",
        )
        assert out.split() == [name.encode().hex()] * 4

    holds()


@pytest.mark.parametrize("wired_by", ["statement", "guarded"])
@given(name=names)
@worst
@quick
def test_python_source_holds_the_statement_and_each_comment_in_one_line(
    wired_by: str, name: str
) -> None:
    create, _ = made(name)
    wired = (
        wire.guarded("true", create)
        if wired_by == "guarded"
        else wire.statement(create)
    )
    source = (
        f"# {wire.comment(name)}\nfound = (\n{quoted(wired)}\n)\n"
        f"# {wire.comment(create)}\n"
    )
    tree = ast.parse(source)
    (assignment,) = tree.body
    assert isinstance(assignment, ast.Assign)
    assert ast.literal_eval(assignment.value) == wired
    assert all(char.isprintable() or char == "\n" for char in source)
    assert len(source.splitlines()) == 5
