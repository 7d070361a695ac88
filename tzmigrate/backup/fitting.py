"""Whether rows of then fit into the tables of now, asked before anything is done."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from tzmigrate.backup.choosing import Member, read_members
from tzmigrate.backup.model import TableState
from tzmigrate.backup.state import query
from tzmigrate.errors import DecisionNeeded, Refused
from tzmigrate.postgres.quoting import (
    quote_identifier,
    readable_identifier,
    readable_name,
)
from tzmigrate.postgres.session import Session

AWAKE = frozenset({"A", "R"})
"""How triggers are enabled that ``session_replication_role`` keeps from nothing."""
_NOT_TO_REINDEX = """
SELECT k.conrelid::regclass::text, current_user::text
FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid
WHERE k.conrelid::int8 = ANY (%(relations)s::int8[])
  AND k.condeferrable AND k.contype IN ('p', 'u', 'x')
  AND NOT CASE WHEN current_setting('server_version_num')::int4 >= 170000
               THEN has_table_privilege(c.oid, 'MAINTAIN')
               ELSE pg_has_role(c.relowner, 'USAGE') END
ORDER BY 1 LIMIT 1
"""
_KINDS = {"r": "a plain table", "p": "a partitioned one"}


class ForeignKey(NamedTuple):
    """A foreign key on either side (foreign_keys.sql); names are quoted.

    Attributes:
        table: the one that refers.
        partner: the one that is referred to.
        refers: rows that are replaced refer to rows that are not.
        lacking: counts the rows of ``table`` that have no partner, by a hash of
            their key.
        holding: keeps their partners from going.
        valid: all rows have one; else some may lack it already.
    """

    name: str
    table: str
    partner: str
    refers: bool
    lacking: str
    holding: str
    valid: bool

    @property
    def identity(self) -> tuple[str, str]:
        """What names it in its database."""
        return self.table, self.name


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
            quieten(base)
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
    for table, kind, name, enabled in base.execute(
        query("always"), {"relations": relations}
    ).fetchall():
        if enabled not in AWAKE:
            continue
        if kind == "KEY":
            raise DecisionNeeded(
                "TZ357",
                f"trigger {readable_identifier(name)} of table {table} is set to "
                "ENABLE ALWAYS or REPLICA, so its foreign key would act",
                detail="It would change or delete rows that nobody spoke of. Nothing "
                "was changed.",
                hint=f"ALTER TABLE {table} ENABLE TRIGGER "
                f"{quote_identifier(name)}, or leave --in-place out, and copy the rows "
                "from the schema beside.",
            )
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
    keys = read_foreign_keys(base, [member.oid for member in live])
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
    row = base.execute(
        _NOT_TO_REINDEX, {"relations": [member.oid for member in live]}
    ).fetchone()
    if row is not None:
        raise Refused(
            "TZ691",
            f"role {readable_identifier(row[1])} may not REINDEX table {row[0]}",
            detail="It has a deferrable key, which is checked by building its index "
            "anew. Nothing was changed.",
            hint="Connect as the table's owner or a superuser (17 and newer: GRANT "
            "MAINTAIN), or leave --in-place out.",
        )


def require_names(
    scratch: Session, members: Sequence[Member], *, in_place: bool, objects: bool
) -> None:
    """See that no value names by its number what does not come with the tables.

    Tables are carried under other names, and the numbers of relations and their types
    would be of the copies; large objects belong to no table. In place no table takes
    rows of a copy's row type either.

    Args:
        scratch: the database that has the tables.
        members: the tables.
        in_place: they take the place of those of now.
        objects: there are large objects.

    Raises:
        Refused: names the column.
    """
    found = scratch.execute(
        query("numbered"),
        {
            "relations": [m.oid for m in members],
            "rows": in_place,
            "objects": objects,
        },
    ).fetchone()
    if found is not None:
        raise Refused(
            "TZ679",
            f"column {found[0]} holds {found[1]}, which cannot be restored by itself",
            detail=(
                "There are large objects, which its values may name, and which do not "
                "come with a table."
                if found[1] == "oid"
                else "Tables are carried under other names, and its values would be of "
                "the copies."
            )
            + " Nothing was changed.",
            hint="Restore the whole backup into a database beside (tzmigrate restore "
            "without --tables), and copy the rows from there.",
        )


def require_types(base: Session, scratch: Session, members: Sequence[Member]) -> None:
    """See that types of one name are the same, since values go from one to the other.

    Args:
        base: the database of now.
        scratch: the one that the backup was restored into.
        members: tables of the latter.

    Raises:
        DecisionNeeded: names a type.
    """
    then: dict[str, str] = dict(
        scratch.execute(
            query("types"), {"relations": [m.oid for m in members], "names": []}
        ).fetchall()
    )
    now: dict[str, str] = dict(
        base.execute(query("types"), {"relations": [], "names": list(then)}).fetchall()
    )
    for name in sorted(set(then) & set(now)):
        if then[name] != now[name]:
            raise DecisionNeeded(
                "TZ353",
                f"type {name} was {then[name]} when the backup was made, and is "
                f"{now[name]} now",
                detail="Values would change on their way. Nothing was changed.",
                hint="Restore the whole backup into a database beside (tzmigrate "
                "restore without --tables), and copy the rows from there.",
            )


def require_fitting(
    base: Session,
    scratch: Session,
    members: Sequence[Member],
    chosen: Collection[tuple[str, str]],
) -> None:
    """See that the tables of now have the columns that the rows of then need.

    Args:
        base: the database of now.
        scratch: the one that the backup was restored into.
        members: tables of the latter.
        chosen: schema and name of those that were asked for.

    Raises:
        DecisionNeeded: names what is missing, or of another type.
    """
    live = read_live(base, members)
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
    require_near(base, live)
    for member in members:
        now = live.get((member.schema, member.name))
        moved = now is not None and now.partition != member.partition
        if moved and (not member.partition or (member.schema, member.name) in chosen):
            raise DecisionNeeded(
                "TZ358",
                f"table {named(member)} was {'' if member.partition else 'no '}"
                "partition of what is restored with it when the backup was made, and "
                f"is {'none' if member.partition else 'one'} now",
                detail="Nothing was changed.",
                hint="Leave --in-place out, and copy the rows from the schema beside.",
            )
        if not member.partition:
            now = require_there(member, live)
            if now.kind != member.kind:
                raise DecisionNeeded(
                    "TZ358",
                    f"table {named(member)} is {_KINDS[now.kind]}, and was "
                    f"{_KINDS[member.kind]} when the backup was made",
                    detail="Nothing was changed.",
                    hint="Leave --in-place out, and copy the rows from the schema "
                    "beside.",
                )
            fitting_columns(
                member, read_shape(scratch, member.oid), read_shape(base, now.oid)
            )


def require_near(base: Session, live: Mapping[tuple[str, str], Member]) -> None:
    """See that no foreign table stands below some tables of now.

    Raises:
        DecisionNeeded: names it.
    """
    far: Any = base.execute(
        "WITH RECURSIVE tree (oid) AS (SELECT unnest(%s::int8[])::oid UNION"
        " SELECT i.inhrelid FROM tree JOIN pg_inherits AS i ON i.inhparent = tree.oid)"
        " SELECT c.oid::regclass::text FROM tree JOIN pg_class AS c USING (oid)"
        " WHERE c.relkind = 'f' LIMIT 1",
        ([member.oid for member in live.values()],),
    ).fetchone()
    if far is not None:
        raise DecisionNeeded(
            "TZ358",
            f"{far[0]} is a foreign table, whose rows are in no backup",
            detail="They would be deleted with those of the tables above it. Nothing "
            "was changed.",
            hint="Leave --in-place out, and copy the rows from the schema beside.",
        )


def named(member: Member) -> str:
    """Write a table's name for people."""
    return readable_name(member.schema, member.name)


