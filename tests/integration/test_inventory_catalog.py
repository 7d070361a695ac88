"""The catalog is asked a fixed number of questions, and only for what is wanted."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.conftest import Database, LoginRole
from tests.integration.test_inventory_dependents import codes, column, scan
from tzmigrate.errors import UsageError
from tzmigrate.inventory.catalog import read_inventory
from tzmigrate.inventory.model import Inventory, Role
from tzmigrate.postgres.session import connect, read_only
from tzmigrate.postgres.url import Target


class Counting(psycopg.Cursor[Any]):
    """A cursor that counts what is executed."""

    count = 0

    def execute(self, *args: Any, **options: Any) -> Any:
        Counting.count += 1
        return super().execute(*args, **options)


def queries(database: Database) -> int:
    with connect(Target(database.url)) as session, read_only(session):
        session.cursor_factory = Counting
        Counting.count = 0
        read_inventory(session)
        return Counting.count


def test_the_number_of_queries_does_not_grow_with_the_number_of_tables(
    database: Database,
) -> None:
    table = (
        "CREATE TABLE t%s (id int PRIMARY KEY, c timestamp DEFAULT now(),"
        " d timestamp); CREATE INDEX ON t%s (c);"
        "CREATE VIEW v%s AS SELECT c FROM t%s; ALTER TABLE t%s ADD CHECK (c < d);"
    )
    database.execute(table.replace("%s", "0"))
    one = queries(database)
    database.execute("".join(table.replace("%s", str(i)) for i in range(1, 50)))

    assert queries(database) == one
    assert one < 20


def scan_with(database: Database, **options: Any) -> set[str]:
    with connect(Target(database.url)) as session, read_only(session):
        found = read_inventory(session, **options)
    return {f"{r.schema}.{r.name}" for r in found.relations}


@pytest.fixture
def shop(database: Database) -> Database:
    database.execute(
        """
        CREATE SCHEMA stock; CREATE SCHEMA "a.b"; CREATE SCHEMA nothing;
        CREATE TABLE orders (id int, c timestamp) PARTITION BY RANGE (id);
        CREATE TABLE orders_1 PARTITION OF orders DEFAULT;
        CREATE TABLE customers (c timestamp); CREATE TABLE stock.orders (c timestamp);
        CREATE TABLE "a.b"."c.d" (c timestamp); CREATE TABLE bare (n int)
        """
    )
    return database


TREE = {"public.orders", "public.orders_1"}
ALL = TREE | {"public.customers", "stock.orders", "a.b.c.d"}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ALL),
        ({"schemas": ["stock"]}, {"stock.orders"}),
        ({"schemas": ["s*", "a.b"]}, None),
        ({"schemas": ["s*", '"a.b"']}, {"stock.orders", "a.b.c.d"}),
        ({"schemas": ["nothing"]}, set()),
        ({"tables": ["orders"]}, TREE | {"stock.orders"}),
        ({"tables": ["public.*"]}, TREE | {"public.customers"}),
        ({"tables": ["*.order?"]}, TREE | {"stock.orders"}),
        ({"tables": ["orders_1"]}, TREE),
        ({"tables": ['"a.b"."c.d"']}, {"a.b.c.d"}),
        ({"tables": ["bare"]}, set()),
        ({"excludes": ["public.orders"]}, ALL - TREE),
        ({"excludes": ["orders_1"]}, ALL),
        ({"excludes": ["stock.*", "customers"]}, TREE | {"a.b.c.d"}),
        ({"standing_excludes": ["stock.*", "customers"]}, TREE | {"a.b.c.d"}),
        ({"standing_excludes": ["no_such_table"]}, ALL),
        ({"schemas": ["public"], "excludes": ["orders"]}, {"public.customers"}),
        ({"schemas": ["no_such_schema"]}, None),
        ({"tables": ["no_such_table"]}, None),
        ({"excludes": ["no_such_table"]}, None),
        ({"tables": ['"order*"']}, None),
        ({"tables": ["a.b.c"]}, None),
        ({"tables": ["public."]}, None),
        ({"tables": ['"public']}, None),
    ],
)
def test_patterns_choose_relations(
    shop: Database, options: dict[str, list[str]], expected: set[str] | None
) -> None:
    if expected is None:
        with pytest.raises(UsageError) as error:
            scan_with(shop, **options)
        assert error.value.code in ("TZ260", "TZ261")
    else:
        assert scan_with(shop, **options) == expected


def scan_as(database: Database, role: LoginRole) -> Inventory:
    with connect(Target(database.url_as(role))) as session, read_only(session):
        return read_inventory(session)


def test_a_relation_of_another_role_blocks(
    database: Database, make_role: Callable[..., LoginRole]
) -> None:
    owner, other = make_role(suffix=" own"), make_role()
    database.execute(
        "CREATE TABLE t (c timestamp DEFAULT now());"
        f'ALTER TABLE t OWNER TO "{owner.name}"'
    )

    assert codes(column(scan_as(database, other))) == {"TZ140"}
    assert codes(column(scan_as(database, owner))) == codes(column(scan(database)))
    assert codes(column(scan(database))) == set()


def test_a_default_that_the_role_cannot_read_blocks_and_stops_nothing(
    database: Database, make_role: Callable[..., LoginRole]
) -> None:
    role = make_role()
    database.execute(
        "CREATE SCHEMA closed; CREATE FUNCTION closed.f() RETURNS timestamp"
        " LANGUAGE sql AS 'SELECT localtimestamp'; "
        "CREATE TABLE t (c timestamp DEFAULT closed.f(),"
        " d timestamp DEFAULT localtimestamp);"
        f'ALTER TABLE t OWNER TO "{role.name}"'
    )
    inventory = scan_as(database, role)

    assert codes(column(inventory)) == {"TZ153"}
    assert codes(column(inventory, name="d")) == {"TZ150"}


def test_zones_of_server_database_and_roles_are_told(
    database: Database, make_role: Callable[..., LoginRole]
) -> None:
    writer, reader, group = make_role(), make_role(), make_role()
    database.execute(
        f"""
        CREATE TABLE t (c timestamp);
        GRANT INSERT ON t TO "{writer.name}"; GRANT SELECT ON t TO "{reader.name}";
        ALTER DATABASE "{database.name}" SET TimeZone = 'Asia/Tokyo';
        ALTER ROLE "{writer.name}" SET timezone = 'Europe/Paris';
        ALTER ROLE "{group.name}" NOLOGIN;
        ALTER ROLE "{group.name}" SET timezone = 'Europe/Rome';
        ALTER ROLE "{reader.name}" IN DATABASE "{database.name}"
          SET TIMEZONE = 'America/Lima'
        """
    )
    with connect(Target(database.url)) as session, read_only(session):
        found = read_inventory(session, server_zone=("Etc/UTC", "configuration file"))
        hidden = read_inventory(session, server_zone=("Etc/UTC", "client"))

    oid = found.columns[0].relation_oid
    mine = {writer.name, reader.name, group.name, None}
    assert {
        (z.scope, z.role, z.zone, z.writes)
        for z in found.server.zones
        if z.role in mine
    } == {
        ("server", None, "Etc/UTC", ()),
        ("database", None, "Asia/Tokyo", ()),
        ("role", writer.name, "Europe/Paris", (oid,)),
        ("role in database", reader.name, "America/Lima", ()),
    }
    assert "server" not in {z.scope for z in hidden.server.zones}


def test_the_server_and_database_are_told(database: Database) -> None:
    server = scan(database).server

    assert server.database == database.name
    assert server.version // 10000 == database.server.version
    assert server.system_identifier
    assert server.superuser
    assert "plpgsql" in server.extensions


def test_tables_of_engines_are_refused_as_such(database: Database) -> None:
    database.execute(
        """
        CREATE SCHEMA _timescaledb_catalog; CREATE SCHEMA partman;
        CREATE TABLE _timescaledb_catalog.hypertable
          (schema_name name, table_name name);
        INSERT INTO _timescaledb_catalog.hypertable VALUES ('public', 'metrics');
        CREATE TABLE partman.part_config (parent_table text, partition_interval text);
        INSERT INTO partman.part_config VALUES ('public.p', '1 day'), ('gone.p', '1');
        CREATE TABLE metrics (c timestamp); CREATE TABLE plain (c timestamp);
        CREATE TABLE p (id int, c timestamp) PARTITION BY RANGE (id);
        CREATE TABLE p_1 PARTITION OF p DEFAULT
        """
    )
    inventory = scan(database)

    assert {r.name: r.engine for r in inventory.relations} == {
        "metrics": "timescaledb",
        "p": "pg_partman",
        "p_1": "pg_partman",
        "plain": None,
    }
    assert codes(column(inventory, "metrics")) == {"TZ141"}
    assert codes(column(inventory, "p")) == {"TZ141"}


def test_an_engine_whose_list_cannot_be_read_is_told(
    database: Database, make_role: Callable[..., LoginRole]
) -> None:
    database.execute(
        "CREATE SCHEMA _timescaledb_catalog; CREATE TABLE"
        " _timescaledb_catalog.hypertable (schema_name name, table_name name)"
    )

    assert [f.code for f in scan_as(database, make_role()).findings] == ["TZ160"]


def test_the_sample_is_read_whole_and_most_of_it_is_free(sample: Database) -> None:
    inventory = scan(sample)

    stored = [c for c in inventory.columns if c.role is Role.STORED]
    free = [c for c in stored if not {f.severity for f in c.findings} & {"blocks"}]
    assert len(inventory.columns) >= 70
    assert len(free) > len(stored) / 2
