"""What names mean at some place of a query."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tzmigrate.planning.rewriting.model import Token
from tzmigrate.postgres.quoting import readable_identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """One output column of a query.

    Attributes:
        name: its name; empty if nobody can refer to it.
        token: the zoned column that it hands over; ``None`` if its type is what
            it was.
        constant: a naive constant, which may be made zoned to agree with others.
        assigned: it is assigned to the zoned column ``token``.
    """

    name: str
    token: Token | None = None
    constant: bool = False
    assigned: bool = False


Outputs = tuple[Output, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One item of FROM.

    Attributes:
        alias: the name under which its columns are used.
        columns: names that are known, with the zoned column behind each.
        derived: it is a query, so that its whole row changes with its columns.
        position: where it stands.
    """

    alias: str
    columns: Mapping[str, Token | None] = field(default_factory=dict)
    derived: bool = False
    position: int = 0


@dataclass(frozen=True, slots=True)
class Scope:
    """The names of a query and of those around it.

    Attributes:
        sources: the items of FROM.
        ctes: the queries of WITH.
        parent: the query around.
        zoned: bare columns are handed over as zoned columns.
        grouped: naive values may lack their plain column, because the query groups.
        bare: columns that this query groups, sorts or picks by as they are.
    """

    sources: tuple[Source, ...] = ()
    ctes: Mapping[str, Outputs] = field(default_factory=dict)
    parent: "Scope | None" = None
    zoned: bool = False
    grouped: bool = False
    bare: frozenset[str] = frozenset()

    def source(self, alias: str) -> Source | None:
        """Return the nearest item of FROM with that name."""
        for source in self.sources:
            if source.alias == alias:
                return source
        return self.parent.source(alias) if self.parent else None

    def cte(self, name: str) -> Outputs | None:
        """Return the nearest query of WITH with that name."""
        if name in self.ctes:
            return self.ctes[name]
        return self.parent.cte(name) if self.parent else None

    def column(self, alias: str | None, name: str) -> Token | None:
        """Return the zoned column behind a name.

        PostgreSQL leaves the alias out where FROM has one item, and for the common
        column of a join, whose two sides agree (:meth:`Queries` sees to that).
        """
        if alias is not None:
            source = self.source(alias)
            return source.columns.get(name) if source else None
        known = [s.columns[name] for s in self.sources if name in s.columns]
        return known[0] if known else None

    def qualified(self, column: str) -> str:
        """Return a column with the alias that PostgreSQL left out."""
        if len(self.sources) != 1:
            return column
        return f"{readable_identifier(self.sources[0].alias)}.{column}"

    def plain(self, key: str) -> bool:
        """Tell whether a column may stand as it is within a comparison."""
        if key in self.bare:
            return True
        return not self.grouped and (self.parent is None or self.parent.plain(key))


def named(outputs: Outputs, names: Iterable[str]) -> Outputs:
    """Return outputs under the names of a list of aliases, which may be shorter."""
    given = list(names)
    return tuple(
        Output(
            name=given[i] if i < len(given) else output.name,
            token=output.token,
            constant=output.constant,
        )
        for i, output in enumerate(outputs)
    )
