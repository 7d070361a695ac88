"""The nouns of a run: what was done, what is pending, what to run next."""

from dataclasses import dataclass
from enum import StrEnum


class StepState(StrEnum):
    """Where one planned step stands, by ledger, version table and file."""

    DONE = "done"
    PENDING = "pending"
    ROLLED_BACK = "rolled back"
    INTERRUPTED = "interrupted"
    """Alembic's version table and the ledger disagree."""
    DRIFT = "drift"
    """The ledger says done, and the column's type says otherwise, or the reverse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStatus:
    """One planned step.

    Attributes:
        step: its name in the ledger (``support`` for the first revision).
        revision: Alembic's identifier.
        tables: qualified, quoted names.
        at: when the ledger recorded it, ISO 8601 in UTC, or ``None``.
        note: why it is interrupted or drifted; empty otherwise.
    """

    step: str
    revision: str
    state: StepState
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
