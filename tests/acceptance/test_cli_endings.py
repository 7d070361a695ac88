"""The real command: what it ends with, and that bad input changes nothing."""

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import psycopg
import pytest

from tzmigrate.reporting.documents import json_schema

Run = Callable[..., "subprocess.CompletedProcess[str]"]

SCHEMA = """
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp NOT NULL);
INSERT INTO orders SELECT g, '2024-01-15 12:00' FROM generate_series(1, 50) AS g;
CREATE TABLE "x\x1b[31m[bold]y|z" (id int PRIMARY KEY, "a\nb" timestamp)
"""
ARGV = (sys.executable, "-m", "tzmigrate")


@pytest.fixture
def shop(database: Any) -> Any:
    """A small database whose sessions start in UTC, as its columns do."""
    database.execute(SCHEMA)
    database.execute(f"ALTER DATABASE \"{database.name}\" SET timezone = 'UTC'")
    return database


@pytest.fixture
def tzmigrate(tmp_path: Path) -> Run:
    """Run the command as typed, in a directory of its own, without a terminal."""

    def run(*arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
        defaults = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE}
        return subprocess.run(
            [*ARGV, *arguments],
            **(defaults | {"cwd": tmp_path} | options),
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=120,
        )

    return run


@pytest.fixture
def planned(tzmigrate: Run, shop: Any) -> Any:
    """The same database, with revisions written and not applied."""
    done = tzmigrate("plan", "--init", "--zone", "default=UTC", "--url", shop.url)
    assert done.returncode == 0, done.stderr
    return shop


def type_of(database: Any) -> str:
    found = database.scalar(
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = 'orders'::regclass AND attname = 'placed_at'"
    )
    return str(found)


def ends(done: "subprocess.CompletedProcess[str]", status: int, code: str) -> None:
    """Check that there is one clear error, with a hint, and nothing else."""
    assert done.returncode == status, done.stderr
    assert re.match(rf"error {code}: [^A-Z\s].*[^.]\n", done.stderr), done.stderr
    assert "\nhint: " in done.stderr
    assert "Traceback" not in done.stderr
    assert not done.stdout


# ------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["scan", "--formt", "json"], "TZ280"),
        (["scan", "--format", "xml"], "TZ280"),
        (["scan", "-h"], "TZ280"),
        (["--url", "postgresql://localhost/x", "scan"], "TZ280"),
        (["scann"], "TZ280"),
        (["verify", "--level", "most"], "TZ280"),
        (["scan", "--url", "nonsense"], "TZ211"),
        (["scan", "--url", "postgresql://ann:hunter2@h:port/x"], "TZ2.."),
        (["scan", "--config", "missing.toml"], "TZ2.."),
        (["rollback", "--to", "abc", "--all"], "TZ283"),
    ],
)
def test_bad_usage_ends_with_2(tzmigrate: Run, arguments: list[str], code: str) -> None:
    done = tzmigrate(*arguments)
    ends(done, 2, code)
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("default=Europe/Pariss", "Europe/Paris"),
        ("default=UTC+5", "sign"),
        ("nozone", "PATTERN=ZONE"),
    ],
)
def test_a_zone_that_is_none_ends_with_2(
    tzmigrate: Run, shop: Any, tmp_path: Path, zone: str, words: str
) -> None:
    done = tzmigrate("plan", "--init", "--zone", zone, "--url", shop.url)
    ends(done, 2, "TZ2..")
    assert words in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_broken_configuration_ends_with_2(tzmigrate: Run, tmp_path: Path) -> None:
    (tmp_path / "tzmigrate.toml").write_text("[zones\n")
    ends(tzmigrate("scan", "--url", "postgresql://localhost/x"), 2, "TZ2..")


def test_no_command_shows_the_help_on_stderr(tzmigrate: Run) -> None:
    done = tzmigrate()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: tzmigrate ")


