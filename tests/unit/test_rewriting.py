"""How printed definitions are rewritten, text by text."""

from dataclasses import replace

import pytest

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

UTC = "Etc/UTC"
PARIS = "Europe/Paris"
TOKENS = [
    Token(word="tzq_1", name="at", zone=PARIS),
    Token(word="tzq_2", name="Done At", zone=PARIS),
    Token(word="tzq_3", name="utc", zone=UTC),
    Token(word="tzq_4", name="other", zone=UTC),
    Token(word="tzq_5", name="kept", zone=None),
    Token(word="tzq_6", name="list", zone=PARIS, naive=None),
    Token(word="tzq_7", name="range", zone=PARIS, naive="f({}, {zone}, {})"),
]
NAIVE = "timestamp without time zone"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("date_trunc('day'::text, tzq_1)", "date_trunc('day'::text, {at})"),
        ("(tzq_1)::date", "({at})::date"),
        ("(t.tzq_1 + '1 day'::interval)", "({t.at} + '1 day'::interval)"),
        ('("My T".tzq_2 > now())', '({"My T"."Done At"} > now())'),
        ("((t.row).tzq_1 = x)", "({(t.row).at} = x)"),
        ("(t.rows[(1 + 1)].tzq_1 = x)", "({t.rows[(1 + 1)].at} = x)"),
        ("((f(tzq_1)).tzq_2 IS NULL)", '((f({at}))."Done At" IS NULL)'),
        ("(tzq_1 AT TIME ZONE 'UTC'::text)", "({at} AT TIME ZONE 'UTC'::text)"),
        ("EXTRACT(day FROM tzq_1)", "EXTRACT(day FROM {at})"),
        ("f(a => tzq_1)", "f(a => {at})"),
        ("(tzq_5 > tzq_5)", "(kept > kept)"),
        ("(tzq_5 > tzq_1)", "(kept > {at})"),
        ("tzq_1", "{at}"),
        ("ARRAY[tzq_1, tzq_5]", "ARRAY[{at}, kept]"),
    ],
)
def test_a_use_becomes_the_naive_value(text: str, expected: str) -> None:
    for name in ("at", "t.at", '"My T"."Done At"', "(t.row).at"):
        expected = expected.replace(f"{{{name}}}", f"({name} AT TIME ZONE '{PARIS}')")
    name = "t.rows[(1 + 1)].at"
    expected = expected.replace(f"{{{name}}}", f"({name} AT TIME ZONE '{PARIS}')")
    assert rewrite_expression(text, TOKENS) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(tzq_1 IS NULL)", "(at IS NULL)"),
        ("(NOT (a.tzq_1 IS NOT NULL))", "(NOT (a.at IS NOT NULL))"),
        ("isfinite(tzq_1)", "isfinite(at)"),
        ("(new.tzq_1 <= old.tzq_2)", '(new.at <= old."Done At")'),
        ("(tzq_1 IS DISTINCT FROM tzq_2)", '(at IS DISTINCT FROM "Done At")'),
        ("(tzq_1 IS NOT DISTINCT FROM tzq_2)", '(at IS NOT DISTINCT FROM "Done At")'),
        ("(tzq_1 = ANY (ARRAY[tzq_2, tzq_1]))", '(at = ANY (ARRAY["Done At", at]))'),
        ("(tzq_6 = b.tzq_6)", "(list = b.list)"),
        ("(tzq_6 IS NULL)", "(list IS NULL)"),
    ],
)
def test_what_means_the_same_stays_bare(text: str, expected: str) -> None:
    assert rewrite_expression(text, TOKENS) == expected


@pytest.mark.parametrize(
    "text",
    [
        "(tzq_1 = tzq_3)",
        "(tzq_1 = tzq_5)",
        "public.isfinite(tzq_1)",
        "(tzq_1 IS DOCUMENT)",
        "(tzq_1 OPERATOR(public.=) tzq_2)",
        "(tzq_1 = ANY (ARRAY[tzq_2, tzq_5]))",
        f"(tzq_1 > '2020-01-01 00:00:00'::{NAIVE})",
        "(tzq_1 > '2020-01-01'::date)",
        "ROW(tzq_1, tzq_2)",
        "(a + tzq_1 = tzq_2)",
    ],
)
def test_what_may_differ_is_wrapped(text: str) -> None:
    rewritten = rewrite_expression(text, TOKENS)
    assert f"(at AT TIME ZONE '{PARIS}')" in rewritten


