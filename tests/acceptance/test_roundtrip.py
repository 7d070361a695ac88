"""Up, down and up again: nothing changes but what the plan announced."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tzmigrate.planning.model import Action, Plan, PlannedColumn, Strategy
from tzmigrate.postgres.quoting import readable_identifier, readable_name
from tzmigrate.postgres.sample import sample_directory
from tzmigrate.verification.model import Outcome

COLUMN = re.compile(
    r"    (?P<name>\"(?:[^\"]|\"\")+\"|[\w$]+) (?P<type>[a-z].*?)"
    r"(?: DEFAULT (?P<default>.+?))?(?P<rest>(?:(?: CONSTRAINT [\w$]+)? NOT NULL)?,?)"
)
Names = tuple[str, str, str]


def converted(
    database: Any, plan: Plan, *, printed: bool = False
) -> dict[Names, PlannedColumn]:
    """The columns that change, of tables and of what is below them in a tree.

    ``printed`` leaves out what a child inherits, which pg_dump does not repeat.
    """
    children: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for *parent, schema, name in database.execute(
        "SELECT p.relnamespace::regnamespace::text, p.relname::text,"
        " c.relnamespace::regnamespace::text, c.relname::text FROM pg_inherits i"
        " JOIN pg_class p ON p.oid = i.inhparent JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE c.relispartition OR NOT %s",
        [printed],
    ):
        children.setdefault((parent[0].strip('"'), parent[1]), []).append(
            (schema.strip('"'), name)
        )
    found = {}
    for column in (c for g in plan.groups for c in g.converted):
        tree = [(column.schema, column.relation)]
        for relation in tree:
            tree += children.get(relation, [])
            found[(*relation, column.column)] = column
    return found


def announced(database: Any, plan: Plan) -> dict[str, dict[str, PlannedColumn]]:
    """The columns that change: relation and column, as pg_dump names them."""
    found: dict[str, dict[str, PlannedColumn]] = {}
    for (schema, relation, name), column in converted(
        database, plan, printed=True
    ).items():
        of_one = found.setdefault(readable_name(schema, relation), {})
        of_one[readable_identifier(name)] = column
    return found


def printed(database: Any, column: PlannedColumn, type_: str) -> str | None:
    """The announced default, as the server prints it."""
    if column.default_after is None:
        return None
    with database.connect() as connection:
        connection.execute(
            f"CREATE TEMP TABLE d (at {type_} DEFAULT {column.default_after})"
        )
        row = connection.execute(
            "SET LOCAL search_path = pg_catalog, pg_temp;"
            "SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef"
            " WHERE adrelid = 'd'::regclass"
        )
        while row.nextset():
            pass
        text = row.fetchone()
        connection.rollback()
    return str(text[0])


def bare(text: str) -> str:
    """A definition without what the conversion may put into it."""
    text = re.sub(r"timestamp(?:\(\d\))? with(?:out)? time zone", "timestamp", text)
    text = re.sub(r" AT TIME ZONE '[\w/]+'(?:::text)?", "", text)
    # as PostgreSQL 13 prints it
    text = re.sub(r"timezone\('[\w/]+'::text, ", "", text)
    return re.sub(r"[()\s]", "", text)


def blocks(dump: str) -> list[tuple[str, str]]:
    """The objects of a dump, each with its kind and name as the plan says them."""
    found = []
    for block in dump.split("\n--\n-- Name: ")[1:]:
        head, _, text = block.partition("\n")
        name, kind, schema = (p.partition(": ")[2] or p for p in head.split("; ")[:3])
        label = f"{kind.lower().removeprefix('check ').removeprefix('fk ')} {schema}"
        found.append((f"{label}.{name}", text))
    return found


def made_anew(plan: Plan) -> set[str]:
    """What the plan makes anew, named as ``blocks`` does."""
    names = set()
    for dependent in (d for g in plan.groups for d in g.dependents):
        relation = dependent.relation.replace('"', "")
        part = f" {dependent.name}" if dependent.name else ""
        names.add(f"{dependent.kind.value} {relation}{part}")
    # and the types that keep their names
    return names | {
        f"{type_.kind.value} {type_.relation}".replace('"', "")
        for type_ in (t for g in plan.groups for t in g.types)
    }


def check_schema(database: Any, plan: Plan, before: str, after: str) -> None:
    """Every line that differs is an announced column, or in something made anew."""
    wanted = announced(database, plan)
    expected = made_anew(plan)
    changed = []
    first, second = blocks(before), blocks(after)
    assert [label for label, _ in first] == [label for label, _ in second]
    for (label, was_text), (_, now_text) in zip(first, second, strict=True):
        if was_text == now_text:
            continue
        if not label.startswith("table "):
            assert label in expected
            assert bare(was_text) == bare(now_text)
            continue
        table = was_text.partition("CREATE TABLE ")[2].partition(" (")[0]
        for old, new in zip(was_text.splitlines(), now_text.splitlines(), strict=True):
            if old == new:
                continue
            if constraint := re.fullmatch(r"    CONSTRAINT (\S+) CHECK .*", old):
                name = f"constraint {table} {constraint[1]}".replace('"', "")
                assert name in expected
                assert bare(old) == bare(new)
                continue
            was, now = COLUMN.fullmatch(old), COLUMN.fullmatch(new)
            assert was, old
            assert now, new
            assert (was["name"], was["rest"]) == (now["name"], now["rest"])
            if " GENERATED ALWAYS AS " in old:
                assert f"generated column {table} {was['name']}" in expected
                assert bare(old) == bare(new)
                if column := wanted[table].get(was["name"]):
                    assert now["type"].startswith(f"{column.type_after} GENERATED ")
                    changed.append((table, was["name"]))
                continue
            column = wanted[table][was["name"]]
            if was["type"] == now["type"]:
                assert {f"domain {was['type']}", f"type {was['type']}"} & expected
            else:
                types = (column.type_before, column.type_after)
                assert (was["type"], now["type"]) == types
            assert was["default"] == column.default_before
            assert now["default"] == printed(database, column, now["type"])
            changed.append((table, was["name"]))
    # the line of a column whose type is replaced by one of its name differs only in a
    # default
    types = {t.relation for g in plan.groups for t in g.types}
    assert sorted(changed) == sorted(
        (relation, name)
        for relation, columns in wanted.items()
        for name, column in columns.items()
        if (relation, name) in changed
        or column.type_before.partition(" with")[0] not in types
    )


def schema_of(dump: str) -> str:
    """A dump without the rows."""
    return re.sub(r"(?ms)^COPY .*?^\\\.$", "", dump)


WALL = """
CREATE FUNCTION pg_temp.wall(value anyelement, zone text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    session_zone text = current_setting('TimeZone');
    wall text;
BEGIN
    PERFORM set_config('TimeZone', zone, true);
    wall = regexp_replace(
        value::text, '(:\\d\\d(\\.\\d+)?)[+-]\\d\\d(:\\d\\d)*', '\\1', 'g'
    );
    PERFORM set_config('TimeZone', session_zone, true);
    RETURN wall;
END $$
"""
"""Scalars, arrays and ranges alike as wall clocks of a zone."""


def rows(database: Any, zones: dict[Names, str]) -> dict[str, list[str]]:
    """All rows of tables and views, converted columns as wall clocks of their zone."""
    columns = database.execute(
        "SELECT n.nspname::text, c.relname::text, a.attname::text"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE c.relkind IN ('r', 'm', 'v') AND a.attnum > 0 AND NOT a.attisdropped"
        " AND n.nspname IN ('app', 'Reporting', 'public')"
        " AND c.relname <> 'alembic_version' ORDER BY 1, 2, a.attname"
    )
    tables: dict[tuple[str, str], list[str]] = {}
    for schema, relation, column in columns:
        text = f"{readable_identifier(column)}::text"
        if zone := zones.get((schema, relation, column)):
            text = f"pg_temp.wall({readable_identifier(column)}, '{zone}')"
        tables.setdefault((schema, relation), []).append(text)
    found = {}
    with database.connect() as connection:
        connection.execute(WALL)
        for name, texts in tables.items():
            connection.execute("SET TimeZone = 'Asia/Kathmandu'")
            label = readable_name(*name)
            listed = connection.execute(
                f"SELECT ARRAY[{', '.join(texts)}]::text FROM {label}"
            ).fetchall()
            found[label] = sorted(text for (text,) in listed)
    return found


def column_zones(database: Any, plan: Plan) -> dict[Names, str]:
    """The zone of each column that became zoned, of tables and of views."""
    found = {
        name: "Etc/UTC" if column.zone == "UTC" else str(column.zone)
        for name, column in converted(database, plan).items()
    }
    for group in plan.groups:
        for view in (d for d in group.dependents if d.zoned):
            # the views of these tests show columns of one zone each
            (zone,) = {
                "Etc/UTC" if c.zone == "UTC" else c.zone for c in group.converted
            }
            schema, _, name = view.relation.replace('"', "").partition(".")
            zone = "Etc/UTC" if zone == "UTC" else str(zone)
            found |= {(schema, name, column): zone for column in view.zoned}
    return found


def file_nodes(database: Any) -> dict[str, int]:
    return dict(
        database.execute(
            "SELECT c.oid::regclass::text, pg_relation_filenode(c.oid) FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r'"
            " AND n.nspname IN ('app', 'Reporting', 'public')"
            " AND c.relname <> 'alembic_version'"
        )
    )


def test_the_sample_application_goes_up_down_and_up_again(
    sample: Any,
    make_project: Callable[..., Any],
    canonical_dump: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    project = make_project(sample.url)
    monkeypatch.chdir(project.root)
    config = (sample_directory() / "tzmigrate.toml").read_text("utf-8")
    project.configure(f'{config}\n[policy]\naccept = ["TZ301"]\noverlap = "later"\n')
    before = canonical_dump(sample)
    values = rows(sample, {})
    nodes = file_nodes(sample)

    plan = project.plan(accept=())
    assert plan.decisions == ()
    converting = [c for g in plan.groups for c in g.converted]
    assert len(converting) >= 50
    assert {g.strategy for g in plan.groups} >= {Strategy.METADATA, Strategy.REWRITE}
    refused = {
        (c.relation, c.column): c.code
        for g in plan.groups
        for c in g.columns
        if c.action is Action.REFUSE
    }
    assert refused["bookings", "starts_at"] == "TZ304"
    project.apply()

    upgraded = canonical_dump(sample)
    check_schema(sample, plan, schema_of(before), schema_of(upgraded))
    assert rows(sample, column_zones(sample, plan)) == values
    rewritten = {
        readable_name(r.schema, r.name)
        for g in plan.groups
        for r in g.relations
        if g.strategy is Strategy.REWRITE
    }
    after = file_nodes(sample)
    changed = {name for name, node in nodes.items() if after[name] != node}
    assert changed == rewritten
    proof = project.verify()
    assert {
        (c.relation, c.column): c.outcome
        for c in proof.columns
        if c.outcome is not Outcome.PROVED and c.rows_total > 0
    } == {}
    assert len(proof.columns) == len(converting)

    project.alembic("downgrade", "base")
    assert canonical_dump(sample) == before
    assert sample.scalar("SELECT to_regnamespace('tzmigrate') IS NULL")

    assert project.plan(accept=()).written == ()
    project.alembic("upgrade", "head")
    assert canonical_dump(sample) == upgraded


# ------------------------------------------------------------ how it is done

MANY = """
CREATE TABLE many (
    id int PRIMARY KEY,
    a timestamp NOT NULL DEFAULT now(), b timestamp(6), c timestamp UNIQUE,
    d timestamp DEFAULT 'infinity', note text
);
CREATE INDEX many_included ON many (id) INCLUDE (b);
CREATE INDEX many_other ON many (note);
INSERT INTO many SELECT g, '2024-01-01', '2024-01-01 00:00:00.000001',
    timestamp '2024-01-01' + g * interval '1 s', NULL, repeat('x', 3000)
FROM generate_series(1, 500) AS g;
"""


def alters(project: Any, plan: Plan) -> list[int]:
    """How often each group's file alters the table, up and down together."""
    return [
        path.read_text("utf-8").count("ALTER TABLE ")
        for path in project.revisions
        if "tz_support" not in path.name
    ]


def test_utc_columns_convert_in_one_statement_and_the_heap_stays(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(MANY)
    nodes = (
        "SELECT pg_relation_filenode('many'), pg_relation_filenode('many_included'),"
        " pg_relation_filenode('many_other'), (SELECT pg_relation_filenode("
        "reltoastrelid) FROM pg_class WHERE oid = 'many'::regclass)"
    )
    before = database.execute(nodes)
    project = make_project(database.url)
    plan = project.plan(zones=("default=UTC",))
    assert [g.strategy for g in plan.groups] == [Strategy.METADATA]
    assert alters(project, plan) == [2]
    project.apply()
    assert database.execute(nodes) == before
    assert {c.type_after for c in plan.groups[0].converted} == {
        "timestamp with time zone",
        "timestamp(6) with time zone",
    }
    assert project.verify(level="physical").outcome is Outcome.PROVED
    project.rollback()
    assert database.execute(nodes) == before


def test_a_physical_proof_speaks_of_no_value_that_was_written_since(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute("CREATE TABLE t (id int PRIMARY KEY, at timestamp)")
    database.execute("INSERT INTO t SELECT n, '2024-01-01' FROM generate_series(1,9) n")
    project = make_project(database.url)
    project.plan(zones=("default=UTC",))
    project.apply()
    database.execute("UPDATE t SET at = '2024-05-05 00:00:07+00' WHERE id = 1")
    (found,) = project.verify(level="physical").columns
    assert (found.outcome, found.changed) == (Outcome.PROVED, 1)
    assert found.confidence.startswith("every value that nobody wrote since kept")


def test_a_heap_that_would_be_rewritten_after_all_stops_the_revision(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(MANY)
    node = database.scalar("SELECT pg_relation_filenode('many')")
    project = make_project(database.url)
    project.plan(zones=("default=UTC",))
    (path,) = [p for p in project.revisions if "tz_many" in p.name]
    text = path.read_text("utf-8")
    spoiled = text.replace(
        "ALTER COLUMN a TYPE timestamptz", "ALTER COLUMN a TYPE timestamptz(3)", 1
    )
    assert spoiled != text
    path.write_text(spoiled, "utf-8")
    done = project.alembic("upgrade", "head", check=False)
    assert done.returncode == 1
    assert "tzmigrate TZ40" in done.stderr
    assert database.scalar("SELECT pg_relation_filenode('many')") == node
    assert database.scalar("SELECT pg_typeof(a)::text FROM many LIMIT 1") == (
        "timestamp without time zone"
    )


def test_narrow_precision_is_announced_as_a_rewrite_and_kept(
    database: Any, make_project: Callable[..., Any], canonical_dump: Callable[..., str]
) -> None:
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, a timestamp(3) DEFAULT now(),"
        " b timestamp(0), c timestamp);"
        "INSERT INTO t VALUES (1, '2024-12-31 23:59:59.999', '2024-12-31 23:59:59',"
        " '2024-12-31 23:59:59.999999'), (2, 'infinity', NULL, '0001-01-01')"
    )
    before = canonical_dump(database)
    node = database.scalar("SELECT pg_relation_filenode('t')")
    project = make_project(database.url)
    plan = project.plan(zones=("default=UTC",))
    (group,) = plan.groups
    assert group.strategy is Strategy.REWRITE
    assert "rewritten" in group.lock_reason
    assert [c.type_after for c in group.columns] == [
        "timestamp(3) with time zone",
        "timestamp(0) with time zone",
        "timestamp with time zone",
    ]
    assert alters(project, plan) == [2]
    project.apply()
    assert database.scalar("SELECT pg_relation_filenode('t')") != node
    assert database.execute(
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid ="
        " 't'::regclass AND attname IN ('a', 'b', 'c') ORDER BY attnum"
    ) == [(c.type_after,) for c in group.columns]
    assert database.scalar(
        "SELECT a = '2024-12-31 23:59:59.999+00' AND b = '2024-12-31 23:59:59+00' AND"
        " c = '2024-12-31 23:59:59.999999+00' FROM t WHERE id = 1"
    )
    assert project.verify().outcome is Outcome.PROVED
    project.rollback()
    assert canonical_dump(database) == before


HOSTILE = """
CREATE TABLE several (
    utc timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'utc'),
    new_york timestamp NOT NULL DEFAULT LOCALTIMESTAMP, lord_howe timestamp,
    kolkata timestamp(2), PRIMARY KEY (new_york, utc)
);
CREATE TABLE no_key (lord_howe timestamp, n int);
CREATE TABLE tree (id int, region text, new_york timestamp, PRIMARY KEY (id, region))
    PARTITION BY LIST (region);
CREATE TABLE tree_a PARTITION OF tree FOR VALUES IN ('a') PARTITION BY LIST (region);
CREATE TABLE tree_a_1 PARTITION OF tree_a FOR VALUES IN ('a');
CREATE TABLE tree_b (region text, new_york timestamp, gone int, id int NOT NULL,
    PRIMARY KEY (id, region));
ALTER TABLE tree_b DROP COLUMN gone;
ALTER TABLE tree ATTACH PARTITION tree_b DEFAULT;
CREATE INDEX ON tree (new_york);
CREATE TABLE guarded (id int PRIMARY KEY, kolkata timestamp);
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
ALTER TABLE guarded FORCE ROW LEVEL SECURITY;
CREATE POLICY half ON guarded USING (id % 2 = 0);
CREATE TABLE nothing (
    id int PRIMARY KEY, new_york timestamp DEFAULT '2024-03-10 02:30'
);
CREATE TABLE twice ("A" timestamp, b timestamp, utc timestamp, UNIQUE ("A", b));
INSERT INTO several SELECT x, x, x, x FROM good;
INSERT INTO no_key SELECT x, 1 FROM good, generate_series(1, 2);
INSERT INTO tree SELECT row_number() OVER (),
    CASE WHEN isfinite(x) THEN 'a' ELSE 'c' END,
    x FROM good;
INSERT INTO guarded SELECT row_number() OVER (), x FROM good;
INSERT INTO twice SELECT NULL, x, x FROM good;
DROP TABLE good;
"""
GOOD = """
CREATE TABLE good AS SELECT x FROM (
    SELECT g FROM generate_series(timestamp '1880-01-01', '2030-01-01',
        '97 days 5 hours 7.000001 seconds') AS g
    UNION ALL SELECT * FROM unnest(ARRAY['infinity', '-infinity', '0001-01-01',
        '0300-12-31 23:59:59.999999 BC', '99999-01-01']::timestamp[])
) AS v (x) WHERE extract(hour FROM x) NOT BETWEEN 0 AND 3 OR NOT isfinite(x)
    OR x < '1800-01-01' OR x > '9999-01-01';
"""


def test_tables_that_are_hard_to_rewrite_come_back_equal(
    database: Any,
    make_project: Callable[..., Any],
    canonical_dump: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database.execute(GOOD)
    database.execute(HOSTILE)
    before = canonical_dump(database)
    values = rows(database, {})
    project = make_project(database.url)
    monkeypatch.chdir(project.root)
    project.configure(
        '[zones]\n"*.*.utc" = "UTC"\n"*.*.new_york" = "America/New_York"\n'
        '"*.*.kolkata" = "Asia/Kolkata"\n"*.*.lord_howe" = "Australia/Lord_Howe"\n'
        '"*.twice.A" = "Asia/Kolkata"\n"*.twice.b" = "America/New_York"\n'
        '[policy]\noverlap = "later"\n'
    )
    plan = project.plan()
    assert plan.decisions == ()
    refusals = [
        (c.relation, c.column, c.code, c.reason)
        for g in plan.groups
        for c in g.columns
        if c.action is not Action.CONVERT
    ]
    assert refusals == []
    assert alters(project, plan) == [2] * sum(1 for g in plan.groups if g.tables)
    project.apply()
    upgraded = canonical_dump(database)
    check_schema(database, plan, schema_of(before), schema_of(upgraded))
    assert rows(database, column_zones(database, plan)) == values
    assert {c.outcome for c in project.verify().columns if c.rows_total > 0} == {
        Outcome.PROVED
    }
    project.rollback(everything=True)
    assert canonical_dump(database) == before
