"""A routine's text in, its places out."""

from collections.abc import Sequence

from tzmigrate.inventory.routines.lexer import Sort, Unreadable, tokenize
from tzmigrate.inventory.routines.meanings import Meanings, Valued
from tzmigrate.inventory.routines.model import (
    LANGUAGES,
    Certainty,
    ColumnName,
    Effect,
    Routine,
    RoutineReport,
    Surroundings,
    Time,
)
from tzmigrate.inventory.routines.places import Notebook
from tzmigrate.inventory.routines.plpgsql import Act, Body, Statement, read_body
from tzmigrate.inventory.routines.scope import Fields, Names, Scope
from tzmigrate.inventory.routines.syntax import Kind, Node, Query, Setting, Source
from tzmigrate.inventory.routines.types import LITERAL, UNKNOWN, Value

Outputs = list[tuple[str, Node, Value]]


def analyse(routine: Routine, around: Surroundings) -> RoutineReport:
    """Return the places where a routine meets columns that convert."""
    notes = Notebook(routine.source)
    names = Names(routine, around)
    walk = _Walk(names, notes)
    try:
        if routine.language not in LANGUAGES:
            raise _foreign(routine.language)
        body = read_body(routine.source, routine.language)
        notes.silent = True
        walk.body(body)
        notes.silent = False
        walk.body(body)
        walk.trigger_arguments()
    except Unreadable as exc:
        walk.unreadable(exc)
    except RecursionError:
        walk.unreadable(Unreadable("it is nested too deep", 0))
    return RoutineReport(
        oid=routine.oid,
        signature=routine.signature,
        language=routine.language,
        places=notes.places(),
        touched=frozenset(walk.touched),
        written=tuple(sorted(walk.written.items())),
        naive_arguments=tuple(a.name for a in routine.inputs if a.name in walk.met),
        output_names=tuple(sorted(walk.output_names)),
        handed_to=frozenset(walk.handed_to),
    )


def _foreign(language: str) -> Unreadable:
    return Unreadable(f"language {language} is not read here", 0)


