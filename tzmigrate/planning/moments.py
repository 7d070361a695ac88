"""Defaults that write the present moment in another zone than the column's.

Such a default stores a clock that the column's zone reads as another instant, so new
rows stand hours apart from the moment of their insertion, before and after.
"""

from collections.abc import Iterable, Iterator, Mapping

from tzmigrate.inventory.model import Column, Finding, Severity
from tzmigrate.planning.expressions import zone_of_now
from tzmigrate.planning.model import Group
from tzmigrate.planning.rules import Names
from tzmigrate.postgres.quoting import readable_name
from tzmigrate.zones.model import Verdict
from tzmigrate.zones.sessions import Pairs, same

_CODE = "TZ328"


def zone_pairs(
    columns: Iterable[Column], verdicts: Mapping[Names, Verdict]
) -> set[tuple[str, str]]:
    """Return the pairs (default's zone, column's zone) that are to be compared."""
    return {
        (written, verdict.zone)
        for c in columns
        if (verdict := verdicts.get(c.name)) is not None and verdict.zone is not None
        if (written := zone_of_now(c.default or "")) is not None
    }


def elsewhere(groups: Iterable[Group], same_zones: Pairs) -> Iterator[Finding]:
    """Yield a warning for each column whose default writes in another zone.

    Args:
        groups: what is planned.
        same_zones: pairs of names that mean one zone.
    """
    for column in (c for group in groups for c in group.converted):
        written = zone_of_now(column.default_before or "")
        zone = column.zone or ""
        if written is None or same(written, zone, same_zones):
            continue
        label = readable_name(column.schema, column.relation, column.column)
        yield Finding(
            code=_CODE,
            severity=Severity.WARNING,
            message=f"default {column.default_before} of {label} writes the clock of "
            f"{written}, and the column is declared to be in {zone}",
            hint="Declare the zone that the default writes; or, if other values are "
            f"in {zone}, correct the default first: what it writes is read in {zone}, "
            "which is another moment.",
        )
