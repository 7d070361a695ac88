"""Write steps into the ledger that somebody else made by hand."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Any, LiteralString

from psycopg import sql

from tzmigrate.errors import DecisionNeeded
from tzmigrate.execution.adopting import Adoptee, Chooser, Handmade
from tzmigrate.inventory.model import Finding, Severity
from tzmigrate.postgres.errors import translated
from tzmigrate.postgres.quoting import readable_identifier
from tzmigrate.postgres.session import PINNED, Session, closed_if_busy
from tzmigrate.revisions import support
from tzmigrate.revisions.ours import OurRevision
from tzmigrate.revisions.render import SAMPLE_ROWS
from tzmigrate.verification.ledger import read_ledger
from tzmigrate.verification.surroundings import look_around
from tzmigrate.verification.weighing import Assessment

_TOLD = frozenset(("TZ421", "TZ422", "TZ423"))
"""What conversions by hand leave: invalid indexes, naive defaults, no statistics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Writes steps into the ledger, by the support's own functions.

    Attributes:
        chooser: chose the steps.
        assessments: by schema, relation and column.
        lock_timeout: as PostgreSQL reads it.
        proof: ``full`` to read whole columns, or ``sample``.
    """

    session: Session
    chooser: Chooser
    assessments: Mapping[tuple[str, str, str], Assessment]
    lock_timeout: str
    proof: str

    def record(
        self, adoptees: tuple[Adoptee, ...], asked: Iterable[str]
    ) -> tuple[Finding, ...]:
        """Record all steps in one transaction; return what they leave to settle."""
        session = self.session
        with translated(), session.transaction(), closed_if_busy(session):
            ledger = read_ledger(session)
            if ledger is None:
                for statement in support.install():
                    session.execute(statement.encode())
            # who reads goes on; who writes waits until the baseline is taken
            session.execute(
                "SELECT set_config('lock_timeout', %s, true)", (self.lock_timeout,)
            )
            for found in sorted(
                {c.found.name[:2] for adoptee in adoptees for c in adoptee.columns}
            ):
                session.execute(
                    sql.SQL("LOCK TABLE {} IN SHARE ROW EXCLUSIVE MODE").format(
                        sql.Identifier(*found)
                    )
                )
            chooser = replace(self.chooser, ledger=ledger or ())
            if chooser.choose(asked) != adoptees:
                raise _changed()
            findings = [f for adoptee in adoptees for f in self._step(adoptee)]
            known = {step.id for step in ledger or ()}
            steps = [s for s in read_ledger(session) or () if s.id not in known]
            around = look_around(session, steps)
        return (*findings, *(f for f in around if f.code in _TOLD))

    def _step(self, adoptee: Adoptee) -> tuple[Finding, ...]:
        """Record one step; return what reads otherwise than its revision says."""
        revision = adoptee.revision
        if adoptee.tenant is not None:
            # as env.py says for whom it works
            self._set_path(readable_identifier(adoptee.tenant))
        self.session.execute(support.guard().encode())
        self.session.execute(
            "SELECT tzmigrate.begin_step(step => %s, direction => 'up',"
            " revision => %s, after => NULL, zone => %s, lock_timeout => %s,"
            # as PostgreSQL converts by itself
            " gap => 'shift', overlap => 'later', server_major => %s, support => %s,"
            " unqualified => %s)",
            (
                adoptee.step,
                "" if revision is None else revision.revision,
                adoptee.session_zone,
                self.lock_timeout,
                adoptee.server_major,
                support.VERSION,
                adoptee.tenant is not None,
            ),
        )
        parts = {
            self._part(table, columns): table
            for table, columns in adoptee.tables.items()
        }
        self.session.execute(_file("adopted_zoned"))
        for statement in adoptee.declared:
            self.session.execute(statement.encode())
        for table, columns in adoptee.tables.items():
            self.session.execute(
                "SELECT tzmigrate.choose_sample(relation => %s, key => %s, rows => %s,"
                " proof => %s, rewrite => false)",
                (table, list(columns[0].found.key), SAMPLE_ROWS, self.proof),
            )
        self.session.execute(_file("adopted_baseline"))
        for part, table in parts.items():
            # of a table without rows nothing is there to record
            self.session.execute(
                sql.SQL(
                    "UPDATE tzmigrate.step SET rows_total = 0"
                    " WHERE id = {} AND NOT EXISTS (SELECT FROM {})"
                ).format(
                    sql.Literal(part),
                    sql.Identifier(*adoptee.tables[table][0].found.name[:2]),
                )
            )
        if revision is not None:
            # the step before it need not be done, as it has to be for an upgrade
            self.session.execute(
                "UPDATE tzmigrate.step SET predecessor = %s"
                " || coalesce('@' || tenant, '') WHERE id = ANY (%s)",
                (revision.predecessor, list(parts)),
            )
        things = self.session.execute(_file("adopted_otherwise")).fetchall()
        self.session.execute(_file("adopted_done"))
        self._set_path(PINNED["search_path"])
        # only a revision says how they should read
        return tuple(_otherwise(thing, revision) for (thing,) in things if revision)

    def _set_path(self, path: str) -> None:
        self.session.execute("SELECT set_config('search_path', %s, true)", (path,))

    def _part(self, table: str, columns: Iterable[Handmade]) -> int:
        """Add a table to the open step; return its id in the ledger."""
        members = list(columns)
        row: Any = self.session.execute(
            _file("adopted_columns"),
            {
                "relation": table,
                "names": [c.found.column for c in members],
                "before": [c.type_before for c in members],
                "after": [c.type_after for c in members],
                "zones": [c.zone for c in members],
                "grounds": [
                    self.assessments[c.found.name].ground.value for c in members
                ],
            },
        ).fetchone()
        return int(row[0])


def _file(name: str) -> LiteralString:
    """Return one of this room's ``.sql`` files."""
    # a file of ours, shipped with the code: as literal as if it stood here
    return files(__package__).joinpath(f"{name}.sql").read_text("utf-8")


def _otherwise(thing: str, revision: OurRevision) -> Finding:
    return Finding(
        code="TZ417",
        severity=Severity.WARNING,
        message=f"{thing} reads otherwise than revision {revision.revision} would have"
        " left it",
        hint="It may mean something else since the column is zoned: compare it with the"
        f" upgrade in {revision.path.name}. The way back makes it what it was when it"
        " was planned.",
    )


def _changed() -> DecisionNeeded:
    return DecisionNeeded(
        "TZ345",
        "a column that is adopted was changed meanwhile",
        detail="Nothing was recorded.",
        hint="Run the same command again.",
    )
