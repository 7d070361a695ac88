"""Read, on the shadow, what leans on columns that convert; as PostgreSQL prints it.

Each column that may change is renamed to a word that occurs nowhere else, in a
transaction that is rolled back, and PostgreSQL prints every definition with that word
in its place (postgres-facts.md section 5): where it is used needs no guessing. A rename
locks its table, which is why this happens on the shadow.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from tzmigrate.inventory.asking import array
from tzmigrate.planning.model import (
    DependentKind,
    PlannedDependent,
    RelationName,
)
from tzmigrate.planning.renaming import rename_columns, rename_output, word
from tzmigrate.planning.things import (
    SETS_EXPRESSION,
    Definition,
    Found,
    Generated,
    Leaning,
    ViewColumn,
)
from tzmigrate.postgres.quoting import readable_name

_RELATIONS = 1259
"""The catalog of relations itself, ``pg_class``."""

_VIEW_KINDS = frozenset(("view", "materialized view"))
_FILTERED_PUBLICATIONS = 150000
"""Row filters and column lists of publications came with this version."""


def read_leaning(
    connection: psycopg.Connection[Any],
    columns: Sequence[tuple[RelationName, str]],
    types: Sequence[PlannedDependent] = (),
) -> Found:
    """Return what leans on these columns of tables, or of roots of trees.

    Args:
        connection: to the shadow, in no transaction.
        columns: table and column, unquoted.
        types: those that change with the columns.

    Raises:
        psycopg.Error: the shadow lacks one of the tables, or cannot rename a column.
    """
    with connection.transaction(force_rollback=True):
        members = _members(connection, (*columns, *_attributes(types)))
        target = _target(connection, members, _domains(types))
        return _read(connection, columns, types, members, target)[0]


def read_readers(
    connection: psycopg.Connection[Any],
    groups: Sequence[Sequence[tuple[RelationName, str]]],
) -> list[set[tuple[str, str]]]:
    """Return class and object of what leans on the columns of each of these groups.

    Also of what reads them by a view alone, as a policy of another table may.
    """
    columns = [column for group in groups for column in group]
    places = [place for place, group in enumerate(groups) for _ in group]
    members = _members(connection, columns)
    rows = connection.execute(
        _query("readers"),
        {
            "places": array(places[column] for column, _, _ in members),
            "relations": array(relation for _, relation, _ in members),
            "attnums": array(attnum for _, _, attnum in members),
        },
    ).fetchall()
    found: list[set[tuple[str, str]]] = [set() for _ in groups]
    for place, class_, object_ in rows:
        found[place].add((str(class_), str(object_)))
    return found


def read_apart(
    connection: psycopg.Connection[Any],
    groups: Sequence[Sequence[tuple[RelationName, str]]],
) -> list[Found | None]:
    """Return what ``read_leaning`` returns for each of these groups, read together.

    ``None`` for a group that shares a dependent with another one, or may do so.
    """
    columns = [column for group in groups for column in group]
    places = [place for place, group in enumerate(groups) for _ in group]
    with connection.transaction(force_rollback=True):
        members = _members(connection, columns)
        owners: dict[int, frozenset[int]] = defaultdict(frozenset)
        for column, relation, _ in members:
            owners[relation] |= {places[column]}
        target = _target(connection, members, [])
        found, objects = _read(connection, columns, (), members, target)
        owned = [
            frozenset.union(frozenset(), *(owners[root] for root in roots))
            for roots in _roots(connection, objects, frozenset(owners))
        ]
    if not all(owned):
        return [None] * len(groups)
    shared = frozenset.union(frozenset(), *(one for one in owned if len(one) > 1))
    return [
        None if place in shared else _of_one(found, group, owned, place)
        for place, group in enumerate(groups)
    ]


def _of_one(
    found: Found,
    columns: Sequence[tuple[RelationName, str]],
    owned: Sequence[frozenset[int]],
    place: int,
) -> Found:
    names = [(table.schema, table.name, column) for table, column in columns]
    things = tuple(
        thing for thing, of in zip(found.things, owned, strict=True) if place in of
    )
    return Found(
        things=things,
        words={name: found.words[name] for name in names} if things else {},
        relations=found.relations if things else {},
    )


def _roots(
    connection: psycopg.Connection[Any],
    objects: Sequence[tuple[int, int]],
    tables: frozenset[int],
) -> list[frozenset[int]]:
    """Return which of these tables each object depends on, directly or by views."""
    rows = connection.execute(
        _query("reads"),
        {
            "classes": array(c for c, _ in objects),
            "objects": array(o for _, o in objects),
        },
    ).fetchall()
    read: dict[tuple[int, int], set[int]] = defaultdict(set)
    for class_, object_, relation in rows:
        read[class_, object_].add(relation)
    found = []
    for class_, object_ in objects:
        reached = set(read[class_, object_])
        if class_ == _RELATIONS:
            reached.add(object_)
        fresh = set(reached)
        while fresh:
            fresh = set().union(*(read[_RELATIONS, one] for one in fresh)) - reached
            reached |= fresh
        found.append(tables & reached)
    return found


def read_definitions(
    connection: psycopg.Connection[Any],
    columns: Sequence[tuple[RelationName, str]],
    types: Sequence[PlannedDependent] = (),
) -> dict[tuple[str, str, str | None], Definition]:
    """Return the text of what leans on these columns, and changes nothing.

    For the database that is planned for, whose texts may be printed in other words
    than those of a copy (a CHECK that was parsed once more prints differently).
    """
    members = _members(connection, (*columns, *_attributes(types)))
    target = _target(connection, members, _domains(types))
    return {
        (row[0], row[1], row[2]): Definition(
            text=row[7], tree=row[8], called=frozenset(row[13])
        )
        for row in _things(connection, target)
    }


def read_lost(
    connection: psycopg.Connection[Any],
    shadow: psycopg.Connection[Any],
    columns: Sequence[tuple[RelationName, str]],
    types: Sequence[PlannedDependent],
    reasons: Mapping[tuple[int, int], str],
) -> dict[tuple[str, str, str | None], str]:
    """Return the tables of these columns, and what leans on them, that a shadow lacks.

    Args:
        connection: to the database that is planned for.
        shadow: to its copy, as it was restored.
        columns: table and column, unquoted.
        types: those that change with the columns.
        reasons: why something was not restored, by its catalog and OID there.
    """
    here = _identities(connection, columns, types)
    there = _identities(shadow, columns, types)
    return {
        key: reasons[identity]
        for key, identity in here.items()
        # of what is there, something else than its making failed
        if identity in reasons and key not in there
    }


def _identities(
    connection: psycopg.Connection[Any],
    columns: Sequence[tuple[RelationName, str]],
    types: Sequence[PlannedDependent],
) -> dict[tuple[str, str, str | None], tuple[int, int]]:
    members = _members(connection, (*columns, *_attributes(types)))
    target = _target(connection, members, _domains(types))
    tables = connection.execute(
        "SELECT r::regclass::text, r::int8 FROM unnest(%s::oid[]) AS r",
        (array(target.relations),),
    ).fetchall()
    found: dict[tuple[str, str, str | None], tuple[int, int]] = {
        ("table", name, None): (_RELATIONS, oid) for name, oid in tables
    }
    for row in _things(connection, target):
        found[row[0], row[1], row[2]] = (row[3], row[4])
    return found


def read_uniting_views(connection: psycopg.Connection[Any]) -> frozenset[str]:
    """Return the views in which columns of several tables must have one type.

    Those with UNION and its like, or with ``JOIN … USING``; as ``pg_describe_object``
    names them, which is how the inventory does.
    """
    rows = connection.execute(
        "SELECT pg_describe_object('pg_class'::regclass, r.ev_class, 0)"
        " FROM pg_rewrite r WHERE r.rulename = '_RETURN' AND r.oid >= 16384"
        " AND r.ev_action::text ~ ':setOperations [{]|:joinmergedcols [1-9]'"
    ).fetchall()
    return frozenset(row[0] for row in rows)


def read_foreign_owners(
    connection: psycopg.Connection[Any], dependents: Sequence[PlannedDependent]
) -> dict[str, str]:
    """Return whose these are, or who granted rights on them, by label.

    Those alone for whom this role may not act.

    Args:
        connection: to the database that is planned for.
        dependents: what would be made anew.
    """
    rows = connection.execute(
        _query("foreign_owners"),
        {
            "kinds": [d.kind.value for d in dependents],
            "relations": [d.relation for d in dependents],
            "names": [d.name for d in dependents],
        },
    ).fetchall()
    return {dependents[place - 1].label: owner for place, owner in rows}


def read_closed(
    connection: psycopg.Connection[Any], dependents: Sequence[PlannedDependent]
) -> dict[str, tuple[str, str]]:
    """Return a role and the relation that it may not read, by label.

    Of the materialized views among these that are refreshed, which is done with the
    rights of their owners.

    Args:
        connection: to the database that is planned for.
        dependents: what would be made anew.
    """
    views = [d for d in dependents if d.kind is DependentKind.MATERIALIZED_VIEW]
    if not views:
        return {}
    rows = connection.execute(
        _query("closed_to_owners"), {"views": [d.relation for d in views]}
    ).fetchall()
    return {views[place - 1].label: (role, closed) for place, role, closed in rows}


def read_view_types(
    connection: psycopg.Connection[Any], views: Sequence[str]
) -> dict[str, tuple[tuple[str, str], ...]]:
    """Return name and type of each column of these views, by their SQL names."""
    oids = connection.execute(
        "SELECT v::regclass::oid::int8 FROM unnest(%s::text[]) AS v", (list(views),)
    ).fetchall()
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    rows = connection.execute(_query("view_columns"), {"views": [r[0] for r in oids]})
    for row in rows:
        found[readable_name(row[1], row[2])].append((row[4], row[5]))
    return {view: tuple(columns) for view, columns in found.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """What is asked for: columns that convert, and the views above them.

    Attributes:
        storing: those of the views that store whole rows.
        remade: generated columns that are emptied or dropped, and the same by number.
        dropped: they are dropped.
        domains: those that are replaced, as SQL names them.
        checked: tables whose CHECKs stand in the way of their virtual columns.
        generated: of each generated column in question, what making it anew takes.
    """

    relations: list[int]
    attnums: list[int]
    views: list[int]
    storing: frozenset[int]
    remade: list[tuple[int, int]]
    dropped: bool
    domains: list[str]
    checked: list[int]
    generated: Mapping[tuple[int, int], Generated]


def _target(
    connection: psycopg.Connection[Any],
    members: Sequence[tuple[int, int, int]],
    domains: list[str],
) -> _Target:
    relations = [relation for _, relation, _ in members]
    attnums = [attnum for _, _, attnum in members]
    asked = {"relations": array(relations), "attnums": array(attnums)}
    rows = connection.execute(_query("generated"), asked).fetchall()
    dropped = connection.info.server_version < SETS_EXPRESSION
    generated = {
        (row[0], row[1]): Generated(
            schema=row[2],
            relation=row[3],
            place=row[1],
            collation=row[6],
            not_null=row[7],
            stored=row[8],
            fed=row[9],
            followed=any(r[10] for r in rows if r[4] == row[4]),
            unlike=any(r[11] for r in rows if r[4] == row[4]),
            moved=any(r[12] for r in rows if r[4] == row[4]),
        )
        for row in rows
    }
    remade = [key for key, one in generated.items() if dropped or one.fed]
    gone = remade if dropped else []
    values = {
        "relations": array([*relations, *(relation for relation, _ in gone)]),
        "attnums": array([*attnums, *(attnum for _, attnum in gone)]),
        "domains": domains,
    }
    views = connection.execute(_query("views_above"), values).fetchall()
    return _Target(
        relations=relations,
        attnums=attnums,
        views=[view for view, _ in views],
        storing=frozenset(view for view, stores in views if stores),
        remade=remade,
        dropped=dropped,
        domains=domains,
        checked=sorted({key[0] for key, one in generated.items() if not one.stored}),
        generated=generated,
    )


def _read(
    connection: psycopg.Connection[Any],
    columns: Sequence[tuple[RelationName, str]],
    types: Sequence[PlannedDependent],
    members: Sequence[tuple[int, int, int]],
    target: _Target,
) -> tuple[Found, list[tuple[int, int]]]:
    """Return what is found, and class and object of each thing."""
    attributes = _attributes(types)
    views = target.views
    plain = _things(connection, target)
    if not plain:
        return Found(), []
    reads = _reads(connection, views)
    direct = _direct(connection, target.relations, target.attnums) | target.storing
    outputs = _outputs(connection, views)
    storage = _storage(connection, views)
    of_view = {row[0] for row in _names(connection, views)}
    renames, words = rename_columns(connection, columns, attributes, members)
    for view in views:
        schema, name, kind, of_one = outputs[view]
        renames += [
            rename_output(
                RelationName(schema=schema, name=name), kind, output.name, output.word
            )
            for output in of_one
            if output is not None
        ]
    connection.execute(sql.SQL(";\n").join(renames))
    # a part may be named after a column, so the two lists meet by identity
    renamed = {(*row[3:6], row[0]): row for row in _things(connection, target)}
    objects = [(row[3], row[4]) for row in plain]
    relations = _columns(connection, objects)
    found = []
    for row in plain:
        kind, relation, name, class_, object_, sub, depth, text, tree, type_ = row[:10]
        is_view = object_ in outputs and kind in _VIEW_KINDS
        found.append(
            Leaning(
                kind=DependentKind(kind),
                relation=relation,
                name=name,
                text=text,
                tokens=renamed[class_, object_, sub, kind][7],
                tree=tree,
                type=type_,
                depth=depth,
                reads=reads[class_, object_]
                | (frozenset() if is_view else {relation} & of_view),
                outputs=outputs[object_][3] if is_view else (),
                storage=storage.get(object_, ""),
                on_view=relation in of_view,
                direct=is_view and object_ in direct,
                stands=row[10],
                refilled=bool(row[12]),
                calls=bool(row[11]),
                called=frozenset(row[13]),
                generated=target.generated.get((object_, sub)),
            )
        )
    return Found(things=tuple(found), words=words, relations=relations), objects


def _attributes(
    types: Sequence[PlannedDependent],
) -> tuple[tuple[RelationName, str], ...]:
    """Return the attributes of composite types as columns of the types' relations."""
    return tuple(
        (RelationName(schema=a.schema, name=a.type_name), a.name)
        for type_ in types
        for a in type_.attributes
    )


