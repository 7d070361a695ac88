"""Run the project's Alembic: here, where its environment is ours, else over there."""

import asyncio
import importlib
import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from pathlib import Path
from typing import Any, Final

import psycopg
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from tzmigrate.errors import Refused, TzmigrateError, Unavailable
from tzmigrate.execution import alembic_runner
from tzmigrate.execution.model import Identity, Tenant
from tzmigrate.postgres.errors import from_psycopg, from_sqlstate
from tzmigrate.revisions.project import AlembicProject

logger = logging.getLogger(__name__)

_PATIENCE: Final = 10
"""Seconds that an interrupted run has to roll back and close its connection."""


class AlembicRunner:
    """Runs single Alembic commands in the environment that the project needs.

    Args:
        project: the Alembic set-up.
        environ: the environment that ``env.py`` sees, by default this process's.
        url_for_env: the database's URL, as ``sqlalchemy.url`` of the configuration and
            as ``TZMIGRATE_URL``. Without it ``env.py`` finds the database as always.
        x_args: as ``alembic -x`` takes them.
    """

    def __init__(
        self,
        project: AlembicProject,
        environ: Mapping[str, str] | None = None,
        url_for_env: str | None = None,
        x_args: Sequence[str] = (),
    ) -> None:
        self._project = project
        self._environ = dict(os.environ if environ is None else environ)
        self._url = None
        if url_for_env is not None:
            self._url = url_like(url_for_env, _configured_url(project))
            self._environ["TZMIGRATE_URL"] = self._url
        self._x_args = tuple(x_args)
        self.python: Final = project_python(self._environ)
        """The project's interpreter, or ``None`` where it is ours."""

    def identify(self) -> Identity:
        """Find out which database ``env.py`` reaches; nothing is changed there.

        Raises:
            Refused: ``env.py`` cannot run, or reaches no PostgreSQL or several.
            Unavailable: the server cannot be reached.
        """
        found = self._run("identify")
        env = self._project.directory / "env.py"
        if not found:
            raise Refused(
                "TZ663",
                f"{env} runs no migrations",
                hint="Give env.py what it needs to reach the database, with -x or in"
                " the environment.",
            )
        different = {(each["dialect"], each.get("database_oid")) for each in found}
        if len(different) > 1:
            raise Refused(
                "TZ663",
                f"{env} migrates {len(different)} databases",
                hint="Choose one of them with -x, or use a directory of its own for"
                " this database.",
            )
        first = found[0]
        isolations = {each.get("isolation") for each in found}
        if first["dialect"] != "postgresql":
            raise Refused(
                "TZ662",
                f"{env} connects to {first['dialect']}",
                hint="Make env.py connect to the PostgreSQL database that is planned"
                " for.",
            )
        return Identity(
            system_identifier=first["system_identifier"],
            database=first["database"],
            database_oid=first["database_oid"],
            role=first["role"],
            server_version=first["server_version"],
            tenants=tuple(
                Tenant(schema=each["schema"], heads=tuple(each["heads"]))
                for each in found
            ),
            version_table=first["version_table"],
            version_table_schema=first["version_table_schema"],
            driver=first["driver"],
            time_zone=first["time_zone"],
            isolation=" and ".join(sorted(isolations)),
            transactional=all(each["transactional"] for each in found),
            begun=any(each["begun"] for each in found),
        )

    def upgrade(self, revision: str) -> None:
        """Run ``alembic upgrade``.

        Raises:
            TzmigrateError: what the revision, the server or Alembic said.
        """
        self._run("upgrade", revision)

    def downgrade(self, revision: str) -> None:
        """Run ``alembic downgrade``.

        Raises:
            TzmigrateError: what the revision, the server or Alembic said.
        """
        self._run("downgrade", revision)

    def _run(self, verb: str, revision: str | None = None) -> Any:
        project = self._project
        request = {
            "verb": verb,
            "revision": revision,
            "ini": str(project.ini) if project.ini else None,
            "toml": str(project.toml) if project.toml else None,
            "section": project.section,
            "script_location": str(project.directory) if project.overridden else None,
            "url": self._url,
            "x": self._x_args,
            "mute": _mute(verb),
            "version_locations": [str(path) for path in project.version_locations]
            if project.told
            else None,
            "directories": [
                str(path) for path in (project.directory, *project.version_locations)
            ],
        }
        if self.python is None and _can_run_here(project):
            with _guest(self._environ):
                report: Mapping[str, Any] = alembic_runner.run(request)
        else:
            python = self.python or Path(sys.executable)
            report = _run_there(python, request, self._environ, project.root)
        if report["ok"]:
            return report["result"]
        logger.debug("%s failed: %s", verb, redacted(report.get("traceback", "")))
        raise self._error(report)

    def _error(self, report: Mapping[str, Any]) -> TzmigrateError:
        kind = report["kind"]
        message = redacted(report["message"])
        file = report.get("file") or str(self._project.directory / "env.py")
        if kind == "server":
            detail = redacted(report["detail"])
            found = from_sqlstate(
                report["sqlstate"], message, detail, redacted(report["hint"])
            )
            return found or Refused(
                "TZ665",
                f"{file} failed: {message}",
                detail=detail,
                hint=redacted(report["hint"])
                or "Correct it, then run the same command again.",
                sqlstate=report["sqlstate"],
            )
        if kind == "connection":
            return _unreachable(message)
        if kind == "import":
            return self._cannot_import(file, report.get("module") or "", message)
        if kind == "alembic":
            return Refused(
                "TZ664",
                "Alembic refused to run",
                detail=f"{message.rstrip('.')}.",
                hint="Make the database and the directory of revisions agree, until"
                " 'alembic current' and 'alembic heads' are right.",
            )
        return Refused(
            "TZ661",
            f"{file} failed",
            detail=f"{message.rstrip('.')}.",
            hint="Make 'alembic current' work in this directory and environment, then"
            " try again. Where the project has a command of its own, such as flask db,"
            " name it by upgrade and downgrade under [alembic] in tzmigrate.toml.",
        )

    def _cannot_import(self, file: str, module: str, message: str) -> Refused:
        where = self.python or Path(sys.executable)
        if module.partition(".")[0] == "alembic":
            return Refused(
                "TZ660",
                f"Alembic is not installed for {where}",
                hint="Activate the project's environment, so that VIRTUAL_ENV or PATH"
                " leads to its Alembic.",
            )
        return Refused(
            "TZ660",
            f"{file} needs module {module}" if module else f"{file} cannot be imported",
            detail=f"{message.rstrip('.')}. It was run by {where}.",
            hint="Activate the environment in which the application is installed"
            " (VIRTUAL_ENV), install tzmigrate there, or add the module's directory to"
            " prepend_sys_path.",
        )


