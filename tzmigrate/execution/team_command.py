"""Run revisions by the team's own command, and believe the database alone.

``flask db upgrade`` and its like build the configuration in code, so ``env.py`` runs
nowhere else. What such a command says is shown where it failed; whether it worked is
asked of the version table, because some write nothing and end with 0, and others do
their work and end otherwise.
"""

import logging
import os
import re
import signal
import subprocess
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from tzmigrate.errors import Refused, TzmigrateError
from tzmigrate.execution.alembic_project import end, redacted
from tzmigrate.execution.model import Identity, Tenant
from tzmigrate.execution.version_table import (
    first_schema,
    of_project,
    read_version_tables,
)
from tzmigrate.execution.words import TEAM
from tzmigrate.inventory.settings import read_system_identifier
from tzmigrate.postgres.errors import from_sqlstate, translated
from tzmigrate.postgres.session import Session, read_only
from tzmigrate.revisions.graph import RevisionGraph

logger = logging.getLogger(__name__)

_LAST: Final = 20
"""Lines of output that an error shows."""

_OURS: Final = re.compile(r"tzmigrate (TZ[1-6][0-9]{2}): (.*)")
"""An error that a revision raised on the server."""
_PART: Final = re.compile(r"^(DETAIL|HINT):\s+(.*)", re.MULTILINE)

_STATES: Final = {
    "canceling statement due to lock timeout": "55P03",
    "deadlock detected": "40P01",
    "could not serialize access": "40001",
    "canceling statement due to statement timeout": "57014",
    "canceling statement due to user request": "57014",
    "terminating connection due to administrator command": "57P01",
}
"""What the server says, in the words that every driver prints, and its SQLSTATE."""


class TeamCommand:
    """Runs revisions by commands that the team has for it.

    Args:
        session: to the database; asked what the commands did.
        graph: the revisions of the directory.
        upgrade, downgrade: the commands, ``{revision}`` in one of their words.
        cwd: where they run.
        version_table: Alembic's, as SQL names it, where it is not the only one.
    """

    def __init__(
        self,
        session: Session,
        graph: RevisionGraph,
        *,
        upgrade: Sequence[str],
        downgrade: Sequence[str],
        cwd: Path,
        version_table: str | None = None,
    ) -> None:
        self._session = session
        self._graph = graph
        self._commands = {"upgrade": tuple(upgrade), "downgrade": tuple(downgrade)}
        self._cwd = cwd
        self._version_table = version_table

    def identify(self) -> Identity:
        """Say where the database stands; no command is run.

        Raises:
            Unavailable: the server cannot be reached.
        """
        with translated(), read_only(self._session):
            tables = of_project(
                read_version_tables(self._session), self._graph, self._version_table
            )
            row = self._session.execute(
                "SELECT d.datname::text, d.oid::bigint, current_user::text"
                " FROM pg_database d WHERE d.datname = current_database()"
            ).fetchone()
            system = read_system_identifier(self._session)
            schema = first_schema(self._session)
        database, oid, role = row or ("", 0, "")
        return Identity(
            system_identifier=system,
            database=database,
            database_oid=oid,
            role=role,
            server_version=self._session.info.server_version,
            # where each tenant has its version table, that is in its schema
            tenants=tuple(Tenant(schema=t.schema, heads=t.heads) for t in tables)
            if len(tables) > 1
            else (Tenant(schema=schema, heads=tables[0].heads if tables else ()),),
            version_table=tables[0].name if tables else "alembic_version",
            version_table_schema=tables[0].schema if tables else None,
            driver="",
            # how its sessions are set up the revisions look at themselves
            time_zone="",
            isolation="read committed",
            transactional=True,
            words=TEAM,
        )

    def upgrade(self, revision: str) -> str | None:
        """Run the command for the way up.

        Returns:
            What is to be told of it: that it did its work and ended otherwise.

        Raises:
            TzmigrateError: what the revision or the server said, as far as it can be
                told from the output; or the database has not moved.
        """
        status = self._run("upgrade", revision)
        if not all(revision in applied for applied in self._applied("upgrade", status)):
            raise self._error("upgrade", status) or self._moved_nothing(
                "upgrade", revision, "does not have it"
            )
        return self._though("upgrade", status)

    def downgrade(self, revision: str) -> str | None:
        """Run the command for the way down.

        Returns:
            As for ``upgrade``.

        Raises:
            TzmigrateError: as for ``upgrade``.
        """
        above = revision.partition("@")[0]
        status = self._run("downgrade", revision)
        if any(above in applied for applied in self._applied("downgrade", status)):
            raise self._error("downgrade", status) or self._moved_nothing(
                "downgrade", above, "still has it"
            )
        return self._though("downgrade", status)

    def _applied(self, verb: str, status: int) -> list[frozenset[str]]:
        """Ask the database what each tenant has; a command that failed said why."""
        try:
            tenants = self.identify().tenants
        except TzmigrateError as error:
            raise self._error(verb, status) or error from None
        return [self._graph.applied(tenant.heads) for tenant in tenants]

    def _though(self, verb: str, status: int) -> str | None:
        if not status:
            return None
        return f"the {verb} command did its work, though it {_ended(status)}"

    def _moved_nothing(self, verb: str, revision: str, state: str) -> Refused:
        return Refused(
            "TZ667",
            f"the {verb} command ended, and database {self._session.info.dbname} "
            f"{state}: revision {revision}",
            detail=f"{self._shown(verb)} wrote:\n{self._output}"
            if self._output
            else f"{self._shown(verb)} wrote nothing.",
            hint="See that it reaches the same database as tzmigrate does, and the "
            f"directory that was planned for; or correct {verb} under [alembic] in "
            "tzmigrate.toml.",
        )

    def _shown(self, verb: str) -> str:
        return redacted(" ".join(self._commands[verb]))

    def _run(self, verb: str, revision: str) -> int:
        """Run a command to its end, and return its status."""
        words = [w.replace("{revision}", revision) for w in self._commands[verb]]
        lines: deque[str] = deque(maxlen=_LAST)
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=self._cwd,
                env=os.environ,
                text=True,
                errors="replace",
            )
        except OSError as error:
            raise Refused(
                "TZ666",
                f"cannot start {words[0]}",
                detail=f"{error.strerror}. It is the {verb} command of [alembic].",
                hint="Activate the project's environment, or write the command's whole "
                "path in tzmigrate.toml.",
            ) from error
        with process:
            try:
                for line in process.stdout or ():
                    logger.info("%s", redacted(line.rstrip()))
                    lines.append(redacted(line.rstrip()))
            except BaseException:
                with suppress(OSError):
                    end(process)
                raise
        self._output = "\n".join(lines)
        return process.returncode

    def _error(self, verb: str, status: int) -> TzmigrateError | None:
        """Return what a command failed of; ``None`` where it ended with 0."""
        if not status:
            return None
        said = self._output
        parts = dict(_PART.findall(said))
        detail, hint = parts.get("DETAIL", ""), parts.get("HINT", "")
        words = next((words for words in _STATES if words in said), "")
        state, message = _STATES.get(words), words
        if ours := _OURS.search(said):
            state, message = ours.groups()
        found = from_sqlstate(state, message, detail, hint)
        if found is not None:
            return found
        return Refused(
            "TZ668",
            f"the {verb} command {_ended(status)}",
            detail=f"{self._shown(verb)} wrote:\n{said}"
            if said
            else f"{self._shown(verb)} wrote nothing.",
            hint="Make it work by hand in the directory of tzmigrate.toml, then run "
            "the same command again.",
        )


def _ended(status: int) -> str:
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with {status}"
