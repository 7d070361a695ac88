"""The project's Alembic runs as the project needs it, and says what went wrong."""

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from logging.handlers import MemoryHandler
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Database
from tzmigrate.errors import DecisionNeeded, Refused, TzmigrateError, Unavailable
from tzmigrate.execution.alembic_project import AlembicRunner, project_python, url_like
from tzmigrate.revisions.project import AlembicProject

SYNC = """
from alembic import context
from sqlalchemy import create_engine, pool
engine = create_engine(
    context.config.get_main_option("sqlalchemy.url"), poolclass=pool.NullPool,
    **{engine}
)
print("env.py talks")
with engine.connect() as connection:
    context.configure(connection=connection, **{configure})
    with context.begin_transaction():
        context.run_migrations()
"""

ASYNC = """
import asyncio
from alembic import context
from sqlalchemy import pool
from sqlalchemy.ext.asyncio import create_async_engine

def run(connection):
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()

async def main():
    engine = create_async_engine(
        context.config.get_main_option("sqlalchemy.url"), poolclass=pool.NullPool
    )
    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()

asyncio.run(main())
"""

REVISION = """
from alembic import op
revision = {revision!r}
down_revision = {down!r}

def upgrade():
    {upgrade}

def downgrade():
    {downgrade}
"""

MakeProject = Callable[..., AlembicProject]


@pytest.fixture
def make_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database: Database
) -> MakeProject:
    """Make a project whose alembic.ini names this test's database."""

    def make(
        env: str = "",
        *,
        url: str = "",
        settings: str = "",
        engine: dict[str, str] | None = None,
        configure: dict[str, object] | None = None,
    ) -> AlembicProject:
        versions = tmp_path / "migrations" / "versions"
        versions.mkdir(parents=True, exist_ok=True)
        text = env or SYNC.format(engine=engine or {}, configure=configure or {})
        (tmp_path / "migrations" / "env.py").write_text(text)
        target = url or as_driver(database.url, "psycopg")
        (tmp_path / "alembic.ini").write_text(
            "[alembic]\nscript_location = %(here)s/migrations\n"
            "prepend_sys_path = .\npath_separator = os\n"
            f"sqlalchemy.url = {target.replace('%', '%%')}\n{settings}"
        )
        monkeypatch.chdir(tmp_path)
        return AlembicProject.open(cwd=tmp_path, environ={})

    return make


def as_driver(url: str, driver: str) -> str:
    return url_like(url, f"postgresql+{driver}://x/y")


def add(
    project: AlembicProject,
    revision: str,
    down: str | None = None,
    *,
    upgrade: str = "pass",
    downgrade: str = "pass",
) -> None:
    text = REVISION.format(
        revision=revision, down=down, upgrade=upgrade, downgrade=downgrade
    )
    (project.version_locations[0] / f"{revision}.py").write_text(text)


def plain_environ() -> dict[str, str]:
    """This process's environment, with no other project's in it."""
    environ = {k: v for k, v in os.environ.items() if k != "VIRTUAL_ENV"}
    return environ | {"PATH": "/usr/bin:/bin"}


def runner(project: AlembicProject, **options: Any) -> AlembicRunner:
    options.setdefault("environ", plain_environ())
    return AlembicRunner(project, **options)


def alembic(project: AlembicProject, *argv: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "alembic", *argv],
        cwd=project.root,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another environment, which has Alembic and drivers but not tzmigrate."""
    root = tmp_path_factory.mktemp("environment")
    venv.create(root, with_pip=False, symlinks=True)
    (packages,) = root.glob("lib/python*/site-packages")
    for path in map(Path, sys.path):
        if (path / "alembic").is_dir():
            for entry in path.iterdir():
                # an editable install of tzmigrate is a .pth file
                if "tzmigrate" not in entry.name and entry.suffix != ".pth":
                    (packages / entry.name).symlink_to(entry)
    return root


@pytest.fixture(params=["here", "there"])
def environ(request: pytest.FixtureRequest) -> dict[str, str]:
    """In this process, and under the project's own interpreter."""
    if request.param == "here":
        return plain_environ()
    other = request.getfixturevalue("elsewhere")
    return plain_environ() | {"VIRTUAL_ENV": str(other)}


