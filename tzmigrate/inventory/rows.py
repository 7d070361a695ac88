"""The catalog's answers, one tuple type per ``.sql`` file, fields in its order."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class ServerRow(NamedTuple):
    """server.sql."""

    version: int
    version_text: str
    database: str
    database_oid: int
    role: str
    superuser: bool
    extensions: list[str]


class ColumnRow(NamedTuple):
    """columns.sql; ``quoted`` is the column's name as SQL writes it."""

    relation: int
    schema: str
    relname: str
    relkind: str
    attnum: int
    column: str
    quoted: str
    type: str
    family: str
    precision: int | None
    nullable: bool
    generated: bool
    inherited: int
    default: str | None
    volatility: str | None


class InheritsRow(NamedTuple):
    """inherits.sql; ``partition`` is false for plain inheritance."""

    child: int
    parent: int
    partition: bool


class NameRow(NamedTuple):
    """relation_names.sql; ``relation`` is ``None`` in an empty schema."""

    schema: str
    relation: str | None


class RelationRow(NamedTuple):
    """relations.sql; ``quoted`` is schema-qualified."""

    oid: int
    schema: str
    name: str
    quoted: str
    relkind: str
    owner: str
    owned: bool
    reltuples: float
    relpages: int
    bytes: int
    row_security: bool
    partition: bool
    typed: bool
    of_type: str | None
    extension: str | None
    key: list[str]
    key_types: list[str]
    zoned: list[str]
    partition_key: list[int]


class UserTypeRow(NamedTuple):
    """user_types.sql; constraints and attributes are lists of their texts."""

    oid: int
    schema: str
    name: str
    kind: str
    owner: str
    owned: bool
    extension: str | None
    base: str | None
    not_null: bool
    default: str | None
    constraints: list[list[str]]
    attributes: list[list[str | None]]
    definition: str | None
    parts: list[int]
    columns: list[list[int]]
    typed_tables: list[int]
    others: list[str]
    functions: list[str]
    relation: int


class IndexRow(NamedTuple):
    """indexes.sql; in lists of columns 0 stands for an expression or the whole row."""

    oid: int
    relation: int
    quoted: str
    name: str
    definition: str
    unique: bool
    constraint: str | None
    valid: bool
    bytes: int
    keys: list[int]
    includes: list[int]
    in_expressions: list[int]
    in_predicate: list[int]
    odd_opclass: list[int]
    columns: list[str]
    primary: bool
    parent: int | None
    comment: str | None
    constraint_comment: str | None
    options: str
    tablespace: int
    statistics_target: bool
    needs_extension: bool
    exclusion: bool


class DependentRow(NamedTuple):
    """dependents.sql; ``view`` is set for views, ``copied`` for clones."""

    relation: int
    attnum: int
    kind: str
    name: str
    view: int | None
    copied: bool


class ViewRow(NamedTuple):
    """views.sql: ``view`` reads ``source``."""

    view: int
    source: int
    kind: str
    name: str


class ViewQueryRow(NamedTuple):
    """view_queries.sql; ``tree`` is that of the query, ``columns`` in their order."""

    view: int
    schema: str
    name: str
    columns: list[str]
    tree: str


class ReadByFunctionsRow(NamedTuple):
    """read_by_functions.sql: ``expression`` is the text of a default, else ``None``."""

    name: str
    type: str
    domain: str
    owner: str
    expression: str | None


class FoldedRow(NamedTuple):
    """folded.sql: an object and its expression, or several."""

    name: str
    tree: str


class CalledRow(NamedTuple):
    """called.sql: a function, and what calls it: another class's object, or itself.

    ``inlined``: it is in SQL, and its body may take the place of a call; ``reaches``:
    that names a function, type or operator of an ordinary role. ``supported``: by a
    function that makes constants of calls. ``computed``: a default is more than those.
    """

    kind: str
    object: int
    function: str
    owner: str
    ordinary: bool
    immutable: bool
    inlined: bool
    reaches: bool
    supported: bool
    arguments: int
    computed: bool


