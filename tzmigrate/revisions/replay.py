"""Read the statements of a planned revision back from its file, without running it."""

import ast
from pathlib import Path

from tzmigrate.errors import UsageError


def upgrade_statements(path: Path) -> tuple[str, ...]:
    """Return what the upgrade of a revision of ours executes, in its order.

    Raises:
        UsageError: the file holds something else than ``op.execute`` of plain text.
    """
    constants: dict[str, str] = {}
    body: list[ast.stmt] = []
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == "upgrade":
            body = node.body
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            value = node.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                constants[node.targets[0].id] = value.value
    found = []
    for statement in body:
        if isinstance(statement, ast.Expr) and isinstance(
            statement.value, ast.Constant
        ):
            continue  # the docstring
        text = _executed(statement, constants)
        if text is None:
            raise UsageError(
                "TZ252",
                f"line {statement.lineno} of {path} is not what tzmigrate wrote",
                detail="The plan tries the revisions that are not applied yet, in "
                "their order, before it writes another.",
                hint="Restore the file from version control; or delete it, with the "
                "other planned files that are not applied yet, and plan again.",
            )
        found.append(text)
    return tuple(found)


def _executed(statement: ast.stmt, constants: dict[str, str]) -> str | None:
    if not (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Call)
        and isinstance(statement.value.func, ast.Attribute)
        and statement.value.func.attr == "execute"
        and len(statement.value.args) == 1
    ):
        return None
    (argument,) = statement.value.args
    if isinstance(argument, ast.Name):
        return constants.get(argument.id)
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value
    return None
