"""Every family of naive time converts and comes back: arrays, ranges, precisions."""

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from tzmigrate.planning.model import Action, Strategy
from tzmigrate.verification.model import Outcome

ZONES = ("UTC", "America/New_York", "Asia/Kathmandu")
ARRAYS = (
    "NULL",
    "'{}'",
    "'{NULL}'",
    "'{2024-01-15 12:30:00.123456,NULL,infinity,-infinity}'",
    "'{{2024-07-01 00:00,0044-03-15 12:00 BC},{1850-01-01 00:00:00.000001,NULL}}'",
    "'[0:2]={2024-01-15 12:30,2024-01-15 12:30,9999-12-31 23:59:59.999999}'",
    "'[-1:0][2:3]={{2024-01-15 12:30,NULL},{NULL,12345-06-07 08:09}}'",
)
RANGES = (
    "NULL",
    "'empty'",
    "'(,)'",
    "'[2024-01-15 12:30:00.123456,2024-01-15 13:30]'",
    "'(2024-01-16,infinity)'",
    "'[-infinity,0044-03-15 12:00 BC)'",
    "'[,1850-01-01 00:00:00.000001]'",
    "'[2024-02-01,)'",
    "'[12345-06-07 08:09,12345-06-07 08:09]'",
)


def literals(values: Sequence[str], first: int = 1) -> str:
    return ", ".join(f"({n}, {v})" for n, v in enumerate(values, first))


def texts(database: Any, table: str, zone: str) -> Any:
    """Return every value of a table as its wall clock in a zone."""
    naive = {
        "timestamp with time zone": "timestamp",
        "tstzrange": "tsrange",
        "tstzmultirange": "tsmultirange",
    }
    columns = database.execute(
        "SELECT quote_ident(attname), format_type(atttypid, NULL) FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum",
        [table],
    )
    parts = []
    for name, kind in columns:
        element = kind.removesuffix("[]")
        if element in naive:
            wall = naive[element] + kind.removeprefix(element)
            parts.append(f"{name}::text::{wall}::text")
        else:
            parts.append(f"{name}::text")
    with database.connect() as connection:
        connection.execute("SELECT set_config('TimeZone', %s, false)", [zone])
        return connection.execute(
            f"SELECT {', '.join(parts)} FROM {table} ORDER BY {columns[0][0]}"
        ).fetchall()


def kinds(database: Any, table: str) -> dict[str, str]:
    return dict(
        database.execute(
            "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = %s::regclass AND attnum > 0",
            [table],
        )
    )


