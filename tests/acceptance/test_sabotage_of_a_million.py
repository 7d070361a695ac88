"""Wrong conversions of a large table, one mistake at a time, and an honest one.

One row of a million is what the fingerprint of whole columns is for. Recorded rows
catch what moves more than the share that they bound.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from tests.acceptance.test_sabotage import drop, fresh, recorded
from tzmigrate import commands
from tzmigrate.verification.model import Outcome

ROWS = int(os.environ.get("TZMIGRATE_TEST_MILLION", "50000"))
ZONE = "America/New_York"
SCHEMA = f"""
CREATE TABLE visits (id bigint PRIMARY KEY, began timestamp DEFAULT now(),
    ended timestamp, note text);
INSERT INTO visits SELECT g, b + (g % 1000) * interval '1 microsecond',
    CASE WHEN g % 5 > 0 THEN b + interval '40 days' END, 'n'
FROM generate_series(1, {ROWS}) AS g, LATERAL (
    SELECT timestamp '2015-01-01 12:00' + g * (interval '6 years' / {ROWS})) AS t (b)
WHERE NOT (b::date IN ('2015-03-08', '2016-03-13', '2017-03-12', '2018-03-11',
    '2019-03-10', '2020-03-08', '2021-03-14') AND b::time BETWEEN '02:00' AND '03:00')
  AND NOT (b + interval '40 days' BETWEEN '2015-03-08 02:00' AND '2015-03-08 03:00'
    OR b + interval '40 days' BETWEEN '2016-03-13 02:00' AND '2016-03-13 03:00'
    OR b + interval '40 days' BETWEEN '2017-03-12 02:00' AND '2017-03-12 03:00'
    OR b + interval '40 days' BETWEEN '2018-03-11 02:00' AND '2018-03-11 03:00'
    OR b + interval '40 days' BETWEEN '2019-03-10 02:00' AND '2019-03-10 03:00'
    OR b + interval '40 days' BETWEEN '2020-03-08 02:00' AND '2020-03-08 03:00'
    OR b + interval '40 days' BETWEEN '2021-03-14 02:00' AND '2021-03-14 03:00');
