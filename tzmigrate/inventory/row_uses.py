"""What becomes of the whole rows that a stored expression or query reads.

A row that is handed on keeps its meaning, whatever its columns turn into. As text, as
JSON, or in a function it is printed, and instants are printed in the session's zone.
"""

from collections.abc import Collection, Iterator
from enum import Enum

from tzmigrate.inventory.nodes import Node, is_node, read_nodes, type_of

_COUNT = "2147"
"""``count(any)`` looks at nothing but NULL."""
_SAME_ROW = frozenset(("2988", "2989"))
"""``=`` and ``<>`` of records: equal instants are those of equal wall clocks."""
_VALUE = "4"
"""``EXPR_SUBLINK``: a query in parentheses that stands for one value."""


class RowUse(Enum):
    """What is done with whole rows, the worst of it."""

    HANDED_ON = "handed on"
    """As rows, counted, tested for NULL, compared with rows of the same table."""
    SHOWN = "shown"
    """A column of a view is what a function, or text, makes of a row."""
    COMPUTED = "computed"
    """Something is computed, decided or stored with what was made of a row."""


def row_use(tree: str, row_type: int, takers: Collection[int], *, view: bool) -> RowUse:
    """Tell what a stored expression or query does with rows of a type.

    Args:
        tree: text of type ``pg_node_tree``.
        row_type: OID of the table's row type.
        takers: OIDs of functions that are declared for this type; what they do with
            a row stands in them, and is found there.
        view: it is the query of a view, whose outputs are shown.
    """
    worst = RowUse.HANDED_ON
    rows, functions = str(row_type), {str(oid) for oid in takers}
    for top in filter(is_node, read_nodes(tree)):
        shown = set(map(id, _outputs(top))) if view else set()
        for user, row in _pairs(top):
            if _value_type(row) != rows or _keeps(user, rows, functions):
                continue
            if id(user) not in shown:
                return RowUse.COMPUTED
            worst = RowUse.SHOWN
    return worst


def called_with_rows(
    tree: str, row_type: int, takers: Collection[int]
) -> frozenset[int]:
    """Return which of these functions a stored expression or query hands rows to.

    The arguments are those of ``row_use``.
    """
    if not takers:
        return frozenset()
    rows = str(row_type)
    found = {
        int(oid)
        for top in filter(is_node, read_nodes(tree))
        for user, row in _pairs(top)
        if user.name == "FUNCEXPR" and _value_type(row) == rows
        for oid in user.words("funcid")
    }
    return frozenset(found.intersection(takers))


def _outputs(query: Node) -> Iterator[Node]:
    for target in filter(is_node, query.fields.get("targetList", ())):
        if target.words("resjunk") == ["false"]:
            yield from filter(is_node, target.fields["expr"])


def _pairs(top: Node) -> Iterator[tuple[Node, Node]]:
    """Yield each node with what it uses; an aggregate uses what its targets hold."""
    todo = [top]
    while todo:
        node = todo.pop()
        for inner in node.nodes():
            todo.append(inner)
            if node.name == "AGGREF" and inner.name == "TARGETENTRY":
                yield from (
                    (node, held) for held in filter(is_node, inner.fields["expr"])
                )
            else:
                yield node, inner


def _value_type(node: Node) -> str:
    if node.name == "SUBLINK" and node.words("subLinkType") == [_VALUE]:
        queries = filter(is_node, node.fields.get("subselect", ()))
        return next((type_of(o) for q in queries for o in _outputs(q)), "")
    return type_of(node)


def _keeps(user: Node, rows: str, takers: Collection[str]) -> bool:
    """Tell whether a node hands a row on, or tells nothing of what is in it."""
    match user.name:
        case "AGGREF":
            return user.words("aggfnoid") == [_COUNT]
        case "OPEXPR" | "DISTINCTEXPR":
            operands = [a for a in user.fields.get("args", ()) if is_node(a)]
            same = all(_value_type(operand) == rows for operand in operands)
            return same and set(user.words("opno")) <= _SAME_ROW
        case "FUNCEXPR":
            return set(user.words("funcid")) <= set(takers)
        # what a query reads or puts out, an attribute of the row, a test for NULL
        case "TARGETENTRY" | "FIELDSELECT" | "NULLTEST" | "QUERY":
            return True
        case name:
            return name.startswith(("RTE", "RANGETBLENTRY", "RANGETBLFUNCTION"))
