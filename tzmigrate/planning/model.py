"""The nouns of the plan: what will be done to which column, and how it comes back."""

from dataclasses import dataclass, field
from enum import StrEnum

from tzmigrate.inventory.model import Finding, Server


class Strategy(StrEnum):
    """How a relation group converts."""

    METADATA = "metadata"
    REWRITE = "rewrite"
    KEEP = "keep"
    REFUSE = "refuse"


class Action(StrEnum):
    """What happens to one column."""

    CONVERT = "convert"
    KEEP = "keep"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class RelationName:
    """A relation as SQL names it, unquoted."""

    schema: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedColumn:
    """One candidate and what becomes of it.

    Attributes:
        zone: the IANA zone of its values, where one zone holds for all of them.
        code: the finding's code that explains ``keep`` or ``refuse``, else ``None``.
        reason: one line for people, empty for ``convert``.
        hint: what the user can do about it, empty for ``convert``.
        base: the built-in type that a column's domain stands for; ``None`` where it
            has no domain, or one over another type of the users' own.
        planned_in: the revision that converts it already (written by an earlier
            ``plan`` and not applied yet), else ``None``.
        generated: its values are computed; ALTER takes no USING for it.
    """

    schema: str
    relation: str
    column: str
    type_before: str
    type_after: str
    action: Action
    zone: str | None = None
    code: str | None = None
    reason: str = ""
    hint: str = ""
    default_before: str | None = None
    default_after: str | None = None
    base: str | None = None
    planned_in: str | None = None
    generated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Remade:
    """What the generated columns of one table ask of the ALTER that converts it.

    Attributes:
        rewrites: the table is rewritten in any case.
        drops: columns that go with the ALTER, unquoted; none where they keep their
            place.
        adds: what comes for them, as clauses of ALTER TABLE.
        adds_back: the same on the way down.
        calls: functions of the users are called for what comes.
    """

    rewrites: bool
    drops: tuple[str, ...] = ()
    adds: tuple[str, ...] = ()
    adds_back: tuple[str, ...] = ()
    calls: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One forward statement with its inverse; neither is derived from the other later.

    Attributes:
        stands_for: the ``USING … AT TIME ZONE`` that a bare cast is equal to, for
            the comment beside it; empty where the statement says it itself.
        why: why it is not written so; empty: for its cost.
        before, before_back: what must precede the statement, or the inverse.
        after: what follows either.
    """

    statement: str
    inverse: str
    stands_for: str = ""
    why: str = ""
    before: tuple[str, ...] = ()
    before_back: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parking:
    """Columns of one table that are text while the type changes that they are of.

    Attributes:
        away, back: the statements, which are the same up and down.
    """

    relation: RelationName
    columns: tuple[str, ...]
    away: str
    back: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedAttribute:
    """A naive attribute of a composite type that becomes zoned with it.

    Attributes:
        schema, type_name, name: unquoted.
        type_before: as ``format_type`` prints it.
        zone: the zone of its values, as SQL names it.
    """

    schema: str
    type_name: str
    name: str
    type_before: str
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnDefault:
    """A default that is set on one table of a tree alone, after all columns converted.

    That of a child which is not its root's; of a column of several parents, all.

    Attributes:
        before, after: its expressions; ``None`` for no default.
    """

    relation: RelationName
    column: str
    before: str | None
    after: str | None


class DependentKind(StrEnum):
    """What leans on a column, in the words of the support's ``find_dependent``."""

    VIEW = "view"
    MATERIALIZED_VIEW = "materialized view"
    RULE = "rule"
    TRIGGER = "trigger"
    POLICY = "policy"
    CONSTRAINT = "constraint"
    INDEX = "index"
    STATISTICS = "statistics"
    GENERATED_COLUMN = "generated column"
    DEFAULT = "default"
    """Default of a view's column."""
    FUNCTION = "function"
    """With a body that the catalog holds parsed (``BEGIN ATOMIC``)."""
    ROW_FUNCTION = "row function"
    """Takes or returns rows of a view that is made anew, or a domain's values."""
    PUBLICATION = "publication"
    """A table's row filter or column list."""
    TYPED_TABLE = "typed table"
    """A table ``OF`` a composite type."""
    DOMAIN = "domain"
    COMPOSITE = "type"
    """These two are replaced by zoned ones of the same name, or a type is altered."""


