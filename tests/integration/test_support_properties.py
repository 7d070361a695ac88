"""What DROP, CREATE and the stored properties give is what stood there before."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.conftest import Database, LoginRole, Server
from tests.support import install_support

BITE = """ %s $tz$ :x 'q' "d" é"""


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A database with a role that owns what the test makes in it."""

    database: Database
    roles: dict[str, LoginRole]
    tablespace: str
    opened: list[psycopg.Connection[Any]] = field(default_factory=list)

    def sql(self, text: str) -> str:
        """Put the names that bite: @x for an object, #x for a role."""
        text = re.sub(r"@(\w+)", lambda m: quoted(m[1] + BITE), text)
        text = text.replace("#tablespace", quoted(self.tablespace))
        return re.sub(r"#(\w+)", lambda m: quoted(self.roles[m[1]].name), text)


@pytest.fixture
def tablespace(server: Server) -> Iterator[str]:
    name = "tzt place %s"
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute("SET allow_in_place_tablespaces = on")
        connection.execute(f"CREATE TABLESPACE {quoted(name)} LOCATION ''")
    yield name
    server.execute(f"DROP TABLESPACE {quoted(name)}")


@pytest.fixture
def place(
    tablespace: str, make_role: Callable[..., LoginRole], database: Database
) -> Iterator[Place]:
    roles = {name: make_role(suffix=BITE + name) for name in ("owner", "a", "b", "c")}
    made = Place(database=database, roles=roles, tablespace=tablespace)
    for text in (
        f"GRANT CREATE ON DATABASE {quoted(database.name)} TO #owner",
        "GRANT CREATE ON TABLESPACE #tablespace TO #owner",
        # the owner may act for those that passed rights on
        "GRANT #a TO #owner",
        "GRANT #b TO #owner",
        "CREATE SCHEMA @s AUTHORIZATION #owner",
        "GRANT USAGE ON SCHEMA @s TO PUBLIC",
        "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO #c",
        "ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO #c",
        "ALTER DEFAULT PRIVILEGES GRANT ALL ON TYPES TO #c",
        "ALTER DEFAULT PRIVILEGES FOR ROLE #owner GRANT ALL ON TABLES TO #c, PUBLIC",
        "ALTER DEFAULT PRIVILEGES FOR ROLE #owner REVOKE ALL ON TYPES FROM PUBLIC",
        "ALTER DEFAULT PRIVILEGES FOR ROLE #owner GRANT ALL ON FUNCTIONS TO #c",
    ):
        database.execute(made.sql(text))
    yield made
    for connection in made.opened:
        connection.close()


