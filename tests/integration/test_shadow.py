"""The shadow: the same schema, no row, nothing left behind, no password shown."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tzmigrate.errors import Refused, Unavailable
from tzmigrate.postgres import clients, dump, scratch, shadow
from tzmigrate.postgres.dump import ShadowUnavailable
from tzmigrate.postgres.embedded import VERSIONS, EmbeddedServer, embedded_server
from tzmigrate.postgres.lacks import Lack
from tzmigrate.postgres.session import Session, connect
from tzmigrate.postgres.shadow import Shadow, ShadowKind, open_shadow, reading
from tzmigrate.postgres.url import parse_url

HOLDER = """
import sys, time
from tzmigrate.cli.entry import _end_cleanly_on_signals
from tzmigrate.postgres.session import connect
from tzmigrate.postgres.shadow import open_shadow
from tzmigrate.postgres.url import parse_url
_end_cleanly_on_signals()
with connect(parse_url(sys.stdin.readline().strip())) as session:
    with open_shadow(session) as shadow:
        print(shadow.session.info.dbname, flush=True)
        time.sleep(600)
"""

BITING = r"""
CREATE SCHEMA "We ird";
CREATE SCHEMA "a.b""c";
CREATE DOMAIN "We ird"."moment %" AS timestamp(3) CHECK (VALUE > '2000-01-01');
CREATE TYPE "We ird".span AS RANGE (subtype = timestamp);
CREATE TYPE "We ird".pair AS (at timestamp, "né" timestamp[]);
CREATE TABLE "a.b""c"."T\'s
%(x)s :y" (
  "id;--" int PRIMARY KEY,
  "at $1" timestamp DEFAULT now() CHECK ("at $1" > '1999-12-31'),
  d "We ird"."moment %",
  r tsrange, s "We ird".span, p "We ird".pair,
  status varchar CHECK (status IN ('a', 'b')),
  EXCLUDE USING gist (r WITH &&)
);
CREATE INDEX "ix 'q'" ON "a.b""c"."T\'s
%(x)s :y" (date_trunc('day', "at $1")) WHERE "at $1" IS NOT NULL;
ALTER TABLE "a.b""c"."T\'s
%(x)s :y" ALTER COLUMN "at $1" SET STATISTICS 77;
CREATE VIEW "We ird".v WITH (security_barrier) AS
  SELECT "at $1" AS "at" FROM "a.b""c"."T\'s
%(x)s :y" WHERE "at $1" > '2020-01-01' WITH CHECK OPTION;
CREATE MATERIALIZED VIEW "We ird".m AS
  SELECT at, count(*) AS n FROM "We ird".v GROUP BY 1;
CREATE UNIQUE INDEX ON "We ird".m (at);
COMMENT ON VIEW "We ird".v IS 'it''s; -- \n "quoted"';
COMMENT ON COLUMN "We ird".v.at IS 'when';
CREATE FUNCTION "We ird".touch() RETURNS trigger LANGUAGE plpgsql AS
  $f$BEGIN NEW."at $1" := now() AT TIME ZONE 'utc'; RETURN NEW; END$f$;
