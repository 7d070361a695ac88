"""Copy a backup elsewhere, and see that what lies there is the same."""

import hashlib
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path
from typing import Any

from tzmigrate.backup.metadata import files_in
from tzmigrate.backup.model import METADATA, Backup
from tzmigrate.errors import NotProved, Refused, TzmigrateError, Unavailable, UsageError

_CHUNK = 1 << 22
_DENIED = re.compile(r"(?i)credential|denied|forbidden|unauthori[sz]ed|authenticat")


def check_destination(url: str) -> None:
    """See that a URL can be reached, before an hour of dumping.

    Raises:
        Refused: the extra ``cloud`` is missing, or the place refuses us.
        Unavailable: it cannot be reached.
        UsageError: there is no such kind of place.
    """
    filesystem, root = _filesystem(url)
    with _reached(url, "Nothing was done."):
        # object stores have no directories that would have to be made
        if not filesystem.exists(root) and "file" in filesystem.protocol:
            filesystem.makedirs(root)


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
                filesystem.makedirs(there.rpartition("/")[0], exist_ok=True)
                filesystem.put_file(str(directory / file), there)
                wanted = digests.get(file) or _digest((directory / file).open("rb"))
                if _digest(filesystem.open(there, "rb")) != wanted:
                    raise NotProved(
                        "TZ449",
                        f"{file} is not at {url} what was sent there",
                        detail="Its SHA-256 differs.",
                        hint="The backup here is whole. Look at the storage, and copy "
                        "it again.",
                    )
    finally:
        os.umask(before)
    return f"{url.rstrip('/')}/{name}"


def _free(filesystem: Any, root: str, name: str) -> str:
    """Take a name that nothing has there; a directory is made where there are any."""
    names = chain([name], (f"{name}_{number}" for number in count(2)))
    for free in names:
        if filesystem.exists(f"{root}/{free}"):
            continue
        try:
            filesystem.makedirs(f"{root}/{free}", exist_ok=False)
        except FileExistsError:
            continue
        return free
    raise AssertionError


@contextmanager
def _reached(url: str, state: str) -> Iterator[None]:
    """Say what a storage says; each kind of them has errors of its own."""
    # what they leave behind when they fail, they report with tracebacks
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    try:
        yield
    except TzmigrateError:
        raise
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        if isinstance(error, PermissionError) or _DENIED.search(said):
            raise Refused(
                "TZ683",
                f"{url} does not let us write",
                detail=f"{said}. {state}",
                hint="Give credentials where the storage's own tools look for them "
                "(environment, profile, instance role), with a right to write there.",
            ) from error
        raise Unavailable(
            "TZ515",
            f"{url} cannot be reached",
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
                f"what it takes to write to {url} is not installed",
                detail=str(error),
                hint="Install the extra 'cloud': pip install '.[cloud]' in the clone.",
            ) from error
        except ValueError as error:
            raise UsageError(
                "TZ295",
                f"{url} is no place that a backup can be copied to",
                detail=str(error),
                hint="Write s3://bucket/path, gs://bucket/path, abfs://container/path "
                "or another URL that fsspec knows.",
            ) from error
    return filesystem, str(root)


def _digest(file: Any) -> str:
    digest = hashlib.sha256()
    with file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
