"""Every column that is or contains naive time is found, in every kind of relation."""

import pytest

from tests.conftest import Database
from tests.integration.test_inventory_dependents import codes, column, scan
from tzmigrate.inventory.model import Family, RelKind, Role, Severity

FAMILIES = {
    "timestamp": (Family.SCALAR, None),
    "timestamp(3)": (Family.SCALAR, "TZ108"),
    "timestamp(6)": (Family.SCALAR, None),
    "timestamp[]": (Family.ARRAY, "TZ101"),
    "timestamp(3)[]": (Family.ARRAY, "TZ101"),
    "tsrange": (Family.RANGE, "TZ102"),
    "tsrange[]": (Family.ARRAY, "TZ101"),
    "own_range": (Family.RANGE, "TZ102"),
    "dom": (Family.DOMAIN, "TZ104"),
    "dom_of_dom": (Family.DOMAIN, "TZ104"),
    "dom_of_array": (Family.DOMAIN, "TZ104"),
    "dom_of_range": (Family.DOMAIN, "TZ104"),
    "dom[]": (Family.ARRAY, "TZ101"),
    "pair": (Family.COMPOSITE, "TZ105"),
    "nested": (Family.COMPOSITE, "TZ105"),
    "nested[]": (Family.ARRAY, "TZ101"),
    "dom_of_pair": (Family.DOMAIN, "TZ104"),
    "other": (Family.COMPOSITE, "TZ105"),
    "range_of_dom": (Family.RANGE, "TZ102"),
}
TYPES = """
CREATE DOMAIN dom AS timestamp; CREATE DOMAIN dom_of_dom AS dom;
CREATE DOMAIN dom_of_array AS timestamp[]; CREATE DOMAIN dom_of_range AS tsrange;
CREATE TYPE own_range AS RANGE (subtype = timestamp);
CREATE TYPE range_of_dom AS RANGE (subtype = dom);
CREATE TYPE pair AS (n int, at timestamp); CREATE TYPE nested AS (p pair[], t text);
CREATE DOMAIN dom_of_pair AS pair; CREATE TABLE other (at dom);
"""
CLAIMLESS = "date", "time", "timetz", "timestamptz", "timestamptz[]", "tstzrange"


def test_every_family_is_found_and_gets_its_code(database: Database) -> None:
    types = list(FAMILIES)
    database.execute(
        TYPES
        + "CREATE TABLE t ("
        + ", ".join(f"c{i} {type_}" for i, type_ in enumerate(types))
        + ")"
    )
    inventory = scan(database)

    found = {
        types[int(c.column[1:])]: (c.family, sorted(codes(c)))
        for c in inventory.columns
        if c.relation == "t"
    }
    assert found == {
        type_: (family, [code] if code else [])
        for type_, (family, code) in FAMILIES.items()
    }


@pytest.mark.pg(">= 14")
def test_multiranges_are_found(database: Database) -> None:
    database.execute(
        "CREATE TYPE own AS RANGE (subtype = timestamp, multirange_type_name = many);"
        "CREATE TABLE t (c tsmultirange, d many)"
    )
    inventory = scan(database)

    assert {c.family for c in inventory.columns} == {Family.MULTIRANGE}
    assert codes(column(inventory)) == codes(column(inventory, name="d")) == {"TZ103"}


def test_other_types_are_not_claimed(database: Database) -> None:
    columns = ", ".join(f"c{i} {t}" for i, t in enumerate((*CLAIMLESS, "json", "text")))
    database.execute(f"CREATE TABLE t ({columns})")

    assert scan(database).columns == ()