DAY = Token(word="tzq_8", name="days", zone=PARIS)
INSIDE = [
    replace(DAY, naive=None, element=DAY),
    Token(word="tzq_9", name="dates", zone=UTC, naive=None, element=TOKENS[2]),
    Token(word="tzq_10", name="stay", zone=PARIS, naive=None),
    Token(
        word="tzq_11",
        name="stays",
        zone=PARIS,
        naive=None,
        element=Token(word="tzq_11", name="stays", zone=PARIS, naive=None),
    ),
    Token(word="tzq_12", name="since", zone=PARIS),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(t.tzq_8[1])::date", "({t.days[1]})::date"),
        ("f(tzq_8[2][tzq_8[1]])", "f({days[2][{days[1]}]})"),
        ("(tzq_8[1] IS NULL)", "(days[1] IS NULL)"),
        ("array_length(tzq_8, 1)", "array_length(days, 1)"),
        ("f(unnest(tzq_8))", "f({unnest(days)})"),
        ("(x.tzq_8[1] = ANY (tzq_8))", "(x.days[1] = ANY (days))"),
        (f"('now'::{NAIVE} <= ALL (tzq_9))", "({now} <= ALL (dates))"),
        ("((tzq_10).tzq_12 > x)", "({(stay).since} > x)"),
        ("((t.tzq_10).room = x)", "((t.stay).room = x)"),
        ("(tzq_10 IS DISTINCT FROM NULL)", "(stay IS DISTINCT FROM NULL)"),
        ("(tzq_11[1].tzq_12)::date", "({stays[1].since})::date"),
        ("(t.tzq_11[1].room = x)", "(t.stays[1].room = x)"),
        ("((tzq_10).inner[1].tzq_12)::date", "({(stay).inner[1].since})::date"),
    ],
)
def test_elements_and_attributes_are_uses_as_columns_are(
    text: str, expected: str
) -> None:
    now = f"('now'::{NAIVE} AT TIME ZONE '{UTC}')"
    expected = expected.replace("{now}", now)
    expected = expected.replace("{", "(").replace("}", f" AT TIME ZONE '{PARIS}')")
    assert rewrite_expression(text, INSIDE) == expected


@pytest.mark.parametrize(
    "text",
    [
        "tzq_8[1:2]",
        "public.array_length(tzq_8, 1)",
        "array_position(tzq_8, x)",
        f"('now'::{NAIVE} = ANY (tzq_8))",
        "tzq_10",
        "unnest(tzq_8, tzq_9)",
    ],
)
def test_whole_arrays_and_rows_have_no_naive_value(text: str) -> None:
    with pytest.raises(Uncertain, match="no expression gives the naive value"):
        rewrite_expression(text, INSIDE)


def test_elements_in_from_are_what_the_array_is() -> None:
    query = rewrite_query(
        "SELECT d.day, (d.day)::date AS date, d.n FROM t, LATERAL"
        " unnest(t.tzq_8) WITH ORDINALITY d(day, n)",
        INSIDE,
        zoned_outputs=True,
    )
    assert query.outputs == (PARIS, None, None)
    assert f"((d.day AT TIME ZONE '{PARIS}'))::date" in query.text
    assert "unnest(t.days) WITH ORDINALITY d(day, n)" in query.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(tzq_3 > {0})", "(utc > {1})"),
        ("({0} <= t.tzq_3)", "({1} <= t.utc)"),
        ("(tzq_3 > tzq_4)", "(utc > other)"),
        ("(tzq_3 IS DISTINCT FROM {0})", "({2} IS DISTINCT FROM {0})"),
        ("(tzq_3 > ({0} + x))", "({2} > ({0} + x))"),
        ("(tzq_3 > '2020-01-01'::date)", "({2} > '2020-01-01'::date)"),
    ],
)
@pytest.mark.parametrize("type_name", [NAIVE, "timestamp(3) without time zone"])
def test_only_utc_compares_with_the_instant_of_a_constant(
    text: str, expected: str, type_name: str
) -> None:
    constant = f"'2020-01-01 00:00:00'::{type_name}"
    words = (
        constant,
        f"({constant} AT TIME ZONE 'Etc/UTC')",
        "(utc AT TIME ZONE 'Etc/UTC')",
    )
    assert rewrite_expression(text.format(*words), TOKENS) == expected.format(*words)


