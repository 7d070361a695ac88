"""Backups and restores for the terminal."""

from datetime import datetime

from tzmigrate.backup.model import Backup, Kept, Restoration, Shelf
from tzmigrate.backup.since import told_since
from tzmigrate.reporting.findings_text import list_findings
from tzmigrate.reporting.page import Page
from tzmigrate.reporting.words import many, named, size

_SHORT = 12


def kept_page(kept: Kept, *, width: int = 120) -> Page:
    """Lay out one backup, and what was found of it."""
    backup = kept.backup
    page = Page(width)
    page.line(
        f"backup of database {named(backup.database.name)} at {backup.at}", "bold"
    )
    page.line(f"  {kept.path}")
    page.line()
    page.table(
        ("file", "size", "SHA-256"),
        [[file.name, size(file.bytes), file.sha256] for file in backup.files],
        right=frozenset({1}),
    )
    if backup.planned:
        page.title("Tables of the plan")
        page.table(
            ("table", "rows", "columns"),
            [
                [
                    named(table.schema, table.name),
                    f"{table.rows:,}",
                    ", ".join(named(c.name) for c in table.columns),
                ]
                for table in backup.planned
            ],
            right=frozenset({1}),
        )
    if kept.findings:
        page.title("Findings")
        list_findings(page, kept.findings)
    page.line()
    for line in summary(kept):
        page.paragraph(line)
    return page


def summary(kept: Kept) -> list[str]:
    """Say in a few lines how a backup is."""
    backup = kept.backup
    check = backup.checks[-1] if backup.checks else None
    lines = [
        f"{many(len(backup.tables), 'table')}, "
        f"{many(len(backup.files), 'file')}, {size(backup.bytes)}; the dump took "
        f"{backup.seconds.dump:.1f} s, the other files {backup.seconds.derived:.1f} s.",
        *kept.notes,
    ]
    if check is not None and not check.whole:
        lines.append(f"NOT WHOLE: {many(len(kept.broken), 'finding')}.")
    elif check is not None and check.restored:
        lines.append(
            "Verified: files, archive, and a restore by trial with the same rows and "
            f"fingerprints. A restore is expected to take {_took(backup)}."
        )
    elif check is not None:
        what = "files and archive" if check.opened else "the digests of its files"
        lines.append(f"Verified: {what}. --test-restore also restores it.")
    return lines


def shelf_page(shelf: Shelf, *, width: int = 120) -> Page:
    """Lay out the backups of a directory."""
    page = Page(width)
    page.line(headline(shelf), "bold")
    if shelf.backups:
        page.line()
        headers = (
            *("backup", "database", "age", "size", "verified", "restore"),
            *("plan", *(("fate",) if any(k.fate for k in shelf.backups) else ())),
        )
        page.table(
            headers,
            [row(kept, shelf.now)[: len(headers)] for kept in shelf.backups],
            right=frozenset({2, 3}),
            whole=frozenset({0}),
        )
    if shelf.broken:
        page.title("No whole backups")
        for path, why in shelf.broken:
            page.paragraph(f"{path}: {why}", lead="  -", indent=4)
    return page


def headline(shelf: Shelf) -> str:
    """Say in one line what is there, or what was removed."""
    if shelf.dry_run or shelf.pruned:
        gone = sum(kept.fate == "removed" for kept in shelf.backups)
        verb = "would be removed" if shelf.dry_run else "removed"
        also = f" and {many(len(shelf.leftovers), 'unfinished one')}"
        return (
            f"{many(gone, 'backup')} of {len(shelf.backups)}"
            f"{also if shelf.leftovers else ''} {verb}"
        )
    return f"{many(len(shelf.backups), 'backup')} in {shelf.path}"


def row(kept: Kept, now: str) -> list[str]:
    """Return one backup as cells."""
    backup = kept.backup
    return [
        kept.path.rstrip("/").rpartition("/")[2],
        named(backup.database.name)
        + (f" ({many(len(backup.tables), 'table')})" if backup.partial else "")
        + (", before a restore" if backup.safety else ""),
        age(backup.at, now),
        size(backup.bytes),
        _verified(backup),
        _took(backup) if backup.restored else "never tried",
        (backup.plan or "none")[:_SHORT],
        kept.fate,
    ]


def age(at: str, now: str) -> str:
    """Say how old something is.

    >>> age("2026-01-01T00:00:00Z", "2026-01-03T05:00:00Z")
    '2 d'
    """
    passed = datetime.fromisoformat(now) - datetime.fromisoformat(at)
    seconds = max(int(passed.total_seconds()), 0)
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def restoration_page(done: Restoration, *, width: int = 120) -> Page:
    """Lay out what a restore did."""
    page = Page(width)
    page.line(restored(done), "bold")
    for line in details(done):
        page.paragraph(line)
    return page


def restored(done: Restoration) -> str:
    """Say in one line what a restore did."""
    if done.dry_run:
        return "dry run: nothing was done"
    what = f"{many(len(done.tables), 'table')} of " if done.tables else ""
    return f"restored {what}{done.source} into database {named(done.database)}"


def details(done: Restoration) -> list[str]:
    """Say the rest of it."""
    if done.dry_run:
        return list(done.notes)
    lines = [
        f"It took {done.seconds:.1f} s; rows and fingerprints are those of the backup."
    ]
    if done.tables and done.schema is not None:
        lines.append(f"The tables stand in schema {done.schema}.")
    if done.swapped is not None:
        lines.append(
            f"What was database {named(done.database)} is {named(done.swapped)} now; "
            "drop it when you no longer need it."
        )
    if done.safety is not None:
        lines.append(f"What was replaced is backed up in {done.safety}.")
    lines += [f"Not in it: {told_since(since)}." for since in done.since]
    return [*lines, *done.notes]


def _verified(backup: Backup) -> str:
    if not backup.verified:
        return "no"
    said = "yes" if backup.checks[-1].opened else "digests"
    return f"{said}, {backup.sealer}" if backup.sealer else said


def _took(backup: Backup) -> str:
    seconds = backup.restore_seconds
    return "yes" if seconds is None else f"{seconds:.1f} s"
