"""A cast by the session's zone is found, though PostgreSQL does not print it."""

from collections import Counter
from typing import Any

import psycopg
import pytest

from tzmigrate.planning.calls import (
    _BY_NODES,
    ADDED,
    SAME,
    _by_nodes,
    calls,
    explain_calls,
)

TABLE = """
CREATE TABLE t (id int, a timestamp, b timestamp, c timestamp);
CREATE TABLE u (id int, a timestamp);
"""
CAST_TO_ZONED = 2028


def tree(connection: psycopg.Connection[Any], kind: str) -> Counter[int]:
    queries = {
        "view": "SELECT ev_action FROM pg_rewrite WHERE ev_class = 'v'::regclass",
        "check": "SELECT conbin FROM pg_constraint WHERE conname = 'k'",
        "default": "SELECT adbin FROM pg_attrdef WHERE adrelid = 't'::regclass",
        "function": "SELECT prosqlbody FROM pg_proc WHERE proname = 'f'",
    }
    (text,) = connection.execute(
        queries[kind].replace("SELECT ", "SELECT (").replace(" FROM", ")::text FROM")
    ).fetchone() or ("",)
    return calls(text)


CONVERT = (
    "ALTER TABLE t ALTER a TYPE timestamptz, ALTER b TYPE timestamptz;"
    " ALTER TABLE u ALTER a TYPE timestamptz"
)

SILENT = {
    "a check with a constant": ("check", "CHECK (a > '2020-01-01')"),
    "a check with a column": ("check", "CHECK (a <= c)"),
    "a check of a date": ("check", "CHECK (a::date > '2020-01-01')"),
    "a check of text": ("check", "CHECK (a::text > '2020')"),
    "a check of the greatest": ("check", "CHECK (greatest(a, b) IS NOT NULL)"),
    "a check of rows": ("check", "CHECK ((a, c) > (c, a))"),
    "a default": ("default", "now() AT TIME ZONE 'utc'"),
    "a constant default": ("default", "timestamp '2020-01-01'"),
}


@pytest.mark.parametrize("case", SILENT)
def test_a_change_of_meaning_without_a_word_is_found(database: Any, case: str) -> None:
    kind, text = SILENT[case]
    with database.connect() as connection:
        connection.execute(TABLE)
        connection.execute(
            f"ALTER TABLE t ADD CONSTRAINT k {text}"
            if kind == "check"
            else f"ALTER TABLE t ALTER a SET DEFAULT {text}"
        )
        before = tree(connection, kind)
        connection.execute(CONVERT)
        assert explain_calls(before, tree(connection, kind)) != ()


VIEWS = {
    "aliases of columns": "SELECT x.p + '1 day' AS q FROM t x(i, p)",
    "using": "SELECT count(*) FROM t JOIN (SELECT c AS a FROM t) q USING (a)",
    "a hidden join": "SELECT x.i FROM t x(i, p) JOIN t y(j, q, r, s) ON x.p = y.s",
    "a union": "SELECT a FROM t x(i) UNION SELECT c FROM t",
    "a union in a subquery": "SELECT q.i FROM (SELECT x.b AS i FROM t x(i, p)"
    " UNION SELECT CURRENT_DATE) q WHERE q.i IS NULL",
    "a cast": "SELECT x.p::date FROM t x(i, p)",
    "distinct": "SELECT x.p IS DISTINCT FROM x.c AS d FROM t x(i, p)",
    "an aggregate": "SELECT max(x.p) FROM t x(i, p)",
    "a window": "SELECT extract(day FROM lag(x.p) OVER ()) FROM t x(i, p)",
    "a lesser cast": "SELECT CASE x.p WHEN x.c THEN 1 END FROM t x(i, p)",
    "a list": "SELECT x.p IN (timestamp '2020-01-01', c) FROM t x(i, p)",
}


@pytest.mark.parametrize("case", VIEWS)
def test_a_view_created_again_from_its_own_text_is_found(
    database: Any, case: str
) -> None:
    with database.connect() as connection:
        connection.execute(TABLE)
        connection.execute(f"CREATE VIEW v AS {VIEWS[case]}")
        before = tree(connection, "view")
        connection.execute("DROP VIEW v")
        connection.execute(CONVERT)
        connection.execute(f"CREATE VIEW v AS {VIEWS[case]}")
        assert explain_calls(before, tree(connection, "view")) != ()


