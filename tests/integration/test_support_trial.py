"""On the shadow the runs after the first are shorter, and still see the schema."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.conftest import Database
from tzmigrate.revisions import support

Connection = psycopg.Connection[Any]

BEGIN = """
SELECT tzmigrate.begin_step('tz_orders', '{direction}', 'shadow', NULL, 'Etc/UTC', '2s',
    'refuse', 'refuse', current_setting('server_version_num')::int / 10000, 1);
SELECT tzmigrate.plan_column('public.orders', 'at', '{before}', '{after}', 'Etc/UTC',
    NULL);
SELECT tzmigrate.choose_sample('public.orders', '{{id}}', 1000, 'sample', false);
SELECT tzmigrate.take_step()
"""
NAIVE = "timestamp without time zone"
ZONED = "timestamp with time zone"


@pytest.fixture
def shadow(database: Database) -> Iterator[Connection]:
    with psycopg.connect(database.url) as connection:
        connection.execute("CREATE TABLE orders (id int PRIMARY KEY, at timestamp)")
        for statement in (*support.install(), *support.trial()):
            connection.execute(statement.encode())
        connection.commit()
        yield connection


def run(shadow: Connection, direction: str, *, again: bool, more: str = "") -> None:
    before, after = (NAIVE, ZONED) if direction == "up" else (ZONED, NAIVE)
    with shadow.transaction():
        if again:
            shadow.execute("SET LOCAL tzmigrate.again = 'yes'")
        shadow.execute(support.guard().encode())
        begin = BEGIN.format(direction=direction, before=before, after=after)
        shadow.execute(begin.encode())
        shadow.execute(f"ALTER TABLE public.orders ALTER at TYPE {after}".encode())
        shadow.execute(more.encode())
        shadow.execute("SELECT tzmigrate.prove_step()")


def test_a_revision_goes_up_down_and_up_again(shadow: Connection) -> None:
    run(shadow, "up", again=False)
    run(shadow, "down", again=True)
    run(shadow, "up", again=True)
    done = shadow.execute("SELECT direction FROM tzmigrate.step ORDER BY id").fetchall()
    assert [row[0] for row in done] == ["up", "down", "up"]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("ALTER TABLE public.orders ALTER at SET NOT NULL", "not null"),
        ("ALTER TABLE public.orders ALTER at SET DEFAULT now()", "default"),
        ("COMMENT ON TABLE public.orders IS 'new'", "comment"),
        ("CREATE INDEX extra ON public.orders (at)", "index public.extra"),
    ],
)
def test_what_the_way_down_leaves_behind_is_told(
    shadow: Connection, change: str, named: str
) -> None:
    run(shadow, "up", again=False)
    with pytest.raises(psycopg.Error, match="does not come back") as caught:
        run(shadow, "down", again=True, more=change)
    assert caught.value.sqlstate == "TZ405"
    assert named in (caught.value.diag.message_detail or "")


def test_a_type_that_is_not_the_planned_one_stops_every_run(shadow: Connection) -> None:
    run(shadow, "up", again=False)
    change = "ALTER TABLE public.orders ALTER at TYPE timestamp(3)"
    with pytest.raises(psycopg.Error) as caught:
        run(shadow, "down", again=True, more=change)
    assert caught.value.sqlstate == "TZ403"


def test_a_rewrite_that_was_not_planned_stops_every_run(shadow: Connection) -> None:
    run(shadow, "up", again=False)
    change = "ALTER TABLE public.orders ALTER id TYPE bigint"
    change += "; ALTER TABLE public.orders ALTER id TYPE int"
    with pytest.raises(psycopg.Error) as caught:
        run(shadow, "down", again=True, more=change)
    assert caught.value.sqlstate == "TZ404"
