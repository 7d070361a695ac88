"""An archive of ``pg_dump`` on disk: its table of contents, its SQL, its restore."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from psycopg.conninfo import make_conninfo

from tzmigrate.backup.programs import APPLICATION
from tzmigrate.backup.sealing import Seal, opened
from tzmigrate.errors import NotProved, Unavailable
from tzmigrate.postgres.clients import Access, Programs, run_client
from tzmigrate.postgres.dump import (
    Entry,
    Failure,
    failures_of,
    last_words,
    lost,
    read_entries,
)

ERRORS_IGNORED = b"errors ignored on restore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A dump of ``--format=custom`` or ``directory``.

    Attributes:
        path: the file or directory.
        seal: how it is encrypted; ``None`` where it is not.
    """

    path: Path
    programs: Programs
    seal: Seal | None = None

    def entries(self) -> tuple[Entry, ...]:
        """Read its table of contents.

        Raises:
            NotProved: it cannot be read.
        """
        done = self._run([self.programs.pg_restore, "--list"])
        if done.returncode:
            raise self._unreadable(done.stderr)
        return read_entries(done.stdout.decode(errors="replace"))

    def write_sql(
        self,
        out: IO[bytes],
        *options: str,
        entries: Sequence[Entry] | None = None,
    ) -> None:
        """Write it as SQL, or a part of it.

        Args:
            out: where to.
            options: of ``pg_restore``, such as ``--schema-only``.
            entries: only these.

        Raises:
            NotProved: it cannot be read.
        """
        with listing(entries) as (listed, files):
            argv = [self.programs.pg_restore, "--file=-", *options, *listed]
            done = self._run(argv, stdout=out, files=files)
        if done.returncode:
            raise self._unreadable(done.stderr)

    def restore(
        self,
        access: Access,
        database: str,
        *,
        wanted: Callable[[Entry], bool],
        jobs: int = 1,
        options: Sequence[str] = (),
    ) -> tuple[Failure, ...]:
        """Restore it into a database, past every error.

        Args:
            access: the server.
            database: its name.
            wanted: tells what to restore.
            jobs: how many connections; more than one needs a file that is not
                encrypted.
            options: more of them for ``pg_restore``.

        Returns:
            The statements that failed.

        Raises:
            NotProved: it cannot be read.
            Unavailable: the connection was lost.
        """
        entries = self.entries()
        chosen = [entry for entry in entries if wanted(entry)]
        with listing(chosen) as (listed, files):
            argv = [
                self.programs.pg_restore,
                *("--verbose", "--no-password", f"--dbname={connected(database)}"),
                *([f"--jobs={jobs}"] if jobs > 1 and self.seal is None else []),
                *options,
                *listed,
            ]
            done = self._run(argv, access=access, files=files)
        if done.returncode and lost(done.stderr.decode(errors="replace")):
            raise Unavailable(
                "TZ507",
                "the connection of pg_restore was lost",
                detail=last_words(done.stderr.decode(errors="replace")),
                hint="Nothing was kept of what it had restored. Check the network and "
                "the server's log, then try again.",
            )
        failures = failures_of(done.stderr, chosen)
        if done.returncode and not failures and ERRORS_IGNORED not in done.stderr:
            raise self._unreadable(done.stderr)
        return failures

    def _run(
        self,
        argv: list[str],
        *,
        access: Access | None = None,
        stdout: IO[bytes] | None = None,
        files: Sequence[IO[bytes]] = (),
    ) -> "subprocess.CompletedProcess[bytes]":
        if self.seal is None:
            argv = [*argv, str(self.path)]
            return run_client(
                argv, access, stdout=stdout, files=files, application=APPLICATION
            )
        with opened(self.path, self.seal) as plain:
            return run_client(
                argv,
                access,
                stdin=plain,
                stdout=stdout,
                files=files,
                application=APPLICATION,
            )

    def _unreadable(self, said: bytes) -> NotProved:
        return NotProved(
            "TZ443",
            f"{self.path} is not an archive that pg_restore can read",
            detail=last_words(said.decode(errors="replace")),
            hint="It is damaged, or a part of it is missing: use another backup "
            "(tzmigrate backup list).",
        )


def connected(database: str) -> str:
    """Write a database's name so that no program reads more into it."""
    return make_conninfo("", dbname=database)


@contextmanager
def listing(
    entries: Sequence[Entry] | None,
) -> Iterator[tuple[list[str], list[IO[bytes]]]]:
    """Give options and open files that make ``pg_restore`` take these entries alone."""
    if entries is None:
        yield [], []
        return
    with tempfile.TemporaryFile() as listed:
        listed.write("".join(f"{entry.number}; 0 0 x\n" for entry in entries).encode())
        listed.flush()
        yield [f"--use-list=/dev/fd/{listed.fileno()}"], [listed]
