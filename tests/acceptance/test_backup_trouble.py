"""Whatever goes wrong with a backup: one clear error, and no half of it stays."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.acceptance.test_backup import SHOP, made
from tzmigrate.backup import dumping, interlock
from tzmigrate.backup.interlock import refuse_beside_a_dump
from tzmigrate.backup.metadata import read_metadata, write_metadata
from tzmigrate.backup.programs import choose_programs
from tzmigrate.errors import Unavailable
from tzmigrate.postgres.clients import Access
from tzmigrate.postgres.session import connect
from tzmigrate.postgres.url import Target

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="a small disk needs root")


@pytest.fixture
def shop(database: Any) -> Any:
    database.execute(SHOP)
    return database


@pytest.fixture
def shell(shop: Any, shell_in: Callable[[Path], Any], tmp_path: Path) -> Any:
    return shell_in(tmp_path)


def left(root: Path) -> list[str]:
    folder = root / "backups"
    return sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []


def test_a_pg_dump_that_is_too_old_or_unprotected_is_named(
    shop: Any, shell: Any, tmp_path: Path
) -> None:
    protection = "restrict" if shop.server.version <= 17 else "older"
    for said, word in (
        ("12.20", "older"),
        ("17.5", protection),
        ("99.0", "pg_dumpall"),
    ):
        folder = tmp_path / said
        folder.mkdir()
        for name in ("pg_dump", "pg_restore"):
            path = folder / name
            path.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {said}'\n")
            path.chmod(0o755)
        done = shell.main(
            "backup", "create", "--url", shop.url, "--pg-bin", str(folder)
        )
        done.is_error(6, "TZ670", word, said, str(folder), "--pg-bin")
    assert left(tmp_path) == []


def test_a_directory_that_cannot_be_written_is_named(
    shop: Any, shell: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    done = shell.main("backup", "create", "--url", shop.url, "--dir", "file/backups")
    done.is_error(6, "TZ675", "--dir")
    shell.main("backup", "list", "--dir", "nowhere").is_error(2, "TZ290", "nowhere")
    shell.main("backup", "verify", "--url", shop.url).is_error(2, "TZ290")
    shell.main("backup", "verify", "file", "--url", shop.url).is_error(2, "TZ290")


@contextlib.contextmanager
def small_disk(path: Path, size: str) -> Iterator[None]:
    path.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mount is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(path)], check=True)


@ROOT_ONLY
def test_a_disk_that_is_too_small_is_seen_before_and_while(
    shop: Any, shell: Any, tmp_path: Path
) -> None:
    shop.execute(
        "CREATE TABLE big AS SELECT g AS id, sha512(g::text::bytea) AS noise,"
        " now()::timestamp AS at FROM generate_series(1, 60000) AS g"
    )
    disk = tmp_path / "disk"
    with small_disk(disk, "2m"):
        done = shell.main("backup", "create", "--url", shop.url, "--dir", "disk")
        done.is_error(6, "TZ677", "2.1 MB free")
        assert list(disk.iterdir()) == []
    disk.rmdir()
    with small_disk(disk, "60m"), (disk / "other").open("wb") as other:
        words = ["backup", "create", "--url", shop.url, "--dir", "disk"]
        # somebody else fills the disk once the dump has begun
        with shell.start(*words) as process:
            while not list(disk.glob(".*/full_backup.dump")):
                assert process.poll() is None, process.communicate()
                time.sleep(0.01)
            with contextlib.suppress(OSError):
                while True:
                    other.write(b"x" * 1_000_000)
                    other.flush()
            done = shell.end(process)
        done.is_error(6, "TZ676", "disk")
        assert [p.name for p in disk.iterdir()] == ["other"]


def blocked(shop: Any, shell: Any, then: Callable[[Any, Any], object]) -> Any:
    """Start a backup, hold it up at a table, do something, and return its end."""
    with shop.connect() as holder:
        # only pg_dump looks into sequences, after the rows of all tables
        holder.execute("ALTER SEQUENCE counter RENAME TO other")
        with shell.start("backup", "create", "--url", shop.url) as process:
            pid: Any = None
            while not pid:
                assert process.poll() is None, process.communicate()
                # what a transaction sees of other sessions never changes
                rows = shop.execute(
                    "SELECT pid FROM pg_stat_activity WHERE application_name ="
                    " 'tzmigrate backup' AND wait_event_type = 'Lock'"
                    " AND datname = current_database()"
                )
                pid = rows and rows[0][0]
            then(process, (holder, pid))
            done = shell.end(process)
        holder.rollback()
        return done


def test_a_lost_connection_and_ctrl_c_leave_nothing(
    shop: Any, shell: Any, tmp_path: Path
) -> None:
    shop.execute("CREATE SEQUENCE counter")

    def lose(_: Any, found: Any) -> None:
        holder, pid = found
        holder.execute("SELECT pg_terminate_backend(%s)", (pid,))

    blocked(shop, shell, lose).is_error(5, "TZ507", "again")
    assert left(tmp_path) == []

    def interrupt(process: Any, _: Any) -> None:
        process.send_signal(2)

    blocked(shop, shell, interrupt).is_error(5, "TZ590", "tzmigrate backup list")
    assert left(tmp_path) == []
    named = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
    for _ in range(100):
        if shop.scalar(named, ("tzmigrate backup",)) == 0:
            break
        time.sleep(0.05)
    assert shop.scalar(named, ("tzmigrate backup",)) == 0


def test_a_role_that_may_not_read_everything_is_told_so(
    shop: Any, shell: Any, make_role: Any, tmp_path: Path
) -> None:
    role = make_role()
    done = shell.main("backup", "create", "--url", shop.url_as(role))
    done.is_error(6, "TZ605", "permission denied")
    assert left(tmp_path) == []


def test_a_backup_of_another_database_says_whose_it_is(
    shop: Any, shell: Any, make_database: Any, tmp_path: Path
) -> None:
    assert shell.main("backup", "create", "--url", shop.url).status == 0
    other, path = make_database(), str(made(tmp_path))
    done = shell.main("restore", path, "--url", other.url, "--swap", "--yes")
    done.is_error(3, "TZ356", shop.name, other.name)


def test_wishes_that_exclude_each_other_are_named(shop: Any, shell: Any) -> None:
    done = shell.main(
        "backup", "create", "--url", shop.url, "--jobs", "2", "--encrypt-to", "x"
    )
    done.is_error(2, "TZ291")


# ------------------------------------------------------------------ encryption


@pytest.fixture
def recipient(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A key of gpg without a passphrase, in a home of its own."""
    if shutil.which("gpg") is None:
        pytest.skip("gpg is not installed")
    # the agent's socket needs a short path
    home = Path("/tmp") / f"tzg{os.getpid()}"
    home.mkdir(mode=0o700)
    # a test may take PATH away
    end = [shutil.which("gpgconf") or "gpgconf", "--kill", "all"]
    monkeypatch.setenv("GNUPGHOME", str(home))
    who = "backup@example.org"
    subprocess.run(
        ["gpg", "--batch", "--quiet", "--passphrase", "", "--quick-generate-key", who,
         "default", "default", "never"],
        check=True, capture_output=True,
    )  # fmt: skip
    yield who
    subprocess.run(end, check=False)
    shutil.rmtree(home, ignore_errors=True)


