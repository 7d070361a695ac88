"""What leans on converted columns, and how each of it gets through the conversion.

Texts as the shadow printed them in, statements out; no server is needed here. What a
dependent computes keeps its meaning: the rewriting of a text is ``rewriting``'s, and
whether the server understands it as meant is tried on the shadow afterwards.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from tzmigrate.inventory.findings import DEPENDENT_CODES, FAMILY_CODES
from tzmigrate.planning import generated, rewriting
from tzmigrate.planning.calls import calls_own
from tzmigrate.planning.ddl import sql_zone
from tzmigrate.planning.families import needs_session
from tzmigrate.planning.model import (
    DependentKind,
    NamedAttribute,
    PlannedColumn,
    PlannedDependent,
    Remade,
    Way,
)
from tzmigrate.planning.remaking import PLANNERS, Blocked, Work
from tzmigrate.planning.rewriting.model import Token
from tzmigrate.planning.templates import templates
from tzmigrate.planning.things import SETS_EXPRESSION, Found, Leaning
from tzmigrate.postgres.quoting import (
    quote_literal,
    readable_name,
)

_OWN_ARRAY = re.compile(r"(?P<element>.+)\[\] without time zone")
_OF_ROWS = frozenset(
    (DependentKind.INDEX, DependentKind.CONSTRAINT, DependentKind.POLICY)
)
_VIEWS = frozenset((DependentKind.VIEW, DependentKind.MATERIALIZED_VIEW))

_CODES = {
    DependentKind.VIEW: "view",
    DependentKind.MATERIALIZED_VIEW: "materialized view",
    DependentKind.RULE: "rule",
    DependentKind.TRIGGER: "trigger",
    DependentKind.POLICY: "policy",
    DependentKind.CONSTRAINT: "check",
    DependentKind.INDEX: "index expression",
    DependentKind.STATISTICS: "statistics",
    DependentKind.GENERATED_COLUMN: "generated column",
    DependentKind.DEFAULT: "view",
    DependentKind.FUNCTION: "sql-body function",
    DependentKind.ROW_FUNCTION: "row type in function",
    DependentKind.PUBLICATION: "publication",
    DependentKind.TYPED_TABLE: "typed table",
    DependentKind.DOMAIN: "domain",
    DependentKind.COMPOSITE: "composite",
}

_ORDER = (
    DependentKind.FUNCTION,
    DependentKind.POLICY,
    DependentKind.PUBLICATION,
    DependentKind.DEFAULT,
    DependentKind.TRIGGER,
    DependentKind.RULE,
    DependentKind.ROW_FUNCTION,
    DependentKind.STATISTICS,
    DependentKind.INDEX,
    DependentKind.MATERIALIZED_VIEW,
    DependentKind.VIEW,
    DependentKind.CONSTRAINT,
)
"""In which they are taken away; what stands on a view goes before it, and what may
call or read anything else goes first and comes back last."""


def code_of(kind: DependentKind) -> str:
    """Return the finding's code of a kind of dependent."""
    return (DEPENDENT_CODES | FAMILY_CODES)[_CODES[kind]]


def plan_dependents(
    found: Found,
    columns: Sequence[PlannedColumn],
    *,
    types: Sequence[PlannedDependent] = (),
    zoned_views: bool,
    version: int,
    rewrites: bool,
) -> tuple[
    tuple[PlannedDependent, ...],
    tuple[Blocked, ...],
    dict[tuple[str, str], Remade],
]:
    """Plan everything that leans on the columns of one group.

    Args:
        found: what the shadow printed.
        columns: those of the group that convert.
        types: those that change with them.
        zoned_views: bare output columns of views become timestamptz; else views keep
            the types of their columns.
        version: ``server_version_num``.
        rewrites: a table of the group is rewritten, up or down.

    Returns:
        The dependents in the order in which they are taken away; those for which no
        way is known; and what generated columns ask of the ALTER of their table, by
        its schema and name.
    """
    names = {(c.schema, c.relation, c.column): c for c in columns}
    inside = {(a.schema, a.type_name, a.name): a for t in types for a in t.attributes}
    work = Work(
        relations=found.relations,
        tokens={
            word: _token(word, names[name])
            if name in names
            else _attribute(word, inside[name])
            for name, word in found.words.items()
        },
        sources={},
        columns=frozenset((readable_name(*name[:2]), name[2]) for name in names),
        replaced=frozenset(t.relation for t in types if t.kind is DependentKind.DOMAIN),
    )
    for name, word in found.words.items():
        # columns of several tables that one child inherits have one word
        work.sources[word] = work.sources.get(word, frozenset()) | (
            {name} & names.keys()
        )
    views = [t for t in found.things if t.kind in _VIEWS]
    for thing in sorted(views, key=lambda t: t.depth):
        _plan(work, thing, lambda: _view(work, thing, zoned_views=zoned_views))  # noqa: B023
    remade = _generated(work, found, names, dropped=version < SETS_EXPRESSION)
    work.rewrites = rewrites or any(r.rewrites for r in remade.values())
    for thing in found.things:
        if thing.kind in PLANNERS and _touched(work, thing):
            _plan(work, thing, lambda: PLANNERS[thing.kind](work, thing, version))  # noqa: B023
    work.planned.sort(key=lambda pair: _place(pair[0]))
    return tuple(d for _, d in work.planned), tuple(work.blocked), remade


