"""PostgreSQL 18: a NOT NULL that a key holds, in trees where its names differ."""

from collections.abc import Callable
from typing import Any

import pytest

from tzmigrate.planning.model import Action

CHILD = """
CREATE TABLE base (id int NOT NULL, at timestamp NOT NULL);
CREATE TABLE invoices (PRIMARY KEY (id, at)) INHERITS (base);
CREATE TABLE credits (PRIMARY KEY (id, at)) INHERITS (invoices);
"""
LATE = """
CREATE TABLE base (id int NOT NULL, at timestamp NOT NULL);
CREATE TABLE invoices () INHERITS (base);
ALTER TABLE invoices ADD PRIMARY KEY (id, at);
CREATE TABLE credits (at timestamp CONSTRAINT mine NOT NULL) INHERITS (base);
"""
PARTITION = """
CREATE TABLE invoices (id int, at timestamp, PRIMARY KEY (id, at))
  PARTITION BY LIST (id);
CREATE TABLE credits (id int NOT NULL, at timestamp CONSTRAINT mine NOT NULL);
ALTER TABLE invoices ATTACH PARTITION credits DEFAULT;
"""
COMMENT = """
CREATE TABLE invoices (id int, at timestamp NOT NULL);
CREATE UNIQUE INDEX invoices_at ON invoices (at);
ALTER TABLE invoices REPLICA IDENTITY USING INDEX invoices_at;
CREATE TABLE credits () INHERITS (invoices);
COMMENT ON CONSTRAINT invoices_at_not_null ON credits IS 'of credits';
"""
UNCOMMENTED = "COMMENT ON CONSTRAINT invoices_at_not_null ON credits IS NULL"


def renamed(away: str, now: str, to: str, back: str) -> str:
    return (
        f"ALTER TABLE {away};"
        f"ALTER TABLE credits RENAME CONSTRAINT {now} TO {to};"
        f"ALTER TABLE {back}"
    )


@pytest.mark.pg(">=18")
@pytest.mark.parametrize(
    ("statements", "held", "remedy"),
    [
        (
            CHILD,
            "invoices_at_not_null of public.invoices",
            renamed(
                "credits NO INHERIT invoices",
                "credits_at_not_null",
                "invoices_at_not_null",
                "credits INHERIT invoices",
            ),
        ),
        (
            LATE,
            "base_at_not_null of public.invoices",
            renamed(
                "credits NO INHERIT base",
                "mine",
                "base_at_not_null",
                "credits INHERIT base",
            ),
        ),
        (
            PARTITION,
            "invoices_at_not_null of public.invoices",
            renamed(
                "invoices DETACH PARTITION credits",
                "mine",
                "invoices_at_not_null",
                "invoices ATTACH PARTITION credits DEFAULT",
            ),
        ),
        (COMMENT, "invoices_at_not_null of public.invoices", UNCOMMENTED),
    ],
    ids=["child", "late key", "partition", "comment"],
)
def test_a_not_null_that_a_key_holds_is_refused_with_a_way_out(
    statements: str,
    held: str,
    remedy: str,
    *,
    database: Any,
    make_project: Callable[..., Any],
    equal_dumps: Callable[..., None],
) -> None:
    database.execute(statements)
    name = held.partition(" ")[0]
    project = make_project(database.url)
    plan = project.plan(zones=("default=Europe/Berlin",))
    (column,) = (c for g in plan.groups for c in g.columns)
    assert (column.action, column.code) == (Action.REFUSE, "TZ337")
    assert f"constraint {held} cannot be taken away" in column.reason
    assert "column at of public.credits" in column.reason
    assert f"Name it {name}, without a comment" in column.hint
    database.execute(remedy)
    before = database.dump_apart()
    plan = project.plan(zones=("default=Europe/Berlin",))
    assert {c.action for g in plan.groups for c in g.columns} == {Action.CONVERT}
    project.run("upgrade", "head")
    project.run("downgrade", "base")
    equal_dumps(database, before)


@pytest.mark.pg(">=18")
def test_a_name_that_came_since_the_plan_stops_the_revision(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(
        "CREATE TABLE invoices (id int, at timestamp, PRIMARY KEY (id, at));"
        "CREATE TABLE credits () INHERITS (invoices)"
    )
    project = make_project(database.url)
    project.plan(zones=("default=UTC",))
    database.execute(
        "COMMENT ON CONSTRAINT invoices_at_not_null ON credits IS 'of credits'"
    )
    with pytest.raises(Exception, match="TZ337: constraint invoices_at_not_null"):
        project.run("upgrade", "head")
