"""What leans on a naive column is found, whatever it is, and named."""

import pytest

from tests.conftest import Database
from tzmigrate.inventory.catalog import read_inventory
from tzmigrate.inventory.model import Column, Inventory, Severity
from tzmigrate.postgres.session import connect, read_only
from tzmigrate.postgres.url import Target


def scan(database: Database) -> Inventory:
    with connect(Target(database.url)) as session, read_only(session):
        return read_inventory(session)


def column(inventory: Inventory, relation: str = "t", name: str = "c") -> Column:
    (found,) = [
        c for c in inventory.columns if (c.relation, c.column) == (relation, name)
    ]
    return found


def codes(of: Column) -> set[str]:
    return {finding.code for finding in of.findings}


TABLE = "CREATE TABLE t (id int PRIMARY KEY, n int, c timestamp, d timestamp);"

TRIGGER_FUNCTION = (
    "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';"
)

LEANING = {
    "view": (
        "CREATE VIEW v AS SELECT id, c FROM t",
        "TZ110",
        ("view", "view public.v"),
    ),
    "view of the whole row": (
        "CREATE VIEW v AS SELECT row_to_json(t) FROM t",
        "TZ110",
        ("view", "view public.v"),
    ),
    "materialized view": (
        "CREATE MATERIALIZED VIEW m AS SELECT c FROM t",
        "TZ111",
        ("materialized view", "materialized view public.m"),
    ),
    "rule": (
        "CREATE TABLE log (at timestamp); CREATE RULE r AS ON INSERT TO t"
        " DO ALSO INSERT INTO log VALUES (new.c)",
        "TZ112",
        ("rule", "rule r on table public.t"),
    ),
    "trigger with UPDATE OF": (
        TRIGGER_FUNCTION
        + "CREATE TRIGGER tr BEFORE UPDATE OF c ON t FOR EACH ROW EXECUTE FUNCTION f()",
        "TZ113",
        ("trigger", "trigger tr on table public.t"),
    ),
    "trigger with WHEN": (
        TRIGGER_FUNCTION
        + "CREATE TRIGGER tr AFTER INSERT ON t FOR EACH ROW WHEN (new.c IS NULL)"
        " EXECUTE FUNCTION f()",
        "TZ113",
        ("trigger", "trigger tr on table public.t"),
    ),
    "policy": (
        "CREATE POLICY p ON t USING (c > '2020-01-01')",
        "TZ114",
        ("policy", "policy p on table public.t"),
    ),
    "policy of another table": (
        "CREATE TABLE o (id int);"
        "CREATE POLICY p ON o USING (EXISTS (SELECT FROM t WHERE t.c IS NULL))",
        "TZ114",
        ("policy", "policy p on table public.o"),
    ),
    "stored generated column": (
        "ALTER TABLE t ADD g date GENERATED ALWAYS AS (c::date) STORED",
        "TZ115",
        ("generated column", "column g of table public.t"),
    ),
    "check": (
        "ALTER TABLE t ADD CONSTRAINT k CHECK (c < d)",
        "TZ117",
        ("check", "constraint k on table public.t"),
    ),
    "check of the whole row": (
        "ALTER TABLE t ADD CONSTRAINT k CHECK (t IS NOT NULL)",
        "TZ117",
        ("check", "constraint k on table public.t"),
    ),
    "foreign key from the column": (
        "CREATE TABLE p (at timestamp PRIMARY KEY);"
        "ALTER TABLE t ADD CONSTRAINT fk FOREIGN KEY (c) REFERENCES p",
        "TZ118",
        ("foreign key", "constraint fk on table public.t"),
    ),
    "foreign key to the column": (
        "ALTER TABLE t ADD UNIQUE (c); CREATE TABLE f (at timestamp,"
        " CONSTRAINT fk FOREIGN KEY (at) REFERENCES t (c))",
        "TZ118",
        ("foreign key", "constraint fk on table public.f"),
    ),
    "exclusion on a range of two columns": (
        "ALTER TABLE t ADD CONSTRAINT x EXCLUDE USING gist (tsrange(c, d) WITH &&)",
        "TZ119",
        ("exclusion", "constraint x on table public.t"),
    ),
    "exclusion on the column": (
        "ALTER TABLE t ADD CONSTRAINT x EXCLUDE USING btree (c WITH =)",
        "TZ119",
        ("exclusion", "constraint x on table public.t"),
    ),
    "index expression": (
        "CREATE INDEX i ON t ((c::date))",
        "TZ120",
        ("index expression", "index public.i"),
    ),
    "index predicate": (
        "CREATE INDEX i ON t (id) WHERE c IS NULL",
        "TZ121",
        ("index predicate", "index public.i"),
    ),
    "operator class": (
        "CREATE INDEX i ON t USING brin (c timestamp_minmax_multi_ops)",
        "TZ122",
        ("operator class", "index public.i"),
    ),
    "index of the whole row": (
        "CREATE FUNCTION h(t) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1';"
        "CREATE INDEX i ON t (h(t))",
        "TZ123",
        ("whole-row index", "index public.i"),
    ),
    "extended statistics": (
        "CREATE STATISTICS s ON n, c FROM t",
        "TZ124",
        ("statistics", "statistics object public.s"),
    ),
    "sql-body function": (
        "CREATE FUNCTION f() RETURNS bigint LANGUAGE sql"
        " BEGIN ATOMIC SELECT count(c) FROM t; END",
        "TZ126",
        ("sql-body function", "function public.f()"),
    ),
    "inheritance": (
        "CREATE TABLE ch () INHERITS (t)",
        "TZ128",
        ("inheritance", "table public.t"),
    ),
    "row type stored elsewhere": (
        "CREATE TABLE u (r t)",
        "TZ131",
        ("row type", "column r of table public.u"),
    ),
    "array of the row type stored elsewhere": (
        "CREATE DOMAIN ts AS t[]; CREATE TABLE u (r ts)",
        "TZ131",
        ("row type", "column r of table public.u"),
    ),
}
SINCE_14 = {"operator class", "sql-body function"}


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, marks=pytest.mark.pg(">= 14") if case in SINCE_14 else ())
        for case in LEANING
    ],
)
def test_what_leans_on_a_column_is_a_finding_that_names_it(
    database: Database, case: str
) -> None:
    ddl, code, (kind, name) = LEANING[case]
    database.execute(TABLE + ddl)

    of = column(scan(database))

    assert (kind, name) in {(d.kind, d.name) for d in of.dependents}
    (finding,) = [f for f in of.findings if f.code == code]
    assert finding.severity is Severity.INFO
    assert ".c" in finding.message
    assert name.removeprefix("column ") in finding.message
    assert finding.hint.endswith(".")


