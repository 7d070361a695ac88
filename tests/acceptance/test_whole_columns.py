"""Every row is compared: what recorded rows alone would let through is found."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
import pytest

from tests.acceptance.test_sabotage import recorded, run
from tzmigrate.verification.model import ColumnProof, Outcome

ROWS = 20_000
TABLE = f"""
CREATE TABLE visits (id bigint PRIMARY KEY, began timestamp, ended timestamp);
INSERT INTO visits SELECT g, timestamp '2020-01-15 12:00:00.123457' + g * interval
    '97 minutes 1 microsecond', CASE WHEN g % 5 > 0 THEN timestamp '2021-01-15' END
FROM generate_series(1, {ROWS}) AS g
WHERE (timestamp '2020-01-15 12:00:00.123457' + g * interval '97 minutes')::time
    NOT BETWEEN '00:30' AND '03:30';
INSERT INTO visits VALUES (0, 'infinity', '-infinity'), (-1, '0044-03-15 BC', NULL);
"""
ZONES = ["UTC", "America/New_York"]
"""In the catalog alone, and rewritten."""


@pytest.fixture
def planned(
    database: Any, make_project: Callable[..., Any]
) -> Callable[..., tuple[Any, list[str]]]:
    """Plan the table; return its project and the statements of its revision."""

    def planned(
        zone: str, proof: str = "full", rows: int = 1, *, build: bool = True
    ) -> tuple[Any, list[str]]:
        if build:
            database.execute(TABLE)
        project = make_project(database.url)
        project.configure(f'[policy]\nproof = "{proof}"\noverlap = "later"\n')
        support, group = project.plan(zones=(f"default={zone}",)).written
        with database.connect() as connection:
            for statement in recorded(support):
                connection.execute(statement)
        # few rows are recorded, so that the fingerprint alone sees all else
        few = [s.replace("rows => 1000", f"rows => {rows}") for s in recorded(group)]
        assert few != recorded(group)
        return project, few

    return planned


def count(database: Any) -> int:
    return int(database.execute("SELECT count(*) FROM visits")[0][0])


def began(project: Any, **options: Any) -> ColumnProof:
    return next(c for c in project.verify(**options).columns if c.column == "began")


def converted_by(zone: str, began: str, ended: str) -> Callable[[str], str]:
    texts = [text.format(z=f"AT TIME ZONE '{zone}'") for text in (began, ended)]
    return lambda _: (
        f"ALTER TABLE public.visits ALTER began TYPE timestamptz USING {texts[0]},"
        f" ALTER ended TYPE timestamptz USING {texts[1]}"
    )


AS_MEANT = ("began {z}", "ended {z}")
WRONG = {
    "one row by a microsecond": (
        "(began + CASE id WHEN 7770 THEN interval '1 us' ELSE interval '0' END) {z}",
        AS_MEANT[1],
        ".began does not hold what it held before: the same number of values",
    ),
    "one row by an hour": (
        "(began + CASE id WHEN 7770 THEN interval '1 h' ELSE interval '0' END) {z}",
        AS_MEANT[1],
        ".began does not hold what it held before: the same number of values",
    ),
    "two rows swapped": (
        "CASE id WHEN 70 THEN timestamp '2020-01-15 12:00:00.123457' + 90 * interval"
        " '97 minutes 1 us' WHEN 90 THEN timestamp '2020-01-15 12:00:00.123457' + 70"
        " * interval '97 minutes 1 us' ELSE began END {z}",
        AS_MEANT[1],
        ".began does not hold what it held before: the same number of values",
    ),
    "one value made NULL": (
        AS_MEANT[0],
        "CASE WHEN id <> 7771 THEN ended {z} END",
        ".ended does not hold what it held before: 1 of its values are NULL",
    ),
    "NULLs filled": (
        AS_MEANT[0],
        "coalesce(ended, '2021-01-15') {z}",
        "of its NULLs hold a value",
    ),
    "an infinity lost": (
        "CASE id WHEN 0 THEN '2021-01-15' ELSE began END {z}",
        AS_MEANT[1],
        "1 values were infinite, 0 are",
    ),
    "the first moment": (
        "CASE id WHEN -1 THEN '0044-03-16 BC' ELSE began END {z}",
        AS_MEANT[1],
        "its first or last moment moved",
    ),
    "two columns swapped": ("ended {z}", "began {z}", "of its values are NULL"),
}


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("wrong", WRONG)
def test_what_a_wrong_conversion_did_is_said_before_the_commit(
    wrong: str, zone: str, database: Any, planned: Any
) -> None:
    first, second, said = WRONG[wrong]
    _, statements = planned(zone, rows=0)
    # a wrong conversion under UTC would be noticed by its rewrite before
    statements = [s.replace("rewrite => false", "rewrite => true") for s in statements]
    with pytest.raises(psycopg.Error) as caught:
        run(database, statements, instead=converted_by(zone, first, second))
    assert caught.value.sqlstate == "TZ402"
    assert said in str(caught.value)
    assert "The transaction is rolled back" in str(caught.value)


def test_columns_that_changed_places_are_named(database: Any, planned: Any) -> None:
    """Their counts differ in most tables; here they do not."""
    _, statements = planned("America/New_York", rows=0)
    database.execute("UPDATE visits SET ended = began + '1 min' WHERE isfinite(began)")
    database.execute("DELETE FROM visits WHERE NOT isfinite(began)")
    with pytest.raises(psycopg.Error, match="it holds what ended held"):
        run(
            database,
            statements,
            instead=converted_by("America/New_York", "ended {z}", "began {z}"),
        )


@pytest.mark.parametrize(
    ("zone", "proof", "level"),
    [
        ("UTC", "auto", "physical"),
        ("UTC", "full", "full"),
        ("America/New_York", "auto", "full"),
        ("America/New_York", "sample", "sample"),
    ],
)
def test_auto_is_the_most_that_was_recorded(
    zone: str, proof: str, level: str, database: Any, planned: Any
) -> None:
    project, statements = planned(zone, proof)
    run(database, statements)
    found = began(project)
    assert (found.outcome, found.level) == (Outcome.PROVED, level)
    if level == "full":
        assert found.rows_compared == found.rows_total == count(database)
        assert found.confidence.startswith("every row was compared")
    # what the unchanged file shows is shown for every row, too
    found = began(project, level="full")
    wanted = Outcome.UNPROVED if level == "sample" else Outcome.PROVED
    assert found.outcome is wanted
    assert found.level == ("full" if level == "full" else "physical")


def test_a_sample_of_one_row_is_never_empty(database: Any, planned: Any) -> None:
    """A proof by rows rests on those that chance drew: none would prove nothing."""
    _, statements = planned("America/New_York", "sample")
    drawn = "SELECT count(*) FROM tzmigrate.sample WHERE NOT edge"
    # where the number of rows is known, a block gives one on average
    database.execute("ANALYZE visits")
    with database.connect() as connection:
        for statement in statements:
            connection.execute(statement)
            if "choose_sample" in statement:
                break
        for _ in range(100):
            connection.execute("DELETE FROM tzmigrate.sample")
            connection.execute("SELECT tzmigrate.draw_sample('public.visits', 1)")
            assert connection.execute(drawn).fetchone() == (1,)
        connection.rollback()


def test_a_row_moved_beside_the_conversion_is_shifted(
    database: Any, planned: Any
) -> None:
    project, statements = planned("America/New_York")
    move = "UPDATE visits SET began = began + interval '1 us' WHERE id = 7770"
    run(database, [*statements, move])
    assert began(project, level="sample").outcome is Outcome.PROVED
    for level in ("auto", "full"):
        found = began(project, level=level)
        assert (found.outcome, found.level) == (Outcome.SHIFTED, "full")
        assert found.shifted > 0
        assert "nobody wrote a row since, but the same number" in found.note


KEYS = {
    "a smallint": ("id smallint PRIMARY KEY", "g"),
    "two numbers": ("id integer, n bigint, PRIMARY KEY (n, id)", "g, -g"),
    "a uuid": ("id uuid PRIMARY KEY", "md5(g::text)::uuid"),
    "a text": ("id text PRIMARY KEY", "'k' || g"),
    "mixed": ("id uuid, n int, s date, PRIMARY KEY (n, s, id)", "'{u}', g, '{d}'"),
    "itself": ("id integer, PRIMARY KEY (began)", "g"),
    "itself and more": ("id text, PRIMARY KEY (id, began)", "g"),
    "none": ("id integer", "g"),
}


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("key", KEYS)
def test_every_row_is_known_by_whatever_key_up_and_down(
    key: str, zone: str, database: Any, make_project: Callable[..., Any]
) -> None:
    columns, values = KEYS[key]
    values = values.format(u="00000000-0000-0000-0000-000000000001", d="2024-02-29")
    database.execute(
        f"CREATE TABLE visits (began timestamp, ended timestamp DEFAULT now(),"
        f" {columns}); INSERT INTO visits SELECT timestamp '2024-01-15 12:00' + g *"
        f" interval '1 day', NULL, {values} FROM generate_series(1, 200) AS g"
    )
    project = make_project(database.url)
    project.configure('[policy]\nproof = "full"\n')
    project.plan(zones=(f"default={zone}",))
    for direction, to in (("upgrade", "head"), ("downgrade", "-1")):
        project.run(direction, to)
        found = began(project, level="full")
        assert (found.outcome, found.level) == (Outcome.PROVED, "full")
        assert found.rows_compared == 200


def test_a_shifted_summer_is_told_with_its_first_and_last_moment(
    database: Any, planned: Any
) -> None:
    project, statements = planned("America/New_York", rows=8000)
    summer = (
        "SET LOCAL TimeZone = 'America/New_York'; UPDATE visits SET began = began"
        " - interval '1 h' WHERE began BETWEEN '2021-06-01' AND '2021-08-31'"
    )
    run(database, [*statements, *summer.split("; ")])
    found = began(project)
    assert found.outcome is Outcome.SHIFTED
    assert [o.offset for o in found.offsets] == ["-01:00:00"]
    assert found.period is not None
    first, last = found.period
    assert "2021-06-01" <= first < "2021-06-08"
    assert "2021-08-24" < last < "2021-08-31"
    assert f"stood between {first} and {last}" in found.note


@pytest.mark.parametrize("zone", ZONES)
def test_what_the_application_writes_later_is_no_shift(
    zone: str, database: Any, planned: Any
) -> None:
    project, statements = planned(zone)
    run(database, statements)
    database.execute("UPDATE visits SET began = now() WHERE id IN (70, 90)")
    database.execute("DELETE FROM visits WHERE id = 91")
    database.execute("INSERT INTO visits VALUES (1000000, now(), now())")
    rows = count(database)
    found = began(project, level="full")
    assert (found.outcome, found.level) == (Outcome.PROVED, "sample")
    assert f"since then 3 of {rows} rows were written and 3 changed" in found.note


HELD = """
ALTER FUNCTION tzmigrate.read_whole_column(tzmigrate.step) RENAME TO really_read;
CREATE FUNCTION tzmigrate.read_whole_column(s tzmigrate.step) RETURNS void
LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock(77);
    PERFORM tzmigrate.really_read(s); END'
