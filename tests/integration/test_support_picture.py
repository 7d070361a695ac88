"""The picture shows every property of a table and of what depends on it."""

import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from tests.conftest import WORKER, LoginRole, MakeDatabase, Server
from tests.support import install_support

BITE = """ %s $tz$ :x 'q' "d" é"""


def named(text: str) -> str:
    """Put names that bite for those that begin with @."""
    bite = BITE.replace('"', '""')
    return re.sub(r"@(\w+)", lambda m: f'"{m[1]}{bite}"', text)


Picture = dict[str, dict[str, Any]]
Connection = psycopg.Connection[Any]

SCHEMA = """
CREATE DOMAIN base AS timestamp DEFAULT '2020-01-01' CONSTRAINT old
    CHECK (value > '2000-01-01');
CREATE DOMAIN "do main" AS base;
CREATE TYPE inner_type AS (a timestamp, "b b" "do main");
CREATE TYPE pair AS (x int, i inner_type[]);
CREATE TABLE t (id int PRIMARY KEY, gone int, c timestamp DEFAULT '2020-01-01 00:00',
    d timestamptz DEFAULT '2020-01-01 00:00+00', x text, dom "do main", p pair,
    s serial,
    g int GENERATED ALWAYS AS IDENTITY, e int GENERATED ALWAYS AS (id + 1) STORED);
ALTER TABLE t DROP gone;
CREATE INDEX ON t (c);
CREATE INDEX i ON t ((id + 1));
CREATE UNIQUE INDEX u ON t (s);
ALTER TABLE t ADD CONSTRAINT k CHECK (c < '2100-01-01');
CREATE TABLE f (id int REFERENCES t, at timestamp,
    CONSTRAINT far CHECK (at > '2000-01-01'));
CREATE VIEW v AS SELECT id, c FROM t;
CREATE VIEW "v 2" AS SELECT * FROM v;
CREATE MATERIALIZED VIEW m AS SELECT * FROM "v 2";
CREATE UNIQUE INDEX mi ON m (id);
CREATE TABLE held (id int, r t, rr t[], vr v);
CREATE TABLE o (id int, n int DEFAULT 1);
CREATE POLICY p ON t USING (c IS NULL);
CREATE POLICY reads ON o USING (EXISTS (SELECT FROM t WHERE t.c IS NULL));
CREATE RULE writes AS ON INSERT TO o DO ALSO INSERT INTO f SELECT id FROM t;
CREATE FUNCTION trg() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER tr BEFORE UPDATE OF c ON t FOR EACH ROW EXECUTE FUNCTION trg();
CREATE STATISTICS st ON id, c FROM t;
CREATE FUNCTION takes(t) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
CREATE FUNCTION gives() RETURNS SETOF v LANGUAGE sql AS 'SELECT * FROM v';
CREATE INDEX by_row ON o (n) WHERE takes(NULL) = 1;
CREATE PUBLICATION "pub 1" FOR TABLE t;
CREATE DOMAIN lone AS int;
CREATE TABLE parent (a int, c timestamp, x text, l lone);
CREATE TABLE child (b int) INHERITS (parent);
CREATE TABLE part (id int, c timestamp) PARTITION BY RANGE (id);
CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (10) PARTITION BY LIST (id);
CREATE TABLE part11 PARTITION OF part1 DEFAULT;
CREATE INDEX pi ON part (c);
CREATE TABLE unrelated (id int PRIMARY KEY, c timestamp);
CREATE VIEW unrelated_view AS SELECT * FROM unrelated;
"""


@pytest.fixture(scope="module")
def shared(server: Server) -> Iterator[Connection]:
    """A database for all tests of this module, as each rolls back what it did."""
    name = f"tzt_{WORKER}_{os.getpid()}_picture"
    server.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        with psycopg.connect(server.url(name)) as opened:
            opened.execute("SET client_min_messages = error")
            install_support(opened)
            opened.execute(SCHEMA)
            opened.commit()
            yield opened
    finally:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def connection(
    shared: Connection,
    make_role: Callable[..., LoginRole],  # torn down later: roles own what was made
) -> Iterator[Connection]:
    yield shared
    shared.rollback()


def picture(connection: Connection, *roots: str) -> Picture:
    (found,) = connection.execute(
        "SELECT tzmigrate.picture(%s::text[]::regclass[])", [list(roots)]
    ).fetchone() or (None,)
    assert isinstance(found, dict)
    return found