CREATE TRIGGER "Tr ig" BEFORE UPDATE OF "at $1" ON "a.b""c"."T\'s
%(x)s :y" FOR EACH ROW EXECUTE FUNCTION "We ird".touch();
CREATE TABLE part (at timestamp NOT NULL, id int) PARTITION BY RANGE (at);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE INDEX ON part (at);
CREATE TABLE guarded (id serial PRIMARY KEY, at timestamp, who text);
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
ALTER TABLE guarded FORCE ROW LEVEL SECURITY;
CREATE POLICY "p o l" ON guarded TO {role} USING (at > '2020-01-01');
CREATE RULE r AS ON DELETE TO guarded WHERE OLD.at < '2020-01-01' DO INSTEAD NOTHING;
CREATE STATISTICS st ON at, who FROM guarded;
CREATE PUBLICATION "pub lic" FOR TABLE guarded;
GRANT SELECT ON guarded TO {role} WITH GRANT OPTION;
SET ROLE {role}; GRANT SELECT ON guarded TO {other}; RESET ROLE;
GRANT UPDATE (at) ON guarded TO {other};
ALTER DEFAULT PRIVILEGES IN SCHEMA "We ird" GRANT SELECT ON TABLES TO {other};
ALTER DEFAULT PRIVILEGES FOR ROLE {role} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
CREATE TABLE owned (id int); ALTER TABLE owned OWNER TO {role};
INSERT INTO guarded (at, who) VALUES ('2024-01-01', 'secret');
"""


@contextmanager
def shadow_of(url: str, **options: Any) -> Iterator[Shadow]:
    with connect(parse_url(url)) as session, open_shadow(session, **options) as shadow:
        yield shadow


def name_of(shadow: Shadow) -> str:
    return shadow.session.info.dbname


def scratch_databases(server: Any, url: str | None = None) -> set[str]:
    with psycopg.connect(url or server.url()) as connection:
        rows = connection.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE 'tzmigrate\\_shadow%'"
        ).fetchall()
    return {name for (name,) in rows}


def oid_of(database: Any) -> int:
    return int(
        database.scalar(
            "SELECT oid::int8 FROM pg_database WHERE datname = current_database()"
        )
    )


def ours(database: Any) -> set[str]:
    """Scratch databases of one database: other tests may have theirs."""
    prefix = f"tzmigrate_shadow_{oid_of(database)}_"
    return {n for n in scratch_databases(database.server) if n.startswith(prefix)}


def of_kind(shadow: Shadow, kind: Lack) -> list[tuple[tuple[str, ...], str]]:
    return [(f.objects, f.reason) for f in shadow.findings if f.kind is kind]


@pytest.fixture(scope="module")
def second(server: Any) -> Iterator[EmbeddedServer]:
    """Another server, of the same major version where there is one in the wheel."""
    newer = min((v for v in VERSIONS if v >= server.version), default=max(VERSIONS))
    with embedded_server(version=newer, trust_roles=True) as other:
        yield other


# ------------------------------------------------------------------ the copy


@pytest.mark.parametrize("with_sample", [True, False])
def test_the_shadow_has_the_schema_of_its_database_and_no_row(
    sample: Any,
    database: Any,
    make_role: Any,
    canonical_dump: Any,
    with_sample: bool,
) -> None:
    source = sample if with_sample else database
    if not with_sample:
        role, other = make_role(), make_role(suffix=' "x"')
        quoted = {
            "role": f'"{role.name}"',
            "other": '"' + other.name.replace('"', '""') + '"',
        }
        text = BITING
        for key, value in quoted.items():
            text = text.replace(f"{{{key}}}", value)
        source.psql(text)
    with shadow_of(source.url) as shadow:
        assert shadow.findings == ()
        assert shadow.kind is ShadowKind.SCRATCH
        copy = type(source)(name=name_of(shadow), server=source.server)
        assert canonical_dump(copy, "--schema-only") == canonical_dump(
            source, "--schema-only"
        )
        rows = shadow.session.execute(
            "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relkind = 'r'"
            " AND c.oid >= 16384 AND pg_relation_size(c.oid) > 0"
        ).fetchall()
        assert rows == []


def test_the_shadow_is_like_its_database_in_encoding_locale_and_settings(
    server: Any, make_database: Any, make_role: Any
) -> None:
    role = make_role()
    source = make_database(suffix='"é')
    quoted = '"' + source.name.replace('"', '""') + '"'
    server.execute(f"ALTER DATABASE {quoted} SET TimeZone TO 'Asia/Tokyo'")
    server.execute(
        f'ALTER DATABASE {quoted} SET search_path TO app, "We, ird", "a""b", public'
    )
    server.execute(f"ALTER DATABASE {quoted} SET app.tenant TO 'it''s, \"x\"'")
    server.execute(f"ALTER DATABASE {quoted} SET log_statement TO 'none'")
    server.execute(
        f"ALTER ROLE {role.name} IN DATABASE {quoted} SET DateStyle TO 'SQL, DMY'"
    )
    query = (
        "SELECT d.encoding, d.datcollate, d.datctype, d.datdba, d.dattablespace,"
        " to_jsonb(d) ->> 'datlocprovider', ARRAY(SELECT (s.setrole::regrole, x)::text"
        " FROM pg_db_role_setting s, unnest(s.setconfig) x"
        " WHERE s.setdatabase = d.oid ORDER BY 1)"
        " FROM pg_database d WHERE datname = current_database()"
    )
    with shadow_of(source.url) as shadow:
        assert shadow.session.execute(query).fetchall() == source.execute(query)
        assert shadow.session.zone.zone == "Asia/Tokyo"
        assert shadow.session.execute("SHOW TimeZone").fetchone() == ("Etc/UTC",)
        comment = shadow.session.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database"
            " WHERE datname = current_database()"
        ).fetchone()
        assert comment is not None
        assert "tzmigrate" in comment[0]


def test_what_acts_beyond_the_database_is_not_copied(
    database: Any, make_role: Any
) -> None:
    role = make_role()
    database.execute(
        "CREATE FUNCTION f() RETURNS event_trigger LANGUAGE plpgsql AS"
        " 'BEGIN RAISE ''no DDL''; END'"
    )
    database.execute("CREATE SCHEMA tzmigrate")
    database.execute("CREATE TABLE tzmigrate.ledger (at timestamp)")
    database.execute("CREATE FOREIGN DATA WRAPPER w")
    database.execute("CREATE SERVER s FOREIGN DATA WRAPPER w")
    database.execute(
        f"CREATE USER MAPPING FOR {role.name} SERVER s OPTIONS (password 'geheim')"
    )
    database.execute(
        "CREATE SUBSCRIPTION sub CONNECTION 'dbname=none' PUBLICATION p"
        " WITH (connect = false)"
    )
    database.execute("COMMENT ON SUBSCRIPTION sub IS 'x'")
    database.execute(
        "CREATE EVENT TRIGGER et ON ddl_command_start EXECUTE FUNCTION f()"
    )
    database.execute(
        "SET event_triggers = off" if database.server.version >= 17 else "SELECT 1"
    )
    try:
        with shadow_of(database.url) as shadow:
            counts = shadow.session.execute(
                "SELECT (SELECT count(*) FROM pg_event_trigger),"
                " (SELECT count(*) FROM pg_user_mappings),"
                " (SELECT count(*) FROM pg_subscription WHERE subdbid ="
                " (SELECT oid FROM pg_database WHERE datname = current_database())),"
                " to_regnamespace('tzmigrate'),"
                " (SELECT count(*) FROM pg_foreign_server)"
            ).fetchone()
            assert counts == (0, 0, 0, None, 1)
            assert shadow.findings == ()
    finally:
        with database.connect(autocommit=True) as connection:
            connection.execute("DROP EVENT TRIGGER et")
            connection.execute("ALTER SUBSCRIPTION sub SET (slot_name = NONE)")
            connection.execute("DROP SUBSCRIPTION sub")


def test_a_schema_public_that_was_dropped_stays_away(database: Any) -> None:
    database.execute("DROP SCHEMA public")
    with shadow_of(database.url) as shadow:
        row = shadow.session.execute("SELECT to_regnamespace('public')").fetchone()
        assert row == (None,)


def test_settings_of_the_role_do_not_keep_the_shadow_from_being_made(
    server: Any, database: Any, make_role: Any
) -> None:
    role = make_role("CREATEDB")
    database.psql("CREATE TABLE t (at timestamp)")
    database.execute(f'ALTER TABLE t OWNER TO "{role.name}"')
    server.execute(f"ALTER ROLE {role.name} SET default_transaction_read_only = on")
    server.execute(f"ALTER ROLE {role.name} SET search_path = pg_catalog")
    with shadow_of(database.url_as(role)) as shadow:
        assert shadow.findings == ()
        shadow.session.execute("INSERT INTO public.t VALUES (now())")
        shadow.session.commit()


# ------------------------------------------------------- nothing is left behind


def test_nothing_is_left_after_success_and_after_an_exception(database: Any) -> None:
    with shadow_of(database.url) as shadow:
        assert ours(database) == {name_of(shadow)}
    assert ours(database) == set()
    for kind in (RuntimeError, KeyboardInterrupt):
        with pytest.raises(kind), shadow_of(database.url):
            raise kind
        assert ours(database) == set()


def test_who_owns_the_database_keeps_out_of_a_superusers_shadow(
    database: Any, make_role: Callable[..., Any]
) -> None:
    """What its owner changed there would be read with the rights of the superuser."""
    owner = make_role()
    database.execute(f'ALTER DATABASE "{database.name}" OWNER TO "{owner.name}"')
    with (
        shadow_of(database.url) as shadow,
        psycopg.connect(database.url_as(owner), autocommit=True) as other,
    ):
        name = name_of(shadow)
        there = make_conninfo(database.url_as(owner), dbname=name)
        with pytest.raises(psycopg.OperationalError, match="too many connections"):
            psycopg.connect(there)
        other.execute("SET lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT 9')  # type: ignore[arg-type]
    assert ours(database) == set()


def test_nor_does_anybody_come_before_it_is_closed(
    database: Any, make_role: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = make_role()
    database.execute(f'ALTER DATABASE "{database.name}" OWNER TO "{owner.name}"')
    made = scratch.connect

    def late(target: Any, **options: Any) -> Session:
        session = made(target, **options)
        name = session.info.dbname
        with psycopg.connect(database.url_as(owner), autocommit=True) as other:
            other.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT 9')  # type: ignore[arg-type]
        return session

    monkeypatch.setattr(scratch, "connect", late)
    with (
        pytest.raises(Unavailable, match="another role connected") as caught,
        shadow_of(database.url),
    ):
        pass
    assert caught.value.code == "TZ519"
    monkeypatch.undo()
    assert ours(database) == set()


def test_the_shadow_is_dropped_though_others_are_connected_and_ours_broke(
    database: Any,
) -> None:
    with shadow_of(database.url) as shadow:
        url = database.server.url(name_of(shadow))
        other = psycopg.connect(url)
        shadow.session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'tzmigrate shadow' AND pid <> pg_backend_pid()"
            " AND datname IN (current_database(), %s)",
            [database.name],
        )
        time.sleep(0.2)
    other.close()
    assert ours(database) == set()


@contextmanager
def holder(url: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(["", *filter(None, sys.path)])},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(f"{url}\n")
            process.stdin.flush()
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def wait_until_unused(server: Any, name: str) -> None:
    deadline = time.monotonic() + 20
    with psycopg.connect(server.url(), autocommit=True) as connection:
        while connection.execute(
            "SELECT 1 FROM pg_stat_activity WHERE datname = %s", [name]
        ).fetchall():
            assert time.monotonic() < deadline, "its sessions do not end"
            time.sleep(0.05)


def test_sigterm_drops_the_shadow(database: Any) -> None:
    with holder(database.url) as (process, name):
        assert ours(database) == {name}
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        assert ours(database) == set()


def test_what_a_killed_process_left_is_dropped_by_the_next_one(database: Any) -> None:
    with holder(database.url) as (process, name):
        process.kill()
        process.wait(20)
        wait_until_unused(database.server, name)
        assert ours(database) == {name}
        with shadow_of(database.url) as shadow:
            assert ours(database) == {name_of(shadow)}
    assert ours(database) == set()


def test_a_shadow_in_use_is_not_taken_for_a_leftover(database: Any) -> None:
    with shadow_of(database.url) as first, shadow_of(database.url) as second:
        assert ours(database) == {name_of(first), name_of(second)}
        first.session.execute("SELECT 1")


def test_many_at_once_do_not_disturb_each_other(database: Any) -> None:
    database.psql("CREATE TABLE t (at timestamp)")
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(2):
                with shadow_of(database.url) as shadow:
                    shadow.session.execute("INSERT INTO public.t VALUES (now())")
                    assert shadow.findings == ()
        except BaseException as exc:
            errors.append(exc)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert ours(database) == set()


def test_databases_that_only_look_like_ours_stay(
    server: Any, make_database: Any, database: Any
) -> None:
    lookalike = make_database()
    name = f"tzmigrate_shadow_{oid_of(database)}_mine"
    server.execute(f'ALTER DATABASE "{lookalike.name}" RENAME TO {name}')
    try:
        with shadow_of(database.url):
            assert name in scratch_databases(server)
    finally:
        server.execute(f'ALTER DATABASE {name} RENAME TO "{lookalike.name}"')


# ------------------------------------------------------------------ the ladder


def test_a_role_without_createdb_gets_an_embedded_shadow_that_says_so(
    database: Any, make_role: Any, server: Any
) -> None:
    role, other = make_role(), make_role(suffix=" B")
    database.psql(
        "CREATE TABLE t (at timestamp, who text); CREATE VIEW v AS SELECT at FROM t;"
        f'ALTER TABLE t OWNER TO "{role.name}"; ALTER VIEW v OWNER TO "{other.name}";'
        f'GRANT SELECT ON t TO "{other.name}";'
        f'CREATE POLICY p ON t TO "{other.name}" USING (true)'
    )
    server.execute(f"ALTER DATABASE {database.name} SET TimeZone TO 'Asia/Tokyo'")
    server.execute(
        f"ALTER ROLE {other.name!r}".replace("'", '"') + " SET search_path = x"
    )
    with shadow_of(database.url_as(role)) as shadow:
        assert shadow.kind is ShadowKind.EMBEDDED
        assert shadow.version >= server.version
        assert shadow.session.zone.zone == "Asia/Tokyo"
        [(objects, reason)] = of_kind(shadow, Lack.SERVER)
        assert objects == ()
        assert "permission denied" in reason
        versions = of_kind(shadow, Lack.VERSION)
        assert bool(versions) == (shadow.version != server.version)
        assert len(shadow.findings) == 1 + len(versions)
        owners = shadow.session.execute(
            "SELECT relname, relowner::regrole::text FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace ORDER BY 1"
        ).fetchall()
        assert owners == [("t", role.name), ("v", f'"{other.name}"')]
    assert ours(database) == set()


def test_the_server_that_the_user_names_goes_first_and_its_database_is_left_alone(
    database: Any, second: EmbeddedServer, server: Any
) -> None:
    database.psql("CREATE TABLE t (at timestamp)")
    url = second.url()
    with psycopg.connect(url) as connection:
        query = "SELECT count(*) FROM pg_class"
        before = connection.execute(query).fetchone()
        with shadow_of(database.url, shadow_url=url) as shadow:
            assert shadow.kind is ShadowKind.URL
            assert scratch_databases(server, url) == {name_of(shadow)}
            assert ours(database) == set()
            assert shadow.session.execute("TABLE public.t").fetchall() == []
            assert connection.execute(query).fetchone() == before
            assert of_kind(shadow, Lack.SERVER) == []
        assert connection.execute(query).fetchone() == before
    assert scratch_databases(server, url) == set()


def test_a_named_server_that_lets_nobody_in_is_not_passed_over(
    database: Any, second: EmbeddedServer
) -> None:
    wrong = second.url("none")
    with pytest.raises(Refused) as caught, shadow_of(database.url, shadow_url=wrong):
        pass
    assert caught.value.code == "TZ604"
    assert "--shadow-url" in caught.value.detail
    with psycopg.connect(second.url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE weak LOGIN")
    weak = second.url(user="weak")
    with (
        pytest.raises(ShadowUnavailable) as refused,
        shadow_of(database.url, shadow_url=weak),
    ):
        pass
    assert refused.value.code == "TZ620"
    assert "--shadow-url" in refused.value.message
    assert "permission denied" in refused.value.detail


@pytest.mark.pg(">= 17")
def test_a_named_server_that_is_older_is_refused(database: Any) -> None:
    with (
        embedded_server(version=min(VERSIONS)) as older,
        pytest.raises(ShadowUnavailable, match="is PostgreSQL 16") as caught,
        shadow_of(database.url, shadow_url=older.url()),
    ):
        pass
    assert caught.value.code == "TZ620"


def test_without_any_place_the_error_says_all_that_was_tried(
    database: Any, make_role: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = make_role()
    monkeypatch.setattr("tzmigrate.postgres.embedded._WHEEL", "not_installed")
    monkeypatch.delenv("TZMIGRATE_POSTGRES_DIR", raising=False)
    with (
        pytest.raises(ShadowUnavailable) as caught,
        shadow_of(database.url_as(role), bin_dir=database.server.bin),
    ):
        pass
    assert caught.value.code == "TZ620"
    assert "permission denied" in caught.value.detail
    assert "not installed" in caught.value.detail
    assert "CREATEDB" in caught.value.hint
    assert "--shadow-url" in caught.value.hint


# ------------------------------------------------------------- ordinary roles


def test_a_restricted_role_gets_what_is_its_own_and_is_told_the_rest(
    database: Any, make_role: Any, canonical_dump: Callable[..., str]
) -> None:
    role, other = make_role("CREATEDB"), make_role()
    database.psql(
        f'CREATE SCHEMA app AUTHORIZATION "{role.name}";'
        "CREATE TABLE app.t (id int PRIMARY KEY, at timestamp);"
        "CREATE VIEW app.v AS SELECT at FROM app.t;"
        "CREATE TABLE app.closed (id int PRIMARY KEY, at timestamp);"
        "CREATE VIEW app.w AS SELECT at FROM app.closed;"
        "COMMENT ON VIEW app.w IS 'x';"
        f'GRANT SELECT ON app.w TO "{other.name}";'
        "ALTER TABLE app.t ADD CONSTRAINT fk FOREIGN KEY (id) REFERENCES app.closed;"
        "CREATE SCHEMA hidden; CREATE TABLE hidden.a (id int PRIMARY KEY);"
        "CREATE PUBLICATION everything FOR ALL TABLES;"
        f'ALTER TABLE app.t OWNER TO "{role.name}";'
        f'ALTER VIEW app.v OWNER TO "{role.name}";'
        "CREATE TABLE app.theirs (at timestamp); CREATE INDEX ON app.theirs (at);"
        f'GRANT SELECT ON app.theirs TO "{role.name}";'
        f'ALTER TABLE app.theirs OWNER TO "{other.name}"'
    )
    with shadow_of(database.url_as(role)) as shadow:
        assert shadow.kind is ShadowKind.SCRATCH
        names = shadow.session.execute(
            "SELECT c.oid::regclass::text, c.relowner::regrole::text FROM pg_class c"
            " WHERE c.relkind IN ('r', 'v') AND c.oid >= 16384 ORDER BY 1"
        ).fetchall()
        assert names == [(n, role.name) for n in ("app.t", "app.theirs", "app.v")]
        [(unreadable, _)] = of_kind(shadow, Lack.UNREADABLE)
        assert unreadable == ("app.closed", "hidden.a")
        objects = {n for found, _ in of_kind(shadow, Lack.OBJECT) for n in found}
        assert objects == {
            "view app.w",
            "table constraint fk on app.t",
            "publication everything",
        }
        [(owned, reason)] = of_kind(shadow, Lack.OWNER)
        assert set(owned) == {"table app.theirs", "schema hidden"}
        assert other.name in reason or "postgres" in reason
        assert of_kind(shadow, Lack.COMMENT) == []
        assert all(": " in finding.text for finding in shadow.findings)
    assert ours(database) == set()


def test_a_failed_table_is_named_once_and_not_with_all_that_hangs_on_it(
    database: Any, make_role: Any
) -> None:
    role = make_role("CREATEDB")
    database.psql(
        "CREATE FUNCTION f() RETURNS int IMMUTABLE"
        " LANGUAGE internal AS 'pg_backend_pid';"
        "CREATE TABLE t (id int PRIMARY KEY DEFAULT f(), n serial, CHECK (f() > 0));"
        "CREATE INDEX ON t (n); COMMENT ON TABLE t IS 'x';"
        "COMMENT ON COLUMN t.n IS 'y';"
        f'GRANT SELECT ON t TO "{role.name}"; GRANT UPDATE (n) ON t TO "{role.name}";'
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (true)"
    )
    with shadow_of(database.url_as(role)) as shadow:
        objects = [n for found, _ in of_kind(shadow, Lack.OBJECT) for n in found]
        assert objects == ["function public.f()", "table public.t"]
        assert of_kind(shadow, Lack.COMMENT) == []
        assert of_kind(shadow, Lack.GRANT) == []


# --------------------------------------------------------- programs and secrets

SPY = """#!/bin/sh
[ "$1" = --version ] || {{
  tr '\\0' '\\n' < /proc/$$/cmdline >> {log}.argv
  env >> {log}.env
  [ -z "$PGSERVICEFILE" ] || cat "$PGSERVICEFILE" >> {log}.service
}}
exec {program} "$@"
"""


@pytest.fixture
def spied(server: Any, tmp_path: Path) -> Path:
    for name in ("pg_dump", "pg_restore"):
        file = tmp_path / name
        file.write_text(SPY.format(log=tmp_path / "log", program=server.bin / name))
        file.chmod(0o755)
    return tmp_path


def test_no_password_stands_in_an_argument_list(
    database: Any, make_role: Any, spied: Path
) -> None:
    role = make_role("CREATEDB")
    url = database.url_as(role)
    conninfo = make_conninfo(
        "", **(conninfo_to_dict(url) | {"keepalives_idle": 77, "sslpassword": "hush"})
    )
    with shadow_of(conninfo, bin_dir=spied) as shadow:
        assert shadow.kind is ShadowKind.SCRATCH
        assert shadow.findings == ()
    argv = (spied / "log.argv").read_text()
    assert "--schema-only" in argv
    assert "--dbname=tzmigrate_shadow_" in argv
    assert role.password not in argv
    assert "hush" not in argv
    assert f"PGPASSWORD={role.password}" in (spied / "log.env").read_text()
    service = (spied / "log.service").read_text()
    assert "keepalives_idle=77" in service
    assert "sslpassword=hush" in service
    shown = repr(clients.Access(conninfo=conninfo, parameters={}, password="hush"))
    assert "hush" not in shown


def test_programs_of_the_same_version_are_preferred_and_older_ones_never_used(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in (12, 17, 18, 19):
        (folder := tmp_path / str(version)).mkdir()
        for name in ("pg_dump", "pg_restore"):
            (folder / name).write_text(
                f"#!/bin/sh\necho '{name} (PostgreSQL) {version}.1'\n"
            )
            (folder / name).chmod(0o755)
    path = os.pathsep.join(str(tmp_path / str(v)) for v in (12, 19, 17, 18))
    monkeypatch.setenv("PATH", path + os.pathsep + os.environ["PATH"])
    for needed in (17, 18, 19):
        found = clients.find_programs(needed)
        assert found is not None
        assert found.folder == tmp_path / str(needed)
    assert clients.find_programs(20) is None
    assert clients.find_programs(13, tmp_path / "12") is None


def test_without_programs_the_error_says_which_are_needed(
    database: Any, tmp_path: Path
) -> None:
    with (
        pytest.raises(ShadowUnavailable) as caught,
        shadow_of(database.url, bin_dir=tmp_path),
    ):
        pass
    assert caught.value.code == "TZ621"
    assert str(database.server.version) in caught.value.message


def test_a_table_that_stays_locked_is_unavailable(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dump, "LOCK_WAIT", "200ms")
    database.execute("CREATE TABLE t (at timestamp)")
    with database.connect() as locker:
        locker.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Unavailable) as caught, shadow_of(database.url):
            pass
        locker.rollback()
    assert caught.value.code == "TZ502"
    assert ours(database) == set()


def test_so_is_a_view_that_somebody_goes_on_changing(
    database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # pg_dump limits how long it waits for tables, and for nothing else
    monkeypatch.setattr(shadow, "LOCK_WAIT", "200ms")
    database.execute(
        "CREATE VIEW v AS SELECT 1 AS one;"
        "CREATE VIEW w AS SELECT one, count(*) FROM v GROUP BY one"
    )
    with database.connect() as locker:
        locker.execute("ALTER VIEW v OWNER TO CURRENT_USER")
        with pytest.raises(Unavailable) as caught, shadow_of(database.url):
            pass
        pid = locker.info.backend_pid
        locker.rollback()
    assert caught.value.code == "TZ502"
    assert caught.value.detail == f"public.v is held by pid {pid}"
    assert ours(database) == set()


def test_pg_dump_that_fails_shows_its_words(
    server: Any, database: Any, tmp_path: Path
) -> None:
    for name in ("pg_dump", "pg_restore"):
        (tmp_path / name).write_text(
            f"#!/bin/sh\nif [ $1 = --version ]; then exec {server.bin / name} $1; fi\n"
            "echo 'pg_dump: error: aborting because of the moon' >&2; exit 1\n"
        )
        (tmp_path / name).chmod(0o755)
    with (
        pytest.raises(ShadowUnavailable) as caught,
        shadow_of(database.url, bin_dir=tmp_path),
    ):
        pass
    assert caught.value.code == "TZ622"
    assert caught.value.detail == "aborting because of the moon"


def test_the_session_of_the_caller_is_left_as_it_is(database: Any) -> None:
    database.execute("CREATE TABLE t (at timestamp)")
    told: list[str] = []
    with connect(parse_url(database.url)) as session:
        session.execute("LOCK TABLE public.t IN ACCESS SHARE MODE")
        with open_shadow(session, progress=told.append):
            status = session.info.transaction_status
        assert status == psycopg.pq.TransactionStatus.INTRANS
    assert told == [
        f"the shadow: scratch database, PostgreSQL {database.server.version}"
    ]


def test_who_reads_a_schema_no_longer_leaves_nothing_running(
    database: Any, server: Any, tmp_path: Path
) -> None:
    (tmp_path / "pg_restore").symlink_to(server.bin / "pg_restore")
    (tmp_path / "pg_dump").write_text(
        f"#!/bin/sh\nif [ $1 = --version ]; then exec {server.bin}/pg_dump $1; fi\n"
        "exec sleep 600\n"
    )
    (tmp_path / "pg_dump").chmod(0o755)
    with (
        connect(parse_url(database.url)) as session,
        reading(session, bin_dir=tmp_path) as original,
    ):
        assert original.dump.process.poll() is None
    assert original.dump.process.returncode
    assert original.session.closed


def test_the_target_of_the_shadow_reaches_it_again(database: Any) -> None:
    with shadow_of(database.url) as shadow:
        assert isinstance(shadow.session, Session)
        assert not shadow.session.autocommit
        with connect(shadow.session.target) as again:
            assert again.info.dbname == name_of(shadow)
        given = conninfo_to_dict(database.url)
        assert conninfo_to_dict(shadow.session.target.conninfo) == given | {
            "dbname": name_of(shadow)
        }


def test_further_shadows_are_like_the_first(database: Any) -> None:
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, at timestamp DEFAULT now());"
        "CREATE VIEW v AS SELECT at FROM t"
    )
    name = database.scalar("SELECT quote_ident(current_database())")
    database.execute(f"ALTER DATABASE {name} SET work_mem TO '7MB'")
    looks = (
        "SELECT current_setting('work_mem'), pg_get_viewdef('public.v'::regclass),"
        " (SELECT count(*) FROM pg_class), (SELECT pg_get_userbyid(d.datdba)"
        "  FROM pg_database d WHERE d.datname = current_database())"
    )
    with shadow_of(database.url, copies=3) as shadow:
        sessions = [shadow.session, *shadow.others]
        assert ours(database) == {s.info.dbname for s in sessions}
        seen = [s.execute(looks).fetchone() for s in sessions]
        assert len(seen) == 3
        assert seen[0] is not None
        assert seen[0][0] == "7MB"
        assert seen == [seen[0]] * 3
    assert ours(database) == set()
