"""Plan 1,000 tables with 5,000 naive columns and 600 views nested up to 8 deep.

    python benchmarks/plan.py [--url URL] [--repeat 3]

Builds them in a database of its own (without ``--url`` on an embedded PostgreSQL) and
runs ``tzmigrate plan``, which tries every revision up, down and up on a shadow: in a
fresh process and a fresh project, median of the runs, with the peak of its memory.
"""

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

import psycopg
from measuring import database, environment, run, tzmigrate

NAME = "tzmigrate_benchmark_plan"
DEPTH = 8
TABLE = """
DO $do$ BEGIN FOR i IN {first}..{last} LOOP
  EXECUTE format($$CREATE TABLE t%s (
    id bigint PRIMARY KEY, customer bigint, state text,
    created_at timestamp NOT NULL DEFAULT now(),
    updated_at timestamp DEFAULT (now() AT TIME ZONE 'utc'),
    starts_at timestamp, ends_at timestamp, deleted_at timestamp,
    CHECK (starts_at < ends_at))$$, i);
  EXECUTE format('CREATE INDEX ON t%s (created_at)', i);
  EXECUTE format('CREATE INDEX ON t%s ((starts_at::date)) WHERE deleted_at IS NULL', i);
END LOOP; END $do$
"""


def fill(connection: psycopg.Connection, tables: int, views: int) -> None:
    """Make the tables, and views upon views of some of them."""
    for first in range(0, tables, 100):
        last = min(first + 100, tables) - 1
        connection.execute(TABLE.format(first=first, last=last).encode())
    for i in range(views):
        table, level = divmod(i, DEPTH)
        below = f"v{i - 1}" if level else f"t{table}"
        connection.execute(
            f"CREATE VIEW v{i} AS SELECT id, created_at, updated_at,"
            f" date_trunc('day', created_at) AS day FROM {below}"
            f" WHERE updated_at > '2020-01-01'".encode()
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a server to build the database on")
    parser.add_argument("--tables", type=int, default=1000)
    parser.add_argument("--views", type=int, default=600)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    runs = []
    with (
        tempfile.TemporaryDirectory() as folder,
        database(
            options.url, NAME, lambda c: fill(c, options.tables, options.views)
        ) as url,
    ):
        command = tzmigrate("plan", "--init", "--alembic-dir")
        for _ in range(options.repeat):
            project = Path(folder) / "migrations"
            argv = [*command, str(project), "--zone", "*.*.*=UTC", "--accept", "TZ301"]
            runs.append(run(argv, environment(TZMIGRATE_URL=url)))
            shutil.rmtree(project)
            (project.parent / "alembic.ini").unlink()
    seconds = statistics.median(s for s, _ in runs)
    memory = statistics.median(m for _, m in runs)
    print("| command | median time | peak memory |\n|---|---|---|")
    print(f"| `tzmigrate plan` | {seconds:.1f} s | {memory:.0f} MB |")


if __name__ == "__main__":
    main()
