"""Random schemas go up, show the same in between, and come back equal.

Environment:
    TZMIGRATE_TEST_SCHEMAS   how many schemas are tried; skipped if unset
    TZMIGRATE_TEST_SEED      a number: tries others than those of every run
"""

import datetime as dt
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, event, given, note, seed, settings
from hypothesis import strategies as st

from tests.acceptance.conftest import make_project  # noqa: F401  a fixture
from tests.acceptance.test_names_that_bite import NAMES
from tests.observing import (
    Attribute,
    Observer,
    quoted,
    session,
    types,
    with_children,
    worse,
    zoned,
)
from tzmigrate.postgres.quoting import readable_identifier
from tzmigrate.verification.model import Outcome

SCHEMAS = int(os.environ.get("TZMIGRATE_TEST_SCHEMAS", "0"))
SEED = os.environ.get("TZMIGRATE_TEST_SEED")
pytestmark = pytest.mark.skipif(SCHEMAS == 0, reason="TZMIGRATE_TEST_SCHEMAS is unset")

ZONES = (
    "UTC",
    "America/New_York",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "Africa/Casablanca",
    "Asia/Kathmandu",
)
BOUNDARIES = (
    "2021-03-14 01:59:59.999999",
    "2021-03-14 03:00:00",
    "2021-11-07 00:59:59.999999",
    "2021-11-07 01:00:00",
    "2021-11-07 01:30:00.000001",
    "2021-11-07 02:00:00",
    "2021-10-31 02:30:00",
    "2021-03-28 03:00:00",
    "2021-04-04 01:45:00",
    "1883-11-18 12:03:58",
    "1970-01-01 00:00:00",
    "1999-12-31 23:59:59.999999",
    "2000-01-01 00:00:00",
    "infinity",
    "-infinity",
    "0044-03-15 12:00:00 BC",
    "0001-01-01 00:00:00",
    "9999-12-31 23:59:59.999999",
)
"""Beside and in clock changes, and at the ends of what programs can hold."""

MOMENTS = st.one_of(
    st.sampled_from(BOUNDARIES),
    st.tuples(st.dates(dt.date(1900, 1, 1), dt.date(2100, 1, 1)), st.times()).map(
        lambda at: f"{at[0]} {at[1]}"
    ),
)
NOONS = st.dates(dt.date(1950, 1, 1), dt.date(2100, 1, 1)).map(
    lambda day: f"{day} 12:00:00"
)


@dataclass(frozen=True)
class Family:
    """A type of column: its name, and how values are written."""

    type: str
    values: st.SearchStrategy[str]
    scalar: bool = True
    since: int = 13


RANGES = st.tuples(NOONS, NOONS, st.sampled_from(("[]", "[)", "(]", "()"))).map(
    lambda r: f"{r[2][0]}{min(r[:2])},{max(r[:2])}{r[2][1]}"
)
FAMILIES = (
    Family("timestamp", MOMENTS),
    Family("timestamp", MOMENTS),
    Family("timestamp(3)", MOMENTS),
    Family("timestamp(0)", NOONS),
    Family("@domain@", NOONS),
    Family(
        "timestamp[]",
        st.lists(st.one_of(NOONS.map(lambda v: f'"{v}"'), st.just("NULL"))).map(
            lambda items: "{" + ",".join(items) + "}"
        ),
        scalar=False,
    ),
    Family(
        "tsrange",
        st.one_of(RANGES, st.sampled_from(("empty", "(,)", "[infinity,]"))),
        scalar=False,
    ),
    Family(
        "tsmultirange",
        RANGES.map(lambda r: "{" + r + "}"),
        scalar=False,
        since=14,
    ),
)