def test_encrypted_nothing_is_plain_and_it_can_be_restored(
    shop: Any, shell: Any, tmp_path: Path, recipient: str
) -> None:
    shop.execute("INSERT INTO plain VALUES (-1, 'a secret of the shop')")
    done = shell.main(
        "backup", "create", "--url", shop.url, "--encrypt-to", recipient,
        "--test-restore",
    )  # fmt: skip
    assert done.status == 0, done.err
    path = made(tmp_path)
    names = {p.name for p in path.iterdir()}
    assert {"full_backup.dump.gpg", "data_backup.sql.gpg", "globals.sql.gpg"} <= names
    for file in path.iterdir():
        assert b"a secret of the shop" not in file.read_bytes(), file
    plain = subprocess.run(
        ["gpg", "--batch", "--quiet", "--decrypt", path / "data_backup.sql.gpg"],
        check=True, capture_output=True,
    ).stdout  # fmt: skip
    assert b"a secret of the shop" in plain
    critical = subprocess.run(
        ["gpg", "--batch", "--quiet", "--decrypt",
         path / "critical_tables_backup.sql.gpg"],
        check=True, capture_output=True,
    ).stdout  # fmt: skip
    assert b"orders" in critical
    assert b"a secret of the shop" not in critical
    assert read_metadata(path).restored
    done = shell.main("backup", "verify", "--url", shop.url, "--test-restore")
    assert done.status == 0, done.err


