"""A plan for the terminal: decisions first, then what converts, then what does not."""

from collections.abc import Iterable

from tzmigrate.planning.model import (
    Action,
    DependentKind,
    Group,
    Plan,
    PlannedColumn,
    PlannedDependent,
    Way,
)
from tzmigrate.reporting.findings_text import list_findings
from tzmigrate.reporting.page import Cell, Page
from tzmigrate.reporting.visible import visible
from tzmigrate.reporting.words import (
    many,
    milliseconds,
    named,
    short_default,
    short_type,
)


def plan_page(plan: Plan, *, width: int = 120) -> Page:
    """Lay out a plan."""
    page = Page(width)
    server = plan.server
    page.line(f"plan for database {named(server.database)}", "bold")
    if plan.decisions:
        page.title("Decide first")
        list_findings(page, plan.decisions)
    _converting(page, plan)
    _made_anew(page, plan)
    kept, before = _staying_naive(plan)
    refused = [c for c in _columns_of(plan) if c.action is Action.REFUSE]
    _staying(page, plan, refused, "Not converted", "bold red")
    _staying(page, plan, kept, "Kept", "cyan")
    _staying(page, plan, before, "Planned before", "cyan")
    if plan.findings:
        page.title("Findings")
        list_findings(page, plan.findings)
    page.title("Files")
    for line in _files(plan):
        page.line(f"  {line}")
    if where := tried(plan):
        page.line(f"  {where}")
    if plan.next_for_application:
        page.title("What the application meets next")
        for line in plan.next_for_application:
            page.paragraph(line, lead="  -", indent=4)
    page.title("Summary")
    for line in summary(plan):
        if line.startswith(" "):
            page.line(f"  {line}")  # a command, which is copied whole
        else:
            page.paragraph(line, lead="  ", indent=2)
    return page


def summary(plan: Plan) -> tuple[str, ...]:
    """Say in a few lines what the plan comes to and what to do next."""
    if not plan.groups:
        return ("No stored column holds naive time: there is nothing to convert.",)
    columns = _columns_of(plan)
    new = [c for c in columns if c.action is Action.CONVERT and c.planned_in is None]
    tables = {(c.schema, c.relation) for c in new}
    refused = [c for c in columns if c.action is Action.REFUSE]
    kept, _ = _staying_naive(plan)
    before = [c for c in columns if c.planned_in is not None]
    parts = [
        f"{many(len(new), 'column')} of {many(len(tables), 'table')} to convert",
        f"{len(refused):,} refused",
        f"{len(kept):,} kept",
    ]
    if before:
        parts.append(f"{len(before):,} planned before")
    line = ", ".join(parts) + "."
    if plan.decisions:
        stops = many(len(plan.decisions), "decision")
        return (line, f"Next: settle the {stops} above, then plan again.")
    if plan.written:
        return (
            line,
            "Next: read the files, commit them, then run:",
            f"  {plan.next_command}",
        )
    if plan.dry_run and new:
        return (
            line,
            "Next: write the revisions with the same command, without --dry-run.",
        )
    if before:
        return (line, "Next: run what is planned:", f"  {plan.next_command}")
    return (line,)


def lock(group: Group) -> str:
    """Say how long a group locks its tables, and why."""
    why = f": {group.lock_reason}" if group.lock_reason else ""
    return f"about {milliseconds(group.lock_estimate_ms)}{why}"


def _converting(page: Page, plan: Plan) -> None:
    rows: list[list[Cell]] = []
    for group in plan.groups:
        converted = group.converted
        if converted:
            rows += _group(group, converted)
    if rows:
        page.title("To convert")
        page.table(("table / column", "change", "zone", "strategy", "lock"), rows)
    changed = {
        (c.schema, c.relation, c.column): (c.default_before, c.default_after)
        for group in plan.groups
        for c in group.converted
    } | {
        (d.relation.schema, d.relation.name, d.column): (d.before, d.after)
        for group in plan.groups
        for d in group.own_defaults
    }
    changed = {name: pair for name, pair in changed.items() if pair[0] != pair[1]}
    if changed:
        page.title("Defaults that change")
    for names, defaults in changed.items():
        name = named(*names)
        before, after = (short_default(d) or "none" for d in defaults)
        page.paragraph(f"{name}: {before} → {after}", lead="  -", indent=4)


