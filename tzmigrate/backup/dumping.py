"""Run ``pg_dump`` once, and make every other file from what it wrote."""

import json
import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

from tzmigrate.backup.archive import Archive, connected, listing
from tzmigrate.backup.model import (
    CRITICAL,
    DATA,
    DATA_ARCHIVE,
    FULL,
    GLOBALS,
    SCHEMA,
    SETTINGS,
    Format,
    Setting,
)
from tzmigrate.backup.programs import APPLICATION
from tzmigrate.backup.sealing import Seal, sealed
from tzmigrate.errors import Refused, TzmigrateError, Unavailable
from tzmigrate.postgres.clients import Access, Programs, run_client, started
from tzmigrate.postgres.dump import LOCK_WAIT, Entry, last_words, lost, read_entries
from tzmigrate.postgres.quoting import qualified

Wanted = Callable[[Entry], bool]
Told = Callable[[str], None]
"""Gets the name of each table when its rows are dumped."""

_CHUNK = 1 << 20
_DUMPING = re.compile(r'pg_dump: dumping contents of table "(.*)"')
_GONE = re.compile(
    r'(?:relation|column|schema) "[^"]*" does not exist'
    r"|could not open relation with OID \d+|cache lookup failed for \w+ \d+"
)
_ERROR = re.compile(r"pg_\w+: (?:error|fatal|hint|detail)")
_KEPT = 200
_PARTING = 10.0
"""Seconds for a program to end that was asked to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to dump, and where to.

    Attributes:
        snapshot: exported by the session that reads the fingerprints.
        critical: tells which entries belong to the tables of the plan.
        passwords: of roles, in ``globals.sql``.
        data_archive: write the rows as an archive of their own, not as SQL.
        without: schema and name of tables whose rows are left out.
        encoding: the database's; a conversion could fail.
        lock_wait: how long a table is waited for.
    """

    access: Access
    programs: Programs
    directory: Path
    snapshot: str
    critical: Wanted
    jobs: int = 1
    passwords: bool = False
    data_archive: bool = False
    without: tuple[tuple[str, str], ...] = ()
    encoding: str = "UTF8"
    lock_wait: str = LOCK_WAIT
    seal: Seal | None = None

    @property
    def format(self) -> Format:
        """What ``pg_dump`` writes."""
        return Format.DIRECTORY if self.jobs > 1 else Format.CUSTOM

    @property
    def archive(self) -> Archive:
        """The full archive."""
        return Archive(path=self.path(FULL), programs=self.programs, seal=self.seal)

    def path(self, name: str) -> Path:
        """Return where a file lies."""
        return self.directory / (name + (self.seal.suffix if self.seal else ""))


@dataclass(slots=True)
class _Words:
    """What a program says while it runs, read so that its pipe never fills."""

    stream: IO[bytes]
    tell: Told
    lines: list[str] = field(default_factory=list)

    def listen(self) -> None:
        for raw in self.stream:
            line = raw.decode(errors="replace").rstrip("\n")
            if match := _DUMPING.match(line):
                self.tell(match[1])
            elif _ERROR.match(line) or not line.startswith("pg_dump: "):
                self.lines = [*self.lines[-_KEPT:], line]


@contextmanager
def dumping(order: Order, tell: Told) -> Iterator[Callable[[], None]]:
    """Dump while a ``with`` block goes on; what it yields waits for the end.

    Encrypted, the files that are made from the archive are made as it passes.

    Raises:
        Refused: ``pg_dump`` failed, or there is no room.
        Unavailable: a table stayed locked, or the connection was lost.
    """
    argv = [
        order.programs.pg_dump,
        *("--verbose", "--no-password", f"--lock-wait-timeout={order.lock_wait}"),
        *(f"--snapshot={order.snapshot}", f"--format={order.format}"),
        f"--encoding={order.encoding}",
        *(f"--exclude-table-data={qualified(*names)}" for names in order.without),
    ]
    with ExitStack() as stack:
        out: IO[bytes] | None = None
        if order.format is Format.DIRECTORY:
            argv += [f"--jobs={order.jobs}", f"--file={order.path(FULL)}"]
        elif order.seal is None:
            out = stack.enter_context(private(order.path(FULL)))
        process = stack.enter_context(
            started(argv, order.access, stdout=out, application=APPLICATION)
        )
        words, ear = stack.enter_context(_heard(process, tell))

        def wait() -> None:
            failed: TzmigrateError | None = None
            if order.seal is not None and process.stdout is not None:
                try:
                    _pass_on(process.stdout, order)
                except TzmigrateError as error:
                    # where pg_dump ended early, that is what went wrong
                    failed = error
                    process.kill()
            status = process.wait()
            ear.join()
            if status and not (failed is not None and status < 0):
                raise _failed("\n".join(words.lines), order.path(FULL))
            if failed is not None:
                raise failed

        yield wait


