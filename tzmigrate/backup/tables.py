"""Restore some tables: beside those of now, or in their place."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from tzmigrate.backup.archive import Archive, connected
from tzmigrate.backup.copies import source_of, told
from tzmigrate.backup.model import Backup, Restoration, TableState
from tzmigrate.backup.programs import APPLICATION
from tzmigrate.backup.restoring import Progress, Safety, free_name
from tzmigrate.backup.since import written_since
from tzmigrate.backup.state import (
    differences,
    planned_in,
    query,
    read_moment,
    read_tables,
)
from tzmigrate.config.globs import parse_pattern
from tzmigrate.errors import DecisionNeeded, NotProved, Refused, UsageError
from tzmigrate.postgres.clients import Access, started
from tzmigrate.postgres.dump import Entry, last_words, within_database
from tzmigrate.postgres.errors import translated
from tzmigrate.postgres.quoting import quote_identifier, readable_name
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


class Member(NamedTuple):
    """A table of a tree (trees.sql).

    Attributes:
        partition: its rows are written through a parent that is in the tree too.
    """

    oid: int
    schema: str
    name: str
    kind: str
    partition: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which tables, and where to.

    Attributes:
        tables: of the backup.
        in_place: put their rows in the place of those of now.
        lock_timeout: how long a lock is waited for, as PostgreSQL reads it.
    """

    tables: tuple[TableState, ...]
    in_place: bool
    lock_timeout: str = "2s"


def choose_tables(backup: Backup, words: Sequence[str]) -> tuple[TableState, ...]:
    """Return the tables of a backup that globs name, commas between them.

    Raises:
        UsageError: a glob names none.
    """
    chosen: dict[tuple[str, str], TableState] = {}
    for text in filter(None, (part for word in words for part in _split(word))):
        pattern = parse_pattern(text, parts=2 if _qualified(text) else 1)
        found = [
            table
            for table in backup.tables
            if table.kind != "f"
            and pattern.matches(*((table.schema, table.name)[-len(pattern.parts) :]))
        ]
        if not found:
            raise UsageError(
                "TZ294",
                f"the backup has no table {text}",
                detail="It has "
                + ", ".join(readable_name(t.schema, t.name) for t in backup.tables[:10])
                + (" and others." if len(backup.tables) > 10 else "."),  # noqa: PLR2004
                hint="Write schema.table or table; * and ? are wildcards.",
            )
        chosen |= {(table.schema, table.name): table for table in found}
    if not chosen:
        raise UsageError(
            "TZ294",
            "--tables names no table",
            hint="Write schema.table or table; * and ? are wildcards.",
        )
    return tuple(chosen.values())


def announced(choice: Choice, backup: Backup, database: str) -> tuple[str, ...]:
    """Say what will be done."""
    names = ", ".join(readable_name(t.schema, t.name) for t in choice.tables)
    if choice.in_place:
        return (
            f"The rows of {names} in database {database} will be replaced by those of "
            f"{backup.at}, in one transaction; no trigger runs.",
            "Whoever writes to them meanwhile waits. Foreign keys are checked before "
            "the commit.",
        )
    return (
        f"{names}, as they were at {backup.at}, will be restored into a new schema of "
        f"database {database}; the tables of now are not touched.",
    )


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
        with (
            translated(),
            scratch_database(
                base, source_of(backup.database), same=True, purpose=_PARTS
            ) as scratch,
        ):
            with quick_restore(scratch):
                members = _filled(archive, scratch, backup, choice)
            places = _places(base, members)
            _moved(scratch.session, members, places)
            progress(f"copying {len(members)} tables")
            _carried(archive, scratch, base, places)
        kept = None
        if choice.in_place:
            kept = safety(tuple((m.schema, m.name) for m in members))
            with translated():
                _replaced(base, backup, choice, members, places)
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
    members = _members(scratch.session, choice.tables)
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
    _same(scratch.session, backup, members)
    return members


def _same(
    connection: psycopg.Connection[Any],
    backup: Backup,
    members: Sequence[Member],
) -> None:
    """Compare rows and fingerprints with those of the backup.

    Raises:
        NotProved: they differ.
    """
    wanted = {(m.schema, m.name) for m in members}
    then = [t for t in backup.tables if (t.schema, t.name) in wanted]
    now = [t for t in read_moment(connection).tables if (t.schema, t.name) in wanted]
    unlike = differences(then, read_tables(connection, now, planned_in(then)))
    if unlike:
        raise NotProved(
            "TZ447",
            f"what was restored is not what was backed up: {unlike[0]}",
            detail="; ".join(unlike[1:6]),
            hint="Nothing was changed. Use another backup (tzmigrate backup list).",
        )


def _members(
    connection: psycopg.Connection[Any], tables: Sequence[TableState]
) -> tuple[Member, ...]:
    rows = connection.execute(
        query("trees"),
        {"schemas": [t.schema for t in tables], "names": [t.name for t in tables]},
    ).fetchall()
    return tuple(Member(*row) for row in rows)


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


def _replaced(
    base: Session,
    backup: Backup,
    choice: Choice,
    members: Sequence[Member],
    places: Mapping[str, str],
) -> None:
    """Put the rows in the place of those of now, in one transaction."""
    drop = sql.SQL("DROP SCHEMA {} CASCADE")
    try:
        with _refused_rows(), base.transaction():
            _replace(base, choice, members, places)
            _same(base, backup, members)
            for place in places.values():
                base.execute(drop.format(sql.Identifier(place)))
    except BaseException:
        if not base.closed:
            for place in places.values():
                base.execute(drop.format(sql.Identifier(place)))
        raise


