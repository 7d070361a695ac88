"""The places as they are found, with the words for them."""

from dataclasses import dataclass

from tzmigrate.inventory.routines.lexer import Places
from tzmigrate.inventory.routines.model import (
    Certainty,
    Change,
    ColumnName,
    Effect,
    RoutinePlace,
    Time,
)
from tzmigrate.inventory.routines.syntax import Kind, Node

_KINDS = {
    Time.DATE: "a date",
    Time.TEXT: "text",
    Time.LITERAL: "a constant without a zone",
    Time.NAIVE: "a naive value",
    Time.ZONED: "text",
}


@dataclass(frozen=True, slots=True)
class _Found:
    effect: Effect
    certainty: Certainty
    suggestion: str
    columns: frozenset[ColumnName]
    change: Change | None


class Notebook:
    """Collects places; the same one noted twice counts once."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._places = Places(source)
        self._found: dict[tuple[int, int, Effect], _Found] = {}
        self.silent = False

    def note(  # noqa: PLR0917 - the parts of a place
        self,
        start: int,
        end: int,
        effect: Effect,
        certainty: Certainty,
        suggestion: str,
        columns: frozenset[ColumnName],
        change: Change | None = None,
    ) -> None:
        """Note a place; what is not certain is never changed."""
        key = (start, end, effect)
        if not self.silent and key not in self._found:
            sure = change if certainty is Certainty.CERTAIN else None
            self._found[key] = _Found(effect, certainty, suggestion, columns, sure)

    def places(self) -> tuple[RoutinePlace, ...]:
        """Return what was noted, in the order of the text."""
        return tuple(
            self._place(start, end, found)
            for (start, end, _), found in sorted(
                self._found.items(), key=lambda item: (item[0][0], -item[0][1])
            )
        )

    def text(self, node: Node, longest: int = 60) -> str:
        """Return the text of a node on one line."""
        return self._places.excerpt(node.start, node.end, longest)

    def _place(self, start: int, end: int, found: _Found) -> RoutinePlace:
        line, column = self._places.of(start)
        return RoutinePlace(
            line=line,
            column=column,
            excerpt=self._places.excerpt(start, end),
            effect=found.effect,
            certainty=found.certainty,
            suggestion=found.suggestion,
            columns=found.columns,
            span=(start, end),
            change=found.change,
        )

    # ------------------------------------------------------------------ words

    def write_advice(self, value: Node, time: Time) -> str:
        """Return what to write instead of a naive value."""
        text = self.text(value)
        instant = instant_of(value)
        if instant is not None and instant.zone is None:
            return f"write {instant.words(self.text(instant.node))} instead"
        if instant is not None:
            operand = self.text(instant.node)
            return f"write {operand} instead, if {instant.zone} is the column's zone"
        cast = "" if time is Time.NAIVE else "::timestamp"
        return (
            f"it is {_KINDS.get(time, 'naive')}; write"
            f" (({text}){cast} AT TIME ZONE 'Z'), with the column's zone for Z"
        )

    def read_advice(self, moved: Node) -> str:
        """Return what to write instead of a moved value."""
        return (
            f"write ({self.text(moved)} AT TIME ZONE 'Z'), with the column's zone for Z"
        )

    def meet_advice(self, moved: Node, other: Node, time: Time) -> str:
        """Return what to do where a moved value meets a naive one."""
        instant = instant_of(other)
        if instant is not None and instant.zone is not None:
            return (
                f"compare with {self.text(instant.node)}, if {instant.zone} is the"
                " column's zone"
            )
        return (
            f"it meets {_KINDS.get(time, 'a naive value')}; {self.read_advice(moved)},"
            " or compare with a timestamptz"
        )


@dataclass(frozen=True, slots=True)
class Instant:
    """An instant of which an expression is the wall clock.

    Attributes:
        node: the instant; for ``LOCALTIMESTAMP`` that word itself.
        zone: the clock's zone; ``None``: the session's.
    """

    node: Node
    zone: str | None

    def words(self, text: str) -> str:
        """Return the instant as text, given that of the node."""
        if self.node.name == ("localtimestamp",):
            return f"CURRENT_TIMESTAMP{text[len('localtimestamp') :].strip()}"
        return text


NOW = frozenset(
    (
        "now",
        "current_timestamp",
        "transaction_timestamp",
        "statement_timestamp",
        "clock_timestamp",
    )
)


def instant_of(node: Node) -> Instant | None:
    """Return the present instant that a naive expression shows in some zone.

    The spellings of ``planning.expressions``: LOCALTIMESTAMP, a cast to timestamp
    without precision, AT TIME ZONE and timezone() with a constant zone.
    """
    node = inside(node)
    if node.kind is Kind.CALL and node.name == ("localtimestamp",):
        return Instant(node, None)
    if (
        node.kind is Kind.CAST
        and node.type is not None
        and node.type.name[-1] == "timestamp"
        and not node.type.precise
        and is_now(node.children[0])
    ):
        return Instant(node.children[0], None)
    if node.kind is Kind.AT_LOCAL and is_now(node.children[0]):
        return Instant(node.children[0], None)
    zoned = zone_call(node)
    if zoned is None or not is_now(zoned[0]):
        return None
    zone = inside(zoned[1])
    if zone.kind is Kind.CAST:
        zone = inside(zone.children[0])
    return Instant(zoned[0], zone.text) if zone.kind is Kind.LITERAL else None


def zone_call(node: Node) -> tuple[Node, Node] | None:
    """Return value and zone of AT TIME ZONE, in either of its spellings."""
    if node.kind is Kind.AT_ZONE:
        return node.children[0], node.children[1]
    arguments = 2
    if (
        node.kind is Kind.CALL
        and builtin_name(node.name) == "timezone"
        and len(node.children) == arguments
    ):
        return node.children[1], node.children[0]
    return None


def is_now(node: Node) -> bool:
    """Tell whether a node is a call of now() or one of its kin."""
    node = inside(node)
    return node.kind is Kind.CALL and builtin_name(node.name) in NOW


def builtin_name(name: tuple[str, ...]) -> str | None:
    """Return the name of a function that may stand in pg_catalog."""
    if len(name) == 1:
        return name[0]
    return name[1] if name[0] == "pg_catalog" else None


def inside(node: Node) -> Node:
    """Return what stands in parentheses."""
    while node.kind is Kind.PARENTHESES:
        node = node.children[0]
    return node


def is_harmless(node: Node) -> bool:
    """Tell whether a constant means the same in every zone: NULL, infinity, now."""
    node = inside(node)
    if node.kind is Kind.CONSTANT:
        return node.text == "null"
    return node.kind is Kind.LITERAL and node.text.strip().lower() in {
        "infinity",
        "-infinity",
        "+infinity",
        "now",
    }
