"""Estimate how long ACCESS EXCLUSIVE is held, from sizes alone.

The rates are what one core of a modest server does (postgres-facts.md sections 1, 2
and 20); they are for choosing between strategies, and ``plan`` calls them estimates.
"""

from collections.abc import Collection, Iterable, Sequence

from tzmigrate.inventory.model import Column, Relation
from tzmigrate.planning.model import Strategy

_BASE_MS = 30
"""Reading a thousand recorded rows twice, and the catalog."""
_INDEX_BYTES_PER_MS = 40_000
_HEAP_BYTES_PER_MS = 60_000
_SCAN_BYTES_PER_MS = 400_000
_REFRESH_BYTES_PER_MS = 20_000
"""Of what the query yields; what it reads for that is not known."""
_CHECKED = frozenset(("check", "foreign key", "exclusion"))
"""Kinds of dependents whose rows are read again."""
_MEGABYTE = 1_000_000


def estimate(
    tables: Iterable[tuple[Relation, Iterable[Column], Strategy]],
    refreshed: Sequence[Relation] = (),
    *,
    parked: Collection[tuple[str, str]] = (),
) -> tuple[int, str]:
    """Return the expected duration in milliseconds, and what it is spent on.

    Args:
        tables: each with its candidates and how it converts.
        refreshed: materialized views that are made anew.
        parked: tables, by schema and name, that are rewritten a second time: columns
            of them are text meanwhile.
    """
    total = 0
    rebuilt: dict[str, int] = {}
    constraints: set[str] = set()
    rewritten = 0
    for relation, columns, strategy in tables:
        total += _BASE_MS
        candidates = list(columns)
        rebuilt |= {
            i.name: i.bytes
            for c in candidates
            for i in c.indexes
            if i.key or not i.plain
        }
        checked = {
            d.name for c in candidates for d in c.dependents if d.kind in _CHECKED
        }
        constraints |= checked
        total += len(checked) * relation.bytes // _SCAN_BYTES_PER_MS
        if strategy is Strategy.REWRITE:
            rewritten += 1
            total += relation.bytes // _HEAP_BYTES_PER_MS
            total += 3 * relation.bytes // _SCAN_BYTES_PER_MS
        if (relation.schema, relation.name) in parked:
            total += relation.bytes // _HEAP_BYTES_PER_MS
    total += sum(rebuilt.values()) // _INDEX_BYTES_PER_MS
    total += sum(view.bytes for view in refreshed) // _REFRESH_BYTES_PER_MS
    parts = []
    if rebuilt:
        noun = "index" if len(rebuilt) == 1 else "indexes"
        parts.append(f"{len(rebuilt)} {noun} rebuilt")
    if constraints:
        noun = "constraint" if len(constraints) == 1 else "constraints"
        parts.append(f"{len(constraints)} {noun} checked")
    if rewritten:
        noun = "the table" if rewritten == 1 else f"{rewritten} tables"
        parts.append(f"{noun} rewritten and compared whole")
    if refreshed:
        noun = "view" if len(refreshed) == 1 else "views"
        size = sum(view.bytes for view in refreshed) // _MEGABYTE
        parts.append(f"{len(refreshed)} materialized {noun} refreshed ({size} MB)")
    return total, ", ".join(parts) or "the catalog only"
