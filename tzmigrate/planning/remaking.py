"""How each kind of dependent is taken away and made again.

Views and generated columns are not here: what becomes of those decides what becomes of
all that stands on them (``dependents``, ``generated``).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tzmigrate.planning import rewriting
from tzmigrate.planning.ddl import run_as_owner
from tzmigrate.planning.expressions import convert_default
from tzmigrate.planning.model import (
    DependentKind,
    PlannedDependent,
    Way,
)
from tzmigrate.planning.rewriting.model import Token
from tzmigrate.planning.things import Leaning
from tzmigrate.postgres.quoting import quote_literal, readable_identifier

_UNCHECKED = (" NOT VALID", " NOT ENFORCED")
"""How the text of a CHECK ends that no row is held to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """A dependent for which no certain way through is known.

    Attributes:
        code: the finding's code of its kind.
        columns: the converting columns that it leans on.
        hint: what to do, where that of the code does not help.
    """

    label: str
    code: str
    reason: str
    columns: tuple[tuple[str, str, str], ...]
    hint: str = ""


@dataclass(slots=True)
class Work:
    """What is known while one thing after the other is planned."""

    tokens: dict[str, Token]
    relations: rewriting.Relations
    sources: dict[str, frozenset[tuple[str, str, str]]]
    columns: frozenset[tuple[str, str]] = frozenset()
    """Those that convert, by relation and name."""
    rewrites: bool = False
    """A table is rewritten, which fills every index anew."""
    replaced: frozenset[str] = frozenset()
    """Domains of which there is another one of the same name afterwards."""
    recreated: set[str] = field(default_factory=set)
    zones: dict[tuple[str, str], str] = field(default_factory=dict)
    """Zone of each view column that becomes zoned, by view and name."""
    planned: list[tuple[Leaning, PlannedDependent]] = field(default_factory=list)
    blocked: list[Blocked] = field(default_factory=list)

    def expression(self, text: str) -> str:
        """Return an expression that yields what it yielded."""
        return rewriting.rewrite_expression(text, self.tokens, relations=self.relations)


def _whole_text(
    drop: Callable[[Leaning], str],
    rewrite: Callable[[Work, str], str],
) -> Callable[[Work, Leaning, int], PlannedDependent]:
    """Return the planner of a kind whose text is the statement that creates it."""

    def plan(work: Work, thing: Leaning, version: int) -> PlannedDependent:
        del version
        text = _creating(thing.text)
        new = _creating(rewrite(work, thing.tokens))
        # what stands on a view made anew went with it, unless it went before
        return PlannedDependent(
            kind=thing.kind,
            relation=thing.relation,
            name=thing.name,
            take=(drop(thing),),
            make=(new,),
            remake=(text,),
        )

    return plan


def _creating(text: str) -> str:
    text = text.rstrip(" ;\n")
    # PostgreSQL prints a partitioned table's index as if for the table alone
    head, only, rest = text.partition(" ON ONLY ")
    if only and head.startswith(("CREATE INDEX ", "CREATE UNIQUE INDEX ")):
        return f"{head} ON {rest}"
    return text


def _part(word: str) -> Callable[[Leaning], str]:
    def drop(thing: Leaning) -> str:
        return (
            f"DROP {word} {readable_identifier(thing.name or '')} ON {thing.relation}"
        )

    return drop


def _own(word: str) -> Callable[[Leaning], str]:
    def drop(thing: Leaning) -> str:
        return f"DROP {word} {thing.relation}"

    return drop


def _constraint(work: Work, thing: Leaning, version: int) -> PlannedDependent:
    del version
    name = readable_identifier(thing.name or "")
    new = rewriting.rewrite_constraint(thing.tokens, work.tokens)

    def added(text: str) -> tuple[str, ...]:
        add = f"ALTER TABLE {thing.relation} ADD CONSTRAINT {name} {text}"
        if not thing.calls or thing.type not in "cf":
            return (add,)
        if thing.type == "f" or text.endswith(_UNCHECKED):
            # the check of its rows may cast them, and what reads the text may as well
            return (run_as_owner(thing.relation, add, found="none"),)
        # parsed with the settings that printed it, and met with those of the rows
        check = f"ALTER TABLE {thing.relation} VALIDATE CONSTRAINT {name}"
        return (
            run_as_owner(thing.relation, f"{add} NOT VALID", found="none"),
            run_as_owner(thing.relation, check, found="all"),
        )

    return PlannedDependent(
        kind=thing.kind,
        relation=thing.relation,
        name=thing.name,
        take=(f"ALTER TABLE {thing.relation} DROP CONSTRAINT {name}",),
        make=added(new),
        remake=added(thing.text),
    )


