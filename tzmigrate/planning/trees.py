"""Which tables and columns of inheritance and partition trees convert together."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from tzmigrate.inventory.model import Column, Inventory, Relation, Role
from tzmigrate.planning.ddl import sql_zone
from tzmigrate.planning.expressions import convert_default
from tzmigrate.planning.families import DEFAULT_CODE, Cast, cast_of
from tzmigrate.planning.model import Action, OwnDefault, PlannedColumn, RelationName
from tzmigrate.postgres.quoting import readable_name


class Trees:
    """The relations of an inventory with their parents and children.

    Args:
        inventory: what was scanned.
    """

    def __init__(self, inventory: Inventory) -> None:
        self._relations = {r.oid: r for r in inventory.relations}
        self._columns = {(c.relation_oid, c.column): c for c in inventory.columns}
        self._children: dict[int, list[int]] = defaultdict(list)
        for relation in inventory.relations:
            for parent in relation.parents:
                self._children[parent].append(relation.oid)
        self._depths: dict[int, int] = {}

    def depth(self, oid: int) -> int:
        """Return how many relations stand above one, on the longest way up."""
        if oid not in self._depths:
            relation = self._relations.get(oid)
            above = relation.parents if relation is not None else ()
            self._depths[oid] = max((1 + self.depth(p) for p in above), default=0)
        return self._depths[oid]

    def below(self, oid: int) -> list[Relation]:
        """Return every relation below one, by name."""
        seen: set[int] = set()
        todo = list(self._children[oid])
        for at in todo:
            if at not in seen:
                seen.add(at)
                todo += self._children[at]
        found = (self._relations[o] for o in seen)
        return sorted(found, key=lambda r: (r.schema, r.name))

    def tops(self, relations: Sequence[Relation]) -> list[Relation]:
        """Return those that no other of them contains."""
        contained = {b.oid for r in relations for b in self.below(r.oid)}
        return [r for r in relations if r.oid not in contained]

    def is_origin(self, column: Column) -> bool:
        """Tell whether no parent gives the column to its relation."""
        parents = self._relations[column.relation_oid].parents
        return all((p, column.column) not in self._columns for p in parents)

    def heirs(self, column: Column) -> list[Column]:
        """Return the columns below that have this one from their parents."""
        below = ((r.oid, column.column) for r in self.below(column.relation_oid))
        found = (self._columns[key] for key in below if key in self._columns)
        return [c for c in found if c.role is Role.CHILD]

    def united(self, oids: Iterable[int]) -> list[set[int]]:
        """Return the trees of which these relations are part, as sets."""
        found: list[set[int]] = []
        for oid in oids:
            tree = {oid, *(r.oid for r in self.below(oid))}
            if len(tree) == 1:
                continue
            overlapping = [s for s in found if s & tree]
            found = [s for s in found if not s & tree]
            found.append(tree.union(*overlapping))
        return found

    def shared(self, columns: Iterable[Column]) -> list[tuple[Column, ...]]:
        """Return the columns of several roots that one child has from all of them.

        Args:
            columns: of roots; each stands in at most one of the tuples.
        """
        found: list[tuple[set[tuple[int, str]], tuple[Column, ...]]] = []
        for column in columns:
            names = {(h.relation_oid, h.column) for h in self.heirs(column)}
            if not names:
                continue
            members: tuple[Column, ...] = (column,)
            apart = []
            for other_names, others in found:
                if other_names & names:
                    names |= other_names
                    members = (*others, *members)
                else:
                    apart.append((other_names, others))
            found = [*apart, (names, members)]
        return [members for _, members in found if len(members) > 1]


def own_defaults(
    trees: Trees,
    columns: Iterable[tuple[Column, PlannedColumn]],
    shared: Collection[tuple[str, str, str]],
) -> tuple[OwnDefault, ...]:
    """Return the defaults that the statement of the root does not convert rightly.

    Args:
        trees: of the inventory.
        columns: those that convert.
        shared: names of those that convert with other roots.
    """
    found: dict[tuple[str, str, str], OwnDefault] = {}
    for column, planned in columns:
        apart = column.name in shared
        if apart and column.default is not None:
            found[column.name] = _own(column, planned.default_after)
        for heir in trees.heirs(column):
            if (apart and heir.default is None) or (
                not apart and heir.default == column.default
            ):
                continue
            after = None
            if heir.default == column.default:
                after = planned.default_after
            elif heir.default is not None:
                zone = sql_zone(planned.zone or "UTC")
                after = convert_default(heir.default, heir.default_type, zone)
            found[heir.name] = _own(heir, after)
    return tuple(found[name] for name in sorted(found))


def _own(column: Column, after: str | None) -> OwnDefault:
    return OwnDefault(
        relation=RelationName(schema=column.schema, name=column.relation),
        column=column.column,
        before=column.default,
        after=after,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Torn:
    """Why a column that would convert stays, for what a child has from its parents.

    Attributes:
        index: its place among the columns that were asked for.
    """

    index: int
    code: str
    reason: str
    hint: str


def torn(
    trees: Trees, columns: Sequence[Column], decided: Sequence[PlannedColumn]
) -> list[Torn]:
    """Return the columns that cannot convert as it was decided for each alone."""
    place = {c.name: i for i, c in enumerate(columns)}
    found = []
    for members in trees.shared(columns):
        plans = [decided[place[c.name]] for c in members]
        converting = [p for p in plans if p.action is Action.CONVERT]
        zones = sorted({p.zone or "" for p in converting})
        if not converting or (len(converting) == len(plans) and len(zones) == 1):
            continue
        label = readable_name(*_heir(trees, members).name)
        staying = [p for p in plans if p.action is not Action.CONVERT]
        if staying:
            other = readable_name(
                staying[0].schema, staying[0].relation, staying[0].column
            )
            reason = f"{label} is inherited from {other} as well, which stays as it is"
            hint = f"Settle {other} first: all parents of a column convert together."
        else:
            reason = f"{label} is inherited from columns of {' and '.join(zones)}"
            hint = "Declare one zone for the column of all its parents."
        found += [
            Torn(index=place[c.name], code="TZ129", reason=reason, hint=hint)
            for c, p in zip(members, plans, strict=True)
            if p.action is Action.CONVERT
        ]
    for i, (column, plan) in enumerate(zip(columns, decided, strict=True)):
        scalar = cast_of(plan.base or column.type) is Cast.ZONE
        if plan.action is not Action.CONVERT or scalar:
            continue
        for heir in trees.heirs(column):
            if heir.default is not None and heir.default != column.default:
                label = readable_name(*heir.name)
                found.append(
                    Torn(
                        index=i,
                        code=DEFAULT_CODE,
                        reason=f"{label} has a default of its own, {heir.default}",
                        hint="Give it the default of its parent, or none.",
                    )
                )
                break
    return found


def asked_together(
    trees: Trees,
    columns: Sequence[Column],
    decided: Sequence[PlannedColumn],
    calls: Callable[[Column], bool],
) -> Iterator[Torn]:
    """Yield columns of several parents whose types have CHECKs, or may get them.

    They convert in one statement for tables of several owners, which would ask the
    CHECKs with the rights of whoever runs it.
    """
    place = {c.name: i for i, c in enumerate(columns)}
    for members in trees.shared(columns):
        if not any(map(calls, members)):
            continue
        label = readable_name(*_heir(trees, members).name)
        for column in members:
            if decided[place[column.name]].action is Action.CONVERT:
                yield Torn(
                    index=place[column.name],
                    code="TZ129",
                    reason=f"{label} is inherited from several parents, and CHECKs of"
                    f" its type {column.type} may be asked for all of them at once",
                    hint="Drop the CHECKs of the type, and let a domain become a zoned"
                    ' one, domains = "zoned" under [policy]; or make the column'
                    " timestamp before.",
                )


def _heir(trees: Trees, members: Sequence[Column]) -> Column:
    """Return a column that these give to one child."""
    heirs = {h.name: h for h in trees.heirs(members[0])}
    common = (h for m in members[1:] for h in trees.heirs(m) if h.name in heirs)
    return next(common, members[0])
