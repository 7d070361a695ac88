"""The options, each described once; the verbs pick theirs by annotation."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from typer import Argument, BadParameter, Option


def named_path(text: str) -> Path:
    """Read a path; an empty one, as of a variable that is not set, is none.

    Raises:
        BadParameter: it is empty, which ``Path`` takes for the working directory.
    """
    if not text:
        msg = "the path is empty"
        raise BadParameter(msg)
    return Path(text)


class Format(StrEnum):
    """How a result is written."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


class Level(StrEnum):
    """How much ``verify`` compares."""

    AUTO = "auto"
    PHYSICAL = "physical"
    SAMPLE = "sample"
    FULL = "full"


class Style(StrEnum):
    """How ``plan`` names and wraps SQL scripts."""

    PLAIN = "plain"
    FLYWAY = "flyway"
    DBMATE = "dbmate"
    SQITCH = "sqitch"
    DJANGO = "django"
    RAILS = "rails"


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """What every verb takes."""

    url: str | None
    config: Path | None
    format: Format
    output: Path | None
    quiet: bool
    verbose: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Where the Alembic project is, or the SQL scripts are."""

    ini: Path | None
    directory: Path | None
    name: str
    x_arguments: tuple[str, ...]
    sql: Path | None = None
    style: Style | None = None
    version_paths: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Beforehand:
    """Whether ``apply`` makes a backup first, and how."""

    root: Path | None
    bin_dir: Path | None
    wanted: bool
    test_restore: bool
    identity: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which schemas and tables are looked at."""

    schemas: tuple[str, ...]
    tables: tuple[str, ...]
    excludes: tuple[str, ...]


Url = Annotated[
    str | None,
    Option(
        metavar="URL",
        help="The database, as a SQLAlchemy or libpq URL. Otherwise TZMIGRATE_URL, "
        "DATABASE_URL, tzmigrate.toml, alembic.ini, libpq's PG* variables.",
        show_default=False,
    ),
]
ConfigFile = Annotated[
    Path | None,
    Option(
        "--config",
        metavar="FILE",
        help="Otherwise tzmigrate.toml is looked for.",
        parser=named_path,
    ),
]
FormatOption = Annotated[
    Format | None,
    Option(
        "--format",
        help="How the result is written. Otherwise json or markdown for an --output "
        "that ends with .json or .md, and text.",
        show_default=False,
    ),
]
Output = Annotated[
    Path | None,
    Option(
        metavar="FILE",
        help="Write the result there instead of to stdout.",
        parser=named_path,
    ),
]
Quiet = Annotated[
    bool, Option("-q", "--quiet", help="Say nothing but the result and errors.")
]
Verbose = Annotated[
    int,
    Option(
        "-v",
        "--verbose",
        count=True,
        show_default=False,
        metavar="",
        help="Say more; -vv says everything.",
    ),
]

Schemas = Annotated[
    list[str] | None,
    Option("--schema", metavar="GLOB", help="Only these schemas. Repeatable."),
]
Tables = Annotated[
    list[str] | None,
    Option(
        "--table",
        metavar="GLOB",
        help="Only these tables: table or schema.table. Repeatable.",
    ),
]
Excludes = Annotated[
    list[str] | None,
    Option("--exclude", metavar="GLOB", help="Never these tables. Repeatable."),
]
Evidence = Annotated[
    bool,
    Option("--evidence", help="Also read what the data says about zones and DST."),
]

AlembicIni = Annotated[
    Path | None,
    Option(
        "--alembic", metavar="INI", help="The project's alembic.ini.", parser=named_path
    ),
]
AlembicDir = Annotated[
    Path | None,
    Option(
        "--alembic-dir",
        metavar="DIR",
        help="The project's script directory.",
        parser=named_path,
    ),
]
Section = Annotated[
    str,
    Option("-n", "--name", metavar="SECTION", help="The section of alembic.ini."),
]
XArguments = Annotated[
    list[str] | None,
    Option("-x", metavar="ARG", help="Passed on to env.py, as alembic -x. Repeatable."),
]