def _group(group: Group, columns: tuple[PlannedColumn, ...]) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    roots = [t.relation for t in group.tables] or list(group.relations[:1])
    children = len(group.relations) - len(roots)
    extent = f" with {many(children, 'child', 'children')}" if children else ""
    for root in roots:
        first = root is roots[0]
        rows.append(
            [
                (named(root.schema, root.name), "bold"),
                (f"revision {group.revision}" if group.revision else "") + extent
                if first
                else "in the same revision",
                "",
                group.strategy.value if first else "",
                lock(group) if first else "",
            ]
        )
        rows += _columns(
            [c for c in columns if (c.schema, c.relation) == (root.schema, root.name)]
        )
    return rows


def _columns(columns: Iterable[PlannedColumn]) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for column in columns:
        change = f"{short_type(column.type_before)} → {short_type(column.type_after)}"
        planned = f"planned in {column.planned_in}" if column.planned_in else ""
        label = "  " + named(column.column)
        rows.append([label, change, column.zone or "", planned, ""])
    return rows


def made_anew(dependent: PlannedDependent) -> str:
    """Say what becomes of one thing that leans on converted columns."""
    done = {
        Way.RECREATE: "dropped and made again",
        Way.REPLACE: "emptied and refilled in its place",
        Way.ALTER: "changed in its place",
    }[dependent.way]
    if dependent.kind is DependentKind.MATERIALIZED_VIEW:
        done += ", then refreshed"
    if dependent.zoned:
        names = ", ".join(named(name) for name in dependent.zoned)
        become = "becomes" if len(dependent.zoned) == 1 else "become"
        done += f"; {names} {become} timestamptz"
    return f"{visible(dependent.label)}: {done}"


def tried(plan: Plan) -> str:
    """Say where the revisions were tried, in one line; empty where they were not."""
    if plan.tried_on is None:
        return ""
    return f"tried up, down and up again on an empty copy: {plan.tried_on}"


def _made_anew(page: Page, plan: Plan) -> None:
    dependents = [d for g in plan.groups for d in g.dependents]
    if dependents:
        page.title(
            f"Made anew with what leans on it: {many(len(dependents), 'object')}"
        )
    for dependent in dependents:
        page.paragraph(made_anew(dependent), lead="  -", indent=4)


def _columns_of(plan: Plan) -> list[PlannedColumn]:
    return [c for group in plan.groups for c in group.columns]


def _staying_naive(plan: Plan) -> tuple[list[PlannedColumn], list[PlannedColumn]]:
    """Return what keeps its wall clocks, and what another revision converts."""
    kept = [c for c in _columns_of(plan) if c.action is Action.KEEP]
    return (
        [c for c in kept if c.planned_in is None],
        [c for c in kept if c.planned_in is not None],
    )


def _staying(
    page: Page, plan: Plan, found: Iterable[PlannedColumn], title: str, style: str
) -> None:
    told = {(finding.code, finding.message) for finding in plan.decisions}
    columns = [c for c in found if (c.code, c.reason) not in told]
    if not columns:
        return
    page.title(f"{title}: {many(len(columns), 'column')}")
    for column in columns:
        name = named(column.schema, column.relation, column.column)
        page.paragraph(
            f"{name}: {column.reason}" if column.reason else name,
            lead=f"  {column.code or '-'}",
            indent=8,
            style=style,
        )
        if column.hint:
            page.paragraph(column.hint, lead="        hint:", indent=14)


def _files(plan: Plan) -> tuple[str, ...]:
    if plan.written:
        return plan.written
    if plan.decisions:
        return ("nothing written: a decision is open",)
    if plan.dry_run:
        return ("dry run: nothing written",)
    if not plan.groups:
        return ("nothing written: there is nothing to convert",)
    return ("nothing written: there is nothing left to plan",)