# {c} and {d} are columns, of {t}; an alternative that does not fit fails to be made
CHECKS = (
    "{c} IS NOT NULL OR {n} > 0",
    "{c} > '1000-01-01' OR {n} >= 0",
    "{c}::date > '1900-01-01' OR {n} >= 0",
    "date_trunc('day', {c}) <= {c}",
    "{c} <= {d} OR {n} >= 0",
    "extract(year FROM {c}) <> 2003 OR {c} IS NULL",
    "{c} + interval '1 day' > {c} OR NOT isfinite({c})",
)
INDEXES = (
    "({c})",
    "({c} DESC NULLS LAST, {n})",
    "(({c}::date))",
    "(date_trunc('hour', {c}))",
    "(({c} + interval '1 day'), {n})",
    "(coalesce({c}, {d}))",
    "({n}) WHERE {c} > '2000-01-01'",
    "({n}) INCLUDE ({c})",
    "({n}) WHERE {c} IS NOT NULL AND {d} < 'infinity'",
    "USING brin ({c})",
    "USING hash ({c})",
)
DEFAULTS = (
    "now()",
    "(now() AT TIME ZONE 'utc')",
    "LOCALTIMESTAMP",
    "'2020-02-03 04:05:06.789'",
    "CURRENT_DATE",
    "'infinity'",
    "timezone('utc', now()) + interval '30 days'",
)
GENERATED = (
    "date GENERATED ALWAYS AS ({c}::date) STORED",
    "boolean GENERATED ALWAYS AS ({c} > '2000-01-01') STORED",
    "numeric GENERATED ALWAYS AS (date_part('hour', {c})) STORED",
)
OUTPUTS = (
    "{c}",
    "{c}::date",
    "date_trunc('month', {c})",
    "{c} > '2000-01-01'",
    "{c} + interval '1 day'",
    "to_char({c}, 'YYYY-MM-DD HH24:MI:SS.US')",
    "coalesce({c}, '2000-01-01')",
    "extract(hour FROM {c})",
    "rank() OVER (ORDER BY {c})",
    "(SELECT count(*) FROM {t} AS sub WHERE sub.{c0} < {c})",
    "CASE WHEN {c} IS NULL THEN '1999-09-09' ELSE {c} END",
)
CONDITIONS = (
    "true",
    "{c} > '1990-01-01'",
    "{c} IS NOT NULL",
    "{c}::date <> '2021-03-14'",
    "{c} = (SELECT max(sub.{c0}) FROM {t} AS sub)",
)
POLICIES = ("{c} > '1990-01-01'", "{c}::date < '2050-01-01' OR {n} > 3")
TRIGGERS = (
    "BEFORE UPDATE OF {c} ON {t} FOR EACH ROW",
    "BEFORE INSERT OR UPDATE ON {t} FOR EACH ROW WHEN (new.{c} > '2000-01-01')",
    "BEFORE UPDATE ON {t} FOR EACH ROW"
    " WHEN (old.{c}::date IS DISTINCT FROM new.{c}::date)",
)


@dataclass
class Script:
    """The statements of a schema, each of which may fail and is left out then."""

    draw: Any
    version: int
    names: list[str]
    statements: list[str] = field(default_factory=list)

    def add(self, statement: str) -> None:
        self.statements.append(statement)

    def name(self) -> str:
        return quoted(self.names.pop())

    def choose(self, options: Any) -> Any:
        return self.draw(st.sampled_from(options))

    def maybe(self, share: int = 2) -> bool:
        """Return true once in ``share`` times, roughly."""
        return self.draw(st.integers(1, share)) == share


@dataclass(frozen=True)
class Made:
    """A table or view, with its naive columns that are scalars."""

    name: str
    scalars: tuple[str, ...]
    key: bool = False


def table(script: Script, schema: str) -> Made:
    """Add a table, with rows and with what leans on it."""
    name = f"{schema}.{script.name()}"
    families = [f for f in FAMILIES if f.since <= script.version]
    columns = [
        (script.name(), script.choose(families))
        for _ in range(script.draw(st.integers(1, 3)))
    ]
    parts = ["n int"]
    for column, family in columns:
        part = f"{column} {family.type.replace('@domain@', f'{schema}.moment')}"
        if family.scalar and script.maybe():
            part += f" DEFAULT {script.choose(DEFAULTS)}"
        parts.append(part)
    kind = script.choose(("plain", "plain", "keyed", "keyed", "tree", "parent"))
    if kind == "keyed":
        parts[0] += " PRIMARY KEY"
    scalars = tuple(c for c, family in columns if family.scalar)
    for c in scalars:
        if script.maybe(3):
            generated = script.choose(GENERATED).format(c=c)
            parts.append(f"{script.name()} {generated}")
    tail = " PARTITION BY LIST (n)" if kind == "tree" else ""
    script.add(f"CREATE TABLE {name} ({', '.join(parts)}){tail}")
    if kind == "tree":
        script.add(f"CREATE TABLE {schema}.{script.name()} PARTITION OF {name} DEFAULT")
    if kind == "parent":
        child = f"{schema}.{script.name()}"
        script.add(f"CREATE TABLE {child} (more int) INHERITS ({name})")
    made = Made(name, scalars, key=kind == "keyed")
    listed = ", ".join(["n", *(c for c, _ in columns)])
    for n in range(script.draw(st.integers(1, 5))):
        values = [
            "NULL" if script.maybe(5) else "'" + script.draw(family.values) + "'"
            for _, family in columns
        ]
        script.add(f"INSERT INTO {name} ({listed}) VALUES ({n}, {', '.join(values)})")
    if scalars:
        lean(script, made)
    if script.maybe():
        script.add(f"GRANT SELECT, UPDATE ON {name} TO PUBLIC")
        script.add(f"COMMENT ON COLUMN {name}.{columns[0][0]} IS 'it''s :c 100% \\'")
    return made