def test_identify_finds_the_database_and_changes_nothing(
    make_project: MakeProject, database: Database, environ: dict[str, str]
) -> None:
    project = make_project()
    add(project, "aaaa")
    found = runner(project, environ=environ).identify()
    assert found.database == database.name
    assert found.database_oid == database.scalar(
        "SELECT oid::int FROM pg_database WHERE datname = current_database()"
    )
    assert found.system_identifier == database.scalar(
        "SELECT system_identifier::text FROM pg_control_system()"
    )
    assert found.server_version == database.scalar(
        "SELECT current_setting('server_version_num')::int"
    )
    assert found.driver == "psycopg"
    assert found.heads == ()
    assert (found.version_table, found.version_table_schema) == (
        "alembic_version",
        None,
    )
    assert found.transactional
    assert found.isolation == "read committed"
    assert database.scalar("SELECT to_regclass('alembic_version')") is None


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "asyncpg"])
def test_every_driver_runs_up_and_down(
    make_project: MakeProject,
    database: Database,
    environ: dict[str, str],
    driver: str,
) -> None:
    project = make_project(
        ASYNC if driver == "asyncpg" else "", url=as_driver(database.url, driver)
    )
    add(
        project,
        "aaaa",
        upgrade="op.execute('CREATE TABLE public.made (x int)')",
        downgrade="op.execute('DROP TABLE public.made')",
    )
    run = runner(project, environ=environ)
    run.upgrade("aaaa")
    assert run.identify().heads == ("aaaa",)
    assert run.identify().driver == driver
    assert database.scalar("SELECT to_regclass('public.made')::text") == "made"
    run.downgrade("base")
    assert run.identify().heads == ()
    assert database.scalar("SELECT to_regclass('public.made')::text") is None


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "asyncpg"])
def test_an_error_of_a_revision_keeps_state_message_detail_and_hint(
    make_project: MakeProject,
    database: Database,
    environ: dict[str, str],
    driver: str,
) -> None:
    project = make_project(
        ASYNC if driver == "asyncpg" else "", url=as_driver(database.url, driver)
    )
    statement = (
        "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'TZ345',"
        " MESSAGE = 'tzmigrate TZ345: stale plan', DETAIL = 'It changed.',"
        " HINT = 'Plan again.'; END $$"
    )
    add(project, "aaaa", upgrade=f"op.execute({statement!r})")
    with pytest.raises(DecisionNeeded) as caught:
        runner(project, environ=environ).upgrade("aaaa")
    error = caught.value
    assert (error.code, error.sqlstate) == ("TZ345", "TZ345")
    assert error.message == "stale plan"
    assert error.detail == "It changed."
    assert error.hint == "Plan again."
    assert runner(project).identify().heads == ()


def test_a_lock_that_is_not_obtained_is_unavailable(
    make_project: MakeProject, database: Database, environ: dict[str, str]
) -> None:
    project = make_project()
    database.execute("CREATE TABLE public.busy (x int)")
    add(
        project,
        "aaaa",
        upgrade="op.execute(\"SET LOCAL lock_timeout = '20ms'\");"
        " op.execute('LOCK TABLE public.busy')",
    )
    with database.connect() as other:
        other.execute("LOCK TABLE public.busy")
        with pytest.raises(Unavailable) as caught:
            runner(project, environ=environ).upgrade("aaaa")
    assert caught.value.sqlstate == "55P03"


def test_another_error_of_a_revision_names_its_file(
    make_project: MakeProject, environ: dict[str, str]
) -> None:
    project = make_project()
    add(project, "aaaa", upgrade="op.execute('SELECT no_such_function()')")
    with pytest.raises(Refused) as caught:
        runner(project, environ=environ).upgrade("aaaa")
    assert caught.value.sqlstate == "42883"
    assert "aaaa.py" in caught.value.message


