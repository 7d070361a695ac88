"""What follows from indexes: which ALTER TYPE carries over, and which it spoils."""

from collections import defaultdict
from collections.abc import Iterable

from tzmigrate.inventory.draft import Draft
from tzmigrate.inventory.index_names import default_index_name
from tzmigrate.inventory.model import Index
from tzmigrate.inventory.rows import IndexRow

_CHILD_COMMENT_GONE = 170000
"""Before this version a rebuilt partition index got its parent's comment."""


def apply_indexes(
    drafts: dict[int, dict[int, Draft]], rows: Iterable[IndexRow], version: int
) -> None:
    """Give each column its indexes, and the findings that follow from them."""
    by_oid = {row.oid: row for row in rows}
    sizes = _sizes(by_oid)
    parents = {row.parent for row in by_oid.values()}
    for row in sorted(by_oid.values(), key=lambda r: r.quoted):
        parent = by_oid.get(row.parent) if row.parent is not None else None
        for attnum, draft in drafts.get(row.relation, {}).items():
            if _whole_row(row) or _uses(row, attnum):
                _apply(draft, row, sizes[row.oid])
                if draft.convertible:
                    _notes(draft, row, parent, version)
                    if row.exclusion and row.oid in parents:
                        draft.note("TZ147", object=_constraint(draft, row))


def _sizes(by_oid: dict[int, IndexRow]) -> dict[int, int]:
    """Return bytes with those of attached partition indexes: what a rebuild writes."""
    total: dict[int, int] = defaultdict(int)
    for row in by_oid.values():
        at: IndexRow | None = row
        while at is not None:
            total[at.oid] += row.bytes
            at = by_oid.get(at.parent) if at.parent is not None else None
    return total


def _whole_row(row: IndexRow) -> bool:
    return 0 in row.in_expressions or 0 in row.in_predicate


def _uses(row: IndexRow, attnum: int) -> bool:
    return any(
        attnum in used
        for used in (row.keys, row.includes, row.in_expressions, row.in_predicate)
    )


def _apply(draft: Draft, row: IndexRow, size: int) -> None:
    attnum = draft.row.attnum
    name = f"index {row.quoted}"
    computed = attnum in row.in_expressions or attnum in row.in_predicate
    plain = not (computed or _whole_row(row) or attnum in row.odd_opclass)
    draft.indexes += (
        Index(
            name=row.quoted,
            definition=row.definition,
            unique=row.unique,
            constraint=row.constraint,
            key=attnum in row.keys,
            plain=plain,
            valid=row.valid,
            bytes=size,
        ),
    )
    if _whole_row(row):
        draft.lean("whole-row index", name, private=row.parent is not None)
    if computed and row.constraint == "x":
        name = _constraint(draft, row)
        draft.lean("exclusion", name, private=row.parent is not None)
    elif attnum in row.in_expressions:
        draft.lean("index expression", name, private=row.parent is not None)
    elif attnum in row.in_predicate:
        draft.lean("index predicate", name, private=row.parent is not None)
    if attnum in row.odd_opclass:
        draft.lean("operator class", name, private=row.parent is not None)


def _constraint(draft: Draft, row: IndexRow) -> str:
    return f"constraint {row.name} on table {draft.relation.quoted}"


def _notes(draft: Draft, row: IndexRow, parent: IndexRow | None, version: int) -> None:
    name = f"index {row.quoted}"
    if not row.valid:
        draft.note("TZ137", object=name)
    if row.statistics_target:
        draft.note("TZ136", object=name, reason="statistics target")
    if row.needs_extension:
        draft.note("TZ136", object=name, reason="dependency on an extension")
    if parent is not None:
        for reason in _differences(draft, row, parent, version):
            draft.note("TZ135", object=name, reason=reason)


def _differences(
    draft: Draft, row: IndexRow, parent: IndexRow, version: int
) -> Iterable[str]:
    """Yield what a partition's index has and a rebuilt one would not have."""
    name = default_index_name(
        draft.relation.name,
        row.columns,
        primary=row.primary,
        constraint=row.constraint,
    )
    if row.name != name:
        yield f"its name would become {name} or similar"
    comment = parent.comment if version < _CHILD_COMMENT_GONE else None
    if row.comment != comment:
        yield "its comment would change"
    if row.constraint_comment is not None:
        yield "the comment of its constraint would be lost"
    if row.options != parent.options:
        yield "its storage parameters would become those of its parent"
    if row.tablespace != parent.tablespace:
        yield "its tablespace would become that of its parent"
