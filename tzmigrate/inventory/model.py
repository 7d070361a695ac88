"""The nouns of the inventory: naive time in a database, and what leans on it."""

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tzmigrate.inventory.routines.model import RoutineReading


class RelKind(Enum):
    """``pg_class.relkind`` of the relations that can show a column to a user."""

    TABLE = "r"
    PARTITIONED_TABLE = "p"
    VIEW = "v"
    MATERIALIZED_VIEW = "m"
    FOREIGN_TABLE = "f"
    COMPOSITE_TYPE = "c"


class Family(StrEnum):
    """How a type holds naive time."""

    SCALAR = "scalar"
    ARRAY = "array"
    RANGE = "range"
    MULTIRANGE = "multirange"
    DOMAIN = "domain"
    COMPOSITE = "composite"


class Role(StrEnum):
    """Where a column's values live."""

    STORED = "stored"
    """A plain table, or the root of a partition or inheritance tree."""
    CHILD = "child"
    """A partition or inheritance child; converted with its root."""
    DERIVED = "derived"
    """A view or materialized view."""
    FOREIGN = "foreign"
    """A foreign table."""


class Severity(StrEnum):
    """How much a finding weighs."""

    INFO = "info"
    WARNING = "warning"
    BLOCKS = "blocks"
    """The column cannot be converted as things stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing the user should know about a column, with what to do about it."""

    code: str
    severity: Severity
    message: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependent:
    """A database object that leans on a column.

    Attributes:
        kind: ``view``, ``materialized view``, ``rule``, ``trigger``, ``policy``,
            ``generated column``, ``check``, ``foreign key``, ``exclusion``,
            ``statistics``, ``publication``, ``sql-body function``, ``partition key``,
            ``row type``, ``inheritance``, ``typed table``, ``index expression``, …
        name: as ``pg_describe_object`` prints it.
        code: the finding's code that this kind of dependent gets.
        through: the view between the column and this one, where it reads the column
            by way of another view; empty otherwise.
    """

    kind: str
    name: str
    code: str
    through: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An index that has the column as key, in INCLUDE, in an expression or predicate.

    Attributes:
        name: schema-qualified and quoted.
        definition: ``pg_get_indexdef``.
        constraint: ``p``, ``u``, ``x`` (``pg_constraint.contype``) or ``None``.
        key: the column is a key of the index, so the index is rebuilt.
        plain: every use of the column is a bare key or INCLUDE column with the
            default operator class; ``ALTER … TYPE`` carries such an index over.
        bytes: size on disk.
    """

    name: str
    definition: str
    unique: bool
    constraint: str | None
    key: bool
    plain: bool
    valid: bool
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """A default, trigger or function that assigns the column.

    Attributes:
        kind: ``default``, ``trigger`` or ``function``.
        name: the object, as ``pg_describe_object`` or ``regprocedure`` prints it.
        certainty: ``certain`` (the catalog says so) or ``likely`` (found in source
            text).
    """

    kind: str
    name: str
    certainty: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One attribute that is, or contains, ``timestamp without time zone``.

    Attributes:
        type: as ``format_type`` prints it.
        precision: the scalar's ``timestamp(p)``, else ``None``.
        default: ``pg_get_expr`` under ``search_path = pg_catalog``, or ``None``.
        default_type: ``format_type`` of that expression's own type, or ``None``.
        default_volatility: ``i`` when the default is free of any function that is
            not immutable, ``s`` or ``v`` otherwise; ``None`` without default.
        rows: the planner's estimate (``reltuples``, summed over leaf partitions);
            -1 where the table was never analysed.
        bytes: heap and TOAST, summed over leaf partitions.
    """

    schema: str
    relation: str
    column: str
    relkind: RelKind
    type: str
    family: Family
    role: Role
    nullable: bool
    default: str | None
    default_type: str | None = None
    default_volatility: str | None = None
    rows: int
    bytes: int
    relation_oid: int
    attnum: int
    precision: int | None = None
    generated: bool = False
    indexes: tuple[Index, ...] = ()
    dependents: tuple[Dependent, ...] = ()
    writers: tuple[Writer, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def name(self) -> tuple[str, str, str]:
        """Schema, relation and column: how every room refers to a column."""
        return (self.schema, self.relation, self.column)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A relation that has at least one candidate.

    Attributes:
        key: columns of the primary key, else of the narrowest valid, immediate,
            non-partial, expression-free unique index whose columns are NOT NULL;
            empty where there is none.
        key_types: ``format_type`` of each key column, same order.
        root: the topmost ancestor (``oid``) of a partition or inheritance tree, or
            its own ``oid``.
        parents: direct parents (``oid``) in it.
        leaves: number of leaf partitions (1 for a plain table).
        engine: ``citus``, ``timescaledb``, ``pg_partman`` or ``None``.
        zoned: columns of type timestamptz (they are evidence, and what conversion
            leaves alone).
    """

    oid: int
    schema: str
    name: str
    relkind: RelKind
    owner: str
    owned: bool
    rows: int
    bytes: int
    root: int
    leaves: int
    key: tuple[str, ...] = ()
    key_types: tuple[str, ...] = ()
    row_security: bool = False
    engine: str | None = None
    zoned: tuple[str, ...] = ()
    parents: tuple[int, ...] = ()


class UserKind(StrEnum):
    """What a user's own type is."""

    DOMAIN = "domain"
    COMPOSITE = "type"
    ROW = "row"
    """The row type of a table."""
    RANGE = "range"
    """A range or multirange."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainConstraint:
    """A constraint of a domain.

    Attributes:
        kind: ``c`` CHECK, ``n`` NOT NULL (``pg_constraint.contype``; named from
            PostgreSQL 17 on).
        definition: ``pg_get_constraintdef``.
    """

    name: str
    kind: str
    validated: bool
    definition: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeAttribute:
    """An attribute of a composite type.

    Attributes:
        type: as ``format_type`` prints it.
        collation: qualified and quoted, where it is not the type's own.
        naive: it is, or contains, naive time.
    """

    name: str
    type: str
    collation: str | None
    naive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UserType:
    """A type of the users' own that contains naive time.

    Attributes:
        base: of a domain, ``format_type`` of what it stands for.
        default: of a domain, with its own type in ``default_type``.
        definition: the support's text of it, to notice a change.
        parts: ``oid`` of those of these types that it is made of.
        columns: relation and attribute number of what is of this type, or an array of
            it, in tables.
        typed_tables: ``oid`` of tables ``OF`` this type.
        others: what else depends on it, as ``pg_describe_object`` prints it.
        functions: routines that take or return it, the same way.
        relation: ``oid`` of the relation whose rows it describes; 0 for a domain.
    """

    oid: int
    schema: str
    name: str
    kind: UserKind
    owner: str
    owned: bool
    extension: str | None = None
    base: str | None = None
    not_null: bool = False
    default: str | None = None
    default_type: str | None = None
    constraints: tuple[DomainConstraint, ...] = ()
    attributes: tuple[TypeAttribute, ...] = ()
    definition: str = ""
    parts: tuple[int, ...] = ()
    columns: tuple[tuple[int, int], ...] = ()
    typed_tables: tuple[int, ...] = ()
    others: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    relation: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneSetting:
    """A ``TimeZone`` that the server, a database or a role gives to new sessions.

    Attributes:
        scope: ``server``, ``database``, ``role`` or ``role in database``.
        zone: empty for a server whose own setting cannot be seen.
        role: the role's name for the last two scopes, else ``None``.
        writes: ``oid`` of candidate relations that the role may INSERT or UPDATE.
    """

    scope: str
    zone: str
    role: str | None = None
    writes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The server and database that were scanned."""

    version: int
    """``server_version_num``."""
    version_text: str
    database: str
    database_oid: int
    system_identifier: str | None
    role: str
    superuser: bool
    zones: tuple[ZoneSetting, ...] = ()
    extensions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """Everything in one database that is, contains or leans on naive time.

    Attributes:
        findings: what concerns the database rather than one column.
        types: domains, composite types and ranges of the users' own that contain it.
        routines: the functions that may meet a candidate, and what they were read
            against; ``None`` where there are none.
    """

    server: Server
    relations: tuple[Relation, ...] = ()
    columns: tuple[Column, ...] = ()
    findings: tuple[Finding, ...] = field(default=())
    types: tuple[UserType, ...] = field(default=(), repr=False)
    routines: "RoutineReading | None" = field(default=None, repr=False)

    def relation(self, oid: int) -> Relation:
        """Return the relation of a column (``Column.relation_oid``).

        Raises:
            KeyError: no candidate stands in that relation.
        """
        for relation in self.relations:
            if relation.oid == oid:
                return relation
        raise KeyError(oid)
