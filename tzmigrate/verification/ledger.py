"""Read the ledger: what was done in this database, and against which baseline."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, LiteralString

import psycopg
from psycopg.rows import namedtuple_row

from tzmigrate.errors import NotProved, Refused
from tzmigrate.inventory.settings import read_system_identifier
from tzmigrate.postgres.quoting import readable_name
from tzmigrate.verification.model import Baseline, Ground

_TRANSACTIONS = 2**31
"""So many back an ``xmin`` can be told from a later one (PostgreSQL docs, 24.1.5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerColumn:
    """One column of a finished step.

    Attributes:
        type_now: ``format_type`` today; ``None`` where the column is gone.
        relation_oid: the table's today; ``None`` where it is gone.
        fingerprint: of the whole column before the step, as text of a numeric;
            ``None`` where it was not read whole.
        superseded: a later step converted the column again, so this one says nothing
            of what stands there now.
        other: the column that has the name now is not the one that was converted.
        adopted: somebody converted it by hand, and this is what was known of that.
    """

    position: int
    schema: str
    relation: str
    column: str
    type_before: str
    type_after: str
    zone: str
    type_now: str | None
    fingerprint: str | None = None
    relation_oid: int | None = None
    superseded: bool = False
    other: bool = False
    adopted: Ground | None = None

    @property
    def drifted(self) -> bool:
        """The column is not what the ledger says it is."""
        return not self.superseded and self.type_now != self.type_after

    @property
    def label(self) -> str:
        """The column as SQL names it."""
        return readable_name(self.schema, self.relation, self.column)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerStep:
    """The newest finished run of one step.

    Attributes:
        direction: ``up`` or ``down``.
        key: how recorded rows are found again; ``("tableoid", "ctid")`` by place.
        horizon: 64-bit transaction id; older ones had ended when the step did.
        transaction_ids: the step's own.
        file_kept: no heap file changed while it ran.
        file_same: no heap file changed since.
        elsewhere: it ran in another cluster, from which this database was restored,
            so its transaction ids and files mean nothing here.
        key_gone: a column of the key that is not there any more under its name, or
            has a type whose values cannot be read.
        leaves: the relations that held the rows, by their oids.
        doubt: why rows that differ may be other rows, or written by nobody knows whom;
            empty where what differs and was not written since was there at the commit.
        outlived: so many transactions ran since that no id tells who wrote what.
        called: what the table is called today, where another one has its name or none.
        done_at: ISO 8601, UTC.
    """

    id: int
    step: str
    direction: str
    revision: str
    rewrite: bool
    proof: str
    key: tuple[str, ...]
    masked: bool
    rows_total: int | None
    horizon: int
    transaction_ids: tuple[int, ...]
    file_kept: bool
    done_at: str
    session_zone: str
    columns: tuple[LedgerColumn, ...]
    file_same: bool = False
    elsewhere: bool = False
    key_gone: str | None = None
    leaves: tuple[int, ...] = ()
    doubt: str = ""
    outlived: bool = False
    called: str | None = None

    @property
    def by_place(self) -> bool:
        """Rows without a key are found again by their place."""
        return self.key == ("tableoid", "ctid")

    @property
    def zoned(self) -> bool:
        """The step left zoned columns behind."""
        return self.direction == "up"


def query(name: str) -> LiteralString:
    """Return one of this room's ``.sql`` files."""
    path = files(__package__).joinpath(f"{name}.sql")
    # a file of ours, shipped with the code: as literal as if it stood here
    return path.read_text("utf-8")


@contextmanager
def readable(database: str) -> Iterator[None]:
    """Call the ledger damaged where the server can make nothing of what it holds."""
    try:
        yield
    except (
        psycopg.errors.DataError,
        psycopg.errors.UndefinedColumn,
        psycopg.errors.UndefinedFunction,
        psycopg.errors.UndefinedTable,
        psycopg.errors.DatatypeMismatch,
        psycopg.errors.WrongObjectType,
    ) as error:
        raise NotProved(
            "TZ414",
            f"the ledger of database {database} is damaged",
            detail=error.diag.message_primary or "",
            hint="Restore the schema tzmigrate from a backup of this database; where "
            "it names a time zone that the server lacks, update the server's time "
            "zone data.",
        ) from error


def read_baselines(
    connection: psycopg.Connection[Any], steps: Iterable[LedgerStep]
) -> dict[int, Baseline]:
    """Return what each step recorded, with a digest of it, by the step's id."""
    by_id = {step.id: step for step in steps}
    rows = connection.execute(query("baselines"), {"steps": list(by_id)}).fetchall()
    return {
        found[0]: Baseline(
            step=step.step,
            schema=step.columns[0].schema,
            relation=step.columns[0].relation,
            direction=step.direction,
            revision=step.revision,
            recorded_at=step.done_at,
            recorded_by=found[1],
            version=found[2],
            system_identifier=found[3],
            transaction_ids=step.transaction_ids,
            rows=step.rows_total,
            rows_recorded=found[4],
            sha256=found[5],
        )
        for found in rows
        if (step := by_id[found[0]])
    }


def read_rewriting(connection: psycopg.Connection[Any]) -> tuple[int, ...] | None:
    """Return the 64-bit ids of the transactions in which steps rewrote their tables.

    Returns:
        ``None`` where the ledger is not ours to believe, or is damaged.
    """
    row = connection.execute(query("trust")).fetchone()
    if row is None or row[0] is None:
        return ()
    if row[0] > 0:
        return None
    try:
        with connection.transaction(), readable(connection.info.dbname):
            found: Any = connection.execute(
                "SELECT coalesce(array_agg(DISTINCT x), '{}') FROM tzmigrate.step AS s,"
                " unnest(s.transaction_ids) AS x WHERE s.rewrite"
            ).fetchone()
    except NotProved:
        return None
    return tuple(found[0])


def read_ledger(connection: psycopg.Connection[Any]) -> tuple[LedgerStep, ...] | None:
    """Return the finished steps in the order of their runs; ``None`` without ledger.

    Raises:
        NotProved: the ledger is damaged.
        Refused: the ledger belongs to another role, or others could put code into it.
    """
    row = connection.execute(query("trust")).fetchone()
    if row is None or row[0] is None:
        return None
    if row[0] > 0:
        raise Refused(
            "TZ640",
            f"schema tzmigrate in database {connection.info.dbname} does not belong "
            f"to role {connection.info.user}",
            detail="A ledger of somebody else is not believed, and not even read.",
            hint="Connect as the role that owns schema tzmigrate.",
        )
    here = read_system_identifier(connection)
    steps: dict[int, tuple[Any, list[LedgerColumn]]] = {}
    with (
        readable(connection.info.dbname),
        connection.cursor(row_factory=namedtuple_row) as cursor,
    ):
        rows: list[Any] = cursor.execute(query("steps")).fetchall()
    for c in rows:
        _, columns = steps.setdefault(c.id, (c, []))
        columns.append(
            LedgerColumn(
                position=c.position,
                schema=c.relation_schema,
                relation=c.relation_name,
                column=c.column_name,
                type_before=c.type_before,
                type_after=c.type_after,
                zone=c.zone,
                fingerprint=c.fingerprint,
                type_now=c.type_now,
                relation_oid=c.relation_oid_now,
                superseded=c.superseded,
                other=c.same_column is False,
                adopted=None if c.adopted is None else Ground(c.adopted),
            )
        )
    return tuple(
        LedgerStep(
            id=s.id,
            step=s.step,
            direction=s.direction,
            revision=s.revision,
            rewrite=s.rewrite,
            proof=s.proof,
            key=tuple(s.key or ()),
            masked=s.masked,
            rows_total=s.rows_total,
            horizon=s.horizon,
            transaction_ids=tuple(s.transaction_ids),
            file_kept=bool(s.file_kept),
            file_same=bool(s.file_same),
            done_at=s.done_at,
            session_zone=s.session_zone,
            key_gone=s.key_gone,
            leaves=tuple(s.leaves or ()),
            columns=tuple(columns),
            **_today(s, here),
        )
        for s, columns in steps.values()
    )


def _today(step: Any, here: str | None) -> dict[str, Any]:
    """Say what the transaction ids and names of a row of steps.sql mean today."""
    same_table = step.relation_oid in {None, step.relation_oid_now}
    # where the cluster's name may not be asked for, the other marks must do
    known = None not in (here, step.system_identifier)
    elsewhere = (
        here != step.system_identifier
        if known
        else not (step.same_database and same_table)
    ) or step.horizon > step.next_xid
    outlived = not elsewhere and step.next_xid - step.horizon >= _TRANSACTIONS
    doubt = ""
    if outlived:
        doubt = (
            "more than two billion transactions ran since, so nobody can tell who wrote"
            " what"
        )
    elif not elsewhere and not same_table:
        doubt = "another table has its name now"
    elif not elsewhere and not step.same_key:
        doubt = "the columns of its key have other names, types or labels now"
    return {
        "elsewhere": elsewhere,
        "outlived": outlived,
        "doubt": doubt,
        "called": None if same_table else step.called,
    }
