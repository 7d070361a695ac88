"""Functions rewritten, so that they write and read the instants they mean.

Only what is certain is rewritten, and only there: comments and layout stay as they
are. Rules of postgres-facts.md sections 6.1 and 6.4: a naive value gets ``AT TIME
ZONE`` with the zone of the column that it is stored in; what is read from a column and
used as naive gets it too, and is what it was before, in every session.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from tzmigrate.inventory.routines.analysis import analyse
from tzmigrate.inventory.routines.lexer import Sort, tokenize
from tzmigrate.inventory.routines.model import (
    Change,
    ColumnName,
    Effect,
    Routine,
    RoutinePlace,
    RoutineReport,
    Surroundings,
    Time,
    Way,
)
from tzmigrate.inventory.routines.places import inside, instant_of, zone_call
from tzmigrate.inventory.routines.syntax import Kind, Node
from tzmigrate.postgres.quoting import quote_identifier, quote_literal
from tzmigrate.zones.model import is_utc

_SIMPLE = frozenset(
    (
        Kind.REFERENCE,
        Kind.PARAMETER,
        Kind.CALL,
        Kind.PARENTHESES,
        Kind.QUERY,
        Kind.LITERAL,
        Kind.ELEMENT,
        Kind.FIELD,
    )
)
_LOCAL = "localtimestamp"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutineContext:
    """What a routine's text is read against; ``inventory.sources`` builds it."""

    routine: Routine
    around: Surroundings


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewriting:
    """What became of a routine's source.

    Attributes:
        text: the new source; ``None`` where nothing was rewritten.
        changes: line, text before and text after of each place.
        refused: places that need a person.
    """

    text: str | None
    changes: tuple[tuple[int, str, str], ...] = ()
    refused: tuple[RoutinePlace, ...] = ()


def rewrite_routine_source(
    source: str,
    language: str,
    converted: Mapping[ColumnName, str],
    context: RoutineContext,
) -> Rewriting:
    """Rewrite a routine for the columns that convert, where that is certain.

    Args:
        source: ``pg_proc.prosrc``.
        language: ``sql`` or ``plpgsql``; of any other nothing is rewritten.
        converted: the zone of each column that converts; partitions have entries of
            their own, if their names may stand in the text.
        context: the routine, and the tables and functions that it may name.
    """
    routine = replace(context.routine, source=source, language=language)
    around = replace(context.around, converting=frozenset(converted))
    report = analyse(routine, around)
    places = tuple(p for p in report.places if p.effect is not Effect.NAIVE_VARIABLE)
    ready: list[tuple[RoutinePlace, Change, str]] = []
    refused: list[RoutinePlace] = []
    for place in places:
        zones = {converted[c] for c in place.change.columns} if place.change else set()
        if place.change is None:
            refused.append(place)
        elif len(zones) > 1:
            # a value of two zones goes on to places that were taken as certain
            return Rewriting(text=None, refused=places)
        else:
            zone = zones.pop()
            if not (place.change.needless_in_utc and is_utc(zone)):
                ready.append((place, place.change, zone))
    ready, around_refused = _outside(ready, refused)
    refused = sorted((*refused, *around_refused), key=lambda p: p.span)
    if not ready:
        return Rewriting(text=None, refused=tuple(refused))
    edits = _Edits(source)
    for _, change, zone in ready:
        edits.add(change, zone)
    _keep_names(edits, report, ready)
    return Rewriting(
        text=edits.text(0, len(source)),
        changes=tuple(
            (place.line, source[slice(*place.span)], edits.text(*place.span))
            for place, _, _ in ready
        ),
        refused=tuple(refused),
    )


def routine_statements(definition_before: str, new_source: str) -> tuple[str, str]:
    """Return ``CREATE OR REPLACE`` with the new source, and with the old one.

    Args:
        definition_before: ``pg_get_functiondef`` of the routine as it is.
        new_source: its source afterwards.

    Raises:
        ValueError: the definition has no body in a string.
    """
    bodies = [t for t in tokenize(definition_before) if t.sort is Sort.STRING]
    if not bodies or not definition_before.startswith("$", bodies[-1].start):
        raise ValueError("the routine has no body in dollar quotes")
    body = bodies[-1]
    tag = definition_before[body.start + 1 :].partition("$")[0] or "function"
    # as pg_get_functiondef itself: longer until the source does not hold it
    while f"${tag}" in new_source:
        tag += "x"
    up = (
        f"{definition_before[: body.start]}${tag}${new_source}${tag}$"
        f"{definition_before[body.end :]}"
    )
    return up.rstrip(), definition_before.rstrip()


Ready = list[tuple[RoutinePlace, Change, str]]


