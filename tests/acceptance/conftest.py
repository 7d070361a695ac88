"""An ordinary Alembic project beside the database of a test."""

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import alembic.config
import pytest

from tzmigrate import commands
from tzmigrate.execution.model import Run, Status
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
