"""The JSON documents: what scripts rely on, described by JSON Schemas.

A field is never renamed, taken out or given another meaning without a new
``version``; new fields may come.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from tzmigrate.backup.model import Backup, Kept, Restoration, Shelf, Since
from tzmigrate.execution.model import Adoption, Run, Status, StepState
from tzmigrate.inventory.model import Family, Inventory, RelKind, Role, Severity
from tzmigrate.planning.model import Action, DependentKind, Plan, Strategy, Way
from tzmigrate.reporting.console import Result
from tzmigrate.verification.model import Ground, Outcome, Proof
from tzmigrate.zones.model import Basis, Survey, Verdict

Verdicts = Mapping[tuple[str, str, str], Verdict]

_BEYOND_ASCII = re.compile(r"[^ -~\n]")
"""In JSON such characters stand inside strings only, so each can be escaped."""


def _encodable(path: object) -> str:
    """Write a path that may hold bytes which are no text."""
    return str(path).encode("utf-8", "backslashreplace").decode("utf-8")


Path = Annotated[str, BeforeValidator(_encodable)]
Letter = Annotated[RelKind, PlainSerializer(lambda kind: kind.value, return_type=str)]


class _Entry(BaseModel):
    model_config = ConfigDict(
        from_attributes=True, frozen=True, use_attribute_docstrings=True
    )


class FindingEntry(_Entry):
    """One thing to know, with what to do about it."""

    code: str
    severity: Severity
    message: str
    hint: str


class DependentEntry(_Entry):
    """A database object that leans on a column."""

    kind: str
    name: str
    code: str


class IndexEntry(_Entry):
    """An index that uses a column."""

    name: str
    definition: str
    unique: bool
    constraint: str | None
    """pg_constraint.contype: p, u, x, or null."""
    key: bool
    """The column is a key, so the index is rebuilt."""
    plain: bool
    valid: bool
    bytes: int


class WriterEntry(_Entry):
    """A default, trigger or function that assigns a column."""

    kind: str
    name: str
    certainty: str
    detail: str


class ZoneSettingEntry(_Entry):
    """A TimeZone that new sessions get."""

    scope: str
    zone: str
    role: str | None


class ServerEntry(_Entry):
    """The server and database that were read."""

    version: int
    """server_version_num."""
    version_text: str
    database: str
    database_oid: int
    system_identifier: str | None
    role: str
    superuser: bool
    zones: tuple[ZoneSettingEntry, ...]
    extensions: tuple[str, ...]


class RelationEntry(_Entry):
    """A relation that has at least one column of naive time."""

    schema_: str = Field(alias="schema")
    relation: str = Field(validation_alias="name")
    relkind: Letter
    owner: str
    owned: bool
    rows: int
    """The planner's estimate; -1 where the table was never analysed."""
    bytes: int
    leaves: int
    key: tuple[str, ...]
    engine: str | None
    row_security: bool
    zoned: tuple[str, ...]


class VerdictEntry(_Entry):
    """What a column's values mean, and why that is believed."""

    basis: Basis
    meaning: Literal["zone", "column", "eras", "keep"] | None
    zone: str | None
    source: str
    gap: int | None
    overlap: int | None


class ColumnEntry(_Entry):
    """One attribute that is, or contains, naive time."""

    schema_: str = Field(alias="schema")
    relation: str
    column: str
    relkind: Letter
    type: str
    """As format_type prints it."""
    family: Family
    role: Role
    nullable: bool
    default: str | None
    rows: int
    """The planner's estimate; -1 where the table was never analysed."""
    bytes: int
    indexes: tuple[IndexEntry, ...]
    dependents: tuple[DependentEntry, ...]
    writers: tuple[WriterEntry, ...]
    findings: tuple[FindingEntry, ...]
    verdict: VerdictEntry | None = None
    """What the evidence says; null where it was not asked for."""


