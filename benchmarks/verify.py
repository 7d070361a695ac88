"""Prove 10 million rows: whole columns beside ``SELECT count(*)``, and ``verify``.

    python benchmarks/verify.py [--url URL] [--rows 10000000] [--repeat 5]
        [--reladiff COMMAND]

Converts two tables, of one column and of four, in a database of its own (without
``--url`` on an embedded PostgreSQL). The queries that ``verify --level full`` sends are
run by turns with ``count(*)`` of the same table, by one process and in parallel; quoted
are medians, and their ratios. A third table shows for how long a conversion in the
catalog alone holds its lock. With ``--reladiff`` that program compares the table of one
column with a copy of it, beside the fingerprints of both.
"""

import argparse
import importlib.util
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import psycopg
from measuring import database, environment, run, tzmigrate

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
LOCKED = """
CREATE TABLE kept (id bigint PRIMARY KEY, a timestamp, note text);
INSERT INTO kept SELECT * FROM one
"""
KEPT = '[zones]\ndefault = "UTC"\n'
SETTINGS = f'{KEPT}[policy]\nproof = "full"\nmax_lock = "1h"\n'


def fill(connection: psycopg.Connection, rows: int) -> None:
    """Fill the tables."""
    connection.execute(TABLES.format(rows=rows).encode())
    connection.execute(LOCKED.encode())


def statements(folder: Path) -> list[str]:
    """Return the statements of the revision that converts the table left over."""
    (path,) = (p for p in folder.glob("migrations/versions/*.py") if "kept" in p.name)
    spec = importlib.util.spec_from_file_location("revision", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: list[str] = []
    module.__dict__["op"] = SimpleNamespace(execute=found.append)
    module.__dict__["upgrade"]()
    return found


class Reader(threading.Thread):
    """Reads one row again and again, and knows the longest time that it took."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.longest = 0.0
        self._connection = psycopg.connect(url, autocommit=True)
        self._ended = threading.Event()

    def run(self) -> None:
        """Read until :meth:`end`."""
        with self._connection as connection:
            while not self._ended.is_set():
                began = time.perf_counter()
                connection.execute("SELECT a FROM kept WHERE id = 1")
                self.longest = max(self.longest, time.perf_counter() - began)

    def end(self) -> float:
        """Return the longest time, in seconds."""
        self._ended.set()
        self.join()
        return self.longest


def hold(url: str, folder: Path, repeat: int) -> None:
    """Print for how long a conversion in the catalog alone holds its lock.

    The revision is rolled back at its end each time, which takes what a commit takes.
    """
    queries = statements(folder)
    baseline, waited, whole = [], [], []
    for _ in range(repeat):
        with psycopg.connect(url) as connection:
            connection.execute("SET track_functions = 'all'")
            connection.commit()
            reader = Reader(url)
            reader.start()
            began = time.perf_counter()
            for query in queries:
                connection.execute(query.encode())
            row = connection.execute(
                "SELECT total_time / 1000 FROM pg_stat_xact_user_functions"
                " WHERE schemaname = 'tzmigrate' AND funcname = 'take_baseline'"
            ).fetchone()
            connection.rollback()
            whole.append(time.perf_counter() - began)
            waited.append(reader.end())
            assert row is not None
            baseline.append(row[0])
    print("\n| `metadata`, 1,000 recorded rows and those at edges | median | longest |")
    print("|---|---|---|")
    for name, times in (
        ("the baseline, under ACCESS EXCLUSIVE", baseline),
        ("the longest wait of who reads the table", waited),
        ("the whole revision", whole),
    ):
        median = 1000 * statistics.median(times)
        print(f"| {name} | {median:.0f} ms | {1000 * max(times):.0f} ms |", flush=True)


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


def beside(url: str, reladiff: str, repeat: int) -> None:
    """Print how long another comparison of a table with its copy takes."""
    parts = psycopg.conninfo.conninfo_to_dict(url)
    there = "postgresql://{user}:{password}@{host}:{port}/{dbname}".format(**parts)
    both = (there, "one", there, "copied")
    options = ("-k", "id", "-c", "a", "--algorithm", "hashdiff")
    ours, theirs = [], []
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE copied AS SELECT id, a FROM one;"
            "ALTER TABLE copied ADD PRIMARY KEY (id);"
            "ANALYZE copied; SET TimeZone = 'Etc/UTC'"
        )
        row = connection.execute(
            "SELECT tzmigrate.fingerprint_query(id, 'public.one', true)"
            " FROM tzmigrate.step WHERE relation_name = 'one'"
        ).fetchone()
        assert row is not None
        queries = (row[0], row[0].replace(" FROM one AS", " FROM copied AS"))
        for _ in range(repeat):
            began = time.perf_counter()
            found = [connection.execute(q.encode()).fetchone() for q in queries]
            ours.append(time.perf_counter() - began)
            assert found[0] == found[1]
            theirs.append(run([reladiff, *both, *options], environment())[0])
        connection.execute("DROP TABLE copied")
    one, other = statistics.median(ours), statistics.median(theirs)
    print("\n| a table and its copy | median | ratio |\n|---|---|---|")
    print(f"| both fingerprints | {one:.2f} s | 1 |")
    print(f"| `reladiff` | {other:.2f} s | {other / one:.0f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a server to build the database on")
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--reladiff", metavar="COMMAND", help="its program")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        database(options.url, NAME, lambda c: fill(c, options.rows)) as url,
    ):
        variables = environment(TZMIGRATE_URL=url)
        (Path(folder) / "tzmigrate.toml").write_text(SETTINGS)
        prepare = (
            tzmigrate("plan", "--init", "--accept", "TZ301", "-q", "--exclude", "kept"),
            tzmigrate("apply", "--yes", "-q"),
            tzmigrate("plan", "--accept", "TZ301", "-q"),
        )
        for argv in prepare:
            if argv is prepare[-1]:
                (Path(folder) / "tzmigrate.toml").write_text(KEPT)
            subprocess.run(
                argv, cwd=folder, env=variables, check=True, stdout=subprocess.DEVNULL
            )
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("VACUUM (ANALYZE)")
            connection.execute("SET TimeZone = 'Etc/UTC'")
            compare(connection, options.repeat)
        hold(url, Path(folder), options.repeat)
        if options.reladiff is not None:
            beside(url, options.reladiff, options.repeat)
        print("\n| command | median time | peak memory |\n|---|---|---|")
        for level in ("sample", "physical", "full"):
            argv = tzmigrate("verify", "--level", level, "--accept", "TZ301")
            runs = [run(argv, variables) for _ in range(options.repeat)]
            seconds = statistics.median(s for s, _ in runs)
            memory = statistics.median(m for _, m in runs)
            name = f"`tzmigrate verify --level {level}`"
            print(f"| {name} | {seconds:.2f} s | {memory:.0f} MB |", flush=True)


if __name__ == "__main__":
    main()
