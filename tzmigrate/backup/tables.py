"""Restore some tables: beside those of now, or in their place."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from psycopg import sql

from tzmigrate.backup.archive import Archive, connected
from tzmigrate.backup.choosing import Choice, Member, read_members
from tzmigrate.backup.copies import require_same, source_of, told
from tzmigrate.backup.model import Backup, Restoration
from tzmigrate.backup.programs import APPLICATION
from tzmigrate.backup.replacing import (
    drop_schemas,
    replace_rows,
    require_fitting,
    require_quiet,
)
from tzmigrate.backup.restoring import Progress, Safety, free_name
from tzmigrate.backup.since import written_since
from tzmigrate.backup.state import (
    query,
)
from tzmigrate.errors import Refused
from tzmigrate.postgres.clients import Access, started
from tzmigrate.postgres.dump import Entry, last_words, within_database
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


_WRITABLE = "-c default_transaction_read_only=off"


def restore_tables(
    target: Target,
    archive: Archive,
    backup: Backup,
    choice: Choice,
    *,
    progress: Progress,
    safety: Safety,
    source: str,
) -> Restoration:
    """Restore tables through a scratch database of the same server.

    Raises:
        DecisionNeeded: a column has another type now, or a foreign key would be left
            without its partner.
        Refused: a missing privilege.
        NotProved: what was restored is not what was backed up.
    """
    begun = time.monotonic()
    with connect(target, application_name=APPLICATION, autocommit=True) as base:
        base.execute("SELECT set_config('default_transaction_read_only', 'off', false)")
        with translated(), base.transaction():
            since = written_since(base, backup, choice.tables)
        if choice.in_place:
            require_quiet(base)
        kept = None
        with (
            translated(),
            scratch_database(
                base, source_of(backup.database), same=True, purpose=_PARTS
            ) as scratch,
        ):
            with quick_restore(scratch):
                members = _filled(archive, scratch, backup, choice)
            if choice.in_place:
                require_fitting(base, scratch.session, members)
            places = _places(base, members)
            _moved(scratch.session, members, places)
            progress(f"copying {len(members)} tables")
            _carried(archive, scratch, base, places)
        if choice.in_place:
            with _dropped_on_failure(base, places), translated():
                kept = replace_rows(
                    base,
                    backup,
                    members,
                    places,
                    lock_timeout=choice.lock_timeout,
                    safety=lambda: safety(tuple((m.schema, m.name) for m in members)),
                )
        for member in members:
            home = member.schema if choice.in_place else places[member.schema]
            base.execute(
                sql.SQL("ANALYZE {}").format(sql.Identifier(home, member.name))
            )
        return Restoration(
            source=source,
            database=base.info.dbname,
            tables=tuple(readable_name(t.schema, t.name) for t in choice.tables),
            schema=None if choice.in_place else ", ".join(places.values()),
            seconds=time.monotonic() - begun,
            since=since,
            safety=kept,
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
    keys = tuple(f"CONSTRAINT {m.schema} {m.name} " for m in members)

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


def _places(base: Session, members: Sequence[Member]) -> dict[str, str]:
    """Name a new schema for each one that tables come from."""
    now = datetime.now(UTC)
    taken = {n for (n,) in base.execute("SELECT nspname::text FROM pg_namespace")}
    places: dict[str, str] = {}
    for schema in dict.fromkeys(member.schema for member in members):
        places[schema] = free_name(schema, now, taken)
        taken.add(places[schema])
    return places


def _moved(
    session: Session, members: Sequence[Member], places: Mapping[str, str]
) -> None:
    """Give the tables schemas of their own, and nothing that reaches out of them."""
    for place in places.values():
        session.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(place)))
    oids = {"relations": [member.oid for member in members]}
    for child, parent, partition in session.execute(query("parents"), oids).fetchall():
        # names that the server has quoted
        parts = (parent, "DETACH PARTITION", child)
        if not partition:
            parts = (child, "NO INHERIT", parent)
        session.execute(f"ALTER TABLE {' '.join(parts)}".encode())
    for member in members:
        relation = sql.Identifier(member.schema, member.name)
        rows = session.execute(
            "SELECT a.attname::text FROM pg_attrdef AS d JOIN pg_attribute AS a"
            " ON a.attrelid = d.adrelid AND a.attnum = d.adnum"
            " WHERE d.adrelid = %s::oid AND a.attgenerated = ''",
            (member.oid,),
        ).fetchall()
        for (column,) in rows:
            session.execute(
                sql.SQL("ALTER TABLE ONLY {} ALTER COLUMN {} DROP DEFAULT").format(
                    relation, sql.Identifier(column)
                )
            )
        session.execute(
            sql.SQL("ALTER TABLE {} SET SCHEMA {}").format(
                relation, sql.Identifier(places[member.schema])
            )
        )


def _carried(
    archive: Archive, scratch: Scratch, base: Session, places: Mapping[str, str]
) -> None:
    """Dump the schemas from the scratch database into the database, as they come."""
    programs = archive.programs
    dump = [
        *(programs.pg_dump, "--format=custom", "--compress=0", "--no-password"),
        *("--no-owner", "--no-privileges", f"--dbname={connected(scratch.name)}"),
        *(f"--schema={_exactly(place)}" for place in places.values()),
    ]
    restore = [
        *(programs.pg_restore, "--single-transaction", "--no-password"),
        *("--no-owner", f"--dbname={connected(base.info.dbname)}"),
    ]
    access = Access.of(base)
    options = f"{access.parameters.get('options', '')} {_WRITABLE}".strip()
    access = replace(access, parameters={**access.parameters, "options": options})
    with (
        started(dump, scratch.access, application=APPLICATION) as source,
        started(restore, access, stdin=source.stdout, application=APPLICATION) as sink,
    ):
        _, said = sink.communicate()
        if source.stdout is not None:
            source.stdout.close()
        complaints = source.stderr.read() if source.stderr is not None else b""
        failed = source.wait() or sink.wait()
    if failed:
        raise Refused(
            "TZ679",
            "the tables could not be copied into the database",
            detail=last_words((complaints + said).decode(errors="replace")),
            hint="Nothing was changed there. The role needs CREATE on the database, "
            "and on the types and functions that the tables use.",
        )


@contextmanager
def _dropped_on_failure(base: Session, places: Mapping[str, str]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        if not base.closed:
            drop_schemas(base, places)
        raise


def _exactly(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
