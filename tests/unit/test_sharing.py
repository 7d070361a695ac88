"""How groups are shared out: what leans on several finds them in their order."""

from collections.abc import Mapping

import pytest

from tzmigrate.planning.model import (
    Group,
    RelationName,
    Strategy,
    Table,
)
from tzmigrate.revisions.sharing import Leanings, Locks, batches, share_out

MANY = 1_000_000


def group(slug: str, *, zone: str = "Etc/UTC", special: bool = False) -> Group:
    name = RelationName(schema="public", name=slug)
    return Group(
        slug=slug,
        relations=(name,),
        columns=(),
        strategy=Strategy.METADATA,
        session_zone=zone,
        tables=(Table(relation=name, step=None, strategy=Strategy.METADATA),),
        row_security=special,
    )


def view(*names: str) -> set[tuple[str, str]]:
    return {("view", name) for name in names}


def batched(
    groups: list[Group],
    leanings: Leanings | None = None,
    *,
    room: int = MANY,
    locks: Mapping[str, int] | None = None,
) -> list[list[str]]:
    """Return the slugs of each batch."""
    of = locks or {g.slug: 1 for g in groups}
    known = leanings or {g.slug: set() for g in groups}
    found = batches(groups, known, Locks(room=room, of=of))
    return [[g.slug for g in one] for one in found]


def test_nothing_leans_on_two_groups_of_one_batch() -> None:
    leanings = {
        "a": view("ab", "own"),
        "b": view("ab", "bc"),
        "c": view("bc"),
        "d": view("other"),
    }
    found = batched([group(slug) for slug in leanings], leanings)
    assert found == [["a", "d"], ["b"], ["c"]]


def test_what_the_quick_runs_leave_out_goes_by_itself_in_its_place() -> None:
    groups = [group("a"), group("b", special=True), group("c", special=True)]
    assert batched([*groups, group("d")]) == [["a"], ["b"], ["c"], ["d"]]


def test_one_batch_has_one_session_zone() -> None:
    groups = [group("a"), group("b"), group("c", zone="Asia/Tokyo"), group("d")]
    assert batched(groups) == [["a", "b"], ["c"], ["d"]]


@pytest.mark.parametrize(
    ("room", "expected"),
    [(10, [["a", "b", "c"]]), (3, [["a", "b"], ["c"]]), (0, [["a"], ["b"], ["c"]])],
)
def test_what_is_tried_as_one_fits_the_room_for_locks(
    room: int, expected: list[list[str]]
) -> None:
    locks = Locks(room=room, of={"a": 1, "b": 2, "c": 3})
    assert list(locks.trials("abc")) == expected


def test_reading_takes_more_groups_than_trying() -> None:
    groups = [group(f"g{i:03}") for i in range(250)]
    assert [len(one) for one in batched(groups)] == [100, 100, 50]
    locks = Locks(room=MANY, of={g.slug: 1 for g in groups})
    assert {len(one) for one in locks.trials(list(locks.of)[:64])} == {32}


def test_lanes_keep_the_order_and_what_leans_together() -> None:
    leanings = {
        "a": view("one"),
        "b": set(),
        "c": view("one"),
        "d": set(),
        "e": view("one"),
    }
    lanes = share_out([group(slug) for slug in leanings], leanings, 2)
    assert sorted([g.slug for g in lane] for lane in lanes) == [
        ["a", "c", "e"],
        ["b", "d"],
    ]
