"""Make a backup: one read of the database, every part of it from the same moment."""

import errno
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from tzmigrate.backup import dumping
from tzmigrate.backup.checking import check_files
from tzmigrate.backup.interlock import share
from tzmigrate.backup.metadata import described, files_in, write_metadata
from tzmigrate.backup.model import (
    STAMP,
    SUMMARY,
    Backup,
    Check,
    Kept,
    Seconds,
)
from tzmigrate.backup.programs import APPLICATION, choose_programs
from tzmigrate.backup.sealing import seal_for
from tzmigrate.backup.state import (
    Contents,
    Moment,
    Planned,
    read_moment,
    read_owned,
    read_parts,
    read_tables,
)
from tzmigrate.backup.summary import summary
from tzmigrate.errors import NotProved, Refused, UsageError
from tzmigrate.postgres.clients import Access
from tzmigrate.postgres.dump import LOCK_WAIT, Entry
from tzmigrate.postgres.errors import translated
from tzmigrate.postgres.session import (
    Session,
    connect,
    read_only,
    require_own,
)
from tzmigrate.postgres.url import Target

PREFIX = "timezone_migration_"
PARTIAL = ".partial"
_PRIVATE = 0o700
_TIMES = 3
"""Rule of thumb, where the sizes of tables are not to be had."""
_SQL = 1.5
"""Rows as SQL, in relation to their size in the tables."""
_SPARE = 1.1

