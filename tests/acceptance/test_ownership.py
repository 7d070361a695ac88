"""Support and ledger are used only where they are ours, and nobody reads our values.

Each attacker here would gain something if one of our revisions, or one of our verbs,
so much as called what he left behind.
"""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tzmigrate import commands
from tzmigrate.errors import Refused, TzmigrateError
from tzmigrate.verification.model import Outcome

TABLE = """
CREATE TABLE orders (id bigint PRIMARY KEY, placed_at timestamp DEFAULT now());
INSERT INTO orders
SELECT g, timestamp '2024-01-01' + g * interval '7 hours 1 microsecond'
FROM generate_series(1, 300) AS g;
"""

BEGIN_STEP = (
    "step text, direction text, revision text, after text, zone text,"
    " lock_timeout text, gap text, overlap text, proof text, rewrite boolean,"
    " server_major integer, support integer"
)


def harm(mallory: str) -> str:
    """Return the body of a function that makes its caller pay."""
    return f"$$ BEGIN EXECUTE 'ALTER ROLE {mallory} SUPERUSER'; END $$"


def unharmed(database: Any, mallory: Any) -> bool:
    return not database.scalar(
        "SELECT rolsuper FROM pg_roles WHERE rolname = %s", [mallory.name]
    )


def zoned(database: Any) -> bool:
    return bool(
        database.scalar(
            "SELECT atttypid = 'pg_catalog.timestamptz'::regtype FROM pg_attribute"
            " WHERE attrelid = 'public.orders'::regclass AND attname = 'placed_at'"
        )
    )


def ready(database: Any, make_project: Callable[..., Any], **options: Any) -> Any:
    """Return a project with a plan for the table of these tests."""
    database.execute(TABLE)
    project = make_project(database.url, **options)
    project.plan(zones=("default=UTC",))
    return project


def refused(code: str, run: Callable[..., Any], *args: Any, **options: Any) -> str:
    with pytest.raises(TzmigrateError) as caught:
        run(*args, **options)
    assert caught.value.code == code, caught.value
    assert isinstance(caught.value, Refused)
    assert caught.value.hint
    return caught.value.message