def _policy(work: Work, thing: Leaning, version: int) -> PlannedDependent:
    del version
    before: Mapping[str, str | None] = json.loads(thing.text)
    tokens = json.loads(thing.tokens)
    after = {
        key: None if text is None else work.expression(text)
        for key, text in tokens.items()
    }
    head = f"ALTER POLICY {readable_identifier(thing.name or '')} ON {thing.relation}"

    def altered(texts: Mapping[str, str | None]) -> str:
        using, check = texts["using"], texts["check"]
        return (
            head
            + (f" USING ({using})" if using is not None else "")
            + (f" WITH CHECK ({check})" if check is not None else "")
        )

    closed = {k: None if v is None else "false" for k, v in before.items()}
    return PlannedDependent(
        kind=thing.kind,
        relation=thing.relation,
        name=thing.name,
        way=Way.ALTER,
        take=(altered(closed),),
        make=(altered(after),),
        remake=(altered(before),),
    )


def _default(work: Work, thing: Leaning, version: int) -> PlannedDependent | None:
    """Plan the default of a view's column, where that column changes its type.

    One of a table's column is here for a routine that it calls, which is made anew.
    """
    del version
    if not thing.on_view:
        return _table_default(work, thing)
    zone = work.zones.get((thing.relation, thing.name or ""))
    if zone is None:
        return None
    new = convert_default(thing.text, thing.type, zone)
    column = readable_identifier(thing.name or "")
    head = f"ALTER VIEW {thing.relation} ALTER COLUMN {column} SET DEFAULT "
    return PlannedDependent(
        kind=thing.kind,
        relation=thing.relation,
        name=thing.name,
        way=Way.ALTER,
        make=(head + new,),
        remake=(head + thing.text,),
    )


def _table_default(work: Work, thing: Leaning) -> PlannedDependent:
    if (thing.relation, thing.name) in work.columns:
        raise rewriting.Uncertain("it calls a function that is made anew", thing.text)
    column = readable_identifier(thing.name or "")
    head = f"ALTER TABLE ONLY {thing.relation} ALTER COLUMN {column}"
    back = (f"{head} SET DEFAULT {thing.text}",)
    return PlannedDependent(
        kind=thing.kind,
        relation=thing.relation,
        name=thing.name,
        way=Way.ALTER,
        take=(f"{head} DROP DEFAULT",),
        make=back,
        remake=back,
    )


def _publication(work: Work, thing: Leaning, version: int) -> PlannedDependent:
    del version
    before, tokens = json.loads(thing.text), json.loads(thing.tokens)
    where = tokens["where"]
    if where is not None:
        where = work.expression(where)
    publication = f"ALTER PUBLICATION {readable_identifier(thing.name or '')}"

    def added(condition: str | None) -> str:
        columns = before["columns"]
        listed = (
            f" ({', '.join(readable_identifier(c) for c in columns)})"
            if columns
            else ""
        )
        filtered = f" WHERE ({condition})" if condition is not None else ""
        return f"{publication} ADD TABLE ONLY {thing.relation}{listed}{filtered}"

    return PlannedDependent(
        kind=thing.kind,
        relation=thing.relation,
        name=thing.name,
        way=Way.ALTER,
        # the children of a table are published by entries of their own
        take=(f"{publication} DROP TABLE ONLY {thing.relation}",),
        make=(added(where),),
        remake=(added(before["where"]),),
    )


def _function(work: Work, thing: Leaning, version: int) -> PlannedDependent:
    del version
    new = rewriting.rewrite_routine(thing.tokens, work.tokens, relations=work.relations)
    return PlannedDependent(
        kind=thing.kind,
        relation=thing.relation,
        way=Way.ALTER,
        take=(f"PERFORM tzmigrate.blank_function({quote_literal(thing.relation)})",),
        make=(new.rstrip(),),
        remake=(thing.text.rstrip(),),
    )


def _row_function(work: Work, thing: Leaning, version: int) -> PlannedDependent:
    del work, version
    kind = (
        "PROCEDURE" if thing.text.startswith("CREATE OR REPLACE PROC") else "FUNCTION"
    )
    return PlannedDependent(
        kind=thing.kind,
        relation=thing.relation,
        take=(f"DROP {kind} {thing.relation}",),
        make=(thing.text.rstrip(),),
        remake=(thing.text.rstrip(),),
    )


_Planner = Callable[[Work, Leaning, int], PlannedDependent | None]

PLANNERS: Mapping[DependentKind, _Planner] = {
    DependentKind.RULE: _whole_text(
        _part("RULE"),
        lambda w, text: rewriting.rewrite_rule(text, w.tokens, relations=w.relations),
    ),
    DependentKind.TRIGGER: _whole_text(
        _part("TRIGGER"), lambda w, text: rewriting.rewrite_trigger(text, w.tokens)
    ),
    DependentKind.INDEX: _whole_text(
        _own("INDEX"), lambda w, text: rewriting.rewrite_index(text, w.tokens)
    ),
    DependentKind.STATISTICS: _whole_text(
        _own("STATISTICS"), lambda w, text: rewriting.rewrite_statistics(text, w.tokens)
    ),
    DependentKind.CONSTRAINT: _constraint,
    DependentKind.POLICY: _policy,
    DependentKind.DEFAULT: _default,
    DependentKind.PUBLICATION: _publication,
    DependentKind.FUNCTION: _function,
    DependentKind.ROW_FUNCTION: _row_function,
}
