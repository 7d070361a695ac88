"""Run one Alembic command inside the project's own environment.

This file is used in two ways: imported, where tzmigrate's environment is the
project's, and run by its path under the project's interpreter, where tzmigrate is not
installed. So it imports nothing but the standard library, Alembic and SQLAlchemy, and
holds to what Python 3.9 understands.

As a script it reads one JSON request from standard input (a password has no place
among arguments, which every user of the machine can list) and writes one JSON report
as the only line on standard output; whatever ``env.py`` prints goes to standard error.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    # Python puts this file's directory first; its modules must not hide the project's.
    sys.path.pop(0)

import argparse
import json
import logging
import os
import socket
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext

Report = dict[str, Any]

_IN_FAILED_TRANSACTION = "25P02"
_DRIVERS = {"psycopg", "psycopg2", "asyncpg"}
_OF_NO_TENANT = {"information_schema", "tzmigrate"}


def run(request: Mapping[str, Any]) -> Report:
    """Answer a request; errors become part of the answer.

    Args:
        request: ``verb`` (``identify``, ``upgrade`` or ``downgrade``), ``revision``,
            ``ini``, ``toml``, ``section``, ``script_location``, ``version_locations``,
            ``url``, ``x``,
            ``mute`` (the level up to which nothing is logged), and ``directories``,
            where ``env.py`` and the revisions are.
    """
    if request.get("mute"):
        logging.disable(request["mute"])
    try:
        return {"ok": True, "result": _answer(request)}
    except (Exception, SystemExit) as error:
        report = describe(error)
        inside = tuple(request.get("directories") or ())
        report["file"] = _file_of(error, inside) if inside else ""
        report["traceback"] = traceback.format_exc()
        return {"ok": False, **report}


def _answer(request: Mapping[str, Any]) -> Any:
    from alembic import command  # noqa: PLC0415 - the project may lack it: reported

    config = _config(request)
    verb = request["verb"]
    if verb == "identify":
        return _identify(config)
    if verb == "upgrade":
        command.upgrade(config, request["revision"])
    elif verb == "downgrade":
        _downgrade(config, request["revision"])
    else:
        msg = f"unknown verb {verb!r}"
        raise ValueError(msg)
    return None


def _downgrade(config: Config, target: str) -> None:
    """Run ``alembic downgrade``, for those who have come so far.

    ``env.py`` may serve several tenants. Alembic ends at the first one that does not
    have the revision, and would reach no other.
    """
    from alembic.runtime.environment import EnvironmentContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    script = ScriptDirectory.from_config(config)

    def steps(heads: Any, context: MigrationContext) -> Any:
        del context
        try:
            # as alembic.command.downgrade does it
            return script._downgrade_revs(target, heads)
        except CommandError:
            below = script.iterate_revisions(heads, "base")
            if target.partition("@")[0] in {each.revision for each in below}:
                raise
            return []

    with EnvironmentContext(
        config, script, fn=steps, as_sql=False, destination_rev=target
    ):
        script.run_env()


def _config(request: Mapping[str, Any]) -> Config:
    from alembic.config import Config  # noqa: PLC0415 - see above

    options: dict[str, Any] = {}
    if request.get("toml"):
        options["toml_file"] = request["toml"]  # Alembic 1.16 and later
    config = Config(
        request.get("ini"),
        ini_section=request.get("section") or "alembic",
        stdout=sys.stderr,
        # env.py reads these by context.get_x_argument() and config.cmd_opts.
        cmd_opts=argparse.Namespace(x=list(request.get("x") or ()), config=None),
        **options,
    )
    for name, key in (("script_location",) * 2, ("sqlalchemy.url", "url")):
        value = request.get(key)
        if value:
            # ConfigParser interpolates what it is given.
            config.set_main_option(name, value.replace("%", "%%"))
    paths = request.get("version_locations")
    if paths:
        between = config.get_main_option("path_separator") or ""
        if not between:
            config.set_main_option("version_path_separator", "os")
        names = {"space": " ", "newline": "\n", "os": os.pathsep, "": os.pathsep}
        joined = names.get(between, between).join(paths)
        config.set_main_option("version_locations", joined.replace("%", "%%"))
    return config


def _identify(config: Config) -> list[Report]:
    """Run ``env.py`` up to its migrations, run none, and ask where it got to."""
    from alembic.runtime.environment import EnvironmentContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    found: list[Report] = []

    def look(heads: Any, context: MigrationContext) -> list[Any]:
        found.append(_look(heads, context))
        return []

    script = ScriptDirectory.from_config(config)
    with EnvironmentContext(
        config,
        script,
        fn=look,
        as_sql=False,
        destination_rev="heads",
        dont_mutate=True,  # no version table is made
    ):
        script.run_env()
    return found


def _look(heads: Any, context: MigrationContext) -> Report:
    report: Report = {
        "heads": [heads] if isinstance(heads, str) else list(heads or ()),
        "version_table": context.version_table,
        "version_table_schema": context.version_table_schema,
        "dialect": context.dialect.name,
        "driver": getattr(context.dialect, "driver", ""),
        # a statement ran before configure(): Alembic ends no transaction then
        "begun": bool(getattr(context, "_in_external_transaction", False)),
    }
    connection = context.connection
    if connection is None or context.dialect.name != "postgresql":
        return report

    def ask(query: str) -> tuple[Any, ...]:
        return tuple(connection.exec_driver_sql(query).fetchone() or ())

    # Two questions: a function that may not be called is an error even where its
    # call is never reached, and an error would end env.py's transaction.
    (may_ask,) = ask(
        "SELECT pg_catalog.has_function_privilege("
        "'pg_catalog.pg_control_system()', 'EXECUTE')"
    )
    system = None
    if may_ask:
        (system,) = ask(
            "SELECT system_identifier::pg_catalog.text"
            " FROM pg_catalog.pg_control_system()"
        )
    database, oid, role, zone, isolation, version = ask(
        "SELECT d.datname::pg_catalog.text, d.oid::pg_catalog.int8,"
        " current_user::pg_catalog.text,"
        " pg_catalog.current_setting('TimeZone'),"
        " pg_catalog.current_setting('transaction_isolation'),"
        " pg_catalog.current_setting('server_version_num')::pg_catalog.int4"
        " FROM pg_catalog.pg_database d"
        " WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()"
    )
    # As JSON: drivers disagree about arrays of names.
    (schemas,) = ask(
        "SELECT pg_catalog.array_to_json(pg_catalog.current_schemas(false))"
        "::pg_catalog.text"
    )
    own = [
        name
        for name in json.loads(schemas)
        if not name.startswith("pg_") and name not in _OF_NO_TENANT
    ]
    # A transaction-local setting is gone with the next statement under AUTOCOMMIT.
    ask("SELECT pg_catalog.set_config('tzmigrate.transaction', 'open', true)")
    (marker,) = ask("SELECT pg_catalog.current_setting('tzmigrate.transaction', true)")
    report.update(
        system_identifier=system,
        database=database,
        database_oid=int(oid),
        role=role,
        schema=own[0] if own else None,
        time_zone=zone,
        isolation=isolation,
        server_version=int(version),
        transactional=marker == "open",
    )
    return report


def describe(error: BaseException) -> Report:
    """Say what an exception means: the server's own report, where there is one."""
    chain = list(_chain(error))
    states = [state for state in map(_sqlstate, chain) if state]
    # What failed first counts, not the statement that came after it.
    state = next((s for s in states if s != _IN_FAILED_TRANSACTION), None)
    state = state or next(iter(states), None)
    if state:
        same = [each for each in chain if _sqlstate(each) == state]
        return {
            "kind": "server",
            "sqlstate": state,
            "message": _first(same, "message_primary", "message") or str(same[-1]),
            "detail": _first(same, "message_detail", "detail"),
            "hint": _first(same, "message_hint", "hint"),
        }
    for each in chain:
        if isinstance(each, ImportError):
            return {**_other("import", str(each)), "module": each.name or ""}
        if _is_of_connection(each):
            return _other("connection", str(getattr(each, "orig", None) or each))
        if isinstance(each, SystemExit):
            code = each.code
            text = code if isinstance(code, str) else f"exit status {code or 0}"
            return _other("exit", text)
        if type(each).__name__ == "CommandError":
            return _other("alembic", str(each))
    return _other("other", f"{type(error).__name__}: {error}")


