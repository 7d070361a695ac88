"""Findings on a page, the same advice once."""

from collections.abc import Iterable

from tzmigrate.inventory.model import Finding
from tzmigrate.reporting.page import Page
from tzmigrate.reporting.words import STYLES

_SAME_ADVICE = frozenset(("TZ302",))
"""Codes whose hints differ in the column's name alone: the first one serves all."""


def list_findings(page: Page, findings: Iterable[Finding]) -> None:
    """Add findings, with the advice below those that share it."""
    advised: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        hint = "" if finding.code in _SAME_ADVICE else finding.hint
        advised.setdefault((finding.code, hint), []).append(finding)
    for found in advised.values():
        for finding in found:
            page.paragraph(
                finding.message,
                lead=f"  {finding.code}",
                indent=8,
                style=STYLES[finding.severity],
            )
        page.paragraph(found[0].hint, lead="        hint:", indent=14)
