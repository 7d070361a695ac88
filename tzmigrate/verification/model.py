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


class Ground(StrEnum):
    """What is known of a conversion that somebody made by hand, strongest first."""

    PROVED = "proved"
    """Every row was compared with the naive column that still stood beside it."""
    SHOWN = "shown"
    """The data has what a conversion in the declared zone leaves behind."""
    UNPROVED = "unproved"
    """Nothing speaks for it, and nothing against."""
    CONTRADICTED = "contradicted"
    """The data speaks against it, and a person accepted that."""

    @property
    def doubtful(self) -> bool:
        """Nobody could show that the conversion was right."""
        return self in {Ground.UNPROVED, Ground.CONTRADICTED}


LEVELS = ("auto", "physical", "sample", "full")


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
        fingerprint_before: of the whole column, recorded by the step.
        fingerprint: of the whole column now, where all rows were read.
        old_column: a column of the same table that every row was compared with.
        adopted: somebody converted it by hand, and this is what is known of that;
            ``None`` where the step converted it. All else is said of the time since.
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
    fingerprint_before: str | None = None
    fingerprint: str | None = None
    old_column: str | None = None
    adopted: Ground | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which server answered, and to whom.

    Attributes:
        version: ``server_version``.
        system_identifier: of the cluster; ``None`` where the role may not ask for it.
        role: who compared, as the server knows it.
        standby: the values were read from a replica.
        tool: version of tzmigrate.
    """

    version: str
    database_oid: int
    system_identifier: str | None
    role: str
    standby: bool
    tool: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What one table was compared with, as its step recorded it, and how.

    Attributes:
        direction: ``up`` or ``down``.
        recorded_at: when the step was done; ISO 8601, UTC.
        recorded_by: the role that ran it.
        version: ``server_version`` then.
        system_identifier: of the cluster then.
        rows: of the whole table, where all of them were compared then.
        rows_recorded: of the sample.
        sha256: of everything that the ledger holds for this table, so that a later
            look shows whether it is still the same.
        statements: the SQL that compared; it runs in psql as it stands.
    """

    step: str
    schema: str
    relation: str
    direction: str
    revision: str
    recorded_at: str
    recorded_by: str
    version: str
    system_identifier: str | None
    transaction_ids: tuple[int, ...]
    rows: int | None
    rows_recorded: int
    sha256: str
    statements: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The proof for every column that the ledger knows; kept, it is a certificate.

    Attributes:
        database: name of the database that was read.
        at: the server's ``now()`` in UTC, ISO 8601 text.
        level: what was asked for: ``auto``, ``physical``, ``sample`` or ``full``.
        ended_early: a timeout, a lock or somebody ended it before all was compared.
    """

    outcome: Outcome
    database: str
    at: str
    level: str = "auto"
    server: Identity | None = None
    columns: tuple[ColumnProof, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    findings: tuple[Finding, ...] = ()
    ended_early: bool = False
