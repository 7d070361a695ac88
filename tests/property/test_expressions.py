"""Laws of the defaults that a conversion writes, checked by PostgreSQL itself."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tzmigrate.planning.expressions import convert_default

ZONES = ("Etc/UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
SESSIONS = (*ZONES, "Pacific/Kiritimati")

NOW = st.sampled_from(
    (
        "now()",
        "CURRENT_TIMESTAMP",
        "CURRENT_TIMESTAMP(3)",
        "transaction_timestamp()",
        "statement_timestamp()",
    )
)
ZONE = st.sampled_from(
    ("utc", "UTC", "GMT", "Etc/UTC", "america/new_york", "US/Eastern", *ZONES)
)
LITERAL = st.datetimes().map(lambda at: f"timestamp '{at.isoformat(sep=' ')}'")


@dataclass(frozen=True)
class Text:
    """A default as somebody writes it.

    ``zoned``: it is timestamptz. ``steady``: what it yields does not depend on the
    session's zone.
    """

    sql: str
    zoned: bool = False
    steady: bool = True


def _naive(inner: st.SearchStrategy[Text]) -> st.SearchStrategy[Text]:
    """Wrap naive expressions into other naive expressions."""
    spans = st.sampled_from(("1 day", "-1 mon", "90 minutes", "0.000001 sec"))
    units = st.sampled_from(("day", "hour", "milliseconds", "century"))
    return st.one_of(
        st.builds(
            lambda x, i: Text(f"({x.sql} + interval '{i}')", steady=x.steady),
            inner,
            spans,
        ),
        st.builds(
            lambda u, x: Text(f"date_trunc('{u}', {x.sql})", steady=x.steady),
            units,
            inner,
        ),
        st.builds(
            lambda x: Text(f"COALESCE(NULL::timestamp, {x.sql})", steady=x.steady),
            inner,
        ),
        st.builds(
            lambda x, p: Text(f"({x.sql})::timestamp({p})", steady=x.steady),
            inner,
            st.integers(0, 5),
        ),
        st.builds(lambda x: Text(f"({x.sql})::date", steady=x.steady), inner).map(
            lambda x: Text(f"{x.sql}::timestamp", steady=x.steady)
        ),
    )


BASE = st.one_of(
    st.builds(lambda now, zone: Text(f"({now} AT TIME ZONE '{zone}')"), NOW, ZONE),
    st.builds(lambda now, zone: Text(f"timezone('{zone}', {now})"), NOW, ZONE),
    st.builds(lambda now: Text(f"{now}::timestamp", steady=False), NOW),
    st.sampled_from(
        (
            Text("LOCALTIMESTAMP", steady=False),
            Text("LOCALTIMESTAMP(3)", steady=False),
            Text("timezone(current_setting('TimeZone'), now())", steady=False),
            Text("timestamp 'infinity'"),
            Text("timestamp '-infinity'"),
        )
    ),
    LITERAL.map(Text),
)
DEFAULT = st.one_of(
    st.recursive(BASE, _naive, max_leaves=4),
    NOW.map(lambda now: Text(now, zoned=True)),
    st.just(Text("CURRENT_DATE", steady=False)),
    st.just(Text("date '2024-03-10'")),
)


@pytest.fixture(scope="module")
def connection(server: Any) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("SET search_path = pg_catalog, pg_temp")
        yield connection


def printed(connection: psycopg.Connection[Any], text: str) -> tuple[str, str]:
    """A default as the server prints it, and the type of its expression."""
    with connection.transaction(force_rollback=True):
        connection.execute(f"CREATE TEMP TABLE of (at timestamp DEFAULT {text})")
        row = connection.execute(
            "SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef"
            " WHERE adrelid = 'of'::regclass"
        ).fetchone()
        assert row is not None
        kind = connection.execute(
            f"SELECT format_type(pg_typeof({row[0]}), NULL)"
        ).fetchone()
    assert kind is not None
    return row[0], kind[0]


def values(
    connection: psycopg.Connection[Any], session: str, *expressions: str
) -> tuple[Any, ...]:
    """Evaluate expressions at one moment, in a session's zone."""
    with connection.transaction():
        connection.execute(
            "SELECT set_config('TimeZone', %s, true),"
            " set_config('DateStyle', 'ISO, YMD', true)",
            [session],
        )
        row = connection.execute(f"SELECT {', '.join(expressions)}").fetchone()
    assert row is not None
    return tuple(row)


@settings(max_examples=120, deadline=None)
@given(text=DEFAULT, zone=st.sampled_from(ZONES), session=st.sampled_from(SESSIONS))
@example(
    text=Text("LOCALTIMESTAMP(0)", steady=False),
    zone="Etc/UTC",
    session="Asia/Kolkata",
)
@example(
    text=Text("(now() AT TIME ZONE 'us/eastern')"),
    zone="America/New_York",
    session="Asia/Kolkata",
)
@example(
    text=Text("(now() AT TIME ZONE 'EST')"),
    zone="America/New_York",
    session="Etc/UTC",
)
def test_the_new_default_means_what_the_old_one_meant(
    connection: psycopg.Connection[Any], text: Text, zone: str, session: str
) -> None:
    old, kind = printed(connection, text.sql)
    new = convert_default(old, kind, zone)
    _, new_kind = printed(connection, new)
    assert new_kind == "timestamp with time zone"
    if kind == "timestamp with time zone":
        assert new == old
        return
    # what was stored before was a wall clock of the column's zone; only where it was
    # the bare wall clock of the session does the instant itself count
    wall = f"({old})::timestamp"
    same = (
        f"({new}) = {wall} AT TIME ZONE '{zone}'",
        # in an overlap the instant says more than the wall clock did
        f"({new}) AT TIME ZONE '{zone}' = {wall}",
        f"({new}) AT TIME ZONE '{session}' = {wall}",
    )
    by_instant, by_clock, by_session = values(connection, session, *same)
    assert by_instant or by_clock or (by_session and not text.steady)


@settings(max_examples=60, deadline=None)
@given(text=DEFAULT.filter(lambda t: t.steady), zone=st.sampled_from(ZONES))
def test_what_did_not_depend_on_the_session_does_not_begin_to(
    connection: psycopg.Connection[Any], text: Text, zone: str
) -> None:
    old, kind = printed(connection, text.sql)
    new = convert_default(old, kind, zone)
    new = new.replace("statement_timestamp()", "now()")
    connection.execute("BEGIN")  # one moment for all sessions
    try:
        found = {
            values(connection, session, f"(({new}) AT TIME ZONE 'Etc/UTC')::text")
            for session in SESSIONS
        }
    finally:
        connection.execute("ROLLBACK")
    assert len(found) == 1


@given(zone=st.sampled_from(ZONES), word=st.text(max_size=20))
def test_only_whole_known_texts_are_simplified(zone: str, word: str) -> None:
    naive = "timestamp without time zone"
    for known in ("LOCALTIMESTAMP", "(now() AT TIME ZONE 'Etc/UTC'::text)"):
        for text in (f"{known}{word}", f"{word}{known}"):
            if word and not re.fullmatch(r"\([0-9]\)", word):
                found = convert_default(text, naive, zone)
                assert found == f"(({text}) AT TIME ZONE '{zone}')"
