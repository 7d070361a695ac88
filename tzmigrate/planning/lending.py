"""What of ordinary roles is called with the rights of a superuser.

Where an ordinary role owns a table, what is called for its rows has that role's rights
in a revision (``run_as_owner``). Where a superuser owns it, there is nobody else whose
rights it could have, whoever runs the revision: so it is said.
"""

from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any

import psycopg

from tzmigrate.inventory.model import Finding, Severity
from tzmigrate.planning.model import Group
from tzmigrate.postgres.quoting import readable_name


def lent(
    connection: psycopg.Connection[Any], groups: Sequence[Group]
) -> Iterator[Finding]:
    """Yield a warning for each function or domain of an ordinary role that is called.

    Args:
        connection: to the database that is planned for; of a superuser, else nothing
            is yielded.
        groups: what is planned.
    """
    tables = {(c.schema, c.relation) for g in groups for c in g.converted}
    question = files(__package__).joinpath("lending.sql").read_bytes()
    for schema, relation, holder, called, owner in connection.execute(question):
        if (schema, relation) in tables:
            yield Finding(
                code="TZ329",
                severity=Severity.WARNING,
                message=f"{called} belongs to {owner}, and {holder} of "
                f"{readable_name(schema, relation)} calls it with the rights of a "
                "superuser, to whom that table belongs",
                hint=f"If you do not trust {owner}, give the table to {owner} or the "
                "function or domain to the owner of the table, before you apply.",
            )
