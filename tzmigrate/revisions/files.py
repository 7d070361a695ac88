"""Write a plan's revision files: all of them, or none."""

import os
import sys
from collections.abc import Container, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from alembic.script import ScriptDirectory, write_hooks
from alembic.util import CommandError, rev_id

from tzmigrate.errors import UsageError
from tzmigrate.revisions.graph import RevisionGraph, revision_paths
from tzmigrate.revisions.project import AlembicProject
from tzmigrate.revisions.source import meaning, parse
from tzmigrate.revisions.template import Draft, render

_AT_ONCE = 16
"""How many files wait for the disk at the same time."""

_LOCK_LIKE = ".#"
"""Alembic passes over names that begin like an editor's lock file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A revision file that is ready to be written.

    Attributes:
        note: what the user should know about its form; may be empty.
    """

    revision: str
    down_revision: tuple[str, ...]
    path: Path
    text: bytes
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written, in the order in which it runs."""

    files: tuple[Prepared, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files' paths."""
        return tuple(file.path for file in self.files)


def new_revision_id(graph: RevisionGraph) -> str:
    """Return an identifier that the project does not have."""
    while (found := rev_id()) in graph:
        pass
    return found


def prepare_revisions(
    project: AlembicProject,
    graph: RevisionGraph,
    drafts: Sequence[Draft],
    *,
    head: str | None = None,
    version_path: Path | None = None,
) -> tuple[Prepared, ...]:
    """Render drafts as files that follow each other; nothing is written.

    Args:
        project: says how files are named and rendered.
        graph: the revisions that exist.
        drafts: in the order in which they run.
        head: the head that the first one extends, as ``RevisionGraph.head`` takes it.
        version_path: the directory for them, by default the one of that head.

    Raises:
        UsageError: the head is not clear, the directory is not one of the project's,
            or a file exists already.
    """
    base = graph.head(head)
    location = _location(project, graph, base, version_path)
    scripts = project.scripts()
    now, note = _now(scripts)
    down: tuple[str, ...] = () if base is None else (base,)
    prepared: list[Prepared] = []
    taken: set[Path] = set()
    for number, draft in enumerate(drafts):
        # A second apart, so that files named by time sort in the order in which
        # they run, and a template of nothing but the time keeps them apart.
        date = now + timedelta(seconds=number)
        path = _path(scripts, location, draft, date)
        if path.exists() or path in taken:
            raise UsageError(
                "TZ241",
                f"{path} exists already",
                hint="Add %(rev)s to file_template, or move the file away.",
            )
        taken.add(path)
        rendered = render(project, draft, down_revision=down, create_date=date)
        prepared.append(
            Prepared(
                revision=draft.revision,
                down_revision=down,
                path=path,
                text=rendered.text,
                note="; ".join(filter(None, [note, rendered.note])),
            )
        )
        down, note = (draft.revision,), ""
    return tuple(prepared)


def write_revisions(project: AlembicProject, files: Sequence[Prepared]) -> Written:
    """Write prepared files, run the project's post-write hooks, and read them back.

    Raises:
        UsageError: a file could not be written, or Alembic would not find it;
            nothing of any of them remains.
    """
    made: list[Path] = []
    notes = [file.note for file in files if file.note]
    try:
        with _cleaned_up(made):
            for directory in dict.fromkeys(file.path.parent for file in files):
                _make_directories(directory, made)
            # the disk takes many at once as fast as one
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                temporary = list(pool.map(partial(_write_beside, made), files))
            for path, file in zip(temporary, files, strict=True):
                # A link fails where the name is taken; a rename would replace it.
                _rename(path, file.path)
                made.append(file.path)
            for file in files:
                notes += _run_hooks(project, file)
            found = _found(project)
            for file in files:
                if file.revision not in found and file.path.resolve() not in found:
                    raise UsageError(
                        "TZ242",
                        f"Alembic would not find {file.path}",
                        detail="The file's name by file_template lies outside of the"
                        " version locations.",
                        hint="Set recursive_version_locations = true, or change"
                        " file_template.",
                    )
    except OSError as error:
        raise UsageError(
            "TZ241",
            f"cannot write {_place(error)}",
            detail=f"{error.strerror or error}. No file of this plan was left behind.",
            hint="Make the directory writable, or choose another with --version-path.",
        ) from error
    written = tuple(replace(file, text=file.path.read_bytes()) for file in files)
    return Written(files=written, notes=tuple(dict.fromkeys(notes)))


def _place(error: OSError) -> str:
    """Name what the user knows: not a temporary file, but where it was to stand."""
    named = error.filename2 or error.filename
    if named is None:
        return "a revision file"
    path = Path(os.fsdecode(named))
    return str(path.parent if path.name.startswith(_LOCK_LIKE) else path)


