"""Restore some tables: beside those of now, or in their place."""

import time
from contextlib import suppress

import psycopg
from psycopg import sql

from tzmigrate.backup.archive import Archive
from tzmigrate.backup.carrying import carried, settle_schemas
from tzmigrate.backup.choosing import Choice, Member, read_members
from tzmigrate.backup.copies import require_same, told
from tzmigrate.backup.databases import source_of
from tzmigrate.backup.fitting import (
    require_fitting,
    require_quiet,
    require_rights,
    require_types,
)
from tzmigrate.backup.interlock import share
from tzmigrate.backup.model import Backup, Restoration
from tzmigrate.backup.programs import APPLICATION
from tzmigrate.backup.replacing import Replaced, replace_rows
from tzmigrate.backup.restoring import Progress, Safety
from tzmigrate.backup.since import Written
from tzmigrate.errors import Refused
from tzmigrate.postgres.dump import Entry, within_database
from tzmigrate.postgres.errors import translated
from tzmigrate.postgres.quoting import readable_name
from tzmigrate.postgres.scratch import (
    Purpose,
    Scratch,
    quick_restore,
    scratch_database,
)
from tzmigrate.postgres.session import connect
from tzmigrate.postgres.url import Target

_PARTS = Purpose(
    prefix="tzmigrate_parts",
    comment="tzmigrate: tables of a backup on their way. It goes away with the command"
    " that made it; without one, it can be dropped.",
    application=APPLICATION,
)


def restore_tables(
    target: Target,
    archive: Archive,
    backup: Backup,
    choice: Choice,
    *,
    progress: Progress,
    safety: Safety,
    written: Written,
    source: str,
) -> Restoration:
    """Restore tables through a scratch database of the same server.

    Raises:
        DecisionNeeded: a column has another type now, or a foreign key would be left
            without its partner.
        Refused: a missing privilege.
        NotProved: what was restored is not what was backed up.
        Unavailable: a conversion runs, a table stays locked, or the connection was
            lost.
    """
    begun = time.monotonic()
    with connect(target, application_name=APPLICATION, autocommit=True) as base:
        base.execute("SELECT set_config('default_transaction_read_only', 'off', false)")
        if choice.in_place:
            with translated(), base.transaction():
                share(base)
            with translated():
                require_quiet(base, choice.tables)
                require_rights(base, choice.tables)
        done = Replaced(None, written)
        with (
            translated(),
            scratch_database(
                base, source_of(backup.database), same=True, purpose=_PARTS
            ) as scratch,
        ):
            with quick_restore(scratch):
                members = _filled(archive, scratch, backup, choice)
            require_types(base, scratch.session, members)
            if choice.in_place:
                chosen = {(t.schema, t.name) for t in choice.tables}
                require_fitting(base, scratch.session, members, chosen)
            with carried(archive, scratch, base, members, progress) as places:
                if choice.in_place:
                    done = replace_rows(
                        *(base, backup, members, places),
                        lock_timeout=choice.lock_timeout,
                        safety=safety,
                    )
                else:
                    settle_schemas(base, places)
        for member in members:
            home = member.schema if choice.in_place else places[member.schema]
            # what is restored is committed, and autovacuum comes too
            with suppress(psycopg.Error):
                base.execute(
                    sql.SQL("ANALYZE {}").format(sql.Identifier(home, member.name))
                )
        return Restoration(
            source=source,
            database=base.info.dbname,
            tables=tuple(readable_name(t.schema, t.name) for t in choice.tables),
            schema=None if choice.in_place else ", ".join(places.values()),
            seconds=time.monotonic() - begun,
            since=done.written.tables,
            safety=done.kept,
        )


def _filled(
    archive: Archive, scratch: Scratch, backup: Backup, choice: Choice
) -> tuple[Member, ...]:
    """Restore definitions, and the rows of the chosen tables and of their trees."""
    access, name = scratch.access, scratch.name
    missed = archive.restore(
        access, name, wanted=within_database, options=("--section=pre-data",)
    )
    members = read_members(scratch.session, choice.tables)
    lacking = {(t.schema, t.name) for t in choice.tables} - {
        (m.schema, m.name) for m in members
    }
    if lacking:
        raise Refused(
            "TZ679",
            f"table {readable_name(*min(lacking))} could not be restored",
            detail=told(missed),
            hint="Restore the whole backup (tzmigrate restore without --tables), as a "
            "superuser or as the owner of all that is in it.",
        )
    names = {(m.schema, m.name) for m in members}
    rows = {t.oid for t in backup.tables if (t.schema, t.name) in names}
    keys = tuple(f"CONSTRAINT {_listed(m.schema)} {_listed(m.name)} " for m in members)

    def wanted(entry: Entry) -> bool:
        filled = entry.label.startswith("TABLE DATA ") and entry.oid in rows
        return filled or entry.label.startswith(keys)

    failures = archive.restore(access, name, wanted=wanted)
    if failures:
        raise Refused(
            "TZ679",
            f"{len(failures)} statements failed while tables were restored",
            detail=told(failures),
            hint="Restore the whole backup (tzmigrate restore without --tables), as a "
            "superuser or as the owner of all that is in it.",
        )
    require_same(scratch.session, backup, names)
    return members


def _listed(name: str) -> str:
    """Write a name as an archive's table of contents has it, in one line."""
    return name.replace("\n", " ").replace("\r", " ")