def filled(script: Script, template: str, made: Made, row: str = "") -> str:
    c, d = script.choose(made.scalars), script.choose(made.scalars)
    return template.format(
        c=row + c, d=row + d, n=row + "n", t=made.name, c0=made.scalars[0]
    )


def lean(script: Script, made: Made) -> None:
    """Add what leans on a table."""
    for _ in range(script.draw(st.integers(0, 2))):
        check = filled(script, script.choose(CHECKS), made)
        state = script.choose(("", "", " NOT VALID"))
        script.add(f"ALTER TABLE {made.name} ADD CHECK ({check}){state}")
    for _ in range(script.draw(st.integers(0, 3))):
        index = filled(script, script.choose(INDEXES), made)
        script.add(f"CREATE INDEX ON {made.name} {index}")
    if script.maybe(3):
        script.add(
            f"ALTER TABLE {made.name} ADD UNIQUE ({script.choose(made.scalars)}, n)"
        )
    if script.maybe(4):
        trigger = filled(script, script.choose(TRIGGERS), made)
        script.add(
            f"CREATE TRIGGER {script.name()} {trigger} EXECUTE FUNCTION s_all.pass()"
        )
    if script.maybe(4):
        script.add(f"ALTER TABLE {made.name} ENABLE ROW LEVEL SECURITY")
        policy = filled(script, script.choose(POLICIES), made)
        script.add(f"CREATE POLICY {script.name()} ON {made.name} USING ({policy})")
    if script.maybe(4):
        script.add(
            f"CREATE STATISTICS s_all.{script.name()} ON n, {made.scalars[0]}"
            f" FROM {made.name}"
        )
    if script.maybe(5):
        script.add(
            f"CREATE RULE {script.name()} AS ON DELETE TO {made.name}"
            f" WHERE old.{made.scalars[0]} < '1950-01-01' DO INSTEAD NOTHING"
        )
    if made.key and script.maybe(3):
        c = made.scalars[0]
        script.add(f"ALTER TABLE {made.name} ADD UNIQUE ({c})")
        child = f"{made.name.split('.')[0]}.{script.name()}"
        own = script.name()
        script.add(
            f"CREATE TABLE {child} ({own} timestamp REFERENCES {made.name} ({c})"
            f" ON DELETE {script.choose(('CASCADE', 'SET NULL', 'NO ACTION'))})"
        )
        script.add(f"INSERT INTO {child} SELECT {c} FROM {made.name} LIMIT 2")


def view(script: Script, schema: str, below: Made) -> Made:
    """Add a view, or a materialized one, over a table or a view."""
    name = f"{schema}.{script.name()}"
    outputs, bare = ["x.n"], []
    for _ in range(script.draw(st.integers(1, 3))):
        template = script.choose(OUTPUTS)
        column = script.name()
        outputs.append(f"{filled(script, template, below, 'x.')} AS {column}")
        if template == "{c}":
            bare.append(column)
    where = filled(script, script.choose(CONDITIONS), below, "x.")
    materialized = script.maybe(4)
    options = "" if materialized or script.maybe() else " WITH (security_barrier)"
    script.add(
        f"CREATE {'MATERIALIZED ' if materialized else ''}VIEW {name}{options} AS"
        f" SELECT {', '.join(outputs)} FROM {below.name} AS x WHERE {where}"
    )
    if materialized and bare:
        script.add(f"CREATE INDEX ON {name} (({bare[0]}::date), n)")
    if script.maybe(3):
        kind = "MATERIALIZED VIEW" if materialized else "VIEW"
        script.add(f"COMMENT ON {kind} {name} IS 'of % \\ ours'")
        script.add(f"GRANT SELECT ON {name} TO PUBLIC")
    return Made(name, tuple(bare))


@st.composite
def scripts(draw: Any, version: int) -> tuple[list[str], dict[str, str]]:
    """Draw a schema; return its statements and the zone of each schema."""
    names = draw(st.permutations([n for n in NAMES if len(n.encode()) < 60]))
    script = Script(draw=draw, version=version, names=list(names))
    script.add(
        "CREATE FUNCTION s_all.pass() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN RETURN new; END'"
    )
    zones = {}
    for schema in ("s_one", "s_two"):
        zones[schema] = script.choose(ZONES)
        script.add(
            f"CREATE DOMAIN {schema}.moment AS timestamp CHECK (value > '1900-01-01')"
        )
        made = [table(script, schema) for _ in range(draw(st.integers(1, 2)))]
        usable = [m for m in made if m.scalars]
        for _ in range(draw(st.integers(0, 3))):
            if usable:
                above = view(script, schema, script.choose(usable))
                if above.scalars:
                    usable.append(above)
    return script.statements, zones


