"""Prove 10 million rows: whole columns beside ``SELECT count(*)``, and ``verify``.

    python benchmarks/verify.py [--url URL] [--rows 10000000] [--repeat 5]

Converts two tables, of one column and of four, in a database of its own (without
``--url`` on an embedded PostgreSQL). The queries that ``verify --level full`` sends are
run by turns with ``count(*)`` of the same table, by one process and in parallel; quoted
are medians, and their ratios.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql
from scan import run

from tzmigrate.postgres.embedded import embedded_server

NAME = "tzmigrate_benchmark_verify"
TABLES = """
CREATE TABLE one (id bigint PRIMARY KEY, a timestamp, note text);
CREATE TABLE four (id bigint PRIMARY KEY, a timestamp, b timestamp, c timestamp,
    d timestamp, note text);
INSERT INTO one SELECT g, timestamp '2015-01-01' + g * interval '31 s', 'note ' || g
FROM generate_series(1, {rows}) AS g;
INSERT INTO four SELECT g, timestamp '2015-01-01' + g * interval '31 s',
    timestamp '2016-01-01' + g * interval '23 s',
    timestamp '2017-01-01' + g * interval '17 s',
    CASE WHEN g % 5 > 0 THEN timestamp '2018-01-01' + g * interval '11 s' END,
    'note ' || g
FROM generate_series(1, {rows}) AS g
"""
SETTINGS = '[zones]\ndefault = "UTC"\n[policy]\nproof = "full"\nmax_lock = "1h"\n'


@contextmanager
def database(url: str | None, rows: int) -> Iterator[str]:
    """Give the URL of a database with both tables; drop it afterwards."""
    if url is None:
        with (
            embedded_server(settings={"timezone": "UTC"}) as server,
            database(server.url(), rows) as found,
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
                inside.execute(TABLES.format(rows=rows).encode())
                inside.execute("VACUUM (FREEZE, ANALYZE)")
            yield there
        finally:
            connection.execute(drop)


def tzmigrate(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "tzmigrate", *arguments]


def compare(connection: psycopg.Connection, repeat: int) -> None:
    """Print the ratios of whole columns to ``count(*)``."""
    print("| all rows | processes | `count(*)` | fingerprint | ratio |")
    print("|---|---|---|---|---|")
    for workers in (0, 2):
        connection.execute(f"SET max_parallel_workers_per_gather = {workers}".encode())
        for table in ("one", "four"):
            row = connection.execute(
                "SELECT tzmigrate.fingerprint_query(id, %s::text::regclass, true)"
                " FROM tzmigrate.step WHERE relation_name = %s",
                (f"public.{table}", table),
            ).fetchone()
            assert row is not None
            queries = (f"SELECT count(*) FROM {table}", row[0])
            times: tuple[list[float], list[float]] = ([], [])
            for _ in range(repeat):
                for query, seconds in zip(queries, times, strict=True):
                    began = time.perf_counter()
                    connection.execute(query.encode()).fetchall()
                    seconds.append(time.perf_counter() - began)
            count, whole = (statistics.median(seconds) for seconds in times)
            columns = "1 column" if table == "one" else "4 columns"
            print(
                f"| {columns} | {workers + 1} | {count:.2f} s | {whole:.2f} s"
                f" | {whole / count:.1f} |",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a server to build the database on")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    here = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH", "")]))
    with (
        tempfile.TemporaryDirectory() as folder,
        database(options.url, options.rows) as url,
    ):
        environment = os.environ | {"TZMIGRATE_URL": url, "PYTHONPATH": path}
        (Path(folder) / "tzmigrate.toml").write_text(SETTINGS)
        plan = tzmigrate("plan", "--init", "--accept", "TZ301", "-q")
        for argv in (plan, tzmigrate("apply", "--yes", "-q")):
            subprocess.run(
                argv,
                cwd=folder,
                env=environment,
                check=True,
                stdout=subprocess.DEVNULL,
            )
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE)")
            connection.execute("SET TimeZone = 'Etc/UTC'")
            compare(connection, options.repeat)
        print("\n| command | median time | peak memory |\n|---|---|---|")
        for level in ("sample", "physical", "full"):
            argv = tzmigrate("verify", "--level", level, "--accept", "TZ301")
            runs = [run(argv, environment) for _ in range(options.repeat)]
            seconds = statistics.median(s for s, _ in runs)
            memory = statistics.median(m for _, m in runs)
            name = f"`tzmigrate verify --level {level}`"
            print(f"| {name} | {seconds:.2f} s | {memory:.0f} MB |", flush=True)


if __name__ == "__main__":
    main()