def _mute(verb: str) -> int:
    """Return the level up to which Alembic's log is not for the user.

    It is as quiet as ours; where nothing is run, its greetings say nothing either.
    """
    if not logger.isEnabledFor(logging.WARNING):
        return logging.WARNING
    if verb == "identify" and not logger.isEnabledFor(logging.INFO):
        return logging.INFO
    return logging.NOTSET


def project_python(
    environ: Mapping[str, str], prefix: str | None = None
) -> Path | None:
    """Find the interpreter of the project's environment, ``None`` where it is ours.

    An activated environment (``VIRTUAL_ENV``) that has Alembic comes first, then the
    ``alembic`` found on ``PATH``.
    """
    ours = Path(prefix or sys.prefix).resolve()
    if named := environ.get("VIRTUAL_ENV"):
        active = Path(named)
        if active.resolve() == ours:
            return None
        python = _python_in(active)
        if python is not None and _has_alembic(active):
            return python
    command = shutil.which("alembic", path=environ.get("PATH"))
    if command is None:
        return None
    python = _python_of(Path(command).resolve(), environ)
    if python is None or python.parent.parent.resolve() == ours:
        return None
    return python


def _python_in(environment: Path) -> Path | None:
    for name in ("bin/python", "bin/python3", "Scripts/python.exe"):
        if (environment / name).exists():
            return environment / name
    return None