def test_every_kind_of_relation_is_found_with_its_role(database: Database) -> None:
    database.execute(
        """
        CREATE TABLE plain (c timestamp);
        CREATE TABLE parted (id int, c timestamp) PARTITION BY RANGE (id);
        CREATE TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (9)
          PARTITION BY RANGE (id);
        CREATE TABLE leaf PARTITION OF part DEFAULT;
        CREATE TABLE heir (own timestamp) INHERITS (plain);
        CREATE VIEW v AS SELECT c FROM plain;
        CREATE MATERIALIZED VIEW m AS SELECT c FROM plain;
        CREATE FOREIGN DATA WRAPPER nothing;
        CREATE SERVER s FOREIGN DATA WRAPPER nothing;
        CREATE FOREIGN TABLE f (c timestamp) SERVER s;
        CREATE TEMP TABLE gone (c timestamp)
        """
    )
    inventory = scan(database)

    assert {(c.relation, c.column): (c.relkind, c.role) for c in inventory.columns} == {
        ("plain", "c"): (RelKind.TABLE, Role.STORED),
        ("parted", "c"): (RelKind.PARTITIONED_TABLE, Role.STORED),
        ("part", "c"): (RelKind.PARTITIONED_TABLE, Role.CHILD),
        ("leaf", "c"): (RelKind.TABLE, Role.CHILD),
        ("heir", "c"): (RelKind.TABLE, Role.CHILD),
        ("heir", "own"): (RelKind.TABLE, Role.STORED),
        ("v", "c"): (RelKind.VIEW, Role.DERIVED),
        ("m", "c"): (RelKind.MATERIALIZED_VIEW, Role.DERIVED),
        ("f", "c"): (RelKind.FOREIGN_TABLE, Role.FOREIGN),
    }
    assert codes(column(inventory, "v")) == {"TZ106"}
    assert codes(column(inventory, "f")) == {"TZ107"}
    assert "TZ128" in codes(column(inventory, "heir", "own"))
    by_name = {r.name: r for r in inventory.relations}
    assert by_name["leaf"].root == by_name["parted"].oid
    assert (by_name["parted"].leaves, by_name["plain"].leaves) == (1, 2)


def test_a_typed_table_blocks(database: Database) -> None:
    database.execute("CREATE TYPE ty AS (c timestamp); CREATE TABLE t OF ty")

    assert "TZ130" in codes(column(scan(database)))


def test_names_that_bite_are_read_and_written_as_they_are(database: Database) -> None:
    names = (
        'a.b|"; drop table x|50%s|new\nline|timezone|user|{x}|Ü\x1b[31m|%(relations)s'
    )
    for name in names.split("|"):
        quoted = '"' + name.replace('"', '""') + '"'
        with database.connect(autocommit=True) as connection:
            connection.execute(
                f"CREATE SCHEMA {quoted};"
                f"CREATE TABLE {quoted}.{quoted} (id int PRIMARY KEY,"
                f" {quoted} timestamp DEFAULT '2020-01-01 00:00');"
                f"CREATE INDEX ON {quoted}.{quoted} ({quoted});"
                f"CREATE VIEW {quoted}.v AS SELECT {quoted} AS c"
                f" FROM {quoted}.{quoted}".encode()
            )
    inventory = scan(database)

    tables = [c for c in inventory.columns if c.role is Role.STORED]
    assert {c.name for c in tables} == {(n, n, n) for n in names.split("|")}
    for found in tables:
        assert codes(found) == {"TZ110", "TZ151"}
        assert len(found.indexes) == 1
        assert found.dependents[0].name.startswith("view ")


def test_sizes_and_keys_are_told(database: Database) -> None:
    database.execute(
        """
        CREATE TABLE p (id int, c timestamp, z timestamptz, PRIMARY KEY (id))
          PARTITION BY RANGE (id);
        CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100);
        CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (100) TO (1000);
        INSERT INTO p SELECT g, now() FROM generate_series(1, 300) g;
        ANALYZE p;
        CREATE TABLE u (a bigint NOT NULL, b int NOT NULL, o int, c timestamp,
          UNIQUE (a, b), UNIQUE (b), UNIQUE (o));
        CREATE UNIQUE INDEX ON u (a) WHERE b > 0;
        CREATE TABLE nokey (o int UNIQUE, c timestamp);
        ALTER TABLE nokey ENABLE ROW LEVEL SECURITY
        """
    )
    inventory = scan(database)

    relations = {r.name: r for r in inventory.relations}
    assert (relations["p"].rows, relations["p"].leaves) == (300, 2)
    assert relations["p"].bytes == relations["p1"].bytes + relations["p2"].bytes > 0
    assert (relations["p"].key, relations["p"].key_types) == (("id",), ("integer",))
    assert relations["p"].zoned == ("z",)
    assert relations["u"].key == ("b",)
    assert (relations["nokey"].key, relations["nokey"].row_security) == ((), True)
    assert column(inventory, "nokey").rows in (-1, 0)