def _outside(
    ready: Ready, refused: Iterable[RoutinePlace]
) -> tuple[Ready, list[RoutinePlace]]:
    """Leave out what holds a refused place: its value is not what it was taken for."""
    spans = [p.span for p in refused]
    kept: Ready = []
    out: list[RoutinePlace] = []
    for item in ready:
        start, end = item[0].span
        if any(start <= s and e <= end for s, e in spans):
            out.append(item[0])
        else:
            kept.append(item)
    return kept, out


def _keep_names(edits: "_Edits", report: RoutineReport, ready: Ready) -> None:
    """Give outputs that are no longer a bare column the name they had."""
    for start, end, name in report.output_names:
        if any(start <= p.span[0] and p.span[1] <= end for p, _, _ in ready):
            edits.after(start - 1, end, f" AS {quote_identifier(name)}")


class _Edits:
    """Insertions and deletions by position; those that nest stay nested."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._inserted: set[tuple[int, int, int, str]] = set()
        self._deleted: set[tuple[int, int]] = set()

    def add(self, change: Change, zone: str) -> None:
        """Put one place right."""
        moved, value = change.moved, change.value
        match change.way:
            case Way.WRITE if value is not None:
                if not self._simplified(value, zone, local=True):
                    self._as_instant(value, change.time, zone)
            case Way.MEET if value is not None and moved is not None:
                if not is_utc(zone):
                    self._as_naive(moved, zone)
                elif not self._simplified(value, zone, local=False):
                    self._as_instant(value, change.time, zone)
            case Way.UNZONE if value is not None and moved is not None:
                if _names_zone(value, zone):
                    self._only(value, moved)
                else:
                    self._as_naive(moved, zone)
            case _ if moved is not None:
                self._as_naive(moved, zone)

    def _around(self, node: Node, before: str, after: str) -> None:
        self._inserted.add((node.start, 1, -node.end, before))
        self.after(node.start, node.end, after)

    def after(self, start: int, end: int, text: str) -> None:
        """Insert behind what reaches from start to end."""
        self._inserted.add((end, 0, -start, text))

    def _as_naive(self, node: Node, zone: str) -> None:
        left, right = ("(", "") if node.kind in _SIMPLE else ("((", ")")
        self._around(node, left, f"{right} AT TIME ZONE {quote_literal(zone)})")

    def _as_instant(self, node: Node, time: Time, zone: str) -> None:
        cast = "" if time is Time.NAIVE else "::timestamp"
        self._around(node, "((", f"){cast} AT TIME ZONE {quote_literal(zone)})")

    def _only(self, whole: Node, part: Node) -> None:
        """Leave only a part of an expression."""
        if part.kind not in _SIMPLE:
            self._around(part, "(", ")")
        self._deleted |= {(whole.start, part.start), (part.end, whole.end)}

    def _simplified(self, node: Node, zone: str, *, local: bool) -> bool:
        """Leave only the instant of which a value is the wall clock in that zone."""
        instant = instant_of(node)
        if instant is None:
            return False
        if instant.zone is None:
            if not local:
                return False
        elif not _same_zone(instant.zone, zone):
            return False
        if instant.node.name == (_LOCAL,):
            start = instant.node.start
            self._deleted.add((start, start + len(_LOCAL)))
            self._inserted.add((start, 1, -instant.node.end, "CURRENT_TIMESTAMP"))
        else:
            self._only(inside(node), instant.node)
        return True

    def text(self, start: int, end: int) -> str:
        """Return a piece of the source with all edits that lie in it."""
        found: list[str] = []
        at = start
        gone = sorted(d for d in self._deleted if start <= d[0] and d[1] <= end)
        for position, _, extent, inserted in sorted(self._inserted):
            inner, outer = sorted((position, -extent))
            if inner < start - 1 or outer > end:
                continue
            found += (self._kept(at, position, gone), inserted)
            at = max(at, position)
        return "".join((*found, self._kept(at, end, gone)))

    def _kept(self, start: int, end: int, gone: list[tuple[int, int]]) -> str:
        pieces = []
        for first, last in gone:
            if first < end and last > start:
                pieces.append(self._source[start : max(first, start)])
                start = max(start, last)
        pieces.append(self._source[start:end] if start < end else "")
        return "".join(pieces)


def _names_zone(node: Node, zone: str) -> bool:
    pair = zone_call(node)
    if pair is None:
        return False
    named = inside(pair[1])
    if named.kind is Kind.CAST:
        named = inside(named.children[0])
    return named.kind is Kind.LITERAL and _same_zone(named.text, zone)


def _same_zone(one: str, other: str) -> bool:
    return one.lower() == other.lower() or (is_utc(one) and is_utc(other))