class Way(StrEnum):
    """How a dependent gets out of the way of the conversion."""

    RECREATE = "recreate"
    """Dropped, created again, and given back what CREATE does not say."""
    REPLACE = "replace"
    """A view whose columns keep their types: emptied and refilled in its place."""
    ALTER = "alter"
    """Emptied and refilled in its place, with everything it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedDependent:
    """One object that leans on converted columns, and how it gets through.

    Attributes:
        relation: what it stands on, or itself, qualified and quoted.
        name: of a part of a relation, unquoted; ``None`` for what has its own place.
        before, after: digests (md5) of the texts that PostgreSQL may print for it
            before and after the upgrade; empty: not compared.
        take: statements that take it away, up as well as down.
        prepare, unprepare: statements that make what the tables' columns shall
            become, before the tables change up and down, and once what is parked is
            text; in the reverse order.
        discard: statements that take away what they were, after that.
        make: statements that bring it back after the upgrade.
        remake: statements that bring it back after the downgrade.
        zoned: columns of a view that become timestamptz.
        bytes: size of a materialized view, which is refreshed.
        leans_on: schema, relation and name of the converting columns behind it.
        attributes: of a composite type, what expressions may name.
        definition: of a type, the text whose digest ``before`` is.
    """

    kind: DependentKind
    relation: str
    name: str | None = None
    way: Way = Way.RECREATE
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    take: tuple[str, ...] = ()
    prepare: tuple[str, ...] = ()
    unprepare: tuple[str, ...] = ()
    discard: tuple[str, ...] = ()
    make: tuple[str, ...] = ()
    remake: tuple[str, ...] = ()
    zoned: tuple[str, ...] = ()
    bytes: int = 0
    leans_on: tuple[tuple[str, str, str], ...] = ()
    attributes: tuple[NamedAttribute, ...] = ()
    definition: str = ""

    @property
    def label(self) -> str:
        """How messages name it."""
        if self.name is None:
            return f"{self.kind.value} {self.relation}"
        return f"{self.kind.value} {self.name} of {self.relation}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of a group, or the root of a tree, with the statement that converts it.

    Attributes:
        step: ``None`` where all its columns convert by ``Group.shared``.
        key, key_types: how rows are found again, from ``Relation.key``.
        strategy_back: how the inverse converts; a precision that was given up is
            brought back by a rewrite.
        calls: the statement may call functions of the users for each row.
        bound: it reads columns in the zone of the session.
    """

    relation: RelationName
    step: Step | None
    strategy: Strategy
    strategy_back: Strategy | None = None
    calls: bool = False
    bound: bool = False
    key: tuple[str, ...] = ()
    key_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Relations that convert together: one group, one revision.

    Attributes:
        slug: the step's name in ledger and revision file, ``tz_orders``.
        relations: each root, followed by its partitions.
        tables: what is converted; empty where nothing is.
        shared: what converts columns that a child has from several of the tables.
        parked: what is text meanwhile, in the order in which it goes away.
        own_defaults: those of partitions and children.
        dependents: in the order in which they are locked and taken away: what reads
            before what is read.
        types: types of the users' own that are replaced; the last of the dependents,
            once these are known.
        session_zone: what ``TimeZone`` is pinned to while the step runs.
        lock_estimate_ms: expected duration of ACCESS EXCLUSIVE in milliseconds.
        lock_reason: what that time is spent on, in words.
        revision: identifier of the revision, once it has one.
        path: the file it was written to; of an SQL script the one that runs up.
    """

    slug: str
    relations: tuple[RelationName, ...]
    columns: tuple[PlannedColumn, ...]
    strategy: Strategy
    session_zone: str = "Etc/UTC"
    tables: tuple[Table, ...] = ()
    shared: tuple[Step, ...] = ()
    parked: tuple[Parking, ...] = ()
    own_defaults: tuple[OwnDefault, ...] = ()
    dependents: tuple[PlannedDependent, ...] = ()
    types: tuple[PlannedDependent, ...] = ()
    row_security: bool = False
    rows: int = -1
    bytes: int = 0
    lock_estimate_ms: int = 0
    lock_reason: str = ""
    revision: str | None = None
    path: str | None = None

    @property
    def converted(self) -> tuple[PlannedColumn, ...]:
        """The columns that this group's revision converts."""
        return tuple(c for c in self.columns if c.action is Action.CONVERT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What ``plan`` decided for a whole database.

    Attributes:
        lock_timeout: how long one attempt waits for a lock, as PostgreSQL reads it.
        findings: what concerns the whole plan (session zones that differ, …).
        decisions: findings that a person must settle; non-empty means exit 3.
        next_for_application: lines on what the application meets after the change.
        tried_on: where every revision went up, down and up; ``None``: nowhere.
        written: paths of the files written, in the order in which they run.
        next_command: what runs that, as it is typed where it was planned.
    """

    server: Server
    groups: tuple[Group, ...] = ()
    lock_timeout: str = "2s"
    findings: tuple[Finding, ...] = ()
    decisions: tuple[Finding, ...] = ()
    next_for_application: tuple[str, ...] = ()
    written: tuple[str, ...] = field(default=())
    dry_run: bool = False
    tried_on: str | None = None
    next_command: str = "tzmigrate apply"
