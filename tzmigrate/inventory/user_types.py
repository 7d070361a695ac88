"""Types of the users' own that contain naive time, from their rows."""

from collections.abc import Mapping

from tzmigrate.inventory.model import (
    DomainConstraint,
    TypeAttribute,
    UserKind,
    UserType,
)
from tzmigrate.inventory.rows import UserTypeRow


def user_type(row: UserTypeRow, default_types: Mapping[str, str | None]) -> UserType:
    """Build one of them."""
    return UserType(
        oid=row.oid,
        schema=row.schema,
        name=row.name,
        kind=UserKind(row.kind),
        owner=row.owner,
        owned=row.owned,
        extension=row.extension,
        base=row.base,
        not_null=row.not_null,
        default=row.default,
        default_type=default_types.get(row.default) if row.default else None,
        constraints=tuple(
            DomainConstraint(
                name=name, kind=kind, validated=validated == "true", definition=text
            )
            for name, kind, validated, text in row.constraints
        ),
        attributes=tuple(
            TypeAttribute(
                name=name or "",
                type=type_ or "",
                collation=collation,
                naive=naive == "true",
            )
            for name, type_, collation, naive in row.attributes
        ),
        definition=row.definition or "",
        parts=tuple(row.parts),
        columns=tuple((relation, attnum) for relation, attnum in row.columns),
        typed_tables=tuple(row.typed_tables),
        others=tuple(row.others),
        functions=tuple(row.functions),
        relation=row.relation,
    )
