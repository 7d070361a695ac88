"""``alembic check`` proposes nothing about the ledger, with the filter of the docs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Database
from tzmigrate.execution.alembic_project import url_like

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "alembic-check.md"

ENV = """
from alembic import context
from sqlalchemy import Column, DateTime, Integer, MetaData, Table, create_engine, pool

target_metadata = MetaData()
Table("orders", target_metadata, Column("id", Integer, primary_key=True),
      Column("placed_at", DateTime(timezone=True)), schema="shop")

{filters}

engine = create_engine(
    context.config.get_main_option("sqlalchemy.url"), poolclass=pool.NullPool
)
with engine.connect() as connection:
    context.configure(
        connection=connection, target_metadata=target_metadata, include_schemas=True,
        {argument}
    )
    with context.begin_transaction():
        context.run_migrations()
"""


def filters_of_the_page() -> dict[str, str]:
    """Return the functions that the page gives, by name."""
    code = "\n".join(re.findall(r"(?s)```python\n(.*?)```", PAGE.read_text()))
    functions = re.findall(r"(?ms)^def (\w+)\(.*?(?=^\S|\Z)", code)
    bodies = re.findall(r"(?ms)^def \w+\(.*?(?=^\S|\Z)", code)
    return dict(zip(functions, bodies, strict=True))


def check(root: Path, database: Database, name: str | None) -> str:
    (root / "migrations" / "versions").mkdir(parents=True)
    url = url_like(database.url, "postgresql+psycopg://x/y")
    (root / "alembic.ini").write_text(
        "[alembic]\nscript_location = %(here)s/migrations\n"
        f"sqlalchemy.url = {url.replace('%', '%%')}\n"
    )
    (root / "migrations" / "env.py").write_text(
        ENV.format(
            filters=filters_of_the_page()[name] if name else "",
            argument=f"{name}={name}," if name else "",
        )
    )
    database.execute(
        "CREATE SCHEMA shop;"
        "CREATE TABLE shop.orders (id int PRIMARY KEY, placed_at timestamptz);"
        "CREATE SCHEMA tzmigrate;"
        "CREATE TABLE tzmigrate.ledger (id int PRIMARY KEY, at timestamp);"
        "CREATE INDEX ON tzmigrate.ledger (at)"
    )
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "check"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", ["include_name", "include_object"])
def test_the_filter_of_the_docs_keeps_the_ledger_out(
    tmp_path: Path, database: Database, name: str
) -> None:
    assert "No new upgrade operations detected" in check(tmp_path, database, name)


def test_without_the_filter_the_ledger_would_be_dropped(
    tmp_path: Path, database: Database
) -> None:
    assert "ledger" in check(tmp_path, database, None)