def as_role(database: Any, role: Any, *statements: str) -> None:
    with psycopg.connect(database.url_as(role), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def grant(database: Any, role: Any, what: str, on: str) -> None:
    database.execute(
        sql.SQL(f"GRANT {what} ON {on} TO {{}}")
        .format(sql.Identifier(role.name))
        .as_string()
    )


def grant_create(database: Any, role: Any) -> None:
    name = sql.Identifier(database.name).as_string()
    grant(database, role, "CREATE", f"DATABASE {name}")


# --------------------------------------------- a schema tzmigrate that is not ours


def test_an_empty_schema_of_another_role_is_refused(
    database: Any, make_role: Any, make_project: Callable[..., Any]
) -> None:
    project = ready(database, make_project)
    mallory = make_role()
    database.execute(f"CREATE SCHEMA tzmigrate AUTHORIZATION {mallory.name}")
    assert "tzmigrate" in refused("TZ640", project.apply)
    assert not zoned(database)


@pytest.mark.parametrize("stamped", [False, True])
def test_functions_that_somebody_prepared_are_never_called_by_a_superuser(
    stamped: bool, database: Any, make_role: Any, make_project: Callable[..., Any]
) -> None:
    project = ready(database, make_project)
    mallory = make_role()
    grant_create(database, mallory)
    body = harm(mallory.name)
    functions = {
        "begin_step": BEGIN_STEP,
        "full_xid": "xid",
        "file_nodes": "regclass",
        "leaves": "regclass",
        "key_match": "bigint, regclass, boolean",
        "microseconds": "timestamptz",
        "open_step": "",
    }
    as_role(
        database,
        mallory,
        "CREATE SCHEMA tzmigrate",
        "GRANT USAGE ON SCHEMA tzmigrate TO PUBLIC",
        *(
            f"CREATE FUNCTION tzmigrate.{name}({arguments}) RETURNS void"
            f" LANGUAGE plpgsql AS {body}"
            for name, arguments in functions.items()
        ),
        f"CREATE FUNCTION tzmigrate.trap() RETURNS boolean LANGUAGE plpgsql AS {body}",
        "CREATE VIEW tzmigrate.support AS SELECT 1 AS version, true AS schema_created,"
        " 'x' AS revision WHERE tzmigrate.trap()",
        "CREATE VIEW tzmigrate.step AS SELECT 1 AS id, 's' AS step, 'up' AS direction,"
        " now() AS done_at WHERE tzmigrate.trap()",
        "CREATE VIEW tzmigrate.step_column AS SELECT 1 AS step_id WHERE"
        " tzmigrate.trap()",
        "GRANT SELECT ON ALL TABLES IN SCHEMA tzmigrate TO PUBLIC",
    )
    if stamped:
        (support,) = (p for p in project.revisions if "tz_support" in p.name)
        database.execute("CREATE TABLE alembic_version (version_num varchar(32))")
        database.execute(
            "INSERT INTO alembic_version VALUES (%s)", [support.name.split("_")[0]]
        )
    refused("TZ640", project.apply)
    refused("TZ640", project.verify)
    refused("TZ640", project.status)
    refused("TZ640", project.rollback)
    if stamped:
        done = project.alembic("downgrade", "base", check=False)
        assert done.returncode == 1
        assert "TZ640" in done.stderr
    assert unharmed(database, mallory)
    assert not zoned(database)


def test_a_role_that_may_create_in_our_schema_stops_every_revision(
    database: Any, make_role: Any, make_project: Callable[..., Any]
) -> None:
    project = ready(database, make_project)
    mallory = make_role()
    project.apply()
    grant(database, mallory, "USAGE, CREATE", "SCHEMA tzmigrate")
    refused("TZ640", project.rollback)
    refused("TZ640", project.verify)
    # a better match for our call than our own function
    as_role(
        database,
        mallory,
        "CREATE FUNCTION tzmigrate.take_table(relation varchar) RETURNS void"
        f" LANGUAGE plpgsql AS {harm(mallory.name)}",
    )
    database.execute(f"REVOKE CREATE ON SCHEMA tzmigrate FROM {mallory.name}")
    refused("TZ640", project.rollback)
    refused("TZ640", project.verify)
    assert unharmed(database, mallory)
    assert zoned(database)
    database.execute("DROP FUNCTION tzmigrate.take_table(varchar)")
    project.rollback()
    assert not zoned(database)


def test_a_trigger_on_the_ledger_is_never_fired_by_us(
    database: Any, make_role: Any, make_project: Callable[..., Any]
) -> None:
    project = ready(database, make_project)
    mallory = make_role()
    project.apply()
    project.rollback()
    grant_create(database, mallory)
    grant(database, mallory, "USAGE", "SCHEMA tzmigrate")
    grant(database, mallory, "TRIGGER", "tzmigrate.step")
    refused("TZ640", project.apply)
    as_role(
        database,
        mallory,
        "CREATE SCHEMA lair",
        "CREATE FUNCTION lair.spring() RETURNS trigger LANGUAGE plpgsql AS"
        f" {harm(mallory.name)}",
        "CREATE TRIGGER spring BEFORE INSERT ON tzmigrate.step FOR EACH ROW"
        " EXECUTE FUNCTION lair.spring()",
    )
    database.execute(f"REVOKE ALL ON tzmigrate.step FROM {mallory.name}")
    refused("TZ640", project.apply)
    assert unharmed(database, mallory)
    assert not zoned(database)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE RULE r AS ON INSERT TO tzmigrate.step DO ALSO SELECT 1",
        "GRANT INSERT ON tzmigrate.sample TO PUBLIC",
        "GRANT UPDATE ON tzmigrate.step_column TO PUBLIC",
    ],
)
def test_a_ledger_that_others_can_bend_is_not_used(
    statement: str, database: Any, make_project: Callable[..., Any]
) -> None:
    project = ready(database, make_project)
    project.apply()
    database.execute(statement)
    refused("TZ640", project.verify)
    refused("TZ640", project.rollback)
    assert zoned(database)


def test_a_reader_of_the_ledger_is_no_matter(
    database: Any, make_role: Any, make_project: Callable[..., Any]
) -> None:
    project = ready(database, make_project)
    project.apply()
    grant(database, make_role(), "USAGE", "SCHEMA tzmigrate")
    grant(database, make_role(), "SELECT", "ALL TABLES IN SCHEMA tzmigrate")
    assert project.verify().outcome is Outcome.PROVED
    project.rollback()


