r"""Write SQL so that it survives Alembic, online and offline, and psql after it.

``op.execute`` reads its string: ``:word`` becomes a bind parameter, and
``alembic upgrade --sql`` doubles ``%`` and expands tabs (style.md section 4). What
bites is written as a Unicode escape, which every driver and psql pass through:

>>> print(literal("50% off"))
U&'50\0025 off'
>>> print(statement('DROP TABLE "50% off"'))
DROP TABLE U&"50\0025 off"
"""

import re
from functools import lru_cache

from tzmigrate.planning.unqualified import HERE
from tzmigrate.postgres.quoting import quote_literal

_BITES = re.compile(
    r"[%:\\\x00-\x09\x0b-\x1f\x7f-\x9f](?:(?<!:)|(?<![:\w\\]:)(?=[\w$]))"
)
"""What a statement may not hold; a line feed is harmless.

A colon counts where a word follows and nothing that belongs to it precedes. That it
begins with one set makes the search ten times as fast as two alternatives.
"""

_QUOTED = re.compile(r"""(?:"(?:[^"]|"")*"|'(?:[^']|'')*')""")
"""A quoted name or a plain constant."""

_CONSTANT = re.compile(r"(E?)'((?:[^']|'')*)'")
"""As ``quote_literal`` writes one."""

_PREFIXED = re.compile(r"[\w&$]['\"]")
"""``E'…'`` and its like, whose ends are found by other rules."""

_ESCAPED = re.compile(r"\\(?:[0-9A-F]{4}|\+[0-9A-F]{6})")

_PERFORM = re.compile(r"\APERFORM ")
"""What PL/pgSQL has for ``SELECT``, and EXECUTE does not know."""

_MARK = "$tz$"

_TEXT = "$sql$"
"""Quotes statements that are executed for a tenant."""

_HERE = f"{HERE}."
"""Where a text holds it, ``tzmigrate.here`` puts the schema of the tenant there for
whom the step runs. Where names were planned with their schema it changes nothing."""

_BASIC_PLANE = 0xFFFF

_SAFE = frozenset(
    'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 _.,()"=<>+-*/[]{}'
)


@lru_cache(maxsize=4096)  # a plan repeats its names and types
def literal(text: str) -> str:
    """Return a text constant; plain where nothing bites.

    It may stand in the body of a ``DO``, whose mark it does not hold. What names the
    schema of a tenant is told it by the support:

    >>> print(literal("this_tenant.orders"))
    tzmigrate.here('this_tenant.orders')
    """
    if _HERE in text:
        return f"tzmigrate.here({_constant(text)})"
    return _constant(text)


def _constant(text: str) -> str:
    if _BITES.search(text) or _MARK in text:
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
    """Return a statement in which nothing bites.

    Quoted names and constants are escaped one by one, so that the rest stays
    readable; where that is not enough the whole is wrapped into ``EXECUTE``.
    """
    if not _BITES.search(sql):
        return sql
    plain = not _PREFIXED.search(_QUOTED.sub("''", sql)) and "$" not in sql
    readable = _QUOTED.sub(_escaped_token, sql) if plain else sql
    if not _BITES.search(_ESCAPED.sub("", readable)):
        return readable
    return f"DO $tz$ BEGIN EXECUTE {_escaped(sql)}; END $tz$"


def guarded(
    condition: str,
    sql: str,
    *,
    whole: bool = False,
    before: str = "",
    after: str = "",
) -> str:
    """Return a statement that runs only where a condition holds on the server.

    Args:
        condition: SQL of type boolean.
        sql: the statement; one of PL/pgSQL begins with ``PERFORM``.
        whole: it holds semicolons that PL/pgSQL would take for its end.
        before: a statement of PL/pgSQL ahead of it, in which nothing bites.
        after: the same behind it.
    """
    if _HERE not in sql:
        inner = f"EXECUTE {literal(sql)}" if whole else statement(sql)
    elif _PERFORM.match(sql):
        sql = _CONSTANT.sub(_told, sql)
        inner = statement(sql)
    else:
        inner = _for_tenant(sql)
    # a name or body may hold the mark that ends the body around it
    if _MARK in inner:
        inner = f"EXECUTE {_escaped(_PERFORM.sub('SELECT ', sql))}"
    lines = [line for line in (before, inner, after) if line]
    body = "".join(f"{line};\n" for line in lines)
    return f"DO $tz$ BEGIN\nIF {condition} THEN\n{body}END IF;\nEND $tz$"


def _for_tenant(sql: str) -> str:
    """Return PL/pgSQL that runs a statement with the schema of the tenant in it."""
    if _BITES.search(sql) or _TEXT in sql or _MARK in sql:
        return f"EXECUTE {literal(sql)}"
    return f"EXECUTE tzmigrate.here({_TEXT}{sql}{_TEXT})"


def _told(token: re.Match[str]) -> str:
    """Return a constant of a call, with the schema of the tenant in it."""
    if _HERE not in token[0]:
        return token[0]
    text = token[2].replace("''", "'")
    return literal(text.replace("\\\\", "\\") if token[1] else text)


def comment(text: str) -> str:
    r"""Return text that stays inside one line of a comment.

    >>> print(comment("a\nb"))
    a\nb
    """
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in text
    )


def _escaped_token(token: re.Match[str]) -> str:
    text = token[0]
    if not _BITES.search(text) and "\n" not in text:
        return text
    mark = text[0]
    return _escaped(text[1:-1].replace(mark * 2, mark), mark)


def _escaped(text: str, mark: str = "'") -> str:
    parts = []
    for char in text:
        if char == mark:
            parts.append(mark * 2)
        elif char in _SAFE:
            parts.append(char)
        elif ord(char) > _BASIC_PLANE:
            parts.append(f"\\+{ord(char):06X}")
        else:
            parts.append(f"\\{ord(char):04X}")
    return f"U&{mark}{''.join(parts)}{mark}"
