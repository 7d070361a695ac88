"""Copy a schema with ``pg_dump`` and ``pg_restore``; never a row of it.

The archive lies in a file without a name, which nobody else can open and which is
gone with the process: it may hold passwords of foreign servers.
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import IO

from tzmigrate.errors import Refused, TzmigrateError, Unavailable
from tzmigrate.postgres.clients import Access, Programs, run_client, started
from tzmigrate.postgres.quoting import qualified

LOCK_WAIT = "10s"
"""How long ``pg_dump`` waits for somebody's ALTER TABLE, as our sessions do."""

_LOOK = 2.0
"""Seconds until it is asked what ``pg_dump`` waits for, and each time again."""

_LINE = re.compile(
    r"(?P<number>\d+); (?P<catalog>\d+) (?P<oid>\d+) (?P<label>.*) (?P<owner>\S+)"
)
_KINDS = (
    # those of two words come first, so that none is taken for its first word
    *("EVENT TRIGGER", "USER MAPPING", "SUBSCRIPTION TABLE", "SUBSCRIPTION"),
    *("DEFAULT ACL", "ACL", "COMMENT", "SECURITY LABEL", "EXTENSION"),
)
_NEVER = ("EVENT TRIGGER ", "USER MAPPING ", "SUBSCRIPTION TABLE ", "SUBSCRIPTION ")
_ABOUT_THEM = re.compile(
    r"(?:COMMENT|ACL|SECURITY LABEL) - (?:EVENT TRIGGER|SUBSCRIPTION) "
)
_WORDS = re.compile(r"^(?:[A-Z]+ )+")
_FROM_ENTRY = re.compile(r"pg_restore: from TOC entry (\d+);")
_ERROR = re.compile(
    r"pg_restore: error: (?:could not execute query|COPY failed for table .*?):"
    r" (?:ERROR: +|FATAL: +)?(.*)"
)
# words of libpq, or the server's last ones: what a statement says stands behind ERROR
_LOST = re.compile(
    r"(?m)^(?!.*\b(?:ERROR|DETAIL|HINT|CONTEXT|QUERY):)(?!Command was).*"
    r"(?:server closed the connection|FATAL: +terminating connection"
    r"|connection to server |could not receive data|no connection to the server"
    r"|SSL SYSCALL)"
)
_COMMAND = "Command was: "
_IGNORED = b"pg_restore: warning: errors ignored on restore"
_LOCKING = re.compile(r"Query was: LOCK TABLE ")


class ShadowUnavailable(Refused):
    """There is no place for a shadow, or the schema cannot be copied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of an archive's table of contents.

    Attributes:
        number: names it within the archive.
        catalog: OID of the catalog, 0 for what has no row of its own.
        label: kind, schema and name, as printed; with the first words of an owner
            whose name has several.
        line: the same with the owner.
    """

    number: int
    catalog: int
    oid: int
    label: str
    line: str = ""

    @property
    def kind(self) -> str:
        """One of the kinds that are told apart here, else nothing."""
        return next((k for k in _KINDS if self.label.startswith(f"{k} ")), "")

    @property
    def tail(self) -> tuple[str, str]:
        """Schema and name, or what the name is of."""
        rest = _WORDS.sub("", self.label, count=1)
        schema, _, name = rest.partition(" ")
        return (schema, name) if name else ("", schema)

    @property
    def text(self) -> str:
        """It as people read it."""
        schema, name = self.tail
        kind = self.label[: -len(f"{schema} {name}")].strip().lower()
        return f"{kind} {name}" if schema in {"", "-"} else f"{kind} {schema}.{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A statement that the new server refused.

    Attributes:
        entry: what it belongs to; ``None`` for the settings at the beginning.
        reason: the server's words, in one line.
        command: the statement.
    """

    entry: Entry | None
    reason: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A dumped schema.

    Attributes:
        entries: what can be restored elsewhere.
    """

    file: IO[bytes]
    programs: Programs
    entries: tuple[Entry, ...]

    @contextmanager
    def copy(self) -> Iterator["Archive"]:
        """Give one that can be read at the same time, for a ``with`` block."""
        with tempfile.TemporaryFile() as file:
            self.file.seek(0)
            shutil.copyfileobj(self.file, file)
            file.flush()
            yield replace(self, file=file)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dump:
    """A schema while it is dumped."""

    file: IO[bytes]
    programs: Programs
    process: "subprocess.Popen[bytes]"

    def archive(self, waits: Callable[[], tuple[str, str] | None]) -> Archive:
        """Wait for the end, and return what was dumped.

        Args:
            waits: tells what it has waited for too long, and for which pids.

        Raises:
            Unavailable: a table stayed locked.
            ShadowUnavailable: ``pg_dump`` failed.
        """
        while True:
            try:
                _, said = self.process.communicate(timeout=_LOOK)
                break
            except subprocess.TimeoutExpired:
                if (waited := waits()) is not None:
                    name, holders = waited
                    raise _stayed_locked(f"{name} is held by pid {holders}") from None
        if self.process.returncode:
            raise _dump_failed(said.decode(errors="replace"))
        argv = [self.programs.pg_restore, "--list"]
        listed = run_client(argv, stdin=self.file).stdout.decode(errors="replace")
        entries = tuple(filter(within_database, read_entries(listed)))
        return Archive(file=self.file, programs=self.programs, entries=entries)