"""
"""All rows are read when whoever holds the lock lets go of it."""


def held(database: Any, holder: Any, statements: list[str]) -> threading.Thread:
    """Run a revision until it is about to read all rows."""
    holder.execute("SELECT pg_advisory_lock(77)")
    running = threading.Thread(target=run, args=(database, statements))
    running.start()
    wait_for_locks(holder, 1)
    return running


def wait_for_locks(connection: Any, number: int) -> None:
    """Wait until so many others wait for locks, the revision among them."""
    for _ in range(600):
        (waiting,) = connection.execute(
            "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted AND (locktype"
            " = 'advisory' OR database = (SELECT oid FROM pg_database WHERE datname"
            " = current_database()))"
        ).fetchone()
        if waiting >= number:
            return
        time.sleep(0.1)
    raise AssertionError


@pytest.mark.parametrize("zone", ZONES)
def test_who_reads_goes_on_while_all_rows_are_read(
    zone: str, database: Any, planned: Any
) -> None:
    project, statements = planned(zone)
    database.execute(HELD)
    statements = [s.replace("'2s'", "'60s'") for s in statements]
    with database.connect() as holder, database.connect() as other:
        running = held(database, holder, statements)
        other.execute("SET lock_timeout = '500ms'")
        assert other.execute("SELECT count(*) FROM visits").fetchone()[0] > 0
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute("UPDATE visits SET began = now() WHERE id = 1")
        other.rollback()
        holder.execute("SELECT pg_advisory_unlock(77)")
        running.join(60)
    assert began(project, level="full").level == "full"


def test_nobody_who_writes_through_a_view_or_elsewhere_is_in_the_way(
    database: Any, planned: Any
) -> None:
    """One view reads the table alone, the other one a table that does not convert."""
    database.execute(
        TABLE + "CREATE TABLE other (id bigint);"
        "CREATE VIEW simple AS SELECT id, began FROM visits;"
        "CREATE VIEW upper AS SELECT id, began FROM simple;"
        "CREATE VIEW wide AS SELECT id, began FROM visits WHERE id IN (TABLE other)"
    )
    _, statements = planned("America/New_York", build=False)
    database.execute(HELD)
    statements = [s.replace("'2s'", "'60s'") for s in statements]
    with database.connect() as holder, database.connect() as other:
        running = held(database, holder, statements)
        other.execute("SET lock_timeout = '500ms'")
        other.execute("INSERT INTO other VALUES (1)")
        assert other.execute("SELECT count(*) FROM upper").fetchone()[0] > 0
        other.commit()
        writers = [writing(database, view) for view in ("upper", "simple", "wide")]
        wait_for_locks(holder, 4)
        holder.execute("SELECT pg_advisory_unlock(77)")
        running.join(60)
        for writer in writers:
            writer.join(60)
    # nobody was ended by a deadlock
    assert database.execute(
        "SELECT count(*), max(format_type(atttypid, NULL)) FROM visits, pg_attribute"
        " WHERE began = '1999-01-01 00:00-05' AND attname = 'began'"
        " AND attrelid = 'visits'::regclass"
    ) == [(3, "timestamp with time zone")]


def writing(database: Any, view: str) -> threading.Thread:
    """Write one row through a view in a session of its own."""
    rows = {"upper": 70, "simple": 90, "wide": 1}

    def write() -> None:
        database.execute(
            f"SET TimeZone = 'America/New_York'; UPDATE {view}"
            f" SET began = '1999-01-01' WHERE id = {rows[view]}"
        )

    thread = threading.Thread(target=write)
    thread.start()
    return thread


@pytest.mark.parametrize("zone", ZONES)
def test_a_view_whose_owner_may_only_read_does_not_stop_it(
    zone: str, database: Any, make_project: Callable[..., Any], make_role: Any
) -> None:
    """Nobody writes through it, and LOCK TABLE asks for the rights of its owner."""
    role = make_role()
    database.execute(
        "CREATE TABLE visits (id int PRIMARY KEY, began timestamp);"
        "INSERT INTO visits VALUES (1, '2024-01-15');"
        "CREATE VIEW latest AS SELECT id, began FROM visits;"
        "CREATE VIEW above AS SELECT began FROM latest;"
        f"GRANT SELECT ON visits TO {role.name};"
        f"ALTER VIEW latest OWNER TO {role.name}"
    )
    project = make_project(database.url)
    project.configure('[policy]\nproof = "full"\n')
    project.plan(zones=(f"default={zone}",))
    project.run("upgrade", "head")
    assert began(project).level == "full"
    project.run("downgrade", "-1")


def test_what_is_cancelled_halfway_is_unproved_and_can_be_tried_again(
    database: Any, planned: Any, shell: Any
) -> None:
    _, statements = planned("America/New_York")
    run(database, statements)
    database.execute(
        "ALTER FUNCTION tzmigrate.difference(bigint, tzmigrate.step_column, record)"
        " RENAME TO really_differ;"
        "CREATE FUNCTION tzmigrate.difference(bigint, tzmigrate.step_column, record)"
        " RETURNS text LANGUAGE plpgsql AS 'BEGIN IF pg_advisory_xact_lock(77)"
        " IS NULL THEN END IF; RETURN tzmigrate.really_differ($1, $2, $3); END'"
    )
    with database.connect() as holder:
        holder.execute("SELECT pg_advisory_lock(77)")
        started = shell.start("verify", "--url", database.url, "--format", "json")
        with started as process:
            wait_for_locks(holder, 1)
            holder.execute(
                "SELECT pg_cancel_backend(pid) FROM pg_locks WHERE NOT granted"
                " AND locktype = 'advisory'"
            )
            done = shell.end(process)
    found = json.loads(done.out)
    assert (done.status, found["outcome"]) == (5, "unproved")
    assert {c["outcome"] for c in found["columns"]} == {"unproved"}
    assert "not compared: canceling statement" in found["columns"][0]["note"]
    assert "TZ506" in {f["code"] for f in found["findings"]}
    again = shell.run("verify", "--url", database.url, "--accept", "TZ301")
    assert again.status == 0


def explained(connection: Any, query: str) -> str:
    rows: Sequence[tuple[str]] = connection.execute(f"EXPLAIN {query}").fetchall()
    return "\n".join(line for (line,) in rows)


@pytest.mark.parametrize("zone", ZONES)
def test_all_rows_are_read_in_parallel_and_without_a_sort(
    zone: str, database: Any, planned: Any
) -> None:
    _, statements = planned(zone)
    run(database, statements)
    with database.connect() as connection:
        connection.execute(
            "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;"
            "SET min_parallel_table_scan_size = 0; SET max_parallel_workers = 2;"
            "SET max_parallel_workers_per_gather = 2"
        )
        query = connection.execute(
            "SELECT tzmigrate.fingerprint_query(s.id, 'public.visits'::regclass, true)"
            " FROM tzmigrate.step AS s WHERE done_at IS NOT NULL"
        ).fetchone()[0]
        plan = explained(connection, query)
    assert "Partial Aggregate" in plan
    assert "Gather" in plan
    assert "Sort" not in plan


KNOWN = [
    (*("began", 265, 1, "-71458523686440463191"), -64464508800000000, 2**63 - 1),
    (*("ended", 206, 1, "-63916058640229542808"), -(2**63), 663984000000000),
]
"""Values, infinite ones, fingerprint, the first and the last moment of each column."""


@pytest.mark.parametrize(
    "settings", ["", "SET DateStyle = German", "SET TimeZone = -7"]
)
def test_the_digest_of_known_values_is_known(
    settings: str, database: Any, planned: Any
) -> None:
    """On every version the same: a server that hashed otherwise would show here."""
    project, statements = planned("UTC")
    database.execute("DELETE FROM visits WHERE id > 300")
    run(database, [s for s in (settings, *statements) if s])
    found = database.execute(
        "SELECT column_name, values_before, infinite_before, fingerprint_before::text,"
        " lowest_before, highest_before FROM tzmigrate.step_column ORDER BY position"
    )
    assert found == KNOWN
    assert began(project).level == "full"
