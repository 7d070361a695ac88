"""What a revision written by tzmigrate says of itself, read without running it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from tzmigrate.errors import UsageError
from tzmigrate.revisions.source import FACTS, Literal, Module, digest


class Kind(StrEnum):
    """What a revision of ours is for."""

    SUPPORT = "support"
    """Installs schema, ledger and functions."""
    GROUP = "group"
    """Converts one relation group."""
    INVERSE = "inverse"
    """Takes earlier ones back, as a new head."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OurColumn:
    """One column as the revision was written for it."""

    schema: str
    relation: str
    column: str
    type_before: str
    type_after: str
    zone: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OurRevision:
    """A revision file that tzmigrate wrote.

    Attributes:
        step: its name in the ledger.
        predecessor: the step of ours before it, or ``None``.
        database: what is known of the database planned for (name, identifier …).
        unqualified: the schema that was planned on, where names leave it out: the
            revision runs for every tenant; ``None`` where names have their schema.
        edited: upgrade, downgrade or the facts differ from what was written.
        facts: all of ``TZMIGRATE``, lists as tuples.
    """

    revision: str
    down_revision: tuple[str, ...]
    path: Path
    version: int
    step: str
    kind: Kind
    predecessor: str | None
    database: Mapping[str, object]
    relations: tuple[tuple[str, str], ...]
    columns: tuple[OurColumn, ...]
    strategy: str | None
    session_zone: str | None
    unqualified: str | None
    digest: str
    edited: bool
    facts: Mapping[str, object] = field(repr=False)

    @property
    def inverts(self) -> str | None:
        """The step that an inverse takes back; ``None`` for the other kinds."""
        return str(self.facts["inverts"]) if self.kind is Kind.INVERSE else None

    def columns_of(self, schema: str | None) -> tuple[OurColumn, ...]:
        """Return what it converts where it runs for a tenant.

        Args:
            schema: that of the tenant; of no account where names have their schema.
        """
        if self.unqualified is None:
            return self.columns
        return tuple(
            replace(c, schema=schema or "") if c.schema == self.unqualified else c
            for c in self.columns
        )

    def recorded_as(self, schema: str | None) -> str:
        """Return the name under which the ledger knows what this one does or undoes.

        Args:
            schema: that of the tenant for whom it ran.
        """
        step = self.inverts or self.step
        return step if self.unqualified is None else f"{step}@{schema}"


def read_ours(
    module: Module, *, revision: str, down_revision: tuple[str, ...], path: Path
) -> OurRevision | None:
    """Return what a revision says of itself, or ``None`` where it is not ours.

    Raises:
        UsageError: it names itself ours, and what it says cannot be read.
    """
    if FACTS in module.unreadable:
        line = module.unreadable[FACTS]
        raise _unreadable(path, f"{FACTS} on line {line} is not a literal.")
    said = module.values.get(FACTS)
    if not isinstance(said, Mapping) or not {"version", "step", "kind"} <= set(said):
        return None
    facts = {str(key): value for key, value in said.items()}
    return ours_of(
        facts,
        revision=revision,
        down_revision=down_revision,
        path=path,
        edited=facts.get("digest") != digest(module, facts),
    )


def ours_of(
    facts: Mapping[str, Literal],
    *,
    revision: str,
    down_revision: tuple[str, ...],
    path: Path,
    edited: bool,
) -> OurRevision:
    """Return a revision by what it says of itself, in whatever file that stands.

    Raises:
        UsageError: what it says has another form than was written.
    """
    try:
        return OurRevision(
            revision=revision,
            down_revision=down_revision,
            path=path,
            version=_number(facts["version"]),
            step=_text(facts["step"]),
            kind=Kind(_text(facts["kind"])),
            predecessor=_optional(facts.get("predecessor")),
            database=_mapping(facts.get("database")),
            relations=tuple(_pair(item) for item in _items(facts.get("relations"))),
            columns=tuple(_column(item) for item in _items(facts.get("columns"))),
            strategy=_optional(facts.get("strategy")),
            session_zone=_optional(facts.get("session_zone")),
            unqualified=_optional(facts.get("unqualified")),
            digest=_optional(facts.get("digest")) or "",
            edited=edited,
            facts=facts,
        )
    except (TypeError, ValueError) as error:
        raise _unreadable(path, f"It holds something else: {error}.") from error


def _unreadable(path: Path, detail: str) -> UsageError:
    return UsageError(
        "TZ234",
        f"cannot read what {path} says of itself",
        detail=detail,
        hint="Restore the file from version control.",
    )


def _number(value: Literal) -> int:
    if not isinstance(value, int):
        msg = f"a number is expected, not {value!r}"
        raise TypeError(msg)
    return value


def _text(value: Literal) -> str:
    if not isinstance(value, str):
        msg = f"a string is expected, not {value!r}"
        raise TypeError(msg)
    return value


def _optional(value: Literal) -> str | None:
    return None if value is None else _text(value)


def _items(value: Literal) -> tuple[Literal, ...]:
    if value is None:
        return ()
    if not isinstance(value, tuple):
        msg = f"a list is expected, not {value!r}"
        raise TypeError(msg)
    return value


def _mapping(value: Literal) -> Mapping[str, object]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        msg = f"a dictionary is expected, not {value!r}"
        raise TypeError(msg)
    return {_text(key): item for key, item in value.items()}


def _pair(value: Literal) -> tuple[str, str]:
    schema, name = _items(value)
    return _text(schema), _text(name)


def _column(value: Literal) -> OurColumn:
    schema, relation, column, before, after, zone = _items(value)
    return OurColumn(
        schema=_text(schema),
        relation=_text(relation),
        column=_text(column),
        type_before=_text(before),
        type_after=_text(after),
        zone=_optional(zone),
    )
