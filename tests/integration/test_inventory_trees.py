"""A partition tree converts as one: what is true of one is told of the root."""

import pytest

from tests.conftest import Database
from tests.integration.test_inventory_dependents import codes, column, scan
from tzmigrate.inventory.model import Inventory, Severity

TREE = """
CREATE TABLE p (id int, k int, c timestamp, d timestamp) PARTITION BY RANGE (id);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20) PARTITION BY LIST (k);
CREATE TABLE p2a PARTITION OF p2 DEFAULT;
"""


def root(inventory: Inventory, name: str = "c") -> set[str]:
    return codes(column(inventory, "p", name))


def test_a_plain_tree_has_no_findings(database: Database) -> None:
    database.execute(
        TREE + "CREATE INDEX ON p (c); CREATE INDEX ON p (k, d);"
        "ALTER TABLE p ALTER d SET DEFAULT now(), ADD CHECK (id >= 0)"
    )
    inventory = scan(database)

    assert {c.relation: c.findings for c in inventory.columns} == {
        "p": (),
        "p1": (),
        "p2": (),
        "p2a": (),
    }
    assert column(inventory, "p").indexes[0].bytes == sum(
        column(inventory, leaf).indexes[0].bytes for leaf in ("p1", "p2a")
    )


ON_A_PARTITION = {
    "view": ("CREATE VIEW v AS SELECT c FROM p2a", "TZ110"),
    "check": ("ALTER TABLE p1 ADD CHECK (c < d)", "TZ117"),
    "index expression": ("CREATE INDEX ON p1 ((c::date))", "TZ120"),
    "statistics": ("CREATE STATISTICS s ON k, c FROM p1", "TZ124"),
    "row type": ("CREATE TABLE u (r p1)", "TZ131"),
    "partition key": (
        "CREATE TABLE p3 PARTITION OF p DEFAULT PARTITION BY RANGE (c)",
        "TZ127",
    ),
    "partition key expression": (
        "CREATE TABLE p3 PARTITION OF p DEFAULT PARTITION BY RANGE ((c::date))",
        "TZ127",
    ),
    "index statistics target": (
        "CREATE INDEX i ON p1 (c, (k + 1));"
        "ALTER INDEX i ALTER COLUMN 2 SET STATISTICS 9",
        "TZ136",
    ),
}


WITHOUT_A_WAY = {"TZ127"}


@pytest.mark.parametrize("case", ON_A_PARTITION)
def test_what_leans_on_a_partition_is_told_of_the_root(
    database: Database, case: str
) -> None:
    ddl, code = ON_A_PARTITION[case]
    database.execute(TREE + ddl)

    inventory = scan(database)

    assert root(inventory) == {code}
    assert column(inventory, "p").findings[0].severity is (
        Severity.BLOCKS if code in WITHOUT_A_WAY else Severity.INFO
    )
    # what uses the whole row or both columns is told for both
    assert root(inventory, "d") <= {"TZ117", "TZ131"}


def test_a_default_of_its_own_is_told_of_the_partition(database: Database) -> None:
    database.execute(TREE + "ALTER TABLE p2a ALTER c SET DEFAULT now()")
    inventory = scan(database)

    assert codes(column(inventory, "p2a")) == {"TZ154"}
    assert root(inventory) == set()


def test_a_column_of_several_parents_is_told_of_all_of_them(database: Database) -> None:
    database.execute(
        "CREATE TABLE top (n int); CREATE TABLE t (c timestamp) INHERITS (top);"
        "CREATE TABLE u (c timestamp); CREATE TABLE ch () INHERITS (t, u)"
    )
    inventory = scan(database)

    assert "TZ129" in codes(column(inventory, "ch"))
    for parent in ("t", "u"):
        of = column(inventory, parent)
        assert codes(of) == {"TZ128"}
        assert "column public.ch.c" in {d.name for d in of.dependents}


def test_what_the_root_hands_down_is_told_once(database: Database) -> None:
    database.execute(
        TREE + "CREATE TABLE at (at timestamp PRIMARY KEY);"
        "ALTER TABLE p ADD CONSTRAINT k CHECK (c < d),"
        " ADD CONSTRAINT fk FOREIGN KEY (c) REFERENCES at;"
        "CREATE INDEX ON p (id) WHERE c IS NULL"
    )
    of = column(scan(database), "p")

    assert sorted(d.kind for d in of.dependents) == [
        "check",
        "foreign key",
        "index predicate",
    ]
    assert sorted(f.code for f in of.findings) == ["TZ117", "TZ118", "TZ121"]