def test_what_failed_first_is_reported(make_project: MakeProject) -> None:
    """Not the statement that env.py sends into the failed transaction."""
    env = SYNC.replace(
        "        context.run_migrations()\n",
        "        try:\n            context.run_migrations()\n"
        "        finally:\n            connection.exec_driver_sql('SELECT 1')\n",
    )
    project = make_project(env.format(engine={}, configure={}))
    add(project, "aaaa", upgrade="op.execute('SELECT 1/0')")
    with pytest.raises(TzmigrateError) as caught:
        runner(project).upgrade("aaaa")
    assert caught.value.sqlstate == "22012"


@pytest.mark.parametrize(
    ("engine", "configure", "transactional", "isolation"),
    [
        ({}, {"transaction_per_migration": True}, True, "read committed"),
        ({}, {"version_table": "versions"}, True, "read committed"),
        ({"isolation_level": "AUTOCOMMIT"}, {}, False, "read committed"),
        ({"isolation_level": "REPEATABLE READ"}, {}, True, "repeatable read"),
    ],
)
def test_identify_sees_how_env_py_runs_its_transactions(
    make_project: MakeProject,
    engine: dict[str, str],
    configure: dict[str, object],
    transactional: bool,
    isolation: str,
) -> None:
    found = runner(make_project(engine=engine, configure=configure)).identify()
    assert (found.transactional, found.isolation) == (transactional, isolation)
    assert found.version_table == configure.get("version_table", "alembic_version")


def test_the_version_table_is_found_where_env_py_has_it(
    make_project: MakeProject, database: Database
) -> None:
    database.execute('CREATE SCHEMA "meta Data"')
    project = make_project(
        configure={"version_table": "v", "version_table_schema": "meta Data"}
    )
    add(project, "aaaa")
    runner(project).upgrade("aaaa")
    found = runner(project).identify()
    assert (found.version_table, found.version_table_schema) == ("v", "meta Data")
    assert found.heads == ("aaaa",)
    assert database.scalar('SELECT version_num FROM "meta Data".v') == "aaaa"


def test_heads_of_several_branches_are_all_reported(make_project: MakeProject) -> None:
    project = make_project()
    add(project, "aaaa")
    add(project, "bbbb")
    runner(project).upgrade("heads")
    assert set(runner(project).identify().heads) == {"aaaa", "bbbb"}


def test_a_role_that_may_not_ask_the_server_who_it_is_can_still_run(
    make_project: MakeProject, database: Database, make_role: Callable[..., Any]
) -> None:
    database.execute("REVOKE ALL ON FUNCTION pg_control_system() FROM PUBLIC")
    role = make_role()
    found = runner(make_project(url=as_driver(database.url_as(role), "psycopg")))
    assert found.identify().system_identifier is None
    assert found.identify().role == role.name


def test_the_url_given_reaches_env_py_with_the_driver_that_it_uses(
    make_project: MakeProject, database: Database, environ: dict[str, str]
) -> None:
    project = make_project(ASYNC, url="postgresql+asyncpg://nobody@nowhere:1/none")
    run = runner(project, environ=environ, url_for_env=database.url)
    assert run.identify().database == database.name


def test_percent_signs_of_a_url_survive_the_configuration(
    make_project: MakeProject, make_database: Callable[..., Database]
) -> None:
    other = make_database(suffix="50%h%%")
    found = runner(make_project(), url_for_env=other.url).identify()
    assert found.database == other.name