@pytest.mark.pg(">= 15")
@pytest.mark.parametrize("clause", ["(id, c)", "WHERE (c > '2020-01-01')"])
def test_a_publication_with_filter_or_list_is_found(
    database: Database, clause: str
) -> None:
    database.execute(TABLE)
    database.execute(f"CREATE PUBLICATION p FOR TABLE t {clause} WITH (publish=insert)")

    of = column(scan(database))

    assert {"TZ125", "TZ143"} <= codes(of)
    assert {d.kind for d in of.dependents} == {"publication"}


@pytest.mark.pg(">= 18")
def test_a_virtual_generated_column_is_found(database: Database) -> None:
    database.execute(TABLE + "ALTER TABLE t ADD g date GENERATED ALWAYS AS (c::date)")

    of = column(scan(database))

    assert codes(of) == {"TZ115"}
    assert [d.name for d in of.dependents] == ["column g of table public.t"]


def test_a_generated_naive_column_is_named_and_has_no_default(
    database: Database,
) -> None:
    database.execute(
        TABLE + "ALTER TABLE t ADD g timestamp GENERATED ALWAYS AS (c) STORED"
    )

    of = column(scan(database), name="g")

    assert of.generated
    assert of.default is None
    assert codes(of) == {"TZ116"}


def test_views_above_views_are_found_with_the_way_to_them(database: Database) -> None:
    database.execute(
        TABLE
        + "CREATE VIEW v1 AS SELECT id, c FROM t; CREATE VIEW v2 AS SELECT id FROM"
        " v1; CREATE MATERIALIZED VIEW m3 AS SELECT id FROM v2"
    )

    of = column(scan(database))

    assert {(d.name, d.through) for d in of.dependents} == {
        ("view public.v1", ""),
        ("view public.v2", "view public.v1"),
        ("materialized view public.m3", "view public.v2"),
    }
    assert codes(of) == {"TZ110", "TZ111"}


