"""Which step a column belongs to that somebody converted by hand."""

import re
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from tzmigrate.config import Config, Eras, Keep, Meaning, match_zone
from tzmigrate.config.model import ByColumn
from tzmigrate.errors import DecisionNeeded, Refused, UsageError
from tzmigrate.execution.preflight import check_unedited
from tzmigrate.execution.words import counted
from tzmigrate.planning.ddl import sql_zone
from tzmigrate.postgres.quoting import readable_identifier, readable_name
from tzmigrate.revisions.ours import Kind, OurColumn, OurRevision
from tzmigrate.revisions.store import RevisionStore
from tzmigrate.verification.handmade import Found, find_column, what_is_missing
from tzmigrate.verification.ledger import LedgerStep

_DECLARED = ("SELECT tzmigrate.plan_dependent(", "SELECT tzmigrate.plan_default(")
_COLUMN = "SELECT tzmigrate.plan_column("
_WITHOUT_DEFAULT = re.compile(r"default_before => NULL\s*\)\s*$")
_MAJOR = re.compile(r"server_major => (\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Handmade:
    """A column, and the conversion that it is said to have had.

    Attributes:
        zone: as SQL gets it.
    """

    found: Found
    type_before: str
    type_after: str
    zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoptee:
    """What is recorded as one step.

    Attributes:
        step: its name, which the ledger may know once for each tenant.
        revision: that was written to convert these columns; ``None`` where none was.
        tenant: the schema for which that revision runs, where it names none.
        declared: statements of the revision that name what leans on the columns.
        server_major: on which it was planned.
    """

    step: str
    columns: tuple[Handmade, ...]
    session_zone: str
    server_major: int
    revision: OurRevision | None = None
    tenant: str | None = None
    declared: tuple[str, ...] = ()

    @property
    def recorded_as(self) -> str:
        """Its name in the ledger."""
        if self.revision is None:
            return self.step
        return self.revision.recorded_as(self.tenant)

    @property
    def tables(self) -> dict[str, list[Handmade]]:
        """Its columns by their tables."""
        found: dict[str, list[Handmade]] = {}
        for column in self.columns:
            found.setdefault(column.found.table, []).append(column)
        return found


@dataclass(frozen=True, slots=True)
class Chooser:
    """Finds the step of each column that was asked for.

    Args:
        connection: a session of ours, in a transaction.
        config: with its zones as the server spells them.
        store: the planned revisions; ``None`` where there are none.
        ledger: what was done.
        tenants: schemas for which revisions run that name none.
    """

    connection: psycopg.Connection[Any]
    config: Config
    store: RevisionStore | None
    ledger: Sequence[LedgerStep]
    tenants: frozenset[str] = frozenset()

    def choose(self, asked: Iterable[str]) -> tuple[Adoptee, ...]:
        """Return what is to be recorded, each step once.

        Raises:
            UsageError: a name stands for no column that can be adopted.
            DecisionNeeded: its zone is open, or only a part of a step was converted.
            Refused: the role does not own the table.
        """
        found: dict[tuple[str, str, str], Found] = {}
        for name in asked:
            column = self._adoptable(name)
            found[column.name] = column
        planned: dict[str, Adoptee] = {}
        alone: dict[str, list[Handmade]] = {}
        for column in found.values():
            revision = self._planned(column)
            if revision is None or self.store is None:
                alone.setdefault(column.table, []).append(self._handmade(column))
            elif (step := revision.recorded_as(column.schema)) not in planned:
                planned[step] = self._of_revision(self.store, revision, column.schema)
        taken = {step.step for step in self.ledger}
        apart = [self._apart(columns, taken) for columns in alone.values()]
        return (*planned.values(), *apart)

    def _adoptable(self, name: str) -> Found:
        found = find_column(self.connection, name)
        if found is None:
            missing = what_is_missing(self.connection, name)
            if missing is not None:
                raise _wrong(missing, "Check the spelling; names are quoted as in SQL.")
            raise _wrong(f"there is no column {name!r}", "Write schema.table.column.")
        if found.relkind not in {"r", "p"}:
            kinds = {"v": "view", "m": "materialized view", "f": "foreign table"}
            kind = kinds[found.relkind]
            raise _wrong(
                f"{found.label} is a column of a {kind}",
                "Name the column of the table that holds the values.",
            )
        if found.root is not None:
            root = f"{found.root}.{readable_identifier(found.column)}"
            raise _wrong(
                f"{found.label} comes from {root}",
                f"A tree of tables is recorded whole: tzmigrate adopt "
                f"{shlex.quote(root)}",
            )
        if found.is_naive:
            raise _wrong(
                f"{found.label} is {found.type}, so nobody converted it",
                "Run tzmigrate plan and tzmigrate apply, which convert it.",
            )
        if not found.is_zoned:
            raise _wrong(
                f"{found.label} is {found.type}, which is not adopted",
                "Only timestamptz, tstzrange, tstzmultirange and arrays of them are.",
            )
        known = self._known(found)
        # what was recorded without its revision may get it
        later = known is not None and not known.revision and self._planned(found)
        if known is not None and not later:
            raise _wrong(
                f"{found.label} is in the ledger already, as converted by step "
                f"{known.step} at {known.done_at}",
                "Run tzmigrate verify, which compares it.",
            )
        _check_owner(found, self.connection.info.user)
        return found

    def _known(self, found: Found) -> LedgerStep | None:
        """Return the step by which the ledger knows the column as it stands."""
        for step in self.ledger:
            for c in step.columns:
                if (
                    found.name == (c.schema, c.relation, c.column)
                    and step.zoned
                    and not c.superseded
                    and not c.drifted
                ):
                    return step
        return None

    def _planned(self, found: Found) -> OurRevision | None:
        """Return the revision that was written to convert the column."""
        up = {step.step for step in self.ledger if step.zoned}
        ours = self.store.read().ours() if self.store is not None else ()
        taken_back = {revision.inverts for revision in ours}
        for revision in reversed(ours):
            planned_on = revision.unqualified
            if (
                revision.kind is Kind.GROUP
                and revision.step not in taken_back
                and revision.recorded_as(found.schema) not in up
                and (planned_on is None or found.schema in {planned_on, *self.tenants})
                and found.name in {_name(c) for c in revision.columns_of(found.schema)}
            ):
                return revision
        return None

    def _of_revision(
        self, store: RevisionStore, revision: OurRevision, schema: str
    ) -> Adoptee:
        check_unedited((revision,))
        members = revision.columns_of(schema)
        columns = {
            _name(c): find_column(self.connection, readable_name(*_name(c)))
            for c in members
        }
        naive = [
            readable_name(*_name(c))
            for c in members
            if (there := columns[_name(c)]) is None or there.type != c.type_after
        ]
        if naive:
            raise _torn(revision, members, naive)
        statements = store.upgrade_statements(revision)
        planned = [s for s in statements if s.startswith(_COLUMN)]
        for column, said in zip(members, planned, strict=True):
            there = columns[_name(column)]
            if there and not there.has_default and not _WITHOUT_DEFAULT.search(said):
                raise _no_default(revision, there)
        major = next(m for s in statements if (m := _MAJOR.search(s)))
        return Adoptee(
            step=revision.step,
            revision=revision,
            tenant=None if revision.unqualified is None else schema,
            columns=tuple(
                self._as_planned(revision, c, there)
                for c in members
                if (there := columns[_name(c)]) is not None
            ),
            session_zone=revision.session_zone or "Etc/UTC",
            server_major=int(major[1]),
            declared=tuple(s for s in statements if s.startswith(_DECLARED)),
        )

    def _as_planned(
        self, revision: OurRevision, planned: OurColumn, found: Found
    ) -> Handmade:
        _check_owner(found, self.connection.info.user)
        zone = sql_zone(planned.zone or "UTC")
        # the default may be another one since it was planned
        rule = match_zone(self.config.zones, *found.name)
        declared = None if rule is None else _one_zone(found, rule.meaning, rule.source)
        if rule is not None and declared != zone:
            raise DecisionNeeded(
                "TZ314",
                f"revision {revision.revision} converts {found.label}: reads its values"
                f" in {zone}, {rule.source} in {declared}",
                detail="Nothing was recorded.",
                hint="Declare the zone in which it was converted by hand. Where that is"
                f" not {zone}, {_apart_from(revision, found)}",
            )
        return Handmade(
            found=found,
            type_before=planned.type_before,
            type_after=planned.type_after,
            zone=zone,
        )

    def _handmade(self, found: Found) -> Handmade:
        meaning, source = self._declared(found)
        if meaning is None:
            raise DecisionNeeded(
                "TZ302",
                f"the zone of column {found.label} is not declared",
                detail="Nothing was recorded.",
                hint="State the zone in which it was converted by hand, with --zone "
                f"{shlex.quote(f'{found.label}=Area/City')}, or under [zones] in "
                "tzmigrate.toml.",
            )
        return Handmade(
            found=found,
            type_before=found.naive_type,
            type_after=found.type,
            zone=_one_zone(found, meaning, source),
        )

    def _apart(self, columns: Sequence[Handmade], taken: set[str]) -> Adoptee:
        """Return a step of its own for columns that no revision was written for."""
        plain = re.sub(r"[^a-z0-9]+", "_", columns[0].found.relation.lower())
        slug = step = f"adopt_{plain.strip('_')[:40] or 'table'}"
        number = 1
        while step in taken:
            number += 1
            step = f"{slug}_{number}"
        taken.add(step)
        zones = {column.zone for column in columns}
        return Adoptee(
            step=step,
            columns=tuple(columns),
            session_zone=zones.pop() if len(zones) == 1 else "Etc/UTC",
            server_major=self.connection.info.server_version // 10000,
        )

    def _declared(self, found: Found) -> tuple[Meaning | None, str]:
        rule = match_zone(self.config.zones, *found.name)
        if rule is not None:
            return rule.meaning, rule.source or rule.pattern
        return self.config.default_zone, self.config.default_source or "zones.default"


def _apart_from(revision: OurRevision, found: Found) -> str:
    if revision.unqualified is None:
        return (
            f"delete {revision.path.name} and the other planned files that are not "
            "applied yet, adopt the column, then run tzmigrate plan again."
        )
    schema = readable_identifier(found.schema)
    return (
        f"{revision.path.name} is not for schema {schema}: leave it out of the tenants "
        "of env.py, adopt the column, and give that schema a plan of its own."
    )


def _one_zone(found: Found, meaning: Meaning, source: str) -> str:
    """Return the zone of all values, as SQL gets it."""
    if isinstance(meaning, str):
        return sql_zone(meaning)
    hint = f"State its zone with --zone {shlex.quote(f'{found.label}=Area/City')}."
    if isinstance(meaning, Keep):
        raise DecisionNeeded(
            "TZ309",
            f"{source} declares {found.label} keep, and it is {found.type}",
            detail="A column that keeps its wall clocks is never converted.",
            hint=f"Bring its naive type back by hand; or, where it was meant to be "
            f"converted: {hint}",
        )
    how = "in each row" if isinstance(meaning, ByColumn) else "by eras"
    raise DecisionNeeded(
        "TZ303",
        f"the zone of {found.label} is declared {how}, which is not adopted yet",
        detail=f"It is declared by {source}.",
        hint=hint,
    )


def _check_owner(found: Found, me: str) -> None:
    if not found.owned:
        owner = readable_identifier(found.owner)
        raise Refused(
            "TZ646",
            f"role {readable_identifier(me)} does not own table {found.table}",
            hint=f"Run it as the owner, or as a member of {owner}.",
        )


def _no_default(revision: OurRevision, found: Found) -> DecisionNeeded:
    return DecisionNeeded(
        "TZ345",
        f"the default of column {found.label} is not set, and revision "
        f"{revision.revision} was written for one",
        detail="The way back would meet a column that it does not know. Nothing was "
        "recorded.",
        hint=f"Set the default that {revision.path.name} sets in its upgrade, then run "
        "the same command again.",
    )


def _torn(
    revision: OurRevision, members: Collection[OurColumn], naive: Collection[str]
) -> DecisionNeeded:
    converted = [
        name for c in members if (name := readable_name(*_name(c))) not in naive
    ]
    again = " ".join(map(shlex.quote, converted))
    be = "is" if len(naive) == 1 else "are"
    together = counted(len(members), "column")
    return DecisionNeeded(
        "TZ327",
        f"revision {revision.revision} converts {together} together, and by hand only a"
        f" part of them was: not of the planned type {be} {', '.join(naive)}",
        detail="A step is recorded whole or not at all. Nothing was recorded.",
        hint=f"Delete {revision.path.name} and the other planned files that are not "
        f"applied yet, then: tzmigrate adopt {again}, and tzmigrate plan for the rest.",
    )


def _name(column: OurColumn) -> tuple[str, str, str]:
    return (column.schema, column.relation, column.column)


def _wrong(message: str, hint: str) -> UsageError:
    return UsageError("TZ287", message, detail="Nothing was recorded.", hint=hint)


def candidates_of(settings: Mapping[str, str], config: Config) -> dict[str, str]:
    """Return the zones that a conversion by hand may have been made in, and why.

    Args:
        settings: of the server, the database and roles, with words for each.
        config: whose other zones may have been mixed up.
    """
    declared = [r.meaning for r in config.zones] + [config.default_zone]
    found = {
        sql_zone(z): "declared for other columns"
        for z in declared
        if isinstance(z, str)
    }
    eras = [z for m in declared if isinstance(m, Eras) for z in (m.before, m.then)]
    found |= {sql_zone(z): "declared for other columns" for z in eras}
    return found | {sql_zone(zone): words for zone, words in settings.items()}
