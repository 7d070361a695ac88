"""Restore some tables: beside those of now, or in their place."""

import re
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import psycopg
from psycopg import sql

from tzmigrate.backup.archive import Archive
from tzmigrate.backup.carrying import carried, settle_schemas
from tzmigrate.backup.choosing import Choice, Member, read_members
from tzmigrate.backup.copies import require_same, told
from tzmigrate.backup.databases import (
    give_settings,
    on_its_server,
    source_of,
    zone_of,
)
from tzmigrate.backup.fitting import (
    require_fitting,
    require_names,
    require_quiet,
    require_rights,
    require_types,
)
from tzmigrate.backup.interlock import share
from tzmigrate.backup.model import Backup, Restoration
from tzmigrate.backup.programs import APPLICATION
from tzmigrate.backup.replacing import Replaced, replace_rows
from tzmigrate.backup.restoring import Progress, Safety
from tzmigrate.backup.sequences import told_behind
from tzmigrate.backup.since import Written, told_about
from tzmigrate.errors import Refused
from tzmigrate.postgres.dump import Entry, Failure, within_database
from tzmigrate.postgres.errors import translated
from tzmigrate.postgres.quoting import readable_name
from tzmigrate.postgres.scratch import (
    Purpose,
    Scratch,
    quick_restore,
    scratch_database,
)
from tzmigrate.postgres.session import Session, connect
from tzmigrate.postgres.url import Target

_PARTS = Purpose(
    prefix="tzmigrate_parts",
    comment="tzmigrate: tables of a backup on their way. It goes away with the command"
    " that made it; without one, it can be dropped.",
    application=APPLICATION,
)

_NAME = r'(?:"(?:[^"]|"")*"|[\w$]+)\.(?:"(?:[^"]|"")*"|[\w$]+)'
_ATTACHED = re.compile(rf"ALTER TABLE ONLY ({_NAME}) ATTACH PARTITION ({_NAME}) ")
_INHERITED = re.compile(rf"^INHERITS \(({_NAME}(?:, {_NAME})*)\)", re.MULTILINE)
"""What pg_dump writes to put a table below others."""

_UNLOGGED_SEQUENCES = 150000
"""From this version on a sequence may be logged or not."""


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
        name = base.info.dbname
        done = Replaced(None, written)
        with (
            translated(),
            scratch_database(
                base,
                source_of(backup.database),
                same=on_its_server(base, backup.database),
                purpose=_PARTS,
            ) as scratch,
        ):
            with quick_restore(scratch):
                give_settings(scratch.session, scratch.name, backup.database)
                members = _filled(archive, scratch, backup, choice)
            require_names(
                scratch.session,
                members,
                in_place=choice.in_place,
                objects=_large_objects(archive, base, choice),
            )
            require_types(base, scratch.session, members)
            if choice.in_place:
                chosen = {(t.schema, t.name) for t in choice.tables}
                require_fitting(base, scratch.session, members, chosen)
            with carried(
                *(archive, scratch, base, members, progress),
                in_place=choice.in_place,
                zone=zone_of(base, backup.database),
            ) as places:
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
        notes = told_about(done.written, name)
        if choice.in_place:
            notes += told_behind(base, members)
        return Restoration(
            source=source,
            database=name,
            tables=tuple(readable_name(t.schema, t.name) for t in choice.tables),
            schema=None if choice.in_place else ", ".join(places.values()),
            seconds=time.monotonic() - begun,
            since=done.written.tables,
            safety=done.kept,
            notes=notes,
        )


def _filled(
    archive: Archive, scratch: Scratch, backup: Backup, choice: Choice
) -> tuple[Member, ...]:
    """Restore definitions, and the rows of the chosen tables and of their trees."""
    zone = zone_of(scratch.session, backup.database)
    access, name = replace(scratch.access, zone=zone), scratch.name
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
    _require_trees(scratch.session, backup, members, missed)
    if choice.in_place:
        _unlog(scratch, members)
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


def _require_trees(
    session: Session,
    backup: Backup,
    members: Sequence[Member],
    missed: Sequence[Failure],
) -> None:
    """See that no partition or child of a table is lacking, which has rows of it.

    Raises:
        Refused: one could not be made.
    """
    known = {member.oid for member in members}
    foreign = {(t.schema, t.name) for t in backup.tables if t.kind == "f"}
    for failure in missed:
        parents: Sequence[str] = ()
        label = failure.entry.label if failure.entry else ""
        if label.startswith("TABLE ATTACH "):
            found = _ATTACHED.match(failure.command)
            # a foreign table has no rows in a backup
            if found and _named(session, found[2]) not in foreign:
                parents = (found[1],)
        elif label.startswith("TABLE "):
            found = _INHERITED.search(failure.command)
            parents = re.findall(_NAME, found[1]) if found else ()
        for parent in parents:
            row: Any = session.execute(
                "SELECT to_regclass(%s)::oid::int8", (parent,)
            ).fetchone()
            if row[0] in known:
                raise Refused(
                    "TZ679",
                    f"a table below {readable_name(*_named(session, parent))} could not"
                    " be restored",
                    detail=told([failure, *(f for f in missed if f != failure)]),
                    hint="Its rows would be missing. Restore the whole backup "
                    "(tzmigrate restore without --tables), as a superuser or as the "
                    "owner of all that is in it.",
                )


def _named(session: Session, name: str) -> tuple[str, ...]:
    row: Any = session.execute("SELECT parse_ident(%s)", (name,)).fetchone()
    return tuple(row[0])


def _large_objects(archive: Archive, base: Session, choice: Choice) -> bool:
    """Return whether values of a table may name large objects.

    Those of now count too where rows of now go into a backup of what is replaced.
    """
    if any(entry.label.startswith("BLOB") for entry in archive.entries()):
        return True
    found = base.execute("SELECT FROM pg_largeobject_metadata LIMIT 1").fetchone()
    return choice.in_place and choice.safety and found is not None


def _unlog(scratch: Scratch, members: Sequence[Member]) -> None:
    """Have copies that go again neither logged nor published, where that can be."""
    session = scratch.session
    if session.info.server_version < _UNLOGGED_SEQUENCES:
        # a dump would set the persistence of their sequences, which these do not know
        rows = session.execute(
            "SELECT attrelid::regclass::text, quote_ident(attname) FROM pg_attribute"
            " WHERE attrelid::int8 = ANY (%s::int8[]) AND attidentity <> ''",
            ([member.oid for member in members],),
        ).fetchall()
        for table, column in rows:
            session.execute(
                f"ALTER TABLE ONLY {table} ALTER COLUMN {column} DROP IDENTITY".encode()
            )
    for member in members:
        if member.kind == "r":
            # another table may hold rows of it, which forbids it
            with suppress(psycopg.errors.FeatureNotSupported):
                session.execute(
                    sql.SQL("ALTER TABLE {} SET UNLOGGED").format(
                        sql.Identifier(member.schema, member.name)
                    )
                )


def _listed(name: str) -> str:
    """Write a name as an archive's table of contents has it, in one line."""
    return name.replace("\n", " ").replace("\r", " ")
