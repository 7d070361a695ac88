"""What the data says of a conversion that somebody made by hand. No server here.

PostgreSQL takes the later of the two instants of a wall clock that a zone has twice.
So a conversion in a zone leaves the first pass of each doubled hour empty, and rows
that stand there were written later, or converted in another zone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tzmigrate.verification.judge import interval
from tzmigrate.verification.model import Ground, OffsetCount

_USUAL = 10
"""So many rows must be missed: by chance none of ten is there once in 20,000 times."""
_CHANGES = 2
"""So often: one night without rows may be an outage."""
_FOUND = 5
"""So many rows stand where none may be, …"""
_SHARE = 0.25
"""… and so large a part of those that are usual there."""
_AHEAD = 3
"""So many rows of a column that takes the present moment stand in the future."""
_SIBLINGS = 10
"""So many rows, and half of those looked at, fit another zone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One time that a zone's clock went back.

    Attributes:
        at: the instant, ISO 8601 in UTC.
        first: rows in the first pass of the doubled hour.
        usual: rows of the same hour in the weeks before, as one hour has them.
    """

    at: str
    first: int
    usual: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Passes:
    """Every change of one zone's clock within a column.

    Attributes:
        called: why this zone is looked at, for people.
        offsets: by how much values would move from it to the declared zone.
    """

    zone: str
    called: str
    changes: tuple[Change, ...]
    offsets: tuple[OffsetCount, ...] = ()

    @property
    def first(self) -> int:
        """Rows where a conversion in this zone puts none."""
        return sum(change.first for change in self.changes)

    @property
    def usual(self) -> float:
        """Rows that are usual there."""
        return sum(change.usual for change in self.changes)

    @property
    def empty(self) -> tuple[Change, ...]:
        """The changes up to the first one with a row: those after it may be newer."""
        filled = (n for n, change in enumerate(self.changes) if change.first)
        return self.changes[: next(filled, len(self.changes))]

    @property
    def avoided(self) -> float:
        """Rows that are usual there, and that nevertheless are missing."""
        return sum(change.usual for change in self.empty)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sibling:
    """Rows beside a column that takes the moment of their insertion.

    Attributes:
        zone: had they been converted in it, ``moved`` of them would fit.
    """

    column: str
    zone: str
    called: str
    rows: int
    fit: int
    moved: int
    offsets: tuple[OffsetCount, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """Rows of a column that takes the present moment, and that stand in the future."""

    near: int
    far: int
    furthest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What is known of one conversion by hand.

    Attributes:
        why: in words, for people; lower case, without a full stop.
        made_in: another zone, in which it was made as far as the data tells.
        offsets: of the rows that differ, by how much they moved; or by how much they
            would have to move from ``made_in``.
        rows_compared: with an old column.
    """

    ground: Ground
    why: str
    made_in: str | None = None
    offsets: tuple[OffsetCount, ...] = ()
    rows_compared: int = 0
    old_column: str | None = None


def compared(
    old: str, zone: str, rows: Sequence[tuple[str, int | None, int]]
) -> Assessment:
    """Judge a column by the naive one that stands beside it.

    Args:
        old: its name.
        zone: in which it was read.
        rows: fate, microseconds moved, and number, as ``old_column.sql`` gives them.
    """
    count = {"same": 0, "blank": 0, "bare": 0, "moved": 0}
    moved: dict[int | None, int] = {}
    for fate, microseconds, number in rows:
        count[fate] += number
        if fate == "moved":
            moved[microseconds] = moved.get(microseconds, 0) + number
    rest = ""
    if count["blank"]:
        rest += f"; {_rows(count['blank'])} NULL or infinite in both tell nothing"
    if count["bare"]:
        rest += f"; {_rows(count['bare'])} of now with nothing there"
    # NULL and infinity are the same in every zone: they are no evidence
    looked_at = count["same"] + count["moved"]
    if count["moved"]:
        return Assessment(
            ground=Ground.CONTRADICTED,
            why=f"{count['moved']} of {_rows(looked_at)} are not what {old} says, read"
            f" in {zone}{rest}",
            offsets=offsets(moved),
            rows_compared=looked_at,
            old_column=old,
        )
    if not looked_at:
        return Assessment(
            ground=Ground.UNPROVED,
            why=f"{old} has no row to compare with{rest}",
            old_column=old,
        )
    return Assessment(
        ground=Ground.PROVED,
        why=f"each of {_rows(looked_at)} is what {old} says, read in {zone}{rest}",
        rows_compared=looked_at,
        old_column=old,
    )