def differences(
    connection: Connection, before: Picture, after: Picture
) -> list[tuple[str, str, str | None, str | None]]:
    return connection.execute(
        "SELECT * FROM tzmigrate.picture_differences(%s, %s)",
        [Jsonb(before), Jsonb(after)],
    ).fetchall()


def test_what_depends_on_a_table_is_in_its_picture(connection: Connection) -> None:
    found = set(picture(connection, "t"))
    assert found >= {
        "table public.t",
        "column public.t.c",
        "index public.t_pkey",
        "index public.i",
        "constraint t_pkey of public.t",
        "constraint k of public.t",
        "constraint f_id_fkey of public.f",
        "view public.v",
        "column public.v.c",
        'view public."v 2"',
        'rule "_RETURN" of public.v',
        "materialized view public.m",
        "column public.m.c",
        "index public.mi",
        "column public.held.r",
        "column public.held.rr",
        "column public.held.vr",
        "policy p of public.t",
        "policy reads of public.o",
        "rule writes of public.o",
        "trigger tr of public.t",
        "statistics public.st",
        "function public.takes(public.t)",
        "function public.gives()",
        "index public.by_row",
        "sequence public.t_s_seq",
        "sequence public.t_g_seq",
        'table public.t in publication "pub 1"',
        'domain public."do main"',
        "domain public.base",
        "constraint old of domain public.base",
        "type public.pair",
        "type public.inner_type",
        'column public.inner_type."b b"',
    }
    # of other tables only what reads this one
    for name in found:
        assert "unrelated" not in name
        assert "toast" not in name
        assert name not in {"table public.o", "column public.held.id", "table public.f"}
        assert "far" not in name


def test_the_trees_below_the_roots_are_in_the_picture(connection: Connection) -> None:
    found = picture(connection, "parent", "part")
    assert found["column public.child.c"]["parents"] == 1
    assert found["column public.child.c"]["local"] is False
    assert found["table public.child"]["parents"] == ["public.parent"]
    assert found["table public.part"]["partition key"] == "RANGE (id)"
    assert found["table public.part11"]["bound"] == "DEFAULT"
    assert found["index public.part11_c_idx"]["parent"] == "public.part1_c_idx"


def test_the_place_of_a_column_does_not_count_dropped_ones(
    connection: Connection,
) -> None:
    assert picture(connection, "t")["column public.t.c"]["position"] == 2


