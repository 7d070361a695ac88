"""Zone patterns that name nothing: a slip of the pen would leave the default zone."""

import difflib
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import psycopg

from tzmigrate.config import ZoneRule, parse_pattern
from tzmigrate.inventory.model import Finding, Severity
from tzmigrate.postgres.quoting import readable_name

CODE = "TZ313"


def unmatched_patterns(
    connection: psycopg.Connection[Any], rules: Sequence[ZoneRule]
) -> tuple[Finding, ...]:
    """Return a warning for each pattern that no column of the database fits.

    Columns of any type count, and those outside of the selection too: a pattern that
    has done its work, or waits for another run, is no slip.
    """
    if not rules:
        return ()
    query = files(__package__).joinpath("column_names.sql").read_bytes()
    names = [(str(s), str(r), str(c)) for s, r, c in connection.execute(query)]
    return tuple(
        _finding(rule, names)
        for rule in rules
        if not any(parse_pattern(rule.pattern).matches(*name) for name in names)
    )


def _finding(rule: ZoneRule, names: Sequence[tuple[str, str, str]]) -> Finding:
    known = sorted(
        {readable_name(*name) for name in names}
        | {f"{readable_name(*name[:2])}.*" for name in names}
    )
    near = difflib.get_close_matches(rule.pattern, known, n=1, cutoff=0.8)
    meant = f"Did you mean {near[0]!r}? " if near else ""
    return Finding(
        code=CODE,
        severity=Severity.WARNING,
        message=f"zone pattern {rule.pattern!r} fits no column of this database",
        hint=f"{meant}Correct the pattern or take it away; it is written in "
        f"{rule.source or '--zone'}. A column that was meant has another zone in "
        "this plan.",
    )
