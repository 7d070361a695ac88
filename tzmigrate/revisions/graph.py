"""The project's revision graph, read without importing a revision.

The files are parsed; the graph itself (heads, branches, labels, dependencies,
partial identifiers) is Alembic's own ``RevisionMap``.
"""

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alembic.script.revision import (
    MultipleHeads,
    Revision,
    RevisionError,
    RevisionMap,
)
from alembic.util import rev_id

from tzmigrate.errors import UsageError
from tzmigrate.revisions.ours import OurRevision, read_ours
from tzmigrate.revisions.project import AlembicProject
from tzmigrate.revisions.source import IDENTIFIERS, Module, parse, strings

# The names that Alembic takes for revisions; editors leave ".#name.py" locks behind.
_REVISION_FILE: Final = re.compile(r"(?!\.\#|__init__).*\.py$")
_COMPILED_FILE: Final = re.compile(r"(?!\.\#|__init__).*\.py[co]$")
# Alembic 0.1 kept the identifier in the file's name only, and is still obeyed.
_LEGACY_FILE: Final = re.compile(r"([a-f0-9]+)\.py$")


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionFile:
    """One revision file as its text states it."""

    revision: str
    down_revision: tuple[str, ...]
    branch_labels: tuple[str, ...]
    depends_on: tuple[str, ...]
    path: Path
    ours: OurRevision | None = None


def read_revision_file(path: Path) -> RevisionFile:
    """Read one revision file.

    Raises:
        UsageError: it is not Python, or one of Alembic's identifiers is computed.
    """
    try:
        module = parse(path.read_bytes())
    except SyntaxError as error:
        raise _unreadable(
            path,
            f"Line {error.lineno}: {error.msg}.",
            hint="Correct the file, or run tzmigrate with the Python version that the"
            " project uses.",
        ) from error
    except (OSError, ValueError) as error:
        raise _unreadable(
            path, f"{error}.", hint="Make the file readable, or move it away."
        ) from error
    found = {name: _identifier(module, name, path) for name in IDENTIFIERS}
    revision = found["revision"]
    if not revision:
        legacy = _LEGACY_FILE.match(path.name)
        if legacy is None:
            raise _unreadable(
                path,
                "It states no revision.",
                hint="Add revision = '…', or move the file out of the directory of"
                " revisions; Alembic cannot run with it either.",
            )
        revision = (legacy.group(1),)
    return RevisionFile(
        revision=revision[0],
        down_revision=found["down_revision"],
        branch_labels=found["branch_labels"],
        depends_on=found["depends_on"],
        path=path,
        ours=read_ours(
            module,
            revision=revision[0],
            down_revision=found["down_revision"],
            path=path,
        ),
    )


def _identifier(module: Module, name: str, path: Path) -> tuple[str, ...]:
    line = module.unreadable.get(name)
    value = None if line else strings(module.values.get(name))
    if value is None:
        where = f" on line {line}" if line else ""
        raise _unreadable(
            path,
            f"{name}{where} is not a string, a tuple of strings or None that can be"
            " read without running the file.",
            hint=f"Write {name} as a literal: revisions are read without importing"
            " them, because they may need application code.",
        )
    return tuple(value)


def _unreadable(path: Path, detail: str, *, hint: str) -> UsageError:
    return UsageError("TZ234", f"cannot read revision {path}", detail=detail, hint=hint)