class InventoryDocument(_Entry):
    """What `tzmigrate scan --format json` prints."""

    document: Literal["tzmigrate.inventory"] = "tzmigrate.inventory"
    version: Literal[1] = 1
    server: ServerEntry
    relations: tuple[RelationEntry, ...]
    columns: tuple[ColumnEntry, ...]
    findings: tuple[FindingEntry, ...]


class RelationNameEntry(_Entry):
    """A relation's name, unquoted."""

    schema_: str = Field(alias="schema")
    relation: str = Field(validation_alias="name")


class PlannedColumnEntry(_Entry):
    """One column and what becomes of it."""

    schema_: str = Field(alias="schema")
    relation: str
    column: str
    type_before: str
    type_after: str
    zone: str | None
    action: Action
    code: str | None
    """Explains keep and refuse."""
    reason: str
    hint: str
    default_before: str | None
    default_after: str | None
    planned_in: str | None
    """The revision of an earlier plan that converts it already."""


class PlannedDependentEntry(_Entry):
    """What leans on converted columns and is made anew with them."""

    kind: DependentKind
    relation: str
    """What it stands on, or itself, as SQL names it."""
    name: str | None
    """Of a part of a relation, unquoted."""
    way: Way
    zoned: tuple[str, ...]
    """Columns of a view that become timestamptz."""


class GroupEntry(_Entry):
    """Relations that convert together, by one revision."""

    slug: str
    relations: tuple[RelationNameEntry, ...]
    columns: tuple[PlannedColumnEntry, ...]
    dependents: tuple[PlannedDependentEntry, ...]
    strategy: Strategy
    revision: str | None
    path: Path | None
    session_zone: str
    rows: int
    bytes: int
    lock_estimate_ms: int
    lock_reason: str


class PlanDocument(_Entry):
    """What `tzmigrate plan --format json` prints."""

    document: Literal["tzmigrate.plan"] = "tzmigrate.plan"
    version: Literal[1] = 1
    server: ServerEntry
    dry_run: bool
    lock_timeout: str
    groups: tuple[GroupEntry, ...]
    findings: tuple[FindingEntry, ...]
    decisions: tuple[FindingEntry, ...]
    """Not empty: a person must decide, and nothing was written."""
    next_for_application: tuple[str, ...]
    written: tuple[Path, ...]
    tried_on: str | None
    """Where every revision went up, down and up again; null: nowhere."""


class OffsetEntry(_Entry):
    """How many compared rows moved by one offset."""

    offset: str
    count: int


class ColumnProofEntry(_Entry):
    """What was compared for one column, to the microsecond."""

    schema_: str = Field(alias="schema")
    relation: str
    column: str
    step: str
    revision: str
    state: str
    level: str
    outcome: Outcome
    rows_compared: int
    rows_total: int
    shifted: int
    changed: int
    missing: int
    offsets: tuple[OffsetEntry, ...]
    period: tuple[str, str] | None
    confidence: str
    note: str
    fingerprint_before: str | None
    """Of the whole column, recorded by the step; null: recorded rows only."""
    fingerprint: str | None
    """Of the whole column now; null: not read."""
    old_column: str | None
    """Of the same table, with which every row was compared; null: none."""
    adopted: Ground | None
    """Somebody converted it by hand, and this is what is known of that: all else is
    said of the time since; null: its step converted it."""


class IdentityEntry(_Entry):
    """Which server answered, and to whom."""

    version: str
    database_oid: int
    system_identifier: str | None
    role: str
    standby: bool
    """The values were read from a replica."""
    tool: str
    """Version of tzmigrate."""


class BaselineEntry(_Entry):
    """What one table was compared with, as its step recorded it, and how."""

    step: str
    schema_: str = Field(alias="schema")
    relation: str
    direction: str
    revision: str
    recorded_at: str
    recorded_by: str
    version: str
    system_identifier: str | None
    transaction_ids: tuple[int, ...]
    rows: int | None
    """Of the whole table, where all of them were compared then."""
    rows_recorded: int
    sha256: str
    """Of everything that the ledger holds for this table."""
    statements: tuple[str, ...]
    """The SQL that compared; it runs in psql as it stands."""