SqlDir = Annotated[
    Path | None,
    Option(
        "--sql",
        metavar="DIR",
        help="The directory of SQL scripts, for teams without Alembic. Otherwise dir "
        "under [sql] in tzmigrate.toml.",
        show_default=False,
        parser=named_path,
    ),
]
StyleOption = Annotated[
    Style | None,
    Option(
        "--style",
        help="With --sql: how scripts are named and wrapped. Otherwise as those that "
        "are there, or plain.",
        show_default=False,
    ),
]

Zones = Annotated[
    list[str] | None,
    Option(
        "--zone",
        metavar="PATTERN=ZONE",
        help="The zone of the columns that match, or keep; default=ZONE for all "
        "others. Repeatable.",
    ),
]
Accept = Annotated[
    list[str] | None,
    Option(
        "--accept",
        metavar="CODE",
        help="Findings with this code stop no longer, for this run; accept under "
        "[policy] lasts. Repeatable.",
    ),
]
RewriteFunctions = Annotated[
    bool,
    Option(
        "--rewrite-functions",
        help="Also rewrite functions that write or read naive time, where the rewrite "
        "is certain; rewrite_functions under [policy] lasts.",
    ),
]
Unqualified = Annotated[
    bool,
    Option(
        "--unqualified",
        help="Leave the schema out of names, so that the revisions run for every "
        "schema that env.py sets as search_path; needs one --schema.",
    ),
]
Init = Annotated[
    bool,
    Option(
        "--init",
        help="Make an Alembic directory first: migrations/, with alembic.ini beside.",
    ),
]
Head = Annotated[
    str | None,
    Option(metavar="REVISION", help="The head to extend, where there are several."),
]
VersionPaths = Annotated[
    list[Path] | None,
    Option(
        "--version-path",
        metavar="DIR",
        help="A directory of revisions, also one that only env.py or the application "
        "names. plan writes to the first. Repeatable.",
        parser=named_path,
    ),
]
ShadowUrl = Annotated[
    str | None,
    Option(
        metavar="URL",
        help="A server where the plan is tried, in a database made for it. Otherwise "
        "TZMIGRATE_SHADOW_URL, tzmigrate.toml, the server that is planned for.",
        show_default=False,
    ),
]
DryRun = Annotated[
    bool, Option("--dry-run", help="Show what would be done, and do nothing.")
]
Yes = Annotated[bool, Option("--yes", help="Do not ask.")]
To = Annotated[
    str | None,
    Option(
        metavar="REVISION",
        help="Take back everything of ours above this revision, which stays.",
    ),
]
Everything = Annotated[bool, Option("--all", help="Take everything of ours back.")]
AsRevision = Annotated[
    bool,
    Option(
        "--as-revision",
        help="Write a new head revision with the inverse instead; for projects whose "
        "own later revisions stand above ours.",
    ),
]
LevelOption = Annotated[
    Level | None,
    Option(
        "--level",
        help="physical: the heap file did not change; sample: the recorded rows; "
        "full: whole columns; auto: full where that was recorded, else physical, else "
        "sample. Otherwise that of --against, or auto.",
        show_default=False,
    ),
]
Against = Annotated[
    Path | None,
    Option(
        metavar="FILE",
        help="Repeat a certificate: what --output proof.json wrote before.",
        parser=named_path,
    ),
]
OldColumn = Annotated[
    list[str] | None,
    Option(
        metavar="SCHEMA.TABLE.COLUMN=OLD",
        help="Compare every row of a converted column with one of the same table that"
        " still holds what stood there before. Repeatable.",
    ),
]
AdoptedColumns = Annotated[
    list[str],
    Argument(
        metavar="SCHEMA.TABLE.COLUMN",
        help="Columns that somebody converted by hand, quoted as in SQL.",
        show_default=False,
    ),
]
AdoptedOldColumn = Annotated[
    list[str] | None,
    Option(
        "--old-column",
        metavar="SCHEMA.TABLE.COLUMN=OLD",
        help="Compare every row with a naive column of the same table that still holds"
        " what stood there before. Repeatable.",
    ),
]
ConvertedAt = Annotated[
    str | None,
    Option(
        metavar="INSTANT",
        help="When they were converted, such as '2024-06-01 12:00+00'. Rows at changes"
        " of the clock after that are the application's. Otherwise now.",
        show_default=False,
    ),
]
ReplicaUrl = Annotated[
    str | None,
    Option(
        metavar="URL",
        help="Read the values from this streaming replica of the database.",
    ),
]

