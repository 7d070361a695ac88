"""The only place that writes DDL; every name goes through ``readable_identifier``."""

from tzmigrate.planning.model import PlannedColumn, RelationName, Step
from tzmigrate.postgres.quoting import (
    quote_literal,
    readable_identifier,
    readable_name,
)
from tzmigrate.zones.model import is_utc


def qualified(relation: RelationName) -> str:
    """Return a relation as SQL names it, quoted where needed.

    >>> qualified(RelationName(schema="public", name="Order"))
    'public."Order"'
    """
    return readable_name(relation.schema, relation.name)


def sql_zone(zone: str) -> str:
    """Return the name under which SQL gets a zone.

    ``'UTC'`` can be an abbreviation that depends on the session's zone on
    PostgreSQL 18 (postgres-facts.md section 9); ``'Etc/UTC'`` cannot.

    >>> sql_zone("utc"), sql_zone("Europe/Berlin")
    ('Etc/UTC', 'Europe/Berlin')
    """
    return "Etc/UTC" if is_utc(zone) else zone


def short_type(type_name: str) -> str:
    """Return PostgreSQL's short spelling of a scalar time type.

    >>> short_type("timestamp(3) without time zone")
    'timestamp(3)'
    >>> short_type("timestamp with time zone")
    'timestamptz'
    """
    head, _, tail = type_name.partition(" ")
    zoned = tail == "with time zone"
    return head.replace("timestamp", "timestamptz" if zoned else "timestamp")


def alter_table(
    relation: RelationName,
    columns: tuple[PlannedColumn, ...],
    *,
    sql_zones: dict[str, str],
    using: bool,
) -> Step:
    """Write the one ``ALTER TABLE`` of a relation and its inverse.

    All columns of the table stand in one statement: one rewrite, not one for each
    (postgres-facts.md section 1). Defaults are dropped before the type changes and
    set after it, in the same statement, because ALTER keeps their text and with it
    a meaning that depends on the session's zone (section 6.1).

    Args:
        relation: the table, or the root of its partition tree.
        columns: what converts.
        sql_zones: for each column name the zone to write into SQL.
        using: write ``USING … AT TIME ZONE`` instead of the bare cast.
    """
    up = _statement(relation, columns, sql_zones if using else None, back=False)
    down = _statement(relation, columns, sql_zones if using else None, back=True)
    stands_for = "" if using else _using(columns[0].column, sql_zones)
    return Step(statement=up, inverse=down, stands_for=stands_for)


def _using(column: str, sql_zones: dict[str, str]) -> str:
    zone = quote_literal(sql_zones[column])
    return f"USING {readable_identifier(column)} AT TIME ZONE {zone}"


def _statement(
    relation: RelationName,
    columns: tuple[PlannedColumn, ...],
    using_zones: dict[str, str] | None,
    *,
    back: bool,
) -> str:
    drops: list[str] = []
    types: list[str] = []
    defaults: list[str] = []
    for column in columns:
        name = readable_identifier(column.column)
        target = column.type_before if back else column.type_after
        present = column.default_after if back else column.default_before
        wanted = column.default_before if back else column.default_after
        if present is not None:
            drops.append(f"ALTER COLUMN {name} DROP DEFAULT")
        clause = f"ALTER COLUMN {name} TYPE {short_type(target)}"
        if using_zones is not None:
            clause += f" {_using(column.column, using_zones)}"
        types.append(clause)
        if wanted is not None:
            defaults.append(f"ALTER COLUMN {name} SET DEFAULT {wanted}")
    clauses = ",\n    ".join([*drops, *types, *defaults])
    return f"ALTER TABLE {qualified(relation)}\n    {clauses}"
