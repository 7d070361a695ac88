"""Outputs of views that are columns of tables and nothing else: they become zoned too.

What is made of any other output is as naive as it was.
"""

from collections.abc import Iterable, Iterator, Mapping

from tzmigrate.inventory.nodes import Node, is_node, read_nodes
from tzmigrate.inventory.routines.model import ColumnName
from tzmigrate.inventory.rows import ColumnRow, ViewQueryRow

Place = tuple[int, int]
"""``oid`` of a relation, and the number of its column."""

Origins = frozenset[Place]
"""Several for a set operation; none for what is computed."""


def passed_on(
    columns: Iterable[ColumnRow], views: Iterable[ViewQueryRow]
) -> dict[ColumnName, frozenset[ColumnName]]:
    """Return each such output with the columns it shows, also through other views."""
    named = {(c.relation, c.attnum): (c.schema, c.relname, c.column) for c in columns}
    below: dict[Place, Origins] = {}
    outputs: dict[Place, ColumnName] = {}
    for view in views:
        query = next(filter(is_node, read_nodes(view.tree)))
        for number, origins in _outputs(query).items():
            place = view.view, number
            # an output may be renamed, and its query still has the old name
            outputs[place] = view.schema, view.name, view.columns[number - 1]
            below[place] = origins or frozenset()
    found = {}
    for place, name in outputs.items():
        stored = _stored(place, below)
        if stored and stored <= named.keys():
            found[name] = frozenset(named[p] for p in stored)
    return found


def _stored(
    place: Place, below: Mapping[Place, Origins], above: Origins = frozenset()
) -> Origins:
    if place not in below:
        return frozenset((place,))
    # CREATE OR REPLACE VIEW lets views read each other in a circle
    if place in above:
        return frozenset()
    parts = [_stored(p, below, above | {place}) for p in below[place]]
    return frozenset().union(*parts) if all(parts) else frozenset()


def _outputs(query: Node) -> dict[int, Origins | None]:
    """Return where each output comes from, by its number; ``None``: a constant."""
    arms = [_outputs(arm) for arm in _arms(query)]
    if not arms:
        return dict(_origins(query))
    found: dict[int, Origins | None] = {}
    for number in arms[0]:
        parts = [o for arm in arms if (o := arm[number]) is not None]
        agree = frozenset[Place]().union(*parts) if all(parts) else frozenset()
        found[number] = agree if parts else None
    return found


def _origins(query: Node) -> Iterator[tuple[int, Origins | None]]:
    for target in filter(is_node, query.fields.get("targetList", ())):
        if target.words("resjunk") == ["false"]:
            # the parser follows a bare column through subqueries, joins and WITH
            table, number, place = (
                int(target.words(field)[0])
                for field in ("resorigtbl", "resorigcol", "resno")
            )
            (value,) = filter(is_node, target.fields["expr"])
            constant = value.name == "CONST"
            yield (
                place,
                None if constant else frozenset([(table, number)] if table else ()),
            )


def _arms(query: Node) -> Iterator[Node]:
    """Yield the queries that UNION, INTERSECT and EXCEPT combine."""
    tables = [*filter(is_node, query.fields.get("rtable", ()))]
    todo = [*filter(is_node, query.fields.get("setOperations", ()))]
    for node in todo:
        if node.name == "RANGETBLREF":
            table = tables[int(node.words("rtindex")[0]) - 1]
            yield from filter(is_node, table.fields["subquery"])
        else:
            todo += (n for n in node.nodes() if n.name in _OPERANDS)


_OPERANDS = frozenset(("RANGETBLREF", "SETOPERATIONSTMT"))
