"""New writes count too: a session zone that differs stops until pinned or accepted."""

from collections.abc import Callable
from typing import Any

import pytest

from tzmigrate.errors import DecisionNeeded
from tzmigrate.inventory.model import Finding, Severity
from tzmigrate.verification.model import Outcome

TABLES = """
CREATE TABLE events (id int PRIMARY KEY, at timestamp, seen timestamp);
CREATE TABLE visits (id int PRIMARY KEY, at timestamp);
INSERT INTO events VALUES (1, '2024-07-01 12:00', 'infinity');
INSERT INTO visits VALUES (1, '2024-07-01 12:00');
"""
UTC = ("default=UTC",)


def stops(findings: tuple[Finding, ...]) -> list[str]:
    return [
        f.message
        for f in findings
        if f.code == "TZ301" and f.severity is Severity.BLOCKS
    ]


@pytest.fixture
def project(database: Any, make_project: Callable[..., Any]) -> Any:
    database.execute(TABLES)
    return make_project(database.url)


def pin(database: Any, zone: str) -> None:
    database.execute(f"ALTER DATABASE {database.name} SET timezone = '{zone}'")


def test_a_server_zone_that_differs_stops_the_plan_until_the_database_pins_it(
    database: Any, project: Any
) -> None:
    here = database.server.zone
    there = "Asia/Tokyo" if here == "UTC" else "UTC"
    zones = (f"default={there}",)
    plan = project.plan(zones=zones, accept=())
    (message,) = stops(plan.decisions)
    assert message.startswith(f"the server gives sessions TimeZone {here}, while")
    assert f"public.events.at and 2 more hold {there}" in message
    assert f"ALTER DATABASE {database.name}" in plan.decisions[0].hint
    assert plan.written == ()
    assert project.revisions == []
    pin(database, there)
    plan = project.plan(zones=zones, accept=())
    assert plan.decisions == ()
    assert len(project.revisions) == 3


def test_a_database_zone_that_differs_stops_the_plan(
    database: Any, project: Any
) -> None:
    pin(database, "Australia/Lord_Howe")
    plan = project.plan(zones=UTC, accept=())
    (message,) = stops(plan.decisions)
    assert message.startswith(f"database {database.name} gives sessions TimeZone Aus")
    assert project.revisions == []


@pytest.mark.parametrize("pinned", ["UTC", "America/New_York", "Asia/Tokyo"])
def test_where_columns_hold_several_zones_no_pin_is_advised(
    database: Any, project: Any, pinned: str
) -> None:
    pin(database, pinned)
    zones = ("default=UTC", "public.visits.*=America/New_York")
    plan = project.plan(zones=zones, accept=())
    assert plan.decisions
    for finding in plan.decisions:
        assert "ALTER" not in finding.hint
        assert "--accept TZ301" in finding.hint
    assert project.plan(zones=zones, accept=("TZ301",)).decisions == ()


def test_a_role_that_writes_in_another_zone_stops_the_plan_until_it_is_pinned(
    database: Any, project: Any, make_role: Callable[..., Any]
) -> None:
    pin(database, "UTC")
    writer, reader, nobody = make_role(), make_role(), make_role()
    database.execute(f"GRANT INSERT (id, at) ON events TO {writer.name}")
    database.execute(f"GRANT SELECT ON events, visits TO {reader.name}")
    for role in (writer, reader, nobody):
        database.execute(f"ALTER ROLE {role.name} SET timezone = 'Asia/Kolkata'")
    plan = project.plan(zones=UTC, accept=())
    (message,) = stops(plan.decisions)
    assert message.startswith(f"role {writer.name} gives sessions TimeZone Asia/Kol")
    assert "public.events.at and 1 more" in message
    assert f"ALTER ROLE {writer.name} SET timezone = 'UTC'" in plan.decisions[0].hint
    assert project.revisions == []
    # what a role has in this database hides what it has everywhere
    database.execute(
        f"ALTER ROLE {writer.name} IN DATABASE {database.name} SET timezone = 'GMT'"
    )
    assert project.plan(zones=UTC, accept=(), dry_run=True).decisions == ()
    database.execute(
        f"ALTER ROLE {writer.name} IN DATABASE {database.name} SET timezone = 'Japan'"
    )
    plan = project.plan(zones=UTC, accept=())
    (message,) = stops(plan.decisions)
    assert message.startswith(f"role {writer.name} in database {database.name} gives")