@contextmanager
def _heard(
    process: "subprocess.Popen[bytes]", tell: Told
) -> Iterator[tuple[_Words, threading.Thread]]:
    """Read what a program says from a thread, which ends before the pipe is closed."""
    if process.stderr is None:
        raise AssertionError
    words = _Words(process.stderr, tell)
    ear = threading.Thread(target=words.listen, daemon=True)
    ear.start()
    try:
        yield words, ear
    finally:
        # asked to end, pg_dump ends its workers too, which hold the pipe as well
        process.terminate()
        ear.join(_PARTING)


def dump_again(order: Order) -> None:
    """Write the rows alone, as an archive, from the same moment."""
    argv = [
        order.programs.pg_dump,
        *("--data-only", "--format=custom", "--no-password"),
        f"--encoding={order.encoding}",
        *(f"--exclude-table-data={qualified(*names)}" for names in order.without),
        *(f"--snapshot={order.snapshot}", f"--lock-wait-timeout={order.lock_wait}"),
    ]
    _run(argv, order, order.path(DATA_ARCHIVE))


def dump_globals(order: Order) -> None:
    """Write roles, their settings and tablespaces."""
    name = order.access.parameters["dbname"]
    argv = [
        order.programs.pg_dumpall,
        *("--globals-only", "--no-password", f"--database={connected(name)}"),
        *(() if order.passwords else ("--no-role-passwords",)),
    ]
    _run(argv, order, order.path(GLOBALS))


def write_settings(order: Order, settings: Sequence[Setting]) -> None:
    """Write settings of the database that may be secrets, encrypted as the rest is."""
    with _into(order, SETTINGS) as out:
        out.write(json.dumps([asdict(setting) for setting in settings]).encode())


def derive(order: Order) -> None:
    """Make the SQL files from the archive, which must not be encrypted."""
    archive = order.archive
    entries = archive.entries()
    for name, options, chosen in _parts(order, entries):
        with private(order.path(name)) as out:
            archive.write_sql(out, *options, entries=chosen)


