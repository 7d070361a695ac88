"""Composite types: written anew under their name, or altered attribute by attribute."""

from collections.abc import Collection, Iterable
from hashlib import md5

from tzmigrate.inventory.model import UserKind, UserType
from tzmigrate.planning.ddl import short_type
from tzmigrate.planning.families import cast_of, zoned_type
from tzmigrate.planning.model import (
    DependentKind,
    NamedAttribute,
    PlannedDependent,
    Way,
)
from tzmigrate.postgres.quoting import readable_identifier, readable_name


def printed(type_: UserType) -> str:
    """Return a type as ``format_type`` prints it where no schema is searched."""
    return readable_name(type_.schema, type_.name)


def composite(type_: UserType, *, zoned: bool) -> str:
    """Return the statement that makes a composite type."""
    attributes = []
    for attribute in type_.attributes:
        kind = attribute.type
        if zoned and cast_of(kind) is not None:
            kind = zoned_type(kind)
        collate = f" COLLATE {attribute.collation}" if attribute.collation else ""
        name = readable_identifier(attribute.name)
        attributes.append(f"{name} {short_type(kind)}{collate}")
    return f"CREATE TYPE {printed(type_)} AS ({', '.join(attributes)})"


def named_attributes(type_: UserType, zone: str) -> tuple[NamedAttribute, ...]:
    """Return the naive attributes of a composite type, for what names them."""
    if type_.kind is not UserKind.COMPOSITE:
        return ()
    return tuple(
        NamedAttribute(
            schema=type_.schema,
            type_name=type_.name,
            name=a.name,
            type_before=a.type,
            zone=zone,
        )
        for a in type_.attributes
        if a.naive
    )


def altered_type(
    type_: UserType, replaced: Collection[str], zone: str
) -> Iterable[PlannedDependent]:
    """Yield the change of a composite type in its place, where it needs one.

    No column is of it meanwhile, so it keeps its identity, and with it all that takes
    or returns it.

    Args:
        type_: the composite type.
        replaced: domains of which there is another one of the same name meanwhile.
        zone: of its values, as SQL names it.
    """
    kinds = [
        (readable_identifier(a.name), a.type, zoned)
        for a in type_.attributes
        if (zoned := _zoned(a.type, replaced)) is not None
    ]
    if not kinds:
        return

    def altered(pairs: Iterable[tuple[str, str]]) -> str:
        clauses = (
            f"ALTER ATTRIBUTE {name} TYPE {short_type(kind)}" for name, kind in pairs
        )
        return f"ALTER TYPE {printed(type_)}\n    " + ",\n    ".join(clauses)

    yield PlannedDependent(
        kind=DependentKind.COMPOSITE,
        relation=printed(type_),
        way=Way.ALTER,
        before=(md5(type_.definition.encode(), usedforsecurity=False).hexdigest(),),
        definition=type_.definition,
        prepare=(altered((name, after) for name, _, after in kinds),),
        unprepare=(altered((name, before) for name, before, _ in kinds),),
        attributes=named_attributes(type_, zone),
    )


def _zoned(kind: str, replaced: Collection[str]) -> str | None:
    """Return what an attribute becomes; ``None`` where it stays as it is."""
    if cast_of(kind) is not None:
        return zoned_type(kind)
    # another type of the same name
    return kind if kind.removesuffix("[]") in replaced else None