def weigh(
    declared: Passes,
    others: Sequence[Passes],
    siblings: Sequence[Sibling],
    ahead: Ahead | None,
) -> Assessment:
    """Judge a conversion by what it leaves behind.

    Args:
        declared: the zone that the column is said to have been converted in.
        others: zones that it may have been converted in instead, with other offsets.
        siblings: columns of the same rows that take the moment of insertion.
        ahead: rows in the future; ``None`` where they mean nothing.
    """
    other = next((p for p in others if p.avoided >= _USUAL), None)
    avoided = declared.avoided >= _USUAL
    made_in = None if avoided else other
    against = _beside(siblings) or _elsewhere(declared, made_in, ahead)
    if against is not None:
        return against
    nights = sum(change.usual > 0 for change in declared.empty)
    if avoided and other is None and nights >= _CHANGES:
        return Assessment(
            ground=Ground.SHOWN,
            why=f"{_avoided(declared)}; a zone whose clocks go back at the same"
            " instants would look the same",
        )
    why = (
        f"nothing tells: in the first pass of the hours that {declared.zone} has twice"
        f" about {round(declared.usual)} rows are usual, and {declared.first} are there"
    )
    if avoided and other is None:
        why = f"one night may be chance: {_avoided(declared)}"
    elif avoided and other is not None:
        why = (
            f"{_avoided(declared)}, and so it is with {other.zone} ({other.called}),"
            " whose clocks go back at the same instants"
        )
    elif not declared.changes:
        why = f"nothing tells: no clock of {declared.zone} went back in all that time"
    return Assessment(ground=Ground.UNPROVED, why=why)


def _beside(siblings: Sequence[Sibling]) -> Assessment | None:
    """Say what columns speak against that take the moment of insertion."""
    for sibling in siblings:
        if sibling.moved >= max(_SIBLINGS, sibling.rows / 2):
            return Assessment(
                ground=Ground.CONTRADICTED,
                why=f"{sibling.moved} of the {_rows(sibling.rows)} that are oldest by"
                f" {sibling.column} would be at its moment, had they been converted in"
                f" {sibling.zone} ({sibling.called}); as they stand {sibling.fit} are",
                made_in=sibling.zone,
                offsets=sibling.offsets,
            )
    return None


def _elsewhere(
    declared: Passes, made_in: Passes | None, ahead: Ahead | None
) -> Assessment | None:
    """Say what clocks speak against, those of zones and that of now."""
    filled = declared.avoided < _USUAL and declared.first >= max(
        _FOUND, _SHARE * declared.usual
    )
    if made_in is not None:
        also = f"; {_filled(declared)}" if filled else ""
        return Assessment(
            ground=Ground.CONTRADICTED,
            why=f"{_avoided(made_in)} ({made_in.called}){also}",
            made_in=made_in.zone,
            offsets=made_in.offsets,
        )
    if filled:
        return Assessment(ground=Ground.CONTRADICTED, why=_filled(declared))
    if ahead is not None and ahead.near >= _AHEAD and not ahead.far:
        return Assessment(
            ground=Ground.CONTRADICTED,
            why=f"{_rows(ahead.near)} are in the future, up to {ahead.furthest} ahead,"
            " though its default is the present moment",
        )
    return None


def offsets(moved: Mapping[int | None, int]) -> tuple[OffsetCount, ...]:
    """Return the most frequent offsets first, as they are printed."""
    ranked = sorted(moved.items(), key=lambda item: (-item[1], item[0] or 0))
    return tuple(
        OffsetCount(offset=interval(offset), count=count) for offset, count in ranked
    )[:10]


def _avoided(passes: Passes) -> str:
    first, last = passes.empty[0].at, passes.empty[-1].at
    return (
        f"no row stands in the first pass of the hours that {passes.zone} had twice"
        f" from {first} to {last}, where about {round(passes.avoided)} are usual, as a"
        " conversion in that zone leaves it"
    )


def _filled(passes: Passes) -> str:
    return (
        f"{_rows(passes.first)} stand in the first pass of hours that {passes.zone} has"
        f" twice, where a conversion in it puts none, and about {round(passes.usual)}"
        " are usual"
    )


def _rows(number: int) -> str:
    return "1 row" if number == 1 else f"{number} rows"
