"""Domains and composite types: replaced by zoned ones of the same name.

PostgreSQL has no ALTER TYPE for a domain, and refuses to change an attribute of a type
that a column stores (postgres-facts.md sections 7.8 and 10). So the old type gets out
of the way, a zoned one takes its name, the columns change from one to the other, and
the old one is dropped. That happens to all columns of a type at once, and to all types
that are made of each other.
"""

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import md5

from tzmigrate.inventory.findings import DEPENDENT_CODES, FAMILY_CODES
from tzmigrate.inventory.model import (
    Column,
    Finding,
    Inventory,
    Relation,
    Role,
    Severity,
    UserKind,
    UserType,
)
from tzmigrate.planning.composites import (
    altered_type,
    composite,
    named_attributes,
    printed,
)
from tzmigrate.planning.ddl import short_type
from tzmigrate.planning.expressions import convert_default
from tzmigrate.planning.families import Cast, cast_of, zoned_type
from tzmigrate.planning.model import (
    DependentKind,
    Parking,
    PlannedColumn,
    PlannedDependent,
    Way,
)
from tzmigrate.planning.parking import goes_through_text, parkings, row_columns
from tzmigrate.planning.trees import Trees
from tzmigrate.postgres.quoting import readable_identifier, readable_name

Names = tuple[str, str, str]

_QUOTED = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\bVALUE\b""")

_SHAPE = re.compile(
    r"(?<![\w.\"])((?:cardinality|array_(?:ndims|dims|length|lower|upper))\()VALUE(?=[,)])"
)
"""Built-in functions that look at an array's shape alone, as PostgreSQL prints them."""


