"""A column while its dependents, writers and findings are still being collected."""

from dataclasses import dataclass

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
_LEANING = {*DEPENDENT_CODES.values(), "TZ135", "TZ136"} - {"TZ129", "TZ132"}
"""What leans on a partition's column leans on the tree, which converts as one."""


@dataclass(slots=True)
class Draft:
    """Everything known so far about one candidate."""

    row: ColumnRow
    relation: RelationRow
    role: Role
    family: Family
    indexes: tuple[Index, ...] = ()
    writers: tuple[Writer, ...] = ()
    # most columns have neither, and an empty dict for each of them is felt
    dependents: dict[tuple[str, str], Dependent] | None = None
    findings: dict[tuple[str, str], Finding] | None = None
    private: frozenset[tuple[str, str]] = frozenset()
    """Dependents and findings that the root of the tree has anyway."""

    @property
    def name(self) -> str:
        """The column as SQL writes it, schema-qualified."""
        return f"{self.relation.quoted}.{self.row.quoted}"

    @property
    def full_name(self) -> tuple[str, str, str]:
        """Schema, relation and column."""
        return self.row.schema, self.row.relname, self.row.column

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
        if self.dependents is None:
            self.dependents = {}
        if (kind, name) in self.dependents:
            return
        self.dependents[kind, name] = Dependent(
            kind=kind, name=name, code=code, through=through
        )
        if private:
            self.private |= {(kind, name)}
        if self.convertible:
            self.note(
                code,
                private=private,
                object=name,
                through=f" through {through}" if through else "",
                **names,
            )

    def use(self, kind: str, name: str, code: str) -> None:
        """Add a dependent that need not be a finding."""
        if self.dependents is None:
            self.dependents = {}
        self.dependents.setdefault(
            (kind, name), Dependent(kind=kind, name=name, code=code)
        )

    def hand_up(self, root: "Draft") -> None:
        """Give the root what leans on the tree down here, or stands in its way."""
        for key, dependent in (self.dependents or {}).items():
            if key not in self.private:
                if root.dependents is None:
                    root.dependents = {}
                root.dependents.setdefault(key, dependent)
        for key, finding in (self.findings or {}).items():
            if key not in self.private and (
                finding.severity is Severity.BLOCKS or finding.code in _LEANING
            ):
                if root.findings is None:
                    root.findings = {}
                root.findings.setdefault(key, finding)

    def sorted_dependents(self) -> tuple[Dependent, ...]:
        """Return the dependents in an order that does not depend on the catalog's."""
        if self.dependents is None:
            return ()
        found = self.dependents
        return tuple(found[key] for key in sorted(found))

    def sorted_findings(self) -> tuple[Finding, ...]:
        """Return the findings, the weightiest first."""
        if self.findings is None:
            return ()
        return tuple(
            sorted(
                self.findings.values(),
                key=lambda f: (_WEIGHT[f.severity], f.code, f.message),
            )
        )

    def _keep(self, finding: Finding, private: bool) -> None:  # noqa: FBT001 - internal
        key = (finding.code, finding.message)
        if self.findings is None:
            self.findings = {}
        self.findings[key] = finding
        if private:
            self.private |= {key}
