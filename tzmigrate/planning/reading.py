"""What a superuser cannot read from its text without running functions of others.

A literal of an array, composite or range type is turned into a value while the text
around it is parsed, and a domain in it asks its CHECKs. Whoever makes such a view or
default anew runs their functions, with all rights where it is a superuser: PostgreSQL
has no way to arrange that otherwise, so it is said before anything is read.
"""

from typing import Any

import psycopg

from tzmigrate.errors import Refused
from tzmigrate.inventory.asking import ask
from tzmigrate.inventory.rows import ReadByFunctionsRow


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