def test_a_template_gets_the_column_wherever_it_asks_for_it() -> None:
    assert rewrite_expression("lower(t.tzq_7)", TOKENS) == (
        "lower(f(t.range, 'Europe/Paris', t.range))"
    )


def test_names_and_constants_of_the_text_survive() -> None:
    text = """(('é''"x'::text || "É""b") ~ E'\\\\d+' AND (tzq_1 @@@ "tz""q_1"))"""
    assert rewrite_expression(text, TOKENS) == text.replace(
        "tzq_1 @", "(at AT TIME ZONE 'Europe/Paris') @"
    )


def test_a_function_called_like_a_command_is_only_a_function() -> None:
    assert rewrite_expression("show(tzq_1, 'a'::text)", TOKENS) == (
        "show((at AT TIME ZONE 'Europe/Paris'), 'a'::text)"
    )


@pytest.mark.parametrize(
    ("text", "reason", "place"),
    [
        ("(a >\n  'of tzq_1'::text)", "in a string", "line 2: 'of"),
        ("lower(tzq_6)", 'naive value of "list"', "line 1: tzq_6"),
        ("(a + tzq_1", "no partner", "line 1: (a + tzq_1"),
        ("a + 'tzq_1", "cannot be read", ""),
        ("(a /* tzq_1 */ > 1)", "cannot be read", "line 1"),
    ],
)
def test_what_is_not_certain_is_named_with_its_place(
    text: str, reason: str, place: str
) -> None:
    with pytest.raises(Uncertain) as caught:
        rewrite_expression(text, TOKENS)
    assert reason in caught.value.reason
    assert caught.value.place.startswith(place)


def test_an_index_keeps_its_plain_columns() -> None:
    text = (
        "CREATE UNIQUE INDEX i ON s.t USING btree (tzq_1 DESC, "
        "date_trunc('day'::text, tzq_1), ((tzq_2 - tzq_5)) tzq.interval_ops) "
        f"INCLUDE (tzq_2) WITH (fillfactor='70') WHERE (tzq_1 > '2020-01-01'::{NAIVE})"
    )
    assert rewrite_index(text, TOKENS) == (
        "CREATE UNIQUE INDEX i ON s.t USING btree (at DESC, date_trunc('day'::text, "
        "(at AT TIME ZONE 'Europe/Paris')), "
        "(((\"Done At\" AT TIME ZONE 'Europe/Paris') - kept)) tzq.interval_ops) "
        "INCLUDE (\"Done At\") WITH (fillfactor='70') WHERE "
        f"((at AT TIME ZONE 'Europe/Paris') > '2020-01-01'::{NAIVE})"
    )


def test_only_a_zoned_key_changes_its_operator_class() -> None:
    text = (
        "CREATE INDEX i ON s.t USING brin (tzq_1 timestamp_bloom_ops "
        "(false_positive_rate='0.1'), tzq_5 timestamp_minmax_multi_ops)"
    )
    assert rewrite_index(text, TOKENS) == (
        "CREATE INDEX i ON s.t USING brin (at timestamptz_bloom_ops "
        "(false_positive_rate='0.1'), kept timestamp_minmax_multi_ops)"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("UNIQUE (id, tzq_1)", "UNIQUE (id, at)"),
        ("NOT NULL tzq_2", 'NOT NULL "Done At"'),
        (
            "PRIMARY KEY (id, tzq_7 WITHOUT OVERLAPS)",
            "PRIMARY KEY (id, range WITHOUT OVERLAPS)",
        ),
        (
            "FOREIGN KEY (tzq_1) REFERENCES s.p(tzq_2) ON DELETE SET NULL (tzq_1)",
            'FOREIGN KEY (at) REFERENCES s.p("Done At") ON DELETE SET NULL (at)',
        ),
        (
            "EXCLUDE USING gist (tzq_7 WITH &&, tsrange(tzq_1, tzq_5) WITH &&)"
            " WHERE ((tzq_1 IS NULL)) DEFERRABLE",
            "EXCLUDE USING gist (range WITH &&, tsrange((at AT TIME ZONE"
            " 'Europe/Paris'), kept) WITH &&) WHERE ((at IS NULL)) DEFERRABLE",
        ),
        ("CHECK ((tzq_1 < tzq_2)) NOT VALID", 'CHECK ((at < "Done At")) NOT VALID'),
    ],
)
def test_a_constraint_keeps_its_plain_columns(text: str, expected: str) -> None:
    assert rewrite_constraint(text, TOKENS) == expected


