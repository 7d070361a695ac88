"""Status and runs for the terminal: what is done, what is left, what to run next."""

from tzmigrate.execution.model import Run, Status, StepState
from tzmigrate.reporting.page import Page
from tzmigrate.reporting.words import many, named

_STYLES = {
    StepState.DONE: "green",
    StepState.PENDING: "",
    StepState.ROLLED_BACK: "cyan",
    StepState.INTERRUPTED: "bold red",
    StepState.DRIFT: "bold red",
}


def status_page(status: Status, *, width: int = 120) -> Page:
    """Lay out a status."""
    page = Page(width)
    page.line(f"status of database {named(status.database)}", "bold")
    page.line()
    if status.steps:
        tenants = any(step.schema for step in status.steps)
        page.table(
            (
                *(("schema",) if tenants else ()),
                *("step", "state", "revision", "tables", "columns", "since"),
            ),
            [
                [
                    *((step.schema,) if tenants else ()),
                    step.step,
                    (step.state.value, _STYLES[step.state]),
                    step.revision,
                    ", ".join(step.tables),
                    str(step.columns or ""),
                    step.at or "",
                ]
                for step in status.steps
            ],
            right=frozenset({5 if tenants else 4}),
        )
        _remarks(page, status)
    else:
        page.line("nothing is planned and nothing was done")
    if status.next_command:
        page.line()
        page.line(f"next: {status.next_command}")
    return page


def _remarks(page: Page, status: Status) -> None:
    """Add what the steps say in words, each sentence once."""
    said: dict[str, list[str]] = {}
    for step in status.steps:
        if step.note:
            of = f" of schema {named(step.schema)}" if step.schema else ""
            said.setdefault(step.note, []).append(f"{step.step}{of}")
    if not said:
        return
    page.title("Remarks")
    for note, steps in said.items():
        more = f" and {len(steps) - 1:,} more" if len(steps) > 1 else ""
        page.paragraph(f"{steps[0]}{more}: {note}", lead="  -", indent=4)


def run_page(run: Run, *, width: int = 120) -> Page:
    """Lay out what ``apply`` or ``rollback`` did."""
    page = Page(width)
    page.line(headline(run), "bold")
    if run.steps:
        page.line()
        page.table(
            ("step", "revision", "tables", "seconds", "attempts"),
            [
                [
                    step.step,
                    step.revision,
                    ", ".join(step.tables),
                    "" if run.dry_run else f"{step.seconds:.1f}",
                    "" if run.dry_run else str(step.attempts),
                ]
                for step in run.steps
            ],
            right=frozenset({3, 4}),
        )
    if run.written:
        page.title("Written")
        for path in run.written:
            page.line(f"  {path}")
    if run.pending:
        page.title("Would run" if run.dry_run else "Left for a later run")
        for revision in run.pending:
            page.line(f"  {revision}")
    if run.notes:
        page.title("Next")
        for note in run.notes:
            page.paragraph(note, lead="  -", indent=4)
    return page


def headline(run: Run) -> str:
    """Say in one line what was done."""
    verb = "rolled back" if run.direction == "down" else "applied"
    steps = many(len(run.steps), "step")
    if run.dry_run:
        count = len(run.steps) or len(run.pending)
        return f"dry run: {many(count, 'step')} would be {verb}, nothing was done"
    if run.steps:
        return f"{verb} {steps}"
    return "wrote a revision" if run.written else "nothing to do"