def _domains(types: Sequence[PlannedDependent]) -> list[str]:
    return [t.relation for t in types if t.kind is DependentKind.DOMAIN]


def _things(
    connection: psycopg.Connection[Any], target: _Target
) -> list[tuple[Any, ...]]:
    filtered = connection.info.server_version >= _FILTERED_PUBLICATIONS
    tree = "r.prqual" if filtered else "NULL::pg_node_tree"
    statement = _query("leaning").replace("{publication_filter}", tree)
    values = {
        "relations": array(target.relations),
        "attnums": array(target.attnums),
        "views": array(target.views),
        "remade": array(relation for relation, _ in target.remade),
        "remade_attnums": array(attnum for _, attnum in target.remade),
        "dropped": target.dropped,
        "checked": array(target.checked),
        "domains": target.domains,
    }
    return connection.execute(statement, values).fetchall()


def _members(
    connection: psycopg.Connection[Any],
    columns: Sequence[tuple[RelationName, str]],
) -> list[tuple[int, int, int]]:
    """Return the columns with those of partitions and inheritance children.

    Each with the place of the column that it stands for, its relation and its number.
    """
    rows = connection.execute(
        "WITH RECURSIVE tree (place, relation, name) AS ("
        " SELECT w.place, c.oid, w.name FROM ROWS FROM (unnest(%s::text[]),"
        "  unnest(%s::text[]), unnest(%s::text[]))"
        "  WITH ORDINALITY AS w (nsp, rel, name, place)"
        " JOIN pg_namespace n ON n.nspname = w.nsp"
        " JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = w.rel"
        " UNION SELECT t.place, i.inhrelid, t.name FROM tree t"
        " JOIN pg_inherits i ON i.inhparent = t.relation)"
        " SELECT t.place::int4 - 1, a.attrelid::int8, a.attnum::int4"
        " FROM tree t JOIN pg_attribute a"
        " ON a.attrelid = t.relation AND a.attname = t.name",
        (
            [table.schema for table, _ in columns],
            [table.name for table, _ in columns],
            [column for _, column in columns],
        ),
    ).fetchall()
    return [(row[0], row[1], row[2]) for row in rows]