HARMLESS = {
    "default": "ALTER TABLE t ALTER c SET DEFAULT now()",
    "not null": "ALTER TABLE t ALTER c SET NOT NULL",
    "btree": "CREATE INDEX ON t (c)",
    "hash": "CREATE INDEX ON t USING hash (c)",
    "brin": "CREATE INDEX ON t USING brin (c)",
    "key with another order": "CREATE INDEX ON t (n, c DESC NULLS LAST)",
    "unique": "ALTER TABLE t ADD UNIQUE (c)",
    "primary key": "ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (c, id)",
    "include": "CREATE INDEX ON t (n) INCLUDE (c)",
    "predicate on another column": "CREATE INDEX ON t (c) WHERE n > 0",
    "index on another column": "CREATE INDEX ON t ((n + 1)) WHERE n > 0",
    "check on another column": "ALTER TABLE t ADD CHECK (n > 0)",
    "view of other columns": "CREATE VIEW v AS SELECT id FROM t WHERE n > 0",
    "count of a view": "CREATE VIEW v AS SELECT count(*) FROM t",
    "trigger that compares whole rows": (
        TRIGGER_FUNCTION + "CREATE TRIGGER tr BEFORE UPDATE ON t FOR EACH ROW"
        " WHEN (old.* IS DISTINCT FROM new.*) EXECUTE FUNCTION f()"
    ),
}


@pytest.mark.parametrize("case", HARMLESS)
def test_what_alter_table_carries_over_is_no_finding(
    database: Database, case: str
) -> None:
    database.execute(TABLE + HARMLESS[case])

    of = column(scan(database))

    assert of.findings == ()
    assert of.dependents == ()
    assert all(index.plain for index in of.indexes)


def test_membership_in_a_whole_publication_warns_only(database: Database) -> None:
    database.execute(TABLE + "CREATE PUBLICATION p FOR TABLE t")

    of = column(scan(database))

    (finding,) = of.findings
    assert (finding.code, finding.severity) == ("TZ143", Severity.WARNING)
    assert finding.message == "table public.t is published by publication p"


def test_a_table_that_a_subscription_fills_warns(database: Database) -> None:
    database.execute(
        TABLE + "CREATE SUBSCRIPTION s CONNECTION 'dbname=x' PUBLICATION p"
        " WITH (connect = false, slot_name = NONE)"
    )
    database.execute(
        "INSERT INTO pg_subscription_rel (srsubid, srrelid, srsubstate)"
        " SELECT s.oid, 't'::regclass, 'r' FROM pg_subscription s"
        " JOIN pg_database d ON d.oid = subdbid WHERE datname = current_database()"
    )
    try:
        of = column(scan(database))
    finally:
        database.execute("DROP SUBSCRIPTION s")

    assert [f.message for f in of.findings] == [
        "table public.t is filled by subscription s"
    ]


def test_a_table_of_an_extension_blocks(database: Database) -> None:
    database.execute(TABLE + "ALTER EXTENSION plpgsql ADD TABLE t")

    assert codes(column(scan(database))) == {"TZ142"}


def test_functions_that_use_the_row_type_or_name_the_column_warn_only(
    database: Database,
) -> None:
    database.execute(
        TABLE + "CREATE FUNCTION f(t) RETURNS int LANGUAGE sql AS 'SELECT 1';"
        "CREATE FUNCTION w() RETURNS void LANGUAGE sql AS 'UPDATE T SET C = now()'"
    )

    of = column(scan(database))

    assert {(f.code, f.severity) for f in of.findings} == {
        ("TZ132", Severity.WARNING),
    }
    assert ("function source", "function public.w()") in {
        (d.kind, d.name) for d in of.dependents
    }
    assert [(w.kind, w.name, w.certainty) for w in of.writers] == [
        ("function", "public.w()", "certain")
    ]


