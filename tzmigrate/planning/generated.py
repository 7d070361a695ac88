"""Generated columns: computed from columns that convert, or of naive time themselves.

From PostgreSQL 17 on a column gets another expression in its place. Before that it is
dropped and added again by the ALTER that converts its table, which keeps the order of
the columns where it is one of the last (postgres-facts.md section 7.4).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tzmigrate.planning import rewriting
from tzmigrate.planning.ddl import run_as_owner, sql_zone
from tzmigrate.planning.model import (
    DependentKind,
    PlannedColumn,
    PlannedDependent,
    Remade,
    Way,
)
from tzmigrate.planning.rewriting.model import Token
from tzmigrate.planning.things import Generated, Leaning
from tzmigrate.postgres.quoting import quote_literal, readable_identifier

_FULL = "timestamp without time zone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One generated column with what it will be.

    Attributes:
        expression: what it is computed with after the conversion.
        type_after: its type then.
        dropped: it is dropped and added again.
    """

    thing: Leaning
    facts: Generated
    expression: str
    type_after: str
    dropped: bool

    @property
    def name(self) -> str:
        """Its name, unquoted."""
        return self.thing.name or ""


def column(
    thing: Leaning,
    planned: PlannedColumn | None,
    tokens: Sequence[Token],
    *,
    alone: bool,
    dropped: bool,
    bound: bool,
) -> Column:
    """Say what one generated column becomes.

    Args:
        thing: as the shadow printed it.
        planned: the plan for it, where it converts itself.
        tokens: the columns that convert, and what stands for them.
        alone: its table is a child that has it for itself.
        dropped: the server cannot give it another expression in its place.
        bound: other columns of its table are read in the zone of the session.

    Raises:
        rewriting.Uncertain: it cannot be made anew, or not rewritten with certainty.
    """
    facts = thing.generated
    if facts is None:
        message = f"{thing.relation} is no generated column"
        raise ValueError(message)
    if facts.unlike:
        _refuse(thing, "a partition or child computes it otherwise")
    if dropped and alone:
        _refuse(thing, "a child table has it for itself")
    if dropped and (facts.followed or facts.moved):
        _refuse(
            thing,
            "before PostgreSQL 17 it cannot be made anew in its place, and other "
            "columns stand after it",
        )
    if dropped and bound and thing.calls:
        _refuse(
            thing,
            "a function that it calls may compute with the session's zone, which is "
            "another one while other columns of the table convert",
        )
    expression = _expression(thing, planned, tokens)
    return Column(
        thing=thing,
        facts=facts,
        expression=expression,
        type_after=planned.type_after if planned else thing.type,
        dropped=dropped,
    )


def _refuse(thing: Leaning, why: str) -> None:
    raise rewriting.Uncertain(why, thing.text)


def _expression(
    thing: Leaning, planned: PlannedColumn | None, tokens: Sequence[Token]
) -> str:
    if planned is None:
        return rewriting.rewrite_expression(thing.tokens, tokens)
    zone = sql_zone(planned.zone or "UTC")
    source = {t.word: t for t in tokens}.get(thing.tokens.strip("()"))
    if source is not None and source.zone == zone and thing.type == _FULL:
        # the same instant needs no way through local time, nor a rounding in it
        return readable_identifier(source.name)
    naive = rewriting.rewrite_expression(thing.tokens, tokens)
    # PostgreSQL prints no cast that an assignment makes
    return f"(({naive})::{thing.type} AT TIME ZONE {quote_literal(zone)})"


def dependents(columns: Sequence[Column]) -> list[tuple[Leaning, PlannedDependent]]:
    """Return the dependents for the generated columns of one table."""
    first = columns[0]
    head = f"ALTER TABLE {first.thing.relation}"
    take: tuple[str, ...] = ()
    make: tuple[str, ...] = ()
    remake: tuple[str, ...] = ()
    if not first.dropped:
        # one statement for all, as each may rewrite the table
        names = ", ".join(quote_literal(c.name) for c in columns if c.facts.fed)
        relation = quote_literal(first.thing.relation)
        blank = f"PERFORM tzmigrate.blank_generated({relation}, ARRAY[{names}]::name[])"
        take = (blank,) if names else ()
        make = (f"{head}\n    {_set((c, c.expression) for c in columns)}",)
        remake = (f"{head}\n    {_set((c, c.thing.text) for c in columns)}",)
        if any(c.thing.calls for c in columns):
            owned = first.thing.relation
            make = tuple(run_as_owner(owned, sql, found="zone") for sql in make)
            remake = tuple(run_as_owner(owned, sql, found="zone") for sql in remake)
    return [
        (
            c.thing,
            PlannedDependent(
                kind=DependentKind.GENERATED_COLUMN,
                relation=c.thing.relation,
                name=c.name,
                way=Way.RECREATE if c.dropped else Way.ALTER,
                take=take if c is first else (),
                make=make if c is first else (),
                remake=remake if c is first else (),
            ),
        )
        for c in columns
    ]


def _set(pairs: Iterable[tuple[Column, str]]) -> str:
    return ",\n    ".join(
        f"ALTER COLUMN {readable_identifier(c.name)} SET EXPRESSION AS ({text})"
        for c, text in pairs
    )


def remade(columns: Sequence[Column]) -> Remade:
    """Return what the generated columns of one table ask of its ALTER."""
    rewrites = any(c.facts.stored for c in columns)
    if not columns[0].dropped:
        return Remade(rewrites=rewrites)
    return Remade(
        rewrites=rewrites,
        drops=tuple(c.name for c in columns),
        adds=tuple(_add(c, c.type_after, c.expression) for c in columns),
        adds_back=tuple(_add(c, c.thing.type, c.thing.text) for c in columns),
        calls=any(c.thing.calls for c in columns),
    )


def _add(column: Column, type_name: str, expression: str) -> str:
    collation = column.facts.collation
    return (
        f"ADD COLUMN {readable_identifier(column.name)} {type_name}"
        + (f" COLLATE {collation}" if collation else "")
        + f" GENERATED ALWAYS AS ({expression}) STORED"
        + (" NOT NULL" if column.facts.not_null else "")
    )
