"""Which column or variable a name means."""

from dataclasses import dataclass, field

from tzmigrate.inventory.routines.model import (
    Certainty,
    Routine,
    Surroundings,
    Table,
    Time,
    type_path,
)
from tzmigrate.inventory.routines.syntax import TypeName
from tzmigrate.inventory.routines.types import (
    UNKNOWN,
    Value,
    time_of,
    time_of_type,
)

Fields = tuple[tuple[str, Value], ...]


@dataclass(slots=True)
class Scope:
    """The names that one query brings, inside those of the query around it.

    Attributes:
        sources: alias, schema-qualified name and fields; fields are ``None`` where
            they are not known.
        common: the queries of WITH.
    """

    outer: "Scope | None" = None
    sources: list[tuple[str, tuple[str, ...], Fields | None]] = field(
        default_factory=list
    )
    common: dict[str, Fields | None] = field(default_factory=dict)

    def find_common(self, name: str) -> tuple[bool, Fields | None]:
        """Return whether WITH defines a name, and its fields."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.common:
                return True, scope.common[name]
            scope = scope.outer
        return False, None

    def column(self, name: str) -> tuple[Value | None, bool]:
        """Return what a bare name means, and whether something unknown came first."""
        scope: Scope | None = self
        doubt = False
        while scope is not None:
            found = [
                value
                for _, _, fields in scope.sources
                for known, value in fields or ()
                if known == name
            ]
            if found:
                one = found[0]
                if any(other.time is not one.time for other in found):
                    one = one.doubted(Certainty.LIKELY)
                return one, doubt
            doubt |= any(fields is None for _, _, fields in scope.sources)
            scope = scope.outer
        return None, doubt

    def row(self, path: tuple[str, ...]) -> tuple[bool, Fields | None]:
        """Return whether an alias or table name is known, and its fields."""
        scope: Scope | None = self
        while scope is not None:
            for alias, name, fields in scope.sources:
                if path == (alias,) or (name and path == name):
                    return True, fields
            scope = scope.outer
        return False, None


class Names:
    """Tables, variables and arguments as one routine sees them."""

    def __init__(self, routine: Routine, around: Surroundings) -> None:
        self.routine = routine
        self.around = around
        self.variables: dict[str, Value] = {}
        self.records: set[str] = set()
        for position, argument in enumerate(routine.arguments, start=1):
            value = self._argument(argument.type, argument.name or f"${position}")
            if argument.name:
                self.variables[argument.name] = value
        for position, argument in enumerate(routine.inputs, start=1):
            self.variables[f"${position}"] = self._argument(
                argument.type, argument.name or f"${position}"
            )
        if routine.result == "trigger":
            row = self._attached()
            self.variables["new"] = self.variables["old"] = Value(Time.UNKNOWN, row=row)

    def _argument(self, type_: str, name: str) -> Value:
        known = self.type_value(type_)
        return Value(known.time, row=known.row, variable=name)

    def type_value(self, type_: str) -> Value:
        """Return what is known about a type, as ``format_type`` prints it."""
        time = time_of(type_)
        row = self.table(type_path(type_)) if time is Time.UNKNOWN else None
        return Value(time, row=row)

    def _attached(self) -> Fields | None:
        """Merge the rows of all tables that run this trigger function."""
        merged: dict[str, Value] = {}
        for name in self.routine.attached:
            for table in self.around.by_name.get(name[1], ()):
                if table.schema != name[0]:
                    continue
                for column, value in self.fields(table):
                    merged[column] = _either(merged.get(column), value)
        return tuple(merged.items()) or None

    def fields(self, table: Table, certainty: Certainty = Certainty.CERTAIN) -> Fields:
        """Return the columns of a table as values."""
        found = []
        for column, type_ in table.columns:
            moving = self.around.moving.get((table.schema, table.name, column))
            if moving is not None:
                value = Value(Time.MOVED, moving, certainty)
            else:
                value = Value(time_of(type_), frozenset(), certainty)
            found.append((column, value))
        return tuple(found)

    def table(self, name: tuple[str, ...]) -> Fields | None:
        """Return the columns of the table that a name means; ``None``: not known."""
        *schema, bare = name[-2:]
        named = self.around.by_name.get(bare, ())
        if schema:
            for table in named:
                if table.schema == schema[0]:
                    return self.fields(table)
            return None
        for path in self.routine.search_path or ():
            for table in named:
                if table.schema == path:
                    return self.fields(table)
        if self.routine.search_path is not None or not named:
            return None
        certainty = Certainty.POSSIBLE
        if len(named) == 1:
            # the only one of that name, unless a temporary table hides it
            hidden = "temp" in self.routine.source.lower()
            certainty = Certainty.LIKELY if hidden else Certainty.CERTAIN
        merged: dict[str, Value] = {}
        for table in named:
            for column, value in self.fields(table, certainty):
                merged[column] = _either(merged.get(column), value)
        return tuple(merged.items())

    def declared(self, type_: TypeName | None, name: str) -> Value:
        """Return what a declaration makes of a variable."""
        if type_ is None:
            return Value(Time.UNKNOWN, variable=name)
        known = self._declared(type_)
        return Value(known.time, known.columns, known.certainty, known.row, name)

    def _declared(self, type_: TypeName) -> Value:
        if type_.percent == "rowtype":
            return Value(Time.UNKNOWN, row=self.table(type_.name))
        if type_.percent == "type":
            if len(type_.name) == 1:
                return self.variables.get(type_.name[0], UNKNOWN)
            fields = self.table(type_.name[:-1])
            if fields is None and type_.name[0] in self.variables:
                return self.variables[type_.name[0]].field(type_.name[1])
            return Value(Time.UNKNOWN, row=fields).field(type_.name[-1])
        time = time_of_type(type_)
        if time is Time.UNKNOWN and not type_.array:
            return Value(time, row=self.table(type_.name))
        return Value(time)

    def doubt(self, variable: str, certainty: Certainty) -> None:
        """Remember that a variable holds something that is not certain."""
        if variable in self.variables:
            self.variables[variable] = self.variables[variable].doubted(certainty)

    def look_up(self, name: tuple[str, ...], scope: Scope) -> Value:
        """Return what a reference means."""
        if len(name) == 1:
            return self._bare(name[0], scope)
        *path, last = name
        known, fields = scope.row(tuple(path))
        if known:
            return Value(Time.UNKNOWN, row=fields).field(last)
        # before a variable may stand the label of a block, or the name of the routine
        for start in (0, 1):
            if name[start] in self.variables:
                value = self.variables[name[start]]
                for part in name[start + 1 :]:
                    value = value.field(part)
                return value
        return UNKNOWN

    def _bare(self, name: str, scope: Scope) -> Value:
        column, doubt = scope.column(name)
        variable = self.variables.get(name)
        if column is not None:
            if variable is not None and self.routine.language == "plpgsql":
                return column.doubted(Certainty.LIKELY)
            return column.doubted(Certainty.LIKELY) if doubt else column
        if variable is not None:
            return variable.doubted(Certainty.LIKELY) if doubt else variable
        known, fields = scope.row((name,))
        return Value(Time.UNKNOWN, row=fields) if known else UNKNOWN


def _either(one: Value | None, other: Value) -> Value:
    """Merge a column of several tables; what moves in one of them counts."""
    if one is None:
        return other
    columns = one.columns | other.columns
    certainty = min(one.certainty, other.certainty)
    if one.time is other.time:
        return Value(one.time, columns, certainty)
    if Time.MOVED in (one.time, other.time):
        return Value(Time.MOVED, columns, min(certainty, Certainty.LIKELY))
    return UNKNOWN
