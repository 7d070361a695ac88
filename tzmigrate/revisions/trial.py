"""Trials on one shadow: groups go up, down, and up again, as one where they can."""

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import md5
from pathlib import Path
from threading import Event, RLock
from typing import Any

import psycopg
from psycopg import sql

from tzmigrate.errors import DecisionNeeded
from tzmigrate.inventory.routines.model import RoutineReading
from tzmigrate.planning.ddl import sql_zone
from tzmigrate.planning.dependents import plan_dependents
from tzmigrate.planning.families import Cast, how
from tzmigrate.planning.leaning import (
    read_apart,
    read_definitions,
    read_leaning,
    read_readers,
    read_view_types,
)
from tzmigrate.planning.model import (
    DependentKind,
    Group,
    PlannedDependent,
    RelationName,
    Strategy,
)
from tzmigrate.planning.planner import Planner
from tzmigrate.planning.remaking import Blocked
from tzmigrate.planning.rules import Names
from tzmigrate.planning.things import Definition, Found
from tzmigrate.planning.unqualified import Bound, digest, in_schema
from tzmigrate.postgres.errors import from_psycopg, translated
from tzmigrate.postgres.quoting import quote_literal, readable_identifier
from tzmigrate.revisions import quick, support
from tzmigrate.revisions.functions import not_kept, plan_routines
from tzmigrate.revisions.objections import (
    Misunderstood,
    bound,
    bound_definition,
    failed,
    foreign,
    objection,
    other_calls,
    other_types,
    rebound,
    refusals,
    unfilled,
)
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
    ('enable_mergejoin', 'off'), ('enable_material', 'off'),
    ('synchronous_commit', 'off')
) AS s (name, value)
"""
"""Each group is a few rows of catalogs that may be large; all else there is empty, and
nothing has to outlive a crash."""

_DEAF = 0.1
"""Seconds after which what still runs is told once more to stop."""

_AGAIN = "SET LOCAL tzmigrate.again = 'yes'"
"""How trial.sql is told of a run after the first."""

_FIRST = "SET LOCAL tzmigrate.again = 'no'"

_AS_BEFORE = (
    "SELECT set_config('search_path', current_setting('tzmigrate.around'), true)"
)
"""Takes back what ``_as_tenant`` has set."""

Key = tuple[str, str, str | None]
Definitions = Mapping[Key, Definition]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What earlier plans wrote.

    Attributes:
        done: steps that the ledger calls done.
        pending: files of those still to be applied, in their order, with the schema
            that their names leave out, and their statements.
    """

    done: Collection[str] = ()
    pending: Sequence[tuple[Path, str | None, Sequence[str]]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What every trial of one plan shares.

    Attributes:
        connection: to the shadow, in autocommit mode.
        planner: plans a group again without the columns that did not get through.
        zoned_views: ``[policy] views``.
        original: what leans on the columns in the database that is planned for.
        owners: of what there belongs to roles that this one may not act for.
        closed: a role and what it may not read, of what is refreshed there.
        routines: functions to rewrite where that is certain; ``None``: none.
        others: connections to further shadows, which are like this one.
        schema: the one that the names of the revisions leave out, ``None``: none.
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
    closed: Callable[[Sequence[PlannedDependent]], Mapping[str, tuple[str, str]]]
    routines: RoutineReading | None = None
    others: Sequence[psycopg.Connection[Any]] = ()
    schema: str | None = None
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
                " (step, direction, revision, session_zone, gap, overlap, done_at,"
                " unfinished) SELECT s, 'up', '', '', '', '', now(), NULL"
                " FROM unnest(%s::text[]) AS s",
                (list(standing.done),),
            )
        for path, schema, statements in standing.pending:
            try:
                with self.connection.transaction():
                    if schema is not None:
                        self.connection.execute(_as_tenant(schema).encode())
                    for text in statements:
                        self.connection.execute(text.encode())
            except psycopg.Error as error:
                raise DecisionNeeded(
                    "TZ319",
                    f"planned revision {path.name} does not fit the database any more",
                    detail=error.diag.message_primary or str(error),
                    # somebody converted a column by hand: it says what to run
                    hint=error.diag.message_hint or ""
                    if error.sqlstate == "TZ344"
                    else f"Delete {path} and the other planned files that are not "
                    "applied yet, then run tzmigrate plan again.",
                ) from error

    def climb_all(self, groups: Sequence[Group]) -> tuple[Group, ...]:
        """Return all groups as they get up, down and up again on the shadow.

        Those that share no dependent are tried as one group, which is much faster;
        where that fails, each by itself, so that what fails is known by its name.
        Where there are further shadows, groups on which nothing leans together are
        tried there at the same time.
        """
        if self.routines is not None or self.schema is not None:
            # which functions can be rewritten depends on all that converted before;
            # and what is bound to a schema is found where the revision itself runs
            return tuple(self.climb(group) for group in groups)
        leaning = self.planner.leaning(groups)
        shared = self._shared(groups, leaning)
        trials = [self, *(replace(self, connection=other) for other in self.others)]
        lanes = share_out(groups, shared, len(trials))
        with ThreadPoolExecutor(len(trials)) as pool:
            runs = [
                pool.submit(trial._climb, lane, leaning, shared, len(trials))
                for trial, lane in zip(trials, lanes, strict=True)
            ]
            try:
                found = {g.slug: g for run in as_completed(runs) for g in run.result()}
            except BaseException:
                self.stopped.set()
                # who is between two statements does not hear it
                while wait(runs, timeout=_DEAF).not_done:
                    for trial in trials:
                        trial.connection.cancel_safe()
                raise
        return tuple(found[g.slug] for g in groups)

    def _shared(self, groups: Sequence[Group], leaning: Leanings) -> Leanings:
        """Return what leans on the groups, with what reads them by views alone.

        What two groups share decides which of them is to be tried first.
        """
        readers = read_readers(self.connection, [names_of(g) for g in groups])
        self.connection.commit()
        return {
            group.slug: leaning[group.slug] | more
            for group, more in zip(groups, readers, strict=True)
        }

    def _climb(
        self,
        groups: Sequence[Group],
        leaning: Leanings,
        shared: Leanings,
        lanes: int,
    ) -> Iterable[Group]:
        locks = read_locks(self.connection, groups, leaning, lanes=lanes)
        found = [group for group in groups if not group.tables]
        for batch in batches(groups, shared, locks):
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
        apart = read_apart(self.connection, [names_of(g) for g in groups])
        for group, leaning in zip(groups, apart, strict=True):
            if leaning is None:
                found.append(group)
                continue
            replanned, tried, blocked = self._planned(group, leaning)
            found.append(replanned)
            if replanned.tables and not blocked:
                ready.append(_Ready(tried, leaning))
        with self.alone:
            dependents = [d for r in ready for d in r.group.dependents]
            owners, closed = self.owners(dependents), self.closed(dependents)
        able = {
            r.group.slug: r
            for r in ready
            if not (foreign(r.group, owners) or unfilled(r.group, closed))
        }
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
        except (Misunderstood, psycopg.Error):
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
            found = read_leaning(self.connection, names_of(group), group.types)
            group, tried, blocked = self._planned(group, found)
            if not group.tables:
                return group
            if not blocked and self.schema is not None:
                blocked = bound(tried, self.schema)
            if not blocked and tried.dependents:
                with self.alone:
                    blocked = foreign(tried, self.owners(tried.dependents)) or unfilled(
                        tried, self.closed(tried.dependents)
                    )
            if not blocked:
                tried, blocked = self._try(tried, found)
            if not blocked:
                self.converted.update(_zones(tried))
                return tried
            with self.alone:
                group = self.planner.without(group, refusals(blocked))
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
            rewrites=any(
                Strategy.REWRITE in {t.strategy, t.strategy_back} for t in group.tables
            ),
        )
        with self.alone:
            group = self.planner.remaking(group, remade)
        # a copy may print a text otherwise than the original
        types = tuple(replace(t, before=()) for t in group.types)
        functions = self._functions(_zones(group)) if group.tables else ()
        if self.schema is not None:
            functions = tuple(in_schema(functions, self.schema))
        tried = replace(group, dependents=(*functions, *dependents, *types))
        if not blocked and tried.tables and tried.dependents:
            with self.alone:
                original = self.original(names_of(tried))
            ready = _Ready(tried, found)
            blocked = rebound(ready.planned, found.things, original, tried)
        if not blocked and self.routines is not None:
            zones = _zones(tried)
            blocked = not_kept(self.routines, zones, {**self.converted, **zones})
        return group, tried, blocked

    def _try(self, group: Group, found: Found) -> tuple[Group, tuple[Blocked, ...]]:
        try:
            with self.connection.transaction():
                return self._up_down_up([_Ready(group, found)])[0], ()
        except Misunderstood as wrong:
            return group, wrong.blocked
        except psycopg.Error as error:
            ours = from_psycopg(error)
            if ours is not None and isinstance(error, psycopg.OperationalError):
                # a lock, a lost connection, a full disk: says nothing of the group;
                # limits and states of objects, which psycopg files there too, do
                raise ours from error
            return group, (failed(group, error),)

    def _up_down_up(self, ready: Sequence["_Ready"]) -> list[Group]:
        """Try groups as one, in the open transaction; add what digests tell them by."""
        whole = _as_one([r.group for r in ready])
        together = len(ready) > 1
        was = self._type_digests(whole)
        up = self._statements(whole, "up")
        self._run(whole, "up", up, together=together)
        after = read_definitions(self.connection, names_of(whole), whole.types)
        self._check(ready, after)
        now = self._type_digests(whole)
        groups = [
            _with_type_digests(
                self._with_digests(r.group, r.found, after), was, now, self._digest
            )
            for r in ready
        ]
        whole = _as_one(groups)
        down = self._statements(whole, "down")
        self._run(whole, "down", down, together=together, again=True)
        # digests stand in the calls alone that several groups as one do without
        up = up if together else self._statements(whole, "up")
        if self.schema is not None:
            self._elsewhere(self.schema, up, down)
        self._run(whole, "up", up, together=together, again=True)
        return groups

    def _elsewhere(self, schema: str, up: Sequence[str], down: Sequence[str]) -> None:
        """Run the same where the schema has another name: nothing is bound to it."""
        other = f"""tz's "{secrets.token_hex(8)}" other"""
        with self.connection.transaction(force_rollback=True):
            self.connection.execute(
                sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(
                    sql.Identifier(schema), sql.Identifier(other)
                )
            )
            for statements, again in ((up, _FIRST), (down, _AGAIN)):
                self._send(
                    [again, _as_tenant(other), support.guard(), *statements, _AS_BEFORE]
                )

    def _type_digests(self, group: Group) -> dict[str, str]:
        """Return what the types that are replaced are known by, as they are now."""
        found = {}
        for type_ in group.types:
            row = self.connection.execute(
                "SELECT tzmigrate.definition(%(kind)s, f.class, f.object, f.sub)"
                " FROM tzmigrate.find_dependent(%(kind)s, %(name)s, NULL) AS f",
                {"kind": type_.kind.value, "name": type_.relation},
            ).fetchone()
            if row is not None and row[0] is not None:
                found[type_.relation] = self._digest(type_, row[0])
        return found

    def _digest(self, dependent: PlannedDependent, text: str) -> str:
        if self.schema is None:
            return md5(text.encode(), usedforsecurity=False).hexdigest()
        return digest(dependent.kind, text, self.schema)

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

    def _statements(self, group: Group, direction: Direction) -> list[str]:
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
            schema=self.schema,
        )
        return [s.sql for s in statements]

    def _run(
        self,
        group: Group,
        direction: Direction,
        statements: Sequence[str],
        *,
        together: bool,
        again: bool = False,
    ) -> None:
        said = [_AGAIN] if again else []
        if together:
            opening = quick.opening(statements, group, direction, again=again)
            self._send([*said, *opening])
            self._send(quick.following(statements, group, self._bare(group)))
        elif self.schema is None:
            self._send([*said, support.guard(), *statements])
        else:
            here = _as_tenant(self.schema)
            self._send([*said, here, support.guard(), *statements, _AS_BEFORE])

    def _send(self, statements: Iterable[str]) -> None:
        # one after the other, but sent together: there are thousands of them
        self.connection.execute(";\n".join(statements).encode())

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
                reason = other_calls(
                    self.connection, thing, after.get(thing.key), anew, ranges=ranges
                )
                if not reason and thing.outputs:
                    reason = other_types(thing, planned, types[thing.relation])
                if reason:
                    wrong.append(objection(planned, reason, one.group))
        if wrong:
            raise Misunderstood(tuple(wrong))

    def _with_digests(self, group: Group, found: Found, after: Definitions) -> Group:
        """Add what the revision will know the texts by."""
        with self.alone:
            original = self.original(names_of(group))
        before = {t.key: Definition(t.text, t.tree) for t in found.things}

        def digests(
            dependent: PlannedDependent, *sources: Definitions
        ) -> tuple[str, ...]:
            key = (dependent.kind.value, dependent.relation, dependent.name)
            texts = {s[key].text for s in sources if key in s}
            try:
                return tuple(sorted({self._digest(dependent, t) for t in texts}))
            except Bound as error:
                raise Misunderstood(
                    (bound_definition(dependent, group, error),)
                ) from error

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