def test_a_role_that_may_write_through_another_role_counts(
    database: Any, project: Any, make_role: Callable[..., Any]
) -> None:
    pin(database, "UTC")
    group, member = make_role(), make_role()
    database.execute(f"ALTER ROLE {group.name} NOLOGIN")
    database.execute(f"GRANT UPDATE ON visits TO {group.name}")
    database.execute(f"GRANT {group.name} TO {member.name}")
    # nobody logs in as the group, so its setting reaches nobody
    database.execute(f"ALTER ROLE {group.name} SET timezone = 'Asia/Tokyo'")
    assert project.plan(zones=UTC, accept=(), dry_run=True).decisions == ()
    database.execute(f"ALTER ROLE {member.name} SET timezone = 'Asia/Tokyo'")
    (message,) = stops(project.plan(zones=UTC, accept=()).decisions)
    assert f"role {member.name} " in message
    assert "public.visits.at hold" in message


def test_columns_in_two_zones_cannot_both_be_pinned(
    database: Any, project: Any
) -> None:
    pin(database, "America/New_York")
    zones = ("default=UTC", "public.visits.*=America/New_York")
    (message,) = stops(project.plan(zones=zones, accept=()).decisions)
    assert "public.events.at and 1 more hold UTC" in message
    plan = project.plan(zones=zones, accept=("TZ301",))
    assert plan.decisions == ()
    assert [f.severity for f in plan.findings if f.code == "TZ301"] == [
        Severity.WARNING
    ]
    assert len(plan.written) == 3


def test_accepting_in_the_configuration_lets_the_plan_go_on(
    database: Any, project: Any
) -> None:
    pin(database, "Asia/Kolkata")
    project.configure('[zones]\ndefault = "UTC"\n[policy]\naccept = ["TZ301"]\n')
    plan = project.plan(accept=())
    assert plan.decisions == ()
    assert [f.code for f in plan.findings] == ["TZ301"]
    assert len(plan.written) == 3
    project.apply()
    proof = project.verify()
    assert proof.outcome is Outcome.PROVED
    assert [f.severity for f in proof.findings] == [Severity.WARNING]


@pytest.mark.parametrize(
    ("session", "column"),
    [
        ("US/Eastern", "America/New_York"),
        ("America/New_York", "US/Eastern"),
        ("EST5EDT", "America/New_York"),
        ("america/new_york", "America/New_York"),
        ("CET", "Europe/Brussels"),
        ("GMT", "UTC"),
        ("0", "UTC"),
        ("-5", "Etc/GMT+5"),
    ],
)
def test_two_names_of_one_zone_do_not_stop(
    database: Any, project: Any, session: str, column: str
) -> None:
    pin(database, session)
    zones = (f"default={column}",)
    assert project.plan(zones=zones, accept=(), dry_run=True).decisions == ()


@pytest.mark.parametrize(
    ("session", "column"),
    [
        ("Europe/London", "UTC"),
        ("UTC", "Europe/London"),
        ("Africa/Abidjan", "Europe/London"),
        # AT TIME ZONE takes these for fixed offsets, and SET TimeZone does not
        ("CET", "Africa/Algiers"),
        ("EET", "Africa/Tripoli"),
        # hours west in AT TIME ZONE, hours east in SET TimeZone
        ("5", "Etc/GMT+5"),
        ("UTC+5", "Etc/GMT-5"),
    ],
)
def test_two_zones_that_look_alike_stop(
    database: Any, project: Any, session: str, column: str
) -> None:
    pin(database, session)
    plan = project.plan(zones=(f"default={column}",), accept=())
    assert len(stops(plan.decisions)) == 1
    assert project.revisions == []


def test_a_server_zone_that_cannot_be_seen_stops_the_plan(
    database: Any, make_project: Callable[..., Any], make_role: Callable[..., Any]
) -> None:
    owner = make_role()
    database.execute(TABLES)
    for table in ("events", "visits"):
        database.execute(f"ALTER TABLE {table} OWNER TO {owner.name}")
    database.execute(f"ALTER ROLE {owner.name} SET timezone = 'UTC'")
    project = make_project(database.url_as(owner))
    plan = project.plan(zones=UTC, accept=())
    (message,) = stops(plan.decisions)
    assert "a TimeZone that cannot be seen" in message
    assert f"ALTER DATABASE {database.name}" in plan.decisions[0].hint
    assert project.revisions == []
    pin(database, "UTC")
    assert project.plan(zones=UTC, accept=(), dry_run=True).decisions == ()


