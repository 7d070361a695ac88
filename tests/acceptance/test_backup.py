"""A backup: what it holds, what every damage is called, and what it takes."""

import fcntl
import json
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tzmigrate.backup.metadata import described, read_metadata, write_metadata
from tzmigrate.backup.model import Check
from tzmigrate.backup.programs import choose_programs

FILES = {
    "backup_metadata.json",
    "backup_metadata.txt",
    "critical_tables_backup.sql",
    "data_backup.sql",
    "full_backup.dump",
    "globals.sql",
    "schema_backup.sql",
}
SHOP = """
CREATE SCHEMA "Shop, as %s";
CREATE TABLE "Shop, as %s".orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    placed timestamp NOT NULL, shipped timestamp, note text);
COMMENT ON COLUMN "Shop, as %s".orders.placed IS 'when';
INSERT INTO "Shop, as %s".orders (placed, shipped) SELECT timestamp '2024-01-01' + g
    * interval '3 h 1 us', CASE WHEN g % 3 > 0 THEN timestamp 'infinity' END
FROM generate_series(1, 500) AS g;
CREATE INDEX "late ones" ON "Shop, as %s".orders (shipped) WHERE shipped IS NOT NULL;
CREATE TABLE events (at timestamp, kind text) PARTITION BY LIST (kind);
CREATE TABLE events_a PARTITION OF events FOR VALUES IN ('a');
CREATE TABLE events_b PARTITION OF events DEFAULT;
INSERT INTO events SELECT timestamp '2024-06-01' + g * interval '1 min',
    chr(97 + g % 2) FROM generate_series(1, 300) AS g;
CREATE TABLE plain (id int, what text);
INSERT INTO plain SELECT g, md5(g::text) FROM generate_series(1, 200) AS g;
CREATE VIEW newest AS SELECT max(placed) FROM "Shop, as %s".orders;
"""


@pytest.fixture
def shop(database: Any) -> Any:
    database.execute(SHOP)
    return database


@pytest.fixture
def tool(shop: Any, shell_in: Callable[[Path], Any], tmp_path: Path) -> Any:
    """Type a command of ``tzmigrate backup`` for the database."""
    shell = shell_in(tmp_path)

    def run(verb: str, *words: str) -> Any:
        url = () if verb == "list" else ("--url", shop.url)
        return shell.main("backup", verb, *words, *url)

    return run


def made(root: Path) -> Path:
    """Return the one backup that is there."""
    (path,) = (root / "backups").iterdir()
    return path


def test_it_holds_everything_and_nobody_else_can_read_it(
    tool: Any, tmp_path: Path, shop: Any
) -> None:
    done = tool("create", "--format", "json")
    assert done.status == 0, done.err
    path = made(tmp_path)
    assert {p.name for p in path.iterdir()} == FILES
    modes = {stat.S_IMODE(p.stat().st_mode) for p in path.iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    document = json.loads(done.out)
    assert document["document"] == "tzmigrate.backup"
    backup = document["backup"]
    assert backup["database"]["name"] == shop.name
    tables = {t["name"]: t for t in backup["tables"]}
    assert tables["orders"]["rows"] == 500
    assert [c["name"] for c in tables["orders"]["columns"]] == ["placed", "shipped"]
    assert [c["values"] for c in tables["orders"]["columns"]] == [500, 334]
    assert tables["events"]["rows"] == 300
    assert tables["events_a"]["rows"] + tables["events_b"]["rows"] == 300
    assert tables["plain"] | {"rows": 200, "columns": []} == tables["plain"]
    assert "password" not in (path / "backup_metadata.json").read_text().lower()
    listed = subprocess.run(
        ["sha256sum", "--check", "--quiet", "--status", "backup_metadata.txt"],
        cwd=path,
        check=False,
    )
    assert listed.returncode == 0
    critical = (path / "critical_tables_backup.sql").read_text()
    assert "late ones" in critical
    assert "IS 'when'" in critical
    assert "orders_id_seq" in critical
    assert "CREATE TABLE public.events_b" in critical
    assert "plain" not in critical
    assert "newest" not in critical


def test_owners_and_tables_may_have_spaces_in_their_names(
    tool: Any, tmp_path: Path, shop: Any, make_role: Any
) -> None:
    role = make_role(suffix=" of the house")
    shop.execute(
        f'CREATE TABLE "a b" (at timestamp); CREATE TABLE "a b c" (what text);'
        f'ALTER TABLE "a b" OWNER TO "{role.name}";'
        f'ALTER TABLE "a b c" OWNER TO "{role.name}";'
        "COMMENT ON TABLE \"a b\" IS 'one'; COMMENT ON TABLE \"a b c\" IS 'two';"
        f'GRANT SELECT ON "a b" TO PUBLIC'
    )
    done = tool("create", "--test-restore")
    assert done.status == 0, done.err + done.out
    critical = (made(tmp_path) / "critical_tables_backup.sql").read_text()
    assert "IS 'one'" in critical
    assert "TO PUBLIC" in critical
    assert "IS 'two'" not in critical


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ('x=y.z \'%s:"q"', "ENCODING 'UTF8'"),
        ("latin", "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'"),
        ("ascii", "ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'"),
    ],
)
def test_names_and_encodings_do_not_matter(
    name: str, options: str, server: Any, shell_in: Any, tmp_path: Path
) -> None:
    database = sql.Identifier(f"tzt {os.getpid()} {name}")
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(database)
    server.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE template0 ").format(database)
        + sql.SQL(options)
    )
    try:
        url = server.url(database.as_string()[1:-1].replace('""', '"'))
        with psycopg.connect(url, client_encoding="utf8") as connection:
            connection.execute("CREATE TABLE t (at timestamp, what text)")
            connection.execute("INSERT INTO t VALUES (now(), 'x')")
        if name == "ascii":
            with psycopg.connect(url) as connection:
                connection.execute("SET client_encoding = 'SQL_ASCII'")
                connection.execute(b"INSERT INTO t VALUES (now(), '\xe4')")
        done = shell_in(tmp_path).main(
            "backup", "create", "--url", url, "--test-restore"
        )
        assert done.status == 0, done.err + done.out
    finally:
        server.execute(drop)