@pytest.fixture
def make(
    database: Any, make_project: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    def made(schema: str, zones: str, policy: str = "") -> Any:
        database.execute(schema)
        project = make_project(database.url)
        monkeypatch.chdir(project.root)
        project.configure(f"[zones]\n{zones}\n[policy]\n{policy}\n")
        return project

    return made


def circle(
    database: Any,
    project: Any,
    equal_dumps: Callable[..., None],
    tables: dict[str, str],
) -> Any:
    """Go up, down and up again; tables with the zone of their values."""
    before = database.dump_apart()
    seen = {t: texts(database, t, z) for t, z in tables.items()}
    plan = project.plan()
    assert plan.decisions == ()
    for _ in range(2):
        project.run("upgrade", "head")
        assert project.verify().outcome is Outcome.PROVED
        assert {t: texts(database, t, z) for t, z in tables.items()} == seen
        assert project.verify(level="full").outcome in {
            Outcome.PROVED, Outcome.UNPROVED,
        }  # fmt: skip
        upgraded = kinds(database, next(iter(tables)))
        project.run("downgrade", "base")
        equal_dumps(database, before)
    project.run("upgrade", "head")
    assert kinds(database, next(iter(tables))) == upgraded
    return plan


def actions(plan: Any) -> dict[str, tuple[Action, str | None]]:
    return {c.column: (c.action, c.code) for g in plan.groups for c in g.columns}


@pytest.mark.parametrize("zone", ZONES)
def test_arrays_keep_their_shape_and_every_element(
    database: Any, make: Any, equal_dumps: Any, zone: str
) -> None:
    project = make(
        "CREATE TABLE t (id int PRIMARY KEY, slots timestamp[], rounded timestamp(3)[]"
        " DEFAULT '{2024-01-15 12:30:00.1239}', at timestamp, days date[]);"
        f"INSERT INTO t (id, slots) VALUES {literals(ARRAYS)};"
        "UPDATE public.t SET rounded = slots, at = slots[1];"
        "CREATE INDEX ON t USING gin (slots); CREATE INDEX ON t (rounded DESC)",
        f'default = "{zone}"',
    )
    circle(database, project, equal_dumps, {"t": zone})
    assert kinds(database, "t") == {
        "id": "integer",
        "slots": "timestamp with time zone[]",
        "rounded": "timestamp(3) with time zone[]",
        "at": "timestamp with time zone",
        "days": "date[]",
    }
    database.execute("INSERT INTO t (id) VALUES (99)")
    assert texts(database, "t", zone)[-1][2] == '{"2024-01-15 12:30:00.124"}'


@pytest.mark.parametrize("zone", ZONES)
def test_ranges_keep_their_bounds(
    database: Any, make: Any, equal_dumps: Any, zone: str
) -> None:
    project = make(
        "CREATE TABLE t (id int PRIMARY KEY, during tsrange DEFAULT"
        " tsrange('2024-01-15', NULL, '(]'), of_all tsrange[] DEFAULT '{}',"
        " at timestamp DEFAULT now());"
        f"INSERT INTO t (id, during) VALUES {literals(RANGES)};"
        "UPDATE t SET at = lower(during),"
        " of_all = ARRAY[during, NULL, '[2024-01-15,)'];"
        "CREATE INDEX ON t USING gist (during); CREATE INDEX ON t (during, at);"
        "CREATE TABLE bookings"
        " (during tsrange, EXCLUDE USING gist (during WITH &&));"
        "INSERT INTO bookings SELECT tsrange(d, d + interval '1 hour')"
        " FROM generate_series(timestamp '2024-01-01', '2024-02-01', '1 day') AS d",
        f'default = "{zone}"',
    )
    circle(database, project, equal_dumps, {"t": zone, "bookings": zone})
    assert kinds(database, "t")["during"] == "tstzrange"
    assert kinds(database, "t")["of_all"] == "tstzrange[]"
    database.execute("INSERT INTO t (id) VALUES (99)")
    assert texts(database, "t", zone)[-1][1:3] == ('("2024-01-15 00:00:00",)', "{}")
    with pytest.raises(psycopg.errors.ExclusionViolation):
        database.execute(
            f"INSERT INTO bookings VALUES (tstzrange(timestamp '2024-01-05 00:30'"
            f" AT TIME ZONE '{zone}', NULL))"
        )


@pytest.mark.pg(">=14")
@pytest.mark.parametrize("zone", ZONES)
def test_multiranges_keep_their_ranges(
    database: Any, make: Any, equal_dumps: Any, zone: str
) -> None:
    values = [
        "NULL",
        "'{}'",
        "'{(,)}'",
        "'{[2024-01-15 12:30:00.123456,2024-01-15 13:30],(2024-02-01,infinity)}'",
        "'{[,0044-03-15 12:00 BC),[1850-01-01,1850-01-02)}'",
    ]
    project = make(
        "CREATE TABLE t (id int PRIMARY KEY, open tsmultirange DEFAULT"
        " '{[2024-01-15,2024-01-16)}', more tsmultirange[]);"
        f"INSERT INTO t (id, open) VALUES {literals(values)};"
        "UPDATE public.t SET more = ARRAY[open, NULL];"
        "CREATE INDEX ON t USING gist (open)",
        f'default = "{zone}"',
    )
    circle(database, project, equal_dumps, {"t": zone})
    assert kinds(database, "t") == {
        "id": "integer", "open": "tstzmultirange", "more": "tstzmultirange[]",
    }  # fmt: skip


def test_families_of_several_zones_share_a_table(
    database: Any, make: Any, equal_dumps: Any
) -> None:
    project = make(
        "CREATE TABLE t (id int PRIMARY KEY, slots timestamp[], during tsrange,"
        " at timestamp, away timestamp);"
        "INSERT INTO t VALUES (1, '{2024-01-15 12:30,NULL}',"
        " '[2024-01-15 12:30,2024-01-16)', '2024-01-15 12:30', '2024-01-15 12:30')",
        'default = "Europe/Paris"\n"public.t.during" = "America/New_York"\n'
        '"public.t.away" = "Asia/Tokyo"',
    )
    before = database.dump_apart()
    (group,) = project.plan().groups
    assert group.session_zone == "Europe/Paris"
    project.run("upgrade", "head")
    with database.connect() as connection:
        connection.execute("SET TimeZone = 'Etc/UTC'")
        row = connection.execute(
            "SELECT slots::text, during::text, at::text, away::text FROM t"
        ).fetchone()
    assert row == (
        '{"2024-01-15 11:30:00+00",NULL}',
        '["2024-01-15 17:30:00+00","2024-01-16 05:00:00+00")',
        "2024-01-15 11:30:00+00",
        "2024-01-15 03:30:00+00",
    )
    assert project.verify().outcome is Outcome.PROVED
    project.run("downgrade", "base")
    equal_dumps(database, before)


def test_arrays_of_two_zones_convert_in_two_revisions(
    database: Any, make: Any, equal_dumps: Any
) -> None:
    project = make(
        "CREATE TABLE t (id int PRIMARY KEY, a timestamp[], b timestamp[]);"
        "INSERT INTO t VALUES (1, '{2024-01-15 12:30}', '{2024-01-15 12:30}')",
        'default = "Europe/Paris"\n"public.t.b" = "America/New_York"',
    )
    before = database.dump_apart()
    first = project.plan()
    assert actions(first) == {
        "a": (Action.CONVERT, None), "b": (Action.REFUSE, "TZ331"),
    }  # fmt: skip
    project.run("upgrade", "head")
    assert actions(project.plan()) == {"b": (Action.CONVERT, None)}
    project.run("upgrade", "head")
    assert project.verify().outcome is Outcome.PROVED
    hours = "SELECT extract(hour FROM {}[1] AT TIME ZONE 'Etc/UTC')::int FROM t"
    assert database.scalar(hours.format("a")) == 11
    assert database.scalar(hours.format("b")) == 17
    project.run("downgrade", "base")
    equal_dumps(database, before)


def test_a_precision_is_kept(database: Any, make: Any, equal_dumps: Any) -> None:
    project = make(PRECISE, 'default = "UTC"')
    plan = circle(database, project, equal_dumps, {"t": "UTC"})
    assert plan.groups[0].strategy is Strategy.REWRITE
    assert kinds(database, "t")["at"] == "timestamp(3) with time zone"


PRECISE = """
CREATE TABLE t (id int PRIMARY KEY, at timestamp(3) DEFAULT now(),
    day timestamp(0), many timestamp(2)[]);
INSERT INTO t SELECT g, timestamp '2024-01-15' + g * interval '1.2345678 s',
    timestamp '2024-01-15' + g * interval '1 day', NULL
    FROM generate_series(1, 300) AS g;
INSERT INTO t VALUES (0, 'infinity', '0044-03-15 BC', '{2024-01-15 12:30:00.55}');
"""


def test_a_precision_is_given_up_and_comes_back(
    database: Any, make: Any, equal_dumps: Any
) -> None:
    project = make(
        PRECISE.replace(", many timestamp(2)[]", "").replace(", NULL\n", "\n")
        .replace(", '{2024-01-15 12:30:00.55}'", ""),
        'default = "UTC"', 'precision = "widen"',
    )  # fmt: skip
    plan = circle(database, project, equal_dumps, {"t": "UTC"})
    assert plan.groups[0].strategy is Strategy.METADATA
    assert [f.code for f in plan.findings if f.code == "TZ333"] == ["TZ333"] * 2
    assert kinds(database, "t")["at"] == "timestamp with time zone"
    # what is written now keeps its microseconds, and is rounded on the way back
    database.execute(
        "INSERT INTO t VALUES (999, '2024-01-15 12:00:00.123456+00', NULL)"
    )
    project.run("downgrade", "base")
    query = "SELECT at::text FROM t WHERE id = 999"
    assert database.scalar(query) == "2024-01-15 12:00:00.123"


def test_a_precision_of_elements_is_given_up_and_comes_back(
    database: Any, make: Any, equal_dumps: Any
) -> None:
    project = make(PRECISE, 'default = "Europe/Paris"', 'precision = "widen"')
    circle(database, project, equal_dumps, {"t": "Europe/Paris"})
    assert kinds(database, "t")["many"] == "timestamp with time zone[]"


def test_a_default_that_is_no_constant_is_refused_by_name(
    database: Any, make: Any
) -> None:
    project = make(
        "CREATE FUNCTION mine() RETURNS timestamp[] IMMUTABLE LANGUAGE sql"
        " AS 'SELECT NULL::timestamp[]';"
        "CREATE TABLE t (id int PRIMARY KEY, a timestamp[] DEFAULT ARRAY[now()],"
        " b tsrange DEFAULT tsrange(localtimestamp, NULL),"
        " c timestamp[] DEFAULT mine(), d timestamp[] DEFAULT NULL,"
        " e timestamp[] DEFAULT ARRAY['2024-01-15'::timestamp, NULL])",
        'default = "Europe/Paris"',
    )
    plan = project.plan()
    found = actions(plan)
    assert {c for c, (_, code) in found.items() if code == "TZ332"} == {"a", "b", "c"}
    assert found["d"][0] is found["e"][0] is Action.CONVERT
    for column in plan.groups[0].columns:
        if column.column == "e":
            after = "'{\"2024-01-14 23:00:00+00\",NULL}'::timestamptz[]"
            assert column.default_after == after


GAP = "2024-03-31 02:30"
"""Does not exist in Paris."""
OVERLAP = "2024-10-27 02:30"


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("timestamp[]", "{{2024-01-01,NULL},{%s,2024-01-01}}"),
        ("tsrange", "[%s,)"),
        ("tsrange", "(2024-01-01,%s]"),
        ("tsrange[]", '{"[2024-01-01,%s)"}'),
        pytest.param(
            "tsmultirange", "{[2020-01-01,2020-01-02),[2024-01-01,%s)}",
            marks=pytest.mark.pg(">=14"),
        ),
    ],
)  # fmt: skip
def test_clock_changes_are_found_inside_values(
    database: Any, make: Any, type_: str, value: str
) -> None:
    project = make(
        f"CREATE TABLE t (id int PRIMARY KEY, x {type_}, ok timestamp);"
        f"INSERT INTO t VALUES (1, '{value % '2024-02-01'}'), (2, NULL)",
        'default = "Europe/Paris"',
    )
    project.plan()
    for moment, code, later in (
        (GAP, "TZ304", "TZ346"), (OVERLAP, "TZ305", "TZ347"),
        ("294276-12-31 23:59:59", "TZ311", "TZ349"),
    ):  # fmt: skip
        database.execute(f"INSERT INTO t VALUES (7, '{value % moment}')")
        plan = project.plan(dry_run=True)
        assert actions(plan)["x"] == (Action.KEEP, "TZ312"), "planned already"
        done = project.alembic("upgrade", "head", check=False)
        assert done.returncode
        assert f"tzmigrate {later}: 1 row of public.t.x stands" in done.stderr
        assert "Their id (7)." in done.stderr
        for path in project.revisions:
            path.rename(path.with_suffix(".aside"))
        assert actions(project.plan(dry_run=True))["x"] == (Action.REFUSE, code)
        for path in project.root.rglob("*.aside"):
            path.rename(path.with_suffix(".py"))
        database.execute("DELETE FROM t WHERE id = 7")
    project.run("upgrade", "head")
    assert project.verify().outcome is Outcome.PROVED