CHANGES = [
    ("ALTER TABLE t OWNER TO #r", "table public.t", "owner"),
    ("GRANT SELECT ON t TO #r", "table public.t", "grants"),
    ("GRANT SELECT ON t TO PUBLIC", "table public.t", "grants"),
    ("GRANT SELECT ON t_s_seq TO #r", "sequence public.t_s_seq", "grants"),
    ("COMMENT ON TABLE t IS 'x'", "table public.t", "comment"),
    ("ALTER TABLE t SET (fillfactor = 70)", "table public.t", "options"),
    (
        "ALTER TABLE t SET (toast.autovacuum_enabled = false)",
        "table public.t",
        "toast options",
    ),
    ("ALTER TABLE t ENABLE ROW LEVEL SECURITY", "table public.t", "row security"),
    ("ALTER TABLE t FORCE ROW LEVEL SECURITY", "table public.t", "row security"),
    ("ALTER TABLE t REPLICA IDENTITY FULL", "table public.t", "replica identity"),
    ("ALTER TABLE parent SET UNLOGGED", "table public.parent", "persistence"),
    ("ALTER TABLE child NO INHERIT parent", "table public.child", "parents"),
    ("GRANT USAGE ON TYPE t TO #r", "table public.t", "row type grants"),
    ("ALTER TABLE parent ALTER c TYPE timestamp(3)", "column public.child.c", "type"),
    ("ALTER TABLE t ALTER c SET NOT NULL", "column public.t.c", "not null"),
    ("ALTER TABLE t ALTER c DROP DEFAULT", "column public.t.c", "default"),
    ("ALTER TABLE t ALTER g SET GENERATED BY DEFAULT", "column public.t.g", "identity"),
    ("ALTER TABLE t ALTER e DROP EXPRESSION", "column public.t.e", "generated"),
    ("ALTER TABLE t ALTER x SET STORAGE MAIN", "column public.t.x", "storage"),
    ("ALTER TABLE t ALTER c SET STATISTICS 7", "column public.t.c", "statistics"),
    ("ALTER TABLE t ALTER c SET (n_distinct = 7)", "column public.t.c", "options"),
    (
        'ALTER TABLE parent ALTER x TYPE text COLLATE "C"',
        "column public.child.x",
        "collation",
    ),
    ("COMMENT ON COLUMN t.c IS 'x'", "column public.t.c", "comment"),
    ("GRANT SELECT (c) ON t TO #r", "column public.t.c", "grants"),
    ("ALTER TABLE o ALTER n SET DEFAULT takes(NULL)", "column public.o.n", ""),
    ("ALTER VIEW v SET (security_barrier = true)", "view public.v", "options"),
    ("ALTER VIEW v ALTER c SET DEFAULT now()", "column public.v.c", "default"),
    (
        "COMMENT ON RULE \"_RETURN\" ON v IS 'x'",
        'rule "_RETURN" of public.v',
        "comment",
    ),
    (
        "CREATE OR REPLACE VIEW v AS SELECT id, c FROM t WHERE id > 0",
        "view public.v",
        "definition",
    ),
    (
        "REFRESH MATERIALIZED VIEW m WITH NO DATA",
        "materialized view public.m",
        "populated",
    ),
    ("ALTER TABLE t CLUSTER ON i", "index public.i", "clustered"),
    ("ALTER INDEX i SET (fillfactor = 70)", "index public.i", "options"),
    ("ALTER INDEX i ALTER COLUMN 1 SET STATISTICS 7", "index public.i", "statistics"),
    ("COMMENT ON INDEX i IS 'x'", "index public.i", "comment"),
    ("ALTER INDEX i DEPENDS ON EXTENSION plpgsql", "index public.i", "extensions"),
    (
        "ALTER TABLE t REPLICA IDENTITY USING INDEX t_pkey",
        "index public.t_pkey",
        "replica identity",
    ),
    ("COMMENT ON CONSTRAINT k ON t IS 'x'", "constraint k of public.t", "comment"),
    (
        "ALTER TABLE f ALTER CONSTRAINT f_id_fkey DEFERRABLE",
        "constraint f_id_fkey of public.f",
        "definition",
    ),
    (
        "ALTER TABLE t DISABLE TRIGGER ALL",
        "constraint f_id_fkey of public.f",
        "triggers",
    ),
    ("ALTER TABLE t DISABLE TRIGGER tr", "trigger tr of public.t", "enabled"),
    ("COMMENT ON TRIGGER tr ON t IS 'x'", "trigger tr of public.t", "comment"),
    (
        "ALTER TRIGGER tr ON t DEPENDS ON EXTENSION plpgsql",
        "trigger tr of public.t",
        "extensions",
    ),
    ("ALTER TABLE o DISABLE RULE writes", "rule writes of public.o", "enabled"),
    ("COMMENT ON RULE writes ON o IS 'x'", "rule writes of public.o", "comment"),
    ("ALTER POLICY p ON t TO #r", "policy p of public.t", "roles"),
    ("ALTER POLICY p ON t USING (true)", "policy p of public.t", "using"),
    ("ALTER POLICY p ON t WITH CHECK (true)", "policy p of public.t", "check"),
    ("COMMENT ON POLICY p ON t IS 'x'", "policy p of public.t", "comment"),
    ("ALTER STATISTICS st SET STATISTICS 7", "statistics public.st", "target"),
    ("ALTER STATISTICS st OWNER TO #r", "statistics public.st", "owner"),
    ("COMMENT ON STATISTICS st IS 'x'", "statistics public.st", "comment"),
    (
        'ALTER PUBLICATION "pub 1" DROP TABLE t',
        'table public.t in publication "pub 1"',
        "",
    ),
    ("ALTER FUNCTION gives() OWNER TO #r", "function public.gives()", "owner"),
    ("GRANT EXECUTE ON FUNCTION gives() TO #r", "function public.gives()", "grants"),
    ("COMMENT ON FUNCTION gives() IS 'x'", "function public.gives()", "comment"),
    ("ALTER FUNCTION gives() SET enable_sort = off", "function public.gives()", ""),
    ("ALTER DOMAIN base OWNER TO #r", "domain public.base", "owner"),
    ("REVOKE USAGE ON DOMAIN base FROM PUBLIC", "domain public.base", "grants"),
    ("ALTER DOMAIN base DROP DEFAULT", "domain public.base", "default"),
    ("ALTER DOMAIN lone SET NOT NULL", "domain public.lone", "not null"),
    ("COMMENT ON DOMAIN base IS 'x'", "domain public.base", "comment"),
    (
        "COMMENT ON CONSTRAINT old ON DOMAIN base IS 'x'",
        "constraint old of domain public.base",
        "comment",
    ),
    (
        "ALTER DOMAIN base DROP CONSTRAINT old",
        "constraint old of domain public.base",
        "",
    ),
    ("COMMENT ON TYPE pair IS 'x'", "type public.pair", "comment"),
    ("COMMENT ON COLUMN pair.x IS 'x'", "column public.pair.x", "comment"),
    ("ALTER SEQUENCE t_s_seq CACHE 7", "sequence public.t_s_seq", "sequence"),
    ("ALTER SEQUENCE t_s_seq OWNED BY t.id", "sequence public.t_s_seq", "owned by"),
    ("ALTER EXTENSION plpgsql ADD VIEW v", "view public.v", "extensions"),
    ("DROP POLICY reads ON o", "policy reads of public.o", ""),
    ("ALTER VIEW v RENAME TO other", "view public.other", ""),
]