class Session:
    """A connection as one role, with the support in place."""

    def __init__(self, place: Place, role: str | None, setup: str) -> None:
        self.place = place
        roles = place.roles
        url = place.database.url_as(roles[role]) if role else place.database.url
        with psycopg.connect(place.database.url, autocommit=True) as admin:
            admin.execute(place.sql("SET ROLE #owner"))
            admin.execute("SET client_min_messages = error")
            for statement in setup.split(";;"):
                admin.execute(place.sql(statement))
        self.connection = psycopg.connect(url)
        place.opened.append(self.connection)
        install_support(self.connection)
        self.connection.commit()

    def rows(self, text: str, *parameters: object) -> list[tuple[Any, ...]]:
        if parameters:
            cursor = self.connection.execute(text, parameters)
        else:
            cursor = self.connection.execute(self.place.sql(text))
        return cursor.fetchall() if cursor.description else []

    def oid(self, text: str, kind: str = "regclass") -> int:
        return int(self.rows(f"SELECT %s::{kind}::oid", self.place.sql(text))[0][0])

    def picture(self, *roots: int) -> dict[str, dict[str, Any]]:
        ((found,),) = self.rows("SELECT tzmigrate.picture(%s::regclass[])", list(roots))
        assert isinstance(found, dict)
        return found

    def differences(self, before: object, after: object) -> list[tuple[Any, ...]]:
        return self.rows(
            "SELECT * FROM tzmigrate.picture_differences(%s, %s)",
            Jsonb(before),
            Jsonb(after),
        )

    def properties(self, of: str, oid: int) -> list[str]:
        ((found,),) = self.rows(f"SELECT tzmigrate.properties('{of}', %s)", oid)
        return list(found)

    def run(self, statements: list[str]) -> None:
        """Run them as a revision does: one after the other, names pinned."""
        for statement in statements:
            self.connection.execute(statement)

    def parts(self, relation: int) -> list[tuple[Any, ...]]:
        return self.rows("SELECT * FROM tzmigrate.parts(%s)", relation)

    def address(self, of: str, oid: int) -> str:
        return str(self.rows(f"SELECT tzmigrate.address('{of}', %s)", oid)[0][0])

    def remake_relation(self, name: str) -> list[tuple[Any, ...]]:
        """Drop and make again a view or materialized view; return what differs."""
        oid = self.oid(name)
        before = self.picture(oid)
        ((kind, definition, place, method, populated),) = self.rows(
            "SELECT relkind::text, pg_get_viewdef(oid), tzmigrate.tablespace_of(oid),"
            " tzmigrate.access_method_of(oid), relispopulated"
            " FROM pg_class WHERE oid = %s",
            oid,
        )
        address = self.address("pg_class", oid)
        properties = self.properties("pg_class", oid)
        parts = [
            (*part, self.tablespace(part), self.properties(part[3], part[4]))
            for part in self.parts(oid)
            if part[0] != "default"
        ]
        ((leave,),) = self.rows("SELECT tzmigrate.leave_extension('pg_class', %s)", oid)
        self.run([*leave, f"DROP {address}"])
        if kind == "m":
            self.set("default_tablespace", place)
            self.set("default_table_access_method", method)
        text = f"CREATE {address} AS {definition.rstrip(';')}"
        self.run([text + (" WITH NO DATA" if kind == "m" else "")])
        for _, _, definition, of, _, where, statements in parts:
            self.set("default_tablespace", where)
            self.run([definition, *(s for s in statements if of != "pg_attrdef")])
        # or there would be nothing to show
        assert self.differences(before, self.picture(self.oid(name)))
        self.run(properties)
        if populated and kind == "m":
            self.run([f"REFRESH {address}"])
        return self.differences(before, self.picture(self.oid(name)))

    def tablespace(self, part: tuple[Any, ...]) -> str:
        if part[0] != "index":
            return ""
        return str(self.rows("SELECT tzmigrate.tablespace_of(%s)", part[4])[0][0])

    def set(self, setting: str, value: str) -> None:
        self.rows("SELECT set_config(%s, %s, true)", setting, value)

    def remake_parts(self, name: str, *kinds: str) -> list[tuple[Any, ...]]:
        """Drop and make again what stands on a table, one by one."""
        oid = self.oid(name)
        table = self.place.sql(name)
        before = self.picture(oid)
        parts = [part for part in self.parts(oid) if part[0] in kinds]
        assert {part[0] for part in parts} == set(kinds)
        for part in parts:
            kind, part_name, definition, of, object_ = part
            address = self.address(of, object_)
            properties = self.properties(of, object_)
            self.set("default_tablespace", self.tablespace(part))
            drop = f"DROP {address}"
            if kind == "constraint":
                drop = f"ALTER TABLE {table} DROP CONSTRAINT {quoted(part_name)}"
            self.run([drop, definition, *properties])
        return self.differences(before, self.picture(oid))


ROLES = pytest.mark.parametrize("role", [None, "owner"], ids=["superuser", "owner"])

TABLE = (
    "CREATE TABLE @s.@t (id int PRIMARY KEY, n int, c timestamp, d timestamptz,"
    ' x text COLLATE "C")'
)