def private(path: Path) -> IO[bytes]:
    """Open a new file that nobody else can read."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")


def failure(said: str, path: Path) -> TzmigrateError:
    """Say what went wrong in a program that reads the server and writes a file."""
    detail = last_words(said) or said.strip()
    if "No space left on device" in said or "Disk quota exceeded" in said:
        return Refused(
            "TZ676",
            f"there is no room for {path}",
            detail=detail,
            hint="Nothing was kept of the backup. Free space there, or name another "
            "directory with --dir.",
        )
    if "too many clients" in said or "remaining connection slots" in said:
        return Unavailable(
            "TZ505",
            "the server has no connections left for pg_dump",
            detail=detail,
            hint="Wait until other sessions have ended, or use fewer --jobs.",
        )
    if "permission denied" in said or "row-level security" in said:
        passwords = "pg_authid" in said
        return Refused(
            "TZ605",
            "the role may not read everything that a backup holds",
            detail=detail,
            hint="Only a superuser reads passwords: leave --role-passwords out."
            if passwords
            else "GRANT pg_read_all_data to the role (PostgreSQL 14 and newer; a table "
            "with row-level security needs BYPASSRLS), or connect as the owner.",
        )
    if "Query was: LOCK TABLE" in said or "lock timeout" in said:
        return Unavailable(
            "TZ502",
            "a table stayed locked while it was to be dumped",
            detail=detail,
            hint="Another session holds the lock; try again when it has ended.",
        )
    if lost(said):
        return Unavailable(
            "TZ507",
            "the connection of pg_dump was lost",
            detail=detail,
            hint="Nothing was kept of the backup. Check the network and the server's "
            "log, then try again.",
        )
    return Refused(
        "TZ671",
        "pg_dump failed",
        detail=detail,
        hint="Nothing was kept of the backup. Make pg_dump work with the same URL.",
    )


def _failed(said: str, path: Path) -> TzmigrateError:
    return changed(last_words(said)) if _GONE.search(said) else failure(said, path)


def changed(detail: str) -> Unavailable:
    """Build the error for a table that went, or became another, under a dump."""
    return Unavailable(
        "TZ516",
        "the database changed while it was to be backed up",
        detail=detail,
        hint="A table or column was dropped or renamed meanwhile. Nothing was kept of "
        "the backup; try again, best while nothing is dropped there. Said again and "
        "again, the catalog names something that is gone.",
    )


def _parts(
    order: Order, entries: Sequence[Entry]
) -> Iterator[tuple[str, tuple[str, ...], list[Entry] | None]]:
    yield SCHEMA, ("--schema-only",), None
    if not order.data_archive:
        yield DATA, ("--data-only",), None
    yield CRITICAL, (), [entry for entry in entries if order.critical(entry)]


def _run(argv: list[str], order: Order, path: Path) -> None:
    with private(path) as out, sealed(out, order.seal) as pipe:
        done = run_client(argv, order.access, stdout=pipe, application=APPLICATION)
        said = done.stderr.decode(errors="replace")
        if done.returncode:
            raise _failed(said, path)


def _pass_on(source: IO[bytes], order: Order) -> None:
    """Hand a stream to the file and to the programs that make the others of it."""
    head = bytearray()
    entries: tuple[Entry, ...] = ()
    while not entries and (chunk := source.read1(_CHUNK)):  # type: ignore[attr-defined]
        head += chunk
        # the table of contents comes first
        entries = _contents(order.programs, bytes(head))
    with ExitStack() as stack:
        sinks = [stack.enter_context(_into(order, FULL))]
        for name, options, chosen in _parts(order, entries):
            pipe = stack.enter_context(_into(order, name))
            files_listed = stack.enter_context(listing(chosen))
            sinks.append(
                stack.enter_context(
                    _made_of(order.programs, options, files_listed, pipe)
                )
            )
        _write(sinks, bytes(head))
        while chunk := source.read(_CHUNK):
            _write(sinks, chunk)


@contextmanager
def _into(order: Order, name: str) -> Iterator[IO[bytes]]:
    with private(order.path(name)) as out, sealed(out, order.seal) as pipe:
        yield pipe


@contextmanager
def _made_of(
    programs: Programs,
    options: tuple[str, ...],
    listed: tuple[list[str], list[IO[bytes]]],
    out: IO[bytes],
) -> Iterator[IO[bytes]]:
    """Give a pipe into a ``pg_restore`` that writes SQL."""
    words, files = listed
    with subprocess.Popen(
        [programs.pg_restore, "--file=-", *options, *words],
        stdin=subprocess.PIPE,
        stdout=out,
        stderr=subprocess.PIPE,
        env=os.environ | {"LC_ALL": "C"},
        pass_fds=[file.fileno() for file in files],
    ) as process:
        if process.stdin is None or process.stderr is None:
            raise AssertionError
        try:
            yield process.stdin
            _close(process.stdin)
            said = process.stderr.read()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise failure(said.decode(errors="replace"), Path(FULL))


def _contents(programs: Programs, head: bytes) -> tuple[Entry, ...]:
    done = subprocess.run(
        [programs.pg_restore, "--list"], input=head, capture_output=True, check=False
    )
    return () if done.returncode else read_entries(done.stdout.decode(errors="replace"))


def _write(sinks: list[IO[bytes]], chunk: bytes) -> None:
    for sink in list(sinks):
        try:
            sink.write(chunk)
        except BrokenPipeError:
            # who needs the schema alone reads no rows; its exit status tells the rest
            sinks.remove(sink)


def _close(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        return
