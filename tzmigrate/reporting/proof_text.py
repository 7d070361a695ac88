"""A proof for the terminal: what was compared for each column, and what came out."""

from collections import Counter

from tzmigrate.inventory.model import Severity
from tzmigrate.reporting.findings_text import list_findings
from tzmigrate.reporting.page import Cell, Page
from tzmigrate.reporting.words import many, named
from tzmigrate.verification.model import (
    ColumnProof,
    Identity,
    Outcome,
    Proof,
)

_STYLES = {
    Outcome.PROVED: "bold green",
    Outcome.UNPROVED: "yellow",
    Outcome.SUSPECT: "bold yellow",
    Outcome.SHIFTED: "bold red",
}


def proof_page(proof: Proof, *, width: int = 120) -> Page:
    """Lay out a proof."""
    page = Page(width)
    page.line(f"proof for database {named(proof.database)} at {proof.at}", "bold")
    if proof.server is not None:
        page.paragraph(answered(proof.server))
    if proof.columns:
        page.line()
        headers = (
            *("table / column", "outcome", "level", "compared", "of rows"),
            *("shifted", "changed", "missing", "offsets"),
        )
        page.table(headers, _rows(proof), right=frozenset({3, 4, 5, 6, 7}))
    _remarks(page, proof)
    if proof.findings:
        page.title("Findings")
        list_findings(page, proof.findings)
    page.line()
    page.line(f"outcome: {proof.outcome.value}", _STYLES[proof.outcome])
    for line in summary(proof):
        page.paragraph(line, lead="  ", indent=2)
    return page


def answered(server: Identity) -> str:
    """Say which server was read, and as whom."""
    kind = "a replica, " if server.standby else ""
    cluster = server.system_identifier or "unknown"
    return (
        f"{kind}PostgreSQL {server.version}, cluster {cluster}, as role "
        f"{named(server.role)}, tzmigrate {server.tool}"
    )


def summary(proof: Proof) -> tuple[str, ...]:
    """Say in a few lines what the proof comes to and what to do next."""
    found = Counter(c.outcome for c in proof.columns)
    parts = [f"{found[o]:,} {o.value}" for o in Outcome if found[o]]
    line = f"{many(len(proof.columns), 'column')}: {', '.join(parts) or 'none'}."
    advice = {
        Outcome.PROVED: (
            f"Every recorded value{_left(proof)} is the instant that it was."
            + (" Next: settle the findings above." if _open(proof) else "")
        ),
        Outcome.UNPROVED: "Next: see the findings and remarks above."
        if _open(proof)
        else "Next: see the remarks; another --level may carry a proof.",
        Outcome.SUSPECT: "Next: look at what wrote the rows since; a writer may still "
        "send local time.",
        Outcome.SHIFTED: "Next: stop the writers, then take it back with: "
        "tzmigrate rollback",
    }
    adopted = sum(c.adopted is not None for c in proof.columns)
    said = (
        f"Of {many(adopted, 'column')} that somebody converted by hand, all this is "
        "said of the time since the adoption."
    )
    return (line, *([said] if adopted else []), advice[proof.outcome])


def _left(proof: Proof) -> str:
    """Leave out what was written since, of which a proof says nothing."""
    touched = any(c.changed or c.missing for c in proof.columns)
    return " that nobody wrote or deleted since" if touched else ""


def _open(proof: Proof) -> bool:
    """Tell whether a finding stops; what was accepted is shown and no more."""
    return any(f.severity is Severity.BLOCKS for f in proof.findings)


def offsets(column: ColumnProof) -> str:
    """Write the offsets with their counts, the most frequent first."""
    return ", ".join(f"{o.offset} ({o.count:,})" for o in column.offsets)


def _rows(proof: Proof) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for column in proof.columns:
        outcome = column.outcome
        rows.append(
            [
                named(column.schema, column.relation, column.column),
                (outcome.value, _STYLES[outcome]),
                column.level,
                f"{column.rows_compared:,}",
                f"{column.rows_total:,}",
                (f"{column.shifted:,}", "bold red" if column.shifted else ""),
                f"{column.changed:,}",
                f"{column.missing:,}",
                offsets(column),
            ]
        )
    return rows


def _remarks(page: Page, proof: Proof) -> None:
    """Add what the columns say in words, each sentence once."""
    said: dict[str, list[ColumnProof]] = {}
    for column in proof.columns:
        for text in (column.confidence, column.note):
            if text:
                said.setdefault(text, []).append(column)
    if not said:
        return
    page.title("Remarks")
    for text, columns in said.items():
        first = columns[0]
        name = named(first.schema, first.relation, first.column)
        more = f" and {len(columns) - 1:,} more" if len(columns) > 1 else ""
        page.paragraph(f"{name}{more}: {text}", lead="  -", indent=4)