CHAIN = """;;GRANT SELECT, UPDATE ON {0} TO #a WITH GRANT OPTION
;;GRANT INSERT ON {0} TO PUBLIC
;;REVOKE DELETE ON {0} FROM #owner
;;REVOKE ALL ON {0} FROM #c
;;GRANT SELECT (@c) ON {0} TO #a WITH GRANT OPTION
;;RESET ROLE;;SET ROLE #a
;;GRANT SELECT, UPDATE ON {0} TO #b WITH GRANT OPTION
;;GRANT SELECT (@id) ON {0} TO #c
;;GRANT SELECT (@c) ON {0} TO #b
;;RESET ROLE;;SET ROLE #b
;;GRANT SELECT ON {0} TO #c
;;RESET ROLE;;SET ROLE #owner"""

VIEW = (
    TABLE
    + """
;;CREATE FUNCTION @s.@f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'
;;CREATE VIEW @s.@v AS SELECT id AS @id, c AS @c, d FROM @s.@t WHERE n > 0
;;ALTER VIEW @s.@v SET (security_barrier = true, check_option = 'local')
;;ALTER VIEW @s.@v ALTER @c SET DEFAULT timestamp '2020-01-01'
;;ALTER VIEW @s.@v ALTER d SET DEFAULT timestamptz '2020-01-01 00:00 Asia/Kolkata'
;;COMMENT ON VIEW @s.@v IS 'it''s \\ 50%% :x $tz$ ü'
;;COMMENT ON COLUMN @s.@v.@c IS 'column''s'
;;COMMENT ON RULE "_RETURN" ON @s.@v IS 'the rule of the view'
;;COMMENT ON TYPE @s.@v IS 'its rows'
;;GRANT USAGE ON TYPE @s.@v TO #a WITH GRANT OPTION
;;CREATE VIEW @s.@w AS SELECT id, c FROM @s.@t GROUP BY id
;;CREATE TRIGGER @tr INSTEAD OF INSERT ON @s.@w FOR EACH ROW EXECUTE FUNCTION @s.@f()
;;COMMENT ON TRIGGER @tr ON @s.@w IS 'trigger''s'
;;CREATE RULE @r AS ON DELETE TO @s.@w DO INSTEAD NOTHING
;;COMMENT ON RULE @r ON @s.@w IS 'rule''s'
;;ALTER TRIGGER @tr ON @s.@w DEPENDS ON EXTENSION plpgsql
;;REVOKE ALL ON @s.@w FROM #c"""
    + CHAIN.format("@s.@v")
)


@ROLES
def test_a_view_made_again_is_the_same(place: Place, role: str | None) -> None:
    session = Session(place, role, VIEW)
    assert session.remake_relation("@s.@v") == []
    assert session.remake_relation("@s.@w") == []


def test_a_view_comes_back_into_its_extension(place: Place) -> None:
    session = Session(place, None, VIEW)
    session.rows("ALTER EXTENSION plpgsql ADD VIEW @s.@v")
    assert session.remake_relation("@s.@v") == []
    (view,) = (
        value
        for key, value in session.picture(session.oid("@s.@v")).items()
        if key.startswith("view ")
    )
    assert view["extensions"] == ["member of plpgsql"]


MATVIEW = (
    TABLE
    + """
;;INSERT INTO @s.@t VALUES (1, 1, '2020-01-01', '2020-01-01', 'x')
;;CREATE MATERIALIZED VIEW @s.@m TABLESPACE #tablespace
    AS SELECT id AS @id, c AS @c, d, x FROM @s.@t
;;ALTER MATERIALIZED VIEW @s.@m SET (fillfactor = 70, toast.autovacuum_enabled = false)
;;ALTER MATERIALIZED VIEW @s.@m ALTER @c SET STATISTICS 77
;;ALTER MATERIALIZED VIEW @s.@m ALTER @c SET (n_distinct = -0.5)
;;ALTER MATERIALIZED VIEW @s.@m ALTER x SET STORAGE EXTERNAL
;;COMMENT ON MATERIALIZED VIEW @s.@m IS 'it''s %% \\'
;;COMMENT ON COLUMN @s.@m.@c IS 'column''s'
;;CREATE UNIQUE INDEX @i ON @s.@m (@id) TABLESPACE #tablespace
;;CREATE INDEX @e ON @s.@m ((date_trunc('day', @c))) WITH (fillfactor = 60)
;;ALTER INDEX @s.@e ALTER COLUMN 1 SET STATISTICS 555
;;ALTER MATERIALIZED VIEW @s.@m CLUSTER ON @i
;;COMMENT ON INDEX @s.@e IS 'index''s'
;;ALTER INDEX @s.@e DEPENDS ON EXTENSION plpgsql
;;CREATE STATISTICS @s.@st ON @c, x FROM @s.@m
;;ALTER STATISTICS @s.@st SET STATISTICS 44
;;COMMENT ON STATISTICS @s.@st IS 'statistics'' own'
;;ALTER MATERIALIZED VIEW @s.@m DEPENDS ON EXTENSION plpgsql
;;CREATE MATERIALIZED VIEW @s.@empty AS SELECT 1 AS one WITH NO DATA
;;REVOKE ALL ON @s.@empty FROM #c"""
    + CHAIN.format("@s.@m")
)


