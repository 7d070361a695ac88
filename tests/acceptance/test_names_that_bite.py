r"""Names and texts that bite: in SQL online and offline, Python source, file names.

Each table here converts and comes back, whatever its name, its columns, indexes,
constraints, owner and database are called, and whatever its defaults say.
"""

import ast
import io
import os
import re
import tokenize
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tzmigrate.errors import TzmigrateError
from tzmigrate.planning.model import Action
from tzmigrate.verification.model import Outcome

NAMES = (
    "Order",
    "a.b",
    "; drop table x",
    "it's",
    'say "hi"',
    "50% off",
    "%s",
    "%(x)s",
    ":b",
    "a:b",
    "::x",
    " :c ",
    "new\nline",
    "tab\there",
    "cr\rlf\r\n",
    "\\:b",
    "\\n",
    "\\",
    '"""',
    "'''",
    "\x1b[31mred\x1b[0m",
    "\x9b31m",
    "[bold]x[/bold]",
    "[/]",
    "${x}",
    "{x}",
    "$tz$",
    "$$",
    "x" * 63,
    "日" * 21,
    "\U0001f600" * 15,
    "\u202e\u2028",
    "--",
    "/*",
    "#",
    "timezone",
    "user",
    "timestamp",
    "select",
    "oid",
    "key",
    "t",
    "p",
    "i",
    "z",
    "step",
    "tz_wall",
    "tz_a",
    "value",
    "relation",
    "UTC",
    "None",
    "def",
    "..",
    "a/b",
    " ",
)

TEXTS = ("100%", ":word", "\\", "line\nline", "$tz$", "'", '"""', "%(x)s")
"""What defaults hold."""


def fits(name: str, length: int = 63) -> str:
    return name.encode()[:length].decode("utf-8", "ignore")


def build(connection: psycopg.Connection[Any], *, schema: str, names: Any) -> None:
    """Make one table for each name; everything about it bears the name.

    Its second column bears the next one, so that every second name is enough.
    """
    ident = sql.Identifier
    connection.execute(sql.SQL("CREATE SCHEMA {}").format(ident(schema)))
    for number, name in enumerate(names):
        text = TEXTS[number % len(TEXTS)]
        parts = {
            "table": ident(schema, name),
            "column": ident(name),
            "index": ident(fits(name, 59) + "_idx"),
            "check": ident(fits(name, 59) + "_chk"),
            "other": ident(NAMES[(NAMES.index(name) + 1) % len(NAMES)]),
            "text": sql.Literal(text),
        }
        connection.execute(
            sql.SQL(
                "CREATE TABLE {table} (id int, {column} timestamp NOT NULL"
                " DEFAULT (now() AT TIME ZONE 'utc'), {other} timestamp"
                " DEFAULT '2024-01-01 00:00:00', note text DEFAULT {text},"
                " CONSTRAINT {check} CHECK (id > 0), PRIMARY KEY (id, {column}))"
            ).format(**parts)
        )
        connection.execute(
            sql.SQL("CREATE INDEX {index} ON {table} ({column})").format(**parts)
        )
        connection.execute(
            sql.SQL("COMMENT ON COLUMN {table}.{column} IS {text}").format(**parts)
        )
        connection.execute(
            sql.SQL(
                "INSERT INTO {table} SELECT g, timestamp '2024-01-01'"
                " + g * interval '7 hours 1 microsecond',"
                " timestamp '2023-01-01' + g * interval '1 day'"
                " FROM generate_series(1, 20) AS g"
            ).format(**parts)
        )


def naive(database: Any) -> int:
    return int(
        database.scalar(
            "SELECT count(*) FROM pg_attribute JOIN pg_class c ON c.oid = attrelid"
            " WHERE c.relkind = 'r' AND atttypid = 'timestamp'::regtype"
            " AND NOT attisdropped"
        )
    )


WORST = ("; drop table x", "%(x)s", " :c ", "\\:b", '"""', "$tz$", "new\nline", "it's")
HALVES = {"even": NAMES[::2], "odd": NAMES[1::2]}
"""Names of tables, indexes and constraints; the columns bear all of them."""


@pytest.fixture(scope="module")
def templates(server: Any) -> Iterator[Callable[[str], str]]:
    """Give the name of a database with a table for each name of a half."""
    made: dict[str, str] = {}
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")

    def template(half: str) -> str:
        if half not in made:
            name = made[half] = f"tzt_bites_{os.getpid()}_{half}"
            ident = sql.Identifier(name)
            server.execute(drop.format(ident))
            server.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(ident)
            )
            with psycopg.connect(server.url(name)) as connection:
                build(connection, schema='S.%s :b\\"\n', names=HALVES.get(half, WORST))
        return made[half]

    yield template
    for name in made.values():
        server.execute(drop.format(sql.Identifier(name)))


@pytest.fixture
def bitten(make_database: Any, templates: Callable[[str], str], half: str) -> Any:
    """A database whose own name bites."""
    return make_database(template=templates(half), suffix="'\"%s :b\\{x}")


