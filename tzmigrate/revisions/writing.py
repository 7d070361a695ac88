"""Write the files of a plan: all of them, or none."""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from secrets import token_hex

from tzmigrate.errors import UsageError

_AT_ONCE = 16
"""How many files wait for the disk at the same time."""

_LOCK_LIKE = ".#"
"""Alembic passes over names that begin like an editor's lock file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A file that is ready to be written.

    Attributes:
        revision: the one that it belongs to.
        note: what the user should know about its form; may be empty.
        replaces: it exists, and gets a new text.
    """

    revision: str
    down_revision: tuple[str, ...] = ()
    path: Path
    text: bytes
    note: str = ""
    replaces: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written, in the order in which it runs."""

    files: tuple[Prepared, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files' paths."""
        return tuple(file.path for file in self.files)

    @property
    def by_revision(self) -> Mapping[str, Path]:
        """The first file of each revision, which is the one that runs up."""
        return {file.revision: file.path for file in reversed(self.files)}


@contextmanager
def all_or_none(files: Sequence[Prepared], *, option: str) -> Iterator[None]:
    """Have files there in a block; where anything in it fails, none of them stays.

    Those that exist already get their new text at the end, when nothing else can fail.

    Args:
        files: with the directories that they need.
        option: names another directory, for the hint.

    Raises:
        UsageError: a file could not be written, or its name is taken.
    """
    made: list[Path] = []
    try:
        with _cleaned_up(made):
            for directory in dict.fromkeys(file.path.parent for file in files):
                _make_directories(directory, made)
            # the disk takes many at once as fast as one
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                temporary = list(pool.map(partial(_write_beside, made), files))
            both = list(zip(temporary, files, strict=True))
            for path, file in both:
                if not file.replaces:
                    # A link fails where the name is taken; a rename would replace it.
                    _rename(path, file.path)
                    made.append(file.path)
            yield
            for path, file in both:
                if file.replaces:
                    path.replace(file.path)
    except OSError as error:
        raise UsageError(
            "TZ241",
            f"cannot write {_place(error)}",
            detail=f"{error.strerror or error}. No file of this plan was left behind.",
            hint=f"Make the directory writable, or choose another with {option}.",
        ) from error


def _place(error: OSError) -> str:
    """Name what the user knows: not a temporary file, but where it was to stand."""
    named = error.filename2 or error.filename
    if named is None:
        return "a revision file"
    path = Path(os.fsdecode(named))
    return str(path.parent if path.name.startswith(_LOCK_LIKE) else path)


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
    # a run that was killed may have left one behind, so the name is a new one
    path = file.path.with_name(f"{_LOCK_LIKE}{token_hex(6)}.tzmigrate")
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