def test_a_server_that_is_not_there_ends_with_5(tzmigrate: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        url = f"postgresql://ann:hunter2@127.0.0.1:{port}/x"
        done = tzmigrate("scan", "--url", url)
    ends(done, 5, "TZ507")
    assert "hunter2" not in done.stderr


def test_a_missing_database_ends_with_6(tzmigrate: Run, server: Any) -> None:
    ends(tzmigrate("scan", "--url", server.url("tzt no such")), 6, "TZ6..")


def test_another_database_system_ends_with_6(tzmigrate: Run) -> None:
    ends(tzmigrate("scan", "--url", "mysql://ann@localhost/x"), 6, "TZ611")


# ---------------------------------------------------------------------- output


def test_an_unwritable_output_ends_with_2_before_anything_is_done(
    tzmigrate: Run, shop: Any, tmp_path: Path
) -> None:
    done = tzmigrate(
        *("plan", "--init", "--zone", "default=UTC", "--url", shop.url),
        *("--output", "missing/plan.json"),
    )
    ends(done, 2, "TZ282")
    assert not list(tmp_path.iterdir())


def test_an_unwritable_output_converts_nothing(tzmigrate: Run, planned: Any) -> None:
    done = tzmigrate("apply", "--yes", "--url", planned.url, "--output", "missing/x")
    ends(done, 2, "TZ282")
    assert type_of(planned) == "timestamp without time zone"


def test_output_goes_to_the_file_and_nothing_to_stdout(
    tzmigrate: Run, shop: Any, tmp_path: Path
) -> None:
    options = ("--format", "json", "--output", "scan.json")
    done = tzmigrate("scan", "--url", shop.url, *options)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == "wrote scan.json\n"
    found = json.loads((tmp_path / "scan.json").read_text())
    assert found["document"] == "tzmigrate.inventory"


def test_a_reader_that_goes_away_is_no_error(tzmigrate: Run, shop: Any) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = tzmigrate("scan", "--url", shop.url, stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_under_stdout_is_told(tzmigrate: Run, shop: Any) -> None:
    with Path("/dev/full").open("w") as full:
        done = tzmigrate("scan", "--url", shop.url, stdout=full)
    assert done.returncode == 2
    assert "No space left on device" in done.stderr


def test_a_closed_stdout_is_told(tzmigrate: Run, shop: Any) -> None:
    done = tzmigrate("scan", "--url", shop.url, preexec_fn=lambda: os.close(1))
    assert done.returncode == 2
    assert "error TZ282: " in done.stderr


def test_names_that_bite_do_not_reach_a_terminal(tzmigrate: Run, shop: Any) -> None:
    for form in ("text", "markdown", "json"):
        done = tzmigrate("scan", "--url", shop.url, "--format", form)
        assert done.returncode == 0
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", done.stdout)
        assert "31m" in done.stdout
        assert "bold" in done.stdout


def test_an_ascii_terminal_gets_escapes_and_no_crash(tzmigrate: Run, shop: Any) -> None:
    shop.execute('CREATE TABLE "größe" (at timestamp)')
    environ = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = tzmigrate("scan", "--url", shop.url, env=environ)
    assert done.returncode == 0, done.stderr
    assert r"gr\xf6\xdfe" in done.stdout


# ---------------------------------------------------------- the way, as typed


def _document(done: "subprocess.CompletedProcess[str]", name: str) -> Any:
    found = json.loads(done.stdout)
    jsonschema.validate(found, json_schema(name))
    return found


def test_the_whole_way_with_its_statuses_and_documents(
    tzmigrate: Run, shop: Any
) -> None:
    common = ("--url", shop.url, "--format", "json", "--quiet")
    done = tzmigrate("scan", *common)
    assert done.returncode == 0
    assert len(_document(done, "inventory")["columns"]) == 2

    done = tzmigrate("plan", *common, "--init")
    assert done.returncode == 3
    assert _document(done, "plan")["decisions"]

    done = tzmigrate("plan", *common, "--init", "--zone", "default=UTC")
    assert done.returncode == 0, done.stderr
    assert len(_document(done, "plan")["written"]) == 3

    done = tzmigrate("verify", *common)
    ends(done, 4, "TZ410")

    done = tzmigrate("apply", *common, "--dry-run")
    assert done.returncode == 0
    assert len(_document(done, "run")["pending"]) == 3
    assert type_of(shop) == "timestamp without time zone"

    done = tzmigrate("apply", *common, "--yes")
    assert done.returncode == 0, done.stderr
    assert len(_document(done, "run")["steps"]) == 3
    assert type_of(shop) == "timestamp with time zone"

    done = tzmigrate("verify", *common)
    assert done.returncode == 0, done.stdout
    assert _document(done, "proof")["outcome"] == "proved"

    done = tzmigrate("status", *common)
    assert done.returncode == 0
    assert {s["state"] for s in _document(done, "status")["steps"]} == {"done"}

    done = tzmigrate("rollback", *common, "--all", "--yes")
    assert done.returncode == 0, done.stderr
    assert type_of(shop) == "timestamp without time zone"
    assert tzmigrate("verify", *common).returncode == 0


def test_a_shift_ends_with_4(tzmigrate: Run, planned: Any) -> None:
    common = ("--url", planned.url, "--format", "json")
    assert tzmigrate("apply", "--yes", *common).returncode == 0
    planned.execute(
        "ALTER TABLE orders ALTER placed_at TYPE timestamptz"
        " USING placed_at + interval '5 hours'"
    )
    done = tzmigrate("verify", *common)
    assert done.returncode == 4
    moved = [c for c in _document(done, "proof")["columns"] if c["offsets"]]
    assert [c["column"] for c in moved] == ["placed_at"]
    assert moved[0]["offsets"] == [{"offset": "+05:00:00", "count": 50}]


# ------------------------------------------------------------------- questions


@pytest.mark.parametrize("verb", ["apply", "rollback"])
def test_without_yes_and_without_a_terminal_it_ends_with_3(
    tzmigrate: Run, planned: Any, verb: str
) -> None:
    if verb == "rollback":
        done = tzmigrate("apply", "--yes", "--url", planned.url)
        assert done.returncode == 0, done.stderr
    before = type_of(planned)
    done = tzmigrate(verb, "--url", planned.url)
    assert done.returncode == 3
    assert "error TZ390: " in done.stderr
    assert "each in a transaction of its own" in done.stderr
    assert not done.stdout
    assert type_of(planned) == before


@pytest.mark.parametrize(
    ("answer", "status", "found"),
    [("n\n", 5, "timestamp without time zone"), ("y\n", 0, "timestamp with time zone")],
)
def test_on_a_terminal_it_asks(
    planned: Any, tmp_path: Path, answer: str, status: int, found: str
) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*ARGV, "apply", "--url", planned.url],
        cwd=tmp_path,
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        said = b""
        while b"[y/N]" not in said:
            said += os.read(ours, 1000)
        os.write(ours, answer.encode())
        while _read(ours):
            pass
    os.close(ours)
    assert process.returncode == status
    assert type_of(planned) == found


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1000)
    except OSError:  # the other side has closed
        return b""


# ------------------------------------------------------------------ cancelling


@pytest.fixture
def locked(planned: Any) -> Iterator[Any]:
    """The same database, with the table locked by somebody else."""
    with psycopg.connect(planned.url) as other:
        other.execute("LOCK TABLE orders")
        yield planned


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_cancelled_in_the_middle_it_ends_with_5_and_nothing_is_half_done(
    locked: Any, tmp_path: Path, number: signal.Signals
) -> None:
    with subprocess.Popen(
        [*ARGV, "apply", "--yes", "--url", locked.url],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event_type = 'Lock'"
        )
        deadline = time.monotonic() + 60
        while not locked.scalar(waiting) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 5, err
    assert not out
    assert "error TZ5" in err
    assert "hint: " in err
    assert "Traceback" not in err
    assert type_of(locked) == "timestamp without time zone"
