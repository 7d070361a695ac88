"""Alembic as teams have it: each of ``projects/`` is planned, run and taken back."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Ended, Shell

HERE = Path(__file__).parent / "projects"
NAMES = sorted(path.parent.name for path in HERE.glob("*/setup.toml"))
RUNNING = [name for name in NAMES if name != "another_database"]

ROWS = """
INSERT INTO orders SELECT g, timestamp '2024-01-15 12:00' + g * interval '61 minutes',
    CASE WHEN g % 3 > 0 THEN timestamp '2024-07-15 12:00:00.123456' END
FROM generate_series(1, 40) AS g
"""
ZONES = ("--zone", "default=UTC", "--zone", "public.orders.shipped_at=Europe/Berlin")
INSTANTS = """
SELECT count(*) FROM orders
WHERE placed_at = '2024-01-15 12:00+00'::timestamptz + id * interval '61 minutes'
    AND shipped_at IS NOT DISTINCT FROM CASE WHEN id % 3 > 0
        THEN '2024-07-15 10:00:00.123456+00'::timestamptz END
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """A team's project, its way of running revisions, and ours."""

    shell: Shell
    said: dict[str, Any]
    environ: dict[str, str]

    def own(self, way: str, revision: str = "") -> "subprocess.CompletedProcess[str]":
        """Run the team's own command."""
        program, *words = (w.replace("{revision}", revision) for w in self.said[way])
        return subprocess.run(
            [str(Path(sys.executable).parent / program), *words],
            cwd=self.shell.root,
            env=os.environ | self.environ,
            check=False,
            capture_output=True,
            text=True,
        )

    def tool(self, *arguments: str) -> Ended:
        return self.shell.run(*arguments, **self.environ)

    def plan(self, *arguments: str) -> Ended:
        return self.tool(
            "plan", *ZONES, "--accept", "TZ301", *(arguments or self.said["plan"])
        )

    def files(self) -> set[Path]:
        return {
            path.relative_to(self.shell.root)
            for path in self.shell.root.rglob("*.py")
            if "__pycache__" not in path.parts
        }


@pytest.fixture
def make_setup(
    tmp_path: Path, shell_in: Callable[[Path], Shell], database: Any
) -> Callable[[str], Setup]:
    def make(name: str) -> Setup:
        root = tmp_path / name
        shutil.copytree(HERE / name, root)
        if not any(root.rglob("versions/*.py")):
            versions = root / "migrations" / "versions"
            versions.mkdir()
            shutil.copy(HERE / "a0001_orders.py", versions)
        said = tomllib.loads((root / "setup.toml").read_text(encoding="utf-8"))
        url = database.url.replace("postgresql://", "postgresql+psycopg://", 1)
        # the interpreter of the tests is the project's
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        made = Setup(
            shell=shell_in(root),
            said=said,
            environ={"DATABASE_URL": url, "PATH": path},
        )
        if "prepare" in said:
            database.execute(said["prepare"])
        return made

    return make


def done(process: "subprocess.CompletedProcess[str]") -> str:
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout + process.stderr


@pytest.mark.parametrize("name", RUNNING)
def test_a_set_up_is_planned_run_by_its_own_way_proved_and_taken_back(
    name: str,
    make_setup: Callable[[str], Setup],
    database: Any,
    equal_dumps: Callable[..., None],
) -> None:
    setup = make_setup(name)
    done(setup.own("upgrade", setup.said.get("head", "head")))
    database.execute(ROWS)
    before = database.dump_apart()
    checks = "check" in setup.said
    if checks:
        done(setup.own("check"))
    mine = setup.files()

    planned = setup.plan()
    assert planned.status == 0, planned.err + planned.out
    assert "public.orders.placed_at" in planned.out
    written = setup.files() - mine
    assert len(written) == 2
    assert {str(path.parent) for path in written} == {
        setup.said.get("written", "migrations/versions")
    }

    done(setup.own("upgrade", setup.said.get("head", "head")))
    assert database.scalar(INSTANTS) == 40
    proof = setup.tool("verify", "--accept", "TZ301")
    assert proof.status == 0, proof.err + proof.out
    assert setup.tool("status", *setup.said["run"]).status == 0
    if checks:
        # the models lag now, and nothing else does
        lagging = setup.own("check")
        assert lagging.returncode != 0
        told = lagging.stdout + lagging.stderr
        assert "placed_at" in told
        assert "shipped_at" in told
        assert told.count("modify_type") == 2
        assert "tzmigrate" not in told
    done(setup.own("downgrade", "a0001"))
    equal_dumps(database, before)
    for path in written:
        (setup.shell.root / path).unlink()
    if checks:
        done(setup.own("check"))


