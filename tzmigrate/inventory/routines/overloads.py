"""A second function for callers that hold a timestamptz."""

from tzmigrate.inventory.routines.model import Routine, Time
from tzmigrate.inventory.routines.types import time_of
from tzmigrate.postgres.quoting import qualified, quote_identifier, quote_literal


def overload(routine: Routine, zone: str) -> str | None:
    """Return a function with timestamptz arguments that calls the old one.

    Args:
        routine: the function that takes naive time.
        zone: the zone of the naive time that it takes.

    Returns:
        ``None`` for a procedure, a variadic function or one with OUT parameters. Its
        text is one statement: after it a constant without a type goes to the new
        function, as timestamptz is the preferred type of its category.
    """
    if any(a.mode in "obv" for a in routine.arguments):
        return None
    if routine.result in ("trigger", "void", "record"):
        return None
    arguments, handed = [], []
    for position, argument in enumerate(routine.inputs, start=1):
        name = quote_identifier(argument.name) if argument.name else ""
        value = name or f"${position}"
        if time_of(argument.type) is Time.NAIVE:
            arguments.append(f"{name} timestamptz".strip())
            handed.append(f"{value} AT TIME ZONE {quote_literal(zone)}")
        else:
            arguments.append(f"{name} {argument.type}".strip())
            handed.append(value)
    columns = ", ".join(f"{quote_identifier(a.name)} {a.type}" for a in routine.outputs)
    result = f"TABLE ({columns})" if columns else routine.result
    many = "SETOF " if routine.returns_set and not columns else ""
    select = "SELECT * FROM" if routine.returns_set else "SELECT"
    called = qualified(routine.schema, routine.name)
    return (
        f"CREATE FUNCTION {called}({', '.join(arguments)}) RETURNS {many}{result}"
        f" LANGUAGE sql AS $$ {select} {called}({', '.join(handed)}) $$"
    )