def test_a_trigger_keeps_its_list_of_columns() -> None:
    text = (
        "CREATE TRIGGER g BEFORE INSERT OR UPDATE OF tzq_1, b ON s.t FOR EACH ROW"
        " WHEN (((new.tzq_1)::date > old.b)) EXECUTE FUNCTION s.f('WHEN', 'x')"
    )
    assert rewrite_trigger(text, TOKENS) == text.replace("OF tzq_1", "OF at").replace(
        "(new.tzq_1)", "((new.at AT TIME ZONE 'Europe/Paris'))"
    )


def test_statistics_keep_their_plain_columns() -> None:
    text = "CREATE STATISTICS s.x ON tzq_1, b, (tzq_1 - tzq_5) FROM s.t"
    assert rewrite_statistics(text, TOKENS) == (
        "CREATE STATISTICS s.x ON at, b, ((at AT TIME ZONE 'Europe/Paris') - kept)"
        " FROM s.t"
    )


@pytest.mark.parametrize(
    ("text", "zones"),
    [
        ("SELECT tzq_1, tzq_5, (tzq_3)::date AS d, tzq_3 FROM s.t;", "P--U"),
        ("SELECT t.tzq_1 AS a FROM s.t UNION SELECT u.tzq_2 FROM s.u", "P"),
        ("SELECT t.tzq_1 AS a FROM s.t UNION SELECT u.tzq_3 FROM s.u", "-"),
        (f"SELECT t.tzq_1 AS a FROM s.t UNION SELECT NULL::{NAIVE} AS a", "P"),
        (f"SELECT NULL::{NAIVE} AS a UNION SELECT NULL::{NAIVE} AS a", "-"),
        ("SELECT q.a, q.b FROM ( SELECT tzq_1 AS a, max(tzq_1) AS b FROM s.t) q", "P-"),
        (
            "WITH c(x) AS ( SELECT t.tzq_1 FROM s.t) SELECT c.x, d.y FROM c, c d(y)",
            "PP",
        ),
        ("SELECT ( SELECT t.tzq_1 FROM s.t) AS tzq_1", "-"),
        ("VALUES (1,2)", "--"),
        (
            "SELECT j.x FROM (( SELECT t.tzq_1 AS x FROM s.t) q JOIN s.u ON (true)) j",
            "P",
        ),
    ],
)
def test_bare_outputs_become_zoned(text: str, zones: str) -> None:
    names = {"P": PARIS, "U": UTC, "-": None}
    query = rewrite_query(text, TOKENS, zoned_outputs=True)
    assert query.outputs == tuple(names[z] for z in zones)
    naive = rewrite_query(text, TOKENS, zoned_outputs=False)
    assert set(naive.outputs) == {None}


def test_a_recursive_query_hands_over_only_what_all_its_parts_do() -> None:
    text = (
        "WITH RECURSIVE r(a, b, c) AS ( SELECT t.tzq_1, t.tzq_1, t.tzq_1 FROM s.t"
        " UNION ALL SELECT r.a, r.c, (r.c + '1 day'::interval) FROM r )"
        " SEARCH DEPTH FIRST BY a, b SET o CYCLE a, b SET y USING p"
        " SELECT r.a, r.b, r.c FROM r"
    )
    query = rewrite_query(text, TOKENS, zoned_outputs=True)
    # a stays what it was; b gets what c was, and c is computed
    assert query.outputs == (PARIS, None, None)
    assert "UNION ALL SELECT r.a, r.c, (r.c +" in query.text


def test_a_column_sorted_by_keeps_meaning_the_column() -> None:
    text = "SELECT tzq_1 AS a, x AS at FROM s.t ORDER BY tzq_1 DESC"
    query = rewrite_query(text, TOKENS, zoned_outputs=True)
    assert query.text == "SELECT at AS a, x AS at FROM s.t ORDER BY t.at DESC"


