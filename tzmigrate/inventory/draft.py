"""A column while its dependents, writers and findings are still being collected."""

from dataclasses import dataclass, field

from tzmigrate.inventory.findings import DEPENDENT_CODES, UNKNOWN_DEPENDENT, find
from tzmigrate.inventory.model import (
    Dependent,
    Family,
    Finding,
    Index,
    Role,
    Severity,
    Writer,
)
from tzmigrate.inventory.rows import ColumnRow, RelationRow

_WEIGHT = {Severity.BLOCKS: 0, Severity.WARNING: 1, Severity.INFO: 2}


@dataclass(slots=True)
class Draft:
    """Everything known so far about one candidate."""

    row: ColumnRow
    relation: RelationRow
    role: Role
    indexes: list[Index] = field(default_factory=list)
    writers: list[Writer] = field(default_factory=list)
    dependents: dict[tuple[str, str], Dependent] = field(default_factory=dict)
    findings: dict[tuple[str, str], Finding] = field(default_factory=dict)
    private: set[tuple[str, str]] = field(default_factory=set)
    """Dependents and findings that the root of the tree has anyway."""

    @property
    def name(self) -> str:
        """The column as SQL writes it, schema-qualified."""
        return f"{self.relation.quoted}.{self.row.quoted}"

    @property
    def family(self) -> Family:
        """How its type holds naive time."""
        return Family(self.row.family)

    @property
    def convertible(self) -> bool:
        """Tell whether values are stored here, so that something could be converted."""
        return self.role in (Role.STORED, Role.CHILD)

    def note(self, code: str, *, private: bool = False, **names: object) -> None:
        """Add a finding; ``private`` ones are not handed up to the root."""
        self._keep(
            find(code, column=self.name, quoted=self.row.quoted, **names), private
        )

    def lean(
        self,
        kind: str,
        name: str,
        *,
        through: str = "",
        private: bool = False,
        **names: object,
    ) -> None:
        """Add a dependent, and the finding that this kind of dependent gets."""
        code = DEPENDENT_CODES.get(kind, UNKNOWN_DEPENDENT)
        if (kind, name) in self.dependents:
            return
        self.dependents[kind, name] = Dependent(
            kind=kind, name=name, code=code, through=through
        )
        if private:
            self.private.add((kind, name))
        if self.convertible:
            self.note(
                code,
                private=private,
                object=name,
                through=f" through {through}" if through else "",
                **names,
            )

    def hand_up(self, root: "Draft") -> None:
        """Give the root of the tree what stands in its way down here."""
        for key, dependent in self.dependents.items():
            if key not in self.private:
                root.dependents.setdefault(key, dependent)
        for key, finding in self.findings.items():
            if key not in self.private and finding.severity is Severity.BLOCKS:
                root.findings.setdefault(key, finding)

    def sorted_dependents(self) -> tuple[Dependent, ...]:
        """Return the dependents in an order that does not depend on the catalog's."""
        return tuple(self.dependents[key] for key in sorted(self.dependents))

    def sorted_findings(self) -> tuple[Finding, ...]:
        """Return the findings, the weightiest first."""
        return tuple(
            sorted(
                self.findings.values(),
                key=lambda f: (_WEIGHT[f.severity], f.code, f.message),
            )
        )

    def _keep(self, finding: Finding, private: bool) -> None:  # noqa: FBT001 - internal
        key = (finding.code, finding.message)
        self.findings[key] = finding
        if private:
            self.private.add(key)