def test_its_sql_files_make_the_same_database(
    tool: Any, tmp_path: Path, shop: Any, make_database: Any, canonical_dump: Any
) -> None:
    assert tool("create").status == 0
    path = made(tmp_path)
    before = canonical_dump(shop)
    other = make_database()
    schema, data = (path / "schema_backup.sql", path / "data_backup.sql")
    other.psql(_known(other, schema.read_text()))
    other.psql(_known(other, data.read_text()))
    assert canonical_dump(other) == before
    critical = make_database()
    critical.psql(
        _known(
            critical,
            'CREATE SCHEMA "Shop, as %s";\n'
            + (path / "critical_tables_backup.sql").read_text(),
        )
    )
    assert critical.scalar('SELECT count(*) FROM "Shop, as %s".orders') == 500


def _known(database: Any, text: str) -> str:
    """Take out what a newer pg_dump sets and an older server does not know."""
    if database.server.version >= 17:
        return text
    return text.replace("SET transaction_timeout = 0;\n", "")


def test_several_connections_write_a_directory(tool: Any, tmp_path: Path) -> None:
    done = tool("create", "--jobs", "2", "--test-restore")
    assert done.status == 0, done.err
    path = made(tmp_path)
    assert (path / "full_backup.dump").is_dir()
    assert read_metadata(path).restored
    assert tool("verify").status == 0
    victim = next((path / "full_backup.dump").glob("*.dat*"))
    victim.unlink()
    done = tool("verify")
    assert done.status == 4
    assert f"full_backup.dump/{victim.name} is missing" in done.out


def test_backups_of_one_second_do_not_get_in_each_others_way(
    shop: Any, shell_in: Callable[[Path], Any], tmp_path: Path
) -> None:
    shell = shell_in(tmp_path)
    words = ("backup", "create", "--url", shop.url)
    with shell.start(*words) as one, shell.start(*words) as two:
        ended = [shell.end(one), shell.end(two)]
    assert [done.status for done in ended] == [0, 0], ended
    assert len(left(tmp_path)) == 2


def test_the_rows_can_be_an_archive(tool: Any, tmp_path: Path) -> None:
    assert tool("create", "--data-archive").status == 0
    names = {p.name for p in made(tmp_path).iterdir()}
    assert names == FILES - {"data_backup.sql"} | {"data_backup.dump"}


# ------------------------------------------------------------------ verification


def test_a_trial_restore_is_compared_timed_and_cleaned_up(
    tool: Any, tmp_path: Path, shop: Any
) -> None:
    assert tool("create").status == 0
    before = shop.execute("SELECT datname FROM pg_database ORDER BY 1")
    done = tool("verify", "--test-restore")
    assert done.status == 0, done.err
    assert "A restore is expected to take" in done.out
    assert shop.execute("SELECT datname FROM pg_database ORDER BY 1") == before
    backup = read_metadata(made(tmp_path))
    assert [c.restored for c in backup.checks] == [False, True]
    assert backup.restore_seconds is not None
    listed = json.loads(tool("list", "--format", "json").out)
    assert listed["backups"][0]["verified"] is True
    assert listed["backups"][0]["restored"] is True


