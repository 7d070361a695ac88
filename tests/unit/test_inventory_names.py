"""Patterns, default index names and words in sources."""

import pytest

from tzmigrate.errors import UsageError
from tzmigrate.inventory.index_names import default_index_name
from tzmigrate.inventory.patterns import Scope, split_pattern
from tzmigrate.inventory.rows import InheritsRow
from tzmigrate.inventory.sources import words
from tzmigrate.inventory.trees import Forest


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("orders", ("public", "orders"), True),
        ("orders", ("public", "Orders"), False),
        ("ord*", ("public", "orders"), True),
        ('"ord*"', ("public", "orders"), False),
        ('"ord*"', ("public", "ord*"), True),
        ('"a""b"', ("public", 'a"b'), True),
        ("public.*", ("public", "x.y"), True),
        ('public."x.y"', ("public", "x.y"), True),
        ("p?blic.o*", ("public", "orders"), True),
        ("*.orders", ("x", "orders"), True),
    ],
)
def test_table_patterns(pattern: str, name: tuple[str, str], matches: bool) -> None:
    assert Scope.parse(tables=[pattern]).wants(name) is matches
    assert Scope.parse(excludes=[pattern]).excluded(name) is matches


@pytest.mark.parametrize("pattern", ["", ".", "a.", ".a", '"a', 'a"', '""'])
def test_patterns_that_cannot_be_read(pattern: str) -> None:
    with pytest.raises(UsageError, match="TZ261"):
        split_pattern(pattern)


@pytest.mark.parametrize(
    ("table", "columns", "options", "name"),
    [
        ("p1", ["c"], {}, "p1_c_idx"),
        ("p1", ["a", "c"], {"constraint": "u"}, "p1_a_c_key"),
        ("p1", ["a", "c"], {"constraint": "p", "primary": True}, "p1_pkey"),
        ("p1", ["c"], {"constraint": "x"}, "p1_c_excl"),
        ("p1", ["c", "c"], {}, "p1_c_c1_idx"),
        ("p1", ["", ""], {}, "p1_expr_expr1_idx"),
        ("t" * 63, ["c"], {}, "t" * 57 + "_c_idx"),
        ("t" * 63, ["c" * 63], {}, "t" * 29 + "_" + "c" * 29 + "_idx"),
    ],
)
def test_default_index_names(
    table: str, columns: list[str], options: dict[str, object], name: str
) -> None:
    assert default_index_name(table, columns, **options) == name  # type: ignore[arg-type]  # spelled out above
    assert len(name.encode()) <= 63


def test_words_are_found_folded_as_written_and_quoted() -> None:
    found = words("""UPDATE "My Table" SET Placed_At = 'x' -- lone " quote
        WHERE format('%I', "b""c") IS NULL AND größe > $1""")

    assert {"My Table", "placed_at", "Placed_At", 'b"c', "größe", "quote"} <= found
    assert "placed" not in found


def test_a_tree_is_found_from_any_member() -> None:
    forest = Forest(
        [
            InheritsRow(2, 1, True),
            InheritsRow(3, 2, True),
            InheritsRow(4, 1, True),
            InheritsRow(9, 8, False),
            InheritsRow(9, 7, False),
        ]
    )

    assert all(forest.tree(oid) == {1, 2, 3, 4} for oid in (1, 2, 3, 4))
    assert (forest.roots(3), forest.roots(9), forest.roots(5)) == ((1,), (7, 8), (5,))
    assert [forest.plain(oid) for oid in (1, 3, 7, 9)] == [False, False, True, True]