def test_a_partition_key_blocks_its_own_column_only(database: Database) -> None:
    database.execute("CREATE TABLE p (c timestamp, d timestamp) PARTITION BY RANGE (c)")
    inventory = scan(database)

    assert (root(inventory), root(inventory, "d")) == ({"TZ127"}, set())


CHANGED_INDEX = {
    "name": "ALTER INDEX p1_c_idx RENAME TO mine",
    "storage parameters": "ALTER INDEX p1_c_idx SET (fillfactor = 70)",
    "comment": "COMMENT ON INDEX p1_c_idx IS 'mine'",
    "table renamed since": "ALTER TABLE p1 RENAME TO renamed",
    "attached with another name": (
        "CREATE TABLE p3 (LIKE p); CREATE INDEX mine ON p3 (c);"
        "ALTER TABLE p ATTACH PARTITION p3 DEFAULT"
    ),
    "second index on the same column": "CREATE INDEX ON p (c)",
}


@pytest.mark.parametrize("case", CHANGED_INDEX)
def test_a_partition_index_that_alter_would_not_bring_back_is_told_of_the_root(
    database: Database, case: str
) -> None:
    database.execute(TREE + "CREATE INDEX ON p (c);" + CHANGED_INDEX[case])

    inventory = scan(database)

    assert (root(inventory), root(inventory, "d")) == ({"TZ135"}, set())


LONG = "a_table_with_a_name_of_exactly_sixty_three_bytes_as_postgres_ha"
COMES_BACK = {
    "plain": "CREATE INDEX ON p (c)",
    "include": "CREATE INDEX ON p (c, k) INCLUDE (d)",
    "same column twice": "CREATE INDEX ON p (c) INCLUDE (c)",
    "expression beside it": "CREATE INDEX ON p (c, (k + 1), (k + 2))",
    "options of the parent": "CREATE INDEX ON p (c) WITH (fillfactor = 70)",
    "unique constraint": "ALTER TABLE p1 ADD UNIQUE (c, k)",
    "primary key": (
        "CREATE TABLE q (id int, c timestamp, PRIMARY KEY (id, c))"
        " PARTITION BY RANGE (id); CREATE TABLE q1 PARTITION OF q DEFAULT"
    ),
    "unique over tree": (
        "CREATE TABLE q (id int, c timestamp, UNIQUE (id, c))"
        " PARTITION BY RANGE (id); CREATE TABLE q1 PARTITION OF q DEFAULT"
    ),
    "long names": (
        f"CREATE TABLE q (id int, c timestamp, {LONG} timestamp)"
        f" PARTITION BY RANGE (id); CREATE TABLE {LONG[:-1]}e PARTITION OF q DEFAULT;"
        f"CREATE INDEX ON q (c, {LONG}); CREATE INDEX ON q ({LONG}, c, id)"
    ),
    "names of several bytes": (
        'CREATE TABLE q (id int, c timestamp, "käse" timestamp)'
        f' PARTITION BY RANGE (id); CREATE TABLE "{"ü" * 31}" PARTITION OF q DEFAULT;'
        'CREATE INDEX ON q (c, "käse")'
    ),
}


@pytest.mark.parametrize("case", COMES_BACK)
def test_default_index_names_are_those_that_alter_table_gives_back(
    database: Database, case: str
) -> None:
    """The server itself is the judge: convert, and compare the names."""
    database.execute(TREE + COMES_BACK[case])
    indexes = (
        "SELECT indrelid::regclass::text, indexrelid::regclass::text, reloptions"
        " FROM pg_index JOIN pg_class ON oid = indexrelid WHERE oid >= 16384"
        " ORDER BY 1, 2"
    )
    before = database.execute(indexes)
    inventory = scan(database)
    assert not any(codes(c) for c in inventory.columns)

    database.execute(
        "DO $$ BEGIN EXECUTE (SELECT string_agg(format("
        " 'ALTER TABLE %I ALTER %I TYPE timestamptz', relname, attname), '; ')"
        " FROM pg_attribute JOIN pg_class c ON c.oid = attrelid"
        " WHERE atttypid = 'timestamp'::regtype AND relkind = 'p'"
        " AND NOT relispartition); END $$"
    )

    assert database.execute(indexes) == before


@pytest.mark.pg("< 17")
def test_the_parents_comment_that_old_servers_copy_blocks(database: Database) -> None:
    database.execute(TREE + "CREATE INDEX i ON p (c); COMMENT ON INDEX i IS 'mine'")

    assert root(scan(database)) == {"TZ135"}


@pytest.mark.pg(">= 17")
def test_the_parents_comment_stays_with_the_parent(database: Database) -> None:
    database.execute(TREE + "CREATE INDEX i ON p (c); COMMENT ON INDEX i IS 'mine'")

    assert root(scan(database)) == set()
