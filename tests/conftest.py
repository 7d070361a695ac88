"""The test harness: a real PostgreSQL for every worker, a fresh database per test.

Environment:
    TZMIGRATE_TEST_URL   use that server (as a superuser) instead of an embedded one
    TZMIGRATE_TEST_PG    major version of the embedded server: 18 (default), 16, or one
                         that stands in TZMIGRATE_POSTGRES_DIR
    TZMIGRATE_TEST_TZ    TimeZone of the embedded server
    TZMIGRATE_TEST_ROWS  rows that the sample schema is filled with
    TZMIGRATE_TEST_MILLION      rows of the table that is sabotaged (50000)
    TZMIGRATE_TEST_HONEST_RUNS  conversions that shall raise no alarm (24)

Client and server stand in different zones on purpose, neither of them UTC: a test
that passes only under UTC is a finding.
"""

import contextlib
import itertools
import math
import operator
import os
import random
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, urlencode

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from tzmigrate.errors import Refused
from tzmigrate.postgres.embedded import (
    VERSIONS,
    embedded_server,
    find_client_programs,
)
from tzmigrate.postgres.session import connect
from tzmigrate.postgres.url import Target

SERVER_ZONES = {18: "America/New_York", 16: "Asia/Kolkata"}
CLIENT_ZONE = "Australia/Lord_Howe"
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")

TEST_URL = os.environ.get("TZMIGRATE_TEST_URL")
TEST_PG = int(os.environ.get("TZMIGRATE_TEST_PG", "18"))
TEST_ZONE = os.environ.get("TZMIGRATE_TEST_TZ", SERVER_ZONES.get(TEST_PG, "UTC"))
TEST_ROWS = int(os.environ.get("TZMIGRATE_TEST_ROWS", "200"))

# a developer's own settings shall not decide what a test sees
for _name in [name for name in os.environ if name.startswith("PG")]:
    del os.environ[_name]
for _name in ("TZMIGRATE_URL", "TZMIGRATE_SHADOW_URL", "DATABASE_URL"):
    os.environ.pop(_name, None)
for _name in ("FORCE_COLOR", "CLICOLOR_FORCE"):
    os.environ.pop(_name, None)
os.environ |= {
    "TZ": CLIENT_ZONE,
    "PGTZ": CLIENT_ZONE,
    "NO_COLOR": "1",
    "COLUMNS": "120",
    "TERMINAL_WIDTH": "120",
}
time.tzset()