def test_a_wrapped_output_keeps_its_name() -> None:
    text = "SELECT q.p FROM s.t q(p)"
    query = rewrite_query(
        text, TOKENS, zoned_outputs=False, relations={"s.t": ("tzq_1",)}
    )
    assert query.text == ("SELECT (q.p AT TIME ZONE 'Europe/Paris') AS p FROM s.t q(p)")


USING = "SELECT a.p FROM (s.t a(p) JOIN s.u b(p) USING (p))"


@pytest.mark.parametrize(
    ("text", "relations", "reason"),
    [
        ("SELECT q.p FROM s.t q(p)", {}, "may hide"),
        (USING, {"s.t": ("tzq_1",), "s.u": ("p",)}, "only one is zoned"),
        (USING, {"s.t": ("tzq_1",), "s.u": ("tzq_3",)}, "only one is zoned"),
        ("SELECT q.kept FROM s.t q(kept, tzq_5)", {"s.t": ("a", "tzq_5")}, "same name"),
        ("SELECT 1 FROM (s.t JOIN s.u USING (tzq_1))", {}, "changes its type"),
        ("SELECT 1 FROM (s.t NATURAL JOIN s.u)", {}, "NATURAL"),
        (
            "SELECT row_to_json(q.*) AS j FROM ( SELECT t.tzq_1 AS a FROM s.t) q",
            {},
            "whole row",
        ),
        ("SELECT 1 FROM (s.t JOIN s.u ON (true)) j(a, b)", {}, "for a join"),
        ("EXPLAIN SELECT tzq_1", {}, "not understood"),
        (
            "SELECT ( SELECT max(u.b) AS max FROM s.u WHERE (u.b > t.tzq_1)) AS m"
            " FROM s.t GROUP BY t.tzq_1",
            {},
            "grouped by",
        ),
    ],
)
def test_a_query_that_hides_a_column_is_not_rewritten(
    text: str, relations: dict[str, tuple[str, ...]], reason: str
) -> None:
    with pytest.raises(Uncertain, match=reason):
        rewrite_query(text, TOKENS, zoned_outputs=True, relations=relations)


def test_an_array_in_rows_from_is_not_rewritten() -> None:
    element = Token(word="", name="list", zone=PARIS)
    array = Token(word="tzq_8", name="list", zone=PARIS, naive=None, element=element)
    text = "SELECT u.n FROM s.t, ROWS FROM(unnest(t.tzq_8), f(1)) u(x, n)"
    with pytest.raises(Uncertain, match="ROWS FROM takes no naive values"):
        rewrite_query(text, [array], zoned_outputs=True)


def test_both_sides_of_using_may_be_zoned_alike() -> None:
    query = rewrite_query(
        USING,
        TOKENS,
        zoned_outputs=True,
        relations={"s.t": ("tzq_1",), "s.u": ("tzq_2",)},
    )
    assert (query.text, query.outputs) == (USING, (PARIS,))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("new.tzq_2", 'new."Done At"'),
        ("now()", "now()"),
        ("NULL", "NULL"),
        ("DEFAULT", "DEFAULT"),
        ("CURRENT_DATE", "((CURRENT_DATE)::{0} AT TIME ZONE 'Europe/Paris')"),
        (
            "new.tzq_3",
            "(((new.utc AT TIME ZONE 'Etc/UTC'))::{0} AT TIME ZONE 'Europe/Paris')",
        ),
        ("new.tzq_5", "((new.kept)::{0} AT TIME ZONE 'Europe/Paris')"),
    ],
)
def test_an_assigned_value_becomes_zoned(value: str, expected: str) -> None:
    expected = expected.format(NAIVE)
    inserted = (
        "CREATE RULE r AS\n    ON INSERT TO s.v\n   WHERE (new.tzq_1 IS NULL) DO"
        " INSTEAD  INSERT INTO s.t (id, tzq_1) VALUES (1, {}) RETURNING t.tzq_1;"
    )
    assert rewrite_rule(inserted.format(value), TOKENS) == (
        inserted.format(expected).replace("tzq_1", "at")
    )
    updated = (
        "CREATE RULE r AS ON UPDATE TO s.v DO ( UPDATE s.t SET (id, tzq_1) ="
        " ( SELECT 1, {0}), tzq_1 = {0};\n NOTIFY x, 'y';\n DELETE FROM s.t;\n);"
    )
    assert rewrite_rule(updated.format(value), TOKENS) == (
        updated.format(expected).replace("tzq_1", "at")
    )