def test_a_trigger_that_assigns_the_column_is_a_writer(database: Database) -> None:
    database.execute(
        TABLE + "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN new.c := now(); RETURN new; END';"
        "CREATE TRIGGER tr BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch()"
    )
    inventory = scan(database)

    assert [(w.kind, w.certainty) for w in column(inventory).writers] == [
        ("trigger", "certain")
    ]
    assert codes(column(inventory)) == set()
    assert column(inventory, name="d").writers == ()


def test_index_properties_that_alter_table_forgets_block(database: Database) -> None:
    database.execute(
        TABLE + "CREATE INDEX i ON t (c, (n + 1)); ALTER INDEX i ALTER COLUMN 2 SET"
        " STATISTICS 500; CREATE INDEX j ON t (d);"
        "ALTER INDEX j DEPENDS ON EXTENSION plpgsql"
    )
    inventory = scan(database)

    assert codes(column(inventory)) == {"TZ136"}
    assert codes(column(inventory, name="d")) == {"TZ136"}


def test_an_invalid_index_blocks(database: Database) -> None:
    database.execute(TABLE + "INSERT INTO t VALUES (1, 1, 'now'), (2, 1, 'infinity')")
    with database.connect(autocommit=True) as connection, pytest.raises(Exception):  # noqa: B017, PT011
        connection.execute("CREATE UNIQUE INDEX CONCURRENTLY i ON t (n) INCLUDE (c)")

    of = column(scan(database))

    assert codes(of) == {"TZ137"}
    assert not of.indexes[0].valid


ROW_FUNCTION = (
    "CREATE FUNCTION label(t) RETURNS text LANGUAGE sql AS 'SELECT $1.n::text';"
)
NEW_ROW = (
    TRIGGER_FUNCTION + "CREATE TRIGGER tr BEFORE UPDATE ON t FOR EACH ROW WHEN ({})"
    " EXECUTE FUNCTION f()"
)
WHOLE_ROWS = {
    # a row that is handed on
    "CREATE VIEW v AS SELECT t FROM t": None,
    "CREATE VIEW v AS SELECT (x.r).n FROM (SELECT t AS r FROM t) AS x": None,
    "CREATE VIEW v AS SELECT count(t) FROM t WHERE t IS NOT NULL": None,
    "CREATE VIEW v AS SELECT n FROM t GROUP BY n, t.* ORDER BY t.*": None,
    "CREATE VIEW v AS SELECT a.n FROM t a JOIN t b ON a = b": None,
    "CREATE VIEW v AS SELECT n FROM t WHERE EXISTS (SELECT t)": None,
    ROW_FUNCTION + "CREATE VIEW v AS SELECT label(t) FROM t": None,
    "ALTER TABLE t ADD CHECK (t IS NOT NULL)": None,
    "CREATE POLICY p ON t USING (t IS NOT NULL)": None,
    NEW_ROW.format("old.* IS DISTINCT FROM new.*"): None,
    # shown
    "CREATE VIEW v AS SELECT row_to_json(t) FROM t": "TZ146",
    "CREATE VIEW v AS SELECT t::text FROM t": "TZ146",
    "CREATE VIEW v AS SELECT n, jsonb_agg(t ORDER BY t.n) FROM t GROUP BY n": "TZ146",
    # computed with, decided by, or stored
    "CREATE VIEW v AS SELECT row_to_json(t) ->> 'c' FROM t": "TZ145",
    "CREATE VIEW v AS SELECT (SELECT t FROM t LIMIT 1)::text || 'x'": "TZ145",
    "CREATE VIEW v AS SELECT n FROM t WHERE t::text LIKE '%2021%'": "TZ145",
    "CREATE VIEW v AS SELECT n FROM (SELECT n, t AS r FROM t) x WHERE concat(r) > ''": (
        "TZ145"
    ),
    "CREATE VIEW v AS SELECT lower(x.r) FROM (SELECT t::text AS r FROM t) AS x": (
        "TZ145"
    ),
    "CREATE MATERIALIZED VIEW v AS SELECT t::text FROM t": "TZ145",
    "CREATE VIEW w AS SELECT c FROM t; CREATE VIEW v AS SELECT to_jsonb(w) ->> 'c'"
    " FROM w": "TZ145",
    "CREATE VIEW w AS SELECT c FROM t; CREATE VIEW v AS SELECT to_jsonb(w) FROM w": (
        "TZ146"
    ),
    "ALTER TABLE t ADD CHECK (t::text NOT LIKE '%13:13%')": "TZ145",
    "CREATE POLICY p ON t USING (t::text <> '')": "TZ145",
    "CREATE TABLE o (); CREATE POLICY p ON o USING (EXISTS (SELECT FROM t"
    " WHERE to_jsonb(t) ->> 'c' > '2021'))": "TZ145",
    NEW_ROW.format("new::text LIKE '%00:00:00%'"): "TZ145",
    "CREATE TABLE log (a text); CREATE RULE r AS ON UPDATE TO t DO ALSO"
    " INSERT INTO log VALUES (old::text)": "TZ145",
}


