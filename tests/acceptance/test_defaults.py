"""Defaults store the instant that they meant before, in every session's zone."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tzmigrate.planning.model import Action
from tzmigrate.verification.model import Outcome

SESSIONS = ("UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
ZONES = {"of_utc": "Etc/UTC", "of_new_york": "America/New_York"}


@dataclass(frozen=True)
class Case:
    """A default, and the instant that it means.

    ``local`` ones stored the wall clock of whatever session inserted them; they meant
    the instant of which that is the wall clock. For all others the stored wall clock
    is one of the column's zone. ``{zone}`` stands for that zone.
    """

    default: str
    instant: str
    local: bool = False
    type: str = "timestamp"
    after: str | None = None
    """The new default, where a table of UTC values gets one that reads well."""


FUNCTIONS = """
CREATE SCHEMA app;
CREATE FUNCTION app.utc_now() RETURNS timestamp LANGUAGE sql STABLE
    AS $$SELECT pg_catalog.timezone('utc', pg_catalog.now())$$;
CREATE FUNCTION app."Start Of"(year int) RETURNS timestamp LANGUAGE sql IMMUTABLE
    AS $$SELECT make_timestamp(year, 1, 1, 0, 0, 0)$$;
CREATE FUNCTION app.instant() RETURNS timestamptz LANGUAGE sql STABLE
    AS $$SELECT now()$$;
-- a decoy: names in defaults are resolved when they are read, not when they are run
CREATE FUNCTION app.now() RETURNS timestamp LANGUAGE sql STABLE
    AS $$SELECT timestamp '2001-02-03 04:05:06'$$;