# in Europe/Berlin the hours from 00:00Z and from 01:00Z have the same clocks
TURNED = "[2024-10-27 00:45Z,2024-10-27 01:30Z)"
EMPTIED = "[2024-10-27 00:30Z,2024-10-27 01:30Z)"
BEFORE = "[2024-10-27 00:10Z,2024-10-27 00:50Z)"
WITHIN = "[2024-10-27 01:30Z,2024-10-27 01:40Z)"
BEHIND = "[2024-10-27 01:50Z,2024-10-27 01:55Z)"


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("tsrange", TURNED),
        ("tsrange", EMPTIED),
        ("tsrange[]", f'{{NULL,"{EMPTIED}"}}'),
        ("spans", TURNED),
        ("stay", f'(1,"{TURNED}")'),
        *(
            pytest.param(type_, value, marks=pytest.mark.pg(">=14"))
            for type_, value in (
                ("tsmultirange", f"{{[2020-01-01Z,2020-01-02Z),{EMPTIED}}}"),
                ("tsmultirange", f"{{{BEFORE},{WITHIN}}}"),
                # as one they would be a range without the gap
                ("tsmultirange", f"{{{BEFORE},{BEHIND}}}"),
                ("multispans", f"{{{TURNED}}}"),
                ("tsmultirange[]", f'{{"{{{BEFORE},{WITHIN}}}"}}'),
            )
        ),
    ],
)
@pytest.mark.parametrize("parted", [False, True], ids=["table", "tree"])
def test_a_range_that_cannot_be_naive_stops_the_way_back(
    *, database: Any, make: Any, type_: str, value: str, parted: bool
) -> None:
    project = make(
        "CREATE TYPE stay AS (nights int, span tsrange);"
        "CREATE DOMAIN spans AS tsrange;"
        + ("CREATE DOMAIN multispans AS tsmultirange;" * (type_ == "multispans"))
        + f"CREATE TABLE t (id int PRIMARY KEY, x {type_})"
        + (
            " PARTITION BY RANGE (id);"
            "CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (5);"
            "CREATE TABLE t_2 PARTITION OF t DEFAULT"
            if parted
            else ""
        ),
        'default = "Europe/Berlin"',
    )
    assert project.plan().decisions == ()
    project.run("upgrade", "head")
    database.execute("INSERT INTO t VALUES (1, NULL), (7, %s)", [value])
    with pytest.raises(DBAPIError) as caught:
        project.run("downgrade", "-1")
    error = caught.value.orig
    assert error.sqlstate == "TZ352"
    assert error.diag.message_primary == (
        "tzmigrate TZ352: 1 row of public.t.x stands where Europe/Berlin sets its"
        " clocks back, and cannot be naive"
    )
    assert error.diag.message_detail.startswith("Their id (7). In wall clocks")
    assert "go down again" in error.diag.message_hint
    database.execute("UPDATE t SET x = NULL WHERE id = 7")
    project.run("downgrade", "base")
    assert kinds(database, "t")["x"] in {type_, f"public.{type_}"}