@pytest.mark.parametrize("case", WHOLE_ROWS)
def test_what_is_made_of_whole_rows_is_told(database: Database, case: str) -> None:
    database.execute(TABLE + case)
    found = codes(column(scan(database)))
    assert found & {"TZ145", "TZ146"} == ({WHOLE_ROWS[case]} - {None})


# language, result and body of a function of the row; the columns in its way
FUNCTIONS_OF_ROWS = {
    ("sql", "int", "SELECT r.n"): "",
    ("sql", "int", "SELECT $1.id"): "",
    ("sql", "timestamptz", "SELECT r.c"): "",
    ("sql", "boolean", "SELECT r.c > r.d OR r.c IS NULL"): "",
    ("sql", "t", "SELECT r"): "",
    ("sql", "int", "SELECT other(r)"): "",
    ("plpgsql", "int", "BEGIN RETURN r.n; END"): "",
    ("plpgsql", "t", "BEGIN r.n := 1; RETURN r; END"): "",
    ("plpgsql", "bigint", "BEGIN RETURN (SELECT count(*) FROM t WHERE c = r.c); END"): (
        ""
    ),
    ("sql", "date", "SELECT r.c::date"): "c",
    ("sql", "date", "SELECT $1.c::date"): "c",
    ("sql", "timestamp", "SELECT r.c"): "c",
    ("sql", "boolean", "SELECT r.c > '2023-01-01' AND r.d < LOCALTIMESTAMP"): "cd",
    ("sql", "jsonb", "SELECT to_jsonb(r)"): "cd",
    ("sql", "date", "SELECT printed(r)"): "d",
    ("sql", "int", "SELECT unknown(r)"): "cd",
    ("plpgsql", "timestamp", "BEGIN RETURN r.c; END"): "c",
    ("plpgsql", "text", "BEGIN RETURN r.c || ''; END"): "c",
    ("plpgsql", "SETOF timestamp", "BEGIN RETURN QUERY SELECT r.c; END"): "c",
    (
        "plpgsql",
        "text",
        "DECLARE a text; BEGIN EXECUTE 'SELECT $1.c::text' INTO a USING r;"
        " RETURN a; END",
    ): "c",
}
CALLED_WITH_ROWS = {
    "view public.u": "CREATE VIEW u AS SELECT f(t) FROM t;",
    "view public.v": "CREATE VIEW v AS SELECT t.n FROM t, LATERAL f(t) AS x;",
    "materialized view public.w": "CREATE MATERIALIZED VIEW w AS"
    " SELECT f((SELECT t FROM t LIMIT 1)) WITH NO DATA;",
}