Ticks = Callable[[float, str], None]
"""Gets how much is done, from 0 to 1, and the table that is dumped now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """How a backup shall be made.

    Attributes:
        root: the directory that holds the backups.
        planned: the columns of the plan.
        plan: digest of the planned revisions.
        steps: how many planned steps the ledger has as done; ``None``: not known.
        bin_dir: where ``pg_dump`` is.
        jobs: connections of ``pg_dump``; more than one make a directory.
        passwords: of roles, in ``globals.sql``.
        data_archive: the rows as an archive of their own.
        recipient: whom to encrypt for.
        only: schema and name of the only tables to back up; all by default.
        safety: a restore makes it of what it replaces.
        held: the restore holds its tables meanwhile, and keeps conversions out: whoever
            waits for them is not waited for.
        previous: earlier backups, by which the room it takes is foreseen.
        tool: our version, for who reads the metadata.
    """

    root: Path
    planned: Planned
    plan: str | None = None
    steps: int | None = 0
    bin_dir: Path | None = None
    jobs: int = 1
    passwords: bool = False
    data_archive: bool = False
    recipient: str | None = None
    only: tuple[tuple[str, str], ...] = ()
    safety: bool = False
    held: bool = False
    previous: tuple[Backup, ...] = ()
    tool: str = ""


def create(target: Target, wishes: Wishes, *, ticks: Ticks) -> Kept:
    """Back a database up.

    Raises:
        Refused: no program that can, no room, a missing privilege.
        Unavailable: a conversion runs, a table is locked, the connection was lost.
        UsageError: wishes that exclude each other.
    """
    if wishes.recipient is not None and wishes.jobs > 1:
        raise UsageError(
            "TZ291",
            "--jobs and --encrypt-to exclude each other",
            detail="Encrypted is one stream, and several connections write files.",
            hint="Leave one of them out.",
        )
    began = datetime.now(UTC)
    seal = None if wishes.recipient is None else seal_for(wishes.recipient)
    with (
        connect(target, application_name=APPLICATION) as session,
        _place(wishes.root) as partial,
    ):
        require_own(session)
        version = session.info.server_version // 10000
        programs = choose_programs(version, wishes.bin_dir)
        with read_only(session), translated():
            if wishes.held:
                session.execute("SET LOCAL lock_timeout = '1s'")
            else:
                share(session)
            moment = read_moment(session, (session.zone.zone, session.zone.source))
            without: list[tuple[str, str]] = []
            if wishes.only:
                named = {t: (t.schema, t.name) in wishes.only for t in moment.tables}
                without = [
                    (t.schema, t.name) for t in named if t.kind == "r" and not named[t]
                ]
                chosen = tuple(t for t in named if named[t])
                moment = replace(moment, tables=chosen)
            _require_room(partial, moment, wishes)
            order = dumping.Order(
                access=Access.of(session),
                programs=programs,
                directory=partial,
                snapshot=_one(session, "SELECT pg_export_snapshot()"),
                critical=_critical(session, moment, wishes.planned),
                jobs=wishes.jobs,
                passwords=wishes.passwords,
                data_archive=wishes.data_archive,
                without=tuple(without),
                encoding=moment.database.encoding,
                lock_wait="1s" if wishes.held else LOCK_WAIT,
                seal=seal,
            )
            started = time.monotonic()
            with dumping.dumping(order, _ticking(moment.tables, ticks)) as wait:
                with _as_they_are():
                    tables = read_tables(session, moment.tables, wishes.planned)
                wait()
            ended = time.monotonic()
            if wishes.data_archive:
                dumping.dump_again(order)
        dumping.dump_globals(order)
        shown = moment.database
        if seal is not None and shown != shown.told():
            # beside what is encrypted nothing stands in plain
            dumping.write_settings(order, shown.settings)
            shown = shown.told()
        if seal is None:
            dumping.derive(order)
        backup = Backup(
            at=moment.at,
            tool=wishes.tool,
            dump=programs.text,
            format=order.format,
            database=shown,
            plan=wishes.plan,
            snapshot=moment.snapshot,
            running=moment.running,
            steps=wishes.steps,
            database_bytes=moment.bytes,
            tables=tables,
            files=(),
            seconds=Seconds(dump=ended - started, derived=0.0),
            partial=bool(wishes.only),
            safety=wishes.safety,
            recipient=wishes.recipient,
            sealer=None if seal is None else seal.program,
        )
        backup = _finished(partial, backup, derived_since=ended)
        findings = check_files(
            partial, backup, programs=None if seal is not None else programs
        )
        if findings:
            raise NotProved(
                "TZ445",
                f"the backup of database {moment.database.name} is not whole",
                detail="; ".join(finding.message for finding in findings) + ".",
                hint="Nothing was kept of it. Look at the disk, and try again.",
            )
        at = datetime.now(UTC).strftime(STAMP)
        backup = replace(
            backup,
            checks=(Check(at=at, whole=True, restored=False, opened=seal is None),),
        )
        write_metadata(partial, backup)
        final = _settled(partial, began)
        _synced(wishes.root)
    return Kept(path=str(final), backup=backup)


def _finished(partial: Path, backup: Backup, *, derived_since: float) -> Backup:
    """Write the summary, and take the digest of every file."""
    for path in partial.rglob("*"):
        path.chmod(_PRIVATE if path.is_dir() else 0o600)
    files = tuple(described(partial, path) for path in files_in(partial))
    seconds = replace(backup.seconds, derived=time.monotonic() - derived_since)
    backup = replace(backup, files=files, seconds=seconds)
    with dumping.private(partial / SUMMARY) as file:
        file.write(summary(backup).encode())
    return replace(backup, files=(*files, described(partial, partial / SUMMARY)))


@contextmanager
def _as_they_are() -> Iterator[None]:
    """Say what it means when a table of the snapshot is not there any more."""
    try:
        yield
    except (
        psycopg.errors.UndefinedTable,
        psycopg.errors.UndefinedColumn,
        psycopg.errors.InvalidSchemaName,
    ) as error:
        raise dumping.changed(f"{error.diag.message_primary}.") from error


@contextmanager
def _place(root: Path) -> Iterator[Path]:
    """Make a directory for what is not whole yet; it goes with the block.

    Raises:
        Refused: there is no room, or no right to write.
    """
    partial = root / f".{PREFIX}{secrets.token_hex(8)}{PARTIAL}"
    try:
        root.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        partial.mkdir(mode=_PRIVATE)
        number = os.open(partial, os.O_RDONLY)
        # whoever prunes sees by this lock that somebody works here
        fcntl.flock(number, fcntl.LOCK_EX)
    except OSError as error:
        raise Refused(
            "TZ675",
            f"no backup can be written to {root}",
            detail=f"The system says: {error.strerror or error}.",
            hint="Name a directory that you may write to with --dir.",
        ) from error
    try:
        yield partial
    except OSError as error:
        raise Refused(
            "TZ676",
            f"the backup could not be written to {root}",
            detail=f"The system says: {error.strerror or error}.",
            hint="Nothing was kept of it. Free space there, or name another directory "
            "with --dir.",
        ) from error
    finally:
        os.close(number)
        shutil.rmtree(partial, ignore_errors=True)


def _settled(partial: Path, now: datetime) -> Path:
    """Give a whole backup its name; another one of the same second has it already."""
    while True:
        final = partial.with_name(f"{PREFIX}{now:%Y%m%d_%H%M%S}")
        try:
            partial.rename(final)
        except OSError as error:
            if error.errno not in {errno.EEXIST, errno.ENOTEMPTY}:
                raise
            now += timedelta(seconds=1)
        else:
            return final


def _require_room(path: Path, moment: Moment, wishes: Wishes) -> None:
    free = shutil.disk_usage(path).free
    needed, because = _expected(moment, wishes)
    if needed > free:
        raise Refused(
            "TZ677",
            f"a backup of database {moment.database.name} may take "
            f"{_size(needed)}, and {wishes.root} has {_size(free)} free",
            detail=because,
            hint="Free space there, or name another directory with --dir; "
            "--data-archive and --encrypt-to take less than rows as SQL."
            if not wishes.data_archive
            else "Free space there, or name another directory with --dir.",
        )


def _expected(moment: Moment, wishes: Wishes) -> tuple[int, str]:
    """Foresee the size of a backup in bytes, and say how."""
    here = (moment.database.system_identifier, moment.database.oid)
    same = [
        backup
        for backup in wishes.previous
        if not backup.partial
        and (backup.database.system_identifier, backup.database.oid) == here
        and any(f.name.startswith("data_backup.sql") for f in backup.files)
        != wishes.data_archive
    ]
    if same:
        last = max(same, key=lambda backup: backup.at)
        grown = moment.bytes / max(last.database_bytes, 1)
        return (
            int(last.bytes * grown * _SPARE),
            f"The backup of {last.at} took {_size(last.bytes)} when the database had "
            f"{_size(last.database_bytes)}; now it has {_size(moment.bytes)}.",
        )
    sizes = [t.bytes for t in moment.tables if t.kind == "r"]
    if any(size is None for size in sizes):
        return (
            _TIMES * moment.bytes,
            f"Three times the size of the database, {_size(moment.bytes)}.",
        )
    rows = sum(sizes)
    critical = sum(
        t.bytes for t in moment.tables if (t.schema, t.name) in wishes.planned
    )
    as_sql = critical if wishes.data_archive else rows + critical
    return (
        int(rows * (2 if wishes.data_archive else 1) + as_sql * _SQL),
        f"The rows of the tables take {_size(rows)}; they are written as an archive, "
        "and again "
        + ("as an archive of rows" if wishes.data_archive else "as SQL")
        + f", those of the plan ({_size(critical)}) once more.",
    )


def _critical(
    session: Session, moment: Moment, planned: Planned
) -> Callable[[Entry], bool]:
    """Tell what of an archive belongs to the tables of the plan."""
    chosen = [t for t in moment.tables if (t.schema, t.name) in planned]
    parts = read_parts(session, [t.oid for t in chosen])
    owned = read_owned(session, [t.oid for t in chosen])
    # comments and grants have no number of their own
    owners = (*moment.database.roles, "-")
    whole = {
        f"{kind} {schema} {what} {name} {owner}"
        for schema, what, name in owned
        for kind in ("COMMENT", "ACL", "SECURITY LABEL")
        for owner in owners
    }
    tables = [(schema, name) for schema, what, name in owned if what == "TABLE"]
    columns = tuple(
        f"{kind} {schema} COLUMN {name}."
        for schema, name in tables
        for kind in ("COMMENT", "ACL", "SECURITY LABEL")
    )
    # constraints, triggers, policies and rules
    below: dict[str, list[str]] = {f"COMMENT {schema} ": [] for schema, _ in tables}
    for schema, name in tables:
        below[f"COMMENT {schema} "] += [f" ON {name} {owner}" for owner in owners]

    def wanted(entry: Entry) -> bool:
        if (entry.catalog, entry.oid) == (0, 0):
            return (
                entry.line in whole
                or entry.line.startswith(columns)
                or any(
                    entry.line.startswith(head) and entry.line.endswith(tuple(ends))
                    for head, ends in below.items()
                )
            )
        return (entry.catalog, entry.oid) in parts

    return wanted


def _ticking(tables: Iterable[Contents], ticks: Ticks) -> Callable[[str], None]:
    sizes = {f"{t.schema}.{t.name}": t.bytes or 0 for t in tables if t.kind == "r"}
    total = sum(sizes.values()) or 1
    done = 0

    def tell(name: str) -> None:
        nonlocal done
        ticks(done / total, name)
        done += sizes.get(name, 0)

    return tell


def _synced(directory: Path) -> None:
    number = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _size(count: int) -> str:
    return f"{count / 1_000_000:,.1f} MB"


def _one(connection: psycopg.Connection[Any], statement: str) -> str:
    row = connection.execute(statement.encode()).fetchone()
    return str(row[0]) if row else ""
