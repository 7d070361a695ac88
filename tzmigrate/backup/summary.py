"""``backup_metadata.txt``: what a person wants to know years later."""

from tzmigrate.backup.model import FULL, SUMMARY, Backup, TableState


def summary(backup: Backup) -> str:
    """Describe a backup; the digests are as ``sha256sum`` writes them."""
    database = backup.database
    place = f"{database.host}:{database.port}" if database.host else "a socket"
    full = FULL + (f".{backup.sealer}" if backup.sealer else "")
    lines = [
        f"Backup of database {database.name} at {place}",
        "",
        f"moment of all its parts:  {backup.at}",
        f"made by:                  tzmigrate {backup.tool}, pg_dump {backup.dump}",
        f"server:                   PostgreSQL {database.server}",
        f"size of the database:     {backup.database_bytes:,} bytes",
        f"dump took:                {backup.seconds.dump:.1f} s",
        f"files and digests took:   {backup.seconds.derived:.1f} s",
        f"plan:                     {backup.plan or 'none'}",
        f"encrypted for:            {backup.recipient or 'nobody'}",
        "",
        "TimeZone that sessions got:",
        *(
            f"  {zone.scope}{f' {zone.role}' if zone.role else ''}: {zone.zone}"
            for zone in database.zones
        ),
        "",
        "Tables of the plan (without one, of all columns of naive time):",
        *(
            f"  {table.schema}.{table.name}: {table.rows:,} rows"
            + (" of its own; " if _has_children(table) else "; ")
            + ", ".join(
                f"{c.name} {c.type} ({c.values:,} values, fingerprint {c.fingerprint})"
                for c in table.columns
            )
            for table in backup.planned
        ),
        *([] if backup.planned else ["  none"]),
        "",
        "To check it:    tzmigrate backup verify DIRECTORY   (or, in the directory,",
        f"                grep -E '^[0-9a-f]{{64}}  ' {SUMMARY} | sha256sum -c)",
        "To restore it:  tzmigrate restore DIRECTORY",
        "Without tzmigrate: psql -f globals.sql, createdb -T template0 NEW,",
        f"                pg_restore -d NEW {full}",
        "",
        *(f"{file.sha256}  {file.name}" for file in backup.files),
    ]
    return "\n".join(lines) + "\n"


def _has_children(table: TableState) -> bool:
    # fingerprints are of the whole tree
    return any(column.values > table.rows for column in table.columns)