@pytest.mark.parametrize("function", FUNCTIONS_OF_ROWS)
def test_only_columns_that_a_function_of_rows_makes_something_of_are_in_the_way(
    database: Database, function: tuple[str, str, str]
) -> None:
    language, result, body = function
    database.execute(
        "SET check_function_bodies = off;"
        + TABLE
        + "CREATE FUNCTION other(t) RETURNS int LANGUAGE sql AS 'SELECT $1.n';"
        "CREATE FUNCTION printed(t) RETURNS date LANGUAGE sql AS 'SELECT $1.d::date';"
        "CREATE FUNCTION unknown(anyelement) RETURNS int LANGUAGE sql AS 'SELECT 1';"
        f"CREATE FUNCTION f(r t) RETURNS {result} LANGUAGE {language} STABLE"
        f" AS $f$ {body} $f$;" + "".join(CALLED_WITH_ROWS.values())
    )
    inventory = scan(database)
    for name in "cd":
        told = [
            f.message
            for f in column(inventory, name=name).findings
            if f.code in {"TZ145", "TZ146"}
        ]
        in_the_way = CALLED_WITH_ROWS if name in FUNCTIONS_OF_ROWS[function] else ()
        assert {m.partition(" computes with ")[0] for m in told} == set(in_the_way)


def test_a_function_of_a_views_row_is_in_the_way_of_the_column_that_it_shows(
    database: Database,
) -> None:
    database.execute(
        TABLE + "CREATE VIEW w AS SELECT n, c AS shown, d FROM t;"
        "CREATE FUNCTION f(w) RETURNS date LANGUAGE sql AS 'SELECT $1.shown::date';"
        "CREATE VIEW v AS SELECT f(w) FROM w"
    )
    inventory = scan(database)
    assert "TZ145" in codes(column(inventory))
    assert "TZ145" not in codes(column(inventory, name="d"))


def test_a_finding_says_which_function_makes_something_of_rows(
    database: Database,
) -> None:
    database.execute(
        TABLE + "CREATE FUNCTION sure(t) RETURNS date LANGUAGE sql AS"
        " 'SELECT $1.c::date';"
        "CREATE FUNCTION likely(t) RETURNS jsonb LANGUAGE sql AS 'SELECT to_jsonb($1)';"
        "CREATE VIEW v AS SELECT sure(t) FROM t; CREATE VIEW w AS SELECT likely(t)"
        " FROM t"
    )
    of = column(scan(database))
    first, second = sorted(
        (f for f in of.findings if f.code == "TZ145"), key=lambda f: f.message
    )
    assert first.message == (
        "view public.v computes with what function public.sure(public.t) makes of"
        " whole rows with public.t.c"
    )
    assert "--rewrite-functions" in first.hint
    assert "public.likely(public.t)" in second.message
    assert "--rewrite-functions" not in second.hint


@pytest.mark.pg(">= 14")
@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("RETURN r::text", {"c", "d"}),
        ("RETURN day_of(r)", {"c"}),
        ("BEGIN ATOMIC SELECT r.n::text FROM t WHERE r = t; END", set()),
        ("RETURN (r IS NOT NULL)::text", set()),
    ],
)
def test_what_a_body_makes_of_the_row_that_it_gets_is_told(
    database: Database, body: str, found: set[str]
) -> None:
    database.execute(
        TABLE + "CREATE FUNCTION day_of(t) RETURNS text LANGUAGE sql AS"
        " 'SELECT $1.c::date::text';"
        f"CREATE FUNCTION f(r t) RETURNS text STABLE {body}"
    )
    inventory = scan(database)
    assert {
        name for name in "cd" if "TZ145" in codes(column(inventory, name=name))
    } == found


@pytest.mark.pg(">= 14")
@pytest.mark.parametrize(
    ("body", "code"),
    [("SELECT t::text FROM t", "TZ145"), ("SELECT count(t)::text FROM t", None)],
)
def test_what_a_body_makes_of_whole_rows_is_told(
    database: Database, body: str, code: str | None
) -> None:
    database.execute(
        f"{TABLE} CREATE FUNCTION f() RETURNS SETOF text STABLE"
        f" BEGIN ATOMIC {body}; END"
    )
    assert codes(column(scan(database))) & {"TZ145", "TZ146"} == ({code} - {None})
