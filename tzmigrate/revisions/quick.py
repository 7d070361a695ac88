"""What down and up again run on the shadow where several groups are tried as one.

Everything is made and unmade as the revisions do it. What only looks, and has looked
in the first run, is left out, or asked once for all the groups (support/trial.sql).
"""

import re
from collections.abc import Collection, Iterator, Sequence

from tzmigrate.planning.ddl import qualified
from tzmigrate.planning.model import Group, RelationName, Strategy
from tzmigrate.revisions import wire
from tzmigrate.revisions.render import Direction, named

AGAIN = "quick"
"""How ``tzmigrate.again`` tells trial.sql of such a run."""

_CALL = re.compile(r"SELECT tzmigrate[.](\w+)\(")
_GUARD = re.compile(r"DO [$]tz[$] BEGIN\nIF tzmigrate[.](\w+)\((.*)\) THEN\n")
_TRUE = "DO $tz$ BEGIN\nIF true THEN\n"
# one statement of SQL alone; what PL/pgSQL has around it begins otherwise
_ALWAYS = re.compile(
    rf"(?s)\A{re.escape(_TRUE)}((?:ALTER|CREATE|DROP) .*);\nEND IF;\nEND [$]tz[$]\Z"
)


def quickly(
    statements: Sequence[str],
    group: Group,
    direction: Direction,
    bare: Collection[tuple[str, str, str | None]],
) -> Iterator[str]:
    """Yield what runs in place of a revision's statements.

    Args:
        statements: those of ``render.group_statements``.
        group: all the groups as one.
        direction: which way they go.
        bare: dependents that have nothing to be given back, as trial.sql knows them.
    """
    plain = {
        named(d) for d in group.dependents if (d.kind.value, d.relation, d.name) in bare
    }
    for text in statements:
        call = _CALL.match(text)
        if call is None:
            guarded = _GUARD.sub(lambda found: _guard(found, plain), text, count=1)
            yield _ALWAYS.sub(r"\1", guarded)
        elif call[1] == "begin_step":
            yield text
            yield _plan(group, direction)
        elif call[1] == "take_step":
            yield "SELECT tzmigrate.quick_take()"
        elif call[1] == "prove_step":
            yield "SELECT tzmigrate.quick_prove()"
        elif call[1] == "give_back":
            if text[call.end() : -1] not in plain:
                yield text
        elif call[1] not in {"plan_column", "plan_dependent", "choose_sample"}:
            yield text


def _guard(found: re.Match[str], plain: Collection[str]) -> str:
    asked, arguments = found[1], found[2]
    if asked in {"must_convert", "took"} or (asked == "makes" and arguments in plain):
        return _TRUE
    return found[0]


def _plan(group: Group, direction: Direction) -> str:
    up = direction == "up"
    columns = group.converted
    dependents = group.dependents
    kept = [
        qualified(table.relation)
        for table in group.tables
        if not up and (table.strategy_back or table.strategy) is not Strategy.REWRITE
    ]
    lists: tuple[Iterator[str], ...] = (
        (qualified(RelationName(schema=c.schema, name=c.relation)) for c in columns),
        (c.column for c in columns),
        (c.type_before if up else c.type_after for c in columns),
        (d.kind.value for d in dependents),
        (d.relation for d in dependents),
        (d.name or "" for d in dependents),
        (" ".join(d.before if up else d.after) for d in dependents),
        iter(kept),
    )
    given = ",\n".join(wire.array(tuple(one)) for one in lists)
    return f"SELECT tzmigrate.quick_plan({given})"