# a shell starts background jobs with SIGINT ignored, which children inherit
signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The server that the tests of this worker use.

    Attributes:
        version: major version.
        zone: its ``TimeZone``.
        bin: folder of client programs at least as new as the server.
        embedded: it is ours, so a test may change its settings.
    """

    parts: dict[str, Any] = field(repr=False)
    version: int
    zone: str
    bin: Path
    embedded: bool

    def url(
        self,
        database: str = "postgres",
        *,
        user: str | None = None,
        password: str | None = None,
    ) -> str:
        """Return a URL for a database of this server."""
        parts = dict(self.parts)
        if user is not None:
            parts |= {"user": user, "password": password}
        parts.pop("dbname", None)
        who = quote(parts.pop("user", "") or "", safe="")
        if secret := parts.pop("password", None):
            who += ":" + quote(secret, safe="")
        where = str(parts.pop("host", ""))
        if where.startswith("/"):
            parts["host"], where = where, ""
        if port := parts.pop("port", None):
            where += f":{port}" if where else ""
            parts |= {} if where else {"port": port}
        query = "?" + urlencode(parts) if parts else ""
        at = f"{who}@" if who else ""
        return f"postgresql://{at}{where}/{quote(database, safe='')}{query}"

    def execute(self, statement: str | sql.Composable) -> None:
        """Run one statement in the maintenance database, outside a transaction."""
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[arg-type]  # text of a test


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginRole:
    """A role made for one test."""

    name: str
    password: str


_ROOM = 6 << 30
"""Bytes of memory that have to be free before servers are put there."""

_NEWER = "SET transaction_timeout = 0;\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A database that belongs to one test."""

    name: str
    server: Server

    @property
    def url(self) -> str:
        """The URL, as the superuser."""
        return self.server.url(self.name)

    def url_as(self, role: LoginRole) -> str:
        """The URL, as another role."""
        return self.server.url(self.name, user=role.name, password=role.password)

    def connect(self, **options: Any) -> psycopg.Connection[Any]:
        """Connect as any client does: with the client's own zone."""
        return psycopg.connect(self.url, **options)

    def execute(
        self, statements: str, parameters: Sequence[object] | None = None
    ) -> list[tuple[Any, ...]]:
        """Run statements, each committed at once; return the last one's rows."""
        with self.connect(autocommit=True) as connection:
            cursor = connection.execute(statements, parameters)  # type: ignore[arg-type]
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description else []

    def scalar(self, query: str, parameters: Sequence[object] | None = None) -> Any:
        """Run a query and return the first column of its first row."""
        rows = self.execute(query, parameters)
        assert rows, f"no row: {query}"
        return rows[0][0]

    def psql(
        self, text: str, *, check: bool = True
    ) -> "subprocess.CompletedProcess[str]":
        """Run a script through psql, stopping at the first error."""
        return run_client(
            [self.server.bin / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", self.url],
            input=text,
            check=check,
        )

    def dump(self, *options: str) -> str:
        """Return what pg_dump prints, in UTC."""
        argv = [self.server.bin / "pg_dump", *options, self.url]
        text = run_client(argv).stdout
        # a newer pg_dump sets what an older server does not know
        return text if self.server.version >= 17 else text.replace(_NEWER, "")

    def dump_apart(self) -> str:
        """Return what pg_dump prints, without ledger and Alembic's version table."""
        return self.dump(
            "--exclude-schema=tzmigrate", "--exclude-table=*.alembic_version"
        )


class MakeDatabase(Protocol):
    """What the fixture ``make_database`` gives."""

    def __call__(
        self,
        *,
        template: str | None = None,
        suffix: str = "",
        encoding: str | None = None,
    ) -> Database: ...


def run_client(
    argv: Sequence[str | Path], *, input: str | None = None, check: bool = True
) -> "subprocess.CompletedProcess[str]":
    """Run a client program in UTC; show what it said when it fails."""
    done = subprocess.run(
        [str(a) for a in argv],
        input=input,
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"PGTZ": "Etc/UTC"},
    )
    if check and done.returncode:
        pytest.fail(f"{Path(argv[0]).name} failed: {done.stderr[-2000:]}")
    return done


# ---------------------------------------------------------------- the server


def _version_at(url: str) -> tuple[int, str]:
    with connect(Target(url)) as session:
        return session.info.server_version // 10000, session.zone.zone


def _server_version() -> int:
    return _version_at(TEST_URL)[0] if TEST_URL else TEST_PG


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_VERSION] = _server_version()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--share",
        type=int,
        default=1,
        metavar="N",
        help="run one in N of the variations of each test that needs a server, two at"
        " least: which ones, the seed decides",
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    share, seed = config.getoption("share"), config.getoption("randomly_seed", 0)
    variations = defaultdict(list)
    for item in sorted(items, key=lambda item: item.nodeid):
        needs_server = "server" in getattr(item, "fixturenames", ())
        if needs_server and not item.get_closest_marker("always"):
            variations[item.nodeid.partition("[")[0]].append(item)
    left = set[pytest.Item]()
    for test, each in variations.items():
        drawn = max(2, math.ceil(len(each) / share))
        # each test has its own dice: the same are drawn in every worker
        random.Random(f"{seed} {test}").shuffle(each)
        left.update(each[drawn:])
    config.hook.pytest_deselected(items=[item for item in items if item in left])
    items[:] = [item for item in items if item not in left]