class _Walk(Meanings):
    """Goes through the statements of one body."""

    def __init__(self, names: Names, notes: Notebook) -> None:
        super().__init__(names, notes)
        self.output_names: set[tuple[int, int, str]] = set()

    def body(self, body: Body) -> None:
        """Declare variables, then follow each statement."""
        nothing = Scope()
        self._body = body
        for variable in body.variables:
            value = self.names.declared(variable.type, variable.name)
            before = self.names.variables.get(variable.name)
            if before is not None and before.variable == variable.name:
                if before.time is value.time:
                    value = value.doubted(before.certainty)
                if before.row is not None and value.row is None:
                    value = before
            self.names.variables[variable.name] = value
            if variable.query is not None:
                self.query(variable.query, nothing)
            if variable.default is not None:
                found = self.value(variable.default, nothing)
                self.deliver(
                    self.names.variables[variable.name],
                    f"variable {variable.name}",
                    variable.default,
                    found,
                    text=True,
                )
        for statement in body.statements:
            self._statement(statement, nothing)
        self._result_of_sql(body, nothing)
        for variable in body.variables:
            if variable.name in self.met:
                self.notes.note(
                    variable.start,
                    variable.end,
                    Effect.NAIVE_VARIABLE,
                    Certainty.CERTAIN,
                    f"declare {variable.name} as timestamptz, or keep it naive and"
                    " give what it meets AT TIME ZONE with the column's zone",
                    frozenset(self.touched),
                )

    def first_output(self, query: Query, scope: Scope) -> Valued | None:
        """Evaluate a subquery, and return its first output."""
        arms = self.query(query, scope)
        if not arms or not arms[0]:
            return None
        _, node, value = arms[0][0]
        return node, value

    # ------------------------------------------------------------- statements

    def _statement(self, statement: Statement, scope: Scope) -> None:
        value = statement.value
        match statement.act:
            case Act.ASSIGN if value is not None:
                self._assigned(statement.targets[0], value, scope)
            case Act.EVALUATE if value is not None:
                self.value(value, scope)
            case Act.QUERY if statement.query is not None:
                arms = self.query(statement.query, scope)
                if statement.query.start < statement.start:
                    # a cursor's query has other readers: it is not edited for one
                    arms = [
                        [(n, node, v.doubted(Certainty.LIKELY)) for n, node, v in arm]
                        for arm in arms
                    ]
                self._into(statement.targets or statement.query.into, arms, scope)
            case Act.RETURN | Act.RETURN_NEXT if value is not None:
                found = self.value(value, scope)
                result = self.names.type_value(self.names.routine.result)
                if result.time in (Time.NAIVE, Time.DATE, Time.TEXT, Time.CLOCK):
                    self.deliver(result, "the result", value, found)
            case Act.RETURN_QUERY if statement.query is not None:
                self._results(self.query(statement.query, scope), Effect.RESULT_TYPE)
            case Act.DYNAMIC if value is not None:
                self._dynamic(statement, value, scope)
            case Act.UTILITY:
                tokens = tokenize(
                    self.names.routine.source[statement.start : statement.end]
                )
                words = {t.value for t in tokens if t.is_name}
                self._mentioned(
                    statement, words, words, "this statement is not read here"
                )
            case _:
                pass

    def _assigned(self, target: Node, node: Node, scope: Scope) -> None:
        found = self.value(node, scope)
        if target.kind is Kind.ELEMENT:
            return
        if len(target.name) == 1 and found.row is not None:
            self._remember(target.name[0], found.row)
            return
        known = self.names.look_up(target.name, scope)
        self.deliver(known, ".".join(target.name), node, found, text=True)

    def _into(self, targets: Sequence[Node], arms: list[Outputs], scope: Scope) -> None:
        for outputs in arms:
            if len(targets) == 1 and targets[0].kind is Kind.REFERENCE:
                variable = self.names.look_up(targets[0].name, scope)
                if len(outputs) != 1 or variable.time is Time.UNKNOWN:
                    known = tuple((name, value) for name, _, value in outputs)
                    if variable.row is None or targets[0].name[0] in self._records():
                        self._remember(targets[0].name[0], known)
                        continue
                    self._into_row(variable.row, outputs)
                    continue
            for target, (_, node, value) in zip(targets, outputs, strict=False):
                variable = self.names.look_up(target.name, scope)
                self.deliver(variable, f"variable {'.'.join(target.name)}", node, value)

    def _records(self) -> set[str]:
        return {
            v.name
            for v in self._body.variables
            if v.type is not None and v.type.name == ("record",)
        }

    def _into_row(self, row: Fields, outputs: Outputs) -> None:
        for (name, field), (_, node, value) in zip(row, outputs, strict=False):
            self.deliver(field, name, node, value)

    def _remember(self, variable: str, row: Fields) -> None:
        """Give a record the fields of what it receives; two shapes are none."""
        before = self.names.variables.get(variable)
        if before is None:
            return
        if variable in ("new", "old"):
            return
        merged = row
        if before.row is not None and before.row != row:
            earlier = dict(before.row)
            merged = tuple(
                (name, value)
                if earlier.get(name, value).time is value.time
                else (name, UNKNOWN)
                for name, value in row
            )
            merged += tuple(
                (name, UNKNOWN) for name in earlier if name not in dict(row)
            )
        self.names.variables[variable] = Value(
            Time.UNKNOWN, row=merged, variable=variable
        )

    def _results(self, arms: list[Outputs], effect: Effect) -> None:
        """Compare outputs with the columns that the routine promises."""
        routine = self.names.routine
        promised = [a.type for a in routine.outputs] or [routine.result]
        for outputs in arms:
            if len(outputs) != len(promised):
                continue
            for type_, (_, node, value) in zip(promised, outputs, strict=True):
                target = self.names.type_value(type_)
                if target.row is not None or target.time is Time.UNKNOWN:
                    continue
                if value.time is Time.MOVED and target.time is not Time.ZONED:
                    self.read(
                        node,
                        value,
                        effect=effect,
                        advice="the result stays naive; "
                        + self.notes.read_advice(node)
                        + ", or return timestamptz",
                    )

    def _result_of_sql(self, body: Body, scope: Scope) -> None:
        routine = self.names.routine
        if routine.language != "sql" or routine.result == "void":
            return
        last = body.statements[-1] if body.statements else None
        if last is not None and last.query is not None:
            self._results(self.query(last.query, scope), Effect.SESSION_ZONE)

    # ---------------------------------------------------------------- queries

    def query(self, query: Query, outer: Scope) -> list[Outputs]:
        """Follow a query; return its outputs, one list for each arm."""
        scope = Scope(outer=outer)
        for name, columns, common in query.common:
            scope.common[name] = None
            scope.common[name] = _fields(self.query(common, scope), columns)
        for source in query.sources:
            scope.sources.append(self._source(source, scope))
        fields: Fields | None = None
        if query.target is not None:
            target = self._source(query.target, scope)
            fields = target[2]
            scope.sources.append(target)
        if query.source is not None and query.target is not None:
            arms = self.query(query.source, scope)
            self._inserted(fields, query, arms)
            scope.sources.append(("excluded", (), fields))
        for setting in query.settings:
            self._set(setting, fields, scope)
        for condition in query.conditions:
            self.value(condition, scope)
        if query.arms:
            return [out for arm in query.arms for out in self.query(arm, scope)]
        if query.rows:
            return [
                [("", node, self.value(node, scope)) for node in row]
                for row in query.rows
            ]
        return [self._outputs(query, scope)] if query.outputs else []

    def _source(
        self, source: Source, scope: Scope
    ) -> tuple[str, tuple[str, ...], Fields | None]:
        alias = source.alias or (source.name[-1] if source.name else "")
        fields: Fields | None = None
        if source.query is not None:
            fields = _fields(self.query(source.query, scope), source.columns)
        elif source.call is not None:
            self.value(source.call, scope)
        elif source.name:
            common, fields = (
                scope.find_common(source.name[0])
                if len(source.name) == 1
                else (False, None)
            )
            if not common:
                fields = self.names.table(source.name)
        if fields is not None and source.columns:
            renamed = [*source.columns, *(name for name, _ in fields)][: len(fields)]
            fields = tuple(
                (name, value) for name, (_, value) in zip(renamed, fields, strict=True)
            )
        return alias, () if source.alias else source.name, fields

    def _outputs(self, query: Query, scope: Scope) -> Outputs:
        found: Outputs = []
        for output in query.outputs:
            node = output.node
            if node.kind is not Kind.REFERENCE or node.name[-1] != "*":
                if output.alias is None and _named_by_column(node):
                    self.output_names.add((node.start, node.end, output.name))
                found.append((output.name, node, self.value(node, scope)))
                continue
            for alias, name, fields in scope.sources:
                if len(node.name) == 1 or node.name[:-1] in ((alias,), name):
                    if fields is None:
                        return []
                    # a star cannot be edited, so nothing of it is certain
                    found += (
                        (column, node, value.doubted(Certainty.LIKELY))
                        for column, value in fields
                    )
        return found

    def _inserted(
        self, fields: Fields | None, query: Query, arms: list[Outputs]
    ) -> None:
        known = dict(fields or ())
        for outputs in arms:
            order = query.columns
            if order is None:
                # nothing is known of a temporary table
                order = tuple(known) or tuple(n or "a column" for n, _, _ in outputs)
            for column, (_, node, value) in zip(order, outputs, strict=False):
                self.deliver(known.get(column, UNKNOWN), column, node, value)

    def _set(self, setting: Setting, fields: Fields | None, scope: Scope) -> None:
        known = dict(fields or ())
        columns = setting.columns if setting.columns != ("",) else tuple(known)
        if len(setting.values) == 1 and len(columns) > 1:
            (node,) = setting.values
            if node.query is not None:
                for outputs in self.query(node.query, scope):
                    for column, (_, inner, value) in zip(
                        columns, outputs, strict=False
                    ):
                        self.deliver(known.get(column, UNKNOWN), column, inner, value)
            return
        for column, node in zip(columns, setting.values, strict=False):
            value = LITERAL if node.kind is Kind.DEFAULT else self.value(node, scope)
            self.deliver(known.get(column, UNKNOWN), column, node, value)

    # ---------------------------------------------- what cannot be followed

    def unreadable(self, problem: Unreadable) -> None:
        """Note the place where reading stopped, if a column may be meant."""
        source = self.names.routine.source
        foreign = self.names.routine.language not in LANGUAGES
        words = _plain_words(source) if foreign else _words(source)
        columns = self._columns(words, words)
        if columns:
            if foreign:
                at = min(source.find(column) for _, _, column in columns)
                problem = Unreadable(problem.reason, max(at, 0))
            # a line of the text shows where
            end = source.find("\n", problem.position)
            stop = len(source) if end < 0 else end
            self.notes.silent = False
            self.notes.note(
                problem.position,
                max(stop, problem.position),
                Effect.CANNOT_BE_READ,
                Certainty.POSSIBLE,
                f"{problem.reason}: read it, and look for naive values that it writes"
                " or compares",
                columns,
            )

    def _dynamic(self, statement: Statement, text: Node, scope: Scope) -> None:
        self.value(text, scope)
        for node in statement.values:
            self.value(node, scope)
        for target in statement.targets:
            if len(target.name) == 1 and target.name[0] in self.names.variables:
                self.names.doubt(target.name[0], Certainty.POSSIBLE)
        strings = _strings(text)
        if not strings:
            # the text was put together elsewhere
            strings = [
                token.value
                for token in tokenize(self.names.routine.source)
                if token.sort is Sort.STRING
            ]
        inside = set().union(*(_words(string) for string in strings))
        self._mentioned(
            statement,
            inside,
            inside | _words(self.names.routine.source),
            "dynamic SQL mentions the column: read it, and let it write and compare"
            " timestamptz",
        )

    def _mentioned(
        self, statement: Statement, columns: set[str], tables: set[str], advice: str
    ) -> None:
        found = self._columns(columns, tables)
        if found:
            self.notes.note(
                statement.start,
                statement.end,
                Effect.CANNOT_BE_READ,
                Certainty.POSSIBLE,
                advice,
                found,
            )

    def _columns(self, words: set[str], tables: set[str]) -> frozenset[ColumnName]:
        routine = self.names.routine
        # whose rows it gets need not be named
        given = {*routine.attached, *routine.row_types}
        return frozenset(
            column
            for name, columns in self.names.around.moving.items()
            if name[2] in words and (name[1] in tables or name[:2] in given)
            for column in columns
        )

    def trigger_arguments(self) -> None:
        """Note where a trigger uses its arguments, if one is a column's name."""
        routine = self.names.routine
        named = set(routine.trigger_arguments)
        columns = frozenset(
            column
            for name, columns in self.names.around.moving.items()
            if name[2] in named and name[:2] in routine.attached
            for column in columns
        )
        first = next(
            (t for t in tokenize(routine.source) if t.is_name and t.value == "tg_argv"),
            None,
        )
        if columns and first is not None:
            self.notes.note(
                first.start,
                first.end,
                Effect.WRITES_NAIVE,
                Certainty.LIKELY,
                "the trigger's arguments name the column: let what is written to it be"
                " a timestamptz",
                columns,
            )


