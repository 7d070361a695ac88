"""What is rewritten computes on the converted tables what it computed before.

PostgreSQL prints each definition with the columns renamed, as on the shadow; the
rewritten text is executed on the converted tables, in the same transaction, and rows
and types are compared in sessions of several zones.
"""

import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tzmigrate.planning.calls import calls, explain_calls
from tzmigrate.planning.rewriting import (
    Token,
    Uncertain,
    rewrite_constraint,
    rewrite_expression,
    rewrite_index,
    rewrite_query,
    rewrite_routine,
    rewrite_rule,
    rewrite_statistics,
    rewrite_trigger,
)

SCHEMA = """
CREATE SCHEMA s;
CREATE TABLE s.t (
    id int PRIMARY KEY, placed_at timestamp, "Done At" timestamp, x int,
    kept timestamp, "select" timestamp
);
CREATE TABLE s.u (id int PRIMARY KEY, placed_at timestamp, b timestamp, t_id int);
CREATE TABLE s.w (id int PRIMARY KEY, during tsrange, many timestamp[]);
INSERT INTO s.t VALUES
    (1, '2021-01-01 00:30', '2021-01-01 00:30', 1, '2020-02-02', '2021-12-01'),
    (2, '2021-07-01 23:30:00.123456', '2021-07-02 01:00', 1, '2020-02-02', NULL),
    (3, NULL, '2021-10-31 02:30', 2, NULL, '2021-12-01 12:00'),
    (4, 'infinity', '-infinity', 2, '2020-02-02', '2021-12-01'),
    (5, '0044-03-15 10:00 BC', '2021-12-24 18:00', 3, '2020-02-02', NULL),
    (6, '2021-01-01 00:30', NULL, 3, '2019-02-02', '2021-12-02');
INSERT INTO s.u VALUES
    (1, '2021-01-01 00:30', '2021-02-01', 1), (2, '2021-07-01 23:30', '2020-01-01', 2),
    (3, '2021-07-01 23:30:00.123456', NULL, 2), (4, NULL, '2021-10-31 02:30', 4);
INSERT INTO s.w VALUES
    (1, '[2021-01-01 00:30,2021-07-01 23:30)', '{2021-01-01 00:30,NULL}'),
    (2, 'empty', '{}'), (3, '(,2021-01-01]', NULL), (4, NULL, NULL);
CREATE VIEW s.below AS SELECT id, placed_at, "Done At" AS done FROM s.t;
"""

RANGE = (
    "CASE WHEN isempty({}) THEN 'empty'::tsrange ELSE tsrange("
    "lower({}) AT TIME ZONE {zone}, upper({}) AT TIME ZONE {zone}, concat("
    "CASE WHEN lower_inc({}) THEN '[' ELSE '(' END, "
    "CASE WHEN upper_inc({}) THEN ']' ELSE ')' END)) END"
)

# relation, column, word, stays naive
COLUMNS = [
    ("s.t", "placed_at", "tzq_1"),
    ("s.t", "Done At", "tzq_2"),
    ("s.t", "select", "tzq_3"),
    ("s.u", "placed_at", "tzq_4"),
    ("s.u", "b", "tzq_5"),
    ("s.below", "placed_at", "tzq_6"),
    ("s.below", "done", "tzq_7"),
    ("s.w", "during", "tzq_8"),
    ("s.w", "many", "tzq_9"),
    ("s.t", "kept", "tzq_10"),
]
BERLIN = "Europe/Berlin"
ZONES = ["Etc/UTC", BERLIN]
SESSIONS = ["Etc/UTC", "America/New_York", "Australia/Lord_Howe"]


def tokens(zone: str) -> list[Token]:
    made = []
    for relation, name, word in COLUMNS:
        if relation == "s.w" and name == "during":
            token = Token(word=word, name=name, zone=zone, naive=RANGE)
        elif relation == "s.w":
            token = Token(word=word, name=name, zone=zone, naive=None)
        elif name == "kept":
            token = Token(word=word, name=name, zone=None)
        else:
            token = Token(word=word, name=name, zone=zone)
        made.append(token)
    return made