def _has_alembic(environment: Path) -> bool:
    patterns = ("lib/python*/site-packages/alembic", "Lib/site-packages/alembic")
    return any(any(environment.glob(pattern)) for pattern in patterns) or any(
        (environment / name).exists() for name in ("bin/alembic", "Scripts/alembic.exe")
    )


def _python_of(script: Path, environ: Mapping[str, str]) -> Path | None:
    """Read from a console script which interpreter it belongs to."""
    try:
        with script.open("rb") as stream:
            head = stream.read(4096).decode("utf-8", "replace").splitlines()[:3]
    except OSError:
        return None
    if not head or not head[0].startswith("#!"):
        return _python_in(script.parent.parent)
    words = head[0].removeprefix("#!").split()
    if words[:1] and Path(words[0]).name in {"sh", "bash"}:
        # Installers write this where the interpreter's path is long or has a space.
        found = re.match(r"""'''exec' (?:"([^"]+)"|(\S+)) """, "".join(head[1:2]))
        words = [found[1] or found[2]] if found else []
    if words[:1] and Path(words[0]).name == "env":
        which = shutil.which(words[-1], path=environ.get("PATH"))
        words = [which] if which else []
    if not words or not Path(words[0]).name.startswith("python"):
        return None
    return Path(words[0]) if Path(words[0]).exists() else None


def _can_run_here(project: AlembicProject) -> bool:
    """Tell whether this process can stand in for the project's own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        # Alembic takes relative paths from the working directory, which is not ours
        # to change.
        return project.root.resolve() == Path.cwd().resolve()
    return False  # an asynchronous env.py starts a loop, and loops do not nest


def _run_there(
    python: Path, request: Mapping[str, Any], environ: Mapping[str, str], root: Path
) -> Mapping[str, Any]:
    """Run a request under another interpreter, or in another working directory."""
    script = Path(alembic_runner.__file__)
    try:
        process = subprocess.Popen(
            [str(python), str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=dict(environ),
            cwd=root,
        )
    except OSError as error:
        raise Refused(
            "TZ660",
            f"cannot start {python}",
            detail=f"{error.strerror}.",
            hint="Repair or deactivate the environment that VIRTUAL_ENV or PATH names.",
        ) from error
    with process:
        try:
            output, _ = process.communicate(json.dumps(request).encode() + b"\n")
        except BaseException:
            end(process)
            raise
    lines = output.decode("utf-8", "replace").splitlines()
    with suppress(ValueError, IndexError):
        report = json.loads(lines[-1])
        if isinstance(report, dict) and "ok" in report:
            return report
    raise Unavailable(
        "TZ520",
        f"Alembic ended with {process.returncode} and without a report",
        detail=f"It was run by {python}.",
        hint="See what it wrote above; 'tzmigrate status' shows how far it came.",
    )


def end(process: "subprocess.Popen[Any]") -> None:
    """Let an interrupted run roll back; end it where it does not."""
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(ending)
        with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):
            process.wait(_PATIENCE)


@contextmanager
def _guest(environ: Mapping[str, str]) -> Iterator[None]:
    """Have the project's ``env.py`` in this process, and tidy up after it."""
    path, before = list(sys.path), dict(os.environ)
    with _logging_kept(), redirect_stdout(sys.stderr):
        try:
            _set_environ(environ)
            _forget_relative_paths()
            yield
        finally:
            _set_environ(before)
            sys.path[:] = path
            _forget_relative_paths()


