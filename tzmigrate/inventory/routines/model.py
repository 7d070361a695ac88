"""The nouns of a routine's report: places where time loses or gains its zone."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum, StrEnum, auto

from tzmigrate.inventory.routines.syntax import Node

LANGUAGES = frozenset(("sql", "plpgsql"))
"""The languages that are read; of others only the words are known."""

ColumnName = tuple[str, str, str]
"""Schema, relation and column."""

_PART = re.compile(r'"((?:[^"]|"")+)"|([^."]+)')


def type_path(type_: str) -> tuple[str, ...]:
    """Return the name of a type as ``format_type`` prints it, with its schema.

    >>> type_path('app."Order"')
    ('app', 'Order')
    """
    parts = _PART.findall(type_)
    return tuple(quoted.replace('""', '"') or plain for quoted, plain in parts)


def tables_of(types: Iterable[str]) -> frozenset[tuple[str, ...]]:
    """Return schema and name of types, or of their arrays', that may be tables.

    >>> tables_of(["text", "app.orders[]"])
    frozenset({('app', 'orders')})
    """
    paths = (type_path(type_.removesuffix("[]")) for type_ in types)
    # what comes with PostgreSQL is printed without its schema
    return frozenset(path for path in paths if len(path) > 1)


class Effect(StrEnum):
    """What happens at a place once the column is converted."""

    WRITES_NAIVE = "writes naive time"
    """A naive value is stored, and read in the session's zone."""
    SESSION_ZONE = "reads in the session's zone"
    """The result depends on the session that asks."""
    RESULT_TYPE = "result type changes"
    """42804 at every call."""
    NAIVE_VARIABLE = "variable is naive"
    CANNOT_BE_READ = "cannot be read"
    """Dynamic SQL, another language, or text that is not understood."""


class Certainty(IntEnum):
    """How sure a place is; the lower of two counts."""

    POSSIBLE = 1
    """The column is mentioned, and what is done with it is not known."""
    LIKELY = 2
    """The table is known by its bare name only, or a function's part is not known."""
    CERTAIN = 3

    @property
    def word(self) -> str:
        """The word for it."""
        return self.name.lower()


class Time(Enum):
    """What is known about a type."""

    NAIVE = auto()
    MOVED = auto()
    """Taken from a column that converts: naive before, zoned afterwards."""
    ZONED = auto()
    DATE = auto()
    CLOCK = auto()
    INTERVAL = auto()
    TEXT = auto()
    LITERAL = auto()
    """A string or NULL that takes the type of what it meets."""
    OTHER = auto()
    UNKNOWN = auto()


