"""What a superuser cannot read from its text without running functions of others.

A literal of an array, composite or range type is turned into a value while the text
around it is parsed, and a domain in it asks its CHECKs. Whoever makes such a view or
default anew runs their functions, with all rights where it is a superuser: PostgreSQL
has no way to arrange that otherwise, so it is said before anything is read. So it is of
a function of constants, which PostgreSQL calls as soon as a table is made that has it.
"""

from collections.abc import Iterable
from typing import Any

import psycopg

from tzmigrate.errors import Refused
from tzmigrate.inventory.asking import array, ask
from tzmigrate.inventory.rows import CalledRow, FoldedRow, ReadByFunctionsRow
from tzmigrate.planning.folding import Folding, named


def check_readable(connection: psycopg.Connection[Any]) -> None:
    """Refuse to read, as a superuser, what would run functions of an ordinary role.

    Args:
        connection: to the database that is planned for, in a transaction of ours.

    Raises:
        Refused: names the object, the type and the role.
    """
    armed = ask(connection, "read_by_functions", ReadByFunctionsRow)
    if not armed:
        return
    first = armed[0]
    raise Refused(
        "TZ652",
        f"{first.name} holds a value of type {first.type}: whoever reads its text runs "
        f"the CHECKs of domain {first.domain}, which may call what belongs to "
        f"{first.owner}",
        detail="They would run with the rights of a superuser, on the shadow and in "
        "the revision. Nothing was done.",
        hint=f"Connect as {first.owner}, or as another role that is no superuser.",
    )


def check_foldable(connection: psycopg.Connection[Any], added: Iterable[int]) -> None:
    """Refuse to make tables, as a superuser, that call functions of an ordinary role.

    Args:
        connection: to the database that is planned for, in a transaction of ours.
        added: OIDs of constraints that tables get which are there already.

    Raises:
        Refused: names the object, the function and the role.
    """
    folded = ask(connection, "folded", FoldedRow, {"added": array(added)})
    if not folded:
        return
    functions, operators = named([row.tree for row in folded])
    parameters = {"functions": array(functions), "operators": array(operators)}
    folding = Folding(ask(connection, "called", CalledRow, parameters))
    for name, tree in folded:
        if (called := folding.of_others(tree)) is not None:
            raise Refused(
                "TZ652",
                f"{name} may have {called.function} called while its table is made,"
                f" which {_whose(called)}",
                detail="PostgreSQL calls an immutable function of constants, and what"
                " the body of a function in SQL calls so, as soon as the table is made:"
                " on the shadow, with the rights of a superuser. Nothing was done.",
                hint=f"Connect as {called.owner}, or as another role that is no"
                " superuser."
                if called.ordinary
                else "Connect as a role that is no superuser, or let the function be"
                " in PL/pgSQL.",
            )


def _whose(called: CalledRow) -> str:
    if called.ordinary:
        return f"belongs to {called.owner}"
    return "is in SQL, and calls what belongs to an ordinary role"
