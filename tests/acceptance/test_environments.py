"""The same revisions on every environment of a team: they run, or say why not."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from tzmigrate.errors import DecisionNeeded, Refused
from tzmigrate.execution.model import StepState
from tzmigrate.postgres.embedded import embedded_server
from tzmigrate.verification.model import Outcome

MakeProject = Callable[..., Any]
MakeDatabase = Callable[..., Any]

TABLES = """
CREATE TABLE events (
    id bigint PRIMARY KEY,
    at timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'utc')
);
CREATE TABLE trips (
    id bigint PRIMARY KEY,
    leaves timestamp DEFAULT '2024-01-01 09:00:00',
    lands timestamp
)
"""

ROWS = """
INSERT INTO events SELECT g, timestamp '2024-01-15' + g * interval '61 minutes'
FROM generate_series(1, 30) AS g;
INSERT INTO trips SELECT g, timestamp '2024-01-15' + g * interval '1 day', 'infinity'
FROM generate_series(1, 30) AS g
"""

ZONES = (
    "default=UTC",
    "public.trips.leaves=America/New_York",
    "public.trips.lands=Asia/Kolkata",
)

BARE = """
SELECT c.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod),
       pg_get_expr(d.adbin, d.adrelid), pg_relation_filenode(c.oid)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relname IN ('events', 'trips') AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY 1