@ROLES
def test_a_materialized_view_made_again_is_the_same(
    place: Place, role: str | None
) -> None:
    session = Session(place, role, MATVIEW)
    if place.database.server.version >= 14:
        session.rows("ALTER MATERIALIZED VIEW @s.@m ALTER x SET COMPRESSION pglz")
    assert session.remake_relation("@s.@m") == []
    assert session.remake_relation("@s.@empty") == []


PARTS = (
    TABLE
    + """
;;CREATE INDEX @i ON @s.@t ((n + 1), (n + 2)) TABLESPACE #tablespace WHERE n > 0
;;ALTER INDEX @s.@i ALTER COLUMN 2 SET STATISTICS 555
;;COMMENT ON INDEX @s.@i IS 'it''s'
;;ALTER INDEX @s.@i DEPENDS ON EXTENSION plpgsql
;;ALTER TABLE @s.@t ALTER n SET NOT NULL
;;CREATE UNIQUE INDEX @identity ON @s.@t (n)
;;ALTER TABLE @s.@t REPLICA IDENTITY USING INDEX @identity
;;ALTER TABLE @s.@t CLUSTER ON @identity
;;ALTER TABLE @s.@t ADD CONSTRAINT @u UNIQUE (n, c) DEFERRABLE INITIALLY DEFERRED
;;COMMENT ON CONSTRAINT @u ON @s.@t IS 'unique'' comment'
;;COMMENT ON INDEX @s.@u IS 'its index'' comment'
;;ALTER INDEX @s.@u DEPENDS ON EXTENSION plpgsql
;;ALTER TABLE @s.@t ADD CONSTRAINT @x EXCLUDE USING btree (c WITH =) WHERE (n > 0)
;;COMMENT ON CONSTRAINT @x ON @s.@t IS 'exclusion'
;;ALTER TABLE @s.@t ADD CONSTRAINT @k CHECK (c < d) NOT VALID
;;COMMENT ON CONSTRAINT @k ON @s.@t IS 'check''s'
;;CREATE TABLE @s.@p (c timestamp PRIMARY KEY)
;;ALTER TABLE @s.@t ADD CONSTRAINT @fk FOREIGN KEY (c) REFERENCES @s.@p
    ON DELETE CASCADE
;;COMMENT ON CONSTRAINT @fk ON @s.@t IS 'foreign key''s'
;;CREATE STATISTICS @s.@st ON n, c FROM @s.@t
;;ALTER STATISTICS @s.@st SET STATISTICS 44
;;COMMENT ON STATISTICS @s.@st IS 'statistics'''
;;CREATE STATISTICS @s.@other ON n, d FROM @s.@t
;;CREATE FUNCTION @s.@f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'
;;CREATE TRIGGER @off BEFORE UPDATE OF c ON @s.@t
    FOR EACH ROW WHEN (new.c IS NULL) EXECUTE FUNCTION @s.@f('it''s :x')
;;COMMENT ON TRIGGER @off ON @s.@t IS 'trigger''s'
;;ALTER TABLE @s.@t DISABLE TRIGGER @off
;;ALTER TRIGGER @off ON @s.@t DEPENDS ON EXTENSION plpgsql
;;CREATE CONSTRAINT TRIGGER @ct AFTER INSERT ON @s.@t DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION @s.@f()
;;COMMENT ON CONSTRAINT @ct ON @s.@t IS 'constraint trigger''s constraint'
;;COMMENT ON TRIGGER @ct ON @s.@t IS 'constraint trigger'
;;ALTER TABLE @s.@t ENABLE ALWAYS TRIGGER @ct
;;CREATE RULE @r AS ON INSERT TO @s.@t WHERE new.c IS NULL DO ALSO NOTHING
;;COMMENT ON RULE @r ON @s.@t IS 'rule''s'
;;ALTER TABLE @s.@t ENABLE REPLICA RULE @r
;;CREATE POLICY @y ON @s.@t AS RESTRICTIVE FOR UPDATE TO #a, #b
    USING (c IS NULL) WITH CHECK (d > '2020-01-01 00:00 Asia/Kolkata')
;;COMMENT ON POLICY @y ON @s.@t IS 'policy''s'
;;CREATE POLICY @all ON @s.@t USING (x = 'it''s :x')"""
)