def _named_by_column(node: Node) -> bool:
    while node.kind in (Kind.CAST, Kind.PARENTHESES):
        node = node.children[0]
    return node.kind in (Kind.REFERENCE, Kind.FIELD)


def _fields(arms: list[Outputs], columns: tuple[str, ...]) -> Fields | None:
    """Return the outputs of a query as fields; arms of different types are unknown."""
    if not arms or not arms[0]:
        return None
    names = [
        columns[i] if i < len(columns) else name
        for i, (name, _, _) in enumerate(arms[0])
    ]
    values = [value for _, _, value in arms[0]]
    for outputs in arms[1:]:
        for i, (_, _, value) in enumerate(outputs[: len(values)]):
            if values[i].time is Time.LITERAL:
                values[i] = value
            elif value.time is not values[i].time and value.time is not Time.LITERAL:
                values[i] = UNKNOWN
            else:
                values[i] = values[i].doubted(value.certainty)
    return tuple(zip(names, values, strict=True))


def _words(text: str) -> set[str]:
    """Return the names in a text, also in the strings of dynamic SQL."""
    try:
        return {token.value for token in tokenize(text) if token.is_name}
    except Unreadable:
        return _plain_words(text)


def _plain_words(text: str) -> set[str]:
    plain = "".join(c if c.isalnum() or c in "_$" else " " for c in text)
    return {word for each in plain.split() for word in (each, each.lower())}


def _strings(node: Node) -> list[str]:
    found = [node.text] if node.kind is Kind.LITERAL else []
    for child in (*node.children, *node.more):
        found += _strings(child)
    return found