"""


def dump(database: Any) -> list[str]:
    """Return schema and data where both must be the very same."""
    text = database.dump(
        "--exclude-schema=tzmigrate", "--exclude-table=*.alembic_version"
    )
    return [line for line in text.splitlines() if "restrict" not in line]


def zoned(database: Any) -> set[str]:
    return {
        row[0] for row in database.execute(BARE) if row[1] == "timestamp with time zone"
    }


ALL = {"events.at", "trips.leaves", "trips.lands"}


def version(database: Any) -> str:
    return str(database.scalar("SELECT version_num FROM alembic_version"))


def moved(project: Any, url: str) -> Any:
    """Return the same Alembic directory, pointed at another database."""
    root = project.root.parent / "elsewhere"
    shutil.copytree(project.root, root)
    ini = root / "alembic.ini"
    text = ini.read_text(encoding="utf-8")
    there = url.replace("postgresql://", "postgresql+psycopg://", 1)
    lines = [
        f"sqlalchemy.url = {there.replace('%', '%%')}"
        if line.startswith("sqlalchemy.url")
        else line
        for line in text.splitlines()
    ]
    ini.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return type(project)(root=root, url=url)


@pytest.fixture
def project(
    database: Any, make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """A project whose own revision makes the tables, and a plan on top of it."""
    made = make_project(database.url, configure="transaction_per_migration=True")
    monkeypatch.chdir(made.root)
    made.revision("tables", TABLES, "DROP TABLE events, trips")
    made.run("upgrade", "head")
    database.execute(ROWS)
    made.plan(zones=ZONES)
    return made


@pytest.mark.parametrize("together", [True, False])
def test_an_empty_database_is_built_from_base_and_taken_down_again(
    together: bool, project: Any, make_database: MakeDatabase
) -> None:
    empty = make_database()
    other = moved(project, empty.url)
    if together:
        env = other.root / "migrations" / "env.py"
        env.write_text(
            env.read_text(encoding="utf-8").replace(
                "transaction_per_migration=True", "transaction_per_migration=False"
            ),
            encoding="utf-8",
        )
    other.run("upgrade", "head")
    assert zoned(empty) == ALL
    assert other.verify().outcome is Outcome.PROVED
    assert {s.state for s in other.status().steps} == {StepState.DONE}
    other.run("downgrade", "base")
    assert empty.scalar("SELECT to_regclass('events') IS NULL")
    assert empty.scalar("SELECT to_regnamespace('tzmigrate') IS NULL")


def test_an_owner_without_privileges_converts_and_nobody_else_sees_the_ledger(
    project: Any, make_database: MakeDatabase, make_role: Callable[..., Any]
) -> None:
    owner, reader = make_role(), make_role()
    there = make_database()
    there.execute(
        f"""
        GRANT CREATE ON DATABASE {there.name} TO {owner.name};
        GRANT CREATE, USAGE ON SCHEMA public TO {owner.name};
        ALTER DEFAULT PRIVILEGES FOR ROLE {owner.name}
            GRANT ALL ON TABLES TO {reader.name}, PUBLIC;
        ALTER DEFAULT PRIVILEGES FOR ROLE {owner.name}
            GRANT ALL ON SEQUENCES TO {reader.name};
        ALTER DEFAULT PRIVILEGES FOR ROLE {owner.name}
            GRANT ALL ON FUNCTIONS TO {reader.name};
        ALTER DEFAULT PRIVILEGES FOR ROLE {owner.name}
            GRANT ALL ON SCHEMAS TO {reader.name};
        ALTER ROLE {owner.name} SET statement_timeout = '30s'
        """
    )
    with psycopg.connect(there.url_as(owner), autocommit=True) as connection:
        connection.execute(TABLES)  # type: ignore[arg-type]
        connection.execute(ROWS)  # type: ignore[arg-type]
    other = moved(project, there.url_as(owner))
    other.run("stamp", first_of(other))
    before = there.execute("SELECT relname, relacl::text FROM pg_class ORDER BY 1")
    other.apply()
    assert zoned(there) == ALL
    assert other.verify().outcome is Outcome.PROVED
    granted = there.execute(
        """
        SELECT 'schema', n.nspname::text, a.grantee::regrole::text
        FROM pg_namespace n, aclexplode(n.nspacl) a
        WHERE n.nspname = 'tzmigrate' AND a.grantee <> n.nspowner
        UNION ALL
        SELECT c.relkind::text, c.relname, a.grantee::regrole::text
        FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.relnamespace = 'tzmigrate'::regnamespace AND a.grantee <> c.relowner
        UNION ALL
        SELECT 'function', p.proname, a.grantee::regrole::text
        FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
        WHERE p.pronamespace = 'tzmigrate'::regnamespace AND a.grantee <> p.proowner
        """
    )
    assert granted == []
    with (
        psycopg.connect(there.url_as(reader)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("SELECT * FROM tzmigrate.sample")
    other.rollback(everything=True)
    assert zoned(there) == set()
    assert other.verify().outcome is Outcome.PROVED
    other.run("downgrade", first_of(other))
    assert (
        there.execute("SELECT relname, relacl::text FROM pg_class ORDER BY 1") == before
    )


def first_of(project: Any) -> str:
    """Return the revision of the team that makes the tables."""
    (path,) = (project.root / "migrations" / "versions").glob("*_tables.py")
    return str(path.name.split("_")[0])


@pytest.mark.parametrize(
    ("change", "code", "names"),
    [
        ("DROP TABLE events", "TZ341", "table public.events does not exist"),
        ("ALTER TABLE events DROP at", "TZ341", "public.events.at does not exist"),
        ("ALTER TABLE events ALTER at TYPE date", "TZ345", "is date"),
        ("ALTER TABLE events ALTER at TYPE timestamp(3)", "TZ345", "timestamp(3)"),
        ("ALTER TABLE events ALTER at TYPE timestamptz", "TZ344", "public.events.at"),
        ("ALTER TABLE events ALTER at DROP DEFAULT", "TZ345", "is not set"),
        ("ALTER TABLE events ALTER at SET DEFAULT 'epoch'", "TZ345", "1970-01-01"),
    ],
)
def test_a_database_of_another_shape_is_told_why_and_nothing_is_done(
    change: str, code: str, names: str, project: Any, database: Any
) -> None:
    project.run("upgrade", "+1")
    database.execute(change)
    before = dump(database), version(database)
    with pytest.raises(DecisionNeeded) as caught:
        project.apply()
    assert caught.value.code == code
    assert names in caught.value.message
    assert caught.value.hint
    with pytest.raises(Exception, match=code):
        project.run("upgrade", "head")
    assert (dump(database), version(database)) == before
    assert database.scalar("SELECT count(*) FROM tzmigrate.step") == 0


def test_a_column_converted_by_hand_under_the_wrong_zone_is_not_believed(
    project: Any, database: Any
) -> None:
    project.run("upgrade", "+2")
    project.run("downgrade", "-1")
    # the ledger knows the column now, as naive
    database.execute("ALTER TABLE events ALTER at TYPE timestamptz")
    before = dump(database)
    with pytest.raises(DecisionNeeded) as caught:
        project.apply()
    assert caught.value.code == "TZ344"
    assert dump(database) == before


def test_revisions_that_run_twice_change_nothing_the_second_time(
    project: Any, database: Any
) -> None:
    project.apply()
    database.execute(
        """
        ALTER TABLE events ALTER at SET DEFAULT 'epoch';
        ALTER TABLE trips ALTER leaves SET DEFAULT '2030-01-01 00:00+00';
        ALTER TABLE trips ALTER lands SET DEFAULT 'infinity';
        ANALYZE
        """
    )
    before = database.execute(BARE), dump(database), ledger(database), stats(database)
    for again in (project.apply, lambda: project.run("upgrade", "head")):
        project.run("stamp", first_of(project))
        assert {s.state for s in project.status().steps} == {
            StepState.DONE,  # the support
            StepState.INTERRUPTED,
        }
        again()
        assert before == (
            database.execute(BARE),
            dump(database),
            ledger(database),
            stats(database),
        )
    assert project.verify().outcome is Outcome.PROVED
    assert {s.state for s in project.status().steps} == {StepState.DONE}


def ledger(database: Any) -> Any:
    return (
        database.execute("TABLE tzmigrate.step ORDER BY id"),
        database.execute("TABLE tzmigrate.step_column ORDER BY step_id, position"),
        database.execute("SELECT * FROM tzmigrate.sample ORDER BY step_id, key"),
        database.execute("TABLE tzmigrate.support"),
    )


def stats(database: Any) -> Any:
    """Return what a pointless ALTER would throw away, and ANALYZE brings back."""
    return database.execute(
        "SELECT tablename, attname, n_distinct, correlation FROM pg_stats"
        " WHERE schemaname = 'public' ORDER BY 1, 2"
    )


def test_a_downgrade_that_runs_twice_changes_nothing_the_second_time(
    project: Any, database: Any
) -> None:
    project.apply()
    top = version(database)
    project.rollback(everything=True)
    database.execute("ALTER TABLE events ALTER at SET DEFAULT 'epoch'")
    before = database.execute(BARE), dump(database), ledger(database)
    project.run("stamp", top)
    project.run("downgrade", f"{first_of(project)}")
    assert database.execute(BARE) == before[0]
    assert dump(database) == before[1]


TENANTS = """
from sqlalchemy import text
from alembic import context
from sqlalchemy import create_engine, pool