def _direct(
    connection: psycopg.Connection[Any], relations: list[int], attnums: list[int]
) -> set[int]:
    """Return the views that read one of these columns themselves."""
    rows = connection.execute(
        "SELECT DISTINCT r.ev_class::int8 FROM ROWS FROM (unnest(%s::oid[]),"
        "  unnest(%s::int4[])) AS w (relation, attnum)"
        " JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass"
        "  AND d.refobjid = w.relation AND d.refobjsubid = w.attnum"
        "  AND d.classid = 'pg_rewrite'::regclass"
        " JOIN pg_rewrite r ON r.oid = d.objid AND r.rulename = '_RETURN'",
        (array(relations), array(attnums)),
    ).fetchall()
    return {row[0] for row in rows}


def _reads(
    connection: psycopg.Connection[Any], views: list[int]
) -> dict[tuple[int, int], frozenset[str]]:
    """Return for each object the views that it depends on."""
    rows = connection.execute(
        "SELECT CASE WHEN r.rulename = '_RETURN' THEN 'pg_class'::regclass::int8"
        "  ELSE d.classid::int8 END,"
        " CASE WHEN r.rulename = '_RETURN' THEN r.ev_class ELSE d.objid END::int8,"
        " d.refobjid::regclass::text FROM pg_depend d"
        " LEFT JOIN pg_rewrite r"
        "  ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid"
        " WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY (%s::oid[])"
        " AND r.ev_class IS DISTINCT FROM d.refobjid"
        " UNION SELECT d.classid::int8, d.objid::int8, t.typrelid::regclass::text"
        " FROM pg_class c JOIN pg_type t ON t.oid = c.reltype"
        " JOIN pg_depend d ON d.refclassid = 'pg_type'::regclass"
        "  AND d.refobjid IN (t.oid, t.typarray)"
        " WHERE c.oid = ANY (%s::oid[]) AND d.classid = 'pg_proc'::regclass",
        (views, views),
    ).fetchall()
    found: dict[tuple[int, int], frozenset[str]] = defaultdict(frozenset)
    for class_, object_, view in rows:
        found[class_, object_] |= {view}
    return found


