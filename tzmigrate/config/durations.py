"""Durations as PostgreSQL writes them in its settings."""

import re
from datetime import timedelta
from decimal import Decimal

from tzmigrate.errors import UsageError

_UNITS = {"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_FORM = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(ms|s|min|h|d)\s*")
_LONGEST = 2**31 - 1
_AGES = 100 * 365 * 86_400_000


def milliseconds(text: str) -> int:
    """Read a duration with its unit: ``ms``, ``s``, ``min``, ``h`` or ``d``.

    >>> milliseconds("2min"), milliseconds("1.5s"), milliseconds("500ms")
    (120000, 1500, 500)

    Raises:
        UsageError: no unit, an unknown one, zero, or longer than PostgreSQL allows.
    """
    value = _read(text)
    if not 0 < value <= _LONGEST:
        raise UsageError(
            "TZ205",
            f"{text!r} is not a duration",
            hint='Write a number above zero and its unit, as in "500ms", "5s", "2min".',
        )
    return value


def age(text: str) -> timedelta:
    """Read how old something may become, such as ``30d``: no limit but the calendar's.

    Raises:
        UsageError: no unit, an unknown one, zero, or too long.
    """
    value = _read(text)
    if not 0 < value < _AGES:
        raise UsageError(
            "TZ205",
            f"{text!r} is not an age",
            hint='Write a number above zero and its unit, as in "30d", "12h".',
        )
    return timedelta(milliseconds=value)


def _read(text: str) -> int:
    match = _FORM.fullmatch(text)
    return int(Decimal(match[1]) * _UNITS[match[2]]) if match else 0