"""

CASES = {
    "now": Case("now()", "now()", local=True, after="now()"),
    "current": Case(
        "CURRENT_TIMESTAMP", "now()", local=True, after="CURRENT_TIMESTAMP"
    ),
    "current_3": Case("CURRENT_TIMESTAMP(3)", "now()::timestamptz(3)", local=True),
    "transaction": Case("transaction_timestamp()", "now()", local=True),
    "clock": Case("clock_timestamp()", "~", local=True, after="clock_timestamp()"),
    "statement": Case("statement_timestamp()", "~", local=True),
    "at_utc": Case("(now() AT TIME ZONE 'utc')", "now()#utc", after="now()"),
    "at_UTC": Case("(CURRENT_TIMESTAMP AT TIME ZONE 'UTC')", "now()#utc"),
    "at_etc": Case("(now() AT TIME ZONE 'Etc/UTC')", "now()#utc", after="now()"),
    "timezone_utc": Case("timezone('utc', now())", "now()#utc", after="now()"),
    "clock_utc": Case(
        "(clock_timestamp() AT TIME ZONE 'UTC')", "~utc", after="clock_timestamp()"
    ),
    "at_new_york": Case(
        "(now() AT TIME ZONE 'America/New_York')", "now()#America/New_York"
    ),
    "at_offset": Case("(now() AT TIME ZONE INTERVAL '-05:00')", "now()#-05"),
    "local": Case("LOCALTIMESTAMP", "now()", local=True, after="now()"),
    "local_0": Case(
        "LOCALTIMESTAMP(0)",
        "now()::timestamptz(0)",
        local=True,
        after="CURRENT_TIMESTAMP(0)",
    ),
    "cast": Case("now()::timestamp", "now()", local=True, after="now()"),
    "cast_2": Case("now()::timestamp(2)", "now()::timestamptz(2)", local=True),
    "cast_clock": Case("clock_timestamp()::timestamp", "~", local=True),
    "word": Case("'now'::text::timestamp", "now()", local=True, after="now()"),
    "setting": Case(
        "timezone(current_setting('TimeZone'), now())", "now()", local=True
    ),
    "literal": Case(
        "'2020-01-01 00:00:00'", "timestamp '2020-01-01 00:00:00' AT TIME ZONE '{zone}'"
    ),
    "summer": Case(
        "timestamp '2020-07-01 12:34:56.789012'",
        "timestamp '2020-07-01 12:34:56.789012' AT TIME ZONE '{zone}'",
    ),
    "zoned_literal": Case(
        "timestamptz '2020-01-01 00:00:00+00'",
        "timestamptz '2020-01-01 00:00:00+00'",
        local=True,
    ),
    "epoch": Case("'epoch'", "timestamp 'epoch' AT TIME ZONE '{zone}'"),
    "of_epoch": Case("to_timestamp(0)", "timestamptz 'epoch'", local=True),
    "infinity": Case("'infinity'", "'infinity'::timestamptz"),
    "before": Case("timestamp '-infinity'", "'-infinity'::timestamptz"),
    "year_one": Case("'0001-01-01'", "timestamp '0001-01-01' AT TIME ZONE '{zone}'"),
    "christ": Case(
        "'0044-03-15 BC'", "timestamp '0044-03-15 BC' AT TIME ZONE '{zone}'"
    ),
    "made": Case(
        "make_timestamp(2019, 9, 1, 8, 30, 0)",
        "timestamp '2019-09-01 08:30' AT TIME ZONE '{zone}'",
    ),
    "today": Case("CURRENT_DATE", "CURRENT_DATE::timestamp AT TIME ZONE '{zone}'"),
    "a_date": Case("date '2020-02-29'", "timestamp '2020-02-29' AT TIME ZONE '{zone}'"),
    "local_midnight": Case(
        "date_trunc('day', now())", "date_trunc('day', now())", local=True
    ),
    "utc_midnight": Case(
        "date_trunc('day', now() AT TIME ZONE 'utc')",
        "date_trunc('day', now() AT TIME ZONE 'utc') AT TIME ZONE '{zone}'",
    ),
    "milliseconds": Case(
        "date_trunc('milliseconds', now() AT TIME ZONE 'utc')",
        "date_trunc('milliseconds', now())#utc",
    ),
    "function": Case("app.utc_now()", "now()#utc"),
    "function_year": Case(
        'app."Start Of"(2024)', "timestamp '2024-01-01' AT TIME ZONE '{zone}'"
    ),
    "function_instant": Case("app.instant()", "now()", local=True),
    "decoy": Case("app.now()", "timestamp '2001-02-03 04:05:06' AT TIME ZONE '{zone}'"),
    "later": Case(
        "((now() AT TIME ZONE 'utc') + interval '30 days')",
        "((now() AT TIME ZONE 'utc') + interval '30 days') AT TIME ZONE '{zone}'",
    ),
    "later_months": Case(
        "(timezone('America/New_York', now()) + interval '1 mon 2 days 3.5 sec')",
        "(timezone('America/New_York', now()) + interval '1 mon 2 days 3.5 sec')"
        " AT TIME ZONE '{zone}'",
    ),
    "local_later": Case(
        "(LOCALTIMESTAMP + interval '1 day')",
        "(LOCALTIMESTAMP + interval '1 day') AT TIME ZONE '{zone}'",
    ),
    "zoned_later": Case(
        "(now() + interval '90 minutes')", "now() + interval '90 minutes'", local=True
    ),
    "coalesced": Case("COALESCE(NULL::timestamp, timezone('utc', now()))", "now()#utc"),
    "cased": Case(
        "CASE WHEN 0.30000000000000004::float8 > 0 THEN timestamp '2020-01-01'"
        " ELSE app.utc_now() END",
        "timestamp '2020-01-01' AT TIME ZONE '{zone}'",
    ),
    "rounded": Case(
        "(now() AT TIME ZONE 'utc')::timestamp(0)", "now()::timestamptz(0)#utc"
    ),
    "narrow": Case(
        "timezone('utc', now())", "now()::timestamptz(3)#utc", type="timestamp(3)"
    ),
    "narrow_now": Case(
        "now()", "now()::timestamptz(0)", local=True, type="timestamp(0)"
    ),
    "nothing": Case("NULL", "NULL::timestamptz"),
}


def meant(case: Case, zone: str) -> str:
    """SQL of the instant. ``#x``: the wall clock of x, taken for one of the column."""
    text = case.instant.format(zone=zone)
    if text.startswith("~"):
        text = "clock_timestamp()" + (f"#{text[1:]}" if text[1:] else "")
    text, _, written_in = text.partition("#")
    if not written_in or written_in == zone:
        return text
    writes = "INTERVAL '-05:00'" if written_in == "-05" else f"'{written_in}'"
    return f"(({text}) AT TIME ZONE {writes}) AT TIME ZONE '{zone}'"


@pytest.fixture
def filled(database: Any) -> Any:
    database.execute(FUNCTIONS)
    for table in ZONES:
        columns = ", ".join(
            f'"{name}" {case.type} DEFAULT {case.default}'
            for name, case in CASES.items()
        )
        database.execute(f"CREATE TABLE {table} (id int PRIMARY KEY, {columns})")
    return database


def defaults(database: Any) -> dict[tuple[str, str], str]:
    rows = database.execute(
        "SET TimeZone = 'UTC'; SET search_path = pg_catalog;"
        "SELECT c.relname::text, a.attname::text, pg_get_expr(d.adbin, d.adrelid)"
        " FROM pg_attrdef d JOIN pg_class c ON c.oid = d.adrelid"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.adnum"
        " WHERE c.relname IN ('of_utc', 'of_new_york')"
    )
    return {(table, column): text for table, column, text in rows}


