"""Figures and names in the words that people use."""

import re

from tzmigrate.inventory.model import Finding, RelKind, Severity
from tzmigrate.postgres.quoting import readable_name

_TIMESTAMP = re.compile(r"timestamp(\(\d\))? (with|without) time zone((?:\[\])*)")

KINDS = {
    RelKind.TABLE: "table",
    RelKind.PARTITIONED_TABLE: "partitioned table",
    RelKind.VIEW: "view",
    RelKind.MATERIALIZED_VIEW: "materialized view",
    RelKind.FOREIGN_TABLE: "foreign table",
    RelKind.COMPOSITE_TYPE: "composite type",
}

STYLES = {
    Severity.BLOCKS: "bold red",
    Severity.WARNING: "yellow",
    Severity.INFO: "cyan",
}


def named(*names: str) -> str:
    """Write a qualified name, quoted where SQL needs it."""
    return readable_name(*names)


def size(count: int) -> str:
    """Write a number of bytes.

    >>> size(0), size(8192), size(5_000_000_000)
    ('0 B', '8 kB', '4.7 GB')
    """
    amount = float(max(count, 0))
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1024:  # noqa: PLR2004  the step from one unit to the next
            digits = 1 if unit in {"MB", "GB"} else 0
            return f"{amount:.{digits}f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TB"


def many(count: int, noun: str, plural: str = "") -> str:
    """Write a number with its noun.

    >>> many(1, "column"), many(12000, "column"), many(2, "index", "indexes")
    ('1 column', '12,000 columns', '2 indexes')
    """
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def estimate(rows: int) -> str:
    """Write the planner's estimate of a table's rows.

    >>> estimate(12000), estimate(-1)
    ('~12,000', 'not analysed')
    """
    return f"~{rows:,}" if rows >= 0 else "not analysed"


def milliseconds(count: int) -> str:
    """Write a duration.

    >>> milliseconds(40), milliseconds(61_500)
    ('40 ms', '61.5 s')
    """
    return f"{count} ms" if count < 1000 else f"{count / 1000:.1f} s"  # noqa: PLR2004


def short_type(name: str) -> str:
    """Write a type as people say it; anything but a timestamp stays as it is.

    >>> short_type("timestamp(3) without time zone"), short_type("tsrange")
    ('timestamp(3)', 'tsrange')
    >>> short_type("timestamp with time zone[]")
    'timestamptz[]'
    """
    match = _TIMESTAMP.fullmatch(name)
    if match is None:
        return name
    base = "timestamptz" if match[2] == "with" else "timestamp"
    return base + (match[1] or "") + match[3]


def short_default(expression: str | None) -> str:
    """Write a default with the short names of types.

    >>> short_default("'infinity'::timestamp without time zone")
    "'infinity'::timestamp"
    """
    return _TIMESTAMP.sub(lambda match: short_type(match[0]), expression or "")


def codes(findings: tuple[Finding, ...]) -> str:
    """Write the codes of findings, each once, the heaviest first."""
    order = list(STYLES)
    ranked = sorted(findings, key=lambda f: (order.index(f.severity), f.code))
    return " ".join(dict.fromkeys(f.code for f in ranked))


def heaviest(findings: tuple[Finding, ...]) -> str:
    """Return the style of the heaviest finding."""
    found = {f.severity for f in findings}
    return next((style for severity, style in STYLES.items() if severity in found), "")
