"""What a superuser cannot read from its text without running functions of others.

A literal of an array, composite or range type is turned into a value while the text
around it is parsed, and a domain in it asks its CHECKs. Whoever makes such a view or
default anew runs their functions, with all rights where it is a superuser: PostgreSQL
has no way to arrange that otherwise, so it is said before anything is read.
"""

from importlib.resources import files
from typing import Any

import psycopg

from tzmigrate.errors import Refused


def check_readable(connection: psycopg.Connection[Any]) -> None:
    """Refuse to read, as a superuser, what would run functions of an ordinary role.

    Args:
        connection: to the database that is planned for, in a transaction of ours.

    Raises:
        Refused: names the object, the type and the role.
    """
    query = files(__package__).joinpath("read_by_functions.sql").read_bytes()
    row = connection.execute(query).fetchone()
    if row is None:
        return
    thing, type_, domain, owner = row
    raise Refused(
        "TZ652",
        f"{thing} holds a value of type {type_}: whoever reads its text runs the CHECKs"
        f" of domain {domain}, which belongs to {owner}",
        detail="They would run with the rights of a superuser, on the shadow and in "
        "the revision. Nothing was done.",
        hint=f"Connect as {owner}, or as another role that is no superuser.",
    )