@pytest.mark.parametrize("can_read", [False, True])
def test_the_ledger_of_another_role_is_refused_and_not_read(
    can_read: bool, database: Any, make_role: Any, make_project: Callable[..., Any]
) -> None:
    project = ready(database, make_project)
    project.apply()
    other = make_role()
    if can_read:
        grant(database, other, "USAGE", "SCHEMA tzmigrate")
        grant(database, other, "SELECT", "ALL TABLES IN SCHEMA tzmigrate")
        grant(database, other, "SELECT", "orders, alembic_version")
    else:
        grant(database, other, "SELECT", "alembic_version")
    theirs = make_project(database.url_as(other), name="theirs")
    for path in project.revisions:
        theirs_path = theirs.root / "migrations" / "versions" / path.name
        theirs_path.write_bytes(path.read_bytes())
    refused("TZ640", theirs.verify)
    refused("TZ640", theirs.status)
    refused("TZ640", theirs.rollback)


def test_a_superuser_does_not_believe_the_ledger_of_a_plain_role(
    database: Any, make_role: Any, make_project: Callable[..., Any]
) -> None:
    owner = make_role()
    project = owned(database, owner, make_project)
    project.apply()
    refused("TZ640", commands.verify, commands.Connection(url=database.url))


# --------------------------------------------------------------- privileges


def owned(database: Any, role: Any, make_project: Callable[..., Any]) -> Any:
    """Return a project of a role that owns its table, and may create schemas."""
    database.execute(TABLE)
    database.execute(f"ALTER TABLE orders OWNER TO {role.name}")
    grant(database, role, "CREATE", "SCHEMA public")
    grant_create(database, role)
    project = make_project(database.url_as(role))
    project.plan(zones=("default=UTC",))
    return project


def test_without_the_right_to_create_a_schema_the_error_says_what_a_dba_can_do(
    database: Any, make_role: Any, make_project: Callable[..., Any]
) -> None:
    role = make_role()
    project = owned(database, role, make_project)
    name = sql.Identifier(database.name).as_string()
    database.execute(f"REVOKE CREATE ON DATABASE {name} FROM {role.name}")
    with pytest.raises(Refused) as caught:
        project.apply()
    assert caught.value.code == "TZ641"
    assert role.name in caught.value.message
    advice = f"CREATE SCHEMA tzmigrate AUTHORIZATION {role.name}"
    assert advice in caught.value.hint
    assert not zoned(database)
    # and what it says works
    database.execute(advice)
    project.apply()
    assert zoned(database)
    assert project.verify().outcome is Outcome.PROVED
    project.alembic("downgrade", "base")
    assert not zoned(database)
    assert database.execute(
        "SELECT count(*)::int FROM pg_namespace WHERE nspname = 'tzmigrate'"
        " UNION ALL SELECT count(*)::int FROM pg_class"
        " WHERE relnamespace = 'tzmigrate'::regnamespace"
        " UNION ALL SELECT count(*)::int FROM pg_proc"
        " WHERE pronamespace = 'tzmigrate'::regnamespace"
    ) == [(1,), (0,), (0,)]
    # as often as one likes
    project.apply()
    assert zoned(database)


def test_the_table_of_another_role_is_refused_by_name(
    database: Any, make_role: Any, make_project: Callable[..., Any]
) -> None:
    role = make_role()
    project = owned(database, role, make_project)
    database.execute("ALTER TABLE orders OWNER TO CURRENT_USER")
    grant(database, role, "ALL", "orders")
    assert "public.orders" in refused("TZ646", project.apply)
    assert not zoned(database)


