"""The nouns of a backup: what was read, what was written, what was found later."""

from dataclasses import dataclass, replace
from enum import StrEnum

from tzmigrate.inventory.model import Finding, Severity

METADATA = "backup_metadata.json"
FULL = "full_backup.dump"
SCHEMA = "schema_backup.sql"
DATA = "data_backup.sql"
DATA_ARCHIVE = "data_backup.dump"
CRITICAL = "critical_tables_backup.sql"
GLOBALS = "globals.sql"
SETTINGS = "database_settings.json"
SUMMARY = "backup_metadata.txt"
STAMP = "%Y-%m-%dT%H:%M:%SZ"
"""How every time is written: ISO 8601, UTC."""


class Format(StrEnum):
    """What ``pg_dump`` wrote."""

    CUSTOM = "custom"
    DIRECTORY = "directory"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file of a backup.

    Attributes:
        name: seen from the backup's directory, with ``/`` between.
        bytes: its size.
        sha256: its digest, hexadecimal.
    """

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnState:
    """One planned column as it was in the moment of the backup.

    Attributes:
        type: as ``format_type`` prints it.
        zone: what its values mean, where one zone says it.
        values: rows in which it is not NULL.
        fingerprint: order-independent digest over (key, value), with the rows of
            children and partitions, as text of a numeric (postgres-facts.md
            section 13).
    """

    name: str
    type: str
    zone: str | None
    values: int
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableState:
    """One table as it was in the moment of the backup.

    Attributes:
        oid: names it in the archive's table of contents.
        kind: ``relkind``: ``r``, ``p`` (rows lie in its partitions), ``f`` (only its
            definition is dumped).
        rows: of the table itself; of a partitioned one with ``columns``, of all its
            partitions.
        key: columns whose values seed the fingerprints; empty where it has no key.
        columns: those that the plan converts.
    """

    oid: int
    schema: str
    name: str
    kind: str
    rows: int
    key: tuple[str, ...] = ()
    columns: tuple[ColumnState, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting of the database; with a role, of that role in the database.

    Attributes:
        value: ``None`` where it is kept back (``Database.told``).
    """

    role: str | None
    name: str
    value: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A ``TimeZone`` that new sessions get.

    Attributes:
        scope: ``server``, ``database``, ``role`` …
    """

    scope: str
    zone: str
    role: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A database, and what a dump of it does not hold.

    Attributes:
        oid: names it within its cluster.
        system_identifier: of the cluster; ``None`` where we may not ask.
        server: version of the server, as it prints it.
        version: ``server_version_num``.
        provider: of the locale: ``c`` libc, ``i`` ICU, ``b`` built in; ``None`` before
            15.
        grants: ``aclitem`` as text; ``None`` where nothing was ever granted.
        settings: by ``ALTER DATABASE`` and ``ALTER ROLE … IN DATABASE``.
        public: there is a schema ``public``.
        roles: all of the cluster but PostgreSQL's own.
    """

    name: str
    host: str
    port: int
    oid: int
    system_identifier: str | None
    server: str
    version: int
    encoding: str
    collate: str
    ctype: str
    provider: str | None
    locale: str | None
    icu_rules: str | None
    tablespace: str
    owner: str
    connection_limit: int
    template: bool
    comment: str | None
    grants: tuple[str, ...] | None
    settings: tuple[Setting, ...]
    public: bool = True
    zones: tuple[Zone, ...] = ()
    roles: tuple[str, ...] = ()

    def told(self) -> "Database":
        """Return it without values that only its application knows the meaning of.

        A setting with a dot in its name, such as ``app.jwt_secret``, may be a secret.
        """
        return replace(
            self,
            settings=tuple(
                replace(s, value=None) if "." in s.name else s for s in self.settings
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One verification.

    Attributes:
        at: ISO 8601, UTC.
        whole: nothing was found wrong.
        restored: it was restored by trial, and compared.
        opened: the archive was read; else digests were compared alone.
        restore_seconds: how long that took: what a restore is expected to take.
    """

    at: str
    whole: bool
    restored: bool
    opened: bool = True
    restore_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """One restore that was made from it.

    Attributes:
        at: ISO 8601, UTC.
        database: where to.
        tables: those that were restored; empty for all.
    """

    at: str
    database: str
    tables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds:
    """How long it took: the dump with the fingerprints beside it, and what followed."""

    dump: float
    derived: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """What ``backup_metadata.json`` says.

    Attributes:
        at: the moment that every part of it shows, ISO 8601, UTC.
        tool: our version.
        dump: version of ``pg_dump``.
        plan: digest of the planned revisions; ``None`` where nothing was planned.
        snapshot: as ``pg_current_snapshot()`` writes it; what its transactions do not
            see is not in the backup.
        running: 32-bit ids of transactions that ran then, with subtransactions.
        steps: how many planned steps the ledger had as done; ``None`` where it was not
            ours to believe.
        database_bytes: size of the database, with its indexes.
        partial: it holds some tables only.
        safety: a restore made it of what it replaced.
        recipient: whom it is encrypted to; ``None`` where it is not.
        sealer: ``age`` or ``gpg``, where it is encrypted.
        tables: all that hold rows of their own, and what is partitioned or foreign.
        checks: verifications, the oldest first.
    """

    at: str
    tool: str
    dump: str
    format: Format
    database: Database
    plan: str | None
    snapshot: str
    running: tuple[int, ...]
    steps: int | None
    database_bytes: int
    tables: tuple[TableState, ...]
    files: tuple[File, ...]
    seconds: Seconds
    partial: bool = False
    safety: bool = False
    recipient: str | None = None
    sealer: str | None = None
    checks: tuple[Check, ...] = ()
    restores: tuple[Restored, ...] = ()

    @property
    def bytes(self) -> int:
        """The size of all its files."""
        return sum(file.bytes for file in self.files)

    @property
    def verified(self) -> bool:
        """The last verification found nothing wrong."""
        return bool(self.checks) and self.checks[-1].whole

    @property
    def restored(self) -> bool:
        """It was restored as a whole, be it by trial."""
        whole = any(not restored.tables for restored in self.restores)
        return whole or any(check.restored for check in self.checks)

    @property
    def restore_seconds(self) -> float | None:
        """How long the last trial took."""
        known = [c.restore_seconds for c in self.checks if c.restore_seconds]
        return known[-1] if known else None

    @property
    def planned(self) -> tuple[TableState, ...]:
        """The tables of the plan."""
        return tuple(table for table in self.tables if table.columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """What was written to a table after the backup.

    Attributes:
        rows_then: that it had; ``None`` where it was not there.
        rows: that it has now; ``None`` where it is gone.
        written: rows of now that are newer than the backup; ``None`` where the server
            cannot tell, as after a restore.
    """

    schema: str
    name: str
    rows_then: int | None
    rows: int | None
    written: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """What ``restore`` did.

    Attributes:
        source: the directory of the backup.
        database: the one that was written to.
        swapped: the database had the name before, and what it is called now.
        seconds: from the first statement to the comparison.
        since: what is not in the backup.
        safety: the backup that was made of what was replaced.
        dry_run: nothing was done.
    """

    source: str
    database: str
    tables: tuple[str, ...] = ()
    schema: str | None = None
    swapped: str | None = None
    seconds: float = 0.0
    since: tuple[Since, ...] = ()
    safety: str | None = None
    notes: tuple[str, ...] = ()
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A backup where it lies.

    Attributes:
        path: its directory.
        findings: what was found wrong, when it was looked at.
        fate: what becomes of it, in a word or two: ``prune`` says so.
    """

    path: str
    backup: Backup
    findings: tuple[Finding, ...] = ()
    fate: str = ""
    notes: tuple[str, ...] = ()

    @property
    def broken(self) -> tuple[Finding, ...]:
        """What makes it no backup."""
        return tuple(f for f in self.findings if f.severity is Severity.BLOCKS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """What ``backup list`` and ``backup prune`` show.

    Attributes:
        path: the directory that holds the backups.
        now: ISO 8601, UTC.
        broken: directories that are no whole backup, and why.
        leftovers: those of them that ``backup prune`` takes away.
    """

    path: str
    now: str
    backups: tuple[Kept, ...]
    broken: tuple[tuple[str, str], ...] = ()
    leftovers: tuple[str, ...] = ()
    dry_run: bool = False
    pruned: bool = False