@pytest.mark.parametrize("name", RUNNING)
def test_a_set_up_is_applied_and_rolled_back_by_the_tool(
    name: str,
    make_setup: Callable[[str], Setup],
    database: Any,
    equal_dumps: Callable[..., None],
) -> None:
    setup = make_setup(name)
    done(setup.own("upgrade", setup.said.get("head", "head")))
    database.execute(ROWS)
    before = database.dump_apart()
    assert setup.plan().status == 0
    for verb in ("apply", "status", "rollback"):
        options = () if verb == "status" else ("--yes",)
        ended = setup.tool(verb, *setup.said["run"], *options)
        assert ended.status == 0, ended.err + ended.out
        zoned = 0 if verb == "rollback" else 40
        if zoned:
            assert database.scalar(INSTANTS) == zoned
    done(setup.own("downgrade", "a0001"))
    equal_dumps(database, before)


def test_an_ini_that_leads_to_another_kind_of_database_is_noticed(
    make_setup: Callable[[str], Setup], database: Any
) -> None:
    setup = make_setup("another_database")
    # as SQLite leaves it where nothing was written yet
    (setup.shell.root / "other.db").touch()
    database.execute("CREATE TABLE orders (id int, placed_at timestamp)")
    assert setup.plan().status == 0
    for verb in ("apply", "status", "rollback"):
        options = () if verb == "status" else ("--yes",)
        with setup.shell.unchanged(database):
            setup.tool(verb, *setup.said["run"], *options).is_error(
                6, "TZ662", "sqlite"
            )


def test_wrong_heads_of_the_ini_alone_are_found_out_before_anything_is_written(
    make_setup: Callable[[str], Setup], database: Any
) -> None:
    setup = make_setup("versions_in_code")
    done(setup.own("upgrade", setup.said["head"]))
    with setup.shell.unchanged(database):
        setup.plan(*setup.said["refused"]).is_error(
            3, "TZ320", "a0001", "--version-path"
        )
        setup.plan(*setup.said["refused"], "--version-path", "revisions/shop").is_error(
            2, "TZ235", "c0001"
        )
        paths = setup.said["run"]
        setup.plan(*paths).is_error(2, "TZ236", "a0001", "d0001", "--head")
        setup.plan(*paths, "--head", "d0001").is_error(3, "TZ321", "d0001")
        setup.plan("--version-path", "nowhere").is_error(2, "TZ238", "nowhere")


def test_an_env_py_that_begins_before_alembic_is_told_what_that_means(
    make_setup: Callable[[str], Setup], database: Any
) -> None:
    setup = make_setup("early_statements")
    done(setup.own("upgrade", "head"))
    assert setup.plan().status == 0
    for options in (("--dry-run",), ("--yes",)):
        ended = setup.tool("apply", *setup.said["run"], *options)
        assert ended.status == 0
        words = " ".join(ended.out.split())
        assert "transaction_per_migration has no effect" in words
    assert database.scalar("SELECT count(*) FROM tzmigrate.step") == 1


COMMANDS = {
    "writes nothing": ("true {revision}", 6, "TZ667"),
    "runs elsewhere": ("python manage.py current {revision}", 6, "TZ668"),
    "is not there": ("no-such-program {revision}", 6, "TZ666"),
    "is ended": (
        "python -c 'import os; os.kill(os.getpid(), 9)' {revision}",
        6,
        "TZ668",
    ),
}


@pytest.mark.parametrize("case", COMMANDS)
def test_a_command_of_the_team_is_believed_by_its_effect_alone(
    case: str, make_setup: Callable[[str], Setup], database: Any
) -> None:
    setup = make_setup("without_ini")
    done(setup.own("upgrade", "head"))
    assert setup.plan().status == 0
    command, status, code = COMMANDS[case]
    toml = setup.shell.root / "tzmigrate.toml"
    right = toml.read_text(encoding="utf-8")
    quoted = json.dumps(command)
    toml.write_text(
        f"[alembic]\nupgrade = {quoted}\ndowngrade = {quoted}\n", encoding="utf-8"
    )
    with setup.shell.unchanged(database):
        setup.tool("apply", *setup.said["run"], "--yes").is_error(status, code)
    toml.write_text(right, encoding="utf-8")
    assert setup.tool("apply", *setup.said["run"], "--yes").status == 0
    assert database.scalar("SELECT count(*) FROM tzmigrate.step") == 1


