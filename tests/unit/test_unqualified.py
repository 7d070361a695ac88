"""A schema leaves a text where it is certainly one, and nowhere else."""

import json

import pytest

from tzmigrate.planning.model import DependentKind, PlannedDependent
from tzmigrate.planning.unqualified import Bound, digest, in_schema, unqualified
from tzmigrate.revisions import wire


@pytest.mark.parametrize(
    ("schema", "text", "expected"),
    [
        (
            "a",
            "ALTER TABLE a.t ALTER c TYPE x",
            "ALTER TABLE this_tenant.t ALTER c TYPE x",
        ),
        ("a", 'SELECT * FROM "a".t', "SELECT * FROM this_tenant.t"),
        ("a", 'SELECT * FROM "A".t', 'SELECT * FROM "A".t'),
        ("A", 'SELECT * FROM "A".t, a.t', "SELECT * FROM this_tenant.t, a.t"),
        ('a."b', 'SELECT * FROM "a.""b"."c.d"', 'SELECT * FROM this_tenant."c.d"'),
        ("a b", 'SELECT * FROM "a b".t', "SELECT * FROM this_tenant.t"),
        ("é", 'SELECT "é".f("é".t.ü)', "SELECT this_tenant.f(this_tenant.t.ü)"),
        ("a", "SELECT * FROM b.t, aa.t, ba.t", "SELECT * FROM b.t, aa.t, ba.t"),
        (
            "a",
            "SELECT 'apple.t', E'aa\\'s', $q$ba.$q$",
            "SELECT 'apple.t', E'aa\\'s', $q$ba.$q$",
        ),
        ("a", "SELECT /* a.t */ 1 -- a.t", "SELECT /* a.t */ 1 -- a.t"),
        (
            "a",
            "SELECT x::a.moment, y OPERATOR(a.@@) z",
            "SELECT x::this_tenant.moment, y OPERATOR(this_tenant.@@) z",
        ),
        (
            "a",
            "SELECT 1.5e3, x.b.c, $1 FROM a.t",
            "SELECT 1.5e3, x.b.c, $1 FROM this_tenant.t",
        ),
        ("a", "a.f(a.moment, integer)", "this_tenant.f(this_tenant.moment, integer)"),
        ("a", "a.moment[] without time zone", "this_tenant.moment[] without time zone"),
        ("a", "SELECT A.t FROM A.t", "SELECT this_tenant.t FROM this_tenant.t"),
    ],
)
def test_a_schema_is_left_out_where_it_qualifies_a_name(
    schema: str, text: str, expected: str
) -> None:
    assert unqualified(text, schema) == expected


@pytest.mark.parametrize(
    ("schema", "text", "words"),
    [
        ("a", "SELECT a.x FROM t a", "line 1, column 19"),
        ("a", "SELECT a.x FROM b.a", "line 1, column 19"),
        ("a", "SELECT x AS a FROM a.t", "line 1, column 13"),
        ("a", "SELECT (a).x FROM a.t", "line 1, column 9"),
        ("a", "SELECT x\nFROM a.t\nWHERE y = 'a.t'::regclass", "line 3, column 11"),
        ("a", "SELECT 'of a tenant'", "a constant holds a"),
        ("a", "SELECT $f$ SELECT A.x $f$", "a constant holds A"),
        ("a", "SELECT E'x\\n a.t'", "a constant holds a"),
        ("a", "SELECT 'a''b'", "a constant holds a"),
        ("a", "SELECT b'a'", "a constant holds a"),
        ('x"y', """SELECT 'x"y'""", "a constant holds"),
        ("new", "x WHEN ((old.at IS DISTINCT FROM new.at))", "another name"),
        ("old", "UPDATE old.t SET x = 1 WHERE id = old.id", "another name"),
        ("a", 'SELECT U&"\\0061".x FROM a.t', "escaped"),
        ("a", "SELECT 'a.t", "cannot be read"),
        ("a", "SELECT * FROM a.t, this_tenant.t", "this_tenant"),
    ],
)
def test_where_a_word_may_mean_something_else_its_place_is_told(
    schema: str, text: str, words: str
) -> None:
    with pytest.raises(Bound) as caught:
        unqualified(text, schema)
    assert words in caught.value.reason


def test_a_definition_is_known_by_the_same_digest_in_every_schema() -> None:
    view = DependentKind.VIEW
    assert digest(view, "SELECT a.t.x FROM a.t", "a") == digest(
        view, 'SELECT "b c".t.x FROM "b c".t', "b c"
    )
    assert digest(view, "SELECT a.x FROM c.a", "b") != digest(
        view, "SELECT b.x FROM c.b", "a"
    )


def test_texts_in_json_are_read_one_by_one() -> None:
    policy = DependentKind.POLICY

    def of(schema: str) -> str:
        using = f"(at > {schema}.f())"
        return json.dumps({"check": None, "using": using})

    assert digest(policy, of('"x y"'), "x y") == digest(policy, of("a"), "a")
    with pytest.raises(Bound):
        digest(policy, json.dumps({"using": "(x = 'a')"}), "a")


def test_functions_that_not_each_tenant_has_are_not_rewritten() -> None:
    found = [
        PlannedDependent(
            kind=DependentKind.FUNCTION,
            relation=f"{schema}.{name}(integer)",
            make=(f"CREATE FUNCTION {schema}.{name}(integer) AS {body!r}",),
            remake=(f"CREATE FUNCTION {schema}.{name}(integer) AS 'x'",),
        )
        for schema, name, body in (
            ("a", "f", "SELECT now()"),
            ("a", "g", "SELECT a.f(1)"),
            ("b", "f", "SELECT now()"),
        )
    ]
    (kept,) = in_schema(found, "a")
    assert kept.relation == "a.f(integer)"
    assert len(kept.before) == len(kept.after) == 1
    assert kept.before != kept.after


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "DROP VIEW this_tenant.v",
            "EXECUTE tzmigrate.here($sql$DROP VIEW this_tenant.v$sql$);",
        ),
        (
            "PERFORM tzmigrate.blank_view('this_tenant.v')",
            "PERFORM tzmigrate.blank_view(tzmigrate.here('this_tenant.v'));",
        ),
        (
            'DROP VIEW this_tenant."50%"',
            """EXECUTE tzmigrate.here(U&'DROP VIEW this_tenant."50\\0025"');""",
        ),
        (
            "CREATE VIEW this_tenant.v AS SELECT '$sql$'",
            "EXECUTE tzmigrate.here('CREATE VIEW this_tenant.v AS SELECT ''$sql$''');",
        ),
        ("DROP VIEW other.v", "DROP VIEW other.v;"),
    ],
)
def test_a_statement_is_told_the_schema_of_its_tenant(sql: str, expected: str) -> None:
    assert wire.guarded("true", sql).split("\n")[2] == expected
