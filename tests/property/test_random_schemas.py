"""Random schemas go up, show the same in between, and come back equal.

Environment:
    TZMIGRATE_TEST_SCHEMAS   how many schemas are tried (8 by default)
    TZMIGRATE_TEST_SEED      a number: tries others than those of every run

Where one fails, its whole script is printed, headed by its tzmigrate.toml, with what
differs: psql runs it as a superuser, in a database with the roles of the situations.
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from hypothesis import strategies as st

from tests.acceptance.conftest import make_project  # noqa: F401  a fixture
from tests.acceptance.test_situations import roles  # noqa: F401  a fixture
from tests.observing import (
    Attribute,
    Observer,
    naive_again,
    quoted,
    run,
    session,
    types,
    with_children,
    worse,
    zoned,
)
from tests.property.schemas import PRELUDE, random_script
from tests.property.script import Script
from tzmigrate.planning.model import Action
from tzmigrate.postgres.quoting import readable_identifier
from tzmigrate.verification.model import Outcome

SCHEMAS = int(os.environ.get("TZMIGRATE_TEST_SCHEMAS", "8"))
SEED = os.environ.get("TZMIGRATE_TEST_SEED")

STAYS = """
SELECT format('%I.%I', n.nspname, c.relname), a.attname::text, a.atttypid::regtype::text
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_type t ON t.oid = a.atttypid
WHERE c.relkind IN ('r', 'p') AND NOT a.attisdropped AND t.typname = 'stay'
"""
KINDS = """
SELECT format('%I.%I', n.nspname, c.relname), c.relkind::text
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
"""


def build(database: Any, script: Script) -> str:
    """Make what can be made; return the script of it."""
    done = [f"-- {line}" for line in toml(script).splitlines()]
    with database.connect() as connection:
        for statement in (*PRELUDE, *script.statements):
            try:
                with connection.transaction():
                    connection.execute(statement)
            except psycopg.Error:
                continue
            done.append(f"{statement};")
        connection.commit()
    return "\n".join(done)


def toml(script: Script) -> str:
    zones = {f"{schema}.*.*": zone for schema, zone in script.schemas.items()}
    zones |= {
        ".".join(quoted(part) for part in names): zone
        for names, zone in script.declared.items()
    }
    lines = [
        f"{json.dumps(name, ensure_ascii=False)} = {json.dumps(zone)}"
        for name, zone in zones.items()
    ]
    return "\n".join(["[zones]", *lines, "[policy]", 'overlap = "later"', ""])


def planned_columns(plan: Any) -> set[Attribute]:
    return {
        (
            f"{readable_identifier(c.schema)}.{readable_identifier(c.relation)}",
            c.column,
        )
        for group in plan.groups
        for c in group.converted
    }


def zone_finder(script: Script) -> Callable[[Attribute], str]:
    """Return what tells the zone of a column."""
    own = {
        (f"{schema}.{readable_identifier(relation)}", column): zone
        for names in (script.shown, script.declared)
        for (schema, relation, column), zone in names.items()
    }
    return lambda at: own.get(at) or script.schemas[at[0].split(".")[0]]


def observer(
    database: Any,
    script: Script,
    kinds: dict[Attribute, str],
    changing: set[Attribute],
    *,
    after: bool,
) -> Observer:
    """Return what sees everything; also as a role that policies hold for."""
    zone_of = zone_finder(script)
    stays = {(r, c): kind for r, c, kind in database.execute(STAYS)}
    queries = {call: call for call in script.calls}
    for relation, column in stays:
        since = f"({quoted(column)}).since"
        if after and (relation, column) in changing:
            since = naive_again(since, "timestamp", zone_of((relation, column)))
        queries[f"{relation} {column}"] = (
            f"SELECT n, {since}, ({quoted(column)}).note FROM {relation} ORDER BY 1, 2"
        )
    found = Observer(
        database=database,
        kinds=kinds,
        changing=changing,
        zone_of=zone_of,
        after=after,
        ignored=frozenset(stays),
    )
    for relation, query in found.relations().items():
        queries[f"{relation} as a reader"] = f"SET LOCAL ROLE tzt_reader; {query}"
    return replace(found, queries=queries)


def written(observer: Observer, connection: Any) -> dict[tuple[str, str], Any]:
    """Write every row again, and what views show; return what became of it."""
    found = observer.written(connection)
    shown = observer.relations()
    tables = sorted({r for r, _ in observer.changing if r in shown})
    listed = observer.writable(tables)
    for relation in tables:
        columns = listed.get(relation) or [
            c for r, c in sorted(observer.changing) if r == relation
        ]
        same = ", ".join(f"{quoted(c)} = {quoted(c)}" for c in columns)
        update = f"UPDATE {relation} SET {same}"
        for who in ("", "SET LOCAL ROLE tzt_reader; "):
            statements = f"{who}{update}; RESET ROLE; {shown[relation]}"
            found[relation, f"{who}written"] = run(connection, statements)
    return found


def same(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> None:
    """Hold what was seen after to what was seen before; print what differs."""
    differing = sorted(
        k for k in before.keys() | after if before.get(k) != after.get(k)
    )
    for key in differing:
        note(f"{key} was {before.get(key)}\nand is {after.get(key)}")
    assert differing == []


def check_schema(
    database: Any,
    script: Script,
    project: Any,
    equal_dumps: Callable[[Any, str], None],
) -> Counter[str]:
    """Hold a schema to all of it; return how many columns had which action."""
    note(build(database, script))
    kinds = types(database)
    before = database.dump_apart()
    project.configure(toml(script))

    def observe(changing: set[Attribute], *, after: bool) -> Observer:
        return observer(database, script, kinds, changing, after=after)

    with session(database, "Pacific/Kiritimati") as earlier:
        plan = project.plan(rewrite_functions=True)
        assert plan.decisions == ()
        actions = Counter(c.action for g in plan.groups for c in g.columns)
        converting = with_children(database, planned_columns(plan))
        if not converting:
            return actions
        # so that it holds plans and compiled functions of before
        written(observe(converting, after=False), earlier)
        project.apply()
        changed = converting | changed_columns(database, kinds, converting)
        assert project.verify().outcome is Outcome.PROVED
        up = observe(changed, after=True)
        seen = up.seen()
        with session(database, "Pacific/Kiritimati") as later:
            wrote = [written(up, connection) for connection in (earlier, later)]
        project.run("downgrade", "base")
        equal_dumps(database, before)
        # what is shown now, with equal dumps, is what was shown before
        down = observe(changed, after=False)
        same(down.seen(), seen)
        written_before = written(down, earlier)
        for again in wrote:
            same(written_before, written_before | worse(written_before, again))
    return actions


def changed_columns(
    database: Any, kinds: Mapping[Attribute, str], converting: set[Attribute]
) -> set[Attribute]:
    """Return what has another type now; hold it to what was planned."""
    now = types(database)
    assert now.keys() == kinds.keys()
    changed = {a for a in kinds if now[a] != kinds[a]}
    assert {a: now[a] for a in changed} == {a: zoned(kinds[a]) for a in changed}
    assert {a for a in converting if zoned(kinds[a]) != kinds[a]} <= changed
    relations = dict(database.execute(KINDS))
    # views, and types that are replaced
    assert {relations[r] for r, _ in changed - converting} <= {"v", "m", "c"}
    return changed


@pytest.mark.usefixtures("roles")
def test_random_schemas_go_up_and_come_back(
    make_database: Any,
    make_project: Callable[..., Any],  # noqa: F811  the fixture
    equal_dumps: Callable[..., None],
    server: Any,
) -> None:
    found: Counter[str] = Counter()

    @settings(
        max_examples=SCHEMAS,
        derandomize=SEED is None,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(st.randoms(use_true_random=True))
    def check(dice: Random) -> None:
        database = make_database()
        project = make_project(database.url, name=database.name)
        script = random_script(dice, server.version)
        found.update(check_schema(database, script, project, equal_dumps))
        server.execute(f"DROP DATABASE {database.name}")

    (seed(int(SEED))(check) if SEED else check)()
    # what is refused shows nothing
    assert found[Action.CONVERT] > found[Action.REFUSE]
