"""Read the ledger: what was done in this database, and against which baseline."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, LiteralString

import psycopg

from tzmigrate.errors import NotProved, Refused
from tzmigrate.inventory.settings import read_system_identifier
from tzmigrate.postgres.quoting import readable_name
from tzmigrate.verification.model import Baseline

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
    steps: dict[int, tuple[tuple[Any, ...], list[LedgerColumn]]] = {}
    with readable(connection.info.dbname):
        rows = connection.execute(query("steps")).fetchall()
    for found in rows:
        _, columns = steps.setdefault(found[0], (found, []))
        columns.append(
            LedgerColumn(
                position=found[13],
                schema=found[14],
                relation=found[15],
                column=found[16],
                type_before=found[17],
                type_after=found[18],
                zone=found[19],
                fingerprint=found[20],
                type_now=found[22],
                relation_oid=found[23],
                superseded=found[24],
                other=found[30] is False,
            )
        )
    return tuple(
        LedgerStep(
            id=s[0],
            step=s[1],
            direction=s[2],
            revision=s[3],
            rewrite=s[4],
            proof=s[5],
            key=tuple(s[6] or ()),
            masked=s[7],
            rows_total=s[8],
            horizon=s[9],
            transaction_ids=tuple(s[10]),
            file_kept=bool(s[11]),
            done_at=s[12],
            session_zone=s[21],
            columns=tuple(columns),
            file_same=bool(s[25]),
            key_gone=s[27],
            **_today(s, here),
        )
        for s, columns in steps.values()
    )


def _today(found: tuple[Any, ...], here: str | None) -> dict[str, Any]:
    """Say whether a step's transaction ids and names mean what they meant."""
    horizon, cluster, oid_now, oid = found[9], found[26], found[23], found[28]
    same_key, next_xid, same_database, leaves, called = found[29], *found[31:]
    same_table = oid is None or oid == oid_now
    # where the cluster's name may not be asked for, the other marks must do
    known = None not in (here, cluster)
    elsewhere = (
        here != cluster if known else not (same_database and same_table)
    ) or horizon > next_xid
    outlived = not elsewhere and next_xid - horizon >= _TRANSACTIONS
    doubt = ""
    if outlived:
        doubt = (
            "more than two billion transactions ran since, so nobody can tell who wrote"
            " what"
        )
    elif not elsewhere and not same_table:
        doubt = "another table has its name now"
    elif not elsewhere and not same_key:
        doubt = "the columns of its key have other names, types or labels now"
    return {
        "elsewhere": elsewhere,
        "outlived": outlived,
        "doubt": doubt,
        "leaves": tuple(leaves or ()),
        "called": None if same_table else called,
    }
