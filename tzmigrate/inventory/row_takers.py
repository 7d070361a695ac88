"""Functions that take rows: for which columns the session's zone decides what they say.

What hands them a row keeps its meaning only if they do.
"""

from collections.abc import Iterable

from tzmigrate.inventory.routines.model import (
    LANGUAGES,
    ColumnName,
    Effect,
    RoutineReading,
    RoutineReport,
)
from tzmigrate.inventory.rows import FunctionRow
from tzmigrate.inventory.sources import words

_CHANGE = frozenset((Effect.SESSION_ZONE, Effect.RESULT_TYPE, Effect.CANNOT_BE_READ))
"""What is written inside is told as of any function; it is not what callers get."""


class RowTakers:
    """The functions with a text, as far as they may be handed rows.

    A body that is no text is what PostgreSQL knows the columns of, and is planned like
    a view.

    Args:
        functions: all with a text.
        reading: those that may meet a column of scalar type.
        rewrites: what is certain is rewritten by the revision.
    """

    def __init__(
        self,
        functions: Iterable[FunctionRow],
        reading: RoutineReading | None,
        *,
        rewrites: bool,
    ) -> None:
        self._functions = {row.oid: row for row in functions}
        self._reports = {r.oid: r for r in reading.reports} if reading else {}
        self._followed = reading.around.converting if reading else frozenset()
        self._rewrites = rewrites

    def asking(self, given: Iterable[int], column: ColumnName) -> list[FunctionRow]:
        """Return which functions answer by the session, once the column converts.

        Args:
            given: functions that are called with rows that hold it; what these hand
                them on to counts as well.
            column: of a table; for rows of a view, one that it passes on.
        """
        todo = list(given)
        for oid in todo:
            if (report := self._reports.get(oid)) is not None:
                todo += (r for r in sorted(report.handed_to) if r not in todo)
        known = [self._functions[oid] for oid in todo if oid in self._functions]
        return [row for row in known if self._asks(row, column)]

    def rewritten(self, function: FunctionRow) -> bool:
        """Tell whether the revision will make a function answer as it did."""
        return self._rewrites and self.certain(function)

    def certain(self, function: FunctionRow) -> bool:
        """Tell whether a function can be rewritten, as far as no zones are known."""
        report = self._reports.get(function.oid)
        return report is not None and _certain(report)

    def _asks(self, function: FunctionRow, column: ColumnName) -> bool:
        if function.language not in LANGUAGES:
            return True
        if column not in self._followed:
            # arrays, ranges and the like are not followed through a text
            return column[2] in words(function.source)
        report = self._reports.get(function.oid)
        return report is not None and any(
            column in place.columns
            for place in report.places
            if place.effect in _CHANGE
        )


def _certain(report: RoutineReport) -> bool:
    """Tell whether all places can be put right: a function is rewritten whole."""
    return bool(report.places) and all(
        place.change is not None
        for place in report.places
        if place.effect is not Effect.NAIVE_VARIABLE
    )
