"""Durations as PostgreSQL writes them in its settings."""

import re
from decimal import Decimal

from tzmigrate.errors import UsageError

_UNITS = {"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_FORM = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(ms|s|min|h|d)\s*")
_LONGEST = 2**31 - 1


def milliseconds(text: str) -> int:
    """Read a duration with its unit: ``ms``, ``s``, ``min``, ``h`` or ``d``.

    >>> milliseconds("2min"), milliseconds("1.5s"), milliseconds("500ms")
    (120000, 1500, 500)

    Raises:
        UsageError: no unit, an unknown one, zero, or longer than PostgreSQL allows.
    """
    match = _FORM.fullmatch(text)
    value = int(Decimal(match[1]) * _UNITS[match[2]]) if match else 0
    if not 0 < value <= _LONGEST:
        raise UsageError(
            "TZ205",
            f"{text!r} is not a duration",
            hint='Write a number above zero and its unit, as in "500ms", "5s", "2min".',
        )
    return value
