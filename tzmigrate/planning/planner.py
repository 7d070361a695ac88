"""Decide, without a server: inventory and verdicts in, plan out."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from tzmigrate.inventory.model import (
    Column,
    Finding,
    Inventory,
    Relation,
    RelKind,
    Role,
)
from tzmigrate.planning import advice, families, locks, moments, refusals, writers
from tzmigrate.planning.ddl import sql_zone
from tzmigrate.planning.deciding import decide
from tzmigrate.planning.model import (
    Action,
    Group,
    Parking,
    Plan,
    PlannedColumn,
    PlannedDependent,
    RelationName,
    Remade,
    Strategy,
    Table,
)
from tzmigrate.planning.rules import Names, Planned, Rules
from tzmigrate.planning.tables import (
    Style,
    rewritten_together,
    shared_steps,
    strategy,
    table,
)
from tzmigrate.planning.together import (
    HALF_A_KEY,
    one_session,
    related,
    whole_keys,
    whole_types,
)
from tzmigrate.planning.trees import Trees, asked_together, own_defaults, torn
from tzmigrate.planning.types import CannotReplace, TypeBook
from tzmigrate.postgres.quoting import readable_name
from tzmigrate.zones.model import Basis, Verdict
from tzmigrate.zones.sessions import ZonedColumn, session_zone_findings

_MADE_ANEW = frozenset(f"TZ{number}" for number in range(110, 127))
"""Dependents that the revision drops and makes again."""


class Planner:
    """Turns verdicts into groups, and one group into a smaller one.

    Args:
        inventory: what was scanned.
        verdicts: one for each column of the inventory that is stored.
        rules: what the user asked for.
        planned: revisions that exist already; their columns are not planned again.
        same_zones: pairs of names (session's or default's, column's) that mean one
            zone.
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
        self._stored_views = {
            f"materialized view {readable_name(r.schema, r.name)}": r
            for r in inventory.relations
            if r.relkind is RelKind.MATERIALIZED_VIEW
        }

    @property
    def tables(self) -> int:
        """How many tables there are to decide about, trees of partitions as one."""
        return len(self._roots)

    def plan(self) -> Plan:
        """Decide for every column of the inventory."""
        columns = [c for of_one in self._columns.values() for c in of_one]
        whole = whole_keys(columns, [self._decide(c) for c in columns])
        decided = dict(zip((c.name for c in columns), whole, strict=True))
        # the other side of a key may stand in another group, or in none
        self._refused |= {
            name: refusals.refuse(planned.code or "", planned.reason, planned.hint)
            for name, planned in decided.items()
            if planned.action is Action.REFUSE and planned.code == HALF_A_KEY
        }
        slugs = set(self._planned.slugs)
        place = {r.oid: n for n, r in enumerate(self._roots)}
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
            places = sorted(place[oid] for oid in members)
            relations = [self._roots[n] for n in places]
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

    def leaning(self, groups: Iterable[Group]) -> dict[str, set[tuple[str, str]]]:
        """Return kind and name of what leans on the columns of each group, by slug."""
        columns = {c.name: c for of_one in self._columns.values() for c in of_one}
        return {
            group.slug: {
                (d.kind, d.name)
                for c in group.converted
                for d in columns[c.schema, c.relation, c.column].dependents
            }
            for group in groups
        }

    def _again(self, group: Group) -> Group:
        names = {(r.schema, r.name) for r in group.relations}
        roots = [r for r in self._roots if (r.schema, r.name) in names]
        return self._group(roots, group.slug)

    def untried(self, group: Group, why: str) -> Group:
        """Plan a group again as far as that is safe without a shadow."""
        columns = {c.name: c for of_one in self._columns.values() for c in of_one}
        made_anew = {
            name: what
            for c in group.converted
            for name in ((c.schema, c.relation, c.column),)
            if (what := self._made_anew(columns[name]))
        }
        return self.without(
            group,
            {name: refusals.untried(what, why) for name, what in made_anew.items()},
        )

    def _made_anew(self, column: Column) -> str:
        """Return what the conversion of a column would make anew first, if anything."""
        label = readable_name(*column.name)
        if self._types.family(column) is not None:
            return f"the type of {label}"
        leaning = [d.name for d in column.dependents if d.code in _MADE_ANEW]
        return next(iter(leaning), label if column.generated else "")

    def describe(self, groups: Sequence[Group]) -> Plan:
        """Return the plan of these groups, with what concerns the whole of it."""
        inventory, rules = self._inventory, self._rules
        undecided = tuple(
            refusals.undecided(c)
            for c in inventory.columns
            if c.role is Role.STORED
            and c.name in self._verdicts
            and self._verdicts[c.name].basis is Basis.UNDECIDED
            and c.name not in self._planned.columns
            and refusals.blocked(c) is None
        )
        outdated = tuple(
            finding
            for c in inventory.columns
            if (before := self._planned.columns.get(c.name))
            and (finding := refusals.outdated(c, self._verdicts.get(c.name), before))
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
                *writers.still_naive(inventory, groups),
                *families.widened(groups),
                *moments.elsewhere(groups, self._same_zones),
            ),
            decisions=(*outdated, *undecided, *stops),
            next_for_application=advice.for_application(groups),
        )

    def _decide(self, column: Column) -> PlannedColumn:
        return decide(
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
            strategy=strategy(
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
        always = rules.using == "always"
        bound = families.bound_zones(converting)
        session_zone = sql_zone(bound[0]) if bound else "Etc/UTC"
        if not bound and not always and len(zones) == 1:
            session_zone = zones.pop()
        by_name = {c.name: c for c in columns}
        converted = {(c.schema, c.relation, c.column) for c in converting}
        pairs = [(by_name[c.schema, c.relation, c.column], c) for c in converting]
        style = Style(session_zone=session_zone, always=always)
        shared = self._trees.shared(column for column, _ in pairs)
        apart = {c.name for members in shared for c in members}
        parked = self._types.parked(columns, {c.name: p for c, p in pairs}, self._trees)
        away = {
            (p.relation.schema, p.relation.name, name)
            for p in parked
            for name in p.columns
        }
        tables = tuple(
            table(
                r,
                [c for c in converting if _of(c, r)],
                frozenset(apart | away),
                rules=rules,
                style=style,
                remade=self._remade.get((r.schema, r.name), Remade(rewrites=False)),
                calls=any(
                    self._types.calls(c)
                    for c in columns
                    if c.name in converted and c.relation_oid == r.oid
                ),
            )
            for r in roots
            if any(_of(c, r) for c in converting)
        )
        tables = rewritten_together(self._trees, roots, tables)
        estimate, reason = self._estimate(roots, tables, parked)
        if estimate > rules.max_lock_ms:
            over = refusals.over_budget(group, estimate, reason, rules)
            return replace(group, columns=over, strategy=Strategy.REFUSE)
        return replace(
            group,
            session_zone=session_zone,
            tables=tables,
            shared=shared_steps(shared, {c.name: p for c, p in pairs}, style),
            parked=parked,
            own_defaults=own_defaults(self._trees, pairs, apart),
            types=types,
            lock_estimate_ms=estimate,
            lock_reason=reason,
        )

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
            found = one_session(whole_types(columns, found, self._types))
            found = whole_keys(columns, found)
            for one in (
                *torn(self._trees, columns, found),
                *asked_together(self._trees, columns, found, self._types.calls),
            ):
                found[one.index] = refusals.staying(
                    found[one.index], one.code, one.reason, one.hint
                )
            if found == before:
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
        self,
        roots: Sequence[Relation],
        tables: Sequence[Table],
        parked: Sequence[Parking],
    ) -> tuple[int, str]:
        strategies = {(t.relation.schema, t.relation.name): t.strategy for t in tables}
        locked = [
            (r, self._columns[r.oid], strategies[(r.schema, r.name)])
            for r in roots
            if (r.schema, r.name) in strategies
        ]
        refreshed = {
            d.name: self._stored_views[d.name]
            for _, columns, _ in locked
            for c in columns
            for d in c.dependents
            if d.name in self._stored_views
        }
        return locks.estimate(
            locked,
            list(refreshed.values()),
            parked={(p.relation.schema, p.relation.name) for p in parked},
        )


def _of(column: PlannedColumn, relation: Relation) -> bool:
    return (column.schema, column.relation) == (relation.schema, relation.name)


def _total(rows: Sequence[int]) -> int:
    return -1 if min(rows) < 0 else sum(rows)


def _converting(inventory: Inventory, groups: Iterable[Group]) -> Iterator[ZonedColumn]:
    oids = {(r.schema, r.name): r.oid for r in inventory.relations}
    for group in groups:
        for c in group.converted:
            yield ZonedColumn(
                name=(c.schema, c.relation, c.column),
                relation_oid=oids[(c.schema, c.relation)],
                zone=c.zone or "UTC",
            )


def _slug(name: str, taken: set[str]) -> str:
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:40] or "table"
    slug = f"tz_{plain}"
    number = 1
    while slug in taken:
        number += 1
        slug = f"tz_{plain}_{number}"
    return slug
