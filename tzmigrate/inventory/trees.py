"""Partition and inheritance trees, from the edges of ``pg_inherits``."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from tzmigrate.inventory.rows import InheritsRow


class Forest:
    """Who descends from whom.

    >>> forest = Forest([InheritsRow(2, 1, True), InheritsRow(3, 2, True)])
    >>> forest.root(3), sorted(forest.descendants(1)), forest.plain(3)
    (1, [2, 3], False)
    """

    def __init__(self, edges: Iterable[InheritsRow]) -> None:
        self._parents: dict[int, list[int]] = defaultdict(list)
        self._children: dict[int, list[int]] = defaultdict(list)
        self._plain: set[int] = set()
        for edge in edges:
            self._parents[edge.child].append(edge.parent)
            self._children[edge.parent].append(edge.child)
            if not edge.partition:
                self._plain.update((edge.child, edge.parent))

    def ancestors(self, oid: int) -> Iterator[int]:
        """Yield every ancestor once, nearest first."""
        yield from self._walk(oid, self._parents)

    def descendants(self, oid: int) -> Iterator[int]:
        """Yield every descendant once, nearest first."""
        yield from self._walk(oid, self._children)

    def roots(self, oid: int) -> tuple[int, ...]:
        """Return the ancestors without parents; the relation itself if it has none."""
        if oid not in self._parents:
            return (oid,)
        return tuple(sorted(a for a in self.ancestors(oid) if a not in self._parents))

    def origins(self, oid: int, has: Callable[[int], bool]) -> tuple[int, ...]:
        """Return the topmost relations from which a relation has a column.

        Args:
            oid: a relation that has the column.
            has: tells whether a relation has a column of that name.
        """
        found, todo = [], [oid]
        for at in todo:
            above = [p for p in self._parents.get(at, ()) if has(p)]
            if not above:
                found.append(at)
            todo += (p for p in above if p not in todo)
        return tuple(sorted(found))

    def root(self, oid: int) -> int:
        """Return the topmost ancestor, or the relation itself."""
        return self.roots(oid)[0]

    def is_child(self, oid: int) -> bool:
        """Tell whether the relation has a parent."""
        return oid in self._parents

    def has_children(self, oid: int) -> bool:
        """Tell whether the relation has a child."""
        return oid in self._children

    def parents(self, oid: int) -> tuple[int, ...]:
        """Return the direct parents."""
        return tuple(self._parents.get(oid, ()))

    def plain(self, oid: int) -> bool:
        """Tell whether the relation takes part in inheritance without partitions."""
        return oid in self._plain

    def tree(self, oid: int) -> frozenset[int]:
        """Return all relations that must convert together with this one."""
        if oid not in self._parents and oid not in self._children:
            return frozenset((oid,))
        seen: set[int] = set()
        todo = [oid]
        while todo:
            at = todo.pop()
            if at not in seen:
                seen.add(at)
                todo += self._parents.get(at, ())
                todo += self._children.get(at, ())
        return frozenset(seen)

    @staticmethod
    def _walk(oid: int, edges: dict[int, list[int]]) -> Iterator[int]:
        seen = {oid}
        todo = list(edges.get(oid, ()))
        for at in todo:
            if at not in seen:
                seen.add(at)
                yield at
                todo += edges.get(at, ())