def test_nobody_else_gets_the_ledger_whatever_the_default_privileges_say(
    database: Any, make_role: Any, make_project: Callable[..., Any]
) -> None:
    project = ready(database, make_project)
    reader = make_role()
    for kind in ("TABLES", "FUNCTIONS", "SEQUENCES", "SCHEMAS", "TYPES"):
        for whom in (reader.name, "PUBLIC"):
            database.execute(f"ALTER DEFAULT PRIVILEGES GRANT ALL ON {kind} TO {whom}")
    try:
        project.apply()
    finally:
        for kind in ("TABLES", "FUNCTIONS", "SEQUENCES", "SCHEMAS", "TYPES"):
            for whom in (reader.name, "PUBLIC"):
                database.execute(
                    f"ALTER DEFAULT PRIVILEGES REVOKE ALL ON {kind} FROM {whom}"
                )
    tables = ("support", "step", "step_column", "sample")
    with psycopg.connect(database.url_as(reader), autocommit=True) as connection:
        for table in tables:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT * FROM tzmigrate.{table}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT tzmigrate.must_convert()")
    assert (
        database.execute(
            "SELECT c.relname FROM pg_class c, aclexplode(c.relacl) a"
            " WHERE relnamespace = 'tzmigrate'::regnamespace AND a.grantee <> relowner"
            " UNION ALL SELECT p.proname FROM pg_proc p,"
            " aclexplode(coalesce(proacl, acldefault('f', proowner))) a"
            " WHERE pronamespace = 'tzmigrate'::regnamespace AND a.grantee <> proowner"
        )
        == []
    )
    assert project.verify().outcome is Outcome.PROVED


def test_the_ledger_holds_no_naive_timestamp(
    database: Any, make_project: Callable[..., Any]
) -> None:
    project = ready(database, make_project)
    project.apply()
    assert (
        database.execute(
            "SELECT a.attrelid::regclass, a.attname FROM pg_attribute a"
            " JOIN pg_class c ON c.oid = a.attrelid"
            " WHERE c.relnamespace = 'tzmigrate'::regnamespace"
            " AND format_type(a.atttypid, a.atttypmod) LIKE '%without time zone%'"
        )
        == []
    )
    inventory = commands.scan(commands.Connection(url=database.url))
    assert all(c.schema != "tzmigrate" for c in inventory.columns)


# ------------------------------------------------------ a hostile search_path

TRAPS = """
CREATE SCHEMA evil;
CREATE FUNCTION evil.sprung() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    IF 'open' OPERATOR(pg_catalog.=)
           pg_catalog.current_setting('tzmigrate.marker', true)
       OR 'tzmigrate' OPERATOR(pg_catalog.=)
           pg_catalog.current_setting('application_name')
    THEN RAISE EXCEPTION 'a trap was sprung'; END IF;
    RETURN true;
END $$;
CREATE FUNCTION evil.now() RETURNS pg_catalog.timestamptz LANGUAGE sql
    AS 'SELECT pg_catalog.now() FROM evil.sprung()';
CREATE FUNCTION evil.clock_timestamp() RETURNS pg_catalog.timestamptz LANGUAGE sql
    AS 'SELECT pg_catalog.now() FROM evil.sprung()';
CREATE FUNCTION evil.concat(VARIADIC pg_catalog.text[]) RETURNS pg_catalog.text
    LANGUAGE sql AS $$SELECT pg_catalog.array_to_string($1, '') FROM evil.sprung()$$;
CREATE FUNCTION evil.set_config(pg_catalog.text, pg_catalog.text, pg_catalog.bool)
    RETURNS pg_catalog.text LANGUAGE sql
    AS 'SELECT pg_catalog.set_config($1, $2, $3) FROM evil.sprung()';
CREATE FUNCTION evil.current_setting(pg_catalog.text, pg_catalog.bool)
    RETURNS pg_catalog.text LANGUAGE sql
    AS 'SELECT pg_catalog.current_setting($1, $2) FROM evil.sprung()';
CREATE FUNCTION evil.current_setting(pg_catalog.text) RETURNS pg_catalog.text
    LANGUAGE sql AS 'SELECT pg_catalog.current_setting($1) FROM evil.sprung()';
CREATE FUNCTION evil.quote_ident(pg_catalog.text) RETURNS pg_catalog.text
    LANGUAGE sql AS 'SELECT pg_catalog.quote_ident($1) FROM evil.sprung()';
CREATE FUNCTION evil.tally(pg_catalog.int8) RETURNS pg_catalog.int8
    LANGUAGE sql AS 'SELECT 0::pg_catalog.int8 FROM evil.sprung()';
CREATE AGGREGATE evil.count(*) (sfunc = evil.tally, stype = pg_catalog.int8);
CREATE DOMAIN evil.text AS pg_catalog.text CHECK (evil.sprung());
CREATE DOMAIN evil.oid AS pg_catalog.oid CHECK (evil.sprung());
CREATE DOMAIN evil.name AS pg_catalog.name CHECK (evil.sprung());
CREATE DOMAIN evil.jsonb AS pg_catalog.jsonb CHECK (evil.sprung());
CREATE DOMAIN evil.record AS pg_catalog.text CHECK (evil.sprung());
CREATE DOMAIN evil.regclass AS pg_catalog.regclass CHECK (evil.sprung());
CREATE DOMAIN evil.timestamptz AS pg_catalog.timestamptz CHECK (evil.sprung());
CREATE VIEW evil.pg_class AS SELECT * FROM pg_catalog.pg_class WHERE evil.sprung();
CREATE VIEW evil.pg_roles AS SELECT * FROM pg_catalog.pg_roles WHERE evil.sprung();
CREATE VIEW evil.pg_proc AS SELECT * FROM pg_catalog.pg_proc WHERE evil.sprung();
CREATE VIEW evil.pg_namespace AS
    SELECT * FROM pg_catalog.pg_namespace WHERE evil.sprung();
"""
COMPARED = (
    ("text", "texteq"),
    ("oid", "oideq"),
    ("name", "nameeq"),
    ("int8", "int8eq"),
    ("int4", "int4eq"),
    ("bool", "booleq"),
    ("timestamp", "timestamp_eq"),
    ("timestamptz", "timestamptz_eq"),
    ("numeric", "numeric_eq"),
    ("jsonb", "jsonb_eq"),
    ("char", "chareq"),
)