@pytest.mark.parametrize(
    ("change", "thing", "property_name"), CHANGES, ids=[c[0] for c in CHANGES]
)
def test_a_change_is_seen(
    connection: Connection,
    make_role: Callable[..., LoginRole],
    change: str,
    thing: str,
    property_name: str,
) -> None:
    roots = ("t", "parent", "child")
    before = picture(connection, *roots)
    role = sql.Identifier(make_role(suffix=BITE).name).as_string(connection)
    connection.execute(change.replace("#r", role))
    found = differences(connection, before, picture(connection, *roots))
    assert (thing, property_name) in {row[:2] for row in found} or (
        not property_name and thing in {row[0] for row in found}
    )
    connection.rollback()
    assert differences(connection, before, picture(connection, *roots)) == []


def test_other_functions_behind_the_same_text_are_seen(connection: Connection) -> None:
    connection.execute(
        "CREATE FUNCTION says(anyelement) RETURNS text IMMUTABLE LANGUAGE sql"
        " AS 'SELECT 1'; ALTER TABLE t ALTER x SET DEFAULT says(1)"
    )
    calling = (
        "CREATE VIEW w AS SELECT says(c) FROM t; CREATE INDEX w_i ON t (says(c));"
        " ALTER TABLE t ADD CONSTRAINT w_k CHECK (says(c) > '')"
    )
    connection.execute(calling)
    before = picture(connection, "t")
    connection.execute(
        "CREATE FUNCTION says(timestamp) RETURNS text IMMUTABLE LANGUAGE sql"
        " AS 'SELECT 2'; DROP VIEW w; DROP INDEX w_i; ALTER TABLE t DROP CONSTRAINT w_k"
    )
    connection.execute(calling)
    was = '["public.says(anyelement)"]'
    now = '["public.says(timestamp without time zone)"]'
    assert differences(connection, before, picture(connection, "t")) == [
        ("constraint w_k of public.t", "calls", was, now),
        ("index public.w_i", "calls", was, now),
        ('rule "_RETURN" of public.w', "calls", was, now),
    ]
    assert before["column public.t.x"]["calls"] == ["public.says(anyelement)"]


@pytest.mark.pg(">= 14")
def test_compression_and_sql_bodies_are_seen(connection: Connection) -> None:
    before = picture(connection, "t")
    connection.execute("ALTER TABLE t ALTER x SET COMPRESSION pglz")
    connection.execute(
        "CREATE FUNCTION counts() RETURNS bigint LANGUAGE sql"
        " BEGIN ATOMIC SELECT count(c) FROM t; END"
    )
    connection.execute("CREATE VIEW above AS SELECT counts()")
    found = {
        row[:2] for row in differences(connection, before, picture(connection, "t"))
    }
    assert found == {
        ("column public.t.x", "compression"),
        ("function public.counts()", ""),
        ("view public.above", ""),
        ("column public.above.counts", ""),
        ('rule "_RETURN" of public.above', ""),
    }


