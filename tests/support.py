"""The support, installed without a revision around it."""

from typing import Any

import psycopg

from tzmigrate.revisions import support


def install_support(connection: psycopg.Connection[Any]) -> None:
    """Install it in one transaction, as the connection's role."""
    with connection.transaction():
        for statement in support.install():
            connection.execute(statement)
