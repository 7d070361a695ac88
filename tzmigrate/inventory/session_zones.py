"""Which ``TimeZone`` new sessions get, and from whom."""

from collections.abc import Iterable

from tzmigrate.inventory.model import ZoneSetting
from tzmigrate.inventory.rows import ZoneSettingRow

_SERVER_SOURCES = frozenset(
    ("default", "environment variable", "configuration file", "command line", "global")
)
_SCOPES = {
    (False, False): "server",
    (True, False): "database",
    (False, True): "role",
    (True, True): "role in database",
}


def zone_settings(
    rows: Iterable[ZoneSettingRow], server_zone: tuple[str, str] | None
) -> tuple[ZoneSetting, ...]:
    """Return the settings of server, database and roles.

    Args:
        rows: what ``pg_db_role_setting`` holds.
        server_zone: ``TimeZone`` that a plain session of the reading role got, with
            ``pg_settings.source``; ``None`` where nobody looked.
    """
    settings = tuple(
        ZoneSetting(
            scope=_SCOPES[row.in_database, row.role is not None],
            zone=row.zone,
            role=row.role,
            writes=tuple(row.writes),
        )
        for row in rows
    )
    # ALTER ROLE ALL is stronger than the configuration file
    if server_zone is None or any(s.scope == "server" for s in settings):
        return settings
    zone, source = server_zone
    if source in _SERVER_SOURCES:
        return (ZoneSetting(scope="server", zone=zone), *settings)
    if any(s.scope == "database" for s in settings):
        return settings
    # a setting of our own role, or of our connection, stands before the server's
    return (ZoneSetting(scope="server", zone=""), *settings)
