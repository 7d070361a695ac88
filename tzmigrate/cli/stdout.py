"""The result, on stdout or in the file that ``--output`` names."""

import contextlib
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from tzmigrate.errors import UsageError


class Write(Protocol):
    """Writes the whole result, once."""

    def __call__(self, text: str) -> None:
        """Write it."""


@contextlib.contextmanager
def destination(output: Path | None) -> Iterator[Write]:
    """Open the place for the result before anything is done.

    A file appears complete or not at all: it is written beside and then renamed.

    Raises:
        UsageError: the place cannot be written to.
    """
    if output is None or str(output) == "-":
        yield write_stdout
        return
    with _explained(output):
        target = output.resolve()
        mode = target.stat().st_mode if target.exists() else None
        if target.is_dir():
            raise IsADirectoryError(None, "it is a directory")
        if mode is not None and not os.access(target, os.W_OK):
            raise PermissionError(None, "it is not writable")
    if mode is not None and not stat.S_ISREG(mode):
        # a device or a pipe has nothing to rename
        yield lambda text: _write_through(target, text)
        return
    with _explained(output):
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        os.close(handle)
    beside = Path(name)
    try:
        yield lambda text: _replace(beside, target, text, mode)
    finally:
        beside.unlink(missing_ok=True)


def write_stdout(text: str) -> None:
    """Write to stdout; a reader that went away, such as ``head``, is no error.

    Raises:
        UsageError: stdout cannot be written to.
    """
    try:
        if sys.stdout is None:
            raise OSError(None, "it is closed")  # noqa: TRY301  explained below
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        silence_stdout()
    except OSError as exc:
        silence_stdout()
        raise _unwritable("standard output", exc) from exc


def prepare_streams() -> None:
    """Print what an encoding lacks as an escape rather than fail."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def silence_stdout() -> None:
    """Point stdout at nothing, so that Python's own last flush succeeds."""
    if sys.stdout is None:
        return
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _replace(beside: Path, target: Path, text: str, mode: int | None) -> None:
    with _explained(target):
        beside.write_text(text, encoding="utf-8", errors="backslashreplace")
        beside.chmod(_usual_mode() if mode is None else stat.S_IMODE(mode))
        beside.replace(target)


def _write_through(target: Path, text: str) -> None:
    with (
        _explained(target),
        target.open("w", encoding="utf-8", errors="backslashreplace") as file,
    ):
        file.write(text)


def _usual_mode() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, RuntimeError) as exc:
        raise _unwritable(str(path), exc) from exc


def _unwritable(name: str, exc: Exception) -> UsageError:
    reason = exc.strerror if isinstance(exc, OSError) else str(exc)
    return UsageError(
        "TZ282",
        f"cannot write the result to {name}",
        detail=f"The system says: {reason}.",
        hint="Give --output a file in a directory that exists and is writable.",
    )