def _token(word: str, column: PlannedColumn) -> Token:
    zone = sql_zone(column.zone or "UTC")
    return _typed(word, column.column, zone, column.base or column.type_before)


def _attribute(word: str, attribute: NamedAttribute) -> Token:
    return _typed(word, attribute.name, attribute.zone, attribute.type_before)


def _typed(word: str, name: str, zone: str | None, type_name: str) -> Token:
    """Return the token of a column, whose family says how it is read as naive."""
    naive, zoned = templates(type_name)
    # a type of the users' own is told apart by what follows its name
    item = type_name.removesuffix("[]")
    if item == type_name and (of_array := _OWN_ARRAY.fullmatch(type_name)):
        item = of_array["element"]
    return Token(
        word=word,
        name=name,
        zone=zone,
        naive=naive,
        zoned=zoned,
        element=_typed(word, name, zone, item) if item != type_name else None,
    )


def _place(thing: Leaning) -> tuple[int, int, str, str]:
    kind = thing.kind
    if kind is DependentKind.ROW_FUNCTION and not thing.reads:
        # all that may call it goes before it
        return len(_ORDER) + 2, 0, thing.relation, ""
    if kind is DependentKind.GENERATED_COLUMN:
        # all that stands on it goes before it
        return len(_ORDER) + 1, 0, thing.relation, ""
    # before the key that it refers to
    foreign = kind is DependentKind.CONSTRAINT and thing.type == "f"
    # on a table an index or statistics object stands below the views
    below = kind in {DependentKind.INDEX, DependentKind.STATISTICS} and not thing.reads
    if kind in _VIEWS:
        kind = DependentKind.VIEW
    return (
        len(_ORDER) if below else _ORDER.index(kind),
        -thing.depth - foreign,
        thing.relation,
        thing.name or "",
    )


def _generated(
    work: Work,
    found: Found,
    names: Mapping[tuple[str, str, str], PlannedColumn],
    *,
    dropped: bool,
) -> dict[tuple[str, str], Remade]:
    tables: dict[tuple[str, str], list[generated.Column]] = defaultdict(list)
    for thing in found.things:
        if thing.kind is not DependentKind.GENERATED_COLUMN or not thing.generated:
            continue
        of = thing.generated
        column = names.get((of.schema, of.relation, thing.name or ""))
        roots = {(c.schema, c.relation) for c in names.values()}
        try:
            made = generated.column(
                thing,
                column,
                tuple(work.tokens.values()),
                alone=(of.schema, of.relation) not in roots,
                dropped=dropped,
                bound=any(
                    needs_session(c)
                    for c in names.values()
                    if (c.schema, c.relation) == (of.schema, of.relation)
                ),
            )
        except rewriting.Uncertain as uncertain:
            _block(work, thing, str(uncertain), column)
        else:
            tables[of.schema, of.relation].append(made)
    remade = {}
    for table, columns in tables.items():
        columns.sort(key=lambda c: c.facts.place)
        work.planned += generated.dependents(columns)
        remade[table] = generated.remade(columns)
    return remade


def _plan(
    work: Work, thing: Leaning, make: Callable[[], PlannedDependent | None]
) -> None:
    try:
        _look_at_rows(thing)
        planned = make()
    except rewriting.Uncertain as uncertain:
        _block(work, thing, str(uncertain), word=uncertain.word)
        return
    if planned is not None:
        leans_on = tuple(sorted(_columns(work, thing)))
        work.planned.append((thing, replace(planned, leans_on=leans_on)))


