"""What each family of naive time becomes, and by which cast.

Rules of postgres-facts.md section 10. A moment alone has ``AT TIME ZONE``, and a range
an expression made of it; the others have a cast that reads the session's zone, which
is therefore pinned to the zone of such a column.
"""

import re
from collections.abc import Iterable, Sequence
from enum import Enum

from tzmigrate.inventory.model import Column, Finding, Severity
from tzmigrate.planning.model import Group, PlannedColumn
from tzmigrate.postgres.quoting import quote_literal, readable_name

WIDENED_CODE = "TZ333"
TYPE_CODE = "TZ334"
ZONES_CODE = "TZ331"
DEFAULT_CODE = "TZ332"

_MOMENT = re.compile(r"timestamp(?P<precision>\([0-6]\))? without time zone")
_RANGES = {"tsrange": "tstzrange", "tsmultirange": "tstzmultirange"}
_FULL = frozenset(("timestamp with time zone", "timestamp(6) with time zone"))
_NARROW = re.compile(r"timestamp\([0-5]\) ")


class Cast(Enum):
    """How a value gets from naive to zoned, and back."""

    ZONE = "AT TIME ZONE"
    """A moment; the bare cast does the same under its zone."""
    BOUNDS = "bound by bound"
    """A range."""
    ELEMENTS = "element by element"
    """An array of moments: the bare cast, for which there is no other way."""
    TEXT = "through text"
    """What has neither: its text is read in the session's zone."""


def cast_of(type_name: str) -> Cast | None:
    """Return how a built-in type converts; ``None`` where it does not.

    Args:
        type_name: ``format_type`` of the naive type.

    >>> cast_of("timestamp(3) without time zone"), cast_of("tsrange")
    (<Cast.ZONE: 'AT TIME ZONE'>, <Cast.BOUNDS: 'bound by bound'>)
    >>> cast_of("timestamp without time zone[]"), cast_of("tsmultirange[]")
    (<Cast.ELEMENTS: 'element by element'>, <Cast.TEXT: 'through text'>)
    """
    element = type_name.removesuffix("[]")
    if _MOMENT.fullmatch(element):
        return Cast.ZONE if element == type_name else Cast.ELEMENTS
    if type_name == "tsrange":
        return Cast.BOUNDS
    return Cast.TEXT if element in _RANGES else None


def label(column: Column) -> str:
    """Return how a column's type is named in plan and ledger.

    A type of the users' own keeps its name, so it is said whether its time is naive;
    the support's ``type_label`` says the same.
    """
    if cast_of(column.type) is not None:
        return column.type
    return f"{column.type}{_NAIVE}"


def how(column: PlannedColumn) -> Cast:
    """Return how a column that converts does so."""
    found = cast_of(column.base or column.type_before)
    # what has no cast of its own has a text
    return found or Cast.TEXT


_NAIVE = " without time zone"


def zoned_type(type_name: str, *, widen: bool = False) -> str:
    """Return the zoned type for a naive one, both as ``format_type`` prints them.

    Args:
        type_name: the naive type.
        widen: drop a precision below six.

    >>> zoned_type("timestamp(3) without time zone")
    'timestamp(3) with time zone'
    >>> zoned_type("timestamp(3) without time zone[]", widen=True)
    'timestamp with time zone[]'
    >>> zoned_type("tsrange")
    'tstzrange'
    """
    element = type_name.removesuffix("[]")
    dimensions = type_name.removeprefix(element)
    if element in _RANGES:
        return _RANGES[element] + dimensions
    zoned = element.replace("without time zone", "with time zone")
    if widen:
        zoned = _NARROW.sub("timestamp ", zoned)
    return zoned + dimensions


def is_free(column: PlannedColumn) -> bool:
    """Tell whether under UTC a column changes in the catalog alone (section 1)."""
    return how(column) is Cast.ZONE and column.type_after in _FULL


def is_free_back(column: PlannedColumn) -> bool:
    """Tell the same of the way back, where a precision cuts what was written since."""
    return is_free(column) and not _NARROW.match(column.base or column.type_before)


def bound_zones(columns: Iterable[PlannedColumn]) -> tuple[str, ...]:
    """Return the zones in which the session must be for some columns, first first."""
    return tuple(
        dict.fromkeys(
            c.zone or "UTC" for c in columns if how(c) in {Cast.ELEMENTS, Cast.TEXT}
        )
    )


def needs_session(column: PlannedColumn) -> bool:
    """Tell whether a column converts by the session's zone alone."""
    return bool(bound_zones((column,)))


def using(
    column: PlannedColumn, name: str, target: str, zone: str, *, back: bool
) -> str:
    """Return the ``USING`` clause of a column, empty where the bare cast must do.

    Args:
        column: what converts.
        name: its name, quoted where needed.
        target: the type it gets, in its short spelling.
        zone: as SQL names it.
        back: it becomes naive again.
    """
    cast = how(column)
    if cast is Cast.ZONE:
        return f"USING {name} AT TIME ZONE {quote_literal(zone)}"
    if cast is Cast.BOUNDS:
        bounds = BOUNDS.replace("{type}", "tsrange" if back else "tstzrange")
        return (
            f"USING {bounds.replace('{zone}', quote_literal(zone)).replace('{}', name)}"
        )
    if cast is Cast.TEXT:
        return f"USING {name}::text::{target}"
    return ""


BOUNDS = (
    "CASE WHEN isempty({}) THEN 'empty'::{type} WHEN NOT isempty({}) THEN"
    " {type}(lower({}) AT TIME ZONE {zone}, upper({}) AT TIME ZONE {zone},"
    " CASE WHEN lower_inc({}) THEN '[' ELSE '(' END"
    " || CASE WHEN upper_inc({}) THEN ']' ELSE ')' END) END"
)
"""NULL, empty and unbounded ranges stay what they are.

Without ``IS NULL``, which USING must not hold: ALTER TABLE parses it once more for each
partition or child whose columns have other numbers, and PostgreSQL (13 to 18) changes
it in place the first time: ``attribute 3 of type p has wrong type``.
"""


def widened(groups: Sequence[Group]) -> tuple[Finding, ...]:
    """Say of columns that lose a precision what that comes to."""
    return tuple(
        Finding(
            code=WIDENED_CODE,
            severity=Severity.INFO,
            message=f"{readable_name(c.schema, c.relation, c.column)} was "
            f"{c.type_before} and becomes {c.type_after}: values written afterwards "
            "keep their microseconds, and a downgrade rounds these",
            hint='Set precision = "keep" under [policy] if writers rely on the '
            "rounding; the table is rewritten then, in every zone.",
        )
        for group in groups
        for c in group.converted
        if _NARROW.match(c.type_before) and not _NARROW.match(c.type_after)
    )