def pytest_report_header() -> str:
    if TEST_URL:
        version, zone = _version_at(TEST_URL)
        where = f"PostgreSQL {version} at TZMIGRATE_TEST_URL"
    else:
        where, zone = f"PostgreSQL {TEST_PG} (embedded)", TEST_ZONE
    return f"server: {where}, TimeZone {zone}; client: TZ and PGTZ {CLIENT_ZONE}"


_VERSION = pytest.StashKey[int]()
_COMPARE: dict[str, Callable[[int, int], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}


def pytest_runtest_setup(item: pytest.Item) -> None:
    version = item.config.stash[_VERSION]
    for mark in item.iter_markers("pg"):
        wanted = re.fullmatch(r"\s*([<>=!]=?)\s*(\d+)\s*", str(mark.args[0]))
        assert wanted, f"not a version condition: {mark.args[0]!r}"
        if not _COMPARE[wanted[1]](version, int(wanted[2])):
            pytest.skip(f"needs PostgreSQL {mark.args[0]}, and this is {version}")


def _client_programs(version: int) -> Path:
    for candidate in (version, max(VERSIONS)):
        try:
            return find_client_programs(candidate)
        except Refused:
            continue
    found = shutil.which("pg_dump")
    assert found, "neither the embedded PostgreSQL nor pg_dump is installed"
    return Path(found).parent


@contextlib.contextmanager
def _in_memory() -> Iterator[None]:
    """Make temporary directories in memory: a test's data need not reach a disk."""
    memory, before = Path("/dev/shm"), tempfile.tempdir
    usable = os.access(memory, os.W_OK | os.X_OK)
    if "TMPDIR" not in os.environ and usable and shutil.disk_usage(memory).free > _ROOM:
        tempfile.tempdir = str(memory)
    try:
        yield
    finally:
        tempfile.tempdir = before


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The server of this worker: TZMIGRATE_TEST_URL, else an embedded one."""
    if TEST_URL:
        version, zone = _version_at(TEST_URL)
        yield Server(
            parts=conninfo_to_dict(TEST_URL),
            version=version,
            zone=zone,
            bin=_client_programs(version),
            embedded=False,
        )
        return
    settings = {"timezone": TEST_ZONE, "max_connections": "100", "max_wal_size": "1GB"}
    with contextlib.ExitStack() as until_the_end:
        with _in_memory():
            embedded = until_the_end.enter_context(
                embedded_server(version=TEST_PG, settings=settings, trust_roles=True)
            )
        yield Server(
            parts=conninfo_to_dict(embedded.url()),
            version=TEST_PG,
            zone=TEST_ZONE,
            bin=embedded.bin,
            embedded=True,
        )


@pytest.fixture(scope="session")
def binaries(server: Server) -> dict[str, Path]:
    """Paths of psql, pg_dump, pg_restore and pgbench."""
    names = ("psql", "pg_dump", "pg_restore", "pgbench")
    return {name: server.bin / name for name in names}


# ------------------------------------------------------- databases and roles

_numbers = itertools.count()


def _fresh_name(kind: str) -> str:
    return f"tzt_{WORKER}_{os.getpid()}_{kind}{next(_numbers)}"


def _create(
    server: Server, name: str, template: str | None, encoding: str | None = None
) -> None:
    server.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {} {}").format(
            sql.Identifier(name),
            sql.Identifier(template or "template0"),
            sql.SQL("ENCODING {} LC_COLLATE 'C' LC_CTYPE 'C'").format(
                sql.Literal(encoding)
            )
            if encoding
            else sql.SQL(""),
        )
    )


def _drop(server: Server, name: str) -> None:
    server.execute(
        sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    )


@pytest.fixture
def make_role(server: Server) -> Iterator[Callable[..., LoginRole]]:
    """Make roles that may log in; they are dropped after the databases."""
    made: list[str] = []

    def make(options: str = "", *, suffix: str = "") -> LoginRole:
        role = LoginRole(
            name=_fresh_name("role") + suffix, password=secrets.token_hex(8)
        )
        server.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} " + options).format(  # type: ignore[operator,arg-type]
                sql.Identifier(role.name), sql.Literal(role.password)
            )
        )
        made.append(role.name)
        return role

    yield make
    for name in reversed(made):
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


@pytest.fixture
def make_database(
    server: Server,
    make_role: Callable[..., LoginRole],  # torn down later: roles own databases
) -> Iterator[MakeDatabase]:
    """Make empty databases, or copies of others; all are dropped after the test."""
    made: list[str] = []

    def make(
        *,
        template: str | None = None,
        suffix: str = "",
        encoding: str | None = None,
    ) -> Database:
        name = _fresh_name("db") + suffix
        made.append(name)
        _create(server, name, template, encoding)
        return Database(name=name, server=server)

    yield make
    for name in made:
        _drop(server, name)


@pytest.fixture
def database(make_database: MakeDatabase) -> Database:
    """An empty database, dropped after the test."""
    return make_database()


@pytest.fixture(scope="session")
def sample_template(server: Server) -> Iterator[str]:
    """The name of a database with the sample schema, loaded once per worker."""
    from tzmigrate.postgres.sample import load_sample  # noqa: PLC0415  only when used

    name = _fresh_name("sample")
    _create(server, name, None)
    try:
        with psycopg.connect(server.url(name)) as connection:
            load_sample(connection, rows=TEST_ROWS)
            connection.commit()
        yield name
    finally:
        _drop(server, name)


@pytest.fixture
def sample(make_database: MakeDatabase, sample_template: str) -> Database:
    """A copy of the sample schema with its data."""
    return make_database(template=sample_template)


# ----------------------------------------------------------- canonical dumps


def _normalise(dump: str) -> str:
    """Drop what is random in a dump, and sort the data."""
    lines: list[str] = []
    rows: list[str] | None = None
    for line in dump.splitlines():
        if rows is not None:
            if line == "\\.":
                lines += [*sorted(rows), line]
                rows = None
            else:
                rows.append(line)
        elif line.startswith(("\\restrict ", "\\unrestrict ")):
            continue
        elif re.fullmatch(r".* SET \(pg_attver=\d+\);", line):
            # some builds of PostgreSQL number the versions of a column there
            continue
        else:
            lines.append(line)
            if line.startswith("COPY ") and line.endswith(" FROM stdin;"):
                rows = []
    return "\n".join(lines) + "\n"


@pytest.fixture
def canonical_dump(make_database: MakeDatabase) -> Callable[..., str]:
    """Return a dump that is equal exactly when schema and data are.

    PostgreSQL prints a CHECK or a view that was parsed again differently, so the
    dump is restored once and dumped again. The ledger and Alembic's version table
    are left out.
    """

    def dump(database: Database, *options: str) -> str:
        first = database.dump_apart()
        scratch = make_database()
        scratch.psql(first)
        try:
            return _normalise(scratch.dump(*options))
        finally:
            _drop(scratch.server, scratch.name)

    return dump


@pytest.fixture
def equal_dumps(make_database: MakeDatabase) -> Callable[[Database, str], None]:
    """Hold a database to a dump of it that was taken before.

    Equal dumps have equal canonical dumps: only where they differ, both are restored
    and dumped again.
    """

    def canonical(dump: str, server: Server) -> str:
        scratch = make_database()
        try:
            scratch.psql(dump)
            return _normalise(scratch.dump())
        finally:
            _drop(server, scratch.name)

    def check(database: Database, before: str) -> None:
        after = database.dump_apart()
        if _normalise(after) != _normalise(before):
            server = database.server
            assert canonical(after, server) == canonical(before, server)

    return check