def test_a_trial_on_the_embedded_server(tool: Any, tmp_path: Path) -> None:
    done = tool("create", "--test-url", "embedded")
    assert done.status == 0, done.err
    assert "Restored by trial on embedded PostgreSQL" in done.out


def test_a_trial_that_cannot_be_made_is_refused_before_the_dump(
    shop: Any, tool: Any, make_role: Any, tmp_path: Path
) -> None:
    nowhere = "postgresql://tester@127.0.0.1:1/postgres"
    tool("create", "--test-url", nowhere).is_error(5, "TZ507", "127.0.0.1")
    role = make_role(suffix="nodb")
    url = shop.server.url("postgres", user=role.name, password=role.password)
    tool("create", "--test-url", url).is_error(6, "TZ680", role.name, "CREATEDB")
    assert not (tmp_path / "backups").exists()


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a byte flipped": flip,
    "cut": lambda path: os.truncate(path, path.stat().st_size - 7),
    "emptied": lambda path: os.truncate(path, 0),
    "deleted": lambda path: path.unlink(),
}


@pytest.mark.parametrize("how", DAMAGE)
def test_each_damage_is_found_and_named(how: str, tool: Any, tmp_path: Path) -> None:
    assert tool("create").status == 0
    path = made(tmp_path)
    kept = tmp_path / "kept"
    shutil.copytree(path, kept)
    for name in sorted(FILES - {"backup_metadata.json"}):
        DAMAGE[how](path / name)
        done = tool("verify")
        assert done.status == 4, (name, done.out)
        assert "TZ442" in done.out
        assert name in done.out
        assert json.loads(tool("list", "--format", "json").out)["backups"][0][
            "verified"
        ] is (False)
        shutil.rmtree(path)
        shutil.copytree(kept, path)
    DAMAGE[how](path / "backup_metadata.json")
    tool("verify", str(path)).is_error(
        4, "TZ440" if how == "deleted" else "TZ441", str(path)
    )


def test_a_stray_file_is_told_and_harms_nothing(tool: Any, tmp_path: Path) -> None:
    assert tool("create").status == 0
    (made(tmp_path) / "NOTES.txt").write_text("restored on Monday")
    done = tool("verify")
    assert done.status == 0, done.out
    assert "NOTES.txt does not belong to the backup" in done.out
    assert read_metadata(made(tmp_path)).verified


def mend(path: Path) -> None:
    """Make the metadata fit another archive, as somebody would who means harm."""
    backup = read_metadata(path)
    files = [f for f in backup.files if f.name != "full_backup.dump"]
    new = described(path, path / "full_backup.dump")
    write_metadata(path, replace(backup, files=(*files, new)))


def test_a_table_that_the_archive_lacks_is_named(
    tool: Any, tmp_path: Path, shop: Any
) -> None:
    assert tool("create").status == 0
    path = made(tmp_path)
    full = path / "full_backup.dump"
    full.unlink()
    dump = choose_programs(shop.server.version).pg_dump
    subprocess.run(
        [dump, "-Fc", "-f", full, "--exclude-table-data=plain", "-T", "events_b",
         shop.url],
        check=True,
    )  # fmt: skip
    mend(path)
    done = tool("verify")
    assert done.status == 4
    assert "lacks the rows of table public.plain" in done.out
    assert "lacks the definition and the rows of table public.events_b" in done.out


def test_rows_that_differ_are_found_by_the_trial(
    tool: Any, tmp_path: Path, shop: Any
) -> None:
    assert tool("create").status == 0
    path = made(tmp_path)
    shop.execute(
        "UPDATE \"Shop, as %s\".orders SET placed = placed + interval '1 us'"
        " WHERE id = 77; DELETE FROM plain WHERE id = 5"
    )
    full = path / "full_backup.dump"
    full.unlink()
    dump = choose_programs(shop.server.version).pg_dump
    subprocess.run([dump, "-Fc", "-f", full, shop.url], check=True)
    mend(path)
    assert tool("verify").status == 0
    done = tool("verify", "--test-restore")
    assert done.status == 4
    assert "column Shop, as %s.orders.placed has other values" in done.out
    assert "table public.plain has 199 rows, not 200" in done.out


# ------------------------------------------------------------------ one moment


