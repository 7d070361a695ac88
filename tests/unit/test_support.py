"""The support SQL obeys what Alembic, offline mode and psql ask of it."""

import re

import pytest

from tzmigrate.inventory import asking
from tzmigrate.revisions import support
from tzmigrate.revisions.operations import draft_of
from tzmigrate.revisions.render import support_script

EVERY = [
    *support.install(),
    *support.trial(),
    *support.uninstall(),
    support.guard(),
]


@pytest.mark.parametrize("statement", EVERY, ids=lambda s: s.strip()[:40])
def test_a_statement_holds_nothing_that_alembic_changes(statement: str) -> None:
    assert "%" not in statement
    assert "\t" not in statement
    assert "\\" not in statement
    assert re.search(r"(?<![:\w\\]):[\w$]", statement) is None


def test_every_function_that_revisions_call_pins_its_search_path() -> None:
    functions = [s for s in EVERY if "CREATE OR REPLACE FUNCTION" in s]
    assert functions
    inlined = {"microseconds"}
    # these set the transaction's own search_path, which a SET clause would undo
    pinned_by_hand = {
        *("begin_step", "prove_step", "close_step"),
        *("as_found", "as_pinned"),
        *("quick_guard", "quick_prove"),
    }
    for function in functions:
        name = re.search(r"FUNCTION tzmigrate\.(\w+)", function)
        assert name is not None
        if name[1] not in inlined | pinned_by_hand:
            assert "SET search_path = pg_catalog, pg_temp" in function, name[1]


def test_statements_are_split_at_their_ends_only() -> None:
    assert all(s.count("$tz$") % 2 == 0 for s in EVERY)
    assert sum("CREATE TABLE" in s for s in support.install()) == 6
    for statement in EVERY:
        lines = statement.splitlines()
        assert not all(line.startswith("--") for line in lines), statement


def test_the_support_revision_is_python() -> None:
    body = draft_of(support_script("0a1b2c3d4e5f"))
    compile(f"def upgrade():\n{body.upgrade}", "upgrade", "exec")
    compile(f"def downgrade():\n{body.downgrade}", "downgrade", "exec")


def test_no_revision_knows_the_shortcuts_of_a_trial() -> None:
    body = draft_of(support_script("0a1b2c3d4e5f"))
    assert "tzmigrate.again" in "".join(support.trial())
    assert "tzmigrate.again" not in body.upgrade + body.downgrade


def test_the_support_can_be_installed_over_itself() -> None:
    made = re.findall(r"(?m)^\s*CREATE (?!SCHEMA).*", "\n".join(support.install()))
    assert len(made) > 20
    for line in made:
        assert "CREATE OR REPLACE FUNCTION" in line or "IF NOT EXISTS" in line


def test_a_plan_and_a_step_ask_alike_for_what_calls_functions_while_it_is_read() -> (
    None
):
    """The plan asks where no support is installed yet, so the question stands twice."""

    def question(text: str) -> str:
        asked = re.search(r"(?s)WITH RECURSIVE armed.*?\n *\), (?=reading)", text)
        asked = asked or re.search(r"(?s)WITH RECURSIVE armed.*?\n *\)\n", text)
        assert asked is not None
        return " ".join(asked[0].rstrip(" ,\n)").split())

    planned = asking.statement("read_by_functions").decode()
    assert question(support.sql_file("rights")) == question(planned)
