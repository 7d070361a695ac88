"""Record columns that somebody converted by hand, after a look at what that left."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from tzmigrate.config import Config
from tzmigrate.config.model import ProofLevel
from tzmigrate.errors import NotProved, UsageError
from tzmigrate.execution.adopting import Adoptee, Chooser, Handmade, candidates_of
from tzmigrate.execution.model import AdoptedColumn, Adoption, Migrations
from tzmigrate.execution.preflight import preflight
from tzmigrate.execution.recording import Recording
from tzmigrate.execution.runner import Confirm, Progress, one_run, patiently
from tzmigrate.execution.words import counted
from tzmigrate.inventory.model import Finding, Severity, ZoneSetting
from tzmigrate.inventory.settings import read_zone_settings
from tzmigrate.planning.survey import checked_zones
from tzmigrate.postgres.quoting import readable_identifier, readable_name
from tzmigrate.postgres.session import Session, read_only, require_writable
from tzmigrate.revisions.store import RevisionStore
from tzmigrate.verification.adopted import unproved_adoption
from tzmigrate.verification.beside import PAIR
from tzmigrate.verification.handmade import compare_old, find_column, look
from tzmigrate.verification.ledger import read_ledger
from tzmigrate.verification.model import Ground
from tzmigrate.verification.weighing import Assessment

REFUTED = "TZ416"
"""The data speaks against the declared zone."""

_FAR_APART = ("Etc/GMT+12", "Etc/GMT-14")
"""Zones in which no wall clock stands for one instant."""

Names = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be adopted, as it was asked for.

    Attributes:
        columns: ``schema.table.column``, as SQL writes names.
        old_columns: ``schema.table.column=old``.
        converted_at: when, as PostgreSQL reads an instant.
    """

    columns: tuple[str, ...]
    old_columns: tuple[str, ...] = ()
    converted_at: str | None = None


def adopt(
    session: Session,
    config: Config,
    store: RevisionStore | None,
    migrations: Migrations | None,
    *,
    asked: Asked,
    accept: Collection[str],
    confirm: Confirm,
    progress: Progress,
    dry_run: bool = False,
) -> Adoption:
    """Look at conversions by hand, and write them down where nothing refutes them.

    Args:
        session: of the database.
        config: zones and policy.
        store: the planned revisions; ``None`` where there are none.
        migrations: runs them; ``None`` without a project.
        asked: which columns.
        accept: codes of findings that shall not stop.
        confirm: asked before anything is written.
        progress: told what happens.
        dry_run: look, and write nothing.

    Raises:
        NotProved: the data speaks against a declared zone.
        DecisionNeeded: a zone is open, only a part of a step was converted, or a
            column changed meanwhile.
        UsageError: a name stands for no column that can be adopted.
        Refused: the set-up is unsafe, or the role does not own a table.
        Unavailable: a lock was not obtained, or another run is on.
    """
    tenants: frozenset[str] = frozenset()
    if migrations is not None:
        identity = preflight(session, migrations)
        tenants = frozenset(t.schema for t in identity.tenants if t.schema is not None)
    else:
        require_writable(session)
    with read_only(session):
        config = checked_zones(session, config)
        ledger = read_ledger(session)
        chooser = Chooser(session, config, store, ledger or (), tenants)
        adoptees = chooser.choose(asked.columns)
        assessments = _assessments(session, config, adoptees, asked)
        database = session.info.dbname
    findings = tuple(_findings(adoptees, assessments, accept))
    adoption = Adoption(
        database=database,
        columns=tuple(
            _column(adoptee, handmade, assessments[handmade.found.name])
            for adoptee in adoptees
            for handmade in adoptee.columns
        ),
        findings=findings,
        dry_run=dry_run,
    )
    if dry_run:
        return adoption
    columns = counted(len(adoption.columns), "column")
    stand = "it stands" if len(adoption.columns) == 1 else "they stand"
    lines = [
        f"Database {database}: {columns}, converted by hand, will be recorded as "
        f"{stand}; no row and no column is changed.",
        *map(_described, adoption.columns),
    ]
    if store is None:
        lines.append(
            "  There is no Alembic project here, so no revision is looked for."
        )
    if ledger is None:
        lines.append("  The ledger and the support are installed, in schema tzmigrate.")
    if not confirm(tuple(lines)):
        return adoption
    whole = config.policy.proof in {ProofLevel.AUTO, ProofLevel.FULL}
    recording = Recording(
        session=session,
        chooser=chooser,
        assessments=assessments,
        lock_timeout=config.policy.lock_timeout,
        proof="full" if whole else "sample",
    )
    found: list[Finding] = []

    def record() -> None:
        found[:] = recording.record(adoptees, asked.columns)

    with one_run(session):
        patiently(record, "adopt", progress)
    return replace(
        adoption,
        recorded=True,
        findings=(*findings, *found),
        notes=tuple(_next(adoptees)),
    )