class Lab:
    """A database in which definitions are printed, and tables converted."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection

    def run(self, *statements: str) -> None:
        for statement in statements:
            self.connection.execute(statement)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(query).fetchall()

    def rename(self) -> None:
        self.run("SET LOCAL search_path = pg_catalog")
        for relation, name, word in COLUMNS:
            self.run(f'ALTER TABLE {relation} RENAME "{name}" TO {word}')

    def printed(self, query: str) -> tuple[str, dict[str, tuple[str, ...]]]:
        """Return a definition with words for columns, and the columns."""
        with self.connection.transaction(force_rollback=True):
            self.rename()
            text = self.rows(query)[0][0]
            relations = self.rows(
                "SELECT attrelid::regclass::text, array_agg(attname::text ORDER BY"
                " attnum) FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped"
                " GROUP BY attrelid"
            )
        return text, {name: tuple(columns) for name, columns in relations}

    def convert(self, zone: str) -> None:
        """Convert the tables, and the view between."""
        self.run("DROP VIEW s.below")
        for relation, name, _ in COLUMNS:
            if relation in {"s.t", "s.u"} and name != "kept":
                self.run(
                    f'ALTER TABLE {relation} ALTER "{name}" TYPE timestamptz'
                    f""" USING "{name}" AT TIME ZONE '{zone}'"""
                )
        self.run(
            f"SET LOCAL TimeZone = '{zone}'",
            "ALTER TABLE s.w ALTER during TYPE tstzrange USING"
            " during::text::tstzrange, ALTER many TYPE timestamptz[]",
            'CREATE VIEW s.below AS SELECT id, placed_at, "Done At" AS done FROM s.t',
        )

    def answers(self, query: str) -> list[Any]:
        """Return types, and the rows as sessions of several zones see them."""
        seen: list[Any] = []
        for session in SESSIONS:
            self.run(f"SET LOCAL TimeZone = '{session}'")
            seen.append(sorted(map(repr, self.rows(query))))
        return seen

    def tree(self, relation: str) -> str:
        return str(
            self.rows(
                "SELECT ev_action::text FROM pg_rewrite"
                f" WHERE ev_class = '{relation}'::regclass AND rulename = '_RETURN'"
            )[0][0]
        )

    def columns(self, relation: str) -> list[tuple[str, str]]:
        return self.rows(
            "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute"
            f" WHERE attrelid = '{relation}'::regclass AND attnum > 0 ORDER BY attnum"
        )


@pytest.fixture(scope="module")
def connection(server: Any) -> Iterator[psycopg.Connection[Any]]:
    name = f"tzt_rewriting_{os.getpid()}"
    server.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    with psycopg.connect(server.url(name)) as connection:
        connection.execute(SCHEMA)
        connection.commit()
        yield connection
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def lab(connection: psycopg.Connection[Any]) -> Iterator[Lab]:
    yield Lab(connection)
    connection.rollback()


def naive(columns: list[tuple[str, str]], zones: list[str | None]) -> str:
    """Return a select list that shows zoned columns as naive ones."""
    items = []
    for (name, _), zone in zip(columns, zones, strict=True):
        shown = f"\"{name}\" AT TIME ZONE '{zone}'" if zone else f'"{name}"'
        items.append(f"({shown})::text")
    return ", ".join(items)


VIEWS = {
    "plain": "SELECT id, placed_at, kept FROM s.t",
    "names that bite": 'SELECT "select", "Done At" AS "from", "select" AS "Done At"'
    ' FROM s.t AS "My T" WHERE "My T"."select" > "Done At"',
    "expressions": "SELECT date_trunc('day', placed_at) AS d, placed_at::date,"
    " placed_at + interval '1 day' AS next, placed_at::text AS text,"
    " extract(epoch FROM placed_at) AS e, coalesce(placed_at, kept),"
    " greatest(placed_at, \"Done At\"), age(placed_at, timestamp '2020-01-01'),"
    ' CASE placed_at WHEN "Done At" THEN 1 ELSE 2 END, placed_at - kept AS gone,'
    " to_char(placed_at, 'YYYY HH24:MI'), ARRAY[placed_at, kept] AS list,"
    ' nullif(placed_at, "Done At"), (placed_at, "Done At") OVERLAPS (kept, kept),'
    " (t).x FROM s.t WHERE isfinite(placed_at)",
    "comparisons": "SELECT id FROM s.t WHERE placed_at IS NOT NULL AND"
    ' placed_at <= "Done At" AND isfinite(placed_at) OR placed_at IS DISTINCT FROM'
    ' "select" AND "select" IS NULL OR placed_at IN ("select", "Done At")',
    "constants": "SELECT id, placed_at > '2021-01-01 00:30' AS gt,"
    " '2021-01-01 00:30' <= placed_at AS le,"
    " placed_at BETWEEN '2020-01-01' AND 'infinity' AS between_,"
    " placed_at = timestamp(0) '2021-01-01 00:30:00.4' AS rounded,"
    " placed_at IN ('2021-01-01 00:30', 'infinity') AS isin,"
    " placed_at IS DISTINCT FROM '2021-01-01 00:30' AS isd FROM s.t",
    "row comparison": 'SELECT id FROM s.t WHERE (placed_at, id) > ("Done At", 1)'
    ' AND (placed_at, "Done At") IS DISTINCT FROM (kept, kept)',
    "join": 'SELECT a.id, a.placed_at, b.placed_at AS other, b.b AS "B b" FROM s.t a'
    " LEFT JOIN s.u b ON a.placed_at = b.placed_at AND b.b > '2020-06-01'"
    " CROSS JOIN s.w",
    "full join": "SELECT t.placed_at, u.placed_at AS o FROM s.t"
    " FULL JOIN s.u ON t.placed_at = u.placed_at WHERE t.id IS NULL OR u.id IS NULL",
    "group by": 'SELECT placed_at, count(*), max("Done At") FROM s.t'
    " GROUP BY placed_at HAVING placed_at IS NOT NULL AND count(*) > 0"
    " ORDER BY placed_at DESC NULLS LAST",
    "group by without the output": "SELECT count(*) AS n, placed_at IS NULL AS isnull,"
    " date_trunc('day', placed_at) AS d FROM s.t GROUP BY placed_at"
    " HAVING isfinite(placed_at) ORDER BY placed_at",
    "group by what a subquery needs": "SELECT placed_at, (SELECT count(*) FROM s.u"
    " WHERE u.placed_at = t.placed_at AND b > t.placed_at) AS c FROM s.t"
    " GROUP BY placed_at",
    "group by expression": "SELECT date_trunc('day', placed_at) AS placed_at, count(*)"
    " FROM s.t GROUP BY date_trunc('day', t.placed_at) ORDER BY 1",
    "grouping sets": "SELECT placed_at, grouping(placed_at, x) AS g, x, count(*) FILTER"
    " (WHERE placed_at > '2020-01-01') AS n FROM s.t"
    " GROUP BY GROUPING SETS ((placed_at), (), (placed_at, x), ROLLUP (x))",
    "grouping sets, naive": "SELECT grouping(placed_at) AS g, min(x) AS x FROM s.t"
    ' GROUP BY CUBE (placed_at, (x, "Done At"))',
    "distinct": "SELECT DISTINCT placed_at FROM s.t ORDER BY placed_at LIMIT 3",
    "distinct on": 'SELECT DISTINCT ON (placed_at) placed_at, id, "Done At"'
    ' FROM s.t ORDER BY placed_at, "Done At" DESC, id',
    "distinct on, not shown": "SELECT DISTINCT ON (placed_at) id FROM s.t"
    " ORDER BY placed_at, id",
    "order by a hidden name": "SELECT x AS placed_at, placed_at AS y FROM s.t"
    " ORDER BY t.placed_at NULLS FIRST LIMIT 2",
    "windows": "SELECT placed_at, rank() OVER w, lag(placed_at) OVER (PARTITION BY x"
    ' ORDER BY placed_at, id), count(*) OVER (ORDER BY "Done At" RANGE BETWEEN'
    " '1 day' PRECEDING AND CURRENT ROW) FROM s.t WINDOW w AS (PARTITION BY placed_at"
    ' ORDER BY "Done At")',
    "aggregates": "SELECT min(placed_at), array_agg(placed_at ORDER BY placed_at, id),"
    " percentile_disc(0.5) WITHIN GROUP (ORDER BY placed_at) AS p,"
    " string_agg(placed_at::text, ',' ORDER BY id) FROM s.t",
    "subqueries": "SELECT placed_at IN (SELECT placed_at FROM s.u) AS i,"
    " EXISTS (SELECT placed_at FROM s.u WHERE u.placed_at = t.placed_at) AS e,"
    " ARRAY(SELECT placed_at FROM s.u ORDER BY placed_at) AS a,"
    " (SELECT max(b) FROM s.u) AS s,"
    " (SELECT placed_at FROM s.u WHERE u.id = t.id) AS y,"
    " placed_at > ALL (SELECT b FROM s.u UNION ALL SELECT b FROM s.u) AS al,"
    " (SELECT q.m FROM (SELECT max(z.placed_at) AS m FROM (SELECT placed_at FROM s.u)"
    " z) q) AS deep FROM s.t",
    "from subquery": "SELECT q.p, q.p + '1 day' AS n, q.d FROM (SELECT placed_at AS p,"
    " date_trunc('day', placed_at) AS d, id FROM s.t) q WHERE q.p > '2020-01-01'"
    " AND q.p IS NOT NULL ORDER BY q.p",
    "from subquery with aliases": "SELECT q.a, q.c::date FROM (SELECT placed_at,"
    ' "Done At" FROM s.t) q(a, c)',
    "lateral": "SELECT t.placed_at, l.o, l.p FROM s.t, LATERAL (SELECT t.placed_at"
    " AS o,"
    " max(u.placed_at) AS p FROM s.u WHERE u.placed_at <= t.placed_at) l",
    "lateral over a subquery": "SELECT l.o FROM (SELECT placed_at AS p FROM s.t) q,"
    " LATERAL (SELECT q.p AS o) l WHERE l.o = q.p",
    "cte": "WITH c AS (SELECT placed_at, count(*) AS n FROM s.t GROUP BY placed_at),"
    " d(day, p) AS MATERIALIZED (SELECT placed_at::date, placed_at FROM c)"
    " SELECT c.placed_at, d.day, d.p, (SELECT max(placed_at) FROM c) AS m,"
    " (SELECT x.p FROM d x WHERE x.p = c.placed_at) AS again"
    " FROM c JOIN d ON d.p = c.placed_at ORDER BY c.placed_at",
    "cte alone": "WITH c AS (SELECT placed_at AS day, id FROM s.t) SELECT day,"
    " extract(day FROM day) AS d, day::date AS date FROM c WHERE day IS NOT NULL"
    " GROUP BY day ORDER BY day",
    "nested cte": "WITH c AS (WITH e AS (SELECT placed_at AS p FROM s.t) SELECT e.p"
    " FROM e) SELECT p FROM c",
    "recursive": "WITH RECURSIVE r(n, p, q) AS (SELECT id, placed_at, placed_at"
    " FROM s.t UNION ALL SELECT r.n + 1, r.p, r.q + '1 day'::interval"
    " FROM r WHERE r.n < 8) SELECT r.n, r.p, r.q FROM r",
    "recursive chain": "WITH RECURSIVE r(n, p, q) AS (SELECT id, placed_at, placed_at"
    " FROM s.t UNION ALL SELECT r.n + 1, r.q, date_trunc('day', r.q) FROM r"
    " WHERE r.n < 8) SELECT r.n, r.p, r.q FROM r",
    "union": 'SELECT placed_at, "Done At" FROM s.t UNION ALL SELECT placed_at, b'
    " FROM s.u UNION ALL SELECT NULL, timestamp '2020-01-01' ORDER BY 1",
    "union of unlike parts": "SELECT placed_at, kept FROM s.t UNION SELECT b, b"
    " FROM s.u"
    " UNION SELECT placed_at + '1 day', kept FROM s.t",
    "set operations": "(SELECT placed_at FROM s.t ORDER BY placed_at LIMIT 2) UNION ALL"
    ' (SELECT b FROM s.u WHERE b < placed_at) EXCEPT SELECT "Done At" FROM s.t',
    "intersect": "SELECT placed_at FROM s.t INTERSECT SELECT placed_at FROM s.u"
    " ORDER BY 1 DESC",
    "union in from": "SELECT q.p, q.p::date AS d FROM (SELECT placed_at AS p FROM s.t"
    " UNION SELECT placed_at FROM s.u) q",
    "values": "SELECT v.a, t.placed_at = v.a AS e FROM s.t, (VALUES (timestamp"
    " '2021-01-01 00:30'), (NULL)) v(a)",
    "values of columns": "SELECT v.a FROM s.t, LATERAL (VALUES (t.placed_at),"
    ' (t."Done At")) v(a)',
    "functions in from": "SELECT t.placed_at, x.a, g FROM s.t,"
    " unnest(ARRAY[placed_at, kept]) WITH ORDINALITY x(a, b),"
    " generate_series(placed_at, placed_at + '2 days', '1 day') g, ROWS FROM"
    ' (generate_series(1, 2), unnest(ARRAY[t."Done At"])) AS rf(a, b)'
    " WHERE isfinite(t.placed_at)",
    "tablesample and lock": "SELECT t.placed_at FROM s.t TABLESAMPLE system (100)"
    " REPEATABLE (1) FOR UPDATE OF t",
    "using": "SELECT placed_at, t.id FROM s.t JOIN s.u USING (placed_at)"
    " WHERE placed_at > '2020-01-01'",
    "full using": "SELECT placed_at, placed_at::date AS d FROM s.t"
    " FULL JOIN s.u USING (placed_at, id)",
    "natural": "SELECT placed_at, id, b FROM s.t NATURAL JOIN s.u",
    "column aliases": 'SELECT q.b, q.b::date AS d, q."Done At" FROM s.t q(a, b)',
    "named join": 'SELECT j.placed_at, j.b, j."Done At"::date AS d FROM'
    " (s.t JOIN s.u USING (id, placed_at)) j(i, placed_at)",
    "over a view": "SELECT placed_at, done + '1 hour' AS h, done FROM s.below b"
    " WHERE b.placed_at IS NOT NULL",
    "over a view and a table": "SELECT b.done, u.b FROM s.below b JOIN s.u"
    " ON b.done = u.b",
    "ranges": "SELECT w.id, during, during IS NULL AS n,"
    " during @> timestamp '2021-02-01' AS r, lower(during) AS l FROM s.w",
    "cast to text": "SELECT id, placed_at || '!' AS t, quote_literal(placed_at) AS q,"
    " concat(placed_at, 1) AS c, md5(ROW(placed_at)::text) AS r FROM s.t",
    "nothing selected": 'SELECT FROM s.t WHERE placed_at = "Done At"',
    "now": "SELECT id, placed_at < now() AS past, placed_at < LOCALTIMESTAMP AS loc,"
    " CURRENT_TIMESTAMP - placed_at > '1 day' AS old FROM s.t"
    " WHERE isfinite(placed_at)",
}


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("zoned", [True, False])
@pytest.mark.parametrize("case", VIEWS)
def test_a_view_shows_what_it_showed(
    lab: Lab, case: str, zone: str, *, zoned: bool
) -> None:
    lab.run(f"CREATE VIEW s.v AS {VIEWS[case]}")
    before = lab.columns("s.v")
    values = lab.answers(f"SELECT {naive(before, [None] * len(before))} FROM s.v")
    called = calls(lab.tree("s.v"))
    text, relations = lab.printed("SELECT pg_get_viewdef('s.v'::regclass)")
    if (case, zone, zoned) == ("group by what a subquery needs", BERLIN, False):
        with pytest.raises(Uncertain, match="a subquery uses a column"):
            rewrite_query(text, tokens(zone), zoned_outputs=False)
        return
    query = rewrite_query(text, tokens(zone), zoned_outputs=zoned, relations=relations)
    lab.run("DROP VIEW s.v")
    lab.convert(zone)
    lab.run("SET LOCAL search_path = pg_catalog", f"CREATE VIEW s.v AS {query.text}")
    after = lab.columns("s.v")
    assert [name for name, _ in after] == [name for name, _ in before]
    for (_, was), (_, now), output in zip(before, after, query.outputs, strict=True):
        assert now == (ZONED[was] if output else was)
        assert output in {None, zone}
    if not zoned:
        assert set(query.outputs) <= {None}
    outputs = [
        zone if output and was == NAIVE else None
        for (_, was), output in zip(before, query.outputs, strict=True)
    ]
    items = naive(after, outputs)
    if case != "ranges":
        assert lab.answers(f"SELECT {items} FROM s.v") == values
        assert explain_calls(called, calls(lab.tree("s.v"))) == ()


NAIVE = "timestamp without time zone"
ZONED = {
    NAIVE: "timestamp with time zone",
    "tsrange": "tstzrange",
    f"{NAIVE}[]": "timestamp with time zone[]",
}


INDEXES = {
    "plain": "ON s.t (placed_at)",
    "two": 'ON s.t USING btree (placed_at DESC NULLS LAST, x, "Done At" ASC)',
    "include": 'ON s.t (x) INCLUDE (placed_at, "Done At")',
    "expression": "ON s.t (date_trunc('day', placed_at), (placed_at::date) DESC)",
    "key and expression": "ON s.t (x, placed_at, (placed_at + '1 day'::interval))",
    "predicate": "ON s.t (placed_at) WHERE placed_at > '2020-01-01' AND x > 0",
    "predicate alone": 'ON s.t (x) WHERE "Done At" IS NULL',
    "unique": "ON s.t (id, COALESCE(\"Done At\", 'infinity'))",
    "brin": "ON s.t USING brin (placed_at, kept)",
    "options": "ON s.t (placed_at, x int4_ops) WITH (fillfactor = 70)",
    "gist": "ON s.w USING gist (during)",
    "gin": "ON s.w USING gin (many)",
    "gist of an expression": "ON s.t USING gist (tsrange(kept, kept, '[]'))",
}


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("case", INDEXES)
def test_an_index_is_built_as_it_was(lab: Lab, case: str, zone: str) -> None:
    unique = "UNIQUE " if case == "unique" else ""
    lab.run(f"CREATE {unique}INDEX i {INDEXES[case]}".replace(" i ", " i "))
    before = lab.columns("s.i")
    text, _ = lab.printed("SELECT pg_get_indexdef('s.i'::regclass)")
    rewritten = rewrite_index(text, tokens(zone))
    lab.run("DROP INDEX s.i")
    lab.convert(zone)
    lab.run("SET LOCAL search_path = pg_catalog", rewritten)
    plain = {name for _, name, _ in COLUMNS if name != "kept"}
    for (name, was), (_, now) in zip(before, lab.columns("s.i"), strict=True):
        assert now == (ZONED.get(was, was) if name in plain else was)


@pytest.mark.pg(">= 14")
@pytest.mark.parametrize("word", ["bloom", "minmax_multi"])
def test_an_operator_class_that_names_the_type_changes(lab: Lab, word: str) -> None:
    lab.run(
        f"CREATE INDEX i ON s.t USING brin (placed_at timestamp_{word}_ops,"
        f" date_trunc('day', placed_at) timestamp_{word}_ops,"
        f" kept timestamp_{word}_ops)"
    )
    text, _ = lab.printed("SELECT pg_get_indexdef('s.i'::regclass)")
    rewritten = rewrite_index(text, tokens(BERLIN))
    assert rewritten.count("timestamptz_") == 1
    lab.run("DROP INDEX s.i")
    lab.convert(BERLIN)
    lab.run(rewritten)


CONSTRAINTS = {
    "check": "CHECK (placed_at <= \"Done At\" + '100 years' OR placed_at > kept)",
    "check of constants": "CHECK (x > 0 AND placed_at <> '2000-01-01')",
    "not valid": "CHECK (date_trunc('year', placed_at) > '1990-01-01') NOT VALID",
    "unique": 'UNIQUE (id, placed_at, "Done At") INCLUDE ("select")',
    "deferrable": "UNIQUE (id, placed_at) DEFERRABLE INITIALLY DEFERRED",
    "exclude": "EXCLUDE USING gist (tsrange(kept, 'infinity') WITH &&,"
    " tsrange(placed_at, placed_at) WITH &&) WHERE (placed_at IS NULL AND x > 9)",
}


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("case", CONSTRAINTS)
def test_a_constraint_accepts_what_it_accepted(lab: Lab, case: str, zone: str) -> None:
    lab.run(f"ALTER TABLE s.t ADD CONSTRAINT k {CONSTRAINTS[case]}")
    tree = "SELECT coalesce(conbin::text, '') FROM pg_constraint WHERE conname = 'k'"
    before = calls(lab.rows(tree)[0][0])
    text, _ = lab.printed(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'k'"
    )
    rewritten = rewrite_constraint(text, tokens(zone))
    lab.run("ALTER TABLE s.t DROP CONSTRAINT k")
    lab.convert(zone)
    lab.run(f"ALTER TABLE s.t ADD CONSTRAINT k {rewritten}")
    assert explain_calls(before, calls(lab.rows(tree)[0][0])) == ()


def test_a_foreign_key_and_an_exclusion_on_ranges_stay_plain(lab: Lab) -> None:
    lab.run(
        "ALTER TABLE s.t ADD CONSTRAINT q UNIQUE (id, placed_at)",
        "ALTER TABLE s.u ADD CONSTRAINT k FOREIGN KEY (t_id, b) REFERENCES"
        " s.t (id, placed_at) NOT VALID",
        "ALTER TABLE s.w ADD CONSTRAINT e EXCLUDE USING gist (during WITH &&)",
    )
    query = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = '{}'"
    key = rewrite_constraint(lab.printed(query.format("k"))[0], tokens(BERLIN))
    excluded = rewrite_constraint(lab.printed(query.format("e"))[0], tokens(BERLIN))
    assert key == "FOREIGN KEY (t_id, b) REFERENCES s.t(id, placed_at) NOT VALID"
    assert excluded == "EXCLUDE USING gist (during WITH &&)"


@pytest.mark.parametrize("zone", ZONES)
def test_a_trigger_fires_when_it_fired(lab: Lab, zone: str) -> None:
    lab.run(
        "CREATE FUNCTION s.f() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.x := -NEW.x; RETURN NEW; END $$",
        'CREATE TRIGGER g BEFORE UPDATE OF "Done At", placed_at, x ON s.t FOR EACH ROW'
        " WHEN (OLD.placed_at IS DISTINCT FROM NEW.placed_at OR"
        " date_trunc('day', NEW.\"Done At\") = '2021-01-01' OR NEW.kept IS NULL)"
        " EXECUTE FUNCTION s.f('a', 'b c')",
    )
    query = "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = 'g'"
    rewritten = rewrite_trigger(lab.printed(query)[0], tokens(zone))
    seen = "UPDATE s.t SET x = x RETURNING id, x"
    with lab.connection.transaction(force_rollback=True):
        before = lab.answers(seen)
    lab.run("DROP TRIGGER g ON s.t")
    lab.convert(zone)
    lab.run(rewritten)
    assert lab.answers(seen) == before
    assert 'UPDATE OF "Done At", placed_at, x ON' in rewritten


@pytest.mark.parametrize("zone", ZONES)
def test_a_policy_with_a_subquery_shows_what_it_showed(lab: Lab, zone: str) -> None:
    lab.run(
        "CREATE POLICY p ON s.t USING (EXISTS (SELECT FROM s.u JOIN s.t z USING (id)"
        " WHERE z.placed_at = t.placed_at AND u.b < t.placed_at) OR placed_at IS NULL)"
    )
    text, relations = lab.printed(
        "SELECT pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polname = 'p'"
    )
    before = lab.answers(
        "SELECT id FROM s.t WHERE EXISTS (SELECT FROM s.u JOIN s.t z USING (id)"
        " WHERE z.placed_at = t.placed_at AND u.b < t.placed_at) OR placed_at IS NULL"
    )
    rewritten = rewrite_expression(text, tokens(zone), relations)
    lab.run("DROP POLICY p ON s.t")
    lab.convert(zone)
    lab.run(f"CREATE POLICY p ON s.t USING ({rewritten})")
    assert lab.answers(f"SELECT id FROM s.t WHERE {rewritten}") == before


@pytest.mark.parametrize("zone", ZONES)
def test_a_generated_column_is_computed_as_it_was(lab: Lab, zone: str) -> None:
    lab.run(
        "ALTER TABLE s.t ADD g text GENERATED ALWAYS AS (CASE WHEN placed_at >"
        " '2021-02-01' AND isfinite(placed_at) THEN"
        " (placed_at::date - '2000-01-01')::text END) STORED"
    )
    before = lab.answers("SELECT id, g FROM s.t")
    text, _ = lab.printed(
        "SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef"
        " WHERE adrelid = 's.t'::regclass"
    )
    lab.run("ALTER TABLE s.t DROP g")
    lab.convert(zone)
    lab.run(
        "ALTER TABLE s.t ADD g text GENERATED ALWAYS AS"
        f" ({rewrite_expression(text, tokens(zone))}) STORED"
    )
    assert lab.answers("SELECT id, g FROM s.t") == before


@pytest.mark.pg(">= 14")
def test_statistics_are_kept_of_columns_and_expressions(lab: Lab) -> None:
    lab.run(
        "CREATE STATISTICS s.st (ndistinct) ON placed_at, x, date_trunc('day',"
        ' "Done At"), ("Done At" - kept) FROM s.t'
    )
    query = "SELECT pg_get_statisticsobjdef(oid) FROM pg_statistic_ext"
    rewritten = rewrite_statistics(lab.printed(query)[0], tokens(BERLIN))
    assert "ON placed_at, x, date_trunc('day'::text, (\"Done At\" AT" in rewritten
    lab.run("DROP STATISTICS s.st")
    lab.convert(BERLIN)
    lab.run(rewritten)


RULES = {
    "insert": "ON INSERT TO s.seen DO INSTEAD INSERT INTO s.t (id, placed_at, x,"
    ' "Done At", "select", kept) VALUES (new.id, new.placed_at, 9,'
    " date_trunc('day', new.placed_at), now(), new.placed_at)"
    " RETURNING id, placed_at, \"Done At\", date_trunc('day', placed_at)",
    "update": "ON UPDATE TO s.seen DO INSTEAD (UPDATE s.t SET"
    ' placed_at = new.placed_at, "Done At" ='
    " CASE WHEN new.done IS NULL THEN timestamp '2021-12-01' ELSE new.done END,"
    ' "select" = CURRENT_DATE, x = DEFAULT FROM (SELECT b FROM s.u WHERE id = 1) q'
    " WHERE t.id = old.id AND new.placed_at IS DISTINCT FROM old.placed_at"
    " AND (q.b > old.placed_at OR q.b IS NOT NULL);"
    " DELETE FROM s.u USING s.t z WHERE u.placed_at = z.placed_at"
    " AND z.id = old.id;)",
    "upsert": "ON DELETE TO s.seen DO INSTEAD (NOTIFY seen; INSERT INTO s.t"
    ' (id, placed_at, "Done At") SELECT DISTINCT u.id, u.placed_at, max(b) OVER ()'
    " FROM s.u ORDER BY u.placed_at ON CONFLICT (id) WHERE placed_at IS NOT NULL"
    " DO UPDATE SET"
    ' placed_at = excluded.placed_at, ("Done At", x) = (SELECT min(b), 5 FROM s.u)'
    " WHERE t.placed_at > '2000-01-01' OR excluded.placed_at IS NULL)",
    "with": "ON DELETE TO s.seen DO INSTEAD WITH w AS (SELECT placed_at AS p, id"
    " FROM s.u) UPDATE s.t SET placed_at = w.p, \"Done At\" = w.p + '1 hour'::interval"
    " FROM w WHERE w.id = t.id",
}
ACTIONS = {
    "insert": "INSERT INTO s.seen (id, placed_at) VALUES (50, {})",
    "update": "UPDATE s.seen SET placed_at = {}, done = NULL WHERE id < 3",
    "upsert": "DELETE FROM s.seen WHERE id = 1",
    "with": "DELETE FROM s.seen WHERE id = 1",
}
CONTENT = """
    SELECT id, x, {}, kept::text, {} FROM s.t
    UNION ALL SELECT id, NULL, {}, NULL, {} FROM s.u
