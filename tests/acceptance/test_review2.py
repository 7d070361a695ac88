"""Unusual settings of the server, and a way back that hides nothing."""

from collections.abc import Callable
from typing import Any

from tzmigrate.verification.model import Outcome

ORDERS = """
CREATE TABLE orders (id integer PRIMARY KEY, at timestamp, shipped timestamp);
INSERT INTO orders SELECT g, timestamp '2024-01-01' + g * interval '1 hour'
FROM generate_series(1, 300) AS g;
"""


def test_the_strictest_checks_of_plpgsql_keep_no_support_out(
    database: Any, make_project: Callable[..., Any]
) -> None:
    database.execute(ORDERS)
    database.execute(
        f"ALTER DATABASE \"{database.name}\" SET plpgsql.extra_errors = 'all';"
        f' ALTER DATABASE "{database.name}" SET plpgsql.check_asserts = on'
    )
    project = make_project(database.url)
    project.plan(zones=("default=Asia/Kathmandu",))
    project.apply()
    assert project.verify().outcome is Outcome.PROVED
    project.rollback(everything=True)
    assert project.verify().outcome is Outcome.PROVED