def _assessments(
    session: Session, config: Config, adoptees: Iterable[Adoptee], asked: Asked
) -> dict[Names, Assessment]:
    """Look at every column; by schema, relation and column."""
    columns = [handmade for adoptee in adoptees for handmade in adoptee.columns]
    beside = _old_columns(session, columns, asked.old_columns)
    converted_at = _instant(session, asked.converted_at)
    settings = read_zone_settings(
        session,
        {c.found.oid for c in columns},
        server_zone=(session.zone.zone, session.zone.source),
    )
    candidates = candidates_of(
        {s.zone: _called(s, session.info.dbname) for s in settings if s.zone}, config
    )
    found = {}
    for c in columns:
        old = beside.get(c.found.name)
        if old is not None:
            found[c.found.name] = compare_old(session, c.found, c.zone, old)
        elif c.found.one_moment:
            found[c.found.name] = look(
                session,
                c.found,
                c.zone,
                candidates=candidates,
                converted_at=converted_at,
                skip=[o.found.column for o in columns if o.found.oid == c.found.oid],
            )
        else:
            why = f"nothing is looked for in values of type {c.found.type}"
            found[c.found.name] = Assessment(ground=Ground.UNPROVED, why=why)
    return found


def _old_columns(
    session: Session, columns: Iterable[Handmade], asked: Iterable[str]
) -> dict[Names, str]:
    """Find what ``schema.table.column=old`` names."""
    known = {c.found.name: c for c in columns}
    found: dict[Names, str] = {}
    for text in asked:
        pair = PAIR.fullmatch(text)
        if pair is None:
            raise _no_old(f"{text!r} has not the form schema.table.column=old")
        there = find_column(session, pair[1])
        column = known.get(there.name) if there is not None else None
        if column is None:
            raise _no_old(f"no column that is adopted is called {pair[1]}")
        if not column.found.one_moment:
            raise _no_old(
                f"{column.found.label} is {column.found.type}, which is compared once "
                "it is recorded: tzmigrate verify --old-column"
            )
        found[column.found.name] = _old(session, column, pair[2])
    return found


def _old(session: Session, column: Handmade, old: str) -> str:
    """Return the name of the old column, as it was written or as SQL reads it."""
    types = column.found.types
    beside = find_column(session, f"{column.found.table}.{old}")
    name = old if old in types or beside is None else beside.column
    if types.get(name) == column.found.naive_type:
        return name
    stands = f"it is {types[name]}" if name in types else "there is no such column"
    raise _no_old(
        f"the old column of {column.found.label} must be {column.found.naive_type} and "
        f"stand in the same table; of {old}, {stands}"
    )


def _instant(session: Session, text: str | None) -> str | None:
    """Return an instant as the server prints it."""
    if text is None:
        return None
    found: list[Any] = []
    try:
        # the settings end with it
        with session.transaction(force_rollback=True):
            for zone in _FAR_APART:
                session.execute("SELECT set_config('TimeZone', %s, true)", (zone,))
                found += session.execute(
                    "SELECT extract(epoch FROM t), t::text, isfinite(t) AND t <= now()"
                    " FROM CAST(%s::text AS timestamptz) AS t",
                    (text,),
                ).fetchall()
    except psycopg.DataError as error:
        raise _no_instant(text, error.diag.message_primary or "") from error
    (instant, printed, past), (other, *_) = found
    if instant != other:
        raise _no_instant(text, "It has no offset, so it is another one in each zone.")
    if not past:
        raise _no_instant(text, "It has to be in the past.")
    return str(printed)


def _called(setting: ZoneSetting, database: str) -> str:
    """Say whose ``TimeZone`` it is."""
    if setting.role is not None:
        return f"the TimeZone of role {readable_identifier(setting.role)}"
    if setting.scope == "database":
        return f"the TimeZone of database {readable_identifier(database)}"
    return "the TimeZone of the server"