def test_settings_of_an_application_are_not_told(
    shop: Any, shell: Any, tmp_path: Path, recipient: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """They may be secrets, as those that web services sign with are."""
    name = sql.Identifier(shop.name)
    setting = "ALTER DATABASE {} SET {} = {}"

    def give(place: str, value: str) -> None:
        shop.server.execute(
            sql.SQL(setting).format(name, sql.SQL(place), sql.Literal(value))
        )

    give('"app.jwt_secret"', "a secret of the shop")
    give("work_mem", "5MB")
    with psycopg.connect(shop.url) as connection:
        connection.execute(
            "CREATE TABLE signed (by text CHECK (by <> current_setting("
            "'app.jwt_secret'))); INSERT INTO signed VALUES ('x')"
        )
    url = ("--url", shop.url)
    done = shell.main("backup", "create", *url, "--format", "json")
    assert done.status == 0, done.err
    assert "5MB" in done.out
    assert "a secret of the shop" not in done.out
    plain = made(tmp_path)
    assert "a secret of the shop" in (plain / "backup_metadata.json").read_text()
    shutil.rmtree(plain)
    done = shell.main(
        "backup", "create", *url, "--encrypt-to", recipient, "--test-restore"
    )
    assert done.status == 0, done.err + done.out
    path = made(tmp_path)
    for file in path.iterdir():
        assert b"a secret of the shop" not in file.read_bytes(), file
    give('"app.jwt_secret"', "another secret")
    give("work_mem", "6MB")
    done = shell.main("restore", "--yes", *url)
    assert done.status == 0, done.err
    said = " ".join((done.out + done.err).split())
    assert "setting work_mem is 6MB as in the database of now" in said
    assert "secret of the shop" not in said
    assert "another secret" not in said
    shop.server.execute(sql.SQL("ALTER DATABASE {} RESET ALL").format(name))
    # of another database, what was backed up is given, as far as it is known
    other = shop.server.url("postgres")
    beside = f"{shop.name}_of_then"
    done = shell.main("restore", str(path), "--into", beside, "--yes", "--url", other)
    assert done.status == 0, done.err
    with psycopg.connect(shop.server.url(beside)) as connection:
        found = connection.execute("SHOW app.jwt_secret").fetchone()
    assert found == ("a secret of the shop",)
    # without the key nothing is damaged
    with monkeypatch.context() as without:
        without.setenv("GNUPGHOME", str(tmp_path))
        done = shell.main("restore", str(path), "--yes", "--url", other)
        done.is_error(6, "TZ685", "database_settings.json")
    for (beside,) in shop.execute(
        "SELECT datname FROM pg_database WHERE datname LIKE %s", (shop.name + r"\_%",)
    ):
        shop.server.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(beside)))


@pytest.mark.skipif(shutil.which("age") is None, reason="age is not installed")
def test_age_needs_the_identity_to_read_the_archive(
    shop: Any, shell: Any, tmp_path: Path
) -> None:
    identity = tmp_path / "identity"
    made_key = subprocess.run(
        ["age-keygen", "-o", identity], check=True, capture_output=True, text=True
    )
    recipient = made_key.stderr.split()[-1]
    words = ("backup", "create", "--url", shop.url, "--encrypt-to", recipient)
    shell.main(*words, "--test-restore").is_error(6, "TZ674", "[backup]")
    assert left(tmp_path) == []
    done = shell.main(*words)
    assert done.status == 0, done.err
    assert "digests, age" in shell.main("backup", "list").out
    assert (made(tmp_path) / "full_backup.dump.age").exists()
    done = shell.main("backup", "verify", "--url", shop.url)
    assert done.status == 0, done.err
    assert "only the digests were compared" in done.out
    verify = ("backup", "verify", "--test-restore", "--url", shop.url)
    shell.main(*verify).is_error(6, "TZ674", "--identity")
    done = shell.main(*verify, "--identity", str(identity))
    assert done.status == 0, done.err
    other = tmp_path / "other"
    subprocess.run(["age-keygen", "-o", other], check=True, capture_output=True)
    shell.main(*verify, "--identity", str(other)).is_error(6, "TZ685")
    assert read_metadata(made(tmp_path)).verified
    done = shell.main(
        "restore", "--url", shop.url, "--tables", "plain", "--yes",
        "--identity", str(identity),
    )  # fmt: skip
    assert done.status == 0, done.err
    back = ("rollback", "--from-backup", str(made(tmp_path)), "--dry-run")
    shell.main(*back, "--url", shop.url).is_error(6, "TZ674", "[backup]")
    (tmp_path / "tzmigrate.toml").write_text('[backup]\nidentity = "identity"\n')
    assert shell.main(*back, "--url", shop.url).status == 0
    done = shell.main(*verify)
    assert done.status == 0, done.err