def test_all_parts_show_one_moment_while_pgbench_writes(
    shop: Any,
    tool: Any,
    tmp_path: Path,
    make_database: Any,
    binaries: dict[str, Path],
) -> None:
    """Each transaction writes one row to two tables: a backup has both, or neither."""
    shop.execute(
        "CREATE TABLE left_ (at timestamp); CREATE TABLE right_ (at timestamp)"
    )
    script = tmp_path / "writes.sql"
    script.write_text(
        "BEGIN; INSERT INTO left_ VALUES (clock_timestamp());\n"
        "INSERT INTO right_ VALUES (clock_timestamp()); COMMIT;\n"
    )
    argv = [binaries["pgbench"], "-n", "-c", "2", "-T", "600", "-f", script, shop.url]
    counts = "SELECT (SELECT count(*) FROM left_), (SELECT count(*) FROM right_)"
    with subprocess.Popen(
        argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as writer:
        try:
            while shop.execute(counts)[0][0] < 100:
                assert writer.poll() is None
            done = tool("create", "--test-restore")
            at_the_end = shop.execute(counts)[0][0]
        finally:
            writer.kill()
    assert done.status == 0, done.err
    path = made(tmp_path)
    tables = {t.name: t.rows for t in read_metadata(path).tables}
    assert 100 <= tables["left_"] == tables["right_"] < at_the_end
    other = make_database()
    for name in ("schema_backup.sql", "data_backup.sql"):
        other.psql(_known(other, (path / name).read_text()))
    assert other.execute(counts) == [(tables["left_"], tables["right_"])]


# ------------------------------------------------------------------ keeping


def aged(path: Path, days: int, *, plan: str | None = None) -> Path:
    """Make a copy of a backup that says it is older."""
    at = datetime.now(UTC) - timedelta(days=days)
    other = path.with_name(f"timezone_migration_{at:%Y%m%d_%H%M%S}")
    shutil.copytree(path, other)
    backup = read_metadata(other)
    write_metadata(
        other,
        replace(
            backup,
            at=at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            plan=plan,
            checks=(Check(at="2024-01-01T00:00:00Z", whole=True, restored=False),),
        ),
    )
    return other


@pytest.fixture
def shelf(tool: Any, tmp_path: Path) -> dict[int, Path]:
    assert tool("create").status == 0
    path = made(tmp_path)
    return {0: path, **{days: aged(path, days) for days in (10, 40, 60, 90)}}


def left(root: Path) -> set[str]:
    return {path.name for path in (root / "backups").iterdir()}


def test_prune_shows_asks_and_keeps_what_is_young_or_last(
    shelf: dict[int, Path], tool: Any, tmp_path: Path
) -> None:
    everything = left(tmp_path)
    done = tool("prune", "--dry-run", "--keep", "30d", "--keep-last", "3")
    assert done.status == 0
    assert "2 backups of 5 would be removed" in done.out
    assert left(tmp_path) == everything
    tool("prune", "--keep", "30d", "--keep-last", "3").is_error(3, "TZ390")
    assert left(tmp_path) == everything
    done = tool("prune", "--keep", "30d", "--keep-last", "3", "--yes")
    assert done.status == 0, done.err
    assert left(tmp_path) == {shelf[days].name for days in (0, 10, 40)}


def test_prune_keeps_the_last_verified_one_of_an_unfinished_migration(
    shelf: dict[int, Path], tool: Any, tmp_path: Path
) -> None:
    for days in (0, 10, 40):
        backup = read_metadata(shelf[days])
        checks = (Check(at="2024-01-01T00:00:00Z", whole=False, restored=False),)
        write_metadata(shelf[days], replace(backup, plan=None, checks=checks))
    done = tool("prune", "--keep", "1min", "--keep-last", "0", "--yes")
    assert done.status == 0, done.err
    assert shelf[60].name in left(tmp_path)
    assert shelf[90].name not in left(tmp_path)


def test_what_was_never_finished_is_shown_and_goes_in_time(
    shelf: dict[int, Path], tool: Any, tmp_path: Path
) -> None:
    name = ".timezone_migration_0123456789abcdef.partial"
    (tmp_path / "backups" / name).mkdir()
    assert "it was never finished" in tool("list").out
    tool("prune", "--keep", "1d", "--keep-last", "0", "--yes")
    assert name in left(tmp_path)
    number = os.open(tmp_path / "backups" / name, os.O_RDONLY)
    fcntl.flock(number, fcntl.LOCK_EX)
    old = (datetime.now(UTC) - timedelta(days=3)).timestamp()
    os.utime(tmp_path / "backups" / name, (old, old))
    # somebody works there
    tool("prune", "--keep", "1d", "--keep-last", "0", "--yes")
    assert name in left(tmp_path)
    os.close(number)
    done = tool("prune", "--keep", "1d", "--keep-last", "9", "--yes")
    assert done.status == 0, done.err
    assert "0 backups of 1 and 1 unfinished one removed" in done.out
    assert "it was never finished" not in done.out
    assert name not in left(tmp_path)
