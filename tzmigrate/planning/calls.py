"""Count the functions that a stored expression or query calls.

A rewritten definition means what it meant if it calls the same functions, but for the
few that the rewriting puts in. A cast by the session's zone or a comparison across
types, which PostgreSQL adds without a word and does not print, is one call more.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator

from tzmigrate.inventory.nodes import Node, is_node, read_nodes, type_of

FIRST_OWN_OID = 16384
"""Below, objects come with PostgreSQL (``FirstNormalObjectId``)."""

_FUNCTIONS = frozenset(("funcid", "opfuncid", "aggfnoid", "winfnoid"))
_OUTPUT = {"1114": 1313, "1184": 1151}
"""``timestamp_out`` and ``timestamptz_out``, which a cast to text calls (COERCEVIAIO)
without an OID in the tree."""

_COMPARE = {"1114": 2045, "1184": 1314}
"""``timestamp_cmp`` and ``timestamptz_cmp``: what GREATEST and LEAST call."""

_OF_OTHERS = 0
"""One of these for another type: a domain has those of its base type, whose OID is
not in the tree."""

_OF_DOMAINS = frozenset((1313, 2045))
"""``timestamp_out`` and ``timestamp_cmp``: what is called of a value of a domain."""

_CASTS = {
    ("1114", "1184"): 2028,
    ("1184", "1114"): 2027,
    ("1082", "1184"): 1174,
    ("1082", "1114"): 2024,
}
"""Casts between date, timestamp and timestamptz: what a set operation calls where an
operand has another type than the result; the planner adds them, not the tree."""

ADDED = frozenset((1159, 2069, 1961, 1967))
"""``timezone(text, timestamptz)`` and ``timezone(text, timestamp)``: what the
rewriting puts in.

With them ``timestamp(timestamp, integer)`` and ``timestamptz(timestamptz, integer)``:
what is taken from, or stored into, a column with a precision is rounded to it, which
changes nothing, for it was rounded before.
"""

ADDED_FOR_RANGES = ADDED | {1258, 3848, 3849, 3850, 3851, 3852, 3934, 3938}
"""The same for a range, which is taken apart and put together: ``textcat``, ``lower``,
``upper``, ``isempty``, ``lower_inc``, ``upper_inc``, ``tsrange``, ``tstzrange``."""

SAME = {
    1152: 2052,
    1153: 2053,
    1154: 2054,
    1155: 2055,
    1156: 2056,
    1157: 2057,
    1389: 2048,
    1320: 2060,
    1321: 2061,
    1322: 2062,
    1323: 2063,
    1324: 2064,
    1325: 2065,
}
"""Functions and operators on timestamptz, and the same on timestamp.

``timestamptz_eq, _ne, _lt, _le, _ge, _gt``, ``isfinite``, and the operators
``= <> < <= > >=`` of row comparisons; OIDs of pg_proc.dat and pg_operator.dat, which
never change.
"""

_CALLED = re.compile(r":(?:funcid|opfuncid|aggfnoid|winfnoid) (\d+)")
"""Blanks within a word are written with a backslash, so no name looks like this."""

_BY_NODES = re.compile(
    r"\{(?:ROWCOMPARE|COERCEVIAIO|MINMAX)|:setOperations \{|:opfuncid 0\b"
)
"""What else calls functions; whose operands tell which."""


def calls(tree: str) -> Counter[int]:
    """Return how often each function is called in a text of type pg_node_tree.

    Functions are counted by their OIDs. For a comparison of rows the OIDs of its
    operators stand instead, which no function has.

    >>> dict(calls("{OPEXPR :opno 2060 :opfuncid 2052 :args ({VAR :varno 1})}"))
    {2052: 1}
    """
    if not _BY_NODES.search(tree):
        return Counter(int(oid) for oid in _CALLED.findall(tree) if oid != "0")
    return _by_nodes(tree)


def calls_own(tree: str) -> bool:
    """Tell whether functions are called that do not come with PostgreSQL."""
    return any(oid >= FIRST_OWN_OID for oid in calls(tree))


def _by_nodes(tree: str) -> Counter[int]:
    counted: Counter[int] = Counter()
    todo = list(filter(is_node, read_nodes(tree)))
    while todo:
        node = todo.pop()
        counted.update(_called(node))
        todo.extend(node.nodes())
    return counted


def explain_calls(
    before: Counter[int],
    after: Counter[int],
    added: Collection[int] = ADDED,
) -> tuple[int, ...]:
    """Return the functions that were not called before, and not put in by us.

    A comparison of naive values may have become the same one of instants.

    Args:
        before: the calls of the definition on the naive columns.
        after: the calls of the rewritten one on the zoned columns.
        added: what the rewriting puts in; more where a template calls more.

    >>> explain_calls(Counter([2052]), Counter([1152, 1159]))
    ()
    >>> explain_calls(Counter(), Counter([2028]))
    (2028,)
    """
    more = after - before
    gone = before - after
    left = []
    for function, count in sorted(more.items()):
        if function in added or function == _OF_OTHERS:
            continue
        was = _OF_OTHERS if function in _OF_DOMAINS else SAME.get(function)
        explained = gone[was] if was is not None else 0
        if count > explained:
            left.append(function)
    return tuple(left)


def _called(node: Node) -> Iterator[int]:
    """Yield the functions that a node calls itself; 0: of a type not known here."""
    for name in _FUNCTIONS & node.fields.keys():
        (oid,) = node.words(name)
        if oid != "0":
            yield int(oid)
        elif name == "opfuncid":
            yield int(node.words("opno")[0])
    if node.name in {"ROWCOMPAREEXPR", "ROWCOMPARE"}:
        yield from (int(oid) for oid in node.words("opnos") if oid.isdecimal())
    elif node.name == "COERCEVIAIO":
        for argument in filter(is_node, node.fields.get("arg", ())):
            if type_ := type_of(argument):
                yield _OUTPUT.get(type_, _OF_OTHERS)
    elif node.name == "QUERY":
        yield from _casts_of_operands(node)
    elif node.name in {"MINMAXEXPR", "MINMAX"}:
        yield _COMPARE.get(type_of(node), _OF_OTHERS)


def _casts_of_operands(query: Node) -> Iterator[int]:
    """Yield the casts of a set operation, whose operands are all that it reads."""
    for operation in filter(is_node, query.fields.get("setOperations", ())):
        results = [oid for oid in operation.words("colTypes") if oid.isdecimal()]
        for entry in filter(is_node, query.fields.get("rtable", ())):
            for operand in filter(is_node, entry.fields.get("subquery", ())):
                types = zip(_output_types(operand), results, strict=False)
                yield from (_CASTS[pair] for pair in types if pair in _CASTS)


def _output_types(query: Node) -> Iterator[str]:
    for target in filter(is_node, query.fields.get("targetList", ())):
        if target.words("resjunk") == ["false"]:
            (expression,) = target.fields["expr"]
            yield type_of(expression) if is_node(expression) else ""