class ProofDocument(_Entry):
    """What `tzmigrate verify --format json` prints: a certificate, when kept."""

    document: Literal["tzmigrate.proof"] = "tzmigrate.proof"
    version: Literal[1] = 1
    outcome: Outcome
    database: str
    at: str
    level: str
    server: IdentityEntry | None
    columns: tuple[ColumnProofEntry, ...]
    baselines: tuple[BaselineEntry, ...]
    ended_early: bool
    """A timeout, a lock or somebody ended it before all was compared."""
    findings: tuple[FindingEntry, ...]


class StepStatusEntry(_Entry):
    """Where one planned step stands."""

    step: str
    revision: str
    state: StepState
    schema_: str = Field(alias="schema")
    """Of the tenant for whom it is; empty where there are no tenants."""
    tables: tuple[str, ...]
    columns: int
    at: str | None
    note: str


class StatusDocument(_Entry):
    """What `tzmigrate status --format json` prints."""

    document: Literal["tzmigrate.status"] = "tzmigrate.status"
    version: Literal[1] = 1
    database: str
    steps: tuple[StepStatusEntry, ...]
    next_command: Path


class StepRunEntry(_Entry):
    """One revision that was run."""

    step: str
    revision: str
    tables: tuple[str, ...]
    attempts: int
    seconds: float


class RunDocument(_Entry):
    """What `tzmigrate apply` and `rollback` print with `--format json`."""

    document: Literal["tzmigrate.run"] = "tzmigrate.run"
    version: Literal[1] = 1
    direction: str
    dry_run: bool
    steps: tuple[StepRunEntry, ...]
    pending: tuple[str, ...]
    written: tuple[Path, ...]
    notes: tuple[str, ...]


class AdoptedColumnEntry(_Entry):
    """A column that somebody converted by hand, and what is known of that."""

    schema_: str = Field(alias="schema")
    relation: str
    column: str
    type: str
    """As format_type prints it."""
    zone: str
    """In which it is said to have been converted."""
    step: str
    revision: str | None
    """That was written to convert it; null: none was."""
    conversion: Ground
    why: str
    rows_compared: int
    """With the old column."""
    offsets: tuple[OffsetEntry, ...]
    """Of rows that differ from the old column, or of all where another zone fits."""
    old_column: str | None


class AdoptionDocument(_Entry):
    """What `tzmigrate adopt --format json` prints."""

    document: Literal["tzmigrate.adoption"] = "tzmigrate.adoption"
    version: Literal[1] = 1
    database: str
    recorded: bool
    """The ledger has it."""
    dry_run: bool
    columns: tuple[AdoptedColumnEntry, ...]
    findings: tuple[FindingEntry, ...]
    notes: tuple[str, ...]


class KeptEntry(_Entry):
    """A backup in a list."""

    path: Path
    at: str
    database: str
    bytes: int
    plan: str | None
    verified: bool
    restored: bool
    """It was restored, be it by trial."""
    restore_seconds: float | None
    fate: str
    """What `prune` does with it; empty elsewhere."""


class BackupDocument(_Entry):
    """What `tzmigrate backup create` and `backup verify` print with `--format json`."""

    document: Literal["tzmigrate.backup"] = "tzmigrate.backup"
    version: Literal[1] = 1
    path: Path
    backup: Backup
    """What `backup_metadata.json` says, but for the values of settings with a dot in
    their names: they may be secrets."""
    findings: tuple[FindingEntry, ...]
    notes: tuple[str, ...]


class BackupsDocument(_Entry):
    """What `tzmigrate backup list` and `backup prune` print with `--format json`."""

    document: Literal["tzmigrate.backups"] = "tzmigrate.backups"
    version: Literal[1] = 1
    path: Path
    now: str
    backups: tuple[KeptEntry, ...]
    broken: tuple[tuple[Path, str], ...]
    """Directories that are no whole backup, and why."""
    dry_run: bool
    pruned: bool


