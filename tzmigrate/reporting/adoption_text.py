"""An adoption for the terminal: what was recorded, and what is known of it."""

from collections.abc import Iterator

from tzmigrate.execution.model import AdoptedColumn, Adoption
from tzmigrate.reporting.findings_text import list_findings
from tzmigrate.reporting.page import Page
from tzmigrate.reporting.words import many, named
from tzmigrate.verification.model import Ground

_STYLES = {
    Ground.PROVED: "bold green",
    Ground.SHOWN: "green",
    Ground.UNPROVED: "yellow",
    Ground.CONTRADICTED: "bold red",
}
_SAID = {
    Ground.PROVED: "proved",
    Ground.SHOWN: "shown, not proved row by row",
    Ground.UNPROVED: "not proved",
    Ground.CONTRADICTED: "not proved, and the data speaks against it",
}


def adoption_page(adoption: Adoption, *, width: int = 120) -> Page:
    """Lay out an adoption."""
    page = Page(width)
    page.line(headline(adoption), "bold")
    page.line()
    page.table(
        ("table / column", "zone", "step", "revision", "conversion", "compared"),
        [
            [
                named(c.schema, c.relation, c.column),
                *(c.zone, c.step, c.revision or ""),
                (c.conversion.value, _STYLES[c.conversion]),
                f"{c.rows_compared:,}" if c.rows_compared else "",
            ]
            for c in adoption.columns
        ],
        right=frozenset({5}),
    )
    page.title("Conversions")
    for text in remarks(adoption):
        page.paragraph(text, lead="  -", indent=4)
    if adoption.findings:
        page.title("Findings")
        list_findings(page, adoption.findings)
    if adoption.notes:
        page.title("Next")
        for note in adoption.notes:
            page.paragraph(note, lead="  -", indent=4)
    return page


def headline(adoption: Adoption) -> str:
    """Say in one line what was done."""
    columns = many(len(adoption.columns), "column")
    where = f"database {named(adoption.database)}"
    if adoption.recorded:
        return f"adopted {columns} of {where}"
    lead = "dry run: " if adoption.dry_run else ""
    return f"{lead}{columns} of {where} would be adopted, nothing was done"


def remarks(adoption: Adoption) -> Iterator[str]:
    """Say of each column what is known of its conversion."""
    lead = "recorded, " if adoption.recorded else ""
    for c in adoption.columns:
        name = named(c.schema, c.relation, c.column)
        moved = f" ({offsets(c)})" if c.offsets else ""
        yield f"{name}: {lead}{_SAID[c.conversion]}: {c.why}{moved}"


def offsets(column: AdoptedColumn) -> str:
    """Write the offsets with their counts, the most frequent first."""
    return ", ".join(f"{o.offset} ({o.count:,})" for o in column.offsets)
