"""The nouns of the proof: a recorded baseline against what the database holds now."""

from dataclasses import dataclass
from enum import StrEnum

from tzmigrate.inventory.model import Finding


class Outcome(StrEnum):
    """What a comparison showed, worst first."""

    SHIFTED = "shifted"
    """Rows that nobody wrote since hold another instant than before the conversion."""
    SUSPECT = "suspect"
    """Rows were written later, many of them moved by a common offset."""
    UNPROVED = "unproved"
    """The evidence does not carry a statement."""
    PROVED = "proved"


@dataclass(frozen=True, slots=True, kw_only=True)
class OffsetCount:
    """How many compared rows moved by one offset, ``+HH:MM:SS[.ffffff]``."""

    offset: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProof:
    """What was compared for one column, to the microsecond, and what came out.

    Attributes:
        level: ``physical``, ``sample`` or ``full``.
        state: ``zoned`` after an upgrade, ``naive`` after a downgrade.
        rows_compared: recorded rows that were found again and compared.
        rows_total: rows of the table now.
        shifted: compared rows that differ although nobody wrote them since.
        changed: rows that differ and were written since.
        missing: recorded rows that are gone.
        offsets: each offset found among differing rows, most frequent first.
        period: the first and the last wall clock, as it was before the conversion, of
            the shifted rows that were compared; ``None`` where that is not known.
        confidence: what the sample carries, as a sentence; empty where nothing does.
    """

    schema: str
    relation: str
    column: str
    step: str
    revision: str
    state: str
    level: str
    rows_compared: int
    rows_total: int
    shifted: int
    changed: int
    missing: int
    offsets: tuple[OffsetCount, ...]
    outcome: Outcome
    period: tuple[str, str] | None = None
    confidence: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The proof for every column that the ledger knows.

    Attributes:
        database: name of the database that was read.
        at: the server's ``now()`` in UTC, ISO 8601 text.
        ended_early: a timeout, a lock or somebody ended it before all was compared.
    """

    outcome: Outcome
    database: str
    at: str
    columns: tuple[ColumnProof, ...] = ()
    findings: tuple[Finding, ...] = ()
    ended_early: bool = False
