"""What the user asked for, and what earlier plans wrote."""

from collections.abc import Mapping
from dataclasses import dataclass, field

Names = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the user asked for (``[policy]``, design section 5).

    Attributes:
        lock_timeout: as PostgreSQL reads it.
        precision: ``widen`` drops a precision below six, ``keep`` keeps it.
        domains: ``zoned`` replaces a domain by a zoned one, ``base`` takes columns
            out of it.
        max_lock_ms: budget for one ACCESS EXCLUSIVE lock, in milliseconds.
        accept: codes of findings that shall not stop the plan.
    """

    gap: str = "refuse"
    overlap: str | None = None
    using: str = "auto"
    proof: str = "auto"
    precision: str = "keep"
    domains: str = "zoned"
    max_lock_ms: int = 5000
    lock_timeout: str = "2s"
    accept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedBefore:
    """A column that the revision of an earlier plan converts.

    Attributes:
        revision, file: its identifier, and the file's name.
        type_before, zone: what the revision was written for.
        done: the ledger says that it ran.
    """

    revision: str
    file: str
    type_before: str
    zone: str
    done: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What earlier plans wrote: steps taken, and columns with their revision."""

    slugs: frozenset[str] = frozenset()
    columns: Mapping[Names, PlannedBefore] = field(default_factory=dict)
