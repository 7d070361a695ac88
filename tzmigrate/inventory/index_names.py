"""The names that PostgreSQL gives to the indexes of partitions.

``ALTER TABLE … TYPE`` on a partitioned table builds the partitions' indexes again and
gives them default names (``ChooseIndexName`` in ``indexcmds.c``), whatever they were
called before. A name that is not the default would not come back.
"""

from collections.abc import Sequence

_LONGEST = 63


def default_index_name(
    table: str,
    columns: Sequence[str],
    *,
    primary: bool = False,
    constraint: str | None = None,
) -> str:
    """Return the name that a partition's index gets when nothing else has it.

    Args:
        table: the partition, unqualified.
        columns: key and INCLUDE columns in order; an empty name is an expression.
        primary: the index belongs to the primary key.
        constraint: ``pg_constraint.contype`` of the index's constraint, if it has one.

    >>> default_index_name("orders_2024", ["placed_at", ""])
    'orders_2024_placed_at_expr_idx'
    """
    if primary:
        return _make(table, "", "pkey")
    label = {"x": "excl", "u": "key"}.get(constraint or "", "idx")
    return _make(table, _join(_distinct(columns)), label)


def _distinct(columns: Sequence[str]) -> list[str]:
    names: list[str] = []
    for column in columns:
        original = column or "expr"
        name, number = original, 1
        while name in names:
            suffix = str(number)
            name = _clip(original, _LONGEST - len(suffix)) + suffix
            number += 1
        names.append(name)
    return names


def _join(names: Sequence[str]) -> str:
    joined = b""
    for name in names:
        if joined:
            joined += b"_"
        joined += name.encode()
        if len(joined) > _LONGEST:
            break
    return joined.decode()


def _make(first: str, second: str, label: str) -> str:
    room = _LONGEST - len(label) - 1 - (1 if second else 0)
    one, two = len(first.encode()), len(second.encode())
    while one + two > room:
        if one > two:
            one -= 1
        else:
            two -= 1
    parts = [_clip(first, one)]
    if second:
        parts.append(_clip(second, two))
    return "_".join([*parts, label])


def _clip(name: str, size: int) -> str:
    return name.encode()[:size].decode(errors="ignore")
