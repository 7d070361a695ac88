"""Read from the database where Alembic stands, without running ``env.py``."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from tzmigrate.errors import DecisionNeeded
from tzmigrate.postgres.quoting import readable_name
from tzmigrate.revisions.graph import RevisionGraph


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionTable:
    """One table of Alembic's.

    Attributes:
        heads: the revisions that it holds, in their order.
    """

    schema: str
    name: str
    heads: tuple[str, ...]

    @property
    def label(self) -> str:
        """The table as SQL names it."""
        return readable_name(self.schema, self.name)


def read_version_tables(
    connection: psycopg.Connection[Any],
) -> tuple[VersionTable, ...]:
    """Return every table that has the one column that Alembic's have, and no other.

    Those that the role may not read are left out.
    """
    found = []
    for schema, name in connection.execute(_query("version_tables")).fetchall():
        rows = connection.execute(
            sql.SQL("SELECT version_num::text FROM {} ORDER BY 1").format(
                sql.Identifier(schema, name)
            )
        ).fetchall()
        found.append(
            VersionTable(schema=schema, name=name, heads=tuple(row[0] for row in rows))
        )
    return tuple(found)


def first_schema(connection: psycopg.Connection[Any]) -> str | None:
    """Return what a name without its schema stands for in a session of this role.

    That is the first schema of the ``search_path`` that exists, before it was pinned.
    """
    with connection.transaction(force_rollback=True):
        connection.execute("SET LOCAL search_path TO DEFAULT")
        row = connection.execute("SELECT pg_catalog.current_schema()").fetchone()
    return row[0] if row else None


def of_project(
    tables: Sequence[VersionTable], graph: RevisionGraph, named: str | None = None
) -> tuple[VersionTable, ...]:
    """Return the tables that belong to a directory of revisions.

    More than one where each tenant has its own.

    Args:
        tables: all of the database.
        graph: the revisions of the directory.
        named: the one that the user names, as SQL would; it need not exist yet.
    """
    if named is not None:
        return tuple(t for t in tables if named in {t.label, t.name})
    known = tuple(t for t in tables if any(head in graph for head in t.heads))
    # one that holds nothing may be any project's; what is unknown is told
    return known or tuple(t for t in tables if not t.heads) or tuple(tables)


def check_at_head(
    connection: psycopg.Connection[Any],
    graph: RevisionGraph,
    *,
    head: str | None,
    named: str | None,
) -> None:
    """Stop where the directory is not the one that the database was migrated by.

    Revisions of ours may be pending, and a database without a version table is one
    that Alembic has not seen yet.

    Args:
        connection: to the database that is planned for.
        graph: the revisions of the directory.
        head: the head that is extended, as ``RevisionGraph.head`` takes it.
        named: the version table that the user names.

    Raises:
        DecisionNeeded: the database stands at a revision that the directory lacks, or
            below the head.
    """
    database, head = connection.info.dbname, graph.head(head)
    ours = {revision.revision for revision in graph.ours()}
    wanted = {head, *graph.earlier(head)} - ours if head is not None else set()
    for table in of_project(read_version_tables(connection), graph, named):
        unknown = [name for name in table.heads if name not in graph]
        if unknown:
            raise DecisionNeeded(
                "TZ320",
                f"database {database} is at revision {', '.join(unknown)} "
                f"({table.label}), which the Alembic directory does not have",
                detail="Nothing was written.",
                hint="Name the directory that holds it, with --version-path where "
                "env.py or the application sets version directories, else with "
                "--alembic-dir; or check out the branch that has it. Where that is "
                "the table of another application, name your own with version_table "
                "under [alembic].",
            )
        lacking = [
            file.revision
            for file in graph
            if file.revision in wanted - graph.applied(table.heads)
        ]
        if lacking:
            more = f" and {len(lacking) - 1} more" if lacking[1:] else ""
            raise DecisionNeeded(
                "TZ321",
                f"database {database} is not at head {head}: revision "
                f"{lacking[0]}{more} of yours is not applied ({table.label})",
                detail="What they change would not be planned for. Nothing was "
                "written.",
                hint="Upgrade the database to that head first; where there are "
                "several heads, name the one to build on with --head.",
            )


def _query(name: str) -> LiteralString:
    """Return one of this room's ``.sql`` files."""
    # a file of ours, shipped with the code: as literal as if it stood here
    return files(__package__).joinpath(f"{name}.sql").read_text("utf-8")
