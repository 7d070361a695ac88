"""What PostgreSQL computes while it makes a table, no superuser makes for a plan."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tzmigrate.errors import Refused

CALLED = """
CREATE FUNCTION {owner}.gain() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
  IF current_user <> '{owner}' THEN EXECUTE 'ALTER ROLE {owner} CREATEROLE'; END IF;
END $$;
CREATE FUNCTION {owner}.f(int) RETURNS int LANGUAGE plpgsql IMMUTABLE
  AS $$ BEGIN PERFORM {owner}.gain(); RETURN 1; END $$;
CREATE FUNCTION {owner}.f(boolean) RETURNS int LANGUAGE plpgsql IMMUTABLE
  AS $$ BEGIN PERFORM {owner}.gain(); RETURN 1; END $$;
CREATE FUNCTION {owner}.differ(int, int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE
  AS $$ BEGIN PERFORM {owner}.gain(); RETURN $1 <> $2; END $$;
CREATE FUNCTION {owner}.none() RETURNS int LANGUAGE plpgsql IMMUTABLE
  AS $$ BEGIN PERFORM {owner}.gain(); RETURN 1; END $$;
CREATE FUNCTION {owner}.now(int) RETURNS int LANGUAGE plpgsql
  AS $$ BEGIN PERFORM {owner}.gain(); RETURN 1; END $$;
CREATE FUNCTION {owner}.more(int, int DEFAULT {owner}.f(1)) RETURNS int LANGUAGE plpgsql
  IMMUTABLE AS $$ BEGIN PERFORM {owner}.gain(); RETURN 1; END $$;
CREATE FUNCTION {owner}.body(int) RETURNS int LANGUAGE sql IMMUTABLE
  AS 'SELECT $1 + {owner}.f(1)';
CREATE FUNCTION {owner}.closed(int) RETURNS int LANGUAGE sql IMMUTABLE
  SET work_mem = '4MB' AS 'SELECT $1 + {owner}.f(1)';
CREATE FUNCTION {owner}.plain(int) RETURNS int LANGUAGE sql IMMUTABLE
  AS 'SELECT $1 + abs(-1)';
CREATE TYPE {owner}.pair AS (n int);
CREATE FUNCTION {owner}.pair_of(int) RETURNS {owner}.pair LANGUAGE plpgsql IMMUTABLE
  AS $$ BEGIN PERFORM {owner}.gain(); RETURN ROW($1); END $$;
CREATE OPERATOR {owner}.!!! (RIGHTARG = int, FUNCTION = {owner}.f);
CREATE OPERATOR {owner}.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq,
  NEGATOR = OPERATOR({owner}.!==));
CREATE OPERATOR {owner}.!== (LEFTARG = int, RIGHTARG = int,
  FUNCTION = {owner}.differ, NEGATOR = OPERATOR({owner}.===));
CREATE TYPE {owner}.kind AS ENUM ('a');
CREATE FUNCTION {owner}.number({owner}.kind) RETURNS int LANGUAGE plpgsql IMMUTABLE
  AS $$ BEGIN PERFORM {owner}.gain(); RETURN 1; END $$;
CREATE CAST ({owner}.kind AS int) WITH FUNCTION {owner}.number;
CREATE FUNCTION {owner}.made(text) RETURNS {owner}.kind LANGUAGE plpgsql IMMUTABLE
  AS $$ BEGIN PERFORM {owner}.gain(); RETURN 'a'; END $$;
