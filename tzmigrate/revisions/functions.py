"""Put functions into a revision that write or read the columns it converts."""

from collections.abc import Collection, Mapping
from hashlib import md5
from typing import Any

import psycopg

from tzmigrate.inventory.routines.model import RoutineReading
from tzmigrate.planning.model import DependentKind, PlannedDependent, Way
from tzmigrate.planning.remaking import Blocked
from tzmigrate.planning.routines import (
    Rewriting,
    RoutineContext,
    rewrite_routine_source,
    routine_statements,
)
from tzmigrate.planning.rules import Names


def plan_routines(
    connection: psycopg.Connection[Any],
    reading: RoutineReading,
    *,
    before: Mapping[Names, str],
    after: Mapping[Names, str],
) -> tuple[PlannedDependent, ...]:
    """Return the functions that a revision replaces, where that is certain.

    A function in which a person must look at a place is left to him as a whole.

    Args:
        connection: to the shadow, whose functions are still as they are.
        reading: all functions that mention columns of naive time.
        before: columns that convert before this revision, with their zones.
        after: these, and the columns of this revision.
    """
    planned = []
    for routine in reading.routines:
        context = RoutineContext(routine=routine, around=reading.around)
        old, new = _rewritten(context, before), _rewritten(context, after)
        if old == new:
            continue
        row = connection.execute(
            "SELECT pg_get_functiondef(to_regprocedure(%s))", (routine.signature,)
        ).fetchone()
        if row is None or row[0] is None:
            continue
        up, down = routine_statements(row[0], new)
        planned.append(
            PlannedDependent(
                kind=DependentKind.FUNCTION,
                relation=routine.signature,
                way=Way.ALTER,
                before=(_digest(down),),
                after=(_digest(up),),
                make=(up.rstrip(" ;\n"),),
                remake=(down.rstrip(" ;\n"),),
            )
        )
    return tuple(planned)


def not_kept(
    reading: RoutineReading, columns: Collection[Names], after: Mapping[Names, str]
) -> tuple[Blocked, ...]:
    """Return what hands rows to functions that would have to be rewritten, and are not.

    Whether columns of several zones meet in a function is known only now.

    Args:
        reading: all functions that mention columns of naive time.
        columns: those that the revision converts.
        after: all that have converted then, with their zones.
    """
    routines = {r.oid: r for r in reading.routines}
    found = []
    for reliance in reading.reliances:
        if reliance.column not in columns:
            continue
        routine = routines[reliance.routine]
        done = _tried(RoutineContext(routine=routine, around=reading.around), after)
        if done.refused:
            place = done.refused[0]
            found.append(
                Blocked(
                    label=reliance.object,
                    code="TZ145",
                    reason=f"it hands whole rows to function {routine.signature}, which"
                    f" is not rewritten: line {place.line}, {place.excerpt}",
                    columns=(reliance.column,),
                )
            )
    return tuple(found)


def _tried(context: RoutineContext, converted: Mapping[Names, str]) -> Rewriting:
    routine = context.routine
    return rewrite_routine_source(routine.source, routine.language, converted, context)


def _rewritten(context: RoutineContext, converted: Mapping[Names, str]) -> str:
    done = _tried(context, converted)
    if done.text is None or done.refused:
        return context.routine.source
    return done.text


def _digest(definition: str) -> str:
    # pg_get_functiondef ends with a line feed
    text = definition.rstrip(" ;\n") + "\n"
    return md5(text.encode(), usedforsecurity=False).hexdigest()
