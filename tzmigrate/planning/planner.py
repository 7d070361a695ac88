"""Decide, without a server: inventory and verdicts in, plan out."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tzmigrate.inventory.model import (
    Column,
    Finding,
    Inventory,
    Relation,
    RelKind,
    Role,
    Severity,
)
from tzmigrate.planning import advice, families, locks
from tzmigrate.planning.ddl import alter_shared, alter_table, sql_zone
from tzmigrate.planning.expressions import convert_default
from tzmigrate.planning.model import (
    Action,
    Group,
    Plan,
    PlannedColumn,
    PlannedDependent,
    RelationName,
    Remade,
    Step,
    Strategy,
    Table,
)
from tzmigrate.planning.trees import Trees, own_defaults, torn
from tzmigrate.planning.types import CannotReplace, TypeBook, TypeFamily
from tzmigrate.postgres.quoting import readable_name
from tzmigrate.zones.model import Basis, ByColumn, Eras, Keep, Verdict, is_utc
from tzmigrate.zones.sessions import ZonedColumn, session_zone_findings

Names = tuple[str, str, str]

_STILL_NAIVE = frozenset(
    "TZ132 TZ133 TZ134 TZ143 TZ144 TZ170 TZ171 TZ172 TZ173 TZ174".split()
)
"""Functions, triggers and subscribers that may write or read naive time."""
_MADE_ANEW = frozenset(f"TZ{number}" for number in range(110, 127))
"""Dependents that the revision drops and makes again."""
_LEANING = frozenset(f"TZ{number}" for number in range(110, 140))
"""All that leans on a column, whether there is a way through or not."""
UNTRIED_CODE = "TZ316"
"""What leans on a column is made anew only after it was tried on a shadow."""
_HALF_A_KEY = "TZ118"
_UNITING = frozenset(("materialized view", "foreign key"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the user asked for (``[policy]``, design section 5).

    Attributes:
        lock_timeout: as PostgreSQL reads it.
        precision: ``widen`` drops a precision below six, ``keep`` keeps it.
        domains: ``zoned`` replaces a domain by a zoned one, ``base`` takes columns
            out of it.
        max_lock_ms: budget for one ACCESS EXCLUSIVE lock, in milliseconds.
        accept: codes of findings that shall not stop the plan.
    """

    gap: str = "refuse"
    overlap: str | None = None
    using: str = "auto"
    proof: str = "auto"
    precision: str = "keep"
    domains: str = "zoned"
    max_lock_ms: int = 5000
    lock_timeout: str = "2s"
    accept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedBefore:
    """A column that the revision of an earlier plan converts.

    Attributes:
        revision, file: Alembic's identifier, and the file's name.
        type_before, zone: what the revision was written for.
        done: the ledger says that it ran.
    """

    revision: str
    file: str
    type_before: str
    zone: str
    done: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What earlier plans wrote: steps taken, and columns with their revision."""

    slugs: frozenset[str] = frozenset()
    columns: Mapping[Names, PlannedBefore] = field(default_factory=dict)


class Planner:
    """Turns verdicts into groups, and one group into a smaller one.

    Args:
        inventory: what was scanned.
        verdicts: one for each column of the inventory that is stored.
        rules: what the user asked for.
        planned: revisions that exist already; their columns are not planned again.
        same_zones: pairs of names (session's, column's) that mean one zone.
        uniting: views in which columns of several tables must have one type.
        literals: the zoned default of each array or range column that has one, and
            of each domain over such a type, by ``oid``.
    """

    def __init__(
        self,
        inventory: Inventory,
        verdicts: Mapping[Names, Verdict],
        *,
        rules: Rules,
        planned: Planned,
        same_zones: frozenset[tuple[str, str]] = frozenset(),
        uniting: frozenset[str] = frozenset(),
        literals: Mapping[Names | int, str] | None = None,
    ) -> None:
        self._inventory = inventory
        self._verdicts = verdicts
        self._rules = rules
        self._planned = planned
        self._same_zones = same_zones
        self._uniting = uniting
        self._literals = literals or {}
        self._types = TypeBook(
            inventory,
            base=rules.domains == "base",
            literals={k: v for k, v in self._literals.items() if isinstance(k, int)},
        )
        self._refused: dict[Names, Finding] = {}
        self._remade: dict[tuple[str, str], Remade] = {}
        self._columns: dict[int, list[Column]] = defaultdict(list)
        self._trees = Trees(inventory)
        for column in inventory.columns:
            if column.role in {Role.STORED, Role.FOREIGN} and self._trees.is_origin(
                column
            ):
                self._columns[column.relation_oid].append(column)
        self._roots = sorted(
            (r for r in inventory.relations if self._columns[r.oid]),
            key=lambda r: self._trees.depth(r.oid),
        )

    def plan(self) -> Plan:
        """Decide for every column of the inventory."""
        columns = [c for of_one in self._columns.values() for c in of_one]
        whole = _whole_keys(columns, [self._decide(c) for c in columns])
        decided = dict(zip((c.name for c in columns), whole, strict=True))
        # the other side of a key may stand in another group, or in none
        self._refused |= {
            name: _refuse(planned.code or "", planned.reason, planned.hint)
            for name, planned in decided.items()
            if planned.action is Action.REFUSE and planned.code == _HALF_A_KEY
        }
        slugs = set(self._planned.slugs)
        groups = []
        for members in related(
            [r.oid for r in self._roots],
            [c for of_one in self._columns.values() for c in of_one],
            {name for name, c in decided.items() if c.action is Action.CONVERT},
            self._uniting,
            self._trees.united(r.oid for r in self._roots),
            types={
                c.name: family.key
                for of_one in self._columns.values()
                for c in of_one
                if (family := self._types.family(c)) is not None
            },
        ):
            relations = [r for r in self._roots if r.oid in members]
            slug = _slug(relations[0].name, slugs)
            slugs.add(slug)
            groups.append(self._group(relations, slug))
        return self.describe(groups)

    def without(self, group: Group, refused: Mapping[Names, Finding]) -> Group:
        """Plan a group again without some of its columns."""
        self._refused |= refused
        return self._again(group)

    def remaking(self, group: Group, remade: Mapping[tuple[str, str], Remade]) -> Group:
        """Plan a group again with what its generated columns ask for.

        Args:
            group: as it was planned.
            remade: by schema and name of the table.
        """
        known = {(r.schema, r.name) for r in group.relations}
        if {n: r for n, r in self._remade.items() if n in known} == remade:
            return group
        self._remade = {n: r for n, r in self._remade.items() if n not in known}
        self._remade |= remade
        return self._again(group)

    def _again(self, group: Group) -> Group:
        names = {(r.schema, r.name) for r in group.relations}
        roots = [r for r in self._roots if (r.schema, r.name) in names]
        return self._group(roots, group.slug)

    def untried(self, group: Group, why: str) -> Group:
        """Plan a group again as far as that is safe without a shadow."""
        columns = {c.name: c for of_one in self._columns.values() for c in of_one}
        leaning = {
            name: made_anew[0]
            for c in group.converted
            for name in ((c.schema, c.relation, c.column),)
            if (
                made_anew := [
                    d.name for d in columns[name].dependents if d.code in _MADE_ANEW
                ]
                + [readable_name(*name)] * c.generated
            )
        }
        return self.without(
            group,
            {
                name: _refuse(
                    UNTRIED_CODE,
                    f"{dependent} would be made anew, which is not done untried: {why}",
                    "Let the role create databases, or name a server for the shadow "
                    "with --shadow-url.",
                )
                for name, dependent in leaning.items()
            }
            | {
                name: _refuse(
                    UNTRIED_CODE,
                    f"the type of {readable_name(*name)} would be made anew, which is "
                    f"not done untried: {why}",
                    "Let the role create databases, or name a server for the shadow "
                    "with --shadow-url.",
                )
                for c in group.converted
                for name in ((c.schema, c.relation, c.column),)
                if self._types.family(columns[name]) is not None
            },
        )

    def describe(self, groups: Sequence[Group]) -> Plan:
        """Return the plan of these groups, with what concerns the whole of it."""
        inventory, rules = self._inventory, self._rules
        undecided = tuple(
            _undecided(c)
            for c in inventory.columns
            if c.role is Role.STORED
            and c.name in self._verdicts
            and self._verdicts[c.name].basis is Basis.UNDECIDED
            and c.name not in self._planned.columns
            and _blocked(c) is None
        )
        outdated = tuple(
            finding
            for c in inventory.columns
            if (before := self._planned.columns.get(c.name))
            and (finding := _outdated(c, self._verdicts.get(c.name), before))
        )
        sessions = session_zone_findings(
            inventory.server.database,
            inventory.server.zones,
            _converting(inventory, groups),
            same_zones=self._same_zones,
            accept=rules.accept,
        )
        stops = tuple(f for f in sessions if f.code not in rules.accept)
        return Plan(
            server=inventory.server,
            groups=tuple(groups),
            lock_timeout=rules.lock_timeout,
            findings=(
                *(f for f in sessions if f.code in rules.accept),
                *_still_writing_naive(inventory, groups),
                *families.widened(groups),
            ),
            decisions=(*outdated, *undecided, *stops),
            next_for_application=advice.for_application(groups),
        )

    def _decide(self, column: Column) -> PlannedColumn:
        return _column(
            column,
            self._verdicts.get(column.name),
            self._rules,
            self._planned,
            self._types,
            refused=self._refused.get(column.name),
            literal=self._literals.get(column.name),
        )

    def _group(self, roots: Sequence[Relation], slug: str) -> Group:
        columns = [c for r in roots for c in self._columns[r.oid]]
        decided = self._together(columns, [self._decide(c) for c in columns])
        converting = [c for c in decided if c.action is Action.CONVERT]
        rules = self._rules
        group = Group(
            slug=slug,
            relations=tuple(
                dict.fromkeys(
                    RelationName(schema=r.schema, name=r.name)
                    for root in roots
                    for r in (root, *self._trees.below(root.oid))
                )
            ),
            columns=tuple(decided),
            strategy=_strategy(
                decided,
                converting,
                rules,
                rewrites=any(self._rewrites(r) for r in roots),
            ),
            row_security=any(r.row_security for r in roots),
            rows=_total([r.rows for r in self._trees.tops(roots)]),
            bytes=sum(r.bytes for r in self._trees.tops(roots)),
        )
        if not converting:
            return group
        try:
            types = self._replaced(columns, converting)
        except CannotReplace as stop:
            self._refused |= dict.fromkeys(
                (c.name for c in columns if stop.type_ in self._types.types(c)),
                stop.finding,
            )
            return self._group(roots, slug)
        zones = {sql_zone(c.zone or "UTC") for c in converting}
        always = rules.using == "always" or len(zones) > 1
        bound = families.bound_zones(converting)
        session_zone = sql_zone(bound[0]) if bound else "Etc/UTC"
        if not bound and not always:
            session_zone = zones.pop()
        by_name = {c.name: c for c in columns}
        pairs = [(by_name[c.schema, c.relation, c.column], c) for c in converting]
        style = _Style(session_zone=session_zone, always=always)
        shared = self._trees.shared(column for column, _ in pairs)
        apart = {c.name for members in shared for c in members}
        tables = tuple(
            _table(
                r,
                [c for c in converting if _of(c, r)],
                frozenset(apart),
                rules=rules,
                style=style,
                remade=self._remade.get((r.schema, r.name), Remade(rewrites=False)),
            )
            for r in roots
            if any(_of(c, r) for c in converting)
        )
        tables = self._rewritten_together(roots, tables)
        estimate, reason = self._estimate(roots, tables)
        if estimate > rules.max_lock_ms:
            over = _over_budget(group, estimate, rules)
            return replace(group, columns=over, strategy=Strategy.REFUSE)
        return replace(
            group,
            session_zone=session_zone,
            tables=tables,
            shared=_shared(shared, {c.name: p for c, p in pairs}, style),
            own_defaults=own_defaults(self._trees, pairs, apart),
            types=types,
            lock_estimate_ms=estimate,
            lock_reason=reason,
        )

    def _rewritten_together(
        self, roots: Sequence[Relation], tables: Sequence[Table]
    ) -> tuple[Table, ...]:
        """Announce for each table of a tree the rewrite that another one brings."""
        oids = {RelationName(schema=r.schema, name=r.name): r.oid for r in roots}
        trees = self._trees.united(oids[t.relation] for t in tables)
        found = tuple(tables)
        for tree in trees:
            inside = [t for t in found if oids[t.relation] in tree]
            up = any(t.strategy is Strategy.REWRITE for t in inside)
            down = any(
                (t.strategy_back or t.strategy) is Strategy.REWRITE for t in inside
            )
            found = tuple(
                replace(
                    t,
                    strategy=Strategy.REWRITE if up else t.strategy,
                    strategy_back=Strategy.REWRITE if down else t.strategy_back,
                )
                if t in inside
                else t
                for t in found
            )
        return found

    def _rewrites(self, relation: Relation) -> bool:
        remade = self._remade.get((relation.schema, relation.name))
        return remade is not None and remade.rewrites

    def _together(
        self, columns: Sequence[Column], decided: Sequence[PlannedColumn]
    ) -> list[PlannedColumn]:
        """Refuse what cannot convert because something else does not."""
        found = list(decided)
        while True:
            before = found
            found = _one_session(self._whole_types(columns, found))
            found = _whole_keys(columns, found)
            for one in torn(self._trees, columns, found):
                found[one.index] = _staying(
                    found[one.index], one.code, one.reason, one.hint
                )
            if found == before:
                return found

    def _whole_types(
        self, columns: Sequence[Column], decided: Sequence[PlannedColumn]
    ) -> list[PlannedColumn]:
        """Refuse what would convert a part of the columns of one type."""
        found = list(decided)
        zones = {
            (c.schema, c.relation, c.column): sql_zone(c.zone or "UTC")
            for c in found
            if c.action is Action.CONVERT
        }
        for i, column in enumerate(columns):
            family = self._types.family(column)
            if family is None or column.name not in zones:
                continue
            staying = [name for name in family.columns if name not in zones]
            if staying or len({zones[name] for name in family.columns}) > 1:
                found[i] = _other_type(found[i], family, staying)
        return found

    def _replaced(
        self, columns: Sequence[Column], converting: Sequence[PlannedColumn]
    ) -> tuple[PlannedDependent, ...]:
        zones = {(c.schema, c.relation, c.column): c.zone or "UTC" for c in converting}
        found = {
            family.key: family
            for c in columns
            if c.name in zones and (family := self._types.family(c)) is not None
        }
        return self._types.replaced(
            found.values(),
            {key: sql_zone(zones[f.columns[0]]) for key, f in found.items()},
        )

    def _estimate(
        self, roots: Sequence[Relation], tables: Sequence[Table]
    ) -> tuple[int, str]:
        strategies = {(t.relation.schema, t.relation.name): t.strategy for t in tables}
        locked = [
            (r, self._columns[r.oid], strategies[(r.schema, r.name)])
            for r in roots
            if (r.schema, r.name) in strategies
        ]
        views = {
            f"materialized view {readable_name(r.schema, r.name)}": r
            for r in self._inventory.relations
            if r.relkind is RelKind.MATERIALIZED_VIEW
        }
        refreshed = {
            d.name: views[d.name]
            for _, columns, _ in locked
            for c in columns
            for d in c.dependents
            if d.name in views
        }
        return locks.estimate(locked, list(refreshed.values()))


def related(
    roots: Sequence[int],
    columns: Iterable[Column],
    converting: set[Names],
    uniting: frozenset[str] = frozenset(),
    trees: Iterable[set[int]] = (),
    *,
    types: Mapping[Names, int] | None = None,
) -> list[set[int]]:
    """Unite the tables that must convert in one step.

    These are the two sides of a foreign key, what one materialized view reads, which
    would else be refreshed once for each of them, what a view puts into one column,
    what stands in one tree, and the columns of one domain or composite type.

    Args:
        roots: ``oid`` of each table or root of a tree, in the order of the result.
        columns: their candidates.
        converting: names of those that will be converted.
        uniting: names of such views.
        trees: relations that are locked with each other.
        types: of a column, what its domain or composite type is known by.
    """
    group = {oid: {oid} for oid in roots}
    for tree in trees:
        members = {oid for oid in roots if oid in tree}
        group |= dict.fromkeys(members, members)
    first: dict[tuple[str, str], int] = {}
    for column in columns:
        if column.name not in converting:
            continue
        shared = [
            (dependent.kind, dependent.name)
            for dependent in column.dependents
            if dependent.kind in _UNITING or dependent.name in uniting
        ]
        if types and column.name in types:
            shared.append(("type", str(types[column.name])))
        for what in shared:
            other = first.setdefault(what, column.relation_oid)
            joined = group[other] | group[column.relation_oid]
            for oid in joined:
                group[oid] = joined
    found: list[set[int]] = []
    for oid in roots:
        if group[oid] not in found:
            found.append(group[oid])
    return found


def _whole_keys(
    columns: Sequence[Column], decided: Sequence[PlannedColumn]
) -> list[PlannedColumn]:
    """Refuse what would convert one side of a foreign key without the other."""
    found = list(decided)
    while True:
        staying = {
            d.name: c
            for c, planned in zip(columns, found, strict=True)
            for d in c.dependents
            if d.kind == "foreign key" and planned.action is not Action.CONVERT
        }
        broken = [
            (i, d.name)
            for i, (c, planned) in enumerate(zip(columns, found, strict=True))
            for d in c.dependents
            if planned.action is Action.CONVERT and d.name in staying
        ]
        if not broken:
            return found
        for i, name in broken:
            other = readable_name(*staying[name].name)
            found[i] = _staying(
                found[i],
                _HALF_A_KEY,
                f"{name} compares it with {other}, which stays as it is",
                f"Settle {other} first: both sides of a foreign key convert together.",
            )


def _staying(column: PlannedColumn, code: str, reason: str, hint: str) -> PlannedColumn:
    return replace(
        column,
        type_after=column.type_before,
        action=Action.REFUSE,
        code=code,
        reason=reason,
        hint=hint,
        default_after=column.default_before,
    )


def _one_session(decided: Sequence[PlannedColumn]) -> list[PlannedColumn]:
    """Refuse what converts by the session's zone, in all zones but one."""
    converting = [c for c in decided if c.action is Action.CONVERT]
    bound = families.bound_zones(converting)
    if len({sql_zone(z) for z in bound}) <= 1:
        return list(decided)
    return [
        _other_session(c, bound[0])
        if c.action is Action.CONVERT
        and families.needs_session(c)
        and sql_zone(c.zone or "UTC") != sql_zone(bound[0])
        else c
        for c in decided
    ]


