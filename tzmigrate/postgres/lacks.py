"""How a shadow differs from its database, in few words."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import psycopg

from tzmigrate.postgres.dump import Entry, Failure
from tzmigrate.postgres.scratch import query
from tzmigrate.postgres.session import Session


class Lack(StrEnum):
    """What about a shadow is not as in its database."""

    SERVER = "server"
    VERSION = "version"
    UNREADABLE = "tables"
    EXTENSION = "extensions"
    TABLESPACE = "tablespaces"
    OBJECT = "objects"
    OWNER = "owners"
    GRANT = "grants"
    COMMENT = "comments"
    SETTING = "settings"


_SENTENCES = {
    Lack.SERVER: "the shadow is on another server",
    Lack.VERSION: "the shadow is of another version",
    Lack.UNREADABLE: "tables that the shadow lacks",
    Lack.EXTENSION: "extensions that the shadow lacks",
    Lack.TABLESPACE: "tablespaces that the shadow does not use",
    Lack.OBJECT: "not in the shadow",
    Lack.OWNER: "owned by another role in the shadow",
    Lack.GRANT: "without all their grants in the shadow",
    Lack.COMMENT: "without comment or label in the shadow",
    Lack.SETTING: "settings that the shadow lacks",
}
_GROUPS = {
    "ACL": Lack.GRANT,
    "DEFAULT ACL": Lack.GRANT,
    "COMMENT": Lack.COMMENT,
    "SECURITY LABEL": Lack.COMMENT,
}
_OWNER_TO = re.compile(r"ALTER .* OWNER TO ", re.DOTALL)
_RELATION_KINDS = frozenset({"table", "view", "materialized view", "foreign table"})
# the archive does not say of which table a sequence is
_OWNED_BY = "SEQUENCE OWNED BY "


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCopied:
    """One way in which a shadow differs.

    Attributes:
        objects: names, as people read them; empty where it is about all.
        reason: why, often the server's words.
        identities: of objects, catalog and OID in the database that was copied.
    """

    kind: Lack
    objects: tuple[str, ...] = ()
    reason: str = ""
    identities: frozenset[tuple[int, int]] = frozenset()

    @property
    def text(self) -> str:
        """The whole as a sentence without its full stop."""
        names = f" ({', '.join(self.objects)})" if self.objects else ""
        return f"{_SENTENCES[self.kind]}{names}: {self.reason}"


@dataclass(frozen=True, slots=True)
class _Named:
    name: str
    relation: int
    is_relation: bool


def from_failures(source: Session, failures: Sequence[Failure]) -> list[NotCopied]:
    """Say which objects a restore could not make, each cause once.

    What is missing because its table is, and what only decorates a missing object, is
    not named again.

    Args:
        source: a session of the original, which knows the objects' names.
        failures: what the restore met.
    """
    entries = {f.entry.number: f.entry for f in failures if f.entry is not None}
    names = _names(source, list(entries.values()))
    first: dict[int, Failure] = {}
    others: list[tuple[Lack, Failure, Entry]] = []
    for failure in failures:
        entry = failure.entry
        if entry is None or entry.number in first:
            continue
        if entry.kind in _GROUPS:
            others.append((_GROUPS[entry.kind], failure, entry))
        elif _OWNER_TO.match(failure.command):
            others.append((Lack.OWNER, failure, entry))
        else:
            first[entry.number] = failure
    gone = {
        entries[number].oid
        for number in first
        if number in names and names[number].is_relation
    }
    tails = [entries[number].tail for number in first if number in names]
    found: dict[tuple[Lack, str], list[str]] = defaultdict(list)
    lost: dict[tuple[Lack, str], set[tuple[int, int]]] = defaultdict(set)
    for number, failure in first.items():
        entry, named = entries[number], names.get(number)
        lost[Lack.OBJECT, failure.reason].add((entry.catalog, entry.oid))
        if named is not None:
            if named.relation not in gone:
                found[Lack.OBJECT, failure.reason].append(named.name)
        elif not (
            entry.oid in gone
            or _about(entry, tails)
            or (gone and entry.label.startswith(_OWNED_BY))
        ):
            found[Lack.OBJECT, failure.reason].append(entry.text)
    reasons: dict[Lack, str] = {}
    grouped: dict[Lack, list[str]] = defaultdict(list)
    for lack, failure, entry in others:
        named = names.get(entry.number)
        missing = named is not None and named.relation in gone
        if not (entry.number in first or missing or _about(entry, tails)):
            grouped[lack].append(named.name if named else entry.text)
            reasons.setdefault(lack, failure.reason)
    for lack, objects in grouped.items():
        found[lack, reasons[lack]] += objects
    return [
        NotCopied(
            kind=lack,
            objects=tuple(dict.fromkeys(objects)),
            reason=reason,
            identities=frozenset(lost[lack, reason]),
        )
        for (lack, reason), objects in found.items()
    ]


def _about(entry: Entry, tails: Iterable[tuple[str, str]]) -> bool:
    """Tell whether an entry only says more of an object that failed itself."""
    return any(
        schema == entry.tail[0]
        and re.search(rf" {re.escape(name)}(?:\.|$| )", f" {entry.tail[1]}")
        for schema, name in tails
        if name
    )


def _names(source: Session, entries: list[Entry]) -> dict[int, _Named]:
    known = [entry for entry in entries if entry.catalog and entry.oid]
    parameters = {
        "catalogs": [entry.catalog for entry in known],
        "objects": [entry.oid for entry in known],
    }
    try:
        rows = source.execute(query("shadow_objects"), parameters).fetchall()
    except psycopg.DatabaseError:
        # somebody drops one of them at this moment; the archive names it as well
        return {}
    return {
        known[number - 1].number: _Named(
            name=f"{kind} {identity}",
            relation=relation,
            is_relation=kind in _RELATION_KINDS,
        )
        for number, kind, identity, relation in rows
        if identity
    }