def lay_traps(database: Any) -> None:
    database.execute(TRAPS)
    for type_name, equal in COMPARED:
        name = f'pg_catalog."{type_name}"'
        for operator, meant in (("=", ""), ("<>", "NOT ")):
            function = f"evil.{'ne' if meant else 'eq'}_{type_name}"
            database.execute(
                f"CREATE FUNCTION {function}({name}, {name}) RETURNS pg_catalog.bool"
                f" LANGUAGE sql AS 'SELECT {meant}pg_catalog.{equal}($1, $2)"
                " FROM evil.sprung()'"
            )
            database.execute(
                f"CREATE OPERATOR evil.{operator} (FUNCTION = {function},"
                f" LEFTARG = {name}, RIGHTARG = {name})"
            )
    database.execute("GRANT USAGE ON SCHEMA evil TO PUBLIC")
    name = sql.Identifier(database.name).as_string()
    database.execute(
        f"ALTER DATABASE {name} SET search_path = evil, pg_catalog, public"
    )


def test_the_traps_of_this_file_can_be_sprung(database: Any) -> None:
    lay_traps(database)
    for query in (
        "SELECT 1 WHERE 'a'::pg_catalog.text = 'a'::pg_catalog.text",
        "SELECT 1 WHERE 1 <> 2",
        "SELECT now()",
        "SELECT count(*)",
        "SELECT 'x'::text",
        "DO $$ DECLARE me oid; BEGIN END $$",
    ):
        with (
            psycopg.connect(database.url, application_name="tzmigrate") as connection,
            pytest.raises(psycopg.errors.RaiseException, match="a trap was sprung"),
        ):
            connection.execute(query)


