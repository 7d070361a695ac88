"""What random schemas are made of: zones, values, and what leans on a column.

In a template ``{c}`` and ``{d}`` are columns of the table or view ``{t}`` that hold a
moment, ``{r}`` one that holds a range and ``{a}`` one that holds an array, ``{n}`` is
its column ``n``, ``{z}`` the zone of ``{c}`` and ``{e}`` a column of that zone; ``{w}``
is one that always was a ``timestamptz``; in a
query ``{c0}`` is a column with no alias before it. ``>= 14`` before a template is the
major version that knows it. A statement that PostgreSQL refuses is left out.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

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
HALF = 0.5
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

Dice = Random
Values = Callable[[Random], str]


def _day(dice: Dice, first: int, last: int) -> str:
    return str(dt.date(dice.randint(first, last), 1, 1) + _days(dice.randrange(366)))


def _days(days: int) -> dt.timedelta:
    return dt.timedelta(days=days)


def moment(dice: Dice) -> str:
    if dice.random() < HALF:
        return dice.choice(BOUNDARIES)
    clock = dt.timedelta(microseconds=dice.randrange(86_400_000_000))
    return f"{_day(dice, 1900, 2099)} {clock}"


def small_hours(dice: Dice) -> str:
    """Return a moment of the first hour of a day in the database's zone, Tokyo's."""
    return f"{_day(dice, 1960, 2099)} 00:{dice.randrange(60):02}:00+09"


def noon(dice: Dice) -> str:
    """Return what no zone skips: not every value can be looked through for gaps."""
    return f"{_day(dice, 1950, 2099)} 12:00:00"


def span(dice: Dice) -> str:
    bounds = sorted((noon(dice), noon(dice)))
    left, right = dice.choice(("[]", "[)", "(]", "()"))
    return f"{left}{','.join(bounds)}{right}"


def spans(dice: Dice) -> str:
    return "{" + span(dice) + "}"


def stretch(dice: Dice) -> str:
    rare = ("empty", "(,)", "[infinity,]")
    return dice.choice(rare) if dice.random() < HALF / 2 else span(dice)


def plain_array(dice: Dice) -> str:
    items = [
        dice.choice(("NULL", "infinity", *[f'"{noon(dice)}"'] * 3))
        for _ in range(dice.randrange(4))
    ]
    return "{" + ",".join(items) + "}"


def array(dice: Dice) -> str:
    one, two = f'"{noon(dice)}"', f'"{noon(dice)}"'
    shaped = (f"[0:1]={{{one},{two}}}", f"{{{{{one}}},{{{two}}}}}")
    return dice.choice((*shaped, plain_array(dice), plain_array(dice)))


def row(dice: Dice) -> str:
    return f'("{noon(dice)}","it\'\'s")'


@dataclass(frozen=True)
class Family:
    """A type of column: its name, how values and defaults are written.

    Attributes:
        letter: what templates call it; empty: no template uses it.
        own: a type that the schema makes, all of whose columns have one zone.
    """

    type: str
    letter: str
    values: Values
    defaults: tuple[str, ...] = ()
    since: int = 13
    own: bool = False


DEFAULTS = (
    "now()",
    "(now() AT TIME ZONE 'utc')",
    "LOCALTIMESTAMP",
    "'2020-02-03 04:05:06.789'",
    "CURRENT_DATE",
    "'infinity'",
    "timezone('utc', now()) + interval '30 days'",
    "date_trunc('day', LOCALTIMESTAMP)",
)
FAMILIES = (
    Family("timestamp", "c", moment, DEFAULTS),
    Family("timestamp", "c", moment, DEFAULTS),
    Family("timestamp", "c", moment, DEFAULTS),
    Family("timestamp(3)", "c", moment, DEFAULTS),
    Family("timestamp(0)", "c", noon, DEFAULTS),
    Family("{s}.moment", "c", noon, (*DEFAULTS, "'1988-08-08 08:08'"), own=True),
    Family("{s}.later", "c", noon, own=True),
    Family(
        "timestamp[]",
        "a",
        array,
        ("'{2020-02-02}'", "'{}'"),
        own=True,
    ),
    Family("{s}.moments", "a", plain_array, own=True),
    Family(
        "tsrange",
        "r",
        stretch,
        ("'[2020-02-02,2021-01-01)'",),
    ),
    Family("{s}.stay", "", row, own=True),
    Family("tsmultirange", "", spans, since=14, own=True),
    Family("timestamptz", "w", small_hours, own=True),
)

TYPES = (
    "CREATE DOMAIN {s}.moment AS timestamp CHECK (value > '1900-01-01')",
    "CREATE DOMAIN {s}.moment AS timestamp DEFAULT '2020-02-02' CONSTRAINT \"a b\""
    " CHECK (date_part('year', value) < 3000 OR value IS NULL)",
    "CREATE DOMAIN {s}.moment AS timestamp(3)",
    "CREATE DOMAIN {s}.moment AS timestamp DEFAULT now() CHECK (value IS NOT NULL)",
)
MORE_TYPES = (
    "CREATE DOMAIN {s}.later AS {s}.moment CHECK (value > '1910-01-01')",
    "CREATE DOMAIN {s}.moments AS timestamp[] CHECK (cardinality(value) < 9)",
    "CREATE TYPE {s}.stay AS (since timestamp, note text)",
)

CHECKS = (
    "{c} IS NOT NULL OR {n} > 0",
    "{c} > '1000-01-01' OR {n} >= 0",
    "{c}::date > '1900-01-01' OR {n} >= 0",
    "date_trunc('day', {c}) <= {c}",
    "{c} <= {d} OR {n} >= 0",
    "extract(year FROM {c}) <> 2003 OR {c} IS NULL",
    "{c} + interval '1 day' > {c} OR NOT isfinite({c})",
    "{c} BETWEEN '1900-01-01' AND '9999-12-31' OR {n} >= 0",
    "{c} IN ('2020-02-02', '2021-01-01') OR {n} >= 0",
    "to_char({c}, 'YYYY') <> '2003' OR {n} >= 0",
    "{c}::time >= '00:00' AND coalesce({c}, {d}, '2000-01-01') IS NOT NULL",
    "lower({r}) <= upper({r}) OR {n} >= 0",
    "NOT {r} @> timestamp '2003-03-03' OR {n} >= 0",
    "{c} <@ {r} OR {n} >= 0",
    "cardinality({a}) < 9",
    "{c} <> ALL ({a}) OR {n} >= 0",
    "({c} IS NOT NULL OR {n} > 0) AND {w}::time < '01:00'",
    "({c} IS NOT NULL OR {n} > 0) AND s_all.day_of({w}) = {w}::date",
)
INDEXES = (
    "({c})",
    "({c} DESC NULLS LAST, {n})",
    "(({c}::date))",
    "(date_trunc('hour', {c}))",
    "(({c} + interval '1 day'), {n}) WITH (fillfactor = 70)",
    "(coalesce({c}, {d}))",
    "((CASE WHEN {c} > '2000-01-01' THEN {d} END))",
    "({n}) WHERE {c} > '2000-01-01'",
    "({n}) INCLUDE ({c})",
    "({n}) WHERE {c} IS NOT NULL AND {d} < 'infinity'",
    "USING brin ({c})",
    ">= 14 USING brin ({c} timestamp_minmax_multi_ops)",
    "USING hash ({c})",
    "({c} timestamp_ops, ({d}::time))",
    "(extract(isodow FROM {c}))",
    "USING gist ({r})",
    "USING spgist ({r}) WHERE NOT isempty({r})",
    "(lower({r}))",
    "({n}) WHERE {r} && tsrange('2000-01-01', '2001-01-01')",
    "USING gin ({a})",
    "(s_all.day_of({w}), {n})",
    "(s_all.day_of({w}), {c})",
)
GENERATED = (
    "date GENERATED ALWAYS AS ({c}::date) STORED",
    "boolean GENERATED ALWAYS AS ({c} > '2000-01-01') STORED",
    "numeric GENERATED ALWAYS AS (date_part('hour', {c})) STORED",
    "timestamp GENERATED ALWAYS AS (coalesce({c}, {d})) STORED",
    "timestamp GENERATED ALWAYS AS (date_trunc('month', {c})) STORED",
    "int GENERATED ALWAYS AS (s_all.day_of({w}) - {c}::date) STORED",
    ">= 18 date GENERATED ALWAYS AS ({c}::date) VIRTUAL",
)
OUTPUTS = (
    "{c}",
    "{c}",
    "{c}",
    "{c}::date",
    "{c}::time",
    "{c}::text",
    "{c}::timestamptz",
    "{c}::timestamp(0)",
    "date_trunc('month', {c})",
    "{c} > '2000-01-01'",
    "{c} < {d}",
    "{c} < now()",
    "{c} + interval '1 day'",
    "to_char({c}, 'YYYY-MM-DD HH24:MI:SS.US')",
    "format('%s', {c})",
    "to_json({c})",
    "coalesce({c}, '2000-01-01')",
    "greatest({c}, {d})",
    "nullif({c}, {d})",
    "extract(hour FROM {c})",
    "extract(epoch FROM {c})",
    "{c} AT TIME ZONE 'Asia/Tokyo'",
    "rank() OVER (ORDER BY {c})",
    "max({c}) OVER ()",
    "count(*) FILTER (WHERE {c} > '2000-01-01') OVER ()",
    "ARRAY[{c}, {d}]",
    "(SELECT count(*) FROM {t} AS sub WHERE sub.{c0} < {c})",
    "(SELECT max(sub.{c0}) FROM {t} AS sub)",
    "(SELECT string_agg(sub.{c0}::text, ' ' ORDER BY sub.{c0}) FROM {t} AS sub)",
    "CASE WHEN {c} IS NULL THEN '1999-09-09' ELSE {c} END",
    "CASE WHEN {c} <= {d} THEN tsrange({c}, {d}) END",
    "{r}",
    "lower({r})",
    "{r} @> timestamp '2001-01-01'",
    "{a}",
    "({a})[1]",
    "{c} = ANY ({a})",
    "cardinality({a})",
    "{w}",
    "{w}::date",
    "to_char({w}, 'YYYY-MM-DD HH24')",
    "date_trunc('day', {w})::text",
)
CONDITIONS = (
    "true",
    "{c} > '1990-01-01'",
    "{c} IS NOT NULL",
    "{c}::date <> '2021-03-14'",
    "{c} = (SELECT max(sub.{c0}) FROM {t} AS sub)",
    "{c} BETWEEN '1900-01-01' AND {d}",
    "NOT upper_inf({r})",
)
QUERIES = (
    "SELECT {outputs} FROM {t} AS x WHERE {condition}",
    "SELECT {outputs} FROM {t} AS x WHERE {condition}",
    "SELECT {outputs} FROM {t} AS x WHERE {condition}",
    "SELECT DISTINCT {outputs} FROM {t} AS x",
    "WITH w AS (SELECT * FROM {t}) SELECT {outputs} FROM w AS x WHERE {condition}",
    "SELECT {outputs} FROM (SELECT * FROM {t} OFFSET 0) AS x ORDER BY 1",
    "SELECT {outputs} FROM {t} AS x JOIN {t} AS y ON x.{c0} = y.{c0}",
    "SELECT {outputs} FROM {t} AS x WHERE {condition}"
    " UNION ALL SELECT {outputs} FROM {t} AS x",
    "SELECT {outputs} FROM {t} AS x LEFT JOIN LATERAL"
    " (SELECT y.{c0} AS at FROM {t} AS y WHERE y.n < x.n) AS z ON z.at > x.{c0}",
)
POLICIES = (
    "USING ({c} > '1990-01-01')",
    "FOR SELECT TO tzt_reader USING ({c}::date < '2050-01-01' OR {n} > 3)",
    "FOR UPDATE TO tzt_reader USING ({c} < now())"
    " WITH CHECK (extract(year FROM {c}) <> 2003)",
    "AS RESTRICTIVE USING ({c} IS DISTINCT FROM (SELECT max(sub.{c0}) FROM {t} sub))",
)
TRIGGERS = (
    "BEFORE UPDATE OF {c} ON {t} FOR EACH ROW",
    "BEFORE INSERT OR UPDATE ON {t} FOR EACH ROW",
    "BEFORE INSERT OR UPDATE ON {t} FOR EACH ROW WHEN (new.{c} > '2000-01-01')",
    "BEFORE UPDATE ON {t} FOR EACH ROW"
    " WHEN (old.{c}::date IS DISTINCT FROM new.{c}::date OR new.{c} IS NULL)",
)
TOUCHES = (
    "new.{c} := coalesce(new.{c}, '2001-02-03 04:05:06');",
    "new.{c} := date_trunc('hour', new.{c});",
    "IF new.{c} > '2000-01-01' THEN new.{e} := new.{c}; END IF;",
    "new.n := coalesce(new.n, extract(year FROM new.{c})::int);",
    "IF EXISTS (SELECT FROM {t} AS o WHERE o.{c} < new.{c}) THEN"
    " new.{e} := new.{c}; END IF;",
    "new.{c} := timezone('{z}', timestamptz '2024-05-05 05:05+00');",
    "IF tg_op = 'UPDATE' AND new.{c} IS DISTINCT FROM old.{c} THEN"
    " RAISE EXCEPTION 'moved %', new.n; END IF;",
    "",
)
"""What triggers do to the column before they return the row."""

FUNCTIONS = (
    ">= 14 BEGIN ATOMIC SELECT count(*) FROM {t} AS sub WHERE sub.{c0} > $1; END",
    ">= 14 RETURN (SELECT count(*) FROM {t} AS s WHERE s.{c0}::date > '2000-01-01')",
    "AS $x$SELECT count(*) FROM {t} AS sub WHERE sub.{c0} > $1$x$",
    "AS $x$SELECT count(*) FROM {t} AS sub WHERE sub.{c0}::date > '2000-01-01'$x$",
)
PROPERTIES = (
    "COMMENT ON COLUMN {t}.{c0} IS 'it''s :c 100% \\'",
    "GRANT SELECT, UPDATE ON {t} TO PUBLIC",
    "GRANT SELECT, UPDATE ON {t} TO PUBLIC",
    "GRANT UPDATE ({c0}), SELECT ({c0}) ON {t} TO tzt_reader WITH GRANT OPTION",
    "GRANT SELECT ON {t} TO tzt_clerk WITH GRANT OPTION; SET ROLE tzt_clerk;"
    " GRANT SELECT ON {t} TO tzt_reader; RESET ROLE",
    "ALTER TABLE {t} OWNER TO tzt_owner",
    "ALTER TABLE {t} ALTER {c0} SET STATISTICS 77",
    "ALTER TABLE {t} ALTER {c0} SET (n_distinct = 5)",
    "ALTER TABLE {t} ALTER {c0} SET NOT NULL",
    "ALTER TABLE {t} REPLICA IDENTITY FULL",
    "ALTER TABLE {t} SET (fillfactor = 80)",
    "ALTER TABLE {t} DISABLE TRIGGER USER",
    "ALTER TABLE {t} FORCE ROW LEVEL SECURITY",
)
CONSTRAINTS = (
    "UNIQUE ({c}, n)",
    "UNIQUE (n, {c}) DEFERRABLE INITIALLY DEFERRED",
    "EXCLUDE ({c} WITH =, n WITH =)",
    "EXCLUDE USING gist ({r} WITH &&) WHERE (n > 1)",
    "EXCLUDE USING gist (tsrange({c}, {d}) WITH &&) WHERE ({c} <= {d})",
)
