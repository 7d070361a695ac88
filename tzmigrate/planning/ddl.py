"""The only place that writes DDL; every name goes through ``readable_identifier``."""

import re
from dataclasses import replace
from typing import Literal

from tzmigrate.planning.families import Cast, how, using
from tzmigrate.planning.model import (
    OwnDefault,
    PlannedColumn,
    RelationName,
    Remade,
    Step,
)
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
    """Return PostgreSQL's short spelling of a type of time.

    >>> short_type("timestamp(3) without time zone")
    'timestamp(3)'
    >>> short_type("timestamp with time zone[]")
    'timestamptz[]'
    >>> short_type("public.moment without time zone")
    'public.moment'
    """
    found = _SPELLING.fullmatch(type_name)
    if found is None:
        # only a type of the users' own is printed with its schema
        return _LABEL.sub("", type_name) if "." in type_name else type_name
    word = found["word"]
    if found["zoned"] is not None:
        word = "timestamptz"
    return f"{word}{found['precision'] or ''}{found['dimensions']}"


_LABEL = re.compile(r" with(out)? time zone$")
"""How a plan tells two types of one name apart."""
_SPELLING = re.compile(
    r"(?P<word>timestamp)(?P<precision>\([0-6]\))? with(?:(?P<zoned>)|out) time zone"
    r"(?P<dimensions>(?:\[\])?)"
)


_NOTHING = Remade(rewrites=False)


def alter_table(
    relation: RelationName,
    columns: tuple[PlannedColumn, ...],
    *,
    sql_zones: dict[str, str],
    session_zone: str,
    always: bool = False,
    remade: Remade = _NOTHING,
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
        session_zone: what ``TimeZone`` is pinned to; a moment of another zone needs
            ``USING``.
        always: write ``USING`` wherever there is such a clause.
        remade: generated columns that are dropped and added in the same statement.
    """
    columns = tuple(c for c in columns if c.column not in remade.drops)
    bare = [
        c
        for c in columns
        if not (always or c.generated)
        and how(c) is Cast.ZONE
        and sql_zones[c.column] == session_zone
    ]
    # there is no USING for a generated column (42611)
    names = frozenset(c.column for c in columns if c in bare or c.generated)
    up = _statement(relation, columns, sql_zones, names, remade, back=False)
    down = _statement(relation, columns, sql_zones, names, remade, back=True)
    arrays = [c for c in columns if how(c) is Cast.ELEMENTS]
    if bare:
        at = _using(bare[0], "", sql_zones, back=False)
        return Step(statement=up, inverse=down, stands_for=at)
    if arrays:
        zone = quote_literal(sql_zones[arrays[0].column])
        name = readable_identifier(arrays[0].column)
        return Step(
            statement=up,
            inverse=down,
            stands_for=f"AT TIME ZONE {zone} for each element of {name}",
            why="for which there is no operator",
        )
    return Step(statement=up, inverse=down)


COMMON_PARENT = RelationName(schema="tzmigrate", name="common_parent")
"""Exists while a step runs that converts a column of several parents."""


def alter_shared(
    roots: tuple[RelationName, ...],
    columns: tuple[PlannedColumn, ...],
    *,
    sql_zones: dict[str, str],
    session_zone: str,
    always: bool = False,
) -> Step:
    """Write the conversion of columns that a child has from several tables.

    ``ALTER TABLE`` refuses such a column from each of them, but not from a parent
    that they have in common: they get one for the while, so that no inheritance of
    the child has to end, which would make its columns and CHECKs local to it.

    Args:
        roots: the tables; all of them have all the columns.
        columns: those of one of the tables.
        sql_zones: for each column name the zone to write into SQL.
        session_zone: what ``TimeZone`` is pinned to.
        always: write ``USING`` wherever there is such a clause.

    Returns:
        The step; defaults are not in it.
    """
    bare = tuple(replace(c, default_before=None, default_after=None) for c in columns)
    step = alter_table(
        COMMON_PARENT,
        bare,
        sql_zones=sql_zones,
        session_zone=session_zone,
        always=always,
    )
    parent = qualified(COMMON_PARENT)

    names = ", ".join(readable_identifier(c.column) for c in columns)
    # of their types, by whatever name: a domain that is replaced has another one
    made = f"SELECT {names} FROM {qualified(roots[0])} WITH NO DATA"  # noqa: S608 - quoted
    joined = (
        f"CREATE TABLE {parent} AS {made}",
        *(f"ALTER TABLE {qualified(r)} INHERIT {parent}" for r in roots),
    )
    parted = (
        *(f"ALTER TABLE {qualified(r)} NO INHERIT {parent}" for r in roots),
        f"DROP TABLE {parent}",
    )
    return replace(
        step,
        before=joined,
        before_back=joined,
        after=parted,
    )


def run_as_owner(
    relation: str, statement: str, *, found: Literal["all", "zone", "none"]
) -> str:
    """Return a statement that calls functions of the users, with their owner's rights.

    Those of the owner of the relation, where a superuser runs the revision.

    Args:
        relation: qualified and quoted.
        statement: what calls them for each row.
        found: which of the settings are those that the step found, and not its own:
            with ``all`` nothing in the text may be read by them.
    """
    given = ", ".join(quote_literal(text) for text in (relation, statement, found))
    return f"PERFORM tzmigrate.run_as_owner({given})"


def drop_default(own: OwnDefault) -> str:
    """Return the statement that takes a default away, from one table alone."""
    return (
        f"ALTER TABLE ONLY {qualified(own.relation)}"
        f" ALTER COLUMN {readable_identifier(own.column)} DROP DEFAULT"
    )


def set_default(own: OwnDefault, *, back: bool) -> str:
    """Return the statement that gives one table alone its own default, or none."""
    expression = own.before if back else own.after
    if expression is None:
        return drop_default(own)
    return (
        f"ALTER TABLE ONLY {qualified(own.relation)}"
        f" ALTER COLUMN {readable_identifier(own.column)} SET DEFAULT {expression}"
    )


def _using(
    column: PlannedColumn, target: str, sql_zones: dict[str, str], *, back: bool
) -> str:
    name = readable_identifier(column.column)
    return using(column, name, target, sql_zones[column.column], back=back)


def _statement(
    relation: RelationName,
    columns: tuple[PlannedColumn, ...],
    sql_zones: dict[str, str],
    bare: frozenset[str],
    remade: Remade,
    *,
    back: bool,
) -> str:
    drops = [f"DROP COLUMN {readable_identifier(name)}" for name in remade.drops]
    types: list[str] = []
    defaults: list[str] = []
    for column in columns:
        name = readable_identifier(column.column)
        target = short_type(column.type_before if back else column.type_after)
        present = column.default_after if back else column.default_before
        wanted = column.default_before if back else column.default_after
        if present is not None:
            drops.append(f"ALTER COLUMN {name} DROP DEFAULT")
        clause = f"ALTER COLUMN {name} TYPE {target}"
        if column.column not in bare:
            clause += f" {_using(column, target, sql_zones, back=back)}"
        types.append(clause.rstrip())
        if wanted is not None:
            defaults.append(f"ALTER COLUMN {name} SET DEFAULT {wanted}")
    adds = remade.adds_back if back else remade.adds
    clauses = ",\n    ".join([*drops, *types, *defaults, *adds])
    return f"ALTER TABLE {qualified(relation)}\n    {clauses}"