class RevisionGraph:
    """All revisions of a project and how they follow each other."""

    def __init__(self, files: Iterable[RevisionFile]) -> None:
        self._files: dict[str, RevisionFile] = {}
        for file in files:
            other = self._files.setdefault(file.revision, file)
            if other is not file:
                raise _broken(
                    f"revision {file.revision} is present more than once",
                    f"Both {other.path} and {file.path} state it.",
                )
        self.map: Final = _revision_map(self._files)
        with _translated("heads"):
            walk = self.map.iterate_revisions(
                "heads", "base", inclusive=True, assert_relative_length=False
            )
            self._order = tuple(reversed([step.revision for step in walk]))

    @classmethod
    def read(cls, project: AlembicProject) -> "RevisionGraph":
        """Read every revision file of a project.

        Raises:
            UsageError: a file cannot be read, or the graph is broken.
        """
        return cls(read_revision_file(path) for path in revision_paths(project))

    def __len__(self) -> int:
        return len(self._files)

    def __contains__(self, revision: object) -> bool:
        return revision in self._files

    def __iter__(self) -> Iterator[RevisionFile]:
        """Yield the files from base to heads, each after what it builds on."""
        for revision in self._order:
            yield self._files[revision]

    def heads(self) -> tuple[str, ...]:
        """Return the identifiers of all heads."""
        return tuple(self.map.heads)

    def ours(self) -> tuple[OurRevision, ...]:
        """Return the revisions that tzmigrate wrote, in the order in which they run."""
        return tuple(file.ours for file in self if file.ours is not None)

    def file(self, name: str) -> RevisionFile:
        """Return the file of a revision, by identifier, partial identifier or label."""
        return self._files[self.resolve(name)]

    def resolve(self, name: str) -> str:
        """Return the identifier that a name stands for: also that of a file.

        Raises:
            UsageError: no revision, or more than one, answers to the name.
        """
        called = [f.revision for f in self if f.path.name.partition(".")[0] == name]
        if len(called) == 1:
            return called[0]
        with _translated(name):
            found = self.map.get_revision(name)
        if found is None:
            raise UsageError(
                "TZ237",
                f"{name!r} stands for no revision",
                hint="Name a revision, a branch label, or BRANCH@head.",
            )
        return found.revision

    def head(self, name: str | None = None) -> str | None:
        """Return the head to extend, or ``None`` in a project without revisions.

        Args:
            name: a head's identifier, the beginning of one, or a branch label.

        Raises:
            UsageError: there are several heads and none is named, or what is named
                is not a head.
        """
        heads = self.heads()
        if name is None or name == "head":
            if len(heads) > 1:
                raise UsageError(
                    "TZ236",
                    f"the project has {len(heads)} heads",
                    detail=self._heads_in_words(),
                    hint="Choose the one to build on with --head, or join them with"
                    " 'alembic merge heads' first.",
                )
            return heads[0] if heads else None
        if name in {
            label for file in self._files.values() for label in file.branch_labels
        }:
            name = f"{name}@head"
        revision = self.resolve(name)
        if revision not in heads:
            raise UsageError(
                "TZ237",
                f"revision {revision} is not a head",
                detail=self._heads_in_words(),
                hint="Name one of the heads with --head.",
            )
        return revision

    def _heads_in_words(self) -> str:
        words = []
        for head in self.heads():
            found = self.map.get_revision(head)
            labels = ", ".join(sorted(found.branch_labels)) if found else ""
            words.append(f"{head} ({labels})" if labels else head)
        return f"Heads: {', '.join(words)}." if words else "There is no head."

    def later(self, revision: str) -> tuple[str, ...]:
        """Return what builds on a revision, nearest first, itself left out."""
        found: dict[str, None] = {}
        for file in self:
            below = {*file.down_revision, *self._depends_on(file)}
            if revision in below or not below.isdisjoint(found):
                found[file.revision] = None
        return tuple(found)

    def earlier(self, revision: str) -> tuple[str, ...]:
        """Return what a revision builds on, from base, itself left out."""
        wanted = {revision}
        for file in reversed(list(self)):
            if file.revision in wanted:
                wanted.update(file.down_revision, self._depends_on(file))
        return tuple(
            file.revision
            for file in self
            if file.revision in wanted and file.revision != revision
        )

    def _depends_on(self, file: RevisionFile) -> tuple[str, ...]:
        return tuple(self.resolve(name) for name in file.depends_on)

    def applied(self, current: Sequence[str]) -> frozenset[str]:
        """Return every revision that is applied where these are the current ones.

        Args:
            current: what the version table holds. An identifier that no file has
                counts as applied, and nothing is known below it.
        """
        found = set(current)
        for revision in current:
            if revision in self:
                found.update(self.earlier(revision))
        return frozenset(found)


def new_revision_id(graph: RevisionGraph) -> str:
    """Return an identifier that the project does not have."""
    while (found := rev_id()) in graph:
        pass
    return found


def revision_paths(project: AlembicProject) -> tuple[Path, ...]:
    """Return the files that Alembic would load, without loading them.

    Raises:
        UsageError: the project has compiled revisions without their source.
    """
    found: dict[Path, None] = {}
    for location in project.version_locations:
        if not location.is_dir():
            continue
        pattern = "**/*" if project.recursive_version_locations else "*"
        for path in sorted(location.glob(pattern)):
            if "__pycache__" in path.relative_to(location).parts[:-1]:
                continue
            if _REVISION_FILE.match(path.name) and path.is_file():
                found[path.resolve()] = None
            elif project.sourceless and _COMPILED_FILE.match(path.name):
                source = path.with_suffix(".py")
                if not source.exists():
                    raise _unreadable(
                        path,
                        "It is compiled, and its source is not there.",
                        hint="Plan where the sources of all revisions are.",
                    )
    return tuple(found)


def _revision_map(files: Mapping[str, RevisionFile]) -> RevisionMap:
    labels = {label for file in files.values() for label in file.branch_labels}
    for file in files.values():
        for name in file.down_revision:
            if name not in files:
                raise _broken(
                    f"revision {name} is not present",
                    f"{file.path} states it as its down_revision.",
                )
        for name in file.depends_on:
            if name not in files and name not in labels:
                raise _broken(
                    f"revision {name} is not present",
                    f"{file.path} states that it depends on it.",
                )
    try:
        revisions = [
            Revision(
                file.revision,
                file.down_revision or None,
                dependencies=file.depends_on or None,
                branch_labels=file.branch_labels or None,
            )
            for file in files.values()
        ]
        found = RevisionMap(lambda: revisions)
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            _ = found.heads  # builds the map, and finds cycles
    except (RevisionError, UserWarning) as error:
        raise _broken("the revision graph is broken", f"{error}.") from error
    return found


def _broken(message: str, detail: str) -> UsageError:
    return UsageError(
        "TZ235",
        message,
        detail=detail,
        hint="Repair the directory of revisions until 'alembic history' shows it.",
    )


@contextmanager
def _translated(name: str) -> Iterator[None]:
    try:
        yield
    except MultipleHeads as error:
        raise UsageError(
            "TZ236",
            f"{name!r} stands for several heads",
            detail=f"Heads: {', '.join(error.heads)}.",
            hint="Choose one of them with --head.",
        ) from error
    except RevisionError as error:
        raise UsageError(
            "TZ237",
            f"there is no revision {name!r}",
            detail=f"{error}.",
            hint="'alembic heads' and 'alembic branches' show what can be named.",
        ) from error
