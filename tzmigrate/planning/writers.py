"""Code that writes or reads naive time after the conversion, and who puts it right."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from tzmigrate.inventory.findings import find
from tzmigrate.inventory.model import Finding, Inventory
from tzmigrate.inventory.routines.model import (
    ColumnName,
    Effect,
    RoutinePlace,
    RoutineReading,
)
from tzmigrate.inventory.source_rules import CODES, described
from tzmigrate.planning.model import Action, DependentKind, Group, Way
from tzmigrate.postgres.quoting import readable_name

_STILL_NAIVE = frozenset(
    "TZ132 TZ133 TZ134 TZ143 TZ144 TZ146 TZ170 TZ171 TZ172 TZ173 TZ174".split()
)
"""Functions, triggers and subscribers that may write or read naive time."""

_REWRITTEN = frozenset(("TZ133", "TZ134", "TZ170", "TZ171"))
"""Places in functions that ``--rewrite-functions`` rewrites."""


def still_naive(inventory: Inventory, groups: Sequence[Group]) -> Iterator[Finding]:
    """Repeat what scan found about code that goes on with naive time afterwards.

    A function that several steps touch is rewritten in the last of them.
    """
    step_of = {
        (c.schema, c.relation, c.column): n
        for n, g in enumerate(groups)
        for c in g.converted
    }
    # a function is rewritten in all its places or in none
    rewritten = [
        (n, f" {d.relation}")
        for n, g in enumerate(groups)
        for d in g.dependents
        if d.kind is DependentKind.FUNCTION and d.way is Way.ALTER
    ]
    if inventory.routines is not None:
        yield from _carried(inventory.routines, groups, {name for _, name in rewritten})
    seen = set()
    for column in inventory.columns:
        for finding in column.findings:
            step = step_of.get(column.name)
            if step is None or finding.code not in _STILL_NAIVE or finding in seen:
                continue
            seen.add(finding)
            in_steps = [
                n
                for n, function in rewritten
                if finding.code in _REWRITTEN and function in finding.message
            ]
            if not in_steps:
                yield finding
            elif step not in in_steps and step < max(in_steps):
                yield replace(
                    finding,
                    hint=f"Step {groups[max(in_steps)].slug} rewrites it. Until that"
                    " has run, and again once it is taken back alone, sessions that"
                    f" write need the zone of {readable_name(*column.name)} as their"
                    " TimeZone.",
                )


def _carried(
    reading: RoutineReading, groups: Sequence[Group], rewritten: Collection[str]
) -> Iterator[Finding]:
    """Tell of functions in which what converts meets a column that is refused.

    A scan takes both for columns that convert, between which nothing changes.
    """
    refused = {
        (c.schema, c.relation, c.column)
        for g in groups
        for c in g.columns
        if c.action is Action.REFUSE
    }
    if not refused & reading.around.converting:
        return
    # the parser is loaded only where there is something to parse
    from tzmigrate.inventory.routines.analysis import analyse  # noqa: PLC0415

    converted = {(c.schema, c.relation, c.column) for g in groups for c in g.converted}
    around = replace(reading.around, converting=reading.around.converting - refused)
    for routine, report in zip(reading.routines, reading.reports, strict=True):
        if not report.touched & refused or f" {routine.signature}" in rewritten:
            continue
        known = {(p.span, p.effect) for p in report.places}
        met: dict[tuple[ColumnName, Effect], list[RoutinePlace]] = defaultdict(list)
        for place in analyse(routine, around).places:
            if place.effect in CODES and (place.span, place.effect) not in known:
                for column in place.columns & converted:
                    met[column, place.effect].append(place)
        for (column, effect), places in sorted(met.items()):
            yield find(
                CODES[effect],
                object=f"function {routine.signature}",
                column=readable_name(*column),
                **described(places),
            )