def _forget_relative_paths() -> None:
    """Have ``.`` of ``prepend_sys_path`` mean today's working directory.

    Python keeps a finder for each entry of ``sys.path``, with the directory that the
    entry stood for when it was first used.
    """
    for entry in list(sys.path_importer_cache):
        if not os.path.isabs(entry):  # noqa: PTH117 - entries may be any text
            sys.path_importer_cache.pop(entry, None)
    importlib.invalidate_caches()


def _set_environ(wanted: Mapping[str, str]) -> None:
    for name in set(os.environ) - set(wanted):
        del os.environ[name]
    for name, value in wanted.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


@contextmanager
def _logging_kept() -> Iterator[None]:
    """Give logging back as it was.

    ``fileConfig`` replaces the root's handlers and disables every logger it finds.
    """
    root = logging.getLogger()
    known = {
        name: each
        for name, each in root.manager.loggerDict.items()
        if isinstance(each, logging.Logger)
    }
    every = [root, *known.values()]
    states = [(e, e.handlers[:], e.level, e.disabled, e.propagate) for e in every]
    handlers = {handler for _, each, *_ in states for handler in each}
    disabled_below = root.manager.disable
    try:
        yield
    finally:
        for name in list(root.manager.loggerDict):
            each = root.manager.loggerDict[name]
            if isinstance(each, logging.Logger) and each not in every:
                _drop_handlers(each, handlers)
        for each, kept, level, disabled, propagate in states:
            _drop_handlers(each, handlers)
            each.handlers[:] = kept
            each.setLevel(level)
            each.disabled = disabled
            each.propagate = propagate
        logging.disable(disabled_below)


def _drop_handlers(each: logging.Logger, kept: set[logging.Handler]) -> None:
    for handler in each.handlers[:]:
        if handler not in kept:
            each.removeHandler(handler)
            handler.close()


def url_like(url: str, pattern: str | None = None) -> str:
    """Write a database's URL for an ``env.py``, with the driver that it expects.

    Args:
        url: as people have them, libpq's or SQLAlchemy's form.
        pattern: the ``sqlalchemy.url`` that ``env.py`` uses otherwise.

    >>> url_like("postgres://me@db/shop?sslmode=require", "postgresql+asyncpg://x/y")
    'postgresql+asyncpg://me@db/shop?ssl=require'
    """
    if url.startswith("postgres://"):
        url = url.replace("postgres://", "postgresql://", 1)
    try:
        target = make_url(url)
        driver = make_url(pattern).drivername if pattern else ""
    except (ArgumentError, ValueError):
        return url  # env.py will say what it thinks of it
    if driver.startswith("postgresql"):
        target = target.set(drivername=driver)
    return _ssl_as(target).render_as_string(hide_password=False)


def _ssl_as(url: URL) -> URL:
    """Name the TLS mode as the driver does."""
    wanted, other = ("sslmode", "ssl")
    if url.drivername == "postgresql+asyncpg":
        wanted, other = other, wanted
    if other not in url.query:
        return url
    mode = url.query[other]
    return url.difference_update_query([other]).update_query_dict({wanted: mode})


def _configured_url(project: AlembicProject) -> str | None:
    try:
        return project.url
    except TzmigrateError:
        return None


def _unreachable(message: str) -> TzmigrateError:
    # asyncio's words for what libpq says in its own.
    if re.search(r"Connect call failed|getaddrinfo|Name or service|Errno", message):
        return Unavailable(
            "TZ507",
            "the server cannot be reached",
            detail=message,
            hint="Check host and port that env.py uses, and try again.",
        )
    found = from_psycopg(psycopg.OperationalError(message))
    return found or Unavailable(
        "TZ507", "the connection was lost", detail=message, hint="Try again."
    )


def redacted(text: str) -> str:
    """Hide the password of any URL in a text."""
    return re.sub(r"(://[^\s:/@]*):[^\s/]*@", r"\1:***@", text)
