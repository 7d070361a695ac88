"""What converts only together: tables of one step, and columns of one key or type."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from tzmigrate.inventory.model import Column
from tzmigrate.planning import families, keys, refusals
from tzmigrate.planning.ddl import sql_zone
from tzmigrate.planning.model import Action, Group, PlannedColumn
from tzmigrate.planning.rules import Names
from tzmigrate.planning.types import TypeBook, TypeFamily
from tzmigrate.postgres.quoting import readable_name

HALF_A_KEY = "TZ118"
"""The other column of a foreign key stays as it is."""


_UNITING = frozenset(("materialized view", "foreign key"))


def related(
    roots: Sequence[int],
    columns: Iterable[Column],
    converting: set[Names],
    uniting: frozenset[str] = frozenset(),
    trees: Iterable[set[int]] = (),
    *,
    types: Mapping[Names, int] | None = None,
) -> list[set[int]]:
    """Unite the tables that must convert in one step.

    These are the two sides of a foreign key, what one materialized view reads, which
    would else be refreshed once for each of them, what a view puts into one column,
    what stands in one tree, and the columns of one domain or composite type.

    Args:
        roots: ``oid`` of each table or root of a tree, in the order of the result.
        columns: their candidates.
        converting: names of those that will be converted.
        uniting: names of such views.
        trees: relations that are locked with each other.
        types: of a column, what its domain or composite type is known by.
    """
    group = {oid: {oid} for oid in roots}
    for tree in trees:
        members = {oid for oid in roots if oid in tree}
        group |= dict.fromkeys(members, members)
    first: dict[tuple[str, str], int] = {}
    for column in columns:
        if column.name not in converting:
            continue
        shared = [
            (dependent.kind, dependent.name)
            for dependent in column.dependents
            if dependent.kind in _UNITING or dependent.name in uniting
        ]
        if types and column.name in types:
            shared.append(("type", str(types[column.name])))
        for what in shared:
            other = first.setdefault(what, column.relation_oid)
            joined = group[other] | group[column.relation_oid]
            for oid in joined:
                group[oid] = joined
    found: list[set[int]] = []
    for oid in roots:
        if group[oid] not in found:
            found.append(group[oid])
    return found


def apart(
    groups: Sequence[Group],
    leaning: Mapping[str, set[tuple[str, str]]],
    bound: Collection[str] = (),
) -> list[list[Group]]:
    """Return the groups in lists: what leans on those of one leans on no other's.

    Args:
        groups: in the order of the revisions, which each list keeps.
        leaning: by slug, kind and name of what leans on the columns of a group.
        bound: slugs of groups that stay in one list whatever leans on them.
    """
    above = list(range(len(groups)))

    def top(place: int) -> int:
        while above[place] != place:
            place = above[place]
        return place

    first: dict[tuple[str, str], int] = {}
    for place, group in enumerate(groups):
        shared = {("", "")} if group.slug in bound else set()
        for what in leaning[group.slug] | shared:
            one, other = sorted((top(first.setdefault(what, place)), top(place)))
            above[other] = one
    lists: dict[int, list[Group]] = defaultdict(list)
    for place, group in enumerate(groups):
        lists[top(place)].append(group)
    return list(lists.values())


def whole_keys(
    columns: Sequence[Column], decided: Sequence[PlannedColumn]
) -> list[PlannedColumn]:
    """Refuse what would convert one side of a foreign key without the other.

    Also both sides where they are of two zones: what was equal is not the same instant.
    """
    found = list(decided)
    for i, name, zones in keys.of_two_zones(columns, decided):
        found[i] = refusals.staying(
            found[i],
            HALF_A_KEY,
            f"{name} compares local times of {' and '.join(zones)}, which are not the "
            "same instants",
            "Declare one zone for both sides of the foreign key.",
        )
    while True:
        staying = {
            d.name: c
            for c, planned in zip(columns, found, strict=True)
            for d in c.dependents
            if d.kind == "foreign key" and planned.action is not Action.CONVERT
        }
        broken = [
            (i, d.name)
            for i, (c, planned) in enumerate(zip(columns, found, strict=True))
            for d in c.dependents
            if planned.action is Action.CONVERT and d.name in staying
        ]
        if not broken:
            return found
        for i, name in broken:
            other = readable_name(*staying[name].name)
            found[i] = refusals.staying(
                found[i],
                HALF_A_KEY,
                f"{name} compares it with {other}, which stays as it is",
                f"Settle {other} first: both sides of a foreign key convert together.",
            )


def whole_types(
    columns: Sequence[Column], decided: Sequence[PlannedColumn], types: TypeBook
) -> list[PlannedColumn]:
    """Refuse what would convert a part of the columns of one type."""
    found = list(decided)
    zones = {
        (c.schema, c.relation, c.column): sql_zone(c.zone or "UTC")
        for c in found
        if c.action is Action.CONVERT
    }
    for i, column in enumerate(columns):
        family = types.family(column)
        if family is None or column.name not in zones:
            continue
        others = [name for name in family.columns if name not in zones]
        if others or len({zones[name] for name in family.columns}) > 1:
            found[i] = _other_type(found[i], family, others)
    return found


def one_session(decided: Sequence[PlannedColumn]) -> list[PlannedColumn]:
    """Refuse what converts by the session's zone, in all zones but one."""
    converting = [c for c in decided if c.action is Action.CONVERT]
    bound = families.bound_zones(converting)
    if len({sql_zone(z) for z in bound}) <= 1:
        return list(decided)
    return [
        _other_session(c, bound[0])
        if c.action is Action.CONVERT
        and families.needs_session(c)
        and sql_zone(c.zone or "UTC") != sql_zone(bound[0])
        else c
        for c in decided
    ]


def _other_type(
    column: PlannedColumn, family: TypeFamily, staying: Sequence[Names]
) -> PlannedColumn:
    label = readable_name(column.schema, column.relation, column.column)
    other = readable_name(*staying[0]) if staying else ""
    why = f"{other} stays as it is" if staying else "they are in several zones"
    hint = f"Settle {other} first" if staying else "Declare one zone for all of them"
    if not family.in_place:
        hint += '; or set domains = "base" under [policy]'
    return refusals.staying(
        column,
        families.TYPE_CODE,
        f"{label} is of {family.words}, whose columns convert together: {why}"
        if not family.in_place
        else f"{label} converts with all columns that {family.words} is made of, or "
        f"that store it: {why}",
        f"{hint}.",
    )


def _other_session(column: PlannedColumn, zone: str) -> PlannedColumn:
    label = readable_name(column.schema, column.relation, column.column)
    return refusals.staying(
        column,
        families.ZONES_CODE,
        f"{label} converts under {column.zone} as the session's zone, and another "
        f"column of the same step under {zone}",
        "Apply this plan, then plan again: it gets a revision of its own.",
    )