def _block(
    work: Work,
    thing: Leaning,
    reason: str,
    itself: PlannedColumn | None = None,
    word: str | None = None,
) -> None:
    # the other columns are tried again without the one that is in the way
    columns = work.sources.get(word or "") or _columns(work, thing)
    for each, token in work.tokens.items():
        reason = reason.replace(each, token.name)
    if itself is not None:
        columns |= {(itself.schema, itself.relation, itself.column)}
    work.blocked.append(
        Blocked(
            label=PlannedDependent(
                kind=thing.kind, relation=thing.relation, name=thing.name
            ).label,
            code=code_of(thing.kind),
            reason=reason,
            columns=tuple(sorted(columns)),
        )
    )


def _columns(work: Work, thing: Leaning) -> frozenset[tuple[str, str, str]]:
    """Return the converting columns behind what a thing mentions or reads."""
    found: frozenset[tuple[str, str, str]] = frozenset()
    for word, names in work.sources.items():
        if word in thing.tokens:
            found |= names
    return found or frozenset(name for names in work.sources.values() for name in names)


def _touched(work: Work, thing: Leaning) -> bool:
    """Tell whether a thing uses what converts, or stands on what is made anew."""
    mentions = any(
        word in thing.tokens for word, token in work.tokens.items() if token.zone
    )
    return (
        mentions
        or thing.stands
        or thing.direct
        or bool(thing.reads & work.recreated)
        or _whole_row(thing)
        or (work.rewrites and thing.refilled)
    )


def _whole_row(thing: Leaning) -> bool:
    # of a view or rule the tree names rows of anything that it reads
    return thing.kind in _OF_ROWS and ":varattno 0 " in thing.tree


def _look_at_rows(thing: Leaning) -> None:
    if _whole_row(thing) and calls_own(thing.tree):
        raise rewriting.Uncertain(
            "a function gets the whole row, and may print it in the session's zone",
            thing.text,
        )


def _view(work: Work, thing: Leaning, *, zoned_views: bool) -> PlannedDependent | None:
    own = {c.word: c for c in thing.outputs if c is not None}
    # until it is known which of its outputs change, they are put back as they are
    tokens = work.tokens | {
        w: Token(word=w, name=c.name, zone=None) for w, c in own.items()
    }
    query = rewriting.rewrite_query(
        thing.tokens,
        tokens,
        zoned_outputs=zoned_views,
        relations=work.relations,
    )
    mentions = _touched(work, thing)
    zoned = []
    for output, zone in zip(thing.outputs, query.outputs, strict=True):
        if output is None:
            continue
        work.tokens[output.word] = _typed(output.word, output.name, zone, output.base)
        work.sources[output.word] = _columns(work, thing) if mentions else frozenset()
        if zone is not None:
            zoned.append(output.name)
            work.zones[thing.relation, output.name] = zone
    if not mentions:
        return None
    text, new = thing.text.rstrip(" ;\n"), query.text.rstrip(" ;\n")
    if (
        thing.kind is DependentKind.VIEW
        and not zoned
        and not (thing.reads & work.recreated)
        and not any(
            o and o.type.removesuffix("[]") in work.replaced for o in thing.outputs
        )
    ):
        return PlannedDependent(
            kind=thing.kind,
            relation=thing.relation,
            way=Way.REPLACE,
            take=(f"PERFORM tzmigrate.blank_view({quote_literal(thing.relation)})",),
            make=(f"CREATE OR REPLACE VIEW {thing.relation} AS\n{new}",),
            remake=(f"CREATE OR REPLACE VIEW {thing.relation} AS\n{text}",),
        )
    work.recreated.add(thing.relation)
    if thing.kind is DependentKind.VIEW:
        head, tail = f"CREATE VIEW {thing.relation} AS\n", ""
    else:
        # filled once it has its owner: its functions run with the owner's rights
        head = f"CREATE MATERIALIZED VIEW {thing.relation}{thing.storage} AS\n"
        tail = "\n  WITH NO DATA"
    return PlannedDependent(
        kind=thing.kind,
        relation=thing.relation,
        take=(f"DROP {thing.kind.value.upper()} {thing.relation}",),
        make=(f"{head}{new}{tail}",),
        remake=(f"{head}{text}{tail}",),
        zoned=tuple(zoned),
    )
