"""Values are read from a replica, once it has replayed what the primary holds."""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import TEST_PG, TEST_URL, run_client
from tzmigrate.errors import Refused, Unavailable
from tzmigrate.postgres import replica as rooms
from tzmigrate.postgres.embedded import embedded_server
from tzmigrate.verification.model import Outcome

TABLE = """
CREATE TABLE visits (id bigint PRIMARY KEY, began timestamp, ended timestamp);
INSERT INTO visits SELECT g, timestamp '2024-01-15' + g * interval '1 day'
FROM generate_series(1, 1000) AS g;
"""
SETTINGS = {"wal_level": "replica", "max_wal_senders": "4", "timezone": "Asia/Kolkata"}

pytestmark = pytest.mark.skipif(
    bool(TEST_URL), reason="servers are started for it, so it needs the embedded one"
)


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Any, Any]]:
    """A primary and its streaming replica."""
    base = Path(tempfile.mkdtemp(prefix="tzt_replica_"))
    base.chmod(0o755)
    try:
        with embedded_server(
            version=TEST_PG, settings=SETTINGS, directory=base / "primary"
        ) as primary:
            data = base / "standby"
            owner = (base / "primary").stat()
            # a base backup reads all that lies there
            note = base / "primary" / "tzmigrate-password"
            os.chown(note, owner.st_uid, owner.st_gid)
            run_client(
                [
                    *(primary.bin / "pg_basebackup", "--checkpoint=fast"),
                    *("--pgdata", str(data), "--dbname", primary.url()),
                ]
            )
            # a newer program would write options that an older server does not know
            (data / "standby.signal").touch()
            with (data / "postgresql.auto.conf").open("a") as settings:
                settings.write(f"primary_conninfo = '{primary.url()}'\n")
            for path in (data, *data.rglob("*")):
                os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
            with embedded_server(
                version=TEST_PG, settings=SETTINGS, directory=data
            ) as standby:
                yield primary, standby
    finally:
        shutil.rmtree(base, ignore_errors=True)


@pytest.fixture
def converted(
    pair: tuple[Any, Any], make_project: Callable[..., Any]
) -> Iterator[tuple[Any, str]]:
    """A project on the primary, and the URL of its database on the replica."""
    primary, standby = pair
    with psycopg.connect(primary.url(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE shop TEMPLATE template0")
    try:
        with psycopg.connect(primary.url("shop"), autocommit=True) as connection:
            connection.execute(TABLE)
        project = make_project(primary.url("shop"))
        project.configure(
            '[zones]\ndefault = "America/New_York"\n[policy]\naccept = ["TZ301"]\n'
            'overlap = "later"\n'
        )
        project.plan()
        project.apply()
        with (
            psycopg.connect(primary.url(), autocommit=True) as here,
            psycopg.connect(standby.url(), autocommit=True) as there,
        ):
            wait_for_replay(here, there)
        yield project, standby.url("shop")
    finally:
        with psycopg.connect(primary.url(), autocommit=True) as connection:
            connection.execute("DROP DATABASE shop WITH (FORCE)")


def wait_for_replay(primary: Any, standby: Any) -> None:
    """Wait until a database that was just made is there as well."""
    now = primary.execute("SELECT pg_current_wal_insert_lsn()").fetchone()
    replayed = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
    for _ in range(600):
        if standby.execute(replayed, now).fetchone() == (True,):
            return
        time.sleep(0.1)
    pytest.fail("the replica stands still")


def test_the_proof_is_made_on_the_replica(
    converted: tuple[Any, str], shell_in: Callable[[Path], Any]
) -> None:
    project, replica = converted
    for level in ("auto", "full", "physical", "sample"):
        found = project.verify(replica_url=replica, level=level)
        wanted = Outcome.UNPROVED if level == "physical" else Outcome.PROVED
        assert found.outcome is wanted
        assert found.server.standby
    shell = shell_in(project.root)
    words = ("verify", "--url", project.url, "--replica-url", replica)
    done = shell.run(*words, "--output", "proof.json")
    assert done.status == 0, done.err
    document = json.loads((project.root / "proof.json").read_text("utf-8"))
    assert document["server"]["standby"] is True
    # what was proved on one of them is repeated on the other
    assert shell.run("verify", "--against", "proof.json").status == 0
    assert shell.run(*words, "--against", "proof.json").status == 0
    # a DBA may have nothing but the replica
    assert shell.run("verify", "--url", replica).status == 0


def test_what_was_just_written_is_seen_there(converted: tuple[Any, str]) -> None:
    project, replica = converted
    with psycopg.connect(project.url, autocommit=True) as connection:
        for _ in range(5):
            connection.execute("UPDATE visits SET began = began + interval '1 hour'")
    found = project.verify(replica_url=replica)
    assert found.outcome in {Outcome.UNPROVED, Outcome.SUSPECT}
    assert {c.column: c.changed for c in found.columns}["began"] == 1000


def test_a_replica_that_is_behind_is_waited_for(
    converted: tuple[Any, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, replica = converted
    with (
        psycopg.connect(replica, autocommit=True) as paused,
        monkeypatch.context() as impatient,
    ):
        impatient.setattr(rooms, "_PATIENCE", 0.5)
        paused.execute("SELECT pg_wal_replay_pause()")
        try:
            with psycopg.connect(project.url, autocommit=True) as connection:
                connection.execute("UPDATE visits SET ended = now()")
            with pytest.raises(Unavailable, match="behind the primary") as caught:
                project.verify(replica_url=replica)
            assert caught.value.code == "TZ511"
        finally:
            paused.execute("SELECT pg_wal_replay_resume()")
    assert project.verify(replica_url=replica).outcome is not Outcome.SHIFTED


def test_what_is_no_replica_of_it_is_refused(
    converted: tuple[Any, str], database: Any
) -> None:
    project, replica = converted
    other = replica.replace("/shop", "/postgres")
    for primary, url, said in (
        (project, database.url, "not in recovery"),
        (project, project.url, "not in recovery"),
        (project, other, "not shop of"),
    ):
        with pytest.raises(Refused, match="is not a replica") as caught:
            primary.verify(replica_url=url)
        assert caught.value.code == "TZ613"
        assert said in caught.value.detail