DEFAULTS = {
    "now()": ("timestamp with time zone", "s", None),
    "CURRENT_TIMESTAMP": ("timestamp with time zone", "s", None),
    "clock_timestamp()": ("timestamp with time zone", "v", None),
    "LOCALTIMESTAMP": ("timestamp without time zone", "s", "TZ150"),
    "now() AT TIME ZONE 'utc'": ("timestamp without time zone", "s", "TZ150"),
    "timezone('utc', now())": ("timestamp without time zone", "s", "TZ150"),
    "now()::timestamp": ("timestamp without time zone", "s", "TZ150"),
    "('now'::text)::timestamp": ("timestamp without time zone", "s", "TZ150"),
    "plain()": ("timestamp without time zone", "v", "TZ150"),
    "'2020-01-01'": ("timestamp without time zone", "i", "TZ151"),
    "make_timestamp(2020, 1, 1, 0, 0, 0)": (
        "timestamp without time zone",
        "i",
        "TZ151",
    ),
    "'infinity'": ("timestamp without time zone", "i", None),
    "CURRENT_DATE": ("date", "s", "TZ152"),
    "date_trunc('day', now())": ("timestamp with time zone", "s", "TZ155"),
    "dommed()": ("timestamp without time zone", "v", "TZ150"),
}


def test_defaults_have_their_own_type_and_volatility(database: Database) -> None:
    database.execute(
        TYPES + "CREATE FUNCTION plain() RETURNS timestamp LANGUAGE sql AS 'SELECT"
        " localtimestamp'; CREATE FUNCTION dommed() RETURNS dom LANGUAGE sql AS 'SELECT"
        " localtimestamp::dom'; CREATE TABLE t ("
        + ", ".join(f"c{i} timestamp DEFAULT ({d})" for i, d in enumerate(DEFAULTS))
        + ")"
    )
    inventory = scan(database)

    for i, (type_, volatility, code) in enumerate(DEFAULTS.values()):
        of = column(inventory, name=f"c{i}")
        assert of.default_type == type_, of.default
        assert of.default_volatility == volatility, of.default
        assert codes(of) == ({code} if code else set()), of.default
        assert [(w.kind, w.certainty, w.detail) for w in of.writers] == [
            ("default", "certain", of.default)
        ]


def test_a_default_is_never_run(database: Database) -> None:
    """Functions marked IMMUTABLE are called while a query is planned."""
    database.execute(
        "CREATE FUNCTION trap() RETURNS timestamp IMMUTABLE LANGUAGE plpgsql AS"
        " 'BEGIN RAISE EXCEPTION ''sprung''; END';"
        "CREATE TABLE t (c timestamp DEFAULT trap())"
    )

    of = column(scan(database))

    assert (of.default_type, codes(of)) == ("timestamp without time zone", {"TZ151"})


def test_a_child_of_a_foreign_table_kind_blocks_the_root(database: Database) -> None:
    database.execute(
        """
        CREATE TABLE p (id int, c timestamp) PARTITION BY RANGE (id);
        CREATE FOREIGN DATA WRAPPER nothing;
        CREATE SERVER s FOREIGN DATA WRAPPER nothing;
        CREATE FOREIGN TABLE f PARTITION OF p DEFAULT SERVER s
        """
    )
    (finding,) = column(scan(database), "p").findings

    assert (finding.code, finding.severity) == ("TZ138", Severity.BLOCKS)
    assert "public.f" in finding.message
