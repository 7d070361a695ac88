"""Why a column is not converted, and what to do about it."""

from dataclasses import replace

from tzmigrate.inventory.model import Column, Finding, Role, Severity
from tzmigrate.planning import families
from tzmigrate.planning.ddl import sql_zone
from tzmigrate.planning.model import Action, Group, PlannedColumn
from tzmigrate.planning.rules import PlannedBefore, Rules
from tzmigrate.planning.types import TypeBook
from tzmigrate.postgres.quoting import readable_identifier, readable_name
from tzmigrate.zones.model import ByColumn, Eras, Keep, Verdict

UNTRIED_CODE = "TZ316"
"""What leans on a column is made anew only after it was tried on a shadow."""


_LEANING = frozenset(f"TZ{number}" for number in range(110, 140))
"""All that leans on a column, whether there is a way through or not."""


def outdated(
    column: Column, verdict: Verdict | None, before: PlannedBefore
) -> Finding | None:
    """Return why the revision that converts this column is not what is wanted now."""
    label = readable_name(*column.name)
    if before.done:
        return Finding(
            code="TZ325",
            severity=Severity.BLOCKS,
            message=f"{label} is {column.type} again, though revision "
            f"{before.revision} has converted it",
            hint="Find out who changed it and in which zone its values are now, "
            "convert it by hand with USING … AT TIME ZONE, then run tzmigrate verify.",
        )
    why = ""
    leaning = [f for f in column.findings if f.code in _LEANING]
    blocked = [f for f in leaning if f.severity is Severity.BLOCKS]
    if verdict is not None and isinstance(verdict.meaning, Keep):
        why = f"{verdict.source} declares it keep"
    elif verdict is not None and sql_zone(verdict.zone or before.zone) != sql_zone(
        before.zone
    ):
        why = f"reads its values in {before.zone}, {verdict.source} in {verdict.zone}"
    elif families.label(column) != before.type_before:
        now = families.label(column)
        why = f"was written for {before.type_before}, it is {now} now"
    elif blocked:
        why = f"does not know that {blocked[0].message}"
    if not why:
        return None
    return Finding(
        code="TZ314",
        severity=Severity.BLOCKS,
        message=f"revision {before.revision} converts {label}: {why}",
        hint=f"Delete {before.file} and the other planned files that are not applied "
        "yet, then run tzmigrate plan again.",
    )


def blocked(column: Column) -> Finding | None:
    """Return what stops this column whatever its zone, most telling first."""
    blocking = [f for f in column.findings if f.severity is Severity.BLOCKS]
    if len(blocking) > 1:
        first, more = blocking[0], len(blocking) - 1
        hint = f"{first.hint} In its way too: {more} more, see tzmigrate scan."
        return replace(first, hint=hint)
    if blocking:
        return blocking[0]
    label = readable_name(*column.name)
    if column.role is Role.FOREIGN:
        return Finding(
            code="TZ308",
            severity=Severity.BLOCKS,
            message=f"{label} is a column of a foreign table",
            hint="Convert the remote column, then ALTER FOREIGN TABLE "
            f"{readable_name(column.schema, column.relation)} ALTER "
            f"{readable_identifier(column.column)} TYPE timestamptz, or declare "
            f'"{label}" = "keep" under [zones].',
        )
    # a generated column gets another type by a cast without USING
    cast = families.cast_of(column.type)
    if column.generated and cast is not families.Cast.ZONE:
        return _unknown_type(column)
    return None


def _unknown_type(column: Column) -> Finding:
    label = readable_name(*column.name)
    return Finding(
        code="TZ307",
        severity=Severity.BLOCKS,
        message=f"{label} is of type {column.type}, which is not converted yet",
        hint=f'Declare "{label}" = "keep" under [zones] to plan without it.',
    )


def type_refusal(column: Column, types: TypeBook) -> Finding | None:
    """Return what stops a column for its type."""
    if families.cast_of(column.type) is None and not types.knows(column):
        return _unknown_type(column)
    return types.refusal(column)


def computed_default(column: Column) -> Finding:
    """Say that a default of no scalar has no zoned counterpart."""
    label = readable_name(*column.name)
    return refuse(
        families.DEFAULT_CODE,
        f"default {column.default} of {label} is not a constant of built-in functions, "
        "and no other keeps its meaning",
        "Drop the default, or make it a constant of built-in functions; or declare "
        f'"{label}" = "keep" under [zones].',
    )


