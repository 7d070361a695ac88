"""Find ``pg_dump`` and ``pg_restore``, and run them as child processes.

Everything that they need to connect reaches them by their environment and by a file
without a name; an argument list can be read by every user of the machine.
"""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO

from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Conninfo

from tzmigrate.errors import Refused
from tzmigrate.postgres.embedded import VERSIONS, find_client_programs
from tzmigrate.postgres.session import Session
from tzmigrate.postgres.url import Target, parse_url

APPLICATION = "tzmigrate shadow"
"""``application_name`` of every connection that makes or uses a shadow."""

_VERSION = re.compile(r"\(PostgreSQL\) (\d+)(?:\.(\d+))?")
_RESTRICTED = {13: 22, 14: 19, 15: 14, 16: 10, 17: 6}
"""Minor versions from which dumps are protected by \\restrict (CVE-2025-8714)."""
_INSTALLATIONS = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")
_SERVICE = "tzmigrate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Programs:
    """``pg_dump`` and ``pg_restore`` of one installation.

    Attributes:
        version: their major version.
        minor: their minor version.
    """

    folder: Path
    version: int
    minor: int = 0

    @property
    def text(self) -> str:
        """Their version as PostgreSQL writes it."""
        return f"{self.version}.{self.minor}"

    @property
    def restricted(self) -> bool:
        """What they write as SQL cannot make ``psql`` run commands of the client."""
        return self.minor >= _RESTRICTED.get(self.version, 0)

    @property
    def pg_dumpall(self) -> str:
        """The path of ``pg_dumpall``, which need not be there."""
        return str(self.folder / "pg_dumpall")

    @property
    def pg_dump(self) -> str:
        """The path of ``pg_dump``."""
        return str(self.folder / "pg_dump")

    @property
    def pg_restore(self) -> str:
        """The path of ``pg_restore``."""
        return str(self.folder / "pg_restore")


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to reach one server again: the one that a connection has reached.

    Attributes:
        conninfo: as it was given; the host that answered, where several were.
        parameters: libpq's, complete, without password.
        zone: ``TimeZone`` of the programs' sessions.
    """

    conninfo: str = field(repr=False)
    parameters: Mapping[str, str] = field(repr=False)
    password: str = field(repr=False)
    zone: str = "Etc/UTC"

    @classmethod
    def of(cls, session: Session) -> "Access":
        """Read it from an open session."""
        info = session.info
        given = {
            k: str(v) for k, v in conninfo_to_dict(session.target.conninfo).items()
        }
        found = info.get_parameters()
        if "," in found.get("host", "") + found.get("hostaddr", ""):
            given |= {"host": info.host, "port": str(info.port)}
            given.pop("hostaddr", None)
        found |= {"host": info.host, "port": str(info.port), "hostaddr": info.hostaddr}
        for name in ("service", "servicefile", "client_encoding", "application_name"):
            # already read into the other parameters, or others for the programs
            found.pop(name, None)
        if info.password:
            # ~/.pgpass may hold it for this database alone
            given["password"] = info.password
        return cls(
            conninfo=make_conninfo("", **given),
            parameters={key: value for key, value in found.items() if value},
            password=info.password,
        )

    def target(self, source: str, database: str | None = None) -> Target:
        """Return a database of the server, the same one by default."""
        name = {"dbname": database or self.parameters["dbname"]}
        return parse_url(make_conninfo(self.conninfo, **name), source=source)


def find_programs(server: int, folder: Path | None = None) -> Programs | None:
    """Find programs that can read a server: of its major version, or a newer one.

    Args:
        server: major version of the server.
        folder: look there alone; else in ``PATH``, in the usual installations, in
            the embedded PostgreSQL.

    Returns:
        The nearest, or ``None`` where there is none.
    """
    able = [each for each in installed(server, folder) if each.version >= server]
    return min(able, key=lambda programs: programs.version, default=None)


def installed(server: int, folder: Path | None = None) -> list[Programs]:
    """Return all programs that are found, of whatever version.

    Args:
        server: major version of the server, which is looked for first.
        folder: look there alone.
    """
    folders = [folder] if folder is not None else _folders(server)
    return [
        Programs(folder=each, version=version[0], minor=version[1])
        for each in folders
        if (each / "pg_restore").exists() and (version := _version(each / "pg_dump"))
    ]


def run_client(
    argv: Sequence[str],
    access: Access | None = None,
    *,
    stdin: IO[bytes] | None = None,
    stdout: IO[bytes] | None = None,
    files: Sequence[IO[bytes]] = (),
    application: str = APPLICATION,
) -> "subprocess.CompletedProcess[bytes]":
    """Run a program to its end; when this one is interrupted, it is killed.

    Args:
        argv: without anything secret.
        access: the server to connect to.
        stdin: read from its beginning where it can be; nothing by default.
        stdout: where the output goes; it is returned by default.
        files: further files that the program opens as ``/dev/fd/N``.
        application: ``application_name`` of its connections.
    """
    with started(
        argv,
        access,
        stdin=stdin,
        stdout=stdout,
        files=files,
        application=application,
    ) as process:
        said, complaints = process.communicate()
    return subprocess.CompletedProcess(argv, process.returncode, said, complaints)


@contextmanager
def started(
    argv: Sequence[str],
    access: Access | None = None,
    *,
    stdin: IO[bytes] | None = None,
    stdout: IO[bytes] | None = None,
    files: Sequence[IO[bytes]] = (),
    application: str = APPLICATION,
) -> "Iterator[subprocess.Popen[bytes]]":
    """Run a program while a ``with`` block goes on; at its end it is killed.

    The arguments are those of ``run_client``.
    """
    if stdin is not None and stdin.seekable():
        stdin.seek(0)
    with (
        _environment(access, application) as (environment, service),
        subprocess.Popen(
            argv,
            stdin=stdin if stdin is not None else subprocess.DEVNULL,
            stdout=stdout if stdout is not None else subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            pass_fds=[file.fileno() for file in (*service, *files)],
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def _environment(
    access: Access | None, application: str
) -> Iterator[tuple[dict[str, str], Sequence[IO[bytes]]]]:
    """Write parameters as ``PG*``; those without a variable into a service file."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "LC_"))}
    # their messages are read
    environment = keep | {"LC_ALL": "C", "PGCLIENTENCODING": "UTF8"}
    environment |= {"PGAPPNAME": application}
    if access is None:
        yield environment, ()
        return
    environment["PGTZ"] = access.zone
    variables = {
        option.keyword.decode(): option.envvar.decode() if option.envvar else None
        for option in Conninfo.get_defaults()
    }
    others: list[str] = []
    for name, value in access.parameters.items():
        variable = variables.get(name)
        if variable is not None:
            environment[variable] = value
        else:
            others.append(f"{name}={value}\n")
    if access.password:
        environment["PGPASSWORD"] = access.password
    if not others:
        yield environment, ()
        return
    with tempfile.TemporaryFile() as service:
        service.write(f"[{_SERVICE}]\n{''.join(others)}".encode())
        service.flush()
        environment["PGSERVICE"] = _SERVICE
        environment["PGSERVICEFILE"] = f"/dev/fd/{service.fileno()}"
        yield environment, (service,)


def _folders(server: int) -> list[Path]:
    folders = [Path(folder) for folder in os.get_exec_path() if folder]
    for pattern in _INSTALLATIONS:
        folders += sorted(Path("/").glob(pattern.removeprefix("/")))
    for version in (server, *sorted(VERSIONS)):
        try:
            folders.append(find_client_programs(version))
        except Refused:
            continue
    return list(dict.fromkeys(folders))


@cache
def _version(program: Path) -> tuple[int, int] | None:
    if not program.exists():
        return None
    try:
        said = run_client([str(program), "--version"]).stdout.decode(errors="replace")
    except OSError:
        return None
    match = _VERSION.search(said)
    return (int(match[1]), int(match[2] or 0)) if match else None