def wrong(database: Any, *, zoned: bool) -> list[str]:
    """Insert a row from each session's zone; name the columns with another instant."""
    found = []
    number = 0
    for session in SESSIONS:
        for table, zone in ZONES.items():
            number += 1
            checks = []
            for name, case in CASES.items():
                stored, wanted = f't."{name}"', f"({meant(case, zone)})"
                if not zoned:
                    # the wall clock is compared: in an overlap it says less
                    wanted += f" AT TIME ZONE '{session if case.local else zone}'"
                same = f"{stored} IS NOT DISTINCT FROM {wanted}"
                if case.instant.startswith("~"):
                    same = (
                        f"{stored} BETWEEN ({wanted}) - interval '20 s' AND ({wanted})"
                    )
                checks.append(f"CASE WHEN {same} THEN NULL ELSE '{name}' END")
            with database.connect() as connection:
                connection.execute(f"SET TimeZone = '{session}'")
                connection.execute(f"INSERT INTO {table} (id) VALUES ({number})")
                row = connection.execute(
                    f"SELECT array_remove(ARRAY[{', '.join(checks)}], NULL)"
                    f" FROM {table} AS t WHERE id = {number}"
                ).fetchone()
                connection.rollback()
            found += [f"{name} of {table} in {session}" for name in row[0]]
    return found


def test_every_default_stores_the_instant_that_it_meant_and_comes_back(
    filled: Any, make_project: Callable[..., Any]
) -> None:
    # the measure itself: what is stored before the conversion means these instants
    assert wrong(filled, zoned=False) == []
    before = defaults(filled)
    project = make_project(filled.url)
    plan = project.plan(zones=("default=UTC", "public.of_new_york.*=America/New_York"))
    refused = [
        f"{c.relation}.{c.column}: {c.code} {c.reason}"
        for g in plan.groups
        for c in g.columns
        if c.action is not Action.CONVERT
    ]
    assert refused == []
    project.apply()
    assert wrong(filled, zoned=True) == []
    after = defaults(filled)
    assert {
        name: after["of_utc", name] for name, case in CASES.items() if case.after
    } == {name: case.after for name, case in CASES.items() if case.after}
    assert after["of_new_york", "at_new_york"] == "now()"
    project.rollback(everything=True)
    assert defaults(filled) == before
    assert wrong(filled, zoned=False) == []


SETTINGS = (
    "quote_all_identifiers = on",
    "DateStyle = 'SQL, DMY'",
    "IntervalStyle = 'iso_8601'",
    "extra_float_digits = -3",
    "search_path = app, public",
    "timezone = 'Asia/Kathmandu'",
)


def test_no_setting_of_the_role_makes_a_default_look_changed(
    filled: Any,
    make_project: Callable[..., Any],
    make_role: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PGTZ")
    owner = make_role("SUPERUSER")
    for setting in SETTINGS:
        filled.execute(f"ALTER ROLE {owner.name} SET {setting}")
    project = make_project(filled.url_as(owner))
    monkeypatch.chdir(project.root)
    before = defaults(filled)
    zones = ("default=UTC", "public.of_new_york.*=America/New_York")
    project.plan(zones=zones)
    project.apply()
    assert defaults(filled)["of_utc", "at_utc"] == "now()"
    project.rollback(everything=True)
    assert defaults(filled) == before


NULLS = """
CREATE TABLE t (id int PRIMARY KEY, at timestamp,
  seen timestamp[] DEFAULT '{"2003-01-02 00:00",NULL}',
  CHECK (at IS NULL OR cardinality('{NULL,x}'::text[]) = 2));
INSERT INTO t VALUES (1, '2024-01-01');
CREATE VIEW v AS SELECT at, '{NULL,x}'::text[] AS a FROM t;
CREATE MATERIALIZED VIEW m AS SELECT at, '{NULL,x}'::text[] AS a,
  current_setting('array_nulls') AS found FROM t;
CREATE INDEX ON t (id) WHERE at > '2001-01-01' AND ('{NULL,x}'::text[])[1] IS NULL;
"""


@pytest.mark.parametrize("off", ["plan", "upgrade", "downgrade"])
def test_null_in_the_text_of_an_array_is_none_whatever_the_database_declares(
    off: str, database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(NULLS)
    project = make_project(database.url)

    def step(name: str) -> None:
        if name == off:
            database.execute(f"ALTER DATABASE {database.name} SET array_nulls = off")

    def printed() -> Any:
        return database.execute(
            "SELECT (SELECT array_agg(a[1]) FROM v), a,"
            " pg_get_expr(d.adbin, d.adrelid), found FROM m, pg_attrdef d"
            " WHERE d.adrelid = 't'::regclass"
        )

    before = printed()
    step("plan")
    plan = project.plan(zones=("default=UTC",))
    assert [c.reason for g in plan.groups for c in g.columns if c.reason] == []
    step("upgrade")
    project.run("upgrade", "head")
    assert database.scalar("SELECT a[1] IS NULL FROM v")
    assert database.scalar("SELECT a[1] IS NULL FROM m")
    # what is computed is computed as elsewhere in this database
    assert database.scalar("SELECT found FROM m") == (
        "on" if off == "downgrade" else "off"
    )
    assert project.verify().outcome is Outcome.PROVED
    step("downgrade")
    project.run("downgrade", "base")
    assert [row[:3] for row in printed()] == [row[:3] for row in before]
