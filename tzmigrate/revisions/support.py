"""The support: the schema, tables and functions that revisions use in the database.

Its SQL stands in ``support/*.sql`` and runs in psql as it is.
"""

from functools import cache
from importlib.resources import files

VERSION = 1
"""What ``begin_step`` asks for; a revision runs with the version it was written for."""

INSTALLED = (
    "install",
    "tables",
    "steps",
    "routines",
    "dependents",
    "rights",
    "families",
    "columns",
    "trees",
    "values",
    "picture",
    "properties",
    "generated",
    "not_nulls",
    "repairs",
    "conversion",
    "close",
)
"""Files of ``support/`` in the order in which they run."""

_SENTINEL = "$tz$"

_LEAVING = "SELECT pg_catalog.set_config('tzmigrate.leaving', 'yes', true)"
"""Tells the guard that a support which is gone already is no hindrance."""


def sql_file(name: str) -> str:
    """Return one file of the support as text."""
    return files(__package__).joinpath("support", f"{name}.sql").read_text("utf-8")


@cache
def statements(name: str) -> tuple[str, ...]:
    """Split a file of the support into statements, comments before each kept.

    A semicolon at the end of a line ends a statement, unless a body is open.
    """
    found: list[str] = []
    lines: list[str] = []
    open_body = False
    for line in sql_file(name).splitlines():
        lines.append(line)
        open_body ^= line.count(_SENTINEL) % 2 == 1
        comment = line.startswith("--")
        if line.rstrip().endswith(";") and not (open_body or comment):
            found.append("\n".join(lines).strip().removesuffix(";"))
            lines = []
    rest = "\n".join(lines).strip()
    if rest:
        found.append(rest)
    return tuple(found)


def install() -> tuple[str, ...]:
    """Return the statements of the first planned revision's upgrade."""
    return tuple(statement for name in INSTALLED for statement in statements(name))


def trial() -> tuple[str, ...]:
    """Return what follows the installation on a shadow, and nowhere else."""
    return (*statements("trial"), *statements("close"))


def uninstall() -> tuple[str, ...]:
    """Return the statements of the first planned revision's downgrade."""
    return (_LEAVING, guard(), *statements("uninstall"))


def guard() -> str:
    """Return the statement that opens every later revision."""
    (statement,) = statements("guard")
    return statement
