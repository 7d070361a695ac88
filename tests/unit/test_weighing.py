"""What clock changes and neighbours say of a conversion by hand."""

from collections.abc import Sequence

import pytest

from tzmigrate.verification.model import Ground
from tzmigrate.verification.weighing import (
    Ahead,
    Assessment,
    Change,
    Passes,
    Sibling,
    compared,
    weigh,
)


def passes(*rows: tuple[int, float], zone: str = "Europe/Paris") -> Passes:
    """Return a zone whose clock went back so often: rows there, rows usual."""
    changes = (
        Change(at=f"{2015 + n}-10-25T01:00Z", first=first, usual=usual)
        for n, (first, usual) in enumerate(rows)
    )
    return Passes(zone=zone, called="a reason", changes=tuple(changes))


def judged(
    declared: Passes,
    others: Sequence[Passes] = (),
    siblings: Sequence[Sibling] = (),
    ahead: Ahead | None = None,
) -> Assessment:
    return weigh(declared, others, siblings, ahead)


@pytest.mark.parametrize(
    ("rows", "ground"),
    [
        ([], Ground.UNPROVED),
        ([(0, 9.5)], Ground.UNPROVED),
        ([(0, 5), (0, 5)], Ground.SHOWN),
        # written since
        ([(0, 5), (0, 5), (11, 10), (9, 10)], Ground.SHOWN),
        # one night may have been an outage
        ([(0, 10), (11, 10), (9, 10)], Ground.UNPROVED),
        ([(0, 99), (0, 0)], Ground.UNPROVED),
        ([(0, 9), (11, 10), (9, 10)], Ground.CONTRADICTED),
        ([(11, 10), (0, 10)], Ground.CONTRADICTED),
        # a few may have been set right, or be of another source
        ([(4, 4)], Ground.UNPROVED),
        ([(5, 5)], Ground.CONTRADICTED),
        ([(5, 100)], Ground.UNPROVED),
        # nobody works at night
        ([(0, 0), (0, 0)], Ground.UNPROVED),
    ],
)
def test_clock_changes_show_or_refute_a_zone(
    rows: list[tuple[int, float]], ground: Ground
) -> None:
    assert judged(passes(*rows)).ground is ground


def test_another_zone_that_is_avoided_refutes_the_declared_one() -> None:
    other = passes((0, 12), zone="America/New_York")
    for declared in (passes(), passes((0, 3)), passes((12, 12))):
        found = judged(declared, [other])
        assert found.ground is Ground.CONTRADICTED
        assert found.made_in == "America/New_York"
    # where both are, nobody can tell
    found = judged(passes((0, 6), (0, 6)), [other])
    assert (found.ground, found.made_in) == (Ground.UNPROVED, None)
    alone = judged(passes((0, 6), (0, 6)), [passes((12, 12))])
    assert alone.ground is Ground.SHOWN


@pytest.mark.parametrize(
    ("rows", "moved", "ground"),
    [
        (20, 10, Ground.CONTRADICTED),
        (21, 10, Ground.UNPROVED),
        (9, 9, Ground.UNPROVED),
        (1000, 0, Ground.UNPROVED),
    ],
)
def test_the_moment_of_insertion_only_refutes(
    rows: int, moved: int, ground: Ground
) -> None:
    beside = Sibling(
        column="made", zone="Asia/Tokyo", called="", rows=rows, fit=rows, moved=moved
    )
    assert judged(passes(), siblings=[beside]).ground is ground


def test_what_is_far_ahead_was_meant_to_be() -> None:
    near = Ahead(near=3, far=0, furthest="04:00:00")
    assert judged(passes(), ahead=near).ground is Ground.CONTRADICTED
    for other in (
        Ahead(near=2, far=0, furthest="04:00:00"),
        Ahead(near=3, far=1, furthest="04:00:00"),
    ):
        assert judged(passes(), ahead=other).ground is Ground.UNPROVED


def test_an_old_column_proves_by_its_rows_alone() -> None:
    found = compared("was", "Etc/UTC", [("same", None, 7), ("bare", None, 1)])
    assert (found.ground, found.rows_compared) == (Ground.PROVED, 7)
    assert "1 row of now with nothing there" in found.why
    found = compared("was", "Etc/UTC", [("bare", None, 3)])
    assert (found.ground, found.rows_compared) == (Ground.UNPROVED, 0)
    found = compared("was", "Etc/UTC", [("blank", None, 9), ("bare", None, 1)])
    assert (found.ground, found.rows_compared) == (Ground.UNPROVED, 0)
    assert "9 rows NULL or infinite in both tell nothing; 1 row of now" in found.why
    found = compared("was", "Etc/UTC", [("blank", None, 9), ("same", None, 1)])
    assert (found.ground, found.rows_compared) == (Ground.PROVED, 1)
    found = compared(
        "was",
        "Etc/UTC",
        [("same", None, 7), ("moved", 3_600_000_000, 2), ("moved", None, 1)],
    )
    assert found.ground is Ground.CONTRADICTED
    assert [(o.offset, o.count) for o in found.offsets] == [
        ("+01:00:00", 2),
        ("unknown", 1),
    ]
