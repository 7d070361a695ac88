"""The nouns of the zones room: what a column's values mean."""

from dataclasses import dataclass
from enum import StrEnum


class Basis(StrEnum):
    """Why a zone is believed."""

    DECLARED = "declared"
    SHOWN = "shown"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class ByColumn:
    """The row says its zone: another column of the table holds an IANA name."""

    column: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Eras:
    """The zone changed once: ``before`` up to the wall clock ``until``, ``then`` after."""

    until: str
    before: str
    then: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """Wall-clock time on purpose: never convert, never warn."""


Meaning = str | ByColumn | Eras | Keep
"""An IANA zone name (``str``), or one of the other things a setting can say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What follows for one column.

    Attributes:
        meaning: ``None`` exactly when ``basis`` is undecided.
        source: the pattern or option that decided, for messages.
        gap: rows whose wall clock the zone skips; ``None`` where not counted.
        overlap: rows whose wall clock the zone has twice; ``None`` where not counted.
    """

    basis: Basis
    meaning: Meaning | None = None
    source: str = ""
    gap: int | None = None
    overlap: int | None = None

    @property
    def zone(self) -> str | None:
        """The one IANA zone of all values, if there is one."""
        return self.meaning if isinstance(self.meaning, str) else None


FIXED_ZERO = frozenset(
    name.lower()
    for name in (
        "UTC UCT Universal Zulu GMT GMT0 GMT+0 GMT-0 Greenwich Etc/UTC Etc/UCT "
        "Etc/Universal Etc/Zulu Etc/GMT Etc/GMT0 Etc/GMT+0 Etc/GMT-0 Etc/Greenwich"
    ).split()
)
"""Zones that never had another offset than 0 (postgres-facts.md section 1)."""


def is_utc(zone: str) -> bool:
    """Tell whether a zone has always been UTC, so that no heap rewrite is needed.

    >>> is_utc("Etc/UTC"), is_utc("Europe/London")
    (True, False)
    """
    return zone.lower() in FIXED_ZERO
