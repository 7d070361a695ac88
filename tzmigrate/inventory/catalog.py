"""Asks the catalog: one set-based query per question, however many tables there are."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import tuple_row

from tzmigrate.config import Keep, ZoneRule, match_zone
from tzmigrate.errors import UsageError
from tzmigrate.inventory.asking import array, ask
from tzmigrate.inventory.default_types import read_default_types
from tzmigrate.inventory.introspector import build_inventory
from tzmigrate.inventory.model import Inventory
from tzmigrate.inventory.patterns import Scope
from tzmigrate.inventory.rows import (
    CatalogRows,
    ColumnRow,
    DependentRow,
    EngineRow,
    FunctionRow,
    IndexRow,
    InheritsRow,
    NamedColumnRow,
    NameRow,
    ReadByFunctionsRow,
    RelationRow,
    ReplicationRow,
    ReturnedRowRow,
    RowTypeRow,
    ServerRow,
    TriggerRow,
    UserTypeRow,
    ViewQueryRow,
    ViewRow,
    WholeRowRow,
    ZoneSettingRow,
)
from tzmigrate.inventory.settings import read_system_identifier
from tzmigrate.inventory.sources import relations_to_know
from tzmigrate.inventory.trees import Forest

Connection = psycopg.Connection[Any]


def read_inventory(
    connection: Connection,
    *,
    schemas: Sequence[str] = (),
    tables: Sequence[str] = (),
    excludes: Sequence[str] = (),
    standing_excludes: Sequence[str] = (),
    server_zone: tuple[str, str] | None = None,
    zoned_views: bool = True,
    zones: Sequence[ZoneRule] = (),
    rewrite_functions: bool = False,
) -> Inventory:
    """Read the inventory of the connected database.

    The caller has opened a READ ONLY, REPEATABLE READ transaction with ``search_path =
    pg_catalog``, so that all answers are of one moment and print qualified names.

    Args:
        connection: the connection, inside that transaction.
        schemas: globs; only relations in schemas that match one of them.
        tables: globs over ``schema.table`` or ``table``. A partition tree counts as
            one: whoever asks for a partition gets the tree.
        excludes: globs like ``tables``; a tree is left out with its root.
        standing_excludes: the same, from the configuration: where one names no
            relation, that is a finding.
        server_zone: ``TimeZone`` as the server gives it to new sessions, with its
            ``pg_settings.source``, read before the session's own zone was pinned.
        zoned_views: ``[policy] views``.
        zones: ``[zones]``, for the columns that are kept.
        rewrite_functions: of ``[policy]``.

    Raises:
        UsageError: a pattern cannot be read, or one that is no standing exclude names
            no relation.
    """
    scope = Scope.parse(schemas, tables, excludes, standing_excludes)
    rows = _read(connection, scope, server_zone, zoned_views=zoned_views)
    return build_inventory(
        replace(rows, kept=_kept(rows.columns, zones), rewrites=rewrite_functions)
    )


def _read(
    connection: Connection,
    scope: Scope,
    server_zone: tuple[str, str] | None,
    *,
    zoned_views: bool,
) -> CatalogRows:
    server = ask(connection, "server", ServerRow)[0]
    everywhere = columns = ask(connection, "columns", ColumnRow)
    inherits = ask(connection, "inherits", InheritsRow)
    idle: tuple[str, ...] = ()
    if not scope.everything:
        names = ask(connection, "relation_names", NameRow)
        scope.require_matches(names)
        idle = scope.idle(names)
        columns = _within(scope, everywhere, Forest(inherits))
    relations = sorted({row.relation for row in columns})
    only = {"relations": array(relations)}
    pairs = {
        "relations": array(row.relation for row in columns),
        "attnums": array(row.attnum for row in columns),
    }
    user_types = ask(connection, "user_types", UserTypeRow)
    engines = ask(connection, "engines", EngineRow)
    functions = ask(connection, "functions", FunctionRow)
    triggers = ask(connection, "triggers", TriggerRow, only)
    # views show columns of tables in other schemas
    mentioned, attached = relations_to_know(functions, triggers, everywhere)
    known = {"names": mentioned, "relations": array(attached)}
    defaults = {row.default for row in columns if row.default}
    defaults |= {row.default for row in user_types if row.default}
    # what cannot be read without running functions of others is not even described
    armed = ask(connection, "read_by_functions", ReadByFunctionsRow)
    readable = defaults - {row.expression for row in armed}
    return CatalogRows(
        server=server,
        system_identifier=read_system_identifier(connection),
        columns=columns,
        inherits=inherits,
        relations=ask(connection, "relations", RelationRow, only),
        user_types=user_types,
        indexes=ask(connection, "indexes", IndexRow, pairs),
        dependents=ask(connection, "dependents", DependentRow, pairs),
        views=ask(connection, "views", ViewRow),
        view_queries=ask(connection, "view_queries", ViewQueryRow, known)
        if mentioned and zoned_views
        else [],
        whole_rows=ask(connection, "whole_rows", WholeRowRow, only),
        returned_rows=ask(connection, "returned_rows", ReturnedRowRow),
        row_types=ask(connection, "row_types", RowTypeRow, only),
        triggers=triggers,
        functions=functions,
        named_columns=ask(connection, "named_columns", NamedColumnRow, known)
        if mentioned
        else [],
        replication=ask(connection, "replication", ReplicationRow, only),
        engines=engines,
        engine_members=_engine_members(connection, engines),
        zone_settings=ask(connection, "zone_settings", ZoneSettingRow, only),
        default_types=dict.fromkeys(defaults)
        | read_default_types(connection, sorted(readable)),
        server_zone=server_zone,
        idle_excludes=idle,
    )


def _kept(
    columns: Iterable[ColumnRow], zones: Sequence[ZoneRule]
) -> frozenset[tuple[str, str, str]]:
    if not any(isinstance(rule.meaning, Keep) for rule in zones):
        return frozenset()
    names = [(c.schema, c.relname, c.column) for c in columns if not c.inherited]
    return frozenset(name for name in names if _keeps(zones, name))


def _keeps(zones: Sequence[ZoneRule], name: tuple[str, str, str]) -> bool:
    try:
        rule = match_zone(zones, *name)
    except UsageError:
        # of two patterns that say alike; who decides on zones says so
        return False
    return rule is not None and isinstance(rule.meaning, Keep)


def _within(scope: Scope, columns: list[ColumnRow], forest: Forest) -> list[ColumnRow]:
    """Keep what was asked for; a tree is asked for as a whole."""
    names = {row.relation: (row.schema, row.relname) for row in columns}
    kept: set[int] = set()
    for oid, name in names.items():
        if scope.wants(name) and not any(
            root in names and scope.excluded(names[root]) for root in forest.roots(oid)
        ):
            kept |= forest.tree(oid)
    return [row for row in columns if row.relation in kept]


_MEMBERS: dict[str, sql.SQL] = {
    "citus": sql.SQL("SELECT logicalrel::pg_catalog.oid::pg_catalog.int8 FROM {table}"),
    "timescaledb": sql.SQL(
        "SELECT c.oid::pg_catalog.int8 FROM {table} h"
        " JOIN pg_catalog.pg_namespace n ON n.nspname = h.schema_name"
        " JOIN pg_catalog.pg_class c"
        " ON c.relnamespace = n.oid AND c.relname = h.table_name"
    ),
    "pg_partman": sql.SQL(
        "SELECT pg_catalog.to_regclass(parent_table)::pg_catalog.oid::pg_catalog.int8"
        " FROM {table} WHERE pg_catalog.to_regclass(parent_table) IS NOT NULL"
    ),
}


def _engine_members(
    connection: Connection, engines: Iterable[EngineRow]
) -> dict[int, str]:
    members: dict[int, str] = {}
    for engine in engines:
        if engine.readable:
            with connection.cursor(row_factory=tuple_row) as cursor:
                cursor.execute(
                    _MEMBERS[engine.engine].format(
                        table=sql.Identifier(engine.schema, engine.table)
                    )
                )
                members.update((oid, engine.engine) for (oid,) in cursor.fetchall())
    return members
