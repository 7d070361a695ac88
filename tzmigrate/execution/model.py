"""The nouns of a run: what was done, what is pending, what to run next."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from tzmigrate.execution.words import ALEMBIC, Words
from tzmigrate.inventory.model import Finding
from tzmigrate.verification.model import Ground, OffsetCount


class StepState(StrEnum):
    """Where one planned step stands, by ledger, version table and file."""

    DONE = "done"
    PENDING = "pending"
    ROLLED_BACK = "rolled back"
    INTERRUPTED = "interrupted"
    """The team's record of what is applied and the ledger disagree."""
    DRIFT = "drift"
    """The ledger says done, and the column's type says otherwise, or the reverse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStatus:
    """One planned step.

    Attributes:
        step: its name in the ledger (``support`` for the first revision).
        revision: the identifier of its revision.
        schema: of the tenant for whom it is; empty where there are no tenants.
        tables: qualified, quoted names.
        at: when the ledger recorded it, ISO 8601 in UTC, or ``None``.
        note: why it is interrupted or drifted; empty otherwise.
    """

    step: str
    revision: str
    state: StepState
    schema: str = ""
    tables: tuple[str, ...] = ()
    columns: int = 0
    at: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What ``status`` shows."""

    database: str
    steps: tuple[StepStatus, ...]
    next_command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRun:
    """One revision that ``apply`` or ``rollback`` ran.

    Attributes:
        attempts: how often it was tried (locks not obtained are tried again).
        seconds: duration of the attempt that succeeded.
    """

    step: str
    revision: str
    attempts: int
    seconds: float
    tables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What ``apply`` or ``rollback`` did.

    Attributes:
        direction: ``up`` or ``down``.
        pending: revisions that were left for a later run.
        written: a new revision file that ``rollback --as-revision`` wrote.
        notes: what to do next, in lines.
    """

    direction: str
    steps: tuple[StepRun, ...]
    pending: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptedColumn:
    """A column that somebody converted by hand, as the ledger has it from now on.

    Attributes:
        type: as ``format_type`` prints it.
        zone: in which it is said to have been converted.
        step: its name in the ledger.
        revision: that was written to convert it; ``None`` where none was.
        conversion: what is known of it.
        why: the same in words.
        rows_compared: with the old column.
        offsets: of rows that differ from the old column, or of all where the data
            speaks for another zone.
    """

    schema: str
    relation: str
    column: str
    type: str
    zone: str
    step: str
    revision: str | None
    conversion: Ground
    why: str
    rows_compared: int = 0
    offsets: tuple[OffsetCount, ...] = ()
    old_column: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """What ``adopt`` found and recorded.

    Attributes:
        recorded: the ledger has it; false for a dry run, and where the answer was no.
        notes: what to do next, in lines.
    """

    database: str
    columns: tuple[AdoptedColumn, ...]
    findings: tuple[Finding, ...] = ()
    recorded: bool = False
    notes: tuple[str, ...] = ()
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """One run of the migrations: ``env.py`` may run them for several schemas.

    Attributes:
        schema: what a name without its schema stands for: the first schema of the
            ``search_path`` that exists; ``None`` where none does.
        heads: what the version table holds.
    """

    schema: str | None
    heads: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The database that the team's way of migrating reaches, and how it goes about it.

    Attributes:
        system_identifier: of the server, or ``None`` where the role may not ask.
        tenants: one for each run of the migrations; one where there are no tenants.
            What they hold is for scripts what the ledger says.
        version_table, version_table_schema: of the first of them.
        time_zone: what the session had when ``env.py`` began its migrations.
        isolation: ``transaction_isolation`` of that session.
        transactional: statements share a transaction; false under AUTOCOMMIT.
        words: what messages call that way.
        begun: a transaction was open before Alembic began, which is not Alembic's to
            end: ``transaction_per_migration`` has no effect.
    """

    system_identifier: str | None
    database: str
    database_oid: int
    role: str
    server_version: int
    tenants: tuple[Tenant, ...]
    version_table: str
    version_table_schema: str | None
    driver: str
    time_zone: str
    isolation: str
    transactional: bool
    words: Words = ALEMBIC
    begun: bool = False

    @property
    def heads(self) -> tuple[str, ...]:
        """What the version tables of all tenants hold."""
        return tuple(dict.fromkeys(head for t in self.tenants for head in t.heads))


class Migrations(Protocol):
    """How single revisions are run: Alembic's way, the team's own, or plain SQL."""

    def identify(self) -> Identity:
        """Find out which database it reaches, and what is applied there.

        Raises:
            Refused: it reaches no PostgreSQL database, or several.
            Unavailable: the server cannot be reached.
        """

    def upgrade(self, revision: str) -> str | None:
        """Run every revision up to this one.

        Returns:
            What is to be told of it, if anything.

        Raises:
            TzmigrateError: what the revision or the server said.
        """

    def downgrade(self, revision: str) -> str | None:
        """Take one revision back.

        Args:
            revision: as ``alembic downgrade`` takes it: ``ABOVE@BELOW`` takes back
                what is above and stops at what is below; ``base`` is below the first.

        Returns:
            What is to be told of it, if anything.

        Raises:
            TzmigrateError: what the revision or the server said.
        """