def test_what_a_rule_returns_may_stay_naive() -> None:
    text = "CREATE RULE r AS ON DELETE TO s.v DO INSTEAD DELETE FROM s.t RETURNING {};"
    rewritten = rewrite_rule(text.format("t.tzq_1"), TOKENS, zoned_returning=False)
    assert rewritten == text.format("(t.at AT TIME ZONE 'Europe/Paris') AS at")


def test_merge_assigns_as_update_and_insert_do() -> None:
    text = (
        "CREATE RULE r AS ON INSERT TO s.v DO INSTEAD MERGE INTO s.t x USING s.u"
        " ON ((x.tzq_1 = u.tzq_2)) WHEN MATCHED AND (x.tzq_1 > u.b)"
        " THEN UPDATE SET tzq_1 = u.b WHEN NOT MATCHED BY SOURCE THEN DELETE"
        " WHEN NOT MATCHED THEN INSERT (id, tzq_1) VALUES (1, u.tzq_2);"
    )
    assert rewrite_rule(text, TOKENS) == (
        "CREATE RULE r AS ON INSERT TO s.v DO INSTEAD MERGE INTO s.t x USING s.u"
        ' ON ((x.at = u."Done At")) WHEN MATCHED AND ((x.at AT TIME ZONE'
        " 'Europe/Paris') > u.b) THEN UPDATE SET at = ((u.b)::timestamp without time"
        " zone AT TIME ZONE 'Europe/Paris') WHEN NOT MATCHED BY SOURCE THEN DELETE"
        ' WHEN NOT MATCHED THEN INSERT (id, at) VALUES (1, u."Done At");'
    )


def test_a_part_of_a_column_is_not_assigned() -> None:
    text = "CREATE RULE r AS ON INSERT TO s.v DO ALSO UPDATE s.t SET tzq_6[1] = NULL;"
    with pytest.raises(Uncertain, match="a part of a column"):
        rewrite_rule(text, TOKENS)


HEAD = "CREATE OR REPLACE FUNCTION s.f(a date DEFAULT now())\n RETURNS x\n LANGUAGE sql"


@pytest.mark.parametrize(
    ("body", "naive", "zoned"),
    [
        ("RETURN t.tzq_1", "RETURN ({0} AT TIME ZONE '{1}')", "RETURN {0}"),
        (
            "BEGIN ATOMIC\n DELETE FROM s.t\n  RETURNING t.tzq_1;\nEND",
            "BEGIN ATOMIC\n DELETE FROM s.t\n  RETURNING ({0} AT TIME ZONE '{1}')"
            " AS at;\nEND",
            "BEGIN ATOMIC\n DELETE FROM s.t\n  RETURNING {0};\nEND",
        ),
        (
            "BEGIN ATOMIC\n SELECT t.tzq_1 AS b\n FROM s.t;\n SELECT t.tzq_1 AS b,"
            " CASE WHEN true THEN 1 END AS c FROM s.t;\nEND",
            "BEGIN ATOMIC\n SELECT ({0} AT TIME ZONE '{1}') AS b\n FROM s.t;\n SELECT"
            " ({0} AT TIME ZONE '{1}') AS b, CASE WHEN true THEN 1 END AS c"
            " FROM s.t;\nEND",
            "BEGIN ATOMIC\n SELECT ({0} AT TIME ZONE '{1}') AS b\n FROM s.t;\n SELECT"
            " {0} AS b, CASE WHEN true THEN 1 END AS c FROM s.t;\nEND",
        ),
        ("AS $function$ SELECT 1 $function$", None, None),
    ],
)
def test_a_routine_returns_what_it_is_told_to(
    body: str, naive: str | None, zoned: str | None
) -> None:
    for expected, as_zoned in ((naive, False), (zoned, True)):
        text = f"{HEAD}\n{body}"
        rewritten = rewrite_routine(text, TOKENS, zoned_results=as_zoned)
        result = (expected or body).format("t.at", PARIS) if expected else body
        assert rewritten == f"{HEAD}\n{result}"