def _as_tenant(schema: str) -> str:
    """Return the statement by which env.py says for whom it works."""
    path = quote_literal(readable_identifier(schema))
    return (
        "SELECT set_config('tzmigrate.around', current_setting('search_path'), true),"
        f" set_config('search_path', {path}, true)"
    )


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
    group: Group,
    was: Mapping[str, str],
    now: Mapping[str, str],
    digest_of: Callable[[PlannedDependent, str], str],
) -> Group:
    original = {t.relation: digest_of(t, t.definition) for t in group.types}
    return replace(
        group,
        dependents=tuple(
            replace(
                d,
                before=tuple(sorted({original[d.relation], was[d.relation]})),
                after=(now[d.relation],),
            )
            if d.kind in _TYPES and d.relation in was
            else d
            for d in group.dependents
        ),
    )


_TYPES = frozenset((DependentKind.DOMAIN, DependentKind.COMPOSITE))


def _zones(group: Group) -> dict[Names, str]:
    return {
        (c.schema, c.relation, c.column): sql_zone(c.zone or "UTC")
        for c in group.converted
    }


def names_of(group: Group) -> list[tuple[RelationName, str]]:
    """Return table and column of all that a group converts."""
    return [
        (RelationName(schema=c.schema, name=c.relation), c.column)
        for c in group.converted
    ]