@ROLES
@pytest.mark.parametrize(
    "kind", ["index", "constraint", "statistics", "trigger", "rule", "policy"]
)
def test_a_part_made_again_is_the_same(
    place: Place, role: str | None, kind: str
) -> None:
    session = Session(place, role, PARTS)
    assert session.remake_parts("@s.@t", kind) == []


def test_disabled_triggers_of_a_foreign_key_stay_disabled(place: Place) -> None:
    session = Session(place, None, PARTS)
    session.rows("ALTER TABLE @s.@t DISABLE TRIGGER ALL")
    session.rows("ALTER TABLE @s.@p DISABLE TRIGGER ALL")
    assert session.remake_parts("@s.@t", "constraint") == []
    states = [
        state
        for value in session.picture(session.oid("@s.@t")).values()
        for state in value.get("triggers", [])
    ]
    assert len(states) > 4
    assert all(state.endswith(" D") for state in states)


PARTITIONED = """CREATE TABLE @s.@t (id int, c timestamp, d int) PARTITION BY RANGE (id)
;;CREATE TABLE @s.@t1 PARTITION OF @s.@t FOR VALUES FROM (0) TO (10)
;;CREATE TABLE @s.@t2 PARTITION OF @s.@t FOR VALUES FROM (10) TO (20)
    PARTITION BY RANGE (id)
;;CREATE TABLE @s.@t21 PARTITION OF @s.@t2 FOR VALUES FROM (10) TO (20)
;;CREATE FUNCTION @s.@f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'
;;CREATE TRIGGER @tr BEFORE UPDATE OF c ON @s.@t FOR EACH ROW EXECUTE FUNCTION @s.@f()
;;COMMENT ON TRIGGER @tr ON @s.@t IS 'parent'
;;COMMENT ON TRIGGER @tr ON @s.@t21 IS 'child'
"""


@pytest.mark.parametrize("role", [None, "owner"], ids=["superuser", "owner"])
def test_a_trigger_of_a_partitioned_table_keeps_the_states_of_the_partitions(
    place: Place, role: str | None
) -> None:
    session = Session(place, role, PARTITIONED)
    session.rows("ALTER TABLE @s.@t DISABLE TRIGGER @tr")
    assert session.remake_parts("@s.@t", "trigger") == []
    if role is None or place.database.server.version >= 15:
        session.rows("ALTER TABLE @s.@t1 ENABLE REPLICA TRIGGER @tr")
        session.rows("ALTER TABLE ONLY @s.@t ENABLE TRIGGER @tr")
        assert session.remake_parts("@s.@t", "trigger") == []


