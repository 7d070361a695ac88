"""Turn what the driver raises into our own tree, once, for every caller.

A revision raises ``TZnnn`` as SQLSTATE on the server, with the same message,
detail and hint that Python would have given; those pass through unchanged.
Anything we cannot name stays as it is: it is a bug, and shows as one.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from tzmigrate.errors import (
    Refused,
    TzmigrateError,
    Unavailable,
    UsageError,
    error_from_code,
)

_OUR_STATE = re.compile(r"TZ[1-6][0-9]{2}")
_OUR_MESSAGE = re.compile(r"(?s)(?:tzmigrate )?TZ[0-9]{3}: (.*)")
_RETRY = "Nothing was changed; run the same command again."

_UNAVAILABLE: dict[str, tuple[str, str]] = {
    "40001": ("TZ504", _RETRY),
    "40P01": ("TZ503", "Another session locked the same objects in another order; "
              "nothing was changed, run the same command again."),
    "53300": ("TZ505", "Wait until other sessions have ended, then try again."),
    "55000": ("TZ517", "A view or foreign table has taken the name of a table that is "
              "read. Nothing of it was; look who put it there, then try again."),
    "55P03": ("TZ502", "Another session holds the lock; try again when it has ended, "
              "or raise lock_timeout in [policy]."),
    "57014": ("TZ506", _RETRY),
    "57P01": ("TZ507", "The server or an administrator ended the session; try again."),
    "57P02": ("TZ507", "The server is restarting; try again."),
    "57P03": ("TZ507", "The server is starting or stopping; try again."),
    "57P05": ("TZ507", "The session idled too long for the server; try again."),
    "25P03": ("TZ507", "The session idled too long for the server; try again."),
    "25P04": ("TZ506", "Raise transaction_timeout for this role, then try again."),
}  # fmt: skip
_UNAVAILABLE_CLASSES: dict[str, tuple[str, str]] = {
    "08": ("TZ507", "Check the network and the server's log, then try again."),
    "53": ("TZ508", "The server ran out of a resource: see its log, free some, "
           "then try again."),
}  # fmt: skip
_REFUSED: dict[str, tuple[str, str]] = {
    "25006": ("TZ608", "Connect to the primary, or as a role whose "
              "default_transaction_read_only is off."),
    "3D000": ("TZ604", "Create the database, or correct its name in the URL."),
    "42501": ("TZ605", "Grant the privilege, or connect as the owner of the object."),
    "53100": ("TZ609", "Free space on the server's disk, then try again."),
}  # fmt: skip
_ROW_SECURITY = (
    "Connect as a superuser or a role with BYPASSRLS, so that no row is left out; or, "
    "as the owner of the table, ALTER TABLE … NO FORCE ROW LEVEL SECURITY for the time."
)
_REFUSED_CLASSES: dict[str, tuple[str, str]] = {
    "28": ("TZ603", "Check user and password (PGPASSWORD, ~/.pgpass, or the URL), "
           "and the server's pg_hba.conf."),
}  # fmt: skip

_CONNECT_STATES = (
    # libpq gives no SQLSTATE while it connects, only the server's words
    (re.compile(r"password authentication failed|no password supplied"), "28P01"),
    (re.compile(r"no pg_hba\.conf entry|authentication failed"), "28000"),
    (re.compile(r"role \".*\" (does not exist|is not permitted to log in)"), "28000"),
    (re.compile(r"database \".*\" does not exist"), "3D000"),
    (re.compile(r"permission denied for database"), "42501"),
    (re.compile(r"too many (clients|connections)|remaining connection slots"), "53300"),
    (re.compile(r"is (starting up|shutting down)|in recovery mode"), "57P03"),
)
_WRONG_VALUE = re.compile(
    r"invalid \w+ value|invalid port number|definition of service"
    r"|parameter must be an integer|unrecognized configuration parameter"
    r"|invalid value for parameter"
)
_NOT_POSTGRESQL = re.compile(
    r"invalid response to SSL negotiation"
    r"|expected authentication request from server"
    r"|unsupported frontend protocol"
)
_TLS = re.compile(r"SSL|certificate|root\.crt|GSSAPI")
_ATTEMPT = re.compile(
    r'connection to server (?:at "(?P<host>[^"]*)"(?: \([^)]*\))?, port (?P<port>\d+)'
    r'|on socket "(?P<socket>[^"]*)") failed: (?P<why>.*)'
)


def from_sqlstate(
    sqlstate: str | None, message: str, detail: str = "", hint: str = ""
) -> TzmigrateError | None:
    """Build our error for a server's SQLSTATE, whichever driver brought it.

    Returns:
        The error, or ``None`` when the code is not one that we can explain.

    >>> from_sqlstate("TZ345", "tzmigrate TZ345: stale plan", "", "Plan.").message
    'stale plan'
    >>> type(from_sqlstate("55P03", "canceling statement")).__name__
    'Unavailable'
    """
    if sqlstate is None:
        return None
    if _OUR_STATE.fullmatch(sqlstate):
        ours = _OUR_MESSAGE.fullmatch(message)
        return error_from_code(
            sqlstate,
            ours[1] if ours else message,
            detail=detail or "",
            hint=hint or f"See docs/reference/codes.md, {sqlstate}.",
            sqlstate=sqlstate,
        )
    if sqlstate == "55000" and "non-system" not in message:
        # what else is called so is none that we can explain
        return None
    family = sqlstate[:2]
    known: tuple[str, str] | None
    if known := _REFUSED.get(sqlstate) or _REFUSED_CLASSES.get(family):
        kind: type[TzmigrateError] = Refused
    elif known := _UNAVAILABLE.get(sqlstate) or _UNAVAILABLE_CLASSES.get(family):
        kind = Unavailable
    else:
        return None
    code, advice = known
    if sqlstate == "42501" and "row-level security" in message:
        advice = _ROW_SECURITY
    text = " ".join(part for part in (detail, hint) if part)
    return kind(code, message, detail=text, hint=advice, sqlstate=sqlstate)


def from_psycopg(error: psycopg.Error) -> TzmigrateError | None:
    """Build our error for one of psycopg's, or ``None`` for one we cannot name."""
    diag = error.diag
    if diag.sqlstate:
        return from_sqlstate(
            diag.sqlstate,
            diag.message_primary or str(error),
            diag.message_detail or "",
            diag.message_hint or "",
        )
    if isinstance(error, psycopg.OperationalError):
        return _from_connection(str(error))
    return None


