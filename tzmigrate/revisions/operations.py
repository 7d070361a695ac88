"""Write a script as ``op.execute`` calls: the two functions of an Alembic revision."""

from functools import cache

from tzmigrate.revisions import support
from tzmigrate.revisions.render import Script, Statement
from tzmigrate.revisions.source import quoted
from tzmigrate.revisions.template import Draft


def draft_of(script: Script) -> Draft:
    """Return the draft of the revision that runs a script."""
    # all but the installation begin with the guard, up and down
    guarded = script.facts["kind"] != "support"

    def body(statements: tuple[Statement, ...]) -> str:
        return "\n".join([_operation(s, guarded=guarded) for s in statements])

    return Draft(
        revision=script.revision,
        slug=script.slug,
        message=script.title,
        upgrade=body(script.up),
        downgrade=body(script.down),
        facts=script.facts,
        constants=f"GUARD = {in_block(support.guard())}\n" if guarded else "",
        depends_on=script.depends_on,
    )


@cache
def laid_out() -> frozenset[str]:
    """Return the statements of the support, which its files lay out themselves."""
    return frozenset((*support.install(), *support.uninstall()))


def in_block(sql: str) -> str:
    """Return laid out SQL as a Python string in triple quotes."""
    if '"""' in sql or "\\" in sql or sql.endswith('"'):
        message = "the support holds text that a triple-quoted string changes"
        raise ValueError(message)
    return f'"""\\\n{sql}\n"""'


def in_lines(sql: str, indent: str) -> str:
    """Return SQL of several lines as Python strings below each other."""
    if '"' in sql or "\\" in sql:
        *pieces, last = sql.split("\n")
        lines = [quoted(f"{piece}\n") for piece in pieces] + [quoted(last)]
        return f"\n{indent}".join(lines)
    return quoted(sql).replace("\\n", f'\\n"\n{indent}"')  # the same in one go


def _operation(statement: Statement, *, guarded: bool) -> str:
    sql = statement.sql
    if guarded and sql == support.guard():
        return "    op.execute(GUARD)"
    if sql in laid_out():
        return f"    op.execute({in_block(sql)})"
    note = f"    # {statement.note}\n" if statement.note else ""
    if "\n" not in sql:
        return f"{note}    op.execute({quoted(sql)})"
    return f"{note}    op.execute(\n        {in_lines(sql, ' ' * 8)}\n    )"