OBJECTS = """CREATE DOMAIN @s.@d AS timestamp DEFAULT '2020-01-01'
    CONSTRAINT @k CHECK (value > '2000-01-01')
;;COMMENT ON DOMAIN @s.@d IS 'domain''s'
;;COMMENT ON CONSTRAINT @k ON DOMAIN @s.@d IS 'constraint''s'
;;REVOKE ALL ON DOMAIN @s.@d FROM #c
;;GRANT USAGE ON DOMAIN @s.@d TO #a WITH GRANT OPTION
;;CREATE TYPE @s.@c AS (@a timestamp, b text)
;;COMMENT ON TYPE @s.@c IS 'type''s'
;;COMMENT ON COLUMN @s.@c.@a IS 'attribute''s'
;;CREATE TABLE @s.@t (id int, d @s.@d, c @s.@c)
;;CREATE FUNCTION @s.@f(@s.@t, VARIADIC int[]) RETURNS @s.@d LANGUAGE sql
    SECURITY DEFINER AS 'SELECT $1.d'
;;COMMENT ON FUNCTION @s.@f(@s.@t, int[]) IS 'function''s'
;;REVOKE ALL ON FUNCTION @s.@f(@s.@t, int[]) FROM PUBLIC, #c
;;GRANT EXECUTE ON FUNCTION @s.@f(@s.@t, int[]) TO #a WITH GRANT OPTION
;;ALTER FUNCTION @s.@f(@s.@t, int[]) DEPENDS ON EXTENSION plpgsql
;;CREATE PROCEDURE @s.@p(@s.@t) LANGUAGE sql AS ''
;;COMMENT ON PROCEDURE @s.@p(@s.@t) IS 'procedure''s'
;;RESET ROLE;;SET ROLE #a
;;GRANT USAGE ON DOMAIN @s.@d TO #b
;;GRANT EXECUTE ON FUNCTION @s.@f(@s.@t, int[]) TO #b"""


@ROLES
def test_functions_made_again_are_the_same(place: Place, role: str | None) -> None:
    session = Session(place, role, OBJECTS)
    table = session.oid("@s.@t")
    before = session.picture(table)
    for name in ("@s.@f(@s.@t, int[])", "@s.@p(@s.@t)"):
        oid = session.oid(name, "regprocedure")
        ((text,),) = session.rows("SELECT pg_get_functiondef(%s)", oid)
        address = session.address("pg_proc", oid)
        properties = session.properties("pg_proc", oid)
        session.run([f"DROP {address}", text, *properties])
    assert session.differences(before, session.picture(table)) == []


@ROLES
def test_types_made_again_are_the_same(place: Place, role: str | None) -> None:
    session = Session(place, role, OBJECTS)
    table = session.oid("@s.@t")
    before = session.picture(table)
    domain = session.oid("@s.@d", "regtype")
    composite = session.oid("@s.@c")
    statements = [
        *session.properties("pg_type", domain),
        *session.properties("pg_class", composite),
    ]
    function = session.oid("@s.@f(@s.@t, int[])", "regprocedure")
    ((text,),) = session.rows("SELECT pg_get_functiondef(%s)", function)
    again = session.properties("pg_proc", function)
    for line in (
        "DROP FUNCTION @s.@f",
        "ALTER TABLE @s.@t DROP d, DROP c",
        "DROP TYPE @s.@c",
        "DROP DOMAIN @s.@d",
        "CREATE DOMAIN @s.@d AS timestamp DEFAULT '2020-01-01'"
        " CONSTRAINT @k CHECK (value > '2000-01-01')",
        "CREATE TYPE @s.@c AS (@a timestamp, b text)",
        "ALTER TABLE @s.@t ADD d @s.@d, ADD c @s.@c",
    ):
        session.rows(line)
    session.run([*statements, text, *again])
    assert session.differences(before, session.picture(table)) == []


def test_a_default_may_be_left_to_the_parts(place: Place) -> None:
    session = Session(place, None, VIEW)
    view = session.oid("@s.@v")
    ((without,),) = session.rows(
        "SELECT tzmigrate.properties('pg_class', %s, false)", view
    )
    every = session.properties("pg_class", view)
    left_out = [statement for statement in every if statement not in without]
    assert len(left_out) == 2
    assert all(" SET DEFAULT " in statement for statement in left_out)
    defaults = [part[2] for part in session.parts(view) if part[0] == "default"]
    assert defaults == left_out
    # whatever the session's zone, the constant names its own
    assert "2019-12-31 18:30:00+00" in defaults[1]


