"""Write a plan's revision files: all of them, or none."""

import os
import sys
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alembic.script import ScriptDirectory, write_hooks
from alembic.util import CommandError

from tzmigrate.errors import UsageError
from tzmigrate.revisions.graph import RevisionGraph, revision_paths
from tzmigrate.revisions.project import AlembicProject
from tzmigrate.revisions.source import meaning, parse
from tzmigrate.revisions.template import Draft, render
from tzmigrate.revisions.writing import Prepared, Written, all_or_none


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
        if path in taken:
            raise UsageError(
                "TZ241",
                f"file_template gives two revisions of this plan one name: {path}",
                hint="Add %(rev)s to file_template.",
            )
        if path.exists():
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
    notes = [file.note for file in files if file.note]
    with all_or_none(files, option="--version-path"):
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
    written = tuple(replace(file, text=file.path.read_bytes()) for file in files)
    return Written(files=written, notes=tuple(dict.fromkeys(notes)))


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
            hint="Name one of them with --version-path.",
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