def _outputs(
    connection: psycopg.Connection[Any], views: list[int]
) -> dict[int, tuple[str, str, str, tuple[ViewColumn | None, ...]]]:
    rows = connection.execute(_query("view_columns"), {"views": views}).fetchall()
    found: dict[int, tuple[str, str, str, list[ViewColumn | None]]] = {}
    for view, schema, relation, kind, name, type_, naive, base in rows:
        of_one = found.setdefault(view, (schema, relation, kind, []))[3]
        of_one.append(
            ViewColumn(name=name, type=type_, base=base, word=word()) if naive else None
        )
    return {v: (s, r, k, tuple(of_one)) for v, (s, r, k, of_one) in found.items()}


def _columns(
    connection: psycopg.Connection[Any], objects: Sequence[tuple[int, int]]
) -> dict[str, tuple[str, ...]]:
    """Return the columns of all relations that these objects, or their rules, read.

    The objects are given by class and object.
    """
    # OFFSET 0: the planner would look through what all relations are used by
    rows = connection.execute(
        "WITH reader (class, object) AS ("
        " SELECT * FROM ROWS FROM (unnest(%(classes)s::oid[]),"
        "  unnest(%(objects)s::oid[]))"
        " UNION SELECT 'pg_rewrite'::regclass, r.oid"
        " FROM unnest(%(objects)s::oid[]) AS o JOIN pg_rewrite r ON r.ev_class = o"
        "), read (relation) AS ("
        " SELECT DISTINCT u.refobjid FROM reader, LATERAL (SELECT d.refobjid"
        "  FROM pg_depend d WHERE d.classid = reader.class AND d.objid = reader.object"
        "  AND d.refclassid = 'pg_class'::regclass OFFSET 0) AS u"
        ") SELECT read.relation::regclass::text, c.names"
        " FROM read, LATERAL (SELECT array_agg(a.attname ORDER BY a.attnum) AS names"
        "  FROM pg_attribute a WHERE a.attrelid = read.relation AND a.attnum > 0"
        "  AND NOT a.attisdropped) AS c WHERE c.names IS NOT NULL",
        {
            "classes": array(c for c, _ in objects),
            "objects": array(o for _, o in objects),
        },
    ).fetchall()
    return {row[0]: tuple(row[1]) for row in rows}


def _names(connection: psycopg.Connection[Any], views: list[int]) -> list[Any]:
    return connection.execute(
        "SELECT v::regclass::text FROM unnest(%s::oid[]) AS v", (views,)
    ).fetchall()


def _storage(connection: psycopg.Connection[Any], views: list[int]) -> dict[int, str]:
    rows = connection.execute(
        "SELECT c.oid::int8, concat("
        " ' USING ' || quote_ident(nullif(m.amname, 'heap')),"
        " ' TABLESPACE ' || quote_ident(s.spcname))"
        " FROM pg_class c LEFT JOIN pg_am m ON m.oid = c.relam"
        " LEFT JOIN pg_tablespace s ON s.oid = c.reltablespace"
        " WHERE c.oid = ANY (%s::oid[]) AND c.relkind = 'm'",
        (views,),
    ).fetchall()
    return {row[0]: row[1] for row in rows}


@cache
def _query(name: str) -> LiteralString:
    """Return one of this room's ``.sql`` files."""
    # a file of ours, shipped with the code: as literal as if it stood here
    return files(__package__).joinpath(f"{name}.sql").read_text("utf-8")
