"""Scan 5,000 tables of 10 columns each, half of them naive.

    python benchmarks/scan.py [--url URL] [--tables 5000] [--repeat 5]

Builds the tables in a database of its own (without ``--url`` on an embedded
PostgreSQL), then runs ``tzmigrate scan`` beside SQLAlchemy's Inspector, and
``tzmigrate --help`` beside ``alembic --help``: each in a fresh process, median of the
runs, with the peak of its memory.
"""

import argparse
import os
import statistics
import sys
from pathlib import Path

import psycopg
from measuring import database, run

from tzmigrate.postgres.url import parse_url, sqlalchemy_url

NAME = "tzmigrate_benchmark_scan"
PER_TRANSACTION = 500
TABLE = """
DO $do$ BEGIN FOR i IN {first}..{last} LOOP
  EXECUTE format($$CREATE TABLE t%s (
    id bigint PRIMARY KEY, customer bigint, state text, note text, seen_at timestamptz,
    created_at timestamp NOT NULL DEFAULT now(),
    updated_at timestamp DEFAULT (now() AT TIME ZONE 'utc'),
    starts_at timestamp, ends_at timestamp, deleted_at timestamp)$$, i);
  EXECUTE format('CREATE INDEX ON t%s (created_at)', i);
  EXECUTE format('INSERT INTO t%s (id, starts_at) VALUES (1, localtimestamp)', i);
END LOOP; END $do$
"""
INSPECTOR = """
import sys, sqlalchemy as sa
engine = sa.create_engine(sys.argv[1])
inspector = sa.inspect(engine)
columns = inspector.get_multi_columns()
indexes = inspector.get_multi_indexes()
engine.dispose()
"""


def fill(connection: psycopg.Connection, tables: int) -> None:
    """Make the tables, some in each transaction."""
    for first in range(0, tables, PER_TRANSACTION):
        last = min(first + PER_TRANSACTION, tables) - 1
        connection.execute(TABLE.format(first=first, last=last).encode())


def measure(name: str, argv: list[str], repeat: int, **variables: str) -> None:
    """Print the medians of a command, after one run that warms caches."""
    environment = os.environ | variables
    run(argv, environment)
    runs = [run(argv, environment) for _ in range(repeat)]
    seconds = statistics.median(s for s, _ in runs)
    memory = statistics.median(m for _, m in runs)
    print(f"| {name} | {seconds:.2f} s | {memory:.0f} MB |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a server to build the database on")
    parser.add_argument("--tables", type=int, default=5000)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    python, here = sys.executable, str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH", "")]))
    scan = [python, "-m", "tzmigrate", "scan"]
    with database(options.url, NAME, lambda c: fill(c, options.tables)) as url:
        print("| command | median time | peak memory |\n|---|---|---|")
        for form in ("json", "markdown", "text"):
            measure(
                f"`tzmigrate scan --format {form}`",
                [*scan, "--format", form],
                options.repeat,
                TZMIGRATE_URL=url,
                PYTHONPATH=path,
            )
        measure(
            "SQLAlchemy `get_multi_columns` and `get_multi_indexes`",
            [python, "-c", INSPECTOR, sqlalchemy_url(parse_url(url))],
            options.repeat,
        )
    for name in ("tzmigrate", "alembic"):
        module = "alembic.config" if name == "alembic" else name
        measure(
            f"`{name} --help`",
            [python, "-m", module, "--help"],
            options.repeat,
            PYTHONPATH=path,
        )


if __name__ == "__main__":
    main()
