"""Every result as Markdown tables, for a wiki or a merge request."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from tzmigrate.backup.model import Kept, Restoration, Shelf
from tzmigrate.execution.model import Adoption, Run, Status
from tzmigrate.inventory.model import Finding, Inventory
from tzmigrate.planning.model import Plan
from tzmigrate.reporting import (
    adoption_text,
    backup_text,
    inventory_text,
    plan_text,
    proof_text,
    run_text,
)
from tzmigrate.reporting.console import Result
from tzmigrate.reporting.visible import visible
from tzmigrate.reporting.words import (
    codes,
    estimate,
    milliseconds,
    named,
    short_default,
    short_type,
    size,
)
from tzmigrate.verification.model import Proof

_SPECIAL = re.compile(r"[\\`*|~\[\]#$!]|(?<![^\W_])_|_(?![^\W_])")
_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"})


@lru_cache(maxsize=4096)  # a large inventory says the same few things in most cells
def escape(text: str) -> str:
    r"""Make text stand in a Markdown table as it is.

    >>> print(escape("a|b `c` <b> _d_ snake_case"))
    a\|b \`c\` &lt;b&gt; \_d\_ snake_case
    """
    plain = _SPECIAL.sub(r"\\\g<0>", visible(text)).translate(_HTML)
    # an entity must not become a heading or a reference to an issue
    return plain.replace("&\\#", "&#")


def as_markdown(result: Result) -> str:
    """Write any result as Markdown."""
    match result:
        case Inventory():
            lines = _inventory(result)
        case Plan():
            lines = _plan(result)
        case Proof():
            lines = _proof(result)
        case Status():
            lines = _status(result)
        case Run():
            lines = _run(result)
        case Adoption():
            lines = _adoption(result)
        case Kept():
            lines = _kept(result)
        case Shelf():
            lines = _shelf(result)
        case Restoration():
            lines = [f"# {escape(backup_text.restored(result))}", ""]
            lines += [f"- {escape(text)}" for text in backup_text.details(result)]
    return "\n".join(lines) + "\n"


def _inventory(inventory: Inventory) -> list[str]:
    server = inventory.server
    lines = [
        f"# Naive time in database {escape(server.database)}",
        "",
        escape(server.version_text.partition(" on ")[0]),
        "",
    ]
    for schema in dict.fromkeys(c.schema for c in inventory.columns):
        lines += [f"## Schema {escape(named(schema))}", ""]
        lines += _table(
            ("table", "column", "type", "role", "default", "rows", "size", "found"),
            (
                (
                    named(c.relation),
                    named(c.column),
                    short_type(c.type) + ("" if c.nullable else ", not null"),
                    c.role.value,
                    short_default(c.default),
                    estimate(c.rows),
                    size(c.bytes),
                    codes(c.findings),
                )
                for c in inventory.columns
                if c.schema == schema
            ),
        )
    found = [f for c in inventory.columns for f in c.findings]
    lines += _findings("Findings", [*inventory.findings, *found])
    return [*lines, *_summary(inventory_text.summary(inventory))]


def _plan(plan: Plan) -> list[str]:
    lines = [f"# Plan for database {escape(plan.server.database)}", ""]
    lines += _findings("Decide first", plan.decisions)
    lines += ["## Columns", ""]
    lines += _table(
        ("table", "column", "change", "zone", "action", "strategy", "lock", "why"),
        (
            (
                named(c.schema, c.relation),
                named(c.column),
                f"{short_type(c.type_before)} → {short_type(c.type_after)}",
                c.zone or "",
                c.action.value,
                group.strategy.value,
                milliseconds(group.lock_estimate_ms) if group.converted else "",
                " ".join(filter(None, (c.code, c.reason, c.hint))),
            )
            for group in plan.groups
            for c in group.columns
        ),
    )
    anew = tuple(plan_text.made_anew(d) for g in plan.groups for d in g.dependents)
    if anew:
        lines += _bullets("Made anew", anew)
    lines += _findings("Findings", plan.findings)
    lines += _bullets("Files", plan.written or ("nothing written",))
    lines += _bullets("What the application meets next", plan.next_for_application)
    return [*lines, *_summary(plan_text.summary(plan))]


def _proof(proof: Proof) -> list[str]:
    lines = [
        f"# Proof for database {escape(proof.database)}",
        "",
        f"Outcome: **{proof.outcome.value}**, at {escape(proof.at)}.",
        "",
    ]
    if proof.server is not None:
        lines += [escape(proof_text.answered(proof.server)) + ".", ""]
    headers = (
        *("column", "outcome", "level", "compared", "of rows", "shifted", "changed"),
        *("missing", "offsets", "remarks"),
    )
    lines += _table(
        headers,
        (
            (
                named(c.schema, c.relation, c.column),
                *(c.outcome.value, c.level, c.rows_compared, c.rows_total),
                *(c.shifted, c.changed, c.missing, proof_text.offsets(c)),
                "; ".join(filter(None, (c.confidence, c.note))),
            )
            for c in proof.columns
        ),
    )
    if proof.baselines:
        lines += ["## Baselines", ""]
        lines += _table(
            ("table", "step", "recorded", "by", "on", "rows", "SHA-256"),
            (
                (
                    named(b.schema, b.relation),
                    *(b.step, b.recorded_at, b.recorded_by, b.version),
                    b.rows if b.rows is not None else f"{b.rows_recorded} recorded",
                    b.sha256,
                )
                for b in proof.baselines
            ),
        )
    lines += _findings("Findings", proof.findings)
    return [*lines, *_summary(proof_text.summary(proof))]


def _status(status: Status) -> list[str]:
    lines = [f"# Status of database {escape(status.database)}", ""]
    tenants = any(s.schema for s in status.steps)
    lines += _table(
        (
            *(("schema",) if tenants else ()),
            *("step", "state", "revision", "tables", "columns", "since", "note"),
        ),
        (
            (
                *((s.schema,) if tenants else ()),
                *(s.step, s.state.value, s.revision, ", ".join(s.tables), s.columns),
                *(s.at or "", s.note),
            )
            for s in status.steps
        ),
    )
    return [*lines, f"Next: {escape(status.next_command)}"]


def _run(run: Run) -> list[str]:
    lines = [f"# {escape(run_text.headline(run))}", ""]
    lines += _table(
        ("step", "revision", "tables", "seconds", "attempts"),
        (
            (s.step, s.revision, ", ".join(s.tables), f"{s.seconds:.1f}", s.attempts)
            for s in run.steps
        ),
    )
    lines += _bullets("Written", run.written)
    lines += _bullets(
        "Would run" if run.dry_run else "Left for a later run", run.pending
    )
    return [*lines, *_bullets("Next", run.notes)]


def _adoption(adoption: Adoption) -> list[str]:
    lines = [f"# {escape(adoption_text.headline(adoption))}", ""]
    lines += _table(
        ("column", "zone", "step", "revision", "conversion", "compared", "offsets"),
        (
            (
                named(c.schema, c.relation, c.column),
                *(c.zone, c.step, c.revision or "", c.conversion.value),
                *(c.rows_compared or "", adoption_text.offsets(c)),
            )
            for c in adoption.columns
        ),
    )
    lines += _bullets("Conversions", tuple(adoption_text.remarks(adoption)))
    lines += _findings("Findings", adoption.findings)
    return [*lines, *_bullets("Next", adoption.notes)]


def _kept(kept: Kept) -> list[str]:
    name = kept.backup.database.name
    lines = [f"# Backup of database {escape(name)} at {escape(kept.backup.at)}", ""]
    lines += [f"{escape(kept.path)}", ""]
    lines += _table(
        ("file", "size", "SHA-256"),
        ((f.name, size(f.bytes), f.sha256) for f in kept.backup.files),
    )
    lines += _findings("Findings", kept.findings)
    return [*lines, *_summary(backup_text.summary(kept))]


def _shelf(shelf: Shelf) -> list[str]:
    lines = [f"# {escape(backup_text.headline(shelf))}", ""]
    headers = (
        *("backup", "database", "age", "size", "verified", "restore", "plan", "fate"),
    )
    lines += _table(headers, (backup_text.row(k, shelf.now) for k in shelf.backups))
    broken = [f"{path}: {why}" for path, why in shelf.broken]
    return [*lines, *_bullets("No whole backups", broken)]


def _table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    body = [f"| {' | '.join(escape(cell) for cell in row)} |" for row in rows]
    if not body:
        return []
    rule = f"|{'|'.join(' --- ' for _ in headers)}|"
    return [f"| {' | '.join(headers)} |", rule, *body, ""]


def _findings(title: str, findings: Iterable[Finding]) -> list[str]:
    rows = [(f.code, f.severity.value, f.message, f.hint) for f in findings]
    if not rows:
        return []
    unique = list(dict.fromkeys(rows))
    headers = ("code", "severity", "message", "hint")
    return [f"## {title}", "", *_table(headers, unique)]


def _bullets(title: str, texts: Sequence[str]) -> list[str]:
    if not texts:
        return []
    return [f"## {title}", "", *(f"- {escape(text)}" for text in texts), ""]


def _summary(texts: Sequence[str]) -> list[str]:
    return ["## Summary", "", *(f"- {escape(text.strip())}" for text in texts)]
