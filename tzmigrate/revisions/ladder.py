"""Try every revision on the shadow: up, down, and up again, before it is written.

PostgreSQL itself says there what it refuses, and what it made of a rewritten text: the
functions that the parsed text calls before and after must be the same, but for the
casts that the plan put in. What fails takes its columns out of the plan, by name.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import replace

from tzmigrate.inventory.model import Finding, Severity
from tzmigrate.inventory.routines.model import RoutineReading
from tzmigrate.planning.leaning import (
    read_closed,
    read_definitions,
    read_foreign_owners,
    read_lost,
)
from tzmigrate.planning.lending import lent
from tzmigrate.planning.model import Group, Plan, RelationName
from tzmigrate.planning.planner import Planner
from tzmigrate.planning.reading import check_foldable, check_readable
from tzmigrate.postgres.dump import Archive, ShadowUnavailable
from tzmigrate.postgres.lacks import NotCopied
from tzmigrate.postgres.session import Session
from tzmigrate.postgres.shadow import (
    Close,
    Original,
    Shadow,
    open_shadow,
    reading,
)
from tzmigrate.postgres.url import Target
from tzmigrate.revisions.objections import bound, lost, refusals
from tzmigrate.revisions.render import Policy
from tzmigrate.revisions.trial import Definitions, Standing, Trial, names_of

_TOGETHER = 100
"""Of how many groups the texts are read by one query."""

_COPIES = 2
"""On how many shadows at once groups are tried on which nothing leans together."""

_CONSTRAINT = 2606
"""OID of pg_constraint."""

_WORTH_COPIES = 50
"""From how many groups on another shadow is worth its making, and from how many tables
on it is worth to read the schema before it is known whether anything converts."""


class _Originals:
    """The texts of the database that is planned for, read for many groups at once."""

    def __init__(self, session: Session, groups: Sequence[Group]) -> None:
        self.session = session
        self.read: dict[int, Definitions] = {}
        self.together: list[Sequence[Group]] = []
        self.place: dict[tuple[RelationName, str], int] = {}
        for start in range(0, len(groups), _TOGETHER):
            some = groups[start : start + _TOGETHER]
            columns = [c for g in some for c in names_of(g)]
            self.place |= dict.fromkeys(columns, len(self.together))
            self.together.append(some)

    def __call__(self, columns: Sequence[tuple[RelationName, str]]) -> Definitions:
        place = self.place[columns[0]]
        if place not in self.read:
            some = self.together[place]
            self.read[place] = read_definitions(
                self.session,
                [c for g in some for c in names_of(g)],
                [t for g in some for t in g.types],
            )
        return self.read[place]


def plan_and_try(
    planner: Planner,
    session: Session,
    *,
    shadow_url: Target | None,
    policy: Policy,
    zoned_views: bool,
    standing: Standing,
    schema: str | None = None,
    close: Close = ExitStack.close,
    routines: RoutineReading | None = None,
    progress: Callable[[str], None] | None = None,
) -> Plan:
    """Plan, try every revision of the plan on a shadow, and return what gets through.

    Args:
        planner: knows what there is to plan.
        session: connected to the database that is planned for; only read.
        shadow_url: a server that the user names for the shadow.
        policy: what the revisions will enforce.
        zoned_views: ``[policy] views``.
        schema: the one that the names of the revisions leave out.
        routines: functions to rewrite where that is certain; ``None``: none.
        standing: what earlier plans wrote.
        close: drops the shadow when all are through.
        progress: told what is done.
    """
    with ExitStack() as stack:
        original = None
        if planner.tables >= _WORTH_COPIES:
            check_readable(session)
            # what keeps it from being read is said where it counts
            with suppress(ShadowUnavailable):
                original = stack.enter_context(_reading(session))
        plan = planner.plan()
        converting = len([g for g in plan.groups if g.tables])
        if not standing.pending and not converting:
            return plan
        check_readable(session)
        many = converting >= _WORTH_COPIES
        try:
            original = original or stack.enter_context(_reading(session))
            shadow = stack.enter_context(
                open_shadow(
                    session,
                    shadow_url=shadow_url,
                    original=original,
                    copies=_COPIES
                    if many and routines is None and schema is None
                    else 1,
                    progress=progress,
                )
            )
            groups = _without_lost(planner, session, shadow, plan.groups)
            trial = Trial(
                connection=shadow.session,
                planner=planner,
                policy=policy,
                zoned_views=zoned_views,
                original=_Originals(session, plan.groups),
                owners=lambda dependents: read_foreign_owners(session, dependents),
                closed=lambda dependents: read_closed(session, dependents),
                routines=routines,
                schema=schema,
                others=shadow.others,
            )
            for one in (trial, *(replace(trial, connection=o) for o in shadow.others)):
                one.prepare(standing)
            groups = trial.climb_all(groups)
            told = [_told(lack) for lack in shadow.findings]
            where = f"{shadow.kind.value}, PostgreSQL {shadow.version}"
        except ShadowUnavailable as exc:
            groups = tuple(
                _free(planner, planner.untried(g, exc.message), schema)
                for g in plan.groups
            )
            told = [
                Finding(
                    code="TZ317",
                    severity=Severity.WARNING,
                    message=f"the plan was not tried on a shadow: {exc.message}",
                    hint=exc.hint,
                )
            ]
            where = None
        close(stack.pop_all())
    found = planner.describe(groups)
    told += lent(session, groups)
    return replace(found, findings=(*told, *found.findings), tried_on=where)


def _reading(session: Session) -> AbstractContextManager[Original]:
    return reading(session, check=_check)


def _check(session: Session, archive: Archive) -> None:
    # asked before, too, so that it is said at once
    check_readable(session)
    check_foldable(
        session, [e.oid for e in archive.entries if e.catalog == _CONSTRAINT]
    )


def _without_lost(
    planner: Planner, session: Session, shadow: Shadow, groups: Sequence[Group]
) -> tuple[Group, ...]:
    """Return the groups without the columns of what could not be restored.

    What leans on them is not made anew where the shadow does not show it, and stops
    the revision.
    """
    reasons = {i: lack.reason for lack in shadow.findings for i in lack.identities}

    def missing(some: Sequence[Group]) -> dict[tuple[str, str, str | None], str]:
        return read_lost(
            session,
            shadow.session,
            [c for g in some for c in names_of(g)],
            [t for g in some for t in g.types],
            reasons,
        )

    found: list[Group] = []
    for start in range(0, len(groups), _TOGETHER):
        some = groups[start : start + _TOGETHER]
        if reasons and missing(some):
            some = [_without_missing(planner, g, missing) for g in some]
        found += some
    shadow.session.rollback()
    return tuple(found)


def _without_missing(
    planner: Planner,
    group: Group,
    missing: Callable[[Sequence[Group]], dict[tuple[str, str, str | None], str]],
) -> Group:
    """Return a group without the columns whose table or dependents are missing."""
    blocked = [
        one
        for column in group.converted
        for one in lost(
            missing([replace(group, columns=(column,))]),
            (column.schema, column.relation, column.column),
        )
    ]
    return planner.without(group, refusals(blocked)) if blocked else group


def _free(planner: Planner, group: Group, schema: str | None) -> Group:
    """Return a group without what is bound to the schema that names leave out."""
    while schema is not None and group.tables and (found := bound(group, schema)):
        group = planner.without(group, refusals(found))
    return group


def _told(lack: NotCopied) -> Finding:
    return Finding(
        code="TZ318",
        severity=Severity.INFO,
        message=lack.text,
        hint="What leans on them could not be tried before the revision was written.",
    )
