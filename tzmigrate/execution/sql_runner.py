"""Run single SQL scripts, each in one transaction, as ``psql -1`` would."""

from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

import psycopg
from psycopg import IsolationLevel

from tzmigrate.errors import Refused
from tzmigrate.execution.model import Identity, Tenant
from tzmigrate.execution.version_table import first_schema
from tzmigrate.execution.words import SCRIPTS
from tzmigrate.inventory.settings import read_system_identifier
from tzmigrate.postgres.errors import from_psycopg, translated
from tzmigrate.postgres.quoting import readable_identifier
from tzmigrate.postgres.session import Session, closed_if_busy, connect
from tzmigrate.postgres.url import Target
from tzmigrate.revisions.ours import Kind, OurRevision
from tzmigrate.revisions.render import Statement
from tzmigrate.revisions.script_store import ScriptStore
from tzmigrate.verification.ledger import LedgerStep, read_ledger


class SqlMigrations:
    """Runs the scripts of a directory; the ledger says which ones are applied.

    Args:
        store: the scripts.
        target: the database.
    """

    def __init__(self, store: ScriptStore, target: Target) -> None:
        self._store = store
        self._target = target

    def identify(self) -> Identity:
        """Find out which database it is, and the newest script that is applied there.

        Raises:
            Refused: it is no PostgreSQL database that can be used.
            Unavailable: the server cannot be reached.
        """
        scripts = self._store.read().ours()
        with connect(self._target) as session, translated():
            with session.transaction():
                ledger = read_ledger(session)
                row = session.execute(
                    "SELECT d.datname::text, d.oid::bigint, current_user::text"
                    " FROM pg_catalog.pg_database AS d"
                    " WHERE d.datname = current_database()"
                ).fetchone()
            name, oid, role = row or ("", 0, "")
            return Identity(
                system_identifier=read_system_identifier(session),
                database=name,
                database_oid=oid,
                role=role,
                server_version=session.info.server_version,
                tenants=tuple(
                    Tenant(schema=schema, heads=heads(scripts, ledger, schema))
                    for schema in _schemas(session, scripts, ledger or ())
                ),
                version_table="tzmigrate.step",
                version_table_schema=None,
                driver="psycopg",
                time_zone=session.zone.zone,
                isolation="read committed",
                transactional=True,
                words=SCRIPTS,
            )

    def upgrade(self, revision: str) -> None:
        """Run a script's way up, for each tenant that lacks it.

        Raises:
            TzmigrateError: what the script or the server said.
        """
        script = self._store.stored[revision]
        for schema in self._lacking(revision, up=True):
            self._run(script.files[0], script.up, schema)

    def downgrade(self, revision: str) -> None:
        """Run a script's way down, for each tenant that has it.

        Args:
            revision: ``ABOVE@BELOW``, or ``base`` for the first script.

        Raises:
            TzmigrateError: what the script or the server said.
        """
        above, _, _ = revision.partition("@")
        scripts = self._store.stored
        revision = next(iter(scripts)) if above == "base" else above
        for schema in self._lacking(revision, up=False):
            self._run(scripts[revision].files[-1], scripts[revision].down, schema)

    def _lacking(self, revision: str, *, up: bool) -> tuple[str | None, ...]:
        """Return the schemas for which a script is still to run.

        ``None`` stands for that of the session: names have their schema.
        """
        script = next(s for s in self._store.read().ours() if s.revision == revision)
        if script.unqualified is None:
            return (None,)
        with connect(self._target) as session, translated():
            with session.transaction():
                ledger = read_ledger(session) or ()
            zoned = {step.step for step in ledger if step.zoned}
            wanted = up is (script.inverts is None)
            return tuple(
                schema
                for schema in _schemas(session, (script,), ledger)
                if (script.recorded_as(schema) in zoned) is not wanted
            )

    def _run(
        self, path: Path, statements: Sequence[Statement], schema: str | None
    ) -> None:
        with connect(self._target, autocommit=True) as session:
            try:
                # as any client of the team's has it: the script pins what it needs
                session.execute("RESET ALL")
                if schema is not None:
                    session.execute(
                        "SELECT pg_catalog.set_config('search_path', %s, false)",
                        (readable_identifier(schema),),
                    )
                session.isolation_level = IsolationLevel.READ_COMMITTED
                with session.transaction(), closed_if_busy(session):
                    for statement in statements:
                        session.execute(statement.sql.encode())
            except psycopg.Error as error:
                diag = error.diag
                raise from_psycopg(error) or Refused(
                    "TZ665",
                    f"{path} failed: {diag.message_primary or error}",
                    detail=diag.message_detail or "",
                    hint=diag.message_hint
                    or "Correct it, then run the same command again.",
                    sqlstate=diag.sqlstate,
                ) from error


def _schemas(
    session: Session, scripts: Sequence[OurRevision], ledger: Sequence[LedgerStep]
) -> tuple[str | None, ...]:
    """Return the schemas for which scripts run that leave it out of names.

    That of the session where it has one of their tables, else the one that was planned
    on; and those that are converted.
    """
    here = first_schema(session)
    tenants = [script for script in scripts if script.unqualified is not None]
    if not tenants:
        return (here,)
    row = session.execute(
        "SELECT count(*) > 0 FROM pg_catalog.pg_class AS c"
        " JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relname = ANY (%s)",
        (here, [name for script in tenants for _, name in script.relations]),
    ).fetchone()
    first = here if row and row[0] else tenants[0].unqualified
    ours = {script.inverts or script.step for script in tenants}
    # a slug holds no @
    named = (step.step.partition("@") for step in ledger if step.zoned)
    converted = sorted(schema for step, at, schema in named if at and step in ours)
    return tuple(dict.fromkeys((first, *converted)))


def heads(
    scripts: Sequence[OurRevision],
    ledger: Sequence[LedgerStep] | None,
    schema: str | None,
) -> tuple[str, ...]:
    """Return the newest script that is applied, and done steps that no script has.

    A step is known by its name and revision: another plan may give the same names. One
    that is taken back by a later script is naive, and both of them are applied.

    Args:
        scripts: in the order in which they run.
        ledger: the newest finished run of each step; ``None`` where there is none.
        schema: of the tenant; the steps of others are of no account.
    """
    ledger = ledger and [s for s in ledger if s.step.partition("@")[2] in {"", schema}]
    newest = {(step.step, step.revision): step for step in ledger or ()}
    taken_back = {script.inverts for script in scripts}
    groups = {s.step: s for s in scripts if s.kind is Kind.GROUP}

    def applied(script: OurRevision) -> bool:
        if script.kind is Kind.SUPPORT:
            return ledger is not None
        inverts = script.inverts
        group = groups.get(inverts) if inverts else script
        found = newest.get(_key(group, schema)) if group else None
        if found is None:
            return False
        if inverts:
            return not found.zoned
        return found.zoned or script.step in taken_back

    # one above a gap was adopted: those before it are to run, and it passes over
    here = [script.revision for script in takewhile(applied, scripts)]
    known = {_key(group, schema) for group in groups.values()}
    # what was adopted without a script has no revision
    unknown = [
        r for (step, r), s in newest.items() if s.zoned and r and (step, r) not in known
    ]
    return (*here[-1:], *dict.fromkeys(unknown))


def _key(script: OurRevision, schema: str | None) -> tuple[str, str]:
    return script.recorded_as(schema), script.revision