@pytest.mark.pg(">= 15")
def test_row_filters_and_column_lists_are_seen(connection: Connection) -> None:
    before = picture(connection, "t")
    connection.execute(
        "ALTER PUBLICATION \"pub 1\" SET TABLE t (id, c) WHERE (c > '2020-01-01')"
    )
    found = differences(connection, before, picture(connection, "t"))
    thing = 'table public.t in publication "pub 1"'
    assert [(row[0], row[1], row[3]) for row in found] == [
        (thing, "columns", '["c", "id"]'),
        (
            thing,
            "filter",
            "(c > '2020-01-01 00:00:00'::timestamp without time zone)",
        ),
    ]


def test_a_thing_that_comes_or_goes_is_one_difference(connection: Connection) -> None:
    before = picture(connection, "t")
    connection.execute("DROP INDEX i; CREATE INDEX j ON t (id)")
    rows = differences(connection, before, picture(connection, "t"))
    assert [row[:2] for row in rows] == [("index public.i", ""), ("index public.j", "")]
    assert rows[0][2] is not None
    assert "((id + 1))" in rows[0][2]
    assert rows[0][3] is rows[1][2] is None


def test_grants_that_say_what_is_so_without_them_are_no_difference(
    connection: Connection,
) -> None:
    before = picture(connection, "t")
    connection.execute("GRANT SELECT ON t, v TO PUBLIC; REVOKE ALL ON t, v FROM PUBLIC")
    connection.execute("GRANT EXECUTE ON FUNCTION gives() TO PUBLIC")
    connection.execute(
        "GRANT SELECT (c) ON t TO PUBLIC; REVOKE SELECT (c) ON t FROM PUBLIC"
    )
    connection.execute("ALTER TABLE t ALTER c SET STATISTICS -1")
    assert differences(connection, before, picture(connection, "t")) == []


def test_the_picture_holds_no_object_identifiers(
    make_database: MakeDatabase, connection: Connection
) -> None:
    """The same schema, made again, has the same picture."""
    first = picture(connection, "t", "parent", "part")
    with psycopg.connect(make_database().url) as other:
        other.execute("SET client_min_messages = error")
        other.execute("CREATE TABLE shift (); DROP TABLE shift")
        install_support(other)
        other.execute(SCHEMA)
        assert differences(other, first, picture(other, "t", "parent", "part")) == []


def test_the_settings_of_the_session_do_not_show(connection: Connection) -> None:
    before = picture(connection, "t")
    for setting in (
        "timezone = 'Asia/Kolkata'",
        "datestyle = 'German'",
        "intervalstyle = 'iso_8601'",
        "quote_all_identifiers = on",
        "search_path = public",
    ):
        connection.execute(f"SET LOCAL {setting}")
    assert picture(connection, "public.t") == before


def test_names_that_bite_are_named_as_they_are(connection: Connection) -> None:
    connection.execute(
        named(
            "CREATE SCHEMA @s; CREATE TABLE @s.@t (@c timestamp, id int);"
            "CREATE VIEW @s.@v AS SELECT @c FROM @s.@t;"
            "ALTER TABLE @s.@t ADD CONSTRAINT @k CHECK (@c IS NOT NULL);"
            "CREATE STATISTICS @s.@st ON @c, id FROM @s.@t"
        )
    )
    assert set(picture(connection, named("@s.@t"))) >= {
        named("table @s.@t"),
        named("column @s.@t.@c"),
        named("view @s.@v"),
        named("column @s.@v.@c"),
        named("constraint @k of @s.@t"),
        named("statistics @s.@st"),
    }


def test_announced_columns_may_change_type_and_text_of_default_only(
    connection: Connection,
) -> None:
    def around(*columns: str) -> Picture:
        (found,) = connection.execute(
            "SELECT tzmigrate.picture('part'::regclass, %s::name[])", [list(columns)]
        ).fetchone() or (None,)
        assert isinstance(found, dict)
        return found

    connection.execute("ALTER TABLE part ALTER c SET DEFAULT now()")
    before = around("c")
    connection.execute("ALTER TABLE part ALTER c TYPE timestamptz")
    connection.execute("ALTER TABLE part ALTER c SET DEFAULT clock_timestamp()")
    assert differences(connection, before, around("c")) == []
    connection.execute("ALTER TABLE part ALTER c DROP DEFAULT")
    found = differences(connection, before, around("c"))
    assert {row[1] for row in found} == {"default"}
    assert around("c") != around()


