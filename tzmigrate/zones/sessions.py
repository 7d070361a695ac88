"""New writes count too: where sessions will read naive input in another zone.

After a conversion a naive literal is read in the writer's session zone (design
section 5), so a ``TimeZone`` that differs from the column's zone stops ``plan`` and
``verify`` until it is pinned or accepted.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from tzmigrate.inventory.model import Finding, Severity, ZoneSetting
from tzmigrate.postgres.quoting import quote_literal, readable_identifier, readable_name
from tzmigrate.zones.model import is_utc

CODE = "TZ301"

Pairs = frozenset[tuple[str, str]]
_ACCEPTED = (
    "It was accepted: naive input goes on in the session's zone, so the application has"
    " to send aware values."
)
"""Names (session's, column's) that mean one zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZonedColumn:
    """A column that is, or will be, timestamptz.

    Attributes:
        name: schema, relation and column.
        relation_oid: of the table that is written.
        zone: in which naive input was meant before.
    """

    name: tuple[str, str, str]
    relation_oid: int
    zone: str


def session_zone_findings(
    database: str,
    settings: Collection[ZoneSetting],
    columns: Iterable[ZonedColumn],
    *,
    same_zones: Pairs,
    accept: Collection[str] = (),
) -> tuple[Finding, ...]:
    """Return one finding for each setting and zone of columns that differ.

    What is accepted is a warning; everything else blocks.
    """
    differing: dict[tuple[ZoneSetting, str], list[ZonedColumn]] = defaultdict(list)
    fitting: set[ZoneSetting] = set()
    for column in columns:
        for setting in effective(settings, column.relation_oid):
            if same(setting.zone, column.zone, same_zones):
                fitting.add(setting)
            else:
                differing[(setting, column.zone)].append(column)
    zones: dict[ZoneSetting, set[str]] = defaultdict(set)
    for setting, zone in differing:
        zones[setting].add("UTC" if is_utc(zone) else zone.lower())
    found = (
        _finding(
            database,
            setting,
            zone,
            of_zone,
            # whatever it is pinned to, the columns of the other zone differ then
            pinnable=setting not in fitting and len(zones[setting]) == 1,
        )
        for (setting, zone), of_zone in differing.items()
    )
    return tuple(
        replace(f, severity=Severity.WARNING, hint=_ACCEPTED) if f.code in accept else f
        for f in found
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


def zone_pairs(
    settings: Iterable[ZoneSetting], zones: Iterable[str]
) -> set[tuple[str, str]]:
    """Return every pair (session's zone, column's zone) that may be compared."""
    wanted = set(zones)
    return {(s.zone, z) for s in settings if s.zone for z in wanted}


def same(one: str, other: str, same_zones: Pairs) -> bool:
    """Tell whether two names mean one zone."""
    return (
        one.lower() == other.lower()
        or (is_utc(one) and is_utc(other))
        or (one, other) in same_zones
    )


def _finding(
    database: str,
    setting: ZoneSetting,
    zone: str,
    columns: list[ZonedColumn],
    *,
    pinnable: bool,
) -> Finding:
    first = readable_name(*columns[0].name)
    more = f" and {len(columns) - 1} more" if len(columns) > 1 else ""
    place = readable_identifier(database)
    where, target = "the server", f"ALTER DATABASE {place}"
    if setting.scope == "database":
        where = f"database {place}"
    elif setting.role is not None:
        role = readable_identifier(setting.role)
        where, target = f"role {role}", f"ALTER ROLE {role}"
        if setting.scope == "role in database":
            where += f" in database {place}"
            target += f" IN DATABASE {place}"
    gives = f"gives sessions TimeZone {setting.zone}"
    if not setting.zone:
        gives = (
            "gives sessions a TimeZone that cannot be seen behind the setting of this "
            "role or connection"
        )
    accept = f'--accept {CODE} or accept = ["{CODE}"] under [policy].'
    hint = (
        f"Pin it with {target} SET timezone = {quote_literal(zone)}, or, if the "
        f"application sends aware values only, accept it: {accept}"
    )
    if not pinnable:
        hint = (
            "No one TimeZone fits, since the columns hold several zones: let the "
            "application send aware values, or each writer set its own TimeZone, "
            f"then accept it: {accept}"
        )
    return Finding(
        code=CODE,
        severity=Severity.BLOCKS,
        message=f"{where} {gives}, while {first}{more} "
        f"{'hold' if more else 'holds'} {zone}: naive input would be read in another "
        "zone than before",
        hint=hint,
    )