def foreign(session: Session, of: str, oid: int) -> str | None:
    # memberships that changed are seen by the next transaction
    session.connection.commit()
    ((name,),) = session.rows(f"SELECT tzmigrate.foreign_owner('{of}', %s)", oid)
    return None if name is None else str(name)


def test_a_role_that_may_not_act_for_the_owner_is_told_so(place: Place) -> None:
    database = place.database
    database.execute(
        place.sql(f"GRANT CREATE ON DATABASE {quoted(database.name)} TO #c")
    )
    session = Session(place, "c", VIEW)
    owner = place.roles["owner"].name
    for name in ("@s.@v", "@s.@w", "@s.@t"):
        assert foreign(session, "pg_class", session.oid(name)) == owner
        # and reading is not refused
        session.properties("pg_class", session.oid(name))
    for part in session.parts(session.oid("@s.@w")):
        assert foreign(session, part[3], part[4]) == owner


def test_a_grantor_whom_the_role_may_not_become_is_told(place: Place) -> None:
    session = Session(place, "owner", VIEW)
    view = session.oid("@s.@v")
    assert foreign(session, "pg_class", view) is None
    place.database.execute(place.sql("REVOKE #b FROM #owner"))
    assert foreign(session, "pg_class", view) == place.roles["b"].name
    assert foreign(session, "pg_class", session.oid("@s.@w")) is None


@pytest.mark.pg(">= 16")
def test_a_member_without_the_set_option_may_not_give_the_object_back(
    place: Place,
) -> None:
    database = place.database
    database.execute(
        place.sql(f"GRANT CREATE ON DATABASE {quoted(database.name)} TO #c")
    )
    database.execute(place.sql("GRANT #owner TO #c WITH SET FALSE"))
    session = Session(place, "c", VIEW)
    view = session.oid("@s.@w")
    assert foreign(session, "pg_class", view) == place.roles["owner"].name
    database.execute(place.sql("GRANT #owner TO #c WITH SET TRUE"))
    assert foreign(session, "pg_class", view) is None


def test_the_owner_of_an_extension_is_told(place: Place) -> None:
    session = Session(place, "owner", VIEW)
    place.database.execute(place.sql("ALTER EXTENSION plpgsql ADD VIEW @s.@w"))
    owner = place.database.scalar(
        "SELECT pg_get_userbyid(extowner) FROM pg_extension WHERE extname = 'plpgsql'"
    )
    assert foreign(session, "pg_class", session.oid("@s.@w")) == owner


def test_disabled_triggers_of_a_key_need_a_superuser(place: Place) -> None:
    session = Session(place, "owner", PARTS)
    ((key,),) = session.rows(
        "SELECT oid FROM pg_constraint WHERE conrelid = %s AND contype = 'f'",
        session.oid("@s.@t"),
    )
    assert foreign(session, "pg_constraint", key) is None
    place.database.execute(place.sql("ALTER TABLE @s.@t DISABLE TRIGGER ALL"))
    assert foreign(session, "pg_constraint", key) is not None


def test_a_member_of_the_owner_gives_back_what_it_made(place: Place) -> None:
    """The role that converts is often not the owner itself."""
    database = place.database
    database.execute(
        place.sql(f"GRANT CREATE ON DATABASE {quoted(database.name)} TO #c")
    )
    database.execute(place.sql("GRANT #owner, #a, #b TO #c"))
    database.execute(place.sql("GRANT CREATE ON SCHEMA @s TO #c"))
    session = Session(place, "c", VIEW)
    assert foreign(session, "pg_class", session.oid("@s.@v")) is None
    assert session.remake_relation("@s.@v") == []
    assert session.remake_relation("@s.@w") == []


def test_the_role_that_was_set_is_set_again(place: Place) -> None:
    session = Session(place, "owner", VIEW)
    session.rows("SET ROLE #owner")
    session.run(session.properties("pg_class", session.oid("@s.@v")))
    ((role,),) = session.rows("SELECT current_setting('role')")
    assert role == place.roles["owner"].name
