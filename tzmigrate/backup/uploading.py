"""Copy a backup elsewhere, and see that what lies there is the same."""

import hashlib
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain, count
from pathlib import Path
from secrets import token_hex
from typing import Any

from tzmigrate.backup.metadata import files_in
from tzmigrate.backup.model import METADATA, Backup
from tzmigrate.errors import NotProved, Refused, TzmigrateError, Unavailable, UsageError

_CHUNK = 1 << 22
_SECRETS = (
    (re.compile(r"(://[^/\s:]*:)\S*@"), r"\1…@"),
    (re.compile(r"(://[^\s?]*)\?[^\s'\"]*"), r"\1"),
)
"""Passwords and parameters in a URL, wherever it stands."""
_NO_PLACE = (
    FileNotFoundError,
    FileExistsError,
    NotADirectoryError,
    IsADirectoryError,
)
_STORES = frozenset(("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl"))
"""Stores of objects, as fsspec calls them: what comes first in a path is a bucket."""
_MISSING = re.compile(r"ContainerNotFound|NoSuchBucket")
_DENIED = re.compile(r"(?i)credential|denied|forbidden|unauthori[sz]ed|authenticat")


def check_destination(url: str) -> None:
    """See that a file can be written to a URL, before an hour of dumping.

    Raises:
        Refused: the extra ``cloud`` is missing, or the place refuses us.
        Unavailable: it cannot be reached.
        UsageError: there is no such kind of place, or no such bucket.
    """
    filesystem, root = _filesystem(url)
    with _reached(url, "Nothing was done."):
        if _has_directories(root):
            filesystem.makedirs(root, exist_ok=True)
        tried = f"{root.rstrip('/')}/.tzmigrate_{token_hex(8)}"
        filesystem.pipe_file(tried, b"tzmigrate looked whether it may write here\n")
        # where nothing can be removed, it is left
        with suppress(Exception):
            filesystem.rm_file(tried)


def upload(directory: Path, backup: Backup, url: str) -> str:
    """Copy every file of a backup, read it there again, and compare the digests.

    The metadata come last: a copy without them is no backup. What lies there already is
    never written over: another host may have made a backup in the same second.

    Args:
        directory: the backup.
        backup: what its metadata say.
        url: of the directory that gets a directory of the backup's name.

    Returns:
        Where it is.

    Raises:
        Refused: the extra ``cloud`` is missing, or the place refuses us.
        Unavailable: it cannot be reached now.
        NotProved: what lies there is not what was sent.
    """
    filesystem, root = _filesystem(url)
    names = [path.relative_to(directory).as_posix() for path in files_in(directory)]
    digests = {file.name: file.sha256 for file in backup.files}
    # a directory of this machine shall be as private as the backup
    before = os.umask(0o077)
    try:
        with _reached(url, "The backup on this machine is whole."):
            name = _free(filesystem, root.rstrip("/"), directory.name)
            place = f"{root.rstrip('/')}/{name}"
            for file in (*names, METADATA):
                there = f"{place}/{file}"
                if _has_directories(root):
                    filesystem.makedirs(there.rpartition("/")[0], exist_ok=True)
                filesystem.put_file(str(directory / file), there)
                wanted = digests.get(file) or _digest((directory / file).open("rb"))
                if _digest(filesystem.open(there, "rb")) != wanted:
                    raise NotProved(
                        "TZ449",
                        f"{file} is not at {_shown(url)} what was sent there",
                        detail="Its SHA-256 differs.",
                        hint="The backup here is whole. Look at the storage, and copy "
                        "it again.",
                    )
    finally:
        os.umask(before)
    return f"{_shown(url).rstrip('/')}/{name}"


def _free(filesystem: Any, root: str, name: str) -> str:
    """Take a name that nothing has there; a directory is made where there are any."""
    names = chain([name], (f"{name}_{number}" for number in count(2)))
    for free in names:
        if filesystem.exists(f"{root}/{free}"):
            continue
        try:
            if _has_directories(root):
                filesystem.makedirs(f"{root}/{free}", exist_ok=False)
        except FileExistsError:
            continue
        return free
    raise AssertionError


def _has_directories(root: str) -> bool:
    """Return whether a path is one of directories, rather than bucket and key.

    What would make a directory in a store of objects makes a bucket that is missing:
    a backup behind a slip of the pen, in a place whose readers nobody chose.
    """
    return root.startswith("/")


@contextmanager
def _reached(url: str, state: str) -> Iterator[None]:
    """Say what a storage says; each kind of them has errors of its own."""
    # what they leave behind when they fail, they report with tracebacks
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    # tells at every turn what it would rather know of a bucket
    logging.getLogger("gcsfs").setLevel(logging.ERROR)
    try:
        yield
    except TzmigrateError:
        raise
    except Exception as error:
        # the rest is for whoever looks after the storage
        first = str(error).strip().partition("\n")[0].rstrip(".")
        said = _shown(f"{type(error).__name__}: {first}")
        if isinstance(error, _NO_PLACE) or _MISSING.search(str(error)):
            raise UsageError(
                "TZ295",
                f"{_shown(url)} is no place that a backup can be copied to",
                detail=f"{said}. {state}",
                hint="Correct the URL, or make its directory, bucket or container "
                "first: tzmigrate makes no bucket, as it is yours to say where it lies "
                "and who reads it.",
            ) from error
        if isinstance(error, PermissionError) or _DENIED.search(said):
            raise Refused(
                "TZ683",
                f"{_shown(url)} does not let us write",
                detail=f"{said}. {state}",
                hint="Give credentials where the storage's own tools look for them "
                "(environment, profile, instance role), with a right to write there.",
            ) from error
        raise Unavailable(
            "TZ515",
            f"{_shown(url)} cannot be reached",
            detail=f"{said}. {state}",
            hint="Check the URL and the network, then try again; a backup can also be "
            "copied with any tool of the storage's.",
        ) from error


def _filesystem(url: str) -> tuple[Any, str]:
    if not url:
        raise UsageError(
            "TZ295",
            "--upload is empty",
            hint="Write s3://bucket/path, gs://bucket/path, abfs://container/path or "
            "another URL that fsspec knows.",
        )
    with _reached(url, "Nothing was done."):
        try:
            import fsspec.core  # noqa: PLC0415  of the extra 'cloud'

            filesystem, root = fsspec.core.url_to_fs(url)
        except ImportError as error:
            raise Refused(
                "TZ684",
                f"what it takes to write to {_shown(url)} is not installed",
                detail=_shown(str(error)),
                hint="Install the extra 'cloud': pip install '.[cloud]' in the clone.",
            ) from error
        except ValueError as error:
            raise UsageError(
                "TZ295",
                f"{_shown(url)} is no place that a backup can be copied to",
                detail=_shown(str(error)),
                hint="Write s3://bucket/path, gs://bucket/path, abfs://container/path "
                "or another URL that fsspec knows.",
            ) from error
    protocols = filesystem.protocol
    named = {protocols} if isinstance(protocols, str) else set(protocols)
    if not root or (root.startswith("/") and named & _STORES):
        raise UsageError(
            "TZ295",
            f"{_shown(url)} names no bucket or directory",
            hint="Write s3://bucket/path, gs://bucket/path, abfs://container/path or "
            "another URL that fsspec knows.",
        )
    return filesystem, str(root)


def _shown(text: str) -> str:
    """Return a URL, or words about it, without passwords and parameters."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def _digest(file: Any) -> str:
    digest = hashlib.sha256()
    with file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