BackupDir = Annotated[
    Path | None,
    Option(
        "--dir",
        metavar="DIR",
        help="The directory that holds the backups. Otherwise dir under [backup] in "
        "tzmigrate.toml, or backups/.",
        show_default=False,
        parser=named_path,
    ),
]
BackupPath = Annotated[
    Path | None,
    Argument(
        metavar="BACKUP",
        help="The directory of the backup; the newest one by default.",
        show_default=False,
    ),
]
PgBin = Annotated[
    Path | None,
    Option(
        "--pg-bin",
        metavar="DIR",
        help="The folder of pg_dump and pg_restore. Otherwise PATH, the usual folders "
        "and the extra 'embedded' are searched.",
        show_default=False,
        parser=named_path,
    ),
]
Jobs = Annotated[
    int,
    Option(
        "-j",
        "--jobs",
        min=1,
        metavar="N",
        help="Dump with N connections, into a directory instead of one file.",
    ),
]
RestoreJobs = Annotated[
    int, Option("-j", "--jobs", min=1, metavar="N", help="Restore with N connections.")
]
RolePasswords = Annotated[
    bool,
    Option(
        "--role-passwords",
        help="Keep the roles' password hashes in globals.sql; needs a superuser.",
    ),
]
DataArchive = Annotated[
    bool,
    Option(
        "--data-archive",
        help="Write the rows as data_backup.dump instead of as SQL: smaller, at the "
        "price of a second reading.",
    ),
]
EncryptTo = Annotated[
    str | None,
    Option(
        metavar="RECIPIENT",
        help="Encrypt every file with age (age1…, an SSH public key) or gpg.",
        show_default=False,
    ),
]
Identity = Annotated[
    Path | None,
    Option(
        metavar="FILE",
        help="The private key of a backup that is encrypted with age. Otherwise "
        "identity under [backup].",
        show_default=False,
        parser=named_path,
    ),
]
TestRestore = Annotated[
    bool,
    Option(
        "--test-restore",
        help="Also restore it into a database made for that, compare rows and "
        "fingerprints, and drop it again; apply makes a backup for it.",
    ),
]
TestUrl = Annotated[
    str | None,
    Option(
        metavar="URL",
        help="Restore it by trial on this server, or on 'embedded'. Otherwise on that "
        "of the database.",
        show_default=False,
    ),
]
Keep = Annotated[
    str, Option(metavar="AGE", help="Keep what is younger, such as 30d or 12h.")
]
KeepLast = Annotated[
    int, Option(min=0, metavar="N", help="Keep the newest N, however old they are.")
]
Into = Annotated[
    str | None,
    Option(
        metavar="NAME",
        help="The new database. Otherwise the old name with _restored_ and the time.",
        show_default=False,
    ),
]
Swap = Annotated[
    bool,
    Option(
        "--swap",
        help="Then give the new database the old one's name; the old one stays beside "
        "it under another name.",
    ),
]
Terminate = Annotated[
    bool,
    Option(
        "--terminate-connections", help="End the sessions that are in the way of that."
    ),
]
NoSafety = Annotated[
    bool,
    Option("--no-safety-backup", help="Do not back up what is replaced."),
]
BackupFirst = Annotated[
    bool,
    Option(
        "--backup",
        help="Back the database up first, and verify the backup; --test-restore "
        "restores it by trial as well.",
    ),
]
FromBackup = Annotated[
    Path | None,
    Option(
        metavar="BACKUP",
        help="The last resort: restore this backup in the place of the database. What "
        "was written since is not in it.",
        show_default=False,
        parser=named_path,
    ),
]
RestoreTables = Annotated[
    list[str] | None,
    Option(
        "--tables",
        metavar="GLOB",
        help="Restore only these tables: table or schema.table, commas between. "
        "Repeatable. They come into a schema of their own.",
        show_default=False,
    ),
]
InPlace = Annotated[
    bool,
    Option(
        "--in-place",
        help="With --tables: put their rows in the place of those of now, in one "
        "transaction.",
    ),
]
Upload = Annotated[
    str | None,
    Option(
        metavar="URL",
        help="Copy the backup into that directory too (s3://…, gs://…, abfs://…, "
        "file:///…), and compare; needs the extra 'cloud'.",
        show_default=False,
    ),
]
