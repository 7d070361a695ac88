"""Random schemas: small ones, in which anything may lean on anything."""

import re
from collections.abc import Sequence
from random import Random

from tests.acceptance.test_names_that_bite import NAMES
from tests.observing import quoted
from tests.property import vocabulary as v
from tests.property.script import Field, Made, Script
from tests.property.vocabulary import Family

LONGEST = 60
"""PostgreSQL makes names of indexes out of them."""

PRELUDE = (
    "SET TimeZone = 'Asia/Tokyo'",
    "DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET TimeZone = %L',"
    " current_database(), 'Asia/Tokyo'); END$$",
    "CREATE SCHEMA s_all",
    "GRANT USAGE ON SCHEMA s_all TO PUBLIC",
    "CREATE FUNCTION s_all.day_of(timestamptz) RETURNS date LANGUAGE plpgsql IMMUTABLE"
    " AS 'BEGIN RETURN $1::date; END'",
)


def types(script: Script, schema: str) -> None:
    script.add(script.choose(v.TYPES).format(s=schema))
    for template in v.MORE_TYPES:
        script.add(template.format(s=schema))
    script.add(f"GRANT USAGE ON SCHEMA {schema} TO PUBLIC")


def table(script: Script, schema: str) -> Made:
    """Add a table, with rows and with what leans on it."""
    name = script.name()
    kind = script.choose(("plain", "plain", "keyed", "keyed", "tree", "parent", "of"))
    columns = [
        (script.name(), script.choose(known_families(script)))
        for _ in script.some(1, 4)
    ]
    made = Made(
        schema=schema,
        name=name,
        fields=tuple(
            Field(column, family.letter, zone_of(script, made_in, column, family))
            for made_in in ((schema, name, kind),)
            for column, family in columns
        ),
        unique=kind in ("keyed", "tree"),
    )
    create(script, made, kind, columns)
    fill(script, made, columns)
    if made.of("c"):
        lean(script, made)
    return made


def known_families(script: Script) -> list[Family]:
    return [f for f in v.FAMILIES if f.since <= script.version]


def zone_of(
    script: Script, made_in: tuple[str, str, str], column: str, family: Family
) -> str:
    """Declare the zone of one column by itself, now and then."""
    schema, name, kind = made_in
    if kind in ("plain", "keyed") and not family.own and script.maybe(8):
        zone = script.choose(v.ZONES)
        script.declared[schema, name, column] = zone
        return zone
    return script.schemas[schema]


def create(
    script: Script, made: Made, kind: str, columns: list[tuple[str, Family]]
) -> None:
    parts = ["n int PRIMARY KEY" if kind == "keyed" else "n int"]
    for column, family in columns:
        part = f"{quoted(column)} {family.type.format(s=made.schema)}"
        if kind != "of" and family.defaults and script.maybe():
            part += f" DEFAULT {script.choose(family.defaults)}"
        parts.append(part)
    if kind == "of":
        of = f"{made.schema}.{quoted(script.name())}"
        script.add(f"CREATE TYPE {of} AS ({', '.join(parts)})")
        script.add(f"CREATE TABLE {made.sql} OF {of}")
        return
    if made.of("c") and script.maybe(3):
        generated, _ = script.filled(v.GENERATED, made)
        parts.append(f"{quoted(script.name())} {generated}")
    unlogged = "UNLOGGED " if kind == "plain" and script.maybe(6) else ""
    by = script.choose(("LIST", "RANGE", "HASH"))
    tail = f" PARTITION BY {by} (n)" if kind == "tree" else ""
    script.add(f"CREATE {unlogged}TABLE {made.sql} ({', '.join(parts)}){tail}")
    if kind == "tree":
        partitions(script, made, by, columns)
    if kind == "parent":
        child = f"{made.schema}.{quoted(script.name())}"
        more = f"{quoted(script.name())} {script.choose(('int', 'timestamp'))}"
        script.add(f"CREATE TABLE {child} ({more}) INHERITS ({made.sql})")
        script.add(f"INSERT INTO {child} (n) VALUES (100)")
        if made.of("c"):
            c = quoted(made.of("c")[0].name)
            script.add(f"ALTER TABLE {child} ALTER {c} SET DEFAULT '2022-02-02'")


