"""What becomes of one column, looked at alone."""

from dataclasses import replace

from tzmigrate.inventory.model import Column, Finding
from tzmigrate.planning import families, refusals
from tzmigrate.planning.ddl import sql_zone
from tzmigrate.planning.expressions import convert_default
from tzmigrate.planning.model import Action, PlannedColumn
from tzmigrate.planning.rules import Planned, Rules
from tzmigrate.planning.types import TypeBook
from tzmigrate.zones.model import Keep, Verdict


def decide(
    column: Column,
    verdict: Verdict | None,
    rules: Rules,
    planned: Planned,
    types: TypeBook,
    *,
    refused: Finding | None = None,
    literal: str | None = None,
) -> PlannedColumn:
    """Decide on one column.

    Args:
        column: of a table, or of the root of a tree.
        verdict: on its zone.
        rules: what the user asked for.
        planned: what revisions that exist convert already.
        types: domains and composite types.
        refused: what was found against it since.
        literal: its zoned default, where no expression makes one.
    """

    def settle(action: Action, code: str, reason: str, hint: str) -> PlannedColumn:
        return PlannedColumn(
            schema=column.schema,
            relation=column.relation,
            column=column.column,
            type_before=families.label(column),
            type_after=families.label(column),
            action=action,
            zone=verdict.zone if verdict else None,
            code=code,
            reason=reason,
            hint=hint,
            default_before=column.default,
            default_after=column.default,
        )

    if (before := planned.columns.get(column.name)) is not None:
        # planned already, not applied yet: the revision that exists converts it
        outdated = refusals.outdated(column, verdict, before)
        if outdated is not None:
            found = settle(
                Action.REFUSE, outdated.code, outdated.message, outdated.hint
            )
        else:
            found = settle(
                Action.KEEP,
                "TZ312",
                f"planned in revision {before.revision}",
                "Run tzmigrate apply.",
            )
        return replace(found, planned_in=before.revision)
    if verdict is not None and isinstance(verdict.meaning, Keep):
        return settle(Action.KEEP, "TZ309", f"kept as declared by {verdict.source}", "")
    refusal = (
        refusals.blocked(column)
        or refused
        or refusals.zone_refusal(column, verdict, rules)
    )
    refusal = refusal or refusals.type_refusal(column, types)
    if refusal is not None:
        return settle(Action.REFUSE, refusal.code, refusal.message, refusal.hint)
    zone = verdict.zone if verdict else None
    if zone is None:
        finding = refusals.undecided(column)
        return settle(Action.REFUSE, finding.code, finding.message, finding.hint)
    default_after = None
    base = types.base(column)
    kind = base or column.type
    if column.default is not None and families.cast_of(kind) is not families.Cast.ZONE:
        if literal is None:
            finding = refusals.computed_default(column)
            return settle(Action.REFUSE, finding.code, finding.message, finding.hint)
        default_after = literal
    elif column.default is None:
        default_after = types.default(column, sql_zone(zone))
    else:
        default_after = convert_default(
            column.default, column.default_type, sql_zone(zone)
        )
    return PlannedColumn(
        schema=column.schema,
        relation=column.relation,
        column=column.column,
        type_before=families.label(column),
        type_after=families.zoned_type(
            kind if types.leaves(column) else families.label(column),
            widen=rules.precision == "widen",
        ),
        base=base,
        action=Action.CONVERT,
        zone=zone,
        default_before=column.default,
        default_after=default_after,
        generated=column.generated,
    )
