"""An inventory for the terminal: grouped by schema and table, with what to do next."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from tzmigrate.inventory.findings import RULES
from tzmigrate.inventory.model import (
    Column,
    Finding,
    Inventory,
    Relation,
    Role,
    Severity,
)
from tzmigrate.reporting.page import Cell, Page
from tzmigrate.reporting.words import (
    KINDS,
    STYLES,
    codes,
    estimate,
    heaviest,
    many,
    named,
    short_default,
    short_type,
    size,
)
from tzmigrate.zones.model import Survey

_SHOWN = 5
"""Messages of one code that are shown before the rest is only counted."""
_TITLES = {rule.code: rule.title for rule in RULES} | {
    "TZ304": "rows in a gap",
    "TZ305": "rows in an overlap",
}


def inventory_page(
    inventory: Inventory, *, width: int = 120, everything: bool = False
) -> Page:
    """Lay out an inventory.

    With ``everything`` also the partitions that look like their root, and every
    message.
    """
    page = Page(width)
    server = inventory.server
    version = server.version_text.partition(" on ")[0]
    page.line(f"database {named(server.database)} · {version}", "bold")
    for zone in server.zones:
        whose = f" {named(zone.role)}" if zone.role else ""
        page.line(f"sessions start in {zone.zone} ({zone.scope}{whose})")
    relations = {r.oid: r for r in inventory.relations}
    schemas: dict[str, list[Column]] = defaultdict(list)
    for column in inventory.columns:
        schemas[column.schema].append(column)
    for schema, columns in schemas.items():
        _schema(page, relations, schema, columns, everything=everything)
    found = [f for c in inventory.columns for f in c.findings]
    _findings(page, [*inventory.findings, *found], everything=everything)
    page.title("Summary")
    for line in summary(inventory):
        page.paragraph(line, indent=2, lead="  ")
    return page


def summary(inventory: Inventory) -> tuple[str, ...]:
    """Say in a few lines what was found and what to do next."""
    columns = inventory.columns
    if not columns:
        return (
            "No column holds naive time: there is nothing to convert.",
            *(
                ("Look at the findings above first.",)
                if any(f.severity is Severity.BLOCKS for f in inventory.findings)
                else ()
            ),
        )
    relations = {c.relation_oid for c in columns}
    roles = Counter(c.role for c in columns)
    words = {
        Role.STORED: "stored in tables",
        Role.CHILD: "in partitions or inheritance children",
        Role.DERIVED: "computed by views",
        Role.FOREIGN: "in foreign tables",
    }
    parts = [f"{roles[role]:,} {text}" for role, text in words.items() if roles[role]]
    stored = [c for c in columns if c.role is Role.STORED]
    blocked = [c for c in stored if _is_blocked(c)]
    lines = [
        f"{many(len(columns), 'column')} of naive time in "
        f"{many(len(relations), 'relation')}: {', '.join(parts)}.",
    ]
    if isinstance(inventory, Survey):
        lines.append(_evidence(inventory))
    free = len(stored) - len(blocked)
    if stored:
        lines.append(
            f"{many(free, 'stored column')} "
            f"{'converts' if free == 1 else 'convert'} as things stand, "
            f"{many(len(blocked), 'is', 'are')} blocked."
        )
    if free:
        lines += [
            'Next: say which zone the values are in, as [zones] default = "UTC" and '
            "globs in tzmigrate.toml or with --zone PATTERN=ZONE, then look at the "
            "plan:",
            "  tzmigrate plan --dry-run",
        ]
    elif stored:
        lines.append("Next: follow the hints above, then scan again.")
    else:
        lines.append("Nothing is stored here: convert where the values are stored.")
    return tuple(lines)


def _evidence(survey: Survey) -> str:
    """Say what was read, since silence would not tell a clean column from an unread."""
    read = [v for v in survey.verdicts.values() if v.gap is not None]
    if not read:
        return (
            "Evidence: no rows were read, since no zone with clock changes is declared."
        )
    doubtful = sum(1 for v in read if v.gap or v.overlap)
    return (
        f"Evidence: {many(len(read), 'column')} read, {doubtful or 'none'} with rows "
        "in a gap or an overlap of the declared zone."
    )


def _schema(
    page: Page,
    relations: Mapping[int, Relation],
    schema: str,
    columns: list[Column],
    *,
    everything: bool,
) -> None:
    by_relation: dict[int, list[Column]] = defaultdict(list)
    for column in columns:
        by_relation[column.relation_oid].append(column)
    space = sum(c[0].bytes for c in by_relation.values() if c[0].role is Role.STORED)
    folded: Counter[int] = Counter()
    rows: list[list[Cell]] = []
    shown: list[tuple[int, list[Column]]] = []
    for oid, found in by_relation.items():
        relation = relations.get(oid)
        if not everything and _like_its_root(relation, found, by_relation):
            folded[relation.root if relation else oid] += 1
        else:
            shown.append((oid, found))
    for oid, found in shown:
        rows += _relation(relations.get(oid), found, folded[oid])
    page.title(
        f"schema {named(schema)}: {many(len(by_relation), 'relation')}, "
        f"{many(len(columns), 'column')}, {size(space)}"
    )
    headers = ("relation / column", "type", "default", "rows", "size", "idx", "found")
    page.table(headers, rows, right=frozenset({3, 4, 5}))


def _like_its_root(
    relation: Relation | None, columns: list[Column], shown: Iterable[int]
) -> bool:
    """Tell whether a partition has nothing to say that its root does not say."""
    return (
        relation is not None
        and relation.root != relation.oid
        and relation.root in shown
        and not any(c.role is Role.STORED or _is_blocked(c) for c in columns)
    )


def _relation(
    relation: Relation | None, columns: list[Column], partitions: int
) -> list[list[Cell]]:
    first = columns[0]
    kind = KINDS[first.relkind]
    if relation is not None and relation.engine:
        kind += f" of {relation.engine}"
    if partitions:
        kind += f" with {many(partitions, 'child', 'children')}"
    stored = first.role in {Role.STORED, Role.CHILD}
    rows: list[list[Cell]] = [
        [
            (named(first.schema, first.relation), "bold"),
            kind,
            "",
            estimate(first.rows) if stored else "",
            size(first.bytes) if stored else "",
            "",
            "",
        ]
    ]
    for column in columns:
        null = "" if column.nullable else ", not null"
        rows.append(
            [
                "  " + named(column.column),
                short_type(column.type) + null,
                short_default(column.default),
                "",
                "",
                str(len(column.indexes) or ""),
                (codes(column.findings), heaviest(column.findings)),
            ]
        )
    return rows


def _findings(page: Page, findings: list[Finding], *, everything: bool) -> None:
    if not findings:
        return
    page.title("Findings")
    by_code: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_code[finding.code].append(finding)
    order = list(Severity)[::-1]
    ranked = sorted(
        by_code.items(), key=lambda item: (order.index(item[1][0].severity), item[0])
    )
    for code, found in ranked:
        severity = found[0].severity
        title = _TITLES.get(code, "")
        times = f" ({len(found):,} times)" if len(found) > 1 else ""
        page.line(f"  {code} {severity}: {title}{times}", STYLES[severity])
        messages = list(dict.fromkeys(f.message for f in found))
        limit = len(messages) if everything else _SHOWN
        for message in messages[:limit]:
            page.paragraph(message, lead="    -", indent=6)
        if len(messages) > limit:
            page.line(f"    - and {len(messages) - limit} more (-v lists them)")
        page.paragraph(found[0].hint, lead="    hint:", indent=10)


def _is_blocked(column: Column) -> bool:
    return any(f.severity is Severity.BLOCKS for f in column.findings)
