"""Copy a backup elsewhere, and see that what lies there is the same."""

import hashlib
import os
from pathlib import Path
from typing import Any

from tzmigrate.backup.metadata import files_in
from tzmigrate.backup.model import METADATA, Backup
from tzmigrate.errors import NotProved, Refused, Unavailable, UsageError

_CHUNK = 1 << 22


def check_destination(url: str) -> None:
    """See that a URL can be written to, before an hour of dumping.

    Raises:
        Refused: the extra ``cloud`` is missing.
        UsageError: there is no such kind of place.
    """
    _filesystem(url)


def upload(directory: Path, backup: Backup, url: str) -> str:
    """Copy every file of a backup, read it there again, and compare the digests.

    The metadata come last: a copy without them is no backup.

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
    place = f"{root.rstrip('/')}/{directory.name}"
    names = [path.relative_to(directory).as_posix() for path in files_in(directory)]
    # a directory of this machine shall be as private as the backup
    before = os.umask(0o077)
    digests = {file.name: file.sha256 for file in backup.files}
    try:
        for name in (*names, METADATA):
            there = f"{place}/{name}"
            filesystem.makedirs(there.rpartition("/")[0], exist_ok=True)
            filesystem.put_file(str(directory / name), there)
            wanted = digests.get(name) or _digest((directory / name).open("rb"))
            if _digest(filesystem.open(there, "rb")) != wanted:
                raise NotProved(
                    "TZ449",
                    f"{name} is not at {url} what was sent there",
                    detail="Its SHA-256 differs.",
                    hint="The backup here is whole. Look at the storage, and copy it "
                    "again.",
                )
    except PermissionError as error:
        raise Refused(
            "TZ683",
            f"{url} cannot be written to",
            detail=str(error),
            hint="The backup on this machine is whole. Give the storage's credentials "
            "a right to write there.",
        ) from error
    except OSError as error:
        raise Unavailable(
            "TZ515",
            f"the backup could not be copied to {url}",
            detail=str(error),
            hint="The backup on this machine is whole. Copy it with any tool of the "
            "storage's, or make another one later.",
        ) from error
    finally:
        os.umask(before)
    return f"{url.rstrip('/')}/{directory.name}"


def _filesystem(url: str) -> tuple[Any, str]:
    if not url:
        raise UsageError(
            "TZ295",
            "--upload is empty",
            hint="Write s3://bucket/path, gs://bucket/path, abfs://container/path or "
            "another URL that fsspec knows.",
        )
    try:
        import fsspec.core  # noqa: PLC0415  of the extra 'cloud'

        filesystem, root = fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise Refused(
            "TZ684",
            f"what it takes to write to {url} is not installed",
            detail=str(error),
            hint="Install the extra 'cloud': pip install 'tzmigrate[cloud]'.",
        ) from error
    except OSError as error:
        raise Unavailable(
            "TZ515",
            f"{url} cannot be reached",
            detail=str(error),
            hint="Nothing was done. Check the URL and the network, then try again.",
        ) from error
    except ValueError as error:
        raise UsageError(
            "TZ295",
            f"{url} is no place that a backup can be copied to",
            detail=str(error),
            hint="Write s3://bucket/path, gs://bucket/path, abfs://container/path or "
            "another URL that fsspec knows.",
        ) from error
    return filesystem, str(root)


def _digest(file: Any) -> str:
    digest = hashlib.sha256()
    with file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