class Way(Enum):
    """How the text of a place is put right."""

    WRAP = auto()
    """The moved value gets AT TIME ZONE: it is as naive as it was."""
    WRITE = auto()
    """The written value gets AT TIME ZONE: it is an instant."""
    MEET = auto()
    """In UTC the other value becomes an instant, so that an index serves; in other
    zones the moved one is wrapped."""
    UNZONE = auto()
    """``c AT TIME ZONE 'Z'``, which turns round, loses the zone if it is that of c."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What to do at a place, once zones are known.

    Attributes:
        columns: all must have one zone: that of the change.
        moved: what came out of a column; ``None`` for ``WRITE``.
        value: what is written to one, or compared with one.
        time: the type of ``value``.
        needless_in_utc: nothing to do in UTC.
    """

    way: Way
    columns: frozenset[ColumnName]
    moved: Node | None = None
    value: Node | None = None
    time: Time = Time.NAIVE
    needless_in_utc: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutinePlace:
    """A place in a routine's source text.

    Attributes:
        line: counted from 1 as the server's messages count.
        column: counted from 1.
        columns: the columns that convert and meet here.
        span: offsets of the excerpt.
        change: how to put it right; ``None`` where that is not certain.
    """

    line: int
    column: int
    excerpt: str
    effect: Effect
    certainty: Certainty
    suggestion: str
    columns: frozenset[ColumnName] = frozenset()
    span: tuple[int, int] = field(default=(0, 0), compare=False, repr=False)
    change: Change | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """An argument, OUT parameter or column of RETURNS TABLE.

    Attributes:
        mode: ``pg_proc.proargmodes``: i, o, b, v or t.
        type: as ``format_type`` prints it.
    """

    name: str
    mode: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Routine:
    """A function or procedure as the catalog knows it.

    Attributes:
        signature: schema-qualified, as ``regprocedure`` prints it.
        result: ``format_type`` of the result.
        search_path: schemas of its own SET clause; ``None`` without one.
        attached: tables that run it as a trigger, schema and name.
        trigger_arguments: arguments of these triggers.
    """

    oid: int
    signature: str
    schema: str
    name: str
    language: str
    source: str
    arguments: tuple[Argument, ...] = ()
    result: str = "void"
    returns_set: bool = False
    search_path: tuple[str, ...] | None = None
    attached: tuple[tuple[str, str], ...] = ()
    trigger_arguments: tuple[str, ...] = ()

    @property
    def outputs(self) -> tuple[Argument, ...]:
        """The columns of its result, where they have names."""
        return tuple(a for a in self.arguments if a.mode in "obt")

    @property
    def inputs(self) -> tuple[Argument, ...]:
        """What callers hand over."""
        return tuple(a for a in self.arguments if a.mode in "ibv")

    @property
    def row_types(self) -> frozenset[tuple[str, ...]]:
        """Schema and name of what may be a table whose rows it takes or returns."""
        return tables_of(a.type for a in self.arguments) | tables_of((self.result,))


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A relation with all its columns in their order, types as ``format_type``'s."""

    schema: str
    name: str
    columns: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a routine's text is read against.

    Attributes:
        tables: the relations that the text may name.
        converting: columns of type timestamp that will be timestamptz.
        passed_on: columns of views that are such columns and nothing else, with these.
        functions: routines that the text may call.
        moving: what converts with that, in tables and in views, and the converting
            columns in each.
    """

    tables: tuple[Table, ...] = ()
    converting: frozenset[ColumnName] = frozenset()
    passed_on: Mapping[ColumnName, frozenset[ColumnName]] = field(default_factory=dict)
    functions: tuple[Routine, ...] = ()
    moving: Mapping[ColumnName, frozenset[ColumnName]] = field(init=False, repr=False)
    column_names: frozenset[str] = field(init=False, repr=False)
    by_name: Mapping[str, tuple[Table, ...]] = field(init=False, repr=False)
    calls: Mapping[str, tuple[Routine, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Index tables and functions by their bare names, and find what moves."""
        tables: dict[str, tuple[Table, ...]] = {}
        for table in self.tables:
            tables[table.name] = (*tables.get(table.name, ()), table)
        calls: dict[str, tuple[Routine, ...]] = {}
        for function in self.functions:
            calls[function.name] = (*calls.get(function.name, ()), function)
        moving = {name: frozenset((name,)) for name in self.converting}
        moving |= {v: c for v, c in self.passed_on.items() if c <= self.converting}
        names = frozenset(column for _, _, column in moving)
        object.__setattr__(self, "moving", moving)
        object.__setattr__(self, "column_names", names)
        object.__setattr__(self, "by_name", tables)
        object.__setattr__(self, "calls", calls)

    def may_read(self, routine: Routine) -> bool:
        """Tell whether a routine's text mentions a converting column."""
        source = routine.source.lower()
        return any(name.lower() in source for name in self.column_names)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutineReading:
    """All routines of a database that may meet a column, as they were read.

    Attributes:
        routines: the same, in the same order as ``reports``.
        reliances: what keeps its meaning only if some of them are rewritten.
    """

    around: Surroundings
    routines: tuple[Routine, ...] = ()
    reports: tuple["RoutineReport", ...] = ()
    reliances: tuple["Reliance", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reliance:
    """An object that hands rows to a routine, and stays as it is if that is rewritten.

    Attributes:
        object: as ``pg_describe_object`` prints it.
        routine: ``oid``.
        column: what the routine reads in the session's zone, as its text is.
    """

    object: str
    routine: int
    column: ColumnName


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutineReport:
    """What was found in one routine.

    Attributes:
        touched: columns that its text surely or likely uses, harmless uses included.
        written: columns that it assigns, naive or not, and how sure that is.
        naive_arguments: arguments of type timestamp that meet one of them.
        output_names: spans of SELECT outputs that take their name from a column.
        handed_to: ``oid`` of routines that it calls with whole rows.
        rewritten: the new source, where something was rewritten.
    """

    oid: int
    signature: str
    language: str
    places: tuple[RoutinePlace, ...] = ()
    touched: frozenset[ColumnName] = frozenset()
    written: tuple[tuple[ColumnName, Certainty], ...] = ()
    naive_arguments: tuple[str, ...] = ()
    output_names: tuple[tuple[int, int, str], ...] = field(default=(), repr=False)
    handed_to: frozenset[int] = frozenset()
    rewritten: str | None = None