@contextmanager
def dumping(
    source: Access,
    programs: Programs,
    *,
    without: str,
    unreadable: Sequence[tuple[str, str]] = (),
) -> Iterator[Dump]:
    """Dump the schema of a database while a ``with`` block goes on.

    Event triggers, subscriptions and user mappings are left out: they act beyond the
    database.

    Args:
        source: the database.
        programs: at least as new as its server.
        without: a schema to leave out.
        unreadable: schema and name of relations to leave out.
    """
    argv = [
        programs.pg_dump,
        *("--format=custom", "--compress=0", "--schema-only", "--no-subscriptions"),
        *("--no-password", f"--lock-wait-timeout={LOCK_WAIT}"),
        f"--exclude-schema={qualified(without)}",
        *(f"--exclude-table={qualified(*names)}" for names in unreadable),
    ]
    with (
        tempfile.TemporaryFile() as file,
        started(argv, source, stdout=file) as process,
    ):
        yield Dump(file=file, programs=programs, process=process)


def restore(
    archive: Archive,
    destination: Access,
    database: str,
    *,
    tablespaces: bool,
    wanted: Callable[[Entry], bool],
) -> tuple[Failure, ...]:
    """Restore an archive into an empty database, past every error.

    Args:
        archive: what to restore.
        destination: the server.
        database: its name, which needs no quoting.
        tablespaces: keep them; else all goes into the default one.
        wanted: tells what to restore.

    Raises:
        ShadowUnavailable: ``pg_restore`` failed as a whole.
    """
    chosen = [entry for entry in archive.entries if wanted(entry)]
    with tempfile.TemporaryFile() as listed:
        listed.write("".join(f"{e.number}; 0 0 x\n" for e in chosen).encode())
        listed.flush()
        argv = [
            archive.programs.pg_restore,
            *("--verbose", "--no-password", f"--dbname={database}"),
            f"--use-list=/dev/fd/{listed.fileno()}",
            *(() if tablespaces else ("--no-tablespaces",)),
        ]
        done = run_client(argv, destination, stdin=archive.file, files=[listed])
    if done.returncode and _IGNORED not in done.stderr:
        raise ShadowUnavailable(
            "TZ622",
            "the schema could not be restored into the shadow",
            detail=last_words(done.stderr.decode(errors="replace")),
            hint="Look at the message above; the database itself was only read.",
        )
    return failures_of(done.stderr, chosen)


def read_entries(listed: str) -> tuple[Entry, ...]:
    """Read what ``pg_restore --list`` prints."""
    matches = (_LINE.match(line) for line in listed.splitlines())
    return tuple(
        Entry(
            number=int(match["number"]),
            catalog=int(match["catalog"]),
            oid=int(match["oid"]),
            label=match["label"],
            line=f"{match['label']} {match['owner']}",
        )
        for match in matches
        if match
    )


def within_database(entry: Entry) -> bool:
    """Tell whether an entry acts within its database alone."""
    return not entry.label.startswith(_NEVER) and not _ABOUT_THEM.match(entry.label)


def failures_of(said: bytes, entries: Sequence[Entry]) -> tuple[Failure, ...]:
    """Read what ``pg_restore --verbose`` says of statements that failed."""
    numbered = {entry.number: entry for entry in entries}
    return tuple(_failures(said.decode(errors="replace"), numbered))


def lost(said: str) -> bool:
    """Tell whether a program of PostgreSQL says that its connection was lost."""
    return _LOST.search(said) is not None


def _failures(said: str, entries: dict[int, Entry]) -> Iterator[Failure]:
    entry: Entry | None = None
    for block in re.split(r"^(?=pg_restore: )", said, flags=re.MULTILINE):
        if match := _FROM_ENTRY.match(block):
            entry = entries.get(int(match[1]))
        elif match := _ERROR.match(block):
            command = block.partition(_COMMAND)[2].strip()
            if entry is None and command.startswith("SET "):
                # a newer program sets what an older server does not know
                continue
            yield Failure(entry=entry, reason=match[1].strip(), command=command)


def _stayed_locked(detail: str) -> Unavailable:
    return Unavailable(
        "TZ502",
        "a table or view stayed locked while its definition was to be read",
        detail=detail,
        hint="Another session holds the lock; try again when it has ended.",
    )


def _dump_failed(said: str) -> TzmigrateError:
    if _LOCKING.search(said):
        return _stayed_locked(last_words(said))
    return ShadowUnavailable(
        "TZ622",
        "the schema could not be read by pg_dump",
        detail=last_words(said),
        hint="Make pg_dump --schema-only work with the same URL.",
    )


def last_words(said: str) -> str:
    """Return the last errors of what a program says."""
    lines = [line for line in said.splitlines() if re.match(r"pg_\w+: error: ", line)]
    return "\n".join(line.partition(": error: ")[2] for line in lines[-3:])
