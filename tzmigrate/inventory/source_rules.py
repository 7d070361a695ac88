"""What function bodies mean for each column: writers, dependents and findings."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from tzmigrate.inventory.draft import Draft
from tzmigrate.inventory.findings import FUNCTION_SOURCE
from tzmigrate.inventory.model import Family, Writer
from tzmigrate.inventory.routines.model import (
    Certainty,
    ColumnName,
    Effect,
    Routine,
    RoutinePlace,
    RoutineReading,
    RoutineReport,
)
from tzmigrate.inventory.rows import (
    CatalogRows,
    FunctionRow,
    TriggerRow,
    UserTypeRow,
)
from tzmigrate.inventory.sources import arguments, mentions, read_routines

_SHOWN = 3
"""So many places stand in a message; the others are counted."""
CODES = {
    Effect.SESSION_ZONE: "TZ133",
    Effect.WRITES_NAIVE: "TZ170",
    Effect.RESULT_TYPE: "TZ171",
    Effect.CANNOT_BE_READ: "TZ172",
}
"""The finding that says what becomes of a place."""
_TRIGGER_CODE = "TZ134"
_MOMENT = re.compile(r"timestamp(\(\d\))? without time zone$")


def apply_sources(
    drafts: dict[int, dict[int, Draft]], rows: CatalogRows
) -> RoutineReading | None:
    """Read the functions, and tell each column what they do with it."""
    if not rows.functions and not rows.triggers:
        return None
    convertible = [
        draft
        for of_one in drafts.values()
        for draft in of_one.values()
        if draft.convertible
    ]
    domains = _domains_of_moments(rows.user_types)
    moments: list[Draft] = []
    others: list[Draft] = []
    for draft in convertible:
        place = (draft.row.relation, draft.row.attnum)
        scalar = draft.family is Family.SCALAR or place in domains
        (moments if scalar else others).append(draft)
    by_name = {d.full_name: d for d in moments}
    triggers: dict[int, list[TriggerRow]] = defaultdict(list)
    for trigger in rows.triggers:
        triggers[trigger.relation].append(trigger)
    _unread_triggers(convertible, triggers, {row.oid for row in rows.functions})
    if others:
        _mentions(others, rows.functions)
    reading = read_routines(rows, frozenset(by_name))
    if reading is None:
        return None
    names = {row.oid: row.name for row in rows.functions}
    for routine, report in zip(reading.routines, reading.reports, strict=True):
        _Telling(routine, report, names[routine.oid], by_name, triggers).tell()
    return reading


def _domains_of_moments(types: Iterable[UserTypeRow]) -> set[tuple[int, int]]:
    """Return the columns of domains over a scalar, or over another such domain."""
    found: set[int] = set()
    places: set[tuple[int, int]] = set()
    # the type that a domain is made of is older than the domain
    for type_ in sorted(types, key=lambda t: t.oid):
        base = type_.base or ""
        inner = not base.endswith("[]") and found.issuperset(type_.parts)
        if type_.kind == "domain" and (inner if type_.parts else _MOMENT.match(base)):
            found.add(type_.oid)
            places |= {(relation, number) for relation, number in type_.columns}
    return places


class _Telling:
    """Tells the columns about one routine."""

    def __init__(
        self,
        routine: Routine,
        report: RoutineReport,
        object_: str,
        drafts: dict[ColumnName, Draft],
        triggers: dict[int, list[TriggerRow]],
    ) -> None:
        self._routine = routine
        self._report = report
        self._object = object_
        self._drafts = drafts
        self._triggers = triggers

    def tell(self) -> None:
        """Add writers, dependents and findings."""
        places: dict[tuple[ColumnName, Effect], list[RoutinePlace]] = defaultdict(list)
        touched = set(self._report.touched)
        for place in self._report.places:
            touched |= place.columns
            for column in place.columns:
                places[column, place.effect].append(place)
        for column in sorted(touched & self._drafts.keys()):
            self._drafts[column].use("function source", self._object, FUNCTION_SOURCE)
        for (column, effect), found in sorted(places.items()):
            if column in self._drafts and effect in CODES:
                self._place(self._drafts[column], effect, found)
        written = dict(self._report.written)
        for (column, effect), found in sorted(places.items()):
            if effect is Effect.WRITES_NAIVE:
                best = max(place.certainty for place in found)
                written[column] = max(best, written.get(column, best))
        for column, certainty in sorted(written.items()):
            if column in self._drafts:
                self._writer(self._drafts[column], certainty)
        for column in sorted(touched & self._drafts.keys()):
            self._arguments(self._drafts[column], places)

    def _place(
        self, draft: Draft, effect: Effect, places: Sequence[RoutinePlace]
    ) -> None:
        words_ = described(places)
        running = self._running(draft)
        if effect is Effect.WRITES_NAIVE and running:
            for trigger in running:
                draft.note(
                    _TRIGGER_CODE, object=trigger.name, function=self._object, **words_
                )
        else:
            draft.note(CODES[effect], object=self._object, **words_)

    def _running(self, draft: Draft) -> list[TriggerRow]:
        return [
            trigger
            for trigger in self._triggers.get(draft.row.relation, ())
            if trigger.function == self._routine.oid and trigger.writes
        ]

    def _writer(self, draft: Draft, certainty: Certainty) -> None:
        running = self._running(draft)
        for trigger in running:
            draft.writers += (
                Writer(
                    kind="trigger",
                    name=trigger.name,
                    certainty=certainty.word,
                    detail=self._object,
                ),
            )
        if not running:
            draft.writers += (
                Writer(
                    kind="function",
                    name=self._routine.signature,
                    certainty=certainty.word,
                ),
            )

    def _arguments(
        self,
        draft: Draft,
        places: dict[tuple[ColumnName, Effect], list[RoutinePlace]],
    ) -> None:
        found = self._report.naive_arguments
        met = [p for e in CODES for p in places.get((draft.full_name, e), ())]
        if found and met:
            from tzmigrate.inventory.routines.overloads import (  # noqa: PLC0415
                overload,
            )

            draft.note(
                "TZ173",
                object=self._object,
                places=", ".join(found),
                overload=overload(self._routine, "Z") or "one by hand",
            )


def described(places: Sequence[RoutinePlace]) -> dict[str, Any]:
    """Return what a finding says of places in one function, the surest first."""
    first = max(places, key=lambda p: (p.certainty, -p.line))
    return {
        "places": _places(places),
        "line": first.line,
        "excerpt": first.excerpt,
        "advice": first.suggestion,
    }


def _places(places: Sequence[RoutinePlace]) -> str:
    shown = [f"line {p.line} ({p.certainty.word})" for p in places[:_SHOWN]]
    more = len(places) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _unread_triggers(
    drafts: Iterable[Draft], triggers: dict[int, list[TriggerRow]], readable: set[int]
) -> None:
    """Tell of triggers whose function has no text, but gets a column's name."""
    for draft in drafts:
        for trigger in triggers.get(draft.row.relation, ()):
            if (
                trigger.writes
                and trigger.function not in readable
                and draft.row.column in arguments(trigger)
            ):
                function = f"function {trigger.function_name}"
                draft.writers += (
                    Writer(
                        kind="trigger",
                        name=trigger.name,
                        certainty=Certainty.LIKELY.word,
                        detail=function,
                    ),
                )
                draft.note("TZ174", object=trigger.name, function=function)


def _mentions(drafts: Sequence[Draft], functions: Iterable[FunctionRow]) -> None:
    """Tell columns of other families which functions have both names in their text."""
    for function in functions:
        found = mentions(function)
        for draft in drafts:
            if draft.row.column in found and draft.row.relname in found:
                draft.use("function source", function.name, FUNCTION_SOURCE)
                draft.note(
                    "TZ172",
                    object=function.name,
                    places="line 1 (possible)",
                    line=1,
                    excerpt=draft.row.column,
                    advice=f"functions are not followed for {draft.row.type}: read it",
                )