def partitions(
    script: Script, made: Made, by: str, columns: list[tuple[str, Family]]
) -> None:
    """Make partitions in every way: of it, attached, and partitioned again."""
    bounds = {
        "LIST": ("FOR VALUES IN (1, 2)", "DEFAULT"),
        "RANGE": ("FOR VALUES FROM (0) TO (3)", "FOR VALUES FROM (3) TO (999)"),
        "HASH": (
            "FOR VALUES WITH (MODULUS 2, REMAINDER 0)",
            "FOR VALUES WITH (MODULUS 2, REMAINDER 1)",
        ),
    }[by]
    for bound in bounds:
        part = f"{made.schema}.{quoted(script.name())}"
        if script.maybe(3):
            listed = [f"{quoted(c)} {f.type.format(s=made.schema)}" for c, f in columns]
            script.add(f"CREATE TABLE {part} ({', '.join([*listed[::-1], 'n int'])})")
            script.add(f"ALTER TABLE {made.sql} ATTACH PARTITION {part} {bound}")
        elif script.maybe(3):
            leaf = f"{made.schema}.{quoted(script.name())}"
            script.add(
                f"CREATE TABLE {part} PARTITION OF {made.sql} {bound}"
                " PARTITION BY LIST (n)"
            )
            script.add(f"CREATE TABLE {leaf} PARTITION OF {part} DEFAULT")
        else:
            script.add(f"CREATE TABLE {part} PARTITION OF {made.sql} {bound}")
        if made.of("c") and script.maybe():
            index, _ = script.filled(v.INDEXES, made)
            script.add(f"CREATE INDEX {quoted(script.name())} ON {part} {index}")


def fill(script: Script, made: Made, columns: list[tuple[str, Family]]) -> None:
    """Add rows, but for local times that the zone skips: they are a decision."""
    listed = ", ".join(["n", *(quoted(c) for c, _ in columns)])
    for n in range(1, script.dice.randint(2, 6)):
        values = [
            "NULL" if script.maybe(5) else f"'{family.values(script.dice)}'"
            for _, family in columns
        ]
        script.add(
            f"INSERT INTO {made.sql} ({listed}) VALUES ({n}, {', '.join(values)})"
        )
    for one in made.of("c"):
        c = quoted(one.name)
        script.add(
            f"DELETE FROM {made.sql} WHERE {c} AT TIME ZONE '{one.zone}'"
            f" AT TIME ZONE '{one.zone}' <> {c}"
        )


def lean(script: Script, made: Made) -> None:
    """Add what leans on a table."""

    def filled(templates: Sequence[str]) -> str:
        return script.filled(templates, made)[0]

    for _ in script.some(0, 2):
        check, state = filled(v.CHECKS), script.choose(("", "", " NOT VALID"))
        script.add(f"ALTER TABLE {made.sql} ADD CHECK ({check}){state}")
    for _ in script.some(0, 3):
        name = quoted(script.name()) if script.maybe() else ""
        script.add(f"CREATE INDEX {name} ON {made.sql} {filled(v.INDEXES)}")
    if script.maybe(3):
        script.add(f"ALTER TABLE {made.sql} ADD {filled(v.CONSTRAINTS)}")
    if script.maybe(3):
        trigger(script, made)
    if script.maybe(4):
        script.add(f"ALTER TABLE {made.sql} ENABLE ROW LEVEL SECURITY")
        script.add(
            f"CREATE POLICY {quoted(script.name())} ON {made.sql} {filled(v.POLICIES)}"
        )
    if script.maybe(5):
        script.add(
            f"CREATE STATISTICS s_all.{quoted(script.name())} ON n,"
            f" {quoted(made.of('c')[0].name)} FROM {made.sql}"
        )
    if script.maybe(6):
        script.add(
            f"CREATE RULE {quoted(script.name())} AS ON DELETE TO {made.sql}"
            f" WHERE old.{quoted(made.of('c')[0].name)} < '1950-01-01'"
            " DO INSTEAD NOTHING"
        )
    if script.maybe(8):
        columns = "" if script.maybe() else f" (n, {quoted(made.of('c')[0].name)})"
        where = "" if script.maybe() else f" WHERE ({filled(('{c} > now()',))})"
        script.add(
            f"CREATE PUBLICATION {quoted(script.name())} FOR TABLE {made.sql}"
            f"{columns}{where.replace('now()', chr(39) + '2000-01-01' + chr(39))}"
        )
    if script.maybe(3):
        reference(script, made)
    if script.maybe(4):
        name = f"{made.schema}.{quoted(script.name())}"
        script.add(
            f"CREATE FUNCTION {name}(timestamp) RETURNS bigint LANGUAGE sql STABLE"
            f" {filled(v.FUNCTIONS)}"
        )
        script.calls.append(f"SELECT {name}('2001-01-01')")
    for _ in script.some(0, 3):
        script.add(filled(v.PROPERTIES))


def trigger(script: Script, made: Made) -> None:
    function = f"s_all.{quoted(script.name())}"
    body, _ = script.filled(v.TOUCHES, made)
    when, _ = script.filled(v.TRIGGERS, made)
    script.add(
        f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql"
        f" AS $body$\nBEGIN\n    {body}\n    RETURN new;\nEND $body$"
    )
    script.add(
        f"CREATE TRIGGER {quoted(script.name())} {when} EXECUTE FUNCTION {function}()"
    )


