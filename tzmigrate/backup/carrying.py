"""Carry tables from a scratch database into schemas of their own."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql

from tzmigrate.backup.archive import ERRORS_IGNORED, Archive, connected
from tzmigrate.backup.choosing import Member
from tzmigrate.backup.programs import APPLICATION
from tzmigrate.backup.restoring import Progress
from tzmigrate.backup.scene import free_name
from tzmigrate.backup.since import ON_THE_WAY, PLACE
from tzmigrate.backup.state import query
from tzmigrate.errors import Refused, TzmigrateError, Unavailable
from tzmigrate.postgres.clients import Access, started
from tzmigrate.postgres.dump import failures_of, last_words, lost
from tzmigrate.postgres.quoting import readable_name
from tzmigrate.postgres.scratch import Scratch, words
from tzmigrate.postgres.session import Session, connect

_WRITABLE = "-c default_transaction_read_only=off -c exit_on_error=off"
_QUIET = "-c session_replication_role=replica"

_REFUSED = (
    "Nothing was changed there. The role needs CREATE on the database, and on the types"
    " and functions that the tables use; and types, domains and functions of now have"
    " to take the rows. Else restore the whole backup beside (tzmigrate restore without"
    " --tables), and copy them from there."
)

logger = logging.getLogger(__name__)


@contextmanager
def carried(
    archive: Archive,
    scratch: Scratch,
    base: Session,
    members: Sequence[Member],
    progress: Progress,
    *,
    in_place: bool,
    zone: str,
) -> Iterator[dict[str, str]]:
    """Copy tables into new schemas, which go again where the block fails.

    Args:
        archive: whose programs copy.
        scratch: the database that has the tables; they are moved in it.
        base: a session in autocommit mode to the database that gets them.
        members: the tables.
        progress: told what happens.
        in_place: they go again; no event trigger shall look at them.
        zone: ``TimeZone`` in which their CHECKs look at the rows.

    Yields:
        The new schema of each one that tables come from.

    Raises:
        Refused: the database does not take them.
        Unavailable: the connection was lost.
    """
    places = _places(base, scratch.session, members)
    _moved(scratch.session, members, places)
    progress(f"copying {len(members)} tables")
    with base.transaction():
        for place in places.values():
            base.execute(
                "SELECT pg_advisory_lock(hashtextextended(%s, 0))", (PLACE + place,)
            )
            base.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(place)))
            _comment(base, place, ON_THE_WAY)
    try:
        _carry(archive, scratch, base, places, in_place=in_place, zone=zone)
        _require_arrived(scratch.session, base, members, places)
        yield places
    except BaseException:
        _drop(base, places)
        raise


def settle_schemas(base: Session, places: Mapping[str, str]) -> None:
    """Let the schemas stay."""
    for place in places.values():
        _comment(base, place, None)


def _comment(base: Session, place: str, text: str | None) -> None:
    base.execute(
        sql.SQL("COMMENT ON SCHEMA {} IS {}").format(
            sql.Identifier(place), sql.Literal(text)
        )
    )


def drop_schemas(base: Session, places: Mapping[str, str]) -> None:
    """Drop the schemas that rows were brought in."""
    for place in places.values():
        base.execute(
            sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(place))
        )


def _drop(base: Session, places: Mapping[str, str]) -> None:
    try:
        try:
            drop_schemas(base, places)
        except psycopg.OperationalError:
            if not base.closed:
                raise
            with connect(
                base.target, application_name=APPLICATION, autocommit=True
            ) as again:
                again.execute("SET default_transaction_read_only = off")
                drop_schemas(again, places)
    except (psycopg.Error, TzmigrateError) as error:
        # what went wrong before is what has to be told
        logger.warning(
            "schema %s could not be dropped (%s); drop it yourself",
            ", ".join(places.values()),
            words(error),
        )


def _places(
    base: Session, scratch: Session, members: Sequence[Member]
) -> dict[str, str]:
    """Name a new schema for each one that tables come from.

    A backup of what is replaced holds the one that the rows came in.
    """
    now = datetime.now(UTC)
    taken = {
        name
        for session in (base, scratch)
        for (name,) in session.execute("SELECT nspname::text FROM pg_namespace")
    }
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


def _carry(
    archive: Archive,
    scratch: Scratch,
    base: Session,
    places: Mapping[str, str],
    *,
    in_place: bool,
    zone: str,
) -> None:
    """Dump the schemas from the scratch database into the database, as they come."""
    programs = archive.programs
    found: Any = scratch.session.execute(
        "SELECT pg_encoding_to_char(encoding)::text FROM pg_database"
        " WHERE datname = current_database()"
    ).fetchone()
    (encoding,) = found
    dump = [
        *(programs.pg_dump, "--format=custom", "--compress=0", "--no-password"),
        *("--no-owner", "--no-privileges", f"--dbname={connected(scratch.name)}"),
        # bytes as they are: not every database has an encoding that others can read
        f"--encoding={encoding}",
        *(f"--schema={_exactly(place)}" for place in places.values()),
    ]
    restore = [
        *(programs.pg_restore, "--verbose", "--no-password"),
        *("--no-owner", f"--dbname={connected(base.info.dbname)}"),
    ]
    access = Access.of(base)
    options = f"{access.parameters.get('options', '')} {_WRITABLE}".strip()
    if in_place:
        options += f" {_QUIET}"
    access = replace(
        access,
        parameters={**access.parameters, "options": options},
        zone=zone,
    )
    with (
        started(dump, scratch.access, application=APPLICATION) as source,
        started(restore, access, stdin=source.stdout, application=APPLICATION) as sink,
    ):
        _, said = sink.communicate()
        if source.stdout is not None:
            source.stdout.close()
        complaints = source.stderr.read() if source.stderr is not None else b""
        broken = source.wait() != 0
        # the schema that is there already is always an error to it
        broken |= sink.wait() != 0 and ERRORS_IGNORED not in said
    text = (complaints + said).decode(errors="replace")
    # the schemas are there, and nobody else's
    failures = [
        f for f in failures_of(said, ()) if not f.command.startswith("CREATE SCHEMA ")
    ]
    if lost(text):
        raise Unavailable(
            "TZ507",
            "the connection was lost while tables were copied",
            detail=last_words(text),
            hint="Nothing was changed. Check the network and the server's log, then "
            "try again.",
        )
    if broken or failures:
        raise Refused(
            "TZ679",
            "the tables could not be copied into the database",
            detail="; ".join(f.reason for f in failures[:3]) or last_words(text),
            hint=_REFUSED,
        )


def _require_arrived(
    scratch: Session,
    base: Session,
    members: Sequence[Member],
    places: Mapping[str, str],
) -> None:
    """See that each table has all its rows, whatever the programs said."""
    for member in members:
        if member.kind != "r":
            continue
        count = sql.SQL("SELECT count(*) FROM ONLY {}").format(
            sql.Identifier(places[member.schema], member.name)
        )
        sent: Any = scratch.execute(count).fetchone()
        came: Any = base.execute(count).fetchone()
        if sent != came:
            raise Refused(
                "TZ679",
                f"of table {readable_name(member.schema, member.name)} {came[0]:,} of "
                f"{sent[0]:,} rows came into the database",
                hint=_REFUSED,
            )


def _exactly(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
