"""The nouns of the zones room: what a column's values mean."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from tzmigrate.config.model import ByColumn, Eras, Keep, Meaning
from tzmigrate.inventory.model import Inventory

__all__ = [
    "FIXED_ZERO",
    "Basis",
    "ByColumn",
    "Eras",
    "Keep",
    "Meaning",
    "Survey",
    "Verdict",
    "is_utc",
]


class Basis(StrEnum):
    """Why a zone is believed."""

    DECLARED = "declared"
    SHOWN = "shown"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What follows for one column.

    Attributes:
        meaning: ``None`` exactly when ``basis`` is undecided.
        source: the pattern or option that decided, for messages.
        gap: rows whose wall clock the zone skips; ``None`` where not counted.
        overlap: rows whose wall clock the zone has twice; ``None`` where not counted.
        beyond: rows that conversion would move out of the range of the type.
    """

    basis: Basis
    meaning: Meaning | None = None
    source: str = ""
    gap: int | None = None
    overlap: int | None = None
    beyond: int | None = None

    @property
    def zone(self) -> str | None:
        """The one IANA zone of all values, if there is one."""
        return self.meaning if isinstance(self.meaning, str) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey(Inventory):
    """An inventory together with what is known of each column's zone.

    Attributes:
        verdicts: by schema, relation and column; stored columns only.
    """

    verdicts: Mapping[tuple[str, str, str], Verdict]


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