def test_an_environment_made_by_init_runs(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    project = AlembicProject.init(Path("migrations"), Path("alembic.ini"))
    add(project, "aaaa")
    other = plain_environ() | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x"}
    run = runner(project, environ=other, url_for_env=database.url)
    run.upgrade("aaaa")
    assert run.identify().heads == ("aaaa",)
    as_heroku = database.url.replace("postgresql://", "postgres://")
    monkeypatch.setenv("DATABASE_URL", as_heroku)
    done = alembic(project, "current")
    assert "aaaa (head)" in done.stdout, done.stderr
    offline = alembic(project, "upgrade", "head", "--sql")
    assert "INSERT INTO alembic_version" in offline.stdout, offline.stderr


def test_x_arguments_reach_env_py(
    make_project: MakeProject, database: Database, environ: dict[str, str]
) -> None:
    env = SYNC.replace(
        'context.config.get_main_option("sqlalchemy.url")',
        'context.get_x_argument(as_dictionary=True)["db"]',
    ).format(engine={}, configure={})
    project = make_project(env, url="postgresql://nobody@nowhere/none")
    url = as_driver(database.url, "psycopg")
    run = runner(project, environ=environ, x_args=[f"db={url}"])
    assert run.identify().database == database.name


def test_env_py_sees_the_environment_given(
    make_project: MakeProject, database: Database, environ: dict[str, str]
) -> None:
    env = SYNC.replace(
        'context.config.get_main_option("sqlalchemy.url")',
        '__import__("os").environ["SHOP_URL"]',
    ).format(engine={}, configure={})
    environ["SHOP_URL"] = as_driver(database.url, "psycopg")
    found = runner(make_project(env), environ=environ).identify()
    assert found.database == database.name
    assert "SHOP_URL" not in os.environ


def test_a_missing_application_module_is_named_with_the_way_out(
    make_project: MakeProject, environ: dict[str, str]
) -> None:
    project = make_project("from shop_application import models\n")
    with pytest.raises(Refused) as caught:
        runner(project, environ=environ).identify()
    assert caught.value.code == "TZ660"
    assert "env.py needs module shop_application" in caught.value.message
    assert "VIRTUAL_ENV" in caught.value.hint


def test_our_own_modules_do_not_hide_the_projects(
    make_project: MakeProject, environ: dict[str, str]
) -> None:
    """A project may have a model.py, as the room that runs it has."""
    project = make_project(
        "import model\n" + SYNC.format(engine={}, configure={"version_table": "x"})
    )
    (project.root / "model.py").write_text("from datetime import datetime\n")
    try:
        assert runner(project, environ=environ).identify().version_table == "x"
    finally:
        sys.modules.pop("model", None)


@pytest.mark.parametrize(
    ("env", "code"),
    [
        ("raise RuntimeError('postgresql://u:secret@h/d')", "TZ661"),
        ("raise SystemExit('set postgresql://u:secret@h/d')", "TZ661"),
        ("def broken(:", "TZ661"),
        ("pass", "TZ663"),
        ("from alembic import command\nfrom alembic.util import CommandError\n"
         "raise CommandError('no')", "TZ664"),
        (SYNC.replace('context.config.get_main_option("sqlalchemy.url")',
                      '"sqlite://"').format(engine={}, configure={}), "TZ662"),
        ("", "TZ507"),
    ],
)  # fmt: skip
def test_an_env_py_that_does_not_reach_postgresql_is_a_clear_error(
    make_project: MakeProject, environ: dict[str, str], env: str, code: str
) -> None:
    project = make_project(env, url="postgresql+psycopg://u:secret@127.0.0.1:1/d")
    with pytest.raises(TzmigrateError) as caught:
        runner(project, environ=environ).identify()
    error = caught.value
    assert error.code == code
    assert error.hint
    # where the application's own command is what works
    assert ("[alembic]" in error.hint) is (code == "TZ661")
    assert "secret" not in f"{error.message} {error.detail} {error.hint}"


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2", "asyncpg"])
@pytest.mark.parametrize(
    ("change", "kind"), [("port", Unavailable), ("database", Refused)]
)
def test_a_database_that_cannot_be_reached_is_told_apart_from_a_missing_one(
    make_project: MakeProject,
    database: Database,
    driver: str,
    change: str,
    kind: type[TzmigrateError],
) -> None:
    url = database.url.replace(database.name, "tzt_no_such_database")
    if change == "port":
        url = "postgresql://nobody@127.0.0.1:1/x"
    project = make_project(
        ASYNC if driver == "asyncpg" else "", url=as_driver(url, driver)
    )
    with pytest.raises(kind):
        runner(project).identify()


def test_several_databases_in_one_env_py_are_refused(
    make_project: MakeProject, make_database: Callable[..., Database]
) -> None:
    urls = [as_driver(make_database().url, "psycopg") for _ in range(2)]
    once = SYNC.replace(
        'context.config.get_main_option("sqlalchemy.url")', "url"
    ).format(engine={}, configure={})
    loop = f"for url in {urls!r}:\n" + "".join(
        f"    {line}\n" for line in once.splitlines()
    )
    with pytest.raises(Refused) as caught:
        runner(make_project(loop)).identify()
    assert caught.value.code == "TZ663"


def test_an_unknown_revision_is_refused(make_project: MakeProject) -> None:
    with pytest.raises(Refused) as caught:
        runner(make_project()).upgrade("nothing")
    assert "nothing" in caught.value.detail


LOGGING = """
[loggers]
keys = root
[handlers]
keys = file
[formatters]
keys = plain
[logger_root]
level = WARNING
handlers = file
[handler_file]
class = FileHandler
args = ("env.log",)
[formatter_plain]
format = %(message)s
"""


def test_env_py_leaves_logging_path_environment_and_stdout_alone(
    make_project: MakeProject, capsys: pytest.CaptureFixture[str]
) -> None:
    env = (
        "import os, sys; from logging.config import fileConfig\n"
        "from alembic import context\n"
        "fileConfig(context.config.config_file_name)\n"
        "os.environ['PLANTED'] = 'x'; sys.path.insert(0, '/planted')\n"
    ) + SYNC.format(engine={}, configure={})
    project = make_project(env, settings=LOGGING)
    ours = logging.getLogger("tzmigrate.execution.test")
    root = logging.getLogger()
    handler = MemoryHandler(10)
    root.addHandler(handler)
    before = (root.handlers[:], root.level, list(sys.path), dict(os.environ))
    try:
        runner(project).identify()
        ours.error("still heard")
        after = (root.handlers[:], root.level, list(sys.path), dict(os.environ))
    finally:
        root.removeHandler(handler)
    assert after == before
    assert not ours.disabled
    assert [record.getMessage() for record in handler.buffer][-1:] == ["still heard"]
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "env.py talks" in shown.err


def test_what_env_py_prints_over_there_is_no_result(
    make_project: MakeProject, elsewhere: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    env = "import os; os.system('echo from a child')\n"
    env += SYNC.format(engine={}, configure={})
    environ = plain_environ() | {"VIRTUAL_ENV": str(elsewhere)}
    runner(make_project(env), environ=environ).identify()
    out, err = capfd.readouterr()
    assert out == ""
    assert "env.py talks" in err
    assert "from a child" in err


def test_a_running_event_loop_is_no_hindrance(
    make_project: MakeProject, database: Database
) -> None:
    project = make_project(ASYNC, url=as_driver(database.url, "asyncpg"))

    async def main() -> str:
        return runner(project).identify().database

    assert asyncio.run(main()) == database.name


def test_another_working_directory_is_given_to_env_py(
    make_project: MakeProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_project()
    ini = tmp_path / "alembic.ini"
    ini.write_text(ini.read_text().replace("%(here)s/", ""))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    project = AlembicProject.open(ini)
    assert runner(project).identify().heads == ()


def test_no_password_stands_among_the_arguments(
    make_project: MakeProject, database: Database, elsewhere: Path
) -> None:
    env = "import json, sys; open('argv', 'w').write(json.dumps(sys.orig_argv))\n"
    project = make_project(env + SYNC.format(engine={}, configure={}))
    environ = plain_environ() | {"VIRTUAL_ENV": str(elsewhere)}
    runner(project, environ=environ, url_for_env=database.url).identify()
    argv = json.loads((project.root / "argv").read_text())
    assert len(argv) == 2
    assert "://" not in str(argv)


def test_a_process_that_dies_leaves_a_clear_error(
    make_project: MakeProject, elsewhere: Path
) -> None:
    environ = plain_environ() | {"VIRTUAL_ENV": str(elsewhere)}
    project = make_project("import os; os._exit(7)")
    with pytest.raises(Unavailable) as caught:
        runner(project, environ=environ).identify()
    assert caught.value.code == "TZ520"
    assert "7" in caught.value.message


INTERRUPTED = """
import sys
from tzmigrate.execution.alembic_project import AlembicRunner
from tzmigrate.revisions.project import AlembicProject
try:
    AlembicRunner(AlembicProject.open()).upgrade("aaaa")
except KeyboardInterrupt:
    sys.exit(5)
"""


def test_an_interrupted_run_rolls_back_and_leaves_no_session(
    make_project: MakeProject, database: Database, environ: dict[str, str]
) -> None:
    project = make_project()
    statement = "CREATE TABLE public.half AS SELECT 1 FROM pg_sleep(60)"
    add(project, "aaaa", upgrade=f"op.execute({statement!r})")
    package = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED],
        env=environ | {"PYTHONPATH": str(package)},
        start_new_session=True,
    )
    sleeping = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND query LIKE 'CREATE TABLE%'"
    )
    try:
        wait_until(lambda: database.scalar(sleeping) == 1)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 5
    finally:
        process.kill()
        process.wait()
    wait_until(lambda: database.scalar(sleeping) == 0)
    assert database.scalar("SELECT to_regclass('public.half')") is None


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(400):
        if condition():
            return
        time.sleep(0.05)
    pytest.fail("it did not happen in time")