def _findings(
    adoptees: Iterable[Adoptee],
    assessments: Mapping[Names, Assessment],
    accept: Collection[str],
) -> Iterator[Finding]:
    """Yield what is not proved, and stop at what is refuted.

    Raises:
        NotProved: nobody accepted that.
    """
    for adoptee in adoptees:
        for column in adoptee.columns:
            assessment = assessments[column.found.name]
            if assessment.ground is Ground.CONTRADICTED:
                refuted = _refuted(column, assessment)
                if REFUTED not in accept:
                    raise refuted
                yield Finding(
                    code=REFUTED,
                    severity=Severity.WARNING,
                    message=f"{refuted.message}: {assessment.why}",
                    hint="It was accepted, and is recorded as it stands.",
                )
            if assessment.ground.doubtful:
                yield unproved_adoption(
                    column.found.label, assessment.why, accept=accept
                )


def _refuted(column: Handmade, assessment: Assessment) -> NotProved:
    found = column.found
    moved = ", ".join(f"{o.offset} ({o.count})" for o in assessment.offsets)
    name = readable_identifier(found.column)
    again = "Set it right by hand, in the zone that it was converted in"
    if assessment.made_in is not None:
        again = (
            f"Set it right: ALTER TABLE {found.table} ALTER {name} TYPE {found.type}"
            f" USING ({name} AT TIME ZONE '{assessment.made_in}') AT TIME ZONE"
            f" '{column.zone}', which moves rows that were written since as well"
        )
    if assessment.old_column is not None:
        said = f"They moved by {moved}. " if moved else ""
        hint = (
            "Set these rows right, or declare the zone that fits; where they were "
            "written since and are right,"
        )
    else:
        said = f"To be right it would have to move by {moved}. " if moved else ""
        hint = (
            f"{again}; or declare the zone that fits. Where it was converted long ago, "
            "say when: --converted-at. Where you know better,"
        )
    why = assessment.why
    return NotProved(
        REFUTED,
        f"{found.label} does not hold what a conversion in {column.zone} makes",
        detail=f"{why[:1].upper()}{why[1:]}. {said}Nothing was recorded.",
        hint=f"{hint} --accept {REFUTED} records it all the same.",
    )


def _column(
    adoptee: Adoptee, handmade: Handmade, assessment: Assessment
) -> AdoptedColumn:
    found = handmade.found
    revision = adoptee.revision
    return AdoptedColumn(
        schema=found.schema,
        relation=found.relation,
        column=found.column,
        type=found.type,
        zone=handmade.zone,
        step=adoptee.recorded_as,
        revision=revision.revision if revision is not None else None,
        conversion=assessment.ground,
        why=assessment.why,
        rows_compared=assessment.rows_compared,
        offsets=assessment.offsets,
        old_column=assessment.old_column,
    )


def _described(column: AdoptedColumn) -> str:
    label = readable_name(column.schema, column.relation, column.column)
    where = (
        f"step {column.step}"
        if column.revision is None
        else f"step {column.step} of revision {column.revision}"
    )
    return (
        f"  {label}  {where}, converted in {column.zone}: {column.conversion.value}: "
        f"{column.why}"
    )


def _next(adoptees: Iterable[Adoptee]) -> Iterator[str]:
    adopted = list(adoptees)
    if any(adoptee.revision is not None for adoptee in adopted):
        yield (
            "tzmigrate apply passes over what was adopted, and goes on with the rest."
        )
    if any(adoptee.revision is None for adoptee in adopted):
        yield (
            "No revision was written for some of these columns, so none takes them "
            "back: they go back by hand."
        )
    yield (
        "tzmigrate verify compares with what stands there now; what was before it "
        "cannot know."
    )


def _no_old(message: str) -> UsageError:
    return UsageError(
        "TZ286",
        f"--old-column: {message}",
        detail="Nothing was recorded.",
        hint="Write schema.table.column=old; the old column has to be naive, as the "
        "adopted one was.",
    )


def _no_instant(text: str, detail: str) -> UsageError:
    return UsageError(
        "TZ288",
        f"--converted-at {text!r} is no instant of the past",
        detail=f"{detail[:1].upper()}{detail[1:]}",
        hint="Write it with its offset, such as '2024-06-01 12:00+00'.",
    )
