"""Expressions, followed from the columns they read to what they yield.

Each value is known as it is once the columns are converted and every place noted so
far is put right: then a wrapped read is as naive as it was.
"""

from collections.abc import Sequence

from tzmigrate.inventory.routines.model import (
    LANGUAGES,
    Certainty,
    Change,
    ColumnName,
    Effect,
    Routine,
    Time,
    Way,
    tables_of,
)
from tzmigrate.inventory.routines.places import (
    Notebook,
    builtin_name,
    inside,
    is_harmless,
    zone_call,
)
from tzmigrate.inventory.routines.scope import Names, Scope
from tzmigrate.inventory.routines.syntax import Kind, Node, Query
from tzmigrate.inventory.routines.types import (
    BUILTINS,
    LITERAL,
    NAIVE,
    OTHER,
    UNKNOWN,
    ZONED,
    Part,
    Value,
    time_of,
    time_of_type,
)

Valued = tuple[Node, Value]
_NAIVE_KINDS = frozenset((Time.NAIVE, Time.DATE, Time.LITERAL))
_TAKEN = frozenset((Time.NAIVE, Time.DATE, Time.CLOCK, Time.TEXT, Time.OTHER))
_DAYS = ("d", "w", "mon", "y", "c", "millenni")


class Meanings:
    """Evaluates expressions; what changes its meaning is noted."""

    def __init__(self, names: Names, notes: Notebook) -> None:
        self.names = names
        self.notes = notes
        self.touched: set[ColumnName] = set()
        self.met: set[str] = set()
        self.written: dict[ColumnName, Certainty] = {}
        self.handed_to: set[int] = set()

    def first_output(self, query: Query, scope: Scope) -> Valued | None:
        """Evaluate a subquery, and return its first output."""
        raise NotImplementedError

    # ------------------------------------------------------------ evaluation

    def value(self, node: Node, scope: Scope) -> Value:  # noqa: PLR0911, PLR0912
        """Return what an expression yields."""
        match node.kind:
            case Kind.LITERAL:
                return LITERAL
            case Kind.CONSTANT:
                return LITERAL if node.text == "null" else OTHER
            case Kind.REFERENCE:
                return self._reference(node, scope)
            case Kind.PARAMETER:
                return self.names.variables.get(node.text, UNKNOWN)
            case Kind.PARENTHESES:
                return self.value(node.children[0], scope)
            case Kind.CAST:
                return self._cast(node, scope)
            case Kind.AT_ZONE:
                return self._in_zone(node, node.children[0], node.children[1], scope)
            case Kind.AT_LOCAL:
                return self._in_zone(node, node.children[0], None, scope)
            case Kind.CALL:
                return self._call(node, scope)
            case Kind.CASE:
                self._all(node.more, scope)
                return self.unified(self._all(node.children, scope))
            case Kind.QUERY if node.query is not None:
                first = self.first_output(node.query, scope)
                if node.text == "exists":
                    return OTHER
                if node.text == "array" and first is not None:
                    self._escapes(*first, "an array")
                known = node.text in ("", "bare") and first is not None
                return first[1] if first is not None and known else UNKNOWN
            case Kind.COMPARISON:
                self._compared(node, scope)
                return OTHER
            case Kind.LOGIC:
                self._all(node.children, scope)
                return OTHER
            case Kind.OPERATION:
                return self._operation(node, scope)
            case Kind.FIELD:
                row = self.value(node.children[0], scope)
                return self._used(row.field(node.name[0]))
            case Kind.ARRAY:
                for child, value in self._all(node.children, scope):
                    self._escapes(child, value, "an array")
                return UNKNOWN
            case Kind.DEFAULT:
                return LITERAL
        self._all((*node.children, *node.more), scope)
        return UNKNOWN

    def _all(self, nodes: Sequence[Node], scope: Scope) -> list[Valued]:
        return [(node, self.value(node, scope)) for node in nodes]

    def _reference(self, node: Node, scope: Scope) -> Value:
        return self._used(self.names.look_up(node.name, scope))

    def _used(self, value: Value) -> Value:
        if value.time is Time.MOVED and not self.notes.silent:
            self.touched |= value.columns
        return value

    def _cast(self, node: Node, scope: Scope) -> Value:
        inner = node.children[0]
        value = self.value(inner, scope)
        time = time_of_type(node.type)
        if value.time is Time.MOVED:
            if time is Time.ZONED:
                return ZONED
            return Value(time, certainty=self.read(inner, value))
        if value.row is not None and time is Time.TEXT:
            self._row_escapes(inner, value)
        self._met(value)
        return Value(time, certainty=value.certainty)

    def _in_zone(
        self, node: Node, operand: Node, zone: Node | None, scope: Scope
    ) -> Value:
        value = self.value(operand, scope)
        if zone is not None:
            self.value(zone, scope)
        if value.time is Time.MOVED:
            certainty = self.read(
                operand,
                value,
                way=Way.UNZONE if zone is not None else Way.WRAP,
                whole=node,
                advice="it turns round: the instant becomes naive. Take AT TIME ZONE"
                " away where it names the column's zone, or "
                + self.notes.read_advice(operand),
            )
            return Value(Time.ZONED, certainty=certainty)
        match value.time:
            case Time.NAIVE:
                return Value(Time.ZONED, certainty=value.certainty)
            case Time.ZONED | Time.DATE | Time.LITERAL:
                return Value(Time.NAIVE, certainty=value.certainty)
            case Time.CLOCK:
                return value
        return UNKNOWN

    # ------------------------------------------------------------- functions

    def _call(self, node: Node, scope: Scope) -> Value:
        self._all(node.more, scope)
        name = builtin_name(node.name)
        zoned = zone_call(node)
        if zoned is not None:
            return self._in_zone(node, *zoned, scope)
        if name == "timezone" and len(node.children) == 1:
            return self._in_zone(node, node.children[0], None, scope)
        arguments = self._all(node.children, scope)
        if name is None or name not in BUILTINS:
            return self._called(node, arguments)
        builtin = BUILTINS[name]
        match builtin.part:
            case Part.PASSES:
                timed = [a for a in arguments if a[1].time is not Time.OTHER]
                return self.unified(timed or arguments)
            case Part.ASKS_SESSION:
                self._asked(name, arguments)
            case Part.TAKES_NAIVE:
                for child, value in arguments:
                    self._read_if_moved(child, value)
            case _:
                pass
        if name == "date_bin" and not any(
            value.time in _NAIVE_KINDS or value.time is Time.MOVED
            for _, value in arguments
        ):
            return UNKNOWN
        certainty = min((v.certainty for _, v in arguments), default=Certainty.CERTAIN)
        return Value(builtin.time, certainty=certainty)

    def _asked(self, name: str, arguments: list[Valued]) -> None:
        epoch = name in ("extract", "date_part") and (
            inside(arguments[0][0]).text.lower() == "epoch" if arguments else False
        )
        for child, value in arguments:
            if value.row is not None and value.time is Time.UNKNOWN:
                self._row_escapes(child, value)
            elif epoch and value.time is Time.MOVED:
                self.read(
                    child,
                    value,
                    certainty=Certainty.CERTAIN,
                    needless_in_utc=True,
                    advice="seconds are counted from 1970 in UTC afterwards: nothing"
                    " changes in UTC; in another zone " + self.notes.read_advice(child),
                )
            else:
                self._read_if_moved(child, value)

    def _called(self, node: Node, arguments: list[Valued]) -> Value:
        """Follow the arguments into a function that is not known by heart."""
        name = builtin_name(node.name)
        if name == "date_trunc":
            return self._truncated(arguments)
        known = [
            r
            for r in self.names.around.calls.get(node.name[-1], ())
            if len(node.name) == 1 or r.schema == node.name[0]
        ]
        for i, (child, value) in enumerate(arguments):
            if value.time is Time.MOVED:
                taken = {time_of(r.inputs[i].type) for r in known if i < len(r.inputs)}
                if taken == {Time.NAIVE}:
                    self.read(
                        child,
                        value,
                        certainty=Certainty.CERTAIN
                        if len(known) == 1 or len(node.name) > 1
                        else Certainty.LIKELY,
                        advice=f"{'.'.join(node.name)} takes naive time and no"
                        f" timestamptz; {self.notes.read_advice(child)}",
                    )
                elif taken != {Time.ZONED}:
                    self._escapes(child, value, f"function {'.'.join(node.name)}")
            elif value.row is not None:
                if known and all(_takes_row(r, i) for r in known):
                    # what becomes of the row there is found there
                    self.handed_to.update(r.oid for r in known)
                else:
                    self._row_escapes(child, value)
        results = {time_of(r.result) for r in known if not r.returns_set}
        if len(results) == 1:
            certainty = Certainty.CERTAIN if len(known) == 1 else Certainty.LIKELY
            if any(self.names.around.may_read(r) for r in known):
                # what it yields may change with the columns that it reads
                certainty = Certainty.POSSIBLE
            return Value(results.pop(), certainty=certainty)
        return UNKNOWN

    def _truncated(self, arguments: list[Valued]) -> Value:
        with_zone = 3
        if len(arguments) >= with_zone:
            return ZONED
        value = arguments[-1][1] if arguments else UNKNOWN
        if value.time is Time.MOVED:
            return Value(Time.NAIVE, certainty=self.read(arguments[-1][0], value))
        if value.time in (Time.DATE, Time.ZONED):
            return ZONED
        return value if value.time in (Time.NAIVE, Time.INTERVAL) else UNKNOWN

    # -------------------------------------------------- what meets what

    def _operation(self, node: Node, scope: Scope) -> Value:  # noqa: PLR0911
        values = self._all(node.children, scope)
        if len(values) == 1:
            return values[0][1]
        (left, one), (right, other) = values
        if node.text in ("+", "-"):
            return self._added(left, one, right, other, minus=node.text == "-")
        if node.text == "||":
            for child, value in values:
                self._read_if_moved(child, value)
            return Value(Time.TEXT)
        if node.text in ("*", "/") and Time.INTERVAL in (one.time, other.time):
            return Value(Time.INTERVAL)
        if node.text in ("->>", "#>>"):
            return Value(Time.TEXT)
        if node.text == "like":
            return OTHER
        for child, value in values:
            self._escapes(child, value, f"operator {node.text}")
        return OTHER if Time.OTHER in (one.time, other.time) else UNKNOWN

    def _added(  # noqa: PLR0911, PLR0912 - one for each pair of types
        self, left: Node, one: Value, right: Node, other: Value, *, minus: bool
    ) -> Value:
        times = (one.time, other.time)
        if minus and not {Time.INTERVAL, Time.CLOCK} & {other.time}:
            if other.time is Time.LITERAL and one.time in (
                Time.MOVED,
                Time.NAIVE,
                Time.ZONED,
            ):
                # a constant takes the type of the other side
                self.meet((left, one), (right, other))
                return Value(Time.INTERVAL)
            if {*times} <= {Time.MOVED, Time.NAIVE, Time.ZONED, Time.DATE}:
                if times == (Time.DATE, Time.DATE):
                    return OTHER
                self.meet((left, one), (right, other))
                return Value(Time.INTERVAL)
        for (child, value), (step, by) in (
            ((left, one), (right, other)),
            ((right, other), (left, one)),
        ):
            if value.time is Time.MOVED:
                if by.time in (Time.INTERVAL, Time.LITERAL) and _hours_only(step):
                    return value
                if by.time is Time.UNKNOWN:
                    self._escapes(child, value, f"operator {'-' if minus else '+'}")
                    return UNKNOWN
                return Value(Time.NAIVE, certainty=self.read(child, value))
            if by.time in (Time.INTERVAL, Time.CLOCK, Time.LITERAL, Time.UNKNOWN):
                if value.time in (Time.NAIVE, Time.ZONED):
                    return value
                if value.time is Time.DATE and by.time is not Time.UNKNOWN:
                    return NAIVE
            if value.time is Time.DATE and by.time is Time.OTHER:
                return Value(Time.DATE)
        if Time.INTERVAL in times and {*times} <= {Time.INTERVAL, Time.LITERAL}:
            return Value(Time.INTERVAL)
        return OTHER if times == (Time.OTHER, Time.OTHER) else UNKNOWN

    def _compared(self, node: Node, scope: Scope) -> None:
        values = self._all(node.children, scope)
        first, others = values[0], values[1:]
        rows = [inside(child) for child, _ in values]
        if all(r.kind is Kind.ROW for r in rows):
            lists = [self._all(r.children, scope) for r in rows]
            if node.text == "overlaps":
                for child, value in (pair for row in lists for pair in row):
                    self._escapes(child, value, "OVERLAPS")
                return
            for row in lists[1:]:
                for one, other in zip(lists[0], row, strict=False):
                    self.meet(one, other)
            return
        for other in others:
            self.meet(first, other)

    def meet(self, one: Valued, other: Valued) -> None:
        """Compare or subtract: what moved must not meet what is naive."""
        for (node, value), (against, met) in ((one, other), (other, one)):
            if value.time is not Time.MOVED:
                continue
            certainty = min(value.certainty, met.certainty)
            if met.time in _NAIVE_KINDS and not (
                met.time is Time.LITERAL and is_harmless(against)
            ):
                self._met(met)
                bare = inside(against).text == "bare" or inside(node).text == "bare"
                self.notes.note(
                    min(node.start, against.start),
                    max(node.end, against.end),
                    Effect.SESSION_ZONE,
                    Certainty.LIKELY if bare else certainty,
                    self.notes.meet_advice(node, against, met.time),
                    value.columns,
                    Change(
                        way=Way.MEET,
                        columns=value.columns,
                        moved=node,
                        value=against,
                        time=met.time,
                    ),
                )
            elif met.time is Time.UNKNOWN:
                self._possible(
                    min(node.start, against.start),
                    max(node.end, against.end),
                    value,
                    f"the type of {self.notes.text(against)} is not known here: it must"
                    " not be naive",
                )

    def unified(self, values: Sequence[Valued]) -> Value:
        """Return the common type of CASE, COALESCE and their kin."""
        moved = [(n, v) for n, v in values if v.time is Time.MOVED]
        if not moved:
            return _common([v for n, v in values if v.time is not Time.LITERAL])
        others = [(n, v) for n, v in values if v.time is not Time.MOVED]
        times = {
            v.time for n, v in others if not (v.time is Time.LITERAL and is_harmless(n))
        }
        if Time.ZONED in times:
            return ZONED
        if times & _NAIVE_KINDS:
            for _, value in others:
                self._met(value)
            reads = [self.read(node, value) for node, value in moved]
            certainty = min(*reads, *(v.certainty for _, v in others))
            return Value(Time.NAIVE, certainty=certainty)
        certainty = min(v.certainty for _, v in moved)
        if Time.UNKNOWN in times:
            certainty = Certainty.POSSIBLE
        columns = frozenset(c for _, v in moved for c in v.columns)
        return Value(Time.MOVED, columns, certainty)

    # -------------------------------------------------------------- to note

    def deliver(
        self, target: Value, what: str, node: Node, value: Value, *, text: bool = False
    ) -> None:
        """Store a value in a column or variable.

        Args:
            target: the column or variable.
            what: its name.
            node: the value as written.
            value: what it yields.
            text: PL/pgSQL would also take text here.
        """
        if node.kind is Kind.DEFAULT:
            return
        if target.variable is not None:
            unknown = value.time is Time.UNKNOWN and value.row is None
            self.names.doubt(
                target.variable, Certainty.POSSIBLE if unknown else value.certainty
            )
        if target.time is Time.MOVED:
            if not self.notes.silent:
                self.touched |= target.columns
                if target.variable is None:
                    self.written.update(dict.fromkeys(target.columns, target.certainty))
            self._write(target, what, node, value, text=text)
        elif value.time is Time.MOVED:
            if target.time in _TAKEN:
                self._met(target)
                sure = self.read(
                    node,
                    value,
                    advice=f"{what} is not zoned; {self.notes.read_advice(node)}, or"
                    f" make {what} a timestamptz",
                )
                if target.variable is not None:
                    self.names.doubt(target.variable, sure)
            elif target.time is Time.UNKNOWN and target.row is None:
                self._possible(
                    node.start,
                    node.end,
                    value,
                    f"the type of {what} is not known here: it must not be naive",
                )

    def _write(
        self, target: Value, what: str, node: Node, value: Value, *, text: bool
    ) -> None:
        time = value.time
        parsed = inside(node)
        if (
            time is Time.ZONED
            and parsed.kind is Kind.CALL
            and builtin_name(parsed.name) == "to_timestamp"
            and len(parsed.children) > 1
        ):
            # the text was read in the session's zone, and shown in it again
            time = Time.ZONED
        elif time is Time.LITERAL:
            if is_harmless(node):
                return
        elif time is Time.UNKNOWN and value.row is None:
            self._possible(
                node.start,
                node.end,
                target,
                f"the type of what is written to {what} is not known here: it must"
                " not be naive",
            )
            return
        elif not (time in (Time.NAIVE, Time.DATE) or (text and time is Time.TEXT)):
            return
        self._met(value)
        bare = inside(node).text == "bare"
        certainty = min(target.certainty, value.certainty)
        self.notes.note(
            node.start,
            node.end,
            Effect.WRITES_NAIVE,
            min(certainty, Certainty.LIKELY) if bare else certainty,
            self.notes.write_advice(node, time),
            target.columns,
            Change(way=Way.WRITE, columns=target.columns, value=node, time=time),
        )

    def read(
        self,
        node: Node,
        value: Value,
        *,
        certainty: Certainty = Certainty.CERTAIN,
        advice: str = "",
        effect: Effect = Effect.SESSION_ZONE,
        way: Way = Way.WRAP,
        whole: Node | None = None,
        needless_in_utc: bool = False,
    ) -> Certainty:
        """Note a read of a moved value that depends on the session's zone.

        Returns:
            How sure it is; only what is certain is put right.
        """
        bare = inside(node).text == "bare"
        sure = min(value.certainty, Certainty.LIKELY if bare else certainty)
        self.notes.note(
            (whole or node).start,
            (whole or node).end,
            effect,
            sure,
            advice or self.notes.read_advice(node),
            value.columns,
            Change(
                way=way,
                columns=value.columns,
                moved=node,
                value=whole,
                needless_in_utc=needless_in_utc,
            ),
        )
        return sure

    def _read_if_moved(self, node: Node, value: Value) -> None:
        if value.time is Time.MOVED:
            self.read(node, value)
        elif value.row is not None and value.time is Time.UNKNOWN:
            self._row_escapes(node, value)

    def _escapes(self, node: Node, value: Value, where: str) -> None:
        """Note that a moved value goes where its meaning is not known."""
        if value.time is Time.MOVED:
            self.read(
                node,
                value,
                certainty=Certainty.LIKELY,
                advice=f"it goes into {where} as timestamptz; if naive time is meant"
                f" there, {self.notes.read_advice(node)}",
            )

    def _row_escapes(self, node: Node, value: Value) -> None:
        columns = {
            c for _, f in value.row or () if f.time is Time.MOVED for c in f.columns
        }
        if columns:
            if not self.notes.silent:
                self.touched |= columns
            self.notes.note(
                node.start,
                node.end,
                Effect.SESSION_ZONE,
                Certainty.LIKELY,
                "the whole row is read: its text shows the session's zone afterwards",
                frozenset(columns),
            )

    def _possible(self, start: int, end: int, value: Value, advice: str) -> None:
        self.notes.note(
            start,
            end,
            Effect.SESSION_ZONE,
            Certainty.POSSIBLE,
            advice,
            value.columns,
        )

    def _met(self, value: Value) -> None:
        if value.variable is not None and value.time is Time.NAIVE:
            self.met.add(value.variable)


def _takes_row(routine: Routine, position: int) -> bool:
    """Tell whether what a routine does with a row is found in its own text."""
    taken = routine.inputs[position : position + 1]
    declared = tables_of(a.type for a in taken if not a.type.endswith("[]"))
    return bool(declared) and routine.language in LANGUAGES


def _common(values: Sequence[Value]) -> Value:
    times = {v.time for v in values}
    if not times:
        return LITERAL
    certainty = min(v.certainty for v in values)
    if len(times) == 1:
        return Value(times.pop(), certainty=certainty)
    known = (Time.UNKNOWN, Time.ZONED, Time.NAIVE)
    time = next((time for time in known if time in times), Time.UNKNOWN)
    return Value(time, certainty=certainty)


def _hours_only(step: Node) -> bool:
    """Tell whether an interval constant has hours, minutes and seconds only."""
    step = inside(step)
    if step.kind is Kind.CAST:
        step = inside(step.children[0])
    if step.kind is not Kind.LITERAL:
        return False
    text = "".join(c if c.isalpha() else " " for c in step.text.lower())
    words = text.split()
    return bool(words) and not any(w.startswith(_DAYS) for w in words)