"""


def content(zone: str | None) -> str:
    def shown(column: str) -> str:
        at = f"{column} AT TIME ZONE '{zone}'" if zone else column
        return f"({at})::text"

    names = ["placed_at", '"Done At"', "placed_at", "b"]
    return CONTENT.format(*map(shown, names))


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("case", RULES)
def test_a_rule_writes_what_it_wrote(lab: Lab, case: str, zone: str) -> None:
    view = (
        'CREATE VIEW s.seen AS SELECT id, placed_at, "Done At" AS done,'
        " date_trunc('day', placed_at) AS day FROM s.t"
    )
    lab.run(view, f"CREATE RULE r AS {RULES[case]}")
    value = "'2021-05-05 05:05'::timestamp"
    extra = " RETURNING id" if case == "insert" else ""
    with lab.connection.transaction(force_rollback=True):
        lab.run("SET LOCAL TimeZone = 'America/New_York'")
        lab.run(ACTIONS[case].format(value) + extra)
        before = sorted(map(repr, lab.rows(content(None))))
    words = [
        *tokens(zone),
        Token(word="tzq_20", name="placed_at", zone=zone),
        Token(word="tzq_21", name="done", zone=zone),
    ]
    COLUMNS.extend([("s.seen", "placed_at", "tzq_20"), ("s.seen", "done", "tzq_21")])
    try:
        text, relations = lab.printed(
            "SELECT pg_get_ruledef(oid) FROM pg_rewrite WHERE rulename = 'r'"
        )
    finally:
        del COLUMNS[-2:]
    rewritten = rewrite_rule(text, words, relations=relations)
    lab.run("DROP VIEW s.seen")
    lab.convert(zone)
    lab.run(
        view.replace("'day', placed_at", f"'day', placed_at AT TIME ZONE '{zone}'"),
        "SET LOCAL search_path = pg_catalog",
        rewritten,
        "SET LOCAL TimeZone = 'America/New_York'",
        ACTIONS[case].format(f"{value} AT TIME ZONE '{zone}'") + extra,
    )
    assert sorted(map(repr, lab.rows(content(zone)))) == before


ROUTINES = {
    "return": ("f()", "timestamp", "RETURN (SELECT max(placed_at) FROM s.t)"),
    "atomic": (
        "f(a timestamp)",
        "TABLE(p timestamp, d date)",
        "BEGIN ATOMIC UPDATE s.u SET b = a, placed_at = t.placed_at FROM s.t"
        " WHERE t.id = u.id AND t.placed_at > a;"
        " INSERT INTO s.u (id, b) VALUES (91, a + '1 day'::interval), (92, NULL);"
        " SELECT placed_at, CASE WHEN a > placed_at THEN placed_at::date END"
        " FROM s.t ORDER BY placed_at; END",
    ),
}


@pytest.mark.pg(">= 14")
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("case", ROUTINES)
def test_a_routine_returns_what_it_returned(lab: Lab, case: str, zone: str) -> None:
    head, result, body = ROUTINES[case]
    argument = "'2021-03-03'" if "a " in head else ""
    lab.run(f"CREATE FUNCTION s.{head} RETURNS {result} LANGUAGE sql {body}")
    with lab.connection.transaction(force_rollback=True):
        lab.run("SET LOCAL TimeZone = 'Asia/Kolkata'")
        rows = lab.rows(f"SELECT f::text FROM s.f({argument}) f")
        written = sorted(map(repr, lab.rows(content(None))))
    text, relations = lab.printed(
        "SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = 'f'"
        " AND pronamespace = 's'::regnamespace"
    )
    tree = "SELECT prosqlbody::text FROM pg_proc WHERE oid = 's.f'::regproc"
    called = calls(lab.rows(tree)[0][0])
    rewritten = rewrite_routine(text, tokens(zone), relations=relations)
    lab.run(f"DROP FUNCTION s.{head}")
    lab.convert(zone)
    lab.run("SET LOCAL search_path = pg_catalog", rewritten)
    assert explain_calls(called, calls(lab.rows(tree)[0][0])) == ()
    lab.run("SET LOCAL TimeZone = 'Asia/Kolkata'")
    assert lab.rows(f"SELECT f::text FROM s.f({argument}) f") == rows
    assert sorted(map(repr, lab.rows(content(zone)))) == written


def test_every_definition_of_the_server_itself_is_understood(lab: Lab) -> None:
    lab.run("SET LOCAL search_path = pg_catalog")
    _, relations = lab.printed("SELECT ''")
    views = lab.rows(
        "SELECT pg_get_viewdef(oid), relnatts FROM pg_class WHERE relkind = 'v'"
    )
    assert len(views) > 100
    for text, count in views:
        query = rewrite_query(text, [], zoned_outputs=True, relations=relations)
        assert query.text == text.strip()
        assert query.outputs == (None,) * count
    for (text,) in lab.rows("SELECT pg_get_indexdef(indexrelid) FROM pg_index"):
        assert rewrite_index(text, []) == text
    for (text,) in lab.rows("SELECT pg_get_constraintdef(oid) FROM pg_constraint"):
        assert rewrite_constraint(text, []) == text
    for (text,) in lab.rows("SELECT pg_get_ruledef(oid) FROM pg_rewrite"):
        if not text.startswith('CREATE RULE "_RETURN"'):
            assert rewrite_rule(text, []) == text
    for (text,) in lab.rows(
        "SELECT pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_language l"
        " ON l.oid = prolang WHERE lanname = 'sql' AND prokind IN ('f', 'p')"
    ):
        assert rewrite_routine(text, []) == text.strip()
