"""An ordinary Alembic project beside the database of a test."""

import contextlib
import hashlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import alembic.config
import pytest

from tzmigrate import commands
from tzmigrate.execution.model import Adoption, Run, Status
from tzmigrate.planning.model import Plan
from tzmigrate.verification.model import Proof

ENV = """\
from alembic import context
from sqlalchemy import create_engine, pool, text

URL = context.config.get_main_option("sqlalchemy.url")


def offline():
    context.configure(
        url=URL, literal_binds=True, dialect_opts={{"paramstyle": "named"}}{configure}
    )
    with context.begin_transaction():
        context.run_migrations()


def online():
    engine = create_engine(URL, poolclass=pool.NullPool{engine})
    with engine.connect() as connection:
        {before}
        context.configure(connection=connection, target_metadata=None{configure})
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    offline()
else:
    online()
"""

ASYNC_ENV = """\
import asyncio

from alembic import context
from sqlalchemy import pool
from sqlalchemy.ext.asyncio import create_async_engine

URL = context.config.get_main_option("sqlalchemy.url")


def migrate(connection):
    context.configure(connection=connection, target_metadata=None{configure})
    with context.begin_transaction():
        context.run_migrations()


async def online():
    engine = create_async_engine(URL, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(migrate)
        await connection.commit()
    await engine.dispose()


asyncio.run(online())
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """An Alembic directory, and tzmigrate's verbs run on it and its database.

    Attributes:
        url: libpq's URL of the database.
    """

    root: Path
    url: str

    @property
    def connection(self) -> commands.Connection:
        config = self.root / "tzmigrate.toml"
        return commands.Connection(
            url=self.url, config=config if config.exists() else None
        )

    @property
    def options(self) -> commands.AlembicOptions:
        return commands.AlembicOptions(ini=self.root / "alembic.ini")

    @property
    def revisions(self) -> list[Path]:
        return sorted((self.root / "migrations" / "versions").glob("*.py"))

    def configure(self, toml: str) -> None:
        """Write tzmigrate.toml."""
        (self.root / "tzmigrate.toml").write_text(toml, encoding="utf-8")

    def plan(self, **options: Any) -> Plan:
        """Plan; a session zone that differs is accepted unless the test says no."""
        options.setdefault("accept", ("TZ301",))
        return commands.plan(self.connection, alembic=self.options, **options)

    def apply(self, **options: Any) -> Run:
        return commands.apply(
            self.connection,
            alembic=self.options,
            confirm=lambda _: True,
            progress=lambda _: None,
            **options,
        )

    def rollback(self, **options: Any) -> Run:
        return commands.rollback(
            self.connection,
            alembic=self.options,
            confirm=lambda _: True,
            progress=lambda _: None,
            **options,
        )

    def adopt(self, *columns: str, **options: Any) -> Adoption:
        return commands.adopt(
            self.connection,
            columns,
            alembic=self.options,
            confirm=lambda _: True,
            progress=lambda _: None,
            **options,
        )

    def verify(self, **options: Any) -> Proof:
        return commands.verify(self.connection, **options)

    def status(self) -> Status:
        return commands.status(self.connection, alembic=self.options)

    def alembic(
        self, *arguments: str, check: bool = True, **environ: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run the real alembic command in the project's directory."""
        done = subprocess.run(
            [sys.executable, "-m", "alembic", *arguments],
            cwd=self.root,
            check=False,
            capture_output=True,
            text=True,
            env=os.environ | environ,
        )
        if check and done.returncode:
            pytest.fail(f"alembic {' '.join(arguments)}: {done.stderr[-3000:]}")
        return done

    def run(self, *arguments: str) -> str:
        """Run alembic in this process, which is quicker; its errors are raised."""
        output = io.StringIO()
        with contextlib.chdir(self.root), contextlib.redirect_stdout(output):
            alembic.config.main(argv=list(arguments), prog="alembic")
        return output.getvalue()

    def revision(self, name: str, upgrade: str, downgrade: str = "SELECT 1") -> str:
        """Add a revision of the team's own on top of the head; return its id."""
        done = self.run("revision", "-m", name)
        path = Path(done.split("Generating ")[1].split(" ...")[0].strip())
        text = path.read_text(encoding="utf-8")
        for statement, title in ((upgrade, "Upgrade"), (downgrade, "Downgrade")):
            text = text.replace(
                f'    """{title} schema."""\n    pass',
                f'    """{title} schema."""\n    op.execute({statement!r})',
            )
        path.write_text(text, encoding="utf-8")
        return path.name.split("_")[0]


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[..., Project]:
    """Make an Alembic project for a database.

    Keyword arguments: ``driver`` (``psycopg``, ``psycopg2``, ``asyncpg``), and source
    for ``env.py``: ``configure`` (arguments of ``context.configure``), ``engine``
    (of ``create_engine``), ``before`` (a statement before ``configure``); ``name``
    of the directory.
    """

    def make(
        url: str,
        *,
        driver: str = "psycopg",
        configure: str = "",
        engine: str = "",
        before: str = "pass",
        name: str = "project",
    ) -> Project:
        root = tmp_path / name
        versions = root / "migrations" / "versions"
        versions.mkdir(parents=True)
        there = url.replace("postgresql://", f"postgresql+{driver}://", 1)
        (root / "alembic.ini").write_text(
            "[alembic]\n"
            "script_location = %(here)s/migrations\n"
            "path_separator = os\n"
            f"sqlalchemy.url = {there.replace('%', '%%')}\n",
            encoding="utf-8",
        )
        template = ASYNC_ENV if driver == "asyncpg" else ENV
        (root / "migrations" / "env.py").write_text(
            template.format(
                configure=f", {configure}" if configure else "",
                engine=f", {engine}" if engine else "",
                before=before,
            ),
            encoding="utf-8",
        )
        from alembic import command  # noqa: PLC0415

        generic = Path(command.__file__).parent / "templates" / "generic"
        (root / "migrations" / "script.py.mako").write_bytes(
            (generic / "script.py.mako").read_bytes()
        )
        return Project(root=root, url=url)

    return make


