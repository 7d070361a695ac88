"""What PostgreSQL computes while it makes a table: calls whose arguments it knows.

The planner calls an immutable function of constants, and puts the body of a function in
SQL where it is called (``eval_const_expressions`` in clauses.c). It also simplifies
what does not matter: ``coalesce(1, id)`` is a constant. So an argument is believed to
remain unknown only where nothing could make it known.
"""

import re
from collections.abc import Iterator, Sequence

from tzmigrate.inventory.nodes import Node, is_node, read_nodes, type_of
from tzmigrate.inventory.rows import CalledRow
from tzmigrate.planning.calls import FIRST_OWN_OID

_CALLS = {"FUNC": "funcid"} | dict.fromkeys(
    ("OP", "DISTINCT", "NULLIF", "SCALARARRAYOP"), "opno"
)
_CASTS = frozenset(
    ("RELABELTYPE", "COERCEVIAIO", "ARRAYCOERCE", "COERCETODOMAIN", "CONVERTROWTYPE")
)
_UNKNOWN = frozenset(("VAR", "COERCETODOMAINVALUE", "SQLVALUEFUNCTION", "NEXTVALUE"))
_LEFT = _CASTS | {
    *("COLLATE", "BOOLEANTEST", "ARRAY", "ROW", "MINMAX", "SUBSCRIPTINGREF")
}
"""Computed where all that is in them is known, and else left as they are."""

_NUMBERS = frozenset(("20", "21", "23", "1700"))
"""``int8``, ``int2``, ``int4``, ``numeric``: of values PostgreSQL's operators make no
NULL of these types."""

_NAMED = re.compile(r":(funcid|opno) (\d+)")


def named(trees: Sequence[str]) -> tuple[set[int], set[int]]:
    """Return the OIDs of functions and operators in texts of type pg_node_tree."""
    found: dict[str, set[int]] = {"funcid": set(), "opno": set()}
    for tree in trees:
        for name, oid in _NAMED.findall(tree):
            found[name].add(int(oid))
    return found["funcid"], found["opno"]


class Folding:
    """Finds what the planner may call in a text of type pg_node_tree.

    Args:
        called: what it knows of all functions and operators that are named there.
    """

    def __init__(self, called: Sequence[CalledRow]) -> None:
        self._called: dict[tuple[str, int], list[CalledRow]] = {}
        for row in called:
            self._called.setdefault((row.kind, row.object), []).append(row)

    def of_others(self, tree: str) -> CalledRow | None:
        """Return a function of an ordinary role that may be called, if there is one."""
        found = (
            f for node in filter(is_node, read_nodes(tree)) for f in self._in(node)
        )
        return next(found, None)

    def _in(self, node: Node, *, test: bool = False) -> Iterator[CalledRow]:
        arguments = _arguments(node)
        unknown = any(self._stays(argument, test=test) for argument in arguments)
        for row in (*self._callees(node), *self._casts(node)):
            # a body that is put there is a superuser's at times, what it calls is not
            if row.reaches or (
                row.ordinary
                and (
                    (row.immutable and not unknown)
                    or (row.computed and len(arguments) < row.arguments)
                )
            ):
                yield row
        for name, values in node.fields.items():
            inside = test
            # what stands for the value that is compared, or for an element
            if name != "arg" and _kind(node) in {"CASE", "ARRAYCOERCE"}:
                inside = any(self._stays(n, test=test) for n in _nodes(node, "arg"))
            for child in filter(is_node, values):
                yield from self._in(child, test=inside)

    def _callees(self, node: Node) -> list[CalledRow]:
        field = _CALLS.get(_kind(node))
        if field is None:
            return []
        of = "function" if field == "funcid" else "operator"
        return self._called.get((of, int(node.words(field)[0])), [])

    def _casts(self, node: Node) -> Iterator[CalledRow]:
        if _kind(node) in _CASTS:
            for part in (node, *_nodes(node, "arg")):
                yield from self._called.get(("type", int(type_of(part) or 0)), ())

    def _stays(self, node: Node, *, test: bool) -> bool:
        """Tell whether a value is certainly not known before there are rows."""
        kind = _kind(node)
        if kind in _CALLS:
            return self._call_stays(node, test=test)
        if kind == "CASE":
            compared = any(self._stays(n, test=test) for n in _nodes(node, "arg"))
            first = _nodes(node, "args")[0]
            return all(self._stays(n, test=compared) for n in _nodes(first, "expr"))
        arguments = _arguments(node)
        stay = [self._stays(argument, test=test) for argument in arguments]
        if kind == "COALESCE":
            return stay[0]
        if kind in {"NULLTEST", "FIELDSELECT"}:
            of = arguments[0]
            return _kind(of) == "VAR" or (
                _kind(of) in _CALLS and self._call_stays(of, test=test)
            )
        unknown = _UNKNOWN | {"CASETEST"} if test else _UNKNOWN
        return (
            kind in unknown
            or (kind in _LEFT and any(stay))
            or (kind == "BOOL" and all(stay))
        )

    def _call_stays(self, node: Node, *, test: bool) -> bool:
        callees = self._callees(node)
        arguments = _arguments(node)
        stay = [self._stays(argument, test=test) for argument in arguments]
        # NULL for a strict function yields NULL, whatever the others are
        return (
            not any(row.inlined or row.supported for row in callees)
            and all(s or _is_value(a) for s, a in zip(stay, arguments, strict=True))
            and all(row.arguments <= len(arguments) for row in callees)
            and (any(stay) or not any(row.immutable for row in callees))
        )


def _kind(node: Node) -> str:
    """Return the name of a node; only from 16 on all end alike."""
    return node.name.removesuffix("EXPR")


def _nodes(node: Node, field: str) -> list[Node]:
    return list(filter(is_node, node.fields.get(field, ())))


def _arguments(node: Node) -> list[Node]:
    if _kind(node) == "SUBSCRIPTINGREF":
        return list(node.nodes())
    return _nodes(node, "elements") or _nodes(node, "args") or _nodes(node, "arg")


def _is_value(node: Node) -> bool:
    # an array is one, whatever its elements are
    if _kind(node) == "OP":
        own = int(node.words("opno")[0]) < FIRST_OWN_OID
        counts = node.words("opresulttype")[0] in _NUMBERS
        return own and counts and all(map(_is_value, _arguments(node)))
    return _kind(node) == "ARRAY" or (
        node.name == "CONST" and node.words("constisnull") == ["false"]
    )