def build(database: Any, statements: list[str], zones: dict[str, str]) -> str:
    """Make what can be made; return the script of it."""
    done = []
    with database.connect() as connection:
        connection.execute("SET TimeZone = 'Asia/Tokyo'")
        connection.execute("CREATE SCHEMA s_all")
        for schema in zones:
            connection.execute(f"CREATE SCHEMA {schema}")
        for statement in statements:
            try:
                with connection.transaction():
                    connection.execute(statement)
            except psycopg.Error:
                continue
            done.append(statement)
        connection.commit()
    drop_gaps(database, zones)
    return ";\n".join(done)


def drop_gaps(database: Any, zones: dict[str, str]) -> None:
    """Delete rows whose local times the zone skips: they are a decision."""
    for (relation, column), kind in types(database).items():
        zone = zones.get(relation.split(".")[0])
        if zone is None or not kind.startswith("timestamp") or "[" in kind:
            continue
        name = quoted(column)
        try:
            database.execute(
                f"DELETE FROM {relation} WHERE {name} AT TIME ZONE '{zone}'"
                f" AT TIME ZONE '{zone}' <> {name}"
            )
        except psycopg.Error:
            continue
    for (name,) in database.execute(
        "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'm' ORDER BY oid"
    ):
        database.execute(f"REFRESH MATERIALIZED VIEW {name}")


def planned_columns(plan: Any) -> set[Attribute]:
    return {
        (
            f"{readable_identifier(c.schema)}.{readable_identifier(c.relation)}",
            c.column,
        )
        for group in plan.groups
        for c in group.converted
    }


def check_schema(
    database: Any,
    statements: list[str],
    zones: dict[str, str],
    project_of: Callable[[str], Any],
    equal_dumps: Callable[[Any, str], None],
) -> None:
    note(build(database, statements, zones))
    kinds = types(database)
    before = database.dump_apart()

    def zone_of(attribute: Attribute) -> str:
        return zones[attribute[0].split(".")[0]]

    def observe(changing: set[Attribute], *, after: bool) -> Observer:
        return Observer(
            database=database,
            kinds=kinds,
            changing=changing,
            zone_of=zone_of,
            after=after,
        )

    project = project_of(database.url)
    lines = "".join(f'"{schema}.*.*" = "{zone}"\n' for schema, zone in zones.items())
    project.configure(
        f'[zones]\n{lines}[policy]\naccept = ["TZ301"]\noverlap = "later"\n'
    )
    with session(database, "Pacific/Kiritimati") as earlier:
        plan = project.plan()
        assert plan.decisions == ()
        for group in plan.groups:
            for column in group.columns:
                event(f"{column.action} {column.code or ''}")
        converting = with_children(database, planned_columns(plan))
        if not converting:
            return
        written = observe(converting, after=False).written(earlier)
        project.apply()
        now = types(database)
        assert now.keys() == kinds.keys()
        changed = {a for a in kinds if now[a] != kinds[a]}
        assert converting <= changed
        assert {a: now[a] for a in changed} == {a: zoned(kinds[a]) for a in changed}
        views = changed - converting
        relations = dict(
            database.execute(
                "SELECT format('%I.%I', n.nspname, c.relname), c.relkind::text"
                " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            )
        )
        assert {relations[relation] for relation, _ in views} <= {"v", "m"}
        assert project.verify().outcome is Outcome.PROVED
        again = observe(changed, after=True).written(earlier)
        assert worse(written, again) == {}
    seen_after = observe(changed, after=True).seen()
    upgraded = database.dump_apart()
    project.run("downgrade", "base")
    equal_dumps(database, before)
    assert observe(changed, after=False).seen() == seen_after
    project.run("upgrade", "head")
    equal_dumps(database, upgraded)


def test_random_schemas_go_up_and_come_back(
    make_database: Any,
    make_project: Callable[..., Any],  # noqa: F811  the fixture
    equal_dumps: Callable[..., None],
    server: Any,
) -> None:
    count = 0

    @settings(
        max_examples=max(SCHEMAS, 1),
        derandomize=SEED is None,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(scripts(server.version))
    def check(drawn: tuple[list[str], dict[str, str]]) -> None:
        nonlocal count
        count += 1
        statements, zones = drawn
        check_schema(
            make_database(),
            statements,
            zones,
            lambda url: make_project(url, name=f"project{count}"),
            equal_dumps,
        )

    (seed(int(SEED))(check) if SEED else check)()
