"""The statements of a step, table by table."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tzmigrate.inventory.model import Column, Relation
from tzmigrate.planning import families
from tzmigrate.planning.ddl import alter_shared, alter_table, sql_zone
from tzmigrate.planning.model import (
    Action,
    PlannedColumn,
    RelationName,
    Remade,
    Step,
    Strategy,
    Table,
)
from tzmigrate.planning.rules import Names, Rules
from tzmigrate.planning.trees import Trees
from tzmigrate.zones.model import is_utc


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """How statements are written, as ``alter_table`` takes it."""

    session_zone: str
    always: bool

    def names_zones(self, columns: Sequence[PlannedColumn]) -> bool:
        """Tell whether a statement names the zone of each of its columns."""
        return self.always or len(set(_sql_zones(columns).values())) > 1


def table(
    relation: Relation,
    converting: Sequence[PlannedColumn],
    apart: frozenset[Names],
    *,
    rules: Rules,
    style: Style,
    remade: Remade,
    calls: bool,
) -> Table:
    """Write the statement of one table, and say what it costs.

    Args:
        relation: the table, or the root of its partition tree.
        converting: its columns that convert.
        apart: those of them that another statement converts.
        rules: what the user asked for.
        style: how the statements of the group are written.
        remade: what its generated columns ask for.
        calls: CHECKs of its domains call functions of the users.
    """
    name = RelationName(schema=relation.schema, name=relation.name)
    own = tuple(c for c in converting if (c.schema, c.relation, c.column) not in apart)
    step = None
    if own or remade.drops:
        step = alter_table(
            name,
            own,
            sql_zones=_sql_zones(own),
            session_zone=style.session_zone,
            # what functions compute with the session's zone, they compute in its own
            always=style.names_zones(own) or remade.calls,
            remade=remade,
        )
    return Table(
        relation=name,
        step=step,
        strategy=strategy(
            converting,
            converting,
            rules,
            # for a bare cast of UTC the session must be in UTC
            rewrites=remade.rewrites or not is_utc(style.session_zone),
        ),
        strategy_back=None
        if all(families.is_free_back(c) for c in converting)
        else Strategy.REWRITE,
        calls=calls or remade.calls,
        bound=not remade.calls or any(map(families.needs_session, own)),
        key=relation.key,
        key_types=relation.key_types,
    )


def rewritten_together(
    trees: Trees, roots: Sequence[Relation], tables: Sequence[Table]
) -> tuple[Table, ...]:
    """Announce for each table of a tree the rewrite that another one brings."""
    oids = {RelationName(schema=r.schema, name=r.name): r.oid for r in roots}
    found = tuple(tables)
    for tree in trees.united(oids[t.relation] for t in tables):
        inside = [t for t in found if oids[t.relation] in tree]
        up = any(t.strategy is Strategy.REWRITE for t in inside)
        down = any((t.strategy_back or t.strategy) is Strategy.REWRITE for t in inside)
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


def shared_steps(
    shared: Sequence[Sequence[Column]],
    planned: Mapping[Names, PlannedColumn],
    style: Style,
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
            always=style.names_zones(columns),
        )
        for roots, columns in by_roots.items()
    )


def _sql_zones(columns: Iterable[PlannedColumn]) -> dict[str, str]:
    return {c.column: sql_zone(c.zone or "UTC") for c in columns}


def strategy(
    decided: Sequence[PlannedColumn],
    converting: Sequence[PlannedColumn],
    rules: Rules,
    *,
    rewrites: bool,
) -> Strategy:
    """Return what the conversion does to the heap."""
    if not converting:
        kept = all(c.action is Action.KEEP for c in decided)
        return Strategy.KEEP if kept else Strategy.REFUSE
    free = all(is_utc(c.zone or "") and families.is_free(c) for c in converting)
    if free and not rewrites and rules.using != "always":
        return Strategy.METADATA
    return Strategy.REWRITE