def test_a_zone_in_the_url_hides_nothing(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(TABLES)
    url = database.url + ("&" if "?" in database.url else "?")
    project = make_project(url + "options=-c%20timezone%3DUTC")
    plan = project.plan(zones=UTC, accept=())
    assert "cannot be seen" in stops(plan.decisions)[0]


def test_verify_says_where_naive_input_is_read_in_another_zone(
    database: Any, project: Any, make_role: Callable[..., Any]
) -> None:
    pin(database, "UTC")
    project.plan(zones=UTC, accept=())
    project.apply()
    assert project.verify().findings == ()
    # somebody changes it after the conversion
    writer = make_role()
    database.execute(f"GRANT INSERT ON visits TO {writer.name}")
    database.execute(f"ALTER ROLE {writer.name} SET timezone = 'Asia/Kolkata'")
    pin(database, "America/New_York")
    proof = project.verify()
    assert proof.outcome is Outcome.PROVED
    first, second = stops(proof.findings)
    assert first.startswith(f"database {database.name} gives sessions TimeZone Americ")
    assert "public.events.at and 2 more" in first
    assert second.startswith(f"role {writer.name} gives sessions TimeZone Asia/Kolk")
    assert "public.visits.at hold" in second
    accepted = project.verify(accept=("TZ301",))
    zones = [f.severity for f in accepted.findings if f.code == "TZ301"]
    assert zones == [Severity.WARNING] * 2
    project.rollback(everything=True)
    assert project.verify().findings == ()


COMPUTED = """
CREATE TABLE sales (id int PRIMARY KEY, at timestamptz, day date, noted timestamp,
    CHECK (noted IS NOT NULL AND at::date = day), CHECK (noted::date = at::date));
INSERT INTO sales VALUES
    (1, '2024-01-01 01:00+13', '2024-01-01', '2024-01-01 01:00'),
    (2, '2024-01-01 23:00+13', '2024-01-01', '2024-01-01 23:00');
CREATE MATERIALIZED VIEW daily AS
    SELECT at::date AS day, min(at)::text AS opened, max(noted) AS noted, count(*)
    FROM sales GROUP BY 1
"""


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_what_computes_with_the_zone_of_the_session_finds_that_of_the_database(
    zone: str, database: Any, make_project: Callable[..., Any]
) -> None:
    """The zone that a step is pinned to is nobody's but the step's."""
    pin(database, "Pacific/Auckland")
    database.execute(f"ALTER DATABASE {database.name} SET DateStyle = 'SQL, DMY'")
    with database.connect(autocommit=True) as connection:
        connection.execute("SET TimeZone = 'Pacific/Auckland'")
        connection.execute(COMPUTED)
    look = "SELECT day = '2024-01-01', opened, count FROM daily"
    before = database.execute(look)
    assert before == [(True, "01/01/2024 01:00:00 NZDT", 2)]
    project = make_project(database.url)
    project.plan(zones=(f"default={zone}",))
    project.apply()
    assert database.execute(look) == before
    assert project.verify().outcome is Outcome.PROVED
    project.run("downgrade", "base")
    assert database.execute(look) == before
    assert database.scalar("SELECT bool_and(convalidated) FROM pg_constraint")


FILLED = """
CREATE FUNCTION day_of(at timestamptz) RETURNS date LANGUAGE plpgsql IMMUTABLE
    AS $$ BEGIN RETURN at::date; END $$;
CREATE TABLE sales (id int PRIMARY KEY, at timestamptz, shop int, noted timestamp,
    passed int GENERATED ALWAYS AS (day_of(at) - noted::date) STORED,
    CHECK (noted IS NOT NULL AND day_of(at) = '2024-01-01'),
    EXCLUDE (day_of(at) WITH =, shop WITH =));
CREATE INDEX alone ON sales (day_of(at));
CREATE UNIQUE INDEX single ON sales (day_of(at), shop);
CREATE INDEX beside ON sales (day_of(at), noted) WITH (fillfactor = 70);
COMMENT ON INDEX alone IS 'by day';
CREATE TABLE parts (id int, at timestamptz, noted timestamp) PARTITION BY LIST (id);
CREATE TABLE part PARTITION OF parts DEFAULT;
CREATE INDEX whole ON parts (day_of(at));
CREATE INDEX apart ON part (day_of(at), id);
INSERT INTO sales (id, at, shop, noted) SELECT g, '2024-01-01 00:00+13'::timestamptz
    + g * interval '1 hour', g, '2024-01-01 00:00' FROM generate_series(0, 23) AS g;
INSERT INTO parts SELECT id, at, noted FROM sales;
"""
INDEXES = """
SELECT pg_get_indexdef(i.indexrelid), obj_description(i.indexrelid), k.convalidated,
    pg_get_constraintdef(k.oid)
FROM pg_index i LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid
WHERE i.indrelid::regclass::text IN ('sales', 'parts', 'part')
UNION ALL SELECT conname, NULL, convalidated, pg_get_constraintdef(oid)
FROM pg_constraint WHERE contype = 'c' ORDER BY 1
"""
BY_INDEX = """
SELECT 'passed', array_agg(DISTINCT passed), count(*) FROM sales
UNION ALL SELECT 'sales', NULL, count(*) FROM sales WHERE day_of(at) = '2024-01-01'
UNION ALL SELECT 'beside', NULL, count(*) FROM sales
    WHERE day_of(at) = '2024-01-01' AND noted IS NOT NULL
UNION ALL SELECT 'parts', NULL, count(*) FROM parts WHERE day_of(at) = '2024-01-01'
UNION ALL SELECT 'part', NULL, count(*) FROM part
    WHERE day_of(at) = '2024-01-01' AND id >= 0
"""


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_an_index_over_a_function_of_ones_own_is_filled_in_the_zone_of_the_database(
    zone: str, database: Any, make_project: Callable[..., Any]
) -> None:
    """Many who index a timestamptz by day declare such a function immutable."""
    pin(database, "Pacific/Auckland")
    with database.connect(autocommit=True) as connection:
        connection.execute("SET TimeZone = 'Pacific/Auckland'")
        connection.execute(FILLED)
    before = database.execute(INDEXES)

    def seen() -> list[tuple[Any, ...]]:
        with database.connect() as connection:
            connection.execute(
                "SET LOCAL TimeZone = 'Pacific/Auckland';SET LOCAL enable_seqscan = off"
            )
            return list(connection.execute(BY_INDEX).fetchall())

    assert {row[2] for row in seen()} == {24}
    was = seen()
    project = make_project(database.url)
    plan = project.plan(zones=(f"default={zone}",))
    assert [c.reason for g in plan.groups for c in g.columns if c.reason] == []
    project.apply()
    assert seen() == was
    assert project.verify().outcome is Outcome.PROVED
    project.run("downgrade", "base")
    assert seen() == was
    assert database.execute(INDEXES) == before


def test_such_an_index_that_came_after_the_plan_is_named(
    database: Any, make_project: Callable[..., Any]
) -> None:
    pin(database, "Pacific/Auckland")
    with database.connect(autocommit=True) as connection:
        connection.execute("SET TimeZone = 'Pacific/Auckland'")
        connection.execute(FILLED)
    project = make_project(database.url)
    project.plan(zones=("default=America/New_York",))
    database.execute("CREATE INDEX later ON sales (day_of(at))")
    with pytest.raises(
        DecisionNeeded, match=r"index public\.later calls functions"
    ) as caught:
        project.apply()
    assert caught.value.code == "TZ345"


@pytest.mark.parametrize("style", ["SQL", "DMY", "German, YMD"])
def test_half_a_date_style_is_completed_by_that_of_the_session(
    style: str, database: Any, make_project: Callable[..., Any]
) -> None:
    pin(database, "Pacific/Auckland")
    database.execute(f"ALTER DATABASE {database.name} SET DateStyle = '{style}'")
    with database.connect(autocommit=True) as connection:
        connection.execute("SET TimeZone = 'Pacific/Auckland'")
        connection.execute(
            "CREATE TABLE sales (at timestamptz, noted timestamp);"
            "INSERT INTO sales VALUES ('2024-03-04 01:00+13', '2024-03-04');"
            "CREATE MATERIALIZED VIEW daily AS SELECT at::text, noted FROM sales"
        )
    before = database.execute("SELECT at FROM daily")
    project = make_project(database.url)
    project.plan(zones=("default=UTC",))
    project.apply()
    assert database.execute("SELECT at FROM daily") == before
    project.run("downgrade", "base")
    assert database.execute("SELECT at FROM daily") == before


def test_a_declared_zone_that_the_server_does_not_know_any_more_ends_nothing(
    database: Any, project: Any
) -> None:
    """As after an update of the server's time zone data; sessions only warn of it."""
    pin(database, "Asia/Tokyo")
    database.execute(
        "UPDATE pg_db_role_setting SET setconfig = ARRAY['TimeZone=Mars/Olympus']"
        " WHERE setdatabase = (SELECT oid FROM pg_database"
        " WHERE datname = current_database())"
    )
    database.execute("CREATE MATERIALIZED VIEW latest AS SELECT max(at) FROM events")
    plan = project.plan(zones=UTC)
    assert any("Mars/Olympus" in f.message for f in plan.findings)
    project.apply()
    assert project.verify(accept=("TZ301",)).outcome is Outcome.PROVED
