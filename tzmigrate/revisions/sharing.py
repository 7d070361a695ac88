"""How groups are shared out: over shadows, and over what is read and tried as one."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import psycopg

from tzmigrate.planning.model import Group
from tzmigrate.planning.together import apart

_READ_TOGETHER = 100
"""Of how many groups is read as one what leans on them."""

_TRIED_TOGETHER = 32
"""How many groups are tried as one; each holds its locks until all are through."""

_LOCKS = {"table": 16, "view": 20, "materialized view": 30, "other": 6}
"""Locks on each and its indexes and types, for each time that it is made anew."""

_READING = 4
"""Reading takes less than this part of the locks that trying takes."""

_SHARE = 4
"""Locks are kept in memory that all sessions of the server share: at most a quarter."""

_ROOM_FOR_LOCKS = (
    "SELECT pg_catalog.current_setting('max_locks_per_transaction')::int8"
    " * (pg_catalog.current_setting('max_connections')::int8"
    " + pg_catalog.current_setting('max_prepared_transactions')::int8)"
)

Leanings = Mapping[str, set[tuple[str, str]]]
"""By slug, kind and name of what leans on the columns of a group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Locks:
    """What may be locked at once.

    Attributes:
        room: how many locks one transaction may hold.
        of: how many the three runs of a group hold at their end, by slug.
    """

    room: int
    of: Mapping[str, int]

    def batches(self, slugs: Sequence[str]) -> Iterator[Sequence[str]]:
        """Yield in lists what is read as one."""
        return self._lists(slugs, _READ_TOGETHER, self.room * _READING)

    def trials(self, slugs: Sequence[str]) -> Iterator[Sequence[str]]:
        """Yield in lists what is tried as one."""
        return self._lists(slugs, _TRIED_TOGETHER, self.room)

    def _lists(
        self, slugs: Sequence[str], many: int, room: int
    ) -> Iterator[Sequence[str]]:
        one: list[str] = []
        held = 0
        for slug in slugs:
            held += self.of[slug]
            if one and (len(one) == many or held > room):
                yield one
                one, held = [], self.of[slug]
            one.append(slug)
        if one:
            yield one


def read_locks(
    connection: psycopg.Connection[Any],
    groups: Sequence[Group],
    leanings: Leanings,
    *,
    lanes: int,
) -> Locks:
    """Return what the groups of one of several lanes on this server may lock."""
    row = connection.execute(_ROOM_FOR_LOCKS).fetchone()
    connection.commit()
    return Locks(
        room=(row[0] if row else 0) // _SHARE // lanes,
        of={g.slug: _locks(g, leanings[g.slug]) for g in groups},
    )


def _locks(group: Group, leaning: Collection[tuple[str, str]]) -> int:
    above = [_LOCKS[kind] for kind, _ in leaning if kind in _LOCKS]
    below = _LOCKS["table"] + _LOCKS["other"] * (len(leaning) - len(above))
    return sum(above) + below * len(group.relations)


def share_out(
    groups: Sequence[Group], leanings: Leanings, number: int
) -> list[list[Group]]:
    """Return the groups in lanes: what leans on those of one leans on no other's.

    Each lane keeps the order of the groups.
    """
    special = {g.slug for g in groups if _special(g)}
    place = {g.slug: i for i, g in enumerate(groups)}
    lanes: list[list[Group]] = [[] for _ in range(number)]
    for together in sorted(apart(groups, leanings, special), key=len, reverse=True):
        min(lanes, key=len).extend(together)
    return [sorted(lane, key=lambda g: place[g.slug]) for lane in lanes]


def batches(
    groups: Sequence[Group], leanings: Leanings, locks: Locks
) -> Iterator[list[Group]]:
    """Yield the groups in lists: nothing leans on two of one list.

    What leans on several groups finds them converted in their order.
    """
    known = {g.slug: g for g in groups}

    def kind(group: Group) -> tuple[str, str]:
        return (group.slug if _special(group) else "", group.session_zone)

    for _, like in groupby((g for g in groups if g.tables), kind):
        for level in _levels([g.slug for g in like], leanings):
            for one in locks.batches(level):
                yield [known[slug] for slug in one]


def _levels(slugs: Sequence[str], leanings: Leanings) -> list[list[str]]:
    levels: dict[int, list[str]] = defaultdict(list)
    above: dict[tuple[str, str], int] = {}
    for slug in slugs:
        level = max((above.get(what, 0) for what in leanings[slug]), default=0)
        levels[level].append(slug)
        above |= dict.fromkeys(leanings[slug], level + 1)
    return [levels[level] for level in sorted(levels)]


def _special(group: Group) -> bool:
    """Say whether the quick runs leave out what this group needs."""
    return bool(group.types or group.parked) or group.row_security
