"""Rows and composite values that stay text while their type becomes zoned.

PostgreSQL changes no table whose rows another column stores, and no composite type
that a column is of. So such a column is turned to text, the type changes in its place,
and the text is read again in the zone of the column: all of it in one transaction,
and two rewrites (postgres-facts.md section 7.8). NULL and a row of NULLs stay what
they are.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from tzmigrate.inventory.model import Column, Inventory, Relation, Role, UserType
from tzmigrate.planning.ddl import qualified, short_type
from tzmigrate.planning.families import cast_of
from tzmigrate.planning.model import Parking, PlannedColumn, RelationName
from tzmigrate.planning.trees import Trees
from tzmigrate.postgres.quoting import readable_identifier

Names = tuple[str, str, str]


def row_columns(type_: UserType, inventory: Inventory) -> list[Names]:
    """Return the columns that give the rows of a table their naive time.

    Of a partition or child these are the columns of the tables that it has them from.
    """
    relations = {r.oid: r for r in inventory.relations}
    by_place = {(c.relation_oid, c.column): c for c in inventory.columns}
    found: list[Names] = []
    for column in inventory.columns:
        if column.relation_oid == type_.relation:
            found += [c.name for c in _origins(column, relations, by_place)]
    return list(dict.fromkeys(found))


def _origins(
    column: Column,
    relations: Mapping[int, Relation],
    by_place: Mapping[tuple[int, str], Column],
) -> list[Column]:
    if column.role is not Role.CHILD:
        return [column]
    return [
        origin
        for parent in relations[column.relation_oid].parents
        if (above := by_place.get((parent, column.column))) is not None
        for origin in _origins(above, relations, by_place)
    ]


def goes_through_text(column: PlannedColumn) -> bool:
    """Tell whether a column is of a row or composite type, or of what is made of one.

    A domain over time itself has a cast, and needs no text.
    """
    return cast_of(column.base or column.type_before) is None


def parkings(
    columns: Iterable[PlannedColumn],
    types: Sequence[UserType],
    trees: Trees,
    roots: Mapping[tuple[str, str], int],
) -> tuple[Parking, ...]:
    """Return how columns get to text and back, in the order in which they go.

    A table whose rows are stored waits until the columns that store them are text.

    Args:
        columns: those that go through text.
        types: what they are made of, each after its own parts.
        trees: of the inventory.
        roots: ``oid`` of the tables, by schema and name.
    """
    ranks = {t.relation: rank for rank, t in enumerate(types) if t.relation}
    last = len(types)

    def rank(table: tuple[str, str]) -> int:
        oid = roots[table]
        return min(ranks.get(m, last) for m in (oid, *_below(trees, oid)))

    by_table: dict[tuple[str, str], list[PlannedColumn]] = {}
    for column in columns:
        by_table.setdefault((column.schema, column.relation), []).append(column)
    return tuple(
        _parking(RelationName(schema=table[0], name=table[1]), by_table[table])
        for table in sorted(by_table, key=lambda t: (-rank(t), t))
    )


def _below(trees: Trees, oid: int) -> Collection[int]:
    return [r.oid for r in trees.below(oid)]


def _parking(relation: RelationName, columns: Sequence[PlannedColumn]) -> Parking:
    def altered(kinds: Sequence[str]) -> str:
        clauses = (
            f"ALTER COLUMN {name} TYPE {kind} USING {name}::{kind}"
            for column, kind in zip(columns, kinds, strict=True)
            for name in (readable_identifier(column.column),)
        )
        return f"ALTER TABLE {qualified(relation)}\n    " + ",\n    ".join(clauses)

    return Parking(
        relation=relation,
        columns=tuple(c.column for c in columns),
        away=altered(["text" for _ in columns]),
        back=altered([short_type(c.type_before) for c in columns]),
    )
