"""A new head revision that takes an earlier one back.

Where the team's own revisions stand above ours, a downgrade would take them down too.
The inverse goes on top instead: its upgrade is the old downgrade, and the reverse.
"""

import ast
from pathlib import Path

from tzmigrate.errors import UsageError
from tzmigrate.revisions.graph import RevisionGraph, new_revision_id
from tzmigrate.revisions.ours import OurRevision
from tzmigrate.revisions.template import Draft


def inverse_draft(graph: RevisionGraph, revision: OurRevision) -> Draft:
    """Return the draft whose upgrade is the given revision's downgrade.

    Raises:
        UsageError: the file has lost one of the functions, or its guard.
    """
    bodies = _bodies(revision.path)
    identifier = new_revision_id(graph)
    facts = {
        key: value
        for key, value in revision.facts.items()
        if key not in {"digest", "kind", "step"}
    }
    return Draft(
        revision=identifier,
        slug=f"{revision.step}_inverse",
        message=f"take back {revision.step} ({revision.revision})",
        upgrade=bodies["downgrade"],
        downgrade=bodies["upgrade"],
        constants=f"{bodies['GUARD']}\n",
        facts=facts
        | {
            "kind": "inverse",
            "step": f"{revision.step}_inverse",
            "inverts": revision.step,
        },
    )


def _bodies(path: Path) -> dict[str, str]:
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines(keepends=True)
    found: dict[str, str] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name in {"upgrade", "downgrade"}:
            body = node.body
            if isinstance(body[0], ast.Expr) and isinstance(
                body[0].value, ast.Constant
            ):
                body = body[1:]  # the docstring
            start, end = body[0].lineno - 1, body[-1].end_lineno
            found[node.name] = "".join(lines[start:end]).rstrip("\n")
        elif (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id == "GUARD"
        ):
            found["GUARD"] = "".join(lines[node.lineno - 1 : node.end_lineno])
    if set(found) != {"upgrade", "downgrade", "GUARD"}:
        raise UsageError(
            "TZ252",
            f"{path} no longer holds its upgrade, downgrade and GUARD",
            hint="Restore the file from version control.",
        )
    return found
