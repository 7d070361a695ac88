"""Take the schema out of a group's names, so that one revision serves many schemas.

PostgreSQL printed the texts with ``search_path = pg_catalog``, so each name of the
schema has it before a dot. Which of the words there are names, and which stand in
constants, its own lexical rules say. Where a word could also be an alias, a column or
part of a constant, nobody can tell whom it would mean for another tenant: it is
refused, with its place.
"""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from hashlib import md5

from tzmigrate.inventory.routines.lexer import (
    Places,
    Sort,
    Token,
    Unreadable,
    tokenize,
)
from tzmigrate.planning.model import (
    DependentKind,
    Group,
    OwnDefault,
    Parking,
    PlannedColumn,
    PlannedDependent,
    RelationName,
    Step,
    Table,
)

HERE = "this_tenant"
"""The name that stands for the schema. It needs no quotes, so a text with it in it is
SQL like any other."""

_IMPLIED = frozenset(("new", "old", "excluded"))
"""Aliases that nothing in a text introduces."""

_JSON = frozenset(
    (
        DependentKind.POLICY,
        DependentKind.PUBLICATION,
        DependentKind.DOMAIN,
        DependentKind.COMPOSITE,
    )
)
"""Of these the support knows several texts, as one JSON."""


class Bound(Exception):
    """A text holds the schema's name where it may mean something else.

    Attributes:
        reason: what stands where, for people.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def unqualified(text: str, schema: str) -> str:
    """Return SQL with ``this_tenant`` in the place of a schema.

    >>> unqualified("SELECT e.at FROM a.events e", "a")
    'SELECT e.at FROM this_tenant.events e'

    Raises:
        Bound: the schema's name stands where it may be no schema, or in a constant.
    """
    if f"{HERE}." in text:
        raise Bound(f"it holds {HERE}, which stands for the schema of a tenant")
    # most texts do not mention it, however it is written
    if '"' not in schema and schema.lower() not in text.lower():
        return text
    try:
        tokens = tokenize(text)
    except Unreadable as error:
        raise Bound(f"it cannot be read: {error.reason}") from error
    pieces = []
    done = 0
    for place, token in enumerate(tokens):
        # the last one is the end of the text
        around = tokens[max(0, place - 1)], tokens[min(place + 1, len(tokens) - 1)]
        if _is_schema(token, around, text, schema):
            pieces += [text[done : token.start], HERE]
            done = token.end
    return "".join([*pieces, text[done:]])


def _is_schema(
    token: Token, around: tuple[Token, Token], text: str, schema: str
) -> bool:
    if text[token.start : token.start + 2] in {"U&", "u&"}:
        raise _bound(text, token, "what is escaped is not read")
    if token.sort is Sort.STRING:
        word = re.compile(rf"(?<![\w$]){re.escape(schema)}(?![\w$])", re.IGNORECASE)
        if found := word.search(token.value):
            raise _bound(text, token, f"a constant holds {found[0]}")
        return False
    if not (token.is_name and token.value == schema):
        return False
    follows, qualifies = (
        each.sort is Sort.PUNCTUATION and each.value == "." for each in around
    )
    if schema in _IMPLIED or follows or not qualifies:
        raise _bound(text, token, f"{schema} may be another name than the schema's")
    return True


def _bound(text: str, token: Token, reason: str) -> Bound:
    places = Places(text)
    line, column = places.of(token.start)
    near = places.excerpt(max(0, token.start - 20), token.end + 20)
    return Bound(f"{reason} in line {line}, column {column}: {near}")


def unqualified_group(group: Group, schema: str) -> Group:
    """Return a group with ``this_tenant`` in the place of a schema, in all its texts.

    Raises:
        Bound: see ``unqualified``.
    """

    def text(sql: str) -> str:
        if sql.startswith("PERFORM "):
            return _call(sql, schema)
        return unqualified(sql, schema)

    def texts(statements: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(map(text, statements))

    def maybe(sql: str | None) -> str | None:
        return None if sql is None else text(sql)

    def relation(name: RelationName) -> RelationName:
        return replace(name, schema=HERE) if name.schema == schema else name

    def step(one: Step) -> Step:
        return replace(
            one,
            statement=text(one.statement),
            inverse=text(one.inverse),
            stands_for=text(one.stands_for),
            before=texts(one.before),
            before_back=texts(one.before_back),
            after=texts(one.after),
        )

    def table(one: Table) -> Table:
        return replace(
            one,
            relation=relation(one.relation),
            step=None if one.step is None else step(one.step),
        )

    def column(one: PlannedColumn) -> PlannedColumn:
        return replace(
            one,
            schema=HERE if one.schema == schema else one.schema,
            type_before=text(one.type_before),
            type_after=text(one.type_after),
            default_before=maybe(one.default_before),
            default_after=maybe(one.default_after),
        )

    def parking(one: Parking) -> Parking:
        return replace(
            one,
            relation=relation(one.relation),
            away=text(one.away),
            back=text(one.back),
        )

    def own_default(one: OwnDefault) -> OwnDefault:
        return replace(
            one,
            relation=relation(one.relation),
            before=maybe(one.before),
            after=maybe(one.after),
        )

    def dependent(one: PlannedDependent) -> PlannedDependent:
        return replace(
            one,
            relation=text(one.relation),
            take=texts(one.take),
            prepare=texts(one.prepare),
            unprepare=texts(one.unprepare),
            discard=texts(one.discard),
            make=texts(one.make),
            remake=texts(one.remake),
        )

    return replace(
        group,
        relations=tuple(map(relation, group.relations)),
        columns=tuple(map(column, group.converted)),
        tables=tuple(map(table, group.tables)),
        shared=tuple(map(step, group.shared)),
        parked=tuple(map(parking, group.parked)),
        own_defaults=tuple(map(own_default, group.own_defaults)),
        dependents=tuple(map(dependent, group.dependents)),
        types=(),
    )


def _call(sql: str, schema: str) -> str:
    """Return the same for a call of the support, whose constants are SQL."""
    pieces = []
    done = 0
    for token in tokenize(sql):
        if token.sort is Sort.STRING:
            value = unqualified(token.value, schema)
            if value != token.value:
                quoted = value.replace("'", "''")
                pieces += [sql[done : token.start], f"'{quoted}'"]
                done = token.end
    return "".join([*pieces, sql[done:]])


def digest(kind: DependentKind, definition: str, schema: str) -> str:
    """Return what a definition is known by for every tenant.

    The support's ``tzmigrate.anywhere`` gives the same form to what it finds.

    Raises:
        Bound: see ``unqualified``.
    """
    text = (
        _in_json(definition, schema)
        if kind in _JSON
        else unqualified(definition, schema)
    )
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def _in_json(definition: str, schema: str) -> str:
    def marked(value: object) -> object:
        match value:
            case str():
                return unqualified(value, schema)
            case list():
                return [marked(each) for each in value]
            case dict():
                return {key: marked(each) for key, each in value.items()}
        return value

    if not definition:
        return definition
    # as PostgreSQL writes jsonb
    return json.dumps(marked(json.loads(definition)), ensure_ascii=False)


def in_schema(
    functions: Iterable[PlannedDependent], schema: str
) -> Iterator[PlannedDependent]:
    """Yield the rewritten functions of a schema, with what each tenant knows them by.

    Those of other schemas would be rewritten for the first tenant alone, and what is
    bound to the schema is no function that each tenant has: both stay as they are.
    """

    def known(statements: tuple[str, ...]) -> tuple[str, ...]:
        # pg_get_functiondef ends with a line feed
        return tuple(
            digest(DependentKind.FUNCTION, f"{sql}\n", schema) for sql in statements
        )

    for function in functions:
        if _schema(function) == schema:
            with suppress(Bound):
                before, after = known(function.remake), known(function.make)
                yield replace(function, before=before, after=after)


def others(group: Group, schema: str) -> Iterator[tuple[PlannedDependent | None, str]]:
    """Yield what a group takes in from other schemas, which no tenant has for itself.

    A dependent, or ``None`` for a table, with its name.
    """
    for relation in group.relations:
        if relation.schema != schema:
            yield None, f"{relation.schema}.{relation.name}"
    for dependent in group.dependents:
        if _schema(dependent) != schema:
            yield dependent, dependent.relation


def _schema(dependent: PlannedDependent) -> str:
    return tokenize(dependent.relation)[0].value