def test_the_picture_of_one_table_does_not_read_the_whole_catalog(
    connection: Connection,
) -> None:
    """By counts, as times vary."""
    connection.execute(
        "DO $$ BEGIN FOR i IN 1..60 LOOP"
        " EXECUTE format('CREATE TABLE many%s (id int PRIMARY KEY, c timestamp)', i);"
        " EXECUTE format('CREATE VIEW many_view%s AS SELECT * FROM many%s', i, i);"
        " END LOOP; END $$"
    )
    connection.commit()

    def read() -> tuple[int, int]:
        ((scans, rows),) = connection.execute(
            "SELECT sum(seq_scan), sum(coalesce(seq_tup_read, 0)"
            " + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_sys_tables"
            " WHERE relname IN ('pg_depend', 'pg_attribute', 'pg_rewrite',"
            " 'pg_constraint', 'pg_description', 'pg_trigger', 'pg_index')"
        ).fetchall()
        return int(scans), int(rows)

    picture(connection, "many1")
    scans, rows = read()
    picture(connection, "many1")
    assert read()[0] == scans
    assert read()[1] - rows < 400


TREE = named("""
CREATE SCHEMA @s;
CREATE TABLE @s.@t (id int, c timestamp, n int) PARTITION BY RANGE (id);
CREATE TABLE @s.@t1 PARTITION OF @s.@t FOR VALUES FROM (0) TO (10);
CREATE TABLE @s.@t2 PARTITION OF @s.@t FOR VALUES FROM (10) TO (20)
    PARTITION BY RANGE (id);
CREATE TABLE @s.@t21 PARTITION OF @s.@t2 FOR VALUES FROM (10) TO (15);
CREATE TABLE @s.@t22 PARTITION OF @s.@t2 DEFAULT;
CREATE INDEX @i ON @s.@t (c) WITH (fillfactor = 90);
CREATE INDEX @j ON @s.@t (c, n);
CREATE INDEX ON @s.@t ((c IS NULL));
ALTER TABLE @s.@t ADD CONSTRAINT @u UNIQUE (id, c);
CREATE INDEX @own ON @s.@t21 (c DESC);
COMMENT ON INDEX @s.@i IS 'parent''s';
DO $$
DECLARE
    i record;
    n int = 0;
BEGIN
    FOR i IN SELECT c.oid, c.relkind FROM pg_inherits h JOIN pg_class c
             ON c.oid = h.inhrelid WHERE c.relkind IN ('i', 'I') ORDER BY c.oid LOOP
        n = n + 1;
        EXECUTE format('COMMENT ON INDEX %s IS %L', i.oid::regclass, 'it''s ' || n);
        EXECUTE format('ALTER INDEX %s RENAME TO %I', i.oid::regclass,
            'child ü % "' || n);
        IF i.relkind = 'i' THEN
            EXECUTE format('ALTER INDEX %s SET (fillfactor = %s)',
                i.oid::regclass, 50 + n);
            EXECUTE format('ALTER INDEX %s DEPENDS ON EXTENSION plpgsql',
                i.oid::regclass);
        END IF;
    END LOOP;
    FOR i IN SELECT conname, conrelid::regclass AS relation FROM pg_constraint
             WHERE contype = 'u' AND conparentid <> 0 LOOP
        EXECUTE format('COMMENT ON CONSTRAINT %I ON %s IS %L',
            i.conname, i.relation, i.conname || ' its comment');
    END LOOP;
    FOR i IN SELECT a.attrelid::regclass AS name, a.attnum FROM pg_attribute a
             JOIN pg_index x ON x.indexrelid = a.attrelid JOIN pg_class c
             ON c.oid = a.attrelid WHERE x.indexprs IS NOT NULL AND c.relkind = 'i'
             AND c.oid IN (SELECT inhrelid FROM pg_inherits) LOOP
        EXECUTE format('ALTER INDEX %s ALTER COLUMN %s SET STATISTICS 555',
            i.name, i.attnum);
    END LOOP;
END $$;
CREATE STATISTICS @s.@st ON c, n FROM @s.@t21;
ALTER STATISTICS @s.@st SET STATISTICS 44;
COMMENT ON STATISTICS @s.@st IS 'statistics''';
ALTER TABLE @s.@t21 CLUSTER ON @own;
""")


ALTER_TREE = named("ALTER TABLE @s.@t ALTER c TYPE timestamptz")