@pytest.mark.parametrize(
    ("driver", "half"), [("psycopg", "even"), ("psycopg2", "odd"), ("asyncpg", "worst")]
)
def test_every_name_goes_up_and_comes_back_equal_with(
    driver: str,
    half: str,
    bitten: Any,
    make_project: Callable[..., Any],
    canonical_dump: Callable[..., str],
) -> None:
    before = canonical_dump(bitten)
    project = make_project(bitten.url, driver=driver)
    plan = project.plan(zones=("default=UTC",))
    assert {c.action for g in plan.groups for c in g.columns} == {Action.CONVERT}
    project.alembic("upgrade", "head")
    assert naive(bitten) == 0
    proof = project.verify()
    assert proof.outcome is Outcome.PROVED
    assert {c.rows_compared for c in proof.columns} == {20}
    borne = {c.column for c in proof.columns}
    assert borne >= set(WORST if half == "worst" else NAMES)
    assert {s.state.value for s in project.status().steps} == {"done"}
    project.alembic("downgrade", f"{plan.groups[0].revision}-1")
    assert project.verify().outcome is Outcome.PROVED
    assert canonical_dump(bitten) == before


def source_of(project: Any) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in project.revisions}


@pytest.mark.parametrize("half", ["even"])
def test_every_name_comes_through_offline_sql_and_psql(
    bitten: Any, make_project: Callable[..., Any], canonical_dump: Callable[..., str]
) -> None:
    before = canonical_dump(bitten)
    project = make_project(bitten.url)
    plan = project.plan(zones=("default=UTC",))
    head = plan.groups[-1].revision
    support = f"{plan.groups[0].revision}-1"
    bitten.psql(project.alembic("upgrade", "head", "--sql").stdout)
    assert naive(bitten) == 0
    proof = project.verify()
    assert proof.outcome is Outcome.PROVED
    assert {c.column for c in proof.columns} >= set(NAMES)
    down = project.alembic("downgrade", f"{head}:{support}", "--sql").stdout
    bitten.psql(down)
    assert naive(bitten) > 0
    assert project.verify().outcome is Outcome.PROVED
    assert canonical_dump(bitten) == before


@pytest.mark.parametrize("half", HALVES)
def test_revision_files_are_plain_python_under_plain_names(
    bitten: Any, make_project: Callable[..., Any]
) -> None:
    project = make_project(bitten.url)
    plan = project.plan(zones=("default=UTC",))
    files = source_of(project)
    assert len(files) == len(plan.groups) + 1 == len(NAMES) // 2 + 1
    for name, source in files.items():
        assert re.fullmatch(r"[a-z0-9_]+\.py", name)
        assert len(name) < 100
        assert all(char.isprintable() or char == "\n" for char in source)
        ast.parse(source)
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                assert token.start[0] == token.end[0]
                # nothing of a name stands where Python would run it
                assert token.line.strip() == token.string


def test_no_comment_of_a_sql_file_takes_a_name() -> None:
    """A name with a line feed would end the comment, and run."""
    for path in files("tzmigrate").rglob("*.sql"):  # type: ignore[attr-defined]
        for line in path.read_text("utf-8").splitlines():
            assert not re.search(r"--.*[{}]", line), f"{path}: {line}"


def test_names_that_bite_convert_also_with_using_and_another_zone(
    make_database: Any, make_project: Callable[..., Any], canonical_dump: Any
) -> None:
    """``USING`` stands inside a ``DO`` block, and so does every name."""
    database = make_database()
    with database.connect() as connection:
        build(connection, schema="$tz$", names=WORST)
    before = canonical_dump(database)
    project = make_project(database.url)
    project.configure(
        '[zones]\ndefault = "America/New_York"\n[policy]\nusing = "always"\n'
    )
    plan = project.plan()
    assert len(plan.written) == len(WORST) + 1
    # an inserted default means another instant there: see the defaults' own tests
    project.apply()
    assert naive(database) == 0
    assert project.verify().outcome is Outcome.PROVED
    project.rollback(everything=True)
    assert project.verify().outcome is Outcome.PROVED
    assert canonical_dump(database) == before


def test_roles_with_names_that_bite_own_and_convert(
    database: Any, make_role: Any, make_project: Callable[..., Any]
) -> None:
    role = make_role(suffix="'\";\n%s :b\\")
    database.execute(
        psycopg.sql.SQL(
            "CREATE SCHEMA s AUTHORIZATION {0}; GRANT CREATE ON DATABASE {1}"
            " TO {0}; GRANT CREATE ON SCHEMA public TO {0}"
        )
        .format(sql.Identifier(role.name), sql.Identifier(database.name))
        .as_string()
    )
    with psycopg.connect(database.url_as(role)) as connection:
        connection.execute("CREATE TABLE s.t (id int PRIMARY KEY, at timestamp)")
        connection.execute("INSERT INTO s.t VALUES (1, now())")
    project = make_project(database.url_as(role))
    project.plan(zones=("default=UTC",))
    project.apply()
    assert project.verify().outcome is Outcome.PROVED
    project.alembic("downgrade", "base")
    assert database.scalar("SELECT to_regnamespace('tzmigrate') IS NULL")


def test_errors_name_what_bites_without_its_control_characters(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute('CREATE TABLE "a\nb\x1b[31m" (id int PRIMARY KEY, at timestamp)')
    project = make_project(database.url)
    plan = project.plan(zones=("default=UTC",))
    database.execute('ALTER TABLE "a\nb\x1b[31m" RENAME at TO gone')
    with pytest.raises(TzmigrateError) as caught:
        project.apply()
    assert plan.written
    assert caught.value.code == "TZ341"
