"""An event trigger that gives every new relation an owner or grants changes nothing."""

from collections.abc import Callable
from typing import Any

import pytest
from psycopg import sql

SCHEMA = """
CREATE TABLE a (id int PRIMARY KEY, at timestamp);
CREATE TABLE b (id int PRIMARY KEY, at timestamp);
CREATE VIEW of_a AS SELECT id, at FROM a;
CREATE MATERIALIZED VIEW of_b AS SELECT id, at FROM b;
CREATE FUNCTION giving() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE made record;
BEGIN
  FOR made IN SELECT * FROM pg_event_trigger_ddl_commands()
      WHERE object_type IN ('view', 'materialized view') LOOP
    EXECUTE format({gift}, made.object_identity);
  END LOOP;
END $$;
CREATE EVENT TRIGGER gives ON ddl_command_end
  WHEN TAG IN ('CREATE VIEW', 'CREATE MATERIALIZED VIEW') EXECUTE FUNCTION giving()
"""

RIGHTS = """
SELECT array_agg(concat(c.relname, ' ', pg_get_userbyid(c.relowner), ' ',
  ARRAY(SELECT concat(a.grantee::regrole, ' ', a.privilege_type)
        FROM aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) AS a
        ORDER BY 1)) ORDER BY c.relname)
FROM pg_class c WHERE c.relname IN ('of_a', 'of_b')
"""


@pytest.mark.parametrize(
    "gift", ["GRANT SELECT ON %s TO {role}", "ALTER TABLE %s OWNER TO {role}"]
)
def test_owner_and_grants_are_those_of_before(
    database: Any,
    make_project: Callable[..., Any],
    make_role: Callable[..., Any],
    gift: str,
) -> None:
    role = make_role()
    given = gift.format(role=role.name)
    database.execute(sql.SQL(SCHEMA).format(gift=sql.Literal(given)).as_string())
    before = database.scalar(RIGHTS)
    project = make_project(database.url)
    project.plan(zones=("default=UTC",))
    project.run("upgrade", "head")
    assert database.scalar(RIGHTS) == before
    project.run("downgrade", "base")
    assert database.scalar(RIGHTS) == before