RANGES_OF_CLOCKS = {
    "[2024-10-27 00:30Z,2024-10-27 01:30Z]":
        '["2024-10-27 02:30:00","2024-10-27 02:30:00"]',
    BEFORE: '["2024-10-27 02:10:00","2024-10-27 02:50:00")',
    "[2024-10-27 00:30Z,2024-10-27 01:31Z)":
        '["2024-10-27 02:30:00","2024-10-27 02:31:00")',
    "empty": "empty",
    "(,2024-10-27 01:30Z)": '(,"2024-10-27 02:30:00")',
    "[-infinity,2024-10-27 00:30Z]": '[-infinity,"2024-10-27 02:30:00"]',
    "(2024-10-27 00:45Z,)": '("2024-10-27 02:45:00",)',
    "[4714-11-24 00:00Z BC,infinity)": '["4714-11-24 00:53:28 BC",infinity)',
    "[294276-12-30 00:00Z,294276-12-31 00:00Z)":
        '["294276-12-30 01:00:00","294276-12-31 01:00:00")',
}  # fmt: skip
MULTIRANGES_OF_CLOCKS = {
    f"{{{BEFORE},(2024-10-27 01:50Z,2024-10-27 01:55Z)}}":
        '{["2024-10-27 02:10:00","2024-10-27 02:50:00"),'
        '("2024-10-27 02:50:00","2024-10-27 02:55:00")}',
    f"{{{BEFORE},[2024-10-27 01:51Z,)}}":
        '{["2024-10-27 02:10:00","2024-10-27 02:50:00"),["2024-10-27 02:51:00",)}',
    "{}": "{}",
}  # fmt: skip


