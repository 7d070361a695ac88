"""Whether a backup is whole: its files, its archive, and what a trial restore gives."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tzmigrate.backup.archive import Archive
from tzmigrate.backup.copies import Trial, told
from tzmigrate.backup.metadata import described, files_in
from tzmigrate.backup.model import FULL, SETTINGS, Backup, Setting
from tzmigrate.backup.sealing import Seal, opened, require_identity
from tzmigrate.errors import NotProved
from tzmigrate.inventory.model import Finding, Severity
from tzmigrate.postgres.clients import Programs
from tzmigrate.postgres.quoting import readable_name

_PG_CLASS = 1259
"""The catalog's own oid, the same in every database."""
_AGAIN = "Use another backup (tzmigrate backup list), and make a new one."


def archive_of(
    directory: Path, backup: Backup, programs: Programs, identity: Path | None = None
) -> Archive:
    """Return the full archive of a backup.

    Raises:
        Refused: it is encrypted, and there is no key.
    """
    seal = _seal(backup, identity)
    name = FULL + (seal.suffix if seal else "")
    if seal is not None:
        require_identity(seal, directory / name)
    return Archive(path=directory / name, programs=programs, seal=seal)


def _seal(backup: Backup, identity: Path | None) -> Seal | None:
    if backup.sealer is None:
        return None
    return Seal(
        program=backup.sealer, recipient=backup.recipient or "", identity=identity
    )


def with_settings(
    directory: Path, backup: Backup, identity: Path | None = None
) -> Backup:
    """Return a backup with the settings that its metadata keep back.

    Raises:
        Refused: they are encrypted, and there is no key.
        NotProved: they cannot be read.
    """
    seal = _seal(backup, identity)
    if seal is None or all(s.value is not None for s in backup.database.settings):
        return backup
    path = directory / (SETTINGS + seal.suffix)
    if path.name not in {file.name for file in backup.files}:
        return backup
    with opened(path, seal) as plain:
        said = plain.read()
    try:
        settings = tuple(Setting(**one) for one in json.loads(said))
    except (ValueError, TypeError) as error:
        raise NotProved(
            "TZ443", f"{path} does not hold settings of a database", hint=_AGAIN
        ) from error
    return replace(backup, database=replace(backup.database, settings=settings))


def check_files(
    directory: Path,
    backup: Backup,
    *,
    programs: Programs | None = None,
    identity: Path | None = None,
) -> tuple[Finding, ...]:
    """Look at every file of a backup, and at the archive's table of contents.

    Args:
        directory: where it lies.
        backup: what its metadata say.
        programs: those that read the archive; without them only digests are compared.
        identity: the private key, where it is encrypted with age.
    """
    findings = list(_files(directory, backup))
    if programs is not None and not any(f.code == "TZ443" for f in findings):
        findings += _archive(archive_of(directory, backup, programs, identity), backup)
    return tuple(findings)


def check_trial(trial: Trial) -> tuple[Finding, ...]:
    """Say what a trial restore found wrong."""
    findings = [
        _finding("TZ447", f"restored by trial, {difference}", _AGAIN)
        for difference in trial.differences
    ]
    if trial.failures:
        count = len(trial.failures)
        findings.append(
            _finding(
                "TZ448",
                f"{count} {'statement' if count == 1 else 'statements'} failed when "
                f"it was restored by trial on {trial.place}: {told(trial.failures)}",
                "Where the server lacks a role or an extension, try another one with "
                "--test-url; else use another backup.",
            )
        )
    return tuple(findings)


def _files(directory: Path, backup: Backup) -> Iterator[Finding]:
    there = {path.relative_to(directory).as_posix() for path in files_in(directory)}
    for file in backup.files:
        if file.name not in there:
            yield _finding("TZ442", f"{file.name} is missing", _AGAIN)
            continue
        try:
            found = described(directory, directory / file.name)
        except OSError as error:
            said = f"{file.name} cannot be read: {error.strerror}"
            yield _finding("TZ442", said, "Verify as the user who made the backup.")
            continue
        if found.bytes == 0 and file.bytes > 0:
            yield _finding("TZ442", f"{file.name} is empty", _AGAIN)
        elif found.bytes != file.bytes:
            said = f"{file.name} has {found.bytes:,} bytes, not {file.bytes:,}"
            yield _finding("TZ442", said, _AGAIN)
        elif found.sha256 != file.sha256:
            said = f"{file.name} is not what was written: its SHA-256 differs"
            yield _finding("TZ442", said, _AGAIN)
    for name in sorted(there - {file.name for file in backup.files}):
        yield replace(
            _finding(
                "TZ442",
                f"{name} does not belong to the backup",
                "Somebody put it there; take it away if you know whose it is.",
            ),
            severity=Severity.WARNING,
        )


def _archive(archive: Archive, backup: Backup) -> Iterator[Finding]:
    try:
        entries = archive.entries()
    except NotProved as error:
        yield _finding(error.code, f"{error.message} ({error.detail})", error.hint)
        return
    # names could be told from their owners by guessing alone
    defined = {entry.oid for entry in entries if entry.catalog == _PG_CLASS}
    filled = {entry.oid for entry in entries if entry.label.startswith("TABLE DATA ")}
    for table in backup.tables:
        lacking = [
            *(["definition"] if table.oid not in defined else []),
            *(["rows"] if table.kind == "r" and table.oid not in filled else []),
        ]
        if lacking:
            yield _finding(
                "TZ446",
                f"the archive lacks the {' and the '.join(lacking)} of table "
                f"{readable_name(table.schema, table.name)}",
                _AGAIN,
            )


def _finding(code: str, message: str, hint: str) -> Finding:
    return Finding(code=code, severity=Severity.BLOCKS, message=message, hint=hint)
