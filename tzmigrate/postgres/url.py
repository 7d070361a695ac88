"""Find out which database is meant, and write it as libpq reads it."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Target:
    """A database to connect to.

    Attributes:
        conninfo: a libpq connection string; empty means libpq's ``PG*``.
        source: where it was found, in words.
        redacted: the same for messages, without password.
    """

    conninfo: str = field(repr=False)
    source: str = "--url"
    redacted: str = ""
