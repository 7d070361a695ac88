"""What backups and restores make of the ledger, ours and somebody else's."""

import json
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from tests.acceptance.test_backup import made
from tests.acceptance.test_restore import shop, tool

__all__ = ["made", "shop", "tool"]

ORDERS = '"Shop, as %s".orders'


def said(ended: Any) -> str:
    assert ended.status == 0, ended.err
    return " ".join(ended.out.split())


def converted(make_project: Any, shop: Any, zone: str) -> None:
    project = make_project(shop.url)
    project.configure('[policy]\noverlap = "later"\ngap = "shift"\n')
    project.plan(zones=(f"default={zone}",))
    project.run("upgrade", "head")


def test_a_ledger_of_another_role_is_not_run_and_stops_no_backup(
    shop: Any, tool: Any, tmp_path: Path, make_role: Any
) -> None:
    """Whoever may create a schema could have a superuser run a function of his."""
    stranger = make_role()
    assert tool("backup", "create").status == 0
    with shop.connect() as connection:
        connection.execute(
            sql.SQL("CREATE SCHEMA tzmigrate AUTHORIZATION {}").format(
                sql.Identifier(stranger.name)
            )
        )
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(stranger.name)))
        connection.execute(
            "CREATE FUNCTION tzmigrate.ran() RETURNS bigint[] LANGUAGE plpgsql AS"
            " $$BEGIN RAISE 'it ran'; END$$;"
            "CREATE VIEW tzmigrate.step AS"
            " SELECT tzmigrate.ran() AS transaction_ids, true AS rewrite"
        )
    shop.execute("UPDATE plain SET what = 'later' WHERE id < 4")
    found = said(tool("restore", "--dry-run"))
    assert "3 rows written to table public.plain" in found
    assert "Schema tzmigrate belongs to another role" in found
    done = tool("restore", "--yes", "--format", "json")
    assert "is not believed" in " ".join(json.loads(done.out)["notes"])
    first = made(tmp_path)
    assert tool("backup", "create").status == 0
    (second,) = set((tmp_path / "backups").iterdir()) - {first}
    steps = [
        json.loads((path / "backup_metadata.json").read_text())["steps"]
        for path in (first, second)
    ]
    assert steps == [0, None]


def test_a_damaged_ledger_stops_neither(shop: Any, tool: Any) -> None:
    assert tool("backup", "create").status == 0
    shop.execute("CREATE SCHEMA tzmigrate; CREATE TABLE tzmigrate.step (id int)")
    assert "is damaged" in said(tool("restore", "--dry-run"))
    for words in (
        ("backup", "create"),
        ("restore", "--tables", "plain", "--in-place", "--yes"),
        ("restore", "--yes"),
    ):
        done = tool(*words)
        assert done.status == 0, done.err


def test_rows_that_a_conversion_wrote_anew_are_not_told_as_written(
    shop: Any, tool: Any, make_project: Any
) -> None:
    assert tool("backup", "create").status == 0
    shop.execute(f"UPDATE {ORDERS} SET note = 'later' WHERE id < 4")
    before = said(tool("restore", "--dry-run"))
    assert '3 rows written to table "Shop, as %s".orders' in before
    converted(make_project, shop, "America/New_York")
    after = said(tool("restore", "--dry-run"))
    # every one of them carries the conversion's transaction now
    assert "rows written to table" not in after
    assert "A conversion wrote rows of " in after
    assert "and 2 more tables anew since" in after
    assert "cannot be told" in after


def test_rows_written_beside_a_conversion_in_the_catalog_are_told(
    shop: Any, tool: Any, make_project: Any
) -> None:
    """The table was last altered by a transaction that wrote other rows too."""
    assert tool("backup", "create").status == 0
    with shop.connect() as connection:
        connection.execute(f"ALTER TABLE {ORDERS} ADD COLUMN more int")
        connection.execute("UPDATE plain SET what = 'later' WHERE id < 4")
    converted(make_project, shop, "UTC")
    found = said(tool("restore", "--dry-run"))
    assert "3 rows written to table public.plain" in found
    assert "A conversion wrote rows" not in found


@pytest.mark.parametrize(
    "way", [[], ["--swap", "--accept", "TZ356", "--no-safety-backup"]]
)
def test_beside_another_database_it_is_what_it_was(  # noqa: PLR0917
    way: list[str], shop: Any, tool: Any, shell_in: Any, tmp_path: Path,
    make_database: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Its URL may name another one for its server alone."""
    monkeypatch.delenv("PGTZ", raising=False)
    name = sql.Identifier(shop.name)
    for text in (
        "ALTER DATABASE {} SET TimeZone = 'Asia/Kathmandu'",
        "REVOKE CONNECT ON DATABASE {} FROM PUBLIC",
    ):
        shop.server.execute(sql.SQL(text).format(name))
    assert tool("backup", "create").status == 0
    other = make_database()
    beside = f"{shop.name}_beside"
    path = str(made(tmp_path))
    done = shell_in(tmp_path).main(
        "restore", path, "--into", beside, *way, "--yes",
        "--url", other.url,
    )  # fmt: skip
    assert done.status == 0, done.err
    try:
        found = shop.execute(
            "SELECT has_database_privilege('public', d.oid, 'CONNECT'),"
            " (SELECT setconfig FROM pg_db_role_setting WHERE setdatabase = d.oid)"
            " FROM pg_database AS d WHERE datname = %s",
            (other.name if way else beside,),
        )
        # swapped, it takes the place of the other one
        as_it_was = (False, ["TimeZone=Asia/Kathmandu"])
        assert found == [(True, None) if way else as_it_was]
        told = " ".join((done.out + done.err).split())
        assert ("grants of the database: =Tc/" in told) == bool(way)
    finally:
        for (left,) in shop.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE %s",
            (other.name + r"\_%",),
        ):
            shop.server.execute(
                sql.SQL("DROP DATABASE {}").format(sql.Identifier(left))
            )