class WholeRowRow(NamedTuple):
    """whole_rows.sql: an object that reads every column of the relation at once."""

    relation: int
    kind: str
    name: str
    view: int | None
    copied: bool
    row_type: int
    tree: str
    takers: list[int]


class ReturnedRowRow(NamedTuple):
    """returned_rows.sql: who reads a column from rows of ``type`` of a function."""

    relation: int
    attnum: int
    type: int
    name: str


class RowTypeRow(NamedTuple):
    """row_types.sql: who else uses the relation's row type."""

    relation: int
    kind: str
    name: str


class TriggerRow(NamedTuple):
    """triggers.sql; ``arguments`` as ``encode(…, 'escape')`` prints them.

    ``writes``: it may change a row before it is stored; ``copied``: it is the copy of
    a partitioned table's trigger.
    """

    relation: int
    function: int
    name: str
    arguments: str
    function_name: str
    writes: bool = True
    copied: bool = False


class FunctionRow(NamedTuple):
    """functions.sql; ``name`` as ``pg_describe_object`` prints it."""

    oid: int
    signature: str
    name: str
    source: str
    schema: str = "public"
    bare_name: str = ""
    language: str = "plpgsql"
    argument_names: Sequence[str] = ()
    argument_modes: Sequence[str] = ()
    argument_types: Sequence[str] = ()
    result: str = "trigger"
    returns_set: bool = False
    search_path: str | None = None


class NamedColumnRow(NamedTuple):
    """named_columns.sql; ``type`` as ``format_type`` prints it."""

    schema: str
    relation: str
    column: str
    type: str


class ReplicationRow(NamedTuple):
    """replication.sql; kind is ``publication`` or ``subscription``.

    ``name`` as ``pg_describe_object`` prints it.
    """

    relation: int
    kind: str
    name: str


class EngineRow(NamedTuple):
    """engines.sql: where an engine keeps its list."""

    engine: str
    schema: str
    table: str
    readable: bool


class ZoneSettingRow(NamedTuple):
    """zone_settings.sql; ``role`` is ``None`` where the setting is for all roles."""

    in_database: bool
    role: str | None
    zone: str
    writes: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogRows:
    """Everything that was read, before any conclusion is drawn.

    Attributes:
        engine_members: engine by the ``oid`` of each relation that it manages.
        default_types: ``format_type`` of each default expression; ``None`` where the
            server did not accept the expression from this role.
        server_zone: the ``TimeZone`` below databases and roles, with its source.
        view_queries: none where views keep their types.
        kept: schema, relation and column of what is declared as naive on purpose.
        rewrites: functions are rewritten where that is certain.
        idle_excludes: standing patterns that leave nothing out.
    """

    server: ServerRow
    system_identifier: str | None = None
    columns: list[ColumnRow] = field(default_factory=list)
    inherits: list[InheritsRow] = field(default_factory=list)
    relations: list[RelationRow] = field(default_factory=list)
    user_types: list[UserTypeRow] = field(default_factory=list)
    indexes: list[IndexRow] = field(default_factory=list)
    dependents: list[DependentRow] = field(default_factory=list)
    views: list[ViewRow] = field(default_factory=list)
    view_queries: list[ViewQueryRow] = field(default_factory=list)
    whole_rows: list[WholeRowRow] = field(default_factory=list)
    returned_rows: list[ReturnedRowRow] = field(default_factory=list)
    row_types: list[RowTypeRow] = field(default_factory=list)
    triggers: list[TriggerRow] = field(default_factory=list)
    functions: list[FunctionRow] = field(default_factory=list)
    named_columns: list[NamedColumnRow] = field(default_factory=list)
    replication: list[ReplicationRow] = field(default_factory=list)
    engines: list[EngineRow] = field(default_factory=list)
    engine_members: dict[int, str] = field(default_factory=dict)
    zone_settings: list[ZoneSettingRow] = field(default_factory=list)
    default_types: dict[str, str | None] = field(default_factory=dict)
    server_zone: tuple[str, str] | None = None
    idle_excludes: tuple[str, ...] = ()
    kept: frozenset[tuple[str, str, str]] = frozenset()
    rewrites: bool = False
