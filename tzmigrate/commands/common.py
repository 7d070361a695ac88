"""What every command needs: where the database, the project and the patterns are."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tzmigrate.config import Config
from tzmigrate.errors import UsageError
from tzmigrate.postgres.session import Session, connect
from tzmigrate.postgres.url import Target, resolve_url, sqlalchemy_url

if TYPE_CHECKING:
    from tzmigrate.execution.alembic_project import AlembicRunner
    from tzmigrate.revisions.project import AlembicProject

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
        source: where the paths were read, if not given by the caller.
    """

    ini: Path | None = None
    directory: Path | None = None
    name: str = "alembic"
    x_arguments: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Globs over schemas and tables; empty means all."""

    schemas: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()


def open_session(
    connection: Connection, config: Config, project: "AlembicProject | None" = None
) -> Session:
    """Open a session with the database that options, files and environment name."""
    target = resolve_url(
        connection.url,
        config=config,
        environ=os.environ,
        alembic_ini=project.ini if project is not None else None,
    )
    return connect(target)


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
        source=options.source,
    )


def runner_of(
    project: "AlembicProject", target: Target, options: AlembicOptions | None
) -> "AlembicRunner":
    """Return what runs the project's revisions."""
    from tzmigrate.execution.alembic_project import (  # noqa: PLC0415 - see above
        AlembicRunner,
    )

    return AlembicRunner(
        project,
        environ=os.environ,
        # an alembic.ini that names a database is believed, and compared with ours
        url_for_env=None if project.url else sqlalchemy_url(target),
        x_args=options.x_arguments if options is not None else (),
    )


def alembic_options(options: AlembicOptions | None, config: Config) -> AlembicOptions:
    """Return where the project is: as given, else as configured."""
    found = options or AlembicOptions()
    if found.ini is None and found.directory is None:
        return replace(
            found,
            ini=config.alembic.ini,
            directory=config.alembic.dir,
            source=config.alembic_source,
        )
    return found