@pytest.mark.parametrize(
    ("type_", "values"),
    [
        ("tsrange", RANGES_OF_CLOCKS),
        pytest.param(
            "tsmultirange", MULTIRANGES_OF_CLOCKS, marks=pytest.mark.pg(">=14")
        ),
    ],
)
def test_ranges_that_can_be_naive_come_back(
    database: Any, make: Any, type_: str, values: dict[str, str]
) -> None:
    project = make(
        f"CREATE TABLE t (id int PRIMARY KEY, x {type_})", 'default = "Europe/Berlin"'
    )
    project.plan()
    project.run("upgrade", "head")
    for number, value in enumerate(values):
        database.execute("INSERT INTO t VALUES (%s, %s)", [number, value])
    project.run("downgrade", "base")
    found = [row[0] for row in database.execute("SELECT x::text FROM t ORDER BY id")]
    assert found == list(values.values())


@pytest.mark.pg(">=14")
def test_ranges_are_looked_at_in_the_zone_of_their_column(
    database: Any, make: Any
) -> None:
    project = make(
        "CREATE TABLE t (id int PRIMARY KEY, x tsrange, y tsmultirange, z timestamp[])",
        '"public.t.x" = "Europe/Berlin"\n"public.t.y" = "America/New_York"\n'
        '"public.t.z" = "Asia/Kolkata"',
    )
    project.plan()
    project.run("upgrade", "head")
    in_new_york = "[2024-11-03 05:45Z,2024-11-03 06:30Z)"
    for column, kept, turned, zone in (
        ("x", in_new_york, TURNED, "Europe/Berlin"),
        ("y", f"{{{TURNED}}}", f"{{{in_new_york}}}", "America/New_York"),
    ):
        insert = f"INSERT INTO t (id, {column}) VALUES (1, %s), (2, %s)"
        database.execute(insert, [kept, turned])
        with pytest.raises(DBAPIError) as caught:
            project.run("downgrade", "-1")
        primary = caught.value.orig.diag.message_primary
        assert f"1 row of public.t.{column} stands where {zone} sets" in primary
        assert "Their id (2)." in caught.value.orig.diag.message_detail
        database.execute("DELETE FROM t")
    project.run("downgrade", "base")


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ("during tsrange PRIMARY KEY", "Their during ("),
        ("during tsrange", "Their values ("),
    ],
)
def test_a_range_without_another_key_is_named_by_itself(
    database: Any, make: Any, made: str, told: str
) -> None:
    project = make(f"CREATE TABLE t ({made})", 'default = "Europe/Berlin"')
    project.plan()
    project.run("upgrade", "head")
    database.execute("INSERT INTO t VALUES (%s)", [TURNED])
    with pytest.raises(DBAPIError) as caught:
        project.run("downgrade", "-1")
    error = caught.value.orig
    assert error.sqlstate == "TZ352"
    # as PostgreSQL prints it, with the offsets that tell the two hours apart
    shown = '(["2024-10-27 02:45:00+02","2024-10-27 02:30:00+01"))'
    assert f"{told[:-1]}{shown}." in error.diag.message_detail


