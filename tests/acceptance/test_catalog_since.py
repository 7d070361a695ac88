"""After the conversion verify tells what else changed around the tables."""

from collections.abc import Callable
from typing import Any

import pytest

from tzmigrate.verification.model import Outcome

SCHEMA = """
CREATE TABLE orders (id int PRIMARY KEY, at timestamp, note text);
CREATE TABLE parcels (id int PRIMARY KEY, sent_at timestamp);
CREATE INDEX orders_note ON orders (note);
CREATE VIEW days AS
    SELECT o.id, o.at, p.sent_at FROM orders o JOIN parcels p USING (id);
GRANT SELECT ON orders TO public;
INSERT INTO orders VALUES (1, '2024-07-01 12:00', 'a');
INSERT INTO parcels VALUES (1, '2024-07-02 12:00');
"""


@pytest.fixture
def converted(
    make_database: Callable[..., Any], make_project: Callable[..., Any]
) -> tuple[Any, Any]:
    database = make_database()
    database.execute(SCHEMA)
    project = make_project(database.url)
    project.configure('[zones]\ndefault = "UTC"\n')
    project.plan()
    project.run("upgrade", "heads")
    return database, project


def told(project: Any) -> dict[str, str]:
    proof = project.verify()
    assert proof.outcome is Outcome.PROVED
    return {f.message: f.severity.value for f in proof.findings if f.code == "TZ420"}


def test_nothing_is_told_where_nothing_changed(converted: Any) -> None:
    # the second step made the view anew that the first one had left
    _, project = converted
    assert told(project) == {}


@pytest.mark.parametrize(
    ("change", "message", "severity"),
    [
        (
            "DROP INDEX orders_note",
            "index public.orders_note is gone since the conversion",
            "warning",
        ),
        (
            "CREATE INDEX later ON parcels (sent_at)",
            "index public.later was added since the conversion",
            "info",
        ),
        ("DROP VIEW days", "view public.days is gone since the conversion", "warning"),
        (
            "ALTER TABLE orders ALTER at SET DEFAULT now()",
            "column public.orders.at: default was nothing, is now()",
            "warning",
        ),
    ],
)
def test_what_changed_is_told(
    converted: Any, change: str, message: str, severity: str
) -> None:
    database, project = converted
    database.execute(change)
    assert told(project).get(message) == severity


def test_a_lost_grant_is_told(converted: Any) -> None:
    database, project = converted
    database.execute("REVOKE SELECT ON orders FROM public")
    (message,) = told(project)
    assert message.startswith("table public.orders: grants was ")


def test_what_was_taken_back_is_not_compared(converted: Any) -> None:
    database, project = converted
    project.run("downgrade", "-1")
    database.execute("DROP VIEW days")
    assert all("days" in message for message in told(project))
