"""What every command needs: where the database, the project and the patterns are."""

import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tzmigrate.config import Config
from tzmigrate.errors import UsageError
from tzmigrate.postgres.session import Session, connect
from tzmigrate.postgres.url import Target, resolve_url, sqlalchemy_url

if TYPE_CHECKING:
    from tzmigrate.execution.model import Migrations
    from tzmigrate.revisions.project import AlembicProject
    from tzmigrate.revisions.script_store import ScriptStore
    from tzmigrate.revisions.store import AlembicStore, RevisionStore

Confirm = Callable[[tuple[str, ...]], bool]
"""Gets the lines that say what will be done; ``False`` means no."""

Progress = Callable[[str], None]
"""Gets one line for each event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Where the database and the configuration are; ``None`` means the usual places."""

    url: str | None = None
    config: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlembicOptions:
    """Where the Alembic project is, as ``alembic`` itself takes it.

    Attributes:
        version_paths: directories of revisions that the configuration does not name.
        source: where the paths were read, if not given by the caller.
    """

    ini: Path | None = None
    directory: Path | None = None
    name: str = "alembic"
    x_arguments: tuple[str, ...] = ()
    version_paths: tuple[Path, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlOptions:
    """Where SQL scripts are, for a team without Alembic.

    Attributes:
        directory: ``None`` means the one of the configuration.
        style: how ``plan`` names and wraps them, as ``--style`` takes it; ``None``
            means that of the scripts that are there, else ``plain``.
        source: where the directory was read, if not given by the caller.
    """

    directory: Path | None = None
    style: str | None = None
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Globs over schemas and tables; empty means all."""

    schemas: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()


def open_session(
    connection: Connection,
    config: Config,
    store: "RevisionStore | None" = None,
    alembic: AlembicOptions | None = None,
) -> Session:
    """Open a session with the database that options, files and environment name.

    Args:
        connection: what the options say.
        config: the configuration.
        store: the revisions; an Alembic project names its configuration.
        alembic: the options that name it, and its section.
    """
    ini = store.ini if store is not None else None
    return connect(target_of(connection, config, alembic, ini=ini))


def target_of(
    connection: Connection,
    config: Config,
    alembic: AlembicOptions | None = None,
    *,
    ini: Path | None = None,
) -> Target:
    """Return the database that options, files and environment name."""
    options = alembic or AlembicOptions()
    return resolve_url(
        connection.url,
        config=config,
        environ=os.environ,
        alembic_ini=ini or options.ini,
        section=options.name,
    )


def store_of(
    alembic: AlembicOptions | None, sql: SqlOptions | None, config: Config
) -> "AlembicStore | ScriptStore":
    """Open where the revisions are: the Alembic project, or a directory of scripts.

    Raises:
        UsageError: there is neither, or it cannot be read.
    """
    from tzmigrate.revisions.store import AlembicStore  # noqa: PLC0415 - see above

    scripts = sql_options(alembic, sql, config)
    if scripts is None:
        return AlembicStore(open_project(alembic_options(alembic, config)))
    found = open_scripts(scripts)
    if not found.directory.is_dir():
        raise UsageError(
            "TZ244",
            f"directory {found.directory} does not exist",
            detail=f"{scripts.source} names it." if scripts.source else "",
            hint="Name the directory that tzmigrate plan wrote to with --sql.",
        )
    return found


def open_scripts(options: SqlOptions) -> "ScriptStore":
    """Open a directory of scripts, which need not exist yet.

    Raises:
        UsageError: what is there cannot be read, or has another style.
    """
    from tzmigrate.revisions.script_store import (  # noqa: PLC0415 - see above
        ScriptStore,
    )

    if options.directory is None:
        raise AssertionError
    return ScriptStore.open(options.directory, options.style)


def sql_options(
    alembic: AlembicOptions | None, sql: SqlOptions | None, config: Config
) -> SqlOptions | None:
    """Return which scripts are meant, as given, else as configured; ``None``: none.

    Raises:
        UsageError: both scripts and an Alembic project are named.
    """
    asked = sql or SqlOptions()
    named = alembic or AlembicOptions()
    by_option = named.ini is not None or named.directory is not None
    if asked.directory is not None and (by_option or named.x_arguments):
        raise both_ways("--alembic, --alembic-dir or -x")
    if asked.directory is None and (by_option or config.sql.dir is None):
        alembics = by_option or config.alembic.ini or config.alembic.dir
        if asked.style is not None or (config.sql.style is not None and not alembics):
            raise UsageError(
                "TZ247",
                f"{'style of [sql]' if asked.style is None else '--style'} is for SQL "
                "scripts, and no directory of them is named",
                hint="Add --sql DIR, or set dir under [sql] in tzmigrate.toml.",
            )
        return None
    if asked.directory is not None:
        return replace(asked, style=asked.style or config.sql.style)
    if config.alembic.ini is not None or config.alembic.dir is not None:
        raise UsageError(
            "TZ246",
            f"{config.path} has both [alembic] and [sql] dir",
            hint="Keep the one that your migrations go by, or name it by an option.",
        )
    return SqlOptions(
        directory=config.sql.dir,
        style=asked.style or config.sql.style,
        source=config.sql_source,
    )


def named_again(sql: SqlOptions | None) -> str:
    """Return the option that names the directory of scripts, for the next command.

    It is empty where no option did: the configuration does it again.

    >>> named_again(SqlOptions(directory=Path("db/our scripts")))
    " --sql 'db/our scripts'"
    >>> named_again(SqlOptions(directory=Path("db/migrations"), source="there.toml:2"))
    ''
    """
    if sql is None or sql.directory is None or sql.source:
        return ""
    return f" --sql {shlex.quote(str(sql.directory))}"


def both_ways(options: str) -> UsageError:
    """Return the error for options of Alembic beside ``--sql``."""
    return UsageError(
        "TZ246",
        f"--sql does not go with {options}",
        detail="Revisions are Alembic's, or SQL scripts.",
        hint="Leave --sql out for Alembic, or the others for SQL scripts.",
    )


def project_to_plan_for(
    options: AlembicOptions, *, dry_run: bool
) -> "AlembicProject | None":
    """Return the project; a first look needs none, unless one was named."""
    try:
        project = open_project(options)
        project.require_env()
    except UsageError:
        if dry_run and options.ini is None and options.directory is None:
            return None
        raise
    return project


def open_project(options: AlembicOptions) -> "AlembicProject":
    """Open the Alembic project.

    Raises:
        UsageError: there is none, or it cannot be read.
    """
    from tzmigrate.revisions.project import AlembicProject  # noqa: PLC0415 - see above

    return AlembicProject.open(
        options.ini,
        directory=options.directory,
        section=options.name,
        version_paths=options.version_paths,
        source=options.source,
    )


def migrations_of(
    session: Session,
    store: "AlembicStore | ScriptStore",
    options: AlembicOptions | None,
    config: Config,
) -> "Migrations":
    """Return what runs the revisions of a store: the team's own command, if any."""
    from tzmigrate.revisions.store import AlembicStore  # noqa: PLC0415 - see above

    target, own = session.target, config.alembic
    if isinstance(store, AlembicStore) and own.upgrade:
        from tzmigrate.execution.team_command import (  # noqa: PLC0415 - see above
            TeamCommand,
        )

        return TeamCommand(
            session,
            store.read(),
            upgrade=own.upgrade,
            downgrade=own.downgrade,
            cwd=config.path.parent if config.path else Path.cwd(),
            version_table=own.version_table,
        )
    if isinstance(store, AlembicStore):
        from tzmigrate.execution.alembic_project import (  # noqa: PLC0415 - see above
            AlembicRunner,
        )

        return AlembicRunner(
            store.project,
            environ=os.environ,
            # an alembic.ini that names a database is believed, and compared with ours
            url_for_env=None if store.project.url else sqlalchemy_url(target),
            x_args=options.x_arguments if options is not None else (),
        )
    from tzmigrate.execution.sql_runner import (  # noqa: PLC0415 - see above
        SqlMigrations,
    )

    return SqlMigrations(store, target)


def alembic_options(options: AlembicOptions | None, config: Config) -> AlembicOptions:
    """Return where the project is: as given, else as configured."""
    found = options or AlembicOptions()
    found = replace(
        found,
        version_paths=(
            *(Path.cwd() / path for path in found.version_paths),
            *config.alembic.version_path,
        ),
    )
    if found.ini is None and found.directory is None:
        return replace(
            found,
            ini=config.alembic.ini,
            directory=config.alembic.dir,
            source=config.alembic_source,
        )
    return found