class CannotReplace(Exception):
    """A type for which no zoned one can be written."""

    def __init__(self, type_: UserType, reason: str) -> None:
        super().__init__(reason)
        self.type_ = type_
        self.finding = _refuse(
            type_,
            f"{_words(type_)}: {reason}",
            "Drop that CHECK before the conversion and add it again afterwards.",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeFamily:
    """Types that are made of each other, with everything that is of them.

    Attributes:
        types: each after those that it is made of.
        columns: what must convert with them.
        strangers: columns of these types that are not part of this plan.
        typed_tables: tables ``OF`` one of these types, with it.
        in_place: composite and row types change as they stand, while columns of them
            are text: a table cannot be replaced, nor a type that functions name.
    """

    types: tuple[UserType, ...]
    columns: tuple[Names, ...]
    strangers: tuple[str, ...]
    typed_tables: tuple[tuple[Relation, UserType], ...]
    in_place: bool = False

    @property
    def key(self) -> int:
        """Identify it."""
        return self.types[0].oid

    @property
    def words(self) -> str:
        """Name its outermost type in a message."""
        return _words(self.types[-1])


class TypeBook:
    """All types of the users' own in an inventory, and what is of them.

    Args:
        inventory: what was scanned.
        base: ``[policy] domains = "base"``: columns leave their domains.
        literals: the zoned default of each domain over an array or range, by ``oid``.
    """

    def __init__(
        self,
        inventory: Inventory,
        *,
        base: bool = False,
        literals: Mapping[int, str] | None = None,
    ) -> None:
        self._types = {t.oid: t for t in inventory.types}
        self._base = base
        self._literals = literals or {}
        self._families: list[TypeFamily] = []
        self._of: dict[Names, TypeFamily] = {}
        self._domains: dict[Names, UserType] = {}
        columns = {(c.relation_oid, c.attnum): c for c in inventory.columns}
        relations = {r.oid: r for r in inventory.relations}
        rows = {
            t.oid: row_columns(t, inventory)
            for t in inventory.types
            if t.kind is UserKind.ROW
        }
        for members in _united(inventory.types):
            family = _family(members, columns, relations, rows)
            self._families.append(family)
            for name in family.columns:
                self._of[name] = family
        for type_ in inventory.types:
            for place in type_.columns:
                column = columns.get(place)
                if column is not None and column.type == printed(type_):
                    self._domains[column.name] = type_

    def family(self, column: Column) -> TypeFamily | None:
        """Return the types that must be replaced with a column."""
        if self.leaves(column):
            return None
        return self._of.get(column.name)

    def leaves(self, column: Column) -> UserType | None:
        """Return the domain that a column leaves for its base type."""
        domain = self._domains.get(column.name)
        known = domain is not None and domain.kind is UserKind.DOMAIN
        return domain if self._base and known and not self._inside(domain) else None

    def _inside(self, domain: UserType | None) -> bool:
        return domain is not None and (bool(domain.parts) or bool(domain.typed_tables))

    def base(self, column: Column) -> str | None:
        """Return the built-in type that a column's domain stands for."""
        domain = self._domains.get(column.name)
        return self.end(domain) if domain is not None else None

    def end(self, type_: UserType) -> str | None:
        """Return the built-in type at the end of a domain over domains."""
        at: UserType | None = type_
        while at is not None and at.kind is UserKind.DOMAIN:
            if not at.parts:
                return at.base
            inner = self._types[at.parts[0]]
            at = inner if at.base == printed(inner) else None
        return None

    def default(self, column: Column, zone: str) -> str | None:
        """Return the default that a column takes with it when it leaves its domain."""
        domain = self.leaves(column)
        if domain is None or domain.default is None or column.default is not None:
            return None
        literal = self._literals.get(domain.oid)
        return literal or convert_default(domain.default, domain.default_type, zone)

    def refusal(self, column: Column) -> Finding | None:
        """Return what stops a column for its type, whatever the others do."""
        domain = self.leaves(column)
        if domain is not None:
            return self._lost(column, domain)
        family = self._of.get(column.name)
        if family is None:
            return None
        for type_ in family.types:
            if reason := _reason(type_):
                return _refuse(type_, *reason)
        if family.strangers:
            first, type_ = family.strangers[0], family.types[-1]
            return _refuse(
                type_,
                f"{_words(type_)} is used by {first}, which is not part of this plan",
                "Plan them together: all columns of a type convert at once.",
            )
        for type_ in family.types:
            if computed := self._computed(type_):
                return computed
        return None

    def _computed(self, type_: UserType) -> Finding | None:
        """Refuse a default for which no zoned one is known."""
        scalar = cast_of(self.end(type_) or "") is Cast.ZONE
        if type_.default is None or scalar or type_.oid in self._literals:
            return None
        return _refuse(
            type_,
            f"default {type_.default} of {_words(type_)} is no constant",
            "Drop the default, or make it a constant.",
        )

    def _lost(self, column: Column, domain: UserType) -> Finding | None:
        label = readable_name(*column.name)
        lost = [
            words
            for words, has in (
                ("a CHECK", any(c.kind == "c" for c in domain.constraints)),
                ("NOT NULL", domain.not_null),
            )
            if has
        ]
        if not lost:
            return self._computed(domain)
        return _refuse(
            domain,
            f"{label} would leave {_words(domain)}, and lose {' and '.join(lost)}",
            'Set domains = "zoned" under [policy], or state them for the table '
            "yourself first and drop them from the domain.",
        )

    def types(self, column: Column) -> tuple[UserType, ...]:
        """Return the types that a column is made of, and those that go with them."""
        family = self._of.get(column.name)
        return family.types if family is not None else ()

    def calls(self, column: Column) -> bool:
        """Tell whether functions of the users may be called for values of a column.

        By CHECKs of its domains, or by those of what a composite type is made of. The
        domain that it leaves stays, and may have another one when it comes back.
        """
        return self.leaves(column) is not None or any(
            type_.kind is not UserKind.DOMAIN
            or any(k.kind == "c" for k in type_.constraints)
            for type_ in self.types(column)
        )

    def knows(self, column: Column) -> bool:
        """Tell whether a column is of one of these types."""
        return column.name in self._of

    def parked(
        self,
        columns: Iterable[Column],
        converting: Mapping[Names, PlannedColumn],
        trees: Trees,
    ) -> tuple[Parking, ...]:
        """Return what is text while the types of these columns change.

        Args:
            columns: of one group.
            converting: those of them that convert.
            trees: of the inventory.
        """
        families: dict[int, TypeFamily] = {}
        found: list[PlannedColumn] = []
        roots: dict[tuple[str, str], int] = {}
        for column in columns:
            family = self.family(column)
            planned = converting.get(column.name)
            if family is None or planned is None or not family.in_place:
                continue
            if goes_through_text(planned):
                families[family.key] = family
                found.append(planned)
                roots[column.schema, column.relation] = column.relation_oid
        types = [t for f in families.values() for t in f.types]
        return parkings(found, types, trees, roots)

    def replaced(
        self, families: Iterable[TypeFamily], zones: Mapping[int, str]
    ) -> tuple[PlannedDependent, ...]:
        """Plan the replacement of whole families of types.

        Args:
            families: each once.
            zones: for each family the one zone of its columns, as SQL names it.

        Raises:
            CannotReplace: a CHECK cannot be rewritten.
        """
        tables: list[PlannedDependent] = []
        types: list[PlannedDependent] = []
        for family in families:
            zone = zones[family.key]
            tables += [_typed_table(*pair) for pair in family.typed_tables]
            for type_ in reversed(family.types):
                if not family.in_place or not self._holds_rows(type_):
                    types.append(self._replaced(type_, zone))
                elif type_.kind is UserKind.COMPOSITE:
                    anew = {printed(t) for t in family.types if not self._holds_rows(t)}
                    types += altered_type(type_, anew, zone)
                elif type_.kind is UserKind.DOMAIN:
                    # what it stands for changes in its place; a CHECK may not notice
                    _zoned_domain(type_, "", zone, None)
        return (*tables, *types)

    def _holds_rows(self, type_: UserType) -> bool:
        """Tell whether a type is composite, or a domain over nothing else."""
        if type_.kind is not UserKind.DOMAIN:
            return True
        parts = [self._types[oid] for oid in type_.parts]
        return bool(parts) and all(self._holds_rows(part) for part in parts)

    def _replaced(self, type_: UserType, zone: str) -> PlannedDependent:
        name = printed(type_)
        old = _old_name(type_.name)
        domain = type_.kind is UserKind.DOMAIN
        word = "DOMAIN" if domain else "TYPE"
        kind = DependentKind.DOMAIN if domain else DependentKind.COMPOSITE
        if domain:
            end = self.end(type_) or ""
            literal = self._literals.get(type_.oid)
            zoned, later = _zoned_domain(type_, end, zone, literal)
            naive, naive_later = _naive_domain(type_)
        else:
            zoned, later = composite(type_, zoned=True), ()
            naive, naive_later = composite(type_, zoned=False), ()
        return PlannedDependent(
            kind=kind,
            relation=name,
            before=(md5(type_.definition.encode(), usedforsecurity=False).hexdigest(),),
            definition=type_.definition,
            take=(f"ALTER {word} {name} RENAME TO {readable_identifier(old)}",),
            prepare=(zoned,),
            unprepare=(naive,),
            discard=(f"DROP {word} {readable_name(type_.schema, old)}",),
            make=later,
            remake=naive_later,
            attributes=named_attributes(type_, zone),
        )


def _united(types: Sequence[UserType]) -> Iterator[list[UserType]]:
    """Yield the types that are made of each other, each after its parts."""
    group = {t.oid: {t.oid} for t in types}
    for type_ in types:
        for part in type_.parts:
            joined = group[type_.oid] | group[part]
            for oid in joined:
                group[oid] = joined
    by_oid = {t.oid: t for t in types}
    done: set[int] = set()
    for type_ in types:
        if type_.oid in done:
            continue
        ordered: list[UserType] = []
        for oid in sorted(group[type_.oid]):
            _after_parts(by_oid[oid], by_oid, done, ordered)
        yield ordered


def _after_parts(
    type_: UserType,
    by_oid: Mapping[int, UserType],
    done: set[int],
    ordered: list[UserType],
) -> None:
    if type_.oid in done:
        return
    done.add(type_.oid)
    for part in type_.parts:
        _after_parts(by_oid[part], by_oid, done, ordered)
    ordered.append(type_)


def _family(
    types: Sequence[UserType],
    columns: Mapping[tuple[int, int], Column],
    relations: Mapping[int, Relation],
    rows: Mapping[int, Sequence[Names]],
) -> TypeFamily:
    found: list[Names] = []
    strangers: list[str] = []
    for type_ in types:
        for place in type_.columns:
            column = columns.get(place)
            if column is None:
                strangers.append("a column of a table that was left out")
            elif column.role is Role.STORED:
                found.append(column.name)
            elif column.role is Role.FOREIGN:
                strangers.append(f"foreign column {readable_name(*column.name)}")
        found += rows.get(type_.oid, ())
    typed = []
    for type_ in types:
        for oid in type_.typed_tables:
            if oid not in relations:
                strangers.append("a typed table that was left out")
                continue
            typed.append((relations[oid], type_))
            naive = {a.name for a in type_.attributes if a.naive}
            found += [
                c.name
                for c in columns.values()
                if c.relation_oid == oid and c.column in naive
            ]
    return TypeFamily(
        types=tuple(types),
        columns=tuple(dict.fromkeys(found)),
        strangers=tuple(strangers),
        typed_tables=tuple(typed),
        in_place=any(
            t.kind is UserKind.ROW or (t.kind is UserKind.COMPOSITE and t.functions)
            for t in types
        ),
    )


def _reason(type_: UserType) -> tuple[str, str] | None:
    words = _words(type_)
    if type_.kind is UserKind.RANGE:
        return (
            f"{words} has no zoned counterpart",
            "Create a range type over timestamptz and convert the column by hand.",
        )
    if type_.extension is not None:
        return (
            f"{words} belongs to extension {type_.extension}",
            "Leave it to the extension.",
        )
    if not type_.owned:
        return (
            f"{words} belongs to {type_.owner}, not to the role that is connected",
            f"Connect as {type_.owner}, or as a member of that role.",
        )
    if type_.others:
        more = len(type_.others) - 1
        tail = f" and {more} more" if more else ""
        return (
            f"{words} is used by {type_.others[0]}{tail}",
            f"Drop {type_.others[0]}{tail} before the conversion and create it again "
            "afterwards.",
        )
    return None


def _refuse(type_: UserType, message: str, hint: str) -> Finding:
    domain = type_.kind is UserKind.DOMAIN
    code = FAMILY_CODES["domain" if domain else "composite"]
    if type_.kind is UserKind.RANGE:
        code = FAMILY_CODES["range"]
    if type_.kind is UserKind.ROW:
        code = DEPENDENT_CODES["row type"]
    return Finding(
        code=code,
        severity=Severity.BLOCKS,
        message=message,
        hint=f"{hint} Or declare the columns of that type keep.",
    )


def _words(type_: UserType) -> str:
    kinds = {UserKind.ROW: "row type", UserKind.RANGE: "range type"}
    return f"{kinds.get(type_.kind, type_.kind.value)} {printed(type_)}"


def _old_name(name: str) -> str:
    """Return the name that the old type has while it is replaced.

    A digest, as another type may begin like this one, or be called what it would be.
    """
    return f"tz_old_{md5(name.encode(), usedforsecurity=False).hexdigest()[:16]}"


def _typed_table(relation: Relation, type_: UserType) -> PlannedDependent:
    table = readable_name(relation.schema, relation.name)
    attach = f"ALTER TABLE {table} OF {printed(type_)}"
    return PlannedDependent(
        kind=DependentKind.TYPED_TABLE,
        relation=table,
        way=Way.ALTER,
        take=(f"ALTER TABLE {table} NOT OF",),
        make=(attach,),
        remake=(attach,),
    )


def _naive_domain(type_: UserType) -> tuple[str, tuple[str, ...]]:
    checks = {c.name: c.definition for c in type_.constraints}
    return _domain(type_, type_.base or "", type_.default, checks)


def _zoned_domain(
    type_: UserType, end: str, zone: str, literal: str | None
) -> tuple[str, tuple[str, ...]]:
    base = type_.base or ""
    default = type_.default
    if default is not None:
        default = literal or convert_default(default, type_.default_type, zone)
    checks = {
        c.name: _rewritten(type_, c.definition, end, zone)
        if c.kind == "c"
        else c.definition
        for c in type_.constraints
    }
    # a domain over another one of ours has that one's name before and after
    zoned = zoned_type(base) if cast_of(base) is not None else base
    return _domain(type_, zoned, default, checks)


def _domain(
    type_: UserType, base: str, default: str | None, checks: Mapping[str, str]
) -> tuple[str, tuple[str, ...]]:
    name = printed(type_)
    lines = [f"CREATE DOMAIN {name} AS {short_type(base)}"]
    later = []
    if default is not None:
        lines.append(f"DEFAULT {default}")
    if type_.not_null and all(c.kind != "n" for c in type_.constraints):
        lines.append("NOT NULL")
    for constraint in type_.constraints:
        clause = (
            f"CONSTRAINT {readable_identifier(constraint.name)} "
            f"{checks[constraint.name]}"
        )
        if constraint.validated:
            lines.append(clause)
        else:
            later.append(f"ALTER DOMAIN {name} ADD {clause}")
    return "\n    ".join(lines), tuple(later)


def _rewritten(type_: UserType, definition: str, end: str, zone: str) -> str:
    """Return a CHECK that means of the zoned value what it meant of the naive one."""
    # only now: the parser behind it is not needed to plan without domains
    from tzmigrate.planning import rewriting  # noqa: PLC0415
    from tzmigrate.planning.templates import templates  # noqa: PLC0415

    naive, zoned = templates(end)
    word = f"tz{secrets.token_hex(8)}"
    text = _SHAPE.sub(lambda m: f"{m[1]}value", definition)
    text = _QUOTED.sub(lambda m: word if m[0] == "VALUE" else m[0], text)
    # VALUE may be written in any case, and is no name that would need quotes
    token = rewriting.Token(
        word=word, name="value", zone=zone, naive=naive, zoned=zoned
    )
    try:
        return rewriting.rewrite_constraint(text, (token,))
    except rewriting.Uncertain as uncertain:
        raise CannotReplace(type_, str(uncertain)) from uncertain