def test_what_means_the_same_is_explained(database: Any) -> None:
    with database.connect() as connection:
        connection.execute(TABLE)
        connection.execute(
            "CREATE VIEW v AS SELECT date_trunc('day', a) AS d, a, (a, b) > (b, a) AS r"
            " FROM t WHERE a > b AND isfinite(a) AND a IN (b, a) AND a > '2020-01-01'"
        )
        before = tree(connection, "view")
        connection.execute("DROP VIEW v")
        connection.execute(CONVERT)
        connection.execute(
            "CREATE VIEW v AS SELECT date_trunc('day', a AT TIME ZONE 'UTC') AS d, a,"
            " (a, b) > (b, a) AS r FROM t WHERE a > b AND isfinite(a) AND a IN (b, a)"
            " AND a > timestamp '2020-01-01' AT TIME ZONE 'UTC'"
        )
        assert explain_calls(before, tree(connection, "view")) == ()


@pytest.mark.pg(">= 14")
def test_a_value_assigned_by_a_routine_is_seen(database: Any) -> None:
    body = "LANGUAGE sql BEGIN ATOMIC INSERT INTO u (a) SELECT c FROM t; END"
    with database.connect() as connection:
        connection.execute(TABLE)
        connection.execute(f"CREATE FUNCTION f() RETURNS void {body}")
        before = tree(connection, "function")
        connection.execute("DROP FUNCTION f")
        connection.execute(CONVERT)
        connection.execute(f"CREATE FUNCTION f() RETURNS void {body}")
        left = explain_calls(before, tree(connection, "function"))
        assert left == (CAST_TO_ZONED,)


def test_the_server_knows_the_functions_by_these_numbers(database: Any) -> None:
    assert database.execute(
        "SELECT oid::regprocedure::text FROM pg_proc WHERE oid = ANY (%s) ORDER BY oid",
        [sorted(ADDED)],
    ) == [
        ('"timestamp"(timestamp without time zone,integer)',),
        ("timestamptz(timestamp with time zone,integer)",),
        ("timezone(text,timestamp with time zone)",),
        ("timezone(text,timestamp without time zone)",),
    ]
    names = database.execute(
        "SELECT oid::int, regexp_replace(oid::regprocedure::text,"
        " 'timestamptz|timestamp with(out)? time zone', 'timestamp', 'g') FROM pg_proc"
        " UNION ALL SELECT oid::int, oprname FROM pg_operator WHERE oprleft ="
        " oprright AND oprleft IN ('timestamp'::regtype, 'timestamptz'::regtype)"
    )
    known = {
        oid: name.replace("timestamp without time zone", "timestamp")
        for oid, name in names
        if oid in {*SAME, *SAME.values()}
    }
    assert len(known) == 2 * len(SAME)
    for zoned, naive in SAME.items():
        assert known[zoned] == known[naive]


def test_braces_in_a_name_are_part_of_it() -> None:
    text = r"({QUERY :x {VAR :vartype 1114 :name a\{b\ :funcid\ 7} :funcid 9})"
    assert calls(text) == Counter([9])


def test_calls_found_in_the_text_are_those_of_its_nodes(database: Any) -> None:
    """By all that the server itself stores, and by names made to mislead."""
    database.execute(
        """CREATE TABLE ":funcid 2052" (":opfuncid 5" int CHECK (":opfuncid 5" > 1));"""
        """CREATE VIEW v AS SELECT ":opfuncid 5" AS ":aggfnoid 7 :winfnoid 8","""
        ''' ':funcid 9'::text AS "{MINMAX" FROM ":funcid 2052"'''
    )
    with database.connect() as connection:
        rows = connection.execute(
            "SELECT ev_action::text FROM pg_rewrite"
            " UNION ALL SELECT adbin::text FROM pg_attrdef"
            " UNION ALL SELECT conbin::text FROM pg_constraint"
            " WHERE conbin IS NOT NULL"
        ).fetchall()
    trees = [tree for (tree,) in rows]
    by_text = [tree for tree in trees if not _BY_NODES.search(tree)]
    assert len(by_text) > 50
    assert len(by_text) < len(trees)
    for tree in trees:
        assert calls(tree) == _by_nodes(tree)
