"""What speaks against a group that was tried: errors of the server, other readings."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import psycopg

from tzmigrate.inventory.model import Finding, Severity
from tzmigrate.planning import unqualified
from tzmigrate.planning.calls import (
    ADDED,
    ADDED_FOR_RANGES,
    calls,
    explain_calls,
)
from tzmigrate.planning.dependents import code_of
from tzmigrate.planning.families import zoned_type
from tzmigrate.planning.model import (
    DependentKind,
    Group,
    PlannedDependent,
)
from tzmigrate.planning.remaking import Blocked
from tzmigrate.planning.rules import Names
from tzmigrate.planning.things import Definition, Leaning
from tzmigrate.postgres.errors import from_psycopg
from tzmigrate.postgres.quoting import readable_name

_FAILED = "TZ315"
_AS_OWNER = (
    "; as it may call functions of yours, a superuser has it run with the rights of the"
    " table's owner, who needs USAGE and EXECUTE on what it names, REFERENCES on the"
    " tables of its keys, and to own all tables of the tree: grant these, or connect as"
    " the owner"
)
_KEYED = "TZ337"
"""The support itself says what keeps such a tree, and what to do."""
_FOREIGN = "TZ140"
_BOUND = "TZ335"
_SHARED = "TZ336"
_ANEW = (
    "Drop it before the conversion and create it again afterwards with an expression"
    " for timestamptz."
)
_HINTS = {
    _FAILED: "Remove or change what the message names, then run tzmigrate plan again.",
    _FOREIGN: "Connect as that role, or as a member of both.",
    _BOUND: "Write it without the schema's name, or plan without --unqualified.",
    _SHARED: "Move it into the schema of each tenant, or plan without --unqualified.",
}
_LOST = (
    "Make its text one that PostgreSQL takes by now, or name a server for the shadow"
    " that has what it needs with --shadow-url; then run tzmigrate plan again."
)


class Misunderstood(Exception):
    """The server reads a rewritten text otherwise than it was meant."""

    def __init__(self, blocked: tuple[Blocked, ...]) -> None:
        super().__init__()
        self.blocked = blocked


def other_calls(
    connection: psycopg.Connection[Any],
    thing: Leaning,
    after: Definition | None,
    anew: Sequence[str],
    *,
    ranges: bool,
) -> str:
    """Say what a rewritten thing calls that it did not call before.

    Args:
        connection: to the shadow.
        thing: as it was.
        after: as it is; ``None`` where it no longer leans on the columns.
        anew: functions that are made anew with it, as ``regprocedure`` prints them.
        ranges: its group converts ranges, whose bounds are cast.
    """
    if after is None:
        return "it no longer uses what it used"
    added = ADDED
    if ranges:
        added |= ADDED_FOR_RANGES
    unexplained = explain_calls(calls(thing.tree), calls(after.tree), added)
    if not unexplained:
        return ""
    names = connection.execute(
        "SELECT string_agg(f::regprocedure::text, ', ') FROM unnest(%s::oid[]) AS f"
        " WHERE f::regprocedure::text <> ALL (%s::text[])",
        (list(unexplained), list(anew)),
    ).fetchone()
    if names is None or names[0] is None:
        return ""
    return f"rewritten, it would call {names[0]} as well"


def other_types(
    thing: Leaning, planned: PlannedDependent, now: Sequence[tuple[str, str]]
) -> str:
    """Say which column of a view has another type now than the plan meant."""
    was = dict(_planned_types(thing))
    for name, type_ in now:
        before = was.get(name)
        if before is None:
            continue
        wanted = zoned_type(before) if name in planned.zoned else before
        if type_ != wanted and not (
            # a precision that was given up
            name in planned.zoned and type_ == zoned_type(before, widen=True)
        ):
            return f"its column {name} would be {type_}, not {wanted}"
    return ""


def _planned_types(thing: Leaning) -> Sequence[tuple[str, str]]:
    """Return the columns of naive time of a view, with their types before."""
    return [(c.name, c.type) for c in thing.outputs if c is not None]


def rebound(
    planned: Mapping[tuple[str, str, str | None], PlannedDependent],
    things: Sequence[Leaning],
    original: Mapping[tuple[str, str, str | None], Definition],
    group: Group,
) -> tuple[Blocked, ...]:
    """Return what would call other functions once it is made anew from its text.

    A stored definition keeps the functions it was made with; its text finds what fits
    best by now. The shadow was made from texts, so it has these already.

    Args:
        planned: what is made anew, by what identifies it.
        things: what leans on the columns, as the shadow has it.
        original: the same in the database that is planned for.
        group: the one that converts them.
    """
    found = []
    for thing in things:
        dependent, was = planned.get(thing.key), original.get(thing.key)
        if dependent is None or was is None or was.called == thing.called:
            continue
        made, finds = (
            ", ".join(sorted(some))
            for some in (was.called - thing.called, thing.called - was.called)
        )
        reason = (
            f"its text now finds {finds or 'none'}, it was made with {made or 'none'}"
        )
        otherwise = f", else drop or rename {finds}" if finds else ""
        hint = (
            f"Create {dependent.label} again if it should call what its text finds now"
            f"{otherwise}; then run tzmigrate plan again."
        )
        found.append(replace(objection(dependent, reason, group), hint=hint))
    return tuple(found)


def lost(
    missing: Mapping[tuple[str, str, str | None], str], column: Names
) -> tuple[Blocked, ...]:
    """Return what of a column cannot be tried, as the shadow lacks it.

    Args:
        missing: why, by kind, relation and name.
        column: whose table it is, or what leans on it.
    """
    found = []
    for (kind, relation, name), why in missing.items():
        code, label = _FAILED, f"{kind} {relation}"
        if kind != "table":
            dependent = PlannedDependent(
                kind=DependentKind(kind), relation=relation, name=name
            )
            code, label = code_of(dependent.kind), dependent.label
        reason = f"it could not be copied to the shadow: {why}"
        found.append(
            Blocked(
                label=label, code=code, reason=reason, columns=(column,), hint=_LOST
            )
        )
    return tuple(found)


def foreign(group: Group, owners: Mapping[str, str]) -> tuple[Blocked, ...]:
    """Return what the role that runs the revision could not make anew."""
    found = []
    for dependent in group.dependents:
        if owner := owners.get(dependent.label):
            reason = (
                f"it belongs to {owner}, or {owner} granted rights on it, and this"
                f" role may not act for {owner}"
            )
            found.append(replace(objection(dependent, reason, group), code=_FOREIGN))
    return tuple(found)


def unfilled(
    group: Group, closed: Mapping[str, tuple[str, str]]
) -> tuple[Blocked, ...]:
    """Return the materialized views that could not be refreshed."""
    found = []
    for dependent in group.dependents:
        if dependent.label in closed:
            role, relation = closed[dependent.label]
            reason = (
                f"it is refreshed with the rights of its owner, and {role} may not read"
                f" {relation}"
            )
            hint = (
                f"GRANT SELECT ON {relation} TO {role}, or give it to a role that may"
                " read all of it; then run tzmigrate plan again."
            )
            found.append(replace(objection(dependent, reason, group), hint=hint))
    return tuple(found)


def bound(group: Group, schema: str) -> tuple[Blocked, ...]:
    """Return what keeps a group's names from doing without their schema."""
    found = []
    for dependent, name in unqualified.others(group, schema):
        reason = "it is in another schema, which the tenants share"
        blocked = (
            _whole(f"table {name}", reason, group)
            if dependent is None
            else objection(dependent, reason, group)
        )
        found.append(replace(blocked, code=_SHARED))
    bare = replace(
        group,
        columns=(),
        tables=(),
        shared=(),
        parked=(),
        own_defaults=(),
        dependents=(),
    )
    parts = [
        (replace(bare, dependents=(d,)), objection(d, "", group))
        for d in group.dependents
    ]
    for column in group.converted:
        names = (column.schema, column.relation, column.column)
        blocked = replace(
            _whole(f"column {readable_name(*names)}", "", group), columns=(names,)
        )
        parts.append((replace(bare, columns=(column,)), blocked))
    rest = _whole(_conversion(group), "", group)
    parts.append((replace(group, columns=(), dependents=()), rest))
    for part, blocked in parts:
        try:
            unqualified.unqualified_group(part, schema)
        except unqualified.Bound as error:
            found.append(replace(blocked, code=_BOUND, reason=error.reason))
    return tuple(found)