# ------------------------------------------------- the command, as it is typed

_EVERYTHING = """
SELECT jsonb_build_object(
    'schemas', (SELECT jsonb_agg(n ORDER BY n.oid) FROM pg_namespace n
                WHERE n.nspname !~ '^pg_(toast_)?temp_'),
    'relations', (SELECT jsonb_agg(jsonb_build_array(
                      c.oid, c.relname, c.relfilenode, c.relowner, c.relacl,
                      c.reloptions) ORDER BY c.oid)
                  FROM pg_class c WHERE c.oid >= 16384),
    'columns', (SELECT jsonb_agg(a ORDER BY a.attrelid, a.attnum)
                FROM (SELECT attrelid, attnum, attname, atttypid, atttypmod,
                             attnotnull, attisdropped, attstattarget
                      FROM pg_attribute WHERE attrelid >= 16384) a),
    'defaults', (SELECT jsonb_agg(d ORDER BY d.oid) FROM pg_attrdef d),
    'constraints', (SELECT jsonb_agg(c ORDER BY c.oid) FROM pg_constraint c
                    WHERE c.oid >= 16384),
    'routines', (SELECT jsonb_agg(jsonb_build_array(p.oid, p.proname, p.prosrc)
                     ORDER BY p.oid) FROM pg_proc p WHERE p.oid >= 16384)
)::text
"""
_TABLES = """
SELECT format('%I.%I', n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.oid >= 16384 AND n.nspname !~ '^pg_' ORDER BY 1
"""


def everything(database: Any) -> list[Any]:
    """Return what is in a database: its catalog, and a digest of each table."""
    with database.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        tables = [row[0] for row in connection.execute(_TABLES)]
        digests = " UNION ALL ".join(
            f"SELECT md5(string_agg(x::text, chr(10) ORDER BY x::text)) FROM {table} x"
            for table in tables
        )
        found = [connection.execute(_EVERYTHING).fetchone(), tables]
        return found + (connection.execute(digests).fetchall() if tables else [])


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str

    def is_error(self, status: int, code: str, *words: str) -> None:
        """Hold it to one clear error, with a hint that says what to do."""
        assert self.status == status, self.err + self.out
        assert self.out == ""
        found = re.findall(r"^error\b.*$", self.err, re.MULTILINE)
        assert len(found) == 1, self.err
        assert re.fullmatch(rf"error {code}: (?!TZ)\S.*[^.\s]", found[0]), found[0]
        assert len(re.findall(r"^hint: \S.*[.?`'\w]$", self.err, re.MULTILINE)) == 1
        assert len(re.findall(r"^detail: ", self.err, re.MULTILINE)) <= 1
        for word in words:
            assert word in self.err, self.err


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """A directory in which the command is typed, without a terminal.

    Attributes:
        secrets: what must not appear anywhere.
    """

    root: Path
    secrets: tuple[str, ...] = field(default=("hunter2",), repr=False)

    def run(self, *arguments: str, **environ: str) -> Ended:
        """Run the command in a process of its own."""
        with self.start(*arguments, **environ) as process:
            return self.end(process)

    def start(self, *arguments: str, **environ: str) -> "subprocess.Popen[str]":
        """Start the command; ``end`` waits for it."""
        return subprocess.Popen(
            [sys.executable, "-m", "tzmigrate", *arguments],
            cwd=self.root,
            env=os.environ | environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def end(self, process: "subprocess.Popen[str]") -> Ended:
        """Wait for a command, and look at what it must never print."""
        out, err = process.communicate(timeout=120)
        return self.seen(Ended(status=process.returncode, out=out, err=err))

    def main(self, *arguments: str) -> Ended:
        """Run the command in this process, which is quicker."""
        from tzmigrate.cli import main  # noqa: PLC0415  only when used

        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.chdir(self.root),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            status = main(list(arguments))
        return self.seen(Ended(status=status, out=out.getvalue(), err=err.getvalue()))

    def seen(self, ended: Ended) -> Ended:
        """Look for what must never be printed."""
        for secret in self.secrets:
            assert secret not in ended.out + ended.err
        assert "Traceback" not in ended.err
        return ended

    def files(self) -> dict[str, str]:
        """Return a digest of each file."""
        return {
            str(path.relative_to(self.root)): hashlib.sha256(
                path.read_bytes()
            ).hexdigest()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and path.suffix != ".pyc"
        }

    @contextlib.contextmanager
    def unchanged(self, *databases: Any) -> Iterator[None]:
        """Have a block change neither a file here nor anything in the databases."""
        files = self.files()
        before = [everything(database) for database in databases]
        yield
        assert self.files() == files
        assert [everything(database) for database in databases] == before


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """The command, typed in an empty directory."""
    root = tmp_path / "shell"
    root.mkdir()
    return Shell(root=root)


@pytest.fixture
def shell_in(server: Any) -> Callable[[Path], Shell]:
    """The command, typed in a directory."""
    known = str(server.parts.get("password") or "hunter2")

    def make(root: Path) -> Shell:
        return Shell(root=root, secrets=("hunter2", known))

    return make
