"""A directory of SQL scripts: the way for teams without Alembic."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from tzmigrate.errors import UsageError
from tzmigrate.revisions.frameworks import Django, Rails
from tzmigrate.revisions.graph import RevisionFile, RevisionGraph, new_revision_id
from tzmigrate.revisions.ours import OurRevision
from tzmigrate.revisions.render import Script, Statement
from tzmigrate.revisions.scripts import Stored, read_script
from tzmigrate.revisions.styles import Plain, Style
from tzmigrate.revisions.tools import Dbmate, Flyway, Sqitch
from tzmigrate.revisions.writing import Prepared, Written, all_or_none

STYLES: Mapping[str, Style] = MappingProxyType(
    {
        style.name: style
        for style in (Plain(), Flyway(), Dbmate(), Sqitch(), Django(), Rails())
    }
)
"""Every style by its name."""

READ_AS = Statement("SET LOCAL client_encoding = 'UTF8'")
"""The files are UTF-8, whatever the client that reads them takes them for."""


@dataclass(frozen=True, slots=True)
class ScriptStore:
    """The scripts of ours in a directory.

    Attributes:
        directory: need not exist.
        style: that of the scripts there, else the one that was asked for.
        stored: by revision, in the order in which they run.
    """

    directory: Path
    style: Style
    stored: Mapping[str, Stored]
    graph: RevisionGraph

    @classmethod
    def open(cls, directory: Path, style: str | None = None) -> "ScriptStore":
        """Read the scripts of ours in a directory, and find out their style.

        Args:
            directory: need not exist.
            style: the name of the one to write; what is there decides without it.

        Raises:
            UsageError: the directory is a file, there are scripts of another style or
                of several, or one of them cannot be read.
        """
        if directory.exists() and not directory.is_dir():
            raise UsageError(
                "TZ244",
                f"{directory} is not a directory",
                hint="Name the directory of SQL scripts with --sql.",
            )
        found = {
            name: scripts
            for name, each in STYLES.items()
            if (scripts := tuple(each.stored(directory)))
        }
        if len(found) > 1 or (style is not None and set(found) - {style}):
            raise _mixed(directory, found, style)
        name = next(iter(found), style or Plain.name)
        files: list[RevisionFile] = []
        stored: dict[str, Stored] = {}
        for each in found.get(name, ()):
            after = files[-1].revision if files else None
            ours = read_script(each, after=after)
            if other := stored.get(ours.revision):
                raise UsageError(
                    "TZ235",
                    f"script {ours.revision} is present more than once",
                    detail=f"Both {other.path} and {each.path} say that they are it.",
                    hint="Delete the copy; tzmigrate plan writes a new script for what"
                    " is still to be converted.",
                )
            stored[ours.revision] = each
            files.append(
                RevisionFile(
                    revision=ours.revision,
                    down_revision=ours.down_revision,
                    branch_labels=(),
                    depends_on=(),
                    path=each.path,
                    ours=ours,
                )
            )
        return cls(directory, STYLES[name], stored, RevisionGraph(files))

    @property
    def ini(self) -> None:
        """No ``alembic.ini`` says where the database is."""
        return

    def read(self) -> RevisionGraph:
        """Return the scripts as a chain, each after the one before it."""
        return self.graph

    def upgrade_statements(self, revision: OurRevision) -> tuple[str, ...]:
        """Return what runs up, in its order."""
        return tuple(s.sql for s in self.stored[revision.revision].up)

    def prepare(
        self, graph: RevisionGraph, scripts: Sequence[Script], *, head: str | None
    ) -> tuple[Prepared, ...]:
        """Make the files of scripts by the style, numbered after what is there."""
        del graph, head  # there is one chain, and they go to its end
        scripts = [
            replace(script, up=_read_as(script.up), down=_read_as(script.down))
            for script in scripts
        ]
        return tuple(self.style.prepare(self.directory, scripts, datetime.now(UTC)))

    def prepare_inverses(
        self,
        graph: RevisionGraph,
        revisions: Sequence[OurRevision],
        *,
        head: str | None,
    ) -> tuple[Prepared, ...]:
        """Make scripts whose way up is the way down of others."""
        scripts = [self._inverse(graph, revision) for revision in revisions]
        return self.prepare(graph, scripts, head=head)

    def _inverse(self, graph: RevisionGraph, revision: OurRevision) -> Script:
        stored = self.stored[revision.revision]
        facts = {
            name: value
            for name, value in revision.facts.items()
            if name not in {"digest", "revision"}
        }
        step = f"{revision.step}_inverse"
        return Script(
            revision=new_revision_id(graph),
            slug=step,
            title=f"take back {revision.step} ({revision.revision})",
            up=stored.down,
            down=stored.up,
            facts=facts | {"kind": "inverse", "step": step, "inverts": revision.step},
        )

    def write(self, files: Sequence[Prepared]) -> Written:
        """Write files, all of them or none."""
        with all_or_none(files, option="--sql"):
            pass
        return Written(files=tuple(files))

    def history(self, direction: str, ran: Collection[str]) -> tuple[str, ...]:
        """Say what the team's tool does not know yet of revisions that were run."""
        scripts = [s for revision, s in self.stored.items() if revision in ran]
        return self.style.history(direction, scripts) if scripts else ()


def _read_as(statements: tuple[Statement, ...]) -> tuple[Statement, ...]:
    """Put ``READ_AS`` at the head; an inverse is made of what may have it."""
    return statements if READ_AS in statements[:1] else (READ_AS, *statements)


def _mixed(directory: Path, found: Collection[str], style: str | None) -> UsageError:
    styles = ", ".join(found)
    if len(found) > 1:
        return UsageError(
            "TZ245",
            f"{directory} has scripts of several styles: {styles}",
            hint="Keep the scripts of one style there, and move the others away.",
        )
    return UsageError(
        "TZ245",
        f"{directory} has scripts of style {styles}, not {style}",
        hint=f"Leave --style out to go on in style {styles}, or name another directory "
        "with --sql.",
    )
