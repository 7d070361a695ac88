r"""Write SQL so that it survives Alembic, online and offline, and psql after it.

``op.execute`` reads its string: ``:word`` becomes a bind parameter, and
``alembic upgrade --sql`` doubles ``%`` and expands tabs (style.md section 4). What
bites is written as a Unicode escape, which every driver and psql pass through:

>>> print(literal("50% off"))
U&'50\0025 off'
>>> print(statement('DROP TABLE "50% off"'))
DO $tz$ BEGIN EXECUTE U&'DROP TABLE "50\0025 off"'; END $tz$
"""

import re

from tzmigrate.postgres.quoting import quote_literal

_BITES = re.compile(r"[%\\\x00-\x08\x09\x0b-\x1f\x7f-\x9f]|(?<![:\w\\]):[\w$]")
"""What a statement may not hold; a line feed is harmless."""

_SAFE = frozenset(
    'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 _.,()"=<>+-*/[]{}'
)


def literal(text: str) -> str:
    """Return a text constant; plain where nothing bites."""
    if _BITES.search(text) or "\n" in text:
        return _escaped(text)
    return quote_literal(text)


def array(texts: tuple[str, ...]) -> str:
    """Return a ``text[]`` constant.

    >>> array(("id", "at"))
    "ARRAY['id', 'at']"
    >>> array(())
    "'{}'"
    """
    if not texts:
        return "'{}'"
    return f"ARRAY[{', '.join(literal(text) for text in texts)}]"


def statement(sql: str) -> str:
    """Return a statement, wrapped into ``EXECUTE`` where something in it bites."""
    if not _BITES.search(sql):
        return sql
    return f"DO $tz$ BEGIN EXECUTE {_escaped(sql)}; END $tz$"


def guarded(condition: str, sql: str) -> str:
    """Return a statement that runs only where a condition holds on the server."""
    inner = f"EXECUTE {_escaped(sql)}" if _BITES.search(sql) else sql
    return f"DO $tz$ BEGIN\nIF {condition} THEN\n{inner};\nEND IF;\nEND $tz$"


def comment(text: str) -> str:
    r"""Return text that stays inside one line of a Python comment.

    >>> print(comment("a\nb"))
    a\nb
    """
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in text
    )


def _escaped(text: str) -> str:
    parts = []
    for char in text:
        if char in _SAFE:
            parts.append(char)
        elif char == "'":
            parts.append("''")
        elif ord(char) > 0xFFFF:
            parts.append(f"\\+{ord(char):06X}")
        else:
            parts.append(f"\\{ord(char):04X}")
    return f"U&'{''.join(parts)}'"