def _whole(label: str, reason: str, group: Group) -> Blocked:
    columns = tuple((c.schema, c.relation, c.column) for c in group.converted)
    return Blocked(label=label, code=_FAILED, reason=reason, columns=columns)


def bound_definition(
    dependent: PlannedDependent, group: Group, error: unqualified.Bound
) -> Blocked:
    """Return that a dependent's definition cannot do without its schema."""
    return replace(objection(dependent, error.reason, group), code=_BOUND)


def failed(group: Group, error: psycopg.Error) -> Blocked:
    """Return what a group failed on: a dependent that the error is about, or itself."""
    diag = error.diag
    message = diag.message_primary or str(error).partition("\n")[0]
    context = (diag.message_detail or "").strip()
    # messages of the support name a dependent by its label, PostgreSQL's by its name
    ours = message.startswith("tzmigrate ")
    known = from_psycopg(error)
    if known is not None and known.code == _KEYED:
        return replace(
            _whole(_conversion(group), f"{known.message}. {known.detail}", group),
            code=known.code,
            hint=known.hint,
        )
    for dependent in group.dependents:
        name = dependent.label if ours else (dependent.name or dependent.relation)
        if name in message:
            return objection(dependent, f"PostgreSQL says: {message}", group)
    if running := _running(group, diag.context or ""):
        return objection(running, f"PostgreSQL says: {message}", group)
    return _whole(
        _conversion(group),
        f"failed on an empty copy: {message}"
        + (f" ({context})" if context else "")
        + (_AS_OWNER if "tzmigrate.errand()" in (diag.context or "") else ""),
        group,
    )


def _running(group: Group, context: str) -> PlannedDependent | None:
    """Return the dependent whose statement PostgreSQL says it was running."""
    for dependent in group.dependents:
        for statement in (*dependent.take, *dependent.make, *dependent.remake):
            if f'SQL statement "{statement}"' in context:
                return dependent
    return None


def _conversion(group: Group) -> str:
    relation = group.tables[0].relation
    return f"the conversion of {readable_name(relation.schema, relation.name)}"


def objection(dependent: PlannedDependent, reason: str, group: Group) -> Blocked:
    """Return that the columns of a dependent cannot convert, with the reason."""
    return Blocked(
        label=dependent.label,
        code=code_of(dependent.kind),
        reason=reason,
        columns=dependent.leans_on
        or tuple((c.schema, c.relation, c.column) for c in group.converted),
    )


def refusals(blocked: Sequence[Blocked]) -> dict[Names, Finding]:
    """Return the finding for each column that cannot convert."""
    return {
        name: Finding(
            code=one.code,
            severity=Severity.BLOCKS,
            message=f"{one.label}: {one.reason}",
            hint=(one.hint or _HINTS.get(one.code, _ANEW))
            + " Or declare the column keep.",
        )
        for one in reversed(blocked)
        for name in one.columns
    }
