"""What the data says about declared zones, as findings on the columns."""

from collections.abc import Mapping
from dataclasses import fields, replace

from tzmigrate.inventory.model import Column, Finding, Inventory, Severity
from tzmigrate.postgres.quoting import readable_name
from tzmigrate.zones.model import Survey, Verdict


def with_clock_changes(
    inventory: Inventory, verdicts: Mapping[tuple[str, str, str], Verdict]
) -> Survey:
    """Add the verdicts, and a finding to each column with rows at clock changes."""
    known = {f.name: getattr(inventory, f.name) for f in fields(Inventory)}
    columns = tuple(_column(c, verdicts.get(c.name)) for c in inventory.columns)
    return Survey(**(known | {"columns": columns}), verdicts=verdicts)


def _column(column: Column, verdict: Verdict | None) -> Column:
    if verdict is None:
        return column
    label = readable_name(*column.name)
    found = []
    if verdict.gap:
        found.append(
            Finding(
                code="TZ304",
                severity=Severity.WARNING,
                message=f"{_stand(verdict.gap, label)} in hours that {verdict.zone} "
                "skips",
                hint="They cannot have been written there: correct them, or declare "
                "another zone.",
            )
        )
    if verdict.overlap:
        found.append(
            Finding(
                code="TZ305",
                severity=Severity.WARNING,
                message=f"{_stand(verdict.overlap, label)} in hours that "
                f"{verdict.zone} has twice",
                hint='Decide with overlap = "later" under [policy].',
            )
        )
    return replace(column, findings=(*column.findings, *found)) if found else column


def _stand(number: int, label: str) -> str:
    return (
        f"1 row of {label} stands" if number == 1 else f"{number} rows of {label} stand"
    )