def undecided(column: Column) -> Finding:
    """Say that nobody has said in which zone the values are."""
    label = readable_name(*column.name)
    return Finding(
        code="TZ302",
        severity=Severity.BLOCKS,
        message=f"the zone of column {label} is not declared",
        hint=f"State it with --zone '{label}=Area/City', or under [zones] in "
        'tzmigrate.toml; default = "UTC" there decides for all others.',
    )


def zone_refusal(
    column: Column, verdict: Verdict | None, rules: Rules
) -> Finding | None:
    """Return what stops a column for its zone, or for its rows in that zone."""
    if verdict is None:
        return None
    label = readable_name(*column.name)
    if isinstance(verdict.meaning, ByColumn | Eras):
        what = "in each row" if isinstance(verdict.meaning, ByColumn) else "by eras"
        return refuse(
            "TZ303",
            f"the zone of {label} is declared {what}, which is not converted yet",
            f'Declare "{label}" = "keep" under [zones] to plan without it.',
        )
    return _rows_refusal(label, verdict, rules)


def _rows_refusal(label: str, verdict: Verdict, rules: Rules) -> Finding | None:
    """Return what stops a column for its values, the worst first."""
    if verdict.beyond:
        return refuse(
            "TZ311",
            f"{_stand(verdict.beyond, label)} at the ends of what a timestamp "
            f"can hold, and conversion from {verdict.zone} would go beyond",
            "Set them to infinity or -infinity, or to a date within the range.",
        )
    if verdict.gap and rules.gap != "shift":
        return refuse(
            "TZ304",
            f"{_stand(verdict.gap, label)} in hours that {verdict.zone} skips",
            "Correct these rows (docs/how-to/gap-rows.md finds them), or declare "
            "another zone for the column.",
        )
    if verdict.gap:
        return refuse(
            "TZ310",
            f"{_stand(verdict.gap, label)} in hours that {verdict.zone} skips, "
            'and policy gap = "shift" is not available yet',
            "Correct these rows first; docs/how-to/gap-rows.md finds them.",
        )
    if verdict.overlap and rules.overlap != "later":
        return refuse(
            "TZ305",
            f"{_stand(verdict.overlap, label)} in hours that {verdict.zone} has twice",
            'Set overlap = "later" under [policy] if PostgreSQL\'s choice, the second '
            "of the two instants, is right for them.",
        )
    return None


def _stand(number: int, label: str) -> str:
    return f"{number} {'row' if number == 1 else 'rows'} of {label} " + (
        "stands" if number == 1 else "stand"
    )


def over_budget(
    group: Group, estimate: int, spent_on: str, rules: Rules
) -> tuple[PlannedColumn, ...]:
    """Refuse all that would convert under a lock held for too long.

    Args:
        group: with all of its columns.
        estimate: milliseconds.
        spent_on: in words.
        rules: with the budget.
    """
    first = group.relations[0]
    label = readable_name(first.schema, first.name)
    return tuple(
        c
        if c.action is not Action.CONVERT
        else staying(
            c,
            "TZ306",
            f"{label} would be locked for about {estimate} ms ({spent_on}), "
            f"the budget is {rules.max_lock_ms} ms",
            "Raise max_lock under [policy] if a maintenance window allows it, or take "
            "away before what can be made again after.",
        )
        for c in group.columns
    )


def staying(column: PlannedColumn, code: str, reason: str, hint: str) -> PlannedColumn:
    """Return a column that was to convert as one that is refused."""
    return replace(
        column,
        type_after=column.type_before,
        action=Action.REFUSE,
        code=code,
        reason=reason,
        hint=hint,
        default_after=column.default_before,
    )


def untried(what: str, why: str) -> Finding:
    """Say that a thing is not made anew without a shadow to try it on."""
    return refuse(
        UNTRIED_CODE,
        f"{what} would be made anew, which is not done untried: {why}",
        "Let the role create databases, or name a server for the shadow with "
        "--shadow-url.",
    )


def refuse(code: str, message: str, hint: str) -> Finding:
    """Return a finding that stops a column."""
    return Finding(code=code, severity=Severity.BLOCKS, message=message, hint=hint)
