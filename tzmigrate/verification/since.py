"""What changed of the catalog since the conversions, told and not judged."""

from typing import Any

import psycopg

from tzmigrate.inventory.model import Finding, Severity

_TOLD = 20
"""So many things are named; a migration may have changed hundreds."""
_LONGEST = 100
"""Characters of a definition that are shown."""

_HINT = (
    "If nobody meant it, find out who did it and undo it; a rollback goes by what it "
    "finds."
)


def changed_since(connection: psycopg.Connection[Any]) -> tuple[Finding, ...]:
    """Compare the picture of each conversion with the catalog of now.

    Values are not looked at here, and what changed may well have been meant: a later
    migration of the application, or an index that was added. So nothing of this stops.

    Args:
        connection: a session of ours, in a transaction, to a database with a ledger.
    """
    try:
        with connection.transaction():
            rows = connection.execute(
                "SELECT thing, property, was, now FROM tzmigrate.picture_since()"
            ).fetchall()
    except (psycopg.errors.InternalError_, psycopg.errors.UndefinedTable) as error:
        # who prints what a snapshot still has and the catalog no longer is told so
        return (_in_motion(error.diag.message_primary or ""),)
    found = [_finding(*row) for row in rows]
    if len(found) <= _TOLD:
        return tuple(found)
    more = Finding(
        code="TZ420",
        severity=Severity.WARNING,
        message=f"{len(found) - _TOLD} more differences since the conversion",
        hint="SELECT * FROM tzmigrate.picture_since() lists all of them.",
    )
    return (*found[:_TOLD], more)


def _in_motion(said: str) -> Finding:
    return Finding(
        code="TZ427",
        severity=Severity.WARNING,
        message="what changed since the conversions was not compared, as objects came"
        f" and went meanwhile: {said}",
        hint="The values were compared all the same; run verify again when nobody"
        " creates or drops anything.",
    )


def _finding(thing: str, name: str, was: str | None, now: str | None) -> Finding:
    if name:
        message = f"{thing}: {name} was {_short(was)}, is {_short(now)}"
    elif now is None:
        message = f"{thing} is gone since the conversion"
    else:
        message = f"{thing} was added since the conversion"
    added = not name and now is not None
    return Finding(
        code="TZ420",
        severity=Severity.INFO if added else Severity.WARNING,
        message=message,
        hint="Nothing has to be done; the way back takes it along." if added else _HINT,
    )


def _short(text: str | None) -> str:
    if text is None:
        return "nothing"
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
