"""What of ordinary roles is called with the rights of a superuser.

Where an ordinary role owns a table, what is called for its rows has that role's rights
in a revision (``run_as_owner``). Where a superuser owns it, there is nobody else whose
rights it could have, whoever runs the revision: so it is said. So it is of materialized
views that are refreshed.
"""

from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any, NamedTuple

import psycopg

from tzmigrate.inventory.model import Finding, Severity
from tzmigrate.planning.model import DependentKind, Group
from tzmigrate.postgres.quoting import readable_name


class Lent(NamedTuple):
    """lending.sql: ``owner`` as SQL writes it, or PUBLIC.

    ``way``: it belongs to that one and is called for a ``table``, or for a materialized
    ``view``, or stands in a ``schema`` where that one may create another.
    """

    schema: str
    relation: str
    printed: str
    holder: str
    called: str
    owner: str
    way: str


def lent(
    connection: psycopg.Connection[Any], groups: Sequence[Group]
) -> Iterator[Finding]:
    """Yield a warning for each thing of an ordinary role that is called.

    Args:
        connection: to the database that is planned for; of a superuser, else nothing
            is yielded.
        groups: what is planned.
    """
    tables = {(c.schema, c.relation) for g in groups for c in g.converted}
    views = {
        d.relation
        for g in groups
        for d in g.dependents
        if d.kind is DependentKind.MATERIALIZED_VIEW
    }
    question = files(__package__).joinpath("lending.sql").read_bytes()
    for row in map(Lent._make, connection.execute(question)):
        planned = (row.schema, row.relation) in tables
        if row.printed in views if row.way == "view" else planned:
            message, hint = _words(row)
            yield Finding(
                code="TZ329", severity=Severity.WARNING, message=message, hint=hint
            )


def _words(row: Lent) -> tuple[str, str]:
    name = readable_name(row.schema, row.relation)
    distrust = f"If you do not trust {row.owner}, "
    if row.way == "schema":
        return (
            f"{row.owner} may create functions where {row.called} is, and {row.holder} "
            f"of {name} calls with the rights of a superuser, to whom that table "
            "belongs, which fits best when it is made anew",
            f"{distrust}revoke CREATE on that schema, or take the schema over, before "
            "you apply.",
        )
    if row.way == "view":
        return (
            f"{row.called} belongs to {row.owner}, and materialized view {name} is "
            "filled from it with the rights of a superuser, to whom that one belongs",
            f"{distrust}give the materialized view to {row.owner}, or the other to the"
            " owner of the materialized view, before you apply.",
        )
    return (
        f"{row.called} belongs to {row.owner}, and {row.holder} of {name} calls it with"
        " the rights of a superuser, to whom that table belongs",
        f"{distrust}give the table to {row.owner} or the function or domain to the "
        "owner of the table, before you apply.",
    )
