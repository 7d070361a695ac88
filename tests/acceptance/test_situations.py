"""Everything that may lean on a column: plain ALTER fails or lies, a plan does not.

Each file in ``situations/`` is a schema with rows, headed by ``-- key: value`` lines
(two more blanks continue the line above; a key may be repeated):

    title       what is shown
    min, max    major versions of PostgreSQL
    needs       ``contrib NAME``: an extension; skipped where it is not available
    zone        zone of all values (default UTC), or ``schema.table.column=ZONE``
    policy      a line for ``[policy]`` of the configuration
    plain       SQLSTATE of a plain ALTER TABLE of the columns; ``ok`` if it succeeds.
                ``plain 13-14`` holds for these versions and wins
    alter       the statement that is tried, where it is not the plain ALTER TABLE
    silent      a query that the plain ALTER gives another result, in a session of New
                York; the planned conversion must not
    shifts      the same, where the planned conversion does it too, and says so
    convert     stored columns, and attributes of composite types, that become zoned
    zoned       columns of views and other relations that become zoned with them
    either      computed outputs that may become zoned or stay; compared in any case
    keep        columns that stay as they are by declaration
    refuse      ``table.column CODE``: columns that stay because the plan says no
    query       what must have the same result before and after, in sessions of three
                zones; it may consist of several statements, and is rolled back
    differs     columns that are not compared (text that shows an offset now)
    finding     ``CODE words``: what the plan must report
    option      an argument for plan, ``name=value``

``{expression}`` in a query is the naive value of a converted column or of an output
that became zoned, ``{expression@Area/City}`` in another zone than the file's; also a
literal that is written into such a column. Columns without a schema are of public.
Everything that is not named keeps its type, and every relation its rows.

A file runs as one transaction; ``-- then`` starts another one, and ``-- failing`` after
it says that it must fail.
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.observing import (
    Attribute,
    Observer,
    run,
    session,
    types,
    with_children,
    worse,
    zoned,
)
from tzmigrate.planning.model import Action
from tzmigrate.verification.model import Outcome

DIRECTORY = Path(__file__).parent / "situations"
ROLES = ("tzt_owner", "tzt_reader", "tzt_clerk", "tzt_other")
"""Roles that situations may use; they cannot log in."""

KEYS = {"title", "facts", "min", "max", "needs", "zone", "policy", "plain", "alter"} | {
    "silent", "convert", "zoned", "keep", "refuse", "query", "differs",
    "either", "finding", "option", "shifts",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """One file."""

    name: str
    text: str
    header: dict[str, list[str]]

    def all(self, key: str) -> list[str]:
        return self.header.get(key, [])

    def one(self, key: str, default: str = "") -> str:
        return (self.all(key) or [default])[-1]

    def attributes(self, key: str) -> set[Attribute]:
        """Return the columns that a key lists."""
        listed = ",".join(self.all(key)).split(",")
        return {split_name(item.split()[0]) for item in listed if item.strip()}

    def plain(self, version: int) -> str:
        for key, values in self.header.items():
            found = re.fullmatch(r"plain (\d+)-(\d*)", key)
            if found and int(found[1]) <= version <= int(found[2] or version):
                return values[-1]
        return self.one("plain")

    @property
    def zone(self) -> str:
        zones = [z for z in self.all("zone") if "=" not in z]
        return zones[-1] if zones else "UTC"

    def zone_of(self, attribute: Attribute) -> str:
        zones = dict(z.split("=") for z in self.all("zone") if "=" in z)
        return zones.get(".".join(attribute), self.zone)

    @property
    def toml(self) -> str:
        """The configuration that declares what the file says."""
        lines = ["[zones]", f'default = "{self.zone}"']
        for zone in self.all("zone"):
            name, _, value = zone.partition("=")
            if value and split_name(name) not in self.attributes("zoned"):
                lines.append(f'"{name}" = "{value}"')
        lines += [f'"{".".join(a)}" = "keep"' for a in self.attributes("keep")]
        return "\n".join([*lines, "[policy]", *self.all("policy"), ""])


def split_name(name: str) -> Attribute:
    """Return the relation with its schema, and the column."""
    *relation, column = name.split(".")
    return ".".join(relation if len(relation) > 1 else ["public", *relation]), column


def read(path: Path) -> Situation:
    text = path.read_text("utf-8")
    header: dict[str, list[str]] = {}
    key = ""
    for line in text.splitlines():
        if found := re.fullmatch(r"-- ([a-z]+(?: \d+-\d*)?): (.*)", line):
            key = found[1]
            assert key.split()[0] in KEYS, f"{path.name}: {line}"
            header.setdefault(key, []).append(found[2])
        elif line.startswith("--   ") and key:
            header[key][-1] += "\n" + line.removeprefix("--   ")
        else:
            break
    assert header.keys() >= {"title", "facts"}, path.name
    assert header.keys() & {"silent", "shifts"} or any(
        k.startswith("plain") for k in header
    )
    return Situation(name=path.stem, text=text, header=header)


def situations() -> list[Any]:
    """Return a parameter for each file."""
    found = []
    for path in sorted(DIRECTORY.glob("*.sql")):
        situation = read(path)
        # few servers bring contrib: where one does, these shall run
        marks = [pytest.mark.always] if situation.all("needs") else []
        found.append(pytest.param(situation, id=situation.name, marks=marks))
    return found


def rendered(situation: Situation, query: str, *, after: bool) -> str:
    """Return a query of a file, for the database before or after."""

    def value(found: "re.Match[str]") -> str:
        expression, _, zone = found[1].partition("@")
        if not after:
            return expression
        return f"({expression} AT TIME ZONE '{zone or situation.zone}')"

    return re.sub(r"\{([^{}\"',]+|timestamp '[^{}']+'(?:@[\w/]+)?)\}", value, query)


def observer(
    situation: Situation,
    database: Any,
    kinds: dict[Attribute, str],
    changing: set[Attribute],
    *,
    after: bool,
) -> Observer:
    return Observer(
        database=database,
        kinds=kinds,
        changing=changing,
        zone_of=situation.zone_of,
        after=after,
        queries={
            query: rendered(situation, query, after=after)
            for query in situation.all("query") + situation.all("silent")
        },
        ignored=frozenset(situation.attributes("differs")),
    )


# ---------------------------------------------------------------- the situation


@pytest.fixture(scope="module")
def roles(server: Any) -> Iterator[None]:
    for role in ROLES:
        server.execute(
            f"DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object THEN"
            " NULL; END $$"
        )
    yield
    for role in ROLES:
        # others may use the same server
        server.execute(
            f"DO $$ BEGIN DROP ROLE {role}; EXCEPTION WHEN OTHERS THEN NULL; END $$"
        )


@pytest.fixture
def start(
    roles: None, make_database: Callable[..., Any], server: Any
) -> Callable[[Situation], Any]:
    """Fill a database with a situation, or skip it."""

    def make(situation: Situation) -> Any:
        first, last = int(situation.one("min", "13")), situation.one("max")
        if not first <= server.version <= int(last or server.version):
            pytest.skip(f"PostgreSQL {first} to {last or 'now'}")
        database = make_database()
        for need in situation.all("needs"):
            extension = need.removeprefix("contrib ")
            available = "SELECT count(*) FROM pg_available_extensions WHERE name = %s"
            if not database.scalar(available, [extension]):
                pytest.skip(f"extension {extension} is not available")
        parts = server.parts
        options = f"dbname '{database.name}', " + ", ".join(
            f"{key} '{parts[key]}'" for key in ("host", "port") if parts.get(key)
        )
        text = situation.text.replace("@server_options@", options)
        text = text.replace("@user@", parts.get("user") or "postgres")
        text = text.replace("@password@", parts.get("password") or "")
        with database.connect(autocommit=True) as connection:
            # as an application's migrations do it, in whatever zone
            connection.execute("SET client_min_messages = warning")
            for part in re.split(r"(?m)^-- then$\n", text):
                if part.startswith("-- failing"):
                    with pytest.raises(psycopg.Error):
                        connection.execute(part)
                else:
                    connection.execute(part)
        return database

    return make


def plain_alters(situation: Situation, kinds: dict[Attribute, str]) -> list[str]:
    """Return what somebody would write by hand."""
    if situation.all("alter"):
        return situation.all("alter")
    tables: dict[str, list[str]] = {}
    for relation, column in kinds:
        if (relation, column) in (
            situation.attributes("convert") | situation.attributes("refuse")
        ):
            tables.setdefault(relation, []).append(column)
    return [
        f"ALTER TABLE {table} "
        + ", ".join(f"ALTER {c} TYPE {zoned(kinds[table, c])}" for c in columns)
        for table, columns in tables.items()
    ]


@pytest.mark.parametrize("situation", situations())
def test_a_plain_alter_fails_or_changes_what_is_meant(
    situation: Situation, start: Callable[..., Any], server: Any
) -> None:
    database = start(situation)
    kinds = types(database)
    for key in ("convert", "zoned", "keep", "refuse", "differs"):
        assert situation.attributes(key) <= set(kinds), key
    changing = situation.attributes("convert")
    naive = observer(situation, database, kinds, changing, after=False)
    for (query, zone), result in naive.seen().items():
        allowed = "error expected" in query or not isinstance(result, str)
        assert allowed, f"{result} in {zone}: {query}"
    zone = "Etc/UTC" if situation.zone == "UTC" else situation.zone
    with session(database, "America/New_York") as connection:
        queries = situation.all("silent") + situation.all("shifts")
        before = [
            run(connection, rendered(situation, query, after=False))
            for query in queries
        ]
        connection.execute(f"SET LOCAL TimeZone = '{zone}'")
        error = None
        try:
            for statement in plain_alters(situation, kinds):
                connection.execute(statement)
            connection.execute("SET LOCAL TimeZone = 'America/New_York'")
        except psycopg.Error as caught:
            error = caught
        wanted = situation.plain(server.version) or "ok"
        assert (error.sqlstate if error else "ok") in wanted.split(), error
        if error is None and queries:
            connection.commit()
            after = [
                run(connection, rendered(situation, query, after=True))
                for query in queries
            ]
            for query, old, new in zip(queries, before, after, strict=True):
                assert old != new, f"the same as before: {query}"


@pytest.mark.parametrize("situation", situations())
def test_a_planned_conversion_keeps_what_is_meant_and_comes_back(
    situation: Situation,
    start: Callable[..., Any],
    make_project: Callable[..., Any],
    equal_dumps: Callable[..., None],
) -> None:
    database = start(situation)
    kinds = types(database)
    stored = with_children(database, situation.attributes("convert"))
    either = situation.attributes("either")

    def observe(*, after: bool) -> Observer:
        now = types(database)
        changing = stored | situation.attributes("zoned")
        changing |= {a for a in either if after and now.get(a) != kinds[a]}
        return observer(situation, database, kinds, changing, after=after)

    def check_converted() -> None:
        now = types(database)
        assert now.keys() == kinds.keys()
        changed = {a: kind for a, kind in now.items() if kinds[a] != kind}
        wanted = stored | situation.attributes("zoned") | (either & changed.keys())
        kept = {a: zoned(kinds[a]) for a in wanted}
        if 'precision = "widen"' in situation.all("policy"):
            kept = {a: re.sub(r"\([0-5]\) ", " ", kind) for a, kind in kept.items()}
        assert changed == kept
        assert project.verify().outcome is Outcome.PROVED
        assert observe(after=True).seen() == seen

    before = database.dump_apart()
    seen = observe(after=False).seen()
    project = make_project(database.url)
    project.configure(situation.toml)
    with session(database, "Asia/Kolkata") as earlier:
        written = observe(after=False).written(earlier)
        options = dict(option.split("=") for option in situation.all("option"))
        plan = project.plan(**{k: json.loads(v) for k, v in options.items()})
        assert plan.decisions == ()
        check_plan(situation, plan)
        if not stored:
            assert types(database) == kinds
            return
        project.apply()
        check_converted()
        with session(database, "Asia/Kolkata") as later:
            for connection in (earlier, later):
                again = observe(after=True).written(connection)
                assert worse(written, again) == {}
    upgraded = database.dump_apart()
    project.run("downgrade", "base")
    equal_dumps(database, before)
    assert types(database) == kinds
    project.run("upgrade", "head")
    check_converted()
    equal_dumps(database, upgraded)


def check_plan(situation: Situation, plan: Any) -> None:
    """Hold the plan to the columns that it shall refuse, or keep with a reason."""
    refused = {}
    for item in ",".join(situation.all("refuse")).split(","):
        if item.strip():
            name, code = item.split()
            refused[split_name(name)] = code
    found = {
        (f"{c.schema}.{c.relation}", c.column): c
        for group in plan.groups
        for c in group.columns
        if c.action is not Action.CONVERT and c.code != "TZ309"
    }
    codes = {attribute: c.code for attribute, c in found.items()}
    assert codes == refused, [f"{c.column}: {c.reason}" for c in found.values()]
    told = [f"{f.code} {f.message}" for f in plan.findings]
    for finding in situation.all("finding"):
        code, words = finding.split(maxsplit=1)
        assert any(t.startswith(code) and words in t for t in told), (finding, told)