class RestorationDocument(_Entry):
    """What `tzmigrate restore --format json` prints."""

    document: Literal["tzmigrate.restoration"] = "tzmigrate.restoration"
    version: Literal[1] = 1
    source: Path
    database: str
    tables: tuple[str, ...]
    schema_: str | None = Field(alias="schema", validation_alias="schema")
    swapped: str | None
    """What the database is called now that had the name before."""
    seconds: float
    since: tuple[Since, ...]
    """What is not in the backup."""
    safety: Path | None
    notes: tuple[str, ...]
    dry_run: bool


Document = (
    InventoryDocument
    | PlanDocument
    | ProofDocument
    | StatusDocument
    | RunDocument
    | AdoptionDocument
    | BackupDocument
    | BackupsDocument
    | RestorationDocument
)

DOCUMENTS: dict[str, type[_Entry]] = {
    "adoption": AdoptionDocument,
    "backup": BackupDocument,
    "backups": BackupsDocument,
    "inventory": InventoryDocument,
    "plan": PlanDocument,
    "proof": ProofDocument,
    "restoration": RestorationDocument,
    "run": RunDocument,
    "status": StatusDocument,
}
"""Each document by the name of its schema file."""


def document_of(result: Result) -> Document:  # noqa: PLR0911  one for each
    """Turn any result into its document."""
    match result:
        case Survey():
            document = InventoryDocument.model_validate(result)
            return _with_verdicts(document, result.verdicts)
        case Inventory():
            return InventoryDocument.model_validate(result)
        case Plan():
            return PlanDocument.model_validate(result)
        case Proof():
            return ProofDocument.model_validate(result)
        case Status():
            return StatusDocument.model_validate(result)
        case Run():
            return RunDocument.model_validate(result)
        case Adoption():
            return AdoptionDocument.model_validate(result)
        case Kept():
            database = result.backup.database.told()
            return BackupDocument.model_validate(
                replace(result, backup=replace(result.backup, database=database))
            )
        case Shelf():
            return BackupsDocument.model_validate(
                {
                    "path": result.path,
                    "now": result.now,
                    "backups": [_kept(kept) for kept in result.backups],
                    "broken": result.broken,
                    "dry_run": result.dry_run,
                    "pruned": result.pruned,
                }
            )
        case Restoration():
            return RestorationDocument.model_validate(result)


def _kept(kept: Kept) -> KeptEntry:
    backup = kept.backup
    return KeptEntry(
        path=kept.path,
        at=backup.at,
        database=backup.database.name,
        bytes=backup.bytes,
        plan=backup.plan,
        verified=backup.verified,
        restored=backup.restored,
        restore_seconds=backup.restore_seconds,
        fate=kept.fate,
    )


def as_json(document: Document) -> str:
    """Write a document in ASCII, so that no name can steer a terminal or a log."""
    text = document.model_dump_json(by_alias=True, indent=2)
    # C0 controls JSON escapes by itself; a regex over 17 million characters is felt
    if not text.isascii() or "\x7f" in text:
        text = _BEYOND_ASCII.sub(lambda match: json.dumps(match[0])[1:-1], text)
    return text + "\n"


def json_schema(name: str) -> dict[str, Any]:
    """Describe a document of :data:`DOCUMENTS` by a JSON Schema."""
    schema = DOCUMENTS[name].model_json_schema(mode="serialization", by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _with_verdicts(
    document: InventoryDocument, verdicts: Verdicts
) -> InventoryDocument:
    columns = tuple(
        column.model_copy(update={"verdict": _verdict(verdicts[name])})
        if (name := (column.schema_, column.relation, column.column)) in verdicts
        else column
        for column in document.columns
    )
    return document.model_copy(update={"columns": columns})


def _verdict(verdict: Verdict) -> VerdictEntry:
    kinds = {"str": "zone", "ByColumn": "column", "Eras": "eras", "Keep": "keep"}
    meaning = kinds.get(type(verdict.meaning).__name__)
    return VerdictEntry.model_validate(
        {
            "basis": verdict.basis,
            "meaning": meaning,
            "zone": verdict.zone,
            "source": verdict.source,
            "gap": verdict.gap,
            "overlap": verdict.overlap,
        }
    )
