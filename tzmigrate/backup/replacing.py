"""Put rows of a backup in the place of those of now."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from tzmigrate.backup.carrying import drop_schemas
from tzmigrate.backup.choosing import Member, read_members
from tzmigrate.backup.copies import require_same
from tzmigrate.backup.interlock import share
from tzmigrate.backup.model import Backup, TableState
from tzmigrate.backup.restoring import Safety
from tzmigrate.backup.since import Written, written_since
from tzmigrate.backup.state import query
from tzmigrate.errors import DecisionNeeded, NotProved, Refused, Unavailable
from tzmigrate.postgres.quoting import (
    quote_identifier,
    readable_identifier,
    readable_name,
)
from tzmigrate.postgres.session import Session

_KINDS = {"r": "a plain table", "p": "a partitioned one"}


class ForeignKey(NamedTuple):
    """A foreign key on either side (foreign_keys.sql); names are quoted.

    Attributes:
        table: the one that refers.
        partner: the one that is referred to.
        refers: rows that are replaced refer to rows that are not.
        lacking: counts the rows of ``table`` that have no partner.
        holding: keeps their partners from going.
    """

    name: str
    table: str
    partner: str
    refers: bool
    lacking: str
    holding: str


def require_quiet(base: Session, tables: Sequence[TableState]) -> None:
    """See that triggers and foreign keys can be kept from acting.

    An ON DELETE CASCADE would take rows that nobody spoke of.

    Raises:
        Refused: the role lacks the privilege.
    """
    role: Any = base.execute("SELECT current_user::text").fetchone()
    hint = (
        "Connect as a superuser, or leave --in-place out, and copy the rows from the "
        "schema beside."
    )
    try:
        with base.transaction(force_rollback=True):
            _quieten(base)
    except psycopg.errors.InsufficientPrivilege as error:
        raise Refused(
            "TZ682",
            f"role {readable_identifier(role[0])} may not keep triggers and foreign "
            "keys from acting",
            detail="Nothing was changed.",
            hint=f"GRANT SET ON PARAMETER session_replication_role (15 and newer). Or: "
            f"{hint}",
        ) from error
    relations = [member.oid for member in read_members(base, tables)]
    for table, kind, name, _ in base.execute(
        query("always"), {"relations": relations}
    ).fetchall():
        owned: Any = base.execute(
            "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class"
            " WHERE oid = %s::regclass",
            (table,),
        ).fetchone()
        if not owned[0]:
            raise Refused(
                "TZ682",
                f"role {readable_identifier(role[0])} may not keep {kind.lower()} "
                f"{readable_identifier(name)} of table {table} from acting",
                detail="It always acts, and only the table's owner may switch it off. "
                "Nothing was changed.",
                hint=hint,
            )


def require_rights(base: Session, tables: Sequence[TableState]) -> None:
    """See that the role may do what a replacement takes, but for what is written.

    Raises:
        Refused: names the right that is missing.
    """
    live = read_members(base, tables)
    keys = _foreign_keys(base, [member.oid for member in live])
    wanted = [
        (sql.Identifier(m.schema, m.name).as_string(base), "SELECT, INSERT, DELETE")
        for m in live
    ]
    wanted += [(key.table, "SELECT") for key in keys]
    wanted += [
        (key.partner, "SELECT, UPDATE" if key.refers else "SELECT") for key in keys
    ]
    for table, privileges in wanted:
        for privilege in privileges.split(", "):
            row: Any = base.execute(
                "SELECT has_table_privilege(%s::regclass, %s), current_user::text",
                (table, privilege),
            ).fetchone()
            if not row[0]:
                raise Refused(
                    "TZ691",
                    f"role {readable_identifier(row[1])} may not {privilege} on table "
                    f"{table}",
                    detail="Rows are replaced there, or looked for by a foreign key. "
                    "Nothing was changed.",
                    hint=f"GRANT {privileges} ON {table} to the role, connect as a "
                    "superuser, or leave --in-place out.",
                )


def require_fitting(base: Session, scratch: Session, members: Sequence[Member]) -> None:
    """See that the tables of now have the columns that the rows of then need.

    Args:
        base: the database of now.
        scratch: the one that the backup was restored into.
        members: tables of the latter.

    Raises:
        DecisionNeeded: names what is missing, or of another type.
    """
    live = _live(base, members)
    then, here = _parents(scratch, members), _parents(base, [*live.values()])
    for child, parent in sorted(then ^ here):
        came = (child, parent) in here
        raise DecisionNeeded(
            "TZ358",
            f"table {child} {'inherits' if came else 'no longer inherits'} from table "
            f"{parent} since the backup",
            detail="The rows of both would not fit together. Nothing was changed.",
            hint="Leave --in-place out, and copy the rows from the schema beside.",
        )
    for member in members:
        if not member.partition:
            now = _require_there(member, live)
            if now.kind != member.kind:
                raise DecisionNeeded(
                    "TZ358",
                    f"table {_named(member)} is {_KINDS[now.kind]}, and was "
                    f"{_KINDS[member.kind]} when the backup was made",
                    detail="Nothing was changed.",
                    hint="Leave --in-place out, and copy the rows from the schema "
                    "beside.",
                )
            _columns(member, _shape(scratch, member.oid), _shape(base, now.oid))


class Replaced(NamedTuple):
    """What a replacement did.

    Attributes:
        kept: the backup that was made of what was replaced.
        written: what had been written since the other one.
    """

    kept: str | None
    written: Written


def replace_rows(
    base: Session,
    backup: Backup,
    members: Sequence[Member],
    places: Mapping[str, str],
    *,
    lock_timeout: str,
    safety: Safety,
) -> Replaced:
    """Put rows in the place of those of now, in one transaction.

    Args:
        base: the database, which also has the schemas with the rows.
        backup: what the rows shall be like.
        members: the tables, and those below them.
        places: of each schema, the one that holds the rows.
        lock_timeout: how long a lock is waited for, as PostgreSQL reads it.
        safety: backs up what is replaced, while nobody can write to it.

    Raises:
        DecisionNeeded: the tables of now do not take the rows.
        NotProved: they are not what was backed up.
        Unavailable: a table stays locked, or a conversion runs.
    """
    with _refused_rows(), base.transaction():
        base.execute("SELECT set_config('lock_timeout', %s, true)", (lock_timeout,))
        share(base)
        for member in members:
            if not member.partition:
                _require_there(member, _live(base, members))
                with _waiting(_named(member), lock_timeout):
                    base.execute(
                        sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(
                            sql.Identifier(member.schema, member.name)
                        )
                    )
        # partitions too that came after the backup
        live = _live(base, members)
        whole = [(m, _require_there(m, live)) for m in members if not m.partition]
        relations = [m.oid for m in live.values()]
        written = written_since(base, backup, {*live, *_names(members)})
        # what is written between a backup and the lock would be in neither
        kept = safety([*live])
        _quieten(base)
        awake = base.execute(query("always"), {"relations": relations}).fetchall()
        for table, kind, name, _ in awake:
            with _waiting(table, lock_timeout):
                base.execute(_switched(table, "DISABLE", kind, name))
        for member, now in whole:
            with _waiting(_named(member), lock_timeout):
                _replace(base, member, now, places[member.schema])
        for table, kind, name, enabled in awake:
            way = "ENABLE ALWAYS" if enabled == "A" else "ENABLE REPLICA"
            base.execute(_switched(table, way, kind, name))
        for key in _foreign_keys(base, relations):
            with _waiting(key.partner, lock_timeout):
                _check_foreign_key(base, key)
        # a partition since split or detached is not what it was; their root is
        require_same(base, backup, _names([m for m in members if not m.partition]))
        drop_schemas(base, places)
    return Replaced(kept, written)


@contextmanager
def _waiting(table: str, lock_timeout: str) -> Iterator[None]:
    try:
        yield
    except psycopg.errors.LockNotAvailable as error:
        raise Unavailable(
            "TZ502",
            f"table {table} stayed locked for {lock_timeout}",
            detail="Another session has written to it, or reads it where a rule has to "
            "be kept from acting. Nothing was changed.",
            hint="Try again when it has ended, or wait longer: lock_timeout under "
            "[policy].",
        ) from error


def _named(member: Member) -> str:
    return readable_name(member.schema, member.name)


def _quieten(base: Session) -> None:
    base.execute("SET LOCAL session_replication_role = replica")


def _live(base: Session, members: Sequence[Member]) -> dict[tuple[str, str], Member]:
    return {(m.schema, m.name): m for m in read_members(base, members)}


def _names(members: Sequence[Member]) -> set[tuple[str, str]]:
    return {(m.schema, m.name) for m in members}


def _require_there(member: Member, live: Mapping[tuple[str, str], Member]) -> Member:
    if (member.schema, member.name) not in live:
        raise DecisionNeeded(
            "TZ354",
            f"table {readable_name(member.schema, member.name)} is not there any more",
            detail="Nothing was changed.",
            hint="Leave --in-place out, and move it from the schema beside: ALTER TABLE"
            " … SET SCHEMA.",
        )
    return live[member.schema, member.name]


def _parents(connection: Session, members: Sequence[Member]) -> set[tuple[str, str]]:
    """Return who inherits from whom, but for partitions."""
    rows = connection.execute(
        "SELECT i.inhrelid::regclass::text, i.inhparent::regclass::text"
        " FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid"
        " WHERE NOT c.relispartition AND i.inhparent::int8 = ANY (%s::int8[])",
        ([member.oid for member in members],),
    ).fetchall()
    return set(rows)


def _shape(connection: Session, relation: int) -> dict[str, str]:
    """Return the types of the columns that are written."""
    return dict(connection.execute(query("shape"), {"relation": relation}).fetchall())


@contextmanager
def _refused_rows() -> Iterator[None]:
    """Say what in the tables of now does not take rows of then."""
    try:
        yield
    except (
        psycopg.errors.IntegrityError,
        psycopg.errors.DataError,
        psycopg.errors.RaiseException,
        psycopg.errors.ObjectNotInPrerequisiteState,
    ) as error:
        said = error.diag.message_primary or str(error)
        more = error.diag.message_detail or error.diag.message_hint or ""
        raise DecisionNeeded(
            "TZ357",
            f"the tables of now do not take the rows of the backup: {said}",
            detail=f"{more} Nothing was changed.".strip(),
            hint="Leave --in-place out, and copy the rows from the schema beside in the"
            " way that fits.",
        ) from error


def _replace(base: Session, member: Member, now: Member, place: str) -> None:
    here = sql.Identifier(member.schema, member.name)
    copy = sql.Identifier(place, member.name)
    row: Any = base.execute(
        "SELECT %s::regclass::oid::int8", (copy.as_string(base),)
    ).fetchone()
    columns = _columns(member, _shape(base, row[0]), _shape(base, now.oid))
    only = sql.SQL("" if now.kind == "p" else "ONLY ")
    whole: Any = base.execute(
        sql.SQL("SELECT count(*) FROM {}{}").format(only, copy)
    ).fetchone()
    base.execute(sql.SQL("DELETE FROM {}{}").format(only, here))
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    into = sql.SQL("({}) OVERRIDING SYSTEM VALUE").format(names)
    written = base.execute(
        sql.SQL("INSERT INTO {} {} SELECT {} FROM {}{}").format(
            # a table may have no column to write to, and rows all the same
            *(here, into if columns else sql.SQL(""), names, only, copy)
        )
    ).rowcount
    if written != whole[0]:
        raise NotProved(
            "TZ447",
            f"{written:,} of {whole[0]:,} rows came into table {_named(member)}",
            detail="Nothing was changed.",
            hint="Leave --in-place out, and copy the rows from the schema beside.",
        )


def _switched(table: str, way: str, kind: str, name: str) -> bytes:
    """Write ``ALTER TABLE`` for a trigger or rule; the table is quoted already."""
    return f"ALTER TABLE {table} {way} {kind} {quote_identifier(name)}".encode()


def _columns(
    member: Member, then: Mapping[str, str], here: Mapping[str, str]
) -> list[str]:
    """Return the columns that are written.

    Raises:
        DecisionNeeded: one has another type now, or is gone.
    """
    name = readable_name(member.schema, member.name)
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
    for column in set(here) - set(then):
        raise DecisionNeeded(
            "TZ353",
            f"column {name}.{column} came after the backup, which has no values for it",
            detail="Nothing was changed.",
            hint="Leave --in-place out, and copy the rows from the schema beside, with "
            "the values that the column shall have.",
        )
    return list(then)


def _foreign_keys(base: Session, relations: Sequence[int]) -> list[ForeignKey]:
    rows = base.execute(query("foreign_keys"), {"relations": list(relations)})
    return [ForeignKey(*row) for row in rows.fetchall()]


def _check_foreign_key(base: Session, key: ForeignKey) -> None:
    """Look for rows without a partner, which then must not go before the commit.

    Rows are locked rather than their table: an application that has written to it may
    wait for a table that we have.
    """
    if key.refers:
        base.execute(key.holding.encode())
    found: Any = base.execute(key.lacking.encode()).fetchone()
    if found[0]:
        raise DecisionNeeded(
            "TZ355",
            f"{found[0]:,} rows of table {key.table} would be left without the row that"
            f" foreign key {key.name} names",
            detail="Nothing was changed.",
            hint="Restore the other table with it (--tables takes several), or "
            "delete those rows first.",
        )
