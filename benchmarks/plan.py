"""Plan 1,000 tables with 5,000 naive columns and 600 views nested up to 8 deep.

    python benchmarks/plan.py [--url URL] [--repeat 3]

Builds them in a database of its own (without ``--url`` on an embedded PostgreSQL) and
runs ``tzmigrate plan``, which tries every revision up, down and up on a shadow: in a
fresh process and a fresh project, median of the runs, with the peak of its memory.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from scan import run

from tzmigrate.postgres.embedded import embedded_server

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


@contextmanager
def database(url: str | None, tables: int, views: int) -> Iterator[str]:
    """Give the URL of a database with tables and views in it; drop it afterwards."""
    if url is None:
        with (
            embedded_server(settings={"timezone": "UTC"}) as server,
            database(server.url(), tables, views) as found,
        ):
            yield found
        return
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(
        sql.Identifier(NAME)
    )
    there = psycopg.conninfo.make_conninfo(url, dbname=NAME)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(drop)
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))
        try:
            with psycopg.connect(there, autocommit=True) as inside:
                for first in range(0, tables, 100):
                    last = min(first + 100, tables) - 1
                    inside.execute(TABLE.format(first=first, last=last).encode())
                for i in range(views):
                    table, level = divmod(i, DEPTH)
                    below = f"v{i - 1}" if level else f"t{table}"
                    inside.execute(
                        f"CREATE VIEW v{i} AS SELECT id, created_at, updated_at,"
                        f" date_trunc('day', created_at) AS day FROM {below}"
                        f" WHERE updated_at > '2020-01-01'".encode()
                    )
                inside.execute("VACUUM (ANALYZE)")
            yield there
        finally:
            connection.execute(drop)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a server to build the database on")
    parser.add_argument("--tables", type=int, default=1000)
    parser.add_argument("--views", type=int, default=600)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    here = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH", "")]))
    runs = []
    with (
        tempfile.TemporaryDirectory() as folder,
        database(options.url, options.tables, options.views) as url,
    ):
        command = [sys.executable, "-m", "tzmigrate", "plan", "--init", "--alembic-dir"]
        environment = os.environ | {"TZMIGRATE_URL": url, "PYTHONPATH": path}
        for _ in range(options.repeat):
            project = Path(folder) / "migrations"
            argv = [*command, str(project), "--zone", "*.*.*=UTC", "--accept", "TZ301"]
            runs.append(run(argv, environment))
            shutil.rmtree(project)
            (project.parent / "alembic.ini").unlink()
    seconds = statistics.median(s for s, _ in runs)
    memory = statistics.median(m for _, m in runs)
    print("| command | median time | peak memory |\n|---|---|---|")
    print(f"| `tzmigrate plan` | {seconds:.1f} s | {memory:.0f} MB |")


if __name__ == "__main__":
    main()