# ------------------------------------------------------- whose Alembic it is


def script(path: Path, first: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{first}\n")
    path.chmod(0o755)
    return path


def test_our_own_environment_is_used_in_process() -> None:
    assert project_python({"VIRTUAL_ENV": sys.prefix, "PATH": "/nowhere"}) is None
    assert project_python({"PATH": "/nowhere"}) is None


def test_an_activated_environment_with_alembic_is_used(elsewhere: Path) -> None:
    environ = {"VIRTUAL_ENV": str(elsewhere), "PATH": "/nowhere"}
    assert project_python(environ) == elsewhere / "bin" / "python"


def test_an_activated_environment_without_alembic_is_not(tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", symlinks=True)
    environ = {"VIRTUAL_ENV": str(tmp_path / "bare"), "PATH": "/nowhere"}
    assert project_python(environ) is None


@pytest.mark.parametrize(
    "first",
    [
        "#!{python}",
        "#!/bin/sh\n'''exec' {python} \"$0\" \"$@\"",
        '#!/bin/sh\n\'\'\'exec\' "{python}" "$0" "$@"',
        "#!/usr/bin/env python",
    ],
)
def test_alembic_on_path_leads_to_its_interpreter(
    tmp_path: Path, elsewhere: Path, first: str
) -> None:
    python = elsewhere / "bin" / "python"
    script(tmp_path / "bin" / "alembic", first.format(python=python))
    path = f"{tmp_path / 'bin'}:{python.parent}:/usr/bin:/bin"
    assert project_python({"PATH": path}) == python


def test_alembic_on_path_that_is_ours_is_used_in_process(tmp_path: Path) -> None:
    script(tmp_path / "alembic", f"#!{sys.prefix}/bin/python")
    assert project_python({"PATH": str(tmp_path)}) is None


def test_an_alembic_that_is_no_python_script_is_passed_over(tmp_path: Path) -> None:
    script(tmp_path / "alembic", "#!/bin/bash\nexec something")
    assert project_python({"PATH": str(tmp_path)}) is None
