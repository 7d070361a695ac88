"""What the benchmarks share: a database that is built and dropped, a process timed."""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from tzmigrate.postgres.embedded import embedded_server

Fill = Callable[[psycopg.Connection], object]
"""Builds what is measured, over a connection that commits each statement."""


@contextmanager
def database(url: str | None, name: str, fill: Fill) -> Iterator[str]:
    """Give the URL of a database that was filled; drop it afterwards.

    Without ``url`` it stands on an embedded PostgreSQL.
    """
    if url is None:
        with (
            embedded_server(settings={"timezone": "UTC"}) as server,
            database(server.url(), name, fill) as found,
        ):
            yield found
        return
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(
        sql.Identifier(name)
    )
    there = psycopg.conninfo.make_conninfo(url, dbname=name)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(drop)
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            with psycopg.connect(there, autocommit=True) as inside:
                fill(inside)
                # as a database in use is: nothing left for autovacuum to do meanwhile
                inside.execute("VACUUM (FREEZE, ANALYZE)")
                inside.execute("CHECKPOINT")
            yield there
        finally:
            connection.execute(drop)


def tzmigrate(*arguments: str) -> list[str]:
    """Return the command line of this checkout's tzmigrate."""
    return [sys.executable, "-m", "tzmigrate", *arguments]


def environment(**variables: str) -> dict[str, str]:
    """Return an environment in which this checkout is imported."""
    here = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH", "")]))
    found = os.environ | {"PYTHONPATH": path, **variables}
    # what is installed has its bytecode
    found.pop("PYTHONDONTWRITEBYTECODE", None)
    return found


def run(argv: list[str], variables: dict[str, str]) -> tuple[float, float]:
    """Run a command; return seconds and the peak of its memory in MB."""
    with tempfile.TemporaryFile() as out:
        began = time.perf_counter()
        child = os.posix_spawn(
            argv[0],
            argv,
            variables,
            file_actions=[(os.POSIX_SPAWN_DUP2, out.fileno(), 1)],
        )
        _, status, usage = os.wait4(child, 0)
        seconds = time.perf_counter() - began
        if os.waitstatus_to_exitcode(status) != 0:
            sys.exit(f"failed: {' '.join(argv)}")
    return seconds, usage.ru_maxrss / 1024