CREATE INDEX visits_note ON visits (note) WHERE note <> 'n';
CREATE VIEW latest AS SELECT id, began FROM visits WHERE ended IS NULL;
GRANT SELECT ON visits TO PUBLIC;
VACUUM ANALYZE visits;
"""


@dataclass(frozen=True, slots=True)
class Planned:
    """A database, and the statements of its revision for each proof."""

    template: str
    url: str
    up: dict[str, list[str]]


@pytest.fixture(scope="module")
def planned(server: Any, tmp_path_factory: Any) -> Iterator[Planned]:
    name = f"tzt_million_{os.getpid()}"
    fresh(server, name)
    url = server.url(name)
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in SCHEMA.split(";\n"):
            connection.execute(statement.encode())
    up = {}
    for proof in ("full", "sample"):
        root = tmp_path_factory.mktemp(proof)
        (root / "tzmigrate.toml").write_text(
            f'[zones]\ndefault = "{ZONE}"\n[policy]\nproof = "{proof}"\n'
            'overlap = "later"\nmax_lock = "1h"\naccept = ["TZ301"]\n',
            encoding="utf-8",
        )
        made = commands.plan(
            commands.Connection(url=url, config=root / "tzmigrate.toml"),
            alembic=commands.AlembicOptions(
                ini=root / "alembic.ini", directory=root / "m"
            ),
            init=True,
        )
        support, group = made.written
        up[proof] = recorded(group)
        if proof == "full":
            with psycopg.connect(url) as connection:
                for statement in recorded(support):
                    connection.execute(statement.encode())
    yield Planned(name, url, up)
    drop(server, name)


def altered(began: str, ended: str = "ended {z}") -> Callable[[str], str]:
    """Return what puts other values in the place of the planned ones."""
    zone = f"AT TIME ZONE '{ZONE}'"
    using = [text.replace("{z}", zone) for text in (began, ended)]
    text = (
        "ALTER TABLE public.visits ALTER began DROP DEFAULT,"
        f" ALTER began TYPE timestamptz USING {using[0]},"
        f" ALTER ended TYPE timestamptz USING {using[1]},"
        " ALTER began SET DEFAULT now()"
    )
    return lambda statement: (
        text if statement.startswith("DO $tz$") and "ALTER TABLE" in statement else ""
    )


def beside(text: str) -> Callable[[str], str]:
    """Return what does something more right after the ALTER."""
    inner = f"SET LOCAL search_path = public; {text}"
    return lambda statement: (
        f"{statement}; {inner}"
        if statement.startswith("DO $tz$") and "ALTER TABLE" in statement
        else ""
    )


def instead_of(part: str, other: str) -> Callable[[str], str]:
    """Return what changes the text of the statements that hold a part."""
    return lambda statement: statement.replace(part, other) if part in statement else ""


def by(interval: str, condition: str) -> str:
    return (
        f"(began + CASE WHEN {condition} THEN interval '{interval}' ELSE interval '0'"
        " END) {z}"
    )


MIDDLE = ROWS // 2
SUMMER = "began BETWEEN '2017-06-01' AND '2017-08-31'"
OVERLAP = (
    "began::date IN ('2015-11-01', '2016-11-06', '2017-11-05', '2018-11-04',"
    " '2019-11-03', '2020-11-01') AND began::time BETWEEN '01:00' AND '02:00'"
)
MOVED = "visits.began (was shifted by|does not hold what)"
"""By recorded rows, where chance has drawn one of them, else by the fingerprint."""
SABOTAGE: dict[str, tuple[Callable[[str], str], str, str]] = {
    "one row by a microsecond": (
        altered(by("1 us", f"id = {MIDDLE}")), "full", MOVED,
    ),
    "one row by an hour": (
        altered(by("1 h", f"id = {MIDDLE}")), "full", MOVED,
    ),
    "overlap rows alone": (
        altered(by("-1 h", OVERLAP)), "full", MOVED,
    ),
    "one summer": (altered(by("1 h", SUMMER)), "both", "shifted by 01:00:00"),
    "all by five hours": (
        altered("(began - interval '5 h') {z}"), "both", "shifted by -05:00:00",
    ),
    "a wrong zone": (
        altered("began AT TIME ZONE 'Asia/Kolkata'"), "both", "was shifted by -",
    ),
    "two rows swapped": (
        altered(
            f"CASE id WHEN {MIDDLE} THEN timestamp '2015-01-01 12:00' WHEN {MIDDLE - 1}"
            " THEN timestamp '2015-01-01 12:00' ELSE began END {z}"
        ),
        "full", MOVED,
    ),
    "two columns swapped": (
        altered("coalesce(ended, began) {z}", "began {z}"), "both", "visits.",
    ),
    "truncated to milliseconds": (
        altered("date_trunc('milliseconds', began) {z}"), "both", "was shifted by -",
    ),
    "NULLs filled": (
        altered("began {z}", "coalesce(ended, '2020-01-15') {z}"), "both",
        "visits.ended was shifted",
    ),
    "rows lost": (
        beside("DELETE FROM visits WHERE id % 7 = 0"), "both",
        "were not found again",
    ),
    "one row lost": (
        beside(f"DELETE FROM visits WHERE id = {MIDDLE}"), "both",
        "were written while|not found again",
    ),
    "rows duplicated": (
        beside(f"INSERT INTO visits SELECT id + {ROWS}, began, ended FROM visits"
               " WHERE id % 7 = 0"),
        "both", "were written while",
    ),
    "a grant lost": (
        beside("REVOKE SELECT ON visits FROM PUBLIC"), "both", "table public.visits",
    ),
    "an index left invalid": (
        beside("UPDATE pg_index SET indisvalid = false WHERE indexrelid ="
               " 'visits_note'::regclass"),
        "both", "index public.visits_note",
    ),
    "a default left naive": (
        instead_of("SET DEFAULT now()", "SET DEFAULT LOCALTIMESTAMP"), "both",
        "Column public.visits.began has the default LOCALTIMESTAMP",
    ),
    "a view that shifts": (
        instead_of("began AS began", "began + interval '1 hour' AS began"),
        "both", "view public.latest",
    ),
}  # fmt: skip


def execute(url: str, statements: Sequence[str]) -> None:
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@pytest.mark.parametrize(
    ("name", "level"),
    # recorded rows do not claim to see one row of all
    [
        (name, level)
        for name, (_, seen_by, _) in SABOTAGE.items()
        for level in ("full", "sample")
        if seen_by in {"both", level}
    ],
)
def test_each_mistake_is_stopped_and_named(
    planned: Planned, name: str, level: str
) -> None:
    sabotage, _, words = SABOTAGE[name]
    statements = [sabotage(statement) or statement for statement in planned.up[level]]
    assert statements != planned.up[level]
    with pytest.raises(psycopg.Error, match=words) as caught:
        execute(planned.url, statements)
    assert (caught.value.sqlstate or "").startswith("TZ4"), caught.value
    assert "rolled back" in str(caught.value)


def test_an_honest_conversion_is_proved_at_every_level(
    planned: Planned, make_database: Callable[..., Any]
) -> None:
    url = make_database(template=planned.template).url
    execute(url, planned.up["full"])
    for level in ("auto", "full", "sample"):
        connection = commands.Connection(url=url)
        found = commands.verify(connection, level=level, accept=("TZ301",))
        assert found.outcome is Outcome.PROVED, level
        for column in found.columns:
            whole = column.rows_compared == column.rows_total
            assert whole or level == "sample"