def reference(script: Script, made: Made) -> None:
    """Add a table with a foreign key, or a foreign key to the table itself."""
    one = made.of("c")[0]
    c, own = quoted(one.name), script.name()
    keys = f"{c}, n" if made.unique and script.maybe() else c
    script.add(f"ALTER TABLE {made.sql} ADD UNIQUE ({keys})")
    rest = (
        f"REFERENCES {made.sql} ({keys})"
        f" ON DELETE {script.choose(('CASCADE', 'SET NULL', 'NO ACTION'))}"
        f" {script.choose(('', 'DEFERRABLE INITIALLY DEFERRED'))}"
    )
    if script.maybe(4):
        script.add(f"ALTER TABLE {made.sql} ADD FOREIGN KEY ({keys}) {rest}")
        return
    child = script.name()
    here = quoted(own) + keys.removeprefix(c)
    more = ", n int" if keys != c else ""
    script.add(
        f"CREATE TABLE {made.schema}.{quoted(child)} ({quoted(own)} timestamp{more},"
        f" FOREIGN KEY ({here}) {rest})"
    )
    if one.zone != script.schemas[made.schema]:
        script.declared[made.schema, child, own] = one.zone
    script.add(
        f"INSERT INTO {made.schema}.{quoted(child)} SELECT {keys} FROM {made.sql}"
        " ORDER BY 1 LIMIT 2"
    )


def view(script: Script, schema: str, below: Made) -> Made:
    """Add a view, or a materialized one, over a table or a view."""
    name = script.name()
    outputs, fields = ["x.n"], []
    for _ in script.some(1, 4):
        text, zone = script.filled(v.OUTPUTS, below, "x.")
        column = script.name()
        outputs.append(f"{text} AS {quoted(column)}")
        if zone is not None:
            script.shown[schema, name, column] = zone
        if re.fullmatch(r'x\."[^"]*"', text):
            bare = next(f for f in below.fields if text == f"x.{quoted(f.name)}")
            fields.append(Field(column, bare.letter, bare.zone))
    made = Made(schema=schema, name=name, fields=tuple(fields))
    condition, _ = script.filled(v.CONDITIONS, below, "x.")
    query = script.template(v.QUERIES, below).format(
        outputs=", ".join(outputs),
        condition=condition,
        t=below.sql,
        c0=quoted(below.of("c")[0].name),
    )
    if script.maybe(4):
        script.add(f"CREATE MATERIALIZED VIEW {made.sql} AS {query}")
        for _ in script.some(0, 1) if made.of("c") else ():
            index, _ = script.filled(v.INDEXES, made)
            script.add(f"CREATE INDEX ON {made.sql} {index}")
        kind = "MATERIALIZED VIEW"
    else:
        options = script.choose(("", "", " WITH (security_barrier)"))
        if script.version >= 15 and script.maybe(4):
            options = " WITH (security_invoker)"
        check = " WITH CASCADED CHECK OPTION" if script.maybe(6) else ""
        script.add(f"CREATE VIEW {made.sql}{options} AS {query}{check}")
        kind = "VIEW"
        if made.of("c"):
            writable_view(script, made)
    if script.maybe(3):
        script.add(f"COMMENT ON {kind} {made.sql} IS 'of % \\ ours'")
        script.add(f"GRANT SELECT ON {made.sql} TO PUBLIC")
    return made


def writable_view(script: Script, made: Made) -> None:
    c = quoted(made.of("c")[0].name)
    if script.maybe(5):
        script.add(f"ALTER VIEW {made.sql} ALTER {c} SET DEFAULT '2020-02-02 02:02'")
    if script.maybe(6):
        script.add(
            f"CREATE TRIGGER {quoted(script.name())} INSTEAD OF UPDATE ON {made.sql}"
            " FOR EACH ROW EXECUTE FUNCTION s_all.pass()"
        )
    elif script.maybe(8):
        script.add(
            f"CREATE RULE {quoted(script.name())} AS ON UPDATE TO {made.sql}"
            f" WHERE new.{c} > '2000-01-01' DO INSTEAD NOTHING"
        )


def random_script(dice: Random, version: int) -> Script:
    """Write a schema."""
    names = [n for n in NAMES if len(n.encode()) < LONGEST]
    dice.shuffle(names)
    script = Script(dice=dice, version=version, names=names)
    script.add(
        "CREATE FUNCTION s_all.pass() RETURNS trigger LANGUAGE plpgsql"
        " AS 'BEGIN RETURN new; END'"
    )
    usable: list[Made] = []
    for schema in ("s_one", "s_two"):
        script.schemas[schema] = script.choose(v.ZONES)
        script.add(f"CREATE SCHEMA {schema}")
        types(script, schema)
        made = [table(script, schema) for _ in script.some(1, 2)]
        usable += [m for m in made if m.of("c")]
        for _ in script.some(0, 3):
            if usable:
                above = view(script, schema, script.choose(usable))
                if above.of("c"):
                    usable.append(above)
    return script
