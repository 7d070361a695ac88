"""Where a team keeps its revisions: plan writes there, apply and rollback read."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tzmigrate.revisions.files import prepare_revisions, write_revisions
from tzmigrate.revisions.graph import RevisionGraph
from tzmigrate.revisions.inverse import inverse_draft
from tzmigrate.revisions.operations import draft_of
from tzmigrate.revisions.ours import OurRevision
from tzmigrate.revisions.project import AlembicProject
from tzmigrate.revisions.render import Script
from tzmigrate.revisions.replay import upgrade_statements
from tzmigrate.revisions.writing import Prepared, Written


class RevisionStore(Protocol):
    """An Alembic project, or a directory of SQL scripts."""

    @property
    def ini(self) -> Path | None:
        """The ``alembic.ini`` that may say where the database is."""

    def read(self) -> RevisionGraph:
        """Read what is there.

        Raises:
            UsageError: a file cannot be read, or they do not follow each other.
        """

    def upgrade_statements(self, revision: OurRevision) -> tuple[str, ...]:
        """Return what runs up, in its order.

        Raises:
            UsageError: the file does not hold what was written.
        """

    def prepare(
        self, graph: RevisionGraph, scripts: Sequence[Script], *, head: str | None
    ) -> tuple[Prepared, ...]:
        """Make the files of scripts that run after a head; nothing is written.

        Raises:
            UsageError: there is no place for them.
        """

    def prepare_inverses(
        self,
        graph: RevisionGraph,
        revisions: Sequence[OurRevision],
        *,
        head: str | None,
    ) -> tuple[Prepared, ...]:
        """Make the files whose way up is the way down of others; nothing is written.

        Raises:
            UsageError: there is no place for them, or a file lost its way down.
        """

    def write(self, files: Sequence[Prepared]) -> Written:
        """Write prepared files, all of them or none.

        Raises:
            UsageError: they cannot be written.
        """

    def history(self, direction: str, ran: Collection[str]) -> tuple[str, ...]:
        """Say what the team's own tool does not know of revisions that were run."""


@dataclass(frozen=True, slots=True)
class AlembicStore:
    """The revisions of an Alembic project.

    Attributes:
        version_path: the directory for new ones, where there are several.
    """

    project: AlembicProject
    version_path: Path | None = None

    @property
    def ini(self) -> Path | None:
        """The project's ``alembic.ini``."""
        return self.project.ini

    def read(self) -> RevisionGraph:
        """Read every revision file; none is imported."""
        return RevisionGraph.read(self.project)

    def upgrade_statements(self, revision: OurRevision) -> tuple[str, ...]:
        """Return what the upgrade executes, in its order."""
        return upgrade_statements(revision.path)

    def prepare(
        self, graph: RevisionGraph, scripts: Sequence[Script], *, head: str | None
    ) -> tuple[Prepared, ...]:
        """Make the revisions of scripts by the project's own conventions."""
        return prepare_revisions(
            self.project,
            graph,
            [draft_of(script) for script in scripts],
            head=head,
            version_path=self.version_path,
        )

    def prepare_inverses(
        self,
        graph: RevisionGraph,
        revisions: Sequence[OurRevision],
        *,
        head: str | None,
    ) -> tuple[Prepared, ...]:
        """Make revisions whose upgrade is the downgrade of others."""
        return prepare_revisions(
            self.project,
            graph,
            [inverse_draft(graph, revision) for revision in revisions],
            head=head,
        )

    def write(self, files: Sequence[Prepared]) -> Written:
        """Write revisions, and run the project's post-write hooks."""
        return write_revisions(self.project, files)

    def history(self, direction: str, ran: Collection[str]) -> tuple[str, ...]:
        """Say nothing: Alembic ran them."""
        del direction, ran
        return ()