def _other_type(
    column: PlannedColumn, family: TypeFamily, staying: Sequence[Names]
) -> PlannedColumn:
    label = readable_name(column.schema, column.relation, column.column)
    other = readable_name(*staying[0]) if staying else ""
    why = f"{other} stays as it is" if staying else "they are in several zones"
    hint = f"Settle {other} first" if staying else "Declare one zone for all of them"
    return _staying(
        column,
        families.TYPE_CODE,
        f"{label} is of {family.words}, whose columns convert together: {why}",
        f'{hint}; or set domains = "base" under [policy].',
    )


def _other_session(column: PlannedColumn, zone: str) -> PlannedColumn:
    label = readable_name(column.schema, column.relation, column.column)
    return _staying(
        column,
        families.ZONES_CODE,
        f"{label} converts under {column.zone} as the session's zone, and another "
        f"column of the same step under {zone}",
        "Apply this plan, then plan again: it gets a revision of its own.",
    )


def _of(column: PlannedColumn, relation: Relation) -> bool:
    return (column.schema, column.relation) == (relation.schema, relation.name)


def _total(rows: Sequence[int]) -> int:
    return -1 if min(rows) < 0 else sum(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Style:
    """How statements are written, as ``alter_table`` takes it."""

    session_zone: str
    always: bool


def _table(
    relation: Relation,
    converting: Sequence[PlannedColumn],
    apart: frozenset[Names],
    *,
    rules: Rules,
    style: _Style,
    remade: Remade,
) -> Table:
    name = RelationName(schema=relation.schema, name=relation.name)
    own = tuple(c for c in converting if (c.schema, c.relation, c.column) not in apart)
    step = None
    if own or remade.drops:
        step = alter_table(
            name,
            own,
            sql_zones=_sql_zones(own),
            session_zone=style.session_zone,
            always=style.always,
            remade=remade,
        )
    return Table(
        relation=name,
        step=step,
        strategy=_strategy(converting, converting, rules, rewrites=remade.rewrites),
        strategy_back=None
        if all(families.is_free_back(c) for c in converting)
        else Strategy.REWRITE,
        key=relation.key,
        key_types=relation.key_types,
    )


def _shared(
    shared: Sequence[Sequence[Column]],
    planned: Mapping[Names, PlannedColumn],
    style: _Style,
) -> tuple[Step, ...]:
    """Write one statement for the columns that the same tables have in common."""
    by_roots: dict[tuple[RelationName, ...], list[PlannedColumn]] = defaultdict(list)
    for members in shared:
        roots = sorted((c.schema, c.relation) for c in members)
        names = tuple(RelationName(schema=s, name=r) for s, r in roots)
        by_roots[names].append(planned[members[0].name])
    return tuple(
        alter_shared(
            roots,
            tuple(columns),
            sql_zones=_sql_zones(columns),
            session_zone=style.session_zone,
            always=style.always,
        )
        for roots, columns in by_roots.items()
    )


def _sql_zones(columns: Iterable[PlannedColumn]) -> dict[str, str]:
    return {c.column: sql_zone(c.zone or "UTC") for c in columns}


def _still_writing_naive(
    inventory: Inventory, groups: Iterable[Group]
) -> Iterator[Finding]:
    """Repeat what scan found about code that goes on with naive time afterwards."""
    names = {(c.schema, c.relation, c.column) for g in groups for c in g.converted}
    seen = set()
    for column in inventory.columns:
        for finding in column.findings:
            if (
                column.name in names
                and finding.code in _STILL_NAIVE
                and finding not in seen
            ):
                seen.add(finding)
                yield finding


def _converting(inventory: Inventory, groups: Iterable[Group]) -> Iterator[ZonedColumn]:
    oids = {(r.schema, r.name): r.oid for r in inventory.relations}
    for group in groups:
        for c in group.converted:
            yield ZonedColumn(
                name=(c.schema, c.relation, c.column),
                relation_oid=oids[(c.schema, c.relation)],
                zone=c.zone or "UTC",
            )


def _column(
    column: Column,
    verdict: Verdict | None,
    rules: Rules,
    planned: Planned,
    types: TypeBook,
    *,
    refused: Finding | None = None,
    literal: str | None = None,
) -> PlannedColumn:
    def decide(action: Action, code: str, reason: str, hint: str) -> PlannedColumn:
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
        outdated = _outdated(column, verdict, before)
        if outdated is not None:
            found = decide(
                Action.REFUSE, outdated.code, outdated.message, outdated.hint
            )
        else:
            found = decide(
                Action.KEEP,
                "TZ312",
                f"planned in revision {before.revision}",
                "Run tzmigrate apply.",
            )
        return replace(found, planned_in=before.revision)
    if verdict is not None and isinstance(verdict.meaning, Keep):
        return decide(Action.KEEP, "TZ309", f"kept as declared by {verdict.source}", "")
    refusal = _blocked(column) or refused or _zone_refusal(column, verdict, rules)
    refusal = refusal or _type_refusal(column, types)
    if refusal is not None:
        return decide(Action.REFUSE, refusal.code, refusal.message, refusal.hint)
    zone = verdict.zone if verdict else None
    if zone is None:
        finding = _undecided(column)
        return decide(Action.REFUSE, finding.code, finding.message, finding.hint)
    default_after = None
    base = types.base(column)
    kind = base or column.type
    if column.default is not None and families.cast_of(kind) is not families.Cast.ZONE:
        if literal is None:
            finding = _computed_default(column)
            return decide(Action.REFUSE, finding.code, finding.message, finding.hint)
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


def _outdated(
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


def _blocked(column: Column) -> Finding | None:
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
            hint="Convert the remote column first, then this one by hand, or declare "
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


def _type_refusal(column: Column, types: TypeBook) -> Finding | None:
    if families.cast_of(column.type) is None and not types.knows(column):
        return _unknown_type(column)
    return types.refusal(column)


def _computed_default(column: Column) -> Finding:
    label = readable_name(*column.name)
    return _refuse(
        families.DEFAULT_CODE,
        f"default {column.default} of {label} is not a constant of built-in functions, "
        "and no other keeps its meaning",
        "Drop the default, or make it a constant of built-in functions; or declare "
        f'"{label}" = "keep" under [zones].',
    )


def _undecided(column: Column) -> Finding:
    label = readable_name(*column.name)
    return Finding(
        code="TZ302",
        severity=Severity.BLOCKS,
        message=f"the zone of column {label} is not declared",
        hint=f"State it with --zone '{label}=Area/City', or under [zones] in "
        'tzmigrate.toml; default = "UTC" there decides for all others.',
    )


def _zone_refusal(
    column: Column, verdict: Verdict | None, rules: Rules
) -> Finding | None:
    if verdict is None:
        return None
    label = readable_name(*column.name)
    if isinstance(verdict.meaning, ByColumn | Eras):
        what = "in each row" if isinstance(verdict.meaning, ByColumn) else "by eras"
        return _refuse(
            "TZ303",
            f"the zone of {label} is declared {what}, which is not converted yet",
            f'Declare "{label}" = "keep" under [zones] to plan without it.',
        )
    return _rows_refusal(label, verdict, rules)


def _rows_refusal(label: str, verdict: Verdict, rules: Rules) -> Finding | None:
    """Return what stops a column for its values, the worst first."""
    if verdict.beyond:
        return _refuse(
            "TZ311",
            f"{_stand(verdict.beyond, label)} at the ends of what a timestamp "
            f"can hold, and conversion from {verdict.zone} would go beyond",
            "Set them to infinity or -infinity, or to a date within the range.",
        )
    if verdict.gap and rules.gap != "shift":
        return _refuse(
            "TZ304",
            f"{_stand(verdict.gap, label)} in hours that {verdict.zone} skips",
            "Correct these rows (docs/how-to/gap-rows.md finds them), or declare "
            "another zone for the column.",
        )
    if verdict.gap:
        return _refuse(
            "TZ310",
            f"{_stand(verdict.gap, label)} in hours that {verdict.zone} skips, "
            'and policy gap = "shift" is not available yet',
            "Correct these rows first; docs/how-to/gap-rows.md finds them.",
        )
    if verdict.overlap and rules.overlap != "later":
        return _refuse(
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


def _refuse(code: str, message: str, hint: str) -> Finding:
    return Finding(code=code, severity=Severity.BLOCKS, message=message, hint=hint)


def _strategy(
    decided: Sequence[PlannedColumn],
    converting: Sequence[PlannedColumn],
    rules: Rules,
    *,
    rewrites: bool,
) -> Strategy:
    if not converting:
        kept = all(c.action is Action.KEEP for c in decided)
        return Strategy.KEEP if kept else Strategy.REFUSE
    free = all(is_utc(c.zone or "") and families.is_free(c) for c in converting)
    if free and not rewrites and rules.using != "always":
        return Strategy.METADATA
    return Strategy.REWRITE


def _over_budget(
    group: Group, estimate: int, rules: Rules
) -> tuple[PlannedColumn, ...]:
    first = group.relations[0]
    label = readable_name(first.schema, first.name)
    return tuple(
        c
        if c.action is not Action.CONVERT
        else _staying(
            c,
            "TZ306",
            f"{label} would be locked for about {estimate} ms, "
            f"the budget is {rules.max_lock_ms} ms",
            "Raise max_lock under [policy] if a maintenance window allows it.",
        )
        for c in group.columns
    )


def _slug(name: str, taken: set[str]) -> str:
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:40] or "table"
    slug = f"tz_{plain}"
    number = 1
    while slug in taken:
        number += 1
        slug = f"tz_{plain}_{number}"
    return slug