def test_an_owner_from_whom_rows_are_kept_is_told_who_sees_them(
    shop: Any, shell: Any, make_role: Any, tmp_path: Path
) -> None:
    owner = make_role()
    shop.execute(
        "CREATE SCHEMA own; CREATE TABLE own.t (at timestamp);"
        "ALTER TABLE own.t ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
        "GRANT USAGE ON SCHEMA own TO PUBLIC;"
    )
    name = sql.Identifier(owner.name)
    for text in (
        "ALTER TABLE own.t OWNER TO {}",
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}",
        'GRANT USAGE ON SCHEMA "Shop, as %s" TO {}',
        'GRANT SELECT ON ALL TABLES IN SCHEMA "Shop, as %s" TO {}',
        'GRANT SELECT ON ALL SEQUENCES IN SCHEMA "Shop, as %s" TO {}',
    ):
        shop.execute(sql.SQL(text).format(name))
    done = shell.main("backup", "create", "--url", shop.url_as(owner))
    done.is_error(6, "TZ605", "BYPASSRLS")
    assert left(tmp_path) == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_failure_beside_pg_dump_waits_until_nothing_reads_from_it(
    shop: Any, tmp_path: Path, jobs: int
) -> None:
    heard = threading.Event()

    def tell(_: str) -> None:
        heard.set()
        time.sleep(0.3)

    with connect(Target(shop.url)) as session:
        session.execute("BEGIN")
        ((snapshot,),) = session.execute("SELECT pg_export_snapshot()").fetchall()
        order = dumping.Order(
            access=Access.of(session),
            programs=choose_programs(shop.server.version),
            directory=tmp_path,
            snapshot=snapshot,
            critical=lambda _: False,
            jobs=jobs,
        )
        before = threading.active_count()

        def fail_beside() -> None:
            with dumping.dumping(order, tell):
                assert heard.wait(60)
                raise KeyError("beside")

        with pytest.raises(KeyError, match="beside"):
            fail_beside()
        assert threading.active_count() == before


