"""Give PostgreSQL's planner the statistics again that a step took from it."""

from collections.abc import Callable
from importlib.resources import files

import psycopg
from psycopg import sql

from tzmigrate.postgres.session import Session

_LOCK_TIMEOUT = "2s"


def analyze(session: Session, step: str, progress: Callable[[str], None]) -> None:
    """Analyze what a step of ours changed or made anew (facts section 15).

    What cannot be analyzed now is told with the statement that does it later.

    Args:
        session: in autocommit mode.
        step: that has run, up or down, as the ledger names it.
        progress: told what was not possible.
    """
    query = files(__package__).joinpath("statistics.sql").read_bytes()
    try:
        session.execute(
            "SELECT pg_catalog.set_config('lock_timeout', %s, false)", (_LOCK_TIMEOUT,)
        )
        lost = session.execute(query, {"step": step}).fetchall()
    except psycopg.Error as error:
        progress(
            f"{step}: statistics are missing ({_words(error)}); "
            "run it when you can: ANALYZE"
        )
        return
    for schema, relation, columns in lost:
        statement = sql.SQL("ANALYZE {}").format(sql.Identifier(schema, relation))
        if columns:
            names = sql.SQL(", ").join(map(sql.Identifier, columns))
            statement += sql.SQL(" ({})").format(names)
        try:
            session.execute(statement)
        except psycopg.Error as error:
            progress(
                f"{step}: statistics are missing ({_words(error)}); "
                f"run it when you can: {statement.as_string(session)}"
            )


def _words(error: psycopg.Error) -> str:
    return error.diag.message_primary or str(error).partition("\n")[0]
