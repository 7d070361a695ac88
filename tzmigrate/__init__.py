"""tzmigrate: from timestamp to timestamptz, with proof and a way back.

The public API is the verbs of the command line as functions; each returns a document
of frozen dataclasses and never prints:

    from tzmigrate import Connection, scan
    inventory = scan(Connection(url="postgresql://localhost/shop"))
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tzmigrate.commands import (
        AlembicOptions,
        Connection,
        Selection,
        SqlOptions,
        adopt,
        apply,
        plan,
        rollback,
        scan,
        status,
        verify,
    )

__version__ = "0.1.0"

__all__ = [
    "AlembicOptions",
    "Connection",
    "Selection",
    "SqlOptions",
    "adopt",
    "apply",
    "plan",
    "rollback",
    "scan",
    "status",
    "verify",
]


def __getattr__(name: str) -> object:
    # drivers take long to import, and --help needs none of them
    if name in __all__:
        from tzmigrate import commands  # noqa: PLC0415 - see above

        return getattr(commands, name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
