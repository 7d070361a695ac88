"""Back up a database by tzmigrate, and by one ``pg_dump -Fc`` by hand, by turns.

    python benchmarks/backup.py [--url URL] [--rows 2000000] [--repeat 5] [--pg-bin DIR]

Builds three tables of orders, customers and logs in a database of its own (without
``--url`` on an embedded PostgreSQL). The dump of ``tzmigrate backup create``, which
counts every table and takes fingerprints beside it, is compared with the other; what
it makes of the dump (SQL files, digests, verification) is a figure of its own. Medians.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
from measuring import database, environment, run, tzmigrate

from tzmigrate.backup.programs import choose_programs

NAME = "tzmigrate_benchmark_backup"
FILL = """
CREATE TABLE customers (id bigint PRIMARY KEY, name text, since timestamp);
INSERT INTO customers SELECT g, 'customer ' || md5(g::text), timestamp '2019-01-01'
    + g * interval '7 min 3 us' FROM generate_series(1, {rows} / 10) AS g;
CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint REFERENCES customers,
    state text, net numeric(12, 2), note text, placed timestamp NOT NULL,
    paid timestamp, shipped timestamp);
INSERT INTO orders SELECT g, 1 + g % ({rows} / 10), (ARRAY['new', 'paid', 'sent'])
    [1 + g % 3], g % 9973 / 7.0, md5(g::text) || md5((g / 3)::text), t,
    t + interval '1 h', CASE WHEN g % 3 = 0 THEN t + interval '2 days' END
FROM generate_series(1, {rows}) AS g,
    LATERAL (SELECT timestamp '2020-01-01' + g * interval '41 s 7 us' AS t) AS s;
CREATE INDEX ON orders (placed);
CREATE TABLE logs AS SELECT id, note || note AS line FROM orders WHERE id % 2 = 0;
"""


def fill(connection: psycopg.Connection, rows: int) -> None:
    for statement in FILL.format(rows=rows).split(";\n"):
        if statement.strip():
            connection.execute(statement.encode())


def by_hand(pg_dump: str, url: str, folder: Path) -> float:
    file = folder / "by_hand.dump"
    began = time.perf_counter()
    subprocess.run([pg_dump, "-Fc", "-f", file, url], check=True)
    seconds = time.perf_counter() - began
    file.unlink()
    return seconds


def backup(url: str, folder: Path, more: list[str]) -> tuple[float, float, float]:
    """Return seconds of the dump and of the whole command, and the peak in MB."""
    root, said = folder / "backups", folder / "backup.json"
    argv = tzmigrate("backup", "create", "--dir", str(root), "--output", str(said))
    whole, memory = run([*argv, "--quiet", *more], environment(TZMIGRATE_URL=url))
    dump = json.loads(said.read_text("utf-8"))["backup"]["seconds"]["dump"]
    shutil.rmtree(root)
    return dump, whole, memory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a server to build the database on")
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--pg-bin", type=Path)
    options = parser.parse_args()
    more = [] if options.pg_bin is None else ["--pg-bin", str(options.pg_bin)]
    hands, dumps, wholes, memories = [], [], [], []
    with (
        tempfile.TemporaryDirectory() as name,
        database(options.url, NAME, lambda c: fill(c, options.rows)) as url,
    ):
        folder = Path(name)
        with psycopg.connect(url) as connection:
            version = connection.info.server_version // 10000
        programs = choose_programs(version, options.pg_bin)
        for turn in range(options.repeat + 1):
            hand = by_hand(programs.pg_dump, url, folder)
            dump, whole, memory = backup(url, folder, more)
            if turn:  # the first one warms the caches
                hands.append(hand)
                dumps.append(dump)
                wholes.append(whole)
                memories.append(memory)
    hand, dump = statistics.median(hands), statistics.median(dumps)
    ratio = statistics.median(d / h for d, h in zip(dumps, hands, strict=True))
    print("| | median | ratio |\n|---|---|---|")
    print(f"| `pg_dump -Fc` {programs.text} by hand | {hand:.1f} s | 1 |")
    print(f"| the dump of `backup create` | {dump:.1f} s | {ratio:.2f} |")
    print(f"| the whole of `backup create` | {statistics.median(wholes):.1f} s | |")
    print(f"\npeak memory {statistics.median(memories):.0f} MB")


if __name__ == "__main__":
    main()
