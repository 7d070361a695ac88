"""What follows from the catalog's rows for each column: dependents and findings."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from tzmigrate.inventory.draft import Draft
from tzmigrate.inventory.findings import FAMILY_CODES, PRINTED_ROW
from tzmigrate.inventory.index_rules import apply_indexes
from tzmigrate.inventory.model import Family, Role, Writer
from tzmigrate.inventory.routines.model import Reliance, RoutineReading
from tzmigrate.inventory.row_takers import RowTakers
from tzmigrate.inventory.row_uses import RowUse, called_with_rows, row_use
from tzmigrate.inventory.rows import (
    CatalogRows,
    FunctionRow,
    ViewRow,
)
from tzmigrate.inventory.source_rules import apply_sources
from tzmigrate.inventory.trees import Forest

Drafts = dict[int, dict[int, Draft]]
"""By relation and attribute number."""

_FULL_PRECISION = 6
_NAIVE = "timestamp without time zone"
_ZONED = "timestamp with time zone"
_INSTANT = re.compile(
    r"(now|transaction_timestamp|statement_timestamp|clock_timestamp)\(\)"
    r"|CURRENT_TIMESTAMP(\(\d\))?"
)
_TIMELESS = re.compile(r"NULL::.*|'-?infinity'::timestamp.*")


def apply_all(
    drafts: Drafts,
    rows: CatalogRows,
    forest: Forest,
) -> RoutineReading | None:
    """Apply every rule to every column, the root's last; return what was read."""
    for of_one in drafts.values():
        for draft in of_one.values():
            _type_rules(draft)
            _default_rules(draft, rows.default_types)
    _relation_rules(drafts, rows, forest)
    routines = apply_sources(drafts, rows)
    reliances = _dependent_rules(drafts, rows, routines)
    apply_indexes(drafts, rows.indexes, rows.server.version)
    _tree_rules(drafts, forest)
    return replace(routines, reliances=reliances) if routines else None


def engine_of(oid: int, forest: Forest, engines: dict[int, str]) -> str | None:
    """Return the engine that manages a relation or anything in its tree."""
    if not engines:
        return None
    if oid in engines:
        return engines[oid]
    return next((engines[m] for m in sorted(forest.tree(oid)) if m in engines), None)


def _type_rules(draft: Draft) -> None:
    row = draft.row
    if draft.role is Role.DERIVED:
        draft.note("TZ106", private=True)
        return
    if draft.role is Role.FOREIGN:
        draft.note("TZ107", private=True)
        return
    if row.family in FAMILY_CODES:
        draft.note(FAMILY_CODES[row.family], private=True, type=row.type)
    if row.precision is not None and row.precision < _FULL_PRECISION:
        draft.note("TZ108", private=True, type=row.type)
    if row.generated:
        draft.note("TZ116", private=True)


def _default_rules(draft: Draft, default_types: dict[str, str | None]) -> None:
    default = draft.row.default
    if default is None:
        return
    draft.writers += (
        Writer(
            kind="default",
            name=f"default value for column {draft.row.quoted}"
            f" of table {draft.relation.quoted}",
            certainty="certain",
            detail=default,
        ),
    )
    if not draft.convertible or draft.family is not Family.SCALAR:
        return
    type_ = default_types.get(default)
    code = None
    if type_ == _ZONED:
        code = None if _INSTANT.fullmatch(default) else "TZ155"
    elif type_ == "date":
        code = "TZ152"
    elif type_ != _NAIVE:
        code = "TZ153"
    elif draft.row.volatility != "i":
        code = "TZ150"
    elif not _TIMELESS.fullmatch(default):
        code = "TZ151"
    if code is not None:
        draft.note(code, default=default, type=type_ or "not accepted by the server")


def _relation_rules(drafts: Drafts, rows: CatalogRows, forest: Forest) -> None:
    replicated = defaultdict(list)
    for replication in rows.replication:
        replicated[replication.relation].append(replication)
    for oid, of_one in drafts.items():
        engine = engine_of(oid, forest, rows.engine_members)
        inherits = forest.plain(oid)
        for draft in of_one.values():
            if not draft.convertible:
                continue
            relation = draft.relation
            table = f"table {relation.quoted}"
            if not relation.owned:
                draft.note("TZ140", object=table, owner=relation.owner)
            if engine is not None:
                draft.note("TZ141", private=True, object=table, engine=engine)
            if relation.extension is not None:
                draft.note("TZ142", object=table, extension=relation.extension)
            if relation.typed:
                draft.lean(
                    "typed table", table, type=relation.of_type, table=relation.quoted
                )
            if draft.row.attnum in relation.partition_key:
                draft.lean("partition key", table)
            if inherits:
                draft.lean("inheritance", table, private=True)
            if draft.row.inherited > 1:
                draft.lean("several parents", f"column {draft.name}")
            for replication in replicated.get(oid, ()):
                draft.note(
                    "TZ143" if replication.kind == "publication" else "TZ144",
                    object=table,
                    name=replication.name,
                )