@contextmanager
def _refused_rows() -> Iterator[None]:
    """Say what in the tables of now does not take rows of then."""
    try:
        yield
    except (
        psycopg.errors.IntegrityError,
        psycopg.errors.DataError,
        psycopg.errors.RaiseException,
    ) as error:
        said = error.diag.message_primary or str(error)
        raise DecisionNeeded(
            "TZ357",
            f"the tables of now do not take the rows of the backup: {said}",
            detail=f"{error.diag.message_detail or ''} Nothing was changed.".strip(),
            hint="Leave --in-place out, and copy the rows from the schema beside in the"
            " way that fits.",
        ) from error


def _replace(
    base: Session,
    choice: Choice,
    members: Sequence[Member],
    places: Mapping[str, str],
) -> None:
    base.execute("SELECT set_config('lock_timeout', %s, true)", (choice.lock_timeout,))
    try:
        # neither triggers nor foreign keys act: an ON DELETE CASCADE would take rows
        # that nobody spoke of
        with base.transaction():
            base.execute("SET LOCAL session_replication_role = replica")
    except psycopg.errors.InsufficientPrivilege as error:
        raise Refused(
            "TZ682",
            "the role may not keep triggers and foreign keys from acting",
            detail="Nothing was changed.",
            hint="Connect as a superuser, or (15 and newer) GRANT SET ON PARAMETER "
            "session_replication_role; or leave --in-place out, and copy the rows from "
            "the schema beside.",
        ) from error
    base.execute("SET LOCAL session_replication_role = replica")
    whole = [m for m in members if not m.partition]
    live = {(m.schema, m.name): m for m in _members(base, choice.tables)}
    for member in whole:
        _require_there(member, live)
    awake = base.execute(
        query("always"), {"relations": [m.oid for m in live.values()]}
    ).fetchall()
    for table, kind, name, _ in awake:
        base.execute(_switched(table, "DISABLE", kind, name))
    for member in whole:
        name = readable_name(member.schema, member.name)
        now = live[member.schema, member.name]
        base.execute(
            sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(
                sql.Identifier(member.schema, member.name)
            )
        )
        copy = sql.Identifier(places[member.schema], member.name)
        columns = _columns(base, now, copy, name)
        only = sql.SQL("" if now.kind == "p" else "ONLY ")
        here = sql.Identifier(member.schema, member.name)
        base.execute(sql.SQL("DELETE FROM {}{}").format(only, here))
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        base.execute(
            sql.SQL(
                "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {}{}"
            ).format(here, names, names, only, copy)
        )
    for table, kind, name, enabled in awake:
        way = "ENABLE ALWAYS" if enabled == "A" else "ENABLE REPLICA"
        base.execute(_switched(table, way, kind, name))
    touched = [live[m.schema, m.name].oid for m in whole]
    touched += [m.oid for m in live.values()]
    _check_foreign_keys(base, touched)


def _require_there(member: Member, live: Mapping[tuple[str, str], Member]) -> None:
    if (member.schema, member.name) not in live:
        raise DecisionNeeded(
            "TZ354",
            f"table {readable_name(member.schema, member.name)} is not there any more",
            detail="Nothing was changed.",
            hint="Leave --in-place out, and move it from the schema beside: ALTER TABLE"
            " … SET SCHEMA.",
        )


def _switched(table: str, way: str, kind: str, name: str) -> bytes:
    """Write ``ALTER TABLE`` for a trigger or rule; the table is quoted already."""
    return f"ALTER TABLE {table} {way} {kind} {quote_identifier(name)}".encode()


def _columns(base: Session, now: Member, copy: sql.Identifier, name: str) -> list[str]:
    """Return the columns that are written.

    Raises:
        DecisionNeeded: one has another type now, or is gone.
    """
    shape = query("shape")
    here: dict[str, str] = dict(base.execute(shape, {"relation": now.oid}).fetchall())
    row: Any = base.execute(
        "SELECT %s::regclass::oid::int8", (copy.as_string(base),)
    ).fetchone()
    then: dict[str, str] = dict(base.execute(shape, {"relation": row[0]}).fetchall())
    for column, type_then in then.items():
        if here.get(column) != type_then:
            said = here.get(column)
            raise DecisionNeeded(
                "TZ353",
                f"column {name}.{column} was {type_then} when the backup was made, and "
                + (f"is {said} now" if said else "is not there now"),
                detail="Nothing was changed.",
                hint="Take the conversion back first (tzmigrate rollback), or leave "
                "--in-place out, and copy the rows from the schema beside, with AT TIME"
                " ZONE where the types differ.",
            )
    return list(then)


def _check_foreign_keys(base: Session, relations: Sequence[int]) -> None:
    rows = base.execute(query("foreign_keys"), {"relations": list(relations)})
    for name, table, statement in rows.fetchall():
        # written by the server from quoted names
        found: Any = base.execute(statement.encode()).fetchone()
        if found[0]:
            raise DecisionNeeded(
                "TZ355",
                f"{found[0]:,} rows of table {table} would be left without the row that"
                f" foreign key {name} names",
                detail="Nothing was changed.",
                hint="Restore the other table with it (--tables takes several), or "
                "delete those rows first.",
            )


def _split(text: str) -> list[str]:
    """Split at commas outside double quotes."""
    parts, quoted = [""], False
    for letter in text:
        quoted ^= letter == '"'
        if letter == "," and not quoted:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def _qualified(text: str) -> bool:
    quoted = False
    for letter in text:
        quoted ^= letter == '"'
        if letter == "." and not quoted:
            return True
    return False


def _exactly(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