def test_a_range_written_while_the_first_look_lasts_stops_under_the_lock(
    database: Any, make: Any
) -> None:
    project = make(
        "CREATE TABLE t (id int PRIMARY KEY, x tsrange);"
        "INSERT INTO t SELECT g FROM generate_series(1, 300) AS g",
        'default = "Europe/Berlin"',
    )
    project.plan()
    project.run("upgrade", "head")
    (path,) = (p for p in project.revisions if p.name.endswith("_tz_t.py"))
    run = statements(str(path), "downgrade")
    (locking,) = (i for i, x in enumerate(run) if "take_step" in x)
    with database.connect() as early, database.connect() as step:
        early.execute("INSERT INTO t VALUES (1001, %s)", [TURNED])
        for statement in run[:locking]:
            step.execute(statement)
        early.commit()
        with pytest.raises(psycopg.Error, match=r"1 row of public\.t\.x") as caught:
            step.execute(run[locking])
    assert caught.value.sqlstate == "TZ352"
    assert kinds(database, "t")["x"] == "tstzrange"


def test_rows_are_found_again_by_a_key_that_is_a_range(
    database: Any, make: Any, equal_dumps: Any
) -> None:
    project = make(
        "CREATE TABLE t (during tsrange PRIMARY KEY, at timestamp[]);"
        "INSERT INTO t SELECT tsrange(d, d + interval '1 h'), ARRAY[d]"
        " FROM generate_series(timestamp '2024-01-01', '2024-02-01', '1 day') AS d;"
        "CREATE TABLE u (at timestamp[] PRIMARY KEY, id int);"
        "INSERT INTO u SELECT ARRAY[d], 1"
        " FROM generate_series(timestamp '2024-01-01', '2024-02-01', '1 day') AS d",
        'default = "America/New_York"',
    )
    circle(
        database, project, equal_dumps,
        {"t": "America/New_York", "u": "America/New_York"},
    )  # fmt: skip
    by_step = "SELECT DISTINCT key::text FROM tzmigrate.step WHERE direction = 'up'"
    found = {row[0] for row in database.execute(by_step)}
    assert found == {"{during}", "{tableoid,ctid}"}


