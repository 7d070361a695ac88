"""Rewrite definitions for the world after the conversion.

On the shadow every naive column that converts, in tables and in views, is renamed to a
word of its own; PostgreSQL prints the definitions that use it; and the functions here
put the column back: as it is where a zoned column means the same or is meant to be
seen, and as its naive value ``(c AT TIME ZONE 'zone')`` where something is computed
with it. All else stays as PostgreSQL printed it.

All texts are those of ``pg_get_…def`` and ``pg_get_expr`` under
``search_path = pg_catalog``, not pretty. What cannot be rewritten with certainty raises
:class:`Uncertain` with the place. A column that the text does not name under its word
cannot be seen here (row types, functions that return rows);
:mod:`tzmigrate.planning.calls` shows what such a column did to the meaning.
"""

from tzmigrate.planning.rewriting.model import (
    Query,
    Relations,
    Token,
    Tokens,
    Uncertain,
)
from tzmigrate.planning.rewriting.objects import Objects
from tzmigrate.planning.rewriting.scopes import Scope

__all__ = [
    "Query",
    "Relations",
    "Token",
    "Tokens",
    "Uncertain",
    "rewrite_constraint",
    "rewrite_expression",
    "rewrite_index",
    "rewrite_query",
    "rewrite_routine",
    "rewrite_rule",
    "rewrite_statistics",
    "rewrite_trigger",
]


def rewrite_expression(
    text: str, tokens: Tokens, relations: Relations | None = None
) -> str:
    """Rewrite a default, predicate, policy, generated column or condition.

    >>> at = Token(word="tzq_1", name="placed_at", zone="Europe/Berlin")
    >>> rewrite_expression("date_trunc('day'::text, tzq_1)", [at])
    "date_trunc('day'::text, (placed_at AT TIME ZONE 'Europe/Berlin'))"
    >>> rewrite_expression("(tzq_1 IS NOT NULL)", [at])
    '(placed_at IS NOT NULL)'
    """
    work = Objects(text, tokens, relations)
    return work.finish(work.expression(0, len(work.script), Scope()))


def rewrite_index(text: str, tokens: Tokens) -> str:
    """Rewrite what ``pg_get_indexdef`` prints; plain columns stay as they are."""
    work = Objects(text, tokens)
    return work.finish(work.index())


def rewrite_constraint(text: str, tokens: Tokens) -> str:
    """Rewrite what ``pg_get_constraintdef`` prints; plain columns stay as they are."""
    work = Objects(text, tokens)
    return work.finish(work.constraint())


def rewrite_trigger(text: str, tokens: Tokens) -> str:
    """Rewrite what ``pg_get_triggerdef`` prints."""
    work = Objects(text, tokens)
    return work.finish(work.trigger())


def rewrite_statistics(text: str, tokens: Tokens) -> str:
    """Rewrite what ``pg_get_statisticsobjdef`` prints."""
    work = Objects(text, tokens)
    return work.finish(work.statistics())


def rewrite_query(
    text: str,
    tokens: Tokens,
    *,
    zoned_outputs: bool,
    relations: Relations | None = None,
) -> Query:
    """Rewrite what ``pg_get_viewdef`` prints.

    Args:
        text: the query.
        tokens: the renamed columns.
        zoned_outputs: outputs that are a column and nothing else become zoned;
            otherwise every output keeps its type.
        relations: the columns of the relations, for lists of column aliases.
    """
    work = Objects(text, tokens, relations)
    rewritten, zones = work.view(zoned_outputs=zoned_outputs)
    return Query(text=work.finish(rewritten), outputs=zones)


def rewrite_rule(
    text: str,
    tokens: Tokens,
    *,
    zoned_returning: bool = True,
    relations: Relations | None = None,
) -> str:
    """Rewrite what ``pg_get_ruledef`` prints, but for the rules that are views.

    Args:
        text: the rule.
        tokens: the renamed columns.
        zoned_returning: columns that RETURNING names are zoned, as those of the
            relation with the rule are.
        relations: the columns of the relations, for lists of column aliases.
    """
    work = Objects(text, tokens, relations)
    work.zoned_returning = zoned_returning
    return work.finish(work.rule())


def rewrite_routine(
    text: str,
    tokens: Tokens,
    *,
    zoned_results: bool = False,
    relations: Relations | None = None,
) -> str:
    """Rewrite what ``pg_get_functiondef`` prints for a body that is no string.

    Args:
        text: the routine.
        tokens: the renamed columns.
        zoned_results: columns that the last statement returns as they are become
            zoned, as those of a row type do; otherwise results keep their types.
        relations: the columns of the relations, for lists of column aliases.
    """
    work = Objects(text, tokens, relations)
    return work.finish(work.routine(zoned_results=zoned_results))