def _location(
    project: AlembicProject,
    graph: RevisionGraph,
    base: str | None,
    version_path: Path | None,
) -> Path:
    locations = project.version_locations
    listed = ", ".join(str(path) for path in locations)
    if version_path is not None:
        wanted = (project.root / version_path).resolve()
        for location in locations:
            if location.resolve() == wanted:
                return location
        raise UsageError(
            "TZ238",
            f"{version_path} is not a version location of the project",
            detail=f"Version locations: {listed}.",
            hint="Name one of them with --version-path, or add it to"
            " version_locations.",
        )
    if len(locations) == 1:
        return locations[0]
    if base is not None:
        lives = graph.file(base).path
        # The deepest one, where a location lies inside another.
        holders = [path for path in locations if lives.is_relative_to(path.resolve())]
        if holders:
            return max(holders, key=lambda path: len(path.resolve().parts))
    raise UsageError(
        "TZ238",
        "the project has several version locations",
        detail=f"Version locations: {listed}.",
        hint="Name the one for the new revisions with --version-path.",
    )


def _now(scripts: ScriptDirectory) -> tuple[datetime, str]:
    try:
        return scripts._generate_create_date(), ""
    except CommandError:
        note = (
            f"timezone = {scripts.timezone} of the Alembic configuration is not known"
            " here (is tzdata installed?); dates are in UTC"
        )
        return datetime.now(UTC), note


def _path(
    scripts: ScriptDirectory, location: Path, draft: Draft, date: datetime
) -> Path:
    try:
        return scripts._rev_path(location, draft.revision, draft.slug, date)
    except (KeyError, TypeError, ValueError) as error:
        raise UsageError(
            "TZ239",
            f"file_template {scripts.file_template!r} cannot be used",
            detail=f"{type(error).__name__}: {error}.",
            hint="Correct file_template in the Alembic configuration.",
        ) from error


@contextmanager
def _cleaned_up(made: list[Path]) -> Iterator[None]:
    """Remove files and directories again, newest first, where anything goes wrong."""
    try:
        yield
    except BaseException:
        for path in reversed(made):
            with suppress(OSError):
                if path.is_dir():
                    path.rmdir()
                else:
                    path.unlink(missing_ok=True)
        raise


def _make_directories(directory: Path, made: list[Path]) -> None:
    missing = [directory, *directory.parents]
    missing = [path for path in missing if not path.exists()]
    for path in reversed(missing):
        path.mkdir()
        made.append(path)


def _write_beside(made: list[Path], file: Prepared) -> Path:
    path = file.path.with_name(f"{_LOCK_LIKE}{file.revision}.tzmigrate")
    with path.open("xb") as stream:
        made.append(path)
        stream.write(file.text)
        stream.flush()
        os.fsync(stream.fileno())
    return path


def _rename(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if path.exists():
            raise FileExistsError(17, "File exists", str(path)) from None
        temporary.rename(path)
    else:
        temporary.unlink()


def _found(project: AlembicProject) -> Container[str | Path]:
    """Return the revisions that Alembic finds, or the files where that tells enough."""
    if project.hooks:
        # one may have changed what a file says of itself
        return RevisionGraph.read(project)
    return set(revision_paths(project))


def _run_hooks(project: AlembicProject, file: Prepared) -> list[str]:
    """Run the project's post-write hooks; the file stays as it was where they fail."""
    notes: list[str] = []
    if not project.hooks:
        return notes
    expected = meaning(parse(file.text))
    for hook in project.hooks:
        before = file.path.read_bytes()
        name = hook.get("_hook_name", "")
        try:
            with _stdout_on_stderr():
                write_hooks._run_hooks(str(file.path), [hook])
            if meaning(parse(file.path.read_bytes())) == expected:
                continue
            fault = "it changed what the revision does"
        except (CommandError, OSError, SyntaxError, ValueError, ImportError) as error:
            fault = " ".join(str(error).split())
        file.path.write_bytes(before)
        notes.append(f"post-write hook {name} had no effect: {fault}")
    return notes


@contextmanager
def _stdout_on_stderr() -> Iterator[None]:
    """Keep results apart from what hooks print, also from their subprocesses."""
    sys.stdout.flush()
    try:
        saved = os.dup(1)
    except OSError:
        saved = None
    try:
        if saved is not None:
            with suppress(OSError):
                os.dup2(2, 1)
        with redirect_stdout(sys.stderr):
            yield
    finally:
        if saved is not None:
            os.dup2(saved, 1)
            os.close(saved)