def _is_of_connection(error: BaseException) -> bool:
    if isinstance(error, (ConnectionError, TimeoutError, socket.gaierror)):
        return True
    if type(error) is OSError and "Connect call failed" in str(error):
        return True  # asyncio tried several addresses
    driver = type(error).__module__.partition(".")[0] in _DRIVERS
    return driver and type(error).__name__ in {"OperationalError", "InterfaceError"}


def _other(kind: str, message: str) -> Report:
    return {
        "kind": kind,
        "sqlstate": None,
        "message": " ".join(message.split()),
        "detail": "",
        "hint": "",
    }


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all behind it: driver's, cause, context."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        each = waiting.pop(0)
        if not isinstance(each, BaseException) or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        waiting += [getattr(each, "orig", None), each.__cause__, each.__context__]


def _sqlstate(error: BaseException) -> str | None:
    """Read the SQLSTATE from an error of psycopg, psycopg2 or asyncpg."""
    for name in ("sqlstate", "pgcode"):
        value = getattr(error, name, None)
        if isinstance(value, str) and len(value) == 5:  # noqa: PLR2004 - by definition
            return value
    return None


def _first(errors: list[BaseException], in_diag: str, direct: str) -> str:
    for error in errors:
        for holder, name in ((getattr(error, "diag", None), in_diag), (error, direct)):
            value = getattr(holder, name, None)
            if isinstance(value, str) and value:
                return value
    return ""


def _file_of(error: BaseException, directories: tuple[str, ...]) -> str:
    """Return the file of the Alembic directories in which an error arose."""
    frames = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    inside = [name for name in frames if name.startswith(directories)]
    return inside[-1] if inside else ""


def main() -> int:
    """Read the request, answer it, keep standard output for the answer."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # also for what libraries and subprocesses of env.py print
    sys.stdout = sys.stderr
    request = json.loads(sys.stdin.readline())
    try:
        report = run(request)
    except KeyboardInterrupt:
        return 130  # as shells say it; whoever started this knows
    answers.write(json.dumps(report) + "\n")
    answers.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
