"""Estimate how long ACCESS EXCLUSIVE is held, from sizes alone.

The rates are what one core of a modest server does (postgres-facts.md sections 1, 2
and 20); they are for choosing between strategies, and ``plan`` calls them estimates.
"""

from collections.abc import Iterable

from tzmigrate.inventory.model import Column, Relation
from tzmigrate.planning.model import Strategy

_BASE_MS = 30
"""Reading a thousand recorded rows twice, and the catalog."""
_INDEX_BYTES_PER_MS = 40_000
_HEAP_BYTES_PER_MS = 60_000
_SCAN_BYTES_PER_MS = 400_000


def estimate(
    relation: Relation, columns: Iterable[Column], strategy: Strategy
) -> tuple[int, str]:
    """Return the expected duration in milliseconds, and what it is spent on."""
    rebuilt = {
        index.name: index.bytes
        for column in columns
        for index in column.indexes
        if index.key
    }
    total = _BASE_MS + sum(rebuilt.values()) // _INDEX_BYTES_PER_MS
    parts = []
    if rebuilt:
        noun = "index" if len(rebuilt) == 1 else "indexes"
        parts.append(f"{len(rebuilt)} {noun} rebuilt")
    if strategy is Strategy.REWRITE:
        total += relation.bytes // _HEAP_BYTES_PER_MS
        total += 3 * relation.bytes // _SCAN_BYTES_PER_MS
        parts.append("the table rewritten and compared whole")
    return total, ", ".join(parts) or "the catalog only"
