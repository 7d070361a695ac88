"""Everything that can go wrong, as one small tree.

    TzmigrateError
    ├── UsageError      TZ2nn  exit 2  the command or its configuration is wrong
    ├── DecisionNeeded  TZ3nn  exit 3  a person must decide
    ├── NotProved       TZ4nn  exit 4  shifted, suspect, damaged, or not enough to prove
    ├── Unavailable     TZ5nn  exit 5  safe to try again
    └── Refused         TZ6nn  exit 6  the set-up must be fixed first

The first digit of a code is the exit status. Revisions raise the same codes
on the server, as SQLSTATE, so one rule maps them all. Codes that start with 1
belong to findings: they describe, and never end a command by themselves.
"""

from enum import IntEnum


class ExitStatus(IntEnum):
    """What the process tells its caller (docs/reference/exit-statuses.md)."""

    DONE = 0
    BUG = 1
    USAGE = 2
    DECISION = 3
    NOT_PROVED = 4
    UNAVAILABLE = 5
    REFUSED = 6


class TzmigrateError(Exception):
    """Something went wrong that the user can act on.

    Args:
        code: ``TZnnn``; its page is ``docs/reference/codes.md``.
        message: one line, lower case, no full stop; names the object.
        detail: what was seen, as sentences. May be empty.
        hint: what to do next, as a sentence. Never empty.
        sqlstate: the server's code where the server refused, else ``None``.
    """

    exit_status = ExitStatus.BUG

    def __init__(
        self,
        code: str,
        message: str,
        *,
        hint: str,
        detail: str = "",
        sqlstate: str | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.detail = detail
        self.hint = hint
        self.sqlstate = sqlstate


class UsageError(TzmigrateError):
    """The command line or the configuration file is wrong."""

    exit_status = ExitStatus.USAGE


class DecisionNeeded(TzmigrateError):
    """A person must choose before tzmigrate goes on."""

    exit_status = ExitStatus.DECISION


class NotProved(TzmigrateError):
    """An instant moved, or it could not be proved that none did."""

    exit_status = ExitStatus.NOT_PROVED


class Unavailable(TzmigrateError):
    """The server, a lock or the time ran out; trying again is safe."""

    exit_status = ExitStatus.UNAVAILABLE


class Refused(TzmigrateError):
    """The set-up has to be fixed before anything can be done."""

    exit_status = ExitStatus.REFUSED


_BY_STATUS: dict[str, type[TzmigrateError]] = {
    "2": UsageError,
    "3": DecisionNeeded,
    "4": NotProved,
    "5": Unavailable,
    "6": Refused,
}


def error_from_code(
    code: str, message: str, *, hint: str, detail: str = "", sqlstate: str | None = None
) -> TzmigrateError:
    """Build the error that a ``TZnnn`` code stands for.

    >>> type(error_from_code("TZ345", "stale plan", hint="Plan again.")).__name__
    'DecisionNeeded'
    """
    kind = _BY_STATUS.get(code[2:3], TzmigrateError)
    return kind(code, message, hint=hint, detail=detail, sqlstate=sqlstate)
