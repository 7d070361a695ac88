"""Try every revision on the shadow: up, down, and up again, before it is written.

PostgreSQL itself says there what it refuses, and what it made of a rewritten text: the
functions that the parsed text calls before and after must be the same, but for the
casts that the plan put in. What fails takes its columns out of the plan, by name.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from threading import Event, RLock
from typing import Any

import psycopg

from tzmigrate.errors import DecisionNeeded
from tzmigrate.inventory.model import Finding, Severity
from tzmigrate.inventory.routines.model import RoutineReading
from tzmigrate.planning.calls import (
    ADDED,
    ADDED_FOR_RANGES,
    calls,
    explain_calls,
)
from tzmigrate.planning.ddl import sql_zone
from tzmigrate.planning.dependents import Blocked, code_of, plan_dependents
from tzmigrate.planning.families import Cast, how, zoned_type
from tzmigrate.planning.leaning import (
    Definition,
    Found,
    Leaning,
    read_apart,
    read_definitions,
    read_foreign_owners,
    read_leaning,
    read_view_types,
)
from tzmigrate.planning.model import (
    DependentKind,
    Group,
    Plan,
    PlannedDependent,
    RelationName,
)
from tzmigrate.planning.planner import Planner
from tzmigrate.planning.rules import Names
from tzmigrate.postgres.dump import ShadowUnavailable
from tzmigrate.postgres.errors import translated
from tzmigrate.postgres.lacks import NotCopied
from tzmigrate.postgres.quoting import readable_name
from tzmigrate.postgres.session import Session
from tzmigrate.postgres.shadow import Close, open_shadow
from tzmigrate.postgres.url import Target
from tzmigrate.revisions import quick, support
from tzmigrate.revisions.functions import plan_routines
from tzmigrate.revisions.render import Direction, Policy, group_statements
from tzmigrate.revisions.sharing import (
    Leanings,
    Locks,
    batches,
    read_locks,
    share_out,
)

_BY_INDEX = """
SELECT pg_catalog.set_config(s.name, s.value, false) FROM (VALUES
    ('plan_cache_mode', 'force_generic_plan'), ('jit', 'off'),
    ('enable_seqscan', 'off'), ('enable_hashjoin', 'off'),
    ('enable_mergejoin', 'off'), ('enable_material', 'off')
) AS s (name, value)
"""
"""Each group is a few rows of catalogs that may be large; all else there is empty."""

_TOGETHER = 100
"""Of how many groups the texts are read by one query."""

_COPIES = 2
"""On how many shadows at once groups are tried on which nothing leans together."""

_WORTH_COPIES = 50
"""From how many groups on another shadow is worth its making."""

_FULL = "yes"
"""How trial.sql is told of a run after the first."""

Key = tuple[str, str, str | None]
Definitions = Mapping[Key, Definition]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What earlier plans wrote.

    Attributes:
        done: steps that the ledger calls done.
        pending: files of those still to be applied, in their order, with their
            statements.
    """

    done: Collection[str] = ()
    pending: Sequence[tuple[Path, Sequence[str]]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What every trial of one plan shares.

    Attributes:
        connection: to the shadow, in autocommit mode.
        planner: plans a group again without the columns that did not get through.
        zoned_views: ``[policy] views``.
        original: what leans on the columns in the database that is planned for.
        owners: of what there belongs to roles that this one may not act for.
        routines: functions to rewrite where that is certain; ``None``: none.
        others: connections to further shadows, which are like this one.
        converted: the zone of each column that got through so far.
        alone: held by the one of the shadows' threads that uses what they share.
        stopped: what they try is of no use any more.
    """

    connection: psycopg.Connection[Any]
    planner: Planner
    policy: Policy
    zoned_views: bool
    original: Callable[[Sequence[tuple[RelationName, str]]], Definitions]
    owners: Callable[[Sequence[PlannedDependent]], Mapping[str, str]]
    routines: RoutineReading | None = None
    others: Sequence[psycopg.Connection[Any]] = ()
    converted: dict[Names, str] = field(default_factory=dict)
    alone: RLock = field(default_factory=RLock)
    stopped: Event = field(default_factory=Event)

    def prepare(self, standing: Standing) -> None:
        """Install the support on the shadow, and run what will run before this plan.

        Raises:
            DecisionNeeded: a planned revision no longer fits the database.
        """
        # the same few queries for every group
        self.connection.prepare_threshold = 2
        self.connection.execute(_BY_INDEX)
        self.connection.commit()
        with self.connection.transaction():
            for statement in (*support.install(), *support.trial()):
                self.connection.execute(statement.encode())
            self.connection.execute(
                "INSERT INTO tzmigrate.step"
                " (step, direction, revision, session_zone, gap, overlap, done_at)"
                " SELECT s, 'up', '', '', '', '', now() FROM unnest(%s::text[]) AS s",
                (list(standing.done),),
            )
        for path, statements in standing.pending:
            try:
                with self.connection.transaction():
                    for text in statements:
                        self.connection.execute(text.encode())
            except psycopg.Error as error:
                raise DecisionNeeded(
                    "TZ319",
                    f"planned revision {path.name} does not fit the database any more",
                    detail=error.diag.message_primary or str(error),
                    hint=f"Delete {path} and the other planned files that are not "
                    "applied yet, then run tzmigrate plan again.",
                ) from error

    def climb_all(self, groups: Sequence[Group]) -> tuple[Group, ...]:
        """Return all groups as they get up, down and up again on the shadow.

        Those that share no dependent are tried as one group, which is much faster;
        where that fails, each by itself, so that what fails is known by its name.
        Where there are further shadows, groups on which nothing leans together are
        tried there at the same time.
        """
        if self.routines is not None:
            # which functions can be rewritten depends on all that converted before
            return tuple(self.climb(group) for group in groups)
        leaning = self.planner.leaning(groups)
        trials = [self, *(replace(self, connection=other) for other in self.others)]
        lanes = share_out(groups, leaning, len(trials))
        with ThreadPoolExecutor(len(trials)) as pool:
            runs = [
                pool.submit(trial._climb, lane, leaning, len(trials))
                for trial, lane in zip(trials, lanes, strict=True)
            ]
            try:
                found = {g.slug: g for run in as_completed(runs) for g in run.result()}
            except BaseException:
                self.stopped.set()
                for trial in trials:
                    trial.connection.cancel_safe()
                raise
        return tuple(found[g.slug] for g in groups)

    def _climb(
        self, groups: Sequence[Group], leaning: Leanings, lanes: int
    ) -> Iterable[Group]:
        locks = read_locks(self.connection, groups, leaning, lanes=lanes)
        found = [group for group in groups if not group.tables]
        for batch in batches(groups, leaning, locks):
            if self.stopped.is_set():
                break
            if len(batch) == 1:
                found.append(self.climb(batch[0]))
            else:
                found += self._climb_together(batch, locks)
        return found

    def _climb_together(self, groups: Sequence[Group], locks: Locks) -> list[Group]:
        ready = []
        found = []
        apart = read_apart(self.connection, [_names(g) for g in groups])
        for group, leaning in zip(groups, apart, strict=True):
            if leaning is None:
                found.append(group)
                continue
            replanned, tried, blocked = self._planned(group, leaning)
            found.append(replanned)
            if replanned.tables and not blocked:
                ready.append(_Ready(tried, leaning))
        with self.alone:
            owners = self.owners([d for r in ready for d in r.group.dependents])
        able = {r.group.slug: r for r in ready if not _foreign(r.group, owners)}
        through = {
            group.slug: group
            for some in locks.trials(list(able))
            for group in self._try_together([able[slug] for slug in some])
        }
        for group in through.values():
            self.converted.update(_zones(group))
        return [through.get(g.slug) or self.climb(g) for g in found]

    def _try_together(self, ready: Sequence["_Ready"]) -> list[Group]:
        """Return the groups that get through."""
        if len(ready) <= 1 or self.stopped.is_set():
            return []
        try:
            with self.connection.transaction():
                return self._up_down_up(ready)
        except (_Misunderstood, psycopg.Error):
            if self.connection.closed or self.stopped.is_set():
                with translated():
                    raise
            half = len(ready) // 2
            return self._try_together(ready[:half]) + self._try_together(ready[half:])

    def climb(self, group: Group) -> Group:
        """Return the group as it gets up, down and up again on the shadow.

        Its dependents are filled in, and what does not get through is refused.
        """
        while group.tables and not self.stopped.is_set():
            found = read_leaning(self.connection, _names(group), group.types)
            group, tried, blocked = self._planned(group, found)
            if not group.tables:
                return group
            if not blocked and tried.dependents:
                with self.alone:
                    blocked = _foreign(tried, self.owners(tried.dependents))
            if not blocked:
                tried, blocked = self._try(tried, found)
            if not blocked:
                self.converted.update(_zones(tried))
                return tried
            with self.alone:
                group = self.planner.without(group, _refusals(group, blocked))
        return group

    def _planned(
        self, group: Group, found: Found
    ) -> tuple[Group, Group, tuple[Blocked, ...]]:
        """Return the group as its generated columns ask for it, and as it is tried."""
        dependents, blocked, remade = plan_dependents(
            found,
            group.converted,
            types=group.types,
            zoned_views=self.zoned_views,
            version=self.connection.info.server_version,
        )
        with self.alone:
            group = self.planner.remaking(group, remade)
        # a copy may print a text otherwise than the original
        types = tuple(replace(t, before=()) for t in group.types)
        functions = self._functions(_zones(group)) if group.tables else ()
        tried = replace(group, dependents=(*functions, *dependents, *types))
        return group, tried, blocked

    def _try(self, group: Group, found: Found) -> tuple[Group, tuple[Blocked, ...]]:
        try:
            with self.connection.transaction():
                return self._up_down_up([_Ready(group, found)])[0], ()
        except _Misunderstood as wrong:
            return group, wrong.blocked
        except psycopg.OperationalError as error:
            # a lock, a lost connection, a full disk: says nothing of the group
            with translated():
                raise error from None
        except psycopg.Error as error:
            return group, (_failed(group, error),)

    def _up_down_up(self, ready: Sequence["_Ready"]) -> list[Group]:
        """Try groups as one, in the open transaction; add what digests tell them by."""
        whole = _as_one([r.group for r in ready])
        was = self._type_digests(whole)
        self._run(whole, "up")
        after = read_definitions(self.connection, _names(whole), whole.types)
        self._check(ready, after)
        now = self._type_digests(whole)
        groups = [
            _with_type_digests(self._with_digests(r.group, r.found, after), was, now)
            for r in ready
        ]
        whole = _as_one(groups)
        again = quick.AGAIN if len(groups) > 1 else _FULL
        self._run(whole, "down", again=again)
        self._run(whole, "up", again=again)
        return groups

    def _type_digests(self, group: Group) -> dict[str, str]:
        """Return what the types that are replaced are known by, as they are now."""
        found = {}
        for type_ in group.types:
            row = self.connection.execute(
                "SELECT md5(tzmigrate.definition(%(kind)s, f.class, f.object, f.sub))"
                " FROM tzmigrate.find_dependent(%(kind)s, %(name)s, NULL) AS f",
                {"kind": type_.kind.value, "name": type_.relation},
            ).fetchone()
            if row is not None and row[0] is not None:
                found[type_.relation] = str(row[0])
        return found

    def _functions(self, zones: Mapping[Names, str]) -> tuple[PlannedDependent, ...]:
        if self.routines is None:
            return ()
        with self.connection.transaction():
            return plan_routines(
                self.connection,
                self.routines,
                before=self.converted,
                after={**self.converted, **zones},
            )

    def _run(self, group: Group, direction: Direction, *, again: str = "") -> None:
        version = self.connection.info.server_version
        statements = group_statements(
            group,
            direction,
            revision="shadow",
            predecessor=None,
            server_major=version // 10000,
            # nobody else is there, but autovacuum may be
            lock_timeout="60s",
            policy=self.policy,
        )
        # one after the other, but sent together: there are thousands of them
        texts = [s.sql for s in statements]
        if again == quick.AGAIN:
            texts = list(quick.quickly(texts, group, direction, self._bare(group)))
        texts.insert(0, support.guard())
        if again:
            texts.insert(0, f"SET LOCAL tzmigrate.again = '{again}'")
        self.connection.execute(";\n".join(texts).encode())

    def _bare(self, group: Group) -> frozenset[Key]:
        """Return the dependents that had nothing to be given back in the first run."""
        row = self.connection.execute(
            "SELECT bare FROM tzmigrate.trial WHERE step = %s", (group.slug,)
        ).fetchone()
        return frozenset((k, r, n) for k, r, n in (row[0] if row else ()))

    def _check(self, ready: Sequence["_Ready"], after: Definitions) -> None:
        """Stop at what the server reads otherwise than the plan meant it."""
        views = [
            thing.relation
            for one in ready
            for thing in one.found.things
            if thing.outputs and thing.key in one.planned
        ]
        types = read_view_types(self.connection, views)
        wrong = []
        for one in ready:
            anew = [
                d.relation
                for d in one.group.dependents
                if d.kind is DependentKind.ROW_FUNCTION
            ]
            ranges = any(how(c) is Cast.BOUNDS for c in one.group.converted)
            for thing in one.found.things:
                planned = one.planned.get(thing.key)
                if planned is None:
                    continue
                reason = _other_calls(
                    self.connection, thing, after.get(thing.key), anew, ranges=ranges
                )
                if not reason and thing.outputs:
                    reason = _other_types(thing, planned, types[thing.relation])
                if reason:
                    wrong.append(_blocked(planned, reason, one.group))
        if wrong:
            raise _Misunderstood(tuple(wrong))

    def _with_digests(self, group: Group, found: Found, after: Definitions) -> Group:
        """Add what the revision will know the texts by."""
        with self.alone:
            original = self.original(_names(group))
        before = {t.key: Definition(t.text, t.tree) for t in found.things}

        def digests(
            dependent: PlannedDependent, *sources: Definitions
        ) -> tuple[str, ...]:
            key = (dependent.kind.value, dependent.relation, dependent.name)
            return tuple(sorted({s[key].digest for s in sources if key in s}))

        return replace(
            group,
            dependents=tuple(
                replace(d, before=digests(d, before, original), after=digests(d, after))
                if not d.before
                else d
                for d in group.dependents
            ),
        )


@dataclass(frozen=True)
class _Ready:
    """A group as it is tried, with what leans on its columns."""

    group: Group
    found: Found

    @cached_property
    def planned(self) -> Mapping[Key, PlannedDependent]:
        """Its dependents by what identifies them."""
        return {(d.kind.value, d.relation, d.name): d for d in self.group.dependents}


def _as_one(groups: Sequence[Group]) -> Group:
    """Return a group that converts what all of these convert."""
    first = groups[0]
    if len(groups) == 1:
        return first
    return replace(
        first,
        relations=tuple(r for g in groups for r in g.relations),
        columns=tuple(c for g in groups for c in g.columns),
        tables=tuple(t for g in groups for t in g.tables),
        shared=tuple(s for g in groups for s in g.shared),
        own_defaults=tuple(d for g in groups for d in g.own_defaults),
        dependents=tuple(d for g in groups for d in g.dependents),
    )


def _with_type_digests(
    group: Group, was: Mapping[str, str], now: Mapping[str, str]
) -> Group:
    original = {t.relation: t.before for t in group.types}
    return replace(
        group,
        dependents=tuple(
            replace(
                d,
                before=tuple(sorted({*original[d.relation], was[d.relation]})),
                after=(now[d.relation],),
            )
            if d.kind in _TYPES and d.relation in was
            else d
            for d in group.dependents
        ),
    )


_TYPES = frozenset((DependentKind.DOMAIN, DependentKind.COMPOSITE))


class _Originals:
    """The texts of the database that is planned for, read for many groups at once."""

    def __init__(self, session: Session, groups: Sequence[Group]) -> None:
        self.session = session
        self.read: dict[int, Definitions] = {}
        self.together: list[Sequence[Group]] = []
        self.place: dict[tuple[RelationName, str], int] = {}
        for start in range(0, len(groups), _TOGETHER):
            some = groups[start : start + _TOGETHER]
            columns = [c for g in some for c in _names(g)]
            self.place |= dict.fromkeys(columns, len(self.together))
            self.together.append(some)

    def __call__(self, columns: Sequence[tuple[RelationName, str]]) -> Definitions:
        place = self.place[columns[0]]
        if place not in self.read:
            some = self.together[place]
            self.read[place] = read_definitions(
                self.session,
                [c for g in some for c in _names(g)],
                [t for g in some for t in g.types],
            )
        return self.read[place]


class _Misunderstood(Exception):
    """The server reads a rewritten text otherwise than it was meant."""

    def __init__(self, blocked: tuple[Blocked, ...]) -> None:
        super().__init__()
        self.blocked = blocked


def try_plan(
    plan: Plan,
    planner: Planner,
    session: Session,
    *,
    shadow_url: Target | None,
    policy: Policy,
    zoned_views: bool,
    standing: Standing,
    close: Close = ExitStack.close,
    routines: RoutineReading | None = None,
    progress: Callable[[str], None] | None = None,
) -> Plan:
    """Try every revision of a plan on a shadow, and return what gets through.

    Args:
        plan: as the planner made it.
        planner: that made it.
        session: connected to the database that is planned for; only read.
        shadow_url: a server that the user names for the shadow.
        policy: what the revisions will enforce.
        zoned_views: ``[policy] views``.
        routines: functions to rewrite where that is certain; ``None``: none.
        standing: what earlier plans wrote.
        close: drops the shadow when all are through.
        progress: told what is done.
    """
    if not any(g.tables for g in plan.groups):
        return plan
    many = len([g for g in plan.groups if g.tables]) >= _WORTH_COPIES
    with ExitStack() as stack:
        try:
            shadow = stack.enter_context(
                open_shadow(
                    session,
                    shadow_url=shadow_url,
                    copies=_COPIES if many and routines is None else 1,
                    progress=progress,
                )
            )
            trial = Trial(
                connection=shadow.session,
                planner=planner,
                policy=policy,
                zoned_views=zoned_views,
                original=_Originals(session, plan.groups),
                owners=lambda dependents: read_foreign_owners(session, dependents),
                routines=routines,
                others=shadow.others,
            )
            for one in (trial, *(replace(trial, connection=o) for o in shadow.others)):
                one.prepare(standing)
            groups = trial.climb_all(plan.groups)
            told = [_told(lack) for lack in shadow.findings]
            where = f"{shadow.kind.value}, PostgreSQL {shadow.version}"
        except ShadowUnavailable as exc:
            groups = tuple(planner.untried(g, exc.message) for g in plan.groups)
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
    return replace(found, findings=(*told, *found.findings), tried_on=where)


def _told(lack: NotCopied) -> Finding:
    return Finding(
        code="TZ318",
        severity=Severity.INFO,
        message=lack.text,
        hint="What leans on them could not be tried before the revision was written.",
    )


def _zones(group: Group) -> dict[Names, str]:
    return {
        (c.schema, c.relation, c.column): sql_zone(c.zone or "UTC")
        for c in group.converted
    }


def _names(group: Group) -> list[tuple[RelationName, str]]:
    return [
        (RelationName(schema=c.schema, name=c.relation), c.column)
        for c in group.converted
    ]


def _other_calls(
    connection: psycopg.Connection[Any],
    thing: Leaning,
    after: Definition | None,
    anew: Sequence[str],
    *,
    ranges: bool,
) -> str:
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


def _other_types(
    thing: Leaning, planned: PlannedDependent, now: Sequence[tuple[str, str]]
) -> str:
    was = dict(planned_types(thing))
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


def planned_types(thing: Leaning) -> Sequence[tuple[str, str]]:
    """Return the columns of naive time of a view, with their types before."""
    return [(c.name, c.type) for c in thing.outputs if c is not None]


def _foreign(group: Group, owners: Mapping[str, str]) -> tuple[Blocked, ...]:
    """Return what the role that runs the revision could not make anew."""
    return tuple(
        replace(
            _blocked(
                dependent,
                f"it belongs to {owners[dependent.label]}, for whom this role may not "
                "act",
                group,
            ),
            code="TZ140",
        )
        for dependent in group.dependents
        if dependent.label in owners
    )


def _failed(group: Group, error: psycopg.Error) -> Blocked:
    diag = error.diag
    message = diag.message_primary or str(error).partition("\n")[0]
    context = (diag.message_detail or "").strip()
    # messages of the support name a dependent by its label, PostgreSQL's by its name
    ours = message.startswith("tzmigrate ")
    for dependent in group.dependents:
        name = dependent.label if ours else (dependent.name or dependent.relation)
        if name in message:
            return _blocked(dependent, f"PostgreSQL says: {message}", group)
    return Blocked(
        label=f"the conversion of {readable_name(*_first(group))}",
        code="TZ315",
        reason=f"failed on an empty copy: {message}"
        + (f" ({context})" if context else ""),
        columns=tuple((c.schema, c.relation, c.column) for c in group.converted),
    )


def _first(group: Group) -> tuple[str, str]:
    relation = group.tables[0].relation
    return relation.schema, relation.name


def _blocked(dependent: PlannedDependent, reason: str, group: Group) -> Blocked:
    return Blocked(
        label=dependent.label,
        code=code_of(dependent.kind),
        reason=reason,
        columns=dependent.leans_on
        or tuple((c.schema, c.relation, c.column) for c in group.converted),
    )


def _refusals(group: Group, blocked: Sequence[Blocked]) -> dict[Names, Finding]:
    del group
    return {
        name: Finding(
            code=one.code,
            severity=Severity.BLOCKS,
            message=f"{one.label}: {one.reason}",
            hint="Drop it before the conversion and create it again afterwards with an "
            "expression for timestamptz. Or declare the column keep.",
        )
        for one in reversed(blocked)
        for name in one.columns
    }