def repaired(connection: Connection, table: str, *statements: str) -> set[str]:
    """Run the statements with and without the repairs; return what both announce."""
    before = picture(connection, table)
    (saved,) = connection.execute(
        "SELECT tzmigrate.index_repairs_before(ARRAY[%s::regclass])", [table]
    ).fetchone() or (None,)
    for statement in statements:
        connection.execute(statement)
    forgotten = differences(connection, before, picture(connection, table))
    connection.execute("SELECT tzmigrate.repair_indexes(%s)", [Jsonb(saved)])
    left = differences(connection, before, picture(connection, table))
    assert len(left) < len(forgotten), "nothing was forgotten"
    assert {(row[0].split()[0], row[1]) for row in left} <= {
        ("column", "type"),
        ("statistics", "definition"),
    }
    # a second time there is nothing to do
    connection.execute("SELECT tzmigrate.repair_indexes(%s)", [Jsonb(saved)])
    return {row[0] for row in forgotten}


def test_what_alter_forgets_of_the_indexes_of_partitions_comes_back(
    connection: Connection,
) -> None:
    connection.execute("SET LOCAL timezone = 'UTC'")
    connection.execute(TREE)
    lost = repaired(connection, named("@s.@t"), ALTER_TREE)
    assert any("child ü" in name for name in lost)


def test_two_children_that_get_each_others_names_are_told_apart(
    connection: Connection,
) -> None:
    connection.execute(
        "CREATE TABLE q (id int, c timestamp) PARTITION BY RANGE (id);"
        "CREATE TABLE q1 PARTITION OF q DEFAULT;"
        "CREATE INDEX a ON q (c); CREATE INDEX b ON q (c) WITH (fillfactor = 70);"
        "ALTER INDEX q1_c_idx RENAME TO x; ALTER INDEX q1_c_idx1 RENAME TO q1_c_idx;"
        "ALTER INDEX x RENAME TO q1_c_idx1"
    )
    repaired(connection, "q", "ALTER TABLE q ALTER c TYPE timestamptz")


def test_what_alter_forgets_of_a_plain_table_comes_back(
    connection: Connection, make_role: Callable[..., LoginRole]
) -> None:
    owner = sql.Identifier(make_role(suffix=BITE).name).as_string(connection)
    connection.execute(
        "CREATE TABLE q (id int PRIMARY KEY, c timestamp UNIQUE, n int);"
        "CREATE TABLE q2 (c timestamp REFERENCES q (c) DEFERRABLE);"
        "CREATE INDEX qi ON q ((c IS NULL), n);"
        "ALTER INDEX qi ALTER COLUMN 1 SET STATISTICS 555;"
        "ALTER INDEX qi DEPENDS ON EXTENSION plpgsql;"
        "CREATE STATISTICS qs ON c, n FROM q; ALTER STATISTICS qs SET STATISTICS 44;"
        "ALTER TABLE q DISABLE TRIGGER ALL; ALTER TABLE q2 DISABLE TRIGGER ALL;"
        f"GRANT CREATE ON SCHEMA public TO {owner};"
        f"ALTER STATISTICS qs OWNER TO {owner}"
    )
    lost = repaired(
        connection,
        "q",
        "SET LOCAL timezone = 'UTC'",
        "ALTER TABLE q ALTER c TYPE timestamptz",
    )
    assert lost >= {"index public.qi", "constraint q2_c_fkey of public.q2"}


def test_child_foreign_keys_get_their_names_and_states_back(
    connection: Connection,
) -> None:
    connection.execute(
        "CREATE TABLE r (c timestamp PRIMARY KEY);"
        "CREATE TABLE q (id int, c timestamp) PARTITION BY RANGE (id);"
        "CREATE TABLE q1 (id int, c timestamp,"
        " CONSTRAINT mine FOREIGN KEY (c) REFERENCES r);"
        "COMMENT ON CONSTRAINT mine ON q1 IS 'mine';"
        "ALTER TABLE q ADD CONSTRAINT theirs FOREIGN KEY (c) REFERENCES r;"
        "ALTER TABLE q ATTACH PARTITION q1 DEFAULT;"
        "ALTER TABLE q1 DISABLE TRIGGER ALL"
    )
    repaired(
        connection,
        "q",
        "SET LOCAL timezone = 'UTC'",
        "ALTER TABLE r ALTER c TYPE timestamptz",
        "ALTER TABLE q ALTER c TYPE timestamptz",
    )
