"""New writes count too: where sessions will read naive input in another zone.

After a conversion a naive literal is read in the writer's session zone (design
section 5), so a ``TimeZone`` that differs from the column's zone stops the plan until
it is pinned or accepted.
"""

from collections import defaultdict
from collections.abc import Iterable

from tzmigrate.inventory.model import Finding, Inventory, Severity, ZoneSetting
from tzmigrate.planning.model import Group, PlannedColumn
from tzmigrate.postgres.quoting import quote_literal, readable_identifier, readable_name
from tzmigrate.zones.model import is_utc

CODE = "TZ301"


def session_zone_findings(
    inventory: Inventory,
    groups: Iterable[Group],
    same_zones: frozenset[tuple[str, str]],
) -> tuple[Finding, ...]:
    """Return one finding for each setting and zone of columns that differ."""
    differing: dict[tuple[ZoneSetting, str], list[PlannedColumn]] = defaultdict(list)
    oids = {(r.schema, r.name): r.oid for r in inventory.relations}
    for group in groups:
        for column in group.converted:
            oid = oids[(column.schema, column.relation)]
            zone = column.zone or "UTC"
            for setting in effective(inventory.server.zones, oid):
                if not _same(setting.zone, zone, same_zones):
                    differing[(setting, zone)].append(column)
    return tuple(
        _finding(inventory, setting, zone, columns)
        for (setting, zone), columns in differing.items()
    )


def effective(settings: Iterable[ZoneSetting], oid: int) -> tuple[ZoneSetting, ...]:
    """Return the settings that sessions which write a relation really get.

    A database's setting hides the server's, a role's in the database hides the
    role's own (PostgreSQL docs, ALTER ROLE).
    """
    found = list(settings)
    everywhere = [s for s in found if s.scope == "database"] or [
        s for s in found if s.scope == "server"
    ]
    inside = {s.role: s for s in found if s.scope == "role in database"}
    roles = {s.role: s for s in found if s.scope == "role"} | inside
    return (*everywhere, *(s for s in roles.values() if oid in s.writes))


def zone_pairs(inventory: Inventory, zones: Iterable[str]) -> set[tuple[str, str]]:
    """Return every pair (session's zone, column's zone) that may be compared."""
    wanted = set(zones)
    return {(s.zone, z) for s in inventory.server.zones for z in wanted}


def _same(one: str, other: str, same_zones: frozenset[tuple[str, str]]) -> bool:
    return (
        one.lower() == other.lower()
        or (is_utc(one) and is_utc(other))
        or (one, other) in same_zones
    )


def _finding(
    inventory: Inventory, setting: ZoneSetting, zone: str, columns: list[PlannedColumn]
) -> Finding:
    first = readable_name(*(columns[0].schema, columns[0].relation, columns[0].column))
    more = f" and {len(columns) - 1} more" if len(columns) > 1 else ""
    database = readable_identifier(inventory.server.database)
    where, target = "the server", f"ALTER DATABASE {database}"
    if setting.scope == "database":
        where = f"database {database}"
    elif setting.role is not None:
        role = readable_identifier(setting.role)
        where, target = f"role {role}", f"ALTER ROLE {role}"
        if setting.scope == "role in database":
            where += f" in database {database}"
            target += f" IN DATABASE {database}"
    return Finding(
        code=CODE,
        severity=Severity.BLOCKS,
        message=f"{where} gives sessions TimeZone {setting.zone}, while {first}{more} "
        f"hold {zone}: naive input would be read in another zone than before",
        hint=f"Pin it with {target} SET timezone = {quote_literal(zone)}, or, if the "
        f"application sends aware values only, accept it: --accept {CODE} or "
        f'accept = ["{CODE}"] under [policy].',
    )