def test_an_unknown_recipient_or_a_missing_program_is_said_first(
    shop: Any, shell: Any, recipient: str, monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    words = ("backup", "create", "--url", shop.url, "--encrypt-to")
    shell.main(*words, "nobody@example.org").is_error(6, "TZ673", "nobody@example.org")
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    shell.main(*words, recipient).is_error(6, "TZ672", "gpg")
    shell.main(*words, "age1qqq").is_error(6, "TZ672", "age")
    assert left(tmp_path) == []


def test_a_copy_elsewhere_is_compared(shop: Any, shell: Any, tmp_path: Path) -> None:
    there = tmp_path / "there"
    done = shell.main("backup", "create", "--url", shop.url, "--upload", there.as_uri())
    assert done.status == 0, done.err
    (copy,) = there.iterdir()
    done = shell.main("backup", "verify", str(copy), "--url", shop.url)
    assert done.status == 0, done.err
    done = shell.main("backup", "create", "--url", shop.url, "--upload", "bogus://x/y")
    done.is_error(2, "TZ295", "bogus")


# ------------------------------------------------------------------ the interlock


def project_of(make_project: Any, shop: Any) -> Any:
    project = make_project(shop.url)
    project.configure('[zones]\ndefault = "UTC"\n')
    project.plan()
    return project


def test_apply_refuses_while_anybody_dumps(shop: Any, make_project: Any) -> None:
    project = project_of(make_project, shop)
    with psycopg.connect(shop.url, autocommit=True) as dump:
        # what every dump does, by whatever name it goes
        dump.execute("SET application_name = 'nightly'")
        dump.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        for (table,) in dump.execute(
            "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n"
            " ON n.oid = relnamespace WHERE relkind IN ('r', 'p')"
            " AND nspname !~ '^pg_' AND nspname <> 'information_schema'"
        ).fetchall():
            dump.execute(f"LOCK TABLE {table} IN ACCESS SHARE MODE")
        with pytest.raises(Unavailable, match="nightly") as caught:
            project.apply()
        assert caught.value.code == "TZ513"
        dump.execute("ROLLBACK")
        dump.execute("SET application_name = 'pg_dump'")
        with pytest.raises(Unavailable, match="pg_dump"):
            project.apply()
        # who merely reads a table is in nobody's way
        dump.execute("SET application_name = 'reader'")
        dump.execute("BEGIN; SELECT count(*) FROM plain")
        project.apply()
    assert project.verify().outcome == "proved"


def test_a_dump_that_ends_keeps_nothing_waiting(
    shop: Any, make_project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server shows the session of a backup for a moment after its end."""
    project = project_of(make_project, shop)
    dump = psycopg.connect(shop.url, application_name="pg_dump")
    paused = []
    pause = time.sleep

    def ends(seconds: float) -> None:
        paused.append(seconds)
        dump.close()
        pause(seconds)

    monkeypatch.setattr(interlock.time, "sleep", ends)
    project.apply()
    assert paused
    assert project.verify().outcome == "proved"


def test_an_ordinary_role_sees_a_dump_of_somebody_else(
    shop: Any, make_role: Any
) -> None:
    """The server hides from it what kind of process another role's session is."""
    target = Target(shop.url_as(make_role()))
    with (
        psycopg.connect(shop.url, application_name="pg_dump"),
        connect(target) as session,
        pytest.raises(Unavailable, match="pg_dump"),
    ):
        refuse_beside_a_dump(session)


def test_a_backup_refuses_while_a_conversion_runs(
    shop: Any, make_project: Any, shell: Any, tmp_path: Path
) -> None:
    project_of(make_project, shop)
    for key in ("tzmigrate.run", "tzmigrate.step"):
        with shop.connect() as runner:
            runner.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (key,))
            done = shell.main("backup", "create", "--url", shop.url)
            done.is_error(5, "TZ512", shop.name)
    assert left(tmp_path) == []


def test_apply_makes_a_backup_first_and_the_last_resort_brings_it_back(
    shop: Any, make_project: Any, shell_in: Any, canonical_dump: Any
) -> None:
    project = project_of(make_project, shop)
    before = canonical_dump(shop)
    shell = shell_in(project.root)
    done = shell.main("apply", "--backup", "--test-restore", "--yes", "--url", shop.url)
    assert done.status == 0, done.err
    path = made(project.root)
    backup = read_metadata(path)
    assert backup.restored
    assert backup.plan is not None
    kind = "SELECT pg_typeof(at)::text FROM events LIMIT 1"
    assert shop.scalar(kind) == "timestamp with time zone"
    done = shell.main(
        "rollback", "--from-backup", str(path), "--no-safety-backup", "--yes",
        "--url", shop.url,
    )  # fmt: skip
    assert done.status == 0, done.err
    assert "last resort" in done.err
    assert canonical_dump(shop) == before
    assert shell.main("status", "--url", shop.url).status == 0
    done = shell.main("rollback", "--from-backup", str(path), "--all")
    done.is_error(2, "TZ283")


def test_another_hosts_copy_is_never_written_over(
    shop: Any, shell: Any, tmp_path: Path
) -> None:
    there = tmp_path / "there"
    upload = ("--url", shop.url, "--upload", there.as_uri())
    assert shell.main("backup", "create", *upload).status == 0
    (first,) = there.iterdir()
    shutil.rmtree(tmp_path / "backups")
    # what another host made in each of the next seconds
    for second in range(60):
        at = datetime.now(UTC) + timedelta(seconds=second)
        (there / f"timezone_migration_{at:%Y%m%d_%H%M%S}").mkdir(exist_ok=True)
    done = shell.main("backup", "create", *upload)
    assert done.status == 0, done.err
    copied = there / f"{made(tmp_path).name}_2"
    assert read_metadata(copied).database.name == shop.name
    listed = json.loads(
        shell.main("backup", "list", "--dir", str(there), "--format", "json").out
    )
    found = {Path(b["path"]).name for b in listed["backups"]}
    assert found == {first.name, copied.name}


def test_a_storage_that_cannot_be_reached_is_said_before_the_dump(
    shop: Any, shell: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    below = (tmp_path / "file" / "below").as_uri()
    words = ("backup", "create", "--url", shop.url, "--upload")
    shell.main(*words, below).is_error(2, "TZ295", "file/below")
    shell.main(*words, "ftp://127.0.0.1:1/x").is_error(5, "TZ515", "ftp://127.0.0.1:1")
    assert left(tmp_path) == []


def test_an_empty_recipient_encrypts_nothing_silently(
    shop: Any, shell: Any, tmp_path: Path
) -> None:
    words = ("backup", "create", "--url", shop.url)
    shell.main(*words, "--encrypt-to", "").is_error(2, "TZ298")
    shell.main(*words, "--identity", "nofile").is_error(2, "TZ299", "nofile")
    shell.main(*words, "--test-url", "embeded").is_error(2, "TZ211", "embedded")
    assert left(tmp_path) == []


def test_names_are_looked_for_where_backups_are(
    shop: Any, shell: Any, tmp_path: Path
) -> None:
    assert shell.main("backup", "create", "--url", shop.url).status == 0
    path = made(tmp_path)
    verify = ("backup", "verify", "--url", shop.url)
    done = shell.main(*verify, path.name)
    assert done.status == 0, done.err
    file = path / "full_backup.dump"
    shell.main(*verify, str(file)).is_error(2, "TZ290", str(path))
    shell.main("restore", str(file), "--yes", "--url", shop.url).is_error(2, "TZ290")
    shell.main(*verify, "nosuch").is_error(2, "TZ290", "nosuch")
    shell.main("backup", "list", "--dir", str(path)).is_error(2, "TZ290", str(path))
    words = ("restore", "--no-safety-backup", "--yes", "--url", shop.url)
    shell.main(*words).is_error(2, "TZ292", "--no-safety-backup")


@pytest.mark.parametrize(
    "edit",
    [
        {"at": "yesterday"},
        {"dump": "abc"},
        {"snapshot": "1:2:'; DROP"},
        {"database_bytes": -5},
        {"files": ()},
    ],
)
def test_metadata_that_nobody_can_have_written_are_damaged(
    shop: Any, shell: Any, tmp_path: Path, edit: dict[str, Any]
) -> None:
    assert shell.main("backup", "create", "--url", shop.url).status == 0
    path = made(tmp_path)
    write_metadata(path, replace(read_metadata(path), **edit))
    (field,) = edit
    done = shell.main("backup", "verify", "--url", shop.url)
    done.is_error(2, "TZ290")
    done = shell.main("backup", "verify", str(path), "--url", shop.url)
    done.is_error(4, "TZ441", field)
    listed = shell.main("backup", "list")
    assert listed.status == 0, listed.err
    assert field in listed.out


def test_what_a_server_cannot_make_is_named(
    shop: Any, shell: Any, tmp_path: Path
) -> None:
    assert shell.main("backup", "create", "--url", shop.url).status == 0
    path = made(tmp_path)
    backup = read_metadata(path)
    # beside a database of another name the grants are those of the backup
    for edit, url in (
        ({"encoding": "nonsense"}, shop.url),
        ({"grants": ("nonsense",)}, shop.server.url("postgres")),
    ):
        database = replace(backup.database, **edit)
        write_metadata(path, replace(backup, database=database))
        done = shell.main("restore", str(path), "--yes", "--url", url)
        done.is_error(6, "TZ679", "cannot be made as the other one was", "nonsense")


def test_prune_asks_the_cluster_that_the_backup_is_of(
    shop: Any, make_project: Any, shell_in: Any
) -> None:
    project = project_of(make_project, shop)
    shell = shell_in(project.root)
    done = shell.main("apply", "--backup", "--test-restore", "--yes", "--url", shop.url)
    assert done.status == 0, done.err
    path = made(project.root)
    backup = read_metadata(path)
    prune = ("backup", "prune", "--keep", "1s", "--keep-last", "0", "--dry-run")

    def fate(*words: str) -> str:
        done = shell.main(*prune, *words, "--format", "json")
        assert done.status == 0, done.err
        return str(json.loads(done.out)["backups"][0]["fate"])

    time.sleep(2)
    assert fate("--url", shop.url) == "removed"
    nowhere = "postgresql://tester@127.0.0.1:1/postgres"
    assert fate("--url", nowhere).endswith("its migration may be unfinished")
    other = replace(backup.database, system_identifier="7000000000000000000")
    write_metadata(path, replace(backup, database=other))
    assert fate("--url", shop.url).endswith("its migration may be unfinished")
