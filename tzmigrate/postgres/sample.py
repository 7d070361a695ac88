"""Load the sample application into an empty database, rows and all.

Also a small command: ``python -m tzmigrate.postgres.sample --rows 5000 URL``.
"""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg.rows import tuple_row

from tzmigrate.errors import Refused, TzmigrateError
from tzmigrate.postgres.errors import translated

_SET_BY_FILES = ("search_path", "TimeZone", "DateStyle")
_SETTINGS: LiteralString = (
    "SELECT name, pg_catalog.current_setting(name)"
    " FROM pg_catalog.unnest(%s::pg_catalog.text[]) AS name"
)
_SET_ROWS: LiteralString = (
    "SELECT pg_catalog.set_config('sample_schema.rows', %s, true)"
)


def sample_directory() -> Path:
    """Return the folder with ``schema.sql``, ``data.sql`` and ``tzmigrate.toml``.

    Raises:
        Refused: this installation came without it.
    """
    package = Path(__file__).resolve().parents[1]
    # inside the package in a wheel, beside it in a checkout
    for folder in (package / "sample_schema", package.parent / "sample_schema"):
        if (folder / "schema.sql").is_file():
            return folder
    raise Refused(
        "TZ639",
        "the sample schema is not installed",
        detail=f"Neither {package} nor the folder above it has sample_schema.",
        hint="Install tzmigrate again from its wheel, or run it from a checkout.",
    )


def load_sample(connection: psycopg.Connection[Any], *, rows: int = 1000) -> None:
    """Create the sample schema and its rows in one transaction.

    The rows are the same on every run, whatever the zones of client and server.
    The session's settings are what they were before.

    Args:
        connection: to a database without schemas ``app`` and ``Reporting``.
        rows: how many learners there are; large tables have up to five times as many.

    Raises:
        ValueError: ``rows`` is below 1.
        Refused: one of the schemas exists already.
    """
    if rows < 1:
        message = f"rows must be at least 1, not {rows}"
        raise ValueError(message)
    folder = sample_directory()
    with (
        _refused_when_there(),
        translated(),
        connection.transaction(),
        connection.cursor(row_factory=tuple_row) as cursor,
    ):
        before = cursor.execute(_SETTINGS, [list(_SET_BY_FILES)]).fetchall()
        cursor.execute(_SET_ROWS, [str(rows)])
        for file in ("schema.sql", "data.sql"):
            cursor.execute((folder / file).read_bytes())
        for setting in before:
            cursor.execute("SELECT pg_catalog.set_config(%s, %s, false)", setting)


@contextmanager
def _refused_when_there() -> Iterator[None]:
    try:
        yield
    except psycopg.errors.DuplicateSchema as exc:
        raise Refused(
            "TZ638",
            exc.diag.message_primary or "the sample schema exists already",
            hint="Load the sample into an empty database.",
            sqlstate=exc.sqlstate,
        ) from exc


def _count(text: str) -> int:
    rows = int(text)
    if rows < 1:
        raise ValueError
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Load the sample into the database that a libpq URL names."""
    parser = argparse.ArgumentParser(
        prog="python -m tzmigrate.postgres.sample",
        description="Load tzmigrate's sample application into an empty database.",
    )
    parser.add_argument("url", help="libpq URL, such as postgresql://localhost/try")
    parser.add_argument(
        "--rows", type=_count, default=1000, help="number of learners (default 1000)"
    )
    options = parser.parse_args(arguments)
    try:
        with translated():
            connection = psycopg.connect(options.url, autocommit=True)
        with connection:
            load_sample(connection, rows=options.rows)
    except TzmigrateError as error:
        parser.exit(
            error.exit_status,
            f"error {error.code}: {error.message}\nhint: {error.hint}\n",
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