URL = context.config.get_main_option("sqlalchemy.url")
engine = create_engine(URL, poolclass=pool.NullPool)
for tenant in ("tenant_a", "tenant_b"):
    with engine.connect() as connection:
        connection.execute(text(f"SET search_path = {tenant}"))
        connection.commit()
        context.configure(
            connection=connection,
            version_table_schema=tenant,
            transaction_per_migration=%s,
        )
        with context.begin_transaction():
            context.run_migrations()
"""


@pytest.mark.parametrize("each", [True, False])
def test_revisions_that_run_for_two_tenants_convert_each_column_once(
    each: bool,
    database: Any,
    make_project: MakeProject,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database.execute("CREATE SCHEMA tenant_a; CREATE SCHEMA tenant_b")
    project = make_project(database.url)
    monkeypatch.chdir(project.root)
    env = project.root / "migrations" / "env.py"
    env.write_text(TENANTS.replace("%s", str(each)), encoding="utf-8")
    project.revision(
        "tables",
        "CREATE TABLE events (id int PRIMARY KEY, at timestamp, seen timestamp)",
        "DROP TABLE events",
    )
    project.run("upgrade", "head")
    for tenant in ("tenant_a", "tenant_b"):
        database.execute(
            f"INSERT INTO {tenant}.events SELECT g, '2024-01-15 12:00',"
            " '2024-01-15 12:00' FROM generate_series(1, 20) AS g"
        )
    zones = ("*.events.at=America/New_York", "*.events.seen=Asia/Kolkata")
    project.plan(zones=zones)
    project.run("upgrade", "head")
    values = (
        "SELECT DISTINCT extract(epoch FROM at)::bigint, extract(epoch FROM seen)::int"
        " FROM tenant_a.events UNION ALL SELECT DISTINCT"
        " extract(epoch FROM at)::bigint, extract(epoch FROM seen)::int"
        " FROM tenant_b.events"
    )
    assert database.execute(values) == [(1705338000, 1705300200)] * 2
    assert database.scalar("SELECT count(*) FROM tzmigrate.step") == 2
    assert project.verify().outcome is Outcome.PROVED
    assert {
        database.scalar(f"SELECT version_num FROM {t}.alembic_version")
        for t in ("tenant_a", "tenant_b")
    } == {version_of(database)}


def version_of(database: Any) -> str:
    return str(database.scalar("SELECT version_num FROM tenant_a.alembic_version"))


def test_a_role_that_env_py_does_not_use_is_refused_before_anything_is_done(
    project: Any, database: Any, make_role: Callable[..., Any]
) -> None:
    owner = make_role()
    deployer = make_role(f"IN ROLE {owner.name}")
    database.execute(
        f"""
        GRANT CREATE ON DATABASE {database.name} TO {owner.name};
        ALTER TABLE events OWNER TO {owner.name};
        ALTER TABLE trips OWNER TO {owner.name};
        ALTER TABLE alembic_version OWNER TO {owner.name}
        """
    )
    other = moved(project, database.url_as(deployer))
    env = other.root / "migrations" / "env.py"
    env.write_text(
        env.read_text(encoding="utf-8").replace(
            "        pass\n",
            f"        connection.execute(text('SET ROLE {owner.name}'))\n"
            "        connection.commit()\n",
        ),
        encoding="utf-8",
    )
    before = dump(database), version(database)
    with pytest.raises(Refused) as caught:
        other.apply()
    assert caught.value.code == "TZ651"
    assert (dump(database), version(database)) == before
    options = quote(f"-c role={owner.name}")
    mark = "&" if "?" in other.url else "?"
    as_owner = type(other)(root=other.root, url=f"{other.url}{mark}options={options}")
    as_owner.apply()
    assert zoned(database) == ALL
    assert as_owner.verify().outcome is Outcome.PROVED
    as_owner.rollback(everything=True)
    assert zoned(database) == set()


@pytest.fixture(scope="module")
def other_major(server: Any) -> Iterator[Any]:
    """A database on another major version than the one planned on."""
    wanted = 16 if server.version != 16 else 18
    settings = {"timezone": "Europe/Berlin"}
    with embedded_server(version=wanted, settings=settings) as embedded:
        yield type(server)(
            parts=conninfo_to_dict(embedded.url()),
            version=wanted,
            zone="Europe/Berlin",
            bin=server.bin,
            embedded=True,
        )


def test_a_plan_runs_on_another_major_version(project: Any, other_major: Any) -> None:
    url = other_major.url()
    other = moved(project, url)

    def types() -> list[tuple[Any, ...]]:
        with psycopg.connect(url) as connection:
            rows = connection.execute(BARE).fetchall()  # type: ignore[arg-type]
        # 13 reads and prints one of these as the other, so its plan says the other
        other, one = "timezone('utc'::text, now())", "(now() AT TIME ZONE 'utc'::text)"
        return [(*row[:2], one if row[2] == other else row[2]) for row in rows]

    other.run("upgrade", first_of(other))
    before = types()
    other.apply()
    assert {row[1] for row in types() if row[0] in ALL} == {"timestamp with time zone"}
    assert other.verify().outcome is Outcome.PROVED
    other.rollback(everything=True)
    assert types() == before
    other.run("downgrade", "base")
