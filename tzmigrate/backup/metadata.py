"""``backup_metadata.json``: written whole or not at all, and found out when changed."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from tzmigrate.backup.model import FULL, METADATA, STAMP, SUMMARY, Backup, File
from tzmigrate.errors import NotProved

DOCUMENT = {"document": "tzmigrate.backup_metadata", "version": 1}
_CHUNK = 1 << 20


def write_metadata(directory: Path, backup: Backup) -> None:
    """Write what is known of a backup, in one step for whoever reads it."""
    said: dict[str, Any] = {**DOCUMENT, **asdict(backup)}
    said["sha256"] = _digest(said)
    text = json.dumps(said, indent=2) + "\n"
    new = directory / f"{METADATA}.new"
    number = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(number, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(directory / METADATA)


def read_metadata(directory: Path) -> Backup:
    """Read what is known of a backup.

    Raises:
        NotProved: the file is missing, is none of ours, or was changed.
    """
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415  slow to load

    path = directory / METADATA
    try:
        said = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise NotProved(
            "TZ440",
            f"{directory} is no backup: it has no {METADATA}",
            hint="Name the directory that tzmigrate backup create made; tzmigrate "
            "backup list shows them.",
        ) from error
    except OSError as error:
        raise _damaged(path, f"The system says: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "It is not JSON.") from error
    if not isinstance(said, dict) or said.get("document") != DOCUMENT["document"]:
        raise _damaged(path, "It is not a document of tzmigrate backup.")
    if said.get("version") != DOCUMENT["version"]:
        version = said.get("version")
        raise _damaged(path, f"It has version {version}, and this tzmigrate reads 1.")
    if said.pop("sha256", None) != _digest(said):
        raise _damaged(path, "Its own digest does not fit what it says.")
    try:
        backup = TypeAdapter(Backup).validate_json(json.dumps(said))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise _damaged(path, f"{place}: {first['msg']}.") from error
    for wrong in _unsound(backup):
        raise _damaged(path, wrong)
    return backup


def _unsound(backup: Backup) -> Iterator[str]:
    """Say what nobody can have written who made a backup."""
    try:
        datetime.strptime(backup.at, STAMP)  # noqa: DTZ007  it says UTC itself
    except ValueError:
        yield f"at: {backup.at!r} is no time."
    if not re.match(r"\d+", backup.dump):
        yield f"dump: {backup.dump!r} is no version."
    if not re.fullmatch(r"\d+:\d+:[\d,]*", backup.snapshot):
        yield f"snapshot: {backup.snapshot!r} is no snapshot."
    if backup.sealer not in {None, "age", "gpg"}:
        yield f"sealer: {backup.sealer!r} is no program of ours."
    if backup.database_bytes < 0:
        yield "database_bytes is negative."
    names = {file.name for file in backup.files}
    if SUMMARY not in names or not any(name.startswith(FULL) for name in names):
        yield f"files: {FULL} or {SUMMARY} is not among them."


def files_in(directory: Path) -> Iterator[Path]:
    """Give every file below a directory but the metadata, in the order of names."""
    for path in sorted(directory.rglob("*")):
        if path.is_file() and path not in {
            directory / METADATA,
            # what a killed process left
            directory / f"{METADATA}.new",
        }:
            yield path


def described(directory: Path, path: Path) -> File:
    """Read a file once, for its size and digest."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
        size = file.tell()
    name = path.relative_to(directory).as_posix()
    return File(name=name, bytes=size, sha256=digest.hexdigest())


def _digest(said: dict[str, Any]) -> str:
    text = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _damaged(path: Path, why: str) -> NotProved:
    return NotProved(
        "TZ441",
        f"{path} is damaged",
        detail=why,
        hint="Nothing that it says of the backup can be believed: use another backup "
        "(tzmigrate backup list).",
    )
