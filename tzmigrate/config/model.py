"""The nouns of the configuration, as the other rooms read them."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from tzmigrate.config.durations import milliseconds

CODE = re.compile(r"TZ[1-6][0-9]{2}")
"""What the code of a finding looks like."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ByColumn:
    """The row says its zone: another column of the table holds an IANA name."""

    column: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Eras:
    """The zone changed once: ``before`` until a wall clock, ``then`` from there on."""

    until: str
    before: str
    then: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """Wall-clock time on purpose: never convert, never warn."""


Meaning = str | ByColumn | Eras | Keep
"""An IANA zone name (``str``), or one of the other things a setting can say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneRule:
    """One line of ``[zones]``, or one ``--zone``.

    Attributes:
        pattern: three globs with dots between, ``schema.table.column``.
        source: where it was read, for messages.
    """

    pattern: str
    meaning: Meaning
    source: str = ""


class Gap(StrEnum):
    """What to do with local times that the zone skips."""

    REFUSE = "refuse"
    SHIFT = "shift"


class Overlap(StrEnum):
    """Which of two instants a local time means that the zone has twice."""

    LATER = "later"
    EARLIER = "earlier"
    BY_KEY = "by-key"


class Using(StrEnum):
    """When ``USING … AT TIME ZONE`` is written out."""

    AUTO = "auto"
    ALWAYS = "always"


class Views(StrEnum):
    """What becomes of a view's column that is a converted column and nothing else."""

    ZONED = "zoned"
    NAIVE = "naive"


class Precision(StrEnum):
    """What becomes of ``timestamp(p)`` with p below six."""

    KEEP = "keep"
    WIDEN = "widen"


class Domains(StrEnum):
    """What becomes of columns that have a domain over naive time."""

    ZONED = "zoned"
    BASE = "base"


class ProofLevel(StrEnum):
    """How much is compared before a conversion commits."""

    AUTO = "auto"
    PHYSICAL = "physical"
    SAMPLE = "sample"
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The table ``[policy]``.

    Attributes:
        overlap: ``None`` leaves a decision where overlap rows exist.
        max_lock: budget for an ACCESS EXCLUSIVE lock, as written.
        lock_timeout: how long one attempt waits in the queue, as PostgreSQL reads it.
        accept: codes of findings that shall no longer stop.
        rewrite_functions: put functions into the revision, where their rewrite is
            certain.
        precision: ``timestamp(p)`` becomes ``timestamptz(p)``, or ``timestamptz``,
            which spares the rewrite under UTC.
        domains: replace a domain by a zoned one of its name, or take columns out of it.
        views: bare columns of views become timestamptz, or every view keeps its types.
    """

    gap: Gap = Gap.REFUSE
    overlap: Overlap | None = None
    max_lock: str = "5s"
    lock_timeout: str = "2s"
    using: Using = Using.AUTO
    proof: ProofLevel = ProofLevel.AUTO
    accept: tuple[str, ...] = ()
    rewrite_functions: bool = False
    views: Views = Views.ZONED
    precision: Precision = Precision.KEEP
    domains: Domains = Domains.ZONED

    @property
    def max_lock_ms(self) -> int:
        """``max_lock`` in milliseconds."""
        return milliseconds(self.max_lock)

    @property
    def lock_timeout_ms(self) -> int:
        """``lock_timeout`` in milliseconds."""
        return milliseconds(self.lock_timeout)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanFilter:
    """The table ``[scan]``: globs that choose what is looked at.

    Attributes:
        table: globs over ``table`` or ``schema.table``.
        exclude: globs over the same, that win over the others.
    """

    schema: tuple[str, ...] = ()
    table: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Alembic:
    """The table ``[alembic]``; paths are made absolute, seen from the file.

    Attributes:
        version_path: directories of revisions that no configuration names.
        version_table: as SQL names it, where it cannot be told from others.
        upgrade, downgrade: the team's own commands, with ``{revision}`` in them.
    """

    ini: Path | None = None
    dir: Path | None = None
    version_path: tuple[Path, ...] = ()
    version_table: str | None = None
    upgrade: tuple[str, ...] = ()
    downgrade: tuple[str, ...] = ()


class SqlStyle(StrEnum):
    """How SQL scripts are named and wrapped."""

    PLAIN = "plain"
    FLYWAY = "flyway"
    DBMATE = "dbmate"
    SQITCH = "sqitch"
    DJANGO = "django"
    RAILS = "rails"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sql:
    """The table ``[sql]``; the path is made absolute, seen from the file.

    Attributes:
        style: ``None`` means that of the scripts there, else plain.
    """

    dir: Path | None = None
    style: SqlStyle | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowServer:
    """The table ``[shadow]``: where a plan is tried.

    Attributes:
        url: a server on which databases may be created; ``None`` means the one that
            is planned for.
    """

    url: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backups:
    """The table ``[backup]``; paths are made absolute, seen from the file.

    Attributes:
        dir: the directory that holds the backups; ``None`` means ``backups``.
        encrypt_to: whom every backup is encrypted for, with age or gpg.
        identity: the file with the private key, where it is age.
    """

    dir: Path | None = None
    encrypt_to: str | None = None
    identity: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything that can be configured.

    Attributes:
        default_source: where ``default_zone`` was read, for messages.
        alembic_source: where ``alembic`` was read, for messages.
        sql_source: the same for ``sql``.
        path: the file it was read from, ``None`` where there is none.
    """

    url: str | None = field(default=None, repr=False)
    zones: tuple[ZoneRule, ...] = ()
    default_zone: str | None = None
    default_source: str = ""
    policy: Policy = field(default_factory=Policy)
    scan: ScanFilter = field(default_factory=ScanFilter)
    alembic: Alembic = field(default_factory=Alembic)
    alembic_source: str = ""
    sql: Sql = field(default_factory=Sql)
    sql_source: str = ""
    shadow: ShadowServer = field(default_factory=ShadowServer)
    backup: Backups = field(default_factory=Backups)
    path: Path | None = None
