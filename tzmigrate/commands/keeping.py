"""Where backups are kept, and how they are made."""

from dataclasses import dataclass, replace
from pathlib import Path

from tzmigrate.backup.model import Backup
from tzmigrate.backup.programs import choose_programs
from tzmigrate.config import Config
from tzmigrate.errors import UsageError
from tzmigrate.postgres.clients import Programs

ROOT = Path("backups")
"""Where backups are kept, seen from the working directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """How a backup is made and kept.

    Attributes:
        root: the directory of all backups.
        bin_dir: where ``pg_dump`` is.
        jobs: connections of ``pg_dump``; more than one make a directory.
        role_passwords: in ``globals.sql``.
        data_archive: the rows as an archive of their own, not as SQL.
        encrypt_to: whom to encrypt for, with age or gpg.
        identity: the private key, where it is encrypted with age.
        only: schema and name of the only tables to back up; all by default.
        safety: a restore makes it of what it replaces; with ``only`` it holds these.
        test_restore: restore it by trial.
        test_url: the server of the trial, or ``embedded``.
        upload: where to copy it as well.
    """

    root: Path | None = None
    bin_dir: Path | None = None
    jobs: int = 1
    role_passwords: bool = False
    data_archive: bool = False
    encrypt_to: str | None = None
    identity: Path | None = None
    only: tuple[tuple[str, str], ...] = ()
    safety: bool = False
    test_restore: bool = False
    test_url: str | None = None
    upload: str | None = None


def settled(keeping: Keeping, config: Config) -> Keeping:
    """Fill what the options leave open from the configuration.

    Raises:
        UsageError: a recipient or a key that is none.
    """
    if keeping.encrypt_to == "":
        raise UsageError(
            "TZ298",
            "--encrypt-to is empty",
            detail="The backup would not be encrypted. Nothing was done.",
            hint="Name an age or SSH public key or a key of gpg, or leave it out.",
        )
    identity = keeping.identity or config.backup.identity
    if identity is not None and not identity.is_file():
        raise UsageError(
            "TZ299",
            f"there is no key file {identity}",
            hint="Give --identity (or identity under [backup]) the file with the "
            "private key.",
        )
    return replace(
        keeping,
        root=root_of(keeping, config),
        encrypt_to=keeping.encrypt_to or config.backup.encrypt_to,
        identity=identity,
    )


def readers_of(backup: Backup, keeping: Keeping, version: int = 0) -> Programs:
    """Return programs that can read what a newer ``pg_dump`` may have written.

    Args:
        backup: what is read.
        keeping: where programs are.
        version: of the server that is written to, as ``server_version_num`` gives it.
    """
    wrote = int(backup.dump.partition(".")[0])
    server = max(backup.database.version, version) // 10000
    return choose_programs(max(server, wrote), keeping.bin_dir)


def root_of(keeping: Keeping, config: Config) -> Path:
    """Return the directory of all backups."""
    return keeping.root or config.backup.dir or ROOT
