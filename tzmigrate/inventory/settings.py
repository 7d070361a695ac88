"""What verification asks of a server, beside the ledger: its identity and its zones."""

from collections.abc import Iterable

import psycopg
from psycopg.rows import tuple_row

from tzmigrate.inventory.asking import Connection, array, ask, statement
from tzmigrate.inventory.model import ZoneSetting
from tzmigrate.inventory.rows import ZoneSettingRow
from tzmigrate.inventory.session_zones import zone_settings


def read_zone_settings(
    connection: Connection,
    relations: Iterable[int],
    *,
    server_zone: tuple[str, str] | None,
) -> tuple[ZoneSetting, ...]:
    """Return what gives sessions their ``TimeZone``, and who writes these relations.

    Args:
        connection: as for ``read_inventory``.
        relations: ``oid`` of the tables that writers are asked for.
        server_zone: as for ``read_inventory``.
    """
    asked = {"relations": array(sorted(set(relations)))}
    return zone_settings(
        ask(connection, "zone_settings", ZoneSettingRow, asked), server_zone
    )


def read_system_identifier(connection: Connection) -> str | None:
    """Return the cluster's identity; ``None`` where the role may not ask for it."""
    try:
        with (
            connection.transaction(),
            connection.cursor(row_factory=tuple_row) as cursor,
        ):
            row = cursor.execute(statement("system_identifier")).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return None
    return str(row[0]) if row else None
