"""What the readers of SQL and PL/pgSQL build: nodes that know their place."""

from dataclasses import dataclass, field
from enum import Enum, auto


class Kind(Enum):
    """What an expression is made of."""

    LITERAL = auto()
    """A string; ``text`` is its value."""
    CONSTANT = auto()
    """A number, truth value or NULL; ``text`` as written."""
    DEFAULT = auto()
    REFERENCE = auto()
    """``name``: a column, variable, or with dots a field of one; may end in ``*``."""
    PARAMETER = auto()
    CALL = auto()
    CAST = auto()
    OPERATION = auto()
    """``text`` is the operator."""
    COMPARISON = auto()
    """All children are compared with the first, or with each other."""
    LOGIC = auto()
    """Truth values in, truth value out."""
    AT_ZONE = auto()
    """Children: value, zone."""
    AT_LOCAL = auto()
    CASE = auto()
    """Children: the results; ``more``: the conditions."""
    ARRAY = auto()
    ROW = auto()
    PARENTHESES = auto()
    QUERY = auto()
    """A scalar subquery; ``text`` is ``exists`` or ``array`` before others."""
    FIELD = auto()
    """``(expression).name`` or ``$1.name``."""
    ELEMENT = auto()


@dataclass(frozen=True, slots=True)
class TypeName:
    """A type as written.

    Attributes:
        name: folded; the long spellings of time types in their short one.
        percent: ``type`` or ``rowtype`` after a percent sign.
    """

    name: tuple[str, ...]
    array: bool = False
    percent: str = ""
    precise: bool = False
    setof: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """An expression, from ``start`` to before ``end`` of the text.

    Attributes:
        children: what its value is made of.
        more: what else stands in it: conditions, orderings, windows.
    """

    kind: Kind
    start: int
    end: int
    name: tuple[str, ...] = ()
    text: str = ""
    children: tuple["Node", ...] = ()
    more: tuple["Node", ...] = ()
    type: TypeName | None = None
    query: "Query | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One column of a SELECT or RETURNING list."""

    node: Node
    alias: str | None = None

    @property
    def name(self) -> str:
        """The name that PostgreSQL gives it; empty where it makes one up."""
        if self.alias is not None:
            return self.alias
        node = self.node
        while node.kind in (Kind.CAST, Kind.PARENTHESES) and node.children:
            node = node.children[0]
        return node.name[-1] if node.name else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Something in FROM, or the target of INSERT, UPDATE, DELETE and MERGE."""

    name: tuple[str, ...] = ()
    alias: str | None = None
    columns: tuple[str, ...] = ()
    query: "Query | None" = None
    call: Node | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """``SET column = value`` of UPDATE, ON CONFLICT or MERGE.

    Attributes:
        columns: several where a row or subquery is assigned.
        values: one for each column; one ``QUERY`` for all of them.
    """

    columns: tuple[str, ...]
    values: tuple[Node, ...]


@dataclass(slots=True, kw_only=True)
class Query:
    """A statement that reads or writes tables.

    Attributes:
        rows: of VALUES, as the body of a query or in an INSERT of MERGE.
        arms: the parts of UNION, INTERSECT and EXCEPT.
        source: where an INSERT takes its rows from.
        into: PL/pgSQL variables that receive the result.
    """

    verb: str
    start: int
    end: int = 0
    common: list[tuple[str, tuple[str, ...], "Query"]] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    conditions: list[Node] = field(default_factory=list)
    target: Source | None = None
    columns: tuple[str, ...] | None = None
    rows: list[tuple[Node, ...]] = field(default_factory=list)
    settings: list[Setting] = field(default_factory=list)
    arms: list["Query"] = field(default_factory=list)
    source: "Query | None" = None
    into: tuple[Node, ...] = ()