def test_a_command_that_did_its_work_and_ends_otherwise_is_told_of(
    make_setup: Callable[[str], Setup], database: Any
) -> None:
    setup = make_setup("without_ini")
    done(setup.own("upgrade", "head"))
    assert setup.plan().status == 0
    toml = setup.shell.root / "tzmigrate.toml"
    right = tomllib.loads(toml.read_text(encoding="utf-8"))["alembic"]
    commands = {
        verb: json.dumps(["sh", "-c", f"{right[verb]}; exit 3"])
        for verb in ("upgrade", "downgrade")
    }
    toml.write_text(
        "[alembic]\n" + "".join(f"{v} = {c}\n" for v, c in commands.items())
    )
    for verb, command in (("apply", "upgrade"), ("rollback", "downgrade")):
        ended = setup.tool(verb, *setup.said["run"], "--yes")
        assert ended.status == 0, ended.err
        said = f"the {command} command did its work, though it ended with 3"
        assert said in " ".join(ended.err.split())
    assert database.scalar("SELECT count(*) FROM tzmigrate.step") == 2


def test_a_command_that_only_moves_the_version_table_has_not_run_it(
    make_setup: Callable[[str], Setup], database: Any
) -> None:
    setup = make_setup("without_ini")
    done(setup.own("upgrade", "head"))
    assert setup.plan().status == 0
    toml = setup.shell.root / "tzmigrate.toml"
    moved = "UPDATE alembic_version SET version_num = '{revision}'"
    psql = [str(database.server.bin / "psql"), "-X", database.url, "-c", moved]
    toml.write_text(
        f'[alembic]\nupgrade = {json.dumps(psql)}\ndowngrade = "true {{revision}}"\n'
    )
    ended = setup.tool("apply", *setup.said["run"], "--yes")
    ended.is_error(4, "TZ412", "the command of [alembic] ran revision", "See what it")
    assert "tz_orders: done in" not in ended.err


def test_what_a_revision_says_reaches_the_user_through_the_command_of_the_team(
    make_setup: Callable[[str], Setup], database: Any
) -> None:
    setup = make_setup("without_ini")
    done(setup.own("upgrade", "head"))
    assert setup.plan().status == 0
    database.execute("ALTER TABLE orders ALTER placed_at SET DEFAULT 'epoch'")
    setup.tool("apply", *setup.said["run"], "--yes").is_error(
        3, "TZ345", "default of column public.orders.placed_at"
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('upgrade = "flask db upgrade head"', "{revision}"),
        ('upgrade = "flask db upgrade {revision}"', "belong together"),
        ("upgrade = 1", "upgrade"),
    ],
)
def test_a_command_that_cannot_be_used_is_an_error_in_the_configuration(
    line: str, words: str, make_setup: Callable[[str], Setup]
) -> None:
    setup = make_setup("without_ini")
    (setup.shell.root / "tzmigrate.toml").write_text(f"[alembic]\n{line}\n")
    setup.tool("apply", *setup.said["run"], "--yes").is_error(2, "TZ204", words)


def test_the_database_is_that_of_the_section_which_is_named(
    make_setup: Callable[[str], Setup], database: Any, make_database: Any
) -> None:
    other = make_database()
    database.execute("CREATE TABLE elsewhere (id int PRIMARY KEY, at timestamp)")
    setup = make_setup("environments")
    ini = setup.shell.root / "alembic.ini"
    text = ini.read_text(encoding="utf-8")
    for section, url in (("alembic", database.url), ("staging", other.url)):
        line = f"[{section}]\nsqlalchemy.url = {url.replace('%', '%%')}\n"
        text = text.replace(f"[{section}]\n", line)
    ini.write_text(text, encoding="utf-8")
    del setup.environ["DATABASE_URL"]
    other.execute("CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp)")
    staging = ("-n", "staging", "--format", "json")

    for verb in (
        ("scan",),
        ("plan", "--dry-run", "--accept", "TZ301", "--zone", "default=UTC"),
        ("backup", "create", "--dir", "kept"),
        ("restore", "--dir", "kept", "--yes", "--dry-run"),
    ):
        ended = setup.tool(*verb, *staging)
        assert ended.status == 0, ended.err
        assert other.name in ended.out, verb
        assert database.name not in ended.out, verb
    setup.tool("verify", *staging).is_error(4, "TZ410", other.name)
    setup.tool("scan", "-n", "stagin").is_error(2, "TZ231", "stagin")