# ------------------------------------------------------------------- sabotage


class Recorder:
    """Stands where a revision has ``op``."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def execute(self, statement: str) -> None:
        self.statements.append(statement)


def statements(path: str, direction: str = "upgrade") -> list[str]:
    spec = importlib.util.spec_from_file_location("revision_under_test", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    recorder = Recorder()
    module.__dict__["op"] = recorder
    getattr(module, direction)()
    return recorder.statements


SABOTAGE = {
    "an element":
        "UPDATE public.t SET a[2] = a[2] + interval '1 microsecond' WHERE id = 3",
    "two elements swapped": "UPDATE public.t SET a = ARRAY[a[2], a[1]] WHERE id = 3",
    "a lower bound of an array":
        "UPDATE public.t SET a = ('[0:1]=' || a::text)::timestamptz[] WHERE id = 3",
    "a bound":
        "UPDATE public.t SET r = tstzrange(lower(r),"
        " upper(r) + interval '1 microsecond') WHERE id = 3",
    "whether a bound belongs to it":
        "UPDATE public.t SET r = tstzrange(lower(r), upper(r), '[]') WHERE id = 3",
    "NULL for empty": "UPDATE public.t SET r = NULL WHERE id = 4",
    "unbounded for empty": "UPDATE public.t SET r = '(,)' WHERE id = 4",
}  # fmt: skip
INSIDE = """
CREATE TABLE t (id int PRIMARY KEY, a timestamp[], r tsrange);
INSERT INTO t SELECT g,
    ARRAY[timestamp '2024-01-15' + g * interval '1 day', '2024-02-01'],
    tsrange(timestamp '2024-01-15' + g * interval '1 day', '2025-02-01')
FROM generate_series(1, 3) AS g;
INSERT INTO t VALUES (4, '{}', 'empty');
"""


def sabotaged(database: Any, path: str, what: str, *, unseen: bool) -> None:
    """Run a revision with one thing done to its values, without a trace if wanted."""
    with database.connect() as connection:
        for statement in statements(path):
            if unseen and "prove_step" in statement:
                connection.execute(
                    "UPDATE tzmigrate.step"
                    " SET rows_written = tzmigrate.rows_written('public.t')"
                )
            connection.execute(statement)
            if "ALTER TABLE" in statement:
                connection.execute(SABOTAGE[what])


@pytest.mark.parametrize("level", ["sample", "full"])
@pytest.mark.parametrize("what", SABOTAGE)
def test_a_value_that_changes_within_the_transaction_is_caught(
    database: Any, make: Any, what: str, level: str
) -> None:
    project = make(INSIDE, 'default = "America/New_York"', f'proof = "{level}"')
    support, group = project.plan().written
    before = texts(database, "t", "UTC")
    with database.connect() as connection:
        for statement in statements(support):
            connection.execute(statement)
    with pytest.raises(psycopg.Error) as caught:
        sabotaged(database, group, what, unseen=False)
    assert caught.value.sqlstate in {"TZ401", "TZ402", "TZ406"}
    with pytest.raises(psycopg.Error) as caught:
        sabotaged(database, group, what, unseen=True)
    assert caught.value.sqlstate in {"TZ401", "TZ402"}
    message = str(caught.value)
    assert "holds other values in 1 of 4" in message or "does not hold" in message
    assert texts(database, "t", "UTC") == before


def test_what_changed_later_is_told_without_an_offset(database: Any, make: Any) -> None:
    project = make(INSIDE, 'default = "America/New_York"')
    project.plan()
    project.run("upgrade", "head")
    assert project.verify().outcome is Outcome.PROVED
    database.execute(SABOTAGE["an element"])
    database.execute(SABOTAGE["a bound"])
    for proof in project.verify().columns:
        assert proof.changed == 1
        assert [(o.offset, o.count) for o in proof.offsets] == [("unknown", 1)]
    database.execute("ALTER TABLE t DROP COLUMN a")
    assert project.verify().outcome is Outcome.UNPROVED