def _dependent_rules(
    drafts: Drafts, rows: CatalogRows, routines: RoutineReading | None
) -> tuple[Reliance, ...]:
    above = _Above(rows.views)
    for row in rows.dependents:
        draft = drafts.get(row.relation, {}).get(row.attnum)
        if draft is not None:
            draft.lean(row.kind, row.name, private=row.copied)
            above.add_to(draft, row.view, row.name)
    takers = RowTakers(rows.functions, routines, rewrites=rows.rewrites)
    reliances = tuple(_whole_row_rules(drafts, rows, above, takers))
    for use in rows.row_types:
        for draft in drafts.get(use.relation, {}).values():
            draft.lean(use.kind, use.name)
    _returned_rows_rules(drafts, rows)
    for type_ in rows.user_types:
        for relation, attnum in type_.columns:
            if (draft := drafts.get(relation, {}).get(attnum)) is not None:
                for function in type_.functions:
                    draft.lean("row type in function", function)
    return reliances


def _returned_rows_rules(drafts: Drafts, rows: CatalogRows) -> None:
    """Refuse what is read from rows of functions where PostgreSQL does not know."""
    stored = {type_.oid: type_.columns for type_ in rows.user_types}
    for row in rows.returned_rows:
        # values of a composite type stand in columns of its own
        columns = [[row.relation, row.attnum], *stored.get(row.type, ())]
        for relation, attnum in columns:
            draft = drafts.get(relation, {}).get(attnum)
            if draft is not None and draft.convertible:
                draft.note("TZ148", object=row.name)


_ROW_USES = {RowUse.COMPUTED: "TZ145", RowUse.SHOWN: "TZ146"}


def _whole_row_rules(
    drafts: Drafts, rows: CatalogRows, above: "_Above", takers: RowTakers
) -> Iterator[Reliance]:
    """Say what is made of whole rows, of a table or a view that shows columns.

    Yields:
        What is not said because functions will be rewritten.
    """
    for whole in rows.whole_rows:
        use = row_use(
            whole.tree, whole.row_type, whole.takers, view=whole.kind == "view"
        )
        given = called_with_rows(whole.tree, whole.row_type, whole.takers)
        of_relation = drafts.get(whole.relation, {}).values()
        for draft in of_relation:
            # what stays as it is does not lean on the column
            if (
                use is not RowUse.HANDED_ON
                or whole.kind not in {"trigger", "sql-body function"}
                or takers.asking(given, draft.full_name)
            ):
                draft.lean(whole.kind, whole.name, private=whole.copied)
                above.add_to(draft, whole.view, whole.name)
        shown = above.shown_by.get(whole.relation, ()) if of_relation else ()
        for draft in {id(d): d for d in (*of_relation, *shown)}.values():
            if draft.convertible:
                asking = takers.asking(given, draft.full_name)
                yield from _row_findings(draft, whole.name, use, asking, takers)


def _row_findings(
    draft: Draft,
    name: str,
    use: RowUse,
    asking: Sequence[FunctionRow],
    takers: RowTakers,
) -> Iterator[Reliance]:
    """Tell one column what an object makes of its rows, itself or by functions."""
    # a text that names a partition is not rewritten with its tree
    rewritten = [f for f in asking if takers.rewritten(f) and draft.role is Role.STORED]
    left = [f for f in asking if f not in rewritten]
    if left and use is not RowUse.COMPUTED:
        draft.note(_ROW_USES[RowUse.COMPUTED], object=name, **_made_by(left, takers))
    elif code := _ROW_USES.get(use):
        draft.note(code, object=name, **PRINTED_ROW)
    for function in rewritten:
        yield Reliance(object=name, routine=function.oid, column=draft.full_name)


def _made_by(functions: Sequence[FunctionRow], takers: RowTakers) -> dict[str, Any]:
    """Return what the finding says of functions that get the rows."""
    names = " and ".join(function.name for function in functions)
    why = "what that is would depend on the zone of each session"
    if all(takers.certain(function) for function in functions):
        why += ", unless plan --rewrite-functions keeps it"
    return {"made": f"what {names} makes of", "why": why}


class _Above:
    """The views that read views, so that all above a column go with it.

    Attributes:
        shown_by: the columns below each view.
    """

    def __init__(self, views: Iterable[ViewRow]) -> None:
        self._readers: dict[int, list[ViewRow]] = defaultdict(list)
        self.shown_by: dict[int, list[Draft]] = defaultdict(list)
        for row in views:
            self._readers[row.source].append(row)

    def add_to(self, draft: Draft, view: int | None, name: str) -> None:
        """Add every view above ``view``, each with the one it reads."""
        if view is None:
            return
        self.shown_by[view].append(draft)
        seen = {view}
        todo = [(view, name)]
        for source, through in todo:
            for row in self._readers.get(source, ()):
                if row.view not in seen:
                    seen.add(row.view)
                    todo.append((row.view, row.name))
                    self.shown_by[row.view].append(draft)
                    draft.lean(row.kind, row.name, through=through)


def _tree_rules(drafts: Drafts, forest: Forest) -> None:
    """Hand up to the root what only a partition or child knows."""
    by_name = {
        oid: {d.row.column: d for d in of_one.values()}
        for oid, of_one in drafts.items()
    }
    for oid, of_one in drafts.items():
        if not forest.is_child(oid):
            continue
        for draft in of_one.values():
            if draft.row.inherited == 0:
                continue
            name = draft.row.column
            for origin in forest.origins(oid, lambda o: name in by_name.get(o, ())):  # noqa: B023
                if origin == oid:
                    continue
                root = by_name[origin][name]
                if draft.role is Role.FOREIGN:
                    root.note("TZ138", object=f"foreign table {draft.relation.quoted}")
                elif draft.row.default != root.row.default:
                    draft.note("TZ154")
                draft.hand_up(root)