CREATE TABLE {owner}.t (id int PRIMARY KEY, placed_at timestamp);
"""
CONSTANTS = {
    "a constant": "id + {owner}.f(1)",
    "a call of none": "id + {owner}.none()",
    "an operator": "id + (OPERATOR({owner}.!!!) 1)",
    "a list": "CASE WHEN 1 OPERATOR({owner}.!==) ANY (ARRAY[1, 2]) THEN id END",
    "a cast": "id + 'a'::{owner}.kind::int",
    "casts of elements": "id + (ARRAY['a'::{owner}.kind]::int[])[1]",
    "an arm": "CASE WHEN id > 0 THEN {owner}.f(1) END",
    "a body in SQL": "{owner}.body(id)",
    "a superuser's body in SQL": "public.their_body(id)",
    "an argument that is left out": "{owner}.more(id)",
    "a call of a call": "id + {owner}.f(abs(-1))",
    "an element": "id + {owner}.f((ARRAY[1, 2])[1])",
    "what matters not to COALESCE": "{owner}.f(coalesce(1, id))",
    "what matters not to CASE": "{owner}.f(CASE WHEN true THEN 1 ELSE id END)",
    "what matters not to a CASE of values": "{owner}.f(CASE 1 WHEN 1 THEN 1"
    " ELSE id END)",
    "what matters not to OR": "{owner}.f(true OR id > 0)",
    "what matters not to a field": "{owner}.f((ROW(1, id)).f1)",
    "what matters not beside NULL": "{owner}.f(id + NULL::int)",
    "what matters not to a range of 17": "{owner}.f(id <@ 'empty'::int4range)",
}
ROWS = {
    "a column": "{owner}.f(id)",
    "a column among others": "{owner}.f(abs(id + 1)) + {owner}.more(id, 1)",
    "an operator": "CASE WHEN id OPERATOR({owner}.!==) 2 THEN 1 END",
    "NOT": "CASE WHEN NOT (id OPERATOR({owner}.===) 2) THEN 1 END",
    "a cast": "kind::int + ('{{7}}'::int[])[1]",
    "casts of elements": "(kinds::int[])[1]",
    "COALESCE": "{owner}.f(coalesce(id, 1))",
    "CASE": "{owner}.f(CASE WHEN id > 0 THEN 1 ELSE 2 END)",
    "CASE of values": "{owner}.f(CASE id WHEN 1 THEN 2 ELSE 3 END)",
    "OR": "{owner}.f(id > 0 OR id IS NULL)",
    "an element": "{owner}.f(ns[1]) + {owner}.f(greatest(id, 1))",
    "a body that stays where it is": "{owner}.closed(id)",
    "a body that calls nothing of theirs": "{owner}.plain(id)",
    "IN": "{owner}.f(id IN (1, 2))",
    "LIKE": "{owner}.f(id::text LIKE '1%')",
    "a precision": "{owner}.f(id::numeric(5, 1)::int)",
    "a constant that is computed beside": "{owner}.f(id / (60 * 60))",
    "whether a call is NULL": "{owner}.f((abs(id) IS NULL)::int)",
    "a field of a call": "{owner}.f(({owner}.pair_of(id)).n)",
}
PARTS = (
    "CREATE TABLE {owner}.x (id int) PARTITION BY RANGE (id);"
    "CREATE TABLE {owner}.y PARTITION OF {owner}.x (CHECK ({check}))"
    " FOR VALUES FROM (1) TO (2)"
)
LOOPING = (
    "CREATE TABLE {owner}.x (id int{more});"
    "CREATE FUNCTION {owner}.whole({owner}.x) RETURNS boolean LANGUAGE plpgsql"
    " AS 'BEGIN RETURN true; END';"
    "ALTER TABLE {owner}.x ADD CHECK ({owner}.whole(x) AND {check})"
)
TREES = {
    "a list": "CREATE TABLE {owner}.x (id int) PARTITION BY LIST ((id + {owner}.f(1)))",
    "a range": "CREATE TABLE {owner}.x (id int, n int) PARTITION BY RANGE"
    " (id, (n + {owner}.f(1)))",
    "a partition": PARTS.replace("{check}", "id > {owner}.f(1) - 10"),
    "a default partition": "CREATE TABLE {owner}.x (id int) PARTITION BY RANGE (id);"
    "CREATE TABLE {owner}.y PARTITION OF {owner}.x (CHECK (id > {owner}.f(1) - 10))"
    " DEFAULT;"
    "CREATE TABLE {owner}.z PARTITION OF {owner}.x FOR VALUES FROM (1) TO (2)",
    "a cast that was made since": PARTS.replace(
        "{check}", "'a'::text::{owner}.kind IS NOT NULL"
    )
    + "; CREATE CAST (text AS {owner}.kind) WITH FUNCTION {owner}.made",
    "a check of whole rows": LOOPING.replace("{check}", "id > {owner}.f(1)").replace(
        "{more}", ""
    ),
    "a virtual column of 18": LOOPING.replace("{check}", "id > {owner}.f(v)")
    .replace("{more}", ", v int GENERATED ALWAYS AS (1) VIRTUAL")
    .replace("({owner}.x)", "({owner}.x[])")
    .replace("(x)", "(NULL)"),
    "an index of a partition": PARTS.replace("{check}", "true")
    + "; CREATE INDEX ON {owner}.x ((id + {owner}.f(1)))",
    "what such an index leaves out": PARTS.replace("{check}", "true")
    + "; CREATE INDEX ON {owner}.x (id) WHERE id > {owner}.f(1)",
    "an index of a table with a key": "CREATE TABLE {owner}.x (id int REFERENCES"
    " {owner}.t); CREATE INDEX ON {owner}.x ((id + {owner}.f(1)))",
    "an index of a table that a key refers to": "CREATE TABLE {owner}.x (id int"
    " REFERENCES {owner}.t); CREATE INDEX ON {owner}.t (id) WHERE id > {owner}.f(1)",
    "statistics of 14 of a table with a key": "CREATE TABLE {owner}.x (id int"
    " REFERENCES {owner}.t); CREATE STATISTICS {owner}.s ON (id + {owner}.f(1))"
    " FROM {owner}.x",
}
PLAIN = {
    "a check": "CREATE TABLE {owner}.x (id int CHECK (id > {owner}.f(1)))",
    "a default": "CREATE TABLE {owner}.x (id int DEFAULT {owner}.f(1)) PARTITION BY"
    " LIST (id); CREATE TABLE {owner}.y PARTITION OF {owner}.x DEFAULT",
    "an index": "CREATE TABLE {owner}.x (id int);"
    " CREATE INDEX ON {owner}.x ((id + {owner}.f(1))) WHERE id > {owner}.f(2)",
    "a view": "CREATE VIEW {owner}.x AS SELECT {owner}.f(1);"
    " CREATE MATERIALIZED VIEW {owner}.y AS SELECT {owner}.f(1)",
    "a domain": "CREATE DOMAIN {owner}.d AS int DEFAULT {owner}.f(1)"
    " CHECK (value > {owner}.f(1) - 10); CREATE TABLE {owner}.x (id {owner}.d)",
    "a policy": "CREATE POLICY p ON {owner}.t USING (id > {owner}.f(1))",
    "a function that is not immutable": PARTS.replace("{check}", "id > {owner}.now(1)"),
    "a check of whole rows": LOOPING.replace("{check}", "id > {owner}.f(id)").replace(
        "{more}", ""
    ),
    "a check that is not valid": LOOPING.replace(
        "{check}", "id > {owner}.f(1)"
    ).replace("{more}", "")
    + " NOT VALID",
    "a function of the superuser": "RESET ROLE; CREATE FUNCTION public.g(int) RETURNS"
    " int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 1; END';"
    " SET ROLE {owner}; CREATE TABLE {owner}.x (id int,"
    " g int GENERATED ALWAYS AS (id + public.g(1)) STORED)",
}


def generated(expression: str) -> str:
    """Write a table with a generated column."""
    return (
        "CREATE TABLE {owner}.x (id int, kind {owner}.kind, kinds {owner}.kind[],"
        f" ns int[], g int GENERATED ALWAYS AS ({expression}) STORED)"
    )


@pytest.fixture
def planned_by_a_superuser(
    database: Any, make_role: Callable[..., Any], make_project: Callable[..., Any]
) -> Callable[[str], str | None]:
    """Return the code of the error at the plan of a schema, which gains no rights."""

    def plan(script: str) -> str | None:
        name = make_role().name
        database.execute(
            f'CREATE SCHEMA {name} AUTHORIZATION "{name}";'
            f'GRANT CREATE ON DATABASE {database.name} TO "{name}"; SET ROLE {name};'
            + CALLED.format(owner=name)
            + f"RESET ROLE; CREATE FUNCTION public.their_body(int) RETURNS int"
            f" LANGUAGE sql IMMUTABLE AS 'SELECT $1 + {name}.f(1)'; SET ROLE {name};"
            + script.format(owner=name)
        )
        code = None
        try:
            found = make_project(database.url).plan(zones=("default=UTC",))
        except Refused as error:
            named = (f"belongs to {name}", "belongs to an ordinary role")
            known = any(words in error.message for words in named)
            code = error.code if known else str(error)
        else:
            reasons = [c.reason for g in found.groups for c in g.columns if c.reason]
            assert reasons == []
            assert found.tried_on is not None
        assert not database.scalar(
            f"SELECT rolcreaterole FROM pg_roles WHERE rolname = '{name}'"
        )
        return code

    return plan


@pytest.mark.parametrize("what", CONSTANTS)
def test_no_table_is_made_that_has_functions_called_of_constants(
    what: str, database: Any, planned_by_a_superuser: Callable[[str], str | None]
) -> None:
    version = database.scalar("SELECT current_setting('server_version_num')::int")
    if "of 17" in what and version < 170000:
        pytest.skip("it computes the range for each row")
    assert planned_by_a_superuser(generated(CONSTANTS[what])) == "TZ652"


@pytest.mark.parametrize("what", TREES)
def test_nor_a_partition(
    what: str, database: Any, planned_by_a_superuser: Callable[[str], str | None]
) -> None:
    version = database.scalar("SELECT current_setting('server_version_num')::int")
    if (of := re.search(r"of (1[48])", what)) and version < int(of[1]) * 10000:
        pytest.skip("there is none yet")
    assert planned_by_a_superuser(TREES[what]) == "TZ652"


@pytest.mark.parametrize("what", ROWS)
def test_one_that_has_them_called_of_its_rows_is(
    what: str, planned_by_a_superuser: Callable[[str], str | None]
) -> None:
    assert planned_by_a_superuser(generated(ROWS[what])) is None


@pytest.mark.parametrize("what", PLAIN)
def test_so_is_what_nobody_computes_yet(
    what: str, planned_by_a_superuser: Callable[[str], str | None]
) -> None:
    assert planned_by_a_superuser(PLAIN[what]) is None