def test_a_hostile_search_path_is_never_asked(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(TABLE)
    database.execute(
        "CREATE TABLE shops (id int PRIMARY KEY, opened timestamp DEFAULT now());"
        " INSERT INTO shops VALUES (1, '2024-02-02')"
    )
    lay_traps(database)
    project = make_project(database.url)
    project.plan(
        zones=("default=UTC", "public.shops.*=America/New_York"), accept=("TZ301",)
    )
    project.apply()
    assert zoned(database)
    assert project.verify().outcome is Outcome.PROVED
    assert {s.state.value for s in project.status().steps} == {"done"}
    project.rollback(everything=True)
    assert project.verify().outcome is Outcome.PROVED
    project.alembic("upgrade", "head")
    project.alembic("downgrade", "base")
    assert database.scalar("SELECT pg_catalog.to_regnamespace('tzmigrate') IS NULL")


def test_a_hostile_search_path_does_not_hide_a_shift(
    database: Any, make_project: Callable[..., Any]
) -> None:
    project = ready(database, make_project)
    project.apply()
    lay_traps(database)
    database.execute(
        "UPDATE public.orders SET placed_at = placed_at + interval '5 hours'"
    )
    assert project.verify().outcome is Outcome.SUSPECT


def test_the_session_gets_its_search_path_and_timeouts_back(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(TABLE)
    database.execute("CREATE SCHEMA app")
    name = sql.Identifier(database.name).as_string()
    database.execute(f"ALTER DATABASE {name} SET search_path = app, public")
    database.execute(f"ALTER DATABASE {name} SET lock_timeout = '7s'")
    project = make_project(database.url)
    project.plan(zones=("default=UTC",))
    see = (
        "CREATE TABLE {} AS SELECT current_setting('search_path') AS path,"
        " current_setting('lock_timeout') AS timeout,"
        " coalesce(current_setting('tzmigrate.marker', true), '') AS marker"
    )
    project.revision("after", see.format("seen_up"), "SELECT 1")
    project.alembic("upgrade", "head")
    assert database.execute("TABLE app.seen_up") == [("app, public", "7s", "")]
    files = {p.name: p for p in project.revisions}
    support = next(p for n, p in files.items() if "tz_support" in n)
    text = support.read_text(encoding="utf-8")
    # what follows the support in its own transaction, up and down
    for direction, table in (("upgrade", "s_up"), ("downgrade", "s_down")):
        text = text.replace(f"def {direction}(", f"def _{direction}(", 1)
        text += (
            f"\n\ndef {direction}() -> None:\n    _{direction}()\n"
            f"    op.execute({see.format(table)!r})\n"
        )
    support.write_text(text, encoding="utf-8")
    database.execute("DROP TABLE app.seen_up")
    project.alembic("downgrade", "base")
    assert database.execute("TABLE app.s_down") == [("app, public", "7s", "")]
    project.alembic("upgrade", "head")
    assert database.execute("TABLE app.s_up") == [("app, public", "7s", "")]


def test_temporary_tables_of_env_py_shadow_nothing(
    database: Any, make_project: Callable[..., Any]
) -> None:
    names = ("orders", "step", "sample", "step_column", "support", "pg_class")
    tables = "; ".join(f"CREATE TEMP TABLE {name} (id text)" for name in names)
    project = ready(
        database,
        make_project,
        before=f"connection.exec_driver_sql({tables!r}); connection.commit()",
    )
    project.alembic("upgrade", "head")
    assert zoned(database)
    assert project.verify().outcome is Outcome.PROVED


# ------------------------------------------- row security, and a role's settings


@pytest.fixture
def hidden(database: Any, make_role: Any, make_project: Callable[..., Any]) -> Any:
    """A project of an owner who sees one row of three hundred of his table."""
    role = make_role()
    project = owned(database, role, make_project)
    database.execute(
        "ALTER TABLE orders ENABLE ROW LEVEL SECURITY;"
        " ALTER TABLE orders FORCE ROW LEVEL SECURITY;"
        " CREATE POLICY one ON orders USING (id = 1)"
    )
    return project


def force(database: Any) -> bool:
    return bool(
        database.scalar(
            "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class"
            " WHERE oid = 'orders'::regclass"
        )
    )


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
@pytest.mark.parametrize("whole", [False, True])
def test_forced_row_security_hides_no_row_from_the_proof_and_is_on_again_after_it(
    zone: str, whole: bool, hidden: Any, database: Any
) -> None:
    for path in hidden.revisions:
        path.unlink()
    if whole:
        hidden.configure('[policy]\nproof = "full"\n')
    plan = hidden.plan(zones=(f"default={zone}",))
    assert plan.written
    hidden.apply()
    assert zoned(database)
    assert force(database)
    assert database.scalar("SELECT count(*) FROM tzmigrate.sample") == 300
    assert (
        database.scalar(
            "SELECT count(*) FROM orders WHERE placed_at = (timestamp '2024-01-01'"
            f" + id * interval '7 hours 1 microsecond') AT TIME ZONE '{zone}'"
        )
        == 300
    )
    # he could not see the rows to compare them: no doubt is called proved
    found = hidden.verify()
    assert found.outcome is Outcome.UNPROVED
    assert all(c.note for c in found.columns)
    hidden.rollback()
    assert not zoned(database)
    assert force(database)


def test_rows_in_a_gap_stop_a_revision_although_row_security_hides_them(
    hidden: Any, database: Any
) -> None:
    for path in hidden.revisions:
        path.unlink()
    hidden.plan(zones=("default=America/New_York",))
    database.execute("UPDATE orders SET placed_at = '2024-03-10 02:30' WHERE id = 7")
    with pytest.raises(TzmigrateError) as caught:
        hidden.apply()
    assert caught.value.code == "TZ346"
    assert not zoned(database)
    assert force(database)


def test_values_under_row_security_stand_in_the_ledger_as_digests(
    database: Any, make_role: Any, make_project: Callable[..., Any]
) -> None:
    role = make_role("BYPASSRLS")
    project = owned(database, role, make_project)
    database.execute(
        "ALTER TABLE orders ENABLE ROW LEVEL SECURITY;"
        " ALTER TABLE orders FORCE ROW LEVEL SECURITY"
    )
    project.apply()
    values = (
        "SELECT (extract(epoch FROM placed_at - '2000-01-01 UTC'::timestamptz)"
        " * 1000000)::bigint FROM orders"
    )
    assert (
        database.scalar(
            "SELECT count(*) FROM tzmigrate.sample"
            f" WHERE wall && ARRAY({values}) OR instant && ARRAY({values})"
        )
        == 0
    )
    assert database.scalar("SELECT count(*) FROM tzmigrate.sample") == 300
    assert project.verify().outcome is Outcome.PROVED
    database.execute("UPDATE orders SET placed_at = placed_at + interval '5 hours'")
    assert project.verify().outcome is not Outcome.PROVED
    project.rollback()
    assert project.verify().outcome is Outcome.PROVED


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_a_key_of_hidden_values_does_not_show_them_in_the_ledger(
    zone: str, database: Any, make_role: Any, make_project: Callable[..., Any]
) -> None:
    role = make_role("BYPASSRLS")
    owned(database, role, make_project)
    database.execute(
        "ALTER TABLE orders DROP CONSTRAINT orders_pkey;"
        " ALTER TABLE orders ADD PRIMARY KEY (id, placed_at);"
        " ALTER TABLE orders ENABLE ROW LEVEL SECURITY"
    )
    project = make_project(database.url_as(role), name="again")
    project.plan(zones=(f"default={zone}",))
    project.apply()
    assert database.scalar("SELECT count(*) FROM tzmigrate.sample") == 300
    assert (
        database.scalar(
            "SELECT count(*) FROM tzmigrate.sample WHERE key::text LIKE '%202%-%'"
        )
        == 0
    )
    assert project.verify().outcome is Outcome.PROVED
    project.rollback()
    assert project.verify().outcome is Outcome.PROVED


def test_timeouts_of_the_role_neither_end_a_step_nor_falsify_its_proof(
    database: Any, make_role: Any, make_project: Callable[..., Any]
) -> None:
    role = make_role()
    project = owned(database, role, make_project)
    database.execute(
        "INSERT INTO orders SELECT g, '2024-01-01' FROM generate_series(1000, 200000) g"
    )
    for path in project.revisions:
        path.unlink()
    settings = {
        "statement_timeout": "'150ms'",
        "lock_timeout": "'1ms'",
        "idle_in_transaction_session_timeout": "'150ms'",
        "transaction_timeout": "'60s'",
        "DateStyle": "'SQL, DMY'",
        "IntervalStyle": "'iso_8601'",
        "extra_float_digits": "-15",
        "bytea_output": "'escape'",
        "row_security": "off",
        "timezone": "'Australia/Lord_Howe'",
    }
    if database.server.version < 17:
        del settings["transaction_timeout"]
    for name, value in settings.items():
        database.execute(f"ALTER ROLE {role.name} SET {name} = {value}")
    project.plan(zones=("default=America/New_York",), accept=("TZ301",))
    project.apply()
    assert zoned(database)
    found = project.verify()
    assert found.outcome is Outcome.PROVED
    assert database.scalar(
        "SELECT placed_at AT TIME ZONE 'America/New_York' = '2024-01-01' FROM orders"
        " WHERE id = 1000"
    )
    project.rollback()
    assert project.verify().outcome is Outcome.PROVED