@contextmanager
def translated() -> Iterator[None]:
    """Raise our errors in place of psycopg's, chained to them.

    Raises:
        TzmigrateError: whatever the server or the network said.
    """
    try:
        yield
    except psycopg.Error as exc:
        ours = from_psycopg(exc)
        if ours is None:
            raise
        raise ours from exc


def wrong_parameter(said: str) -> UsageError:
    """Build the error for a connection parameter that cannot have its value."""
    return UsageError(
        "TZ211",
        "a parameter of the connection has a value that it cannot have",
        detail=said,
        hint="Correct it in the URL, or in the variable (PGSSLMODE, PGOPTIONS, …) or"
        " the service file that libpq takes it from.",
    )


def _from_connection(text: str) -> TzmigrateError:
    """Explain a failure that has no SQLSTATE: connecting, or a lost connection."""
    if _WRONG_VALUE.search(text):
        return wrong_parameter(_last_line(text))
    for pattern, sqlstate in _CONNECT_STATES:
        if pattern.search(text):
            detail = "".join(re.findall(r"DETAIL:\s+(.*)", text)[-1:])
            error = from_sqlstate(sqlstate, _last_line(text), detail)
            if error is not None:
                return error
    if _NOT_POSTGRESQL.search(text):
        return Refused(
            "TZ602",
            "the server is not PostgreSQL",
            detail=_last_line(text),
            hint="Check host and port of the URL.",
        )
    if _TLS.search(text) and "closed the connection" not in text:
        return Refused(
            "TZ606",
            "no secure connection could be agreed on",
            detail=_last_line(text),
            hint="Check sslmode and the certificates named in the URL.",
        )
    attempts = list(_ATTEMPT.finditer(text))
    unreached = attempts or "connection failed" in text or "resolve host" in text
    if unreached:
        server = f"the server at {_place(attempts[-1])}" if attempts else "the server"
        return Unavailable(
            "TZ507",
            f"{server} cannot be reached",
            detail=f"{attempts[-1]['why'] if attempts else _last_line(text)}.",
            hint="Check host and port, and that the server runs, then try again.",
        )
    if "timeout" in text:
        message, hint = "the server did not answer in time", "Try again later."
    else:
        message, hint = (
            "the connection was lost",
            "Check the server's log, and try again.",
        )
    return Unavailable("TZ507", message, detail=_last_line(text), hint=hint)


def _place(attempt: re.Match[str]) -> str:
    return attempt["socket"] or f"{attempt['host']}, port {attempt['port']},"


def _last_line(text: str) -> str:
    """Return the words of the last attempt; libpq joins one line per address."""
    if said := re.findall(r"(?:FATAL|ERROR):\s+(.*)", text):
        return str(said[-1])
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
