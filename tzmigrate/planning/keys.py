"""Foreign keys whose two sides are local times of different zones."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from tzmigrate.inventory.model import Column
from tzmigrate.planning.ddl import sql_zone
from tzmigrate.planning.model import Action, PlannedColumn


def of_two_zones(
    columns: Sequence[Column], decided: Sequence[PlannedColumn]
) -> list[tuple[int, str, list[str]]]:
    """Return the columns that convert with a key of two zones.

    Each is its place in ``columns``, the name of the key, and the key's zones.
    """
    places: dict[str, list[int]] = defaultdict(list)
    for i, (column, planned) in enumerate(zip(columns, decided, strict=True)):
        for dependent in column.dependents:
            converts = planned.action is Action.CONVERT
            if dependent.kind == "foreign key" and converts:
                places[dependent.name].append(i)
    found = []
    for name, ends in places.items():
        zones = Counter(sql_zone(decided[i].zone or "UTC") for i in ends)
        # each column has its partner; one that is a date has none here
        if len(zones) > 1 and any(count % 2 for count in zones.values()):
            found += [(i, name, sorted(zones)) for i in ends]
    return found