def quieten(base: Session) -> None:
    """Keep triggers and foreign keys from acting until the end of the transaction."""
    base.execute("SET LOCAL session_replication_role = replica")


def read_live(
    base: Session, members: Sequence[Member]
) -> dict[tuple[str, str], Member]:
    """Return the tables of now below some of then, by schema and name."""
    return {(m.schema, m.name): m for m in read_members(base, members)}


def require_there(member: Member, live: Mapping[tuple[str, str], Member]) -> Member:
    """Return a table of now.

    Raises:
        DecisionNeeded: it is gone.
    """
    if (member.schema, member.name) not in live:
        raise gone(member)
    return live[member.schema, member.name]


def gone(member: Member) -> DecisionNeeded:
    """Build the error for a table that is not there."""
    return DecisionNeeded(
        "TZ354",
        f"table {readable_name(member.schema, member.name)} is not there any more",
        detail="Nothing was changed.",
        hint="Leave --in-place out for its rows alone; with its indexes, keys, grants "
        "and sequences it stands in a whole restore beside (tzmigrate restore without "
        "--tables).",
    )


def _parents(connection: Session, members: Sequence[Member]) -> set[tuple[str, str]]:
    """Return who inherits from whom, but for partitions."""
    rows = connection.execute(
        "SELECT i.inhrelid::regclass::text, i.inhparent::regclass::text"
        " FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid"
        " WHERE NOT c.relispartition AND i.inhparent::int8 = ANY (%s::int8[])",
        ([member.oid for member in members],),
    ).fetchall()
    return set(rows)


def read_shape(connection: Session, relation: int) -> dict[str, str]:
    """Return the types of the columns that are written."""
    return dict(connection.execute(query("shape"), {"relation": relation}).fetchall())


def fitting_columns(
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


def read_foreign_keys(base: Session, relations: Sequence[int]) -> list[ForeignKey]:
    """Return the foreign keys that touch some tables."""
    rows = base.execute(query("foreign_keys"), {"relations": list(relations)})
    return [ForeignKey(*row) for row in rows.fetchall()]
