"""Catalog rows in, Inventory out; no server is needed to test what follows here."""

from collections import defaultdict
from collections.abc import Iterable

from tzmigrate.inventory import rules
from tzmigrate.inventory.draft import Draft
from tzmigrate.inventory.findings import IDLE_EXCLUDE, find
from tzmigrate.inventory.model import (
    Column,
    Family,
    Finding,
    Inventory,
    Relation,
    RelKind,
    Role,
    Server,
)
from tzmigrate.inventory.rows import CatalogRows, ColumnRow, RelationRow
from tzmigrate.inventory.session_zones import zone_settings
from tzmigrate.inventory.trees import Forest
from tzmigrate.inventory.user_types import user_type

_REPORTED_ROWS = 140000
"""From this version on ``reltuples`` is -1 for a table that was never analysed."""

# calling an enum costs ten times what a dict does, and there are many columns
_RELKINDS = {kind.value: kind for kind in RelKind}
_FAMILIES = {family.value: family for family in Family}


def build_inventory(rows: CatalogRows) -> Inventory:
    """Draw every conclusion that the catalog's rows allow."""
    forest = Forest(rows.inherits)
    relations = {row.oid: row for row in rows.relations}
    sizes = _Sizes(relations, forest, rows.server.version)
    drafts = _drafts(rows.columns, relations, forest)
    routines = rules.apply_all(drafts, rows, forest)
    return Inventory(
        routines=routines,
        server=_server(rows),
        relations=tuple(
            _relation(row, forest, sizes, rows.engine_members)
            for row in sorted(rows.relations, key=lambda r: (r.schema, r.name))
        ),
        columns=tuple(
            _column(draft, rows.default_types, sizes)
            for draft in sorted(
                (d for of_one in drafts.values() for d in of_one.values()),
                key=lambda d: (d.row.schema, d.row.relname, d.row.attnum),
            )
        ),
        findings=tuple(_database_findings(rows)),
        types=tuple(user_type(row, rows.default_types) for row in rows.user_types),
    )


class _Sizes:
    """Rows and bytes of a relation with all that stands below it."""

    def __init__(
        self, relations: dict[int, RelationRow], forest: Forest, version: int
    ) -> None:
        self._relations = relations
        self._forest = forest
        self._version = version
        self._known: dict[int, tuple[int, int, int]] = {}

    def of(self, oid: int) -> tuple[int, int, int]:
        """Return rows (-1: unknown), bytes, and the number of relations with rows."""
        if oid not in self._known:
            self._known[oid] = self._sum(oid)
        return self._known[oid]

    def _sum(self, oid: int) -> tuple[int, int, int]:
        stored = [
            self._relations[member]
            for member in (oid, *self._forest.descendants(oid))
            if member in self._relations
            and self._relations[member].relkind != RelKind.PARTITIONED_TABLE.value
        ]
        estimates = [rows for rows in map(self._estimate, stored) if rows >= 0]
        return (
            sum(estimates) if estimates or not stored else -1,
            sum(row.bytes for row in stored),
            len(stored),
        )

    def _estimate(self, row: RelationRow) -> int:
        if row.relkind == RelKind.VIEW.value:
            return -1
        never = self._version < _REPORTED_ROWS and row.relpages == 0
        return -1 if never and row.bytes > 0 else int(row.reltuples)


def _drafts(
    columns: Iterable[ColumnRow], relations: dict[int, RelationRow], forest: Forest
) -> dict[int, dict[int, Draft]]:
    drafts: dict[int, dict[int, Draft]] = defaultdict(dict)
    for row in columns:
        relation = relations.get(row.relation)
        if relation is not None:
            drafts[row.relation][row.attnum] = Draft(
                row=row,
                relation=relation,
                role=_role(row, forest),
                family=_FAMILIES[row.family],
            )
    return dict(drafts)


def _role(row: ColumnRow, forest: Forest) -> Role:
    kind = _RELKINDS[row.relkind]
    if kind is RelKind.VIEW or kind is RelKind.MATERIALIZED_VIEW:
        return Role.DERIVED
    if kind is RelKind.FOREIGN_TABLE:
        return Role.FOREIGN
    if row.inherited > 0 and forest.is_child(row.relation):
        return Role.CHILD
    return Role.STORED


def _column(
    draft: Draft, default_types: dict[str, str | None], sizes: _Sizes
) -> Column:
    row = draft.row
    rows, size, _ = sizes.of(row.relation)
    return Column(
        schema=row.schema,
        relation=row.relname,
        column=row.column,
        relkind=_RELKINDS[row.relkind],
        type=row.type,
        family=draft.family,
        role=draft.role,
        nullable=row.nullable,
        default=row.default,
        default_type=default_types.get(row.default) if row.default else None,
        default_volatility=row.volatility,
        rows=rows,
        bytes=size,
        relation_oid=row.relation,
        attnum=row.attnum,
        precision=row.precision,
        generated=row.generated,
        indexes=draft.indexes,
        dependents=draft.sorted_dependents(),
        writers=draft.writers,
        findings=draft.sorted_findings(),
    )


def _relation(
    row: RelationRow, forest: Forest, sizes: _Sizes, engines: dict[int, str]
) -> Relation:
    rows, size, leaves = sizes.of(row.oid)
    return Relation(
        oid=row.oid,
        schema=row.schema,
        name=row.name,
        relkind=_RELKINDS[row.relkind],
        owner=row.owner,
        owned=row.owned,
        rows=rows,
        bytes=size,
        root=forest.root(row.oid),
        parents=forest.parents(row.oid),
        leaves=leaves,
        key=tuple(row.key),
        key_types=tuple(row.key_types),
        row_security=row.row_security,
        engine=rules.engine_of(row.oid, forest, engines),
        zoned=tuple(row.zoned),
    )


def _server(rows: CatalogRows) -> Server:
    row = rows.server
    return Server(
        version=row.version,
        version_text=row.version_text,
        database=row.database,
        database_oid=row.database_oid,
        system_identifier=rows.system_identifier,
        role=row.role,
        superuser=row.superuser,
        zones=zone_settings(rows.zone_settings, rows.server_zone),
        extensions=tuple(row.extensions),
    )


def _database_findings(rows: CatalogRows) -> Iterable[Finding]:
    for row in rows.engines:
        if not row.readable:
            yield find("TZ160", object=f"{row.schema}.{row.table}", engine=row.engine)
    for pattern in rows.idle_excludes:
        yield find(IDLE_EXCLUDE, pattern=repr(pattern))
