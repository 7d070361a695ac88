"""What runs on the shadow where several groups are tried as one.

Everything is made and unmade as the revisions do it. What they look at one by one is
asked once for all the groups (support/trial.sql).
"""

import json
import re
from collections.abc import Collection, Iterator, Sequence

from tzmigrate.planning.ddl import qualified, sql_zone
from tzmigrate.planning.model import Group, RelationName, Strategy
from tzmigrate.revisions import wire
from tzmigrate.revisions.render import Direction, named

_CALL = re.compile(r"SELECT tzmigrate[.](\w+)\(")
_GUARD = re.compile(r"DO [$]tz[$] BEGIN\nIF tzmigrate[.](\w+)\((.*)\) THEN\n")
_TRUE = "DO $tz$ BEGIN\nIF true THEN\n"
# one statement of SQL alone; what PL/pgSQL has around it begins otherwise
_ALWAYS = re.compile(
    rf"(?s)\A{re.escape(_TRUE)}((?:ALTER|CREATE|DROP) .*);\nEND IF;\nEND [$]tz[$]\Z"
)


_LOOKED_AT_ONCE = frozenset(("plan_column", "plan_dependent", "choose_sample"))


def opening(
    statements: Sequence[str], group: Group, direction: Direction, *, again: bool
) -> Iterator[str]:
    """Yield what runs in place of a revision's statements until all is taken.

    Args:
        statements: those of ``render.group_statements``.
        group: all the groups as one.
        direction: which way they go.
        again: this is not their first run.
    """
    yield "SELECT tzmigrate.quick_guard()"
    for text in statements:
        match _called(text):
            case "begin_step":
                yield text
                yield from _plan(group, direction, again=again)
            case "take_step":
                yield f"SELECT tzmigrate.quick_{'take' if again else 'look'}()"
                return
            case called if called not in _LOOKED_AT_ONCE:
                yield text


def following(
    statements: Sequence[str],
    group: Group,
    bare: Collection[tuple[str, str, str | None]],
) -> Iterator[str]:
    """Yield what runs after it.

    Args:
        statements: those of ``render.group_statements``.
        group: all the groups as one.
        bare: dependents that have nothing to be given back, as trial.sql knows them.
    """
    plain = {
        named(d) for d in group.dependents if (d.kind.value, d.relation, d.name) in bare
    }
    taken = [_called(text) for text in statements].index("take_step")
    for text in statements[taken + 1 :]:
        match _called(text):
            case None:
                guarded = _GUARD.sub(lambda found: _guard(found, plain), text, count=1)
                yield _ALWAYS.sub(r"\1", guarded)
            case "prove_step":
                yield "SELECT tzmigrate.quick_prove()"
            case "give_back" if text.partition("(")[2][:-1] in plain:
                pass
            case _:
                yield text


def _called(text: str) -> str | None:
    call = _CALL.match(text)
    return call and call[1]


def _guard(found: re.Match[str], plain: Collection[str]) -> str:
    asked, arguments = found[1], found[2]
    if asked in {"must_convert", "took"} or (asked == "makes" and arguments in plain):
        return _TRUE
    return found[0]


def _plan(group: Group, direction: Direction, *, again: bool) -> Iterator[str]:
    up = direction == "up"
    columns = [
        {
            "relation": qualified(RelationName(schema=c.schema, name=c.relation)),
            "column_name": c.column,
            "type_before": c.type_before if up else c.type_after,
            "type_after": c.type_after if up else c.type_before,
            "zone": sql_zone(c.zone or "UTC"),
            "default_before": c.default_before,
        }
        for c in group.converted
    ]
    dependents = [
        {
            "kind": d.kind.value,
            "relation": d.relation,
            "name": d.name,
            "way": d.way.value,
            "before": d.before if up else d.after,
            "after": d.after if up else d.before,
            "zoned": d.zoned,
        }
        for d in group.dependents
    ]
    # the second way up does what the first one did
    kept = [
        qualified(table.relation)
        for table in group.tables
        if not (up and again)
        and (table.strategy if up else table.strategy_back or table.strategy)
        is not Strategy.REWRITE
    ]
    given = ", ".join(
        [wire.literal(json.dumps(d, ensure_ascii=False)) for d in (columns, dependents)]
    )
    yield f"SELECT tzmigrate.quick_plan({given}, {wire.array(tuple(kept))})"
    if not again:
        yield f"SELECT tzmigrate.quick_declare({given})"
